//! What can go wrong, each with where and what was expected.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a journal cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
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
    /// No journal is here.
    #[error("no journal in {path}")]
    NoJournal {
        /// The directory.
        path: PathBuf,
    },
    /// Written in a format that this version does not know.
    #[error("{path}: format version {found}, this program reads {known}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The version in it.
        found: u32,
        /// The one that is known.
        known: u32,
    },
    /// Bytes that were durable, or that no crash leaves behind, are not what was written.
    #[error("{path} is corrupt at byte {offset} (position {position}, sequence {seq}): {what}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Byte in the file.
        offset: u64,
        /// Position of the first record that is lost.
        position: u64,
        /// Its sequence.
        seq: u64,
        /// What was found.
        what: &'static str,
    },
    /// A segment lies neither in the live directory nor in the archive.
    #[error("segment {segment} is neither live nor in {archive_dir}")]
    Missing {
        /// Its number.
        segment: u64,
        /// The archive.
        archive_dir: PathBuf,
    },
}

/// Why a journal cannot be opened for writing, or why writing it had to stop.
#[derive(Debug, Error)]
pub enum JournalError {
    /// A setting is outside its range.
    #[error("journal configuration: {what}")]
    Config {
        /// Which, and what was expected.
        what: String,
    },
    /// Another process does already what only one may.
    #[error("{path} is locked by another process{}", pid.map(|pid| format!(", {pid}")).unwrap_or_default())]
    Locked {
        /// The locked file.
        path: PathBuf,
        /// The other process, if it left its id.
        pid: Option<u32>,
    },
    /// Not enough room for a file whose bytes must all be there before they are written to.
    #[error("no room for {path}: {needed} bytes needed, {available} available")]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Its length in bytes.
        needed: u64,
        /// What its file system had left, in bytes.
        available: u64,
    },
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
    /// The live directory holds what a writer of another journal left behind.
    #[error("{path} belongs to journal {found}, not to {expected}")]
    ForeignLive {
        /// The file.
        path: PathBuf,
        /// The journal that it names.
        found: String,
        /// The one being opened.
        expected: String,
    },
    /// A write or a sync of the archive failed: nothing behind `position` will become durable. Never retried.
    #[error("durability is lost behind position {position}: cannot {op} {path}: {source}")]
    Durability {
        /// What was tried.
        op: &'static str,
        /// On which file.
        path: PathBuf,
        /// The last durable position.
        position: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// The archiver had failed before; nothing was tried.
    #[error("durability was lost behind position {position}")]
    DurabilityLost {
        /// The last durable position.
        position: u64,
    },
    /// What is there cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl ReadError {
    pub(crate) fn io(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ReadError {
        let path = path.to_owned();
        move |source| ReadError::Io { op, path, source }
    }

    /// Whether a file is not there.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self, ReadError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

impl JournalError {
    /// That a file at `path` would need `needed` bytes, and how many are left there.
    pub(crate) fn no_room(path: &Path, needed: u64) -> JournalError {
        let dir = path.parent().unwrap_or(path);
        let available = rustix::fs::statvfs(dir).map_or(0, |stat| stat.f_bavail * stat.f_frsize);
        JournalError::NoRoom {
            path: path.to_owned(),
            needed,
            available,
        }
    }

    pub(crate) fn io(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
        let path = path.to_owned();
        move |source| JournalError::Io { op, path, source }
    }
}
