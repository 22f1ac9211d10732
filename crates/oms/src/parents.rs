//! Parent orders: quantities that are traded over all venues, part by part.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{
    Amount, InstrumentId, NewParentOrder, OutId, ParentOrder, Px, Qty, Reason, Side, StrategyId,
};

/// Most parent orders open at once.
pub const PARENTS_MAX: usize = 64;

const EMPTY: ParentOrder = ParentOrder {
    parent_id: OutId::NONE,
    order: NewParentOrder {
        strategy: StrategyId(0),
        instrument: InstrumentId(0),
        side: Side::Buy,
        qty: Qty::ZERO,
        limit_net_e8: 0,
        ref_px: Px::NONE,
        cost_max: Amount::ZERO,
        tries_max: 0,
        retry_ns: 0,
    },
    filled: Qty::ZERO,
    in_flight: Qty::ZERO,
    cost: Amount::ZERO,
    tries: 0,
    next_at: u64::MAX,
    ending: Reason::None,
    refused: 0,
};

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParentSlot(pub(crate) u32);

/// All open parent orders, by id. The id says in which slot one stands and is then compared as a whole; a new one takes the
/// lowest free slot, so that what the table holds is all its state.
///
/// What was filled, what is at venues and what is left always make up what was asked for. Whatever would break that is refused
/// with [`Reason::ParentMismatch`] and changes nothing: whoever gets it stops trading.
#[derive(Clone, Debug)]
pub struct ParentTable {
    slots: Vec<ParentOrder>,
    /// One bit for each slot that is taken.
    taken: u64,
    /// The least [`ParentOrder::next_at`].
    next_at: u64,
}

const _: () = assert!(PARENTS_MAX == u64::BITS as usize);

/// The bits that are set, from the lowest.
#[inline]
fn bits(mut set: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let at = (set != 0).then(|| set.trailing_zeros());
        set &= set.wrapping_sub(1);
        at
    })
}

impl Default for ParentTable {
    fn default() -> Self {
        ParentTable::new()
    }
}

impl ParentTable {
    /// Room for [`PARENTS_MAX`] of them.
    pub fn new() -> ParentTable {
        ParentTable {
            slots: vec![EMPTY; PARENTS_MAX],
            taken: 0,
            next_at: u64::MAX,
        }
    }

    /// Whether none is open.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// Whether no further one can be opened.
    #[inline]
    pub const fn is_full(&self) -> bool {
        self.taken == u64::MAX
    }

