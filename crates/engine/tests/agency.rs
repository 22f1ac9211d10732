//! Clients' agency orders: taken, routed over the venues, and what these fill passed on, whatever comes between.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
#[path = "desk/market.rs"]
mod market;
mod routed;

use bytemuck::Zeroable;
use desk::{INSTRUMENT, STALE_NS, only};
use pinrail_engine::{AGENCY_MAX, Owner};
use pinrail_types::record::{
    AgencyDef, ClientDef, ExecType, ExecutionReport, LimitKind, LimitSet, NewOrderSingle, OrdStatus,
    OrderAverage, OrderCancelReplaceRequest, OrderMassCancelReport, OrderMassCancelRequest, PartyKind,
    PositionReport, Scope, SessionEvent, SessionEventKind, StateChange, TradeCaptureReport, TradeSource,
    TradingState, VenueOrder, VenueOrderCancel, VenueReport,
};
use pinrail_types::{Amount, AssetId, ClientId, OutId, Px, Qty, Reason, SessionId, Text};
use routed::{
    FEE, LIFE_NS, RETRY_NS, Routed, UNIT, all_told, at_once, cancel, cancel_refused, commission, cost,
    exec_id, limit, offer, refused, told, trades,
};

const NONE: Reason = Reason::None;

#[test]
fn what_venues_fill_is_the_clients_at_their_prices_and_nothing_of_it_is_hedged() {
    let mut routed = Routed::new();
    let out = routed.put(limit("A", 10_015, 700));
    assert_eq!(told(&out), [('0', '0', 700, 0, NONE)]);
    assert_eq!(routed.sent_parts(), [(0, 10_010, 500), (1, 10_011, 200)]);
    let taken: ExecutionReport = only(&out);
    assert_eq!((taken.px, taken.qty), (Px(10_015), Qty(700)));
    let parts: Vec<VenueOrder> = out.find().collect();
    assert!(parts.iter().all(|part| part.parent_id == taken.order_id));
    assert_eq!(routed.held(), cost(10_015, 700));
    // The house's own limits and prices know nothing of it.
    assert_eq!(routed.desk.engine.open_lots(INSTRUMENT), (Qty(0), Qty(0)));

    let out = routed.fill(0, 500);
    assert_eq!(told(&out), [('F', '1', 200, 500, NONE)]);
    let report: ExecutionReport = only(&out);
    let gross = 500 * 10_010 * UNIT;
    assert_eq!(
        (report.last_px, report.last_qty, report.fee.get()),
        (Px(10_010), Qty(500), commission(gross))
    );
    let [at_venue, passed] = trades(&out)[..] else {
        panic!("one trade for each side")
    };
    assert_eq!(
        (
            at_venue.buyer_kind,
            at_venue.seller_kind,
            at_venue.buyer_fee.get()
        ),
        (PartyKind::House.byte(), PartyKind::Venue.byte(), FEE)
    );
    assert_eq!(
        (
            passed.buyer_kind,
            passed.buyer,
            passed.seller_kind,
            passed.trade_source
        ),
        (
            PartyKind::Client.byte(),
            0,
            PartyKind::House.byte(),
            TradeSource::Agency.byte()
        )
    );
    assert_eq!(
        (
            passed.px,
            passed.qty,
            passed.gross_trade_amt,
            passed.ref_id,
            passed.trade_id
        ),
        (
            at_venue.px,
            at_venue.qty,
            at_venue.gross_trade_amt,
            taken.order_id,
            report.exec_id
        )
    );
    assert_eq!((passed.buyer_fee, passed.seller_fee), (report.fee, Amount::ZERO));
    assert_eq!(routed.client(), (500_000, -gross - commission(gross)));
    assert_eq!(routed.balance(Owner::Fees, 1), commission(gross) - FEE);
    assert_eq!(routed.held(), cost(10_015, 200));
    routed.flat();
    let position: PositionReport = only(&out);
    assert_eq!(
        (position.position, position.cash.get()),
        (Qty(0), commission(gross) - FEE)
    );

    let out = routed.fill(1, 200);
    assert_eq!(told(&out), [('F', '2', 0, 700, NONE)]);
    let average: OrderAverage = only(&out);
    let more = 200 * 10_011 * UNIT;
    assert_eq!(
        (average.cum_qty, average.gross_trade_amt.get(), average.fees.get()),
        (Qty(700), gross + more, commission(gross) + commission(more))
    );
    // 10,010 and two sevenths, rounded up for who buys.
    assert_eq!(average.avg_px, Px(10_011));
    assert_eq!(routed.client().0, 700_000);
    routed.over();
    // A fill is told once and counted once.
    let told: Vec<ExecutionReport> = routed
        .outs
        .iter()
        .flat_map(|out| out.find().collect::<Vec<_>>())
        .collect();
    assert_eq!(told.len(), 3);
}

