//! The 32-byte header that opens every record, in a ring and in a journal.

use core::fmt;

use bytemuck::{Pod, Zeroable};

use crate::ids::SourceId;

/// The header of every record. Little-endian.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct RecordHeader {
    /// Length, version, flags and type ([`Commit`]); zero means that nothing stands here yet.
    pub commit: u32,
    /// CRC-32C of the archived record; zero until archived.
    pub crc: u32,
    /// Place in the journal, over inputs and outputs alike, without holes, from 1. Zero in a ring.
    pub seq: u64,
    /// Core time in nanoseconds since the Unix epoch, UTC. In a ring: when playing a recording, the recorded time
    /// at which the record is due; else zero.
    pub ts_core: u64,
    /// What made this record ([`Cause`]).
    pub cause: u64,
}

const _: () = assert!(size_of::<RecordHeader>() == 32);

/// The commit word taken apart: bits 0–3 length in lines (1–4), 4–7 version of the record's layout, 8–15 flags,
/// 16–31 type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Length in 64-byte lines; 1 to 4 in a well-formed record.
    pub lines: u8,
    /// Layout version of this record type, 0 to 15.
    pub version: u8,
    /// See [`Flags`].
    pub flags: Flags,
    /// What the record is.
    pub record_type: RecordType,
}

impl Commit {
    /// Packs the parts. Never zero for a well-formed record, because its length is not.
    #[inline]
    pub const fn pack(self) -> u32 {
        (self.lines as u32 & 0xf)
            | ((self.version as u32 & 0xf) << 4)
            | ((self.flags.0 as u32) << 8)
            | ((self.record_type.0 as u32) << 16)
    }

    /// Takes a commit word apart. Any word can be; whether the parts make sense is the caller's to check.
    #[inline]
    pub const fn unpack(word: u32) -> Commit {
        Commit {
            lines: (word & 0xf) as u8,
            version: ((word >> 4) & 0xf) as u8,
            flags: Flags((word >> 8) as u8),
            record_type: RecordType((word >> 16) as u16),
        }
    }
}

/// Bits that a record carries beside its type.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct Flags(pub u8);

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);
    /// The last record of a batch that must be seen whole (a book update of many records).
    pub const LAST: Flags = Flags(0x01);
    /// The first record of such a batch.
    pub const FIRST: Flags = Flags(0x02);
    /// Part of a full image of a book and not of a change to one.
    pub const SNAPSHOT: Flags = Flags(0x04);
    /// May have been sent before (`PossResend`, FIX tag 97).
    pub const POSS_RESEND: Flags = Flags(0x08);

    /// Whether every bit of `other` is set.
    #[inline]
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// The union.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

/// What made a record. For an output: the sequence of its input. For an input: its source (16 bits) and that
/// source's own sequence (48 bits, from 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause;

impl Cause {
    /// The largest sequence that a source can reach.
    pub const SOURCE_SEQ_MAX: u64 = (1 << 48) - 1;

    /// The cause word of an input.
    ///
    /// # Panics
    /// If `source_seq` is above [`Cause::SOURCE_SEQ_MAX`]: at a million records a second that takes 8.9 years.
    #[inline]
    pub const fn input(source: SourceId, source_seq: u64) -> u64 {
        assert!(
            source_seq <= Cause::SOURCE_SEQ_MAX,
            "source sequence beyond 48 bits"
        );
        ((source.0 as u64) << 48) | source_seq
    }

    /// The source and its sequence, from the cause word of an input.
    #[inline]
    pub const fn source(cause: u64) -> (SourceId, u64) {
        (SourceId((cause >> 48) as u16), cause & Cause::SOURCE_SEQ_MAX)
    }
}

/// What a record is. The high byte is the band.
///
/// | band | what |
/// |---|---|
/// | `0x00` | framing of rings and journals: never sequenced, never shown to the engine |
/// | `0x01` | inputs: configuration |
/// | `0x02` | inputs: market data |
/// | `0x03` | inputs: client requests, and what a person asks of venue orders |
/// | `0x04` | inputs: operator, runtime and time; from `0x0420` to `0x0427` client requests for packages |
/// | `0x10`–`0x1f` | outputs |
/// | `0x80`–`0xbf` | inputs of the embedder's own |
/// | `0xc0`–`0xff` | outputs of the embedder's own |
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct RecordType(pub u16);

impl RecordType {
    /// Fills a ring up to its end, so that no record wraps.
    pub const PADDING: RecordType = RecordType(0x0001);
    /// Nothing more follows in this journal segment.
    pub const END_OF_SEGMENT: RecordType = RecordType(0x0002);
    /// Opens a batch in an archived segment and names the position durable before it.
    pub const MARK: RecordType = RecordType(0x0003);
    /// In a ring while playing recordings: its source sends nothing that is due before this time.
    pub const WATERMARK: RecordType = RecordType(0x0004);

    /// The band: see the table above.
    #[inline]
    pub const fn band(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// A client request for a package, which stands in the band of operators.
    #[inline]
    pub const fn is_package_request(self) -> bool {
        matches!(self.0, 0x0420..=0x0427)
    }

    /// Framing of rings and journals.
    #[inline]
    pub const fn is_framing(self) -> bool {
        self.band() == 0
    }

    /// An input of the engine.
    #[inline]
    pub const fn is_input(self) -> bool {
        matches!(self.band(), 0x01..=0x0f | 0x80..=0xbf)
    }

    /// An output of the engine.
    #[inline]
    pub const fn is_output(self) -> bool {
        matches!(self.band(), 0x10..=0x1f | 0xc0..=0xff)
    }
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match crate::schema::find(*self) {
            Some(schema) => f.write_str(schema.name),
            None => write!(f, "type:{:#06x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commit_words_round_trip() {
        let commit = Commit {
            lines: 4,
            version: 15,
            flags: Flags::LAST.with(Flags::SNAPSHOT),
            record_type: RecordType(0xbeef),
        };
        assert_eq!(Commit::unpack(commit.pack()), commit);
        assert_eq!(commit.pack(), 0xbeef_05f4);
    }

    #[test]
    fn causes_round_trip() {
        let cause = Cause::input(SourceId(7), Cause::SOURCE_SEQ_MAX);
        assert_eq!(Cause::source(cause), (SourceId(7), Cause::SOURCE_SEQ_MAX));
    }
}
