//! What becomes of orders at venues, and of the parent orders that they are parts of.

use std::collections::{HashMap, HashSet};

use pinrail_engine::Engine;
use pinrail_types::record::{
    EpochStart, ExecType, ParentOrderReport, ParentState, Scope, TradeCaptureReport, TradeSource, VenueOrder,
    VenueOrderCancel, VenueReport,
};
use pinrail_types::{OutId, Qty, Reason, Side, Text, VenueId};

use crate::auditor::{Happened, Seen, Switches, must};
use crate::world::Model;

#[derive(Clone, Copy, Debug)]
struct Held {
    order: VenueOrder,
    leaves: i64,
    is_canceling: bool,
    /// Its venue refused to cancel it: it is asked again some time later.
    is_refused: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Parent {
    qty: i64,
    filled: i64,
    has_ended: bool,
}

#[derive(Default)]
pub(crate) struct Orders {
    open: HashMap<OutId, Held>,
    /// Every order that ever was.
    sent: HashMap<OutId, VenueOrder>,
    parents: HashMap<OutId, Parent>,
    /// Reports that were taken.
    executions: HashSet<(VenueId, Text<40>)>,
}

impl Orders {
    pub(crate) fn see(
        &mut self,
        seen: &Seen<'_>,
        switches: &Switches,
        happened: &mut Happened,
    ) -> Result<(), String> {
        if let Some(report) = seen.input.get::<VenueReport>() {
            self.on_report(report, seen, switches, happened)?;
        } else {
            let trades = seen.all::<TradeCaptureReport>();
            let is_none = trades
                .iter()
                .all(|trade| trade.trade_source != TradeSource::Venue.byte());
            must!(is_none, "a trade at a venue that none reported");
        }
        if seen.input.get::<EpochStart>().is_some() && seen.refused.is_none() {
            self.open.values_mut().for_each(|held| held.is_canceling = false);
        }
        for order in seen.all::<VenueOrder>() {
            self.on_order(&order, switches)?;
        }
        for cancel in seen.all::<VenueOrderCancel>() {
            *happened.entry("cancel sent to a venue").or_default() += 1;
            let held = self
                .open
                .get_mut(&cancel.order_id)
                .ok_or("a cancel of an order that is not open")?;
            must!(
                !held.is_canceling,
                "a cancel that was asked for already: {held:?}"
            );
            held.is_canceling = true;
        }
        for report in seen.all::<ParentOrderReport>() {
            self.on_parent(&report, happened)?;
        }
        Ok(())
    }

    fn on_order(&mut self, order: &VenueOrder, switches: &Switches) -> Result<(), String> {
        must!(
            self.sent.insert(order.order_id, *order).is_none(),
            "an id of two orders: {order:?}"
        );
        for (scope, target) in [
            (Scope::Global, 0),
            (Scope::Venue, order.venue.0.into()),
            (Scope::Instrument, order.instrument.0),
            (Scope::Strategy, order.strategy.0.into()),
        ] {
            must!(
                !switches.is_halted(scope, target),
                "an order while {scope:?} {target} is halted: {order:?}"
            );
        }
        let held = Held {
            order: *order,
            leaves: order.qty.0,
            is_canceling: false,
            is_refused: false,
        };
        self.open.insert(order.order_id, held);
        if !order.parent_id.is_none() {
            // Its first report may come behind its first parts.
            let parent = self.parents.entry(order.parent_id).or_default();
            must!(
                !parent.has_ended,
                "a part of a parent order that has ended: {order:?}"
            );
        }
        Ok(())
    }

    fn on_report(
        &mut self,
        report: &VenueReport,
        seen: &Seen<'_>,
        switches: &Switches,
        happened: &mut Happened,
    ) -> Result<(), String> {
        let trades = seen.all::<TradeCaptureReport>();
        let booked = trades
            .iter()
            .filter(|trade| trade.trade_source == TradeSource::Venue.byte())
            .count();
        let key = (report.venue, report.exec_id);
        if self.executions.contains(&key) {
            *happened.entry("report that came twice").or_default() += 1;
            must!(booked == 0, "a fill was booked twice: {report:?}");
            must!(seen.refused.is_some(), "a report was taken twice: {report:?}");
            return Ok(());
        }
        if report.exec_type == ExecType::Trade.byte() {
            must!(
                booked + usize::from(seen.refused.is_some()) == 1,
                "a fill that was booked {booked} times and refused for {:?}: {report:?}",
                seen.refused
            );
        } else {
            must!(booked == 0, "a trade of no fill: {report:?}");
        }
        match seen.refused {
            None => {}
            Some(Reason::UnknownOrder | Reason::DuplicateExecId) => {
                self.executions.insert(key);
                return Ok(());
            }
            Some(_) => return Ok(()),
        }
        self.executions.insert(key);
        let fault = self.apply(report, happened);
        let venue = u32::from(report.venue.0);
        let halts = seen.all::<pinrail_types::record::StateChange>();
        let was_halted = halts
            .iter()
            .any(|change| (change.scope, change.target) == (Scope::Venue.byte(), venue));
        must!(
            fault.is_none() || was_halted || switches.is_halted(Scope::Venue, venue),
            "a report that does not fit ({}) and its venue goes on: {report:?}",
            fault.unwrap_or_default()
        );
        Ok(())
    }