#[test]
fn who_sells_gets_what_the_venue_gave_less_the_commission() {
    let mut routed = Routed::new();
    routed.put(limit("A", 9_985, -600));
    assert_eq!(routed.sent_parts(), [(0, 9_990, 500), (1, 9_989, 100)]);
    // Who sells owes what it is worth.
    assert_eq!(routed.held(), cost(10_000, 600));
    routed.fill_at(0, 500, 9_995);
    let out = routed.fill(1, 100);
    let average: OrderAverage = only(&out);
    assert_eq!(average.avg_px, Px(9_994), "rounded down for who sells");
    let (first, second) = (500 * 9_995 * UNIT, 100 * 9_989 * UNIT);
    let fees = commission(first) + commission(second);
    assert_eq!(routed.client(), (-600_000, first + second - fees));
    routed.over();
}

#[test]
fn a_better_price_than_the_limit_is_all_the_clients_and_a_worse_one_is_never_its() {
    let mut routed = Routed::sent();
    let out = routed.fill_at(0, 500, 9_900);
    assert_eq!(only::<ExecutionReport>(&out).last_px, Px(9_900));
    assert_eq!(routed.held(), cost(10_015, 200));
    let paid = 500 * 9_900 * UNIT;
    assert_eq!(routed.client(), (500_000, -paid - commission(paid)));
    routed.flat();
    // The venue breaks its promise: what that costs is between it and the house.
    let out = routed.fill_at(1, 200, 10_100);
    assert_eq!(only::<ExecutionReport>(&out).last_px, Px(10_011));
    let [at_venue, passed] = trades(&out)[..] else {
        panic!("one trade for each side")
    };
    assert_eq!((at_venue.px, passed.px), (Px(10_100), Px(10_011)));
    let halt: StateChange = only(&out);
    assert_eq!(
        (halt.scope, halt.target, halt.reason),
        (Scope::Venue.byte(), 1, Reason::OrderMismatch.code())
    );
    let more = 200 * 10_011 * UNIT;
    let earned = commission(paid) + commission(more) - 2 * FEE - 200 * 89 * UNIT;
    assert_eq!(routed.desk.engine.position(INSTRUMENT).cash.get(), earned);
    routed.over();
}

#[test]
fn what_a_venue_fills_beyond_the_order_is_the_houses() {
    let mut routed = Routed::sent();
    routed.fill(0, 500);
    let out = routed.fill(1, 250);
    assert_eq!(told(&out), [('F', '2', 0, 700, NONE)]);
    assert_eq!(only::<ExecutionReport>(&out).last_qty, Qty(200));
    assert_eq!(routed.client().0, 700_000);
    assert_eq!(routed.desk.engine.position(INSTRUMENT).qty, Qty(50));
    assert_eq!(only::<StateChange>(&out).reason, Reason::OrderMismatch.code());
}

#[test]
fn credit_is_held_for_the_worst_price_and_the_commission_to_the_unit() {
    for short in [0, 1] {
        let mut routed = Routed::new();
        routed.put(ClientDef {
            credit_asset: AssetId(1),
            credit_max: Amount::new(cost(10_015, 700) - short),
            ..Zeroable::zeroed()
        });
        let out = routed.put(limit("A", 10_015, 700));
        if short == 1 {
            assert_eq!(refused(&out), Reason::CreditLimit);
            assert_eq!((routed.held(), routed.client()), (0, (0, 0)));
            continue;
        }
        assert_eq!(told(&out), [('0', '0', 700, 0, NONE)]);
        let out = routed.put(limit("B", 10_015, 1));
        assert_eq!(refused(&out), Reason::CreditLimit);
        // Fills in many small parts never need more than was held, though each commission is rounded up.
        for _ in 0..500 {
            let report: ExecutionReport = only(&routed.fill(0, 1));
            assert_eq!(report.fee.get(), 101, "of 100,100 units a thousandth is 100.1");
        }
        routed.end(1);
        routed.put(cancel("A"));
        routed.over();
    }
}

