//! One book, and what all books share.

use pinrail_types::record::{ExecType, OrdStatus};
use pinrail_types::{InstrumentId, Px, Qty, Reason, Side};

use crate::config::BookConfig;
use crate::expiry::Expiries;
use crate::index::Home;
use crate::level::{Ladder, Pool, StopLadder, px_of, rank_of};
use crate::order::{BookOrder, NewOrder, Phase, PostOnly, Trigger};
use crate::queue::Queues;
use crate::report::{LevelDelta, OrderDelta, OrderDeltaKind, Report, Sink, Top, Uncross};
use crate::slab::{Marks, Node, Slab};

/// A side as an index.
#[inline]
pub(crate) const fn at(side: Side) -> usize {
    // Not a branch: no one can guess it.
    (side as usize & 1) ^ 1
}

/// The ladders of a book's waiting stops, in the order in which they are triggered.
pub(crate) const STOP_LADDERS: [(Side, Trigger); 4] = [
    (Side::Buy, Trigger::LastTrade),
    (Side::Sell, Trigger::LastTrade),
    (Side::Buy, Trigger::Reference),
    (Side::Sell, Trigger::Reference),
];

/// Which of them a stop belongs to.
pub(crate) const fn stop_ladder(side: Side, trigger: Trigger) -> usize {
    let by_trigger = match trigger {
        Trigger::LastTrade => 0,
        Trigger::Reference => 2,
    };
    by_trigger + at(side)
}

/// The numbers of a book's ladders among all: bids, offers, then as [`STOP_LADDERS`].
pub(crate) const fn owner(book: u32, ladder: u32) -> u32 {
    book * (2 + STOP_LADDERS.len() as u32) + ladder
}

/// One book, but for its orders and prices. What each order looks at stands in one line of the cache, and so does what it looks at
/// of a side.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Book {
    pub(crate) phase: Phase,
    pub(crate) is_open: bool,
    /// A trade or a reference price came since stops were looked at.
    pub(crate) is_to_look: bool,
    /// What an auction would come to is to be told: it is one, or the sink was told of one that is over.
    pub(crate) is_gathering: bool,
    /// Waiting stops.
    pub(crate) stops: u32,
    pub(crate) config: BookConfig,
    /// Trades so far.
    pub(crate) trades: u64,
    /// Of the last trade; none before the first.
    pub(crate) last_px: Px,
    /// Bids and offers.
    pub(crate) sides: [Ladder; 2],
    /// The lowest and highest price since stops were looked at; of the last trade at least.
    pub(crate) low: i64,
    pub(crate) high: i64,
    pub(crate) reference: Px,
    pub(crate) day_end_ts: u64,
    /// What the sink was told last.
    pub(crate) top_told: Top,
    pub(crate) uncross_told: Uncross,
}

impl Book {
    pub(crate) fn closed(book: u32) -> Book {
        Book {
            sides: [Ladder::new(owner(book, 0)), Ladder::new(owner(book, 1))],
            phase: Phase::Halted,
            is_open: false,
            is_to_look: false,
            is_gathering: false,
            stops: 0,
            trades: 0,
            last_px: Px::NONE,
            low: i64::MAX,
            high: i64::MIN,
            reference: Px::NONE,
            day_end_ts: 0,
            config: BookConfig::default(),
            top_told: Top::EMPTY,
            uncross_told: Uncross::NONE,
        }
    }

    /// The best price of a side; none if it is empty.
    #[inline]
    pub(crate) fn best_px(&self, side: Side) -> Option<i64> {
        let ladder = &self.sides[at(side)];
        (!ladder.is_empty()).then(|| px_of(side, ladder.best_rank()))
    }

    #[inline]
    pub(crate) fn is_crossed(&self) -> bool {
        let [bids, asks] = &self.sides;
        !bids.is_empty() && !asks.is_empty() && -bids.best_rank() >= asks.best_rank()
    }

