//! The straight line from ticks to nanoseconds.

/// Binary places of [`Line::mult`].
const SHIFT: u32 = 48;

/// A straight line from ticks to UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) base_ticks: u64,
    /// Nanoseconds since the Unix epoch at `base_ticks`.
    pub(super) base_ns: u64,
    /// Nanoseconds in a tick, times 2^48.
    pub(super) mult: u64,
}

impl Line {
    /// Slowest and fastest counter that a line can carry, in nanoseconds per tick: 1 MHz to 1 THz.
    const NS_PER_TICK: core::ops::RangeInclusive<f64> = 0.001..=1_000.0;

    /// The multiplier for `ns_per_tick`, or `None` if that is outside 0.001 to 1,000.
    pub(super) fn mult_of(ns_per_tick: f64) -> Option<u64> {
        Line::NS_PER_TICK
            .contains(&ns_per_tick)
            .then(|| (ns_per_tick * (1_u64 << SHIFT) as f64).round() as u64)
    }

    /// UTC at `ticks`, rounded down; before the line's base, its base.
    #[inline]
    pub(super) fn at(&self, ticks: u64) -> u64 {
        self.base_ns + self.span_ns(ticks.saturating_sub(self.base_ticks))
    }

    /// The length of `ticks`, rounded down. Good for 584 years.
    #[inline]
    pub(super) fn span_ns(&self, ticks: u64) -> u64 {
        ((u128::from(ticks) * u128::from(self.mult)) >> SHIFT) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_of_ticks_is_exact_to_the_nanosecond() {
        let line = Line {
            base_ticks: 7,
            base_ns: 1_000,
            mult: Line::mult_of(0.4).unwrap(),
        };
        let day_ns = 86_400_000_000_000;
        assert!(line.at(7 + day_ns / 2 * 5).abs_diff(1_000 + day_ns) <= 1);
        assert_eq!(line.at(0), 1_000);
        assert_eq!(Line::mult_of(0.0), None);
        assert_eq!(Line::mult_of(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn lines_rise(base in any::<u32>(), ticks in any::<u32>(), more in any::<u32>(), rate in 0.001_f64..1_000.0) {
            let line = Line { base_ticks: base.into(), base_ns: 0, mult: Line::mult_of(rate).unwrap() };
            prop_assert!(line.at(u64::from(ticks) + u64::from(more)) >= line.at(ticks.into()));
        }
    }
}
