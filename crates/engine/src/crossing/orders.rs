//! Clients' orders for the desk's own books: new and changed.

use pinrail_matching::{Amend, NewOrder, PostOnly, SelfTrade, Trigger};
use pinrail_oms::{ClientOrderState, Held};
use pinrail_pricing::Pricer;
use pinrail_risk::BookAsk;
use pinrail_types::record::{
    ClientOrder, CxlRejResponseTo, ExecInst, OrdType, OrderCancelReject, OrderCancelReplaceRequest,
    SelfMatchPrevention, TimeInForce, TriggerPriceType,
};
use pinrail_types::{OutId, Px, Qty, Reason, Side};

use super::effects::{rejected, revert};
use super::gate::Call;
use crate::out::Out;
use crate::state::Engine;

/// What a client wrote, in the words of a book; its id is still to be given.
fn terms_of(order: &ClientOrder) -> Result<NewOrder, Reason> {
    let ord_type = OrdType::from_byte(order.ord_type).ok_or(Reason::BadField)?;
    if ord_type == OrdType::PreviouslyQuoted {
        return Err(Reason::OrderTypeUnsupported);
    }
    let is_stop = matches!(ord_type, OrdType::Stop | OrdType::StopLimit);
    let trigger = match (is_stop, order.trigger) {
        (false, 0) => Trigger::LastTrade,
        (true, trigger) => match TriggerPriceType::from_byte(trigger).ok_or(Reason::BadField)? {
            TriggerPriceType::LastTrade => Trigger::LastTrade,
            TriggerPriceType::Reference => Trigger::Reference,
        },
        (false, _) => return Err(Reason::BadField),
    };
    if order.cl_ord_id.is_empty() || (is_stop != (order.stop_px != Px::NONE)) {
        return Err(Reason::BadField);
    }
    Ok(NewOrder {
        order_id: 0,
        client: order.client,
        session: order.session,
        side: Side::from_fix(order.side).ok_or(Reason::BadSide)?,
        ord_type,
        time_in_force: TimeInForce::from_byte(order.time_in_force).ok_or(Reason::BadField)?,
        px: order.px,
        qty: order.qty,
        stop_px: order.stop_px,
        trigger,
        min_qty: order.min_qty,
        display_qty: order.display_qty,
        expire_ts: order.expire_ts,
        post_only: post_only_of(order.exec_inst, ExecInst::ALL)?,
        reduce_only: order.exec_inst & ExecInst::REDUCE_ONLY != 0,
        self_trade: self_trade_of(order.self_match)?,
    })
}

/// What `exec_inst` says of post-only, if it has no bit but those in `known`.
pub(super) fn post_only_of(exec_inst: u8, known: u8) -> Result<PostOnly, Reason> {
    let of = |bit: u8| exec_inst & bit != 0;
    match (of(ExecInst::POST_ONLY), of(ExecInst::REPRICE)) {
        _ if exec_inst & !known != 0 => Err(Reason::BadField),
        (false, true) => Err(Reason::BadField),
        (false, false) => Ok(PostOnly::No),
        (true, false) => Ok(PostOnly::Reject),
        (true, true) => Ok(PostOnly::Reprice),
    }
}

pub(super) fn self_trade_of(self_match: u8) -> Result<SelfTrade, Reason> {
    let policy = SelfMatchPrevention::from_byte(self_match).ok_or(Reason::BadField)?;
    Ok(match policy {
        SelfMatchPrevention::Allow => SelfTrade::Allow,
        SelfMatchPrevention::CancelNewest => SelfTrade::CancelNewest,
        SelfMatchPrevention::CancelOldest => SelfTrade::CancelOldest,
        SelfMatchPrevention::CancelBoth => SelfTrade::CancelBoth,
        SelfMatchPrevention::Decrement => SelfTrade::Decrement,
    })
}

impl<P: Pricer> Engine<P> {
    /// Gives a client's order to its book, or says why not.
    pub(crate) fn on_client_order(&mut self, order: &ClientOrder, out: &mut Out) {
        if let Err(reason) = self.take_client_order(order, out) {
            let refused = ClientOrderState {
                side: Side::from_fix(order.side).unwrap_or(Side::Buy),
                ..state_of(order, Side::Buy, OutId::NONE)
            };
            rejected(&refused, reason, out);
        }
    }

    fn take_client_order(&mut self, order: &ClientOrder, out: &mut Out) -> Result<(), Reason> {
        let now = out.now();
        self.risk.admit_message(order.session, order.client, now)?;
        if self.recalls.is_gone(order.session) {
            return Err(Reason::SessionGone);
        }
        let mut terms = terms_of(order)?;
        self.books.def(order.instrument)?;
        self.turn_to_books(out)?;
        terms.px = self.worst_px(order, &terms, now)?;
        let ask = BookAsk {
            client: order.client,
            instrument: order.instrument,
            side: terms.side,
            qty: order.qty,
            open: order.qty,
            px: terms.px,
            stop_px: order.stop_px,
            reduces: terms.reduce_only,
        };
        self.risk.check_book_order(&ask)?;
        let is_open = self.books.orders.find_named(order.client, &order.cl_ord_id);
        if is_open.is_some() || self.is_named_in_agency(order.client, &order.cl_ord_id) {
            return Err(Reason::DuplicateOrderId);
        }
        self.risk.check_duplicate(&ask, now)?;
        if self.books.orders.is_full() {
            return Err(Reason::BookFull);
        }
        let open = self.open_in_books(order.client) + self.agency.count_of(order.client);
        self.risk.check_open_orders(order.client, open)?;
        let passed = self.pass(&ask, Held::NOTHING, now)?;
        if let Err(reason) = self.admit_to_books(order.client, order.instrument) {
            let held = passed.held();
            let nothing = (held.px, Qty::ZERO);
            self.risk
                .hold_for_book(order.client, order.instrument, (held.px, held.qty), nothing);
            return Err(reason);
        }
        let order_id = self.books.orders.next_id(out.next_id());
        let slot = self.books.orders.open(&ClientOrderState {
            reduces: terms.reduce_only,
            held: passed.held(),
            before: Some(Held::NOTHING),
            ..state_of(order, terms.side, order_id)
        });
        terms.order_id = slot.book_id();
        let call = Call::Submit(passed, order.instrument, &terms);
        if let Err(reason) = self.ask_books(&call, Reason::None, out) {
            revert(&mut self.risk, &mut self.books.orders, slot);
            return Err(reason);
        }
        self.risk.note_book_order(&ask, now);
        Ok(())
    }

