//! The first levels of several venues, merged beforehand.

use pinrail_types::money::product;
use pinrail_types::{Px, Qty, Side};

use crate::consolidated::{Sweep, best_of_all, is_no_worse, worst_of};
use crate::merge::Step;

/// Rungs of a ladder. What goes deeper is swept from the books.
pub(crate) const RUNGS: usize = 24;
/// A rung whose cost with all before it would reach this is left out, so that nothing overflows.
const COST_MAX: i128 = 1 << 120;

/// A level, and what the levels before it come to: half a line of the cache.
#[derive(Clone, Copy, Debug)]
struct Rung {
    /// What the rungs before cost, in ticks times lots times 1e8, net of fees.
    cost_before: i128,
    /// Price net of fee, in ticks times 1e8.
    net_e8: i64,
    /// Lots of the rungs before.
    qty_before: i64,
}

const NO_RUNG: Rung = Rung {
    cost_before: 0,
    net_e8: 0,
    qty_before: 0,
};

/// The sign by which net prices of a client's side are multiplied so that the better one is the lower, and the limit so turned. What
/// was merged is from zero on, and has 64 bits.
#[inline]
pub(crate) fn signed_limit(side: Side, limit_net_e8: i128) -> (i64, i64) {
    let sign = side.sign();
    (sign, sign * limit_net_e8.clamp(-1, i64::MAX.into()) as i64)
}

/// The first [`RUNGS`] levels of one side over several venues, best first net of fees, each with the sums up to it: a
/// sweep is one search among the sums, and gives exactly what taking one level after the other would.
#[repr(align(64))]
#[derive(Debug)]
pub(crate) struct Ladder {
    len: usize,
    best_px: Option<Px>,
    /// Lots up to each rung and with it; `i64::MAX` behind the last rung.
    ends: [i64; RUNGS],
    rungs: [Rung; RUNGS],
    /// The sources used up to each rung and with it, one bit each.
    venue_masks: [u16; RUNGS],
    /// The worst price at any venue up to each rung and with it, fee not counted.
    worst_pxs: [Px; RUNGS],
    /// The source of each rung, by index.
    sources: [u8; RUNGS],
    /// The price of each rung, fee not counted.
    pxs: [Px; RUNGS],
}

impl Ladder {
    pub(crate) fn new() -> Ladder {
        Ladder {
            len: 0,
            best_px: None,
            ends: [i64::MAX; RUNGS],
            rungs: [NO_RUNG; RUNGS],
            venue_masks: [0; RUNGS],
            worst_pxs: [Px::NONE; RUNGS],
            sources: [0; RUNGS],
            pxs: [Px::NONE; RUNGS],
        }
    }

    /// Makes it from merged levels. Ends early at a price below zero or beyond 4.6e10 ticks,
    /// and where sums grow absurd: there a sweep of the books has its own answers.
    pub(crate) fn fill(&mut self, side: Side, best_px: Option<Px>, steps: impl Iterator<Item = Step>) {
        let mut next = NO_RUNG;
        let mut venue_mask = 0;
        let mut worst_px = best_of_all(side);
        let mut len = 0;
        for step in steps.take(RUNGS) {
            let Ok(net_e8) = i64::try_from(step.net_e8) else {
                break;
            };
            let cost = next.cost_before + product(net_e8, step.qty);
            if step.px < 0 || cost >= COST_MAX {
                break;
            }
            next.net_e8 = net_e8;
            self.rungs[len] = next;
            venue_mask |= 1 << step.source;
            self.venue_masks[len] = venue_mask;
            worst_px = worst_of(side, worst_px, Px(step.px));
            self.worst_pxs[len] = worst_px;
            self.sources[len] = step.source as u8;
            self.pxs[len] = Px(step.px);
            next.cost_before = cost;
            // A few quantities below 2^52 each.
            next.qty_before += step.qty;
            self.ends[len] = next.qty_before;
            len += 1;
        }
        self.ends[len..].fill(i64::MAX);
        self.len = len;
        self.best_px = best_px;
    }

    /// Reads what a sweep may read.
    #[inline]
    pub(crate) fn warm(&self) {
        for end in self.ends.iter().step_by(8) {
            core::hint::black_box(*end);
        }
        for rung in self.rungs.iter().step_by(2) {
            core::hint::black_box(rung.net_e8);
        }
        core::hint::black_box(self.venue_masks[0]);
    }

