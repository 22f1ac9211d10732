//! Why a ring could not be made or attached to.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why a ring could not be made or attached to.
#[derive(Debug, Error)]
pub enum RingError {
    /// A capacity that no ring has.
    #[error("a ring of {lines} lines: the capacity must be a power of two from 64 to 67108864 lines")]
    Capacity {
        /// What was asked for, or stands in the file.
        lines: u64,
    },
    /// The operating system refused.
    #[error("ring {path}: cannot {action}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// Another holds this side of the ring.
    #[error("ring {path}: its {side} is already attached (it holds the lock on {lock})")]
    InUse {
        /// The ring's file.
        path: PathBuf,
        /// `producer` or `consumer`.
        side: &'static str,
        /// The file that it holds locked.
        lock: PathBuf,
    },
    /// The file is no ring, or of another version.
    #[error("ring {path}: {what} is {found:#x}, expected {expected:#x}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What does not agree.
        what: &'static str,
        /// What stands there.
        found: u64,
        /// What should.
        expected: u64,
    },
    /// The positions or the records behind the producer's position make no sense, so that there is no saying
    /// where to resume.
    #[error("ring {path}: damaged at position {position}: {what} ({word:#x})")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, in lines since the ring was made.
        position: u64,
        /// What is wrong.
        what: &'static str,
        /// What was found.
        word: u64,
    },
}
