//! What `archive::verify` finds: changed bytes, forged records, and heads that were kept.
#![allow(clippy::unwrap_used, reason = "nothing but tests")]

mod common;
#[path = "common/forge.rs"]
mod forge;

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use common::{Place, append, assert_records, close, lines_of, read_all};
use forge::{Chain, Segment};
use pinrail_journal::archive::{End, Verified, verify};
use pinrail_journal::{ChainHash, HEADER_BYTES, JournalError, ReadError, open};
use proptest::prelude::*;

const SEED: u64 = 23;

fn check(place: &Place) -> Result<Verified, ReadError> {
    verify(&place.archive(), None, |_, _| {})
}

fn check_kept(place: &Place, kept: ChainHash) -> Verified {
    verify(&place.archive(), Some(kept), |_, _| {}).unwrap()
}

/// How an epoch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Close,
    /// The writer is killed, and what it had in shared memory is still there.
    Kill,
    /// The power is cut between two batches.
    Cut,
    /// The power is cut inside a batch.
    Tear,
}

/// Begins an epoch of `records` records in segments of 8192 bytes, a batch after every 7, and stops.
fn epoch(place: &Place, records: u64, stop: Stop) {
    let mut journal = open(&place.config(8192)).unwrap();
    for n in 1..=records {
        let seq = journal.writer.next_seq();
        append(&mut journal, lines_of(seq), SEED);
        if n % 7 == 0 || n == records {
            journal.archiver.do_work().unwrap();
        }
    }
    if stop == Stop::Close {
        return close(journal);
    }
    drop(journal);
    if stop != Stop::Kill {
        fs::remove_dir_all(place.live()).unwrap();
    }
    if stop == Stop::Tear {
        tear(&begun(place).pop().unwrap());
    }
}

/// Takes the start of the second record out of the last batch.
fn tear(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let last = parts(&bytes).into_iter().rfind(|(what, _)| *what == "mark");
    let mark = last.unwrap().1.start;
    let second = mark + 64 + (bytes[mark + 64] & 0xf) as usize * 64;
    bytes[second..second + 20].fill(0);
    fs::write(path, bytes).unwrap();
}

/// The segments that were written to.
fn begun(place: &Place) -> Vec<PathBuf> {
    let mut files = place.segments();
    files.retain(|path| fs::read(path).unwrap().iter().any(|b| *b != 0));
    files
}

/// What stands where in a segment.
fn parts(bytes: &[u8]) -> Vec<(&'static str, Range<usize>)> {
    if bytes.iter().all(|b| *b == 0) {
        return vec![("made ahead", 0..bytes.len())];
    }
    let mut parts = vec![("header", 0..256), ("header zeros", 256..HEADER_BYTES)];
    let mut at = HEADER_BYTES;
    while let Some(line) = bytes.get(at..at + 64) {
        let length = (line[0] & 0xf) as usize * 64;
        let what = match u16::from_le_bytes([line[2], line[3]]) {
            _ if length == 0 => break,
            2 => "end",
            3 => "mark",
            _ => {
                parts.push(("record header", at..at + 32));
                parts.push(("payload", at + 32..at + length));
                at += length;
                continue;
            }
        };
        parts.push((what, at..at + length));
        at += length;
    }
    if at < bytes.len() {
        let is_cut = bytes[at..].iter().any(|b| *b != 0);
        parts.push((if is_cut { "cut" } else { "zeros" }, at..bytes.len()));
    }
    parts
}

/// A journal with all there is: closed, cut and torn epochs, and an open last segment with files made ahead.
fn motley() -> Place {
    let place = Place::new();
    epoch(&place, 120, Stop::Close);
    epoch(&place, 40, Stop::Tear);
    epoch(&place, 20, Stop::Cut);
    epoch(&place, 90, Stop::Kill);
    epoch(&place, 40, Stop::Cut);
    place
}

#[test]
fn a_whole_journal_is_told_in_figures() {
    let place = motley();
    let verified = check(&place).unwrap();
    let (frames, _) = read_all(&place, false);
    assert_eq!(verified.records, frames.len() as u64);
    assert_eq!(
        (verified.first_seq, verified.last_seq),
        (Some(1), Some(verified.records))
    );
    assert_eq!(verified.first_ts_core, Some(frames[0].header().ts_core));
    assert_eq!(
        (verified.first_segment, verified.epochs, verified.cut_segments),
        (1, 5, 2)
    );
    assert_eq!(verified.segments, begun(&place).len() as u64);
    assert_eq!((verified.end, verified.chain_since), (End::Open, Some(1)));
    let (head, settled) = (verified.head.unwrap(), verified.settled.unwrap());
    assert_eq!(
        (head.segment, settled.segment),
        (verified.segments, verified.segments - 1)
    );
    assert_eq!(head.last_seq, verified.records);
}

