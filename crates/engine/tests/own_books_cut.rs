//! Long work in the desk's own books that is cut short: by a crash, a kill or a latch, and what still passes meanwhile.
#![allow(clippy::unwrap_used)]

mod desk;
#[path = "desk/market.rs"]
mod market;

use bytemuck::Zeroable;
use desk::{Desk, INSTRUMENT, only};
use market::{
    all, cancel, cost, give, held, limit, market, quote, quoted, refusal, replace, reports, resting,
    set_limit, set_phase, told,
};
use pinrail_engine::{Engine, Out};
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    ClientDef, ClientOrder, Continue, ExecInst, ExecType, ExecutionReport, LimitKind, MarketPhase,
    MarketPhaseReport, MarketPhaseSet, OrdType, OrderMassCancelReport, OrderMassCancelRequest, RuntimeEvent,
    RuntimeEventKind, Scope, SessionEvent, SessionEventKind, TimeInForce, TradingState, TriggerPriceType,
};
use pinrail_types::{AssetId, ClientId, Px, Qty, Reason, SessionId, Side, Text, VenueId};

/// What makes the desk do long work: the input is fed, and what it leaves to be done is not done yet.
type Begin = fn(&mut Desk) -> Out;

/// Each kind of long work of client 1 in the books, left half done, with offers of client 0 that it trades with.
fn long_work() -> [(&'static str, Begin); 4] {
    fn offers(desk: &mut Desk) {
        for n in 0..12 {
            give(desk, limit(&format!("S{n}"), 0, 10_010, -1)).unwrap();
        }
    }
    [
        ("a sweep", |desk| {
            offers(desk);
            desk.put(limit("B", 1, 10_010, 20))
        }),
        ("an uncrossing", |desk| {
            set_phase(desk, MarketPhase::Auction, 0);
            offers(desk);
            give(desk, limit("B", 1, 10_010, 20)).unwrap();
            desk.put(begin_phase(MarketPhase::Continuous))
        }),
        ("a mass quote", |desk| {
            all(desk, quote(1, &[(9_000, 1), (9_001, 1), (9_002, 1)], &[]));
            offers(desk);
            desk.put(quote(1, &[(10_010, 3), (10_010, 3), (10_010, 3)], &[(10_020, 1)]))
        }),
        ("stops", |desk| {
            for n in 0..6 {
                let stop = ClientOrder {
                    ord_type: OrdType::Stop.byte(),
                    trigger: TriggerPriceType::LastTrade.byte(),
                    stop_px: Px(10_010),
                    ..limit(&format!("P{n}"), 1, 10_020, 2)
                };
                give(desk, stop).unwrap();
            }
            offers(desk);
            desk.put(limit("B", 1, 10_010, 1))
        }),
    ]
}

fn reload(desk: &mut Desk) {
    let words = desk.engine.save();
    let bounds = *desk.engine.bounds();
    desk.engine = Engine::load(bounds, SweepPricer::new(bounds.instruments), &words).unwrap();
}

/// Goes on to the end; what was said of trades on the way.
fn fills_until_quiet(desk: &mut Desk) -> Vec<ExecutionReport> {
    let mut fills = Vec::new();
    for _ in 0..1_000 {
        if !desk.engine.wants_continue() {
            return fills;
        }
        let out = desk.put(Continue::zeroed());
        let trades = out.find::<ExecutionReport>();
        fills.extend(trades.filter(|report| report.exec_type == ExecType::Trade.byte()));
    }
    panic!("there is always something left to do");
}

#[test]
fn a_start_ends_what_a_crash_left_half_done_and_trades_no_more() {
    for (what, begin) in long_work() {
        let mut desk = market();
        let out = begin(&mut desk);
        let traded = out
            .find::<ExecutionReport>()
            .any(|report| report.exec_type == ExecType::Trade.byte());
        assert!(traded && desk.engine.wants_continue(), "{what} is under way");
        let position = desk.engine.client_position(ClientId(1), INSTRUMENT);
        reload(&mut desk);
        desk.put(desk.engine.bounds().epoch_start(2));
        assert_eq!(told(&fills_until_quiet(&mut desk)), [], "{what}");
        assert_eq!(
            desk.engine.client_position(ClientId(1), INSTRUMENT),
            position,
            "{what}"
        );
        assert!(
            resting(&desk).is_empty() && desk.engine.nothing_reserved(),
            "{what}"
        );
    }
}

#[test]
fn a_halt_ends_what_is_under_way_in_its_scope() {
    for (what, begin) in long_work() {
        for (scope, target, trades_on) in [
            (Scope::Global, 0, false),
            (Scope::Instrument, 0, false),
            (Scope::Client, 1, false),
            // Who rests is halted: nothing is left to trade with.
            (Scope::Client, 0, false),
            (Scope::Client, 2, true),
        ] {
            let mut desk = market();
            if target == 2 {
                desk.put(ClientDef {
                    client: ClientId(2),
                    credit_asset: AssetId(1),
                    ..Zeroable::zeroed()
                });
            }
            begin(&mut desk);
            desk.set_state(scope, target, TradingState::Halted);
            let fills = fills_until_quiet(&mut desk);
            assert_eq!(!fills.is_empty(), trades_on, "{what}, {scope:?} {target}");
            assert!(desk.engine.own_books().is_empty() || scope == Scope::Client);
            let left = desk.engine.own_books().orders(INSTRUMENT, Side::Buy);
            assert!(
                left.chain(desk.engine.own_books().orders(INSTRUMENT, Side::Sell))
                    .all(|order| scope == Scope::Client && order.client != ClientId(target))
            );
        }
    }
}

fn mass_cancel(client: u32) -> OrderMassCancelRequest {
    OrderMassCancelRequest {
        cl_ord_id: Text::new("MC").unwrap(),
        client: ClientId(client),
        instrument: OrderMassCancelRequest::ALL,
        ..Zeroable::zeroed()
    }
}

fn begin_phase(phase: MarketPhase) -> MarketPhaseSet {
    MarketPhaseSet {
        instrument: INSTRUMENT,
        phase: phase.byte(),
        actor: Text::new("tester").unwrap(),
        ..Zeroable::zeroed()
    }
}

/// A desk with two orders of client 1, and nine of client 0 whose time is over at the very next input.
fn many_are_over() -> Desk {
    let mut desk = market();
    give(&mut desk, limit("KEPT", 1, 9_900, 5)).unwrap();
    give(&mut desk, limit("ALSO", 1, 9_900, 5)).unwrap();
    let end = desk.now + 1_000;
    for n in 0..9 {
        let dated = ClientOrder {
            time_in_force: TimeInForce::GoodTillDate.byte(),
            expire_ts: end,
            ..limit(&format!("G{n}"), 0, 9_900, 5)
        };
        give(&mut desk, dated).unwrap();
    }
    desk.now = end;
    desk
}

#[test]
fn a_cancel_passes_in_the_input_in_which_many_orders_are_over() {
    let mut desk = many_are_over();
    let report: ExecutionReport = only(&desk.put(cancel("KEPT", 1)));
    assert_eq!(
        (report.exec_type, report.client),
        (ExecType::Canceled.byte(), ClientId(1))
    );
    // And again while the others are ending.
    let report: ExecutionReport = only(&desk.put(cancel("ALSO", 1)));
    assert_eq!(report.exec_type, ExecType::Canceled.byte());
    let report: ExecutionReport = only(&desk.put(cancel("G4", 0)));
    assert_eq!(
        report.exec_type,
        ExecType::Canceled.byte(),
        "one that is over may be cancelled before it ends"
    );
    fills_until_quiet(&mut desk);
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_mass_cancel_passes_in_the_input_in_which_many_orders_are_over() {
    let mut desk = many_are_over();
    let out = desk.put(mass_cancel(1));
    assert_eq!(only::<OrderMassCancelReport>(&out).reason, 0);
    assert_eq!(told(&out.find().collect::<Vec<_>>()), [('4', 1, 0); 2]);
    fills_until_quiet(&mut desk);
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_market_is_stopped_in_the_input_in_which_many_orders_are_over_and_in_the_midst_of_work() {
    for phase in [MarketPhase::Halted, MarketPhase::CancelOnly] {
        let mut desk = many_are_over();
        only::<MarketPhaseReport>(&desk.put(begin_phase(phase)));
        fills_until_quiet(&mut desk);
        assert_eq!(resting(&desk).len(), 2);
        for (what, begin) in long_work() {
            let mut desk = market();
            begin(&mut desk);
            only::<MarketPhaseReport>(&desk.put(begin_phase(phase)));
            assert_eq!(told(&fills_until_quiet(&mut desk)), [], "{what}");
            for client in 0..2 {
                let reserved = desk.engine.own_books();
                let sides = [Side::Buy, Side::Sell].into_iter();
                let open = sides.flat_map(|side| reserved.orders(INSTRUMENT, side).collect::<Vec<_>>());
                let own = open.filter(|order| order.client == ClientId(client));
                let worth: i128 = own.map(|order| cost(order.px.0, order.leaves.0)).sum();
                let stops = reserved.stops(INSTRUMENT, Side::Buy).count();
                assert!(
                    stops > 0 || held(&desk, client) == worth,
                    "{what}: what is held is what rests"
                );
            }
        }
    }
}

#[test]
fn a_mass_cancel_looks_at_its_clients_own_orders_only() {
    let mut desk = market();
    for n in 0..60 {
        give(&mut desk, limit(&format!("O{n}"), 0, 9_900 - n, 1)).unwrap();
    }
    give(&mut desk, limit("LAST", 1, 9_000, 1)).unwrap();
    let out = desk.put(mass_cancel(1));
    assert_eq!(out.find::<ExecutionReport>().count(), 1);
    assert!(!desk.engine.wants_continue(), "one input was enough");
    let out = desk.put(mass_cancel(1));
    assert_eq!(
        (out.len(), desk.engine.wants_continue()),
        (1, false),
        "nothing is looked at"
    );
    // One whose orders are many is worked on in bounded chunks, and nothing new comes in between.
    let out = desk.put(mass_cancel(0));
    assert_eq!(out.find::<ExecutionReport>().count(), 4);
    let late: ExecutionReport = only(&desk.put(limit("LATE", 1, 9_000, 1)));
    assert_eq!(late.reason, Reason::BookBusy.code());
    reload(&mut desk);
    fills_until_quiet(&mut desk);
    assert!(desk.engine.own_books().is_empty() && desk.engine.nothing_reserved());
}

#[test]
fn a_mass_cancel_ends_what_is_left_of_its_clients_long_work() {
    for (what, begin) in long_work() {
        let mut desk = market();
        begin(&mut desk);
        desk.put(mass_cancel(1));
        // The few that the very input could not cancel trade no more either.
        assert_eq!(told(&fills_until_quiet(&mut desk)), [], "{what}");
        assert_eq!(held(&desk, 1), 0, "{what}");
    }
}

type Obstacle = fn(&mut Desk);

/// What stands in the way of everything else that a client may ask for.
fn obstacles() -> [(&'static str, Obstacle); 7] {
    [
        ("a reference too old", |desk| desk.now += 2 * desk::STALE_NS),
        ("the market elsewhere", |desk| {
            for venue in [VenueId(0), VenueId(1)] {
                desk.snapshot(venue, &[(5_000, 500)], &[(5_020, 500)]);
            }
        }),
        ("a collar", |desk| set_limit(desk, LimitKind::Collar, 0, 0, 0)),
        ("no credit", |desk| set_limit(desk, LimitKind::Credit, 0, 0, 0)),
        ("a rate", |desk| {
            set_limit(desk, LimitKind::ClientRate, 0, 1, 1_000_000_000);
            desk.put(cancel("NONE", 0));
        }),
        ("the least notional", |desk| {
            set_limit(desk, LimitKind::NotionalMin, 0, 1 << 60, 0);
        }),
        ("the end of trading", |desk| {
            set_phase(desk, MarketPhase::Halted, 0);
        }),
    ]
}

#[test]
fn a_change_to_less_at_the_same_price_always_passes() {
    for (what, stand_in_the_way) in obstacles() {
        let mut desk = market();
        give(&mut desk, limit("A", 0, 9_950, 20)).unwrap();
        assert_eq!(
            told(&reports(&mut desk, quote(0, &[(9_940, 20)], &[]))),
            [('0', 0, 20)]
        );
        stand_in_the_way(&mut desk);
        assert_ne!(
            refusal(&mut desk, replace("A", "A", 0, 9_950, 21)),
            Reason::None,
            "{what}"
        );
        assert_ne!(
            refusal(&mut desk, replace("A", "A", 0, 9_951, 20)),
            Reason::None,
            "{what}"
        );
        assert_eq!(
            refusal(&mut desk, replace("A", "B", 0, 9_950, 12)),
            Reason::None,
            "{what}"
        );
        assert_eq!(
            refusal(&mut desk, replace("B", "B", 0, i64::MIN, 11)),
            Reason::None,
            "{what}"
        );
        let left = [(b'1', Px(9_950), Qty(11)), (b'1', Px(9_940), Qty(20))];
        assert_eq!(resting(&desk), left, "{what}");
        all(&mut desk, cancel("B", 0));
        if what != "the end of trading" {
            let changed = reports(&mut desk, quote(0, &[(9_940, 7)], &[]));
            assert_eq!(told(&changed), [('5', 0, 7)], "{what}");
        }
        all(&mut desk, mass_cancel(0));
        assert!(desk.engine.nothing_reserved(), "{what}");
    }
    let mut desk = many_are_over();
    let out = desk.put(replace("KEPT", "KEPT", 1, 9_900, 2));
    assert_eq!(told(&out.find().collect::<Vec<_>>()), [('5', 1, 2)]);
}

#[test]
fn a_mass_quote_that_the_gate_refuses_uses_up_no_room() {
    let mut desk = market();
    set_limit(&mut desk, LimitKind::Credit, 0, 0, 0);
    let words = desk.engine.save().len();
    for _ in 0..3 {
        let refused = reports(&mut desk, quote(0, &[(9_990, 10)], &[(10_010, 10)]));
        assert!(
            refused
                .iter()
                .all(|report| report.reason == Reason::CreditLimit.code())
        );
    }
    assert_eq!(
        desk.engine.save().len(),
        words,
        "no pair of client and instrument is kept"
    );
}

/// What an input said, in lines.
fn lines(out: &Out) -> usize {
    out.words().len() / 8
}

#[test]
fn the_largest_outputs_of_steps_have_room() {
    let iceberg = |name: &str, client, px, qty| ClientOrder {
        display_qty: Qty(1),
        ..limit(name, client, px, qty)
    };
    // In an auction four pairs of icebergs trade, each shown anew at its price.
    let mut desk = market();
    set_phase(&mut desk, MarketPhase::Auction, 0);
    for n in 0..2 {
        give(&mut desk, iceberg(&format!("B{n}"), 0, 10_010, 20)).unwrap();
        give(&mut desk, iceberg(&format!("S{n}"), 1, 9_990, -20)).unwrap();
    }
    let out = desk.put(begin_phase(MarketPhase::Continuous));
    // Beside them the phase, and that nothing is left of the auction.
    assert_eq!(lines(&out), 1 + 4 * 17 + 1);
    let out = desk.put(Continue::zeroed());
    assert_eq!(lines(&out), 4 * 17);
    // A sweep takes a lot of each of four icebergs.
    let mut desk = market();
    for n in 0..5 {
        give(&mut desk, iceberg(&format!("S{n}"), 1, 10_010 + n, -20)).unwrap();
    }
    let out = desk.put(limit("B", 0, 10_050, 100));
    assert!(
        lines(&out) > 3 + 4 * 13 && lines(&out) <= 3 + 4 * 14 + 3,
        "{}",
        lines(&out)
    );
    fills_until_quiet(&mut desk);
}

#[test]
fn what_adds_risk_is_cancelled_when_the_journal_is_short_or_the_archiver_failed() {
    for (kind, ends) in [
        (RuntimeEventKind::JournalShort, true),
        (RuntimeEventKind::ArchiverFailed, false),
    ] {
        let mut desk = market();
        give(&mut desk, limit("S", 1, 10_000, -10)).unwrap();
        give(&mut desk, limit("B", 0, 10_000, 10)).unwrap();
        for n in 0..9 {
            give(&mut desk, limit(&format!("N{n}"), 1, 9_900, 5)).unwrap();
        }
        let reducing = ClientOrder {
            exec_inst: ExecInst::REDUCE_ONLY,
            ..limit("R", 0, 10_020, -10)
        };
        give(&mut desk, reducing).unwrap();
        let tell = |desk: &mut Desk, kind: RuntimeEventKind| {
            let kind = kind.byte();
            reports(
                desk,
                RuntimeEvent {
                    kind,
                    ..Zeroable::zeroed()
                },
            )
        };
        let found = tell(&mut desk, kind);
        assert_eq!(told(&found), [('4', 1, 0); 9]);
        assert!(
            found
                .iter()
                .all(|report| report.reason == Reason::Withdrawn.code())
        );
        assert_eq!(resting(&desk), [(b'2', Px(10_020), Qty(10))]);
        assert_eq!(told(&tell(&mut desk, RuntimeEventKind::JournalRoom)), []);
        assert_eq!(give(&mut desk, limit("NEW", 1, 9_900, 5)).is_ok(), ends);
    }
}

#[test]
fn what_rests_for_a_session_ends_with_it_and_nothing_new_comes_on_it() {
    let mut desk = market();
    let session = |kind: SessionEventKind| SessionEvent {
        session: SessionId(1),
        kind: kind.byte(),
        ..Zeroable::zeroed()
    };
    all(&mut desk, quote(1, &[(9_990, 5)], &[(10_010, 5)]));
    give(&mut desk, limit("A", 1, 9_980, 5)).unwrap();
    let other = limit("B", 0, 9_970, 5);
    give(&mut desk, other).unwrap();
    let outs = all(&mut desk, session(SessionEventKind::Gone));
    assert_eq!(outs.iter().flat_map(Out::find::<ExecutionReport>).count(), 3);
    assert_eq!(
        resting(&desk),
        [(b'1', Px(9_970), Qty(5))],
        "another session's stays"
    );
    assert_eq!(give(&mut desk, limit("C", 1, 9_980, 5)), Err(Reason::SessionGone));
    let again = quote(1, &[(9_990, 5)], &[]);
    assert_eq!(quoted(&desk.put(again)), Reason::SessionGone);
    all(&mut desk, session(SessionEventKind::Back));
    assert_eq!(quoted(&desk.put(again)), Reason::None);
    assert_eq!(held(&desk, 1), cost(9_990, 5));
}
