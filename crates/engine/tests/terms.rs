//! Requests in cash, for a look only, and to be taken in part.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod subscribers;

use bytemuck::Zeroable;
use desk::{Desk, INSTRUMENT, answer, filled};
use pinrail_engine::Engine;
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{InstrumentLimits, LimitKind, LimitSet, QuoteRequest, QuoteType, QuotingParams};
use pinrail_types::{Amount, ClientId, Qty, Reason, Text};
use proptest::prelude::*;

/// Smallest units of the quote asset in a tick of a lot.
const UNIT: i128 = 10;

fn cash(desk: &mut Desk, side: u8, units: i128) -> QuoteRequest {
    let mut request = desk.request(0, side, 0);
    request.cash = Amount::new(units);
    request
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// It is never worth more than the cash, and with one step more it would be, but for what the price of more differs.
    #[test]
    fn cash_is_not_exceeded_and_nearly_used(
        units in 100_000_i128..150_000_000,
        sells in any::<bool>(),
        step in 1_i64..40,
        impact_e8 in prop_oneof![Just(0), 0_i64..1_000],
    ) {
        let mut desk = Desk::deep();
        desk.put(InstrumentLimits { qty_lots_step: Qty(step), ..Desk::limits() });
        desk.put(QuotingParams { impact_e8, ..subscribers::params(0, 0) });
        let side = if sells { b'2' } else { b'1' };
        let request = cash(&mut desk, side, units);
        match answer(&desk.put(request)) {
            Ok(quote) => {
                let px = if sells { quote.bid_px } else { quote.offer_px };
                let worth = |lots: i64| i128::from(px.0) * i128::from(lots) * UNIT;
                prop_assert!(worth(quote.qty.0) <= units);
                prop_assert_eq!(quote.qty.0 % step, 0);
                // What impact and depth make of the difference of the two prices that were made.
                prop_assert!(worth(quote.qty.0 + step) > units - units / 25, "{} of {units}", worth(quote.qty.0));
                prop_assert!(filled(&desk.put(Desk::order(&quote, side))).is_ok());
            }
            Err(reason) => {
                let is_small = units < i128::from(step + 1) * 11_000 * UNIT;
                prop_assert!(is_small && reason == Reason::CashUnquotable || reason == Reason::InsufficientDepth, "{reason}");
            }
        }
        prop_assert!(desk.engine.nothing_reserved());
    }
}

