//! A journal's inputs through the engine once more: what it makes of them must be what stands there, byte for byte.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use pinrail_engine::{Bounds, Engine, Out, Pricer};
use pinrail_journal::ReadError;
use pinrail_journal::archive::Tail;
use pinrail_types::record::{EpochStart, RuntimeEvent, RuntimeEventKind};
use pinrail_types::{BEHAVIOUR_VERSION, Frame, LINE_WORDS, Record};
use thiserror::Error;
use tracing::warn;

use crate::records::Records;
use crate::snapshot::Snapshot;

mod configured;
mod what_if;

pub use configured::{Configurations, EpochConfiguration};
pub use what_if::{Fate, WhatIf};

/// Poison inputs that a replay passes over at most: it begins again for each.
const POISON_MAX: usize = 256;

/// Why a replay did not come to the end of its journal.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The journal can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The engine made something else of an input than what stands in the journal.
    #[error("replay differs from the journal at sequence {seq}: {difference}", seq = .0.seq, difference = .0)]
    Differs(Box<Difference>),
    /// Another behaviour wrote it: a journal is replayed by the version that wrote it.
    #[error(
        "epoch {epoch}, at sequence {seq}, was written by behaviour version {found}; this program replays {BEHAVIOUR_VERSION}"
    )]
    Behaviour {
        /// Number of the epoch.
        epoch: u32,
        /// Sequence of its first record.
        seq: u64,
        /// The version that it names.
        found: u32,
    },
    /// A snapshot can't be gone on from.
    #[error("the snapshot does not fit the journal: {what}")]
    Snapshot {
        /// Why.
        what: String,
    },
    /// An input is earlier than the one before it.
    #[error("the input at sequence {seq} goes back in time, from {before} to {ts}")]
    TimeWentBack {
        /// Its sequence.
        seq: u64,
        /// Core time of the input before, ns since the Unix epoch.
        before: u64,
        /// Its own.
        ts: u64,
    },
    /// The engine panicked, and what it said stands on stderr; or an input was passed over that the journal does not say is
    /// poison.
    #[error(
        "the engine panics on the input at sequence {seq}, and the journal does not say that it is to be passed over"
    )]
    Panicked {
        /// Its sequence.
        seq: u64,
    },
    /// An epoch of an engine that can't be.
    #[error("the epoch at sequence {seq} has no engine: {what} is out of its range")]
    Bounds {
        /// Sequence of its first record.
        seq: u64,
        /// Which.
        what: &'static str,
    },
    /// The journal, or what is left of it, does not begin with an epoch.
    #[error(
        "the record at sequence {seq} is no start of an epoch: nothing says what engine the journal ran under"
    )]
    NoEpoch {
        /// Sequence of the first record.
        seq: u64,
    },
    /// Retention removed the records that the engine would be made of.
    #[error(
        "the journal begins at sequence {seq}: the records before it were removed, and only a snapshot stands for them; \
         none was asked for (replay --from-snapshot), or none fits"
    )]
    Removed {
        /// Sequence of the first record that is there.
        seq: u64,
    },
}

/// Where a replay and its journal part. At least one of the two records is there.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Sequence at which they differ.
    pub seq: u64,
    /// Position of what stands there in the journal.
    pub position: u64,
    /// The input that both records are answers to.
    pub input: Frame,
    /// What the engine made; none if it made no more of that input.
    pub made: Option<Frame>,
    /// What stands in the journal; none if an input stands there.
    pub found: Option<Frame>,
}

impl core::fmt::Display for Difference {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let input = self.input.header().seq;
        match (&self.made, &self.found) {
            (Some(made), Some(found)) => {
                let at = made
                    .bytes()
                    .iter()
                    .zip(found.bytes())
                    .position(|(made, found)| made != found)
                    .unwrap_or(made.bytes().len().min(found.bytes().len()));
                write!(f, "another output of input {input}, from byte {at} on")
            }
            (Some(_), None) => write!(f, "an output of input {input} is missing in the journal"),
            (None, _) => write!(f, "an output of input {input} that the replay does not make"),
        }
    }
}

/// What a replay went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayCounts {
    /// Inputs that went through the engine.
    pub inputs: u64,
    /// Outputs that were compared and found equal.
    pub outputs: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// Epochs begun.
    pub epochs: u64,
    /// Outputs that a crash cut off at the end of an epoch of playback, and that were not compared.
    pub cut_off: u64,
    /// Inputs passed over because the core that journaled them panicked on them.
    pub poison: u64,
}

