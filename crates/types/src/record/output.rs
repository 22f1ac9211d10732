//! Outputs.

use super::{byte_enum, record};
use crate::ids::{AssetId, ClientId, InstrumentId, OutId, SessionId, VenueId};
use crate::money::{Amount, Px, Qty};
use crate::text::Text;

record! {
    /// A firm price (`Quote`, FIX S). A side that was not asked for has [`Px::NONE`].
    Quote = 0x1001, version 0, lines 3 {
        /// The client's id of the request (`QuoteReqID` 131).
        quote_req_id: Text<24> = 32,
        /// Our id of the quote (`QuoteID` 117).
        quote_id: OutId = 56,
        /// For whom.
        client: ClientId = 72,
        /// In what (`Symbol` 55).
        instrument: InstrumentId = 76,
        /// What we pay (`BidPx` 132).
        bid_px: Px = 80,
        /// What we ask (`OfferPx` 133).
        offer_px: Px = 88,
        /// How much, on either side (`BidSize` 134, `OfferSize` 135); less than `requested_qty` where the venues hold less.
        qty: Qty = 96,
        /// Good strictly before this core time (`ValidUntilTime` 62).
        valid_until: u64 = 104,
        /// What a hedge of a client's sale would fetch per unit, fees off, rounded down.
        hedge_bid_px: Px = 112,
        /// What a hedge of a client's purchase would cost per unit, fees on, rounded up.
        hedge_offer_px: Px = 120,
        /// The reference that the collar was judged against: the middle of the consolidated best, rounded down.
        ref_px: Px = 128,
        /// Half-spread that was added, as a fraction times 1e8.
        half_spread_e8: i64 = 136,
        /// Sequence of the last book input that the price rests on.
        book_seq: u64 = 144,
        /// Session that asked.
        session: SessionId = 152,
        /// `Side` 54 as asked, or [`TWO_SIDED`](crate::record::TWO_SIDED).
        side: u8 = 154,
        /// How many venues the price was swept from.
        venues: u8 = 155,
        /// [`QuoteType`](crate::record::QuoteType) as asked, or zero.
        quote_type: u8 = 156,
        /// 1 if a dealer made it; a [`DealerBasis`](crate::record::DealerBasis) follows.
        by_dealer: u8 = 157,
        /// Zero.
        pad: [u8; 2] = 158,
        /// How much was asked for (`OrderQty` 38).
        requested_qty: Qty = 160,
        /// The least that an accept may be for (`MinQty` 110); zero for all or none.
        min_qty: Qty = 168,
        /// Zero.
        pad2: [u8; 16] = 176,
    }
}

byte_enum! {
    /// What became of the stream that a request asked for.
    StreamState {
        /// There was none: the request itself is refused.
        None = 0,
        /// It has no quote, and will have one again when that can be made.
        Waits = 1,
        /// It ended.
        Ended = 2,
    }
}

record! {
    /// A request that was refused (`QuoteRequestReject`, FIX AG), or a stream that is no longer quoted.
    QuoteRequestReject = 0x1002, version 0, lines 2 {
        /// The client's id of the request (`QuoteReqID` 131).
        quote_req_id: Text<24> = 32,
        /// Who asked.
        client: ClientId = 56,
        /// For what.
        instrument: InstrumentId = 60,
        /// How much.
        qty: Qty = 64,
        /// [`Reason`](crate::Reason).
        reason: u16 = 72,
        /// Session that asked.
        session: SessionId = 74,
        /// `Side` 54 as asked.
        side: u8 = 76,
        /// [`StreamState`].
        stream: u8 = 77,
        /// Zero.
        pad: [u8; 50] = 78,
    }
}

byte_enum! {
    /// `QuoteStatus` (FIX tag 297), those that end a quote.
    QuoteStatus {
        /// Rejected.
        Rejected = 5,
        /// Removed from the market: withdrawn by the desk.
        Removed = 6,
        /// Expired.
        Expired = 7,
        /// Passed by the client.
        Pass = 11,
        /// Cancelled.
        Canceled = 17,
    }
}

record! {
    /// A quote ended without a fill (`QuoteStatusReport`, FIX AI).
    QuoteStatusReport = 0x1003, version 0, lines 1 {
        /// The quote (`QuoteID` 117).
        quote_id: OutId = 32,
        /// Whose it was.
        client: ClientId = 48,
        /// Session that asked.
        session: SessionId = 52,
        /// [`Reason`](crate::Reason).
        reason: u16 = 54,
        /// [`QuoteStatus`].
        status: u8 = 56,
        /// Zero.
        pad: [u8; 7] = 57,
    }
}

