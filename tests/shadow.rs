//! Snapshots that a shadow writes: which are kept, which are believed, and that they are the state of a full replay.

#![allow(clippy::unwrap_used)]

#[path = "../crates/engine/tests/desk/mod.rs"]
mod desk;
mod stepped;

use std::path::{Path, PathBuf};

use pinrail_engine::hash_of;
use pinrail_runtime::{Replay, ReplayError, Snapshot, SnapshotDir, SnapshotError};
use pinrail_types::Text;
use stepped::{Fragile, Live, Place};

/// A journal that was closed.
fn traded() -> Place {
    let mut live = Live::with_books();
    for n in 1..40 {
        live.ask_for(n, 500 + n as i64);
        live.work();
    }
    live.finish_with_place().0
}

/// The state behind `seq` or its last output.
fn taken(archive_dir: &Path, seq: u64) -> Snapshot {
    let mut replay = Replay::open(archive_dir, None, Fragile::new).unwrap();
    replay.end_at(seq, u64::MAX);
    while replay.step().unwrap() {}
    replay.into_snapshot().unwrap()
}

fn begins_at(archive_dir: &Path) -> u64 {
    let mut replay = Replay::open(archive_dir, None, Fragile::new).unwrap();
    replay.begin_at_newest().unwrap()
}

fn kept(archive_dir: &Path) -> Vec<u64> {
    let list = Snapshot::list(archive_dir).unwrap();
    list.into_iter().map(|(seq, _)| seq).collect()
}

fn names(dir: &Path) -> Vec<PathBuf> {
    let mut names: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into())
        .collect();
    names.sort();
    names
}

#[test]
fn a_snapshot_names_the_pricer_and_the_record_layouts_that_it_is_of() {
    let place = traded();
    let archive_dir = place.archive_dir();
    let dir = SnapshotDir::open(&archive_dir, 3).unwrap();
    let good = taken(&archive_dir, 40);
    let other = Snapshot {
        pricer: Text::new("sweep 2").unwrap(),
        ..taken(&archive_dir, 60)
    };
    let path = dir.write(&good).unwrap();
    let later = dir.write(&other).unwrap();
    assert_eq!(Snapshot::read(&later, good.journal_id).unwrap(), other);
    let refused = other.engine(Fragile::new).unwrap_err();
    assert!(matches!(refused, SnapshotError::Pricer { .. }), "{refused}");
    assert!(refused.to_string().contains("\"sweep 2\""), "{refused}");
    assert_eq!(begins_at(&archive_dir), good.next_seq);
    let mut replay = Replay::open(&archive_dir, None, Fragile::new).unwrap();
    assert!(matches!(
        replay.begin_at(other),
        Err(ReplayError::Snapshot { .. })
    ));

    // Of other layouts, and otherwise without a fault.
    let bytes = std::fs::read(&path).unwrap();
    let mut words: Vec<u64> = bytes
        .as_chunks()
        .0
        .iter()
        .copied()
        .map(u64::from_le_bytes)
        .collect();
    words[8] ^= 1;
    words.pop();
    words.push(hash_of(&words));
    std::fs::write(&path, bytemuck::cast_slice(&words)).unwrap();
    let refused = Snapshot::read(&path, good.journal_id).unwrap_err();
    assert!(matches!(refused, SnapshotError::Schema { .. }), "{refused}");
    assert_eq!(begins_at(&archive_dir), 1);
}

#[test]
fn only_the_newest_snapshots_are_kept_and_one_writes_them() {
    let place = traded();
    let archive_dir = place.archive_dir();
    let dir = SnapshotDir::open(&archive_dir, 2).unwrap();
    match SnapshotDir::open(&archive_dir, 2) {
        Err(SnapshotError::Locked { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    let states: Vec<Snapshot> = [20, 40, 60, 80]
        .into_iter()
        .map(|seq| taken(&archive_dir, seq))
        .collect();
    let seqs: Vec<u64> = states.iter().map(|state| state.next_seq).collect();
    // As one that stands for records that a power cut took: it must not push out what is good.
    dir.write(&states[3]).unwrap();
    for state in &states[..3] {
        dir.write(state).unwrap();
        assert!(kept(&archive_dir).contains(&state.next_seq));
    }
    assert_eq!(kept(&archive_dir), [seqs[3], seqs[2], seqs[1]]);
    dir.write(&states[3]).unwrap();
    assert_eq!(kept(&archive_dir), [seqs[3], seqs[2]]);
    drop(dir);

    let snapshots = archive_dir.join("snapshots");
    std::fs::write(snapshots.join("00000000000000000077.tmp"), b"half").unwrap();
    let before = names(&snapshots).len();
    SnapshotDir::open(&archive_dir, 2).unwrap();
    assert_eq!(names(&snapshots).len(), before - 1, "what a kill left is removed");
    assert_eq!(kept(&archive_dir), [seqs[3], seqs[2]]);
}

#[test]
fn nothing_is_left_of_a_snapshot_that_could_not_be_written() {
    let place = traded();
    let archive_dir = place.archive_dir();
    let dir = SnapshotDir::open(&archive_dir, 2).unwrap();
    let state = taken(&archive_dir, 40);
    let path = dir.write(&state).unwrap();
    // Where the file is to be a directory stands that can't be replaced.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let refused = dir.write(&state).unwrap_err();
    assert!(
        matches!(refused, SnapshotError::Io { op: "write", .. }),
        "{refused}"
    );
    assert_eq!(
        names(&archive_dir.join("snapshots")).len(),
        2,
        "the lock and that"
    );
}
