//! The outputs of one input.

use pinrail_types::frame::LINE_WORDS;
use pinrail_types::{Flags, Frame, OutId, Record, RecordHeader, RecordType};

/// Most lines that the outputs of one input take together: the room that a journal must have before it is taken.
pub const OUT_LINES_MAX: usize = 128;

// An id has 8 bits for the place of an output.
const _: () = assert!(OUT_LINES_MAX <= 256);

/// The outputs of one input, ready for the journal: a fixed buffer, one record behind the other.
#[derive(Clone, Debug)]
pub struct Out {
    lines: [[u64; LINE_WORDS]; OUT_LINES_MAX],
    /// Lines that are taken.
    len: usize,
    records: u32,
    epoch: u32,
    /// Core time of the input.
    ts_core: u64,
    /// Sequence of the input; its outputs follow.
    cause: u64,
}

impl Default for Out {
    fn default() -> Self {
        Out {
            lines: [[0; LINE_WORDS]; OUT_LINES_MAX],
            len: 0,
            records: 0,
            epoch: 0,
            ts_core: 0,
            cause: 0,
        }
    }
}

impl Out {
    /// Empty.
    pub fn new() -> Out {
        Out::default()
    }

    /// Starts the outputs of the input with this header.
    #[inline]
    pub(crate) fn begin(&mut self, input: &RecordHeader, epoch: u32) {
        assert!(self.len == 0, "the outputs before were not sealed");
        self.epoch = epoch;
        self.ts_core = input.ts_core;
        self.cause = input.seq;
    }

    /// Adds an output; its header is written here.
    ///
    /// # Panics
    /// If the outputs of one input would pass [`OUT_LINES_MAX`]: every handler is bounded so that they don't.
    #[expect(
        clippy::inline_always,
        reason = "the words of a record are put together in registers only where it is made"
    )]
    #[inline(always)]
    pub fn push<R: Record>(&mut self, record: R) {
        self.push_as(record, Flags::NONE);
    }

    /// The same for one that may have been sent before.
    pub(crate) fn push_again<R: Record>(&mut self, record: R) {
        self.push_as(record, Flags::POSS_RESEND);
    }

    #[expect(clippy::inline_always, reason = "as above")]
    #[inline(always)]
    fn push_as<R: Record>(&mut self, mut record: R, flags: Flags) {
        let header = RecordHeader {
            commit: R::commit(flags).pack(),
            crc: 0,
            seq: self.cause + 1 + u64::from(self.records),
            ts_core: self.ts_core,
            cause: self.cause,
        };
        let lines: &mut [[u64; LINE_WORDS]] = bytemuck::cast_slice_mut(core::slice::from_mut(&mut record));
        lines[0][..4].copy_from_slice(bytemuck::cast_slice(core::slice::from_ref(&header)));
        let end = self.len + R::LINES;
        assert!(end <= self.lines.len(), "more outputs than one input may have");
        for (held, line) in self.lines[self.len..end].iter_mut().zip(lines) {
            // Word by word: the journal loads words right after, and the processor makes a load wait that spans several
            // narrower stores.
            *held = core::array::from_fn(|word| line[word]);
        }
        self.len = end;
        self.records += 1;
    }

    /// An id for the next output: never used for two things.
    #[inline]
    pub(crate) fn next_id(&self) -> OutId {
        OutId {
            seq: self.cause,
            epoch: self.epoch,
            sub: self.records,
        }
    }

    /// Core time of the input.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.ts_core
    }

    /// Lines that there is room for.
    #[inline]
    pub(crate) fn lines_left(&self) -> usize {
        OUT_LINES_MAX - self.len
    }

    /// How many records there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.records as usize
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// All words, one record behind the other.
    #[inline]
    pub fn words(&self) -> &[u64] {
        self.lines[..self.len].as_flattened()
    }

    /// The records' words, one slice each.
    #[inline]
    pub fn records(&self) -> impl Iterator<Item = &[u64]> {
        let mut rest = &self.lines[..self.len];
        core::iter::from_fn(move || {
            let lines = (rest.first()?[0] & 0xf) as usize;
            let (record, after) = rest.split_at(lines);
            rest = after;
            Some(record.as_flattened())
        })
    }

    /// The outputs of type `R`, for tests and tools.
    pub fn find<R: Record>(&self) -> impl Iterator<Item = R> {
        self.records()
            .filter(|words| (words[0] >> 16) as u16 == R::TYPE.0)
            .map(|words| {
                let mut whole = R::zeroed();
                let into: &mut [u64] = bytemuck::cast_slice_mut(core::slice::from_mut(&mut whole));
                into[..words.len()].copy_from_slice(words);
                whole
            })
    }

    /// The outputs, each as a frame of its own, for tests and tools.
    pub fn frames(&self) -> impl Iterator<Item = Frame> {
        self.records().map(|words| {
            let mut frame = Frame::default();
            frame.buffer_mut()[..words.len()].copy_from_slice(words);
            frame
        })
    }

    /// The types of the outputs, in order.
    pub fn types(&self) -> impl Iterator<Item = RecordType> {
        self.records().map(|words| RecordType((words[0] >> 16) as u16))
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.records = 0;
    }
}