    /// Whether an order at that price would trade at once.
    #[inline]
    pub(crate) fn would_trade(&self, side: Side, px: Px) -> bool {
        let opposite = side.opposite();
        self.sides[at(opposite)].best_rank() <= rank_of(opposite, px.0)
    }

    pub(crate) fn top(&self, pool: &Pool) -> Top {
        let best = |side| {
            let ladder = &self.sides[at(side)];
            if ladder.is_empty() {
                return (Px::NONE, Qty::ZERO);
            }
            let shown = pool.level(ladder.best_level()).shown;
            (Px(px_of(side, ladder.best_rank())), Qty(shown))
        };
        let ((bid_px, bid_qty), (ask_px, ask_qty)) = (best(Side::Buy), best(Side::Sell));
        Top {
            bid_px,
            bid_qty,
            ask_px,
            ask_qty,
        }
    }

    /// Stops were looked at: the range of prices begins anew with the last.
    #[inline]
    pub(crate) fn looked(&mut self) {
        self.is_to_look = false;
        (self.low, self.high) = if self.last_px == Px::NONE {
            (i64::MAX, i64::MIN)
        } else {
            (self.last_px.0, self.last_px.0)
        };
    }

    /// Notes trades, one or more, from a first price to a last one.
    #[inline]
    pub(crate) fn traded(&mut self, trades: u64, first: Px, last: Px) {
        self.trades += trades;
        self.last_px = last;
        self.low = self.low.min(first.0).min(last.0);
        self.high = self.high.max(first.0).max(last.0);
        self.is_to_look = true;
    }
}

/// What of an order is still to be dealt with while it comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Open {
    /// `LeavesQty`.
    pub(crate) leaves: i64,
    /// `OrderQty`.
    pub(crate) qty: i64,
}

impl Open {
    /// `CumQty`.
    #[inline]
    pub(crate) const fn cum(self) -> i64 {
        self.qty - self.leaves
    }
}

/// What the books share: where orders stand.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) slab: Slab,
    pub(crate) queues: Queues,
    pub(crate) pool: Pool,
    pub(crate) expiries: Expiries,
    /// By book, as [`STOP_LADDERS`].
    pub(crate) stops: Box<[[StopLadder; 4]]>,
}

impl Shelf {
    /// Puts what is open of an order at the end of its price's queue. There is room.
    #[inline]
    pub(crate) fn rest<S: Sink>(
        &mut self,
        book: &mut Book,
        instrument: InstrumentId,
        order: &NewOrder,
        open: Open,
        sink: &mut S,
    ) {
        let (side, px) = (order.side, order.px.0);
        let shown = match order.display_qty.0 {
            0 => open.leaves,
            display => open.leaves.min(display),
        };
        let level = book.sides[at(side)].level_at(&mut self.pool, rank_of(side, px));
        let marks = Marks::new(side, order.post_only, order.self_trade, order.reduce_only);
        let slot = self.put(instrument, order, open, shown, marks, level);
        self.say_order(slot, OrderDeltaKind::Add, sink);
        self.say_level(instrument, side, px, level, sink);
    }

    /// The same of a limit order of the plainest kind, all of which is open.
    #[expect(clippy::inline_always, reason = "a call would write the order to memory")]
    #[inline(always)]
    pub(crate) fn rest_plain<S: Sink>(
        &mut self,
        book: &mut Book,
        instrument: InstrumentId,
        order: &NewOrder,
        home: Home,
        sink: &mut S,
    ) {
        let (side, px, qty) = (order.side, order.px.0, order.qty.0);
        let level = book.sides[at(side)].level_at(&mut self.pool, rank_of(side, px));
        let marks = Marks::new(side, PostOnly::No, order.self_trade, false);
        let open = Open { leaves: qty, qty };
        let slot = self.append(instrument, order, home, open, qty, marks, level);
        self.say_order(slot, OrderDeltaKind::Add, sink);
        self.say_level(instrument, side, px, level, sink);
    }