#[test]
fn each_of_1000_changed_bytes_is_found_at_its_place() {
    let place = motley();
    let meta = place.archive().join("meta");
    let last = begun(&place).pop().unwrap();
    let mut places = vec![("meta", meta, 0..64)];
    for path in place.segments() {
        for (what, range) in parts(&fs::read(&path).unwrap()) {
            places.push((what, path.clone(), range));
        }
    }
    let last_mark = places
        .iter()
        .rfind(|(what, path, _)| *what == "mark" && *path == last);
    let last_batch = last_mark.unwrap().2.start;
    let mut kinds: Vec<&str> = places.iter().map(|(what, _, _)| *what).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), 10, "{kinds:?}");

    let mut random = SEED;
    let mut below = |end: usize| {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (random >> 33) as usize % end
    };
    let mut tears = 0;
    for n in 0..1000 {
        let of_kind: Vec<_> = places
            .iter()
            .filter(|(what, _, _)| *what == kinds[n % 10])
            .collect();
        let (what, path, range) = of_kind[below(of_kind.len())];
        let at = range.start + below(range.len());
        let whole = fs::read(path).unwrap();
        let mut bytes = whole.clone();
        bytes[at] ^= 1 + below(255) as u8;
        fs::write(path, bytes).unwrap();
        let found = check(&place);
        fs::write(path, whole).unwrap();

        let is_tear = path == &last && at >= last_batch || *what == "made ahead";
        let (named, offset) = match found {
            Err(ReadError::Corrupt { path, offset, .. }) if !is_tear => (path, offset),
            Err(ReadError::Unsupported { path, .. }) if (8..12).contains(&at) => (path, 8),
            Ok(Verified {
                end: End::Torn(torn), ..
            }) if is_tear => {
                tears += 1;
                (torn.path, torn.offset)
            }
            other => panic!("change {n}, {what}, byte {at} of {}: {other:?}", path.display()),
        };
        assert_eq!(&named, path, "{what}");
        assert!(offset <= at as u64, "{what}: {offset} for byte {at}");
        if ["mark", "record header"].contains(what) {
            assert_eq!(offset, range.start as u64, "{what}");
        }
    }
    assert!(tears >= 100, "{tears}");
    assert_eq!(check(&place).unwrap().end, End::Open);
}

#[test]
fn files_may_not_be_taken_away_swapped_or_brought_in() {
    let place = Place::new();
    epoch(&place, 120, Stop::Close);
    let files = place.segments();
    assert!(files.len() >= 4);
    let aside = place.archive().join("aside");

    fs::rename(&files[1], &aside).unwrap();
    assert!(matches!(
        check(&place),
        Err(ReadError::Missing { segment: 2, .. })
    ));

    fs::rename(&files[2], &files[1]).unwrap();
    fs::rename(&aside, &files[2]).unwrap();
    assert_corrupt(check(&place), &files[1], "header of another segment");
    fs::rename(&files[2], &aside).unwrap();
    fs::rename(&files[1], &files[2]).unwrap();
    fs::rename(&aside, &files[1]).unwrap();
    check(&place).unwrap();

    // The same records under the same numbers, but of another journal.
    let other = Place::new();
    epoch(&other, 120, Stop::Close);
    let own = fs::read(&files[1]).unwrap();
    fs::copy(&other.segments()[1], &files[1]).unwrap();
    assert_corrupt(check(&place), &files[1], "segment of another journal");
    fs::write(&files[1], own).unwrap();

    // A second file of a segment would never be read.
    let double = place.archive().join("0000000002-000000.seg");
    fs::copy(&files[1], &double).unwrap();
    assert_corrupt(check(&place), &files[1], "a second file of the same segment");
    fs::remove_file(&double).unwrap();

    // What was removed from the front is told, and a head that was kept of it is known.
    let head = check(&place).unwrap().head.unwrap();
    let first = Segment::read(&files[0]);
    fs::remove_file(&files[0]).unwrap();
    let verified = check_kept(&place, head.hash);
    assert_eq!((verified.first_segment, verified.kept), (2, Some(head)));
    let removed = ChainHash(first.chain.try_into().unwrap());
    let known = check_kept(&place, removed).kept.unwrap();
    assert_eq!(
        (known.segment, known.last_seq),
        (1, verified.first_seq.unwrap() - 1)
    );
}

