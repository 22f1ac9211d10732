//! Trades that a venue takes back or corrects: what they moved is moved back exactly, whatever became of their order.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod venue;

use desk::strategies::{order, tell};
use desk::{INSTRUMENT, only};
use pinrail_engine::{EXECUTIONS_MAX, Out};
use pinrail_oms::life::OrderState;
use pinrail_types::record::{
    ExecType, OrdStatus, TradeCaptureReport, TradeReportTransType, TradingState, VenueOrder, VenueReport,
};
use pinrail_types::{Amount, AssetId, OutId, Px, Qty, Reason, Side, VenueId};
use venue::{FEE, PX, Traders, confirmed, count, halted, id, over, rejected};

/// The trades that came out, as their marks, lots and what they name.
fn trades(out: &Out) -> Vec<(TradeReportTransType, i64, OutId)> {
    let all = out.find::<TradeCaptureReport>();
    all.map(|trade| {
        let mark = TradeReportTransType::from_byte(trade.trans_type).unwrap();
        (mark, trade.qty.0, trade.ref_id)
    })
    .collect()
}

#[test]
fn bust_of_an_open_order() {
    // Open again, if the venue says so; else the order is for less.
    for (leaves, open) in [(100, 100), (60, 60)] {
        let mut traders = confirmed();
        let first: TradeCaptureReport = only(&traders.fill(40));
        let fill = traders.execs;
        let out = traders.bust(fill, leaves);
        assert_eq!(
            trades(&out),
            [(TradeReportTransType::Cancel, -40, first.trade_id)]
        );
        let back: TradeCaptureReport = only(&out);
        assert_ne!(back.trade_id, first.trade_id);
        assert_eq!(
            (
                back.buyer_kind,
                back.base_amt.get(),
                back.gross_trade_amt.get(),
                back.buyer_fee.get()
            ),
            (
                first.buyer_kind,
                -first.base_amt.get(),
                -first.gross_trade_amt.get(),
                -first.buyer_fee.get()
            )
        );
        assert_eq!((traders.state(), traders.lots()), (OrderState::New, (0, open)));
        assert_eq!(
            traders.desk.engine.position(INSTRUMENT),
            pinrail_oms::Position::default()
        );
        traders.check_books(0, 0, 0);
        traders.fill(open);
        over(&traders, OrderState::Filled, open);
        traders.check_books(open, open * PX, 1);
    }
}

#[test]
fn bust_after_cancel() {
    let mut traders = confirmed();
    traders.fill(40);
    let fill = traders.execs;
    traders.ask_cancel();
    traders.end(ExecType::Canceled);
    let out = traders.bust(fill, 0);
    assert_eq!(halted(&out), None);
    over(&traders, OrderState::Canceled, 0);
    traders.check_books(0, 0, 0);
    // Once: the same report again, and another of the same trade.
    let again = VenueReport {
        exec_id: id(traders.execs),
        exec_ref_id: id(fill),
        ..traders.report(ExecType::TradeCancel, OrdStatus::Canceled)
    };
    assert_eq!(rejected(&traders.put(again)), Reason::DuplicateExecId);
    let out = traders.bust(fill, 0);
    assert_eq!((rejected(&out), halted(&out)), (Reason::TradeBusted, None));
    traders.check_books(0, 0, 0);
    // Nor behind a restart.
    traders.reload();
    assert_eq!(rejected(&traders.bust(fill, 0)), Reason::TradeBusted);
    // Nor as a correction.
    assert_eq!(rejected(&traders.correct(fill, 50, PX, 0)), Reason::TradeBusted);
    traders.check_books(0, 0, 0);
}

#[test]
fn a_bust_that_has_an_order_live_again_that_ended_halts_its_venue() {
    let mut traders = confirmed();
    traders.fill(100);
    let fill = traders.execs;
    let out = traders.bust(fill, 100);
    assert_eq!(halted(&out), Some(Reason::OrderMismatch));
    over(&traders, OrderState::Filled, 0);
    traders.check_books(0, 0, 0);
}

