//! Clients' agency orders: a client's own order over the router of the house.
//!
//! It is a parent order with an owner. The parent order says how much, how much is filled and how much is at venues; beside it stands
//! whose it is ([`AgencyOrder`]). What a venue fills of it is passed on in the same input (`passing.rs`), and so is what a venue takes
//! back (`busts.rs`).
//!
//! *Architecture invariant:* a parent order goes out under [`StrategyId::AGENCY`] if and only if an agency order stands beside it, and
//! what is filled of it is what its client was told. No strategy sees it.

use pinrail_oms::life::{AgencyEvent, Said};
use pinrail_oms::{AgencyOrder, ParentSlot};
use pinrail_pricing::{Pricer, TIERS_MAX};
use pinrail_risk::{BookAsk, BookMarket};
use pinrail_types::record::{
    AgencyDef, ExecutionReport, HandlInst, NewOrderSingle, OrdType, OrderCancelRequest,
    OrderMassCancelRequest, TimeInForce,
};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{
    Amount, ClientId, E8, NewParentOrder, OutId, ParentOrder, Px, Qty, Reason, Side, StrategyId, Text,
};

use crate::out::Out;
use crate::rfq::{REFUSED, refused};
use crate::state::Engine;

mod busts;
mod passing;

/// An order may wait so long between two tries.
const RETRY_NS_MAX: u64 = 3_600_000_000_000;

/// What the clients of a tier are offered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Offer {
    /// Zero for nothing.
    tries_max: u16,
    commission_e8: i32,
    retry_ns: u64,
    life_ns_max: u64,
}

pub(crate) type Offers = [Offer; TIERS_MAX];

/// What a client wrote.
struct Wanted {
    side: Side,
    is_market: bool,
    is_immediate: bool,
}

fn wanted(order: &NewOrderSingle) -> Result<Wanted, Reason> {
    HandlInst::from_byte(order.handl_inst).ok_or(Reason::BadField)?;
    let ord_type = OrdType::from_byte(order.ord_type).ok_or(Reason::BadField)?;
    if !matches!(ord_type, OrdType::Market | OrdType::Limit) {
        return Err(Reason::OrderTypeUnsupported);
    }
    let time_in_force = TimeInForce::from_byte(order.time_in_force).ok_or(Reason::BadField)?;
    let is_immediate = match time_in_force {
        TimeInForce::ImmediateOrCancel => true,
        TimeInForce::GoodTillDate => false,
        // No venue keeps a promise for all of them together, and nothing of an order rests anywhere.
        _ => return Err(Reason::OrderTypeUnsupported),
    };
    let is_whole = !order.cl_ord_id.is_empty()
        && order.quote_id.is_none()
        && is_immediate == (order.expire_ts == 0)
        && (ord_type == OrdType::Market || order.px != Px::NONE);
    if !is_whole {
        return Err(Reason::BadField);
    }
    Ok(Wanted {
        side: Side::from_fix(order.side).ok_or(Reason::BadSide)?,
        is_market: ord_type == OrdType::Market,
        is_immediate,
    })
}

/// What every report on an order says, no fill in it.
fn report_of(order: &AgencyOrder, parent: &ParentOrder, said: Said, exec_id: OutId) -> ExecutionReport {
    let Said::Execution(exec_type, ord_status) = said else {
        unreachable!("what happens to a client's order is told by an execution report");
    };
    ExecutionReport {
        cl_ord_id: order.cl_ord_id,
        exec_id,
        order_id: parent.parent_id,
        client: order.client,
        instrument: parent.order.instrument,
        last_px: Px::NONE,
        leaves_qty: if order.state.is_open() {
            left_of(parent)
        } else {
            Qty::ZERO
        },
        cum_qty: parent.filled,
        session: order.session,
        side: parent.order.side.fix(),
        exec_type: exec_type.byte(),
        ord_status: ord_status.byte(),
        px: order.px,
        qty: parent.order.qty,
        ..bytemuck::Zeroable::zeroed()
    }
}

/// What is open of an order, at venues or not.
fn left_of(parent: &ParentOrder) -> Qty {
    Qty(parent.order.qty.0 - parent.filled.0)
}

/// Whether it is a client's.
#[inline]
pub(crate) fn is_agency(parent: &ParentOrder) -> bool {
    parent.order.strategy == StrategyId::AGENCY
}

