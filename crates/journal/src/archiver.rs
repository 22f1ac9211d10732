//! Copies the journal to disk and says how far it is durable.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Release;
use std::time::{Duration, Instant};

use pinrail_types::{Frame, LINE_BYTES, LINES_MAX};

use crate::Shared;
use crate::chain::ChainHash;
use crate::error::JournalError;
use crate::format::{ARCHIVED, End, HEADER_BYTES, LIVE, Mark, Salt, SegmentFile, SegmentHeader};
use crate::live::{LiveSegment, Next};
use crate::preparer::remove_prepared;
use crate::storage::{Storage, StorageError, remove};

/// Most bytes in a batch, its mark included.
const BATCH_BYTES_MAX: usize = 256 << 10;

/// When the archive is synced. Whatever the policy, a segment is synced before the next is begun, and everything when
/// the journal is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// After each batch: what is written while a sync runs makes the next batch.
    EachBatch,
    /// Once `bytes_max` bytes are written and not synced, or the oldest of them are `age_max` old.
    Lazy {
        /// Bytes that may be at risk.
        bytes_max: u64,
        /// How long they may be.
        age_max: Duration,
    },
    /// Never: for tests and benchmarks. What the archiver then calls durable outlives the process only.
    Never,
}

/// Tails the live segments into archived ones. An agent: call [`Archiver::do_work`] again and again on a thread that
/// may wait for the disk.
#[derive(Debug)]
pub struct Archiver {
    live_dir: PathBuf,
    archive_dir: PathBuf,
    epoch: u32,
    policy: SyncPolicy,
    shared: Arc<Shared>,
    /// The segment that is being copied, or the next one to be.
    segment: u64,
    open: Option<Open>,
    /// End of what is written.
    drained: Place,
    /// End of what is synced.
    durable: Place,
    /// Chain hash of the segment before.
    chain: ChainHash,
    /// When the oldest byte that is not synced was written.
    unsynced_since: Option<Instant>,
    batch: Vec<u8>,
    failed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    position: u64,
    next_seq: u64,
}

#[derive(Debug)]
struct Open {
    live: LiveSegment,
    copy: ArchiveCopy,
}

/// An archived segment that is being written.
#[derive(Debug)]
pub(crate) struct ArchiveCopy {
    storage: Storage,
    salt: Salt,
    /// Where the next byte goes.
    at: u64,
    /// Over all bytes before that.
    hasher: blake3::Hasher,
}

impl ArchiveCopy {
    /// Writes the header of a copy of `live`, which follows the segment that is called `before`.
    pub(crate) fn begin(
        storage: Storage,
        live: &SegmentHeader,
        before: ChainHash,
    ) -> Result<ArchiveCopy, StorageError> {
        let mut page = [0; HEADER_BYTES];
        page[..size_of::<SegmentHeader>()].copy_from_slice(bytemuck::bytes_of(&live.archived(before)));
        storage.write_at(&page, 0)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&page);
        Ok(ArchiveCopy {
            storage,
            salt: live.salt(),
            at: HEADER_BYTES as u64,
            hasher,
        })
    }

    /// Adds the record in `frame` to `batch`, behind the room that is left for the mark.
    pub(crate) fn add(&self, batch: &mut Vec<u8>, frame: &mut Frame) {
        if batch.is_empty() {
            batch.resize(LINE_BYTES, 0);
        }
        frame.header_mut().crc = self.salt.crc(frame.words());
        batch.extend_from_slice(frame.bytes());
    }

    /// Writes `batch`, which begins at `position` and `seq`, behind its mark, and empties it.
    pub(crate) fn write(
        &mut self,
        batch: &mut Vec<u8>,
        position: u64,
        seq: u64,
        durable: u64,
    ) -> Result<(), StorageError> {
        let mark = Mark {
            seq,
            position,
            durable,
            batch_bytes: (batch.len() - LINE_BYTES) as u64,
            offset: self.at,
        };
        batch[..LINE_BYTES].copy_from_slice(bytemuck::bytes_of(&mark.line(self.salt)));
        self.storage.write_at(batch, self.at)?;
        self.hasher.update(batch);
        self.at += batch.len() as u64;
        batch.clear();
        Ok(())
    }

    /// Writes the end, which says that all before it is durable, and cuts what was filled ahead behind it. The next
    /// record has `position` and `seq`. Gives the segment's chain hash.
    pub(crate) fn seal(&mut self, position: u64, seq: u64) -> Result<ChainHash, StorageError> {
        let chain = ChainHash(self.hasher.finalize().into());
        let line = End { seq, position, chain }.line(self.salt);
        self.storage.write_at(bytemuck::bytes_of(&line), self.at)?;
        self.at += LINE_BYTES as u64;
        self.storage.truncate(self.at)?;
        Ok(chain)
    }

    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.storage.sync()
    }
}

