//! The states of a client's agency order: FIX's, as the client sees them.
//!
//! Its parts at venues have states of their own. A fill is taken in every state that is not over. One that was asked to be cancelled
//! while parts of it are at venues is not over before they have ended: they are immediate-or-cancel, and may have been filled.

use pinrail_types::Reason;
use pinrail_types::record::{ExecType, OrdStatus};

use super::{Said, Step, Why};

names! {
    /// Where a client's agency order is.
    AgencyState {
        /// It was taken and nothing of it is filled (`OrdStatus` 39 = 0).
        New,
        /// Some of it is filled (39 = 1).
        PartiallyFilled,
        /// The client asked for its cancel, and parts of it are at venues still (39 = 6).
        PendingCancel,
        /// All of it is filled (39 = 2).
        Filled,
        /// What was left ended (39 = 4).
        Canceled,
        /// Its time was over (39 = C).
        Expired,
    }
}

names! {
    /// What happens to a client's agency order.
    AgencyEvent {
        /// A venue filled some of it.
        FillPart,
        /// A venue filled what was left.
        Fill,
        /// The client asks for its cancel while parts of it are at venues.
        AskCancel,
        /// What is left of it ends.
        Cancel,
        /// Its time is over.
        Expire,
        /// A venue takes back some of what was filled.
        Bust,
        /// A venue takes back all that was filled.
        BustAll,
        /// A venue corrects a fill.
        Correct,
        /// The same, and all of the order is filled by it.
        CorrectDone,
    }
}

const fn agency(
    from: AgencyState,
    event: AgencyEvent,
    to: AgencyState,
    exec_type: ExecType,
    ord_status: OrdStatus,
    why: Why,
) -> Step<AgencyState, AgencyEvent> {
    Step {
        from,
        event,
        to,
        said: Said::Execution(exec_type, ord_status),
        why,
    }
}

/// Every step of a client's agency order.
pub const AGENCY_STEPS: &[Step<AgencyState, AgencyEvent>] = {
    use AgencyEvent as E;
    use AgencyState::{Canceled, Expired, Filled, New, PartiallyFilled, PendingCancel};
    use ExecType::{Trade, TradeCancel, TradeCorrect};
    use OrdStatus as O;
    const EXPIRED: Why = Why::Always(Reason::OrderExpired);
    const ASKED: Why = Why::Always(Reason::CancelRequested);
    &[
        agency(
            New,
            E::FillPart,
            PartiallyFilled,
            Trade,
            O::PartiallyFilled,
            Why::None,
        ),
        agency(New, E::Fill, Filled, Trade, O::Filled, Why::None),
        agency(
            New,
            E::AskCancel,
            PendingCancel,
            ExecType::PendingCancel,
            O::PendingCancel,
            ASKED,
        ),
        agency(
            New,
            E::Cancel,
            Canceled,
            ExecType::Canceled,
            O::Canceled,
            Why::Given,
        ),
        agency(New, E::Expire, Expired, ExecType::Expired, O::Expired, EXPIRED),
        agency(
            PartiallyFilled,
            E::FillPart,
            PartiallyFilled,
            Trade,
            O::PartiallyFilled,
            Why::None,
        ),
        agency(PartiallyFilled, E::Fill, Filled, Trade, O::Filled, Why::None),
        agency(
            PartiallyFilled,
            E::AskCancel,
            PendingCancel,
            ExecType::PendingCancel,
            O::PendingCancel,
            ASKED,
        ),
        agency(
            PartiallyFilled,
            E::Cancel,
            Canceled,
            ExecType::Canceled,
            O::Canceled,
            Why::Given,
        ),
        agency(
            PartiallyFilled,
            E::Expire,
            Expired,
            ExecType::Expired,
            O::Expired,
            EXPIRED,
        ),
        agency(
            PartiallyFilled,
            E::Bust,
            PartiallyFilled,
            TradeCancel,
            O::PartiallyFilled,
            Why::None,
        ),
        agency(PartiallyFilled, E::BustAll, New, TradeCancel, O::New, Why::None),
        agency(
            PartiallyFilled,
            E::Correct,
            PartiallyFilled,
            TradeCorrect,
            O::PartiallyFilled,
            Why::None,
        ),
        agency(
            PartiallyFilled,
            E::CorrectDone,
            Filled,
            TradeCorrect,
            O::Filled,
            Why::None,
        ),
        agency(
            PendingCancel,
            E::FillPart,
            PendingCancel,
            Trade,
            O::PendingCancel,
            Why::None,
        ),
        agency(PendingCancel, E::Fill, Filled, Trade, O::Filled, Why::None),
        agency(
            PendingCancel,
            E::Cancel,
            Canceled,
            ExecType::Canceled,
            O::Canceled,
            Why::Given,
        ),
        agency(
            PendingCancel,
            E::Bust,
            PendingCancel,
            TradeCancel,
            O::PendingCancel,
            Why::None,
        ),
        agency(
            PendingCancel,
            E::BustAll,
            PendingCancel,
            TradeCancel,
            O::PendingCancel,
            Why::None,
        ),
        agency(
            PendingCancel,
            E::Correct,
            PendingCancel,
            TradeCorrect,
            O::PendingCancel,
            Why::None,
        ),
        agency(
            PendingCancel,
            E::CorrectDone,
            Filled,
            TradeCorrect,
            O::Filled,
            Why::None,
        ),
    ]
};

machine!(AgencyState, AgencyEvent, AGENCY_STEPS);

impl AgencyState {
    /// Whether more of it may be filled.
    #[inline]
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            AgencyState::New | AgencyState::PartiallyFilled | AgencyState::PendingCancel
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_reached_and_only_an_open_order_goes_on() {
        for state in AgencyState::ALL {
            let is_reached = AGENCY_STEPS.iter().any(|step| step.to == *state);
            assert!(is_reached, "{state:?}");
            let goes_on = AGENCY_STEPS.iter().any(|step| step.from == *state);
            assert_eq!(goes_on, state.is_open(), "{state:?}");
        }
    }

    /// Whatever was asked, a fill is taken and an end is an end.
    #[test]
    fn every_open_order_can_be_filled_and_ended() {
        use AgencyEvent::{Cancel, Fill, FillPart};
        for state in AgencyState::ALL.iter().filter(|state| state.is_open()) {
            for event in [FillPart, Fill, Cancel] {
                assert!(state.step(event).is_some(), "{state:?} {event:?}");
            }
        }
    }
}
