//! Each way in which a feed goes wrong, under each sequence rule, in lockstep with a naive twin. A test's name says the
//! rule and the fault.

mod twin;

use pinrail_book::Book;
use pinrail_types::record::{BookState, BookUpdate, SequenceRule, VenueStatusKind};
use pinrail_types::{Flags, Reason};
use twin::{BOTH, Levels, Naive, SNAPSHOT, SNAPSHOT_FIRST, SNAPSHOT_LAST, compare, status, update};

use BookState::{Building, Crossed, Disconnected, Gapped, Healthy};

const LEVELS_MAX: usize = 4;
const BIDS: Levels<'static> = &[(99, 5), (98, 5), (90, 1)];
const ASKS: Levels<'static> = &[(101, 5), (102, 5), (110, 1)];

type Ids = (u64, u64, u64);

/// A book and its twin.
struct Feed {
    rule: SequenceRule,
    book: Book,
    naive: Naive,
}

impl Feed {
    fn new(rule: SequenceRule) -> Feed {
        Feed {
            rule,
            book: Book::new(rule, LEVELS_MAX),
            naive: Naive::new(rule, LEVELS_MAX),
        }
    }

    /// A snapshot as of `id`, and nothing on it yet.
    fn at_snapshot(rule: SequenceRule, id: u64) -> Feed {
        let mut feed = Feed::new(rule);
        feed.snapshot(id);
        feed
    }

    /// Healthy, one update on a snapshot.
    fn following(rule: SequenceRule) -> Feed {
        let mut feed = Feed::at_snapshot(rule, 1_000);
        feed.next(&[], &[]);
        assert_eq!(feed.book.state(), Healthy);
        feed
    }

    fn put(&mut self, update: &BookUpdate, flags: Flags) {
        self.book.apply(update);
        self.naive.apply(update, flags);
        compare(&self.book, &self.naive);
    }

    fn part(&mut self, flags: Flags, ids: Ids, bids: Levels<'_>, asks: Levels<'_>) {
        self.put(&update(flags, ids, bids, asks), flags);
    }

    fn snapshot(&mut self, id: u64) {
        self.part(SNAPSHOT, (id, id, 0), BIDS, ASKS);
    }

    /// The ids of the update that is due behind one that ended with `held`.
    fn ids_behind(&self, held: u64) -> Ids {
        match self.rule {
            // Other symbols' updates have ids in between.
            SequenceRule::BinanceUsdm => (held + 5, held + 9, held),
            _ => (held + 1, held + 4, 0),
        }
    }

    /// The ids of the update that is due.
    fn next_ids(&self) -> Ids {
        let held = self.book.last_id();
        let is_on_snapshot = self.naive.synced.is_some_and(|(_, follows)| !follows);
        match self.rule {
            SequenceRule::BinanceSpot | SequenceRule::BinanceUsdm if is_on_snapshot => {
                (held - 3, held + 4, held - 4)
            }
            _ => self.ids_behind(held),
        }
    }

    /// The update that is due.
    fn next(&mut self, bids: Levels<'_>, asks: Levels<'_>) -> Ids {
        let ids = self.next_ids();
        self.part(BOTH, ids, bids, asks);
        ids
    }

    fn state(&self) -> (BookState, Reason) {
        (self.book.state(), self.book.reason())
    }

    fn best(&self) -> [Option<i64>; 2] {
        [self.book.best_bid(), self.book.best_ask()].map(|level| level.map(|level| level.px.0))
    }

    /// The book is unusable, stays so whatever update comes, and is as good as new behind a snapshot.
    #[track_caller]
    fn assert_lost(&mut self, state: BookState, reason: Reason) {
        assert_eq!(self.state(), (state, reason));
        let held = self.book.last_id();
        for ids in [self.ids_behind(held), (held, held, held), (1, u64::MAX, held)] {
            self.part(BOTH, ids, &[(97, 1)], &[]);
            assert_eq!(self.state(), (state, reason));
        }
        // As of an older id as well: the venue may have begun to count anew.
        for id in [5_000, 20] {
            self.snapshot(id);
            self.next(&[(99, 7)], &[(101, 0)]);
            assert_eq!(
                (self.state(), self.best()),
                ((Healthy, Reason::None), [Some(99), Some(102)])
            );
        }
    }
}

/// Tests of every fault under every rule.
macro_rules! under_every_rule {
    ($($fault:ident),+ $(,)?) => {
        under_every_rule!(@rule plain Plain $($fault)+);
        under_every_rule!(@rule binance_spot BinanceSpot $($fault)+);
        under_every_rule!(@rule binance_usdm BinanceUsdm $($fault)+);
        under_every_rule!(@rule mirrored Mirrored $($fault)+);
    };
    (@rule $module:ident $rule:ident $($fault:ident)+) => {
        mod $module {
            $(
                #[test]
                fn $fault() {
                    super::$fault(super::SequenceRule::$rule);
                }
            )+
        }
    };
}

