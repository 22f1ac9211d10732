//! How the archive's files are written: every byte and every sync of it goes through here.
//!
//! What the operating system does is a trait, so that this crate's unit tests can put a recorder there: from what it
//! writes down they make the images that a power cut may leave (`crash`).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::JournalError;

#[cfg(not(test))]
type Disk = System;
#[cfg(test)]
type Disk = crate::crash::tap::Tap;

/// What is done to files.
pub(crate) trait Files {
    /// Makes an empty file, or empties the one that is there.
    fn create(path: &Path) -> io::Result<File>;
    /// Opens a file for writing.
    fn open(path: &Path) -> io::Result<File>;
    /// Writes all of `bytes`.
    fn write_at(file: &File, path: &Path, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts the file, or fills it up with zeros.
    fn truncate(file: &File, path: &Path, bytes: u64) -> io::Result<()>;
    /// Makes bytes and length durable, with `fdatasync`.
    fn sync(file: &File, path: &Path) -> io::Result<()>;
    /// Gives a file another name in the same directory. A file that had it is gone.
    fn rename(from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(path: &Path) -> io::Result<()>;
    /// Makes the entries of a directory durable.
    fn sync_dir(dir: &Path) -> io::Result<()>;
}

/// The operating system.
#[derive(Debug)]
pub(crate) struct System;

impl Files for System {
    fn create(path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
    }

    fn open(path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).open(path)
    }

    fn write_at(file: &File, _: &Path, bytes: &[u8], offset: u64) -> io::Result<()> {
        file.write_all_at(bytes, offset)
    }

    fn truncate(file: &File, _: &Path, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)
    }

    fn sync(file: &File, _: &Path) -> io::Result<()> {
        file.sync_data()
    }

    fn rename(from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_dir(dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }
}

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
    /// them has no allocation to log. A file that is there is replaced. Nothing is left of it by a failure: a name whose
    /// sync failed must be made again to become durable.
    pub(crate) fn create(path: &Path, bytes: u64, sync: bool) -> Result<Storage, JournalError> {
        let made = Storage::fill(path, bytes, sync);
        if made.is_err() {
            // The first error is the one to tell.
            drop(Disk::remove(path));
        }
        made
    }

    fn fill(path: &Path, bytes: u64, sync: bool) -> Result<Storage, JournalError> {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        let file = Disk::create(path).map_err(JournalError::io("create", path))?;
        let storage = Storage {
            file,
            path: path.to_owned(),
        };
        let mut at = 0;
        while at < bytes {
            let len = ZEROS.len().min((bytes - at) as usize);
            match storage.write_at(&ZEROS[..len], at) {
                Ok(()) => at += len as u64,
                Err(e)
                    if matches!(
                        e.source.kind(),
                        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                    ) =>
                {
                    return Err(JournalError::no_room(path, bytes));
                }
                Err(e) => return Err(e.into()),
            }
        }
        if sync {
            storage.sync()?;
            sync_dir_of(path)?;
        }
        Ok(storage)
    }

    /// Opens a file that [`Storage::create`] has made.
    pub(crate) fn open(path: &Path) -> Result<Storage, StorageError> {
        let file = Disk::open(path).map_err(failed("open", path))?;
        Ok(Storage {
            file,
            path: path.to_owned(),
        })
    }

    pub(crate) fn write_at(&self, bytes: &[u8], offset: u64) -> Result<(), StorageError> {
        Disk::write_at(&self.file, &self.path, bytes, offset).map_err(failed("write", &self.path))
    }

    pub(crate) fn truncate(&self, bytes: u64) -> Result<(), StorageError> {
        Disk::truncate(&self.file, &self.path, bytes).map_err(failed("truncate", &self.path))
    }

    /// Makes what was written durable, with `fdatasync`.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        Disk::sync(&self.file, &self.path).map_err(failed("sync", &self.path))
    }
}

/// That a new file at `path` can have `bytes`, as far as the file system tells.
pub(crate) fn check_room(path: &Path, bytes: u64) -> Result<(), JournalError> {
    if cfg!(miri) {
        // It knows no `statvfs`.
        return Ok(());
    }
    let Ok(stat) = rustix::fs::statvfs(path.parent().unwrap_or(path)) else {
        return Ok(());
    };
    if stat.f_bavail.saturating_mul(stat.f_frsize) < bytes {
        return Err(JournalError::no_room(path, bytes));
    }
    Ok(())
}

/// Puts `from` in the place of `to`, durably. Both lie in one directory.
pub(crate) fn replace(from: &Path, to: &Path) -> Result<(), StorageError> {
    Disk::rename(from, to).map_err(failed("rename", from))?;
    sync_dir_of(to)
}

/// Removes a file; that it is not there is as good.
pub(crate) fn remove(path: &Path) -> Result<(), StorageError> {
    match Disk::remove(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(e)),
        _ => Ok(()),
    }
}

/// Makes the entries of the directory that `path` lies in durable.
pub(crate) fn sync_dir_of(path: &Path) -> Result<(), StorageError> {
    let dir = path.parent().unwrap_or(path);
    Disk::sync_dir(dir).map_err(failed("sync", dir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crash::tap::{self, Fault};

    #[test]
    fn a_file_that_could_not_be_made_durable_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0000000001-000001.seg");
        // Create, write, sync, sync of the directory; and then nothing is left to fail.
        for call in 1..=5 {
            tap::start(dir.path(), dir.path(), Some(Fault::Fail { call, errno: 5 }));
            let made = Storage::create(&path, 100, true);
            tap::stop();
            assert_eq!(made.is_ok(), call == 5, "call {call}");
            assert_eq!(path.exists(), call == 5, "call {call}");
        }
    }
}
