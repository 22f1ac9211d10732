//! What a start does with what the last run left: saves the live segments to the archive, and finds where the
//! journal ends.

use std::path::Path;

use pinrail_types::Frame;
use tracing::{info, warn};

use crate::archive::{Torn, is_blank};
use crate::archived::{self, ArchivedSegment};
use crate::archiver::ArchiveCopy;
use crate::cursor::{Cursor, judge_headless};
use crate::error::{JournalError, ReadError};
use crate::format::{ARCHIVED, End, HeaderFault, JournalId, LIVE, SegmentFile, SegmentHeader};
use crate::live::{LiveSegment, Next};
use crate::storage::{Storage, remove, replace, sync_dir_of};

/// Bytes of records that are saved at a time.
const BATCH_BYTES: usize = 1 << 20;

/// Where a recovered journal ends, and what was done to it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) position: u64,
    pub(crate) next_seq: u64,
    pub(crate) next_segment: u64,
    pub(crate) last: Option<SegmentHeader>,
    pub(crate) torn: Option<Torn>,
    pub(crate) drained_records: u64,
    /// Live segments that are in the archive now, to be removed.
    pub(crate) drained: Vec<LiveSegment>,
}

/// Brings the archive up to date with the live segments. Changes nothing that was durable; run again after a crash
/// inside it, it does the same.
pub(crate) fn recover(live_dir: &Path, archive_dir: &Path, id: JournalId) -> Result<Found, JournalError> {
    let live = begun_segments(live_dir, id)?;
    let before = live.first().map_or(u64::MAX, |first| first.header.segment);
    let mut found = end_of_archive(archive_dir, id, before)?;
    for mut segment in live {
        if segment.position != found.position || segment.next_seq != found.next_seq {
            return Err(segment.corrupt("base of the live segment").into());
        }
        found.drained_records += drain(&mut segment, archive_dir)?;
        found.position = segment.position;
        found.next_seq = segment.next_seq;
        found.next_segment = segment.header.segment + 1;
        found.last = Some(segment.header);
        found.drained.push(segment);
    }
    for file in SegmentFile::list(archive_dir, ARCHIVED)? {
        if file.segment >= found.next_segment && !is_blank(&file.path)? {
            return Err(HeaderFault::Bad("archived behind the last live segment")
                .at(&file.path)
                .into());
        }
    }
    Ok(found)
}

/// The live segments that were begun, in order. Those that were only prepared are removed.
fn begun_segments(live_dir: &Path, id: JournalId) -> Result<Vec<LiveSegment>, JournalError> {
    let mut begun = Vec::new();
    for file in SegmentFile::list(live_dir, LIVE)? {
        match LiveSegment::open(&file)? {
            Some(segment) if segment.header.journal_id != id => {
                return Err(JournalError::ForeignLive {
                    path: file.path,
                    found: segment.header.journal_id.to_string(),
                    expected: id.to_string(),
                });
            }
            Some(segment) => begun.push(segment),
            None => remove(&file.path)?,
        }
    }
    Ok(begun)
}

/// Where the archived segments with numbers below `before` end. Files that were made ahead and never written are
/// removed; one whose header a crash has torn is set aside.
fn end_of_archive(archive_dir: &Path, id: JournalId, before: u64) -> Result<Found, JournalError> {
    let mut files = SegmentFile::list(archive_dir, ARCHIVED)?;
    files.retain(|file| file.segment < before);
    let mut found = Found {
        position: 0,
        next_seq: 1,
        next_segment: 1,
        last: None,
        torn: None,
        drained_records: 0,
        drained: Vec::new(),
    };
    let mut headless = Vec::new();
    while let Some(file) = files.pop() {
        match ArchivedSegment::open(&file)? {
            Err(_) => headless.push(file),
            Ok(segment) if segment.header.journal_id != id => {
                return Err(segment.corrupt("segment of another journal").into());
            }
            Ok(segment) => {
                // Whoever lost the live segments need not have lost power: what is read here may be in memory alone,
                // and the next segment is to be built upon it.
                Storage::open(&file.path)?.sync()?;
                walk_to_end(Cursor::Archived(segment), &mut found)?;
                break;
            }
        }
    }
    for file in headless.iter().rev() {
        match judge_headless(file, id, found.position, found.next_seq)? {
            None => remove(&file.path)?,
            Some(torn) => {
                warn!(path = %file.path.display(), "set aside: a crash came before its first batch was durable");
                replace(&file.path, &file.path.with_extension("torn"))?;
                found.torn.get_or_insert(torn);
            }
        }
    }
    if let Some(file) = headless.first() {
        sync_dir_of(&file.path)?;
    }
    Ok(found)
}

