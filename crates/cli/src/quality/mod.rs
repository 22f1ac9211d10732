//! `pinrail quality`: how good quotes, fills and hedges were, from a journal alone.
//!
//! `seen.rs` goes through the records, `inventory.rs` shares the cost of hedges among clients, `tally.rs` has the sums,
//! `report.rs` what is made of them, and `print.rs` shows it.

use pinrail_types::Frame;

use crate::args::{QualityArgs, QualityBy};
use crate::failure::Failure;
use crate::output::{progress, show};

mod inventory;
mod print;
mod report;
mod seen;
mod tally;
#[cfg(test)]
mod tests;

use seen::Seen;

/// Reads a journal from end to end and shows how good its quotes were.
pub(crate) fn main(args: &QualityArgs) -> Result<(), Failure> {
    let by = match args.by {
        Some(by) => vec![by],
        None => vec![QualityBy::Tier, QualityBy::Client],
    };
    let mut reader = args.journal.open()?;
    let mut seen = Seen::by(&by);
    let bar = progress(0, "reading records");
    let mut frame = Frame::default();
    while reader.next(&mut frame)?.is_some() {
        seen.take(&frame);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let report = report::of(&seen, reader.journal_id().to_string());
    show(&args.output, &report, print::print)
}
