//! What the numbers in a record's fields stand for, by the names of the fields.

use std::fmt::Debug;

use pinrail_types::record::{
    BookState, CxlRejResponseTo, ExecType, HandlInst, InventoryRule, LastLiquidityInd, LastLookOutcome,
    LimitKind, LimitOutcome, MarketPhase, MdUpdateAction, MultilegReportingType, OrdStatus, OrdType,
    ParentState, PartyKind, QuoteCancelType, QuoteRespType, QuoteStatus, QuoteType, RuntimeEventKind, Scope,
    SelfMatchPrevention, SequenceRule, SessionEventKind, StreamState, SubscriptionRequestType, TWO_SIDED,
    TimeInForce, TradeReportTransType, TradeSource, TradingState, TriggerPriceType, VenueStatusKind,
};
use pinrail_types::schema;
use pinrail_types::{Reason, RecordType, Side};

/// What a number stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    /// Itself.
    Number,
    /// Nanoseconds since the Unix epoch.
    Time,
    /// Ticks of the record's instrument.
    Px,
    /// Lots of the record's instrument.
    Qty,
    Asset,
    Instrument,
    Venue,
    Client,
    /// One of a set of codes; the function gives its name.
    Code(fn(u64) -> Option<String>),
}

/// The meaning of `field` in the record called `record`.
pub(super) fn meaning(record: &str, field: &str) -> Meaning {
    match (record, field) {
        (
            _,
            "ts_event" | "ts_recv" | "valid_until" | "expires_at" | "expire_ts" | "day_end_ts" | "due_ts"
            | "oldest_ts_recv",
        ) => Meaning::Time,
        (_, "asset" | "base" | "quote" | "credit_asset" | "fee_asset") => Meaning::Asset,
        (_, name) if name == "instrument" || name.ends_with("_instrument") => Meaning::Instrument,
        (_, "venue") => Meaning::Venue,
        (_, "client") => Meaning::Client,
        (_, name) if name == "px" || name.ends_with("_px") => Meaning::Px,
        (_, name)
            if matches!(name, "qty" | "position" | "skew_position")
                || name.ends_with("_qty")
                || name.contains("_lots") =>
        {
            Meaning::Qty
        }
        (_, "reason") => Meaning::Code(reason),
        (_, "input_type") => Meaning::Code(record_type),
        (
            "NewOrderSingle"
            | "ExecutionReport"
            | "Trade"
            | "VenueOrder"
            | "VenueOrderReject"
            | "VenueOrderReplace"
            | "VenueOrderStatusRequest"
            | "VenueOrderAlert"
            | "VenueReport"
            | "ClientOrder"
            | "LastLookReport"
            | "BookLevelDelta"
            | "MarkOut"
            | "BookOrderDelta"
            | "MultilegQuoteLeg"
            | "NewOrderMultileg"
            | "MultilegExecutionReport"
            | "OrderAverage",
            "side" | "taker_side",
        ) => Meaning::Code(side),
        (_, "side") => Meaning::Code(side_or_both),
        (_, name) if name.ends_with("_side") => Meaning::Code(side),
        (_, "reporting_type") => Meaning::Code(|code| name(code, MultilegReportingType::from_byte)),
        (_, "quote_type") => Meaning::Code(quote_type),
        (_, "cancel_type") => Meaning::Code(|code| name(code, QuoteCancelType::from_byte)),
        ("SessionEvent", "kind") => Meaning::Code(|code| name(code, SessionEventKind::from_byte)),
        ("LastLookReport", "outcome") => Meaning::Code(|code| name(code, LastLookOutcome::from_byte)),
        (_, "inventory_rule") => Meaning::Code(|code| name(code, InventoryRule::from_byte)),
        (_, "subscription") => Meaning::Code(subscription),
        (_, "stream") => Meaning::Code(|code| name(code, StreamState::from_byte)),
        (_, "rule") => Meaning::Code(|code| name(code, SequenceRule::from_byte)),
        ("VenueStatus", "kind") => Meaning::Code(|code| name(code, VenueStatusKind::from_byte)),
        ("RuntimeEvent", "kind") => Meaning::Code(|code| name(code, RuntimeEventKind::from_byte)),
        ("LimitSet" | "LimitStatus", "kind") => Meaning::Code(|code| name(code, LimitKind::from_byte)),
        (_, "parent_state") => Meaning::Code(|code| name(code, ParentState::from_byte)),
        (_, "trans_type") => Meaning::Code(|code| name(code, TradeReportTransType::from_byte)),
        (_, "trade_source") => Meaning::Code(|code| name(code, TradeSource::from_byte)),
        (_, "buyer_kind" | "seller_kind") => Meaning::Code(|code| name(code, PartyKind::from_byte)),
        (_, "outcome") => Meaning::Code(|code| name(code, LimitOutcome::from_byte)),
        ("BookStatus", "state" | "state_before") => Meaning::Code(|code| name(code, BookState::from_byte)),
        (_, "state") => Meaning::Code(|code| name(code, TradingState::from_byte)),
        (_, "scope") => Meaning::Code(|code| name(code, Scope::from_byte)),
        (_, "ord_type") => Meaning::Code(|code| name(code, OrdType::from_byte)),
        (_, "ord_status") => Meaning::Code(|code| name(code, OrdStatus::from_byte)),
        (_, "exec_type") => Meaning::Code(|code| name(code, ExecType::from_byte)),
        (_, "trigger") => Meaning::Code(|code| name(code, TriggerPriceType::from_byte)),
        (_, "self_match") => Meaning::Code(|code| name(code, SelfMatchPrevention::from_byte)),
        (_, "phase") => Meaning::Code(|code| name(code, MarketPhase::from_byte)),
        (_, "action") => Meaning::Code(|code| name(code, MdUpdateAction::from_byte)),
        (_, "liquidity") => Meaning::Code(|code| name(code, LastLiquidityInd::from_byte)),
        (_, "response_to") => Meaning::Code(|code| name(code, CxlRejResponseTo::from_byte)),
        (_, "handl_inst") => Meaning::Code(|code| name(code, HandlInst::from_byte)),
        (_, "time_in_force") => Meaning::Code(|code| name(code, TimeInForce::from_byte)),
        (_, "resp_type") => Meaning::Code(|code| name(code, QuoteRespType::from_byte)),
        (_, "status") => Meaning::Code(|code| name(code, QuoteStatus::from_byte)),
        _ => Meaning::Number,
    }
}

