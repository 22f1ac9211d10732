//! Small journals under loom, which runs their threads in every order and lets every load see all that it may see. The
//! threads run the crate's own code; only mappings and the lock-free queues are stood in for (`plain.rs`).
//!
//! ```sh
//! RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test -p pinrail-journal --release --lib interleavings
//! ```

use loom::model::Builder;
use loom::thread;
use pinrail_types::{Commit, Flags, Frame, LINE_BYTES, LINE_WORDS, RecordType};

use crate::crash::Sabotage;
use crate::crash::history::Dirs;
use crate::cursor::{Cursor, Step};
use crate::format::HEADER_BYTES;
use crate::{From, Journal, JournalConfig, Reader, Writer, open};

/// Lines in a live segment, its end included.
const LINES: usize = 12;

/// Explores every interleaving of `scenario`, each on a journal of its own.
fn model(scenario: fn(&JournalConfig)) {
    model_with(None, scenario);
}

/// Explores those in which a thread that could go on is interrupted at most `preemptions` times, where all would be too
/// many: what is wrong with an order shows with few.
fn model_with(preemptions: Option<usize>, scenario: fn(&JournalConfig)) {
    let mut builder = Builder::new();
    builder.max_branches = 1 << 16;
    builder.preemption_bound = preemptions;
    builder.check(move || {
        let dirs = Dirs::new();
        scenario(&JournalConfig {
            segment_bytes: (HEADER_BYTES + LINES * LINE_BYTES) as u64,
            segments_max: 3,
            ..JournalConfig::new(dirs.archive(), dirs.live())
        });
    });
}

/// A record whose words all follow from its sequence.
fn words(seq: u64, lines: usize) -> Vec<u64> {
    let commit = Commit {
        lines: lines as u8,
        version: 0,
        flags: Flags::NONE,
        record_type: RecordType(0x8000),
    };
    let mut words: Vec<u64> = (0..(lines * LINE_WORDS) as u64).map(|i| seq << 8 | i).collect();
    words[0] = u64::from(commit.pack());
    words[1] = seq;
    words
}

fn append(writer: &mut Writer, lines: &[usize]) {
    for lines in lines {
        writer.append(&words(writer.next_seq(), *lines));
    }
}

/// A reader that knows what it must read: records of these lengths.
struct Tail {
    reader: Reader,
    lines: &'static [usize],
}

impl Tail {
    fn open(config: &JournalConfig, lines: &'static [usize]) -> Tail {
        let reader = Reader::open(&config.live_dir, &config.archive_dir, From::Start).expect("a journal");
        Tail { reader, lines }
    }

    /// Takes all that is there.
    fn read_on(&mut self) {
        let mut frame = Frame::default();
        let mut seq = self.reader.next_seq();
        while self.reader.poll(&mut frame).expect("a sound journal") {
            assert_eq!(
                frame.words(),
                words(seq, self.lines[seq as usize - 1]),
                "record {seq}"
            );
            seq += 1;
            let before: usize = self.lines[..seq as usize - 1].iter().sum();
            assert_eq!(self.reader.next_seq(), seq);
            assert_eq!(self.reader.position(), before as u64 * LINE_BYTES as u64);
        }
    }

    /// Takes the rest, which is all there.
    fn read_to_the_end(&mut self) {
        self.read_on();
        assert_eq!(self.reader.next_seq(), self.lines.len() as u64 + 1, "all is read");
    }
}

fn commit(config: &JournalConfig) {
    let Journal { mut writer, .. } = open(config).expect("a journal");
    let mut tail = Tail::open(config, &[1, 2, 3, 4]);
    let writing = thread::spawn(move || append(&mut writer, &[1, 2, 3, 4]));
    tail.read_on();
    tail.read_on();
    writing.join().expect("no panic");
    tail.read_to_the_end();
}

#[test]
fn a_tail_sees_whole_records_in_order_and_all_of_them() {
    model(commit);
}

