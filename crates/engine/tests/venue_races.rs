//! What crosses between an order and its venue: each race as a case of its own, with positions, what is reserved, accounts,
//! states, and what was told.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod venue;

use bytemuck::Zeroable;
use desk::only;
use desk::strategies::{order, tell};
use pinrail_engine::{CANCEL_RETRY_NS, EXECUTIONS_MAX};
use pinrail_oms::life::OrderState;
use pinrail_types::record::{
    CxlRejResponseTo, ExecType, OrdStatus, PositionReport, Scope, TimeInForce, TradeCaptureReport,
    TradingState, VenueBalance, VenueMassCancel, VenueMassCancelReport, VenueOrder, VenueOrderCancel,
    VenueOrderReject, VenueReport,
};
use pinrail_types::{
    Amount, AssetId, NewVenueOrder, OutId, Px, Qty, Reason, Side, StrategyId, Text, VenueId,
};
use venue::{PX, QTY, Traders, call, confirmed, count, halted, over, rejected};

/// To be replaced by so many lots at a price.
fn replacing(px: i64, qty: i64) -> Traders {
    let mut traders = confirmed();
    traders.ask_replace(px, qty).unwrap();
    assert_eq!(traders.state(), OrderState::PendingReplace);
    traders
}

#[test]
fn cancel_against_fill() {
    // The fill comes first, in part and then whole: the cancel is too late.
    let mut traders = confirmed();
    assert_eq!(count::<VenueOrderCancel>(&traders.ask_cancel()), 1);
    traders.fill(40);
    assert_eq!(
        (traders.state(), traders.lots()),
        (OrderState::PendingCancel, (40, 60))
    );
    let out = traders.fill(60);
    assert_eq!((count::<TradeCaptureReport>(&out), halted(&out)), (1, None));
    over(&traders, OrderState::Filled, 100);
    traders.check_books(100, 100 * PX, 2);
    assert_eq!(
        rejected(&traders.refuse(CxlRejResponseTo::CancelRequest)),
        Reason::UnknownOrder
    );
    // The cancel comes first: what was filled before counts.
    let mut traders = confirmed();
    traders.ask_cancel();
    traders.fill(40);
    let out = traders.end(ExecType::Canceled);
    assert!(out.is_empty());
    over(&traders, OrderState::Canceled, 40);
    traders.check_books(40, 40 * PX, 1);
}

#[test]
fn a_cancel_is_refused_and_then_a_fill_comes() {
    let mut traders = confirmed();
    traders.ask_cancel();
    assert!(traders.refuse(CxlRejResponseTo::CancelRequest).is_empty());
    assert_eq!((traders.state(), traders.lots()), (OrderState::New, (0, 100)));
    traders.fill(100);
    over(&traders, OrderState::Filled, 100);
    traders.check_books(100, 100 * PX, 1);
}

#[test]
fn replace_against_fill() {
    // More at a lower price: the larger of either measure is reserved until the venue has answered.
    let mut traders = replacing(PX - 5, 150);
    assert_eq!(traders.lots(), (0, 150));
    // A fill of the order as it stood counts against both.
    assert_eq!(halted(&traders.fill(40)), None);
    assert_eq!(
        (traders.state(), traders.lots()),
        (OrderState::PendingReplace, (40, 110))
    );
    assert!(traders.replaced().is_empty());
    let held = traders.held().unwrap();
    assert_eq!(
        (held.order.px, held.order.qty, held.cum_qty, held.leaves),
        (Px(PX - 5), Qty(150), Qty(40), Qty(110))
    );
    assert_eq!(traders.state(), OrderState::PartiallyFilled);
    // From then on only the new price is allowed.
    let out = traders.fill_at(10, PX);
    assert_eq!(halted(&out), Some(Reason::OrderMismatch));
    assert_eq!(traders.lots(), (50, 100));
    traders.fill_at(100, PX - 5);
    over(&traders, OrderState::Filled, 150);
    traders.check_books(150, 50 * PX + 100 * (PX - 5), 3);
}

