//! Accepts that a last look holds, each beside the quote that it took.

use bytemuck::Zeroable;
use pinrail_types::OutId;
use pinrail_types::record::NewOrderSingle;
use pinrail_types::state::{StateError, Visitor};

use crate::quotes::Slot;
use crate::timers::Timers;

/// An accept that is held, and by which rules.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    /// The accept; its header is zero.
    pub order: NewOrderSingle,
    /// Our id of it.
    pub order_id: OutId,
    /// Core time at which it was taken.
    pub taken_at: u64,
    /// How long it is held.
    pub hold_ns: u64,
    /// How far the price may move, as a fraction times 1e8.
    pub tolerance_e8: i64,
    /// Only a move against the house counts.
    pub is_one_sided: bool,
}

/// All accepts that are held: one place beside each place of the table of quotes, so that there is always room.
#[derive(Clone, Debug)]
pub struct Holds {
    entries: Vec<Option<Hold>>,
    timers: Timers,
    len: usize,
}

impl Holds {
    /// Room for those of `capacity` quotes.
    pub fn new(capacity: usize) -> Holds {
        Holds {
            entries: vec![None; capacity],
            timers: Timers::new(capacity),
            len: 0,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Holds the accept of the quote in a slot.
    ///
    /// # Panics
    /// If one is held there already.
    pub fn hold(&mut self, slot: Slot, hold: &Hold) {
        let entry = &mut self.entries[slot.0 as usize];
        assert!(entry.is_none(), "a quote is taken once");
        *entry = Some(*hold);
        let ends_at = hold.taken_at.saturating_add(hold.hold_ns);
        self.timers.set(slot.0, ends_at, hold.order_id.seq);
        self.len += 1;
    }

    /// When the first of them is to be looked at; `u64::MAX` if there is none.
    #[inline]
    pub fn next_at(&self) -> u64 {
        self.timers.next()
    }

    /// Takes out the one that is to be looked at first, if that is at or before `now`.
    ///
    /// # Panics
    /// Never: what has a deadline is held.
    pub fn take_due(&mut self, now: u64) -> Option<(Slot, Hold)> {
        let slot = self.timers.due(now)?;
        self.timers.clear(slot);
        self.len -= 1;
        let hold = self.entries[slot as usize].take();
        Some((Slot(slot), hold.expect("what has a deadline is held")))
    }

    /// All of them, in order of slots.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Hold)> {
        let entries = (0..).zip(&self.entries);
        entries.filter_map(|(slot, entry)| Some((Slot(slot), entry.as_ref()?)))
    }

    /// Goes through the state, in order of slots.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of such a table.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut len = self.len;
        visitor.count(&mut len, self.entries.len())?;
        let mut from = 0;
        for _ in 0..len {
            let held = self.entries.iter().skip(from).position(Option::is_some);
            let mut at = held.map_or(0, |place| from + place) as u64;
            visitor.below(&mut at, self.entries.len() as u64)?;
            let mut hold = self.entries[at as usize].unwrap_or(Hold {
                order: Zeroable::zeroed(),
                order_id: OutId::NONE,
                taken_at: 0,
                hold_ns: 0,
                tolerance_e8: 0,
                is_one_sided: false,
            });
            visitor.plain(&mut hold.order)?;
            visitor.plain(&mut hold.order_id)?;
            visitor.word(&mut hold.taken_at)?;
            visitor.word(&mut hold.hold_ns)?;
            visitor.signed(&mut hold.tolerance_e8)?;
            visitor.flag(&mut hold.is_one_sided)?;
            if visitor.is_loading() {
                if (at as usize) < from {
                    return Err(visitor.bad(at, "a slot behind the last"));
                }
                self.hold(Slot(at as u32), &hold);
            }
            from = at as usize + 1;
        }
        Ok(())
    }
}
