//! The states that a request, its quote and an order at a venue can be in, and the only steps from one to another.
//!
//! [`RFQ_STEPS`], [`QUOTE_STEPS`] and [`ORDER_STEPS`] are the truth: what changes a state asks them, and a step that does not stand there is a
//! fault of the program. `docs/states.md` is made from them. A request of a stream is one request for each of its quotes, all
//! under one id.

use pinrail_types::Reason;
use pinrail_types::record::{ExecType, OrdStatus, QuoteStatus, TradeReportTransType};

/// An enum of names, numbered from zero.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $meaning:literal])+ $variant:ident,)+ }) => {
        $(#[$doc])*
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $meaning])+ $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// What it means, in words.
            pub const fn meaning(self) -> &'static str {
                match self { $($name::$variant => concat!($($meaning),+).trim_ascii(),)+ }
            }

            /// The one with this number.
            pub fn from_code(code: u64) -> Option<$name> {
                $name::ALL.get(usize::try_from(code).ok()?).copied()
            }
        }
    };
}

names! {
    /// Where a request for quote is.
    RfqState {
        /// It came in.
        Received,
        /// It was refused, or its dealer passed.
        Rejected,
        /// The pricer makes a price.
        Pricing,
        /// It waits for a dealer.
        Manual,
        /// It has a quote.
        Quoted,
        /// The client took the quote. What became of that, the quote says.
        Accepted,
        /// The client passed.
        Passed,
        /// Its time was over.
        Expired,
        /// The client or the desk took it back.
        Cancelled,
        /// The client traded elsewhere.
        DoneAway,
    }
}

names! {
    /// What happens to a request for quote.
    RfqEvent {
        /// It is refused.
        Refuse,
        /// It goes to the pricer.
        Price,
        /// It goes to a dealer.
        Refer,
        /// A quote goes out.
        Quote,
        /// The client takes the quote.
        Accept,
        /// The client passes.
        Pass,
        /// The client says that it traded elsewhere.
        DoneAway,
        /// Its time is over.
        Expire,
        /// The client or the desk takes it back.
        Cancel,
    }
}

names! {
    /// Where a quote is.
    QuoteState {
        /// It can be taken.
        Active,
        /// It was taken and is looked at once more: last look.
        Held,
        /// It was taken and is being booked; no input leaves it there.
        PendingFill,
        /// A newer quote of its stream took its place.
        Replaced,
        /// The client or the desk took it back.
        Cancelled,
        /// Its validity is over.
        Expired,
        /// The client passed.
        Passed,
        /// The client traded elsewhere.
        DoneAway,
        /// All of it was filled.
        Filled,
        /// A part of it was filled, and the rest ended with that.
        PartFilled,
        /// It was taken and could not be filled.
        Rejected,
    }
}

names! {
    /// What happens to a quote.
    QuoteEvent {
        /// A newer one of its stream takes its place.
        Replace,
        /// The client takes it back.
        Cancel,
        /// The desk takes it back.
        Withdraw,
        /// Its validity is over.
        Expire,
        /// The client passes.
        Pass,
        /// The client says that it traded elsewhere.
        DoneAway,
        /// The client takes it, and its tier has a last look.
        Hold,
        /// The client takes it, or the last look is passed.
        Take,
        /// All of it is booked.
        Fill,
        /// A part of it is booked.
        FillPart,
        /// It is refused after it was taken.
        Reject,
    }
}

/// What a step tells, in FIX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// Nothing: another step of the same input does.
    Nothing,
    /// `Quote` (S).
    Quote,
    /// `QuoteRequestReject` (AG).
    RequestReject,
    /// `DealerRequest`, to dealers and in no FIX message.
    DealerRequest,
    /// `QuoteStatusReport` (AI) with this `QuoteStatus` 297.
    Status(QuoteStatus),
    /// `ExecutionReport` (8) with this `ExecType` 150 and `OrdStatus` 39.
    Execution(ExecType, OrdStatus),
    /// `VenueOrderCancel`, to the venue as `OrderCancelRequest` (F).
    VenueOrderCancel,
    /// `VenueOrderReplace`, to the venue as `OrderCancelReplaceRequest` (G).
    VenueOrderReplace,
    /// `TradeCaptureReport` (AE) with this `TradeReportTransType` 487.
    Trade(TradeReportTransType),
}

/// The reason with which a step is told, and with which whoever names what ended is refused later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There is none.
    None,
    /// Always this.
    Always(Reason),
    /// Whatever led to it.
    Given,
}

