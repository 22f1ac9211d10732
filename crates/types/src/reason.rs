//! Why something was refused or ended: one stable number each, in bands.

use core::fmt;

mod rule;

macro_rules! reasons {
    ($($(#[doc = $meaning:literal])+ $name:ident = $code:literal),+ $(,)?) => {
        /// A reason code. Numbers never change their meaning and are never used again.
        ///
        /// | band | about |
        /// |---|---|
        /// | 1–99 | the record itself |
        /// | 100–199 | trading states, flags and the kill switch |
        /// | 200–299 | reference prices and books |
        /// | 300–399 | price and quantity of a request |
        /// | 400–499 | limits, credit and positions |
        /// | 500–599 | the life of an RFQ or a quote |
        /// | 600–699 | capacity |
        /// | 700–799 | journal and machine |
        /// | 900–909 | limits of a desk's own, in its pricer |
        #[repr(u16)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            /// No reason: nothing was refused.
            #[default]
            None = 0,
            $($(#[doc = $meaning])+ $name = $code,)+
        }

        impl Reason {
            /// Every code but [`Reason::None`], in order of number.
            pub const ALL: &'static [Reason] = &[$(Reason::$name),+];

            /// The code with this number.
            pub const fn from_code(code: u16) -> Option<Reason> {
                match code {
                    0 => Some(Reason::None),
                    $($code => Some(Reason::$name),)+
                    _ => None,
                }
            }

            /// What the code means, in words.
            pub const fn meaning(self) -> &'static str {
                match self {
                    Reason::None => "nothing was refused",
                    $(Reason::$name => concat!($($meaning),+).trim_ascii(),)+
                }
            }
        }
    };
}

reasons! {
    /// The record's type is unknown to this version.
    UnknownRecord = 1,
    /// The record's length or layout version is not what its type has.
    BadLayout = 2,
    /// A field holds a value outside its domain.
    BadField = 3,
    /// The record's source sequence was already taken; the record was dropped.
    DuplicateSourceSequence = 4,
    /// A definition was changed or given out of order.
    BadDefinition = 5,
    /// The sender may not send this type of record.
    NotPermitted = 6,
    /// The record names an instrument that is not configured.
    UnknownInstrument = 10,
    /// The record names a venue that is not configured.
    UnknownVenue = 11,
    /// The record names a client that is not configured.
    UnknownClient = 12,
    /// The record names an asset that is not configured.
    UnknownAsset = 13,
    /// The venue does not list the instrument.
    NotListed = 14,
    /// The desk's pricer takes no such value of a model.
    UnknownModelInput = 15,
    /// The session's number is beyond the bound on sessions.
    UnknownSession = 16,
    /// The strategy's number is beyond the bound on strategies.
    UnknownStrategy = 17,

    /// The whole desk is halted: the kill switch.
    Halted = 100,
    /// The whole desk only reduces risk.
    ReduceOnly = 101,
    /// The instrument is halted or disabled.
    InstrumentHalted = 102,
    /// The instrument only reduces risk.
    InstrumentReduceOnly = 103,
    /// The client is halted or disabled.
    ClientHalted = 104,
    /// The client only reduces risk.
    ClientReduceOnly = 105,
    /// The client is not permitted to trade the instrument: the restricted list.
    Restricted = 106,
    /// A trading state that the engine set by itself is loosened by a named person only.
    ActorMissing = 107,
    /// The venue is halted or disabled.
    VenueHalted = 108,
    /// At the venue only orders that reduce risk may be sent.
    VenueReduceOnly = 109,
    /// The strategy is halted or disabled.
    StrategyHalted = 110,
    /// The strategy only reduces risk.
    StrategyReduceOnly = 111,

    /// No venue has a healthy book to price from.
    ReferenceMissing = 200,
    /// Every book is older than its bound.
    ReferenceStale = 201,
    /// The healthy books hold less than the quantity asked for.
    InsufficientDepth = 202,
    /// A sequence of the venue's updates is missing.
    BookGap = 203,
    /// The book's best bid is at or above its best offer.
    BookCrossed = 204,
    /// The venue's own best bid and offer differ from the book's.
    BookMismatch = 205,
    /// The venue is disconnected.
    VenueDisconnected = 206,
    /// The book is being built from a snapshot.
    BookBuilding = 207,
    /// The venues' prices are too far apart to say what the reference is.
    VenuesDisagree = 209,
    /// The reference moved too far within its window.
    ReferenceMoved = 210,

    /// The side is neither buy, sell nor two-sided, or is not allowed here.
    BadSide = 300,
    /// The quantity is zero, negative, or too large to be represented.
    QtyUnrepresentable = 301,
    /// The quantity is no multiple of the instrument's order quantity step.
    QtyOffGrid = 302,
    /// The price is too large to be represented.
    PxUnrepresentable = 303,
    /// The price is no multiple of the instrument's price step.
    PxOffGrid = 304,
    /// The price made lies outside the collar around the reference.
    Collar = 305,
    /// The quantity is below the instrument's least.
    QtyBelowMin = 306,
    /// An intermediate or final value does not fit its integer.
    Overflow = 307,
    /// The notional is below the instrument's least.
    NotionalBelowMin = 308,
    /// The price is outside what the instrument's book takes.
    PxOutOfDomain = 309,

    /// The quantity is above the instrument's most.
    QtyAboveMax = 400,
    /// The notional is above the instrument's most.
    NotionalAboveMax = 401,
    /// The position could pass its limit, open quotes at their worst side included.
    PositionLimit = 402,
    /// The client's credit could be exceeded, outstanding quotes included.
    CreditLimit = 403,
    /// No limits are set for the instrument: fail closed.
    LimitsMissing = 404,
    /// The client's credit is not in the asset that the instrument is quoted in.
    CreditAsset = 405,
    /// The notional of the client's open quotes would pass its most.
    ClientUnexecuted = 406,
    /// The notional of all open quotes in the asset would pass its most.
    AssetUnexecuted = 407,
    /// Positions and open quotes in the asset would be worth too much, signs left out.
    GrossExposure = 408,
    /// Positions and open quotes in the asset would be worth too much to one side.
    NetExposure = 409,
    /// The instrument was filled as often as it may be before a person turns it on again.
    ExecutionThrottle = 410,
    /// The instrument was filled too often within a window: market-maker protection.
    ProtectionFills = 411,
    /// Too much of the instrument was bought or sold within a window: market-maker protection.
    ProtectionDelta = 412,
    /// The instrument lost more than it may.
    LossLimit = 413,
    /// The instrument lost more of its best profit than it may.
    Drawdown = 414,
    /// The desk lost more in an asset than it may.
    DeskLoss = 415,
    /// The desk lost more of its best profit in an asset than it may.
    DeskDrawdown = 416,
    /// The client sends more messages for each of its trades than it may.
    OrderToTrade = 417,
    /// The change loosens a limit and needs a second person who asks for the very same.
    SecondActorNeeded = 418,
    /// The order could trade with another of the house's at the same venue.
    SelfTrade = 419,
    /// The venue does not hold what the order could cost, open orders counted, or has not said what it holds.
    VenueBalance = 420,
    /// The client has as many orders open in the desk's own books as it may.
    ClientOpenOrders = 421,

    /// No open quote has this id.
    UnknownQuote = 500,
    /// The quote's validity has ended.
    QuoteExpired = 501,
    /// The quote was filled already.
    QuoteFilled = 502,
    /// The accept's client, instrument, side, price or quantity is not the quote's.
    QuoteMismatch = 504,
    /// The client used this request id before: it is open, or remembered.
    DuplicateQuoteReqId = 505,
    /// The client passed.
    ClientPassed = 506,
    /// The order type, or its time in force, is not taken here.
    OrderTypeUnsupported = 507,
    /// The request's own validity ended before it was taken.
    RequestExpired = 508,
    /// The quote id is of an epoch whose records are not here: to be reconciled by a person.
    QuoteEpochUnknown = 509,
    /// A quote was withdrawn because a trading state forbids it.
    Withdrawn = 510,
    /// An order with the same client, instrument, side and quantity was filled just before.
    DuplicateOrder = 511,
    /// No open order of ours has this id.
    UnknownOrder = 512,
    /// The venue's report does not fit the order that it names.
    OrderMismatch = 513,
    /// The venue's report was taken before.
    DuplicateExecId = 514,
    /// The venue's balance is older than a fill that was taken there.
    BalanceOutdated = 515,
    /// A newer quote of the same stream took its place.
    QuoteReplaced = 520,
    /// The client ended the stream.
    Unsubscribed = 521,
    /// The client has no stream under this request id.
    UnknownStream = 522,
    /// The client traded elsewhere.
    DoneAway = 523,
    /// The session that asked for it is gone.
    SessionGone = 524,
    /// An indicative quote can't be taken.
    QuoteIndicative = 525,
    /// The quote was taken already and a last look holds it.
    QuoteHeld = 526,
    /// Less can be quoted than the least that the request asks for.
    QuotedBelowMin = 527,
    /// There is no quantity that the cash asked for pays for.
    CashUnquotable = 528,
    /// The price moved beyond its tolerance while a last look held the accept.
    LastLookMoved = 529,
    /// An order with this id is open.
    DuplicateOrderId = 530,
    /// The book's phase does not allow it.
    WrongPhase = 531,
    /// The order's own time was over before it came.
    OrderExpired = 532,
    /// The order would have traded at once, and is not to.
    PostOnly = 533,
    /// The least quantity that is to trade at once, or all of a fill-or-kill order, was not to be had.
    MinQty = 534,
    /// What was left when nothing more was to be had at the order's price.
    ImmediateOrCancel = 535,
    /// The order would have traded with another of the same client.
    SelfTradePrevented = 536,
    /// The order is only to reduce a position, and there is none to reduce.
    ReduceOnlyOrder = 537,
    /// The order's new quantity is no more than what was filled.
    QtyBelowFilled = 538,
    /// The client asked for it.
    CancelRequested = 539,
    /// One of many that were asked to be cancelled.
    MassCancel = 540,
    /// The dealer passed.
    DealerPassed = 541,
    /// No dealer answered in time.
    DealerTimeout = 542,
    /// No request with this id waits for a dealer.
    UnknownDealerRequest = 543,
    /// As many requests wait for dealers as may.
    DealingFull = 544,
    /// Only a dealer may quote it, and none quotes streams.
    DealerOnly = 545,
    /// What was filled, what is at venues and what is left of a parent order do not make up what was asked for.
    ParentMismatch = 550,
    /// A parent order would cost more beyond its reference than it may.
    CostMax = 551,
    /// A parent order was tried as often as it may be.
    TriesMax = 552,
    /// The venue has not confirmed the order, or is to cancel or replace it already.
    OrderPending = 560,
    /// An order that does not rest, or is a part of a parent order, is not replaced.
    OrderNotReplaceable = 561,
    /// A venue takes back or corrects a trade that is not known, or no longer: a person settles the difference.
    UnknownExecId = 562,
    /// A venue takes back or corrects a trade that it took back before.
    TradeBusted = 563,
    /// The venue refused to cancel the order as often as it is asked by itself: a person looks.
    CancelRefused = 564,
    /// The venue did not say what became of the order, as often as it was asked: a person looks.
    OrderUnanswered = 565,
    /// A package has fewer legs than two, or more than it may.
    LegCount = 575,
    /// Two legs of a package are in the same instrument.
    LegRepeated = 576,
    /// The units of a package, or the lots of a leg in one of them, are none.
    LegRatio = 577,
    /// The legs of a package are not all quoted in the same asset.
    LegQuoteAsset = 578,
    /// Less than all of a leg can be quoted, and a package is filled whole.
    LegPartial = 579,
    /// Only a dealer may quote one of the legs, and none quotes packages.
    LegDealerOnly = 580,
    /// The client's tier is not offered agency execution.
    AgencyNotOffered = 585,

    /// The bound on open quotes is reached.
    OpenQuotesFull = 600,
    /// The ring had no room at the portal.
    Busy = 601,
    /// A bound on configured items is reached.
    TableFull = 602,
    /// The client sends more messages than its rate allows.
    ClientRate = 603,
    /// The session sends more messages than its rate allows.
    SessionRate = 604,
    /// There is no room to remember the order, so that a duplicate of it could not be told.
    DuplicatesFull = 605,
    /// The venue was sent as many orders as its rate allows.
    VenueRate = 606,
    /// The bound on open orders is reached.
    OpenOrdersFull = 607,
    /// The strategy asked for more at once than an input may cause.
    ActionsFull = 608,
    /// The bound on streams is reached.
    StreamsFull = 610,
    /// The books' pool has no room for another order, or for another price.
    BookFull = 611,
    /// What an earlier message led to is still under way in the books.
    BookBusy = 612,
    /// There is no room for another account of a client.
    AccountsFull = 614,
    /// The bound on parent orders is reached.
    ParentOrdersFull = 615,
    /// So many fills wait for the market to be looked at behind them that this one does not.
    MarkOutsFull = 618,
    /// When the market is to be looked at behind fills was changed, and what was still to come left out.
    MarkOutsChanged = 619,
    /// The bound on packages is reached.
    PackagesFull = 622,

    /// Only the journal's reserve is left.
    JournalShort = 700,
    /// The archiver failed: nothing becomes durable any more.
    ArchiverFailed = 701,
    /// The core panicked on an input, twice: the desk is halted until a person resumes it.
    PoisonInput = 702,

    /// A limit of the desk's own, number 0.
    Own0 = 900,
    /// A limit of the desk's own, number 1.
    Own1 = 901,
    /// A limit of the desk's own, number 2.
    Own2 = 902,
    /// A limit of the desk's own, number 3.
    Own3 = 903,
    /// A limit of the desk's own, number 4.
    Own4 = 904,
    /// A limit of the desk's own, number 5.
    Own5 = 905,
    /// A limit of the desk's own, number 6.
    Own6 = 906,
    /// A limit of the desk's own, number 7.
    Own7 = 907,
    /// A limit of the desk's own, number 8.
    Own8 = 908,
    /// A limit of the desk's own, number 9.
    Own9 = 909,
}

impl Reason {
    /// The stable number.
    #[inline]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Success, or this reason as an error, so that checks chain with `?`.
    ///
    /// # Errors
    /// The reason itself, unless it is [`Reason::None`].
    #[inline]
    pub const fn check(self) -> Result<(), Reason> {
        match self {
            Reason::None => Ok(()),
            reason => Err(reason),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {self:?}: {}", self.code(), self.meaning())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_ordered_unique_and_round_trip() {
        assert!(Reason::ALL.windows(2).all(|w| w[0].code() < w[1].code()));
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
            assert!(reason.meaning().ends_with('.'), "{reason:?}");
        }
        assert_eq!(Reason::from_code(9999), None);
    }
}
