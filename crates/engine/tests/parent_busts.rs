//! Parent orders whose parts' trades are taken back or corrected: what was filled, what is at venues and what is left still make
//! up what was asked for.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;

use bytemuck::Zeroable;
use desk::strategies::{Hedgers as Model, RETRY_NS, balances, hedgers, hedging};
use desk::{Desk, INSTRUMENT, only};
use pinrail_engine::Out;
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    ExecType, OrdStatus, ParentOrderReport, ParentState, Scope, StateChange, TradingState, VenueMassCancel,
    VenueMassCancelReport, VenueOrder, VenueOrderCancel, VenueReport,
};
use pinrail_types::{Amount, AssetId, ParentOrder, Px, Qty, Reason, Text};

/// A desk that is short of 320 lots and hedges 300 of them by one part.
struct Hedging {
    desk: Desk<Model>,
    part: VenueOrder,
    execs: u32,
}

impl Hedging {
    fn new() -> Hedging {
        let mut desk = Desk::active_with(hedgers);
        for balance in balances() {
            desk.put(balance);
        }
        desk.put(hedging());
        let quote = desk.ask(0, b'1', 320).unwrap();
        let out = desk.put(Desk::<SweepPricer>::order(&quote, b'1'));
        let part: VenueOrder = only(&out);
        assert_eq!(part.qty, Qty(300));
        Hedging { desk, part, execs: 0 }
    }

    fn report(&mut self, exec_type: ExecType, qty: i64, px: Px) -> VenueReport {
        self.execs += 1;
        VenueReport {
            order_id: self.part.order_id,
            exec_id: id(self.execs),
            instrument: INSTRUMENT,
            venue: self.part.venue,
            side: self.part.side,
            exec_type: exec_type.byte(),
            ord_status: OrdStatus::PartiallyFilled.byte(),
            last_px: px,
            last_qty: Qty(qty),
            fee_asset: AssetId(1),
            fee: Amount::new(7),
            ..Zeroable::zeroed()
        }
    }

    fn fill(&mut self, qty: i64) -> Out {
        let px = self.part.px;
        let report = self.report(ExecType::Trade, qty, px);
        self.desk.put(report)
    }

    fn end(&mut self, cum: i64) -> Out {
        let report = VenueReport {
            cum_qty: Qty(cum),
            ..self.report(ExecType::Expired, 0, Px(0))
        };
        self.desk.put(report)
    }

    fn correct(&mut self, of: u32, qty: i64, px: Px, leaves: i64) -> Out {
        let exec_type = if qty == 0 {
            ExecType::TradeCancel
        } else {
            ExecType::TradeCorrect
        };
        let report = VenueReport {
            exec_ref_id: id(of),
            leaves_qty: Qty(leaves),
            ..self.report(exec_type, qty, px)
        };
        self.desk.put(report)
    }

    fn parent(&self) -> ParentOrder {
        *self.desk.engine.parent_orders().next().unwrap()
    }

    /// Filled, at venues, and left.
    fn of(&self) -> (i64, i64, i64) {
        let parent = self.parent();
        (parent.filled.0, parent.in_flight.0, parent.unsent().0)
    }
}

fn id(n: u32) -> Text<40> {
    Text::new(&format!("E{n}")).unwrap()
}

#[test]
fn what_is_taken_back_of_an_open_part_is_at_its_venue_again_or_left() {
    for (leaves, of) in [(300, (0, 300, 0)), (180, (0, 180, 120))] {
        let mut hedging = Hedging::new();
        hedging.fill(120);
        assert_eq!(hedging.of(), (120, 180, 0));
        let cost = hedging.parent().cost;
        assert_ne!(cost, Amount::ZERO);
        let px = hedging.part.px;
        // Corrected first, by price and fee alone: the cost follows.
        hedging.correct(1, 120, Px(px.0 - 3), 180);
        assert_eq!(hedging.parent().cost.get(), cost.get() - 3 * 120 * 10);
        hedging.correct(1, 0, Px(0), leaves);
        assert_eq!(hedging.of(), of);
        assert_eq!(hedging.parent().cost, Amount::ZERO);
        // Whatever was left is sent again once the part has ended.
        hedging.end(0);
        hedging.desk.now += RETRY_NS;
        let again: VenueOrder = only(&hedging.desk.tick());
        assert_eq!(again.qty, Qty(300));
    }
}

