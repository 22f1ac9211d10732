//! Messages that are none, for every mirrored venue.

use pinrail_types::record::BookState;
use proptest::prelude::*;

use super::tests::{
    ASKS, BIDS, Desk, EXAMPLE, bybit, bybit_level, coinbase, deribit, kraken, kraken_levels, okx, okx_level,
};
use crate::listing::Market;
use crate::wire;

/// Messages of every kind, each as its venue sends it.
fn samples() -> Vec<(Market, String)> {
    let image = format!(
        r#"{{"as":[{}],"bs":[{}]}}"#,
        kraken_levels(&ASKS),
        kraken_levels(&BIDS)
    );
    vec![
        (Market::Kraken, kraken(&image, 1000)),
        (Market::Kraken, kraken(EXAMPLE, 1000)),
        (
            Market::Okx,
            okx(
                "snapshot",
                &okx_level("3366.8", "9"),
                &okx_level("3366", "6"),
                r#""ts":"5","checksum":0,"seqId":1,"prevSeqId":-1"#,
            ),
        ),
        (
            Market::Okx,
            okx(
                "update",
                &okx_level("3366.8", "0"),
                "",
                r#""ts":"5","checksum":0,"seqId":2,"prevSeqId":1"#,
            ),
        ),
        (
            Market::Coinbase,
            r#"{"type":"snapshot","product_id":"BTC-USDT","asks":[["1.02","5"]],"bids":[["1.00","1"]]}"#
                .to_owned(),
        ),
        (
            Market::Coinbase,
            coinbase(r#"["sell","1.02","0.00"]"#, 1).replace("SKL-USD", "BTC-USDT"),
        ),
        (
            Market::Bybit,
            bybit("", "", &bybit_level(7_000, 70_000, "Buy", 1), 1),
        ),
        (
            Market::Deribit,
            deribit("snapshot", r#"["new",5.0e-4,153.1]"#, "", r#""change_id":10"#),
        ),
        (
            Market::Deribit,
            deribit(
                "change",
                r#"["delete",5.0e-4,0.0]"#,
                "",
                r#""prev_change_id":10,"change_id":11"#,
            ),
        ),
    ]
}

#[test]
fn what_lacks_a_field_or_says_something_else_is_refused() {
    for (market, json) in samples() {
        wire::decode(market, &json).expect(&json);
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        for keep in 0..json.len() {
            wire::decode(market, &json[..keep]).expect_err("the end is missing");
        }
        if value.is_object() {
            wire::decode(market, "{}").expect_err("nothing");
        }
    }
    for (market, json) in [
        (Market::Kraken, r#"{"event":"x"}"#),
        (Market::Kraken, r#"[0,{"a":[]},"book-1000","X"]"#),
        (Market::Kraken, r#"[0,{"c":"1"},"book-1000","X"]"#),
        (Market::Kraken, r#"[0,{"as":[],"bs":[],"c":"1"},"book-1000","X"]"#),
        (Market::Kraken, r#"[0,{"as":[]},"book-1000","X"]"#),
        (Market::Kraken, r#"[0,{"a":[],"c":"-1"},"book-1000","X"]"#),
        (Market::Kraken, r#"[0,{"a":[],"c":"1"},"book-1001","X"]"#),
        (
            Market::Kraken,
            r#"[0,{"a":[["1","1","1","x"]],"c":"1"},"book-1000","X"]"#,
        ),
        (Market::Okx, r#"{"event":"error","msg":"x"}"#),
        (Market::Coinbase, r#"{"type":"error"}"#),
        (Market::Bybit, r#"{"success":false}"#),
        (
            Market::Deribit,
            r#"{"method":"subscription","params":{"channel":"book.X.100ms","data":{}}}"#,
        ),
    ] {
        wire::decode(market, json).expect_err(json);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_that_a_message_holds_makes_a_session_panic(
        pick in 0..9_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        noise in "\\PC{0,40}",
    ) {
        let (market, json) = samples().swap_remove(pick);
        for symbol in ["BTC/USD", "BTC-USDT", "EOSUSD", "BTC-24SEP21-8000-P"] {
            let mut desk = Desk::new(market, symbol, "0.0001", "0.00000001");
            let mut bytes = json.clone().into_bytes();
            for (at, byte) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = b' ' + byte % 95;
            }
            let edited = String::from_utf8(bytes).unwrap();
            for text in [json.as_str(), &edited, &noise, &json, &edited] {
                let _ = desk.try_take(text);
                prop_assert!(!desk.session.needs_snapshot() || desk.book.state() != BookState::Healthy);
            }
        }
    }
}
