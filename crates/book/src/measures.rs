//! What can be asked of several venues beside a sweep to a quantity.
//!
//! Sides are the client's, as everywhere: `Side::Buy` looks at the offers, which a client's purchase is hedged against. What
//! a venue did not show is unknown and counts as nothing, so that a depth is never less than what is said.

use core::ops::ControlFlow;

use pinrail_types::money::product;
use pinrail_types::{E8, Px, Qty, Reason, Side};

use crate::consolidated::{Sweep, VENUES_MAX, View, is_no_worse};
use crate::merge::{Merge, Step};

/// How far from the best price a depth goes. The best price is that of all usable venues, fees not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The first so many prices at which anything stands.
    Levels(u32),
    /// Up to so many ticks from the best price, and with it.
    Ticks(u32),
    /// Up to this fraction of the best price from it, times 1e8; the distance is rounded down to a tick. 1 basis point is
    /// 10,000.
    FractionE8(u32),
}

/// Whether a merge goes by prices with fees or without.
#[derive(Clone, Copy)]
pub(crate) enum Fees {
    Counted,
    Left,
}

impl View<'_> {
    /// What can be bought (`Side::Buy`: the client buys) or sold for at most `notional`, a [`Sweep::cost`] in ticks times lots
    /// times 1e8: the sweep to the largest number of the desk's lots whose cost with fees, or whose proceeds less fees, do
    /// not exceed it.
    ///
    /// As quick as [`View::sweep`] twice.
    ///
    /// # Errors
    /// As [`View::sweep`]: [`Reason::InsufficientDepth`] if all that is known costs no more than `notional`, since more may be
    /// there; [`Reason::QtyUnrepresentable`] if not even one lot can be had, or more than can be ordered.
    pub fn sweep_notional(&self, side: Side, notional: i128) -> Result<Sweep, Reason> {
        if notional < 0 {
            return Err(Reason::QtyUnrepresentable);
        }
        let lots = match self.ladder(side).and_then(|ladder| ladder.lots_for(notional)) {
            Some(lots) => lots,
            None => self.walk_lots_for(side, notional)?,
        };
        self.sweep(side, Qty(lots))
    }

    fn walk_lots_for(&self, side: Side, notional: i128) -> Result<i64, Reason> {
        let (mut lots, mut left) = (0_i64, notional);
        let end = self.each_step(side, Fees::Counted, |step| {
            if step.px < 0 {
                return ControlFlow::Break(Err(Reason::PxUnrepresentable));
            }
            match step.net_e8.checked_mul(i128::from(step.qty)) {
                Some(cost) if cost <= left => {
                    left -= cost;
                    lots = lots.saturating_add(step.qty);
                    ControlFlow::Continue(())
                }
                // Less than the whole level, so its net price is above zero.
                _ => {
                    let part = i64::try_from(left / step.net_e8).unwrap_or(i64::MAX);
                    ControlFlow::Break(Ok(lots.saturating_add(part)))
                }
            }
        });
        end.unwrap_or(Err(Reason::InsufficientDepth))
    }

    /// The most that can be hedged without a price worse than `limit_net_e8`, net of taker fees and in ticks times 1e8 as
    /// [`Sweep::worst_net_e8`] is: what stands at such prices, at each venue rounded down to a multiple of the venue's lot,
    /// and at most [`Qty::ABS_MAX`]. A sweep to it, or to less, has no worse price. Zero if there is nothing.
    ///
    /// One search and a sum if the side is merged and deep enough, see
    /// [`Consolidated::refresh`](crate::Consolidated::refresh); else levels times sources.
    ///
    /// # Errors
    /// [`Reason::PxUnrepresentable`] if a price below zero would be used.
    pub fn available(&self, side: Side, limit_net_e8: i128) -> Result<Qty, Reason> {
        let mut by_source = [0_i64; VENUES_MAX];
        // A sum of up to 2^17 quantities of 52 bits each may have 69 bits.
        let mut count = |source: usize, lots: i64| {
            by_source[source] = by_source[source].saturating_add(lots);
        };
        let ladder = self.ladder(side);
        if let Some(rungs) = ladder.and_then(|ladder| ladder.within(side, limit_net_e8)) {
            rungs.for_each(|(source, lots)| count(source, lots));
        } else {
            self.walk_within(side, limit_net_e8, count)?;
        }
        let whole = |(held, source): (&i64, &crate::Source)| held - held % source.lot.0;
        let sum = by_source.iter().zip(self.consolidated.sources()).map(whole);
        let lots = sum.fold(0, i64::saturating_add);
        Ok(Qty(lots.min(Qty::ABS_MAX)))
    }

    /// Shows the source and the lots of each level that is no worse than the limit to `count`.
    fn walk_within(
        &self,
        side: Side,
        limit_net_e8: i128,
        mut count: impl FnMut(usize, i64),
    ) -> Result<(), Reason> {
        let end = self.each_step(side, Fees::Counted, |step| {
            if !is_no_worse(side, step.net_e8, limit_net_e8) {
                return ControlFlow::Break(Ok(()));
            }
            if step.px < 0 {
                return ControlFlow::Break(Err(Reason::PxUnrepresentable));
            }
            count(step.source, step.qty);
            ControlFlow::Continue(())
        });
        end.unwrap_or(Ok(()))
    }

    /// What stands from the best price on as far as `reach` goes, over all usable venues, fees not counted.
    ///
    /// # Errors
    /// [`Reason::ReferenceMissing`] if no usable venue has a level on this side; [`Reason::Overflow`] if the sum does not fit 64
    /// bits.
    pub fn depth(&self, side: Side, reach: Reach) -> Result<Qty, Reason> {
        let (best, _) = self.touch(side)?;
        let (mut levels_left, ticks_max) = match reach {
            Reach::Levels(levels) => (levels, i64::MAX),
            Reach::Ticks(ticks) => (u32::MAX, i64::from(ticks)),
            // The factors have 53 and 32 bits.
            Reach::FractionE8(fraction) => {
                let ticks = product(best.0.abs(), i64::from(fraction)) / i128::from(E8);
                (u32::MAX, ticks as i64)
            }
        };
        let (mut sum, mut last_px) = (0_i64, None);
        let overflow = self.each_step(side, Fees::Left, |step| {
            if last_px != Some(step.px) {
                if levels_left == 0 || (step.px - best.0).abs() > ticks_max {
                    return ControlFlow::Break(false);
                }
                levels_left -= 1;
                last_px = Some(step.px);
            }
            match sum.checked_add(step.qty) {
                Some(more) => {
                    sum = more;
                    ControlFlow::Continue(())
                }
                None => ControlFlow::Break(true),
            }
        });
        if overflow == Some(true) {
            return Err(Reason::Overflow);
        }
        Ok(Qty(sum))
    }

    /// How much more is bid for than offered within the first `levels` prices of either side: `(bids - offers) / (bids +
    /// offers)`, times 1e8, rounded towards zero; -1e8 to 1e8. (Cartea, Donnelly and Jaimungal, "Enhancing trading strategies
    /// with order book signals", 2018.)
    ///
    /// # Errors
    /// As [`View::depth`].
    ///
    /// # Panics
    /// If `levels` is zero.
    pub fn imbalance_e8(&self, levels: u32) -> Result<i64, Reason> {
        let [bids, asks] = self.depths(levels)?;
        let whole = i128::from(bids) + i128::from(asks);
        // At most 1e8 in magnitude.
        Ok((product(bids - asks, E8) / whole) as i64)
    }

    /// The best bid and offer, each weighted by what stands at the other: `(bid * asked + ask * bid for) / (bid for +
    /// asked)`, in ticks times 1e8, rounded down. (Gatheral and Oomen, "Zero-intelligence realized variance estimation",
    /// 2010, call this the microprice.) It leans towards the side with less. Fees not counted; where venues cross one
    /// another it lies between the crossed prices.
    ///
    /// What Stoikov ("The micro-price", 2018) calls by that name is an estimate from recorded data, to be made in a model.
    ///
    /// # Errors
    /// [`Reason::ReferenceMissing`] if no usable venue has a bid, or none an offer; [`Reason::Overflow`] if it can't be
    /// computed in 128 bits.
    pub fn microprice_e8(&self) -> Result<i128, Reason> {
        let ((bid_px, bids), (ask_px, asks)) = (self.touch(Side::Sell)?, self.touch(Side::Buy)?);
        weighted_e8(bid_px, ask_px, bids, asks)
    }

    /// The best bid and offer, weighted as in [`View::microprice_e8`], but by what stands at the first `levels` prices of either
    /// side: `ask * w + bid * (1 - w)`, `w` being the bids' part of all that is bid for and offered there. (Stoikov's weighted
    /// mid, 2018, which has one level; that of one level is the microprice.) In ticks times 1e8, rounded down.
    ///
    /// # Errors
    /// As [`View::microprice_e8`].
    ///
    /// # Panics
    /// If `levels` is zero.
    pub fn weighted_mid_e8(&self, levels: u32) -> Result<i128, Reason> {
        let [bids, asks] = self.depths(levels)?;
        let ((bid_px, _), (ask_px, _)) = (self.touch(Side::Sell)?, self.touch(Side::Buy)?);
        weighted_e8(bid_px, ask_px, bids, asks)
    }

    /// Bids, then offers.
    fn depths(&self, levels: u32) -> Result<[i64; 2], Reason> {
        assert!(levels > 0, "a depth of at least one level");
        let depth = |side| self.depth(side, Reach::Levels(levels)).map(|qty| qty.0);
        Ok([depth(Side::Sell)?, depth(Side::Buy)?])
    }

    /// The best price of all usable venues, and what stands there.
    fn touch(&self, side: Side) -> Result<(Px, i64), Reason> {
        let sources = self.consolidated.sources().iter().enumerate();
        let used = sources.filter(|(i, _)| self.usable & (1 << i) != 0);
        let mut touch: Option<(Px, i64)> = None;
        for level in used.filter_map(|(_, source)| source.opposite(side).best()) {
            touch = Some(match touch {
                // At most as many quantities of 52 bits as there are venues.
                Some((px, qty)) if px == level.px => (px, qty + level.qty.0),
                Some(held) if is_no_worse(side, held.0.0.into(), level.px.0.into()) => held,
                _ => (level.px, level.qty.0),
            });
        }
        touch.ok_or(Reason::ReferenceMissing)
    }

    /// Shows the levels of one side to `each`, best first, until it breaks.
    #[inline]
    pub(crate) fn each_step<B>(
        &self,
        side: Side,
        fees: Fees,
        each: impl FnMut(Step) -> ControlFlow<B>,
    ) -> Option<B> {
        match self.consolidated.sources().len() {
            0..=2 => self.each_of::<2, B>(side, fees, each),
            3..=4 => self.each_of::<4, B>(side, fees, each),
            _ => self.each_of::<VENUES_MAX, B>(side, fees, each),
        }
    }

    fn each_of<const N: usize, B>(
        &self,
        side: Side,
        fees: Fees,
        each: impl FnMut(Step) -> ControlFlow<B>,
    ) -> Option<B> {
        let mut steps = match fees {
            Fees::Counted => Merge::<N>::new(self.consolidated.sources(), self.usable, side),
            Fees::Left => Merge::<N>::gross(self.consolidated.sources(), self.usable, side),
        };
        match steps.try_for_each(each) {
            ControlFlow::Break(broken) => Some(broken),
            ControlFlow::Continue(()) => None,
        }
    }
}

/// `(bid * asks + ask * bids) / (bids + asks)`, times 1e8, rounded down. Bids or offers are above zero, and none is below.
fn weighted_e8(bid_px: Px, ask_px: Px, bids: i64, asks: i64) -> Result<i128, Reason> {
    // The distance has 54 bits and times 1e8 81.
    let wide = product(ask_px.0 - bid_px.0, E8).checked_mul(i128::from(bids));
    let whole = i128::from(bids) + i128::from(asks);
    let above = wide.ok_or(Reason::Overflow)?.div_euclid(whole);
    Ok(product(bid_px.0, E8) + above)
}
