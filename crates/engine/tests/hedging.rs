//! Positions that are brought back into their band by parent orders, and what may become of these.

#![allow(clippy::unwrap_used)]

mod desk;

use bytemuck::Zeroable;
use desk::strategies::{HEDGER, HEDGER_REST_NS, Hedgers as Model, RETRY_NS, balances, hedgers, hedging};
use desk::{Desk, INSTRUMENT, STALE_NS, only};
use pinrail_engine::{Engine, Out, PARENTS_MAX};
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    ExecType, HedgingParams, InputReject, InstrumentLimits, LimitKind, LimitSet, OrdStatus,
    ParentOrderReport, ParentState, Scope, StateChange, TradingState, VenueBalance, VenueDef, VenueOrder,
    VenueOrderReject, VenueReport,
};
use pinrail_types::{Amount, AssetId, Frame, InstrumentId, Px, Qty, Reason, StrategyId, Text, VenueId};

type Hedgers = Desk<Model>;

fn desk() -> Hedgers {
    let mut desk = Desk::active_with(hedgers);
    for balance in balances() {
        desk.put(balance);
    }
    assert!(desk.put(hedging()).is_empty());
    desk
}

/// The client buys so much, and the house is short of it.
fn sell_to_a_client(desk: &mut Hedgers, qty: i64) -> Out {
    let quote = desk.ask(0, b'1', qty).unwrap();
    desk.put(Desk::<SweepPricer>::order(&quote, b'1'))
}

fn reports(out: &Out) -> Vec<(ParentState, i64, Reason)> {
    let found = out.find::<ParentOrderReport>();
    let told = found.map(|report| {
        let state = ParentState::from_byte(report.parent_state).unwrap();
        (state, report.cum_qty.0, Reason::from_code(report.reason).unwrap())
    });
    told.collect()
}

fn sent(out: &Out) -> Vec<(u16, i64, i64)> {
    let found = out.find::<VenueOrder>();
    found
        .map(|order| (order.venue.0, order.px.0, order.qty.0))
        .collect()
}

fn report(order: &VenueOrder, exec_type: ExecType, status: OrdStatus, n: u32) -> VenueReport {
    VenueReport {
        order_id: order.order_id,
        exec_id: Text::new(&format!("{}-{n}-{}", order.order_id, exec_type.byte())).unwrap(),
        instrument: order.instrument,
        venue: order.venue,
        side: order.side,
        exec_type: exec_type.byte(),
        ord_status: status.byte(),
        fee_asset: AssetId(1),
        ..Zeroable::zeroed()
    }
}

fn fill(order: &VenueOrder, qty: i64, n: u32) -> VenueReport {
    VenueReport {
        last_px: order.px,
        last_qty: Qty(qty),
        ..report(order, ExecType::Trade, OrdStatus::PartiallyFilled, n)
    }
}

fn ended(order: &VenueOrder, cum: i64) -> VenueReport {
    VenueReport {
        cum_qty: Qty(cum),
        ..report(order, ExecType::Canceled, OrdStatus::Canceled, 0)
    }
}

#[test]
fn a_fill_beyond_the_band_is_hedged_in_the_same_input_over_both_venues() {
    let mut desk = desk();
    let out = sell_to_a_client(&mut desk, 100);
    assert!(
        sent(&out).is_empty() && reports(&out).is_empty(),
        "within the band"
    );
    let out = sell_to_a_client(&mut desk, 600);
    assert_eq!(sent(&out), [(0, 10_010, 500), (1, 10_011, 180)]);
    assert_eq!(reports(&out), [(ParentState::Working, 0, Reason::None)]);
    let parent: ParentOrderReport = only(&out);
    assert_eq!(
        (parent.qty, parent.side, parent.strategy, parent.ref_px),
        (Qty(680), b'1', HEDGER, Px(10_000))
    );
    let orders: Vec<VenueOrder> = out.find().collect();
    assert!(orders.iter().all(|order| order.parent_id == parent.parent_id));
    // What is on its way counts, so that nothing is hedged twice.
    let out = sell_to_a_client(&mut desk, 50);
    assert!(sent(&out).is_empty());
    let out = desk.put(VenueReport {
        fee: Amount::new(77),
        ..fill(&orders[0], 500, 1)
    });
    assert!(reports(&out).is_empty());
    let out = desk.put(fill(&orders[1], 180, 1));
    assert_eq!(reports(&out), [(ParentState::Done, 680, Reason::None)]);
    let done: ParentOrderReport = only(&out);
    assert_eq!(done.cost.get(), 10 * (500 * 10 + 180 * 11) + 77);
    assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(-70));
    assert_eq!(desk.engine.parent_orders().count(), 0);
}

