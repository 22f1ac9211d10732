//! Instructions executed, as callgrind counts them: the same figure on every run of one build.
//!
//! `scripts/instructions` runs these and compares them with the counts in `bench/instructions.json`. A bench takes
//! what it works on from a `setup` function, whose own instructions are not counted, and gives back what it made,
//! so that its answer can't be optimised away and dropping it is not counted.

#![expect(missing_docs, reason = "the bench macros make public items without docs")]

#[path = "../../crates/engine/tests/desk/mod.rs"]
mod desk;
#[path = "../../crates/engine/tests/desk/many.rs"]
mod many;

use std::hint::black_box;

use bytemuck::Zeroable;
use desk::{Desk, strategies};
use gungraun::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use many::Many;
use pinrail_bench::DeepBook;
use pinrail_book::{Book, Consolidated, Estimates, Source, Top};
use pinrail_journal::{Journal, JournalConfig, SyncPolicy};
use pinrail_matching::{Amend, NewOrder};
use pinrail_pricing::{Adjustments, PriceRequest, Pricer, Prices, SweepPricer};
use pinrail_ring::{Class, Consumer, Producer};
use pinrail_risk::{Ask, Quoted, Risk, RiskBounds};
use pinrail_types::record::{
    AssetDef, BookLevel, BookState, BookUpdate, ClientDef, InstrumentDef, InventoryRule, LimitKind,
    LimitScope, LimitSet, Quote, QuoteBasis, QuoteHedge, QuoteRequest, QuotingParams, Scope, SequenceRule,
    Tick, TierSpread, TradingState, VenueOrder,
};
use pinrail_types::{
    Amount, Cause, ClientId, Decimal, E8, Flags, Frame, Grid, Instrument, InstrumentId, Px, Qty, Reason,
    Record, RecordHeader, SessionId, Side, SourceId, Text,
};
use tempfile::TempDir;

fn cents() -> Grid {
    let cent = Decimal::parse("0.01").expect("plain decimal text");
    Grid::new(cent).expect("a step above zero")
}

// Price text as Binance sends it, to ticks.
#[library_benchmark]
#[bench::price(setup = cents)]
fn decimal_to_steps(grid: Grid) -> (Grid, i64) {
    let steps = grid.steps(black_box(b"61737.63000000")).expect("on the grid");
    assert_eq!(steps, 6_173_763);
    (grid, steps)
}

// A frame and a record, boxed so that moving them in and out is not what is counted.
fn frame_and<R: Record>() -> (Box<Frame>, Box<R>) {
    (Box::default(), Box::new(R::zeroed()))
}

// A record of three lines into a frame.
#[library_benchmark]
#[bench::quote(setup = frame_and::<Quote>)]
fn frame_put_3_lines((mut frame, quote): (Box<Frame>, Box<Quote>)) -> (Box<Frame>, Box<Quote>) {
    frame.put(black_box(&*quote));
    (frame, quote)
}

// The longest record, four lines, into a frame.
#[library_benchmark]
#[bench::book_update(setup = frame_and::<BookUpdate>)]
fn frame_put_4_lines((mut frame, update): (Box<Frame>, Box<BookUpdate>)) -> (Box<Frame>, Box<BookUpdate>) {
    frame.put(black_box(&*update));
    (frame, update)
}

// One record into a ring and out of it.
fn ring_and<R: Record>() -> (Producer, Consumer, Box<Frame>, Box<Frame>) {
    let (mut producer, mut consumer) = pinrail_ring::heap(1 << 10).expect("a ring");
    let (frame, mut taken) = (Box::new(Frame::of(&R::zeroed())), Box::<Frame>::default());
    for _ in 0..100 {
        producer.try_push(frame.words(), Class::Normal).expect("room");
        assert!(consumer.poll(&mut taken).expect("a sound ring"));
    }
    consumer.release();
    (producer, consumer, frame, taken)
}

type Ring = (Producer, Consumer, Box<Frame>, Box<Frame>);

