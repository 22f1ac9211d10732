//! Compressed segments, and the removal of segments, beside writers and readers.
#![allow(clippy::unwrap_used, reason = "nothing but tests")]

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use common::{Place, append, assert_records, close, lines_of, read_all, record};
use pinrail_journal::archive::{self, Keep, Kept, Verified};
use pinrail_journal::{From, JournalError, ReadError, Reader, open};
use pinrail_types::Frame;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const SEED: u64 = 7;
const SEGMENT_BYTES: u64 = 8192;
const LEVEL: i32 = 3;

/// A journal of `epochs` epochs of `records` records, each closed.
fn journal(epochs: u64, records: u64) -> Place {
    let place = Place::new();
    for _ in 0..epochs {
        let mut journal = open(&place.config(SEGMENT_BYTES)).unwrap();
        for _ in 0..records {
            let lines = lines_of(journal.writer.next_seq());
            append(&mut journal, lines, SEED);
        }
        close(journal);
    }
    place
}

fn cold_files(place: &Place) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(place.archive())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "zst"))
        .collect();
    files.sort();
    files
}

fn compress(place: &Place, keep: usize) -> Vec<archive::Compressed> {
    archive::compress(&place.archive(), keep, LEVEL, |_, _| {}).unwrap()
}

fn verify(place: &Place) -> Result<Verified, ReadError> {
    archive::verify(&place.archive(), None, |_, _| {})
}

fn settled(place: &Place) -> u64 {
    archive::settled_position(&place.archive()).unwrap()
}

fn prune(place: &Place, keep: Keep, needed_from: Option<u64>) -> archive::Pruned {
    let planned = archive::plan_prune(&place.archive(), keep, needed_from).unwrap();
    let pruned = archive::prune(&place.archive(), keep, needed_from, |_, _| {}).unwrap();
    if !matches!(pruned.kept, Some(Kept::Held(_))) {
        assert_eq!(planned, pruned);
    }
    pruned
}

#[test]
fn a_compressed_journal_is_read_as_before() {
    let place = journal(3, 200);
    let (plain, frames) = (verify(&place).unwrap(), read_all(&place, false).0);
    let digest = archive::digest(&place.archive()).unwrap();
    let mut told = Vec::new();
    let done = archive::compress(&place.archive(), 4, LEVEL, |done, all| told.push((done, all))).unwrap();
    assert_eq!(done.len() as u64, plain.segments - 4);
    assert_eq!(told.last().map(|(done, all)| done == all), Some(true));
    assert_eq!(
        (cold_files(&place).len(), place.segments().len()),
        (done.len(), 4)
    );
    assert!(compress(&place, 4).is_empty());
    compress(&place, 0);
    assert_eq!(place.segments().len(), 1, "the last one stays plain");

    let cold = verify(&place).unwrap();
    assert_eq!(cold.compressed_segments, plain.segments - 1);
    assert_eq!(
        (cold.head, cold.settled, cold.records),
        (plain.head, plain.settled, plain.records)
    );
    assert!(cold.file_bytes < plain.file_bytes);
    assert_eq!(archive::digest(&place.archive()).unwrap(), digest);
    assert_records(&read_all(&place, false).0, frames.len() as u64, SEED);
    let mut position = 0;
    for frame in &frames {
        let mut reader = archive::Reader::open_at(&place.archive(), None, position).unwrap();
        let mut found = Frame::default();
        assert_eq!(reader.next(&mut found).unwrap(), Some(position));
        assert_eq!(found.words(), frame.words());
        position += frame.bytes().len() as u64;
    }
    let mut journal = open(&place.config(SEGMENT_BYTES)).unwrap();
    append(&mut journal, lines_of(601), SEED);
    close(journal);
    assert_records(&read_all(&place, false).0, 601, SEED);
}

