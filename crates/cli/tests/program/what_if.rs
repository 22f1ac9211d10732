//! Recorded inputs under other configurations, against what a test works out by itself.

use std::collections::BTreeMap;
use std::fs;

use pinrail_types::record::{
    BookUpdate, ExecType, ExecutionReport, InstrumentLimits, NewOrderSingle, Quote, QuoteRequest,
};
use pinrail_types::{Flags, Frame, OutId, Px};
use serde_json::{Value, json};

use crate::desk::{Desk, assert_told};
use crate::ended;
use crate::replays::records;

const E8: i128 = 100_000_000;
const FEE_E8: i128 = 100_000;

/// What a run under the configuration in `file` came to.
fn asked(desk: &Desk, file: &str, more: &[&str]) -> Value {
    let journal = desk.archive_dir.to_str().unwrap();
    let (code, out, err) = ended(&[&["replay", journal, "--what-if", file, "--json"], more].concat());
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

fn refused(desk: &Desk, changes: &[(&str, &str)], words: &[&str]) {
    let file = desk.config_with(changes);
    let (code, out, err) = ended(&["replay", desk.archive_dir.to_str().unwrap(), "--what-if", &file]);
    assert_eq!((code, out.as_str()), (2, ""), "{err}");
    assert_told(&err, words);
}

fn assert_same(asked: &Value) {
    assert_eq!(
        (&asked["same"], &asked["hash_before"]),
        (&true.into(), &asked["hash_now"]),
        "{asked}"
    );
    assert_eq!(
        (&asked["decisions_differing"], &asked["changes"]),
        (&0.into(), &json!([])),
        "{asked}"
    );
    assert_eq!(asked["inputs"]["recorded"], asked["inputs"]["taken_now"]);
    assert_eq!(
        asked["fills"]["before"],
        asked["fills_compared"]["kept_at_same_price"]
    );
    assert!(asked["fills"]["before"].as_u64() > Some(5), "{asked}");
    for prices in asked["prices"].as_array().unwrap() {
        assert_eq!((&prices["better"], &prices["worse"]), (&0.into(), &0.into()));
    }
}

#[test]
fn the_same_configuration_decides_the_same() {
    let desk = Desk::new();
    desk.played(&[]);
    // An epoch of recorded time begins from nothing; two of them are asked about together.
    desk.played(&[]);
    let file = desk.config();
    let same = asked(&desk, &file, &[]);
    assert_same(&same);
    let holdings = same["holdings"].as_array().unwrap();
    assert_eq!((holdings.len(), &holdings[1]["epoch"]), (2, &2.into()));
    for line in holdings {
        assert_eq!(line["profit_before"], line["profit_now"]);
        assert!(line["mid"].is_string(), "{line}");
    }
    let part = asked(&desk, &file, &["--until", "1500"]);
    assert_same(&part);
    assert_eq!(part["last_seq"], 1500);

    let (code, out, _) = ended(&["replay", desk.archive_dir.to_str().unwrap(), "--what-if", &file]);
    assert!(code == 0 && out.contains("Every output is the same"), "{out}");
}

/// Limits that may be left out.
const LIMITED: (&str, &str) = (
    "[flow]",
    "notional_min = \"1\"\ndrawdown = { most = \"1000000\", then = \"halt\" }\n\
     [desk]\nsession_rate = { most = 1000, window_ms = 1000 }\n\
     [[asset_limits]]\nasset = \"USDT\"\ngross_max = \"1000000\"\n[flow]",
);

#[test]
fn limits_that_may_be_left_out_are_asked_about_too() {
    let mut desk = Desk::new();
    desk.changes = vec![LIMITED];
    desk.played(&[]);
    let file = desk.config();
    assert_same(&asked(&desk, &file, &[]));
    let stricter = desk.config_with(&[LIMITED, ("most = 1000,", "most = 5,")]);
    let asked = asked(&desk, &stricter, &[]);
    assert_eq!(
        asked["changes"],
        json!([{ "record": "LimitSet", "of": "SessionRate", "field": "value", "before": "1000u", "now": "5u" }])
    );
    let lost = &asked["requests"]["lost_by_reason"];
    assert!(lost["SessionRate"].as_u64() > Some(0), "{asked}");
    assert_eq!(lost.as_object().unwrap().len(), 1, "{asked}");
}

/// The configuration that a journal prints, in a file.
fn printed(desk: &Desk, archive_dir: &str) -> String {
    let (code, out, err) = ended(&["journal", "config", archive_dir]);
    assert_eq!(code, 0, "{err}");
    let file = desk.archive_dir.with_extension("toml");
    fs::write(&file, out).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_journal_prints_the_configuration_that_it_ran_under() {
    let mut desk = Desk::new();
    // A client that is in no group, with a number in its name.
    desk.changes = vec![
        (
            "[[client_group]]",
            "[[client]]\nname = \"desk 7 \\\"x\\\"\"\ntier = \"prime\"\ncredit = \"0.5\"\ncredit_asset = \"USDT\"\n[[client_group]]",
        ),
        LIMITED,
    ];
    desk.played(&[]);
    let file = printed(&desk, desk.archive_dir.to_str().unwrap());
    assert_same(&asked(&desk, &file, &[]));
    let text = fs::read_to_string(&file).unwrap();
    for line in [
        "start = \"active\"",
        "count = 3",
        "half_spread_bps = { \"BTC-USDT\" = \"1\" }",
        "notional_max = \"500\"",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let journal = desk.archive_dir.to_str().unwrap();
    let (code, _, err) = ended(&["journal", "config", journal, "--epoch", "2"]);
    assert_eq!(code, 2);
    assert_told(&err, &["holds no such epoch; it holds: 1"]);
}

#[test]
fn a_demo_can_be_asked_too() {
    let desk = Desk::new();
    let journal = desk.archive_dir.to_str().unwrap();
    for _ in 0..2 {
        let (code, _, err) = ended(&["demo", "--seconds", "1", "--journal", journal, "--json"]);
        assert_eq!(code, 0, "{err}");
    }
    let file = printed(&desk, journal);
    assert_same(&asked(&desk, &file, &[]));
    let halted = fs::read_to_string(&file)
        .unwrap()
        .replace("\"active\"", "\"halted\"");
    fs::write(&file, halted).unwrap();
    let halted = asked(&desk, &file, &[]);
    let change = &halted["changes"][0];
    assert_eq!(
        (&change["before"], &change["now"]),
        (&"Active".into(), &"Halted".into())
    );
    assert_eq!(halted["requests"]["quoted_in_both"], 0);
    assert_eq!(halted["fills"]["now"], 0);
    assert!(
        halted["request_rejects"]["Halted"]["now"].as_u64() > Some(500),
        "{halted}"
    );
}

/// The desk's one book, from its records alone.
#[derive(Default)]
struct Book {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Book {
    fn take(&mut self, frame: &Frame, update: &BookUpdate) {
        if frame.flags().has(Flags::FIRST.with(Flags::SNAPSHOT)) {
            *self = Book::default();
        }
        let (bids, asks) = update.sides().unwrap();
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels {
                side.insert(level.px.0, level.qty.0);
                side.retain(|_, qty| *qty > 0);
            }
        }
    }

    /// What `qty` lots cost or fetch net of the fee, in tick-lots times 1e8.
    fn sweep(&self, is_buy: bool, qty: i64) -> i128 {
        let mut left = qty;
        let mut cost = 0;
        let mut take = |px: i64, there: i64, factor_e8: i128| {
            let taken = there.min(left);
            left -= taken;
            cost += i128::from(px) * i128::from(taken) * factor_e8;
        };
        if is_buy {
            self.asks
                .iter()
                .for_each(|(px, qty)| take(*px, *qty, E8 + FEE_E8));
        } else {
            self.bids
                .iter()
                .rev()
                .for_each(|(px, qty)| take(*px, *qty, E8 - FEE_E8));
        }
        assert_eq!(left, 0);
        cost
    }

    /// The price with a half-spread on top, rounded away from the client.
    fn px(&self, is_buy: bool, qty: i64, half_spread_e8: i128) -> i64 {
        let unit = i128::from(qty) * E8 * E8;
        let cost = self.sweep(is_buy, qty);
        let px = if is_buy {
            -(-(cost * (E8 + half_spread_e8))).div_euclid(unit)
        } else {
            (cost * (E8 - half_spread_e8)).div_euclid(unit)
        };
        px as i64
    }
}

/// What the desk is expected to do at another half-spread.
#[derive(Debug, Default, PartialEq, Eq)]
struct Expected {
    /// By side: equal, better, worse, and the sum of ticks.
    bid: (u64, u64, u64, i64),
    offer: (u64, u64, u64, i64),
    same: u64,
    better: u64,
    lost: u64,
    position: i64,
    cash: i128,
}

fn note(side: &mut (u64, u64, u64, i64), better_by: i64) {
    side.0 += u64::from(better_by == 0);
    side.1 += u64::from(better_by > 0);
    side.2 += u64::from(better_by < 0);
    side.3 += better_by;
}

/// Works out every quote of a journal anew, and what its accepts come to at `half_spread_e8`.
fn expected(records: &[Frame], recorded_e8: i128, half_spread_e8: i128) -> Expected {
    let mut expected = Expected::default();
    let mut book = Book::default();
    let mut prices: BTreeMap<OutId, (Px, Px, i64)> = BTreeMap::new();
    for (at, frame) in records.iter().enumerate() {
        if let Some(update) = frame.get::<BookUpdate>() {
            book.take(frame, update);
        } else if let Some(quote) = frame.get::<Quote>() {
            let mut now = [Px::NONE, Px::NONE];
            let sides = [
                (false, quote.bid_px, &mut expected.bid, 1),
                (true, quote.offer_px, &mut expected.offer, -1),
            ];
            for ((is_buy, px, counts, sign), now) in sides.into_iter().zip(&mut now) {
                if px != Px::NONE {
                    assert_eq!(book.px(is_buy, quote.qty.0, recorded_e8), px.0, "{quote:?}");
                    *now = Px(book.px(is_buy, quote.qty.0, half_spread_e8));
                    note(counts, sign * (now.0 - px.0));
                }
            }
            prices.insert(quote.quote_id, (now[0], now[1], quote.qty.0));
        } else if let Some(order) = frame.get::<NewOrderSingle>() {
            let report: &ExecutionReport = records[at..].iter().find_map(Frame::get).unwrap();
            if report.exec_type == ExecType::Trade.byte() {
                let (bid, offer, qty) = prices[&order.quote_id];
                let (px, sign) = if order.side == b'1' { (offer, 1) } else { (bid, -1) };
                match sign * (order.px.0 - px.0) {
                    0 => expected.same += 1,
                    1.. => expected.better += 1,
                    _ => expected.lost += 1,
                }
                if sign * (order.px.0 - px.0) >= 0 {
                    expected.position -= sign * qty;
                    // A tick of 0.1 times a lot of 0.001 is 10,000 of the unit of 1e-8.
                    expected.cash += i128::from(sign * qty) * i128::from(px.0) * 10_000;
                }
            }
        }
    }
    expected
}

/// A decimal as its digits.
fn digits(value: &Value) -> i128 {
    value.as_str().unwrap().replace('.', "").parse().unwrap()
}

fn assert_expected(asked: &Value, expected: &Expected) {
    let side = |at: usize| {
        let prices = &asked["prices"][at];
        let count = |name: &str| prices[name].as_u64().unwrap();
        (
            count("equal"),
            count("better"),
            count("worse"),
            prices["ticks_sum"].as_i64().unwrap(),
        )
    };
    let fills = |name: &str| asked["fills_compared"][name].as_u64().unwrap();
    let holding = &asked["holdings"][0];
    let found = Expected {
        bid: side(0),
        offer: side(1),
        same: fills("kept_at_same_price"),
        better: fills("kept_at_better_price"),
        lost: fills("lost_at_worse_price"),
        position: digits(&holding["position_now"]) as i64,
        cash: digits(&holding["cash_now"]),
    };
    assert_eq!(found, *expected);
    let mid = digits(&holding["mid"]);
    let profit = expected.cash + i128::from(expected.position) * mid * 10_000;
    assert_eq!(digits(&holding["profit_now"]), profit);
    let all = fills("kept_at_same_price") + fills("kept_at_better_price") + fills("lost_at_worse_price");
    assert_eq!(all, asked["fills"]["before"].as_u64().unwrap());
    assert_eq!(asked["accepts"]["at_worse_price"], expected.lost);
}

#[test]
fn another_spread_moves_every_price_by_what_the_formula_says() {
    let mut desk = Desk::new();
    desk.changes = vec![("{ BTC-USDT = \"1\" }", "{ BTC-USDT = \"40\" }")];
    desk.played(&[]);
    let records = records(&desk.archive_dir);
    for (bps, e8) in [
        ("80", 800_000),
        ("40.1", 401_000),
        ("39.9", 399_000),
        ("20", 200_000),
        ("0", 0),
    ] {
        let file = desk.config_with(&[("{ BTC-USDT = \"1\" }", &format!("{{ BTC-USDT = \"{bps}\" }}"))]);
        let asked = asked(&desk, &file, &["--differences", "1"]);
        let expected = expected(&records, 400_000, e8);
        assert_expected(&asked, &expected);
        assert_eq!(asked["changes"][0]["before"], "400000");
        assert_eq!(asked["changes"][0]["now"], e8.to_string());
        match bps {
            "80" => assert!(
                expected.lost > 20 && expected.same + expected.better == 0,
                "{expected:?}"
            ),
            "40.1" | "39.9" => assert!(expected.same > 0, "{expected:?}"),
            _ => assert!(expected.better > 20 && expected.lost == 0, "{expected:?}"),
        }
        if bps == "0" {
            let quotes = asked["requests"]["quoted_in_both"].as_u64().unwrap();
            assert_eq!(
                asked["requests"]["better_and_not_filled"],
                quotes - expected.better
            );
        }
        let shown = &asked["differences"][0];
        assert!(
            shown["input"].as_str().unwrap().contains("QuoteRequest"),
            "{shown}"
        );
        assert_ne!(shown["before"], shown["now"]);
    }
}

#[test]
fn a_stricter_limit_loses_what_is_beyond_it_and_nothing_else() {
    let desk = Desk::new();
    desk.played(&[]);
    let most_lots = 500;
    let file = desk.config_with(&[("qty_max = \"2\"", "qty_max = \"0.5\"")]);
    let asked = asked(&desk, &file, &[]);
    let records = records(&desk.archive_dir);
    let is_beyond = |qty: i64| qty > most_lots;
    let quotes: Vec<&Quote> = records.iter().filter_map(Frame::get).collect();
    let fills: Vec<&ExecutionReport> = records.iter().filter_map(Frame::get).collect();
    let fills: Vec<_> = fills
        .into_iter()
        .filter(|f| f.exec_type == ExecType::Trade.byte())
        .collect();
    let lost = quotes.iter().filter(|quote| is_beyond(quote.qty.0)).count();
    let lost_fills = fills.iter().filter(|fill| is_beyond(fill.last_qty.0)).count();
    assert!(lost_fills > 5 && fills.len() > lost_fills + 5);
    assert_eq!(
        asked["requests"]["lost_by_reason"],
        json!({ "QtyAboveMax": lost })
    );
    assert_eq!(asked["requests"]["quoted_only_before"], lost);
    assert_eq!(asked["requests"]["quoted_in_both"], quotes.len() - lost);
    let compared = &asked["fills_compared"];
    assert_eq!(compared["lost_without_quote"], lost_fills);
    assert_eq!(compared["kept_at_same_price"], fills.len() - lost_fills);
    assert_eq!(asked["fills"]["now"], fills.len() - lost_fills);
    let position: i64 = fills
        .iter()
        .filter(|fill| !is_beyond(fill.last_qty.0))
        .map(|fill| {
            if fill.side == b'1' {
                -fill.last_qty.0
            } else {
                fill.last_qty.0
            }
        })
        .sum();
    assert_eq!(
        digits(&asked["holdings"][0]["position_now"]),
        i128::from(position)
    );
    let requests = records.iter().filter_map(Frame::get::<QuoteRequest>).count();
    assert_eq!(asked["tiers"]["0"]["requests"].as_u64().unwrap(), requests as u64);
    let limits = records.iter().find_map(Frame::get::<InstrumentLimits>).unwrap();
    assert_eq!(limits.qty_lots_max.0, 2_000);
}

#[test]
fn clients_and_listings_may_be_left_away() {
    let desk = Desk::new();
    desk.played(&[]);
    let fewer = asked(&desk, &desk.config_with(&[("count = 3", "count = 2")]), &[]);
    let records = records(&desk.archive_dir);
    let of_third = |frame: &&Frame| frame.get::<Quote>().is_some_and(|quote| quote.client.0 == 2);
    let quotes = records.iter().filter(of_third).count();
    assert!(quotes > 10);
    assert_eq!(
        fewer["requests"]["lost_by_reason"],
        json!({ "UnknownClient": quotes })
    );
    assert_eq!(
        fewer["changes"],
        json!([{ "record": "ClientDef", "of": "client-3", "field": null, "before": "given", "now": null }])
    );
    // The second client's id is the first's in the file: names decide.
    let prefix = [(
        "[[client_group]]\nprefix = \"client-\"\ncount = 3",
        "[[client]]\nname = \"client-2\"",
    )];
    let one = asked(&desk, &desk.config_with(&prefix), &[]);
    let of_second = |frame: &&Frame| frame.get::<Quote>().is_some_and(|quote| quote.client.0 == 1);
    assert_eq!(
        one["requests"]["quoted_in_both"],
        records.iter().filter(of_second).count()
    );

    let text = fs::read_to_string(desk.config()).unwrap();
    let listing = &text[text.find("[[venue.listing]]").unwrap()..text.find("[[tier]]").unwrap()];
    let dark = asked(&desk, &desk.config_with(&[(listing, "listing = []\n")]), &[]);
    assert_eq!(dark["fills"]["now"], 0);
    let lost = dark["requests"]["lost_by_reason"].as_object().unwrap();
    assert_eq!(lost.keys().collect::<Vec<_>>(), ["ReferenceMissing"]);
}

#[test]
fn what_was_recorded_in_ticks_and_names_can_not_change() {
    let desk = Desk::new();
    desk.played(&[]);
    let tick = "tick = \"0.1\"\nlot = \"0.001\"\n[[venue]]";
    for (old, new, words) in [
        (
            tick,
            "tick = \"0.01\"\nlot = \"0.001\"\n[[venue]]",
            "instrument BTC-USDT: base, quote, tick and lot",
        ),
        (
            "unit = \"0.00000001\"",
            "unit = \"0.000000001\"",
            "asset BTC: unit is 1e-8 in the journal",
        ),
        (
            "rule = \"binance-spot\"",
            "rule = \"plain\"",
            "venue spot: rule says",
        ),
        (
            "symbol = \"BTCUSDT\"",
            "symbol = \"BTCUSD\"",
            "listing of BTC-USDT at spot",
        ),
        ("count = 3", "count = 4", "the journal has no client \"client-4\""),
        (
            "name = \"spot\"",
            "name = \"other\"",
            "the journal has no venue \"other\"",
        ),
        (
            "BTC-USDT",
            "BTC-USD",
            "instrument BTC-USDT is in the journal and not in the file",
        ),
        ("requests_per_s = 50", "requests_per_s = 0", "flow.requests_per_s"),
    ] {
        refused(&desk, &[(old, new)], &[words]);
    }
    let file = desk.config();
    let journal = desk.archive_dir.to_str().unwrap();
    for with in [
        &["--from", "7"][..],
        &["--from-snapshot"],
        &["--speed", "2"],
        &["--baseline"],
    ] {
        let (code, _, err) = ended(&[&["replay", journal, "--what-if", &file], with].concat());
        assert!(code == 2 && err.contains("cannot be used with"), "{err}");
    }
    // Recordings are not played, so that they need not be there.
    fs::remove_file(desk.capture()).unwrap();
    assert_same(&asked(&desk, &file, &[]));
}
