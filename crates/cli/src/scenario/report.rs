//! What came of a simulated day, for people and programs, and the checks of its end.

use std::time::Duration;

use pinrail_report::table::{Table, count, ns};
use pinrail_sim::Fault;
use serde::Serialize;

use super::ledger::{Counts, Named, Tier};
use super::profit::{ProfitLine, money, profit, profit_table, short};
use super::setup::Setup;
use super::venues::Survey;
use super::world::Day;
use crate::args::ScenarioArgs;
use crate::failure::Failure;
use crate::output::Results;

/// What came of a day.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) faults_on: bool,
    pub(super) simulated_ns: u64,
    /// If recordings were played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recorded: Option<RecordedLine>,
    pub(super) elapsed_ns: u64,
    pub(super) inputs: u64,
    pub(super) outputs: u64,
    /// Looks at the invariants while it ran.
    pub(super) checks: u64,
    /// Inputs that replayed to the same outputs, byte for byte.
    pub(super) replayed_inputs: u64,
    pub(super) output_hash: String,
    pub(super) state_hash: String,
    pub(super) rfqs: u64,
    pub(super) quotes: u64,
    pub(super) fills: u64,
    pub(super) request_rejects: Counts,
    pub(super) accept_rejects: Counts,
    pub(super) quote_ends: Counts,
    pub(super) input_rejects: Counts,
    /// Packages included, each of which counts once.
    pub(super) tiers: Vec<TierLine>,
    pub(super) packages: DealtLine,
    pub(super) hedging: HedgingLine,
    /// By instrument, and last for each asset that is quoted in.
    pub(super) profit: Vec<ProfitLine>,
    pub(super) limit_hits: Counts,
    /// Faults that venues had.
    pub(super) faults: Vec<Named>,
    /// States that the desk set by itself, by scope and reason.
    pub(super) halts: Counts,
    /// States that the operator lifted, the start of the day with them.
    pub(super) lifts: u64,
}