#[test]
fn all_of_an_order_is_filled_while_a_replacement_for_more_is_under_way() {
    // Replaced in time: the rest is open.
    let mut traders = replacing(PX, 150);
    traders.fill(100);
    assert_eq!(
        (traders.state(), traders.lots()),
        (OrderState::PendingReplace, (100, 50))
    );
    traders.replaced();
    assert_eq!(
        (traders.state(), traders.lots()),
        (OrderState::PartiallyFilled, (100, 50))
    );
    traders.fill(50);
    over(&traders, OrderState::Filled, 150);
    // Too late: it is refused, and nothing is left.
    let mut traders = replacing(PX, 150);
    traders.fill(100);
    assert!(traders.refuse(CxlRejResponseTo::CancelReplaceRequest).is_empty());
    over(&traders, OrderState::Filled, 100);
    traders.check_books(100, 100 * PX, 1);
    // A fill of the replacement comes before the word that it is in force.
    let mut traders = replacing(PX, 150);
    assert_eq!(halted(&traders.fill(120)), None);
    traders.replaced();
    assert_eq!(traders.lots(), (120, 30));
    // More than either is too much.
    let out = traders.fill(31);
    assert_eq!(halted(&out), Some(Reason::OrderMismatch));
    over(&traders, OrderState::Filled, 151);
}

#[test]
fn a_replacement_that_leaves_nothing_ends_the_order() {
    let mut traders = replacing(PX, 40);
    // What stands is the larger until the venue has answered.
    assert_eq!(traders.lots(), (0, 100));
    traders.fill(60);
    assert_eq!(traders.lots(), (60, 40));
    let out = traders.replaced();
    assert!(out.is_empty());
    over(&traders, OrderState::Filled, 60);
    // Asked for knowingly, too.
    let mut traders = confirmed();
    traders.fill(60);
    let replace = traders.ask_replace(PX, 60).unwrap();
    assert_eq!((replace.qty, replace.px), (Qty(60), Px(PX)));
    traders.replaced();
    over(&traders, OrderState::Filled, 60);
    traders.check_books(60, 60 * PX, 1);
}

#[test]
fn a_refused_replacement_leaves_the_order_as_it_was() {
    let mut traders = replacing(PX + 3, 300);
    let before = confirmed();
    assert_eq!(traders.lots(), (0, 300));
    assert!(traders.refuse(CxlRejResponseTo::CancelReplaceRequest).is_empty());
    assert_eq!(traders.held().unwrap().order, before.held().unwrap().order);
    assert_eq!((traders.state(), traders.lots()), (OrderState::New, (0, 100)));
    // It can be asked for anew, under an id of its own.
    let first = traders.replace_id;
    traders.ask_replace(PX, 50).unwrap();
    assert_ne!(traders.replace_id, first);
    // An answer to the first one is none to the second.
    let second = std::mem::replace(&mut traders.replace_id, first);
    assert_eq!(halted(&traders.replaced()), Some(Reason::OrderMismatch));
    assert_eq!(traders.lots(), (0, 100), "the larger stays reserved");
    traders.replace_id = second;
    traders.drain();
    traders.replaced();
    assert_eq!(
        (traders.state(), traders.lots()),
        (OrderState::PendingCancel, (0, 50))
    );
    // And one that nobody asked for halts the venue.
    let mut traders = confirmed();
    assert_eq!(halted(&traders.replaced()), Some(Reason::OrderMismatch));
    assert_eq!(traders.lots(), (0, 100));
}

#[test]
fn a_cancel_overtakes_a_replacement_that_is_under_way() {
    let mut traders = replacing(PX, 150);
    let out = traders.desk.set_state(Scope::Venue, 0, TradingState::Halted);
    traders.outs.push(out);
    let cancels = traders.drain();
    assert_eq!(cancels.len(), 1);
    assert_eq!(traders.state(), OrderState::PendingCancel);
    assert_eq!(traders.lots(), (0, 150), "either may still be filled");
    traders.replaced();
    assert_eq!(
        (traders.state(), traders.lots()),
        (OrderState::PendingCancel, (0, 150))
    );
    traders.fill(20);
    traders.end(ExecType::Canceled);
    over(&traders, OrderState::Canceled, 20);
    traders.check_books(20, 20 * PX, 1);
}

