//! Packages against a naive model of their lives, input by input, each over a restart now and then.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;

use bytemuck::Zeroable;
use desk::packages::{
    LEGGED, Quoted, UNIT, answer, desk, filled, leg, market, markets, mid, order, request, settle,
};
use desk::{Desk, TTL_NS};
use pinrail_engine::{Engine, OUT_LINES_MAX};
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    LastLookDef, MultilegExecutionReport, PACKAGE, QuoteCancel, QuoteResponse, QuoteStatusReport, Scope,
    SessionEvent, TradeCaptureReport, TradingState,
};
use pinrail_types::{Amount, ClientId, InstrumentId, OutId, Px, Qty, Reason, SessionId, Text};
use proptest::prelude::*;

const HOLD_NS: u64 = 2_000;

#[derive(Clone, Debug)]
enum Op {
    /// Client, side, units, legs.
    Ask(u32, u8, i64, Vec<(u32, i64)>),
    /// Which quote, side, under which order id, what is wrong with it.
    Accept(usize, u8, u8, u8),
    Pass(usize),
    Cancel(usize),
    CancelAll(u32),
    Session(u8),
    Halt(u32, bool),
    Move(u32, i64),
    Time(u64),
    Look(bool),
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    let side = || prop_oneof![Just(b'1'), Just(b'2')];
    let ratio = prop_oneof![-9_i64..0, 1_i64..9];
    let legs = (
        prop::sample::subsequence((0..LEGGED).collect::<Vec<_>>(), 2..=LEGGED as usize),
        prop::collection::vec(ratio, LEGGED as usize),
    );
    let legs = legs.prop_map(|(at, ratios)| at.into_iter().zip(ratios).collect());
    prop_oneof![
        6 => (0_u32..2, prop_oneof![Just(0_u8), side()], 1_i64..9, legs).prop_map(|(c, s, u, l)| Op::Ask(c, s, u, l)),
        6 => (any::<usize>(), side(), 0_u8..12, prop_oneof![6 => Just(0_u8), 1 => 1_u8..5])
            .prop_map(|(at, s, id, wrong)| Op::Accept(at, s, id, wrong)),
        1 => any::<usize>().prop_map(Op::Pass),
        1 => any::<usize>().prop_map(Op::Cancel),
        1 => (0_u32..2).prop_map(Op::CancelAll),
        1 => (1_u8..3).prop_map(Op::Session),
        2 => (0..LEGGED, any::<bool>()).prop_map(|(at, halts)| Op::Halt(at, halts)),
        2 => (0..LEGGED, -40_i64..40).prop_map(|(at, off)| Op::Move(at, off)),
        2 => (0_u64..4_000).prop_map(Op::Time),
        1 => any::<bool>().prop_map(Op::Look),
        2 => Just(Op::Restart),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Active,
    /// Until then, on a side, under a name.
    Held(u64, u8, u8),
    Ended(Reason),
}

/// What is known of a quote without looking at the engine.
struct Life {
    quoted: Quoted,
    state: State,
    /// What was held was taken back meanwhile, which ends nothing.
    recalled: Option<Reason>,
}

impl Life {
    /// What it holds of its client's credit: each leg at its dearer side.
    fn held(&self) -> i128 {
        if matches!(self.state, State::Ended(_)) {
            return 0;
        }
        let of = |leg: &pinrail_types::record::MultilegQuoteLeg| {
            let px = [leg.bid_px, leg.offer_px]
                .into_iter()
                .filter(|px| *px != Px::NONE)
                .max();
            i128::from(px.unwrap().0 * leg.qty.0) * UNIT
        };
        self.quoted.legs.iter().map(of).sum()
    }

    fn has_side(&self, side: u8) -> bool {
        self.quoted.quote.side == 0 || self.quoted.quote.side == side
    }

