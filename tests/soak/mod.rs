//! A long run of random messages against one engine of the books, and what it cost.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "a test and an example, each with its part"
)]

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};

use pinrail_matching::twin::{Domain, Engine, Message};
use pinrail_matching::{Amend, Bounds, Fill, Phase, Report, Sink};
use pinrail_runtime::usage::Usage;
use pinrail_types::{ClientId, InstrumentId, Qty, Reason, Side};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

pub const DOMAIN: Domain = Domain::DEEP;

/// Messages that are drawn before any is told, so that drawing costs the engine nothing.
const BATCH: usize = 10_000;

/// Messages after which a phase other than continuous trading ends.
const PHASE_MESSAGES: u64 = 2_000;

/// Room for most that the domain can hold.
pub const BOUNDS: Bounds = Bounds {
    books: DOMAIN.books as usize,
    orders: 20_000,
    pages: 8_192,
    steps: 64,
};

/// What came of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub messages: u64,
    pub refused: u64,
    pub reports: u64,
    pub fills: u64,
    /// Changes of prices, of shown orders, and of tops.
    pub deltas: u64,
    /// Of the engine alone; drawing messages is left out.
    pub spent: Duration,
    /// Calls into the allocator, frees included, by the engine alone.
    pub allocations: u64,
}

/// Counts what is said and keeps positions; allocates nothing.
struct Counting {
    tally: Tally,
    positions: Vec<i64>,
}

fn place(instrument: InstrumentId, client: ClientId) -> usize {
    instrument.index() * DOMAIN.clients as usize + client.index()
}

impl Sink for Counting {
    const LEVELS: bool = true;
    const ORDERS: bool = true;
    const TOPS: bool = true;

    fn report(&mut self, report: &Report) {
        black_box(report);
        self.tally.reports += 1;
    }

    fn fill(&mut self, fill: &Fill) {
        let signed = fill.qty.0 * fill.side.sign();
        self.positions[place(fill.instrument, fill.taker.client)] += signed;
        self.positions[place(fill.instrument, fill.maker.client)] -= signed;
        self.tally.fills += 1;
    }

    fn level(&mut self, delta: &pinrail_matching::LevelDelta) {
        black_box(delta);
        self.tally.deltas += 1;
    }

    fn order(&mut self, delta: &pinrail_matching::OrderDelta) {
        black_box(delta);
        self.tally.deltas += 1;
    }

    fn top(&mut self, _instrument: InstrumentId, top: &pinrail_matching::Top) {
        black_box(top);
        self.tally.deltas += 1;
    }

    fn reducible(&self, instrument: InstrumentId, client: ClientId, side: Side) -> Qty {
        let position = self.positions[place(instrument, client)];
        Qty((-position * side.sign()).max(0))
    }
}

/// A run.
pub struct Soak<E> {
    pub engine: E,
    sink: Counting,
    draws: Xoshiro256PlusPlus,
    now: u64,
    /// How many were refused for each reason, by its code.
    refusals: Vec<u64>,
    /// The order that stands for each id of the domain. Ids are given out in order, as a gateway does; those of the domain
    /// itself are left to quotes.
    order_ids: Vec<u64>,
    next_order_id: u64,
    drawn: u64,
    /// Where continuous trading begins again, and after which message.
    phases: VecDeque<(u64, InstrumentId)>,
}

impl<E: Engine> Soak<E> {
    pub fn new(seed: u64) -> Soak<E> {
        let mut engine = E::new(BOUNDS);
        DOMAIN.open(&mut engine);
        Soak {
            engine,
            sink: Counting {
                tally: Tally::default(),
                positions: vec![0; (DOMAIN.books * DOMAIN.clients) as usize],
            },
            draws: Xoshiro256PlusPlus::seed_from_u64(seed),
            now: 1,
            refusals: vec![0; 1000],
            order_ids: vec![0; DOMAIN.ids as usize + 1],
            next_order_id: DOMAIN.ids + 1,
            drawn: 0,
            phases: VecDeque::new(),
        }
    }

    pub fn tally(&self) -> Tally {
        self.sink.tally
    }

    /// How many messages were refused for each reason, the most common first.
    pub fn refusals(&self) -> Vec<(Reason, u64)> {
        let count = |reason: &Reason| (*reason, self.refusals[usize::from(reason.code())]);
        let mut refusals: Vec<(Reason, u64)> = Reason::ALL.iter().map(count).collect();
        refusals.retain(|(_, count)| *count > 0);
        refusals.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        refusals
    }

    /// Tells so many messages more.
    pub fn go_on(&mut self, messages: u64) {
        let mut left = messages as usize;
        while left > 0 {
            self.forget_ended();
            let batch = self.draw(left.min(BATCH));
            left -= batch.len();
            self.tell(&batch);
        }
    }

    fn forget_ended(&mut self) {
        for order_id in &mut self.order_ids {
            if self.engine.order(*order_id).is_none() {
                *order_id = 0;
            }
        }
    }

    fn draw(&mut self, count: usize) -> Vec<Message> {
        let mut batch = Vec::with_capacity(count);
        let mut bytes = [0; Domain::MESSAGE_BYTES];
        while batch.len() < count {
            self.drawn += 1;
            if let Some((_, instrument)) = self.phases.pop_front_if(|(due, _)| *due <= self.drawn) {
                batch.push(Message::SetPhase(instrument, Phase::Continuous));
                continue;
            }
            self.draws.fill_bytes(&mut bytes);
            let mut message = DOMAIN.message(self.now, &bytes);
            match &mut message {
                Message::Submit(_, order) => {
                    batch.extend(self.renew(&mut order.order_id));
                }
                Message::Amend(amend) => amend.order_id = self.order_ids[amend.order_id as usize],
                Message::Cancel(order_id) => *order_id = self.order_ids[*order_id as usize],
                Message::SetPhase(instrument, _) => {
                    self.phases.push_back((self.drawn + PHASE_MESSAGES, *instrument));
                }
                Message::Advance(now) => self.now = *now,
                _ => {}
            }
            if matches!(
                message,
                Message::Cancel(0) | Message::Amend(Amend { order_id: 0, .. })
            ) {
                continue;
            }
            batch.push(message);
        }
        batch.truncate(count);
        batch
    }

    /// A new order takes the place of the one before under its id of the domain, which is cancelled.
    fn renew(&mut self, order_id: &mut u64) -> Option<Message> {
        let place = *order_id as usize;
        let before = self.order_ids[place];
        *order_id = self.next_order_id;
        self.next_order_id += 1;
        self.order_ids[place] = *order_id;
        (before != 0).then_some(Message::Cancel(before))
    }

    fn tell(&mut self, batch: &[Message]) {
        let (before, began) = (Usage::of_this_thread(), Instant::now());
        for message in batch {
            let result = self.engine.send(message, &mut self.sink);
            while self.engine.is_busy() {
                self.engine.go_on(&mut self.sink);
            }
            assert!(result != Err(Reason::BookBusy), "it said that it was quiet");
            if let Err(reason) = result {
                self.sink.tally.refused += 1;
                self.refusals[usize::from(reason.code())] += 1;
            }
        }
        let cost = Usage::of_this_thread().since(&before);
        self.sink.tally.spent += began.elapsed();
        self.sink.tally.allocations += cost.allocations + cost.frees;
        self.sink.tally.messages += batch.len() as u64;
    }
}
