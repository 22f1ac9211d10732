//! The default model against exact fractions and brute force, over the recorded books. `PINRAIL_ORACLE_REQUESTS` says how
//! many requests have to be priced, `PINRAIL_DATA` where the recordings are, else `../shared/data` beside the workspace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "nothing but tests")]

#[path = "../../crates/pricing/tests/exact/mod.rs"]
mod exact;
mod market;
mod naive;
mod trial;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use exact::draws::Draws;
use market::{Market, Recorded, grid_of, recorded};
use naive::NaiveEstimates;
use pinrail_book::Estimates;
use pinrail_report::table::{Table, count};
use pinrail_types::{Reason, Side};
use pinrail_venue::infer::Known;
use trial::Trial;

/// Requests at each point that is asked at.
const ASKED_AT_POINT: u64 = 32;
/// Lines of each Binance recording that are read for fewer requests than this.
const FEW_REQUESTS: u64 = 100_000;
const FEW_LINES: u64 = 4_000;

/// What was compared over one recording or market.
#[derive(Default)]
struct Tally {
    books: u64,
    /// Points asked at.
    points: u64,
    priced: u64,
    refused: u64,
    samples: u64,
    differences: u64,
    first_difference: Option<String>,
    reasons: BTreeMap<Reason, u64>,
}

impl Tally {
    fn differ(&mut self, told: impl FnOnce() -> String) {
        self.differences += 1;
        self.first_difference.get_or_insert_with(told);
    }
}

fn captures() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let data = std::env::var_os("PINRAIL_DATA").map_or_else(beside, PathBuf::from);
    let captures = data.join("captures");
    if !captures.is_dir() {
        println!("skipped: no recordings (PINRAIL_DATA)");
        return None;
    }
    Some(captures)
}

/// Spot and futures of one asset on the grid of spot, which is the finer one.
fn binance(captures: &Path, file: &str, lines_max: u64) -> [Recorded; 2] {
    let [mut spot] = <[_; 1]>::try_from(recorded(
        &captures.join("binance-spot").join(file),
        &Known::default(),
        lines_max,
    ))
    .ok()
    .unwrap();
    let (tick, lot) = grid_of(&spot.listing);
    let known = Known {
        tick,
        lot,
        ..Known::default()
    };
    let mut usdm = recorded(&captures.join("binance-usdm").join(file), &known, lines_max);
    spot.listing.symbol += " spot";
    usdm[0].listing.symbol += " futures";
    [spot, usdm.remove(0)]
}

/// All markets by what they are called in the table. More than two venues are made of what there is by showing it again, late.
fn markets(captures: &Path, lines_max: u64) -> Vec<(&'static str, Vec<Market>)> {
    let alone = |recorded: Recorded| vec![Market::new([(recorded, 0)])];
    let with_late = |recorded: &[Recorded; 2], delays_ms: &[u64]| {
        let late = |ms: &u64| recorded.clone().map(|recorded| (recorded, ms * 1_000_000));
        vec![Market::new(delays_ms.iter().flat_map(late))]
    };
    let btc = binance(captures, "btcusdt_20240808.gz", lines_max);
    let eth = binance(captures, "ethusdt_20240808.gz", lines_max);
    let [btc_spot, btc_futures] = btc.clone();
    let [eth_spot, eth_futures] = eth.clone();
    let mut markets = vec![
        ("BTCUSDT, spot", alone(btc_spot)),
        ("BTCUSDT, futures", alone(btc_futures)),
        ("ETHUSDT, spot", alone(eth_spot)),
        ("ETHUSDT, futures", alone(eth_futures)),
        ("BTCUSDT, spot and futures", with_late(&btc, &[0])),
        ("BTCUSDT, four venues", with_late(&btc, &[0, 70])),
        ("ETHUSDT, spot and futures", with_late(&eth, &[0])),
        ("ETHUSDT, eight venues", with_late(&eth, &[0, 40, 130, 700])),
    ];
    for (name, file) in [
        ("Kraken", "kraken/KRAKEN.ws.50.0.gz"),
        ("OKX", "okx/OKX.ws.1.0.gz"),
        ("Coinbase", "coinbase/COINBASE.ws.28.0.gz"),
        ("Bybit", "bybit/BYBIT.ws.26.0.gz"),
        ("Deribit", "deribit/DERIBIT.ws.1.0.gz"),
    ] {
        let books = recorded(&captures.join(file), &Known::default(), u64::MAX);
        markets.push((name, books.into_iter().flat_map(alone).collect()));
    }
    markets
}

