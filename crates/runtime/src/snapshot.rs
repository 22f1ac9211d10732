//! Snapshots: the engine's state as of a place in the journal, in a file, so that a start need not replay everything.
//!
//! They are written by a *shadow*: another process, or another thread, that replays the journal beside the core and writes
//! what its engine came to. The core never pauses for one. A start that finds none that is good replays from the
//! first record and comes to the same state, unless records were removed from the journal's front.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytemuck::Zeroable;
use pinrail_engine::{Bounds, Engine, Pricer, hash_of};
use pinrail_journal::JournalId;
use pinrail_types::record::EpochStart;
use pinrail_types::state::StateError;
use pinrail_types::{BEHAVIOUR_VERSION, Record, Text, schema};
use thiserror::Error;

/// Version of the layout.
pub const SNAPSHOT_VERSION: u32 = 2;

const MAGIC: u64 = u64::from_le_bytes(*b"PINRAILS");
/// Directory in the archive's.
pub(crate) const DIR: &str = "snapshots";
pub(crate) const EXTENSION: &str = "snap";
const NAME_WORDS: usize = size_of::<PricerName>() / 8;
const EPOCH_START_WORDS: usize = EpochStart::LINES * 8;
/// First word of the pricer's name.
const NAME_AT: usize = 9;
/// First word of the start of the epoch.
const EPOCH_START_AT: usize = NAME_AT + NAME_WORDS;
/// Words in front of the state.
const HEADER_WORDS: usize = EPOCH_START_AT + EPOCH_START_WORDS;

/// [`Pricer::NAME`].
type PricerName = Text<32>;

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
    /// Another process writes the snapshots of this journal.
    #[error("{path} is locked by another shadow{}", pid.map(|pid| format!(", process {pid}")).unwrap_or_default())]
    Locked {
        /// The locked file.
        path: PathBuf,
        /// The other process, if it left its id.
        pid: Option<u32>,
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
    /// Written by a program with other layouts of records.
    #[error("{path} was written with record layouts {found:#018x}, this program has {known:#018x}")]
    Schema {
        /// The file.
        path: PathBuf,
        /// Hash of the layouts that it was written with.
        found: u64,
        /// Hash of this program's.
        known: u64,
    },
    /// Of an engine with another pricer.
    #[error("the snapshot is of pricer \"{found}\", this engine has \"{expected}\"")]
    Pricer {
        /// Name of the pricer in it.
        found: PricerName,
        /// Name of this one.
        expected: &'static str,
    },
    /// The words are no state of an engine with the bounds that stand beside them.
    #[error(transparent)]
    State(#[from] StateError),
}

impl SnapshotError {
    pub(crate) fn io(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
        let path = path.to_owned();
        move |source| SnapshotError::Io { op, path, source }
    }
}

/// The state of an engine behind a record of its journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The journal.
    pub journal_id: JournalId,
    /// Name of the engine's pricer.
    pub pricer: PricerName,
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
    ///
    /// # Panics
    /// If [`Pricer::NAME`] is none.
    pub fn of<P: Pricer>(
        engine: &mut Engine<P>,
        journal_id: JournalId,
        epoch_start: &EpochStart,
        position: u64,
    ) -> Snapshot {
        let words = engine.save();
        let pricer = PricerName::new(P::NAME).filter(|name| !name.is_empty());
        Snapshot {
            journal_id,
            pricer: pricer.expect("a pricer's name is 1 to 32 characters of printable ASCII"),
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
    /// [`SnapshotError::Pricer`] if it had another pricer, [`SnapshotError::State`] if the state is none, or no engine
    /// has such bounds.
    pub fn engine<P: Pricer>(
        &self,
        make_pricer: impl FnOnce(&Bounds) -> P,
    ) -> Result<Engine<P>, SnapshotError> {
        if self.pricer.as_bytes() != P::NAME.as_bytes() {
            return Err(SnapshotError::Pricer {
                found: self.pricer,
                expected: P::NAME,
            });
        }
        let bounds = Bounds::of(&self.epoch_start);
        bounds.check().map_err(|what| StateError::Bounds { what })?;
        Ok(Engine::load(bounds, make_pricer(&bounds), &self.words)?)
    }

    /// What stands in its file.
    pub(crate) fn file_words(&self) -> Vec<u64> {
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
            schema::HASH,
        ];
        let name: [u64; NAME_WORDS] = bytemuck::cast(self.pricer);
        words.extend(name);
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
        if words[8] != schema::HASH {
            return Err(SnapshotError::Schema {
                path: path.to_owned(),
                found: words[8],
                known: schema::HASH,
            });
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
        start.copy_from_slice(&words[EPOCH_START_AT..HEADER_WORDS]);
        let mut pricer = PricerName::EMPTY;
        let name: &mut [u8] = bytemuck::bytes_of_mut(&mut pricer);
        name.copy_from_slice(bytemuck::cast_slice(&words[NAME_AT..EPOCH_START_AT]));
        let state = content[HEADER_WORDS..].to_vec();
        if hash_of(&state) != words[6] {
            return Err(damaged("hash of the state"));
        }
        Ok(Snapshot {
            journal_id,
            pricer,
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
        Snapshot::list_in(&archive_dir.join(DIR))
    }

    /// The same for the directory of the snapshots itself.
    pub(crate) fn list_in(dir: &Path) -> Result<Vec<(u64, PathBuf)>, SnapshotError> {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(SnapshotError::io("list", dir)(e)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(SnapshotError::io("list", dir))?.path();
            let seq = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
            if let Some(seq) = seq.filter(|_| path.extension().is_some_and(|e| e == EXTENSION)) {
                found.push((seq, path));
            }
        }
        found.sort_by(|a, b| b.cmp(a));
        Ok(found)
    }
}
