//! Every record: fixed layout, one to four lines of 64 bytes, the header first.
//!
//! Sentinels: [`Px::NONE`](crate::Px::NONE) is no price, [`OutId::NONE`](crate::OutId::NONE) no id, a time of zero
//! no time, empty text no text. Times are nanoseconds since the Unix epoch, UTC: `ts_event` at the source,
//! `ts_recv` at our edge. Padding is zero.

use bytemuck::Pod;

use crate::header::{Commit, Flags, RecordHeader, RecordType};
use crate::schema::Schema;

mod agency;
mod book;
mod client;
mod config;
mod control;
mod dealing;
mod limit;
mod market;
mod model;
mod multileg;
mod order;
mod output;
mod quality;

pub use agency::{AgencyDef, OrderAverage};
pub use book::{
    AuctionPrice, BookDef, BookLevelDelta, BookOrderDelta, ClientOrder, CxlRejResponseTo, ExecInst,
    InternalTop, LastLiquidityInd, MarketPhase, MarketPhaseReport, MarketPhaseSet, MassQuote, MassQuoteAck,
    MdUpdateAction, OrderCancelReject, OrderCancelReplaceRequest, OrderCancelRequest, OrderMassCancelReport,
    OrderMassCancelRequest, QUOTES_MAX, SelfMatchPrevention, TriggerPriceType,
};
pub use client::{
    HandlInst, NewOrderSingle, OrdType, QuoteCancel, QuoteCancelType, QuoteRequest, QuoteRespType,
    QuoteResponse, QuoteType, SessionEvent, SessionEventKind, SubscriptionRequestType, TWO_SIDED,
};
pub use config::{
    AssetDef, ClientDef, EpochStart, HedgingParams, InstrumentDef, InstrumentLimits, InventoryRule,
    ListingDef, QuotingParams, SequenceRule, TierSpread, VenueDef,
};
pub use control::{Continue, RuntimeEvent, RuntimeEventKind, Scope, Tick, TradingState, TradingStateSet};
pub use dealing::{
    DealerBasis, DealerPass, DealerQuote, DealerRequest, DealingRule, LastLookDef, LastLookOutcome,
    LastLookReport,
};
pub use limit::{LimitKind, LimitOutcome, LimitScope, LimitSet, LimitStatus};
pub use market::{BookLevel, BookUpdate, LEVELS_MAX, TopOfBook, Trade, VenueStatus, VenueStatusKind};
pub use model::ModelInput;
pub use multileg::{
    LEGS_MAX, MultilegExecutionReport, MultilegQuote, MultilegQuoteLeg, MultilegQuoteReject,
    MultilegQuoteRequest, MultilegReportingType, NO_LEG, NewOrderMultileg, PACKAGE,
};
pub use order::{
    ParentOrderReport, ParentState, TimeInForce, VenueBalance, VenueMassCancel, VenueMassCancelReport,
    VenueOrder, VenueOrderAlert, VenueOrderCancel, VenueOrderReject, VenueOrderReplace,
    VenueOrderStatusRequest, VenueReport,
};
pub use output::{
    BookState, BookStatus, ExecType, ExecutionReport, InputReject, OrdStatus, OutputHash, PartyKind,
    PositionCost, PositionReport, Quote, QuoteBasis, QuoteRequestReject, QuoteStatus, QuoteStatusReport,
    StateChange, StreamState, TradeCaptureReport, TradeReportTransType, TradeSource,
};
pub use quality::{MarkOut, MarkOutDef, MarkOutMiss, QuoteHedge, QuoteUpdateIds};

/// A fixed-layout record.
pub trait Record: Pod {
    /// Its number.
    const TYPE: RecordType;
    /// The version of its layout.
    const VERSION: u8;
    /// Its length in lines, the longest where it varies.
    const LINES: usize = size_of::<Self>() / 64;
    /// The shortest length in lines.
    const LINES_MIN: usize = Self::LINES;
    /// What stands where.
    const SCHEMA: Schema;

    /// The header.
    fn header(&self) -> &RecordHeader;

    /// The commit word of a record of full length with `flags`.
    #[inline]
    fn commit(flags: Flags) -> Commit {
        Commit {
            lines: Self::LINES as u8,
            version: Self::VERSION,
            flags,
            record_type: Self::TYPE,
        }
    }
}

