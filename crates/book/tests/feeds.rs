//! Each way in which a feed goes right or wrong, and a lockstep twin that is fed random ones.

mod twin;

use bytemuck::Zeroable;
use pinrail_book::{Book, Change};
use pinrail_types::record::{BookState, BookUpdate, SequenceRule, TopOfBook, VenueStatusKind};
use pinrail_types::{Flags, Px, Qty, Reason};
use proptest::prelude::*;

use twin::{BOTH, Levels, Naive, SNAPSHOT, SNAPSHOT_FIRST, SNAPSHOT_LAST, compare, status, update};

use BookState::{Building, Crossed, Disconnected, Empty, Gapped, Healthy, Mismatched};

fn snapshot(id: u64) -> BookUpdate {
    update(
        SNAPSHOT,
        (id, id, 0),
        &[(99, 5), (98, 5), (90, 1)],
        &[(101, 5), (102, 5), (110, 1)],
    )
}

fn next(id: u64, bids: Levels<'_>, asks: Levels<'_>) -> BookUpdate {
    update(BOTH, (id, id, id - 1), bids, asks)
}

fn top(id: u64, bid: (i64, i64), ask: (i64, i64)) -> TopOfBook {
    TopOfBook {
        update_id: id,
        bid_px: Px(bid.0),
        bid_qty: Qty(bid.1),
        ask_px: Px(ask.0),
        ask_qty: Qty(ask.1),
        ..TopOfBook::zeroed()
    }
}

/// Healthy as of 100.
fn book() -> Book {
    let mut book = Book::new(SequenceRule::Plain, 16);
    assert_eq!(
        book.apply(&snapshot(100)),
        Change {
            before: Empty,
            now: Healthy,
            reason: Reason::None
        }
    );
    book
}

fn best(book: &Book) -> [Option<(i64, i64)>; 2] {
    [book.best_bid(), book.best_ask()].map(|level| level.map(|level| (level.px.0, level.qty.0)))
}

/// The book is unusable, drops what follows, and comes back with a snapshot.
fn assert_needs_snapshot(book: &mut Book, state: BookState, reason: Reason) {
    assert_eq!((book.state(), book.reason()), (state, reason));
    let last_id = book.last_id();
    let change = book.apply(&next(last_id + 1, &[(97, 1)], &[]));
    assert_eq!((change.now, change.reason), (state, reason));
    assert_eq!(book.on_top(&top(last_id, (99, 5), (101, 5))).now, state);
    assert_eq!(book.apply(&snapshot(500)).now, Healthy);
    assert_eq!(best(book), [Some((99, 5)), Some((101, 5))]);
    assert_eq!(book.apply(&next(501, &[(99, 7)], &[])).now, Healthy);
    assert_eq!(best(book), [Some((99, 7)), Some((101, 5))]);
}

#[test]
fn an_update_in_sequence_is_applied() {
    let mut book = book();
    let change = book.apply(&next(101, &[(99, 0), (98, 6)], &[(100, 2)]));
    assert!(!change.is_change());
    assert_eq!(best(&book), [Some((98, 6)), Some((100, 2))]);
    assert_eq!((book.last_id(), book.ts_recv()), (101, 1_000));
}

#[test]
fn what_the_snapshot_holds_and_a_repeated_update_change_nothing() {
    let mut book = book();
    let late = |id| {
        let mut late = next(id, &[(99, 0), (98, 0)], &[]);
        late.ts_recv = 2_000;
        late
    };
    assert_eq!(book.apply(&late(100)).now, Healthy);
    assert_eq!(book.apply(&late(7)).now, Healthy);
    book.apply(&next(101, &[(99, 6)], &[]));
    assert_eq!(book.apply(&late(101)).now, Healthy);
    assert_eq!(best(&book), [Some((99, 6)), Some((101, 5))]);
    assert_eq!(book.ts_recv(), 1_000, "a dropped update is no sign of life");
}

#[test]
fn an_id_that_goes_back_gaps_the_book() {
    let mut book = book();
    book.apply(&next(101, &[(99, 6)], &[]));
    assert_eq!(book.apply(&next(100, &[(99, 6)], &[])).now, Gapped);
    assert_needs_snapshot(&mut book, Gapped, Reason::BookGap);
}

