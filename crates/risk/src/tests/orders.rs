//! Orders to venues, at, below and above each bound.

use pinrail_types::record::TimeInForce;
use pinrail_types::{NewVenueOrder, StrategyId, VenueId};

use super::*;
use crate::orders::OrderMarket;
use crate::state::STRATEGIES_MAX;

const V: VenueId = VenueId(0);
const BASE: AssetId = AssetId(1);
const QUOTE: AssetId = AssetId(0);
/// Ten basis points.
const FEE_E8: i32 = 100_000;
const MARKET: OrderMarket = OrderMarket {
    tick_multiple: 2,
    lot_multiple: 5,
    ref_px: REF,
    mids: (REF, REF),
    own_px: Px::NONE,
};

fn order(side: Side, px: i64, qty: i64) -> NewVenueOrder {
    NewVenueOrder {
        strategy: StrategyId(0),
        venue: V,
        instrument: InstrumentId(0),
        side,
        px: Px(px),
        qty: Qty(qty),
        time_in_force: TimeInForce::GoodTillCancel,
    }
}

/// A desk with money at its one venue. A lot is a hundred-thousandth of a coin of a hundred million units.
fn funded() -> Risk {
    let mut risk = risk();
    risk.define_venue(V, FEE_E8).unwrap();
    for asset in [BASE, QUOTE] {
        risk.set_balance(V, asset, Amount::new(1 << 60), 0).unwrap();
    }
    risk
}

fn place(risk: &mut Risk, order: &NewVenueOrder, market: &OrderMarket) -> Result<(), Reason> {
    risk.admit_venue_order(order, 0)?;
    risk.check_venue_order(order, market.lot_multiple)?;
    risk.reserve_order(order, market, 0)
}

fn buy(risk: &mut Risk, px: i64, qty: i64) -> Result<(), Reason> {
    place(risk, &order(Side::Buy, px, qty), &MARKET)
}

fn sell(risk: &mut Risk, px: i64, qty: i64) -> Result<(), Reason> {
    place(risk, &order(Side::Sell, px, qty), &MARKET)
}

#[test]
fn an_orders_price_and_quantity_at_below_and_above_their_bounds() {
    let mut risk = funded();
    for (qty, outcome) in [
        (0, Err(Reason::QtyUnrepresentable)),
        (-5, Err(Reason::QtyUnrepresentable)),
        (Qty::ABS_MAX + 1, Err(Reason::QtyUnrepresentable)),
        (4, Err(Reason::QtyOffGrid)),
        (6, Err(Reason::QtyOffGrid)),
        // Below the least that a client may ask for: what is left of a hedge is little.
        (5, Ok(())),
        (1_005, Err(Reason::QtyAboveMax)),
    ] {
        assert_eq!(buy(&mut risk, 10_000, qty), outcome, "{qty}");
    }
    let mut risk = funded();
    for (px, outcome) in [
        (10_001, Err(Reason::PxOffGrid)),
        (9_798, Err(Reason::Collar)),
        (9_800, Ok(())),
        (10_200, Ok(())),
        (10_202, Err(Reason::Collar)),
        (-2, Err(Reason::PxUnrepresentable)),
        (Px::ABS_MAX + 2, Err(Reason::PxUnrepresentable)),
    ] {
        assert_eq!(buy(&mut risk, px, 5), outcome, "{px}");
        assert_eq!(sell(&mut risk, px, 5), outcome, "{px}");
    }
    let nowhere = OrderMarket {
        ref_px: Px::NONE,
        ..MARKET
    };
    let refused = place(&mut risk, &order(Side::Buy, 10_000, 5), &nowhere);
    assert_eq!(refused, Err(Reason::PxUnrepresentable));
    // 10,100 ticks times 500 lots is the most.
    assert_eq!(buy(&mut funded(), 10_100, 500), Ok(()));
    assert_eq!(buy(&mut funded(), 10_100, 505), Err(Reason::NotionalAboveMax));
    assert_eq!(buy(&mut funded(), 10_102, 500), Err(Reason::NotionalAboveMax));
}

#[test]
fn orders_and_quotes_count_together_against_the_position() {
    let mut risk = funded();
    for _ in 0..3 {
        buy(&mut risk, 10_000, 400).unwrap();
    }
    assert_eq!(buy(&mut risk, 10_000, 305), Err(Reason::PositionLimit));
    // A client that sells to the house.
    let quote = ask(Some(Side::Sell), 300);
    let credit = risk.reserve(&quote, &bid(9_990), 0).unwrap();
    assert_eq!(buy(&mut risk, 10_000, 5), Err(Reason::PositionLimit));
    let more = ask(Some(Side::Sell), 10);
    assert_eq!(risk.reserve(&more, &bid(9_990), 0), Err(Reason::PositionLimit));
    risk.release(&quote, Px(9_990), Px::NONE, credit);
    assert_eq!(buy(&mut risk, 10_000, 300), Ok(()));
    for _ in 0..3 {
        sell(&mut risk, 10_000, 500).unwrap();
    }
    assert_eq!(sell(&mut risk, 10_000, 5), Err(Reason::PositionLimit));
}

