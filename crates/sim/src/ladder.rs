//! One side of a simulated book.

use pinrail_types::record::BookLevel;
use pinrail_types::{Px, Qty, Side};

use crate::random::Random;

/// The levels of one side, best first, and which of them changed since they were last told.
///
/// Both sides are one code: a level is kept by its *cost*, the ticks that a taker minds, which is the price of an
/// ask and minus the price of a bid. A lower cost is better.
#[derive(Clone, Debug)]
pub(crate) struct Ladder {
    sign: i64,
    /// Least number of levels; at most twice as many are kept.
    levels_min: usize,
    /// Mean quantity of a level at the touch.
    qty_lots_mean: u64,
    levels: Vec<Level>,
    changed: Vec<i64>,
    /// Cost of the worst level of the last image. A reader knows nothing of what lay beyond it then.
    horizon: i64,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    cost: i64,
    qty_lots: i64,
}

impl Ladder {
    /// An empty side that buyers (`Side::Buy`) or sellers stand in.
    pub(crate) fn new(side: Side, levels_min: usize, qty_lots_mean: u64) -> Ladder {
        Ladder {
            sign: -side.sign(),
            levels_min,
            qty_lots_mean,
            levels: Vec::with_capacity(levels_min * 4),
            changed: Vec::with_capacity(levels_min * 8),
            horizon: i64::MIN,
        }
    }

    /// The best level; there is always one after the first [`Ladder::move_to`].
    pub(crate) fn best(&self) -> Option<BookLevel> {
        self.levels.first().map(|level| self.shown(*level))
    }

    /// Whether a reader of the last image and of every change since knows enough levels.
    pub(crate) fn is_known(&self) -> bool {
        self.levels.partition_point(|level| level.cost <= self.horizon) >= self.levels_min
    }

    /// Ends the batch with an image: as many levels as are kept at most, best first, appended to `out`.
    pub(crate) fn drain_image(&mut self, out: &mut Vec<BookLevel>, random: &mut Random) {
        self.fill(self.levels_min * 2, random);
        self.changed.clear();
        self.horizon = self.levels[self.levels.len() - 1].cost;
        out.extend(self.levels.iter().map(|level| self.shown(*level)));
    }

    /// Ends the batch of changes: every price that changed with the quantity that now stands there, zero where none
    /// does, each once, best first, appended to `out`.
    pub(crate) fn drain_changes(&mut self, out: &mut Vec<BookLevel>) {
        self.changed.sort_unstable();
        self.changed.dedup();
        for &cost in &self.changed {
            let qty_lots = self.find(cost).map_or(0, |at| self.levels[at].qty_lots);
            out.push(self.shown(Level { cost, qty_lots }));
        }
        self.changed.clear();
    }

    /// Takes `qty` away from the best level, which goes when nothing is left.
    pub(crate) fn take_from_best(&mut self, qty: Qty) {
        let best = &mut self.levels[0];
        best.qty_lots -= qty.0;
        assert!(best.qty_lots >= 0, "a trade takes what is there");
        self.changed.push(best.cost);
        if best.qty_lots == 0 {
            self.levels.remove(0);
        }
    }

    /// What a taker gets for at most `qty` at `px` or better, best first. At least one lot is left in all.
    pub(crate) fn take_to(&mut self, px: Px, qty: Qty) -> Vec<BookLevel> {
        let mut taken = Vec::new();
        let mut left = qty.0;
        while left > 0 && self.levels[0].cost <= px.0 * self.sign {
            let best = self.levels[0];
            let kept = i64::from(self.levels.len() == 1);
            let part = left.min(best.qty_lots - kept);
            if part == 0 {
                break;
            }
            taken.push(self.shown(Level {
                qty_lots: part,
                ..best
            }));
            self.take_from_best(Qty(part));
            left -= part;
        }
        taken
    }

    /// How much stands at `px` or better.
    pub(crate) fn available(&self, px: Px) -> i64 {
        let to = self
            .levels
            .iter()
            .take_while(|level| level.cost <= px.0 * self.sign);
        to.map(|level| level.qty_lots).sum()
    }

    /// Makes `px` the best price: better levels go, missing ones come up to it.
    pub(crate) fn move_to(&mut self, px: Px, random: &mut Random) {
        let target = px.0 * self.sign;
        let gone = self.levels.partition_point(|level| level.cost < target);
        self.changed
            .extend(self.levels.drain(..gone).map(|level| level.cost));
        let worst_new = target + self.levels_min as i64;
        let next = self.levels.first().map_or(target + 1, |level| level.cost);
        for cost in (target..next.min(worst_new)).rev() {
            if cost == target || random.below(2) == 0 {
                self.put(cost, target, random);
            }
        }
    }

    /// Changes one level, nearly always near the best: a new quantity, a new level, or one that goes. The best
    /// price stays.
    pub(crate) fn stir(&mut self, random: &mut Random) {
        let best = self.levels[0].cost;
        let reach = self.levels_min as u64 * 2;
        let cost = best + random.exponential(NEAR_TICKS).min(reach) as i64;
        match self.find(cost) {
            Ok(at) if cost != best && random.below(4) == 0 => {
                self.levels.remove(at);
                self.changed.push(cost);
            }
            _ => self.put(cost, best, random),
        }
    }

    /// Brings the number of levels back into its bounds: new ones at free prices, and the worst ones dropped.
    pub(crate) fn keep_depth(&mut self, random: &mut Random) {
        self.fill(self.levels_min, random);
        while self.levels.len() > self.levels_min * 2 {
            self.changed.extend(self.levels.pop().map(|level| level.cost));
        }
    }

    /// Adds levels at random free prices until there are `count`.
    fn fill(&mut self, count: usize, random: &mut Random) {
        let best = self.levels[0].cost;
        while self.levels.len() < count {
            let mut cost = best + random.below(self.levels_min as u64 * SPREAD_OUT) as i64;
            while self.find(cost).is_ok() {
                cost += 1;
            }
            self.put(cost, best, random);
        }
    }

    /// A fresh quantity at `cost`: exponentially distributed, more the further it is from the best.
    fn put(&mut self, cost: i64, best: i64, random: &mut Random) {
        let distance = (cost - best).unsigned_abs();
        let mean = self.qty_lots_mean * (16 + distance) / 16;
        let qty_lots = 1 + random.exponential(mean) as i64;
        match self.find(cost) {
            Ok(at) => self.levels[at].qty_lots = qty_lots,
            Err(at) => self.levels.insert(at, Level { cost, qty_lots }),
        }
        self.changed.push(cost);
    }

    /// Where the level at `cost` stands, or would.
    fn find(&self, cost: i64) -> Result<usize, usize> {
        self.levels.binary_search_by_key(&cost, |level| level.cost)
    }

    fn shown(&self, level: Level) -> BookLevel {
        BookLevel {
            px: Px(level.cost * self.sign),
            qty: Qty(level.qty_lots),
        }
    }
}

/// New levels are spread over this many ticks for each of the least number of levels, so that an image lasts while
/// the price moves.
const SPREAD_OUT: u64 = 8;

/// No level is added further from the best than this many ticks for each of the least number of levels: as far as
/// they are spread out, and past all that may stand there.
pub(crate) const REACH: i64 = SPREAD_OUT as i64 + 2;

/// Mean distance from the best, in ticks, of a change of size.
const NEAR_TICKS: u64 = 4;
