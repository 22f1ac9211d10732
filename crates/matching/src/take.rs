//! An order that comes trades with those that rest.

use pinrail_types::record::{ExecType, OrdStatus, TimeInForce};
use pinrail_types::{InstrumentId, Px, Qty, Reason, Side};

use crate::book::{Book, Open, Shelf, at, report_of};
use crate::level::{NIL, px_of, rank_of};
use crate::order::{NewOrder, SelfTrade};
use crate::report::{Fill, OrderDeltaKind, Party, Sink};
use crate::slab::Node;

/// How far an order came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing of it is left.
    Done,
    /// Nothing is left at its price or better.
    Rests,
    /// What is left of it is to be cancelled.
    Cancels(Reason),
    /// It goes on with the next step.
    Pauses,
}

/// What is to be done with the order that is next in a queue.
enum Next {
    Trade(i64),
    /// It is gone, or shows less: look again.
    Again,
    End(End),
    /// It is gone, and the one that comes is to end.
    BothEnd(End),
}

impl Shelf {
    /// Trades until the order is done, or the steps are.
    #[inline]
    pub(crate) fn take<S: Sink>(
        &mut self,
        book: &mut Book,
        instrument: InstrumentId,
        order: &NewOrder,
        open: &mut Open,
        steps: &mut usize,
        sink: &mut S,
    ) -> End {
        let opposite = order.side.opposite();
        let worst = rank_of(opposite, order.px.0);
        // Of the level that was taken from last, if it is still there.
        let mut touched = NIL;
        let (mut trades, mut first_px, mut last_px) = (0, Px::NONE, Px::NONE);
        let end = loop {
            if open.leaves == 0 {
                break End::Done;
            }
            let ladder = &book.sides[at(opposite)];
            if ladder.best_rank() > worst {
                break End::Rests;
            }
            if *steps == 0 {
                break End::Pauses;
            }
            let level = ladder.best_level();
            let px = Px(px_of(opposite, ladder.best_rank()));
            let mut slot = self.queues.first(level);
            let mut most = open.leaves;
            if is_special(order, self.slab.node(slot)) {
                match self.next_of(book, instrument, order, open, slot, steps, sink) {
                    Next::Trade(qty) => most = qty,
                    Next::Again => {
                        touched = NIL;
                        continue;
                    }
                    Next::End(end) => break end,
                    Next::BothEnd(end) => {
                        touched = NIL;
                        break end;
                    }
                }
            }
            if trades == 0 {
                first_px = px;
            }
            last_px = px;
            // With it and those behind it at this price, as far as there is nothing special about them.
            let mut filled = 0;
            let rest = loop {
                let node = self.slab.node_mut(slot);
                let qty = most.min(node.shown);
                *steps -= 1;
                open.leaves -= qty;
                filled += qty;
                node.shown -= qty;
                trades += 1;
                sink.fill(&Fill {
                    instrument,
                    trade_id: book.trades + trades,
                    px,
                    qty: Qty(qty),
                    side: order.side,
                    taker: taker(order, *open),
                    maker: party(node),
                    is_auction: false,
                });
                let &Node { shown, hidden, .. } = self.slab.node(slot);
                if shown > 0 || hidden > 0 {
                    break slot;
                }
                let next = self.queues.next(slot);
                self.say_order(slot, OrderDeltaKind::Remove, sink);
                self.forget(slot);
                if next == NIL || open.leaves == 0 || *steps == 0 || is_special(order, self.slab.node(next)) {
                    break next;
                }
                (slot, most) = (next, open.leaves);
            };
            self.pool.level_mut(level).shown -= filled;
            self.queues.leave_before(level, rest);
            touched = level;
            if rest == NIL {
                book.sides[at(opposite)].remove(&mut self.pool, level);
                self.say_gone(slot, sink);
                touched = NIL;
            } else if rest == slot {
                self.say_left(slot, sink);
            }
        };
        if trades > 0 {
            book.traded(trades, first_px, last_px);
        }
        if S::LEVELS && touched != NIL {
            let px = self.slab.node(self.queues.first(touched)).px;
            self.say_level(instrument, opposite, px, touched, sink);
        }
        end
    }

    /// Takes a quantity that was filled of the first of a queue off its level; off what it shows it was taken already. True if
    /// the level is gone; else what the level shows is still to be said.
    pub(crate) fn filled<S: Sink>(&mut self, book: &mut Book, slot: u32, qty: i64, sink: &mut S) -> bool {
        let &Node {
            shown,
            hidden,
            level,
            marks,
            ..
        } = self.slab.node(slot);
        self.pool.level_mut(level).shown -= qty;
        if shown > 0 || hidden > 0 {
            self.say_left(slot, sink);
            return false;
        }
        self.say_order(slot, OrderDeltaKind::Remove, sink);
        let is_gone = self.queues.leave(slot);
        if is_gone {
            book.sides[at(marks.side())].remove(&mut self.pool, level);
            self.say_gone(slot, sink);
        }
        self.forget(slot);
        is_gone
    }

    /// Ends an order that is in no queue any more.
    #[inline]
    fn forget(&mut self, slot: u32) {
        if self.slab.node(slot).marks.is_timed() {
            self.expiries.remove(&mut self.slab, slot);
        }
        self.slab.remove(slot);
    }

    /// An order was filled in part: it shows less, or shows more anew.
    #[inline]
    fn say_left<S: Sink>(&mut self, slot: u32, sink: &mut S) {
        if self.slab.node(slot).shown > 0 {
            self.say_order(slot, OrderDeltaKind::Change, sink);
        } else {
            self.refresh(slot, sink);
        }
    }

