//! The rounds.

use std::process::Stdio;
use std::time::{Duration, Instant};

use pinrail_journal::Control;
use pinrail_pricing::{BandHedger, SweepPricer, WithStrategy};
use pinrail_runtime::Replay;
use pinrail_types::InstrumentId;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::Value;

use crate::alone;
use crate::ledger::{Found, Ledger, Records};
use crate::place::{Place, Process, succeeded};
use crate::power_cut::{self, DAMAGES};
use crate::sender::Sender;

/// Rounds with one journal, so that reading all of it stays short.
const ROUNDS_EACH: u64 = 20;
/// Cash of one lot at one tick of the demo's instrument: 0.00001 at 0.01, in units of 0.00000001.
const CASH_UNIT: i128 = 10;

pub(crate) fn below(draws: &mut Xoshiro256PlusPlus, bound: u64) -> u64 {
    draws.next_u64() % bound
}

/// One chance in `bound`.
fn one_in(draws: &mut Xoshiro256PlusPlus, bound: u64) -> bool {
    below(draws, bound) == 0
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    kills: u64,
    cuts: u64,
    /// Killed before its epoch began: in the recovery of the journal.
    in_recovery: u64,
    /// Killed before the core's first input: in the replay of the journal.
    in_replay: u64,
    /// What became of what was not durable, as in [`DAMAGES`].
    damages: [u64; DAMAGES.len()],
    torn: u64,
    sender_kills: u64,
    snapshots: u64,
    damaged_snapshots: u64,
    shadows_killed: u64,
    journals: u64,
    halted: u64,
    found: Found,
}

/// What is broken on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Nothing,
    /// Fills are sent at once.
    EarlyFills,
    /// A power cut takes a record that was durable.
    LostDurable,
}

/// One journal over its rounds.
struct Loop {
    place: Place,
    ledger: Ledger,
    sender: Option<Sender>,
    senders: u64,
    broken: Broken,
}

impl Loop {
    fn new(broken: Broken) -> Loop {
        Loop {
            place: Place::new(),
            ledger: Ledger::new(),
            sender: None,
            senders: 0,
            broken,
        }
    }

    fn round(&mut self, draws: &mut Xoshiro256PlusPlus, counts: &mut Counts) {
        let mut desk = self.start_desk(draws);
        self.start_sender();
        let mut shadow = None;
        if one_in(draws, 4) {
            // Mostly inside the start.
            std::thread::sleep(Duration::from_micros(below(draws, 120_000)));
        } else {
            self.await_epoch(&mut desk);
            std::thread::sleep(Duration::from_micros(below(draws, 250_000)));
            if one_in(draws, 8) {
                shadow = Some(self.start_shadow());
            }
            std::thread::sleep(Duration::from_micros(below(draws, 250_000)));
        }
        desk.assert_at_work();
        desk.kill();
        counts.shadows_killed += u64::from(shadow.is_some_and(|mut shadow| !shadow.kill()));
        let is_cut = one_in(draws, 2);
        if is_cut || one_in(draws, 4) {
            std::thread::sleep(Duration::from_micros(below(draws, 3_000)));
            self.kill_sender();
            counts.sender_kills += 1;
        }
        self.look(counts);
        if is_cut {
            counts.cuts += 1;
            self.cut(draws, counts);
        } else {
            counts.kills += 1;
        }
        if one_in(draws, 6) {
            self.snapshot(draws, counts);
        }
    }

    fn start_desk(&self, draws: &mut Xoshiro256PlusPlus) -> Process {
        let seed = draws.next_u64().to_string();
        let sync_ms = match self.broken {
            Broken::Nothing => ["0", "5", "50"][below(draws, 3) as usize],
            // What is broken shows the sooner.
            Broken::EarlyFills => "200",
            Broken::LostDurable => "0",
        };
        Process::start(&mut self.place.desk(&["--seed", &seed, "--sync-ms", sync_ms]))
    }

    fn start_sender(&mut self) {
        let is_early = self.broken == Broken::EarlyFills;
        self.sender.get_or_insert_with(|| {
            self.senders += 1;
            Sender::start(&self.place, self.senders, is_early)
        });
    }

