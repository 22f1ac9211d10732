//! How a quantity is divided among venues: what goes where, and at which limit.

use core::ops::ControlFlow;

use pinrail_types::{Px, Qty, Side};

use crate::consolidated::{Source, VENUES_MAX, View, is_no_worse, worst_of};
use crate::measures::Fees;

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

impl View<'_> {
    /// Divides a quantity among the venues as a hedger of a client that does `side` would: level by level from the best net of
    /// taker fee, no worse than `limit_net_e8` (in ticks times 1e8, as [`Sweep::worst_net_e8`](crate::Sweep::worst_net_e8)), in
    /// whole lots of each venue, and at each no more than `most` says. What is left because no whole lot of a venue fits into it, or
    /// because nothing more stands within the limit, is divided to nobody. Levels below zero and beyond are not used.
    ///
    /// Takes levels times sources.
    pub fn split(&self, side: Side, qty: Qty, limit_net_e8: i128, most: &[Qty; VENUES_MAX]) -> Split {
        let mut split = Split {
            slices: [Slice::default(); VENUES_MAX],
            qty: Qty::ZERO,
            cost: 0,
        };
        // What was seen at each venue and is not in its slice, since it makes no whole lot yet: less than one lot.
        let mut loose = [0_i64; VENUES_MAX];
        let sources = self.consolidated.sources();
        let used = (0..).zip(sources).filter(|(at, _)| self.usable & (1 << at) != 0);
        let smallest = used
            .map(|(_, source): (u32, &Source)| source.lot.0)
            .min()
            .unwrap_or(1);
        self.each_step(side, Fees::Counted, |step| {
            let left = qty.0 - split.qty.0;
            if left < smallest || step.px < 0 || !is_no_worse(side, step.net_e8, limit_net_e8) {
                return ControlFlow::Break(());
            }
            let (slice, lot) = (&mut split.slices[step.source], sources[step.source].lot.0);
            let seen = loose[step.source].saturating_add(step.qty);
            let room = left.min(most[step.source].0.saturating_sub(slice.qty.0)).max(0);
            let taken = seen.min(room);
            let taken = taken - taken % lot;
            loose[step.source] = (seen - taken).min(lot - 1);
            if taken > 0 {
                let px = Px(step.px);
                slice.px = if slice.qty == Qty::ZERO {
                    px
                } else {
                    worst_of(side, slice.px, px)
                };
                slice.qty.0 += taken;
                split.qty.0 += taken;
                // What was loose is counted at this level's price, which is no better than its own.
                split.cost = split
                    .cost
                    .saturating_add(step.net_e8.saturating_mul(i128::from(taken)));
            }
            ControlFlow::Continue(())
        });
        split
    }
}
