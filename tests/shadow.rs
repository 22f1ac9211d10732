//! Snapshots that a shadow writes: which are kept, which are believed, and that they are the state of a full replay.

#![allow(clippy::unwrap_used)]

#[path = "../crates/engine/tests/desk/mod.rs"]
mod desk;
mod stepped;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use pinrail_engine::{Bounds, hash_of};
use pinrail_journal::Journal;
use pinrail_runtime::{
    Replay, ReplayError, Shadow, ShadowConfig, ShadowError, Snapshot, SnapshotDir, SnapshotError, Written,
    recover,
};
use pinrail_types::record::{Quote, QuoteRequest};
use pinrail_types::{Frame, Text};
use stepped::{BOUNDS, Fragile, Live, Place};

/// A snapshot as often as it goes, and never because of the time.
const OFTEN: ShadowConfig = ShadowConfig {
    every_records: 1,
    every: Duration::MAX,
    keep: 3,
};

type TestShadow = Shadow<Fragile, fn(&Bounds) -> Fragile>;

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
        pricer: Text::new("sweep 0").unwrap(),
        ..taken(&archive_dir, 60)
    };
    let path = dir.write(&good).unwrap();
    let later = dir.write(&other).unwrap();
    assert_eq!(Snapshot::read(&later, good.journal_id).unwrap(), other);
    let refused = other.engine(Fragile::new).unwrap_err();
    assert!(matches!(refused, SnapshotError::Pricer { .. }), "{refused}");
    assert!(refused.to_string().contains("\"sweep 0\""), "{refused}");
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

fn live_dir(place: &Place) -> PathBuf {
    place.live.path().join("live")
}

fn shadow(place: &Place, config: ShadowConfig) -> Result<TestShadow, ShadowError> {
    Shadow::open(&place.archive_dir(), &live_dir(place), config, Fragile::new)
}

/// Lets a shadow catch up; gives what it wrote.
fn follow(shadow: &mut TestShadow) -> Vec<Written> {
    let mut written = Vec::new();
    while shadow.do_work().unwrap() > 0 {
        written.extend(shadow.take_written());
    }
    written
}

/// Lets the core work and makes all of that durable, over as many segments as it takes.
fn work_durably(live: &mut Live) {
    live.work();
    while live.archiver.do_work().unwrap() + live.preparer.do_work().unwrap() > 0 {}
}

fn trade(live: &mut Live, requests: std::ops::Range<u64>) {
    for n in requests {
        live.ask_for(n, 500 + (n % 50) as i64);
        work_durably(live);
        if n.is_multiple_of(40) {
            live.books(n + 1);
        }
    }
}

/// The hash of the state behind each record behind which a snapshot may be taken, by the sequence of the next: from every
/// record of the journal.
fn hashes(archive_dir: &Path) -> BTreeMap<u64, u64> {
    let mut replay = Replay::open(archive_dir, None, Fragile::new).unwrap();
    let mut hashes = BTreeMap::new();
    while replay.step().unwrap() {
        if let Some(snapshot) = replay.snapshot() {
            hashes.insert(snapshot.next_seq, snapshot.state_hash);
        }
    }
    hashes
}

fn assert_states_of_a_full_replay(written: &[Written], archive_dir: &Path) {
    let hashes = hashes(archive_dir);
    for written in written {
        assert_eq!(
            hashes.get(&written.next_seq),
            Some(&written.state_hash),
            "{written:?}"
        );
    }
}

#[test]
fn a_shadow_follows_over_segments_and_restarts_and_writes_the_states_of_a_full_replay() {
    // Several segments long.
    let mut live = Live::start(64 << 10);
    live.books(1);
    work_durably(&mut live);
    let mut shadow = shadow(&live.place, OFTEN).unwrap();
    let mut written = follow(&mut shadow);
    for start in 0..4 {
        for part in 0..10 {
            let from = 1 + start * 200 + part * 20;
            trade(&mut live, from..from + 20);
            written.extend(follow(&mut shadow));
        }
        assert_eq!(shadow.behind_records(), 0);
        // Killed with records in shared memory that are not durable; they are not followed until they are.
        let seen = shadow.replay().last_seq();
        live.ask(9_000 + start);
        live.work();
        assert_eq!(shadow.do_work().unwrap(), 0);
        let place = live.kill();
        assert_eq!(shadow.do_work().unwrap(), 0);
        assert_eq!(shadow.replay().last_seq(), seen);
        live = Live::restart(place);
        live.books(1);
        work_durably(&mut live);
        written.extend(follow(&mut shadow));
        assert!(shadow.replay().last_seq() > seen + 1);
    }
    assert!(kept(&live.place.archive_dir()).len() <= OFTEN.keep);
    let (place, frames) = live.finish_with_place();
    written.extend(follow(&mut shadow));
    written.extend(shadow.finish().unwrap());
    assert_eq!(written.last().unwrap().next_seq, frames.len() as u64 + 1);
    assert!(written.len() > 40, "{}", written.len());
    assert_states_of_a_full_replay(&written, &place.archive_dir());
    assert_eq!(begins_at(&place.archive_dir()), frames.len() as u64 + 1);
}