fn assert_corrupt(found: Result<Verified, ReadError>, file: &Path, why: &str) {
    match found {
        Err(ReadError::Corrupt { path, what, .. }) => assert_eq!((path.as_path(), what), (file, why)),
        other => panic!("{other:?}"),
    }
}

/// The journal, taken apart, and its head.
fn closed() -> (Place, Vec<Segment>, ChainHash) {
    let place = Place::new();
    epoch(&place, 60, Stop::Close);
    epoch(&place, 60, Stop::Close);
    let segments: Vec<Segment> = place.segments().iter().map(|path| Segment::read(path)).collect();
    let head = check(&place).unwrap().head.unwrap().hash;
    (place, segments, head)
}

#[test]
fn a_forger_who_changes_nothing_writes_the_same_bytes() {
    let (place, segments, head) = closed();
    let read = || -> Vec<Vec<u8>> {
        place
            .segments()
            .iter()
            .map(|path| fs::read(path).unwrap())
            .collect()
    };
    let whole = read();
    for chain in [Chain::Kept, Chain::Renewed] {
        forge::write(&segments, chain);
        assert!(read() == whole);
    }
    assert_eq!(check_kept(&place, head).kept.unwrap().hash, head);
}

#[test]
fn only_the_chain_finds_what_was_dropped_added_or_changed_under_right_checksums() {
    type Change = fn(&mut Vec<Vec<u8>>);
    let changes: [Change; 3] = [
        |batch| drop(batch.remove(3)),
        |batch| batch.insert(3, batch[0].clone()),
        |batch| batch[3][40] ^= 1,
    ];
    for change in changes {
        let (place, mut segments, head) = closed();
        let records = check(&place).unwrap().records;
        change(&mut segments[1].batches[1]);
        forge::write(&segments, Chain::Kept);
        assert_corrupt(
            check(&place),
            &place.segments()[1],
            "its bytes do not give the chain hash at its end",
        );
        // With the chain made anew nothing is left to contradict it but the head that was kept.
        forge::write(&segments, Chain::Renewed);
        let forged = check_kept(&place, head);
        assert_eq!((forged.end, forged.chain_since), (End::Sealed, Some(1)));
        assert!(forged.records.abs_diff(records) <= 1);
        assert_eq!(forged.kept, None);
        // And with the chain erased nothing but the head and its absence.
        forge::write(&segments, Chain::Erased);
        let forged = check_kept(&place, head);
        assert_eq!(
            (forged.end, forged.chain_since, forged.kept),
            (End::Sealed, None, None)
        );
    }
}

#[test]
fn a_segment_that_was_made_anew_as_a_whole_does_not_fit_the_next() {
    let (place, mut segments, _) = closed();
    segments[1].batches[0][2][40] ^= 1;
    let untouched = fs::read(&place.segments()[2]).unwrap();
    forge::write(&segments, Chain::Renewed);
    fs::write(&place.segments()[2], untouched).unwrap();
    assert_corrupt(
        check(&place),
        &place.segments()[1],
        "the next segment names another chain hash",
    );
}

