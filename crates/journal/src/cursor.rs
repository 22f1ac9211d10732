//! A walk over one segment, wherever it lies, and the rule for going from one segment to the next.

use std::path::Path;

use pinrail_types::Frame;

use crate::archived::{self, ArchivedSegment};
use crate::error::ReadError;
use crate::format::{ARCHIVED, HeaderFault, JournalId, LIVE, Salt, SegmentFile, SegmentHeader};
use crate::live::{self, LiveSegment};

/// What comes next in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A record, now in the frame.
    Record,
    /// The segment is complete.
    Sealed,
    /// Nothing follows, so far.
    Open,
    /// Archived bytes that are not what the format puts there.
    Damaged(&'static str),
}

/// Where an archive was cut because a crash had left half a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub path: std::path::PathBuf,
    /// Byte in it from which on nothing is taken.
    pub offset: u64,
    /// Position of the first record that is lost.
    pub position: u64,
    /// Its sequence.
    pub seq: u64,
    /// Bytes from there to the last one that is not zero.
    pub bytes: u64,
    /// What was found there.
    pub what: &'static str,
}

/// A walk over one segment.
#[derive(Debug)]
pub(crate) enum Cursor {
    Live(LiveSegment),
    Archived(ArchivedSegment),
}

impl Cursor {
    /// Opens segment `segment`, the live one where there is one, else the archived one; `None` where it is in
    /// neither place or nobody has begun it.
    pub(crate) fn open(
        live_dir: Option<&Path>,
        archive_dir: &Path,
        segment: u64,
    ) -> Result<Option<Cursor>, ReadError> {
        if let Some(dir) = live_dir
            && let Some(file) = SegmentFile::find(dir, LIVE, segment)?
            && let Some(live) = LiveSegment::open(&file)?
        {
            return Ok(Some(Cursor::Live(live)));
        }
        let Some(file) = SegmentFile::find(archive_dir, ARCHIVED, segment)? else {
            return Ok(None);
        };
        match ArchivedSegment::open(&file)? {
            Ok(archived) => Ok(Some(Cursor::Archived(archived))),
            Err(HeaderFault::Blank) => Ok(None),
            Err(fault) => Err(fault.at(&file.path)),
        }
    }

    /// Takes the next record into `frame`, its checksum field zero, and steps over it.
    #[inline]
    pub(crate) fn next(&mut self, frame: &mut Frame) -> Result<Step, ReadError> {
        match self {
            Cursor::Live(segment) => Ok(match segment.next(frame)? {
                live::Next::Record => Step::Record,
                live::Next::End => Step::Sealed,
                live::Next::Nothing => Step::Open,
            }),
            Cursor::Archived(segment) => Ok(match segment.next(frame) {
                archived::Next::Record => Step::Record,
                archived::Next::Sealed => Step::Sealed,
                archived::Next::Open => Step::Open,
                archived::Next::Damaged(what) => Step::Damaged(what),
            }),
        }
    }

    pub(crate) fn header(&self) -> &SegmentHeader {
        match self {
            Cursor::Live(segment) => &segment.header,
            Cursor::Archived(segment) => &segment.header,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Cursor::Live(segment) => &segment.path,
            Cursor::Archived(segment) => &segment.path,
        }
    }

    /// Position of the next record.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        match self {
            Cursor::Live(segment) => segment.position,
            Cursor::Archived(segment) => segment.position,
        }
    }

    /// Sequence of the next record.
    #[inline]
    pub(crate) fn next_seq(&self) -> u64 {
        match self {
            Cursor::Live(segment) => segment.next_seq,
            Cursor::Archived(segment) => segment.next_seq,
        }
    }

    /// Steps over records up to `position`.
    pub(crate) fn skip_to(&mut self, position: u64, frame: &mut Frame) -> Result<(), ReadError> {
        while self.position() < position {
            if self.next(frame)? != Step::Record {
                return Err(self.corrupt("ends before a position that had been read"));
            }
        }
        Ok(())
    }

    /// Whether the segment, having stopped at `step`, ends here because `next` begins here. An archived segment without a
    /// written end was cut by a crash, and only a later epoch goes on behind it. A live one may lack its end because its
    /// writer was killed when it had begun the next.
    pub(crate) fn leads_to(&self, step: Step, next: &Cursor) -> bool {
        let next = next.header();
        next.base_position == self.position()
            && next.base_seq == self.next_seq()
            && next.journal_id == self.header().journal_id
            && (step == Step::Sealed || next.epoch > self.header().epoch || matches!(self, Cursor::Live(_)))
    }

    pub(crate) fn corrupt(&self, what: &'static str) -> ReadError {
        match self {
            Cursor::Live(segment) => segment.corrupt(what),
            Cursor::Archived(segment) => segment.corrupt(what),
        }
    }

    /// What it means that the last segment of a journal stops at `step`: a clean end, a torn one, or corruption.
    pub(crate) fn judge(&self, step: Step) -> Result<Option<Torn>, ReadError> {
        match (self, step) {
            (Cursor::Archived(segment), Step::Damaged(what)) => segment.judge(what).map(Some),
            _ => Ok(None),
        }
    }
}

/// What it means that the header of the journal's last file cannot be read, where the segments before it end at
/// `position` and `seq`: a crash came before its first batch was durable, or corruption. `None` if nothing was
/// ever written to it.
pub(crate) fn judge_headless(
    file: &SegmentFile,
    id: JournalId,
    position: u64,
    seq: u64,
) -> Result<Option<Torn>, ReadError> {
    let bytes = std::fs::read(&file.path).map_err(ReadError::io("read", &file.path))?;
    let Some(last) = bytes.iter().rposition(|b| *b != 0) else {
        return Ok(None);
    };
    let salt = Salt::new(id, file.epoch, file.segment);
    match SegmentHeader::parse(&bytes) {
        Err(HeaderFault::Version(version)) => Err(HeaderFault::Version(version).at(&file.path)),
        _ if archived::durable_mark(&bytes, 0, salt) > position => Err(ReadError::Corrupt {
            path: file.path.clone(),
            offset: 0,
            position,
            seq,
            what: "segment header",
        }),
        _ => Ok(Some(Torn {
            path: file.path.clone(),
            offset: 0,
            position,
            seq,
            bytes: last as u64 + 1,
            what: "segment header",
        })),
    }
}