byte_enum! {
    /// `ExecType` (FIX tag 150).
    ExecType {
        /// New: the venue has it.
        New = b'0',
        /// Cancelled.
        Canceled = b'4',
        /// Replaced: price or quantity are others now.
        Replaced = b'5',
        /// Pending cancel: the venue has the cancel and has not decided.
        PendingCancel = b'6',
        /// Rejected.
        Rejected = b'8',
        /// Pending new: a last look holds it.
        PendingNew = b'A',
        /// Expired.
        Expired = b'C',
        /// Restated: the book changed the quantity by itself.
        Restated = b'D',
        /// Pending replace: the venue has the replacement and has not decided.
        PendingReplace = b'E',
        /// Trade.
        Trade = b'F',
        /// Trade correct: an earlier trade was for another price or quantity.
        TradeCorrect = b'G',
        /// Trade cancel: an earlier trade never was, a bust.
        TradeCancel = b'H',
        /// Order status: nothing happened to the order, as when its cancel was refused.
        OrderStatus = b'I',
        /// Triggered: a stop is in the market now.
        Triggered = b'L',
    }
}

byte_enum! {
    /// `OrdStatus` (FIX tag 39).
    OrdStatus {
        /// New.
        New = b'0',
        /// Partially filled.
        PartiallyFilled = b'1',
        /// Filled.
        Filled = b'2',
        /// Cancelled.
        Canceled = b'4',
        /// Pending cancel.
        PendingCancel = b'6',
        /// Rejected.
        Rejected = b'8',
        /// Pending new: a last look holds it.
        PendingNew = b'A',
        /// Expired.
        Expired = b'C',
        /// Pending replace.
        PendingReplace = b'E',
    }
}

record! {
    /// What became of an order (`ExecutionReport`, FIX 8).
    ExecutionReport = 0x1004, version 0, lines 3 {
        /// The client's id of the order (`ClOrdID` 11).
        cl_ord_id: Text<24> = 32,
        /// Our id of this report (`ExecID` 17).
        exec_id: OutId = 56,
        /// Our id of the order (`OrderID` 37); none if it was refused.
        order_id: OutId = 72,
        /// The quote that it accepts (`QuoteID` 117).
        quote_id: OutId = 88,
        /// Who ordered.
        client: ClientId = 104,
        /// What.
        instrument: InstrumentId = 108,
        /// Price of this fill (`LastPx` 31).
        last_px: Px = 112,
        /// Quantity of this fill (`LastQty` 32).
        last_qty: Qty = 120,
        /// Quantity still open (`LeavesQty` 151).
        leaves_qty: Qty = 128,
        /// Quantity filled in all (`CumQty` 14).
        cum_qty: Qty = 136,
        /// Session that ordered.
        session: SessionId = 144,
        /// [`Reason`](crate::Reason), zero for a fill.
        reason: u16 = 146,
        /// `Side` 54.
        side: u8 = 148,
        /// [`ExecType`].
        exec_type: u8 = 149,
        /// [`OrdStatus`].
        ord_status: u8 = 150,
        /// [`LastLiquidityInd`](crate::record::LastLiquidityInd) of a fill in a book of the desk's own; else zero.
        liquidity: u8 = 151,
        /// Numbers the trades of such a book (`TrdMatchID` 880); else zero.
        trade_id: u64 = 152,
        /// Price of an order in such a book (`Price` 44), as it stands, or of an agency order, the worst; else zero.
        px: Px = 160,
        /// Its whole quantity (`OrderQty` 38); else zero.
        qty: Qty = 168,
        /// What was charged for this fill, in the smallest unit of the quote asset (`Commission` 12); negative is a rebate.
        fee: Amount = 176,
    }
}

record! {
    /// The house position after a fill (`PositionReport`, FIX AP).
    PositionReport = 0x1005, version 0, lines 1 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// Zero.
        pad: [u8; 4] = 36,
        /// Net position; negative is short.
        position: Qty = 40,
        /// What was received less what was paid, in the quote asset's smallest unit.
        cash: Amount = 48,
    }
}

