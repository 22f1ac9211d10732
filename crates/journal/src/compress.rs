//! Compressing what is archived, beside a writer and readers. A segment's plain file goes only when a compressed one stands
//! there that is durable and was read back.

use std::fs::File;
use std::path::{Path, PathBuf};

use pinrail_types::Frame;

use crate::archived::ArchivedSegment;
use crate::begun::begun;
use crate::chain::Chain;
use crate::cold;
use crate::cursor::{Cursor, Step};
use crate::error::{JournalError, ReadError};
use crate::format::{COLD, COLD_PARTIAL, HeaderFault, SegmentFile, SegmentHeader};
use crate::hold::{Seized, seize};
use crate::storage::{Storage, remove, replace, sync_dir_of};

/// Levels of zstd that [`compress`] takes.
pub const LEVELS: std::ops::RangeInclusive<i32> = 1..=22;

/// A segment that was compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compressed {
    /// Its number.
    pub segment: u64,
    /// The compressed file.
    pub path: PathBuf,
    /// Length of the plain file in bytes.
    pub bytes_before: u64,
    /// Length of the compressed file in bytes.
    pub bytes_after: u64,
    /// Somebody reads the plain file, so that it is still there. It goes when this is run again.
    pub is_held: bool,
}

/// Compresses the segments of the archive in `archive_dir`, but for the newest `keep` (the last one is always kept) and
/// those that are compressed already. Each is checked first, byte by byte and against the hash that the next one names.
/// `progress` is told bytes done and in all. Takes memory for two segments and a compressed one. A writer and readers may be
/// at work; a crash at any moment leaves every segment in one form at least.
///
/// # Errors
/// [`JournalError`]: [`JournalError::Locked`] if another process compresses or prunes, [`ReadError::Corrupt`] for a segment
/// that is not what was written, [`JournalError::Config`] for a level outside [`LEVELS`].
pub fn compress(
    archive_dir: &Path,
    keep: usize,
    level: i32,
    mut progress: impl FnMut(u64, u64),
) -> Result<Vec<Compressed>, JournalError> {
    if !LEVELS.contains(&level) {
        return Err(JournalError::Config {
            what: format!(
                "level is {level}, must be from {} to {}",
                LEVELS.start(),
                LEVELS.end()
            ),
        });
    }
    let _lock = lock(archive_dir)?;
    for file in SegmentFile::list(archive_dir, COLD_PARTIAL)? {
        remove(&file.path)?;
    }
    let begun = begun(archive_dir)?;
    let settled = begun.len().saturating_sub(keep.max(1));
    let wanted = (0..settled).filter(|i| !begun[*i].file.is_cold());
    let wanted: Vec<(usize, u64)> = wanted.map(|i| (i, begun[i].file_bytes())).collect();
    let all = wanted.iter().map(|(_, bytes)| bytes).sum();
    let mut done = 0;
    let mut compressed = Vec::new();
    for (i, bytes) in wanted {
        compressed.push(compress_one(&begun[i].file, &begun[i + 1].header, level)?);
        done += bytes;
        progress(done, all);
    }
    Ok(compressed)
}

/// Held by whoever compresses or prunes: one at a time.
pub(crate) fn lock(archive_dir: &Path) -> Result<File, JournalError> {
    if crate::archive::read_meta(archive_dir)?.is_none() {
        return Err(ReadError::NoJournal {
            path: archive_dir.to_owned(),
        }
        .into());
    }
    crate::lock(&archive_dir.join("retention.lock"))
}

fn compress_one(file: &SegmentFile, next: &SegmentHeader, level: i32) -> Result<Compressed, JournalError> {
    let bytes = checked(file, next)?;
    let (target, partial) = (file.with(COLD).path, file.with(COLD_PARTIAL).path);
    let failed = JournalError::io("compress", &file.path);
    let encoded = match cold::encode(&bytes, level) {
        Ok(encoded) => encoded,
        Err(e) => return Err(failed(e)),
    };
    let storage = Storage::create(&partial, 0, false)?;
    storage.write_at(&encoded, 0)?;
    storage.sync()?;
    let bytes_after = encoded.len() as u64;
    drop(encoded);
    read_back(&partial, &bytes)?;
    replace(&partial, &target)?;
    let is_held = match seize(&file.path)? {
        Seized::Held => true,
        Seized::Gone => false,
        Seized::Taken(_readers) => {
            remove(&file.path)?;
            false
        }
    };
    if !is_held {
        sync_dir_of(&file.path)?;
    }
    Ok(Compressed {
        segment: file.segment,
        path: target,
        bytes_before: bytes.len() as u64,
        bytes_after,
        is_held,
    })
}

/// The bytes of a segment that nothing changes any more, `next` being the header of the one behind it.
fn checked(file: &SegmentFile, next: &SegmentHeader) -> Result<Vec<u8>, ReadError> {
    let segment = ArchivedSegment::open(file)?.map_err(|fault| fault.at(&file.path))?;
    let number = segment.header.segment;
    let mut chain = Chain::entering(&segment.header);
    let mut cursor = Cursor::Archived(segment);
    let mut frame = Frame::default();
    let stop = loop {
        match cursor.next(&mut frame)? {
            Step::Record => {}
            stop => break stop,
        }
    };
    if !cursor.leads_to(stop, next) {
        return Err(cursor.corrupt("segment stops before the next one begins"));
    }
    let Cursor::Archived(segment) = cursor else {
        unreachable!("it was made from an archived segment");
    };
    let hash = segment.chain_hash(&mut chain)?;
    if chain.agrees(number, hash, next.chain_before) {
        Ok(segment.into_bytes())
    } else {
        Err(segment.changed("the next segment names another chain hash"))
    }
}

/// Checks that what was written gives back these bytes, and removes it if not.
fn read_back(partial: &Path, bytes: &[u8]) -> Result<(), JournalError> {
    let file = File::open(partial).map_err(JournalError::io("open", partial))?;
    // What the disk holds, not what memory does; where that can't be asked for, memory must do.
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
    drop(file);
    let stored = std::fs::read(partial).map_err(JournalError::io("read", partial))?;
    match cold::decode(&stored) {
        Ok(decoded) if decoded == bytes => Ok(()),
        Ok(_) => Err(HeaderFault::Bad("reads back other than it was written")
            .at(partial)
            .into()),
        Err(what) => Err(HeaderFault::Bad(what).at(partial).into()),
    }
}
