//! The desk's strategy: when it is called, what it sees, and what becomes of what it asks for.

use pinrail_oms::{OrderTable, ParentTable};
use pinrail_pricing::{Action, Desk, Fill, Market, Pricer, Strategy};
use pinrail_risk::Risk;
use pinrail_types::record::{TimeInForce, VenueOrderReject};
use pinrail_types::{
    InstrumentId, NewParentOrder, NewVenueOrder, OpenOrder, OutId, ParentOrder, Px, Qty, Reason, StrategyId,
    VenueId,
};

use crate::agency::is_agency;
use crate::out::Out;
use crate::state::{Engine, Traded};

/// What a strategy sees of the engine.
struct Seen<'a> {
    now: u64,
    traded: &'a [Option<Traded>],
    risk: &'a Risk,
    orders: &'a OrderTable,
    parents: &'a ParentTable,
}

impl Desk for Seen<'_> {
    fn now(&self) -> u64 {
        self.now
    }

    fn market(&self, instrument: InstrumentId) -> Option<Market<'_>> {
        let traded = self.traded.get(instrument.index())?.as_ref()?;
        Some(Market {
            instrument: &traded.meta,
            venues: &traded.venues,
            estimates: &traded.estimates,
            position: self.risk.position(instrument),
            open: self.risk.open_lots(instrument),
        })
    }

    fn orders(&self) -> impl Iterator<Item = &OpenOrder> {
        let orders = self.orders.iter();
        orders.filter(|held| held.order.strategy != StrategyId::AGENCY)
    }

    fn parents(&self) -> impl Iterator<Item = &ParentOrder> {
        self.parents.iter().filter(|parent| !is_agency(parent))
    }
}

/// Why a strategy is called.
enum Call<'a> {
    Book(InstrumentId),
    Fill(&'a Fill),
    Timer,
}

#[inline]
fn is_called<S: Strategy>(_: &S) -> bool {
    S::IS_CALLED
}

impl<P: Pricer> Engine<P> {
    /// A venue's book was updated, to the last record of the update.
    #[inline]
    pub(crate) fn on_book(&mut self, instrument: InstrumentId, out: &mut Out) {
        self.call(&Call::Book(instrument), out);
    }

    /// The house traded.
    #[inline]
    pub(crate) fn on_fill(&mut self, fill: &Fill, out: &mut Out) {
        self.cancel_forbidden();
        self.call(&Call::Fill(fill), out);
    }

    /// Calls the strategy if the time has come that it set.
    #[inline]
    pub(crate) fn wake(&mut self, out: &mut Out) {
        // Known when it is compiled: without a strategy no time is looked at.
        let has_strategy = is_called(&self.pricer.strategy());
        if has_strategy && self.wake_at <= out.now() {
            self.wake_at = u64::MAX;
            self.call(&Call::Timer, out);
        }
    }

    #[inline]
    fn call(&mut self, call: &Call<'_>, out: &mut Out) {
        {
            let mut strategy = self.pricer.strategy();
            if !is_called(&strategy) {
                return;
            }
            let actions = &mut *self.actions;
            actions.clear();
            let seen = Seen {
                now: out.now(),
                traded: &self.traded,
                risk: &self.risk,
                orders: &self.orders,
                parents: &self.parents,
            };
            match call {
                Call::Book(instrument) => strategy.on_book(*instrument, &seen, actions),
                Call::Fill(fill) => strategy.on_fill(fill, &seen, actions),
                Call::Timer => strategy.on_timer(&seen, actions),
            }
        }
        if !self.actions.is_nothing() {
            self.act(out);
        }
    }

    /// Does what a strategy asked for, or says why not: one output for each action, and one for all that were left out.
    fn act(&mut self, out: &mut Out) {
        if let Some(ts) = self.actions.woken_at() {
            // Never twice at one input.
            self.wake_at = ts.max(out.now().saturating_add(1));
        }
        for at in 0..self.actions.list().len() {
            self.send_rest(out);
            match self.actions.list()[at] {
                Action::Order(order) => {
                    let placed = if order.strategy == StrategyId::AGENCY {
                        Err(Reason::UnknownStrategy)
                    } else {
                        self.place(&order, OutId::NONE, None, out)
                    };
                    if let Err(reason) = placed {
                        out.push(order_reject(&order, reason));
                    }
                    self.report_latches(out);
                }
                Action::Parent(order) => {
                    let begun = if order.strategy == StrategyId::AGENCY {
                        Err(Reason::UnknownStrategy)
                    } else {
                        self.begin_parent(&order, out)
                    };
                    if let Err(reason) = begun {
                        out.push(parent_reject(&order, reason));
                    }
                }
                Action::Replace(order_id, px, qty) => {
                    if let Err(reason) = self.replace_order(order_id, px, qty, out) {
                        out.push(self.replace_reject(order_id, px, qty, reason));
                    }
                    self.report_latches(out);
                }
                Action::Cancel(order_id) if self.is_clients(order_id) => {
                    out.push(reject(order_id, Qty::ZERO, Reason::UnknownOrder));
                }
                Action::Cancel(order_id) => {
                    if let Some(slot) = self.parents.find(order_id) {
                        self.cancel_parent(slot, out);
                        continue;
                    }
                    if let Err(reason) = self.cancel(order_id, out) {
                        out.push(reject(order_id, Qty::ZERO, reason));
                    }
                }
            }
        }
        if self.actions.left_out() > 0 {
            let left_out = Qty(self.actions.left_out().into());
            out.push(reject(OutId::NONE, left_out, Reason::ActionsFull));
        }
    }

    /// Whether an order, or a parent order, is a client's: no strategy's to cancel.
    fn is_clients(&self, order_id: OutId) -> bool {
        let parent = self.parents.find(order_id);
        let part = self.orders.find(order_id);
        parent.is_some_and(|slot| is_agency(self.parents.get(slot)))
            || part.is_some_and(|slot| self.orders.get(slot).order.strategy == StrategyId::AGENCY)
    }

    fn replace_reject(&self, order_id: OutId, px: Px, qty: Qty, reason: Reason) -> VenueOrderReject {
        let order = self.orders.find(order_id).map(|slot| self.orders.get(slot).order);
        let reject = VenueOrderReject {
            px,
            ..reject(order_id, qty, reason)
        };
        match order {
            Some(order) => VenueOrderReject {
                order_id,
                ..order_reject(&NewVenueOrder { px, qty, ..order }, reason)
            },
            None => reject,
        }
    }
}

fn parent_reject(order: &NewParentOrder, reason: Reason) -> VenueOrderReject {
    VenueOrderReject {
        instrument: order.instrument,
        venue: VenueId(u16::MAX),
        strategy: order.strategy,
        side: order.side.fix(),
        time_in_force: TimeInForce::ImmediateOrCancel.byte(),
        ..reject(OutId::NONE, order.qty, reason)
    }
}

pub(crate) fn order_reject(order: &NewVenueOrder, reason: Reason) -> VenueOrderReject {
    VenueOrderReject {
        instrument: order.instrument,
        venue: order.venue,
        strategy: order.strategy,
        px: order.px,
        side: order.side.fix(),
        time_in_force: order.time_in_force.byte(),
        ..reject(OutId::NONE, order.qty, reason)
    }
}

fn reject(order_id: OutId, qty: Qty, reason: Reason) -> VenueOrderReject {
    VenueOrderReject {
        order_id,
        px: Px::NONE,
        qty,
        reason: reason.code(),
        ..bytemuck::Zeroable::zeroed()
    }
}
