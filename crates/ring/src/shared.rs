//! Rings in a file, for two processes.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use memmap2::MmapOptions;
use rustix::fs::{CWD, FallocateFlags, FlockOperation, RenameFlags};

use crate::memory::{self, FORMAT_VERSION, MAGIC, Memory, Ordering};
use crate::resume::{Damage, check_position, find_end};
use crate::{Consumer, Producer, RingError, check_capacity};

/// Makes a ring of `lines` lines in a new file and attaches its consumer. The file belongs on tmpfs; its room is
/// reserved and its pages are mapped before this returns. Two lock files, `PATH.producer.lock` and
/// `PATH.consumer.lock`, come to stand beside it and are left there.
///
/// The two sides need not trust each other's words, but each can kill the other by cutting the file short. It is
/// made readable and writable for its owner alone.
///
/// # Errors
/// A capacity that is no power of two or below 64; a file of that name; no room; a consumer that is attached.
pub fn create(path: &Path, lines: usize) -> Result<Consumer, RingError> {
    check_capacity(lines as u64)?;
    let lock = lock(path, "consumer")?;
    // Under the consumer's lock nobody else is at this name; a ring appears under its own only when it is whole.
    let unfinished = beside(path, ".new");
    let made = create_unfinished(&unfinished, lines).and_then(|memory| {
        rustix::fs::renameat_with(CWD, &unfinished, CWD, path, RenameFlags::NOREPLACE)
            .map_err(|e| failed(path, "create", e))?;
        Ok(memory)
    });
    if made.is_err() {
        // Best effort: the next attempt cuts what is left to nothing.
        let _ = std::fs::remove_file(&unfinished);
    }
    Ok(Consumer::new(made?, Some(lock)))
}

/// Attaches the producer to a ring that [`create`] made. It goes on behind the last record that a producer before it
/// published, however that one ended; [`Producer::last_cause`] tells which that was. Linear in the length of the
/// batch that was being published when it ended.
///
/// # Errors
/// A missing or foreign file, another producer, or a ring in which no end can be found.
pub fn attach_producer(path: &Path) -> Result<Producer, RingError> {
    let lock = lock(path, "producer")?;
    let memory = attach(path)?;
    let end = find_end(&memory).map_err(|damage| damaged(path, &damage))?;
    let head = memory.head().load(Ordering::Acquire);
    if end.tail.wrapping_sub(head) >= memory.capacity() {
        let damage = Damage {
            position: end.tail,
            what: "a consumer position that does not fit it",
            word: head,
        };
        return Err(damaged(path, &damage));
    }
    Ok(Producer::new(memory, end, Some(lock)))
}

/// Attaches the consumer to a ring that [`create`] made. It goes on at the position that a consumer before it
/// released last, and so may read again what that one had polled.
///
/// # Errors
/// A missing or foreign file, or another consumer.
pub fn attach_consumer(path: &Path) -> Result<Consumer, RingError> {
    let lock = lock(path, "consumer")?;
    let memory = attach(path)?;
    let head = memory.head().load(Ordering::Acquire);
    check_position("the consumer position", head).map_err(|damage| damaged(path, &damage))?;
    Ok(Consumer::new(memory, Some(lock)))
}

fn damaged(path: &Path, damage: &Damage) -> RingError {
    RingError::Damaged {
        path: path.to_owned(),
        position: damage.position,
        what: damage.what,
        word: damage.word,
    }
}

fn create_unfinished(path: &Path, lines: usize) -> Result<Memory, RingError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| failed(path, "create", e))?;
    let memory = map(path, &file, lines)?;
    memory.identify();
    Ok(memory)
}

fn attach(path: &Path) -> Result<Memory, RingError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|e| failed(path, "open", e))?;
    let mut identity = [0; 24];
    file.read_exact_at(&mut identity, 0)
        .map_err(|e| failed(path, "read the header", e))?;
    let word = |at: usize| u64::from_le_bytes(identity[at..at + 8].try_into().expect("eight bytes"));
    let expect = |what, found, expected| {
        if found == expected {
            return Ok(());
        }
        Err(RingError::Foreign {
            path: path.to_owned(),
            what,
            found,
            expected,
        })
    };
    expect("the magic number", word(0), MAGIC)?;
    expect("the format version", word(8), FORMAT_VERSION)?;
    check_capacity(word(16))?;
    let lines = word(16) as usize;
    let length = file.metadata().map_err(|e| failed(path, "stat", e))?.len();
    expect("the length in bytes", length, memory::bytes(lines) as u64)?;
    map(path, &file, lines)
}

/// Reserves the room and maps it. A page without room would be a SIGBUS on its first use; so it is an error here.
fn map(path: &Path, file: &File, lines: usize) -> Result<Memory, RingError> {
    let bytes = memory::bytes(lines);
    rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes as u64)
        .map_err(|e| failed(path, "reserve room", e))?;
    let map = MmapOptions::new()
        .len(bytes)
        .populate()
        .map_raw(file)
        .map_err(|e| failed(path, "map", e))?;
    Ok(Memory::mapped(map))
}

/// Takes one side of the ring; the lock goes with the file or the process.
fn lock(path: &Path, side: &'static str) -> Result<File, RingError> {
    let lock_path = beside(path, &format!(".{side}.lock"));
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path)
        .map_err(|e| failed(&lock_path, "open the lock", e))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(RingError::InUse {
            path: path.to_owned(),
            side,
            lock: lock_path,
        }),
        Err(e) => Err(failed(&lock_path, "lock", e)),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn failed(path: &Path, action: &'static str, source: impl Into<io::Error>) -> RingError {
    RingError::Io {
        path: path.to_owned(),
        action,
        source: source.into(),
    }
}
