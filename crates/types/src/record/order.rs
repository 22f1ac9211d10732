//! Orders at venues: what goes out, and what comes back.

use super::{byte_enum, record};
use crate::ids::{AssetId, InstrumentId, OutId, StrategyId, VenueId};
use crate::money::{Amount, Px, Qty};
use crate::text::Text;

byte_enum! {
    /// `TimeInForce` (FIX tag 59).
    TimeInForce {
        /// Day: what is not filled rests until the day's end.
        Day = b'0',
        /// Good till cancelled: what is not filled rests.
        GoodTillCancel = b'1',
        /// Immediate or cancel: what is not filled at once ends.
        ImmediateOrCancel = b'3',
        /// Fill or kill: all at once or nothing.
        FillOrKill = b'4',
        /// Good till date: what is not filled rests until a time that stands beside it (`ExpireTime` 126).
        GoodTillDate = b'6',
    }
}

record! {
    /// A limit order to a venue (`NewOrderSingle`, FIX D). Everything that it could cost is reserved until it ends.
    VenueOrder = 0x100c, version 1, lines 2 {
        /// Our id of the order (`ClOrdID` 11 at the venue).
        order_id: OutId = 32,
        /// In what (`Symbol` 55).
        instrument: InstrumentId = 48,
        /// Where.
        venue: VenueId = 52,
        /// Whose idea it was.
        strategy: StrategyId = 54,
        /// At which price or better (`Price` 44).
        px: Px = 56,
        /// How much (`OrderQty` 38).
        qty: Qty = 64,
        /// The reference that the collar was judged against: the middle of the consolidated best, rounded down.
        ref_px: Px = 72,
        /// Sequence of the last book input that the reference rests on.
        book_seq: u64 = 80,
        /// `Side` 54, the house's.
        side: u8 = 88,
        /// [`TimeInForce`].
        time_in_force: u8 = 89,
        /// Zero.
        pad: [u8; 6] = 90,
        /// The parent order that it is a part of; none if it stands alone.
        parent_id: OutId = 96,
        /// Zero.
        pad2: [u8; 16] = 112,
    }
}

byte_enum! {
    /// What a parent order does.
    ParentState {
        /// Its parts are at venues.
        Working = 0,
        /// It waits for its next try.
        Waiting = 1,
        /// It has ended: filled if the reason is none.
        Done = 2,
    }
}

record! {
    /// A parent order changed its state. Its parts are [`VenueOrder`]s that name it.
    ParentOrderReport = 0x1019, version 0, lines 2 {
        /// Our id of it.
        parent_id: OutId = 32,
        /// In what (`Symbol` 55).
        instrument: InstrumentId = 48,
        /// Whose idea it was.
        strategy: StrategyId = 52,
        /// `Side` 54, the house's.
        side: u8 = 54,
        /// [`ParentState`].
        parent_state: u8 = 55,
        /// How much was asked for (`OrderQty` 38).
        qty: Qty = 56,
        /// How much was filled (`CumQty` 14).
        cum_qty: Qty = 64,
        /// How much is at venues.
        in_flight_qty: Qty = 72,
        /// What its cost is measured against.
        ref_px: Px = 80,
        /// What the fills cost beyond the reference, fees included, in the quote asset's smallest unit.
        cost: Amount = 88,
        /// [`Reason`](crate::Reason) for which it waits or has ended; zero where it was filled, or works.
        reason: u16 = 104,
        /// How often orders were sent.
        tries: u16 = 106,
        /// Zero.
        pad: [u8; 20] = 108,
    }
}

record! {
    /// A venue is to cancel what is left of an order (`OrderCancelRequest`, FIX F). The order stays open, and what it
    /// reserves reserved, until the venue says that it ended.
    VenueOrderCancel = 0x100d, version 0, lines 1 {
        /// The order (`OrigClOrdID` 41).
        order_id: OutId = 32,
        /// In what (`Symbol` 55).
        instrument: InstrumentId = 48,
        /// Where.
        venue: VenueId = 52,
        /// Whose it is.
        strategy: StrategyId = 54,
        /// [`Reason`](crate::Reason) where the engine does it by itself; zero where the strategy asked.
        reason: u16 = 56,
        /// Zero.
        pad: [u8; 6] = 58,
    }
}