#[library_benchmark]
#[bench::one_line(setup = ring_and::<Tick>)]
#[bench::two_lines(setup = ring_and::<QuoteRequest>)]
fn ring_push_and_poll((mut producer, mut consumer, frame, mut taken): Ring) -> Ring {
    producer
        .try_push(black_box(frame.words()), Class::Normal)
        .expect("room");
    assert!(consumer.poll(&mut taken).expect("a sound ring"));
    consumer.release();
    (producer, consumer, frame, taken)
}

// A record of 64 bytes into a journal.
struct Journaled {
    journal: Journal,
    frame: Box<Frame>,
    _place: [TempDir; 2],
}

fn journal_and_record() -> Box<Journaled> {
    let place = [TempDir::new_in("/dev/shm"), TempDir::new()].map(|dir| dir.expect("a directory"));
    let mut config = JournalConfig::new(place[1].path().join("archive"), place[0].path().join("live"));
    config.segment_bytes = 1 << 20;
    config.sync = SyncPolicy::Never;
    let mut journal = pinrail_journal::open(&config).expect("a journal");
    let mut frame = Box::new(Frame::of(&Tick::zeroed()));
    for seq in 1..=100 {
        frame.header_mut().seq = seq;
        journal.writer.append(frame.words());
    }
    frame.header_mut().seq = 101;
    // Boxed, so that moving it is not counted.
    Box::new(Journaled {
        journal,
        frame,
        _place: place,
    })
}

#[library_benchmark]
#[bench::one_line(setup = journal_and_record)]
fn journal_append(mut journaled: Box<Journaled>) -> Box<Journaled> {
    journaled
        .journal
        .writer
        .append(black_box(journaled.frame.words()));
    journaled
}

// One level near the touch of a book with forty a side.
fn book_and_change() -> (Box<Book>, Box<BookUpdate>) {
    let mut book = Box::new(Book::new(SequenceRule::Plain, 256));
    for (part, flags) in [
        (0, Flags::FIRST),
        (1, Flags::NONE),
        (2, Flags::NONE),
        (3, Flags::NONE),
        (4, Flags::NONE),
        (5, Flags::NONE),
        (6, Flags::NONE),
        (7, Flags::LAST),
    ] {
        let mut update = BookUpdate {
            ts_recv: 1,
            first_id: 1,
            last_id: 1,
            bids: 5,
            asks: 5,
            ..BookUpdate::zeroed()
        };
        for (n, level) in update.levels.iter_mut().take(10).enumerate() {
            let away = 1 + part * 5 + (n as i64 % 5);
            *level = BookLevel {
                px: Px(if n < 5 { 10_000 - away } else { 10_000 + away }),
                qty: Qty(7),
            };
        }
        update.header.commit = update.commit_for(flags.with(Flags::SNAPSHOT)).pack();
        book.apply(&update);
    }
    assert_eq!((book.state(), book.bids().len()), (BookState::Healthy, 40));
    let mut update = BookUpdate {
        ts_recv: 2,
        first_id: 2,
        last_id: 2,
        bids: 1,
        ..BookUpdate::zeroed()
    };
    update.levels[0] = BookLevel {
        px: Px(9_997),
        qty: Qty(9),
    };
    update.header.commit = update.commit_for(Flags::FIRST.with(Flags::LAST)).pack();
    (book, Box::new(update))
}

#[library_benchmark]
#[bench::near_the_touch(setup = book_and_change, teardown = check_change)]
fn level_change((mut book, update): (Box<Book>, Box<BookUpdate>)) -> (Box<Book>, Box<BookUpdate>) {
    let change = book.apply(black_box(&update));
    assert_eq!(change.now, BookState::Healthy);
    (book, update)
}

// The level has the new quantity, and nothing else changed.
fn check_change((book, update): (Box<Book>, Box<BookUpdate>)) {
    assert_eq!(book.last_id(), update.last_id);
    let qtys: Vec<i64> = book.bids().iter().map(|level| level.qty.0).collect();
    let third = (0..40).map(|n| if n == 2 { 9 } else { 7 }).collect::<Vec<_>>();
    assert_eq!(qtys, third);
    assert_eq!(book.bids().iter().nth(2), Some(update.levels[0]));
}

