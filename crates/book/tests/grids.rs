//! Eight venues whose ticks, lots, contracts and fees all differ, on one desk's grid, against exact fractions.

#![allow(clippy::unwrap_used)]

mod venues;

use pinrail_book::{Consolidated, Reach, Source, VENUES_MAX};
use pinrail_types::{Decimal, DecimalError, E8, Grid, Px, Qty, Side};
use proptest::prelude::*;
use venues::{NOW, book, consolidated, source};

/// The desk's grid: it holds every venue's.
const TICK: &str = "0.01";
const LOT: &str = "0.00000001";

/// Tick, lot in what the venue counts, what one of these stands for, taker fee.
const VENUES: [(&str, &str, &str, i32); 8] = [
    ("0.01", "0.00001", "1", 100_000),
    ("0.1", "0.001", "1", 50_000),
    ("0.10", "0.00000001", "1", 260_000),
    ("0.1", "0.1", "0.01", 45_000),
    ("0.01", "0.00000001", "1", 600_000),
    ("0.5", "0.001", "1", -2_500),
    ("2.5", "1", "0.0001", 30_000),
    ("5", "1", "5", 0),
];

/// In units of 1e-9, exactly.
fn nanos(text: &str) -> i128 {
    let value = Decimal::parse(text).unwrap();
    i128::from(value.mantissa) * 10_i128.pow(u32::try_from(i32::from(value.exponent) + 9).unwrap())
}

fn grid(step: &str) -> Grid {
    Grid::new(Decimal::parse(step).unwrap()).unwrap()
}

/// The desk's lots, counted as the venue does.
fn lots_of(contract: &str) -> Grid {
    grid(LOT).counted_in(Decimal::parse(contract).unwrap()).unwrap()
}

/// As the venue would print it: so many steps.
fn text(step: &str, steps: i64) -> String {
    grid(step).display(steps).to_string()
}

/// A level as it is: price and quantity of the base asset in units of 1e-9, and the venue.
#[derive(Clone, Copy, Debug)]
struct Exact {
    px: i128,
    qty: i128,
    venue: usize,
}

impl Exact {
    /// Price net of fee, in units of 1e-17.
    fn net(&self, side: Side) -> i128 {
        let fee = i128::from(VENUES[self.venue].3);
        self.px * (i128::from(E8) + i128::from(side.sign()) * fee)
    }
}

/// What the desk is told, and what is.
fn market(sides: &[Vec<(i64, i64)>; 16]) -> (Consolidated, [Vec<Exact>; 2]) {
    let mut exact = [Vec::new(), Vec::new()];
    let sources = VENUES
        .iter()
        .enumerate()
        .map(|(venue, (tick, lot, contract, fee))| {
            let mut level = |side: usize, (away, lots): (i64, i64)| {
                // Around 60,000, so many of the venue's ticks away.
                let middle = (60_000 * nanos("1") / nanos(tick)) as i64;
                let px = text(tick, middle + if side == 0 { -1 - away } else { 1 + away });
                let qty = text(lot, lots);
                exact[side].push(Exact {
                    px: nanos(&px),
                    qty: nanos(&qty) * nanos(contract) / nanos("1"),
                    venue,
                });
                let lots = lots_of(contract).steps(qty.as_bytes()).unwrap();
                (grid(TICK).steps(px.as_bytes()).unwrap(), lots)
            };
            let [bids, asks] = [0, 1].map(|side| {
                let mut levels: Vec<(i64, i64)> = sides[2 * venue + side].clone();
                levels.sort_unstable();
                levels.dedup_by_key(|level| level.0);
                levels.into_iter().map(|given| level(side, given)).collect()
            });
            // What it stands for is a whole number of the desk's lots.
            let lot_lots = lots_of(contract).steps(lot.as_bytes()).unwrap();
            Source {
                lot: Qty(lot_lots),
                ..source(book(&bids, &asks), *fee)
            }
        });
    let all = consolidated(sources);
    (all, exact)
}

/// Cost of the best `qty` (1e-9 of the base asset), in units of 1e-26; none if there is less.
fn exact_cost(levels: &[Exact], side: Side, qty: i128) -> Option<i128> {
    let mut levels = levels.to_vec();
    levels.sort_by_key(|level| level.net(side) * i128::from(side.sign()));
    let (mut left, mut cost) = (qty, 0);
    for level in levels {
        let fill = left.min(level.qty);
        cost += level.net(side) * fill;
        left -= fill;
    }
    (left == 0).then_some(cost)
}