#[test]
fn a_market_order_goes_as_far_as_the_collar_and_at_once_is_tried_once() {
    let mut routed = Routed::new();
    let market = NewOrderSingle {
        ord_type: b'1',
        px: Px::NONE,
        ..at_once("A", 0, 1_800)
    };
    let out = routed.put(market);
    assert_eq!(
        only::<ExecutionReport>(&out).px,
        Px(11_000),
        "a tenth from the middle"
    );
    assert_eq!(routed.sent_parts(), [(0, 10_020, 1_000), (1, 10_021, 800)]);
    routed.fill(0, 900);
    assert!(told(&routed.end(0)).is_empty());
    let out = routed.fill(1, 300);
    assert_eq!(told(&out), [('F', '1', 600, 1_200, NONE)]);
    let out = routed.end(1);
    assert_eq!(told(&out), [('4', '4', 0, 1_200, Reason::ImmediateOrCancel)]);
    routed.over();
    // Nothing is there within the limit: it is over in the same input.
    let out = routed.put(at_once("B", 10_005, 10));
    assert_eq!(
        told(&out),
        [
            ('0', '0', 10, 0, NONE),
            ('4', '4', 0, 0, Reason::ImmediateOrCancel)
        ]
    );
    routed.over();
}

#[test]
fn an_order_for_more_than_venues_have_is_tried_again_and_not_for_ever() {
    let mut routed = Routed::new();
    routed.put(limit("A", 10_015, 1_500));
    assert_eq!(routed.sent_parts(), [(0, 10_010, 500), (1, 10_011, 500)]);
    for try_no in 1..=3 {
        routed.fill(0, 100);
        assert!(told(&routed.end(0)).is_empty(), "the other part is out");
        let out = routed.end(1);
        let outs = routed.pass(RETRY_NS);
        let said = [told(&out), all_told(&outs)].concat();
        if try_no < 3 {
            assert!(said.is_empty(), "{said:?}");
        } else {
            assert_eq!(said, [('4', '4', 0, 300, Reason::TriesMax)]);
        }
    }
    assert_eq!(routed.client().0, 300_000);
    routed.over();
}

#[test]
fn venues_are_chosen_by_what_the_client_pays_and_not_by_the_houses_fees() {
    // A venue that is cheaper for the house, and whose price is worse by more than the client's limit allows.
    let mut routed = Routed::new();
    routed.put(limit("A", 10_010, 700));
    assert_eq!(
        routed.sent_parts(),
        [(0, 10_010, 500)],
        "a fee of a tick is no price beyond the limit"
    );
}

#[test]
fn an_order_ends_when_its_time_is_over_and_not_while_parts_are_out() {
    let mut routed = Routed::new();
    let until = routed.desk.now + 1_000;
    routed.put(NewOrderSingle {
        expire_ts: until,
        ..limit("A", 10_015, 1_500)
    });
    routed.fill(0, 500);
    let outs = routed.pass(2_000);
    assert!(all_told(&outs).is_empty(), "a part is out");
    let out = routed.fill(1, 500);
    let said = [told(&out), all_told(&routed.drain())].concat();
    assert_eq!(
        said,
        [
            ('F', '1', 500, 1_000, NONE),
            ('C', 'C', 0, 1_000, Reason::OrderExpired)
        ]
    );
    routed.over();
    // No longer than the tier's life, whatever it says, and with no part out by itself.
    routed.put(limit("B", 10_005, 10));
    let mut said = Vec::new();
    for _ in 0..12 {
        said.extend(all_told(&routed.pass(LIFE_NS / 10)));
    }
    assert_eq!(said, [('4', '4', 0, 0, Reason::TriesMax)]);
    routed.put(AgencyDef {
        retry_ns: LIFE_NS * 10,
        ..offer()
    });
    routed.put(limit("C", 10_005, 10));
    assert!(all_told(&routed.pass(LIFE_NS - 1)).is_empty());
    assert_eq!(
        all_told(&routed.pass(1)),
        [('C', 'C', 0, 0, Reason::OrderExpired)]
    );
    routed.over();
}

#[test]
fn a_cancel_waits_for_what_is_at_venues_and_a_fill_that_crosses_it_is_passed_on() {
    let mut routed = Routed::sent();
    let out = routed.put(cancel("A"));
    assert_eq!(told(&out), [('6', '6', 700, 0, Reason::CancelRequested)]);
    assert_eq!(cancel_refused(&routed.put(cancel("A"))), Reason::OrderPending);
    let out = routed.fill(0, 500);
    assert_eq!(told(&out), [('F', '6', 200, 500, NONE)]);
    let out = routed.end(1);
    assert_eq!(told(&out), [('4', '4', 0, 500, Reason::CancelRequested)]);
    assert_eq!(cancel_refused(&routed.put(cancel("A"))), Reason::UnknownOrder);
    assert_eq!(routed.client().0, 500_000);
    routed.over();
    // Filled whole before it is over.
    let mut routed = Routed::sent();
    routed.put(cancel("A"));
    routed.fill(0, 500);
    let out = routed.fill(1, 200);
    assert_eq!(told(&out), [('F', '2', 0, 700, NONE)]);
    routed.over();
    // With nothing at venues at once.
    let mut routed = Routed::new();
    routed.put(limit("A", 10_005, 10));
    let out = routed.put(cancel("A"));
    assert_eq!(told(&out), [('4', '4', 0, 0, Reason::CancelRequested)]);
    routed.over();
}

