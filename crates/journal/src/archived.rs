//! One archived segment: walks its records, checks every byte on the way, and says what a stop means.

use std::fs::File;
use std::path::PathBuf;

use pinrail_types::{Frame, LINE_BYTES, LINES_MAX};

use crate::chain::{Chain, ChainHash};
use crate::cold;
use crate::cursor::Torn;
use crate::error::ReadError;
use crate::format::{
    End, HEADER_BYTES, HeaderFault, Line, MARK_WORD, Mark, Salt, SegmentFile, SegmentHeader, is_cold,
};

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// A record, now in the frame.
    Record,
    /// The segment's written end; all of it was durable.
    Sealed,
    /// Nothing was written from here on: a batch is complete and the rest of the file is zeros.
    Open,
    /// Something else than what the format puts here.
    Damaged(&'static str),
}

/// A cursor over the bytes of an archived segment.
#[derive(Debug)]
pub(crate) struct ArchivedSegment {
    pub(crate) path: PathBuf,
    pub(crate) header: SegmentHeader,
    bytes: Vec<u8>,
    salt: Salt,
    /// Byte of the file.
    pub(crate) at: usize,
    /// Position of the next record.
    pub(crate) position: u64,
    /// Sequence of the next record.
    pub(crate) next_seq: u64,
    /// Position at which the batch ends.
    batch_end: u64,
    /// The segment's written end, once it was walked to.
    end: Option<End>,
    /// Length of the file in bytes, which is less if it is compressed.
    pub(crate) file_bytes: u64,
    /// Keeps the file from being removed while it is read.
    held: Option<File>,
}

impl ArchivedSegment {
    /// Reads a segment, plain or compressed; the fault if its header is not what it should be. A compressed one has none
    /// that a crash could have left: it is an error.
    pub(crate) fn open(file: &SegmentFile) -> Result<Result<ArchivedSegment, HeaderFault>, ReadError> {
        #[cfg(loom)]
        let _turn = crate::map::turn();
        let loaded = cold::load(file)?;
        let opened = ArchivedSegment::over(loaded.bytes, loaded.path.clone());
        let opened = opened.and_then(|mut segment| {
            segment.file_bytes = loaded.file_bytes;
            segment.held = Some(loaded.held);
            if file.names(&segment.header) {
                Ok(segment)
            } else {
                Err(HeaderFault::Bad("header of another segment"))
            }
        });
        match opened {
            Err(fault) if is_cold(&loaded.path) => Err(fault.at(&loaded.path)),
            opened => Ok(opened),
        }
    }

    pub(crate) fn over(bytes: Vec<u8>, path: PathBuf) -> Result<ArchivedSegment, HeaderFault> {
        let header = SegmentHeader::parse(&bytes).map_err(|fault| match fault {
            HeaderFault::Blank if bytes.iter().any(|b| *b != 0) => HeaderFault::Bad("no header"),
            fault => fault,
        })?;
        if !header.is_archived() {
            return Err(HeaderFault::Bad("a live segment's header in the archive"));
        }
        Ok(ArchivedSegment {
            path,
            salt: header.salt(),
            at: HEADER_BYTES,
            position: header.base_position,
            next_seq: header.base_seq,
            batch_end: header.base_position,
            end: None,
            file_bytes: bytes.len() as u64,
            held: None,
            header,
            bytes,
        })
    }

    /// Takes the next record into `frame`, its checksum field zero, and steps over it.
    pub(crate) fn next(&mut self, frame: &mut Frame) -> Next {
        loop {
            let lines = match self.load(self.at, frame) {
                Ok(0) => return self.at_zeros(),
                Ok(lines) => lines,
                Err(what) => return Next::Damaged(what),
            };
            let words = frame.words();
            match words[0] {
                MARK_WORD => match self.enter_batch(Mark::of(line(words))) {
                    Ok(()) => self.at += LINE_BYTES,
                    Err(what) => return Next::Damaged(what),
                },
                crate::format::END_WORD => return self.at_end(End::of(line(words))),
                _ if frame.record_type().is_framing() => return Next::Damaged("unknown framing"),
                _ if self.position + (lines * LINE_BYTES) as u64 > self.batch_end => {
                    return Next::Damaged("record outside a batch");
                }
                _ if words[1] != self.next_seq => return Next::Damaged("sequence of the record"),
                _ => {
                    self.at += lines * LINE_BYTES;
                    self.position += (lines * LINE_BYTES) as u64;
                    self.next_seq += 1;
                    return Next::Record;
                }
            }
        }
    }

