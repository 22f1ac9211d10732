//! Arbitrary records through the engine of a small desk: answered within bounds, the same twice, the same behind a save and
//! a load, and the same in a replay of the journal that they make, from its start and from a snapshot.
//!
//! First byte: bits 0–1, how much of the desk stands already, with all of them a book of its own, too; the rest, where a snapshot is taken. Then [steps](Step).

use bytemuck::Zeroable;
use pinrail_engine::{Bounds, Engine, OUT_LINES_MAX, Out};
use pinrail_journal::SyncPolicy;
use pinrail_pricing::SweepPricer;
use pinrail_runtime::{Replay, Role, Snapshot, SnapshotDir};
use pinrail_types::record::{
    BookLevel, BookUpdate, ClientOrder, EpochStart, MarketPhase, MarketPhaseSet, MassQuote, NewOrderSingle,
    OrdType, Quote, QuoteRequest, QuoteRespType, QuoteResponse, RECORDS, Scope, TradingState,
    TradingStateSet, TriggerPriceType,
};
use pinrail_types::{
    Cause, ClientId, Commit, Flags, Frame, LINE_BYTES, LINES_MAX, Px, Qty, Record, RecordType, SourceId,
    Text, VenueId,
};

use super::{Input, Scratch};
use crate::desk::{self, Desk};
use crate::market;

const STEPS_MAX: usize = 120;
const HEADER_BYTES: usize = 32;
/// Kinds of steps from here on do what a desk sees every day; those below are records, by their place among all.
pub(super) const USUAL: u8 = 0xe0;

/// One thing that comes in: a byte for its kind, one that steers it, one for how many bytes follow, and these.
///
/// Of a record the bytes are its body, what lacks is zero, and the steering byte has its flags (bits 0–3), whether time
/// goes on (4), and whether its length, version and source are odd (5–7).
pub(super) struct Step<'a> {
    pub(super) kind: u8,
    pub(super) steer: u8,
    pub(super) bytes: &'a [u8],
}

impl<'a> Step<'a> {
    pub(super) fn read(input: &mut Input<'a>) -> Step<'a> {
        let (kind, steer, len) = (input.u8(), input.u8(), input.u8());
        Step {
            kind,
            steer,
            bytes: input.take(usize::from(len)),
        }
    }

    /// The record that it stands for, its cause set.
    pub(super) fn frame(&self, source_seq: u64) -> Frame {
        let schema = &RECORDS[usize::from(self.kind) % RECORDS.len()];
        let mut frame = Frame::default();
        let body: &mut [u8] = &mut bytemuck::cast_slice_mut(frame.buffer_mut())[HEADER_BYTES..];
        let len = self.bytes.len().min(body.len());
        body[..len].copy_from_slice(&self.bytes[..len]);
        let odd = |bit: u8| self.steer >> bit & 1 == 1;
        let lines = if odd(5) {
            1 + (len % LINES_MAX) as u8
        } else {
            schema.lines as u8
        };
        let commit = Commit {
            lines,
            version: if odd(6) { 7 } else { schema.version },
            flags: Flags(self.steer & 0x0f),
            record_type: schema.record_type,
        };
        // What is behind its end is not part of a record.
        frame.buffer_mut()[usize::from(lines) * LINE_BYTES / 8..].fill(0);
        frame.header_mut().commit = commit.pack();
        let source = if odd(7) {
            SourceId(u16::from(self.kind))
        } else {
            SourceId(1)
        };
        frame.header_mut().cause = Cause::input(source, source_seq);
        frame
    }
}

/// The step that stands for a record that comes in.
pub(super) fn step_of(frame: &Frame) -> Vec<u8> {
    let kind = RECORDS
        .iter()
        .position(|schema| schema.record_type == frame.record_type());
    let body = &frame.bytes()[HEADER_BYTES..];
    let len = body.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    let mut step = vec![
        kind.expect("a known record") as u8,
        frame.flags().0 & 0x0f,
        len as u8,
    ];
    step.extend(&body[..len]);
    step
}

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let first = input.u8();
    let mut busy = Rig::begin(first);
    let mut idle = Rig::begin(first);
    for n in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        let step = Step::read(&mut input);
        let made = busy.take(&step);
        for _ in 0..n % 4 {
            idle.engine.refresh();
        }
        idle.engine.warm(n);
        if step.kind == USUAL {
            idle.load_again();
        }
        assert!(
            made == idle.take(&step),
            "idle work, or a load, has changed an output"
        );
    }
    assert_eq!(busy.engine.save(), idle.engine.save());
    busy.load_again();
    busy.ends();
    busy.replays(usize::from(first >> 2));
}

