//! Mass quotes: all that a market maker shows in one book, changed in place.

use pinrail_matching::{BookOrder, QuoteLeg, Quoter};
use pinrail_oms::{ClientOrderSlot, ClientOrderState, Held};
use pinrail_pricing::Pricer;
use pinrail_risk::BookAsk;
use pinrail_types::record::{BookLevel, ExecInst, MassQuote, MassQuoteAck, QUOTES_MAX};
use pinrail_types::{OutId, Px, Qty, Reason, Side};

use super::cancels::BEFORE_LINES;
use super::effects::{rejected, revert};
use super::gate::{Call, Passed};
use super::orders::{post_only_of, self_trade_of};
use super::{BEHIND_LINES, QUOTE_LINES};
use crate::out::{OUT_LINES_MAX, Out};
use crate::state::Engine;

const LEGS_MAX: usize = 2 * QUOTES_MAX;
/// What a mass quote that only takes away says at most: of each leg its report, its place and its price; the book's top and the
/// auction's price, once; its acknowledgement; and what follows.
const LESS_LINES: usize = LEGS_MAX * (3 + 1 + 1) + 3 + 2 + BEHIND_LINES;
const _: () = assert!(
    BEFORE_LINES + LESS_LINES <= OUT_LINES_MAX,
    "quotes can always be taken away"
);

/// What the books are to be asked for.
struct Legs {
    asked: [QuoteLeg; LEGS_MAX],
    slots: [Option<ClientOrderSlot>; LEGS_MAX],
    /// The gate's word for each that brings something.
    passed: [Option<Passed>; LEGS_MAX],
    len: usize,
}

impl Legs {
    fn none(quote: &MassQuote) -> Legs {
        let nothing = QuoteLeg {
            instrument: quote.instrument,
            order_id: 0,
            side: Side::Buy,
            px: Px(0),
            qty: Qty::ZERO,
        };
        Legs {
            asked: [nothing; LEGS_MAX],
            slots: [None; LEGS_MAX],
            passed: [None; LEGS_MAX],
            len: 0,
        }
    }

    fn push(&mut self, slot: ClientOrderSlot, side: Side, level: BookLevel, passed: Option<Passed>) {
        let at = self.len;
        self.asked[at] = QuoteLeg {
            order_id: slot.book_id(),
            side,
            px: level.px,
            qty: level.qty,
            ..self.asked[at]
        };
        self.slots[at] = Some(slot);
        self.passed[at] = passed;
        self.len += 1;
    }
}

/// What a mass quote says of the `n`th quote of a side, from 1; nothing beyond those that it names.
fn level_of(quote: &MassQuote, side: Side, n: usize) -> BookLevel {
    let (from, count) = match side {
        Side::Buy => (0, quote.bids),
        Side::Sell => (usize::from(quote.bids), quote.asks),
    };
    if n <= usize::from(count) {
        quote.levels[from + n - 1]
    } else {
        BookLevel {
            px: Px(0),
            qty: Qty::ZERO,
        }
    }
}

fn check(quote: &MassQuote) -> Result<(), Reason> {
    let fits = usize::from(quote.bids) <= QUOTES_MAX && usize::from(quote.asks) <= QUOTES_MAX;
    if quote.quote_id.is_empty() || !fits {
        return Err(Reason::BadField);
    }
    Ok(())
}

impl<P: Pricer> Engine<P> {
    /// Takes what a market maker quotes in a book, or says why not; a quote that is refused stays as it was.
    pub(crate) fn on_mass_quote(&mut self, quote: &MassQuote, out: &mut Out) {
        let reason = self.take_mass_quote(quote, out).err().unwrap_or_default();
        out.push(MassQuoteAck {
            quote_id: quote.quote_id,
            client: quote.client,
            session: quote.session,
            reason: reason.code(),
            ..bytemuck::Zeroable::zeroed()
        });
    }

