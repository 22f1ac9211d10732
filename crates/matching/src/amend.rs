//! Another price or quantity for an open order.

use pinrail_types::record::ExecType;
use pinrail_types::{InstrumentId, Px, Reason};

use crate::book::{Book, Open, report_of};
use crate::matcher::Matcher;
use crate::order::{Amend, NewOrder, Phase};
use crate::report::{OrderDeltaKind, Sink};

impl Matcher {
    /// Another price, quantity or stop price.
    ///
    /// # Errors
    /// See `docs/matching.md`; nothing has changed then.
    #[inline]
    pub fn amend<S: Sink>(&mut self, amend: &Amend, sink: &mut S) -> Result<(), Reason> {
        self.check_idle()?;
        let slot = self.shelf.slab.find(amend.order_id).ok_or(Reason::UnknownOrder)?;
        let node = self.shelf.slab.node(slot);
        let instrument = InstrumentId(node.book);
        let book = &self.books[instrument.index()];
        if let Err(reason) = check_phase(book)
            && !self.only_reduces(slot, amend)
        {
            return Err(reason);
        }
        book.config.check_qty(amend.qty)?;
        book.config.check_px(amend.px)?;
        if amend.qty.0 <= node.cum() {
            return Err(Reason::QtyBelowFilled);
        }
        let open = Open {
            leaves: amend.qty.0 - node.cum(),
            qty: amend.qty.0,
        };
        if node.marks.is_stop() {
            return self.amend_stop(slot, amend, open, sink);
        }
        if amend.stop_px != Px::NONE {
            return Err(Reason::BadField);
        }
        if self.keeps_place(slot, amend.px, open.leaves) {
            self.reduce(slot, open, sink);
            self.tell(instrument, sink);
            return Ok(());
        }
        let order = NewOrder {
            px: amend.px,
            ..self.shelf.as_new(slot)
        };
        let order = self.check_post_only(instrument, &order)?;
        if !self.shelf.pool.has_room() {
            return Err(Reason::BookFull);
        }
        self.shelf
            .take_out(&mut self.books[instrument.index()], slot, sink);
        sink.report(&report_of(
            instrument,
            &order,
            open,
            ExecType::Replaced,
            Reason::None,
        ));
        self.come(instrument, &order, open, sink);
        Ok(())
    }

    /// Whether it is a change to less at the same prices, which is taken in every phase.
    #[cold]
    fn only_reduces(&self, slot: u32, amend: &Amend) -> bool {
        let order = self.shelf.order(slot);
        let keeps_stop = amend.stop_px == Px::NONE || amend.stop_px == order.stop_px;
        amend.px == order.px && amend.qty <= order.qty && keeps_stop
    }

    /// Whether an order in the market keeps its place with that price and as much open.
    #[inline]
    pub(crate) fn keeps_place(&self, slot: u32, px: Px, leaves: i64) -> bool {
        let node = self.shelf.slab.node(slot);
        px.0 == node.px && leaves <= node.leaves()
    }

    /// Less of an order in the market is open, at its place: what is hidden goes first.
    pub(crate) fn reduce<S: Sink>(&mut self, slot: u32, open: Open, sink: &mut S) {
        let shelf = &mut self.shelf;
        let node = shelf.slab.node_mut(slot);
        let less = node.leaves() - open.leaves;
        let of_hidden = less.min(node.hidden);
        let of_shown = less - of_hidden;
        node.hidden -= of_hidden;
        node.shown -= of_shown;
        node.qty = open.qty;
        let (level, side, px, instrument) = (node.level, node.marks.side(), node.px, InstrumentId(node.book));
        shelf.pool.level_mut(level).shown -= of_shown;
        sink.report(&shelf.report(slot, ExecType::Replaced, Reason::None));
        if of_shown != 0 {
            shelf.say_order(slot, OrderDeltaKind::Change, sink);
            shelf.say_level(instrument, side, px, level, sink);
        }
    }

    #[cold]
    fn amend_stop<S: Sink>(
        &mut self,
        slot: u32,
        amend: &Amend,
        open: Open,
        sink: &mut S,
    ) -> Result<(), Reason> {
        let (stop, before) = self.shelf.stop_order(slot);
        let instrument = InstrumentId(self.shelf.slab.node(slot).book);
        let book = &mut self.books[instrument.index()];
        let mut order = NewOrder {
            px: amend.px,
            qty: amend.qty,
            ..stop
        };
        if amend.stop_px != Px::NONE {
            book.config.check_px(amend.stop_px)?;
            order.stop_px = amend.stop_px;
        }
        if order.stop_px == stop.stop_px && open.leaves <= before.leaves {
            let node = self.shelf.slab.node_mut(slot);
            let level = node.level;
            (node.px, node.shown, node.qty) = (order.px.0, open.leaves, open.qty);
            self.shelf.pool.level_mut(level).shown -= before.leaves - open.leaves;
            sink.report(&self.shelf.report(slot, ExecType::Replaced, Reason::None));
            return Ok(());
        }
        if !self.shelf.pool.has_room() {
            return Err(Reason::BookFull);
        }
        self.shelf.take_out_stop(book, slot);
        self.shelf.wait(book, instrument, &order, open);
        let report = report_of(instrument, &order, open, ExecType::Replaced, Reason::None);
        sink.report(&report);
        self.settle(instrument, self.steps, sink);
        Ok(())
    }
}

/// Orders are taken.
pub(crate) fn check_phase(book: &Book) -> Result<(), Reason> {
    match book.phase {
        Phase::Continuous | Phase::Auction => Ok(()),
        Phase::CancelOnly | Phase::Halted => Err(Reason::WrongPhase),
    }
}
