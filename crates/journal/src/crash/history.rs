//! The life of a small journal, drawn from a seed: records, batches, segments, closes, kills and starts, all of it done by
//! the real writer, preparer, archiver and recovery. What they did to the archive is recorded.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pinrail_types::{Commit, Flags, Frame, LINE_BYTES, RecordType};
use rand_core::Rng;
use tempfile::TempDir;

use super::tap::{self, Entry, Fault, Killed};
use super::{Random, choose, random};
use crate::format::{Meta, SEGMENT_BYTES_MIN};
use crate::{ArchiverStatus, Control, Journal, JournalConfig, JournalError, SyncPolicy};

/// What may happen in a history.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Mixed into what records hold, but not into their lengths.
    pub(crate) content: u64,
    /// What the archive knows of epochs before; `None` for a new journal.
    pub(crate) before: Option<Meta>,
    /// Whether a kill may take the live segments with it, as when a container is thrown away.
    pub(crate) live_may_be_lost: bool,
    pub(crate) fault: Option<Fault>,
}

/// What happened.
pub(crate) struct History {
    pub(crate) entries: Vec<Entry>,
    /// What was promised at the end.
    pub(crate) durable: u64,
    pub(crate) epoch: u32,
    /// For each phase, one start to the next, what the journal holds at its end, all of it.
    pub(crate) truths: Vec<Vec<Frame>>,
    /// The record that a killed writer was writing.
    pub(crate) in_flight: Option<Frame>,
    pub(crate) events: u64,
    pub(crate) calls: u64,
    /// Whether the fault came.
    pub(crate) struck: bool,
    pub(crate) dirs: Dirs,
}

/// A place for a journal, in shared memory if there is one.
pub(crate) struct Dirs {
    place: TempDir,
}

impl Dirs {
    pub(crate) fn new() -> Dirs {
        let shared = Path::new("/dev/shm");
        let place = if shared.is_dir() {
            tempfile::tempdir_in(shared)
        } else {
            tempfile::tempdir()
        };
        let place = place.expect("a directory");
        std::fs::create_dir(place.path().join("archive")).expect("a directory");
        Dirs { place }
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.place.path().join("archive")
    }

    pub(crate) fn live(&self) -> PathBuf {
        self.place.path().join("live")
    }

    pub(crate) fn config(&self) -> JournalConfig {
        JournalConfig {
            segment_bytes: SEGMENT_BYTES_MIN,
            ..JournalConfig::new(self.archive(), self.live())
        }
    }
}

/// Record `seq` of a history with this seed.
pub(crate) fn record(seq: u64, seed: u64, content: u64) -> Frame {
    let mut draws = random(seq ^ seed.rotate_left(17) ^ content.rotate_left(40));
    // Lengths do not depend on the content, so that another epoch's bytes stand at the same places.
    let lines = 1 + choose(&mut random(seq ^ seed), 4);
    let mut frame = Frame::default();
    for word in &mut frame.buffer_mut()[..lines * 8] {
        *word = draws.next_u64();
    }
    let header = frame.header_mut();
    header.commit = Commit {
        lines: lines as u8,
        version: 0,
        flags: Flags::NONE,
        record_type: RecordType(0x8001),
    }
    .pack();
    header.crc = 0;
    header.seq = seq;
    frame
}

/// Bytes of `records`.
pub(crate) fn length(records: &[Frame]) -> u64 {
    records.iter().map(|frame| frame.bytes().len() as u64).sum()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    Close,
    Kill,
    LoseLive,
}

struct Run<'a> {
    plan: Plan,
    draws: Random,
    dirs: &'a Dirs,
    config: JournalConfig,
    truth: Vec<Frame>,
    truths: Vec<Vec<Frame>>,
    in_flight: Option<Frame>,
}

/// Lives through `plan`.
///
/// # Errors
/// Which rule was broken on the way. That a fault stops the archiver is no such rule.
pub(crate) fn live(plan: Plan) -> Result<History, String> {
    let dirs = Dirs::new();
    let mut draws = random(plan.seed);
    let sync = match choose(&mut draws, 2) {
        0 => SyncPolicy::EachBatch,
        _ => SyncPolicy::Lazy {
            bytes_max: 200 + choose(&mut draws, 2500) as u64,
            age_max: Duration::from_hours(9),
        },
    };
    if let Some(meta) = plan.before {
        std::fs::write(dirs.archive().join("meta"), bytemuck::bytes_of(&meta)).map_err(|e| e.to_string())?;
    }
    let mut run = Run {
        plan,
        draws,
        dirs: &dirs,
        config: JournalConfig {
            sync,
            ..dirs.config()
        },
        truth: Vec::new(),
        truths: Vec::new(),
        in_flight: None,
    };
    tap::start(&dirs.archive(), &dirs.live(), plan.fault);
    let lived = catch_unwind(AssertUnwindSafe(|| run.phases()));
    let recorder = tap::stop();
    match lived {
        Ok(lived) => lived?,
        Err(killed) if killed.is::<Killed>() => {}
        Err(panicked) => resume_unwind(panicked),
    }
    run.truths.push(run.truth);
    let (truths, in_flight) = (run.truths, run.in_flight);
    Ok(History {
        entries: recorder.entries,
        durable: recorder.durable,
        epoch: recorder.epoch,
        truths,
        in_flight,
        events: recorder.events,
        calls: recorder.calls,
        struck: recorder.struck,
        dirs,
    })
}

