//! `pinrail run`.

use pinrail_report::table::{Table, bytes, count, ns};

use crate::args::RunArgs;
use crate::config::{Clock, Config};
use crate::desk::playback::{self, Summary};
use crate::failure::Failure;
use crate::output::{Results, show};
use crate::show::tally_tables;

/// Plays what the configuration names.
pub(crate) fn main(args: &RunArgs) -> Result<(), Failure> {
    let config = Config::load(&args.config)?;
    if config.core.clock == Clock::Live {
        return Err(Failure::Usage(format!(
            "{}: core.clock is \"live\", which needs live venues; expected \"playback\"",
            args.config.display()
        )));
    }
    let summary = playback::run(&config, args.speed)?;
    show(&args.output, &summary, print)
}

fn print(summary: &Summary, results: &mut Results) -> Result<(), Failure> {
    let mut table = Table::facts(&["played", ""]);
    table.row(["recorded time", &ns(summary.recorded_ns)]);
    table.row(["wall-clock time", &ns(summary.elapsed_ns)]);
    table.row(["records a second", &count(summary.records_per_s)]);
    table.row([
        "venue tops that the books were compared with",
        &count(summary.tops_compared),
    ]);
    table.row(["journal", &summary.journal_dir.display().to_string()]);
    table.row(["journal epoch", &summary.epoch.to_string()]);
    table.row(["journal bytes", &bytes(summary.journal.bytes)]);
    table.row(["content hash", &summary.journal.content_hash]);
    table.row(["output hash", &summary.output_hash]);
    results.line(&table)?;
    for table in tally_tables(&summary.journal) {
        results.line("")?;
        results.line(&table)?;
    }
    Ok(())
}
