//! Keeping what somebody reads. A reader shares the `flock` of a segment's file for as long as it is in that segment, and
//! whoever would remove the file asks for the lock alone. Since segments go from the front only, a reader that holds one
//! finds all that follow.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use crate::error::ReadError;

/// Opens a file for reading and holds it until it is closed; `None` if it is not there. Waits for as long as it takes to
/// remove a file, if that is just being done.
pub(crate) fn hold(path: &Path) -> Result<Option<File>, ReadError> {
    loop {
        let Some(file) = open(path)? else {
            return Ok(None);
        };
        // Where a file system knows no locks a reader goes on without: nobody can seize a file there either.
        let _ = retry_on_intr(|| flock(&file, FlockOperation::LockShared));
        // Else it was removed or replaced before the lock was taken.
        if is_named(&file, path)? {
            return Ok(Some(file));
        }
    }
}

/// What became of an attempt to take a file away from readers.
#[derive(Debug)]
pub(crate) enum Seized {
    /// It is not there.
    Gone,
    /// Somebody reads it.
    Held,
    /// Nobody reads it, and none begins to until this is closed.
    Taken(File),
}

/// Takes a file away from readers that are to come.
pub(crate) fn seize(path: &Path) -> Result<Seized, ReadError> {
    let Some(file) = open(path)? else {
        return Ok(Seized::Gone);
    };
    match retry_on_intr(|| flock(&file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) if is_named(&file, path)? => Ok(Seized::Taken(file)),
        Ok(()) | Err(Errno::WOULDBLOCK) => Ok(Seized::Held),
        Err(e) => Err(ReadError::io("lock", path)(e.into())),
    }
}

fn open(path: &Path) -> Result<Option<File>, ReadError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(ReadError::io("open", path)(e)),
    }
}

/// Whether `path` still is the name of this file.
fn is_named(file: &File, path: &Path) -> Result<bool, ReadError> {
    let here = file.metadata().map_err(ReadError::io("read", path))?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((here.dev(), here.ino()) == (there.dev(), there.ino())),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(ReadError::io("read", path)(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_not_seized_and_what_is_seized_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        assert!(hold(&path).unwrap().is_none());
        assert!(matches!(seize(&path).unwrap(), Seized::Gone));
        std::fs::write(&path, b"a").unwrap();
        let readers = [hold(&path).unwrap(), hold(&path).unwrap()];
        assert!(readers.iter().all(Option::is_some));
        assert!(matches!(seize(&path).unwrap(), Seized::Held));
        drop(readers);
        let Seized::Taken(taken) = seize(&path).unwrap() else {
            panic!("nobody reads it");
        };
        std::thread::scope(|scope| {
            // It comes to the lock, before or after the file is gone, and finds that the name is no more.
            let reader = scope.spawn(|| hold(&path).unwrap());
            std::fs::remove_file(&path).unwrap();
            drop(taken);
            assert!(reader.join().unwrap().is_none());
        });
    }
}
