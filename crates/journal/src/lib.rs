//! The journal: everything the desk saw and did, in one stream of records.
//!
//! The core's [`Writer`] appends to segments in shared memory and never waits. The [`Preparer`] makes those segments
//! ahead of need, the [`Archiver`] copies them to disk and says how far they are durable; both are agents whose
//! `do_work` somebody calls on threads that may wait. A [`Reader`] follows the journal from this process or another;
//! [`archive::Reader`] reads one from end to end. The bytes are described in `docs/journal-format.md`.
//!
//! A *position* counts bytes of records since the journal began, framing left out, so that it does not depend on how
//! the journal is cut into segments and batches. A *sequence* counts records from 1, over all epochs.
//!
//! *Architecture invariant:* the writer's thread makes no system call here; memory shared with others is touched as
//! atomic words only, never as records; the archive is written through `storage` alone.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(not(loom))]
use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;
use tracing::warn;

pub mod archive;
mod archived;
mod archiver;
mod area;
mod begun;
mod chain;
mod cold;
mod compress;
mod control;
#[cfg(test)]
mod crash;
mod cursor;
mod error;
mod format;
mod hold;
#[cfg(all(test, loom))]
mod interleavings;
mod live;
mod lock;
#[cfg_attr(any(loom, miri), path = "plain.rs")]
mod map;
mod preparer;
mod prune;
mod reader;
mod recover;
mod storage;
mod verify;
mod writer;

pub use archiver::{Archiver, SyncPolicy};
pub use chain::{ChainHash, NoChainHash};
pub use control::{ArchiverStatus, Control};
pub use error::{JournalError, ReadError};
pub use format::{
    FORMAT_VERSION, HEADER_BYTES, JournalId, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SegmentHeader,
};
pub use lock::lock;
pub use preparer::Preparer;
pub use reader::{From, Reader};
pub use writer::{Room, Writer};

use archive::{Torn, read_meta};
use area::Word;
use format::{HeaderFault, Meta, SegmentFile, Stamp};
#[cfg(loom)]
use map::ArrayQueue;
use map::Map;
use preparer::{clock_anchor, remove_prepared};
use storage::{Storage, replace, sync_dir_of};
use writer::Prepared;

/// How a journal is to be written.
#[derive(Clone, Debug)]
pub struct JournalConfig {
    /// Directory of the archive, on a disk. Made if it is not there.
    pub archive_dir: PathBuf,
    /// Directory of the live segments, on a tmpfs; each journal has its own. Made if only its last part is not there.
    pub live_dir: PathBuf,
    /// Length of a live segment: a multiple of 4096 from [`SEGMENT_BYTES_MIN`] to [`SEGMENT_BYTES_MAX`].
    pub segment_bytes: u64,
    /// Segments to have ready, the one that is held back included; at least 2.
    pub segments_ahead: usize,
    /// Most live segments at a time: the current one, those ahead, and those not yet durable. At least
    /// `segments_ahead` plus 1.
    pub segments_max: usize,
    /// When the archive is synced.
    pub sync: SyncPolicy,
    /// Version of the engine's behaviour.
    pub behaviour_version: u32,
    /// Fingerprint of the record layouts.
    pub schema_hash: u64,
    /// Whether recordings are played and core time is the recorded time.
    pub playback: bool,
}

impl JournalConfig {
    /// The defaults: segments of 8 MiB, 2 ahead, at most 5 alive (so that a `/dev/shm` of 64 MiB holds them and the
    /// rings), a sync for each batch, and the versions that this program was built with.
    pub fn new(archive_dir: PathBuf, live_dir: PathBuf) -> JournalConfig {
        JournalConfig {
            archive_dir,
            live_dir,
            segment_bytes: 8 << 20,
            segments_ahead: 2,
            segments_max: 5,
            sync: SyncPolicy::EachBatch,
            behaviour_version: pinrail_types::BEHAVIOUR_VERSION,
            schema_hash: pinrail_types::schema::HASH,
            playback: false,
        }
    }

