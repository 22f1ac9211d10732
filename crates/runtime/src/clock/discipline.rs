//! The agent that keeps the clock on UTC, and the calibration that it starts from.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use thiserror::Error;

use super::line::Line;
use super::servo::{OFFSET_LARGE_NS, Servo};
use super::shared::SharedLine;
use super::source::{TickSource, monotonic_ns, utc_ns};

/// How often UTC is looked at: 100 ms.
pub const DISCIPLINE_INTERVAL_NS: u64 = 100_000_000;

/// An observation that took longer is of no use: the thread was interrupted in the middle of it.
const SAMPLE_NS_MAX: u64 = 10_000;
/// The best of so many observations in a row counts.
const SAMPLE_TRIES: u32 = 5;
const CALIBRATION: Duration = Duration::from_millis(20);
const CALIBRATION_TRIES: u32 = 10;
/// Well inside what the control loop can learn.
const CALIBRATION_PPM_MAX: f64 = 100.0;

/// Why the clock could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum ClockError {
    /// The wall clock is not set.
    #[error("CLOCK_REALTIME stands before 1970: set the system time")]
    UtcUnset,
    /// The counter stands still, or its rate is outside 1 MHz to 1 THz.
    #[error("the {tick_source} counted {ticks} ticks in {elapsed_ns} ns: expected 1 MHz to 1 THz")]
    Rate {
        /// What was calibrated.
        tick_source: TickSource,
        /// Ticks counted.
        ticks: u64,
        /// Nanoseconds of `CLOCK_MONOTONIC` meanwhile.
        elapsed_ns: u64,
    },
    /// The machine was too busy to see the rate exactly enough.
    #[error(
        "the rate of the {tick_source} stayed uncertain by {ppm:.0} ppm: expected at most {CALIBRATION_PPM_MAX}"
    )]
    Uncertain {
        /// What was calibrated.
        tick_source: TickSource,
        /// Uncertainty of the best try, in parts per million.
        ppm: f64,
    },
}

/// What the discipline has seen since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DisciplineStatus {
    /// UTC less the clock at the last observation.
    pub offset_ns: i64,
    /// The largest absolute offset of all observations.
    pub offset_ns_max: u64,
    /// Present rate against the calibrated one, in parts per billion.
    pub rate_ppb: i64,
    /// Observations taken.
    pub observations: u64,
    /// Observations given up because the thread was interrupted each time.
    pub interrupted: u64,
    /// Observations with an offset above [`OFFSET_LARGE_NS`]: UTC was stepped, the agent was not run for long, or
    /// the counter was. The clock slews; it is the owner's to say so aloud.
    pub large_offsets: u64,
}

/// Keeps the clock on UTC; an agent for a cold thread. Not cloneable: a line has one writer.
#[derive(Debug)]
pub struct Discipline {
    source: TickSource,
    shared: Arc<SharedLine>,
    servo: Servo,
    looked_ticks: u64,
    interval_ticks: u64,
    status: DisciplineStatus,
}

impl Discipline {
    /// Measures the rate of `source` and sets the clock to UTC.
    pub(super) fn calibrate(source: TickSource) -> Result<Discipline, ClockError> {
        let mult = calibrated_mult(source)?;
        let utc = Sample::best(source, SAMPLE_TRIES, || utc_ns().ok_or(ClockError::UtcUnset))?;
        let line = Line {
            base_ticks: utc.ticks,
            base_ns: utc.ns,
            mult,
        };
        Ok(Discipline {
            source,
            shared: Arc::new(SharedLine::new(line)),
            servo: Servo::new(line, utc.ticks),
            looked_ticks: utc.ticks,
            interval_ticks: DISCIPLINE_INTERVAL_NS * 1_000_000 / line.span_ns(1_000_000).max(1),
            status: DisciplineStatus::default(),
        })
    }

    pub(super) fn shared(&self) -> Arc<SharedLine> {
        Arc::clone(&self.shared)
    }

    /// What has been seen so far.
    pub fn status(&self) -> DisciplineStatus {
        self.status
    }

