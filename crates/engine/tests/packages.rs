//! Packages: priced, judged and filled as one.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;

use bytemuck::Zeroable;
use desk::packages::{
    LEGGED, OTHER, Quoted, answer, desk, desk_with, filled, held, leg, market, markets, mid, order, reports,
    request, settle, spread, worth,
};
use desk::{Desk, TTL_NS, only};
use pinrail_engine::{Engine, OUT_LINES_MAX, Owner};
use pinrail_oms::life::{QuoteState, RfqState};
use pinrail_pricing::{Actions, Desk as View, Fill, Strategy, SweepPricer, WithStrategy};
use pinrail_types::record::{
    DealingRule, ExecType, ExecutionReport, InventoryRule, LastLookDef, LastLookReport, LimitKind, LimitSet,
    MultilegExecutionReport, NO_LEG, OrdType, PACKAGE, Quote, QuoteBasis, QuoteCancel, QuoteRespType,
    QuoteResponse, QuoteStatus, QuoteStatusReport, QuotingParams, Scope, SessionEvent, TimeInForce,
    TradeCaptureReport, TradingState, VenueOrderReject,
};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{
    Amount, AssetId, ClientId, Commit, E8, Flags, InstrumentId, NewVenueOrder, OutId, Px, Qty, Reason,
    SessionId, Side, StrategyId, Text, VenueId,
};
use proptest::prelude::*;

/// Loads the engine from its own snapshot, which must change nothing.
fn restart(desk: &mut Desk) {
    let words = desk.engine.save();
    let bounds = *desk.engine.bounds();
    let mut loaded = Engine::load(bounds, SweepPricer::new(bounds.instruments), &words).unwrap();
    assert!(loaded.save() == words);
    desk.engine = loaded;
}

fn params(instrument: u32) -> QuotingParams {
    QuotingParams {
        instrument: InstrumentId(instrument),
        inventory_rule: InventoryRule::Linear.byte(),
        impact_qty: Qty(1),
        skew_position: Qty(1),
        volatility_tau_ns: 1_000,
        ..Zeroable::zeroed()
    }
}

fn ended(out: &pinrail_engine::Out) -> (QuoteStatus, Reason) {
    let report: QuoteStatusReport = only(out);
    (
        QuoteStatus::from_byte(report.status).unwrap(),
        Reason::from_code(report.reason).unwrap(),
    )
}

/// Takes a quote that must be refused for a reason, and leave all as it is.
fn refused(desk: &mut Desk, quoted: &Quoted, name: &str, reason: Reason) {
    let (open, holds) = (desk.engine.open_quotes(), held(desk, 0));
    let out = desk.put(order(name, quoted, b'1'));
    assert_eq!(filled(&out), Err(reason));
    assert_eq!((desk.engine.open_quotes(), held(desk, 0)), (open, holds));
}

