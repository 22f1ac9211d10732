//! The desk's own books: what clients ask of them, who runs them, and what they say.

use super::{BookLevel, byte_enum, record};
use crate::ids::{ClientId, InstrumentId, OutId, SessionId};
use crate::money::{Px, Qty};
use crate::text::Text;

byte_enum! {
    /// `TriggerPriceType` (FIX tag 1107): what sets off a stop.
    TriggerPriceType {
        /// The prices of trades in its own book.
        LastTrade = b'2',
        /// The reference: the middle of the venues' consolidated best prices (FIX: best mid).
        Reference = b'6',
    }
}

byte_enum! {
    /// `SelfMatchPreventionInstruction` (FIX tag 2964): what happens where an order would trade with one of the same client.
    SelfMatchPrevention {
        /// They trade.
        Allow = 0,
        /// What is left of the one that comes is cancelled.
        CancelNewest = 1,
        /// The one that rests is cancelled.
        CancelOldest = 2,
        /// Both are cancelled.
        CancelBoth = 3,
        /// Both lose the smaller of the two quantities.
        Decrement = 4,
    }
}

/// Bits of an `exec_inst` (`ExecInst`, FIX tag 18).
#[derive(Clone, Copy, Debug)]
pub struct ExecInst;

impl ExecInst {
    /// Participate don't initiate: refused if it would trade at once.
    pub const POST_ONLY: u8 = 1;
    /// With [`ExecInst::POST_ONLY`]: put one step behind the other side instead.
    pub const REPRICE: u8 = 2;
    /// Do not increase: it trades only what reduces its client's position.
    pub const REDUCE_ONLY: u8 = 4;
    /// Every bit that means something.
    pub const ALL: u8 = 7;
}

record! {
    /// A client's order for the desk's own book (`NewOrderSingle`, FIX D). One that accepts a quote is a
    /// [`NewOrderSingle`](crate::record::NewOrderSingle).
    ClientOrder = 0x0304, version 0, lines 2 {
        /// The client's id of the order (`ClOrdID` 11); no other open order of the client has it.
        cl_ord_id: Text<24> = 32,
        /// Who orders.
        client: ClientId = 56,
        /// What (`Symbol` 55).
        instrument: InstrumentId = 60,
        /// How much (`OrderQty` 38).
        qty: Qty = 64,
        /// At this price or better (`Price` 44). Of a market order and of a stop how far it may go; none leaves that to the
        /// desk's collar.
        px: Px = 72,
        /// What a stop waits for (`StopPx` 99); none for others.
        stop_px: Px = 80,
        /// At least as much must trade at once (`MinQty` 110), or nothing does; zero if any part will do.
        min_qty: Qty = 88,
        /// How much is shown at a time (`DisplayQty` 1138); zero shows all.
        display_qty: Qty = 96,
        /// With `TimeInForce` 6 the core time from which it is no longer good (`ExpireTime` 126); else zero.
        expire_ts: u64 = 104,
        /// When we received it.
        ts_recv: u64 = 112,
        /// `Side` 54.
        side: u8 = 120,
        /// [`OrdType`](crate::record::OrdType), those of a book.
        ord_type: u8 = 121,
        /// Where it came in.
        session: SessionId = 122,
        /// [`TimeInForce`](crate::record::TimeInForce).
        time_in_force: u8 = 124,
        /// [`TriggerPriceType`] of a stop; else zero.
        trigger: u8 = 125,
        /// [`ExecInst`].
        exec_inst: u8 = 126,
        /// [`SelfMatchPrevention`].
        self_match: u8 = 127,
    }
}

record! {
    /// A client cancels an order (`OrderCancelRequest`, FIX F), which it names by our id or by its own.
    OrderCancelRequest = 0x0305, version 0, lines 2 {
        /// The client's id of this request (`ClOrdID` 11).
        cl_ord_id: Text<24> = 32,
        /// The client's id of the order (`OrigClOrdID` 41); only looked at where `order_id` is none.
        orig_cl_ord_id: Text<24> = 56,
        /// Our id of the order (`OrderID` 37), or none.
        order_id: OutId = 80,
        /// Whose it is.
        client: ClientId = 96,
        /// Where it came in.
        session: SessionId = 100,
        /// Zero.
        pad: [u8; 2] = 102,
        /// When we received it.
        ts_recv: u64 = 104,
        /// Zero.
        pad2: [u8; 16] = 112,
    }
}

