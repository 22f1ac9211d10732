//! Orders to venues: from what a strategy wants to the end that the venue reports.

use pinrail_book::{Source, View};
use pinrail_oms::life::OrderEvent;
use pinrail_oms::{OrderSlot, VenueFill};
use pinrail_pricing::{Fill, FillFrom, Pricer};
use pinrail_risk::OrderMarket;
use pinrail_types::record::{
    ExecType, OrdStatus, PartyKind, Scope, StateChange, TimeInForce, TradeCaptureReport, TradeSource,
    TradingState, VenueBalance, VenueOrder, VenueOrderCancel, VenueReport,
};
use pinrail_types::{
    Amount, Instrument, NewVenueOrder, OpenOrder, OutId, Px, Qty, Reason, Side, StrategyId, VenueId,
};

use crate::out::Out;
use crate::rfq::{delivers, report_position, sides};
use crate::rules::Rule;
use crate::state::Engine;

/// Places of the table of orders that one input looks through for orders to cancel; each may hold one.
const SCANS_PER_INPUT: u32 = 32;

/// When a venue says that something was, as near as is known.
pub(crate) fn as_of(ts_event: u64, ts_recv: u64) -> u64 {
    if ts_event == 0 { ts_recv } else { ts_event }
}

/// Whether a report is about the order that it names.
pub(crate) fn fits(held: &NewVenueOrder, report: &VenueReport) -> bool {
    (held.venue, held.instrument, held.side.fix()) == (report.venue, report.instrument, report.side)
}

/// Whether a price is worse than an order and what is to replace it allow.
pub(crate) fn is_worse(held: &OpenOrder, px: Px) -> bool {
    let replaced = held
        .replacement
        .map_or(held.order.px, |replacement| replacement.px);
    match held.order.side {
        Side::Buy => px > held.order.px.max(replaced),
        Side::Sell => px < held.order.px.min(replaced),
    }
}

/// A fill at a venue as a trade.
pub(crate) fn venue_trade(
    report: &VenueReport,
    side: Side,
    meta: &Instrument,
    out: &Out,
) -> Result<TradeCaptureReport, Reason> {
    let notional = meta.notional(report.last_px, report.last_qty);
    let venue = (PartyKind::Venue, report.venue.0.into());
    let (buyer, seller) = sides(side, (PartyKind::House, 0), venue);
    let (buyer_fee, seller_fee) = sides(side, report.fee, Amount::ZERO);
    Ok(TradeCaptureReport {
        trade_id: out.next_id(),
        buyer: buyer.1,
        seller: seller.1,
        buyer_kind: buyer.0.byte(),
        seller_kind: seller.0.byte(),
        trade_source: TradeSource::Venue.byte(),
        px: report.last_px,
        qty: report.last_qty,
        gross_trade_amt: notional.ok_or(Reason::Overflow)?,
        buyer_fee,
        seller_fee,
        fee_asset: report.fee_asset,
        ref_id: report.order_id,
        ts_event: as_of(report.ts_event, report.ts_recv),
        ..delivers(meta, report.last_qty)
    })
}

/// An order goes only where the venue's own book can be seen.
pub(crate) fn check_source(source: &Source, now: u64) -> Result<(), Reason> {
    source.book.reason().check()?;
    if source.book.is_stale(now, source.stale_ns_max) {
        return Err(Reason::ReferenceStale);
    }
    Ok(())
}

/// What an order is judged against, the same for all orders in an instrument that one input sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference {
    px: Px,
    /// As in [`OrderMarket::mids`].
    mids: (Px, Px),
}

impl Reference {
    /// What the usable venues say; their middles only where a limit `looks_at_venues`.
    ///
    /// # Errors
    /// [`Reason::ReferenceMissing`] where no venue has what it takes.
    #[inline]
    pub(crate) fn of(view: &View<'_>, looks_at_venues: bool) -> Result<Reference, Reason> {
        let px = view.top()?.mid();
        let mids = if looks_at_venues {
            view.mids().ok_or(Reason::ReferenceMissing)?
        } else {
            (px, px)
        };
        Ok(Reference { px, mids })
    }
}

