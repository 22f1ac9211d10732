//! Venues that refuse to cancel, or do not answer: they are asked again some time later, and not for ever; then a person is told.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod venue;

use bytemuck::Zeroable;
use desk::strategies::{Hedgers, balances, hedgers, hedging, order, tell, tell_cancel};
use desk::{Desk, INSTRUMENT, only};
use pinrail_engine::{ANSWER_NS, CANCEL_RETRY_NS, Engine, Out};
use pinrail_oms::life::OrderState;
use pinrail_oms::{ASKS_MAX, REFUSALS_MAX};
use pinrail_types::record::{
    CxlRejResponseTo, ExecType, OrdStatus, ParentOrderReport, ParentState, Scope, StateChange, TimeInForce,
    TradingState, VenueMassCancel, VenueOrder, VenueOrderAlert, VenueOrderCancel, VenueOrderStatusRequest,
    VenueReport,
};
use pinrail_types::{AssetId, NewVenueOrder, Qty, Reason, Side, Text, VenueId};
use venue::{PX, QTY, Traders, confirmed, count, halted, over};

/// Time passes, and what is due is done; what came out.
fn pass(traders: &mut Traders, ns: u64) -> Vec<Out> {
    let until = traders.desk.now + ns;
    let from = traders.outs.len();
    while traders.desk.engine.wants_continue() || traders.desk.engine.next_timer() <= until {
        if traders.desk.engine.wants_continue() {
            let out = traders.desk.go_on();
            traders.outs.push(out);
        } else {
            traders.desk.now = traders.desk.engine.next_timer();
            let out = traders.desk.tick();
            traders.outs.push(out);
        }
        assert!(
            traders.outs.len() - from < 1_000,
            "there is always something to do"
        );
    }
    traders.desk.now = until;
    traders.outs[from..].to_vec()
}

fn all<R: pinrail_types::Record>(outs: &[Out]) -> Vec<R> {
    outs.iter()
        .flat_map(|out| out.find::<R>().collect::<Vec<_>>())
        .collect()
}

fn cancels(outs: &[Out]) -> usize {
    all::<VenueOrderCancel>(outs).len()
}

const DAY_NS: u64 = 86_400_000_000_000;

#[test]
fn a_cancel_that_is_refused_is_asked_again_some_time_later_and_not_for_ever() {
    let mut traders = confirmed();
    let out = traders.desk.set_state(Scope::Instrument, 0, TradingState::Halted);
    traders.outs.push(out);
    assert_eq!(traders.drain().len(), 1);
    for refused in 1..REFUSALS_MAX {
        let out = traders.refuse(CxlRejResponseTo::CancelRequest);
        assert!(out.is_empty(), "nothing yet");
        // Whatever else comes in meanwhile, it is not asked at once.
        traders.desk.books();
        assert_eq!(cancels(&pass(&mut traders, CANCEL_RETRY_NS - 1)), 0);
        traders.reload();
        assert_eq!(cancels(&pass(&mut traders, 1)), 1, "{refused}");
        assert_eq!(traders.state(), OrderState::PendingCancel);
    }
    let out = traders.refuse(CxlRejResponseTo::CancelRequest);
    let alert: VenueOrderAlert = only(&out);
    assert_eq!(
        (alert.order_id, alert.reason, alert.leaves_qty),
        (traders.order.order_id, Reason::CancelRefused.code(), Qty(QTY))
    );
    assert_eq!(halted(&out), Some(Reason::CancelRefused));
    let outs = pass(&mut traders, DAY_NS);
    assert_eq!(cancels(&outs), 0);
    assert_eq!(all::<VenueOrderAlert>(&outs).len(), 0);
    assert_eq!(
        (traders.state(), traders.lots()),
        (OrderState::New, (0, QTY)),
        "it stays"
    );
    traders.reload();
    // A person acts: asked anew.
    let mut outs = vec![traders.desk.set_state(Scope::Venue, 0, TradingState::Active)];
    outs.extend(pass(&mut traders, 0));
    assert_eq!(cancels(&outs), 1);
    traders.refuse(CxlRejResponseTo::CancelRequest);
    let mut outs = vec![traders.desk.put(VenueMassCancel {
        scope: Scope::Global.byte(),
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    })];
    outs.extend(pass(&mut traders, 0));
    assert_eq!(cancels(&outs), 1);
    traders.end(ExecType::Canceled);
    over(&traders, OrderState::Canceled, 0);
    assert_eq!(cancels(&pass(&mut traders, DAY_NS)), 0);
}