#[test]
fn what_no_venue_gave_is_tried_again_and_not_for_ever() {
    let mut desk = desk();
    let out = sell_to_a_client(&mut desk, 320);
    let order: VenueOrder = only(&out);
    desk.put(fill(&order, 120, 1));
    assert!(reports(&desk.put(ended(&order, 120))).is_empty());
    assert!(sent(&desk.tick()).is_empty(), "not yet");
    for cum in [120, 120] {
        desk.now += RETRY_NS;
        assert!(desk.engine.next_timer() <= desk.now);
        let out = desk.tick();
        let order: VenueOrder = only(&out);
        assert_eq!(order.qty, Qty(300 - cum));
        desk.put(ended(&order, 0));
    }
    desk.now += RETRY_NS;
    assert_eq!(
        reports(&desk.tick()),
        [(ParentState::Done, 120, Reason::TriesMax)]
    );
    // What is left is outside the band, and begun again when the books move on, not at once.
    assert!(sent(&desk.snapshot(VenueId(0), &[(9_990, 500)], &[(10_010, 500)])).is_empty());
    desk.now += HEDGER_REST_NS;
    let out = desk.snapshot(VenueId(0), &[(9_990, 500)], &[(10_010, 500)]);
    assert_eq!(sent(&out), [(0, 10_010, 180)]);
}

/// A venue that pays for what is taken may be sent a price beyond the limit, which is net: what it holds must suffice at that.
#[test]
fn a_part_at_a_venue_with_a_rebate_is_no_more_than_the_venue_holds_for_it() {
    let mut configuration = Desk::<SweepPricer>::configuration();
    for frame in &mut configuration {
        if let Some(def) = frame.get::<VenueDef>().filter(|def| def.venue == VenueId(0)) {
            *frame = Frame::of(&VenueDef {
                taker_fee_e8: -1_000_000,
                ..*def
            });
        }
    }
    let mut desk = Desk::defined(2, 64, configuration, hedgers);
    desk.set_state(Scope::Global, 0, TradingState::Active);
    desk.snapshot(VenueId(0), &[(9_990, 500)], &[(10_100, 500)]);
    desk.snapshot(VenueId(1), &[(9_989, 500)], &[(10_300, 500)]);
    for balance in balances() {
        let is_money = (balance.venue, balance.asset) == (VenueId(0), AssetId(1));
        desk.put(VenueBalance {
            balance: if is_money {
                // For 300 lots at the limit, half a percent above the middle of 10,045.
                Amount::new(300 * 10_095 * 10)
            } else {
                balance.balance
            },
            ..balance
        });
    }
    desk.put(hedging());
    let out = sell_to_a_client(&mut desk, 320);
    assert_eq!(out.find::<VenueOrderReject>().count(), 0);
    let parts = sent(&out);
    assert!(matches!(parts[..], [(0, 10_100, 290..300)]), "{parts:?}");
}

#[test]
fn a_retry_without_a_wait_is_not_within_the_same_input() {
    let mut desk = desk();
    desk.put(HedgingParams {
        retry_ns: 0,
        ..hedging()
    });
    let out = sell_to_a_client(&mut desk, 320);
    let order: VenueOrder = only(&out);
    let out = desk.put(ended(&order, 0));
    assert!(sent(&out).is_empty(), "it ended, and is not sent again at once");
    assert_eq!(desk.engine.next_timer(), desk.now + 1);
    desk.now += 1;
    assert_eq!(sent(&desk.tick()).len(), 1);
}