impl Why {
    /// Whether a step may have this reason.
    pub const fn allows(self, reason: Reason) -> bool {
        match self {
            Why::None => matches!(reason, Reason::None),
            Why::Always(always) => reason.code() == always.code(),
            Why::Given => !matches!(reason, Reason::None),
        }
    }
}

/// A step from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step<S, E> {
    /// In this state,
    pub from: S,
    /// when this happens,
    pub event: E,
    /// it comes to this one.
    pub to: S,
    /// What is told of it.
    pub said: Said,
    /// With which reason.
    pub why: Why,
}

const fn rfq(
    from: RfqState,
    event: RfqEvent,
    to: RfqState,
    said: Said,
    why: Why,
) -> Step<RfqState, RfqEvent> {
    Step {
        from,
        event,
        to,
        said,
        why,
    }
}

const fn quote(
    from: QuoteState,
    event: QuoteEvent,
    to: QuoteState,
    said: Said,
    why: Why,
) -> Step<QuoteState, QuoteEvent> {
    Step {
        from,
        event,
        to,
        said,
        why,
    }
}

/// Every step of a request. What is told of one that has a quote, the quote's step tells.
pub const RFQ_STEPS: &[Step<RfqState, RfqEvent>] = {
    use RfqState::{
        Accepted, Cancelled, DoneAway, Expired, Manual, Passed, Pricing, Quoted, Received, Rejected,
    };
    use Said::{DealerRequest, Nothing, Quote, RequestReject};
    &[
        rfq(Received, RfqEvent::Refuse, Rejected, RequestReject, Why::Given),
        rfq(Received, RfqEvent::Price, Pricing, Nothing, Why::None),
        rfq(Received, RfqEvent::Refer, Manual, DealerRequest, Why::None),
        rfq(Pricing, RfqEvent::Refuse, Rejected, RequestReject, Why::Given),
        rfq(Pricing, RfqEvent::Quote, Quoted, Quote, Why::None),
        rfq(Manual, RfqEvent::Refuse, Rejected, RequestReject, Why::Given),
        rfq(Manual, RfqEvent::Quote, Quoted, Quote, Why::None),
        rfq(
            Manual,
            RfqEvent::Expire,
            Expired,
            RequestReject,
            Why::Always(Reason::DealerTimeout),
        ),
        rfq(Manual, RfqEvent::Cancel, Cancelled, RequestReject, Why::Given),
        rfq(Quoted, RfqEvent::Accept, Accepted, Nothing, Why::None),
        rfq(Quoted, RfqEvent::Pass, Passed, Nothing, Why::None),
        rfq(Quoted, RfqEvent::DoneAway, DoneAway, Nothing, Why::None),
        rfq(Quoted, RfqEvent::Expire, Expired, Nothing, Why::None),
        rfq(Quoted, RfqEvent::Cancel, Cancelled, Nothing, Why::None),
    ]
};

/// Every step of a quote.
pub const QUOTE_STEPS: &[Step<QuoteState, QuoteEvent>] = {
    use QuoteState::{
        Active, Cancelled, DoneAway, Expired, Filled, Held, PartFilled, Passed, PendingFill, Rejected,
        Replaced,
    };
    use Said::{Execution, Nothing, Status};
    use Why::Always;
    const HOLD: Said = Execution(ExecType::PendingNew, OrdStatus::PendingNew);
    const TRADE: Said = Execution(ExecType::Trade, OrdStatus::Filled);
    const REJECT: Said = Execution(ExecType::Rejected, OrdStatus::Rejected);
    &[
        quote(
            Active,
            QuoteEvent::Replace,
            Replaced,
            Status(QuoteStatus::Canceled),
            Always(Reason::QuoteReplaced),
        ),
        quote(
            Active,
            QuoteEvent::Cancel,
            Cancelled,
            Status(QuoteStatus::Canceled),
            Why::Given,
        ),
        quote(
            Active,
            QuoteEvent::Withdraw,
            Cancelled,
            Status(QuoteStatus::Removed),
            Why::Given,
        ),
        quote(
            Active,
            QuoteEvent::Expire,
            Expired,
            Status(QuoteStatus::Expired),
            Always(Reason::QuoteExpired),
        ),
        quote(
            Active,
            QuoteEvent::Pass,
            Passed,
            Status(QuoteStatus::Pass),
            Always(Reason::ClientPassed),
        ),
        // FIX has no status for it: the reason tells it from others.
        quote(
            Active,
            QuoteEvent::DoneAway,
            DoneAway,
            Status(QuoteStatus::Canceled),
            Always(Reason::DoneAway),
        ),
        quote(Active, QuoteEvent::Hold, Held, HOLD, Why::None),
        quote(Active, QuoteEvent::Take, PendingFill, Nothing, Why::None),
        quote(Held, QuoteEvent::Take, PendingFill, Nothing, Why::None),
        quote(Held, QuoteEvent::Reject, Rejected, REJECT, Why::Given),
        quote(
            PendingFill,
            QuoteEvent::FillPart,
            PartFilled,
            TRADE,
            Always(Reason::QuoteFilled),
        ),
        quote(
            PendingFill,
            QuoteEvent::Fill,
            Filled,
            TRADE,
            Always(Reason::QuoteFilled),
        ),
        quote(PendingFill, QuoteEvent::Reject, Rejected, REJECT, Why::Given),
    ]
};