impl<P: Pricer> Engine<P> {
    /// Sets what a tier is offered; what is open goes on as it was begun.
    pub(crate) fn on_agency_def(&mut self, def: &AgencyDef) -> Result<(), Reason> {
        let offer = self.offers.get_mut(usize::from(def.tier));
        let offer = offer.ok_or(Reason::BadField)?;
        let is_sane = (0..=E8).contains(&def.commission_e8.into())
            && def.retry_ns <= RETRY_NS_MAX
            && (def.life_ns_max > 0 || def.tries_max == 0);
        if !is_sane {
            return Err(Reason::BadField);
        }
        if def.actor.is_empty() {
            return Err(Reason::ActorMissing);
        }
        *offer = Offer {
            tries_max: def.tries_max,
            commission_e8: def.commission_e8,
            retry_ns: def.retry_ns,
            life_ns_max: def.life_ns_max,
        };
        Ok(())
    }

    /// Takes an order and sends its first parts, or says why not. One that came before is answered with its last report.
    #[cold]
    pub(crate) fn on_agency_order(&mut self, order: &NewOrderSingle, out: &mut Out) {
        if self.tell_again(order, out) {
            return;
        }
        let Err(reason) = self.take_agency_order(order, out) else {
            return;
        };
        let report = ExecutionReport {
            quote_id: OutId::NONE,
            px: order.px,
            qty: order.qty,
            ..refused(order, reason, REFUSED, out)
        };
        // Of one that is open and was forgotten, what was told last stays so.
        let is_kept = reason != Reason::DuplicateOrderId
            && !order.cl_ord_id.is_empty()
            && order.client.index() < self.tiers.len();
        if is_kept {
            self.report(report, out);
        } else {
            out.push(report);
        }
    }

    fn take_agency_order(&mut self, order: &NewOrderSingle, out: &mut Out) -> Result<(), Reason> {
        let now = out.now();
        self.risk.admit_message(order.session, order.client, now)?;
        if self.recalls.is_gone(order.session) {
            return Err(Reason::SessionGone);
        }
        let wanted = wanted(order)?;
        let offer = self.offers[usize::from(self.tiers[order.client.index()])];
        if offer.tries_max == 0 {
            return Err(Reason::AgencyNotOffered);
        }
        let expire_ts = now.saturating_add(offer.life_ns_max);
        let expire_ts = match order.expire_ts {
            0 => expire_ts,
            asked if asked <= now => return Err(Reason::OrderExpired),
            asked => asked.min(expire_ts),
        };
        if self.is_named_in_agency(order.client, &order.cl_ord_id)
            || self.is_named_in_books(order.client, &order.cl_ord_id)
        {
            return Err(Reason::DuplicateOrderId);
        }
        let ref_px = self.reference(order.instrument, now)?;
        let px = if wanted.is_market && order.px == Px::NONE {
            self.risk.collar_px(order.instrument, wanted.side, ref_px)?
        } else {
            order.px
        };
        let ask = BookAsk {
            client: order.client,
            instrument: order.instrument,
            side: wanted.side,
            qty: order.qty,
            open: order.qty,
            px,
            stop_px: Px::NONE,
            reduces: false,
        };
        let held_px = self.admit_agency(&ask, &offer, ref_px, now)?;
        let kept = AgencyOrder {
            cl_ord_id: order.cl_ord_id,
            client: order.client,
            session: order.session,
            state: pinrail_oms::life::AgencyState::New,
            is_immediate: wanted.is_immediate,
            px,
            held_px,
            commission_e8: offer.commission_e8,
            expire_ts,
            gross: Amount::ZERO,
            fees: Amount::ZERO,
        };
        self.begin_agency(&kept, &ask, &offer, ref_px, out)
    }

    /// Judges an order as one for the desk's own book is judged, and holds credit for it; gives back the price at which.
    fn admit_agency(&mut self, ask: &BookAsk, offer: &Offer, ref_px: Px, now: u64) -> Result<Px, Reason> {
        self.risk.check_book_order(ask)?;
        self.risk.check_agency()?;
        self.risk.check_duplicate(ask, now)?;
        if self.agency.is_full() || self.parents.is_full() {
            return Err(Reason::ParentOrdersFull);
        }
        let open = self.agency.count_of(ask.client) + self.open_in_books(ask.client);
        self.risk.check_open_orders(ask.client, open)?;
        let market = BookMarket {
            ref_px,
            mids: self.mids(ask.instrument, ref_px, now)?,
        };
        let px = self
            .risk
            .reserve_agency_order(ask, &market, offer.commission_e8, now)?;
        let traded = self.traded[ask.instrument.index()].as_ref();
        let meta = &traded.expect("it has a reference").meta;
        let base = self.accounts.admit(ask.client, meta.base);
        let admitted = base.and_then(|()| self.accounts.admit(ask.client, meta.quote));
        if let Err(reason) = admitted {
            let whose = (ask.client, ask.instrument);
            self.risk
                .hold_for_agency(whose, (offer.commission_e8, px), ask.qty, Qty::ZERO);
            return Err(reason);
        }
        Ok(px)
    }

