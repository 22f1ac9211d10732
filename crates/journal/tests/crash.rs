//! Killed writers, cut and changed archives.
#![allow(clippy::unwrap_used, reason = "nothing but tests")]

mod common;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Place, append, assert_records, close, lines_of, read_all, record};
use pinrail_journal::archive::{self, Tail};
use pinrail_journal::{Control, From, HEADER_BYTES, JournalConfig, ReadError, Reader, SyncPolicy, open};
use pinrail_types::Frame;
use proptest::prelude::*;

/// Names the directory of the journal to the child process that plays a part in it.
const PLACE: &str = "PINRAIL_JOURNAL_TEST_PLACE";
const SEED: u64 = 11;

fn child(test: &str, place: &Place) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env(
        PLACE,
        format!("{}|{}", place.archive().display(), place.live().display()),
    );
    command
}

fn place_from_parent() -> Option<(PathBuf, PathBuf)> {
    let place = std::env::var(PLACE).ok()?;
    let (archive, live) = place.split_once('|').unwrap();
    Some((archive.into(), live.into()))
}

#[test]
#[ignore = "the child of other tests: writes until it is killed"]
fn child_writes() {
    let Some((archive_dir, live_dir)) = place_from_parent() else {
        return;
    };
    let mut journal = open(&JournalConfig {
        segment_bytes: 64 << 10,
        sync: SyncPolicy::Never,
        ..JournalConfig::new(archive_dir, live_dir)
    })
    .unwrap();
    println!("opened");
    loop {
        let seq = journal.writer.next_seq();
        append(&mut journal, lines_of(seq), SEED);
        journal.writer.publish(seq);
        if seq.is_multiple_of(64) {
            journal.archiver.do_work().unwrap();
        }
    }
}

#[test]
#[ignore = "the child of another test: follows the journal from its start to record 3000"]
fn child_follows() {
    let Some((archive_dir, live_dir)) = place_from_parent() else {
        return;
    };
    let mut reader = Reader::open(&live_dir, &archive_dir, From::Start).unwrap();
    let mut frame = Frame::default();
    println!("opened");
    for seq in 1..=3000 {
        while !reader.poll(&mut frame).unwrap() {
            std::thread::yield_now();
        }
        assert_eq!(frame.words(), record(seq, lines_of(seq), SEED).words());
    }
}

fn wait_until_opened(child: &mut std::process::Child) {
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("opened") {
        line.clear();
        assert_ne!(out.read_line(&mut line).unwrap(), 0, "the child ended early");
    }
    // The child goes on to write nothing but its end.
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
}

