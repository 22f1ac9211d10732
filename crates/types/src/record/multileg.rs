//! Packages: two to four instruments that a client asks for, takes and trades as one (`NoLegs`, FIX tag 555).
//!
//! A package is so many *units*; a unit is so many lots of each leg. Whoever buys the package does on each leg what the leg's side
//! says, and whoever sells it the opposite. Its price is money and not ticks: what a unit costs net, in the smallest unit of the
//! asset that all legs are quoted in. It may be zero or negative.

use super::{byte_enum, record};
use crate::ids::{AssetId, ClientId, InstrumentId, OutId, SessionId};
use crate::money::{Amount, Px, Qty};
use crate::text::Text;

/// Most legs of a package.
pub const LEGS_MAX: usize = 4;

/// In the place of an instrument: the package as a whole.
pub const PACKAGE: InstrumentId = InstrumentId(u32::MAX);

/// In the place of a leg's number: none of them.
pub const NO_LEG: u8 = u8::MAX;

record! {
    /// A client asks for the price of a package (`QuoteRequest`, FIX R, with legs). It is quoted and filled whole or not at all.
    MultilegQuoteRequest = 0x0420, version 0, lines 3 {
        /// The client's id of the request (`QuoteReqID` 131).
        quote_req_id: Text<24> = 32,
        /// Who asks.
        client: ClientId = 56,
        /// Where it came in.
        session: SessionId = 60,
        /// `Side` 54 of the package as the client sees it, or [`TWO_SIDED`](crate::record::TWO_SIDED).
        side: u8 = 62,
        /// [`QuoteType`](crate::record::QuoteType), or zero.
        quote_type: u8 = 63,
        /// How many units (`OrderQty` 38).
        units: Qty = 64,
        /// When we received it.
        ts_recv: u64 = 72,
        /// The latest that the quote may be good until (`ValidUntilTime` 62); zero leaves it to the desk.
        valid_until: u64 = 80,
        /// How many legs there are (`NoLegs` 555): 2 to [`LEGS_MAX`].
        legs: u8 = 88,
        /// What who buys the package does on the first leg (`LegSide` 624).
        leg_0_side: u8 = 89,
        /// On the second.
        leg_1_side: u8 = 90,
        /// On the third.
        leg_2_side: u8 = 91,
        /// On the fourth.
        leg_3_side: u8 = 92,
        /// Zero.
        pad: [u8; 3] = 93,
        /// The first leg (`LegSymbol` 600).
        leg_0_instrument: InstrumentId = 96,
        /// The second.
        leg_1_instrument: InstrumentId = 100,
        /// The third.
        leg_2_instrument: InstrumentId = 104,
        /// The fourth.
        leg_3_instrument: InstrumentId = 108,
        /// Lots of the first leg in a unit (`LegRatioQty` 623).
        leg_0_ratio_qty: Qty = 112,
        /// Of the second.
        leg_1_ratio_qty: Qty = 120,
        /// Of the third.
        leg_2_ratio_qty: Qty = 128,
        /// Of the fourth.
        leg_3_ratio_qty: Qty = 136,
        /// Zero.
        pad2: [u8; 48] = 144,
    }
}

impl MultilegQuoteRequest {
    /// Instrument, side and lots in a unit of each place for a leg, those behind `legs` too.
    pub const fn places(&self) -> [(InstrumentId, u8, Qty); LEGS_MAX] {
        [
            (self.leg_0_instrument, self.leg_0_side, self.leg_0_ratio_qty),
            (self.leg_1_instrument, self.leg_1_side, self.leg_1_ratio_qty),
            (self.leg_2_instrument, self.leg_2_side, self.leg_2_ratio_qty),
            (self.leg_3_instrument, self.leg_3_side, self.leg_3_ratio_qty),
        ]
    }

