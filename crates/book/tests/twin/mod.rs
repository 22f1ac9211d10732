//! Records of a feed, and a book told in the plainest way to compare the real one with.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;

use bytemuck::Zeroable;
use pinrail_book::Book;
use pinrail_types::record::{BookLevel, BookState, BookUpdate, SequenceRule, VenueStatus};
use pinrail_types::{Flags, Px, Qty};

use BookState::{Building, Crossed, Empty, Gapped, Healthy};

pub const BOTH: Flags = Flags(Flags::FIRST.0 | Flags::LAST.0);
pub const SNAPSHOT: Flags = Flags(BOTH.0 | Flags::SNAPSHOT.0);
pub const SNAPSHOT_FIRST: Flags = Flags(Flags::FIRST.0 | Flags::SNAPSHOT.0);
pub const SNAPSHOT_LAST: Flags = Flags(Flags::LAST.0 | Flags::SNAPSHOT.0);

pub type Levels<'a> = &'a [(i64, i64)];

pub fn update(flags: Flags, ids: (u64, u64, u64), bids: Levels<'_>, asks: Levels<'_>) -> BookUpdate {
    let mut update = BookUpdate {
        bids: bids.len() as u8,
        asks: asks.len() as u8,
        ts_recv: 1_000,
        first_id: ids.0,
        last_id: ids.1,
        prev_id: ids.2,
        ..BookUpdate::zeroed()
    };
    for (level, (px, qty)) in update.levels.iter_mut().zip(bids.iter().chain(asks)) {
        *level = BookLevel {
            px: Px(*px),
            qty: Qty(*qty),
        };
    }
    update.header.commit = update.commit_for(flags).pack();
    update
}

pub fn status(kind: u8) -> VenueStatus {
    VenueStatus {
        kind,
        ..VenueStatus::zeroed()
    }
}

/// A book told in the plainest way: an update is looked at when its last part is there.
pub struct Naive {
    rule: SequenceRule,
    sides: [BTreeMap<i64, i64>; 2],
    levels_max: usize,
    horizon: [Option<i64>; 2],
    /// No level beyond it is known before the next snapshot.
    horizon_max: [i64; 2],
    pub state: BookState,
    /// Ids of what is held last and whether an update was applied on the snapshot; none without a snapshot.
    pub synced: Option<((u64, u64), bool)>,
    parts: Vec<BookUpdate>,
}

impl Naive {
    pub fn new(rule: SequenceRule, levels_max: usize) -> Naive {
        Naive {
            rule,
            sides: Default::default(),
            levels_max,
            horizon: [None; 2],
            horizon_max: [i64::MAX; 2],
            state: Empty,
            synced: None,
            parts: Vec::new(),
        }
    }

    pub fn fail(&mut self, state: BookState) {
        self.state = state;
        self.synced = None;
        self.parts.clear();
    }

    pub fn is_new(&self, (first, last, prev): (u64, u64, u64)) -> Option<bool> {
        let (latest, follows) = self.synced?;
        let wide = u128::from;
        let held = wide(latest.1);
        let (new, next) = match (self.rule, follows) {
            (SequenceRule::Plain | SequenceRule::Mirrored, _) | (SequenceRule::BinanceSpot, true) => {
                (wide(last) > held, wide(first) == held + 1)
            }
            (SequenceRule::BinanceSpot, false) => (wide(last) > held, wide(first) <= held + 1),
            (SequenceRule::BinanceUsdm, false) => (wide(last) >= held, wide(first) <= held),
            (SequenceRule::BinanceUsdm, true) => (wide(last) > held, wide(prev) == held),
        };
        let is_old = !new && follows && (first, last) != latest;
        if first > last || is_old || (new && !next) {
            None
        } else {
            Some(new)
        }
    }