/// An engine, and what went through it.
struct Rig {
    engine: Engine<SweepPricer>,
    out: Out,
    now: u64,
    source_seq: u64,
    update_ids: [u64; 2],
    quotes: Vec<Quote>,
    /// Inputs and outputs, as a journal holds them.
    records: Vec<Frame>,
    /// Sequences of the inputs.
    inputs: Vec<u64>,
}

const BOUNDS: Bounds = Bounds {
    assets: 3,
    instruments: 2,
    venues: 2,
    clients: 3,
    open_quotes: 16,
    book_levels: 64,
    sources: 3,
    orders: 32,
    pages: 128,
};

fn pricer(bounds: &Bounds) -> SweepPricer {
    SweepPricer::new(bounds.instruments)
}

impl Rig {
    fn begin(first: u8) -> Rig {
        let mut rig = Rig {
            engine: Engine::new(BOUNDS, pricer(&BOUNDS)),
            out: Out::new(),
            now: 1_000,
            source_seq: 0,
            update_ids: [0; 2],
            quotes: Vec::new(),
            records: Vec::new(),
            inputs: Vec::new(),
        };
        rig.own(Frame::of(&BOUNDS.epoch_start(1)));
        if first & 3 > 0 {
            for frame in Desk::configuration() {
                rig.own(frame);
            }
        }
        if first & 3 > 2 {
            rig.own(Frame::of(&market::book_def()));
        }
        if first & 3 > 1 {
            rig.own(activate());
        }
        if first & 3 > 2 {
            for venue in 0..2 {
                let book = rig.book(venue, 10_000, 500);
                rig.own(book);
            }
            rig.own(phase(MarketPhase::Continuous, 0));
        }
        rig
    }

    /// A record of ours.
    fn own(&mut self, mut frame: Frame) -> Vec<u64> {
        frame.header_mut().cause = Cause::input(SourceId(1), self.source_seq + 1);
        self.put(frame)
    }

    /// What the engine makes of an input whose cause is set.
    fn put(&mut self, mut frame: Frame) -> Vec<u64> {
        self.source_seq += 1;
        frame.stamp(self.engine.next_seq().max(1), self.now);
        self.engine.on_event(&frame, &mut self.out);
        assert!(self.out.words().len() <= OUT_LINES_MAX * LINE_BYTES / 8);
        assert!(self.out.types().all(RecordType::is_output));
        self.inputs.push(frame.header().seq);
        self.records.push(frame);
        for words in self.out.records() {
            let mut frame = Frame::default();
            frame.buffer_mut()[..words.len()].copy_from_slice(words);
            self.records.push(frame);
        }
        self.quotes.extend(self.out.find::<Quote>());
        let made = self.out.words().to_vec();
        self.engine.seal(&mut self.out);
        if self.engine.open_quotes() == 0 && self.engine.own_books().is_empty() {
            assert!(
                self.engine.nothing_reserved(),
                "nothing is open and something is reserved"
            );
        }
        made
    }

