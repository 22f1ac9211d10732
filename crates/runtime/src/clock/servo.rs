//! The control loop that bends the clock towards UTC: pure arithmetic over observations.

use super::line::Line;

/// How far the rate may stand from the calibrated one, in parts per billion: 500 ppm, the bound that NTP's kernel
/// clock keeps too.
pub const RATE_PPB_MAX: u32 = 500_000;
/// An offset from UTC beyond this is counted as large: 1 ms.
pub const OFFSET_LARGE_NS: u64 = 1_000_000;

/// Part of [`RATE_PPB_MAX`] that the learnt frequency error may take; the rest is left to take offsets off.
const FREQUENCY_PPB_MAX: f64 = RATE_PPB_MAX as f64 / 2.0;
/// Time constant of the loop: an offset is taken off at a rate that would end it in this time.
const TAU_S: f64 = 1.0;
/// The loop is stable if the time constant is a few observations long.
const TAU_OBSERVATIONS: f64 = 4.0;

/// A proportional-integral loop, critically damped.
#[derive(Debug)]
pub(super) struct Servo {
    line: Line,
    /// Calibrated multiplier: that of the first line.
    nominal_mult: u64,
    /// Learnt error of the calibrated rate.
    frequency_ppb: f64,
    /// Rate of the present line against the calibrated one.
    rate_ppb: f64,
    seen_ticks: u64,
}

impl Servo {
    /// A loop that starts on `line`, observed last at `seen_ticks`.
    pub(super) fn new(line: Line, seen_ticks: u64) -> Servo {
        Servo {
            line,
            nominal_mult: line.mult,
            frequency_ppb: 0.0,
            rate_ppb: 0.0,
            seen_ticks,
        }
    }

    pub(super) fn line(&self) -> Line {
        self.line
    }

    pub(super) fn rate_ppb(&self) -> i64 {
        self.rate_ppb.round() as i64
    }

    /// Takes in that it was `utc_ns` at `ticks`, and bends the line from `from_ticks` on. Gives the offset seen:
    /// UTC less the clock.
    pub(super) fn observe(&mut self, ticks: u64, utc_ns: u64, from_ticks: u64) -> i64 {
        let offset_ns = i128::from(utc_ns) - i128::from(self.line.at(ticks));
        let offset_ns = offset_ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
        let elapsed_s = self.line.span_ns(ticks.saturating_sub(self.seen_ticks)) as f64 * 1e-9;
        self.seen_ticks = ticks;

        let tau_s = TAU_S.max(TAU_OBSERVATIONS * elapsed_s);
        let wanted_ppb = self.frequency_ppb + offset_ns as f64 / tau_s;
        let bound = f64::from(RATE_PPB_MAX);
        self.rate_ppb = wanted_ppb.clamp(-bound, bound);
        // An offset too large to be taken off at once is a step of UTC and tells nothing of the frequency.
        if wanted_ppb.abs() <= bound {
            let learnt_ppb = offset_ns as f64 * elapsed_s / (4.0 * tau_s * tau_s);
            self.frequency_ppb =
                (self.frequency_ppb + learnt_ppb).clamp(-FREQUENCY_PPB_MAX, FREQUENCY_PPB_MAX);
        }
        self.line = Line {
            base_ticks: from_ticks,
            base_ns: self.line.at(from_ticks),
            mult: (self.nominal_mult as f64 * (1.0 + self.rate_ppb * 1e-9)).round() as u64,
        };
        offset_ns
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START_NS: u64 = 1_700_000_000_000_000_000;
    const NOMINAL: f64 = 1.0 / 2.6;

    struct World {
        servo: Servo,
        ticks: u64,
        utc_ns: f64,
        true_ppm: f64,
    }

    impl World {
        fn new(true_ppm: f64) -> World {
            let line = Line {
                base_ticks: 1_000,
                base_ns: START_NS,
                mult: Line::mult_of(NOMINAL).unwrap(),
            };
            World {
                servo: Servo::new(line, 1_000),
                ticks: 1_000,
                utc_ns: 0.0,
                true_ppm,
            }
        }

        fn step(&mut self, gap_s: f64, noise_ns: f64) -> i64 {
            self.ticks += (gap_s * 2.6e9) as u64;
            self.utc_ns += (gap_s * 2.6e9).floor() * NOMINAL * (1.0 + self.true_ppm * 1e-6);
            let utc_ns = START_NS + (self.utc_ns + noise_ns).max(0.0) as u64;
            self.servo.observe(self.ticks, utc_ns, self.ticks)
        }
    }

    #[test]
    fn a_large_offset_goes_at_the_bound_and_then_stays_away() {
        let mut world = World::new(20.0);
        for _ in 0..200 {
            world.step(0.1, 0.0);
        }
        world.utc_ns += 10e6;
        assert!(world.step(0.1, 0.0) > 9_000_000);
        assert_eq!(world.servo.rate_ppb(), i64::from(RATE_PPB_MAX));
        let mut steps = 0;
        while world.step(0.1, 0.0) > 100_000 {
            steps += 1;
        }
        // 10 ms at 480 ppm net take about 21 s.
        assert!((190..230).contains(&steps), "{steps} steps");
        for _ in 0..300 {
            world.step(0.1, 0.0);
        }
        assert!(world.step(0.1, 0.0).abs() <= 2);
    }

    #[test]
    fn a_counter_that_restarts_is_followed_from_where_time_stood() {
        let mut world = World::new(0.0);
        world.step(1.0, 0.0);
        let stood_ns = world.servo.line().at(world.ticks);
        world.servo.observe(5, stood_ns + 500, 5);
        assert_eq!(world.servo.line().at(5), stood_ns);
        let second_ns = world.servo.line().at(2_600_000_005) - world.servo.line().at(5);
        assert!(second_ns.abs_diff(1_000_000_000) <= u64::from(RATE_PPB_MAX));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 64 }))]

        #[test]
        fn converges_for_any_rate_and_any_pace(true_ppm in -200.0..200.0, gap_s in 0.01..20.0) {
            let mut world = World::new(true_ppm);
            let steps = 200 + (60.0 / gap_s) as usize;
            for _ in 0..steps {
                world.step(gap_s, 0.0);
            }
            for _ in 0..20 {
                let offset_ns = world.step(gap_s, 0.0);
                prop_assert!(offset_ns.abs() <= 50, "offset {} ns", offset_ns);
            }
        }

        #[test]
        fn noise_of_the_observation_is_damped(
            true_ppm in -100.0..100.0, noise in prop::collection::vec(-300.0..300.0, 900..1_000),
        ) {
            let mut world = World::new(true_ppm);
            for (i, noise_ns) in noise.iter().enumerate() {
                world.step(0.1, *noise_ns);
                let off_ns = world.servo.line().at(world.ticks) as f64 - START_NS as f64 - world.utc_ns;
                prop_assert!(i < 400 || off_ns.abs() < 400.0, "off by {} ns", off_ns);
            }
        }
    }
}