record! {
    /// A venue is to put another price or quantity in the place of an order's (`OrderCancelReplaceRequest`, FIX G). The order keeps
    /// our id, and has no other replacement until the venue has answered; until then the larger of both is reserved.
    VenueOrderReplace = 0x1030, version 0, lines 2 {
        /// The order (`OrigClOrdID` 41, or what the venue knows it by since).
        order_id: OutId = 32,
        /// In what (`Symbol` 55).
        instrument: InstrumentId = 48,
        /// Where.
        venue: VenueId = 52,
        /// Whose it is.
        strategy: StrategyId = 54,
        /// At which price or better from then on (`Price` 44).
        px: Px = 56,
        /// How much in all from then on, what was filled included (`OrderQty` 38).
        qty: Qty = 64,
        /// The reference that the collar was judged against: the middle of the consolidated best, rounded down.
        ref_px: Px = 72,
        /// Sequence of the last book input that the reference rests on.
        book_seq: u64 = 80,
        /// Our id of the replacement (`ClOrdID` 11), which the venue's answer names.
        replace_id: OutId = 88,
        /// `Side` 54, the house's.
        side: u8 = 104,
        /// Zero.
        pad: [u8; 23] = 105,
    }
}

record! {
    /// Venues are to cancel orders (`OrderMassCancelRequest`, FIX q, in our own words), in chunks. Those of the whole desk, an
    /// instrument or a strategy end parent orders too; those at a venue do not, since other venues may have the rest.
    VenueMassCancel = 0x0320, version 0, lines 1 {
        /// [`Scope`](crate::record::Scope): which orders; those of a client are none.
        scope: u8 = 32,
        /// Zero.
        pad: [u8; 3] = 33,
        /// Id of the venue, instrument or strategy; zero for the whole desk.
        target: u32 = 36,
        /// Who did it.
        actor: Text<16> = 40,
        /// Zero.
        pad2: [u8; 8] = 56,
    }
}

record! {
    /// A [`VenueMassCancel`] was taken (`OrderMassCancelReport`, FIX r). Each order has a [`VenueOrderCancel`] of its own.
    VenueMassCancelReport = 0x1031, version 0, lines 1 {
        /// [`Scope`](crate::record::Scope).
        scope: u8 = 32,
        /// Zero.
        pad: [u8; 3] = 33,
        /// Id of the venue, instrument or strategy.
        target: u32 = 36,
        /// Who did it.
        actor: Text<16> = 40,
        /// How many orders are open that it is for (`TotalAffectedOrders` 533), those that are being cancelled included.
        affected: u32 = 56,
        /// How many parent orders it ends.
        affected_parents: u32 = 60,
    }
}

record! {
    /// A venue is asked what became of an order (`OrderStatusRequest`, FIX H): it owes an answer and gave none. A session answers
    /// with what is known of it then: fills that are missing, its end, or [`ExecType::New`](crate::record::ExecType::New) where it
    /// rests. It is released as orders are, so that it never overtakes the one that it asks for.
    VenueOrderStatusRequest = 0x1044, version 0, lines 1 {
        /// The order (`ClOrdID` 11).
        order_id: OutId = 32,
        /// In what (`Symbol` 55).
        instrument: InstrumentId = 48,
        /// Where.
        venue: VenueId = 52,
        /// `Side` 54, the house's.
        side: u8 = 54,
        /// How often it was asked before.
        asked_before: u8 = 55,
        /// Zero.
        pad: [u8; 8] = 56,
    }
}

record! {
    /// A person has to look at an order at a venue: nothing more is done about it by itself. It stays open, and what it could cost
    /// reserved, until the venue says that it ended.
    VenueOrderAlert = 0x1045, version 0, lines 2 {
        /// The order.
        order_id: OutId = 32,
        /// In what (`Symbol` 55).
        instrument: InstrumentId = 48,
        /// Where.
        venue: VenueId = 52,
        /// Whose it is.
        strategy: StrategyId = 54,
        /// The parent order that it is a part of, and that sends no more; none if it stands alone.
        parent_id: OutId = 56,
        /// At which price or better (`Price` 44).
        px: Px = 72,
        /// How much was filled, as far as is known (`CumQty` 14).
        cum_qty: Qty = 80,
        /// How much may still be filled (`LeavesQty` 151).
        leaves_qty: Qty = 88,
        /// [`Reason`](crate::Reason).
        reason: u16 = 96,
        /// `Side` 54, the house's.
        side: u8 = 98,
        /// [`TimeInForce`].
        time_in_force: u8 = 99,
        /// Zero.
        pad: [u8; 28] = 100,
    }
}