// A request for ten levels over two venues, every check on, to its quote; the levels not merged beforehand, as in a
// core that is never idle.
fn desk_and_request() -> (Box<Desk>, Box<Frame>) {
    let mut desk = Box::new(Desk::deep());
    for _ in 0..20 {
        desk.ask(0, b'1', 390).expect("a quote");
    }
    let mut frame = Box::new(Frame::of(&desk.request(1, b'1', 390)));
    *frame.header_mut() = RecordHeader {
        seq: desk.seq + 1,
        ts_core: desk.now,
        cause: Cause::input(SourceId(0), 1),
        ..*frame.header()
    };
    (desk, frame)
}

// The same, merged.
fn idle_desk_and_request() -> (Box<Desk>, Box<Frame>) {
    let (mut desk, frame) = desk_and_request();
    while desk.engine.refresh() {}
    (desk, frame)
}

#[library_benchmark]
#[bench::ten_levels_of_two_venues(setup = desk_and_request)]
#[bench::ten_levels_merged(setup = idle_desk_and_request)]
#[bench::every_limit_set(setup = limited_desk_and_request)]
fn request_to_quote((mut desk, frame): (Box<Desk>, Box<Frame>)) -> (Box<Desk>, Box<Frame>) {
    let Desk { engine, out, .. } = &mut *desk;
    engine.on_event(black_box(&frame), out);
    assert!(out.types().eq([Quote::TYPE, QuoteBasis::TYPE, QuoteHedge::TYPE]));
    (desk, frame)
}

// An accept that takes the position out of its band: its fill, and the first orders of the hedge, over two venues and as deep as
// its price may go: four levels of each.
fn hedged_desk_and_accept() -> (Box<HedgedDesk>, Box<Frame>) {
    let mut desk: Box<HedgedDesk> = Box::new(Desk::active_with(strategies::hedgers));
    desk.deepen();
    for balance in strategies::balances() {
        desk.put(balance);
    }
    desk.put(strategies::hedging());
    let quote = desk.ask(0, b'1', 410).expect("a quote");
    let mut frame = Box::new(Frame::of(&Desk::<SweepPricer>::order(&quote, b'1')));
    *frame.header_mut() = RecordHeader {
        seq: desk.seq + 1,
        ts_core: desk.now,
        cause: Cause::input(SourceId(0), 1),
        ..*frame.header()
    };
    while desk.engine.refresh() {}
    (desk, frame)
}

type HedgedDesk = Desk<strategies::Hedgers>;

#[library_benchmark]
#[bench::eight_levels_of_two_venues(setup = hedged_desk_and_accept)]
fn accept_to_fill_and_hedge(
    (mut desk, frame): (Box<HedgedDesk>, Box<Frame>),
) -> (Box<HedgedDesk>, Box<Frame>) {
    let Desk { engine, out, .. } = &mut *desk;
    engine.on_event(black_box(&frame), out);
    assert_eq!(
        out.find::<VenueOrder>().map(|order| order.qty.0).sum::<i64>(),
        320
    );
    (desk, frame)
}

// The same up to what is committed first: the fill, and the first order of the hedge.
#[library_benchmark]
#[bench::eight_levels_of_two_venues(setup = hedged_desk_and_accept)]
fn accept_to_first_hedge_order(
    (mut desk, frame): (Box<HedgedDesk>, Box<Frame>),
) -> (Box<HedgedDesk>, Box<Frame>) {
    let Desk { engine, out, .. } = &mut *desk;
    engine.answer(black_box(&frame), out);
    assert!(out.types().last() == Some(VenueOrder::TYPE));
    (desk, frame)
}