#[test]
fn a_package_is_quoted_at_the_sum_of_its_legs_and_filled_at_once() {
    let mut desk = desk();
    let out = desk.put(request("R", 0, 5, &[leg(0, 2), leg(1, -3), leg(2, 1)]));
    let Quoted { quote, legs } = answer(&out).unwrap();
    assert_eq!(
        (quote.asset, quote.units, quote.valid_until),
        (AssetId(1), Qty(5), desk.now + TTL_NS)
    );
    assert_eq!(legs.iter().map(|leg| leg.qty.0).collect::<Vec<_>>(), [10, 15, 5]);
    let bases: Vec<QuoteBasis> = out.find().collect();
    assert!(
        bases
            .iter()
            .zip(&legs)
            .all(|(basis, leg)| { (basis.quote_id, basis.instrument) == (quote.quote_id, leg.instrument) })
    );
    let [offer, bid] = [true, false].map(|buys| -> i128 {
        legs.iter()
            .map(|leg| {
                worth(
                    leg,
                    if buys == (leg.side == b'1') {
                        leg.offer_px
                    } else {
                        leg.bid_px
                    },
                )
            })
            .sum()
    });
    assert_eq!((quote.offer_amt.get(), quote.bid_amt.get()), (offer, bid));
    assert!(bid < offer);
    let reserved = |at: usize| i128::from(legs[at].offer_px.0 * legs[at].qty.0) * 10;
    assert_eq!(held(&desk, 0), reserved(0) + reserved(1) + reserved(2));
    let out = desk.put(order(
        "O",
        &Quoted {
            quote,
            legs: legs.clone(),
        },
        b'2',
    ));
    let (whole, parts) = reports(&out);
    assert_eq!(
        (whole.exec_type, whole.instrument, whole.legs),
        (ExecType::Trade.byte(), PACKAGE, 3)
    );
    assert_eq!((whole.net_amt.get(), whole.price_amt), (-bid * 5, quote.bid_amt));
    assert_eq!(
        parts.iter().map(|part| part.net_amt.get()).sum::<i128>(),
        whole.net_amt.get()
    );
    let trades: Vec<TradeCaptureReport> = out.find().collect();
    assert_eq!((parts.len(), trades.len()), (3, 3));
    for ((part, trade), leg) in parts.iter().zip(&trades).zip(&legs) {
        // Who sells the package does the opposite of its side on each leg.
        let sells = leg.side == b'1';
        let px = if sells { leg.bid_px } else { leg.offer_px };
        assert_eq!(
            (part.instrument, part.last_px, part.last_qty),
            (leg.instrument, px, leg.qty)
        );
        assert_eq!((part.order_id, part.cl_ord_id), (whole.order_id, whole.cl_ord_id));
        assert_eq!((trade.trade_id, trade.ref_id), (part.exec_id, quote.quote_id));
        assert_eq!(part.side, if sells { b'2' } else { b'1' });
        let lots = if sells { leg.qty.0 } else { -leg.qty.0 };
        let position = desk.engine.position(leg.instrument);
        assert_eq!(
            (position.qty.0, position.cash.get()),
            (lots, i128::from(-lots * px.0) * 10)
        );
    }
    let ids: std::collections::BTreeSet<_> = parts.iter().map(|part| part.exec_id.sub).collect();
    assert!(ids.len() == 3 && !ids.contains(&whole.exec_id.sub));
    assert_eq!(
        desk.engine.balance(Owner::Client(ClientId(0)), AssetId(1)).get(),
        bid * 5
    );
    assert!(desk.engine.nothing_reserved() && desk.engine.packages() == 0);
    assert_eq!(
        desk.engine.life(quote.quote_id),
        Some((RfqState::Accepted, QuoteState::Filled))
    );
    restart(&mut desk);
}

#[test]
fn one_side_prices_and_reserves_one_side_of_each_leg() {
    let mut desk = desk();
    let bought = spread(&mut desk, "B", b'1');
    assert_eq!(
        (
            bought.quote.bid_amt,
            bought.legs[0].bid_px,
            bought.legs[1].offer_px
        ),
        (Amount::ZERO, Px::NONE, Px::NONE)
    );
    let sold = spread(&mut desk, "S", b'2');
    assert_eq!(
        (sold.quote.offer_amt, sold.legs[0].offer_px, sold.legs[1].bid_px),
        (Amount::ZERO, Px::NONE, Px::NONE)
    );
    let both = spread(&mut desk, "T", 0);
    assert_eq!(
        (both.quote.offer_amt, both.quote.bid_amt),
        (bought.quote.offer_amt, sold.quote.bid_amt)
    );
    assert_eq!(
        filled(&desk.put(order("1", &bought, b'2'))),
        Err(Reason::QuoteMismatch)
    );
    assert_eq!(
        filled(&desk.put(order("2", &sold, b'1'))),
        Err(Reason::QuoteMismatch)
    );
    assert!(filled(&desk.put(order("3", &bought, b'1'))).is_ok());
    assert!(filled(&desk.put(order("4", &sold, b'2'))).is_ok());
}

