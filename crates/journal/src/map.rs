//! Files as shared words. The only place that makes memory out of a mapping.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use memmap2::{MmapOptions, MmapRaw};

use crate::error::{JournalError, ReadError};

/// A whole file, mapped shared.
#[derive(Debug)]
pub(crate) struct Map {
    raw: MmapRaw,
    writable: bool,
}

impl Map {
    /// Makes `path` a new file of `bytes` zeros, a multiple of the page size, every page of it allocated, mapped and
    /// faulted in for writing, so that no store to it can fault or find no room.
    pub(crate) fn create(path: &Path, bytes: u64) -> Result<Map, JournalError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(JournalError::io("create", path))?;
        let made = allocate(&file, path, bytes).and_then(|()| Map::writable(&file, path));
        if made.is_err() {
            // Half a file helps nobody; the first error is the one to tell.
            drop(std::fs::remove_file(path));
        }
        made
    }

    /// Maps an open file for writing and faults all of it in.
    pub(crate) fn writable(file: &File, path: &Path) -> Result<Map, JournalError> {
        let raw = MmapOptions::new()
            .map_raw(file)
            .map_err(JournalError::io("map", path))?;
        let map = Map { raw, writable: true };
        for page in map.words().chunks(rustix::param::page_size() / 8) {
            // A store, because a load would map the page for reading only.
            page[0].fetch_or(0, Relaxed);
        }
        Ok(map)
    }

    /// Maps `path` for reading; `None` if it is not there or still empty, as its maker may have died before it got
    /// its length.
    pub(crate) fn find(path: &Path) -> Result<Option<Map>, ReadError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(ReadError::io("open", path)(e)),
        };
        if file.metadata().map_err(ReadError::io("read", path))?.len() == 0 {
            return Ok(None);
        }
        let raw = MmapOptions::new()
            .map_raw_read_only(&file)
            .map_err(ReadError::io("map", path))?;
        Ok(Some(Map { raw, writable: false }))
    }

    /// Keeps the pages in memory.
    pub(crate) fn lock(&self) -> io::Result<()> {
        self.raw.lock()
    }

    /// The file's words.
    #[inline]
    pub(crate) fn words(&self) -> &[AtomicU64] {
        #[expect(clippy::cast_ptr_alignment, reason = "a mapping begins at a page")]
        let words = self.raw.as_ptr().cast::<AtomicU64>();
        // SAFETY: the mapping is `len` bytes long, page-aligned and so aligned for `AtomicU64`, and lives as long as
        // `self`, from which the slice borrows. Every access to it, in this process and by convention in others, is
        // an atomic one of a whole aligned word, so other writers are no data race. On a mapping for reading only
        // loads are done: `Relaxed` and `Acquire` loads of 8 bytes do not write on the targets that Linux has. A file
        // that is cut short while mapped raises SIGBUS, which ends the process and is no undefined behaviour; no
        // file of a journal that may be mapped is ever shortened.
        unsafe { core::slice::from_raw_parts(words, self.raw.len() / 8) }
    }

    /// Whether stores are allowed.
    pub(crate) fn is_writable(&self) -> bool {
        self.writable
    }
}

/// Reserves room for all of a new file, so that no later store meets a full file system.
pub(crate) fn allocate(file: &File, path: &Path, bytes: u64) -> Result<(), JournalError> {
    use rustix::fs::{FallocateFlags, fallocate};
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => Err(JournalError::no_room(path, bytes)),
        Err(e) => Err(JournalError::io("allocate", path)(e.into())),
    }
}
