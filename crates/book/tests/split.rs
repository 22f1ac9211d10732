//! How a quantity is divided among venues, against what makes a division good.

#![allow(clippy::unwrap_used)]

mod venues;

use pinrail_book::{Book, Consolidated, LOOKS_MAX, SLICES_MAX, Slice, Source, Split, VENUES_MAX, View};
use pinrail_types::record::SequenceRule;
use pinrail_types::{E8, Flags, Px, Qty, Side};
use proptest::prelude::*;
use venues::{NOW, book, consolidated, send, source, sources, venue};

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
    // Divided as if to all, of which the first are the venues of the best levels.
    let mut shares = [0; VENUES_MAX];
    let mut firsts = Vec::new();
    for (at, (px, there, net)) in steps {
        let left = qty - shares.iter().sum::<i64>();
        if left < smallest || (limit - net) * sign < 0 {
            break;
        }
        let lot = all.sources()[at].lot.0;
        let slice = &mut split.slices[at];
        let seen = loose[at] + there;
        let wanted = seen.min(left).min(most[at].0 - shares[at]).max(0);
        let taken = wanted / lot * lot;
        loose[at] = (seen - taken).min(lot - 1);
        shares[at] += taken;
        if taken > 0 && !firsts.contains(&at) {
            firsts.push(at);
        }
        if taken > 0 && firsts[..firsts.len().min(SLICES_MAX)].contains(&at) {
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

/// Of ten venues, the later the better, the eight last are sent something, and not more than stands there at their prices.
#[test]
fn of_many_venues_those_with_the_best_prices_are_sent_something() {
    let venue = |at: i64| {
        let asks = vec![(100 - at, 10), (200 - at, 1_000)];
        source(book(&vec![(1, 10)], &asks), 0)
    };
    let all = consolidated((0..10).map(venue));
    let split = |qty| {
        let view = all.view(NOW).unwrap();
        let split = view.split(Side::Buy, Qty(qty), i128::MAX, &ALL);
        let slices = split.slices.iter().map(|slice| (slice.qty.0, slice.px.0));
        (split.qty.0, slices.take(10).collect::<Vec<_>>())
    };
    let best: Vec<_> = (0..10)
        .map(|at| if at < 2 { (0, 0) } else { (10, 100 - at) })
        .collect();
    assert_eq!(split(80), (80, best.clone()));
    assert_eq!(split(100), (80, best), "the two others are for the next try");
    let (sum, slices) = split(130);
    assert_eq!((sum, slices[9]), (110, (40, 191)));
}

/// With so many offers of a lot each, a tick apart.
fn deep(from: i64, count: i64) -> Source {
    let mut book = Book::new(SequenceRule::Plain, 4_096);
    let asks = (from..from + count).map(|px| (px, 1)).collect();
    send(&mut book, 1, Flags::SNAPSHOT, &vec![(1, 1)], &asks);
    source(book, 0)
}

#[test]
fn a_split_looks_at_so_many_levels_and_at_none_where_there_is_no_room() {
    const DEEP: i64 = 3_000;
    let deep_qty = i64::from(LOOKS_MAX);
    let one = consolidated([deep(100, DEEP)]);
    let split = |all: &Consolidated, most: &[Qty; VENUES_MAX]| {
        let view = all.view(NOW).unwrap();
        let split = view.split(Side::Buy, Qty(DEEP), i128::MAX, most);
        [0, 1].map(|at| split.slices[at].qty.0)
    };
    assert_eq!(split(&one, &ALL), [deep_qty, 0]);
    // The first has all the better prices, and room for none, or for five.
    let two = consolidated([deep(100, DEEP), deep(100 + DEEP, 7)]);
    for room in [0, 5] {
        let mut most = ALL;
        most[0] = Qty(room);
        assert_eq!(split(&two, &most), [room, 7]);
    }
    let nowhere = [Qty::ZERO; VENUES_MAX];
    assert_eq!(split(&two, &nowhere), [0, 0]);
}

proptest! {
    #[test]
    fn a_split_over_many_venues_is_what_it_would_be_level_by_level(
        venues in prop::collection::vec(venue(), SLICES_MAX - 1..=VENUES_MAX),
        qty in 1_i64..20_000,
        buys in any::<bool>(),
    ) {
        let side = if buys { Side::Buy } else { Side::Sell };
        let mut all = sources(&venues);
        for at in 0..all.sources().len() {
            all.source_mut(at).halted = false;
        }
        let limit = if buys { i128::MAX } else { i128::MIN } / 4;
        for _ in 0..3 {
            if let Ok(view) = all.view(NOW) {
                let split = view.split(side, Qty(qty), limit, &ALL);
                prop_assert_eq!(split, divided(&all, side, qty, limit, &ALL));
                prop_assert!(split.slices.iter().filter(|slice| slice.qty.0 > 0).count() <= SLICES_MAX);
            }
            all.refresh(NOW);
        }
    }

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
        // Where no fee counts it is as if there were none.
        let limit_px = Px((limit / i128::from(E8)) as i64);
        let gross = all.view(NOW).map(|view| view.split_gross(side, Qty(qty), limit_px, &most));
        for at in 0..all.sources().len() {
            all.source_mut(at).taker_fee_e8 = 0;
        }
        let free = all.view(NOW).map(|view| view.split(side, Qty(qty), limit, &most));
        prop_assert_eq!(gross, free);
    }
}
