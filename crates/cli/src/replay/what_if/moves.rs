//! How far prices moved.

use pinrail_types::{E8, Px, Scaled, Side};
use serde::Serialize;

/// Differences of one price in one instrument, over the requests that are quoted in both worlds.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// Better for the client is above zero.
    ticks: Vec<i64>,
    /// The same as a fraction of the price before, times 1e8, towards zero.
    fraction_e8: Vec<i64>,
}

/// [`Moves`] summed up. What is better for the client is above zero; means are rounded towards zero, and of two middle
/// values the median is the lower.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct MovesSummary {
    pub(super) instrument: String,
    /// `bid` or `offer`.
    pub(super) side: &'static str,
    pub(super) equal: u64,
    pub(super) better: u64,
    pub(super) worse: u64,
    pub(super) ticks_sum: i128,
    pub(super) ticks_mean: String,
    pub(super) ticks_median: i64,
    /// The one furthest from zero.
    pub(super) ticks_max: i64,
    pub(super) bps_mean: String,
    pub(super) bps_median: String,
    pub(super) bps_max: String,
}

/// What `now` is better for a client that does `side` than `before`, in ticks.
pub(super) fn better_by(side: Side, before: Px, now: Px) -> i64 {
    match side {
        Side::Buy => before.0.saturating_sub(now.0),
        Side::Sell => now.0.saturating_sub(before.0),
    }
}

impl Moves {
    pub(super) fn take(&mut self, side: Side, before: Px, now: Px) {
        let ticks = better_by(side, before, now);
        let fraction = match i128::from(before.0).abs() {
            0 => 0,
            px => i128::from(ticks) * i128::from(E8) / px,
        };
        self.ticks.push(ticks);
        self.fraction_e8.push(fraction as i64);
    }

    pub(super) fn summary(mut self, instrument: String, side: Side) -> MovesSummary {
        let count =
            |wanted: fn(i64) -> bool| self.ticks.iter().filter(|ticks| wanted(**ticks)).count() as u64;
        let (equal, better, worse) = (count(|t| t == 0), count(|t| t > 0), count(|t| t < 0));
        self.ticks.sort_unstable();
        self.fraction_e8.sort_unstable();
        let bps = |e8: i128| fixed(e8, -4);
        MovesSummary {
            instrument,
            side: match side {
                Side::Buy => "offer",
                Side::Sell => "bid",
            },
            equal,
            better,
            worse,
            ticks_sum: sum(&self.ticks),
            ticks_mean: fixed(100 * sum(&self.ticks) / self.ticks.len().max(1) as i128, -2),
            ticks_median: median(&self.ticks),
            ticks_max: furthest(&self.ticks),
            bps_mean: bps(sum(&self.fraction_e8) / self.fraction_e8.len().max(1) as i128),
            bps_median: bps(median(&self.fraction_e8).into()),
            bps_max: bps(furthest(&self.fraction_e8).into()),
        }
    }
}

fn fixed(value: i128, exponent: i8) -> String {
    Scaled { value, exponent }.to_string()
}

fn sum(values: &[i64]) -> i128 {
    values.iter().map(|value| i128::from(*value)).sum()
}

/// Of sorted values.
fn median(sorted: &[i64]) -> i64 {
    sorted
        .get(sorted.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or(0)
}

/// Of sorted values.
fn furthest(sorted: &[i64]) -> i64 {
    let ends = [sorted.first(), sorted.last()];
    let ends = ends.into_iter().flatten().copied();
    ends.max_by_key(|end| end.unsigned_abs()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_are_seen_from_the_client() {
        let mut offers = Moves::default();
        for (before, now) in [
            (10_000, 9_999),
            (10_000, 10_005),
            (10_000, 10_000),
            (20_000, 20_002),
        ] {
            offers.take(Side::Buy, Px(before), Px(now));
        }
        let summary = offers.summary("BTC-USD".to_owned(), Side::Buy);
        assert_eq!((summary.equal, summary.better, summary.worse), (1, 1, 2));
        assert_eq!((summary.ticks_sum, summary.ticks_mean.as_str()), (-6, "-1.50"));
        assert_eq!((summary.ticks_median, summary.ticks_max), (-2, -5));
        // 1, -5, 0 and -1 basis points.
        assert_eq!(
            (&*summary.bps_mean, &*summary.bps_median, &*summary.bps_max),
            ("-1.2500", "-1.0000", "-5.0000")
        );
        assert_eq!(better_by(Side::Sell, Px(5), Px(8)), 3);
    }
}
