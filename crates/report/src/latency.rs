//! Latency distributions.
//!
//! Latency is measured *open loop*: every message has a planned time, made before the run and kept whatever the
//! system does, and its latency counts from that time. A system that stalls for a millisecond then shows that
//! millisecond in every message that was planned meanwhile. Measured from the time at which a message was at last
//! sent, the stall would show in one message only. Samples are therefore recorded as they are, never "corrected" for
//! omissions afterwards.
//!
//! Distributions are merged, never averaged: a mean of percentiles is a percentile of nothing.

use hdrhistogram::Histogram;
use serde::Serialize;

/// The shortest latency that is told apart.
pub const NS_MIN: u64 = 1;
/// The longest: 60 s. Longer ones are counted as this, and [`Summary::saturated`] says how many.
pub const NS_MAX: u64 = 60_000_000_000;
/// Samples that must lie beyond a percentile for it to be given.
pub const SAMPLES_BEYOND_MIN: u64 = 100;

/// A distribution of latencies in a high dynamic range histogram: three significant digits from [`NS_MIN`] to
/// [`NS_MAX`], about 220 KB, all of it allocated and touched at construction.
#[derive(Clone, Debug)]
pub struct Recorder {
    histogram: Histogram<u64>,
    ns_min: u64,
    ns_max: u64,
    saturated: u64,
}

impl Default for Recorder {
    fn default() -> Self {
        Recorder::new()
    }
}

impl Recorder {
    /// An empty distribution.
    ///
    /// # Panics
    /// Never: the bounds are constants.
    pub fn new() -> Recorder {
        let mut histogram =
            Histogram::new_with_bounds(NS_MIN, NS_MAX, 3).expect("these bounds make a histogram");
        // Zeroed memory comes as pages that are not there yet; whoever records must not wait for them.
        histogram.reset();
        Recorder {
            histogram,
            ns_min: u64::MAX,
            ns_max: 0,
            saturated: 0,
        }
    }

    /// Adds a sample in nanoseconds. Constant time, no allocation.
    #[inline]
    pub fn record_ns(&mut self, ns: u64) {
        self.saturated += u64::from(ns > NS_MAX);
        let ns = ns.clamp(NS_MIN, NS_MAX);
        self.ns_min = self.ns_min.min(ns);
        self.ns_max = self.ns_max.max(ns);
        self.histogram.saturating_record(ns);
    }

    /// Adds every sample of `other`.
    ///
    /// # Panics
    /// Never: all recorders have the same bounds.
    pub fn merge(&mut self, other: &Recorder) {
        self.histogram
            .add(&other.histogram)
            .expect("all recorders have the same bounds");
        self.ns_min = self.ns_min.min(other.ns_min);
        self.ns_max = self.ns_max.max(other.ns_max);
        self.saturated += other.saturated;
    }

    /// Forgets every sample: the end of a warm-up.
    pub fn clear(&mut self) {
        self.histogram.reset();
        (self.ns_min, self.ns_max, self.saturated) = (u64::MAX, 0, 0);
    }

    /// How many samples there are.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The distribution in a few figures.
    pub fn summary(&self) -> Summary {
        let any = self.count() > 0;
        Summary {
            count: self.count(),
            saturated: self.saturated,
            ns_min: any.then_some(self.ns_min),
            ns_p50: self.percentile(5_000),
            ns_p90: self.percentile(9_000),
            ns_p99: self.percentile(9_900),
            ns_p99_9: self.percentile(9_990),
            ns_p99_99: self.percentile(9_999),
            ns_max: any.then_some(self.ns_max),
        }
    }

    /// Each distinct latency (to three digits, rounded up) with its number of samples, shortest first.
    pub fn samples(&self) -> impl Iterator<Item = (u64, u64)> {
        self.histogram
            .iter_recorded()
            .map(|step| (step.value_iterated_to().min(self.ns_max), step.count_at_value()))
    }

    /// The latency that `share_e4` of 10,000 samples do not pass, if enough samples lie beyond it.
    fn percentile(&self, share_e4: u16) -> Option<u64> {
        let beyond = u128::from(self.count()) * u128::from(10_000 - share_e4) / 10_000;
        (beyond >= u128::from(SAMPLES_BEYOND_MIN)).then(|| {
            let ns = self.histogram.value_at_quantile(f64::from(share_e4) / 10_000.0);
            ns.min(self.ns_max)
        })
    }
}