under_every_rule!(
    gap,
    gap_behind_the_snapshot,
    duplicate,
    duplicate_with_other_levels,
    update_that_the_snapshot_holds,
    out_of_order,
    late_one,
    overlap,
    ids_turned_round,
    reset_to_low_ids,
    reset_with_a_snapshot,
    snapshot_in_mid_stream,
    snapshot_in_mid_update,
    update_in_mid_snapshot,
    lost_part,
    crossed,
    locked,
    crossed_snapshot,
    empty_side,
    empty_snapshot,
    beyond_known_depth,
    more_levels_than_the_bound,
    snapshot_of_more_levels_than_the_bound,
    venue_clock_far_off,
    disconnect,
    ids_at_the_end_of_their_range,
);

fn gap(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    let lost = feed.next_ids();
    let ids = feed.ids_behind(lost.1);
    feed.part(BOTH, ids, &[(99, 9)], &[]);
    feed.assert_lost(Gapped, Reason::BookGap);
}

fn gap_behind_the_snapshot(rule: SequenceRule) {
    let mut feed = Feed::at_snapshot(rule, 1_000);
    feed.part(BOTH, (1_002, 1_004, 1_001), &[(99, 9)], &[]);
    feed.assert_lost(Gapped, Reason::BookGap);
}

fn duplicate(rule: SequenceRule) {
    for mut feed in [Feed::at_snapshot(rule, 1_000), Feed::following(rule)] {
        let ids = feed.next(&[(99, 9)], &[]);
        for _ in 0..3 {
            feed.part(BOTH, ids, &[(99, 9)], &[]);
            assert_eq!(
                (feed.state(), feed.book.last_id()),
                ((Healthy, Reason::None), ids.1)
            );
        }
        feed.next(&[(99, 0)], &[]);
        assert_eq!((feed.book.state(), feed.best()), (Healthy, [Some(98), Some(101)]));
    }
}

fn duplicate_with_other_levels(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    let ids = feed.next(&[(99, 9)], &[]);
    let mut again = update(BOTH, ids, &[(99, 0)], &[]);
    again.ts_recv = 77_000;
    feed.put(&again, BOTH);
    // The levels of the first stand, and it is no sign of life.
    assert_eq!(feed.best(), [Some(99), Some(101)]);
    assert_eq!(feed.book.ts_recv(), 1_000);
}

fn update_that_the_snapshot_holds(rule: SequenceRule) {
    let mut feed = Feed::at_snapshot(rule, 1_000);
    let before = feed.state();
    feed.part(BOTH, (980, 990, 979), &[(99, 0)], &[]);
    assert_eq!((feed.state(), feed.best()[0]), (before, Some(99)));
    feed.next(&[], &[]);
    assert_eq!(feed.book.state(), Healthy);
}

fn out_of_order(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    let first = feed.next_ids();
    let second = feed.ids_behind(first.1);
    feed.part(BOTH, second, &[(99, 9)], &[]);
    assert_eq!(feed.book.state(), Gapped);
    feed.part(BOTH, first, &[(99, 8)], &[]);
    feed.assert_lost(Gapped, Reason::BookGap);
}

fn late_one(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    let late = feed.next(&[], &[]);
    feed.next(&[], &[]);
    feed.part(BOTH, late, &[(99, 9)], &[]);
    feed.assert_lost(Gapped, Reason::BookGap);
}

fn overlap(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    let held = feed.book.last_id();
    feed.part(BOTH, (held, held + 4, held - 1), &[(99, 9)], &[]);
    feed.assert_lost(Gapped, Reason::BookGap);
}

fn ids_turned_round(rule: SequenceRule) {
    for mut feed in [Feed::at_snapshot(rule, 1_000), Feed::following(rule)] {
        let (first, last, prev) = feed.next_ids();
        feed.part(BOTH, (last, first, prev), &[(99, 9)], &[]);
        feed.assert_lost(Gapped, Reason::BookGap);
    }
}

fn reset_to_low_ids(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    feed.part(BOTH, (1, 4, 0), &[(99, 9)], &[]);
    feed.assert_lost(Gapped, Reason::BookGap);
}

fn reset_with_a_snapshot(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    feed.snapshot(10);
    assert_eq!(feed.book.last_id(), 10);
    let ids = feed.next(&[(100, 1)], &[]);
    assert_eq!((feed.book.state(), feed.best()[0]), (Healthy, Some(100)));
    assert_eq!(feed.book.last_id(), ids.1);
}

