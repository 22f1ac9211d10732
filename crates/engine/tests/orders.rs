//! Orders to venues: what a strategy asks for, what risk lets pass, and what venues make of it.

#![allow(clippy::unwrap_used)]

mod desk;

use bytemuck::Zeroable;
use desk::strategies::{Puppets, balances, order, puppets, tell, tell_cancel, tell_time};
use desk::{Desk, INSTRUMENT, STALE_NS, TTL_NS, filled, only};
use pinrail_engine::{CANCEL_RETRY_NS, Engine, Out, Owner};
use pinrail_types::record::{
    ExecType, InputReject, OrdStatus, PositionReport, QuoteStatusReport, Scope, StateChange, TimeInForce,
    TradeCaptureReport, TradingState, TradingStateSet, VenueBalance, VenueOrder, VenueOrderCancel,
    VenueOrderReject, VenueReport, VenueStatus, VenueStatusKind,
};
use pinrail_types::{
    Amount, AssetId, InstrumentId, NewVenueOrder, OutId, Px, Qty, Reason, Side, StrategyId, Text, VenueId,
};

type Traders = Desk<Puppets>;

/// An active desk with a puppet, and enough at both venues.
fn desk() -> Traders {
    let mut desk = Desk::active_with(puppets);
    for balance in balances() {
        assert!(desk.put(balance).is_empty());
    }
    desk
}

/// An update of a book that changes nothing much, for the strategy to be called.
fn call(desk: &mut Traders) -> Out {
    desk.snapshot(
        VenueId(0),
        &[(9_990, 500), (9_980, 500)],
        &[(10_010, 500), (10_020, 500)],
    )
}

/// Tells the puppet to send an order, and gives back what became of it.
fn place(desk: &mut Traders, order: &NewVenueOrder) -> Result<VenueOrder, Reason> {
    desk.put(tell(order));
    placed(&call(desk))
}

fn placed(out: &Out) -> Result<VenueOrder, Reason> {
    let orders: Vec<VenueOrder> = out.find().collect();
    let rejects: Vec<VenueOrderReject> = out.find().collect();
    match (&orders[..], &rejects[..]) {
        ([order], []) => Ok(*order),
        ([], [reject]) => Err(Reason::from_code(reject.reason).unwrap()),
        _ => panic!(
            "an order has exactly one answer: {:?}",
            out.types().collect::<Vec<_>>()
        ),
    }
}

fn report(order: &VenueOrder, exec_id: &str, exec_type: ExecType, ord_status: OrdStatus) -> VenueReport {
    VenueReport {
        order_id: order.order_id,
        exec_id: Text::new(exec_id).unwrap(),
        instrument: order.instrument,
        venue: order.venue,
        side: order.side,
        exec_type: exec_type.byte(),
        ord_status: ord_status.byte(),
        fee_asset: AssetId(1),
        ..Zeroable::zeroed()
    }
}

fn trade(order: &VenueOrder, exec_id: &str, qty: i64, px: i64) -> VenueReport {
    VenueReport {
        last_px: Px(px),
        last_qty: Qty(qty),
        ..report(order, exec_id, ExecType::Trade, OrdStatus::PartiallyFilled)
    }
}

fn canceled(order: &VenueOrder, exec_id: &str, cum_qty: i64) -> VenueReport {
    VenueReport {
        cum_qty: Qty(cum_qty),
        ..report(order, exec_id, ExecType::Canceled, OrdStatus::Canceled)
    }
}

fn rejected(out: &Out) -> Reason {
    Reason::from_code(only::<InputReject>(out).reason).unwrap()
}

/// The venue's new state, and why.
fn halted(out: &Out) -> (u8, u32, Reason) {
    let change: StateChange = only(out);
    assert_eq!(change.state, TradingState::Halted.byte());
    (
        change.scope,
        change.target,
        Reason::from_code(change.reason).unwrap(),
    )
}

