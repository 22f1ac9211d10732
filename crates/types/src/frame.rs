//! A buffer that holds any one record.

use bytemuck::Zeroable;

use crate::header::{Cause, Commit, Flags, RecordHeader, RecordType};
use crate::ids::SourceId;
use crate::record::Record;

/// Bytes in a line: one cache line.
pub const LINE_BYTES: usize = 64;
/// 64-bit words in a line.
pub const LINE_WORDS: usize = LINE_BYTES / 8;
/// Lines in the longest record.
pub const LINES_MAX: usize = 4;
/// 64-bit words in the longest record.
pub const WORDS_MAX: usize = LINES_MAX * LINE_WORDS;

/// A private copy of one record: what is checked and processed is this, never memory that another process can
/// write.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug, Zeroable)]
pub struct Frame {
    words: [u64; WORDS_MAX],
}

impl Default for Frame {
    fn default() -> Self {
        Frame::zeroed()
    }
}

impl Frame {
    /// A frame that holds `record`, its commit word set, and the rest of its header as the record has it.
    pub fn of<R: Record>(record: &R) -> Frame {
        let mut frame = Frame::zeroed();
        frame.put(record);
        frame
    }

    /// Copies `record` in and sets its commit word; flags and the rest of the header are as the record has them.
    #[inline]
    pub fn put<R: Record>(&mut self, record: &R) {
        let words: &[u64] = bytemuck::cast_slice(core::slice::from_ref(record));
        self.words[..words.len()].copy_from_slice(words);
        let flags = Commit::unpack(record.header().commit).flags;
        self.header_mut().commit = R::commit(flags).pack();
    }

    /// The header.
    #[inline]
    pub fn header(&self) -> &RecordHeader {
        bytemuck::from_bytes(bytemuck::cast_slice(&self.words[..4]))
    }

    /// The header, to be changed.
    #[inline]
    pub fn header_mut(&mut self) -> &mut RecordHeader {
        bytemuck::from_bytes_mut(bytemuck::cast_slice_mut(&mut self.words[..4]))
    }

    /// A source's promise that it sends nothing that is due before `ts`; `u64::MAX` is its end. For rings in playback only: it
    /// is never journaled.
    pub fn watermark(source: SourceId, ts: u64) -> Frame {
        let commit = Commit {
            lines: 1,
            version: 0,
            flags: Flags::NONE,
            record_type: RecordType::WATERMARK,
        };
        let mut frame = Frame::default();
        *frame.header_mut() = RecordHeader {
            commit: commit.pack(),
            ts_core: ts,
            cause: Cause::input(source, 0),
            ..RecordHeader::default()
        };
        frame
    }

    /// Writes what an input has of the journal: its place and its core time, and no checksum yet.
    #[inline]
    pub fn stamp(&mut self, seq: u64, ts_core: u64) {
        // Whole words, as they are loaded next: a load that spans narrower stores waits until they are done.
        self.words[0] = u64::from(self.header().commit);
        self.words[1] = seq;
        self.words[2] = ts_core;
    }

    /// The commit word taken apart.
    #[inline]
    pub fn commit(&self) -> Commit {
        Commit::unpack(self.header().commit)
    }

    /// What the frame holds.
    #[inline]
    pub fn record_type(&self) -> RecordType {
        self.commit().record_type
    }

    /// The flags.
    #[inline]
    pub fn flags(&self) -> Flags {
        self.commit().flags
    }

    /// The record's words, as many as its length says, at most the whole frame.
    #[inline]
    pub fn words(&self) -> &[u64] {
        &self.words[..usize::from(self.commit().lines).min(LINES_MAX) * LINE_WORDS]
    }

    /// The whole buffer, to be filled.
    #[inline]
    pub fn buffer_mut(&mut self) -> &mut [u64; WORDS_MAX] {
        &mut self.words
    }

    /// The record's bytes, as many as its length says.
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self.words())
    }

    /// The record as an `R`, if that is what it is: type, layout version and length all agree.
    #[inline]
    pub fn get<R: Record>(&self) -> Option<&R> {
        let commit = self.commit();
        let fits = commit.record_type == R::TYPE
            && commit.version == R::VERSION
            && usize::from(commit.lines) >= R::LINES_MIN
            && usize::from(commit.lines) <= R::LINES;
        if !fits {
            return None;
        }
        // A record of variable length is read whole: lines behind its end are the reader's to ignore.
        Some(bytemuck::from_bytes(bytemuck::cast_slice(
            &self.words[..R::LINES * LINE_WORDS],
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Tick, TradingStateSet};

    #[test]
    fn a_frame_gives_back_only_what_it_holds() {
        let frame = Frame::of(&Tick::zeroed());
        assert!(frame.get::<Tick>().is_some());
        assert!(frame.get::<TradingStateSet>().is_none());
        assert_eq!(frame.words().len(), 8);
        let mut wrong_version = frame;
        wrong_version.header_mut().commit |= 0x70;
        assert!(wrong_version.get::<Tick>().is_none());
    }

    #[test]
    fn an_absurd_length_stays_inside_the_frame() {
        let mut frame = Frame::zeroed();
        frame.header_mut().commit = 0xf;
        assert_eq!(frame.words().len(), WORDS_MAX);
    }
}