record! {
    /// What the house position in an instrument cost, behind each [`PositionReport`] of a fill. Together they say what was
    /// earned: realised profit is cash plus cost, and what is not realised is what the position is worth less its cost.
    PositionCost = 0x1017, version 0, lines 1 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// Zero.
        pad: [u8; 4] = 36,
        /// What was paid for what is held, by average cost, in the quote asset's smallest unit; negative is what was received
        /// for a short position.
        cost: Amount = 40,
        /// Zero.
        pad2: [u8; 8] = 56,
    }
}

byte_enum! {
    /// What a party to a trade is (`PartyRole`, FIX tag 452, in our own words).
    PartyKind {
        /// The house. Its number is zero.
        House = 0,
        /// A client, by [`ClientId`].
        Client = 1,
        /// An external venue, by [`VenueId`].
        Venue = 2,
    }
}

byte_enum! {
    /// Where a trade came about.
    TradeSource {
        /// A client took a quote.
        Quote = 0,
        /// The house traded at a venue.
        Venue = 1,
        /// Two clients met in a book of the desk's own.
        Book = 2,
        /// What a venue filled of a client's agency order is passed on to it, at the venue's price (riskless principal, FIX
        /// `LastCapacity` 29 = 5). It stands behind the trade at the venue.
        Agency = 3,
    }
}

byte_enum! {
    /// `TradeReportTransType` (FIX tag 487).
    TradeReportTransType {
        /// A trade.
        New = 0,
        /// It takes back the trade that it names: what that one moved is moved back.
        Cancel = 1,
        /// A trade in the place of the one that was taken back just before.
        Replace = 2,
    }
}

record! {
    /// A trade, with all that settling it needs (`TradeCaptureReport`, FIX AE): who delivers what to whom, what is paid for it, and
    /// what both are charged. There is one for each trade, whoever made it, and accounts move by nothing else.
    ///
    /// What was traded goes from the seller to the buyer, and what it is worth from the buyer to the seller. The fees of a trade at
    /// a venue are the venue's, others are the house's.
    ///
    /// One that takes a trade back has the same parties; its quantity, amounts and fees are those of the trade with the other sign,
    /// so that sums over all of these are right for whoever does not look.
    TradeCaptureReport = 0x1018, version 1, lines 3 {
        /// Our id of the trade (`TradeReportID` 571).
        trade_id: OutId = 32,
        /// Number of who buys.
        buyer: u32 = 48,
        /// Number of who sells.
        seller: u32 = 52,
        /// [`PartyKind`] of the buyer.
        buyer_kind: u8 = 56,
        /// [`PartyKind`] of the seller.
        seller_kind: u8 = 57,
        /// [`TradeSource`].
        trade_source: u8 = 58,
        /// [`TradeReportTransType`].
        trans_type: u8 = 59,
        /// The instrument (`Symbol` 55).
        instrument: InstrumentId = 60,
        /// At which price (`LastPx` 31).
        px: Px = 64,
        /// How much (`LastQty` 32).
        qty: Qty = 72,
        /// What is delivered.
        base: AssetId = 80,
        /// In what it is paid.
        quote: AssetId = 84,
        /// How much is delivered, in the smallest unit of `base`.
        base_amt: Amount = 88,
        /// What is paid, in the smallest unit of `quote` (`GrossTradeAmt` 381); negative where the price is.
        gross_trade_amt: Amount = 104,
        /// What the buyer is charged, in the smallest unit of `fee_asset` (`Commission` 12); negative is a rebate.
        buyer_fee: Amount = 120,
        /// What the seller is charged.
        seller_fee: Amount = 136,
        /// In which asset fees are charged.
        fee_asset: AssetId = 152,
        /// Zero.
        pad2: [u8; 4] = 156,
        /// The quote that was taken (`QuoteID` 117), or our order at the venue or the client's agency order (`OrderID` 37); none in a
        /// book of the desk's own.
        /// In one that takes a trade back, that trade (`TradeReportRefID` 572).
        ref_id: OutId = 160,
        /// The trade's number in a book of the desk's own (`TrdMatchID` 880); zero elsewhere.
        match_id: u64 = 176,
        /// When it came about (`TransactTime` 60): by the venue's clock, or core time.
        ts_event: u64 = 184,
    }
}

