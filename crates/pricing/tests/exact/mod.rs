//! The default model once more, as its documents say it, in exact fractions and by brute force.
#![allow(dead_code, unreachable_pub)]

pub mod draws;

use num_bigint::BigInt;
use num_rational::BigRational;
use pinrail_pricing::{Adjustments, Prices};
use pinrail_types::record::{InventoryRule, QuotingParams};
use pinrail_types::{E8, Px, Qty, Reason, Side};

/// A venue's levels on one side, in any order, and its taker fee. Unusable ones have no level.
pub struct Venue {
    pub levels: Vec<(i64, i64)>,
    pub taker_fee_e8: i32,
    /// The venue's lot in the desk's.
    pub lot: i64,
}

/// A level of some venue.
pub struct Level {
    pub net_e8: i128,
    pub venue: usize,
    pub px: i64,
    pub qty: i64,
}

/// What a sweep takes.
#[derive(Debug, PartialEq, Eq)]
pub struct Swept {
    /// In ticks times lots times 1e8, fees counted.
    pub cost_e8: BigInt,
    pub worst_net_e8: i128,
    pub worst_px: i64,
    /// The venues that it uses, one bit each.
    pub venue_mask: u16,
    pub levels: u32,
}

/// All levels of all venues in the order in which a client's order on `side` is hedged.
pub fn sorted(venues: &[Venue], side: Side) -> Vec<Level> {
    let mut levels = Vec::new();
    for (at, venue) in venues.iter().enumerate() {
        let factor = E8 + side.sign() * i64::from(venue.taker_fee_e8);
        levels.extend(venue.levels.iter().map(|(px, qty)| Level {
            net_e8: i128::from(*px) * i128::from(factor),
            venue: at,
            px: *px,
            qty: *qty,
        }));
    }
    match side {
        Side::Buy => levels.sort_by_key(|level| (level.net_e8, level.venue)),
        Side::Sell => levels.sort_by_key(|level| (-level.net_e8, level.venue)),
    }
    levels
}

/// Eats from the front of the levels that are sorted for `side`.
pub fn sweep(levels: &[Level], side: Side, qty: i64) -> Result<Swept, Reason> {
    if !Qty(qty).is_orderable() {
        return Err(Reason::QtyUnrepresentable);
    }
    let (mut cost_e8, mut venue_mask, mut left) = (BigInt::ZERO, 0, qty);
    let mut used = 0;
    for level in levels {
        let fill = left.min(level.qty);
        cost_e8 += BigInt::from(level.net_e8) * fill;
        venue_mask |= 1 << level.venue;
        used += 1;
        left -= fill;
        if left == 0 {
            break;
        }
    }
    if left > 0 {
        return Err(Reason::InsufficientDepth);
    }
    let used = &levels[..used];
    let pxs = used.iter().map(|level| level.px);
    let worst_px = if side == Side::Buy { pxs.max() } else { pxs.min() };
    Ok(Swept {
        cost_e8,
        worst_net_e8: used[used.len() - 1].net_e8,
        worst_px: worst_px.unwrap(),
        venue_mask,
        levels: used.len() as u32,
    })
}

/// What all venues hold, each in whole lots of its own.
pub fn hedgeable(venues: &[Venue]) -> i64 {
    let held = |venue: &Venue| venue.levels.iter().map(|(_, qty)| qty).sum::<i64>();
    venues
        .iter()
        .map(|venue| held(venue) / venue.lot * venue.lot)
        .sum()
}

/// What a request is priced with.
pub struct Model {
    pub half_spread_e8: i64,
    pub params: Option<QuotingParams>,
    pub volatility_e8: i64,
    pub life_ns: u64,
    pub position: i64,
    pub px_step: i64,
}

fn number(n: i64) -> BigRational {
    BigRational::from_integer(n.into())
}

fn of_e8(e8: i64) -> BigRational {
    BigRational::new(e8.into(), E8.into())
}

/// In hundred-millionths, rounded up, at most one.
fn up_to_e8(value: &BigRational) -> i64 {
    whole(&(value * BigInt::from(E8)).ceil().min(number(E8)))
}

/// In hundred-millionths, rounded down, at most one.
fn down_to_e8(value: &BigRational) -> i64 {
    whole(&(value * BigInt::from(E8)).floor().min(number(E8)))
}

fn whole(value: &BigRational) -> i64 {
    i64::try_from(value.to_integer()).unwrap()
}

