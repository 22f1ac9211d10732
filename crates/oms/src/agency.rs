//! Clients' agency orders: what is kept of one beside its parent order, and what of it was passed on.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Amount, ClientId, InstrumentId, OutId, Px, Qty, SessionId, Text};

use crate::executions::EXECUTIONS_MAX;
use crate::life::{AgencyEvent, AgencyState, Said};
use crate::parents::{PARENTS_MAX, ParentSlot};

/// Most agency orders open at once: so many parent orders are always left for hedges.
pub const AGENCY_MAX: usize = PARENTS_MAX / 2;
const _: () = assert!(AGENCY_MAX < PARENTS_MAX && PARENTS_MAX == u64::BITS as usize);

/// A client's agency order. What, how much, which side, and how much of it is filled, its parent order says, which has the same id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgencyOrder {
    /// The client's id of it.
    pub cl_ord_id: Text<24>,
    /// Whose.
    pub client: ClientId,
    /// Where it came in.
    pub session: SessionId,
    /// Where it is.
    pub state: AgencyState,
    /// It is tried once.
    pub is_immediate: bool,
    /// Its worst price.
    pub px: Px,
    /// The price at which credit is held for what is open of it.
    pub held_px: Px,
    /// The client pays this fraction of what is traded, times 1e8.
    pub commission_e8: i32,
    /// From then on it is no longer good.
    pub expire_ts: u64,
    /// What was traded for it so far, in the quote asset's smallest unit.
    pub gross: Amount,
    /// What was charged for that.
    pub fees: Amount,
}

const EMPTY: AgencyOrder = AgencyOrder {
    cl_ord_id: Text::EMPTY,
    client: ClientId(0),
    session: SessionId(0),
    state: AgencyState::New,
    is_immediate: false,
    px: Px(0),
    held_px: Px(0),
    commission_e8: 0,
    expire_ts: 0,
    gross: Amount::ZERO,
    fees: Amount::ZERO,
};

/// A fill that was passed on to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Our id of the trade at the venue.
    pub venue_trade_id: OutId,
    /// Our id of the trade with the client, which is also that of the report on it.
    pub trade_id: OutId,
    /// The order.
    pub order_id: OutId,
    /// The client's id of it.
    pub cl_ord_id: Text<24>,
    /// Whose.
    pub client: ClientId,
    /// In what.
    pub instrument: InstrumentId,
    /// At which price.
    pub px: Px,
    /// How much.
    pub qty: Qty,
    /// The order's worst price and commission.
    pub limit_px: Px,
    /// See [`AgencyOrder::held_px`].
    pub held_px: Px,
    /// See [`AgencyOrder::commission_e8`].
    pub commission_e8: i32,
    /// What it is worth.
    pub gross: Amount,
    /// What was charged for it.
    pub fee: Amount,
    /// What of the client's credit it uses.
    pub owed: Amount,
}

/// What the fills of an order that are remembered came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PassedSum {
    /// How much.
    pub qty: Qty,
    /// What it is worth.
    pub gross: Amount,
    /// What was charged for it.
    pub fees: Amount,
}

/// All open agency orders, each in the place of its parent order, and the last [`EXECUTIONS_MAX`] fills that were passed on.
#[derive(Clone, Debug)]
pub struct AgencyOrders {
    slots: Vec<AgencyOrder>,
    /// One bit for each slot that is taken.
    taken: u64,
    /// The last that were passed on; those that were taken back hold nothing.
    passed: Vec<Passed>,
    /// Where the next is put; the oldest stands there once the ring is full.
    next: usize,
}

impl Default for AgencyOrders {
    fn default() -> Self {
        AgencyOrders::new()
    }
}

impl AgencyOrders {
    /// None open.
    pub fn new() -> AgencyOrders {
        AgencyOrders {
            slots: vec![EMPTY; PARENTS_MAX],
            taken: 0,
            passed: Vec::with_capacity(EXECUTIONS_MAX),
            next: 0,
        }
    }

