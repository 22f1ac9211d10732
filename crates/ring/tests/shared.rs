//! Rings in files: killed producers, second ends, foreign and hostile files.
#![cfg(not(any(loom, miri)))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::record;
use crossbeam_utils::CachePadded;
use pinrail_ring::{Class, Consumer, RingError, attach_consumer, attach_producer, create};
use pinrail_types::{Cause, Frame};
use proptest::prelude::*;

const CAPACITY: usize = 64;
const SLOTS_AT: u64 = 4096;
/// The producer's tail; its last cause follows.
const TAIL_AT: u64 = size_of::<CachePadded<u64>>() as u64;

/// Tells this test binary that it is a producer, and of which ring.
const PRODUCE: &str = "PINRAIL_RING_TEST_PRODUCE";

/// A small generator for choices that must differ and need not be good.
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

fn lines_of(seq: u64) -> usize {
    (seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 62) as usize + 1
}

/// Not a test of its own: the process that is killed. Pushes until it is killed or its parent is gone, alone and in batches, from where the ring says
/// that it was.
#[test]
fn producer_process() {
    let Some(path) = std::env::var_os(PRODUCE) else {
        return;
    };
    let mut producer = attach_producer(&PathBuf::from(path)).unwrap();
    let mut seq = producer.last_cause().map_or(0, |cause| Cause::source(cause).1);
    let mut choices = Choices(seq + 1);
    // It ends by itself should the test end without killing it.
    let parent = std::os::unix::process::parent_id();
    while std::os::unix::process::parent_id() == parent {
        let mut batch = producer.batch();
        let mut last = seq;
        for _ in 0..=choices.below(6) {
            let next = last + 1;
            if batch
                .try_push(&record(next, lines_of(next)), Class::Normal)
                .is_err()
            {
                std::thread::yield_now();
                break;
            }
            last = next;
        }
        // Now and then a batch is given up.
        if choices.below(8) > 0 {
            batch.publish();
            seq = last;
        }
    }
}

fn start_producer(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "producer_process", "--nocapture"])
        .env(PRODUCE, path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Takes the next record if there is one, and checks that it is `seq`.
fn take(consumer: &mut Consumer, seq: u64) -> bool {
    let mut frame = Frame::default();
    if !consumer.poll(&mut frame).unwrap() {
        return false;
    }
    assert_eq!(frame.words(), record(seq, lines_of(seq)));
    true
}

#[test]
fn a_killed_producer_resumes_and_nothing_is_lost_or_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ring");
    let mut consumer = create(&path, CAPACITY).unwrap();
    let mut choices = Choices(0x5eed);
    let mut seq = 0;
    for life in 0..60 {
        let mut child = start_producer(&path);
        // Each life ends at another moment: right after a start, in full flow, or with the ring full.
        let until = seq + choices.below(20_000);
        while seq < until {
            if take(&mut consumer, seq + 1) {
                seq += 1;
            } else {
                std::thread::yield_now();
            }
            if choices.below(4) == 0 {
                consumer.release();
            }
            assert!(
                child.try_wait().unwrap().is_none(),
                "the producer of life {life} ended by itself"
            );
        }
        consumer.release();
        for _ in 0..choices.below(50) {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if choices.below(3) == 0 {
            // The consumer too may come and go.
            drop(consumer);
            consumer = attach_consumer(&path).unwrap();
        }
    }
    while take(&mut consumer, seq + 1) {
        seq += 1;
    }
    let last = attach_producer(&path).unwrap().last_cause();
    assert_eq!(last.map(|cause| Cause::source(cause).1), Some(seq));
}

#[test]
fn a_producer_killed_between_a_record_and_its_counters_resumes_behind_the_record() {
    for stale_cause in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ring");
        let mut consumer = create(&path, CAPACITY).unwrap();
        let mut producer = attach_producer(&path).unwrap();
        producer.try_push(&record(1, lines_of(1)), Class::Normal).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let mut before = vec![0; SLOTS_AT as usize];
        file.read_exact_at(&mut before, 0).unwrap();
        let mut batch = producer.batch();
        batch.try_push(&record(2, lines_of(2)), Class::Normal).unwrap();
        batch.try_push(&record(3, lines_of(3)), Class::Normal).unwrap();
        batch.publish();
        let (end, last_cause) = (producer.position(), producer.last_cause());
        drop(producer);

        let (tail, cause) = (TAIL_AT..TAIL_AT + 8, TAIL_AT + 8..TAIL_AT + 16);
        for (stale, words) in [(true, tail), (stale_cause, cause)] {
            if stale {
                let bytes = &before[words.start as usize..words.end as usize];
                file.write_all_at(bytes, words.start).unwrap();
            }
        }
        let mut producer = attach_producer(&path).unwrap();
        assert_eq!((producer.position(), producer.last_cause()), (end, last_cause));
        producer.try_push(&record(4, lines_of(4)), Class::Normal).unwrap();
        for seq in 1..=4 {
            assert!(take(&mut consumer, seq));
        }
    }
}

#[test]
fn each_side_is_attached_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ring");
    let consumer = create(&path, CAPACITY).unwrap();
    let producer = attach_producer(&path).unwrap();

    let refused = attach_producer(&path).err().unwrap();
    assert!(
        matches!(refused, RingError::InUse { side: "producer", .. }),
        "{refused}"
    );
    let refused = attach_consumer(&path).err().unwrap();
    assert!(
        matches!(refused, RingError::InUse { side: "consumer", .. }),
        "{refused}"
    );
    let refused = create(&path, CAPACITY).err().unwrap();
    assert!(
        matches!(refused, RingError::InUse { side: "consumer", .. }),
        "{refused}"
    );

    drop(producer);
    attach_producer(&path).unwrap();
    drop(consumer);
    attach_consumer(&path).unwrap();
}