/// Takes a market from its first point to its last and asks at every `stride`th.
fn go_through(market: &mut Market, stride: u64, draws: &mut Draws, tally: &mut Tally) {
    let tau_ns = [1_000_000_000, 10_000_000_000, Estimates::TAU_NS][draws.below(3) as usize];
    let mut estimates = Estimates::default();
    estimates.set_tau(tau_ns);
    let mut exact = NaiveEstimates::new(tau_ns);
    let mut trial = Trial::new(draws);
    let mut point = draws.below(stride.cast_signed()).unsigned_abs();
    tally.books += market.feeds.len() as u64;
    while let Some(now) = market.step() {
        sample(market, now, &mut estimates, &mut exact, tally);
        point += 1;
        if point.is_multiple_of(stride) {
            tally.points += 1;
            trial.at(market, now, &estimates, exact.volatility_e8(), draws, tally);
        }
    }
    tally.samples += exact.samples() as u64;
    let (spread_e8, volatility_e8) = exact.in_one_sum();
    for (whole, sum) in [
        (exact.spread_e8(), spread_e8),
        (exact.volatility_e8(), volatility_e8),
    ] {
        assert!(
            (whole as f64 - sum).abs() < 2.0 + sum / 1_000.0,
            "{}: {whole}, in one sum {sum}",
            market.feeds[0].recorded.listing.symbol
        );
    }
}

/// Shows a point to both estimates, with every venue fresh.
fn sample(
    market: &mut Market,
    now: u64,
    estimates: &mut Estimates,
    exact: &mut NaiveEstimates,
    tally: &mut Tally,
) {
    let mut best = [None, None];
    for (at, feed) in market.feeds.iter().enumerate() {
        let source = market.venues.source_mut(at);
        (source.stale_ns_max, source.halted) = (u64::MAX, false);
        if feed.naive.is_healthy() {
            let better = |a: Option<i64>, b: Option<i64>, pick: fn(i64, i64) -> i64| match (a, b) {
                (Some(a), Some(b)) => Some(pick(a, b)),
                _ => a.or(b),
            };
            best[0] = better(best[0], feed.naive.best(Side::Sell), i64::max);
            best[1] = better(best[1], feed.naive.best(Side::Buy), i64::min);
        }
    }
    let top = market.venues.view(now).and_then(|view| view.top()).ok();
    let expected = best[0].zip(best[1]);
    let found = top.map(|top| (top.bid_px.0, top.ask_px.0));
    if found != expected {
        tally.differ(|| format!("at {now}: best bid and offer are {expected:?}, not {found:?}"));
    }
    if let (Some(top), true) = (top, estimates.wants_sample(now)) {
        estimates.sample(now, top);
    }
    if let Some((bid, ask)) = expected {
        exact.take(now, bid, ask);
    }
    let found = (estimates.spread_e8(), estimates.volatility_e8());
    let expected = (exact.spread_e8(), exact.volatility_e8());
    if found != expected {
        tally.differ(|| format!("at {now}: spread and volatility are {expected:?}, not {found:?}"));
    }
}

#[test]
fn every_price_over_the_recorded_books_is_the_exact_one() {
    let Some(captures) = captures() else { return };
    let requests = std::env::var("PINRAIL_ORACLE_REQUESTS").map_or(20_000, |n| n.parse().unwrap());
    let lines_max = if requests < FEW_REQUESTS {
        FEW_LINES
    } else {
        u64::MAX
    };
    let mut markets = markets(&captures, lines_max);
    let all_points: u64 = markets
        .iter()
        .flat_map(|(_, books)| books)
        .map(Market::points)
        .sum();
    // Less than a third of the requests is refused.
    let wanted_points = (requests * 3 / 2).div_ceil(ASKED_AT_POINT);
    let stride = (all_points / wanted_points).max(1);
    let mut draws = Draws::new(4);
    let mut tallies = Vec::new();
    for (name, books) in &mut markets {
        let mut tally = Tally::default();
        for market in books {
            go_through(market, stride, &mut draws, &mut tally);
        }
        tallies.push((*name, tally));
    }
    show(&tallies);
    for (name, tally) in &tallies {
        if let Some(told) = &tally.first_difference {
            panic!("{name}: {} differences, the first {told}", tally.differences);
        }
    }
    let priced: u64 = tallies.iter().map(|(_, tally)| tally.priced).sum();
    assert!(priced >= requests, "{priced} requests were priced");
}

fn show(tallies: &[(&str, Tally)]) {
    let mut table = Table::figures(&[
        "recording",
        "books",
        "points",
        "samples",
        "priced",
        "refused alike",
        "differences",
    ]);
    let figures = |tally: &Tally| {
        [
            tally.books,
            tally.points,
            tally.samples,
            tally.priced,
            tally.refused,
            tally.differences,
        ]
    };
    let mut sums = [0; 6];
    let mut reasons = BTreeMap::new();
    for (name, tally) in tallies {
        let figures = figures(tally);
        table.row([(*name).to_owned()].into_iter().chain(figures.map(count)));
        for (sum, figure) in sums.iter_mut().zip(figures) {
            *sum += figure;
        }
        for (reason, times) in &tally.reasons {
            *reasons.entry(*reason).or_insert(0) += times;
        }
    }
    table.row(["all".to_owned()].into_iter().chain(sums.map(count)));
    let mut refused = Table::figures(&["refused alike for", "requests"]);
    for (reason, times) in reasons {
        refused.row([format!("{reason:?}"), count(times)]);
    }
    println!("{table}\n\n{refused}");
}
