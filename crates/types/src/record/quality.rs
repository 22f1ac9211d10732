//! How good a quote and a fill were: what a price was made from, to the last digit, and where the market went behind a fill.

use super::record;
use crate::ids::{ClientId, InstrumentId, OutId};
use crate::money::{Px, Qty};
use crate::text::Text;

record! {
    /// At which times behind each client's fill of a quote the market is looked at. Without it, or with none, at no time. They rise;
    /// the first that is zero ends them. Others than before take the place of what was still to be looked at.
    MarkOutDef = 0x0112, version 0, lines 2 {
        /// The first; at most an hour, as the others.
        horizon_0_ns: u64 = 32,
        /// The second.
        horizon_1_ns: u64 = 40,
        /// The third.
        horizon_2_ns: u64 = 48,
        /// The fourth.
        horizon_3_ns: u64 = 56,
        /// The fifth.
        horizon_4_ns: u64 = 64,
        /// The sixth.
        horizon_5_ns: u64 = 72,
        /// Who set it.
        actor: Text<16> = 80,
        /// Zero.
        pad: [u8; 32] = 96,
    }
}

record! {
    /// Where the market was so long behind a client's fill.
    MarkOut = 0x1040, version 0, lines 2 {
        /// The trade (`TradeReportID` 571).
        trade_id: OutId = 32,
        /// The quote that was taken (`QuoteID` 117).
        quote_id: OutId = 48,
        /// In what (`Symbol` 55).
        instrument: InstrumentId = 64,
        /// Who took it.
        client: ClientId = 68,
        /// At which price (`LastPx` 31).
        px: Px = 72,
        /// How much (`LastQty` 32).
        qty: Qty = 80,
        /// The middle of the consolidated best when it was filled, rounded down; [`Px::NONE`] if there was none.
        ref_px: Px = 88,
        /// The same at `due_ts`; [`Px::NONE`] if there is none, see `reason`. A stale book has none.
        mid_px: Px = 96,
        /// How long behind the fill.
        horizon_ns: u64 = 104,
        /// The core time that this is: the fill's and the horizon. What was known at that time counts, whenever this is made; but
        /// where more were due at once than one input makes, the input between counts too.
        due_ts: u64 = 112,
        /// [`Reason`](crate::Reason) why there is no middle; else zero.
        reason: u16 = 120,
        /// `Side` 54 of the client.
        side: u8 = 122,
        /// Zero.
        pad: [u8; 5] = 123,
    }
}

record! {
    /// The market is not looked at behind a fill, or no longer behind several.
    MarkOutMiss = 0x1041, version 0, lines 1 {
        /// The trade (`TradeReportID` 571); none if it is several.
        trade_id: OutId = 32,
        /// How many marks are missed.
        marks: u64 = 48,
        /// [`Reason`](crate::Reason).
        reason: u16 = 56,
        /// Zero.
        pad: [u8; 6] = 58,
    }
}

record! {
    /// What a [`Quote`](crate::record::Quote) rests on to the last digit, behind its [`QuoteBasis`](crate::record::QuoteBasis). With
    /// both, each price follows from what its hedge costs: the offer is
    /// `offer_cost * max(1e8 + half_spread_e8 + widening_e8 + impact_e8 - skew_e8, 1e8 + edge_min_e8) / (qty * 1e16)`, the factor at
    /// most 2e8, rounded up to a multiple of `px_ticks_step`; the bid is
    /// `bid_cost * min(1e8 - half_spread_e8 - widening_e8 - impact_e8 - skew_e8, 1e8 - edge_min_e8) / (qty * 1e16)`, the factor at
    /// least zero, rounded down. Another model than the default one may use other sums.
    QuoteHedge = 0x1042, version 0, lines 2 {
        /// The quote (`QuoteID` 117).
        quote_id: OutId = 32,
        /// In what (`Symbol` 55).
        instrument: InstrumentId = 48,
        /// The venues whose books could be used, one bit each, in the order in which they came to list the instrument.
        usable_mask: u16 = 52,
        /// The client's tier.
        tier: u8 = 54,
        /// Zero.
        pad: [u8; 1] = 55,
        /// What a hedge of a client's sale fetches, fees off, in ticks times lots times 1e8: the upper 64 bits of 128. Zero if it was
        /// not asked for.
        bid_cost_high: i64 = 56,
        /// The lower 64 bits.
        bid_cost_low: u64 = 64,
        /// What a hedge of a client's purchase costs, fees on: the upper 64 bits.
        offer_cost_high: i64 = 72,
        /// The lower 64 bits.
        offer_cost_low: u64 = 80,
        /// When the oldest of the books was received that the price was swept from; zero if it is from none.
        oldest_ts_recv: u64 = 88,
        /// Prices are multiples of this many ticks.
        px_ticks_step: i64 = 96,
        /// How long the quote is good for.
        life_ns: u64 = 104,
        /// Zero.
        pad2: [u8; 16] = 112,
    }
}

record! {
    /// The books of the ninth and further venues that list the instrument of a quote, where there are so many; those of the first
    /// eight stand in its [`QuoteBasis`](crate::record::QuoteBasis).
    QuoteUpdateIds = 0x1043, version 0, lines 2 {
        /// The quote (`QuoteID` 117).
        quote_id: OutId = 32,
        /// Last update id of the book of the ninth venue that lists the instrument.
        update_id_8: u64 = 48,
        /// The same of the tenth; zero if there is none.
        update_id_9: u64 = 56,
        /// The same of the eleventh.
        update_id_10: u64 = 64,
        /// The same of the twelfth.
        update_id_11: u64 = 72,
        /// The same of the thirteenth.
        update_id_12: u64 = 80,
        /// The same of the fourteenth.
        update_id_13: u64 = 88,
        /// The same of the fifteenth.
        update_id_14: u64 = 96,
        /// The same of the sixteenth.
        update_id_15: u64 = 104,
        /// Zero.
        pad: [u8; 16] = 112,
    }
}
