//! Orders of late, by their economics.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Reason, Side};

use crate::ask::Ask;
use crate::checks::{Check, Omitted};

/// Sets of places, a power of two; an order may stand in one of them.
const SETS: usize = 1_024;
/// Places in a set.
const WAYS: usize = 4;

/// An order that was filled, and until when another like it is a duplicate.
#[derive(Clone, Copy, Debug, Default)]
struct Order {
    until: u64,
    qty: i64,
    client: u32,
    instrument: u32,
    /// 1 for a buy, -1 for a sale.
    sign: i64,
}

/// A table of orders, found by a hash of their economics. Where all places of a set are taken the order is refused: what
/// can't be remembered can't be told from a duplicate.
#[derive(Clone, Debug)]
pub(crate) struct RecentOrders {
    sets: Vec<[Order; WAYS]>,
}

impl Order {
    fn of(ask: &Ask) -> Order {
        Order {
            until: 0,
            qty: ask.qty.0,
            client: ask.client.0,
            instrument: ask.instrument.0,
            sign: ask.side.map_or(0, Side::sign),
        }
    }

    fn is_like(&self, other: &Order) -> bool {
        let key = |order: &Order| (order.client, order.instrument, order.sign, order.qty);
        key(self) == key(other)
    }

    fn set(&self) -> usize {
        let words = [
            u64::from(self.client) << 32 | u64::from(self.instrument),
            self.qty.cast_unsigned() ^ self.sign.cast_unsigned().rotate_left(60),
        ];
        let hash = words.iter().fold(0x9e37_79b9_7f4a_7c15_u64, |hash, word| {
            let hash = (hash ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
            hash ^ hash >> 32
        });
        hash as usize % SETS
    }
}

impl RecentOrders {
    pub(crate) fn new() -> RecentOrders {
        RecentOrders {
            sets: vec![[Order::default(); WAYS]; SETS],
        }
    }

    /// Checks that no order like it was filled within its window, and that there is room to remember it.
    pub(crate) fn check(&self, ask: &Ask, now: u64, omitted: Omitted) -> Result<(), Reason> {
        let order = Order::of(ask);
        let mut live = self.sets[order.set()].iter().filter(|held| held.until > now);
        let is_new = !live.clone().any(|held| held.is_like(&order));
        omitted.require(Check::Duplicate, is_new)?;
        omitted.require(Check::DuplicatesFull, live.nth(WAYS - 1).is_none())
    }

    /// Checks that there is room to remember an order that passed [`RecentOrders::check`] beside others that did.
    pub(crate) fn check_room(
        &self,
        others: &[Ask],
        ask: &Ask,
        now: u64,
        omitted: Omitted,
    ) -> Result<(), Reason> {
        let set = Order::of(ask).set();
        let live = self.sets[set].iter().filter(|held| held.until > now).count();
        let beside = others
            .iter()
            .filter(|other| Order::of(other).set() == set)
            .count();
        omitted.require(Check::DuplicatesFull, live + beside < WAYS)
    }

    /// Remembers an order that passed [`RecentOrders::check`] at the same time.
    pub(crate) fn put(&mut self, ask: &Ask, now: u64, window_ns: u64) {
        let until = now.saturating_add(window_ns);
        let order = Order {
            until,
            ..Order::of(ask)
        };
        let mut places = self.sets[order.set()].iter_mut();
        if let Some(place) = places.find(|held| held.until <= now) {
            *place = order;
        }
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for order in self.sets.as_flattened_mut() {
            visitor.word(&mut order.until)?;
            if order.until == 0 {
                continue;
            }
            visitor.signed(&mut order.qty)?;
            visitor.u32(&mut order.client)?;
            visitor.u32(&mut order.instrument)?;
            visitor.signed(&mut order.sign)?;
        }
        Ok(())
    }
}
