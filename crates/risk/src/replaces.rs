//! Orders at venues that are to be replaced: the larger of what stands and of what is to take its place is reserved, by each
//! measure, until the venue has answered.

use pinrail_types::{NewVenueOrder, OpenOrder, Qty, Reason};

use crate::asset::Worth;
use crate::checks::Check;
use crate::orders::{Cost, OrderMarket, lots};
use crate::risk::Risk;

impl Risk {
    /// What an open order could cost, or its replacement where that is more; nothing once it has ended.
    fn cost_of(&self, held: &OpenOrder) -> Result<Cost, Reason> {
        if !held.is_open() {
            return self.cost(&held.order, Qty::ZERO);
        }
        let stands = self.cost(&held.order, held.stands())?;
        let Some(replacement) = &held.replacement else {
            return Ok(stands);
        };
        let order = NewVenueOrder {
            px: replacement.px,
            ..held.order
        };
        let replaced = self.cost(&order, held.replaced())?;
        Ok(Cost {
            notional: stands.notional.max(replaced.notional),
            spent: stands.spent.max(replaced.spent),
            ..stands
        })
    }

    /// Checks what can be checked of a replacement without a reference, as [`Risk::check_venue_order`] does of an order: `order`
    /// is what it would be, and only what it is for beyond what is open makes new risk.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    ///
    /// # Panics
    /// If an id is beyond the bounds: the order did not pass [`Risk::admit_venue_order`].
    pub fn check_replacement(
        &self,
        order: &NewVenueOrder,
        beyond: Qty,
        lot_multiple: i64,
    ) -> Result<(), Reason> {
        let omitted = self.omitted;
        let instrument = &self.instruments[order.instrument.index()];
        self.states.check_order(order, true, omitted)?;
        omitted.require(Check::LimitsPresent, instrument.has_limits)?;
        omitted.require(Check::QtyRepresentable, order.qty.is_orderable())?;
        omitted.require(Check::QtyGrid, order.qty.0 % lot_multiple == 0)?;
        omitted.require(Check::QtyMax, order.qty <= instrument.limits.qty_max)?;
        let reduces = instrument.order_reduces(order.side, beyond);
        self.states.check_order(order, reduces, omitted)
    }

    /// Checks a replacement that passed [`Risk::check_replacement`] in its market and, if all passes, reserves what it could cost
    /// beyond what the order does: `after` is the order with it, `before` without. Nothing is reserved on an error.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    ///
    /// # Panics
    /// If an id is beyond the bounds, or it is no replacement of the order.
    pub fn reserve_replacement(
        &mut self,
        before: &OpenOrder,
        after: &OpenOrder,
        market: &OrderMarket,
        now: u64,
    ) -> Result<(), Reason> {
        let omitted = self.omitted;
        let replacement = after.replacement.expect("a replacement");
        let order = NewVenueOrder {
            px: replacement.px,
            qty: replacement.qty,
            ..before.order
        };
        let beyond = Qty(after.leaves.0 - before.leaves.0);
        let at = order.instrument.index();
        let is_due = now >= self.instruments[at].show_at;
        if is_due && self.sample(at, market.ref_px, now) {
            self.check_replacement(&order, beyond, market.lot_multiple)?;
        }
        self.check_px(&order, market)?;
        let whole = self.cost(&order, order.qty)?;
        let (was, is) = (self.cost_of(before)?, self.cost_of(after)?);
        let instrument = &mut self.instruments[at];
        let asset = &mut self.assets[instrument.quote.index()];
        let limits = &instrument.limits;
        omitted.require(Check::NotionalMax, whole.notional <= limits.notional_max)?;
        let (buys, sells) = lots(&order, beyond);
        let grows = instrument.check_position(buys, sells, omitted)?;
        if instrument.lot_worth == i64::MAX {
            return Err(Reason::Overflow);
        }
        let notional = is.notional - was.notional;
        let added = Worth::of(notional, instrument.lot_worth, [buys, sells, grows]);
        asset.check(&added, omitted)?;
        let spent = is.spent - was.spent;
        let has = spent == 0 || self.venues.has(order.venue, is.asset, spent);
        omitted.require(Check::VenueBalance, has)?;
        self.move_order(&order, Qty(-beyond.0), &was, &is);
        Ok(())
    }

    /// Reserves for an order what it needs as it is now, and no longer what it needed before: none where it ended. Never
    /// refused: what a venue did is so.
    ///
    /// # Panics
    /// If they are not the same order, more is released than was reserved, or an id is beyond the bounds.
    pub fn change_order(&mut self, before: &OpenOrder, after: &OpenOrder) {
        assert_eq!(before.order_id, after.order_id, "two orders");
        let [was, is] = [before, after].map(|held| {
            let cost = self.cost_of(held);
            cost.expect("it was worked out when all of it was reserved")
        });
        self.move_order(&before.order, Qty(before.leaves.0 - after.leaves.0), &was, &is);
    }
}
