//! Exposure: what positions and open quotes at their worst side are worth at the mark.

use pinrail_types::money::product;
use pinrail_types::state::{StateError, Visitor};

use crate::gauge::Gauge;

/// The worst sides of one instrument, in lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Worst {
    /// Position if every open bid is hit.
    pub(crate) long: i64,
    /// Position if every open offer is lifted, turned round.
    pub(crate) short: i64,
}

impl Worst {
    /// The greater of the two without its sign: their sum is what is open, so that the greater is not below zero and no
    /// less than the other's size.
    #[inline]
    pub(crate) fn gross(&self) -> i64 {
        self.long.max(self.short)
    }
}

/// Summed over all instruments that are quoted in an asset, in the asset's smallest unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exposure {
    pub(crate) long: Gauge,
    pub(crate) short: Gauge,
    pub(crate) gross: Gauge,
}

impl Exposure {
    /// None, and no limits.
    pub(crate) const UNLIMITED: Exposure = Exposure {
        long: Gauge::UNLIMITED,
        short: Gauge::UNLIMITED,
        gross: Gauge::UNLIMITED,
    };

    /// An instrument, a lot of which is worth `lot_worth`, has gone from one worst to another. An instrument that is limited
    /// to 2^52 lots adds less than 2^117: a thousand of them fit.
    #[inline]
    pub(crate) fn moves(&mut self, lot_worth: i64, before: &Worst, after: &Worst) {
        self.long.add(product(lot_worth, after.long - before.long));
        self.short.add(product(lot_worth, after.short - before.short));
        self.gross.add(product(lot_worth, after.gross() - before.gross()));
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.long.visit(visitor)?;
        self.short.visit(visitor)?;
        self.gross.visit(visitor)
    }
}
