//! What venues fill of agency orders is passed on to the client: in the same input, at the venue's price (riskless principal).

use pinrail_oms::life::AgencyEvent;
use pinrail_oms::{AgencyOrder, Entries, ParentSlot, Passed, Position, VenueFill};
use pinrail_pricing::{Fill, FillFrom, Pricer};
use pinrail_types::money::whole_ceil;
use pinrail_types::record::{
    ExecutionReport, OrderAverage, PartyKind, TradeCaptureReport, TradeSource, VenueReport,
};
use pinrail_types::{
    Amount, ClientId, Instrument, InstrumentId, OpenOrder, OutId, ParentOrder, Px, Qty, Reason, Side,
};

use super::report_of;
use crate::orders::{fits, is_worse, venue_trade};
use crate::out::Out;
use crate::rfq::{delivers, report_position, sides};
use crate::state::Engine;

/// A fill as it is passed on, without ids.
#[derive(Clone, Copy, Debug)]
pub(super) struct Passing {
    pub(super) client: ClientId,
    pub(super) side: Side,
    pub(super) px: Px,
    pub(super) qty: Qty,
    pub(super) gross: Amount,
    /// The commission.
    pub(super) fee: Amount,
}

impl Passing {
    /// So much at a price; the commission is rounded up, away from the client.
    pub(super) fn of(
        meta: &Instrument,
        (client, side): (ClientId, Side),
        px: Px,
        qty: Qty,
        commission_e8: i32,
    ) -> Result<Passing, Reason> {
        let gross = meta.notional(px, qty).ok_or(Reason::Overflow)?;
        let fee_e8 = gross.get().checked_mul(commission_e8.into());
        Ok(Passing {
            client,
            side,
            px,
            qty,
            gross,
            fee: Amount::new(whole_ceil(fee_e8.ok_or(Reason::Overflow)?.max(0))),
        })
    }

    /// As a trade of the house with the client.
    pub(super) fn trade(&self, meta: &Instrument, order_id: OutId, ts_event: u64) -> TradeCaptureReport {
        let client = (PartyKind::Client, self.client.0);
        let (buyer, seller) = sides(self.side, client, (PartyKind::House, 0));
        let (buyer_fee, seller_fee) = sides(self.side, self.fee, Amount::ZERO);
        TradeCaptureReport {
            buyer: buyer.1,
            seller: seller.1,
            buyer_kind: buyer.0.byte(),
            seller_kind: seller.0.byte(),
            trade_source: TradeSource::Agency.byte(),
            px: self.px,
            qty: self.qty,
            gross_trade_amt: self.gross,
            buyer_fee,
            seller_fee,
            ref_id: order_id,
            ts_event,
            ..delivers(meta, self.qty)
        }
    }

    /// What the house made by passing it on at another price than the venue's: nothing where that is the same.
    pub(super) fn made(&self, meta: &Instrument, venue_px: Px) -> Result<i128, Reason> {
        let at_venue = meta.notional(venue_px, self.qty).ok_or(Reason::Overflow)?.get();
        let made = self.gross.get().checked_sub(at_venue).ok_or(Reason::Overflow)?;
        Ok(made * i128::from(self.side.sign()))
    }
}

/// The price at which a fill is passed on: the venue's, with all that it is better than the part's limit. A price that is worse is
/// the venue's fault and between it and the house: the client gets the part's limit.
fn passed_px(held: &OpenOrder, venue_px: Px) -> Px {
    if is_worse(held, venue_px) {
        held.order.px
    } else {
        venue_px
    }
}

/// What was traded, in ticks for each lot, rounded away from the client.
fn average(meta: &Instrument, side: Side, gross: Amount, qty: Qty) -> Px {
    let of = i128::from(qty.0) * i128::from(meta.tick_lot_units);
    if of == 0 {
        return Px(0);
    }
    let floor = gross.get().div_euclid(of);
    let is_up = side == Side::Buy && gross.get().rem_euclid(of) != 0;
    Px((floor + i128::from(is_up)) as i64)
}

