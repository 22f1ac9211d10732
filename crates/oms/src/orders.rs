//! Orders that are open at venues.

use pinrail_types::record::TimeInForce;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{
    InstrumentId, NewVenueOrder, OpenOrder, OutId, Px, Qty, Replacement, Side, StrategyId, VenueId,
};

use crate::answers::Answers;
use crate::life::{OrderEvent, OrderState};

/// Most orders open at once.
pub const OPEN_ORDERS_MAX: usize = 1_024;

const WORDS: usize = OPEN_ORDERS_MAX / 64;

const EMPTY: OpenOrder = OpenOrder {
    order_id: OutId::NONE,
    order: NewVenueOrder {
        strategy: StrategyId(0),
        venue: VenueId(0),
        instrument: InstrumentId(0),
        side: Side::Buy,
        px: Px::NONE,
        qty: Qty::ZERO,
        time_in_force: TimeInForce::GoodTillCancel,
    },
    cum_qty: Qty::ZERO,
    leaves: Qty::ZERO,
    is_canceling: false,
    is_unwanted: false,
    replacement: None,
    parent_id: OutId::NONE,
};

/// Orders that ended last and whose end is still known, for people and tests.
const ENDED_MAX: usize = 64;

/// How the last orders ended; decides nothing, and is no part of the state.
#[derive(Clone, Debug)]
struct Ended {
    ring: [(OutId, OrderState); ENDED_MAX],
    next: usize,
}

impl Ended {
    fn note(&mut self, order_id: OutId, state: OrderState) {
        self.ring[self.next] = (order_id, state);
        self.next = (self.next + 1) % ENDED_MAX;
    }

    fn find(&self, order_id: OutId) -> Option<OrderState> {
        let found = self.ring.iter().find(|(ended, _)| *ended == order_id);
        found.filter(|_| !order_id.is_none()).map(|(_, state)| *state)
    }
}

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderSlot(u32);

/// All open orders, by id. The id of an order says in which slot it stands, see [`OrderTable::next_id`], and is then
/// compared as a whole. A new order takes the lowest free slot, so that what the table holds is all its state.
#[derive(Clone, Debug)]
pub struct OrderTable {
    slots: Vec<OpenOrder>,
    /// Beside each slot, where its order is; of no meaning where none stands.
    states: Vec<OrderState>,
    /// The same for what its venue owes.
    answers: Answers,
    /// One bit for each slot that is taken.
    taken: [u64; WORDS],
    open: usize,
    /// How many of them buy.
    buys: usize,
    ended: Ended,
}

/// The places whose bits are set, from the lowest.
fn places(taken: [u64; WORDS]) -> impl Iterator<Item = usize> {
    taken.into_iter().enumerate().flat_map(|(word, mut set)| {
        core::iter::from_fn(move || {
            let at = (set != 0).then(|| word * 64 + set.trailing_zeros() as usize);
            set &= set.wrapping_sub(1);
            at
        })
    })
}

/// Whether what is not traded at once stays in the venue's book.
const fn may_rest(order: &NewVenueOrder) -> bool {
    !matches!(
        order.time_in_force,
        TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill
    )
}

impl Default for OrderTable {
    fn default() -> Self {
        OrderTable::new()
    }
}

impl OrderTable {
    /// Room for [`OPEN_ORDERS_MAX`] orders.
    pub fn new() -> OrderTable {
        OrderTable {
            slots: vec![EMPTY; OPEN_ORDERS_MAX],
            states: vec![OrderState::PendingNew; OPEN_ORDERS_MAX],
            answers: Answers::new(OPEN_ORDERS_MAX),
            taken: [0; WORDS],
            open: 0,
            buys: 0,
            ended: Ended {
                ring: [(OutId::NONE, OrderState::Filled); ENDED_MAX],
                next: 0,
            },
        }
    }

    /// How many orders are open.
    pub fn len(&self) -> usize {
        self.open
    }

