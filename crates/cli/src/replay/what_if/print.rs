//! The comparison as tables.

use std::collections::BTreeMap;

use pinrail_report::table::{Table, count, signed};

use super::world::Pair;
use super::{HoldingLine, Summary};
use crate::failure::Failure;
use crate::output::Results;

pub(super) fn print(summary: &Summary, results: &mut Results) -> Result<(), Failure> {
    results.line(changes(summary))?;
    if summary.given_later > 0 {
        results.line(format_args!(
            "{} definitions and limits stand in the journal as later commands, above the file's.",
            count(summary.given_later)
        ))?;
    }
    if summary.same {
        results.line("\nEvery output is the same, byte for byte.")?;
    }
    let mut tables = vec![decisions(summary), compared(summary)];
    for (title, reasons) in [
        ("requests refused, by reason", &summary.request_rejects),
        ("accepts refused, by reason", &summary.accept_rejects),
        ("quotes ended without a fill, by reason", &summary.quote_ends),
        ("inputs refused, by reason", &summary.input_rejects),
    ] {
        if !reasons.is_empty() {
            tables.push(by_reason(title, reasons));
        }
    }
    tables.extend((!summary.prices.is_empty()).then(|| prices(summary)));
    tables.extend((!summary.tiers.is_empty()).then(|| tiers(summary)));
    tables.extend((!summary.holdings.is_empty()).then(|| holdings(&summary.holdings)));
    for table in tables {
        results.line("")?;
        results.line(&table)?;
    }
    differences(summary, results)?;
    results.line(format_args!(
        "\nUp to sequence {}, {}. Clients ask for what they asked for. Prices are\n\
         better (above zero) or worse as clients see them: one accepts at an equal or better price and not\n\
         at a worse one. Profit is cash and the position at the last mid, without what a hedge would cost.",
        count(summary.last_seq),
        summary.until()
    ))
}

fn changes(summary: &Summary) -> Table {
    let mut table = Table::facts(&["changed", "of", "", "before", "now"]);
    for change in &summary.changes {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
        table.row([
            change.record.to_owned(),
            change.of.clone(),
            change.field.unwrap_or("").to_owned(),
            text(&change.before),
            text(&change.now),
        ]);
    }
    if summary.changes.is_empty() {
        table.row(["nothing", "", "", "", ""]);
    }
    table
}

fn decisions(summary: &Summary) -> Table {
    let requests = &summary.requests;
    let quotes_before = requests.quoted_in_both + requests.quoted_only_before;
    let quotes_now = requests.quoted_in_both + requests.quoted_only_now;
    let mut table = Table::figures(&["decisions", "before", "now"]);
    let mut row = |what: &str, before: u64, now: u64| {
        table.row([what.to_owned(), count(before), count(now)]);
    };
    row("requests", requests.all, requests.all);
    row("quotes", quotes_before, quotes_now);
    row("fills", summary.fills.before, summary.fills.now);
    row(
        "quotes open at the end",
        summary.open_at_end.before,
        summary.open_at_end.now,
    );
    row("outputs", summary.outputs.before, summary.outputs.now);
    table
}

/// What became of requests, fills and accepts; nothing of what did not occur.
fn compared(summary: &Summary) -> Table {
    let (requests, fills) = (&summary.requests, &summary.fills_compared);
    let (accepts, passes) = (&summary.accepts, &summary.passes);
    let mut table = Table::figures(&["compared", "count"]);
    let mut row = |what: &str, n: u64| {
        if n > 0 {
            table.row([what.to_owned(), count(n)]);
        }
    };
    row("requests quoted in both", requests.quoted_in_both);
    row("requests quoted only now", requests.quoted_only_now);
    row("requests quoted only before", requests.quoted_only_before);
    for (reason, n) in &requests.lost_by_reason {
        row(&format!("- refused now, {reason}"), *n);
    }
    row("requests refused in both", requests.refused_in_both);
    row("- for another reason now", requests.refused_otherwise);
    row("quotes good until another time", requests.other_validity);
    row(
        "quotes better now that were not filled: may be won",
        requests.better_and_not_filled,
    );
    row("fills kept at the same price", fills.kept_at_same_price);
    row(
        "fills kept at a price better for the client",
        fills.kept_at_better_price,
    );
    row("fills lost, no quote now", fills.lost_without_quote);
    row("fills lost, worse price now", fills.lost_at_worse_price);
    for (reason, n) in &fills.lost_by_reason {
        row(&format!("fills lost, accept refused now, {reason}"), *n);
    }
    row("fills won, accept refused before", fills.won);
    row("accepts recorded", accepts.all);
    row("- not sent, no quote now", accepts.without_quote);
    row("- not sent, worse price now", accepts.at_worse_price);
    row("passes recorded", passes.all);
    row("- not sent, no quote now", passes.without_quote);
    table
}