    /// Shows more of an iceberg, at the end of the queue.
    #[cold]
    fn refresh<S: Sink>(&mut self, slot: u32, sink: &mut S) {
        self.say_order(slot, OrderDeltaKind::Remove, sink);
        self.detach(slot);
        let display = self.slab.rare(slot).display;
        let node = self.slab.node_mut(slot);
        node.shown = node.hidden.min(display);
        node.hidden -= node.shown;
        let level = node.level;
        self.link(level, slot);
        self.say_order(slot, OrderDeltaKind::Add, sink);
    }

    /// Where one of the two only reduces, or both are of one client.
    #[cold]
    #[expect(clippy::too_many_arguments)]
    fn next_of<S: Sink>(
        &mut self,
        book: &mut Book,
        instrument: InstrumentId,
        order: &NewOrder,
        open: &mut Open,
        slot: u32,
        steps: &mut usize,
        sink: &mut S,
    ) -> Next {
        let node = *self.slab.node(slot);
        let mut most = open.leaves.min(node.shown);
        if order.reduce_only {
            most = most.min(sink.reducible(instrument, order.client, order.side).0);
            if most <= 0 {
                return Next::End(End::Cancels(Reason::ReduceOnlyOrder));
            }
        }
        if node.marks.is_reduce_only() {
            most = most.min(sink.reducible(instrument, node.client, node.marks.side()).0);
            if most <= 0 {
                *steps -= 1;
                self.cancel(book, slot, Reason::ReduceOnlyOrder, sink);
                return Next::Again;
            }
        }
        if node.client != order.client || order.self_trade == SelfTrade::Allow {
            return Next::Trade(most);
        }
        *steps -= 1;
        match order.self_trade {
            SelfTrade::Allow => Next::Trade(most),
            SelfTrade::CancelNewest => Next::End(End::Cancels(Reason::SelfTradePrevented)),
            SelfTrade::CancelOldest => {
                self.cancel(book, slot, Reason::SelfTradePrevented, sink);
                Next::Again
            }
            SelfTrade::CancelBoth => {
                self.cancel(book, slot, Reason::SelfTradePrevented, sink);
                Next::BothEnd(End::Cancels(Reason::SelfTradePrevented))
            }
            SelfTrade::Decrement => {
                self.decrement(book, instrument, order, open, slot, sink);
                Next::Again
            }
        }
    }

    fn decrement<S: Sink>(
        &mut self,
        book: &mut Book,
        instrument: InstrumentId,
        order: &NewOrder,
        open: &mut Open,
        slot: u32,
        sink: &mut S,
    ) {
        let node = self.slab.node_mut(slot);
        let qty = open.leaves.min(node.shown);
        node.shown -= qty;
        node.qty -= qty;
        let (px, side, level) = (node.px, node.marks.side(), node.level);
        let report = if node.leaves() == 0 {
            self.last_report(slot, OrdStatus::Canceled, Reason::SelfTradePrevented)
        } else {
            self.report(slot, ExecType::Restated, Reason::SelfTradePrevented)
        };
        sink.report(&report);
        open.leaves -= qty;
        open.qty -= qty;
        let exec_type = if open.leaves == 0 {
            ExecType::Canceled
        } else {
            ExecType::Restated
        };
        let reason = Reason::SelfTradePrevented;
        sink.report(&report_of(instrument, order, *open, exec_type, reason));
        if !self.filled(book, slot, qty, sink) {
            self.say_level(instrument, side, px, level, sink);
        }
    }

    /// Ends an order in the market, and says so.
    pub(crate) fn cancel<S: Sink>(&mut self, book: &mut Book, slot: u32, reason: Reason, sink: &mut S) {
        let report = self.last_report(slot, OrdStatus::Canceled, reason);
        self.take_out(book, slot, sink);
        sink.report(&report);
    }

    /// How much must trade at once, or nothing is to.
    #[inline]
    pub(crate) fn least(order: &NewOrder) -> i64 {
        match order.time_in_force {
            TimeInForce::FillOrKill => order.qty.0,
            _ => order.min_qty.0,
        }
    }
}

#[expect(clippy::needless_bitwise_bool, reason = "one branch for all of it")]
#[inline]
fn is_special(order: &NewOrder, node: &Node) -> bool {
    order.reduce_only
        | node.marks.is_reduce_only()
        | ((order.self_trade != SelfTrade::Allow) & (node.client == order.client))
}

#[inline]
fn taker(order: &NewOrder, open: Open) -> Party {
    Party {
        order_id: order.order_id,
        client: order.client,
        session: order.session,
        leaves: Qty(open.leaves),
        cum: Qty(open.cum()),
    }
}

#[inline]
pub(crate) fn party(node: &Node) -> Party {
    Party {
        order_id: node.order_id,
        client: node.client,
        session: node.session,
        leaves: Qty(node.leaves()),
        cum: Qty(node.cum()),
    }
}

/// Whether what is left of an order rests when nothing more is to be had.
#[inline]
pub(crate) fn can_rest(order: &NewOrder) -> bool {
    use pinrail_types::record::OrdType;
    let has_price = matches!(order.ord_type, OrdType::Limit | OrdType::StopLimit);
    let is_lasting = matches!(
        order.time_in_force,
        TimeInForce::Day | TimeInForce::GoodTillCancel | TimeInForce::GoodTillDate
    );
    has_price & is_lasting
}

/// The price one step behind the best of the other side, at which an order would not trade.
pub(crate) fn behind_best(book: &Book, side: Side) -> Option<Px> {
    let best = book.best_px(side.opposite())?;
    Some(Px(best - side.sign() * book.config.px_step))
}