    fn take_mass_quote(&mut self, quote: &MassQuote, out: &mut Out) -> Result<(), Reason> {
        let is_less = check(quote).is_ok() && self.only_reduces_quotes(quote);
        if is_less {
            self.risk.count_message(quote.session, quote.client, out.now());
        } else {
            self.risk.admit_message(quote.session, quote.client, out.now())?;
            if self.recalls.is_gone(quote.session) {
                return Err(Reason::SessionGone);
            }
        }
        check(quote)?;
        let quoter = Quoter {
            client: quote.client,
            session: quote.session,
            post_only: post_only_of(quote.exec_inst, ExecInst::POST_ONLY | ExecInst::REPRICE)?,
            self_trade: self_trade_of(quote.self_match)?,
        };
        self.books.def(quote.instrument)?;
        if !is_less {
            self.turn_to_books(out)?;
        }
        // What only takes away says less.
        let lines = if is_less { LESS_LINES } else { QUOTE_LINES };
        if self.books.is_busy() || out.lines_left() < lines {
            return Err(Reason::BookBusy);
        }
        let mut legs = Legs::none(quote);
        for side in [Side::Buy, Side::Sell] {
            for n in 1..=QUOTES_MAX {
                self.add_leg(quote, side, n, &mut legs, out);
            }
        }
        if legs.len == 0 {
            return Ok(());
        }
        let call = Call::Quote(&legs.passed[..legs.len], &quoter, &legs.asked[..legs.len]);
        let outcome = self.ask_books(&call, Reason::None, out);
        if outcome.is_err() {
            for slot in legs.slots.into_iter().flatten() {
                if self.books.orders.get(slot).before.is_some() {
                    revert(&mut self.risk, &mut self.books.orders, slot);
                }
            }
        }
        outcome
    }

    /// Whether a mass quote takes away, or leaves less at the same price, whatever it names: it adds no risk then.
    fn only_reduces_quotes(&self, quote: &MassQuote) -> bool {
        let books = &self.books;
        let is_less = |side: Side, n: usize| {
            let level = level_of(quote, side, n);
            let found = books
                .orders
                .find_leg(quote.client, quote.instrument, side, n as u8);
            let resting = found.and_then(|slot| books.matcher.get().order(slot.book_id()));
            level.qty == Qty::ZERO
                || resting.is_some_and(|held| held.px == level.px && level.qty <= held.leaves)
        };
        [Side::Buy, Side::Sell]
            .into_iter()
            .all(|side| (1..=QUOTES_MAX).all(|n| is_less(side, n)))
    }

    /// Adds what is to become of one quote, if it passes the gate; or says that it does not.
    fn add_leg(&mut self, quote: &MassQuote, side: Side, n: usize, legs: &mut Legs, out: &mut Out) {
        let level = level_of(quote, side, n);
        let found = self
            .books
            .orders
            .find_leg(quote.client, quote.instrument, side, n as u8);
        if level.qty == Qty::ZERO {
            if let Some(slot) = found {
                self.books
                    .orders
                    .quote_again(slot, &quote.quote_id, quote.session);
                legs.push(slot, side, level, None);
            }
            return;
        }
        let mut state = ClientOrderState {
            order_id: OutId::NONE,
            cl_ord_id: quote.quote_id,
            client: quote.client,
            instrument: quote.instrument,
            session: quote.session,
            side,
            reduces: false,
            leg: n as u8,
            held: Held::NOTHING,
            before: None,
        };
        match self.pass_leg(&state, level, found, out) {
            Err(reason) => rejected(&state, reason, out),
            Ok(passed) => {
                let slot = found.unwrap_or_else(|| {
                    let id = OutId {
                        sub: u32::from(state.leg) << 1 | u32::from(side == Side::Sell),
                        ..out.next_id()
                    };
                    state.order_id = self.books.orders.next_id(id);
                    self.books.orders.open(&state)
                });
                self.books
                    .orders
                    .quote_again(slot, &quote.quote_id, quote.session);
                let (held, before) = self.books.orders.reservation(slot);
                *before = Some(core::mem::replace(held, passed.held()));
                legs.push(slot, side, level, Some(passed));
            }
        }
    }

    fn pass_leg(
        &mut self,
        state: &ClientOrderState,
        level: BookLevel,
        found: Option<ClientOrderSlot>,
        out: &mut Out,
    ) -> Result<Passed, Reason> {
        let resting = found.and_then(|slot| self.books.matcher.get().order(slot.book_id()));
        let before = found.map_or(Held::NOTHING, |slot| self.books.orders.get(slot).held);
        if found.is_none() {
            if self.books.orders.is_full() {
                return Err(Reason::BookFull);
            }
            let open = self.books.orders.count_of(state.client);
            self.risk.check_open_orders(state.client, open)?;
        }
        let is_less = |held: &BookOrder| held.px == level.px && level.qty <= held.leaves;
        let ask = BookAsk {
            client: state.client,
            instrument: state.instrument,
            side: state.side,
            qty: level.qty,
            open: level.qty,
            px: level.px,
            stop_px: Px::NONE,
            reduces: false,
        };
        if let Some(resting) = resting.filter(is_less) {
            return Ok(self.pass_less(&ask, before, &resting));
        }
        let passed = self.pass(&ask, before, out.now())?;
        if let Err(reason) = self.admit_to_books(state.client, state.instrument) {
            self.risk.hold_for_book(
                state.client,
                state.instrument,
                (passed.held().px, passed.held().qty),
                (before.px, before.qty),
            );
            return Err(reason);
        }
        Ok(passed)
    }
}