#[test]
fn it_goes_no_further_than_its_limits() {
    // The price: a tenth of a percent is 10,010 net of a fee of a hundredth, so that nothing is near enough.
    let mut desk = desk();
    desk.put(HedgingParams {
        chase_e8: 100_000,
        ..hedging()
    });
    let out = sell_to_a_client(&mut desk, 600);
    let nothing = (ParentState::Waiting, 0, Reason::InsufficientDepth);
    assert_eq!((sent(&out), reports(&out)[1..].to_vec()), (vec![], vec![nothing]));
    // The cost: 580 lots are 5,880 ticks times lots beyond the reference, and fees.
    let cost = 10 * (500 * 10 + 80 * 11) + 10 * (500 * 10_010 + 80 * 10_011) / 10_000;
    for (cost_max, sends) in [(cost, false), (cost + 1, true)] {
        let mut desk = self::desk();
        desk.put(HedgingParams {
            cost_max: Amount::new(cost_max),
            ..hedging()
        });
        let out = sell_to_a_client(&mut desk, 600);
        assert_eq!(sent(&out).is_empty(), !sends, "{cost_max}");
        if !sends {
            assert_eq!(reports(&out)[1], (ParentState::Done, 0, Reason::CostMax));
        }
    }
    // What a venue holds: it is sent no more, and the other one the rest.
    let mut desk = self::desk();
    desk.put(VenueBalance {
        asset: AssetId(1),
        venue: VenueId(0),
        balance: Amount::new(10 * 10_050 * 200),
        ..Zeroable::zeroed()
    });
    assert_eq!(
        sent(&sell_to_a_client(&mut desk, 600)),
        [(0, 10_010, 199), (1, 10_011, 381)]
    );
}

#[test]
fn a_sale_is_cut_to_the_notional_limit_at_the_price_it_goes_out_at() {
    let mut desk = Desk::active_with(hedgers);
    for balance in balances() {
        desk.put(balance);
    }
    for _ in 0..2 {
        let quote = desk.ask(0, b'2', 420).unwrap();
        desk.put(Desk::<SweepPricer>::order(&quote, b'2'));
    }
    // 400 lots at the hedge's limit of 9,950, and 398 at the bid.
    desk.put(InstrumentLimits {
        notional_max: Amount::new(10 * 9_960 * 400),
        ..Desk::<SweepPricer>::limits()
    });
    desk.put(hedging());
    let out = desk.snapshot(VenueId(0), &[(9_990, 500)], &[(10_010, 500)]);
    assert_eq!(out.find::<VenueOrderReject>().count(), 0);
    assert_eq!(sent(&out), [(0, 9_990, 398), (1, 9_989, 398)]);
}

