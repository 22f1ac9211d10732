//! The matcher a second time, written for plain reading and to no other end.
//!
//! [`Twin`] does what [`Matcher`] does, by `docs/matching.md`, and shares none of its structures: a side is a
//! list of orders in the order in which they trade, everything else is worked out from that each time. It does all the
//! work of a call at once, and knows no bound on pages.

//!
//! Beside it stands what tests, fuzzing and soaks of both engines share: a [`Message`] is drawn from bytes, an [`Engine`] is
//! told it, a [`Tape`] rebuilds the books from what is said, and a [`Lockstep`] compares two engines.

mod auction;
mod book;
mod checks;
mod engine;
mod ledger;
mod lockstep;
mod message;
mod order;
mod quote;
mod tape;
mod trading;

pub use engine::{Engine, Look, SIDES};
pub use ledger::Ledger;
pub use lockstep::{Lockstep, Watched};
pub use message::{Domain, Message};
pub use tape::{Said, Tape};

use pinrail_types::record::ExecType;
use pinrail_types::{InstrumentId, Px, Qty, Reason, Side};

use crate::Matcher;
use crate::config::{BookConfig, Bounds};
use crate::order::{Amend, BookOrder, MassCancel, NewOrder, Phase, QuoteLeg, Quoter};
use crate::report::{Sink, Top, Uncross};

use book::Book;
use checks::{check_amend, check_new, check_post_only, refuse_if};
use order::{Order, can_rest, is_stop};
use trading::may_trade;

/// The matcher written for plain reading. Its methods are those of [`Matcher`].
#[derive(Debug)]
pub struct Twin {
    bounds: Bounds,
    books: Vec<Option<Book>>,
    now: u64,
}

#[allow(clippy::missing_errors_doc, reason = "as of the matcher")]
impl Twin {
    /// No book is open.
    pub fn new(bounds: Bounds) -> Twin {
        Twin {
            bounds,
            books: (0..bounds.books).map(|_| None).collect(),
            now: 0,
        }
    }

    /// See [`Matcher::open`].
    pub fn open(&mut self, instrument: InstrumentId, config: &BookConfig) -> Result<(), Reason> {
        let place = self.books.get_mut(instrument.index());
        let place = place.ok_or(Reason::UnknownInstrument)?;
        refuse_if(
            place.is_some() || !config.is_sane(self.bounds.orders),
            Reason::BadDefinition,
        )?;
        *place = Some(Book::new(instrument, *config));
        Ok(())
    }

