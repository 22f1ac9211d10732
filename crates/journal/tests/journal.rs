//! Writing, archiving, following and reading a journal in one process.
#![allow(clippy::unwrap_used, reason = "nothing but tests")]

mod common;

use common::{Place, append, assert_records, close, lines_of, read_all, record};
use pinrail_journal::archive::Tail;
use pinrail_journal::{
    ArchiverStatus, Control, From, HEADER_BYTES, JournalError, ReadError, Reader, SyncPolicy, archive, open,
};
use pinrail_types::Frame;
use proptest::prelude::*;

#[test]
fn what_is_written_is_read_across_segments_and_epochs() {
    let place = Place::new();
    let mut next = 1;
    for epoch in 1..=3 {
        let mut journal = open(&place.config(8192)).unwrap();
        assert_eq!(journal.recovered.epoch, epoch);
        assert_eq!(journal.writer.epoch(), epoch);
        assert_eq!(journal.recovered.next_seq, next);
        assert_eq!(journal.recovered.drained_records, 0);
        assert_eq!(journal.recovered.last.is_some(), epoch > 1);
        for _ in 0..500 {
            append(&mut journal, lines_of(next), 7);
            next += 1;
        }
        close(journal);
        assert_eq!(
            Control::open(&place.live()).unwrap().archiver_status(),
            ArchiverStatus::Finished
        );
    }
    let (frames, tail) = read_all(&place, false);
    assert_eq!(tail, Tail::Clean);
    assert_records(&frames, next - 1, 7);
    let left = std::fs::read_dir(place.live()).unwrap().count();
    assert_eq!(left, 2, "only the control file and the lock stay behind");
}

#[test]
fn the_second_writer_is_told_who_the_first_is() {
    let place = Place::new();
    let first = open(&place.config(8192)).unwrap();
    match open(&place.config(8192)) {
        Err(JournalError::Locked { path, pid }) => {
            assert_eq!(path, place.archive().join("lock"));
            assert_eq!(pid, Some(std::process::id()));
        }
        other => panic!("{other:?}"),
    }
    let same_live = pinrail_journal::JournalConfig {
        archive_dir: place.archive.path().join("other"),
        ..place.config(8192)
    };
    assert!(
        matches!(open(&same_live), Err(JournalError::Locked { path, .. }) if path == place.live().join("lock"))
    );
    close(first);
    open(&place.config(8192)).unwrap();
}

#[test]
fn settings_outside_their_range_are_named() {
    let place = Place::new();
    for bytes in [0, 4096, 8191, 1 << 31] {
        let error = open(&place.config(bytes)).unwrap_err().to_string();
        assert!(error.contains("segment_bytes"), "{error}");
    }
    let mut config = place.config(8192);
    config.segments_max = 2;
    let error = open(&config).unwrap_err().to_string();
    assert!(error.contains("segments_max"), "{error}");
}

#[test]
fn a_missing_shared_memory_directory_is_named() {
    let place = Place::new();
    let mut config = place.config(8192);
    config.live_dir = "/nowhere/shm/journal".into();
    let error = open(&config).unwrap_err().to_string();
    assert!(error.contains("/nowhere/shm/journal"), "{error}");
}

#[test]
fn room_shrinks_to_the_reserve_and_comes_back() {
    let place = Place::new();
    let mut config = place.config(8192);
    config.segments_max = 3;
    let mut journal = open(&config).unwrap();
    let mut appended = 0;
    // The archiver does nothing, so at most three segments are alive.
    while journal.writer.room().normal > 0 {
        journal
            .writer
            .append(record(journal.writer.next_seq(), 1, 1).words());
        journal.preparer.do_work().unwrap();
        appended += 1;
    }
    assert!(journal.writer.room().reserved >= 60);
    while journal.writer.room().reserved > 0 {
        journal
            .writer
            .append(record(journal.writer.next_seq(), 1, 1).words());
        journal.preparer.do_work().unwrap();
        appended += 1;
    }
    assert!(appended >= 3 * 60, "{appended}");
    while journal.archiver.do_work().unwrap() > 0 {}
    while journal.preparer.do_work().unwrap() > 0 {}
    assert!(journal.writer.room().normal >= 60);
    close(journal);
    assert_eq!(archive::digest(&place.archive()).unwrap().records, appended);
}