    /// What a report that was taken does to the order that it names, and what does not fit.
    fn apply(&mut self, report: &VenueReport, happened: &mut Happened) -> Option<&'static str> {
        let exec_type = ExecType::from_byte(report.exec_type).expect("it was taken");
        let is_fill = exec_type == ExecType::Trade;
        if is_fill {
            *happened.entry("fill at a venue").or_default() += 1;
        }
        let Some(held) = self.open.get_mut(&report.order_id) else {
            if is_fill {
                *happened.entry("fill of an order that nobody knows").or_default() += 1;
            }
            return is_fill.then_some("no such order");
        };
        let order = held.order;
        if (order.venue, order.instrument, order.side) != (report.venue, report.instrument, report.side) {
            return Some("another order");
        }
        if is_fill {
            let filled = report.last_qty.0.min(held.leaves);
            held.leaves -= filled;
            let left = held.leaves;
            if let Some(parent) = self.parents.get_mut(&order.parent_id) {
                parent.filled += filled;
            }
            if left == 0 {
                self.open.remove(&report.order_id);
            }
            let side = Side::from_fix(order.side).expect("it was sent");
            let is_worse = (report.last_px.0 - order.px.0) * side.sign() > 0;
            return (report.last_qty.0 > filled || is_worse).then_some("more or dearer than asked for");
        }
        if matches!(
            exec_type,
            ExecType::Canceled | ExecType::Rejected | ExecType::Expired
        ) {
            let filled = order.qty.0 - held.leaves;
            self.open.remove(&report.order_id);
            return (report.cum_qty != Qty(filled)).then_some("a fill is missing");
        }
        if exec_type == ExecType::OrderStatus {
            held.is_refused |= held.is_canceling;
            held.is_canceling = false;
        }
        None
    }

    fn on_parent(&mut self, report: &ParentOrderReport, happened: &mut Happened) -> Result<(), String> {
        let parent = self.parents.entry(report.parent_id).or_default();
        must!(
            !parent.has_ended,
            "a parent order goes on behind its end: {report:?}"
        );
        must!(
            parent.qty == 0 || parent.qty == report.qty.0,
            "a parent order of another size: {report:?}"
        );
        if parent.qty == 0 {
            *happened.entry("parent order").or_default() += 1;
        }
        parent.qty = report.qty.0;
        must!(
            report.cum_qty.0 == parent.filled,
            "a parent order says that {} were filled, and its parts say {}: {report:?}",
            report.cum_qty.0,
            parent.filled
        );
        let in_flight = of_parent(&self.open, report.parent_id);
        must!(
            report.in_flight_qty.0 == in_flight || report.tries == 0,
            "a parent order says that {} are out, and its parts say {in_flight}: {report:?}",
            report.in_flight_qty.0
        );
        if report.parent_state == ParentState::Done.byte() {
            must!(
                in_flight == 0,
                "a parent order ended before its parts: {report:?}"
            );
            parent.has_ended = true;
        }
        Ok(())
    }

    pub(crate) fn compare(&self, engine: &Engine<Model>) -> Result<(), String> {
        let held = engine.open_orders().count();
        must!(
            held == self.open.len(),
            "{held} orders are open, and {} by what was told",
            self.open.len()
        );
        for parent in engine.parent_orders() {
            let in_flight = of_parent(&self.open, parent.parent_id);
            let known = self.parents.get(&parent.parent_id).copied().unwrap_or_default();
            must!(
                known.filled + in_flight <= parent.order.qty.0,
                "a parent order of {} has {} filled and {in_flight} out",
                parent.order.qty.0,
                known.filled
            );
        }
        Ok(())
    }

    /// Nothing is due: what a switch forbids was asked back.
    pub(crate) fn at_rest(&self, switches: &Switches) -> Result<(), String> {
        for held in self.open.values() {
            let order = &held.order;
            let is_halted = switches.is_halted(Scope::Global, 0)
                || switches.is_halted(Scope::Venue, order.venue.0.into())
                || switches.is_halted(Scope::Instrument, order.instrument.0)
                || switches.is_halted(Scope::Strategy, order.strategy.0.into());
            must!(
                held.is_canceling || held.is_refused || !is_halted,
                "an order outlives what halts it: {held:?}"
            );
        }
        Ok(())
    }
}

fn of_parent(open: &HashMap<OutId, Held>, parent_id: OutId) -> i64 {
    let parts = open.values().filter(|held| held.order.parent_id == parent_id);
    parts.map(|held| held.leaves).sum()
}
