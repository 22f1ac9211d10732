//! Orders to venues: what is checked of them, and what they could cost, reserved from when they go out until they end.

use pinrail_types::record::{Scope, TradingState};
use pinrail_types::{
    Amount, AssetId, InstrumentId, NewVenueOrder, Px, Qty, Reason, Side, StrategyId, VenueId,
};

use crate::asset::Worth;
use crate::checks::Check;
use crate::instrument::InstrumentRisk;
use crate::reference::is_within;
use crate::risk::Risk;

/// The market that an order is judged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderMarket {
    /// The venue's tick in the instrument's ticks; at least 1.
    pub tick_multiple: i64,
    /// The venue's lot in the instrument's lots; at least 1.
    pub lot_multiple: i64,
    /// The reference.
    pub ref_px: Px,
    /// Lowest and highest of the middles of the venues' best prices, as in [`Quoted`](crate::Quoted).
    pub mids: (Px, Px),
    /// The best price of the house's own open orders at the venue that this one could meet, or [`Px::NONE`].
    pub own_px: Px,
}

/// What an order could cost.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) notional: i128,
    /// What the venue would take, in this asset.
    pub(crate) asset: AssetId,
    pub(crate) spent: i128,
}

/// Whether what a venue fills of an order is passed on to a client: it is nothing to the house's position.
#[inline]
fn is_passed_on(order: &NewVenueOrder) -> bool {
    order.strategy == StrategyId::AGENCY
}

/// Lots that the house would buy and sell by so much of an order.
#[inline]
pub(crate) fn lots(order: &NewVenueOrder, qty: Qty) -> (i64, i64) {
    if is_passed_on(order) {
        return (0, 0);
    }
    match order.side {
        Side::Buy => (qty.0, 0),
        Side::Sell => (0, qty.0),
    }
}

/// So much of `qty`, which costs `cost`, as may be had for `most`; rounded down.
fn part_of(qty: i64, cost: i128, most: i128) -> i64 {
    if cost <= most {
        return qty;
    }
    let part = most
        .max(0)
        .checked_mul(i128::from(qty))
        .map(|product| product / cost);
    // A product that does not fit: the quotient is below `qty`, so that less precision costs less than all.
    let part = part.unwrap_or_else(|| most / (cost / i128::from(qty.max(1)) + 1));
    i64::try_from(part).unwrap_or(qty).clamp(0, qty.max(0))
}

impl InstrumentRisk {
    /// Whether an order brings the position towards zero, everything open on its side counted, without passing it.
    pub(crate) fn order_reduces(&self, side: Side, qty: Qty) -> bool {
        match side {
            Side::Buy => self.position + self.open_buy + qty.0 <= 0,
            Side::Sell => self.position - self.open_sell - qty.0 >= 0,
        }
    }
}

impl Risk {
    /// Takes what a venue charges at most for a fill. To be called before anything is sent there.
    ///
    /// # Errors
    /// [`Reason::UnknownVenue`] beyond the bound.
    pub fn define_venue(&mut self, venue: VenueId, taker_fee_e8: i32) -> Result<(), Reason> {
        if !self.venues.knows(venue) {
            return Err(Reason::UnknownVenue);
        }
        self.venues.define(venue, taker_fee_e8);
        Ok(())
    }

    /// Takes what a venue holds for the house of an asset, by its clock `as_of`.
    ///
    /// # Errors
    /// [`Reason::UnknownVenue`], [`Reason::UnknownAsset`], [`Reason::BadField`] where it is below zero, or
    /// [`Reason::BalanceOutdated`] where a fill was taken that is younger.
    pub fn set_balance(
        &mut self,
        venue: VenueId,
        asset: AssetId,
        balance: Amount,
        as_of: u64,
    ) -> Result<(), Reason> {
        self.venues.set_balance(venue, asset, balance, as_of)
    }

