//! The same inputs give the same outputs on every machine and in every build, and nothing else has a say in them.

#![allow(clippy::unwrap_used)]

#[path = "../crates/engine/tests/desk/day.rs"]
mod day;
#[path = "../crates/engine/tests/desk/mod.rs"]
mod desk;
#[path = "../crates/engine/tests/desk/market.rs"]
mod market;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::hint::black_box;
use std::time::Instant;

use bytemuck::Zeroable;
use day::Day;
use desk::strategies::{balances, makers};
use desk::{Desk, STALE_NS};
use pinrail_book::Consolidated;
use pinrail_engine::{Bounds, Engine, Out};
use pinrail_pricing::{PriceRequest, Pricer, Prices, SweepPricer};
use pinrail_runtime::usage::{CountingAllocator, Usage};
use pinrail_types::record::{
    EpochStart, LimitKind, LimitScope, LimitSet, Quote, QuoteRequest, QuotingParams, Scope, TierSpread,
    TradeCaptureReport, TradingState, TradingStateSet,
};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Amount, BEHAVIOUR_VERSION, E8, Frame, Px, Qty, Reason, Text, VenueId};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Inputs of a desk at work: markets that move, leave and come back, requests of all kinds, accepts early and late, passes,
/// commands and changed configuration.
fn inputs() -> Vec<Frame> {
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut below = |bound: u64| draws.next_u64() % bound;
    let mut desk = Desk::active();
    for balance in balances() {
        desk.put(balance);
    }
    let mut quotes: Vec<Quote> = Vec::new();
    let mut streams: Vec<QuoteRequest> = Vec::new();
    desk.put(QuotingParams {
        impact_qty: Qty(1),
        skew_position: Qty(1),
        volatility_tau_ns: 60_000_000_000,
        hedgeable_lots_min: Qty(100),
        requote_e8: E8 / 10_000,
        requote_ns_min: 5_000,
        ..Zeroable::zeroed()
    });
    for _ in 0..36_000 {
        desk.now += below(3_000);
        match below(32) {
            0..8 => {
                let (mid, size) = (10_000 + below(200) as i64, 1 + below(600) as i64);
                let side = |sign: i64| [1, 4, 5].map(|n| (mid + sign * n, size + n));
                desk.snapshot(VenueId(below(2) as u16), &side(-1), &side(1));
            }
            8..22 => {
                let side = [0, b'1', b'2'][below(3) as usize];
                let mut request = desk.request(below(3) as u32, side, 1 + below(900) as i64);
                if below(50) == 0 && streams.len() < 12 {
                    request.subscription = b'1';
                    streams.push(request);
                }
                quotes.extend(desk.put(request).find::<Quote>());
            }
            22..26 if !quotes.is_empty() => {
                let recent = quotes.len() - 1 - below(quotes.len().min(5) as u64) as usize;
                let side = [b'1', b'2'][below(2) as usize];
                desk.put(Desk::order(&quotes[recent], side));
            }
            26 if !quotes.is_empty() => {
                desk.put(Desk::pass(&quotes[quotes.len() - 1]));
            }
            27 => {
                desk.put(TierSpread {
                    half_spread_e8: E8 / 2_000 + below(50_000) as i64,
                    ..Zeroable::zeroed()
                });
            }
            28 if below(20) == 0 => {
                let state = [TradingState::Halted, TradingState::Reducing][below(2) as usize];
                desk.set_state(Scope::Global, 0, state);
                desk.go_on();
                desk.set_state(Scope::Global, 0, TradingState::Active);
            }
            29 if below(10) == 0 && !streams.is_empty() => {
                let subscription = b'2';
                let ended = streams.swap_remove(below(streams.len() as u64) as usize);
                desk.put(QuoteRequest {
                    subscription,
                    ..ended
                });
            }
            29 if below(20) == 0 => desk.now += 2 * STALE_NS,
            30 if below(4) == 0 => {
                // Nobody has orders in a book of the desk's own here.
                let is_of_desk = |kind: &&LimitKind| **kind != LimitKind::ClientOpenOrders;
                let kinds = LimitKind::ALL.iter().filter(is_of_desk);
                let kind = *kinds
                    .clone()
                    .nth(below(kinds.count() as u64) as usize)
                    .expect("below their number");
                let set = limit(kind, below(6) > 0);
                for actor in ["tester", "second"].map(|name| Text::new(name).unwrap()) {
                    desk.put(LimitSet { actor, ..set });
                }
                desk.set_state(Scope::Instrument, 0, TradingState::Active);
                desk.set_state(Scope::Global, 0, TradingState::Active);
            }
            _ => {
                desk.tick();
            }
        }
        if desk.engine.wants_continue() && below(2) == 0 {
            desk.go_on();
        }
    }
    assert!(quotes.len() > 5_000, "{} quotes", quotes.len());
    desk.inputs
}

