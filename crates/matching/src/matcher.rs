//! The books, and what can be done with them.

use pinrail_types::record::{ExecType, OrdStatus, TimeInForce};
use pinrail_types::{InstrumentId, Px, Qty, Reason, Side};

use crate::auction;
use crate::book::{Book, Open, Shelf, at, owner, report_of, stop_ladder};
use crate::config::{BookConfig, Bounds};
use crate::entry::{check, is_plain, is_stop};
use crate::expiry::Expiries;
use crate::level::{Ladder, NIL, Pool, StopLadder, px_of, rank_of};
use crate::order::{BookOrder, MassCancel, NewOrder, Phase, PostOnly, Trigger};
use crate::queue::Queues;
use crate::reach::Reach;
use crate::report::{Report, Sink, Top, Uncross};
use crate::slab::Slab;
use crate::take::{End, behind_best, can_rest};
use crate::work::Work;

/// Many order books over one pool of orders and prices. See `docs/matching.md`.
///
/// A call takes a few cache lines of the order, its price and its neighbours in the queue, whatever the number of orders, prices
/// and books. What memory it takes stands there too; nothing is allocated after [`Matcher::new`].
#[derive(Debug)]
pub struct Matcher {
    pub(crate) bounds: Bounds,
    pub(crate) books: Box<[Book]>,
    pub(crate) shelf: Shelf,
    pub(crate) now: u64,
    pub(crate) steps: usize,
    pub(crate) work: Work,
}

impl Matcher {
    /// Most legs of a mass quote.
    pub const LEGS_MAX: usize = 16;

    /// No book is open.
    ///
    /// # Panics
    /// If a bound is zero, there are more than [`Bounds::ORDERS_MAX`] orders or fewer than [`Bounds::PAGES_MIN`] pages, or a bound does
    /// not fit 32 bits, of books 29.
    pub fn new(bounds: Bounds) -> Matcher {
        assert!(
            bounds.books > 0 && bounds.orders > 0 && bounds.steps > 0,
            "bounds above zero"
        );
        assert!(
            bounds.pages >= Bounds::PAGES_MIN,
            "at least {} pages",
            Bounds::PAGES_MIN
        );
        let books = u32::try_from(bounds.books).expect("a bound of 32 bits");
        assert!(books <= u32::MAX / 8, "a bound of 29 bits");
        Matcher {
            bounds,
            books: (0..books).map(Book::closed).collect(),
            shelf: Shelf {
                slab: Slab::new(bounds.orders),
                queues: Queues::new(bounds.orders, Pool::places(bounds.orders)),
                // Each side of a book holds a page while it has a price.
                pool: Pool::new(bounds.orders, bounds.pages + 2 * bounds.books),
                expiries: Expiries::new(bounds.orders),
                stops: (0..books).map(stop_ladders).collect(),
            },
            now: 0,
            steps: bounds.steps,
            work: Work::new(),
        }
    }

    /// Opens a book, in the phase `Halted`.
    ///
    /// # Errors
    /// `BookBusy`; `UnknownInstrument` beyond the bound; `BadDefinition` if it is open, or the configuration is not sane.
    pub fn open(&mut self, instrument: InstrumentId, config: &BookConfig) -> Result<(), Reason> {
        self.check_idle()?;
        let orders = self.bounds.orders;
        let book = self
            .books
            .get_mut(instrument.index())
            .ok_or(Reason::UnknownInstrument)?;
        if book.is_open || !config.is_sane(orders) {
            return Err(Reason::BadDefinition);
        }
        book.is_open = true;
        book.config = *config;
        Ok(())
    }

