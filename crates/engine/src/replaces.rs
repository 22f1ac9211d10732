//! Orders at venues that are replaced, and many that are cancelled at once.

use pinrail_oms::OrderSlot;
use pinrail_pricing::Pricer;
use pinrail_risk::OrderMarket;
use pinrail_types::record::{
    CxlRejResponseTo, Scope, TimeInForce, VenueMassCancel, VenueMassCancelReport, VenueOrderReplace,
    VenueReport,
};
use pinrail_types::{
    InstrumentId, NewParentOrder, NewVenueOrder, OutId, Px, Qty, Reason, Replacement, StrategyId, VenueId,
};

use crate::orders::check_source;
use crate::out::Out;
use crate::state::Engine;

/// What a person may have cancelled at once.
#[derive(Clone, Copy)]
enum Those {
    All,
    At(VenueId),
    In(InstrumentId),
    Of(StrategyId),
}

impl Those {
    fn has(self, order: &NewVenueOrder) -> bool {
        match self {
            Those::All => true,
            Those::At(venue) => order.venue == venue,
            Those::In(instrument) => order.instrument == instrument,
            Those::Of(strategy) => order.strategy == strategy,
        }
    }

    /// Other venues than one may have the rest of a parent order.
    fn has_parent(self, order: &NewParentOrder) -> bool {
        match self {
            Those::All => true,
            Those::At(_) => false,
            Those::In(instrument) => order.instrument == instrument,
            Those::Of(strategy) => order.strategy == strategy,
        }
    }
}

impl<P: Pricer> Engine<P> {
    /// Asks the venue to put another price and quantity in the place of an order's, if risk lets that pass, and reserves the
    /// larger of both until the venue has answered.
    pub(crate) fn replace_order(
        &mut self,
        order_id: OutId,
        px: Px,
        qty: Qty,
        out: &mut Out,
    ) -> Result<(), Reason> {
        let slot = self.orders.find(order_id).ok_or(Reason::UnknownOrder)?;
        let before = *self.orders.get(slot);
        let rests = before.order.time_in_force == TimeInForce::GoodTillCancel;
        if !rests || !before.parent_id.is_none() {
            return Err(Reason::OrderNotReplaceable);
        }
        if !self.orders.state(slot).may_be_replaced() || before.is_unwanted {
            return Err(Reason::OrderPending);
        }
        let order = NewVenueOrder {
            px,
            qty,
            ..before.order
        };
        let replacement = Replacement {
            replace_id: out.next_id(),
            px,
            qty,
        };
        let after = before.with_replacement(Some(replacement));
        let beyond = Qty(after.leaves.0 - before.leaves.0);
        self.risk.admit_venue_order(&order, out.now())?;
        let (market, book_seq) = self.market_of(&order, beyond, out.now())?;
        self.risk
            .reserve_replacement(&before, &after, &market, out.now())?;
        self.orders.ask_replace(slot, replacement);
        self.expect_answer(slot, out);
        out.push(VenueOrderReplace {
            order_id,
            instrument: order.instrument,
            venue: order.venue,
            strategy: order.strategy,
            px,
            qty,
            ref_px: market.ref_px,
            book_seq,
            replace_id: replacement.replace_id,
            side: order.side.fix(),
            ..bytemuck::Zeroable::zeroed()
        });
        Ok(())
    }

    /// The market that a replacement is judged in, and the sequence of the last book input that it rests on.
    fn market_of(&self, order: &NewVenueOrder, beyond: Qty, now: u64) -> Result<(OrderMarket, u64), Reason> {
        let traded = self
            .traded
            .get(order.instrument.index())
            .and_then(Option::as_ref)
            .ok_or(Reason::UnknownInstrument)?;
        let at = traded.listed(order.venue)?;
        let listing = &traded.listings[at];
        self.risk.check_replacement(order, beyond, listing.lot_multiple)?;
        check_source(&traded.venues.sources()[at], now)?;
        let ref_px = traded.venues.view(now)?.top()?.mid();
        let market = OrderMarket {
            tick_multiple: listing.tick_multiple,
            lot_multiple: listing.lot_multiple,
            ref_px,
            mids: self.mids(order.instrument, ref_px, now)?,
            own_px: self.orders.best_own(order),
        };
        Ok((market, traded.book_seq))
    }