/// The steps of a table by state and event.
macro_rules! machine {
    ($state:ident, $event:ident, $steps:ident) => {
        impl $state {
            /// The step that `event` makes from here, `None` if it makes none.
            #[inline]
            pub const fn step(self, event: $event) -> Option<&'static Step<$state, $event>> {
                const PLACES: [[u8; $event::ALL.len()]; $state::ALL.len()] = {
                    let mut places = [[0; $event::ALL.len()]; $state::ALL.len()];
                    let mut at = 0;
                    while at < $steps.len() {
                        let step = &$steps[at];
                        let place = &mut places[step.from as usize][step.event as usize];
                        assert!(*place == 0, "one step for a state and an event");
                        at += 1;
                        *place = at as u8;
                    }
                    places
                };
                match PLACES[self as usize][event as usize] {
                    0 => None,
                    place => Some(&$steps[place as usize - 1]),
                }
            }

            /// The state that `event` leads to from here.
            ///
            /// # Panics
            /// If it leads nowhere: a fault of the program.
            #[inline]
            #[must_use]
            pub const fn after(self, event: $event) -> $state {
                match self.step(event) {
                    Some(step) => step.to,
                    None => panic!("no such step from this state"),
                }
            }
        }
    };
}

machine!(RfqState, RfqEvent, RFQ_STEPS);
machine!(QuoteState, QuoteEvent, QUOTE_STEPS);

mod agency;
mod orders;

pub use agency::{AGENCY_STEPS, AgencyEvent, AgencyState};
pub use orders::{ORDER_STEPS, OrderEvent, OrderState};

impl QuoteState {
    /// Whether it can still become another: what it holds is not released yet.
    #[inline]
    pub const fn is_open(self) -> bool {
        matches!(
            self,
            QuoteState::Active | QuoteState::Held | QuoteState::PendingFill
        )
    }
}

impl QuoteEvent {
    /// What it is to the request that the quote answers, where it is anything.
    #[inline]
    pub(crate) const fn of_request(self) -> Option<RfqEvent> {
        match self {
            QuoteEvent::Replace | QuoteEvent::Cancel | QuoteEvent::Withdraw => Some(RfqEvent::Cancel),
            QuoteEvent::Expire => Some(RfqEvent::Expire),
            QuoteEvent::Pass => Some(RfqEvent::Pass),
            QuoteEvent::DoneAway => Some(RfqEvent::DoneAway),
            QuoteEvent::Hold | QuoteEvent::Take => Some(RfqEvent::Accept),
            QuoteEvent::Fill | QuoteEvent::FillPart | QuoteEvent::Reject => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_reached_and_only_an_open_quote_goes_on() {
        let is_reached = |state| state == RfqState::Received || RFQ_STEPS.iter().any(|step| step.to == state);
        assert!(RfqState::ALL.iter().all(|state| is_reached(*state)));
        for state in QuoteState::ALL {
            let is_first = *state == QuoteState::Active;
            assert!(
                is_first || QUOTE_STEPS.iter().any(|step| step.to == *state),
                "{state:?}"
            );
            let goes_on = QUOTE_STEPS.iter().any(|step| step.from == *state);
            assert_eq!(goes_on, state.is_open(), "{state:?}");
        }
    }

    #[test]
    fn a_reason_is_given_where_the_table_says_so() {
        assert!(Why::None.allows(Reason::None) && !Why::None.allows(Reason::Halted));
        assert!(Why::Given.allows(Reason::Halted) && !Why::Given.allows(Reason::None));
        assert!(Why::Always(Reason::Halted).allows(Reason::Halted));
        assert!(!Why::Always(Reason::Halted).allows(Reason::ReduceOnly));
    }
}
