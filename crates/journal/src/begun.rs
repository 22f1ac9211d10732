//! The segments of an archive that hold something, by their headers.

use std::path::{Path, PathBuf};

use crate::archive::read_meta;
use crate::archived::{self, ArchivedSegment};
use crate::cold;
use crate::error::ReadError;
use crate::format::{ARCHIVED, COLD, HeaderFault, SegmentFile, SegmentHeader};

/// An archived segment that was begun.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) file: SegmentFile,
    pub(crate) header: SegmentHeader,
}

impl Begun {
    /// Its files, plain and compressed; at least one of them is there.
    pub(crate) fn paths(&self) -> [PathBuf; 2] {
        [self.file.with(ARCHIVED).path, self.file.with(COLD).path]
    }

    /// Length of its files in bytes.
    pub(crate) fn file_bytes(&self) -> u64 {
        let lengths = self
            .paths()
            .map(|path| std::fs::metadata(path).map_or(0, |metadata| metadata.len()));
        lengths.iter().sum()
    }
}

/// The segments that were begun, in order. What a crash may have left behind them is left out.
///
/// # Errors
/// [`ReadError`] if there is no journal, or one of them is missing or another journal's.
pub(crate) fn begun(archive_dir: &Path) -> Result<Vec<Begun>, ReadError> {
    let meta = read_meta(archive_dir)?.ok_or_else(|| ReadError::NoJournal {
        path: archive_dir.to_owned(),
    })?;
    let mut begun: Vec<Begun> = Vec::new();
    let mut fault = None;
    for file in SegmentFile::archived(archive_dir)? {
        let header = match cold::peek(&file) {
            Ok(Ok(header)) => header,
            Ok(Err(found)) => {
                fault.get_or_insert(found.at(&file.path));
                continue;
            }
            // Made ahead, and removed by a writer that was closed meanwhile.
            Err(e) if e.is_gone() => continue,
            Err(e) => return Err(e),
        };
        if let Some(fault) = fault {
            return Err(fault);
        }
        if header.journal_id != meta.journal_id {
            return Err(HeaderFault::Bad("segment of another journal").at(&file.path));
        }
        if let Some(last) = begun.last()
            && header.segment != last.header.segment + 1
        {
            return Err(if header.segment == last.header.segment {
                HeaderFault::Bad("a second file of the same segment").at(&file.path)
            } else {
                ReadError::Missing {
                    segment: last.header.segment + 1,
                    archive_dir: archive_dir.to_owned(),
                }
            });
        }
        begun.push(Begun { file, header });
    }
    Ok(begun)
}

/// The position before which nothing in `archive_dir` can be lost or change any more: the last segment's end if it was
/// written, else where that segment begins.
///
/// # Errors
/// [`ReadError`] if there is no journal or it can't be read.
pub fn settled_position(archive_dir: &Path) -> Result<u64, ReadError> {
    let Some(last) = begun(archive_dir)?.pop() else {
        return Ok(0);
    };
    let mut segment = ArchivedSegment::open(&last.file)?.map_err(|fault| fault.at(&last.file.path))?;
    let mut frame = pinrail_types::Frame::default();
    loop {
        match segment.next(&mut frame) {
            archived::Next::Record => {}
            archived::Next::Sealed => return Ok(segment.position),
            archived::Next::Open | archived::Next::Damaged(_) => return Ok(last.header.base_position),
        }
    }
}