    fn begin_agency(
        &mut self,
        kept: &AgencyOrder,
        ask: &BookAsk,
        offer: &Offer,
        ref_px: Px,
        out: &mut Out,
    ) -> Result<(), Reason> {
        let parent = NewParentOrder {
            strategy: StrategyId::AGENCY,
            instrument: ask.instrument,
            side: ask.side,
            qty: ask.qty,
            // Without fees: these are the house's.
            limit_net_e8: i128::from(ask.px.0) * i128::from(E8),
            ref_px,
            // The client set its limit.
            cost_max: Amount::new(i128::MAX),
            tries_max: if kept.is_immediate { 1 } else { offer.tries_max },
            retry_ns: offer.retry_ns,
        };
        let slot = match self.open_parent(&parent, out) {
            Ok(slot) => slot,
            Err(reason) => {
                let whose = (ask.client, ask.instrument);
                let held = (offer.commission_e8, kept.held_px);
                self.risk.hold_for_agency(whose, held, ask.qty, Qty::ZERO);
                return Err(reason);
            }
        };
        self.agency.open(slot, kept);
        self.risk.note_book_order(ask, out.now());
        let taken = Said::Execution(
            pinrail_types::record::ExecType::New,
            pinrail_types::record::OrdStatus::New,
        );
        let report = report_of(kept, self.parents.get(slot), taken, out.next_id());
        self.report(report, out);
        self.work_parent(slot, out);
        self.report_latches(out);
        Ok(())
    }

    /// Clients' agency orders that are open, each with its parent order.
    pub fn agency_orders(&self) -> impl Iterator<Item = (&AgencyOrder, &ParentOrder)> {
        let orders = self.agency.iter();
        orders.map(|(slot, order)| (order, self.parents.get(slot)))
    }

    /// Whether an open agency order of the client has this id.
    pub(crate) fn is_named_in_agency(&self, client: ClientId, cl_ord_id: &Text<24>) -> bool {
        !self.agency.is_empty() && self.agency.find(client, cl_ord_id).is_some()
    }

    /// The client's open order that it names, by our id or by its own.
    pub(crate) fn named_in_agency(
        &self,
        client: ClientId,
        order_id: OutId,
        orig_cl_ord_id: &Text<24>,
    ) -> Option<ParentSlot> {
        if self.agency.is_empty() {
            return None;
        }
        let slot = if order_id.is_none() {
            self.agency.find(client, orig_cl_ord_id)?
        } else {
            self.parents.find(order_id)?
        };
        // Nobody learns anything about another client's.
        let order = self.agency.at(slot)?;
        (order.client == client).then_some(slot)
    }

    /// Cancels an order for its client: at once, or when its parts at venues have ended.
    pub(crate) fn cancel_agency(
        &mut self,
        slot: ParentSlot,
        request: &OrderCancelRequest,
        out: &mut Out,
    ) -> Result<(), Reason> {
        let parent = *self.parents.get(slot);
        let order = self
            .agency
            .at(slot)
            .filter(|order| order.client == request.client);
        let order = order.ok_or(Reason::UnknownOrder)?;
        if parent.in_flight == Qty::ZERO {
            self.parents.stop(slot, Reason::CancelRequested);
            self.end_parent(slot, Reason::CancelRequested, out);
            return Ok(());
        }
        if order.state.step(AgencyEvent::AskCancel).is_none() {
            return Err(Reason::OrderPending);
        }
        self.parents.stop(slot, Reason::CancelRequested);
        let (order, said) = self.agency.step(slot, AgencyEvent::AskCancel);
        let report = ExecutionReport {
            reason: Reason::CancelRequested.code(),
            ..report_of(&order, &parent, said, out.next_id())
        };
        self.report(report, out);
        Ok(())
    }

    /// Nothing more is sent for those of a client's orders that a mass cancel means; they end in the inputs that follow.
    pub(crate) fn mass_cancel_agency(&mut self, request: &OrderMassCancelRequest) {
        for slot in self.agency.slots() {
            let (order, parent) = (self.agency.at(slot), &self.parents.get(slot).order);
            let is_meant = order.is_some_and(|order| {
                order.client == request.client
                    && (request.of_session == 0 || request.session == order.session)
                    && (request.side == 0 || request.side == parent.side.fix())
                    && (request.instrument == OrderMassCancelRequest::ALL
                        || request.instrument == parent.instrument)
            });
            if is_meant {
                self.stop_agency(slot, Reason::MassCancel);
            }
        }
    }

