//! The twin's orders at venues.

use pinrail_types::{StrategyId, VenueId};

use super::*;
use crate::orders::OrderMarket;
use crate::twin::orders::{FEES_E8, LOT_UNITS};

/// What happened to what a venue holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Money {
    Said(VenueId, AssetId, i128),
    Spent(VenueId, AssetId, i128),
    /// A fill as of a time.
    Filled(VenueId, u64),
}

fn ceil(amount: i128, by: i128) -> i128 {
    (amount + by - 1).div_euclid(by)
}

/// What so much of an order could take from the venue.
fn cost(order: &NewVenueOrder, qty: Qty) -> (AssetId, i128) {
    let quote = quote_of(order.instrument.0);
    let worth = i128::from(order.px.0 * qty.0 * 10);
    if order.side == Side::Buy {
        let fee = i128::from(FEES_E8[order.venue.index()].max(0));
        (quote, worth + ceil(worth * fee, i128::from(E8)))
    } else {
        let base = AssetId(1 - quote.0);
        (base, i128::from(qty.0) * LOT_UNITS[base.index()])
    }
}

/// An order at a venue, and what is to take its place.
#[derive(Clone, Copy, Debug)]
pub(in crate::twin) struct Placed {
    pub(in crate::twin) order: NewVenueOrder,
    pub(in crate::twin) filled: i64,
    /// At which price, and how much in all.
    pub(in crate::twin) replacement: Option<(Px, i64)>,
}

impl Placed {
    /// Each of both that may be filled: at which price, and how much more.
    fn each(&self) -> impl Iterator<Item = (Px, i64)> {
        let stands = (self.order.px, self.order.qty.0);
        let both = [Some(stands), self.replacement];
        let filled = self.filled;
        both.into_iter()
            .flatten()
            .map(move |(px, qty)| (px, (qty - filled).max(0)))
    }

    /// How much more may be filled.
    pub(in crate::twin) fn left(&self) -> i64 {
        self.each().map(|(_, left)| left).max().unwrap()
    }

    pub(super) fn notional(&self) -> i128 {
        self.each()
            .map(|(px, left)| i128::from(px.0 * left * 10))
            .max()
            .unwrap()
    }

    /// What it could take from the venue.
    fn cost(&self) -> (AssetId, i128) {
        let costs = self.each().map(|(px, left)| {
            let order = NewVenueOrder { px, ..self.order };
            cost(&order, Qty(left))
        });
        costs.max_by_key(|(_, amount)| *amount).unwrap()
    }

    /// The prices at which it may be filled.
    pub(in crate::twin) fn prices(&self) -> impl Iterator<Item = Px> {
        self.each().map(|(px, _)| px)
    }
}

/// What more there would be.
struct More {
    lots: i64,
    notional: i128,
    spent: i128,
}

impl Naive {
    /// Puts a price and a quantity in the place of those of an open order.
    pub(in crate::twin) fn replace(
        &mut self,
        at: usize,
        (px, qty): (Px, Qty),
        market: &OrderMarket,
        now: u64,
    ) -> Result<(), Reason> {
        let before = self.orders[at];
        let after = Placed {
            replacement: Some((px, qty.0)),
            ..before
        };
        let order = NewVenueOrder {
            px,
            qty,
            ..before.order
        };
        let more = More {
            lots: after.left() - before.left(),
            notional: after.notional() - before.notional(),
            spent: after.cost().1 - before.cost().1,
        };
        self.venue_message(order.venue, now).ok_or(Reason::VenueRate)?;
        self.check_order(&order, more.lots)?;
        if self.show(order.instrument.0, market.ref_px, now) {
            self.check_order(&order, more.lots)?;
        }
        self.check_in_market(&order, &more, market)?;
        self.orders[at] = after;
        Ok(())
    }

    pub(in crate::twin) fn order(
        &mut self,
        order: &NewVenueOrder,
        market: &OrderMarket,
        now: u64,
    ) -> Result<(), Reason> {
        if usize::from(order.strategy.0) >= crate::state::STRATEGIES_MAX {
            return Err(Reason::UnknownStrategy);
        }
        if order.venue.0 >= VENUES {
            return Err(Reason::UnknownVenue);
        }
        self.venue_message(order.venue, now).ok_or(Reason::VenueRate)?;
        self.check_order(order, order.qty.0)?;
        if self.show(order.instrument.0, market.ref_px, now) {
            self.check_order(order, order.qty.0)?;
        }
        let placed = Placed {
            order: *order,
            filled: 0,
            replacement: None,
        };
        let more = More {
            lots: order.qty.0,
            notional: placed.notional(),
            spent: placed.cost().1,
        };
        self.check_in_market(order, &more, market)?;
        self.orders.push(placed);
        Ok(())
    }

