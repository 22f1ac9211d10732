//! A core over rings on the heap and a journal in temporary directories, stepped by hand without threads.
#![allow(dead_code, unreachable_pub)]

use std::path::PathBuf;

use bytemuck::Zeroable;
use pinrail_book::Consolidated;
use pinrail_engine::Bounds;
use pinrail_journal::{Journal, JournalConfig, SyncPolicy, archive};
use pinrail_pricing::{PriceRequest, Pricer, Prices, SweepPricer};
use pinrail_ring::{Class, Producer};
use pinrail_runtime::{Core, Inlet, Role, clock, recover};
use pinrail_types::record::{
    BookLevel, BookUpdate, InstrumentLimits, QuoteRequest, Scope, TierSpread, TradingState, TradingStateSet,
    VenueDef,
};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Cause, ClientId, Flags, Frame, Px, Qty, Reason, Record, SourceId, Text, VenueId};
use tempfile::TempDir;

use crate::desk::{self, Desk};

pub const CLIENTS: SourceId = SourceId(1);
pub const VENUES: [SourceId; 2] = [SourceId(2), SourceId(3)];
pub const BOUNDS: Bounds = Bounds {
    assets: 2,
    // So many that the core looks ahead in the venues' rings; one is used.
    instruments: 300,
    venues: 2,
    clients: 3,
    open_quotes: 256,
    book_levels: 64,
    sources: 5,
    orders: 32,
    pages: 128,
};

pub struct Place {
    pub archive: TempDir,
    pub live: TempDir,
}

impl Place {
    pub fn new() -> Place {
        let live = TempDir::new_in("/dev/shm").expect("a machine with shared memory");
        Place {
            archive: TempDir::new().unwrap(),
            live,
        }
    }

    pub fn config(&self, segment_bytes: u64) -> JournalConfig {
        JournalConfig {
            segment_bytes,
            sync: SyncPolicy::Never,
            ..JournalConfig::new(self.archive_dir(), self.live.path().join("live"))
        }
    }

    pub fn archive_dir(&self) -> PathBuf {
        self.archive.path().join("archive")
    }

    /// What is archived, and if `live` what is not yet.
    pub fn records(&self, live: bool) -> Vec<Frame> {
        let live_dir = self.live.path().join("live");
        let mut reader = archive::Reader::open(&self.archive_dir(), live.then_some(&live_dir)).unwrap();
        let mut frame = Frame::default();
        let mut frames = Vec::new();
        while reader.next(&mut frame).unwrap().is_some() {
            frames.push(frame);
        }
        frames
    }
}

pub fn found<R: Record>(frames: &[Frame]) -> Vec<R> {
    frames.iter().filter_map(Frame::get::<R>).copied().collect()
}

/// A producer that numbers what it sends.
pub struct Sender {
    pub producer: Producer,
    pub source: SourceId,
    pub seq: u64,
}

impl Sender {
    pub fn send(&mut self, frame: Frame) {
        assert!(self.offer(frame), "the ring has room");
    }

    /// Whether there was room for it.
    pub fn offer(&mut self, mut frame: Frame) -> bool {
        frame.header_mut().cause = Cause::input(self.source, self.seq + 1);
        let taken = self.producer.try_push(frame.words(), Class::Reserved).is_ok();
        self.seq += u64::from(taken);
        taken
    }
}

/// Senders of clients, operator and two venues, and the inlets at their other ends.
pub fn sources() -> (Vec<Sender>, Vec<Inlet>) {
    sources_over(1_024)
}

/// The same over rings of so many lines.
pub fn sources_over(ring_lines: usize) -> (Vec<Sender>, Vec<Inlet>) {
    let roles = [
        (CLIENTS, Role::Client),
        (SourceId(4), Role::Control),
        (VENUES[0], Role::Venue),
        (VENUES[1], Role::Venue),
    ];
    roles
        .into_iter()
        .map(|(source, role)| {
            let (producer, consumer) = pinrail_ring::heap(ring_lines).unwrap();
            (
                Sender {
                    producer,
                    source,
                    seq: 0,
                },
                Inlet::new(consumer, source, role),
            )
        })
        .unzip()
}

pub fn snapshot(venue: VenueId, id: u64, ts: u64, mid: i64) -> Frame {
    let mut update = BookUpdate {
        venue,
        ts_recv: ts,
        first_id: id,
        last_id: id,
        bids: 5,
        asks: 5,
        ..Zeroable::zeroed()
    };
    for (n, level) in update.levels.iter_mut().take(10).enumerate() {
        let n = n as i64;
        let px = if n < 5 { mid - 10 - n } else { mid + 10 + n - 5 };
        *level = BookLevel {
            px: Px(px),
            qty: Qty(500),
        };
    }
    let commit = update.commit_for(Flags::FIRST.with(Flags::LAST).with(Flags::SNAPSHOT));
    let mut frame = Frame::of(&update);
    frame.header_mut().commit = commit.pack();
    frame
}

pub fn request(n: u64, ts: u64, qty: i64) -> Frame {
    Frame::of(&QuoteRequest {
        quote_req_id: Text::new(&format!("R{n}")).unwrap(),
        client: ClientId((n % 2) as u32),
        qty: Qty(qty),
        side: b'1',
        ts_recv: ts,
        ..Zeroable::zeroed()
    })
}

