//! What the fuzz targets do with their bytes. `fuzz/` runs these functions under libFuzzer, and the ordinary tests run
//! them on the committed corpus and on seeded mutations of it.
//!
//! Each takes any bytes at all and panics if a rule is broken. Most read their input as steps of fixed length, so that a
//! mutation of one step leaves the others what they were.

use std::path::{Path, PathBuf};

use pinrail_journal::{JournalConfig, SyncPolicy};
use tempfile::TempDir;

mod bases;
mod binance;
mod config;
mod engine;
mod files;
mod matching;
mod read_archive;
mod recover;
mod replay;
mod ring;
mod seeds;
mod snapshot;

pub use seeds::{Seed, seeds};

/// What a target does with its input.
pub type Body = fn(&[u8]);

/// Every target by name.
pub const TARGETS: &[(&str, Body)] = &[
    ("binance", binance::run),
    ("config", config::run),
    ("engine", engine::run),
    ("matching", matching::run),
    ("read_archive", read_archive::run),
    ("recover", recover::run),
    ("replay", replay::run),
    ("ring", ring::run),
    ("snapshot", snapshot::run),
];

/// Runs the target of this name on `data`.
///
/// # Panics
/// If a rule is broken, or there is no such target.
pub fn run(target: &str, data: &[u8]) {
    let (_, body) = TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .expect("a target of that name");
    body(data);
}

/// Bytes that are taken from the front. Where there are none left they are zero.
struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn new(data: &'a [u8]) -> Input<'a> {
        Input { rest: data }
    }

    fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `len` bytes, or what there is.
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }
}

/// A place for a journal or a ring, in shared memory if there is one.
struct Scratch {
    dir: TempDir,
}

impl Scratch {
    fn new() -> Scratch {
        let shared = Path::new("/dev/shm");
        let dir = if shared.is_dir() {
            tempfile::tempdir_in(shared)
        } else {
            tempfile::tempdir()
        };
        let scratch = Scratch {
            dir: dir.expect("a directory"),
        };
        for dir in [scratch.archive(), scratch.live()] {
            std::fs::create_dir(dir).expect("a directory");
        }
        scratch
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn archive(&self) -> PathBuf {
        self.path().join("archive")
    }

    fn live(&self) -> PathBuf {
        self.path().join("live")
    }

    /// How the journal here is written, with segments of this length.
    fn config(&self, segment_bytes: u64, sync: SyncPolicy) -> JournalConfig {
        JournalConfig {
            segment_bytes,
            sync,
            ..JournalConfig::new(self.archive(), self.live())
        }
    }

    /// Writes a file, named from here.
    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path().join(name), bytes).expect("room for a file");
    }
}