#[test]
fn a_bust_of_a_trade_that_is_not_known_or_no_longer_is_refused_and_halts_its_venue() {
    let mut traders = confirmed();
    // A report that was no trade, one that never was, and one of another venue.
    for of in [1, 77] {
        let mut traders = confirmed();
        let out = traders.bust(of, 0);
        assert_eq!(
            (rejected(&out), halted(&out)),
            (Reason::UnknownExecId, Some(Reason::UnknownExecId))
        );
        assert_eq!(traders.drain().len(), 1);
        traders.check_books(0, 0, 0);
    }
    traders.fill(40);
    let fill = traders.execs;
    let elsewhere = VenueReport {
        venue: VenueId(1),
        exec_ref_id: id(fill),
        ..traders.report(ExecType::TradeCancel, OrdStatus::Canceled)
    };
    assert_eq!(rejected(&traders.put(elsewhere)), Reason::UnknownExecId);
    // Another side than the trade's.
    let other_side = VenueReport {
        side: b'2',
        exec_ref_id: id(fill),
        ..traders.report(ExecType::TradeCancel, OrdStatus::Canceled)
    };
    assert_eq!(rejected(&traders.put(other_side)), Reason::OrderMismatch);
    traders.check_books(40, 40 * PX, 1);
    // What was refused is not taken: the venue may put it right under the same id.
    let put_right = VenueReport {
        side: b'1',
        ..other_side
    };
    traders.put(put_right);
    traders.check_books(0, 0, 0);
    // As many trades behind one as are remembered: the difference is a person's to settle.
    let mut traders = Traders::sent_as(&order(Side::Buy, PX, 5_000));
    traders.fill(40);
    let fill = traders.execs;
    let behind = EXECUTIONS_MAX as i64 - 1;
    for _ in 0..behind {
        let report = traders.fill_report(1, PX);
        traders.desk.put(report);
    }
    let mut known = VenueReport {
        exec_ref_id: id(fill),
        ..traders.report(ExecType::TradeCorrect, OrdStatus::PartiallyFilled)
    };
    known.last_qty = Qty(41);
    known.last_px = Px(PX);
    known.fee = Amount::new(FEE.into());
    traders.put(known);
    traders.check_books(41 + behind, (41 + behind) * PX, 1 + behind);
    let out = traders.bust(fill, 0);
    assert_eq!(
        (rejected(&out), halted(&out)),
        (Reason::UnknownExecId, Some(Reason::UnknownExecId))
    );
    traders.check_books(41 + behind, (41 + behind) * PX, 1 + behind);
}

#[test]
fn correct_up_and_down() {
    let mut traders = confirmed();
    let first: TradeCaptureReport = only(&traders.fill(40));
    let fill = traders.execs;
    // Up: what is more is filled.
    let out = traders.correct(fill, 55, PX - 1, 45);
    let order_id = traders.order.order_id;
    assert_eq!(
        trades(&out),
        [
            (TradeReportTransType::Cancel, -40, first.trade_id),
            (TradeReportTransType::Replace, 55, order_id)
        ]
    );
    let second = out.find::<TradeCaptureReport>().last().unwrap();
    assert_eq!(traders.lots(), (55, 45));
    traders.check_books(55, 55 * (PX - 1), 1);
    // Down, by the id of the correction: what is less is open again.
    let corrected = traders.execs;
    let out = traders.correct(corrected, 30, PX - 2, 70);
    assert_eq!(
        trades(&out)[0],
        (TradeReportTransType::Cancel, -55, second.trade_id)
    );
    assert_eq!(traders.lots(), (30, 70));
    traders.check_books(30, 30 * (PX - 2), 1);
    // Only the price, by the first id, behind a restart.
    traders.reload();
    traders.correct(fill, 30, PX, 70);
    assert_eq!(
        (traders.state(), traders.lots()),
        (OrderState::PartiallyFilled, (30, 70))
    );
    traders.check_books(30, 30 * PX, 1);
    // Taken back altogether.
    traders.bust(fill, 100);
    assert_eq!((traders.state(), traders.lots()), (OrderState::New, (0, 100)));
    assert_eq!(
        traders.desk.engine.position(INSTRUMENT),
        pinrail_oms::Position::default()
    );
    traders.check_books(0, 0, 0);
}

#[test]
fn a_correction_fills_all_that_was_left_or_more() {
    let mut traders = confirmed();
    traders.fill(40);
    assert_eq!(halted(&traders.correct(2, 100, PX, 0)), None);
    over(&traders, OrderState::Filled, 100);
    traders.check_books(100, 100 * PX, 1);
    let mut traders = confirmed();
    traders.fill(40);
    let out = traders.correct(2, 101, PX, 0);
    assert_eq!(halted(&out), Some(Reason::OrderMismatch));
    over(&traders, OrderState::Filled, 101);
    // And one at a worse price than was asked for.
    let mut traders = confirmed();
    traders.fill(40);
    assert_eq!(
        halted(&traders.correct(2, 40, PX + 1, 60)),
        Some(Reason::OrderMismatch)
    );
    traders.check_books(40, 40 * (PX + 1), 1);
    // Of an order that has ended the venue's word is taken.
    let mut traders = confirmed();
    traders.fill(40);
    traders.end(ExecType::Canceled);
    assert_eq!(halted(&traders.correct(2, 45, PX, 0)), None);
    over(&traders, OrderState::Canceled, 45);
    traders.check_books(45, 45 * PX, 1);
    assert_eq!(halted(&traders.correct(2, 5, PX, 0)), None);
    over(&traders, OrderState::Canceled, 5);
    traders.check_books(5, 5 * PX, 1);
}

