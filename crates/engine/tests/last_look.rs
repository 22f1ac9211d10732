//! Last look: what is held, how it resolves, and that nothing happens meanwhile.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod subscribers;

use bytemuck::Zeroable;
use desk::strategies::{balances, order, puppets, tell};
use desk::{Desk, INSTRUMENT, STALE_NS, filled, only};
use pinrail_engine::{Engine, Out};
use pinrail_pricing::{Pricer, SweepPricer};
use pinrail_types::record::{
    ClientDef, ExecType, ExecutionReport, InputReject, LastLookDef, LastLookOutcome, LastLookReport,
    OrdStatus, PositionReport, Quote, QuoteCancel, QuoteCancelType, QuoteStatusReport, Scope, SessionEvent,
    SessionEventKind, TradeCaptureReport, TradingState, VenueOrder,
};
use pinrail_types::{Amount, AssetId, ClientId, Flags, Px, Qty, Reason, SessionId, Side, Text, VenueId};
use subscribers::{drained, subscribe};

const HOLD_NS: u64 = 1_000;
/// A ten-thousandth.
const TOLERANCE_E8: i64 = 10_000;

fn look(hold_ns: u64) -> LastLookDef {
    LastLookDef {
        hold_ns,
        tolerance_e8: TOLERANCE_E8,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    }
}

fn desk() -> Desk {
    let mut desk = Desk::active();
    desk.put(look(HOLD_NS));
    desk
}

/// The best prices of both venues, so many ticks from those of [`Desk::active`].
fn move_by<P: Pricer>(desk: &mut Desk<P>, ticks: i64) {
    for venue in [VenueId(0), VenueId(1)] {
        let off = i64::from(venue.0) + ticks;
        desk.snapshot(venue, &[(9_990 + off, 500)], &[(10_010 + off, 500)]);
    }
}

/// Takes a quote, which is held.
fn take<P: Pricer>(desk: &mut Desk<P>, quote: &Quote, side: u8) -> ExecutionReport {
    let out = desk.put(Desk::order(quote, side));
    let report: ExecutionReport = only(&out);
    assert_eq!(
        (report.exec_type, report.ord_status, report.reason),
        (ExecType::PendingNew.byte(), OrdStatus::PendingNew.byte(), 0)
    );
    assert_eq!((report.leaves_qty, report.cum_qty), (quote.qty, Qty(0)));
    assert_eq!(out.len(), 1, "and nothing else");
    report
}

/// Lets the hold end.
fn resolve<P: Pricer>(desk: &mut Desk<P>) -> Out {
    desk.now += HOLD_NS;
    assert_eq!(desk.engine.next_timer(), desk.now);
    desk.tick()
}

fn reload(desk: &mut Desk) {
    let words = desk.engine.save();
    let bounds = *desk.engine.bounds();
    desk.engine = Engine::load(bounds, SweepPricer::new(bounds.instruments), &words).unwrap();
    assert_eq!(desk.engine.save(), words);
}

#[test]
fn an_accept_is_held_and_filled_if_the_price_stood_still() {
    let mut desk = desk();
    let quote = desk.ask(0, b'1', 100).unwrap();
    let pending = take(&mut desk, &quote, b'1');
    assert_eq!(desk.engine.held_accepts(), 1);
    reload(&mut desk);
    desk.now += HOLD_NS - 1;
    assert!(desk.tick().is_empty(), "not before its time");
    desk.now += 1;
    let out = desk.tick();
    let looked: LastLookReport = only(&out);
    assert_eq!(
        (looked.quoted_px, looked.check_px, looked.quote_id),
        (quote.offer_px, quote.offer_px, quote.quote_id)
    );
    assert_eq!(
        (looked.hold_ns, looked.held_ns, looked.tolerance_e8),
        (HOLD_NS, HOLD_NS, TOLERANCE_E8)
    );
    assert_eq!(
        (looked.outcome, looked.reason),
        (LastLookOutcome::Accepted.byte(), 0)
    );
    let fill = filled(&out).unwrap();
    assert_eq!((fill.order_id, fill.last_px), (pending.order_id, quote.offer_px));
    assert!(fill.exec_id != pending.exec_id);
    assert_eq!(only::<TradeCaptureReport>(&out).trade_id, fill.exec_id);
    assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(-100));
    assert!(desk.engine.nothing_reserved());
    assert_eq!(desk.engine.held_accepts(), 0);
}