#[test]
fn nobody_cancels_or_learns_of_anothers_order_and_none_is_changed() {
    let mut routed = Routed::sent();
    let order_id = only::<ExecutionReport>(&routed.outs[0]).order_id;
    let mut others = cancel("A");
    others.client = ClientId(1);
    assert_eq!(cancel_refused(&routed.put(others)), Reason::UnknownOrder);
    others.order_id = order_id;
    assert_eq!(cancel_refused(&routed.put(others)), Reason::UnknownOrder);
    let out = routed.put(OrderCancelReplaceRequest {
        cl_ord_id: Text::new("B").unwrap(),
        order_id,
        qty: Qty(10),
        px: Px(10_000),
        stop_px: Px::NONE,
        ..Zeroable::zeroed()
    });
    assert_eq!(cancel_refused(&out), Reason::OrderNotReplaceable);
    let mut own = cancel("");
    own.order_id = order_id;
    assert_eq!(told(&routed.put(own)).len(), 1);
}

#[test]
fn an_id_is_judged_once_and_answered_with_what_was_told_last() {
    let mut routed = Routed::sent();
    let first: ExecutionReport = only(&routed.outs[0]);
    let again: ExecutionReport = only(&routed.put(limit("A", 10_015, 700)));
    assert_eq!((again.exec_id, again.exec_type), (first.exec_id, first.exec_type));
    let filled: ExecutionReport = only(&routed.fill(0, 500));
    let again: ExecutionReport = only(&routed.put(limit("A", 9_999, 5)));
    assert_eq!((again.exec_id, again.cum_qty), (filled.exec_id, Qty(500)));
    routed.fill(1, 200);
    assert_eq!(
        told(&routed.put(limit("A", 10_015, 700))),
        [('F', '2', 0, 700, NONE)]
    );
    assert_eq!(routed.client().0, 700_000);
    routed.over();
}

#[test]
fn a_kill_stops_what_is_open_and_what_venues_filled_meanwhile_is_passed_on() {
    let mut routed = Routed::sent();
    routed.put(limit("B", 10_005, 10));
    let out = routed.set_state(Scope::Global, 0, TradingState::Halted);
    assert!(told(&out).is_empty() || told(&out)[0].4 == Reason::Withdrawn);
    let mut outs = vec![out];
    outs.extend(routed.drain());
    assert_eq!(
        all_told(&outs),
        [('4', '4', 0, 0, Reason::Withdrawn)],
        "what is at no venue"
    );
    let cancels: Vec<VenueOrderCancel> = outs
        .iter()
        .flat_map(|out| out.find().collect::<Vec<_>>())
        .collect();
    assert_eq!(cancels.len(), 2);
    let out = routed.fill(0, 500);
    assert_eq!(told(&out), [('F', '1', 200, 500, NONE)]);
    let out = routed.end(1);
    assert_eq!(told(&out), [('4', '4', 0, 500, Reason::Withdrawn)]);
    assert_eq!(routed.client().0, 500_000);
    routed.over();
    assert_eq!(refused(&routed.put(limit("C", 10_015, 10))), Reason::Halted);
}

#[test]
fn whatever_stops_clients_or_agency_as_such_stops_their_orders() {
    type Stop = fn(&mut Routed);
    let states: [(Stop, Reason); 7] = [
        (
            |r| _ = r.set_state(Scope::Client, 0, TradingState::Halted),
            Reason::ClientHalted,
        ),
        (
            |r| _ = r.set_state(Scope::Client, 0, TradingState::Reducing),
            Reason::ClientReduceOnly,
        ),
        (
            |r| _ = r.set_state(Scope::Instrument, 0, TradingState::Halted),
            Reason::InstrumentHalted,
        ),
        (
            |r| _ = r.set_state(Scope::Global, 0, TradingState::Reducing),
            Reason::ReduceOnly,
        ),
        (
            |r| _ = r.set_state(Scope::Strategy, 15, TradingState::Halted),
            Reason::StrategyHalted,
        ),
        (
            |r| _ = r.set_state(Scope::Strategy, 15, TradingState::Reducing),
            Reason::StrategyReduceOnly,
        ),
        (
            |r| {
                r.put(SessionEvent {
                    session: SessionId(7),
                    kind: SessionEventKind::Gone.byte(),
                    ..Zeroable::zeroed()
                });
            },
            Reason::SessionGone,
        ),
    ];
    for (stop, why) in states {
        let mut routed = Routed::new();
        routed.put(limit("A", 10_005, 10));
        let from = routed.outs.len();
        stop(&mut routed);
        routed.drain();
        assert_eq!(
            all_told(&routed.outs[from..]),
            [('4', '4', 0, 0, Reason::Withdrawn)],
            "{why:?}"
        );
        routed.over();
        assert_eq!(refused(&routed.put(limit("B", 10_015, 10))), why);
    }
}

