//! Mass quotes: many sides at once, replaced in place.

use pinrail_types::record::{ExecType, OrdStatus};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{InstrumentId, Px, Qty, Reason, Side};

use crate::amend::check_phase;
use crate::book::{Open, report_of};
use crate::matcher::Matcher;
use crate::order::{NewOrder, Phase, PostOnly, QuoteLeg, Quoter};
use crate::report::{Report, Sink};
use crate::state::visit_coming;

/// What is done with a leg that passed its checks, when its turn comes.
#[derive(Clone, Copy, Debug)]
enum Turn {
    /// Its order is out of the book, and is for nothing more.
    End,
    /// Its order is out of the book, and comes anew.
    Replace,
    /// Its order keeps its place.
    Keep,
    /// It has no order yet.
    New,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Leg {
    instrument: InstrumentId,
    turn: Turn,
    /// As it is to come, or as it was.
    order: NewOrder,
    open: Open,
    /// Price and quantity of its order as told last; its own where it has none.
    told: (Px, Qty),
}

impl Leg {
    /// Its order as told last, of which nothing is in the book; none if all of it is until its turn.
    pub(crate) fn out_of_book(&self) -> Option<(InstrumentId, NewOrder, Open)> {
        let ((px, qty), cum) = (self.told, self.open.cum());
        let order = NewOrder { px, ..self.order };
        let open = Open {
            leaves: qty.0 - cum,
            qty: qty.0,
        };
        (!matches!(self.turn, Turn::Keep)).then_some((self.instrument, order, open))
    }

    pub(crate) fn is_new(&self) -> bool {
        matches!(self.turn, Turn::New)
    }
}

/// The legs of a mass quote whose turn has not come.
#[derive(Debug)]
pub(crate) struct Legs {
    all: [Leg; Matcher::LEGS_MAX],
    at: usize,
    len: usize,
}

impl Legs {
    pub(crate) const NONE: Legs = Legs {
        all: [Leg {
            instrument: InstrumentId(0),
            turn: Turn::New,
            order: NewOrder::limit(0, pinrail_types::ClientId(0), Side::Buy, Px(0), Qty::ZERO),
            open: Open { leaves: 0, qty: 0 },
            told: (Px(0), Qty::ZERO),
        }; Matcher::LEGS_MAX],
        at: 0,
        len: 0,
    };

    /// The legs that are left.
    pub(crate) fn visit(&mut self, books: u64, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut left = self.len - self.at;
        visitor.count(&mut left, Matcher::LEGS_MAX)?;
        if visitor.is_loading() {
            (self.at, self.len) = (0, left);
        }
        let turns = [Turn::End, Turn::Replace, Turn::Keep, Turn::New];
        let from = |code: u64| turns.get(usize::try_from(code).ok()?).copied();
        for leg in &mut self.all[self.at..self.len] {
            visitor.named(&mut leg.turn, |turn| turn as u64, from, "a leg's turn")?;
            let mut coming = (leg.instrument, leg.order, leg.open);
            visit_coming(&mut coming, books, visitor)?;
            (leg.instrument, leg.order, leg.open) = coming;
            visitor.signed(&mut leg.told.0.0)?;
            visitor.signed(&mut leg.told.1.0)?;
            if leg.told.1.0 < leg.open.cum() {
                return Err(visitor.bad(leg.order.order_id, "a quote as told"));
            }
        }
        Ok(())
    }

    fn push(&mut self, leg: Leg) {
        self.all[self.len] = leg;
        self.len += 1;
    }

    /// The leg of an order whose turn has not come; it has none any more.
    pub(crate) fn take(&mut self, order_id: u64) -> Option<Leg> {
        let left = &self.all[self.at..self.len];
        let at = self.at + left.iter().position(|leg| leg.order.order_id == order_id)?;
        let leg = self.all[at];
        self.all.copy_within(at + 1..self.len, at);
        self.len -= 1;
        Some(leg)
    }
}

impl Matcher {
    /// Replaces a market maker's quotes.
    ///
    /// # Errors
    /// `BookBusy`; `ActionsFull` of more than [`Matcher::LEGS_MAX`] legs. What is wrong with one leg is said to the sink.
    pub fn mass_quote<S: Sink>(
        &mut self,
        quoter: Quoter,
        legs: &[QuoteLeg],
        sink: &mut S,
    ) -> Result<(), Reason> {
        self.check_idle()?;
        if legs.len() > Matcher::LEGS_MAX {
            return Err(Reason::ActionsFull);
        }
        let mut passed = [false; Matcher::LEGS_MAX];
        let mut new = 0;
        for (at, leg) in legs.iter().enumerate() {
            let is_second = legs[..at].iter().any(|before| before.order_id == leg.order_id);
            match self.check_leg(quoter, leg, is_second, new) {
                Ok(is_new) => {
                    passed[at] = true;
                    new += usize::from(is_new);
                }
                Err(reason) => sink.report(&rejected(quoter, leg, reason)),
            }
        }
        (self.work.legs.at, self.work.legs.len) = (0, 0);
        for (leg, _) in legs.iter().zip(passed).filter(|(_, passed)| *passed) {
            self.take_out_leg(quoter, leg, sink);
        }
        self.go_on(sink);
        Ok(())
    }