fn leaves(desk: &Traders) -> Vec<i64> {
    desk.engine.open_orders().map(|held| held.leaves.0).collect()
}

#[test]
fn an_order_is_filled_in_parts_and_moves_position_and_cash_exactly() {
    let mut desk = desk();
    let order = place(&mut desk, &order(Side::Buy, 9_995, 100)).unwrap();
    assert_eq!(
        (order.ref_px, order.qty, order.side),
        (Px(10_000), Qty(100), b'1')
    );
    assert_eq!(order.time_in_force, TimeInForce::GoodTillCancel.byte());
    assert!(!desk.engine.nothing_reserved());
    let acknowledged = report(&order, "E1", ExecType::New, OrdStatus::New);
    assert!(desk.put(acknowledged).is_empty());
    let out = desk.put(VenueReport {
        fee: Amount::new(123),
        ..trade(&order, "E2", 40, 9_994)
    });
    let position: PositionReport = only(&out);
    assert_eq!(
        (position.position, position.cash.get()),
        (Qty(40), -10 * 9_994 * 40 - 123)
    );
    assert_eq!(leaves(&desk), [60]);
    // A fee in another asset is kept apart.
    let out = desk.put(VenueReport {
        fee: Amount::new(7),
        fee_asset: AssetId(0),
        ..trade(&order, "E3", 60, 9_995)
    });
    let position: PositionReport = only(&out);
    let cash = -10 * (9_994 * 40 + 9_995 * 60) - 123;
    assert_eq!((position.position, position.cash.get()), (Qty(100), cash));
    // What the house bought, what it paid, and its fees in either asset, against the venue.
    let balance = |owner, asset| desk.engine.balance(owner, AssetId(asset)).get();
    let venue = Owner::Venue(order.venue);
    let lots = 100 * 1_000;
    assert_eq!((balance(Owner::House, 0), balance(Owner::Fees, 0)), (lots, -7));
    assert_eq!(
        (balance(Owner::House, 1), balance(Owner::Fees, 1)),
        (cash + 123, -123)
    );
    assert_eq!((balance(venue, 0), balance(venue, 1)), (7 - lots, -cash));
    assert_eq!(leaves(&desk), [0; 0]);
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn what_ends_an_order_releases_all_that_it_reserved() {
    for (exec_type, ord_status) in [
        (ExecType::Canceled, OrdStatus::Canceled),
        (ExecType::Rejected, OrdStatus::Rejected),
        (ExecType::Expired, OrdStatus::Expired),
    ] {
        let mut desk = desk();
        let order = place(&mut desk, &order(Side::Sell, 10_005, 100)).unwrap();
        desk.put(trade(&order, "E1", 30, 10_005));
        let end = VenueReport {
            cum_qty: Qty(30),
            ..report(&order, "E2", exec_type, ord_status)
        };
        assert!(desk.put(end).is_empty());
        assert!(desk.engine.nothing_reserved(), "{exec_type:?}");
        assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(-30));
    }
}

#[test]
fn a_cancel_is_sent_once_and_again_when_the_venue_refused_it() {
    let mut desk = desk();
    let order = place(&mut desk, &order(Side::Buy, 9_995, 100)).unwrap();
    let cancel = |desk: &mut Traders, order_id: OutId| {
        desk.put(tell_cancel(order_id));
        call(desk)
    };
    let sent: VenueOrderCancel = only(&cancel(&mut desk, order.order_id));
    assert_eq!(
        (sent.order_id, sent.venue, sent.reason),
        (order.order_id, VenueId(0), 0)
    );
    assert_eq!(
        cancel(&mut desk, order.order_id)
            .find::<VenueOrderCancel>()
            .count(),
        0
    );
    // Filled in part meanwhile; the venue says that it is too late.
    desk.put(trade(&order, "E1", 99, 9_995));
    let refused = report(&order, "E2", ExecType::OrderStatus, OrdStatus::PartiallyFilled);
    assert!(desk.put(refused).is_empty());
    assert_eq!(
        cancel(&mut desk, order.order_id)
            .find::<VenueOrderCancel>()
            .count(),
        1
    );
    assert!(desk.put(canceled(&order, "E3", 99)).is_empty());
    let late: VenueOrderReject = only(&cancel(&mut desk, order.order_id));
    assert_eq!(
        (late.order_id, late.reason),
        (order.order_id, Reason::UnknownOrder.code())
    );
}

