//! Random days of the desk's own book: what is told rebuilds the book, what is held is what rests, and no order outlives its
//! end.
#![allow(clippy::unwrap_used)]

mod desk;
#[path = "desk/market.rs"]
mod market;

use std::collections::{BTreeMap, BTreeSet};

use bytemuck::Zeroable;
use desk::{Desk, INSTRUMENT};
use market::{cancel, cost, held, limit, market, quote, replace};
use pinrail_engine::{Engine, Out};
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    BookLevelDelta, BookOrderDelta, ClientOrder, ExecInst, ExecType, ExecutionReport, InternalTop,
    MarketPhase, MarketPhaseSet, MassQuote, MdUpdateAction, OrdStatus, OrdType, OrderMassCancelRequest,
    PositionReport, Scope, TimeInForce, TradingState, TriggerPriceType,
};
use pinrail_types::{ClientId, InstrumentId, OutId, Px, Qty, Side, Text, VenueId};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const STEPS: u64 = 3_000;

/// The book as a listener knows it, and what it was told of orders.
#[derive(Default)]
struct Listener {
    levels: BTreeMap<(u8, Px), Qty>,
    queues: BTreeMap<(u8, Px), Vec<(u64, Qty)>>,
    top: Option<InternalTop>,
    ended: BTreeSet<OutId>,
    /// Bought less sold, of all clients.
    lots: i64,
    fees: i128,
    house: i128,
    kinds: BTreeSet<u8>,
}

impl Listener {
    fn hear(&mut self, out: &Out) {
        for delta in out.find::<BookLevelDelta>() {
            let at = (delta.side, delta.px);
            if delta.qty == Qty::ZERO {
                assert!(
                    self.levels.remove(&at).is_some(),
                    "a level goes that was not there"
                );
            } else {
                self.levels.insert(at, delta.qty);
            }
        }
        for delta in out.find::<BookOrderDelta>() {
            let queue = self.queues.entry((delta.side, delta.px)).or_default();
            let place = queue.iter().position(|(id, _)| *id == delta.book_order_id);
            match (MdUpdateAction::from_byte(delta.action).unwrap(), place) {
                (MdUpdateAction::New, None) => queue.push((delta.book_order_id, delta.qty)),
                (MdUpdateAction::Change, Some(at)) => queue[at].1 = delta.qty,
                (MdUpdateAction::Delete, Some(at)) => {
                    queue.remove(at);
                }
                (action, place) => panic!("{action:?} of {place:?}"),
            }
        }
        self.top = out.find::<InternalTop>().last().or(self.top);
        for report in out.find::<ExecutionReport>() {
            self.kinds.insert(report.exec_type);
            if report.exec_type == ExecType::Rejected.byte() {
                continue;
            }
            assert!(
                !self.ended.contains(&report.order_id),
                "told of an order that has ended"
            );
            assert_eq!(
                report.leaves_qty == Qty::ZERO,
                is_end(report.ord_status),
                "{report:?}"
            );
            if report.leaves_qty == Qty::ZERO {
                self.ended.insert(report.order_id);
            } else {
                assert_eq!(report.leaves_qty.0 + report.cum_qty.0, report.qty.0);
            }
            if report.exec_type == ExecType::Trade.byte() {
                let side = Side::from_fix(report.side).unwrap();
                self.lots += side.sign() * report.last_qty.0;
                self.fees += report.fee.get();
            }
        }
        if let Some(house) = out.find::<PositionReport>().last() {
            self.house = house.cash.get();
        }
    }