    /// Whether no order is open.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Whether no further order can be opened.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.open == OPEN_ORDERS_MAX
    }

    /// All slots up to the last that is taken; those between them that are not hold an order that is not
    /// [open](OpenOrder::is_open).
    pub fn as_slice(&self) -> &[OpenOrder] {
        let last = self.taken.iter().rposition(|word| *word != 0);
        let end = last.map_or(0, |at| at * 64 + 64 - self.taken[at].leading_zeros() as usize);
        &self.slots[..end]
    }

    /// The open orders.
    pub fn iter(&self) -> impl Iterator<Item = &OpenOrder> {
        self.as_slice().iter().filter(|order| order.is_open())
    }

    /// The lowest free slot.
    fn free(&self) -> usize {
        let word = self.taken.iter().position(|word| *word != u64::MAX);
        let at = word.expect("the table is not full");
        at * 64 + self.taken[at].trailing_ones() as usize
    }

    /// The id under which the next order is to be opened: `id`, with the slot in which it will stand as its hint.
    ///
    /// # Panics
    /// If the table is full.
    pub fn next_id(&self, id: OutId) -> OutId {
        id.with_hint(self.free() as u32)
    }

    /// Opens an order whose id is from [`OrderTable::next_id`], as a part of a parent order or of none.
    ///
    /// # Panics
    /// If the table is full, the id is for another slot than the next one, or the quantity is not above zero.
    pub fn open(&mut self, order_id: OutId, order: &NewVenueOrder, parent_id: OutId) -> OrderSlot {
        let slot = self.free();
        assert!(order_id.hint() as usize == slot, "an id for another slot");
        assert!(order.qty.is_orderable(), "an order is for something");
        self.slots[slot] = OpenOrder {
            order_id,
            order: *order,
            leaves: order.qty,
            parent_id,
            ..EMPTY
        };
        self.states[slot] = OrderState::PendingNew;
        self.answers.clear(slot);
        self.taken[slot / 64] |= 1 << (slot % 64);
        self.open += 1;
        self.buys += usize::from(order.side == Side::Buy);
        OrderSlot(slot as u32)
    }

    /// Where the open order with this id stands; `None` if it has ended or never was.
    #[inline]
    pub fn find(&self, order_id: OutId) -> Option<OrderSlot> {
        let slot = order_id.hint();
        let held = self.slots.get(slot as usize)?;
        (held.is_open() && held.order_id == order_id).then_some(OrderSlot(slot))
    }

    /// The order in a slot.
    #[inline]
    pub fn get(&self, slot: OrderSlot) -> &OpenOrder {
        &self.slots[slot.0 as usize]
    }

    /// Where the order in a slot is.
    #[inline]
    pub fn state(&self, slot: OrderSlot) -> OrderState {
        self.states[slot.0 as usize]
    }

    /// Where an order is, or how it ended if that was not long ago; `None` if nobody knows.
    pub fn life(&self, order_id: OutId) -> Option<OrderState> {
        match self.find(order_id) {
            Some(slot) => Some(self.state(slot)),
            None => self.ended.find(order_id),
        }
    }

    /// Takes a step, the only way in which a state changes, and gives back the order; one that has ended leaves its slot.
    ///
    /// # Panics
    /// If the order has ended, or there is no such step: faults of the program.
    fn step(&mut self, slot: OrderSlot, event: OrderEvent) -> OpenOrder {
        let at = slot.0 as usize;
        let held = &mut self.slots[at];
        assert!(!held.order_id.is_none(), "the order has ended");
        let state = self.states[at].after(event);
        self.states[at] = state;
        if !matches!(event, OrderEvent::AskCancel | OrderEvent::AskReplace) {
            self.answers.answered(at);
        }
        held.is_canceling = state == OrderState::PendingCancel;
        let after = *held;
        assert_eq!(state.is_open(), after.is_open(), "what is open can be filled");
        if !state.is_open() {
            self.ended.note(after.order_id, state);
            self.free_slot(slot);
        }
        after
    }

    fn change(&mut self, slot: OrderSlot) -> &mut OpenOrder {
        let held = &mut self.slots[slot.0 as usize];
        assert!(held.is_open(), "the order has ended");
        held
    }

    /// The venue has it, if that was not known; what comes late changes nothing.
    pub fn confirm(&mut self, slot: OrderSlot) {
        if self.state(slot).step(OrderEvent::Confirm).is_some() {
            self.step(slot, OrderEvent::Confirm);
        }
    }

    /// The venue is asked to cancel it.
    ///
    /// # Panics
    /// If it was asked already, or the order has ended.
    pub fn ask_cancel(&mut self, slot: OrderSlot) {
        self.step(slot, OrderEvent::AskCancel);
    }

    /// The venue is asked to replace it: the order as it is from then on.
    ///
    /// # Panics
    /// If it can't be asked for now, see [`OrderState::step`].
    pub fn ask_replace(&mut self, slot: OrderSlot, replacement: Replacement) -> OpenOrder {
        let held = self.change(slot);
        *held = held.with_replacement(Some(replacement));
        self.step(slot, OrderEvent::AskReplace)
    }

    /// The venue refuses to cancel it, if it was asked to.
    pub fn refuse_cancel(&mut self, slot: OrderSlot) {
        let held = self.change(slot);
        if !held.is_canceling {
            return;
        }
        let event = if held.replacement.is_some() {
            OrderEvent::RefuseCancelReplacing
        } else if held.cum_qty > Qty::ZERO {
            OrderEvent::RefuseCancelPart
        } else {
            OrderEvent::RefuseCancel
        };
        self.step(slot, event);
    }

    /// The replacement is in force: the order as it is then, with nothing left if no more is wanted than was filled.
    ///
    /// # Panics
    /// If there is none.
    pub fn replace(&mut self, slot: OrderSlot) -> OpenOrder {
        use OrderEvent::{Replace, ReplaceDone, ReplacePart};
        let held = self.change(slot);
        let to = held.replacement.expect("a replacement is under way");
        held.order.px = to.px;
        // FIX: what was filled can't be taken off.
        held.order.qty = to.qty.max(held.cum_qty);
        self.answered(slot, [Replace, ReplacePart, ReplaceDone])
    }

    /// The venue refuses the replacement: the order as it is then, with nothing left if only the replacement was for more than
    /// was filled.
    ///
    /// # Panics
    /// If there is none.
    pub fn refuse_replace(&mut self, slot: OrderSlot) -> OpenOrder {
        use OrderEvent::{RefuseReplace, RefuseReplaceDone, RefuseReplacePart};
        assert!(
            self.change(slot).replacement.is_some(),
            "a replacement is under way"
        );
        self.answered(slot, [RefuseReplace, RefuseReplacePart, RefuseReplaceDone])
    }

    fn answered(&mut self, slot: OrderSlot, [whole, part, done]: [OrderEvent; 3]) -> OpenOrder {
        let held = self.change(slot);
        *held = held.with_replacement(None);
        let event = match (held.is_open(), held.cum_qty > Qty::ZERO) {
            (false, _) => done,
            (true, true) => part,
            (true, false) => whole,
        };
        self.step(slot, event)
    }

    /// What the venue knows of it is not known: the desk started anew.
    pub fn doubt(&mut self, slot: OrderSlot) {
        self.step(slot, OrderEvent::Doubt);
    }

    /// Takes what was filled off an order, and gives it back as it is then; one of which nothing is left has ended.
    ///
    /// # Panics
    /// If more is taken than was left, or nothing.
    pub fn fill(&mut self, slot: OrderSlot, qty: Qty) -> OpenOrder {
        let held = self.change(slot);
        assert!(qty > Qty::ZERO && qty <= held.leaves, "what is filled was open");
        held.cum_qty.0 += qty.0;
        held.leaves.0 -= qty.0;
        let event = if held.is_open() {
            OrderEvent::FillPart
        } else {
            OrderEvent::Fill
        };
        self.step(slot, event)
    }

    /// Takes a fill back, or so much of it, and gives the order back as it is then. What was taken back is open again; or else
    /// the order is for so much less, but for one that is to be replaced, of which the more is counted.
    ///
    /// # Panics
    /// If more is taken back than was filled, or nothing.
    pub fn bust(&mut self, slot: OrderSlot, qty: Qty, is_open_again: bool) -> OpenOrder {
        let held = self.change(slot);
        assert!(
            qty > Qty::ZERO && qty <= held.cum_qty,
            "what is taken back was filled"
        );
        held.cum_qty.0 -= qty.0;
        if !is_open_again && held.replacement.is_none() {
            held.order.qty.0 -= qty.0;
        }
        *held = held.with_replacement(held.replacement);
        let event = if held.cum_qty > Qty::ZERO {
            OrderEvent::Bust
        } else {
            OrderEvent::BustAll
        };
        self.step(slot, event)
    }

    /// Ends an order by [`OrderEvent::Cancel`], [`OrderEvent::Reject`] or [`OrderEvent::Expire`], and gives it back with nothing
    /// left.
    ///
    /// # Panics
    /// If it has ended already: a reservation is released exactly once.
    pub fn end(&mut self, slot: OrderSlot, event: OrderEvent) -> OpenOrder {
        let held = self.change(slot);
        held.leaves = Qty::ZERO;
        held.replacement = None;
        self.step(slot, event)
    }

    /// A person wants those cancelled that are of some kind; how many they are. Takes a look at each open order.
    pub fn want_gone(&mut self, is_one: impl Fn(&NewVenueOrder) -> bool) -> u32 {
        let mut affected = 0;
        for held in self.slots.iter_mut().filter(|held| held.is_open()) {
            if is_one(&held.order) {
                held.is_unwanted = true;
                affected += 1;
            }
        }
        affected
    }

    fn free_slot(&mut self, slot: OrderSlot) {
        let slot = slot.0 as usize;
        self.buys -= usize::from(self.slots[slot].order.side == Side::Buy);
        self.slots[slot] = EMPTY;
        self.taken[slot / 64] &= !(1 << (slot % 64));
        self.open -= 1;
        if self.open == 0 {
            self.answers.rest();
        }
    }

    /// Whether its venue owes an answer: whether it has it, whether it is cancelled or replaced, or how it ended where it does
    /// not rest.
    pub fn owes_answer(&self, slot: OrderSlot) -> bool {
        let is_pending = matches!(
            self.state(slot),
            OrderState::PendingNew
                | OrderState::PendingCancel
                | OrderState::PendingReplace
                | OrderState::InDoubt
        );
        is_pending || !may_rest(&self.get(slot).order)
    }

    /// It is looked at then, and not before; `u64::MAX` for never.
    #[inline]
    pub fn look_at(&mut self, slot: OrderSlot, ts: u64) {
        self.answers.look_at(slot.0 as usize, ts);
    }

    /// When an order is to be looked at next, or sooner; `u64::MAX` if none is.
    #[inline]
    pub fn next_look(&self) -> u64 {
        self.answers.next_at()
    }

    /// The order in the lowest slot whose time has come. Takes a look at each open order.
    pub fn due(&mut self, now: u64) -> Option<OrderSlot> {
        let found = self.answers.due(places(self.taken), now);
        found.map(|at| OrderSlot(at as u32))
    }

    /// How often its venue was asked what became of it, since it last changed; more than [`ASKS_MAX`](crate::ASKS_MAX) once a person was told.
    pub fn asked(&self, slot: OrderSlot) -> u8 {
        self.answers.asked(slot.0 as usize)
    }

    /// Its venue is asked what became of it, or a person is told.
    pub fn count_ask(&mut self, slot: OrderSlot) {
        self.answers.count_ask(slot.0 as usize);
    }

    /// How often its venue refused what the engine asked by itself: to cancel it; at most [`REFUSALS_MAX`](crate::REFUSALS_MAX).
    pub fn refusals(&self, slot: OrderSlot) -> u8 {
        self.answers.refused(slot.0 as usize)
    }

    /// Counts such a refusal; how many there were.
    pub fn count_refusal(&mut self, slot: OrderSlot) -> u8 {
        self.answers.count_refusal(slot.0 as usize)
    }

    /// A person acted: venues are asked again as if they never had been. Takes a look at each open order.
    pub fn forgive(&mut self, now: u64) {
        for at in places(self.taken) {
            self.answers.forgive(at, now);
        }
    }

    /// The best price of the house's own open orders that `order` could meet at its venue, those that are to be cancelled and what
    /// is to replace them included; [`Px::NONE`] if it could meet none. Of two orders one has to rest for them to meet. Takes a
    /// look at each open order, unless none is on the other side.
    #[inline]
    pub fn best_own(&self, order: &NewVenueOrder) -> Px {
        let on_side = match order.side.opposite() {
            Side::Buy => self.buys,
            Side::Sell => self.open - self.buys,
        };
        if on_side == 0 {
            return Px::NONE;
        }
        self.best_met(order)
    }

    fn best_met(&self, order: &NewVenueOrder) -> Px {
        let side = order.side.opposite();
        let there = self.iter().filter(|held| {
            let held = &held.order;
            (held.venue, held.instrument, held.side) == (order.venue, order.instrument, side)
                && (may_rest(held) || may_rest(order))
        });
        let prices = there.flat_map(|held| {
            let replacement = held.replacement.map(|replacement| replacement.px);
            core::iter::once(held.order.px).chain(replacement)
        });
        let best = match side {
            Side::Buy => prices.max(),
            Side::Sell => prices.min(),
        };
        best.unwrap_or(Px::NONE)
    }

    /// Looks at up to `most` slots from the `from`th on and gives back the open orders there with the slot to go on from,
    /// `None` behind the last.
    pub fn scan(&self, from: u32, most: u32) -> (impl Iterator<Item = OrderSlot> + use<'_>, Option<u32>) {
        let capacity = OPEN_ORDERS_MAX as u32;
        let end = from.saturating_add(most).min(capacity);
        let open = (from.min(end)..end).filter(|slot| self.slots[*slot as usize].is_open());
        let rest = self.as_slice().len() as u32;
        (open.map(OrderSlot), (end < rest).then_some(end))
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of such a table.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut taken = self.taken;
        visitor.plain(&mut taken)?;
        for slot in 0..OPEN_ORDERS_MAX {
            if taken[slot / 64] >> (slot % 64) & 1 == 1 {
                visit_order(&mut self.slots[slot], &mut self.states[slot], slot, visitor)?;
                self.answers.visit(slot, visitor)?;
            }
        }
        self.answers.visit_next(places(taken), visitor)?;
        self.taken = taken;
        self.open = taken.iter().map(|word| word.count_ones() as usize).sum();
        self.buys = self.iter().filter(|held| held.order.side == Side::Buy).count();
        Ok(())
    }
}

