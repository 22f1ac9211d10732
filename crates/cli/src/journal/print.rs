//! `pinrail journal dump` and `tail`: records, one a line.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use pinrail_journal::archive::{self, Tail};
use pinrail_journal::{From, Reader};
use pinrail_types::Frame;

use super::filter::Filter;
use crate::args::{DumpArgs, Output, TailArgs};
use crate::decode::Decoded;
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Results;

/// How long a tail that has read everything waits.
const WAIT: Duration = Duration::from_millis(5);

/// Prints a journal from end to end. What is before a damaged place is printed before it is reported.
pub(super) fn dump(args: &DumpArgs) -> Result<(), Failure> {
    let mut reader = args.journal.open()?;
    let mut filter = Filter::new(&args.filter);
    let mut results = Results::new();
    let mut frame = Frame::default();
    loop {
        match reader.next(&mut frame) {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => {
                results.flush()?;
                return Err(error.into());
            }
        }
        if let Some(decoded) = filter.take(&frame) {
            print(&mut results, &decoded, &args.output)?;
        }
        if filter.is_done(frame.header().seq) {
            break;
        }
    }
    warn_if_torn(&reader);
    results.flush()
}

/// Says so if the journal that was read ends in something that was never durable.
pub(super) fn warn_if_torn(reader: &archive::Reader) {
    if let Some(Tail::Torn(torn)) = reader.tail() {
        tracing::warn!(
            "{} is torn at byte {} (sequence {}): {}; what follows was never durable",
            torn.path.display(),
            torn.offset,
            torn.seq,
            torn.what
        );
    }
}

/// Follows a journal until it is interrupted.
pub(super) fn tail(args: &TailArgs) -> Result<(), Failure> {
    let interrupted = interrupt::flag()?;
    // Always from the start: the definitions that later records name stand there.
    let mut reader = Reader::open(&args.live, &args.place.archive_dir, From::Start)?;
    let seen_already = if args.from_start {
        0
    } else {
        reader.control().committed_seq()
    };
    let mut filter = Filter::new(&args.filter);
    let mut results = Results::new();
    let mut frame = Frame::default();
    while !interrupted.load(Ordering::Relaxed) {
        if !reader.poll(&mut frame)? {
            results.flush()?;
            thread::sleep(WAIT);
            continue;
        }
        let seq = frame.header().seq;
        if seq <= seen_already {
            filter.learn(&frame);
        } else if let Some(decoded) = filter.take(&frame) {
            print(&mut results, &decoded, &args.output)?;
        }
        if filter.is_done(seq) || (seq > seen_already && filter.is_behind(frame.header())) {
            break;
        }
    }
    results.flush()
}

fn print(results: &mut Results, decoded: &Decoded, output: &Output) -> Result<(), Failure> {
    if output.json {
        results.json(decoded)
    } else {
        results.line(decoded)
    }
}