#[test]
fn another_process_holds_its_side_until_it_dies() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ring");
    let mut consumer = create(&path, CAPACITY).unwrap();
    let mut child = start_producer(&path);
    while !take(&mut consumer, 1) {
        std::thread::yield_now();
    }
    assert!(matches!(attach_producer(&path), Err(RingError::InUse { .. })));
    child.kill().unwrap();
    child.wait().unwrap();
    attach_producer(&path).unwrap();
}

#[test]
fn a_ring_is_not_made_over_another_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ring");
    drop(create(&path, CAPACITY).unwrap());
    let refused = create(&path, CAPACITY).err().unwrap().to_string();
    assert!(refused.contains("exists"), "{refused}");
    attach_consumer(&path).unwrap();
    assert!(!path.with_extension("new").exists(), "nothing unfinished is left");
}

/// Tells this test binary that a small file system is mounted, and where.
const NO_ROOM: &str = "PINRAIL_RING_TEST_NO_ROOM";

/// Not a test of its own: runs where [`lack_of_room_is_an_error`] mounted a file system of 16 KiB.
#[test]
fn no_room_process() {
    let Some(dir) = std::env::var_os(NO_ROOM) else {
        return;
    };
    let path = PathBuf::from(dir).join("ring");
    let refused = create(&path, 1024).err().unwrap().to_string();
    assert!(
        refused.contains("cannot reserve room: No space left"),
        "{refused}"
    );
    // What was begun is gone again: a smaller ring has room.
    drop(create(&path, CAPACITY).unwrap());
    attach_producer(&path).unwrap();
}

#[test]
fn lack_of_room_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let in_small_tmpfs = |command: &str| {
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
            .arg(format!("mount -t tmpfs -o size=16k none \"$0\" && {command}"))
            .arg(dir.path())
            .arg(std::env::current_exe().unwrap())
            .env(NO_ROOM, dir.path())
            .status()
    };
    if !in_small_tmpfs("true").is_ok_and(|status| status.success()) {
        println!("skipped: no small tmpfs can be mounted here (unshare, mount)");
        return;
    }
    let status = in_small_tmpfs("exec \"$1\" --exact no_room_process --nocapture").unwrap();
    assert!(status.success());
}

#[test]
fn a_missing_or_foreign_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ring");
    let missing = attach_producer(&path).err().unwrap().to_string();
    assert!(missing.contains("ring: cannot open: No such file"), "{missing}");

    std::fs::write(&path, "too short").unwrap();
    assert!(matches!(attach_producer(&path), Err(RingError::Io { .. })));
    std::fs::write(&path, vec![b'x'; 8192]).unwrap();
    assert!(matches!(attach_producer(&path), Err(RingError::Foreign { .. })));
    std::fs::remove_file(&path).unwrap();

    drop(create(&path, CAPACITY).unwrap());
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(SLOTS_AT + CAPACITY as u64 * 64 - 1).unwrap();
    let cut = attach_consumer(&path).err().unwrap().to_string();
    assert!(cut.contains("the length in bytes is 0x1fff"), "{cut}");
    file.write_all_at(&63_u64.to_le_bytes(), 16).unwrap();
    assert!(matches!(
        attach_consumer(&path),
        Err(RingError::Capacity { lines: 63 })
    ));
    file.write_all_at(&2_u64.to_le_bytes(), 8).unwrap();
    let version = attach_consumer(&path).err().unwrap().to_string();
    assert!(
        version.contains("the format version is 0x2, expected 0x1"),
        "{version}"
    );
}

#[test]
fn a_producer_finds_no_end_in_a_damaged_ring() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ring");
    drop(create(&path, CAPACITY).unwrap());
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    let word = |at: u64, value: u64| file.write_all_at(&value.to_le_bytes(), at).unwrap();

    word(SLOTS_AT, 0x8000_0005);
    let error = attach_producer(&path).err().unwrap();
    assert!(
        matches!(
            error,
            RingError::Damaged {
                position: 0,
                word: 0x8000_0005,
                ..
            }
        ),
        "{error}"
    );
    for slot in 0..CAPACITY as u64 {
        word(SLOTS_AT + slot * 64, 0x8000_0001);
    }
    let error = attach_producer(&path).err().unwrap();
    assert!(error.to_string().contains("no end"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_files_are_refused_or_read_but_never_panic(
        header in prop::collection::vec(prop_oneof![any::<u64>(), 0..200_u64], 61),
        slots in prop::collection::vec(
            prop_oneof![any::<u64>(), 0..0x1_0006_u64, Just(0), Just(0x8000_0001)],
            CAPACITY,
        ),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ring");
        drop(create(&path, CAPACITY).unwrap());
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        for (word, value) in (3_u64..).zip(header) {
            file.write_all_at(&value.to_le_bytes(), word * 8).unwrap();
        }
        for (slot, word) in (0_u64..).zip(slots) {
            file.write_all_at(&word.to_le_bytes(), SLOTS_AT + slot * 64).unwrap();
        }
        if let Ok(mut producer) = attach_producer(&path) {
            for seq in 1..100 {
                let _ = producer.try_push(&record(seq, lines_of(seq)), Class::Reserved);
            }
        }
        if let Ok(mut consumer) = attach_consumer(&path) {
            let mut frame = Frame::default();
            for _ in 0..200 {
                if consumer.poll(&mut frame) != Ok(true) {
                    break;
                }
                consumer.release();
            }
        }
    }
}
