//! How orders of the twin trade: one that comes, and the stops that this triggers.

use std::collections::VecDeque;

use pinrail_types::record::{ExecType, OrdType, TimeInForce};
use pinrail_types::{Px, Qty, Reason, Side};

use super::book::{Book, is_reached, say_order};
use super::order::{Order, can_rest};
use crate::order::{Phase, SelfTrade, Trigger};
use crate::report::{Fill, OrderDeltaKind, Sink};

/// How much the order may trade by what its client's position allows.
pub(super) fn may_trade<S: Sink>(order: &Order, sink: &S) -> i64 {
    if !order.terms.reduce_only {
        return i64::MAX;
    }
    let reducible = sink.reducible(order.instrument, order.terms.client, order.terms.side);
    reducible.0.max(0)
}

impl Book {
    /// An accepted order comes to the market. It is cancelled if less than `least` can be reached.
    pub(super) fn come<S: Sink>(&mut self, mut order: Order, least: i64, sink: &mut S) {
        if self.phase == Phase::Auction {
            return self.rest(order, sink);
        }
        if least > 0 && self.reach(&order, sink) < least {
            return sink.report(&order.canceled_report(Reason::MinQty));
        }
        while order.leaves > 0 && self.first_px_across(order.terms.side, order.terms.px).is_some() {
            if let Err(reason) = self.meet(&mut order, sink) {
                return sink.report(&order.canceled_report(reason));
            }
        }
        if order.leaves == 0 {
            return;
        }
        if can_rest(&order.terms) {
            self.rest(order, sink);
        } else {
            sink.report(&order.canceled_report(Reason::ImmediateOrCancel));
        }
    }

    /// How much must trade at once for any of it to trade.
    pub(super) fn least_of(order: &Order) -> i64 {
        match order.terms.time_in_force {
            TimeInForce::FillOrKill => order.leaves,
            _ => order.terms.min_qty.0.min(order.leaves),
        }
    }

    /// How much of the other side the order can reach.
    fn reach<S: Sink>(&self, order: &Order, sink: &S) -> i64 {
        let across = self.side(order.terms.side.opposite()).iter();
        let reached: Vec<&Order> = across
            .take_while(|resting| is_reached(order.terms.side, order.terms.px, resting.terms.px))
            .collect();
        let is_own = |resting: &Order| resting.terms.client == order.terms.client;
        let passes_own = matches!(order.terms.self_trade, SelfTrade::Allow | SelfTrade::CancelOldest);
        let end = reached.iter().find(|resting| !passes_own && is_own(resting));
        let mut reach: i64 = 0;
        for resting in &reached {
            if end.is_some_and(|end| end.terms.order_id == resting.terms.order_id) {
                break;
            }
            let is_passed_over = order.terms.self_trade == SelfTrade::CancelOldest && is_own(resting);
            if resting.terms.reduce_only || is_passed_over {
                continue;
            }
            // What is shown anew stands behind the order that ends the count.
            let is_beside_end = end.is_some_and(|end| end.terms.px == resting.terms.px);
            let open = if is_beside_end {
                resting.shown
            } else {
                resting.leaves
            };
            reach = reach.saturating_add(open);
        }
        reach.min(may_trade(order, sink))
    }

    /// The order meets the first of the other side. An error is why what is left of it is to be cancelled.
    fn meet<S: Sink>(&mut self, order: &mut Order, sink: &mut S) -> Result<(), Reason> {
        let across = order.terms.side.opposite();
        let resting = &self.side(across)[0];
        let resting_id = resting.terms.order_id;
        let most = may_trade(order, sink);
        if most == 0 {
            return Err(Reason::ReduceOnlyOrder);
        }
        let most_resting = may_trade(resting, sink);
        if most_resting == 0 {
            self.cancel(resting_id, Reason::ReduceOnlyOrder, sink);
            return Ok(());
        }
        if resting.terms.client == order.terms.client {
            match order.terms.self_trade {
                SelfTrade::Allow => {}
                SelfTrade::CancelNewest => return Err(Reason::SelfTradePrevented),
                SelfTrade::CancelOldest => {
                    self.cancel(resting_id, Reason::SelfTradePrevented, sink);
                    return Ok(());
                }
                SelfTrade::CancelBoth => {
                    self.cancel(resting_id, Reason::SelfTradePrevented, sink);
                    return Err(Reason::SelfTradePrevented);
                }
                SelfTrade::Decrement => {
                    self.decrement(order, sink);
                    return Ok(());
                }
            }
        }
        let qty = order.leaves.min(resting.shown).min(most).min(most_resting);
        order.leaves -= qty;
        let px = resting.terms.px;
        let mut maker = resting.party();
        maker.leaves.0 -= qty;
        maker.cum.0 += qty;
        let fill = Fill {
            instrument: self.instrument,
            trade_id: self.next_trade_id(px),
            px,
            qty: Qty(qty),
            side: order.terms.side,
            taker: order.party(),
            maker,
            is_auction: false,
        };
        sink.fill(&fill);
        self.shrink_first(across, qty, sink);
        Ok(())
    }

