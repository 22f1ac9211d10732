//! The orders of all books: one line of the cache each.

use pinrail_types::record::{OrdType, TimeInForce};
use pinrail_types::{ClientId, Px, Qty, SessionId, Side};

use crate::book::at;
use crate::index::{Home, Index, Link};
use crate::level::NIL;
use crate::order::{PostOnly, SelfTrade, Trigger};

/// What an order is, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks(pub(crate) u16);

impl Marks {
    const SELL: u16 = 1;
    const ICEBERG: u16 = 1 << 1;
    const TIMED: u16 = 1 << 2;
    const REDUCE_ONLY: u16 = 1 << 3;
    const STOP: u16 = 1 << 4;
    const BY_REFERENCE: u16 = 1 << 5;
    const POST_ONLY: u32 = 6;
    const SELF_TRADE: u32 = 8;

    #[inline]
    pub(crate) const fn new(
        side: Side,
        post_only: PostOnly,
        self_trade: SelfTrade,
        reduce_only: bool,
    ) -> Marks {
        let side = at(side) as u16 * Marks::SELL;
        let reduce_only = if reduce_only { Marks::REDUCE_ONLY } else { 0 };
        let policies = (post_only as u16) << Marks::POST_ONLY | (self_trade as u16) << Marks::SELF_TRADE;
        Marks(side | reduce_only | policies)
    }

    #[inline]
    pub(crate) const fn side(self) -> Side {
        if self.0 & Marks::SELL == 0 {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    #[inline]
    pub(crate) const fn is_iceberg(self) -> bool {
        self.0 & Marks::ICEBERG != 0
    }

    #[inline]
    pub(crate) const fn is_timed(self) -> bool {
        self.0 & Marks::TIMED != 0
    }

    #[inline]
    pub(crate) const fn is_reduce_only(self) -> bool {
        self.0 & Marks::REDUCE_ONLY != 0
    }

    #[inline]
    pub(crate) const fn is_stop(self) -> bool {
        self.0 & Marks::STOP != 0
    }

    #[inline]
    pub(crate) const fn trigger(self) -> Trigger {
        if self.0 & Marks::BY_REFERENCE == 0 {
            Trigger::LastTrade
        } else {
            Trigger::Reference
        }
    }

    pub(crate) const fn post_only(self) -> PostOnly {
        match self.0 >> Marks::POST_ONLY & 3 {
            0 => PostOnly::No,
            1 => PostOnly::Reject,
            _ => PostOnly::Reprice,
        }
    }

    pub(crate) const fn self_trade(self) -> SelfTrade {
        match self.0 >> Marks::SELF_TRADE & 7 {
            0 => SelfTrade::Allow,
            1 => SelfTrade::CancelNewest,
            2 => SelfTrade::CancelOldest,
            3 => SelfTrade::CancelBoth,
            _ => SelfTrade::Decrement,
        }
    }

    /// Whether there are such marks.
    pub(crate) const fn is_known(self) -> bool {
        let end = 1 << (Marks::SELF_TRADE + 3);
        self.0 < end && self.0 >> Marks::POST_ONLY & 3 <= 2 && self.0 >> Marks::SELF_TRADE <= 4
    }

    /// The marks with other policies.
    #[must_use]
    pub(crate) const fn policies(self, post_only: PostOnly, self_trade: SelfTrade) -> Marks {
        let kept = self.0 & !(3 << Marks::POST_ONLY | 7 << Marks::SELF_TRADE);
        Marks(kept | (post_only as u16) << Marks::POST_ONLY | (self_trade as u16) << Marks::SELF_TRADE)
    }

    #[must_use]
    pub(crate) const fn iceberg(self) -> Marks {
        Marks(self.0 | Marks::ICEBERG)
    }

    #[must_use]
    pub(crate) const fn timed(self) -> Marks {
        Marks(self.0 | Marks::TIMED)
    }

    #[must_use]
    pub(crate) const fn stop(self, trigger: Trigger) -> Marks {
        let trigger = match trigger {
            Trigger::LastTrade => 0,
            Trigger::Reference => Marks::BY_REFERENCE,
        };
        Marks(self.0 | Marks::STOP | trigger)
    }
}

/// An open order.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) order_id: u64,
    pub(crate) px: i64,
    /// What others see of what is open; all of it, of what is no iceberg.
    pub(crate) shown: i64,
    /// What they don't.
    pub(crate) hidden: i64,
    /// `OrderQty`.
    pub(crate) qty: i64,
    /// Whose queue it is in.
    pub(crate) level: u32,
    pub(crate) book: u32,
    pub(crate) client: ClientId,
    pub(crate) session: SessionId,
    pub(crate) marks: Marks,
    /// Of its id in the index, and which order is behind it there.
    pub(crate) home: u32,
    pub(crate) behind: Link,
}

const _: () = assert!(size_of::<Node>() == 64);

impl Node {
    pub(crate) const FREE: Node = Node {
        order_id: !0,
        px: 0,
        shown: 0,
        hidden: 0,
        qty: 0,
        level: NIL,
        book: NIL,
        client: ClientId(0),
        session: SessionId(0),
        marks: Marks(0),
        home: 0,
        behind: Link::NONE,
    };