#[test]
fn a_shadow_goes_on_where_the_last_one_was_killed() {
    let mut live = Live::with_books();
    let mut ended_at = 1;
    for part in 0..5 {
        trade(&mut live, 1 + part * 20..21 + part * 20);
        let mut shadow = shadow(&live.place, OFTEN).unwrap();
        assert_eq!(shadow.replay().next_seq(), ended_at);
        let written = follow(&mut shadow);
        ended_at = written.last().unwrap().next_seq;
        // What a kill leaves while it writes.
        let partial = live
            .place
            .archive_dir()
            .join("snapshots/00000000000000999999.tmp");
        std::fs::write(&partial, b"half").unwrap();
        match self::shadow(&live.place, OFTEN) {
            Err(ShadowError::Snapshot(SnapshotError::Locked { .. })) => {}
            _ => panic!("two shadows of one journal"),
        }
        drop(shadow);
        drop(self::shadow(&live.place, OFTEN).unwrap());
        assert!(!partial.exists());
    }
}

#[test]
fn snapshots_are_as_far_apart_as_they_are_to_be() {
    let mut live = Live::with_books();
    let config = ShadowConfig {
        every_records: 50,
        ..OFTEN
    };
    let mut shadow = shadow(&live.place, config).unwrap();
    let mut seqs = vec![1];
    for n in 1..200 {
        trade(&mut live, n..n + 1);
        seqs.extend(follow(&mut shadow).iter().map(|written| written.next_seq));
    }
    let steps: Vec<u64> = seqs.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.len() >= 4, "{steps:?}");
    assert!(steps.iter().all(|step| (50..60).contains(step)), "{steps:?}");
    assert!(kept(&live.place.archive_dir()).len() <= 3);
    // By age, if anything was journaled since.
    drop(shadow);
    let by_age = ShadowConfig {
        every_records: u64::MAX,
        every: Duration::ZERO,
        ..OFTEN
    };
    trade(&mut live, 200..201);
    let mut shadow = self::shadow(&live.place, by_age).unwrap();
    assert!(shadow.do_work().unwrap() > 0);
    assert!(shadow.take_written().is_some());
    assert_eq!(shadow.do_work().unwrap(), 0);
    assert!(shadow.take_written().is_none(), "nothing new");
    assert!(shadow.finish().unwrap().is_none());
}

/// A journal of `records`, closed, whose live directory is still there. `each` is called when another one is durable.
fn journal_of(records: &[Frame], mut each: impl FnMut(&Place)) -> Place {
    let place = Place::new();
    let Journal {
        mut writer,
        mut archiver,
        preparer,
        ..
    } = pinrail_journal::open(&place.config(1 << 20)).unwrap();
    for record in records {
        writer.append(record.words());
        archiver.do_work().unwrap();
        each(&place);
    }
    writer.finish(1);
    drop(preparer);
    archiver.finish().unwrap();
    place
}

#[test]
fn no_snapshot_stands_between_an_input_and_its_outputs() {
    let mut live = Live::with_books();
    trade(&mut live, 1..60);
    let frames = live.finish();
    let mut follower: Option<TestShadow> = None;
    let mut written = Vec::new();
    let place = journal_of(&frames, |place| {
        let follower = follower.get_or_insert_with(|| shadow(place, OFTEN).unwrap());
        written.extend(follow(follower));
    });
    let hashes = hashes(&place.archive_dir());
    assert!(
        hashes.len() < frames.len() - 50,
        "most requests have an answer: {}",
        hashes.len()
    );
    assert_eq!(
        written.len(),
        hashes.len(),
        "one behind each input with its outputs"
    );
    assert_states_of_a_full_replay(&written, &place.archive_dir());
}

