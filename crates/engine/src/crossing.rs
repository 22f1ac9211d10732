//! The desk's own books, where clients trade with one another.
//!
//! Whatever is to come to a book passes [`gate`] first, which alone can give the books anything. What has become forbidden is cancelled before the books are given anything else.

use pinrail_matching::{BookConfig, BookOrder, Matcher, Phase};
use pinrail_oms::{ClientOrderState, ClientOrders, Holdings};
use pinrail_pricing::Pricer;
use pinrail_types::record::{BookDef, MarketPhase, MarketPhaseReport, MarketPhaseSet};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, E8, InstrumentId, Px, Reason};

use crate::out::{OUT_LINES_MAX, Out};
use crate::state::{Bounds, Engine};

mod cancels;
mod effects;
mod gate;
mod orders;
mod quotes;

use cancels::MassCanceling;
use effects::Effects;
use gate::{Call, Gated};

/// Steps of the books that one input takes, see `docs/matching.md`.
const STEPS_PER_INPUT: usize = 4;
/// What a step says at most: two reports, the trade, the house's position and its cost, two orders' deltas of which one is shown
/// anew, a price's.
const STEP_LINES: usize = 6 + 3 + 2 + 3 + 1;
/// The same of an auction, where both may be shown anew, each at its price.
const PAIR_LINES: usize = 6 + 3 + 2 + 4 + 2;
/// What there is beside steps: the first report and the last, top of book and auction price.
const AROUND_LINES: usize = 3 + 3 + 3;
/// What is said behind an answer.
const BEHIND_LINES: usize = 9;
/// The room that there must be to give a book something to do.
const CALL_LINES: usize = STEPS_PER_INPUT * STEP_LINES + AROUND_LINES + BEHIND_LINES;
/// The same where a book may be uncrossed.
const UNCROSS_LINES: usize = STEPS_PER_INPUT * PAIR_LINES + AROUND_LINES + BEHIND_LINES;
/// The same for a mass quote, whose quotes are first refused or taken out.
const QUOTE_LINES: usize = CALL_LINES + 6 * 3;
const _: () = assert!(
    QUOTE_LINES <= OUT_LINES_MAX - 16 && UNCROSS_LINES <= OUT_LINES_MAX - 16,
    "it fits, even if as many quotes of the desk expire as may"
);

/// The books and what stands beside them.
#[derive(Debug)]
pub(crate) struct Books {
    matcher: Gated,
    orders: ClientOrders,
    holdings: Holdings,
    /// Of each instrument that has a book.
    defs: Vec<Option<BookDef>>,
    /// Orders that are no longer allowed are being cancelled: the place in the table to go on from.
    cancel_from: Option<u32>,
    mass_canceling: Option<MassCanceling>,
    /// When there is something to do: zero for now, `u64::MAX` for never.
    next_at: u64,
}

impl Books {
    pub(crate) fn new(bounds: &Bounds) -> Books {
        Books {
            matcher: Gated::new(&pinrail_matching::Bounds {
                books: bounds.instruments,
                orders: bounds.orders,
                pages: bounds.pages,
                steps: STEPS_PER_INPUT,
            }),
            orders: ClientOrders::new(bounds.orders, bounds.clients),
            holdings: Holdings::new(bounds.clients, bounds.instruments),
            defs: vec![None; bounds.instruments],
            cancel_from: None,
            mass_canceling: None,
            next_at: u64::MAX,
        }
    }

    /// When there is something to do: zero for now, `u64::MAX` for never.
    #[inline]
    pub(crate) fn next_at(&self) -> u64 {
        self.next_at
    }

    pub(crate) fn matcher(&self) -> &Matcher {
        self.matcher.get()
    }

    pub(crate) fn client_position(&self, client: ClientId, instrument: InstrumentId) -> i128 {
        self.holdings.get(client, instrument)
    }

    fn derive(&mut self) {
        self.next_at = if self.is_busy() {
            0
        } else {
            self.matcher.get().next_expiry()
        };
    }

    /// Whether what came before is still under way.
    fn is_busy(&self) -> bool {
        self.matcher.get().is_busy() || self.cancel_from.is_some() || self.mass_canceling.is_some()
    }

    fn def(&self, instrument: InstrumentId) -> Result<&BookDef, Reason> {
        let def = self.defs.get(instrument.index()).and_then(Option::as_ref);
        def.ok_or(Reason::UnknownInstrument)
    }

    /// Opens a book.
    fn open(&mut self, def: &BookDef) -> Result<(), Reason> {
        self.matcher.open(
            def.instrument,
            &BookConfig {
                px_step: def.px_ticks_step,
                qty_step: def.qty_lots_step.0,
                px_min: def.min_px,
                px_max: def.max_px,
                ..BookConfig::default()
            },
        )?;
        self.defs[def.instrument.index()] = Some(*def);
        Ok(())
    }
}