/// Recorded trades, and the requests that are made for them.
#[derive(Debug, Serialize)]
pub(super) struct RecordedLine {
    pub(super) trades: u64,
    pub(super) recorded_ns: u64,
    /// Times ten.
    pub(super) trades_per_s_x10: u64,
    /// Times ten, while there were any.
    pub(super) requests_per_s_x10: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct TierLine {
    pub(super) tier: u8,
    #[serde(flatten)]
    pub(super) dealt: DealtLine,
}

/// What clients did.
#[derive(Debug, Serialize)]
pub(super) struct DealtLine {
    pub(super) requests: u64,
    pub(super) quotes: u64,
    pub(super) fills: u64,
    /// Fills of quotes, in hundredths of a percent.
    pub(super) hit_rate_e4: u64,
    pub(super) notional: String,
    pub(super) spread: String,
}

#[derive(Debug, Serialize)]
pub(super) struct HedgingLine {
    pub(super) parent_orders: u64,
    pub(super) ended: Counts,
    pub(super) venue_orders: u64,
    pub(super) venue_fills: u64,
    pub(super) venue_order_rejects: Counts,
}

/// Checks the end of a day, and sums it up.
///
/// # Errors
/// [`Failure::Check`] with what does not hold.
pub(super) fn of(
    setup: &Setup,
    day: &Day,
    args: &ScenarioArgs,
    elapsed: Duration,
) -> Result<Report, Failure> {
    check_end(setup, day)?;
    let ledger = &day.ledger;
    let exponent = setup
        .definitions
        .instruments
        .values()
        .next()
        .map_or(0, |def| setup.definitions.assets[&def.quote.0].exponent);
    let tiers = ledger.tiers.iter().map(|(tier, seen)| TierLine {
        tier: *tier,
        dealt: dealt(seen, exponent),
    });
    let counts = day.ended.engine.counts();
    Ok(Report {
        seed: args.seed,
        faults_on: args.faults.is_on(),
        simulated_ns: day.simulated_ns,
        recorded: setup.recording.as_ref().map(|survey| recorded(survey, day)),
        elapsed_ns: elapsed.as_nanos() as u64,
        inputs: counts.inputs,
        outputs: counts.outputs,
        checks: day.checks,
        replayed_inputs: day.ended.replayed_inputs,
        output_hash: format!("{:#018x}", day.ended.output_hash),
        state_hash: format!("{:#018x}", day.ended.state_hash),
        rfqs: day.requests,
        quotes: ledger.tiers.values().map(|tier| tier.quotes).sum(),
        fills: ledger.tiers.values().map(|tier| tier.fills).sum(),
        request_rejects: ledger.request_rejects.clone(),
        accept_rejects: ledger.accept_rejects.clone(),
        quote_ends: ledger.quote_ends.clone(),
        input_rejects: ledger.input_rejects.clone(),
        tiers: tiers.collect(),
        packages: dealt(&ledger.packages, exponent),
        hedging: HedgingLine {
            parent_orders: ledger.parents,
            ended: ledger.parents_done.clone(),
            venue_orders: ledger.venue_orders,
            venue_fills: ledger.venue_fills,
            venue_order_rejects: ledger.venue_order_rejects.clone(),
        },
        profit: profit(&setup.definitions, &setup.config.instruments, ledger, |id| {
            let position = day.ended.engine.position(id);
            (position.qty.0, position.cash.get())
        })?,
        limit_hits: ledger.limit_hits.clone(),
        faults: Fault::ALL
            .iter()
            .map(|fault| Named {
                name: fault.name().to_owned(),
                count: day.faults.of(*fault),
            })
            .collect(),
        halts: ledger.halts.clone(),
        lifts: ledger.lifts,
    })
}

fn dealt(seen: &Tier, exponent: i8) -> DealtLine {
    DealtLine {
        requests: seen.requests,
        quotes: seen.quotes,
        fills: seen.fills,
        hit_rate_e4: seen.fills * 10_000 / seen.quotes.max(1),
        notional: money(seen.notional, exponent),
        spread: money(seen.spread, exponent),
    }
}

fn recorded(survey: &Survey, day: &Day) -> RecordedLine {
    let per_s_x10 = |n: u64, ns: u64| (u128::from(n) * 10_000_000_000 / u128::from(ns.max(1))) as u64;
    let recorded_ns = survey.last_ns - survey.first_ns;
    RecordedLine {
        trades: survey.trades,
        recorded_ns,
        trades_per_s_x10: per_s_x10(survey.trades, recorded_ns),
        requests_per_s_x10: per_s_x10(day.requests, day.asked_ns),
    }
}

fn check_end(setup: &Setup, day: &Day) -> Result<(), Failure> {
    let engine = &day.ended.engine;
    let mut wrong = Vec::new();
    let mut require = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    require(engine.is_balanced(), "the accounts do not balance");
    require(engine.nothing_reserved(), "a reservation is open");
    require(engine.open_quotes() == 0, "a quote is open");
    require(engine.packages() == 0, "a package is quoted");
    require(engine.open_orders().next().is_none(), "an order is open");
    require(engine.parent_orders().next().is_none(), "a parent order is open");
    require(engine.are_parents_conserved(), "a parent order is not conserved");
    for meta in &setup.config.instruments {
        let position = engine.position(meta.id);
        let book = &day.ledger.books[meta.id.index()];
        let is_told = (position.qty.0, position.cash.get()) == (book.position, book.cash - book.fees);
        require(
            is_told && book.settled == book.position,
            &format!(
                "{}: the desk has {position:?}, clients and venues know of {book:?}",
                meta.id
            ),
        );
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure::Check(format!("at the end: {}", wrong.join("; "))))
    }
}

