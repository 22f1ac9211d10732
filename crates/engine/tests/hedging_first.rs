//! The first order of a hedge stands in the answer, and the others go out before anything else is done.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;

use bytemuck::Zeroable;
use desk::strategies::{Hedgers, balances, hedgers, hedging};
use desk::{Desk, INSTRUMENT};
use pinrail_engine::Out;
use pinrail_pricing::{Actions, Desk as View, Fill, FillFrom, Pricer, Strategy, SweepPricer, WithStrategy};
use pinrail_types::record::{
    ExecutionReport, HedgingParams, LastLookDef, LimitKind, LimitSet, ParentOrderReport, PositionCost,
    PositionReport, Scope, Tick, TradeCaptureReport, TradingState, TradingStateSet, VenueOrder,
    VenueOrderReject,
};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{
    Amount, Cause, E8, Frame, NewParentOrder, Px, Qty, Record, RecordHeader, RecordType, Side, SourceId,
    StrategyId, Text, VenueId,
};

fn desk() -> Desk<Hedgers> {
    let mut desk = Desk::active_with(hedgers);
    for balance in balances() {
        desk.put(balance);
    }
    desk.put(hedging());
    desk
}

fn types(out: &Out) -> Vec<RecordType> {
    out.types().collect()
}

#[test]
fn the_answer_to_an_accept_ends_with_the_first_order_and_the_rest_concludes_it() {
    let mut desk = desk();
    let quote = desk.ask(0, b'1', 1_200).unwrap();
    let mut frame = Frame::of(&Desk::<SweepPricer>::order(&quote, b'1'));
    *frame.header_mut() = RecordHeader {
        seq: desk.seq + 1,
        ts_core: desk.now,
        cause: Cause::input(SourceId(0), 1),
        ..*frame.header()
    };
    let mut expected = vec![
        ExecutionReport::TYPE,
        TradeCaptureReport::TYPE,
        PositionReport::TYPE,
        PositionCost::TYPE,
        ParentOrderReport::TYPE,
        VenueOrder::TYPE,
    ];
    desk.engine.answer(&frame, &mut desk.out);
    assert_eq!(types(&desk.out), expected);
    let answered = desk.out.words().to_vec();
    desk.engine.conclude(&frame, &mut desk.out);
    expected.push(VenueOrder::TYPE);
    assert_eq!(types(&desk.out), expected);
    assert_eq!(desk.out.words()[..answered.len()], answered);
    let sent: i64 = desk.out.find::<VenueOrder>().map(|order| order.qty.0).sum();
    assert_eq!(sent, 1_180);
    assert!(desk.engine.are_parents_conserved());
}

#[test]
fn a_refused_part_is_told_of_and_the_next_one_stands_in_the_answer() {
    let mut desk = desk();
    // The venue that is used first takes one order a second.
    desk.put(LimitSet {
        kind: LimitKind::VenueRate.byte(),
        target: 0,
        value: Amount::new(1),
        window_ns: 1_000_000_000,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
    for (qty, first) in [(320, 0), (1_200, 1)] {
        let quote = desk.ask(0, b'1', qty).unwrap();
        let out = desk.put(Desk::<SweepPricer>::order(&quote, b'1'));
        let orders: Vec<u16> = out.find::<VenueOrder>().map(|order| order.venue.0).collect();
        let refused = out.find::<VenueOrderReject>().count();
        assert_eq!((orders[0], refused), (first, usize::from(first == 1)));
    }
}

/// Asks for two parent orders behind a client's fill, both over two venues.
#[derive(Debug, Default)]
struct Twice;

impl Strategy for Twice {
    const NAME: &'static str = "twice";

    fn on_fill(&mut self, fill: &Fill, _: &impl View, actions: &mut Actions) {
        let FillFrom::Client(_) = fill.from else { return };
        for strategy in [StrategyId(1), StrategyId(2)] {
            actions.parent(NewParentOrder {
                strategy,
                instrument: INSTRUMENT,
                side: fill.side.opposite(),
                qty: Qty(600),
                limit_net_e8: 11_000 * i128::from(E8),
                ref_px: Px(10_000),
                cost_max: Amount::new(1 << 60),
                tries_max: 1,
                retry_ns: 1,
            });
        }
    }

    fn visit(&mut self, _: &mut impl Visitor) -> Result<(), StateError> {
        Ok(())
    }
}

#[test]
fn all_of_a_parent_order_goes_out_before_the_next_action() {
    let mut desk = Desk::active_with(|bounds| WithStrategy {
        pricer: SweepPricer::new(bounds.instruments),
        strategy: Twice,
    });
    for balance in balances() {
        desk.put(balance);
    }
    let quote = desk.ask(0, b'1', 100).unwrap();
    let out = desk.put(Desk::<SweepPricer>::order(&quote, b'1'));
    let told = types(&out)[4..].to_vec();
    let one = [ParentOrderReport::TYPE, VenueOrder::TYPE, VenueOrder::TYPE];
    assert_eq!(told, [one, one].concat());
    let strategies: Vec<u16> = out.find::<VenueOrder>().map(|order| order.strategy.0).collect();
    assert_eq!(strategies, [1, 1, 2, 2]);
}

/// Sends what the state of a desk's engine says behind `record`, and gives back how many orders were sent and refused.
fn resolved_by<P: Pricer, R: Record>(desk: &mut Desk<P>, record: R) -> (usize, usize) {
    let out = desk.put(record);
    let (sent, refused) = (out.find::<VenueOrder>(), out.find::<VenueOrderReject>());
    (sent.count(), refused.count())
}

#[test]
fn a_hedge_that_a_held_accept_leads_to_is_sent_before_the_input_that_ends_the_hold() {
    let mut desk = desk();
    let actor = Text::new("ann").unwrap();
    desk.put(LastLookDef {
        hold_ns: 1_000,
        tolerance_e8: 10_000,
        actor,
        ..Zeroable::zeroed()
    });
    let quote = desk.ask(0, b'1', 1_200).unwrap();
    assert_eq!(desk.put(Desk::<SweepPricer>::order(&quote, b'1')).len(), 1);
    desk.now += 1_000;
    let halt = TradingStateSet {
        scope: Scope::Venue.byte(),
        state: TradingState::Halted.byte(),
        target: 1,
        actor,
        ..Zeroable::zeroed()
    };
    assert_eq!(resolved_by(&mut desk, halt), (2, 0));
}

#[test]
fn what_is_tried_again_is_sent_whole_in_one_input() {
    let mut desk = desk();
    // Nothing is near enough at first.
    desk.put(HedgingParams {
        tries_max: 9,
        chase_e8: 0,
        ..hedging()
    });
    let quote = desk.ask(0, b'1', 1_200).unwrap();
    desk.put(Desk::<SweepPricer>::order(&quote, b'1'));
    assert_eq!(desk.engine.parent_orders().count(), 1);
    desk.snapshot(VenueId(0), &[(9_990, 500)], &[(9_991, 500)]);
    desk.snapshot(VenueId(1), &[(9_989, 500)], &[(9_992, 900)]);
    desk.now += desk::strategies::RETRY_NS;
    assert_eq!(resolved_by(&mut desk, Tick::zeroed()), (2, 0));
    let side = desk.engine.parent_orders().next().unwrap().order.side;
    assert_eq!(side, Side::Buy);
}
