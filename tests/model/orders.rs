//! What becomes of orders at venues, and of the parent orders that they are parts of.

use std::collections::{HashMap, HashSet};

use pinrail_engine::Engine;
use pinrail_types::record::{
    CxlRejResponseTo, EpochStart, ExecType, ParentOrderReport, ParentState, Scope, TimeInForce,
    TradeCaptureReport, TradeSource, VenueMassCancel, VenueMassCancelReport, VenueOrder, VenueOrderCancel,
    VenueOrderReplace, VenueReport,
};
use pinrail_types::{Frame, InstrumentId, OutId, Px, Qty, Side, StrategyId};

use crate::auditor::{Happened, Seen, Switches, must};
use crate::executions::{Executions, Taken};
use crate::world::Model;

#[derive(Clone, Copy, Debug)]
struct Held {
    /// As it was sent, or as the last replacement left it.
    order: VenueOrder,
    cum: i64,
    /// Id, price and quantity in all.
    replacement: Option<(OutId, Px, i64)>,
    is_canceling: bool,
    /// Its venue refused to cancel it: it is asked again some time later.
    is_refused: bool,
    /// A person has it cancelled.
    is_unwanted: bool,
}

impl Held {
    fn stands(&self) -> i64 {
        (self.order.qty.0 - self.cum).max(0)
    }

    /// What may still be filled, by the order or by what is to replace it.
    fn leaves(&self) -> i64 {
        let replaced = self.replacement.map_or(0, |(_, _, qty)| qty - self.cum);
        self.stands().max(replaced)
    }

    fn is_worse(&self, px: Px) -> bool {
        let prices = [
            self.order.px,
            self.replacement.map_or(self.order.px, |(_, px, _)| px),
        ];
        let sign = Side::from_fix(self.order.side).expect("it was sent").sign();
        prices.into_iter().all(|allowed| (px.0 - allowed.0) * sign > 0)
    }

