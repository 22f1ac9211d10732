//! `pinrail lab hedge`: how long it takes from an accept to its fill and the first order of its hedge, both in the journal. Open
//! loop: books, requests, accepts and venues' reports are sent at planned times by one spinning thread, to a core on a processor
//! of its own.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytemuck::Zeroable;
use pinrail_engine::{Bounds, Engine};
use pinrail_journal::{From, JournalConfig, Reader};
use pinrail_pricing::{BandHedger, SweepPricer, WithStrategy};
use pinrail_report::environment::Environment;
use pinrail_report::latency::{Recorder, Summary as Latency};
use pinrail_report::table::{Table, count, ns_or_dash};
use pinrail_ring::{Class, Producer};
use pinrail_runtime::clock::Clock;
use pinrail_runtime::{Core, Inlet, Observer, Role, affinity, prefault};
use pinrail_types::record::{
    BookLevel, BookUpdate, ExecType, ExecutionReport, HedgingParams, LimitKind, LimitSet, NewOrderSingle,
    OrdStatus, OrdType, Quote, QuoteRequest, VenueBalance, VenueOrder, VenueReport,
};
use pinrail_types::{
    Amount, AssetId, Cause, ClientId, Flags, Frame, Px, Qty, SessionId, Side, SourceId, Text, VenueId,
};
use serde::Serialize;

use crate::args::HedgeArgs;
use crate::desk::live;
use crate::desk::rig::{Rig, RigError, Scratch, join, place, placement, spawn};
use crate::failure::Failure;
use crate::output::{Results, progress, show};

const RING_LINES: usize = 4_096;
/// From the start of the threads to the first planned message.
const HEAD_START_NS: u64 = 200_000_000;
/// What is planned before this has passed is not measured.
const WARM_UP_NS: u64 = 500_000_000;
/// With less time than this to the next message, nothing else is done.
const AIM_NS: u64 = 3_000;
/// Messages that were sent later than this missed their plan.
const LATE_NS: u64 = 1_000_000;
/// A book has so many levels a side, of so many lots, so many ticks apart, around this price.
const LEVELS: i64 = 10;
const LEVEL_LOTS: i64 = 10_000;
const LEVEL_TICKS: i64 = 100;
const MID_TICKS: i64 = 6_000_000;
/// Smallest quantity that is asked for, and by how much others are larger: two to five levels over both venues.
const QTY_MIN: i64 = 15_000;
const QTY_STEP: i64 = 1_000;
const QTYS: u64 = 30;
const CLIENTS: u64 = 50;
/// Eighths of a round: books are updated in the others.
const REQUEST: u64 = 2;
const ACCEPT: u64 = 4;
const REPORTS: u64 = 6;

type Model = WithStrategy<SweepPricer, BandHedger>;

/// Stamps of what was planned from a time on.
struct Stamps {
    from_ts: u64,
    quotes: Recorder,
    accepts: Recorder,
    planned_to_committed: Recorder,
}

impl Observer for Stamps {
    #[inline]
    fn on_answer(&mut self, ts_planned: u64, ts_taken: u64, clock: &mut Clock) {
        let ts_committed = clock.now_ordered_ns();
        if ts_planned >= self.from_ts {
            self.quotes.record_ns(ts_committed - ts_taken);
        }
    }

    #[inline]
    fn on_hedge(&mut self, ts_planned: u64, ts_taken: u64, clock: &mut Clock) {
        let ts_committed = clock.now_ordered_ns();
        if ts_planned >= self.from_ts {
            self.accepts.record_ns(ts_committed - ts_taken);
            self.planned_to_committed
                .record_ns(ts_committed.saturating_sub(ts_planned));
        }
    }
}

/// What the sender did.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Sent {
    accepts: u64,
    /// Requests whose quote was not there when its accept was due.
    unanswered: u64,
    /// Messages that were sent more than a millisecond late.
    late: u64,
}

/// What the journal says.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Found {
    fills: u64,
    hedge_orders: u64,
    /// Accepts that were not hedged for their quantity.
    unhedged: u64,
}

#[derive(Serialize)]
struct Printed {
    rate: u64,
    seconds: u64,
    request_to_quote: Latency,
    accept_to_hedge: Latency,
    planned_to_committed: Latency,
    sent: Sent,
    found: Found,
    environment: Environment,
}

