//! Removing segments from the front of an archive.

use std::path::{Path, PathBuf};

use pinrail_types::Frame;

use crate::archived::{self, ArchivedSegment};
use crate::begun::{Begun, begun};
use crate::chain::ChainHash;
use crate::compress::lock;
use crate::error::{JournalError, ReadError};
use crate::format::SegmentHeader;
use crate::hold::{Seized, seize};
use crate::storage::{Storage, remove, sync_dir_of};

/// What is to be kept of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// This many segments, the newest; at least one is kept.
    Segments(u64),
    /// From the record with this sequence on.
    FromSeq(u64),
    /// From the first record on whose core time is not before this, in nanoseconds since the Unix epoch.
    FromTime(u64),
}

/// A segment that is removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// Its number.
    pub segment: u64,
    /// Its file.
    pub path: PathBuf,
    /// Length of its files in bytes.
    pub file_bytes: u64,
}

/// The first segment that stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// Its number.
    pub segment: u64,
    /// Sequence of its first record.
    pub seq: u64,
    /// Position of that record.
    pub position: u64,
    /// The chain hash that it names of the segment before: who kept that one as a head can tell that this follows.
    pub chain_before: ChainHash,
}

/// Why more is kept than was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A start needs it.
    Needed,
    /// Somebody reads this file.
    Held(PathBuf),
}

/// What [`prune`] did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// What was removed, from the front.
    pub removed: Vec<Removed>,
    /// Where the journal begins now; `None` if it holds no segment.
    pub first: Option<First>,
    /// Why more is kept than was asked for, if it is.
    pub kept: Option<Kept>,
}

impl From<&SegmentHeader> for First {
    fn from(header: &SegmentHeader) -> First {
        First {
            segment: header.segment,
            seq: header.base_seq,
            position: header.base_position,
            chain_before: header.chain_before,
        }
    }
}

/// What [`prune`] would remove, if nobody reads it then.
///
/// # Errors
/// [`ReadError`] if there is no journal, its headers can't be read, or a segment between is missing.
pub fn plan_prune(archive_dir: &Path, keep: Keep, needed_from: Option<u64>) -> Result<Pruned, ReadError> {
    let begun = begun(archive_dir)?;
    Ok(plan(&begun, keep, needed_from)?.0)
}

/// Removes whole segments from the front of the archive in `archive_dir`, all that `keep` does not keep, but for the last,
/// for those that a start needs, and for what is behind one that somebody reads. A start needs what is behind `needed_from`,
/// the position of a snapshot that it can begin at, which must not be above [`settled_position`](crate::archive::settled_position);
/// without one it needs everything. `progress` is told files removed and in all.
///
/// What stays is made durable before anything is removed, and each removal before the next, so that a crash at any moment
/// leaves an archive without some of its first segments and with all others.
///
/// # Errors
/// [`JournalError`]; [`JournalError::Locked`] if another process compresses or prunes.
pub fn prune(
    archive_dir: &Path,
    keep: Keep,
    needed_from: Option<u64>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Pruned, JournalError> {
    let _lock = lock(archive_dir)?;
    let begun = begun(archive_dir)?;
    let (mut pruned, rest) = plan(&begun, keep, needed_from)?;
    let wanted = core::mem::take(&mut pruned.removed);
    if wanted.is_empty() {
        return Ok(pruned);
    }
    let needed_from = needed_from.unwrap_or(0);
    for segment in rest
        .iter()
        .take_while(|segment| segment.header.base_position < needed_from)
    {
        Storage::open(&segment.file.path)?.sync()?;
    }
    sync_dir_of(&begun[0].file.path)?;
    for (segment, removed) in begun.iter().zip(&wanted) {
        if let Some(held) = remove_unread(segment)? {
            pruned.kept = Some(Kept::Held(held));
            break;
        }
        pruned.removed.push(removed.clone());
        progress(pruned.removed.len() as u64, wanted.len() as u64);
    }
    pruned.first = begun
        .get(pruned.removed.len())
        .map(|segment| First::from(&segment.header));
    Ok(pruned)
}

/// What is to be removed, and the segments behind it.
fn plan(begun: &[Begun], keep: Keep, needed_from: Option<u64>) -> Result<(Pruned, &[Begun]), ReadError> {
    let needed_from = needed_from.unwrap_or(0);
    // A segment may go where the next one is begun, whatever else.
    let nexts = || begun.iter().zip(begun.iter().skip(1));
    // The record before the snapshot's place stays: it tells which epoch wrote that place.
    let free = nexts()
        .take_while(|(_, next)| next.header.base_position < needed_from)
        .count();
    let wanted = match keep {
        Keep::Segments(most) => begun.len().saturating_sub((most as usize).max(1)),
        Keep::FromSeq(seq) => nexts()
            .take_while(|(_, next)| next.header.base_seq <= seq)
            .count(),
        Keep::FromTime(ts) => {
            let mut count = 0;
            // One more than may go tells that more was wanted.
            for (segment, next) in nexts().take(free + 1) {
                if !is_before(segment, next, ts)? {
                    break;
                }
                count += 1;
            }
            count
        }
    };
    let (gone, rest) = begun.split_at(wanted.min(free));
    let removed = gone.iter().map(|segment| Removed {
        segment: segment.header.segment,
        path: segment.file.path.clone(),
        file_bytes: segment.file_bytes(),
    });
    let pruned = Pruned {
        removed: removed.collect(),
        first: rest.first().map(|segment| First::from(&segment.header)),
        kept: (free < wanted).then_some(Kept::Needed),
    };
    Ok((pruned, rest))
}

/// Whether each record of a segment, behind which `next` stands, has a core time before `ts`.
fn is_before(segment: &Begun, next: &Begun, ts: u64) -> Result<bool, ReadError> {
    let path = &segment.file.path;
    let mut records = ArchivedSegment::open(&segment.file)?.map_err(|fault| fault.at(path))?;
    let mut frame = Frame::default();
    loop {
        match records.next(&mut frame) {
            archived::Next::Record if frame.header().ts_core >= ts => return Ok(false),
            archived::Next::Record => {}
            // What a crash left, and a start went on behind.
            archived::Next::Damaged(_) if records.next_seq == next.header.base_seq => return Ok(true),
            archived::Next::Damaged(what) => return Err(records.corrupt(what)),
            archived::Next::Sealed | archived::Next::Open => return Ok(true),
        }
    }
}

/// Removes a segment in both forms, durably; gives a file that somebody reads, and then none is removed.
fn remove_unread(segment: &Begun) -> Result<Option<PathBuf>, JournalError> {
    let mut seized = Vec::new();
    for path in segment.paths() {
        match seize(&path)? {
            Seized::Held => return Ok(Some(path)),
            Seized::Gone => {}
            Seized::Taken(taken) => seized.push((path, taken)),
        }
    }
    for (path, _readers) in &seized {
        remove(path)?;
    }
    sync_dir_of(&segment.file.path)?;
    Ok(None)
}