#[test]
fn the_durable_position_follows_the_policy() {
    let place = Place::new();
    let mut config = place.config(8192);
    config.sync = SyncPolicy::Lazy {
        bytes_max: 1000,
        age_max: std::time::Duration::from_hours(1),
    };
    let mut journal = open(&config).unwrap();
    let control = Control::open(&place.live()).unwrap();
    append(&mut journal, 4, 1);
    journal.writer.publish(99);
    journal.archiver.do_work().unwrap();
    assert_eq!((control.committed_position(), control.heartbeat_ns()), (256, 99));
    assert_eq!((control.drained_position(), control.durable_position()), (256, 0));
    for _ in 0..3 {
        append(&mut journal, 4, 1);
    }
    journal.archiver.do_work().unwrap();
    assert_eq!((control.durable_position(), control.durable_seq()), (1024, 4));
    assert_eq!(control.writer_pid(), std::process::id());
    close(journal);
}

#[test]
fn a_reader_goes_on_in_the_archive_and_back_to_live() {
    let place = Place::new();
    let mut journal = open(&place.config(8192)).unwrap();
    let mut slow = Reader::open(&place.live(), &place.archive(), From::Start).unwrap();
    let mut frame = Frame::default();
    assert!(!slow.poll(&mut frame).unwrap());
    for seq in 1..=600 {
        append(&mut journal, lines_of(seq), 3);
    }
    while journal.archiver.do_work().unwrap() > 0 {}
    let mut late = Reader::open(&place.live(), &place.archive(), From::Live).unwrap();
    assert_eq!(late.next_seq(), 601);
    for seq in 601..=700 {
        append(&mut journal, lines_of(seq), 3);
    }
    for seq in 1..=700 {
        assert!(slow.poll(&mut frame).unwrap());
        assert_eq!(frame.words(), record(seq, lines_of(seq), 3).words());
        if seq > 600 {
            assert!(late.poll(&mut frame).unwrap());
            assert_eq!(frame.header().seq, seq);
        }
    }
    assert!(!slow.poll(&mut frame).unwrap());
    close(journal);
    assert!(!slow.poll(&mut frame).unwrap());

    // The next epoch goes on where the reader stands.
    let mut journal = open(&place.config(8192)).unwrap();
    append(&mut journal, 2, 3);
    assert!(slow.poll(&mut frame).unwrap());
    assert_eq!(frame.header().seq, 701);
    assert_eq!(slow.header().epoch, 2);
    close(journal);
}

#[test]
fn a_reader_survives_a_writer_that_stops_without_a_word() {
    let place = Place::new();
    let mut journal = open(&place.config(16384)).unwrap();
    let mut reader = Reader::open(&place.live(), &place.archive(), From::Start).unwrap();
    let mut frame = Frame::default();
    for seq in 1..=30 {
        append(&mut journal, lines_of(seq), 5);
    }
    for _ in 1..=10 {
        assert!(reader.poll(&mut frame).unwrap());
    }
    drop(journal);
    let (frames, tail) = read_all(&place, true);
    assert_records(&frames, 30, 5);
    assert_eq!(tail, Tail::Clean);

    let mut journal = open(&place.config(16384)).unwrap();
    assert_eq!(journal.recovered.drained_records, 30);
    assert_eq!((journal.recovered.epoch, journal.recovered.next_seq), (2, 31));
    append(&mut journal, 1, 5);
    for seq in 11..=31 {
        assert!(reader.poll(&mut frame).unwrap(), "{seq}");
        assert_eq!(frame.header().seq, seq);
    }
    close(journal);
    assert_eq!(read_all(&place, false).0.len(), 31);
}

