//! Reads the Binance recordings into records: the least that this crate's own tests and example need.

// Test code: a recording that does not parse fails the test.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use bytemuck::Zeroable;
use flate2::read::MultiGzDecoder;
use pinrail_types::record::{BookLevel, BookUpdate, LEVELS_MAX, SequenceRule, TopOfBook};
use pinrail_types::{Decimal, Flags, Grid, Px, Qty};
use serde_json::Value;

/// One recorded feed and the lot that its quantities are read in: one decimal finer than the exchange's own for
/// spot, because a few old orders far from the market are smaller than that.
pub(crate) struct Feed {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
    pub(crate) rule: SequenceRule,
    pub(crate) lot: &'static str,
    /// Tickers whose id is that of an applied update.
    pub(crate) points: u64,
}

pub(crate) const FEEDS: [Feed; 4] = [
    Feed {
        name: "spot BTC",
        path: "captures/binance-spot/btcusdt_20240808.gz",
        rule: SequenceRule::BinanceSpot,
        lot: "0.000001",
        points: 564,
    },
    Feed {
        name: "spot ETH",
        path: "captures/binance-spot/ethusdt_20240808.gz",
        rule: SequenceRule::BinanceSpot,
        lot: "0.00001",
        points: 577,
    },
    Feed {
        name: "USD-M BTC",
        path: "captures/binance-usdm/btcusdt_20240808.gz",
        rule: SequenceRule::BinanceUsdm,
        lot: "0.001",
        points: 629,
    },
    Feed {
        name: "USD-M ETH",
        path: "captures/binance-usdm/ethusdt_20240808.gz",
        rule: SequenceRule::BinanceUsdm,
        lot: "0.001",
        points: 551,
    },
];

pub(crate) enum Event {
    /// The records of one update or of the snapshot.
    Depth(Vec<BookUpdate>),
    Top(TopOfBook),
}

/// Where the recordings are; says so on the terminal if they are nowhere.
pub(crate) fn data_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("PINRAIL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    if dir.join("captures").is_dir() {
        Some(dir)
    } else {
        println!("skipped: no recordings (PINRAIL_DATA)");
        None
    }
}

/// The events of a feed in the order in which a venue session sends them: what came before the snapshot follows it.
pub(crate) fn load(dir: &Path, feed: &Feed) -> Vec<Event> {
    let tick = grid("0.01");
    let lot = grid(feed.lot);
    let file = std::fs::File::open(dir.join(feed.path)).unwrap();
    let mut events = Vec::new();
    let mut early = Some(Vec::new());
    for line in BufReader::new(MultiGzDecoder::new(file)).lines() {
        let line = line.unwrap();
        let (ts_recv, json) = line.split_once(' ').unwrap();
        let ts_recv = ts_recv.parse().unwrap();
        let json: Value = serde_json::from_str(json).unwrap();
        let stream = json["stream"].as_str().unwrap_or("");
        let data = &json["data"];
        if stream.is_empty() {
            let id = json["lastUpdateId"].as_u64().unwrap();
            let ids = (id, id, 0);
            events.push(depth(
                Flags::SNAPSHOT,
                ids,
                ts_recv,
                &levels(&json["bids"], &tick, &lot),
                &levels(&json["asks"], &tick, &lot),
            ));
            events.extend(early.take().expect("a recording holds one snapshot"));
        } else if stream.contains("@depth") {
            let ids = (
                data["U"].as_u64().unwrap(),
                data["u"].as_u64().unwrap(),
                data["pu"].as_u64().unwrap_or(0),
            );
            let update = depth(
                Flags::NONE,
                ids,
                ts_recv,
                &levels(&data["b"], &tick, &lot),
                &levels(&data["a"], &tick, &lot),
            );
            early.as_mut().unwrap_or(&mut events).push(update);
        } else if stream.ends_with("@bookTicker") {
            let steps = |key: &str, grid: &Grid| grid.steps(data[key].as_str().unwrap().as_bytes()).unwrap();
            events.push(Event::Top(TopOfBook {
                ts_recv,
                update_id: data["u"].as_u64().unwrap(),
                bid_px: Px(steps("b", &tick)),
                bid_qty: Qty(steps("B", &lot)),
                ask_px: Px(steps("a", &tick)),
                ask_qty: Qty(steps("A", &lot)),
                ..TopOfBook::zeroed()
            }));
        }
    }
    events
}

fn grid(step: &str) -> Grid {
    Grid::new(Decimal::parse(step).unwrap()).unwrap()
}

fn levels(side: &Value, tick: &Grid, lot: &Grid) -> Vec<BookLevel> {
    let steps = |text: &Value, grid: &Grid| grid.steps(text.as_str().unwrap().as_bytes()).unwrap();
    let levels = side.as_array().unwrap().iter();
    levels
        .map(|level| BookLevel {
            px: Px(steps(&level[0], tick)),
            qty: Qty(steps(&level[1], lot)),
        })
        .collect()
}

/// The update as a batch of records.
pub(crate) fn depth(
    flags: Flags,
    ids: (u64, u64, u64),
    ts_recv: u64,
    bids: &[BookLevel],
    asks: &[BookLevel],
) -> Event {
    let all: Vec<(bool, BookLevel)> = bids
        .iter()
        .map(|l| (true, *l))
        .chain(asks.iter().map(|l| (false, *l)))
        .collect();
    let parts = all.len().div_ceil(LEVELS_MAX).max(1);
    let records = (0..parts).map(|part| {
        let mut flags = flags;
        if part == 0 {
            flags = flags.with(Flags::FIRST);
        }
        if part == parts - 1 {
            flags = flags.with(Flags::LAST);
        }
        let mut update = BookUpdate {
            first_id: ids.0,
            last_id: ids.1,
            prev_id: ids.2,
            ts_recv,
            ..BookUpdate::zeroed()
        };
        for (i, (is_bid, level)) in all.iter().skip(part * LEVELS_MAX).take(LEVELS_MAX).enumerate() {
            update.levels[i] = *level;
            update.bids += u8::from(*is_bid);
            update.asks += u8::from(!*is_bid);
        }
        update.header.commit = update.commit_for(flags).pack();
        update
    });
    Event::Depth(records.collect())
}
