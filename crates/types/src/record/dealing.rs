//! Requests that people quote, and quotes that are looked at once more: who does it and how, and what came of it.

use super::{byte_enum, record};
use crate::ids::{ClientId, InstrumentId, OutId, SessionId};
use crate::money::{Px, Qty};
use crate::text::Text;

record! {
    /// The last look of a tier. Without it, or with a hold of zero, what a client of the tier takes is filled at once.
    LastLookDef = 0x0110, version 0, lines 2 {
        /// The tier; below 16.
        tier: u8 = 32,
        /// Zero: a move of the price beyond the tolerance either way is refused alike. 1: only one against the house.
        one_sided: u8 = 33,
        /// Zero.
        pad: [u8; 6] = 34,
        /// How long an accept is held, as disclosed to the client; at most a second. Zero for no last look.
        hold_ns: u64 = 40,
        /// How far the price may have moved meanwhile, as a fraction of the one quoted, times 1e8: 0 to 1e8.
        tolerance_e8: i64 = 48,
        /// Who set it.
        actor: Text<16> = 56,
        /// Zero.
        pad2: [u8; 56] = 72,
    }
}

record! {
    /// Which requests for an instrument wait for a dealer.
    DealingRule = 0x0111, version 0, lines 2 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// Those of these tiers, a bit for each.
        tiers: u16 = 36,
        /// Zero.
        pad: [u8; 2] = 38,
        /// And those for more than this; zero for no bound.
        auto_lots_max: Qty = 40,
        /// How long a request waits at most: 1 to an hour.
        timeout_ns: u64 = 48,
        /// Who set it.
        actor: Text<16> = 56,
        /// Zero.
        pad2: [u8; 56] = 72,
    }
}

record! {
    /// A dealer quotes a request that waits. All of risk judges the price as one that the pricer made.
    DealerQuote = 0x0410, version 0, lines 2 {
        /// Our id of the request, from [`DealerRequest`].
        request_id: OutId = 32,
        /// What we pay, or [`Px::NONE`].
        bid_px: Px = 48,
        /// What we ask, or [`Px::NONE`].
        offer_px: Px = 56,
        /// How long it is good for, at most an hour; zero for as long as the pricer's are.
        valid_ns: u64 = 64,
        /// Who quotes.
        actor: Text<16> = 72,
        /// Zero.
        pad: [u8; 40] = 88,
    }
}

record! {
    /// A dealer does not quote a request that waits.
    DealerPass = 0x0411, version 0, lines 2 {
        /// Our id of the request, from [`DealerRequest`].
        request_id: OutId = 32,
        /// Who passes.
        actor: Text<16> = 48,
        /// The [`Reason`](crate::Reason) that the client is told; zero for `DealerPassed`.
        reason: u16 = 64,
        /// Zero.
        pad: [u8; 62] = 66,
    }
}

record! {
    /// A request waits for a dealer.
    DealerRequest = 0x1020, version 0, lines 2 {
        /// Our id of it.
        request_id: OutId = 32,
        /// The client's id of it (`QuoteReqID` 131).
        quote_req_id: Text<24> = 48,
        /// Who asks.
        client: ClientId = 72,
        /// What for (`Symbol` 55).
        instrument: InstrumentId = 76,
        /// How much (`OrderQty` 38).
        qty: Qty = 80,
        /// The least of it that is to be quoted (`MinQty` 110); zero for all or none.
        min_qty: Qty = 88,
        /// It waits until this core time.
        valid_until: u64 = 96,
        /// Session that asked.
        session: SessionId = 104,
        /// `Side` 54 as asked, or [`TWO_SIDED`](crate::record::TWO_SIDED).
        side: u8 = 106,
        /// [`QuoteType`](crate::record::QuoteType) as asked, or zero.
        quote_type: u8 = 107,
        /// The client's tier.
        tier: u8 = 108,
        /// Zero.
        pad: [u8; 19] = 109,
    }
}

record! {
    /// Who made a quote, behind each that a dealer made.
    DealerBasis = 0x1021, version 0, lines 2 {
        /// The quote (`QuoteID` 117).
        quote_id: OutId = 32,
        /// The request, from [`DealerRequest`].
        request_id: OutId = 48,
        /// Who quoted.
        actor: Text<16> = 64,
        /// How long the request had waited.
        waited_ns: u64 = 80,
        /// Zero.
        pad: [u8; 40] = 88,
    }
}

byte_enum! {
    /// How a last look ended.
    LastLookOutcome {
        /// The trade goes on.
        Accepted = 1,
        /// It was refused.
        Rejected = 2,
    }
}

record! {
    /// How a last look ended and why, for whoever has to show it (FX Global Code, Principle 17), before the report on its order.
    LastLookReport = 0x1022, version 0, lines 3 {
        /// The quote that was taken (`QuoteID` 117).
        quote_id: OutId = 32,
        /// Our id of the order (`OrderID` 37).
        order_id: OutId = 48,
        /// The client's id of it (`ClOrdID` 11).
        cl_ord_id: Text<24> = 64,
        /// Whose it is.
        client: ClientId = 88,
        /// In what.
        instrument: InstrumentId = 92,
        /// The price at which it was taken.
        quoted_px: Px = 96,
        /// The price that the pricer makes now for the same; [`Px::NONE`] if none can be made or none was asked for.
        check_px: Px = 104,
        /// How far they may be apart, as a fraction of the first, times 1e8.
        tolerance_e8: i64 = 112,
        /// How long it was to be held.
        hold_ns: u64 = 120,
        /// How long it was held.
        held_ns: u64 = 128,
        /// [`Reason`](crate::Reason) of a refusal.
        reason: u16 = 136,
        /// `Side` 54 of the client.
        side: u8 = 138,
        /// 1 where only a move against the house was refused.
        one_sided: u8 = 139,
        /// [`LastLookOutcome`].
        outcome: u8 = 140,
        /// Zero.
        pad: [u8; 51] = 141,
    }
}
