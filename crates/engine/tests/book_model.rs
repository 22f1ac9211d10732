//! Random days of the desk's own book: what is told rebuilds the book, what is held is what rests, and no order outlives its
//! end.
#![allow(clippy::unwrap_used)]

#[path = "desk/day.rs"]
mod day;
mod desk;
#[path = "desk/market.rs"]
mod market;

use std::collections::{BTreeMap, BTreeSet};

use day::Day;
use desk::{Desk, INSTRUMENT};
use market::{cost, held};
use pinrail_engine::{Engine, Out};
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    BookLevelDelta, BookOrderDelta, ExecType, ExecutionReport, InternalTop, MdUpdateAction, OrdStatus,
    PositionReport, Scope, TradingState,
};
use pinrail_types::{ClientId, OutId, Px, Qty, Side};

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

#[test]
fn what_is_told_rebuilds_the_book_and_what_is_held_is_what_rests() {
    let mut kinds = BTreeSet::new();
    for seed in 0..20 {
        let mut day = Day::new(seed);
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
