//! What a start does with what the last run left: saves the live segments to the archive, and finds where the
//! journal ends.

use std::path::Path;

use pinrail_types::Frame;
use tracing::{info, warn};

use crate::archive::{Torn, is_blank};
use crate::archived::{self, ArchivedSegment};
use crate::archiver::ArchiveCopy;
use crate::chain::{Chain, ChainHash};
use crate::cold;
use crate::cursor::judge_headless;
use crate::error::{JournalError, ReadError};
use crate::format::{ARCHIVED, HeaderFault, JournalId, LIVE, SegmentFile, SegmentHeader};
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
    /// Chain hash of the last segment.
    pub(crate) chain: ChainHash,
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
    let mut kept = None;
    if let (None, Some(first)) = (&found.last, live.first()) {
        kept = first_archived(archive_dir, id)?;
        if kept.is_some() {
            (found.position, found.next_seq) = (first.position, first.next_seq);
        }
    }
    for mut segment in live {
        if segment.position != found.position || segment.next_seq != found.next_seq {
            return Err(segment.corrupt("base of the live segment").into());
        }
        let (lacked, chain) = match &kept {
            Some(kept) if segment.header.segment < kept.segment => {
                walk_live(&mut segment)?;
                (0, kept.chain_before)
            }
            Some(kept) if segment.header.segment == kept.segment => {
                drain(&mut segment, archive_dir, kept.chain_before)?
            }
            _ => drain(&mut segment, archive_dir, found.chain)?,
        };
        found.drained_records += lacked;
        found.chain = chain;
        found.position = segment.position;
        found.next_seq = segment.next_seq;
        found.next_segment = segment.header.segment + 1;
        found.last = Some(segment.header);
        found.drained.push(segment);
    }
    for file in SegmentFile::archived(archive_dir)? {
        if file.segment >= found.next_segment && (file.is_cold() || !is_blank(&file.path)?) {
            return Err(HeaderFault::Bad("archived behind the last live segment")
                .at(&file.path)
                .into());
        }
    }
    Ok(found)
}

/// Header of the first archived segment, if it is not the journal's first, where the live ones begin at it or before it:
/// those between were archived by a start that did not come to remove them, and retention has removed the archived ones.
fn first_archived(archive_dir: &Path, id: JournalId) -> Result<Option<SegmentHeader>, ReadError> {
    let Some(file) = SegmentFile::archived(archive_dir)?.into_iter().next() else {
        return Ok(None);
    };
    let header = cold::peek(&file)?.ok();
    Ok(header.filter(|header| header.journal_id == id && header.segment > 1))
}