    fn take(&mut self, step: &Step<'_>) -> Vec<u64> {
        let byte = |at: usize| step.bytes.get(at).copied().unwrap_or_default();
        let quote = self
            .quotes
            .len()
            .checked_sub(1 + usize::from(step.steer) % self.quotes.len().max(1))
            .map(|at| self.quotes[at]);
        match step.kind {
            kind if kind < USUAL => {
                self.now += u64::from(step.steer >> 4 & 1) * 700;
                let frame = step.frame(self.source_seq + 1);
                if may_come_in(&frame) {
                    self.put(frame)
                } else {
                    Vec::new()
                }
            }
            USUAL => Vec::new(),
            0xe1 => quote.map_or_else(Vec::new, |quote| self.own(Frame::of(&order(&quote, byte(0))))),
            0xe2 => quote.map_or_else(Vec::new, |quote| self.own(Frame::of(&pass(&quote)))),
            0xe3 => {
                let mid = 10_000 + i64::from(byte(0));
                let book = self.book(step.steer, mid, i64::from(byte(1)) + 1);
                self.own(book)
            }
            0xe4 => {
                self.now += u64::from(step.steer) << (byte(0) % 32);
                self.own(Frame::of(&pinrail_types::record::Tick::zeroed()))
            }
            0xe5 => self.own(Frame::of(&pinrail_types::record::Continue::zeroed())),
            0xe6 => {
                let request = self.request(step.steer, i64::from(byte(0)) + 1);
                self.own(request)
            }
            0xe7 => self.own(activate()),
            0xe9 => self.own(Frame::of(&client_order(step.steer, byte))),
            0xea => self.own(Frame::of(&market::cancel(&name(byte(0)), client(step.steer)))),
            0xeb => {
                let (px, qty) = (9_990 + i64::from(byte(2)) % 21, i64::from(byte(3)));
                let (from, to) = (name(byte(0)), name(byte(1)));
                self.own(Frame::of(&market::replace(
                    &from,
                    &to,
                    client(step.steer),
                    px,
                    qty,
                )))
            }
            0xec => {
                let level = |at: usize| (9_990 + i64::from(byte(at)) % 21, i64::from(byte(at + 1)));
                let quote = market::quote(client(step.steer), &[level(0)], &[level(2), level(4)]);
                self.own(Frame::of(&MassQuote {
                    self_match: byte(6) % 6,
                    ..quote
                }))
            }
            0xed => self.own(phase(
                PHASES[usize::from(step.steer) % PHASES.len()],
                self.now + 5_000,
            )),
            _ => {
                let start = self
                    .records
                    .iter()
                    .filter(|frame| frame.get::<EpochStart>().is_some());
                let epoch = start.count() as u32 + 1;
                self.own(Frame::of(&BOUNDS.epoch_start(epoch)))
            }
        }
    }

    fn request(&self, steer: u8, qty: i64) -> Frame {
        Frame::of(&QuoteRequest {
            quote_req_id: Text::new(&format!("R{}", self.source_seq)).expect("a short text"),
            client: ClientId(u32::from(steer & 1)),
            qty: Qty(qty),
            side: [0, b'1', b'2'][usize::from(steer >> 1) % 3],
            ts_recv: self.now,
            ..Zeroable::zeroed()
        })
    }

    /// An image of a venue's book around `mid`.
    fn book(&mut self, venue: u8, mid: i64, qty: i64) -> Frame {
        let venue = usize::from(venue & 1);
        self.update_ids[venue] += 1;
        let mut update = BookUpdate {
            venue: VenueId(venue as u16),
            ts_recv: self.now,
            first_id: self.update_ids[venue],
            last_id: self.update_ids[venue],
            bids: 3,
            asks: 3,
            ..Zeroable::zeroed()
        };
        for (level, n) in update.levels.iter_mut().zip([-1, -2, -3, 1, 2, 3]) {
            *level = BookLevel {
                px: Px(mid + 10 * n),
                qty: Qty(qty),
            };
        }
        let flags = Flags::FIRST.with(Flags::LAST).with(Flags::SNAPSHOT);
        let mut frame = Frame::of(&update);
        frame.header_mut().commit = update.commit_for(flags).pack();
        frame
    }

    /// Replaces the engine by one that is loaded from what it saves.
    fn load_again(&mut self) {
        let words = self.engine.save();
        let mut loaded = Engine::load(BOUNDS, pricer(&BOUNDS), &words).expect("what was saved can be loaded");
        assert!(loaded.save() == words, "a load has changed the state");
        self.engine = loaded;
    }

