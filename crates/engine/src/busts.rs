//! Trades that a venue takes back or corrects: what they moved is moved back exactly, and booked anew where they are corrected.

use pinrail_oms::{Executed, OrderSlot, VenueFill};
use pinrail_pricing::{Fill, FillFrom, Pricer};
use pinrail_types::record::{TimeInForce, TradeCaptureReport, TradeReportTransType, VenueReport};
use pinrail_types::{Amount, AssetId, Instrument, NewVenueOrder, OutId, Px, Qty, Reason, Side, StrategyId};

use crate::orders::{as_of, is_worse, venue_trade};
use crate::out::Out;
use crate::rfq::report_position;
use crate::state::Engine;

/// What a fee is in the quote asset; another asset's is in the accounts and in no position.
pub(crate) fn in_quote(meta: &Instrument, asset: AssetId, fee: Amount) -> Amount {
    if asset == meta.quote { fee } else { Amount::ZERO }
}

fn executed(meta: &Instrument, fill: &VenueFill) -> Executed {
    Executed {
        qty: fill.qty,
        px: fill.px,
        fee: in_quote(meta, fill.fee_asset, fill.fee),
        cost: fill.cost,
    }
}

/// The trade that takes one back.
pub(crate) fn reversal(
    fill: &VenueFill,
    report: &VenueReport,
    meta: &Instrument,
    out: &Out,
) -> Result<TradeCaptureReport, Reason> {
    let was = VenueReport {
        last_px: fill.px,
        last_qty: fill.qty,
        fee: fill.fee,
        fee_asset: fill.fee_asset,
        ..*report
    };
    let trade = venue_trade(&was, fill.side, meta, out)?;
    Ok(taken_back(trade, fill.trade_id))
}

/// What takes a trade back that had this id.
pub(crate) fn taken_back(trade: TradeCaptureReport, trade_id: OutId) -> TradeCaptureReport {
    let back = |amount: Amount| Amount::new(-amount.get());
    TradeCaptureReport {
        trans_type: TradeReportTransType::Cancel.byte(),
        qty: Qty(-trade.qty.0),
        base_amt: back(trade.base_amt),
        gross_trade_amt: back(trade.gross_trade_amt),
        buyer_fee: back(trade.buyer_fee),
        seller_fee: back(trade.seller_fee),
        ref_id: trade_id,
        ..trade
    }
}

/// What became of the order that a trade was of.
struct OfOrder {
    /// How much of the trade counts for it now.
    qty: Qty,
    /// What more of it is at the venue than before.
    in_flight: i64,
    /// Why the venue's word does not fit, or [`Reason::None`].
    fault: Reason,
}

impl<P: Pricer> Engine<P> {
    /// Takes back the trade that a report names, and books it as corrected: for that quantity and price, and the report's fee.
    ///
    /// One that is not known, or too old to be, is refused and halts its venue: its position and ours differ, and a person settles
    /// that. One that was taken back before is refused and changes nothing.
    pub(crate) fn take_bust(
        &mut self,
        report: &VenueReport,
        corrected: Option<(Qty, Px)>,
        out: &mut Out,
    ) -> Result<(), Reason> {
        if self.executions.has(report.venue, &report.exec_id) {
            return Err(Reason::DuplicateExecId);
        }
        let (slot, fill) = self.executions.fill(report.venue, &report.exec_ref_id)?;
        if (fill.instrument, fill.side.fix()) != (report.instrument, report.side) {
            return Err(Reason::OrderMismatch);
        }
        if let Some(passed) = self.agency.passed(fill.trade_id).copied() {
            return self.take_agency_bust(slot, &fill, &passed, corrected, report, out);
        }
        let mut now = if let Some((qty, px)) = corrected {
            Some(self.correct(&fill, qty, px, report, out)?)
        } else {
            self.bust(&fill, report, out)?;
            None
        };
        let (of_order, fault) = self.correct_order(&fill, now.as_ref(), report, out);
        match &mut now {
            Some(now) => {
                now.of_order = of_order;
                self.executions.correct(slot, report.venue, &report.exec_id, now);
            }
            None => self.executions.bust(slot, report.venue, &report.exec_id),
        }
        let position = self.positions.get(fill.instrument);
        self.risk
            .rebooked(fill.instrument, position.qty, position.cash.get());
        report_position(fill.instrument, &position, out);
        self.report_latches(out);
        if fault != Reason::None {
            self.halt_venue(report.venue, fault, out);
        }
        let from = (report.venue, fill.order_id);
        let (from, side, told) = match &now {
            Some(now) => (FillFrom::Corrected(from.0, from.1), fill.side, now),
            None => (FillFrom::Busted(from.0, from.1), fill.side.opposite(), &fill),
        };
        self.on_fill(
            &Fill {
                from,
                instrument: fill.instrument,
                side,
                px: told.px,
                qty: told.qty,
            },
            out,
        );
        Ok(())
    }

    fn bust(&mut self, fill: &VenueFill, report: &VenueReport, out: &mut Out) -> Result<(), Reason> {
        let traded = self.traded.get(fill.instrument.index());
        let meta = &traded
            .and_then(Option::as_ref)
            .ok_or(Reason::UnknownInstrument)?
            .meta;
        let back = reversal(fill, report, meta, out)?;
        let entries = self.accounts.check(&back)?;
        self.positions.take_back(meta, fill.side, &executed(meta, fill))?;
        self.accounts.post(&entries);
        out.push(back);
        self.spend_back(fill, report);
        Ok(())
    }

