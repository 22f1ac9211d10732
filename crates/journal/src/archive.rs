//! Reading a journal that nobody is writing, from its first record to its last.

use std::path::{Path, PathBuf};

use pinrail_types::Frame;

use crate::archived::ArchivedSegment;
use crate::chain::{Chain, ChainHash};
use crate::cursor::{self, Cursor, Step, judge_headless};
use crate::error::ReadError;
use crate::format::{JournalId, LIVE, Meta, SegmentFile, SegmentHeader, is_cold};

pub use crate::begun::settled_position;
pub use crate::compress::{Compressed, LEVELS, compress};
pub use crate::cursor::Torn;
pub use crate::prune::{First, Keep, Kept, Pruned, Removed, plan_prune, prune};
pub use crate::verify::{End, Head, Verified, verify};

/// How a journal ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Behind a whole record.
    Clean,
    /// In what a crash left of a batch that was never durable.
    Torn(Torn),
}

/// Reads the archived segments in order, and with a live directory also what a killed writer left there. Every
/// byte on the way is checked. A journal that is being written can be read too, as far as it had come; to follow it,
/// use [`Reader`](crate::Reader).
#[derive(Debug)]
pub struct Reader {
    archive_dir: PathBuf,
    live_dir: Option<PathBuf>,
    id: JournalId,
    cursor: Option<Cursor>,
    tail: Option<Tail>,
    position: u64,
    next_seq: u64,
    pub(crate) chain: Chain,
}

/// A step of a [`Reader`].
pub(crate) enum Passed {
    /// A record at this position.
    Record(u64),
    /// All of a segment.
    Segment(PassedSegment),
}

/// A segment that was read to where it stops.
pub(crate) struct PassedSegment {
    pub(crate) segment: u64,
    pub(crate) epoch: u32,
    /// Length of its file in bytes.
    pub(crate) file_bytes: u64,
    /// Whether it is compressed.
    pub(crate) is_cold: bool,
    /// Whether its end was written.
    pub(crate) is_sealed: bool,
    pub(crate) hash: ChainHash,
}

impl Reader {
    /// Opens the archive in `archive_dir`, and what is in `live_dir` if one is given.
    ///
    /// # Errors
    /// [`ReadError::NoJournal`] where no journal is; otherwise if its first segment cannot be read.
    pub fn open(archive_dir: &Path, live_dir: Option<&Path>) -> Result<Reader, ReadError> {
        let meta = read_meta(archive_dir)?.ok_or_else(|| ReadError::NoJournal {
            path: archive_dir.to_owned(),
        })?;
        let mut reader = Reader {
            archive_dir: archive_dir.to_owned(),
            live_dir: live_dir.map(Path::to_owned),
            id: meta.journal_id,
            cursor: None,
            tail: None,
            position: 0,
            next_seq: 1,
            chain: Chain::default(),
        };
        while let Some(first) = first_segment(archive_dir, live_dir)? {
            match reader.open_segment(first) {
                // Segments may be removed from the front between a look and the next.
                Err(ReadError::Missing { .. }) if first_segment(archive_dir, live_dir)? > Some(first) => {}
                opened => {
                    reader.cursor = opened?;
                    break;
                }
            }
        }
        match &reader.cursor {
            Some(cursor) if cursor.header().journal_id != reader.id => {
                return Err(cursor.corrupt("segment of another journal"));
            }
            Some(cursor) => {
                (reader.position, reader.next_seq) = (cursor.position(), cursor.next_seq());
                reader.chain = Chain::entering(cursor.header());
            }
            None => drop(reader.tail.get_or_insert(Tail::Clean)),
        }
        Ok(reader)
    }

    /// The same, but from the record at `position` on; what is before it is not looked at, but for the records of the
    /// segment that holds it. Takes some file opens, as the logarithm of the number of segments, and the reading of one.
    ///
    /// # Errors
    /// As [`Reader::open`]; [`ReadError::Corrupt`] where no record begins or the journal ends at `position`.
    pub fn open_at(archive_dir: &Path, live_dir: Option<&Path>, position: u64) -> Result<Reader, ReadError> {
        let mut reader = Reader::open(archive_dir, live_dir)?;
        let Some(first) = reader.header().map(|header| header.segment) else {
            return Ok(reader);
        };
        let mut last = SegmentFile::archived(archive_dir)?
            .last()
            .map_or(first, |file| file.segment);
        if let Some(live_dir) = live_dir {
            last = last.max(
                SegmentFile::list(live_dir, LIVE)?
                    .last()
                    .map_or(first, |file| file.segment),
            );
        }
        let at = cursor::holding(position, (first, last), |segment| reader.open_segment(segment))?;
        if at > first {
            reader.cursor = reader.open_segment(at)?;
        }
        if let Some(cursor) = &mut reader.cursor {
            reader.tail = None;
            cursor.begin_at(position)?;
            (reader.position, reader.next_seq) = (cursor.position(), cursor.next_seq());
            reader.chain = Chain::entering(cursor.header());
        }
        Ok(reader)
    }

