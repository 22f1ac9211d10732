//! Writers under load, killed again and again; in half of the rounds what was in shared memory is lost as well, and the
//! archive is cut somewhere behind the durable position, as by a power cut. A second process follows meanwhile and notes what
//! it saw. `scripts/kill-loop` runs many rounds.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "nothing but tests")]

mod common;

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Place, lines_of, record};
use pinrail_journal::archive::{self, Tail};
use pinrail_journal::{Control, From, HEADER_BYTES, JournalConfig, Reader, SyncPolicy, open};
use pinrail_types::Frame;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Tells a child its place: archive, live directory, a number, and the file for its notes.
const PLACE: &str = "PINRAIL_KILL_PLACE";
/// Rounds with one journal, so that reading all of it stays short.
const ROUNDS_EACH: u64 = 20;

fn below(draws: &mut Xoshiro256PlusPlus, bound: u64) -> u64 {
    draws.next_u64() % bound
}

fn config(archive_dir: PathBuf, live_dir: PathBuf) -> JournalConfig {
    JournalConfig {
        segment_bytes: 32 << 10,
        sync: SyncPolicy::EachBatch,
        ..JournalConfig::new(archive_dir, live_dir)
    }
}

fn child(test: &str, place: &Place, number: u64) -> Child {
    let (archive, live, notes) = (place.archive(), place.live(), notes_of(place));
    let told = format!(
        "{}|{}|{number}|{}",
        archive.display(),
        live.display(),
        notes.display()
    );
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored"])
        .env(PLACE, told)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills a child that must still be at work.
fn kill(child: &mut Child) {
    assert!(
        child.try_wait().unwrap().is_none(),
        "a child ended; what it said stands above"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

fn notes_of(place: &Place) -> PathBuf {
    place.live.path().join("notes")
}

fn told() -> Option<(PathBuf, PathBuf, u64, PathBuf)> {
    let told = std::env::var(PLACE).ok()?;
    let parts: Vec<&str> = told.split('|').collect();
    Some((
        parts[0].into(),
        parts[1].into(),
        parts[2].parse().unwrap(),
        parts[3].into(),
    ))
}

#[test]
#[ignore = "a child: appends records of its seed, with an archiver and a preparer on threads, until it is killed"]
fn child_writes() {
    let Some((archive_dir, live_dir, seed, _)) = told() else {
        return;
    };
    let journal = open(&config(archive_dir, live_dir)).unwrap();
    let (mut writer, mut archiver, mut preparer) = (journal.writer, journal.archiver, journal.preparer);
    std::thread::spawn(move || {
        loop {
            if archiver.do_work().unwrap() == 0 {
                std::thread::sleep(Duration::from_micros(30));
            }
        }
    });
    std::thread::spawn(move || {
        loop {
            if preparer.do_work().unwrap() == 0 {
                std::thread::sleep(Duration::from_micros(50));
            }
        }
    });
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(seed);
    loop {
        for _ in 0..=below(&mut draws, 60) {
            let seq = writer.next_seq();
            if writer.room().normal >= 4 {
                writer.append(record(seq, lines_of(seq), seed).words());
            }
        }
        writer.publish(1);
        std::thread::sleep(Duration::from_micros(below(&mut draws, 600)));
    }
}

/// What was seen: epoch, sequence, hash of the record. Or [`DURABLE`], epoch and sequence, zero.
type Note = [u64; 3];
const DURABLE: u64 = 1 << 63;

#[test]
#[ignore = "a child: follows from the start, and notes what it sees, until it is killed"]
fn child_observes() {
    let Some((archive_dir, live_dir, epoch, notes)) = told() else {
        return;
    };
    while Control::open(&live_dir).map_or(0, |control| control.epoch()) < epoch as u32 {
        std::thread::yield_now();
    }
    let mut reader = Reader::open(&live_dir, &archive_dir, From::Start).unwrap();
    let mut out = OpenOptions::new().append(true).create(true).open(notes).unwrap();
    let mut frame = Frame::default();
    let mut seen: Vec<Note> = Vec::new();
    loop {
        let durable = (reader.control().epoch(), reader.control().durable_seq());
        while seen.len() < 256 && reader.poll(&mut frame).unwrap() {
            seen.push([u64::from(reader.header().epoch), frame.header().seq, hash(&frame)]);
        }
        seen.push([DURABLE | u64::from(durable.0), durable.1, 0]);
        out.write_all(bytemuck::cast_slice(&seen)).unwrap();
        if seen.len() == 1 {
            std::thread::sleep(Duration::from_micros(100));
        }
        seen.clear();
    }
}

fn hash(frame: &Frame) -> u64 {
    let mut hasher = DefaultHasher::new();
    frame.words().hash(&mut hasher);
    hasher.finish()
}

/// One journal over its rounds.
struct Loop {
    place: Place,
    /// Every record that anybody saw, by epoch and sequence.
    seen: HashMap<(u32, u64), u64>,
    /// What was in the journal after the last start, in order: epoch and hash.
    kept: Vec<(u32, u64)>,
    /// The seed of the writer of each epoch.
    seeds: HashMap<u32, u64>,
    epoch: u32,
}

#[derive(Debug, Default)]
struct Counts {
    kills: u64,
    cuts: u64,
    inside_a_start: u64,
    torn: u64,
    written: u64,
    seen: u64,
    seen_and_lost: u64,
}

impl Loop {
    fn new() -> Loop {
        Loop {
            place: Place::new(),
            seen: HashMap::new(),
            kept: Vec::new(),
            seeds: HashMap::new(),
            epoch: 0,
        }
    }

    fn round(&mut self, draws: &mut Xoshiro256PlusPlus, counts: &mut Counts) {
        let seed = draws.next_u64();
        let mut writer = child("child_writes", &self.place, seed);
        let mut observer = child("child_observes", &self.place, u64::from(self.epoch) + 1);
        let begun = if below(draws, 5) == 0 {
            // Mostly inside the start.
            std::thread::sleep(Duration::from_micros(below(draws, 15_000)));
            false
        } else {
            self.await_epoch(&mut writer);
            std::thread::sleep(Duration::from_micros(below(draws, 60_000)));
            true
        };
        kill(&mut writer);
        let control = Control::open(&self.place.live()).ok();
        let (epoch, durable) = control.as_ref().map_or((0, 0), |c| (c.epoch(), c.durable_seq()));
        if begun {
            // Let it see the rest, mostly.
            std::thread::sleep(Duration::from_micros(below(draws, 3_000)));
        }
        kill(&mut observer);
        let fresh = epoch > self.epoch;
        counts.inside_a_start += u64::from(!fresh);
        if fresh {
            assert!(self.seeds.insert(epoch, seed).is_none(), "epoch {epoch} twice");
        }
        let durable = if fresh { durable } else { self.kept.len() as u64 };
        let told = self.take_notes(epoch, counts);
        assert!(told <= durable, "the durable position went back");
        let cut = below(draws, 2) == 0;
        if cut {
            counts.cuts += 1;
            std::fs::remove_dir_all(self.place.live()).unwrap_or_default();
            cut_archive(&self.place.archive(), durable, draws);
        } else {
            counts.kills += 1;
        }
        self.start(cut, durable, counts);
    }

    fn await_epoch(&self, writer: &mut Child) {
        let late = Instant::now() + Duration::from_mins(2);
        while Control::open(&self.place.live()).map_or(0, |control| control.epoch()) <= self.epoch {
            assert!(writer.try_wait().unwrap().is_none(), "the writer ended");
            assert!(Instant::now() < late, "the writer never began");
            std::thread::sleep(Duration::from_micros(300));
        }
    }

    /// Takes up what the observer saw; gives the last sequence of `epoch` that it was told to be durable.
    fn take_notes(&mut self, epoch: u32, counts: &mut Counts) -> u64 {
        let notes = notes_of(&self.place);
        let bytes = std::fs::read(&notes).unwrap_or_default();
        drop(std::fs::remove_file(&notes));
        let mut durable = 0;
        for note in bytes.chunks_exact(size_of::<Note>()) {
            let [which, seq, hash]: Note = bytemuck::pod_read_unaligned(note);
            if which == DURABLE | u64::from(epoch) {
                durable = durable.max(seq);
            } else if which & DURABLE == 0 {
                counts.seen += u64::from(self.see((which as u32, seq), hash));
            }
        }
        durable
    }

    /// Whether nobody had seen this record before.
    fn see(&mut self, id: (u32, u64), hash: u64) -> bool {
        if let Some(before) = self.seen.insert(id, hash) {
            assert_eq!(before, hash, "two records are {id:?}");
            return false;
        }
        let seed = self.seeds.get(&id.0).expect("an epoch that somebody began");
        let right = record(id.1, lines_of(id.1), *seed);
        assert_eq!(hash, self::hash(&right), "a wrong record is {id:?}");
        true
    }

    /// Starts on what was left, as the next writer would, and looks at all of it.
    fn start(&mut self, cut: bool, durable: u64, counts: &mut Counts) {
        let journal = open(&config(self.place.archive(), self.place.live())).unwrap();
        let recovered = journal.recovered.clone();
        drop(journal);
        assert!(
            recovered.epoch > self.seeds.keys().copied().max().unwrap_or(0),
            "an epoch twice"
        );
        assert!(recovered.next_seq > durable, "durable records are lost");
        let live = self.place.live();
        let mut reader = archive::Reader::open(&self.place.archive(), Some(&live)).unwrap();
        let mut frame = Frame::default();
        let mut now = Vec::new();
        while reader.next(&mut frame).unwrap().is_some() {
            let epoch = reader.header().unwrap().epoch;
            assert_eq!(frame.header().seq, now.len() as u64 + 1);
            self.see((epoch, frame.header().seq), hash(&frame));
            now.push((epoch, hash(&frame)));
        }
        assert_eq!(reader.tail(), Some(&Tail::Clean));
        assert_eq!(now.len() as u64 + 1, recovered.next_seq);
        assert_eq!(
            now[..self.kept.len()],
            self.kept,
            "what was recovered has changed"
        );
        counts.written += (now.len() - self.kept.len()) as u64;
        counts.torn += u64::from(recovered.torn.is_some());
        let last = self
            .seeds
            .keys()
            .copied()
            .filter(|epoch| *epoch > self.epoch)
            .max();
        for ((epoch, seq), hash) in &self.seen {
            if Some(*epoch) == last && now.get(*seq as usize - 1) != Some(&(*epoch, *hash)) {
                assert!(
                    cut && *seq > durable,
                    "record {seq} of epoch {epoch} was seen and is lost"
                );
                counts.seen_and_lost += 1;
            }
        }
        self.kept = now;
        self.epoch = recovered.epoch;
    }
}

/// Cuts the last segment that was begun somewhere behind the record with sequence `durable`, or wipes part of what is
/// behind it.
fn cut_archive(archive_dir: &Path, durable: u64, draws: &mut Xoshiro256PlusPlus) {
    let Ok(files) = std::fs::read_dir(archive_dir) else {
        return;
    };
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "seg"));
    files.sort();
    for path in files.iter().rev() {
        let bytes = std::fs::read(path).unwrap();
        let Some(last) = bytes.iter().rposition(|b| *b != 0) else {
            continue;
        };
        let from = behind(&bytes, durable);
        if from > last {
            return;
        }
        let at = from as u64 + below(draws, (last - from) as u64 + 1);
        let file = OpenOptions::new().write(true).open(path).unwrap();
        if below(draws, 2) == 0 {
            file.set_len(at).unwrap();
        } else {
            let wiped = (at as usize + 512).min(bytes.len()) - at as usize;
            file.write_all_at(&vec![0; wiped], at).unwrap();
        }
        return;
    }
}

/// Byte behind the record with sequence `durable`; 0 if it stands before this segment.
fn behind(bytes: &[u8], durable: u64) -> usize {
    let word = |at: usize| {
        bytes
            .get(at..at + 8)
            .map_or(0, bytemuck::pod_read_unaligned::<u64>)
    };
    let mut at = HEADER_BYTES;
    if word(64) > durable {
        return 0;
    }
    loop {
        let first = word(at) & 0xffff_ffff;
        assert_ne!(
            first, 0,
            "the durable record is in the last segment that was begun"
        );
        at += (first & 0xf) as usize * 64;
        if first >> 24 != 0 && word(at - (first & 0xf) as usize * 64 + 8) == durable {
            return at;
        }
    }
}

fn run(rounds: u64, seed: u64) {
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut counts = Counts::default();
    let mut journal = Loop::new();
    for round in 0..rounds {
        if round > 0 && round.is_multiple_of(ROUNDS_EACH) {
            journal = Loop::new();
        }
        journal.round(&mut draws, &mut counts);
    }
    for (what, count) in [
        ("rounds", rounds),
        ("  killed", counts.kills),
        ("  killed, then the power cut", counts.cuts),
        ("  of these inside a start", counts.inside_a_start),
        ("  found torn", counts.torn),
        ("records in the journal", counts.written),
        ("records that the observer saw", counts.seen),
        ("  of these lost, none of them durable", counts.seen_and_lost),
    ] {
        println!("{what:<40} {count:>10}");
    }
    assert!(counts.written > rounds * 10 && counts.seen > rounds * 10);
}

#[test]
fn what_killed_writers_made_durable_is_there_and_nothing_is_there_twice() {
    let rounds = std::env::var("PINRAIL_KILL_ROUNDS").map_or(20, |rounds| rounds.parse().unwrap());
    run(rounds, 1);
}