#[test]
fn where_both_forms_stand_the_plain_one_counts() {
    let place = journal(1, 100);
    let plain = place.segments()[0].clone();
    let bytes = fs::read(&plain).unwrap();
    compress(&place, 1);
    assert!(!plain.exists());
    let cold = cold_files(&place)[0].clone();
    fs::write(&plain, bytes).unwrap();
    fs::write(&cold, b"half a frame").unwrap();
    fs::write(place.archive().join("0000000001-000001.seg.zst.tmp"), b"half").unwrap();
    assert_records(&read_all(&place, false).0, 100, SEED);
    verify(&place).unwrap();
    compress(&place, 1);
    assert!(!plain.exists() && !place.archive().join("0000000001-000001.seg.zst.tmp").exists());
    assert_records(&read_all(&place, false).0, 100, SEED);
}

#[test]
fn a_start_goes_on_behind_a_compressed_last_segment() {
    // Nobody should take the newest segments away; what is left is a journal all the same.
    let place = journal(2, 40);
    compress(&place, 1);
    fs::remove_file(place.segments().pop().unwrap()).unwrap();
    let (frames, _) = read_all(&place, false);
    let mut journal = open(&place.config(SEGMENT_BYTES)).unwrap();
    assert_eq!(journal.recovered.next_seq, frames.len() as u64 + 1);
    for seq in frames.len() as u64 + 1..=80 {
        append(&mut journal, lines_of(seq), SEED);
    }
    close(journal);
    assert_records(&read_all(&place, false).0, 80, SEED);
}

#[test]
fn a_start_that_was_cut_short_finds_the_compressed_copies_of_live_segments() {
    let place = Place::new();
    let mut journal = open(&place.config(SEGMENT_BYTES)).unwrap();
    for seq in 1..=35 {
        append(&mut journal, lines_of(seq), SEED);
        // Batches as no start would make them.
        if seq % 3 == 0 && seq < 12 {
            journal.archiver.do_work().unwrap();
        }
    }
    // Killed when the first segment's end was archived, and before the live one was removed.
    let first = place.live().join("0000000001-000001.live");
    let bytes = fs::read(&first).unwrap();
    while first.exists() {
        journal.archiver.do_work().unwrap();
    }
    drop(journal);
    fs::write(&first, bytes).unwrap();
    // The start behind it: killed when it had archived what was live, and before it had begun its epoch.
    let meta = fs::read(place.archive().join("meta")).unwrap();
    let files = |dir: &Path| fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let live: Vec<_> = files(&place.live())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    drop(open(&place.config(SEGMENT_BYTES)).unwrap());
    fs::write(place.archive().join("meta"), meta).unwrap();
    for path in files(&place.archive()).chain(files(&place.live())) {
        if path.to_str().unwrap().contains("-000002.") {
            fs::remove_file(path).unwrap();
        }
    }
    for (path, bytes) in live {
        fs::write(path, bytes).unwrap();
    }
    assert!(first.exists());
    assert_eq!(compress(&place, 1)[0].segment, 1);
    let second = place.archive().join("0000000002-000001.seg");
    let hash = base_chain(&second);
    let journal = open(&place.config(SEGMENT_BYTES)).unwrap();
    assert_eq!((journal.recovered.next_seq, journal.recovered.epoch), (36, 2));
    assert_eq!(base_chain(&second), hash, "what somebody may have kept as a head");
    close(journal);
    assert_records(&read_all(&place, false).0, 35, SEED);
    verify(&place).unwrap();
}

/// That everything that reads the archive refuses it, and names this file.
fn assert_refused(place: &Place, file: &Path, what: &str) {
    let named = |error: ReadError| match error {
        ReadError::Corrupt { path, .. } | ReadError::Unsupported { path, .. } => {
            assert_eq!(path, file, "{what}");
        }
        other => panic!("{what}: {other}"),
    };
    named(verify(place).expect_err(what));
    named(archive::digest(&place.archive()).expect_err(what));
    let pruned = archive::prune(
        &place.archive(),
        Keep::FromTime(u64::MAX),
        Some(settled_or_max(place)),
        |_, _| {},
    );
    match pruned {
        Err(JournalError::Read(error)) => named(error),
        Ok(_) | Err(_) if what.starts_with("later: ") => {}
        other => panic!("{what}: {other:?}"),
    }
}

fn settled_or_max(place: &Place) -> u64 {
    archive::settled_position(&place.archive()).unwrap_or(u64::MAX)
}

