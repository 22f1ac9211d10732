//! The states of an order at a venue: FIX's, with those in which the venue owes an answer.
//!
//! Reports come late, twice and out of order, so that a fill is taken in every state that is not over, and what a report no
//! longer changes makes no step. *Part* in the name of an event says that some of the order is filled, *Done* that nothing is
//! left of it. `Replaced` is no state: FIX has none since 4.3, and the order goes on under our id.

use pinrail_types::record::TradeReportTransType;

use super::{Said, Step, Why};

names! {
    /// Where an order at a venue is.
    OrderState {
        /// It was sent and the venue has not answered (`OrdStatus` 39 = A).
        PendingNew,
        /// The venue has it and nothing of it is filled (39 = 0).
        New,
        /// The venue has it and some of it is filled (39 = 1).
        PartiallyFilled,
        /// The venue is to cancel it and has not answered (39 = 6). A replacement may be under way besides.
        PendingCancel,
        /// The venue is to replace it and has not answered (39 = E). The larger of both is reserved.
        PendingReplace,
        /// The desk started anew meanwhile: what was sent last may never have left, or never have been answered. It is to be
        /// cancelled.
        InDoubt,
        /// All of it is filled (39 = 2), or a replacement left no more than what was.
        Filled,
        /// The venue cancelled what was left (39 = 4).
        Canceled,
        /// The venue does not take it (39 = 8).
        Rejected,
        /// Its time was over at the venue (39 = C).
        Expired,
    }
}

names! {
    /// What happens to an order at a venue.
    OrderEvent {
        /// The venue confirms it.
        Confirm,
        /// Some of it is filled.
        FillPart,
        /// What was left is filled.
        Fill,
        /// The venue is asked to cancel it.
        AskCancel,
        /// The venue is asked to replace it.
        AskReplace,
        /// The venue refuses the cancel.
        RefuseCancel,
        /// The same, and some of it is filled.
        RefuseCancelPart,
        /// The same, and a replacement is still under way.
        RefuseCancelReplacing,
        /// The venue has replaced it.
        Replace,
        /// The same, and some of it is filled.
        ReplacePart,
        /// The same, and no more is wanted than was filled.
        ReplaceDone,
        /// The venue refuses to replace it.
        RefuseReplace,
        /// The same, and some of it is filled.
        RefuseReplacePart,
        /// The same, and all of it is filled: only the replacement would have been for more.
        RefuseReplaceDone,
        /// The venue cancels it.
        Cancel,
        /// The venue rejects it.
        Reject,
        /// The venue says that its time is over.
        Expire,
        /// The desk started anew.
        Doubt,
        /// The venue takes back some of what was filled.
        Bust,
        /// The venue takes back all that was filled.
        BustAll,
    }
}

const FILL: Said = Said::Trade(TradeReportTransType::New);
const BUST: Said = Said::Trade(TradeReportTransType::Cancel);

const fn order(
    from: OrderState,
    event: OrderEvent,
    to: OrderState,
    said: Said,
) -> Step<OrderState, OrderEvent> {
    Step {
        from,
        event,
        to,
        said,
        why: Why::None,
    }
}