#[test]
fn only_an_order_that_rests_and_has_all_answers_is_replaced() {
    let mut traders = Traders::sent();
    assert_eq!(traders.ask_replace(PX, 50), Err(Reason::OrderPending));
    traders.confirm();
    traders.ask_replace(PX, 50).unwrap();
    assert_eq!(traders.ask_replace(PX, 60), Err(Reason::OrderPending));
    traders.ask_cancel();
    assert_eq!(traders.ask_replace(PX, 60), Err(Reason::OrderPending));
    traders.end(ExecType::Canceled);
    assert_eq!(traders.ask_replace(PX, 60), Err(Reason::UnknownOrder));
    for time_in_force in [TimeInForce::ImmediateOrCancel, TimeInForce::FillOrKill] {
        let mut traders = Traders::sent_as(&NewVenueOrder {
            time_in_force,
            ..order(Side::Buy, PX, QTY)
        });
        traders.confirm();
        assert_eq!(traders.ask_replace(PX, 50), Err(Reason::OrderNotReplaceable));
    }
}

#[test]
fn risk_refuses_a_replacement_with_its_own_reason_and_the_order_stands() {
    for (px, qty, reason) in [
        (11_100, QTY, Reason::Collar),
        (PX, 0, Reason::QtyUnrepresentable),
        (PX, 10_001, Reason::QtyAboveMax),
    ] {
        let mut traders = confirmed();
        let before = traders.held();
        assert_eq!(traders.ask_replace(px, qty), Err(reason));
        assert_eq!((traders.held(), traders.lots()), (before, (0, 100)));
    }
    // What is reserved for the order is not asked for twice: there is money for 110 lots and their fees.
    let mut traders = confirmed();
    let exact = 110 * PX * 10 + 110 * PX * 10 / 10_000 + 1;
    traders.desk.put(VenueBalance {
        asset: AssetId(1),
        balance: Amount::new(exact.into()),
        ts_recv: traders.desk.now,
        ..Zeroable::zeroed()
    });
    assert_eq!(traders.ask_replace(PX, 111), Err(Reason::VenueBalance));
    traders.ask_replace(PX, 110).unwrap();
    // Less is no new risk, though nothing more may be bought.
    let mut traders = confirmed();
    traders.desk.put(VenueBalance {
        asset: AssetId(1),
        balance: Amount::new(1),
        ts_recv: traders.desk.now,
        ..Zeroable::zeroed()
    });
    traders.ask_replace(PX - 1, 100).unwrap();
    // Neither price of it may meet one of our own.
    let mut traders = replacing(PX + 5, QTY);
    traders.desk.put(tell(&order(Side::Sell, PX + 4, 10)));
    let refused: VenueOrderReject = only(&call(&mut traders.desk));
    assert_eq!(refused.reason, Reason::SelfTrade.code());
}

#[test]
fn fill_after_cancel() {
    let mut traders = confirmed();
    traders.ask_cancel();
    traders.end(ExecType::Canceled);
    over(&traders, OrderState::Canceled, 0);
    // Booked, whatever else: and nobody trades there until a person has looked.
    let out = traders.fill(30);
    assert_eq!(halted(&out), Some(Reason::UnknownOrder));
    assert_eq!(only::<PositionReport>(&out).position, Qty(30));
    over(&traders, OrderState::Canceled, 30);
    traders.check_books(30, 30 * PX, 1);
}

#[test]
fn a_late_a_duplicate_and_an_out_of_order_report() {
    // The end overtakes a fill that it counts: what is told of it then is booked.
    let mut traders = confirmed();
    let late = traders.fill_report(30, PX);
    let end = VenueReport {
        cum_qty: Qty(30),
        ..traders.report(ExecType::Canceled, OrdStatus::Canceled)
    };
    assert_eq!(halted(&traders.put(end)), Some(Reason::OrderMismatch));
    traders.put(late);
    over(&traders, OrderState::Canceled, 30);
    traders.check_books(30, 30 * PX, 1);
    // Each once, whatever it says the second time.
    for again in [late, end] {
        assert_eq!(rejected(&traders.put(again)), Reason::DuplicateExecId);
    }
    traders.check_books(30, 30 * PX, 1);
    // Two fills in the wrong order are two fills.
    let mut traders = confirmed();
    let (first, second) = (traders.fill_report(30, PX), traders.fill_report(70, PX - 1));
    traders.put(second);
    traders.put(first);
    over(&traders, OrderState::Filled, 100);
    traders.check_books(100, 30 * PX + 70 * (PX - 1), 2);
}

