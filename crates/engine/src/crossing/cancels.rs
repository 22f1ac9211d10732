//! What ends clients' orders, which always passes: a cancel, a mass cancel, and the end of what is forbidden.
//!
//! Nothing is done before a cancel, not even the end of what is over: so it finds the books ready and room for what it says,
//! whatever else its input brings.

use pinrail_oms::{ClientOrderSlot, ClientOrderState};
use pinrail_pricing::{ACTIONS_MAX, Pricer};
use pinrail_types::record::{
    CxlRejResponseTo, OrderCancelReject, OrderCancelRequest, OrderMassCancelReport, OrderMassCancelRequest,
};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, OutId, Reason, Side, Text};

use super::gate::Call;
use super::{BEHIND_LINES, Books};
use crate::control::{EXPIRES_PER_INPUT, RETURNS_PER_INPUT};
use crate::out::{OUT_LINES_MAX, Out};
use crate::routing::TRIED_LINES;
use crate::state::Engine;

/// What the end of an order says at most: its report, its place and its price, the top of its book, the auction's price.
pub(super) const CANCEL_LINES: usize = 3 + 1 + 1 + 2 + 1;
/// Trading states that risk sets by itself at one input, at most.
const LATCHES_MAX: usize = 16;
/// What an input may say before it comes to a cancel: quotes whose time is over, limits that return, what a strategy's timer led
/// to, and latches; or what that led to beyond this, where there was room for it.
pub(super) const BEFORE_LINES: usize = {
    let plain = EXPIRES_PER_INPUT + 2 * RETURNS_PER_INPUT + 2 * (ACTIONS_MAX + 1) + LATCHES_MAX;
    if plain > TRIED_LINES { plain } else { TRIED_LINES }
};
const _: () = assert!(
    BEFORE_LINES + CANCEL_LINES + BEHIND_LINES <= OUT_LINES_MAX,
    "a cancel always has room"
);
/// Places of the table of orders that one input looks through for orders to cancel.
const SCANS_PER_INPUT: u32 = 256;
/// Orders that it cancels at most.
const CANCELS_PER_INPUT: usize = 4;

/// A client's mass cancel that is under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct MassCanceling {
    which: OrderMassCancelRequest,
    /// The place of the client's order that is looked at next.
    next: u32,
}

impl MassCanceling {
    fn means(&self, order: &ClientOrderState) -> bool {
        let which = &self.which;
        (which.instrument == OrderMassCancelRequest::ALL || which.instrument == order.instrument)
            && (which.side == 0 || which.side == order.side.fix())
            && (which.of_session == 0 || which.session == order.session)
    }
}

impl<P: Pricer> Engine<P> {
    /// How many orders a client has open in the books.
    pub(crate) fn open_in_books(&self, client: ClientId) -> u32 {
        self.books.orders.count_of(client)
    }

    /// Whether an open order of the client in the books has this id.
    pub(crate) fn is_named_in_books(&self, client: ClientId, cl_ord_id: &Text<24>) -> bool {
        self.books.orders.find_named(client, cl_ord_id).is_some()
    }
}

impl Books {
    /// The next of a client's orders that its mass cancel means, and how far it got; looks at a bounded number.
    fn next_meant(&self, canceling: &mut MassCanceling, looks: &mut u32) -> Option<ClientOrderSlot> {
        let client = canceling.which.client;
        // One that ended otherwise meanwhile has nothing behind it.
        let mut slot = self
            .orders
            .open_at(canceling.next)
            .or(self.orders.first_of(client));
        while let Some(this) = slot {
            if *looks == 0 {
                canceling.next = this.place();
                return None;
            }
            *looks -= 1;
            slot = self.orders.next_of(this);
            if canceling.means(self.orders.get(this)) {
                canceling.next = slot.map_or(u32::MAX, ClientOrderSlot::place);
                return Some(this);
            }
        }
        canceling.next = u32::MAX;
        None
    }

    pub(super) fn visit_cancels(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut cancels = self.cancel_from.is_some();
        visitor.flag(&mut cancels)?;
        let mut from = self.cancel_from.unwrap_or(0);
        visitor.u32(&mut from)?;
        self.cancel_from = cancels.then_some(from);
        let mut which = self.mass_canceling.map(|canceling| canceling.which);
        visitor.maybe(&mut which)?;
        let mut next = self.mass_canceling.map_or(0, |canceling| canceling.next);
        visitor.u32(&mut next)?;
        let is_own = |which: &OrderMassCancelRequest| {
            let slot = self.orders.open_at(next);
            slot.is_none_or(|slot| self.orders.get(slot).client == which.client)
        };
        if which.as_ref().is_some_and(|which| !is_own(which)) {
            return Err(visitor.bad(next.into(), "an order of who cancels"));
        }
        self.mass_canceling = which.map(|which| MassCanceling { which, next });
        Ok(())
    }
}

impl<P: Pricer> Engine<P> {
    /// The client's open order that it names, by our id or by its own.
    pub(super) fn named(
        &self,
        client: ClientId,
        order_id: OutId,
        orig_cl_ord_id: &Text<24>,
    ) -> Result<ClientOrderSlot, Reason> {
        let orders = &self.books.orders;
        let slot = if order_id.is_none() {
            orders.find_named(client, orig_cl_ord_id)
        } else {
            orders.find(order_id)
        };
        // Nobody learns anything about another client's.
        let slot = slot.filter(|slot| orders.get(*slot).client == client);
        slot.ok_or(Reason::UnknownOrder)
    }

