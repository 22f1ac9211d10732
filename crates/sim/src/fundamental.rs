//! The price that several venues share.

use pinrail_types::Px;

use crate::random::Random;

/// A random walk that is a function of seed, start and time alone, so that all venues which are given the same one
/// agree on it without talking to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundamentalConfig {
    /// Seed of the walk; may be the same as a flow's own.
    pub seed: u64,
    /// Where the walk starts. It never leaves a quarter of this to either side.
    pub px_start: Px,
    /// Time between two steps, at least 100 µs.
    pub step_ns: u64,
    /// Each step is uniform from this many ticks down to as many up. Zero holds the price.
    pub step_ticks_max: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Fundamental {
    config: FundamentalConfig,
    random: Random,
    px_ticks: i64,
    step_due: u64,
}

impl Fundamental {
    pub(crate) fn new(config: FundamentalConfig, start_ns: u64) -> Fundamental {
        Fundamental {
            config,
            random: Random::new_apart(config.seed),
            px_ticks: config.px_start.0,
            step_due: start_ns.saturating_add(config.step_ns),
        }
    }

    /// The price in ticks at `now`, which must not fall from call to call. Costs one draw for each step since.
    pub(crate) fn at(&mut self, now: u64) -> i64 {
        let FundamentalConfig {
            px_start,
            step_ns,
            step_ticks_max,
            ..
        } = self.config;
        let reach = px_start.0 / 4;
        while self.step_due <= now {
            let step = self.random.between(-step_ticks_max, step_ticks_max);
            self.px_ticks = (self.px_ticks + step).clamp(px_start.0 - reach, px_start.0 + reach);
            self.step_due += step_ns;
        }
        self.px_ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_depends_on_time_and_not_on_how_often_it_is_asked() {
        let config = FundamentalConfig {
            seed: 3,
            px_start: Px(6_000_000),
            step_ns: 1_000_000,
            step_ticks_max: 2,
        };
        let mut often = Fundamental::new(config, 50);
        let mut once = Fundamental::new(config, 50);
        let path: Vec<i64> = (0..2_000).map(|i| often.at(50 + i * 500_000)).collect();
        assert_eq!(once.at(50 + 1_999 * 500_000), *path.last().unwrap());
        assert!(path.windows(2).all(|w| (w[0] - w[1]).abs() <= 2));
        assert!(path.iter().any(|p| (p - 6_000_000).abs() > 5));
    }

    #[test]
    fn the_walk_stays_within_its_reach() {
        let config = FundamentalConfig {
            seed: 3,
            px_start: Px(100),
            step_ns: 1,
            step_ticks_max: 40,
        };
        let mut walk = Fundamental::new(config, 0);
        let path: Vec<i64> = (1..1_000).map(|now| walk.at(now)).collect();
        assert_eq!(path.iter().min(), Some(&75));
        assert_eq!(path.iter().max(), Some(&125));
    }
}
