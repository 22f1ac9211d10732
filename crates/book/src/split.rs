//! How a quantity is divided among venues: what goes where, and at which limit.

use pinrail_types::money::product;
use pinrail_types::{E8, Px, Qty, Side};

use crate::consolidated::{VENUES_MAX, View, is_no_worse};
use crate::ladder::{Ladder, signed_limit};
use crate::merge::{Merge, Step};

/// Most venues that a quantity is divided among.
pub const SLICES_MAX: usize = 8;
/// Most levels that are looked at one by one for it.
pub const LOOKS_MAX: u32 = 1_024;

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

/// What is divided to one venue.
#[derive(Clone, Copy)]
struct Filling {
    slice: Slice,
    /// How much more it may be sent.
    room: i64,
    lot: i64,
    /// What was seen there and is not in its slice, since it makes no whole lot yet: less than one lot.
    loose: i64,
}

/// A quantity that is being divided, level by level, among at most `N` sources.
struct Division<const N: usize> {
    each: [Filling; N],
    left: i64,
    /// The smallest lot of those that are used.
    smallest: i64,
    cost: i128,
    /// How many of them have a slice.
    slices: usize,
    /// What would go to others, and is divided to nobody.
    passed: i64,
    /// Levels that were looked at one by one.
    looks: u32,
}

impl<const N: usize> Division<N> {
    #[inline]
    fn new(view: &View<'_>, qty: Qty, most: &[Qty; VENUES_MAX]) -> Division<N> {
        let none = Filling {
            slice: Slice::default(),
            room: 0,
            lot: 1,
            loose: 0,
        };
        let mut division = Division {
            each: [none; N],
            left: qty.0,
            smallest: i64::MAX,
            cost: 0,
            slices: 0,
            passed: 0,
            looks: 0,
        };
        let sources = view.consolidated.sources().iter().zip(most);
        for (at, (filling, (source, most))) in division.each.iter_mut().zip(sources).enumerate() {
            (filling.lot, filling.room) = (source.lot.0, most.0.max(0));
            if view.usable & (1 << at) != 0 {
                division.smallest = division.smallest.min(source.lot.0);
            }
        }
        division
    }

    /// Whether nothing that is left makes a lot.
    #[inline]
    fn is_done(&self) -> bool {
        self.left < self.smallest
    }

    /// Takes what may be taken of a level; gives back how much. Levels of one venue come best first, and what was loose is
    /// counted at this level's price, which is no better than its own.
    #[inline]
    fn take<P>(&mut self, step: &Step<P>) -> i64 {
        let filling = &mut self.each[step.source];
        let most = self.left.min(filling.room);
        let taken = if filling.lot == 1 {
            step.qty.min(most)
        } else {
            let seen = filling.loose.saturating_add(step.qty);
            let taken = seen.min(most);
            let taken = taken - taken % filling.lot;
            filling.loose = (seen - taken).min(filling.lot - 1);
            taken
        };
        if taken > 0 {
            filling.room -= taken;
            self.left -= taken;
            // The first have the best prices; what the others have is not to be had deeper in these instead.
            if N > SLICES_MAX && filling.slice.qty == Qty::ZERO {
                if self.slices == SLICES_MAX {
                    self.passed += taken;
                    return 0;
                }
                self.slices += 1;
            }
            filling.slice.px = Px(step.px);
            filling.slice.qty.0 += taken;
        }
        taken
    }

    /// Whether no lot may be sent to a venue any more.
    #[inline]
    fn is_full(&self, source: usize) -> bool {
        let filling = &self.each[source];
        filling.room < filling.lot
    }

    #[inline]
    fn end(self, qty: Qty) -> Split {
        let mut split = Split {
            slices: [Slice::default(); VENUES_MAX],
            qty: Qty(qty.0 - self.left - self.passed),
            cost: self.cost,
        };
        for (slice, filling) in split.slices.iter_mut().zip(&self.each) {
            *slice = filling.slice;
        }
        split
    }
}

