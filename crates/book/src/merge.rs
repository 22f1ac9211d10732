//! The levels of several venues in one order.

use pinrail_types::money::product;
use pinrail_types::{E8, Side};

use crate::consolidated::Source;
use crate::levels::{Cursor, Levels};

/// A level on its way into a sweep; where it was merged beforehand its net price has 64 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<N = i128> {
    /// Index of the source.
    pub(crate) source: usize,
    /// The price in ticks.
    pub(crate) px: i64,
    /// What stands there, in lots.
    pub(crate) qty: i64,
    /// The price net of the venue's taker fee, in ticks times 1e8.
    pub(crate) net_e8: N,
}

/// A source during a merge.
#[derive(Clone, Copy)]
struct Head<'a> {
    levels: &'a Levels,
    cursor: Cursor,
    /// Key and quantity of its next level.
    next: (i64, i64),
    /// The key times the factor: the least of all sources is next. [`NOTHING`] if no level is left.
    net: i128,
    /// What a price is multiplied by to be net of fee, times 1e8; above zero.
    factor_e8: i64,
}

const NOTHING: i128 = i128::MAX;

/// Yields the known levels of one side of several sources, best first net of each venue's taker fee; at equal net
/// prices the earlier source's first. Each step takes time linear in `N`, the most sources that there may be: an array of
/// heads has to be filled before it is used, and few venues are the rule.
pub(crate) struct Merge<'a, const N: usize> {
    heads: [Head<'a>; N],
    sign: i64,
}

impl<'a, const N: usize> Merge<'a, N> {
    /// Merges what a client that does `side` would be hedged against, over the sources in `usable`, one bit each.
    ///
    /// # Panics
    /// If there is no source or more than `N`, or the magnitude of a fee is not below 1e8.
    #[inline]
    pub(crate) fn new(sources: &'a [Source], usable: u16, side: Side) -> Merge<'a, N> {
        Merge::with_fees(sources, usable, side, |source| i64::from(source.taker_fee_e8))
    }

    /// The same by the price itself, fees not counted: each step's net price is its price times 1e8.
    #[inline]
    pub(crate) fn gross(sources: &'a [Source], usable: u16, side: Side) -> Merge<'a, N> {
        Merge::with_fees(sources, usable, side, |_| 0)
    }

    #[inline]
    fn with_fees(
        sources: &'a [Source],
        usable: u16,
        side: Side,
        fee_e8: impl Fn(&Source) -> i64,
    ) -> Merge<'a, N> {
        let none = Head {
            levels: sources[0].opposite(side),
            cursor: Cursor::default(),
            next: (0, 0),
            net: NOTHING,
            factor_e8: 0,
        };
        let mut merge = Merge {
            heads: [none; N],
            sign: side.sign(),
        };
        for (i, source) in sources.iter().enumerate().filter(|(i, _)| usable & (1 << i) != 0) {
            let fee = fee_e8(source);
            assert!(fee.abs() < E8, "a taker fee is a fraction of the notional");
            let levels = source.opposite(side);
            let head = &mut merge.heads[i];
            head.levels = levels;
            head.cursor = levels.start();
            head.factor_e8 = E8 + merge.sign * fee;
            head.advance();
        }
        merge
    }

    /// Yields nothing of a source any more.
    #[inline]
    pub(crate) fn leave(&mut self, source: usize) {
        self.heads[source].net = NOTHING;
    }
}

impl Head<'_> {
    #[inline]
    fn advance(&mut self) {
        self.net = match self.levels.next_known(&mut self.cursor) {
            Some(next) => {
                self.next = next;
                product(next.0, self.factor_e8)
            }
            None => NOTHING,
        };
    }
}

impl<const N: usize> Iterator for Merge<'_, N> {
    type Item = Step;

    #[inline]
    fn next(&mut self) -> Option<Step> {
        let mut best = 0;
        for i in 1..N {
            if self.heads[i].net < self.heads[best].net {
                best = i;
            }
        }
        let head = &mut self.heads[best];
        if head.net == NOTHING {
            return None;
        }
        let step = Step {
            source: best,
            px: head.next.0 * self.sign,
            qty: head.next.1,
            net_e8: head.net * i128::from(self.sign),
        };
        head.advance();
        Some(step)
    }
}
