//! `pinrail doctor`.

use std::path::Path;

use pinrail_report::table::Table;
use pinrail_runtime::doctor::{self, Severity};

use crate::args::Output;
use crate::failure::Failure;
use crate::output::Results;

/// Prints what this machine is like. What hurts is a warning and no failure.
pub(crate) fn main(args: &Output) -> Result<(), Failure> {
    let findings = doctor::examine(Path::new("/"));
    let mut results = Results::new();
    if args.json {
        results.json(&findings)?;
        return results.flush();
    }
    let mut table = Table::facts(&["", "what", "found"]);
    for finding in &findings {
        let mark = match finding.severity {
            Severity::Ok => "ok",
            Severity::Warn => "warn",
        };
        table.row([mark, finding.name, &finding.value]);
    }
    results.line(table)?;
    for finding in &findings {
        if let Some(advice) = finding.advice {
            results.line(format_args!("{}: {advice}", finding.name))?;
        }
    }
    results.flush()
}