/// Outputs that a start made again stand in its own segment, before its epoch begins: no replay can begin behind them.
#[test]
fn no_snapshot_stands_behind_outputs_that_a_start_made_again() {
    let mut live = Live::with_books();
    trade(&mut live, 1..20);
    let frames = live.finish();
    let asked = frames
        .iter()
        .rposition(|frame| frame.get::<QuoteRequest>().is_some());
    let place = journal_of(&frames[..=asked.unwrap()], |_| ());
    let mut shadow = shadow(&place, OFTEN).unwrap();
    assert!(follow(&mut shadow).is_empty(), "its outputs are missing");
    let Journal {
        mut writer,
        mut archiver,
        ..
    } = pinrail_journal::open(&place.config(1 << 20)).unwrap();
    let recovered = recover(&place.archive_dir(), BOUNDS, Fragile::new, &mut writer).unwrap();
    assert!(recovered.outputs_made_again > 0);
    while archiver.do_work().unwrap() > 0 {}
    assert!(follow(&mut shadow).is_empty());
    assert_eq!(shadow.replay().next_seq(), writer.next_seq(), "it has seen them");
    assert!(shadow.finish().unwrap().is_none());
}

#[test]
fn a_difference_is_final_and_nothing_is_written_behind_it() {
    let mut live = Live::with_books();
    trade(&mut live, 1..40);
    let mut frames = live.finish();
    let quote = frames.iter().rposition(|frame| frame.get::<Quote>().is_some());
    let quote = &mut frames[quote.unwrap()];
    let seq = quote.header().seq;
    quote.buffer_mut()[6] ^= 1;
    let place = journal_of(&frames, |_| ());
    let mut shadow = shadow(&place, OFTEN).unwrap();
    let refused = loop {
        match shadow.do_work() {
            Ok(0) => panic!("not found"),
            Ok(_) => {}
            Err(e) => break e,
        }
    };
    match refused {
        ShadowError::Replay(ReplayError::Differs(difference)) => assert_eq!(difference.seq, seq),
        other => panic!("{other:?}"),
    }
    let before = kept(&place.archive_dir());
    assert!(before.iter().all(|kept| *kept < seq), "{before:?}");
    assert!(matches!(shadow.do_work(), Err(ShadowError::Over)));
    assert!(matches!(shadow.finish(), Err(ShadowError::Over)));
    assert_eq!(kept(&place.archive_dir()), before);
}

#[test]
fn a_shadow_waits_at_poison_for_what_the_next_start_says() {
    let mut live = Live::with_books();
    trade(&mut live, 1..20);
    let mut shadow = shadow(&live.place, OFTEN).unwrap();
    let mut written = follow(&mut shadow);
    live.ask_for(500, Fragile::POISON);
    assert!(catch_unwind(AssertUnwindSafe(|| live.work())).is_err());
    while live.archiver.do_work().unwrap() > 0 {}
    let good = kept(&live.place.archive_dir());
    for _ in 0..5 {
        follow(&mut shadow);
        assert_eq!(
            kept(&live.place.archive_dir()),
            good,
            "nothing of a broken engine"
        );
    }
    let mut live = Live::restart(live.kill());
    live.books(1);
    work_durably(&mut live);
    live.senders[1].send(stepped::activate());
    trade(&mut live, 600..620);
    written.extend(follow(&mut shadow));
    assert_eq!(shadow.behind_records(), 0);
    written.extend(shadow.finish().unwrap());
    let (place, _) = live.finish_with_place();
    assert_states_of_a_full_replay(&written, &place.archive_dir());
}

#[test]
fn a_live_directory_that_was_made_anew_is_not_followed_on() {
    let mut live = Live::with_books();
    trade(&mut live, 1..20);
    let mut shadow = shadow(&live.place, OFTEN).unwrap();
    follow(&mut shadow);
    let place = live.kill();
    std::fs::remove_dir_all(live_dir(&place)).unwrap();
    assert_eq!(shadow.do_work().unwrap(), 0, "a new one may come");
    let live = Live::restart(place);
    assert!(matches!(shadow.do_work(), Err(ShadowError::Replaced { .. })));
    drop(shadow);
    follow(&mut self::shadow(&live.place, OFTEN).unwrap());
}

#[test]
fn a_shadow_needs_a_journal_and_a_place_for_its_snapshots() {
    let place = Place::new();
    assert!(matches!(
        shadow(&place, OFTEN),
        Err(ShadowError::Replay(ReplayError::Read(_)))
    ));
    assert!(
        !place.archive_dir().exists(),
        "nothing is made where no journal is"
    );
    let place = Live::with_books().kill();
    std::fs::write(place.archive_dir().join("snapshots"), b"in the way").unwrap();
    assert!(matches!(
        shadow(&place, OFTEN),
        Err(ShadowError::Snapshot(SnapshotError::Io { op: "create", .. }))
    ));
    let other = Live::with_books().kill();
    let refused = Shadow::open(&place.archive_dir(), &live_dir(&other), OFTEN, Fragile::new);
    assert!(refused.is_err(), "directories of two journals");
}