fn frame(bytes: &[u8], checksum: bool, length: bool) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL).unwrap();
    encoder.include_checksum(checksum).unwrap();
    if length {
        encoder.set_pledged_src_size(Some(bytes.len() as u64)).unwrap();
    }
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn hostile_frames_are_refused_by_name() {
    let place = journal(1, 60);
    let bytes = fs::read(&place.segments()[0]).unwrap();
    compress(&place, 1);
    let file = cold_files(&place)[0].clone();
    let good = fs::read(&file).unwrap();
    // Nothing may be pruned in between: it would be gone.
    let held = archive::Reader::open(&place.archive(), None).unwrap();

    // Other programs' frames are as good, if they are whole.
    fs::write(&file, frame(&bytes, true, true)).unwrap();
    assert_records(&read_all(&place, false).0, 60, SEED);

    let with = |more: &[u8]| [good.as_slice(), more].concat();
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    // A terabyte, it says; and one that says 64 GiB and has a block of zeros for it.
    let huge = |bytes: u64| {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1110_0100];
        frame.extend(bytes.to_le_bytes());
        frame.extend([0b0000_0011, 0, 0x10, 0, 0, 0, 0, 0]);
        frame
    };
    let mut other_size = good.clone();
    other_size[6] ^= 1;
    let mut other_header = bytes.clone();
    other_header[56] = 9;
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("the plain bytes", bytes.clone()),
        ("zeros", vec![0; 9000]),
        ("a byte behind", with(&[0])),
        ("the frame twice", with(&good)),
        ("a skippable frame behind", with(&skippable)),
        ("a skippable frame before", [skippable.as_slice(), &good].concat()),
        ("no checksum", frame(&bytes, false, true)),
        ("no length", frame(&bytes, true, false)),
        ("another length", other_size),
        ("a terabyte", huge(1 << 40)),
        ("2 GiB and a page", huge((2 << 30) + 4096)),
        ("2 GiB of little", huge(2 << 30)),
        ("a page of zeros", frame(&[0; 4096], true, true)),
        ("a bomb of zeros", frame(&vec![0; 64 << 20], true, true)),
        ("less than a page", frame(&bytes[..4000], true, true)),
        ("a header of another segment", frame(&other_header, true, true)),
        (
            "later: a segment cut short",
            frame(&bytes[..bytes.len() - 64 * 3], true, true),
        ),
        (
            "later: bytes behind the end",
            frame(&[bytes.as_slice(), &[1]].concat(), true, true),
        ),
    ];
    for (what, hostile) in cases {
        fs::write(&file, hostile).unwrap();
        assert_refused(&place, &file, what);
    }
    for cut in (0..good.len()).step_by(7) {
        fs::write(&file, &good[..cut]).unwrap();
        assert_refused(&place, &file, "truncated");
    }
    // A terabyte of nothing behind it: not one page of it is read.
    fs::write(&file, &good).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(&file)
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    assert_refused(&place, &file, "a terabyte of nothing behind");
    drop(held);
    fs::write(&file, good).unwrap();
    assert_records(&read_all(&place, false).0, 60, SEED);
}

#[test]
fn a_changed_byte_of_a_compressed_file_is_found() {
    let place = journal(2, 300);
    compress(&place, 1);
    let files = cold_files(&place);
    assert!(files.len() > 5);
    let whole = verify(&place).unwrap();
    let digest = archive::digest(&place.archive()).unwrap();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut draw = |below: usize| (random.next_u64() % below as u64) as usize;
    let mut harmless = 0;
    for _ in 0..1000 {
        let file = &files[draw(files.len())];
        let good = fs::read(file).unwrap();
        let mut bytes = good.clone();
        let at = if draw(8) == 0 { draw(20) } else { draw(good.len()) };
        bytes[at] ^= 1 + draw(255) as u8;
        fs::write(file, &bytes).unwrap();
        match verify(&place) {
            Err(ReadError::Corrupt { path, .. }) => assert_eq!(path, *file, "byte {at}"),
            // Another way to write the same bytes.
            Ok(verified) => {
                assert_eq!(
                    (verified.head, verified.records),
                    (whole.head, whole.records),
                    "byte {at}"
                );
                assert_eq!(archive::digest(&place.archive()).unwrap(), digest);
                harmless += 1;
            }
            other => panic!("byte {at}: {other:?}"),
        }
        fs::write(file, good).unwrap();
    }
    println!("{harmless} of 1000 gave back the same bytes");
    assert!(harmless <= 10, "{harmless}");
}

