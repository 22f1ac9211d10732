//! Where an order is, by its id.

use crate::level::NIL;

/// A slot for each id of an open order.
///
/// An id's home is its remainder by the size, so that ids which are given out in order lie side by side, and adding or
/// removing one is one store. One whose home is taken goes to the crowd: a hash table with linear probing, which shifts back what
/// follows when something is removed, so that there are no tombstones. A home counts those that belong to it and went there:
/// whoever is looked for and is not there costs one read.
#[derive(Debug)]
pub(crate) struct Index {
    homes: Box<[Home]>,
    crowd: Box<[Entry]>,
}

/// In the low bits the slot, or [`Home::VACANT`]; above them how many went to the crowd, [`Home::MANY`] if they were not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Home(u32);

impl Home {
    const BITS: u32 = 24;
    const VACANT: u32 = (1 << Home::BITS) - 1;
    const MANY: u32 = u32::MAX >> Home::BITS;
    const EMPTY: Home = Home(Home::VACANT);

    #[inline]
    const fn slot(self) -> u32 {
        self.0 & Home::VACANT
    }

    #[inline]
    const fn crowded(self) -> u32 {
        self.0 >> Home::BITS
    }

    #[inline]
    const fn with_slot(self, slot: u32) -> Home {
        Home(self.0 & !Home::VACANT | slot)
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    order_id: u64,
    slot: u32,
}

const FREE: Entry = Entry {
    order_id: !0,
    slot: NIL,
};

impl Index {
    /// Most orders that there can be.
    pub(crate) const ORDERS_MAX: usize = Home::VACANT as usize;

    pub(crate) fn new(orders: usize) -> Index {
        let size = (2 * orders).next_power_of_two();
        Index {
            homes: vec![Home::EMPTY; size].into_boxed_slice(),
            crowd: vec![FREE; size].into_boxed_slice(),
        }
    }

    #[inline]
    fn home(&self, order_id: u64) -> usize {
        order_id as usize & (self.homes.len() - 1)
    }

    /// The slot; `id_of` tells the id of the order in a slot.
    #[inline]
    pub(crate) fn find(&self, order_id: u64, id_of: impl Fn(u32) -> u64) -> Option<u32> {
        let home = self.homes[self.home(order_id)];
        if home == Home::EMPTY {
            return None;
        }
        let slot = home.slot();
        if slot != Home::VACANT && id_of(slot) == order_id {
            return Some(slot);
        }
        if home.crowded() == 0 {
            return None;
        }
        self.find_in_crowd(order_id)
    }

    /// The id is of no open order, and there are fewer than the bound.
    #[inline]
    pub(crate) fn add(&mut self, order_id: u64, slot: u32) {
        let at = self.home(order_id);
        let home = &mut self.homes[at];
        if home.slot() == Home::VACANT {
            *home = home.with_slot(slot);
            return;
        }
        if home.crowded() < Home::MANY {
            home.0 += 1 << Home::BITS;
        }
        self.add_to_crowd(order_id, slot);
    }

    /// The id is that of the open order in the slot.
    #[inline]
    pub(crate) fn remove(&mut self, order_id: u64, slot: u32) {
        let at = self.home(order_id);
        let home = &mut self.homes[at];
        if home.slot() == slot {
            *home = home.with_slot(Home::VACANT);
            return;
        }
        if home.crowded() < Home::MANY {
            home.0 -= 1 << Home::BITS;
        }
        self.remove_from_crowd(order_id);
    }

    fn place(&self, order_id: u64) -> usize {
        let mixed = order_id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 32) as usize & (self.crowd.len() - 1)
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.crowd.len() - 1)
    }

    fn find_in_crowd(&self, order_id: u64) -> Option<u32> {
        let mut at = self.place(order_id);
        while self.crowd[at].slot != NIL {
            if self.crowd[at].order_id == order_id {
                return Some(self.crowd[at].slot);
            }
            at = self.next(at);
        }
        None
    }

    fn add_to_crowd(&mut self, order_id: u64, slot: u32) {
        let mut at = self.place(order_id);
        while self.crowd[at].slot != NIL {
            at = self.next(at);
        }
        self.crowd[at] = Entry { order_id, slot };
    }

    fn remove_from_crowd(&mut self, order_id: u64) {
        let mut hole = self.place(order_id);
        while self.crowd[hole].order_id != order_id || self.crowd[hole].slot == NIL {
            assert!(self.crowd[hole].slot != NIL, "an open order is in the index");
            hole = self.next(hole);
        }
        let mut at = hole;
        loop {
            at = self.next(at);
            let entry = self.crowd[at];
            if entry.slot == NIL {
                break;
            }
            // It may fill the hole if its place is not between the hole and where it is.
            let mask = self.crowd.len() - 1;
            let (from_place, from_hole) = (
                at.wrapping_sub(self.place(entry.order_id)) & mask,
                at.wrapping_sub(hole) & mask,
            );
            if from_place >= from_hole {
                self.crowd[hole] = entry;
                hole = at;
            }
        }
        self.crowd[hole] = FREE;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_index_is_a_map(ops in prop::collection::vec((0..60_u64, 0..4_u64, any::<bool>()), 1..600)) {
            const ORDERS: usize = 16;
            let mut index = Index::new(ORDERS);
            let mut ids = [!0_u64; ORDERS];
            let mut free: Vec<u32> = (0..ORDERS as u32).collect();
            let mut model = BTreeMap::new();
            for (low, high, adds) in ops {
                let id = low | high << 33;
                let found = index.find(id, |slot| ids[slot as usize]);
                prop_assert_eq!(found, model.get(&id).copied());
                match (found, adds) {
                    (None, true) => if let Some(slot) = free.pop() {
                        ids[slot as usize] = id;
                        index.add(id, slot);
                        model.insert(id, slot);
                    },
                    (Some(slot), false) => {
                        index.remove(id, slot);
                        model.remove(&id);
                        free.push(slot);
                    }
                    _ => {}
                }
                for (id, slot) in &model {
                    prop_assert_eq!(index.find(*id, |slot| ids[slot as usize]), Some(*slot));
                }
            }
        }
    }
}
