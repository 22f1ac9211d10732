//! Trades of agency orders that a venue takes back or corrects: its client's trade is taken back or corrected with it, since the house
//! stood between them without a risk of its own.

use pinrail_oms::life::AgencyEvent;
use pinrail_oms::{AgencyOrder, Entries, ExecutionSlot, ParentSlot, Passed, PassedSum, Position, VenueFill};
use pinrail_pricing::{Fill, FillFrom, Pricer};
use pinrail_types::record::{
    ExecType, ExecutionReport, OrdStatus, TradeCaptureReport, TradeReportTransType, VenueReport,
};
use pinrail_types::{Amount, Instrument, OutId, ParentOrder, Px, Qty, Reason, Side};

use super::passing::{Passing, average_of};
use super::{left_of, report_of};
use crate::busts::{in_quote, reversal, taken_back};
use crate::orders::venue_trade;
use crate::out::Out;
use crate::state::Engine;

/// The order of a fill.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one at a time, and nothing is allocated"
)]
enum Of {
    Open(ParentSlot),
    /// It has ended: the last report on it, and what its fills came to.
    Ended(ExecutionReport, PassedSum),
}

/// A fill, what of it is its client's, and what of it is the house's.
#[derive(Clone, Copy)]
struct Shared {
    passing: Passing,
    px: Px,
    beyond: Qty,
    /// What the house was charged, the client's part taken off.
    charged: i128,
}

/// Everything that is booked for a trade that is taken back, and for the one in its place.
struct Booked {
    venue: [Option<TradeCaptureReport>; 2],
    client: [Option<TradeCaptureReport>; 2],
    entries: [Option<Entries>; 4],
    position: Position,
}

/// A price that its order allows: the client never gets a worse one.
fn allowed(side: Side, px: Px, limit_px: Px) -> Px {
    match side {
        Side::Buy => px.min(limit_px),
        Side::Sell => px.max(limit_px),
    }
}

impl<P: Pricer> Engine<P> {
    /// Takes back what was passed on of a fill, or corrects it. One whose order nobody remembers is refused as one that is not known.
    #[cold]
    pub(crate) fn take_agency_bust(
        &mut self,
        at: ExecutionSlot,
        fill: &VenueFill,
        passed: &Passed,
        corrected: Option<(Qty, Px)>,
        report: &VenueReport,
        out: &mut Out,
    ) -> Result<(), Reason> {
        let of = self.order_of(passed)?;
        let traded = self.traded[fill.instrument.index()].as_ref();
        let meta = traded.ok_or(Reason::UnknownInstrument)?.meta;
        let was = Shared {
            passing: Passing {
                client: passed.client,
                side: fill.side,
                px: passed.px,
                qty: passed.qty,
                gross: passed.gross,
                fee: passed.fee,
            },
            px: fill.px,
            beyond: Qty(fill.qty.0 - passed.qty.0),
            charged: in_quote(&meta, fill.fee_asset, fill.fee).get() - passed.fee.get(),
        };
        let now = match corrected {
            Some((qty, px)) => Some(self.shared(fill, passed, &of, (qty, px), &meta, report)?),
            None => None,
        };
        let booked = self.check_bust(fill, passed, (&was, now.as_ref()), report, &meta, out)?;
        for entries in booked.entries.iter().flatten() {
            self.accounts.post(entries);
        }
        let before = match of {
            Of::Open(slot) => Some(*self.parents.get(slot)),
            Of::Ended(..) => None,
        };
        let trade_id = push_trades(&booked.venue, out);
        let now_fill = now.map(|now| VenueFill {
            trade_id,
            qty: Qty(now.passing.qty.0 + now.beyond.0),
            px: now.px,
            of_order: Qty::ZERO,
            fee: report.fee,
            fee_asset: report.fee_asset,
            cost: Amount::ZERO,
            ..*fill
        });
        let (of_order, fault) = self.correct_order(fill, now_fill.as_ref(), report, out);
        match now_fill {
            Some(now) => {
                let now = VenueFill { of_order, ..now };
                self.executions.correct(at, report.venue, &report.exec_id, &now);
            }
            None => self.executions.bust(at, report.venue, &report.exec_id),
        }
        self.spend_back(fill, report);
        if now.is_some() {
            self.spend_at_venue(report, fill.side);
        }
        self.carry_passed(fill.instrument, &booked.position);
        let exec_id = self.tell_bust(passed, (&was, now.as_ref(), trade_id), (&of, before), &meta, out);
        let [back, again] = booked.client;
        push_trades(&[back, None], out);
        if let Some(again) = again {
            // As with a fill, the id of its report.
            out.push(TradeCaptureReport {
                trade_id: exec_id,
                ..again
            });
        }
        crate::rfq::report_position(fill.instrument, &booked.position, out);
        if let Of::Open(slot) = of
            && self.agency.at(slot).is_none()
        {
            self.end_parent(slot, Reason::None, out);
        }
        self.report_latches(out);
        if fault != Reason::None {
            self.halt_venue(report.venue, fault, out);
        }
        let beyond = now.map_or(was.beyond, |now| now.beyond);
        if was.beyond.max(beyond) > Qty::ZERO {
            let (from, side) = match now {
                Some(_) => (FillFrom::Corrected(report.venue, fill.order_id), fill.side),
                None => (
                    FillFrom::Busted(report.venue, fill.order_id),
                    fill.side.opposite(),
                ),
            };
            let (instrument, px) = (fill.instrument, report.last_px);
            self.on_fill(
                &Fill {
                    from,
                    instrument,
                    side,
                    px,
                    qty: beyond,
                },
                out,
            );
        }
        Ok(())
    }