/// Every limit that there is, none of them near.
fn every_limit() -> Vec<LimitSet> {
    let latches = |kind| {
        matches!(
            kind,
            LimitKind::Loss | LimitKind::Drawdown | LimitKind::AssetLoss | LimitKind::AssetDrawdown
        )
    };
    // What is required comes with the definitions.
    let kinds = LimitKind::ALL.iter().filter(|kind| !kind.is_required());
    kinds
        .map(|kind| {
            let (value, window_ns) = match kind {
                LimitKind::NotionalMin => (1, 0),
                LimitKind::VenueSpread | LimitKind::Executions | LimitKind::ClientOpenOrders => {
                    (1_000_000, 0)
                }
                LimitKind::ProtectionFills => (32, 1_000),
                LimitKind::ProtectionDelta => (1 << 40, 1_000),
                LimitKind::Permitted => (0, 0),
                LimitKind::ReferenceMove
                | LimitKind::ClientRate
                | LimitKind::SessionRate
                | LimitKind::VenueRate
                | LimitKind::OrderToTrade => (1_000_000, 1_000_000_000),
                LimitKind::DuplicateWindow => (0, 1_000),
                _ => (1 << 80, 0),
            };
            let target = match kind.scope() {
                LimitScope::Client | LimitScope::Asset => 1,
                LimitScope::Instrument | LimitScope::Desk | LimitScope::Venue => 0,
            };
            LimitSet {
                kind: kind.byte(),
                state: u8::from(latches(*kind)),
                target,
                // Another one than is asked for.
                instrument: InstrumentId(u32::from(*kind == LimitKind::Permitted)),
                value: Amount::new(value),
                window_ns,
                ..LimitSet::zeroed()
            }
        })
        .collect()
}

struct Judged {
    risk: Risk,
    ask: Ask,
    quoted: Quoted,
    held: Amount,
}

// Every check and reservation of a request that is quoted, and nothing else of the core; the reference has moved, and
// no sample of it is due.
fn risk_and_request(side: Option<Side>) -> Box<Judged> {
    let desk = Desk::configuration();
    let mut risk = Risk::new(&RiskBounds {
        venues: 2,
        instruments: 2,
        clients: 3,
        assets: 2,
    });
    let assets: Vec<_> = desk.iter().filter_map(|frame| frame.get::<AssetDef>()).collect();
    for frame in &desk {
        if let Some(def) = frame.get::<InstrumentDef>() {
            let meta = Instrument::new(def, assets[0], assets[1]).expect("a sound definition");
            risk.define(&meta).expect("within the bounds");
        } else if let Some(def) = frame.get::<ClientDef>() {
            risk.set_client(def).expect("within the bounds");
        }
    }
    risk.set_limits(&Desk::limits()).expect("sound limits");
    for set in every_limit() {
        risk.set_limit(&set, 0).expect("a sound limit");
    }
    let actor = Text::new("bench").expect("short");
    risk.set_state(Scope::Global, 0, TradingState::Active, &actor)
        .expect("the desk");
    let ask = Ask {
        client: ClientId(1),
        instrument: InstrumentId(0),
        side,
        qty: Qty(390),
    };
    let mut quoted = Quoted {
        bid_px: Px(9_900),
        offer_px: Px(10_100),
        ref_px: Px(10_000),
        mids: (Px(9_999), Px(10_000)),
    };
    if side == Some(Side::Buy) {
        quoted.bid_px = Px::NONE;
    }
    for n in 0..20 {
        quoted.ref_px = Px(10_000 + n % 2);
        take(&mut risk, &ask, &quoted, 1_000 + n as u64).expect("within the limits");
    }
    quoted.ref_px = Px(10_002);
    Box::new(Judged {
        risk,
        ask,
        quoted,
        held: Amount::new(0),
    })
}

#[inline]
fn take(risk: &mut Risk, ask: &Ask, quoted: &Quoted, now: u64) -> Result<Amount, Reason> {
    risk.admit_request(SessionId(9), ask, now)?;
    risk.reserve(ask, quoted, now)
}

#[library_benchmark]
#[bench::one_sided(args = [Some(Side::Buy)], setup = risk_and_request, teardown = check_judged)]
#[bench::two_sided(args = [None], setup = risk_and_request, teardown = check_judged)]
fn risk_of_a_request(mut judged: Box<Judged>) -> Box<Judged> {
    let Judged {
        risk,
        ask,
        quoted,
        held,
    } = black_box(&mut *judged);
    if let Ok(amount) = take(risk, ask, quoted, 2_000) {
        *held = amount;
    }
    judged
}

// The request passed and holds what it could cost: 390 lots at 10,100 ticks, ten units a tick times a lot.
fn check_judged(mut judged: Box<Judged>) {
    assert_eq!(judged.held.get(), 390 * 10_100 * 10);
    assert!(judged.risk.latched().is_none());
}

