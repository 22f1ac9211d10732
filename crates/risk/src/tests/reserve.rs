//! Checks at, below and above their bounds, and reservations against a recount.

use proptest::prelude::*;

use super::*;

fn check_qty(qty: i64) -> Result<(), Reason> {
    risk().check_ask(&ask(Some(Side::Buy), qty)).map(|_| ())
}

fn check_offer(px: i64, qty: i64) -> Result<(), Reason> {
    risk()
        .reserve(&ask(Some(Side::Buy), qty), &offer(px), 0)
        .map(|_| ())
}

#[test]
fn quantity_at_below_and_above_its_bounds() {
    assert_eq!(check_qty(0), Err(Reason::QtyUnrepresentable));
    assert_eq!(check_qty(-5), Err(Reason::QtyUnrepresentable));
    assert_eq!(check_qty(Qty::ABS_MAX + 1), Err(Reason::QtyUnrepresentable));
    assert_eq!(check_qty(12), Err(Reason::QtyOffGrid));
    assert_eq!(check_qty(5), Err(Reason::QtyBelowMin));
    assert_eq!(check_qty(10), Ok(()));
    assert_eq!(check_qty(1_000), Ok(()));
    assert_eq!(check_qty(1_005), Err(Reason::QtyAboveMax));
}

#[test]
fn price_at_below_and_above_its_bounds() {
    assert_eq!(check_offer(Px::ABS_MAX + 2, 10), Err(Reason::PxUnrepresentable));
    assert_eq!(check_offer(10_001, 10), Err(Reason::PxOffGrid));
    assert_eq!(check_offer(10_200, 10), Ok(()));
    assert_eq!(check_offer(10_202, 10), Err(Reason::Collar));
    assert_eq!(check_offer(9_800, 10), Ok(()));
    assert_eq!(check_offer(9_798, 10), Err(Reason::Collar));
}

#[test]
fn notional_at_and_above_its_bound() {
    assert_eq!(check_offer(10_100, 500), Ok(()));
    assert_eq!(check_offer(10_102, 500), Err(Reason::NotionalAboveMax));
}

#[test]
fn open_quotes_count_against_the_position_on_their_side() {
    let mut risk = risk();
    let reserve = |risk: &mut Risk, quoted: &Quoted, position| {
        risk.instruments[0].position = position;
        risk.reserve(&ask(None, 500), quoted, 0)
    };
    assert!(reserve(&mut risk, &offer(10_000), -1_000).is_ok());
    assert_eq!(
        reserve(&mut risk, &offer(10_000), -1_000),
        Err(Reason::PositionLimit)
    );
    assert!(
        reserve(&mut risk, &bid(10_000), -1_000).is_ok(),
        "the other side is free"
    );
    assert_eq!(reserve(&mut risk, &bid(10_000), 501), Err(Reason::PositionLimit));
}

#[test]
fn credit_counts_reserved_and_used() {
    let mut risk = risk();
    let take = |risk: &mut Risk| risk.reserve(&ask(None, 500), &offer(10_000), 0);
    let held = take(&mut risk).unwrap();
    risk.release(&ask(None, 500), Px::NONE, Px(10_000), held);
    risk.use_credit(ClientId(0), held);
    assert!(take(&mut risk).is_ok());
    assert_eq!(take(&mut risk), Err(Reason::CreditLimit));
    assert!(!risk.nothing_reserved());
}

#[test]
fn unknown_and_unconfigured_things_are_refused() {
    let mut risk = risk();
    let mut unknown = ask(None, 10);
    unknown.client = ClientId(7);
    assert_eq!(risk.check_ask(&unknown), Err(Reason::UnknownClient));
    unknown.client = ClientId(1);
    assert_eq!(
        risk.check_ask(&unknown),
        Err(Reason::UnknownClient),
        "never defined"
    );
    unknown.instrument = InstrumentId(7);
    assert_eq!(risk.check_ask(&unknown), Err(Reason::UnknownInstrument));
    risk.instruments[0].has_limits = false;
    assert_eq!(risk.check_ask(&ask(None, 10)), Err(Reason::LimitsMissing));
}

#[test]
fn credit_in_another_asset_is_refused() {
    let mut risk = risk();
    risk.clients[0].credit_asset = AssetId(1);
    let refused = risk.reserve(&ask(None, 10), &offer(10_000), 0);
    assert_eq!(refused, Err(Reason::CreditAsset));
}

