//! `pinrail reasons`.

use pinrail_report::table::Table;
use pinrail_types::Reason;
use serde::Serialize;

use crate::args::Output;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Row {
    code: u16,
    name: String,
    meaning: &'static str,
    rule: &'static str,
}

/// Prints every reason code with its meaning and the rule behind it.
pub(crate) fn main(args: &Output) -> Result<(), Failure> {
    let row = |reason: &Reason| Row {
        code: reason.code(),
        name: format!("{reason:?}"),
        meaning: reason.meaning(),
        rule: reason.rule(),
    };
    let rows: Vec<Row> = Reason::ALL.iter().map(row).collect();
    output::show(args, &rows, |rows, results| {
        let mut table = Table::facts(&["code", "name", "meaning", "rule"]);
        for row in rows {
            table.row([&row.code.to_string(), &row.name, row.meaning, row.rule]);
        }
        results.line(table)
    })
}
