//! How the archive's files are written: every byte and every sync of it goes through here.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::JournalError;
use crate::map::no_room;

/// An archive file that is being written.
#[derive(Debug)]
pub(crate) struct Storage {
    file: File,
    pub(crate) path: PathBuf,
}

/// What failed on which file; the caller knows whether durability hangs on it.
#[derive(Debug)]
pub(crate) struct StorageError {
    pub(crate) op: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

impl From<StorageError> for JournalError {
    fn from(e: StorageError) -> JournalError {
        JournalError::Io {
            op: e.op,
            path: e.path,
            source: e.source,
        }
    }
}

fn failed(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StorageError {
    let path = path.to_owned();
    move |source| StorageError { op, path, source }
}

impl Storage {
    /// Makes `path` a new file of `bytes` zeros that were really written, so that a later sync of data written over
    /// them has no allocation to log. A file that is there is replaced.
    pub(crate) fn create(path: &Path, bytes: u64, sync: bool) -> Result<Storage, JournalError> {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
            .map_err(JournalError::io("create", path))?;
        let storage = Storage {
            file,
            path: path.to_owned(),
        };
        let mut at = 0;
        while at < bytes {
            let len = ZEROS.len().min((bytes - at) as usize);
            match storage.write_at(&ZEROS[..len], at) {
                Ok(()) => at += len as u64,
                Err(e) if e.source.kind() == io::ErrorKind::StorageFull => {
                    let error = no_room(path, bytes);
                    // What was written of it is in the way of everybody else.
                    drop(std::fs::remove_file(path));
                    return Err(error);
                }
                Err(e) => return Err(e.into()),
            }
        }
        if sync {
            storage.file.sync_all().map_err(JournalError::io("sync", path))?;
            sync_dir_of(path)?;
        }
        Ok(storage)
    }

    /// Opens a file that [`Storage::create`] has made.
    pub(crate) fn open(path: &Path) -> Result<Storage, StorageError> {
        let file = OpenOptions::new()
            .write(true)
            .open(path)
            .map_err(failed("open", path))?;
        Ok(Storage {
            file,
            path: path.to_owned(),
        })
    }

    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), StorageError> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(failed("write", &self.path))
    }

    pub(crate) fn truncate(&self, bytes: u64) -> Result<(), StorageError> {
        self.file.set_len(bytes).map_err(failed("truncate", &self.path))
    }

    /// `fdatasync`.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        #[cfg(test)]
        if fault::SYNC_FAILS.get() {
            return Err(failed("sync", &self.path)(io::Error::from_raw_os_error(5)));
        }
        self.file.sync_data().map_err(failed("sync", &self.path))
    }
}

/// Puts `from` in the place of `to`, durably. Both lie in one directory.
pub(crate) fn replace(from: &Path, to: &Path) -> Result<(), StorageError> {
    std::fs::rename(from, to).map_err(failed("rename", from))?;
    sync_dir_of(to)
}

/// Removes a file; that it is not there is as good.
pub(crate) fn remove(path: &Path) -> Result<(), StorageError> {
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Makes the entries of the directory that `path` lies in durable.
pub(crate) fn sync_dir_of(path: &Path) -> Result<(), StorageError> {
    let dir = path.parent().unwrap_or(path);
    let opened = File::open(dir).map_err(failed("open", dir))?;
    opened.sync_all().map_err(failed("sync", dir))
}

#[cfg(test)]
pub(crate) mod fault {
    use std::cell::Cell;

    thread_local! {
        /// Makes every later sync of this thread fail.
        pub(crate) static SYNC_FAILS: Cell<bool> = const { Cell::new(false) };
    }
}
