//! Arbitrary text as what an exchange sends, and arbitrary bytes as a recording of it.
//!
//! First byte: bit 1, the rest is a recording, else messages, one a line; the others say which market sends them.

use pinrail_types::record::{BookUpdate, LEVELS_MAX, TopOfBook, Trade, VenueStatus};
use pinrail_types::{Decimal, Flags, Frame, Grid, InstrumentId, VenueId};
use pinrail_venue::session::Session;
use pinrail_venue::{Listing, Market, capture};

use super::{Input, Scratch};

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let first = input.u8();
    if first & 2 != 0 {
        return recording(input.rest);
    }
    let market = match (first >> 2, first & 1) {
        (0, 0) => Market::BinanceSpot,
        (0, _) => Market::BinanceUsdm,
        (1, _) => Market::Kraken,
        (2, _) => Market::Okx,
        (3, _) => Market::Coinbase,
        (4, _) => Market::Bybit,
        _ => Market::Deribit,
    };
    let mut session = Session::new(listing(market));
    let mut again = Session::new(listing(market));
    for (n, line) in (1..).zip(input.rest.split(|byte| *byte == b'\n')) {
        let text = String::from_utf8_lossy(line);
        let (mut out, mut same) = (Vec::new(), Vec::new());
        let taken = session.take(n, &text, &mut out);
        let told = taken.as_ref().map_err(ToString::to_string);
        let taken_again = again.take(n, &text, &mut same);
        assert_eq!(told, taken_again.as_ref().map_err(ToString::to_string));
        let is_status = |frame: &Frame| frame.get::<VenueStatus>().is_some();
        assert!(
            taken.is_ok() || out.iter().all(is_status),
            "refused, and more than a gap came out"
        );
        for (frame, same) in out.iter().zip(&same) {
            assert_eq!(frame.words(), same.words());
            check(frame);
        }
        let counts = session.counts();
        assert!(counts.messages <= n);
    }
}

/// A record that a core takes.
fn check(frame: &Frame) {
    let is_known = frame.get::<TopOfBook>().is_some()
        || frame.get::<Trade>().is_some()
        || frame.get::<VenueStatus>().is_some();
    let Some(update) = frame.get::<BookUpdate>() else {
        return assert!(is_known, "{:?}", frame.record_type());
    };
    assert!(usize::from(update.bids) + usize::from(update.asks) <= LEVELS_MAX);
    assert_eq!(frame.commit(), update.commit_for(frame.flags()));
    assert!(!frame.flags().has(Flags::SNAPSHOT) || update.first_id == update.last_id);
}

fn recording(bytes: &[u8]) {
    let scratch = Scratch::new();
    scratch.write("capture.gz", bytes);
    let path = scratch.path().join("capture.gz");
    let mut reader = match capture::Reader::open(&path) {
        Ok(reader) => reader,
        Err(e) => return assert!(e.to_string().contains("capture.gz"), "names no place: {e}"),
    };
    let mut before = 0;
    loop {
        match reader.advance() {
            Ok(true) => {
                assert!(reader.ts_recv() >= before, "time goes back");
                assert!(reader.json().len() <= capture::LINE_BYTES_MAX);
                before = reader.ts_recv();
            }
            Ok(false) => return,
            Err(e) => return assert!(e.to_string().contains("capture.gz"), "names no place: {e}"),
        }
    }
}

fn listing(market: Market) -> Listing {
    let grid = |step| Grid::new(Decimal::parse(step).expect("a decimal")).expect("a step");
    Listing {
        symbol: "BTCUSDT".to_owned(),
        market,
        venue: VenueId(3),
        instrument: InstrumentId(7),
        tick: grid("0.1"),
        lot: grid("0.001"),
    }
}