    /// Looks at UTC if that is due, and publishes the line that follows from it. Gives 1 if it did, else 0. A wall
    /// clock set to before 1970 meanwhile counts as 1970.
    pub fn do_work(&mut self) -> usize {
        // A counter that went back wraps to a large distance, and is looked at now.
        if self.source.now().wrapping_sub(self.looked_ticks) < self.interval_ticks {
            return 0;
        }
        let Ok(utc) = Sample::best(self.source, SAMPLE_TRIES, || {
            Ok::<_, std::convert::Infallible>(utc_ns().unwrap_or(0))
        });
        let now_ticks = self.source.ordered();
        self.looked_ticks = now_ticks;
        if self.servo.line().span_ns(utc.width_ticks) > SAMPLE_NS_MAX {
            self.status.interrupted += 1;
            return 0;
        }
        let offset_ns = self.servo.observe(utc.ticks, utc.ns, now_ticks);
        self.shared.set(self.servo.line());

        self.status.observations += 1;
        self.status.offset_ns = offset_ns;
        self.status.offset_ns_max = self.status.offset_ns_max.max(offset_ns.unsigned_abs());
        self.status.rate_ppb = self.servo.rate_ppb();
        self.status.large_offsets += u64::from(offset_ns.unsigned_abs() > OFFSET_LARGE_NS);
        1
    }
}

/// A clock read between two reads of the counter.
struct Sample {
    /// The middle of the two.
    ticks: u64,
    width_ticks: u64,
    ns: u64,
}

impl Sample {
    /// The narrowest of `tries` samples of the clock `read_ns`.
    fn best<E>(source: TickSource, tries: u32, read_ns: impl Fn() -> Result<u64, E>) -> Result<Sample, E> {
        let mut best = Sample {
            ticks: 0,
            width_ticks: u64::MAX,
            ns: 0,
        };
        for _ in 0..tries {
            let before = source.ordered();
            let ns = read_ns()?;
            let width_ticks = source.ordered().saturating_sub(before);
            if width_ticks < best.width_ticks {
                best = Sample {
                    ticks: before + width_ticks / 2,
                    width_ticks,
                    ns,
                };
            }
        }
        Ok(best)
    }
}

/// The multiplier of `source`, measured against `CLOCK_MONOTONIC`, which nobody can step meanwhile.
fn calibrated_mult(source: TickSource) -> Result<u64, ClockError> {
    let read = || Ok::<_, ClockError>(monotonic_ns());
    let mut ppm_least = f64::INFINITY;
    for _ in 0..CALIBRATION_TRIES {
        let from = Sample::best(source, SAMPLE_TRIES, read)?;
        thread::sleep(CALIBRATION);
        let to = Sample::best(source, SAMPLE_TRIES, read)?;
        let ticks = to.ticks.saturating_sub(from.ticks);
        let elapsed_ns = to.ns.saturating_sub(from.ns);
        let mult = Line::mult_of(elapsed_ns as f64 / ticks as f64).ok_or(ClockError::Rate {
            tick_source: source,
            ticks,
            elapsed_ns,
        })?;
        let ppm = (from.width_ticks + to.width_ticks) as f64 / 2.0 / ticks as f64 * 1e6;
        if ppm <= CALIBRATION_PPM_MAX {
            return Ok(mult);
        }
        ppm_least = ppm_least.min(ppm);
    }
    Err(ClockError::Uncertain {
        tick_source: source,
        ppm: ppm_least,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "an interpreter is too slow to calibrate")]
    fn both_sources_calibrate_and_agree() {
        for source in [TickSource::detect(), TickSource::Monotonic] {
            let mut discipline = Discipline::calibrate(source).unwrap();
            let line = discipline.servo.line();
            let off_ns = line.at(source.now()).abs_diff(utc_ns().unwrap());
            assert!(off_ns < 10_000_000_000, "{source}: {off_ns} ns off");
            while discipline.do_work() == 0 {}
            assert_eq!(discipline.status().observations, 1);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "an interpreter is too slow to calibrate")]
    fn a_stepped_clock_is_reported_and_slewed() {
        let mut discipline = Discipline::calibrate(TickSource::Monotonic).unwrap();
        let line = Line {
            base_ns: discipline.servo.line().base_ns + 3_600_000_000_000,
            ..discipline.servo.line()
        };
        discipline.servo = Servo::new(line, line.base_ticks);
        while discipline.do_work() == 0 {}
        let status = discipline.status();
        assert_eq!(status.large_offsets, 1);
        assert!(status.offset_ns < -3_599_000_000_000 && status.offset_ns_max > 3_599_000_000_000);
        assert_eq!(status.rate_ppb, -500_000);
        assert!(discipline.shared.newer_than(u64::MAX).unwrap().1.base_ns >= line.base_ns);
    }

    #[test]
    fn errors_say_what_was_expected() {
        let error = ClockError::Rate {
            tick_source: TickSource::Tsc,
            ticks: 0,
            elapsed_ns: 20,
        };
        assert_eq!(
            error.to_string(),
            "the invariant TSC counted 0 ticks in 20 ns: expected 1 MHz to 1 THz"
        );
    }
}
