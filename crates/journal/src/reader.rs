//! Following a journal while it is written, from the same process or another.

use std::path::{Path, PathBuf};

use pinrail_types::Frame;

use crate::control::Control;
use crate::cursor::{self, Cursor, Step};
use crate::error::ReadError;
use crate::format::{LIVE, SegmentFile, SegmentHeader};

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// The first record that is still there.
    Start,
    /// Whatever is committed from now on.
    Live,
    /// The record at this position.
    Position(u64),
}

/// Follows a journal. It maps what it reads for reading only, and the writer neither knows of it nor waits for it: a
/// reader that lags finds in the archive what is no longer live. It keeps one segment mapped.
#[derive(Debug)]
pub struct Reader {
    live_dir: PathBuf,
    archive_dir: PathBuf,
    control: Control,
    cursor: Cursor,
}

impl Reader {
    /// Opens the journal of these two directories.
    ///
    /// # Errors
    /// [`ReadError::NoJournal`] where none was ever opened for writing since the machine started;
    /// [`ReadError::Corrupt`] if the directories are of two journals, or no record begins at the position asked for;
    /// otherwise if what is there cannot be read.
    pub fn open(live_dir: &Path, archive_dir: &Path, from: From) -> Result<Reader, ReadError> {
        let control = Control::open(live_dir)?;
        let mut cursor = match from {
            From::Start => first(live_dir, archive_dir)?,
            From::Live => last(live_dir, archive_dir)?,
            From::Position(position) => at(live_dir, archive_dir, position)?,
        }
        .ok_or_else(|| ReadError::NoJournal {
            path: live_dir.to_owned(),
        })?;
        if cursor.header().journal_id != control.journal_id() {
            return Err(cursor.corrupt("segment of another journal"));
        }
        if from == From::Live {
            let mut frame = Frame::default();
            while cursor.next(&mut frame)? == Step::Record {}
        }
        Ok(Reader {
            live_dir: live_dir.to_owned(),
            archive_dir: archive_dir.to_owned(),
            control,
            cursor,
        })
    }

    /// Takes the next record into `frame`, its checksum field zero; `false` if there is none yet. No system call
    /// inside a live segment, and no wait anywhere.
    ///
    /// # Errors
    /// [`ReadError`], with the place. The writer is not affected.
    #[inline]
    pub fn poll(&mut self, frame: &mut Frame) -> Result<bool, ReadError> {
        loop {
            let step = self.cursor.next(frame)?;
            if step == Step::Record {
                return Ok(true);
            }
            if !self.go_on(step, frame)? {
                return Ok(false);
            }
        }
    }

    /// End of what was read.
    pub fn position(&self) -> u64 {
        self.cursor.position()
    }

    /// Sequence of the next record.
    pub fn next_seq(&self) -> u64 {
        self.cursor.next_seq()
    }

    /// Header of the segment that is being read.
    pub fn header(&self) -> &SegmentHeader {
        self.cursor.header()
    }

    /// The journal's control file: how far it is durable, and whether its writer lives.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Tries to find more behind a place where the segment stops; `false` if there is nothing yet.
    #[cold]
    fn go_on(&mut self, step: Step, frame: &mut Frame) -> Result<bool, ReadError> {
        let header = *self.cursor.header();
        let still_written = matches!(self.cursor, Cursor::Live(..)) && self.control.epoch() == header.epoch;
        if step == Step::Open && still_written {
            return Ok(false);
        }
        if let Some(next) = self.open_segment(header.segment + 1)?
            && self.cursor.leads_to(step, next.header())
        {
            self.cursor = next;
            return Ok(true);
        }
        if step == Step::Sealed {
            let first = segments(&self.live_dir, &self.archive_dir)?.first().copied();
            return match first {
                Some(first) if first > header.segment + 1 => Err(self.missing(header.segment + 1)),
                _ => Ok(false),
            };
        }
        // The writer is gone and the next one has archived the rest of this segment, or the archive has grown since
        // it was read.
        let position = self.cursor.position();
        let mut again = self
            .open_segment(header.segment)?
            .ok_or_else(|| self.missing(header.segment))?;
        again.skip_to(position, frame)?;
        let changed = matches!(again, Cursor::Live(..)) != matches!(self.cursor, Cursor::Live(..));
        self.cursor = again;
        Ok(changed)
    }

    fn missing(&self, segment: u64) -> ReadError {
        ReadError::Missing {
            segment,
            archive_dir: self.archive_dir.clone(),
        }
    }

    fn open_segment(&self, segment: u64) -> Result<Option<Cursor>, ReadError> {
        Cursor::open(Some(&self.live_dir), &self.archive_dir, segment)
    }
}

fn first(live_dir: &Path, archive_dir: &Path) -> Result<Option<Cursor>, ReadError> {
    let mut first = 0;
    loop {
        match segments(live_dir, archive_dir)?.first() {
            // Not there any more: segments may be removed from the front between a look and the next.
            Some(segment) if *segment > first => first = *segment,
            _ => return Ok(None),
        }
        if let Some(cursor) = Cursor::open(Some(live_dir), archive_dir, first)? {
            return Ok(Some(cursor));
        }
    }
}

/// Takes some file opens, as the logarithm of the number of segments, and the reading of one.
fn at(live_dir: &Path, archive_dir: &Path, position: u64) -> Result<Option<Cursor>, ReadError> {
    let segments = segments(live_dir, archive_dir)?;
    let (Some(&first), Some(&last)) = (segments.first(), segments.last()) else {
        return Ok(None);
    };
    let open = |segment| Cursor::open(Some(live_dir), archive_dir, segment);
    let mut cursor = open(cursor::holding(position, (first, last), open)?)?;
    if let Some(cursor) = &mut cursor {
        cursor.begin_at(position)?;
    }
    Ok(cursor)
}

fn last(live_dir: &Path, archive_dir: &Path) -> Result<Option<Cursor>, ReadError> {
    for segment in segments(live_dir, archive_dir)?.into_iter().rev() {
        if let Some(cursor) = Cursor::open(Some(live_dir), archive_dir, segment)? {
            return Ok(Some(cursor));
        }
    }
    Ok(None)
}

/// Numbers of the segments that are there, in order.
fn segments(live_dir: &Path, archive_dir: &Path) -> Result<Vec<u64>, ReadError> {
    let mut files = SegmentFile::archived(archive_dir)?;
    files.extend(SegmentFile::list(live_dir, LIVE)?);
    let mut segments: Vec<u64> = files.iter().map(|file| file.segment).collect();
    segments.sort_unstable();
    Ok(segments)
}