/// Runs a journal's inputs through an engine and compares every output.
///
/// An epoch of playback begins with a new engine; one of live trading goes on with the engine of the epoch before, as it
/// did when it was written.
///
/// A **poison** input is one that made the core panic. The start behind it passes it over and says so, with a
/// [`PoisonInput`](RuntimeEventKind::PoisonInput) right behind the start of its epoch; from then on every replay does the same,
/// also of an engine that would no longer panic. Since there is no way back from its effect, the replay begins again for each.
pub struct Replay<P, M> {
    archive_dir: PathBuf,
    live_dir: Option<PathBuf>,
    /// It follows a journal that is being written, up to what is durable.
    follows: bool,
    reader: Records,
    make_pricer: M,
    /// None before the first epoch.
    engine: Option<Engine<P>>,
    epoch_start: Option<EpochStart>,
    /// The last input.
    input: Frame,
    /// What the engine made of it.
    out: Out,
    /// Words of that which were found in the journal.
    matched: usize,
    next: Frame,
    /// Position of what stands in `next` if that was read but is not to be replayed yet.
    held: Option<u64>,
    /// Sequences of inputs to be passed over.
    poison: Vec<u64>,
    /// Why the last of them was added, if not for a panic: what is wrong unless the journal says that it is poison.
    suspect: Option<Box<Difference>>,
    /// This is a start: nobody else writes the journal, and an input at its end that the engine panics on is poison.
    is_start: bool,
    /// Nothing behind this sequence, or later than this core time, is replayed.
    until: (u64, u64),
    last_seq: u64,
    /// Position behind the last record that was replayed.
    position: u64,
    /// Where it began, if not at the first record.
    from: Option<Snapshot>,
    counts: ReplayCounts,
}

impl<P: Pricer, M: FnMut(&Bounds) -> P> Replay<P, M> {
    /// A replay of the archive in `archive_dir`, from its first record, and of what is in `live_dir` if one is given.
    /// `make_pricer` makes the pricer of each new engine; it must be the one that the journal was written with.
    ///
    /// # Errors
    /// As [`archive::Reader::open`](pinrail_journal::archive::Reader::open).
    pub fn open(
        archive_dir: &Path,
        live_dir: Option<&Path>,
        make_pricer: M,
    ) -> Result<Replay<P, M>, ReadError> {
        let reader = Records::whole(archive_dir, live_dir, None)?;
        Ok(Replay::new(archive_dir, live_dir, false, reader, make_pricer))
    }

    /// A replay that follows the journal of these two directories while it is written, up to what is durable: where
    /// [`Replay::step`] gives false there is nothing more for now. `make_pricer` as in [`Replay::open`].
    ///
    /// # Errors
    /// As [`Reader::open`](pinrail_journal::Reader::open).
    pub fn follow(archive_dir: &Path, live_dir: &Path, make_pricer: M) -> Result<Replay<P, M>, ReadError> {
        let reader = Records::durable(archive_dir, live_dir, None)?;
        Ok(Replay::new(
            archive_dir,
            Some(live_dir),
            true,
            reader,
            make_pricer,
        ))
    }

    fn new(
        archive_dir: &Path,
        live_dir: Option<&Path>,
        follows: bool,
        reader: Records,
        make_pricer: M,
    ) -> Replay<P, M> {
        Replay {
            archive_dir: archive_dir.to_owned(),
            live_dir: live_dir.map(Path::to_owned),
            follows,
            position: reader.position(),
            reader,
            make_pricer,
            engine: None,
            epoch_start: None,
            input: Frame::default(),
            out: Out::new(),
            matched: 0,
            next: Frame::default(),
            held: None,
            poison: Vec::new(),
            suspect: None,
            is_start: false,
            until: (u64::MAX, u64::MAX),
            last_seq: 0,
            from: None,
            counts: ReplayCounts::default(),
        }
    }

    /// Passes over an input at the end of the journal that the engine panics on. Only who holds the journal's lock may: else
    /// the core that wrote it may be about to write more.
    pub(crate) fn for_start(mut self) -> Replay<P, M> {
        self.is_start = true;
        self
    }

    /// Ends the replay behind the record with sequence `seq`, or before the first that is later than `ts_core`. To be
    /// called before [`Replay::begin_at_newest`]. A replay that has ended there goes on when it is told a later end.
    pub fn end_at(&mut self, seq: u64, ts_core: u64) {
        self.until = (seq, ts_core);
    }