    #[inline]
    pub(crate) fn check_idle(&self) -> Result<(), Reason> {
        if self.work.is_busy {
            return Err(Reason::BookBusy);
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn check_open(&self, instrument: InstrumentId) -> Result<&Book, Reason> {
        self.books
            .get(instrument.index())
            .filter(|book| book.is_open)
            .ok_or(Reason::UnknownInstrument)
    }

    /// A new order.
    ///
    /// # Errors
    /// See `docs/matching.md`; nothing has changed then.
    #[expect(
        clippy::inline_always,
        reason = "what the caller knows of the order need not be looked at"
    )]
    #[inline(always)]
    pub fn submit<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        order: &NewOrder,
        sink: &mut S,
    ) -> Result<(), Reason> {
        if let Some(book) = self.books.get(instrument.index())
            && book.phase == Phase::Continuous
            && !self.work.is_busy
            && is_plain(order)
            && !order.reduce_only
            && !book.would_trade(order.side, order.px)
        {
            return self.submit_plain(instrument, order, sink);
        }
        // A copy, so that the short way does not need the order in memory.
        let order = *order;
        self.submit_any(instrument, &order, sink)
    }

    /// An order of the plainest kind, which does not trade when it comes: as [`Matcher::submit_any`] does it.
    #[expect(clippy::inline_always, reason = "a call would write the order to memory")]
    #[inline(always)]
    fn submit_plain<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        order: &NewOrder,
        sink: &mut S,
    ) -> Result<(), Reason> {
        let book = &mut self.books[instrument.index()];
        book.config.check_qty(order.qty)?;
        book.config.check_px(order.px)?;
        let home = self.shelf.slab.home(order.order_id);
        if self.shelf.slab.find_at(home, order.order_id).is_some() {
            return Err(Reason::DuplicateOrderId);
        }
        let open = Open {
            leaves: order.qty.0,
            qty: order.qty.0,
        };
        if order.time_in_force == TimeInForce::GoodTillCancel {
            if !(self.shelf.slab.has_room() && self.shelf.pool.has_room()) {
                return Err(Reason::BookFull);
            }
            sink.report(&report_of(instrument, order, open, ExecType::New, Reason::None));
            self.shelf.rest_plain(book, instrument, order, home, sink);
            if S::TOPS || book.is_gathering {
                self.tell(instrument, sink);
            }
        } else {
            sink.report(&report_of(instrument, order, open, ExecType::New, Reason::None));
            let reason = Reason::ImmediateOrCancel;
            sink.report(&report_of(instrument, order, open, ExecType::Canceled, reason));
        }
        Ok(())
    }

    #[inline(never)]
    fn submit_any<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        order: &NewOrder,
        sink: &mut S,
    ) -> Result<(), Reason> {
        self.check_idle()?;
        let book = self.check_open(instrument)?;
        check(book, order, self.now)?;
        if self.shelf.slab.find(order.order_id).is_some() {
            return Err(Reason::DuplicateOrderId);
        }
        if order.reduce_only && sink.reducible(instrument, order.client, order.side).0 <= 0 {
            return Err(Reason::ReduceOnlyOrder);
        }
        let is_stop = is_stop(order.ord_type);
        if (can_rest(order) | is_stop) && !self.has_room() {
            self.check_post_only(instrument, order)?;
            return Err(Reason::BookFull);
        }
        let open = Open {
            leaves: order.qty.0,
            qty: order.qty.0,
        };
        if is_stop || order.post_only != PostOnly::No || order.time_in_force == TimeInForce::Day {
            return self.submit_rare(instrument, order, open, sink);
        }
        sink.report(&report_of(instrument, order, open, ExecType::New, Reason::None));
        self.come(instrument, order, open, sink);
        Ok(())
    }

    #[inline]
    fn has_room(&self) -> bool {
        self.shelf.slab.has_room() && self.shelf.pool.has_room()
    }

    /// Where the order is not to trade at once: the order as it may come.
    pub(crate) fn check_post_only(
        &self,
        instrument: InstrumentId,
        order: &NewOrder,
    ) -> Result<NewOrder, Reason> {
        let book = &self.books[instrument.index()];
        let is_held = order.post_only != PostOnly::No && book.phase == Phase::Continuous;
        if !is_held || !book.would_trade(order.side, order.px) {
            return Ok(*order);
        }
        match (order.post_only, behind_best(book, order.side)) {
            (PostOnly::Reprice, Some(px)) if book.config.has(px) => Ok(NewOrder { px, ..*order }),
            _ => Err(Reason::PostOnly),
        }
    }

    #[cold]
    fn submit_rare<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        order: &NewOrder,
        open: Open,
        sink: &mut S,
    ) -> Result<(), Reason> {
        let mut order = self.check_post_only(instrument, order)?;
        if order.time_in_force == TimeInForce::Day {
            order.expire_ts = self.books[instrument.index()].day_end_ts;
        }
        sink.report(&report_of(instrument, &order, open, ExecType::New, Reason::None));
        if is_stop(order.ord_type) {
            self.shelf
                .wait(&mut self.books[instrument.index()], instrument, &order, open);
            self.settle(instrument, self.steps, sink);
        } else {
            self.come(instrument, &order, open, sink);
        }
        Ok(())
    }

    /// An order comes to the market, and what that leads to follows.
    #[inline]
    pub(crate) fn come<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        order: &NewOrder,
        mut open: Open,
        sink: &mut S,
    ) {
        let mut steps = self.steps;
        if self.enter(instrument, order, &mut open, &mut steps, sink) {
            self.settle(instrument, steps, sink);
        } else {
            self.work.pause(instrument, order, open);
            self.tell(instrument, sink);
        }
    }

    /// An order comes to the market: true if that is done with, false if the steps were.
    #[inline]
    pub(crate) fn enter<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        order: &NewOrder,
        open: &mut Open,
        steps: &mut usize,
        sink: &mut S,
    ) -> bool {
        let book = &self.books[instrument.index()];
        if book.phase != Phase::Continuous {
            self.rest(instrument, order, *open, sink);
            return true;
        }
        let least = Shelf::least(order).min(open.leaves);
        if least > 0
            && let Some(is_done) = self.look_ahead(instrument, order, *open, Reach::new(least), steps, sink)
        {
            return is_done;
        }
        self.go_on_taking(instrument, order, open, steps, sink)
    }

    #[inline]
    pub(crate) fn go_on_taking<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        order: &NewOrder,
        open: &mut Open,
        steps: &mut usize,
        sink: &mut S,
    ) -> bool {
        let book = &mut self.books[instrument.index()];
        let reason = match self.shelf.take(book, instrument, order, open, steps, sink) {
            End::Done => return true,
            End::Pauses => return false,
            End::Rests if can_rest(order) => {
                self.rest(instrument, order, *open, sink);
                return true;
            }
            End::Rests => Reason::ImmediateOrCancel,
            End::Cancels(reason) => reason,
        };
        sink.report(&report_of(instrument, order, *open, ExecType::Canceled, reason));
        true
    }

    /// What is open of an order rests. Where there was room when it came, there may be none if it is a stop that waited or the leg
    /// of a quote: it ends then.
    #[inline]
    fn rest<S: Sink>(&mut self, instrument: InstrumentId, order: &NewOrder, open: Open, sink: &mut S) {
        if self.has_room() {
            let book = &mut self.books[instrument.index()];
            self.shelf.rest(book, instrument, order, open, sink);
        } else {
            let report = report_of(instrument, order, open, ExecType::Canceled, Reason::BookFull);
            sink.report(&report);
        }
    }

    /// As [`Matcher::enter`], of an order that work brings: what is left of it is left to be worked on.
    pub(crate) fn come_in_work<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        order: &NewOrder,
        mut open: Open,
        steps: &mut usize,
        sink: &mut S,
    ) {
        if !self.enter(instrument, order, &mut open, steps, sink) {
            self.work.pause(instrument, order, open);
        }
    }

    /// After what may have set off stops, or changed the book: goes on with the steps that are left of the call.
    #[inline]
    pub(crate) fn settle<S: Sink>(&mut self, instrument: InstrumentId, mut steps: usize, sink: &mut S) {
        let book = &mut self.books[instrument.index()];
        if book.is_to_look && book.phase == Phase::Continuous {
            if book.stops == 0 {
                book.looked();
            } else {
                self.work.book = instrument;
                self.run(&mut steps, sink);
                return;
            }
        }
        self.tell(instrument, sink);
    }

    /// Tells the sink the best prices, and what an auction would come to, if they are others than it was told.
    #[expect(clippy::inline_always, reason = "mostly nothing is told")]
    #[inline(always)]
    pub(crate) fn tell<S: Sink>(&mut self, instrument: InstrumentId, sink: &mut S) {
        let book = &mut self.books[instrument.index()];
        if S::TOPS {
            let top = book.top(&self.shelf.pool);
            if top != book.top_told {
                book.top_told = top;
                sink.top(instrument, &top);
            }
        }
        if book.is_gathering {
            self.tell_uncross(instrument, sink);
        }
    }

    #[cold]
    fn tell_uncross<S: Sink>(&mut self, instrument: InstrumentId, sink: &mut S) {
        let book = &mut self.books[instrument.index()];
        let uncross = match book.phase {
            Phase::Auction => auction::uncross(book, &self.shelf),
            Phase::Continuous => Uncross::NONE,
            Phase::CancelOnly | Phase::Halted => return,
        };
        if uncross != book.uncross_told {
            book.uncross_told = uncross;
            sink.uncross(instrument, &uncross);
        }
        book.is_gathering = book.phase == Phase::Auction;
    }

    /// Cancels an order.
    ///
    /// # Errors
    /// `UnknownOrder`, `BookBusy`.
    #[inline]
    pub fn cancel<S: Sink>(&mut self, order_id: u64, sink: &mut S) -> Result<(), Reason> {
        self.check_idle()?;
        let slot = self.shelf.slab.find(order_id).ok_or(Reason::UnknownOrder)?;
        let instrument = self.end(slot, OrdStatus::Canceled, Reason::CancelRequested, sink);
        self.tell(instrument, sink);
        Ok(())
    }

    /// Ends an open order, and says so.
    #[expect(clippy::inline_always, reason = "once a message")]
    #[inline(always)]
    pub(crate) fn end<S: Sink>(
        &mut self,
        slot: u32,
        status: OrdStatus,
        reason: Reason,
        sink: &mut S,
    ) -> InstrumentId {
        let report = self.shelf.last_report(slot, status, reason);
        let book = &mut self.books[report.instrument.index()];
        if self.shelf.slab.node(slot).marks.is_stop() {
            self.shelf.take_out_stop(book, slot);
        } else {
            self.shelf.take_out(book, slot, sink);
        }
        sink.report(&report);
        report.instrument
    }

    /// Cancels many orders.
    ///
    /// # Errors
    /// `BookBusy`; `UnknownInstrument` if it names a book that is not open.
    pub fn mass_cancel<S: Sink>(&mut self, which: &MassCancel, sink: &mut S) -> Result<(), Reason> {
        self.check_idle()?;
        if let Some(instrument) = which.instrument {
            self.check_open(instrument)?;
        }
        self.work.cancel(which, self.books.len());
        self.go_on(sink);
        Ok(())
    }

    /// Begins another phase in a book.
    ///
    /// # Errors
    /// `BookBusy`, `UnknownInstrument`.
    pub fn set_phase<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        phase: Phase,
        sink: &mut S,
    ) -> Result<(), Reason> {
        self.check_idle()?;
        self.check_open(instrument)?;
        let book = &mut self.books[instrument.index()];
        if book.phase != phase {
            book.phase = phase;
            book.is_gathering |= phase == Phase::Auction;
            self.work.book = instrument;
            self.go_on(sink);
            self.tell(instrument, sink);
        }
        Ok(())
    }

    /// Tells a book the reference price.
    ///
    /// # Errors
    /// `BookBusy`, `UnknownInstrument`, `PxUnrepresentable`.
    pub fn set_reference<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        px: Px,
        sink: &mut S,
    ) -> Result<(), Reason> {
        self.check_idle()?;
        self.check_open(instrument)?;
        if !px.is_representable() {
            return Err(Reason::PxUnrepresentable);
        }
        let book = &mut self.books[instrument.index()];
        book.reference = px;
        book.is_to_look = true;
        self.settle(instrument, self.steps, sink);
        Ok(())
    }

    /// Tells a book when its day ends, for Day orders that come from then on; zero if it has no end.
    ///
    /// # Errors
    /// `UnknownInstrument`.
    pub fn set_day_end(&mut self, instrument: InstrumentId, ts: u64) -> Result<(), Reason> {
        self.check_open(instrument)?;
        self.books[instrument.index()].day_end_ts = ts;
        Ok(())
    }

    /// Tells the time, which never goes back, and ends what is over.
    ///
    /// # Errors
    /// `BookBusy`.
    #[inline]
    pub fn advance<S: Sink>(&mut self, now: u64, sink: &mut S) -> Result<(), Reason> {
        self.check_idle()?;
        self.now = self.now.max(now);
        if self.next_expiry() <= self.now {
            self.go_on(sink);
        }
        Ok(())
    }

    /// When the next order's time is over; `u64::MAX` if none is bounded.
    #[inline]
    pub fn next_expiry(&self) -> u64 {
        self.shelf
            .expiries
            .first(&self.shelf.slab)
            .map_or(u64::MAX, |(ts, _)| ts)
    }

    /// Whether work is left for [`Matcher::go_on`].
    #[inline]
    pub fn is_busy(&self) -> bool {
        self.work.is_busy
    }

    /// Goes on with work that is left.
    pub fn go_on<S: Sink>(&mut self, sink: &mut S) {
        let mut steps = self.steps;
        self.run(&mut steps, sink);
    }

    /// An open order.
    #[inline]
    pub fn order(&self, order_id: u64) -> Option<BookOrder> {
        Some(self.shelf.order(self.shelf.slab.find(order_id)?))
    }

    /// How many orders are open.
    pub fn len(&self) -> usize {
        self.shelf.slab.len()
    }

    /// Whether no order is open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The best prices of a book.
    pub fn top(&self, instrument: InstrumentId) -> Top {
        match self.books.get(instrument.index()) {
            Some(book) => book.top(&self.shelf.pool),
            None => Top::EMPTY,
        }
    }

    fn side(&self, instrument: InstrumentId, side: Side) -> Option<&Ladder> {
        Some(&self.books.get(instrument.index())?.sides[at(side)])
    }

    /// What is shown at a price.
    pub fn depth_at(&self, instrument: InstrumentId, side: Side, px: Px) -> Qty {
        let level = || {
            let ladder = self.side(instrument, side)?;
            let level = ladder.find(&self.shelf.pool, rank_of(side, px.0))?;
            Some(self.shelf.pool.level(level).shown)
        };
        Qty(if px.is_representable() {
            level().unwrap_or(0)
        } else {
            0
        })
    }

    /// The prices of a side, best first, and what is shown there.
    pub fn levels(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = (Px, Qty)> + '_ {
        let pool = &self.shelf.pool;
        let ladder = self.side(instrument, side);
        ladder_levels(pool, ladder).map(move |level| {
            let level = pool.level(level);
            (Px(px_of(side, level.rank)), Qty(level.shown))
        })
    }

    /// The orders of a level.
    fn queue(&self, level: u32) -> impl Iterator<Item = BookOrder> + '_ {
        let shelf = &self.shelf;
        let mut slot = shelf.queues.first(level);
        core::iter::from_fn(move || {
            let this = (slot != NIL).then_some(slot)?;
            slot = shelf.queues.next(this);
            Some(shelf.order(this))
        })
    }

    /// The orders of a side, in the order in which they would trade.
    pub fn orders(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = BookOrder> + '_ {
        ladder_levels(&self.shelf.pool, self.side(instrument, side)).flat_map(|level| self.queue(level))
    }

    /// The waiting stops of a side: those by last trade, then those by reference, each in the order in which they would be
    /// triggered.
    pub fn stops(&self, instrument: InstrumentId, side: Side) -> impl Iterator<Item = BookOrder> + '_ {
        let pool = &self.shelf.pool;
        let ladders = self.shelf.stops.get(instrument.index());
        let levels = [Trigger::LastTrade, Trigger::Reference]
            .into_iter()
            .flat_map(move |trigger| {
                let ladder = ladders.map(|ladders| &ladders[stop_ladder(side, trigger)]);
                let mut level = ladder.map_or(NIL, |ladder| ladder.first(pool));
                core::iter::from_fn(move || {
                    let this = (level != NIL).then_some(level)?;
                    level = ladder?.next(pool, this);
                    Some(this)
                })
            });
        levels.flat_map(|level| self.queue(level))
    }

    /// At which price an auction would end now; [`Uncross::NONE`] unless the book is crossed.
    pub fn uncross(&self, instrument: InstrumentId) -> Uncross {
        match self.books.get(instrument.index()) {
            Some(book) => auction::uncross(book, &self.shelf),
            None => Uncross::NONE,
        }
    }

    /// A book's phase; `None` if it is not open.
    pub fn phase(&self, instrument: InstrumentId) -> Option<Phase> {
        self.check_open(instrument).ok().map(|book| book.phase)
    }

    /// The price of a book's last trade.
    pub fn last_px(&self, instrument: InstrumentId) -> Option<Px> {
        let book = self.check_open(instrument).ok()?;
        (book.last_px != Px::NONE).then_some(book.last_px)
    }

    /// Says that an order which no longer comes to anything is refused.
    pub(crate) fn refuse<S: Sink>(report: Report, reason: Reason, sink: &mut S) {
        sink.report(&Report {
            exec_type: ExecType::Rejected,
            ord_status: OrdStatus::Rejected,
            reason,
            leaves: Qty::ZERO,
            cum: Qty::ZERO,
            ..report
        });
    }
}

fn stop_ladders(book: u32) -> [StopLadder; 4] {
    [2, 3, 4, 5].map(|ladder| StopLadder::new(owner(book, ladder)))
}

fn ladder_levels<'a>(pool: &'a Pool, ladder: Option<&'a Ladder>) -> impl Iterator<Item = u32> + 'a {
    let mut level = ladder.map_or(NIL, Ladder::best_level);
    core::iter::from_fn(move || {
        let this = (level != NIL).then_some(level)?;
        level = ladder?.next(pool, this);
        Some(this)
    })
}