    /// Takes a token, if there is one; a cancel takes one that is not there yet.
    fn venue_message(&mut self, venue: VenueId, now: u64) -> Option<()> {
        let rate = self.last(LimitKind::VenueRate, venue.0.into(), 0);
        take(&mut self.by_venue, venue.0.into(), rate, now)
    }

    pub(in crate::twin) fn cancel(&mut self, venue: VenueId, now: u64) {
        if let Some(rate) = self.last(LimitKind::VenueRate, venue.0.into(), 0) {
            self.by_venue.push(Message {
                of: venue.0.into(),
                ts: now,
                token_ns: rate.window_ns.div_ceil(rate.value.get() as u64),
                missing_max: u64::MAX,
            });
        }
    }

    fn order_states(&self, order: &NewVenueOrder) -> [((TradingState, Reason), Reason, Reason); 4] {
        let strategy: StrategyId = order.strategy;
        [
            (self.state(Scope::Global, 0), Reason::Halted, Reason::ReduceOnly),
            (
                self.state(Scope::Venue, order.venue.0.into()),
                Reason::VenueHalted,
                Reason::VenueReduceOnly,
            ),
            (
                self.state(Scope::Instrument, order.instrument.0),
                Reason::InstrumentHalted,
                Reason::InstrumentReduceOnly,
            ),
            (
                self.state(Scope::Strategy, strategy.0.into()),
                Reason::StrategyHalted,
                Reason::StrategyReduceOnly,
            ),
        ]
    }

    fn check_order_states(&self, order: &NewVenueOrder, reduces: bool) -> Result<(), Reason> {
        let states = self.order_states(order);
        let or = |why, reason| if why == Reason::None { reason } else { why };
        if let Some(((_, why), reason, _)) = states.iter().find(|state| state.0.0 == TradingState::Halted) {
            return Err(or(*why, *reason));
        }
        match states.iter().find(|state| state.0.0 == TradingState::Reducing) {
            Some(((_, why), _, reason)) if !reduces => Err(or(*why, *reason)),
            _ => Ok(()),
        }
    }

    /// Whether so much more brings the position towards zero and not beyond, with all that is open on its side.
    fn order_reduces(&self, order: &NewVenueOrder, qty: i64) -> bool {
        let position = self.position(order.instrument);
        let (buy, sell) = self.worst(order.instrument);
        match order.side {
            Side::Buy => -position >= buy + qty,
            Side::Sell => position >= sell + qty,
        }
    }

    pub(in crate::twin) fn forbids(&self, order: &NewVenueOrder) -> bool {
        self.check_order_states(order, self.order_reduces(order, 0))
            .is_err()
    }

    /// An order, or one as it would be, which may be filled for so many lots more.
    fn check_order(&self, order: &NewVenueOrder, more: i64) -> Result<(), Reason> {
        self.check_order_states(order, true)?;
        if !self.is_defined(order.instrument.0) {
            return Err(Reason::LimitsMissing);
        }
        if !order.qty.is_orderable() {
            return Err(Reason::QtyUnrepresentable);
        }
        if order.qty.0 % 2 != 0 {
            return Err(Reason::QtyOffGrid);
        }
        if order.qty.0 > self.most(LimitKind::QtyMax, order.instrument.0) as i64 {
            return Err(Reason::QtyAboveMax);
        }
        self.check_order_states(order, self.order_reduces(order, more))
    }

    fn check_in_market(
        &self,
        order: &NewVenueOrder,
        more: &More,
        market: &OrderMarket,
    ) -> Result<(), Reason> {
        if market.ref_px == Px::NONE || order.px == Px::NONE {
            return Err(Reason::PxUnrepresentable);
        }
        if order.px.0 % 2 != 0 {
            return Err(Reason::PxOffGrid);
        }
        if self.is_far(order.instrument, order.px, market.ref_px) {
            return Err(Reason::Collar);
        }
        let crosses = self.orders.iter().any(|held| {
            let there = (held.order.venue, held.order.instrument) == (order.venue, order.instrument);
            let meets = |px| match (order.side, held.order.side) {
                (Side::Buy, Side::Sell) => order.px >= px,
                (Side::Sell, Side::Buy) => order.px <= px,
                _ => false,
            };
            there && held.prices().any(meets)
        });
        if crosses {
            return Err(Reason::SelfTrade);
        }
        let quoted = Quoted {
            bid_px: Px::NONE,
            offer_px: Px::NONE,
            ref_px: market.ref_px,
            mids: market.mids,
        };
        self.check_reference(order.instrument.0, &quoted)?;
        let notional = i128::from(order.px.0 * order.qty.0 * 10);
        if notional > self.most(LimitKind::NotionalMax, order.instrument.0) {
            return Err(Reason::NotionalAboveMax);
        }
        let position = self.position(order.instrument);
        let (buy, sell) = self.worst(order.instrument);
        let (buys, sells) = match order.side {
            Side::Buy => (more.lots, 0),
            Side::Sell => (0, more.lots),
        };
        let most = self.most(LimitKind::PositionMax, order.instrument.0) as i64;
        if (buys > 0 && position + buy + buys > most) || (sells > 0 && sell + sells - position > most) {
            return Err(Reason::PositionLimit);
        }
        let quote = quote_of(order.instrument.0);
        let in_asset = more.notional + self.unexecuted(quote);
        let most = self.last(LimitKind::AssetUnexecuted, quote.0, 0);
        // What adds nothing is not asked.
        if more.notional > 0 && most.is_some_and(|most| in_asset > most.value.get()) {
            return Err(Reason::AssetUnexecuted);
        }
        self.check_exposure_with(order.instrument, buys, sells)?;
        self.check_balance(order, more.spent)
    }

