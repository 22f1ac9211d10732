//! How a quantity is divided among venues: what goes where, and at which limit.

use core::ops::ControlFlow;

use pinrail_types::money::product;
use pinrail_types::{Px, Qty, Side};

use crate::consolidated::{Source, VENUES_MAX, View, is_no_worse};
use crate::ladder::Ladder;
use crate::measures::Fees;
use crate::merge::Step;

/// What one venue is to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slice {
    /// How much, a multiple of the venue's lot; zero for nothing.
    pub qty: Qty,
    /// The worst price of the levels that it is meant for.
    pub px: Px,
}

/// A quantity divided among the sources of an instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// By index of the source.
    pub slices: [Slice; VENUES_MAX],
    /// How much goes to all of them together.
    pub qty: Qty,
    /// What that costs (client buys) or fetches (client sells) with fees, in ticks times lots times 1e8.
    pub cost: i128,
}

/// A quantity that is being divided, level by level.
struct Division<'a> {
    split: Split,
    sources: &'a [Source],
    /// What each venue is sent at most.
    most: &'a [Qty; VENUES_MAX],
    left: i64,
    /// What was seen at each venue and is not in its slice, since it makes no whole lot yet: less than one lot.
    loose: [i64; VENUES_MAX],
}

impl Division<'_> {
    /// Takes what may be taken of a level; gives back how much. Levels of one venue come best first, and what was loose is
    /// counted at this level's price, which is no better than its own.
    #[inline]
    fn take<N>(&mut self, step: &Step<N>) -> i64 {
        let lot = self.sources[step.source].lot.0;
        let slice = &mut self.split.slices[step.source];
        let loose = &mut self.loose[step.source];
        let seen = loose.saturating_add(step.qty);
        let room = self.most[step.source].0.saturating_sub(slice.qty.0);
        let mut taken = seen.min(self.left).min(room).max(0);
        if lot > 1 {
            taken -= taken % lot;
            *loose = (seen - taken).min(lot - 1);
        }
        if taken > 0 {
            slice.px = Px(step.px);
            slice.qty.0 += taken;
            self.left -= taken;
        }
        taken
    }
}

impl View<'_> {
    /// Divides a quantity among the venues as a hedger of a client that does `side` would: level by level from the best net of
    /// taker fee, no worse than `limit_net_e8` (in ticks times 1e8, as [`Sweep::worst_net_e8`](crate::Sweep::worst_net_e8)), in
    /// whole lots of each venue, and at each no more than `most` says. What is left because no whole lot of a venue fits into it, or
    /// because nothing more stands within the limit, is divided to nobody. Levels below zero and beyond are not used.
    ///
    /// Takes levels if the side is merged and deep enough, see [`Consolidated::refresh`](crate::Consolidated::refresh); else
    /// levels times sources.
    #[inline]
    pub fn split(&self, side: Side, qty: Qty, limit_net_e8: i128, most: &[Qty; VENUES_MAX]) -> Split {
        let merged = self.ladder(side);
        let split = merged.and_then(|ladder| self.split_merged(ladder, side, qty, limit_net_e8, most));
        split.unwrap_or_else(|| self.split_walking(side, qty, limit_net_e8, most))
    }

    #[inline]
    fn begin<'a>(&'a self, qty: Qty, most: &'a [Qty; VENUES_MAX]) -> Division<'a> {
        Division {
            split: Split {
                slices: [Slice::default(); VENUES_MAX],
                qty: Qty::ZERO,
                cost: 0,
            },
            sources: self.consolidated.sources(),
            most,
            left: qty.0,
            loose: [0; VENUES_MAX],
        }
    }

    /// The smallest lot of the venues that are used.
    #[inline]
    fn smallest_lot(&self) -> i64 {
        let used = (0..).zip(self.consolidated.sources());
        let used = used.filter(|(at, _)| self.usable & (1 << at) != 0);
        used.map(|(_, source): (u32, &Source)| source.lot.0)
            .min()
            .unwrap_or(1)
    }

    /// From what was merged; `None` if levels behind it may be used.
    #[inline]
    fn split_merged(
        &self,
        ladder: &Ladder,
        side: Side,
        qty: Qty,
        limit_net_e8: i128,
        most: &[Qty; VENUES_MAX],
    ) -> Option<Split> {
        let mut division = self.begin(qty, most);
        let smallest = self.smallest_lot();
        // What was merged is from zero on, and has 64 bits.
        let limit = limit_net_e8.clamp(-1, i64::MAX.into()) as i64;
        for step in ladder.steps() {
            let is_within = match side {
                Side::Buy => step.net_e8 <= limit,
                Side::Sell => step.net_e8 >= limit,
            };
            if division.left < smallest || !is_within {
                division.split.qty = Qty(qty.0 - division.left);
                return Some(division.split);
            }
            let taken = division.take(&step);
            // In all 24 quantities of 52 bits at most, at prices of 63.
            division.split.cost = division.split.cost.wrapping_add(product(step.net_e8, taken));
        }
        None
    }

    /// Takes one level after the other.
    #[inline(never)]
    fn split_walking(&self, side: Side, qty: Qty, limit_net_e8: i128, most: &[Qty; VENUES_MAX]) -> Split {
        let mut division = self.begin(qty, most);
        let smallest = self.smallest_lot();
        self.each_step(side, Fees::Counted, |step| {
            if division.left < smallest || step.px < 0 || !is_no_worse(side, step.net_e8, limit_net_e8) {
                return ControlFlow::Break(());
            }
            let taken = i128::from(division.take(&step));
            let cost = step.net_e8.saturating_mul(taken);
            division.split.cost = division.split.cost.saturating_add(cost);
            ControlFlow::Continue(())
        });
        division.split.qty = Qty(qty.0 - division.left);
        division.split
    }
}
