//! What a book says.

use pinrail_types::money::product;
use pinrail_types::record::{ExecType, OrdStatus};
use pinrail_types::{ClientId, E8, InstrumentId, Px, Qty, Reason, SessionId, Side};

use crate::order::NewOrder;

/// What happened to an order, but for fills (`ExecutionReport`, FIX 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// `ExecType` 150.
    pub exec_type: ExecType,
    /// `OrdStatus` 39, from then on.
    pub ord_status: OrdStatus,
    /// Why, where it ended or lost quantity; [`Reason::None`] else.
    pub reason: Reason,
    /// In which book.
    pub instrument: InstrumentId,
    /// Which order.
    pub order_id: u64,
    /// Whose.
    pub client: ClientId,
    /// Where it came in.
    pub session: SessionId,
    /// `Side` 54.
    pub side: Side,
    /// Its price: as it is from now on, where it was repriced or replaced.
    pub px: Px,
    /// Its whole quantity (`OrderQty` 38).
    pub qty: Qty,
    /// What may still trade (`LeavesQty` 151); zero once it has ended.
    pub leaves: Qty,
    /// What was filled (`CumQty` 14).
    pub cum: Qty,
}

/// One of the two orders of a trade, as it stands after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party {
    /// Which order.
    pub order_id: u64,
    /// Whose.
    pub client: ClientId,
    /// Where it came in.
    pub session: SessionId,
    /// What may still trade (`LeavesQty` 151).
    pub leaves: Qty,
    /// What was filled (`CumQty` 14).
    pub cum: Qty,
}

impl Party {
    /// `OrdStatus` 39 after the trade.
    pub const fn ord_status(&self) -> OrdStatus {
        if self.leaves.0 == 0 {
            OrdStatus::Filled
        } else {
            OrdStatus::PartiallyFilled
        }
    }
}

/// A trade of two orders (`ExecType` F of either).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// In which book.
    pub instrument: InstrumentId,
    /// Numbers the trades of a book, from 1 (`TrdMatchID` 880).
    pub trade_id: u64,
    /// The maker's price; in an auction the one price (`LastPx` 31).
    pub px: Px,
    /// How much (`LastQty` 32).
    pub qty: Qty,
    /// The taker's side.
    pub side: Side,
    /// Who came; in an auction the buyer.
    pub taker: Party,
    /// Who rested; in an auction the seller.
    pub maker: Party,
    /// It is of an auction: nobody took.
    pub is_auction: bool,
}

/// What the two of a trade pay for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fees {
    /// The maker's fee as a fraction of the notional, times 1e8; negative is a rebate.
    pub maker_e8: i32,
    /// The taker's, and either's in an auction.
    pub taker_e8: i32,
    /// A tick times a lot, in the smallest unit of the asset that the instrument is quoted in.
    pub unit: i64,
}

impl Fill {
    /// What the maker and the taker pay, in the smallest unit of the quote asset; negative is paid to them. Rounded up, so
    /// that the house neither takes less than its rate nor pays more.
    ///
    /// `None` where an amount does not fit 128 bits.
    pub fn fees(&self, fees: &Fees) -> Option<(i128, i128)> {
        let notional = product(self.px.0, self.qty.0).checked_mul(i128::from(fees.unit))?;
        let fee = |rate_e8: i32| {
            let exact_e8 = notional.abs().checked_mul(i128::from(rate_e8))?;
            Some(-(-exact_e8).div_euclid(i128::from(E8)))
        };
        let maker_e8 = if self.is_auction {
            fees.taker_e8
        } else {
            fees.maker_e8
        };
        Some((fee(maker_e8)?, fee(fees.taker_e8)?))
    }
}

/// All that is shown at one price (L2). Deltas of one book, applied in order, rebuild it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelDelta {
    /// In which book.
    pub instrument: InstrumentId,
    /// Bids are [`Side::Buy`].
    pub side: Side,
    /// The price.
    pub px: Px,
    /// What is shown there now; zero if nothing.
    pub qty: Qty,
}

