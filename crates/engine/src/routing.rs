//! Parent orders: how they are divided among venues, and what becomes of them.

use pinrail_book::{SLICES_MAX, Slice, Split, VENUES_MAX};
use pinrail_oms::ParentSlot;
use pinrail_pricing::{ACTIONS_MAX, Pricer};
use pinrail_risk::STRATEGIES_MAX;
use pinrail_types::money::{product, whole_ceil, whole_floor};
use pinrail_types::record::{
    HedgingParams, ParentOrderReport, ParentState, Scope, TimeInForce, TradingState,
};
use pinrail_types::{
    Amount, E8, NewParentOrder, NewVenueOrder, OutId, ParentOrder, Px, Qty, Reason, Side, StrategyId, worth,
};

use crate::agency::is_agency;
use crate::control::HALT_LINES;
use crate::orders::Reference;
use crate::out::{OUT_LINES_MAX, Out};
use crate::packages::{BEHIND_LINES, FILL_LINES};
use crate::rules::Rule;
use crate::state::{Engine, Traded};
use crate::strategy::order_reject;

/// Parts that one try sends at most, as many as a quantity is divided into; what is left waits for the next.
const PARTS_PER_TRY: usize = SLICES_MAX;
/// What is said of a parent order that ends, its client told.
const END_LINES: usize = 2 + 3;
/// What a try says at most: each part or why it was refused, a state that risk set by it, and what the parent order does.
const TRY_LINES: usize = PARTS_PER_TRY * 3 + END_LINES;
/// The longest that an input says behind what its strategy asked for when its time came: a halt with what it withdraws, or the fill
/// of a package.
const LONGEST_LINES: usize = {
    let (halt, fill) = (HALT_LINES + 4, FILL_LINES + BEHIND_LINES);
    if halt > fill { halt } else { fill }
};
/// What must be left behind a try for whatever else its input may say: what else its strategy asked for, and the longest.
const REST_LINES: usize = 2 * (ACTIONS_MAX + 1) + LONGEST_LINES;
/// What an input may have said once its strategy was called, at most.
pub(crate) const TRIED_LINES: usize = OUT_LINES_MAX - REST_LINES + 2 * (ACTIONS_MAX + 1);
const _: () = assert!(TRY_LINES + REST_LINES <= OUT_LINES_MAX, "a hedge has room");
/// A parent order may wait so long between two tries.
const RETRY_NS_MAX: u64 = 3_600_000_000_000;
/// Limits of prices are below this, so that sums of products fit.
const LIMIT_NET_E8_MAX: u128 = 1 << 84;

/// What became of a try.
enum Tried {
    /// Parts of it are at venues.
    Sent,
    /// Nothing was sent, and it may be tried again.
    Nothing(Reason),
}

/// How far the parts of a try are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// To the first that passes.
    Sent,
    End,
}

/// The parts of a try; all of them are sent between two inputs.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Whose they are; `None` once the last was sent.
    of: Option<ParentSlot>,
    /// By source.
    slices: [Slice; VENUES_MAX],
    /// The source to go on from.
    from: usize,
    reference: Option<Reference>,
}

impl Parts {
    pub(crate) fn none() -> Parts {
        Parts {
            of: None,
            slices: [Slice::default(); VENUES_MAX],
            from: 0,
            reference: None,
        }
    }
}

/// Whether a part was refused for what its venue is, so that another may take it.
const fn is_venues(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::UnknownVenue | Reason::VenueHalted | Reason::VenueReduceOnly | Reason::SelfTrade
    )
}

/// Whether there is no use in trying again.
const fn is_final(reason: Reason) -> bool {
    matches!(reason.code(), 1..=199) && !is_venues(reason)
}

/// The highest price that a part may have at a venue with this fee: with a rebate one beyond the limit, which is net, is no worse.
fn most_px_with(order: &NewParentOrder, most_px: Px, taker_fee_e8: i32) -> Px {
    if order.side == Side::Sell || taker_fee_e8 >= 0 {
        return most_px;
    }
    let factor_e8 = E8 + i64::from(taker_fee_e8);
    let px = order.limit_net_e8.div_euclid(factor_e8.into());
    Px(i64::try_from(px).unwrap_or(i64::MAX))
}