#[test]
fn a_report_is_taken_once() {
    let mut desk = desk();
    let order = place(&mut desk, &order(Side::Buy, 9_995, 100)).unwrap();
    desk.put(trade(&order, "E1", 40, 9_995));
    let words = desk.engine.save();
    let bounds = *desk.engine.bounds();
    for report in [trade(&order, "E1", 40, 9_995), canceled(&order, "E1", 40)] {
        assert_eq!(rejected(&desk.put(report)), Reason::DuplicateExecId);
        assert_eq!(
            (leaves(&desk), desk.engine.position(INSTRUMENT).qty),
            (vec![60], Qty(40))
        );
    }
    // Nor behind a restart.
    desk.engine = Engine::load(bounds, puppets(&bounds), &words).unwrap();
    desk.seq = desk.engine.next_seq() - 1;
    assert_eq!(
        rejected(&desk.put(trade(&order, "E1", 40, 9_995))),
        Reason::DuplicateExecId
    );
}

#[test]
fn a_fill_of_no_order_of_ours_is_booked_and_halts_its_venue() {
    let mut desk = desk();
    let open = place(&mut desk, &order(Side::Buy, 9_995, 100)).unwrap();
    let elsewhere = place(
        &mut desk,
        &NewVenueOrder {
            venue: VenueId(1),
            ..order(Side::Buy, 9_995, 10)
        },
    );
    let stray = VenueReport {
        order_id: OutId::NONE,
        ..trade(&open, "E9", 25, 9_000)
    };
    let out = desk.put(stray);
    assert_eq!(only::<PositionReport>(&out).position, Qty(25));
    assert_eq!(halted(&out), (Scope::Venue.byte(), 0, Reason::UnknownOrder));
    assert!(desk.engine.wants_continue());
    let cancel: VenueOrderCancel = only(&desk.go_on());
    assert_eq!(
        (cancel.order_id, cancel.reason),
        (open.order_id, Reason::Withdrawn.code())
    );
    assert!(!desk.engine.wants_continue(), "{elsewhere:?} stays");
    assert_eq!(
        place(&mut desk, &order(Side::Buy, 9_995, 1)).map(|_| ()),
        Err(Reason::UnknownOrder)
    );
    // What was open there may still be filled.
    desk.put(trade(&open, "E10", 100, 9_995));
    assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(125));
    let nobody = desk.put(TradingStateSet {
        scope: Scope::Venue.byte(),
        ..Zeroable::zeroed()
    });
    assert_eq!(rejected(&nobody), Reason::ActorMissing);
    desk.set_state(Scope::Venue, 0, TradingState::Active);
    call(&mut desk);
    assert!(place(&mut desk, &order(Side::Buy, 9_995, 1)).is_ok());
}