    /// Cancels an order, or says why not. Whatever a trading state or a limit says, what ends risk is let through.
    pub(crate) fn on_order_cancel(&mut self, request: &OrderCancelRequest, out: &mut Out) {
        self.risk
            .count_message(request.session, request.client, out.now());
        let named = self.named(request.client, request.order_id, &request.orig_cl_ord_id);
        let in_agency = self.named_in_agency(request.client, request.order_id, &request.orig_cl_ord_id);
        let canceled = match (named, in_agency) {
            (Ok(slot), _) => self.ask_books(&Call::Cancel(slot.book_id()), Reason::None, out),
            (Err(_), Some(slot)) => self.cancel_agency(slot, request, out),
            (Err(reason), None) => Err(reason),
        };
        if let Err(reason) = canceled {
            out.push(OrderCancelReject {
                cl_ord_id: request.cl_ord_id,
                orig_cl_ord_id: request.orig_cl_ord_id,
                order_id: request.order_id,
                client: request.client,
                session: request.session,
                reason: reason.code(),
                response_to: CxlRejResponseTo::CancelRequest.byte(),
                ..bytemuck::Zeroable::zeroed()
            });
        }
    }

    /// Cancels many of a client's orders, those that came first at first, or says why not.
    pub(crate) fn on_order_mass_cancel(&mut self, request: &OrderMassCancelRequest, out: &mut Out) {
        self.risk
            .count_message(request.session, request.client, out.now());
        let reason = self.mass_cancel(request, out).err().unwrap_or_default();
        out.push(OrderMassCancelReport {
            cl_ord_id: request.cl_ord_id,
            client: request.client,
            session: request.session,
            reason: reason.code(),
            ..bytemuck::Zeroable::zeroed()
        });
    }

    fn mass_cancel(&mut self, request: &OrderMassCancelRequest, out: &mut Out) -> Result<(), Reason> {
        if request.side != 0 && Side::from_fix(request.side).is_none() {
            return Err(Reason::BadSide);
        }
        if request.of_session > 1 {
            return Err(Reason::BadField);
        }
        if request.instrument != OrderMassCancelRequest::ALL {
            let known = self.traded.get(request.instrument.index());
            known.and_then(Option::as_ref).ok_or(Reason::UnknownInstrument)?;
        }
        self.mass_cancel_agency(request);
        let Some(first) = self.books.orders.first_of(request.client) else {
            return Ok(());
        };
        if self.books.mass_canceling.is_some() {
            return Err(Reason::BookBusy);
        }
        self.books.mass_canceling = Some(MassCanceling {
            which: OrderMassCancelRequest {
                header: bytemuck::Zeroable::zeroed(),
                ..*request
            },
            next: first.place(),
        });
        self.go_on_mass_canceling(out);
        Ok(())
    }

    /// Cancels some of what a mass cancel means; `mass_canceling` stays set while there may be more.
    pub(super) fn go_on_mass_canceling(&mut self, out: &mut Out) {
        let Some(mut canceling) = self.books.mass_canceling else {
            return;
        };
        let (mut looks, mut cancels) = (SCANS_PER_INPUT, CANCELS_PER_INPUT);
        while cancels > 0 && out.lines_left() >= CANCEL_LINES + BEHIND_LINES {
            let Some(slot) = self.books.next_meant(&mut canceling, &mut looks) else {
                break;
            };
            cancels -= 1;
            self.cancel_in_book(slot, Reason::MassCancel, out);
            if canceling.next == u32::MAX {
                break;
            }
        }
        self.books.mass_canceling = (canceling.next != u32::MAX).then_some(canceling);
        self.books.derive();
    }

    /// Begins to cancel, from the next input on, the clients' orders that are allowed no longer, those in the desk's own books and
    /// those that it routes for them.
    #[cold]
    pub(crate) fn cancel_forbidden_in_books(&mut self) {
        if !self.agency.is_empty() {
            self.stop_forbidden_agency();
        }
        if !self.books.orders.is_empty() {
            self.books.cancel_from = Some(0);
            self.books.derive();
        }
    }

    /// Cancels some of the orders that are allowed no longer; `cancel_from` stays set while there may be more.
    pub(super) fn cancel_some_in_books(&mut self, out: &mut Out) {
        let Some(from) = self.books.cancel_from else {
            return;
        };
        let (open, mut rest) = self.books.orders.scan(from, SCANS_PER_INPUT);
        let mut forbidden = [None; CANCELS_PER_INPUT];
        let room = out.lines_left().saturating_sub(BEHIND_LINES) / CANCEL_LINES;
        let mut found = 0;
        for slot in open {
            if !self.is_forbidden(slot) {
                continue;
            }
            if found == CANCELS_PER_INPUT.min(room) {
                rest = Some(slot.place());
                break;
            }
            forbidden[found] = Some(slot);
            found += 1;
        }
        self.books.cancel_from = rest;
        for slot in forbidden.into_iter().flatten() {
            self.cancel_in_book(slot, Reason::Withdrawn, out);
        }
        self.books.derive();
    }

    /// Whether an open order must not be there any longer.
    fn is_forbidden(&self, slot: ClientOrderSlot) -> bool {
        let order = self.books.orders.get(slot);
        order.order_id.epoch != self.epoch
            || self.recalls.is_gone(order.session)
            || self
                .risk
                .forbids_in_book(order.client, order.instrument, order.reduces)
    }

    fn cancel_in_book(&mut self, slot: ClientOrderSlot, why: Reason, out: &mut Out) {
        let canceled = self.ask_books(&Call::Cancel(slot.book_id()), why, out);
        debug_assert!(canceled.is_ok(), "an order that is open can always be cancelled");
    }
}
