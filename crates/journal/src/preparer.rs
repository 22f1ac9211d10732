//! Makes segments ahead of need, on a thread that may wait for the operating system.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Acquire;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::warn;

use crate::error::JournalError;
use crate::format::{ARCHIVED, LIVE, SegmentFile, SegmentHeader, Stamp};
use crate::map::Map;
use crate::storage::{Storage, check_room, remove};
use crate::writer::Prepared;
use crate::{Shared, SyncPolicy};

/// Prepares live segments and the files that they will be archived in, and unmaps the segments that the writer is
/// done with. An agent: call [`Preparer::do_work`] again and again on a helper thread.
#[derive(Debug)]
pub struct Preparer {
    pub(crate) live_dir: PathBuf,
    pub(crate) archive_dir: PathBuf,
    pub(crate) stamp: Stamp,
    pub(crate) sync: SyncPolicy,
    /// Most live segments at a time.
    pub(crate) alive_max: u64,
    pub(crate) next_segment: u64,
    /// Live segments made so far in this epoch.
    pub(crate) created: u64,
    /// That the operating system would not lock a segment in memory, told once.
    pub(crate) lock_refused: Option<String>,
    pub(crate) shared: Arc<Shared>,
}

impl Preparer {
    /// Unmaps what the writer is done with, and prepares one segment if one is wanted and the bound on live
    /// segments allows it. Gives how many things it did.
    ///
    /// # Errors
    /// [`JournalError::NoRoom`], or what the operating system refused. It may be called again: nothing is left
    /// behind by a failure.
    pub fn do_work(&mut self) -> Result<usize, JournalError> {
        let mut work = 0;
        while let Some(map) = self.shared.retired.pop() {
            drop(map);
            work += 1;
        }
        let alive = self.created - self.shared.unlinked.load(Acquire);
        if alive < self.alive_max && !self.shared.ready.is_full() {
            let prepared = self.prepare()?;
            // Only this agent fills the queue, and it was not full.
            work += usize::from(self.shared.ready.push(prepared).is_ok());
        }
        Ok(work)
    }

    /// The segment to begin with; the one that is held back is then ready.
    pub(crate) fn prepare_first(&mut self) -> Result<Prepared, JournalError> {
        let first = self.prepare()?;
        let reserve = self.prepare()?;
        self.shared
            .ready
            .push(reserve)
            .expect("the queue holds at least one");
        Ok(first)
    }

    fn prepare(&mut self) -> Result<Prepared, JournalError> {
        let (segment, epoch) = (self.next_segment, self.stamp.epoch);
        let archived = SegmentFile::new(&self.archive_dir, segment, epoch, ARCHIVED).path;
        let filled = self.stamp.segment_bytes + self.stamp.segment_bytes / 4;
        // To fill a disk up to its last byte would take the archiver's room as well.
        check_room(&archived, filled)?;
        let live = SegmentFile::new(&self.live_dir, segment, epoch, LIVE).path;
        remove(&live)?;
        let map = Map::create(&live, self.stamp.segment_bytes)?;
        Storage::create(&archived, filled, self.sync != SyncPolicy::Never)
            .inspect_err(|_| drop(remove(&live)))?;
        if let Err(e) = map.lock()
            && self.lock_refused.is_none()
        {
            let refused = format!(
                "cannot lock {} in memory, so it may be paged out: {e}",
                live.display()
            );
            warn!("{refused}");
            self.lock_refused = Some(refused);
        }
        self.next_segment += 1;
        self.created += 1;
        let header = SegmentHeader::prepared(&self.stamp, segment, clock_anchor());
        Ok(Prepared { map, header })
    }
}

/// The wall clock and `CLOCK_MONOTONIC`, in nanoseconds.
pub(crate) fn clock_anchor() -> (u64, u64) {
    let monotonic = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let realtime = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let monotonic_ns = monotonic.tv_sec as u64 * 1_000_000_000 + monotonic.tv_nsec as u64;
    (realtime.as_nanos() as u64, monotonic_ns)
}

/// Removes the segments from number `from` on, which were prepared and never begun.
pub(crate) fn remove_prepared(live_dir: &Path, archive_dir: &Path, from: u64) -> Result<(), JournalError> {
    for (dir, extension) in [(live_dir, LIVE), (archive_dir, ARCHIVED)] {
        for file in SegmentFile::list(dir, extension)? {
            if file.segment >= from {
                remove(&file.path)?;
            }
        }
    }
    Ok(())
}