impl Archiver {
    pub(crate) fn new(
        dirs: (PathBuf, PathBuf),
        epoch: u32,
        segment: u64,
        (position, next_seq, chain): (u64, u64, ChainHash),
        policy: SyncPolicy,
        shared: Arc<Shared>,
    ) -> Archiver {
        let place = Place { position, next_seq };
        Archiver {
            live_dir: dirs.0,
            archive_dir: dirs.1,
            epoch,
            policy,
            shared,
            segment,
            open: None,
            drained: place,
            durable: place,
            chain,
            unsynced_since: None,
            batch: Vec::with_capacity(BATCH_BYTES_MAX),
            failed: false,
        }
    }

    /// End of what survives a power cut.
    pub fn durable_position(&self) -> u64 {
        self.durable.position
    }

    /// Copies what there is, up to one batch, and syncs it if the policy says so. Gives the number of records.
    ///
    /// # Errors
    /// [`JournalError::Durability`] when a write or a sync failed. That is final: every later call gives
    /// [`JournalError::DurabilityLost`], and the control file says so. Live segments then stay where they are, so
    /// that the next start can archive them again.
    pub fn do_work(&mut self) -> Result<usize, JournalError> {
        if self.failed {
            return Err(JournalError::DurabilityLost {
                position: self.durable.position,
            });
        }
        let worked = self.work();
        if worked.is_err() {
            self.failed = true;
            self.shared.control.archiver_failed();
        }
        worked
    }

    /// Copies everything that is committed and makes it durable. If the writer has finished, the journal is then
    /// closed and its live segments are gone; else they stay for the next start.
    ///
    /// # Errors
    /// As [`Archiver::do_work`].
    pub fn finish(mut self) -> Result<(), JournalError> {
        while self.do_work()? > 0 {}
        self.sync()
            .inspect_err(|_| self.shared.control.archiver_failed())?;
        if self.open.is_none() {
            remove_prepared(&self.live_dir, &self.archive_dir, self.segment)?;
            self.shared.control.archiver_finished();
        }
        Ok(())
    }

    fn work(&mut self) -> Result<usize, JournalError> {
        if self.open.is_none() {
            self.open_segment()?;
        }
        let Some(mut open) = self.open.take() else {
            return Ok(0);
        };
        let mut frame = Frame::default();
        let start = self.drained;
        let mut ended = false;
        while self.batch.len() <= BATCH_BYTES_MAX - LINES_MAX * LINE_BYTES {
            match open.live.next(&mut frame)? {
                Next::Record => open.copy.add(&mut self.batch, &mut frame),
                Next::Nothing => break,
                Next::End => {
                    ended = true;
                    break;
                }
            }
        }
        let end = Place {
            position: open.live.position,
            next_seq: open.live.next_seq,
        };
        if end != start {
            open.copy
                .write(
                    &mut self.batch,
                    start.position,
                    start.next_seq,
                    self.durable.position,
                )
                .map_err(|e| self.lost(e))?;
            self.drained = end;
            self.shared.control.drained(end.position);
            self.unsynced_since.get_or_insert_with(Instant::now);
        }
        self.open = Some(open);
        if ended {
            self.close_segment()?;
        } else if self.sync_is_due() {
            self.sync()?;
        }
        Ok((end.next_seq - start.next_seq) as usize + usize::from(ended))
    }

