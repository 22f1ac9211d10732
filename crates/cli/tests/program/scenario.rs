//! Small simulated days: what holds of each, and that a seed alone makes it again.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::ended;

const FAULTS: [&str; 11] = [
    "slow",
    "reject",
    "duplicate",
    "reorder",
    "wrong_cum_qty",
    "unknown_order",
    "worse_px",
    "late_fill",
    "bust",
    "correct",
    "disconnect",
];

fn day(seed: u64, rfqs: u64, faults: &str) -> Value {
    let (seed, rfqs) = (seed.to_string(), rfqs.to_string());
    let args = [
        "scenario", "--seed", &seed, "--rfqs", &rfqs, "--hours", "1", "--faults", faults, "--json",
    ];
    let (code, stdout, stderr) = ended(&args);
    assert_eq!(code, 0, "seed {seed}: {stderr}");
    serde_json::from_str(&stdout).unwrap()
}

fn faults(day: &Value) -> BTreeMap<String, u64> {
    let named = day["faults"].as_array().unwrap().iter();
    let fault = |named: &Value| {
        (
            named["name"].as_str().unwrap().to_owned(),
            named["count"].as_u64().unwrap(),
        )
    };
    named.map(fault).collect()
}

fn sum(counts: &Value) -> u64 {
    counts
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum()
}

/// An exact decimal of eight places, in its smallest unit.
fn units(amount: &Value) -> i128 {
    let text = amount.as_str().unwrap();
    let (_, places) = text.split_once('.').unwrap();
    assert_eq!(places.len(), 8, "{text}");
    text.replace('.', "").parse().unwrap()
}

/// What must hold of any day.
fn check(day: &Value) {
    let of = |key: &str| day[key].as_u64().unwrap();
    assert_eq!(of("quotes") + sum(&day["request_rejects"]), of("rfqs"));
    // An accept that is refused leaves its quote to its own end.
    assert_eq!(of("fills") + sum(&day["quote_ends"]), of("quotes"));
    assert_eq!(of("replayed_inputs"), of("inputs"));
    assert!(of("checks") > 5);
    let tiers = day["tiers"].as_array().unwrap();
    assert_eq!(tiers.len(), 3);
    for key in ["requests", "quotes", "fills"] {
        let by_tier: u64 = tiers.iter().map(|tier| tier[key].as_u64().unwrap()).sum();
        let all = of(if key == "requests" { "rfqs" } else { key });
        assert_eq!(by_tier, all, "{key}");
    }
    let of_packages = |key: &str| day["packages"][key].as_u64().unwrap();
    assert!(
        of_packages("quotes") <= of_packages("requests") && of_packages("fills") <= of_packages("quotes")
    );
    let hedging = &day["hedging"];
    assert_eq!(hedging["parent_orders"].as_u64().unwrap(), sum(&hedging["ended"]));
    let profit = day["profit"].as_array().unwrap();
    let mut totals = 0;
    for line in profit {
        let of = |key: &str| units(&line[key]);
        let sources = of("spread") + of("packages") + of("hedging") + of("fees") + of("inventory");
        assert_eq!(sources, of("total"), "{line}");
        assert!(
            of("spread") > 0 && of("fees") < 0 && of("packages") >= 0,
            "{line}"
        );
        totals += of("total");
    }
    let last = profit.last().unwrap();
    assert_eq!(units(&last["packages"]), units(&day["packages"]["spread"]));
    assert_eq!(
        (last["name"].as_str(), totals),
        (Some("all in USDT"), 2 * units(&last["total"]))
    );
}

#[test]
fn a_day_closes_out_with_faults_and_without_and_a_seed_makes_it_again() {
    let mut hashes = Vec::new();
    for on_or_off in ["on", "off"] {
        let one = day(7, 2_000, on_or_off);
        check(&one);
        assert_eq!(one["rfqs"], 2_000);
        assert!(one["fills"].as_u64() > Some(200), "{one}");
        assert!(one["hedging"]["venue_fills"].as_u64() > Some(200));
        assert!(one["packages"]["requests"].as_u64() > Some(50), "{one}");
        assert!(one["packages"]["fills"].as_u64() > Some(10), "{one}");
        let mut again = day(7, 2_000, on_or_off);
        again["elapsed_ns"] = one["elapsed_ns"].clone();
        assert_eq!(one, again);
        hashes.push(one["output_hash"].clone());
        if on_or_off == "off" {
            assert!(faults(&one).values().all(|count| *count == 0));
        }
    }
    hashes.push(day(8, 2_000, "off")["output_hash"].clone());
    hashes.dedup();
    assert_eq!(hashes.len(), 3, "others for other faults and another seed");
}

