//! Books and estimates once more, as their documents say them, in maps and exact fractions.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use pinrail_types::record::{BookUpdate, SequenceRule};
use pinrail_types::{E8, Flags, Side};

/// A venue's book: everything reported, and how far it is known.
pub(crate) struct NaiveBook {
    rule: SequenceRule,
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    /// The worst known bid and offer.
    known: Option<(i64, i64)>,
    /// The last id taken.
    last_id: Option<u64>,
    is_snapshot_alone: bool,
    is_applying: bool,
    ts_recv: u64,
}

impl NaiveBook {
    pub(crate) fn new(rule: SequenceRule) -> NaiveBook {
        NaiveBook {
            rule,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            known: None,
            last_id: None,
            is_snapshot_alone: false,
            is_applying: false,
            ts_recv: 0,
        }
    }

    /// The recordings have no gap, which others test; what is left is to drop what is older than the snapshot.
    pub(crate) fn apply(&mut self, update: &BookUpdate, flags: Flags) {
        let is_snapshot = flags.has(Flags::SNAPSHOT);
        if flags.has(Flags::FIRST) {
            // The first update on a snapshot of USD-M futures may end where that does.
            let may_repeat = self.is_snapshot_alone && self.rule == SequenceRule::BinanceUsdm;
            let is_new = |id| update.last_id > id || (may_repeat && update.last_id == id);
            self.is_applying = self.last_id.is_some_and(is_new);
            if is_snapshot {
                *self = NaiveBook {
                    is_applying: true,
                    ..NaiveBook::new(self.rule)
                };
            }
        }
        if !self.is_applying {
            return;
        }
        let (bids, asks) = update.sides().unwrap();
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels {
                if level.qty.0 == 0 {
                    side.remove(&level.px.0);
                } else {
                    side.insert(level.px.0, level.qty.0);
                }
            }
        }
        if flags.has(Flags::LAST) {
            self.last_id = Some(update.last_id);
            self.ts_recv = update.ts_recv;
            let is_whole = is_snapshot || self.rule == SequenceRule::Mirrored;
            self.is_snapshot_alone = is_snapshot && self.rule != SequenceRule::Mirrored;
            if is_whole {
                let worst_bid = self.bids.keys().next().copied().unwrap_or(i64::MAX);
                let worst_ask = self.asks.keys().next_back().copied().unwrap_or(i64::MIN);
                self.known = Some((worst_bid, worst_ask));
            }
        }
    }

    pub(crate) fn is_healthy(&self) -> bool {
        let is_crossed = match (self.bids.keys().next_back(), self.asks.keys().next()) {
            (Some(bid), Some(ask)) => bid >= ask,
            _ => false,
        };
        self.last_id.is_some() && !self.is_snapshot_alone && !is_crossed
    }

    pub(crate) fn is_stale(&self, now: u64, stale_ns_max: u64) -> bool {
        now.max(self.ts_recv) - now.min(self.ts_recv) > stale_ns_max
    }

    /// The known levels that a client's order on `side` is hedged against.
    pub(crate) fn levels(&self, side: Side) -> Vec<(i64, i64)> {
        let Some((worst_bid, worst_ask)) = self.known else {
            return Vec::new();
        };
        let pairs = |(px, qty): (&i64, &i64)| (*px, *qty);
        match side {
            Side::Buy => self.asks.range(..=worst_ask).map(pairs).collect(),
            Side::Sell => self.bids.range(worst_bid..).map(pairs).collect(),
        }
    }

    pub(crate) fn best(&self, side: Side) -> Option<i64> {
        let (worst_bid, worst_ask) = self.known?;
        match side {
            Side::Buy => self.asks.keys().next().copied().filter(|px| *px <= worst_ask),
            Side::Sell => self
                .bids
                .keys()
                .next_back()
                .copied()
                .filter(|px| *px >= worst_bid),
        }
    }
}

/// What the best bids and offers of a market come to.
pub(crate) struct NaiveEstimates {
    tau_ns: u64,
    /// Core time, bid and offer of each sample.
    history: Vec<(u64, i64, i64)>,
    spread_e16: i64,
    variance_e16: i64,
}

impl NaiveEstimates {
    pub(crate) fn new(tau_ns: u64) -> NaiveEstimates {
        NaiveEstimates {
            tau_ns,
            history: Vec::new(),
            spread_e16: 0,
            variance_e16: 0,
        }
    }

    pub(crate) fn samples(&self) -> usize {
        self.history.len()
    }

    /// Takes a best bid and offer, if a sample is due.
    pub(crate) fn take(&mut self, now: u64, bid: i64, ask: i64) {
        let last = self.history.last().copied();
        if last.is_some_and(|(at, ..)| now < at + 100_000_000) {
            return;
        }
        self.history.push((now, bid, ask));
        let spread_e16 = down(&(ratio(2 * (ask - bid).max(0), bid + ask) * BigInt::from(E8 * E8)));
        let Some((before, last_bid, last_ask)) = last else {
            self.spread_e16 = spread_e16;
            return;
        };
        let dt_ns = i64::try_from(now - before).unwrap();
        let weight = ratio(dt_ns, self.tau_ns.cast_signed() + dt_ns);
        let rest = ratio(1, 1) - &weight;
        let (mid_twice, mid_twice_before) = (bid + ask, last_bid + last_ask);
        let moved = (mid_twice - mid_twice_before).abs();
        let moved_e12 = down(&(ratio(moved, mid_twice_before) * BigInt::from(10_000 * E8)));
        let per_second = ratio(moved_e12, 1) * BigInt::from(moved_e12) * ratio(10, dt_ns);
        self.spread_e16 = down(&(ratio(self.spread_e16, 1) * &rest + ratio(spread_e16, 1) * &weight));
        self.variance_e16 = down(&(ratio(self.variance_e16, 1) * rest + per_second * weight)).min(E8 * E8);
    }

    pub(crate) fn spread_e8(&self) -> i64 {
        self.spread_e16 / E8
    }

    pub(crate) fn volatility_e8(&self) -> i64 {
        self.variance_e16.isqrt()
    }

    /// Spread and volatility, times 1e8, as one weighted sum over the whole history, nothing rounded on the way.
    pub(crate) fn in_one_sum(&self) -> (f64, f64) {
        let (mut spread, mut variance, mut weight_left) = (0.0, 0.0, 1.0);
        let width = |(_, bid, ask): &(u64, i64, i64)| 2.0 * (ask - bid).max(0) as f64 / (bid + ask) as f64;
        for pair in self.history.windows(2).rev() {
            let ((before, last_bid, last_ask), (at, bid, ask)) = (pair[0], pair[1]);
            let dt_s = (at - before) as f64 / 1e9;
            let share = dt_s / (self.tau_ns as f64 / 1e9 + dt_s);
            let change = (bid + ask) as f64 / (last_bid + last_ask) as f64 - 1.0;
            spread += weight_left * share * width(&pair[1]);
            variance += weight_left * share * change * change / dt_s;
            weight_left *= 1.0 - share;
        }
        spread += self
            .history
            .first()
            .map_or(0.0, |first| weight_left * width(first));
        (spread * 1e8, variance.sqrt() * 1e8)
    }
}

fn ratio(part: i64, whole: i64) -> BigRational {
    BigRational::new(part.into(), whole.into())
}

fn down(value: &BigRational) -> i64 {
    i64::try_from(value.floor().to_integer()).unwrap()
}