#[test]
fn what_is_taken_back_of_a_part_that_ended_is_left_and_sent_again() {
    let mut hedging = Hedging::new();
    hedging.fill(120);
    hedging.end(120);
    assert_eq!(hedging.of(), (120, 0, 180));
    let px = hedging.part.px;
    hedging.correct(1, 100, px, 0);
    assert_eq!(hedging.of(), (100, 0, 200));
    hedging.correct(1, 150, px, 0);
    assert_eq!(hedging.of(), (150, 0, 150));
    let out = hedging.correct(1, 0, px, 0);
    assert_eq!(out.find::<StateChange>().count(), 0);
    assert_eq!(hedging.of(), (0, 0, 300));
    hedging.desk.now += RETRY_NS;
    let again: VenueOrder = only(&hedging.desk.tick());
    assert_eq!(again.qty, Qty(300));
}

/// What a correction adds beyond all that was asked for is a position, and no part of the parent order.
#[test]
fn a_correction_beyond_what_is_left_fills_the_parent_order_and_no_more() {
    let mut hedging = Hedging::new();
    hedging.fill(120);
    hedging.end(120);
    let px = hedging.part.px;
    let out = hedging.correct(1, 400, px, 0);
    let done: ParentOrderReport = only(&out);
    assert_eq!(
        (done.parent_state, done.cum_qty, done.reason),
        (ParentState::Done.byte(), Qty(300), Reason::None.code())
    );
    assert_eq!(hedging.desk.engine.position(INSTRUMENT).qty, Qty(80));
}

/// A parent order that is done is done: the position is out of its band again, and another one brings it back.
#[test]
fn what_is_taken_back_behind_the_end_of_a_parent_order_is_hedged_anew() {
    let mut hedging = Hedging::new();
    let out = hedging.fill(300);
    assert_eq!(only::<ParentOrderReport>(&out).cum_qty, Qty(300));
    hedging.desk.now += desk::strategies::HEDGER_REST_NS;
    let out = hedging.correct(1, 0, Px(0), 0);
    assert_eq!(hedging.desk.engine.position(INSTRUMENT).qty, Qty(-320));
    let again: VenueOrder = only(&out);
    assert_eq!(again.qty, Qty(300));
    assert_ne!(again.parent_id, hedging.part.parent_id);
}

#[test]
fn a_mass_cancel_ends_parent_orders_but_for_one_at_a_venue() {
    for (scope, parents) in [(Scope::Global, 1), (Scope::Instrument, 1), (Scope::Venue, 0)] {
        let mut hedging = Hedging::new();
        let out = hedging.desk.put(VenueMassCancel {
            scope: scope.byte(),
            actor: Text::new("ann").unwrap(),
            ..Zeroable::zeroed()
        });
        let report: VenueMassCancelReport = only(&out);
        assert_eq!((report.affected, report.affected_parents), (1, parents));
        let mut cancels = 0;
        while hedging.desk.engine.wants_continue() {
            cancels += hedging.desk.go_on().find::<VenueOrderCancel>().count();
        }
        assert_eq!(cancels, 1);
        let out = hedging.end(0);
        let done: Vec<u16> = out.find::<ParentOrderReport>().map(|done| done.reason).collect();
        let expected = vec![Reason::MassCancel.code(); parents as usize];
        assert_eq!(done, expected, "{scope:?}");
        assert_eq!(hedging.desk.engine.trading_state(), TradingState::Active);
    }
}
