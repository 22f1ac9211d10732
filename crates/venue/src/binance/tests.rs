use pinrail_types::{Decimal, DecimalError, Grid, InstrumentId, Px, Qty, Side, VenueId};
use proptest::prelude::*;

use super::*;
use crate::amount::LEVELS_MAX;
use crate::listing::Market;

fn grid(step: &str) -> Grid {
    Grid::new(Decimal::parse(step).unwrap()).unwrap()
}

fn codec(market: Market) -> Codec {
    Codec::new(Listing {
        symbol: "BTCUSDT".to_owned(),
        market,
        venue: VenueId(3),
        instrument: InstrumentId(7),
        tick: grid("0.1"),
        lot: grid("0.001"),
    })
}

const UPDATE: &str = r#"{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1723161256299,"T":1,"s":"BTCUSDT","U":10,"u":12,"pu":9,"b":[["58710.20","0.014"],["61496.50","0.000"]],"a":[["61800.3","2.5"]]}}"#;
const TOP: &str = r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":12,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":5,"E":6}}"#;
const TRADE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":6,"T":5,"s":"BTCUSDT","t":77,"p":"61800.30","q":"0.006","X":"MARKET","m":false}}"#;
const SNAPSHOT: &str = r#"{"lastUpdateId":11,"E":6,"T":5,"bids":[["61800.20","2.909"]],"asks":[["61800.30","1.000"],["61800.40","2"]]}"#;

fn refusal(market: Market, json: &str) -> MessageError {
    codec(market).decode(1, json).expect_err(json)
}

fn level(px: i64, qty: i64) -> BookLevel {
    BookLevel {
        px: Px(px),
        qty: Qty(qty),
    }
}

#[test]
fn an_update_lands_on_the_grid() {
    let mut codec = codec(Market::BinanceUsdm);
    let Message::Update(depth) = codec.decode(1, UPDATE).unwrap() else {
        panic!("no update")
    };
    assert_eq!(depth.bids, [level(587_102, 14), level(614_965, 0)]);
    assert_eq!(depth.asks, [level(618_003, 2500)]);
    assert_eq!((depth.first_id, depth.last_id, depth.prev_id), (10, 12, 9));
    assert_eq!(depth.ts_event, 1_723_161_256_299_000_000);
}

#[test]
fn levels_do_not_outlive_their_message() {
    let mut codec = codec(Market::BinanceUsdm);
    codec.decode(1, UPDATE).unwrap();
    let Message::Snapshot(depth) = codec.decode(2, SNAPSHOT).unwrap() else {
        panic!("no snapshot")
    };
    assert_eq!(depth.bids, [level(618_002, 2909)]);
    assert_eq!(depth.asks, [level(618_003, 1000), level(618_004, 2000)]);
    assert_eq!((depth.first_id, depth.last_id, depth.prev_id), (11, 11, 0));
}

#[test]
fn tops_and_trades_are_complete_records() {
    let mut codec = codec(Market::BinanceUsdm);
    let Message::Top(top) = codec.decode(9, TOP).unwrap() else {
        panic!("no top")
    };
    assert_eq!((top.venue, top.instrument), (VenueId(3), InstrumentId(7)));
    assert_eq!((top.update_id, top.ts_recv, top.ts_event), (12, 9, 6_000_000));
    assert_eq!((top.bid_px, top.bid_qty), (Px(618_002), Qty(2507)));
    assert_eq!((top.ask_px, top.ask_qty), (Px(618_003), Qty(2510)));
    let Message::Trade(trade) = codec.decode(9, TRADE).unwrap() else {
        panic!("no trade")
    };
    assert_eq!((trade.px, trade.qty, trade.trade_id), (Px(618_003), Qty(6), 77));
    assert_eq!(Side::from_fix(trade.taker_side), Some(Side::Buy));
    let sold = TRADE.replace("\"m\":false", "\"m\":true");
    let Message::Trade(trade) = codec.decode(9, &sold).unwrap() else {
        panic!("no trade")
    };
    assert_eq!(Side::from_fix(trade.taker_side), Some(Side::Sell));
}

#[test]
fn an_empty_side_has_no_price() {
    let empty = TOP.replace("61800.20", "0.00").replace("2.507", "0.000");
    let mut codec = codec(Market::BinanceUsdm);
    let Message::Top(top) = codec.decode(9, &empty).unwrap() else {
        panic!("no top")
    };
    assert_eq!((top.bid_px, top.bid_qty), (Px::NONE, Qty(0)));
}

