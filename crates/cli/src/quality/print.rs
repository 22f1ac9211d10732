//! The report for people.

use std::collections::{BTreeMap, BTreeSet};

use pinrail_report::table::{Table, count, ns, ns_or_dash};

use super::report::{Line, MoneyLine, Report};
use crate::decode::utc;
use crate::failure::Failure;
use crate::output::Results;

const LEGEND: &str = "\
How to read it. Every figure is from the house's side: above zero it gained, but for costs and adverse selection.
  requests, quotes   requests for one quote (FIX R) and quotes of them (FIX S); streams and their quotes apart
  packages           requests for several instruments as one: each counts once, under (packages) where lines are instruments;
                     its money is its legs', each in its own instrument with its own reference, hedges and marks
  hit rate           quotes that were filled, of quotes; streams not counted
  time to quote      core time of the quote less receive time of its request, quotes of dealers and streams not counted;
                     says nothing of a playback, whose core time is the recorded one
  spread quoted      what each quoted side is away from the reference, of what it is worth there: a half-spread
  spread earned      the same of fills (price less the quote's reference, in the house's favour): the effective half-spread
                     [1]. The reference is the middle of the consolidated best when the price was made
  hedge cost         what fills at venues were worse than the middle at which their parent order was decided
                     (implementation shortfall [2]), without fees; hedge bp with them. Shared first in, first out: a
                     client's trade that another client's offsets needs no hedge, and what a hedge trades beyond clients'
                     lots is the desk's own
  net                spread earned and clients' fees, less hedges and their fees; what the market did to what was held
                     stands under inventory
  mark-out           what a fill is worth at the middle so long behind it, of its notional: the realised half-spread at that
                     horizon [1][3]. Fills without a middle then (a stale or lost book) are left out and counted
  adverse selection  how far the middle moved against the house from the fill to then, of notional
  profit             spread, hedging, fees and inventory sum to the total: cash and what is held at the last middle
[1] Huang and Stoll, \"Dealer versus auction markets\", J. Financial Economics 41 (1996); 17 CFR 242.600(b), 242.605
[2] Perold, \"The implementation shortfall: paper versus reality\", J. Portfolio Management 14 (1988)
[3] QuestDB documentation, \"Post-trade markout analysis\"; FX Global Code, Principles 9 and 17, ask that rejects, hold times and
    how prices are made can be shown";

fn or_dash(value: Option<&String>) -> String {
    value.cloned().unwrap_or_else(|| "–".to_owned())
}

/// An amount with two places, the others cut off.
fn short(money: &str) -> &str {
    match money.find('.') {
        Some(point) => &money[..money.len().min(point + 3)],
        None => money,
    }
}

pub(super) fn print(report: &Report, results: &mut Results) -> Result<(), Failure> {
    results.line(facts(report))?;
    for grouped in &report.by {
        let packages = (report.packages.requests > 0).then_some(&report.packages);
        let lines = grouped.lines.iter().chain([&report.all]).chain(packages);
        let lines: Vec<&Line> = lines.collect();
        for table in [outcomes(grouped.by, &lines), moneys(grouped.by, &lines)] {
            results.line("")?;
            results.line(table)?;
        }
        if let Some(table) = marks(grouped.by, &lines) {
            results.line("")?;
            results.line(table)?;
        }
    }
    if !report.venues.is_empty() {
        results.line("")?;
        results.line(venues(report))?;
    }
    for (title, counts) in [
        ("requests refused", &report.all.refused),
        ("accepts refused", &report.all.accepts_refused),
        ("quotes ended without a fill", &report.all.ended),
    ] {
        if !counts.is_empty() {
            results.line("")?;
            results.line(counted(title, counts))?;
        }
    }
    results.line("")?;
    results.line(profit(report))?;
    results.line("")?;
    results.line(LEGEND)
}

fn facts(report: &Report) -> Table {
    let left_out = &report.left_out;
    let mut facts = Table::facts(&["journal", &report.journal_id]);
    facts.row(["records".to_owned(), count(report.records)]);
    let first = report.first_ts_core.map_or_else(|| "none".to_owned(), utc);
    facts.row(["first core time".to_owned(), first]);
    facts.row(["last core time".to_owned(), utc(report.last_ts_core)]);
    for (what, n) in [
        ("reports sent again, counted once", left_out.resent_reports),
        ("records of another layout, left out", left_out.other_layouts),
        (
            "trades whose reference is not there",
            left_out.trades_without_reference,
        ),
        ("prices that could not be valued", left_out.not_valued),
        ("marks that were not made", left_out.marks_missed),
    ] {
        if n > 0 {
            facts.row([what.to_owned(), count(n)]);
        }
    }
    for (asset, amount) in &left_out.other_fees {
        facts.row([format!("fees in {asset}, in no sum below"), amount.clone()]);
    }
    facts
}