#[test]
fn reducing_allows_only_what_brings_the_position_towards_zero() {
    let mut risk = risk();
    set(&mut risk, Scope::Global, TradingState::Reducing);
    let check = |risk: &mut Risk, side, position| {
        risk.instruments[0].position = position;
        risk.check_ask(&ask(side, 100)).map(|_| ())
    };
    assert_eq!(check(&mut risk, Some(Side::Buy), 100), Ok(()));
    assert_eq!(check(&mut risk, Some(Side::Buy), 99), Err(Reason::ReduceOnly));
    assert_eq!(check(&mut risk, Some(Side::Sell), -100), Ok(()));
    assert_eq!(check(&mut risk, Some(Side::Sell), 100), Err(Reason::ReduceOnly));
    assert_eq!(check(&mut risk, None, 100), Err(Reason::ReduceOnly));
    risk.instruments[0].open_sell = 50;
    assert_eq!(
        check(&mut risk, Some(Side::Buy), 149),
        Err(Reason::ReduceOnly),
        "open quotes count"
    );
    assert_eq!(check(&mut risk, Some(Side::Buy), 150), Ok(()));
}

#[test]
fn a_fill_needs_the_states_too() {
    let mut risk = risk();
    let check = |risk: &mut Risk, side, position| {
        risk.instruments[0].position = position;
        risk.check_fill(&ask(Some(side), 100), 0)
    };
    assert_eq!(check(&mut risk, Side::Buy, 0), Ok(()));
    set(&mut risk, Scope::Client, TradingState::Reducing);
    assert_eq!(check(&mut risk, Side::Buy, 100), Ok(()));
    assert_eq!(check(&mut risk, Side::Buy, 99), Err(Reason::ClientReduceOnly));
    assert_eq!(check(&mut risk, Side::Sell, -100), Ok(()));
    assert_eq!(check(&mut risk, Side::Sell, 100), Err(Reason::ClientReduceOnly));
    set(&mut risk, Scope::Instrument, TradingState::Halted);
    assert_eq!(check(&mut risk, Side::Buy, 100), Err(Reason::InstrumentHalted));
}

#[test]
fn insane_limits_are_refused() {
    let mut risk = risk();
    for spoil in [
        (|l| l.qty_lots_min = Qty(0)) as fn(&mut InstrumentLimits),
        |l| l.qty_lots_max = Qty(9),
        |l| l.qty_lots_step = Qty(0),
        |l| l.px_ticks_step = 0,
        |l| l.notional_max = Amount::new(-1),
        |l| l.position_lots_max = Qty(-1),
        |l| l.collar_e8 = E8 + 1,
        |l| l.quote_ttl_ns = 0,
    ] {
        let mut spoilt = limits();
        spoil(&mut spoilt);
        assert_eq!(risk.set_limits(&spoilt), Err(Reason::BadField), "{spoilt:?}");
    }
}

#[derive(Clone, Copy, Debug)]
struct Held {
    ask: Ask,
    quoted: Quoted,
    credit: Amount,
}

proptest! {
    /// The fast state against one that is recomputed from all open quotes at each step.
    #[test]
    fn reservations_agree_with_a_recount(
        ops in prop::collection::vec((0_u8..3, 2_i64..200, 4_920_i64..5_100, 0_usize..64), 1..200),
    ) {
        let mut risk = risk();
        let mut open: Vec<Held> = Vec::new();
        let mut used = 0;
        for (op, lots, half_px, pick) in ops {
            let ask = ask(None, lots * 5);
            let quoted = match pick % 3 {
                0 => offer(half_px * 2),
                1 => bid(half_px * 2),
                _ => Quoted { bid_px: Px(half_px * 2 - 20), offer_px: Px(half_px * 2), ref_px: REF, mids: (REF, REF) },
            };
            if op == 0 && !open.is_empty() {
                let held = open.swap_remove(pick % open.len());
                risk.release(&held.ask, held.quoted.bid_px, held.quoted.offer_px, held.credit);
                if pick % 4 == 0 {
                    risk.use_credit(ClientId(0), held.credit);
                    used += held.credit.get();
                }
            } else {
                let lots = |px: fn(&Held) -> Px| {
                    open.iter().filter(|h| px(h) != Px::NONE).map(|h| h.ask.qty.0).sum::<i64>()
                };
                let buy = lots(|h| h.quoted.bid_px) + if quoted.bid_px == Px::NONE { 0 } else { ask.qty.0 };
                let sell = lots(|h| h.quoted.offer_px) + if quoted.offer_px == Px::NONE { 0 } else { ask.qty.0 };
                let reserved: i128 = open.iter().map(|h| h.credit.get()).sum();
                let dearer = quoted.bid_px.max(quoted.offer_px).0;
                let notional = i128::from(dearer) * i128::from(ask.qty.0) * 10;
                let fits = (buy <= 1_500 || quoted.bid_px == Px::NONE)
                    && (sell <= 1_500 || quoted.offer_px == Px::NONE)
                    && notional <= 10 * 10_100 * 500
                    && reserved + used + notional <= 10 * 10_000 * 1_000;
                let got = risk.reserve(&ask, &quoted, 0);
                prop_assert_eq!(got.is_ok(), fits, "{:?}", got);
                if let Ok(credit) = got {
                    open.push(Held { ask, quoted, credit });
                }
            }
        }
        for held in open {
            risk.release(&held.ask, held.quoted.bid_px, held.quoted.offer_px, held.credit);
        }
        prop_assert!(risk.nothing_reserved());
    }
}
