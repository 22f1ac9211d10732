//! A walk over one segment, wherever it lies, and the rule for going from one segment to the next.

use std::fs::File;
use std::path::Path;

use pinrail_types::Frame;

use crate::archived::{self, ArchivedSegment};
use crate::error::ReadError;
use crate::format::{ARCHIVED, HeaderFault, JournalId, LIVE, Salt, SegmentFile, SegmentHeader};
use crate::hold::hold;
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
    /// With its archived copy, so that nobody removes those that follow.
    Live(
        LiveSegment,
        #[expect(dead_code, reason = "it is kept open")] Option<File>,
    ),
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
        if let Some(cursor) = Cursor::open_live(live_dir, archive_dir, segment)? {
            return Ok(Some(cursor));
        }
        let Some(file) = SegmentFile::find_archived(archive_dir, segment)? else {
            return Ok(None);
        };
        match ArchivedSegment::open(&file) {
            Ok(Ok(archived)) => Ok(Some(Cursor::Archived(archived))),
            Ok(Err(HeaderFault::Blank)) => Ok(None),
            // The archiver may be writing this page right now: then the live segment has begun since the first look.
            Ok(Err(fault)) => match Cursor::open_live(live_dir, archive_dir, segment)? {
                Some(cursor) => Ok(Some(cursor)),
                None => Err(fault.at(&file.path)),
            },
            Err(e) if e.is_gone() => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn open_live(
        live_dir: Option<&Path>,
        archive_dir: &Path,
        segment: u64,
    ) -> Result<Option<Cursor>, ReadError> {
        let Some(live_dir) = live_dir else {
            return Ok(None);
        };
        let Some(file) = SegmentFile::find(live_dir, LIVE, segment)? else {
            return Ok(None);
        };
        let Some(live) = LiveSegment::open(&file)? else {
            return Ok(None);
        };
        let copy = SegmentFile::new(archive_dir, segment, live.header.epoch, ARCHIVED);
        // A live segment is read whether or not there is a copy that can be held.
        let held = hold(&copy.path).ok().flatten();
        Ok(Some(Cursor::Live(live, held)))
    }

    /// Takes the next record into `frame`, its checksum field zero, and steps over it.
    #[inline]
    pub(crate) fn next(&mut self, frame: &mut Frame) -> Result<Step, ReadError> {
        match self {
            Cursor::Live(segment, _) => Ok(match segment.next(frame)? {
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
            Cursor::Live(segment, _) => &segment.header,
            Cursor::Archived(segment) => &segment.header,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Cursor::Live(segment, _) => &segment.path,
            Cursor::Archived(segment) => &segment.path,
        }
    }

    /// Position of the next record.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        match self {
            Cursor::Live(segment, _) => segment.position,
            Cursor::Archived(segment) => segment.position,
        }
    }

    /// Sequence of the next record.
    #[inline]
    pub(crate) fn next_seq(&self) -> u64 {
        match self {
            Cursor::Live(segment, _) => segment.next_seq,
            Cursor::Archived(segment) => segment.next_seq,
        }
    }

    /// Goes to `position`, from which on nothing was read yet.
    pub(crate) fn begin_at(&mut self, position: u64) -> Result<(), ReadError> {
        self.skip_to(position, &mut Frame::default())?;
        if self.position() == position {
            Ok(())
        } else {
            Err(self.corrupt("no record begins at the position asked for"))
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

    /// Whether the segment, having stopped at `step`, ends here because the one with header `next` begins here. An archived
    /// segment without a written end was cut by a crash, and only a later epoch goes on behind it. A live one may lack its
    /// end because its writer was killed when it had begun the next.
    pub(crate) fn leads_to(&self, step: Step, next: &SegmentHeader) -> bool {
        next.base_position == self.position()
            && next.base_seq == self.next_seq()
            && next.journal_id == self.header().journal_id
            && (step == Step::Sealed || next.epoch > self.header().epoch || matches!(self, Cursor::Live(..)))
    }

    pub(crate) fn corrupt(&self, what: &'static str) -> ReadError {
        match self {
            Cursor::Live(segment, _) => segment.corrupt(what),
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

/// Which of the segments from `first` to `last` holds what is at `position`: the last that begins before it, or the first.
/// Those that nobody has begun count as later.
pub(crate) fn holding(
    position: u64,
    (first, last): (u64, u64),
    mut open: impl FnMut(u64) -> Result<Option<Cursor>, ReadError>,
) -> Result<u64, ReadError> {
    let (mut at, mut behind) = (first, last + 1);
    while behind - at > 1 {
        let middle = at + (behind - at) / 2;
        match open(middle)? {
            Some(cursor) if cursor.position() < position => at = middle,
            _ => behind = middle,
        }
    }
    Ok(at)
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

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::chain::ChainHash;
    use crate::format::{HEADER_BYTES, Mark, Stamp};

    const ID: JournalId = JournalId([3; 16]);

    /// The header page of segment 7, which begins at sequence 10 and position 640.
    fn page(journal_id: JournalId, epoch: u32) -> Vec<u8> {
        let stamp = Stamp {
            behaviour_version: 1,
            schema_hash: 2,
            playback: false,
            journal_id,
            epoch,
            segment_bytes: 8192,
        };
        let mut header = SegmentHeader::prepared(&stamp, 7, (0, 0));
        header.begin(10, 640);
        let mut page = vec![0; HEADER_BYTES];
        page[..256].copy_from_slice(bytemuck::bytes_of(&header.archived(ChainHash::NONE)));
        page
    }

    fn cursor(journal_id: JournalId, epoch: u32) -> ArchivedSegment {
        ArchivedSegment::over(page(journal_id, epoch), PathBuf::new()).unwrap()
    }

    #[test]
    fn only_what_begins_where_this_ends_follows() {
        let next = cursor(ID, 2).header;
        let leads = |segment: ArchivedSegment, step| Cursor::Archived(segment).leads_to(step, &next);
        assert!(leads(cursor(ID, 2), Step::Sealed));
        // A cut segment is followed by a later epoch only.
        assert!(!leads(cursor(ID, 2), Step::Open));
        assert!(!leads(cursor(ID, 3), Step::Damaged("")));
        assert!(leads(cursor(ID, 1), Step::Open));
        assert!(leads(cursor(ID, 1), Step::Damaged("")));
        assert!(!leads(cursor(JournalId([4; 16]), 2), Step::Sealed));
        let mut elsewhere = cursor(ID, 2);
        elsewhere.position += 64;
        assert!(!leads(elsewhere, Step::Sealed));
        let mut elsewhere = cursor(ID, 2);
        elsewhere.next_seq += 1;
        assert!(!leads(elsewhere, Step::Sealed));
    }

    /// What a file of these bytes, named as segment 7 of epoch 2, is behind position 640.
    fn judged(bytes: &[u8]) -> Result<Option<Torn>, ReadError> {
        let dir = tempfile::tempdir().unwrap();
        let file = SegmentFile::new(dir.path(), 7, 2, ARCHIVED);
        std::fs::write(&file.path, bytes).unwrap();
        judge_headless(&file, ID, 640, 10)
    }

    #[test]
    fn a_lost_header_is_a_tear_until_a_mark_calls_what_is_behind_it_durable() {
        let with_mark = |durable, epoch| {
            let mark = Mark {
                seq: 10,
                position: 640,
                durable,
                batch_bytes: 64,
                offset: HEADER_BYTES as u64,
            };
            let mut bytes = vec![0; HEADER_BYTES];
            bytes.extend_from_slice(bytemuck::bytes_of(&mark.line(Salt::new(ID, epoch, 7))));
            bytes
        };
        assert_eq!(judged(&[]).unwrap(), None);
        assert_eq!(judged(&[0; HEADER_BYTES]).unwrap(), None);
        let torn = judged(&with_mark(640, 2)).unwrap().unwrap();
        assert_eq!((torn.offset, torn.position, torn.seq), (0, 640, 10));
        assert!(matches!(
            judged(&with_mark(641, 2)),
            Err(ReadError::Corrupt {
                offset: 0,
                position: 640,
                seq: 10,
                ..
            })
        ));
        // The mark of another epoch's segment says nothing of this one.
        assert!(judged(&with_mark(641, 1)).unwrap().is_some());
        let mut newer = page(ID, 2);
        newer[8] = 9;
        assert!(matches!(
            judged(&newer),
            Err(ReadError::Unsupported { found: 9, .. })
        ));
    }
}