    /// The levels that it was made from, best first: no price is below zero, and the cost of all together stayed below its
    /// bound. More may stand behind the last.
    #[inline]
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step<i64>> + '_ {
        let prices = self.sources.iter().zip(&self.pxs);
        let rungs = self.rungs.iter().zip(&self.ends).zip(prices);
        rungs.take(self.len).map(|((rung, end), (source, px))| Step {
            source: usize::from(*source),
            px: px.0,
            qty: end - rung.qty_before,
            net_e8: rung.net_e8,
        })
    }

    /// Takes `qty`, above zero, level by level, none worse than `limit_net_e8`: `each` gets the source, the price and the lots of
    /// those that are used. Gives back what was taken and its cost; `None` if levels behind the last may be used.
    #[inline]
    pub(crate) fn divide(
        &self,
        side: Side,
        qty: Qty,
        limit_net_e8: i128,
        mut each: impl FnMut(usize, Px, i64),
    ) -> Option<(Qty, i128)> {
        let (sign, limit) = signed_limit(side, limit_net_e8);
        let len = self.len;
        let rungs = self.rungs[..len].iter().zip(&self.ends[..len]);
        let prices = self.sources[..len].iter().zip(&self.pxs[..len]);
        for ((rung, end), (source, px)) in rungs.zip(prices) {
            if sign * rung.net_e8 > limit {
                return Some((Qty(rung.qty_before), rung.cost_before));
            }
            let taken = qty.0.min(*end) - rung.qty_before;
            each(usize::from(*source), *px, taken);
            if *end >= qty.0 {
                // No more than the whole rung, which stayed below the bound.
                return Some((qty, rung.cost_before + product(rung.net_e8, taken)));
            }
        }
        None
    }

    /// The best price at any venue, fee not counted.
    #[inline]
    pub(crate) fn best_px(&self) -> Option<Px> {
        self.best_px
    }

    /// What a sweep to `qty`, above zero, takes; `None` if that goes deeper than the ladder.
    #[inline]
    pub(crate) fn sweep(&self, qty: Qty) -> Option<Sweep> {
        let at = self.ends.partition_point(|end| *end < qty.0);
        if at >= self.len {
            return None;
        }
        let rung = &self.rungs[at];
        // No more than the whole rung, which stayed below the bound.
        let last = product(rung.net_e8, qty.0 - rung.qty_before);
        Some(Sweep {
            cost: rung.cost_before.wrapping_add(last),
            qty,
            worst_net_e8: i128::from(rung.net_e8),
            worst_px: self.worst_pxs[at],
            venue_mask: self.venue_masks[at],
            levels: at as u32 + 1,
        })
    }

    /// How much is swept for `notional`, at least zero, in the unit of a sweep's cost; `None` if that goes deeper than
    /// the ladder.
    #[inline]
    pub(crate) fn lots_for(&self, notional: i128) -> Option<i64> {
        let rungs = &self.rungs[..self.len];
        let begun = rungs.partition_point(|rung| rung.cost_before <= notional);
        let at = begun.checked_sub(1)?;
        let (rung, left) = (rungs[at], notional - rungs[at].cost_before);
        let whole = self.ends[at] - rung.qty_before;
        if product(rung.net_e8, whole) <= left {
            return None;
        }
        // Less than the whole rung, so its net price is above zero and the quotient fits.
        Some(rung.qty_before + (left / i128::from(rung.net_e8)) as i64)
    }

    /// The rungs that are no worse than `limit_net_e8` for whoever hedges a client that does `side`, each with its source and
    /// its lots; `None` if levels behind the ladder may be as good.
    #[inline]
    pub(crate) fn within(
        &self,
        side: Side,
        limit_net_e8: i128,
    ) -> Option<impl Iterator<Item = (usize, i64)> + '_> {
        let is_within = |rung: &Rung| is_no_worse(side, i128::from(rung.net_e8), limit_net_e8);
        let len = self.rungs[..self.len].partition_point(is_within);
        let lots = |at: usize| {
            (
                usize::from(self.sources[at]),
                self.ends[at] - self.rungs[at].qty_before,
            )
        };
        (len < self.len).then(|| (0..len).map(lots))
    }
}
