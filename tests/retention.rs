//! A desk whose journal was compressed and cut off at the front goes on as if nothing had been done to it.

#![allow(clippy::unwrap_used)]

#[path = "../crates/engine/tests/desk/mod.rs"]
mod desk;
mod stepped;

use std::path::{Path, PathBuf};

use pinrail_engine::hash_of;
use pinrail_journal::archive::{Keep, Kept, Pruned, compress, prune, settled_position};
use pinrail_journal::open;
use pinrail_runtime::{
    RecoverError, Replay, ReplayError, Snapshot, SnapshotDir, footing, recover, remove_useless_snapshots,
    useless_snapshots,
};
use pinrail_types::{Cause, RecordHeader, SourceId};
use stepped::{BOUNDS, Fragile, Live, Place};

const SEGMENT_BYTES: u64 = 1 << 20;

/// A desk that was started `epochs` times, and quoted each time. Each epoch has a segment of its own.
fn desk(epochs: u64) -> Place {
    let mut place = Place::new();
    for epoch in 1..=epochs {
        let mut live = Live::restart(place);
        live.work();
        live.books(epoch * 100);
        live.work();
        for n in 1..5 {
            live.ask(epoch * 100 + n);
            live.work();
        }
        place = live.finish_with_place().0;
    }
    place
}

/// Replays from the newest snapshot, or from the first record.
fn replayed(archive_dir: &Path, from_snapshot: bool) -> Result<(u64, u64), ReplayError> {
    let mut replay = Replay::open(archive_dir, None, Fragile::new)?;
    if from_snapshot {
        replay.begin_at_newest()?;
    }
    while replay.step()? {}
    let next_seq = replay.next_seq();
    Ok((next_seq, replay.into_engine().unwrap().state_hash()))
}

/// Writes a snapshot behind the record at `until`.
fn snapshot(archive_dir: &Path, until: u64) -> Snapshot {
    let mut replay = Replay::open(archive_dir, None, Fragile::new).unwrap();
    replay.end_at(until, u64::MAX);
    while replay.step().unwrap() {}
    let snapshot = replay.into_snapshot().unwrap();
    keep(archive_dir, &snapshot);
    snapshot
}

fn keep(archive_dir: &Path, snapshot: &Snapshot) -> PathBuf {
    let dir = SnapshotDir::open(archive_dir, 9).unwrap();
    dir.write(snapshot).unwrap()
}

/// Removes all that a start can do without, and the snapshots with it.
fn pruned(archive_dir: &Path) -> Pruned {
    let needed_from = footing(archive_dir, Fragile::new)
        .unwrap()
        .map(|footing| footing.position);
    let pruned = prune(archive_dir, Keep::Segments(1), needed_from, |_, _| {}).unwrap();
    let first_seq = pruned.first.unwrap().seq;
    let useless = useless_snapshots(archive_dir, first_seq).unwrap();
    assert_eq!(remove_useless_snapshots(archive_dir, first_seq).unwrap(), useless);
    pruned
}

#[test]
fn without_a_snapshot_nothing_goes() {
    let place = desk(3);
    let archive_dir = place.archive_dir();
    assert_eq!(footing(&archive_dir, Fragile::new).unwrap(), None);
    let left = pruned(&archive_dir);
    assert_eq!((left.removed.len(), left.kept), (0, Some(Kept::Needed)));
    assert!(replayed(&archive_dir, false).is_ok());
}

#[test]
fn a_start_goes_on_behind_what_was_removed() {
    let place = desk(5);
    let archive_dir = place.archive_dir();
    let whole = replayed(&archive_dir, false).unwrap();
    let early = snapshot(&archive_dir, 20);
    let late = snapshot(&archive_dir, whole.0 - 10);
    compress(&archive_dir, 2, 3, |_, _| {}).unwrap();
    let found = footing(&archive_dir, Fragile::new).unwrap().unwrap();
    assert_eq!((found.next_seq, found.position), (late.next_seq, late.position));

    let left = pruned(&archive_dir);
    let first_seq = left.first.unwrap().seq;
    assert!(
        left.removed.len() >= 3 && first_seq > early.next_seq && first_seq < late.next_seq,
        "{left:?}"
    );
    let snapshots: Vec<u64> = Snapshot::list(&archive_dir)
        .unwrap()
        .into_iter()
        .map(|(seq, _)| seq)
        .collect();
    assert_eq!(snapshots, [late.next_seq]);
    assert_eq!(replayed(&archive_dir, true).unwrap(), whole);
    match replayed(&archive_dir, false) {
        Err(e @ ReplayError::Removed { seq }) => {
            assert_eq!(seq, first_seq);
            assert!(e.to_string().contains("--from-snapshot"), "{e}");
        }
        other => panic!("{other:?}"),
    }

    let mut live = Live::restart(place);
    assert_eq!(live.from_seq, late.next_seq);
    live.work();
    live.books(900);
    live.work();
    live.ask(901);
    live.work();
    // Killed, and started again from the same snapshot.
    let live = Live::restart(live.kill());
    assert_eq!(live.from_seq, late.next_seq);
    let place = live.finish_with_place().0;
    let again = replayed(&place.archive_dir(), true).unwrap();
    assert!(again.0 > whole.0);
}

