//! The rule behind each reason code.

use super::Reason;

const COLLAR: &str = "RTS 6 Art. 15(1)(a); SEC 15c3-5(c)(1)(ii)";
const ORDER_VALUE: &str = "RTS 6 Art. 15(1)(b); SEC 15c3-5(c)(1)(ii)";
const ORDER_VOLUME: &str = "RTS 6 Art. 15(1)(c); SEC 15c3-5(c)(1)(ii)";
const COLLAR_OVER_TIME: &str = "RTS 6 Art. 15(1)(a), over a period; SEC 15c3-5(c)(1)(ii)";
const THROTTLE: &str = "RTS 6 Art. 15(3)";
const DUPLICATES: &str = "SEC 15c3-5(c)(1)(ii)";
const MESSAGES: &str = "RTS 6 Art. 15(1)(d)";
const RISK_LIMIT: &str = "RTS 6 Art. 15(4)";
const CREDIT: &str = "RTS 6 Art. 15(4); SEC 15c3-5(c)(1)(i)";
const PERMISSION: &str = "RTS 6 Art. 15(5); SEC 15c3-5(c)(2)(ii)";
const KILL: &str = "RTS 6 Art. 12";
const SYSTEM_ACCESS: &str = "SEC 15c3-5(c)(2)(iii)";
const RECORD: &str = "own: a record is what its schema says";
const DEFINED: &str = "own: only what is configured";
const BOOK: &str = "own: priced only from a whole and fresh book";
const GRID: &str = "own: money is integers on a grid";
const BOUNDED: &str = "own: everything is bounded";
const FOUR_EYES: &str = "RTS 6 Art. 15(6); SEC 15c3-5(d)";
const SELF_TRADE: &str = "RTS 6 Art. 13; CME Rule 534";
const PARENTS: &str = "SEC 15c3-5(c)(1)(ii); SEC Release 34-70694 (Knight Capital), para. 17";
const MACHINE: &str = "own: fail closed";

