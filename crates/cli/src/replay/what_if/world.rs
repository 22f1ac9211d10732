//! What one configuration decided, counted.

use std::collections::BTreeMap;

use pinrail_engine::{Out, RollingHash};
use pinrail_types::record::{
    ExecType, ExecutionReport, InputReject, PositionReport, Quote, QuoteRequestReject, QuoteStatusReport,
};
use pinrail_types::{Qty, Reason};
use serde::Serialize;

/// Two counts of the same thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Pair {
    /// As it was recorded.
    pub(super) before: u64,
    /// Under the other configuration.
    pub(super) now: u64,
}

/// Counts by reason.
pub(super) type Reasons = BTreeMap<String, u64>;

/// The house's holding in an instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holding {
    pub(super) position: Qty,
    /// What was received less what was paid, in the quote asset's smallest unit.
    pub(super) cash: i128,
}

/// Outputs of one engine, summed up.
#[derive(Default)]
pub(super) struct World {
    pub(super) quotes: u64,
    pub(super) fills: u64,
    pub(super) outputs: u64,
    pub(super) request_rejects: Reasons,
    pub(super) accept_rejects: Reasons,
    pub(super) quote_ends: Reasons,
    pub(super) input_rejects: Reasons,
    /// By instrument, of the epochs that go on from one another.
    pub(super) holdings: BTreeMap<u32, Holding>,
    hash: RollingHash,
}

impl World {
    /// Takes the outputs of an input.
    pub(super) fn take(&mut self, out: &Out) {
        if out.is_empty() {
            return;
        }
        self.hash.update(out.words());
        self.outputs += out.len() as u64;
        self.quotes += out.find::<Quote>().count() as u64;
        for reject in out.find::<QuoteRequestReject>() {
            *self.request_rejects.entry(reason(reject.reason)).or_default() += 1;
        }
        for end in out.find::<QuoteStatusReport>() {
            *self.quote_ends.entry(reason(end.reason)).or_default() += 1;
        }
        for reject in out.find::<InputReject>() {
            *self.input_rejects.entry(reason(reject.reason)).or_default() += 1;
        }
        for report in out.find::<ExecutionReport>() {
            if report.exec_type == ExecType::Trade.byte() {
                self.fills += 1;
            } else {
                *self.accept_rejects.entry(reason(report.reason)).or_default() += 1;
            }
        }
        for report in out.find::<PositionReport>() {
            let holding = Holding {
                position: report.position,
                cash: report.cash.get(),
            };
            self.holdings.insert(report.instrument.0, holding);
        }
    }

    /// Hash over all outputs, of all epochs.
    pub(super) fn hash(&self) -> u64 {
        self.hash.value()
    }
}

/// The name of a reason.
pub(super) fn reason(code: u16) -> String {
    Reason::from_code(code).map_or_else(|| code.to_string(), |reason| format!("{reason:?}"))
}

/// Both counts of every reason that either has.
pub(super) fn pairs(before: &Reasons, now: &Reasons) -> BTreeMap<String, Pair> {
    let mut pairs: BTreeMap<String, Pair> = BTreeMap::new();
    for (reason, count) in before {
        pairs.entry(reason.clone()).or_default().before = *count;
    }
    for (reason, count) in now {
        pairs.entry(reason.clone()).or_default().now = *count;
    }
    pairs
}