impl<P: Pricer> Engine<P> {
    /// Sends an order to a venue if risk lets it pass, and reserves what it could cost. It is a part of a parent order, or of
    /// none. `reference` is that of this input, if it was worked out already.
    pub(crate) fn place(
        &mut self,
        order: &NewVenueOrder,
        parent_id: OutId,
        reference: Option<Reference>,
        out: &mut Out,
    ) -> Result<(), Reason> {
        let now = out.now();
        // A venue's day is not ours, and an order to it carries no date.
        if matches!(order.time_in_force, TimeInForce::Day | TimeInForce::GoodTillDate) {
            return Err(Reason::BadField);
        }
        self.risk.admit_venue_order(order, now)?;
        let traded = self
            .traded
            .get(order.instrument.index())
            .and_then(Option::as_ref)
            .ok_or(Reason::UnknownInstrument)?;
        let at = traded.listed(order.venue)?;
        let listing = &traded.listings[at];
        self.risk.check_venue_order(order, listing.lot_multiple)?;
        check_source(&traded.venues.sources()[at], now)?;
        let reference = match reference {
            Some(reference) => reference,
            None => Reference::of(
                &traded.venues.view(now)?,
                self.risk.looks_at_venues(order.instrument),
            )?,
        };
        if self.orders.is_full() {
            return Err(Reason::OpenOrdersFull);
        }
        let market = OrderMarket {
            tick_multiple: listing.tick_multiple,
            lot_multiple: listing.lot_multiple,
            ref_px: reference.px,
            mids: reference.mids,
            own_px: self.orders.best_own(order),
        };
        let book_seq = traded.book_seq;
        self.risk.reserve_order(order, &market, now)?;
        let order_id = self.orders.next_id(out.next_id());
        let slot = self.orders.open(order_id, order, parent_id);
        self.expect_answer(slot, out);
        out.push(VenueOrder {
            order_id,
            instrument: order.instrument,
            venue: order.venue,
            strategy: order.strategy,
            px: order.px,
            qty: order.qty,
            ref_px: reference.px,
            book_seq,
            side: order.side.fix(),
            time_in_force: order.time_in_force.byte(),
            parent_id,
            ..bytemuck::Zeroable::zeroed()
        });
        Ok(())
    }

    /// Asks the venue to cancel what is left of an order, once.
    pub(crate) fn cancel(&mut self, order_id: OutId, out: &mut Out) -> Result<(), Reason> {
        let slot = self.orders.find(order_id).ok_or(Reason::UnknownOrder)?;
        if !self.orders.get(slot).is_canceling {
            self.send_cancel(slot, Reason::None, out);
        }
        Ok(())
    }

    pub(crate) fn send_cancel(&mut self, slot: OrderSlot, reason: Reason, out: &mut Out) {
        self.orders.ask_cancel(slot);
        self.expect_answer(slot, out);
        let held = self.orders.get(slot);
        self.risk.count_cancel(held.order.venue, out.now());
        out.push(VenueOrderCancel {
            order_id: held.order_id,
            instrument: held.order.instrument,
            venue: held.order.venue,
            strategy: held.order.strategy,
            reason: reason.code(),
            ..bytemuck::Zeroable::zeroed()
        });
    }

    /// Why the engine asks by itself to cancel an order now, if it does.
    fn why_cancel(&self, held: &OpenOrder) -> Option<Reason> {
        if held.is_canceling {
            return None;
        }
        let why = self.why_gone(held)?;
        let slot = self.orders.find(held.order_id)?;
        (!self.is_put_off(slot)).then_some(why)
    }

    /// Why an order must not be there, if so: it is of another epoch, a trading state forbids it, or a person had it
    /// cancelled with others.
    pub(crate) fn why_gone(&self, held: &OpenOrder) -> Option<Reason> {
        let is_orphaned = held.order_id.epoch != self.epoch;
        if is_orphaned || Rule::KillCancels.holds() && self.risk.forbids(&held.order) {
            Some(Reason::Withdrawn)
        } else {
            held.is_unwanted.then_some(Reason::MassCancel)
        }
    }

