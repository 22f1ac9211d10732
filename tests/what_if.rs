//! A live journal's inputs under its own configuration and under others.

#![allow(clippy::unwrap_used)]

#[path = "../crates/engine/tests/desk/mod.rs"]
mod desk;
mod stepped;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytemuck::Zeroable;
use pinrail_runtime::{Configurations, Fate, WhatIf};
use pinrail_types::record::{
    Continue, EpochStart, ExecType, ExecutionReport, InputReject, InstrumentLimits, NewOrderSingle, Quote,
    QuoteRequest, QuoteResponse, QuoteStatusReport, Scope, TierSpread, TradingState, TradingStateSet,
};
use pinrail_types::{Cause, Frame, OutId, Px, Qty, Reason, SourceId};
use stepped::{Fragile, Live, Place, configuration, found};

const HOUR_NS: u64 = 3_600_000_000_000;

/// What a run under another configuration came to.
#[derive(Default)]
struct Run {
    /// Every recorded input and what became of it.
    fates: Vec<(Frame, Fate)>,
    /// Every input that the other engine took.
    taken: Vec<Frame>,
    /// Every output that it made.
    made: Vec<Frame>,
}

impl Run {
    fn count(&self, fate: Fate) -> usize {
        self.fates.iter().filter(|(_, found)| *found == fate).count()
    }
}

/// Runs a journal with every record of its configurations as `change` says; none leaves it away.
fn run(place: &Place, change: impl Fn(&Frame) -> Option<Frame>) -> Run {
    let mut configurations = Configurations::read(&place.archive_dir(), None).unwrap();
    for epoch in &mut configurations.epochs {
        assert!(epoch.records.len() > 5, "{}", epoch.records.len());
        epoch.records = epoch.records.iter().filter_map(&change).collect();
    }
    run_under(place, configurations)
}

fn run_under(place: &Place, configurations: Configurations) -> Run {
    let mut what_if = WhatIf::open(&place.archive_dir(), None, configurations, Fragile::new).unwrap();
    let mut run = Run::default();
    let mut next_seq = 1;
    loop {
        let (taken, made) = (&mut run.taken, &mut run.made);
        let fate = what_if
            .step(|input, out| {
                assert_eq!(input.header().seq, next_seq, "the engine numbers its own records");
                next_seq += 1 + out.len() as u64;
                taken.push(*input);
                made.extend(out.records().map(|words| {
                    let mut frame = Frame::default();
                    frame.buffer_mut()[..words.len()].copy_from_slice(words);
                    frame
                }));
            })
            .unwrap();
        let Some(fate) = fate else { break };
        next_seq += u64::from(fate == Fate::PassedOver);
        run.fates.push((*what_if.recorded().input(), fate));
    }
    assert!(!what_if.engine().unwrap().wants_continue());
    check_inputs(&run);
    run
}

/// What the other engine took is what was recorded, in its order, but for what depends on its own state.
fn check_inputs(run: &Run) {
    let is_own = |frame: &Frame| Cause::source(frame.header().cause).0 == SourceId::RUNTIME;
    let own = run.taken.iter().filter(|frame| is_own(frame));
    let numbers = own.map(|frame| Cause::source(frame.header().cause).1);
    assert!(numbers.eq(1..=run.taken.iter().filter(|frame| is_own(frame)).count() as u64));
    assert!(found::<InputReject>(&run.made).is_empty());
    let recorded = run.fates.iter().filter(|(_, fate)| *fate == Fate::Taken);
    let recorded: Vec<&Frame> = recorded.map(|(input, _)| input).filter(|f| !is_own(f)).collect();
    let taken: Vec<&Frame> = run.taken.iter().filter(|f| !is_own(f)).collect();
    assert_eq!(recorded.len(), taken.len());
    for (recorded, taken) in recorded.into_iter().zip(taken) {
        let mut same = *recorded;
        if let (Some(order), Some(now)) = (recorded.get::<NewOrderSingle>(), taken.get::<NewOrderSingle>()) {
            same.put(&NewOrderSingle {
                quote_id: now.quote_id,
                px: now.px,
                ..*order
            });
        } else if let (Some(pass), Some(now)) =
            (recorded.get::<QuoteResponse>(), taken.get::<QuoteResponse>())
        {
            same.put(&QuoteResponse {
                quote_id: now.quote_id,
                ..*pass
            });
        }
        same.stamp(taken.header().seq, recorded.header().ts_core);
        assert_eq!(same.words(), taken.words());
    }
}

fn send_state(live: &mut Live, state: TradingState) {
    live.senders[1].send(Frame::of(&TradingStateSet {
        scope: Scope::Global.byte(),
        state: state.byte(),
        actor: pinrail_types::Text::new("bob").unwrap(),
        ..Zeroable::zeroed()
    }));
}

fn accept(live: &mut Live, quote: &Quote) {
    live.senders[0].send(Frame::of(&desk::Desk::order(quote, b'1')));
    live.work();
}