    /// Checks that an order's ids are known and that its venue may be sent one now, and counts it.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    pub fn admit_venue_order(&mut self, order: &NewVenueOrder, now: u64) -> Result<(), Reason> {
        self.states.get(Scope::Strategy, order.strategy.0.into())?;
        if !self.venues.knows(order.venue) {
            return Err(Reason::UnknownVenue);
        }
        self.instrument(order.instrument)?;
        let is_within = self.venues.take(order.venue, now);
        self.omitted.require(Check::VenueRate, is_within)
    }

    /// Counts a cancel to a venue. It is never refused.
    ///
    /// # Panics
    /// If the venue is beyond the bounds.
    pub fn count_cancel(&mut self, venue: VenueId, now: u64) {
        self.venues.owe(venue, now);
    }

    /// Checks what can be checked of an order without a reference: trading states, limits present, quantity.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    ///
    /// # Panics
    /// If an id is beyond the bounds: the order did not pass [`Risk::admit_venue_order`].
    pub fn check_venue_order(&self, order: &NewVenueOrder, lot_multiple: i64) -> Result<(), Reason> {
        let omitted = self.omitted;
        let instrument = &self.instruments[order.instrument.index()];
        self.states.check_order(order, true, omitted)?;
        omitted.require(Check::LimitsPresent, instrument.has_limits)?;
        omitted.require(Check::QtyRepresentable, order.qty.is_orderable())?;
        let is_on_grid = lot_multiple == 1 || order.qty.0 % lot_multiple == 0;
        omitted.require(Check::QtyGrid, is_on_grid)?;
        omitted.require(Check::QtyMax, order.qty <= instrument.limits.qty_max)?;
        let reduces = !is_passed_on(order) && instrument.order_reduces(order.side, order.qty);
        self.states.check_order(order, reduces, omitted)
    }

    /// Checks an order that passed [`Risk::check_venue_order`] in its market and, if all passes, reserves what it could
    /// cost: the position, the notional, and what its venue would take for it. Nothing is reserved on an error.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    ///
    /// # Panics
    /// If an id is beyond the bounds.
    pub fn reserve_order(
        &mut self,
        order: &NewVenueOrder,
        market: &OrderMarket,
        now: u64,
    ) -> Result<(), Reason> {
        let omitted = self.omitted;
        let at = order.instrument.index();
        let is_due = now >= self.instruments[at].show_at;
        if is_due && self.sample(at, market.ref_px, now) {
            self.check_venue_order(order, market.lot_multiple)?;
        }
        self.check_px(order, market)?;
        let cost = self.cost(order, order.qty)?;
        let instrument = &mut self.instruments[at];
        let asset = &mut self.assets[instrument.quote.index()];
        let limits = &instrument.limits;
        omitted.require(Check::NotionalMax, cost.notional <= limits.notional_max)?;
        let (buys, sells) = lots(order, order.qty);
        let grows = instrument.check_position(buys, sells, omitted)?;
        if instrument.lot_worth == i64::MAX {
            return Err(Reason::Overflow);
        }
        let added = Worth::of(cost.notional, instrument.lot_worth, [buys, sells, grows]);
        if !self.venues.has(order.venue, cost.asset, cost.spent) {
            asset.check(&added, omitted)?;
            omitted.require(Check::VenueBalance, false)?;
        }
        asset.take(&added, omitted)?;
        instrument.open_buy += buys;
        instrument.open_sell += sells;
        self.venues.reserve(order.venue, cost.asset, cost.spent);
        Ok(())
    }

    /// The largest part of `wanted` for which an order to a venue at no more than `px` is within the limits on its quantity and
    /// notional and what the venue holds; other limits are left to [`Risk::reserve_order`].
    ///
    /// # Panics
    /// If an id is beyond the bounds.
    pub fn order_room(
        &self,
        venue: VenueId,
        instrument: InstrumentId,
        side: Side,
        px: Px,
        wanted: Qty,
    ) -> Qty {
        let risk = &self.instruments[instrument.index()];
        let qty = risk.limits.qty_max.min(wanted).0;
        let px = px.0.max(0).unsigned_abs();
        // A product that does not fit is cut to what one lot allows.
        let worth = |qty: i64| risk.worth(px, qty).unwrap_or(i128::MAX);
        let (most, all) = (risk.limits.notional_max, worth(qty));
        let (qty, worth) = if all <= most {
            (qty, all)
        } else {
            let part = part_of(qty, all, most);
            (part, worth(part))
        };
        let (asset, cost) = match side {
            Side::Buy => {
                let fee = self.venues.fee(venue, worth).unwrap_or(i128::MAX);
                (risk.quote, worth.saturating_add(fee))
            }
            Side::Sell => self.venues.base(instrument, qty),
        };
        Qty(part_of(qty, cost, self.venues.free(venue, asset)))
    }

    /// Checks the price alone: on the venue's grid, near the reference, and not against an order of ours.
    pub(crate) fn check_px(&self, order: &NewVenueOrder, market: &OrderMarket) -> Result<(), Reason> {
        let omitted = self.omitted;
        let instrument = &self.instruments[order.instrument.index()];
        // A fee on a price below zero has no agreed meaning.
        let is_px = market.ref_px.is_representable() && order.px.is_representable() && order.px.0 >= 0;
        omitted.require(Check::PxRepresentable, is_px)?;
        let is_on_grid = market.tick_multiple == 1 || order.px.0 % market.tick_multiple == 0;
        omitted.require(Check::PxGrid, is_on_grid)?;
        let away = market.ref_px.0.abs_diff(order.px.0);
        let collar_e8 = instrument.limits.collar_e8.unsigned_abs();
        omitted.require(Check::Collar, is_within(away, market.ref_px, collar_e8))?;
        let crosses = match order.side {
            Side::Buy => market.own_px != Px::NONE && order.px >= market.own_px,
            Side::Sell => market.own_px != Px::NONE && order.px <= market.own_px,
        };
        omitted.require(Check::SelfTrade, !crosses)?;
        instrument.check_reference(market.ref_px, market.mids, omitted)
    }

    /// What `qty` of an order could cost. Less of it costs no more.
    pub(crate) fn cost(&self, order: &NewVenueOrder, qty: Qty) -> Result<Cost, Reason> {
        let instrument = &self.instruments[order.instrument.index()];
        let notional = instrument.worth(order.px.0.unsigned_abs(), qty.0)?;
        let (asset, spent) = match order.side {
            Side::Buy => {
                let fee = self.venues.fee(order.venue, notional)?;
                let spent = notional.checked_add(fee).ok_or(Reason::Overflow)?;
                (instrument.quote, spent)
            }
            Side::Sell => self.venues.base(order.instrument, qty.0),
        };
        Ok(Cost {
            notional,
            asset,
            spent,
        })
    }

    /// Releases what an order reserved for what is no longer left of it: `left` lots of `before`; none when it ended.
    ///
    /// # Panics
    /// If more is released than was reserved, or an id is beyond the bounds.
    pub fn release_order(&mut self, order: &NewVenueOrder, before: Qty, left: Qty) {
        let [was, is] = [before, left].map(|qty| {
            let cost = self.cost(order, qty);
            cost.expect("it was worked out when all of it was reserved")
        });
        self.move_order(order, Qty(before.0 - left.0), &was, &is);
    }

    /// Moves what an order reserves: `released` lots less, or more where that is below zero.
    pub(crate) fn move_order(&mut self, order: &NewVenueOrder, released: Qty, was: &Cost, is: &Cost) {
        let instrument = &mut self.instruments[order.instrument.index()];
        let asset = &mut self.assets[instrument.quote.index()];
        let (buys, sells) = lots(order, released);
        let worst = instrument.worst_with(0, 0);
        instrument.open_buy -= buys;
        instrument.open_sell -= sells;
        let after = instrument.worst_with(0, 0);
        asset.exposure.moves(instrument.lot_worth, &worst, &after);
        asset.unexecuted.add(is.notional - was.notional);
        self.venues.release(order.venue, was.asset, was.spent - is.spent);
        assert!(
            instrument.open_buy >= 0 && instrument.open_sell >= 0 && asset.unexecuted.sum() >= 0,
            "released more than was reserved"
        );
    }

    /// Takes what a fill at a venue spent off what is there: the money or the asset, and the fee. `as_of` is the venue's
    /// time of it.
    ///
    /// # Panics
    /// If an id is beyond the bounds.
    pub fn spend(&mut self, fill: &NewVenueOrder, fee: (AssetId, Amount), as_of: u64) {
        let instrument = &self.instruments[fill.instrument.index()];
        let (asset, amount) = match fill.side {
            Side::Buy => (
                instrument.quote,
                instrument
                    .worth(fill.px.0.max(0).unsigned_abs(), fill.qty.0)
                    .unwrap_or(i128::MAX),
            ),
            Side::Sell => self.venues.base(fill.instrument, fill.qty.0),
        };
        self.venues.spend(fill.venue, asset, amount);
        self.venues.spend(fill.venue, fee.0, fee.1.get());
        self.venues.filled_at(fill.venue, as_of);
    }

    /// Whether trading states allow an open order no longer: a scope of it is halted, or only reduces while what is open
    /// on the order's side could pass zero.
    ///
    /// # Panics
    /// If an id is beyond the bounds.
    pub fn forbids(&self, order: &NewVenueOrder) -> bool {
        match self.states.of_all(order) {
            TradingState::Active => false,
            TradingState::Reducing => {
                let instrument = &self.instruments[order.instrument.index()];
                is_passed_on(order) || !instrument.order_reduces(order.side, Qty::ZERO)
            }
            TradingState::Halted => true,
        }
    }

    /// Halts a venue or an instrument until a named person turns it on again; false if it is halted already.
    ///
    /// # Panics
    /// If it is beyond the bounds.
    pub fn halt_scope(&mut self, scope: Scope, target: u32, why: Reason) -> bool {
        let (held, _) = self.states.get(scope, target).expect("within the bounds");
        if held == TradingState::Halted {
            return false;
        }
        self.states
            .set(scope, target, TradingState::Halted, why)
            .expect("within the bounds");
        true
    }
}