    fn is_of(&self, scope: Scope, target: u32) -> bool {
        match scope {
            Scope::Global => true,
            Scope::Venue => u32::from(self.order.venue.0) == target,
            Scope::Instrument => self.order.instrument.0 == target,
            Scope::Strategy => u32::from(self.order.strategy.0) == target,
            Scope::Client => false,
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Parent {
    qty: i64,
    filled: i64,
    /// Once it was told of.
    of: Option<(InstrumentId, StrategyId)>,
    /// A person has no more of it sent.
    is_stopped: bool,
    has_ended: bool,
}

#[derive(Default)]
pub(crate) struct Orders {
    open: HashMap<OutId, Held>,
    /// Every order that ever was.
    sent: HashMap<OutId, VenueOrder>,
    replaced: HashSet<OutId>,
    parents: HashMap<OutId, Parent>,
    executions: Executions,
}

/// What a report does to the order that it names, and what of it does not fit.
type Fault = Option<&'static str>;

impl Orders {
    pub(crate) fn see(
        &mut self,
        seen: &Seen<'_>,
        switches: &Switches,
        happened: &mut Happened,
    ) -> Result<(), String> {
        let is_trade = |frame: &Frame| {
            let trade = frame.get::<TradeCaptureReport>();
            trade.is_some_and(|trade| trade.trade_source == TradeSource::Venue.byte())
        };
        let mut report = seen.input.get::<VenueReport>();
        // What was due ends first, and may end the parent order whose fill is taken back behind that.
        if !seen.out.frames().any(|frame| is_trade(&frame))
            && let Some(report) = report.take()
        {
            self.on_report(report, seen, switches, happened)?;
        }
        if seen.input.get::<EpochStart>().is_some() && seen.refused.is_none() {
            self.open.values_mut().for_each(|held| held.is_canceling = false);
        }
        if let Some(cancel) = seen.input.get::<VenueMassCancel>() {
            let reports = seen.all::<VenueMassCancelReport>().len();
            must!(
                reports + usize::from(seen.refused.is_some()) == 1,
                "a mass cancel without an answer: {cancel:?}"
            );
        }
        // What was left to do is done first, and may have opened orders.
        for frame in seen.out.frames() {
            if is_trade(&frame) {
                // A correction has two.
                if let Some(report) = report.take() {
                    self.on_report(report, seen, switches, happened)?;
                }
                must!(
                    seen.input.get::<VenueReport>().is_some(),
                    "a trade at a venue that none reported"
                );
            } else if let Some(order) = frame.get::<VenueOrder>() {
                self.on_order(order, switches)?;
            } else if let Some(replace) = frame.get::<VenueOrderReplace>() {
                self.on_replace(replace, switches)?;
                *happened.entry("replacement sent to a venue").or_default() += 1;
            } else if let Some(cancel) = frame.get::<VenueOrderCancel>() {
                self.on_cancel(cancel)?;
                *happened.entry("cancel sent to a venue").or_default() += 1;
            } else if let Some(report) = frame.get::<ParentOrderReport>() {
                self.on_parent(report, happened)?;
            } else if let Some(report) = frame.get::<VenueMassCancelReport>() {
                self.on_mass_cancel(report)?;
                *happened.entry("mass cancel at venues").or_default() += 1;
            }
        }
        Ok(())
    }

    fn check_switches(order: &VenueOrder, switches: &Switches) -> Result<(), String> {
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
        Ok(())
    }

    fn on_order(&mut self, order: &VenueOrder, switches: &Switches) -> Result<(), String> {
        must!(
            self.sent.insert(order.order_id, *order).is_none(),
            "an id of two orders: {order:?}"
        );
        Self::check_switches(order, switches)?;
        let held = Held {
            order: *order,
            cum: 0,
            replacement: None,
            is_canceling: false,
            is_refused: false,
            is_unwanted: false,
        };
        self.open.insert(order.order_id, held);
        if !order.parent_id.is_none() {
            // Its first report may come behind its first parts.
            let parent = self.parents.entry(order.parent_id).or_default();
            must!(
                !parent.has_ended && !parent.is_stopped,
                "a part of a parent order of which no more is to be sent: {parent:?} {order:?}"
            );
        }
        Ok(())
    }

    fn on_replace(&mut self, replace: &VenueOrderReplace, switches: &Switches) -> Result<(), String> {
        let held = self
            .open
            .get_mut(&replace.order_id)
            .ok_or("a replacement of an order that is not open")?;
        let rests = held.order.time_in_force == TimeInForce::GoodTillCancel.byte();
        must!(
            rests && held.order.parent_id.is_none() && held.replacement.is_none(),
            "a replacement of what can't be replaced: {held:?}"
        );
        must!(
            !held.is_canceling && !held.is_unwanted,
            "a replacement of what is to be cancelled: {held:?}"
        );
        must!(
            (replace.venue, replace.instrument, replace.side)
                == (held.order.venue, held.order.instrument, held.order.side),
            "a replacement by another order: {held:?} {replace:?}"
        );
        must!(
            self.replaced.insert(replace.replace_id),
            "an id of two replacements: {replace:?}"
        );
        Self::check_switches(&held.order, switches)?;
        held.replacement = Some((replace.replace_id, replace.px, replace.qty.0));
        Ok(())
    }

    fn on_cancel(&mut self, cancel: &VenueOrderCancel) -> Result<(), String> {
        let held = self
            .open
            .get_mut(&cancel.order_id)
            .ok_or("a cancel of an order that is not open")?;
        must!(
            !held.is_canceling,
            "a cancel that was asked for already: {held:?}"
        );
        held.is_canceling = true;
        Ok(())
    }

    fn on_mass_cancel(&mut self, report: &VenueMassCancelReport) -> Result<(), String> {
        let scope = Scope::from_byte(report.scope).ok_or("a mass cancel of nothing")?;
        must!(!report.actor.is_empty(), "a mass cancel that nobody asked for");
        let mut affected = 0;
        for held in self.open.values_mut() {
            if held.is_of(scope, report.target) {
                held.is_unwanted = true;
                affected += 1;
            }
        }
        must!(
            report.affected == affected,
            "{affected} orders are open that a mass cancel is for: {report:?}"
        );
        for parent in self.parents.values_mut().filter(|parent| !parent.has_ended) {
            parent.is_stopped |= match (scope, parent.of) {
                (Scope::Global, _) => true,
                (Scope::Instrument, Some((instrument, _))) => instrument.0 == report.target,
                (Scope::Strategy, Some((_, strategy))) => u32::from(strategy.0) == report.target,
                _ => false,
            };
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
        let taken = self.executions.see(report, seen, happened)?;
        let exec_type = ExecType::from_byte(report.exec_type);
        let fault = match (exec_type, taken) {
            (_, Taken::Refused) => return Ok(()),
            (
                _,
                Taken::TookBack {
                    order_id,
                    qty,
                    of_order,
                },
            ) => {
                let is_corrected = exec_type == Some(ExecType::TradeCorrect);
                let now = if is_corrected { report.last_qty.0 } else { 0 };
                let (of_order, fault) = self.correct((order_id, qty, of_order), now, report);
                self.executions.set_of_order(report, of_order);
                fault
            }
            (Some(ExecType::Trade), Taken::Told) => {
                *happened.entry("fill at a venue").or_default() += 1;
                self.fill(report, happened)
            }
            (exec_type, Taken::Told) => self.apply(exec_type.expect("it was taken"), report, happened),
        };
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

    fn fill(&mut self, report: &VenueReport, happened: &mut Happened) -> Fault {
        let Some(held) = self.open.get_mut(&report.order_id) else {
            *happened.entry("fill of an order that nobody knows").or_default() += 1;
            return Some("no such order");
        };
        let order = held.order;
        if (order.venue, order.instrument, order.side) != (report.venue, report.instrument, report.side) {
            return Some("another order");
        }
        let is_worse = held.is_worse(report.last_px);
        let filled = report.last_qty.0.min(held.leaves());
        held.cum += filled;
        if let Some(parent) = self.parents.get_mut(&order.parent_id) {
            parent.filled += filled;
        }
        self.executions.set_of_order(report, filled);
        self.end_if_over(report.order_id);
        (report.last_qty.0 > filled || is_worse).then_some("more or dearer than asked for")
    }

    /// Takes back what a fill did to its order, of which `of_order` counted, or puts so much in its place; how much counts now.
    fn correct(
        &mut self,
        (order_id, was, of_order): (OutId, i64, i64),
        now: i64,
        report: &VenueReport,
    ) -> (i64, Fault) {
        if of_order == 0 {
            return (0, None);
        }
        let parent_id = self.sent[&order_id].parent_id;
        let less = of_order - now.min(of_order);
        let (more, fault) = if let Some(held) = self.open.get_mut(&order_id) {
            let is_worse = now > 0 && held.is_worse(report.last_px);
            let more = (now - was).clamp(0, held.leaves());
            // What was taken back is open again if the venue says so, else the order is for so much less.
            let is_open_again = held.replacement.is_some() || report.leaves_qty.0 > held.stands();
            held.cum += more - less;
            if less > 0 && !is_open_again {
                held.order.qty.0 -= less;
            }
            (
                more,
                (now - was > more || is_worse).then_some("more or dearer than asked for"),
            )
        } else {
            let in_flight = of_parent(&self.open, parent_id);
            let unsent = self.parents.get(&parent_id).filter(|parent| !parent.has_ended);
            let unsent = unsent.map_or(i64::MAX, |parent| parent.qty - parent.filled - in_flight);
            let more = (now - was).clamp(0, unsent);
            (
                more,
                (report.leaves_qty.0 > 0).then_some("an order that has ended goes on"),
            )
        };
        if let Some(parent) = self
            .parents
            .get_mut(&parent_id)
            .filter(|parent| !parent.has_ended)
        {
            parent.filled += more - less;
        }
        self.end_if_over(order_id);
        (of_order - less + more, fault)
    }

    fn end_if_over(&mut self, order_id: OutId) {
        if self.open.get(&order_id).is_some_and(|held| held.leaves() == 0) {
            self.open.remove(&order_id);
        }
    }

    /// What a report that tells of no trade does to the order that it names.
    fn apply(&mut self, exec_type: ExecType, report: &VenueReport, happened: &mut Happened) -> Fault {
        let held = self.open.get_mut(&report.order_id)?;
        let order = held.order;
        if (order.venue, order.instrument, order.side) != (report.venue, report.instrument, report.side) {
            return Some("another order");
        }
        let answered = held.replacement.filter(|(id, ..)| *id == report.replace_id);
        let refuses_replacement = report.response_to == CxlRejResponseTo::CancelReplaceRequest.byte();
        match exec_type {
            ExecType::Canceled | ExecType::Rejected | ExecType::Expired => {
                let cum = held.cum;
                self.open.remove(&report.order_id);
                return (report.cum_qty != Qty(cum)).then_some("a fill is missing");
            }
            ExecType::Replaced => {
                let Some((_, px, qty)) = answered else {
                    return Some("a replacement that nobody asked for");
                };
                (held.order.px, held.order.qty) = (px, Qty(qty.max(held.cum)));
                held.replacement = None;
                *happened.entry("order replaced").or_default() += 1;
            }
            ExecType::OrderStatus if refuses_replacement => {
                if answered.is_none() {
                    return Some("a replacement is refused that nobody asked for");
                }
                held.replacement = None;
                *happened.entry("replacement refused").or_default() += 1;
            }
            ExecType::OrderStatus => {
                held.is_refused |= held.is_canceling;
                held.is_canceling = false;
            }
            _ => {}
        }
        self.end_if_over(report.order_id);
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
        parent.of = Some((report.instrument, report.strategy));
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
        let mut open = 0;
        for order in engine.open_orders() {
            open += 1;
            let held = self
                .open
                .get(&order.order_id)
                .ok_or("an order is open that has ended")?;
            must!(
                (order.leaves.0, order.cum_qty.0, order.order.px) == (held.leaves(), held.cum, held.order.px),
                "an order is {order:?}, and {held:?} by what was told"
            );
        }
        must!(
            open == self.open.len(),
            "{open} orders are open, and {} by what was told",
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

    /// Nothing is due: what a switch forbids, or a person wants gone, was asked back.
    pub(crate) fn at_rest(&self, switches: &Switches) -> Result<(), String> {
        for held in self.open.values() {
            let order = &held.order;
            let is_halted = switches.is_halted(Scope::Global, 0)
                || switches.is_halted(Scope::Venue, order.venue.0.into())
                || switches.is_halted(Scope::Instrument, order.instrument.0)
                || switches.is_halted(Scope::Strategy, order.strategy.0.into());
            must!(
                held.is_canceling || held.is_refused || !is_halted && !held.is_unwanted,
                "an order outlives what halts it, or has it cancelled: {held:?}"
            );
        }
        Ok(())
    }
}

fn of_parent(open: &HashMap<OutId, Held>, parent_id: OutId) -> i64 {
    let parts = open.values().filter(|held| held.order.parent_id == parent_id);
    parts.map(Held::leaves).sum()
}