fn px(ticks: &BigRational) -> Result<Px, Reason> {
    let ticks = i64::try_from(ticks.to_integer()).map_or(Px::NONE, Px);
    ticks
        .is_representable()
        .then_some(ticks)
        .ok_or(Reason::PxUnrepresentable)
}

impl Model {
    /// Standard deviation over the lives of quote and hedge.
    fn sigma(&self, params: &QuotingParams) -> BigRational {
        let life_us = (self.life_ns.min(3_600_000_000_000) + params.hold_ns) / 1_000;
        let root = BigRational::new(life_us.isqrt().into(), 1_000.into());
        of_e8(up_to_e8(&(of_e8(self.volatility_e8) * root)))
    }

    /// What the parameters come to.
    pub fn adjustments(&self, qty: i64) -> Adjustments {
        let Some(params) = &self.params else {
            return Adjustments::default();
        };
        let size = BigRational::new(qty.into(), params.impact_qty.0.into());
        let aversion = of_e8(params.skew_e8);
        let skew = match InventoryRule::from_byte(params.inventory_rule).unwrap() {
            InventoryRule::Linear => aversion,
            InventoryRule::Reservation => {
                let sigma = self.sigma(params);
                of_e8(down_to_e8(&(aversion * &sigma * &sigma)))
            }
        };
        let share = BigRational::new(self.position.abs().into(), params.skew_position.0.into());
        Adjustments {
            widening_e8: up_to_e8(&(of_e8(params.volatility_mult_e8) * self.sigma(params))),
            impact_e8: up_to_e8(&(of_e8(params.impact_e8) * size)),
            skew_e8: down_to_e8(&(skew * share)) * self.position.signum(),
            edge_min_e8: params.edge_min_e8,
        }
    }

    /// The hedge's price per unit and the price quoted, in ticks.
    fn price(
        &self,
        side: Side,
        cost_e8: &BigInt,
        qty: i64,
        adjustments: &Adjustments,
    ) -> Result<(Px, Px), Reason> {
        let half = self.half_spread_e8 + adjustments.widening_e8 + adjustments.impact_e8;
        let (half, skew, edge) = (
            of_e8(half),
            of_e8(adjustments.skew_e8),
            of_e8(adjustments.edge_min_e8),
        );
        let unit = BigRational::new(cost_e8.clone(), BigInt::from(E8) * qty);
        let step = number(self.px_step);
        match side {
            Side::Buy => {
                let factor = (number(1) + half - skew).max(number(1) + edge).min(number(2));
                let quoted = (&unit * factor / &step).ceil() * step;
                Ok((px(&unit.ceil())?, px(&quoted)?))
            }
            Side::Sell => {
                let factor = (number(1) - half - skew).min(number(1) - edge).max(number(0));
                let quoted = (&unit * factor / &step).floor() * step;
                Ok((px(&unit.floor())?, px(&quoted)?))
            }
        }
    }

    /// The whole answer to a request, from what it takes to hedge a client that buys and one that sells.
    pub fn answer(
        &self,
        ref_px: Px,
        [bought, sold]: [Option<&Result<Swept, Reason>>; 2],
        qty: i64,
    ) -> Result<Prices, Reason> {
        if !Qty(qty).is_orderable() {
            return Err(Reason::QtyUnrepresentable);
        }
        let adjustments = self.adjustments(qty);
        let mut prices = Prices {
            bid_px: Px::NONE,
            offer_px: Px::NONE,
            qty: Qty(qty),
            hedge_bid_px: Px::NONE,
            hedge_offer_px: Px::NONE,
            ref_px,
            half_spread_e8: self.half_spread_e8,
            adjustments,
            venue_mask: 0,
        };
        if let Some(swept) = bought {
            let swept = swept.as_ref().map_err(|reason| *reason)?;
            (prices.hedge_offer_px, prices.offer_px) =
                self.price(Side::Buy, &swept.cost_e8, qty, &adjustments)?;
            prices.venue_mask |= swept.venue_mask;
        }
        if let Some(swept) = sold {
            let swept = swept.as_ref().map_err(|reason| *reason)?;
            (prices.hedge_bid_px, prices.bid_px) =
                self.price(Side::Sell, &swept.cost_e8, qty, &adjustments)?;
            prices.venue_mask |= swept.venue_mask;
        }
        Ok(prices)
    }
}
