//! The desk's own book: clients' orders from the gate to their ends.

mod desk;
#[path = "desk/market.rs"]
mod market;

use bytemuck::Zeroable;
use desk::{Desk, INSTRUMENT, only};
use market::{
    UNIT, all, cancel, cost, give, held, limit, market, quote, quoted, refusal, replace, reports, resting,
    set_limit, set_phase, told,
};
use pinrail_engine::Owner;
use pinrail_types::record::{
    BookLevelDelta, ClientOrder, ExecInst, ExecType, ExecutionReport, InternalTop, LastLiquidityInd,
    LimitKind, MarketPhase, OrdStatus, OrdType, OrderCancelRequest, PositionReport, RuntimeEvent,
    RuntimeEventKind, Scope, SelfMatchPrevention, TimeInForce, TradeCaptureReport, TradeSource, TradingState,
    TriggerPriceType,
};
use pinrail_types::{AssetId, ClientId, InstrumentId, Px, Qty, Reason, SessionId, Side, Text, VenueId};

#[test]
fn a_trade_tells_both_clients_charges_both_and_releases_what_was_held() {
    let mut desk = market();
    let sold = give(&mut desk, limit("S", 0, 10_020, -100)).unwrap();
    assert_eq!(held(&desk, 0), cost(10_020, 100));
    let outs = all(&mut desk, limit("B", 1, 10_030, 60));
    let found: Vec<ExecutionReport> = outs[0].find().collect();
    assert_eq!(told(&found), [('0', 1, 60), ('F', 1, 60), ('F', 0, 60)]);
    let (taker, maker) = (&found[1], &found[2]);
    for fill in [taker, maker] {
        assert_eq!(
            (fill.last_px, fill.last_qty, fill.trade_id),
            (Px(10_020), Qty(60), 1)
        );
    }
    assert_eq!(
        (maker.order_id, maker.leaves_qty, maker.cum_qty),
        (sold, Qty(40), Qty(60))
    );
    assert_eq!(maker.ord_status, OrdStatus::PartiallyFilled.byte());
    assert_eq!(taker.ord_status, OrdStatus::Filled.byte());
    assert_eq!(taker.liquidity, LastLiquidityInd::Removed.byte());
    assert_eq!(maker.liquidity, LastLiquidityInd::Added.byte());
    let notional = 60 * 10_020 * UNIT;
    assert_eq!(taker.fee.get(), (notional + 9_999) / 10_000);
    assert_eq!(maker.fee.get(), -(notional / 20_000));
    let house: PositionReport = only(&outs[0]);
    assert_eq!(
        (house.position, house.cash.get()),
        (Qty(0), taker.fee.get() + maker.fee.get())
    );
    assert_eq!(desk.engine.position(INSTRUMENT).cash, house.cash);
    let trade: TradeCaptureReport = only(&outs[0]);
    assert_eq!(
        (trade.buyer, trade.seller, trade.match_id, trade.trade_source),
        (1, 0, 1, TradeSource::Book.byte())
    );
    let has = |owner| [0, 1].map(|asset| desk.engine.balance(owner, AssetId(asset)).get());
    let (units, paid) = (60 * 1_000, notional + taker.fee.get());
    assert_eq!(has(Owner::Client(ClientId(1))), [units, -paid]);
    assert_eq!(
        has(Owner::Client(ClientId(0))),
        [-units, notional - maker.fee.get()]
    );
    assert_eq!(
        (has(Owner::House), has(Owner::Fees)),
        ([0, 0], [0, house.cash.get()])
    );
    assert_eq!((held(&desk, 0), held(&desk, 1)), (cost(10_020, 40), 0));
    let position = |client| desk.engine.client_position(ClientId(client), INSTRUMENT);
    assert_eq!((position(0), position(1)), (-60, 60));
    let top: InternalTop = only(&outs[0]);
    assert_eq!(
        (top.bid_px, top.offer_px, top.offer_qty),
        (Px::NONE, Px(10_020), Qty(40))
    );
    let level: BookLevelDelta = only(&outs[0]);
    assert_eq!((level.side, level.px, level.qty), (b'2', Px(10_020), Qty(40)));
    let ended = reports(&mut desk, cancel("S", 0));
    assert_eq!(
        (told(&ended), ended[0].reason),
        (vec![('4', 0, 0)], Reason::CancelRequested.code())
    );
    assert!(desk.engine.nothing_reserved() && resting(&desk).is_empty());
}