    fn check(&self) -> Result<(), JournalError> {
        let refuse = |what: String| Err(JournalError::Config { what });
        if !format::is_segment_length(self.segment_bytes) {
            return refuse(format!(
                "segment_bytes is {}, must be a multiple of {HEADER_BYTES} from {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX}",
                self.segment_bytes
            ));
        }
        if self.segments_ahead < 2 || self.segments_max <= self.segments_ahead {
            return refuse(format!(
                "segments_ahead is {} and segments_max {}, must be at least 2 and more than segments_ahead",
                self.segments_ahead, self.segments_max
            ));
        }
        Ok(())
    }
}

/// An open journal: the parts go to their threads.
#[derive(Debug)]
pub struct Journal {
    /// For the core.
    pub writer: Writer,
    /// For the thread that writes to disk.
    pub archiver: Archiver,
    /// For a helper thread.
    pub preparer: Preparer,
    /// What was there before.
    pub recovered: Recovered,
}

/// What [`open`] found and did.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The journal.
    pub journal_id: JournalId,
    /// The epoch that now begins; durable.
    pub epoch: u32,
    /// Sequence of the next record.
    pub next_seq: u64,
    /// Position of the next record. Everything before it is durable. A sender or standby that has seen a later one
    /// has seen what is lost.
    pub position: u64,
    /// Header of the last segment before this epoch: the behaviour version and record layouts of what is to be
    /// replayed. `None` if the journal is new.
    pub last: Option<SegmentHeader>,
    /// Where the archive was cut, if a crash had left half a batch in it.
    pub torn: Option<Torn>,
    /// Records that only the live segments of a killed writer still held, now in the archive.
    pub drained_records: u64,
    /// What will hurt latency or durability but does not stop the journal.
    pub warnings: Vec<String>,
}

/// What the three parts share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Segments for the writer, from the preparer.
    ready: ArrayQueue<Prepared>,
    /// Segments that the writer is done with, to be unmapped.
    retired: ArrayQueue<Map>,
    /// Live segments that the archiver has removed in this epoch.
    unlinked: CachePadded<Word>,
    control: Control,
    /// Held for as long as any part lives.
    _locks: [File; 2],
}

