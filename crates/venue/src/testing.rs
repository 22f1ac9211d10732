//! Messages made by hand, for the tests of several modules: spot, tick 0.1, lot 0.001.

use std::fmt::Write;

use pinrail_types::{Decimal, Grid, InstrumentId, VenueId};

use crate::listing::{Listing, Market};

pub(crate) const TOP: &str = r#"{"stream":"btcusdt@bookTicker","data":{"u":12,"s":"BTCUSDT","b":"100.0","B":"2.5","a":"100.1","A":"2.5"}}"#;

pub(crate) const TRADE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":6,"s":"BTCUSDT","t":77,"p":"100.1","q":"0.006","m":false}}"#;

pub(crate) fn listing() -> Listing {
    let grid = |step| Grid::new(Decimal::parse(step).unwrap()).unwrap();
    Listing {
        symbol: "BTCUSDT".to_owned(),
        market: Market::BinanceSpot,
        venue: VenueId(3),
        instrument: InstrumentId(7),
        tick: grid("0.1"),
        lot: grid("0.001"),
    }
}

/// `count` levels from `start` on, `step` tenths apart.
fn levels(start: i64, step: i64, count: usize) -> String {
    let mut text = String::new();
    for i in 0..count {
        let tenths = start + step * i as i64;
        let comma = if i > 0 { "," } else { "" };
        write!(text, r#"{comma}["{}.{}","1.5"]"#, tenths / 10, tenths % 10).unwrap();
    }
    text
}

pub(crate) fn update(first_id: u64, last_id: u64, bids: usize, asks: usize) -> String {
    let (bids, asks) = (levels(10_000, -1, bids), levels(10_001, 1, asks));
    format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":6,"s":"BTCUSDT","U":{first_id},"u":{last_id},"b":[{bids}],"a":[{asks}]}}}}"#
    )
}

pub(crate) fn snapshot(last_id: u64, levels_a_side: usize) -> String {
    let (bids, asks) = (
        levels(10_000, -1, levels_a_side),
        levels(10_001, 1, levels_a_side),
    );
    format!(r#"{{"lastUpdateId":{last_id},"bids":[{bids}],"asks":[{asks}]}}"#)
}