#[test]
fn who_sells_owes_what_it_is_worth_and_who_buys_what_it_would_pay() {
    let mut desk = market();
    give(&mut desk, limit("S", 0, 9_500, -10)).unwrap();
    assert_eq!(
        held(&desk, 0),
        cost(10_000, 10),
        "at the reference, not at what it would take"
    );
    give(&mut desk, limit("B", 1, 9_400, 10)).unwrap();
    assert_eq!(held(&desk, 1), cost(9_400, 10));
    let market_order = ClientOrder {
        ord_type: OrdType::Market.byte(),
        time_in_force: TimeInForce::ImmediateOrCancel.byte(),
        ..limit("M", 1, i64::MIN, 15)
    };
    let found = reports(&mut desk, market_order);
    assert_eq!(
        told(&found),
        [('0', 1, 15), ('F', 1, 10), ('F', 0, 10), ('4', 1, 0)]
    );
    assert_eq!(found[0].px, Px(10_990), "as far as the collar and the book go");
    assert_eq!(found[3].reason, Reason::ImmediateOrCancel.code());
    assert_eq!(held(&desk, 1), cost(9_400, 10));
}

#[test]
fn each_check_of_a_new_order_refuses_it_and_leaves_nothing_behind() {
    type Change = fn(&mut ClientOrder);
    let changes: [(Reason, Change); 25] = [
        (Reason::PxOutOfDomain, |order| order.px = Px(10_991)),
        (Reason::UnknownClient, |order| order.client = ClientId(2)),
        (Reason::UnknownSession, |order| {
            order.session = SessionId(u16::MAX);
        }),
        (Reason::UnknownInstrument, |order| {
            order.instrument = InstrumentId(1);
        }),
        (Reason::UnknownInstrument, |order| {
            order.instrument = InstrumentId(9);
        }),
        (Reason::BadSide, |order| order.side = b'3'),
        (Reason::BadField, |order| order.ord_type = b'9'),
        (Reason::OrderTypeUnsupported, |order| {
            order.ord_type = OrdType::PreviouslyQuoted.byte();
        }),
        (Reason::BadField, |order| order.time_in_force = b'9'),
        (Reason::BadField, |order| order.cl_ord_id = Text::EMPTY),
        (Reason::BadField, |order| order.exec_inst = ExecInst::REPRICE),
        (Reason::BadField, |order| order.exec_inst = 8),
        (Reason::BadField, |order| order.self_match = 9),
        (Reason::BadField, |order| {
            order.trigger = TriggerPriceType::LastTrade.byte();
        }),
        (Reason::BadField, |order| order.stop_px = Px(10_000)),
        (Reason::BadField, |order| order.expire_ts = 1),
        (Reason::OrderExpired, |order| {
            (order.time_in_force, order.expire_ts) = (TimeInForce::GoodTillDate.byte(), 1);
        }),
        (Reason::DuplicateOrderId, |order| {
            order.cl_ord_id = Text::new("REST").unwrap();
        }),
        (Reason::QtyUnrepresentable, |order| order.qty = Qty(0)),
        (Reason::QtyAboveMax, |order| order.qty = Qty(10_001)),
        (Reason::PxUnrepresentable, |order| order.px = Px(-1)),
        (Reason::Collar, |order| order.px = Px(11_001)),
        (Reason::Collar, |order| order.px = Px(8_999)),
        (Reason::PostOnly, |order| {
            (order.px, order.exec_inst) = (Px(10_100), ExecInst::POST_ONLY);
        }),
        (Reason::ReduceOnlyOrder, |order| {
            order.exec_inst = ExecInst::REDUCE_ONLY;
        }),
    ];
    for (reason, change) in changes {
        let mut desk = market();
        give(&mut desk, limit("REST", 0, 10_050, -5)).unwrap();
        let before = (resting(&desk), held(&desk, 0), held(&desk, 1));
        let mut order = limit("NEW", 0, 9_990, 10);
        change(&mut order);
        assert_eq!(give(&mut desk, order), Err(reason));
        assert_eq!(
            (resting(&desk), held(&desk, 0), held(&desk, 1)),
            before,
            "{reason:?}"
        );
        give(&mut desk, limit("NEW", 0, 9_990, 10)).unwrap();
    }
}