fn snapshot_in_mid_stream(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    feed.next(&[(100, 3), (98, 0)], &[(105, 2)]);
    feed.snapshot(2_000);
    // Nothing of the old book is left.
    assert_eq!((feed.best(), feed.book.asks().len()), ([Some(99), Some(101)], 3));
    feed.next(&[], &[(101, 0)]);
    assert_eq!((feed.book.state(), feed.best()), (Healthy, [Some(99), Some(102)]));
}

fn snapshot_in_mid_update(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    let ids = feed.next_ids();
    feed.part(Flags::FIRST, ids, &[(97, 1)], &[]);
    assert_eq!(feed.state(), (Building, Reason::BookBuilding));
    feed.snapshot(2_000);
    feed.next(&[], &[]);
    assert_eq!((feed.book.state(), feed.book.bids().len()), (Healthy, 3));
    // The rest of the update that was cut comes after all.
    feed.part(Flags::LAST, ids, &[(96, 1)], &[]);
    feed.assert_lost(Gapped, Reason::BookGap);
}

fn update_in_mid_snapshot(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    feed.part(SNAPSHOT_FIRST, (2_000, 2_000, 0), &[(50, 1)], &[]);
    assert_eq!(feed.state(), (Building, Reason::BookBuilding));
    feed.part(BOTH, (2_001, 2_004, 2_000), &[(51, 1)], &[]);
    assert_eq!(feed.state(), (Gapped, Reason::BookGap));
    feed.part(SNAPSHOT_LAST, (2_000, 2_000, 0), &[], &[(60, 1)]);
    feed.assert_lost(Gapped, Reason::BookGap);
}

fn lost_part(rule: SequenceRule) {
    // The first, the last, and all behind the first.
    for parts in [&[Flags::LAST][..], &[Flags::NONE], &[Flags::FIRST, BOTH]] {
        let mut feed = Feed::following(rule);
        let ids = feed.next_ids();
        for (i, flags) in parts.iter().enumerate() {
            let ids = if i == 0 { ids } else { feed.ids_behind(ids.1) };
            feed.part(*flags, ids, &[(97, 1)], &[]);
        }
        feed.assert_lost(Gapped, Reason::BookGap);
    }
}

fn crosses(rule: SequenceRule, bid: i64) {
    let mut feed = Feed::following(rule);
    feed.next(&[(bid, 1)], &[]);
    assert_eq!(feed.state(), (Crossed, Reason::BookCrossed));
    feed.next(&[(98, 6)], &[]);
    assert_eq!(feed.state(), (Crossed, Reason::BookCrossed));
    feed.next(&[(bid, 0)], &[]);
    assert_eq!(
        (feed.state(), feed.best()),
        ((Healthy, Reason::None), [Some(99), Some(101)])
    );
    // In mid-update it is no matter.
    let ids = feed.next_ids();
    feed.part(Flags::FIRST, ids, &[(bid, 1)], &[]);
    feed.part(Flags::LAST, ids, &[(bid, 0)], &[]);
    assert_eq!(feed.state(), (Healthy, Reason::None));
    feed.next(&[(bid, 1)], &[]);
    let lost = feed.next_ids().1;
    let ids = feed.ids_behind(lost);
    feed.part(BOTH, ids, &[], &[]);
    feed.assert_lost(Gapped, Reason::BookGap);
}

fn crossed(rule: SequenceRule) {
    crosses(rule, 105);
}

fn locked(rule: SequenceRule) {
    crosses(rule, 101);
}

fn crossed_snapshot(rule: SequenceRule) {
    for ask in [99, 90] {
        let mut feed = Feed::new(rule);
        feed.part(SNAPSHOT, (1_000, 1_000, 0), BIDS, &[(ask, 1), (102, 1)]);
        feed.next(&[], &[]);
        assert_eq!(feed.state(), (Crossed, Reason::BookCrossed));
        feed.next(&[], &[(ask, 0)]);
        assert_eq!((feed.book.state(), feed.best()), (Healthy, [Some(99), Some(102)]));
    }
}

fn empty_side(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    feed.next(&[(99, 0), (98, 0), (90, 0)], &[]);
    assert_eq!((feed.book.state(), feed.best()), (Healthy, [None, Some(101)]));
    // Within what was known before, or said to be known now.
    feed.next(&[(95, 2)], &[]);
    assert_eq!((feed.book.state(), feed.best()), (Healthy, [Some(95), Some(101)]));
    feed.next(&[(95, 0)], &[(101, 0), (102, 0), (110, 0)]);
    assert_eq!((feed.book.state(), feed.best()), (Healthy, [None, None]));
}