#[test]
fn it_stops_on_a_stale_book_and_where_a_trading_state_forbids_it() {
    let mut desk = desk();
    let order: VenueOrder = only(&sell_to_a_client(&mut desk, 320));
    desk.now += STALE_NS + 1;
    desk.put(ended(&order, 0));
    desk.now += RETRY_NS;
    assert_eq!(
        reports(&desk.tick()),
        [(ParentState::Done, 0, Reason::ReferenceStale)]
    );
    let mut desk = self::desk();
    desk.set_state(Scope::Strategy, HEDGER.0.into(), TradingState::Halted);
    let out = sell_to_a_client(&mut desk, 320);
    assert_eq!(
        only::<VenueOrderReject>(&out).reason,
        Reason::StrategyHalted.code()
    );
    assert_eq!(reports(&out)[1], (ParentState::Done, 0, Reason::StrategyHalted));
    // While its parts are out it waits for them.
    let mut desk = self::desk();
    let order: VenueOrder = only(&sell_to_a_client(&mut desk, 320));
    desk.set_state(Scope::Global, 0, TradingState::Halted);
    desk.go_on();
    assert_eq!(desk.engine.parent_orders().count(), 1);
    desk.put(ended(&order, 0));
    desk.now += RETRY_NS;
    assert_eq!(reports(&desk.tick())[0].2, Reason::Halted);
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn one_venue_that_refuses_leaves_the_rest_to_the_next_try() {
    let mut desk = desk();
    desk.set_state(Scope::Venue, 0, TradingState::Halted);
    assert_eq!(sent(&sell_to_a_client(&mut desk, 320)), [(1, 10_011, 300)]);
}

#[test]
fn a_venue_that_refuses_for_what_it_is_leaves_its_part_to_the_others() {
    // Where only what reduces may go: that quote could make the house long.
    let mut desk = desk();
    sell_to_a_client(&mut desk, 90);
    desk.ask(1, b'2', 90).unwrap();
    desk.set_state(Scope::Venue, 0, TradingState::Reducing);
    let out = sell_to_a_client(&mut desk, 230);
    assert_eq!(
        only::<VenueOrderReject>(&out).reason,
        Reason::VenueReduceOnly.code()
    );
    assert_eq!(
        reports(&out)[1],
        (ParentState::Waiting, 0, Reason::VenueReduceOnly)
    );
    desk.now += RETRY_NS;
    assert_eq!(sent(&desk.tick()), [(1, 10_011, 300)]);
}

#[test]
fn a_state_that_the_desk_set_by_itself_ends_a_hedge_as_one_that_a_person_set() {
    let mut desk = desk();
    for actor in ["ann", "bob"] {
        desk.put(LimitSet {
            kind: LimitKind::Executions.byte(),
            value: Amount::new(1),
            actor: Text::new(actor).unwrap(),
            ..Zeroable::zeroed()
        });
    }
    // The fill halts the instrument, for a reason that is no trading state's.
    let out = sell_to_a_client(&mut desk, 320);
    assert_eq!(only::<StateChange>(&out).reason, Reason::ExecutionThrottle.code());
    assert_eq!(
        reports(&out)[1],
        (ParentState::Done, 0, Reason::ExecutionThrottle)
    );
}

#[test]
fn a_part_whose_fill_is_still_missing_is_not_sent_again_elsewhere() {
    let mut desk = desk();
    let order: VenueOrder = only(&sell_to_a_client(&mut desk, 320));
    let out = desk.put(ended(&order, 300));
    let halted: Vec<(u8, u16)> = out
        .find::<StateChange>()
        .map(|change| (change.scope, change.reason))
        .collect();
    let mismatch = Reason::OrderMismatch.code();
    assert_eq!(
        halted,
        [
            (Scope::Venue.byte(), mismatch),
            (Scope::Instrument.byte(), mismatch)
        ]
    );
    assert_eq!(reports(&out), [(ParentState::Done, 0, Reason::OrderMismatch)]);
    for _ in 0..3 {
        desk.now += HEDGER_REST_NS;
        assert!(sent(&desk.tick()).is_empty());
        assert!(sent(&desk.snapshot(VenueId(1), &[(9_989, 500)], &[(10_011, 500)])).is_empty());
    }
    // It comes, and a person turns both on again: nothing is left to hedge.
    desk.put(fill(&order, 300, 1));
    assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(-20));
    for scope in [Scope::Venue, Scope::Instrument] {
        desk.set_state(scope, 0, TradingState::Active);
    }
    assert!(sent(&desk.snapshot(VenueId(1), &[(9_989, 500)], &[(10_011, 500)])).is_empty());
}

#[test]
fn a_start_ends_what_the_epoch_before_began() {
    let mut desk = desk();
    let order: VenueOrder = only(&sell_to_a_client(&mut desk, 320));
    let start = desk.engine.bounds().epoch_start(2);
    desk.put(start);
    let mut told = Vec::new();
    while desk.engine.wants_continue() {
        told.extend(reports(&desk.go_on()));
    }
    assert!(told.is_empty(), "its part is still out");
    desk.put(fill(&order, 100, 1));
    let out = desk.put(ended(&order, 100));
    let withdrawn = (ParentState::Done, 100, Reason::Withdrawn);
    assert_eq!(reports(&out), [withdrawn]);
}

