//! Inputs from clients, in FIX terms.

use super::{byte_enum, record};
use crate::ids::{ClientId, InstrumentId, OutId, SessionId};
use crate::money::{Amount, Px, Qty};
use crate::text::Text;

/// The `side` of a [`QuoteRequest`] that asks for a bid and an offer.
pub const TWO_SIDED: u8 = 0;

byte_enum! {
    /// `SubscriptionRequestType` (FIX tag 263).
    SubscriptionRequestType {
        /// One quote. So does a byte of zero.
        Snapshot = b'0',
        /// A quote that is kept fresh until the stream ends: each new one has the same `quote_req_id` and ends the one before.
        Updates = b'1',
        /// The stream with this `quote_req_id` is to end, and its quote.
        Disable = b'2',
    }
}

byte_enum! {
    /// `QuoteType` (FIX tag 537).
    QuoteType {
        /// A price to look at: nothing is reserved for it and nobody can take it.
        Indicative = b'0',
        /// A price to trade at. So does a byte of zero.
        Tradeable = b'1',
    }
}

record! {
    /// A client asks for a price (`QuoteRequest`, FIX R).
    QuoteRequest = 0x0301, version 0, lines 2 {
        /// The client's id of the request (`QuoteReqID` 131).
        quote_req_id: Text<24> = 32,
        /// Who asks.
        client: ClientId = 56,
        /// What for (`Symbol` 55).
        instrument: InstrumentId = 60,
        /// How much (`OrderQty` 38); zero if `cash` says it.
        qty: Qty = 64,
        /// `Side` 54 as the client sees it, or [`TWO_SIDED`].
        side: u8 = 72,
        /// [`SubscriptionRequestType`], or zero.
        subscription: u8 = 73,
        /// Where it came in.
        session: SessionId = 74,
        /// [`QuoteType`], or zero.
        quote_type: u8 = 76,
        /// Zero.
        pad: [u8; 3] = 77,
        /// When we received it.
        ts_recv: u64 = 80,
        /// The latest that the quote may be good until (`ValidUntilTime` 62); zero leaves it to the desk. A stream ends then.
        valid_until: u64 = 88,
        /// The least that is to be quoted, and that an accept may be for (`MinQty` 110); zero for all or none.
        min_qty: Qty = 96,
        /// How much in the quote asset's smallest unit (`CashOrderQty` 152), fees and spread included: as many lots as that pays for,
        /// rounded down, so that what is traded is never worth more. Zero if `qty` says it; then of one side only.
        cash: Amount = 104,
        /// Zero.
        pad2: [u8; 8] = 120,
    }
}

byte_enum! {
    /// `OrdType` (FIX tag 40).
    OrdType {
        /// Market.
        Market = b'1',
        /// Limit.
        Limit = b'2',
        /// Stop: a market order once its trigger has reached `StopPx` 99.
        Stop = b'3',
        /// Stop limit: a limit order once its trigger has reached `StopPx` 99.
        StopLimit = b'4',
        /// Previously quoted: accepts the quote that `quote_id` names.
        PreviouslyQuoted = b'D',
    }
}

byte_enum! {
    /// `HandlInst` (FIX tag 21): who executes an order.
    HandlInst {
        /// Automated execution, private, no broker intervention: the desk routes it over its venues for the client, as an agency
        /// order.
        Automated = b'1',
    }
}

