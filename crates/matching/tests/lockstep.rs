//! The matcher against its twin: told the same random messages, they say the same and stand the same.
//!
//! [`Lockstep`] compares after every message, and has each engine's [`Tape`] see that the books
//! rebuilt from deltas are those that are there, that nobody trades out of turn, that of every order the quantity is what was
//! filled and what is open, and that assets and money come from somewhere.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use pinrail_matching::twin::{Domain, Engine, Lockstep, Message, Said, Tape, Twin, Watched};
use pinrail_matching::{Bounds, Fill, Matcher, OrderDeltaKind, Report};
use pinrail_types::Reason;
use pinrail_types::record::ExecType;
use proptest::collection::vec;
use proptest::prelude::*;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const DOMAIN: Domain = Domain::SMALL;

/// The engine that is compared with the twin.
type Fast = Matcher;

type Bytes = [u8; Domain::MESSAGE_BYTES];

fn bounds(orders: usize, steps: usize) -> Bounds {
    Bounds {
        books: DOMAIN.books as usize,
        orders,
        pages: 4096,
        steps,
    }
}

fn run<A: Engine, B: Engine>(messages: &[Bytes], orders: usize, steps: usize) {
    let mut lockstep = Lockstep::<A, B>::new(DOMAIN, bounds(orders, steps), bounds(orders, 1000));
    for message in messages {
        lockstep.step(message);
    }
}

fn random(seed: u64, count: usize) -> Vec<Bytes> {
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut message = [0; Domain::MESSAGE_BYTES];
    let drawn = std::iter::repeat_with(|| {
        draws.fill_bytes(&mut message);
        message
    });
    drawn.take(count).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_say_the_same_however_long_work_is_cut(
        messages in vec(any::<Bytes>(), 1..400),
        steps in prop::sample::select(vec![1, 3, 1000]),
        orders in prop::sample::select(vec![8, 40]),
    ) {
        run::<Fast, Twin>(&messages, orders, steps);
    }
}

#[test]
fn a_long_run_says_the_same() {
    run::<Fast, Twin>(&random(1, 20_000), 30, 1);
}

#[test]
#[should_panic(expected = "BookFull")]
fn a_difference_is_found() {
    let mut lockstep = Lockstep::<Twin, Twin>::new(DOMAIN, bounds(8, 1), bounds(9, 1));
    for message in random(1, 1000) {
        lockstep.step(&message);
    }
}

#[test]
fn no_call_takes_more_steps_than_it_may() {
    const STEPS: usize = 3;
    let mut matcher = Matcher::new(bounds(40, STEPS));
    DOMAIN.open(&mut matcher);
    let (mut tape, mut now, mut most) = (Tape::default(), 1, 0);
    for bytes in random(5, 40_000) {
        let message = DOMAIN.message(now, &bytes);
        if let Message::Advance(ts) = message {
            now = ts;
        }
        let _ = matcher.send(&message, &mut tape);
        loop {
            let said = std::mem::take(&mut tape.said);
            let fills = said.iter().filter(|said| matches!(said, Said::Fill(_))).count();
            most = most.max(fills);
            if !matcher.is_busy() {
                break;
            }
            matcher.go_on(&mut tape);
        }
    }
    assert_eq!(most, STEPS, "trades of one call, each a step");
}

/// What a run came across.
#[derive(Default)]
struct Seen {
    refusals: BTreeSet<Reason>,
    reports: BTreeSet<(u8, Reason)>,
    fills: BTreeSet<&'static str>,
}

impl Seen {
    fn note(&mut self, message: &Message, result: Result<(), Reason>, tape: &mut Tape) {
        self.refusals.extend(result.err());
        for pair in std::mem::take(&mut tape.deltas).windows(2) {
            let is_same = pair[0].order_id == pair[1].order_id && pair[0].px == pair[1].px;
            if is_same && matches!(message, Message::Submit(..)) && pair[1].kind == OrderDeltaKind::Add {
                self.fills.insert("shown anew");
            }
        }
        for one in std::mem::take(&mut tape.said) {
            match one {
                Said::Report(Report {
                    exec_type, reason, ..
                }) => {
                    self.reports.insert((exec_type as u8, reason));
                }
                Said::Fill(Fill { is_auction: true, .. }) => drop(self.fills.insert("auction")),
                Said::Fill(fill) if fill.taker.client == fill.maker.client => drop(self.fills.insert("own")),
                Said::Fill(_) => drop(self.fills.insert(match message {
                    Message::Amend(_) => "amend",
                    Message::MassQuote(..) => "quote",
                    Message::SetReference(..) => "stop by reference",
                    _ => "order",
                })),
            }
        }
    }
}

/// Else the tests above would see less than they promise.
#[test]
fn random_messages_come_across_everything() {
    let mut watched = Watched {
        engine: Twin::new(bounds(12, 1)),
        tape: Tape::default(),
    };
    DOMAIN.open(&mut watched.engine);
    let (mut seen, mut now) = (Seen::default(), 1);
    for bytes in random(2, 40_000) {
        let message = DOMAIN.message(now, &bytes);
        if let Message::Advance(to) = message {
            now = to;
        }
        let result = watched.send(&message);
        seen.note(&message, result, &mut watched.tape);
    }
    let refusals = [
        Reason::BadField,
        Reason::UnknownInstrument,
        Reason::QtyUnrepresentable,
        Reason::QtyOffGrid,
        Reason::PxUnrepresentable,
        Reason::PxOffGrid,
        Reason::PxOutOfDomain,
        Reason::OrderTypeUnsupported,
        Reason::UnknownOrder,
        Reason::DuplicateOrderId,
        Reason::WrongPhase,
        Reason::OrderExpired,
        Reason::PostOnly,
        Reason::ReduceOnlyOrder,
        Reason::QtyBelowFilled,
        Reason::ActionsFull,
        Reason::BookFull,
    ];
    assert_eq!(seen.refusals, BTreeSet::from(refusals));
    let canceled = [
        Reason::Withdrawn,
        Reason::PostOnly,
        Reason::MinQty,
        Reason::ImmediateOrCancel,
        Reason::SelfTradePrevented,
        Reason::ReduceOnlyOrder,
        Reason::CancelRequested,
        Reason::MassCancel,
    ];
    let rejected = [
        Reason::UnknownInstrument,
        Reason::QtyUnrepresentable,
        Reason::QtyOffGrid,
        Reason::PxUnrepresentable,
        Reason::PxOffGrid,
        Reason::PxOutOfDomain,
        Reason::UnknownOrder,
        Reason::DuplicateOrderId,
        Reason::WrongPhase,
        Reason::BookFull,
    ];
    let others = [
        (ExecType::New, Reason::None),
        (ExecType::Replaced, Reason::None),
        (ExecType::Triggered, Reason::None),
        (ExecType::Restated, Reason::SelfTradePrevented),
        (ExecType::Expired, Reason::OrderExpired),
    ];
    let reports = others
        .into_iter()
        .chain(canceled.map(|reason| (ExecType::Canceled, reason)))
        .chain(rejected.map(|reason| (ExecType::Rejected, reason)));
    let reports: BTreeSet<(u8, Reason)> = reports
        .map(|(exec_type, reason)| (exec_type as u8, reason))
        .collect();
    assert_eq!(seen.reports, reports);
    let fills = [
        "amend",
        "auction",
        "order",
        "own",
        "quote",
        "shown anew",
        "stop by reference",
    ];
    assert_eq!(seen.fills, BTreeSet::from(fills));
}
