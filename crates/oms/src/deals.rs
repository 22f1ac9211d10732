//! Requests that wait for a dealer.

use bytemuck::Zeroable;
use pinrail_types::record::QuoteRequest;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, OutId, Text};

use crate::quotes::request_hash;
use crate::slots::Slots;

/// Most requests that wait at once.
pub const DEALS_MAX: usize = 256;

/// A request that waits for a dealer.
#[derive(Clone, Copy, Debug)]
pub struct Deal {
    /// What was asked for; its header is zero.
    pub request: QuoteRequest,
    /// Our id of it.
    pub request_id: OutId,
    /// Core time at which it came.
    pub asked_at: u64,
    /// It waits until this core time.
    pub ends_at: u64,
}

fn hash(deal: &Deal) -> u32 {
    request_hash(deal.request.client, &deal.request.quote_req_id)
}

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DealSlot(usize);

/// All requests that wait. They are few, people being slow: what people look for is looked for one by one, but not what each
/// request of a client asks, whether its id is among them.
#[derive(Clone, Debug)]
pub struct Deals {
    entries: Vec<Option<Deal>>,
    by_request: Slots,
    len: usize,
    next_at: u64,
}

impl Default for Deals {
    fn default() -> Self {
        Deals::new()
    }
}

impl Deals {
    /// None yet, room for [`DEALS_MAX`].
    pub fn new() -> Deals {
        Deals {
            entries: vec![None; DEALS_MAX],
            by_request: Slots::new(DEALS_MAX),
            len: 0,
            next_at: u64::MAX,
        }
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is room for no other.
    pub fn is_full(&self) -> bool {
        self.len == self.entries.len()
    }

    /// When the first of them ends; `u64::MAX` if none waits.
    #[inline]
    pub fn next_at(&self) -> u64 {
        self.next_at
    }

    /// Adds a request.
    ///
    /// # Panics
    /// If there is no room.
    pub fn add(&mut self, deal: &Deal) {
        let free = self.entries.iter().position(Option::is_none);
        let at = free.expect("there is room");
        self.entries[at] = Some(*deal);
        self.by_request.insert(hash(deal), at as u32);
        self.derive();
    }

    /// Takes a request out.
    ///
    /// # Panics
    /// If there is none.
    pub fn remove(&mut self, slot: DealSlot) -> Deal {
        let deal = self.entries[slot.0].take().expect("a request ends once");
        self.by_request.remove(hash(&deal), slot.0 as u32);
        self.derive();
        deal
    }

    /// All that wait, in order of places.
    pub fn iter(&self) -> impl Iterator<Item = (DealSlot, &Deal)> {
        let entries = self.entries.iter().enumerate();
        entries.filter_map(|(at, entry)| Some((DealSlot(at), entry.as_ref()?)))
    }

    /// The request with this id of ours.
    pub fn find(&self, request_id: OutId) -> Option<(DealSlot, &Deal)> {
        self.iter().find(|(_, deal)| deal.request_id == request_id)
    }

    /// The request that a client calls so.
    pub fn find_request(&self, client: ClientId, quote_req_id: &Text<24>) -> Option<DealSlot> {
        let is_it = |at: u32| {
            let deal = self.entries[at as usize].as_ref();
            deal.is_some_and(|deal| {
                deal.request.client == client && deal.request.quote_req_id == *quote_req_id
            })
        };
        let found = self.by_request.find(request_hash(client, quote_req_id), is_it);
        found.map(|at| DealSlot(at as usize))
    }

    /// One that ends at or before `now`.
    pub fn due(&self, now: u64) -> Option<DealSlot> {
        self.iter()
            .find(|(_, deal)| deal.ends_at <= now)
            .map(|(slot, _)| slot)
    }

    fn derive(&mut self) {
        self.len = self.iter().count();
        self.next_at = self
            .iter()
            .map(|(_, deal)| deal.ends_at)
            .min()
            .unwrap_or(u64::MAX);
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of such a table.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for entry in &mut self.entries {
            let mut is_there = entry.is_some();
            visitor.flag(&mut is_there)?;
            if !is_there {
                *entry = None;
                continue;
            }
            let deal = entry.get_or_insert(Deal {
                request: Zeroable::zeroed(),
                request_id: OutId::NONE,
                asked_at: 0,
                ends_at: 0,
            });
            visitor.plain(&mut deal.request)?;
            visitor.plain(&mut deal.request_id)?;
            visitor.word(&mut deal.asked_at)?;
            visitor.word(&mut deal.ends_at)?;
        }
        if visitor.is_loading() {
            self.by_request = Slots::new(DEALS_MAX);
            for (at, deal) in self.entries.iter().enumerate() {
                if let Some(deal) = deal {
                    self.by_request.insert(hash(deal), at as u32);
                }
            }
        }
        self.derive();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pinrail_types::state::{Load, Save};
    use proptest::prelude::*;

    use super::*;

    fn deal(client: u32, name: u32, seq: u64) -> Deal {
        Deal {
            request: QuoteRequest {
                client: ClientId(client),
                quote_req_id: Text::new(&format!("R{name}")).unwrap(),
                ..Zeroable::zeroed()
            },
            request_id: OutId {
                seq,
                epoch: 1,
                sub: 0,
            },
            asked_at: seq,
            ends_at: seq + 10,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(ops in prop::collection::vec((0_u32..3, 0_u32..9, 0_usize..400), 0..400)) {
            let mut deals = Deals::new();
            let mut model: BTreeMap<(u32, u32), u64> = BTreeMap::new();
            for (seq, (client, name, reload)) in (1..).zip(ops) {
                let named = Text::new(&format!("R{name}")).unwrap();
                let found = deals.find_request(ClientId(client), &named);
                let held = found.map(|slot| deals.iter().find(|(at, _)| *at == slot).unwrap().1.request_id.seq);
                prop_assert_eq!(held, model.get(&(client, name)).copied());
                if let Some(slot) = found {
                    deals.remove(slot);
                    model.remove(&(client, name));
                } else {
                    deals.add(&deal(client, name, seq));
                    model.insert((client, name), seq);
                }
                prop_assert_eq!(deals.len(), model.len());
                if reload == 0 {
                    let mut save = Save::default();
                    deals.visit(&mut save).unwrap();
                    deals = Deals::new();
                    deals.visit(&mut Load::new(&save.words)).unwrap();
                }
            }
        }
    }
}
