//! The quality of a simulated day, against what the day's own ledger says, which is held against the engine's positions.

use serde_json::Value;
use tempfile::TempDir;

use crate::{ended, golden};

fn json(args: &[&str]) -> Value {
    let (code, stdout, stderr) = ended(args);
    assert_eq!(code, 0, "{args:?}: {stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// Profit and sums of a day are told with as many places, so that equal amounts are equal text.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

fn lines<'a>(report: &'a Value, by: &str) -> &'a Vec<Value> {
    let grouped = report["by"]
        .as_array()
        .unwrap()
        .iter()
        .find(|grouped| grouped["by"] == by);
    grouped.unwrap()["lines"].as_array().unwrap()
}

fn sum(lines: &[Value], of: impl Fn(&Value) -> i128) -> i128 {
    lines.iter().map(of).sum()
}

fn units(text: &str) -> i128 {
    text.replace('.', "").parse().unwrap()
}

#[test]
fn a_days_quality_is_what_its_ledger_says() {
    let dir = TempDir::new().unwrap();
    let journal = dir.path().join("journal");
    let journal = journal.to_str().unwrap();
    let day = json(&[
        "scenario",
        "--seed",
        "11",
        "--rfqs",
        "1500",
        "--journal",
        journal,
        "--json",
    ]);
    let quality = json(&["quality", journal, "--json"]);
    let all = &quality["all"];
    for count in ["quotes", "fills"] {
        assert_eq!(all[count], day[count], "{count}");
    }
    assert_eq!(all["requests"], day["rfqs"]);
    assert_eq!(all["refused"], day["request_rejects"]);
    assert_eq!(all["ended"], day["quote_ends"]);
    assert_eq!(quality["left_out"]["not_valued"], 0);
    for tier in day["tiers"].as_array().unwrap() {
        let name = tier["tier"].to_string();
        let told = lines(&quality, "tier")
            .iter()
            .find(|line| line["name"] == name.as_str())
            .unwrap();
        for count in ["requests", "quotes", "fills"] {
            assert_eq!(told[count], tier[count], "{count} of tier {name}");
        }
        let money = &told["money"][0];
        assert_eq!(text(money, "notional"), text(tier, "notional"));
        assert_eq!(text(money, "spread_earned"), text(tier, "spread"));
    }
    let packages = &quality["packages"];
    for count in ["requests", "quotes", "fills"] {
        assert_eq!(packages[count], day["packages"][count], "{count} of packages");
    }
    assert_eq!(
        text(&packages["money"][0], "spread_earned"),
        text(&day["packages"], "spread")
    );
    for told in quality["profit"].as_array().unwrap() {
        let ledger = day["profit"].as_array().unwrap().iter();
        let ledger = ledger
            .clone()
            .find(|line| line["name"] == told["instrument"])
            .unwrap();
        for source in ["hedging", "fees"] {
            assert_eq!(text(told, source), text(ledger, source), "{source}");
        }
        // The ledger tells packages apart.
        let spread = units(text(ledger, "spread")) + units(text(ledger, "packages"));
        assert_eq!(units(text(told, "spread")), spread);
        let sources = ["spread", "hedging", "fees", "inventory"].map(|source| units(text(told, source)));
        assert_eq!(sources.iter().sum::<i128>(), units(text(told, "total")), "{told}");
    }
    // Whoever the cost of hedges is shared among, it is all of it; and so is everything else.
    let money = |line: &Value, key: &str| units(line["money"][0][key].as_str().unwrap_or("0"));
    for key in ["notional", "spread_earned", "hedge_cost", "hedge_fees", "net"] {
        for by in ["tier", "client"] {
            assert_eq!(
                sum(lines(&quality, by), |line| money(line, key)),
                money(all, key),
                "{key} by {by}"
            );
        }
    }
    let paid = quality["venues"].as_array().unwrap();
    assert_eq!(
        sum(paid, |venue| units(text(venue, "cost"))),
        money(all, "hedge_cost")
    );
    assert_eq!(
        sum(paid, |venue| units(text(venue, "fees"))),
        money(all, "hedge_fees")
    );
    // Every fill has each mark of the desk's four, or none was to be had; of a package every leg.
    let marks = all["money"][0]["mark_outs"].as_array().unwrap();
    assert_eq!(marks.len(), 4);
    for mark in marks {
        let count = |key: &str| mark[key].as_u64().unwrap();
        assert_eq!(
            count("fills") + count("missing"),
            all["money"][0]["fills"].as_u64().unwrap(),
            "{mark}"
        );
        assert!(count("fills") > 0);
    }
}

#[test]
fn a_report_for_people_says_what_its_figures_are() {
    let dir = TempDir::new().unwrap();
    let journal = dir.path().join("journal");
    let journal = journal.to_str().unwrap();
    json(&["scenario", "--rfqs", "300", "--journal", journal, "--json"]);
    for (by, header) in [
        ("tier", "\n| tier "),
        ("client", "\n| client "),
        ("instrument", "\n| instrument "),
        ("venue", "\n| venue "),
    ] {
        let (code, stdout, stderr) = ended(&["quality", journal, "--by", by]);
        assert_eq!(code, 0, "{stderr}");
        for expected in [header, "| profit ", "mark-out ", "hit rate "] {
            assert!(stdout.contains(expected), "{expected} by {by}: {stdout}");
        }
        let others = ["\n| tier ", "\n| client ", "\n| instrument "];
        let others = others.into_iter().filter(|other| *other != header);
        assert!(
            others.into_iter().all(|other| !stdout.contains(other)),
            "{stdout}"
        );
    }
    let (code, _, stderr) = ended(&["quality", "no-such-journal"]);
    assert_eq!(code, 3, "{stderr}");
}

#[test]
fn journals_of_every_version_are_read() {
    for journal in golden::journals() {
        let quality = json(&["quality", journal.to_str().unwrap(), "--json"]);
        assert!(quality["records"].as_u64().unwrap() > 0);
    }
}
