//! A latency distribution drawn with text.

use core::fmt::Write;

use crate::latency::Recorder;
use crate::table;

/// Most rows of a chart, the tail's included.
const ROWS_MAX: usize = 16;
/// Characters of the longest bar.
const BAR_WIDTH: usize = 50;
/// A distribution whose 99th percentile is at most this many times its shortest sample has rows of equal width.
const NARROW: u64 = 16;

/// Draws the distribution under `title`: a row for each range of latencies from the shortest sample to the 99th
/// percentile (to the longest, where that is not known), a last row for what lies beyond, and an axis. A narrow
/// distribution has rows of equal width, a wide one rows whose bounds go 1, 2, 5, 10, 20 and so on. Without samples
/// it says so.
pub fn histogram(title: &str, recorder: &Recorder) -> String {
    let summary = recorder.summary();
    let (Some(ns_min), Some(ns_max)) = (summary.ns_min, summary.ns_max) else {
        return format!("{title}: no samples\n");
    };
    let bounds = bounds(ns_min, summary.ns_p99.unwrap_or(ns_max));
    let mut rows = vec![0; bounds.len()];
    for (ns, samples) in recorder.samples() {
        // Row i holds bounds[i] <= ns < bounds[i + 1]; the last row is open.
        rows[bounds.partition_point(|bound| *bound <= ns) - 1] += samples;
    }
    draw(title, &bounds, &rows, ns_max)
}

/// The lower bounds of the rows in nanoseconds, rising: the first is at most `ns_min`, the last above `body_end`.
/// At most [`ROWS_MAX`] of them, for latencies of up to 100 s.
fn bounds(ns_min: u64, body_end: u64) -> Vec<u64> {
    let one_two_five = (0..12).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
    if body_end / NARROW <= ns_min {
        let rows = |width: u64| body_end / width - ns_min / width + 2;
        let width = one_two_five
            .into_iter()
            .find(|width| rows(*width) <= ROWS_MAX as u64)
            .expect("200 s a row is enough for 100 s");
        let first = ns_min / width * width;
        return (0..rows(width)).map(|i| first + i * width).collect();
    }
    let fine: Vec<u64> = one_two_five.collect();
    let coarse: Vec<u64> = fine.iter().copied().step_by(3).collect();
    let fitted = |series: &[u64]| {
        let first = series.partition_point(|bound| *bound <= ns_min) - 1;
        let last = series.partition_point(|bound| *bound <= body_end);
        series[first..=last].to_vec()
    };
    let bounds = fitted(&fine);
    if bounds.len() <= ROWS_MAX {
        bounds
    } else {
        fitted(&coarse)
    }
}

fn draw(title: &str, bounds: &[u64], rows: &[u64], ns_max: u64) -> String {
    let count: u64 = rows.iter().sum();
    let most = rows.iter().copied().max().unwrap_or(0).max(1);
    let mut text = format!("{title}: share of {} samples by latency\n", table::count(count));
    for (i, samples) in rows.iter().enumerate() {
        let label = match bounds.get(i + 1) {
            Some(upper) => format!("{} to {}", table::ns(bounds[i]), table::ns(*upper)),
            None => format!("from {}, max {}", table::ns(bounds[i]), table::ns(ns_max)),
        };
        let length = (u128::from(*samples) * BAR_WIDTH as u128).div_ceil(u128::from(most));
        let bar = "█".repeat(length as usize);
        writeln!(text, "{label:>28} │{bar} {}", percent(*samples, count))
            .expect("a string takes every write");
    }
    let axis = "─".repeat(BAR_WIDTH);
    writeln!(text, "{:>28} └{axis}┤ {}", "0 %", percent(most, count)).expect("a string takes every write");
    text
}

/// `part` of `whole` in per cent with two digits after the point, rounded down; what is not nothing never reads as
/// nothing.
fn percent(part: u64, whole: u64) -> String {
    match u128::from(part) * 10_000 / u128::from(whole) {
        0 if part > 0 => "<0.01 %".to_owned(),
        share_e4 => format!("{}.{:02} %", share_e4 / 100, share_e4 % 100),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_chart_says_so() {
        assert_eq!(histogram("nothing", &Recorder::new()), "nothing: no samples\n");
    }

    #[test]
    fn a_narrow_distribution_has_equal_rows_and_its_tail() {
        let mut recorder = Recorder::new();
        for i in 0..20_000 {
            recorder.record_ns(150 + i % 30);
        }
        recorder.record_ns(4_000_000);
        let expected = "\
core: share of 20,001 samples by latency
            150 ns to 152 ns │██████████████████████████████████████████████████ 6.66 %
            152 ns to 154 ns │██████████████████████████████████████████████████ 6.66 %
";
        let text = histogram("core", &recorder);
        assert!(text.starts_with(expected), "{text}");
        assert!(
            text.contains("from 180 ns, max 4.00 ms │█ <0.01 %\n                         0 % └────"),
            "{text}"
        );
    }

    #[test]
    fn a_wide_distribution_has_rows_that_grow() {
        assert_eq!(bounds(30, 700), [20, 50, 100, 200, 500, 1_000]);
        assert_eq!(
            bounds(1, 1_000_000),
            [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000]
        );
    }

    proptest! {
        #[test]
        fn every_sample_has_a_row(ns_min in 1..=crate::latency::NS_MAX, shift in 0..36_u32, far in any::<u64>()) {
            let ns_min = (ns_min >> shift).max(1);
            let body_end = ns_min + far % (crate::latency::NS_MAX - ns_min + 1);
            let bounds = bounds(ns_min, body_end);
            prop_assert!((2..=ROWS_MAX).contains(&bounds.len()), "{bounds:?}");
            prop_assert!(bounds.windows(2).all(|w| w[0] < w[1]));
            prop_assert!(bounds[0] <= ns_min && *bounds.last().unwrap() > body_end);
        }

        #[test]
        fn no_sample_is_lost(samples in prop::collection::vec((any::<u64>(), 0..64_u32), 1..300)) {
            let mut recorder = Recorder::new();
            for (ns, shift) in &samples {
                recorder.record_ns(ns >> shift);
            }
            let text = histogram("any", &recorder);
            prop_assert!(text.starts_with(&format!("any: share of {} samples", samples.len())), "{}", text);
        }
    }
}
