//! Files that stand for "one at a time", over all processes.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::error::JournalError;

/// Takes the lock that `path` stands for, until the file is closed, and leaves this process's id in it.
///
/// # Errors
/// [`JournalError::Locked`] if another process has it; [`JournalError::Io`].
pub fn lock(path: &Path) -> Result<File, JournalError> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(JournalError::io("open", path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            // The id is a help for the reader of the message; it may be missing.
            let pid = file
                .read_to_string(&mut text)
                .ok()
                .and_then(|_| text.trim().parse().ok());
            return Err(JournalError::Locked {
                path: path.to_owned(),
                pid,
            });
        }
        Err(e) => return Err(JournalError::io("lock", path)(e.into())),
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(JournalError::io("write", path))?;
    Ok(file)
}
