//! The control file: the numbers of a running journal that change, each writer's on cache lines of its own.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;

use crate::area::{Word, acquire, release};
use crate::error::{JournalError, ReadError};
use crate::format::{FORMAT_VERSION, JournalId};
use crate::map::{Map, allocate};

const MAGIC: u64 = u64::from_le_bytes(*b"PINRAILC");
const BYTES: u64 = 4096;

// Words. 128 bytes apart where the writers differ, because the hardware fetches cache lines in pairs.
const MAGIC_WORD: usize = 0;
const VERSION: usize = 1;
const JOURNAL_ID: usize = 2;
const EPOCH: usize = 4;
const PID: usize = 5;
const COMMITTED_POSITION: usize = 16;
const COMMITTED_SEQ: usize = 17;
const HEARTBEAT_NS: usize = 18;
const DRAINED_POSITION: usize = 32;
const DURABLE_POSITION: usize = 33;
const DURABLE_SEQ: usize = 34;
const ARCHIVER_STATUS: usize = 35;

/// What the archiver is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiverStatus {
    /// Copying, or waiting for something to copy.
    Running,
    /// A write or a sync failed: nothing becomes durable any more.
    Failed,
    /// Everything is durable and the journal closed.
    Finished,
}

/// A journal's control file. Its figures are each right by themselves, but not taken at one moment.
#[derive(Debug)]
pub struct Control {
    map: Map,
    path: PathBuf,
}

impl Control {
    /// Where the control file of a live directory is.
    pub fn path_in(live_dir: &Path) -> PathBuf {
        live_dir.join("control")
    }

    /// Opens the control file of `live_dir` for reading.
    ///
    /// # Errors
    /// [`ReadError::NoJournal`] if there is none; otherwise if it cannot be read or has another format.
    pub fn open(live_dir: &Path) -> Result<Control, ReadError> {
        let path = Control::path_in(live_dir);
        let Some(map) = Map::find(&path)? else {
            return Err(ReadError::NoJournal {
                path: live_dir.to_owned(),
            });
        };
        let control = Control { map, path };
        control.check()?;
        Ok(control)
    }

    /// Opens or makes the control file for the one who holds the journal's lock. The inode stays the same for as
    /// long as the live directory does, so that readers notice a new epoch.
    pub(crate) fn create(path: &Path, id: JournalId) -> Result<Control, JournalError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(JournalError::io("create", path))?;
        if file.metadata().map_err(JournalError::io("read", path))?.len() > BYTES {
            return Err(ReadError::Corrupt {
                path: path.to_owned(),
                offset: BYTES,
                position: 0,
                seq: 0,
                what: "length of the control file",
            }
            .into());
        }
        allocate(&file, path, BYTES)?;
        let control = Control {
            map: Map::writable(&file, path)?,
            path: path.to_owned(),
        };
        let id: [u64; 2] = bytemuck::cast(id.0);
        control.store(VERSION, u64::from(FORMAT_VERSION));
        control.store(JOURNAL_ID, id[0]);
        control.store(JOURNAL_ID + 1, id[1]);
        control.store(MAGIC_WORD, MAGIC);
        Ok(control)
    }

    fn check(&self) -> Result<(), ReadError> {
        let fault = |what| ReadError::Corrupt {
            path: self.path.clone(),
            offset: 0,
            position: 0,
            seq: 0,
            what,
        };
        if self.map.words().len() * 8 != BYTES as usize {
            return Err(fault("length of the control file"));
        }
        if self.load(MAGIC_WORD) != MAGIC {
            return Err(fault("magic of the control file"));
        }
        if self.load(VERSION) != u64::from(FORMAT_VERSION) {
            return Err(ReadError::Unsupported {
                path: self.path.clone(),
                found: self.load(VERSION) as u32,
                known: FORMAT_VERSION,
            });
        }
        Ok(())
    }

    /// The journal.
    pub fn journal_id(&self) -> JournalId {
        JournalId(bytemuck::cast([self.load(JOURNAL_ID), self.load(JOURNAL_ID + 1)]))
    }

    /// The epoch that writes, or wrote last.
    pub fn epoch(&self) -> u32 {
        self.load(EPOCH) as u32
    }

    /// The process that writes; zero when the journal was closed.
    pub fn writer_pid(&self) -> u32 {
        self.load(PID) as u32
    }

    /// End of what the writer has published; it may be a little behind what readers can already see.
    pub fn committed_position(&self) -> u64 {
        self.load(COMMITTED_POSITION)
    }

    /// Sequence of the last record that the writer has published.
    pub fn committed_seq(&self) -> u64 {
        self.load(COMMITTED_SEQ)
    }

    /// The time that the writer gave when it last published, in nanoseconds.
    pub fn heartbeat_ns(&self) -> u64 {
        self.load(HEARTBEAT_NS)
    }

    /// End of what was written to the archive, durable or not.
    pub fn drained_position(&self) -> u64 {
        self.load(DRAINED_POSITION)
    }

    /// End of what survives a power cut.
    pub fn durable_position(&self) -> u64 {
        self.load(DURABLE_POSITION)
    }

    /// Sequence of the last record that survives a power cut.
    pub fn durable_seq(&self) -> u64 {
        self.load(DURABLE_SEQ)
    }

    /// What the archiver is doing.
    pub fn archiver_status(&self) -> ArchiverStatus {
        match self.load(ARCHIVER_STATUS) {
            0 => ArchiverStatus::Running,
            2 => ArchiverStatus::Finished,
            _ => ArchiverStatus::Failed,
        }
    }

    /// Begins an epoch: everything before `position` is durable.
    pub(crate) fn begin(&self, epoch: u32, position: u64, next_seq: u64) {
        self.publish(position, next_seq - 1, 0);
        self.drained(position);
        self.durable(position, next_seq - 1);
        self.store(ARCHIVER_STATUS, 0);
        self.store(PID, u64::from(std::process::id()));
        self.store(EPOCH, u64::from(epoch));
    }

    #[inline]
    pub(crate) fn publish(&self, position: u64, seq: u64, now_ns: u64) {
        let words = self.words();
        words[COMMITTED_SEQ].store(seq, release());
        words[HEARTBEAT_NS].store(now_ns, Relaxed);
        words[COMMITTED_POSITION].store(position, release());
    }

    pub(crate) fn drained(&self, position: u64) {
        self.store(DRAINED_POSITION, position);
    }

    pub(crate) fn durable(&self, position: u64, seq: u64) {
        self.store(DURABLE_SEQ, seq);
        self.store(DURABLE_POSITION, position);
    }

    pub(crate) fn archiver_failed(&self) {
        self.store(ARCHIVER_STATUS, 1);
    }

    pub(crate) fn archiver_finished(&self) {
        self.store(ARCHIVER_STATUS, 2);
        self.store(PID, 0);
    }

    fn words(&self) -> &[Word] {
        self.map.words()
    }

    fn load(&self, word: usize) -> u64 {
        self.words()[word].load(acquire())
    }

    fn store(&self, word: usize, value: u64) {
        assert!(self.map.is_writable(), "a reader's control file");
        self.words()[word].store(value, release());
    }

    pub(crate) fn lock_in_memory(&self) -> std::io::Result<()> {
        self.map.lock()
    }
}