#[test]
fn cash_that_pays_for_nothing_or_is_asked_for_otherwise_is_refused() {
    let mut desk = Desk::active();
    let refused = |desk: &mut Desk, spoil: fn(&mut QuoteRequest)| {
        let mut request = cash(desk, b'1', 10_000_000);
        spoil(&mut request);
        answer(&desk.put(request)).unwrap_err()
    };
    assert_eq!(
        refused(&mut desk, |request| request.cash = Amount::new(100)),
        Reason::CashUnquotable
    );
    // A hedge of one lot is paid for, and the spread is not.
    assert_eq!(
        refused(&mut desk, |request| request.cash = Amount::new(10_012 * UNIT)),
        Reason::CashUnquotable
    );
    assert_eq!(refused(&mut desk, |request| request.side = 0), Reason::BadSide);
    assert_eq!(
        refused(&mut desk, |request| request.qty = Qty(1)),
        Reason::BadField
    );
    assert_eq!(
        refused(&mut desk, |request| request.subscription = b'1'),
        Reason::BadField
    );
    assert_eq!(
        refused(&mut desk, |request| request.cash = Amount::new(-1)),
        Reason::BadField
    );
    assert_eq!(
        refused(&mut desk, |request| request.cash = Amount::new(1 << 100)),
        Reason::InsufficientDepth
    );
    assert_eq!(
        refused(&mut desk, |request| request.cash = Amount::new(i128::MAX)),
        Reason::Overflow
    );
    assert_eq!(
        refused(&mut desk, |request| request.client = ClientId(2)),
        Reason::UnknownClient
    );
    desk.put(InstrumentLimits {
        qty_lots_max: Qty(5),
        ..Desk::limits()
    });
    assert_eq!(refused(&mut desk, |_| {}), Reason::QtyAboveMax);
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn an_indicative_quote_reserves_nothing_and_cannot_be_taken() {
    let mut desk = Desk::active();
    let mut request = desk.request(0, b'1', 100);
    request.quote_type = QuoteType::Indicative.byte();
    let out = desk.put(request);
    let quote = answer(&out).unwrap();
    assert_eq!(quote.quote_type, QuoteType::Indicative.byte());
    assert!(desk.engine.nothing_reserved());
    let words = desk.engine.save();
    let bounds = *desk.engine.bounds();
    desk.engine = Engine::load(bounds, SweepPricer::new(bounds.instruments), &words).unwrap();
    let taken = desk.put(Desk::order(&quote, b'1'));
    assert_eq!(filled(&taken).map(drop), Err(Reason::QuoteIndicative));
    desk.put(Desk::pass(&quote));
    assert!(desk.engine.nothing_reserved());
    let mut request = desk.request(0, b'1', 100);
    request.quote_type = QuoteType::Tradeable.byte();
    let quote = answer(&desk.put(request)).unwrap();
    assert!(filled(&desk.put(Desk::order(&quote, b'1'))).is_ok());
    let mut request = desk.request(0, b'1', 100);
    request.quote_type = 9;
    assert_eq!(answer(&desk.put(request)).unwrap_err(), Reason::BadField);
}

#[test]
fn an_indicative_stream_holds_nothing_either() {
    let mut desk = Desk::active();
    desk.put(subscribers::params(0, 0));
    let mut request = desk.request(0, b'1', 100);
    request.quote_type = QuoteType::Indicative.byte();
    request.subscription = b'1';
    answer(&desk.put(request)).unwrap();
    desk.snapshot(pinrail_types::VenueId(0), &[(9_990, 500)], &[(10_000, 500)]);
    subscribers::drained(&mut desk);
    assert_eq!(desk.engine.open_quotes(), 1);
    assert!(desk.engine.nothing_reserved());
    desk.put(subscribers::unsubscribe(&request));
    assert_eq!(desk.engine.open_quotes(), 0);
}

#[test]
fn a_quote_is_taken_in_part_once_if_its_client_asked_so() {
    for (qty, expected) in [
        (29, Err(Reason::QuoteMismatch)),
        (101, Err(Reason::QuoteMismatch)),
        (30, Ok(())),
        (99, Ok(())),
        (100, Ok(())),
    ] {
        let mut desk = Desk::active();
        let mut request = desk.request(0, b'1', 100);
        request.min_qty = Qty(30);
        let quote = answer(&desk.put(request)).unwrap();
        assert_eq!((quote.min_qty, quote.qty), (Qty(30), Qty(100)));
        let mut order = Desk::order(&quote, b'1');
        order.qty = Qty(qty);
        let out = desk.put(order);
        assert_eq!(filled(&out).map(drop), expected, "{qty}");
        if expected.is_ok() {
            assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(-qty));
            assert!(desk.engine.nothing_reserved(), "the rest, too");
            let mut rest = Desk::order(&quote, b'1');
            rest.qty = Qty(30);
            assert_eq!(filled(&desk.put(rest)).map(drop), Err(Reason::QuoteFilled));
        }
    }
}

#[test]
fn a_part_is_held_to_the_least_that_the_limits_allow() {
    let mut desk = Desk::active();
    desk.put(InstrumentLimits {
        qty_lots_min: Qty(20),
        qty_lots_step: Qty(10),
        ..Desk::limits()
    });
    let mut request = desk.request(0, b'1', 100);
    request.min_qty = Qty(1);
    let quote = answer(&desk.put(request)).unwrap();
    let part = |desk: &mut Desk, qty| {
        let mut order = Desk::order(&quote, b'1');
        order.qty = Qty(qty);
        filled(&desk.put(order)).map(drop)
    };
    assert_eq!(part(&mut desk, 25), Err(Reason::QtyOffGrid));
    assert_eq!(part(&mut desk, 10), Err(Reason::QtyBelowMin));
    desk.put(LimitSet {
        kind: LimitKind::NotionalMin.byte(),
        value: Amount::new(10_000 * 50 * UNIT),
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
    assert_eq!(part(&mut desk, 20), Err(Reason::NotionalBelowMin));
    assert_eq!(part(&mut desk, 60), Ok(()));
}

#[test]
fn less_than_the_request_wants_at_least_is_not_quoted() {
    let mut desk = Desk::active();
    desk.put(QuotingParams {
        hedgeable_lots_min: Qty(1),
        ..subscribers::params(0, 0)
    });
    // Both venues hold two thousand a side.
    for (min_qty, expected) in [(1_500, Ok(())), (2_500, Err(Reason::QuotedBelowMin))] {
        let mut request = desk.request(0, b'1', 5_000);
        request.min_qty = Qty(min_qty);
        assert_eq!(answer(&desk.put(request)).map(drop), expected);
    }
    let mut request = desk.request(0, b'1', 100);
    request.min_qty = Qty(101);
    assert_eq!(answer(&desk.put(request)).unwrap_err(), Reason::QuotedBelowMin);
    let mut request = desk.request(0, b'1', 100);
    request.min_qty = Qty(-1);
    assert_eq!(answer(&desk.put(request)).unwrap_err(), Reason::BadField);
}