    /// Whether none is open.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// Whether no further one can be opened.
    pub const fn is_full(&self) -> bool {
        self.taken.count_ones() as usize >= AGENCY_MAX
    }

    /// The open ones, with the places of their parent orders.
    pub fn iter(&self) -> impl Iterator<Item = (ParentSlot, &AgencyOrder)> {
        let slots = (0..).zip(&self.slots);
        let open = slots.filter(|(at, _)| self.taken >> at & 1 == 1);
        open.map(|(at, order)| (ParentSlot(at), order))
    }

    /// The places of those that are open.
    pub fn slots(&self) -> impl Iterator<Item = ParentSlot> + use<> {
        let taken = self.taken;
        (0..PARENTS_MAX as u32)
            .filter(move |at| taken >> at & 1 == 1)
            .map(ParentSlot)
    }

    /// How many a client has open.
    pub fn count_of(&self, client: ClientId) -> u32 {
        self.iter()
            .map(|(_, order)| u32::from(order.client == client))
            .sum()
    }

    /// Opens one, in the place of its parent order.
    ///
    /// # Panics
    /// If there is one, or as many are open as may be.
    pub fn open(&mut self, slot: ParentSlot, order: &AgencyOrder) {
        assert!(!self.is_full() && self.at(slot).is_none(), "a place that is free");
        self.slots[slot.0 as usize] = *order;
        self.taken |= 1 << slot.0;
    }

    /// The open one whose parent order stands in a place.
    #[inline]
    pub fn at(&self, slot: ParentSlot) -> Option<&AgencyOrder> {
        (self.taken >> slot.0 & 1 == 1).then(|| &self.slots[slot.0 as usize])
    }

    /// The client's open one with this id of its own.
    pub fn find(&self, client: ClientId, cl_ord_id: &Text<24>) -> Option<ParentSlot> {
        let is_it = |order: &AgencyOrder| (order.client, order.cl_ord_id) == (client, *cl_ord_id);
        let found = self.iter().find(|(_, order)| is_it(order));
        found.map(|(slot, _)| slot)
    }

    /// Takes a step, the only way in which a state changes; gives back the order as it is then and what is to be told. One that
    /// has ended leaves its place.
    ///
    /// # Panics
    /// If none is open there, or there is no such step: faults of the program.
    pub fn step(&mut self, slot: ParentSlot, event: AgencyEvent) -> (AgencyOrder, Said) {
        assert!(self.at(slot).is_some(), "the order has ended");
        let order = &mut self.slots[slot.0 as usize];
        let step = order.state.step(event).expect("a step of the table");
        order.state = step.to;
        let after = *order;
        if !step.to.is_open() {
            self.taken &= !(1 << slot.0);
            self.slots[slot.0 as usize] = EMPTY;
        }
        (after, step.said)
    }

    /// So much more, or less, was traded for an open one, and charged.
    ///
    /// # Panics
    /// If none is open there, or the sum does not fit: accounts took each trade.
    pub fn trade(&mut self, slot: ParentSlot, gross: i128, fee: i128) {
        assert!(self.at(slot).is_some(), "the order has ended");
        let order = &mut self.slots[slot.0 as usize];
        let sum = |held: Amount, more: i128| Amount::new(held.get().checked_add(more).expect("it fits"));
        (order.gross, order.fees) = (sum(order.gross, gross), sum(order.fees, fee));
    }

    /// Remembers a fill that was passed on.
    pub fn pass(&mut self, passed: &Passed) {
        match self.passed.get_mut(self.next) {
            Some(oldest) => *oldest = *passed,
            None => self.passed.push(*passed),
        }
        self.next = (self.next + 1) % EXECUTIONS_MAX;
    }

