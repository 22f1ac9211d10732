//! Stops: orders that wait outside the book.

use pinrail_types::record::OrdType;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{InstrumentId, Px, Qty, Side};

use crate::book::{Book, Open, STOP_LADDERS, Shelf, stop_ladder};
use crate::level::{NIL, rank_of};
use crate::order::{NewOrder, Trigger};
use crate::slab::Marks;
use crate::work::LOOKS_PER_STEP;

/// The ladder of a stop is one of prices that get further away: upwards for a purchase.
pub(crate) const fn stop_rank(side: Side, stop_px: Px) -> i64 {
    rank_of(side.opposite(), stop_px.0)
}

/// The rank up to which stops are reached.
fn reached(book: &Book, side: Side, trigger: Trigger) -> Option<i64> {
    let px = match (trigger, side) {
        (Trigger::LastTrade, _) if book.last_px == Px::NONE => return None,
        (Trigger::LastTrade, Side::Buy) => Px(book.high),
        (Trigger::LastTrade, Side::Sell) => Px(book.low),
        (Trigger::Reference, _) => book.reference,
    };
    (px != Px::NONE).then(|| stop_rank(side, px))
}

impl Shelf {
    /// Lets a stop wait. There is room.
    pub(crate) fn wait(&mut self, book: &mut Book, instrument: InstrumentId, order: &NewOrder, open: Open) {
        let ladder = &mut self.stops[instrument.index()][stop_ladder(order.side, order.trigger)];
        let level = ladder.level_at(&mut self.pool, stop_rank(order.side, order.stop_px));
        let marks =
            Marks::new(order.side, order.post_only, order.self_trade, order.reduce_only).stop(order.trigger);
        let slot = self.put(instrument, order, open, open.leaves, marks, level);
        let rare = self.slab.rare_mut(slot);
        rare.stop_px = order.stop_px;
        rare.min_qty = order.min_qty;
        rare.ord_type = order.ord_type.byte();
        rare.time_in_force = order.time_in_force.byte();
        book.stops += 1;
        book.is_to_look = true;
    }

    /// Looks which stops are reached, and lines them up; false if there may be more than it looks at. The next look goes on then,
    /// as nothing trades before.
    pub(crate) fn look(&mut self, book: &mut Book, instrument: InstrumentId) -> bool {
        let mut looks = LOOKS_PER_STEP;
        for (at, (side, trigger)) in STOP_LADDERS.into_iter().enumerate() {
            let Some(worst) = reached(book, side, trigger) else {
                continue;
            };
            loop {
                let level = self.stops[instrument.index()][at].first(&self.pool);
                if level == NIL || self.pool.level(level).rank > worst {
                    break;
                }
                if looks == 0 {
                    return false;
                }
                looks -= 1;
                let slot = self.queues.first(level);
                self.detach_stop(book, slot);
                self.line_up(slot);
            }
        }
        book.looked();
        true
    }

    /// A stop that is on no ladder is triggered: it lines up behind those that have not come to the market yet.
    fn line_up(&mut self, slot: u32) {
        let level = self.queues.spare();
        self.slab.node_mut(slot).level = level;
        self.queues.join(level, slot);
    }

    /// The first stop that was triggered, if there is one; it leaves the queue, but is still an open order.
    pub(crate) fn pop_triggered(&mut self) -> Option<u32> {
        let slot = self.queues.first(self.queues.spare());
        if slot == NIL {
            return None;
        }
        self.queues.leave(slot);
        Some(slot)
    }

    /// Whether an open order is a stop that was triggered.
    pub(crate) fn is_triggered(&self, slot: u32) -> bool {
        self.slab.node(slot).level == self.queues.spare()
    }

    /// The stops that were triggered, all of one book.
    pub(crate) fn visit_triggered(
        &mut self,
        book: u32,
        visitor: &mut impl Visitor,
    ) -> Result<(), StateError> {
        let mut slot = self.queues.first(self.queues.spare());
        let mut has_next = slot != NIL;
        visitor.flag(&mut has_next)?;
        while has_next {
            slot = self.visit_order(slot, book, visitor)?;
            if visitor.is_loading() {
                if !self.slab.node(slot).marks.is_stop() {
                    return Err(visitor.bad(self.slab.node(slot).order_id, "a stop"));
                }
                self.line_up(slot);
            }
            slot = self.queues.next(slot);
            has_next = slot != NIL;
            visitor.flag(&mut has_next)?;
        }
        Ok(())
    }

    /// A waiting stop, or one that was triggered, as it came: what is open of it.
    pub(crate) fn stop_order(&self, slot: u32) -> (NewOrder, Open) {
        let (node, rare) = (self.slab.node(slot), self.slab.rare(slot));
        let (ord_type, time_in_force) = rare.types();
        let order = NewOrder {
            ord_type,
            time_in_force,
            stop_px: rare.stop_px,
            trigger: node.marks.trigger(),
            min_qty: rare.min_qty,
            ..self.as_new(slot)
        };
        let open = Open {
            leaves: node.leaves(),
            qty: node.qty,
        };
        (order, open)
    }

    /// An open order as a limit order that comes.
    pub(crate) fn as_new(&self, slot: u32) -> NewOrder {
        let (node, rare) = (self.slab.node(slot), self.slab.rare(slot));
        NewOrder {
            session: node.session,
            display_qty: Qty(if node.marks.is_iceberg() { rare.display } else { 0 }),
            expire_ts: if node.marks.is_timed() { rare.expire_ts } else { 0 },
            post_only: node.marks.post_only(),
            reduce_only: node.marks.is_reduce_only(),
            self_trade: node.marks.self_trade(),
            ..NewOrder::limit(
                node.order_id,
                node.client,
                node.marks.side(),
                Px(node.px),
                Qty(node.qty),
            )
        }
    }
}

/// What a stop becomes when it is triggered.
pub(crate) fn in_the_market(order: NewOrder) -> NewOrder {
    NewOrder {
        ord_type: match order.ord_type {
            OrdType::Stop => OrdType::Market,
            _ => OrdType::Limit,
        },
        stop_px: Px::NONE,
        ..order
    }
}
