//! Compressing and removing segments while other processes read. A file of its own: until a process that was just forked runs
//! its program, it holds what its parent held, so that another test might find something held that nobody reads.
#![allow(clippy::unwrap_used, reason = "nothing but tests")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::{Place, append, close, lines_of, record};
use pinrail_journal::archive::{self, Keep};
use pinrail_journal::{From, Reader, open};
use pinrail_types::Frame;

const SEED: u64 = 7;
const SEGMENT_BYTES: u64 = 8192;

fn compress(place: &Place) -> usize {
    archive::compress(&place.archive(), 1, 3, |_, _| {})
        .unwrap()
        .len()
}

fn prune(place: &Place, segments: u64) -> usize {
    let settled = archive::settled_position(&place.archive()).unwrap();
    let keep = Keep::Segments(segments);
    archive::prune(&place.archive(), keep, Some(settled), |_, _| {})
        .unwrap()
        .removed
        .len()
}

/// Names the directories of the journal to a child process.
const PLACE: &str = "PINRAIL_JOURNAL_TEST_PLACE";
const RECORDS: u64 = 6000;

fn place_from_parent() -> Option<(PathBuf, PathBuf)> {
    let place = std::env::var(PLACE).ok()?;
    let (archive, live) = place.split_once('|').unwrap();
    Some((archive.into(), live.into()))
}

/// Runs a test of this file in another process, and waits until it has opened the journal.
fn child(test: &str, place: &Place) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(
            PLACE,
            format!("{}|{}", place.archive().display(), place.live().display()),
        )
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("opened") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "the child ended early");
    }
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    child
}

#[test]
#[ignore = "the child of another test: follows from the first record, with rests, to the last"]
fn child_follows() {
    let Some((archive_dir, live_dir)) = place_from_parent() else {
        return;
    };
    let mut reader = Reader::open(&live_dir, &archive_dir, From::Start).unwrap();
    println!("opened");
    let mut frame = Frame::default();
    for seq in 1..=RECORDS {
        while !reader.poll(&mut frame).unwrap() {
            std::thread::yield_now();
        }
        assert_eq!(frame.words(), record(seq, lines_of(seq), SEED).words());
        if seq % 97 == 0 {
            std::thread::sleep(Duration::from_micros(300));
        }
    }
}

#[test]
#[ignore = "the child of another test: reads the archive again and again until it holds all"]
fn child_reads() {
    let Some((archive_dir, _)) = place_from_parent() else {
        return;
    };
    println!("opened");
    let mut frame = Frame::default();
    let mut last = 0;
    while last < RECORDS {
        let mut reader = archive::Reader::open(&archive_dir, None).unwrap();
        let mut seq = reader.next_seq();
        while reader.next(&mut frame).unwrap().is_some() {
            assert_eq!(frame.words(), record(seq, lines_of(seq), SEED).words());
            seq += 1;
        }
        assert!(seq > last, "{last} records were there before");
        last = seq - 1;
    }
}

#[test]
fn readers_in_other_processes_go_on_while_segments_are_compressed_and_removed() {
    let place = Place::new();
    let mut journal = open(&place.config(SEGMENT_BYTES)).unwrap();
    append(&mut journal, lines_of(1), SEED);
    let children = [child("child_follows", &place), child("child_reads", &place)];
    let (mut compressed, mut removed) = (0, 0);
    for seq in 2..=RECORDS {
        append(&mut journal, lines_of(seq), SEED);
        if seq % 50 == 0 {
            compressed += compress(&place);
        }
        if seq % 150 == 0 {
            removed += prune(&place, 3);
        }
    }
    close(journal);
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    compressed += compress(&place);
    removed += prune(&place, 1);
    println!("{compressed} compressed, {removed} removed");
    assert!(compressed > 50 && removed > 50);
    let journal = open(&place.config(SEGMENT_BYTES)).unwrap();
    assert_eq!(journal.recovered.next_seq, RECORDS + 1);
    close(journal);
    archive::verify(&place.archive(), None, |_, _| {}).unwrap();
}