impl Run<'_> {
    fn phases(&mut self) -> Result<(), String> {
        let mut left = Leave::Close;
        for _ in 0..=choose(&mut self.draws, 4) {
            let mut journal = self.open(left)?;
            left = match choose(&mut self.draws, 3) {
                0 => Leave::Close,
                1 if self.plan.live_may_be_lost => Leave::LoseLive,
                _ => Leave::Kill,
            };
            let works = self.work(&mut journal)?;
            match left {
                Leave::Close if works => {
                    journal.writer.finish(1);
                    if let Err(e) = journal.archiver.finish() {
                        self.expected(&e)?;
                    }
                }
                _ => drop(journal),
            }
            if left == Leave::LoseLive {
                tap::with(tap::Recorder::lost_live);
                std::fs::remove_dir_all(self.dirs.live()).map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }

    /// An error is a broken rule, unless a fault was asked for.
    fn expected(&self, e: &JournalError) -> Result<(), String> {
        match self.plan.fault {
            Some(Fault::Fail { .. }) if tap::with(|recorder| recorder.struck) == Some(true) => Ok(()),
            _ => Err(e.to_string()),
        }
    }

    fn open(&mut self, left: Leave) -> Result<Journal, String> {
        let opened = match crate::open(&self.config) {
            Err(e) => {
                self.expected(&e)?;
                crate::open(&self.config)
            }
            opened => opened,
        };
        let journal = opened.map_err(|e| format!("a start is refused: {e}"))?;
        let found = journal.recovered.next_seq - 1;
        let (told, told_epoch) = tap::with(|recorder| (recorder.durable, recorder.epoch)).unwrap_or_default();
        if left == Leave::LoseLive {
            let lost = self.truth.split_off((found as usize).min(self.truth.len()));
            if journal.recovered.position < told {
                return Err(format!("{} records lost, some durable", lost.len()));
            }
        }
        if found != self.truth.len() as u64 || journal.recovered.position != length(&self.truth) {
            return Err(format!(
                "a start finds {found} records after {left:?}, not {}",
                self.truth.len()
            ));
        }
        if journal.recovered.epoch <= told_epoch {
            return Err(format!("epoch {told_epoch} is given out again"));
        }
        if told > journal.recovered.position {
            return Err("the durable position goes back".into());
        }
        self.truths.push(self.truth.clone());
        tap::with(|recorder| recorder.phase += 1);
        Ok(journal)
    }

    /// Appends and archives; whether the archiver still works.
    fn work(&mut self, journal: &mut Journal) -> Result<bool, String> {
        let mut works = true;
        let steps = if choose(&mut self.draws, 4) == 0 { 70 } else { 22 };
        for _ in 0..3 + choose(&mut self.draws, steps) {
            match choose(&mut self.draws, 8) {
                0 => self.prepare(journal)?,
                1..=3 if works => works = self.archive(journal)?,
                _ => {
                    for _ in 0..=choose(&mut self.draws, 9) {
                        self.append(journal, &mut works)?;
                    }
                }
            }
        }
        if !works {
            self.stays_failed(journal)?;
        }
        Ok(works)
    }

    fn append(&mut self, journal: &mut Journal, works: &mut bool) -> Result<(), String> {
        let seq = journal.writer.next_seq();
        let frame = record(
            seq,
            self.plan.seed,
            self.plan.content + u64::from(journal.writer.epoch()),
        );
        while journal.writer.room().normal < frame.bytes().len() / LINE_BYTES {
            if !*works {
                return Ok(());
            }
            *works = self.archive(journal)?;
            self.prepare(journal)?;
        }
        self.in_flight = Some(frame);
        journal.writer.append(frame.words());
        self.truth.push(frame);
        self.in_flight = None;
        Ok(())
    }

    fn prepare(&mut self, journal: &mut Journal) -> Result<(), String> {
        match journal.preparer.do_work() {
            Err(e) => self.expected(&e),
            Ok(_) => Ok(()),
        }
    }

    fn archive(&mut self, journal: &mut Journal) -> Result<bool, String> {
        match journal.archiver.do_work() {
            Err(e) => self.expected(&e).map(|()| false),
            Ok(_) => Ok(true),
        }
    }

    /// An archiver that failed once says so and tries nothing.
    fn stays_failed(&self, journal: &mut Journal) -> Result<(), String> {
        let control = Control::open(&self.dirs.live()).map_err(|e| e.to_string())?;
        let before = (
            control.durable_position(),
            tap::with(|recorder| recorder.calls),
            ArchiverStatus::Failed,
        );
        let again = journal.archiver.do_work();
        let after = (
            control.durable_position(),
            tap::with(|recorder| recorder.calls),
            control.archiver_status(),
        );
        if !matches!(again, Err(JournalError::DurabilityLost { .. })) || before != after {
            return Err(format!(
                "the archiver goes on after it failed: {again:?}, {before:?}, {after:?}"
            ));
        }
        Ok(())
    }
}