    /// What was passed on of a trade at a venue, by our id of it. Looks at each that is remembered: for what comes rarely.
    pub fn passed(&self, venue_trade_id: OutId) -> Option<&Passed> {
        if venue_trade_id.is_none() {
            return None;
        }
        let mut all = self.passed.iter();
        all.find(|passed| passed.venue_trade_id == venue_trade_id)
    }

    /// Forgets what was passed on of a trade at a venue: it was taken back.
    pub fn take_back(&mut self, venue_trade_id: OutId) {
        let mut all = self.passed.iter_mut();
        if let Some(passed) = all.find(|passed| passed.venue_trade_id == venue_trade_id) {
            *passed = NOTHING;
        }
    }

    /// What those fills of an order came to that are remembered. Looks at each.
    pub fn sum_of(&self, order_id: OutId) -> PassedSum {
        let of_order = self.passed.iter().filter(|passed| passed.order_id == order_id);
        of_order.fold(PassedSum::default(), |sum, passed| PassedSum {
            qty: Qty(sum.qty.0 + passed.qty.0),
            gross: Amount::new(sum.gross.get().saturating_add(passed.gross.get())),
            fees: Amount::new(sum.fees.get().saturating_add(passed.fee.get())),
        })
    }

    /// Goes through the state; what was passed on from the oldest on.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of such a table.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.word(&mut self.taken)?;
        if self.taken.count_ones() as usize > AGENCY_MAX {
            return Err(visitor.bad(self.taken, "no more orders than may be open"));
        }
        for slot in 0..PARENTS_MAX {
            if self.taken >> slot & 1 == 1 {
                visit_order(&mut self.slots[slot], visitor)?;
            }
        }
        let mut len = self.passed.len();
        visitor.count(&mut len, EXECUTIONS_MAX)?;
        // Where the oldest stands decides nothing, so that a ring that is read back begins with it.
        let oldest = if len == EXECUTIONS_MAX { self.next } else { 0 };
        for at in 0..len {
            let held = self.passed.get((oldest + at) % EXECUTIONS_MAX);
            let mut passed = held.copied().unwrap_or(NOTHING);
            visit_passed(&mut passed, visitor)?;
            if visitor.is_loading() {
                self.pass(&passed);
            }
        }
        Ok(())
    }
}

const NOTHING: Passed = Passed {
    venue_trade_id: OutId::NONE,
    trade_id: OutId::NONE,
    order_id: OutId::NONE,
    cl_ord_id: Text::EMPTY,
    client: ClientId(0),
    instrument: InstrumentId(0),
    px: Px(0),
    qty: Qty::ZERO,
    limit_px: Px(0),
    held_px: Px(0),
    commission_e8: 0,
    gross: Amount::ZERO,
    fee: Amount::ZERO,
    owed: Amount::ZERO,
};

fn visit_commission(commission_e8: &mut i32, visitor: &mut impl Visitor) -> Result<(), StateError> {
    let mut word = u64::from(commission_e8.unsigned_abs());
    visitor.below(&mut word, pinrail_types::E8.unsigned_abs() + 1)?;
    *commission_e8 = word as i32;
    Ok(())
}

fn visit_order(order: &mut AgencyOrder, visitor: &mut impl Visitor) -> Result<(), StateError> {
    visitor.plain(&mut order.cl_ord_id)?;
    visitor.u32(&mut order.client.0)?;
    visitor.u16(&mut order.session.0)?;
    visitor.named(
        &mut order.state,
        |state| state as u64,
        AgencyState::from_code,
        "a state of an agency order",
    )?;
    visitor.flag(&mut order.is_immediate)?;
    visitor.plain(&mut order.px)?;
    visitor.plain(&mut order.held_px)?;
    visit_commission(&mut order.commission_e8, visitor)?;
    visitor.word(&mut order.expire_ts)?;
    visitor.plain(&mut order.gross)?;
    visitor.plain(&mut order.fees)?;
    let are_px = [order.px, order.held_px].map(|px| (0..=Px::ABS_MAX).contains(&px.0)) == [true; 2];
    if order.state.is_open() && are_px {
        Ok(())
    } else {
        Err(visitor.bad(order.px.0.cast_unsigned(), "an agency order"))
    }
}