/// The layout of every record that this version knows, in order of type.
pub const RECORDS: &[Schema] = &[
    EpochStart::SCHEMA,
    AssetDef::SCHEMA,
    InstrumentDef::SCHEMA,
    VenueDef::SCHEMA,
    ListingDef::SCHEMA,
    ClientDef::SCHEMA,
    TierSpread::SCHEMA,
    InstrumentLimits::SCHEMA,
    LimitSet::SCHEMA,
    QuotingParams::SCHEMA,
    BookDef::SCHEMA,
    HedgingParams::SCHEMA,
    LastLookDef::SCHEMA,
    DealingRule::SCHEMA,
    MarkOutDef::SCHEMA,
    BookUpdate::SCHEMA,
    TopOfBook::SCHEMA,
    Trade::SCHEMA,
    VenueStatus::SCHEMA,
    VenueReport::SCHEMA,
    VenueBalance::SCHEMA,
    QuoteRequest::SCHEMA,
    NewOrderSingle::SCHEMA,
    QuoteResponse::SCHEMA,
    ClientOrder::SCHEMA,
    OrderCancelRequest::SCHEMA,
    OrderCancelReplaceRequest::SCHEMA,
    OrderMassCancelRequest::SCHEMA,
    MassQuote::SCHEMA,
    QuoteCancel::SCHEMA,
    SessionEvent::SCHEMA,
    VenueMassCancel::SCHEMA,
    TradingStateSet::SCHEMA,
    RuntimeEvent::SCHEMA,
    Tick::SCHEMA,
    Continue::SCHEMA,
    MarketPhaseSet::SCHEMA,
    DealerQuote::SCHEMA,
    DealerPass::SCHEMA,
    MultilegQuoteRequest::SCHEMA,
    NewOrderMultileg::SCHEMA,
    AgencyDef::SCHEMA,
    ModelInput::SCHEMA,
    Quote::SCHEMA,
    QuoteRequestReject::SCHEMA,
    QuoteStatusReport::SCHEMA,
    ExecutionReport::SCHEMA,
    PositionReport::SCHEMA,
    BookStatus::SCHEMA,
    InputReject::SCHEMA,
    OutputHash::SCHEMA,
    StateChange::SCHEMA,
    LimitStatus::SCHEMA,
    QuoteBasis::SCHEMA,
    VenueOrder::SCHEMA,
    VenueOrderCancel::SCHEMA,
    VenueOrderReject::SCHEMA,
    OrderCancelReject::SCHEMA,
    BookLevelDelta::SCHEMA,
    BookOrderDelta::SCHEMA,
    InternalTop::SCHEMA,
    AuctionPrice::SCHEMA,
    MarketPhaseReport::SCHEMA,
    OrderMassCancelReport::SCHEMA,
    MassQuoteAck::SCHEMA,
    PositionCost::SCHEMA,
    TradeCaptureReport::SCHEMA,
    ParentOrderReport::SCHEMA,
    DealerRequest::SCHEMA,
    DealerBasis::SCHEMA,
    LastLookReport::SCHEMA,
    VenueOrderReplace::SCHEMA,
    VenueMassCancelReport::SCHEMA,
    VenueOrderStatusRequest::SCHEMA,
    VenueOrderAlert::SCHEMA,
    MarkOut::SCHEMA,
    MarkOutMiss::SCHEMA,
    QuoteHedge::SCHEMA,
    QuoteUpdateIds::SCHEMA,
    MultilegQuote::SCHEMA,
    MultilegQuoteLeg::SCHEMA,
    MultilegQuoteReject::SCHEMA,
    MultilegExecutionReport::SCHEMA,
    OrderAverage::SCHEMA,
];

/// Declares a record: its number, layout version, length in lines, and each field with its offset, all checked at
/// compile time. A second number of lines is the shortest length.
macro_rules! record {
    (
        $(#[$doc:meta])*
        $name:ident = $type:literal, version $version:literal, lines $lines:literal $(min $min:literal)? {
            $( $(#[$field_doc:meta])* $field:ident : $field_type:ty = $offset:literal, )+
        }
    ) => {
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
        pub struct $name {
            /// The header.
            pub header: $crate::header::RecordHeader,
            $( $(#[$field_doc])* pub $field: $field_type, )+
        }

        impl $crate::record::Record for $name {
            const TYPE: $crate::header::RecordType = $crate::header::RecordType($type);
            const VERSION: u8 = $version;
            $( const LINES_MIN: usize = $min; )?
            const SCHEMA: $crate::schema::Schema = $crate::schema::Schema {
                record_type: Self::TYPE,
                name: stringify!($name),
                version: $version,
                lines: $lines,
                fields: &[$( $crate::schema::Field {
                    name: stringify!($field),
                    offset: $offset,
                    kind: <$field_type as $crate::schema::FieldType>::KIND,
                }, )+],
            };

            #[inline]
            fn header(&self) -> &$crate::header::RecordHeader {
                &self.header
            }
        }

        const _: () = {
            assert!(size_of::<$name>() == $lines * 64);
            assert!(align_of::<$name>() == 8);
            $( assert!(core::mem::offset_of!($name, $field) == $offset); )+
        };
    };
}
use record;

/// A one-byte field whose values are named; others are refused by `from_byte`.
macro_rules! byte_enum {
    (
        $(#[$doc:meta])*
        $name:ident { $( $(#[$variant_doc:meta])* $variant:ident = $value:literal, )+ }
    ) => {
        $(#[$doc])*
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[$variant_doc])* $variant = $value, )+ }

        impl $name {
            /// The value that a record's byte stands for, or `None` if it stands for none.
            #[inline]
            pub const fn from_byte(byte: u8) -> Option<$name> {
                match byte {
                    $( $value => Some($name::$variant), )+
                    _ => None,
                }
            }

            /// The byte in a record.
            #[inline]
            pub const fn byte(self) -> u8 {
                self as u8
            }
        }
    };
}
use byte_enum;
