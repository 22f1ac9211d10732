//! Work that is done in steps, and what of it is left.

use pinrail_types::record::{ExecType, OrdStatus};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{InstrumentId, Px, Qty, Reason, Side};

use crate::auction;
use crate::book::{Open, STOP_LADDERS, Shelf, report_of};
use crate::level::NIL;
use crate::matcher::Matcher;
use crate::order::{MassCancel, NewOrder, Phase};
use crate::quote::Legs;
use crate::reach::{Reach, visit_slot};
use crate::report::{Fill, Sink};
use crate::state::visit_which;
use crate::stops::in_the_market;
use crate::take::party;

/// Orders, or sides of books, that one step looks at, most.
pub(crate) const LOOKS_PER_STEP: usize = 64;

/// A mass cancel that is under way: where it goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Canceling {
    which: MassCancel,
    book: usize,
    /// Behind the last book.
    end: usize,
    /// Bids, offers, then as [`STOP_LADDERS`].
    ladder: usize,
    /// The ladder's first order was looked for.
    is_begun: bool,
    /// The next order to look at; [`NIL`] behind the last of the ladder.
    slot: u32,
}

impl Default for Canceling {
    fn default() -> Self {
        Canceling {
            which: MassCancel::default(),
            book: 0,
            end: 0,
            ladder: 0,
            is_begun: false,
            slot: NIL,
        }
    }
}

impl Canceling {
    pub(crate) fn visit(
        &mut self,
        shelf: &Shelf,
        books: usize,
        visitor: &mut impl Visitor,
    ) -> Result<(), StateError> {
        visit_which(&mut self.which, visitor)?;
        visitor.count(&mut self.book, books)?;
        visitor.count(&mut self.end, books)?;
        visitor.count(&mut self.ladder, 2 + STOP_LADDERS.len())?;
        visitor.flag(&mut self.is_begun)?;
        self.slot = visit_slot(self.slot, shelf, visitor)?;
        Ok(())
    }
}

/// Work that is left. Between calls there is none, unless it is busy.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) is_busy: bool,
    /// In which book stops are looked at.
    pub(crate) book: InstrumentId,
    pub(crate) taking: Option<(InstrumentId, NewOrder, Open)>,
    /// It is still looked what that order reaches.
    pub(crate) reach: Option<Reach>,
    /// The price at which a book is being uncrossed.
    pub(crate) uncrossing: Option<Px>,
    pub(crate) legs: Legs,
    pub(crate) canceling: Option<Canceling>,
}

impl Work {
    pub(crate) fn new() -> Work {
        Work {
            is_busy: false,
            book: InstrumentId(0),
            taking: None,
            reach: None,
            uncrossing: None,
            legs: Legs::NONE,
            canceling: None,
        }
    }

    /// An order goes on with the next step.
    #[cold]
    pub(crate) fn pause(&mut self, instrument: InstrumentId, order: &NewOrder, open: Open) {
        self.taking = Some((instrument, *order, open));
        self.book = instrument;
        self.is_busy = true;
    }

    pub(crate) fn cancel(&mut self, which: &MassCancel, books: usize) {
        let (book, end) = match which.instrument {
            Some(instrument) => (instrument.index(), instrument.index() + 1),
            None => (0, books),
        };
        self.canceling = Some(Canceling {
            which: *which,
            book,
            end,
            ..Canceling::default()
        });
    }
}

impl Matcher {
    /// Does what is left, until it is done or the steps are.
    #[cold]
    pub(crate) fn run<S: Sink>(&mut self, steps: &mut usize, sink: &mut S) {
        self.work.is_busy = true;
        while *steps > 0 {
            if !self.step(steps, sink) {
                self.work.is_busy = false;
                break;
            }
        }
        // With the last step everything may have been done, or not: the next call finds out.
        if let Some((instrument, ..)) = self.work.taking {
            self.tell(instrument, sink);
        } else {
            self.tell(self.work.book, sink);
        }
    }

