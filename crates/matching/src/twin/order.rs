//! An open order of the twin.

use pinrail_types::record::{ExecType, OrdStatus, OrdType, TimeInForce};
use pinrail_types::{InstrumentId, Px, Qty, Reason};

use crate::order::{BookOrder, NewOrder};
use crate::report::{Party, Report};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) instrument: InstrumentId,
    /// As it stands now: price, quantity and the rest are the last that were told. Of a triggered stop the type is that of
    /// what it became, and it has no stop price.
    pub(super) terms: NewOrder,
    pub(super) leaves: i64,
    pub(super) shown: i64,
    /// Its time is over from then on; `u64::MAX` if never.
    pub(super) ends_ts: u64,
}

/// Whether it is a limit or stop-limit order whose time in force lets it rest.
pub(super) fn can_rest(terms: &NewOrder) -> bool {
    let is_limit = matches!(terms.ord_type, OrdType::Limit | OrdType::StopLimit);
    let is_immediate = matches!(
        terms.time_in_force,
        TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill
    );
    is_limit && !is_immediate
}

pub(super) fn is_stop(ord_type: OrdType) -> bool {
    matches!(ord_type, OrdType::Stop | OrdType::StopLimit)
}

impl Order {
    /// The order as it comes, nothing of it filled.
    pub(super) fn new(instrument: InstrumentId, terms: NewOrder, day_end: u64) -> Order {
        let ends_ts = match terms.time_in_force {
            TimeInForce::GoodTillDate => terms.expire_ts,
            TimeInForce::Day if day_end != 0 => day_end,
            _ => u64::MAX,
        };
        Order {
            instrument,
            terms,
            leaves: terms.qty.0,
            shown: 0,
            ends_ts,
        }
    }

    pub(super) fn cum(&self) -> i64 {
        self.terms.qty.0 - self.leaves
    }

    /// It waits for its stop price.
    pub(super) fn is_waiting(&self) -> bool {
        is_stop(self.terms.ord_type)
    }

    /// What is shown of it when it begins to rest, or when what was shown is filled.
    pub(super) fn show(&mut self) {
        self.shown = match self.terms.display_qty.0 {
            0 => self.leaves,
            display_qty => display_qty.min(self.leaves),
        };
    }

    /// Its whole quantity becomes such that so much is open.
    pub(super) fn set_leaves(&mut self, leaves: i64) {
        self.terms.qty = Qty(self.cum() + leaves);
        self.leaves = leaves;
        self.shown = self.shown.min(leaves);
    }

    /// What a report says of it while it is open, or, with an `ended` status, once it has ended.
    pub(super) fn report(&self, exec_type: ExecType, reason: Reason, ended: Option<OrdStatus>) -> Report {
        let open_status = if self.cum() == 0 {
            OrdStatus::New
        } else {
            OrdStatus::PartiallyFilled
        };
        Report {
            exec_type,
            ord_status: ended.unwrap_or(open_status),
            reason,
            instrument: self.instrument,
            order_id: self.terms.order_id,
            client: self.terms.client,
            session: self.terms.session,
            side: self.terms.side,
            px: self.terms.px,
            qty: self.terms.qty,
            leaves: Qty(if ended.is_some() { 0 } else { self.leaves }),
            cum: Qty(self.cum()),
        }
    }

    /// It is open, and something was done to it.
    pub(super) fn open_report(&self, exec_type: ExecType) -> Report {
        self.report(exec_type, Reason::None, None)
    }

    pub(super) fn canceled_report(&self, reason: Reason) -> Report {
        self.report(ExecType::Canceled, reason, Some(OrdStatus::Canceled))
    }

    pub(super) fn party(&self) -> Party {
        Party {
            order_id: self.terms.order_id,
            client: self.terms.client,
            session: self.terms.session,
            leaves: Qty(self.leaves),
            cum: Qty(self.cum()),
        }
    }

    pub(super) fn as_book_order(&self) -> BookOrder {
        BookOrder {
            instrument: self.instrument,
            order_id: self.terms.order_id,
            client: self.terms.client,
            session: self.terms.session,
            side: self.terms.side,
            px: self.terms.px,
            qty: self.terms.qty,
            leaves: Qty(self.leaves),
            shown: Qty(self.shown),
            stop_px: if self.is_waiting() {
                self.terms.stop_px
            } else {
                Px::NONE
            },
        }
    }
}