#[test]
fn a_fill_that_comes_again_behind_a_flood_of_other_reports() {
    let mut traders = confirmed();
    let fill = traders.fill_report(30, PX);
    traders.put(fill);
    for _ in 0..EXECUTIONS_MAX + 100 {
        let report = traders.report(ExecType::New, OrdStatus::New);
        traders.desk.put(report);
    }
    let out = traders.put(fill);
    assert_eq!((rejected(&out), halted(&out)), (Reason::DuplicateExecId, None));
    assert_eq!(traders.lots(), (30, 70));
    traders.check_books(30, 30 * PX, 1);
}

#[test]
fn a_report_for_an_unknown_order() {
    for exec_type in [
        ExecType::New,
        ExecType::Canceled,
        ExecType::Rejected,
        ExecType::Expired,
        ExecType::Replaced,
        ExecType::OrderStatus,
        ExecType::PendingCancel,
    ] {
        let mut traders = confirmed();
        let report = VenueReport {
            order_id: OutId::NONE,
            ..traders.report(exec_type, OrdStatus::New)
        };
        let out = traders.put(report);
        assert_eq!((rejected(&out), halted(&out)), (Reason::UnknownOrder, None));
        assert_eq!((traders.state(), traders.lots()), (OrderState::New, (0, 100)));
    }
}

#[test]
fn ack_after_fill() {
    let mut traders = Traders::sent();
    let ack = traders.report(ExecType::New, OrdStatus::New);
    traders.fill(30);
    assert!(traders.put(ack).is_empty());
    assert_eq!(
        (traders.state(), traders.lots()),
        (OrderState::PartiallyFilled, (30, 70))
    );
    let late = traders.report(ExecType::New, OrdStatus::New);
    traders.fill(70);
    assert_eq!(rejected(&traders.put(late)), Reason::UnknownOrder);
    over(&traders, OrderState::Filled, 100);
    traders.check_books(100, 100 * PX, 2);
}

#[test]
fn reject_after_fill() {
    let mut traders = Traders::sent();
    traders.fill(30);
    // It knows of the fill, or it doesn't: then a person looks.
    let ignorant = VenueReport {
        cum_qty: Qty::ZERO,
        ..traders.report(ExecType::Rejected, OrdStatus::Rejected)
    };
    assert_eq!(halted(&traders.put(ignorant)), Some(Reason::OrderMismatch));
    over(&traders, OrderState::Rejected, 30);
    traders.check_books(30, 30 * PX, 1);
    let mut traders = Traders::sent();
    traders.fill(30);
    assert!(traders.end(ExecType::Rejected).is_empty());
    over(&traders, OrderState::Rejected, 30);
}

#[test]
fn a_pending_answer_changes_nothing() {
    let mut traders = replacing(PX, 150);
    let pending = traders.report(ExecType::PendingReplace, OrdStatus::PendingReplace);
    assert!(traders.put(pending).is_empty());
    assert_eq!(traders.state(), OrderState::PendingReplace);
    traders.ask_cancel();
    let pending = traders.report(ExecType::PendingCancel, OrdStatus::PendingCancel);
    assert!(traders.put(pending).is_empty());
    assert_eq!(
        (traders.state(), traders.lots()),
        (OrderState::PendingCancel, (0, 150))
    );
}

#[test]
fn restart_with_orders_in_doubt() {
    // Sent and not answered, to be replaced, to be cancelled: all are cancelled, once each, and none is asked for anything else.
    for (asks, doubtful) in [(0, 100), (1, 150), (2, 100)] {
        let mut traders = Traders::sent();
        if asks > 0 {
            traders.confirm();
        }
        if asks == 1 {
            traders.ask_replace(PX, 150).unwrap();
        }
        if asks == 2 {
            traders.ask_cancel();
        }
        traders.reload();
        traders.restart(2);
        assert_eq!(
            (traders.state(), traders.lots()),
            (OrderState::InDoubt, (0, doubtful))
        );
        traders.reload();
        assert_eq!(traders.state(), OrderState::InDoubt);
        assert_eq!(traders.drain().len(), 1);
        assert_eq!(
            (traders.state(), traders.lots()),
            (OrderState::PendingCancel, (0, doubtful))
        );
        traders.fill(5);
        if asks == 1 {
            traders.replaced();
        }
        // It never had the cancel: asked once more, since an order of another epoch must not stay.
        traders.refuse(CxlRejResponseTo::CancelRequest);
        traders.desk.now += CANCEL_RETRY_NS;
        assert_eq!(count::<VenueOrderCancel>(&traders.desk.tick()), 1);
        traders.end(ExecType::Canceled);
        over(&traders, OrderState::Canceled, 5);
        traders.check_books(5, 5 * PX, 1);
    }
    // A venue that never saw it says so.
    let mut traders = Traders::sent();
    traders.restart(2);
    traders.end(ExecType::Rejected);
    over(&traders, OrderState::Rejected, 0);
}

