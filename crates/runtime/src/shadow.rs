//! The shadow: the same engine, fed from the journal beside the core, writes snapshots by itself.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pinrail_engine::{Bounds, Pricer};
use pinrail_journal::{Control, JournalId, ReadError};
use thiserror::Error;
use tracing::warn;

use crate::replay::{Replay, ReplayError};
use crate::snapshot::SnapshotError;
use crate::snapshot_dir::SnapshotDir;

/// Most records in one [`Shadow::do_work`], but for the last outputs before a snapshot.
const RECORDS_PER_WORK: usize = 1_024;
/// How often in a row nothing may be found although more is durable: a start moves segments from one directory to the other.
const MISSED_MAX: u32 = 1_000;

/// When snapshots are taken, and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowConfig {
    /// One is taken when so many records stand behind the last.
    pub every_records: u64,
    /// One is taken when the last is so old and any record stands behind it.
    pub every: Duration,
    /// The newest so many are kept; at least 1.
    pub keep: usize,
}

impl Default for ShadowConfig {
    /// A million records (a start replays several millions a second), a minute, and three.
    fn default() -> ShadowConfig {
        ShadowConfig {
            every_records: 1_000_000,
            every: Duration::from_mins(1),
            keep: 3,
        }
    }
}

/// Why a shadow writes no more snapshots.
#[derive(Debug, Error)]
pub enum ShadowError {
    /// The journal can't be read, or its replay comes out differently.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A snapshot can't be written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Somebody made the live directory anew, or another journal in it.
    #[error("the journal in {live_dir} is no longer the one that was followed; start the shadow again")]
    Replaced {
        /// The live directory.
        live_dir: PathBuf,
    },
    /// The journal says that more is durable than can be read.
    #[error("the journal is durable to position {durable}, and nothing can be read behind {position}")]
    Stuck {
        /// Where the reading stopped.
        position: u64,
        /// Where the journal is durable to.
        durable: u64,
    },
    /// It has failed before.
    #[error("the shadow has failed before")]
    Over,
}

/// A snapshot that a shadow wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its file.
    pub file: PathBuf,
    /// Sequence of the first record that is not in it.
    pub next_seq: u64,
    /// Position of that record.
    pub position: u64,
    /// Hash of the state.
    pub state_hash: u64,
    /// Bytes of the state.
    pub state_bytes: u64,
    /// How long following stood still for it, in nanoseconds.
    pub took_ns: u64,
}

/// Follows a journal up to what is durable, compares every output, and writes snapshots. An agent: call [`Shadow::do_work`]
/// again and again on a thread, or better in a process, that may wait for the disk.
///
/// It only reads the journal. What a power cut may still take is in no snapshot. It goes on over the writer's restarts,
/// also where the core panicked on an input: it waits then for what the next start says of it.
pub struct Shadow<P, M> {
    replay: Replay<P, M>,
    dir: SnapshotDir,
    config: ShadowConfig,
    live: Live,
    /// What stands before it is in the newest snapshot; or where this shadow began.
    snapshot_seq: u64,
    snapshot_at: Instant,
    last: Option<Written>,
    /// The engine panicked on this input, and nothing behind it is durable yet.
    panicked_at: Option<u64>,
    missed: u32,
    is_over: bool,
}

impl<P: Pricer, M: FnMut(&Bounds) -> P> Shadow<P, M> {
    /// A shadow of the journal of these two directories. It begins behind the newest snapshot that fits. `make_pricer` makes
    /// the pricer that the journal is written with.
    ///
    /// # Errors
    /// [`SnapshotError::Locked`] if the journal has one already; otherwise if a file can't be read or made.
    ///
    /// # Panics
    /// If `config.keep` is zero.
    pub fn open(
        archive_dir: &Path,
        live_dir: &Path,
        config: ShadowConfig,
        make_pricer: M,
    ) -> Result<Shadow<P, M>, ShadowError> {
        let live = Live::open(live_dir).map_err(ReplayError::from)?;
        let mut replay = Replay::follow(archive_dir, live_dir, make_pricer).map_err(ReplayError::from)?;
        let dir = SnapshotDir::open(archive_dir, config.keep)?;
        let snapshot_seq = replay.begin_at_newest()?;
        Ok(Shadow {
            replay,
            dir,
            config,
            live,
            snapshot_seq,
            snapshot_at: Instant::now(),
            last: None,
            panicked_at: None,
            missed: 0,
            is_over: false,
        })
    }

    /// Replays what has become durable, up to about a thousand records, and writes a snapshot if one is due. Gives how many
    /// records it replayed: at zero it may sleep.
    ///
    /// # Errors
    /// [`ShadowError`]. That is final: every later call gives [`ShadowError::Over`].
    pub fn do_work(&mut self) -> Result<usize, ShadowError> {
        if self.is_over {
            return Err(ShadowError::Over);
        }
        let worked = self.work();
        self.is_over = worked.is_err();
        worked
    }