    /// Loads what stands at byte `at` into `frame`, zeroes its checksum field and gives its length in lines: zero if
    /// nothing stands there.
    fn load(&self, at: usize, frame: &mut Frame) -> Result<usize, &'static str> {
        let Some(first) = self.bytes.get(at..at + 8) else {
            let rest = self.bytes.get(at..).unwrap_or_default();
            return if rest.iter().all(|b| *b == 0) {
                Ok(0)
            } else {
                Err("part of a line")
            };
        };
        let first: u64 = bytemuck::pod_read_unaligned(first);
        if first == 0 {
            return Ok(0);
        }
        let lines = (first & 0xf) as usize;
        if lines == 0 || lines > LINES_MAX {
            return Err("commit word");
        }
        let Some(bytes) = self.bytes.get(at..at + lines * LINE_BYTES) else {
            return Err("record beyond the end of the file");
        };
        bytemuck::cast_slice_mut(frame.buffer_mut())[..bytes.len()].copy_from_slice(bytes);
        frame.header_mut().crc = 0;
        if self.salt.crc(frame.words()) == (first >> 32) as u32 {
            Ok(lines)
        } else {
            Err("checksum")
        }
    }

    fn enter_batch(&mut self, mark: Mark) -> Result<(), &'static str> {
        let expected = Mark {
            seq: self.next_seq,
            position: self.position,
            offset: self.at as u64,
            ..mark
        };
        if mark != expected || self.position != self.batch_end || mark.durable > mark.position {
            return Err("mark of another place");
        }
        self.batch_end = mark
            .position
            .checked_add(mark.batch_bytes)
            .ok_or("length of the batch")?;
        Ok(())
    }

    fn at_zeros(&self) -> Next {
        if self.position != self.batch_end {
            Next::Damaged("batch is incomplete")
        } else if self.last_written() > self.at {
            Next::Damaged("bytes behind the end")
        } else {
            Next::Open
        }
    }

    fn at_end(&mut self, end: End) -> Next {
        let here = End {
            seq: self.next_seq,
            position: self.position,
            ..end
        };
        if end != here || self.position != self.batch_end {
            Next::Damaged("end of another place")
        } else if self.last_written() > self.at + LINE_BYTES {
            Next::Damaged("bytes behind the end")
        } else {
            self.end = Some(end);
            Next::Sealed
        }
    }

    /// The segment's chain hash, once it was walked to where it stops. The end must name the same, if there is one.
    pub(crate) fn chain_hash(&self, chain: &mut Chain) -> Result<ChainHash, ReadError> {
        let Some(end) = self.end else {
            let end = self.at.max(self.last_written());
            return Ok(ChainHash::of(&self.bytes[..end]));
        };
        let hash = ChainHash::of(&self.bytes[..self.at]);
        if chain.agrees(self.header.segment, hash, end.chain) {
            Ok(hash)
        } else {
            Err(self.changed("its bytes do not give the chain hash at its end"))
        }
    }

    /// Whether it was read from a compressed file.
    pub(crate) fn is_cold(&self) -> bool {
        is_cold(&self.path)
    }

    /// Whether the other was read from a file that held the same.
    pub(crate) fn has_bytes_of(&self, other: &ArchivedSegment) -> bool {
        self.bytes == other.bytes
    }

    /// All of the plain file.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Byte behind the last one that is not zero.
    fn last_written(&self) -> usize {
        self.bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1)
    }

    /// Bytes from here to the last one that is not zero.
    fn bytes_behind(&self) -> u64 {
        self.last_written().saturating_sub(self.at) as u64
    }

    /// Whether a readable mark or end behind this place says that this place had been durable.
    fn was_durable(&self) -> bool {
        durable_mark(&self.bytes, self.at, self.salt) > self.position
    }

    /// What it means that the last segment of a journal is damaged here: torn by a crash, or corruption.
    pub(crate) fn judge(&self, what: &'static str) -> Result<Torn, ReadError> {
        if self.was_durable() {
            return Err(self.corrupt(what));
        }
        Ok(Torn {
            path: self.path.clone(),
            offset: self.at as u64,
            position: self.position,
            seq: self.next_seq,
            bytes: self.bytes_behind(),
            what,
        })
    }

    /// That the segment is not what it was, with nothing to tell where: any of its bytes may have been changed.
    pub(crate) fn changed(&self, what: &'static str) -> ReadError {
        ReadError::Corrupt {
            path: self.path.clone(),
            offset: 0,
            position: self.header.base_position,
            seq: self.header.base_seq,
            what,
        }
    }

    pub(crate) fn corrupt(&self, what: &'static str) -> ReadError {
        ReadError::Corrupt {
            path: self.path.clone(),
            offset: self.at as u64,
            position: self.position,
            seq: self.next_seq,
            what,
        }
    }
}

fn line(words: &[u64]) -> &Line {
    words.first_chunk().expect("a record has at least one line")
}