fn phase_of(phase: MarketPhase) -> Phase {
    match phase {
        MarketPhase::Continuous => Phase::Continuous,
        MarketPhase::Auction => Phase::Auction,
        MarketPhase::CancelOnly => Phase::CancelOnly,
        MarketPhase::Halted => Phase::Halted,
    }
}

/// What the books say at most when they are asked for something.
fn lines_of(call: &Call<'_>) -> usize {
    match call {
        Call::Cancel(_) | Call::Restrict(..) => cancels::CANCEL_LINES,
        Call::Quote(..) => QUOTE_LINES - BEHIND_LINES,
        Call::Phase(..) | Call::GoOn => UNCROSS_LINES - BEHIND_LINES,
        Call::Submit(..) | Call::Amend(..) | Call::Reference(..) | Call::Advance(_) => {
            CALL_LINES - BEHIND_LINES
        }
    }
}

fn report_of(set: &MarketPhaseSet) -> MarketPhaseReport {
    MarketPhaseReport {
        instrument: set.instrument,
        phase: set.phase,
        day_end_ts: set.day_end_ts,
        actor: set.actor,
        ..bytemuck::Zeroable::zeroed()
    }
}

impl<P: Pricer> Engine<P> {
    /// Asks the books for something, and takes what they say of it. `why` is the reason of what they cancel at our wish.
    #[inline(never)]
    fn ask_books(&mut self, call: &Call<'_>, why: Reason, out: &mut Out) -> Result<(), Reason> {
        let Books {
            matcher,
            orders,
            holdings,
            defs,
            ..
        } = &mut *self.books;
        let mut effects = Effects {
            out,
            risk: &mut self.risk,
            positions: &mut self.positions,
            accounts: &mut self.accounts,
            traded: &self.traded,
            orders,
            holdings,
            defs,
            why,
            fault: Reason::None,
        };
        let room = effects.out.lines_left();
        let outcome = matcher.ask(call, &mut effects);
        let said = room - effects.out.lines_left();
        debug_assert!(
            said <= lines_of(call),
            "more was said than there was room for: {said}"
        );
        let fault = effects.fault;
        self.books.derive();
        if fault != Reason::None {
            self.halt(fault, out);
        }
        self.report_latches(out);
        outcome
    }

    /// Makes room for what a client may come to have by a trade in a book.
    fn admit_to_books(&mut self, client: ClientId, instrument: InstrumentId) -> Result<(), Reason> {
        let traded = self.traded[instrument.index()].as_ref();
        let meta = &traded.expect("its book is open").meta;
        self.accounts.admit(client, meta.base)?;
        self.accounts.admit(client, meta.quote)?;
        if self.books.holdings.admit(client, instrument) {
            Ok(())
        } else {
            Err(Reason::TableFull)
        }
    }

    /// Lets what is over end, and sees that the books can be given something.
    fn turn_to_books(&mut self, out: &mut Out) -> Result<(), Reason> {
        if self.books.is_busy() {
            return Err(Reason::BookBusy);
        }
        self.ask_books(&Call::Advance(out.now()), Reason::None, out)?;
        if self.books.is_busy() || out.lines_left() < CALL_LINES {
            return Err(Reason::BookBusy);
        }
        Ok(())
    }

    pub(crate) fn on_book_def(&mut self, def: &BookDef) -> Result<(), Reason> {
        let traded = self.traded.get(def.instrument.index());
        if !traded.is_some_and(Option::is_some) {
            return Err(Reason::UnknownInstrument);
        }
        if let Some(held) = &self.books.defs[def.instrument.index()] {
            return if crate::config::is_same(held, def) {
                Ok(())
            } else {
                Err(Reason::BadDefinition)
            };
        }
        if self.fixed {
            return Err(Reason::BadDefinition);
        }
        // Two who trade with one another for ever take nothing out of the desk.
        let fees = i64::from(def.taker_fee_e8) >= -i64::from(def.maker_fee_e8)
            && (0..E8).contains(&def.taker_fee_e8.into())
            && i64::from(def.maker_fee_e8) < E8;
        if !fees || def.min_px.0 < 0 {
            return Err(Reason::BadDefinition);
        }
        let def = BookDef {
            header: bytemuck::Zeroable::zeroed(),
            ..*def
        };
        self.books.open(&def)?;
        // In an auction both pay what a taker does.
        self.risk
            .set_book_fee(def.instrument, def.taker_fee_e8.max(def.maker_fee_e8))
    }