#[test]
fn trades_outside_the_book_are_told_apart() {
    let fund = TRADE.replace("MARKET", "INSURANCE_FUND");
    assert!(matches!(
        codec(Market::BinanceUsdm).decode(1, &fund),
        Ok(Message::OffBook)
    ));
}

#[test]
fn what_is_about_something_else_is_refused() {
    let wrong = |key: &'static str, text: &str| MessageError::WrongSymbol {
        key,
        text: text.to_owned(),
        expected: "BTCUSDT".to_owned(),
    };
    assert_eq!(
        refusal(Market::BinanceUsdm, &TOP.replace("btcusdt@", "ethusdt@")),
        wrong("stream", "ethusdt@bookTicker")
    );
    assert_eq!(
        refusal(Market::BinanceUsdm, &TOP.replace("BTCUSDT", "ETHUSDT")),
        wrong("s", "ETHUSDT")
    );
    for stream in [
        "btcusdt@depth5",
        "btcusdt@aggTrade",
        "btcusdt",
        "",
        "@",
        "btcusdt@trade@1s",
    ] {
        assert_eq!(
            refusal(Market::BinanceUsdm, &TOP.replace("btcusdt@bookTicker", stream)),
            MessageError::UnknownStream {
                text: stream.to_owned()
            }
        );
    }
    assert_eq!(
        refusal(
            Market::BinanceUsdm,
            &TOP.replace("\"e\":\"bookTicker\"", "\"e\":\"kline\"")
        ),
        MessageError::UnknownEvent {
            text: "kline".to_owned(),
            expected: "bookTicker"
        }
    );
}

#[test]
fn numbers_off_the_grid_or_absurd_are_refused() {
    let of = |px: &str| refusal(Market::BinanceUsdm, &UPDATE.replace("58710.20", px));
    for (text, problem) in [
        ("58710.25", DecimalError::OffGrid),
        ("5.8e4", DecimalError::Syntax),
        ("", DecimalError::Syntax),
        ("NaN", DecimalError::Syntax),
        ("99999999999999999999", DecimalError::Range),
    ] {
        let expected = MessageError::OffGrid {
            key: "b".to_owned(),
            text: text.to_owned(),
            step: "0.1".to_owned(),
            problem,
        };
        assert_eq!(of(text), expected);
    }
    for absurd in ["0", "-58710.2", "900000000000000.0"] {
        assert!(matches!(of(absurd), MessageError::OutOfRange { .. }), "{absurd}");
    }
    for json in [
        UPDATE.replace("0.014", "-0.014"),
        TOP.replace("2.507", "-2.507"),
        TOP.replace("61800.20", "-61800.20"),
        TRADE.replace("0.006", "0.000"),
        TRADE.replace("61800.30", "0"),
        UPDATE.replace("\"U\":10", "\"U\":13"),
        UPDATE.replace("1723161256299", "18446744073709551615"),
    ] {
        let refused = refusal(Market::BinanceUsdm, &json);
        assert!(
            matches!(refused, MessageError::OutOfRange { .. }),
            "{json}: {refused}"
        );
    }
}

#[test]
fn a_price_without_a_quantity_is_no_empty_side() {
    for json in [TOP.replace("61800.20", "0.00"), TOP.replace("2.507", "0.000")] {
        assert!(
            matches!(
                refusal(Market::BinanceUsdm, &json),
                MessageError::OutOfRange { .. }
            ),
            "{json}"
        );
    }
}