    /// Nothing more is sent for orders that are allowed no longer.
    pub(crate) fn stop_forbidden_agency(&mut self) {
        for slot in self.agency.slots() {
            if self.is_forbidden_agency(slot) {
                self.stop_agency(slot, Reason::Withdrawn);
            }
        }
    }

    fn is_forbidden_agency(&self, slot: ParentSlot) -> bool {
        let parent = self.parents.get(slot);
        self.agency.at(slot).is_some_and(|order| {
            let instrument = parent.order.instrument;
            parent.parent_id.epoch != self.epoch
                || self.recalls.is_gone(order.session)
                || self.risk.check_agency().is_err()
                || self.risk.forbids_in_book(order.client, instrument, false)
        })
    }

    /// One of which nothing is at venues ends in the inputs that follow; another when that has ended.
    fn stop_agency(&mut self, slot: ParentSlot, why: Reason) {
        self.parents.stop(slot, why);
        if self.parents.get(slot).in_flight == Qty::ZERO {
            self.parents.wait(slot, self.last_ts);
        }
    }

    /// Stops an order whose time is over, before more of it is sent.
    #[cold]
    pub(crate) fn judge_agency(&mut self, slot: ParentSlot, now: u64) {
        let order = self.agency.at(slot);
        if order.is_some_and(|order| order.expire_ts <= now) {
            self.parents.stop(slot, Reason::OrderExpired);
        }
        if self.is_forbidden_agency(slot) {
            self.parents.stop(slot, Reason::Withdrawn);
        }
    }

    /// When an order is looked at again that waits `until` then: no later than its time is over, and at once if it is not tried
    /// again.
    #[cold]
    pub(crate) fn agency_until(&self, slot: ParentSlot, until: u64, now: u64) -> u64 {
        let parent = self.parents.get(slot);
        if parent.tries >= parent.order.tries_max {
            return now;
        }
        let order = self.agency.at(slot);
        order.map_or(until, |order| until.min(order.expire_ts))
    }

    /// An order's parent order has ended, and with it the order: what is left of it is no longer held, and the client is told.
    #[cold]
    pub(crate) fn end_agency(&mut self, slot: ParentSlot, parent: &ParentOrder, why: Reason, out: &mut Out) {
        let Some(order) = self.agency.at(slot).copied() else {
            // It was filled, and that was told.
            return;
        };
        let whose = (order.client, parent.order.instrument);
        let held = (order.commission_e8, order.held_px);
        self.risk.hold_for_agency(whose, held, left_of(parent), Qty::ZERO);
        let why = match why {
            Reason::TriesMax if order.is_immediate => Reason::ImmediateOrCancel,
            why => why,
        };
        let is_over = why == Reason::OrderExpired && order.state.step(AgencyEvent::Expire).is_some();
        let event = if is_over {
            AgencyEvent::Expire
        } else {
            AgencyEvent::Cancel
        };
        let (order, said) = self.agency.step(slot, event);
        let report = ExecutionReport {
            reason: why.code(),
            ..report_of(&order, parent, said, out.next_id())
        };
        self.report(report, out);
    }

    /// Goes through the state. Parent orders were visited before.
    pub(crate) fn visit_agency(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for offer in self.offers.iter_mut() {
            visitor.u16(&mut offer.tries_max)?;
            let mut commission = u64::from(offer.commission_e8.unsigned_abs());
            visitor.below(&mut commission, E8.unsigned_abs() + 1)?;
            offer.commission_e8 = commission as i32;
            visitor.word(&mut offer.retry_ns)?;
            visitor.word(&mut offer.life_ns_max)?;
        }
        self.agency.visit(visitor)?;
        let clients = self.parents.iter().filter(|parent| is_agency(parent)).count();
        let are_whole = self.agency.iter().all(|(slot, order)| {
            let parent = self.parents.get(slot);
            let is_its = is_agency(parent) && !parent.parent_id.is_none() && left_of(parent) > Qty::ZERO;
            is_its && order.client.index() < self.bounds.clients
        });
        if are_whole && clients == self.agency.iter().count() {
            Ok(())
        } else {
            Err(visitor.bad(clients as u64, "an agency order beside each of its parent orders"))
        }
    }
}
