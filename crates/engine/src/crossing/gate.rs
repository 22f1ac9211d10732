//! The one way to the books: whatever is to trade there is judged here, and what it could cost is held.
//!
//! *Architecture invariant:* nothing else has the matcher to give anything to, and nothing else can say that risk lets something
//! pass.

use pinrail_matching::{Amend, BookConfig, BookOrder, Bounds, Matcher, NewOrder, Phase, QuoteLeg, Quoter};
use pinrail_oms::Held;
use pinrail_pricing::Pricer;
use pinrail_risk::{BookAsk, BookMarket};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, InstrumentId, Px, Qty, Reason, Side};

use super::effects::Effects;
use crate::state::Engine;

/// That risk lets an order, a change or a quote pass, and what is held for it. Nobody else can make one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passed {
    ask: BookAsk,
    held: Held,
}

impl Passed {
    pub(super) fn held(&self) -> Held {
        self.held
    }

    /// Whether it was this that passed.
    fn is_of(&self, client: ClientId, instrument: InstrumentId, side: Side, px: Px, qty: Qty) -> bool {
        let ask = &self.ask;
        (ask.client, ask.instrument, ask.side) == (client, instrument, side) && (ask.px, ask.qty) == (px, qty)
    }
}

/// What is asked of the books; what brings orders to them has the gate's word for each.
pub(super) enum Call<'a> {
    Submit(Passed, InstrumentId, &'a NewOrder),
    Amend(Passed, &'a Amend),
    /// Beside each leg the gate's word for it; none where it takes a quote away.
    Quote(&'a [Option<Passed>], &'a Quoter, &'a [QuoteLeg]),
    /// Also in the midst of what the books are at.
    Cancel(u64),
    Phase(InstrumentId, Phase),
    /// Stops a market, also in the midst of what the books are at.
    Restrict(InstrumentId, Phase),
    Reference(InstrumentId, Px),
    Advance(u64),
    GoOn,
}

/// The matcher, behind the gate.
#[derive(Debug)]
pub(super) struct Gated {
    matcher: Matcher,
}

impl Gated {
    pub(super) fn new(bounds: &Bounds) -> Gated {
        Gated {
            matcher: Matcher::new(*bounds),
        }
    }

    pub(super) fn get(&self) -> &Matcher {
        &self.matcher
    }

    pub(super) fn open(&mut self, instrument: InstrumentId, config: &BookConfig) -> Result<(), Reason> {
        self.matcher.open(instrument, config)
    }

    pub(super) fn set_day_end(&mut self, instrument: InstrumentId, ts: u64) -> Result<(), Reason> {
        self.matcher.set_day_end(instrument, ts)
    }

    /// Goes through what the books hold.
    pub(super) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.matcher.visit(visitor)
    }

    /// Asks the books for something.
    ///
    /// # Panics
    /// If something else passed the gate than comes now.
    pub(super) fn ask(&mut self, call: &Call<'_>, effects: &mut Effects<'_>) -> Result<(), Reason> {
        let matcher = &mut self.matcher;
        match call {
            Call::Submit(passed, instrument, order) => {
                let is_it = passed.is_of(order.client, *instrument, order.side, order.px, order.qty);
                assert!(is_it, "another order passed the gate");
                matcher.submit(*instrument, order, effects)
            }
            Call::Amend(passed, amend) => {
                let held = matcher.order(amend.order_id).ok_or(Reason::UnknownOrder)?;
                let is_it = passed.is_of(held.client, held.instrument, held.side, amend.px, amend.qty);
                assert!(is_it, "another change passed the gate");
                matcher.amend(amend, effects)
            }
            Call::Quote(passed, quoter, legs) => {
                assert!(
                    passed.len() == legs.len(),
                    "each quote has a word of the gate, or none"
                );
                let is_it = |(leg, passed): (&QuoteLeg, &Option<Passed>)| match passed {
                    None => leg.qty == Qty::ZERO,
                    Some(passed) => passed.is_of(quoter.client, leg.instrument, leg.side, leg.px, leg.qty),
                };
                assert!(
                    legs.iter().zip(*passed).all(is_it),
                    "another quote passed the gate"
                );
                matcher.mass_quote(**quoter, legs, effects)
            }
            Call::Cancel(book_id) => matcher.withdraw(*book_id, effects),
            Call::Phase(instrument, phase) => matcher.set_phase(*instrument, *phase, effects),
            Call::Restrict(instrument, phase) => matcher.restrict(*instrument, *phase, effects),
            Call::Reference(instrument, px) => matcher.set_reference(*instrument, *px, effects),
            Call::Advance(now) => matcher.advance(*now, effects),
            Call::GoOn => {
                matcher.go_on(effects);
                Ok(())
            }
        }
    }
}

impl<P: Pricer> Engine<P> {
    /// Judges what an order is to be, and holds what it could cost instead of what was held `before`.
    ///
    /// # Errors
    /// The first check that fails; nothing is held then, nor changed.
    pub(super) fn pass(&mut self, ask: &BookAsk, before: Held, now: u64) -> Result<Passed, Reason> {
        self.risk.check_book_order(ask)?;
        self.books.def(ask.instrument)?;
        let ref_px = self.reference(ask.instrument, now)?;
        let market = BookMarket {
            ref_px,
            mids: self.mids(ask.instrument, ref_px, now)?,
        };
        let before = (before.px, before.qty);
        let px = self.risk.reserve_book_order(ask, &market, before, now)?;
        Ok(Passed {
            ask: *ask,
            held: Held { px, qty: ask.open },
        })
    }

    /// Lets an order that rests become less at its price, whatever the market, a limit or a trading state says: it adds no risk. Less
    /// is held for it then.
    ///
    /// # Panics
    /// If it is anything else.
    pub(super) fn pass_less(&mut self, ask: &BookAsk, before: Held, resting: &BookOrder) -> Passed {
        let is_it = (ask.client, ask.instrument, ask.side)
            == (resting.client, resting.instrument, resting.side)
            && (ask.px, ask.stop_px) == (resting.px, resting.stop_px)
            && ask.open <= resting.leaves;
        assert!(is_it, "only what becomes less passes without being judged");
        let held = Held {
            px: before.px,
            qty: ask.open.min(before.qty),
        };
        self.risk.hold_for_book(
            ask.client,
            ask.instrument,
            (before.px, before.qty),
            (held.px, held.qty),
        );
        Passed { ask: *ask, held }
    }

    /// Where the market is: the middle of the venues' consolidated best.
    pub(crate) fn reference(&self, instrument: InstrumentId, now: u64) -> Result<Px, Reason> {
        let traded = self.traded.get(instrument.index()).and_then(Option::as_ref);
        let traded = traded.ok_or(Reason::UnknownInstrument)?;
        Ok(traded.venues.view(now)?.top()?.mid())
    }
}
