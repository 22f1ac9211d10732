//! The four Binance recordings, where they are at hand: `PINRAIL_DATA`, else `../shared/data` beside the workspace.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use pinrail_ring::{Consumer, heap};
use pinrail_types::{Frame, SourceId};
use pinrail_venue::binance::{Listing, Market};
use pinrail_venue::check::check;
use pinrail_venue::infer::{Known, listing};
use pinrail_venue::playback::{Playback, Recording};

/// A recording, its tick and lot, and how many points of it are comparable.
const RECORDINGS: [(&str, Market, &str, &str, u64); 4] = [
    (
        "binance-spot/btcusdt_20240808.gz",
        Market::Spot,
        "0.01",
        "0.00000001",
        564,
    ),
    (
        "binance-spot/ethusdt_20240808.gz",
        Market::Spot,
        "0.01",
        "0.00000001",
        577,
    ),
    (
        "binance-usdm/btcusdt_20240808.gz",
        Market::Usdm,
        "0.1",
        "0.001",
        629,
    ),
    (
        "binance-usdm/ethusdt_20240808.gz",
        Market::Usdm,
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
    listing(path, &Known::default()).unwrap()
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