#[test]
fn what_does_not_fit_its_order_halts_the_venue_and_no_fill_is_dropped() {
    type Change = fn(&VenueOrder) -> VenueReport;
    let cases: [(Change, i64, i64); 5] = [
        // More than was left; the rest of the row: position and what is left behind it.
        (|order| trade(order, "E1", 101, 9_995), 101, 0),
        // A worse price than was asked for.
        (|order| trade(order, "E1", 40, 9_996), 40, 60),
        // The other side.
        (
            |order| VenueReport {
                side: b'2',
                ..trade(order, "E1", 40, 9_995)
            },
            -40,
            100,
        ),
        // An end that tells of fills that did not come.
        (|order| canceled(order, "E1", 10), 0, 0),
        // An end at another side.
        (
            |order| VenueReport {
                side: b'2',
                ..canceled(order, "E1", 0)
            },
            0,
            100,
        ),
    ];
    for (change, position, left) in cases {
        let mut desk = desk();
        let order = place(&mut desk, &order(Side::Buy, 9_995, 100)).unwrap();
        let out = desk.put(change(&order));
        let halts: Vec<(u8, u16)> = out
            .find::<StateChange>()
            .map(|change| (change.scope, change.reason))
            .collect();
        // Where a fill is missing the instrument is, too: nobody knows the position.
        let is_missing = out.find::<TradeCaptureReport>().count() == 0 && left == 0;
        let scopes =
            [Scope::Venue, Scope::Instrument].map(|scope| (scope.byte(), Reason::OrderMismatch.code()));
        assert_eq!(halts, scopes[..=usize::from(is_missing)]);
        assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(position));
        assert_eq!(leaves(&desk).iter().sum::<i64>(), left);
        assert_eq!(desk.engine.nothing_reserved(), left == 0);
    }
}

#[test]
fn a_fill_that_cannot_be_booked_halts_the_desk() {
    type Change = fn(&mut VenueReport);
    let cases: [(Change, Reason); 7] = [
        (|report| report.venue = VenueId(7), Reason::UnknownVenue),
        (
            |report| report.instrument = InstrumentId(1),
            Reason::UnknownInstrument,
        ),
        (|report| report.fee_asset = AssetId(9), Reason::UnknownAsset),
        (|report| report.side = 0, Reason::BadSide),
        (|report| report.last_qty = Qty(0), Reason::BadField),
        (|report| report.exec_id = Text::EMPTY, Reason::BadField),
        (|report| report.fee = Amount::new(i128::MAX), Reason::Overflow),
    ];
    for (change, reason) in cases {
        let mut desk = desk();
        let order = place(&mut desk, &order(Side::Buy, 9_995, 100)).unwrap();
        // So that the fee does not fit.
        desk.put(trade(&order, "E1", 1, 9_995));
        let mut report = trade(&order, "E2", 40, 9_995);
        change(&mut report);
        let out = desk.put(report);
        assert_eq!(halted(&out), (Scope::Global.byte(), 0, reason));
        assert_eq!(rejected(&out), reason);
        assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(1));
        let _: VenueOrderCancel = only(&desk.go_on());
        // Not taken: the same once more is no duplicate, and what the venue puts right is booked, once.
        assert_eq!(rejected(&desk.put(report)), reason);
        let put_right = trade(&order, "E2", 40, 9_995);
        assert_eq!(
            only::<PositionReport>(&desk.put(put_right)).position,
            Qty(41),
            "{reason:?}"
        );
        assert_eq!(rejected(&desk.put(put_right)), Reason::DuplicateExecId);
    }
}

#[test]
fn a_report_that_is_no_fill_of_an_order_that_ended_is_refused_and_halts_nothing() {
    let mut desk = desk();
    let order = place(&mut desk, &order(Side::Buy, 9_995, 100)).unwrap();
    desk.put(trade(&order, "E1", 100, 9_995));
    let out = desk.put(canceled(&order, "E2", 100));
    assert_eq!(rejected(&out), Reason::UnknownOrder);
    assert_eq!(out.find::<StateChange>().count(), 0);
    let odd = VenueReport {
        exec_type: 1,
        ..canceled(&order, "E3", 100)
    };
    assert_eq!(rejected(&desk.put(odd)), Reason::BadField);
}

