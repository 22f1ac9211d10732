//! `pinrail journal compress`.

use std::path::PathBuf;

use pinrail_journal::archive;
use pinrail_report::table::{Table, bytes, count};
use serde::Serialize;

use crate::args::CompressArgs;
use crate::failure::Failure;
use crate::output::{Results, progress, show};

/// What was compressed, as it is printed in JSON.
#[derive(Serialize)]
struct Summary {
    segments: Vec<Segment>,
    bytes_before: u64,
    bytes_after: u64,
}

#[derive(Serialize)]
struct Segment {
    #[serde(rename = "segment")]
    number: u64,
    file: PathBuf,
    bytes_before: u64,
    bytes_after: u64,
    /// The plain file is still there, since somebody reads it.
    held: bool,
}

/// Compresses an archive and prints what that saves.
pub(super) fn main(args: &CompressArgs) -> Result<(), Failure> {
    let bar = progress(0, "compressing");
    let compressed = archive::compress(&args.place.archive_dir, args.keep, args.level, |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let segments: Vec<Segment> = compressed?
        .into_iter()
        .map(|segment| Segment {
            number: segment.segment,
            file: segment.path,
            bytes_before: segment.bytes_before,
            bytes_after: segment.bytes_after,
            held: segment.is_held,
        })
        .collect();
    let summary = Summary {
        bytes_before: segments.iter().map(|segment| segment.bytes_before).sum(),
        bytes_after: segments.iter().map(|segment| segment.bytes_after).sum(),
        segments,
    };
    show(&args.output, &summary, print)
}

fn print(summary: &Summary, results: &mut Results) -> Result<(), Failure> {
    let held = summary.segments.iter().filter(|segment| segment.held).count();
    let mut table = Table::facts(&["compressed", ""]);
    table.row(["segments", &count(summary.segments.len() as u64)]);
    table.row(["size before", &bytes(summary.bytes_before)]);
    table.row(["size after", &bytes(summary.bytes_after)]);
    if summary.bytes_before > 0 {
        let share = 100.0 * summary.bytes_after as f64 / summary.bytes_before as f64;
        table.row(["share", &format!("{share:.1} %")]);
    }
    if held > 0 {
        table.row([
            "plain files that somebody reads: they stay until the next time",
            &count(held as u64),
        ]);
    }
    results.line(&table)
}