    /// With these legs, at most [`LEGS_MAX`] of them.
    ///
    /// # Panics
    /// If there are more.
    #[must_use]
    pub fn with_legs(mut self, legs: &[(InstrumentId, u8, Qty)]) -> MultilegQuoteRequest {
        assert!(legs.len() <= LEGS_MAX, "a package has {LEGS_MAX} legs at most");
        let places = [
            (
                &mut self.leg_0_instrument,
                &mut self.leg_0_side,
                &mut self.leg_0_ratio_qty,
            ),
            (
                &mut self.leg_1_instrument,
                &mut self.leg_1_side,
                &mut self.leg_1_ratio_qty,
            ),
            (
                &mut self.leg_2_instrument,
                &mut self.leg_2_side,
                &mut self.leg_2_ratio_qty,
            ),
            (
                &mut self.leg_3_instrument,
                &mut self.leg_3_side,
                &mut self.leg_3_ratio_qty,
            ),
        ];
        for (place, leg) in places.into_iter().zip(legs) {
            (*place.0, *place.1, *place.2) = *leg;
        }
        self.legs = legs.len() as u8;
        self
    }
}

record! {
    /// An order for a package (`NewOrderMultileg`, FIX AB) with `OrdType` D: it accepts a quote, all of it.
    NewOrderMultileg = 0x0421, version 0, lines 2 {
        /// The client's id of the order (`ClOrdID` 11).
        cl_ord_id: Text<24> = 32,
        /// The quote that it accepts (`QuoteID` 117).
        quote_id: OutId = 56,
        /// Who orders.
        client: ClientId = 72,
        /// Where it came in.
        session: SessionId = 76,
        /// `Side` 54 of the package.
        side: u8 = 78,
        /// [`OrdType`](crate::record::OrdType).
        ord_type: u8 = 79,
        /// How many units (`OrderQty` 38): those of the quote.
        units: Qty = 80,
        /// At which price for a unit (`Price` 44): the quote's.
        price_amt: Amount = 88,
        /// When we received it.
        ts_recv: u64 = 104,
        /// Zero.
        pad: [u8; 16] = 112,
    }
}

record! {
    /// A firm price of a package (`Quote`, FIX S). A [`MultilegQuoteLeg`] follows for each leg, in order. It ends as a
    /// [`Quote`](crate::record::Quote) does.
    MultilegQuote = 0x1050, version 0, lines 3 {
        /// The client's id of the request (`QuoteReqID` 131).
        quote_req_id: Text<24> = 32,
        /// Our id of the quote (`QuoteID` 117).
        quote_id: OutId = 56,
        /// For whom.
        client: ClientId = 72,
        /// In what it is paid: what all legs are quoted in.
        asset: AssetId = 76,
        /// How many units, on either side.
        units: Qty = 80,
        /// What we pay for a unit (`BidPx` 132), in the smallest unit of the asset; zero where `side` buys.
        bid_amt: Amount = 88,
        /// What we ask for a unit (`OfferPx` 133); zero where `side` sells.
        offer_amt: Amount = 104,
        /// Good strictly before this core time (`ValidUntilTime` 62).
        valid_until: u64 = 120,
        /// Session that asked.
        session: SessionId = 128,
        /// `Side` 54 as asked, or [`TWO_SIDED`](crate::record::TWO_SIDED).
        side: u8 = 130,
        /// [`QuoteType`](crate::record::QuoteType) as asked, or zero.
        quote_type: u8 = 131,
        /// How many legs there are (`NoLegs` 555).
        legs: u8 = 132,
        /// Zero.
        pad: [u8; 59] = 133,
    }
}