    /// Puts an order at the end of a level's queue, and notes what only some orders have: its slot.
    pub(crate) fn put(
        &mut self,
        instrument: InstrumentId,
        order: &NewOrder,
        open: Open,
        shown: i64,
        mut marks: Marks,
        level: u32,
    ) -> u32 {
        if order.display_qty.0 != 0 {
            marks = marks.iceberg();
        }
        if order.expire_ts != 0 {
            marks = marks.timed();
        }
        let home = self.slab.home(order.order_id);
        let slot = self.append(instrument, order, home, open, shown, marks, level);
        if marks.is_iceberg() {
            self.slab.rare_mut(slot).display = order.display_qty.0;
        }
        if marks.is_timed() {
            self.slab.rare_mut(slot).expire_ts = order.expire_ts;
            self.expiries.add(&mut self.slab, slot);
        }
        slot
    }

    /// Puts an order that is in no queue at the end of a level's.
    pub(crate) fn link(&mut self, level: u32, slot: u32) {
        let node = self.slab.node_mut(slot);
        node.level = level;
        self.pool.level_mut(level).shown += node.shown;
        self.queues.join(level, slot);
    }

    /// Writes a new order to the end of a level's queue: its slot.
    #[expect(clippy::inline_always, reason = "as rest_plain")]
    #[inline(always)]
    #[expect(clippy::too_many_arguments)]
    fn append(
        &mut self,
        instrument: InstrumentId,
        order: &NewOrder,
        home: Home,
        open: Open,
        shown: i64,
        marks: Marks,
        level: u32,
    ) -> u32 {
        let node = Node {
            order_id: order.order_id,
            px: order.px.0,
            shown,
            hidden: open.leaves - shown,
            qty: open.qty,
            level,
            book: instrument.0,
            client: order.client,
            session: order.session,
            marks,
            ..Node::FREE
        };
        let slot = self.slab.add(home, node);
        self.pool.level_mut(level).shown += shown;
        self.queues.join(level, slot);
        slot
    }

    /// Takes an order out of its level's queue; true if the level has none left.
    #[expect(clippy::inline_always, reason = "once a message")]
    #[inline(always)]
    pub(crate) fn detach(&mut self, slot: u32) -> bool {
        let &Node { level, shown, .. } = self.slab.node(slot);
        self.pool.level_mut(level).shown -= shown;
        self.queues.leave(slot)
    }

    /// Takes an order in the market out of the books.
    #[expect(clippy::inline_always, reason = "once a message")]
    #[inline(always)]
    pub(crate) fn take_out<S: Sink>(&mut self, book: &mut Book, slot: u32, sink: &mut S) {
        self.say_order(slot, OrderDeltaKind::Remove, sink);
        let &Node { level, marks, px, .. } = self.slab.node(slot);
        if self.detach(slot) {
            book.sides[at(marks.side())].remove(&mut self.pool, level);
            self.say_gone(slot, sink);
        } else {
            let instrument = InstrumentId(self.slab.node(slot).book);
            self.say_level(instrument, marks.side(), px, level, sink);
        }
        if marks.is_timed() {
            self.expiries.remove(&mut self.slab, slot);
        }
        self.slab.remove(slot);
    }

    /// Takes a waiting stop out.
    pub(crate) fn take_out_stop(&mut self, book: &mut Book, slot: u32) {
        self.detach_stop(book, slot);
        self.drop_stop(slot);
    }

    /// Takes a waiting stop off its ladder; it is still an open order.
    pub(crate) fn detach_stop(&mut self, book: &mut Book, slot: u32) {
        let &Node {
            level,
            marks,
            book: instrument,
            ..
        } = self.slab.node(slot);
        if self.detach(slot) {
            let ladder = &mut self.stops[instrument as usize][stop_ladder(marks.side(), marks.trigger())];
            ladder.remove(&mut self.pool, level);
        }
        book.stops -= 1;
    }

    /// Ends a stop that is on no ladder.
    pub(crate) fn drop_stop(&mut self, slot: u32) {
        let marks = self.slab.node(slot).marks;
        if marks.is_timed() {
            self.expiries.remove(&mut self.slab, slot);
        }
        self.slab.remove(slot);
    }