    /// Begins another phase in a book, by the reference as it is now.
    pub(crate) fn on_market_phase(&mut self, set: &MarketPhaseSet, out: &mut Out) -> Result<(), Reason> {
        let phase = MarketPhase::from_byte(set.phase).ok_or(Reason::BadField)?;
        self.books.def(set.instrument)?;
        if set.actor.is_empty() {
            return Err(Reason::ActorMissing);
        }
        if matches!(phase, MarketPhase::CancelOnly | MarketPhase::Halted) {
            return self.stop_market(set, phase, out);
        }
        self.turn_to_books(out)?;
        if let Ok(px) = self.reference(set.instrument, out.now()) {
            self.ask_books(&Call::Reference(set.instrument, px), Reason::None, out)?;
        }
        if self.books.is_busy() || out.lines_left() < UNCROSS_LINES {
            return Err(Reason::BookBusy);
        }
        self.books.matcher.set_day_end(set.instrument, set.day_end_ts)?;
        out.push(report_of(set));
        self.ask_books(&Call::Phase(set.instrument, phase_of(phase)), Reason::None, out)
    }

    /// Ends trading in a book, which always passes, whatever the books are at.
    fn stop_market(&mut self, set: &MarketPhaseSet, phase: MarketPhase, out: &mut Out) -> Result<(), Reason> {
        self.books.matcher.set_day_end(set.instrument, set.day_end_ts)?;
        out.push(report_of(set));
        self.ask_books(
            &Call::Restrict(set.instrument, phase_of(phase)),
            Reason::None,
            out,
        )
    }

    /// Tells a book where the market is, for stops that wait for that. Where there is no room it is told the next time.
    #[cold]
    pub(crate) fn show_books(&mut self, instrument: InstrumentId, px: Px, out: &mut Out) {
        let has_book = self.books.def(instrument).is_ok();
        if has_book && !self.books.is_busy() && out.lines_left() >= CALL_LINES {
            let told = self.ask_books(&Call::Reference(instrument, px), Reason::None, out);
            debug_assert!(told.is_ok(), "the book is open, and the price is one");
        }
    }

    /// The next chunk of what is left to do in the books: what is forbidden ends, then what they are at goes on, then what is over
    /// ends. So nothing trades on that is forbidden.
    #[inline(never)]
    pub(crate) fn go_on_in_books(&mut self, out: &mut Out) {
        if self.books.cancel_from.is_some() {
            self.cancel_some_in_books(out);
        } else if self.books.mass_canceling.is_some() {
            self.go_on_mass_canceling(out);
        } else if out.lines_left() < UNCROSS_LINES {
            // The next input has more room.
        } else if self.books.matcher.get().is_busy() {
            let done = self.ask_books(&Call::GoOn, Reason::None, out);
            debug_assert!(done.is_ok(), "to go on is never refused");
        } else {
            let done = self.ask_books(&Call::Advance(out.now()), Reason::None, out);
            debug_assert!(done.is_ok(), "the books have nothing else to do");
        }
    }
}

impl Books {
    /// Goes through the state.
    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for at in 0..self.defs.len() {
            let mut def = self.defs[at];
            visitor.maybe(&mut def)?;
            if let (true, Some(def)) = (visitor.is_loading(), def) {
                let opened = def.instrument.index() == at && self.open(&def).is_ok();
                if !opened {
                    return Err(visitor.bad(at as u64, "a book"));
                }
            }
        }
        self.orders.visit(visitor)?;
        self.matcher.visit(visitor)?;
        self.check_matcher(visitor)?;
        self.holdings.visit(visitor)?;
        self.visit_cancels(visitor)?;
        self.derive();
        Ok(())
    }

    /// That what was read back belongs together: the definitions with the books, and the orders here with those there.
    fn check_matcher(&self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        if !visitor.is_loading() {
            return Ok(());
        }
        let matcher = self.matcher.get();
        let ids = (0..).map(InstrumentId);
        if let Some((id, _)) = ids
            .zip(&self.defs)
            .find(|(id, def)| def.is_some() != matcher.phase(*id).is_some())
        {
            return Err(visitor.bad(id.0.into(), "a book for each that is defined"));
        }
        let stands = |order: &ClientOrderState| {
            let book_id = u64::from(order.order_id.hint()) + 1;
            let is_it = |there: BookOrder| (there.client, there.side) == (order.client, order.side);
            matcher.order(book_id).is_some_and(is_it)
        };
        let is_whole =
            matcher.is_busy() || (self.orders.len() == matcher.len() && self.orders.iter().all(stands));
        if is_whole {
            Ok(())
        } else {
            Err(visitor.bad(self.orders.len() as u64, "as many orders in the books"))
        }
    }
}