#[test]
fn a_move_beyond_the_tolerance_is_refused_alike_whichever_way() {
    for (one_sided, side, moved, expected) in [
        (0, b'1', 2, Err(Reason::LastLookMoved)),
        (0, b'1', -2, Err(Reason::LastLookMoved)),
        (0, b'2', 2, Err(Reason::LastLookMoved)),
        (0, b'2', -2, Err(Reason::LastLookMoved)),
        (0, b'1', 1, Ok(())),
        (0, b'1', -1, Ok(())),
        // Only what is against the house.
        (1, b'1', 2, Err(Reason::LastLookMoved)),
        (1, b'1', -2, Ok(())),
        (1, b'2', 2, Ok(())),
        (1, b'2', -2, Err(Reason::LastLookMoved)),
    ] {
        let mut desk = desk();
        desk.put(LastLookDef {
            one_sided,
            ..look(HOLD_NS)
        });
        let quote = desk.ask(0, side, 100).unwrap();
        take(&mut desk, &quote, side);
        move_by(&mut desk, moved);
        reload(&mut desk);
        let out = resolve(&mut desk);
        assert_eq!(filled(&out).map(drop), expected, "{one_sided} {side} {moved}");
        let looked: LastLookReport = only(&out);
        let away = looked.check_px.0 - looked.quoted_px.0;
        assert!((away - moved).abs() <= 1, "{away}, rounded away from the client");
        assert_eq!(looked.reason, expected.err().unwrap_or(Reason::None).code());
        assert!(desk.engine.nothing_reserved());
        let last = filled(&desk.put(Desk::order(&quote, side))).map(drop);
        assert_eq!(last, Err(expected.err().unwrap_or(Reason::QuoteFilled)));
    }
}

#[test]
fn what_is_held_is_nobodys_to_take_back() {
    let mut desk = desk();
    let quote = desk.ask(0, b'1', 100).unwrap();
    take(&mut desk, &quote, b'1');
    let again = desk.put(Desk::order(&quote, b'1'));
    assert_eq!(filled(&again).map(drop), Err(Reason::QuoteHeld));
    let refusal = |out: &Out| Reason::from_code(only::<InputReject>(out).reason).unwrap();
    assert_eq!(refusal(&desk.put(Desk::pass(&quote))), Reason::QuoteHeld);
    let cancel = QuoteCancel {
        quote_id: quote.quote_id,
        cancel_type: QuoteCancelType::Specified.byte(),
        ..Zeroable::zeroed()
    };
    assert_eq!(refusal(&desk.put(cancel)), Reason::QuoteHeld);
    let all = QuoteCancel {
        cancel_type: QuoteCancelType::All.byte(),
        ..cancel
    };
    let mut outs = vec![desk.put(all)];
    outs.push(desk.put(SessionEvent {
        session: SessionId(9),
        kind: SessionEventKind::Gone.byte(),
        ..Zeroable::zeroed()
    }));
    outs.extend(drained(&mut desk));
    assert!(
        outs.iter()
            .all(|out| out.find::<QuoteStatusReport>().count() == 0)
    );
    assert!(filled(&resolve(&mut desk)).is_ok(), "it resolves by its rules");
}