// The same as an idle desk's, with every limit set.
fn limited_desk_and_request() -> (Box<Desk>, Box<Frame>) {
    let (mut desk, mut frame) = idle_desk_and_request();
    for set in every_limit() {
        desk.put(set);
    }
    frame.header_mut().seq = desk.seq + 1;
    (desk, frame)
}

// Four venues of ten levels a side and unlike fees, every parameter of the model on. A request takes ten levels, of all venues.
struct Priced {
    pricer: SweepPricer,
    venues: Consolidated,
    request: PriceRequest<'static>,
    prices: Result<Prices, Reason>,
}

const PRICED_AT: u64 = 1_000;

fn ten_levels(venue: i64) -> Book {
    let mut book = Book::new(SequenceRule::Plain, 64);
    for (part, flags) in [(0, Flags::FIRST), (1, Flags::LAST)] {
        let mut update = BookUpdate {
            ts_recv: PRICED_AT,
            first_id: 1,
            last_id: 1,
            bids: 5,
            asks: 5,
            ..BookUpdate::zeroed()
        };
        for (n, level) in update.levels.iter_mut().take(10).enumerate() {
            let away = 1 + venue + (part * 5 + n as i64 % 5) * 9;
            *level = BookLevel {
                px: Px(if n < 5 { 6_170_000 - away } else { 6_170_000 + away }),
                qty: Qty(1_234_500 + away),
            };
        }
        update.header.commit = update.commit_for(flags.with(Flags::SNAPSHOT)).pack();
        book.apply(&update);
    }
    assert_eq!((book.state(), book.asks().len()), (BookState::Healthy, 10));
    book
}

fn venues_and_request(side: Option<Side>) -> Box<Priced> {
    let desk = Desk::configuration();
    let assets: Vec<_> = desk.iter().filter_map(|frame| frame.get::<AssetDef>()).collect();
    let def = desk.iter().find_map(|frame| frame.get::<InstrumentDef>());
    let mut pricer = SweepPricer::new(1);
    let half_spread = TierSpread {
        half_spread_e8: 12_345,
        ..TierSpread::zeroed()
    };
    pricer.on_tier_spread(&half_spread).expect("a sound spread");
    let params = QuotingParams {
        inventory_rule: InventoryRule::Reservation.byte(),
        volatility_mult_e8: E8 / 2,
        hold_ns: 500_000_000,
        impact_e8: 1_234,
        impact_qty: Qty(10_000_000),
        skew_e8: 2_000_000_000_000,
        skew_position: Qty(100_000_000),
        edge_min_e8: 1_000,
        volatility_tau_ns: Estimates::TAU_NS,
        ..QuotingParams::zeroed()
    };
    pricer.on_quoting_params(&params).expect("sound parameters");
    let mut venues = Consolidated::new();
    for venue in 0..4 {
        venues.add(Source {
            lot: Qty(1),
            book: ten_levels(venue),
            taker_fee_e8: [50, 0, -50, 100][venue as usize],
            stale_ns_max: 1_000,
            halted: false,
        });
    }
    let mut estimates = Estimates::default();
    for n in 1..1_000 {
        let bid_px = Px(6_170_000 + n % 3 * 500);
        let ask_px = Px(bid_px.0 + 10);
        estimates.sample(n.unsigned_abs() * Estimates::SAMPLE_NS, Top { bid_px, ask_px });
    }
    let instrument = Instrument::new(def.expect("one"), assets[0], assets[1]).expect("a sound definition");
    let request = PriceRequest {
        instrument: Box::leak(Box::new(instrument)),
        tier: 0,
        side,
        qty: Qty(12_000_000),
        qty_step: 1,
        px_step: 1,
        now: PRICED_AT,
        life_ns: 3_000_000_000,
        position: Qty(45_678_900),
        estimates: Box::leak(Box::new(estimates)),
    };
    Box::new(Priced {
        pricer,
        venues,
        request,
        prices: Err(Reason::None),
    })
}

