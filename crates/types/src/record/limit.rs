//! Limits as inputs, and what became of them.

use super::{byte_enum, record};
use crate::ids::InstrumentId;
use crate::money::Amount;
use crate::text::Text;

byte_enum! {
    /// What a [`LimitSet`] limits. The upper half of the number says what its `target` is: 1 an instrument, 2 a client,
    /// 3 an asset, 4 nothing (the desk as a whole),
    /// 5 a venue.
    LimitKind {
        /// Least notional of a request, in the quote asset's smallest unit.
        NotionalMin = 0x10,
        /// Most that the middles of two venues' best prices may be apart, as a fraction of the lower, times 1e8.
        VenueSpread = 0x11,
        /// Most that the reference may have moved within the window, as a fraction of where it was, times 1e8.
        ReferenceMove = 0x12,
        /// Fills after which the instrument is halted until a person turns it on, counted since then.
        Executions = 0x13,
        /// Fills within the window, at most 32, that freeze the instrument.
        ProtectionFills = 0x14,
        /// Lots bought less sold within the window, either way, that freeze the instrument; so do 32 fills.
        ProtectionDelta = 0x15,
        /// Most loss in the instrument, marked at the reference, in the quote asset's smallest unit.
        Loss = 0x16,
        /// Most that may be lost from the instrument's best profit since a person turned it on.
        Drawdown = 0x17,
        /// Most quantity of a request, in lots.
        QtyMax = 0x18,
        /// Most notional of a request, in the quote asset's smallest unit.
        NotionalMax = 0x19,
        /// Most that the house position may be away from zero, either way, in lots.
        PositionMax = 0x1a,
        /// Most that a quoted price may be away from the reference, as a fraction of it, times 1e8.
        Collar = 0x1b,
        /// Whether the client may not trade `instrument`: 0 if it is not permitted, 1 or no limit if it is.
        Permitted = 0x20,
        /// Most notional of a client's open quotes, the dearer side of each, in its credit asset's smallest unit.
        ClientUnexecuted = 0x21,
        /// Most requests and orders of a client within the window, refilled evenly.
        ClientRate = 0x22,
        /// How long an order like one that was filled (client, instrument, side, quantity) is a duplicate.
        DuplicateWindow = 0x23,
        /// Most requests and orders for each fill of a client within the window; so many are free. Windows follow one
        /// another.
        OrderToTrade = 0x24,
        /// Most credit of a client, in its credit asset's smallest unit.
        Credit = 0x25,
        /// Most orders and quotes that a client has open in the desk's own books together, agency orders counted.
        ClientOpenOrders = 0x26,
        /// Most notional of all open quotes in the asset, the dearer side of each, in its smallest unit.
        AssetUnexecuted = 0x30,
        /// Most of what positions and open quotes at their worst side are worth, summed without their signs.
        GrossExposure = 0x31,
        /// The same, summed with their signs, either way.
        NetExposure = 0x32,
        /// Most loss over all instruments quoted in the asset, marked at the reference.
        AssetLoss = 0x33,
        /// Most that may be lost from the best profit in the asset since a person turned the desk on.
        AssetDrawdown = 0x34,
        /// Most requests and orders of each session within the window, refilled evenly.
        SessionRate = 0x40,
        /// Most orders to a venue within the window, refilled evenly. Cancels count and are never refused.
        VenueRate = 0x50,
    }
}

byte_enum! {
    /// What became of a [`LimitSet`].
    LimitOutcome {
        /// It is in force.
        InForce = 0,
        /// It is looser than what is in force, and waits until somebody else asks for the very same.
        Waiting = 1,
        /// What was set for a time has ended, and this is in force again.
        Returned = 2,
    }
}

/// What a limit applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitScope {
    /// One instrument.
    Instrument,
    /// One client.
    Client,
    /// Everything that is quoted in one asset.
    Asset,
    /// The desk as a whole.
    Desk,
    /// One venue.
    Venue,
}

