//! Streams against a naive twin: behind each input it asks a copy of the desk what each stream would be quoted now, and from
//! that and what its client saw says what must have happened.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod subscribers;

use std::collections::BTreeMap;

use bytemuck::Zeroable;
use desk::{Desk, TTL_NS};
use pinrail_engine::{Engine, Out};
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    ExecType, ExecutionReport, PositionReport, Quote, QuoteRequest, QuoteRequestReject, QuoteStatusReport,
    QuotingParams, Scope, StreamState, TradingState, VenueStatus, VenueStatusKind,
};
use pinrail_types::{Cause, E8, Frame, Px, Qty, Reason, SourceId, Text, VenueId};
use proptest::prelude::*;
use subscribers::{drained, params, unsubscribe};

/// What a client knows of its stream.
#[derive(Clone, Copy, Debug)]
struct Seen {
    request: QuoteRequest,
    quote: Option<Quote>,
    quoted_at: u64,
    is_waiting: bool,
    /// It is to be looked at when its time has come.
    is_pending: bool,
    /// It was quoted by the last operation.
    is_new: bool,
}

struct World {
    desk: Desk,
    streams: BTreeMap<Text<24>, Seen>,
    requote_e8: i64,
    ns_min: u64,
    replaced: u32,
}

#[derive(Clone, Debug)]
enum Op {
    /// Venue, ticks up, lots at each level.
    Book(u16, i64, i64),
    Wait(u64),
    Subscribe(u32, u8, i64),
    Unsubscribe(usize),
    Take(usize),
    Pass(usize),
    Params(i64, u64, i64),
    Disconnect(u16),
    Halt(u32),
    Saved,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0_u16..2, -30_i64..30, 1_i64..500).prop_map(|(venue, up, lots)| Op::Book(venue, up, lots)),
        4 => (0_u64..2 * TTL_NS).prop_map(Op::Wait),
        4 => (0_u32..2, prop_oneof![Just(0_u8), Just(b'1'), Just(b'2')], 1_i64..300)
            .prop_map(|(client, side, qty)| Op::Subscribe(client, side, qty)),
        1 => (0_usize..30).prop_map(Op::Unsubscribe),
        3 => (0_usize..30).prop_map(Op::Take),
        1 => (0_usize..30).prop_map(Op::Pass),
        1 => (
            prop_oneof![Just(0), 0..200_000_i64],
            prop_oneof![Just(0), 0..TTL_NS],
            prop_oneof![Just(0), 0..1_000_000_i64],
        )
            .prop_map(|(e8, ns, skew)| Op::Params(e8, ns, skew)),
        1 => (0_u16..2).prop_map(Op::Disconnect),
        1 => (0_u32..4).prop_map(Op::Halt),
        1 => Just(Op::Saved),
    ]
}

/// Whether a price moved by more than a fraction.
fn moved(from: i64, to: i64, e8: i64) -> bool {
    (i128::from(to) - i128::from(from)).abs() * i128::from(E8) > i128::from(e8) * i128::from(from).abs()
}

impl World {
    fn new() -> World {
        let mut desk = Desk::active();
        desk.put(params(0, 0));
        World {
            desk,
            streams: BTreeMap::new(),
            requote_e8: 0,
            ns_min: 0,
            replaced: 0,
        }
    }

    fn nth(&self, n: usize) -> Option<Seen> {
        self.streams
            .values()
            .nth(n.checked_rem(self.streams.len())?)
            .copied()
    }

