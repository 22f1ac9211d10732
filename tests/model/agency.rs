//! Clients' agency orders: who asks for them, and what must be so of what they are told.

use std::collections::HashMap;

use bytemuck::Zeroable;
use pinrail_engine::Engine;
use pinrail_types::record::{
    AgencyDef, ExecType, ExecutionReport, HandlInst, NewOrderSingle, OrdStatus, OrdType, OrderAverage,
    ParentOrderReport, TimeInForce, TradeCaptureReport, TradeSource, VenueReport,
};
use pinrail_types::{
    Amount, ClientId, E8, Flags, Frame, InstrumentId, OutId, Px, Qty, SessionId, Side, StrategyId, Text,
};

use crate::auditor::{Happened, Seen, must};
use crate::market::{self, UNIT};
use crate::random::Random;
use crate::venues::INSTRUMENTS;
use crate::world::Model;

const COMMISSION_E8: [i32; 2] = [50_000, 0];
const REMEMBERED: usize = 64;

/// What the tiers are offered.
pub(crate) fn offers() -> Vec<Frame> {
    let offer = |tier: u8| AgencyDef {
        tier,
        tries_max: 3,
        commission_e8: COMMISSION_E8[usize::from(tier)],
        retry_ns: 400,
        life_ns_max: 60_000,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    };
    [0, 1].map(|tier| Frame::of(&offer(tier))).to_vec()
}

/// Clients that order so.
#[derive(Default)]
pub(crate) struct Askers {
    number: u64,
    asked: Vec<NewOrderSingle>,
}

impl Askers {
    /// An order, one that came before, or a cancel.
    pub(crate) fn next(&mut self, random: &mut Random, mids: &[i64; INSTRUMENTS], now: u64) -> Frame {
        let held = random.pick_late(&self.asked);
        match (random.below(12), held) {
            (0..=2, Some(order)) => {
                let mut cancel = market::cancel("-", order.client.0);
                cancel.orig_cl_ord_id = order.cl_ord_id;
                if random.once_in(12) {
                    cancel.client.0 = (cancel.client.0 + 1) % 3;
                }
                Frame::of(&cancel)
            }
            (3, Some(order)) => Frame::of(&order),
            _ => self.order(random, mids, now),
        }
    }

    fn order(&mut self, random: &mut Random, mids: &[i64; INSTRUMENTS], now: u64) -> Frame {
        self.number += 1;
        let instrument = random.below(INSTRUMENTS as u64) as usize;
        let is_market = random.once_in(6);
        let is_immediate = random.once_in(3);
        let qty_max = if random.once_in(4) { 900 } else { 120 };
        let mut order = NewOrderSingle {
            cl_ord_id: Text::new(&format!("G{}", self.number)).unwrap(),
            client: ClientId(random.below(3) as u32),
            instrument: InstrumentId(instrument as u32),
            qty: Qty(random.between(1, qty_max)),
            px: if is_market {
                Px::NONE
            } else {
                Px(mids[instrument] + random.between(-8, 8))
            },
            side: [b'1', b'2'][random.below(2) as usize],
            ord_type: if is_market {
                OrdType::Market
            } else {
                OrdType::Limit
            }
            .byte(),
            session: SessionId(random.below(4) as u16),
            handl_inst: HandlInst::Automated.byte(),
            time_in_force: TimeInForce::ImmediateOrCancel.byte(),
            ts_recv: now,
            ..Zeroable::zeroed()
        };
        if !is_immediate {
            order.time_in_force = TimeInForce::GoodTillDate.byte();
            order.expire_ts = now + random.below(40_000);
        }
        match random.below(40) {
            0 => order.px.0 += 5_000,
            1 => order.qty.0 = random.between(-1, 30_000),
            2 => order.handl_inst = b'3',
            3 => order.client.0 = 7,
            4 => order.time_in_force = b'4',
            _ => {}
        }
        if self.asked.len() == REMEMBERED {
            self.asked.remove(0);
        }
        self.asked.push(order);
        Frame::of(&order)
    }
}

#[derive(Clone, Copy, Debug)]
struct Held {
    told: ExecutionReport,
    gross: i128,
    fees: i128,
    has_ended: bool,
    is_canceling: bool,
}