    /// One piece of what is left; false if nothing is.
    fn step<S: Sink>(&mut self, steps: &mut usize, sink: &mut S) -> bool {
        if let Some((instrument, order, mut open)) = self.work.taking.take() {
            let reach = self.work.reach.take();
            if self.is_stopped(instrument, &order, open, sink) {
                return true;
            }
            let ahead = reach.and_then(|reach| self.look_ahead(instrument, &order, open, reach, steps, sink));
            let is_done = match ahead {
                Some(is_done) => is_done,
                None => self.go_on_taking(instrument, &order, &mut open, steps, sink),
            };
            if !is_done {
                self.work.taking = Some((instrument, order, open));
            }
            return true;
        }
        if let Some(px) = self.work.uncrossing {
            self.uncross_step(px, steps, sink);
            return true;
        }
        if self.look(steps) {
            return true;
        }
        if let Some(slot) = self.shelf.pop_triggered() {
            self.trigger(slot, steps, sink);
            return true;
        }
        self.leg_step(steps, sink) || self.cancel_step(steps, sink) || self.expire_step(steps, sink)
    }

    /// Looks whether the book that work is done in is to be uncrossed, or its stops are reached; true if so.
    fn look(&mut self, steps: &mut usize) -> bool {
        let instrument = self.work.book;
        let book = &mut self.books[instrument.index()];
        if book.phase != Phase::Continuous {
            return false;
        }
        if book.is_crossed() {
            self.work.uncrossing = Some(auction::uncross(book, &self.shelf).px);
            return true;
        }
        if !book.is_to_look {
            return false;
        }
        if !self.shelf.look(book, instrument) {
            *steps -= 1;
        }
        true
    }

    /// A triggered stop comes to the market.
    fn trigger<S: Sink>(&mut self, slot: u32, steps: &mut usize, sink: &mut S) {
        *steps -= 1;
        let (stop, open) = self.shelf.stop_order(slot);
        let instrument = InstrumentId(self.shelf.slab.node(slot).book);
        self.shelf.drop_stop(slot);
        let order = in_the_market(stop);
        if self.is_stopped(instrument, &order, open, sink) {
            return;
        }
        let refused = sink.may_trigger(instrument, &order);
        if refused != Reason::None {
            sink.report(&report_of(instrument, &order, open, ExecType::Canceled, refused));
            return;
        }
        sink.report(&report_of(
            instrument,
            &order,
            open,
            ExecType::Triggered,
            Reason::None,
        ));
        if order.reduce_only && sink.reducible(instrument, order.client, order.side).0 <= 0 {
            let reason = Reason::ReduceOnlyOrder;
            sink.report(&report_of(instrument, &order, open, ExecType::Canceled, reason));
            return;
        }
        self.come_in_work(instrument, &order, open, steps, sink);
    }

    /// The next two of an auction trade, or it is over at that price.
    fn uncross_step<S: Sink>(&mut self, px: Px, steps: &mut usize, sink: &mut S) {
        let instrument = self.work.book;
        let (book, shelf) = (&mut self.books[instrument.index()], &mut self.shelf);
        let pair = auction::pair(book, shelf, px.0).filter(|_| book.phase == Phase::Continuous);
        let Some(pair) = pair else {
            self.work.uncrossing = None;
            return;
        };
        *steps -= 1;
        let mut qty = pair
            .map(|slot| shelf.slab.node(slot).shown)
            .into_iter()
            .min()
            .unwrap_or(0);
        for slot in pair {
            let node = shelf.slab.node(slot);
            if node.marks.is_reduce_only() {
                qty = qty.min(sink.reducible(instrument, node.client, node.marks.side()).0);
                if qty <= 0 {
                    shelf.cancel(book, slot, Reason::ReduceOnlyOrder, sink);
                    return;
                }
            }
        }
        book.traded(1, px, px);
        for slot in pair {
            shelf.slab.node_mut(slot).shown -= qty;
        }
        let [buyer, seller] = pair.map(|slot| party(shelf.slab.node(slot)));
        sink.fill(&Fill {
            instrument,
            trade_id: book.trades,
            px,
            qty: Qty(qty),
            side: Side::Buy,
            taker: buyer,
            maker: seller,
            is_auction: true,
        });
        for slot in pair {
            let node = shelf.slab.node(slot);
            let (level, side, px) = (node.level, node.marks.side(), node.px);
            if !shelf.filled(book, slot, qty, sink) {
                shelf.say_level(instrument, side, px, level, sink);
            }
        }
    }

