//! Last look: an accept that is held for a time that its client was told, and then looked at once more.
//!
//! At the end of the hold two things are checked and no other: that the trade is valid now (trading states, the restricted list, a
//! duplicate), and that the pricer's price for the same did not move beyond the tolerance. A move for the client and one
//! against it are treated alike, unless the tier says otherwise. Meanwhile nothing is traded for it and no strategy hears of it.

use pinrail_oms::life::{QuoteEvent, Said};
use pinrail_oms::{Hold, OpenQuote, Slot};
use pinrail_pricing::{Pricer, TIERS_MAX};
use pinrail_risk::Ask;
use pinrail_types::record::{
    ExecutionReport, LastLookDef, LastLookOutcome, LastLookReport, NewOrderSingle, PACKAGE, QuoteRequest,
};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{E8, OutId, Px, Reason, Side};

use crate::out::Out;
use crate::rfq::{executed, refused, trade};
use crate::rules::Rule;
use crate::state::Engine;

/// Longest hold: a second.
const HOLD_NS_MAX: u64 = 1_000_000_000;

/// The last look of a tier.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LastLook {
    /// Zero for none.
    pub(crate) hold_ns: u64,
    tolerance_e8: i64,
    is_one_sided: bool,
}

pub(crate) type LastLooks = [LastLook; TIERS_MAX];

pub(crate) fn visit(looks: &mut LastLooks, visitor: &mut impl Visitor) -> Result<(), StateError> {
    for look in looks {
        visitor.word(&mut look.hold_ns)?;
        visitor.signed(&mut look.tolerance_e8)?;
        visitor.flag(&mut look.is_one_sided)?;
    }
    Ok(())
}

/// Whether the price moved too far while it was held.
fn is_beyond(hold: &Hold, side: Side, now_px: Px) -> bool {
    let quoted = i128::from(hold.order.px.0);
    let moved = i128::from(now_px.0) - quoted;
    let against_house = match side {
        Side::Buy => moved > 0,
        Side::Sell => moved < 0,
    };
    let is_far = moved.abs() * i128::from(E8) > i128::from(hold.tolerance_e8) * quoted.abs();
    is_far && (against_house || !hold.is_one_sided)
}

impl<P: Pricer> Engine<P> {
    /// Sets the last look of a tier; what is held already stays so.
    pub(crate) fn on_last_look(&mut self, def: &LastLookDef) -> Result<(), Reason> {
        let look = self.last_looks.get_mut(usize::from(def.tier));
        let look = look.ok_or(Reason::BadField)?;
        if def.hold_ns > HOLD_NS_MAX || !(0..=E8).contains(&def.tolerance_e8) || def.one_sided > 1 {
            return Err(Reason::BadField);
        }
        if def.actor.is_empty() {
            return Err(Reason::ActorMissing);
        }
        *look = LastLook {
            hold_ns: def.hold_ns,
            tolerance_e8: def.tolerance_e8,
            is_one_sided: def.one_sided == 1,
        };
        Ok(())
    }

    /// Holds an accept that passed all checks, and tells of it.
    #[cold]
    pub(crate) fn hold(&mut self, order: &NewOrderSingle, slot: Slot, look: LastLook, out: &mut Out) {
        let (order_id, said) = self.put_on_hold(order, slot, look, out);
        let report = ExecutionReport {
            order_id,
            last_px: Px::NONE,
            leaves_qty: order.qty,
            ..executed(order, order_id, said)
        };
        self.report(report, out);
    }

    /// Holds an accept; gives back our id of it, which that of its report is to be, and what is to be told.
    pub(crate) fn put_on_hold(
        &mut self,
        order: &NewOrderSingle,
        slot: Slot,
        look: LastLook,
        out: &Out,
    ) -> (OutId, Said) {
        let said = self.quotes.take(slot, QuoteEvent::Hold);
        let order_id = out.next_id();
        let hold = Hold {
            order: NewOrderSingle {
                header: bytemuck::Zeroable::zeroed(),
                ..*order
            },
            order_id,
            taken_at: out.now(),
            hold_ns: look.hold_ns,
            tolerance_e8: look.tolerance_e8,
            is_one_sided: look.is_one_sided,
        };
        self.holds.hold(slot, &hold);
        (order_id, said)
    }

