//! What must hold of whatever a crash left: the reader and the start are let loose on it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pinrail_types::Frame;

use super::history::{Dirs, length, record};
use super::model::Image;
use super::{Random, choose};
use crate::archive::{self, Tail};
use crate::{JournalError, ReadError};

/// What had been promised when the crash came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Promise<'a> {
    /// What was written, in order.
    pub(crate) truth: &'a [Frame],
    /// A record that was being written.
    pub(crate) in_flight: Option<&'a Frame>,
    /// Position before which everything must be there.
    pub(crate) durable: u64,
    /// Last epoch that was given out.
    pub(crate) epoch: u32,
    /// How many records retention may have removed from the front.
    pub(crate) gone_max: usize,
}

/// What is asked of a crash's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A start and a reader take it.
    Taken,
    /// They take it, and nothing is torn.
    TakenClean,
    /// They take it, or refuse a version that they do not know: a bit of what was being written was changed.
    TakenOrUnknownVersion,
    /// They take it, or refuse a segment of another journal: its bytes stand where something was being written.
    TakenOrForeign,
    /// Durable bytes were changed: refused, or a tear behind this position.
    Damaged { vouched: u64 },
    /// Refused, whatever else.
    Refused,
}

/// How it came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Clean,
    Torn,
    Refused,
}

struct Read {
    records: usize,
    position: u64,
    tail: Tail,
}

/// Reads all of the archive, and what is live.
///
/// # Errors
/// Outer: a wrong record. Inner: what the reader refused.
fn read(dirs: &Dirs, promise: &Promise<'_>) -> Result<Result<Read, ReadError>, String> {
    let live = dirs.live();
    let live = live.exists().then_some(live.as_path());
    let mut frame = Frame::default();
    let mut records = 0;
    let mut reader = match archive::Reader::open(&dirs.archive(), live) {
        Ok(reader) => reader,
        Err(ReadError::NoJournal { .. }) if promise.epoch == 0 => {
            return Ok(Ok(Read {
                records,
                position: 0,
                tail: Tail::Clean,
            }));
        }
        Err(e) => return Ok(Err(e)),
    };
    if reader.header().is_some() {
        records = reader.next_seq() as usize - 1;
    }
    if records > promise.gone_max {
        return Err(format!("the first {records} records are gone"));
    }
    loop {
        match reader.next(&mut frame) {
            Err(e) => return Ok(Err(e)),
            Ok(None) => break,
            Ok(Some(_)) => {}
        }
        let expected = promise.truth.get(records).or_else(|| {
            let in_flight = promise.in_flight.filter(|_| records == promise.truth.len());
            in_flight.filter(|frame| frame.header().seq == records as u64 + 1)
        });
        if expected.map(Frame::words) != Some(frame.words()) {
            return Err(format!(
                "wrong record {}: {:x?}",
                records + 1,
                &frame.words()[..2]
            ));
        }
        records += 1;
    }
    let (position, tail) = (reader.position(), reader.tail().expect("the end").clone());
    Ok(Ok(Read {
        records,
        position,
        tail,
    }))
}

/// Lets readers and starts loose on an image that a power cut left.
///
/// # Errors
/// Which rule was broken.
pub(crate) fn image(
    image: &Image,
    promise: &Promise<'_>,
    rule: Rule,
    draws: &mut Random,
) -> Result<Ended, String> {
    let dirs = place(image);
    checked(|| crashed(&dirs, promise, rule, draws))
}

/// Puts an image where the journal reads it.
pub(crate) fn place(image: &Image) -> Dirs {
    let dirs = Dirs::new();
    for (name, bytes) in image {
        std::fs::write(dirs.archive().join(name), bytes).expect("room for an image");
    }
    dirs
}

/// Runs a check, a panic in which is a broken rule.
pub(crate) fn checked<T>(check: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panicked| {
        let said = panicked.downcast_ref::<String>().cloned();
        Err(format!("panicked: {}", said.unwrap_or_default()))
    })
}