#[test]
fn risk_refuses_an_order_with_its_own_reason() {
    let limit = |side, px, qty| order(side, px, qty);
    let strategy = StrategyId(16);
    for (order, reason) in [
        (limit(Side::Buy, 11_100, 10), Reason::Collar),
        (limit(Side::Buy, 9_995, 0), Reason::QtyUnrepresentable),
        (limit(Side::Buy, 9_995, 10_001), Reason::QtyAboveMax),
        (
            NewVenueOrder {
                strategy,
                ..limit(Side::Buy, 9_995, 10)
            },
            Reason::UnknownStrategy,
        ),
        (
            NewVenueOrder {
                venue: VenueId(2),
                ..limit(Side::Buy, 9_995, 10)
            },
            Reason::UnknownVenue,
        ),
    ] {
        let mut desk = desk();
        assert_eq!(place(&mut desk, &order).map(|_| ()), Err(reason), "{order:?}");
        assert!(desk.engine.nothing_reserved());
    }
}

#[test]
fn a_venue_is_only_sent_what_it_has_money_for() {
    let mut desk: Traders = Desk::active_with(puppets);
    let order = order(Side::Buy, 10_000, 10);
    assert_eq!(place(&mut desk, &order).map(|_| ()), Err(Reason::VenueBalance));
    // A fee of one basis point.
    let exact = 10 * 10_000 * 10 + 100;
    for (balance, outcome) in [(exact - 1, Err(Reason::VenueBalance)), (exact, Ok(()))] {
        desk.put(VenueBalance {
            asset: AssetId(1),
            balance: Amount::new(balance),
            ts_recv: desk.now,
            ..Zeroable::zeroed()
        });
        assert_eq!(place(&mut desk, &order).map(|_| ()), outcome);
    }
    let open: Vec<OutId> = desk.engine.open_orders().map(|held| held.order_id).collect();
    let fill = VenueReport {
        order_id: open[0],
        exec_id: Text::new("E1").unwrap(),
        side: b'1',
        exec_type: ExecType::Trade.byte(),
        ord_status: OrdStatus::Filled.byte(),
        last_px: Px(10_000),
        last_qty: Qty(10),
        ts_event: desk.now + 5,
        ..Zeroable::zeroed()
    };
    desk.put(fill);
    let old = VenueBalance {
        asset: AssetId(1),
        balance: Amount::new(exact),
        ts_event: desk.now + 4,
        ..Zeroable::zeroed()
    };
    assert_eq!(rejected(&desk.put(old)), Reason::BalanceOutdated);
    assert_eq!(place(&mut desk, &order).map(|_| ()), Err(Reason::VenueBalance));
    let unknown = VenueBalance {
        asset: AssetId(5),
        ..old
    };
    assert_eq!(rejected(&desk.put(unknown)), Reason::UnknownAsset);
}

#[test]
fn no_order_goes_where_it_could_meet_our_own() {
    let mut desk = desk();
    let bid = place(&mut desk, &order(Side::Buy, 9_995, 10)).unwrap();
    let against = order(Side::Sell, 9_995, 10);
    assert_eq!(place(&mut desk, &against).map(|_| ()), Err(Reason::SelfTrade));
    // Also while it is to be cancelled, and not at another venue, above it, or once it has ended.
    desk.put(tell_cancel(bid.order_id));
    call(&mut desk);
    assert_eq!(place(&mut desk, &against).map(|_| ()), Err(Reason::SelfTrade));
    let there = NewVenueOrder {
        venue: VenueId(1),
        ..against
    };
    assert!(place(&mut desk, &there).is_ok());
    assert!(place(&mut desk, &order(Side::Sell, 9_996, 10)).is_ok());
    desk.put(canceled(&bid, "E1", 0));
    assert!(place(&mut desk, &against).is_ok());
}

#[test]
fn orders_of_which_none_rests_may_cross_one_another() {
    let passing = |side| NewVenueOrder {
        time_in_force: TimeInForce::ImmediateOrCancel,
        ..order(side, 9_995, 10)
    };
    let resting = |side| order(side, 9_995, 10);
    let refused = Err(Reason::SelfTrade);
    for (open, new, outcome) in [
        (passing(Side::Sell), passing(Side::Buy), Ok(())),
        (passing(Side::Sell), resting(Side::Buy), refused),
        (resting(Side::Sell), passing(Side::Buy), refused),
    ] {
        let mut desk = desk();
        place(&mut desk, &open).unwrap();
        assert_eq!(place(&mut desk, &new).map(|_| ()), outcome, "{open:?} {new:?}");
    }
}