    /// Begins to cancel, from the next input on, the orders that trading states allow no longer, if there are any.
    pub(crate) fn cancel_forbidden(&mut self) {
        if !self.orders.is_empty() && self.orders.iter().any(|held| self.why_cancel(held).is_some()) {
            self.cancel_from = Some(0);
        }
    }

    /// Cancels the next chunk of them; `cancel_from` stays set while there may be more.
    pub(crate) fn cancel_some(&mut self, out: &mut Out) {
        let Some(from) = self.cancel_from else { return };
        let (open, rest) = self.orders.scan(from, SCANS_PER_INPUT);
        let mut forbidden = [None; SCANS_PER_INPUT as usize];
        for (place, slot) in forbidden.iter_mut().zip(open) {
            let why = self.why_cancel(self.orders.get(slot));
            *place = why.map(|why| (slot, why));
        }
        for (slot, why) in forbidden.into_iter().flatten() {
            self.send_cancel(slot, why, out);
        }
        self.cancel_from = rest;
    }

    /// A new epoch: what was asked of venues before may never have reached them, so that every order is cancelled again.
    pub(crate) fn forget_cancels(&mut self, now: u64) {
        let mut from = Some(0);
        while let Some(at) = from {
            let (open, rest) = self.orders.scan(at, SCANS_PER_INPUT);
            let open: [Option<OrderSlot>; SCANS_PER_INPUT as usize] = {
                let mut open = open;
                core::array::from_fn(|_| open.next())
            };
            for slot in open.into_iter().flatten() {
                self.orders.doubt(slot);
            }
            from = rest;
        }
        self.ask_all_again(now);
        self.cancel_from = (!self.orders.is_empty()).then_some(0);
    }

    pub(crate) fn on_venue_balance(&mut self, balance: &VenueBalance) -> Result<(), Reason> {
        self.known_venue(balance.venue)?;
        let asset = self.assets.get(balance.asset.index()).and_then(Option::as_ref);
        asset.ok_or(Reason::UnknownAsset)?;
        let as_of = as_of(balance.ts_event, balance.ts_recv);
        self.risk
            .set_balance(balance.venue, balance.asset, balance.balance, as_of)
    }

    pub(crate) fn known_venue(&self, venue: VenueId) -> Result<(), Reason> {
        let known = self.venues.get(venue.index()).and_then(Option::as_ref);
        known.map(|_| ()).ok_or(Reason::UnknownVenue)
    }

    /// Takes what a venue says of an order. A fill is booked whatever else is wrong with it. What does not fit the orders that
    /// are open halts its venue, and a fill that can't be booked the desk, until a named person has reconciled it.
    pub(crate) fn on_venue_report(&mut self, report: &VenueReport, out: &mut Out) -> Result<(), Reason> {
        let exec_type = ExecType::from_byte(report.exec_type).ok_or(Reason::BadField)?;
        if matches!(exec_type, ExecType::Restated | ExecType::Triggered) {
            return Err(Reason::BadField);
        }
        let outcome = self.take_report(exec_type, report, out);
        let is_booked = matches!(
            exec_type,
            ExecType::Trade | ExecType::TradeCorrect | ExecType::TradeCancel
        );
        match outcome {
            Err(Reason::DuplicateExecId | Reason::TradeBusted) | Ok(()) => {}
            // The venue's position and ours differ from here on.
            Err(reason @ (Reason::UnknownExecId | Reason::OrderMismatch)) => {
                self.halt_venue(report.venue, reason, out);
            }
            Err(reason) if is_booked => self.halt(reason, out),
            Err(_) => {}
        }
        outcome
    }