    #[inline]
    pub(crate) fn say_order<S: Sink>(&self, slot: u32, kind: OrderDeltaKind, sink: &mut S) {
        if S::ORDERS {
            let node = self.slab.node(slot);
            let qty = match kind {
                OrderDeltaKind::Remove => 0,
                _ => node.shown,
            };
            sink.order(&OrderDelta {
                kind,
                instrument: InstrumentId(node.book),
                side: node.marks.side(),
                order_id: node.order_id,
                px: Px(node.px),
                qty: Qty(qty),
            });
        }
    }

    #[inline]
    pub(crate) fn say_level<S: Sink>(
        &self,
        instrument: InstrumentId,
        side: Side,
        px: i64,
        level: u32,
        sink: &mut S,
    ) {
        if S::LEVELS {
            sink.level(&LevelDelta {
                instrument,
                side,
                px: Px(px),
                qty: Qty(self.pool.level(level).shown),
            });
        }
    }

    /// An order was the last at its price, which is gone.
    #[inline]
    pub(crate) fn say_gone<S: Sink>(&self, slot: u32, sink: &mut S) {
        if S::LEVELS {
            let node = self.slab.node(slot);
            sink.level(&LevelDelta {
                instrument: InstrumentId(node.book),
                side: node.marks.side(),
                px: Px(node.px),
                qty: Qty::ZERO,
            });
        }
    }

    /// What an open order is, as told.
    pub(crate) fn order(&self, slot: u32) -> BookOrder {
        let node = self.slab.node(slot);
        let stop_px = if node.marks.is_stop() {
            self.slab.rare(slot).stop_px
        } else {
            Px::NONE
        };
        BookOrder {
            instrument: InstrumentId(node.book),
            order_id: node.order_id,
            client: node.client,
            session: node.session,
            side: node.marks.side(),
            px: Px(node.px),
            qty: Qty(node.qty),
            leaves: Qty(node.leaves()),
            shown: Qty(if node.marks.is_stop() { 0 } else { node.shown }),
            stop_px,
        }
    }

    /// Something happened to an open order, which goes on.
    pub(crate) fn report(&self, slot: u32, exec_type: ExecType, reason: Reason) -> Report {
        let node = self.slab.node(slot);
        let ord_status = if node.cum() == 0 {
            OrdStatus::New
        } else {
            OrdStatus::PartiallyFilled
        };
        Report {
            exec_type,
            ord_status,
            reason,
            instrument: InstrumentId(node.book),
            order_id: node.order_id,
            client: node.client,
            session: node.session,
            side: node.marks.side(),
            px: Px(node.px),
            qty: Qty(node.qty),
            leaves: Qty(node.leaves()),
            cum: Qty(node.cum()),
        }
    }

    /// An open order ends now.
    #[inline]
    pub(crate) fn last_report(&self, slot: u32, ord_status: OrdStatus, reason: Reason) -> Report {
        let exec_type = match ord_status {
            OrdStatus::Expired => ExecType::Expired,
            _ => ExecType::Canceled,
        };
        Report {
            exec_type,
            ord_status,
            leaves: Qty::ZERO,
            ..self.report(slot, exec_type, reason)
        }
    }
}

/// Something happened to an order that comes.
#[inline]
pub(crate) fn report_of(
    instrument: InstrumentId,
    order: &NewOrder,
    open: Open,
    exec_type: ExecType,
    reason: Reason,
) -> Report {
    let (ord_status, leaves) = match exec_type {
        ExecType::Canceled => (OrdStatus::Canceled, 0),
        _ if open.cum() == 0 => (OrdStatus::New, open.leaves),
        _ => (OrdStatus::PartiallyFilled, open.leaves),
    };
    Report {
        exec_type,
        ord_status,
        reason,
        instrument,
        order_id: order.order_id,
        client: order.client,
        session: order.session,
        side: order.side,
        px: order.px,
        qty: Qty(open.qty),
        leaves: Qty(leaves),
        cum: Qty(open.cum()),
    }
}