type Obstacle = fn(&mut Desk);

/// What makes risk refuse an order of client 0, and for which reason.
fn obstacles() -> Vec<(Reason, Obstacle)> {
    vec![
        (Reason::Halted, |desk| {
            desk.set_state(Scope::Global, 0, TradingState::Halted);
        }),
        (Reason::ReduceOnly, |desk| {
            desk.set_state(Scope::Global, 0, TradingState::Reducing);
        }),
        (Reason::InstrumentHalted, |desk| {
            desk.set_state(Scope::Instrument, 0, TradingState::Halted);
        }),
        (Reason::InstrumentReduceOnly, |desk| {
            desk.set_state(Scope::Instrument, 0, TradingState::Reducing);
        }),
        (Reason::ClientHalted, |desk| {
            desk.set_state(Scope::Client, 0, TradingState::Halted);
        }),
        (Reason::ClientReduceOnly, |desk| {
            desk.set_state(Scope::Client, 0, TradingState::Reducing);
        }),
        (Reason::Restricted, |desk| {
            set_limit(desk, LimitKind::Permitted, 0, 0, 0);
        }),
        (Reason::JournalShort, |desk| {
            desk.put(RuntimeEvent {
                kind: RuntimeEventKind::JournalShort.byte(),
                ..Zeroable::zeroed()
            });
        }),
        (Reason::ReferenceStale, |desk| desk.now += 2 * desk::STALE_NS),
        (Reason::CreditLimit, |desk| {
            set_limit(desk, LimitKind::Credit, 0, 0, 0);
        }),
        (Reason::ClientUnexecuted, |desk| {
            set_limit(desk, LimitKind::ClientUnexecuted, 0, 0, 0);
        }),
        (Reason::AssetUnexecuted, |desk| {
            set_limit(desk, LimitKind::AssetUnexecuted, 1, 0, 0);
        }),
        (Reason::QtyAboveMax, |desk| {
            set_limit(desk, LimitKind::QtyMax, 0, 1, 0);
        }),
        (Reason::NotionalAboveMax, |desk| {
            set_limit(desk, LimitKind::NotionalMax, 0, 1, 0);
        }),
        (Reason::NotionalBelowMin, |desk| {
            set_limit(desk, LimitKind::NotionalMin, 0, 1 << 60, 0);
        }),
        (Reason::ClientRate, |desk| {
            set_limit(desk, LimitKind::ClientRate, 0, 1, 1_000_000_000);
            desk.put(cancel("NONE", 0));
        }),
        (Reason::SessionRate, |desk| {
            set_limit(desk, LimitKind::SessionRate, 0, 1, 1_000_000_000);
            desk.put(cancel("NONE", 0));
        }),
        (Reason::OrderToTrade, |desk| {
            set_limit(desk, LimitKind::OrderToTrade, 0, 1, 1_000_000_000);
            desk.put(cancel("NONE", 0));
        }),
        (Reason::VenuesDisagree, |desk| {
            set_limit(desk, LimitKind::VenueSpread, 0, 0, 0);
            desk.snapshot(VenueId(1), &[(9_995, 500)], &[(10_015, 500)]);
        }),
        (Reason::Collar, |desk| {
            set_limit(desk, LimitKind::Collar, 0, 0, 0);
        }),
    ]
}

