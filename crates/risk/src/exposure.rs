//! Exposure: what positions and open quotes at their worst side are worth at the mark.

use pinrail_types::money::product;
use pinrail_types::state::{StateError, Visitor};

/// The worst sides of one instrument, in lots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Worst {
    /// Position if every open bid is hit.
    pub(crate) long: i64,
    /// Position if every open offer is lifted, turned round.
    pub(crate) short: i64,
}

impl Worst {
    /// The greater of the two, without its sign.
    #[inline]
    pub(crate) fn gross(&self) -> i64 {
        // Lots are far below 2^63.
        self.long.wrapping_abs().max(self.short.wrapping_abs())
    }
}

/// Summed over all instruments that are quoted in an asset, in the asset's smallest unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exposure {
    pub(crate) long: i128,
    pub(crate) short: i128,
    pub(crate) gross: i128,
}

impl Exposure {
    /// The sum once an instrument, a lot of which is worth `lot_worth`, has gone from one worst to another. An instrument
    /// that is limited to 2^52 lots adds less than 2^117: a thousand of them fit.
    #[inline]
    pub(crate) fn moved(&self, lot_worth: i64, before: &Worst, after: &Worst) -> Exposure {
        Exposure {
            long: self.long + product(lot_worth, after.long - before.long),
            short: self.short + product(lot_worth, after.short - before.short),
            gross: self.gross + product(lot_worth, after.gross() - before.gross()),
        }
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.wide(&mut self.long)?;
        visitor.wide(&mut self.short)?;
        visitor.wide(&mut self.gross)
    }
}
