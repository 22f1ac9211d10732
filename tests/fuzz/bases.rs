//! Small journals as runs, kills and power cuts left them, for [`recover`](super::recover) to damage.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use pinrail_journal::{Control, Journal, JournalConfig, SEGMENT_BYTES_MIN, SyncPolicy};
use pinrail_types::{Commit, Flags, Frame, RecordType};

use super::Scratch;
use super::files::{self, Files};

/// A journal that nobody is writing, and what is right about it.
pub(super) struct Base {
    pub(super) files: Files,
    /// Its journal: each has one of its own, so that the bytes of one never pass in another.
    pub(super) id: [u8; 16],
    pub(super) epoch: u32,
    /// What was written, in order. A power cut may have taken the last of it.
    pub(super) truth: Vec<Frame>,
    /// Position before which everything was durable.
    pub(super) durable: u64,
}

/// The journals: ended cleanly three times; killed, its last segments still live; cut off with much that was not durable;
/// killed right after a start; not yet begun.
pub(super) fn bases() -> &'static [Base] {
    static BASES: OnceLock<Vec<Base>> = OnceLock::new();
    BASES.get_or_init(|| {
        let lazy = SyncPolicy::Lazy {
            bytes_max: 1500,
            age_max: Duration::from_hours(9),
        };
        vec![
            lived(1, SyncPolicy::EachBatch, |life| {
                life.run(30, 6, Leave::Close);
                life.run(24, 50, Leave::Close);
                life.run(8, 3, Leave::Close);
            }),
            lived(2, SyncPolicy::EachBatch, |life| {
                life.run(12, 5, Leave::Close);
                life.run(60, 9, Leave::Kill);
            }),
            lived(3, lazy, |life| {
                life.run(10, 4, Leave::Close);
                life.run(45, 4, Leave::LoseLive);
            }),
            lived(4, SyncPolicy::EachBatch, |life| {
                life.run(5, 2, Leave::Kill);
                life.run(0, 1, Leave::Kill);
            }),
            lived(5, SyncPolicy::EachBatch, |_| {}),
        ]
    })
}

/// How a run ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leave {
    Close,
    Kill,
    LoseLive,
}

struct Life {
    scratch: Scratch,
    config: JournalConfig,
    id: u8,
    truth: Vec<Frame>,
    epoch: u32,
    durable: u64,
}

fn lived(id: u8, sync: SyncPolicy, runs: impl FnOnce(&mut Life)) -> Base {
    let scratch = Scratch::new();
    let name = [id; 16];
    scratch.write("archive/meta", &files::meta(name, 0));
    let mut life = Life {
        config: scratch.config(SEGMENT_BYTES_MIN, sync),
        scratch,
        id,
        truth: Vec::new(),
        epoch: 0,
        durable: 0,
    };
    runs(&mut life);
    Base {
        files: files_in(&life.scratch),
        id: name,
        epoch: life.epoch,
        truth: life.truth,
        durable: life.durable,
    }
}

impl Life {
    /// A start, `records` records with the archiver at work behind each `batch`th, and an end.
    fn run(&mut self, records: usize, batch: usize, leave: Leave) {
        let mut journal = pinrail_journal::open(&self.config).expect("a journal that is whole");
        self.epoch = journal.recovered.epoch;
        for at in 1..=records {
            self.truth.push(append(&mut journal, u64::from(self.id)));
            if at % batch == 0 {
                journal.archiver.do_work().expect("room");
                journal.preparer.do_work().expect("room");
            }
        }
        if leave == Leave::Close {
            journal.writer.finish(1);
            drop(journal.preparer);
            journal.archiver.finish().expect("room");
        }
        let control = Control::open(&self.scratch.live()).expect("a control file");
        self.durable = control.durable_position();
        if leave == Leave::LoseLive {
            std::fs::remove_dir_all(self.scratch.live()).expect("files that can be removed");
        }
    }
}

/// Appends one more record, letting the others work where there is no room.
pub(super) fn append(journal: &mut Journal, seed: u64) -> Frame {
    let frame = record(journal.writer.next_seq(), seed);
    while journal.writer.room().normal < usize::from(frame.commit().lines) {
        journal.archiver.do_work().expect("room");
        journal.preparer.do_work().expect("room");
    }
    journal.writer.append(frame.words());
    frame
}

/// A record of 1 to 4 lines, each word of it made from `seq` and `seed`.
fn record(seq: u64, seed: u64) -> Frame {
    let mut x = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed;
    let lines = (x >> 62) as usize + 1;
    let mut frame = Frame::default();
    for word in &mut frame.buffer_mut()[..lines * 8] {
        x = x
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        *word = x;
    }
    let commit = Commit {
        lines: lines as u8,
        version: 0,
        flags: Flags::NONE,
        record_type: RecordType(0x8001),
    };
    let header = frame.header_mut();
    (header.commit, header.crc, header.seq) = (commit.pack(), 0, seq);
    frame
}

/// All files of both directories but the locks.
pub(super) fn files_in(scratch: &Scratch) -> Files {
    let mut files = Files::new();
    for (dir, path) in [("archive", scratch.archive()), ("live", scratch.live())] {
        for path in paths_in(&path) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name != "lock" && path.is_file() {
                let bytes = std::fs::read(&path).expect("a file that can be read");
                files.insert(format!("{dir}/{name}"), bytes);
            }
        }
    }
    files
}

fn paths_in(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}
