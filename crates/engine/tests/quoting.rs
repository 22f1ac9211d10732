//! How parameters, the market's past and the position come into a quote, and what the quote's basis tells of it.

mod desk;

use bytemuck::Zeroable;
use desk::{Desk, INSTRUMENT, only};
use pinrail_book::Estimates;
use pinrail_types::record::{
    InputReject, InventoryRule, ModelInput, Quote, QuoteBasis, QuotingParams, Scope, TradingState,
};
use pinrail_types::{E8, Flags, InstrumentId, Px, Qty, Reason, VenueId};

fn params() -> QuotingParams {
    QuotingParams {
        impact_qty: Qty(100),
        skew_position: Qty(100),
        volatility_tau_ns: Estimates::TAU_NS,
        ..Zeroable::zeroed()
    }
}

fn quoted(desk: &mut Desk, qty: i64) -> (Quote, QuoteBasis) {
    let request = desk.request(0, 0, qty);
    let out = desk.put(request);
    (only(&out), only(&out))
}

#[test]
fn a_basis_follows_its_quote_and_says_what_it_rests_on() {
    let mut desk = Desk::halted();
    desk.now = Estimates::SAMPLE_NS;
    desk.set_state(Scope::Global, 0, TradingState::Active);
    desk.books();
    let (quote, basis) = quoted(&mut desk, 600);
    assert_eq!(basis.header.seq, quote.header.seq + 1);
    assert_eq!((basis.quote_id, basis.instrument), (quote.quote_id, INSTRUMENT));
    assert_eq!((basis.venue_mask, quote.venues), (0b11, 2));
    assert_eq!(
        (basis.update_id_0, basis.update_id_1, basis.update_id_2),
        (1, 1, 0)
    );
    assert_eq!(
        (basis.position, basis.open_buy_qty, basis.open_sell_qty),
        (Qty(0), Qty(600), Qty(600))
    );
    assert_eq!(
        (
            basis.widening_e8,
            basis.impact_e8,
            basis.skew_e8,
            basis.edge_min_e8
        ),
        (0, 0, 0, 0)
    );
    // Twenty ticks of ten thousand, and one sample is no return.
    assert_eq!((basis.spread_e8, basis.volatility_e8), (200_000, 0));
    let (_, second) = quoted(&mut desk, 50);
    assert_eq!((second.open_buy_qty, second.venue_mask), (Qty(650), 0b01));
}

#[test]
fn parameters_count_from_the_next_request_on_and_may_change_at_any_time() {
    let mut desk = Desk::active();
    let (before, _) = quoted(&mut desk, 100);
    desk.put(QuotingParams {
        impact_e8: E8 / 100,
        ..params()
    });
    let (after, basis) = quoted(&mut desk, 100);
    assert_eq!(basis.impact_e8, E8 / 100);
    // One per cent of 10,010 more, and of 9,990 less.
    assert_eq!(after.offer_px.0 - before.offer_px.0, 100);
    assert_eq!(before.bid_px.0 - after.bid_px.0, 100);
    desk.put(params());
    let (again, _) = quoted(&mut desk, 100);
    assert_eq!((again.bid_px, again.offer_px), (before.bid_px, before.offer_px));
}

#[test]
fn a_position_moves_prices_away_from_it() {
    let mut desk = Desk::active();
    desk.put(QuotingParams {
        skew_e8: E8 / 100,
        ..params()
    });
    let (flat, _) = quoted(&mut desk, 100);
    // The client buys, so the house is short and asks for more.
    let out = desk.put(Desk::order(&flat, b'1'));
    assert_eq!(desk::filled(&out).unwrap().last_qty, Qty(100));
    let (short, basis) = quoted(&mut desk, 100);
    assert_eq!((basis.position, basis.skew_e8), (Qty(-100), -E8 / 100));
    assert!(short.offer_px.0 - flat.offer_px.0 >= 100 && short.bid_px > flat.bid_px);
    // Not above what the hedge fetches, though: the least edge is none here.
    assert!(short.bid_px <= short.hedge_bid_px);
}

#[test]
fn a_market_that_moves_widens_quotes_and_standing_still_does_not() {
    let mut desk = Desk::active();
    desk.put(QuotingParams {
        volatility_mult_e8: 10 * E8,
        hold_ns: 1_000_000_000,
        ..params()
    });
    let snapshot = |desk: &mut Desk, mid: i64| {
        for venue in [VenueId(0), VenueId(1)] {
            desk.book(
                venue,
                &[(mid - 10, 500), (mid - 20, 500)],
                &[(mid + 10, 500), (mid + 20, 500)],
                Flags::FIRST.with(Flags::LAST).with(Flags::SNAPSHOT),
            );
        }
    };
    for _ in 0..20 {
        desk.now += Estimates::SAMPLE_NS;
        snapshot(&mut desk, 10_000);
    }
    let (calm, basis) = quoted(&mut desk, 100);
    assert_eq!((basis.volatility_e8, basis.widening_e8), (0, 0));
    for n in 0..20 {
        desk.now += Estimates::SAMPLE_NS;
        snapshot(&mut desk, 10_000 + n % 2 * 20);
    }
    desk.now += Estimates::SAMPLE_NS;
    snapshot(&mut desk, 10_000);
    let (lively, basis) = quoted(&mut desk, 100);
    assert!(basis.volatility_e8 > 0 && basis.widening_e8 > 9 * basis.volatility_e8);
    assert!(lively.offer_px > calm.offer_px && lively.bid_px < calm.bid_px);
    // Between two samples nothing is estimated.
    snapshot(&mut desk, 9_000);
    assert_eq!(quoted(&mut desk, 100).1.volatility_e8, basis.volatility_e8);
}

fn refused<R: pinrail_types::Record>(desk: &mut Desk, input: R) -> Option<Reason> {
    let reject: InputReject = only(&desk.put(input));
    Reason::from_code(reject.reason)
}

#[test]
fn bad_parameters_and_values_of_unknown_models_are_refused() {
    let mut desk = Desk::active();
    let (before, _) = quoted(&mut desk, 100);
    let unknown = InstrumentId(1);
    for (params, reason) in [
        (
            QuotingParams {
                edge_min_e8: -1,
                ..params()
            },
            Reason::BadField,
        ),
        (
            QuotingParams {
                volatility_tau_ns: 0,
                ..params()
            },
            Reason::BadField,
        ),
        (
            QuotingParams {
                volatility_tau_ns: Estimates::TAU_NS_MAX + 1,
                ..params()
            },
            Reason::BadField,
        ),
        (
            QuotingParams {
                inventory_rule: InventoryRule::Reservation.byte() + 1,
                ..params()
            },
            Reason::BadField,
        ),
        (
            QuotingParams {
                instrument: unknown,
                ..params()
            },
            Reason::UnknownInstrument,
        ),
    ] {
        assert_eq!(refused(&mut desk, params), Some(reason), "{params:?}");
    }
    let input = ModelInput {
        value_0: 1,
        ..Zeroable::zeroed()
    };
    assert_eq!(refused(&mut desk, input), Some(Reason::UnknownModelInput));
    let input = ModelInput {
        instrument: unknown,
        ..input
    };
    assert_eq!(refused(&mut desk, input), Some(Reason::UnknownInstrument));
    let (after, _) = quoted(&mut desk, 100);
    assert_eq!((after.bid_px, after.offer_px), (before.bid_px, before.offer_px));
    assert_ne!(after.bid_px, Px::NONE);
}
