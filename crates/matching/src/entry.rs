//! What a new order, or another price and quantity, must be.

use pinrail_types::record::{OrdType, TimeInForce};
use pinrail_types::{Px, Qty, Reason};

use crate::book::Book;
use crate::config::BookConfig;
use crate::order::{NewOrder, Phase, PostOnly};
use crate::take::can_rest;

impl BookConfig {
    #[inline]
    pub(crate) fn check_qty(&self, qty: Qty) -> Result<(), Reason> {
        if qty.0 <= 0 || qty > self.qty_max {
            return Err(if qty.is_orderable() {
                Reason::QtyAboveMax
            } else {
                Reason::QtyUnrepresentable
            });
        }
        if self.qty_step != 1 && qty.0 % self.qty_step != 0 {
            return Err(Reason::QtyOffGrid);
        }
        Ok(())
    }

    #[expect(clippy::inline_always, reason = "once a message")]
    #[inline(always)]
    pub(crate) fn check_px(&self, px: Px) -> Result<(), Reason> {
        if px < self.px_min || px > self.px_max {
            return Err(if px.is_representable() {
                self.beyond(px)
            } else {
                Reason::PxUnrepresentable
            });
        }
        if self.px_step != 1 && px.0 % self.px_step != 0 {
            return Err(Reason::PxOffGrid);
        }
        Ok(())
    }

    /// Off the grid is said before out of the domain.
    #[cold]
    fn beyond(&self, px: Px) -> Reason {
        if px.0 % self.px_step == 0 {
            Reason::PxOutOfDomain
        } else {
            Reason::PxOffGrid
        }
    }

    /// Whether an order may be put at a price.
    pub(crate) fn has(&self, px: Px) -> bool {
        (self.px_min..=self.px_max).contains(&px)
    }
}

/// Whether an order is a limit order with nothing special about it, good till cancelled or immediate-or-cancel.
#[expect(clippy::needless_bitwise_bool, reason = "one branch for all of it")]
#[inline]
pub(crate) fn is_plain(order: &NewOrder) -> bool {
    let is_plain_time = matches!(
        order.time_in_force,
        TimeInForce::GoodTillCancel | TimeInForce::ImmediateOrCancel
    );
    matches!(order.ord_type, OrdType::Limit)
        & is_plain_time
        & (order.stop_px == Px::NONE)
        & (order.min_qty.0 | order.display_qty.0 | order.expire_ts.cast_signed() == 0)
        & matches!(order.post_only, PostOnly::No)
}

/// The checks of an order by itself, and of the time.
#[inline]
pub(crate) fn check(book: &Book, order: &NewOrder, now: u64) -> Result<(), Reason> {
    let is_plain = is_plain(order);
    if book.phase != Phase::Continuous {
        check_phase(book.phase, order)?;
    }
    if !is_plain && !is_type(order.ord_type) {
        return Err(Reason::OrderTypeUnsupported);
    }
    if book.phase == Phase::Auction && is_for_continuous(order) {
        return Err(Reason::WrongPhase);
    }
    book.config.check_qty(order.qty)?;
    book.config.check_px(order.px)?;
    if is_plain {
        return Ok(());
    }
    check_rest(book, order, now)
}

#[cold]
fn check_phase(phase: Phase, _order: &NewOrder) -> Result<(), Reason> {
    match phase {
        Phase::Continuous | Phase::Auction => Ok(()),
        Phase::CancelOnly | Phase::Halted => Err(Reason::WrongPhase),
    }
}

fn is_type(ord_type: OrdType) -> bool {
    matches!(
        ord_type,
        OrdType::Market | OrdType::Limit | OrdType::Stop | OrdType::StopLimit
    )
}

pub(crate) fn is_stop(ord_type: OrdType) -> bool {
    matches!(ord_type, OrdType::Stop | OrdType::StopLimit)
}

/// Whether an auction has no use for it.
fn is_for_continuous(order: &NewOrder) -> bool {
    let is_immediate = matches!(
        order.time_in_force,
        TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill
    );
    !is_stop(order.ord_type)
        && (order.ord_type == OrdType::Market
            || is_immediate
            || order.post_only != PostOnly::No
            || order.min_qty.0 > 0)
}

#[cold]
fn check_rest(book: &Book, order: &NewOrder, now: u64) -> Result<(), Reason> {
    let bad = |is_bad: bool| if is_bad { Err(Reason::BadField) } else { Ok(()) };
    bad(is_stop(order.ord_type) != (order.stop_px != Px::NONE))?;
    if is_stop(order.ord_type) {
        book.config.check_px(order.stop_px)?;
    }
    bad(!(0..=order.qty.0).contains(&order.min_qty.0))?;
    bad(order.min_qty.0 != 0 && order.post_only != PostOnly::No)?;
    let display = order.display_qty.0;
    if display != 0 {
        let is_fit = (1..=order.qty.0).contains(&display) && display % book.config.qty_step == 0;
        bad(!is_fit || !can_rest(order))?;
    }
    bad(order.post_only != PostOnly::No && (order.ord_type != OrdType::Limit || !can_rest(order)))?;
    bad((order.time_in_force == TimeInForce::GoodTillDate) != (order.expire_ts != 0))?;
    let end = match order.time_in_force {
        TimeInForce::Day => book.day_end_ts,
        _ => order.expire_ts,
    };
    if end != 0 && end <= now {
        return Err(Reason::OrderExpired);
    }
    Ok(())
}