fn assert_start_refused(place: &Place, why: &str) {
    match open(&place.config(8192)) {
        Err(JournalError::Read(ReadError::Corrupt { path, what, .. })) => {
            assert_eq!((Some(&path), what), (place.segments().last(), why));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_start_goes_on_behind_no_forged_segment() {
    let (place, mut segments, _) = closed();
    let batch = segments.last_mut().unwrap().batches.last_mut().unwrap();
    batch[0][40] ^= 1;
    forge::write(&segments, Chain::Kept);
    assert_start_refused(&place, "its bytes do not give the chain hash at its end");
}

#[test]
fn a_start_keeps_no_copy_of_a_live_segment_that_follows_another() {
    let place = Place::new();
    epoch(&place, 60, Stop::Close);
    let mut journal = open(&place.config(8192)).unwrap();
    append(&mut journal, 2, SEED);
    journal.writer.finish(1);
    let live = place
        .live()
        .join(format!("{:010}-000002.live", begun(&place).len() + 1));
    let kept = fs::read(&live).unwrap();
    drop(journal.preparer);
    journal.archiver.finish().unwrap();
    fs::write(&live, kept).unwrap();
    let path = place.segments().pop().unwrap();
    let whole = fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    bytes[112] ^= 1;
    forge::reseal_header(&mut bytes);
    fs::write(&path, bytes).unwrap();
    assert_start_refused(&place, "its header names another chain hash before it");
    fs::write(&path, whole).unwrap();
    drop(open(&place.config(8192)).unwrap());
    assert_eq!(check(&place).unwrap().end, End::Sealed);
}

#[test]
fn a_journal_from_before_there_was_a_chain_goes_on_with_one() {
    let (place, segments, _) = closed();
    forge::write(&segments, Chain::Erased);
    let last = segments.len() as u64;
    epoch(&place, 40, Stop::Close);
    let verified = check(&place).unwrap();
    assert_eq!((verified.chain_since, verified.epochs), (Some(last), 3));
    // There is none behind it without.
    let path = place.segments().pop().unwrap();
    let mut page = fs::read(&path).unwrap();
    page[112..144].fill(0);
    forge::reseal_header(&mut page);
    fs::write(&path, page).unwrap();
    assert!(check(&place).is_err());
}

#[test]
fn a_lost_end_is_a_cut_and_changes_no_hash() {
    let (place, mut segments, _) = closed();
    let at = segments.iter().position(|segment| segment.epoch() == 2).unwrap() - 1;
    // Zeros before the end are the record's own.
    let record = segments[at].batches.last_mut().unwrap().last_mut().unwrap();
    record[32..].fill(0);
    forge::write(&segments, Chain::Renewed);
    let head = check(&place).unwrap().head.unwrap().hash;
    let path = &place.segments()[at];
    let mut bytes = fs::read(path).unwrap();
    let end = bytes.len() - 64;
    bytes[end..].fill(0);
    fs::write(path, bytes).unwrap();
    let verified = check_kept(&place, head);
    assert_eq!((verified.cut_segments, verified.kept.unwrap().hash), (1, head));
}

#[test]
fn another_format_version_is_refused_by_number() {
    let (place, _, _) = closed();
    let path = place.segments()[1].clone();
    let mut page = fs::read(&path).unwrap();
    page[8] = 2;
    forge::reseal_header(&mut page);
    fs::write(&path, page).unwrap();
    let error = check(&place).unwrap_err();
    assert!(matches!(&error, ReadError::Unsupported { path: named, found: 2, known: 1 } if *named == path));
    assert!(
        error
            .to_string()
            .ends_with("format version 2, this program reads 1")
    );
    let meta = place.archive().join("meta");
    let mut bytes = fs::read(&meta).unwrap();
    bytes[8] = 3;
    fs::write(&meta, bytes).unwrap();
    assert!(matches!(check(&place), Err(ReadError::Unsupported { path, found: 3, .. }) if path == meta));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// However epochs end, the chain holds, and every head that was settled is found for ever.
    #[test]
    fn heads_are_found_again_however_epochs_end(
        epochs in prop::collection::vec(
            (0_u64..80, prop::sample::select(vec![Stop::Close, Stop::Kill, Stop::Cut])), 1..6),
    ) {
        let place = Place::new();
        let mut heads = Vec::new();
        for (records, stop) in epochs {
            epoch(&place, records, stop);
            let verified = check(&place).unwrap();
            heads.extend(verified.settled);
            for head in &heads {
                prop_assert_eq!(check_kept(&place, head.hash).kept, Some(*head));
            }
        }
        epoch(&place, 1, Stop::Close);
        let verified = check(&place).unwrap();
        prop_assert!(verified.head == verified.settled && verified.end == End::Sealed);
        prop_assert!(verified.chain_since.is_some());
        assert_records(&read_all(&place, false).0, verified.records, SEED);
    }
}

/// What a power cut may leave where the next segments were made ahead: nothing of the first, and of the one behind it
/// what stood there before.
#[test]
fn a_segment_of_another_journal_behind_a_blank_one_is_named_as_such() {
    let (place, other) = (Place::new(), Place::new());
    epoch(&place, 60, Stop::Close);
    epoch(&other, 400, Stop::Close);
    let (own, foreign) = (place.segments(), other.segments());
    let ahead = &foreign[own.len()..];
    assert!(ahead.len() >= 2);
    let name = |path: &Path| place.archive().join(path.file_name().unwrap());
    fs::write(name(&ahead[0]), vec![0; 8192]).unwrap();
    check(&place).unwrap();
    fs::copy(&ahead[1], name(&ahead[1])).unwrap();
    assert_corrupt(check(&place), &name(&ahead[1]), "segment of another journal");
}