#[test]
fn a_hole_gaps_the_book() {
    let mut book = book();
    let change = book.apply(&next(102, &[(99, 6)], &[]));
    assert_eq!(
        change,
        Change {
            before: Healthy,
            now: Gapped,
            reason: Reason::BookGap
        }
    );
    assert_needs_snapshot(&mut book, Gapped, Reason::BookGap);
}

#[test]
fn binance_books_are_building_until_an_update_bridges() {
    for (rule, bridge) in [
        (SequenceRule::BinanceSpot, (90, 105, 0)),
        (SequenceRule::BinanceUsdm, (90, 105, 89)),
    ] {
        let mut book = Book::new(rule, 16);
        assert_eq!(book.apply(&update(BOTH, bridge, &[(99, 9)], &[])).now, Empty);
        let change = book.apply(&snapshot(100));
        assert_eq!(
            change,
            Change {
                before: Empty,
                now: Building,
                reason: Reason::BookBuilding
            }
        );
        let old = update(BOTH, (80, 89, 79), &[(99, 9)], &[]);
        assert_eq!(book.apply(&old).now, Building);
        let change = book.apply(&update(BOTH, bridge, &[(99, 9)], &[]));
        assert_eq!(
            change,
            Change {
                before: Building,
                now: Healthy,
                reason: Reason::None
            }
        );
        assert_eq!(best(&book), [Some((99, 9)), Some((101, 5))]);
    }
}

#[test]
fn a_book_is_building_between_the_parts_of_an_update() {
    let mut book = book();
    let ids = (101, 110, 100);
    assert!(
        !book
            .apply(&update(Flags::FIRST, ids, &[(100, 1)], &[]))
            .is_change()
    );
    assert_eq!((book.state(), book.reason()), (Building, Reason::BookBuilding));
    assert!(
        !book
            .apply(&update(Flags::NONE, ids, &[], &[(101, 0)]))
            .is_change()
    );
    assert_eq!(book.state(), Building);
    assert!(
        !book
            .apply(&update(Flags::LAST, ids, &[], &[(102, 8)]))
            .is_change()
    );
    assert_eq!(book.state(), Healthy);
    assert_eq!(best(&book), [Some((100, 1)), Some((102, 8))]);
}

#[test]
fn a_snapshot_in_parts_replaces_the_book() {
    let mut book = book();
    let ids = (200, 200, 0);
    let change = book.apply(&update(SNAPSHOT_FIRST, ids, &[(50, 1)], &[]));
    assert_eq!(
        change,
        Change {
            before: Healthy,
            now: Building,
            reason: Reason::BookBuilding
        }
    );
    let change = book.apply(&update(SNAPSHOT_LAST, ids, &[], &[(60, 1)]));
    assert_eq!(
        change,
        Change {
            before: Building,
            now: Healthy,
            reason: Reason::None
        }
    );
    assert_eq!(best(&book), [Some((50, 1)), Some((60, 1))]);
}

#[test]
fn broken_batches_gap_the_book() {
    let first = |ids| update(Flags::FIRST, ids, &[(97, 1)], &[]);
    let ids = (101, 110, 100);
    let broken: [&[BookUpdate]; 7] = [
        // A last or a middle part without the first.
        &[update(Flags::LAST, ids, &[(97, 1)], &[])],
        &[update(Flags::NONE, ids, &[(97, 1)], &[])],
        // The next update before the last part.
        &[first(ids), update(BOTH, (111, 111, 110), &[], &[])],
        // Ids that change between the parts.
        &[first(ids), update(Flags::LAST, (101, 111, 100), &[], &[])],
        &[first(ids), update(Flags::LAST, (102, 110, 100), &[], &[])],
        &[first(ids), update(Flags::LAST, (101, 110, 99), &[], &[])],
        // A part of a snapshot in an update.
        &[first(ids), update(SNAPSHOT_LAST, ids, &[], &[])],
    ];
    for parts in broken {
        let mut book = book();
        for part in parts {
            book.apply(part);
        }
        assert_needs_snapshot(&mut book, Gapped, Reason::BookGap);
    }
}

#[test]
fn a_broken_snapshot_gaps_the_book() {
    let mut book = book();
    let ids = (200, 200, 0);
    book.apply(&update(SNAPSHOT_FIRST, ids, &[(50, 1)], &[]));
    let change = book.apply(&update(Flags::LAST, ids, &[], &[(60, 1)]));
    assert_eq!(
        change,
        Change {
            before: Building,
            now: Gapped,
            reason: Reason::BookGap
        }
    );
    // The snapshot's last part alone is not taken for one.
    assert_eq!(
        book.apply(&update(SNAPSHOT_LAST, ids, &[(50, 1)], &[(60, 1)]))
            .now,
        Gapped
    );
    assert_eq!(book.apply(&snapshot(500)).now, Healthy);
}

