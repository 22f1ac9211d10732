//! Several processes that follow one writer: one is stopped while many segments go by, one is killed, one comes late. What
//! the writer sees and writes is what it sees and writes alone.
#![allow(clippy::unwrap_used, reason = "nothing but tests")]

mod common;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Place, lines_of, record};
use pinrail_journal::{
    ArchiverStatus, Control, From, Journal, JournalConfig, Reader, SyncPolicy, archive, open,
};
use pinrail_types::Frame;
use rustix::process::{Pid, Signal, kill_process};

/// Tells a child its archive, live directory, and the file for what it found.
const PLACE: &str = "PINRAIL_READERS_PLACE";
const SEED: u64 = 3;
const SEGMENT_BYTES: u64 = 16 << 10;
/// Records that are appended before the archiver and the preparer have a turn.
const BURST: u64 = 30;
/// Some four hundred segments.
const RECORDS: u64 = 39_900;
/// Behind these records the writer waits until it is told to go on; multiples of [`BURST`].
const PAUSES: [u64; 3] = [3_990, 12_000, 30_000];

fn child(test: &str, place: &Place, found: &str) -> Child {
    let found = place.live.path().join(found);
    let told = format!(
        "{}|{}|{}",
        place.archive().display(),
        place.live().display(),
        found.display()
    );
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored"])
        .env(PLACE, told)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn told() -> Option<[PathBuf; 3]> {
    let told = std::env::var(PLACE).ok()?;
    let parts: Vec<PathBuf> = told.split('|').map(PathBuf::from).collect();
    Some(parts.try_into().unwrap())
}

/// Writes what a child found, so that it is there as a whole or not at all.
fn tell(path: &Path, found: u64) {
    let partial = path.with_extension("tmp");
    std::fs::write(&partial, found.to_string()).unwrap();
    std::fs::rename(partial, path).unwrap();
}

#[test]
#[ignore = "a child: writes, archives and prepares on one thread, so that nothing but the records decides what it sees"]
fn child_writes() {
    let Some([archive_dir, live_dir, found]) = told() else {
        return;
    };
    let config = JournalConfig {
        segment_bytes: SEGMENT_BYTES,
        sync: SyncPolicy::Never,
        ..JournalConfig::new(archive_dir, live_dir.clone())
    };
    let Journal {
        mut writer,
        mut archiver,
        mut preparer,
        ..
    } = open(&config).unwrap();
    let mut seen = DefaultHasher::new();
    for seq in 1..=RECORDS {
        let room = writer.room();
        assert!(room.normal >= 4, "an append would have to wait at {seq}");
        (room.normal, room.reserved).hash(&mut seen);
        writer.append(record(seq, lines_of(seq), SEED).words());
        if seq.is_multiple_of(BURST) {
            writer.publish(seq);
            while archiver.do_work().unwrap() > 0 {}
            while preparer.do_work().unwrap() > 0 {}
            std::thread::sleep(Duration::from_micros(200));
            if PAUSES.contains(&seq) {
                await_that(|| go_file(&live_dir, seq).exists());
            }
        }
    }
    writer.finish(1);
    drop(preparer);
    archiver.finish().unwrap();
    tell(&found, seen.finish());
}

#[test]
#[ignore = "a child: follows from the start until the journal is closed"]
fn child_reads() {
    let Some([archive_dir, live_dir, found]) = told() else {
        return;
    };
    let mut reader = Reader::open(&live_dir, &archive_dir, From::Start).unwrap();
    let mut frame = Frame::default();
    let mut seen = 0;
    while seen < RECORDS {
        while reader.poll(&mut frame).unwrap() {
            if seen == 0 {
                tell(&found.with_extension("begun"), 0);
            }
            seen += 1;
            // Each once, in order, and whole.
            assert_eq!(frame.words(), record(seen, lines_of(seen), SEED).words());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    assert!(!reader.poll(&mut frame).unwrap());
    tell(&found, seen);
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Waits until it is so, long enough for any machine.
fn await_that(is_so: impl Fn() -> bool) {
    let late = Instant::now() + Duration::from_mins(5);
    while !is_so() {
        assert!(Instant::now() < late);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Tells the writer that it may go on behind its pause at `seq`.
fn go_file(live_dir: &Path, seq: u64) -> PathBuf {
    live_dir.with_file_name(format!("go-{seq}"))
}

fn go_on(place: &Place, seq: u64) {
    std::fs::write(go_file(&place.live(), seq), "").unwrap();
}

fn await_pause(place: &Place, seq: u64) {
    await_that(|| Control::open(&place.live()).is_ok_and(|control| control.committed_seq() == seq));
}

fn ended_well(mut child: Child) {
    assert!(child.wait().unwrap().success());
}

fn found(place: &Place, name: &str) -> u64 {
    let text = std::fs::read_to_string(place.live.path().join(name)).unwrap();
    text.parse().unwrap()
}

/// What the writer saw, and the digest of what it wrote.
fn outcome(place: &Place) -> (u64, archive::Digest) {
    let control = Control::open(&place.live()).unwrap();
    assert_eq!(control.archiver_status(), ArchiverStatus::Finished);
    let live = std::fs::read_dir(place.live()).unwrap();
    let left = live.filter(|file| file.as_ref().unwrap().path().extension().is_some());
    assert_eq!(left.count(), 0, "live segments are gone, whoever read them");
    (found(place, "writer"), archive::digest(&place.archive()).unwrap())
}

#[test]
fn the_writer_does_not_notice_its_readers_whatever_becomes_of_them() {
    let alone = Place::new();
    for seq in PAUSES {
        go_on(&alone, seq);
    }
    ended_well(child("child_writes", &alone, "writer"));
    let alone = outcome(&alone);

    let place = Place::new();
    let writer = child("child_writes", &place, "writer");
    await_pause(&place, PAUSES[0]);
    let names = ["stopped", "killed", "steady"];
    let [stopped, mut killed, steady] = names.map(|name| child("child_reads", &place, name));
    for name in names {
        let begun = place.live.path().join(name).with_extension("begun");
        await_that(|| begun.exists());
    }
    // Both somewhere on the way to the next pause.
    go_on(&place, PAUSES[0]);
    std::thread::sleep(Duration::from_millis(30));
    signal(&stopped, Signal::STOP);
    killed.kill().unwrap();
    assert!(!killed.wait().unwrap().success());
    await_pause(&place, PAUSES[1]);
    let before = place.segments().len();
    go_on(&place, PAUSES[1]);
    await_pause(&place, PAUSES[2]);
    assert!(place.segments().len() > before + 100);
    signal(&stopped, Signal::CONT);
    let late = child("child_reads", &place, "late");
    go_on(&place, PAUSES[2]);

    ended_well(writer);
    assert_eq!(outcome(&place), alone);
    for (reader, name) in [(stopped, "stopped"), (steady, "steady"), (late, "late")] {
        ended_well(reader);
        assert_eq!(found(&place, name), RECORDS);
    }
}