    /// Looks at one accept whose hold is over: it is filled or refused.
    #[cold]
    pub(crate) fn look_again(&mut self, out: &mut Out) {
        let Some((slot, hold)) = self.holds.take_due(out.now()) else {
            return;
        };
        let order = &hold.order;
        if order.instrument == PACKAGE {
            return self.look_again_at_package(slot, &hold, out);
        }
        let side = Side::from_fix(order.side).expect("it was checked when it was taken");
        let quote = *self.quotes.get(slot);
        let ask = Ask {
            client: order.client,
            instrument: order.instrument,
            side: Some(side),
            qty: order.qty,
        };
        let (check_px, checked) = match self.risk.check_fill(&ask, out.now()) {
            Ok(()) => self.check_price(&hold, &quote, side, out.now()),
            Err(reason) => (Px::NONE, Err(reason)),
        };
        let checked = checked.and_then(|()| self.check_booking(order, side, out));
        let reason = checked.err().unwrap_or(Reason::None);
        let outcome = match checked {
            Ok(()) => LastLookOutcome::Accepted,
            Err(_) => LastLookOutcome::Rejected,
        };
        out.push(LastLookReport {
            quote_id: order.quote_id,
            order_id: hold.order_id,
            cl_ord_id: order.cl_ord_id,
            client: order.client,
            instrument: order.instrument,
            quoted_px: order.px,
            check_px,
            tolerance_e8: hold.tolerance_e8,
            hold_ns: hold.hold_ns,
            held_ns: out.now() - hold.taken_at,
            reason: reason.code(),
            side: order.side,
            one_sided: u8::from(hold.is_one_sided),
            outcome: outcome.byte(),
            ..bytemuck::Zeroable::zeroed()
        });
        if checked.is_ok() {
            self.quotes.take(slot, QuoteEvent::Take);
            return self.fill(order, &ask, side, slot, Some(hold.order_id), out);
        }
        let (quote, said) = self.quotes.end(slot, QuoteEvent::Reject, reason);
        self.release(&quote);
        let report = ExecutionReport {
            order_id: hold.order_id,
            ..refused(order, reason, said, out)
        };
        self.report(report, out);
    }

    /// Whether what is held can be booked: what is told of the look is what becomes of it.
    fn check_booking(&mut self, order: &NewOrderSingle, side: Side, out: &Out) -> Result<(), Reason> {
        let traded = self.traded[order.instrument.index()].as_ref();
        let meta = &traded.ok_or(Reason::UnknownInstrument)?.meta;
        let notional = meta.notional(order.px, order.qty).ok_or(Reason::Overflow)?;
        self.positions.check_fill(meta, side, order.qty, order.px)?;
        let trade = trade(order, side, meta, notional, out);
        self.accounts.check_quoted(order.client, side, &trade).map(drop)
    }

    /// The price that is made now for what was quoted, on the side that was taken, and whether that is near enough.
    pub(crate) fn check_price(
        &mut self,
        hold: &Hold,
        quote: &OpenQuote,
        side: Side,
        now: u64,
    ) -> (Px, Result<(), Reason>) {
        let ask = Ask {
            client: quote.client,
            instrument: quote.instrument,
            side: Some(side),
            qty: quote.qty,
        };
        let life_ns = u64::from(quote.life_us) * 1_000;
        let terms = (self.risk.px_step(quote.instrument), life_ns);
        let request: QuoteRequest = bytemuck::Zeroable::zeroed();
        let request = QuoteRequest {
            client: quote.client,
            instrument: quote.instrument,
            qty: quote.qty,
            ..request
        };
        let priced = self
            .asked(&request, &ask, Ok(terms), now)
            .and_then(|asked| self.price(&asked, now));
        let px = match (priced, side) {
            (Ok(prices), _) if prices.qty != quote.qty => return (Px::NONE, Err(Reason::InsufficientDepth)),
            (Ok(prices), Side::Buy) => prices.offer_px,
            (Ok(prices), Side::Sell) => prices.bid_px,
            (Err(reason), _) => return (Px::NONE, Err(reason)),
        };
        if px == Px::NONE {
            return (px, Err(Reason::PxUnrepresentable));
        }
        if Rule::LookTolerance.holds() && is_beyond(hold, side, px) {
            return (px, Err(Reason::LastLookMoved));
        }
        (px, Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_either_way_counts_alike_unless_the_tier_says_otherwise() {
        let hold = |tolerance_e8, is_one_sided| Hold {
            order: NewOrderSingle {
                px: Px(10_000),
                ..bytemuck::Zeroable::zeroed()
            },
            order_id: OutId::NONE,
            taken_at: 0,
            hold_ns: 1,
            tolerance_e8,
            is_one_sided,
        };
        // One in ten thousand is a tick.
        for (tolerance_e8, moved, beyond) in [
            (9_999, 1, true),
            (10_000, 1, false),
            (10_000, 2, true),
            (0, 0, false),
        ] {
            for side in [Side::Buy, Side::Sell] {
                for sign in [1, -1] {
                    let px = Px(10_000 + sign * moved);
                    assert_eq!(is_beyond(&hold(tolerance_e8, false), side, px), beyond);
                    let is_against_house = (side == Side::Buy) == (sign == 1);
                    let one_sided = is_beyond(&hold(tolerance_e8, true), side, px);
                    assert_eq!(one_sided, beyond && is_against_house, "{side:?} {sign}");
                }
            }
        }
    }
}