#[test]
fn what_is_no_package_is_refused_with_its_leg_and_nothing_is_reserved() {
    let mut desk = desk();
    let two = [leg(0, 1), leg(1, -1)];
    let cases = [
        (request("A", 0, 1, &two[..1]), NO_LEG, Reason::LegCount),
        (
            {
                let mut many = request("A", 0, 1, &two);
                many.legs = 5;
                many
            },
            NO_LEG,
            Reason::LegCount,
        ),
        (request("A", 3, 1, &two), NO_LEG, Reason::BadSide),
        (request("A", 0, 0, &two), NO_LEG, Reason::LegRatio),
        (
            request("A", 0, 1, &[leg(0, 1), (InstrumentId(1), b'1', Qty(0))]),
            1,
            Reason::LegRatio,
        ),
        (
            request("A", 0, 1, &[leg(0, 1), (InstrumentId(1), 0, Qty(1))]),
            1,
            Reason::BadSide,
        ),
        (
            request("A", 0, 1, &[leg(0, 1), leg(1, 1), leg(0, -1)]),
            2,
            Reason::LegRepeated,
        ),
        (
            request("A", 0, 1 << 40, &[leg(0, 1 << 40), leg(1, 1)]),
            0,
            Reason::QtyUnrepresentable,
        ),
        (
            request("A", 0, 1, &[leg(0, 1), leg(9, 1)]),
            1,
            Reason::UnknownInstrument,
        ),
        (
            request("A", 0, 1, &[leg(0, 1), (OTHER, b'1', Qty(1))]),
            1,
            Reason::LegQuoteAsset,
        ),
        (
            request("A", 0, 10_001, &[leg(1, 1), leg(0, 1)]),
            0,
            Reason::QtyAboveMax,
        ),
        (
            request("A", 0, 1, &[leg(0, 1), leg(1, 4_000)]),
            1,
            Reason::InsufficientDepth,
        ),
        (request("", 0, 1, &two), NO_LEG, Reason::BadField),
        (
            {
                let mut odd = request("A", 0, 1, &two);
                odd.quote_type = 7;
                odd
            },
            NO_LEG,
            Reason::BadField,
        ),
        (
            {
                let mut late = request("A", 0, 1, &two);
                late.valid_until = 1;
                late
            },
            0,
            Reason::RequestExpired,
        ),
        (
            {
                let mut who = request("A", 0, 1, &two);
                who.client = ClientId(7);
                who
            },
            NO_LEG,
            Reason::UnknownClient,
        ),
    ];
    for (request, leg, reason) in cases {
        assert_eq!(answer(&desk.put(request)), Err((leg, reason)));
        assert!(
            desk.engine.nothing_reserved() && desk.engine.open_quotes() == 0,
            "{reason}"
        );
    }
    // Every one of them was refused under an id that is free still.
    assert!(answer(&desk.put(request("A", 0, 1, &two))).is_ok());
    assert_eq!(
        answer(&desk.put(request("A", 0, 1, &two))),
        Err((NO_LEG, Reason::DuplicateQuoteReqId))
    );
}