    pub fn apply(&mut self, update: &BookUpdate, flags: Flags) {
        let is_snapshot = flags.has(Flags::SNAPSHOT);
        let ids = (update.first_id, update.last_id, update.prev_id);
        if is_snapshot && flags.has(Flags::FIRST) {
            self.fail(Building);
        } else if self.parts.is_empty() && self.synced.is_none() {
            return;
        } else if flags.has(Flags::FIRST) {
            if !self.parts.is_empty() || self.is_new(ids).is_none() {
                return self.fail(Gapped);
            }
        } else {
            let opened = self.parts.first().filter(|first| {
                (first.first_id, first.last_id, first.prev_id) == ids
                    && first.header.commit >> 8 & 4 == update.header.commit >> 8 & 4
            });
            if opened.is_none() {
                return self.fail(Gapped);
            }
        }
        let drops = !self.opens_snapshot(update) && self.is_new(ids) == Some(false);
        let levels = &update.levels[..usize::from(update.bids + update.asks)];
        let bad =
            |level: &BookLevel| !level.px.is_representable() || !(0..=Qty::ABS_MAX).contains(&level.qty.0);
        if !drops && levels.iter().any(bad) {
            return self.fail(Gapped);
        }
        self.parts.push(*update);
        if flags.has(Flags::LAST) {
            let parts = std::mem::take(&mut self.parts);
            if !drops {
                self.finish(&parts, is_snapshot);
            }
        }
    }

    fn opens_snapshot(&self, update: &BookUpdate) -> bool {
        let first = self.parts.first().unwrap_or(update);
        first.header.commit >> 8 & 4 != 0
    }

    fn finish(&mut self, parts: &[BookUpdate], is_snapshot: bool) {
        if is_snapshot {
            self.sides = Default::default();
            self.horizon_max = [i64::MAX; 2];
        }
        for part in parts {
            let (bids, asks) = part.sides().expect("made by `update`");
            for (side, sign, levels) in [(0, -1, bids), (1, 1, asks)] {
                for level in levels {
                    self.set(side, sign * level.px.0, level.qty.0);
                }
            }
        }
        if is_snapshot || self.rule == SequenceRule::Mirrored {
            self.horizon = [0, 1].map(|side| self.sides[side].keys().last().copied());
        }
        for (horizon, most) in self.horizon.iter_mut().zip(self.horizon_max) {
            *horizon = horizon.map(|horizon| horizon.min(most));
        }
        self.synced = Some(((parts[0].first_id, parts[0].last_id), !is_snapshot));
        let best = [0, 1].map(|side| self.sides[side].keys().next().copied());
        self.state = match best {
            _ if is_snapshot && self.waits_for_bridge() => Building,
            [Some(bid), Some(ask)] if -bid >= ask => Crossed,
            _ => Healthy,
        };
    }

    fn set(&mut self, side: usize, key: i64, qty: i64) {
        self.sides[side].insert(key, qty);
        self.sides[side].retain(|_, qty| *qty != 0);
        if self.sides[side].len() > self.levels_max {
            let (worst, _) = self.sides[side].pop_last().expect("more levels than none");
            self.horizon_max[side] = self.horizon_max[side].min(worst - 1);
        }
    }

    fn waits_for_bridge(&self) -> bool {
        matches!(self.rule, SequenceRule::BinanceSpot | SequenceRule::BinanceUsdm)
    }

    fn known(&self, side: usize) -> Vec<(i64, i64)> {
        let sign = if side == 0 { -1 } else { 1 };
        let known = |key: &i64| self.horizon[side].is_some_and(|horizon| *key <= horizon);
        let levels = self.sides[side].iter().filter(|(key, _)| known(key));
        levels.map(|(key, qty)| (key * sign, *qty)).collect()
    }
}

pub fn compare(book: &Book, naive: &Naive) {
    if let Some(first) = naive.parts.first() {
        let ids = (first.first_id, first.last_id, first.prev_id);
        let drops = !naive.opens_snapshot(first) && naive.is_new(ids) == Some(false);
        assert_eq!(book.state(), if drops { naive.state } else { Building });
        return;
    }
    assert_eq!(book.state(), naive.state);
    let Some(((_, last_id), _)) = naive.synced else {
        return;
    };
    assert_eq!(book.last_id(), last_id);
    for (side, levels) in [book.bids(), book.asks()].into_iter().enumerate() {
        let levels: Vec<_> = levels.iter().map(|level| (level.px.0, level.qty.0)).collect();
        assert_eq!(levels, naive.known(side));
    }
}
