//! Records to journal, and a journal run by one thread.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses a part of it, and nothing but tests does"
)]

use std::path::{Path, PathBuf};

use pinrail_journal::{Journal, JournalConfig, SyncPolicy, archive};
use pinrail_types::{Commit, Flags, Frame, RecordType};
use tempfile::TempDir;

/// A record of 1 to 4 lines, each word of it made from `seq` and `seed`.
pub(crate) fn record(seq: u64, lines: usize, seed: u64) -> Frame {
    let mut frame = Frame::default();
    let mut x = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed;
    for word in &mut frame.buffer_mut()[..lines * 8] {
        x = x
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        *word = x;
    }
    let header = frame.header_mut();
    header.commit = Commit {
        lines: lines as u8,
        version: 0,
        flags: Flags::NONE,
        record_type: RecordType(0x8001),
    }
    .pack();
    header.crc = 0;
    header.seq = seq;
    frame
}

/// The length of record `seq` where nothing else says it.
pub(crate) fn lines_of(seq: u64) -> usize {
    (seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 62) as usize + 1
}

/// A place for a journal. The live directory is in shared memory if there is one.
pub(crate) struct Place {
    pub(crate) archive: TempDir,
    pub(crate) live: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        let shared = Path::new("/dev/shm");
        let live = if shared.is_dir() {
            tempfile::tempdir_in(shared)
        } else {
            tempfile::tempdir()
        };
        Place {
            archive: tempfile::tempdir().unwrap(),
            live: live.unwrap(),
        }
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.archive.path().join("archive")
    }

    pub(crate) fn live(&self) -> PathBuf {
        self.live.path().join("live")
    }

    pub(crate) fn config(&self, segment_bytes: u64) -> JournalConfig {
        JournalConfig {
            segment_bytes,
            sync: SyncPolicy::Never,
            ..JournalConfig::new(self.archive(), self.live())
        }
    }

    /// The archived segments' files, in order.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.archive())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "seg"))
            .collect();
        files.sort();
        files
    }
}

/// Appends record `seq` of `seed`, letting the other agents work where there is no room.
pub(crate) fn append(journal: &mut Journal, lines: usize, seed: u64) {
    while journal.writer.room().normal < lines {
        journal.archiver.do_work().unwrap();
        journal.preparer.do_work().unwrap();
    }
    let frame = record(journal.writer.next_seq(), lines, seed);
    journal.writer.append(frame.words());
}

/// Ends the journal cleanly.
pub(crate) fn close(journal: Journal) {
    journal.writer.finish(1);
    drop(journal.preparer);
    journal.archiver.finish().unwrap();
}

/// Every record of the archive, and how it ends.
pub(crate) fn read_all(place: &Place, live: bool) -> (Vec<Frame>, archive::Tail) {
    let live_dir = place.live();
    let mut reader = archive::Reader::open(&place.archive(), live.then_some(live_dir.as_path())).unwrap();
    let mut frames = Vec::new();
    let mut frame = Frame::default();
    while let Some(position) = reader.next(&mut frame).unwrap() {
        assert_eq!(position + frame.bytes().len() as u64, reader.position());
        frames.push(frame);
    }
    (frames, reader.tail().unwrap().clone())
}

/// Asserts that `frames` are the records from sequence 1 that [`lines_of`] and `seed` describe.
pub(crate) fn assert_records(frames: &[Frame], count: u64, seed: u64) {
    assert_eq!(frames.len() as u64, count);
    for (seq, frame) in (1..).zip(frames) {
        assert_eq!(
            frame.words(),
            record(seq, lines_of(seq), seed).words(),
            "sequence {seq}"
        );
    }
}