#[test]
fn an_order_counts_as_unexecuted_and_as_exposure() {
    for (kind, reason) in [
        (LimitKind::AssetUnexecuted, Reason::AssetUnexecuted),
        (LimitKind::GrossExposure, Reason::GrossExposure),
        (LimitKind::NetExposure, Reason::NetExposure),
    ] {
        for side in [Side::Buy, Side::Sell] {
            let mut risk = funded();
            risk.set_limit(&limit(kind, worth(100), 0), 0).unwrap();
            let most = order(side, 10_000, 95);
            place(&mut risk, &most, &MARKET).unwrap();
            assert_eq!(place(&mut risk, &order(side, 10_000, 10), &MARKET), Err(reason));
            place(&mut risk, &order(side, 10_000, 5), &MARKET).unwrap();
            assert_eq!(place(&mut risk, &order(side, 10_000, 5), &MARKET), Err(reason));
            risk.release_order(&most, Qty(95), Qty::ZERO);
            assert_eq!(place(&mut risk, &order(side, 10_000, 95), &MARKET), Ok(()));
        }
    }
}

/// Below, at and above: the notional and the fee on it, and the asset itself.
#[test]
fn venue_balance_at_below_and_above_its_bound() {
    let cost = worth(100) + worth(100) / 1_000;
    for (balance, outcome) in [
        (cost + 1, Ok(())),
        (cost, Ok(())),
        (cost - 1, Err(Reason::VenueBalance)),
    ] {
        let mut risk = funded();
        risk.set_balance(V, QUOTE, Amount::new(balance), 1).unwrap();
        assert_eq!(buy(&mut risk, 10_000, 100), outcome, "{balance}");
    }
    // A lot is a thousand units.
    for (balance, outcome) in [
        (100_001, Ok(())),
        (100_000, Ok(())),
        (99_999, Err(Reason::VenueBalance)),
    ] {
        let mut risk = funded();
        risk.set_balance(V, BASE, Amount::new(balance), 1).unwrap();
        assert_eq!(sell(&mut risk, 10_000, 100), outcome, "{balance}");
    }
}

#[test]
fn what_a_venue_did_not_say_is_not_there_and_orders_share_what_is() {
    let mut risk = risk();
    risk.define_venue(V, 0).unwrap();
    assert_eq!(buy(&mut risk, 10_000, 100), Err(Reason::VenueBalance));
    risk.set_balance(V, QUOTE, Amount::new(worth(250)), 0).unwrap();
    let first = order(Side::Buy, 10_000, 100);
    place(&mut risk, &first, &MARKET).unwrap();
    buy(&mut risk, 10_000, 100).unwrap();
    assert_eq!(buy(&mut risk, 10_000, 100), Err(Reason::VenueBalance));
    // Half of it is filled a little below, for a fee: what is saved is free again, what was spent is not.
    risk.release_order(&first, Qty(100), Qty(50));
    let fill = order(Side::Buy, 9_900, 50);
    risk.spend(&fill, (QUOTE, Amount::new(7)), 10);
    assert_eq!(buy(&mut risk, 10_000, 55), Err(Reason::VenueBalance));
    buy(&mut risk, 10_000, 50).unwrap();
    let is_old = risk.set_balance(V, QUOTE, Amount::new(worth(250)), 9);
    assert_eq!(is_old, Err(Reason::BalanceOutdated));
    assert_eq!(buy(&mut risk, 10_000, 5), Err(Reason::VenueBalance));
    risk.set_balance(V, QUOTE, Amount::new(worth(205)), 10).unwrap();
    buy(&mut risk, 10_000, 5).unwrap();
}

#[test]
fn an_order_that_could_trade_with_our_own_is_refused() {
    let mut risk = funded();
    let own_px = Px(10_000);
    let market = OrderMarket { own_px, ..MARKET };
    for (side, px, outcome) in [
        (Side::Buy, 9_998, Ok(())),
        (Side::Buy, 10_000, Err(Reason::SelfTrade)),
        (Side::Buy, 10_002, Err(Reason::SelfTrade)),
        (Side::Sell, 10_002, Ok(())),
        (Side::Sell, 10_000, Err(Reason::SelfTrade)),
        (Side::Sell, 9_998, Err(Reason::SelfTrade)),
    ] {
        let placed = place(&mut risk, &order(side, px, 5), &market);
        assert_eq!(placed, outcome, "{side:?} {px}");
    }
}