/// Lets readers and starts loose on what a crash left.
///
/// # Errors
/// Which rule was broken.
pub(crate) fn crashed(
    dirs: &Dirs,
    promise: &Promise<'_>,
    rule: Rule,
    draws: &mut Random,
) -> Result<Ended, String> {
    let first = judge(read(dirs, promise)?, promise, rule)?;
    let journal = match crate::open(&dirs.config()) {
        Ok(journal) => journal,
        Err(e) if may_refuse(rule, &e) => return Ok(Ended::Refused),
        Err(e) => return Err(format!("a start is refused: {e}")),
    };
    if rule == Rule::Refused {
        return Err("a start takes it".into());
    }
    let recovered = journal.recovered.clone();
    let found = recovered.next_seq as usize - 1;
    if let Some(first) = &first {
        if (found, recovered.position) != (first.records, first.position) {
            return Err(format!(
                "the reader finds {} records, a start {found}",
                first.records
            ));
        }
        if recovered.torn.is_some() != (first.tail != Tail::Clean) {
            return Err(format!(
                "the reader finds {:?}, a start {:?}",
                first.tail, recovered.torn
            ));
        }
    }
    if recovered.position < floor(promise, rule) {
        return Err(format!("a start finds only {found} records"));
    }
    if recovered.epoch <= promise.epoch {
        return Err(format!("epoch {} is given out again", recovered.epoch));
    }
    let mut journal = journal;
    if choose(draws, 2) == 0 {
        drop(journal);
        journal = crate::open(&dirs.config()).map_err(|e| format!("the second start is refused: {e}"))?;
        let again = &journal.recovered;
        if (again.next_seq, again.position) != (recovered.next_seq, recovered.position) {
            return Err("the second start finds another end".into());
        }
        if again.epoch <= recovered.epoch {
            return Err("the second start has the same epoch".into());
        }
    }
    if first.is_none() {
        // The start looks at the last segment only; who reads all of it must still see what is wrong.
        drop(journal);
        judge(read(dirs, promise)?, promise, rule)?;
        return Ok(Ended::Refused);
    }
    let mut truth: Vec<Frame> = promise.truth[..found.min(promise.truth.len())].to_vec();
    if found > truth.len() {
        truth.extend(promise.in_flight);
    }
    go_on(dirs, journal, (truth, promise.gone_max), draws)?;
    Ok(match recovered.torn {
        None => Ended::Clean,
        Some(_) => Ended::Torn,
    })
}

/// Writes more behind what was found, and reads all of it.
fn go_on(
    dirs: &Dirs,
    mut journal: crate::Journal,
    (mut truth, gone_max): (Vec<Frame>, usize),
    draws: &mut Random,
) -> Result<(), String> {
    let epoch = journal.writer.epoch();
    for _ in 0..choose(draws, 30) {
        let frame = record(journal.writer.next_seq(), u64::from(epoch), 0xfeed);
        if journal.writer.room().normal < 4 {
            journal.archiver.do_work().map_err(|e| e.to_string())?;
            journal.preparer.do_work().map_err(|e| e.to_string())?;
        }
        journal.writer.append(frame.words());
        truth.push(frame);
    }
    let closes = choose(draws, 2) == 0;
    if closes {
        journal.writer.finish(1);
        journal.archiver.finish().map_err(|e| e.to_string())?;
    } else {
        journal.archiver.do_work().map_err(|e| e.to_string())?;
    }
    let promise = Promise {
        truth: &truth,
        in_flight: None,
        durable: length(&truth),
        epoch,
        gone_max,
    };
    judge(read(dirs, &promise)?, &promise, Rule::TakenClean).map_err(|e| format!("going on: {e}"))?;
    Ok(())
}

/// Position before which nothing may be missing.
fn floor(promise: &Promise<'_>, rule: Rule) -> u64 {
    match rule {
        Rule::Damaged { vouched } => vouched,
        Rule::Refused => 0,
        _ => promise.durable,
    }
}

fn may_refuse(rule: Rule, e: &JournalError) -> bool {
    match rule {
        Rule::Taken | Rule::TakenClean => false,
        Rule::TakenOrUnknownVersion => matches!(e, JournalError::Read(ReadError::Unsupported { .. })),
        Rule::TakenOrForeign => matches!(
            e,
            JournalError::Read(ReadError::Corrupt {
                what: "segment of another journal",
                ..
            })
        ),
        Rule::Damaged { .. } | Rule::Refused => matches!(e, JournalError::Read(_)),
    }
}

/// What was read, if the rule lets it be read; `None` if it was refused and may be.
fn judge(read: Result<Read, ReadError>, promise: &Promise<'_>, rule: Rule) -> Result<Option<Read>, String> {
    match read {
        Err(e) => {
            let told = e.to_string();
            if may_refuse(rule, &e.into()) {
                Ok(None)
            } else {
                Err(format!("the reader refuses: {told}"))
            }
        }
        Ok(_) if rule == Rule::Refused => Err("the reader takes it".into()),
        Ok(read) if read.position < floor(promise, rule) => Err(format!(
            "the reader finds {} bytes in {} records, {} were durable",
            read.position,
            read.records,
            floor(promise, rule)
        )),
        Ok(read) if rule == Rule::TakenClean && read.tail != Tail::Clean => {
            Err(format!("torn, though nothing was: {:?}", read.tail))
        }
        Ok(read) => Ok(Some(read)),
    }
}