fn rollover(config: &JournalConfig) {
    let Journal { mut writer, .. } = open(config).expect("a journal");
    append(&mut writer, &[4, 4]);
    let mut tail = Tail::open(config, &[4, 4, 4, 1]);
    tail.read_on();
    let writing = thread::spawn(move || append(&mut writer, &[4, 1]));
    tail.read_on();
    tail.read_on();
    writing.join().expect("no panic");
    tail.read_to_the_end();
    assert_eq!(tail.reader.header().segment, 2);
}

#[test]
fn a_tail_goes_on_in_the_next_segment() {
    model(rollover);
}

fn end(config: &JournalConfig) {
    let Journal { mut writer, .. } = open(config).expect("a journal");
    append(&mut writer, &[4, 4]);
    let writing = thread::spawn(move || append(&mut writer, &[4]));
    let cursor = |segment| Cursor::open(Some(&config.live_dir), &config.archive_dir, segment);
    let mut first = cursor(1).expect("sound").expect("begun");
    let mut frame = Frame::default();
    first
        .skip_to(8 * LINE_BYTES as u64, &mut frame)
        .expect("written before");
    let step = first.next(&mut frame).expect("sound");
    if step == Step::Sealed {
        let next = cursor(2).expect("sound").expect("begun before the end is seen");
        assert!(first.leads_to(step, next.header()));
    }
    writing.join().expect("no panic");
}

#[test]
fn who_sees_an_end_finds_the_next_header_whole() {
    model(end);
}

fn hand_over(config: &JournalConfig) {
    let Journal {
        mut writer,
        mut preparer,
        ..
    } = open(config).expect("a journal");
    let preparing = thread::spawn(move || {
        for _ in 0..2 {
            preparer.do_work().expect("room");
        }
    });
    for lines in [4, 4, 4, 4, 4] {
        while writer.room().reserved == 0 {
            thread::yield_now();
        }
        append(&mut writer, &[lines]);
    }
    preparing.join().expect("no panic");
    let mut tail = Tail::open(config, &[4, 4, 4, 4, 4]);
    tail.read_to_the_end();
    assert_eq!(tail.reader.header().segment, 3);
}

#[test]
fn prepared_and_retired_segments_change_hands() {
    model(hand_over);
}

fn committed(config: &JournalConfig) {
    let Journal { mut writer, .. } = open(config).expect("a journal");
    let mut tail = Tail::open(config, &[1, 2]);
    let writing = thread::spawn(move || {
        for lines in [1, 2] {
            append(&mut writer, &[lines]);
            writer.publish(1);
        }
    });
    let control = tail.reader.control();
    let (position, seq) = (control.committed_position(), control.committed_seq());
    tail.read_on();
    assert!(
        tail.reader.position() >= position,
        "position {position} is committed"
    );
    assert!(tail.reader.next_seq() > seq, "sequence {seq} is committed");
    writing.join().expect("no panic");
}

#[test]
fn what_is_called_committed_can_be_read() {
    model(committed);
}

fn durable(config: &JournalConfig) {
    let Journal {
        mut writer,
        mut archiver,
        ..
    } = open(config).expect("a journal");
    let mut tail = Tail::open(config, &[1, 2]);
    let writing = thread::spawn(move || append(&mut writer, &[1, 2]));
    let archiving = thread::spawn(move || archiver.do_work().expect("a disk"));
    let control = tail.reader.control();
    let (position, seq) = (control.durable_position(), control.durable_seq());
    let drained = control.drained_position();
    assert!(position <= drained && archived_position(config) >= drained);
    tail.read_on();
    assert!(tail.reader.position() >= drained, "position {drained} is drained");
    assert!(tail.reader.next_seq() > seq, "sequence {seq} is durable");
    writing.join().expect("no panic");
    archiving.join().expect("no panic");
}

