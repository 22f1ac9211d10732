//! `pinrail venue check`.

use std::path::Path;

use pinrail_report::table::{Table, count, ns};
use pinrail_venue::FeedError;
use pinrail_venue::check;
use pinrail_venue::infer::{self, Known};
use serde::Serialize;

use crate::args::CheckArgs;
use crate::failure::Failure;
use crate::output::{Results, progress};

/// One capture's result, as it is printed in JSON.
#[derive(Serialize)]
struct Checked {
    capture: String,
    symbol: String,
    market: String,
    tick: String,
    lot: String,
    messages: u64,
    updates: u64,
    levels: u64,
    gaps: u64,
    comparable: u64,
    matching: u64,
    clean: bool,
    elapsed_ns: u64,
    /// Where the book first differs from the exchange.
    first_mismatch: Option<String>,
}

/// Checks each capture, prints what was found, and fails if one is unreadable or not clean.
pub(crate) fn main(args: &CheckArgs) -> Result<(), Failure> {
    let known = Known {
        market: args.market.map(Into::into),
        tick: args.tick,
        lot: args.lot,
    };
    let bar = progress(args.captures.len() as u64, "checking captures");
    let mut checked = Vec::new();
    let mut unreadable = Vec::new();
    for capture in &args.captures {
        match check_one(capture, &known) {
            Ok(found) => checked.push(found),
            Err(error) => unreadable.push(error.to_string()),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    print(&checked, args.output.json)?;
    let unclean = checked.iter().filter(|found| !found.clean).count();
    if !unreadable.is_empty() {
        Err(Failure::Data(unreadable.join("\n")))
    } else if unclean > 0 {
        Err(Failure::Check(format!(
            "{unclean} of {} captures differ from the exchange's own best, lack updates, or compare nowhere",
            checked.len()
        )))
    } else {
        Ok(())
    }
}

fn check_one(capture: &Path, known: &Known) -> Result<Checked, FeedError> {
    let listing = infer::listing(capture, known)?;
    let report = check::check(capture, &listing)?;
    let counts = report.counts;
    Ok(Checked {
        capture: capture.display().to_string(),
        market: format!("{:?}", listing.market).to_lowercase(),
        tick: listing.tick.step().to_string(),
        lot: listing.lot.step().to_string(),
        messages: counts.messages,
        updates: counts.updates,
        levels: counts.levels,
        gaps: counts.gaps,
        comparable: report.comparable,
        matching: report.matching,
        clean: report.is_clean(),
        elapsed_ns: report.elapsed.as_nanos() as u64,
        first_mismatch: report.first_mismatch.map(|at| {
            format!(
                "line {}, update {}: exchange {}, book {}",
                at.line,
                at.update_id,
                at.ticker.text(&listing),
                at.book.text(&listing)
            )
        }),
        symbol: listing.symbol,
    })
}

fn print(checked: &[Checked], json: bool) -> Result<(), Failure> {
    let mut results = Results::new();
    if json {
        results.json(&checked)?;
        return results.flush();
    }
    let mut table = Table::figures(&[
        "capture",
        "symbol",
        "market",
        "messages",
        "updates",
        "gaps",
        "comparable",
        "matching",
        "time",
    ]);
    for found in checked {
        table.row([
            found.capture.clone(),
            found.symbol.clone(),
            found.market.clone(),
            count(found.messages),
            count(found.updates),
            count(found.gaps),
            count(found.comparable),
            count(found.matching),
            ns(found.elapsed_ns),
        ]);
    }
    if !checked.is_empty() {
        results.line(&table)?;
    }
    for found in checked {
        if let Some(mismatch) = &found.first_mismatch {
            results.line(format_args!("{}: {mismatch}", found.capture))?;
        }
    }
    results.flush()
}
