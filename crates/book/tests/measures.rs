//! What is asked of several venues beside a sweep to a quantity, against the plainest way to know it.

#![allow(clippy::unwrap_used)]

mod venues;

use std::collections::BTreeMap;

use bytemuck::Zeroable;
use pinrail_book::{Book, Consolidated, Reach, Source, VENUES_MAX, View};
use pinrail_types::record::{BookState, SequenceRule, Trade};
use pinrail_types::state::{Load, Save};
use pinrail_types::{E8, Px, Qty, Reason, Side, VenueId};
use proptest::prelude::*;
use venues::{NOW, book, consolidated, event, happen, send, source, sources, venue};

const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

/// Every known level of the usable venues on one side: source, price, quantity, price net of fee times 1e8.
struct Known<'a> {
    all: &'a Consolidated,
    side: Side,
    levels: Vec<(usize, i64, i64, i128)>,
}

impl<'a> Known<'a> {
    fn of(all: &'a Consolidated, side: Side, now: u64) -> Known<'a> {
        let mut levels = Vec::new();
        for (at, source) in all.sources().iter().enumerate() {
            let is_stale = now.abs_diff(source.book.ts_recv()) > source.stale_ns_max;
            if source.halted || source.book.state() != BookState::Healthy || is_stale {
                continue;
            }
            let factor = i128::from(E8) + i128::from(side.sign()) * i128::from(source.taker_fee_e8);
            let side = if side == Side::Buy {
                source.book.asks()
            } else {
                source.book.bids()
            };
            for level in side.iter() {
                levels.push((at, level.px.0, level.qty.0, i128::from(level.px.0) * factor));
            }
        }
        Known { all, side, levels }
    }

    fn lots(&self) -> i64 {
        self.levels.iter().map(|level| level.2).sum()
    }

    /// What the cheapest `lots` lots cost, or the dearest fetch, one level at a time.
    fn cost(&self, lots: i64) -> i128 {
        let mut levels = self.levels.clone();
        levels.sort_by_key(|level| level.3 * i128::from(self.side.sign()));
        let (mut left, mut cost) = (lots, 0);
        for (_, _, qty, net) in levels {
            let fill = left.min(qty);
            cost += net * i128::from(fill);
            left -= fill;
        }
        assert_eq!(left, 0, "more than there is");
        cost
    }

    /// The largest quantity that costs no more, by halves.
    fn lots_for(&self, notional: i128) -> Result<i64, Reason> {
        let (mut can, mut cannot) = (0, self.lots() + 1);
        while can + 1 < cannot {
            let middle = i64::midpoint(can, cannot);
            if self.cost(middle) <= notional {
                can = middle;
            } else {
                cannot = middle;
            }
        }
        match can {
            0 if notional < 0 => Err(Reason::QtyUnrepresentable),
            all if all == self.lots() => Err(Reason::InsufficientDepth),
            0 => Err(Reason::QtyUnrepresentable),
            lots => Ok(lots),
        }
    }

    fn available(&self, limit: i128) -> i64 {
        let within = |net: i128| (limit - net) * i128::from(self.side.sign()) >= 0;
        let at = |at: usize| -> i64 {
            let levels = self
                .levels
                .iter()
                .filter(|level| level.0 == at && within(level.3));
            levels.map(|level| level.2).sum()
        };
        let sources = self.all.sources().iter().enumerate();
        sources
            .map(|(i, source)| at(i) / source.lot.0 * source.lot.0)
            .sum()
    }

    /// Quantity by price, best first.
    fn prices(&self) -> Vec<(i64, i64)> {
        let mut prices = BTreeMap::new();
        for (_, px, qty, _) in &self.levels {
            *prices.entry(px * self.side.sign()).or_insert(0) += qty;
        }
        prices
            .into_iter()
            .map(|(key, qty)| (key * self.side.sign(), qty))
            .collect()
    }

    fn depth(&self, reach: Reach) -> Result<i64, Reason> {
        let prices = self.prices();
        let (best, _) = *prices.first().ok_or(Reason::ReferenceMissing)?;
        let away = |px: i64| i128::from((px - best).abs());
        let reaches = |(at, (px, _)): &(usize, (i64, i64))| match reach {
            Reach::Levels(levels) => *at < levels as usize,
            Reach::Ticks(ticks) => away(*px) <= i128::from(ticks),
            Reach::FractionE8(fraction) => {
                away(*px) * i128::from(E8) <= i128::from(best.abs()) * i128::from(fraction)
            }
        };
        Ok(prices
            .into_iter()
            .enumerate()
            .filter(reaches)
            .map(|(_, (_, qty))| qty)
            .sum())
    }
}

/// That both sides are measured as they are.
fn check(all: &Consolidated, now: u64, notional: i128, limit_off: i64, reach: Reach, levels: u32) {
    let Ok(view) = all.view(now) else { return };
    let [asks, bids] = SIDES.map(|side| Known::of(all, side, now));
    for known in [&asks, &bids] {
        check_hedge(&view, known, notional, limit_off);
        assert_eq!(view.depth(known.side, reach).map(|qty| qty.0), known.depth(reach));
    }
    let depth = |known: &Known<'_>| known.depth(Reach::Levels(levels)).map(i128::from);
    let (Ok(bid_for), Ok(asked)) = (depth(&bids), depth(&asks)) else {
        for refused in [view.microprice_e8(), view.weighted_mid_e8(levels)] {
            assert_eq!(refused, Err(Reason::ReferenceMissing));
        }
        assert_eq!(view.imbalance_e8(levels), Err(Reason::ReferenceMissing));
        return;
    };
    let (e8, whole) = (i128::from(E8), bid_for + asked);
    let exact = (bid_for - asked) * e8;
    let imbalance = i128::from(view.imbalance_e8(levels).unwrap());
    assert!(imbalance.abs() * whole <= exact.abs() && exact.abs() < (imbalance.abs() + 1) * whole);
    assert!(imbalance * exact >= 0);
    let ((bid, bid_qty), (ask, ask_qty)) = (bids.prices()[0], asks.prices()[0]);
    for (price, bid_for, asked) in [
        (view.weighted_mid_e8(levels).unwrap(), bid_for, asked),
        (view.microprice_e8().unwrap(), bid_qty.into(), ask_qty.into()),
    ] {
        let exact = (i128::from(bid) * asked + i128::from(ask) * bid_for) * e8;
        let whole = bid_for + asked;
        assert!(price * whole <= exact && exact < (price + 1) * whole, "{price}");
    }
    assert_eq!(view.weighted_mid_e8(1), view.microprice_e8());
}

fn check_hedge(view: &View<'_>, known: &Known<'_>, notional: i128, limit_off: i64) {
    let side = known.side;
    for notional in [
        notional,
        known.cost(known.lots().min(7)),
        known.cost(known.lots()) - 1,
    ] {
        let swept = view.sweep_notional(side, notional);
        assert_eq!(swept.map(|sweep| sweep.qty.0), known.lots_for(notional));
        if let Ok(sweep) = swept {
            assert_eq!(Ok(sweep), view.sweep(side, sweep.qty));
            assert!(sweep.cost <= notional);
        }
    }
    let middle = known.levels.len() / 2;
    let at_a_level = known.levels.get(middle).map_or(0, |level| level.3);
    let limits = [
        i128::from(100_000 + limit_off) * i128::from(E8),
        at_a_level,
        at_a_level - 1,
    ];
    for limit in limits {
        let qty = view.available(side, limit).unwrap();
        assert_eq!(qty.0, known.available(limit));
        if qty.0 > 0 {
            let worst = view.sweep(side, qty).unwrap().worst_net_e8;
            assert!((limit - worst) * i128::from(side.sign()) >= 0);
        }
    }
}

fn reach() -> impl Strategy<Value = Reach> {
    prop_oneof![
        (0..30_u32).prop_map(Reach::Levels),
        (0..40_u32).prop_map(Reach::Ticks),
        (0..40_000_000_u32).prop_map(Reach::Ticks),
        (0..40_000_u32).prop_map(Reach::FractionE8),
        any::<u32>().prop_map(Reach::FractionE8),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn several_venues_are_measured_as_they_are(
        venues in prop_oneof![
            prop::collection::vec(venue(), 0..4),
            prop::collection::vec(venue(), 0..=VENUES_MAX),
        ],
        events in prop::collection::vec(
            (event(), prop_oneof![1..200_i64, 1..6000_i64], -60..60_i64, reach(), 1..30_u32),
            1..20,
        ),
    ) {
        let mut all = sources(&venues);
        let mut now = NOW + 100;
        for (event, lots, limit_off, reach, levels) in events {
            happen(&mut all, &event, &mut now);
            let notional = i128::from(lots) * 100_003 * i128::from(E8) + i128::from(limit_off);
            check(&all, now, notional, limit_off, reach, levels);
        }
    }
}

/// Two venues, bids 99 and 98, offers 101 and 102; merged or not.
fn both_ways(check: impl Fn(&View<'_>)) {
    let mut all = consolidated([
        source(book(&vec![(99, 30), (98, 10)], &vec![(101, 10)]), 0),
        source(book(&vec![(99, 30)], &vec![(101, 10), (102, 80)]), 1_000_000),
    ]);
    for _ in 0..3 {
        check(&all.view(NOW).unwrap());
        all.refresh(NOW);
    }
}

#[test]
fn measures_are_what_their_sources_say() {
    both_ways(|view| {
        // 60 bid for at 99 and 20 asked at 101: three quarters of the way up.
        assert_eq!(view.microprice_e8(), Ok(i128::from(E8) * 201 / 2));
        assert_eq!(view.imbalance_e8(1), Ok(E8 / 2));
        // 70 against 100.
        assert_eq!(view.imbalance_e8(2), Ok(-E8 * 30 / 170));
        assert_eq!(
            view.weighted_mid_e8(2),
            Ok(99 * i128::from(E8) + i128::from(2 * E8) * 70 / 170)
        );
        assert_eq!(view.depth(Side::Buy, Reach::Ticks(0)), Ok(Qty(20)));
        assert_eq!(view.depth(Side::Buy, Reach::Ticks(1)), Ok(Qty(100)));
        assert_eq!(view.depth(Side::Sell, Reach::Levels(1)), Ok(Qty(60)));
        // One of 99 is a little more than a hundredth.
        assert_eq!(view.depth(Side::Sell, Reach::FractionE8(1_000_000)), Ok(Qty(60)));
        assert_eq!(view.depth(Side::Sell, Reach::FractionE8(1_010_102)), Ok(Qty(70)));
    });
}

#[test]
fn venues_that_cross_one_another_are_weighted_alike() {
    let all = consolidated([
        source(book(&vec![(104, 1)], &vec![(105, 1)]), 0),
        source(book(&vec![(100, 1)], &vec![(101, 2)]), 0),
    ]);
    // A third of the way down from 104 to 101.
    assert_eq!(all.view(NOW).unwrap().microprice_e8(), Ok(103 * i128::from(E8)));
    let all = consolidated([
        source(book(&vec![(3, 1)], &vec![(5, 1)]), 0),
        source(book(&vec![(-9, 1)], &vec![(2, 6)]), 0),
    ]);
    // 3 - 1 / 7.
    assert_eq!(all.view(NOW).unwrap().microprice_e8(), Ok(285_714_285));
}

#[test]
fn a_notional_is_swept_to_the_lot_with_fees() {
    let e8 = i128::from(E8);
    both_ways(|view| {
        let lots = |notional| view.sweep_notional(Side::Buy, notional).map(|sweep| sweep.qty.0);
        assert_eq!(lots(1_010 * e8), Ok(10));
        assert_eq!(lots(1_010 * e8 - 1), Ok(9));
        // The second venue's 101 is 102.01 with its fee of a hundredth.
        assert_eq!(lots(1_010 * e8 + 10_201_000_000), Ok(11));
        assert_eq!(lots(1_010 * e8 + 10_200_999_999), Ok(10));
        assert_eq!(lots(100 * e8), Err(Reason::QtyUnrepresentable));
        assert_eq!(lots(-1), Err(Reason::QtyUnrepresentable));
        assert_eq!(lots(1 << 100), Err(Reason::InsufficientDepth));
    });
}

#[test]
fn what_is_available_is_in_whole_lots_of_each_venue() {
    let all = |lots: [i64; 2]| {
        consolidated(lots.map(|lot| Source {
            lot: Qty(lot),
            ..source(book(&vec![(9, 5), (8, 7)], &vec![(10, 5), (11, 7)]), 0)
        }))
    };
    let limit = 11 * i128::from(E8);
    for (lots, expected) in [([1, 1], 24), ([1, 5], 22), ([12, 13], 12), ([13, 13], 0)] {
        let mut all = all(lots);
        for _ in 0..3 {
            assert_eq!(
                all.view(NOW).unwrap().available(Side::Buy, limit),
                Ok(Qty(expected))
            );
            all.refresh(NOW);
        }
    }
}

#[test]
fn what_was_not_shown_counts_as_nothing() {
    let mut book = book(&vec![(99, 5)], &vec![(101, 5)]);
    send(
        &mut book,
        2,
        pinrail_types::Flags::NONE,
        &vec![],
        &vec![(102, 50)],
    );
    let all = consolidated([source(book, 0)]);
    let view = all.view(NOW).unwrap();
    assert_eq!(view.depth(Side::Buy, Reach::Ticks(9)), Ok(Qty(5)));
    assert_eq!(view.available(Side::Buy, i128::MAX), Ok(Qty(5)));
    assert_eq!(
        view.sweep_notional(Side::Buy, i128::MAX),
        Err(Reason::InsufficientDepth)
    );
}

#[test]
fn prices_below_zero_are_not_hedged_at() {
    let mut all = consolidated([source(book(&vec![(5, 1), (0, 1), (-5, 1)], &vec![(6, 1)]), 0)]);
    let e8 = i128::from(E8);
    for _ in 0..3 {
        let view = all.view(NOW).unwrap();
        assert_eq!(view.available(Side::Sell, 0), Ok(Qty(2)));
        assert_eq!(view.available(Side::Sell, -1), Ok(Qty(2)));
        assert_eq!(
            view.available(Side::Sell, -5 * e8),
            Err(Reason::PxUnrepresentable)
        );
        assert_eq!(
            view.sweep_notional(Side::Sell, 5 * e8),
            Err(Reason::PxUnrepresentable)
        );
        assert_eq!(
            view.sweep_notional(Side::Sell, 5 * e8 - 1),
            Err(Reason::QtyUnrepresentable)
        );
        assert_eq!(view.depth(Side::Sell, Reach::Ticks(10)), Ok(Qty(3)));
        all.refresh(NOW);
    }
}

#[test]
fn the_largest_values_are_exact_or_refused() {
    let (px, qty) = (Px::ABS_MAX, Qty::ABS_MAX);
    let one = || source(book(&vec![(-px, qty)], &vec![(px, qty)]), E8 as i32 - 1);
    let mut all = consolidated((0..VENUES_MAX).map(|_| one()));
    for _ in 0..3 {
        let view = all.view(NOW).unwrap();
        assert_eq!(view.available(Side::Buy, i128::MAX), Ok(Qty(qty)));
        assert_eq!(
            view.depth(Side::Buy, Reach::Levels(1)),
            Ok(Qty(qty * VENUES_MAX as i64))
        );
        assert_eq!(view.imbalance_e8(1), Ok(0));
        assert_eq!(view.microprice_e8(), Err(Reason::Overflow));
        let swept = view.sweep_notional(Side::Buy, i128::MAX).unwrap();
        let net = i128::from(px) * i128::from(2 * E8 - 1);
        assert_eq!(i128::from(swept.qty.0), i128::MAX / net);
        all.refresh(NOW);
    }
}

#[test]
#[should_panic(expected = "a depth of at least one level")]
fn no_level_has_no_imbalance() {
    both_ways(|view| {
        let _ = view.imbalance_e8(0);
    });
}

#[test]
#[should_panic(expected = "a lot of at least one")]
fn a_venue_has_a_lot() {
    let book = Book::new(SequenceRule::Plain, 1);
    consolidated([Source {
        lot: Qty(0),
        ..source(book, 0)
    }]);
}

#[test]
fn the_last_trade_is_the_one_taken_last_and_is_part_of_the_state() {
    let trade = |venue, ts_recv| Trade {
        venue: VenueId(venue),
        taker_side: Side::Sell.fix(),
        ts_recv,
        px: Px(100),
        qty: Qty(3),
        ..Trade::zeroed()
    };
    let mut all = consolidated([source(book(&vec![(99, 5)], &vec![(101, 5)]), 0)]);
    assert!(all.last_trade().is_none());
    all.on_trade(&trade(0, 8));
    all.on_trade(&trade(1, 7));
    let mut save = Save::default();
    all.visit(&mut save).unwrap();
    let mut again = consolidated([source(Book::new(SequenceRule::Plain, 256), 0)]);
    let mut load = Load::new(&save.words);
    again.visit(&mut load).unwrap();
    load.end().unwrap();
    let last = again.last_trade().unwrap();
    assert_eq!(
        (last.venue, last.ts_recv, last.px, last.qty),
        (VenueId(1), 7, Px(100), Qty(3))
    );
}