#[test]
fn no_order_goes_to_a_venue_whose_book_is_not_whole_and_fresh() {
    let mut desk = desk();
    let there = NewVenueOrder {
        venue: VenueId(1),
        ..order(Side::Buy, 9_995, 10)
    };
    desk.put(VenueStatus {
        venue: VenueId(1),
        instrument: VenueStatus::ALL,
        kind: VenueStatusKind::Disconnected.byte(),
        ..Zeroable::zeroed()
    });
    assert_eq!(
        place(&mut desk, &there).map(|_| ()),
        Err(Reason::VenueDisconnected)
    );
    desk.books();
    assert!(place(&mut desk, &there).is_ok());
    desk.now += STALE_NS + 1;
    assert_eq!(place(&mut desk, &there).map(|_| ()), Err(Reason::ReferenceStale));
}

#[test]
fn quotes_and_orders_at_the_same_moment_cannot_break_a_limit_together() {
    let mut desk = desk();
    let mut most = 100_000;
    while most > 0 {
        // By turns: a quote by which the house would buy, and an order to buy.
        if desk.ask(0, b'2', 900).is_err() {
            break;
        }
        most -= 900;
        let size = most.min(10_000);
        if place(&mut desk, &order(Side::Buy, 9_995, size)).is_err() {
            break;
        }
        most -= size;
    }
    assert!(most < 10_000, "{most}");
    assert_eq!(
        place(&mut desk, &order(Side::Buy, 9_995, most + 1)).map(|_| ()),
        Err(Reason::PositionLimit)
    );
    assert!(most == 0 || place(&mut desk, &order(Side::Buy, 9_995, most)).is_ok());
    assert_eq!(desk.ask(0, b'2', 1).map(|_| ()), Err(Reason::PositionLimit));
}

#[test]
fn a_kill_cancels_every_open_order_in_bounded_chunks() {
    let mut desk = desk();
    let orders: Vec<VenueOrder> = (0..70)
        .map(|n| place(&mut desk, &order(Side::Buy, 9_900 + n, 1)).unwrap())
        .collect();
    let placed: Vec<OutId> = orders.iter().map(|order| order.order_id).collect();
    desk.ask(0, b'1', 10).unwrap();
    desk.set_state(Scope::Global, 0, TradingState::Halted);
    let (mut cancelled, mut chunks) = (Vec::new(), 0);
    while desk.engine.wants_continue() {
        let out = desk.go_on();
        let some: Vec<OutId> = out
            .find::<VenueOrderCancel>()
            .map(|cancel| cancel.order_id)
            .collect();
        assert!(some.len() <= 32);
        chunks += usize::from(!some.is_empty());
        cancelled.extend(some);
    }
    assert_eq!((cancelled, chunks), (placed, 3));
    assert_eq!(
        place(&mut desk, &order(Side::Buy, 9_995, 1)).map(|_| ()),
        Err(Reason::Halted)
    );
    // Halting once more asks for nothing twice.
    desk.set_state(Scope::Venue, 0, TradingState::Halted);
    assert!(!desk.engine.wants_continue());
    // The venue refused one of them.
    let refused = report(&orders[7], "E1", ExecType::OrderStatus, OrdStatus::New);
    assert!(desk.put(refused).is_empty());
    assert!(!desk.engine.wants_continue(), "not at once");
    desk.now += CANCEL_RETRY_NS;
    let again: VenueOrderCancel = only(&desk.tick());
    assert_eq!(again.order_id, orders[7].order_id);
}