fn by_reason(title: &str, reasons: &BTreeMap<String, Pair>) -> Table {
    let mut table = Table::figures(&[title, "before", "now"]);
    for (reason, pair) in reasons {
        table.row([reason.clone(), count(pair.before), count(pair.now)]);
    }
    table
}

fn prices(summary: &Summary) -> Table {
    let mut table = Table::figures(&[
        "price now, as the client sees it",
        "equal",
        "better",
        "worse",
        "ticks: mean",
        "median",
        "furthest",
        "bp: mean",
        "median",
        "furthest",
    ]);
    for moves in &summary.prices {
        table.row([
            format!("{} {}", moves.instrument, moves.side),
            count(moves.equal),
            count(moves.better),
            count(moves.worse),
            moves.ticks_mean.clone(),
            signed(moves.ticks_median),
            signed(moves.ticks_max),
            moves.bps_mean.clone(),
            moves.bps_median.clone(),
            moves.bps_max.clone(),
        ]);
    }
    table
}

fn tiers(summary: &Summary) -> Table {
    let mut table = Table::figures(&[
        "clients, by tier before",
        "requests",
        "quotes before",
        "now",
        "fills before",
        "now",
    ]);
    for (tier, counts) in &summary.tiers {
        let name = match tier {
            &u8::MAX => "unknown clients".to_owned(),
            tier => format!("tier {tier}"),
        };
        table.row([
            name,
            count(counts.requests),
            count(counts.quotes.before),
            count(counts.quotes.now),
            count(counts.fills.before),
            count(counts.fills.now),
        ]);
    }
    table
}

fn holdings(lines: &[HoldingLine]) -> Table {
    let first_epoch = lines.first().map(|line| line.epoch);
    let has_epochs = lines.iter().any(|line| Some(line.epoch) != first_epoch);
    let mut table = Table::figures(&["house", "before", "now", "change"]);
    for line in lines {
        let name = if has_epochs {
            format!("epoch {}, {}", line.epoch, line.instrument)
        } else {
            line.instrument.clone()
        };
        let mid = line.mid.as_deref().unwrap_or("–");
        let known = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".to_owned());
        table.row([
            format!("{name} position"),
            line.position_before.clone(),
            line.position_now.clone(),
            line.position_change.clone(),
        ]);
        table.row([
            format!("{name} cash, {}", line.quote_asset),
            line.cash_before.clone(),
            line.cash_now.clone(),
            line.cash_change.clone(),
        ]);
        table.row([
            format!("{name} profit at {mid}, {}", line.quote_asset),
            known(&line.profit_before),
            known(&line.profit_now),
            known(&line.profit_change),
        ]);
    }
    table
}

fn differences(summary: &Summary, results: &mut Results) -> Result<(), Failure> {
    if summary.differences.is_empty() {
        return Ok(());
    }
    results.line(format_args!(
        "\nThe first {} of {} decisions that differ:",
        summary.differences.len(),
        count(summary.decisions_differing)
    ))?;
    for difference in &summary.differences {
        results.line(format_args!("\n{}", difference.input))?;
        for (world, records) in [("before", &difference.before), ("now", &difference.now)] {
            for record in records {
                results.line(format_args!("  {world:<7}{}", record.trim_start()))?;
            }
        }
    }
    Ok(())
}