#[test]
fn where_only_reducing_is_allowed_no_part_goes_out_whatever_the_house_holds() {
    let mut routed = Routed::new();
    // The house is long, so that its own sales would reduce.
    let quote = routed.desk.ask(0, b'2', 90).unwrap();
    routed.desk.put(desk::Desk::order(&quote, b'2'));
    routed.put(limit("A", 9_995, -10));
    routed.set_state(Scope::Venue, 0, TradingState::Reducing);
    routed.set_state(Scope::Venue, 1, TradingState::Reducing);
    routed.desk.now += 2 * RETRY_NS;
    routed
        .desk
        .snapshot(pinrail_types::VenueId(0), &[(9_998, 500)], &[(10_010, 500)]);
    let out = routed.desk.tick();
    assert_eq!(out.find::<VenueOrder>().count(), 0);
    assert_eq!(routed.desk.engine.open_orders().count(), 0);
}

#[test]
fn a_restart_ends_orders_when_their_parts_have_ended() {
    let mut routed = Routed::sent();
    let start = routed.desk.engine.bounds().epoch_start(2);
    routed.put(start);
    routed.drain();
    let out = routed.fill(0, 200);
    assert_eq!(told(&out), [('F', '1', 500, 200, NONE)]);
    routed.end(0);
    let out = routed.end(1);
    assert_eq!(told(&out), [('4', '4', 0, 200, Reason::Withdrawn)]);
    routed.over();
}

#[test]
fn a_mass_cancel_ends_what_it_names() {
    let mut routed = Routed::sent();
    routed.put(limit("B", 10_005, 10));
    routed.put(limit("C", 9_995, -20));
    let mass = |side: u8, session: u16| OrderMassCancelRequest {
        instrument: INSTRUMENT,
        session: SessionId(session),
        side,
        of_session: 1,
        ..Zeroable::zeroed()
    };
    let out = routed.put(mass(b'1', 8));
    assert_eq!(only::<OrderMassCancelReport>(&out).reason, 0);
    assert!(all_told(&routed.drain()).is_empty(), "none of that session");
    let out = routed.put(mass(b'1', 7));
    let outs = routed.drain();
    assert_eq!(
        [told(&out), all_told(&outs)].concat(),
        [('4', '4', 0, 0, Reason::MassCancel)],
        "B, while A has parts out"
    );
    routed.end(0);
    assert_eq!(told(&routed.end(1)), [('4', '4', 0, 0, Reason::MassCancel)]);
    let out = routed.put(OrderMassCancelRequest {
        instrument: OrderMassCancelRequest::ALL,
        ..Zeroable::zeroed()
    });
    assert_eq!(
        [told(&out), all_told(&routed.drain())].concat(),
        [('4', '4', 0, 0, Reason::MassCancel)]
    );
    routed.over();
}

#[test]
fn a_fill_that_is_missing_ends_the_order_and_halts_the_instrument() {
    let mut routed = Routed::sent();
    let report = VenueReport {
        cum_qty: Qty(300),
        ..routed.report(0, ExecType::Canceled, OrdStatus::Canceled)
    };
    let out = routed.put(report);
    let halts: Vec<StateChange> = out.find().collect();
    assert!(halts.iter().any(|halt| halt.scope == Scope::Instrument.byte()));
    let out = routed.end(1);
    assert_eq!(told(&out), [('4', '4', 0, 0, Reason::OrderMismatch)]);
    assert_eq!(routed.held(), 0);
    routed.flat();
    // It comes late: nobody's order, and so the house's, until a person has settled it.
    routed.fill(0, 300);
    assert_eq!(routed.desk.engine.position(INSTRUMENT).qty, Qty(300));
    assert_eq!(routed.client(), (0, 0));
}