    fn take_report(
        &mut self,
        exec_type: ExecType,
        report: &VenueReport,
        out: &mut Out,
    ) -> Result<(), Reason> {
        self.known_venue(report.venue)?;
        if OrdStatus::from_byte(report.ord_status).is_none() || report.exec_id.is_empty() {
            return Err(Reason::BadField);
        }
        match exec_type {
            ExecType::Trade => return self.take_fill(report, out),
            ExecType::TradeCancel => return self.take_bust(report, None, out),
            ExecType::TradeCorrect => {
                let is_sane = report.last_px.is_representable() && report.last_qty.is_orderable();
                let corrected = is_sane.then_some((report.last_qty, report.last_px));
                return self.take_bust(report, Some(corrected.ok_or(Reason::BadField)?), out);
            }
            _ => {}
        }
        if !self.executions.note(report.venue, &report.exec_id) {
            return Err(Reason::DuplicateExecId);
        }
        let slot = self.orders.find(report.order_id).ok_or(Reason::UnknownOrder)?;
        let held = *self.orders.get(slot);
        if !fits(&held.order, report) {
            self.halt_venue(report.venue, Reason::OrderMismatch, out);
            return Ok(());
        }
        match exec_type {
            ExecType::Canceled => self.take_end(slot, OrderEvent::Cancel, report, out),
            ExecType::Rejected => self.take_end(slot, OrderEvent::Reject, report, out),
            ExecType::Expired => self.take_end(slot, OrderEvent::Expire, report, out),
            ExecType::Replaced => self.take_replaced(slot, report, out),
            ExecType::OrderStatus => self.take_refusal(slot, report, out),
            ExecType::New => self.orders.confirm(slot),
            // The venue has what it was asked, and will answer it.
            _ => {}
        }
        Ok(())
    }

    /// The venue ended an order.
    fn take_end(&mut self, slot: OrderSlot, event: OrderEvent, report: &VenueReport, out: &mut Out) {
        let held = *self.orders.get(slot);
        let after = self.orders.end(slot, event);
        self.risk.change_order(&held, &after);
        let is_missing = report.cum_qty > held.cum_qty;
        if is_missing {
            self.stop_parent(held.parent_id, Reason::OrderMismatch);
        }
        self.part_ended(held.parent_id, held.leaves, out);
        // A fill is missing, and will be of an order that nobody knows.
        if report.cum_qty != held.cum_qty {
            self.halt_venue(report.venue, Reason::OrderMismatch, out);
        }
        // Nobody knows the position until it comes: what is hedged meanwhile may be hedged twice.
        if is_missing {
            self.halt_by_itself(
                Scope::Instrument,
                held.order.instrument.0,
                Reason::OrderMismatch,
                out,
            );
        }
    }

    fn take_fill(&mut self, report: &VenueReport, out: &mut Out) -> Result<(), Reason> {
        let side = Side::from_fix(report.side).ok_or(Reason::BadSide)?;
        if !report.last_px.is_representable() || !report.last_qty.is_orderable() {
            return Err(Reason::BadField);
        }
        let traded = self
            .traded
            .get(report.instrument.index())
            .and_then(Option::as_ref)
            .ok_or(Reason::UnknownInstrument)?;
        self.assets
            .get(report.fee_asset.index())
            .ok_or(Reason::UnknownAsset)?;
        if Rule::OnceBooked.holds() && self.executions.has(report.venue, &report.exec_id) {
            return Err(Reason::DuplicateExecId);
        }
        if self.is_of_agency(report) {
            return self.take_agency_fill(report, side, out);
        }
        let meta = &traded.meta;
        let trade = venue_trade(report, side, meta, out)?;
        let cost_before = self.positions.get(report.instrument).cost;
        let entries = self.accounts.check(&trade)?;
        // Another asset's fee is in the accounts and in no position.
        let in_quote = report.fee_asset == meta.quote;
        let fee = if in_quote { report.fee } else { Amount::ZERO };
        let position = self
            .positions
            .execute(meta, side, report.last_qty, report.last_px, fee)?;
        self.accounts.post(&entries);
        let parent_id = self.parent_of(report.order_id);
        let (of_order, fault) = self.fill_order(report, fee, out);
        // Not before it is booked: what could not be may come again.
        self.executions.note_fill(
            report.venue,
            &report.exec_id,
            &VenueFill {
                order_id: report.order_id,
                parent_id,
                trade_id: trade.trade_id,
                instrument: report.instrument,
                side,
                px: report.last_px,
                qty: report.last_qty,
                of_order,
                fee: report.fee,
                fee_asset: report.fee_asset,
                cost: Amount::new(position.cost.get() - cost_before.get()),
            },
        );
        self.spend_at_venue(report, side);
        let cash = position.cash.get();
        self.risk.booked(report.instrument, position.qty, cash, out.now());
        out.push(trade);
        report_position(report.instrument, &position, out);
        self.report_latches(out);
        if fault != Reason::None {
            self.halt_venue(report.venue, fault, out);
        }
        self.on_fill(
            &Fill {
                from: FillFrom::Venue(report.venue, report.order_id),
                instrument: report.instrument,
                side,
                px: report.last_px,
                qty: report.last_qty,
            },
            out,
        );
        Ok(())
    }