/// For people.
pub(super) fn print(report: &Report, results: &mut Results) -> Result<(), Failure> {
    results.line(day_table(report))?;
    for table in [
        tiers_table(report),
        packages_table(&report.packages),
        profit_table(&report.profit),
        hedging_table(report),
    ] {
        results.line("")?;
        results.line(table)?;
    }
    for (title, counts) in [
        ("requests refused", &report.request_rejects),
        ("accepts refused", &report.accept_rejects),
        ("quotes ended without a fill", &report.quote_ends),
        ("limit hits", &report.limit_hits),
        ("parent orders ended", &report.hedging.ended),
        ("orders to venues refused", &report.hedging.venue_order_rejects),
        ("inputs refused", &report.input_rejects),
        ("halted by the desk", &report.halts),
    ] {
        if !counts.is_empty() {
            results.line("")?;
            results.line(counts_table(title, counts))?;
        }
    }
    let mut faults = Table::figures(&["faults of venues", "count"]);
    for fault in &report.faults {
        faults.row([fault.name.clone(), count(fault.count)]);
    }
    results.line("")?;
    results.line(faults)
}

fn day_table(report: &Report) -> Table {
    let mut table = Table::figures(&["the day", ""]);
    table.row(["seed".to_owned(), report.seed.to_string()]);
    table.row(["simulated time".to_owned(), ns(report.simulated_ns)]);
    table.row(["wall-clock time".to_owned(), ns(report.elapsed_ns)]);
    table.row(["inputs".to_owned(), count(report.inputs)]);
    table.row(["outputs".to_owned(), count(report.outputs)]);
    if let Some(recorded) = &report.recorded {
        let per_s = |x10: u64| format!("{}.{}", count(x10 / 10), x10 % 10);
        table.row(["recorded trades".to_owned(), count(recorded.trades)]);
        table.row([
            "recorded trades a second".to_owned(),
            per_s(recorded.trades_per_s_x10),
        ]);
        table.row(["requests a second".to_owned(), per_s(recorded.requests_per_s_x10)]);
    }
    table.row(["requests for quotes".to_owned(), count(report.rfqs)]);
    table.row(["quotes".to_owned(), count(report.quotes)]);
    table.row(["fills".to_owned(), count(report.fills)]);
    table.row(["looks at the invariants".to_owned(), count(report.checks)]);
    table.row([
        "inputs replayed, all outputs equal".to_owned(),
        count(report.replayed_inputs),
    ]);
    table.row(["output hash".to_owned(), report.output_hash.clone()]);
    table.row(["state hash".to_owned(), report.state_hash.clone()]);
    table
}

fn tiers_table(report: &Report) -> Table {
    let lines = report
        .tiers
        .iter()
        .map(|line| (line.tier.to_string(), &line.dealt));
    dealt_table("tier", lines)
}

fn packages_table(packages: &DealtLine) -> Table {
    dealt_table("of these", [("packages".to_owned(), packages)].into_iter())
}

fn dealt_table<'a>(title: &str, lines: impl Iterator<Item = (String, &'a DealtLine)>) -> Table {
    let mut table = Table::figures(&[
        title,
        "requests",
        "quotes",
        "fills",
        "hit rate",
        "notional",
        "spread earned",
    ]);
    for (name, line) in lines {
        table.row([
            name,
            count(line.requests),
            count(line.quotes),
            count(line.fills),
            format!("{}.{:02} %", line.hit_rate_e4 / 100, line.hit_rate_e4 % 100),
            short(&line.notional).to_owned(),
            short(&line.spread).to_owned(),
        ]);
    }
    table
}

fn hedging_table(report: &Report) -> Table {
    let mut table = Table::figures(&["hedging", "count"]);
    table.row(["parent orders", &count(report.hedging.parent_orders)]);
    table.row(["orders to venues", &count(report.hedging.venue_orders)]);
    table.row(["fills at venues", &count(report.hedging.venue_fills)]);
    table.row(["states lifted by the operator", &count(report.lifts)]);
    table
}

fn counts_table(title: &str, counts: &Counts) -> Table {
    let mut table = Table::figures(&[title, "count"]);
    for (name, n) in counts {
        table.row([name.clone(), count(*n)]);
    }
    table
}
