//! The engine and its journal: what live trading and playback have in common.

use bytemuck::Zeroable;
use pinrail_engine::{Engine, OUT_LINES_MAX, Out, Pricer};
use pinrail_journal::Writer;
use pinrail_types::record::{Continue, EpochStart, RuntimeEvent, RuntimeEventKind, Tick};
use pinrail_types::{Cause, Frame, LINES_MAX, Record, RecordType, SourceId};

/// The room in the journal, in lines, without which no input is taken: the longest input and its outputs.
pub(crate) const LINES_PER_INPUT_MAX: usize = LINES_MAX + OUT_LINES_MAX;

/// Least length of a journal's segments under a core: room for several inputs with all that they may lead to.
pub const SEGMENT_BYTES_MIN: u64 = 64 << 10;

const _: () = assert!(SEGMENT_BYTES_MIN / 64 > 7 * LINES_PER_INPUT_MAX as u64);

/// Takes an input into the journal, through the engine, and its outputs into the journal.
pub(crate) struct Machine<P> {
    pub(crate) engine: Engine<P>,
    pub(crate) writer: Writer,
    out: Out,
    /// Outputs that stand in the journal already.
    handed_on: usize,
    /// The input has been concluded.
    is_concluded: bool,
    /// Sequence of the runtime's own inputs.
    runtime_seq: u64,
}

impl<P: Pricer> Machine<P> {
    pub(crate) fn new(engine: Engine<P>, writer: Writer) -> Machine<P> {
        let runtime_seq = engine.last_source_seq(SourceId::RUNTIME);
        Machine {
            engine,
            writer,
            out: Out::new(),
            handed_on: 0,
            is_concluded: false,
            runtime_seq,
        }
    }

    /// Processes an input whose cause is set; `ts` is its core time, which never goes back. The answer to whoever sent
    /// it, and what that leads to at once, stand committed in the journal when this returns; [`Machine::seal`] must follow.
    #[inline]
    pub(crate) fn process(&mut self, input: &mut Frame, ts: u64) {
        let seq = self.writer.next_seq();
        input.stamp(seq, ts.max(self.engine.last_ts()));
        self.writer.append(input.words());
        self.engine.answer(input, &mut self.out);
        self.handed_on = self.out.len();
        self.is_concluded = self.engine.streams() > 0;
        if self.is_concluded {
            // Streams are priced again, by a model that may panic: an input that the core did not survive has no output in
            // the journal, and a start passes over it.
            self.engine.conclude(input, &mut self.out);
        }
        for record in self.out.records().take(self.handed_on) {
            self.writer.append(record);
        }
    }

    /// Whether a record of this type is among what stands committed of an input that is not sealed yet.
    #[inline]
    pub(crate) fn has_answered(&self, wanted: RecordType) -> bool {
        let mut answered = self.out.types().take(self.handed_on);
        answered.any(|record_type| record_type == wanted)
    }

    /// Commits what else the input leads to, folds all of it into the hash and makes ready for the next input.
    #[inline]
    pub(crate) fn seal(&mut self, input: &Frame) {
        if !self.is_concluded {
            self.engine.conclude(input, &mut self.out);
        }
        for record in self.out.records().skip(self.handed_on) {
            self.writer.append(record);
        }
        self.engine.seal(&mut self.out);
    }

    /// Processes an input of the runtime's own.
    pub(crate) fn own<R: Record>(&mut self, record: &R, ts: u64) {
        self.own_frame(Frame::of(record), ts);
    }

    /// The same for a frame, such as one of the configuration.
    pub(crate) fn own_frame(&mut self, mut frame: Frame, ts: u64) {
        self.runtime_seq += 1;
        frame.header_mut().cause = Cause::input(SourceId::RUNTIME, self.runtime_seq);
        self.process(&mut frame, ts);
        self.seal(&frame);
    }

    /// The first input of the epoch, then what the engine has passed over, then the configuration.
    pub(crate) fn start(&mut self, configuration: &[Frame], playback: bool, ts: u64) {
        let epoch = EpochStart {
            playback: u8::from(playback),
            ..self.engine.bounds().epoch_start(self.writer.epoch())
        };
        self.own(&epoch, ts);
        if let Some(seq) = self.engine.poison() {
            self.tell(RuntimeEventKind::PoisonInput, seq, ts);
        }
        for frame in configuration {
            self.own_frame(*frame, ts);
        }
    }

    pub(crate) fn tick(&mut self, ts: u64) {
        self.own(&Tick::zeroed(), ts);
    }

    pub(crate) fn go_on(&mut self, ts: u64) {
        self.own(&Continue::zeroed(), ts);
    }

    pub(crate) fn tell(&mut self, kind: RuntimeEventKind, value: u64, ts: u64) {
        self.own(
            &RuntimeEvent {
                kind: kind.byte(),
                value,
                ..Zeroable::zeroed()
            },
            ts,
        );
    }
}