#[test]
fn each_scope_cancels_its_own_orders_and_those_that_reduce_may_stay() {
    let other = |venue: u16, strategy: u16, side, px| NewVenueOrder {
        venue: VenueId(venue),
        strategy: StrategyId(strategy),
        ..order(side, px, 10)
    };
    for (scope, target, state, expected) in [
        (Scope::Venue, 1, TradingState::Halted, vec![1, 3]),
        (Scope::Strategy, 1, TradingState::Halted, vec![2, 3]),
        (Scope::Instrument, 0, TradingState::Halted, vec![0, 1, 2, 3]),
        // The house is long 15: the sales, ten lots each, could pass zero together, and no bid reduces.
        (Scope::Global, 0, TradingState::Reducing, vec![0, 1, 2, 3]),
        (Scope::Client, 0, TradingState::Halted, vec![]),
    ] {
        let mut desk = desk();
        let first = place(&mut desk, &order(Side::Buy, 9_995, 15)).unwrap();
        desk.put(trade(&first, "E1", 15, 9_995));
        let placed: Vec<OutId> = [
            other(0, 0, Side::Buy, 9_990),
            other(1, 0, Side::Sell, 10_010),
            other(0, 1, Side::Sell, 10_010),
            other(1, 1, Side::Buy, 9_990),
        ]
        .iter()
        .map(|order| place(&mut desk, order).unwrap().order_id)
        .collect();
        desk.set_state(scope, target, state);
        let mut cancelled = Vec::new();
        while desk.engine.wants_continue() {
            cancelled.extend(desk.go_on().find::<VenueOrderCancel>().map(|c| c.order_id));
        }
        let expected: Vec<OutId> = expected.into_iter().map(|at: usize| placed[at]).collect();
        assert_eq!(cancelled, expected, "{scope:?}");
    }
}

/// What stood because it reduced is cancelled as soon as it no longer does.
#[test]
fn an_order_that_reduces_no_longer_is_cancelled() {
    let mut desk = desk();
    let first = place(&mut desk, &order(Side::Buy, 9_995, 100)).unwrap();
    desk.put(trade(&first, "E1", 100, 9_995));
    let quote = desk.ask(0, b'1', 30).unwrap();
    let less = place(&mut desk, &order(Side::Sell, 10_005, 70)).unwrap();
    desk.set_state(Scope::Strategy, 0, TradingState::Reducing);
    while desk.engine.wants_continue() {
        assert_eq!(desk.go_on().find::<VenueOrderCancel>().count(), 0);
    }
    filled(&desk.put(Desk::order(&quote, b'1'))).unwrap();
    assert!(!desk.engine.wants_continue());
    // Another venue's fill of no order: the position is less than what is open to be sold.
    let stray = VenueReport {
        order_id: OutId::NONE,
        venue: VenueId(1),
        ..trade(&less, "E2", 1, 10_005)
    };
    desk.put(stray);
    let cancel: VenueOrderCancel = only(&desk.go_on());
    assert_eq!(cancel.order_id, less.order_id);
}