    fn kill_sender(&mut self) {
        if let Some(sender) = &mut self.sender {
            sender.kill();
        }
        self.take_notes();
        self.sender = None;
    }

    /// `pinrail snapshot` beside the desk.
    fn start_shadow(&self) -> Process {
        let live = self.place.live();
        let mut shadow = self
            .place
            .pinrail(&["snapshot", "--live", live.to_str().unwrap()]);
        Process::start(shadow.stderr(Stdio::null()))
    }

    fn control(&self) -> Option<Control> {
        Control::open(&self.place.live()).ok()
    }

    fn await_epoch(&self, desk: &mut Process) {
        let late = Instant::now() + Duration::from_mins(2);
        while self.control().map_or(0, |control| control.epoch()) <= self.ledger.epoch {
            desk.assert_at_work();
            assert!(Instant::now() < late, "the desk never began");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn await_all_sent(&mut self) {
        let late = Instant::now() + Duration::from_mins(2);
        loop {
            self.take_notes();
            if self.ledger.is_all_sent() {
                return;
            }
            assert!(Instant::now() < late, "what was released was not all sent");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn take_notes(&mut self) {
        if let Some(sender) = &mut self.sender {
            sender.notes().iter().for_each(|note| self.ledger.note(note));
        }
    }

    /// Looks at what a kill has left.
    fn look(&mut self, counts: &mut Counts) {
        self.take_notes();
        let control = self.control();
        let epoch = control.as_ref().map_or(0, Control::epoch);
        if epoch <= self.ledger.epoch {
            counts.in_recovery += 1;
            return;
        }
        let now = Records::read(&self.place, true);
        counts.in_replay += u64::from(!now.has_begun(epoch));
        self.ledger
            .started(&now, epoch, control.map_or(0, |control| control.durable_seq()));
    }

    fn cut(&mut self, draws: &mut Xoshiro256PlusPlus, counts: &mut Counts) {
        let durable_seq = match self.broken {
            Broken::LostDurable => self.ledger.durable_seq.saturating_sub(1),
            _ => self.ledger.durable_seq,
        };
        let damage = power_cut::cut(&self.place, durable_seq, draws);
        counts.damages[damage as usize] += 1;
        let left = Records::read(&self.place, false);
        counts.torn += u64::from(left.is_torn);
        self.ledger.cut(left);
    }

    fn snapshot(&self, draws: &mut Xoshiro256PlusPlus, counts: &mut Counts) {
        if self.ledger.durable_seq > 0 {
            succeeded(self.place.pinrail(&["snapshot"]));
            counts.snapshots += 1;
        }
        if let Some(newest) = self.place.snapshots().last()
            && one_in(draws, 2)
        {
            let mut bytes = std::fs::read(newest).unwrap();
            let at = below(draws, bytes.len() as u64) as usize;
            bytes[at] ^= 1 << below(draws, 8);
            std::fs::write(newest, bytes).unwrap();
            counts.damaged_snapshots += 1;
        }
    }

    /// Lets the desk end by itself, and looks at all there is.
    fn end(mut self, counts: &mut Counts) {
        self.start_sender();
        let desk = succeeded(self.place.desk(&["--seconds", "1"]));
        let desk: Value = serde_json::from_str(&desk).unwrap();
        assert_eq!(
            desk["core"]["duplicates"], 0,
            "sources go on behind what was taken"
        );
        assert_eq!(desk["journal"]["input_rejects"], serde_json::json!({}));
        let control = self.control().unwrap();
        let records = Records::read(&self.place, false);
        if !records.has_fills() {
            // A cut took the command that began trading, and a journal that is not new waits for a person.
            let halted = desk["journal"]["request_rejects"]["Halted"].as_u64();
            assert!(halted > Some(0), "{}", desk["journal"]);
            counts.halted += 1;
        }
        self.ledger
            .started(&records, control.epoch(), control.durable_seq());
        assert_eq!(control.durable_seq(), records.len());
        self.await_all_sent();
        self.kill_sender();
        self.ledger.compare();
        succeeded(self.place.pinrail(&["journal", "verify"]));

        let mut replay = Replay::open(&self.place.archive(), None, |bounds| WithStrategy {
            pricer: SweepPricer::new(bounds.instruments),
            strategy: BandHedger::new(bounds.instruments),
        })
        .unwrap();
        while replay.step().unwrap_or_else(|e| panic!("{e}")) {}
        let position = replay.engine().unwrap().position(InstrumentId(0));
        records.assert_position(position.qty.0, position.cash.get(), CASH_UNIT);
        let state_hash = replay.into_snapshot().unwrap().state_hash;
        let behind = succeeded(self.place.pinrail(&["replay", "--from-snapshot", "--json"]));
        let behind: Value = serde_json::from_str(&behind).unwrap();
        assert_eq!(behind["state_hash"], format!("{state_hash:#018x}"));
        assert_eq!(
            behind["output_hash"], desk["output_hash"],
            "one state through both"
        );
        counts.journals += 1;
        counts.add(&self.ledger.found);
    }
}

impl Counts {
    fn add(&mut self, found: &Found) {
        self.found.written += found.written;
        self.found.lost += found.lost;
        self.found.made_again += found.made_again;
        self.found.sent_again += found.sent_again;
        self.found.sent += found.sent;
        self.found.promises += found.promises;
    }

    fn print(&self) {
        let rows = [
            ("desks killed", self.kills),
            ("desks killed, then the power cut", self.cuts),
            ("of both in the recovery of the journal", self.in_recovery),
            ("of both in the replay of the journal", self.in_replay),
            ("archives found torn", self.torn),
            ("senders killed", self.sender_kills),
            ("snapshots taken", self.snapshots),
            ("snapshots damaged", self.damaged_snapshots),
            ("snapshots killed while they were taken", self.shadows_killed),
            ("journals verified and replayed", self.journals),
            ("of these left halted by a cut", self.halted),
            ("records in the journals", self.found.written),
            ("outputs sent", self.found.sent),
            ("of these only when durable", self.found.promises),
            ("at once, and lost by a power cut", self.found.lost),
            ("sent again and marked as such", self.found.sent_again),
            ("outputs made again by a start", self.found.made_again),
        ];
        let damages = DAMAGES
            .iter()
            .zip(self.damages)
            .map(|(damage, count)| (format!("power cuts of the class {damage:?}"), count));
        for (what, count) in rows
            .map(|(what, count)| (what.to_owned(), count))
            .into_iter()
            .chain(damages)
        {
            println!("{what:<45} {count:>10}");
        }
    }
}

fn run(rounds: u64, seed: u64) -> Counts {
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut counts = Counts::default();
    let mut journal = Loop::new(Broken::Nothing);
    for round in 0..rounds {
        if round > 0 && round.is_multiple_of(ROUNDS_EACH) {
            journal.end(&mut counts);
            journal = Loop::new(Broken::Nothing);
        }
        journal.round(&mut draws, &mut counts);
    }
    journal.end(&mut counts);
    counts
}

#[test]
fn what_a_killed_desk_released_is_there_and_nothing_is_there_twice() {
    let _alone = alone();
    let rounds = std::env::var("PINRAIL_KILL_ROUNDS").map_or(6, |rounds| rounds.parse().unwrap());
    let counts = run(rounds, 1);
    counts.print();
    assert_eq!(counts.kills + counts.cuts, rounds);
    assert!(counts.found.written > rounds * 100 && counts.found.sent > rounds * 10);
}

/// Rounds of what is broken, until it shows.
fn show(broken: Broken) {
    let _alone = alone();
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(2);
    let mut journal = Loop::new(broken);
    for _ in 0..200 {
        journal.round(&mut draws, &mut Counts::default());
    }
}

#[test]
#[should_panic(expected = "was sent as durable and is lost")]
fn fills_that_are_sent_before_they_are_durable_are_caught() {
    show(Broken::EarlyFills);
}

#[test]
#[should_panic(expected = "durable records are lost")]
fn a_durable_record_that_is_lost_is_caught() {
    show(Broken::LostDurable);
}