#[test]
fn a_snapshot_is_taken_in_the_middle_of_another_batch() {
    for flags in [Flags::FIRST, SNAPSHOT_FIRST] {
        let mut book = book();
        book.apply(&update(flags, (101, 110, 100), &[(97, 1)], &[]));
        assert_eq!(book.apply(&snapshot(300)).now, Healthy);
        assert_eq!(best(&book), [Some((99, 5)), Some((101, 5))]);
    }
}

#[test]
fn malformed_levels_gap_the_book() {
    let bad = [
        (99, -1),
        (99, Qty::ABS_MAX + 1),
        (99, i64::MIN),
        (Px::ABS_MAX + 1, 1),
        (-Px::ABS_MAX - 1, 0),
        (Px::NONE.0, 0),
        (i64::MAX, 1),
    ];
    for level in bad {
        for (bids, asks) in [(&[level][..], &[][..]), (&[], &[level])] {
            let mut book = book();
            let change = book.apply(&next(101, bids, asks));
            assert_eq!(
                change,
                Change {
                    before: Healthy,
                    now: Gapped,
                    reason: Reason::BadField
                }
            );
            assert_needs_snapshot(&mut book, Gapped, Reason::BadField);
        }
    }
}

#[test]
fn counts_that_do_not_fit_gap_the_book() {
    let mut book = book();
    let mut wrong = next(101, &[(99, 1)], &[]);
    wrong.bids = 12;
    book.apply(&wrong);
    assert_needs_snapshot(&mut book, Gapped, Reason::BadLayout);
}

#[test]
fn the_ends_of_the_range_are_taken() {
    let mut book = Book::new(SequenceRule::Plain, 16);
    let far = Px::ABS_MAX;
    let full = Qty::ABS_MAX;
    book.apply(&update(SNAPSHOT, (1, 1, 0), &[(-far, full)], &[(far, full)]));
    assert_eq!(best(&book), [Some((-far, full)), Some((far, full))]);
    book.apply(&next(2, &[(0, 1)], &[(1, 1)]));
    assert_eq!(best(&book), [Some((0, 1)), Some((1, 1))]);
    book.apply(&next(3, &[(0, 0), (-far, 0)], &[(1, 0)]));
    assert_eq!(best(&book), [None, Some((far, full))]);
}

#[test]
fn a_crossed_book_is_unusable_until_it_is_not() {
    for crossing in [101, 105] {
        let mut book = book();
        let change = book.apply(&next(101, &[(crossing, 1)], &[]));
        assert_eq!(
            change,
            Change {
                before: Healthy,
                now: Crossed,
                reason: Reason::BookCrossed
            }
        );
        assert_eq!(book.apply(&next(102, &[(97, 1)], &[])).now, Crossed);
        let change = book.apply(&next(103, &[(crossing, 0)], &[]));
        assert_eq!(
            change,
            Change {
                before: Crossed,
                now: Healthy,
                reason: Reason::None
            }
        );
    }
    // Crossed in the middle of an update is no matter.
    let mut book = book();
    book.apply(&update(Flags::FIRST, (101, 101, 0), &[(103, 1)], &[]));
    assert_eq!(
        book.apply(&update(Flags::LAST, (101, 101, 0), &[], &[(101, 0), (102, 0)]))
            .now,
        Healthy
    );
    // So is a snapshot that is crossed, once an update has put it right.
    let mut book = Book::new(SequenceRule::Plain, 16);
    let crossed = update(SNAPSHOT, (1, 1, 0), &[(5, 1)], &[(5, 1)]);
    assert_eq!(book.apply(&crossed).now, Crossed);
    assert_eq!(book.apply(&next(2, &[], &[(5, 0), (6, 1)])).now, Healthy);
}