#[test]
fn packages_go_wrong_in_every_way_that_clients_know_and_are_left_out_if_nobody_asks() {
    let built_in = include_str!("../../src/scenario/scenario.toml");
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("mine.toml");
    let run = |packages: &str, bad: &str| -> Value {
        let desk = include_str!("../../src/scenario/desk.toml").replace("bad_pct = 1", bad);
        fs::write(dir.path().join("own.toml"), desk).unwrap();
        let scenario = built_in.replace("packages = 500", packages);
        fs::write(&file, format!("desk = \"own.toml\"\n{scenario}")).unwrap();
        let file = file.to_str().unwrap();
        let args = [
            "scenario", "--rfqs", "3000", "--hours", "1", "--json", "--config", file,
        ];
        let (code, stdout, stderr) = ended(&args);
        assert_eq!(code, 0, "{stderr}");
        serde_json::from_str(&stdout).unwrap()
    };
    let day = run("packages = 9000", "bad_pct = 30");
    check(&day);
    assert!(day["packages"]["fills"].as_u64() > Some(100), "{day}");
    for reason in [
        "UnknownInstrument",
        "LegQuoteAsset",
        "LegRatio",
        "DuplicateQuoteReqId",
    ] {
        assert!(
            day["request_rejects"][reason].as_u64() > Some(10),
            "{reason}: {day}"
        );
    }
    let none = run("packages = 0", "bad_pct = 1");
    check(&none);
    assert_eq!(none["packages"]["requests"], 0);
    assert_eq!(units(&none["packages"]["spread"]), 0);
}

#[test]
fn a_day_has_its_hours_however_many_ask() {
    for (rfqs, hours) in [("300", "2"), ("1000", "1")] {
        let args = ["scenario", "--rfqs", rfqs, "--hours", hours, "--json"];
        let (code, stdout, stderr) = ended(&args);
        assert_eq!(code, 0, "{stderr}");
        let day: Value = serde_json::from_str(&stdout).unwrap();
        check(&day);
        let (of, hours) = (
            day["simulated_ns"].as_u64().unwrap(),
            hours.parse::<u64>().unwrap(),
        );
        let hour = 3_600_000_000_000;
        assert!((hours * hour..hours * hour + hour / 4).contains(&of), "{of}");
    }
}

#[test]
fn every_fault_comes_about_and_what_they_halt_is_lifted() {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    let mut halts: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 1..=5 {
        let day = day(seed, 6_000, "on");
        check(&day);
        for (fault, count) in faults(&day) {
            *seen.entry(fault).or_default() += count;
        }
        for (halt, count) in day["halts"].as_object().unwrap() {
            *halts.entry(halt.clone()).or_default() += count.as_u64().unwrap();
        }
        // The start of the day is an order of a person, too.
        assert!(day["lifts"].as_u64().unwrap() > sum(&day["halts"]));
    }
    assert_eq!(seen.len(), FAULTS.len());
    for fault in FAULTS {
        assert!(seen[fault] > 0, "{fault}: {seen:?}");
    }
    for halt in ["venue: OrderMismatch", "venue: UnknownOrder"] {
        assert!(halts.contains_key(halt), "{halts:?}");
    }
}