/// Where the records of the first archived segment end.
fn archived_position(config: &JournalConfig) -> u64 {
    let Some(mut cursor) = Cursor::open(None, &config.archive_dir, 1).expect("sound") else {
        return 0;
    };
    while cursor.next(&mut Frame::default()).expect("sound") == Step::Record {}
    cursor.position()
}

#[test]
fn what_is_called_durable_was_committed_and_archived() {
    model_with(Some(3), durable);
}

fn joining(config: &JournalConfig) {
    let Journal { mut writer, .. } = open(config).expect("a journal");
    append(&mut writer, &[4, 4]);
    let writing = thread::spawn(move || append(&mut writer, &[4, 1]));
    let reader = Reader::open(&config.live_dir, &config.archive_dir, From::Live).expect("a journal");
    let mut tail = Tail {
        reader,
        lines: &[4, 4, 4, 1],
    };
    tail.read_on();
    writing.join().expect("no panic");
    tail.read_to_the_end();
}

#[test]
fn a_tail_may_begin_while_a_segment_does() {
    model(joining);
}

fn archived_underneath(config: &JournalConfig) {
    let Journal {
        mut writer,
        mut archiver,
        ..
    } = open(config).expect("a journal");
    append(&mut writer, &[4, 4]);
    let working = thread::spawn(move || {
        append(&mut writer, &[4]);
        while archiver.do_work().expect("a disk") > 0 {}
    });
    let mut tail = Tail::open(config, &[4, 4, 4]);
    tail.read_on();
    working.join().expect("no panic");
    tail.read_to_the_end();
    assert_eq!(tail.reader.header().segment, 2);
}

#[test]
fn a_tail_may_begin_while_its_segment_goes_to_the_archive() {
    model_with(Some(3), archived_underneath);
}

fn new_epoch(config: &JournalConfig) {
    let Journal {
        mut writer,
        archiver,
        preparer,
        ..
    } = open(config).expect("a journal");
    append(&mut writer, &[1]);
    let mut tail = Tail::open(config, &[1, 2, 1]);
    let config_again = config.clone();
    let working = thread::spawn(move || {
        append(&mut writer, &[2]);
        // Killed: nothing was archived, and there is no end.
        drop((writer, archiver, preparer));
        let mut journal = open(&config_again).expect("a journal");
        append(&mut journal.writer, &[1]);
    });
    tail.read_on();
    let epoch = tail.reader.control().epoch();
    tail.read_on();
    assert!(
        epoch < 2 || tail.reader.next_seq() > 2,
        "what the first epoch wrote is there"
    );
    working.join().expect("no panic");
    tail.read_to_the_end();
    assert_eq!(tail.reader.header().epoch, 2);
}

#[test]
fn a_tail_goes_on_in_the_next_epoch() {
    model(new_epoch);
}

/// Explores a journal that is broken on purpose.
fn broken(sabotage: Sabotage, scenario: fn(&JournalConfig)) {
    Sabotage::set(Some(sabotage));
    model(scenario);
}

#[test]
#[should_panic(expected = "sequence of the record")]
fn a_commit_word_that_is_written_first_is_caught() {
    broken(Sabotage::CommitWordFirst, commit);
}

#[test]
#[should_panic(expected = "sequence of the record")]
fn a_commit_word_without_release_is_caught() {
    broken(Sabotage::ReleaseLeftOut, commit);
}

#[test]
#[should_panic(expected = "sequence of the record")]
fn a_commit_word_without_acquire_is_caught() {
    broken(Sabotage::AcquireLeftOut, commit);
}

#[test]
#[should_panic(expected = "Corrupt")]
fn a_magic_that_is_written_first_is_caught() {
    broken(Sabotage::MagicFirst, joining);
}

#[test]
#[should_panic(expected = "begun before the end is seen")]
fn an_end_before_the_next_header_is_caught() {
    broken(Sabotage::EndBeforeHeader, end);
}
