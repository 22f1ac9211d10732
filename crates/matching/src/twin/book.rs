//! One book of the twin: its orders, its stops, and what it last said of them.

use std::collections::BTreeMap;

use pinrail_types::record::{ExecType, OrdStatus};
use pinrail_types::{InstrumentId, Px, Qty, Reason, Side};

use super::order::Order;
use crate::config::BookConfig;
use crate::order::{Phase, Trigger};
use crate::report::{LevelDelta, OrderDelta, OrderDeltaKind, Sink, Top, Uncross};

#[derive(Debug)]
pub(super) struct Book {
    pub(super) instrument: InstrumentId,
    pub(super) config: BookConfig,
    pub(super) phase: Phase,
    pub(super) reference: Option<Px>,
    pub(super) last_px: Option<Px>,
    /// Lowest and highest of the trades that stops have not looked at yet.
    pub(super) low_high: Option<(Px, Px)>,
    /// How many trades there were.
    pub(super) trades: u64,
    /// Zero if the day has no end.
    pub(super) day_end: u64,
    /// In the order in which they trade.
    pub(super) bids: Vec<Order>,
    /// In the order in which they trade.
    pub(super) asks: Vec<Order>,
    /// In the order in which a look triggers them.
    pub(super) stops: Vec<Order>,
    told_levels: BTreeMap<(Px, bool), Qty>,
    told_top: Top,
    told_uncross: Uncross,
}

impl Book {
    pub(super) fn new(instrument: InstrumentId, config: BookConfig) -> Book {
        Book {
            instrument,
            config,
            phase: Phase::Halted,
            reference: None,
            last_px: None,
            low_high: None,
            trades: 0,
            day_end: 0,
            bids: Vec::new(),
            asks: Vec::new(),
            stops: Vec::new(),
            told_levels: BTreeMap::new(),
            told_top: Top::EMPTY,
            told_uncross: Uncross::NONE,
        }
    }

    pub(super) fn side(&self, side: Side) -> &Vec<Order> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    pub(super) fn side_mut(&mut self, side: Side) -> &mut Vec<Order> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Every open order, in the order of a mass cancel.
    pub(super) fn all(&self) -> impl Iterator<Item = &Order> {
        self.bids.iter().chain(&self.asks).chain(&self.stops)
    }

    pub(super) fn find(&self, order_id: u64) -> Option<&Order> {
        self.all().find(|order| order.terms.order_id == order_id)
    }

    pub(super) fn find_mut(&mut self, order_id: u64) -> Option<&mut Order> {
        let all = self.bids.iter_mut().chain(&mut self.asks).chain(&mut self.stops);
        all.into_iter().find(|order| order.terms.order_id == order_id)
    }

    /// The other side's best price, if one who trades at `px` or better reaches it.
    pub(super) fn first_px_across(&self, side: Side, px: Px) -> Option<Px> {
        let best = self.side(side.opposite()).first()?.terms.px;
        is_reached(side, px, best).then_some(best)
    }

    pub(super) fn is_crossed(&self) -> bool {
        let best_bid = self.bids.first().map(|order| order.terms.px);
        best_bid.is_some_and(|px| self.first_px_across(Side::Buy, px).is_some())
    }

    /// The order rests from now on, last at its price.
    pub(super) fn rest<S: Sink>(&mut self, mut order: Order, sink: &mut S) {
        order.show();
        say_order(&order, OrderDeltaKind::Add, sink);
        let side = self.side_mut(order.terms.side);
        let is_before =
            |resting: &Order| is_reached(order.terms.side.opposite(), order.terms.px, resting.terms.px);
        let place = side.iter().position(|resting| !is_before(resting));
        side.insert(place.unwrap_or(side.len()), order);
    }

    /// The stop waits from now on, last of those of its price.
    pub(super) fn wait(&mut self, stop: Order) {
        let place = self
            .stops
            .iter()
            .position(|other| stop_rank(other) > stop_rank(&stop));
        self.stops.insert(place.unwrap_or(self.stops.len()), stop);
    }

    /// Takes an open order out, from where it rests or waits; nothing is reported.
    pub(super) fn take<S: Sink>(&mut self, order_id: u64, sink: &mut S) -> Option<Order> {
        for orders in [&mut self.bids, &mut self.asks, &mut self.stops] {
            if let Some(place) = orders.iter().position(|order| order.terms.order_id == order_id) {
                let order = orders.remove(place);
                if !order.is_waiting() {
                    say_order(&order, OrderDeltaKind::Remove, sink);
                }
                return Some(order);
            }
        }
        None
    }