fn visit_order(
    held: &mut OpenOrder,
    state: &mut OrderState,
    slot: usize,
    visitor: &mut impl Visitor,
) -> Result<(), StateError> {
    visitor.plain(&mut held.order_id)?;
    if held.order_id.is_none() || held.order_id.hint() as usize != slot {
        return Err(visitor.bad(held.order_id.sub.into(), "an id for the slot"));
    }
    let order = &mut held.order;
    visitor.u16(&mut order.strategy.0)?;
    visitor.u16(&mut order.venue.0)?;
    visitor.u32(&mut order.instrument.0)?;
    visitor.side(&mut order.side)?;
    visitor.plain(&mut order.px)?;
    visitor.plain(&mut order.qty)?;
    visitor.named(
        &mut order.time_in_force,
        |time_in_force| time_in_force.byte().into(),
        |code| TimeInForce::from_byte(u8::try_from(code).ok()?),
        "a time in force",
    )?;
    visitor.plain(&mut held.cum_qty)?;
    visitor.flag(&mut held.is_unwanted)?;
    visit_replacement(&mut held.replacement, visitor)?;
    visitor.named(
        state,
        |state| state as u64,
        OrderState::from_code,
        "a state of an order",
    )?;
    held.is_canceling = *state == OrderState::PendingCancel;
    if !held.order.qty.is_orderable() || !(0..=Qty::ABS_MAX).contains(&held.cum_qty.0) {
        return Err(visitor.bad(
            held.cum_qty.0.cast_unsigned(),
            "an order and what was filled of it",
        ));
    }
    *held = held.with_replacement(held.replacement);
    if !is_sane(held, *state) {
        return Err(visitor.bad(held.leaves.0.cast_unsigned(), "what is left of an order"));
    }
    visitor.plain(&mut held.parent_id)
}

