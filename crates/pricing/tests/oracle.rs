//! The default model against exact fractions and brute force, over random markets. `PINRAIL_ORACLE_CASES` says how many
//! requests; the recordings' books are gone through by `tests/oracle` of the workspace.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "nothing but tests")]

mod exact;

use bytemuck::Zeroable;
use exact::draws::Draws;
use exact::{Model, Venue};
use pinrail_book::{Book, Consolidated, Estimates, Source, Top};
use pinrail_pricing::{PriceRequest, Pricer, SweepPricer};
use pinrail_types::record::{AssetDef, BookLevel, BookUpdate, InstrumentDef, SequenceRule, TierSpread};
use pinrail_types::{E8, Flags, Instrument, Px, Qty, Reason, Side};

/// Levels a side that one update carries, both sides together.
const LEVELS: usize = 5;

fn levels(draws: &mut Draws, best: i64, away: i64) -> Vec<(i64, i64)> {
    let mut px = best;
    let mut next = || {
        let level = (px, draws.up_to(1_000_000));
        px += away * (1 + draws.below(30));
        level
    };
    (0..LEVELS).map(|_| next()).filter(|(px, _)| *px > 0).collect()
}

fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Book {
    let mut update = BookUpdate {
        ts_recv: 100,
        bids: bids.len() as u8,
        asks: asks.len() as u8,
        ..Zeroable::zeroed()
    };
    for (level, (px, qty)) in update.levels.iter_mut().zip(bids.iter().chain(asks)) {
        *level = BookLevel {
            px: Px(*px),
            qty: Qty(*qty),
        };
    }
    let flags = Flags::FIRST.with(Flags::LAST).with(Flags::SNAPSHOT);
    update.header.commit = update.commit_for(flags).pack();
    let mut book = Book::new(SequenceRule::Plain, 64);
    book.apply(&update);
    book
}

/// Some venues: bids, asks, and how a pricer sees them.
fn market(draws: &mut Draws) -> (Vec<Venue>, Vec<Venue>, Consolidated) {
    let mid = 100 + draws.up_to(1 << 40);
    let (mut bids, mut asks, mut venues) = (Vec::new(), Vec::new(), Consolidated::new());
    for _ in 0..=draws.below(8) {
        let taker_fee_e8 = (draws.below(200_000) - 20_000) as i32;
        let lot = if draws.below(2) == 0 {
            1
        } else {
            draws.up_to(10_000)
        };
        let (bid, ask) = (mid - draws.below(40), mid + 1 + draws.below(40));
        let bid_levels = levels(draws, bid, -1);
        let ask_levels = levels(draws, ask, 1);
        venues.add(Source {
            book: book(&bid_levels, &ask_levels),
            taker_fee_e8,
            stale_ns_max: 1_000,
            halted: false,
            lot: Qty(lot),
        });
        bids.push(Venue {
            levels: bid_levels,
            taker_fee_e8,
            lot,
        });
        asks.push(Venue {
            levels: ask_levels,
            taker_fee_e8,
            lot,
        });
    }
    (bids, asks, venues)
}

fn estimates(draws: &mut Draws) -> Estimates {
    let mut estimates = Estimates::default();
    for n in 1..4 {
        let px = Px(1_000_000 + draws.up_to(50_000));
        estimates.sample(
            n * 1_000_000_000,
            Top {
                bid_px: px,
                ask_px: px,
            },
        );
    }
    estimates
}

#[test]
fn every_price_is_the_exact_one() {
    let cases = std::env::var("PINRAIL_ORACLE_CASES").map_or(20_000, |cases| cases.parse().unwrap());
    let mut draws = Draws::new(11);
    let def = InstrumentDef {
        tick_mantissa: 1,
        lot_mantissa: 1,
        ..Zeroable::zeroed()
    };
    let instrument = Instrument::new(&def, &AssetDef::zeroed(), &AssetDef::zeroed()).unwrap();
    let (mut compared, mut in_part, mut too_deep) = (0, 0, 0);
    while compared < cases {
        let (bids, asks, mut venues) = market(&mut draws);
        let estimates = estimates(&mut draws);
        let model = Model {
            half_spread_e8: draws.below(2) * draws.up_to(E8 / 10),
            params: (draws.below(8) != 0).then(|| draws.params()),
            volatility_e8: estimates.volatility_e8(),
            life_ns: draws.up_to(4_000_000_000_000).unsigned_abs(),
            position: draws.up_to(1 << 52) * (draws.below(3) - 1),
            px_step: draws.up_to(50),
        };
        let mut pricer = SweepPricer::new(1);
        let spread = TierSpread {
            half_spread_e8: model.half_spread_e8,
            ..Zeroable::zeroed()
        };
        pricer.on_tier_spread(&spread).unwrap();
        if let Some(params) = &model.params {
            pricer.on_quoting_params(params).unwrap();
        }
        for _ in 0..16 {
            if draws.below(4) == 0 {
                while venues.refresh(100) {}
            }
            let wanted = draws.up_to(4_000_000);
            let qty_step = [1, draws.up_to(1_000)][draws.below(2) as usize];
            let request = PriceRequest {
                instrument: &instrument,
                tier: 0,
                side: None,
                qty: Qty(wanted),
                qty_step,
                px_step: model.px_step,
                now: 100,
                life_ns: model.life_ns,
                position: Qty(model.position),
                estimates: &estimates,
            };
            let least = model.params.map_or(0, |params| params.hedgeable_lots_min.0);
            let ref_px = venues.view(100).unwrap().top().unwrap().mid();
            let answer = |qty| {
                let sweep = |side, venues: &[Venue]| exact::sweep(&exact::sorted(venues, side), side, qty);
                let (bought, sold) = (sweep(Side::Buy, &asks), sweep(Side::Sell, &bids));
                model.answer(ref_px, [Some(&bought), Some(&sold)], qty)
            };
            let held = exact::hedgeable(&asks).min(exact::hedgeable(&bids));
            let part = held.min(wanted) / qty_step * qty_step;
            let whole = answer(wanted);
            let is_part = whole == Err(Reason::InsufficientDepth) && least > 0 && part >= least;
            let expected = if is_part { answer(part) } else { whole };
            in_part += u64::from(is_part);
            assert_eq!(
                pricer.price(&request, &venues),
                expected,
                "{request:?} {:?}",
                model.params
            );
            if expected.is_err() {
                assert_eq!(expected, Err(Reason::InsufficientDepth));
                too_deep += 1;
                continue;
            }
            compared += 1;
        }
    }
    assert!(
        too_deep > cases / 100 && in_part > cases / 100,
        "{too_deep} {in_part}"
    );
    println!(
        "{compared} requests priced alike, {in_part} of them in part, {too_deep} refused alike for depth"
    );
}