/// Walks a live segment to its end.
fn walk_live(segment: &mut LiveSegment) -> Result<(), ReadError> {
    let mut frame = Frame::default();
    while segment.next(&mut frame)? == Next::Record {}
    Ok(())
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
    let mut files = SegmentFile::archived(archive_dir)?;
    files.retain(|file| file.segment < before);
    let mut found = Found {
        position: 0,
        next_seq: 1,
        next_segment: 1,
        last: None,
        chain: ChainHash::NONE,
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
                // and the next segment is to be built upon it and names its chain hash.
                Storage::open(&segment.path)?.sync()?;
                walk_to_end(segment, &mut found)?;
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

fn walk_to_end(mut segment: ArchivedSegment, found: &mut Found) -> Result<(), ReadError> {
    let mut frame = Frame::default();
    let stop = loop {
        match segment.next(&mut frame) {
            archived::Next::Record => {}
            stop => break stop,
        }
    };
    found.torn = match stop {
        archived::Next::Damaged(what) => Some(segment.judge(what)?),
        _ => None,
    };
    found.chain = segment.chain_hash(&mut Chain::entering(&segment.header))?;
    found.position = segment.position;
    found.next_seq = segment.next_seq;
    found.next_segment = segment.header.segment + 1;
    found.last = Some(segment.header);
    Ok(())
}

/// Makes the archived copy of a live segment, which follows the one that is called `before`, whole and durable. Gives
/// how many records it had lacked, and its chain hash. The segment is then at its end. A copy that is whole is written
/// anew too, byte for byte: the sync that should have made it durable, or its name, may have failed, and nobody would know.
fn drain(
    segment: &mut LiveSegment,
    archive_dir: &Path,
    before: ChainHash,
) -> Result<(u64, ChainHash), JournalError> {
    let header = segment.header;
    let file = SegmentFile::new(archive_dir, header.segment, header.epoch, ARCHIVED);
    let (archived, whole) = compare(segment, &file, before)?;
    if let Some(chain) = whole {
        // One that is compressed was durable before it got its name.
        if file.path.exists() {
            write_again(&file.path)?;
        }
        return Ok((0, chain));
    }
    segment.rewind();
    let partial = file.path.with_extension("tmp");
    let storage = Storage::create(&partial, 0, false)?;
    let mut copy = ArchiveCopy::begin(storage, &header, before)?;
    write_all(segment, &mut copy)?;
    copy.sync()?;
    let chain = copy.seal(segment.position, segment.next_seq)?;
    copy.sync()?;
    replace(&partial, &file.path)?;
    let lacked = segment.next_seq - header.base_seq - archived;
    info!(path = %file.path.display(), lacked, "archived what a live segment still held");
    Ok((lacked, chain))
}

/// Replaces a file by one with the same bytes that is certainly durable.
fn write_again(path: &Path) -> Result<(), JournalError> {
    let bytes = std::fs::read(path).map_err(JournalError::io("read", path))?;
    let partial = path.with_extension("tmp");
    let storage = Storage::create(&partial, 0, false)?;
    storage.write_at(&bytes, 0)?;
    storage.sync()?;
    replace(&partial, path)?;
    Ok(())
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

/// Walks the archived copy of a live segment, if there is one, beside it. Gives how many records the copy holds and
/// its chain hash if it is complete. What it holds must be what the live segment holds: the live one is right about what
/// the archive lacks, but it must not change what was durable.
fn compare(
    segment: &mut LiveSegment,
    file: &SegmentFile,
    before: ChainHash,
) -> Result<(u64, Option<ChainHash>), JournalError> {
    let mut copy = match ArchivedSegment::open(file) {
        Ok(Ok(copy)) => copy,
        Ok(Err(_)) => return Ok((0, None)),
        Err(e) if e.is_gone() => return Ok((0, None)),
        Err(e) => return Err(e.into()),
    };
    let (mut here, mut there) = (Frame::default(), Frame::default());
    let stop = loop {
        match copy.next(&mut there) {
            archived::Next::Record => {}
            stop => break stop,
        }
        if segment.next(&mut here)? != Next::Record || here.words() != there.words() {
            return Err(copy.corrupt("archive and live segment differ").into());
        }
    };
    let held = copy.next_seq - copy.header.base_seq;
    if stop != archived::Next::Sealed || segment.next(&mut here)? != Next::End {
        return Ok((held, None));
    }
    let named = copy.header.chain_before;
    if named != before && !named.is_none() {
        return Err(copy
            .changed("its header names another chain hash before it")
            .into());
    }
    Ok((held, Some(copy.chain_hash(&mut Chain::entering(&copy.header))?)))
}

#[cfg(test)]
mod tests {
    use pinrail_types::record::Tick;

    use super::*;
    use crate::JournalConfig;
    use crate::crash::tap;

    fn refused(config: &JournalConfig) -> std::path::PathBuf {
        tap::fail_next_syncs(true);
        let opened = crate::open(config);
        tap::fail_next_syncs(false);
        match opened {
            Err(JournalError::Io { op: "sync", path, .. }) => path,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_next_segment_will_name_is_synced_first() {
        let dir = tempfile::tempdir().unwrap();
        let config = JournalConfig {
            segment_bytes: 8192,
            ..JournalConfig::new(dir.path().join("archive"), dir.path().join("live"))
        };
        let mut journal = crate::open(&config).unwrap();
        let mut frame = Frame::of(&<Tick as bytemuck::Zeroable>::zeroed());
        frame.header_mut().seq = 1;
        journal.writer.append(frame.words());
        journal.writer.finish(1);
        let live = config.live_dir.join("0000000001-000001.live");
        let kept = std::fs::read(&live).unwrap();
        drop(journal.preparer);
        journal.archiver.finish().unwrap();
        assert!(refused(&config).ends_with("0000000001-000001.seg"));
        // As if the writer had been killed between the end of the copy and the removal of the live segment.
        std::fs::write(&live, kept).unwrap();
        assert!(refused(&config).ends_with("0000000001-000001.tmp"));
        assert!(live.exists());
        assert_eq!(crate::open(&config).unwrap().recovered.next_seq, 2);
    }
}