#[test]
fn missing_and_doubled_keys_are_named() {
    let missing = |key| MessageError::Missing { key };
    for (json, cut, key) in [
        (UPDATE, "\"pu\":9,", "pu"),
        (UPDATE, "\"U\":10,", "U"),
        (UPDATE, "\"u\":12,", "u"),
        (UPDATE, "\"E\":1723161256299,", "E"),
        (UPDATE, "\"s\":\"BTCUSDT\",", "s"),
        (UPDATE, ",\"a\":[[\"61800.3\",\"2.5\"]]", "a"),
        (UPDATE, "\"stream\":\"btcusdt@depth@0ms\",", "stream"),
        (TOP, "\"B\":\"2.507\",", "B"),
        (TRADE, "\"t\":77,", "t"),
        (TRADE, ",\"m\":false", "m"),
        (SNAPSHOT, "\"lastUpdateId\":11,", "lastUpdateId"),
    ] {
        assert!(json.contains(cut));
        assert_eq!(refusal(Market::BinanceUsdm, &json.replace(cut, "")), missing(key));
    }
    assert_eq!(refusal(Market::BinanceUsdm, "{}"), missing("lastUpdateId"));
    assert_eq!(
        refusal(Market::BinanceUsdm, r#"{"stream":"btcusdt@trade"}"#),
        missing("data")
    );
    let unexpected = |key: &str| MessageError::Unexpected { key: key.to_owned() };
    for (json, twice, key) in [
        (UPDATE, "\"u\":12,", "u"),
        (UPDATE, "\"b\":[],", "b"),
        (TOP, "\"A\":\"2.510\",", "A"),
    ] {
        let doubled = json.replace("\"s\":", &format!("{twice}\"s\":"));
        assert_eq!(refusal(Market::BinanceUsdm, &doubled), unexpected(key));
    }
    assert_eq!(refusal(Market::BinanceSpot, UPDATE), unexpected("pu"));
    assert!(
        codec(Market::BinanceSpot)
            .decode(1, &UPDATE.replace("\"pu\":9,", ""))
            .is_ok()
    );
}

#[test]
fn bad_json_names_the_last_key() {
    let refused = refusal(Market::BinanceUsdm, &UPDATE.replace("\"U\":10", "\"U\":\"ten\""));
    assert!(
        matches!(&refused, MessageError::Json { key, .. } if key == "U"),
        "{refused}"
    );
    for json in [
        "",
        "null",
        "[]",
        "{",
        "not json",
        &UPDATE[..150],
        &format!("{TOP}x"),
    ] {
        let refused = refusal(Market::BinanceUsdm, json);
        assert!(matches!(refused, MessageError::Json { .. }), "{json}: {refused}");
    }
    for pair in [r#"["1"]"#, r#"["1","2","3"]"#, "[1,2]", "{}", "7"] {
        let json = UPDATE.replace(r#"["61800.3","2.5"]"#, pair);
        assert!(
            matches!(refusal(Market::BinanceUsdm, &json), MessageError::Json { .. }),
            "{pair}"
        );
    }
}

#[test]
fn depth_of_nesting_and_number_of_levels_are_bounded() {
    let deep = format!("{{\"x\":{}", "[".repeat(1 << 20));
    assert!(matches!(
        refusal(Market::BinanceUsdm, &deep),
        MessageError::Json { .. }
    ));
    let levels = vec![r#"["1","1"]"#; LEVELS_MAX + 1].join(",");
    let many = format!(r#"{{"lastUpdateId":1,"bids":[{levels}],"asks":[]}}"#);
    assert!(matches!(
        refusal(Market::BinanceUsdm, &many),
        MessageError::Json { .. }
    ));
}

proptest! {
    #[test]
    fn garbage_never_panics(text in ".{0,200}") {
        let _ = codec(Market::BinanceUsdm).decode(1, &text);
    }

    #[test]
    fn damaged_messages_never_panic(
        which in 0_usize..4, at in 0_usize..200, len in 0_usize..8, with in "[\\[\\]{}\",:0-9.eE@a-zA-Z+-]{0,8}",
    ) {
        let text = [UPDATE, TOP, TRADE, SNAPSHOT][which];
        let at = at.min(text.len());
        let end = (at + len).min(text.len());
        let damaged = format!("{}{with}{}", &text[..at], &text[end..]);
        let mut codec = codec(Market::BinanceUsdm);
        if let Ok(Message::Update(depth) | Message::Snapshot(depth)) = codec.decode(1, &damaged) {
            for level in depth.bids.iter().chain(depth.asks) {
                prop_assert!(level.px.0 > 0 && level.px.is_representable());
                prop_assert!(level.qty.0 == 0 || level.qty.is_orderable());
            }
        }
        // Whatever came before, a good message is decoded as ever.
        let Ok(Message::Update(depth)) = codec.decode(1, UPDATE) else { panic!("no update") };
        prop_assert_eq!((depth.bids.len(), depth.asks.len()), (2, 1));
    }
}
