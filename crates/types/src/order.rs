//! Orders at venues and what they are parts of, as strategies, risk and the tables of open orders speak of them.

use crate::ids::{InstrumentId, OutId, StrategyId, VenueId};
use crate::money::{Amount, Px, Qty, Side};
use crate::reason::Reason;
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

/// What a venue was asked to put in the place of an order's price and quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// Our id of it.
    pub replace_id: OutId,
    /// At which price or better.
    pub px: Px,
    /// How much in all, what was filled included.
    pub qty: Qty,
}

/// An order that a venue may still fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenOrder {
    /// Our id of it.
    pub order_id: OutId,
    /// As it was sent, or as the last replacement left it.
    pub order: NewVenueOrder,
    /// What was filled, less what was taken back.
    pub cum_qty: Qty,
    /// What may still be filled, by the order or by a replacement that is under way, whichever is more; zero once it has ended.
    pub leaves: Qty,
    /// The venue was asked to cancel it.
    pub is_canceling: bool,
    /// A person had it cancelled with others.
    pub is_unwanted: bool,
    /// What the venue was asked to put in its place and has not answered yet.
    pub replacement: Option<Replacement>,
    /// What it is a part of; none if it stands alone.
    pub parent_id: OutId,
}

impl OpenOrder {
    /// Whether it has not ended.
    #[inline]
    pub const fn is_open(&self) -> bool {
        self.leaves.0 > 0
    }

    /// What is left of so much in all.
    #[inline]
    const fn left_of(&self, qty: Qty) -> Qty {
        if qty.0 > self.cum_qty.0 {
            Qty(qty.0 - self.cum_qty.0)
        } else {
            Qty::ZERO
        }
    }

    /// What may still be filled of it as it stands.
    #[inline]
    pub const fn stands(&self) -> Qty {
        self.left_of(self.order.qty)
    }

    /// What may still be filled once its replacement is in force; nothing without one.
    #[inline]
    pub const fn replaced(&self) -> Qty {
        match &self.replacement {
            Some(replacement) => self.left_of(replacement.qty),
            None => Qty::ZERO,
        }
    }

    /// The same order, to be replaced by that or by nothing.
    #[must_use]
    pub fn with_replacement(&self, replacement: Option<Replacement>) -> OpenOrder {
        let order = OpenOrder { replacement, ..*self };
        OpenOrder {
            leaves: order.stands().max(order.replaced()),
            ..order
        }
    }
}

/// A quantity that is to be traded over all venues: a parent order. It is divided into immediate-or-cancel orders, by what they
/// cost net of fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewParentOrder {
    /// Whose idea it is.
    pub strategy: StrategyId,
    /// In what.
    pub instrument: InstrumentId,
    /// The house's side.
    pub side: Side,
    /// How much.
    pub qty: Qty,
    /// No worse than this, net of the venue's taker fee, in ticks times 1e8.
    pub limit_net_e8: i128,
    /// What its cost is measured against.
    pub ref_px: Px,
    /// What it may cost beyond the reference at most, fees included, in the quote asset's smallest unit. No orders are sent
    /// that would cost more if they are filled as the books stand.
    pub cost_max: Amount,
    /// How often orders are sent for it at most; at least once.
    pub tries_max: u16,
    /// How long it waits before the next try, in nanoseconds.
    pub retry_ns: u64,
}

/// A parent order that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentOrder {
    /// Our id of it.
    pub parent_id: OutId,
    /// As it was asked for.
    pub order: NewParentOrder,
    /// What venues filled of its parts.
    pub filled: Qty,
    /// What its parts at venues may still be filled for.
    pub in_flight: Qty,
    /// What the fills cost beyond the reference, fees included, in the quote asset's smallest unit.
    pub cost: Amount,
    /// How often orders were sent.
    pub tries: u16,
    /// When it is looked at again; `u64::MAX` while its parts are out.
    pub next_at: u64,
    /// Why nothing more is sent for it; [`Reason::None`] while it may be.
    pub ending: Reason,
    /// A bit for each of the instrument's venues, in the order in which they came to list it, that refused a part for what it is.
    pub refused: u16,
}

impl ParentOrder {
    /// What is neither filled nor at a venue.
    #[inline]
    pub const fn unsent(&self) -> Qty {
        Qty(self.order.qty.0 - self.filled.0 - self.in_flight.0)
    }

    /// Whether what was filled, what is at venues and what is left make up what was asked for.
    #[inline]
    pub const fn is_conserved(&self) -> bool {
        self.filled.0 >= 0 && self.in_flight.0 >= 0 && self.unsent().0 >= 0
    }
}