    /// Every quote ends, and nothing stays reserved.
    fn ends(&mut self) {
        self.now = self.now.saturating_add(1 << 62).max(1 << 63);
        for _ in 0..8 {
            self.own(Frame::of(&pinrail_types::record::Tick::zeroed()));
        }
        assert_eq!(self.engine.open_quotes(), 0);
    }

    /// The journal of all this comes to the same state, in one go and in two.
    fn replays(&mut self, part: usize) {
        let scratch = Scratch::new();
        journal(&scratch, &self.records);
        let open = || Replay::open(&scratch.archive(), None, pricer).expect("a journal that is whole");
        let last = |mut replay: Replay<_, _>| {
            while replay.step().expect("the same as it was") {}
            assert_eq!(replay.missing().count(), 0);
            let mut engine = replay.into_engine().expect("an epoch was begun");
            engine.save()
        };
        let state = self.engine.save();
        assert!(last(open()) == state, "a replay comes to another state");
        let mut until = open();
        until.end_at(self.inputs[part * self.inputs.len() / 64], u64::MAX);
        while until.step().expect("the same as it was") {}
        let snapshot = until.into_snapshot().expect("an epoch was begun");
        let dir = SnapshotDir::open(&scratch.archive(), 3).expect("room");
        let path = dir.write(&snapshot).expect("room");
        let mut behind = open();
        let read = Snapshot::read(&path, snapshot.journal_id).expect("what was written");
        behind.begin_at(read).expect("the journal's own snapshot fits");
        assert!(
            last(behind) == state,
            "a replay from a snapshot comes to another state"
        );
    }
}

/// Writes a journal of these records and ends it; each start of an epoch is one.
pub(super) fn journal(scratch: &Scratch, records: &[Frame]) {
    let config = scratch.config(pinrail_runtime::SEGMENT_BYTES_MIN, SyncPolicy::Never);
    for epoch in records.chunk_by(|_, next| next.record_type() != EpochStart::TYPE) {
        let mut journal = pinrail_journal::open(&config).expect("room for a journal");
        for frame in epoch {
            while journal.writer.room().normal < LINES_MAX {
                journal.archiver.do_work().expect("room");
                journal.preparer.do_work().expect("room");
            }
            journal.writer.append(frame.words());
        }
        journal.writer.finish(1);
        drop(journal.preparer);
        journal.archiver.finish().expect("room");
    }
}

/// Whether an engine of these bounds is larger than a fuzzer has memory and time for.
pub(super) fn is_large(start: &EpochStart) -> bool {
    let bounds = Bounds::of(start);
    let largest = [
        bounds.assets,
        bounds.instruments,
        bounds.clients,
        bounds.open_quotes,
        bounds.sources,
        bounds.orders,
        bounds.pages,
    ];
    bounds.check().is_ok() && largest.iter().any(|bound| *bound > 1 << 10)
}

/// Whether a record may come in on any ring.
fn may_come_in(frame: &Frame) -> bool {
    [Role::Control, Role::Client, Role::Venue]
        .iter()
        .any(|role| role.may_send(frame.record_type()))
}

fn activate() -> Frame {
    Frame::of(&TradingStateSet {
        scope: Scope::Global.byte(),
        state: TradingState::Active.byte(),
        actor: Text::new("tester").expect("a short text"),
        ..Zeroable::zeroed()
    })
}

const PHASES: [MarketPhase; 4] = [
    MarketPhase::Continuous,
    MarketPhase::Auction,
    MarketPhase::CancelOnly,
    MarketPhase::Halted,
];

fn phase(phase: MarketPhase, day_end_ts: u64) -> Frame {
    Frame::of(&MarketPhaseSet {
        instrument: desk::INSTRUMENT,
        phase: phase.byte(),
        day_end_ts,
        actor: Text::new("tester").expect("a short text"),
        ..Zeroable::zeroed()
    })
}

/// One of a few, so that orders are found again.
fn name(byte: u8) -> String {
    format!("O{}", byte % 12)
}

