//! Clients' orders that the desk routes over its venues for them.

use super::record;
use crate::ids::{ClientId, InstrumentId, OutId, SessionId};
use crate::money::{Amount, Px, Qty};
use crate::text::Text;

record! {
    /// What the clients of a tier are offered as agency execution: a [`NewOrderSingle`](crate::record::NewOrderSingle) with a
    /// `handl_inst`. Without it, or with no tries, they are offered none. What is open goes on as it was begun.
    AgencyDef = 0x0430, version 0, lines 2 {
        /// The tier; below 16.
        tier: u8 = 32,
        /// Zero.
        pad: [u8; 1] = 33,
        /// How often orders are sent to venues for one order at most; zero offers none.
        tries_max: u16 = 34,
        /// What the client pays of what each fill is worth, times 1e8: 0 to 1e8. The venue's fee is the house's.
        commission_e8: i32 = 36,
        /// How long an order waits before the next try; at most an hour.
        retry_ns: u64 = 40,
        /// How long it is good for at most, whatever its `ExpireTime` says; at least 1.
        life_ns_max: u64 = 48,
        /// Who set it.
        actor: Text<16> = 56,
        /// Zero.
        pad2: [u8; 56] = 72,
    }
}

record! {
    /// What an agency order came to so far, behind each [`ExecutionReport`](crate::record::ExecutionReport) of a trade in it, of one
    /// that was taken back, and of one that was corrected: the fields of that message for which it has no room.
    OrderAverage = 0x1060, version 0, lines 2 {
        /// Our id of the order (`OrderID` 37).
        order_id: OutId = 32,
        /// The report of the trade that is taken back or corrected (`ExecRefID` 19); none of a fill.
        exec_ref_id: OutId = 48,
        /// Whose.
        client: ClientId = 64,
        /// In what.
        instrument: InstrumentId = 68,
        /// How much was filled (`CumQty` 14).
        cum_qty: Qty = 72,
        /// What that is worth, exactly, in the quote asset's smallest unit (`GrossTradeAmt` 381).
        gross_trade_amt: Amount = 80,
        /// What was charged for it, in the same.
        fees: Amount = 96,
        /// `AvgPx` 6, rounded away from the client to a tick: up where it buys, down where it sells. Zero if nothing is filled.
        avg_px: Px = 112,
        /// Session that ordered.
        session: SessionId = 120,
        /// `Side` 54.
        side: u8 = 122,
        /// Zero.
        pad: [u8; 5] = 123,
    }
}