byte_enum! {
    /// The state of a book. Only a healthy one is priced from.
    BookState {
        /// No snapshot yet.
        Empty = 0,
        /// Between the parts of an update or a snapshot, or the first update after a snapshot is awaited.
        Building = 1,
        /// Whole, in sequence, and not crossed.
        Healthy = 2,
        /// An update is missing: unusable until the next snapshot.
        Gapped = 3,
        /// The best bid is at or above the best offer: unusable until it no longer is.
        Crossed = 4,
        /// The venue's own best differs from the book's: unusable until the next snapshot.
        Mismatched = 5,
        /// The venue is disconnected: unusable until the next snapshot.
        Disconnected = 6,
    }
}

record! {
    /// A book changed its state. (That a book has grown stale is judged at each use and not reported here.)
    BookStatus = 0x1006, version 0, lines 1 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// The venue.
        venue: VenueId = 36,
        /// [`BookState`] now.
        state: u8 = 38,
        /// [`BookState`] before.
        state_before: u8 = 39,
        /// The venue's last update id that the book holds.
        last_id: u64 = 40,
        /// [`Reason`](crate::Reason) why it is not healthy; zero if it is.
        reason: u16 = 48,
        /// Zero.
        pad: [u8; 14] = 50,
    }
}

record! {
    /// An input was refused as a whole.
    InputReject = 0x1007, version 0, lines 1 {
        /// [`Reason`](crate::Reason).
        reason: u16 = 32,
        /// The input's type.
        input_type: u16 = 34,
        /// Zero.
        pad: [u8; 28] = 36,
    }
}

record! {
    /// The rolling hash over all outputs of the epoch up to here, at every 4,096th input.
    OutputHash = 0x1008, version 0, lines 1 {
        /// The hash.
        hash: u64 = 32,
        /// Inputs of the epoch taken so far, this one included.
        inputs: u64 = 40,
        /// Outputs of the epoch hashed so far.
        outputs: u64 = 48,
        /// Zero.
        pad: [u8; 8] = 56,
    }
}

record! {
    /// A trading state changed, by whom or why.
    StateChange = 0x1009, version 0, lines 1 {
        /// [`Scope`](crate::record::Scope).
        scope: u8 = 32,
        /// [`TradingState`](crate::record::TradingState) now.
        state: u8 = 33,
        /// [`Reason`](crate::Reason) where the engine did it itself; else zero.
        reason: u16 = 34,
        /// Id of the venue, instrument, client or strategy; zero for the whole desk.
        target: u32 = 36,
        /// Who did it; empty where the engine did.
        actor: Text<16> = 40,
        /// Zero.
        pad: [u8; 8] = 56,
    }
}

record! {
    /// What made a [`Quote`], which it follows: with the quote's own reference, hedge prices and half-spread it says how each
    /// price came about.
    QuoteBasis = 0x100b, version 0, lines 3 {
        /// The quote (`QuoteID` 117).
        quote_id: OutId = 32,
        /// In what (`Symbol` 55).
        instrument: InstrumentId = 48,
        /// The venues that the price was swept from, one bit each, in the order in which they came to list the instrument.
        venue_mask: u16 = 52,
        /// Zero.
        pad: [u8; 2] = 54,
        /// Estimated standard deviation of the return over a second, times 1e8.
        volatility_e8: i64 = 56,
        /// Estimated spread as a fraction, times 1e8.
        spread_e8: i64 = 64,
        /// What was added to the half-spread for volatility, times 1e8.
        widening_e8: i64 = 72,
        /// What was added to the half-spread for size, times 1e8.
        impact_e8: i64 = 80,
        /// By how much both prices were lowered for a long position, or raised (negative) for a short one, times 1e8.
        skew_e8: i64 = 88,
        /// Least edge over the hedge, times 1e8.
        edge_min_e8: i64 = 96,
        /// The house position before.
        position: Qty = 104,
        /// Lots that the house buys if all open quotes are taken, this one included.
        open_buy_qty: Qty = 112,
        /// Lots that it sells.
        open_sell_qty: Qty = 120,
        /// Last update id of the book of the first venue that lists the instrument; zero if there is none.
        update_id_0: u64 = 128,
        /// The same of the second.
        update_id_1: u64 = 136,
        /// The same of the third.
        update_id_2: u64 = 144,
        /// The same of the fourth.
        update_id_3: u64 = 152,
        /// The same of the fifth.
        update_id_4: u64 = 160,
        /// The same of the sixth.
        update_id_5: u64 = 168,
        /// The same of the seventh.
        update_id_6: u64 = 176,
        /// The same of the eighth. Those of further venues stand in a [`QuoteUpdateIds`](crate::record::QuoteUpdateIds).
        update_id_7: u64 = 184,
    }
}