#[test]
fn a_fill_that_a_venue_tells_twice_is_passed_on_once() {
    let mut routed = Routed::sent();
    let report = VenueReport {
        last_px: Px(10_010),
        last_qty: Qty(500),
        ..routed.report(0, ExecType::Trade, OrdStatus::PartiallyFilled)
    };
    routed.put(report);
    let out = routed.put(report);
    assert!(told(&out).is_empty() && trades(&out).is_empty());
    assert_eq!(routed.client().0, 500_000);
}

#[test]
fn what_was_passed_on_is_taken_back_from_the_client_when_the_venue_takes_it_back() {
    let mut routed = Routed::sent();
    let first: ExecutionReport = only(&routed.fill(0, 500));
    let of = routed.execs;
    let out = routed.bust(of, 0);
    assert_eq!(told(&out), [('H', '0', 700, 0, NONE)]);
    let report: ExecutionReport = only(&out);
    assert_eq!((report.last_px, report.last_qty), (Px(10_010), Qty(500)));
    assert_eq!(only::<OrderAverage>(&out).exec_ref_id, first.exec_id);
    assert_eq!(only::<OrderAverage>(&out).gross_trade_amt, Amount::ZERO);
    let [at_venue, passed] = trades(&out)[..] else {
        panic!("one for each side")
    };
    assert_eq!(
        (at_venue.qty, passed.qty, passed.ref_id),
        (Qty(-500), Qty(-500), first.exec_id)
    );
    assert_eq!((routed.client(), routed.held()), ((0, 0), cost(10_015, 700)));
    assert_eq!(
        routed.desk.engine.position(INSTRUMENT),
        pinrail_oms::Position::default()
    );
    routed.reload();
    // Nothing of it is used any more.
    routed.end(1);
    routed.put(cancel("A"));
    routed.put(ClientDef {
        credit_asset: AssetId(1),
        credit_max: Amount::new(cost(10_015, 700)),
        ..Zeroable::zeroed()
    });
    routed.drain();
    routed.over();
    assert_eq!(told(&routed.put(limit("B", 10_015, 700)))[0].0, '0');
}

#[test]
fn a_trade_of_an_order_that_has_ended_is_taken_back_and_the_order_stays_ended() {
    let mut routed = Routed::sent();
    routed.fill(0, 500);
    let of = routed.execs;
    routed.fill(1, 200);
    routed.over();
    let out = routed.bust(of, 0);
    assert_eq!(told(&out), [('H', '4', 0, 200, NONE)]);
    let average: OrderAverage = only(&out);
    let gross = 200 * 10_011 * UNIT;
    assert_eq!(
        (average.gross_trade_amt.get(), average.avg_px),
        (gross, Px(10_011))
    );
    assert_eq!(routed.client(), (200_000, -gross - commission(gross)));
    routed.over();
    let out = routed.bust(of, 0);
    assert!(told(&out).is_empty(), "once");
    let out = routed.bust(of + 1, 1);
    assert_eq!(told(&out), [('H', '4', 0, 0, NONE)]);
    assert_eq!(routed.client(), (0, 0));
    assert_eq!(
        routed.desk.engine.position(INSTRUMENT),
        pinrail_oms::Position::default()
    );
    routed.over();
}

#[test]
fn a_trade_that_a_venue_corrects_is_corrected_for_the_client() {
    let mut routed = Routed::sent();
    routed.fill(0, 300);
    let of = routed.execs;
    let out = routed.correct(of, 0, 400, 10_005);
    assert_eq!(told(&out), [('G', '1', 300, 400, NONE)]);
    let gross = 400 * 10_005 * UNIT;
    assert_eq!(routed.client(), (400_000, -gross - commission(gross)));
    assert_eq!(routed.held(), cost(10_015, 300));
    routed.flat();
    let corrected: ExecutionReport = only(&out);
    let replaced = trades(&out)[3];
    assert_eq!((replaced.trade_id, replaced.qty), (corrected.exec_id, Qty(400)));
    // Named by its last report: for less.
    let out = routed.correct(of + 1, 0, 100, 10_005);
    assert_eq!(told(&out), [('G', '1', 600, 100, NONE)]);
    assert_eq!(trades(&out)[2].ref_id, replaced.trade_id);
    assert_eq!(routed.held(), cost(10_015, 600));
    routed.flat();
    routed.reload();
    routed.bust(of + 2, 0);
    routed.end(0);
    routed.end(1);
    routed.put(cancel("A"));
    assert_eq!(routed.client(), (0, 0));
    routed.over();
}