fn name<E: Debug>(code: u64, from_byte: fn(u8) -> Option<E>) -> Option<String> {
    let value = u8::try_from(code).ok().and_then(from_byte)?;
    Some(format!("{value:?}"))
}

fn reason(code: u64) -> Option<String> {
    let reason = u16::try_from(code).ok().and_then(Reason::from_code)?;
    Some(format!("{reason:?}"))
}

fn record_type(code: u64) -> Option<String> {
    let record_type = RecordType(u16::try_from(code).ok()?);
    schema::find(record_type).map(|schema| schema.name.to_owned())
}

/// Zero asks for a snapshot, too.
fn subscription(code: u64) -> Option<String> {
    let code = if code == 0 {
        SubscriptionRequestType::Snapshot.byte().into()
    } else {
        code
    };
    name(code, SubscriptionRequestType::from_byte)
}

/// Zero is tradeable, too.
fn quote_type(code: u64) -> Option<String> {
    let code = if code == 0 {
        QuoteType::Tradeable.byte().into()
    } else {
        code
    };
    name(code, QuoteType::from_byte)
}

fn side(code: u64) -> Option<String> {
    name(code, Side::from_fix)
}

fn side_or_both(code: u64) -> Option<String> {
    if code == u64::from(TWO_SIDED) {
        Some("TwoSided".to_owned())
    } else {
        side(code)
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::record::RECORDS;
    use pinrail_types::schema::Kind;

    use super::*;

    /// Fields that are plain numbers although their width is that of a code, a price or a quantity.
    const NUMBERS: &[&str] = &[
        "asked_before",
        "playback",
        "tier",
        "bids",
        "asks",
        "venues",
        "tick_exponent",
        "lot_exponent",
        "exponent",
        "tick_mantissa",
        "lot_mantissa",
        "tick_multiple",
        "lot_multiple",
        "half_spread_e8",
        "volatility_mult_e8",
        "volatility_e8",
        "spread_e8",
        "widening_e8",
        "impact_e8",
        "skew_e8",
        "edge_min_e8",
        "requote_e8",
        "venue_mask",
        "tries",
        "tries_max",
        "chase_e8",
        "value_0",
        "value_1",
        "value_2",
        "value_3",
        "collar_e8",
        "px_ticks_step",
        "session",
        "strategy",
        "exec_inst",
        "of_session",
        "tiers",
        "one_sided",
        "tolerance_e8",
        "by_dealer",
        "usable_mask",
        "bid_cost_high",
        "bid_cost_low",
        "offer_cost_high",
        "offer_cost_low",
        "legs",
        "leg",
        "units",
    ];

    #[test]
    fn no_price_quantity_or_code_is_taken_for_a_number() {
        for schema in RECORDS {
            for field in schema.fields {
                let suspicious = matches!(field.kind, Kind::Signed(1 | 8) | Kind::Unsigned(1 | 2));
                let number = matches!(meaning(schema.name, field.name), Meaning::Number);
                if suspicious {
                    assert_eq!(
                        number,
                        NUMBERS.contains(&field.name),
                        "{}.{}",
                        schema.name,
                        field.name
                    );
                }
            }
        }
    }

    #[test]
    fn codes_have_the_names_of_their_records() {
        let named = |record, field, code| match meaning(record, field) {
            Meaning::Code(name) => name(code),
            other => panic!("{other:?}"),
        };
        assert_eq!(named("Quote", "side", 0).as_deref(), Some("TwoSided"));
        assert_eq!(named("NewOrderSingle", "side", 0), None);
        assert_eq!(named("BookStatus", "state", 2).as_deref(), Some("Healthy"));
        assert_eq!(named("StateChange", "state", 2).as_deref(), Some("Halted"));
        assert_eq!(
            named("InputReject", "input_type", 0x0301).as_deref(),
            Some("QuoteRequest")
        );
        assert_eq!(named("InputReject", "reason", 9999), None);
    }
}