fn empty_snapshot(rule: SequenceRule) {
    let mut feed = Feed::new(rule);
    feed.part(SNAPSHOT, (1_000, 1_000, 0), &[], ASKS);
    feed.next(&[(95, 2)], &[]);
    // Nobody said how far the bids are known, but where each update does.
    let bid = (rule == SequenceRule::Mirrored).then_some(95);
    assert_eq!((feed.book.state(), feed.best()), (Healthy, [bid, Some(101)]));
}

fn beyond_known_depth(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    feed.next(&[(80, 7)], &[]);
    let is_known = rule == SequenceRule::Mirrored;
    assert_eq!(feed.book.bids().len(), 4);
    assert_eq!(feed.book.bids().iter().count(), 3 + usize::from(is_known));
    // The market moves there: the side is unknown, and no level of it is hedged on.
    feed.next(&[(99, 0), (98, 0), (90, 0)], &[]);
    assert_eq!(
        (feed.book.state(), feed.best()[0]),
        (Healthy, is_known.then_some(80))
    );
    feed.snapshot(2_000);
    feed.next(&[], &[]);
    assert_eq!(feed.best()[0], Some(99));
}

fn more_levels_than_the_bound(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    feed.next(&[(97, 1), (96, 1)], &[]);
    assert_eq!(feed.book.bids().len(), LEVELS_MAX);
    assert!(!feed.book.bids().knows(pinrail_types::Px(90)));
    // What was dropped is not known when there is room again.
    feed.next(&[(99, 0), (98, 0)], &[]);
    feed.next(&[(90, 3)], &[]);
    assert_eq!((feed.book.bids().len(), feed.book.bids().iter().count()), (3, 2));
    // Better ones push out worse ones, and the best is always there.
    for px in 91..101 {
        feed.next(&[(px, 1)], &[]);
        assert_eq!((feed.book.state(), feed.best()[0]), (Healthy, Some(px.max(97))));
    }
    feed.snapshot(9_000);
    feed.next(&[], &[]);
    assert_eq!(feed.book.bids().iter().count(), 3);
}

fn snapshot_of_more_levels_than_the_bound(rule: SequenceRule) {
    let mut feed = Feed::new(rule);
    let bids: Vec<(i64, i64)> = (0..6).map(|n| (99 - n, 1)).collect();
    feed.part(SNAPSHOT_FIRST, (1_000, 1_000, 0), &bids[3..], &[]);
    feed.part(SNAPSHOT_LAST, (1_000, 1_000, 0), &bids[..3], ASKS);
    feed.next(&[], &[]);
    let best: Vec<i64> = feed.book.bids().iter().map(|level| level.px.0).collect();
    assert_eq!((feed.book.state(), best), (Healthy, vec![99, 98, 97, 96]));
    feed.next(&[(99, 0)], &[]);
    feed.next(&[(95, 1)], &[]);
    assert_eq!(feed.book.bids().iter().count(), 3);
}

fn venue_clock_far_off(rule: SequenceRule) {
    const NOW: u64 = 1_000_000_000_000;
    let mut feed = Feed::following(rule);
    for ts_event in [0, 1, NOW - 1_270_000_000, NOW + 3_600_000_000_000, u64::MAX] {
        let mut next = update(BOTH, feed.next_ids(), &[(98, 6)], &[]);
        (next.ts_event, next.ts_recv) = (ts_event, NOW);
        feed.put(&next, BOTH);
        assert_eq!((feed.book.state(), feed.book.ts_recv()), (Healthy, NOW));
        assert!(!feed.book.is_stale(NOW, 0) && feed.book.is_stale(NOW + 2, 1));
    }
    // Ours: what was received in the future is as suspect as what is old.
    for ts_recv in [0, NOW - 2, NOW + 2, u64::MAX] {
        let mut next = update(BOTH, feed.next_ids(), &[], &[]);
        next.ts_recv = ts_recv;
        feed.put(&next, BOTH);
        assert!(feed.book.is_stale(NOW, 1), "{ts_recv}");
    }
}

fn disconnect(rule: SequenceRule) {
    let mut feed = Feed::following(rule);
    feed.book.on_status(&status(VenueStatusKind::Disconnected.byte()));
    feed.naive.fail(Disconnected);
    feed.assert_lost(Disconnected, Reason::VenueDisconnected);
}

fn ids_at_the_end_of_their_range(rule: SequenceRule) {
    for held in [u64::MAX - 1, u64::MAX] {
        let mut feed = Feed::at_snapshot(rule, held);
        for ids in [
            (held, held, held),
            (u64::MAX, u64::MAX, held),
            (0, 0, 0),
            (0, u64::MAX, u64::MAX),
        ] {
            feed.part(BOTH, ids, &[(99, 1)], &[]);
        }
    }
}