    /// The outputs of the operation and of whatever was left over.
    fn act(&mut self, op: &Op) -> Vec<Out> {
        let mut outs = Vec::new();
        let desk = &mut self.desk;
        match *op {
            Op::Book(venue, up, lots) => {
                let (bid, ask) = (9_990 + up, 10_010 + up);
                outs.push(desk.snapshot(
                    VenueId(venue),
                    &[(bid, lots), (bid - 5, 500)],
                    &[(ask, lots), (ask + 5, 500)],
                ));
            }
            Op::Wait(ns) => {
                desk.now += ns;
                outs.push(desk.tick());
            }
            Op::Subscribe(client, side, qty) => {
                let mut request = desk.request(client, side, qty);
                request.subscription = b'1';
                let out = desk.put(request);
                if out
                    .find::<Quote>()
                    .any(|quote| quote.quote_req_id == request.quote_req_id)
                {
                    self.streams.insert(
                        request.quote_req_id,
                        Seen {
                            request,
                            quote: None,
                            quoted_at: 0,
                            is_waiting: false,
                            is_pending: false,
                            is_new: true,
                        },
                    );
                }
                outs.push(out);
            }
            Op::Unsubscribe(n) => {
                if let Some(seen) = self.nth(n) {
                    outs.push(self.desk.put(unsubscribe(&seen.request)));
                }
            }
            Op::Take(n) => {
                if let Some(quote) = self.nth(n).and_then(|seen| seen.quote) {
                    let side = if quote.offer_px == Px::NONE { b'2' } else { b'1' };
                    outs.push(self.desk.put(Desk::order(&quote, side)));
                }
            }
            Op::Pass(n) => {
                if let Some(quote) = self.nth(n).and_then(|seen| seen.quote) {
                    outs.push(self.desk.put(Desk::pass(&quote)));
                }
            }
            Op::Params(e8, ns, skew) => {
                (self.requote_e8, self.ns_min) = (e8, ns);
                outs.push(desk.put(QuotingParams {
                    skew_e8: skew,
                    skew_position: Qty(1_000),
                    ..params(e8, ns)
                }));
            }
            Op::Disconnect(venue) => outs.push(desk.put(VenueStatus {
                venue: VenueId(venue),
                instrument: VenueStatus::ALL,
                kind: VenueStatusKind::Disconnected.byte(),
                ..Zeroable::zeroed()
            })),
            Op::Halt(what) => {
                let (scope, target) = [
                    (Scope::Global, 0),
                    (Scope::Client, 0),
                    (Scope::Client, 1),
                    (Scope::Instrument, 0),
                ][what as usize];
                outs.push(desk.set_state(scope, target, TradingState::Halted));
                outs.extend(drained(desk));
                outs.push(desk.set_state(scope, target, TradingState::Active));
            }
            Op::Saved => {
                let words = desk.engine.save();
                let (bounds, pricer) = (*desk.engine.bounds(), SweepPricer::new(2));
                desk.engine = Engine::load(bounds, pricer, &words).unwrap();
            }
        }
        outs.extend(drained(&mut self.desk));
        outs
    }

    /// What the clients see, in order.
    fn see(&mut self, outs: &[Out]) {
        for out in outs {
            let mut replaced = None;
            for words in out.records() {
                let mut frame = Frame::default();
                frame.buffer_mut()[..words.len()].copy_from_slice(words);
                self.see_one(&frame, &mut replaced);
            }
            assert!(out.find::<Quote>().count() <= 8, "looks of one input");
        }
    }

    fn see_one(&mut self, frame: &Frame, replaced: &mut Option<Quote>) {
        let now = self.desk.now;
        if let Some(quote) = frame.get::<Quote>() {
            let seen = self.streams.get_mut(&quote.quote_req_id).unwrap();
            assert!(seen.quote.is_none(), "one quote at a time");
            if let Some(old) = replaced.take() {
                let e8 = self.requote_e8;
                assert!(
                    old.qty != quote.qty
                        || moved(old.bid_px.0, quote.bid_px.0, e8)
                        || moved(old.offer_px.0, quote.offer_px.0, e8),
                    "replaced for nothing"
                );
                self.replaced += 1;
            }
            assert!(
                seen.quoted_at == 0 || now >= seen.quoted_at + self.ns_min,
                "too early"
            );
            (seen.quote, seen.quoted_at, seen.is_waiting) = (Some(*quote), now, false);
            (seen.is_pending, seen.is_new) = (false, true);
        } else if let Some(report) = frame.get::<QuoteStatusReport>() {
            let is_it = |seen: &&mut Seen| seen.quote.is_some_and(|quote| quote.quote_id == report.quote_id);
            let seen = self.streams.values_mut().find(is_it).unwrap();
            let quote = seen.quote.take();
            if report.reason == Reason::QuoteReplaced.code() {
                *replaced = quote;
            }
            seen.is_pending |= report.reason == Reason::QuoteExpired.code();
        } else if let Some(report) = frame.get::<ExecutionReport>() {
            let is_it = |seen: &&mut Seen| seen.quote.is_some_and(|quote| quote.quote_id == report.quote_id);
            if report.exec_type == ExecType::Trade.byte() {
                self.streams.values_mut().find(is_it).unwrap().quote = None;
            }
        } else if let Some(reject) = frame.get::<QuoteRequestReject>() {
            match StreamState::from_byte(reject.stream).unwrap() {
                StreamState::None => {}
                StreamState::Waits => {
                    let seen = self.streams.get_mut(&reject.quote_req_id).unwrap();
                    assert!(!seen.is_waiting && seen.quote.is_none(), "told twice");
                    seen.is_waiting = true;
                }
                StreamState::Ended => {
                    let ended = self.streams.remove(&reject.quote_req_id).unwrap();
                    assert!(ended.quote.is_none(), "a quote without its stream");
                }
            }
        }
    }

