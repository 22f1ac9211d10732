//! What an append costs beside a bare copy with a release store into memory of the same kind.
//!
//!     cargo run --profile lab -p pinrail-journal --example append
//!
//! Both write 64-byte records whose sequence was set just before, as the core does, into a file on tmpfs that was
//! allocated, mapped and touched before. Rounds alternate; the ratio is the median over pairs of rounds.

use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use pinrail_journal::{From, Journal, JournalConfig, Reader, SyncPolicy};
use pinrail_types::record::Tick;
use pinrail_types::{Cause, Frame, LINE_WORDS, SourceId};

const RECORDS: u64 = 120_000;
const SEGMENT_BYTES: u64 = 8 << 20;
const PAIRS: usize = 15;

fn frame() -> Frame {
    let mut frame = Frame::of(&bytemuck::Zeroable::zeroed() as &Tick);
    frame.header_mut().cause = Cause::input(SourceId(1), 1);
    frame
}

/// Nanoseconds a record through a journal's writer; the journal is read back and checked.
fn append(dir: &Path) -> f64 {
    let config = JournalConfig {
        segment_bytes: SEGMENT_BYTES,
        sync: SyncPolicy::Never,
        ..JournalConfig::new(dir.join("archive"), dir.join("live"))
    };
    let Journal {
        mut writer,
        archiver,
        preparer,
        ..
    } = pinrail_journal::open(&config).expect("a journal");
    let mut reader = Reader::open(&config.live_dir, &config.archive_dir, From::Start).expect("a reader");
    let mut frame = frame();
    let start = Instant::now();
    for seq in 1..=RECORDS {
        frame.header_mut().seq = seq;
        writer.append(black_box(&frame).words());
    }
    let spent = start.elapsed();
    let mut read = Frame::default();
    for seq in 1..=RECORDS {
        assert!(reader.poll(&mut read).expect("a sound journal") && read.header().seq == seq);
    }
    drop((writer, archiver, preparer));
    std::fs::remove_dir_all(dir).expect("a directory of ours");
    spent.as_nanos() as f64 / RECORDS as f64
}

/// Nanoseconds a record by a bare copy into a mapped file.
fn bare(path: &Path) -> f64 {
    let file = std::fs::File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
        .expect("a file");
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, SEGMENT_BYTES)
        .expect("room on tmpfs");
    let mut options = memmap2::MmapOptions::new();
    options.populate();
    let map = options.map_raw(&file).expect("a mapping");
    #[expect(clippy::cast_ptr_alignment, reason = "a mapping starts on a page")]
    let first = map.as_ptr().cast::<AtomicU64>();
    // SAFETY: the mapping is page-aligned, `SEGMENT_BYTES` long, stays mapped to the end of this function, and is
    // reached by nobody else and only through these atomics.
    let words = unsafe { std::slice::from_raw_parts(first, SEGMENT_BYTES as usize / 8) };
    for word in words {
        word.store(0, Ordering::Relaxed);
    }
    let mut frame = frame();
    let start = Instant::now();
    for (slots, seq) in words.chunks_exact(LINE_WORDS).zip(1..=RECORDS) {
        frame.header_mut().seq = seq;
        let record = black_box(&frame).words();
        for (slot, word) in slots.iter().zip(record).skip(1) {
            slot.store(*word, Ordering::Relaxed);
        }
        slots[0].store(record[0], Ordering::Release);
    }
    let spent = start.elapsed();
    for (slots, seq) in words.chunks_exact(LINE_WORDS).zip(1..=RECORDS) {
        assert_eq!(slots[1].load(Ordering::Relaxed), seq);
    }
    drop(map);
    std::fs::remove_file(path).expect("a file of ours");
    spent.as_nanos() as f64 / RECORDS as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[expect(clippy::print_stdout, reason = "an example shows what it found")]
fn main() {
    let place = tempfile::tempdir_in("/dev/shm").expect("shared memory");
    let (mut appends, mut bares, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let dir = place.path().join("journal");
        let path = place.path().join("bare");
        let (append, bare) = if pair % 2 == 0 {
            let append = append(&dir);
            (append, bare(&path))
        } else {
            let bare = bare(&path);
            (append(&dir), bare)
        };
        appends.push(append);
        bares.push(bare);
        ratios.push(append / bare);
    }
    println!("journal append, 64 bytes      {:6.2} ns", median(appends));
    println!("bare copy and release store   {:6.2} ns", median(bares));
    println!("ratio, median of {PAIRS} pairs     {:6.2}", median(ratios));
}