#[test]
fn a_late_fill_of_a_part_that_ended_is_booked_and_counted_once() {
    let mut desk = desk();
    let order: VenueOrder = only(&sell_to_a_client(&mut desk, 320));
    desk.put(ended(&order, 0));
    let out = desk.put(fill(&order, 300, 1));
    assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(-20));
    assert_eq!(only::<StateChange>(&out).reason, Reason::UnknownOrder.code());
    // What was still to be sent would be too much.
    let ended = (ParentState::Done, 0, Reason::CancelRequested);
    assert_eq!(reports(&out), [ended]);
    desk.now += RETRY_NS;
    assert!(sent(&desk.tick()).is_empty());
}

#[test]
fn parameters_outside_their_domain_are_refused() {
    let mut desk = desk();
    for (spoil, reason) in [
        (
            (|p| p.instrument = InstrumentId(1)) as fn(&mut HedgingParams),
            Reason::UnknownInstrument,
        ),
        (|p| p.strategy = StrategyId(u16::MAX), Reason::UnknownStrategy),
        (|p| p.band_lots = Qty(-1), Reason::BadField),
        (|p| p.target_lots = Qty(101), Reason::BadField),
        (|p| p.chase_e8 = -1, Reason::BadField),
        (|p| p.cost_max = Amount::new(-1), Reason::BadField),
        (|p| p.retry_ns = u64::MAX, Reason::BadField),
    ] {
        let mut params = hedging();
        spoil(&mut params);
        let reject: InputReject = only(&desk.put(params));
        assert_eq!(reject.reason, reason.code());
    }
    let mut plain = Desk::active();
    assert_eq!(
        only::<InputReject>(&plain.put(hedging())).reason,
        Reason::BadField.code()
    );
}

#[test]
fn the_state_is_the_same_behind_a_snapshot_at_every_input() {
    let mut desk = desk();
    let check = |desk: &mut Hedgers| {
        let bounds = *desk.engine.bounds();
        let words = desk.engine.save();
        let mut loaded = Engine::load(bounds, hedgers(&bounds), &words).unwrap();
        assert!(loaded.parent_orders().eq(desk.engine.parent_orders()));
        assert_eq!(
            (loaded.save(), loaded.next_timer()),
            (words, desk.engine.next_timer())
        );
    };
    let orders: Vec<VenueOrder> = sell_to_a_client(&mut desk, 700).find().collect();
    check(&mut desk);
    desk.put(fill(&orders[0], 300, 1));
    check(&mut desk);
    desk.put(ended(&orders[0], 300));
    check(&mut desk);
    desk.put(ended(&orders[1], 0));
    check(&mut desk);
    desk.now += RETRY_NS;
    assert_eq!(sent(&desk.tick()).len(), 1);
    check(&mut desk);
}

#[test]
fn parent_orders_are_bounded() {
    // Each fill is beyond the band alone, and no venue is near enough to give what it takes.
    let mut desk = desk();
    desk.put(HedgingParams {
        chase_e8: 0,
        band_lots: Qty(0),
        target_lots: Qty(0),
        retry_ns: STALE_NS,
        ..hedging()
    });
    for n in 0..=PARENTS_MAX {
        let out = sell_to_a_client(&mut desk, 1);
        let refused: Vec<u16> = out
            .find::<VenueOrderReject>()
            .map(|reject| reject.reason)
            .collect();
        let full = [Reason::ParentOrdersFull.code()];
        assert_eq!(refused, if n < PARENTS_MAX { &[][..] } else { &full[..] });
    }
    assert_eq!(desk.engine.parent_orders().count(), PARENTS_MAX);
}
