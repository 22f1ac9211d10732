//! How a quantity is divided among venues, against what makes a division good.

#![allow(clippy::unwrap_used)]

mod venues;

use pinrail_book::{Consolidated, Slice, Source, Split, VENUES_MAX, View};
use pinrail_types::{E8, Px, Qty, Side};
use proptest::prelude::*;
use venues::{NOW, book, consolidated, source, sources, venue};

const ALL: [Qty; VENUES_MAX] = [Qty(i64::MAX); VENUES_MAX];

/// What a hedger would take at one venue: price, quantity, price net of fee times 1e8, best first.
fn levels(source: &Source, side: Side) -> Vec<(i64, i64, i128)> {
    let factor = i128::from(E8) + i128::from(side.sign()) * i128::from(source.taker_fee_e8);
    let levels = match side {
        Side::Buy => source.book.asks(),
        Side::Sell => source.book.bids(),
    };
    let known = levels.iter().map(|level| (level.px.0, level.qty.0));
    known
        .map(|(px, qty)| (px, qty, i128::from(px) * factor))
        .collect()
}

fn is_usable(source: &Source) -> bool {
    let view = |source: &Source| source.book.reason() == pinrail_types::Reason::None;
    !source.halted && view(source) && NOW.abs_diff(source.book.ts_recv()) <= source.stale_ns_max
}

/// How much stands at one venue within the limit.
fn within(source: &Source, side: Side, limit: i128) -> i64 {
    let sign = i128::from(side.sign());
    let levels = levels(source, side).into_iter();
    levels
        .filter(|level| (limit - level.2) * sign >= 0)
        .map(|level| level.1)
        .sum()
}

/// The same division, written for plain reading: all levels in one list, and each taken in its turn.
fn divided(all: &Consolidated, side: Side, qty: i64, limit: i128, most: &[Qty; VENUES_MAX]) -> Split {
    let sign = i128::from(side.sign());
    let used = || {
        all.sources()
            .iter()
            .enumerate()
            .filter(|(_, source)| is_usable(source))
    };
    let of = |(at, source)| levels(source, side).into_iter().map(move |level| (at, level));
    let mut steps: Vec<_> = used().flat_map(of).collect();
    steps.sort_by_key(|(at, level)| (level.2 * sign, *at));
    let smallest = used().map(|(_, source)| source.lot.0).min().unwrap();
    let mut split = Split {
        slices: [Slice::default(); VENUES_MAX],
        qty: Qty(0),
        cost: 0,
    };
    let mut loose = [0; VENUES_MAX];
    for (at, (px, there, net)) in steps {
        if qty - split.qty.0 < smallest || (limit - net) * sign < 0 {
            break;
        }
        let lot = all.sources()[at].lot.0;
        let slice = &mut split.slices[at];
        let seen = loose[at] + there;
        let wanted = seen.min(qty - split.qty.0).min(most[at].0 - slice.qty.0).max(0);
        let taken = wanted / lot * lot;
        loose[at] = (seen - taken).min(lot - 1);
        if taken > 0 {
            *slice = Slice {
                qty: Qty(slice.qty.0 + taken),
                px: Px(px),
            };
            split.qty.0 += taken;
            split.cost += net * i128::from(taken);
        }
    }
    split
}

/// The cheapest that so many lots can be had for, or the dearest that they fetch, lot by lot.
fn best_cost(all: &Consolidated, side: Side, lots: i64) -> i128 {
    let used = all.sources().iter().filter(|source| is_usable(source));
    let mut levels: Vec<_> = used.flat_map(|source| levels(source, side)).collect();
    levels.sort_by_key(|level| level.2 * i128::from(side.sign()));
    let mut left = lots;
    levels.iter().fold(0, |cost, level| {
        let fill = left.min(level.1);
        left -= fill;
        cost + level.2 * i128::from(fill)
    })
}