    /// The venue has replaced an order. One that it was not asked for halts it.
    pub(crate) fn take_replaced(&mut self, slot: OrderSlot, report: &VenueReport, out: &mut Out) {
        let before = *self.orders.get(slot);
        if !is_answer(before.replacement, report) {
            self.halt_venue(report.venue, Reason::OrderMismatch, out);
            return;
        }
        let after = self.orders.replace(slot);
        self.risk.change_order(&before, &after);
    }

    /// The venue refuses to cancel an order or to replace it. What must not be there is asked for again.
    pub(crate) fn take_refusal(&mut self, slot: OrderSlot, report: &VenueReport, out: &mut Out) {
        if report.response_to != CxlRejResponseTo::CancelReplaceRequest.byte() {
            if self.orders.get(slot).is_canceling {
                self.orders.refuse_cancel(slot);
                self.put_off_cancel(slot, out);
            }
            return;
        }
        let before = *self.orders.get(slot);
        if !is_answer(before.replacement, report) {
            self.halt_venue(report.venue, Reason::OrderMismatch, out);
            return;
        }
        let after = self.orders.refuse_replace(slot);
        self.risk.change_order(&before, &after);
    }

    /// Has orders cancelled that a person wants no more, from the next input on.
    pub(crate) fn on_venue_mass_cancel(
        &mut self,
        cancel: &VenueMassCancel,
        out: &mut Out,
    ) -> Result<(), Reason> {
        let those = self.those(cancel)?;
        if cancel.actor.is_empty() {
            return Err(Reason::ActorMissing);
        }
        self.ask_all_again(out.now());
        let affected = self.orders.want_gone(|order| those.has(order));
        let affected_parents = self
            .parents
            .stop_those(Reason::MassCancel, out.now(), |order| those.has_parent(order));
        if affected > 0 {
            self.cancel_from = Some(0);
        }
        out.push(VenueMassCancelReport {
            scope: cancel.scope,
            target: cancel.target,
            actor: cancel.actor,
            affected,
            affected_parents,
            ..bytemuck::Zeroable::zeroed()
        });
        Ok(())
    }

    fn those(&self, cancel: &VenueMassCancel) -> Result<Those, Reason> {
        let target = cancel.target;
        match Scope::from_byte(cancel.scope).ok_or(Reason::BadField)? {
            Scope::Global => Ok(Those::All),
            Scope::Venue => {
                let venue = u16::try_from(target).map_err(|_| Reason::UnknownVenue)?;
                self.known_venue(VenueId(venue))?;
                Ok(Those::At(VenueId(venue)))
            }
            Scope::Instrument => {
                let known = self.traded.get(target as usize).and_then(Option::as_ref);
                known
                    .map(|_| Those::In(InstrumentId(target)))
                    .ok_or(Reason::UnknownInstrument)
            }
            Scope::Strategy => {
                let strategy = u16::try_from(target).map_err(|_| Reason::UnknownStrategy)?;
                let is_known = usize::from(strategy) < pinrail_risk::STRATEGIES_MAX;
                is_known
                    .then_some(Those::Of(StrategyId(strategy)))
                    .ok_or(Reason::UnknownStrategy)
            }
            Scope::Client => Err(Reason::BadField),
        }
    }
}

/// Whether a report answers the replacement that is under way.
fn is_answer(replacement: Option<Replacement>, report: &VenueReport) -> bool {
    replacement.is_some_and(|replacement| replacement.replace_id == report.replace_id)
}
