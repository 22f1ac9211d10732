//! What a thread does when its duty cycle found no work: Aeron's idle strategies.

use std::hint;
use std::thread;
use std::time::Duration;

/// An idle strategy, with its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdleStrategy {
    /// Spins with the processor's pause hint: for the core thread, on a processor of its own.
    BusySpin,
    /// Gives the processor to whoever waits for it: the shortest answer on a shared processor.
    Yield,
    /// Spins, then yields, then sleeps for longer and longer.
    Backoff(Backoff),
}

impl IdleStrategy {
    /// Backoff in its default measure.
    pub fn backoff() -> IdleStrategy {
        IdleStrategy::Backoff(Backoff::default())
    }

    /// To be called once each duty cycle with its work count: returns at once if there was work, else idles.
    #[inline]
    pub fn idle(&mut self, work_count: usize) {
        match self {
            _ if work_count > 0 => self.reset(),
            IdleStrategy::BusySpin => hint::spin_loop(),
            IdleStrategy::Yield => thread::yield_now(),
            IdleStrategy::Backoff(backoff) => match backoff.next() {
                Step::Spin => hint::spin_loop(),
                Step::Yield => thread::yield_now(),
                Step::Park { ns } => thread::sleep(Duration::from_nanos(ns)),
            },
        }
    }

    /// Starts over, as after work.
    #[inline]
    pub fn reset(&mut self) {
        if let IdleStrategy::Backoff(backoff) = self {
            backoff.idled = 0;
        }
    }
}

/// Spins `spins` times, yields `yields` times, then sleeps: first `park_ns_min`, then twice as long each time up to
/// `park_ns_max`. The kernel adds its timer slack, 50 µs unless set otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    spins: u32,
    yields: u32,
    park_ns_min: u64,
    park_ns_max: u64,
    /// Idle cycles since there was work.
    idled: u32,
}

impl Default for Backoff {
    /// Aeron's measure: 10 spins, 5 yields, sleeps of 1 µs to 1 ms.
    fn default() -> Backoff {
        Backoff::new(10, 5, 1_000, 1_000_000)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Spin,
    Yield,
    Park { ns: u64 },
}

impl Backoff {
    /// A backoff of this measure.
    ///
    /// # Panics
    /// If `park_ns_min` is zero or above `park_ns_max`, or `spins + yields` is above `u32::MAX / 2`.
    pub fn new(spins: u32, yields: u32, park_ns_min: u64, park_ns_max: u64) -> Backoff {
        assert!(
            0 < park_ns_min && park_ns_min <= park_ns_max,
            "the shortest sleep must be above zero and no longer than the longest"
        );
        assert!(
            spins.checked_add(yields).is_some_and(|n| n <= u32::MAX / 2),
            "that many spins and yields never come to an end"
        );
        Backoff {
            spins,
            yields,
            park_ns_min,
            park_ns_max,
            idled: 0,
        }
    }

    fn next(&mut self) -> Step {
        let nth = self.idled;
        self.idled = self.idled.saturating_add(1);
        if nth < self.spins {
            return Step::Spin;
        }
        if nth < self.spins + self.yields {
            return Step::Yield;
        }
        let doublings = nth - self.spins - self.yields;
        let ns = match 1_u64.checked_shl(doublings) {
            Some(factor) => self.park_ns_min.saturating_mul(factor).min(self.park_ns_max),
            None => self.park_ns_max,
        };
        Step::Park { ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_spins_yields_and_sleeps_longer_until_there_is_work() {
        let mut strategy = IdleStrategy::Backoff(Backoff::new(2, 1, 1_000, 3_000));
        let expected = [
            Step::Spin,
            Step::Spin,
            Step::Yield,
            Step::Park { ns: 1_000 },
            Step::Park { ns: 2_000 },
            Step::Park { ns: 3_000 },
            Step::Park { ns: 3_000 },
        ];
        for _ in 0..2 {
            let IdleStrategy::Backoff(backoff) = &mut strategy else {
                unreachable!()
            };
            assert_eq!(expected.map(|_| backoff.next()), expected);
            strategy.idle(1);
        }
    }

    #[test]
    fn backoff_stays_at_the_longest_sleep_for_ever() {
        let mut backoff = Backoff::new(0, 0, 1, u64::MAX);
        let sleeps: Vec<Step> = (0..70).map(|_| backoff.next()).collect();
        assert_eq!(sleeps[63], Step::Park { ns: 1 << 63 });
        assert_eq!(sleeps[64], Step::Park { ns: u64::MAX });
        backoff.idled = u32::MAX;
        assert_eq!(backoff.next(), Step::Park { ns: u64::MAX });
        assert_eq!(backoff.next(), Step::Park { ns: u64::MAX });
    }

    #[test]
    fn every_strategy_returns() {
        for mut strategy in [
            IdleStrategy::BusySpin,
            IdleStrategy::Yield,
            IdleStrategy::backoff(),
        ] {
            for work_count in [0, 0, 1, 0] {
                strategy.idle(work_count);
            }
        }
    }

    #[test]
    #[should_panic(expected = "no longer than the longest")]
    fn a_sleep_that_shrinks_is_refused() {
        let _ = Backoff::new(1, 1, 2, 1);
    }
}