/// What `qty` at a price cost the house beyond the reference, with the fee.
fn cost_beyond(traded: &Traded, order: &NewParentOrder, px: Px, qty: Qty, fee: Amount) -> Option<i128> {
    let away = px.checked_sub(order.ref_px)?.checked_mul(order.side.sign())?;
    let beyond = traded.meta.notional(Px(away), qty)?;
    beyond.get().checked_add(fee.get())
}

/// What a split would cost beyond the reference, rounded up.
fn expected_cost(traded: &Traded, order: &NewParentOrder, split: &Split) -> Option<i128> {
    let beyond = split.cost.checked_sub(worth(order.ref_px, split.qty, E8)?)?;
    let factor = order.side.sign() * traded.meta.tick_lot_units;
    let units = match i64::try_from(beyond) {
        Ok(beyond) => product(beyond, factor),
        Err(_) => beyond.checked_mul(i128::from(factor))?,
    };
    Some(whole_ceil(units))
}

impl<P: Pricer> Engine<P> {
    pub(crate) fn on_hedging_params(&mut self, params: &HedgingParams) -> Result<(), Reason> {
        let known = self
            .traded
            .get(params.instrument.index())
            .and_then(Option::as_ref);
        known.ok_or(Reason::UnknownInstrument)?;
        if usize::from(params.strategy.0) >= STRATEGIES_MAX || params.strategy == StrategyId::AGENCY {
            return Err(Reason::UnknownStrategy);
        }
        self.pricer.on_hedging_params(params)
    }

    /// Takes a parent order and sends its first parts.
    pub(crate) fn begin_parent(&mut self, order: &NewParentOrder, out: &mut Out) -> Result<(), Reason> {
        let slot = self.open_parent(order, out)?;
        self.work_parent(slot, out);
        Ok(())
    }

    /// Takes a parent order.
    #[inline]
    pub(crate) fn open_parent(
        &mut self,
        order: &NewParentOrder,
        out: &mut Out,
    ) -> Result<ParentSlot, Reason> {
        let known = self.traded.get(order.instrument.index()).and_then(Option::as_ref);
        known.ok_or(Reason::UnknownInstrument)?;
        if usize::from(order.strategy.0) >= STRATEGIES_MAX {
            return Err(Reason::UnknownStrategy);
        }
        if !order.qty.is_orderable() {
            return Err(Reason::QtyUnrepresentable);
        }
        let is_sane = order.tries_max > 0
            && order.retry_ns <= RETRY_NS_MAX
            && order.ref_px.is_representable()
            && order.limit_net_e8.unsigned_abs() < LIMIT_NET_E8_MAX;
        if !is_sane {
            return Err(Reason::BadField);
        }
        if self.parents.is_full() {
            return Err(Reason::ParentOrdersFull);
        }
        let parent_id = self.parents.next_id(out.next_id());
        let slot = self.parents.open(parent_id, order, out.now());
        out.push(report(self.parents.get(slot), ParentState::Working, Reason::None));
        Ok(slot)
    }

    /// No more is sent for a parent order; it ends when its parts have.
    pub(crate) fn cancel_parent(&mut self, slot: ParentSlot, out: &mut Out) {
        self.parents.stop(slot, Reason::CancelRequested);
        self.work_parent(slot, out);
    }

    /// Looks at one parent order whose time has come, if there is room for what that leads to.
    #[inline]
    pub(crate) fn work_parents(&mut self, out: &mut Out) {
        if self.parents.next_at() <= out.now() {
            self.work_due_parent(out);
        }
    }

    #[cold]
    fn work_due_parent(&mut self, out: &mut Out) {
        if let Some(slot) = self.parents.due(out.now()) {
            self.work_parent(slot, out);
            self.send_rest(out);
        }
    }