#[test]
fn a_correction_is_of_the_order_that_was_filled_whichever_it_names() {
    let mut routed = Routed::sent();
    let order_id = routed.parts[0].order_id;
    routed.fill(0, 300);
    let report = VenueReport {
        order_id: OutId::NONE,
        exec_ref_id: exec_id(routed.execs),
        last_px: Px(10_005),
        last_qty: Qty(300),
        ..routed.report(0, ExecType::TradeCorrect, OrdStatus::PartiallyFilled)
    };
    let out = routed.put(report);
    assert_eq!(told(&out), [('G', '1', 400, 300, NONE)]);
    assert_eq!(trades(&out)[1].ref_id, order_id);
    routed.flat();
}

#[test]
fn a_correction_may_fill_an_order_and_never_at_a_price_beyond_its_limit() {
    let mut routed = Routed::sent();
    routed.fill(0, 300);
    let of = routed.execs;
    routed.fill(1, 200);
    let out = routed.correct(of, 0, 500, 10_020);
    assert_eq!(told(&out), [('G', '2', 0, 700, NONE)]);
    assert_eq!(only::<ExecutionReport>(&out).last_px, Px(10_015));
    assert_eq!(routed.client().0, 700_000);
    routed.over();
    // What is more than the order is the house's, and is when it is taken back.
    let mut routed = Routed::sent();
    routed.fill(1, 200);
    routed.fill(0, 500);
    let of = routed.execs;
    routed.set_state(Scope::Strategy, 3, TradingState::Halted);
    let out = routed.correct(of, 0, 600, 10_010);
    assert_eq!(told(&out), [('G', '2', 0, 700, NONE)]);
    assert_eq!(routed.client().0, 700_000);
    assert_eq!(routed.desk.engine.position(INSTRUMENT).qty, Qty(100));
    routed.bust(of + 1, 0);
    assert_eq!(routed.client().0, 200_000);
    assert_eq!(routed.desk.engine.position(INSTRUMENT).qty, Qty(0));
}

#[test]
fn each_check_of_an_order_refuses_it_and_leaves_nothing_behind() {
    type Change = fn(&mut NewOrderSingle);
    let cases: [(Change, Reason); 18] = [
        (|o| o.handl_inst = b'3', Reason::BadField),
        (|o| o.ord_type = b'D', Reason::OrderTypeUnsupported),
        (|o| o.ord_type = b'3', Reason::OrderTypeUnsupported),
        (|o| o.ord_type = 0, Reason::BadField),
        (|o| o.time_in_force = b'4', Reason::OrderTypeUnsupported),
        (|o| o.time_in_force = b'1', Reason::OrderTypeUnsupported),
        (|o| o.time_in_force = 0, Reason::BadField),
        (|o| o.expire_ts = 0, Reason::BadField),
        (|o| o.expire_ts = 1, Reason::OrderExpired),
        (|o| o.px = Px::NONE, Reason::BadField),
        (|o| o.px = Px(11_001), Reason::Collar),
        (|o| o.side = 0, Reason::BadSide),
        (|o| o.qty = Qty(0), Reason::QtyUnrepresentable),
        (|o| o.qty = Qty(10_001), Reason::QtyAboveMax),
        (|o| o.instrument.0 = 9, Reason::UnknownInstrument),
        (|o| o.client = ClientId(2), Reason::UnknownClient),
        (|o| o.cl_ord_id = Text::EMPTY, Reason::BadField),
        (
            |o| {
                o.quote_id = OutId {
                    seq: 1,
                    epoch: 1,
                    sub: 0,
                };
            },
            Reason::BadField,
        ),
    ];
    for (change, why) in cases {
        let mut routed = Routed::new();
        let mut order = limit("A", 10_015, 700);
        change(&mut order);
        assert_eq!(refused(&routed.put(order)), why);
        routed.over();
    }
    // An order that accepts a quote is what it was.
    let mut routed = Routed::new();
    let mut order = limit("A", 10_015, 700);
    order.handl_inst = 0;
    assert_eq!(refused(&routed.put(order)), Reason::OrderTypeUnsupported);
}

#[test]
fn limits_of_a_client_and_of_the_desk_hold_for_it() {
    type Limit = (LimitKind, i128, u64, Reason);
    let limits: [Limit; 4] = [
        (LimitKind::Permitted, 0, 0, Reason::Restricted),
        (LimitKind::ClientOpenOrders, 1, 0, Reason::ClientOpenOrders),
        (LimitKind::ClientUnexecuted, 1, 0, Reason::ClientUnexecuted),
        (LimitKind::NotionalMin, 1 << 70, 0, Reason::NotionalBelowMin),
    ];
    for (kind, value, window_ns, why) in limits {
        let mut routed = Routed::new();
        routed.put(limit("Z", 10_005, 10));
        for actor in ["ann", "bob"] {
            routed.put(LimitSet {
                kind: kind.byte(),
                value: Amount::new(value),
                window_ns,
                actor: Text::new(actor).unwrap(),
                ..Zeroable::zeroed()
            });
        }
        let out = routed.put(limit("A", 10_015, 700));
        assert_eq!(refused(&out), why, "{kind:?}");
        routed.put(cancel("Z"));
        routed.over();
    }
}