#[test]
fn what_is_not_as_it_was_written_is_not_compressed() {
    let place = journal(1, 100);
    let file = place.segments()[1].clone();
    let mut bytes = fs::read(&file).unwrap();
    bytes[5000] ^= 1;
    fs::write(&file, &bytes).unwrap();
    match archive::compress(&place.archive(), 1, LEVEL, |_, _| {}) {
        Err(JournalError::Read(ReadError::Corrupt { path, .. })) => assert_eq!(path, file),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(&file).unwrap(), bytes);
    assert!(cold_files(&place).len() == 1);
    for level in [0, 23] {
        let refused = archive::compress(&place.archive(), 1, level, |_, _| {});
        assert!(matches!(refused, Err(JournalError::Config { .. })));
    }
}

#[test]
fn only_what_a_start_can_do_without_is_removed_and_from_the_front() {
    let place = journal(3, 200);
    let segments = verify(&place).unwrap().segments;
    let all = Keep::FromTime(u64::MAX);
    let none = prune(&place, all, None);
    assert_eq!((none.removed.len(), none.kept), (0, Some(Kept::Needed)));
    assert_eq!(none.first.map(|first| first.seq), Some(1));
    assert!(prune(&place, Keep::Segments(segments), None).kept.is_none());

    // The base of a segment: the record before it is needed, too.
    let base = |segment: usize| {
        let bytes = fs::read(&place.segments()[segment]).unwrap();
        let word = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap());
        (word(64), word(72))
    };
    let (seq, position) = base(3);
    let at_base = archive::plan_prune(&place.archive(), all, Some(position)).unwrap();
    assert_eq!((at_base.removed.len(), at_base.kept), (2, Some(Kept::Needed)));
    let behind = archive::plan_prune(&place.archive(), Keep::FromSeq(seq), Some(position + 64)).unwrap();
    assert_eq!((behind.removed.len(), behind.kept), (3, None));
    let before =
        archive::plan_prune(&place.archive(), Keep::FromSeq(seq - 1), Some(settled(&place))).unwrap();
    assert_eq!((before.removed.len(), before.kept), (2, None));

    let heads: Vec<_> = verify(&place).unwrap().head.into_iter().collect();
    let kept_head = base_chain(&place.segments()[3]);
    let pruned = prune(&place, Keep::FromSeq(seq), Some(settled(&place)));
    assert_eq!(
        pruned
            .first
            .map(|first| (first.segment, first.seq, first.position)),
        Some((4, seq, position))
    );
    assert_eq!(pruned.first.unwrap().chain_before, kept_head);
    let after = archive::verify(&place.archive(), Some(kept_head), |_, _| {}).unwrap();
    assert_eq!(
        (after.first_segment, after.first_seq, after.segments),
        (4, Some(seq), segments - 3)
    );
    assert_eq!(after.head, heads.first().copied());
    assert_eq!(
        after.kept.map(|head| (head.segment, head.last_seq)),
        Some((3, seq - 1))
    );

    compress(&place, 2);
    let last = prune(&place, Keep::Segments(1), Some(settled(&place)));
    assert_eq!(last.first.map(|first| first.segment), Some(segments));
    assert_eq!((place.segments().len(), cold_files(&place).len()), (1, 0));
    let mut journal = open(&place.config(SEGMENT_BYTES)).unwrap();
    assert_eq!(journal.recovered.next_seq, 601);
    append(&mut journal, lines_of(601), SEED);
    // Its writer is killed: what is live follows what is left.
    drop(journal);
    let journal = open(&place.config(SEGMENT_BYTES)).unwrap();
    assert_eq!(journal.recovered.next_seq, 602);
    close(journal);
    let (frames, _) = read_all(&place, false);
    assert_eq!(
        frames.last().unwrap().words(),
        record(601, lines_of(601), SEED).words()
    );
}