    /// Whether the leg will need room for an order. `new` legs before it will.
    fn check_leg(&self, quoter: Quoter, leg: &QuoteLeg, is_second: bool, new: usize) -> Result<bool, Reason> {
        let book = self.check_open(leg.instrument)?;
        if is_second {
            return Err(Reason::DuplicateOrderId);
        }
        let slot = self.shelf.slab.find(leg.order_id);
        if let Some(slot) = slot {
            let node = self.shelf.slab.node(slot);
            let is_this = node.client == quoter.client
                && node.book == leg.instrument.0
                && node.marks.side() == leg.side
                && !node.marks.is_stop();
            if !is_this {
                return Err(Reason::UnknownOrder);
            }
        }
        if leg.qty.0 == 0 {
            return Ok(false);
        }
        check_phase(book)?;
        if book.phase == Phase::Auction && quoter.post_only != PostOnly::No {
            return Err(Reason::WrongPhase);
        }
        book.config.check_qty(leg.qty)?;
        book.config.check_px(leg.px)?;
        let cum = slot.map_or(0, |slot| self.shelf.slab.node(slot).cum());
        if cum + leg.qty.0 > Qty::ABS_MAX {
            return Err(Reason::QtyAboveMax);
        }
        if slot.is_none() && (self.shelf.slab.room() <= new || !self.shelf.pool.has_room()) {
            return Err(Reason::BookFull);
        }
        Ok(slot.is_none())
    }

    /// Takes the leg's order out of the book if it loses its place.
    fn take_out_leg<S: Sink>(&mut self, quoter: Quoter, leg: &QuoteLeg, sink: &mut S) {
        let instrument = leg.instrument;
        let mut order = NewOrder {
            session: quoter.session,
            post_only: quoter.post_only,
            self_trade: quoter.self_trade,
            ..NewOrder::limit(leg.order_id, quoter.client, leg.side, leg.px, leg.qty)
        };
        let mut open = Open {
            leaves: leg.qty.0,
            qty: leg.qty.0,
        };
        let Some(slot) = self.shelf.slab.find(leg.order_id) else {
            if leg.qty.0 != 0 {
                self.work.legs.push(Leg {
                    instrument,
                    turn: Turn::New,
                    order,
                    open,
                    told: (leg.px, leg.qty),
                });
            }
            return;
        };
        let cum = self.shelf.slab.node(slot).cum();
        let before = self.shelf.as_new(slot);
        let told = (before.px, before.qty);
        let turn = if leg.qty.0 == 0 {
            order = before;
            let node = self.shelf.slab.node(slot);
            open = Open {
                leaves: node.leaves(),
                qty: node.qty,
            };
            Turn::End
        } else if self.keeps_place(slot, leg.px, leg.qty.0) {
            Turn::Keep
        } else {
            order.display_qty = before.display_qty;
            order.expire_ts = before.expire_ts;
            order.reduce_only = before.reduce_only;
            open.qty += cum;
            Turn::Replace
        };
        if !matches!(turn, Turn::Keep) {
            self.shelf
                .take_out(&mut self.books[instrument.index()], slot, sink);
        }
        self.work.legs.push(Leg {
            instrument,
            turn,
            order,
            open,
            told,
        });
    }

    /// The next leg's turn; false if there is none.
    pub(crate) fn leg_step<S: Sink>(&mut self, steps: &mut usize, sink: &mut S) -> bool {
        if self.work.legs.at == self.work.legs.len {
            return false;
        }
        let Leg {
            instrument,
            turn,
            order,
            open,
            ..
        } = self.work.legs.all[self.work.legs.at];
        self.work.legs.at += 1;
        *steps -= 1;
        self.tell(self.work.book, sink);
        self.work.book = instrument;
        let exec_type = match turn {
            Turn::End => {
                let reason = Reason::CancelRequested;
                sink.report(&report_of(instrument, &order, open, ExecType::Canceled, reason));
                return true;
            }
            Turn::Keep => {
                self.keep_leg(&order, instrument, sink);
                return true;
            }
            Turn::Replace => ExecType::Replaced,
            Turn::New => ExecType::New,
        };
        let checked = self.check_post_only(instrument, &order);
        let coming = checked.unwrap_or(order);
        sink.report(&report_of(instrument, &coming, open, exec_type, Reason::None));
        if self.is_stopped(instrument, &coming, open, sink) {
            return true;
        }
        match checked {
            Ok(order) => self.come_in_work(instrument, &order, open, steps, sink),
            Err(reason) => sink.report(&report_of(instrument, &order, open, ExecType::Canceled, reason)),
        }
        true
    }

    fn keep_leg<S: Sink>(&mut self, order: &NewOrder, instrument: InstrumentId, sink: &mut S) {
        let Some(slot) = self.shelf.slab.find(order.order_id) else {
            let report = report_of(
                instrument,
                order,
                Open {
                    leaves: 0,
                    qty: order.qty.0,
                },
                ExecType::Rejected,
                Reason::UnknownOrder,
            );
            Matcher::refuse(report, Reason::UnknownOrder, sink);
            return;
        };
        let node = self.shelf.slab.node_mut(slot);
        node.session = order.session;
        node.marks = node.marks.policies(order.post_only, order.self_trade);
        let leaves = node.leaves().min(order.qty.0);
        let open = Open {
            leaves,
            qty: leaves + node.cum(),
        };
        self.reduce(slot, open, sink);
    }
}

fn rejected(quoter: Quoter, leg: &QuoteLeg, reason: Reason) -> Report {
    Report {
        exec_type: ExecType::Rejected,
        ord_status: OrdStatus::Rejected,
        reason,
        instrument: leg.instrument,
        order_id: leg.order_id,
        client: quoter.client,
        session: quoter.session,
        side: leg.side,
        px: leg.px,
        qty: leg.qty,
        leaves: Qty::ZERO,
        cum: Qty::ZERO,
    }
}