/// Inputs of a desk with a book of its own, in which clients trade with one another.
fn inputs_of_a_book() -> Vec<Frame> {
    let mut day = Day::new(7);
    let mut trades = 0;
    for _ in 0..20_000 {
        trades += day.step().find::<TradeCaptureReport>().count();
        while day.desk.engine.wants_continue() && day.below(20) > 0 {
            day.desk.go_on();
        }
    }
    assert!(trades > 1_000, "{trades} trades");
    day.desk.inputs
}

/// A limit that some requests pass, or none.
fn limit(kind: LimitKind, none: bool) -> LimitSet {
    let (value, window_ns) = match kind {
        _ if none && kind.is_least() => (0, 0),
        _ if none => (i128::MAX, 0),
        LimitKind::Permitted => (0, 0),
        LimitKind::NotionalMin => (10 * 10_000 * 50, 0),
        LimitKind::DuplicateWindow => (0, 50_000),
        LimitKind::ClientRate | LimitKind::SessionRate | LimitKind::VenueRate | LimitKind::OrderToTrade => {
            (5, 20_000)
        }
        LimitKind::ReferenceMove => (i128::from(E8) / 200, 50_000),
        LimitKind::VenueSpread => (i128::from(E8) / 200, 0),
        LimitKind::ProtectionFills => (4, 50_000),
        LimitKind::ProtectionDelta => (1_500, 50_000),
        LimitKind::Executions | LimitKind::ClientOpenOrders => (20, 0),
        _ => (10 * 10_000 * 5_000, 0),
    };
    let latches = matches!(
        kind,
        LimitKind::Loss | LimitKind::Drawdown | LimitKind::AssetLoss | LimitKind::AssetDrawdown
    );
    LimitSet {
        kind: kind.byte(),
        state: u8::from(latches && !none),
        target: u32::from(kind.scope() == LimitScope::Asset),
        value: Amount::new(value),
        window_ns,
        ..Zeroable::zeroed()
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    outputs: u64,
    output_hash: u64,
    state_hash: u64,
}

/// Takes every input; gives what came of it, and how often memory was allocated or freed once trading had begun:
/// definitions make tables, and none is taken any more from then on.
fn run<P: Pricer>(inputs: &[Frame], make_pricer: &dyn Fn(&Bounds) -> P) -> (Outcome, u64) {
    let bounds = Bounds::of(inputs[0].get::<EpochStart>().unwrap());
    let mut engine = Engine::new(bounds, make_pricer(&bounds));
    let mut out = Out::new();
    let mut seq = 0;
    let begun = inputs
        .iter()
        .position(|input| input.get::<TradingStateSet>().is_some());
    let mut before = Usage::of_this_thread();
    for (at, input) in inputs.iter().enumerate() {
        if Some(at) == begun {
            before = Usage::of_this_thread();
        }
        seq += 1;
        let mut input = *input;
        input.header_mut().seq = seq;
        engine.on_event(&input, &mut out);
        seq += out.len() as u64;
        engine.seal(&mut out);
    }
    let spent = Usage::of_this_thread().since(&before);
    let outcome = Outcome {
        outputs: seq - inputs.len() as u64,
        output_hash: engine.output_hash(),
        state_hash: engine.state_hash(),
    };
    (outcome, spent.allocations + spent.frees)
}

/// What is not as it must be: the outcome, the allocations.
fn faults<P: Pricer>(inputs: &[Frame], make_pricer: impl Fn(&Bounds) -> P) -> Vec<&'static str> {
    let (first, allocations) = run(inputs, &make_pricer);
    let (second, _) = run(inputs, &make_pricer);
    let mut faults = Vec::new();
    if first != second {
        faults.push("differs from run to run");
    }
    if allocations > 0 {
        faults.push("allocates");
    }
    faults
}