#[test]
fn a_stale_leg_a_dealers_leg_and_a_leg_with_less_depth_refuse_all() {
    let mut desk = desk();
    let legs = [leg(0, 1), leg(1, -1), leg(2, 300)];
    desk.now += desk::STALE_NS;
    for fresh in [0, 1] {
        market(&mut desk, fresh, mid(fresh), 500);
    }
    desk.now += 1;
    assert_eq!(
        answer(&desk.put(request("A", 0, 1, &legs))),
        Err((2, Reason::ReferenceStale))
    );
    markets(&mut desk);
    market(&mut desk, 2, mid(2), 50);
    desk.put(QuotingParams {
        hedgeable_lots_min: Qty(1),
        ..params(2)
    });
    assert_eq!(
        answer(&desk.put(request("B", 0, 1, &legs))),
        Err((2, Reason::LegPartial))
    );
    desk.put(DealingRule {
        instrument: InstrumentId(1),
        auto_lots_max: Qty(10),
        timeout_ns: 1,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
    assert_eq!(
        answer(&desk.put(request("C", 0, 11, &[leg(0, 1), leg(1, 1)]))),
        Err((1, Reason::LegDealerOnly))
    );
    assert!(desk.engine.nothing_reserved() && desk.engine.waiting_requests() == 0);
    assert!(answer(&desk.put(request("C", 0, 10, &[leg(0, 1), leg(1, 1)]))).is_ok());
}

#[test]
fn a_limit_on_the_last_leg_or_on_the_sum_leaves_no_leg_reserved() {
    let mut desk = desk();
    let legs = [leg(0, 1), leg(1, 1), leg(2, 1)];
    let set = |desk: &mut Desk, kind: LimitKind, target: u32, value: i128| {
        for actor in ["ann", "bob"] {
            desk.put(LimitSet {
                kind: kind.byte(),
                target,
                value: Amount::new(value),
                actor: Text::new(actor).unwrap(),
                ..Zeroable::zeroed()
            });
        }
    };
    set(&mut desk, LimitKind::PositionMax, 2, 9);
    assert_eq!(
        answer(&desk.put(request("A", 0, 10, &legs))),
        Err((2, Reason::PositionLimit))
    );
    assert!(desk.engine.nothing_reserved());
    assert!(answer(&desk.put(request("B", 0, 9, &legs))).is_ok());
    set(&mut desk, LimitKind::PositionMax, 2, 1_000);
    // Each leg is within the credit, and so are two of them.
    let before = held(&desk, 0);
    set(
        &mut desk,
        LimitKind::Credit,
        0,
        before + 10 * (10_100 + 11_100) * 10,
    );
    assert_eq!(
        answer(&desk.put(request("C", 0, 10, &legs))),
        Err((2, Reason::CreditLimit))
    );
    assert_eq!(held(&desk, 0), before);
    assert!(answer(&desk.put(request("C", 0, 10, &legs[..2]))).is_ok());
}

#[test]
fn the_bounds_on_packages_and_on_quotes_are_refusals() {
    let mut desk = desk();
    let ask = |desk: &mut Desk, n: usize| {
        answer(&desk.put(request(&format!("P{n}"), b'1', 1, &[leg(0, 1), leg(1, 1)])))
    };
    for n in 0..256 {
        ask(&mut desk, n).unwrap();
    }
    assert_eq!(ask(&mut desk, 256), Err((NO_LEG, Reason::PackagesFull)));
    assert_eq!((desk.engine.packages(), desk.engine.open_quotes()), (256, 256));
    for _ in 256..320 {
        desk.ask(0, b'1', 1).unwrap();
    }
    assert_eq!(ask(&mut desk, 256), Err((NO_LEG, Reason::OpenQuotesFull)));
    assert_eq!(desk.ask(0, b'1', 1), Err(Reason::OpenQuotesFull));
    restart(&mut desk);
    desk.now += TTL_NS;
    while desk.engine.open_quotes() > 0 {
        assert!(desk.tick().words().len() <= OUT_LINES_MAX * 8);
    }
    assert!(desk.engine.nothing_reserved() && desk.engine.packages() == 0);
    markets(&mut desk);
    ask(&mut desk, 1_000).unwrap();
}

#[test]
fn a_package_ends_as_any_quote_does() {
    let mut desk = desk();
    let respond = |quoted: &Quoted, resp: QuoteRespType| QuoteResponse {
        quote_id: quoted.quote.quote_id,
        client: quoted.quote.client,
        resp_type: resp.byte(),
        ..Zeroable::zeroed()
    };
    let passed = spread(&mut desk, "A", 0);
    let out = desk.put(respond(&passed, QuoteRespType::Pass));
    assert_eq!(ended(&out), (QuoteStatus::Pass, Reason::ClientPassed));
    let away = spread(&mut desk, "B", 0);
    let out = desk.put(respond(&away, QuoteRespType::DoneAway));
    assert_eq!(ended(&out), (QuoteStatus::Canceled, Reason::DoneAway));
    let cancel = |quote_id, name: &str| QuoteCancel {
        quote_id,
        quote_req_id: Text::new(name).unwrap(),
        cancel_type: 5,
        ..Zeroable::zeroed()
    };
    let by_id = spread(&mut desk, "C", 0);
    let out = desk.put(cancel(by_id.quote.quote_id, ""));
    assert_eq!(ended(&out), (QuoteStatus::Canceled, Reason::CancelRequested));
    let by_name = spread(&mut desk, "D", 0);
    let out = desk.put(cancel(OutId::NONE, "D"));
    assert_eq!(ended(&out), (QuoteStatus::Canceled, Reason::CancelRequested));
    let late = spread(&mut desk, "E", 0);
    desk.now = late.quote.valid_until;
    // Strictly before: the order itself comes too late, and finds the quote ended.
    let out = desk.put(order("late", &late, b'1'));
    assert_eq!(ended(&out), (QuoteStatus::Expired, Reason::QuoteExpired));
    assert_eq!(filled(&out), Err(Reason::QuoteExpired));
    for (name, quoted, reason) in [
        ("0", &passed, Reason::ClientPassed),
        ("1", &away, Reason::DoneAway),
        ("2", &by_id, Reason::CancelRequested),
        ("3", &by_name, Reason::CancelRequested),
        ("4", &late, Reason::QuoteExpired),
    ] {
        restart(&mut desk);
        refused(&mut desk, quoted, name, reason);
    }
    assert!(desk.engine.nothing_reserved() && desk.engine.packages() == 0);
}

#[test]
fn a_kill_of_any_leg_its_client_or_its_session_withdraws_the_package() {
    let mut desk = desk();
    let quoted = spread(&mut desk, "A", 0);
    desk.set_state(Scope::Instrument, 2, TradingState::Halted);
    assert_eq!(desk.engine.packages(), 1, "none of its legs");
    let out = desk.set_state(Scope::Instrument, 1, TradingState::Halted);
    assert_eq!(ended(&out), (QuoteStatus::Removed, Reason::Withdrawn));
    refused(&mut desk, &quoted, "O", Reason::Withdrawn);
    let again = request("B", 0, 5, &[leg(0, 2), leg(1, -3)]);
    assert_eq!(answer(&desk.put(again)), Err((1, Reason::InstrumentHalted)));
    desk.set_state(Scope::Instrument, 1, TradingState::Active);
    spread(&mut desk, "B", 0);
    let out = desk.set_state(Scope::Client, 0, TradingState::Reducing);
    assert_eq!(ended(&out), (QuoteStatus::Removed, Reason::Withdrawn));
    desk.set_state(Scope::Client, 0, TradingState::Active);
    let gone = spread(&mut desk, "C", 0);
    let out = desk.put(SessionEvent {
        session: SessionId(9),
        kind: 1,
        ..Zeroable::zeroed()
    });
    assert_eq!(ended(&out), (QuoteStatus::Removed, Reason::SessionGone));
    assert_eq!(
        answer(&desk.put(request("D", 0, 1, &[leg(0, 1), leg(1, 1)]))),
        Err((NO_LEG, Reason::SessionGone))
    );
    desk.put(SessionEvent {
        session: SessionId(9),
        kind: 2,
        ..Zeroable::zeroed()
    });
    refused(&mut desk, &gone, "P", Reason::SessionGone);
    let epoch = spread(&mut desk, "E", 0);
    let bounds = *desk.engine.bounds();
    desk.put(bounds.epoch_start(2));
    settle(&mut desk);
    assert!(desk.engine.nothing_reserved() && desk.engine.packages() == 0);
    markets(&mut desk);
    refused(&mut desk, &epoch, "Q", Reason::Withdrawn);
}

#[test]
fn a_package_is_filled_once_and_an_order_that_comes_twice_is_told_the_same() {
    let mut desk = desk();
    let quoted = spread(&mut desk, "A", 0);
    let taken = order("O", &quoted, b'1');
    let first = filled(&desk.put(taken)).unwrap();
    restart(&mut desk);
    let out = desk.put(taken);
    let (again, legs) = reports(&out);
    assert!(legs.is_empty() && out.find::<TradeCaptureReport>().count() == 0);
    assert_eq!(Commit::unpack(again.header.commit).flags, Flags::POSS_RESEND);
    let whole = MultilegExecutionReport {
        header: first.header,
        ..again
    };
    assert_eq!(whole, first);
    refused(&mut desk, &quoted, "P", Reason::QuoteFilled);
    assert_eq!(desk.engine.position(InstrumentId(0)).qty, Qty(-10));
    // One id is of one order, whichever kind it was first.
    let single = desk.ask(0, 0, 1).unwrap();
    let mut reused = Desk::order(&single, b'1');
    reused.cl_ord_id = Text::new("O").unwrap();
    let out = desk.put(reused);
    assert_eq!(filled(&out).unwrap().exec_id, first.exec_id);
    reused.cl_ord_id = Text::new("S").unwrap();
    let told: ExecutionReport = only(&desk.put(reused));
    let other = spread(&mut desk, "B", 0);
    let out = desk.put(order("S", &other, b'1'));
    assert_eq!(only::<ExecutionReport>(&out).exec_id, told.exec_id);
    assert_eq!(desk.engine.packages(), 1);
}

#[test]
fn one_kind_of_order_never_takes_the_other_kind_of_quote() {
    let mut desk = desk();
    let single = desk.ask(0, 0, 5).unwrap();
    let package = spread(&mut desk, "A", 0);
    let mut wrong = order("1", &package, b'1');
    wrong.quote_id = single.quote_id;
    assert_eq!(filled(&desk.put(wrong)), Err(Reason::QuoteMismatch));
    let as_package = Quote {
        quote_id: package.quote.quote_id,
        ..single
    };
    for (instrument, px) in [
        (single.instrument, single.offer_px),
        (PACKAGE, Px::NONE),
        (PACKAGE, Px(0)),
    ] {
        let mut wrong = Desk::order(
            &Quote {
                instrument,
                ..as_package
            },
            b'1',
        );
        (wrong.px, wrong.qty) = (px, Qty(5));
        let report: ExecutionReport = only(&desk.put(wrong));
        assert_eq!(report.reason, Reason::QuoteMismatch.code());
    }
    let mismatches: [fn(&mut pinrail_types::record::NewOrderMultileg); 4] = [
        |order| order.units = Qty(4),
        |order| order.price_amt = Amount::new(order.price_amt.get() + 1),
        |order| order.price_amt = Amount::new(order.price_amt.get() - 1),
        |order| order.side = b'2',
    ];
    for (n, mismatch) in mismatches.into_iter().enumerate() {
        let mut wrong = order(&format!("M{n}"), &package, b'1');
        mismatch(&mut wrong);
        assert_eq!(filled(&desk.put(wrong)), Err(Reason::QuoteMismatch));
    }
    let mut others = order("2", &package, b'1');
    others.client = ClientId(1);
    assert_eq!(filled(&desk.put(others)), Err(Reason::UnknownQuote));
    let mut market = order("3", &package, b'1');
    market.ord_type = OrdType::Market.byte();
    assert_eq!(filled(&desk.put(market)), Err(Reason::OrderTypeUnsupported));
    assert_eq!((desk.engine.packages(), desk.engine.open_quotes()), (1, 2));
    // A request id is of one request, whichever kind.
    let mut same = desk.request(0, 0, 1);
    same.quote_req_id = Text::new("A").unwrap();
    assert_eq!(desk::answer(&desk.put(same)), Err(Reason::DuplicateQuoteReqId));
}

#[test]
fn a_package_only_to_look_at_reserves_nothing_and_is_never_taken() {
    let mut desk = desk();
    let mut look = request("A", 0, 5, &[leg(0, 2), leg(1, -3)]);
    look.quote_type = b'0';
    let quoted = answer(&desk.put(look)).unwrap();
    assert!(desk.engine.nothing_reserved());
    refused(&mut desk, &quoted, "O", Reason::QuoteIndicative);
    restart(&mut desk);
    desk.now += TTL_NS;
    assert_eq!(ended(&desk.tick()).1, Reason::QuoteExpired);
    assert!(desk.engine.nothing_reserved());
}

fn look(desk: &mut Desk) {
    desk.put(LastLookDef {
        hold_ns: 2_000,
        tolerance_e8: 100_000,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
}

#[test]
fn a_last_look_looks_at_every_leg_and_one_that_moved_refuses_all() {
    let mut desk = desk();
    look(&mut desk);
    for (n, moved, reason) in [
        (0, 0, Reason::None),
        (1, 9, Reason::None),
        (2, 40, Reason::LastLookMoved),
        (3, -40, Reason::LastLookMoved),
    ] {
        let quoted = spread(&mut desk, &format!("R{n}"), 0);
        let before = held(&desk, 0);
        let out = desk.put(order(&format!("O{n}"), &quoted, b'1'));
        let (pending, legs) = reports(&out);
        assert_eq!((pending.exec_type, legs.len()), (ExecType::PendingNew.byte(), 0));
        assert_eq!((desk.engine.held_accepts(), held(&desk, 0)), (1, before));
        refused(&mut desk, &quoted, &format!("P{n}"), Reason::QuoteHeld);
        restart(&mut desk);
        let base = mid(1);
        market(&mut desk, 1, base + moved, 500);
        desk.now += 2_000;
        let out = desk.tick();
        let looks: Vec<LastLookReport> = out.find().collect();
        assert_eq!(looks.len(), 2);
        assert_eq!(looks[0].reason, 0);
        assert_eq!(looks[1].reason, reason.code());
        assert_eq!(looks[0].outcome, looks[1].outcome);
        let (told, _) = reports(&out);
        assert_eq!((told.reason, told.order_id), (reason.code(), pending.order_id));
        assert!(desk.engine.nothing_reserved() && desk.engine.held_accepts() == 0);
        market(&mut desk, 1, base, 500);
    }
    // A kill leaves what is held, and refuses it at the end.
    let quoted = spread(&mut desk, "K", 0);
    desk.put(order("K", &quoted, b'1'));
    desk.set_state(Scope::Instrument, 1, TradingState::Halted);
    settle(&mut desk);
    assert_eq!(desk.engine.held_accepts(), 1);
    desk.now += 2_000;
    let out = desk.tick();
    assert_eq!(filled(&out), Err(Reason::InstrumentHalted));
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_duplicate_of_one_leg_refuses_the_package_and_leaves_it_open() {
    let mut desk = desk();
    desk.put(LimitSet {
        kind: LimitKind::DuplicateWindow.byte(),
        window_ns: 5_000,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
    let single = desk.ask(0, b'2', 15).unwrap();
    let single = Quote {
        instrument: InstrumentId(0),
        ..single
    };
    desk::filled(&desk.put(Desk::order(&single, b'2'))).unwrap();
    let legs = [leg(1, 2), leg(0, -3)];
    let quoted = answer(&desk.put(request("A", 0, 5, &legs))).unwrap();
    refused(&mut desk, &quoted, "O", Reason::DuplicateOrder);
    desk.now += 5_000;
    assert!(filled(&desk.put(order("P", &quoted, b'1'))).is_ok());
    let again = answer(&desk.put(request("B", 0, 5, &legs))).unwrap();
    refused(&mut desk, &again, "Q", Reason::DuplicateOrder);
}

/// Sends as much as it may at each fill.
#[derive(Debug, Default)]
struct Eager;

type Eagers = WithStrategy<SweepPricer, Eager>;

fn eager(bounds: &pinrail_engine::Bounds) -> Eagers {
    WithStrategy {
        pricer: SweepPricer::new(bounds.instruments),
        strategy: Eager,
    }
}

impl Strategy for Eager {
    const NAME: &'static str = "eager 1";

    fn on_book(&mut self, _: InstrumentId, _: &impl View, _: &mut Actions) {}

    fn on_fill(&mut self, fill: &Fill, _: &impl View, actions: &mut Actions) {
        for _ in 0..=pinrail_pricing::ACTIONS_MAX {
            actions.order(NewVenueOrder {
                strategy: StrategyId(0),
                venue: VenueId(0),
                instrument: fill.instrument,
                side: fill.side.opposite(),
                px: fill.px,
                qty: fill.qty,
                time_in_force: TimeInForce::ImmediateOrCancel,
            });
        }
    }

    fn on_timer(&mut self, _: &impl View, _: &mut Actions) {}

    fn visit(&mut self, _: &mut impl Visitor) -> Result<(), StateError> {
        Ok(())
    }
}

/// Instruments in which a strategy's orders were refused, one for each call.
fn told(outs: &[pinrail_engine::Out]) -> Vec<u32> {
    let rejects: Vec<VenueOrderReject> = outs
        .iter()
        .flat_map(|out| out.find().collect::<Vec<_>>())
        .collect();
    let calls = rejects.chunks(pinrail_pricing::ACTIONS_MAX + 1);
    calls.map(|call| call[0].instrument.0).collect()
}

#[test]
fn the_strategy_is_told_of_every_leg_once_within_the_room_of_each_input() {
    let mut desk = desk_with(eager);
    desk.put(LastLookDef {
        hold_ns: 2_000,
        tolerance_e8: E8,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
    let legs = [leg(3, 1), leg(1, -1), leg(0, 1), leg(2, -1)];
    let first = answer(&desk.put(request("A", 0, 1, &legs))).unwrap();
    desk.put(order("A", &first, b'1'));
    desk.put(LastLookDef {
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
    let second = answer(&desk.put(request("B", 0, 1, &legs))).unwrap();
    desk.now += 2_000;
    // The hold of one ends with the input that takes the other.
    let out = desk.put(order("B", &second, b'2'));
    assert!(out.words().len() <= OUT_LINES_MAX * 8);
    assert_eq!(out.find::<TradeCaptureReport>().count(), 8);
    assert!(desk.engine.wants_continue(), "there was no room to tell of all");
    let mut outs = vec![out];
    outs.extend(settle(&mut desk));
    assert_eq!(told(&outs), [3, 1, 0, 2, 3, 1, 0, 2]);
    assert!(!desk.engine.wants_continue() && desk.engine.nothing_reserved());
}

fn any_package() -> impl Strategy2<Value = (u8, i64, Vec<(u32, i64)>)> {
    let ratio = prop_oneof![-20_i64..0, 1_i64..20];
    let legs = (
        prop::sample::subsequence((0..LEGGED).collect::<Vec<_>>(), 2..=LEGGED as usize),
        prop::collection::vec(ratio, LEGGED as usize),
    );
    let legs = legs.prop_map(|(at, ratios)| at.into_iter().zip(ratios).collect());
    (prop_oneof![Just(0_u8), Just(b'1'), Just(b'2')], 1_i64..20, legs)
}

use proptest::strategy::Strategy as Strategy2;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_package_is_no_better_for_its_client_than_its_legs_one_by_one(
        (side, units, legs) in any_package(),
        mids in prop::collection::vec(9_000_i64..11_000, LEGGED as usize),
        depth in 100_i64..600,
        params_of in (0_i64..200_000, 0_i64..100_000),
    ) {
        let prepare = || {
            let mut desk = desk();
            for (instrument, mid) in (0..LEGGED).zip(&mids) {
                market(&mut desk, instrument, *mid, depth);
                desk.put(QuotingParams {
                    volatility_mult_e8: params_of.0,
                    edge_min_e8: params_of.1,
                    ..params(instrument)
                });
            }
            desk
        };
        let mut desk = prepare();
        let asked: Vec<_> = legs.iter().map(|(at, ratio)| leg(*at, *ratio)).collect();
        let quoted = answer(&desk.put(request("R", side, units, &asked)));
        // What each leg costs by itself, on a desk like it.
        let mut alone = prepare();
        let singles: Vec<_> = asked.iter().map(|(instrument, leg_side, ratio)| {
            let side = match side {
                0 => 0,
                b'1' => *leg_side,
                _ => Side::from_fix(*leg_side).unwrap().opposite().fix(),
            };
            let mut single = alone.request(0, side, ratio.0 * units);
            single.instrument = *instrument;
            desk::answer(&alone.put(single))
        }).collect();
        let Ok(Quoted { quote, legs }) = quoted else {
            prop_assert!(singles.iter().any(Result::is_err), "{quoted:?}");
            prop_assert!(desk.engine.nothing_reserved());
            return Ok(());
        };
        let (mut offer, mut bid, mut reserved) = (0, 0, 0);
        for (leg, single) in legs.iter().zip(singles) {
            let single = single.unwrap();
            prop_assert_eq!((leg.bid_px, leg.offer_px, leg.qty), (single.bid_px, single.offer_px, single.qty));
            let sum = |px: Px| if px == Px::NONE { 0 } else { worth(leg, px) };
            let buys = leg.side == b'1';
            offer += sum(if buys { leg.offer_px } else { leg.bid_px });
            bid += sum(if buys { leg.bid_px } else { leg.offer_px });
            let dearer = [leg.bid_px, leg.offer_px].into_iter().filter(|px| *px != Px::NONE).max().unwrap();
            reserved += i128::from(dearer.0 * leg.qty.0) * 10;
        }
        prop_assert_eq!((quote.offer_amt.get(), quote.bid_amt.get()), (offer, bid));
        prop_assert_eq!(held(&desk, 0), reserved);
        let takes = if side == 0 { b'1' } else { side };
        let whole = filled(&desk.put(order("O", &Quoted { quote, legs }, takes))).unwrap();
        let paid = if takes == b'1' { offer } else { -bid } * i128::from(units);
        prop_assert_eq!(whole.net_amt.get(), paid);
        let owed = desk.engine.balance(Owner::Client(ClientId(0)), AssetId(1)).get();
        prop_assert_eq!(owed, -paid);
        prop_assert!(desk.engine.nothing_reserved());
    }
}