#[test]
fn venues_and_strategies_have_switches_of_their_own() {
    for (scope, halted, reducing) in [
        (Scope::Global, Reason::Halted, Reason::ReduceOnly),
        (Scope::Venue, Reason::VenueHalted, Reason::VenueReduceOnly),
        (
            Scope::Instrument,
            Reason::InstrumentHalted,
            Reason::InstrumentReduceOnly,
        ),
        (
            Scope::Strategy,
            Reason::StrategyHalted,
            Reason::StrategyReduceOnly,
        ),
    ] {
        let mut risk = funded();
        // The house is long 100.
        fill(&mut risk, Side::Sell, 100, 10_000, 0);
        let (more, less) = (order(Side::Buy, 10_000, 5), order(Side::Sell, 10_000, 60));
        assert!(!risk.forbids(&more) && !risk.forbids(&less));
        set(&mut risk, scope, TradingState::Reducing);
        assert_eq!(buy(&mut risk, 10_000, 5), Err(reducing), "{scope:?}");
        assert!(risk.forbids(&more) && !risk.forbids(&less));
        sell(&mut risk, 10_000, 60).unwrap();
        assert_eq!(sell(&mut risk, 10_000, 45), Err(reducing), "beyond zero");
        sell(&mut risk, 10_000, 40).unwrap();
        set(&mut risk, scope, TradingState::Halted);
        assert_eq!(sell(&mut risk, 10_000, 5), Err(halted), "{scope:?}");
        assert!(risk.forbids(&less));
    }
    let mut risk = funded();
    risk.states.set_machine(Reason::JournalShort);
    assert_eq!(buy(&mut risk, 10_000, 5), Err(Reason::JournalShort));
    let unknown = NewVenueOrder {
        strategy: StrategyId(STRATEGIES_MAX as u16),
        ..order(Side::Buy, 10_000, 5)
    };
    assert_eq!(place(&mut risk, &unknown, &MARKET), Err(Reason::UnknownStrategy));
}

#[test]
fn a_venue_that_the_engine_halted_is_turned_on_by_a_named_person() {
    let mut risk = funded();
    assert!(risk.halt_scope(Scope::Venue, u32::from(V.0), Reason::UnknownOrder));
    assert!(
        !risk.halt_scope(Scope::Venue, u32::from(V.0), Reason::OrderMismatch),
        "it is halted"
    );
    assert_eq!(buy(&mut risk, 10_000, 5), Err(Reason::UnknownOrder));
    let nobody = risk.set_state(Scope::Venue, 0, TradingState::Active, &Text::EMPTY);
    assert_eq!(nobody, Err(Reason::ActorMissing));
    set(&mut risk, Scope::Venue, TradingState::Active);
    assert_eq!(buy(&mut risk, 10_000, 5), Ok(()));
}

#[test]
fn a_venues_rate_at_below_and_above_its_bound() {
    let mut risk = funded();
    risk.set_limit(&limit(LimitKind::VenueRate, 2, 100), 0).unwrap();
    let small = order(Side::Buy, 10_000, 5);
    assert_eq!(risk.admit_venue_order(&small, 1_000), Ok(()));
    assert_eq!(risk.admit_venue_order(&small, 1_000), Ok(()));
    assert_eq!(risk.admit_venue_order(&small, 1_049), Err(Reason::VenueRate));
    assert_eq!(risk.admit_venue_order(&small, 1_050), Ok(()));
    // A cancel passes, and is one message.
    risk.count_cancel(V, 1_050);
    assert_eq!(risk.admit_venue_order(&small, 1_100), Err(Reason::VenueRate));
    assert_eq!(risk.admit_venue_order(&small, 1_150), Ok(()));
}

proptest::proptest! {
    /// Whatever is placed, filled in parts and ended, in any order: nothing stays reserved, and no limit is ever passed by
    /// what is open together.
    #[test]
    fn whatever_ends_is_released(ops in proptest::collection::vec((0_u8..6, 1_i64..60, 9_900_i64..10_100), 1..200)) {
        let mut risk = funded();
        let mut open: Vec<(NewVenueOrder, Qty)> = Vec::new();
        for (op, n, px) in ops {
            let side = if op % 2 == 0 { Side::Buy } else { Side::Sell };
            let new = order(side, px & !1, n * 5);
            if op < 4 {
                if place(&mut risk, &new, &MARKET).is_ok() {
                    open.push((new, new.qty));
                }
            } else if !open.is_empty() {
                let at = n as usize % open.len();
                let (held, before) = open[at];
                let left = if op == 4 { Qty(before.0 / 2) } else { Qty::ZERO };
                risk.release_order(&held, before, left);
                open[at].1 = left;
                open.retain(|(_, left)| left.0 > 0);
            }
            let of = |side: Side| -> i64 {
                open.iter().filter(|(held, _)| held.side == side).map(|(_, left)| left.0).sum()
            };
            proptest::prop_assert!(of(Side::Buy) <= 1_500 && of(Side::Sell) <= 1_500);
            proptest::prop_assert_eq!(risk.open_lots(InstrumentId(0)), (Qty(of(Side::Buy)), Qty(of(Side::Sell))));
        }
        for (held, left) in open {
            risk.release_order(&held, left, Qty::ZERO);
        }
        proptest::prop_assert!(risk.nothing_reserved());
    }
}