#[test]
fn a_killed_writer_loses_nothing_that_was_committed() {
    let place = Place::new();
    let mut before = 0;
    for round in 1..=4_u32 {
        let mut writer = child("child_writes", &place)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        wait_until_opened(&mut writer);
        let control = Control::open(&place.live()).unwrap();
        let enough = before + 500 + u64::from(round) * 777;
        let late = Instant::now() + Duration::from_mins(1);
        while control.committed_seq() < enough && Instant::now() < late {
            std::thread::yield_now();
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        let committed = control.committed_seq();
        assert!(committed >= enough);
        assert_eq!(control.epoch(), round);
        let (frames, tail) = read_all(&place, true);
        assert_eq!(tail, Tail::Clean);
        assert!(frames.len() as u64 >= committed);
        assert_records(&frames, frames.len() as u64, SEED);
        before = frames.len() as u64;
    }
    let journal = open(&place.config(64 << 10)).unwrap();
    assert_eq!(journal.recovered.epoch, 5);
    assert_eq!(journal.recovered.next_seq, before + 1);
    assert_eq!(journal.recovered.torn, None);
    let (frames, _) = read_all(&place, false);
    assert_records(&frames, before, SEED);
    close(journal);
}

#[test]
fn another_process_follows() {
    let place = Place::new();
    let mut journal = open(&place.config(16 << 10)).unwrap();
    let mut follower = child("child_follows", &place)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until_opened(&mut follower);
    for seq in 1..=3000 {
        append(&mut journal, lines_of(seq), SEED);
    }
    assert!(follower.wait().unwrap().success());
    close(journal);
}

/// A journal of one epoch whose archive is whole but not closed, as a power cut leaves it, and how many records each
/// batch has.
fn unclosed(place: &Place, batches: &[usize]) -> u64 {
    let mut journal = open(&place.config(32 << 10)).unwrap();
    for batch in batches {
        for _ in 0..*batch {
            let seq = journal.writer.next_seq();
            append(&mut journal, lines_of(seq), SEED);
        }
        journal.archiver.do_work().unwrap();
    }
    let written = journal.writer.next_seq() - 1;
    drop(journal);
    std::fs::remove_dir_all(place.live()).unwrap();
    written
}

fn outcome(place: &Place) -> Result<(Vec<Frame>, Tail), ReadError> {
    let mut reader = archive::Reader::open(&place.archive(), None)?;
    let (mut frames, mut frame) = (Vec::new(), Frame::default());
    while reader.next(&mut frame)?.is_some() {
        frames.push(frame);
    }
    Ok((frames, reader.tail().unwrap().clone()))
}

fn first_segment(place: &Place) -> PathBuf {
    place.segments()[0].clone()
}

fn last_written(path: &Path) -> usize {
    std::fs::read(path)
        .unwrap()
        .iter()
        .rposition(|b| *b != 0)
        .unwrap()
        + 1
}

#[test]
fn an_archive_that_was_not_closed_goes_on_in_a_new_segment() {
    let place = Place::new();
    let written = unclosed(&place, &[5, 3]);
    let (frames, tail) = outcome(&place).unwrap();
    assert_records(&frames, written, SEED);
    assert_eq!(tail, Tail::Clean);
    let mut journal = open(&place.config(8192)).unwrap();
    assert_eq!(journal.recovered.torn, None);
    append(&mut journal, lines_of(written + 1), SEED);
    close(journal);
    assert_records(&read_all(&place, false).0, written + 1, SEED);
}

#[test]
fn a_changed_byte_in_a_durable_batch_is_corruption_and_in_the_last_a_tear() {
    let place = Place::new();
    let written = unclosed(&place, &[4, 4, 4]);
    let path = first_segment(&place);
    let whole = std::fs::read(&path).unwrap();
    let last_batch = {
        let lines: usize = (1..=8).map(lines_of).sum();
        HEADER_BYTES + (lines + 2) * 64
    };
    for at in (0..last_written(&path)).chain([whole.len() - 1]) {
        if at > 300 && at < HEADER_BYTES - 5 {
            continue;
        }
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&path, bytes).unwrap();
        match outcome(&place) {
            Err(ReadError::Corrupt { path: named, .. }) => {
                assert!(at < last_batch, "byte {at}");
                assert_eq!(named, path);
            }
            Err(ReadError::Unsupported { .. }) => assert!((8..12).contains(&at), "byte {at}"),
            Ok((frames, Tail::Torn(torn))) => {
                assert!(at >= last_batch, "byte {at}");
                assert!((8..=12).contains(&frames.len()), "byte {at}");
                assert_eq!(torn.seq, frames.len() as u64 + 1);
                assert_records(&frames, frames.len() as u64, SEED);
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
    std::fs::write(&path, whole).unwrap();
    assert_records(&outcome(&place).unwrap().0, written, SEED);
}

#[test]
fn every_changed_byte_of_a_closed_segment_is_found() {
    let place = Place::new();
    let mut journal = open(&place.config(8192)).unwrap();
    for seq in 1..=60 {
        append(&mut journal, lines_of(seq), SEED);
    }
    close(journal);
    let files = place.segments();
    assert!(files.len() >= 2);
    let whole = std::fs::read(&files[0]).unwrap();
    for at in (0..whole.len()).filter(|at| *at < 260 || *at > HEADER_BYTES - 3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&files[0], bytes).unwrap();
        assert!(outcome(&place).is_err(), "byte {at}");
    }
    std::fs::write(&files[0], &whole).unwrap();
    std::fs::rename(&files[0], files[0].with_extension("away")).unwrap();
    // Without its first segment a journal begins later, as retention leaves it; without another it is broken.
    assert!(outcome(&place).is_ok());
    std::fs::rename(files[0].with_extension("away"), &files[0]).unwrap();
    if files.len() > 2 {
        std::fs::remove_file(&files[1]).unwrap();
        assert!(matches!(
            outcome(&place),
            Err(ReadError::Missing { segment: 2, .. })
        ));
    }
}

#[test]
fn a_header_torn_before_the_first_sync_is_set_aside() {
    let place = Place::new();
    let written = unclosed(&place, &[5]);
    let path = first_segment(&place);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let mut journal = open(&place.config(8192)).unwrap();
    let torn = journal.recovered.torn.clone().unwrap();
    assert_eq!((torn.path, torn.position, torn.seq), (path.clone(), 0, 1));
    assert_eq!((journal.recovered.epoch, journal.recovered.next_seq), (2, 1));
    assert!(path.with_extension("torn").exists());
    for seq in 1..=written {
        append(&mut journal, lines_of(seq), SEED);
    }
    close(journal);
    assert_records(&read_all(&place, false).0, written, SEED);
}

#[test]
fn a_header_page_of_zeros_before_durable_batches_is_corruption() {
    let place = Place::new();
    unclosed(&place, &[4, 4]);
    let path = first_segment(&place);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..HEADER_BYTES].fill(0);
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(
        outcome(&place),
        Err(ReadError::Corrupt { offset: 0, .. })
    ));
    assert!(open(&place.config(8192)).is_err());
}