/// The highest position that a readable mark or end at or behind byte `from` calls durable.
pub(crate) fn durable_mark(bytes: &[u8], from: usize, salt: Salt) -> u64 {
    let lines = bytes
        .get(from..)
        .unwrap_or_default()
        .as_chunks::<LINE_BYTES>()
        .0
        .iter();
    let mut durable = 0;
    for (i, bytes) in lines.enumerate() {
        let mut line: Line = bytemuck::pod_read_unaligned(bytes);
        let crc = (line[0] >> 32) as u32;
        line[0] &= u64::from(u32::MAX);
        let claim = match line[0] {
            MARK_WORD if Mark::of(&line).offset == (from + i * LINE_BYTES) as u64 => Mark::of(&line).durable,
            crate::format::END_WORD => End::of(&line).position,
            _ => continue,
        };
        if claim > durable && salt.crc(&line) == crc {
            durable = claim;
        }
    }
    durable
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::{JournalId, Stamp};

    /// A sealed segment of `batches` batches of two records of one line.
    fn segment(batches: u64) -> Vec<u8> {
        let stamp = Stamp {
            behaviour_version: 1,
            schema_hash: 2,
            playback: false,
            journal_id: JournalId([3; 16]),
            epoch: 1,
            segment_bytes: 8192,
        };
        let mut header = SegmentHeader::prepared(&stamp, 1, (0, 0));
        header.begin(1, 0);
        let header = header.archived(ChainHash::NONE);
        let salt = header.salt();
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[..256].copy_from_slice(bytemuck::bytes_of(&header));
        let mut seq = 1;
        for batch in 0..batches {
            let mark = Mark {
                seq,
                position: batch * 128,
                durable: batch * 128,
                batch_bytes: 128,
                offset: bytes.len() as u64,
            };
            bytes.extend_from_slice(bytemuck::bytes_of(&mark.line(salt)));
            for _ in 0..2 {
                let mut line: Line = [0x8001_0001, seq, 5, 6, 7, 8, 9, 10];
                line[0] |= u64::from(salt.crc(&line)) << 32;
                bytes.extend_from_slice(bytemuck::bytes_of(&line));
                seq += 1;
            }
        }
        let end = End {
            seq,
            position: batches * 128,
            chain: ChainHash::NONE,
        };
        bytes.extend_from_slice(bytemuck::bytes_of(&end.line(salt)));
        bytes
    }

    fn walk(bytes: Vec<u8>) -> (u64, Next, bool) {
        let mut segment = ArchivedSegment::over(bytes, PathBuf::new()).unwrap();
        let mut frame = Frame::default();
        loop {
            match segment.next(&mut frame) {
                Next::Record => assert_eq!(frame.words()[0], 0x8001_0001),
                stop => return (segment.next_seq - 1, stop, segment.was_durable()),
            }
        }
    }

    #[test]
    fn a_whole_segment_is_walked_to_its_seal() {
        assert_eq!(walk(segment(3)), (6, Next::Sealed, false));
        let mut open = segment(3);
        let len = open.len();
        open[len - 64..].fill(0);
        assert_eq!(walk(open), (6, Next::Open, false));
    }

    #[test]
    fn a_hole_is_durable_only_before_the_last_mark() {
        let whole = segment(3);
        for line in 0..9 {
            let mut bytes = whole.clone();
            // Neither seal nor what follows the third batch.
            bytes.truncate(HEADER_BYTES + 9 * 64);
            let at = HEADER_BYTES + line * 64;
            bytes[at..at + 64].fill(0);
            let (records, stop, durable) = walk(bytes);
            assert!(matches!(stop, Next::Damaged(_)), "line {line}: {stop:?}");
            assert_eq!(durable, line < 6, "line {line}");
            let expected = line / 3 * 2 + (line % 3).saturating_sub(1);
            assert_eq!(records, expected as u64, "line {line}");
        }
    }

    #[test]
    fn batches_may_not_change_places() {
        let whole = segment(2);
        let mut bytes = whole.clone();
        let batch = 3 * 64;
        bytes[HEADER_BYTES..HEADER_BYTES + batch]
            .copy_from_slice(&whole[HEADER_BYTES + batch..HEADER_BYTES + 2 * batch]);
        assert_eq!(walk(bytes).1, Next::Damaged("mark of another place"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn arbitrary_bytes_behind_a_header_do_no_harm(
            noise in prop::collection::vec(any::<u8>(), 0..700),
            at in 0_usize..700,
        ) {
            let mut bytes = segment(3);
            let at = (HEADER_BYTES + at).min(bytes.len());
            bytes.truncate(at);
            bytes.extend_from_slice(&noise);
            let (records, _, _) = walk(bytes);
            prop_assert!(records <= 6);
        }
    }
}