    fn order_of(&self, passed: &Passed) -> Result<Of, Reason> {
        let open = self.parents.find(passed.order_id);
        if let Some(slot) = open.filter(|slot| self.agency.at(*slot).is_some()) {
            return Ok(Of::Open(slot));
        }
        let last = self.reports.find(passed.client, &passed.cl_ord_id);
        let sum = self.agency.sum_of(passed.order_id);
        let is_known = |last: &&ExecutionReport| last.order_id == passed.order_id && last.cum_qty == sum.qty;
        let last = last.filter(is_known).ok_or(Reason::UnknownExecId)?;
        Ok(Of::Ended(*last, sum))
    }

    /// A fill as it is from now on: what of it counts for the order, at a price that the order allows, and the rest.
    fn shared(
        &self,
        fill: &VenueFill,
        passed: &Passed,
        of: &Of,
        (qty, px): (Qty, Px),
        meta: &Instrument,
        report: &VenueReport,
    ) -> Result<Shared, Reason> {
        let room = match of {
            Of::Ended(..) => Qty::ZERO,
            Of::Open(slot) => match self.orders.find(fill.order_id) {
                Some(order) => self.orders.get(order).leaves,
                None => self.parents.get(*slot).unsent(),
            },
        };
        let more = (qty.0 - fill.qty.0).clamp(0, room.0);
        let of_client = Qty(qty.0.min(passed.qty.0) + more);
        let whose = (passed.client, fill.side);
        let passed_px = allowed(fill.side, px, passed.limit_px);
        let passing = Passing::of(meta, whose, passed_px, of_client, passed.commission_e8)?;
        let paid = in_quote(meta, report.fee_asset, report.fee).get();
        Ok(Shared {
            passing,
            px,
            beyond: Qty(qty.0 - of_client.0),
            charged: paid.checked_sub(passing.fee.get()).ok_or(Reason::Overflow)?,
        })
    }

    /// That all of it can be booked; the position is changed already where it can.
    fn check_bust(
        &mut self,
        fill: &VenueFill,
        passed: &Passed,
        (was, now): (&Shared, Option<&Shared>),
        report: &VenueReport,
        meta: &Instrument,
        out: &Out,
    ) -> Result<Booked, Reason> {
        self.assets
            .get(report.fee_asset.index())
            .ok_or(Reason::UnknownAsset)?;
        let client = |shared: &Shared| shared.passing.trade(meta, passed.order_id, out.now());
        let replaced = |trade: TradeCaptureReport| TradeCaptureReport {
            trans_type: TradeReportTransType::Replace.byte(),
            ..trade
        };
        let mut venue = [Some(reversal(fill, report, meta, out)?), None];
        let mut of_client = [Some(taken_back(client(was), passed.trade_id)), None];
        if let Some(now) = now {
            // Whatever order the report names.
            venue[1] = Some(TradeCaptureReport {
                ref_id: fill.order_id,
                ..replaced(venue_trade(report, fill.side, meta, out)?)
            });
            of_client[1] = Some(replaced(client(now)));
        }
        let mut entries = [None; 4];
        for (entries, trade) in entries.iter_mut().zip(venue.iter().chain(&of_client)) {
            *entries = match trade {
                Some(trade) => Some(self.accounts.check(trade)?),
                None => None,
            };
        }
        let held = self.positions.get(meta.id);
        let made = was.passing.made(meta, was.px)?;
        let back = (fill.side.opposite(), was.beyond, was.px);
        let mut position = self.positions.pass_on(meta, back, -made, -was.charged)?;
        if let Some(now) = now {
            let booked = now.passing.made(meta, now.px).and_then(|made| {
                let fill = (fill.side, now.beyond, now.px);
                self.positions.pass_on(meta, fill, made, now.charged)
            });
            if booked.is_err() {
                self.positions.put_back(meta.id, &held);
            }
            position = booked?;
        }
        Ok(Booked {
            venue,
            client: of_client,
            entries,
            position,
        })
    }

