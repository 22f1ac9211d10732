//! `pinrail venue check`.

use std::path::Path;

use pinrail_report::table::{Table, count, ns};
use pinrail_venue::FeedError;
use pinrail_venue::check::{self, Report};
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
    checksums: u64,
    checksums_equal: u64,
    gaps: u64,
    resyncs: u64,
    crossed: u64,
    comparable: u64,
    matching: u64,
    clean: bool,
    elapsed_ns: u64,
    /// Where the book was first not to be trusted, and why.
    first_doubt: Option<String>,
    /// Where the book first differs from the exchange's own best.
    first_mismatch: Option<String>,
}

/// Checks each capture, prints what was found, and fails if one is unreadable or not clean.
pub(crate) fn main(args: &CheckArgs) -> Result<(), Failure> {
    let known = Known {
        market: args.market,
        tick: args.tick,
        lot: args.lot,
    };
    let bar = progress(args.captures.len() as u64, "checking captures");
    let mut checked = Vec::new();
    let mut unreadable = Vec::new();
    for capture in &args.captures {
        match check_one(capture, &known) {
            Ok(found) => checked.extend(found),
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
            "{unclean} of {} books differ from what the exchange tells of them, lack updates, or compare nowhere",
            checked.len()
        )))
    } else {
        Ok(())
    }
}

fn check_one(capture: &Path, known: &Known) -> Result<Vec<Checked>, FeedError> {
    let listings = infer::listings(capture, known)?;
    let check = |listing| Ok(checked(capture, check::check(capture, listing)?));
    listings.iter().map(check).collect()
}

fn checked(capture: &Path, report: Report) -> Checked {
    let listing = &report.listing;
    let counts = report.counts;
    Checked {
        capture: capture.display().to_string(),
        market: listing.market.to_string(),
        tick: listing.tick.step().to_string(),
        lot: listing.lot.step().to_string(),
        messages: counts.messages,
        updates: counts.updates,
        levels: counts.levels,
        checksums: counts.checksums,
        checksums_equal: counts.checksums_equal,
        gaps: counts.gaps,
        resyncs: counts.resyncs,
        crossed: report.crossed,
        comparable: report.comparable,
        matching: report.matching,
        clean: report.is_clean(),
        elapsed_ns: report.elapsed.as_nanos() as u64,
        first_doubt: report
            .first_doubt
            .map(|(line, doubt)| format!("line {line}: {doubt}")),
        first_mismatch: report.first_mismatch.map(|at| {
            format!(
                "line {}, update {}: exchange {}, book {}",
                at.line,
                at.update_id,
                at.ticker.text(listing),
                at.book.text(listing)
            )
        }),
        symbol: report.listing.symbol,
    }
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
        "checksums",
        "equal",
        "gaps",
        "resyncs",
        "crossed",
        "best prices",
        "equal",
        "time",
    ]);
    for found in checked {
        table.row([
            file_name(&found.capture),
            found.symbol.clone(),
            found.market.clone(),
            count(found.messages),
            count(found.updates),
            count(found.checksums),
            count(found.checksums_equal),
            count(found.gaps),
            count(found.resyncs),
            count(found.crossed),
            count(found.comparable),
            count(found.matching),
            ns(found.elapsed_ns),
        ]);
    }
    if !checked.is_empty() {
        results.line(&table)?;
    }
    for found in checked {
        for told in [&found.first_doubt, &found.first_mismatch].into_iter().flatten() {
            results.line(format_args!("{}, {}: {told}", found.capture, found.symbol))?;
        }
    }
    results.flush()
}

/// The end of a path: the table has little room.
fn file_name(path: &str) -> String {
    let name = Path::new(path)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| path.to_owned())
}
