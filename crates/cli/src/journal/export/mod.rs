//! `pinrail journal export`: records as tables, for the tools that analysts use.
//!
//! The journal is read twice: first for what a file's schema must say before its first row ([`survey`]), then for the
//! rows, which stream into one file for each type ([`tables`]). Both readings end at the same record, even if the
//! journal is being written.

use pinrail_report::table::{Table, bytes, count};
use pinrail_types::Frame;
use serde::Serialize;

use super::filter::Filter;
use super::print::warn_if_torn;
use crate::args::ExportArgs;
use crate::failure::Failure;
use crate::output::{Results, progress, show};

#[cfg(feature = "parquet")]
mod parquet;
mod survey;
mod tables;
mod target;
mod text;

use survey::Survey;
use tables::{Tables, Written};
use target::Target;

pub(crate) use target::Format;

/// What was exported, as it is printed in JSON.
#[derive(Serialize)]
struct Exported {
    journal_id: String,
    /// Records that were read.
    records: u64,
    /// Those of them that passed the filter, and were written.
    passed: u64,
    /// Where and why the journal ends in something that was never durable.
    torn: Option<String>,
    files: Vec<Written>,
}

/// Writes the records that pass into files, and says how many.
pub(super) fn main(args: &ExportArgs) -> Result<(), Failure> {
    let target = Target::new(args)?;
    let survey = Survey::of(args)?;
    survey.check(target.format)?;
    let mut tables = Tables::new(&target, survey.places);
    let passed = copy(args, &survey, &mut tables)?;
    let exported = Exported {
        journal_id: survey.journal_id,
        records: survey.records,
        passed,
        torn: survey.torn,
        files: tables.finish()?,
    };
    for file in exported.files.iter().filter(|file| file.values_too_large > 0) {
        tracing::warn!(
            "{}: {} values are larger than Parquet's types and are null; CSV and JSON lines hold them",
            file.path,
            file.values_too_large
        );
    }
    show(&args.output, &exported, print)
}

/// Puts the records that pass into the tables, and gives their number.
fn copy(args: &ExportArgs, survey: &Survey, tables: &mut Tables<'_>) -> Result<u64, Failure> {
    let mut reader = args.journal.open()?;
    let mut filter = Filter::new(&args.filter);
    let mut frame = Frame::default();
    let mut exported = 0;
    let bar = progress(survey.records, "exporting records");
    for _ in 0..survey.records {
        if reader.next(&mut frame)?.is_none() {
            return Err(Failure::Data(format!(
                "{} became shorter while it was read",
                args.journal.archive_dir().display()
            )));
        }
        if let Some(decoded) = filter.take(&frame) {
            tables.put(&decoded)?;
            exported += 1;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(exported)
}

fn print(exported: &Exported, results: &mut Results) -> Result<(), Failure> {
    let mut facts = Table::facts(&["journal", &exported.journal_id]);
    facts
        .row(["records read".to_owned(), count(exported.records)])
        .row(["records exported".to_owned(), count(exported.passed)])
        .row(["torn", exported.torn.as_deref().unwrap_or("none")]);
    results.line(facts)?;
    if exported.files.is_empty() {
        return results.line("\nNo file was written, since no record passed.");
    }
    results.line("")?;
    let mut files = Table::figures(&["table", "rows", "size", "values too large", "file"]);
    for file in &exported.files {
        files.row([
            file.table.clone(),
            count(file.rows),
            bytes(file.bytes),
            count(file.values_too_large),
            file.path.clone(),
        ]);
    }
    results.line(files)
}
