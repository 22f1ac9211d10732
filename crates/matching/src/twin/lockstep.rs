//! Two engines that are told the same, compared after every message.

use pinrail_types::{InstrumentId, Reason};

use super::engine::Engine;
use super::message::{Domain, Message};
use super::tape::Tape;
use crate::config::Bounds;

/// Calls of [`Engine::go_on`] after which an engine is taken to be stuck.
const CALLS_MAX: usize = 1_000_000;

/// An engine, and what it said.
#[derive(Debug)]
pub struct Watched<E> {
    /// The engine.
    pub engine: E,
    /// What it said.
    pub tape: Tape,
}

impl<E: Engine> Watched<E> {
    /// Tells it something, and lets it go on until it is quiet.
    ///
    /// # Errors
    /// The reason of a refusal.
    ///
    /// # Panics
    /// If it said something that makes no sense, takes something while it is busy, or never comes to rest.
    pub fn send(&mut self, message: &Message) -> Result<(), Reason> {
        let result = self.engine.send(message, &mut self.tape);
        for _ in 0..CALLS_MAX {
            if !self.engine.is_busy() {
                return result;
            }
            let refused = self.engine.send(message, &mut self.tape);
            assert_eq!(refused, Err(Reason::BookBusy), "{message:?}");
            self.engine.go_on(&mut self.tape);
        }
        panic!("it never comes to rest: {message:?}");
    }

    /// Sees that a book stands as was said, and is not crossed where orders trade as they come.
    ///
    /// # Panics
    /// If it does not.
    pub fn check(&self, instrument: InstrumentId) {
        let look = self.engine.look(instrument);
        self.tape.check(instrument, &look);
        let is_continuous = look.phase == Some(crate::Phase::Continuous);
        let is_crossed =
            look.top.bid_qty.0 > 0 && look.top.ask_qty.0 > 0 && look.top.bid_px >= look.top.ask_px;
        assert!(!(is_continuous && is_crossed), "a crossed book: {:?}", look.top);
        for order in look.orders.iter().chain(&look.stops).flatten() {
            assert_eq!(self.engine.order(order.order_id), Some(*order));
            self.tape.ledger.check(order);
        }
        for (side, levels) in super::SIDES.into_iter().zip(&look.levels) {
            for (px, qty) in levels {
                assert_eq!(self.engine.depth_at(instrument, side, *px), *qty);
            }
        }
    }
}

/// Two engines that are told the same.
#[derive(Debug)]
pub struct Lockstep<A, B> {
    /// One.
    pub a: Watched<A>,
    /// The other.
    pub b: Watched<B>,
    domain: Domain,
    now: u64,
}

impl<A: Engine, B: Engine> Lockstep<A, B> {
    /// Both, with the books of the domain open. They may differ in their bounds, but for books and orders.
    pub fn new(domain: Domain, a: Bounds, b: Bounds) -> Lockstep<A, B> {
        let mut lockstep = Lockstep {
            a: Watched {
                engine: A::new(a),
                tape: Tape::default(),
            },
            b: Watched {
                engine: B::new(b),
                tape: Tape::default(),
            },
            domain,
            now: 1,
        };
        domain.open(&mut lockstep.a.engine);
        domain.open(&mut lockstep.b.engine);
        lockstep
    }

    /// Draws a message from bytes and tells it to both.
    ///
    /// # Panics
    /// If they differ, or what one says makes no sense.
    pub fn step(&mut self, bytes: &[u8]) {
        let message = self.domain.message(self.now, bytes);
        if let Message::Advance(now) = message {
            self.now = now;
        }
        self.send(&message);
    }

    /// Tells both, and compares all that they said and all that can be seen.
    ///
    /// # Panics
    /// If they differ, or what one says makes no sense.
    pub fn send(&mut self, message: &Message) {
        let before = (self.look_at_a(), self.a.engine.next_expiry());
        let (a, b) = (self.a.send(message), self.b.send(message));
        assert_eq!(a, b, "{message:?}");
        let said = std::mem::take(&mut self.a.tape.said);
        assert_same(&said, &std::mem::take(&mut self.b.tape.said), message);
        let deltas = std::mem::take(&mut self.a.tape.deltas);
        assert_same(&deltas, &std::mem::take(&mut self.b.tape.deltas), message);
        if a.is_err() {
            let after = (self.look_at_a(), self.a.engine.next_expiry());
            assert!(
                said.is_empty() && deltas.is_empty() && before == after,
                "{a:?} changed something: {message:?}"
            );
        }
        self.compare(message);
    }

    fn look_at_a(&self) -> Vec<super::Look> {
        let books = (0..self.domain.books).map(InstrumentId);
        books.map(|instrument| self.a.engine.look(instrument)).collect()
    }

    fn compare(&self, message: &Message) {
        self.a.engine.audit();
        self.b.engine.audit();
        let (a, b) = (&self.a.engine, &self.b.engine);
        for instrument in (0..self.domain.books).map(InstrumentId) {
            assert_eq!(a.look(instrument), b.look(instrument), "{message:?}");
            self.a.check(instrument);
            self.b.check(instrument);
        }
        assert_eq!(a.open_orders(), b.open_orders(), "{message:?}");
        assert_eq!(
            a.open_orders(),
            self.a.tape.ledger.open_ids().count(),
            "{message:?}"
        );
        assert_eq!(a.next_expiry(), b.next_expiry(), "{message:?}");
        self.a.tape.ledger.check_sums();
        for order_id in 0..=self.domain.ids {
            assert_eq!(a.order(order_id), b.order(order_id), "{message:?}");
        }
    }
}

fn assert_same<T: std::fmt::Debug + PartialEq>(a: &[T], b: &[T], message: &Message) {
    for (at, (one, other)) in a.iter().zip(b).enumerate() {
        assert_eq!(one, other, "saying {at} after {message:?}");
    }
    assert_eq!(a.len(), b.len(), "sayings after {message:?}: {a:#?} and {b:#?}");
}
