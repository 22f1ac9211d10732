//! What several commands show in the same way.

use std::collections::BTreeMap;

use pinrail_journal::archive::Torn;
use pinrail_report::table::{Table, count};

use crate::desk::tally::Tally;

/// Tables of what a journal holds: records by type, what was refused and why, positions.
pub(crate) fn tally_tables(tally: &Tally) -> Vec<Table> {
    let mut tables = vec![counts("records in the journal", &tally.records)];
    for (title, reasons) in [
        ("requests refused, by reason", &tally.request_rejects),
        ("quotes ended without a fill, by reason", &tally.quote_ends),
        ("accepts refused, by reason", &tally.order_rejects),
        ("inputs refused, by reason", &tally.input_rejects),
    ] {
        if !reasons.is_empty() {
            tables.push(counts(title, reasons));
        }
    }
    if !tally.positions.is_empty() {
        let mut table = Table::figures(&["house position", "quantity"]);
        for line in &tally.positions {
            table.row([&line.symbol, &line.position]);
        }
        tables.push(table);
    }
    tables
}

fn counts(title: &str, counts: &BTreeMap<String, u64>) -> Table {
    let mut table = Table::figures(&[title, "count"]);
    for (name, n) in counts {
        table.row([name.clone(), count(*n)]);
    }
    table
}

/// Where and why an archive ends in something that was never durable.
pub(crate) fn torn_at(torn: &Torn) -> String {
    format!("{} at byte {}: {}", torn.path.display(), torn.offset, torn.what)
}