fn visit_passed(passed: &mut Passed, visitor: &mut impl Visitor) -> Result<(), StateError> {
    visitor.plain(&mut passed.venue_trade_id)?;
    visitor.plain(&mut passed.trade_id)?;
    visitor.plain(&mut passed.order_id)?;
    visitor.plain(&mut passed.cl_ord_id)?;
    visitor.u32(&mut passed.client.0)?;
    visitor.u32(&mut passed.instrument.0)?;
    visitor.plain(&mut passed.px)?;
    visitor.plain(&mut passed.qty)?;
    visitor.plain(&mut passed.limit_px)?;
    visitor.plain(&mut passed.held_px)?;
    visit_commission(&mut passed.commission_e8, visitor)?;
    visitor.plain(&mut passed.gross)?;
    visitor.plain(&mut passed.fee)?;
    visitor.plain(&mut passed.owed)?;
    let is_none = passed.venue_trade_id.is_none();
    if is_none == (passed.qty == Qty::ZERO) && (0..=Qty::ABS_MAX).contains(&passed.qty.0) {
        Ok(())
    } else {
        Err(visitor.bad(passed.qty.0.cast_unsigned(), "a fill that was passed on"))
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::state::{Load, Save};

    use super::*;

    fn id(seq: u64) -> OutId {
        OutId {
            seq,
            epoch: 1,
            sub: 0,
        }
    }

    fn reloaded(table: &mut AgencyOrders) -> AgencyOrders {
        let mut save = Save::default();
        table.visit(&mut save).unwrap();
        let mut loaded = AgencyOrders::new();
        loaded.visit(&mut Load::new(&save.words)).unwrap();
        let mut again = Save::default();
        loaded.visit(&mut again).unwrap();
        assert_eq!(again.words, save.words);
        loaded
    }

    #[test]
    fn half_of_the_parent_orders_are_left_for_hedges() {
        let mut table = AgencyOrders::new();
        for slot in 0..AGENCY_MAX as u32 {
            assert!(!table.is_full());
            table.open(ParentSlot(slot * 2), &EMPTY);
        }
        assert!(table.is_full());
        assert_eq!(table.count_of(ClientId(0)), AGENCY_MAX as u32);
        table = reloaded(&mut table);
        assert!(table.at(ParentSlot(2)).is_some() && table.at(ParentSlot(1)).is_none());
        table.step(ParentSlot(2), AgencyEvent::Cancel);
        assert!(!table.is_full() && table.at(ParentSlot(2)).is_none());
    }

    #[test]
    fn what_was_passed_on_is_known_until_it_is_taken_back_or_so_many_came_behind_it() {
        let mut table = AgencyOrders::new();
        let passed = |n: u64| Passed {
            venue_trade_id: id(n),
            order_id: id((1 << 20) | (n % 2)),
            qty: Qty(3),
            ..NOTHING
        };
        for n in 1..=EXECUTIONS_MAX as u64 {
            table.pass(&passed(n));
        }
        table = reloaded(&mut table);
        assert_eq!(table.passed(id(1)), Some(&passed(1)));
        table.take_back(id(2));
        assert_eq!((table.passed(id(2)), table.passed(OutId::NONE)), (None, None));
        table = reloaded(&mut table);
        let half = EXECUTIONS_MAX as i64 / 2;
        assert_eq!(table.sum_of(id(1 << 20)).qty, Qty(3 * (half - 1)));
        assert_eq!(table.sum_of(id((1 << 20) | 1)).qty, Qty(3 * half));
        table.pass(&passed(5_001));
        assert_eq!(table.passed(id(1)), None, "the oldest was forgotten");
        assert!(table.passed(id(3)).is_some() && table.passed(id(5_001)).is_some());
    }
}
