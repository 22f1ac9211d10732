//! Snapshots: the engine's state as of a place in the journal, in a file, so that a start need not replay everything.
//!
//! They are written by a *shadow*: another process, or another thread, that replays the journal beside the core and writes
//! what its engine came to. The core never pauses for one. A snapshot is never needed: a start that finds none that is
//! good replays from the first record and comes to the same state.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytemuck::Zeroable;
use pinrail_engine::{Bounds, Engine, Pricer, hash_of};
use pinrail_journal::JournalId;
use pinrail_types::record::EpochStart;
use pinrail_types::state::StateError;
use pinrail_types::{BEHAVIOUR_VERSION, Record};
use thiserror::Error;

/// Version of the layout.
pub const SNAPSHOT_VERSION: u32 = 1;

const MAGIC: u64 = u64::from_le_bytes(*b"PINRAILS");
/// Directory in the archive's.
const DIR: &str = "snapshots";
const EXTENSION: &str = "snap";
const EPOCH_START_WORDS: usize = EpochStart::LINES * 8;
/// Words in front of the state.
const HEADER_WORDS: usize = 9 + EPOCH_START_WORDS;

/// Why a snapshot can't be used or written.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The operating system refused.
    #[error("cannot {op} {path}: {source}")]
    Io {
        /// What was tried.
        op: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Not what a shadow wrote.
    #[error("{path} is no snapshot: {what}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: &'static str,
    },
    /// Of another layout or behaviour.
    #[error("{path} has {what} {found}, this program knows {known}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// Which version.
        what: &'static str,
        /// The one in it.
        found: u32,
        /// The one that is known.
        known: u32,
    },
    /// Of another journal.
    #[error("{path} is of journal {found}, expected {expected}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The journal that it names.
        found: JournalId,
        /// This one.
        expected: JournalId,
    },
    /// The words are no state of an engine with the bounds that stand beside them.
    #[error("{path}: {source}")]
    State {
        /// The file.
        path: PathBuf,
        /// Which word.
        source: StateError,
    },
}

impl SnapshotError {
    fn io(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
        let path = path.to_owned();
        move |source| SnapshotError::Io { op, path, source }
    }
}

/// The state of an engine behind a record of its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The journal.
    pub journal_id: JournalId,
    /// How the epoch began in which it was taken; it has the engine's bounds.
    pub epoch_start: EpochStart,
    /// Sequence of the first record that is not in it.
    pub next_seq: u64,
    /// Position of that record.
    pub position: u64,
    /// Hash of the state; a replay that comes to `next_seq` has the same.
    pub state_hash: u64,
    /// [`Engine::save`].
    pub words: Vec<u64>,
}

impl Snapshot {
    /// Takes the state of `engine`, which has seen every record before `position`.
    pub fn of<P: Pricer>(
        engine: &mut Engine<P>,
        journal_id: JournalId,
        epoch_start: &EpochStart,
        position: u64,
    ) -> Snapshot {
        let words = engine.save();
        Snapshot {
            journal_id,
            epoch_start: *epoch_start,
            next_seq: engine.next_seq(),
            position,
            state_hash: hash_of(&words),
            words,
        }
    }

    /// The engine.
    ///
    /// # Errors
    /// [`StateError`], if the state is none.
    pub fn engine<P: Pricer>(&self, make_pricer: impl FnOnce(&Bounds) -> P) -> Result<Engine<P>, StateError> {
        let bounds = Bounds::of(&self.epoch_start);
        Engine::load(bounds, make_pricer(&bounds), &self.words)
    }

