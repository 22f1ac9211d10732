//! Sweeps, merged beforehand or not, against a brute force over all levels, and each refusal.

mod venues;

use bytemuck::Zeroable;
use pinrail_book::{Book, Consolidated, Source, Sweep, Top, VENUES_MAX};
use pinrail_types::record::{BookState, SequenceRule, TopOfBook};
use pinrail_types::{E8, Flags, Px, Qty, Reason, Side};
use proptest::prelude::*;
use venues::{NOW, book, consolidated, event, happen, send, source, sources, venue};

fn sweep(consolidated: &Consolidated, side: Side, qty: Qty, now: u64) -> Result<Sweep, Reason> {
    consolidated.view(now)?.sweep(side, qty)
}

fn top(consolidated: &Consolidated, now: u64) -> Result<Top, Reason> {
    consolidated.view(now)?.top()
}

/// Every level of every usable source, sorted by net price and source; then eaten from the front.
fn brute_force(sources: &[Source], usable: &[bool], side: Side, qty: i64) -> Result<Sweep, Reason> {
    let mut all: Vec<(i128, usize, i64, i64)> = Vec::new();
    for (i, source) in sources.iter().enumerate().filter(|(i, _)| usable[*i]) {
        let fee = i128::from(source.taker_fee_e8);
        let levels = match side {
            Side::Buy => source.book.asks(),
            Side::Sell => source.book.bids(),
        };
        for level in levels.iter() {
            let net = i128::from(level.px.0) * (i128::from(E8) + i128::from(side.sign()) * fee);
            all.push((net, i, level.px.0, level.qty.0));
        }
    }
    all.sort_by_key(|(net, i, ..)| (net * i128::from(side.sign()), *i));
    let mut swept = Sweep {
        cost: 0,
        qty: Qty(qty),
        worst_net_e8: 0,
        worst_px: Px(0),
        venue_mask: 0,
        levels: 0,
    };
    let mut left = qty;
    let mut used: Vec<i64> = Vec::new();
    for (net, i, px, qty) in all {
        if left == 0 {
            break;
        }
        let fill = left.min(qty);
        left -= fill;
        swept.cost += net * i128::from(fill);
        swept.worst_net_e8 = net;
        swept.venue_mask |= 1 << i;
        swept.levels += 1;
        used.push(px);
    }
    if left > 0 {
        return Err(Reason::InsufficientDepth);
    }
    let worst = if side == Side::Buy {
        used.iter().max()
    } else {
        used.iter().min()
    };
    swept.worst_px = Px(*worst.expect("at least one level was used"));
    Ok(swept)
}

/// What the sources hold, asked the slow way.
struct Expected<'a> {
    sources: &'a [Source],
    usable: Vec<bool>,
    missing: Reason,
}

impl Expected<'_> {
    fn new(sources: &[Source], now: u64) -> Expected<'_> {
        let healthy = |source: &Source| !source.halted && source.book.state() == BookState::Healthy;
        let fresh = |source: &Source| now.abs_diff(source.book.ts_recv()) <= source.stale_ns_max;
        Expected {
            sources,
            usable: sources
                .iter()
                .map(|source| healthy(source) && fresh(source))
                .collect(),
            missing: if sources.iter().any(healthy) {
                Reason::ReferenceStale
            } else {
                Reason::ReferenceMissing
            },
        }
    }

    fn sweep(&self, side: Side, qty: i64) -> Result<Sweep, Reason> {
        if !self.usable.contains(&true) {
            return Err(self.missing);
        }
        brute_force(self.sources, &self.usable, side, qty)
    }

    fn top(&self) -> Result<Top, Reason> {
        if !self.usable.contains(&true) {
            return Err(self.missing);
        }
        let usable = || {
            self.sources
                .iter()
                .zip(&self.usable)
                .filter(|(_, usable)| **usable)
        };
        let bids = usable().filter_map(|(source, _)| source.book.best_bid());
        let asks = usable().filter_map(|(source, _)| source.book.best_ask());
        match (bids.map(|level| level.px).max(), asks.map(|level| level.px).min()) {
            (Some(bid_px), Some(ask_px)) => Ok(Top { bid_px, ask_px }),
            _ => Err(Reason::ReferenceMissing),
        }
    }
}

