//! How wide and how lively a market has been: exponentially weighted, by core time, in integers.

use pinrail_types::E8;
use pinrail_types::state::{StateError, Visitor};

use crate::consolidated::Top;

/// Spread and volatility of an instrument.
///
/// A *sample* is the consolidated best bid and offer at a book update, taken when the last one is at least
/// [`Estimates::SAMPLE_NS`] old; so what is estimated does not depend on how often a venue sends. Older samples lose weight
/// with the time constant `tau`: a sample that is `dt` behind the one before weighs `dt / (tau + dt)`, which is
/// `1 - exp(-dt / tau)` to first order, and unlike that needs no float.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimates {
    tau_ns: u64,
    /// Core time of the last sample; zero before the first.
    sampled_at: u64,
    /// The last sample's bid and offer, added: twice its middle, in ticks.
    mid_twice: i64,
    /// Spread as a fraction of the middle, times 1e16: finer than it is given, since each sample rounds it down.
    spread_e16: u64,
    /// Variance of returns per second, times 1e16.
    variance_e16: u64,
    /// The root of that.
    volatility_e8: u64,
}

impl Default for Estimates {
    fn default() -> Self {
        Estimates {
            tau_ns: Estimates::TAU_NS,
            sampled_at: 0,
            mid_twice: 0,
            spread_e16: 0,
            variance_e16: 0,
            volatility_e8: 0,
        }
    }
}

impl Estimates {
    /// Least time from one sample to the next.
    pub const SAMPLE_NS: u64 = 100_000_000;
    /// The time constant, unless another is set.
    pub const TAU_NS: u64 = 60_000_000_000;
    /// The longest time constant: a day.
    pub const TAU_NS_MAX: u64 = 86_400_000_000_000;

    /// Sets the time constant. What was estimated stays.
    ///
    /// # Panics
    /// If it is zero or above [`Estimates::TAU_NS_MAX`].
    pub fn set_tau(&mut self, tau_ns: u64) {
        assert!((1..=Estimates::TAU_NS_MAX).contains(&tau_ns), "a time constant");
        self.tau_ns = tau_ns;
    }

    /// The average spread as a fraction of the middle, times 1e8.
    #[inline]
    pub fn spread_e8(&self) -> i64 {
        (self.spread_e16 / E8.unsigned_abs()) as i64
    }

    /// The standard deviation of the return over one second, as a fraction, times 1e8. Over a longer time it grows with the
    /// root of that time. At most 1e8.
    #[inline]
    pub fn volatility_e8(&self) -> i64 {
        self.volatility_e8 as i64
    }

    /// Whether a sample is due at core time `now`.
    #[inline]
    pub fn wants_sample(&self, now: u64) -> bool {
        now >= self.sampled_at.saturating_add(Estimates::SAMPLE_NS)
    }

    /// Takes a sample. Where bid and offer cross, as those of several venues may, the spread is none; one at which a price is
    /// not above zero says nothing and is passed over.
    pub fn sample(&mut self, now: u64, top: Top) {
        let (bid, ask) = (top.bid_px.0, top.ask_px.0);
        if bid <= 0 || ask <= 0 {
            return;
        }
        // Representable prices have 52 bits.
        let mid_twice = bid + ask;
        let spread = fraction(2 * (ask - bid).max(0), mid_twice, E8_SQUARED);
        if self.sampled_at == 0 {
            self.spread_e16 = spread;
        } else {
            let dt_ns = (now - self.sampled_at).min(Estimates::TAU_NS_MAX);
            let moved = fraction(mid_twice.abs_diff(self.mid_twice) as i64, self.mid_twice, E12);
            self.spread_e16 = self.blend(self.spread_e16, u128::from(spread) * u128::from(dt_ns), dt_ns);
            // The squared return, times 1e24, is that of `dt`; per second and times the weight's `dt` it is that by 1e9, and
            // so by 10 times 1e16.
            let squared = u128::from(moved) * u128::from(moved) * 10;
            self.variance_e16 = self.blend(self.variance_e16, squared, dt_ns).min(E8_SQUARED);
            self.volatility_e8 = self.variance_e16.isqrt();
        }
        self.sampled_at = now;
        self.mid_twice = mid_twice;
    }

    /// `(held * tau + weighted) / (tau + dt)`, rounded down. The factors have at most 54 and 47 bits.
    fn blend(&self, held: u64, weighted: u128, dt_ns: u64) -> u64 {
        let sum = u128::from(held) * u128::from(self.tau_ns) + weighted;
        let blended = sum / u128::from(self.tau_ns + dt_ns);
        u64::try_from(blended).unwrap_or(u64::MAX)
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no estimate.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.below(&mut self.tau_ns, Estimates::TAU_NS_MAX + 1)?;
        visitor.word(&mut self.sampled_at)?;
        visitor.signed(&mut self.mid_twice)?;
        visitor.below(&mut self.spread_e16, 2 * E8_SQUARED + 1)?;
        visitor.below(&mut self.variance_e16, E8_SQUARED + 1)?;
        self.volatility_e8 = self.variance_e16.isqrt();
        Ok(())
    }
}