    fn has_leg(&self, is_it: impl Fn(u32) -> bool) -> bool {
        self.quoted.legs.iter().any(|leg| is_it(leg.instrument.0))
    }
}

struct Model {
    desk: Desk,
    quotes: Vec<Life>,
    positions: [i64; LEGGED as usize],
    halted: [bool; LEGGED as usize],
    mids: [i64; LEGGED as usize],
    /// By client and name, the reason that was told first of an order that ended.
    orders: Vec<(u32, u8, Reason)>,
    is_gone: bool,
    looks: bool,
    asked: usize,
}

impl Model {
    fn new() -> Model {
        Model {
            desk: desk(),
            quotes: Vec::new(),
            positions: [0; LEGGED as usize],
            halted: [false; LEGGED as usize],
            mids: core::array::from_fn(|at| mid(at as u32)),
            orders: Vec::new(),
            is_gone: false,
            looks: false,
            asked: 0,
        }
    }

    fn end(&mut self, reason: Reason, is_meant: impl Fn(&Life) -> bool) {
        for life in self.quotes.iter_mut().filter(|life| is_meant(life)) {
            match life.state {
                State::Active => life.state = State::Ended(reason),
                State::Held(..) if reason == Reason::SessionGone => life.recalled = Some(reason),
                State::Held(..) if reason == Reason::MassCancel => {
                    life.recalled = life.recalled.or(Some(reason));
                }
                _ => {}
            }
        }
    }

    fn fill(&mut self, at: usize, side: u8) {
        for leg in &self.quotes[at].quoted.legs {
            let house_sells = leg.side == side;
            self.positions[leg.instrument.index()] += if house_sells { -leg.qty.0 } else { leg.qty.0 };
        }
        self.quotes[at].state = State::Ended(Reason::QuoteFilled);
    }

    fn halts(&self, life: &Life) -> bool {
        life.has_leg(|at| self.halted[at as usize])
    }

    /// What an order is answered with that has no answer yet; an accept changes the model.
    fn accept(&mut self, at: usize, side: u8, name: u8, wrong: u8) -> Result<(), Reason> {
        if self.is_gone {
            return Err(Reason::SessionGone);
        }
        let now = self.desk.now;
        let life = &self.quotes[at];
        if wrong == 4 {
            return Err(Reason::UnknownQuote);
        }
        match life.state {
            State::Ended(reason) => return Err(reason),
            State::Held(..) => return Err(life.recalled.unwrap_or(Reason::QuoteHeld)),
            State::Active => assert!(now < life.quoted.quote.valid_until, "it ended before"),
        }
        if wrong != 0 || !life.has_side(side) {
            return Err(Reason::QuoteMismatch);
        }
        assert!(!self.halts(life), "a quote in what is halted is withdrawn");
        if self.looks {
            self.quotes[at].state = State::Held(now + HOLD_NS, side, name);
        } else {
            self.fill(at, side);
        }
        Ok(())
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Ask(client, side, units, legs) => self.ask(*client, *side, *units, legs),
            Op::Accept(at, side, name, wrong) if !self.quotes.is_empty() => {
                self.order(at % self.quotes.len(), *side, *name, *wrong);
            }
            Op::Pass(at) if !self.quotes.is_empty() => {
                let at = at % self.quotes.len();
                let quote = self.quotes[at].quoted.quote;
                self.desk.put(QuoteResponse {
                    quote_id: quote.quote_id,
                    client: quote.client,
                    resp_type: 6,
                    ..Zeroable::zeroed()
                });
                self.end(Reason::ClientPassed, |life| {
                    life.quoted.quote.quote_id == quote.quote_id
                });
            }
            Op::Cancel(at) if !self.quotes.is_empty() => {
                let quote = self.quotes[at % self.quotes.len()].quoted.quote;
                self.desk.put(QuoteCancel {
                    quote_id: if at % 2 == 0 { quote.quote_id } else { OutId::NONE },
                    quote_req_id: quote.quote_req_id,
                    client: quote.client,
                    cancel_type: 5,
                    ..Zeroable::zeroed()
                });
                self.end(Reason::CancelRequested, |life| {
                    life.quoted.quote.quote_id == quote.quote_id
                });
            }
            Op::CancelAll(client) => {
                self.desk.put(QuoteCancel {
                    client: ClientId(*client),
                    cancel_type: 4,
                    ..Zeroable::zeroed()
                });
                self.end(Reason::MassCancel, |life| life.quoted.quote.client.0 == *client);
            }
            Op::Session(kind) => {
                self.desk.put(SessionEvent {
                    session: SessionId(9),
                    kind: *kind,
                    ..Zeroable::zeroed()
                });
                self.is_gone = *kind == 1;
                if self.is_gone {
                    self.end(Reason::SessionGone, |_| true);
                }
            }
            Op::Halt(at, halts) => {
                let state = if *halts {
                    TradingState::Halted
                } else {
                    TradingState::Active
                };
                self.desk.set_state(Scope::Instrument, *at, state);
                self.halted[*at as usize] = *halts;
                if *halts {
                    self.end(Reason::Withdrawn, |life| life.has_leg(|leg| leg == *at));
                }
            }
            Op::Move(at, off) => {
                self.mids[*at as usize] = mid(*at) + off;
                market(&mut self.desk, *at, mid(*at) + off, 500);
            }
            Op::Time(ns) => self.wait(*ns),
            Op::Look(looks) => {
                self.looks = *looks;
                self.desk.put(LastLookDef {
                    hold_ns: if *looks { HOLD_NS } else { 0 },
                    tolerance_e8: 100_000_000,
                    actor: Text::new("ann").unwrap(),
                    ..Zeroable::zeroed()
                });
            }
            Op::Restart => {
                let words = self.desk.engine.save();
                let bounds = *self.desk.engine.bounds();
                let loaded = Engine::load(bounds, SweepPricer::new(bounds.instruments), &words).unwrap();
                self.desk.engine = loaded;
            }
            _ => {}
        }
    }