proptest! {
    #[test]
    fn a_sweep_takes_the_best_levels_of_all_sources(
        venues in prop_oneof![
            prop::collection::vec(venue(), 0..4),
            prop::collection::vec(venue(), 0..=VENUES_MAX),
        ],
        events in prop::collection::vec((event(), prop_oneof![1..200_i64, 1..6000_i64]), 1..30),
    ) {
        let mut all = sources(&venues);
        let mut now = NOW + 100;
        for (event, qty) in events {
            happen(&mut all, &event, &mut now);
            let expected = Expected::new(all.sources(), now);
            for side in [Side::Buy, Side::Sell] {
                prop_assert_eq!(sweep(&all, side, Qty(qty), now), expected.sweep(side, qty));
            }
            prop_assert_eq!(top(&all, now), expected.top());
        }
    }
}

#[test]
fn what_is_merged_is_merged_once_and_until_a_venue_changes() {
    let mut all = consolidated([0, 0].map(|fee| source(book(&vec![(9, 5)], &vec![(10, 5)]), fee)));
    let merged = |all: &mut Consolidated| (0..9).take_while(|_| all.refresh(NOW)).count();
    assert_eq!((merged(&mut all), merged(&mut all)), (2, 0));
    all.source_mut(1).halted = true;
    assert_eq!(merged(&mut all), 2);
    assert_eq!(merged(&mut consolidated([])), 0, "nothing to merge");
}

#[test]
fn middles_are_those_of_the_venues_in_use_whatever_was_merged() {
    let at = |bid, ask, stale_ns_max| Source {
        stale_ns_max,
        ..source(book(&vec![(bid, 5)], &vec![(ask, 5)]), 0)
    };
    let mut all = consolidated([at(10, 12, 100), at(20, 25, 1_000), at(31, 32, 10_000)]);
    let mids = |all: &Consolidated, now| {
        let view = all.view(now).unwrap();
        view.mids().map(|(low, high)| (low.0, high.0))
    };
    for _ in 0..3 {
        for (now, expected) in [(NOW + 2_000, (31, 31)), (NOW + 200, (22, 31)), (NOW, (11, 31))] {
            assert_eq!(mids(&all, now), Some(expected));
            all.refresh(now);
            assert_eq!(mids(&all, now), Some(expected));
        }
    }
    all.source_mut(2).book = book(&vec![(40, 1)], &vec![(42, 1)]);
    assert_eq!(mids(&all, NOW), Some((11, 41)));
}

#[test]
fn a_venue_at_odds_with_its_own_best_prices_is_not_used_though_it_was_merged() {
    let mut all = consolidated([10, 11].map(|ask| source(book(&vec![(9, 5)], &vec![(ask, 5)]), 0)));
    while all.refresh(NOW) {}
    let top = |bid_px| TopOfBook {
        update_id: 1,
        bid_px: Px(bid_px),
        bid_qty: Qty(5),
        ask_px: Px(10),
        ask_qty: Qty(5),
        ..TopOfBook::zeroed()
    };
    let masks = |all: &Consolidated| {
        [Side::Buy, Side::Sell].map(|side| sweep(all, side, Qty(5), NOW).unwrap().venue_mask)
    };
    assert!(!all.on_top(0, &top(9)).is_change());
    assert_eq!(
        (masks(&all), all.refresh(NOW)),
        ([0b01, 0b01], false),
        "still merged"
    );
    assert!(all.on_top(0, &top(8)).is_change());
    assert_eq!(masks(&all), [0b10, 0b10]);
}

#[test]
fn fees_decide_between_venues() {
    let cheap = book(&vec![(99, 1)], &vec![(1_000_000, 1)]);
    let dear = book(&vec![(99, 1)], &vec![(1_000_500, 1)]);
    // 10 basis points on the cheaper one make it the dearer one.
    let sources = consolidated([source(cheap, 100_000), source(dear, 0)]);
    let swept = sweep(&sources, Side::Buy, Qty(1), NOW).unwrap();
    assert_eq!((swept.venue_mask, swept.cost), (0b10, 1_000_500 * i128::from(E8)));
    assert_eq!((swept.worst_px, swept.venues()), (Px(1_000_500), 1));
    let swept = sweep(&sources, Side::Buy, Qty(2), NOW).unwrap();
    assert_eq!(swept.cost, 1_000_500 * i128::from(E8) + 1_000_000 * 100_100_000);
    assert_eq!(swept.worst_net_e8, 1_000_000 * 100_100_000);
    assert_eq!(
        (swept.worst_px, swept.venues(), swept.levels),
        (Px(1_000_500), 2, 2)
    );
}

#[test]
fn equal_net_prices_are_taken_from_the_earlier_source() {
    let sources = consolidated([0, 0].map(|fee| source(book(&vec![(9, 5)], &vec![(10, 5)]), fee)));
    for side in [Side::Buy, Side::Sell] {
        assert_eq!(sweep(&sources, side, Qty(5), NOW).unwrap().venue_mask, 0b01);
        assert_eq!(sweep(&sources, side, Qty(6), NOW).unwrap().venue_mask, 0b11);
    }
}