fn outcomes(by: &str, lines: &[&Line]) -> Table {
    let mut table = Table::figures(&[
        by,
        "requests",
        "quotes",
        "refused",
        "fills",
        "hit rate",
        "passed",
        "done away",
        "expired",
        "streams",
        "stream quotes",
        "stream fills",
        "time to quote p50",
        "p99",
    ]);
    for line in lines {
        let times = line.time_to_quote.as_ref();
        table.row([
            line.name.clone(),
            count(line.requests),
            count(line.quotes),
            count(line.refused.values().sum()),
            count(line.fills),
            line.hit_rate_pct
                .as_ref()
                .map_or_else(|| "–".to_owned(), |pct| format!("{pct} %")),
            count(line.passed),
            count(line.done_away),
            count(line.expired),
            count(line.streams),
            count(line.stream_quotes),
            count(line.stream_fills),
            ns_or_dash(times.and_then(|times| times.ns_p50)),
            ns_or_dash(times.and_then(|times| times.ns_p99)),
        ]);
    }
    table
}

fn each_money<'a>(lines: &[&'a Line]) -> Vec<(&'a str, &'a MoneyLine)> {
    let of = |line: &'a Line| line.money.iter().map(|money| (line.name.as_str(), money));
    lines.iter().flat_map(|line| of(line)).collect()
}

fn moneys(by: &str, lines: &[&Line]) -> Table {
    let mut table = Table::figures(&[
        by,
        "in",
        "notional",
        "spread quoted bp",
        "earned bp",
        "spread earned",
        "client fees",
        "hedge cost",
        "hedge fees",
        "hedge bp",
        "net",
        "net bp",
    ]);
    for (name, money) in each_money(lines) {
        table.row([
            name.to_owned(),
            money.asset.clone(),
            short(&money.notional).to_owned(),
            or_dash(money.spread_quoted_bp.as_ref()),
            or_dash(money.spread_earned_bp.as_ref()),
            short(&money.spread_earned).to_owned(),
            short(&money.client_fees).to_owned(),
            short(&money.hedge_cost).to_owned(),
            short(&money.hedge_fees).to_owned(),
            or_dash(money.hedge_bp.as_ref()),
            short(&money.net).to_owned(),
            or_dash(money.net_bp.as_ref()),
        ]);
    }
    table
}

/// Mark-out and adverse selection, a pair of columns for each horizon.
fn marks(by: &str, lines: &[&Line]) -> Option<Table> {
    let moneys = each_money(lines);
    let horizons: BTreeSet<u64> = moneys
        .iter()
        .flat_map(|(_, money)| &money.mark_outs)
        .map(|mark| mark.horizon_ns)
        .collect();
    if horizons.is_empty() {
        return None;
    }
    let mut header = vec![by.to_owned(), "in".to_owned()];
    for horizon in &horizons {
        header.push(format!("mark-out bp {}", ns(*horizon)));
        header.push("adverse bp".to_owned());
        header.push("without".to_owned());
    }
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = Table::figures(&header);
    for (name, money) in moneys {
        let by_horizon: BTreeMap<u64, _> = money
            .mark_outs
            .iter()
            .map(|mark| (mark.horizon_ns, mark))
            .collect();
        let mut row = vec![name.to_owned(), money.asset.clone()];
        for horizon in &horizons {
            let mark = by_horizon.get(horizon);
            row.push(or_dash(mark.and_then(|mark| mark.mark_out_bp.as_ref())));
            row.push(or_dash(mark.and_then(|mark| mark.adverse_selection_bp.as_ref())));
            row.push(mark.map_or_else(|| "–".to_owned(), |mark| count(mark.missing)));
        }
        table.row(row);
    }
    Some(table)
}

fn venues(report: &Report) -> Table {
    let mut table = Table::figures(&[
        "venue", "orders", "in", "fills", "notional", "cost", "cost bp", "fees", "fees bp",
    ]);
    for line in &report.venues {
        table.row([
            line.venue.clone(),
            count(line.orders),
            line.asset.clone(),
            count(line.fills),
            short(&line.notional).to_owned(),
            short(&line.cost).to_owned(),
            or_dash(line.cost_bp.as_ref()),
            short(&line.fees).to_owned(),
            or_dash(line.fees_bp.as_ref()),
        ]);
    }
    table
}

fn profit(report: &Report) -> Table {
    let mut table = Table::figures(&[
        "profit",
        "in",
        "spread",
        "hedging",
        "fees",
        "inventory",
        "total",
        "position lots",
    ]);
    for line in &report.profit {
        table.row([
            line.instrument.clone(),
            line.asset.clone(),
            short(&line.spread).to_owned(),
            short(&line.hedging).to_owned(),
            short(&line.fees).to_owned(),
            line.inventory.as_deref().map_or("–", short).to_owned(),
            line.total.as_deref().map_or("–", short).to_owned(),
            line.position_lots.to_string(),
        ]);
    }
    table
}

fn counted(title: &str, counts: &BTreeMap<String, u64>) -> Table {
    let mut table = Table::figures(&[title, "count"]);
    for (name, n) in counts {
        table.row([name.clone(), count(*n)]);
    }
    table
}
