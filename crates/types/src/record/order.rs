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
    /// Something that a strategy asked for and that was refused: it never left the house.
    VenueOrderReject = 0x100e, version 0, lines 2 {
        /// The order that was to be cancelled; none where a new one was asked for.
        order_id: OutId = 32,
        /// In what; zero for a cancel.
        instrument: InstrumentId = 48,
        /// Where; zero for a cancel.
        venue: VenueId = 52,
        /// Whose idea it was; zero for a cancel.
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
    /// order" sends one with [`ExecType::Rejected`](crate::record::ExecType::Rejected): what nobody reports on stays open.
    VenueReport = 0x0205, version 0, lines 3 {
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
        /// Zero.
        pad: [u8; 3] = 149,
        /// When the venue made it; zero if it does not say.
        ts_event: u64 = 152,
        /// When we received it.
        ts_recv: u64 = 160,
        /// Zero.
        pad2: [u8; 24] = 168,
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
