//! A live segment as everybody but its writer sees it.

use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;

use pinrail_types::Frame;

use crate::area::{Found, Word, acquire, take};
use crate::chain::ChainHash;
use crate::error::ReadError;
use crate::format::{End, HEADER_BYTES, HEADER_WORDS, HeaderFault, SegmentFile, SegmentHeader};
use crate::map::Map;

/// What comes next in a live segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing yet.
    Nothing,
    /// A record, now in the frame.
    Record,
    /// The segment is complete.
    End,
}

/// A cursor over a live segment.
#[derive(Debug)]
pub(crate) struct LiveSegment {
    map: Map,
    pub(crate) path: PathBuf,
    pub(crate) header: SegmentHeader,
    /// Word of the area.
    at: usize,
    /// Position of the next record.
    pub(crate) position: u64,
    /// Sequence of the next record.
    pub(crate) next_seq: u64,
}

impl LiveSegment {
    /// Opens a segment; `None` if it is not there or its writer has not begun it.
    pub(crate) fn open(file: &SegmentFile) -> Result<Option<LiveSegment>, ReadError> {
        let path = file.path.clone();
        let Some(map) = Map::find(&path)? else {
            return Ok(None);
        };
        let words = map.words();
        if words.len() < HEADER_BYTES / 8 {
            return Err(HeaderFault::Bad("shorter than a header page").at(&path));
        }
        let mut head = [0; HEADER_WORDS];
        head[0] = words[0].load(acquire());
        if head[0] == 0 {
            return Ok(None);
        }
        for (copy, word) in head.iter_mut().zip(words).skip(1) {
            *copy = word.load(Relaxed);
        }
        let header: SegmentHeader = bytemuck::cast(head);
        header.check().map_err(|fault| fault.at(&path))?;
        if header.segment_bytes != words.len() as u64 * 8 || header.is_archived() || !file.names(&header) {
            return Err(HeaderFault::Bad("header of another segment").at(&path));
        }
        let (position, next_seq) = (header.base_position, header.base_seq);
        Ok(Some(LiveSegment {
            map,
            path,
            header,
            at: 0,
            position,
            next_seq,
        }))
    }

    fn area(&self) -> &[Word] {
        &self.map.words()[HEADER_BYTES / 8..]
    }

    /// Takes the next record into `frame` and steps over it. The end is not stepped over.
    pub(crate) fn next(&mut self, frame: &mut Frame) -> Result<Next, ReadError> {
        match take(self.area(), self.at, frame) {
            Found::Nothing => Ok(Next::Nothing),
            Found::Record if frame.header().seq == self.next_seq => {
                let words = frame.words().len();
                self.at += words;
                self.position += words as u64 * 8;
                self.next_seq += 1;
                Ok(Next::Record)
            }
            Found::End if self.is_my_end(frame) => Ok(Next::End),
            Found::Record => Err(self.corrupt("sequence of the record")),
            Found::End => Err(self.corrupt("end of another place")),
            Found::Bad(what) => Err(self.corrupt(what)),
        }
    }

    /// Goes back to the first record.
    pub(crate) fn rewind(&mut self) {
        self.at = 0;
        self.position = self.header.base_position;
        self.next_seq = self.header.base_seq;
    }

    fn is_my_end(&self, frame: &Frame) -> bool {
        let (lines, _) = frame.words().as_chunks();
        End::of(&lines[0])
            == End {
                seq: self.next_seq,
                position: self.position,
                chain: ChainHash::NONE,
            }
    }

    pub(crate) fn corrupt(&self, what: &'static str) -> ReadError {
        ReadError::Corrupt {
            path: self.path.clone(),
            offset: (HEADER_BYTES + self.at * 8) as u64,
            position: self.position,
            seq: self.next_seq,
            what,
        }
    }
}
