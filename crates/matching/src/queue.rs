//! The queues of orders, all through one array.

use crate::level::NIL;

/// For each level a queue of slots, and one more.
///
/// A queue is a ring through its **end**, which has a place behind those of the slots, so that nobody who joins or leaves has to ask
/// whether it is the first or the last.
#[derive(Debug)]
pub(crate) struct Queues {
    links: Box<[Link]>,
    slots: u32,
}

/// Of an order in no queue without meaning.
#[derive(Clone, Copy, Debug)]
struct Link {
    next: u32,
    prev: u32,
}

impl Queues {
    pub(crate) fn new(slots: usize, levels: usize) -> Queues {
        let size = slots + levels + 1;
        let last = u32::try_from(size).expect("a bound of 32 bits");
        Queues {
            links: (0..last).map(|at| Link { next: at, prev: at }).collect(),
            slots: slots as u32,
        }
    }

    /// The level whose queue is no level's: that of stops that were triggered.
    pub(crate) fn spare(&self) -> u32 {
        self.links.len() as u32 - 1 - self.slots
    }

    #[inline]
    fn link(&self, at: u32) -> Link {
        self.links[at as usize]
    }

    #[inline]
    fn link_mut(&mut self, at: u32) -> &mut Link {
        &mut self.links[at as usize]
    }

    #[inline]
    fn end(&self, level: u32) -> u32 {
        self.slots + level
    }

    #[inline]
    fn slot(&self, at: u32) -> u32 {
        if at < self.slots { at } else { NIL }
    }

    /// The first of a queue; [`NIL`] of none.
    #[inline]
    pub(crate) fn first(&self, level: u32) -> u32 {
        self.slot(self.link(self.end(level)).next)
    }

    /// The next behind one; [`NIL`] behind the last.
    #[inline]
    pub(crate) fn next(&self, slot: u32) -> u32 {
        self.slot(self.link(slot).next)
    }

    /// The one before; [`NIL`] before the first.
    pub(crate) fn previous(&self, slot: u32) -> u32 {
        self.slot(self.link(slot).prev)
    }

    /// One that is in no queue joins a level's.
    #[inline]
    pub(crate) fn join(&mut self, level: u32, slot: u32) {
        let end = self.end(level);
        let prev = self.link(end).prev;
        self.link_mut(end).prev = slot;
        self.link_mut(prev).next = slot;
        *self.link_mut(slot) = Link { next: end, prev };
    }

    /// One leaves its queue; true if it was the last.
    #[inline]
    pub(crate) fn leave(&mut self, slot: u32) -> bool {
        let Link { next, prev } = self.link(slot);
        self.link_mut(prev).next = next;
        self.link_mut(next).prev = prev;
        next == prev && next >= self.slots
    }

    /// All before one leave a level's queue, or all if it is [`NIL`].
    #[inline]
    pub(crate) fn leave_before(&mut self, level: u32, slot: u32) {
        let end = self.end(level);
        let first = if slot == NIL { end } else { slot };
        self.link_mut(end).next = first;
        self.link_mut(first).prev = end;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const SLOTS: u32 = 12;
    const LEVELS: u32 = 3;

    proptest! {
        #[test]
        fn a_queue_is_a_queue(ops in prop::collection::vec((0..SLOTS, 0..=LEVELS, 0..4_u8), 1..300)) {
            let mut queues = Queues::new(SLOTS as usize, LEVELS as usize);
            prop_assert_eq!(queues.spare(), LEVELS);
            let mut model = vec![VecDeque::new(); LEVELS as usize + 1];
            for (slot, level, op) in ops {
                let place = |queue: &VecDeque<u32>| queue.iter().position(|it| *it == slot);
                let found = (0..=LEVELS).find_map(|level| Some((level, place(&model[level as usize])?)));
                match found {
                    None => {
                        queues.join(level, slot);
                        model[level as usize].push_back(slot);
                    }
                    Some((level, place)) if op == 0 => {
                        queues.leave_before(level, slot);
                        model[level as usize].drain(..place);
                    }
                    Some((level, _)) if op == 1 => {
                        queues.leave_before(level, NIL);
                        model[level as usize].clear();
                    }
                    Some((level, place)) => {
                        model[level as usize].remove(place);
                        prop_assert_eq!(queues.leave(slot), model[level as usize].is_empty());
                    }
                }
                for (level, queue) in (0..).zip(&model) {
                    let (mut at, mut last) = (queues.first(level), NIL);
                    for slot in queue {
                        prop_assert_eq!((at, queues.previous(at)), (*slot, last));
                        (last, at) = (at, queues.next(at));
                    }
                    prop_assert_eq!(at, NIL);
                }
            }
        }
    }
}