    /// Ends a parent order that is over, or sends more of it, or has it wait. One for which there is no room is looked at again
    /// at the next input.
    pub(crate) fn work_parent(&mut self, slot: ParentSlot, out: &mut Out) {
        if is_agency(self.parents.get(slot)) {
            if out.lines_left() < END_LINES {
                self.parents.wait(slot, out.now());
                return;
            }
            self.judge_agency(slot, out.now());
        }
        let parent = *self.parents.get(slot);
        if parent.in_flight > Qty::ZERO {
            self.parents.wait(slot, u64::MAX);
            return;
        }
        if parent.ending != Reason::None || parent.unsent() == Qty::ZERO {
            self.end_parent(slot, parent.ending, out);
            return;
        }
        if parent.tries >= parent.order.tries_max {
            self.end_parent(slot, Reason::TriesMax, out);
            return;
        }
        if out.lines_left() < TRY_LINES + REST_LINES {
            self.parents.wait(slot, out.now());
            return;
        }
        self.parents.tried(slot);
        match self.begin_try(slot, &parent, out) {
            Ok(Tried::Sent) => {}
            Ok(Tried::Nothing(reason)) if !is_final(reason) && !self.is_halted(&parent.order) => {
                let mut until = out.now().saturating_add(parent.order.retry_ns.max(1));
                if is_agency(&parent) {
                    until = self.agency_until(slot, until, out.now());
                }
                self.parents.wait(slot, until);
                out.push(report(self.parents.get(slot), ParentState::Waiting, reason));
            }
            Ok(Tried::Nothing(reason)) | Err(reason) => self.end_parent(slot, reason, out),
        }
    }

    /// Whether no part may be sent until a person lifts it, whoever set it.
    fn is_halted(&self, order: &NewParentOrder) -> bool {
        let scopes = [
            (Scope::Global, 0),
            (Scope::Instrument, order.instrument.0),
            (Scope::Strategy, order.strategy.0.into()),
        ];
        scopes.into_iter().any(|(scope, target)| {
            let held = self.risk.states.get(scope, target);
            held.is_ok_and(|(state, _)| state == TradingState::Halted)
        })
    }

    /// Nothing more is sent for a parent order, if there is such a one.
    pub(crate) fn stop_parent(&mut self, parent_id: OutId, why: Reason) {
        if let Some(slot) = self.parents.find(parent_id) {
            self.parents.stop(slot, why);
        }
    }

    /// Says that a parent order has ended, and for what: for nothing if it was filled.
    pub(crate) fn end_parent(&mut self, slot: ParentSlot, reason: Reason, out: &mut Out) {
        let parent = self.parents.end(slot);
        let reason = if parent.unsent() == Qty::ZERO {
            Reason::None
        } else {
            reason
        };
        out.push(report(&parent, ParentState::Done, reason));
        if is_agency(&parent) {
            self.end_agency(slot, &parent, reason, out);
        }
    }