    /// Writes a last snapshot, unless nothing stands behind the newest, and ends.
    ///
    /// # Errors
    /// [`ShadowError`]; [`ShadowError::Over`] if it has failed before.
    pub fn finish(mut self) -> Result<Option<Written>, ShadowError> {
        if self.is_over {
            return Err(ShadowError::Over);
        }
        self.last = None;
        if self.is_behind_a_record() {
            self.write()?;
        }
        Ok(self.last)
    }

    fn work(&mut self) -> Result<usize, ShadowError> {
        // Looked at first: what is durable by now must be found below.
        let durable = self.live.control.durable_position();
        let durable_seq = self.live.control.durable_seq();
        if let Some(seq) = self.panicked_at {
            if durable_seq <= seq {
                return self.live.check().map(|()| 0);
            }
            self.panicked_at = None;
            self.replay.begin_at_newest()?;
        }
        let mut taken = 0;
        while taken < RECORDS_PER_WORK && self.step(durable_seq)? {
            taken += 1;
        }
        if taken > 0 {
            self.missed = 0;
        } else {
            self.live.check()?;
            self.miss(durable)?;
        }
        if self.is_due() {
            self.write()?;
        }
        Ok(taken)
    }

    fn step(&mut self, durable_seq: u64) -> Result<bool, ShadowError> {
        match self.replay.step() {
            // The core is expected to have panicked, too. What follows in the journal tells.
            Err(ReplayError::Panicked { seq }) if durable_seq <= seq => {
                warn!(seq, "the engine panicked on the journal's last input");
                self.panicked_at = Some(seq);
                Ok(false)
            }
            // The snapshot that it began at may already hold what a start passed over.
            Err(ReplayError::Panicked { seq }) if !self.replay.is_at_first() => {
                warn!(seq, "replaying from an older place, because of a poison input");
                self.replay.begin_at_older()?;
                Ok(true)
            }
            stepped => Ok(stepped?),
        }
    }

    /// Nothing was found. That is wrong if there should have been something, again and again.
    fn miss(&mut self, durable: u64) -> Result<(), ShadowError> {
        let position = self.replay.position();
        let should_have = self.panicked_at.is_none() && position < durable;
        self.missed = if should_have { self.missed + 1 } else { 0 };
        if self.missed > MISSED_MAX {
            return Err(ShadowError::Stuck { position, durable });
        }
        Ok(())
    }

    fn is_behind_a_record(&self) -> bool {
        self.panicked_at.is_none() && self.replay.next_seq() > self.snapshot_seq
    }

    fn is_due(&self) -> bool {
        self.is_behind_a_record()
            && (self.replay.next_seq() - self.snapshot_seq >= self.config.every_records
                || self.snapshot_at.elapsed() >= self.config.every)
    }

    /// Writes a snapshot behind the last input. Where its outputs are not durable yet that has to wait.
    fn write(&mut self) -> Result<(), ShadowError> {
        let started = Instant::now();
        while self.replay.missing().next().is_some() {
            if !self.step(u64::MAX)? {
                return Ok(());
            }
        }
        let Some(snapshot) = self.replay.snapshot() else {
            return Ok(());
        };
        let file = self.dir.write(&snapshot)?;
        self.snapshot_seq = snapshot.next_seq;
        self.snapshot_at = Instant::now();
        self.last = Some(Written {
            file,
            next_seq: snapshot.next_seq,
            position: snapshot.position,
            state_hash: snapshot.state_hash,
            state_bytes: 8 * snapshot.words.len() as u64,
            took_ns: started.elapsed().as_nanos() as u64,
        });
        Ok(())
    }

    /// The snapshot that was written last since this was asked last.
    pub fn take_written(&mut self) -> Option<Written> {
        self.last.take()
    }

    /// The replay, to see how far it is or where it differed.
    pub fn replay(&self) -> &Replay<P, M> {
        &self.replay
    }

    /// Durable records that were not replayed yet.
    pub fn behind_records(&self) -> u64 {
        self.live
            .control
            .durable_seq()
            .saturating_sub(self.replay.last_seq())
    }
}

/// A live directory, and how to see that it is still the same.
#[derive(Debug)]
struct Live {
    dir: PathBuf,
    control: Control,
    id: JournalId,
    /// Inode of the control file.
    inode: u64,
}

impl Live {
    fn open(dir: &Path) -> Result<Live, ReadError> {
        // The inode first: if the directory is made anew in between, it is seen.
        let inode = inode(dir).unwrap_or(0);
        let control = Control::open(dir)?;
        Ok(Live {
            dir: dir.to_owned(),
            id: control.journal_id(),
            control,
            inode,
        })
    }

    /// While the directory is gone a new one may still come.
    fn check(&self) -> Result<(), ShadowError> {
        let is_same = inode(&self.dir).map_or(true, |inode| inode == self.inode);
        if is_same && self.control.journal_id() == self.id {
            Ok(())
        } else {
            Err(ShadowError::Replaced {
                live_dir: self.dir.clone(),
            })
        }
    }
}

fn inode(live_dir: &Path) -> io::Result<u64> {
    fs::metadata(Control::path_in(live_dir)).map(|control| control.ino())
}
