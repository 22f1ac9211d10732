//! The checks of what comes, as `docs/matching.md` has them, in the same order.

use pinrail_types::record::{OrdType, TimeInForce};
use pinrail_types::{Px, Qty, Reason};

use super::book::Book;
use super::order::{Order, can_rest, is_stop};
use crate::config::BookConfig;
use crate::order::{Amend, NewOrder, Phase, PostOnly};

/// The fields of a new order, up to its time.
pub(super) fn check_new(book: &Book, order: &NewOrder, now: u64) -> Result<(), Reason> {
    check_phase(book.phase)?;
    refuse_if(
        order.ord_type == OrdType::PreviouslyQuoted,
        Reason::OrderTypeUnsupported,
    )?;
    refuse_if(
        book.phase == Phase::Auction && !may_gather(order),
        Reason::WrongPhase,
    )?;
    check_qty(&book.config, order.qty)?;
    check_px(&book.config, order.px)?;
    if is_stop(order.ord_type) {
        refuse_if(order.stop_px == Px::NONE, Reason::BadField)?;
        check_px(&book.config, order.stop_px)?;
    } else {
        refuse_if(order.stop_px != Px::NONE, Reason::BadField)?;
    }
    check_min_qty(order)?;
    check_display_qty(&book.config, order)?;
    let may_be_post_only = order.ord_type == OrdType::Limit && can_rest(order);
    refuse_if(
        order.post_only != PostOnly::No && !may_be_post_only,
        Reason::BadField,
    )?;
    let has_date = order.time_in_force == TimeInForce::GoodTillDate;
    refuse_if(has_date != (order.expire_ts != 0), Reason::BadField)?;
    let ends_ts = Order::new(book.instrument, *order, book.day_end).ends_ts;
    refuse_if(ends_ts <= now, Reason::OrderExpired)
}

pub(super) fn refuse_if(is_wrong: bool, reason: Reason) -> Result<(), Reason> {
    if is_wrong { Err(reason) } else { Ok(()) }
}

pub(super) fn check_phase(phase: Phase) -> Result<(), Reason> {
    let takes_orders = matches!(phase, Phase::Continuous | Phase::Auction);
    refuse_if(!takes_orders, Reason::WrongPhase)
}

pub(super) fn check_qty(config: &BookConfig, qty: Qty) -> Result<(), Reason> {
    refuse_if(!qty.is_orderable(), Reason::QtyUnrepresentable)?;
    refuse_if(qty > config.qty_max, Reason::QtyAboveMax)?;
    refuse_if(qty.0 % config.qty_step != 0, Reason::QtyOffGrid)
}

pub(super) fn check_px(config: &BookConfig, px: Px) -> Result<(), Reason> {
    refuse_if(!px.is_representable(), Reason::PxUnrepresentable)?;
    refuse_if(px.0 % config.px_step != 0, Reason::PxOffGrid)?;
    refuse_if(!config.takes(px), Reason::PxOutOfDomain)
}

impl BookConfig {
    fn takes(&self, px: Px) -> bool {
        self.px_min <= px && px <= self.px_max
    }
}

/// Whether an auction takes it.
fn may_gather(order: &NewOrder) -> bool {
    let is_limit = order.ord_type == OrdType::Limit;
    let trades_at_once = !can_rest(order) || order.min_qty.0 > 0;
    is_stop(order.ord_type) || is_limit && !trades_at_once && order.post_only == PostOnly::No
}

fn check_min_qty(order: &NewOrder) -> Result<(), Reason> {
    let is_in_range = 0 <= order.min_qty.0 && order.min_qty <= order.qty;
    let is_in_vain = order.post_only != PostOnly::No && order.min_qty.0 != 0;
    refuse_if(!is_in_range || is_in_vain, Reason::BadField)
}

fn check_display_qty(config: &BookConfig, order: &NewOrder) -> Result<(), Reason> {
    if order.display_qty.0 == 0 {
        return Ok(());
    }
    let is_in_range = config.qty_step <= order.display_qty.0 && order.display_qty <= order.qty;
    let is_on_grid = order.display_qty.0 % config.qty_step == 0;
    refuse_if(!(is_in_range && is_on_grid && can_rest(order)), Reason::BadField)
}

/// The price at which a limit order goes on, by its policy against trading at once.
///
/// # Errors
/// `PostOnly`.
pub(super) fn check_post_only(book: &Book, terms: &NewOrder, px: Px) -> Result<Px, Reason> {
    let Some(best) = book.first_px_across(terms.side, px) else {
        return Ok(px);
    };
    if book.phase != Phase::Continuous {
        return Ok(px);
    }
    match terms.post_only {
        PostOnly::No => Ok(px),
        PostOnly::Reject => Err(Reason::PostOnly),
        PostOnly::Reprice => {
            let behind = Px(best.0 - terms.side.sign() * book.config.px_step);
            refuse_if(!book.config.takes(behind), Reason::PostOnly)?;
            Ok(behind)
        }
    }
}

/// The fields of an amend.
pub(super) fn check_amend(book: &Book, order: &Order, amend: &Amend) -> Result<(), Reason> {
    let keeps_stop_px = amend.stop_px == Px::NONE || amend.stop_px == order.terms.stop_px;
    let only_reduces =
        amend.px == order.terms.px && keeps_stop_px && amend.qty.0 <= order.cum() + order.leaves;
    if !only_reduces {
        check_phase(book.phase)?;
    }
    check_qty(&book.config, amend.qty)?;
    check_px(&book.config, amend.px)?;
    refuse_if(amend.qty.0 <= order.cum(), Reason::QtyBelowFilled)?;
    if amend.stop_px != Px::NONE {
        refuse_if(!order.is_waiting(), Reason::BadField)?;
        check_px(&book.config, amend.stop_px)?;
    }
    Ok(())
}
