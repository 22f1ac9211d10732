//! Pairs of two ids, each with a number of its own.

use pinrail_types::ClientId;
use pinrail_types::state::{StateError, Visitor};

use crate::slots::Slots;

/// Most pairs that a table takes, whatever its ids could make.
const PAIRS_MAX: usize = 65_536;

/// Clients, each with some of another kind of ids: found by hash and numbered from 0 in the order in which they came.
/// Bounded at construction.
#[derive(Clone, Debug)]
pub(crate) struct Pairs {
    held: Vec<(ClientId, u32)>,
    slots: Slots,
    capacity: usize,
}

#[inline]
fn hash_of(client: ClientId, other: u32) -> u32 {
    let key = u64::from(client.0) << 32 | u64::from(other);
    let hash = (key ^ key >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash ^ hash >> 32)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_shr(32) as u32
}

impl Pairs {
    /// Room for every pair, but for no more than 65,536.
    pub(crate) fn new(clients: usize, others: usize) -> Pairs {
        let capacity = clients.saturating_mul(others).min(PAIRS_MAX);
        Pairs {
            held: Vec::with_capacity(capacity),
            slots: Slots::new(capacity),
            capacity,
        }
    }

    /// Most pairs.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The number of a pair.
    #[inline]
    pub(crate) fn find(&self, client: ClientId, other: u32) -> Option<usize> {
        let is_it = |at: u32| self.held[at as usize] == (client, other);
        self.slots
            .find(hash_of(client, other), is_it)
            .map(|at| at as usize)
    }

    /// The number of a pair, which is added if it is not there; `None` where there is no room.
    #[inline]
    pub(crate) fn admit(&mut self, client: ClientId, other: u32) -> Option<usize> {
        if let Some(at) = self.find(client, other) {
            return Some(at);
        }
        let at = self.held.len();
        if at == self.capacity {
            return None;
        }
        self.slots.insert(hash_of(client, other), at as u32);
        self.held.push((client, other));
        Some(at)
    }

    /// All pairs, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ClientId, u32)> + '_ {
        self.held.iter().copied()
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other bounds, or has a pair twice.
    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut len = self.held.len();
        visitor.count(&mut len, self.capacity)?;
        for at in 0..len {
            let (mut client, mut other) = self.held.get(at).copied().unwrap_or((ClientId(0), 0));
            visitor.u32(&mut client.0)?;
            visitor.u32(&mut other)?;
            if visitor.is_loading() && self.admit(client, other) != Some(at) {
                return Err(visitor.bad(client.0.into(), "a pair that stands once"));
            }
        }
        Ok(())
    }
}