fn client(steer: u8) -> u32 {
    u32::from(steer & 1)
}

/// An order to the desk's own book: its name, price, quantity, and what is special about it.
fn client_order(steer: u8, byte: impl Fn(usize) -> u8) -> ClientOrder {
    const TYPES: [OrdType; 4] = [OrdType::Limit, OrdType::Market, OrdType::Stop, OrdType::StopLimit];
    const TRIGGERS: [u8; 4] = [
        0,
        TriggerPriceType::LastTrade.byte(),
        TriggerPriceType::Reference.byte(),
        b'9',
    ];
    let qty = i64::from(byte(2)) - 128;
    let px = 9_990 + i64::from(byte(1)) % 21;
    let ord_type = TYPES[usize::from(byte(3)) % TYPES.len()];
    let is_stop = matches!(ord_type, OrdType::Stop | OrdType::StopLimit);
    ClientOrder {
        ord_type: ord_type.byte(),
        time_in_force: b'0' + byte(4) % 8,
        exec_inst: byte(5),
        self_match: byte(6),
        stop_px: if is_stop {
            Px(9_990 + i64::from(byte(7)) % 21)
        } else {
            Px::NONE
        },
        display_qty: Qty(i64::from(byte(8))),
        min_qty: Qty(i64::from(byte(9))),
        trigger: TRIGGERS[usize::from(byte(10)) % TRIGGERS.len()],
        expire_ts: u64::from(byte(11)) << 10,
        ..market::limit(&name(byte(0)), client(steer), px, qty)
    }
}

fn order(quote: &Quote, side: u8) -> NewOrderSingle {
    NewOrderSingle {
        // The same in both desks.
        cl_ord_id: quote.quote_req_id,
        ord_type: OrdType::PreviouslyQuoted.byte(),
        ..Desk::order(quote, [b'1', b'2'][usize::from(side & 1)])
    }
}

fn pass(quote: &Quote) -> QuoteResponse {
    QuoteResponse {
        resp_type: QuoteRespType::Pass.byte(),
        ..desk::Desk::pass(quote)
    }
}

/// Inputs of a desk's day, as steps: for seeds.
pub(super) fn configuration() -> Vec<u8> {
    Desk::configuration()
        .iter()
        .chain([&activate()])
        .flat_map(step_of)
        .collect()
}

/// Steps for [`replay`](super::replay): the start of an epoch of its bounds, these inputs, and what an engine makes of each.
pub(super) fn replayable(steps: &[u8]) -> Vec<u8> {
    let bounds = super::replay::BOUNDS;
    let mut engine = Engine::new(bounds, pricer(&bounds));
    let mut out = Out::new();
    let mut written = vec![1];
    let mut seq = 1;
    let mut put = |mut frame: Frame, written: &mut Vec<u8>| {
        frame.header_mut().cause = Cause::input(SourceId(1), seq);
        frame.stamp(seq, 1_000);
        engine.on_event(&frame, &mut out);
        seq += 1 + out.len() as u64;
        for words in out.records() {
            let mut made = Frame::default();
            made.buffer_mut()[..words.len()].copy_from_slice(words);
            written.extend(step_of(&made));
        }
        engine.seal(&mut out);
    };
    put(Frame::of(&bounds.epoch_start(1)), &mut written);
    let mut input = Input::new(steps);
    while !input.is_empty() {
        let frame = Step::read(&mut input).frame(0);
        written.extend(step_of(&frame));
        put(frame, &mut written);
    }
    written
}

/// The engine behind these steps, and how its epoch began.
pub(super) fn engine_of_day(first: u8, steps: &[u8]) -> (Engine<SweepPricer>, EpochStart) {
    let mut rig = Rig::begin(first);
    let mut input = Input::new(steps);
    while !input.is_empty() {
        rig.take(&Step::read(&mut input));
    }
    let start = rig
        .records
        .iter()
        .rev()
        .find_map(|frame| frame.get::<EpochStart>().copied());
    (rig.engine, start.expect("an epoch was begun"))
}