/// Measures. Fails unless every accept was filled and hedged for its quantity in one input, and all was sent as planned.
pub(crate) fn main(args: &HedgeArgs) -> Result<(), Failure> {
    let archive = Scratch::new(&std::env::temp_dir(), "pinrail-hedge")?;
    let live = Scratch::new(Path::new("/dev/shm"), "pinrail-hedge")?;
    let journal = JournalConfig {
        sync: live::SYNC,
        ..JournalConfig::new(archive.path().join("archive"), live.path().join("journal"))
    };
    let (core_cpu, other_cpu) = placement(None)?;
    let (rig, writer) = Rig::start(&journal, other_cpu)?;
    let mut clock = rig.clock.clone();
    let interval_ns = 1_000_000_000 / args.rate;
    let start_ns = clock.now_ns() + HEAD_START_NS;
    let warm_ns = start_ns + WARM_UP_NS;
    let rounds = (WARM_UP_NS + args.seconds * 1_000_000_000) / interval_ns;

    let (producers, inlets) = rings()?;
    let stamps = Stamps {
        from_ts: warm_ns,
        quotes: Recorder::new(),
        accepts: Recorder::new(),
        planned_to_committed: Recorder::new(),
    };
    let mut core = Core::new(engine(), writer, clock.clone(), inlets, &configuration(), stamps);
    let answers = Reader::open(&journal.live_dir, &journal.archive_dir, From::Live)?;
    if let Err(e) = prefault::process() {
        tracing::warn!("cannot bring memory in ahead, so the core may take page faults: {e}");
    }
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let trading = spawn("pinrail-core", move || {
        affinity::pin(core_cpu)?;
        prefault::stack();
        while core.do_work() > 0 || !stopped.load(Ordering::Acquire) {}
        Ok::<_, RigError>(core)
    })?;
    let sender = Sender::new(producers, answers, clock.clone());
    let sending = spawn("pinrail-sender", move || {
        place(other_cpu);
        sender.run(start_ns, interval_ns, rounds)
    })?;
    let bar = progress(args.seconds, "trading");
    while !sending.is_finished() && !rig.has_failed() {
        std::thread::sleep(std::time::Duration::from_millis(100));
        bar.set_position(clock.now_ns().saturating_sub(warm_ns) / 1_000_000_000);
        clock.refresh();
    }
    let sent = join("pinrail-sender", sending)?;
    stop.store(true, Ordering::Release);
    let core = join("pinrail-core", trading)??;
    let (_, writer, stamps) = core.into_parts();
    rig.finish(writer, clock.now_ns())?;
    bar.finish_and_clear();

    let sent = sent?;
    let found = check(Reader::open(
        &journal.live_dir,
        &journal.archive_dir,
        From::Start,
    )?)?;
    let printed = Printed {
        rate: args.rate,
        seconds: args.seconds,
        request_to_quote: stamps.quotes.summary(),
        accept_to_hedge: stamps.accepts.summary(),
        planned_to_committed: stamps.planned_to_committed.summary(),
        sent,
        found,
        environment: Environment::capture(),
    };
    show(&args.output, &printed, print)?;
    if found.fills == sent.accepts && found.unhedged + sent.unanswered + sent.late == 0 {
        return Ok(());
    }
    Err(Failure::Check(format!(
        "of {} accepts {} were filled and {} not hedged for their quantity; {} requests had no quote in time, {} messages were late",
        sent.accepts, found.fills, found.unhedged, sent.unanswered, sent.late
    )))
}

fn print(printed: &Printed, results: &mut Results) -> Result<(), Failure> {
    results.line(format_args!(
        "{} accepts at {} a second, each of an offer of two to five levels of two venues, whose books are updated between;\n\
         filled {}, and hedged by {} orders to venues in the same input.\n",
        count(printed.sent.accepts),
        count(printed.rate),
        count(printed.found.fills),
        count(printed.found.hedge_orders)
    ))?;
    let mut table = Table::figures(&["latency", "count", "min", "p50", "p90", "p99", "max"]);
    for (name, latency) in [
        ("request to quote, on the core", &printed.request_to_quote),
        (
            "accept to fill and first hedge order, on the core",
            &printed.accept_to_hedge,
        ),
        ("the same, planned to committed", &printed.planned_to_committed),
    ] {
        table.row([
            name.to_owned(),
            count(latency.count),
            ns_or_dash(latency.ns_min),
            ns_or_dash(latency.ns_p50),
            ns_or_dash(latency.ns_p90),
            ns_or_dash(latency.ns_p99),
            ns_or_dash(latency.ns_max),
        ]);
    }
    results.line(table)?;
    results.line("\non the core: from taking it off its ring to the answer in the journal, stamps included.")
}

fn engine() -> Engine<Model> {
    let bounds = Bounds {
        sources: 5,
        ..Bounds::default()
    };
    let model = WithStrategy {
        pricer: SweepPricer::new(bounds.instruments),
        strategy: BandHedger::new(bounds.instruments),
    };
    Engine::new(bounds, model)
}