record! {
    /// An order (`NewOrderSingle`, FIX D) with `OrdType` D: it accepts a quote. The price must be the
    /// quote's, and so must the quantity, also where that is for less than was asked for, unless the quote may be taken in part.
    ///
    /// With a `handl_inst` it accepts nothing and is an agency order, of `OrdType` 1 or 2: what venues fill is passed on to the client
    /// at the venue's price, for the commission of its tier ([`AgencyDef`](crate::record::AgencyDef)).
    NewOrderSingle = 0x0302, version 0, lines 2 {
        /// The client's id of the order (`ClOrdID` 11).
        cl_ord_id: Text<24> = 32,
        /// The quote that it accepts (`QuoteID` 117).
        quote_id: OutId = 56,
        /// Who orders.
        client: ClientId = 72,
        /// What (`Symbol` 55).
        instrument: InstrumentId = 76,
        /// How much (`OrderQty` 38).
        qty: Qty = 80,
        /// At which price (`Price` 44). Of an agency order at no worse price; of a market order none, or how far it may go.
        px: Px = 88,
        /// `Side` 54.
        side: u8 = 96,
        /// [`OrdType`].
        ord_type: u8 = 97,
        /// Where it came in.
        session: SessionId = 98,
        /// [`HandlInst`] of an agency order; zero of one that accepts a quote.
        handl_inst: u8 = 100,
        /// [`TimeInForce`](crate::record::TimeInForce) of an agency order: 3 (one try) or 6; else zero.
        time_in_force: u8 = 101,
        /// Zero.
        pad: [u8; 2] = 102,
        /// When we received it.
        ts_recv: u64 = 104,
        /// With `TimeInForce` 6 the core time from which it is no longer good (`ExpireTime` 126); else zero.
        expire_ts: u64 = 112,
        /// Zero.
        pad2: [u8; 8] = 120,
    }
}

byte_enum! {
    /// `QuoteRespType` (FIX tag 694), those that need no price.
    QuoteRespType {
        /// The client traded elsewhere.
        DoneAway = 5,
        /// The client passes.
        Pass = 6,
    }
}

record! {
    /// A client gives a quote back (`QuoteResponse`, FIX AJ).
    QuoteResponse = 0x0303, version 0, lines 1 {
        /// The quote (`QuoteID` 117).
        quote_id: OutId = 32,
        /// Whose it is.
        client: ClientId = 48,
        /// Where it came in.
        session: SessionId = 52,
        /// [`QuoteRespType`].
        resp_type: u8 = 54,
        /// Zero.
        pad: [u8; 1] = 55,
        /// When we received it.
        ts_recv: u64 = 56,
    }
}

byte_enum! {
    /// `QuoteCancelType` (FIX tag 298), those of a client.
    QuoteCancelType {
        /// All quotes, streams and requests of the client.
        All = 4,
        /// One, by `quote_id`, or if that is none, by `quote_req_id`.
        Specified = 5,
    }
}

record! {
    /// A client takes back what it asked for (`QuoteCancel`, FIX Z): a quote, or a request with its quote or stream. Never refused
    /// for its rate.
    QuoteCancel = 0x0310, version 0, lines 2 {
        /// The quote (`QuoteID` 117), or none.
        quote_id: OutId = 32,
        /// The client's id of the request (`QuoteReqID` 131), or empty.
        quote_req_id: Text<24> = 48,
        /// Whose it is.
        client: ClientId = 72,
        /// Where it came in.
        session: SessionId = 76,
        /// [`QuoteCancelType`].
        cancel_type: u8 = 78,
        /// Zero.
        pad: [u8; 1] = 79,
        /// When we received it.
        ts_recv: u64 = 80,
        /// Zero.
        pad2: [u8; 40] = 88,
    }
}

byte_enum! {
    /// What became of a session of a client.
    SessionEventKind {
        /// It is gone: what was asked for on it is withdrawn, but what was taken already.
        Gone = 1,
        /// It is there again.
        Back = 2,
    }
}

record! {
    /// The portal tells that a client's session is gone, or there again. At the start of an epoch none is gone.
    SessionEvent = 0x0311, version 0, lines 1 {
        /// The session.
        session: SessionId = 32,
        /// [`SessionEventKind`].
        kind: u8 = 34,
        /// Zero.
        pad: [u8; 5] = 35,
        /// When we noticed.
        ts_recv: u64 = 40,
        /// Zero.
        pad2: [u8; 16] = 48,
    }
}
