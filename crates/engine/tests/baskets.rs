//! A strategy that asks for all it may at once: what its input says stays within its bound, and the rest comes later.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;

use bytemuck::Zeroable;
use desk::{Desk, INSTRUMENT};
use pinrail_engine::{Bounds, Engine, OUT_LINES_MAX, Out};
use pinrail_pricing::{ACTIONS_MAX, Actions, Desk as View, Fill, Strategy, SweepPricer, WithStrategy};
use pinrail_types::record::{
    BookLevel, BookUpdate, ExecType, InputReject, ListingDef, OrdStatus, QuoteRequest, Scope, Tick,
    TradeCaptureReport, TradingState, TradingStateSet, VenueBalance, VenueDef, VenueOrder, VenueReport,
};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{
    Amount, AssetId, Cause, E8, Flags, Frame, NewParentOrder, OutId, Px, Qty, Record, Side, SourceId,
    StrategyId, Text, VenueId,
};

const VENUES: u16 = 8;

/// Asks for as many parent orders as it may, at each fill and each time that it is woken, which is once.
#[derive(Clone, Copy, Debug, Default)]
struct Basket {
    was_woken: bool,
}

fn ask(actions: &mut Actions) {
    for _ in 0..ACTIONS_MAX {
        actions.parent(NewParentOrder {
            strategy: StrategyId(1),
            instrument: INSTRUMENT,
            side: Side::Buy,
            qty: Qty(80),
            limit_net_e8: 11_000 * i128::from(E8),
            ref_px: Px(10_000),
            cost_max: Amount::new(1 << 80),
            tries_max: 3,
            retry_ns: 1_000,
        });
    }
}

impl Strategy for Basket {
    const NAME: &'static str = "basket";

    fn on_book(&mut self, _: pinrail_types::InstrumentId, _: &impl View, actions: &mut Actions) {
        if !self.was_woken {
            actions.wake_at(20_000);
        }
    }

    fn on_fill(&mut self, _: &Fill, _: &impl View, actions: &mut Actions) {
        ask(actions);
    }

    fn on_timer(&mut self, _: &impl View, actions: &mut Actions) {
        self.was_woken = true;
        ask(actions);
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.flag(&mut self.was_woken)
    }
}

struct World {
    engine: Engine<WithStrategy<SweepPricer, Basket>>,
    out: Out,
    seq: u64,
    source_seq: u64,
    now: u64,
}

impl World {
    fn put<R: Record>(&mut self, record: &R) -> Out {
        self.put_frame(Frame::of(record))
    }

    fn put_frame(&mut self, mut frame: Frame) -> Out {
        self.seq += 1;
        self.source_seq += 1;
        let header = frame.header_mut();
        (header.seq, header.ts_core) = (self.seq, self.now);
        header.cause = Cause::input(SourceId(1), self.source_seq);
        self.engine.on_event(&frame, &mut self.out);
        let out = self.out.clone();
        self.seq += out.len() as u64;
        self.engine.seal(&mut self.out);
        assert!(self.engine.are_parents_conserved() && self.engine.is_balanced());
        out
    }