/// As many orders as may be open, of a venue that refuses whatever it is asked: each is asked so often and no more.
#[test]
fn a_venue_that_refuses_every_cancel_causes_no_storm() {
    let mut traders = confirmed();
    for _ in 1..pinrail_oms::OPEN_ORDERS_MAX {
        traders.desk.put(tell(&order(Side::Buy, PX - 50, 1)));
        traders.desk.books();
    }
    let orders = traders.desk.engine.open_orders().count();
    assert!(orders > 900, "{orders}");
    let out = traders.desk.set_state(Scope::Global, 0, TradingState::Halted);
    let mut asked: Vec<VenueOrderCancel> = out.find().collect();
    let mut sent = 0;
    for _ in 0..2 * usize::from(REFUSALS_MAX) {
        let outs = pass(&mut traders, CANCEL_RETRY_NS);
        asked.extend(all::<VenueOrderCancel>(&outs));
        sent += asked.len();
        assert!(asked.len() <= orders);
        for cancel in asked.drain(..) {
            let blank = traders.report(ExecType::OrderStatus, OrdStatus::New);
            let refusal = VenueReport {
                order_id: cancel.order_id,
                ..blank
            };
            traders.desk.put(refusal);
        }
    }
    assert_eq!(sent, orders * usize::from(REFUSALS_MAX));
}

#[test]
fn a_strategy_s_own_cancel_is_its_own_to_ask_again() {
    let mut traders = confirmed();
    for _ in 0..3 * REFUSALS_MAX {
        assert_eq!(count::<VenueOrderCancel>(&traders.ask_cancel()), 1);
        assert!(traders.refuse(CxlRejResponseTo::CancelRequest).is_empty());
        assert_eq!(cancels(&pass(&mut traders, 2 * CANCEL_RETRY_NS)), 0);
    }
    // What a trading state then forbids is asked for at once.
    traders.desk.put(tell_cancel(traders.order.order_id));
    let out = traders.desk.set_state(Scope::Venue, 0, TradingState::Halted);
    traders.outs.push(out);
    assert_eq!(cancels(&pass(&mut traders, 0)), 1);
}

/// Asks, the time between them, and what a person is told in the end.
fn check_asked(traders: &mut Traders) {
    let id = traders.order.order_id;
    for asked_before in 0..ASKS_MAX {
        traders.reload();
        let outs = pass(traders, ANSWER_NS - 1);
        assert_eq!(all::<VenueOrderStatusRequest>(&outs).len(), 0);
        let asks: Vec<VenueOrderStatusRequest> = all(&pass(traders, 1));
        assert_eq!(asks.len(), 1);
        assert_eq!((asks[0].order_id, asks[0].asked_before), (id, asked_before));
    }
    let outs = pass(traders, ANSWER_NS);
    let alerts: Vec<VenueOrderAlert> = all(&outs);
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        (alerts[0].order_id, alerts[0].reason),
        (id, Reason::OrderUnanswered.code())
    );
    let halts: Vec<(u8, u16)> = all::<StateChange>(&outs)
        .iter()
        .map(|change| (change.scope, change.reason))
        .collect();
    let reason = Reason::OrderUnanswered.code();
    assert_eq!(
        halts,
        [(Scope::Venue.byte(), reason), (Scope::Instrument.byte(), reason)]
    );
}

#[test]
fn an_order_that_its_venue_says_nothing_of_is_asked_for_and_then_a_person_is_told() {
    for time_in_force in [
        TimeInForce::ImmediateOrCancel,
        TimeInForce::FillOrKill,
        TimeInForce::GoodTillCancel,
    ] {
        let mut traders = Traders::sent_as(&NewVenueOrder {
            time_in_force,
            ..order(Side::Buy, PX, QTY)
        });
        check_asked(&mut traders);
        // It is asked back, which may be answered or not, and nothing more is said of it.
        let outs = pass(&mut traders, DAY_NS);
        assert!(cancels(&outs) <= 1 && all::<VenueOrderAlert>(&outs).is_empty());
        assert_eq!(all::<VenueOrderStatusRequest>(&outs).len(), 0);
        assert_eq!(traders.lots(), (0, QTY), "never guessed");
        // A person lifts the halts, and it is asked for again: it is never forgotten.
        for scope in [Scope::Venue, Scope::Instrument] {
            traders.desk.set_state(scope, 0, TradingState::Active);
        }
        let outs = pass(&mut traders, DAY_NS);
        assert_eq!(all::<VenueOrderStatusRequest>(&outs).len(), usize::from(ASKS_MAX));
        assert_eq!(all::<VenueOrderAlert>(&outs).len(), 1);
        // The venue never saw it.
        traders.end(ExecType::Rejected);
        over(&traders, OrderState::Rejected, 0);
        assert!(pass(&mut traders, DAY_NS).is_empty());
    }
}