    /// What a stream would be quoted now.
    fn probe(&mut self, words: &[u64], request: &QuoteRequest) -> Result<Quote, Reason> {
        let bounds = *self.desk.engine.bounds();
        let mut copy = Engine::load(bounds, SweepPricer::new(bounds.instruments), words).unwrap();
        let mut frame = Frame::of(&QuoteRequest {
            quote_req_id: Text::new("probe").unwrap(),
            subscription: 0,
            ..*request
        });
        frame.stamp(self.desk.seq + 1, self.desk.now);
        frame.header_mut().cause = Cause::input(SourceId(0), 1);
        let mut out = Out::new();
        copy.on_event(&frame, &mut out);
        // A copy with streams may quote them, too.
        let of_probe = |id: &Text<24>| *id == Text::new("probe").unwrap();
        let quote = out.find::<Quote>().find(|quote| of_probe(&quote.quote_req_id));
        let reject = out
            .find::<QuoteRequestReject>()
            .find(|reject| of_probe(&reject.quote_req_id));
        match (quote, reject) {
            (Some(quote), None) => Ok(quote),
            (None, Some(reject)) => Err(Reason::from_code(reject.reason).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    /// Every stream is as the twin says.
    fn check(&mut self, is_touched: bool) {
        let words = self.desk.engine.save();
        let now = self.desk.now;
        for id in self.streams.keys().copied().collect::<Vec<_>>() {
            let seen = self.streams[&id];
            if !(is_touched || seen.is_pending) {
                continue;
            }
            let may_be_quoted = now >= seen.quoted_at + self.ns_min;
            self.streams.get_mut(&id).unwrap().is_pending = !may_be_quoted && !seen.is_new;
            if !may_be_quoted {
                continue;
            }
            match self.probe(&words, &seen.request) {
                Ok(fresh) => {
                    let held = seen
                        .quote
                        .unwrap_or_else(|| panic!("no quote: {seen:?}, {fresh:?}"));
                    let is_fresh = held.qty == fresh.qty
                        && !moved(held.bid_px.0, fresh.bid_px.0, self.requote_e8)
                        && !moved(held.offer_px.0, fresh.offer_px.0, self.requote_e8);
                    assert!(is_fresh, "{held:?} {fresh:?}");
                }
                Err(reason) => assert!(seen.is_waiting && seen.quote.is_none(), "{reason} {seen:?}"),
            }
        }
        let open = self.streams.values().filter(|seen| seen.quote.is_some()).count();
        assert_eq!(self.desk.engine.open_quotes(), open);
        assert_eq!(self.desk.engine.streams(), self.streams.len());
    }

    fn run(&mut self, ops: &[Op]) {
        for op in ops {
            self.streams.values_mut().for_each(|seen| seen.is_new = false);
            let outs = self.act(op);
            self.see(&outs);
            let leaves_prices = matches!(
                op,
                Op::Wait(_) | Op::Subscribe(..) | Op::Unsubscribe(_) | Op::Pass(_) | Op::Saved
            );
            let is_refused =
                matches!(op, Op::Take(_)) && !outs.iter().any(|out| out.find::<PositionReport>().count() > 0);
            self.check(!(leaves_prices || is_refused));
        }
        for seen in self.streams.clone().values() {
            let out = self.desk.put(unsubscribe(&seen.request));
            self.see(&[out]);
        }
        assert!(self.streams.is_empty() && self.desk.engine.nothing_reserved());
        assert_eq!(
            (self.desk.engine.streams(), self.desk.engine.open_quotes()),
            (0, 0)
        );
        assert!(!self.desk.engine.wants_continue() && self.desk.engine.next_timer() == u64::MAX);
    }

    /// The same inputs once more come out the same.
    fn replay(&mut self) {
        let bounds = *self.desk.engine.bounds();
        let mut again = Engine::new(bounds, SweepPricer::new(bounds.instruments));
        let mut out = Out::new();
        for input in &self.desk.inputs {
            again.on_event(input, &mut out);
            again.seal(&mut out);
        }
        assert_eq!(again.output_hash(), self.desk.engine.output_hash());
        assert_eq!(again.state_hash(), self.desk.engine.state_hash());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_stream_is_quoted_when_it_must_and_only_then(ops in prop::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        world.run(&ops);
        world.replay();
    }
}

/// A long day with many streams, so that work is done in parts all the time.
#[test]
fn a_crowded_day_goes_as_the_twin_says() {
    let mut world = World::new();
    let mut ops: Vec<Op> = (0..20)
        .map(|n| Op::Subscribe(n % 2, [0, b'1', b'2'][n as usize % 3], 10))
        .collect();
    for n in 0..60 {
        ops.extend([
            Op::Book(n % 2, i64::from(n * 7 % 11), 400),
            Op::Take(usize::from(n)),
            Op::Wait(u64::from(n) * 131 % 3_000),
        ]);
        if n == 20 {
            ops.push(Op::Params(40_000, 2_000, 500_000));
        }
    }
    world.run(&ops);
    assert!(world.replaced > 200, "{}", world.replaced);
    world.replay();
}