    /// Takes the next record into `frame`, its checksum field zero, and gives its position; `None` at the end of the
    /// journal, where [`Reader::tail`] says which end it is.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] where durable bytes were changed, lost or added, with the place.
    pub fn next(&mut self, frame: &mut Frame) -> Result<Option<u64>, ReadError> {
        loop {
            match self.step(frame)? {
                Some(Passed::Record(position)) => return Ok(Some(position)),
                Some(Passed::Segment(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// As [`Reader::next`], and tells of each archived segment that was read to where it stops.
    pub(crate) fn step(&mut self, frame: &mut Frame) -> Result<Option<Passed>, ReadError> {
        while let Some(cursor) = &mut self.cursor {
            let step = cursor.next(frame)?;
            if step == Step::Record {
                let position = core::mem::replace(&mut self.position, cursor.position());
                self.next_seq = cursor.next_seq();
                return Ok(Some(Passed::Record(position)));
            }
            if let Some(passed) = self.leave(step)? {
                return Ok(Some(Passed::Segment(passed)));
            }
        }
        Ok(None)
    }

    /// How the journal ends, once [`Reader::next`] has given `None`.
    pub fn tail(&self) -> Option<&Tail> {
        self.tail.as_ref()
    }

    /// Position of the next record.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Sequence of the next record.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The journal.
    pub fn journal_id(&self) -> JournalId {
        self.id
    }

    /// Header of the segment that is being read; `None` at the end.
    pub fn header(&self) -> Option<&SegmentHeader> {
        self.cursor.as_ref().map(Cursor::header)
    }

    /// File of the segment that is being read; `None` at the end.
    pub fn path(&self) -> Option<&Path> {
        self.cursor.as_ref().map(Cursor::path)
    }

    /// Goes on to the next segment, or notes how the journal ends. Gives the segment that was left, if it is archived.
    fn leave(&mut self, step: Step) -> Result<Option<PassedSegment>, ReadError> {
        let Some(cursor) = self.cursor.take() else {
            return Ok(None);
        };
        let mut passed = None;
        if let Cursor::Archived(segment) = &cursor {
            passed = Some(PassedSegment {
                segment: segment.header.segment,
                epoch: segment.header.epoch,
                file_bytes: segment.file_bytes,
                is_cold: segment.is_cold(),
                is_sealed: step == Step::Sealed,
                hash: segment.chain_hash(&mut self.chain)?,
            });
        }
        match self.open_segment(cursor.header().segment + 1)? {
            Some(next) if next.header().journal_id != self.id => {
                return Err(next.corrupt("segment of another journal"));
            }
            Some(next) if cursor.leads_to(step, next.header()) => {
                self.check_link(&cursor, passed.as_ref(), &next)?;
                self.cursor = Some(next);
            }
            Some(next) => {
                if let Some(grown) = self.grown(&cursor)? {
                    self.cursor = Some(grown);
                    return Ok(None);
                }
                return Err(match step {
                    Step::Damaged(what) => cursor.corrupt(what),
                    Step::Sealed => next.corrupt("base of the segment"),
                    _ => cursor.corrupt("segment stops before the next one begins"),
                });
            }
            None => {
                let torn = cursor.judge(step)?.map(Tail::Torn);
                self.tail = torn.or(self.tail.take()).or(Some(Tail::Clean));
            }
        }
        Ok(passed)
    }

    /// An archived segment as it stands now, at the same place, if its writer has added to it since it was read.
    fn grown(&mut self, cursor: &Cursor) -> Result<Option<Cursor>, ReadError> {
        let Some(mut now) = self.open_segment(cursor.header().segment)? else {
            return Ok(None);
        };
        match (cursor, &now) {
            (Cursor::Archived(before), Cursor::Archived(now)) if before.has_bytes_of(now) => return Ok(None),
            (Cursor::Archived(_), Cursor::Archived(_)) => {}
            _ => return Ok(None),
        }
        now.skip_to(cursor.position(), &mut Frame::default())?;
        Ok(Some(now))
    }

    /// Checks that `next` names the chain hash of the segment before it. Live segments have none.
    fn check_link(
        &mut self,
        cursor: &Cursor,
        passed: Option<&PassedSegment>,
        next: &Cursor,
    ) -> Result<(), ReadError> {
        if let (Cursor::Archived(segment), Some(passed), Cursor::Archived(next)) = (cursor, passed, next)
            && !self
                .chain
                .agrees(segment.header.segment, passed.hash, next.header.chain_before)
        {
            return Err(segment.changed("the next segment names another chain hash"));
        }
        Ok(())
    }

    /// Opens a segment. Where it cannot be read the journal ends, if a crash may have left it so: then nothing follows
    /// that can be.
    fn open_segment(&mut self, segment: u64) -> Result<Option<Cursor>, ReadError> {
        let fault = match Cursor::open(self.live_dir.as_deref(), &self.archive_dir, segment) {
            Ok(None) => ReadError::Missing {
                segment,
                archive_dir: self.archive_dir.clone(),
            },
            Err(ReadError::Corrupt {
                path,
                offset: 0,
                what,
                ..
            }) if path.extension().is_none_or(|extension| extension != LIVE) => ReadError::Corrupt {
                path,
                offset: 0,
                position: self.position,
                seq: self.next_seq,
                what,
            },
            opened => return opened,
        };
        if matches!(&fault, ReadError::Corrupt { path, .. } if is_cold(path)) {
            return Err(fault);
        }
        let mut torn = None;
        for file in SegmentFile::archived(&self.archive_dir)? {
            if file.segment < segment {
                continue;
            }
            let judged = if file.is_cold() {
                // An error, if it can't be read; a crash leaves none such.
                Ok(None)
            } else {
                judge_headless(&file, self.id, self.position, self.next_seq)
            };
            match ArchivedSegment::open(&file) {
                // Begun by its writer, or compressed, since.
                Ok(Ok(opened)) if opened.header.journal_id != self.id => {
                    return Err(opened.corrupt("segment of another journal"));
                }
                Ok(Ok(opened)) if file.segment == segment => return Ok(Some(Cursor::Archived(opened))),
                // It is begun before those behind it.
                Ok(Ok(_)) => {
                    let again = Cursor::open(self.live_dir.as_deref(), &self.archive_dir, segment);
                    return again.ok().flatten().map(Some).ok_or(fault);
                }
                Ok(Err(_)) => torn = torn.or(judged?),
                Err(e) if e.is_gone() => {}
                Err(e) => return Err(e),
            }
        }
        self.tail = torn.map(Tail::Torn);
        Ok(None)
    }
}

/// Number of the first segment that is there.
fn first_segment(archive_dir: &Path, live_dir: Option<&Path>) -> Result<Option<u64>, ReadError> {
    let mut files = SegmentFile::archived(archive_dir)?;
    if let Some(live_dir) = live_dir {
        files.extend(SegmentFile::list(live_dir, LIVE)?);
    }
    Ok(files.iter().map(|file| file.segment).min())
}

/// Whether nothing was ever written to an archived segment that was made ahead.
pub(crate) fn is_blank(path: &Path) -> Result<bool, ReadError> {
    let bytes = std::fs::read(path).map_err(ReadError::io("read", path))?;
    Ok(bytes.iter().all(|b| *b == 0))
}

/// The archive's meta file; `None` if there is none.
pub(crate) fn read_meta(archive_dir: &Path) -> Result<Option<Meta>, ReadError> {
    let path = archive_dir.join("meta");
    match std::fs::read(&path) {
        Ok(bytes) => Meta::parse(&bytes).map(Some).map_err(|fault| fault.at(&path)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(ReadError::io("read", &path)(e)),
    }
}

/// What a journal holds, however it is cut into segments and batches, and whenever and in which epoch it was
/// written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Number of records.
    pub records: u64,
    /// Their length in bytes.
    pub bytes: u64,
    /// FNV-1a, 64 bits, over all bytes of all records in order, their checksum fields zero.
    pub hash: u64,
}

/// The digest of the archive in `archive_dir`.
///
/// # Errors
/// As [`Reader::open`] and [`Reader::next`]. A torn tail is no error; it is left out.
pub fn digest(archive_dir: &Path) -> Result<Digest, ReadError> {
    let mut reader = Reader::open(archive_dir, None)?;
    let mut frame = Frame::default();
    let mut digest = Digest {
        records: 0,
        bytes: 0,
        hash: 0xcbf2_9ce4_8422_2325,
    };
    while reader.next(&mut frame)?.is_some() {
        digest.records += 1;
        digest.bytes += frame.bytes().len() as u64;
        for byte in frame.bytes() {
            digest.hash = (digest.hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    Ok(digest)
}