/// One, as a variance: what is more lively counts as this.
const E8_SQUARED: u64 = (E8 * E8).unsigned_abs();

/// A return is measured in these, so that a move of one tick is not rounded away.
const E12: u64 = 1_000_000_000_000;

/// `part / whole` in units of which one has so many, rounded down, at most two. `whole` is above zero.
fn fraction(part: i64, whole: i64, one: u64) -> u64 {
    let fraction = u128::from(part.unsigned_abs()) * u128::from(one) / u128::from(whole.unsigned_abs());
    u64::try_from(fraction).unwrap_or(u64::MAX).min(2 * one)
}

#[cfg(test)]
mod tests {
    use pinrail_types::Px;
    use proptest::prelude::*;

    use super::*;

    const STEP: u64 = Estimates::SAMPLE_NS;

    fn top(bid: i64, ask: i64) -> Top {
        Top {
            bid_px: Px(bid),
            ask_px: Px(ask),
        }
    }

    #[test]
    fn a_market_that_stands_still_has_its_spread_and_no_volatility() {
        let mut estimates = Estimates::default();
        for n in 1..100 {
            assert!(estimates.wants_sample(n * STEP));
            estimates.sample(n * STEP, top(9_999, 10_001));
            assert!(!estimates.wants_sample(n * STEP + STEP - 1));
        }
        // Two ticks of 10,000.
        assert_eq!((estimates.spread_e8(), estimates.volatility_e8()), (20_000, 0));
    }

    #[test]
    fn a_market_that_moves_alike_has_the_volatility_of_one_move() {
        for (per_s, expected) in [(10_u64, 316_227), (1, 100_000)] {
            let mut estimates = Estimates::default();
            estimates.set_tau(1_000_000_000);
            for n in 1..20_000 {
                let mid = if n % 2 == 0 { 1_000_000 } else { 1_001_000 };
                estimates.sample(n * 1_000_000_000 / per_s, top(mid, mid));
            }
            // Moves of one part in a thousand: its root per second grows with the root of how many there are.
            let off = estimates.volatility_e8().abs_diff(expected);
            assert!(
                off * 200 < expected as u64,
                "{} {expected}",
                estimates.volatility_e8()
            );
        }
    }

    #[test]
    fn what_was_lively_calms_down_with_the_time_constant() {
        let mut estimates = Estimates::default();
        estimates.sample(STEP, top(1_000_000, 1_000_000));
        estimates.sample(2 * STEP, top(1_010_000, 1_010_000));
        let before = estimates.volatility_e8();
        assert!(before > 0);
        estimates.sample(2 * STEP + Estimates::TAU_NS, top(1_010_000, 1_010_000));
        let halved = ((before * before) as u64 / 2).isqrt() as i64;
        assert!(estimates.volatility_e8().abs_diff(halved) <= 1);
    }

    #[test]
    fn negative_markets_say_nothing() {
        let mut estimates = Estimates::default();
        estimates.sample(STEP, top(100, 102));
        let held = estimates;
        for odd in [top(-5, 5), top(0, 1), top(5, -5)] {
            estimates.sample(3 * STEP, odd);
            assert_eq!(estimates, held);
        }
    }

    #[test]
    fn where_venues_cross_there_is_no_spread_and_the_middle_moves_on() {
        let mut estimates = Estimates::default();
        estimates.sample(STEP, top(1_000_000, 1_000_002));
        let mut locked = estimates;
        estimates.sample(2 * STEP, top(1_010_004, 1_010_000));
        locked.sample(2 * STEP, top(1_010_002, 1_010_002));
        assert_eq!(estimates, locked);
        assert!(estimates.volatility_e8() > 0);
    }

    proptest! {
        #[test]
        fn no_market_overflows(
            samples in prop::collection::vec((0_u64..1 << 60, 1_i64..=Px::ABS_MAX, 0_i64..1 << 51), 1..40),
            tau in 1..=Estimates::TAU_NS_MAX,
        ) {
            let mut estimates = Estimates::default();
            estimates.set_tau(tau);
            let mut now = 1;
            for (wait, bid, wide) in samples {
                now += wait % (1 << 56);
                estimates.sample(now, top(bid, (bid + wide).min(Px::ABS_MAX)));
                prop_assert!(estimates.volatility_e8() <= E8 && estimates.spread_e8() <= 2 * E8);
            }
        }
    }
}