#[test]
fn a_ticker_is_compared_where_the_ids_are_equal() {
    let (bid, ask) = ((99, 5), (101, 5));
    let mut book = book();
    assert_eq!(book.on_top(&top(100, bid, ask)).now, Healthy);
    assert_eq!(
        book.on_top(&top(99, (1, 1), (2, 2))).now,
        Healthy,
        "of an older update"
    );
    assert_eq!(book.tops_compared(), 1);
    // Before its update, also between the update's parts.
    assert_eq!(book.on_top(&top(101, (98, 5), ask)).now, Healthy);
    assert_eq!(book.on_top(&top(102, (98, 5), ask)).now, Healthy);
    assert_eq!(book.apply(&next(101, &[(99, 0)], &[])).now, Healthy);
    assert_eq!(book.tops_compared(), 2);
    book.apply(&update(Flags::FIRST, (102, 102, 0), &[(98, 0)], &[]));
    book.on_top(&top(102, (98, 5), ask));
    assert_eq!(
        book.apply(&update(Flags::LAST, (102, 102, 0), &[(98, 5)], &[]))
            .now,
        Healthy
    );
    assert_eq!(book.tops_compared(), 4);
}

#[test]
fn a_ticker_that_differs_makes_the_book_unusable() {
    for (bid, ask) in [
        ((98, 5), (101, 5)),
        ((99, 4), (101, 5)),
        ((99, 5), (102, 5)),
        ((99, 5), (101, 6)),
    ] {
        let mut book = book();
        let change = book.on_top(&top(100, bid, ask));
        assert_eq!(
            change,
            Change {
                before: Healthy,
                now: Mismatched,
                reason: Reason::BookMismatch
            }
        );
        assert_needs_snapshot(&mut book, Mismatched, Reason::BookMismatch);
        let mut book = self::book();
        book.on_top(&top(101, bid, ask));
        let change = book.apply(&next(101, &[], &[]));
        assert_eq!(
            change,
            Change {
                before: Healthy,
                now: Mismatched,
                reason: Reason::BookMismatch
            }
        );
        assert_needs_snapshot(&mut book, Mismatched, Reason::BookMismatch);
    }
}

#[test]
fn tickers_of_a_lost_connection_are_forgotten() {
    let mut book = book();
    book.on_top(&top(501, (1, 1), (2, 2)));
    book.on_status(&status(VenueStatusKind::Disconnected.byte()));
    assert_eq!(book.apply(&snapshot(500)).now, Healthy);
    assert_eq!(book.apply(&next(501, &[], &[])).now, Healthy);
}

#[test]
fn status_records_stop_the_book() {
    for (kind, state, reason) in [
        (VenueStatusKind::Connected.byte(), Empty, Reason::BookBuilding),
        (
            VenueStatusKind::Disconnected.byte(),
            Disconnected,
            Reason::VenueDisconnected,
        ),
        (VenueStatusKind::Gap.byte(), Gapped, Reason::BookGap),
        (77, Gapped, Reason::BadField),
    ] {
        let mut book = book();
        let change = book.on_status(&status(kind));
        assert_eq!(
            change,
            Change {
                before: Healthy,
                now: state,
                reason
            }
        );
        assert_needs_snapshot(&mut book, state, reason);
        // In the middle of an update.
        book.apply(&update(Flags::FIRST, (502, 503, 501), &[(1, 1)], &[]));
        assert_eq!(book.on_status(&status(kind)).now, state);
        assert_eq!(
            book.apply(&update(Flags::LAST, (502, 503, 501), &[], &[])).now,
            state
        );
        assert_needs_snapshot(&mut book, state, reason);
    }
}

#[test]
fn levels_beyond_the_snapshot_are_kept_but_not_known() {
    let mut book = book();
    book.apply(&next(101, &[(80, 7)], &[(120, 7)]));
    assert_eq!(book.bids().iter_reported().count(), 4);
    assert_eq!(book.bids().iter().count(), 3);
    assert_eq!(
        (book.bids().horizon(), book.asks().horizon()),
        (Some(Px(90)), Some(Px(110)))
    );
    // All that was known is gone: the side is empty, whatever else was reported.
    let change = book.apply(&next(102, &[(99, 0), (98, 0), (90, 0)], &[]));
    assert_eq!(change.now, Healthy);
    assert_eq!(best(&book), [None, Some((101, 5))]);
    // A ticker from the unknown agrees; one from the known range does not.
    assert_eq!(book.on_top(&top(102, (89, 1), (101, 5))).now, Healthy);
    assert_eq!(book.on_top(&top(102, (90, 1), (101, 5))).now, Mismatched);
}