/// The demo's desk, with a hedger that holds nothing, and without the limits on how fast it may trade.
fn configuration() -> Vec<Frame> {
    let hedging = HedgingParams {
        tries_max: 3,
        chase_e8: 500_000,
        cost_max: Amount::new(1 << 80),
        retry_ns: 1_000_000,
        rest_ns: 1_000_000,
        ..Zeroable::zeroed()
    };
    let balances = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(venue, asset)| {
        Frame::of(&VenueBalance {
            venue: VenueId(venue),
            asset: AssetId(asset),
            balance: Amount::new(1 << 90),
            ..Zeroable::zeroed()
        })
    });
    let protects = |frame: &Frame| {
        let kind = frame
            .get::<LimitSet>()
            .and_then(|set| LimitKind::from_byte(set.kind));
        matches!(
            kind,
            Some(LimitKind::ProtectionFills | LimitKind::ProtectionDelta)
        )
    };
    let mut records = live::desk().records;
    records.retain(|frame| !protects(frame));
    records.push(Frame::of(&hedging));
    records.extend(balances);
    records
}

/// Two venues, the clients, and the venues' reports.
fn rings() -> Result<([Line; 4], Vec<Inlet>), RigError> {
    let mut inlets = Vec::new();
    let mut lines = Vec::new();
    for (n, role) in (1..).zip([Role::Venue, Role::Venue, Role::Client, Role::Execution]) {
        let (producer, consumer) = pinrail_ring::heap(RING_LINES)?;
        inlets.push(Inlet::new(consumer, SourceId(n), role));
        lines.push(Line {
            producer,
            source: SourceId(n),
            seq: 0,
        });
    }
    let lines = lines.try_into().ok().expect("four were made");
    Ok((lines, inlets))
}

/// A ring with its source.
struct Line {
    producer: Producer,
    source: SourceId,
    seq: u64,
}

impl Line {
    fn push(&mut self, mut frame: Frame) {
        self.seq += 1;
        frame.header_mut().cause = Cause::input(self.source, self.seq);
        while self.producer.try_push(frame.words(), Class::Reserved).is_err() {
            std::thread::yield_now();
        }
    }
}

/// Everybody but the core.
struct Sender {
    lines: [Line; 4],
    answers: Reader,
    clock: Clock,
    frame: Frame,
    /// The last updates of the venues.
    ids: [u64; 2],
    quote: Option<Quote>,
    orders: Vec<VenueOrder>,
    sent: Sent,
}

impl Sender {
    fn new(lines: [Line; 4], answers: Reader, clock: Clock) -> Sender {
        Sender {
            lines,
            answers,
            clock,
            frame: Frame::default(),
            ids: [1; 2],
            quote: None,
            orders: Vec::new(),
            sent: Sent::default(),
        }
    }

    fn run(mut self, start_ns: u64, interval_ns: u64, rounds: u64) -> Result<Sent, RigError> {
        let now = self.clock.now_ns();
        for venue in 0..2 {
            for (part, flag) in [(0, Flags::FIRST), (1, Flags::LAST)] {
                let levels = part * LEVELS / 2..(part + 1) * LEVELS / 2;
                let image = book(venue, levels, LEVEL_LOTS, 1, now);
                self.lines[usize::from(venue)].push(with_flags(&image, Flags::SNAPSHOT.with(flag)));
            }
        }
        for round in 0..rounds {
            for eighth in 0..8 {
                let due = start_ns + round * interval_ns + eighth * interval_ns / 8;
                self.wait(due)?;
                match eighth {
                    REQUEST => {
                        self.quote = None;
                        self.lines[2].push(Frame::of(&request(round, due)));
                    }
                    ACCEPT => self.accept(round, due),
                    REPORTS => {
                        for order in self.orders.drain(..) {
                            self.lines[3].push(Frame::of(&filled(&order, due)));
                        }
                    }
                    _ => {
                        let id = &mut self.ids[(eighth % 2) as usize];
                        *id += 1;
                        let lots = LEVEL_LOTS - (*id % 7) as i64;
                        let update = book((eighth % 2) as u16, 0..1, lots, *id, due);
                        let flags = Flags::FIRST.with(Flags::LAST);
                        self.lines[(eighth % 2) as usize].push(with_flags(&update, flags));
                    }
                }
            }
        }
        self.wait(start_ns + rounds * interval_ns)?;
        Ok(self.sent)
    }

