//! What is judged: a request, and the prices made for it.

use pinrail_types::{ClientId, InstrumentId, Px, Qty, Side};

/// What a client asks for, as far as risk is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Who asks.
    pub client: ClientId,
    /// For what.
    pub instrument: InstrumentId,
    /// The client's side; `None` for both.
    pub side: Option<Side>,
    /// How much.
    pub qty: Qty,
}

/// The prices made for an [`Ask`], and what they were judged against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// What we pay, or [`Px::NONE`].
    pub bid_px: Px,
    /// What we ask, or [`Px::NONE`].
    pub offer_px: Px,
    /// The reference.
    pub ref_px: Px,
    /// Lowest and highest of the middles of the venues' best prices; both the reference where nobody asked, see
    /// [`Risk::looks_at_venues`](crate::Risk::looks_at_venues).
    pub mids: (Px, Px),
}

impl Quoted {
    /// The lower and the higher of the prices that are quoted, in ticks; of one, both are that one.
    #[inline]
    pub(crate) fn range(&self) -> (i64, i64) {
        let other = |px: Px, other: Px| if px == Px::NONE { other.0 } else { px.0 };
        let bid = other(self.bid_px, self.offer_px);
        let offer = other(self.offer_px, self.bid_px);
        (bid.min(offer), bid.max(offer))
    }

    /// Lots that the house would buy and sell if the quote were taken, on either side.
    #[inline]
    pub(crate) fn lots(bid_px: Px, offer_px: Px, qty: Qty) -> (i64, i64) {
        let lots = |px: Px| if px == Px::NONE { 0 } else { qty.0 };
        (lots(bid_px), lots(offer_px))
    }
}