#[test]
fn a_journal_without_its_front_and_without_a_snapshot_is_not_traded_on() {
    let place = desk(4);
    let archive_dir = place.archive_dir();
    snapshot(&archive_dir, u64::MAX);
    assert!(!pruned(&archive_dir).removed.is_empty());
    for (_, path) in Snapshot::list(&archive_dir).unwrap() {
        std::fs::remove_file(path).unwrap();
    }
    let mut journal = open(&place.config(SEGMENT_BYTES)).unwrap();
    // What is left begins with the start of an epoch, from which an engine without any positions could be made.
    match recover(&archive_dir, BOUNDS, Fragile::new, &mut journal.writer) {
        Err(RecoverError::Replay(ReplayError::Removed { seq })) => assert!(seq > 1),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it goes on from nothing"),
    }
}

#[test]
fn only_a_snapshot_that_a_start_can_use_counts() {
    let place = desk(5);
    let archive_dir = place.archive_dir();
    let next_seq = replayed(&archive_dir, false).unwrap().0;
    let good = snapshot(&archive_dir, 40);
    let damaged = snapshot(&archive_dir, next_seq - 10);
    let path = keep(&archive_dir, &damaged);
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    // Of records that the journal does not hold, and of those of another epoch.
    let beyond = Snapshot {
        next_seq: next_seq + 50,
        position: settled_position(&archive_dir).unwrap() + 6400,
        ..good.clone()
    };
    keep(&archive_dir, &beyond);
    let mut elsewhere = snapshot(&archive_dir, next_seq - 5);
    elsewhere.epoch_start.epoch -= 1;
    keep(&archive_dir, &elsewhere);
    let found = footing(&archive_dir, Fragile::new).unwrap().unwrap();
    assert_eq!((found.next_seq, found.position), (good.next_seq, good.position));
    let left = pruned(&archive_dir);
    assert_eq!(left.kept, Some(Kept::Needed));
    assert!(left.first.unwrap().position < good.position);
    assert_eq!(Live::restart(place).from_seq, good.next_seq);
}

#[test]
fn a_snapshot_of_what_may_still_be_lost_does_not_count() {
    let place = desk(3);
    let mut live = Live::restart(place);
    live.work();
    live.books(900);
    live.work();
    live.ask(901);
    live.work();
    live.archiver.do_work().unwrap();
    let archive_dir = live.place.archive_dir();
    let settled = settled_position(&archive_dir).unwrap();
    let taken = snapshot(&archive_dir, u64::MAX);
    assert!(
        taken.position > settled,
        "taken of the segment that is being written"
    );
    assert_eq!(footing(&archive_dir, Fragile::new).unwrap(), None);
    assert_eq!(pruned(&archive_dir).removed.len(), 0);
    let place = live.finish_with_place().0;
    assert_eq!(
        footing(&archive_dir, Fragile::new).unwrap().unwrap().position,
        taken.position
    );
    assert_eq!(pruned(&archive_dir).removed.len(), 3);
    drop(place);
}

#[test]
fn a_start_falls_back_to_the_snapshot_that_the_front_was_removed_for() {
    let place = desk(5);
    let archive_dir = place.archive_dir();
    let next_seq = replayed(&archive_dir, false).unwrap().0;
    let good = snapshot(&archive_dir, next_seq - 40);
    // Well formed, newer, and of another state.
    let newer = snapshot(&archive_dir, next_seq - 30);
    let mut engine = newer.engine(Fragile::new).unwrap();
    engine.skip(&RecordHeader {
        seq: engine.next_seq(),
        cause: Cause::input(SourceId(1), 1 << 40),
        ..RecordHeader::default()
    });
    let words = engine.save();
    let wrong = Snapshot {
        state_hash: hash_of(&words),
        words,
        ..newer
    };
    keep(&archive_dir, &wrong);
    let found = footing(&archive_dir, Fragile::new).unwrap().unwrap();
    assert_eq!(found.next_seq, good.next_seq);
    assert!(!pruned(&archive_dir).removed.is_empty());
    assert_eq!(Live::restart(place).from_seq, good.next_seq);
}