#[test]
fn a_tier_that_is_not_offered_it_gets_none() {
    type Change = fn(&mut AgencyDef);
    let mut routed = Routed::new();
    let none = AgencyDef {
        tries_max: 0,
        ..offer()
    };
    assert!(routed.put(none).is_empty());
    assert_eq!(
        refused(&routed.put(limit("A", 10_015, 10))),
        Reason::AgencyNotOffered
    );
    let cases: [(Change, Reason); 6] = [
        (|d| d.tier = 16, Reason::BadField),
        (|d| d.commission_e8 = -1, Reason::BadField),
        (|d| d.commission_e8 = 100_000_001, Reason::BadField),
        (|d| d.retry_ns = 3_600_000_000_001, Reason::BadField),
        (|d| d.life_ns_max = 0, Reason::BadField),
        (|d| d.actor = Text::EMPTY, Reason::ActorMissing),
    ];
    for (change, why) in cases {
        let mut def = offer();
        change(&mut def);
        let reject: pinrail_types::record::InputReject = only(&routed.put(def));
        assert_eq!(reject.reason, why.code());
    }
}

#[test]
fn agency_orders_leave_half_of_the_parent_orders_to_hedges() {
    let mut routed = Routed::new();
    routed.put(AgencyDef {
        tries_max: 1_000,
        ..offer()
    });
    for n in 0..AGENCY_MAX {
        assert_eq!(told(&routed.put(limit(&format!("A{n}"), 10_005, 10))).len(), 1);
    }
    assert_eq!(
        refused(&routed.put(limit("B", 10_005, 10))),
        Reason::ParentOrdersFull
    );
    routed.put(cancel("A3"));
    assert_eq!(told(&routed.put(limit("B2", 10_005, 10)))[0].0, '0');
    routed.set_state(Scope::Global, 0, TradingState::Halted);
    routed.drain();
    let ended = all_told(&routed.outs).into_iter();
    assert_eq!(
        ended.filter(|told| told.4 == Reason::Withdrawn).count(),
        AGENCY_MAX
    );
    routed.over();
}

#[test]
fn a_stale_market_takes_no_order() {
    let mut routed = Routed::new();
    routed.put(limit("A", 10_005, 10));
    routed.desk.now += STALE_NS + 1;
    let out = routed.put(limit("B", 10_015, 10));
    let said = [told(&out), all_told(&routed.drain())].concat();
    assert_eq!(
        said,
        [
            ('8', '8', 0, 0, Reason::ReferenceStale),
            ('C', 'C', 0, 0, Reason::OrderExpired)
        ],
        "the life of the other is shorter than that"
    );
    routed.over();
}

#[test]
fn the_trade_with_the_client_stands_behind_the_one_at_the_venue() {
    let mut routed = Routed::sent();
    let out = routed.fill(0, 1);
    let [at_venue, passed]: [TradeCaptureReport; 2] = trades(&out).try_into().unwrap();
    assert_eq!(at_venue.trade_source, TradeSource::Venue.byte());
    assert!(passed.header.seq > at_venue.header.seq);
    assert_ne!(at_venue.trade_id, passed.trade_id);
}

#[test]
fn an_id_is_of_one_open_order_in_a_book_or_routed() {
    let mut desk = market::market();
    for balance in desk::strategies::balances() {
        desk.put(balance);
    }
    desk.put(offer());
    market::give(&mut desk, market::limit("A", 0, 9_900, 5)).unwrap();
    assert_eq!(
        refused(&desk.put(limit("A", 10_005, 10))),
        Reason::DuplicateOrderId
    );
    assert_eq!(told(&desk.put(limit("B", 10_005, 10)))[0].0, '0');
    assert_eq!(
        market::give(&mut desk, market::limit("B", 0, 9_900, 5)),
        Err(Reason::DuplicateOrderId)
    );
    let replaced = market::refusal(&mut desk, market::replace("A", "B", 0, 9_901, 5));
    assert_eq!(replaced, Reason::DuplicateOrderId);
    // A cancel finds either.
    assert_eq!(told(&desk.put(cancel("B")))[0].0, '4');
    assert_eq!(told(&desk.put(cancel("A")))[0].0, '4');
    assert!(desk.engine.nothing_reserved());
}