/// Asks for prices, accepts some, gives some back; leaves some open.
fn trade(live: &mut Live, from: u64) {
    live.books(from);
    live.work();
    for n in from..from + 24 {
        live.ask_for(n, 500 + n as i64 % 24);
        live.work();
        let mut quotes = found::<Quote>(&live.place.records(true)).into_iter();
        let name = format!("R{n}");
        let Some(quote) = quotes.rfind(|quote| quote.quote_req_id.to_string() == name) else {
            continue;
        };
        match n % 4 {
            0 => accept(live, &quote),
            1 => live.senders[0].send(Frame::of(&desk::Desk::pass(&quote))),
            _ => {}
        }
    }
    live.work();
}

/// Kills the desk's trading while requests come in, and resumes it.
fn kill_and_resume(live: &mut Live, from: u64) {
    send_state(live, TradingState::Halted);
    // Taken in the same duty cycle, before what the kill left over.
    live.ask_for(from, 700);
    live.work();
    send_state(live, TradingState::Active);
    live.work();
}

/// Three epochs, the middle one killed; with `configuration` in place of the usual one.
fn journal(configuration: &[Frame]) -> (Place, Vec<Frame>) {
    let mut live = Live::begin(Place::new(), 1 << 20, configuration.to_vec());
    trade(&mut live, 1);
    kill_and_resume(&mut live, 30);
    trade(&mut live, 31);
    let (place, _) = live.finish_with_place();
    let mut live = Live::begin(place, 1 << 20, configuration.to_vec());
    trade(&mut live, 61);
    let mut live = Live::begin(live.kill(), 1 << 20, configuration.to_vec());
    trade(&mut live, 91);
    kill_and_resume(&mut live, 120);
    live.finish_with_place()
}

fn recorded_inputs(frames: &[Frame]) -> Vec<&Frame> {
    frames.iter().filter(|f| !f.record_type().is_output()).collect()
}

fn fills(frames: &[Frame]) -> Vec<ExecutionReport> {
    let mut fills = found::<ExecutionReport>(frames);
    fills.retain(|report| report.exec_type == ExecType::Trade.byte());
    fills
}

/// Every input and output of the run is what stands in the journal.
fn assert_same(run: &Run, frames: &[Frame]) {
    let outputs = frames.iter().filter(|frame| frame.record_type().is_output());
    let words = |frame: &Frame| frame.words().to_vec();
    assert!(run.made.iter().map(words).eq(outputs.map(words)));
    let inputs = recorded_inputs(frames);
    assert_eq!(run.taken.len(), inputs.len());
    assert!(run.taken.iter().map(words).eq(inputs.into_iter().map(words)));
}

#[test]
fn the_same_configuration_gives_the_same_bytes() {
    let (place, frames) = journal(&configuration(HOUR_NS));
    assert!(fills(&frames).len() > 15 && found::<EpochStart>(&frames).len() == 3);
    assert!(found::<Continue>(&frames).len() > 10);
    let run = run(&place, |frame| Some(*frame));
    assert_same(&run, &frames);
    assert_eq!(run.fates.len(), recorded_inputs(&frames).len());
    for other in [Fate::NotDue, Fate::NoQuote, Fate::WorsePrice, Fate::PassedOver] {
        assert_eq!(run.count(other), 0, "{other:?}");
    }
}

fn without_limits(frame: &Frame) -> Option<Frame> {
    frame.get::<InstrumentLimits>().is_none().then_some(*frame)
}

fn with_spread(half_spread_e8: i64) -> impl Fn(&Frame) -> Option<Frame> {
    move |frame| {
        Some(match frame.get::<TierSpread>() {
            Some(spread) => Frame::of(&TierSpread {
                half_spread_e8,
                ..*spread
            }),
            None => *frame,
        })
    }
}

#[test]
fn without_limits_nothing_is_quoted_and_no_accept_is_sent() {
    let (place, frames) = journal(&configuration(HOUR_NS));
    let run = run(&place, without_limits);
    assert!(found::<Quote>(&run.made).is_empty() && fills(&run.made).is_empty());
    let (accepts, passes) = (found::<NewOrderSingle>(&frames), found::<QuoteResponse>(&frames));
    assert!(passes.len() > 10);
    assert_eq!(run.count(Fate::NoQuote), accepts.len() + passes.len());
    // The kills found quotes to withdraw only when they were recorded.
    assert!(run.count(Fate::NotDue) > 10);
}

#[test]
fn quotes_that_were_not_there_are_withdrawn_by_a_kill() {
    let bare: Vec<Frame> = configuration(HOUR_NS).iter().filter_map(without_limits).collect();
    let (place, frames) = journal(&bare);
    assert!(found::<Quote>(&frames).is_empty());
    let limits = Frame::of(&InstrumentLimits {
        quote_ttl_ns: HOUR_NS,
        ..desk::Desk::limits()
    });
    let mut configurations = Configurations::read(&place.archive_dir(), None).unwrap();
    for epoch in &mut configurations.epochs {
        epoch.records.insert(0, limits);
    }
    let run = run_under(&place, configurations);
    let ends = found::<QuoteStatusReport>(&run.made);
    let withdrawn = ends.iter().filter(|end| end.reason == Reason::Withdrawn.code());
    assert!(withdrawn.count() > 10, "{}", ends.len());
    assert!(found::<Continue>(&run.taken).len() > found::<Continue>(&frames).len());
}

