//! A core that is stepped by hand on simulated time, and its journal.

use std::path::{Path, PathBuf};

use pinrail_engine::{Bounds, Engine};
use pinrail_journal::{Archiver, From, Journal, JournalConfig, Preparer, Reader, SyncPolicy};
use pinrail_ring::{Class, Producer};
use pinrail_runtime::{Inlet, Playback, Replay, Role};
use pinrail_types::{Cause, Frame, SourceId};

use crate::desk::rig::{RigError, Scratch};
use crate::failure::Failure;
use crate::model::{Model, make_model};

/// Records from one turn of the journal's helpers to the next; far less than a segment.
const RECORDS_PER_TURN: u64 = 4_096;
const RING_LINES: usize = 1 << 14;

/// A source of inputs.
struct Lane {
    producer: Producer,
    source: SourceId,
    seq: u64,
}

impl Lane {
    fn push(&mut self, frame: &Frame) -> Result<(), Failure> {
        let pushed = self.producer.try_push(frame.words(), Class::Reserved);
        pushed.map_err(|_| Failure::Check("a ring is too short for what is due at one time".to_owned()))
    }
}

/// A core in playback, whose sources, helpers and readers all take their turns on this thread.
pub(super) struct Stepped {
    playback: Playback<Model>,
    lanes: Vec<Lane>,
    archiver: Archiver,
    preparer: Preparer,
    reader: Reader,
    archive_dir: PathBuf,
    /// Inputs pushed, and those of them that were read in the journal.
    pushed: u64,
    taken: u64,
    /// Records read since the helpers had a turn.
    since_turn: u64,
    /// Removed when it is dropped.
    _scratch: Vec<Scratch>,
}

/// What a core left behind.
pub(super) struct Ended {
    pub(super) engine: Engine<Model>,
    /// Inputs that replayed to the same outputs, byte for byte.
    pub(super) replayed_inputs: u64,
    pub(super) output_hash: u64,
    pub(super) state_hash: u64,
}

impl Stepped {
    /// A core over a source for each role, which are numbered from 1; `records` configure it. Its archive is kept in `keep`, or
    /// removed.
    pub(super) fn new(
        bounds: Bounds,
        roles: &[Role],
        records: Vec<Frame>,
        keep: Option<&Path>,
    ) -> Result<Stepped, Failure> {
        let live = Scratch::new(Path::new("/dev/shm"), "pinrail-scenario")?;
        let live_dir = live.path().join("live");
        let mut scratch = vec![live];
        let archive_dir = if let Some(dir) = keep {
            dir.to_owned()
        } else {
            let archive = Scratch::new(&std::env::temp_dir(), "pinrail-scenario")?;
            let dir = archive.path().join("archive");
            scratch.push(archive);
            dir
        };
        let config = JournalConfig {
            sync: SyncPolicy::Never,
            playback: true,
            ..JournalConfig::new(archive_dir.clone(), live_dir.clone())
        };
        let Journal {
            writer,
            archiver,
            mut preparer,
            recovered,
        } = pinrail_journal::open(&config).map_err(RigError::from)?;
        if recovered.last.is_some() {
            let dir = archive_dir.display();
            return Err(Failure::Usage(format!(
                "{dir} holds a journal: a scenario begins a new one"
            )));
        }
        while preparer.do_work().map_err(RigError::from)? > 0 {}
        let reader = Reader::open(&live_dir, &archive_dir, From::Start).map_err(RigError::from)?;
        let mut lanes = Vec::new();
        let mut inlets = Vec::new();
        for (source, role) in (1..).map(SourceId).zip(roles) {
            let (producer, consumer) = pinrail_ring::heap(RING_LINES).map_err(RigError::from)?;
            inlets.push(Inlet::new(consumer, source, *role));
            lanes.push(Lane {
                producer,
                source,
                seq: 0,
            });
        }
        let engine = Engine::new(bounds, make_model(&bounds));
        Ok(Stepped {
            playback: Playback::new(engine, writer, inlets, records),
            lanes,
            archiver,
            preparer,
            reader,
            archive_dir,
            pushed: 0,
            taken: 0,
            since_turn: 0,
            _scratch: scratch,
        })
    }