impl View<'_> {
    /// Divides a quantity among the venues as a hedger of a client that does `side` would: level by level from the best net of
    /// taker fee, no worse than `limit_net_e8` (in ticks times 1e8, as [`Sweep::worst_net_e8`](crate::Sweep::worst_net_e8)), in
    /// whole lots of each venue, and at each no more than `most` says. What is left because no whole lot of a venue fits into it, or
    /// because nothing more stands within the limit, is divided to nobody. Levels below zero and beyond are not used.
    ///
    /// It goes to the [`SLICES_MAX`] venues whose best levels are the best of all. What more would go to others is divided to
    /// nobody, and neither is what stands behind the first [`LOOKS_MAX`] levels: both are there for the next division.
    ///
    /// Takes levels if the side is merged and deep enough, see [`Consolidated::refresh`](crate::Consolidated::refresh); else
    /// levels times sources.
    #[inline]
    pub fn split(&self, side: Side, qty: Qty, limit_net_e8: i128, most: &[Qty; VENUES_MAX]) -> Split {
        match self.consolidated.sources().len() {
            0..=2 => self.split_of::<2>(side, qty, limit_net_e8, most),
            3..=4 => self.split_of::<4>(side, qty, limit_net_e8, most),
            _ => self.split_of::<VENUES_MAX>(side, qty, limit_net_e8, most),
        }
    }

    /// The same by what levels cost without fees: for whom no venue's fee is. `limit_px` is no worse than that.
    pub fn split_gross(&self, side: Side, qty: Qty, limit_px: Px, most: &[Qty; VENUES_MAX]) -> Split {
        let division = Division::<VENUES_MAX>::new(self, qty, most);
        let limit_e8 = i128::from(limit_px.0) * i128::from(E8);
        let steps = Merge::gross(self.consolidated.sources(), self.usable, side);
        divide_walking(division, steps, side, limit_e8).end(qty)
    }

    fn split_of<const N: usize>(
        &self,
        side: Side,
        qty: Qty,
        limit_net_e8: i128,
        most: &[Qty; VENUES_MAX],
    ) -> Split {
        let ladder = self.ladder(side);
        let at_once =
            ladder.and_then(|ladder| self.divide_at_once::<N>(ladder, side, qty, limit_net_e8, most));
        if let Some(split) = at_once {
            return split;
        }
        let merged = ladder.and_then(|ladder| {
            let division = Division::<N>::new(self, qty, most);
            divide_merged(division, ladder, side, limit_net_e8)
        });
        let division = merged.unwrap_or_else(|| {
            let division = Division::<N>::new(self, qty, most);
            let steps = Merge::new(self.consolidated.sources(), self.usable, side);
            divide_walking(division, steps, side, limit_net_e8)
        });
        division.end(qty)
    }

    /// Takes levels from what was merged where every venue takes single lots and has room for all that is divided to it, as most do;
    /// `None` elsewhere, where it would go to too many venues, and if levels behind what was merged may be used.
    #[inline]
    fn divide_at_once<const N: usize>(
        &self,
        ladder: &Ladder,
        side: Side,
        qty: Qty,
        limit_net_e8: i128,
        most: &[Qty; VENUES_MAX],
    ) -> Option<Split> {
        let sources = self.consolidated.sources();
        if qty <= Qty::ZERO || sources.iter().any(|source| source.lot != Qty(1)) {
            return None;
        }
        let mut each = [Slice::default(); N];
        let (divided, cost) = ladder.divide(side, qty, limit_net_e8, |source, px, taken| {
            each[source].px = px;
            each[source].qty.0 += taken;
        })?;
        let has_room = each.iter().zip(most).all(|(slice, most)| slice.qty <= *most);
        let used = |slice: &&Slice| slice.qty > Qty::ZERO;
        if !has_room || (N > SLICES_MAX && each.iter().filter(used).count() > SLICES_MAX) {
            return None;
        }
        let mut slices = [Slice::default(); VENUES_MAX];
        slices[..N].copy_from_slice(&each);
        Some(Split {
            slices,
            qty: divided,
            cost,
        })
    }
}

/// Takes one level after the other.
#[inline(never)]
fn divide_walking<const N: usize>(
    mut division: Division<N>,
    mut steps: Merge<'_, N>,
    side: Side,
    limit_net_e8: i128,
) -> Division<N> {
    for source in 0..N {
        if division.is_full(source) {
            steps.leave(source);
        }
    }
    while division.looks < LOOKS_MAX
        && let Some(step) = steps.next()
    {
        if division.is_done() || step.px < 0 || !is_no_worse(side, step.net_e8, limit_net_e8) {
            break;
        }
        division.looks += 1;
        let taken = i128::from(division.take(&step));
        let cost = step.net_e8.saturating_mul(taken);
        division.cost = division.cost.saturating_add(cost);
        if division.is_full(step.source) {
            steps.leave(step.source);
        }
    }
    division
}

/// Takes levels from what was merged; `None` if some behind them may be used.
#[inline]
fn divide_merged<const N: usize>(
    mut division: Division<N>,
    ladder: &Ladder,
    side: Side,
    limit_net_e8: i128,
) -> Option<Division<N>> {
    let (sign, limit) = signed_limit(side, limit_net_e8);
    for step in ladder.steps() {
        if division.is_done() || sign * step.net_e8 > limit {
            return Some(division);
        }
        let taken = division.take(&step);
        // In all 24 quantities of 52 bits at most, at prices of 63.
        division.cost = division.cost.wrapping_add(product(step.net_e8, taken));
    }
    None
}
