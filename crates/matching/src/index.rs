//! Where an order is, by its id.

use crate::slab::Node;

/// A slot for each id of an open order.
///
/// An id's home is its remainder by the size, so that ids which are given out in order lie side by side, and adding or removing one
/// is one store. Each time that ids have gone once through all homes they are shifted, so that those which are alike in their low
/// bits only don't meet. Orders that have one home are chained, the newest first, each to the one behind it; each link tells them
/// apart by what is above their remainder, mostly without a look at the order.
#[derive(Debug)]
pub(crate) struct Index {
    homes: Box<[Link]>,
    /// What a remainder has.
    bits: u32,
}

/// To an order, or [`Link::NONE`]: in the low bits its slot, above them a tag of its id, and in the highest whether there may be
/// others behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link(u32);

impl Link {
    const SLOT: u32 = (1 << 24) - 1;
    const TAG: u32 = 127 << 24;
    const MORE: u32 = 1 << 31;
    pub(crate) const NONE: Link = Link(!Link::MORE);

    #[inline]
    const fn slot(self) -> u32 {
        self.0 & Link::SLOT
    }

    #[inline]
    const fn has_more(self) -> bool {
        self.0 & Link::MORE != 0
    }

    #[inline]
    const fn has_tag(self, tag: u32) -> bool {
        (self.0 ^ tag) & Link::TAG == 0 && self.0 != Link::NONE.0
    }
}

/// Where an id belongs, and its tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home {
    pub(crate) at: u32,
    tag: u32,
}

impl Index {
    /// Most orders that there can be.
    pub(crate) const ORDERS_MAX: usize = Link::SLOT as usize;

    pub(crate) fn new(orders: usize) -> Index {
        let size = (2 * orders).next_power_of_two();
        Index {
            homes: vec![Link::NONE; size].into_boxed_slice(),
            bits: size.trailing_zeros(),
        }
    }

    #[inline]
    pub(crate) fn home(&self, order_id: u64) -> Home {
        let round = order_id >> self.bits;
        let shifted = order_id.wrapping_add(round.wrapping_mul(0x9e37_79b9));
        Home {
            at: (shifted as usize & (self.homes.len() - 1)) as u32,
            tag: (round as u32) << 24 & Link::TAG,
        }
    }

    /// The slot of an id with that home.
    #[expect(clippy::inline_always, reason = "once a message")]
    #[inline(always)]
    pub(crate) fn find(&self, nodes: &[Node], home: Home, order_id: u64) -> Option<u32> {
        let mut link = self.homes[home.at as usize];
        loop {
            let slot = link.slot();
            if link.has_tag(home.tag) && nodes[slot as usize].order_id == order_id {
                return Some(slot);
            }
            if !link.has_more() {
                return None;
            }
            link = nodes[slot as usize].behind;
        }
    }

    /// An id with that home, which is of no open order; there are fewer than the bound. What is behind it.
    #[inline]
    pub(crate) fn add(&mut self, home: Home, slot: u32) -> Link {
        let first = &mut self.homes[home.at as usize];
        let more = u32::from(*first != Link::NONE) * Link::MORE;
        core::mem::replace(first, Link(slot | home.tag | more))
    }

    /// The id of the open order in the slot.
    #[inline]
    pub(crate) fn remove(&mut self, nodes: &mut [Node], slot: u32) {
        let Node { home, behind, .. } = nodes[slot as usize];
        let first = &mut self.homes[home as usize];
        if first.slot() == slot {
            *first = behind;
        } else {
            unchain(nodes, first.slot(), slot);
        }
    }
}

/// Takes out one that is behind another.
#[inline(never)]
fn unchain(nodes: &mut [Node], mut before: u32, slot: u32) {
    let after = nodes[slot as usize].behind;
    loop {
        let link = nodes[before as usize].behind;
        if link.slot() == slot {
            nodes[before as usize].behind = after;
            return;
        }
        assert!(link.has_more(), "an open order is in the index");
        before = link.slot();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_index_is_a_map(ops in prop::collection::vec((0..60_u64, 0..4_u64, any::<bool>()), 1..600), bits in 5..40_u32) {
            const ORDERS: usize = 16;
            let mut index = Index::new(ORDERS);
            let mut nodes = [Node::FREE; ORDERS];
            let mut free: Vec<u32> = (0..ORDERS as u32).collect();
            let mut model = BTreeMap::new();
            for (low, high, adds) in ops {
                let id = low | high << bits;
                let home = index.home(id);
                let found = index.find(&nodes, home, id);
                prop_assert_eq!(found, model.get(&id).copied());
                match (found, adds) {
                    (None, true) => if let Some(slot) = free.pop() {
                        let behind = index.add(home, slot);
                        nodes[slot as usize] = Node { order_id: id, home: home.at, behind, ..Node::FREE };
                        model.insert(id, slot);
                    },
                    (Some(slot), false) => {
                        index.remove(&mut nodes, slot);
                        model.remove(&id);
                        free.push(slot);
                    }
                    _ => {}
                }
                for (id, slot) in &model {
                    prop_assert_eq!(index.find(&nodes, index.home(*id), *id), Some(*slot));
                }
            }
        }
    }
}