    fn ask(&mut self, client: u32, side: u8, units: i64, legs: &[(u32, i64)]) {
        self.asked += 1;
        let legs: Vec<_> = legs.iter().map(|(at, ratio)| leg(*at, *ratio)).collect();
        let mut asked = request(&format!("R{}", self.asked), side, units, &legs);
        asked.client = ClientId(client);
        let expected = legs
            .iter()
            .position(|(instrument, _, _)| self.halted[instrument.index()]);
        let expected = match expected {
            Some(at) => Some((at as u8, Reason::InstrumentHalted)),
            None => self.is_gone.then_some((u8::MAX, Reason::SessionGone)),
        };
        match (answer(&self.desk.put(asked)), expected) {
            (Ok(quoted), None) => {
                assert_eq!(quoted.quote.valid_until, self.desk.now + TTL_NS);
                self.quotes.push(Life {
                    quoted,
                    state: State::Active,
                    recalled: None,
                });
            }
            (told, expected) => assert_eq!(told.err(), expected),
        }
    }

    fn order(&mut self, at: usize, side: u8, name: u8, wrong: u8) {
        let mut order = order(&format!("O{name}"), &self.quotes[at].quoted, side);
        match wrong {
            1 => order.units = Qty(order.units.0 + 1),
            2 => order.price_amt = Amount::new(order.price_amt.get() - 1),
            3 => order.price_amt = Amount::new(order.price_amt.get() + 1),
            4 => order.quote_id.seq ^= 1 << 40,
            _ => {}
        }
        let client = order.client.0;
        let out = self.desk.put(order);
        let whole = out
            .find::<MultilegExecutionReport>()
            .filter(|report| report.instrument == PACKAGE);
        assert_eq!(whole.count(), 1, "an order has one report of its package");
        let trades = out.find::<TradeCaptureReport>().count();
        let held = self.quotes.iter().any(|life| {
            matches!(life.state, State::Held(_, _, known) if known == name && life.quoted.quote.client.0 == client)
        });
        let before = self
            .orders
            .iter()
            .find(|(of, known, _)| (*of, *known) == (client, name));
        if held || before.is_some() {
            let told = filled(&out).err().unwrap_or(Reason::None);
            assert_eq!(
                (told, trades),
                (before.map_or(Reason::None, |(_, _, reason)| *reason), 0)
            );
            return;
        }
        if self.is_gone {
            assert_eq!(filled(&out), Err(Reason::SessionGone));
            self.orders.push((client, name, Reason::SessionGone));
            return;
        }
        let looks = self.looks;
        let expected = self.accept(at, side, name, wrong);
        assert_eq!(filled(&out).map(|_| ()), expected);
        let is_filled = expected.is_ok() && !looks;
        let legs = self.quotes[at].quoted.legs.len();
        assert_eq!(trades, if is_filled { legs } else { 0 });
        if !(expected.is_ok() && looks) {
            self.orders
                .push((client, name, expected.err().unwrap_or(Reason::None)));
        }
    }

