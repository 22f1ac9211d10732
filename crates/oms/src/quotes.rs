//! Open quotes, and what became of those that ended last.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Amount, ClientId, InstrumentId, OutId, Px, Qty, Reason, SessionId, Side, Text};

use crate::life::{QuoteEvent, QuoteState, RfqEvent, RfqState, Said};
use crate::slots::Slots;
use crate::timers::Timers;

/// A quote and what was reserved for it.
#[derive(Clone, Copy, Debug)]
pub struct OpenQuote {
    /// Our id of it.
    pub quote_id: OutId,
    /// The client's id of the request.
    pub quote_req_id: Text<24>,
    /// For whom.
    pub client: ClientId,
    /// In what; [`PACKAGE`](pinrail_types::record::PACKAGE) for one that [`Packages`](crate::Packages) has the rest of, which has
    /// no price here, holds no credit here, and whose quantities are units.
    pub instrument: InstrumentId,
    /// What we pay, or [`Px::NONE`].
    pub bid_px: Px,
    /// What we ask, or [`Px::NONE`].
    pub offer_px: Px,
    /// How much, on either side.
    pub qty: Qty,
    /// The least that an accept may be for.
    pub min_qty: Qty,
    /// Good strictly before this core time.
    pub valid_until: u64,
    /// Credit that it holds until it ends, in the quote asset's smallest unit.
    pub credit: Amount,
    /// Session that asked.
    pub session: SessionId,
    /// Nothing is reserved for it, and nobody can take it.
    pub is_indicative: bool,
    /// A dealer made it.
    pub by_dealer: bool,
    /// How long it was to be good for when it was made, in microseconds; at most 2^32 - 1.
    pub life_us: u32,
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
pub struct Slot(pub(crate) u32);

/// What the table knows of a quote id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// Open, and where it stands.
    Yes(Slot),
    /// Ended, and why: [`Reason::QuoteFilled`], [`Reason::QuoteExpired`] and so on. [`Reason::UnknownQuote`] if the
    /// table does not know the id or no longer does.
    No(Reason),
}

/// Where a request is that was quoted, by the pricer or by a dealer.
const QUOTED: RfqState = RfqState::Pricing.after(RfqEvent::Quote);
const _: () = assert!(matches!(RfqState::Manual.after(RfqEvent::Quote), QUOTED));

/// By what a request is looked for.
#[derive(Clone, Copy, Debug)]
pub struct RequestHash(u32);

impl RequestHash {
    /// That of a client's id of a request.
    #[inline]
    pub fn of(client: ClientId, quote_req_id: &Text<24>) -> RequestHash {
        RequestHash(request_hash(client, quote_req_id))
    }
}

/// Two lines of the cache.
#[repr(align(64))]
#[derive(Clone, Copy, Debug)]
struct Entry {
    quote: OpenQuote,
    /// [`Reason::None`] while open.
    ended: Reason,
    state: QuoteState,
    /// Where the request is that it answers.
    rfq: RfqState,
    /// It is found by its request.
    is_indexed: bool,
    /// Of its request.
    hash: u32,
    /// Next in the queue of free slots.
    next_free: u32,
}

const _: () = assert!(size_of::<Entry>() == 128);

const NO_SLOT: u32 = u32::MAX;

/// All open quotes, by id, by the client's request id, and by the end of their validity.
///
/// The id of a quote says in which slot it stands, see [`QuoteTable::next_id`], and is then compared as a whole. A slot is used again
/// only after every other free one, oldest first: so the table still knows a quote, its request's id and why it ended, for as
/// many quotes as it has free slots.
#[derive(Clone, Debug)]
pub struct QuoteTable {
    entries: Vec<Entry>,
    by_request: Slots,
    timers: Timers,
    free_first: u32,
    free_last: u32,
    open: usize,
    /// Of each client; follows from the slots.
    open_of: Vec<u32>,
}

const EMPTY: OpenQuote = OpenQuote {
    quote_id: OutId::NONE,
    quote_req_id: Text::EMPTY,
    client: ClientId(0),
    instrument: InstrumentId(0),
    bid_px: Px::NONE,
    offer_px: Px::NONE,
    qty: Qty::ZERO,
    min_qty: Qty::ZERO,
    valid_until: 0,
    credit: Amount::ZERO,
    session: SessionId(0),
    is_indicative: false,
    by_dealer: false,
    life_us: 0,
};