#[test]
fn refusals_say_why() {
    let good = || source(book(&vec![(99, 5)], &vec![(101, 5)]), 0);
    let empty = || source(Book::new(SequenceRule::Plain, 8), 0);
    let halted = || Source {
        halted: true,
        ..good()
    };
    let refused = |sources: Vec<Source>, qty, now| {
        let mut all = consolidated(sources);
        let walked = sweep(&all, Side::Buy, Qty(qty), now).unwrap_err();
        while all.refresh(now) {}
        assert_eq!(sweep(&all, Side::Buy, Qty(qty), now), Err(walked));
        walked
    };
    for qty in [0, -1, Qty::ABS_MAX + 1, i64::MIN] {
        assert_eq!(refused(vec![good()], qty, NOW), Reason::QtyUnrepresentable);
    }
    let none: [&dyn Fn() -> Vec<Source>; 4] = [&Vec::new, &|| vec![halted()], &|| vec![empty()], &|| {
        vec![halted(), empty()]
    }];
    for sources in none {
        assert_eq!(refused(sources(), 1, NOW), Reason::ReferenceMissing);
        assert_eq!(top(&consolidated(sources()), NOW), Err(Reason::ReferenceMissing));
    }
    let late = NOW + 1_001;
    assert_eq!(refused(vec![empty(), good()], 1, late), Reason::ReferenceStale);
    assert_eq!(top(&consolidated([good()]), late), Err(Reason::ReferenceStale));
    assert_eq!(refused(vec![halted()], 1, late), Reason::ReferenceMissing);
    assert_eq!(refused(vec![good()], 6, NOW), Reason::InsufficientDepth);
    let one_sided = book(&vec![(99, 5)], &vec![]);
    assert_eq!(
        top(&consolidated([source(one_sided, 0)]), NOW),
        Err(Reason::ReferenceMissing)
    );
}

#[test]
fn prices_below_zero_are_not_swept() {
    let book = book(&vec![(5, 1), (-5, 1)], &vec![(6, 1)]);
    let mut sources = consolidated([source(book, 0)]);
    for _ in 0..3 {
        assert!(sweep(&sources, Side::Sell, Qty(1), NOW).is_ok());
        assert_eq!(
            sweep(&sources, Side::Sell, Qty(2), NOW),
            Err(Reason::PxUnrepresentable)
        );
        sources.refresh(NOW);
    }
}

#[test]
fn the_largest_values_are_exact_or_refused() {
    let (px, most, fee) = (Px::ABS_MAX, Qty::ABS_MAX, E8 as i32 - 1);
    let net = i128::from(px) * i128::from(2 * E8 - 1);
    // As much as fits, from each of as many sources as there can be.
    let fits = i64::try_from(i128::MAX / net / VENUES_MAX as i128).unwrap();
    let part = |_| source(book(&vec![], &vec![(px, fits)]), fee);
    let mut all = consolidated((0..VENUES_MAX).map(part));
    let mut one = consolidated([source(book(&vec![], &vec![(px, most)]), fee)]);
    for _ in 0..2 {
        let qty = fits * VENUES_MAX as i64;
        assert_eq!(
            sweep(&all, Side::Buy, Qty(qty), NOW).unwrap().cost,
            net * i128::from(qty)
        );
        assert_eq!(sweep(&one, Side::Buy, Qty(most), NOW), Err(Reason::Overflow));
        assert!(all.refresh(NOW) && one.refresh(NOW));
    }
}

#[test]
fn levels_beyond_the_horizon_are_not_swept() {
    let mut book = book(&vec![(99, 5)], &vec![(101, 5)]);
    send(&mut book, 2, Flags::NONE, &vec![], &vec![(102, 50)]);
    let mut sources = consolidated([source(book, 0)]);
    for _ in 0..2 {
        assert!(sweep(&sources, Side::Buy, Qty(5), NOW).is_ok());
        assert_eq!(
            sweep(&sources, Side::Buy, Qty(6), NOW),
            Err(Reason::InsufficientDepth)
        );
        assert!(sources.refresh(NOW));
    }
}

#[test]
fn the_middle_is_rounded_down() {
    let mid = |bid, ask| {
        Top {
            bid_px: Px(bid),
            ask_px: Px(ask),
        }
        .mid()
    };
    assert_eq!(
        (mid(1, 2), mid(-2, -1), mid(4, 2), mid(-1, 2)),
        (Px(1), Px(-2), Px(3), Px(0))
    );
}