    /// Time goes on, step by step from one end to the next, and the books are fresh all the while.
    fn wait(&mut self, ns: u64) {
        let until = self.desk.now + ns;
        loop {
            let next = self.quotes.iter().filter_map(|life| match life.state {
                State::Active => Some(life.quoted.quote.valid_until),
                State::Held(ends, ..) => Some(ends),
                State::Ended(_) => None,
            });
            let next = next.min().unwrap_or(u64::MAX);
            assert!(
                self.desk.engine.next_timer() >= next.min(until),
                "nothing else has a time"
            );
            self.desk.now = next.min(until).max(self.desk.now);
            self.resolve();
            if self.desk.now == until {
                return;
            }
        }
    }

    /// Ends what has come to its end now.
    fn resolve(&mut self) {
        let now = self.desk.now;
        for at in 0..self.quotes.len() {
            let client = self.quotes[at].quoted.quote.client.0;
            match self.quotes[at].state {
                State::Held(ends, side, name) if ends <= now => {
                    let halted = self.halts(&self.quotes[at]);
                    let reason = if halted {
                        Reason::InstrumentHalted
                    } else {
                        Reason::None
                    };
                    if halted {
                        self.quotes[at].state = State::Ended(reason);
                    } else {
                        self.fill(at, side);
                    }
                    self.orders.push((client, name, reason));
                }
                State::Active if self.quotes[at].quoted.quote.valid_until <= now => {
                    self.quotes[at].state = State::Ended(Reason::QuoteExpired);
                }
                _ => {}
            }
        }
        while self.desk.engine.next_timer() <= now {
            let out = self.desk.tick();
            assert!(
                out.find::<QuoteStatusReport>()
                    .all(|end| end.reason == Reason::QuoteExpired.code())
            );
        }
    }

    fn check(&mut self) {
        for out in settle(&mut self.desk) {
            assert!(out.words().len() <= OUT_LINES_MAX * 8);
        }
        let engine = &self.desk.engine;
        let open = self
            .quotes
            .iter()
            .filter(|life| !matches!(life.state, State::Ended(_)))
            .count();
        assert_eq!((engine.open_quotes(), engine.packages()), (open, open));
        let held = self
            .quotes
            .iter()
            .filter(|life| matches!(life.state, State::Held(..)))
            .count();
        assert_eq!(engine.held_accepts(), held);
        for client in 0..2 {
            let of = self
                .quotes
                .iter()
                .filter(|life| life.quoted.quote.client.0 == client);
            assert_eq!(
                engine.held_credit(ClientId(client)).get(),
                of.map(Life::held).sum::<i128>()
            );
        }
        assert_eq!(engine.nothing_reserved(), open == 0);
        for (at, lots) in (0..).zip(self.positions) {
            assert_eq!(engine.position(InstrumentId(at)).qty.0, lots);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn packages_live_as_the_model_says(ops in prop::collection::vec(op(), 1..80)) {
        let mut model = Model::new();
        for op in &ops {
            model.run(op);
            model.check();
            for (at, mid) in (0..LEGGED).zip(model.mids) {
                // Fresh books, so that no request is refused for that.
                market(&mut model.desk, at, mid, 500);
            }
        }
        model.desk.now += 1;
        model.wait(1 << 30);
        model.check();
        prop_assert!(model.desk.engine.nothing_reserved());
        markets(&mut model.desk);
    }
}