/// A fill, as it was told last.
#[derive(Clone, Copy, Debug, Default)]
struct Filled {
    qty: i64,
    gross: i128,
    fee: i128,
}

/// What was told of each order.
#[derive(Default)]
pub(crate) struct Agency {
    orders: HashMap<OutId, Held>,
    /// By the report that told of it last.
    fills: HashMap<OutId, Filled>,
    open: usize,
}

fn sign(report: &ExecutionReport) -> i64 {
    Side::from_fix(report.side).map_or(0, Side::sign)
}

impl Agency {
    pub(crate) fn see(&mut self, seen: &Seen<'_>, happened: &mut Happened) -> Result<(), String> {
        let parents = seen.all::<ParentOrderReport>();
        let mut passed = 0;
        for frame in seen.out.frames() {
            let Some(report) = frame.get::<ExecutionReport>() else {
                continue;
            };
            let is_new = parents
                .iter()
                .any(|parent| (parent.parent_id, parent.strategy) == (report.order_id, StrategyId::AGENCY));
            let is_its = self.orders.contains_key(&report.order_id) || is_new;
            if !is_its || report.order_id.is_none() || frame.flags().has(Flags::POSS_RESEND) {
                continue;
            }
            // A correction takes a trade back and puts another in its place.
            passed += match ExecType::from_byte(report.exec_type) {
                Some(ExecType::Trade | ExecType::TradeCancel) => 1,
                Some(ExecType::TradeCorrect) => 2,
                _ => 0,
            };
            self.on_report(report, seen, happened)?;
        }
        let trades = seen.all::<TradeCaptureReport>();
        let of_clients = trades
            .iter()
            .filter(|trade| trade.trade_source == TradeSource::Agency.byte());
        must!(
            of_clients.count() == passed,
            "{passed} fills were told and not as many traded"
        );
        Ok(())
    }

    fn on_report(
        &mut self,
        report: &ExecutionReport,
        seen: &Seen<'_>,
        happened: &mut Happened,
    ) -> Result<(), String> {
        let exec_type = ExecType::from_byte(report.exec_type).ok_or("a report of nothing")?;
        let Some(held) = self.orders.get_mut(&report.order_id) else {
            let order = seen
                .input
                .get::<NewOrderSingle>()
                .ok_or("an agency order that nobody sent")?;
            let is_it = exec_type == ExecType::New
                && (order.cl_ord_id, order.client, order.qty, order.side)
                    == (report.cl_ord_id, report.client, report.qty, report.side)
                && (order.px == Px::NONE || order.px == report.px)
                && (report.leaves_qty, report.cum_qty) == (report.qty, Qty::ZERO);
            must!(is_it, "another order than was sent: {order:?} {report:?}");
            let held = Held {
                told: *report,
                gross: 0,
                fees: 0,
                has_ended: false,
                is_canceling: false,
            };
            self.orders.insert(report.order_id, held);
            self.open += 1;
            *happened.entry("agency order").or_default() += 1;
            return Ok(());
        };
        let is_bust = matches!(exec_type, ExecType::TradeCancel | ExecType::TradeCorrect);
        must!(
            !held.has_ended || is_bust,
            "an agency order goes on behind its end: {report:?}"
        );
        let now = match exec_type {
            ExecType::Trade | ExecType::TradeCorrect => Filled {
                qty: report.last_qty.0,
                gross: i128::from(report.last_qty.0) * i128::from(report.last_px.0) * UNIT,
                fee: report.fee.get(),
            },
            _ => Filled::default(),
        };
        let averages = seen.all::<OrderAverage>();
        let average = averages
            .iter()
            .find(|average| average.order_id == report.order_id);
        let was = if is_bust {
            let of = average.ok_or("what it came to is not told")?.exec_ref_id;
            *happened.entry("bust passed on").or_default() += 1;
            self.fills
                .remove(&of)
                .ok_or("a fill is taken back that was not told")?
        } else {
            Filled::default()
        };
        held.gross += now.gross - was.gross;
        held.fees += now.fee - was.fee;
        let cum = held.told.cum_qty.0 + now.qty - was.qty;
        must!(
            report.cum_qty.0 == cum && (0..=report.qty.0).contains(&cum),
            "it does not add up: {held:?} {report:?}"
        );
        let is_filled = report.ord_status == OrdStatus::Filled.byte();
        must!(is_filled == (cum == report.qty.0), "filled or not: {report:?}");
        let is_end =
            held.has_ended || is_filled || matches!(exec_type, ExecType::Canceled | ExecType::Expired);
        let left = if is_end { 0 } else { report.qty.0 - cum };
        must!(
            report.leaves_qty == Qty(left),
            "what is left is not told: {report:?}"
        );
        match exec_type {
            ExecType::Trade => {
                check_fill(report, now.gross, seen)?;
                *happened.entry("fill passed on").or_default() += 1;
            }
            ExecType::TradeCorrect => check_trade(report, now.gross, seen)?,
            ExecType::TradeCancel => {}
            ExecType::PendingCancel => {
                must!(!held.is_canceling, "a cancel is told twice: {report:?}");
                held.is_canceling = true;
            }
            ExecType::Canceled | ExecType::Expired => {
                must!(report.reason != 0, "it ended for nothing: {report:?}");
            }
            other => return Err(format!("an agency order is told {other:?}")),
        }
        if now.qty > 0 {
            self.fills.insert(report.exec_id, now);
        }
        let is_told = average.is_some_and(|average| {
            (average.cum_qty, average.gross_trade_amt.get(), average.fees.get())
                == (report.cum_qty, held.gross, held.fees)
        });
        let is_trade = is_bust || exec_type == ExecType::Trade;
        must!(
            is_told || !is_trade,
            "what it came to is not told: {held:?} {averages:?}"
        );
        self.open -= usize::from(is_end && !held.has_ended);
        held.told = *report;
        held.has_ended = is_end;
        Ok(())
    }

