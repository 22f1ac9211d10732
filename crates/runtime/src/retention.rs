//! What retention must leave of a journal, so that a start finds what it needs.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use pinrail_engine::{Bounds, Pricer};
use pinrail_journal::archive::{Reader, settled_position};
use tracing::warn;

use crate::replay::{Replay, ReplayError};
use crate::snapshot::{Snapshot, SnapshotError};

/// A snapshot that a start can begin at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footing {
    /// Its file.
    pub path: PathBuf,
    /// Sequence of the first record that is not in it.
    pub next_seq: u64,
    /// Position of that record. What the archive holds before it is not needed, but for the record right before.
    pub position: u64,
}

/// The newest snapshot beside the archive in `archive_dir` from which the archive replays to its end, and which stands for
/// records that no power cut can take any more, durable itself; `None` if there is none, and a start needs the journal from its first record.
/// Replays what is behind it. A core may be writing the journal.
///
/// # Errors
/// [`ReplayError::Read`] if the journal can't be read.
pub fn footing<P: Pricer>(
    archive_dir: &Path,
    make_pricer: impl FnMut(&Bounds) -> P,
) -> Result<Option<Footing>, ReplayError> {
    let settled = settled_position(archive_dir)?;
    let id = Reader::open(archive_dir, None)?.journal_id();
    let mut replay = Replay::open(archive_dir, None, make_pricer)?;
    let found = Snapshot::list(archive_dir).unwrap_or_else(|e| {
        warn!("snapshots are not used: {e}");
        Vec::new()
    });
    for (_, path) in found {
        let snapshot = match Snapshot::read(&path, id) {
            Ok(snapshot) => snapshot,
            Err(e) => {
                warn!("{} is not used: {e}", path.display());
                continue;
            }
        };
        let (next_seq, position) = (snapshot.next_seq, snapshot.position);
        if position > settled {
            continue;
        }
        match replay.begin_at(snapshot).and_then(|()| run(&mut replay)) {
            Ok(()) => {
                make_durable(&path)?;
                return Ok(Some(Footing {
                    path,
                    next_seq,
                    position,
                }));
            }
            Err(e) => warn!("{} is not used: {e}", path.display()),
        }
    }
    Ok(None)
}

/// Whoever wrote it may not have come so far; and it is about to be needed.
fn make_durable(path: &Path) -> Result<(), ReplayError> {
    let dir = path.parent().unwrap_or(path);
    for synced in [path, dir] {
        File::open(synced)
            .and_then(|file| file.sync_all())
            .map_err(|e| ReplayError::Snapshot {
                what: format!("cannot sync {}: {e}", synced.display()),
            })?;
    }
    Ok(())
}

fn run<P: Pricer, M: FnMut(&Bounds) -> P>(replay: &mut Replay<P, M>) -> Result<(), ReplayError> {
    while replay.step()? {}
    Ok(())
}

/// The snapshots beside the archive in `archive_dir` that nothing can go on from where its first record has sequence
/// `first_seq`, oldest first.
///
/// # Errors
/// [`SnapshotError::Io`].
pub fn useless_snapshots(archive_dir: &Path, first_seq: u64) -> Result<Vec<PathBuf>, SnapshotError> {
    let found = Snapshot::list(archive_dir)?.into_iter().rev();
    Ok(found
        .take_while(|(next_seq, _)| *next_seq < first_seq)
        .map(|(_, path)| path)
        .collect())
}

/// Removes them; gives their files.
///
/// # Errors
/// [`SnapshotError::Io`].
pub fn remove_useless_snapshots(archive_dir: &Path, first_seq: u64) -> Result<Vec<PathBuf>, SnapshotError> {
    let useless = useless_snapshots(archive_dir, first_seq)?;
    for path in &useless {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                return Err(SnapshotError::io("remove", path)(e));
            }
            _ => {}
        }
    }
    if let Some(dir) = useless.first().and_then(|path| path.parent()) {
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(SnapshotError::io("sync", dir))?;
    }
    Ok(useless)
}