    fn compare(&self, desk: &Desk) {
        let books = desk.engine.own_books();
        assert_eq!(
            (self.lots, self.fees),
            (0, self.house),
            "money and assets sum to zero"
        );
        let position = |client| desk.engine.client_position(ClientId(client), INSTRUMENT);
        assert_eq!(position(0) + position(1), 0);
        let mut worth = [0_i128; 2];
        for side in [Side::Buy, Side::Sell] {
            let levels: BTreeMap<(u8, Px), Qty> = books
                .levels(INSTRUMENT, side)
                .map(|(px, qty)| ((side.fix(), px), qty))
                .collect();
            let told = self.levels.iter().filter(|((of, _), _)| *of == side.fix());
            assert!(told.map(|(at, qty)| (*at, *qty)).eq(levels));
            let mut queues: BTreeMap<(u8, Px), Vec<(u64, Qty)>> = BTreeMap::new();
            for order in books.orders(INSTRUMENT, side) {
                let queue = queues.entry((side.fix(), order.px)).or_default();
                queue.push((order.order_id, order.shown));
            }
            let told = self
                .queues
                .iter()
                .filter(|((of, _), queue)| *of == side.fix() && !queue.is_empty());
            assert!(told.eq(&queues));
            for order in books
                .orders(INSTRUMENT, side)
                .chain(books.stops(INSTRUMENT, side))
            {
                // The reference never moves here.
                let px = if side == Side::Buy {
                    order.px.0
                } else {
                    order.px.0.max(10_000)
                };
                worth[order.client.index()] += cost(px, order.leaves.0);
            }
        }
        if let Some(top) = self.top {
            let is = books.top(INSTRUMENT);
            assert_eq!(
                (top.bid_px, top.bid_qty, top.offer_px, top.offer_qty),
                (is.bid_px, is.bid_qty, is.ask_px, is.ask_qty)
            );
        }
        assert_eq!(
            [held(desk, 0), held(desk, 1)],
            worth,
            "what is held is what rests"
        );
    }
}

fn is_end(ord_status: u8) -> bool {
    let status = OrdStatus::from_byte(ord_status).unwrap();
    !matches!(status, OrdStatus::New | OrdStatus::PartiallyFilled)
}

struct Day {
    desk: Desk,
    draws: Xoshiro256PlusPlus,
}

