//! The four Binance recordings, where they are at hand: `PINRAIL_DATA`, else `../shared/data` beside the workspace.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use pinrail_ring::{Consumer, heap};
use pinrail_types::{Frame, SourceId};
use pinrail_venue::check::check;
use pinrail_venue::infer::{Known, listings};
use pinrail_venue::playback::{Playback, Recording};
use pinrail_venue::{Listing, Market};

/// A recording, its tick and lot, and how many points of it are comparable.
const RECORDINGS: [(&str, Market, &str, &str, u64); 4] = [
    (
        "binance-spot/btcusdt_20240808.gz",
        Market::BinanceSpot,
        "0.01",
        "0.00000001",
        564,
    ),
    (
        "binance-spot/ethusdt_20240808.gz",
        Market::BinanceSpot,
        "0.01",
        "0.00000001",
        577,
    ),
    (
        "binance-usdm/btcusdt_20240808.gz",
        Market::BinanceUsdm,
        "0.1",
        "0.001",
        629,
    ),
    (
        "binance-usdm/ethusdt_20240808.gz",
        Market::BinanceUsdm,
        "0.01",
        "0.001",
        551,
    ),
];

fn captures() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let data = std::env::var_os("PINRAIL_DATA").map_or_else(beside, PathBuf::from);
    let captures = data.join("captures");
    if !captures.is_dir() {
        println!("skipped: no recordings (PINRAIL_DATA)");
        return None;
    }
    Some(captures)
}

fn inferred(path: &Path) -> Listing {
    listings(path, &Known::default()).unwrap().remove(0)
}

#[test]
fn rebuilt_books_match_the_exchange_at_every_comparable_point() {
    let Some(captures) = captures() else { return };
    for (file, market, tick, lot, comparable) in RECORDINGS {
        let path = captures.join(file);
        let listing = inferred(&path);
        assert_eq!(listing.market, market, "{file}");
        assert_eq!(listing.tick.step().to_string(), tick, "{file}");
        assert_eq!(listing.lot.step().to_string(), lot, "{file}");
        let report = check(&path, &listing).unwrap();
        println!("{file}: {comparable} points, {:?}", report.elapsed);
        assert_eq!(report.first_mismatch, None, "{file}");
        assert_eq!(
            (report.comparable, report.matching),
            (comparable, comparable),
            "{file}"
        );
        assert_eq!((report.counts.gaps, report.counts.snapshots), (0, 1), "{file}");
        assert!(report.is_clean());
    }
}

/// What a capture of many books holds: its market, books, updates, checksums, and best prices that can be compared.
const OTHERS: [(&str, Market, usize, u64, u64, u64); 5] = [
    ("kraken/KRAKEN.ws.50.0.gz", Market::Kraken, 10, 4_269, 4_269, 0),
    ("okx/OKX.ws.1.0.gz", Market::Okx, 3, 287, 290, 0),
    ("coinbase/COINBASE.ws.28.0.gz", Market::Coinbase, 10, 9_719, 0, 97),
    ("bybit/BYBIT.ws.26.0.gz", Market::Bybit, 2, 1_016, 0, 0),
    ("deribit/DERIBIT.ws.1.0.gz", Market::Deribit, 10, 36, 0, 79),
];

#[test]
fn books_of_the_other_venues_rebuild_with_all_that_the_venues_tell() {
    let Some(captures) = captures() else { return };
    for (file, market, books, updates, checksums, quotes) in OTHERS {
        let path = captures.join(file);
        let listings = listings(&path, &Known::default()).unwrap();
        let reports: Vec<_> = listings.iter().map(|l| check(&path, l).unwrap()).collect();
        for report in &reports {
            assert_eq!(report.listing.market, market);
            assert_eq!(report.first_doubt, None, "{file} {}", report.listing.symbol);
            assert!(report.is_clean(), "{file} {}", report.listing.symbol);
            assert_eq!((report.counts.snapshots, report.crossed), (1, 0), "{file}");
        }
        let sum = |count: fn(&pinrail_venue::check::Report) -> u64| reports.iter().map(count).sum::<u64>();
        assert_eq!(
            (reports.len(), sum(|r| r.counts.updates)),
            (books, updates),
            "{file}"
        );
        assert_eq!(
            (sum(|r| r.counts.checksums), sum(|r| r.counts.checksums_equal)),
            (checksums, checksums),
            "{file}"
        );
        assert_eq!(
            (sum(|r| r.comparable), sum(|r| r.matching)),
            (quotes, quotes),
            "{file}"
        );
    }
}

/// Takes out of the ring all that is in it.
fn drain(consumer: &mut Consumer, into: &mut Vec<Frame>) {
    let mut frame = Frame::default();
    while consumer.poll(&mut frame).unwrap() {
        into.push(frame);
    }
    consumer.release();
}

#[test]
fn a_venue_of_two_instruments_plays_in_order_through_a_small_ring() {
    let Some(captures) = captures() else { return };
    let recordings: Vec<Recording> = RECORDINGS[..2]
        .iter()
        .map(|(file, ..)| captures.join(file))
        .map(|path| Recording {
            listing: inferred(&path),
            path,
        })
        .collect();
    let (producer, mut consumer) = heap(1024).unwrap();
    let mut playback = Playback::open(SourceId(4), &recordings, producer, 0).unwrap();
    let (mut frames, mut before, mut count) = (Vec::new(), 0, 0_u64);
    while !playback.is_finished() {
        playback.do_work(u64::MAX).unwrap();
        frames.clear();
        drain(&mut consumer, &mut frames);
        for frame in &frames {
            assert!(frame.header().ts_core >= before);
            before = frame.header().ts_core;
            count += u64::from(!frame.record_type().is_framing());
        }
    }
    let counts: Vec<_> = playback.counts().collect();
    assert_eq!(before, u64::MAX);
    // Each top and each trade is a record, each update at least one.
    assert!(count > counts.iter().map(|c| c.messages).sum());
    assert_eq!(counts.iter().map(|c| c.messages).sum::<u64>(), 41_249 + 33_618);
}
