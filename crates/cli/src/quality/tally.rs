//! The sums: counts, and amounts in the smallest unit of the asset that is quoted in, all exact.

use std::collections::BTreeMap;

use pinrail_report::latency::Recorder;

/// Counts by [`Reason`](pinrail_types::Reason).
pub(super) type Counts = BTreeMap<u16, u64>;

/// What happened with one client, one tier or one instrument.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Requests for one quote.
    pub(super) requests: u64,
    /// Quotes of these.
    pub(super) quotes: u64,
    /// Of these, those that were filled.
    pub(super) fills: u64,
    /// Requests for streams.
    pub(super) streams: u64,
    pub(super) stream_quotes: u64,
    pub(super) stream_fills: u64,
    /// Requests that were refused.
    pub(super) refused: Counts,
    /// Quotes that ended without a fill.
    pub(super) ended: Counts,
    /// Accepts that were refused.
    pub(super) accepts_refused: Counts,
    /// From when a request was received to its quote.
    pub(super) time_to_quote: Option<Box<Recorder>>,
    /// By the asset that is quoted in.
    pub(super) money: BTreeMap<u32, Money>,
}

/// What quotes and fills were worth.
#[derive(Clone, Debug, Default)]
pub(super) struct Money {
    pub(super) fills: u64,
    /// What was traded with clients, at the prices it was traded at.
    pub(super) notional: i128,
    /// What quoted sides were worth at their references.
    pub(super) quoted_notional: i128,
    /// What they were worth to the house beyond that.
    pub(super) quoted_spread: i128,
    /// The same of those that were filled.
    pub(super) spread: i128,
    /// What clients were charged.
    pub(super) fees: i128,
    /// What hedges cost beyond their references, without fees.
    pub(super) hedge_cost: i128,
    /// What venues took for them.
    pub(super) hedge_fees: i128,
    /// By horizon.
    pub(super) marks: BTreeMap<u64, Mark>,
}

/// Fills as they were worth so long behind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mark {
    /// Fills that have a mark.
    pub(super) fills: u64,
    /// Fills for which there was no middle.
    pub(super) missing: u64,
    /// What the fills that have one were worth at their prices.
    pub(super) notional: i128,
    /// What they were worth to the house at the middle.
    pub(super) value: i128,
    /// How far the middle moved against the house since they were filled.
    pub(super) against: i128,
    /// What the fills of which both middles are known were worth.
    pub(super) against_notional: i128,
}

/// What was done at one venue.
#[derive(Debug, Default)]
pub(super) struct Venue {
    pub(super) orders: u64,
    /// By the asset that is quoted in.
    pub(super) money: BTreeMap<u32, AtVenue>,
}

/// What fills at a venue were worth.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AtVenue {
    pub(super) fills: u64,
    pub(super) notional: i128,
    /// Beyond the references, without fees.
    pub(super) cost: i128,
    pub(super) fees: i128,
}

/// All that the house traded in an instrument.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Book {
    /// Lots held.
    pub(super) position: i64,
    /// What was received less what was paid, without fees.
    pub(super) cash: i128,
    /// What clients were charged less what venues took, in the asset that is quoted in.
    pub(super) fees: i128,
    pub(super) spread: i128,
    pub(super) hedging: i128,
    /// What all that was bought, less what was sold, was worth at the references.
    pub(super) at_references: i128,
    /// What was held at the end of epochs that nothing of went on.
    pub(super) worth_before: i128,
    /// The last reference or middle that was told.
    pub(super) mark_px: Option<i64>,
}