impl Day {
    fn below(&mut self, end: u64) -> u64 {
        self.draws.next_u64() % end
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn name(&mut self) -> String {
        format!("O{}", self.below(24))
    }

    fn order(&mut self) -> ClientOrder {
        let name = self.name();
        let client = self.below(2) as u32;
        let qty = self.pick(&[-30, -12, -5, -1, 1, 5, 12, 30]);
        let px = 9_990 + self.below(21) as i64;
        let mut order = ClientOrder {
            self_match: self.below(5) as u8,
            ..limit(&name, client, px, qty)
        };
        match self.below(16) {
            0 => {
                order.ord_type = OrdType::Market.byte();
                order.time_in_force = TimeInForce::ImmediateOrCancel.byte();
                order.px = Px::NONE;
            }
            1 => order.time_in_force = TimeInForce::ImmediateOrCancel.byte(),
            2 => order.time_in_force = TimeInForce::FillOrKill.byte(),
            3 => order.exec_inst = ExecInst::POST_ONLY,
            4 => order.exec_inst = ExecInst::POST_ONLY | ExecInst::REPRICE,
            5 => order.exec_inst = ExecInst::REDUCE_ONLY,
            6 => order.display_qty = Qty(1 + self.below(4) as i64),
            7 => order.min_qty = Qty(1 + self.below(6) as i64),
            8 => {
                order.time_in_force = TimeInForce::GoodTillDate.byte();
                order.expire_ts = self.desk.now + self.below(3_000);
            }
            9 => order.time_in_force = TimeInForce::Day.byte(),
            10 | 11 => {
                order.ord_type = self.pick(&[OrdType::Stop, OrdType::StopLimit]).byte();
                order.trigger = self
                    .pick(&[TriggerPriceType::LastTrade, TriggerPriceType::Reference])
                    .byte();
                order.stop_px = Px(9_990 + self.below(21) as i64);
            }
            _ => {}
        }
        order
    }

    fn side(&mut self, from: i64) -> Vec<(i64, i64)> {
        let count = self.below(4) as i64;
        (0..count).map(|n| (from + n, self.below(12) as i64)).collect()
    }

    fn step(&mut self) -> Out {
        self.desk.now += self.below(200);
        let name = self.name();
        let client = self.below(2) as u32;
        match self.below(24) {
            0 => self.desk.tick(),
            1 | 2 => {
                let (bid, ask) = (9_990 + self.below(20) as i64, 9_994 + self.below(20) as i64);
                let (bids, asks) = (self.side(bid), self.side(ask));
                let self_match = self.below(5) as u8;
                self.desk.put(MassQuote {
                    self_match,
                    ..quote(client, &bids, &asks)
                })
            }
            3..6 => self.desk.put(cancel(&name, client)),
            6..9 => {
                let (to, px, qty) = (
                    self.name(),
                    9_990 + self.below(21) as i64,
                    1 + self.below(30) as i64,
                );
                self.desk.put(replace(&name, &to, client, px, qty))
            }
            9 if self.below(4) == 0 => {
                let instrument = self.pick(&[INSTRUMENT, OrderMassCancelRequest::ALL, InstrumentId(1)]);
                let side = self.pick(&[0, b'1', b'2']);
                self.desk.put(OrderMassCancelRequest {
                    client: ClientId(client),
                    instrument,
                    side,
                    ..Zeroable::zeroed()
                })
            }
            10 if self.below(4) == 0 => {
                let phase = self.pick(&[
                    MarketPhase::Continuous,
                    MarketPhase::Auction,
                    MarketPhase::CancelOnly,
                    MarketPhase::Halted,
                ]);
                self.phase(phase)
            }
            11 | 12 => self.phase(MarketPhase::Continuous),
            13 if self.below(10) == 0 => {
                let state = self.pick(&[TradingState::Halted, TradingState::Reducing]);
                self.desk.set_state(Scope::Client, client, state)
            }
            14 => self.desk.set_state(Scope::Client, client, TradingState::Active),
            15 => {
                let id = VenueId(self.below(2) as u16);
                let off = i64::from(id.0);
                self.desk
                    .snapshot(id, &[(9_990 - off, 500)], &[(10_010 + off, 500)])
            }
            _ => {
                let order = self.order();
                self.desk.put(order)
            }
        }
    }

    fn phase(&mut self, phase: MarketPhase) -> Out {
        let day_end_ts = self.desk.now + 2_000;
        self.desk.put(MarketPhaseSet {
            instrument: INSTRUMENT,
            phase: phase.byte(),
            day_end_ts,
            actor: Text::new("tester").unwrap(),
            ..Zeroable::zeroed()
        })
    }
}

#[test]
fn what_is_told_rebuilds_the_book_and_what_is_held_is_what_rests() {
    let mut kinds = BTreeSet::new();
    for seed in 0..20 {
        let mut day = Day {
            desk: market(),
            draws: Xoshiro256PlusPlus::seed_from_u64(seed),
        };
        let mut listener = Listener::default();
        for _ in 0..STEPS {
            listener.hear(&day.step());
            let mut goes_on = 0;
            // Mostly at once, as a core does.
            while day.desk.engine.wants_continue() && day.below(20) > 0 {
                listener.hear(&day.desk.go_on());
                goes_on += 1;
                assert!(goes_on < 1_000, "there is always something left to do");
            }
            if day.below(16) == 0 {
                load_again(&mut day.desk);
            }
            if !day.desk.engine.wants_continue() {
                listener.compare(&day.desk);
            }
        }
        day.desk.set_state(Scope::Global, 0, TradingState::Halted);
        while day.desk.engine.wants_continue() {
            day.desk.go_on();
        }
        assert!(day.desk.engine.nothing_reserved() && day.desk.engine.own_books().is_empty());
        kinds.extend(listener.kinds);
        same_again(&day.desk);
    }
    assert_eq!(
        kinds.iter().map(|kind| char::from(*kind)).collect::<String>(),
        "0458CDFL"
    );
}

/// What is saved, long work under way or not, goes on as it would have.
fn load_again(desk: &mut Desk) {
    let words = desk.engine.save();
    let bounds = *desk.engine.bounds();
    let mut loaded = Engine::load(bounds, SweepPricer::new(bounds.instruments), &words).unwrap();
    assert!(loaded.save() == words, "a load has changed the state");
    desk.engine = loaded;
}

/// The same inputs give the same outputs, without any load.
fn same_again(desk: &Desk) {
    let bounds = *desk.engine.bounds();
    let mut engine = Engine::new(bounds, SweepPricer::new(bounds.instruments));
    let mut out = Out::new();
    for input in &desk.inputs {
        engine.on_event(input, &mut out);
        engine.seal(&mut out);
    }
    assert_eq!(engine.output_hash(), desk.engine.output_hash());
    assert_eq!(engine.counts(), desk.engine.counts());
}