record! {
    /// A leg of a [`MultilegQuote`], which it follows, at the price that it trades at if the package is taken. A
    /// [`QuoteBasis`](crate::record::QuoteBasis) of the same quote and instrument says what made that.
    MultilegQuoteLeg = 0x1051, version 0, lines 2 {
        /// The package's quote (`QuoteID` 117).
        quote_id: OutId = 32,
        /// In what (`LegSymbol` 600).
        instrument: InstrumentId = 48,
        /// Which leg it is, from zero.
        leg: u8 = 52,
        /// What who buys the package does on it (`LegSide` 624).
        side: u8 = 53,
        /// How many venues the price was swept from.
        venues: u8 = 54,
        /// Zero.
        pad: [u8; 1] = 55,
        /// All of it (`LegQty` 687).
        qty: Qty = 56,
        /// Lots of it in a unit (`LegRatioQty` 623).
        ratio_qty: Qty = 64,
        /// What we pay for it (`LegBidPx` 681), or [`Px::NONE`].
        bid_px: Px = 72,
        /// What we ask for it (`LegOfferPx` 684), or [`Px::NONE`].
        offer_px: Px = 80,
        /// What a hedge of a client's sale would fetch per unit, fees off, rounded down.
        hedge_bid_px: Px = 88,
        /// What a hedge of a client's purchase would cost per unit, fees on, rounded up.
        hedge_offer_px: Px = 96,
        /// The reference that the collar was judged against.
        ref_px: Px = 104,
        /// Half-spread that was added, as a fraction times 1e8.
        half_spread_e8: i64 = 112,
        /// Sequence of the last book input that the price rests on.
        book_seq: u64 = 120,
    }
}

record! {
    /// A request for a package that was refused (`QuoteRequestReject`, FIX AG).
    MultilegQuoteReject = 0x1052, version 0, lines 2 {
        /// The client's id of the request (`QuoteReqID` 131).
        quote_req_id: Text<24> = 32,
        /// Who asked.
        client: ClientId = 56,
        /// The leg's that was refused, or [`PACKAGE`].
        instrument: InstrumentId = 60,
        /// How many units.
        units: Qty = 64,
        /// [`Reason`](crate::Reason).
        reason: u16 = 72,
        /// Session that asked.
        session: SessionId = 74,
        /// `Side` 54 as asked.
        side: u8 = 76,
        /// Which leg was refused, from zero, or [`NO_LEG`].
        leg: u8 = 77,
        /// Zero.
        pad: [u8; 50] = 78,
    }
}

byte_enum! {
    /// `MultiLegReportingType` (FIX tag 442), those of packages.
    MultilegReportingType {
        /// A leg.
        Leg = b'2',
        /// The package as a whole.
        Package = b'3',
    }
}

record! {
    /// What became of an order for a package (`ExecutionReport`, FIX 8): one of the package, and behind it, if it was filled, one of
    /// each leg with its trade.
    MultilegExecutionReport = 0x1053, version 0, lines 3 {
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
        /// The leg's, or [`PACKAGE`].
        instrument: InstrumentId = 108,
        /// In what it is paid.
        asset: AssetId = 112,
        /// Session that ordered.
        session: SessionId = 116,
        /// [`Reason`](crate::Reason), zero for a fill.
        reason: u16 = 118,
        /// `Side` 54 of the client, of the package or of the leg.
        side: u8 = 120,
        /// [`ExecType`](crate::record::ExecType).
        exec_type: u8 = 121,
        /// [`OrdStatus`](crate::record::OrdStatus).
        ord_status: u8 = 122,
        /// [`MultilegReportingType`].
        reporting_type: u8 = 123,
        /// Which leg it is, from zero, or [`NO_LEG`].
        leg: u8 = 124,
        /// How many legs were filled (`NoLegs` 555): their reports follow that of the package.
        legs: u8 = 125,
        /// Zero.
        pad: [u8; 2] = 126,
        /// How many units were ordered (`OrderQty` 38).
        units: Qty = 128,
        /// Price of this leg's fill (`LastPx` 31), or [`Px::NONE`].
        last_px: Px = 136,
        /// Quantity of this leg's fill (`LastQty` 32); zero for the package.
        last_qty: Qty = 144,
        /// Price of a unit of the package (`Price` 44), in the smallest unit of the asset.
        price_amt: Amount = 152,
        /// What the client pays for this fill, of all units or of the leg (`NetMoney` 118); negative is what it gets. That of the
        /// package is the sum of its legs'.
        net_amt: Amount = 168,
        /// Zero.
        pad2: [u8; 8] = 184,
    }
}