#[test]
fn a_new_epoch_cancels_what_was_open_before_once_more() {
    let mut desk = desk();
    let order = place(&mut desk, &order(Side::Buy, 9_995, 10)).unwrap();
    desk.put(tell_cancel(order.order_id));
    call(&mut desk);
    let epoch = desk.engine.bounds().epoch_start(2);
    desk.put(epoch);
    let mut cancels = 0;
    while desk.engine.wants_continue() {
        cancels += desk.go_on().find::<VenueOrderCancel>().count();
    }
    assert_eq!(cancels, 1);
    desk.put(trade(&order, "E1", 4, 9_995));
    assert!(desk.put(canceled(&order, "E2", 4)).is_empty());
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn actions_beyond_the_bound_and_orders_beyond_the_table_are_refused() {
    let mut desk = desk();
    for n in 0..11 {
        desk.put(tell(&order(Side::Buy, 9_900 + n, 1)));
    }
    let out = call(&mut desk);
    assert_eq!(out.find::<VenueOrder>().count(), 8);
    let refused: VenueOrderReject = only(&out);
    assert_eq!(
        (refused.reason, refused.qty),
        (Reason::ActionsFull.code(), Qty(3))
    );
    while desk.engine.open_orders().count() < pinrail_oms::OPEN_ORDERS_MAX {
        place(&mut desk, &order(Side::Buy, 9_900, 1)).unwrap();
    }
    assert_eq!(
        place(&mut desk, &order(Side::Buy, 9_900, 1)).map(|_| ()),
        Err(Reason::OpenOrdersFull)
    );
}

#[test]
fn a_venues_rate_is_kept_over_a_restart() {
    let mut desk = desk();
    desk.put(pinrail_types::record::LimitSet {
        kind: pinrail_types::record::LimitKind::VenueRate.byte(),
        value: Amount::new(2),
        window_ns: 1_000,
        ..Zeroable::zeroed()
    });
    for _ in 0..2 {
        place(&mut desk, &order(Side::Buy, 9_995, 1)).unwrap();
    }
    let bounds = *desk.engine.bounds();
    let words = desk.engine.save();
    desk.engine = Engine::load(bounds, puppets(&bounds), &words).unwrap();
    assert_eq!(
        place(&mut desk, &order(Side::Buy, 9_995, 1)).map(|_| ()),
        Err(Reason::VenueRate)
    );
    desk.now += 500;
    assert!(place(&mut desk, &order(Side::Buy, 9_995, 1)).is_ok());
}

#[test]
fn a_timer_fires_once_before_the_input_that_is_due_behind_it() {
    let mut desk = desk();
    let at = desk.now + 500;
    desk.put(tell_time(at));
    call(&mut desk);
    assert_eq!(desk.engine.next_timer(), at);
    desk.now = at - 1;
    desk.put(tell(&order(Side::Buy, 9_995, 1)));
    assert_eq!(desk.tick().len(), 0);
    desk.now = at;
    // The order stands before the quote that the same input is answered with.
    let request = desk.request(0, b'1', 10);
    let out = desk.put(request);
    let types: Vec<_> = out.types().collect();
    assert_eq!(types[0], <VenueOrder as pinrail_types::Record>::TYPE);
    desk::answer(&out).unwrap();
    assert_eq!(desk.engine.next_timer(), desk.now + TTL_NS, "the quote's");
    // One that is over already fires at the next input.
    desk.put(tell_time(0));
    call(&mut desk);
    assert_eq!(desk.engine.next_timer(), desk.now + 1);
}

#[test]
fn a_clients_fill_reaches_the_strategy_and_a_hedge_goes_out_with_it() {
    let mut desk = desk();
    let quote = desk.ask(0, b'1', 30).unwrap();
    desk.put(tell(&NewVenueOrder {
        time_in_force: TimeInForce::ImmediateOrCancel,
        ..order(Side::Buy, 10_020, 30)
    }));
    let out = desk.put(Desk::order(&quote, b'1'));
    filled(&out).unwrap();
    let hedge = placed(&out).unwrap();
    assert_eq!(hedge.qty, Qty(30));
    desk.put(trade(&hedge, "E1", 30, 10_010));
    assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(0));
    assert!(desk.engine.nothing_reserved());
    assert_eq!(out.find::<QuoteStatusReport>().count(), 0);
}

#[test]
fn a_venue_is_sent_no_order_of_a_day_or_a_date_and_reports_nothing_of_a_book_of_ours() {
    let mut desk = desk();
    for time_in_force in [TimeInForce::Day, TimeInForce::GoodTillDate] {
        let order = NewVenueOrder {
            time_in_force,
            ..order(Side::Buy, 10_000, 5)
        };
        assert_eq!(place(&mut desk, &order), Err(Reason::BadField));
    }
    let sent = place(&mut desk, &order(Side::Buy, 10_000, 5)).unwrap();
    for exec_type in [ExecType::Restated, ExecType::Triggered] {
        let reject: InputReject = only(&desk.put(report(&sent, "E", exec_type, OrdStatus::New)));
        assert_eq!(reject.reason, Reason::BadField.code());
    }
}
