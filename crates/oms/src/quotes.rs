//! Open quotes, and what became of those that ended last.

use pinrail_types::{Amount, ClientId, InstrumentId, OutId, Px, Qty, Reason, SessionId, Side, Text};

use crate::index::Index;
use crate::timers::Timers;

/// A firm quote and what was reserved for it.
#[derive(Clone, Copy, Debug)]
pub struct OpenQuote {
    /// Our id of it.
    pub quote_id: OutId,
    /// The client's id of the request.
    pub quote_req_id: Text<24>,
    /// For whom.
    pub client: ClientId,
    /// In what.
    pub instrument: InstrumentId,
    /// What we pay, or [`Px::NONE`].
    pub bid_px: Px,
    /// What we ask, or [`Px::NONE`].
    pub offer_px: Px,
    /// How much, on either side.
    pub qty: Qty,
    /// Good strictly before this core time.
    pub valid_until: u64,
    /// Credit that it holds until it ends, in the quote asset's smallest unit.
    pub credit: Amount,
    /// Session that asked.
    pub session: SessionId,
}

impl OpenQuote {
    /// Our price for a client that does `side`; [`Px::NONE`] where that side was not quoted.
    #[inline]
    pub const fn px(&self, side: Side) -> Px {
        match side {
            Side::Buy => self.offer_px,
            Side::Sell => self.bid_px,
        }
    }
}

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(u32);

/// What the table knows of a quote id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// Open, and where it stands.
    Yes(Slot),
    /// Ended, and why: [`Reason::QuoteFilled`], [`Reason::QuoteExpired`] and so on. [`Reason::UnknownQuote`] if the
    /// table does not know the id or no longer does.
    No(Reason),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    quote: OpenQuote,
    /// [`Reason::None`] while open.
    ended: Reason,
    /// Next in the queue of free slots.
    next_free: u32,
}

const NO_SLOT: u32 = u32::MAX;

/// All open quotes, by id, by the client's request id, and by the end of their validity.
///
/// A slot is used again only after every other free one, oldest first: so the table still knows why a quote ended
/// for as many quotes as it has free slots.
#[derive(Clone, Debug)]
pub struct QuoteTable {
    entries: Vec<Entry>,
    by_id: Index,
    by_request: Index,
    timers: Timers,
    free_first: u32,
    free_last: u32,
    open: usize,
}

const EMPTY: OpenQuote = OpenQuote {
    quote_id: OutId::NONE,
    quote_req_id: Text::EMPTY,
    client: ClientId(0),
    instrument: InstrumentId(0),
    bid_px: Px::NONE,
    offer_px: Px::NONE,
    qty: Qty::ZERO,
    valid_until: 0,
    credit: Amount::ZERO,
    session: SessionId(0),
};

