//! Orders at venues that owe an answer: venues are asked again, and when that does not help a person is told.

use pinrail_oms::{ASKS_MAX, OrderSlot, REFUSALS_MAX};
use pinrail_pricing::Pricer;
use pinrail_types::record::{Scope, VenueOrderAlert, VenueOrderStatusRequest};
use pinrail_types::{OpenOrder, Reason};

use crate::out::Out;
use crate::state::Engine;

/// A venue has so long to answer before it is asked what became of an order.
pub const ANSWER_NS: u64 = 5_000_000_000;
/// So long behind a refusal a venue is asked again to cancel an order that must not be there.
pub const CANCEL_RETRY_NS: u64 = 1_000_000_000;
/// Orders that one input looks at, at most.
const LOOKS_PER_INPUT: usize = 8;
/// What a look says at most, a halt of the venue and one of the instrument included.
const LOOK_LINES: usize = 2 + 1 + 1;
/// What is said behind all looks: the hash of all outputs.
const BEHIND_LINES: usize = 1;

impl<P: Pricer> Engine<P> {
    /// Looks at the orders whose time has come, if there is room for what that leads to.
    #[inline]
    pub(crate) fn look_after_orders(&mut self, out: &mut Out) {
        if self.orders.next_look() <= out.now() {
            self.look_after_due_orders(out);
        }
    }

    #[cold]
    fn look_after_due_orders(&mut self, out: &mut Out) {
        for _ in 0..LOOKS_PER_INPUT {
            if out.lines_left() < LOOK_LINES + BEHIND_LINES {
                return;
            }
            let Some(slot) = self.orders.due(out.now()) else {
                return;
            };
            self.look_after(slot, out);
        }
    }

    fn look_after(&mut self, slot: OrderSlot, out: &mut Out) {
        let held = *self.orders.get(slot);
        self.orders.look_at(slot, u64::MAX);
        if !held.is_canceling
            && self.orders.refusals(slot) < REFUSALS_MAX
            && let Some(reason) = self.why_gone(&held)
        {
            self.send_cancel(slot, reason, out);
        } else if !self.orders.owes_answer(slot) {
            // It rests.
        } else if self.orders.asked(slot) < ASKS_MAX {
            out.push(VenueOrderStatusRequest {
                order_id: held.order_id,
                instrument: held.order.instrument,
                venue: held.order.venue,
                side: held.order.side.fix(),
                asked_before: self.orders.asked(slot),
                ..bytemuck::Zeroable::zeroed()
            });
            self.orders.count_ask(slot);
            self.expect_answer(slot, out);
        } else if self.orders.asked(slot) == ASKS_MAX {
            self.orders.count_ask(slot);
            self.tell_unanswered(&held, out);
        }
    }

    /// Nobody knows what was filled of it. What is left of its parent order is sent nowhere, nor is anything else in the
    /// instrument.
    fn tell_unanswered(&mut self, held: &OpenOrder, out: &mut Out) {
        let reason = Reason::OrderUnanswered;
        self.stop_parent(held.parent_id, reason);
        out.push(alert(held, reason));
        self.halt_venue(held.order.venue, reason, out);
        self.halt_by_itself(Scope::Instrument, held.order.instrument.0, reason, out);
    }

    /// Its venue has so long to answer.
    #[inline]
    pub(crate) fn expect_answer(&mut self, slot: OrderSlot, out: &Out) {
        self.orders.look_at(slot, out.now().saturating_add(ANSWER_NS));
    }

    /// Whether an order that its venue refused to cancel waits until it is asked again, or for a person.
    pub(crate) fn is_put_off(&self, slot: OrderSlot) -> bool {
        self.orders.refusals(slot) > 0
    }

    /// The venue refused to cancel an order. One that must not be there is asked for again some time later, and not for ever.
    pub(crate) fn put_off_cancel(&mut self, slot: OrderSlot, out: &mut Out) {
        let held = *self.orders.get(slot);
        if self.why_gone(&held).is_none() {
            return;
        }
        if self.orders.count_refusal(slot) < REFUSALS_MAX {
            self.orders
                .look_at(slot, out.now().saturating_add(CANCEL_RETRY_NS));
            return;
        }
        self.expect_answer(slot, out);
        out.push(alert(&held, Reason::CancelRefused));
        self.halt_venue(held.order.venue, Reason::CancelRefused, out);
    }

    /// A person acted: whatever venues refused or did not answer is asked for again.
    pub(crate) fn ask_all_again(&mut self, now: u64) {
        self.orders.forgive(now);
    }
}

fn alert(held: &OpenOrder, reason: Reason) -> VenueOrderAlert {
    let order = &held.order;
    VenueOrderAlert {
        order_id: held.order_id,
        instrument: order.instrument,
        venue: order.venue,
        strategy: order.strategy,
        parent_id: held.parent_id,
        px: order.px,
        cum_qty: held.cum_qty,
        leaves_qty: held.leaves,
        reason: reason.code(),
        side: order.side.fix(),
        time_in_force: order.time_in_force.byte(),
        ..bytemuck::Zeroable::zeroed()
    }
}