fn check(all: &Consolidated, view: &View<'_>, side: Side, qty: i64, limit: i128, most: &[Qty; VENUES_MAX]) {
    let split = view.split(side, Qty(qty), limit, most);
    let sum: i64 = split.slices.iter().map(|slice| slice.qty.0).sum();
    assert_eq!((sum, sum <= qty), (split.qty.0, true));
    let left = qty - sum;
    for (at, (source, slice)) in all.sources().iter().zip(split.slices).enumerate() {
        let lot = source.lot.0;
        assert!(slice.qty.0 >= 0 && slice.qty.0 % lot == 0 && slice.qty.0 <= most[at].0.max(0));
        if !is_usable(source) {
            assert_eq!(slice.qty, Qty::ZERO);
            continue;
        }
        let there = within(source, side, limit);
        if slice.qty > Qty::ZERO {
            let levels = levels(source, side);
            let worst = levels.iter().find(|level| level.0 == slice.px.0).unwrap();
            assert!(
                slice.qty.0 <= within(source, side, worst.2).min(there),
                "it stands there"
            );
            let before = levels.iter().take_while(|level| level.0 != slice.px.0);
            let before: i64 = before.map(|level| level.1).sum();
            assert!(
                slice.qty.0 > before - before % lot,
                "no worse price than it needs"
            );
        }
        // Nothing more could be sent there.
        let could = there.min(most[at].0.max(0)) - slice.qty.0;
        assert!(
            could.min(left) < lot,
            "a lot of {lot} is left of {could} and {left}"
        );
    }
}

#[test]
fn each_venue_is_sent_what_is_cheapest_there_in_its_own_lots() {
    // The second venue is dearer by its fee alone.
    let mut all = consolidated([
        source(book(&vec![(90, 10)], &vec![(100, 7), (102, 50)]), 0),
        source(book(&vec![(90, 10)], &vec![(100, 5), (101, 9)]), 100_000),
    ]);
    let split = |all: &Consolidated, qty, limit: i64, most: &[Qty; VENUES_MAX]| {
        let split = all
            .view(NOW)
            .unwrap()
            .split(Side::Buy, Qty(qty), i128::from(limit * E8), most);
        [0, 1].map(|at| (split.slices[at].qty.0, split.slices[at].px.0))
    };
    assert_eq!(split(&all, 20, 103, &ALL), [(7, 100), (13, 101)]);
    assert_eq!(split(&all, 30, 103, &ALL), [(16, 102), (14, 101)]);
    assert_eq!(split(&all, 30, 101, &ALL), [(7, 100), (5, 100)]);
    let mut most = ALL;
    most[0] = Qty(9);
    assert_eq!(split(&all, 30, 103, &most), [(9, 102), (14, 101)]);
    // In lots of four, four of the first venue's seven and then the second's; the three are used with the next level.
    all.source_mut(0).lot = Qty(4);
    assert_eq!(split(&all, 20, 103, &ALL), [(4, 100), (14, 101)]);
    assert_eq!(split(&all, 30, 103, &ALL), [(16, 102), (14, 101)]);
}

proptest! {
    #[test]
    fn a_split_is_whole_within_its_limits_and_leaves_nothing_that_could_be_had(
        venues in prop::collection::vec(venue(), 1..5),
        most in prop::collection::vec(prop_oneof![Just(i64::MAX), -1_i64..90], VENUES_MAX),
        qty in prop_oneof![1_i64..300, 1_i64..5_000],
        limit in prop_oneof![99_900_i64..100_100, Just(1), Just(1 << 40)],
        buys in any::<bool>(),
    ) {
        let side = if buys { Side::Buy } else { Side::Sell };
        let mut all = sources(&venues);
        let lots: Vec<i64> = all.sources().iter().map(|source| source.lot.0).collect();
        let most = core::array::from_fn(|at| {
            let lot = lots.get(at).copied().unwrap_or(1);
            Qty(most[at] - most[at] % lot)
        });
        let limit = i128::from(limit) * i128::from(E8);
        if let Ok(view) = all.view(NOW) {
            check(&all, &view, side, qty, limit, &most);
        }
        // The same answer whether it was merged beforehand, on one side or both, or not.
        for is_last in [false, false, true] {
            if let Ok(view) = all.view(NOW) {
                prop_assert_eq!(view.split(side, Qty(qty), limit, &most), divided(&all, side, qty, limit, &most));
            }
            prop_assert!(!(all.refresh(NOW) && is_last));
        }
        for at in 0..all.sources().len() {
            all.source_mut(at).lot = Qty(1);
        }
        if let Ok(view) = all.view(NOW) {
            let any = if buys { i128::MAX } else { i128::MIN };
            let split = view.split(side, Qty(qty), any, &ALL);
            prop_assert_eq!(split.cost, best_cost(&all, side, split.qty.0));
        }
    }
}