    /// `LeavesQty`.
    #[inline]
    pub(crate) const fn leaves(&self) -> i64 {
        self.shown + self.hidden
    }

    /// `CumQty`.
    #[inline]
    pub(crate) const fn cum(&self) -> i64 {
        self.qty - self.leaves()
    }
}

/// What only some orders have; meaningful where their marks say so.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rare {
    /// Of an iceberg.
    pub(crate) display: i64,
    /// Of a stop, as is what follows.
    pub(crate) stop_px: Px,
    pub(crate) min_qty: Qty,
    /// Of a stop, and of an order that is bounded in time.
    pub(crate) expire_ts: u64,
    /// Its place among those that are bounded in time.
    pub(crate) expiry_at: u32,
    /// Of a stop: its type and time in force, as they came.
    pub(crate) ord_type: u8,
    pub(crate) time_in_force: u8,
}

impl Rare {
    pub(crate) const NONE: Rare = Rare {
        display: -1,
        stop_px: Px::NONE,
        min_qty: Qty(-1),
        expire_ts: !0,
        expiry_at: NIL,
        ord_type: OrdType::Limit as u8,
        time_in_force: TimeInForce::GoodTillCancel as u8,
    };

    /// A stop's type and time in force.
    pub(crate) fn types(&self) -> (OrdType, TimeInForce) {
        let ord_type = OrdType::from_byte(self.ord_type);
        let time_in_force = TimeInForce::from_byte(self.time_in_force);
        ord_type.zip(time_in_force).expect("they were noted as they came")
    }
}

/// The orders of all books, by slot.
#[derive(Debug)]
pub(crate) struct Slab {
    nodes: Box<[Node]>,
    rare: Box<[Rare]>,
    free: Vec<u32>,
    index: Index,
}

impl Slab {
    pub(crate) fn new(orders: usize) -> Slab {
        let last = u32::try_from(orders).expect("a bound of 32 bits");
        Slab {
            // Not zero: memory that was never written would fault when it is first used.
            nodes: vec![Node::FREE; orders].into_boxed_slice(),
            rare: vec![Rare::NONE; orders].into_boxed_slice(),
            free: (0..last).rev().collect(),
            index: Index::new(orders),
        }
    }

    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// How many more orders there is room for.
    pub(crate) fn room(&self) -> usize {
        self.free.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// The slot of an open order.
    #[expect(clippy::inline_always, reason = "once a message")]
    #[inline(always)]
    pub(crate) fn find(&self, order_id: u64) -> Option<u32> {
        self.find_at(self.home(order_id), order_id)
    }

    /// Where the index has an id.
    #[inline]
    pub(crate) fn home(&self, order_id: u64) -> Home {
        self.index.home(order_id)
    }

    /// The slot of an open order whose home is known.
    #[inline]
    pub(crate) fn find_at(&self, home: Home, order_id: u64) -> Option<u32> {
        self.index.find(&self.nodes, home, order_id)
    }

    /// An order whose id has that home: its slot. There is room, and no open order has its id.
    #[expect(clippy::inline_always, reason = "once a message")]
    #[inline(always)]
    pub(crate) fn add(&mut self, home: Home, node: Node) -> u32 {
        let slot = self.free.pop().expect("room was looked for");
        let behind = self.index.add(home, slot);
        let home = home.at;
        self.nodes[slot as usize] = Node { home, behind, ..node };
        slot
    }

    /// Ends the order in a slot.
    #[expect(clippy::inline_always, reason = "once a message")]
    #[inline(always)]
    pub(crate) fn remove(&mut self, slot: u32) {
        self.index.remove(&mut self.nodes, slot);
        self.free.push(slot);
    }

    #[inline]
    pub(crate) fn node(&self, slot: u32) -> &Node {
        &self.nodes[slot as usize]
    }

    #[inline]
    pub(crate) fn node_mut(&mut self, slot: u32) -> &mut Node {
        &mut self.nodes[slot as usize]
    }

    #[inline]
    pub(crate) fn rare(&self, slot: u32) -> &Rare {
        &self.rare[slot as usize]
    }

    #[inline]
    pub(crate) fn rare_mut(&mut self, slot: u32) -> &mut Rare {
        &mut self.rare[slot as usize]
    }
}
