//! Deadlines of slots: a binary heap that knows where each slot stands, so that any can be taken out.

const NOWHERE: u32 = u32::MAX;

/// Deadlines in order of (time, sequence). Setting, taking out and popping are O(log n); quotes of equal validity
/// are set in O(1), since each is later than all before it.
#[derive(Clone, Debug)]
pub(crate) struct Timers {
    heap: Vec<Deadline>,
    /// Where in the heap each slot stands.
    places: Vec<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Deadline {
    ts: u64,
    /// Breaks ties in the order in which deadlines were set.
    seq: u64,
    slot: u32,
}

impl Timers {
    /// Timers for slots below `capacity`.
    pub(crate) fn new(capacity: usize) -> Timers {
        Timers {
            heap: Vec::with_capacity(capacity),
            places: vec![NOWHERE; capacity],
        }
    }

    /// The earliest deadline; `u64::MAX` if there is none.
    #[inline]
    pub(crate) fn next(&self) -> u64 {
        self.heap.first().map_or(u64::MAX, |deadline| deadline.ts)
    }

    /// The slot whose deadline is the earliest, if that is at or before `now`.
    #[inline]
    pub(crate) fn due(&self, now: u64) -> Option<u32> {
        self.heap
            .first()
            .filter(|deadline| deadline.ts <= now)
            .map(|deadline| deadline.slot)
    }

    /// Sets the deadline of a slot that has none.
    #[inline]
    pub(crate) fn set(&mut self, slot: u32, ts: u64, seq: u64) {
        assert!(self.places[slot as usize] == NOWHERE, "slot has a deadline");
        assert!(self.heap.len() < self.places.len(), "more deadlines than slots");
        let deadline = Deadline { ts, seq, slot };
        let at = self.heap.len();
        self.heap.push(deadline);
        if at > 0 && deadline < self.heap[(at - 1) / 2] {
            self.sift_up(at);
        } else {
            self.places[slot as usize] = at as u32;
        }
    }

    /// Takes the deadline of a slot out if it has one.
    #[inline]
    pub(crate) fn clear(&mut self, slot: u32) {
        let place = self.places[slot as usize];
        if place == NOWHERE {
            return;
        }
        self.places[slot as usize] = NOWHERE;
        let at = place as usize;
        let last = self.heap.len() - 1;
        self.heap.swap_remove(at);
        if at < last {
            self.places[self.heap[at].slot as usize] = place;
            self.sift_down(at);
            self.sift_up(at);
        }
    }

    /// Reads what setting the deadline of `slot` will touch.
    #[inline]
    pub(crate) fn warm(&self, slot: u32) {
        let end = self.heap.len();
        core::hint::black_box(self.places.get(slot as usize).copied());
        core::hint::black_box(self.heap.last().copied());
        core::hint::black_box(self.heap.get(end.saturating_sub(1) / 2).copied());
    }

    fn sift_up(&mut self, mut at: usize) {
        let moving = self.heap[at];
        while at > 0 {
            let parent = (at - 1) / 2;
            if self.heap[parent] <= moving {
                break;
            }
            self.place(at, self.heap[parent]);
            at = parent;
        }
        self.place(at, moving);
    }

    fn sift_down(&mut self, mut at: usize) {
        let moving = self.heap[at];
        loop {
            let mut child = 2 * at + 1;
            if child >= self.heap.len() {
                break;
            }
            if child + 1 < self.heap.len() && self.heap[child + 1] < self.heap[child] {
                child += 1;
            }
            if moving <= self.heap[child] {
                break;
            }
            self.place(at, self.heap[child]);
            at = child;
        }
        self.place(at, moving);
    }

    #[inline]
    fn place(&mut self, at: usize, deadline: Deadline) {
        self.heap[at] = deadline;
        self.places[deadline.slot as usize] = at as u32;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_an_ordered_set(ops in prop::collection::vec((any::<bool>(), 0_u32..20, 0_u64..50), 0..300)) {
            let mut timers = Timers::new(20);
            let mut model: BTreeSet<(u64, u64, u32)> = BTreeSet::new();
            for (seq, (set, slot, ts)) in ops.into_iter().enumerate() {
                let held = model.iter().find(|d| d.2 == slot).copied();
                match (set, held) {
                    (true, None) => {
                        timers.set(slot, ts, seq as u64);
                        model.insert((ts, seq as u64, slot));
                    }
                    (false, _) => {
                        timers.clear(slot);
                        if let Some(held) = held {
                            model.remove(&held);
                        }
                    }
                    _ => {}
                }
                prop_assert_eq!(timers.next(), model.first().map_or(u64::MAX, |d| d.0));
                prop_assert_eq!(timers.due(25), model.first().filter(|d| d.0 <= 25).map(|d| d.2));
            }
        }
    }
}