fn walk_to_end(mut cursor: Cursor, found: &mut Found) -> Result<(), ReadError> {
    use crate::cursor::Step;
    let mut frame = Frame::default();
    let step = loop {
        match cursor.next(&mut frame)? {
            Step::Record => {}
            stop => break stop,
        }
    };
    found.torn = cursor.judge(step)?;
    found.position = cursor.position();
    found.next_seq = cursor.next_seq();
    found.next_segment = cursor.header().segment + 1;
    found.last = Some(*cursor.header());
    Ok(())
}

/// Makes the archived copy of a live segment whole and durable, and gives how many records it had lacked. The
/// segment is then at its end. A copy that is whole is made anew too: the sync that should have made it durable, or its
/// name, may have failed, and nobody would know.
fn drain(segment: &mut LiveSegment, archive_dir: &Path) -> Result<u64, JournalError> {
    let header = segment.header;
    let file = SegmentFile::new(archive_dir, header.segment, header.epoch, ARCHIVED);
    let archived = compare(segment, &file)?;
    segment.rewind();
    let partial = file.path.with_extension("tmp");
    let storage = Storage::create(&partial, 0, false)?;
    let mut copy = ArchiveCopy::begin(storage, &header)?;
    write_all(segment, &mut copy)?;
    copy.sync()?;
    copy.seal(End {
        seq: segment.next_seq,
        position: segment.position,
    })?;
    copy.sync()?;
    replace(&partial, &file.path)?;
    let lacked = segment.next_seq - header.base_seq - archived;
    info!(path = %file.path.display(), lacked, "archived what a live segment still held");
    Ok(lacked)
}

fn write_all(records: &mut LiveSegment, copy: &mut ArchiveCopy) -> Result<(), JournalError> {
    let durable = records.header.base_position;
    let mut frame = Frame::default();
    let mut batch = Vec::with_capacity(BATCH_BYTES);
    loop {
        let (position, seq) = (records.position, records.next_seq);
        while batch.len() < BATCH_BYTES / 2 && records.next(&mut frame)? == Next::Record {
            copy.add(&mut batch, &mut frame);
        }
        if batch.is_empty() {
            return Ok(());
        }
        copy.write(&mut batch, position, seq, durable)?;
    }
}

/// Walks the archived copy of a live segment, if there is one, beside it, and gives how many records the copy holds.
/// They must be what the live segment holds: the live one is right about what the archive lacks, but it must not change
/// what was durable.
fn compare(segment: &mut LiveSegment, file: &SegmentFile) -> Result<u64, JournalError> {
    if !file.path.exists() {
        return Ok(0);
    }
    let Ok(mut copy) = ArchivedSegment::open(file)? else {
        return Ok(0);
    };
    let (mut here, mut there) = (Frame::default(), Frame::default());
    while copy.next(&mut there) == archived::Next::Record {
        if segment.next(&mut here)? != Next::Record || here.words() != there.words() {
            return Err(copy.corrupt("archive and live segment differ").into());
        }
    }
    Ok(copy.next_seq - copy.header.base_seq)
}