    fn correct(
        &mut self,
        fill: &VenueFill,
        qty: Qty,
        px: Px,
        report: &VenueReport,
        out: &mut Out,
    ) -> Result<VenueFill, Reason> {
        let traded = self.traded.get(fill.instrument.index());
        let meta = &traded
            .and_then(Option::as_ref)
            .ok_or(Reason::UnknownInstrument)?
            .meta;
        self.assets
            .get(report.fee_asset.index())
            .ok_or(Reason::UnknownAsset)?;
        let back = reversal(fill, report, meta, out)?;
        let mut trade = TradeCaptureReport {
            trans_type: TradeReportTransType::Replace.byte(),
            ref_id: fill.order_id,
            ..venue_trade(report, fill.side, meta, out)?
        };
        // Where each fits by itself both do: a balance has room for more than one trade.
        let entries = [self.accounts.check(&back)?, self.accounts.check(&trade)?];
        let was = executed(meta, fill);
        let fee = in_quote(meta, report.fee_asset, report.fee);
        let cost = self.positions.correct(meta, fill.side, &was, (qty, px, fee))?;
        for entries in &entries {
            self.accounts.post(entries);
        }
        out.push(back);
        trade.trade_id = out.next_id();
        out.push(trade);
        let now = VenueFill {
            trade_id: trade.trade_id,
            qty,
            px,
            // Set right once the order is.
            of_order: Qty::ZERO,
            fee: report.fee,
            fee_asset: report.fee_asset,
            cost,
            ..*fill
        };
        self.spend_back(fill, report);
        self.risk.spend(
            &venue_order(&now, now.side, report),
            (now.fee_asset, now.fee),
            as_of(report.ts_event, report.ts_recv),
        );
        Ok(now)
    }

    /// What the venue takes back is not there any more; what it gives back counts when it says so.
    pub(crate) fn spend_back(&mut self, fill: &VenueFill, report: &VenueReport) {
        let fee = Amount::new(-fill.fee.get());
        self.risk.spend(
            &venue_order(fill, fill.side.opposite(), report),
            (fill.fee_asset, fee),
            as_of(report.ts_event, report.ts_recv),
        );
    }

    /// Sets the order and the parent order of a trade right; gives back how much of it counts for the order now, and why the
    /// venue's word does not fit or [`Reason::None`].
    pub(crate) fn correct_order(
        &mut self,
        was: &VenueFill,
        now: Option<&VenueFill>,
        report: &VenueReport,
        out: &mut Out,
    ) -> (Qty, Reason) {
        if was.of_order == Qty::ZERO {
            return (Qty::ZERO, Reason::None);
        }
        let qty = now.map_or(Qty::ZERO, |now| now.qty);
        let of = match self.orders.find(was.order_id) {
            Some(slot) => self.correct_open(slot, was, qty, report),
            None => self.correct_ended(was, qty, report),
        };
        let fee = now.map_or(Amount::ZERO, |now| now.fee);
        let fee_asset = now.map_or(was.fee_asset, |now| now.fee_asset);
        let px = now.map_or(was.px, |now| now.px);
        let traded = self.traded[was.instrument.index()].as_ref();
        let [then, since] = [(was.fee_asset, was.fee), (fee_asset, fee)]
            .map(|(asset, fee)| traded.map_or(Amount::ZERO, |traded| in_quote(&traded.meta, asset, fee)));
        self.part_corrected(
            was.parent_id,
            [(was.of_order, was.px, then), (of.qty, px, since)],
            of.in_flight,
            out,
        );
        (of.qty, of.fault)
    }

    fn correct_open(&mut self, slot: OrderSlot, was: &VenueFill, qty: Qty, report: &VenueReport) -> OfOrder {
        let before = *self.orders.get(slot);
        let less = Qty(was.of_order.0 - qty.0.min(was.of_order.0));
        let more = Qty((qty.0 - was.qty.0).clamp(0, before.leaves.0));
        let after = if less > Qty::ZERO {
            // Where it can't be told which of two orders the venue speaks of, what may be filled is counted.
            let is_open_again = before.replacement.is_some() || report.leaves_qty > before.stands();
            self.orders.bust(slot, less, is_open_again)
        } else if more > Qty::ZERO {
            self.orders.fill(slot, more)
        } else {
            before
        };
        self.risk.change_order(&before, &after);
        let is_too_much = qty.0 - was.qty.0 > more.0;
        let is_worse = qty > Qty::ZERO && is_worse(&before, report.last_px);
        OfOrder {
            qty: Qty(was.of_order.0 - less.0 + more.0),
            in_flight: after.leaves.0 - before.leaves.0,
            fault: if is_too_much || is_worse {
                Reason::OrderMismatch
            } else {
                Reason::None
            },
        }
    }

    /// An order that has ended stays ended, whatever is taken back of it. A venue that says that it may be filled again is
    /// halted.
    fn correct_ended(&self, was: &VenueFill, qty: Qty, report: &VenueReport) -> OfOrder {
        let parent = self.parents.find(was.parent_id);
        let unsent = parent.map_or(i64::MAX, |slot| self.parents.get(slot).unsent().0);
        let more = (qty.0 - was.qty.0).clamp(0, unsent);
        OfOrder {
            qty: Qty(qty.0.min(was.of_order.0) + more),
            in_flight: 0,
            fault: if report.leaves_qty > Qty::ZERO {
                Reason::OrderMismatch
            } else {
                Reason::None
            },
        }
    }
}

/// A trade as risk takes it.
fn venue_order(fill: &VenueFill, side: Side, report: &VenueReport) -> NewVenueOrder {
    NewVenueOrder {
        strategy: StrategyId(0),
        venue: report.venue,
        instrument: fill.instrument,
        side,
        px: fill.px,
        qty: fill.qty,
        time_in_force: TimeInForce::ImmediateOrCancel,
    }
}