#[test]
fn a_client_accepts_what_is_not_worse_for_it() {
    let (place, frames) = journal(&configuration(HOUR_NS));
    let before = fills(&frames);

    let dearer = run(&place, with_spread(500_000));
    assert_eq!(dearer.count(Fate::WorsePrice), before.len());
    assert!(fills(&dearer.made).is_empty());
    assert_eq!(found::<Quote>(&dearer.made).len(), found::<Quote>(&frames).len());

    let cheaper = run(&place, with_spread(0));
    let now = fills(&cheaper.made);
    assert_eq!(cheaper.count(Fate::WorsePrice), 0);
    assert_eq!(now.len(), before.len());
    for (before, now) in before.iter().zip(&now) {
        assert_eq!(
            (before.cl_ord_id, before.client, before.last_qty),
            (now.cl_ord_id, now.client, now.last_qty)
        );
        assert!(now.last_px < before.last_px, "{now:?}");
    }
}

#[test]
fn an_accept_finds_the_quote_of_its_request_under_another_id() {
    let (place, frames) = journal(&configuration(HOUR_NS));
    // Of the requests before each accept some are no longer quoted, so that slots and sequences are others.
    let less = run(&place, |frame| {
        Some(match frame.get::<InstrumentLimits>() {
            Some(limits) => Frame::of(&InstrumentLimits {
                qty_lots_min: Qty(508),
                ..*limits
            }),
            None => *frame,
        })
    });
    let (before, now) = (fills(&frames), fills(&less.made));
    let kept: Vec<&ExecutionReport> = before.iter().filter(|fill| fill.last_qty.0 >= 508).collect();
    assert!(kept.len() < before.len() && kept.len() > 10);
    assert_eq!(kept.len(), now.len());
    let quotes = found::<Quote>(&less.made);
    let ids = |quote_id: OutId| quotes.iter().find(|quote| quote.quote_id == quote_id).unwrap();
    let mut moved = 0;
    for (before, now) in kept.into_iter().zip(&now) {
        assert_eq!((before.cl_ord_id, before.last_px), (now.cl_ord_id, now.last_px));
        assert_eq!(ids(now.quote_id).qty, now.last_qty);
        moved += usize::from(before.quote_id.hint() != now.quote_id.hint());
    }
    assert!(moved > 5, "{moved}");
}

#[test]
fn an_accept_that_was_none_stays_none() {
    let mut live = Live::begin(Place::new(), 1 << 20, configuration(HOUR_NS));
    live.books(1);
    live.work();
    live.ask(1);
    live.work();
    let quote = live.last::<Quote>();
    let order = desk::Desk::order(&quote, b'1');
    let unknown = OutId {
        seq: quote.quote_id.seq + 1,
        ..quote.quote_id
    };
    for order in [
        NewOrderSingle {
            px: Px(order.px.0 - 1),
            ..order
        },
        NewOrderSingle {
            side: 7,
            ..desk::Desk::order(&quote, b'1')
        },
        NewOrderSingle {
            quote_id: unknown,
            ..desk::Desk::order(&quote, b'1')
        },
    ] {
        live.senders[0].send(Frame::of(&order));
    }
    live.work();
    let (place, frames) = live.finish_with_place();
    assert_same(&run(&place, |frame| Some(*frame)), &frames);
    let cheaper = run(&place, with_spread(0));
    let reasons: Vec<u16> = found::<ExecutionReport>(&cheaper.made)
        .iter()
        .map(|r| r.reason)
        .collect();
    let expected = [Reason::QuoteMismatch, Reason::BadSide, Reason::UnknownQuote];
    assert_eq!(reasons, expected.map(Reason::code));
}

#[test]
fn what_the_core_panicked_on_is_passed_over_in_both() {
    let mut live = Live::begin(Place::new(), 1 << 20, configuration(HOUR_NS));
    trade(&mut live, 1);
    live.ask_for(90, Fragile::POISON);
    assert!(catch_unwind(AssertUnwindSafe(|| live.work())).is_err());
    let mut live = Live::begin(live.kill(), 1 << 20, configuration(HOUR_NS));
    send_state(&mut live, TradingState::Active);
    trade(&mut live, 31);
    let (place, frames) = live.finish_with_place();
    let same = run(&place, |frame| Some(*frame));
    assert_eq!(same.count(Fate::PassedOver), 1);
    let outputs = frames.iter().filter(|frame| frame.record_type().is_output());
    assert!(
        same.made
            .iter()
            .map(|f| f.words().to_vec())
            .eq(outputs.map(|f| f.words().to_vec()))
    );
    let none = run(&place, without_limits);
    assert_eq!(
        (none.count(Fate::PassedOver), found::<Quote>(&none.made).len()),
        (1, 0)
    );
    let requests = found::<QuoteRequest>(&none.taken).len();
    assert_eq!(requests + 1, found::<QuoteRequest>(&frames).len());
}
