//! A process that follows the live journal through the gates, keeps a log of what it sends, and sends it: it notes it in a
//! file, which stands for the receivers.

use std::fs::OpenOptions;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pinrail_journal::{From, ReadError};
use pinrail_runtime::{Gate, ReleasePoint, ReleasePolicy, SendId, SendLog, SendState};
use pinrail_types::record::{ExecutionReport, Quote};
use pinrail_types::{Frame, OutId};

use crate::place::{Place, Process};

/// Tells a child its archive, live directory, log, notes, and "early" if it is to send fills at once.
const TOLD: &str = "PINRAIL_KILLED_SENDER";
/// Outputs whose intents are synced together at most.
const BATCH: usize = 256;
/// Receivers answer in every so many turns.
const TURNS_PER_ANSWER: u64 = 20;

/// Why an output was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is released at once, and no log is kept.
    AtOnce = 0,
    /// It was never begun.
    First = 1,
    /// It was in doubt: it may have been sent before, and says so.
    Again = 2,
}

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Note {
    pub(crate) why: Sent,
    /// It may be sent only when it is durable.
    pub(crate) is_promise: bool,
    pub(crate) id: SendId,
    pub(crate) hash: u64,
    pub(crate) out_id: OutId,
}

const NOTE_WORDS: usize = 6;

impl Note {
    fn of(why: Sent, id: SendId, frame: &Frame) -> Note {
        let point = ReleasePolicy::default().point_of(frame);
        Note {
            why,
            is_promise: point == Some(ReleasePoint::LocallyDurable),
            id,
            hash: hash(frame),
            out_id: out_id(frame),
        }
    }

    fn words(&self) -> [u64; NOTE_WORDS] {
        [
            self.why as u64 | u64::from(self.is_promise) << 8,
            u64::from(self.id.epoch),
            self.id.seq,
            self.hash,
            self.out_id.seq,
            u64::from(self.out_id.epoch) << 32 | u64::from(self.out_id.sub),
        ]
    }

    fn of_words(words: [u64; NOTE_WORDS]) -> Note {
        let whys = [Sent::AtOnce, Sent::First, Sent::Again];
        Note {
            why: whys[usize::from(words[0] as u8)],
            is_promise: words[0] >> 8 == 1,
            id: SendId {
                epoch: words[1] as u32,
                seq: words[2],
            },
            hash: words[3],
            out_id: OutId {
                seq: words[4],
                epoch: (words[5] >> 32) as u32,
                sub: words[5] as u32,
            },
        }
    }
}

pub(crate) fn hash(frame: &Frame) -> u64 {
    let mut hasher = DefaultHasher::new();
    frame.words().hash(&mut hasher);
    hasher.finish()
}

/// The id that the desk gave out with this record.
pub(crate) fn out_id(frame: &Frame) -> OutId {
    match (frame.get::<Quote>(), frame.get::<ExecutionReport>()) {
        (Some(quote), _) => quote.quote_id,
        (_, Some(report)) => report.exec_id,
        _ => OutId::NONE,
    }
}

/// The process, as its parent sees it.
pub(crate) struct Sender {
    process: Process,
    notes: PathBuf,
    /// Bytes of the notes that were taken.
    taken: usize,
}

impl Sender {
    pub(crate) fn start(place: &Place, nth: u64, is_early: bool) -> Sender {
        let notes = place.notes(nth);
        let dirs = [place.archive(), place.live(), place.sends(), notes.clone()];
        let mut told: Vec<&str> = dirs.iter().map(|dir| dir.to_str().unwrap()).collect();
        told.push(if is_early { "early" } else { "" });
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", "sender::child_sends", "--ignored"])
            .env(TOLD, told.join("|"));
        Sender {
            process: Process::start(&mut child),
            notes,
            taken: 0,
        }
    }