    fn check_balance(&self, order: &NewVenueOrder, wanted: i128) -> Result<(), Reason> {
        if wanted == 0 && order.qty.0 > 0 {
            return Ok(());
        }
        let (asset, _) = cost(order, order.qty);
        let is_said =
            |money: &Money| matches!(money, Money::Said(v, a, _) if (*v, *a) == (order.venue, asset));
        let since = self.money.iter().rposition(is_said);
        let Some(Money::Said(_, _, mut held)) = since.map(|at| self.money[at]) else {
            return Err(Reason::VenueBalance);
        };
        for money in &self.money[since.unwrap_or(0)..] {
            match money {
                Money::Spent(v, a, amount) if (*v, *a) == (order.venue, asset) => held -= amount,
                _ => {}
            }
        }
        for open in self.orders.iter().filter(|open| open.order.venue == order.venue) {
            let (of, amount) = open.cost();
            if of == asset {
                held -= amount;
            }
        }
        if wanted > held {
            return Err(Reason::VenueBalance);
        }
        Ok(())
    }

    /// Lots that open orders would buy and sell.
    pub(super) fn orders_in(&self, instrument: InstrumentId) -> (i64, i64) {
        let there = self
            .orders
            .iter()
            .filter(|held| held.order.instrument == instrument);
        there.fold((0, 0), |(buy, sell), held| match held.order.side {
            Side::Buy => (buy + held.left(), sell),
            Side::Sell => (buy, sell + held.left()),
        })
    }

    pub(in crate::twin) fn balance(
        &mut self,
        venue: VenueId,
        asset: AssetId,
        amount: i128,
        as_of: u64,
    ) -> Result<(), Reason> {
        let is_younger = |money: &Money| matches!(money, Money::Filled(v, ts) if *v == venue && *ts > as_of);
        if self.money.iter().any(is_younger) {
            return Err(Reason::BalanceOutdated);
        }
        self.money.push(Money::Said(venue, asset, amount));
        Ok(())
    }

    /// A fill at a venue, which has been taken off its order.
    pub(in crate::twin) fn order_filled(
        &mut self,
        fill: &NewVenueOrder,
        fee: (AssetId, i128),
        as_of: u64,
        now: u64,
    ) {
        let quote = quote_of(fill.instrument.0);
        let spent = match fill.side {
            Side::Buy => (quote, i128::from(fill.px.0 * fill.qty.0 * 10)),
            Side::Sell => cost(fill, fill.qty),
        };
        for (asset, amount) in [spent, fee] {
            self.money.push(Money::Spent(fill.venue, asset, amount.max(0)));
        }
        self.money.push(Money::Filled(fill.venue, as_of));
        self.events.push(Event::Filled(Fill {
            ask: Ask {
                client: ClientId(u32::MAX),
                instrument: fill.instrument,
                side: Some(fill.side.opposite()),
                qty: fill.qty,
            },
            px: fill.px,
            fee: if fee.0 == quote { fee.1 } else { 0 },
            ts: now,
            duplicate_ns: 0,
        }));
        self.judge_profit(fill.instrument.0);
        self.judge_fills(fill.instrument.0, now);
    }

    pub(in crate::twin) fn halt_venue(&mut self, venue: VenueId, why: Reason) -> bool {
        let target = venue.0.into();
        if self.state(Scope::Venue, target).0 == TradingState::Halted {
            return false;
        }
        self.states.push(State {
            scope: Scope::Venue,
            target,
            now: TradingState::Halted,
            why,
        });
        true
    }
}
