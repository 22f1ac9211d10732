//! Orders at venues, as strategies, risk and the table of open orders speak of them.

use crate::ids::{InstrumentId, OutId, StrategyId, VenueId};
use crate::money::{Px, Qty, Side};
use crate::record::TimeInForce;

/// A limit order that is wanted at a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewVenueOrder {
    /// Whose idea it is.
    pub strategy: StrategyId,
    /// Where.
    pub venue: VenueId,
    /// In what.
    pub instrument: InstrumentId,
    /// The house's side.
    pub side: Side,
    /// At which price or better.
    pub px: Px,
    /// How much.
    pub qty: Qty,
    /// For how long.
    pub time_in_force: TimeInForce,
}

/// An order that a venue may still fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// Our id of it.
    pub order_id: OutId,
    /// As it was sent.
    pub order: NewVenueOrder,
    /// What may still be filled; zero once it has ended.
    pub leaves: Qty,
    /// The venue was asked to cancel it.
    pub is_canceling: bool,
}

impl OpenOrder {
    /// Whether it has not ended.
    #[inline]
    pub const fn is_open(&self) -> bool {
        self.leaves.0 > 0
    }
}
