//! The duty cycle of the core when recordings are played: core time is the recorded time.

use pinrail_engine::{Bounds, Engine, MARKS_MAX, Pricer};
use pinrail_journal::Writer;
use pinrail_types::record::RuntimeEventKind;
use pinrail_types::{Frame, RecordType, SourceId};

use crate::inlet::{Inlet, Polled, Role};
use crate::machine::{LINES_PER_INPUT_MAX, Machine};

/// Inputs taken in one duty cycle.
const INPUTS_PER_CYCLE: usize = 64;

/// What a source shows of what it will send next.
struct Lane {
    inlet: Inlet,
    next: Frame,
    has_next: bool,
    /// Nothing later from this source is due before this time.
    watermark: u64,
}

impl Lane {
    /// The earliest (time, source) that may still come from here.
    #[inline]
    fn horizon(&self) -> (u64, SourceId) {
        let ts = if self.has_next {
            self.next.header().ts_core
        } else {
            self.watermark
        };
        (ts, self.inlet.source())
    }

    /// Whether the source has sent its last record and that was taken.
    fn is_over(&self) -> bool {
        !self.has_next && self.watermark == u64::MAX
    }
}

/// The core when recordings are played. Sources are merged by (time, source): a record is taken when no other source
/// can send an earlier one, which each shows by its next record or by a watermark. So the journal does not depend
/// on how fast anybody is; producers and the core wait for one another and for the journal, and nothing is dropped.
///
/// It ends when every source has; or, where venues are among them, with the last record of the last venue: what a
/// client would send later is not taken. Timers that are left then fire, as many as quotes may be open, as marks
/// of fills may be to come, and [`Playback::RUN_OUT_TIMERS`] more: a strategy may set its own again and again.
pub struct Playback<P> {
    machine: Machine<P>,
    lanes: Vec<Lane>,
    /// Journaled with the time of the first record.
    configuration: Option<Vec<Frame>>,
    /// Timers that may still fire when all is over.
    timers_left: usize,
    finished: bool,
    duplicates: u64,
}

impl<P: Pricer> Playback<P> {
    /// Timers that fire behind the last record, beside the ends of as many quotes as may be open and as many marks as may be to
    /// come.
    pub const RUN_OUT_TIMERS: usize = 16_384;

    /// All timers that fire behind the last record at most.
    pub const fn timers_max(bounds: &Bounds) -> usize {
        bounds.open_quotes + MARKS_MAX + Self::RUN_OUT_TIMERS
    }

    /// A core over `inlets`. Its first inputs are the start of the epoch and `configuration`, at the time of the first
    /// record.
    pub fn new(
        engine: Engine<P>,
        writer: Writer,
        inlets: Vec<Inlet>,
        configuration: Vec<Frame>,
    ) -> Playback<P> {
        let lane = |inlet| Lane {
            inlet,
            next: Frame::default(),
            has_next: false,
            watermark: 0,
        };
        Playback {
            timers_left: Self::timers_max(engine.bounds()),
            machine: Machine::new(engine, writer),
            lanes: inlets.into_iter().map(lane).collect(),
            configuration: Some(configuration),
            finished: false,
            duplicates: 0,
        }
    }

    /// One duty cycle; gives back how many inputs were taken.
    pub fn do_work(&mut self) -> usize {
        let mut taken = 0;
        while taken < INPUTS_PER_CYCLE && self.machine.writer.room().normal >= LINES_PER_INPUT_MAX {
            if self.machine.engine.wants_continue() {
                let ts = self.machine.engine.last_ts();
                self.machine.go_on(ts);
            } else if let Some(at) = self.earliest() {
                self.take(at);
            } else if !self.run_out() {
                break;
            }
            taken += 1;
        }
        if taken > 0 {
            for lane in &mut self.lanes {
                lane.inlet.release();
            }
            let last_ts = self.machine.engine.last_ts();
            self.machine.writer.publish(last_ts);
        }
        taken
    }

    /// The lane whose next record comes before anything that any other can still send.
    fn earliest(&mut self) -> Option<usize> {
        for at in 0..self.lanes.len() {
            self.fill(at);
        }
        // Judged behind the look at the rings: whether the end came with that look or before must not matter.
        if self.is_over() {
            return None;
        }
        let (at, first) = self
            .lanes
            .iter()
            .enumerate()
            .min_by_key(|(_, lane)| lane.horizon())?;
        first.has_next.then_some(at)
    }

    /// Whether no further record is to be taken.
    fn is_over(&self) -> bool {
        let mut venues = self
            .lanes
            .iter()
            .filter(|lane| lane.inlet.role() == Role::Venue)
            .peekable();
        if venues.peek().is_some() {
            venues.all(Lane::is_over)
        } else {
            self.lanes.iter().all(Lane::is_over)
        }
    }

    /// Looks at a lane's ring until a record is next, or nothing is there.
    fn fill(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        while !lane.has_next {
            match lane.inlet.poll(&mut lane.next) {
                Polled::Nothing => return,
                Polled::Record if lane.next.record_type() == RecordType::WATERMARK => {
                    lane.watermark = lane.watermark.max(lane.next.header().ts_core);
                    lane.inlet.release();
                }
                Polled::Record if self.machine.engine.is_duplicate(lane.next.header().cause) => {
                    self.duplicates += 1;
                }
                Polled::Record => {
                    lane.has_next = true;
                    // A source whose time goes back is held to its latest.
                    let due = lane.next.header().ts_core.max(lane.watermark);
                    lane.next.header_mut().ts_core = due;
                    lane.watermark = due;
                }
                Polled::Corrupt => {
                    lane.watermark = u64::MAX;
                    let source = u64::from(lane.inlet.source().0);
                    let ts = self.machine.engine.last_ts();
                    self.machine.tell(RuntimeEventKind::SourceCorrupt, source, ts);
                    return;
                }
            }
        }
    }

    fn take(&mut self, at: usize) {
        let mut input = self.lanes[at].next;
        self.lanes[at].has_next = false;
        let ts = input.header().ts_core;
        if let Some(configuration) = self.configuration.take() {
            self.machine.start(&configuration, true, ts);
        }
        self.machine.process(&mut input, ts);
        self.machine.seal(&input);
    }

    /// When all is over, lets the timers that are left fire, one input each, up to the bound. False if there is nothing to
    /// do.
    fn run_out(&mut self) -> bool {
        if self.finished || !self.is_over() {
            return false;
        }
        let ts = self.machine.engine.next_timer();
        self.finished = ts == u64::MAX || self.timers_left == 0;
        if !self.finished {
            self.timers_left -= 1;
            self.machine.tick(ts);
        }
        !self.finished
    }

    /// Whether every source has finished and no timer is left that may fire.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// Records dropped because their source sequence was taken before.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// The sources whose rings held what they must not.
    pub fn closed_sources(&self) -> impl Iterator<Item = SourceId> {
        self.lanes
            .iter()
            .filter(|lane| lane.inlet.is_closed())
            .map(|lane| lane.inlet.source())
    }

    /// The engine, to be looked at.
    pub fn engine(&self) -> &Engine<P> {
        &self.machine.engine
    }

    /// Ends the core: the engine and the journal's writer.
    pub fn into_parts(self) -> (Engine<P>, Writer) {
        (self.machine.engine, self.machine.writer)
    }
}