#[test]
fn an_immediate_order_that_is_confirmed_or_filled_in_part_still_owes_its_end() {
    let mut traders = Traders::sent_as(&NewVenueOrder {
        time_in_force: TimeInForce::ImmediateOrCancel,
        ..order(Side::Buy, PX, QTY)
    });
    traders.confirm();
    traders.fill(30);
    check_asked(&mut traders);
    traders.end(ExecType::Canceled);
    over(&traders, OrderState::Canceled, 30);
}

#[test]
fn whoever_answers_is_asked_no_more() {
    // An order that rests, a cancel and a replacement that are answered.
    let mut traders = confirmed();
    assert_eq!(
        all::<VenueOrderStatusRequest>(&pass(&mut traders, DAY_NS)).len(),
        0
    );
    traders.desk.books();
    traders.ask_replace(PX, 50).unwrap();
    let asks = pass(&mut traders, ANSWER_NS);
    assert_eq!(all::<VenueOrderStatusRequest>(&asks).len(), 1);
    traders.replaced();
    assert!(pass(&mut traders, DAY_NS).iter().all(Out::is_empty));
    traders.desk.books();
    traders.ask_cancel();
    check_asked(&mut traders);
    traders.end(ExecType::Canceled);
    over(&traders, OrderState::Canceled, 0);
}

fn hedger_desk() -> Desk<Hedgers> {
    let mut desk = Desk::active_with(hedgers);
    for balance in balances() {
        desk.put(balance);
    }
    desk.put(hedging());
    desk
}

fn ticked(desk: &mut Desk<Hedgers>, ns: u64) -> Vec<Out> {
    let until = desk.now + ns;
    let mut outs = Vec::new();
    while desk.engine.wants_continue() || desk.engine.next_timer() <= until {
        if desk.engine.wants_continue() {
            outs.push(desk.go_on());
        } else {
            desk.now = desk.engine.next_timer();
            outs.push(desk.tick());
        }
        assert!(outs.len() < 1_000, "there is always something to do");
    }
    desk.now = until;
    outs
}

#[test]
fn a_part_that_is_never_reported_stops_its_parent_order_and_a_person_is_told() {
    let mut desk = hedger_desk();
    let quote = desk.ask(0, b'1', 320).unwrap();
    let out = desk.put(Desk::<pinrail_pricing::SweepPricer>::order(&quote, b'1'));
    let part: VenueOrder = only(&out);
    let parent: ParentOrderReport = only(&out);
    let outs = ticked(&mut desk, ANSWER_NS * (u64::from(ASKS_MAX) + 1));
    assert_eq!(all::<VenueOrderStatusRequest>(&outs).len(), usize::from(ASKS_MAX));
    let alerts: Vec<VenueOrderAlert> = all(&outs);
    assert_eq!(alerts.len(), 1);
    assert_eq!(
        (alerts[0].order_id, alerts[0].parent_id, alerts[0].reason),
        (part.order_id, parent.parent_id, Reason::OrderUnanswered.code())
    );
    let held = *desk.engine.parent_orders().next().unwrap();
    assert_eq!((held.in_flight, held.ending), (Qty(300), Reason::OrderUnanswered));
    // The same from its own words; nothing more is sent, and in the end the venue says what became of it.
    let bounds = *desk.engine.bounds();
    let words = desk.engine.save();
    desk.engine = Engine::load(bounds, hedgers(&bounds), &words).unwrap();
    let outs = ticked(&mut desk, DAY_NS);
    assert_eq!(all::<VenueOrder>(&outs).len(), 0);
    let out = desk.put(VenueReport {
        order_id: part.order_id,
        exec_id: Text::new("late").unwrap(),
        instrument: INSTRUMENT,
        venue: VenueId(0),
        side: part.side,
        exec_type: ExecType::Canceled.byte(),
        ord_status: OrdStatus::Canceled.byte(),
        fee_asset: AssetId(1),
        ..Zeroable::zeroed()
    });
    let mut outs = vec![out];
    outs.extend(ticked(&mut desk, 1_000));
    let done: Vec<ParentOrderReport> = all(&outs);
    assert_eq!(
        (done.len(), done[0].parent_state, done[0].reason),
        (1, ParentState::Done.byte(), Reason::OrderUnanswered.code())
    );
    assert_eq!(all::<VenueOrder>(&outs).len(), 0);
    assert_eq!(desk.engine.parent_orders().count(), 0);
}