    /// Divides what is left of a parent order, and sends the first part; [`Engine::send_rest`] sends the others, so that nobody
    /// waits for them who waits for the first.
    fn begin_try(&mut self, slot: ParentSlot, parent: &ParentOrder, out: &mut Out) -> Result<Tried, Reason> {
        let order = &parent.order;
        let traded = self.traded[order.instrument.index()].as_ref();
        let traded = traded.ok_or(Reason::UnknownInstrument)?;
        let view = traded.venues.view(out.now())?;
        let looks_at_venues = self.risk.looks_at_venues(order.instrument);
        // Where there is none, each part says so.
        let reference = Reference::of(&view, looks_at_venues).ok();
        let limit_px = Px(i64::try_from(whole_floor(order.limit_net_e8)).unwrap_or(i64::MAX));
        // The highest price that a part may have: what one sells is worth more the better its price.
        let most_px = match order.side {
            Side::Buy => limit_px,
            Side::Sell => view.top().map_or(limit_px, |top| top.bid_px.max(limit_px)),
        };
        let unsent = parent.unsent();
        let mut most = [Qty::ZERO; VENUES_MAX];
        for (at, (most, listing)) in most.iter_mut().zip(&traded.listings).enumerate() {
            // Who refused is asked again when nobody else is left.
            if parent.refused & 1 << at == 0 {
                let px = most_px_with(order, most_px, traded.venues.sources()[at].taker_fee_e8);
                *most = self
                    .risk
                    .order_room(listing.venue, order.instrument, order.side, px, unsent);
            }
        }
        // A hedger does what its client did.
        let split = if is_agency(parent) {
            view.split_gross(order.side, unsent, limit_px, &most)
        } else {
            view.split(order.side, unsent, order.limit_net_e8, &most)
        };
        if split.qty == Qty::ZERO {
            self.parents.forget_refused(slot);
            return Ok(Tried::Nothing(Reason::InsufficientDepth));
        }
        let expected = expected_cost(traded, order, &split).ok_or(Reason::Overflow)?;
        let cost = parent.cost.get().checked_add(expected).ok_or(Reason::Overflow)?;
        if cost > order.cost_max.get() {
            return Err(Reason::CostMax);
        }
        self.parts = Parts {
            of: Some(slot),
            slices: split.slices,
            from: 0,
            reference,
        };
        Ok(self.send_parts(Until::Sent, out))
    }

    /// Sends the parts of the last try that follow its first, if there are any left: before anything else is done.
    #[inline]
    pub(crate) fn send_rest(&mut self, out: &mut Out) {
        if self.parts.of.is_some() {
            self.send_parts(Until::End, out);
        }
    }

    /// Sends the next parts of the try under way.
    fn send_parts(&mut self, until: Until, out: &mut Out) -> Tried {
        let mut outcome = Tried::Nothing(Reason::InsufficientDepth);
        let mut sent = Qty::ZERO;
        let Some(slot) = self.parts.of else {
            return outcome;
        };
        while let Some((part, parent_id)) = self.next_part(slot) {
            match self.place(&part, parent_id, self.parts.reference, out) {
                Ok(()) => {
                    outcome = Tried::Sent;
                    sent.0 += part.qty.0;
                }
                Err(reason) => {
                    if is_venues(reason) {
                        self.parents.refused(slot, self.parts.from - 1);
                    }
                    out.push(order_reject(&part, reason));
                    if let Tried::Nothing(held) = &mut outcome {
                        *held = reason;
                    }
                }
            }
            self.report_latches(out);
            if until == Until::Sent && sent > Qty::ZERO {
                break;
            }
        }
        self.keep(slot, |parents, slot| parents.sent(slot, sent), out);
        outcome
    }

    /// The next part of the try under way and what it is a part of; `None` behind the last, and the try is over.
    #[inline]
    fn next_part(&mut self, slot: ParentSlot) -> Option<(NewVenueOrder, OutId)> {
        let parent = self.parents.get(slot);
        let order = &parent.order;
        let listings = &self.traded[order.instrument.index()].as_ref()?.listings;
        let parts = &mut self.parts;
        while parts.from < listings.len() && parts.slices[parts.from].qty == Qty::ZERO {
            parts.from += 1;
        }
        if parts.from == listings.len() {
            parts.of = None;
            return None;
        }
        let slice = parts.slices[parts.from];
        let part = NewVenueOrder {
            strategy: order.strategy,
            venue: listings[parts.from].venue,
            instrument: order.instrument,
            side: order.side,
            px: slice.px,
            qty: slice.qty,
            time_in_force: TimeInForce::ImmediateOrCancel,
        };
        parts.from += 1;
        Some((part, parent.parent_id))
    }

    /// Notes what happened to a part of a parent order. What does not add up halts the desk.
    fn keep(
        &mut self,
        slot: ParentSlot,
        note: impl FnOnce(&mut pinrail_oms::ParentTable, ParentSlot) -> Result<(), Reason>,
        out: &mut Out,
    ) {
        if let Err(reason) = note(&mut self.parents, slot) {
            self.halt(reason, out);
        }
    }