    /// The worst price of an order: its own, or else as far as the collar goes from the market, or from what it waits for.
    fn worst_px(&self, order: &ClientOrder, terms: &NewOrder, now: u64) -> Result<Px, Reason> {
        let may_lack = matches!(terms.ord_type, OrdType::Market | OrdType::Stop);
        if order.px != Px::NONE || !may_lack {
            return Ok(order.px);
        }
        let around = match terms.ord_type {
            OrdType::Market => self.reference(order.instrument, now)?,
            _ => order.stop_px,
        };
        let px = self.risk.collar_px(order.instrument, terms.side, around)?;
        let def = self.books.def(order.instrument)?;
        Ok(if px == Px::NONE {
            px
        } else {
            px.clamp(def.min_px, def.max_px)
        })
    }

    /// Changes an order, or says why not.
    pub(crate) fn on_order_replace(&mut self, request: &OrderCancelReplaceRequest, out: &mut Out) {
        if let Err(reason) = self.replace(request, out) {
            out.push(OrderCancelReject {
                cl_ord_id: request.cl_ord_id,
                orig_cl_ord_id: request.orig_cl_ord_id,
                order_id: request.order_id,
                client: request.client,
                session: request.session,
                reason: reason.code(),
                response_to: CxlRejResponseTo::CancelReplaceRequest.byte(),
                ..bytemuck::Zeroable::zeroed()
            });
        }
    }

    /// Whether a change is one to less at the same price. It adds no risk, so that it passes as a cancel does.
    fn only_reduces(&self, request: &OrderCancelReplaceRequest) -> bool {
        let slot = self.named(request.client, request.order_id, &request.orig_cl_ord_id);
        let resting = slot
            .ok()
            .and_then(|slot| self.books.matcher.get().order(slot.book_id()));
        let is_same = |px: Px, held: Px| px == Px::NONE || px == held;
        resting.is_some_and(|resting| {
            is_same(request.px, resting.px)
                && is_same(request.stop_px, resting.stop_px)
                && request.qty <= resting.qty
        })
    }

    fn replace(&mut self, request: &OrderCancelReplaceRequest, out: &mut Out) -> Result<(), Reason> {
        let now = out.now();
        let is_less = self.only_reduces(request);
        if is_less {
            self.risk.count_message(request.session, request.client, now);
        } else {
            self.risk.admit_message(request.session, request.client, now)?;
            self.turn_to_books(out)?;
        }
        let in_agency = self.named_in_agency(request.client, request.order_id, &request.orig_cl_ord_id);
        let slot = self.named(request.client, request.order_id, &request.orig_cl_ord_id);
        if slot.is_err() && in_agency.is_some() {
            return Err(Reason::OrderNotReplaceable);
        }
        let slot = slot?;
        if request.cl_ord_id.is_empty() {
            return Err(Reason::BadField);
        }
        let same_name = self.books.orders.find_named(request.client, &request.cl_ord_id);
        if same_name.is_some_and(|other| other != slot)
            || self.is_named_in_agency(request.client, &request.cl_ord_id)
        {
            return Err(Reason::DuplicateOrderId);
        }
        let held = *self.books.orders.get(slot);
        let resting = self.books.matcher.get().order(slot.book_id());
        let resting = resting.ok_or(Reason::UnknownOrder)?;
        if request.qty <= resting.cum() {
            return Err(Reason::QtyBelowFilled);
        }
        let amend = Amend {
            order_id: slot.book_id(),
            px: if request.px == Px::NONE {
                resting.px
            } else {
                request.px
            },
            qty: request.qty,
            stop_px: request.stop_px,
        };
        let stop_px = if request.stop_px == Px::NONE {
            resting.stop_px
        } else {
            request.stop_px
        };
        let ask = BookAsk {
            client: held.client,
            instrument: held.instrument,
            side: held.side,
            qty: amend.qty,
            open: Qty(amend.qty.0 - resting.cum().0),
            px: amend.px,
            stop_px,
            reduces: held.reduces,
        };
        let passed = if is_less {
            self.pass_less(&ask, held.held, &resting)
        } else {
            self.pass(&ask, held.held, now)?
        };
        let (now_held, before) = self.books.orders.reservation(slot);
        (*now_held, *before) = (passed.held(), Some(held.held));
        self.books.orders.rename(slot, &request.cl_ord_id);
        if let Err(reason) = self.ask_books(&Call::Amend(passed, &amend), Reason::None, out) {
            revert(&mut self.risk, &mut self.books.orders, slot);
            self.books.orders.rename(slot, &held.cl_ord_id);
            return Err(reason);
        }
        Ok(())
    }
}

fn state_of(order: &ClientOrder, side: Side, order_id: OutId) -> ClientOrderState {
    ClientOrderState {
        order_id,
        cl_ord_id: order.cl_ord_id,
        client: order.client,
        instrument: order.instrument,
        session: order.session,
        side,
        reduces: false,
        leg: 0,
        held: Held::NOTHING,
        before: None,
    }
}
