//! The orders that are bounded in time.

use crate::slab::Slab;

/// A binary heap of slots, the earliest end first, at one time the lowest id. Each order knows its place in it, so that one that
/// ends otherwise is taken out at once.
#[derive(Debug)]
pub(crate) struct Expiries {
    heap: Vec<u32>,
}

impl Expiries {
    pub(crate) fn new(orders: usize) -> Expiries {
        Expiries {
            heap: Vec::with_capacity(orders),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.heap.len()
    }

    /// When the next one is over, and which.
    #[inline]
    pub(crate) fn first(&self, slab: &Slab) -> Option<(u64, u32)> {
        let slot = *self.heap.first()?;
        Some((slab.rare(slot).expire_ts, slot))
    }

    pub(crate) fn add(&mut self, slab: &mut Slab, slot: u32) {
        self.heap.push(slot);
        self.raise(slab, self.heap.len() - 1);
    }

    pub(crate) fn remove(&mut self, slab: &mut Slab, slot: u32) {
        let at = slab.rare(slot).expiry_at as usize;
        debug_assert_eq!(self.heap[at], slot);
        let last = self.heap.pop().expect("it is in the heap");
        if last != slot {
            self.put(slab, at, last);
            self.lower(slab, at);
            self.raise(slab, slab.rare(last).expiry_at as usize);
        }
    }

    fn put(&mut self, slab: &mut Slab, at: usize, slot: u32) {
        self.heap[at] = slot;
        slab.rare_mut(slot).expiry_at = at as u32;
    }

    fn is_before(slab: &Slab, a: u32, b: u32) -> bool {
        let key = |slot| (slab.rare(slot).expire_ts, slab.node(slot).order_id);
        key(a) < key(b)
    }

    fn raise(&mut self, slab: &mut Slab, mut at: usize) {
        let slot = self.heap[at];
        while at > 0 {
            let above = self.heap[(at - 1) / 2];
            if !Expiries::is_before(slab, slot, above) {
                break;
            }
            self.put(slab, at, above);
            at = (at - 1) / 2;
        }
        self.put(slab, at, slot);
    }

    fn lower(&mut self, slab: &mut Slab, mut at: usize) {
        let slot = self.heap[at];
        loop {
            let mut below = 2 * at + 1;
            if below >= self.heap.len() {
                break;
            }
            let right = below + 1;
            if right < self.heap.len() && Expiries::is_before(slab, self.heap[right], self.heap[below]) {
                below = right;
            }
            if !Expiries::is_before(slab, self.heap[below], slot) {
                break;
            }
            let up = self.heap[below];
            self.put(slab, at, up);
            at = below;
        }
        self.put(slab, at, slot);
    }
}