    /// Ends an open order.
    pub(super) fn cancel<S: Sink>(&mut self, order_id: u64, reason: Reason, sink: &mut S) {
        if let Some(order) = self.take(order_id, sink) {
            sink.report(&order.canceled_report(reason));
        }
    }

    /// Ends an open order whose time is over.
    pub(super) fn expire<S: Sink>(&mut self, order_id: u64, sink: &mut S) {
        if let Some(order) = self.take(order_id, sink) {
            let expired = Some(OrdStatus::Expired);
            sink.report(&order.report(ExecType::Expired, Reason::OrderExpired, expired));
        }
    }

    /// An order that rests is for no more than this from now on, at the place where it stands.
    pub(super) fn reduce<S: Sink>(&mut self, order_id: u64, leaves: i64, sink: &mut S) {
        let Some(order) = self.find_mut(order_id) else {
            return;
        };
        let shown = order.shown;
        order.set_leaves(leaves);
        sink.report(&order.open_report(ExecType::Replaced));
        if order.shown != shown {
            say_order(order, OrderDeltaKind::Change, sink);
        }
    }

    /// The prices of a side, best first, and what is shown there.
    pub(super) fn levels(&self, side: Side) -> Vec<(Px, Qty)> {
        let mut levels: Vec<(Px, Qty)> = Vec::new();
        for order in self.side(side) {
            match levels.last_mut() {
                Some((px, qty)) if *px == order.terms.px => qty.0 += order.shown,
                _ => levels.push((order.terms.px, Qty(order.shown))),
            }
        }
        levels
    }

    pub(super) fn top(&self) -> Top {
        let best = |side| {
            self.levels(side)
                .first()
                .copied()
                .unwrap_or((Px::NONE, Qty::ZERO))
        };
        let (bid_px, bid_qty) = best(Side::Buy);
        let (ask_px, ask_qty) = best(Side::Sell);
        Top {
            bid_px,
            bid_qty,
            ask_px,
            ask_qty,
        }
    }

    /// Says what is otherwise than it was last said: prices, the top, what the auction would come to.
    pub(super) fn tell<S: Sink>(&mut self, sink: &mut S) {
        self.tell_levels(sink);
        let top = self.top();
        if S::TOPS && top != self.told_top {
            sink.top(self.instrument, &top);
        }
        self.told_top = top;
        if matches!(self.phase, Phase::Auction | Phase::Continuous) {
            let uncross = self.uncross();
            if uncross != self.told_uncross {
                sink.uncross(self.instrument, &uncross);
            }
            self.told_uncross = uncross;
        }
    }

    fn tell_levels<S: Sink>(&mut self, sink: &mut S) {
        let mut levels = BTreeMap::new();
        for side in [Side::Buy, Side::Sell] {
            let of_side = self.levels(side).into_iter();
            levels.extend(of_side.map(|(px, qty)| ((px, side == Side::Buy), qty)));
        }
        let gone = self.told_levels.keys().filter(|at| !levels.contains_key(at));
        let gone = gone.map(|at| (at, &Qty::ZERO));
        let changed = levels
            .iter()
            .filter(|(at, qty)| self.told_levels.get(at) != Some(qty));
        for ((px, is_bid), qty) in gone.chain(changed) {
            if S::LEVELS {
                sink.level(&LevelDelta {
                    instrument: self.instrument,
                    side: if *is_bid { Side::Buy } else { Side::Sell },
                    px: *px,
                    qty: *qty,
                });
            }
        }
        self.told_levels = levels;
    }
}

/// Whether one who trades on `side` at `limit` or better reaches `px`.
pub(super) fn is_reached(side: Side, limit: Px, px: Px) -> bool {
    match side {
        Side::Buy => px <= limit,
        Side::Sell => px >= limit,
    }
}

/// Where a stop stands among stops: buys by last trade, sells by last trade, buys by reference, sells by reference; of each
/// the nearest first.
fn stop_rank(stop: &Order) -> (bool, bool, i64) {
    let by_reference = stop.terms.trigger == Trigger::Reference;
    let is_sell = stop.terms.side == Side::Sell;
    (
        by_reference,
        is_sell,
        stop.terms.stop_px.0 * stop.terms.side.sign(),
    )
}

/// Says that an order is shown otherwise than before.
pub(super) fn say_order<S: Sink>(order: &Order, kind: OrderDeltaKind, sink: &mut S) {
    if S::ORDERS {
        let is_gone = kind == OrderDeltaKind::Remove;
        sink.order(&OrderDelta {
            kind,
            instrument: order.instrument,
            side: order.terms.side,
            order_id: order.terms.order_id,
            px: order.terms.px,
            qty: Qty(if is_gone { 0 } else { order.shown }),
        });
    }
}