    /// Sends a record that is due at `due` from the source at this place.
    pub(super) fn push(&mut self, lane: usize, mut frame: Frame, due: u64) -> Result<(), Failure> {
        let lane = &mut self.lanes[lane];
        lane.seq += 1;
        frame.header_mut().cause = Cause::input(lane.source, lane.seq);
        frame.header_mut().ts_core = due;
        lane.push(&frame)?;
        self.pushed += 1;
        Ok(())
    }

    /// Lets the core take all that was pushed, which is due before `until`, and shows every record of the journal.
    pub(super) fn advance(&mut self, until: u64, mut see: impl FnMut(&Frame)) -> Result<(), Failure> {
        for lane in &mut self.lanes {
            let watermark = Frame::watermark(lane.source, until);
            lane.push(&watermark)?;
        }
        let mut frame = Frame::default();
        for _ in 0..TURNS_MAX {
            while self.playback.do_work() > 0 {
                while self.reader.poll(&mut frame).map_err(RigError::from)? {
                    let (source, _) = Cause::source(frame.header().cause);
                    let is_input = frame.record_type().is_input();
                    self.taken += u64::from(is_input && source != SourceId::RUNTIME);
                    self.since_turn += 1;
                    see(&frame);
                }
                if self.since_turn > RECORDS_PER_TURN {
                    self.turn()?;
                }
            }
            if self.taken == self.pushed {
                return Ok(());
            }
            self.turn()?;
        }
        Err(Failure::Check(format!(
            "the core took {} of {} inputs: {:?} sent what it must not, or the journal has no room",
            self.taken,
            self.pushed,
            self.playback.closed_sources().collect::<Vec<_>>()
        )))
    }

    /// A turn for the journal's helpers.
    fn turn(&mut self) -> Result<(), Failure> {
        self.since_turn = 0;
        while self.archiver.do_work().map_err(RigError::from)? > 0 {}
        while self.preparer.do_work().map_err(RigError::from)? > 0 {}
        Ok(())
    }

    pub(super) fn engine(&self) -> &Engine<Model> {
        self.playback.engine()
    }

    /// Ends all sources and the journal, and replays it through a fresh engine.
    pub(super) fn end(mut self, see: impl FnMut(&Frame)) -> Result<Ended, Failure> {
        self.advance(u64::MAX, see)?;
        if !self.playback.is_finished() {
            return Err(Failure::Check(
                "the core has not ended with its sources".to_owned(),
            ));
        }
        let (mut engine, writer) = self.playback.into_parts();
        writer.finish(engine.last_ts());
        drop(self.preparer);
        self.archiver.finish().map_err(RigError::from)?;
        let mut replay = Replay::open(&self.archive_dir, None, make_model).map_err(RigError::from)?;
        let differs = |e: &dyn std::fmt::Display| Failure::Check(format!("replay: {e}"));
        while replay.step().map_err(|e| differs(&e))? {}
        let replayed_inputs = replay.counts().inputs;
        let mut again = replay
            .into_engine()
            .ok_or_else(|| differs(&"no engine came of it"))?;
        let hashes = |engine: &mut Engine<Model>| (engine.output_hash(), engine.state_hash());
        let (ran, replayed) = (hashes(&mut engine), hashes(&mut again));
        if ran != replayed {
            return Err(differs(&format!(
                "other hashes: {ran:x?} ran, {replayed:x?} replayed"
            )));
        }
        Ok(Ended {
            engine,
            replayed_inputs,
            output_hash: ran.0,
            state_hash: ran.1,
        })
    }
}

/// Turns that the journal's helpers get before it is taken to have no room.
const TURNS_MAX: usize = 64;