    /// The open ones.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = &ParentOrder> {
        bits(self.taken).map(|at| &self.slots[at as usize])
    }

    /// The id under which the next one is to be opened: `id`, with the slot in which it will stand as its hint.
    ///
    /// # Panics
    /// If the table is full.
    pub fn next_id(&self, id: OutId) -> OutId {
        assert!(!self.is_full(), "the table of parent orders is full");
        id.with_hint(self.taken.trailing_ones())
    }

    /// Opens one whose id is from [`ParentTable::next_id`]. It is to be looked at once.
    ///
    /// # Panics
    /// If the table is full, the id is for another slot than the next one, or the quantity is not above zero.
    pub fn open(&mut self, parent_id: OutId, order: &NewParentOrder, now: u64) -> ParentSlot {
        let slot = self.taken.trailing_ones();
        assert!(parent_id.hint() == slot, "an id for another slot");
        assert!(order.qty.is_orderable(), "a parent order is for something");
        self.slots[slot as usize] = ParentOrder {
            parent_id,
            order: *order,
            next_at: now,
            ..EMPTY
        };
        self.taken |= 1 << slot;
        self.next_at = self.next_at.min(now);
        ParentSlot(slot)
    }

    /// Where the open one with this id stands.
    #[inline]
    pub fn find(&self, parent_id: OutId) -> Option<ParentSlot> {
        let slot = parent_id.hint();
        let held = self.slots.get(slot as usize)?;
        (!parent_id.is_none() && held.parent_id == parent_id).then_some(ParentSlot(slot))
    }

    /// The one in a slot.
    #[inline]
    pub fn get(&self, slot: ParentSlot) -> &ParentOrder {
        &self.slots[slot.0 as usize]
    }

    /// So much more is at venues, and so much more was filled.
    #[inline]
    fn change(&mut self, slot: ParentSlot, in_flight: i64, filled: i64) -> Result<(), Reason> {
        let held = &mut self.slots[slot.0 as usize];
        held.in_flight.0 += in_flight;
        held.filled.0 += filled;
        if held.is_conserved() {
            return Ok(());
        }
        held.in_flight.0 -= in_flight;
        held.filled.0 -= filled;
        Err(Reason::ParentMismatch)
    }

    /// A part of it went to a venue.
    ///
    /// # Errors
    /// [`Reason::ParentMismatch`] if more is sent than is left.
    pub fn sent(&mut self, slot: ParentSlot, qty: Qty) -> Result<(), Reason> {
        self.change(slot, qty.0, 0)
    }

    /// A venue filled some of it, for so much beyond the reference.
    ///
    /// # Errors
    /// [`Reason::ParentMismatch`] if more was filled than is at venues.
    pub fn filled(&mut self, slot: ParentSlot, qty: Qty, cost: i128) -> Result<(), Reason> {
        self.change(slot, -qty.0, qty.0)?;
        let held = &mut self.slots[slot.0 as usize];
        held.cost = Amount::new(held.cost.get().saturating_add(cost));
        Ok(())
    }

    /// So much of a part ended at its venue without a fill.
    ///
    /// # Errors
    /// [`Reason::ParentMismatch`] if that is more than is at venues.
    pub fn returned(&mut self, slot: ParentSlot, qty: Qty) -> Result<(), Reason> {
        self.change(slot, -qty.0, 0)
    }

    /// A venue took back what it had filled, or corrected it: what was filled, what is at venues, and the cost, change by so much.
    ///
    /// # Errors
    /// [`Reason::ParentMismatch`] if they no longer make up what was asked for.
    pub fn corrected(
        &mut self,
        slot: ParentSlot,
        filled: i64,
        in_flight: i64,
        cost: i128,
    ) -> Result<(), Reason> {
        self.change(slot, in_flight, filled)?;
        let held = &mut self.slots[slot.0 as usize];
        held.cost = Amount::new(held.cost.get().saturating_add(cost));
        Ok(())
    }

    /// A part was refused at the venue with this place among those that list the instrument: it is passed over for now.
    pub fn refused(&mut self, slot: ParentSlot, at: usize) {
        self.slots[slot.0 as usize].refused |= 1 << at;
    }

    /// No venue is passed over any more.
    pub fn forget_refused(&mut self, slot: ParentSlot) {
        self.slots[slot.0 as usize].refused = 0;
    }

    /// Counts a try. Nothing is due until [`ParentTable::wait`].
    pub fn tried(&mut self, slot: ParentSlot) {
        let held = &mut self.slots[slot.0 as usize];
        held.tries = held.tries.saturating_add(1);
        self.wait(slot, u64::MAX);
    }

    /// It is to be looked at again then.
    pub fn wait(&mut self, slot: ParentSlot, until: u64) {
        self.slots[slot.0 as usize].next_at = until;
        self.derive();
    }

    /// Nothing more is sent for it, for the first reason that was given.
    pub fn stop(&mut self, slot: ParentSlot, why: Reason) {
        let held = &mut self.slots[slot.0 as usize];
        if held.ending == Reason::None {
            held.ending = why;
        }
    }

    /// Nothing more is sent for any of them, and each is looked at again at once.
    pub fn stop_all(&mut self, why: Reason, now: u64) {
        self.stop_those(why, now, |_| true);
    }

    /// The same for those that are of some kind; how many these are.
    pub fn stop_those(&mut self, why: Reason, now: u64, is_one: impl Fn(&NewParentOrder) -> bool) -> u32 {
        let mut stopped = 0;
        for slot in bits(self.taken) {
            if is_one(&self.slots[slot as usize].order) {
                self.stop(ParentSlot(slot), why);
                self.slots[slot as usize].next_at = now;
                stopped += 1;
            }
        }
        self.derive();
        stopped
    }

    /// Takes one out that has ended.
    ///
    /// # Panics
    /// If some of it is at venues.
    pub fn end(&mut self, slot: ParentSlot) -> ParentOrder {
        let held = core::mem::replace(&mut self.slots[slot.0 as usize], EMPTY);
        assert!(
            held.in_flight == Qty::ZERO && !held.parent_id.is_none(),
            "nothing of it is at a venue"
        );
        self.taken &= !(1 << slot.0);
        self.derive();
        held
    }

    /// When the first of them is to be looked at; `u64::MAX` if none is.
    #[inline]
    pub const fn next_at(&self) -> u64 {
        self.next_at
    }

    /// The lowest slot whose time has come.
    pub fn due(&self, now: u64) -> Option<ParentSlot> {
        if self.next_at > now {
            return None;
        }
        let is_due = |slot: &u32| self.slots[*slot as usize].next_at <= now;
        bits(self.taken).find(is_due).map(ParentSlot)
    }

    fn derive(&mut self) {
        self.next_at = self.iter().map(|held| held.next_at).min().unwrap_or(u64::MAX);
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of such a table.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut taken = self.taken;
        visitor.word(&mut taken)?;
        for slot in 0..PARENTS_MAX {
            if taken >> slot & 1 == 1 {
                visit_parent(&mut self.slots[slot], slot, visitor)?;
            }
        }
        self.taken = taken;
        self.derive();
        Ok(())
    }
}