    /// Writes it beside the archive in `archive_dir`, durable before it has its name; gives the file.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn write(&self, archive_dir: &Path) -> Result<PathBuf, SnapshotError> {
        let dir = archive_dir.join(DIR);
        fs::create_dir_all(&dir).map_err(SnapshotError::io("create", &dir))?;
        let path = dir.join(format!("{:020}.{EXTENSION}", self.next_seq));
        let partial = path.with_extension("tmp");
        let written = File::create(&partial).and_then(|mut file| {
            file.write_all(bytemuck::cast_slice(&self.file_words()))?;
            file.sync_all()
        });
        written.map_err(SnapshotError::io("write", &partial))?;
        fs::rename(&partial, &path).map_err(SnapshotError::io("rename", &partial))?;
        for synced in [&dir, archive_dir] {
            File::open(synced)
                .and_then(|dir| dir.sync_all())
                .map_err(SnapshotError::io("sync", synced))?;
        }
        Ok(path)
    }

    fn file_words(&self) -> Vec<u64> {
        let id: [u64; 2] = bytemuck::cast(self.journal_id.0);
        let versions = u64::from(SNAPSHOT_VERSION) | u64::from(BEHAVIOUR_VERSION) << 32;
        let mut words = vec![
            MAGIC,
            versions,
            id[0],
            id[1],
            self.next_seq,
            self.position,
            self.state_hash,
            self.words.len() as u64,
            0,
        ];
        let start: [u64; EPOCH_START_WORDS] = bytemuck::cast(self.epoch_start);
        words.extend(start);
        words.extend(&self.words);
        words.push(hash_of(&words));
        words
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`SnapshotError`] if it can't be read, was changed, or is of another journal or version.
    pub fn read(path: &Path, journal_id: JournalId) -> Result<Snapshot, SnapshotError> {
        let bytes = fs::read(path).map_err(SnapshotError::io("read", path))?;
        let damaged = |what| SnapshotError::Damaged {
            path: path.to_owned(),
            what,
        };
        let (words, rest) = bytes.as_chunks::<8>();
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        if !rest.is_empty() || words.len() <= HEADER_WORDS || words[0] != MAGIC {
            return Err(damaged("length or magic"));
        }
        let unsupported = |what, found, known| SnapshotError::Unsupported {
            path: path.to_owned(),
            what,
            found,
            known,
        };
        let (version, behaviour) = (words[1] as u32, (words[1] >> 32) as u32);
        if version != SNAPSHOT_VERSION {
            return Err(unsupported("version", version, SNAPSHOT_VERSION));
        }
        let (content, check) = words.split_at(words.len() - 1);
        if check != [hash_of(content)] || words[7] != (content.len() - HEADER_WORDS) as u64 {
            return Err(damaged("checksum"));
        }
        if behaviour != BEHAVIOUR_VERSION {
            return Err(unsupported("behaviour version", behaviour, BEHAVIOUR_VERSION));
        }
        let found = JournalId(bytemuck::cast([words[2], words[3]]));
        if found != journal_id {
            return Err(SnapshotError::Foreign {
                path: path.to_owned(),
                found,
                expected: journal_id,
            });
        }
        let mut epoch_start = EpochStart::zeroed();
        let start: &mut [u64] = bytemuck::cast_slice_mut(core::slice::from_mut(&mut epoch_start));
        start.copy_from_slice(&words[HEADER_WORDS - EPOCH_START_WORDS..HEADER_WORDS]);
        let state = content[HEADER_WORDS..].to_vec();
        if hash_of(&state) != words[6] {
            return Err(damaged("hash of the state"));
        }
        Ok(Snapshot {
            journal_id,
            epoch_start,
            next_seq: words[4],
            position: words[5],
            state_hash: words[6],
            words: state,
        })
    }

    /// The files beside the archive in `archive_dir`, newest first, with their sequences.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn list(archive_dir: &Path) -> Result<Vec<(u64, PathBuf)>, SnapshotError> {
        let dir = archive_dir.join(DIR);
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(SnapshotError::io("list", &dir)(e)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(SnapshotError::io("list", &dir))?.path();
            let seq = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            if let Some(seq) = seq.filter(|_| path.extension().is_some_and(|e| e == EXTENSION)) {
                found.push((seq, path));
            }
        }
        found.sort_by(|a, b| b.cmp(a));
        Ok(found)
    }
}