/// Whatever makes risk say no, nothing of the client's reaches the book: no new order, no change to more, no quote, and no
/// stop that waited; and what rests is never more than before.
#[test]
fn no_path_reaches_the_book_round_the_gate() {
    for (reason, stand_in_the_way) in obstacles() {
        let mut desk = market();
        give(&mut desk, limit("A", 0, 9_950, 20)).unwrap();
        let stop = ClientOrder {
            ord_type: OrdType::StopLimit.byte(),
            trigger: TriggerPriceType::Reference.byte(),
            stop_px: Px(10_100),
            ..limit("STOP", 0, 10_150, 20)
        };
        give(&mut desk, stop).unwrap();
        assert_eq!(
            quoted(&desk.put(quote(0, &[(9_900, 20)], &[(10_200, 20)]))),
            Reason::None
        );
        stand_in_the_way(&mut desk);
        while desk.engine.wants_continue() {
            desk.go_on();
        }
        let before = (resting(&desk), held(&desk, 0));
        let same = |desk: &Desk, what: &str| {
            assert_eq!((resting(desk), held(desk, 0)), before, "{what} at {reason:?}");
        };
        assert_eq!(give(&mut desk, limit("NEW", 0, 9_960, 20)), Err(reason));
        same(&desk, "a new order");
        let changed = refusal(&mut desk, replace("A", "A2", 0, 9_970, 30));
        assert!(
            changed == reason || changed == Reason::UnknownOrder,
            "{changed:?} for {reason:?}"
        );
        same(&desk, "a change");
        let outs = all(&mut desk, quote(0, &[(9_910, 30)], &[(10_190, 30)]));
        let whole = quoted(&outs[0]);
        let legs: Vec<ExecutionReport> = outs[0].find().collect();
        assert!(
            whole == reason || legs.iter().map(|leg| leg.reason).eq([reason.code(); 2]),
            "{whole:?} {:?} for {reason:?}",
            legs.iter().map(|leg| leg.reason).collect::<Vec<_>>()
        );
        same(&desk, "a quote");
        if before.0.iter().all(|(_, px, _)| *px != Px(10_150)) {
            desk.snapshot(VenueId(0), &[(10_190, 500)], &[(10_210, 500)]);
            desk.snapshot(VenueId(1), &[(10_190, 500)], &[(10_210, 500)]);
            while desk.engine.wants_continue() {
                desk.go_on();
            }
            same(&desk, "the trigger of a stop");
        }
    }
}

#[test]
fn what_trading_states_forbid_is_cancelled_in_bounded_chunks_and_told() {
    for (scope, state) in [
        (Scope::Global, TradingState::Halted),
        (Scope::Instrument, TradingState::Halted),
        (Scope::Client, TradingState::Halted),
        (Scope::Global, TradingState::Reducing),
    ] {
        let mut desk = market();
        for n in 0..20 {
            let client = n % 2;
            give(
                &mut desk,
                limit(&format!("O{n}"), client, 9_900 + i64::from(n), 5),
            )
            .unwrap();
        }
        let first = desk.set_state(scope, 0, state);
        assert!(first.find::<ExecutionReport>().count() <= 4);
        assert_eq!(
            give_at_once(&mut desk, limit("LATE", 1, 9_900, 5)),
            Reason::BookBusy
        );
        let mut canceled: Vec<ExecutionReport> = first.find().collect();
        while desk.engine.wants_continue() {
            let out = desk.go_on();
            assert!(out.find::<ExecutionReport>().count() <= 4);
            canceled.extend(out.find::<ExecutionReport>());
        }
        let of_all = scope != Scope::Client;
        assert_eq!(canceled.len(), if of_all { 20 } else { 10 });
        assert!(
            canceled
                .iter()
                .all(|report| report.reason == Reason::Withdrawn.code()
                    && report.exec_type == ExecType::Canceled.byte()
                    && (of_all || report.client == ClientId(0)))
        );
        assert_eq!(desk.engine.nothing_reserved(), of_all);
        assert_eq!(resting(&desk).len(), if of_all { 0 } else { 10 });
    }
}

/// Why an order is refused that comes before what is under way has ended.
fn give_at_once(desk: &mut Desk, order: ClientOrder) -> Reason {
    let report: ExecutionReport = only(&desk.put(order));
    Reason::from_code(report.reason).expect("a known reason")
}

