//! Time for the core: a tick counter disciplined to UTC, read without a system call, that never steps back.
//!
//! A [`Clock`] turns the processor's time-stamp counter into nanoseconds of UTC along a straight line. A
//! [`Discipline`] on a cold thread compares that line with `CLOCK_REALTIME` every [`DISCIPLINE_INTERVAL_NS`] and
//! publishes a new one that meets the old one where it is published and runs a little faster or slower. Time is
//! only ever bent, never set: its rate stays within [`RATE_PPB_MAX`] of the calibrated one, so that an offset of one
//! second takes over half an hour to go. A leap second is such an offset.
//!
//! Each reader owns a [`Clock`] (clone it). Two readers on the same line agree for the same tick. One that has
//! not yet called [`Clock::refresh`] is out by at most the age of the change times twice [`RATE_PPB_MAX`]: a
//! nanosecond for each microsecond of delay.
//!
//! *Architecture invariant:* only threads at the edge and the duty cycle hold a clock; the engine never sees one.

use std::sync::Arc;

/// What the published line is made of; a test puts loom's in their place.
mod atomics {
    pub(super) use std::sync::atomic::{AtomicU64, fence};
}
mod discipline;
mod line;
mod servo;
mod shared;
mod source;

pub use discipline::{ClockError, DISCIPLINE_INTERVAL_NS, Discipline, DisciplineStatus};
pub use servo::{OFFSET_LARGE_NS, RATE_PPB_MAX};
pub use source::TickSource;

use line::Line;
use shared::SharedLine;

/// One reader's clock. Made by [`start`], or by cloning.
#[derive(Clone, Debug)]
pub struct Clock {
    source: TickSource,
    shared: Arc<SharedLine>,
    /// Version of `shared` that `line` is.
    version: u64,
    line: Line,
    last_ns: u64,
}

/// Chooses the tick source, calibrates it (about 20 ms, up to 200 ms on a busy machine), and gives the first
/// reader and the agent that keeps it on UTC.
///
/// Without the agent's `do_work` the clock goes on at its calibrated rate.
///
/// # Errors
/// [`ClockError`] if the wall clock stands before 1970 or the counter cannot be calibrated.
pub fn start() -> Result<(Clock, Discipline), ClockError> {
    let source = TickSource::detect();
    let discipline = Discipline::calibrate(source)?;
    Ok((Clock::new(source, discipline.shared()), discipline))
}

impl Clock {
    fn new(source: TickSource, shared: Arc<SharedLine>) -> Clock {
        let (version, line) = shared
            .newer_than(u64::MAX)
            .expect("the writer is not handed out yet");
        Clock {
            source,
            shared,
            version,
            line,
            last_ns: 0,
        }
    }

    /// What it counts.
    pub fn source(&self) -> TickSource {
        self.source
    }

    /// Nanoseconds since the Unix epoch, UTC; never less than this clock said before.
    ///
    /// With [`TickSource::Tsc`] no system call, no fence, and no shared memory read. The read is not ordered with the
    /// instructions around it: to measure, use [`Clock::ticks`].
    #[inline]
    pub fn now_ns(&mut self) -> u64 {
        self.at(self.source.now())
    }

    /// As [`Clock::now_ns`], but ordered as [`Clock::ticks`] is, and so for measuring.
    #[inline]
    pub fn now_ordered_ns(&mut self) -> u64 {
        self.at(self.source.ordered())
    }

    #[inline]
    fn at(&mut self, ticks: u64) -> u64 {
        // A new line may be behind the old one by the time it is taken up, and an unordered read may run ahead.
        self.last_ns = self.last_ns.max(self.line.at(ticks));
        self.last_ns
    }

    /// Takes up the newest published line: once a duty cycle. One load of a shared word when nothing is new; never
    /// waits, so that an update under way is left for the next call.
    #[inline]
    pub fn refresh(&mut self) {
        if let Some((version, line)) = self.shared.newer_than(self.version) {
            self.version = version;
            self.line = line;
        }
    }

    /// A stamp of an interval's start or end, for [`Clock::span_ns`].
    ///
    /// With [`TickSource::Tsc`] it is `rdtscp; lfence`: every earlier instruction has executed and every earlier load
    /// has its value before the counter is read, and no later instruction starts before. Earlier *stores* may
    /// still wait in the store buffer; when another core saw them is for that core to stamp. Stamps of two cores
    /// compare as well as the processor keeps their counters together, which an invariant counter on one socket
    /// does.
    #[inline]
    pub fn ticks(&self) -> u64 {
        self.source.ordered()
    }

