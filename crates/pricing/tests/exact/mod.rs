//! The default model once more, as its documents say it, in exact fractions and by brute force.
#![allow(dead_code, unreachable_pub)]

use num_bigint::BigInt;
use num_rational::BigRational;
use pinrail_types::record::{InventoryRule, QuotingParams};
use pinrail_types::{E8, Px, Side};

/// A venue's levels on one side, in any order, and its taker fee.
pub struct Venue {
    pub levels: Vec<(i64, i64)>,
    pub taker_fee_e8: i32,
}

/// What a sweep costs in ticks times lots, fees counted, and the venues that it uses, one bit each; `None` where there is
/// less than `qty`.
pub fn sweep(venues: &[Venue], side: Side, qty: i64) -> Option<(BigRational, u16)> {
    let one = BigInt::from(E8);
    let mut levels: Vec<(BigInt, usize, i64)> = venues
        .iter()
        .enumerate()
        .flat_map(|(at, venue)| {
            let factor = E8 + side.sign() * i64::from(venue.taker_fee_e8);
            venue
                .levels
                .iter()
                .map(move |(px, qty)| (BigInt::from(*px) * factor, at, *qty))
        })
        .collect();
    levels.sort_by(|a, b| match side {
        Side::Buy => (&a.0, a.1).cmp(&(&b.0, b.1)),
        Side::Sell => (&b.0, a.1).cmp(&(&a.0, b.1)),
    });
    let (mut cost, mut mask, mut left) = (BigInt::ZERO, 0, qty);
    for (net_e8, at, there) in levels {
        if left == 0 {
            break;
        }
        let fill = left.min(there);
        cost += net_e8 * fill;
        mask |= 1 << at;
        left -= fill;
    }
    (left == 0).then(|| (BigRational::new(cost, one), mask))
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

fn of_e8(e8: i64) -> BigRational {
    BigRational::new(e8.into(), E8.into())
}

/// Rounded up to a hundred-millionth, at most one.
fn up_to_e8(value: &BigRational) -> BigRational {
    let one = BigRational::from_integer(1.into());
    ((value * BigInt::from(E8)).ceil() / BigInt::from(E8)).min(one)
}

fn down_to_e8(value: &BigRational) -> BigRational {
    let one = BigRational::from_integer(1.into());
    ((value * BigInt::from(E8)).floor() / BigInt::from(E8)).min(one)
}

impl Model {
    /// Standard deviation over the lives of quote and hedge.
    fn sigma(&self, params: &QuotingParams) -> BigRational {
        let life_us = (self.life_ns.min(3_600_000_000_000) + params.hold_ns) / 1_000;
        let root = BigRational::new(life_us.isqrt().into(), 1_000.into());
        up_to_e8(&(of_e8(self.volatility_e8) * root))
    }

    /// Widening and impact together, and skew.
    fn added(&self, qty: i64) -> (BigRational, BigRational) {
        let none = BigRational::from_integer(0.into());
        let Some(params) = &self.params else {
            return (none.clone(), none);
        };
        let widening = up_to_e8(&(of_e8(params.volatility_mult_e8) * self.sigma(params)));
        let size = BigRational::new(qty.into(), params.impact_qty.0.into());
        let impact = up_to_e8(&(of_e8(params.impact_e8) * size));
        let whole = match InventoryRule::from_byte(params.inventory_rule).unwrap() {
            InventoryRule::Linear => of_e8(params.skew_e8),
            InventoryRule::Reservation => {
                let sigma = self.sigma(params);
                down_to_e8(&(of_e8(params.skew_e8) * &sigma * &sigma))
            }
        };
        let share = BigRational::new(self.position.abs().into(), params.skew_position.0.into());
        let skew = down_to_e8(&(whole * share)) * BigInt::from(self.position.signum());
        (widening + impact, skew)
    }

    /// The hedge's price per unit and the price quoted, in ticks.
    pub fn price(&self, side: Side, cost: &BigRational, qty: i64) -> (Px, Px) {
        let (added, skew) = self.added(qty);
        let half = of_e8(self.half_spread_e8) + added;
        let edge = of_e8(self.params.map_or(0, |params| params.edge_min_e8));
        let number = |n: i64| BigRational::from_integer(n.into());
        let unit = cost / BigInt::from(qty);
        let step = number(self.px_step);
        let ticks = |value: BigRational| Px(i64::try_from(value.to_integer()).unwrap());
        match side {
            Side::Buy => {
                let factor = (number(1) + half - skew).max(number(1) + edge).min(number(2));
                (ticks(unit.ceil()), ticks((&unit * factor / &step).ceil() * step))
            }
            Side::Sell => {
                let factor = (number(1) - half - skew).min(number(1) - edge).max(number(0));
                (
                    ticks(unit.floor()),
                    ticks((&unit * factor / &step).floor() * step),
                )
            }
        }
    }
}