fn merged_venues_and_request(side: Option<Side>) -> Box<Priced> {
    let mut priced = venues_and_request(side);
    while priced.venues.refresh(PRICED_AT) {}
    priced
}

// What pricing a request takes, and nothing else of the core: merged as in a core that had a moment to itself, or not.
#[library_benchmark]
#[bench::one_sided_merged(args = [Some(Side::Buy)], setup = merged_venues_and_request, teardown = check_prices)]
#[bench::two_sided_merged(args = [None], setup = merged_venues_and_request, teardown = check_prices)]
#[bench::one_sided_unmerged(args = [Some(Side::Buy)], setup = venues_and_request, teardown = check_prices)]
#[bench::two_sided_unmerged(args = [None], setup = venues_and_request, teardown = check_prices)]
fn price_of_a_request(mut priced: Box<Priced>) -> Box<Priced> {
    priced.prices = priced.pricer.price(black_box(&priced.request), &priced.venues);
    priced
}

// Ten levels of four venues, and nothing is left out.
fn check_prices(priced: Box<Priced>) {
    let Priced {
        venues,
        request,
        prices,
        ..
    } = *priced;
    let prices = prices.expect("prices");
    let qty = request.qty;
    let sweep = venues.view(PRICED_AT).and_then(|view| view.sweep(Side::Buy, qty));
    assert_eq!(sweep.expect("deep enough").levels, 10);
    assert_eq!(prices.venue_mask, 0b1111);
    let Adjustments {
        widening_e8,
        impact_e8,
        skew_e8,
        edge_min_e8,
    } = prices.adjustments;
    assert!(
        [widening_e8, impact_e8, skew_e8, edge_min_e8]
            .iter()
            .all(|e8| *e8 > 100),
        "{prices:?}"
    );
    assert_eq!(prices.bid_px == Px::NONE, request.side.is_some());
    assert!(prices.offer_px > prices.hedge_offer_px);
}

library_benchmark_group!(name = pricing, benchmarks = [price_of_a_request]);
library_benchmark_group!(name = risk, benchmarks = [risk_of_a_request]);
// An update and a request where there are so many instruments and clients: the count must not grow with them.
fn many_and_update(instruments: usize) -> (Box<Many>, Box<Frame>) {
    let mut desk = Box::new(Many::new(instruments));
    for _ in 0..20 {
        let update = desk.draw_update();
        desk.put(update);
    }
    let update = Box::new(desk.draw_update());
    (desk, update)
}

#[library_benchmark]
#[bench::of_10(args = (10), setup = many_and_update)]
#[bench::of_10_000(args = (10_000), setup = many_and_update)]
fn update_of_many((mut desk, update): (Box<Many>, Box<Frame>)) -> Box<Many> {
    assert_eq!(desk.put(black_box(*update)), None);
    desk
}

fn many_and_request(instruments: usize) -> (Box<Many>, Box<(Frame, Px)>) {
    let mut desk = Box::new(Many::new(instruments));
    let request = Box::new(desk.draw_request());
    (desk, request)
}

#[library_benchmark]
#[bench::of_10(args = (10), setup = many_and_request)]
#[bench::of_10_000(args = (10_000), setup = many_and_request)]
fn request_of_many((mut desk, request): (Box<Many>, Box<(Frame, Px)>)) -> Box<Many> {
    assert_eq!(desk.put(black_box(request.0)), Some(request.1));
    desk
}

// One message to a book of 10,000 orders on 200 prices a side; what it says must be what it comes to. At four prices five
// orders of 25 are open.
const DEEP: usize = 10_000 - 4 * 20;

type Booked<T> = (Box<DeepBook>, Box<T>);

fn book_and_order(side: Side, away: i64) -> Booked<NewOrder> {
    let book = Box::new(DeepBook::new());
    let order = Box::new(book.order(side, away, DeepBook::QTY));
    (book, order)
}

fn book_and_take(makers: i64) -> Booked<NewOrder> {
    let book = Box::new(DeepBook::new());
    let order = Box::new(book.take(Side::Buy, makers));
    (book, order)
}

fn said((book, _): Booked<impl Sized>) -> (u64, u64, usize) {
    let DeepBook { matcher, told, .. } = *book;
    (told.reports, told.fills, matcher.len())
}