    /// Begins the archived copy of the next segment, if its writer has begun the live one.
    fn open_segment(&mut self) -> Result<(), JournalError> {
        let live = SegmentFile::new(&self.live_dir, self.segment, self.epoch, LIVE);
        let Some(live) = LiveSegment::open(&live)? else {
            return Ok(());
        };
        if live.position != self.drained.position || live.next_seq != self.drained.next_seq {
            return Err(live.corrupt("base of the segment").into());
        }
        let archived = SegmentFile::new(&self.archive_dir, self.segment, self.epoch, ARCHIVED).path;
        let copy = Storage::open(&archived)
            .and_then(|storage| ArchiveCopy::begin(storage, &live.header, self.chain))
            .map_err(|e| self.lost(e))?;
        self.open = Some(Open { live, copy });
        Ok(())
    }

    /// Seals the archived copy and drops the live segment.
    fn close_segment(&mut self) -> Result<(), JournalError> {
        // The end vouches for what is before it, so that must be durable first.
        self.sync()?;
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        let Place { position, next_seq } = self.drained;
        self.chain = open.copy.seal(position, next_seq).map_err(|e| self.lost(e))?;
        if self.policy != SyncPolicy::Never {
            open.copy.sync().map_err(|e| self.lost(e))?;
        }
        remove(&open.live.path)?;
        self.shared.unlinked.fetch_add(1, Release);
        self.segment += 1;
        Ok(())
    }

    fn sync_is_due(&self) -> bool {
        let Some(since) = self.unsynced_since else {
            return false;
        };
        match self.policy {
            SyncPolicy::EachBatch | SyncPolicy::Never => true,
            SyncPolicy::Lazy { bytes_max, age_max } => {
                self.drained.position - self.durable.position >= bytes_max || since.elapsed() >= age_max
            }
        }
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        if self.unsynced_since.is_none() {
            return Ok(());
        }
        if let Some(open) = &self.open
            && self.policy != SyncPolicy::Never
        {
            open.copy.sync().map_err(|e| self.lost(e))?;
        }
        self.unsynced_since = None;
        self.durable = self.drained;
        self.shared
            .control
            .durable(self.durable.position, self.durable.next_seq - 1);
        Ok(())
    }

    fn lost(&self, e: StorageError) -> JournalError {
        JournalError::Durability {
            op: e.op,
            path: e.path,
            position: self.durable.position,
            source: e.source,
        }
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::Record;
    use pinrail_types::record::Tick;

    use super::*;
    use crate::crash::tap;
    use crate::{ArchiverStatus, Control, JournalConfig, archive};

    fn tick(seq: u64) -> Frame {
        let mut frame = Frame::of(&<Tick as bytemuck::Zeroable>::zeroed());
        assert_eq!(frame.words().len(), Tick::LINES * 8);
        frame.header_mut().seq = seq;
        frame
    }

    #[test]
    fn a_failed_sync_is_final_and_shown_and_the_next_start_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let config = JournalConfig {
            segment_bytes: 8192,
            ..JournalConfig::new(dir.path().join("archive"), dir.path().join("live"))
        };
        let mut journal = crate::open(&config).unwrap();
        journal.writer.append(tick(1).words());
        journal.archiver.do_work().unwrap();
        assert_eq!(journal.archiver.durable_position(), 64);
        journal.writer.append(tick(2).words());
        tap::fail_next_syncs(true);
        match journal.archiver.do_work() {
            Err(JournalError::Durability {
                op: "sync",
                position: 64,
                path,
                ..
            }) => assert!(path.ends_with("0000000001-000001.seg")),
            other => panic!("{other:?}"),
        }
        // Never retried, though the next sync would succeed.
        tap::fail_next_syncs(false);
        assert!(matches!(
            journal.archiver.do_work(),
            Err(JournalError::DurabilityLost { position: 64 })
        ));
        let control = Control::open(&config.live_dir).unwrap();
        assert_eq!(control.archiver_status(), ArchiverStatus::Failed);
        assert_eq!(control.durable_position(), 64);
        journal.writer.append(tick(3).words());
        drop(journal);
        let journal = crate::open(&config).unwrap();
        assert_eq!(journal.recovered.next_seq, 4);
        assert_eq!(control.archiver_status(), ArchiverStatus::Running);
        assert_eq!(archive::digest(&config.archive_dir).unwrap().records, 3);
    }
}