    /// See [`Matcher::submit`].
    pub fn submit<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        order: &NewOrder,
        sink: &mut S,
    ) -> Result<(), Reason> {
        let book = self.book(instrument).ok_or(Reason::UnknownInstrument)?;
        check_new(book, order, self.now)?;
        refuse_if(self.find(order.order_id).is_some(), Reason::DuplicateOrderId)?;
        let mut order = Order::new(instrument, *order, book.day_end);
        refuse_if(may_trade(&order, sink) == 0, Reason::ReduceOnlyOrder)?;
        order.terms.px = check_post_only(book, &order.terms, order.terms.px)?;
        let takes_room = can_rest(&order.terms) || is_stop(order.terms.ord_type);
        refuse_if(takes_room && self.len() >= self.bounds.orders, Reason::BookFull)?;

        let book = self.book_mut(instrument).ok_or(Reason::UnknownInstrument)?;
        sink.report(&order.open_report(ExecType::New));
        if order.is_waiting() {
            book.wait(order);
        } else {
            let least = Book::least_of(&order);
            book.come(order, least, sink);
        }
        book.trigger_stops(sink);
        book.tell(sink);
        Ok(())
    }

    /// See [`Matcher::amend`].
    pub fn amend<S: Sink>(&mut self, amend: &Amend, sink: &mut S) -> Result<(), Reason> {
        let order = self.find(amend.order_id).ok_or(Reason::UnknownOrder)?;
        let instrument = order.instrument;
        let book = self.book(instrument).ok_or(Reason::UnknownInstrument)?;
        check_amend(book, order, amend)?;
        let leaves = amend.qty.0 - order.cum();
        let is_waiting = order.is_waiting();
        let stop_px = match amend.stop_px {
            Px::NONE => order.terms.stop_px,
            stop_px => stop_px,
        };
        let keeps_px = if is_waiting {
            stop_px == order.terms.stop_px
        } else {
            amend.px == order.terms.px
        };
        let keeps_place = keeps_px && leaves <= order.leaves;
        let px = if is_waiting || keeps_place {
            amend.px
        } else {
            check_post_only(book, &order.terms, amend.px)?
        };

        let book = self.book_mut(instrument).ok_or(Reason::UnknownInstrument)?;
        if keeps_place {
            let order = book.find_mut(amend.order_id).ok_or(Reason::UnknownOrder)?;
            order.terms.px = px;
            book.reduce(amend.order_id, leaves, sink);
        } else if let Some(mut order) = book.take(amend.order_id, sink) {
            order.terms.px = px;
            order.terms.stop_px = stop_px;
            order.set_leaves(leaves);
            sink.report(&order.open_report(ExecType::Replaced));
            if is_waiting {
                book.wait(order);
            } else {
                book.come(order, 0, sink);
            }
        }
        book.trigger_stops(sink);
        book.tell(sink);
        Ok(())
    }

    /// See [`Matcher::cancel`].
    pub fn cancel<S: Sink>(&mut self, order_id: u64, sink: &mut S) -> Result<(), Reason> {
        let instrument = self.find(order_id).ok_or(Reason::UnknownOrder)?.instrument;
        let book = self.book_mut(instrument).ok_or(Reason::UnknownOrder)?;
        book.cancel(order_id, Reason::CancelRequested, sink);
        book.tell(sink);
        Ok(())
    }

    /// See [`Matcher::mass_cancel`].
    pub fn mass_cancel<S: Sink>(&mut self, which: &MassCancel, sink: &mut S) -> Result<(), Reason> {
        if let Some(instrument) = which.instrument {
            self.book(instrument).ok_or(Reason::UnknownInstrument)?;
        }
        let is_meant = |order: &Order| {
            which.client.is_none_or(|client| client == order.terms.client)
                && which.session.is_none_or(|session| session == order.terms.session)
                && which.side.is_none_or(|side| side == order.terms.side)
                && which
                    .instrument
                    .is_none_or(|instrument| instrument == order.instrument)
        };
        for book in self.books.iter_mut().flatten() {
            let meant = book.all().filter(|order| is_meant(order));
            let ids: Vec<u64> = meant.map(|order| order.terms.order_id).collect();
            for order_id in ids {
                book.cancel(order_id, Reason::MassCancel, sink);
            }
            book.tell(sink);
        }
        Ok(())
    }

    /// See [`Matcher::mass_quote`].
    pub fn mass_quote<S: Sink>(
        &mut self,
        quoter: Quoter,
        legs: &[QuoteLeg],
        sink: &mut S,
    ) -> Result<(), Reason> {
        refuse_if(legs.len() > Matcher::LEGS_MAX, Reason::ActionsFull)?;
        self.quote(quoter, legs, sink);
        for book in self.books.iter_mut().flatten() {
            book.tell(sink);
        }
        Ok(())
    }

    /// See [`Matcher::set_phase`].
    pub fn set_phase<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        phase: Phase,
        sink: &mut S,
    ) -> Result<(), Reason> {
        let book = self.book_mut(instrument).ok_or(Reason::UnknownInstrument)?;
        book.phase = phase;
        if phase == Phase::Continuous {
            book.end_auction(sink);
        }
        book.trigger_stops(sink);
        book.tell(sink);
        Ok(())
    }

    /// See [`Matcher::set_reference`].
    pub fn set_reference<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        px: Px,
        sink: &mut S,
    ) -> Result<(), Reason> {
        let book = self.book_mut(instrument).ok_or(Reason::UnknownInstrument)?;
        refuse_if(!px.is_representable(), Reason::PxUnrepresentable)?;
        book.reference = Some(px);
        book.trigger_stops(sink);
        book.tell(sink);
        Ok(())
    }

    /// See [`Matcher::set_day_end`].
    pub fn set_day_end(&mut self, instrument: InstrumentId, ts: u64) -> Result<(), Reason> {
        let book = self.book_mut(instrument).ok_or(Reason::UnknownInstrument)?;
        book.day_end = ts;
        Ok(())
    }

    /// See [`Matcher::advance`].
    pub fn advance<S: Sink>(&mut self, now: u64, sink: &mut S) -> Result<(), Reason> {
        self.now = self.now.max(now);
        let over = self.bounded().filter(|(ends_ts, _, _)| *ends_ts <= self.now);
        let mut over: Vec<(u64, u64, InstrumentId)> = over.collect();
        over.sort_unstable();
        for (_, order_id, instrument) in over {
            if let Some(book) = self.book_mut(instrument) {
                book.expire(order_id, sink);
            }
        }
        for book in self.books.iter_mut().flatten() {
            book.tell(sink);
        }
        Ok(())
    }

    /// See [`Matcher::next_expiry`].
    pub fn next_expiry(&self) -> u64 {
        let times = self.bounded().map(|(ends_ts, _, _)| ends_ts);
        times.min().unwrap_or(u64::MAX)
    }

    /// See [`Matcher::is_busy`]: never.
    pub fn is_busy(&self) -> bool {
        false
    }

    /// See [`Matcher::go_on`]: there is nothing to go on with.
    pub fn go_on<S: Sink>(&mut self, _sink: &mut S) {}

    /// See [`Matcher::audit`]: there is nothing that could differ from itself.
    pub fn audit(&self) {}

    /// See [`Matcher::order`].
    pub fn order(&self, order_id: u64) -> Option<BookOrder> {
        self.find(order_id).map(Order::as_book_order)
    }

    /// See [`Matcher::len`].
    pub fn len(&self) -> usize {
        let books = self.books.iter().flatten();
        books.map(|book| book.all().count()).sum()
    }

    /// See [`Matcher::is_empty`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// See [`Matcher::top`].
    pub fn top(&self, instrument: InstrumentId) -> Top {
        self.book(instrument).map_or(Top::EMPTY, Book::top)
    }

    /// See [`Matcher::depth_at`].
    pub fn depth_at(&self, instrument: InstrumentId, side: Side, px: Px) -> Qty {
        let level = self.levels(instrument, side).find(|(at, _)| *at == px);
        level.map_or(Qty::ZERO, |(_, qty)| qty)
    }

    /// See [`Matcher::levels`].
    pub fn levels(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = (Px, Qty)> + '_ {
        let book = self.book(instrument).into_iter();
        book.flat_map(move |book| book.levels(side))
    }

    /// See [`Matcher::orders`].
    pub fn orders(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = BookOrder> + '_ {
        let book = self.book(instrument).into_iter();
        book.flat_map(move |book| book.side(side))
            .map(Order::as_book_order)
    }

    /// See [`Matcher::stops`].
    pub fn stops(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = BookOrder> + '_ {
        let stops = self.book(instrument).into_iter().flat_map(|book| &book.stops);
        stops
            .filter(move |stop| stop.terms.side == side)
            .map(Order::as_book_order)
    }

    /// See [`Matcher::uncross`].
    pub fn uncross(&self, instrument: InstrumentId) -> Uncross {
        self.book(instrument).map_or(Uncross::NONE, Book::uncross)
    }

    /// See [`Matcher::phase`].
    pub fn phase(&self, instrument: InstrumentId) -> Option<Phase> {
        self.book(instrument).map(|book| book.phase)
    }

    /// See [`Matcher::last_px`].
    pub fn last_px(&self, instrument: InstrumentId) -> Option<Px> {
        self.book(instrument)?.last_px
    }

    fn book(&self, instrument: InstrumentId) -> Option<&Book> {
        self.books.get(instrument.index())?.as_ref()
    }

    fn book_mut(&mut self, instrument: InstrumentId) -> Option<&mut Book> {
        self.books.get_mut(instrument.index())?.as_mut()
    }

    fn find(&self, order_id: u64) -> Option<&Order> {
        let mut books = self.books.iter().flatten();
        books.find_map(|book| book.find(order_id))
    }

    /// Orders that end by themselves: when, which, and where.
    fn bounded(&self) -> impl Iterator<Item = (u64, u64, InstrumentId)> {
        let books = self.books.iter().flatten();
        let orders = books
            .flat_map(Book::all)
            .filter(|order| order.ends_ts != u64::MAX);
        orders.map(|order| (order.ends_ts, order.terms.order_id, order.instrument))
    }
}
