//! Seeded draws, integers only.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use pinrail_types::E8;

/// A source of draws: xoshiro256++, seeded through `SplitMix64` as its authors define it.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    bits: Xoshiro256PlusPlus,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random {
            bits: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    /// A stream 2^128 draws away from that of [`Random::new`], so that one seed may serve both.
    pub(crate) fn new_apart(seed: u64) -> Random {
        let mut random = Random::new(seed);
        random.bits.jump();
        random
    }

    /// Uniform below `bound`. The bias of scaling without rejection is at most `bound / 2^64`.
    ///
    /// # Panics
    /// If `bound` is zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number is below zero");
        ((u128::from(self.bits.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Uniform from `least` to `most`, both included.
    ///
    /// # Panics
    /// If `least` is above `most`, or the range has 2^63 numbers or more.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        assert!(least <= most, "{least} to {most} is no range");
        least + self.below((most - least + 1) as u64) as i64
    }

    /// True in `share_e8` of 1e8 cases.
    pub(crate) fn chance_e8(&mut self, share_e8: u32) -> bool {
        self.below(E8 as u64) < u64::from(share_e8)
    }

    /// Exponentially distributed with this mean, rounded to the nearest integer.
    pub(crate) fn exponential(&mut self, mean: u64) -> u64 {
        let scaled = self.unit_exponential() * u128::from(mean);
        ((scaled + HALF) >> FRACTION_BITS) as u64
    }

    /// The wait for the next arrival of a Poisson process of this rate, in nanoseconds.
    ///
    /// # Panics
    /// If the rate is zero.
    pub(crate) fn wait_ns(&mut self, rate_per_s: u32) -> u64 {
        let scaled = self.unit_exponential() * 1_000_000_000 / u128::from(rate_per_s);
        ((scaled + HALF) >> FRACTION_BITS) as u64
    }

    /// Exponentially distributed with mean one, with [`FRACTION_BITS`] bits of fraction.
    ///
    /// By von Neumann's comparison method, which needs no logarithm. A run of falling uniform draws that starts
    /// with `x` has an odd length with probability `exp(-x)`; the first start of such a run is the fraction, and
    /// the runs of even length before it are the whole part. About four draws each. (J. von Neumann, "Various
    /// techniques used in connection with random digits", 1951.)
    fn unit_exponential(&mut self) -> u128 {
        let mut whole = 0_u128;
        loop {
            let start = self.bits.next_u64();
            let mut last = start;
            let mut odd = true;
            loop {
                let next = self.bits.next_u64();
                if next >= last {
                    break;
                }
                last = next;
                odd = !odd;
            }
            if odd {
                return (whole << FRACTION_BITS) | u128::from(start >> (64 - FRACTION_BITS));
            }
            whole += 1;
        }
    }
}

/// Bits of fraction of the unit exponential: they leave room for a product with any `u64`.
const FRACTION_BITS: u32 = 32;
const HALF: u128 = 1 << (FRACTION_BITS - 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // State 1, 2, 3, 4: the first outputs of the authors' reference program.
        let mut seed = [0; 32];
        for (i, byte) in [1, 2, 3, 4].into_iter().enumerate() {
            seed[i * 8] = byte;
        }
        let mut bits = Xoshiro256PlusPlus::from_seed(seed);
        assert_eq!(
            [bits.next_u64(), bits.next_u64(), bits.next_u64()],
            [41_943_041, 58_720_359, 3_588_806_011_781_223]
        );
    }

    #[test]
    fn exponential_draws_have_the_right_tail() {
        let mut random = Random::new(1);
        let (n, mean) = (200_000_u64, 1_000_000_u64);
        let draws: Vec<u64> = (0..n).map(|_| random.exponential(mean)).collect();
        let sum: u64 = draws.iter().sum();
        // Six standard errors: the standard deviation of the mean of n draws is mean / sqrt(n).
        assert!((sum / n).abs_diff(mean) < 6 * mean / 447, "mean {}", sum / n);
        for (multiple, share_e6) in [(1, 367_879), (2, 135_335), (4, 18_316)] {
            let beyond = draws.iter().filter(|d| **d > multiple * mean).count() as u64;
            assert!(
                (beyond * 1_000_000 / n).abs_diff(share_e6) < 6_500,
                "{beyond} beyond {multiple} means"
            );
        }
    }

    #[test]
    fn waits_make_the_rate() {
        for rate in [1, 3, 1_000, 300_000, 3_000_000] {
            let mut random = Random::new(u64::from(rate));
            let sum: u64 = (0..100_000).map(|_| random.wait_ns(rate)).sum();
            let expected = 100_000 * 1_000_000_000 / u64::from(rate);
            assert!(
                sum.abs_diff(expected) < expected / 50,
                "{rate} a second: {sum} ns"
            );
        }
    }

    #[test]
    fn ranges_are_met_at_both_ends() {
        let mut random = Random::new(5);
        let mut seen = [false; 4];
        for _ in 0..200 {
            seen[(random.between(-1, 2) + 1) as usize] = true;
        }
        assert!(seen.iter().all(|s| *s));
        assert_eq!(random.between(7, 7), 7);
        assert!(!random.chance_e8(0) && random.chance_e8(E8 as u32));
    }
}
