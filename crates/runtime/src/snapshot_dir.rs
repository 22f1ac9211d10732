//! The directory of a journal's snapshots, as the one who writes them sees it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use pinrail_journal::{JournalError, lock};

use crate::snapshot::{DIR, EXTENSION, Snapshot, SnapshotError};

/// Of a snapshot that is being written. It means nothing.
const PARTIAL: &str = "tmp";

/// Writes the snapshots of a journal and removes old ones. There is one at a time, over all processes; who reads snapshots
/// needs none.
#[derive(Debug)]
pub struct SnapshotDir {
    dir: PathBuf,
    keep: usize,
    /// Locked while this lives.
    _lock: File,
}

impl SnapshotDir {
    /// Takes the lock of the snapshots beside the archive in `archive_dir`, and removes what another one had not written to
    /// its end. The newest `keep` snapshots will be kept.
    ///
    /// # Errors
    /// [`SnapshotError::Locked`] if another one lives; [`SnapshotError::Io`].
    ///
    /// # Panics
    /// If `keep` is zero.
    pub fn open(archive_dir: &Path, keep: usize) -> Result<SnapshotDir, SnapshotError> {
        assert!(keep > 0, "the snapshot that was just written is kept");
        let dir = archive_dir.join(DIR);
        fs::create_dir_all(&dir).map_err(SnapshotError::io("create", &dir))?;
        sync(archive_dir)?;
        let lock = lock(&dir.join("lock")).map_err(|e| match e {
            JournalError::Locked { path, pid } => SnapshotError::Locked { path, pid },
            e => SnapshotError::io("lock", &dir.join("lock"))(io::Error::other(e)),
        })?;
        for entry in fs::read_dir(&dir).map_err(SnapshotError::io("list", &dir))? {
            let path = entry.map_err(SnapshotError::io("list", &dir))?.path();
            if path.extension().is_some_and(|extension| extension == PARTIAL) {
                fs::remove_file(&path).map_err(SnapshotError::io("remove", &path))?;
            }
        }
        Ok(SnapshotDir {
            dir,
            keep,
            _lock: lock,
        })
    }

    /// Writes a snapshot of records that no power cut can take any more, see [`SnapshotDir::add`], then removes the oldest, as
    /// long as more are left than are to be kept; gives its file. Snapshots that claim to be newer stay and do not count: they
    /// are of records that a power cut took, until the journal has come to where they stand.
    ///
    /// # Errors
    /// [`SnapshotError::Io`].
    pub fn write(&self, snapshot: &Snapshot) -> Result<PathBuf, SnapshotError> {
        let path = self.add(snapshot)?;
        let older = Snapshot::list_in(&self.dir)?
            .into_iter()
            .filter(|(seq, _)| *seq <= snapshot.next_seq);
        for (_, old) in older.skip(self.keep) {
            match fs::remove_file(&old) {
                // Whoever shortens the journal removes snapshots, too.
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(SnapshotError::io("remove", &old)(e));
                }
                _ => {}
            }
        }
        Ok(path)
    }

    /// Writes a snapshot, durable before it has its name, and removes none; gives its file.
    ///
    /// # Errors
    /// [`SnapshotError::Io`]. Nothing is left then of a snapshot that could not be written.
    pub fn add(&self, snapshot: &Snapshot) -> Result<PathBuf, SnapshotError> {
        let path = self.dir.join(format!("{:020}.{EXTENSION}", snapshot.next_seq));
        let partial = path.with_extension(PARTIAL);
        let written = File::create(&partial).and_then(|mut file| {
            file.write_all(bytemuck::cast_slice(&snapshot.file_words()))?;
            file.sync_all()
        });
        if let Err(e) = written.and_then(|()| fs::rename(&partial, &path)) {
            // Half a file helps nobody, least of all on a full disk; the first error is the one to tell.
            drop(fs::remove_file(&partial));
            return Err(SnapshotError::io("write", &partial)(e));
        }
        sync(&self.dir).inspect_err(|_| drop(fs::remove_file(&path)))?;
        Ok(path)
    }
}

fn sync(dir: &Path) -> Result<(), SnapshotError> {
    let synced: io::Result<()> = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(SnapshotError::io("sync", dir))
}