    /// That the engine has as many open as were told, each filled as was told.
    pub(crate) fn compare(&self, engine: &Engine<Model>) -> Result<(), String> {
        let open = engine.agency_orders().count();
        must!(
            open == self.open,
            "{open} agency orders are open, and {} were told",
            self.open
        );
        for (_, parent) in engine.agency_orders() {
            let held = self.orders.get(&parent.parent_id);
            let cum = held.map(|held| held.told.cum_qty);
            must!(
                cum == Some(parent.filled),
                "{:?} is filled by its parts, and {cum:?} by what was told: {parent:?}",
                parent.filled
            );
        }
        Ok(())
    }
}

/// A fill is one at a venue, at its price or a better one than it gave, and one trade with the client.
fn check_fill(report: &ExecutionReport, gross: i128, seen: &Seen<'_>) -> Result<(), String> {
    let venue = seen.input.get::<VenueReport>().ok_or("filled by no venue")?;
    let worse = (venue.last_px.0 - report.last_px.0) * sign(report);
    must!(
        worse >= 0 && report.last_qty <= venue.last_qty,
        "not what the venue filled: {venue:?} {report:?}"
    );
    check_trade(report, gross, seen)
}

/// It is within its limit, for a tier's commission, and one trade with the client.
fn check_trade(report: &ExecutionReport, gross: i128, seen: &Seen<'_>) -> Result<(), String> {
    must!(
        (report.last_px.0 - report.px.0) * sign(report) <= 0,
        "filled beyond its limit: {report:?}"
    );
    let fee = COMMISSION_E8.map(|of| {
        let exact = gross * i128::from(of);
        Amount::new((exact + i128::from(E8) - 1) / i128::from(E8))
    });
    must!(fee.contains(&report.fee), "another commission: {report:?}");
    let trades = seen.all::<TradeCaptureReport>();
    let of_it = trades.iter().filter(|trade| {
        trade.trade_source == TradeSource::Agency.byte()
            && (trade.trade_id, trade.ref_id) == (report.exec_id, report.order_id)
            && (trade.px, trade.qty) == (report.last_px, report.last_qty)
    });
    must!(of_it.count() == 1, "a fill that is not one trade: {report:?}");
    Ok(())
}