/// Every step of an order at a venue. What is told of one that ended is the venue's own report.
pub const ORDER_STEPS: &[Step<OrderState, OrderEvent>] = {
    use OrderEvent as E;
    use OrderState::{
        Canceled, Expired, Filled, InDoubt, New, PartiallyFilled, PendingCancel, PendingNew, PendingReplace,
        Rejected,
    };
    use Said::{Nothing, VenueOrderCancel, VenueOrderReplace};
    &[
        order(PendingNew, E::Confirm, New, Nothing),
        order(PendingNew, E::FillPart, PartiallyFilled, FILL),
        order(PendingNew, E::Fill, Filled, FILL),
        order(PendingNew, E::AskCancel, PendingCancel, VenueOrderCancel),
        order(PendingNew, E::Cancel, Canceled, Nothing),
        order(PendingNew, E::Reject, Rejected, Nothing),
        order(PendingNew, E::Expire, Expired, Nothing),
        order(PendingNew, E::Doubt, InDoubt, Nothing),
        order(New, E::FillPart, PartiallyFilled, FILL),
        order(New, E::Fill, Filled, FILL),
        order(New, E::AskCancel, PendingCancel, VenueOrderCancel),
        order(New, E::AskReplace, PendingReplace, VenueOrderReplace),
        order(New, E::Cancel, Canceled, Nothing),
        order(New, E::Reject, Rejected, Nothing),
        order(New, E::Expire, Expired, Nothing),
        order(New, E::Doubt, InDoubt, Nothing),
        order(PartiallyFilled, E::FillPart, PartiallyFilled, FILL),
        order(PartiallyFilled, E::Fill, Filled, FILL),
        order(PartiallyFilled, E::AskCancel, PendingCancel, VenueOrderCancel),
        order(PartiallyFilled, E::AskReplace, PendingReplace, VenueOrderReplace),
        order(PartiallyFilled, E::Cancel, Canceled, Nothing),
        order(PartiallyFilled, E::Reject, Rejected, Nothing),
        order(PartiallyFilled, E::Expire, Expired, Nothing),
        order(PartiallyFilled, E::Doubt, InDoubt, Nothing),
        order(PartiallyFilled, E::Bust, PartiallyFilled, BUST),
        order(PartiallyFilled, E::BustAll, New, BUST),
        order(PendingReplace, E::FillPart, PendingReplace, FILL),
        order(PendingReplace, E::Fill, Filled, FILL),
        order(PendingReplace, E::AskCancel, PendingCancel, VenueOrderCancel),
        order(PendingReplace, E::Replace, New, Nothing),
        order(PendingReplace, E::ReplacePart, PartiallyFilled, Nothing),
        order(PendingReplace, E::ReplaceDone, Filled, Nothing),
        order(PendingReplace, E::RefuseReplace, New, Nothing),
        order(PendingReplace, E::RefuseReplacePart, PartiallyFilled, Nothing),
        order(PendingReplace, E::RefuseReplaceDone, Filled, Nothing),
        order(PendingReplace, E::Cancel, Canceled, Nothing),
        order(PendingReplace, E::Reject, Rejected, Nothing),
        order(PendingReplace, E::Expire, Expired, Nothing),
        order(PendingReplace, E::Doubt, InDoubt, Nothing),
        order(PendingReplace, E::Bust, PendingReplace, BUST),
        order(PendingReplace, E::BustAll, PendingReplace, BUST),
        order(PendingCancel, E::FillPart, PendingCancel, FILL),
        order(PendingCancel, E::Fill, Filled, FILL),
        order(PendingCancel, E::RefuseCancel, New, Nothing),
        order(PendingCancel, E::RefuseCancelPart, PartiallyFilled, Nothing),
        order(PendingCancel, E::RefuseCancelReplacing, PendingReplace, Nothing),
        order(PendingCancel, E::Replace, PendingCancel, Nothing),
        order(PendingCancel, E::ReplacePart, PendingCancel, Nothing),
        order(PendingCancel, E::ReplaceDone, Filled, Nothing),
        order(PendingCancel, E::RefuseReplace, PendingCancel, Nothing),
        order(PendingCancel, E::RefuseReplacePart, PendingCancel, Nothing),
        order(PendingCancel, E::RefuseReplaceDone, Filled, Nothing),
        order(PendingCancel, E::Cancel, Canceled, Nothing),
        order(PendingCancel, E::Reject, Rejected, Nothing),
        order(PendingCancel, E::Expire, Expired, Nothing),
        order(PendingCancel, E::Doubt, InDoubt, Nothing),
        order(PendingCancel, E::Bust, PendingCancel, BUST),
        order(PendingCancel, E::BustAll, PendingCancel, BUST),
        order(InDoubt, E::FillPart, InDoubt, FILL),
        order(InDoubt, E::Fill, Filled, FILL),
        order(InDoubt, E::AskCancel, PendingCancel, VenueOrderCancel),
        order(InDoubt, E::Replace, InDoubt, Nothing),
        order(InDoubt, E::ReplacePart, InDoubt, Nothing),
        order(InDoubt, E::ReplaceDone, Filled, Nothing),
        order(InDoubt, E::RefuseReplace, InDoubt, Nothing),
        order(InDoubt, E::RefuseReplacePart, InDoubt, Nothing),
        order(InDoubt, E::RefuseReplaceDone, Filled, Nothing),
        order(InDoubt, E::Cancel, Canceled, Nothing),
        order(InDoubt, E::Reject, Rejected, Nothing),
        order(InDoubt, E::Expire, Expired, Nothing),
        order(InDoubt, E::Doubt, InDoubt, Nothing),
        order(InDoubt, E::Bust, InDoubt, BUST),
        order(InDoubt, E::BustAll, InDoubt, BUST),
    ]
};

machine!(OrderState, OrderEvent, ORDER_STEPS);

impl OrderState {
    /// Whether the venue may still fill it: what it holds is not released yet.
    #[inline]
    pub const fn is_open(self) -> bool {
        !matches!(
            self,
            OrderState::Filled | OrderState::Canceled | OrderState::Rejected | OrderState::Expired
        )
    }

    /// Whether the venue may be asked to replace it: it has it, and owes no answer.
    #[inline]
    pub const fn may_be_replaced(self) -> bool {
        self.step(OrderEvent::AskReplace).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_reached_and_only_an_open_order_goes_on() {
        for state in OrderState::ALL {
            let is_reached = ORDER_STEPS.iter().any(|step| step.to == *state);
            assert!(is_reached || *state == OrderState::PendingNew, "{state:?}");
            let goes_on = ORDER_STEPS.iter().any(|step| step.from == *state);
            assert_eq!(goes_on, state.is_open(), "{state:?}");
        }
    }

    /// Whatever a venue is asked, an order that is open can be filled, ended and doubted: none of these waits for an answer.
    #[test]
    fn every_open_order_can_be_filled_ended_and_doubted() {
        use OrderEvent::{Cancel, Doubt, Expire, Fill, FillPart, Reject};
        for state in OrderState::ALL.iter().filter(|state| state.is_open()) {
            for event in [FillPart, Fill, Cancel, Reject, Expire, Doubt] {
                assert!(state.step(event).is_some(), "{state:?} {event:?}");
            }
        }
    }
}