#[test]
fn a_change_holds_what_the_order_is_from_then_on() {
    let mut desk = market();
    set_limit(&mut desk, LimitKind::ClientUnexecuted, 0, cost(9_900, 100), 0);
    let order_id = give(&mut desk, limit("A", 0, 9_900, 80)).unwrap();
    assert_eq!(
        refusal(&mut desk, replace("A", "B", 0, 9_900, 101)),
        Reason::ClientUnexecuted
    );
    assert_eq!(
        refusal(&mut desk, replace("A", "B", 0, 9_901, 100)),
        Reason::ClientUnexecuted
    );
    assert_eq!(held(&desk, 0), cost(9_900, 80));
    let found = reports(&mut desk, replace("A", "B", 0, 9_900, 100));
    assert_eq!(
        (told(&found), found[0].cl_ord_id),
        (vec![('5', 0, 100)], Text::new("B").unwrap())
    );
    assert_eq!((found[0].order_id, held(&desk, 0)), (order_id, cost(9_900, 100)));
    assert_eq!(
        refusal(&mut desk, replace("A", "C", 0, 9_900, 10)),
        Reason::UnknownOrder
    );
    assert_eq!(
        refusal(&mut desk, replace("B", "B", 1, 9_900, 10)),
        Reason::UnknownOrder,
        "another's"
    );
    give(&mut desk, limit("S", 1, 9_900, -30)).unwrap();
    assert_eq!(held(&desk, 0), cost(9_900, 70));
    assert_eq!(
        refusal(&mut desk, replace("B", "C", 0, 9_900, 30)),
        Reason::QtyBelowFilled
    );
    assert_eq!(refusal(&mut desk, replace("B", "C", 0, 9_900, 31)), Reason::None);
    assert_eq!(held(&desk, 0), cost(9_900, 1));
    give(&mut desk, limit("D", 0, 9_800, 1)).unwrap();
    assert_eq!(
        refusal(&mut desk, replace("C", "D", 0, 9_900, 31)),
        Reason::DuplicateOrderId
    );
    let by_id = OrderCancelRequest {
        order_id,
        ..cancel("", 0)
    };
    assert_eq!(
        refusal(
            &mut desk,
            OrderCancelRequest {
                client: ClientId(1),
                ..by_id
            }
        ),
        Reason::UnknownOrder
    );
    assert_eq!(refusal(&mut desk, by_id), Reason::None);
    assert_eq!(refusal(&mut desk, by_id), Reason::UnknownOrder);
    assert_eq!(refusal(&mut desk, cancel("D", 0)), Reason::None);
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_change_to_less_is_let_through_where_only_reducing_is_allowed_or_limits_are_passed() {
    let mut desk = market();
    give(&mut desk, limit("A", 0, 9_900, 80)).unwrap();
    set_limit(&mut desk, LimitKind::Credit, 0, 1, 0);
    assert_eq!(
        refusal(&mut desk, replace("A", "A", 0, 9_900, 81)),
        Reason::CreditLimit
    );
    assert_eq!(refusal(&mut desk, replace("A", "A", 0, 9_900, 79)), Reason::None);
    assert_eq!(held(&desk, 0), cost(9_900, 79));
}

#[test]
fn a_change_that_crosses_trades_under_its_new_name() {
    let mut desk = market();
    give(&mut desk, limit("S", 1, 10_010, -10)).unwrap();
    give(&mut desk, limit("B", 0, 9_990, 10)).unwrap();
    let found = reports(&mut desk, replace("B", "B2", 0, 10_020, 10));
    assert_eq!(told(&found), [('5', 0, 10), ('F', 0, 10), ('F', 1, 10)]);
    assert_eq!(found[1].cl_ord_id, Text::new("B2").unwrap());
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_refused_change_leaves_name_and_reservation_as_they_were() {
    let mut desk = market();
    give(&mut desk, limit("S", 1, 10_010, -10)).unwrap();
    let post_only = ClientOrder {
        exec_inst: ExecInst::POST_ONLY,
        ..limit("B", 0, 9_990, 10)
    };
    give(&mut desk, post_only).unwrap();
    assert_eq!(
        refusal(&mut desk, replace("B", "B2", 0, 10_020, 10)),
        Reason::PostOnly
    );
    assert_eq!(held(&desk, 0), cost(9_990, 10));
    assert_eq!(refusal(&mut desk, cancel("B2", 0)), Reason::UnknownOrder);
    assert_eq!(refusal(&mut desk, cancel("B", 0)), Reason::None);
}

#[test]
fn a_stop_is_held_for_when_it_comes_and_trades_when_it_is_triggered() {
    let mut desk = market();
    give(&mut desk, limit("S1", 1, 10_040, -10)).unwrap();
    give(&mut desk, limit("S2", 1, 10_060, -10)).unwrap();
    let stop = |name, trigger: TriggerPriceType, px, stop_px| ClientOrder {
        ord_type: OrdType::Stop.byte(),
        trigger: trigger.byte(),
        stop_px: Px(stop_px),
        ..limit(name, 0, px, 5)
    };
    give(
        &mut desk,
        stop("A", TriggerPriceType::LastTrade, i64::MIN, 10_040),
    )
    .unwrap();
    let collar = 10_990;
    assert_eq!(
        held(&desk, 0),
        cost(collar, 5),
        "as far as the collar goes from its stop price, and the book"
    );
    give(&mut desk, stop("R", TriggerPriceType::Reference, 10_100, 10_050)).unwrap();
    assert_eq!(
        give(
            &mut desk,
            stop("FAR", TriggerPriceType::Reference, 12_000, 10_050)
        ),
        Err(Reason::Collar)
    );
    let found = reports(&mut desk, limit("B", 0, 10_040, 2));
    let told_of = |found: &[ExecutionReport]| {
        told(found)
            .into_iter()
            .map(|(kind, _, _)| kind)
            .collect::<String>()
    };
    assert_eq!(
        told_of(&found),
        "0FFLFF",
        "the trade triggers the stop, which trades"
    );
    desk.now += 1_000_000_000;
    let mut found = Vec::new();
    for venue in [VenueId(0), VenueId(1)] {
        let out = desk.snapshot(venue, &[(10_050, 500)], &[(10_070, 500)]);
        found.extend(out.find::<ExecutionReport>());
    }
    assert_eq!(told_of(&found), "LFFFF", "the reference triggers the other");
    assert_eq!(held(&desk, 0), 0);
}

#[test]
fn a_stop_is_judged_again_when_it_is_triggered() {
    let mut desk = market();
    give(&mut desk, limit("S", 1, 10_040, -10)).unwrap();
    let stop = ClientOrder {
        ord_type: OrdType::Stop.byte(),
        trigger: TriggerPriceType::LastTrade.byte(),
        stop_px: Px(10_040),
        ..limit("A", 0, i64::MIN, 5)
    };
    give(&mut desk, stop).unwrap();
    for venue in [VenueId(0), VenueId(1)] {
        desk.snapshot(venue, &[(9_490, 500)], &[(9_510, 500)]);
    }
    let found = reports(&mut desk, limit("B", 0, 10_040, 2));
    let kinds: String = told(&found).into_iter().map(|(kind, _, _)| kind).collect();
    assert_eq!(kinds, "0FF4", "the market left the stop's collar behind");
    assert_eq!(found.last().unwrap().reason, Reason::Collar.code());
    assert_eq!(held(&desk, 0), 0);
}

#[test]
fn one_does_not_trade_with_oneself_unless_one_says_so() {
    for (policy, told_of, left) in [
        (SelfMatchPrevention::Allow, "0FF", 5),
        (SelfMatchPrevention::CancelNewest, "04", 10),
        (SelfMatchPrevention::CancelOldest, "04", 5),
        (SelfMatchPrevention::CancelBoth, "044", 0),
        (SelfMatchPrevention::Decrement, "0D4", 5),
    ] {
        let mut desk = market();
        give(&mut desk, limit("S", 0, 10_000, -10)).unwrap();
        let buy = ClientOrder {
            self_match: policy.byte(),
            ..limit("B", 0, 10_000, 5)
        };
        let found = reports(&mut desk, buy);
        let kinds: String = told(&found).into_iter().map(|(kind, _, _)| kind).collect();
        assert_eq!(kinds, told_of, "{policy:?}");
        let last = found.last().unwrap();
        let prevented = policy != SelfMatchPrevention::Allow;
        assert_eq!(last.reason == Reason::SelfTradePrevented.code(), prevented);
        assert_eq!(held(&desk, 0), cost(10_000, left));
    }
}

#[test]
fn a_reduce_only_order_is_for_no_more_than_there_is_and_may_come_where_only_reducing_is_allowed() {
    let mut desk = market();
    give(&mut desk, limit("S", 1, 10_000, -10)).unwrap();
    give(&mut desk, limit("B", 0, 10_000, 10)).unwrap();
    give(&mut desk, limit("BID", 1, 9_990, 50)).unwrap();
    let reducing = ClientOrder {
        exec_inst: ExecInst::REDUCE_ONLY,
        ..limit("R", 0, 10_020, -10)
    };
    desk.set_state(Scope::Client, 0, TradingState::Reducing);
    while desk.engine.wants_continue() {
        desk.go_on();
    }
    assert_eq!(
        give(&mut desk, limit("N", 0, 10_020, -10)),
        Err(Reason::ClientReduceOnly)
    );
    give(&mut desk, reducing).unwrap();
    // It stays where only reducing is allowed, and goes with a halt.
    desk.set_state(Scope::Global, 0, TradingState::Reducing);
    while desk.engine.wants_continue() {
        desk.go_on();
    }
    assert_eq!(resting(&desk), [(b'2', Px(10_020), Qty(10))]);
    desk.set_state(Scope::Global, 0, TradingState::Halted);
    while desk.engine.wants_continue() {
        desk.go_on();
    }
    assert!(resting(&desk).is_empty() && desk.engine.nothing_reserved());
}

#[test]
fn an_order_like_one_just_taken_is_a_duplicate() {
    let mut desk = market();
    set_limit(&mut desk, LimitKind::DuplicateWindow, 0, 0, 1_000);
    give(&mut desk, limit("A", 0, 9_900, 5)).unwrap();
    assert_eq!(
        give(&mut desk, limit("B", 0, 9_900, 5)),
        Err(Reason::DuplicateOrder)
    );
    give(&mut desk, limit("C", 0, 9_900, 6)).unwrap();
    desk.now += 1_000;
    give(&mut desk, limit("D", 0, 9_900, 5)).unwrap();
}

#[test]
fn the_table_of_orders_is_bounded() {
    let mut desk = market();
    for n in 0..64 {
        give(&mut desk, limit(&format!("A{n}"), 0, 9_900, 5)).unwrap();
    }
    assert_eq!(give(&mut desk, limit("MORE", 1, 9_900, 5)), Err(Reason::BookFull));
    let out = desk.put(quote(1, &[(9_900, 5)], &[]));
    let report: ExecutionReport = only(&out);
    assert_eq!(report.reason, Reason::BookFull.code());
    assert_eq!(refusal(&mut desk, cancel("A3", 0)), Reason::None);
    give(&mut desk, limit("MORE", 1, 9_900, 5)).unwrap();
    assert_eq!(held(&desk, 1), cost(9_900, 5));
}

#[test]
fn a_long_sweep_is_told_whole_in_bounded_chunks() {
    let mut desk = market();
    for n in 0..30 {
        give(&mut desk, limit(&format!("S{n}"), 0, 10_000 + n, -2)).unwrap();
    }
    let outs = all(&mut desk, limit("B", 1, 10_100, 60));
    let fills = outs
        .iter()
        .flat_map(|out| out.find::<ExecutionReport>().collect::<Vec<_>>());
    let fills: Vec<_> = fills
        .filter(|report| report.exec_type == ExecType::Trade.byte())
        .collect();
    assert_eq!(fills.len(), 60);
    assert!(desk.engine.nothing_reserved());
    assert_eq!(desk.engine.client_position(ClientId(1), INSTRUMENT), 60);
    let side = |side| desk.engine.own_books().levels(INSTRUMENT, side).count();
    assert_eq!((side(Side::Buy), side(Side::Sell)), (0, 0));
}

#[test]
fn what_cannot_be_had_at_once_is_cancelled_whole() {
    let mut desk = market();
    give(&mut desk, limit("S", 0, 10_000, -10)).unwrap();
    let all_or_none = ClientOrder {
        time_in_force: TimeInForce::FillOrKill.byte(),
        ..limit("F", 1, 10_000, 11)
    };
    let at_least = ClientOrder {
        min_qty: Qty(11),
        ..limit("M", 1, 10_000, 20)
    };
    for order in [all_or_none, at_least] {
        let found = reports(&mut desk, order);
        assert_eq!(told(&found), [('0', 1, order.qty.0), ('4', 1, 0)]);
        assert_eq!(found[1].reason, Reason::MinQty.code());
    }
    assert_eq!(held(&desk, 1), 0);
}

#[test]
fn a_trade_in_the_book_earns_its_clients_messages_and_a_cancel_spends_one() {
    let mut desk = market();
    set_limit(&mut desk, LimitKind::OrderToTrade, 0, 3, 1_000_000_000);
    give(&mut desk, limit("A", 0, 10_000, 5)).unwrap();
    assert_eq!(refusal(&mut desk, cancel("A", 0)), Reason::None);
    give(&mut desk, limit("B", 0, 10_000, 5)).unwrap();
    assert_eq!(
        give(&mut desk, limit("C", 0, 10_000, 5)),
        Err(Reason::OrderToTrade)
    );
    assert_eq!(
        refusal(&mut desk, cancel("NONE", 0)),
        Reason::UnknownOrder,
        "a cancel is never refused for that"
    );
    give(&mut desk, limit("S", 1, 10_000, -2)).unwrap();
    give(&mut desk, limit("S2", 1, 10_000, -2)).unwrap();
    give(&mut desk, limit("C", 0, 9_990, 5)).unwrap();
}

#[test]
fn a_fee_is_held_with_its_order_and_counts_against_the_credit() {
    for (short_of, first) in [(0, Ok(())), (1, Err(Reason::CreditLimit))] {
        let mut desk = market();
        set_limit(&mut desk, LimitKind::Credit, 0, cost(10_000, 10) - short_of, 0);
        give(&mut desk, limit("S", 1, 10_000, -10)).unwrap();
        assert_eq!(give(&mut desk, limit("B", 0, 10_000, 10)).map(drop), first);
    }
    // What was paid as a taker is what was held, to the unit: nothing is left, and one unit more is enough for that much.
    let mut desk = market();
    set_limit(
        &mut desk,
        LimitKind::Credit,
        0,
        cost(10_000, 10) + cost(9_900, 1) - 1,
        0,
    );
    give(&mut desk, limit("S", 1, 10_000, -10)).unwrap();
    give(&mut desk, limit("B", 0, 10_000, 10)).unwrap();
    assert_eq!(held(&desk, 0), 0);
    assert_eq!(give(&mut desk, limit("C", 0, 9_900, 1)), Err(Reason::CreditLimit));
    set_limit(
        &mut desk,
        LimitKind::Credit,
        0,
        cost(10_000, 10) + cost(9_900, 1),
        0,
    );
    give(&mut desk, limit("C", 0, 9_900, 1)).unwrap();
}

#[test]
fn a_sale_at_a_better_price_than_it_was_held_at_does_not_pass_the_credit() {
    for auction in [false, true] {
        let mut desk = market();
        if auction {
            set_phase(&mut desk, MarketPhase::Auction, 0);
        }
        // The seller's credit is for ten lots at the reference, and then for one more bid.
        let credit = cost(10_000, 10) + cost(9_900, 1);
        set_limit(&mut desk, LimitKind::Credit, 0, credit, 0);
        give(&mut desk, limit("B", 1, 10_900, 10)).unwrap();
        give(&mut desk, limit("S", 0, 9_500, -10)).unwrap();
        if auction {
            set_phase(&mut desk, MarketPhase::Continuous, 0);
        }
        assert_eq!(desk.engine.client_position(ClientId(0), INSTRUMENT), -10);
        give(&mut desk, limit("C", 0, 9_900, 1)).unwrap();
        assert_eq!(give(&mut desk, limit("D", 0, 1, 1)), Err(Reason::Collar));
        assert_eq!(give(&mut desk, limit("D", 0, 9_100, 1)), Err(Reason::CreditLimit));
    }
}

#[test]
fn open_orders_at_below_and_above_their_bound() {
    let mut desk = market();
    set_limit(&mut desk, LimitKind::ClientOpenOrders, 0, 3, 0);
    for name in ["A", "B"] {
        give(&mut desk, limit(name, 0, 9_900, 5)).unwrap();
    }
    let reasons = |desk: &mut Desk, bids: &[(i64, i64)]| {
        let found = reports(desk, quote(0, bids, &[]));
        found.iter().map(|report| report.reason).collect::<Vec<_>>()
    };
    let above = Reason::ClientOpenOrders.code();
    assert_eq!(
        reasons(&mut desk, &[(9_900, 5), (9_901, 5)]),
        [above, 0],
        "a quote is an order"
    );
    assert_eq!(
        give(&mut desk, limit("C", 0, 9_900, 5)),
        Err(Reason::ClientOpenOrders)
    );
    give(&mut desk, limit("C", 1, 9_900, 5)).unwrap();
    // What changes in place, and what ends, is no further one.
    assert_eq!(refusal(&mut desk, replace("A", "A", 0, 9_950, 6)), Reason::None);
    assert_eq!(reasons(&mut desk, &[(9_902, 5)]), [0]);
    assert_eq!(refusal(&mut desk, cancel("B", 0)), Reason::None);
    give(&mut desk, limit("C", 0, 9_900, 5)).unwrap();
    assert_eq!(
        give(&mut desk, limit("D", 0, 9_900, 5)),
        Err(Reason::ClientOpenOrders)
    );
    assert_eq!(held(&desk, 0), cost(9_950, 6) + cost(9_902, 5) + cost(9_900, 5));
}