    /// A venue filled `qty` of a part, at `px` and for a fee in the quote asset.
    pub(crate) fn part_filled(&mut self, parent_id: OutId, qty: Qty, px: Px, fee: Amount, out: &mut Out) {
        let Some(slot) = self.parents.find(parent_id) else {
            return;
        };
        let order = self.parents.get(slot).order;
        let traded = self.traded[order.instrument.index()].as_ref();
        let cost = traded.and_then(|traded| cost_beyond(traded, &order, px, qty, fee));
        let cost = cost.unwrap_or(i128::MAX);
        self.keep(slot, |parents, slot| parents.filled(slot, qty, cost), out);
    }

    /// A venue took back or corrected a fill of a part: its quantity, price and fee in the quote asset were so and are so, and so
    /// much more of the part is at the venue.
    pub(crate) fn part_corrected(
        &mut self,
        parent_id: OutId,
        fills: [(Qty, Px, Amount); 2],
        in_flight: i64,
        out: &mut Out,
    ) {
        let Some(slot) = self.parents.find(parent_id) else {
            return;
        };
        let order = self.parents.get(slot).order;
        let traded = self.traded[order.instrument.index()].as_ref();
        let filled = fills[1].0.0 - fills[0].0.0;
        let [was, is] =
            fills.map(|(qty, px, fee)| traded.and_then(|traded| cost_beyond(traded, &order, px, qty, fee)));
        let cost = was.zip(is).and_then(|(was, is)| is.checked_sub(was));
        let cost = cost.unwrap_or(i128::MAX);
        self.keep(
            slot,
            |parents, slot| parents.corrected(slot, filled, in_flight, cost),
            out,
        );
        self.part_ended(parent_id, Qty::ZERO, out);
    }

    /// A part ended at its venue with so much of it not filled.
    pub(crate) fn part_ended(&mut self, parent_id: OutId, leaves: Qty, out: &mut Out) {
        let Some(slot) = self.parents.find(parent_id) else {
            return;
        };
        if Rule::PartsReturn.holds() {
            self.keep(slot, |parents, slot| parents.returned(slot, leaves), out);
        }
        let parent = self.parents.get(slot);
        if parent.in_flight > Qty::ZERO {
            return;
        }
        let is_over = parent.unsent() == Qty::ZERO || parent.ending != Reason::None;
        let until = if is_over {
            out.now()
        } else {
            // Never at the same time again: other parent orders have their turn, too.
            out.now().saturating_add(parent.order.retry_ns.max(1))
        };
        let until = if is_agency(parent) {
            self.agency_until(slot, until, out.now())
        } else {
            until
        };
        self.parents.wait(slot, until);
    }

    /// Whether the parts that are open make up what each parent order says is at venues. Looks at every open order: for tests,
    /// tools and whoever takes a state over.
    pub fn are_parents_conserved(&self) -> bool {
        self.parents.iter().all(|parent| {
            let parts = self
                .orders
                .iter()
                .filter(|held| held.parent_id == parent.parent_id);
            let in_flight: i64 = parts.map(|held| held.leaves.0).sum();
            parent.is_conserved() && parent.in_flight.0 == in_flight
        })
    }

    /// Parent orders that have not ended.
    pub fn parent_orders(&self) -> impl Iterator<Item = &ParentOrder> {
        self.parents.iter()
    }
}

fn report(parent: &ParentOrder, state: ParentState, reason: Reason) -> ParentOrderReport {
    let order = &parent.order;
    ParentOrderReport {
        parent_id: parent.parent_id,
        instrument: order.instrument,
        strategy: order.strategy,
        side: order.side.fix(),
        parent_state: state.byte(),
        qty: order.qty,
        cum_qty: parent.filled,
        in_flight_qty: parent.in_flight,
        ref_px: order.ref_px,
        cost: parent.cost,
        reason: reason.code(),
        tries: parent.tries,
        ..bytemuck::Zeroable::zeroed()
    }
}
