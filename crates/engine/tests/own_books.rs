//! The desk's own books: definitions, phases, time, mass quotes and mass cancels.

mod desk;
#[path = "desk/market.rs"]
mod market;

use bytemuck::Zeroable;
use desk::{Desk, INSTRUMENT, only};
use market::{
    all, book_def, cost, give, held, limit, market, quote, quoted, reports, resting, set_phase, told,
};
use pinrail_types::record::{
    AuctionPrice, BookDef, ClientOrder, ExecInst, ExecType, ExecutionReport, InputReject, LastLiquidityInd,
    MarketPhase, MarketPhaseReport, MarketPhaseSet, MassQuote, OrderMassCancelReport, OrderMassCancelRequest,
    Tick, TimeInForce,
};
use pinrail_types::{ClientId, InstrumentId, OutId, Px, Qty, Reason, SessionId, Text};

#[test]
fn orders_end_by_their_own_time_and_by_the_days_end() {
    let mut desk = market();
    let end = desk.now + 5_000;
    set_phase(&mut desk, MarketPhase::Continuous, end + 100);
    let dated = ClientOrder {
        time_in_force: TimeInForce::GoodTillDate.byte(),
        expire_ts: end,
        ..limit("G", 0, 9_900, 5)
    };
    give(&mut desk, dated).unwrap();
    for n in 0..9 {
        let day = ClientOrder {
            time_in_force: TimeInForce::Day.byte(),
            ..limit(&format!("D{n}"), 1, 9_900, 5)
        };
        give(&mut desk, day).unwrap();
    }
    give(&mut desk, limit("GTC", 1, 9_900, 5)).unwrap();
    assert_eq!(desk.engine.next_timer(), end);
    desk.now = end;
    let found = reports(&mut desk, Tick::zeroed());
    assert_eq!(
        (told(&found), found[0].reason),
        (vec![('C', 0, 0)], Reason::OrderExpired.code())
    );
    assert_eq!(desk.engine.next_timer(), end + 100);
    desk.now = end + 100;
    let found = reports(&mut desk, Tick::zeroed());
    assert_eq!(told(&found), [('C', 1, 0); 9]);
    assert_eq!((resting(&desk).len(), desk.engine.next_timer()), (1, u64::MAX));
    assert_eq!(held(&desk, 1), cost(9_900, 5));
}