record! {
    /// Something that a strategy asked for and that was refused: it never left the house.
    VenueOrderReject = 0x100e, version 0, lines 2 {
        /// The order that was to be cancelled or replaced; none where a new one was asked for.
        order_id: OutId = 32,
        /// In what; zero for a cancel, and where the order is not known.
        instrument: InstrumentId = 48,
        /// Where; the same.
        venue: VenueId = 52,
        /// Whose idea it was; the same.
        strategy: StrategyId = 54,
        /// At which price.
        px: Px = 56,
        /// How much; where too much was asked for at once, how many actions were left out.
        qty: Qty = 64,
        /// [`Reason`](crate::Reason).
        reason: u16 = 72,
        /// `Side` 54, the house's; zero for a cancel.
        side: u8 = 74,
        /// [`TimeInForce`]; zero for a cancel.
        time_in_force: u8 = 75,
        /// Zero.
        pad: [u8; 52] = 76,
    }
}

record! {
    /// What a venue says of an order (`ExecutionReport`, FIX 8).
    ///
    /// A report with an `exec_id` that was taken before changes nothing. A session that the venue answers with "no such
    /// order" sends one with [`ExecType::Rejected`](crate::record::ExecType::Rejected): what nobody reports on stays open. One that
    /// refuses a cancel or a replacement (`OrderCancelReject`, FIX 9) is an
    /// [`ExecType::OrderStatus`](crate::record::ExecType::OrderStatus) that says so in `response_to`.
    VenueReport = 0x0205, version 1, lines 4 {
        /// Our id of the order (`ClOrdID` 11); none for a trade that was not ours to ask for.
        order_id: OutId = 32,
        /// The venue's id of this report (`ExecID` 17).
        exec_id: Text<40> = 48,
        /// In what (`Symbol` 55).
        instrument: InstrumentId = 88,
        /// Where.
        venue: VenueId = 92,
        /// `Side` 54, the house's.
        side: u8 = 94,
        /// [`ExecType`](crate::record::ExecType).
        exec_type: u8 = 95,
        /// Price of this fill (`LastPx` 31).
        last_px: Px = 96,
        /// Quantity of this fill (`LastQty` 32); zero where it is none.
        last_qty: Qty = 104,
        /// Quantity still open (`LeavesQty` 151).
        leaves_qty: Qty = 112,
        /// Quantity filled in all (`CumQty` 14).
        cum_qty: Qty = 120,
        /// What the venue took for this fill, in the smallest unit of `fee_asset`; negative is a rebate.
        fee: Amount = 128,
        /// The asset that the fee was taken in.
        fee_asset: AssetId = 144,
        /// [`OrdStatus`](crate::record::OrdStatus).
        ord_status: u8 = 148,
        /// [`CxlRejResponseTo`](crate::record::CxlRejResponseTo) of a refusal; zero is taken for a cancel's.
        response_to: u8 = 149,
        /// Zero.
        pad: [u8; 2] = 150,
        /// When the venue made it; zero if it does not say.
        ts_event: u64 = 152,
        /// When we received it.
        ts_recv: u64 = 160,
        /// The replacement that it answers ([`VenueOrderReplace`]); else none.
        replace_id: OutId = 168,
        /// The report of the trade that it takes back or corrects (`ExecRefID` 19); else empty.
        exec_ref_id: Text<40> = 184,
        /// Zero.
        pad2: [u8; 32] = 224,
    }
}

record! {
    /// What the house has of an asset at a venue. It may be used for orders from then on; what fills spend is taken off at
    /// once, and what they bring counts when the next of these says so.
    VenueBalance = 0x0206, version 0, lines 2 {
        /// The asset.
        asset: AssetId = 32,
        /// The venue.
        venue: VenueId = 36,
        /// Zero.
        pad: [u8; 2] = 38,
        /// What there is for orders, those that are open included, in the asset's smallest unit.
        balance: Amount = 40,
        /// As of when, by the venue's clock; zero if it does not say.
        ts_event: u64 = 56,
        /// When we received it.
        ts_recv: u64 = 64,
        /// Zero.
        pad2: [u8; 56] = 72,
    }
}