/// A fill that is to be passed on.
struct Taken {
    slot: ParentSlot,
    order: AgencyOrder,
    parent: ParentOrder,
    held: OpenOrder,
}

impl<P: Pricer> Engine<P> {
    /// Whether a venue's fill is of an agency order's part.
    #[inline]
    pub(crate) fn is_of_agency(&self, report: &VenueReport) -> bool {
        !self.agency.is_empty() && self.agency_of(report).is_some()
    }

    fn agency_of(&self, report: &VenueReport) -> Option<Taken> {
        let held = *self.orders.get(self.orders.find(report.order_id)?);
        let slot = self.parents.find(held.parent_id)?;
        let order = *self.agency.at(slot)?;
        let parent = *self.parents.get(slot);
        fits(&held.order, report).then_some(Taken {
            slot,
            order,
            parent,
            held,
        })
    }

    /// Books a fill at a venue and passes it on, both or neither. What is more than was ordered stays with the house.
    #[cold]
    pub(crate) fn take_agency_fill(
        &mut self,
        report: &VenueReport,
        side: Side,
        out: &mut Out,
    ) -> Result<(), Reason> {
        let taken = self.agency_of(report).ok_or(Reason::UnknownOrder)?;
        let traded = self.traded[report.instrument.index()].as_ref();
        let meta = traded.ok_or(Reason::UnknownInstrument)?.meta;
        let qty = report.last_qty.min(taken.held.leaves);
        let beyond = Qty(report.last_qty.0 - qty.0);
        let px = passed_px(&taken.held, report.last_px);
        let whose = (taken.order.client, side);
        let passing = Passing::of(&meta, whose, px, qty, taken.order.commission_e8)?;
        let venue = venue_trade(report, side, &meta, out)?;
        let (entries, position) =
            self.check_passing(&meta, &venue, &passing, taken.parent.parent_id, beyond)?;
        for entries in &entries {
            self.accounts.post(entries);
        }
        let fee = in_quote(&meta, report);
        let (of_order, fault) = self.fill_order(report, fee, out);
        self.executions.note_fill(
            report.venue,
            &report.exec_id,
            &VenueFill {
                order_id: report.order_id,
                parent_id: taken.parent.parent_id,
                trade_id: venue.trade_id,
                instrument: report.instrument,
                side,
                px: report.last_px,
                qty: report.last_qty,
                of_order,
                fee: report.fee,
                fee_asset: report.fee_asset,
                cost: Amount::ZERO,
            },
        );
        self.spend_at_venue(report, side);
        self.carry_passed(report.instrument, &position);
        out.push(venue);
        self.tell_passed(&taken, &passing, &meta, venue.trade_id, out);
        report_position(report.instrument, &position, out);
        self.report_latches(out);
        if fault != Reason::None {
            self.halt_venue(report.venue, fault, out);
        }
        if beyond > Qty::ZERO {
            self.on_fill(
                &Fill {
                    from: FillFrom::Venue(report.venue, report.order_id),
                    instrument: report.instrument,
                    side,
                    px: report.last_px,
                    qty: beyond,
                },
                out,
            );
        }
        Ok(())
    }

    /// That both trades can be booked, and what the house has then; the position is changed already where they can.
    pub(super) fn check_passing(
        &mut self,
        meta: &Instrument,
        venue: &TradeCaptureReport,
        passing: &Passing,
        order_id: OutId,
        beyond: Qty,
    ) -> Result<([Entries; 2], Position), Reason> {
        let client = passing.trade(meta, order_id, venue.ts_event);
        // Where each fits by itself both do: a balance has room for more than one trade.
        let entries = [self.accounts.check(venue)?, self.accounts.check(&client)?];
        let made = passing.made(meta, venue.px)?;
        let is_in_quote = venue.fee_asset == meta.quote;
        let venue_fee = venue.buyer_fee.get() + venue.seller_fee.get();
        let paid = if is_in_quote { venue_fee } else { 0 };
        let charged = paid.checked_sub(passing.fee.get()).ok_or(Reason::Overflow)?;
        let position = self
            .positions
            .pass_on(meta, (passing.side, beyond, venue.px), made, charged)?;
        Ok((entries, position))
    }