    /// Both the order and the first of the other side lose the same quantity without a trade.
    fn decrement<S: Sink>(&mut self, order: &mut Order, sink: &mut S) {
        let across = order.terms.side.opposite();
        let resting = &mut self.side_mut(across)[0];
        let qty = order.leaves.min(resting.shown);
        // The quantity falls with what is open of it, so that what was filled stays.
        resting.terms.qty.0 -= qty;
        order.terms.qty.0 -= qty;
        order.leaves -= qty;
        let mut after = resting.clone();
        after.leaves -= qty;
        for order in [&after, order] {
            sink.report(&if order.leaves == 0 {
                order.canceled_report(Reason::SelfTradePrevented)
            } else {
                order.report(ExecType::Restated, Reason::SelfTradePrevented, None)
            });
        }
        self.shrink_first(across, qty, sink);
    }

    /// The number of the trade that happens now at `px`.
    pub(super) fn next_trade_id(&mut self, px: Px) -> u64 {
        let (low, high) = self.low_high.unwrap_or((px, px));
        self.low_high = Some((low.min(px), high.max(px)));
        self.last_px = Some(px);
        self.trades += 1;
        self.trades
    }

    /// The first of a side has lost so much of what is shown of it. Where nothing is shown any more, it is shown anew at the
    /// end of its price's queue, or is gone.
    pub(super) fn shrink_first<S: Sink>(&mut self, side: Side, qty: i64, sink: &mut S) {
        let order = &mut self.side_mut(side)[0];
        order.leaves -= qty;
        order.shown -= qty;
        if order.shown > 0 {
            return say_order(order, OrderDeltaKind::Change, sink);
        }
        let order = self.side_mut(side).remove(0);
        say_order(&order, OrderDeltaKind::Remove, sink);
        if order.leaves > 0 {
            self.rest(order, sink);
        }
    }

    /// Triggers the stops that are reached, and those that are reached by what they trade, until it is quiet.
    pub(super) fn trigger_stops<S: Sink>(&mut self, sink: &mut S) {
        if self.phase != Phase::Continuous {
            return;
        }
        let mut queue = VecDeque::new();
        loop {
            queue.extend(self.take_reached());
            let Some(stop) = queue.pop_front() else {
                return;
            };
            self.trigger(stop, sink);
        }
    }

    /// A look: takes out the stops that are reached, in the order in which they stand.
    fn take_reached(&mut self) -> Vec<Order> {
        let by_trade = self.low_high;
        let by_reference = self.reference.map(|px| (px, px));
        self.low_high = self.last_px.map(|px| (px, px));
        let is_triggered = |stop: &Order| {
            let low_high = match stop.terms.trigger {
                Trigger::LastTrade => by_trade,
                Trigger::Reference => by_reference,
            };
            low_high.is_some_and(|(low, high)| match stop.terms.side {
                Side::Buy => high >= stop.terms.stop_px,
                Side::Sell => low <= stop.terms.stop_px,
            })
        };
        let stops = std::mem::take(&mut self.stops);
        let (reached, waiting) = stops.into_iter().partition(is_triggered);
        self.stops = waiting;
        reached
    }

    /// A stop becomes a market or a limit order and comes to the market.
    fn trigger<S: Sink>(&mut self, mut stop: Order, sink: &mut S) {
        stop.terms.ord_type = match stop.terms.ord_type {
            OrdType::Stop => OrdType::Market,
            _ => OrdType::Limit,
        };
        stop.terms.stop_px = Px::NONE;
        let refused = sink.may_trigger(stop.instrument, &stop.terms);
        if refused != Reason::None {
            return sink.report(&stop.canceled_report(refused));
        }
        sink.report(&stop.open_report(ExecType::Triggered));
        if may_trade(&stop, sink) == 0 {
            return sink.report(&stop.canceled_report(Reason::ReduceOnlyOrder));
        }
        let least = Book::least_of(&stop);
        self.come(stop, least, sink);
    }
}
