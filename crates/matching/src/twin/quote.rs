//! Mass quotes of the twin.

use pinrail_types::record::{ExecType, OrdStatus};
use pinrail_types::{Qty, Reason};

use super::Twin;
use super::checks::{check_phase, check_post_only, check_px, check_qty, refuse_if};
use super::order::Order;
use crate::order::{NewOrder, Phase, PostOnly, QuoteLeg, Quoter};
use crate::report::{Report, Sink};

/// What is done with a leg that passed its checks, when its turn comes.
enum Turn {
    /// Its order is taken out of the book, and is for nothing more.
    End(Order),
    /// Its order is taken out of the book, and comes anew.
    Replace(Order),
    /// Its order keeps its place.
    Keep,
    /// It has no order yet.
    New,
}

impl Twin {
    pub(super) fn quote<S: Sink>(&mut self, quoter: Quoter, legs: &[QuoteLeg], sink: &mut S) {
        let mut passed: Vec<&QuoteLeg> = Vec::new();
        let mut new = 0;
        for (at, leg) in legs.iter().enumerate() {
            let is_second = legs[..at].iter().any(|before| before.order_id == leg.order_id);
            match self.check_leg(quoter, leg, is_second, new) {
                Ok(()) => {
                    passed.push(leg);
                    new += usize::from(leg.qty.0 != 0 && self.order(leg.order_id).is_none());
                }
                Err(reason) => sink.report(&rejected(quoter, leg, reason)),
            }
        }
        let taken_out: Vec<(&QuoteLeg, Option<Turn>)> = passed
            .into_iter()
            .map(|leg| (leg, self.take_out(leg, sink)))
            .collect();
        for (leg, turn) in taken_out {
            if let Some(turn) = turn {
                self.turn(quoter, leg, turn, sink);
            }
        }
    }

    /// `new` legs before it have no order yet and will need room for one.
    fn check_leg(&self, quoter: Quoter, leg: &QuoteLeg, is_second: bool, new: usize) -> Result<(), Reason> {
        let book = self.book(leg.instrument).ok_or(Reason::UnknownInstrument)?;
        refuse_if(is_second, Reason::DuplicateOrderId)?;
        let open = self.find(leg.order_id);
        if let Some(order) = open {
            let is_this = order.terms.client == quoter.client
                && order.instrument == leg.instrument
                && order.terms.side == leg.side
                && !order.is_waiting();
            refuse_if(!is_this, Reason::UnknownOrder)?;
        }
        if leg.qty.0 == 0 {
            return Ok(());
        }
        check_phase(book.phase)?;
        let is_post_only = quoter.post_only != PostOnly::No;
        refuse_if(book.phase == Phase::Auction && is_post_only, Reason::WrongPhase)?;
        check_qty(&book.config, leg.qty)?;
        check_px(&book.config, leg.px)?;
        let cum = open.map_or(0, Order::cum);
        refuse_if(cum + leg.qty.0 > Qty::ABS_MAX, Reason::QtyAboveMax)?;
        refuse_if(
            open.is_none() && self.len() + new >= self.bounds.orders,
            Reason::BookFull,
        )
    }

    /// Takes the leg's order out of the book if it loses its place. None if there is nothing to do for the leg.
    fn take_out<S: Sink>(&mut self, leg: &QuoteLeg, sink: &mut S) -> Option<Turn> {
        let book = self.book_mut(leg.instrument)?;
        let Some(order) = book.find(leg.order_id) else {
            return (leg.qty.0 != 0).then_some(Turn::New);
        };
        if leg.qty.0 == 0 {
            book.take(leg.order_id, sink).map(Turn::End)
        } else if order.terms.px == leg.px && leg.qty.0 <= order.leaves {
            Some(Turn::Keep)
        } else {
            book.take(leg.order_id, sink).map(Turn::Replace)
        }
    }

    fn turn<S: Sink>(&mut self, quoter: Quoter, leg: &QuoteLeg, turn: Turn, sink: &mut S) {
        let Some(book) = self.book_mut(leg.instrument) else {
            return;
        };
        let (mut order, exec_type) = match turn {
            Turn::End(order) => return sink.report(&order.canceled_report(Reason::CancelRequested)),
            Turn::Keep => {
                let Some(order) = book.find_mut(leg.order_id) else {
                    return sink.report(&rejected(quoter, leg, Reason::UnknownOrder));
                };
                take_over(order, quoter);
                let leaves = order.leaves.min(leg.qty.0);
                return book.reduce(leg.order_id, leaves, sink);
            }
            Turn::Replace(mut order) => {
                take_over(&mut order, quoter);
                order.terms.px = leg.px;
                order.set_leaves(leg.qty.0);
                (order, ExecType::Replaced)
            }
            Turn::New => {
                let terms = NewOrder::limit(leg.order_id, quoter.client, leg.side, leg.px, leg.qty);
                let mut order = Order::new(leg.instrument, terms, 0);
                take_over(&mut order, quoter);
                (order, ExecType::New)
            }
        };
        match check_post_only(book, &order.terms, leg.px) {
            Ok(px) => {
                order.terms.px = px;
                sink.report(&order.open_report(exec_type));
                book.come(order, 0, sink);
                book.trigger_stops(sink);
            }
            Err(reason) => {
                sink.report(&order.open_report(exec_type));
                sink.report(&order.canceled_report(reason));
            }
        }
    }
}

/// The order is of this quote from now on.
fn take_over(order: &mut Order, quoter: Quoter) {
    order.terms.session = quoter.session;
    order.terms.post_only = quoter.post_only;
    order.terms.self_trade = quoter.self_trade;
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