    /// The next order whose time is over ends.
    fn expire_step<S: Sink>(&mut self, steps: &mut usize, sink: &mut S) -> bool {
        let Some((ts, slot)) = self.shelf.expiries.first(&self.shelf.slab) else {
            return false;
        };
        if ts > self.now {
            return false;
        }
        *steps -= 1;
        let instrument = self.end(slot, OrdStatus::Expired, Reason::OrderExpired, sink);
        self.tell(instrument, sink);
        true
    }

    /// The next order that a mass cancel looks at ends, if it is meant.
    fn cancel_step<S: Sink>(&mut self, steps: &mut usize, sink: &mut S) -> bool {
        let Some(mut canceling) = self.work.canceling else {
            return false;
        };
        *steps -= 1;
        let mut looks = LOOKS_PER_STEP;
        while let Some(slot) = self.next_to_cancel(&mut canceling, &mut looks) {
            let node = self.shelf.slab.node(slot);
            let which = &canceling.which;
            let is_meant = which.client.is_none_or(|client| client == node.client)
                && which.session.is_none_or(|session| session == node.session);
            if is_meant {
                self.work.canceling = Some(canceling);
                let instrument = self.end(slot, OrdStatus::Canceled, Reason::MassCancel, sink);
                self.tell(instrument, sink);
                return true;
            }
        }
        self.work.canceling = (canceling.book < canceling.end).then_some(canceling);
        true
    }

    /// An order is to end: a mass cancel that would look at it next looks at the one behind.
    pub(crate) fn step_over(&mut self, slot: u32) {
        if let Some(mut canceling) = self.work.canceling
            && canceling.slot == slot
        {
            canceling.slot = self.behind(canceling.book, canceling.ladder, slot);
            self.work.canceling = Some(canceling);
        }
    }

    /// The next order of the sides and books that are meant; none behind the last, or when there were as many looks.
    fn next_to_cancel(&self, canceling: &mut Canceling, looks: &mut usize) -> Option<u32> {
        while canceling.book < canceling.end && *looks > 0 {
            *looks -= 1;
            let is_meant = |side| canceling.which.side.is_none_or(|meant| meant == side);
            if !canceling.is_begun && is_meant(side_of(canceling.ladder)) {
                canceling.is_begun = true;
                canceling.slot = self.head(self.first_level(canceling.book, canceling.ladder));
            }
            if canceling.slot != NIL {
                let slot = canceling.slot;
                canceling.slot = self.behind(canceling.book, canceling.ladder, slot);
                return Some(slot);
            }
            canceling.is_begun = false;
            canceling.ladder += 1;
            if canceling.ladder == 2 + STOP_LADDERS.len() {
                (canceling.book, canceling.ladder) = (canceling.book + 1, 0);
            }
        }
        None
    }

    pub(crate) fn head(&self, level: u32) -> u32 {
        match level {
            NIL => NIL,
            level => self.shelf.queues.first(level),
        }
    }

    pub(crate) fn first_level(&self, book: usize, ladder: usize) -> u32 {
        match ladder {
            0 | 1 => self.books[book].sides[ladder].best_level(),
            stop => self.shelf.stops[book][stop - 2].first(&self.shelf.pool),
        }
    }

    /// The order behind one, in its queue or the next; [`NIL`] behind the last.
    pub(crate) fn behind(&self, book: usize, ladder: usize, slot: u32) -> u32 {
        let next = self.shelf.queues.next(slot);
        if next != NIL {
            return next;
        }
        let (node, pool) = (self.shelf.slab.node(slot), &self.shelf.pool);
        self.head(match ladder {
            0 | 1 => self.books[book].sides[ladder].next(pool, node.level),
            stop => self.shelf.stops[book][stop - 2].next(pool, node.level),
        })
    }
}

/// The side of a book's ladder: bids, offers, then as [`STOP_LADDERS`].
const fn side_of(ladder: usize) -> Side {
    match ladder {
        0 => Side::Buy,
        1 => Side::Sell,
        stop => STOP_LADDERS[stop - 2].0,
    }
}