#[test]
fn reader_and_start_agree_on_files_without_headers_at_the_end() {
    let place = Place::new();
    let mut journal = open(&place.config(8192)).unwrap();
    append(&mut journal, lines_of(1), SEED);
    close(journal);
    // The next segment was made ahead, and the one behind it was being filled on a disk that shows old bytes.
    std::fs::write(place.archive().join("0000000002-000001.seg"), [0; 9000]).unwrap();
    std::fs::write(place.archive().join("0000000003-000001.seg"), [7; 9000]).unwrap();
    let (frames, tail) = outcome(&place).unwrap();
    assert_records(&frames, 1, SEED);
    let journal = open(&place.config(8192)).unwrap();
    let torn = journal.recovered.torn.clone().unwrap();
    assert_eq!(torn.path, place.archive().join("0000000003-000001.seg"));
    assert_eq!(tail, Tail::Torn(torn));
    assert_eq!(journal.recovered.next_seq, 2);
}

#[test]
fn a_header_torn_behind_its_magic_is_set_aside() {
    let place = Place::new();
    unclosed(&place, &[5]);
    let path = first_segment(&place);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8..].fill(0);
    std::fs::write(&path, bytes).unwrap();
    let (frames, tail) = outcome(&place).unwrap();
    assert!(frames.is_empty() && matches!(tail, Tail::Torn(_)), "{tail:?}");
    let journal = open(&place.config(8192)).unwrap();
    assert_eq!(journal.recovered.next_seq, 1);
    assert!(path.with_extension("torn").exists());
}

#[test]
fn a_writer_killed_between_two_segments_can_be_read() {
    let place = Place::new();
    let mut journal = open(&place.config(8192)).unwrap();
    for seq in 1..=40 {
        append(&mut journal, lines_of(seq), SEED);
    }
    drop(journal);
    // The next segment's header is shown before this one's end is.
    let live = place.live().join("0000000001-000001.live");
    let mut bytes = std::fs::read(&live).unwrap();
    let end = bytes.iter().rposition(|b| *b != 0).unwrap() / 64 * 64;
    assert_eq!(bytes[end..end + 4], 0x0002_0001_u32.to_le_bytes());
    bytes[end..].fill(0);
    std::fs::write(&live, bytes).unwrap();
    assert_records(&read_all(&place, true).0, 40, SEED);
    let journal = open(&place.config(8192)).unwrap();
    assert_eq!(journal.recovered.next_seq, 41);
    drop(journal);
    assert_records(&read_all(&place, false).0, 40, SEED);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Cut anywhere: whole records before the cut and nothing else, and the next epoch goes on there. What the last
    /// readable mark calls durable is either there or the journal is refused.
    #[test]
    fn a_cut_archive_keeps_a_right_prefix(
        batches in prop::collection::vec(1_usize..12, 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let place = Place::new();
        let written = unclosed(&place, &batches);
        let path = first_segment(&place);
        let cut = cut.index(last_written(&path) + 200);
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(cut as u64).unwrap();
        // A cut takes every later mark with it, so nothing can be called corrupt.
        let (frames, tail) = outcome(&place).unwrap();
        let kept = frames.len() as u64;
        assert_records(&frames, kept, SEED);
        prop_assert!(kept <= written);
        let mut journal = open(&place.config(8192)).unwrap();
        prop_assert_eq!(journal.recovered.next_seq, kept + 1);
        prop_assert_eq!(journal.recovered.epoch, 2);
        prop_assert_eq!(journal.recovered.torn.is_some(), matches!(tail, Tail::Torn(_)));
        for seq in kept + 1..=kept + 40 {
            append(&mut journal, lines_of(seq), SEED);
        }
        close(journal);
        let (frames, tail) = read_all(&place, false);
        assert_records(&frames, kept + 40, SEED);
        prop_assert_eq!(tail, Tail::Clean);
    }
}
