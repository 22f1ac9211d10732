//! A venue's book as its own messages tell it.

use std::collections::BTreeMap;

use pinrail_types::record::BookLevel;
use pinrail_types::{Px, Qty};

use super::Doubt;
use crate::wire::Action;

/// Both sides of a book, bids first. Keys fall towards the best: the price itself for offers, its negative for bids.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    sides: [BTreeMap<i64, i64>; 2],
}

const SIGNS: [i64; 2] = [-1, 1];

impl Mirror {
    /// Changes a level of side 0 (bids) or 1 (offers); `qty` is not negative.
    pub(crate) fn apply(&mut self, side: usize, action: Action, px: i64, qty: i64) -> Result<(), Doubt> {
        let key = px * SIGNS[side];
        let levels = &mut self.sides[side];
        let before = if qty == 0 {
            levels.remove(&key)
        } else {
            levels.insert(key, qty)
        };
        match (action, before) {
            (Action::Set, _) | (Action::New, None) | (Action::Change | Action::Delete, Some(_)) => Ok(()),
            (Action::New, Some(_)) => Err(Doubt::KnownLevel),
            (Action::Change | Action::Delete, None) => Err(Doubt::UnknownLevel),
        }
    }

    /// Cuts both sides to their best `depth` levels.
    pub(crate) fn truncate(&mut self, depth: usize) {
        for levels in &mut self.sides {
            while levels.len() > depth {
                levels.pop_last();
            }
        }
    }

    /// Levels of the deeper side.
    pub(crate) fn depth(&self) -> usize {
        self.sides.iter().map(BTreeMap::len).max().unwrap_or_default()
    }

    /// The best `count` levels of a side, best first.
    pub(crate) fn top(&self, side: usize, count: usize) -> impl Iterator<Item = BookLevel> + '_ {
        let level = move |(key, qty): (&i64, &i64)| BookLevel {
            px: Px(key * SIGNS[side]),
            qty: Qty(*qty),
        };
        self.sides[side].iter().take(count).map(level)
    }

    /// The best of both sides.
    pub(crate) fn best(&self) -> [Option<BookLevel>; 2] {
        [0, 1].map(|side| self.top(side, 1).next())
    }

    /// Whether the best bid is at or above the best offer.
    pub(crate) fn is_crossed(&self) -> bool {
        matches!(self.best(), [Some(bid), Some(ask)] if bid.px >= ask.px)
    }
}
