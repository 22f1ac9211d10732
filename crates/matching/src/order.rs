//! What can be asked of a book.

use pinrail_types::record::{OrdType, TimeInForce};
use pinrail_types::{ClientId, InstrumentId, Px, Qty, SessionId, Side};

/// What sets off a stop (`TriggerPriceType`, FIX tag 1107).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// The prices of trades in its own book.
    #[default]
    LastTrade,
    /// The reference price that the book was told.
    Reference,
}

/// An order that is not to trade when it comes (`ExecInst` 18 = 6, participate don't initiate).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PostOnly {
    /// It may trade at once.
    #[default]
    No,
    /// It is refused if it would.
    Reject,
    /// It is put one price step behind the other side's best if it would.
    Reprice,
}

/// What happens where an order would trade with one of the same client (`SelfMatchPreventionInstruction`, FIX tag 2964).
/// The policy of the order that comes decides; the newer order is always the one that comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SelfTrade {
    /// They trade.
    #[default]
    Allow,
    /// What is left of the one that comes is cancelled.
    CancelNewest,
    /// The one that rests is cancelled, and the one that comes goes on.
    CancelOldest,
    /// Both are cancelled.
    CancelBoth,
    /// Both lose the smaller of what is left of the one that comes and what is shown of the one that rests; what has nothing
    /// left is cancelled.
    Decrement,
}

/// An order as it comes. [`NewOrder::limit`] makes a plain one, to be changed by struct update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Whoever sends it chooses the id (`OrderID` 37): no other open order of the pool has it. Ids that are given out in order
    /// are found fastest.
    pub order_id: u64,
    /// Whose it is; orders of one client do not trade with one another, as `self_trade` says.
    pub client: ClientId,
    /// Where it came in; for cancels by session.
    pub session: SessionId,
    /// `Side` 54.
    pub side: Side,
    /// Market, limit, stop or stop limit (`OrdType` 40).
    pub ord_type: OrdType,
    /// `TimeInForce` 59. A market order that came, or was triggered, never rests, whatever stands here.
    pub time_in_force: TimeInForce,
    /// At this price or better (`Price` 44). Of a market order and of a stop the collar: it trades no further.
    pub px: Px,
    /// How much (`OrderQty` 38).
    pub qty: Qty,
    /// What a stop waits for (`StopPx` 99); [`Px::NONE`] for others.
    pub stop_px: Px,
    /// What sets the stop off.
    pub trigger: Trigger,
    /// At least as much must trade when it comes to the market (`MinQty` 110), or nothing does and it is cancelled; zero if
    /// any part will do.
    pub min_qty: Qty,
    /// How much is shown at a time (`DisplayQty` 1138); zero shows all.
    pub display_qty: Qty,
    /// With [`TimeInForce::GoodTillDate`], the core time from which it is no longer good; else zero.
    pub expire_ts: u64,
    /// Not to trade at once.
    pub post_only: PostOnly,
    /// It may trade only what reduces its client's position, see [`Sink::reducible`](crate::Sink::reducible) (`ExecInst` E,
    /// do not increase).
    pub reduce_only: bool,
    /// What happens where it would trade with one of the same client.
    pub self_trade: SelfTrade,
}

impl NewOrder {
    /// A limit order, good till cancelled, all of it shown.
    pub const fn limit(order_id: u64, client: ClientId, side: Side, px: Px, qty: Qty) -> NewOrder {
        NewOrder {
            order_id,
            client,
            session: SessionId(0),
            side,
            ord_type: OrdType::Limit,
            time_in_force: TimeInForce::GoodTillCancel,
            px,
            qty,
            stop_px: Px::NONE,
            trigger: Trigger::LastTrade,
            min_qty: Qty::ZERO,
            display_qty: Qty::ZERO,
            expire_ts: 0,
            post_only: PostOnly::No,
            reduce_only: false,
            self_trade: SelfTrade::Allow,
        }
    }
}

/// Another price, quantity or stop price for an open order (`OrderCancelReplaceRequest`, FIX G).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amend {
    /// The order.
    pub order_id: u64,
    /// Its price from now on.
    pub px: Px,
    /// Its whole quantity from now on, what was filled included (`OrderQty` 38).
    pub qty: Qty,
    /// A waiting stop's stop price from now on; [`Px::NONE`] leaves it, and is the only value for what is no waiting stop.
    pub stop_px: Px,
}

/// One side of a market maker's quote in one book (`MassQuote`, FIX i).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuoteLeg {
    /// In which book.
    pub instrument: InstrumentId,
    /// The side's own id, from the first quote to the last: it is an order like any other.
    pub order_id: u64,
    /// `Side` 54.
    pub side: Side,
    /// The price.
    pub px: Px,
    /// How much is to be open from now on; zero takes the side away.
    pub qty: Qty,
}

/// Whose quote a mass quote is, for all its legs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoter {
    /// The market maker.
    pub client: ClientId,
    /// Where it came in.
    pub session: SessionId,
    /// Whether legs may trade at once.
    pub post_only: PostOnly,
    /// What happens where a leg would trade with an order of the same client.
    pub self_trade: SelfTrade,
}

/// Which orders a mass cancel takes (`OrderMassCancelRequest`, FIX q): those to which all that is named applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MassCancel {
    /// Of one client.
    pub client: Option<ClientId>,
    /// In one book.
    pub instrument: Option<InstrumentId>,
    /// Of one side.
    pub side: Option<Side>,
    /// Of one session.
    pub session: Option<SessionId>,
}

/// What a book does with orders (`TradSesStatus`, FIX tag 340, in the sense of an exchange's market states).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Orders trade as they come.
    Continuous,
    /// Orders gather, and trade together at one price when continuous trading begins.
    Auction,
    /// Orders may only be cancelled.
    CancelOnly,
    /// The same: as every book begins, and where whoever watches the market stops it.
    #[default]
    Halted,
}

/// An open order, as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookOrder {
    /// In which book.
    pub instrument: InstrumentId,
    /// Its id.
    pub order_id: u64,
    /// Whose.
    pub client: ClientId,
    /// Where it came in.
    pub session: SessionId,
    /// `Side` 54.
    pub side: Side,
    /// Its price.
    pub px: Px,
    /// Its whole quantity (`OrderQty` 38).
    pub qty: Qty,
    /// What of it may still trade (`LeavesQty` 151).
    pub leaves: Qty,
    /// What of that others see.
    pub shown: Qty,
    /// What a stop waits for; [`Px::NONE`] of an order in the market.
    pub stop_px: Px,
}

impl BookOrder {
    /// What was filled (`CumQty` 14).
    pub const fn cum(&self) -> Qty {
        Qty(self.qty.0 - self.leaves.0)
    }
}