fn check_added(booked: Booked<NewOrder>) {
    assert_eq!(said(booked), (1, 0, DEEP + 1));
}

#[library_benchmark]
#[bench::new_best(args = (Side::Buy, 0), setup = book_and_order, teardown = check_added)]
#[bench::near_the_touch(args = (Side::Sell, 3), setup = book_and_order, teardown = check_added)]
#[bench::far_from_it(args = (Side::Buy, 120), setup = book_and_order, teardown = check_added)]
fn book_add((mut book, order): Booked<NewOrder>) -> Booked<NewOrder> {
    book.submit(black_box(&order));
    (book, order)
}

fn check_matched_one(booked: Booked<NewOrder>) {
    assert_eq!(said(booked), (1, 1, DEEP - 1));
}

#[library_benchmark]
#[bench::whole(args = (1), setup = book_and_take, teardown = check_matched_one)]
fn book_match_one((mut book, order): Booked<NewOrder>) -> Booked<NewOrder> {
    book.submit(black_box(&order));
    (book, order)
}

// Five at the best price and five at the next.
fn check_swept(booked: Booked<NewOrder>) {
    assert_eq!(said(booked), (1, 10, DEEP - 10));
}

#[library_benchmark]
#[bench::two_prices(args = (10), setup = book_and_take, teardown = check_swept)]
fn book_sweep_ten((mut book, order): Booked<NewOrder>) -> Booked<NewOrder> {
    book.submit(black_box(&order));
    (book, order)
}

fn book_and_id(away: i64) -> Booked<u64> {
    let book = Box::new(DeepBook::new());
    let id = Box::new(book.bid_within(away));
    (book, id)
}

fn check_canceled(booked: Booked<u64>) {
    assert_eq!(said(booked), (1, 0, DEEP - 1));
}

#[library_benchmark]
#[bench::at_the_touch(args = (1), setup = book_and_id, teardown = check_canceled)]
#[bench::far_from_it(args = (120), setup = book_and_id, teardown = check_canceled)]
fn book_cancel((mut book, id): Booked<u64>) -> Booked<u64> {
    let DeepBook { matcher, told, .. } = &mut *book;
    assert_eq!(matcher.cancel(black_box(*id), told), Ok(()));
    (book, id)
}

fn book_and_amend(to: i64, qty: i64) -> Booked<Amend> {
    let book = Box::new(DeepBook::new());
    let amend = Box::new(book.amend(3, to, Qty(qty)));
    (book, amend)
}

fn check_amended(booked: Booked<Amend>) {
    assert_eq!(said(booked), (1, 0, DEEP));
}

#[library_benchmark]
#[bench::in_place(args = (3, 6), setup = book_and_amend, teardown = check_amended)]
#[bench::more(args = (3, 16), setup = book_and_amend, teardown = check_amended)]
#[bench::another_price(args = (5, 10), setup = book_and_amend, teardown = check_amended)]
fn book_amend((mut book, amend): Booked<Amend>) -> Booked<Amend> {
    let DeepBook { matcher, told, .. } = &mut *book;
    assert_eq!(matcher.amend(black_box(&amend), told), Ok(()));
    (book, amend)
}

library_benchmark_group!(
    name = matching,
    benchmarks = [book_add, book_cancel, book_amend, book_match_one, book_sweep_ten]
);
library_benchmark_group!(name = ring, benchmarks = [ring_push_and_poll]);
library_benchmark_group!(name = journal, benchmarks = [journal_append]);
library_benchmark_group!(name = book, benchmarks = [level_change]);
library_benchmark_group!(
    name = engine,
    benchmarks = [
        request_to_quote,
        accept_to_fill_and_hedge,
        accept_to_first_hedge_order
    ]
);
library_benchmark_group!(name = scale, benchmarks = [update_of_many, request_of_many]);

library_benchmark_group!(
    name = types,
    benchmarks = [decimal_to_steps, frame_put_3_lines, frame_put_4_lines]
);

main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(["--cache-sim=no"])),
    library_benchmark_groups = [types, ring, journal, book, matching, pricing, risk, engine, scale]
);
