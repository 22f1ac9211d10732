//! The table of checks: each has one reason of its own, and a test that fails without it.

use pinrail_types::Reason;

macro_rules! checks {
    ($($(#[doc = $what:literal])+ $name:ident => $reason:ident,)+) => {
        /// A check of new risk, in the order in which a request meets them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Check {
            $($(#[doc = $what])+ $name,)+
        }

        impl Check {
            /// Every check, in order.
            pub const ALL: &'static [Check] = &[$(Check::$name),+];

            /// The check that is called so.
            ///
            /// # Panics
            /// If none is: a constant of it does not build.
            const fn named(name: &str) -> Check {
                $(if is_same(name, stringify!($name)) {
                    return Check::$name;
                })+
                panic!("PINRAIL_OMIT names no check");
            }

            /// Why it refuses.
            #[inline]
            pub const fn reason(self) -> Reason {
                match self {
                    $(Check::$name => Reason::$reason,)+
                }
            }
        }
    };
}

const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

checks! {
    /// The session's messages over a time.
    SessionRate => SessionRate,
    /// The client's messages over a time.
    ClientRate => ClientRate,
    /// The client's messages for each of its trades; of requests only, since an order may be a trade.
    OrderToTrade => OrderToTrade,
    /// The kill switch.
    DeskHalted => Halted,
    /// The instrument's own switch.
    InstrumentHalted => InstrumentHalted,
    /// The client's own switch.
    ClientHalted => ClientHalted,
    /// The client may trade the instrument.
    Permitted => Restricted,
    /// Somebody set limits.
    LimitsPresent => LimitsMissing,
    /// The quantity is one.
    QtyRepresentable => QtyUnrepresentable,
    /// The quantity is on the grid.
    QtyGrid => QtyOffGrid,
    /// Not too little.
    QtyMin => QtyBelowMin,
    /// Fat finger: not too much.
    QtyMax => QtyAboveMax,
    /// Where the desk only reduces, the request does.
    DeskReducing => ReduceOnly,
    /// The same for the instrument.
    InstrumentReducing => InstrumentReduceOnly,
    /// The same for the client.
    ClientReducing => ClientReduceOnly,
    /// Price and reference are prices.
    PxRepresentable => PxUnrepresentable,
    /// The price is on the grid.
    PxGrid => PxOffGrid,
    /// The price is near the reference.
    Collar => Collar,
    /// The venues agree on where the market is.
    VenueSpread => VenuesDisagree,
    /// Collar over time: the reference itself did not run away.
    ReferenceMove => ReferenceMoved,
    /// Not too little money.
    NotionalMin => NotionalBelowMin,
    /// Fat finger: not too much money.
    NotionalMax => NotionalAboveMax,
    /// The position, open quotes at their worst side included.
    Position => PositionLimit,
    /// The client's credit is in what the instrument is quoted in.
    CreditAsset => CreditAsset,
    /// The client's credit, open quotes included.
    Credit => CreditLimit,
    /// The client's open quotes.
    ClientUnexecuted => ClientUnexecuted,
    /// All open quotes in an asset.
    AssetUnexecuted => AssetUnexecuted,
    /// Positions and open quotes at their worst side, over all instruments of an asset.
    GrossExposure => GrossExposure,
    /// The same, each way.
    NetExposure => NetExposure,
    /// No order like it was filled just before. From here on checks are of orders and fills.
    Duplicate => DuplicateOrder,
    /// There is room to remember it.
    DuplicatesFull => DuplicatesFull,
    /// Repeated-execution throttle: halts the instrument.
    Executions => ExecutionThrottle,
    /// Market-maker protection by number: halts the instrument.
    ProtectionFills => ProtectionFills,
    /// Market-maker protection by quantity: halts the instrument.
    ProtectionDelta => ProtectionDelta,
    /// Loss in an instrument: reduces or halts it.
    Loss => LossLimit,
    /// Drawdown in an instrument: reduces or halts it.
    Drawdown => Drawdown,
    /// Loss in an asset: reduces or halts the desk.
    DeskLoss => DeskLoss,
    /// Drawdown in an asset: reduces or halts the desk.
    DeskDrawdown => DeskDrawdown,
    /// The venue's orders over a time. From here on checks are of orders to venues, which meet those of desk, instrument,
    /// quantity, price, position and exposure too.
    VenueRate => VenueRate,
    /// The venue's own switch.
    VenueHalted => VenueHalted,
    /// The strategy's own switch.
    StrategyHalted => StrategyHalted,
    /// Where the venue only reduces, the order does.
    VenueReducing => VenueReduceOnly,
    /// The same for the strategy.
    StrategyReducing => StrategyReduceOnly,
    /// The order can't trade with another of the house's.
    SelfTrade => SelfTrade,
    /// The venue holds what the order could cost, open orders included.
    VenueBalance => VenueBalance,
    /// The client's open orders in the desk's own books.
    ClientOpenOrders => ClientOpenOrders,
    /// Two people loosen a limit.
    FourEyes => SecondActorNeeded,
}

/// The check that this build leaves out: none, but for `scripts/omit-checks`.
const LEFT_OUT: Option<Check> = {
    let name = if cfg!(feature = "omit") {
        option_env!("PINRAIL_OMIT")
    } else {
        None
    };
    match name {
        Some(name) => Some(Check::named(name)),
        None => None,
    }
};

/// Checks that are left out: none, but in tests of what each is for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Omitted {
    #[cfg(test)]
    pub(crate) check: Option<Check>,
}

impl Omitted {
    /// Whether the check is left out.
    #[cfg_attr(
        not(test),
        expect(clippy::unused_self, reason = "the same call in tests and out of them")
    )]
    #[inline]
    pub(crate) const fn has(self, check: Check) -> bool {
        #[cfg(test)]
        if let Some(omitted) = self.check
            && omitted as u8 == check as u8
        {
            return true;
        }
        matches!(LEFT_OUT, Some(omitted) if omitted as u8 == check as u8)
    }

    /// That what the check demands holds.
    #[inline]
    pub(crate) fn require(self, check: Check, holds: bool) -> Result<(), Reason> {
        if holds || self.has(check) {
            Ok(())
        } else {
            Err(check.reason())
        }
    }
}