#[test]
fn an_order_that_comes_twice_is_told_where_it_is() {
    let mut desk = desk();
    let quote = desk.ask(0, b'1', 100).unwrap();
    let order = Desk::order(&quote, b'1');
    let first: ExecutionReport = only(&desk.put(order));
    let out = desk.put(order);
    assert!(out.frames().next().unwrap().flags().has(Flags::POSS_RESEND));
    assert_eq!(only::<ExecutionReport>(&out).exec_id, first.exec_id);
    let fill = filled(&resolve(&mut desk)).unwrap();
    assert_eq!(only::<ExecutionReport>(&desk.put(order)).exec_id, fill.exec_id);
    assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(-100));
}

#[test]
fn a_kill_refuses_at_the_end_of_the_hold_and_a_lost_market_too() {
    let mut desk = desk();
    let quote = desk.ask(0, b'1', 100).unwrap();
    take(&mut desk, &quote, b'1');
    desk.set_state(Scope::Global, 0, TradingState::Halted);
    drained(&mut desk);
    assert_eq!(desk.engine.held_accepts(), 1, "it is held to the end");
    let out = resolve(&mut desk);
    let looked: LastLookReport = only(&out);
    assert_eq!(
        (looked.check_px, looked.reason),
        (Px::NONE, Reason::Halted.code())
    );
    assert_eq!(filled(&out).map(drop), Err(Reason::Halted));
    assert!(desk.engine.nothing_reserved());

    let mut desk = self::desk();
    desk.put(look(2 * STALE_NS));
    let quote = desk.ask(0, b'1', 100).unwrap();
    take(&mut desk, &quote, b'1');
    desk.now += 2 * STALE_NS;
    assert_eq!(filled(&desk.tick()).map(drop), Err(Reason::ReferenceStale));
}

#[test]
fn a_held_accept_resolves_behind_a_restart() {
    let mut desk = desk();
    let quote = desk.ask(0, b'1', 100).unwrap();
    take(&mut desk, &quote, b'1');
    desk.put(desk.engine.bounds().epoch_start(2));
    drained(&mut desk);
    desk.books();
    reload(&mut desk);
    assert!(filled(&resolve(&mut desk)).is_ok());
}