    /// Takes what a fill spent off what its venue holds.
    pub(crate) fn spend_at_venue(&mut self, report: &VenueReport, side: Side) {
        let fill = NewVenueOrder {
            // Whoever sent it.
            strategy: StrategyId(0),
            venue: report.venue,
            instrument: report.instrument,
            side,
            px: report.last_px,
            qty: report.last_qty,
            time_in_force: TimeInForce::ImmediateOrCancel,
        };
        let as_of = as_of(report.ts_event, report.ts_recv);
        self.risk.spend(&fill, (report.fee_asset, report.fee), as_of);
    }

    fn parent_of(&self, order_id: OutId) -> OutId {
        let slot = self.orders.find(order_id);
        slot.map_or(OutId::NONE, |slot| self.orders.get(slot).parent_id)
    }

    /// Takes a fill off the order that it names, and gives back how much of it was taken off, and why it does not fit or
    /// [`Reason::None`].
    pub(crate) fn fill_order(&mut self, report: &VenueReport, fee: Amount, out: &mut Out) -> (Qty, Reason) {
        let Some(slot) = self.orders.find(report.order_id) else {
            return (Qty::ZERO, Reason::UnknownOrder);
        };
        let held = *self.orders.get(slot);
        if !fits(&held.order, report) {
            return (Qty::ZERO, Reason::OrderMismatch);
        }
        let filled = report.last_qty.min(held.leaves);
        let after = self.orders.fill(slot, filled);
        self.risk.change_order(&held, &after);
        self.part_filled(held.parent_id, filled, report.last_px, fee, out);
        if !after.is_open() {
            self.part_ended(held.parent_id, Qty::ZERO, out);
        }
        if report.last_qty > filled || is_worse(&held, report.last_px) {
            (filled, Reason::OrderMismatch)
        } else {
            (filled, Reason::None)
        }
    }

    /// Halts a venue until a named person turns it on again.
    pub(crate) fn halt_venue(&mut self, venue: VenueId, reason: Reason, out: &mut Out) {
        if self.halt_by_itself(Scope::Venue, venue.0.into(), reason, out) {
            self.set_venue_halted(venue, true);
        }
    }

    /// The same for a venue or an instrument, with what trading states forbid then; false if it was halted already.
    pub(crate) fn halt_by_itself(
        &mut self,
        scope: Scope,
        target: u32,
        reason: Reason,
        out: &mut Out,
    ) -> bool {
        let is_new = self.risk.halt_scope(scope, target, reason);
        if is_new {
            out.push(StateChange {
                scope: scope.byte(),
                state: TradingState::Halted.byte(),
                reason: reason.code(),
                target,
                ..bytemuck::Zeroable::zeroed()
            });
            self.cancel_forbidden();
            if scope == Scope::Instrument {
                self.begin_withdrawal();
                self.cancel_forbidden_in_books();
            }
        }
        is_new
    }
}