/// A key of a client's request id: two different requests may share it, which the caller resolves by comparing.
#[inline]
fn request_key(client: ClientId, quote_req_id: &Text<24>) -> u64 {
    let words: [u64; 3] = bytemuck::cast(*quote_req_id);
    let mut key = u64::from(client.0).wrapping_add(0x2545_f491_4f6c_dd1d);
    for word in words {
        key = (key ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        key ^= key >> 29;
    }
    key | 1
}

impl QuoteTable {
    /// Room for `capacity` quotes.
    ///
    /// # Panics
    /// If `capacity` is zero or above 2^24.
    pub fn new(capacity: usize) -> QuoteTable {
        assert!(capacity > 0 && capacity <= 1 << 24, "1 to 2^24 open quotes");
        let entries = (1..=capacity as u32)
            .map(|next| Entry {
                quote: EMPTY,
                ended: Reason::UnknownQuote,
                next_free: if next as usize == capacity { NO_SLOT } else { next },
            })
            .collect();
        QuoteTable {
            entries,
            by_id: Index::new(capacity),
            by_request: Index::new(capacity),
            timers: Timers::new(capacity),
            free_first: 0,
            free_last: capacity as u32 - 1,
            open: 0,
        }
    }

    /// How many quotes are open.
    pub fn len(&self) -> usize {
        self.open
    }

    /// Whether no quote is open.
    pub fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Whether no further quote can be opened.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.free_first == NO_SLOT
    }

    /// Whether the client has an open quote for this request id, or one whose key cannot be told from it.
    ///
    /// Request ids are found by a 64-bit key: with a full table of 2^24 the chance that a new id is wrongly taken
    /// for a repeated one is below 1e-12, and it costs a refusal.
    #[inline]
    pub fn has_request(&self, client: ClientId, quote_req_id: &Text<24>) -> bool {
        self.by_request.get(request_key(client, quote_req_id)).is_some()
    }

    /// Opens a quote.
    ///
    /// # Panics
    /// If the table is full, or the id or request is open already: the caller checks first.
    #[inline]
    pub fn open(&mut self, quote: &OpenQuote) -> Slot {
        let slot = self.free_first;
        assert!(slot != NO_SLOT, "quote table is full");
        let entry = &mut self.entries[slot as usize];
        self.free_first = entry.next_free;
        if self.free_first == NO_SLOT {
            self.free_last = NO_SLOT;
        }
        if !entry.quote.quote_id.is_none() {
            self.by_id.remove(entry.quote.quote_id.seq);
        }
        *entry = Entry {
            quote: *quote,
            ended: Reason::None,
            next_free: NO_SLOT,
        };
        self.by_id.insert(quote.quote_id.seq, slot);
        self.by_request
            .insert(request_key(quote.client, &quote.quote_req_id), slot);
        self.timers.set(slot, quote.valid_until, quote.quote_id.seq);
        self.open += 1;
        Slot(slot)
    }

    /// Reads what opening a quote and ending the next one will touch, so that it is in the cache. Changes nothing.
    #[inline]
    pub fn warm(&self) {
        let next = self.entries.get(self.free_first as usize);
        let ending = self.timers.due(u64::MAX).map(|slot| &self.entries[slot as usize]);
        for entry in [next, ending].into_iter().flatten() {
            let quote = core::hint::black_box(entry).quote;
            core::hint::black_box(self.by_id.get(quote.quote_id.seq));
            core::hint::black_box(
                self.by_request
                    .get(request_key(quote.client, &quote.quote_req_id)),
            );
            core::hint::black_box(quote);
        }
    }

    /// What is known of a quote id.
    #[inline]
    pub fn find(&self, quote_id: OutId) -> Open {
        let Some(slot) = self.by_id.get(quote_id.seq) else {
            return Open::No(Reason::UnknownQuote);
        };
        let entry = &self.entries[slot as usize];
        if entry.quote.quote_id != quote_id {
            return Open::No(Reason::UnknownQuote);
        }
        match entry.ended {
            Reason::None => Open::Yes(Slot(slot)),
            reason => Open::No(reason),
        }
    }

    /// The quote in a slot.
    #[inline]
    pub fn get(&self, slot: Slot) -> &OpenQuote {
        &self.entries[slot.0 as usize].quote
    }

    /// Ends an open quote for a reason, and gives it back so that what it reserved is released.
    ///
    /// # Panics
    /// If the quote has ended already: a reservation is released exactly once.
    #[inline]
    pub fn end(&mut self, slot: Slot, reason: Reason) -> OpenQuote {
        assert!(reason != Reason::None, "an end has a reason");
        let entry = &mut self.entries[slot.0 as usize];
        assert!(entry.ended == Reason::None, "quote ended twice");
        entry.ended = reason;
        let quote = entry.quote;
        self.by_request
            .remove(request_key(quote.client, &quote.quote_req_id));
        self.timers.clear(slot.0);
        match self.free_last {
            NO_SLOT => self.free_first = slot.0,
            last => self.entries[last as usize].next_free = slot.0,
        }
        self.free_last = slot.0;
        self.open -= 1;
        quote
    }

    /// When the first open quote stops being good; `u64::MAX` if none is open.
    #[inline]
    pub fn next_expiry(&self) -> u64 {
        self.timers.next()
    }

    /// The open quote whose validity ended first, if that is at or before `now`.
    #[inline]
    pub fn due(&self, now: u64) -> Option<Slot> {
        self.timers.due(now).map(Slot)
    }

    /// Looks at up to `most` places from the `from`th on and gives back the open quotes there with the place to go on
    /// from, `None` behind the last.
    pub fn scan(&self, from: u32, most: u32) -> (impl Iterator<Item = Slot> + use<'_>, Option<u32>) {
        let capacity = self.entries.len() as u32;
        let end = from.saturating_add(most).min(capacity);
        let open = (from.min(end)..end).filter(|slot| self.entries[*slot as usize].ended == Reason::None);
        (open.map(Slot), (end < capacity).then_some(end))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn quote(seq: u64, valid_until: u64) -> OpenQuote {
        OpenQuote {
            quote_id: OutId {
                seq,
                epoch: 1,
                sub: 0,
            },
            quote_req_id: Text::new(&format!("R{seq}")).unwrap(),
            client: ClientId(3),
            valid_until,
            ..EMPTY
        }
    }

    #[test]
    fn an_ended_quote_is_remembered_until_its_slot_is_needed() {
        let mut table = QuoteTable::new(2);
        let first = table.open(&quote(1, 10));
        table.end(first, Reason::QuoteFilled);
        assert_eq!(table.find(quote(1, 0).quote_id), Open::No(Reason::QuoteFilled));
        table.open(&quote(2, 10));
        assert_eq!(table.find(quote(1, 0).quote_id), Open::No(Reason::QuoteFilled));
        table.open(&quote(3, 10));
        assert_eq!(table.find(quote(1, 0).quote_id), Open::No(Reason::UnknownQuote));
        assert!(table.is_full());
    }

    #[test]
    fn another_epochs_id_is_unknown() {
        let mut table = QuoteTable::new(2);
        table.open(&quote(1, 10));
        assert_eq!(
            table.find(OutId {
                seq: 1,
                epoch: 2,
                sub: 0
            }),
            Open::No(Reason::UnknownQuote)
        );
    }

    #[test]
    #[should_panic(expected = "ended twice")]
    fn a_quote_ends_once() {
        let mut table = QuoteTable::new(2);
        let slot = table.open(&quote(1, 10));
        table.end(slot, Reason::QuoteFilled);
        table.end(slot, Reason::QuoteExpired);
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(ops in prop::collection::vec((0_u8..3, 0_u64..30, 0_u64..100), 0..300)) {
            let mut table = QuoteTable::new(8);
            let mut model: BTreeMap<u64, u64> = BTreeMap::new();
            for (n, (op, pick, ts)) in ops.into_iter().enumerate() {
                let seq = n as u64 + 1;
                match op {
                    0 if !table.is_full() => {
                        table.open(&quote(seq, ts));
                        model.insert(seq, ts);
                    }
                    1 if !model.is_empty() => {
                        let seq = *model.keys().nth(pick as usize % model.len()).unwrap();
                        let Open::Yes(slot) = table.find(quote(seq, 0).quote_id) else { panic!("{seq} is open") };
                        prop_assert_eq!(table.end(slot, Reason::QuoteFilled).quote_id.seq, seq);
                        model.remove(&seq);
                    }
                    2 => {
                        let due = model.iter().map(|(seq, ts)| (*ts, *seq)).min().filter(|d| d.0 <= ts);
                        prop_assert_eq!(table.due(ts).map(|slot| table.get(slot).quote_id.seq), due.map(|d| d.1));
                        if let Some(slot) = table.due(ts) {
                            let ended = table.end(slot, Reason::QuoteExpired);
                            model.remove(&ended.quote_id.seq);
                        }
                    }
                    _ => {}
                }
                prop_assert_eq!(table.len(), model.len());
                prop_assert_eq!(table.is_full(), model.len() == 8);
                let (slots, rest) = table.scan(0, 5);
                let mut scanned: Vec<u64> = slots.map(|slot| table.get(slot).quote_id.seq).collect();
                let (slots, end) = table.scan(rest.unwrap(), 5);
                scanned.extend(slots.map(|slot| table.get(slot).quote_id.seq));
                scanned.sort_unstable();
                prop_assert_eq!((scanned, end), (model.keys().copied().collect(), None));
                for seq in 1..=seq {
                    let open = matches!(table.find(quote(seq, 0).quote_id), Open::Yes(_));
                    prop_assert_eq!(open, model.contains_key(&seq));
                    let id = quote(seq, 0).quote_req_id;
                    prop_assert_eq!(table.has_request(ClientId(3), &id), model.contains_key(&seq));
                }
            }
        }
    }
}