    /// Reads what came back until a message is due.
    fn wait(&mut self, due: u64) -> Result<(), RigError> {
        self.clock.refresh();
        while self.clock.now_ns() + AIM_NS < due {
            if !self.answers.poll(&mut self.frame)? {
                std::thread::yield_now();
            } else if let Some(quote) = self.frame.get::<Quote>() {
                self.quote = Some(*quote);
            } else if let Some(order) = self.frame.get::<VenueOrder>() {
                self.orders.push(*order);
            }
        }
        while self.clock.now_ns() < due {}
        self.sent.late += u64::from(self.clock.now_ns() > due + LATE_NS);
        Ok(())
    }

    fn accept(&mut self, round: u64, due: u64) {
        let Some(quote) = self.quote else {
            self.sent.unanswered += 1;
            return;
        };
        self.lines[2].push(Frame::of(&NewOrderSingle {
            cl_ord_id: text(round),
            quote_id: quote.quote_id,
            client: quote.client,
            instrument: quote.instrument,
            qty: quote.qty,
            px: quote.offer_px,
            side: Side::Buy.fix(),
            ord_type: OrdType::PreviouslyQuoted.byte(),
            session: quote.session,
            ts_recv: due,
            ..Zeroable::zeroed()
        }));
        self.sent.accepts += 1;
    }
}

fn text<const N: usize>(n: u64) -> Text<N> {
    Text::new(&n.to_string()).expect("a number of 20 digits at most")
}

/// Levels of a venue's book, on both sides; the second venue's prices are a third of a level behind the first's.
fn book(venue: u16, levels: core::ops::Range<i64>, lots: i64, id: u64, ts: u64) -> BookUpdate {
    let count = levels.end - levels.start;
    let mut update = BookUpdate {
        venue: VenueId(venue),
        ts_event: ts,
        ts_recv: ts,
        first_id: id,
        last_id: id,
        bids: count as u8,
        asks: count as u8,
        ..Zeroable::zeroed()
    };
    let prices = [-1, 1].into_iter().flat_map(|sign| {
        let away = |level| LEVEL_TICKS * (level + 1) + i64::from(venue) * LEVEL_TICKS / 3;
        levels.clone().map(move |level| MID_TICKS + sign * away(level))
    });
    for (level, px) in update.levels.iter_mut().zip(prices) {
        *level = BookLevel {
            px: Px(px),
            qty: Qty(lots),
        };
    }
    update
}

fn with_flags(update: &BookUpdate, flags: Flags) -> Frame {
    let mut frame = Frame::of(update);
    frame.header_mut().commit = update.commit_for(flags).pack();
    frame
}

fn request(round: u64, due: u64) -> QuoteRequest {
    // Always the same side: what is hedged does not depend on how soon the hedge before was filled.
    QuoteRequest {
        quote_req_id: text(round),
        client: ClientId((round % CLIENTS) as u32),
        qty: Qty(QTY_MIN + (round.wrapping_mul(7) % QTYS) as i64 * QTY_STEP),
        side: Side::Buy.fix(),
        session: SessionId(1),
        ts_recv: due,
        ..Zeroable::zeroed()
    }
}

/// All of an order, at its limit and for no fee.
fn filled(order: &VenueOrder, due: u64) -> VenueReport {
    VenueReport {
        order_id: order.order_id,
        exec_id: Text::new(&order.order_id.to_string()).expect("an id fits"),
        instrument: order.instrument,
        venue: order.venue,
        side: order.side,
        exec_type: ExecType::Trade.byte(),
        ord_status: OrdStatus::Filled.byte(),
        last_px: order.px,
        last_qty: order.qty,
        cum_qty: order.qty,
        fee_asset: AssetId(1),
        ts_event: due,
        ts_recv: due,
        ..Zeroable::zeroed()
    }
}

/// Holds every accept against what it led to: one fill, and orders to venues for as much on the client's side.
fn check(mut journal: Reader) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut frame = Frame::default();
    let mut accept: Option<(NewOrderSingle, i64)> = None;
    loop {
        let is_record = journal.poll(&mut frame)?;
        if !is_record || !frame.record_type().is_output() {
            if let Some((order, hedged)) = accept.take() {
                found.unhedged += u64::from(hedged != order.qty.0);
            }
            if !is_record {
                return Ok(found);
            }
            accept = frame.get::<NewOrderSingle>().map(|order| (*order, 0));
            continue;
        }
        let Some((order, hedged)) = &mut accept else {
            continue;
        };
        if let Some(report) = frame.get::<ExecutionReport>() {
            let is_fill = report.exec_type == ExecType::Trade.byte();
            found.fills += u64::from(is_fill && report.cum_qty == order.qty);
        } else if let Some(part) = frame.get::<VenueOrder>()
            && part.side == order.side
        {
            *hedged += part.qty.0;
            found.hedge_orders += 1;
        }
    }
}