fn base_chain(segment: &Path) -> pinrail_journal::ChainHash {
    let bytes = fs::read(segment).unwrap();
    pinrail_journal::ChainHash(*bytes[112..].first_chunk().unwrap())
}

#[test]
fn times_are_those_of_the_records() {
    let place = journal(2, 150);
    let latest: Vec<u64> = place
        .segments()
        .iter()
        .scan(1, |seq, path| {
            let bytes = fs::read(path).unwrap();
            let base = u64::from_le_bytes(*bytes[64..].first_chunk().unwrap());
            *seq = base;
            Some(base)
        })
        .chain([301])
        .collect::<Vec<u64>>()
        .windows(2)
        .map(|bases| {
            let times = (bases[0]..bases[1]).map(|seq| record(seq, lines_of(seq), SEED).header().ts_core);
            times.max().unwrap()
        })
        .collect();
    for ts in latest
        .iter()
        .flat_map(|latest| [*latest, latest.saturating_add(1)])
    {
        let plan = archive::plan_prune(&place.archive(), Keep::FromTime(ts), Some(settled(&place))).unwrap();
        let expected = latest[..latest.len() - 1]
            .iter()
            .take_while(|latest| **latest < ts)
            .count();
        assert_eq!(plan.removed.len(), expected);
    }
}

#[test]
fn what_somebody_reads_stays() {
    let place = journal(2, 200);
    let mut frame = Frame::default();
    let mut reader = archive::Reader::open(&place.archive(), None).unwrap();
    let first = place.segments()[0].clone();
    let done = compress(&place, 1);
    assert!(done[0].is_held && first.exists() && done[1..].iter().all(|done| !done.is_held));
    let held = prune(&place, Keep::Segments(1), Some(settled(&place)));
    assert_eq!(
        (held.removed.len(), held.kept),
        (0, Some(Kept::Held(first.clone())))
    );
    assert_eq!(held.first.map(|first| first.segment), Some(1));
    for seq in 1..=400 {
        reader.next(&mut frame).unwrap().unwrap();
        assert_eq!(frame.words(), record(seq, lines_of(seq), SEED).words());
        if seq == 100 {
            assert!(
                !prune(&place, Keep::Segments(1), Some(settled(&place)))
                    .removed
                    .is_empty()
            );
            assert!(!first.exists());
        }
    }
    drop(reader);
    assert_eq!(prune(&place, Keep::Segments(1), Some(settled(&place))).kept, None);
}

#[test]
fn a_follower_that_lags_in_a_live_segment_keeps_what_follows_it() {
    let place = Place::new();
    let mut journal = open(&place.config(SEGMENT_BYTES)).unwrap();
    append(&mut journal, lines_of(1), SEED);
    let mut follower = Reader::open(&place.live(), &place.archive(), From::Start).unwrap();
    for seq in 2..=400 {
        append(&mut journal, lines_of(seq), SEED);
    }
    let pruned = prune(&place, Keep::Segments(1), Some(settled(&place)));
    assert!(
        matches!(pruned.kept, Some(Kept::Held(_))) && pruned.removed.is_empty(),
        "{pruned:?}"
    );
    let mut frame = Frame::default();
    for seq in 1..=400 {
        assert!(follower.poll(&mut frame).unwrap());
        assert_eq!(frame.words(), record(seq, lines_of(seq), SEED).words());
    }
    assert!(
        !prune(&place, Keep::Segments(1), Some(settled(&place)))
            .removed
            .is_empty()
    );
    close(journal);
}

#[test]
fn one_at_a_time() {
    let place = journal(1, 60);
    let lock = fs::File::create(place.archive().join("retention.lock")).unwrap();
    lock.lock().unwrap();
    let refused = archive::compress(&place.archive(), 1, LEVEL, |_, _| {});
    assert!(matches!(refused, Err(JournalError::Locked { .. })), "{refused:?}");
    let refused = archive::prune(&place.archive(), Keep::Segments(1), None, |_, _| {});
    assert!(matches!(refused, Err(JournalError::Locked { .. })), "{refused:?}");
    let nowhere = archive::compress(&place.live(), 1, LEVEL, |_, _| {});
    assert!(matches!(
        nowhere,
        Err(JournalError::Read(ReadError::NoJournal { .. }))
    ));
}
