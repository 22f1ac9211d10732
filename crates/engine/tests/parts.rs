//! Quotes for less than was asked for.

mod desk;

use bytemuck::Zeroable;
use desk::{Desk, TTL_NS, answer, filled};
use pinrail_types::record::{InstrumentLimits, QuotingParams};
use pinrail_types::{Amount, Qty, Reason};

/// What both venues hold on either side.
const HELD: i64 = 2_000;

/// A desk that quotes a part if it is at least `least`.
fn desk(least: i64) -> Desk {
    let mut desk = Desk::active();
    desk.put(QuotingParams {
        impact_qty: Qty(1),
        skew_position: Qty(1),
        volatility_tau_ns: 1_000_000_000,
        hedgeable_lots_min: Qty(least),
        ..Zeroable::zeroed()
    });
    desk
}

#[test]
fn more_than_the_venues_hold_is_quoted_as_far_as_they_hold() {
    assert_eq!(desk(0).ask(0, 0, HELD).unwrap().qty, Qty(HELD));
    assert_eq!(
        desk(0).ask(0, 0, HELD + 1).map(drop),
        Err(Reason::InsufficientDepth)
    );
    for (least, expected) in [
        (HELD - 1, Ok(HELD)),
        (HELD, Ok(HELD)),
        (HELD + 1, Err(Reason::InsufficientDepth)),
    ] {
        for side in [0, b'1', b'2'] {
            let quoted = desk(least).ask(0, side, HELD + 1);
            let qtys = quoted.map(|quote| (quote.qty.0, quote.requested_qty.0));
            assert_eq!(qtys, expected.map(|qty| (qty, HELD + 1)), "{least} {side}");
        }
    }
}

#[test]
fn a_part_is_on_the_step_and_not_below_the_least_of_requests() {
    let mut desk = desk(1);
    let limits = |qty_lots_step, qty_lots_min| InstrumentLimits {
        qty_lots_step: Qty(qty_lots_step),
        qty_lots_min: Qty(qty_lots_min),
        ..Desk::limits()
    };
    desk.put(limits(30, 30));
    assert_eq!(desk.ask(0, b'1', 3_000).unwrap().qty, Qty(HELD / 30 * 30));
    desk.put(limits(1, HELD));
    assert_eq!(desk.ask(0, b'1', 3_000).unwrap().qty, Qty(HELD));
    desk.put(limits(1, HELD + 1));
    assert_eq!(desk.ask(0, b'1', 3_000).map(drop), Err(Reason::QtyBelowMin));
    desk.now += TTL_NS;
    desk.tick();
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn what_is_reserved_and_accepted_is_what_was_quoted() {
    let mut desk = desk(1);
    desk.put(InstrumentLimits {
        position_lots_max: Qty(HELD),
        ..Desk::limits()
    });
    let request = desk.request(0, b'1', 5_000);
    let quote = answer(&desk.put(request)).unwrap();
    assert_eq!((quote.qty, quote.requested_qty), (Qty(HELD), Qty(5_000)));
    for qty in [5_000, HELD - 1, HELD + 1] {
        let mut order = Desk::order(&quote, b'1');
        order.qty = Qty(qty);
        assert_eq!(filled(&desk.put(order)).map(drop), Err(Reason::QuoteMismatch));
    }
    let order = Desk::order(&quote, b'1');
    assert_eq!(filled(&desk.put(order)).unwrap().last_qty, Qty(HELD));
    assert!(desk.engine.nothing_reserved());
    assert_eq!(desk.engine.position(quote.instrument).qty, Qty(-HELD));
    // The position limit is used up, to the lot.
    assert_eq!(desk.ask(0, b'1', 1).map(drop), Err(Reason::PositionLimit));
}

#[test]
fn the_money_of_a_part_is_that_of_its_quantity() {
    let mut desk = desk(1);
    let quote = desk.ask(0, b'1', 5_000).unwrap();
    let worth = i128::from(quote.offer_px.0 * HELD);
    let units = 10;
    for (most, expected) in [
        (worth * units, Ok(())),
        (worth * units - 1, Err(Reason::NotionalAboveMax)),
    ] {
        desk.put(InstrumentLimits {
            notional_max: Amount::new(most),
            ..Desk::limits()
        });
        assert_eq!(desk.ask(0, b'1', 5_000).map(drop), expected);
    }
}
