//! Random numbers that reach the bounds, and random parameters.

use bytemuck::Zeroable;
use pinrail_types::record::{InventoryRule, QuotingParams};
use pinrail_types::{E8, Qty};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

pub struct Draws(Xoshiro256PlusPlus);

impl Draws {
    pub fn new(seed: u64) -> Draws {
        Draws(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    pub fn below(&mut self, bound: i64) -> i64 {
        (self.0.next_u64() % bound.unsigned_abs()) as i64
    }

    /// One time in so many.
    pub fn one_in(&mut self, times: i64) -> bool {
        self.below(times) == 0
    }

    /// Mostly small, sometimes near `most`.
    pub fn up_to(&mut self, most: i64) -> i64 {
        match self.below(4) {
            0 => 1 + self.below(10.min(most)),
            1 | 2 => 1 + self.below(1_000_000.min(most)),
            _ => 1 + self.below(most),
        }
    }

    pub fn params(&mut self) -> QuotingParams {
        let rule = [InventoryRule::Linear, InventoryRule::Reservation][self.below(2) as usize];
        let skew_most = if rule == InventoryRule::Linear {
            1_000_000
        } else {
            1_000_000_000_000_000
        };
        QuotingParams {
            inventory_rule: rule.byte(),
            volatility_mult_e8: self.below(2) * self.up_to(100 * E8),
            hold_ns: self.up_to(3_600_000_000_000).unsigned_abs(),
            impact_e8: self.below(2) * self.up_to(E8),
            impact_qty: Qty(self.up_to(10_000_000)),
            skew_e8: self.below(2) * self.up_to(skew_most),
            skew_position: Qty(self.up_to(10_000_000)),
            edge_min_e8: self.below(2) * self.up_to(1_000_000),
            volatility_tau_ns: 1,
            hedgeable_lots_min: Qty(self.below(2) * self.up_to(1_000_000)),
            ..Zeroable::zeroed()
        }
    }
}