fn visit_parent(held: &mut ParentOrder, slot: usize, visitor: &mut impl Visitor) -> Result<(), StateError> {
    visitor.plain(&mut held.parent_id)?;
    if held.parent_id.is_none() || held.parent_id.hint() as usize != slot {
        return Err(visitor.bad(held.parent_id.sub.into(), "an id for the slot"));
    }
    let order = &mut held.order;
    visitor.u16(&mut order.strategy.0)?;
    visitor.u32(&mut order.instrument.0)?;
    visitor.side(&mut order.side)?;
    visitor.plain(&mut order.qty)?;
    visitor.wide(&mut order.limit_net_e8)?;
    visitor.plain(&mut order.ref_px)?;
    visitor.plain(&mut order.cost_max)?;
    visitor.u16(&mut order.tries_max)?;
    visitor.word(&mut order.retry_ns)?;
    visitor.plain(&mut held.filled)?;
    visitor.plain(&mut held.in_flight)?;
    visitor.plain(&mut held.cost)?;
    visitor.u16(&mut held.tries)?;
    visitor.word(&mut held.next_at)?;
    visitor.reason(&mut held.ending)?;
    visitor.u16(&mut held.refused)?;
    let parts = [held.filled.0, held.in_flight.0].map(|qty| (0..=Qty::ABS_MAX).contains(&qty));
    if !order.qty.is_orderable() || parts != [true; 2] || !held.is_conserved() {
        return Err(visitor.bad(held.filled.0.cast_unsigned(), "a parent order and its parts"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use pinrail_types::state::{Load, Save};
    use proptest::prelude::*;

    use super::*;

    fn order(qty: i64) -> NewParentOrder {
        NewParentOrder {
            qty: Qty(qty),
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

    #[test]
    fn what_does_not_add_up_is_refused_and_changes_nothing() {
        let mut table = ParentTable::new();
        let slot = table.open(table.next_id(id(1)), &order(10), 5);
        assert_eq!(table.sent(slot, Qty(11)), Err(Reason::ParentMismatch));
        table.sent(slot, Qty(7)).unwrap();
        let held = *table.get(slot);
        assert_eq!(table.sent(slot, Qty(4)), Err(Reason::ParentMismatch));
        assert_eq!(table.filled(slot, Qty(8), 0), Err(Reason::ParentMismatch));
        assert_eq!(table.returned(slot, Qty(8)), Err(Reason::ParentMismatch));
        assert_eq!(*table.get(slot), held);
        table.filled(slot, Qty(3), 40).unwrap();
        table.returned(slot, Qty(4)).unwrap();
        let held = *table.get(slot);
        assert_eq!(
            (held.filled, held.in_flight, held.unsent()),
            (Qty(3), Qty(0), Qty(7))
        );
        assert_eq!(held.cost, Amount::new(40));
    }

    #[test]
    fn the_bound_is_reached_and_times_are_found() {
        let mut table = ParentTable::new();
        for seq in 1..=PARENTS_MAX as u64 {
            assert!(!table.is_full());
            table.open(table.next_id(id(seq)), &order(1), seq);
        }
        assert!(table.is_full());
        assert_eq!(table.next_at(), 1);
        let first = table.due(1).unwrap();
        table.wait(first, 50);
        assert_eq!(table.next_at(), 2);
        assert_eq!(table.due(1), None);
        let second = table.find(id(2).with_hint(1)).unwrap();
        table.end(second);
        assert_eq!((table.next_at(), table.find(id(2).with_hint(1))), (3, None));
        table.stop_all(Reason::Withdrawn, 2);
        table.stop_all(Reason::Halted, 2);
        assert!(
            table
                .iter()
                .all(|held| held.ending == Reason::Withdrawn && held.next_at == 2)
        );
    }

    proptest! {
        #[test]
        fn parts_make_up_the_whole_and_the_state_is_read_back(
            ops in prop::collection::vec((0_u8..5, 0_u64..4, 1_i64..9), 0..200),
        ) {
            let mut table = ParentTable::new();
            let mut ids = Vec::new();
            for (seq, (op, which, qty)) in (1..).zip(ops) {
                let found = ids.get(which as usize).and_then(|parent_id| table.find(*parent_id));
                let Some(slot) = found else {
                    let parent_id = table.next_id(id(seq));
                    table.open(parent_id, &order(qty * 3), seq);
                    ids.truncate(which as usize);
                    ids.push(parent_id);
                    continue;
                };
                let before = *table.get(slot);
                let outcome = match op {
                    0 => table.sent(slot, Qty(qty)),
                    1 => table.filled(slot, Qty(qty), qty.into()),
                    2 => table.returned(slot, Qty(qty)),
                    3 => { table.wait(slot, seq + qty as u64); Ok(()) }
                    _ if before.in_flight == Qty::ZERO => { table.end(slot); continue; }
                    _ => Ok(()),
                };
                let held = *table.get(slot);
                prop_assert!(held.is_conserved());
                prop_assert!(outcome.is_ok() || held == before);
                let fits = match op {
                    0 => qty <= before.unsent().0,
                    1 | 2 => qty <= before.in_flight.0,
                    _ => true,
                };
                prop_assert_eq!(outcome.is_ok(), fits);
                prop_assert_eq!(table.next_at(), table.iter().map(|held| held.next_at).min().unwrap_or(u64::MAX));
            }
            let mut save = Save::default();
            table.visit(&mut save).unwrap();
            let mut loaded = ParentTable::new();
            loaded.visit(&mut Load::new(&save.words)).unwrap();
            prop_assert!(loaded.iter().eq(table.iter()));
            prop_assert_eq!(loaded.next_at(), table.next_at());
        }
    }
}