    /// Moves what is held and used of the client's credit, and tells it; gives back the id of the report.
    fn tell_bust(
        &mut self,
        passed: &Passed,
        (was, now, trade_id): (&Shared, Option<&Shared>, OutId),
        (of, before): (&Of, Option<ParentOrder>),
        meta: &Instrument,
        out: &mut Out,
    ) -> OutId {
        self.risk.untraded_for(passed.client, passed.owed);
        self.agency.take_back(passed.venue_trade_id);
        let more_gross = now.map_or(0, |now| now.passing.gross.get()) - was.passing.gross.get();
        let more_fee = now.map_or(0, |now| now.passing.fee.get()) - was.passing.fee.get();
        let exec_id = out.next_id();
        let (report, gross, fees) = match of {
            Of::Open(slot) => {
                let parent = *self.parents.get(*slot);
                let order = *self.agency.at(*slot).expect("it is open");
                if let Some(before) = before {
                    self.hold_agency(&order, &before, &parent);
                }
                self.agency.trade(*slot, more_gross, more_fee);
                let event = match (now, left_of(&parent), parent.filled) {
                    (Some(_), Qty::ZERO, _) => AgencyEvent::CorrectDone,
                    (Some(_), _, _) => AgencyEvent::Correct,
                    (None, _, Qty::ZERO) => AgencyEvent::BustAll,
                    (None, _, _) => AgencyEvent::Bust,
                };
                let (order, said) = self.agency.step(*slot, event);
                (report_of(&order, &parent, said, exec_id), order.gross, order.fees)
            }
            Of::Ended(last, sum) => (
                after_end(last, passed, now, exec_id),
                Amount::new(sum.gross.get() + more_gross),
                Amount::new(sum.fees.get() + more_fee),
            ),
        };
        let shown = now.unwrap_or(was).passing;
        let report = ExecutionReport {
            last_px: shown.px,
            last_qty: shown.qty,
            fee: shown.fee,
            ..report
        };
        if let Some(now) = now {
            self.pass_again(passed, now, trade_id, exec_id, out.now());
        }
        self.report(report, out);
        out.push(average_of(&report, passed.trade_id, meta, gross, fees));
        exec_id
    }

    /// Remembers a fill as it was corrected, and counts it.
    fn pass_again(&mut self, passed: &Passed, now: &Shared, trade_id: OutId, exec_id: OutId, ts: u64) {
        let order = AgencyOrder {
            cl_ord_id: passed.cl_ord_id,
            client: passed.client,
            session: pinrail_types::SessionId(0),
            state: pinrail_oms::life::AgencyState::New,
            is_immediate: false,
            px: passed.limit_px,
            held_px: passed.held_px,
            commission_e8: passed.commission_e8,
            expire_ts: 0,
            gross: Amount::ZERO,
            fees: Amount::ZERO,
        };
        let owed = self.use_agency_credit(&order, passed.instrument, &now.passing, ts);
        self.agency.pass(&Passed {
            venue_trade_id: trade_id,
            trade_id: exec_id,
            px: now.passing.px,
            qty: now.passing.qty,
            gross: now.passing.gross,
            fee: now.passing.fee,
            owed,
            ..*passed
        });
    }
}

/// Says the trades that are there, each under an id of its own; gives back the last.
fn push_trades(trades: &[Option<TradeCaptureReport>; 2], out: &mut Out) -> OutId {
    let mut trade_id = OutId::NONE;
    for trade in trades.iter().flatten() {
        trade_id = out.next_id();
        out.push(TradeCaptureReport { trade_id, ..*trade });
    }
    trade_id
}

/// The report on an order that has ended: it stays so, and one that was filled is so no longer.
fn after_end(
    last: &ExecutionReport,
    passed: &Passed,
    now: Option<&Shared>,
    exec_id: OutId,
) -> ExecutionReport {
    let cum = last.cum_qty.0 - passed.qty.0 + now.map_or(0, |now| now.passing.qty.0);
    let exec_type = match now {
        Some(_) => ExecType::TradeCorrect,
        None => ExecType::TradeCancel,
    };
    let was_filled = last.ord_status == OrdStatus::Filled.byte();
    let ord_status = if was_filled && cum < last.qty.0 {
        OrdStatus::Canceled.byte()
    } else {
        last.ord_status
    };
    ExecutionReport {
        exec_id,
        exec_type: exec_type.byte(),
        ord_status,
        cum_qty: Qty(cum),
        leaves_qty: Qty::ZERO,
        reason: 0,
        ..*last
    }
}