    /// Nanoseconds from the stamp `from` to the stamp `to` at the present rate, rounded down; zero if `to` is
    /// earlier.
    #[inline]
    pub fn span_ns(&self, from: u64, to: u64) -> u64 {
        self.line.span_ns(to.saturating_sub(from))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    use std::thread;

    use proptest::prelude::*;

    use super::servo::Servo;
    use super::*;

    const NOMINAL_HZ: f64 = 2.6e9;

    fn line(base_ticks: u64, base_ns: u64, ns_per_tick: f64) -> Line {
        Line {
            base_ticks,
            base_ns,
            mult: Line::mult_of(ns_per_tick).unwrap(),
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "an interpreter is too slow to calibrate")]
    fn the_real_clock_is_near_utc_and_goes_on() {
        let (mut clock, mut discipline) = start().unwrap();
        let utc_ns = source::utc_ns().unwrap();
        let now_ns = clock.now_ns();
        assert!(
            now_ns.abs_diff(utc_ns) < 10_000_000_000,
            "{now_ns} is far from {utc_ns}"
        );
        let from = clock.ticks();
        let mut last_ns = now_ns;
        for _ in 0..10_000 {
            discipline.do_work();
            clock.refresh();
            let now_ns = clock.now_ns();
            assert!(now_ns >= last_ns);
            last_ns = now_ns;
        }
        assert!(last_ns > now_ns);
        assert!(clock.span_ns(from, clock.ticks()) > 0);
        assert_eq!(clock.span_ns(from + 1, from), 0);
    }

    #[test]
    fn a_counter_that_jumps_back_stops_time_until_a_new_line() {
        let shared = Arc::new(SharedLine::new(line(1_000, 5_000, 1.0)));
        let mut clock = Clock::new(TickSource::Monotonic, Arc::clone(&shared));
        assert_eq!(clock.at(2_000), 6_000);
        assert_eq!(clock.at(10), 6_000);
        shared.set(line(10, 6_000, 1.0));
        clock.refresh();
        assert_eq!(clock.at(20), 6_010);
    }

    /// A writer that bends time as hard as it may, as fast as it can, from where the reader has been, so that each
    /// line is taken up late.
    #[test]
    fn one_reader_never_sees_time_step_back_while_lines_change() {
        let shared = Arc::new(SharedLine::new(line(0, 1_000_000, 100.0)));
        let mut clock = Clock::new(TickSource::Monotonic, Arc::clone(&shared));
        let reader_ticks = Arc::new(AtomicU64::new(0));
        let writer = {
            let reader_ticks = Arc::clone(&reader_ticks);
            thread::spawn(move || {
                let mut servo = Servo::new(shared.newer_than(u64::MAX).unwrap().1, 0);
                let mut error_ns = 900_000;
                loop {
                    let ticks = reader_ticks.load(Relaxed);
                    if ticks == u64::MAX {
                        break;
                    }
                    error_ns = -error_ns;
                    let utc_ns = servo.line().at(ticks).checked_add_signed(error_ns).unwrap();
                    servo.observe(ticks, utc_ns, ticks);
                    shared.set(servo.line());
                }
            })
        };
        let changes = if cfg!(miri) { 50 } else { 10_000 };
        let (mut last_ns, mut ticks, mut changed) = (0, 0, 0);
        while changed < changes {
            ticks += 97;
            reader_ticks.store(ticks, Relaxed);
            let before_ns = clock.at(ticks);
            let version = clock.version;
            clock.refresh();
            changed += u64::from(clock.version != version);
            let after_ns = clock.at(ticks);
            assert!(last_ns <= before_ns && before_ns <= after_ns);
            last_ns = after_ns;
        }
        reader_ticks.store(u64::MAX, Relaxed);
        writer.join().unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 128 }))]

        /// Steps of UTC, noise, gaps between observations and late readers: the reader's time never goes back, the
        /// published one keeps its rate.
        #[test]
        fn time_is_monotone_and_its_rate_bounded(
            true_ppm in -200_i64..200,
            steps in prop::collection::vec(
                (1_000_000_u64..20_000_000_000, -300_i64..300, prop::option::weighted(0.1, -2_000_000_000_i64..2_000_000_000),
                 0_u64..30_000_000, 0_u64..10),
                1..100,
            ),
        ) {
            let nominal = 1e9 / NOMINAL_HZ;
            let truth = nominal * (1.0 + true_ppm as f64 * 1e-6);
            let mut utc_ns = 1_700_000_000_000_000_000_i64;
            let mut ticks = 5_000_000_000_u64;
            let shared = Arc::new(SharedLine::new(line(ticks, utc_ns as u64, nominal)));
            let mut servo = Servo::new(shared.newer_than(u64::MAX).unwrap().1, ticks);
            let mut clock = Clock::new(TickSource::Monotonic, Arc::clone(&shared));
            let mut last_ns = 0;
            for (gap_ticks, noise_ns, jump_ns, late_ticks, refresh_at) in steps {
                let before = servo.line();
                let from_ticks = ticks;
                ticks += gap_ticks;
                utc_ns += (gap_ticks as f64 * truth) as i64 + jump_ns.unwrap_or(0);
                servo.observe(ticks, utc_ns.checked_add(noise_ns).unwrap() as u64, ticks + late_ticks);
                ticks += late_ticks;
                utc_ns += (late_ticks as f64 * truth) as i64;
                shared.set(servo.line());

                let ran_ns = servo.line().at(ticks) - before.at(from_ticks);
                let nominal_ns = (ticks - from_ticks) as f64 * nominal;
                let ratio = ran_ns as f64 / nominal_ns - 1.0;
                prop_assert!(ratio.abs() <= f64::from(RATE_PPB_MAX) * 1e-9 + 2.0 / nominal_ns, "rate {ratio}");
                let rate = servo.line().mult as f64 / Line::mult_of(nominal).unwrap() as f64 - 1.0;
                prop_assert!(rate.abs() <= f64::from(RATE_PPB_MAX) * 1.000_001e-9, "rate {rate}");

                for i in 0..10 {
                    let now_ns = clock.at(ticks);
                    prop_assert!(now_ns >= last_ns);
                    last_ns = now_ns;
                    if i == refresh_at {
                        clock.refresh();
                    } else {
                        ticks += 1_000_000;
                        utc_ns += (1_000_000.0 * truth) as i64;
                    }
                }
            }
        }
    }
}