#[test]
fn several_resolve_one_by_one_and_before_the_input_that_passes_them() {
    let mut desk = desk();
    let quotes: Vec<Quote> = (0..3).map(|_| desk.ask(0, b'1', 10).unwrap()).collect();
    let last = desk.ask(1, b'1', 10).unwrap();
    for quote in &quotes {
        take(&mut desk, quote, b'1');
    }
    desk.now += HOLD_NS;
    let out = desk.put(Desk::pass(&last));
    assert_eq!(filled(&out).unwrap().quote_id, quotes[0].quote_id);
    for quote in &quotes[1..] {
        assert!(desk.engine.next_timer() <= desk.now);
        assert_eq!(filled(&desk.tick()).unwrap().quote_id, quote.quote_id);
    }
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn nothing_is_traded_and_no_strategy_is_called_within_the_hold() {
    let mut desk = Desk::active_with(puppets);
    for balance in balances() {
        desk.put(balance);
    }
    desk.put(look(HOLD_NS));
    let quote = desk.ask(0, b'1', 100).unwrap();
    // At its next call, whatever that is, the strategy hedges.
    desk.put(tell(&order(Side::Buy, 10_010, 100)));
    take(&mut desk, &quote, b'1');
    desk.now += HOLD_NS - 1;
    assert!(desk.tick().is_empty());
    desk.now += 1;
    let out = desk.tick();
    assert_eq!(out.find::<PositionReport>().count(), 1);
    assert_eq!(only::<VenueOrder>(&out).qty, Qty(100));
}

#[test]
fn a_stream_goes_on_beside_what_is_held() {
    let mut desk = desk();
    desk.put(subscribers::params(0, 0));
    let (request, quote) = subscribe(&mut desk, 0, b'1', 100);
    let out = desk.put(Desk::order(&quote, b'1'));
    assert_eq!(
        only::<ExecutionReport>(&out).exec_type,
        ExecType::PendingNew.byte()
    );
    assert_eq!(
        only::<Quote>(&out).quote_req_id,
        request.quote_req_id,
        "quoted again at once"
    );
    move_by(&mut desk, 5);
    drained(&mut desk);
    assert_eq!((desk.engine.open_quotes(), desk.engine.streams()), (2, 1));
    desk.now += HOLD_NS;
    let out = desk.tick();
    assert_eq!(filled(&out).map(drop), Err(Reason::LastLookMoved));
    assert_eq!(only::<LastLookReport>(&out).quote_id, quote.quote_id);
    assert_eq!(desk.engine.open_quotes(), 1);
    desk.put(subscribers::unsubscribe(&request));
    assert_eq!(desk.engine.open_quotes(), 0);
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn it_is_of_a_tier_and_off_without_being_set() {
    let mut desk = desk();
    desk.put(ClientDef {
        client: ClientId(1),
        tier: 1,
        credit_asset: AssetId(1),
        credit_max: Amount::new(1 << 80),
        ..Zeroable::zeroed()
    });
    desk.put(pinrail_types::record::TierSpread {
        tier: 1,
        ..Zeroable::zeroed()
    });
    let quote = desk.ask(1, b'1', 100).unwrap();
    assert!(filled(&desk.put(Desk::order(&quote, b'1'))).unwrap().last_qty == Qty(100));
    let refusal = |out: &Out| Reason::from_code(only::<InputReject>(out).reason).unwrap();
    for spoil in [
        (|def| def.tier = 16) as fn(&mut LastLookDef),
        |def| def.hold_ns = 1_000_000_001,
        |def| def.tolerance_e8 = -1,
        |def| def.tolerance_e8 = 100_000_001,
        |def| def.one_sided = 2,
    ] {
        let mut def = look(HOLD_NS);
        spoil(&mut def);
        assert_eq!(refusal(&desk.put(def)), Reason::BadField);
    }
    let mut nobody = look(HOLD_NS);
    nobody.actor = Text::EMPTY;
    assert_eq!(refusal(&desk.put(nobody)), Reason::ActorMissing);
}

#[test]
fn the_fill_of_a_hold_that_is_over_quotes_streams_anew_whatever_else_comes() {
    let mut desk = desk();
    desk.put(pinrail_types::record::QuotingParams {
        skew_e8: 1_000_000,
        skew_position: Qty(100),
        ..subscribers::params(0, 0)
    });
    let (_, streamed) = subscribe(&mut desk, 1, b'1', 50);
    let quote = desk.ask(0, b'1', 100).unwrap();
    take(&mut desk, &quote, b'1');
    desk.now += HOLD_NS;
    let mut outs = vec![desk.tick()];
    outs.extend(drained(&mut desk));
    assert!(outs.iter().any(|out| {
        out.find::<ExecutionReport>()
            .any(|report| report.last_qty == Qty(100))
    }));
    let anew: Vec<Quote> = subscribers::quotes(&outs);
    assert_eq!(anew.len(), 1, "the house is short now");
    assert!(anew[0].offer_px > streamed.offer_px);
}

#[test]
fn a_quote_that_lives_for_hours_is_looked_at_by_its_own_life() {
    let mut desk = Desk::halted();
    desk.put(pinrail_types::record::InstrumentLimits {
        quote_ttl_ns: 7_200_000_000_000,
        ..Desk::limits()
    });
    desk.put(pinrail_types::record::QuotingParams {
        volatility_mult_e8: 100_000_000,
        ..subscribers::params(0, 0)
    });
    desk.put(look(HOLD_NS));
    desk.set_state(pinrail_types::record::Scope::Global, 0, TradingState::Active);
    for second in 1..20 {
        desk.now += 1_000_000_000;
        move_by(&mut desk, if second % 2 == 0 { 0 } else { 2 });
    }
    let quote = desk.ask(0, b'1', 100).unwrap();
    assert!(quote.offer_px > Px(10_050), "it costs to wait that long");
    take(&mut desk, &quote, b'1');
    let out = resolve(&mut desk);
    assert!(filled(&out).is_ok(), "nothing moved");
}