fn check(all: &Consolidated, exact: &[Vec<Exact>; 2], lots: i64) {
    let view = all.view(NOW).unwrap();
    // A tick times a lot times 1e-8, in units of 1e-26.
    let unit = nanos(TICK) * nanos(LOT);
    for (levels, side) in exact.iter().zip([Side::Sell, Side::Buy]) {
        let all: i128 = levels.iter().map(|level| level.qty).sum();
        for lots in [lots, (all / nanos(LOT)) as i64, 1] {
            let swept = view.sweep(side, Qty(lots)).ok().map(|sweep| sweep.cost * unit);
            assert_eq!(swept, exact_cost(levels, side, i128::from(lots) * nanos(LOT)));
        }
        if let Some(cost) = exact_cost(levels, side, i128::from(lots) * nanos(LOT) + nanos(LOT)) {
            let most = view.sweep_notional(side, cost / unit - 1).map(|sweep| sweep.qty);
            assert_eq!(most, Ok(Qty(lots)), "one lot more costs one unit too much");
        }
        // Every venue's quantities are whole lots of its own, so nothing is rounded off.
        let limit = levels[levels.len() / 2].net(side);
        let within = |level: &&Exact| (limit - level.net(side)) * i128::from(side.sign()) >= 0;
        let expected: i128 = levels.iter().filter(within).map(|level| level.qty).sum();
        let available = view.available(side, limit / nanos(TICK)).unwrap();
        assert_eq!(i128::from(available.0) * nanos(LOT), expected);
        let best = levels
            .iter()
            .map(|level| level.px * i128::from(side.sign()))
            .min()
            .unwrap();
        let near = levels
            .iter()
            .filter(|level| level.px * i128::from(side.sign()) - best <= nanos("25"));
        let expected: i128 = near.map(|level| level.qty).sum();
        let depth = view.depth(side, Reach::Ticks(2_500)).unwrap();
        assert_eq!(i128::from(depth.0) * nanos(LOT), expected);
    }
}

fn sides() -> impl Strategy<Value = [Vec<(i64, i64)>; 16]> {
    let level = || {
        (
            prop_oneof![0..20_i64, 0..400_i64],
            prop_oneof![1..50_i64, 1..90_000_i64],
        )
    };
    prop::collection::vec(prop::collection::vec(level(), 1..12), 16)
        .prop_map(|sides| sides.try_into().expect("as many as there are sides"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn eight_venues_of_different_grids_are_one_exactly(sides in sides(), lots in prop_oneof![1..1_000_000_i64, 1..1_i64 << 40]) {
        let (mut all, exact) = market(&sides);
        for _ in 0..3 {
            check(&all, &exact, lots);
            all.refresh(NOW);
        }
    }
}

#[test]
fn what_is_off_the_desks_grid_is_refused_and_not_rounded() {
    const { assert!(VENUES.len() >= 8 && VENUES.len() <= VENUES_MAX) };
    for (tick, lot, contract, _) in VENUES {
        assert_eq!(
            grid(TICK).steps(format!("{}5", text(TICK, 1)).as_bytes()),
            Err(DecimalError::OffGrid)
        );
        let finer = grid(LOT).counted_in(Decimal::parse(contract).unwrap()).unwrap();
        let half = format!("{}5", finer.display(1));
        assert_eq!(finer.steps(half.as_bytes()), Err(DecimalError::OffGrid));
        // A desk whose grid is coarser than this venue's.
        let coarse = |step: &str| grid(&text(step, 2)).steps(step.as_bytes());
        assert_eq!(coarse(tick), Err(DecimalError::OffGrid));
        assert_eq!(coarse(lot), Err(DecimalError::OffGrid));
    }
}

#[test]
fn an_old_order_that_is_no_multiple_of_the_lot_is_seen_and_left() {
    // Binance spot: today's lot is a thousand of the desk's.
    let odd = source(book(&vec![(5_999_990, 1_700)], &vec![(6_000_010, 2_999)]), 0);
    let all = consolidated([Source {
        lot: Qty(1_000),
        ..odd
    }]);
    let view = all.view(NOW).unwrap();
    assert_eq!(view.depth(Side::Buy, Reach::Levels(1)), Ok(Qty(2_999)));
    let limit = i128::from(6_000_010 * E8);
    assert_eq!(view.available(Side::Buy, limit), Ok(Qty(2_000)));
    assert_eq!(view.top().unwrap().ask_px, Px(6_000_010));
}