#[test]
fn an_auction_gathers_orders_tells_its_price_and_ends_in_one_trade() {
    let mut desk = market();
    let outs = set_phase(&mut desk, MarketPhase::Auction, 0);
    let phase: MarketPhaseReport = only(&outs[0]);
    assert_eq!(
        (phase.phase, phase.actor),
        (MarketPhase::Auction.byte(), Text::new("tester").unwrap())
    );
    give(&mut desk, limit("B", 0, 10_050, 10)).unwrap();
    let outs = all(&mut desk, limit("S", 1, 9_950, -10));
    let price: AuctionPrice = only(&outs[0]);
    assert_eq!((price.qty, price.surplus_qty), (Qty(10), Qty(0)));
    assert_eq!(outs[0].find::<ExecutionReport>().count(), 1, "nothing trades yet");
    let immediate = ClientOrder {
        time_in_force: TimeInForce::ImmediateOrCancel.byte(),
        ..limit("I", 0, 10_050, 10)
    };
    assert_eq!(give(&mut desk, immediate), Err(Reason::WrongPhase));
    let outs = set_phase(&mut desk, MarketPhase::Continuous, 0);
    let fills: Vec<ExecutionReport> = outs
        .iter()
        .flat_map(|out| out.find::<ExecutionReport>().collect::<Vec<_>>())
        .collect();
    assert_eq!(told(&fills), [('F', 0, 10), ('F', 1, 10)]);
    assert!(
        fills
            .iter()
            .all(|fill| fill.liquidity == LastLiquidityInd::Auction.byte() && fill.last_px == price.px)
    );
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_phase_is_begun_by_a_named_person_in_a_book_that_is_there() {
    let mut desk = market();
    let set = MarketPhaseSet {
        instrument: INSTRUMENT,
        phase: MarketPhase::Halted.byte(),
        actor: Text::new("tester").unwrap(),
        ..Zeroable::zeroed()
    };
    for (reason, set) in [
        (Reason::BadField, MarketPhaseSet { phase: 9, ..set }),
        (
            Reason::ActorMissing,
            MarketPhaseSet {
                actor: Text::EMPTY,
                ..set
            },
        ),
        (
            Reason::UnknownInstrument,
            MarketPhaseSet {
                instrument: InstrumentId(1),
                ..set
            },
        ),
        (
            Reason::UnknownInstrument,
            MarketPhaseSet {
                instrument: InstrumentId(7),
                ..set
            },
        ),
    ] {
        let reject: InputReject = only(&desk.put(set));
        assert_eq!(reject.reason, reason.code());
    }
    only::<MarketPhaseReport>(&desk.put(set));
    assert_eq!(give(&mut desk, limit("A", 0, 9_900, 5)), Err(Reason::WrongPhase));
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_book_is_defined_once_before_the_desk_was_active() {
    let mut desk = Desk::halted();
    let refused = |desk: &mut Desk, def| only::<InputReject>(&desk.put::<BookDef>(def)).reason;
    let good = book_def();
    for bad in [
        BookDef {
            px_ticks_step: 0,
            ..good
        },
        BookDef {
            min_px: Px(-1),
            ..good
        },
        BookDef {
            max_px: Px(-1),
            ..good
        },
        BookDef {
            maker_fee_e8: -10_001,
            ..good
        },
        BookDef {
            taker_fee_e8: -1,
            maker_fee_e8: 5_000,
            ..good
        },
    ] {
        assert_eq!(refused(&mut desk, bad), Reason::BadDefinition.code());
    }
    assert_eq!(
        refused(
            &mut desk,
            BookDef {
                instrument: InstrumentId(1),
                ..good
            }
        ),
        Reason::UnknownInstrument.code()
    );
    assert!(
        desk.put(good).is_empty() && desk.put(good).is_empty(),
        "the same again changes nothing"
    );
    let other = BookDef {
        taker_fee_e8: 9_999,
        ..good
    };
    assert_eq!(refused(&mut desk, other), Reason::BadDefinition.code());
    let mut desk = Desk::active();
    assert_eq!(refused(&mut desk, good), Reason::BadDefinition.code());
    assert_eq!(
        give(&mut desk, limit("A", 0, 9_900, 5)),
        Err(Reason::UnknownInstrument)
    );
}

#[test]
fn a_market_makers_quotes_are_replaced_in_place_and_taken_away() {
    let mut desk = market();
    let found = reports(&mut desk, quote(0, &[(9_990, 10), (9_980, 10)], &[(10_010, 10)]));
    assert_eq!(told(&found), [('0', 0, 10); 3]);
    let ids: Vec<OutId> = found.iter().map(|report| report.order_id).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    let held_at_first = cost(9_990, 10) + cost(9_980, 10) + cost(10_010, 10);
    assert_eq!(held(&desk, 0), held_at_first);
    // The second bid goes, the first moves, the offer is for less.
    let found = reports(&mut desk, quote(0, &[(9_991, 10)], &[(10_010, 4)]));
    assert_eq!(found.len(), 3);
    let of = |id: OutId| found.iter().find(|report| report.order_id == id).unwrap();
    assert_eq!(
        (of(ids[0]).exec_type, of(ids[0]).px),
        (ExecType::Replaced.byte(), Px(9_991))
    );
    assert_eq!(of(ids[1]).exec_type, ExecType::Canceled.byte());
    assert_eq!(
        (of(ids[2]).exec_type, of(ids[2]).leaves_qty),
        (ExecType::Replaced.byte(), Qty(4))
    );
    assert_eq!(held(&desk, 0), cost(9_991, 10) + cost(10_010, 4));
    // One leg fails: it stays as it was, and the other is changed.
    let outs = all(&mut desk, quote(0, &[(12_000, 10)], &[(10_020, 4)]));
    let found: Vec<ExecutionReport> = outs[0].find().collect();
    assert_eq!(
        (found[0].exec_type, found[0].reason),
        (ExecType::Rejected.byte(), Reason::Collar.code())
    );
    assert_eq!((quoted(&outs[0]), found.len()), (Reason::None, 2));
    assert_eq!(
        resting(&desk),
        [(b'1', Px(9_991), Qty(10)), (b'2', Px(10_020), Qty(4))]
    );
    // The bid is hit, in part.
    give(&mut desk, limit("H", 1, 9_991, -3)).unwrap();
    assert_eq!(held(&desk, 0), cost(9_991, 7) + cost(10_020, 4));
    let found = reports(&mut desk, quote(0, &[(9_991, 10)], &[(10_020, 4)]));
    assert!(
        found
            .iter()
            .any(|report| report.leaves_qty == Qty(10) && report.cum_qty == Qty(3))
    );
    assert_eq!(held(&desk, 0), cost(9_991, 10) + cost(10_020, 4));
    reports(&mut desk, quote(0, &[], &[]));
    assert!(desk.engine.nothing_reserved() && resting(&desk).is_empty());
}

#[test]
fn what_is_said_of_a_quote_goes_to_the_session_that_quoted_last() {
    let mut desk = market();
    reports(&mut desk, quote(0, &[(9_990, 10)], &[(10_010, 10)]));
    let again = MassQuote {
        session: SessionId(4),
        ..quote(0, &[(9_991, 10)], &[(10_010, 4)])
    };
    let found = reports(&mut desk, again);
    assert!(found.len() == 2 && found.iter().all(|report| report.session == SessionId(4)));
    let found = reports(&mut desk, limit("H", 1, 9_991, -3));
    let of_the_maker = found.iter().filter(|report| report.client == ClientId(0));
    assert!(of_the_maker.map(|report| report.session).eq([SessionId(4)]));
}

#[test]
fn a_mass_quote_that_is_none_is_refused_as_a_whole() {
    let mut desk = market();
    let good = quote(0, &[(9_990, 10)], &[(10_010, 10)]);
    for (reason, bad) in [
        (Reason::BadField, MassQuote { bids: 4, ..good }),
        (Reason::BadField, MassQuote { asks: 255, ..good }),
        (
            Reason::BadField,
            MassQuote {
                quote_id: Text::EMPTY,
                ..good
            },
        ),
        (
            Reason::BadField,
            MassQuote {
                exec_inst: ExecInst::REDUCE_ONLY,
                ..good
            },
        ),
        (
            Reason::BadField,
            MassQuote {
                self_match: 7,
                ..good
            },
        ),
        (
            Reason::UnknownInstrument,
            MassQuote {
                instrument: InstrumentId(1),
                ..good
            },
        ),
        (
            Reason::UnknownClient,
            MassQuote {
                client: ClientId(2),
                ..good
            },
        ),
    ] {
        let out = desk.put(bad);
        assert_eq!((quoted(&out), out.find::<ExecutionReport>().count()), (reason, 0));
    }
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_mass_cancel_takes_what_is_named_of_ones_own() {
    let which = |instrument, side, of_session, session| OrderMassCancelRequest {
        cl_ord_id: Text::new("MC").unwrap(),
        client: ClientId(0),
        instrument,
        side,
        of_session,
        session: SessionId(session),
        ..Zeroable::zeroed()
    };
    let everything = OrderMassCancelRequest::ALL;
    for (request, left, reason) in [
        (which(everything, 0, 0, 5), 1, Reason::None),
        (which(INSTRUMENT, b'1', 0, 5), 9, Reason::None),
        (which(everything, 0, 1, 0), 9, Reason::None),
        (which(everything, b'3', 0, 0), 17, Reason::BadSide),
        (which(everything, 0, 2, 0), 17, Reason::BadField),
        (which(InstrumentId(1), 0, 0, 0), 17, Reason::UnknownInstrument),
    ] {
        let mut desk = market();
        for n in 0..8 {
            give(&mut desk, limit(&format!("B{n}"), 0, 9_900, 5)).unwrap();
            let elsewhere = ClientOrder {
                session: SessionId(3),
                ..limit(&format!("S{n}"), 0, 10_100, -5)
            };
            give(&mut desk, elsewhere).unwrap();
        }
        give(&mut desk, limit("OTHER", 1, 9_900, 5)).unwrap();
        let outs = all(&mut desk, request);
        let report: OrderMassCancelReport = only(&outs[0]);
        assert_eq!((report.reason, resting(&desk).len()), (reason.code(), left));
        let canceled = outs
            .iter()
            .flat_map(|out| out.find::<ExecutionReport>().collect::<Vec<_>>());
        assert!(
            canceled
                .into_iter()
                .all(|report| report.reason == Reason::MassCancel.code())
        );
        let open: i128 = resting(&desk).iter().map(|(_, px, qty)| cost(px.0, qty.0)).sum();
        assert_eq!(held(&desk, 0) + held(&desk, 1), open);
    }
}

#[test]
fn a_new_epoch_cancels_what_rests() {
    let mut desk = market();
    for n in 0..6 {
        give(&mut desk, limit(&format!("A{n}"), 0, 9_900, 5)).unwrap();
    }
    let start = desk.engine.bounds().epoch_start(2);
    let found = reports(&mut desk, start);
    assert_eq!(told(&found), [('4', 0, 0); 6]);
    assert!(
        found
            .iter()
            .all(|report| report.reason == Reason::Withdrawn.code())
    );
    assert!(desk.engine.nothing_reserved());
}