pub fn activate() -> Frame {
    Frame::of(&TradingStateSet {
        scope: Scope::Global.byte(),
        state: TradingState::Active.byte(),
        actor: Text::new("tester").unwrap(),
        ..Zeroable::zeroed()
    })
}

/// Panics when it is asked for [`Fragile::POISON`], and for [`Fragile::SHY`] once the house has a position.
#[derive(Debug)]
pub struct Fragile(SweepPricer);

impl Fragile {
    pub const POISON: i64 = 601;
    pub const SHY: i64 = 603;

    pub fn new(bounds: &Bounds) -> Fragile {
        Fragile(SweepPricer::new(bounds.instruments))
    }
}

impl Pricer for Fragile {
    const NAME: &'static str = SweepPricer::NAME;

    fn price(&mut self, request: &PriceRequest<'_>, venues: &Consolidated) -> Result<Prices, Reason> {
        assert!(request.qty.0 != Fragile::POISON, "poison");
        let is_shy = request.qty.0 == Fragile::SHY && request.position != Qty::ZERO;
        assert!(!is_shy, "shy");
        self.0.price(request, venues)
    }

    fn on_tier_spread(&mut self, spread: &TierSpread) -> Result<(), Reason> {
        self.0.on_tier_spread(spread)
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.0.visit(visitor)
    }
}

const HOUR_NS: u64 = 3_600_000_000_000;

pub fn configuration(quote_ttl_ns: u64) -> Vec<Frame> {
    let patient = |frame: Frame| {
        if let Some(def) = frame.get::<VenueDef>() {
            return Frame::of(&VenueDef {
                stale_ns_max: HOUR_NS,
                ..*def
            });
        }
        match frame.get::<InstrumentLimits>() {
            Some(limits) => Frame::of(&InstrumentLimits {
                quote_ttl_ns,
                ..*limits
            }),
            None => frame,
        }
    };
    Desk::configuration().into_iter().map(patient).collect()
}

pub struct Live {
    pub place: Place,
    pub core: Core<Fragile>,
    /// Sequence of the first record that the start replayed.
    pub from_seq: u64,
    pub senders: Vec<Sender>,
    pub archiver: pinrail_journal::Archiver,
    pub preparer: pinrail_journal::Preparer,
    pub clock: clock::Clock,
}

impl Live {
    /// On a new journal. Books stay good for an hour, whoever interrupts the test; quotes only for [`desk::TTL_NS`].
    pub fn start(segment_bytes: u64) -> Live {
        Live::begin(Place::new(), segment_bytes, configuration(desk::TTL_NS))
    }

    /// Goes on with what stands in a journal. Quotes stay good for an hour, too.
    pub fn restart(place: Place) -> Live {
        Live::begin(place, 1 << 20, configuration(HOUR_NS))
    }

    pub fn begin(place: Place, segment_bytes: u64, mut configuration: Vec<Frame>) -> Live {
        let Journal {
            mut writer,
            archiver,
            preparer,
            ..
        } = pinrail_journal::open(&place.config(segment_bytes)).unwrap();
        let (clock, _) = clock::start().unwrap();
        let (mut senders, inlets) = sources();
        let recovered = recover(&place.archive_dir(), BOUNDS, Fragile::new, &mut writer).unwrap();
        let goes_on = recovered.goes_on();
        let engine = recovered.engine;
        if !goes_on {
            configuration.push(activate());
        }
        for sender in &mut senders {
            sender.seq = engine.last_source_seq(sender.source);
        }
        let core = Core::new(engine, writer, clock.clone(), inlets, &configuration, ());
        Live {
            place,
            core,
            from_seq: recovered.from_seq,
            senders,
            archiver,
            preparer,
            clock,
        }
    }

    pub fn with_books() -> Live {
        let mut live = Live::start(1 << 20);
        live.books(1);
        live.work();
        live
    }

    /// Its validity has ended and no duty cycle was run since.
    pub fn with_a_quote_that_is_over() -> Live {
        let mut live = Live::with_books();
        live.ask(1);
        // Once: a second cycle could find it over already.
        live.core.do_work();
        let until = live.clock.now_ns() + 2 * desk::TTL_NS;
        while live.clock.now_ns() < until {}
        live
    }

    pub fn books(&mut self, id: u64) {
        let now = self.clock.now_ns();
        for venue in 0..2 {
            self.senders[2 + venue].send(snapshot(VenueId(venue as u16), id, now, 10_000));
        }
    }

    pub fn ask(&mut self, n: u64) {
        self.ask_for(n, 600);
    }

    pub fn ask_for(&mut self, n: u64, qty: i64) {
        let now = self.clock.now_ns();
        self.senders[0].send(request(n, now, qty));
    }

    pub fn work(&mut self) {
        while self.core.do_work() > 0 {}
    }

    pub fn finish(self) -> Vec<Frame> {
        self.finish_with_place().1
    }

    pub fn finish_with_place(mut self) -> (Place, Vec<Frame>) {
        self.work();
        let (_, writer, ()) = self.core.into_parts();
        writer.finish(1);
        drop(self.preparer);
        self.archiver.finish().unwrap();
        let frames = self.place.records(false);
        (self.place, frames)
    }

    /// The last record of its type so far.
    pub fn last<R: Record>(&self) -> R {
        *found::<R>(&self.place.records(true)).last().unwrap()
    }

    /// Ends as a killed process does: what is in shared memory stays there.
    pub fn kill(self) -> Place {
        self.place
    }
}