fn honest(bounds: &Bounds) -> SweepPricer {
    SweepPricer::new(bounds.instruments)
}

/// The pins change only with the behaviour version: replays of older journals go by it.
#[test]
fn outputs_are_those_of_this_behaviour_version_in_every_build() {
    let (outcome, _) = run(&inputs(), &honest);
    let pinned = Outcome {
        outputs: 61_181,
        output_hash: 0x09fc_194d_e120_0e83,
        state_hash: 0x5373_9b04_a5de_d2bc,
    };
    assert_eq!((BEHAVIOUR_VERSION, outcome), (7, pinned));
    let (outcome, _) = run(&inputs(), &makers);
    let pinned = Outcome {
        outputs: 85_586,
        output_hash: 0xd8c4_3d6b_5b12_6933,
        state_hash: 0xb023_3d42_00de_fed6,
    };
    assert_eq!(outcome, pinned, "with a strategy");
    let (outcome, _) = run(&inputs_of_a_book(), &honest);
    let pinned = Outcome {
        outputs: 79_492,
        output_hash: 0xf17d_3502_d1eb_93fd,
        state_hash: 0x1176_9232_1f49_d12a,
    };
    assert_eq!(outcome, pinned, "with a book of the desk's own");
}

#[test]
fn an_engine_neither_differs_nor_allocates() {
    assert!(CountingAllocator::is_installed());
    assert_eq!(faults(&inputs(), honest), [""; 0]);
    assert_eq!(faults(&inputs(), makers), [""; 0]);
    assert_eq!(faults(&inputs_of_a_book(), honest), [""; 0]);
}

/// What a pricer must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vice {
    Clock,
    Chance,
    HashOrder,
    Allocation,
}

/// A pricer with a vice.
#[derive(Debug)]
struct Vicious {
    vice: Vice,
    honest: SweepPricer,
    started: Instant,
    table: HashMap<i64, i64>,
}

impl Vicious {
    fn new(vice: Vice, bounds: &Bounds) -> Vicious {
        Vicious {
            vice,
            honest: honest(bounds),
            started: Instant::now(),
            table: (0..16).map(|n| (n, n)).collect(),
        }
    }

    /// One or nothing, by what no record says.
    fn whim(&self) -> i64 {
        match self.vice {
            Vice::Clock => self.started.elapsed().as_nanos() as i64 & 1,
            Vice::Chance => RandomState::new().build_hasher().finish() as i64 & 1,
            Vice::HashOrder => self.table.values().take(3).sum::<i64>() & 1,
            Vice::Allocation => black_box(Vec::<i64>::with_capacity(black_box(4))).len() as i64,
        }
    }
}

impl Pricer for Vicious {
    const NAME: &'static str = "vicious";

    fn price(&mut self, request: &PriceRequest<'_>, venues: &Consolidated) -> Result<Prices, Reason> {
        let mut prices = self.honest.price(request, venues)?;
        if prices.offer_px != Px::NONE {
            prices.offer_px.0 += self.whim();
        }
        Ok(prices)
    }

    fn on_tier_spread(&mut self, spread: &TierSpread) -> Result<(), Reason> {
        self.honest.on_tier_spread(spread)
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.honest.visit(visitor)
    }
}

#[test]
fn a_clock_chance_hash_order_or_an_allocation_is_caught() {
    let inputs = inputs();
    for vice in [Vice::Clock, Vice::Chance] {
        let found = faults(&inputs, |bounds| Vicious::new(vice, bounds));
        assert_eq!(found, ["differs from run to run"], "{vice:?}");
    }
    // Two tables of one order are not rare, eight in a row are.
    let caught = (0..8).any(|_| {
        let found = faults(&inputs[..2_000], |bounds| Vicious::new(Vice::HashOrder, bounds));
        found == ["differs from run to run"]
    });
    assert!(caught, "{:?}", Vice::HashOrder);
    let found = faults(&inputs, |bounds| Vicious::new(Vice::Allocation, bounds));
    assert_eq!(found, ["allocates"]);
}