    /// The house earned a commission and paid a fee. It is no fill of the house's, so that none is counted.
    pub(super) fn carry_passed(&mut self, instrument: InstrumentId, position: &Position) {
        self.risk.rebooked(instrument, position.qty, position.cash.get());
    }

    /// Moves an order by a fill that was booked, and tells its client; one that is filled ends.
    fn tell_passed(
        &mut self,
        taken: &Taken,
        passing: &Passing,
        meta: &Instrument,
        venue_trade_id: OutId,
        out: &mut Out,
    ) {
        let slot = taken.slot;
        let parent = *self.parents.get(slot);
        let owed = self.use_agency_credit(&taken.order, meta.id, passing, out.now());
        self.hold_agency(&taken.order, &taken.parent, &parent);
        self.agency.trade(slot, passing.gross.get(), passing.fee.get());
        let is_filled = parent.filled == parent.order.qty;
        let event = if is_filled {
            AgencyEvent::Fill
        } else {
            AgencyEvent::FillPart
        };
        let (order, said) = self.agency.step(slot, event);
        let exec_id = out.next_id();
        self.agency.pass(&Passed {
            venue_trade_id,
            trade_id: exec_id,
            order_id: parent.parent_id,
            cl_ord_id: order.cl_ord_id,
            client: order.client,
            instrument: meta.id,
            px: passing.px,
            qty: passing.qty,
            limit_px: order.px,
            held_px: order.held_px,
            commission_e8: order.commission_e8,
            gross: passing.gross,
            fee: passing.fee,
            owed,
        });
        let report = ExecutionReport {
            last_px: passing.px,
            last_qty: passing.qty,
            fee: passing.fee,
            ..report_of(&order, &parent, said, exec_id)
        };
        self.report(report, out);
        out.push(average_of(&report, OutId::NONE, meta, order.gross, order.fees));
        out.push(TradeCaptureReport {
            trade_id: exec_id,
            ..passing.trade(meta, parent.parent_id, out.now())
        });
        if is_filled {
            self.end_parent(slot, Reason::None, out);
        }
    }

    /// Counts a fill against its client's credit; gives back how much of it.
    pub(super) fn use_agency_credit(
        &mut self,
        order: &AgencyOrder,
        instrument: InstrumentId,
        passing: &Passing,
        now: u64,
    ) -> Amount {
        self.risk.traded_for(
            (order.client, instrument),
            (order.commission_e8, order.held_px),
            passing.qty,
            (passing.gross, passing.fee),
            now,
        )
    }

    /// Holds credit for what is open of an order now, instead of for what was.
    pub(super) fn hold_agency(&mut self, order: &AgencyOrder, before: &ParentOrder, after: &ParentOrder) {
        self.risk.hold_for_agency(
            (order.client, before.order.instrument),
            (order.commission_e8, order.held_px),
            super::left_of(before),
            super::left_of(after),
        );
    }
}

/// A fee in the quote asset; another asset's is in the accounts and in no position.
fn in_quote(meta: &Instrument, report: &VenueReport) -> Amount {
    if report.fee_asset == meta.quote {
        report.fee
    } else {
        Amount::ZERO
    }
}

/// What an order came to, behind a report on it.
pub(super) fn average_of(
    report: &ExecutionReport,
    exec_ref_id: OutId,
    meta: &Instrument,
    gross: Amount,
    fees: Amount,
) -> OrderAverage {
    let side = Side::from_fix(report.side).expect("the side of an order");
    OrderAverage {
        order_id: report.order_id,
        exec_ref_id,
        client: report.client,
        instrument: report.instrument,
        cum_qty: report.cum_qty,
        gross_trade_amt: gross,
        fees,
        avg_px: average(meta, side, gross, report.cum_qty),
        session: report.session,
        side: report.side,
        ..bytemuck::Zeroable::zeroed()
    }
}