#[test]
fn a_correction_that_cannot_be_booked_halts_the_desk_and_changes_nothing() {
    for (qty, px, fee, reason) in [
        (0, PX, FEE.into(), Reason::BadField),
        (40, i64::MAX, FEE.into(), Reason::BadField),
        (40, PX, i128::MAX, Reason::Overflow),
    ] {
        let mut traders = confirmed();
        traders.fill(40);
        let position = traders.desk.engine.position(INSTRUMENT);
        let report = VenueReport {
            exec_ref_id: id(2),
            last_px: Px(px),
            last_qty: Qty(qty),
            fee: Amount::new(fee),
            ..traders.report(ExecType::TradeCorrect, OrdStatus::PartiallyFilled)
        };
        let out = traders.put(report);
        assert_eq!((rejected(&out), halted(&out)), (reason, Some(reason)));
        assert_eq!(traders.desk.engine.trading_state(), TradingState::Halted);
        assert_eq!(traders.desk.engine.position(INSTRUMENT), position);
        traders.check_books(40, 40 * PX, 1);
        // The same put right is taken.
        let report = VenueReport {
            last_px: Px(PX),
            last_qty: Qty(41),
            fee: Amount::new(FEE.into()),
            ..report
        };
        traders.put(report);
        traders.check_books(41, 41 * PX, 1);
    }
}

#[test]
fn a_fee_in_another_asset_is_taken_back_in_that_asset() {
    let mut traders = confirmed();
    let report = VenueReport {
        fee: Amount::new(9),
        fee_asset: AssetId(0),
        ..traders.fill_report(40, PX)
    };
    traders.put(report);
    traders.correct(2, 40, PX, 60);
    traders.check_books(40, 40 * PX, 1);
    traders.bust(2, 100);
    traders.check_books(0, 0, 0);
}

/// The cost of what is held is what it would be had the trade never been, if no other came between.
#[test]
fn the_cost_of_a_position_is_as_if_a_trade_that_is_taken_back_had_never_been() {
    for first in [Side::Buy, Side::Sell] {
        let mut desk_before = None;
        let mut traders = confirmed();
        traders.fill_at(33, PX - 7);
        // A second order, on either side: it makes the position larger, smaller, or turns it.
        for qty in [10, 33, 60] {
            let mut other = traders_with(&mut traders, first, qty);
            let before = traders.desk.engine.position(INSTRUMENT);
            other.last_qty = Qty(qty);
            traders.put(other);
            assert_ne!(traders.desk.engine.position(INSTRUMENT), before);
            let bust = VenueReport {
                exec_ref_id: other.exec_id,
                side: other.side,
                ..traders.report(ExecType::TradeCancel, OrdStatus::Canceled)
            };
            traders.put(bust);
            assert_eq!(traders.desk.engine.position(INSTRUMENT), before);
            desk_before = Some(before);
        }
        assert_eq!(desk_before.unwrap().qty, Qty(33));
        traders.check_books(33, 33 * (PX - 7), 1);
    }
}

/// A fill of no order, on a side.
fn traders_with(traders: &mut Traders, side: Side, qty: i64) -> VenueReport {
    VenueReport {
        order_id: OutId::NONE,
        side: side.fix(),
        ..traders.fill_report(qty, PX + 11)
    }
}

#[test]
fn the_strategy_is_called_when_a_trade_is_taken_back_or_corrected() {
    let mut traders = confirmed();
    traders.fill(40);
    let next = |traders: &mut Traders| {
        let next = order(Side::Buy, PX - 30, 1);
        traders.desk.put(tell(&next));
    };
    next(&mut traders);
    let out = traders.correct(2, 50, PX - 1, 50);
    assert_eq!(count::<VenueOrder>(&out), 1);
    next(&mut traders);
    let out = traders.bust(2, 100);
    assert_eq!(count::<VenueOrder>(&out), 1);
}