impl LimitKind {
    /// Every kind, in order of number.
    pub const ALL: &'static [LimitKind] = &[
        LimitKind::NotionalMin,
        LimitKind::VenueSpread,
        LimitKind::ReferenceMove,
        LimitKind::Executions,
        LimitKind::ProtectionFills,
        LimitKind::ProtectionDelta,
        LimitKind::Loss,
        LimitKind::Drawdown,
        LimitKind::QtyMax,
        LimitKind::NotionalMax,
        LimitKind::PositionMax,
        LimitKind::Collar,
        LimitKind::Permitted,
        LimitKind::ClientUnexecuted,
        LimitKind::ClientRate,
        LimitKind::DuplicateWindow,
        LimitKind::OrderToTrade,
        LimitKind::Credit,
        LimitKind::ClientOpenOrders,
        LimitKind::AssetUnexecuted,
        LimitKind::GrossExposure,
        LimitKind::NetExposure,
        LimitKind::AssetLoss,
        LimitKind::AssetDrawdown,
        LimitKind::SessionRate,
        LimitKind::VenueRate,
    ];

    /// What its target is.
    #[inline]
    pub const fn scope(self) -> LimitScope {
        match self.byte() >> 4 {
            1 => LimitScope::Instrument,
            2 => LimitScope::Client,
            3 => LimitScope::Asset,
            4 => LimitScope::Desk,
            _ => LimitScope::Venue,
        }
    }

    /// Its number among those of the same scope.
    #[inline]
    pub const fn place(self) -> usize {
        (self.byte() & 0xf) as usize
    }

    /// Whether there is always such a limit: it begins with an
    /// [`InstrumentLimits`](crate::record::InstrumentLimits) or a [`ClientDef`](crate::record::ClientDef).
    pub const fn is_required(self) -> bool {
        matches!(
            self,
            LimitKind::QtyMax
                | LimitKind::NotionalMax
                | LimitKind::PositionMax
                | LimitKind::Collar
                | LimitKind::Credit
        )
    }

    /// Whether it is a least and not a most: a greater value is the tighter one.
    pub const fn is_least(self) -> bool {
        matches!(self, LimitKind::NotionalMin)
    }
}

record! {
    /// Sets one limit. Where none was set there is none. One that is looser than what is in force, or than what will return,
    /// comes into force when a second person asks for the very same; before the desk was ever active nobody need.
    LimitSet = 0x0109, version 0, lines 2 {
        /// [`LimitKind`].
        kind: u8 = 32,
        /// [`TradingState`](crate::record::TradingState) that a breach puts the instrument or the desk into, for losses;
        /// else zero.
        state: u8 = 33,
        /// Zero.
        pad: [u8; 2] = 34,
        /// Id of the instrument, client, asset or venue; zero for the desk.
        target: u32 = 36,
        /// For a client's limit in one instrument which; else zero.
        instrument: InstrumentId = 40,
        /// Zero.
        pad2: [u8; 4] = 44,
        /// The limit, in the unit of its kind; [`LimitSet::NONE`] takes it away.
        value: Amount = 48,
        /// The window of kinds that have one; else zero.
        window_ns: u64 = 64,
        /// Core time at which the limit before returns; zero for never.
        expires_at: u64 = 72,
        /// Who did it.
        actor: Text<16> = 80,
        /// Zero.
        pad3: [u8; 32] = 96,
    }
}

impl LimitSet {
    /// The `value` that is no limit; for a least it is zero.
    pub const NONE: Amount = Amount::new(i128::MAX);
}

record! {
    /// A limit was set, waits for a second person, or returned to what it was.
    LimitStatus = 0x100a, version 0, lines 2 {
        /// [`LimitKind`].
        kind: u8 = 32,
        /// [`TradingState`](crate::record::TradingState) as in the [`LimitSet`].
        state: u8 = 33,
        /// [`LimitOutcome`].
        outcome: u8 = 34,
        /// Zero.
        pad: [u8; 1] = 35,
        /// As in the [`LimitSet`].
        target: u32 = 36,
        /// As in the [`LimitSet`].
        instrument: InstrumentId = 40,
        /// Zero.
        pad2: [u8; 4] = 44,
        /// The limit that is in force or waits.
        value: Amount = 48,
        /// Its window.
        window_ns: u64 = 64,
        /// When the limit before returns; zero for never.
        expires_at: u64 = 72,
        /// Who asked for it; empty where an end of validity did.
        actor: Text<16> = 80,
        /// Who confirmed it; empty where nobody had to.
        second: Text<16> = 96,
        /// Zero.
        pad3: [u8; 16] = 112,
    }
}
