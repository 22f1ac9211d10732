//! How much a matcher holds, and what its books take.

use pinrail_types::{Px, Qty};

use crate::index::Index;

/// How much a [`Matcher`](crate::Matcher) holds. Everything is allocated for these when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Books: instruments are numbered below this.
    pub books: usize,
    /// Open orders in all books together, waiting stops included.
    pub orders: usize,
    /// Pages of prices in all books together, besides two for each book: 4,096 neighbouring ticks of a side share one, and so do 64
    /// pages that lie side by side. At least [`Bounds::PAGES_MIN`].
    pub pages: usize,
    /// Steps of one call, at least 1; see `docs/matching.md`.
    pub steps: usize,
}

impl Bounds {
    /// Most orders.
    pub const ORDERS_MAX: usize = Index::ORDERS_MAX;

    /// Far more than one price ever takes.
    pub const PAGES_MIN: usize = 128;
}

/// What one book takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookConfig {
    /// Prices are multiples of it, in ticks; at least 1.
    pub px_step: i64,
    /// Quantities are multiples of it, in lots; at least 1.
    pub qty_step: i64,
    /// The largest quantity that is taken. As many such orders as the matcher holds fit 63 bits together, so that no sum can
    /// overflow.
    pub qty_max: Qty,
    /// The lowest price that is taken.
    pub px_min: Px,
    /// The highest.
    pub px_max: Px,
}

impl Default for BookConfig {
    /// Every representable price, and quantities up to 2^38, which fit whatever the matcher holds.
    fn default() -> Self {
        BookConfig {
            px_step: 1,
            qty_step: 1,
            qty_max: Qty(1 << 38),
            px_min: Px(-Px::ABS_MAX),
            px_max: Px(Px::ABS_MAX),
        }
    }
}

impl BookConfig {
    /// Whether a book of a matcher that holds so many orders can be of this kind.
    pub const fn is_sane(&self, orders: usize) -> bool {
        self.px_step >= 1
            && self.qty_step >= 1
            && self.qty_step <= Qty::ABS_MAX
            && self.qty_max.is_orderable()
            && self.qty_max.0 as u64 <= i64::MAX as u64 / orders as u64
            && self.px_min.is_representable()
            && self.px_max.is_representable()
            && self.px_min.0 <= self.px_max.0
    }
}