#[test]
fn a_mirrored_book_is_known_down_to_its_worst_level_after_each_update() {
    let mut book = Book::new(SequenceRule::Mirrored, 3);
    assert_eq!(book.apply(&snapshot(100)).now, Healthy);
    let horizons = |book: &Book| (book.bids().horizon(), book.asks().horizon());
    book.apply(&next(101, &[(90, 0), (80, 7)], &[(110, 0)]));
    assert_eq!(horizons(&book), (Some(Px(80)), Some(Px(102))));
    book.apply(&next(102, &[], &[(101, 0), (102, 0)]));
    assert_eq!(horizons(&book), (Some(Px(80)), None));
    // A level that found no room is forgotten, and what lies from it on is not known again before a snapshot.
    book.apply(&next(103, &[(97, 1)], &[]));
    book.apply(&next(104, &[(97, 0), (70, 1)], &[]));
    assert_eq!(book.bids().horizon(), Some(Px(81)));
    book.apply(&snapshot(105));
    assert_eq!(horizons(&book), (Some(Px(90)), Some(Px(110))));
}

#[test]
fn staleness_counts_from_the_last_update_either_way() {
    let book = book();
    assert!(!book.is_stale(1_000, 0) && !book.is_stale(1_500, 500));
    assert!(book.is_stale(1_501, 500));
    assert!(book.is_stale(499, 500), "received in the future");
    assert!(!book.is_stale(500, 500));
}

#[derive(Clone, Debug)]
struct Step {
    /// How far the ids are from those that are right: mostly nothing.
    skew: [i64; 3],
    is_snapshot: bool,
    status: u8,
    /// Levels of each part: side, distance from the middle, quantity.
    parts: Vec<Vec<(bool, i64, i64)>>,
    /// A part that is lost.
    lost: usize,
}

fn step() -> impl Strategy<Value = Step> {
    let level = (
        any::<bool>(),
        prop_oneof![20 => -3..40_i64, 5 => 40..20_000_i64],
        prop_oneof![200 => 0..4_i64, 1 => Just(-1)],
    );
    let skew = || prop_oneof![60 => Just(0), 1 => -3..4_i64];
    (
        [skew(), skew(), skew()],
        prop_oneof![8 => Just(false), 1 => Just(true)],
        prop_oneof![60 => Just(0_u8), 1 => 1..5_u8],
        prop::collection::vec(prop::collection::vec(level, 0..11), 1..4),
        prop_oneof![40 => Just(usize::MAX), 1 => 0..3_usize],
    )
        .prop_map(|(skew, is_snapshot, status, parts, lost)| Step {
            skew,
            is_snapshot,
            status,
            parts,
            lost,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_book_does_what_its_naive_twin_does(
        rule in prop_oneof![
            Just(SequenceRule::Plain),
            Just(SequenceRule::BinanceSpot),
            Just(SequenceRule::BinanceUsdm),
            Just(SequenceRule::Mirrored),
        ],
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut book = Book::new(rule, 4096);
        let mut naive = Naive::new(rule, 4096);
        let mut id = 1_000_u64;
        for step in steps {
            if step.status > 0 {
                book.on_status(&status(step.status));
                naive.fail(match step.status { 1 => Empty, 2 => Disconnected, _ => Gapped });
            }
            let at = |by: i64, skew: i64| (id as i64 + by + skew) as u64;
            let ids = if step.is_snapshot {
                (at(0, step.skew[0]), at(0, step.skew[0]), 0)
            } else {
                // A bridge on a snapshot of USD-M futures reaches back to it.
                let back = i64::from(rule != SequenceRule::BinanceUsdm || naive.synced.is_some_and(|(_, on)| on));
                (at(back, step.skew[0]), at(3, step.skew[1]), at(0, step.skew[2]))
            };
            let last = step.parts.len() - 1;
            for (i, levels) in step.parts.iter().enumerate().filter(|(i, _)| *i != step.lost) {
                let side = |is_bid| -> Vec<(i64, i64)> {
                    let levels = levels.iter().filter(|level| level.0 == is_bid);
                    levels.map(|(_, at, qty)| (if is_bid { 10_000 - at } else { 10_001 + at }, *qty)).collect()
                };
                let mut flags = if step.is_snapshot { Flags::SNAPSHOT } else { Flags::NONE };
                if i == 0 { flags = flags.with(Flags::FIRST); }
                if i == last { flags = flags.with(Flags::LAST); }
                let part = update(flags, ids, &side(true), &side(false));
                book.apply(&part);
                naive.apply(&part, flags);
                compare(&book, &naive);
            }
            id = naive.synced.map_or(id + 3, |((_, held), _)| held);
        }
    }
}