    /// What it has sent since this was last asked.
    pub(crate) fn notes(&mut self) -> Vec<Note> {
        let bytes = std::fs::read(&self.notes).unwrap_or_default();
        let (notes, _) = bytes[self.taken..].as_chunks::<{ NOTE_WORDS * 8 }>();
        self.taken += size_of_val(notes);
        let words = notes.iter().map(|note| bytemuck::pod_read_unaligned(note));
        words.map(Note::of_words).collect()
    }

    pub(crate) fn kill(&mut self) {
        self.process.assert_at_work();
        self.process.kill();
    }
}

#[test]
#[ignore = "a child: sends what the journal releases, until it is killed"]
fn child_sends() {
    let Ok(told) = std::env::var(TOLD) else { return };
    let told: Vec<&str> = told.split('|').collect();
    let [archive_dir, live_dir, sends, notes, early] = told[..] else {
        panic!("{told:?}")
    };
    let mut policy = ReleasePolicy::default();
    if early == "early" {
        policy.fills = ReleasePoint::AtOnce;
    }
    let gate = |point| gate(Path::new(live_dir), Path::new(archive_dir), policy, point);
    let (at_once, durable) = (gate(ReleasePoint::AtOnce), gate(ReleasePoint::LocallyDurable));
    let log = SendLog::open(Path::new(sends), durable.journal_id()).unwrap();
    let mut notes = OpenOptions::new().append(true).create(true).open(notes).unwrap();
    let mut work = Work {
        at_once,
        durable,
        log,
        open: Vec::new(),
    };
    for turn in 1_u64.. {
        if work.send(&mut notes) == 0 {
            std::thread::sleep(Duration::from_micros(200));
        }
        if turn.is_multiple_of(TURNS_PER_ANSWER) {
            work.take_answers();
        }
    }
}

/// Waits until there is a journal.
fn gate(live_dir: &Path, archive_dir: &Path, policy: ReleasePolicy, point: ReleasePoint) -> Gate {
    loop {
        match Gate::open(live_dir, archive_dir, From::Start, policy, point) {
            Ok(gate) => return gate,
            Err(ReadError::NoJournal { .. }) => std::thread::sleep(Duration::from_millis(1)),
            // Between the making of the control file and its first words.
            Err(ReadError::Corrupt { what, .. }) if what.contains("control file") => {}
            Err(e) => panic!("{e}"),
        }
    }
}

struct Work {
    at_once: Gate,
    durable: Gate,
    log: SendLog,
    /// Sent and not yet answered.
    open: Vec<SendId>,
}

impl Work {
    /// Sends what is released, as the doc of [`SendLog`] says; gives how much that was.
    fn send(&mut self, receivers: &mut impl Write) -> usize {
        let mut frame = Frame::default();
        let mut notes = Vec::new();
        while notes.len() < BATCH
            && let Some(id) = self.at_once.poll(&mut frame).unwrap()
        {
            notes.push(Note::of(Sent::AtOnce, id, &frame));
        }
        deliver(receivers, &notes);
        let mut sent = notes.len();
        notes.clear();
        while notes.len() < BATCH.min(SendLog::OPEN_MAX - self.open.len())
            && let Some(id) = self.durable.poll(&mut frame).unwrap()
        {
            let why = match self.log.state(id) {
                SendState::NeverBegun => Sent::First,
                SendState::InDoubt => Sent::Again,
                SendState::Done => continue,
            };
            notes.push(Note::of(why, id, &frame));
        }
        let new = notes.iter().filter(|note| note.why == Sent::First);
        let ids: Vec<SendId> = new.map(|note| note.id).collect();
        self.log.begin(&ids).unwrap();
        deliver(receivers, &notes);
        self.open.extend(notes.iter().map(|note| note.id));
        sent += notes.len();
        sent
    }

    /// Every receiver says that it has what it was sent.
    fn take_answers(&mut self) {
        for id in self.open.drain(..) {
            self.log.done(id).unwrap();
        }
    }
}

fn deliver(receivers: &mut impl Write, notes: &[Note]) {
    let words: Vec<[u64; NOTE_WORDS]> = notes.iter().map(Note::words).collect();
    receivers.write_all(bytemuck::cast_slice(&words)).unwrap();
}