    /// Begins behind the newest snapshot that fits the journal, instead of at its first record; gives the sequence of the
    /// first record that is to be replayed. One that does not fit is said and left where it is.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn begin_at_newest(&mut self) -> Result<u64, ReplayError> {
        self.begin_below(u64::MAX)
    }

    /// The same, but behind an older one than that it began at: what is behind that did not come out the same.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn begin_at_older(&mut self) -> Result<u64, ReplayError> {
        self.begin_below(self.from.as_ref().map_or(0, |from| from.next_seq))
    }

    fn begin_below(&mut self, end: u64) -> Result<u64, ReplayError> {
        let found = Snapshot::list(&self.archive_dir).unwrap_or_else(|e| {
            warn!("snapshots are not used: {e}");
            Vec::new()
        });
        for (next_seq, path) in found {
            if next_seq >= end || next_seq.saturating_sub(1) > self.until.0 {
                continue;
            }
            let begun = Snapshot::read(&path, self.reader.journal_id())
                .map_err(|e| e.to_string())
                .and_then(|snapshot| self.begin_at(snapshot).map_err(|e| e.to_string()));
            match begun {
                Ok(()) if self.is_before_end() => return Ok(self.next_seq()),
                Ok(()) => {}
                Err(e) => warn!("{} is not used: {e}", path.display()),
            }
        }
        self.begin_at_first()
    }

    /// Whether no record before the place it began at is later than the end. Recorded time begins again with each epoch of
    /// playback, so that in a later one an earlier may have passed the end.
    fn is_before_end(&self) -> bool {
        let begins_time = self
            .epoch_start
            .is_some_and(|start| start.playback != 0 && start.epoch > 1);
        self.until.1 == u64::MAX || self.last_ts() <= self.until.1 && !begins_time
    }

    /// Begins at the first record; gives its sequence.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn begin_at_first(&mut self) -> Result<u64, ReplayError> {
        self.from = None;
        self.poison.clear();
        self.rewind()?;
        Ok(self.next_seq())
    }

    /// Whether it began at the first record.
    pub fn is_at_first(&self) -> bool {
        self.from.is_none()
    }

    /// Begins behind `snapshot`, with the engine that stands in it.
    ///
    /// # Errors
    /// [`ReplayError::Read`] where the journal has no such place; [`ReplayError::Snapshot`] if another epoch wrote that
    /// place: a power cut took the records that it stood for, and others stand there now. The replay begins at the first
    /// record then.
    pub fn begin_at(&mut self, snapshot: Snapshot) -> Result<(), ReplayError> {
        self.from = Some(snapshot);
        self.rewind().inspect_err(|_| self.from = None).or_else(|e| {
            self.rewind()?;
            Err(e)
        })
    }

    /// Goes back to where it began.
    fn rewind(&mut self) -> Result<(), ReplayError> {
        self.out = Out::new();
        self.matched = 0;
        self.held = None;
        self.last_seq = 0;
        self.counts = ReplayCounts::default();
        let Some(from) = &self.from else {
            self.reader = self.records(None)?;
            self.engine = None;
            self.epoch_start = None;
            self.position = self.reader.position();
            return Ok(());
        };
        self.reader = self.records(Some(from.position))?;
        if self.reader.epoch() != Some(from.epoch_start.epoch) || self.reader.next_seq() != from.next_seq {
            return Err(ReplayError::Snapshot {
                what: "the journal holds other records there now".to_owned(),
            });
        }
        let engine = from.engine(&mut self.make_pricer);
        self.engine = Some(engine.map_err(|e| ReplayError::Snapshot { what: e.to_string() })?);
        self.epoch_start = Some(from.epoch_start);
        self.position = from.position;
        Ok(())
    }

    fn records(&self, position: Option<u64>) -> Result<Records, ReadError> {
        match &self.live_dir {
            Some(live_dir) if self.follows => Records::durable(&self.archive_dir, live_dir, position),
            live_dir => Records::whole(&self.archive_dir, live_dir.as_deref(), position),
        }
    }

    /// Takes the next record: an input goes through the engine, an output is compared. False at the end of the journal,
    /// or where the replay is to [end](Replay::end_at).
    ///
    /// # Errors
    /// [`ReplayError`]; the replay is over then.
    #[inline]
    pub fn step(&mut self) -> Result<bool, ReplayError> {
        let position = match self.held.take() {
            Some(position) => position,
            None => match self.reader.next(&mut self.next)? {
                Some(position) => position,
                None => return Ok(false),
            },
        };
        let header = self.next.header();
        if header.seq > self.until.0 || header.ts_core > self.until.1 {
            self.held = Some(position);
            return Ok(false);
        }
        self.counts.bytes += self.next.bytes().len() as u64;
        if self.next.record_type().is_output() {
            self.compare(position)?;
        } else {
            self.take(position)?;
        }
        self.last_seq = self.next.header().seq;
        self.position = self.reader.position();
        Ok(true)
    }

    #[inline]
    fn compare(&mut self, position: u64) -> Result<(), ReplayError> {
        let found = self.next.words();
        let expected = self.out.words().get(self.matched..self.matched + found.len());
        if expected != Some(found) && self.engine.is_none() {
            return Err(self.no_epoch());
        }
        if expected != Some(found) {
            return Err(ReplayError::Differs(self.difference(position, Some(&self.next))));
        }
        self.matched += found.len();
        self.counts.outputs += 1;
        Ok(())
    }

    #[inline]
    fn take(&mut self, position: u64) -> Result<(), ReplayError> {
        let begins_epoch = self.next.record_type() == EpochStart::TYPE;
        if begins_epoch {
            self.begin_epoch()?;
        }
        if self.matched < self.out.words().len() {
            let difference = self.difference(position, None);
            if begins_epoch {
                // Outputs that a crash cut off stand before the start, unless the start passed their input over.
                let seq = self.input.header().seq;
                self.suspect = Some(difference);
                return self.pass_over(seq);
            }
            return Err(ReplayError::Differs(difference));
        }
        if !begins_epoch && self.passes_over_more()? {
            return Ok(());
        }
        let Some(engine) = &mut self.engine else {
            return Err(self.no_epoch());
        };
        let header = self.next.header();
        if header.ts_core < engine.last_ts() {
            return Err(ReplayError::TimeWentBack {
                seq: header.seq,
                before: engine.last_ts(),
                ts: header.ts_core,
            });
        }
        engine.seal(&mut self.out);
        self.matched = 0;
        self.input = self.next;
        if self.poison.contains(&self.input.header().seq) {
            engine.skip(self.input.header());
            self.counts.poison += 1;
            return Ok(());
        }
        let (input, out) = (&self.input, &mut self.out);
        // Engine and outputs are not used again behind a panic.
        if catch_unwind(AssertUnwindSafe(|| engine.on_event(input, out))).is_err() {
            return self.panicked();
        }
        self.counts.inputs += 1;
        Ok(())
    }

    /// Looks at what the journal says of poison: that an input was passed over is said before anything else goes on.
    /// True if the replay began again for what is said here, and has come back to here.
    #[inline]
    fn passes_over_more(&mut self) -> Result<bool, ReplayError> {
        let event = self.next.get::<RuntimeEvent>();
        let named = event.filter(|event| event.kind == RuntimeEventKind::PoisonInput.byte());
        let named = named.map(|event| event.value);
        let untold = self.engine.as_ref().and_then(Engine::poison);
        match (untold, named) {
            (None, None) => Ok(false),
            (Some(seq), Some(named)) if seq == named => {
                self.suspect = None;
                Ok(false)
            }
            (Some(seq), _) => Err(match self.suspect.take() {
                Some(difference) => ReplayError::Differs(difference),
                None => ReplayError::Panicked { seq },
            }),
            (None, Some(named)) if self.poison.contains(&named) => Ok(false),
            (None, Some(named)) => self.pass_over(named).map(|()| true),
        }
    }

    /// Finds out whether the last input is poison.
    #[cold]
    fn panicked(&mut self) -> Result<(), ReplayError> {
        let seq = self.input.header().seq;
        let is_poison = match self.reader.next(&mut self.next)? {
            Some(_) => self.next.record_type() == EpochStart::TYPE,
            None => self.is_start,
        };
        if is_poison {
            self.next = self.input;
            self.pass_over(seq)
        } else {
            self.engine = None;
            Err(ReplayError::Panicked { seq })
        }
    }

    /// Begins again, without the input at `seq`, and comes back to the record that was taken last.
    #[cold]
    fn pass_over(&mut self, seq: u64) -> Result<(), ReplayError> {
        let back_to = self.next.header().seq;
        let from_seq = self.from.as_ref().map_or(0, |from| from.next_seq);
        if self.poison.len() == POISON_MAX || self.poison.contains(&seq) || seq < from_seq {
            return Err(ReplayError::Panicked { seq });
        }
        self.poison.push(seq);
        self.rewind()?;
        while self.reader.next_seq() <= back_to && self.step()? {}
        Ok(())
    }

    /// Why nothing can be made of the first record.
    #[cold]
    fn no_epoch(&self) -> ReplayError {
        match self.next.header().seq {
            seq @ 1 => ReplayError::NoEpoch { seq },
            seq => ReplayError::Removed { seq },
        }
    }

    #[cold]
    fn begin_epoch(&mut self) -> Result<(), ReplayError> {
        let seq = self.next.header().seq;
        let Some(start) = self.next.get::<EpochStart>() else {
            return Err(ReplayError::NoEpoch { seq });
        };
        if start.behaviour_version != BEHAVIOUR_VERSION {
            return Err(ReplayError::Behaviour {
                epoch: start.epoch,
                seq,
                found: start.behaviour_version,
            });
        }
        if start.playback == 0 && self.engine.is_none() && seq > 1 {
            return Err(ReplayError::Removed { seq });
        }
        self.counts.epochs += 1;
        self.epoch_start = Some(*start);
        if start.playback != 0 || self.engine.is_none() {
            let bounds = Bounds::of(start);
            bounds.check().map_err(|what| ReplayError::Bounds { seq, what })?;
            self.counts.cut_off += self.missing().count() as u64;
            self.engine = Some(Engine::new(bounds, (self.make_pricer)(&bounds)));
            self.out = Out::new();
            self.matched = 0;
        }
        Ok(())
    }

    #[cold]
    fn difference(&self, position: u64, found: Option<&Frame>) -> Box<Difference> {
        let made = self.missing().next().map(|words| {
            let mut made = Frame::default();
            made.buffer_mut()[..words.len()].copy_from_slice(words);
            made
        });
        Box::new(Difference {
            seq: self.next.header().seq,
            position,
            input: self.input,
            made,
            found: found.copied(),
        })
    }

    /// Outputs of the last input that were not found in the journal. At its end these are what a crash cut off between
    /// an input and its outputs.
    pub fn missing(&self) -> impl Iterator<Item = &[u64]> {
        let mut rest = &self.out.words()[self.matched..];
        core::iter::from_fn(move || {
            let lines = (*rest.first()? & 0xf) as usize;
            let (record, after) = rest.split_at(lines * LINE_WORDS);
            rest = after;
            Some(record)
        })
    }

    /// The last input.
    pub fn input(&self) -> &Frame {
        &self.input
    }

    /// What the engine made of it.
    pub fn out(&self) -> &Out {
        &self.out
    }

    /// What it went through so far.
    pub fn counts(&self) -> ReplayCounts {
        self.counts
    }

    /// How the last epoch began.
    pub fn epoch_start(&self) -> Option<&EpochStart> {
        self.epoch_start.as_ref()
    }

    /// The engine as it stands behind the last input; none before the first.
    pub fn engine(&self) -> Option<&Engine<P>> {
        self.engine.as_ref()
    }

    /// A snapshot behind the last input, if all its outputs were found in the journal, for a replay that goes on. None before
    /// the first epoch, in a segment of an epoch that has not begun, or where [`Replay::tail`] is known.
    pub fn snapshot(&mut self) -> Option<Snapshot> {
        let start = self.epoch_start?;
        if self.missing().next().is_some() || self.reader.epoch() != Some(start.epoch) {
            return None;
        }
        let engine = self.engine.as_mut()?;
        engine.seal(&mut self.out);
        self.matched = 0;
        let id = self.reader.journal_id();
        Some(Snapshot::of(engine, id, &start, self.position))
    }

    /// Ends the replay: a snapshot behind the last input and all its outputs, whether they were read already or not; none
    /// before the first epoch.
    pub fn into_snapshot(self) -> Option<Snapshot> {
        let missing: usize = self.missing().map(<[u64]>::len).sum();
        let position = self.position + 8 * missing as u64;
        let (id, start) = (self.reader.journal_id(), self.epoch_start?);
        let mut engine = self.into_engine()?;
        Some(Snapshot::of(&mut engine, id, &start, position))
    }

    /// Ends the replay: the engine, the outputs of the last input folded into its hash.
    pub fn into_engine(mut self) -> Option<Engine<P>> {
        if let Some(engine) = &mut self.engine {
            engine.seal(&mut self.out);
        }
        self.engine
    }

    /// Core time of the last input.
    pub fn last_ts(&self) -> u64 {
        self.engine.as_ref().map_or(0, Engine::last_ts)
    }

    /// How the journal ends, once [`Replay::step`] has given false.
    pub fn tail(&self) -> Option<&Tail> {
        self.reader.tail()
    }

    /// Sequence of the last record that was replayed; zero if none was.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Position behind the last record that was replayed.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Sequence of the next record to be replayed.
    pub fn next_seq(&self) -> u64 {
        match self.held {
            Some(_) => self.next.header().seq,
            None => self.reader.next_seq(),
        }
    }

    /// Position of the next record to be replayed.
    pub fn next_position(&self) -> u64 {
        self.held.unwrap_or(self.reader.position())
    }

    /// Whether there are records behind where it is to [end](Replay::end_at), once [`Replay::step`] has given false.
    pub fn goes_on(&self) -> bool {
        self.held.is_some()
    }
}