#[test]
fn a_journal_that_is_kept_is_one_and_is_not_gone_on_with() {
    let dir = TempDir::new().unwrap();
    let journal = dir.path().join("journal");
    let args = [
        "scenario",
        "--rfqs",
        "50",
        "--hours",
        "1",
        "--json",
        "--journal",
        journal.to_str().unwrap(),
    ];
    let (code, stdout, stderr) = ended(&args);
    assert_eq!(code, 0, "{stderr}");
    let day: Value = serde_json::from_str(&stdout).unwrap();
    let (code, stdout, stderr) = ended(&["journal", "stat", journal.to_str().unwrap(), "--json"]);
    assert_eq!(code, 0, "{stderr}");
    let stat: Value = serde_json::from_str(&stdout).unwrap();
    let records = |of: &str| stat["types"][of]["records"].as_u64().unwrap_or(0);
    assert_eq!(
        records("QuoteRequest") + records("MultilegQuoteRequest"),
        day["rfqs"].as_u64().unwrap(),
        "{stat}"
    );
    let hedging = &day["hedging"];
    assert_eq!(
        stat["types"]["VenueOrder"]["records"], hedging["venue_orders"],
        "{stat}"
    );
    let (code, stdout, stderr) = ended(&["replay", journal.to_str().unwrap(), "--json"]);
    assert_eq!(code, 0, "{stderr}");
    let replay: Value = serde_json::from_str(&stdout).unwrap();
    for key in ["inputs", "outputs", "output_hash", "state_hash"] {
        assert_eq!(replay[key], day[key], "{key}");
    }
    let (code, stdout, stderr) = ended(&["journal", "config", journal.to_str().unwrap()]);
    assert_eq!(code, 0, "{stderr}");
    assert_eq!(stdout.matches("[[hedging]]").count(), 4, "{stdout}");
    let file = dir.path().join("again.toml");
    fs::write(&file, stdout).unwrap();
    let what_if = [
        "replay",
        journal.to_str().unwrap(),
        "--what-if",
        file.to_str().unwrap(),
        "--json",
    ];
    let (code, stdout, stderr) = ended(&what_if);
    assert_eq!(code, 0, "{stderr}");
    let same: Value = serde_json::from_str(&stdout).unwrap();
    // Hedging ends in all instruments by a command at the end of the day.
    let told = (&same["same"], &same["given_later"]);
    assert_eq!(told, (&Value::Bool(true), &Value::from(4)), "{same}");
    let (code, _, stderr) = ended(&args);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("a scenario begins a new one"), "{stderr}");
}

#[test]
fn a_scenario_of_ones_own_is_read_and_errors_say_what_was_expected() {
    let built_in = include_str!("../../src/scenario/scenario.toml");
    let desk = include_str!("../../src/scenario/desk.toml");
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("mine.toml");
    let run = |text: &str| {
        fs::write(&file, text).unwrap();
        ended(&[
            "scenario",
            "--rfqs",
            "20",
            "--hours",
            "1",
            "--config",
            file.to_str().unwrap(),
        ])
    };
    fs::write(dir.path().join("own.toml"), desk).unwrap();
    let (code, stdout, stderr) = run(&format!("desk = \"own.toml\"\n{built_in}"));
    assert_eq!(code, 0, "{stderr}");
    assert!(
        stdout.contains("| requests for quotes                |                 20 |"),
        "{stdout}"
    );
    for (from, to, says) in [
        ("lift_s = 20", "lift = 20", "unknown field `lift`"),
        (
            "instrument = \"ETH-USDT\"\npx",
            "instrument = \"XRP-USDT\"\npx",
            "expected a [[market]] of ETH-USDT",
        ),
        ("asset = \"ETH\"", "asset = \"XRP\"", "there is no asset \"XRP\""),
        ("slow = 200", "slow = 10001", "expected 0 to 10000"),
        ("packages = 500", "packages = 10001", "expected 0 to 10000"),
        (
            "sell = [\"BTC-PERP\"]",
            "sell = []",
            "has 1 legs: expected 2 to 4",
        ),
        (
            "sell = [\"BTC-PERP\"]",
            "sell = [\"ETH-BTC\"]",
            "ETH-BTC: expected an instrument that is listed",
        ),
        (
            "follows = \"BTC-USDT\"",
            "follows = \"XRP-USDT\"",
            "follows XRP-USDT: expected an instrument",
        ),
        ("levels = 40", "levels = 0", "levels is 0: expected 1 to 1000"),
    ] {
        assert!(built_in.contains(from), "{from}");
        let (code, _, stderr) = run(&built_in.replace(from, to));
        assert_eq!(code, 2, "{to}: {stderr}");
        assert!(stderr.contains(says), "{to}: {stderr}");
    }
}

#[test]
fn without_recordings_it_says_what_it_needs() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().to_str().unwrap();
    let (code, _, stderr) = ended(&["scenario", "--recordings", data]);
    assert_eq!(code, 2, "{stderr}");
    let says = [
        "README.md",
        data,
        "there is no file",
        "captures/binance-spot/btcusdt_20240808.gz",
    ];
    assert!(says.iter().all(|part| stderr.contains(part)), "{stderr}");
    let (code, _, stderr) = ended(&["scenario", "--recordings", data, "--hours", "2"]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("cannot be used with"), "{stderr}");
}
