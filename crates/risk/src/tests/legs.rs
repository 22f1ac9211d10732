//! Packages: all of their legs are reserved or none, and together they break no limit.

use pinrail_types::state::Save;
use proptest::prelude::*;

use super::*;

const LEGS: usize = 4;

/// Four instruments, those beside the first with limits of their own.
fn desk() -> Risk {
    let mut risk = Risk::new(&RiskBounds {
        venues: 1,
        instruments: LEGS,
        clients: 2,
        assets: 2,
    });
    set(&mut risk, Scope::Global, TradingState::Active);
    for id in 0..LEGS as u32 {
        risk.define(&meta(id)).unwrap();
        let def = InstrumentLimits {
            instrument: InstrumentId(id),
            ..limits()
        };
        risk.set_limits(&def).unwrap();
    }
    risk.set_client(&ClientDef {
        credit_max: Amount::new(worth(2_500)),
        ..bytemuck::Zeroable::zeroed()
    })
    .unwrap();
    risk
}

fn words(risk: &mut Risk) -> Vec<u64> {
    let mut save = Save::default();
    risk.visit(&mut save).unwrap();
    save.words
}

fn leg(instrument: usize, side: Option<Side>, qty: i64, off: i64) -> (Ask, Quoted) {
    let ask = Ask {
        instrument: InstrumentId(instrument as u32),
        ..ask(side, qty)
    };
    let quoted = match side {
        Some(Side::Buy) => offer(10_000 + off),
        Some(Side::Sell) => bid(10_000 - off),
        None => Quoted {
            bid_px: Px(10_000 - off),
            ..offer(10_000 + off)
        },
    };
    (ask, quoted)
}

fn any_leg() -> impl Strategy<Value = (Option<Side>, i64, i64)> {
    let side = prop_oneof![Just(None), Just(Some(Side::Buy)), Just(Some(Side::Sell))];
    (side, 2_i64..130, prop_oneof![9 => 0_i64..100, 1 => 100_i64..120])
        .prop_map(|(side, qty, off)| (side, qty * 5, off * 2))
}

proptest! {
    #[test]
    fn a_package_reserves_what_its_legs_do_one_by_one_or_nothing(
        packages in prop::collection::vec((prop::collection::vec(any_leg(), 2..=LEGS), any::<bool>()), 1..12),
        gross in 1_000_i128..8_000,
        unexecuted in 500_i128..4_000,
    ) {
        let mut risk = desk();
        risk.set_limit(&limit(LimitKind::GrossExposure, worth(gross), 0), 0).unwrap();
        risk.set_limit(&limit(LimitKind::AssetUnexecuted, worth(unexecuted), 0), 0).unwrap();
        // Marks are set by the first look and stay, so that what follows shows what is reserved alone.
        for at in 0..LEGS {
            risk.show(InstrumentId(at as u32), REF, 0);
        }
        let mut twin = risk.clone();
        let mut open = Vec::new();
        for (legs, ends) in packages {
            let legs: Vec<_> = legs.iter().enumerate()
                .map(|(at, (side, qty, off))| leg(at, *side, *qty, *off)).collect();
            let before = words(&mut risk);
            let mut held = [Amount::ZERO; LEGS];
            let outcome = risk.reserve_legs(&legs, &mut held, 0);
            let mut one_by_one = twin.clone();
            let expected = legs.iter().enumerate().try_for_each(|(at, (ask, quoted))| {
                one_by_one.reserve(ask, quoted, 0).map(|_| ()).map_err(|reason| (at, reason))
            });
            prop_assert_eq!(outcome, expected);
            if outcome.is_err() {
                prop_assert_eq!(words(&mut risk), before, "a leg that was refused left something behind");
                continue;
            }
            twin = one_by_one;
            prop_assert_eq!(words(&mut risk), words(&mut twin));
            open.push((legs, held));
            if ends {
                for (legs, held) in open.drain(..) {
                    for ((ask, quoted), credit) in legs.iter().zip(held) {
                        risk.release(ask, quoted.bid_px, quoted.offer_px, credit);
                        twin.release(ask, quoted.bid_px, quoted.offer_px, credit);
                    }
                }
                prop_assert!(risk.nothing_reserved());
            }
        }
    }
}

#[test]
fn the_sum_of_legs_meets_the_credit_though_each_of_them_would() {
    let mut risk = desk();
    let legs = [0, 1, 2].map(|at| leg(at, Some(Side::Buy), 500, 0));
    let mut held = [Amount::ZERO; 3];
    assert_eq!(risk.reserve_legs(&legs, &mut held, 0), Ok(()));
    assert_eq!(risk.held(ClientId(0)).get(), worth(1_500));
    let reserved = words(&mut risk);
    assert_eq!(
        risk.reserve_legs(&legs, &mut held, 0),
        Err((2, Reason::CreditLimit))
    );
    assert_eq!(words(&mut risk), reserved);
}

#[test]
fn a_reference_that_halts_one_leg_refuses_the_package_before_any_is_reserved() {
    let mut risk = desk();
    risk.set_limit(
        &LimitSet {
            target: 1,
            state: TradingState::Halted.byte(),
            ..limit(LimitKind::Loss, 10, 0)
        },
        0,
    )
    .unwrap();
    for at in 0..2 {
        risk.show(InstrumentId(at), REF, 0);
    }
    let (bought, _) = leg(1, Some(Side::Sell), 100, 0);
    risk.filled(&bought, Qty(100), -worth(100), 0);
    let fallen = |at| {
        let (ask, quoted) = leg(at, Some(Side::Buy), 10, 0);
        let ref_px = if at == 1 { Px(9_990) } else { REF };
        (ask, Quoted { ref_px, ..quoted })
    };
    let later = 1 << 40;
    let outcome = risk.reserve_legs(&[fallen(0), fallen(1)], &mut [Amount::ZERO; 2], later);
    assert_eq!(outcome, Err((1, Reason::LossLimit)));
    assert!(risk.nothing_reserved());
    assert_eq!(risk.latched().map(|latch| latch.reason), Some(Reason::LossLimit));
}

#[test]
fn legs_that_would_not_all_be_remembered_are_refused() {
    let mut risk = desk();
    risk.set_limit(&limit(LimitKind::DuplicateWindow, 0, 1_000), 0)
        .unwrap();
    let asks = |qty| [0, 1].map(|at| leg(at, Some(Side::Buy), qty, 0).0);
    for qty in 2..200 {
        let asks = asks(qty * 5);
        // What stands in the sets of both legs already.
        if risk.check_fills(&asks, 1).is_err() {
            continue;
        }
        let legs = asks.map(|ask| (ask, Qty(0), 0));
        risk.filled_legs(&legs, 1);
        while risk.latched().is_some() {}
        for ask in asks {
            assert_eq!(risk.check_fill(&ask, 2), Err(Reason::DuplicateOrder), "{qty}");
        }
    }
    let one = asks(10)[0];
    let mut full = desk();
    full.set_limit(&limit(LimitKind::DuplicateWindow, 0, 1_000), 0)
        .unwrap();
    // The same ask a second time in one package is in its set for sure.
    let filled = (11..100_000).map(|n| Ask { qty: Qty(n), ..one });
    for ask in filled {
        if full.check_fill(&ask, 1).is_err() {
            continue;
        }
        assert_eq!(full.check_fill(&one, 1), Ok(()));
        if full.check_fills(&[ask, one], 1) == Err((1, Reason::DuplicatesFull)) {
            return;
        }
        full.filled(&ask, Qty(0), 0, 1);
    }
    panic!("no set was ever full");
}