/// A distribution in a few figures, in nanoseconds. A percentile is `None` with fewer than
/// [`SAMPLES_BEYOND_MIN`] samples beyond it: it would show single events and not the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Samples.
    pub count: u64,
    /// Samples that were longer than [`NS_MAX`] and are counted as that.
    pub saturated: u64,
    /// The shortest, exactly; `None` without samples.
    pub ns_min: Option<u64>,
    /// The median.
    pub ns_p50: Option<u64>,
    /// 90th percentile.
    pub ns_p90: Option<u64>,
    /// 99th percentile.
    pub ns_p99: Option<u64>,
    /// 99.9th percentile.
    pub ns_p99_9: Option<u64>,
    /// 99.99th percentile.
    pub ns_p99_99: Option<u64>,
    /// The longest, exactly; `None` without samples.
    pub ns_max: Option<u64>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recorder(samples: &[u64]) -> Recorder {
        let mut recorder = Recorder::new();
        for ns in samples {
            recorder.record_ns(*ns);
        }
        recorder
    }

    #[test]
    fn a_percentile_needs_a_hundred_samples_beyond_it() {
        for (count, given) in [
            (0, 0),
            (199, 0),
            (200, 1),
            (999, 1),
            (1_000, 2),
            (9_999, 2),
            (10_000, 3),
            (100_000, 4),
            (1_000_000, 5),
        ] {
            let mut recorder = Recorder::new();
            (0..count).for_each(|_| recorder.record_ns(162));
            let s = recorder.summary();
            let percentiles = [s.ns_p50, s.ns_p90, s.ns_p99, s.ns_p99_9, s.ns_p99_99];
            for (i, percentile) in percentiles.into_iter().enumerate() {
                assert_eq!(
                    percentile,
                    (i < given).then_some(162),
                    "percentile {i} of {count}"
                );
            }
            assert_eq!(s.ns_max, (count > 0).then_some(162));
        }
    }

    #[test]
    fn what_is_out_of_bounds_saturates_and_is_counted() {
        let summary = recorder(&[0, NS_MAX, NS_MAX + 1, u64::MAX]).summary();
        assert_eq!(
            (summary.count, summary.saturated, summary.ns_min, summary.ns_max),
            (4, 2, Some(NS_MIN), Some(NS_MAX))
        );
    }

    #[test]
    fn a_cleared_recorder_is_an_empty_one() {
        let mut cleared = recorder(&[5, u64::MAX]);
        cleared.clear();
        assert_eq!(cleared.summary(), Recorder::new().summary());
        assert_eq!(cleared.samples().count(), 0);
    }

    #[test]
    fn a_summary_has_stable_names_and_null_for_what_is_not_known() {
        assert_eq!(
            serde_json::to_string(&recorder(&[7]).summary()).unwrap(),
            r#"{"count":1,"saturated":0,"ns_min":7,"ns_p50":null,"ns_p90":null,"ns_p99":null,"ns_p99_9":null,"#.to_owned()
                + r#""ns_p99_99":null,"ns_max":7}"#
        );
    }

    proptest! {
        #[test]
        fn percentiles_agree_with_sorting(mut samples in prop::collection::vec(0_u64..10_000_000, 200..2_000)) {
            let summary = recorder(&samples).summary();
            samples.sort_unstable();
            for (share_e4, given) in [(5_000, summary.ns_p50), (9_000, summary.ns_p90)] {
                if let Some(given) = given {
                    let exact = samples[(samples.len() * share_e4).div_ceil(10_000) - 1].max(NS_MIN);
                    prop_assert!(given >= exact && given <= exact + exact / 1_000 + 1, "{given} for {exact}");
                }
            }
            prop_assert_eq!(summary.ns_max, samples.last().map(|ns| (*ns).max(NS_MIN)));
        }

        #[test]
        fn merging_is_recording_together(a in prop::collection::vec(any::<u64>(), 0..300),
                                         b in prop::collection::vec(any::<u64>(), 0..300)) {
            let mut merged = recorder(&a);
            merged.merge(&recorder(&b));
            let together = recorder(&[a, b].concat());
            prop_assert_eq!(merged.summary(), together.summary());
            prop_assert!(merged.samples().eq(together.samples()));
        }
    }
}