fn mass_cancel(scope: Scope, target: u32) -> VenueMassCancel {
    VenueMassCancel {
        scope: scope.byte(),
        target,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    }
}

#[test]
fn a_mass_cancel_is_of_its_scope_and_in_chunks_and_new_orders_pass() {
    for (scope, target, expected) in [
        (Scope::Global, 0, 0b1111_u32),
        (Scope::Venue, 1, 0b1010),
        (Scope::Instrument, 0, 0b1111),
        (Scope::Strategy, 1, 0b1100),
    ] {
        let mut traders = Traders::sent_as(&order(Side::Buy, PX - 50, 1));
        let mut sent = vec![(traders.order.order_id, 0)];
        for n in 1_u16..80 {
            let kind = n % 4;
            traders.desk.put(tell(&NewVenueOrder {
                venue: VenueId(kind & 1),
                strategy: StrategyId(kind >> 1),
                ..order(Side::Buy, PX - 50, 1)
            }));
            traders.desk.books();
            let open = traders.desk.engine.open_orders().map(|held| held.order_id);
            let new: Vec<OutId> = open
                .filter(|id| sent.iter().all(|(held, _)| held != id))
                .collect();
            sent.push((new[0], kind));
        }
        let expected: Vec<OutId> = sent
            .iter()
            .filter(|(_, kind)| expected >> kind & 1 == 1)
            .map(|(id, _)| *id)
            .collect();
        let out = traders.desk.put(mass_cancel(scope, target));
        let report: VenueMassCancelReport = only(&out);
        assert_eq!(report.affected as usize, expected.len(), "{scope:?}");
        assert_eq!(report.actor.as_bytes(), b"ann");
        traders.reload();
        let mut cancelled = Vec::new();
        while traders.desk.engine.wants_continue() {
            let out = traders.desk.go_on();
            assert!(count::<VenueOrderCancel>(&out) <= 32);
            cancelled.extend(out.find::<VenueOrderCancel>());
        }
        assert!(
            cancelled
                .iter()
                .all(|cancel| cancel.reason == Reason::MassCancel.code())
        );
        let ids: Vec<OutId> = cancelled.iter().map(|cancel| cancel.order_id).collect();
        assert_eq!(ids, expected, "{scope:?}");
        // It is no halt.
        traders.desk.put(tell(&order(Side::Buy, PX - 60, 1)));
        assert_eq!(count::<VenueOrder>(&call(&mut traders.desk)), 1);
    }
}

#[test]
fn a_mass_cancel_is_asked_again_where_a_venue_refuses_and_is_refused_without_a_name_or_a_target() {
    let mut traders = replacing(PX, 150);
    traders.desk.put(mass_cancel(Scope::Global, 0));
    assert_eq!(traders.drain().len(), 1);
    traders.refuse(CxlRejResponseTo::CancelRequest);
    traders.desk.now += CANCEL_RETRY_NS;
    assert_eq!(count::<VenueOrderCancel>(&traders.desk.tick()), 1);
    // Nor is it replaced.
    traders.replaced();
    traders.refuse(CxlRejResponseTo::CancelRequest);
    assert_eq!(traders.ask_replace(PX, 50), Err(Reason::OrderPending));
    traders.end(ExecType::Canceled);
    over(&traders, OrderState::Canceled, 0);
    for (scope, target, reason) in [
        (Scope::Client, 0, Reason::BadField),
        (Scope::Venue, 2, Reason::UnknownVenue),
        (Scope::Venue, 1 << 16, Reason::UnknownVenue),
        (Scope::Instrument, 1, Reason::UnknownInstrument),
        (Scope::Strategy, 99, Reason::UnknownStrategy),
    ] {
        assert_eq!(rejected(&traders.desk.put(mass_cancel(scope, target))), reason);
    }
    let nobody = VenueMassCancel {
        actor: Text::EMPTY,
        ..mass_cancel(Scope::Global, 0)
    };
    assert_eq!(rejected(&traders.desk.put(nobody)), Reason::ActorMissing);
}