#[test]
fn an_archive_that_differs_from_the_live_segment_is_refused() {
    let place = Place::new();
    let mut journal = open(&place.config(8192)).unwrap();
    for seq in 1..=10 {
        append(&mut journal, lines_of(seq), 5);
    }
    while journal.archiver.do_work().unwrap() > 0 {}
    drop(journal);
    let live = std::fs::read_dir(place.live()).unwrap();
    let live = live
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().ends_with("0000000001-000001.live"))
        .unwrap();
    let mut bytes = std::fs::read(&live).unwrap();
    bytes[HEADER_BYTES + 20] ^= 1;
    std::fs::write(&live, bytes).unwrap();
    let error = open(&place.config(8192)).unwrap_err();
    assert!(
        matches!(&error, JournalError::Read(ReadError::Corrupt { seq: 2, .. })),
        "{error}"
    );
}

#[test]
fn no_room_in_shared_memory_is_told_with_figures() {
    let place = Place::new();
    let mount = place.live.path();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(mount)
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        println!("skipped: cannot mount a tmpfs");
        return;
    }
    let refused = open(&place.config(1 << 20));
    // Two segments fit, and the third does not.
    let mut journal = open(&place.config(24 << 10)).unwrap();
    for _ in 0..40 {
        journal
            .writer
            .append(record(journal.writer.next_seq(), 1, 1).words());
    }
    let third = journal.preparer.do_work();
    close(journal);
    let unmounted = std::process::Command::new("umount").arg(mount).status();
    assert!(unmounted.unwrap().success());
    match refused {
        Err(JournalError::NoRoom {
            path,
            needed,
            available,
        }) => {
            assert!(path.starts_with(place.live()), "{path:?}");
            assert_eq!(needed, 1 << 20);
            assert!(available < 1 << 20 && available > 0);
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(third, Err(JournalError::NoRoom { .. })), "{third:?}");
    assert_eq!(archive::digest(&place.archive()).unwrap().records, 40);
}

#[test]
fn nothing_where_a_journal_should_be() {
    let place = Place::new();
    let error = archive::Reader::open(place.archive.path(), None).unwrap_err();
    assert!(matches!(error, ReadError::NoJournal { .. }));
    let error = Reader::open(place.live.path(), place.archive.path(), From::Start).unwrap_err();
    assert!(matches!(error, ReadError::NoJournal { .. }));
    // Segments without their meta file are no journal to go on with.
    let mut journal = open(&place.config(8192)).unwrap();
    append(&mut journal, 1, 1);
    close(journal);
    std::fs::remove_file(place.archive().join("meta")).unwrap();
    let error = open(&place.config(8192)).unwrap_err().to_string();
    assert!(error.contains("meta does not know"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever the lengths, the sizes of segments and who works when: the archive holds what was appended, a
    /// follower sees it once and in order, and the digest does not depend on the cutting.
    #[test]
    fn archive_and_follower_equal_what_was_appended(
        seed in any::<u64>(),
        pages in 2_u64..6,
        ahead in 2_usize..4,
        steps in prop::collection::vec((0_u8..10, 1_usize..=4), 1..900),
    ) {
        let (place, plain) = (Place::new(), Place::new());
        let mut config = place.config(pages * 4096);
        config.segments_ahead = ahead;
        let mut journal = open(&config).unwrap();
        let mut reader = Reader::open(&place.live(), &place.archive(), From::Start).unwrap();
        let mut twin = open(&plain.config(1 << 20)).unwrap();
        let mut seen = 0;
        let mut frame = Frame::default();
        for (what, lines) in steps {
            match what {
                0 => drop(journal.archiver.do_work().unwrap()),
                1 => drop(journal.preparer.do_work().unwrap()),
                2 => while reader.poll(&mut frame).unwrap() {
                    seen += 1;
                    let expected = record(seen, frame.words().len() / 8, seed);
                    prop_assert_eq!(frame.words(), expected.words());
                },
                _ => {
                    append(&mut journal, lines, seed);
                    append(&mut twin, lines, seed);
                }
            }
        }
        let written = journal.writer.next_seq() - 1;
        let position = journal.writer.position();
        close(journal);
        close(twin);
        while reader.poll(&mut frame).unwrap() {
            seen += 1;
        }
        prop_assert_eq!(seen, written);
        let digest = archive::digest(&place.archive()).unwrap();
        prop_assert_eq!(digest, archive::digest(&plain.archive()).unwrap());
        prop_assert_eq!((digest.records, digest.bytes), (written, position));
    }
}