record! {
    /// A client changes an order (`OrderCancelReplaceRequest`, FIX G), which it names by our id or by its own.
    OrderCancelReplaceRequest = 0x0306, version 0, lines 3 {
        /// The client's id of the order from now on (`ClOrdID` 11).
        cl_ord_id: Text<24> = 32,
        /// The client's id of the order before (`OrigClOrdID` 41); only looked at where `order_id` is none.
        orig_cl_ord_id: Text<24> = 56,
        /// Our id of the order (`OrderID` 37), or none.
        order_id: OutId = 80,
        /// Whose it is.
        client: ClientId = 96,
        /// Where it came in.
        session: SessionId = 100,
        /// Zero.
        pad: [u8; 2] = 102,
        /// Its whole quantity from now on, what was filled included (`OrderQty` 38).
        qty: Qty = 104,
        /// Its price from now on (`Price` 44).
        px: Px = 112,
        /// A waiting stop's stop price from now on (`StopPx` 99); none leaves it.
        stop_px: Px = 120,
        /// When we received it.
        ts_recv: u64 = 128,
        /// Zero.
        pad2: [u8; 56] = 136,
    }
}

record! {
    /// A client cancels many of its orders (`OrderMassCancelRequest`, FIX q): those to which all that is named applies.
    OrderMassCancelRequest = 0x0307, version 0, lines 2 {
        /// The client's id of this request (`ClOrdID` 11).
        cl_ord_id: Text<24> = 32,
        /// Whose.
        client: ClientId = 56,
        /// In what, or [`OrderMassCancelRequest::ALL`].
        instrument: InstrumentId = 60,
        /// Where it came in.
        session: SessionId = 64,
        /// `Side` 54; zero for both.
        side: u8 = 66,
        /// 1 for those that came in on `session` only; 0 for all.
        of_session: u8 = 67,
        /// Zero.
        pad: [u8; 4] = 68,
        /// When we received it.
        ts_recv: u64 = 72,
        /// Zero.
        pad2: [u8; 48] = 80,
    }
}

impl OrderMassCancelRequest {
    /// The `instrument` that stands for every one.
    pub const ALL: InstrumentId = InstrumentId(u32::MAX);
}

/// Most quotes a side in a [`MassQuote`].
pub const QUOTES_MAX: usize = 3;

record! {
    /// All that a market maker quotes in one book from now on (`MassQuote`, FIX i). The first bid takes the place of the first
    /// bid that it quoted before, and so on; what it quoted beyond those is taken away.
    MassQuote = 0x0308, version 0, lines 3 {
        /// The client's id of it (`QuoteID` 117).
        quote_id: Text<24> = 32,
        /// Who quotes.
        client: ClientId = 56,
        /// In what (`Symbol` 55).
        instrument: InstrumentId = 60,
        /// Where it came in.
        session: SessionId = 64,
        /// Bids, at most 3.
        bids: u8 = 66,
        /// Offers, at most 3.
        asks: u8 = 67,
        /// [`ExecInst`], the bits of post-only.
        exec_inst: u8 = 68,
        /// [`SelfMatchPrevention`].
        self_match: u8 = 69,
        /// Zero.
        pad: [u8; 2] = 70,
        /// When we received it.
        ts_recv: u64 = 72,
        /// Zero.
        pad2: [u8; 16] = 80,
        /// First the bids, then the offers; a quantity is what is to be open, zero takes the quote away.
        levels: [BookLevel; 6] = 96,
    }
}

record! {
    /// A book of the desk's own. Given once; never changed within a journal. It begins halted.
    BookDef = 0x010b, version 0, lines 2 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// Who rested pays this fraction of the notional, times 1e8; negative is a rebate.
        maker_fee_e8: i32 = 36,
        /// Who came pays this, and both do in an auction.
        taker_fee_e8: i32 = 40,
        /// Zero.
        pad: [u8; 4] = 44,
        /// Prices are multiples of this many ticks; at least 1.
        px_ticks_step: i64 = 48,
        /// Quantities are multiples of this many lots; at least 1.
        qty_lots_step: Qty = 56,
        /// The lowest price that is taken; not below zero.
        min_px: Px = 64,
        /// The highest.
        max_px: Px = 72,
        /// Zero.
        pad2: [u8; 48] = 80,
    }
}

byte_enum! {
    /// What a book does with orders (`TradSesStatus`, FIX tag 340, in the sense of an exchange's market states).
    MarketPhase {
        /// Orders trade as they come.
        Continuous = 0,
        /// Orders gather, and trade together at one price when continuous trading begins.
        Auction = 1,
        /// Orders may only be cancelled.
        CancelOnly = 2,
        /// The same: as every book begins, and where whoever watches the market stops it.
        Halted = 3,
    }
}

record! {
    /// Begins another phase in a book.
    MarketPhaseSet = 0x0405, version 0, lines 1 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// [`MarketPhase`].
        phase: u8 = 36,
        /// Zero.
        pad: [u8; 3] = 37,
        /// When the day ends, for Day orders that come from then on; zero if it has no end.
        day_end_ts: u64 = 40,
        /// Who did it.
        actor: Text<16> = 48,
    }
}

record! {
    /// A book is in another phase, or its day has another end.
    MarketPhaseReport = 0x1014, version 0, lines 1 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// [`MarketPhase`].
        phase: u8 = 36,
        /// Zero.
        pad: [u8; 3] = 37,
        /// When the day ends; zero if it has no end.
        day_end_ts: u64 = 40,
        /// Who did it.
        actor: Text<16> = 48,
    }
}