    /// Eight venues with a little at one price each, and sixteen quotes that end when the strategy is woken.
    fn new() -> World {
        let bounds = Bounds {
            assets: 2,
            instruments: 1,
            venues: usize::from(VENUES),
            clients: 2,
            open_quotes: 64,
            book_levels: 64,
            sources: 2,
            orders: 64,
            pages: 128,
        };
        let pricer = SweepPricer::new(1);
        let strategy = Basket::default();
        let mut world = World {
            engine: Engine::new(bounds, WithStrategy { pricer, strategy }),
            out: Out::new(),
            seq: 0,
            source_seq: 0,
            now: 10_000,
        };
        world.put(&bounds.epoch_start(1));
        for frame in Desk::configuration() {
            world.put_frame(frame);
        }
        for venue in (2..VENUES).map(VenueId) {
            world.put(&VenueDef {
                venue,
                stale_ns_max: desk::STALE_NS,
                taker_fee_e8: 10_000,
                ..Zeroable::zeroed()
            });
            world.put(&ListingDef {
                venue,
                tick_multiple: 1,
                lot_multiple: 1,
                ..Zeroable::zeroed()
            });
        }
        for (venue, asset) in (0..VENUES).flat_map(|venue| [(venue, 0), (venue, 1)]) {
            world.put(&VenueBalance {
                asset: AssetId(asset),
                venue: VenueId(venue),
                balance: Amount::new(1 << 80),
                ..Zeroable::zeroed()
            });
        }
        world.put(&state(TradingState::Active));
        for n in 0..VENUES {
            world.book(VenueId(n));
        }
        for n in 0..16 {
            let request = QuoteRequest {
                quote_req_id: Text::new(&format!("R{n}")).unwrap(),
                qty: Qty(1),
                side: b'1',
                ..Zeroable::zeroed()
            };
            world.put(&request);
        }
        assert_eq!(world.engine.open_quotes(), 16);
        world.now += desk::TTL_NS;
        world
    }

    fn book(&mut self, venue: VenueId) {
        let mut update = BookUpdate {
            venue,
            ts_recv: self.now,
            first_id: 1,
            last_id: 1,
            bids: 1,
            asks: 1,
            ..Zeroable::zeroed()
        };
        update.levels[0] = BookLevel {
            px: Px(9_990),
            qty: Qty(10),
        };
        update.levels[1] = BookLevel {
            px: Px(10_010),
            qty: Qty(10),
        };
        let mut frame = Frame::of(&update);
        let flags = Flags::FIRST.with(Flags::LAST).with(Flags::SNAPSHOT);
        frame.header_mut().commit = update.commit_for(flags).pack();
        self.put_frame(frame);
    }

    /// Does what is left; how many orders went to venues.
    fn rest(&mut self) -> usize {
        let mut orders = 0;
        while self.engine.next_timer() <= self.now || self.engine.wants_continue() {
            orders += self.put(&Tick::zeroed()).find::<VenueOrder>().count();
        }
        orders
    }
}

fn state(state: TradingState) -> TradingStateSet {
    TradingStateSet {
        scope: Scope::Global.byte(),
        state: state.byte(),
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    }
}

/// A fill that nobody asked for, so that the strategy is called once more.
fn fill() -> VenueReport {
    VenueReport {
        order_id: OutId::NONE,
        exec_id: Text::new("E1").unwrap(),
        side: b'2',
        exec_type: ExecType::Trade.byte(),
        ord_status: OrdStatus::Filled.byte(),
        last_px: Px(10_000),
        last_qty: Qty(5),
        fee_asset: AssetId(1),
        ..Zeroable::zeroed()
    }
}

#[test]
fn a_kill_and_a_fill_pass_whatever_a_strategy_asks_for_at_the_same_input() {
    let mut killed = World::new();
    let out = killed.put(&state(TradingState::Halted));
    assert!(out.find::<InputReject>().next().is_none());
    assert_eq!(killed.engine.trading_state(), TradingState::Halted);
    let mut filled = World::new();
    let out = filled.put(&fill());
    assert_eq!(out.find::<TradeCaptureReport>().count(), 1);
    assert!(out.words().len() <= 8 * OUT_LINES_MAX);
}

#[test]
fn what_there_is_no_room_for_is_sent_at_the_inputs_that_follow() {
    let mut world = World::new();
    let at_once = world.put(&Tick::zeroed()).find::<VenueOrder>().count();
    assert!(at_once > 0 && at_once < 8 * ACTIONS_MAX, "{at_once}");
    assert_eq!(
        at_once + world.rest(),
        8 * ACTIONS_MAX,
        "a part of each at each venue"
    );
}
