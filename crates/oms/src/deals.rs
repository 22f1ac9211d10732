//! Requests that wait for a dealer.

use bytemuck::Zeroable;
use pinrail_types::record::QuoteRequest;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, OutId, Text};

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

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DealSlot(usize);

/// All requests that wait. They are few, people being slow: whatever is looked for is looked for one by one.
#[derive(Clone, Debug)]
pub struct Deals {
    entries: Vec<Option<Deal>>,
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
        let free = self.entries.iter_mut().find(|entry| entry.is_none());
        *free.expect("there is room") = Some(*deal);
        self.derive();
    }

    /// Takes a request out.
    ///
    /// # Panics
    /// If there is none.
    pub fn remove(&mut self, slot: DealSlot) -> Deal {
        let deal = self.entries[slot.0].take().expect("a request ends once");
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
        let is_it = |deal: &Deal| deal.request.client == client && deal.request.quote_req_id == *quote_req_id;
        self.iter().find(|(_, deal)| is_it(deal)).map(|(slot, _)| slot)
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
        self.derive();
        Ok(())
    }
}