byte_enum! {
    /// `CxlRejResponseTo` (FIX tag 434).
    CxlRejResponseTo {
        /// An [`OrderCancelRequest`].
        CancelRequest = b'1',
        /// An [`OrderCancelReplaceRequest`].
        CancelReplaceRequest = b'2',
    }
}

record! {
    /// A cancel or a change that was refused (`OrderCancelReject`, FIX 9): the order is as it was.
    OrderCancelReject = 0x100f, version 0, lines 2 {
        /// The client's id of the request (`ClOrdID` 11).
        cl_ord_id: Text<24> = 32,
        /// The client's id of the order (`OrigClOrdID` 41), as it was named.
        orig_cl_ord_id: Text<24> = 56,
        /// Our id of the order (`OrderID` 37), as it was named.
        order_id: OutId = 80,
        /// Who asked.
        client: ClientId = 96,
        /// Session that asked.
        session: SessionId = 100,
        /// [`Reason`](crate::Reason).
        reason: u16 = 102,
        /// [`CxlRejResponseTo`].
        response_to: u8 = 104,
        /// Zero.
        pad: [u8; 23] = 105,
    }
}

record! {
    /// What became of an [`OrderMassCancelRequest`] (`OrderMassCancelReport`, FIX r). Each order that it ends has a report of
    /// its own besides.
    OrderMassCancelReport = 0x1015, version 0, lines 1 {
        /// The client's id of the request (`ClOrdID` 11).
        cl_ord_id: Text<24> = 32,
        /// Who asked.
        client: ClientId = 56,
        /// Session that asked.
        session: SessionId = 60,
        /// [`Reason`](crate::Reason) of a refusal; zero where it was taken.
        reason: u16 = 62,
    }
}

record! {
    /// What became of a [`MassQuote`] (`MassQuoteAcknowledgement`, FIX b). Each quote has reports of its own besides.
    MassQuoteAck = 0x1016, version 0, lines 1 {
        /// The client's id of it (`QuoteID` 117).
        quote_id: Text<24> = 32,
        /// Who quotes.
        client: ClientId = 56,
        /// Session that quotes.
        session: SessionId = 60,
        /// [`Reason`](crate::Reason) of a refusal; zero where it was taken.
        reason: u16 = 62,
    }
}

byte_enum! {
    /// `LastLiquidityInd` (FIX tag 851).
    LastLiquidityInd {
        /// It rested.
        Added = 1,
        /// It came.
        Removed = 2,
        /// Both were gathered in an auction.
        Auction = 4,
    }
}

record! {
    /// All that is shown at one price of a book (L2). Deltas of one book, applied in order, rebuild it.
    BookLevelDelta = 0x1010, version 0, lines 1 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// `Side` 54.
        side: u8 = 36,
        /// Zero.
        pad: [u8; 3] = 37,
        /// The price.
        px: Px = 40,
        /// What is shown there now; zero if nothing.
        qty: Qty = 48,
        /// Zero.
        pad2: [u8; 8] = 56,
    }
}

byte_enum! {
    /// `MDUpdateAction` (FIX tag 279).
    MdUpdateAction {
        /// The order stands at the end of its price's queue.
        New = 0,
        /// It shows another quantity, at the place where it stands.
        Change = 1,
        /// It is gone.
        Delete = 2,
    }
}

record! {
    /// A shown order of a book is shown otherwise than before (L3). Deltas of one book, applied in order, rebuild every queue.
    BookOrderDelta = 0x1011, version 0, lines 1 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// `Side` 54.
        side: u8 = 36,
        /// [`MdUpdateAction`].
        action: u8 = 37,
        /// Zero.
        pad: [u8; 2] = 38,
        /// Its price.
        px: Px = 40,
        /// What is shown of it from now on; zero if it is gone.
        qty: Qty = 48,
        /// Numbers the orders that are open (`MDEntryID` 278); of one that is gone it is used again. The hint in the order's
        /// `OrderID` and one.
        book_order_id: u64 = 56,
    }
}

record! {
    /// The best prices of a book of the desk's own, when they or what is shown there are others than before.
    InternalTop = 0x1012, version 0, lines 2 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// Zero.
        pad: [u8; 4] = 36,
        /// Best bid, or none.
        bid_px: Px = 40,
        /// What is shown there.
        bid_qty: Qty = 48,
        /// Best offer, or none.
        offer_px: Px = 56,
        /// What is shown there.
        offer_qty: Qty = 64,
        /// Zero.
        pad2: [u8; 56] = 72,
    }
}

record! {
    /// At which price an auction would end now, and how much would trade.
    AuctionPrice = 0x1013, version 0, lines 1 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// Zero.
        pad: [u8; 4] = 36,
        /// The price; none where nothing would trade.
        px: Px = 40,
        /// How much would trade.
        qty: Qty = 48,
        /// What would be left over at that price: above zero of buyers, below of sellers.
        surplus_qty: Qty = 56,
    }
}
