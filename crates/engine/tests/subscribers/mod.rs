//! Clients of streams, and what they see.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use bytemuck::Zeroable;
use pinrail_engine::Out;
use pinrail_types::record::{Quote, QuoteRequest, QuoteStatusReport, QuotingParams};
use pinrail_types::{OutId, Qty, Reason};

use crate::desk::{Desk, only};

/// Asks for a stream and gets its first quote.
pub fn subscribe(desk: &mut Desk, client: u32, side: u8, qty: i64) -> (QuoteRequest, Quote) {
    let mut request = desk.request(client, side, qty);
    request.subscription = b'1';
    (request, only(&desk.put(request)))
}

pub fn unsubscribe(request: &QuoteRequest) -> QuoteRequest {
    QuoteRequest {
        subscription: b'2',
        ..*request
    }
}

/// Parameters that add nothing to a price, with a threshold and a rate.
pub fn params(requote_e8: i64, requote_ns_min: u64) -> QuotingParams {
    QuotingParams {
        impact_qty: Qty(1),
        skew_position: Qty(1),
        volatility_tau_ns: 1_000_000_000,
        requote_e8,
        requote_ns_min,
        ..Zeroable::zeroed()
    }
}

/// Does what is left over, as the duty cycle does.
pub fn drained(desk: &mut Desk) -> Vec<Out> {
    let mut outs = Vec::new();
    while desk.engine.wants_continue() {
        outs.push(desk.go_on());
        assert!(outs.len() < 1_000, "work that never ends");
    }
    outs
}

pub fn quotes(outs: &[Out]) -> Vec<Quote> {
    outs.iter().flat_map(Out::find).collect()
}

/// Quotes that ended without a fill, and why.
pub fn ended(outs: &[Out]) -> Vec<(OutId, Reason)> {
    let reports = outs.iter().flat_map(Out::find::<QuoteStatusReport>);
    reports
        .map(|report| (report.quote_id, Reason::from_code(report.reason).unwrap()))
        .collect()
}