impl Reason {
    /// The rule that asks for the refusal: an article of RTS 6 (Commission Delegated Regulation (EU) 2017/589), a paragraph
    /// of the SEC's rule 15c3-5 (17 CFR 240.15c3-5), a FIX tag, or a rule of Pinrail's own.
    pub const fn rule(self) -> &'static str {
        match self {
            Reason::None => "",
            Reason::UnknownRecord
            | Reason::BadLayout
            | Reason::BadField
            | Reason::DuplicateSourceSequence
            | Reason::BadDefinition => RECORD,
            Reason::NotPermitted | Reason::UnknownClient => SYSTEM_ACCESS,
            Reason::SelfTrade | Reason::SelfTradePrevented => SELF_TRADE,
            Reason::SecondActorNeeded => FOUR_EYES,
            Reason::UnknownInstrument
            | Reason::UnknownVenue
            | Reason::UnknownAsset
            | Reason::NotListed
            | Reason::UnknownStrategy
            | Reason::UnknownModelInput => DEFINED,
            Reason::Halted
            | Reason::ReduceOnly
            | Reason::InstrumentHalted
            | Reason::InstrumentReduceOnly
            | Reason::ClientHalted
            | Reason::ClientReduceOnly
            | Reason::VenueHalted
            | Reason::VenueReduceOnly
            | Reason::StrategyHalted
            | Reason::StrategyReduceOnly
            | Reason::Withdrawn
            | Reason::ActorMissing => KILL,
            Reason::Restricted => PERMISSION,
            Reason::ReferenceMissing
            | Reason::ReferenceStale
            | Reason::InsufficientDepth
            | Reason::BookGap
            | Reason::BookCrossed
            | Reason::BookMismatch
            | Reason::VenueDisconnected
            | Reason::BookBuilding
            | Reason::VenuesDisagree => BOOK,
            Reason::BadSide => "FIX Side (54)",
            Reason::QtyUnrepresentable | Reason::PxUnrepresentable | Reason::Overflow => GRID,
            Reason::QtyOffGrid | Reason::QtyBelowMin => "FIX OrderQty (38)",
            Reason::PxOffGrid | Reason::PxOutOfDomain => "FIX Price (44)",
            Reason::Collar => COLLAR,
            Reason::ReferenceMoved => COLLAR_OVER_TIME,
            Reason::NotionalBelowMin => "own: least notional",
            Reason::QtyAboveMax => ORDER_VOLUME,
            Reason::NotionalAboveMax => ORDER_VALUE,
            Reason::PositionLimit
            | Reason::AssetUnexecuted
            | Reason::LimitsMissing
            | Reason::GrossExposure
            | Reason::NetExposure
            | Reason::ProtectionFills
            | Reason::ProtectionDelta
            | Reason::LossLimit
            | Reason::Drawdown
            | Reason::DeskLoss
            | Reason::DeskDrawdown
            | Reason::VenueBalance
            | Reason::BalanceOutdated => RISK_LIMIT,
            Reason::CreditLimit | Reason::CreditAsset | Reason::ClientUnexecuted => CREDIT,
            Reason::UnknownQuote
            | Reason::QuoteFilled
            | Reason::QuoteMismatch
            | Reason::QuoteEpochUnknown => "FIX QuoteID (117)",
            Reason::ParentMismatch | Reason::CostMax | Reason::TriesMax => PARENTS,
            Reason::UnknownOrder | Reason::OrderMismatch => "FIX ClOrdID (11)",
            Reason::DuplicateOrderId => "FIX OrderID (37)",
            Reason::WrongPhase => "FIX TradingSessionID (336)",
            Reason::OrderExpired => "FIX ExpireTime (126)",
            Reason::PostOnly | Reason::ReduceOnlyOrder => "FIX ExecInst (18)",
            Reason::MinQty | Reason::QuotedBelowMin => "FIX MinQty (110)",
            Reason::ImmediateOrCancel => "FIX TimeInForce (59)",
            Reason::QtyBelowFilled | Reason::OrderPending | Reason::OrderNotReplaceable => {
                "FIX CxlRejReason (102)"
            }
            Reason::UnknownExecId | Reason::TradeBusted => "FIX ExecRefID (19)",
            Reason::CancelRequested => "FIX MsgType F",
            Reason::MassCancel => "FIX MsgType q",
            Reason::DuplicateExecId => "FIX ExecID (17)",
            Reason::QuoteReplaced => "FIX QuoteStatus (297)",
            Reason::Unsubscribed | Reason::UnknownStream => "FIX SubscriptionRequestType (263)",
            Reason::QuoteExpired | Reason::RequestExpired => "FIX ValidUntilTime (62)",
            Reason::DuplicateQuoteReqId => "FIX QuoteReqID (131)",
            Reason::ClientPassed | Reason::DoneAway => "FIX QuoteRespType (694)",
            Reason::OrderTypeUnsupported => "FIX OrdType (40)",
            Reason::AgencyNotOffered => "FIX HandlInst (21)",
            Reason::SessionGone => "FIX MsgType 5",
            Reason::QuoteIndicative => "FIX QuoteType (537)",
            Reason::LegCount => "FIX NoLegs (555)",
            Reason::LegRepeated => "FIX LegSymbol (600)",
            Reason::LegRatio | Reason::LegPartial => "FIX LegRatioQty (623)",
            Reason::LegQuoteAsset => "FIX LegCurrency (556)",
            Reason::QuoteHeld | Reason::LastLookMoved => "FX Global Code, Principle 17",
            Reason::CashUnquotable => "FIX CashOrderQty (152)",
            Reason::DealerPassed
            | Reason::DealerTimeout
            | Reason::UnknownDealerRequest
            | Reason::DealerOnly
            | Reason::LegDealerOnly => "own: what a dealer decides",
            Reason::DealingFull
            | Reason::OpenQuotesFull
            | Reason::StreamsFull
            | Reason::Busy
            | Reason::TableFull
            | Reason::UnknownSession
            | Reason::OpenOrdersFull
            | Reason::BookFull
            | Reason::ClientOpenOrders
            | Reason::BookBusy
            | Reason::AccountsFull
            | Reason::ParentOrdersFull
            | Reason::MarkOutsFull
            | Reason::MarkOutsChanged
            | Reason::PackagesFull
            | Reason::ActionsFull => BOUNDED,
            Reason::ClientRate | Reason::SessionRate | Reason::OrderToTrade | Reason::VenueRate => MESSAGES,
            Reason::ExecutionThrottle => THROTTLE,
            Reason::DuplicateOrder | Reason::DuplicatesFull => DUPLICATES,
            Reason::Own0
            | Reason::Own1
            | Reason::Own2
            | Reason::Own3
            | Reason::Own4
            | Reason::Own5
            | Reason::Own6
            | Reason::Own7
            | Reason::Own8
            | Reason::Own9 => "the desk's own",
            Reason::CancelRefused => "FIX CxlRejResponseTo (434)",
            Reason::OrderUnanswered => "FIX OrderStatusRequest (H)",
            Reason::JournalShort | Reason::ArchiverFailed | Reason::PoisonInput => MACHINE,
        }
    }
}
