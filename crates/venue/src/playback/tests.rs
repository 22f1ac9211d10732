use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use pinrail_ring::{Consumer, heap};
use pinrail_types::InstrumentId;
use pinrail_types::RecordType;
use tempfile::TempDir;

use super::*;
use crate::error::Fault;
use crate::testing::{TOP, TRADE, listing, snapshot, update};

/// A capture with these lines, for the instrument `id`.
fn capture(dir: &TempDir, id: u32, lines: &[(u64, String)]) -> Recording {
    let mut text = String::new();
    for (ts_recv, json) in lines {
        writeln!(text, "{ts_recv} {json}").unwrap();
    }
    let path = dir.path().join(format!("{id}.gz"));
    let mut gzip = GzEncoder::new(std::fs::File::create(&path).unwrap(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap();
    Recording {
        path,
        listing: Listing {
            instrument: InstrumentId(id),
            ..listing()
        },
    }
}

/// Two recordings that share receive times, with an update that is larger than a small ring.
fn two(dir: &TempDir) -> [Recording; 2] {
    let mut lines = vec![(1_000, snapshot(1, 3))];
    for i in 1..200 {
        lines.push((1_000 + i * 7, update(i + 1, i + 1, (i % 9) as usize, 3)));
        lines.push((1_000 + i * 7, TOP.to_owned()));
    }
    lines.push((3_000, update(201, 201, 150, 150)));
    lines.push((3_000, TRADE.to_owned()));
    [capture(dir, 0, &lines), capture(dir, 1, &lines)]
}

fn drain(consumer: &mut Consumer, into: &mut Vec<Frame>) {
    let mut frame = Frame::default();
    while consumer.poll(&mut frame).unwrap() {
        // What stands behind a short record is left from the one before.
        let mut clean = Frame::default();
        clean.buffer_mut()[..frame.words().len()].copy_from_slice(frame.words());
        into.push(clean);
    }
    consumer.release();
}

/// Plays all of it, with `due_until` for each call, and returns what came through the ring.
fn play(
    recordings: &[Recording],
    ring_lines: usize,
    resume_after: u64,
    mut due_until: impl FnMut() -> u64,
) -> Vec<Frame> {
    let (producer, mut consumer) = heap(ring_lines).unwrap();
    let mut playback = Playback::open(SourceId(4), recordings, producer, resume_after).unwrap();
    let mut frames = Vec::new();
    while !playback.is_finished() {
        playback.do_work(due_until()).unwrap();
        drain(&mut consumer, &mut frames);
    }
    assert_eq!(playback.do_work(u64::MAX).unwrap(), 0);
    frames
}

fn records(frames: &[Frame]) -> Vec<&[u8]> {
    let records = frames.iter().filter(|frame| !frame.record_type().is_framing());
    records.map(Frame::bytes).collect()
}

#[test]
fn records_do_not_depend_on_speed_or_on_the_ring() {
    let dir = tempfile::tempdir().unwrap();
    let recordings = two(&dir);
    let flat = play(&recordings, 4096, 0, || u64::MAX);
    assert_eq!(
        flat.len() as u64,
        1 + records(&flat).len() as u64,
        "one watermark, at the end"
    );
    for (times, ring_lines) in [(1, 4096), (1, 64), (13, 256), (1_000_000, 64)] {
        let mut now = 500;
        let pace = Pace {
            recorded_start: 1_000,
            now_start: now,
            times,
        };
        let paced = play(&recordings, ring_lines, 0, || {
            now += 1;
            pace.due_until(now)
        });
        assert_eq!(
            records(&paced),
            records(&flat),
            "{times} times, {ring_lines} lines"
        );
    }
}

#[test]
fn sequences_times_and_watermarks_rise() {
    let dir = tempfile::tempdir().unwrap();
    let mut now = 0;
    let frames = play(&two(&dir), 256, 0, || {
        now += 3;
        900 + now
    });
    let (mut seq, mut floor) = (0, 0);
    for frame in &frames {
        let header = frame.header();
        assert!(header.ts_core >= floor, "no record before what was promised");
        floor = header.ts_core;
        let (source, source_seq) = Cause::source(header.cause);
        assert_eq!(source, SourceId(4));
        if frame.record_type() == RecordType::WATERMARK {
            assert_eq!(source_seq, 0);
        } else {
            seq += 1;
            assert_eq!(source_seq, seq);
        }
    }
    assert_eq!(floor, u64::MAX);
    let watermarks = frames.iter().filter(|f| f.record_type() == RecordType::WATERMARK);
    assert!(watermarks.count() > 100, "it waited for most lines");
}

#[test]
fn equal_times_go_in_the_order_of_recordings() {
    let dir = tempfile::tempdir().unwrap();
    let frames = play(&two(&dir), 4096, 0, || u64::MAX);
    let mut last = (0, 0);
    for frame in &frames {
        let instrument = match frame.get::<BookUpdate>() {
            Some(update) => update.instrument.0,
            None => continue,
        };
        let now = (frame.header().ts_core, instrument);
        assert!(now >= last, "{now:?} after {last:?}");
        last = now;
    }
}

#[test]
fn nothing_goes_before_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let recordings = [capture(&dir, 0, &[(10, TOP.to_owned()), (20, TOP.to_owned())])];
    let (producer, mut consumer) = heap(64).unwrap();
    let mut playback = Playback::open(SourceId(1), &recordings, producer, 0).unwrap();
    assert_eq!(playback.next_due(), Some(10));
    let mut times_at = |due_until| {
        let mut frames = Vec::new();
        while playback.do_work(due_until).unwrap() > 0 {}
        drain(&mut consumer, &mut frames);
        let times = frames
            .iter()
            .map(|f| (f.record_type() == RecordType::WATERMARK, f.header().ts_core));
        times.collect::<Vec<_>>()
    };
    assert_eq!(times_at(9), [(true, 10)]);
    assert_eq!(times_at(9), [], "a promise is made once");
    assert_eq!(times_at(10), [(false, 10), (true, 20)]);
    assert_eq!(times_at(25), [(false, 20), (true, u64::MAX)]);
}

#[test]
fn a_resumed_playback_goes_on_behind_what_was_taken() {
    let dir = tempfile::tempdir().unwrap();
    let recordings = two(&dir);
    let whole = play(&recordings, 4096, 0, || u64::MAX);
    let count = records(&whole).len();
    for taken in [1, 2, 100, count - 1, count] {
        let rest = play(&recordings, 256, taken as u64, || u64::MAX);
        assert_eq!(records(&rest), records(&whole)[taken..], "resumed after {taken}");
    }
}

#[test]
fn a_full_ring_is_waited_for_and_updates_come_whole() {
    let dir = tempfile::tempdir().unwrap();
    // 25 levels take three records of 4, 4 and 2 lines, so that the 48 lines that a ring of 64 gives to normal records
    // end within an update.
    let mut lines = vec![(0, snapshot(1, 15))];
    lines.extend((1..9).map(|i| (i, update(i + 1, i + 1, 13, 12))));
    let recordings = [capture(&dir, 0, &lines)];
    let (producer, mut consumer) = heap(64).unwrap();
    let mut playback = Playback::open(SourceId(1), &recordings, producer, 0).unwrap();
    let mut frames = Vec::new();
    while !playback.is_finished() {
        while playback.do_work(u64::MAX).unwrap() > 0 {}
        assert_eq!(playback.do_work(u64::MAX).unwrap(), 0, "waits");
        let mut seen = Vec::new();
        drain(&mut consumer, &mut seen);
        let is_open = |f: &Frame| f.record_type() == BookUpdate::TYPE && !f.flags().has(Flags::LAST);
        assert!(!seen.last().is_some_and(is_open), "an update was cut");
        frames.extend(seen);
    }
    assert_eq!(records(&frames).len(), 27);
}

#[test]
fn a_fault_is_told_once_and_ends_the_source_without_a_promise() {
    let dir = tempfile::tempdir().unwrap();
    let recordings = [capture(
        &dir,
        0,
        &[
            (10, TOP.to_owned()),
            (20, TOP.replace("100.1", "100.15")),
            (30, TOP.to_owned()),
        ],
    )];
    let (producer, mut consumer) = heap(64).unwrap();
    let mut playback = Playback::open(SourceId(1), &recordings, producer, 0).unwrap();
    let error = playback.do_work(u64::MAX).unwrap_err();
    assert_eq!((error.line, &error.path), (2, &recordings[0].path));
    assert!(matches!(error.fault, Fault::Message(_)), "{error}");
    assert_eq!(playback.do_work(u64::MAX).unwrap(), 0);
    assert!(!playback.is_finished());
    let mut frames = Vec::new();
    drain(&mut consumer, &mut frames);
    assert_eq!(records(&frames).len(), 1);
    assert_eq!(frames.len(), 1);
}