fn visit_replacement(
    replacement: &mut Option<Replacement>,
    visitor: &mut impl Visitor,
) -> Result<(), StateError> {
    let mut is_there = replacement.is_some();
    visitor.flag(&mut is_there)?;
    if !is_there {
        *replacement = None;
        return Ok(());
    }
    let mut held = replacement.unwrap_or(Replacement {
        replace_id: OutId::NONE,
        px: Px::NONE,
        qty: Qty::ZERO,
    });
    visitor.plain(&mut held.replace_id)?;
    visitor.plain(&mut held.px)?;
    visitor.plain(&mut held.qty)?;
    if held.replace_id.is_none() || !held.qty.is_orderable() {
        return Err(visitor.bad(held.qty.0.cast_unsigned(), "a replacement"));
    }
    *replacement = Some(held);
    Ok(())
}

/// Whether an order can be so.
fn is_sane(held: &OpenOrder, state: OrderState) -> bool {
    let is_filled = held.cum_qty > Qty::ZERO;
    let fits = match state {
        OrderState::PendingNew | OrderState::New => !is_filled && held.replacement.is_none(),
        OrderState::PartiallyFilled => is_filled && held.replacement.is_none(),
        OrderState::PendingReplace => held.replacement.is_some(),
        OrderState::PendingCancel | OrderState::InDoubt => true,
        OrderState::Filled | OrderState::Canceled | OrderState::Rejected | OrderState::Expired => false,
    };
    fits && held.is_open()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pinrail_types::state::{Load, Save};
    use proptest::prelude::*;

    use super::*;

    fn order(venue: u16, side: Side, px: i64, qty: i64) -> NewVenueOrder {
        NewVenueOrder {
            venue: VenueId(venue),
            side,
            px: Px(px),
            qty: Qty(qty),
            // Some rest and some don't.
            time_in_force: if qty % 2 == 0 {
                TimeInForce::ImmediateOrCancel
            } else {
                TimeInForce::GoodTillCancel
            },
            ..EMPTY.order
        }
    }

    fn id(seq: u64) -> OutId {
        OutId {
            seq,
            epoch: 1,
            sub: 0,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(
            ops in prop::collection::vec((0_u8..4, any::<prop::sample::Index>(), 0_u16..2, any::<bool>(), 1_i64..9), 0..300),
        ) {
            let mut table = OrderTable::new();
            let mut model: BTreeMap<OutId, (NewVenueOrder, i64)> = BTreeMap::new();
            let mut ended = Vec::new();
            for (seq, (op, which, venue, buy, n)) in (1..).zip(ops) {
                let side = if buy { Side::Buy } else { Side::Sell };
                let ids: Vec<OutId> = model.keys().copied().collect();
                if op < 2 || ids.is_empty() {
                    let order_id = table.next_id(id(seq));
                    table.open(order_id, &order(venue, side, n, n), OutId::NONE);
                    model.insert(order_id, (order(venue, side, n, n), n));
                } else {
                    let order_id = *which.get(&ids);
                    let slot = table.find(order_id).unwrap();
                    let (_, leaves) = model.get_mut(&order_id).unwrap();
                    let filled = n.min(*leaves);
                    if op == 2 {
                        table.fill(slot, Qty(filled));
                        *leaves -= filled;
                    } else {
                        table.end(slot, OrderEvent::Cancel);
                        *leaves = 0;
                    }
                    if *leaves == 0 {
                        model.remove(&order_id);
                        ended.push(order_id);
                    }
                }
                prop_assert_eq!(table.len(), model.len());
                prop_assert_eq!(table.iter().count(), model.len());
                for (order_id, (order, leaves)) in &model {
                    let held = table.get(table.find(*order_id).unwrap());
                    prop_assert_eq!((held.order, held.leaves.0), (*order, *leaves));
                }
                prop_assert!(ended.iter().all(|order_id| table.find(*order_id).is_none()));
                // Against a resting order all count, against one that does not rest those of odd quantities.
                for qty in [1, 2] {
                    let there = model.values().map(|(held, _)| held);
                    let there = there.filter(|held| held.venue.0 == venue && held.side == side);
                    let prices = there.filter(|held| qty == 1 || held.qty.0 % 2 == 1).map(|held| held.px);
                    let best = if buy { prices.max() } else { prices.min() };
                    let against = order(venue, side.opposite(), n, qty);
                    prop_assert_eq!(table.best_own(&against), best.unwrap_or(Px::NONE));
                }
            }
            let mut save = Save::default();
            table.visit(&mut save).unwrap();
            let mut loaded = OrderTable::new();
            loaded.visit(&mut Load::new(&save.words)).unwrap();
            prop_assert_eq!(loaded.len(), table.len());
            prop_assert!(loaded.iter().eq(table.iter()));
        }
    }

    #[test]
    fn the_bound_is_reached_and_a_slot_is_used_again_under_another_id() {
        let mut table = OrderTable::new();
        for seq in 1..=OPEN_ORDERS_MAX as u64 {
            assert!(!table.is_full());
            let order_id = table.next_id(id(seq));
            table.open(order_id, &order(0, Side::Buy, 1, 1), OutId::NONE);
        }
        assert!(table.is_full());
        let old = id(70).with_hint(69);
        table.end(table.find(old).unwrap(), OrderEvent::Expire);
        let new = table.next_id(id(9_999));
        assert_eq!(new.hint(), 69);
        table.open(new, &order(0, Side::Buy, 1, 1), OutId::NONE);
        assert!(table.find(old).is_none() && table.find(new).is_some());
    }

    #[test]
    fn a_scan_ends_behind_the_last_open_order() {
        let mut table = OrderTable::new();
        assert_eq!(table.scan(0, 32).1, None);
        for seq in 1..=40 {
            let order_id = table.next_id(id(seq));
            table.open(order_id, &order(0, Side::Sell, 1, 1), OutId::NONE);
        }
        let (open, rest) = table.scan(0, 32);
        assert_eq!((open.count(), rest), (32, Some(32)));
        let (open, rest) = table.scan(32, 32);
        assert_eq!((open.count(), rest), (8, None));
    }
}