/// Opens a journal for writing, or makes one: takes its lock, brings everything that a killed writer left in shared
/// memory to the archive, cuts what a power cut left torn, makes a new epoch durable and begins a new segment in it.
///
/// # Errors
/// [`JournalError`], with the place; among them [`JournalError::Locked`] for a second writer,
/// [`JournalError::NoRoom`], and [`ReadError::Corrupt`] where durable bytes were changed. What was journaled before
/// stays as it is.
pub fn open(config: &JournalConfig) -> Result<Journal, JournalError> {
    config.check()?;
    let JournalConfig {
        archive_dir,
        live_dir,
        ..
    } = config;
    std::fs::create_dir_all(archive_dir).map_err(JournalError::io("create", archive_dir))?;
    sync_dir_of(archive_dir)?;
    match std::fs::create_dir(live_dir) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(JournalError::io("create", live_dir)(e));
        }
        _ => {}
    }
    let locks = [lock(&archive_dir.join("lock"))?, lock(&live_dir.join("lock"))?];
    let meta = read_or_make_meta(archive_dir)?;
    let found = recover::recover(live_dir, archive_dir, meta.journal_id)?;
    let meta = meta.with_epoch(meta.epoch + 1);
    write_meta(archive_dir, &meta)?;
    for segment in &found.drained {
        storage::remove(&segment.path)?;
    }
    remove_prepared(live_dir, archive_dir, found.next_segment)?;
    sync_dir_of(&archive_dir.join("meta"))?;

    let control = Control::create(&Control::path_in(live_dir), meta.journal_id)?;
    let mut warnings = Vec::new();
    warnings.extend(not_tmpfs(live_dir));
    if let Err(e) = control.lock_in_memory() {
        warnings.push(format!(
            "cannot lock memory, so the journal may be paged out: {e}"
        ));
    }
    let shared = Arc::new(Shared {
        ready: ArrayQueue::new(config.segments_ahead),
        retired: ArrayQueue::new(config.segments_max),
        unlinked: CachePadded::new(Word::new(0)),
        control,
        _locks: locks,
    });
    let mut preparer = Preparer {
        live_dir: live_dir.clone(),
        archive_dir: archive_dir.clone(),
        stamp: Stamp {
            behaviour_version: config.behaviour_version,
            schema_hash: config.schema_hash,
            playback: config.playback,
            journal_id: meta.journal_id,
            epoch: meta.epoch,
            segment_bytes: config.segment_bytes,
        },
        sync: config.sync,
        alive_max: config.segments_max as u64,
        next_segment: found.next_segment,
        created: 0,
        lock_refused: None,
        shared: Arc::clone(&shared),
    };
    let first = match preparer.prepare_first() {
        Ok(first) => first,
        Err(e) => {
            remove_prepared(live_dir, archive_dir, found.next_segment)?;
            return Err(e);
        }
    };
    for warning in &warnings {
        warn!("{warning}");
    }
    warnings.extend(preparer.lock_refused.clone());
    let place = (found.position, found.next_seq, found.chain);
    let archiver = Archiver::new(
        (live_dir.clone(), archive_dir.clone()),
        meta.epoch,
        found.next_segment,
        place,
        config.sync,
        Arc::clone(&shared),
    );
    let writer = Writer::new(
        first,
        Arc::clone(&shared),
        meta.epoch,
        found.next_seq,
        found.position,
    );
    shared.control.begin(meta.epoch, found.position, found.next_seq);
    Ok(Journal {
        writer,
        archiver,
        preparer,
        recovered: Recovered {
            journal_id: meta.journal_id,
            epoch: meta.epoch,
            next_seq: found.next_seq,
            position: found.position,
            last: found.last,
            torn: found.torn,
            drained_records: found.drained_records,
            warnings,
        },
    })
}

/// Says so if `live_dir` is on a file system that writes pages back, which can stall a store for long.
fn not_tmpfs(live_dir: &Path) -> Option<String> {
    const TMPFS_MAGIC: u64 = 0x0102_1994;
    if cfg!(miri) {
        // It knows no `statfs`.
        return None;
    }
    let stat = rustix::fs::statfs(live_dir).ok()?;
    (stat.f_type as u64 != TMPFS_MAGIC)
        .then(|| format!("{} is not on a tmpfs: appends may stall", live_dir.display()))
}

fn read_or_make_meta(archive_dir: &Path) -> Result<Meta, JournalError> {
    let meta = match read_meta(archive_dir)? {
        Some(meta) => meta,
        None => Meta::new(random_id()?, clock_anchor().0),
    };
    // Without its meta file, or with that of an earlier state, ids would be given out twice.
    for file in SegmentFile::archived(archive_dir)? {
        if file.epoch > meta.epoch {
            return Err(HeaderFault::Bad("segment of an epoch that meta does not know")
                .at(&file.path)
                .into());
        }
    }
    Ok(meta)
}

fn write_meta(archive_dir: &Path, meta: &Meta) -> Result<(), JournalError> {
    let partial = archive_dir.join("meta.tmp");
    let storage = Storage::create(&partial, 0, false)?;
    storage.write_at(bytemuck::bytes_of(meta), 0)?;
    storage.sync()?;
    replace(&partial, &archive_dir.join("meta"))?;
    Ok(())
}

fn random_id() -> Result<JournalId, JournalError> {
    let path = Path::new("/dev/urandom");
    let mut id = [0; 16];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut id))
        .map_err(JournalError::io("read", path))?;
    Ok(JournalId(id))
}