/// What became of a shown order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderDeltaKind {
    /// It stands at the end of its price's queue.
    Add,
    /// It shows another quantity, at the place where it stands.
    Change,
    /// It is gone.
    Remove,
}

/// A shown order that is shown otherwise than before (L3). Deltas of one book, applied in order, rebuild every queue of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderDelta {
    /// What became of it.
    pub kind: OrderDeltaKind,
    /// In which book.
    pub instrument: InstrumentId,
    /// `Side` 54.
    pub side: Side,
    /// Which order.
    pub order_id: u64,
    /// Its price.
    pub px: Px,
    /// What is shown of it from now on; zero if it is gone.
    pub qty: Qty,
}

/// The best prices and what is shown there; a side that is empty has [`Px::NONE`] and no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Top {
    /// Best bid.
    pub bid_px: Px,
    /// What is shown there.
    pub bid_qty: Qty,
    /// Best offer.
    pub ask_px: Px,
    /// What is shown there.
    pub ask_qty: Qty,
}

impl Top {
    /// Of an empty book.
    pub const EMPTY: Top = Top {
        bid_px: Px::NONE,
        bid_qty: Qty::ZERO,
        ask_px: Px::NONE,
        ask_qty: Qty::ZERO,
    };
}

/// At which price an auction would end now, and how much would trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncross {
    /// The price; [`Px::NONE`] where nothing would trade.
    pub px: Px,
    /// How much would trade.
    pub qty: Qty,
    /// What would be left over of those who would trade at that price: above zero of buyers, below of sellers.
    pub surplus: Qty,
}

impl Uncross {
    /// Nothing would trade.
    pub const NONE: Uncross = Uncross {
        px: Px::NONE,
        qty: Qty::ZERO,
        surplus: Qty::ZERO,
    };
}

/// Takes what books say, in the order in which it happened. Dispatched statically: what nobody wants is not made.
pub trait Sink {
    /// Whether [`Sink::level`] is wanted.
    const LEVELS: bool = false;
    /// Whether [`Sink::order`] is wanted.
    const ORDERS: bool = false;
    /// Whether [`Sink::top`] is wanted.
    const TOPS: bool = false;

    /// Something happened to an order that is no fill.
    fn report(&mut self, report: &Report);

    /// Two orders traded.
    fn fill(&mut self, fill: &Fill);

    /// What is shown at a price changed, or was taken away and shown anew: so it may be as much as before.
    #[inline]
    fn level(&mut self, _delta: &LevelDelta) {}

    /// An order is shown otherwise than before.
    #[inline]
    fn order(&mut self, _delta: &OrderDelta) {}

    /// The best prices, or what is shown there, are others than when this was last said. Once a call or step.
    #[inline]
    fn top(&mut self, _instrument: InstrumentId, _top: &Top) {}

    /// In an auction, or as it ends: what it would come to is something else than when this was last said.
    #[inline]
    fn uncross(&mut self, _instrument: InstrumentId, _uncross: &Uncross) {}

    /// Whether a stop that is reached may come to the market; [`Reason::None`] if so. It is cancelled with any other.
    #[inline]
    fn may_trigger(&self, _instrument: InstrumentId, _order: &NewOrder) -> Reason {
        Reason::None
    }

    /// How much a client's position may shrink by a trade of that side: zero if it is flat or would grow. Asked of clients of
    /// reduce-only orders only, before each of their trades; every fill before it was told.
    #[inline]
    fn reducible(&self, _instrument: InstrumentId, _client: ClientId, _side: Side) -> Qty {
        Qty(Qty::ABS_MAX)
    }
}

/// Takes nothing.
impl Sink for () {
    #[inline]
    fn report(&mut self, _report: &Report) {}
    #[inline]
    fn fill(&mut self, _fill: &Fill) {}
}