#[inline]
pub(crate) fn request_hash(client: ClientId, quote_req_id: &Text<24>) -> u32 {
    let words: [u64; 3] = bytemuck::cast(*quote_req_id);
    let mut key = u64::from(client.0).wrapping_add(0x2545_f491_4f6c_dd1d);
    for word in words {
        key = (key ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        key ^= key >> 29;
    }
    // The upper half of one more product, so that every byte reaches the bits that choose a place.
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

impl QuoteTable {
    /// Room for `capacity` quotes of clients below `clients`.
    ///
    /// # Panics
    /// If `capacity` is zero or above 2^24.
    pub fn new(capacity: usize, clients: usize) -> QuoteTable {
        assert!(capacity > 0 && capacity <= 1 << 24, "1 to 2^24 open quotes");
        let entries = (1..=capacity as u32)
            .map(|next| Entry {
                quote: EMPTY,
                ended: Reason::UnknownQuote,
                state: QuoteState::Cancelled,
                rfq: RfqState::Cancelled,
                is_indexed: false,
                hash: 0,
                next_free: if next as usize == capacity { NO_SLOT } else { next },
            })
            .collect();
        QuoteTable {
            entries,
            by_request: Slots::new(capacity),
            timers: Timers::new(capacity),
            free_first: 0,
            free_last: capacity as u32 - 1,
            open: 0,
            open_of: vec![0; clients],
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

    /// How many quotes a client has open.
    pub fn count_of(&self, client: ClientId) -> u32 {
        self.open_of.get(client.index()).copied().unwrap_or(0)
    }

    /// Whether no further quote can be opened.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.free_first == NO_SLOT
    }

    /// Whether the client has a quote for this request id, open or remembered; `hash` is the request's.
    #[inline]
    pub fn has_request(&self, hash: RequestHash, client: ClientId, quote_req_id: &Text<24>) -> bool {
        self.find_request(hash, client, quote_req_id, |_| true).is_some()
    }

    /// The quote for a request that its client can still take.
    pub fn active_of(&self, client: ClientId, quote_req_id: &Text<24>) -> Option<Slot> {
        let hash = RequestHash::of(client, quote_req_id);
        self.find_request(hash, client, quote_req_id, |entry| {
            entry.state == QuoteState::Active
        })
        .map(Slot)
    }

    /// The quotes for a request that ended are no longer found by it, so that a stream may be quoted again under the same id.
    pub fn forget_request(&mut self, client: ClientId, quote_req_id: &Text<24>) {
        let hash = RequestHash::of(client, quote_req_id);
        let is_ended = |entry: &Entry| !entry.state.is_open();
        // There may be two: one that was held while the next was quoted. Which of them is found first, nothing may depend on.
        while let Some(slot) = self.find_request(hash, client, quote_req_id, is_ended) {
            let entry = &mut self.entries[slot as usize];
            entry.is_indexed = false;
            self.by_request.remove(entry.hash, slot);
        }
    }

    #[inline]
    fn find_request(
        &self,
        hash: RequestHash,
        client: ClientId,
        quote_req_id: &Text<24>,
        is_meant: impl Fn(&Entry) -> bool,
    ) -> Option<u32> {
        self.by_request.find(hash.0, |slot| {
            let entry = &self.entries[slot as usize];
            let quote = &entry.quote;
            quote.client == client && quote.quote_req_id == *quote_req_id && is_meant(entry)
        })
    }

    /// The id under which the next quote is to be opened: `id`, with the slot in which it will stand as its hint.
    ///
    /// # Panics
    /// If the table is full.
    #[inline]
    pub fn next_id(&self, id: OutId) -> OutId {
        assert!(!self.is_full(), "quote table is full");
        id.with_hint(self.free_first)
    }

    /// Opens a quote whose id is from [`QuoteTable::next_id`] and whose request, which has this hash, is not open.
    ///
    /// # Panics
    /// If the table is full, the id is for another slot than the next one, or the client is beyond the bound.
    #[inline]
    pub fn open(&mut self, quote: &OpenQuote, hash: RequestHash) -> Slot {
        let slot = self.free_first;
        assert!(slot != NO_SLOT, "quote table is full");
        assert!(quote.quote_id.hint() == slot, "an id for another slot");
        let entry = &mut self.entries[slot as usize];
        self.free_first = entry.next_free;
        if self.free_first == NO_SLOT {
            self.free_last = NO_SLOT;
        }
        if entry.is_indexed {
            self.by_request.remove(entry.hash, slot);
        }
        let hash = hash.0;
        *entry = Entry {
            quote: *quote,
            ended: Reason::None,
            state: QuoteState::Active,
            rfq: QUOTED,
            is_indexed: true,
            hash,
            next_free: NO_SLOT,
        };
        self.by_request.insert(hash, slot);
        self.timers.set(slot, quote.valid_until, quote.quote_id.seq);
        self.open += 1;
        self.open_of[quote.client.index()] += 1;
        Slot(slot)
    }

    /// Reads what opening a quote and ending the next one will touch, so that it is in the cache, and a part of what
    /// finding a request may touch, another one each `turn`. Changes nothing.
    #[inline]
    pub fn warm(&self, turn: usize) {
        let next = self.entries.get(self.free_first as usize);
        let ending = self.timers.due(u64::MAX).map(|slot| &self.entries[slot as usize]);
        for entry in [next, ending].into_iter().flatten() {
            core::hint::black_box(*entry);
        }
        self.timers.warm(self.free_first);
        self.by_request.warm(turn);
    }

    /// What a client may know of a quote id: another client's is unknown to it, also when it has ended.
    #[inline]
    pub fn find_of(&self, client: ClientId, quote_id: OutId) -> Open {
        match self.entries.get(quote_id.hint() as usize) {
            Some(entry) if entry.quote.client == client => self.find(quote_id),
            _ => Open::No(Reason::UnknownQuote),
        }
    }

    /// What is known of a quote id.
    #[inline]
    pub fn find(&self, quote_id: OutId) -> Open {
        let slot = quote_id.hint();
        let held = self.entries.get(slot as usize);
        let Some(entry) = held.filter(|entry| entry.quote.quote_id == quote_id && !quote_id.is_none()) else {
            return Open::No(Reason::UnknownQuote);
        };
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

    /// Where a quote is, and the request that it answers; `None` if the table does not know the id or no longer does.
    pub fn life(&self, quote_id: OutId) -> Option<(RfqState, QuoteState)> {
        let entry = self.entries.get(quote_id.hint() as usize)?;
        (entry.quote.quote_id == quote_id && !quote_id.is_none()).then_some((entry.rfq, entry.state))
    }

    /// Where the quote in a slot is.
    #[inline]
    pub fn state(&self, slot: Slot) -> QuoteState {
        self.entries[slot.0 as usize].state
    }

    /// Takes a step that leaves the quote open: it is taken by its client. It does not expire any more. Gives back what is to be told.
    ///
    /// # Panics
    /// If there is no such step, or it ends the quote.
    #[inline]
    pub fn take(&mut self, slot: Slot, event: QuoteEvent) -> Said {
        let entry = &mut self.entries[slot.0 as usize];
        let said = entry.pass(event, Reason::None);
        assert!(
            entry.state.is_open(),
            "a quote that ends gives back what it holds"
        );
        self.timers.clear(slot.0);
        said
    }

    /// How many quotes a last look holds.
    pub fn held(&self) -> usize {
        let held = |entry: &&Entry| entry.state == QuoteState::Held;
        self.entries.iter().filter(held).count()
    }

    /// Ends an open quote for a reason, and gives it back so that what it reserved is released, with what is to be told.
    ///
    /// # Panics
    /// If no such step leads from where it is, as when it has ended already: a reservation is released exactly once.
    #[inline]
    pub fn end(&mut self, slot: Slot, event: QuoteEvent, reason: Reason) -> (OpenQuote, Said) {
        let entry = &mut self.entries[slot.0 as usize];
        let said = entry.pass(event, reason);
        assert!(!entry.state.is_open(), "a quote ends by a step to its end");
        entry.ended = reason;
        let quote = entry.quote;
        self.timers.clear(slot.0);
        match self.free_last {
            NO_SLOT => self.free_first = slot.0,
            last => self.entries[last as usize].next_free = slot.0,
        }
        self.free_last = slot.0;
        self.open -= 1;
        self.open_of[quote.client.index()] -= 1;
        (quote, said)
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

    /// Goes through the state: what the slots hold, and the order in which free ones will be used. What is found by hash
    /// or deadline follows from it.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other bounds.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let capacity = self.entries.len();
        visitor.exactly(capacity, "the bound on open quotes")?;
        visitor.u32(&mut self.free_first)?;
        visitor.u32(&mut self.free_last)?;
        for entry in &mut self.entries {
            entry.visit(visitor)?;
        }
        if visitor.is_loading() {
            let free = self.entries.iter().map(|entry| entry.next_free);
            let mut slots = free.chain([self.free_first, self.free_last]);
            if let Some(slot) = slots.find(|slot| *slot != NO_SLOT && *slot as usize >= capacity) {
                return Err(visitor.bad(slot.into(), "a slot of the table"));
            }
            let clients = self.entries.iter().map(|entry| entry.quote.client);
            if let Some(client) = { clients }.find(|client| client.index() >= self.open_of.len()) {
                return Err(visitor.bad(client.0.into(), "a client within the bounds"));
            }
            self.index();
        }
        Ok(())
    }

    /// Builds anew what follows from the slots.
    fn index(&mut self) {
        let capacity = self.entries.len();
        self.by_request = Slots::new(capacity);
        self.timers = Timers::new(capacity);
        self.open = 0;
        self.open_of.fill(0);
        for (slot, entry) in (0..).zip(&mut self.entries) {
            let quote = &entry.quote;
            if entry.is_indexed {
                entry.hash = request_hash(quote.client, &quote.quote_req_id);
                self.by_request.insert(entry.hash, slot);
            }
            if entry.ended == Reason::None {
                if entry.state == QuoteState::Active {
                    self.timers.set(slot, quote.valid_until, quote.quote_id.seq);
                }
                self.open += 1;
                self.open_of[quote.client.index()] += 1;
            }
        }
    }
}

impl Entry {
    /// Takes a step, and the one that it is to the request; gives back what is to be told.
    #[inline]
    fn pass(&mut self, event: QuoteEvent, reason: Reason) -> Said {
        let step = self.state.step(event).expect("no such step from this state");
        assert!(
            step.why.allows(reason),
            "a step has the reason that its table says"
        );
        // Of a quote that was held before, the request was accepted then.
        if self.state == QuoteState::Active
            && let Some(event) = event.of_request()
        {
            self.rfq = self.rfq.after(event);
        }
        self.state = step.to;
        step.said
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.u32(&mut self.next_free)?;
        let mut was_used = !self.quote.quote_id.is_none();
        visitor.flag(&mut was_used)?;
        if !was_used {
            return Ok(());
        }
        let quote = &mut self.quote;
        visitor.plain(&mut quote.quote_id)?;
        visitor.plain(&mut quote.quote_req_id)?;
        visitor.u32(&mut quote.client.0)?;
        visitor.u32(&mut quote.instrument.0)?;
        visitor.plain(&mut quote.bid_px)?;
        visitor.plain(&mut quote.offer_px)?;
        visitor.plain(&mut quote.qty)?;
        visitor.plain(&mut quote.min_qty)?;
        visitor.flag(&mut quote.is_indicative)?;
        visitor.flag(&mut quote.by_dealer)?;
        visitor.u32(&mut quote.life_us)?;
        visitor.word(&mut quote.valid_until)?;
        visitor.plain(&mut quote.credit)?;
        visitor.u16(&mut quote.session.0)?;
        visitor.reason(&mut self.ended)?;
        visitor.named(
            &mut self.state,
            |state| state as u64,
            QuoteState::from_code,
            "a state of a quote",
        )?;
        visitor.named(
            &mut self.rfq,
            |state| state as u64,
            RfqState::from_code,
            "a state of a request",
        )?;
        visitor.flag(&mut self.is_indexed)?;
        if self.state.is_open() != (self.ended == Reason::None) || self.state == QuoteState::PendingFill {
            return Err(visitor.bad(self.state as u64, "a state that fits its reason"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::life::{QUOTE_STEPS, Why};

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

    /// Opens a quote with the id that `seq` makes; gives its slot and the id.
    fn open(table: &mut QuoteTable, seq: u64, valid_until: u64) -> (Slot, OutId) {
        let mut quote = quote(seq, valid_until);
        quote.quote_id = table.next_id(quote.quote_id);
        (table.open(&quote, hash_of(&quote)), quote.quote_id)
    }

    fn hash_of(quote: &OpenQuote) -> RequestHash {
        RequestHash::of(quote.client, &quote.quote_req_id)
    }

    fn fill(table: &mut QuoteTable, slot: Slot) -> OpenQuote {
        table.take(slot, QuoteEvent::Take);
        table.end(slot, QuoteEvent::Fill, Reason::QuoteFilled).0
    }

    #[test]
    fn an_ended_quote_is_remembered_until_its_slot_is_needed() {
        let mut table = QuoteTable::new(2, 16);
        let (slot, first) = open(&mut table, 1, 10);
        fill(&mut table, slot);
        assert_eq!(table.find(first), Open::No(Reason::QuoteFilled));
        open(&mut table, 2, 10);
        assert_eq!(table.find(first), Open::No(Reason::QuoteFilled));
        open(&mut table, 3, 10);
        assert_eq!(table.find(first), Open::No(Reason::UnknownQuote));
        assert!(table.is_full());
    }

    /// Ids as clients make them: counters at any place, in digits or letters.
    #[test]
    fn request_ids_that_count_up_do_not_crowd() {
        let letters = |n: u32| (0..3).map(move |i| char::from(b'A' + (n / 26_u32.pow(i) % 26) as u8));
        let ids: [fn(u32) -> String; 5] = [
            |n| format!("R{n:08}"),
            |n| format!("DESK0007-20250101-{n:06}"),
            |n| format!("{n:06}-DESK0007-20250101"),
            |n| format!("DESK{n:06}20250101-00001"),
            |n| format!("{n}"),
        ];
        let worded = |n: u32| {
            "0123456789-0123456789"
                .chars()
                .chain(letters(n))
                .collect::<String>()
        };
        let made = |n: u32| ids.iter().map(move |id| id(n)).chain([worded(n)]);
        for kind in 0..=ids.len() {
            let mut homes = vec![0_u32; 8_192];
            for n in 0..4_096 {
                let id = Text::new(&made(n).nth(kind).unwrap()).unwrap();
                homes[request_hash(ClientId(3), &id) as usize % 8_192] += 1;
            }
            // Thrown at random, half as many as places, eight or nine would meet once in ten thousand tries.
            assert!(
                homes.iter().max() <= Some(&9),
                "kind {kind}: {:?}",
                homes.iter().max()
            );
        }
    }

    #[test]
    fn an_id_that_differs_anywhere_is_unknown() {
        let mut table = QuoteTable::new(2, 16);
        let (slot, id) = open(&mut table, 1, 10);
        assert_eq!(table.find(id), Open::Yes(slot));
        for other in [
            OutId { epoch: 2, ..id },
            OutId { seq: 2, ..id },
            OutId { sub: 1, ..id },
            id.with_hint(1),
            id.with_hint(2),
            id.with_hint(OutId::HINT_END - 1),
            OutId::NONE,
            OutId::NONE.with_hint(1),
        ] {
            assert_eq!(table.find(other), Open::No(Reason::UnknownQuote), "{other}");
        }
    }

    /// A table with a quote in this state, in slot 0.
    fn in_state(state: QuoteState) -> Option<QuoteTable> {
        let mut reached = vec![];
        let mut table = QuoteTable::new(2, 16);
        open(&mut table, 1, 10);
        reached.push((QuoteState::Active, table));
        for _ in 0..QuoteState::ALL.len() {
            for step in QUOTE_STEPS {
                let from = reached.iter().find(|(at, _)| *at == step.from).cloned();
                let is_new = reached.iter().all(|(at, _)| *at != step.to);
                if let (Some((_, mut table)), true) = (from, is_new) {
                    step_by(&mut table, step.event);
                    reached.push((step.to, table));
                }
            }
        }
        let found = reached.into_iter().find(|(at, _)| *at == state);
        found.map(|(_, table)| table)
    }

    fn step_by(table: &mut QuoteTable, event: QuoteEvent) {
        let step = table.state(Slot(0)).step(event);
        if step.is_none_or(|step| step.to.is_open()) {
            table.take(Slot(0), event);
            return;
        }
        let why = step.map_or(Why::None, |step| step.why);
        let reason = match why {
            Why::Always(reason) => reason,
            _ => Reason::Halted,
        };
        table.end(Slot(0), event, reason);
    }

    #[test]
    fn every_step_that_is_not_in_the_table_is_a_fault_and_changes_nothing() {
        let mut refused = 0;
        for state in QuoteState::ALL {
            let Some(table) = in_state(*state) else { continue };
            for event in QuoteEvent::ALL {
                let mut tried = table.clone();
                let wrong = || tried.take(Slot(0), *event);
                let is_fault = std::panic::catch_unwind(std::panic::AssertUnwindSafe(wrong)).is_err();
                match state.step(*event) {
                    Some(step) if step.to.is_open() => assert!(!is_fault, "{state:?} {event:?}"),
                    Some(_) => step_by(&mut table.clone(), *event),
                    None => {
                        assert!(is_fault, "{state:?} {event:?}");
                        assert_eq!(format!("{tried:?}"), format!("{table:?}"));
                        let end = || tried.end(Slot(0), *event, Reason::Halted);
                        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(end)).is_err());
                        assert_eq!(format!("{tried:?}"), format!("{table:?}"));
                        refused += 1;
                    }
                }
            }
        }
        let all = QuoteState::ALL.len() * QuoteEvent::ALL.len();
        assert!(refused > all / 2, "{refused} of {all}");
    }

    #[test]
    #[should_panic(expected = "another slot")]
    fn an_id_for_another_slot_is_a_fault() {
        let mut table = QuoteTable::new(2, 16);
        let mut quote = quote(1, 10);
        quote.quote_id = table.next_id(quote.quote_id).with_hint(1);
        table.open(&quote, hash_of(&quote));
    }

    #[test]
    #[should_panic(expected = "no such step")]
    fn a_quote_ends_once() {
        let mut table = QuoteTable::new(2, 16);
        let (slot, _) = open(&mut table, 1, 10);
        fill(&mut table, slot);
        table.end(slot, QuoteEvent::Expire, Reason::QuoteExpired);
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(ops in prop::collection::vec((0_u8..3, 0_u64..30, 0_u64..100), 0..300)) {
            let mut table = QuoteTable::new(8, 16);
            let mut model: BTreeMap<u64, u64> = BTreeMap::new();
            // Every id that was ever given out, by sequence.
            let mut ids = vec![OutId::NONE];
            for (op, pick, ts) in ops {
                let seq = ids.len() as u64;
                match op {
                    0 if !table.is_full() => {
                        ids.push(open(&mut table, seq, ts).1);
                        model.insert(seq, ts);
                    }
                    1 if !model.is_empty() => {
                        let seq = *model.keys().nth(pick as usize % model.len()).unwrap();
                        let Open::Yes(slot) = table.find(ids[seq as usize]) else { panic!("{seq} is open") };
                        prop_assert_eq!(fill(&mut table, slot).quote_id.seq, seq);
                        model.remove(&seq);
                    }
                    2 => {
                        let due = model.iter().map(|(seq, ts)| (*ts, *seq)).min().filter(|d| d.0 <= ts);
                        prop_assert_eq!(table.due(ts).map(|slot| table.get(slot).quote_id.seq), due.map(|d| d.1));
                        if let Some(slot) = table.due(ts) {
                            let (ended, _) = table.end(slot, QuoteEvent::Expire, Reason::QuoteExpired);
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
                for (seq, id) in (0..).zip(&ids) {
                    let open = matches!(table.find(*id), Open::Yes(_));
                    prop_assert_eq!(open, model.contains_key(&seq));
                    let id = quote(seq, 0).quote_req_id;
                    let is_known = seq > 0 && table.find(ids[seq as usize]) != Open::No(Reason::UnknownQuote);
                    prop_assert_eq!(table.has_request(RequestHash::of(ClientId(3), &id), ClientId(3), &id), is_known);
                    prop_assert_eq!(table.active_of(ClientId(3), &id).is_some(), model.contains_key(&seq));
                    prop_assert!(!table.has_request(RequestHash::of(ClientId(4), &id), ClientId(4), &id));
                }
            }
        }
    }

    #[test]
    fn all_ended_quotes_of_a_request_are_forgotten_by_it() {
        let mut table = QuoteTable::new(8, 16);
        let open = |table: &mut QuoteTable, seq: u64| {
            let id = OutId {
                seq,
                epoch: 1,
                sub: 0,
            };
            let quote = OpenQuote {
                quote_id: table.next_id(id),
                quote_req_id: Text::new("R").unwrap(),
                valid_until: 10,
                ..EMPTY
            };
            table.open(&quote, RequestHash::of(quote.client, &quote.quote_req_id))
        };
        let (held, next) = (open(&mut table, 1), open(&mut table, 2));
        table.take(held, QuoteEvent::Hold);
        table.end(held, QuoteEvent::Reject, Reason::LastLookMoved);
        table.end(next, QuoteEvent::Replace, Reason::QuoteReplaced);
        table.forget_request(ClientId(0), &Text::new("R").unwrap());
        let hash = RequestHash::of(ClientId(0), &Text::new("R").unwrap());
        assert!(!table.has_request(hash, ClientId(0), &Text::new("R").unwrap()));
    }
}
