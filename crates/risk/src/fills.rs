//! Fills of late in one instrument, for market-maker protection.

use pinrail_types::state::{StateError, Visitor};

use crate::bound::Bound;

/// Fills that are kept; a limit on their number is at most this.
pub(crate) const FILLS_MAX: usize = 32;

/// The last fills: when, and how many lots the house bought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fills {
    next: u32,
    len: u32,
    ring: [(u64, i64); FILLS_MAX],
}

impl Fills {
    pub(crate) const fn new() -> Fills {
        Fills {
            next: 0,
            len: 0,
            ring: [(0, 0); FILLS_MAX],
        }
    }

    pub(crate) fn put(&mut self, now: u64, lots: i64) {
        self.ring[self.next as usize] = (now, lots);
        self.next = (self.next + 1) % FILLS_MAX as u32;
        self.len = (self.len + 1).min(FILLS_MAX as u32);
    }

    /// Those within the window that ends now.
    fn within(&self, window_ns: u64, now: u64) -> impl Iterator<Item = i64> {
        let held = self.ring.iter().take(self.len as usize);
        held.filter(move |(ts, _)| ts.saturating_add(window_ns) > now)
            .map(|(_, lots)| *lots)
    }

    /// Whether the number of fills within the limit's window reached it.
    #[inline]
    pub(crate) fn reach(&self, most: &Bound, now: u64) -> bool {
        most.window_ns > 0 && self.count_reaches(most, now)
    }

    fn count_reaches(&self, most: &Bound, now: u64) -> bool {
        self.within(most.window_ns, now).count() as i128 >= most.value
    }

    /// Whether what the house bought less what it sold within the limit's window reached it, either way, or may have:
    /// there is no room for more fills than [`FILLS_MAX`].
    #[inline]
    pub(crate) fn delta_reaches(&self, most: &Bound, now: u64) -> bool {
        most.window_ns > 0 && self.sum_reaches(most, now)
    }

    fn sum_reaches(&self, most: &Bound, now: u64) -> bool {
        let delta: i128 = self.within(most.window_ns, now).map(i128::from).sum();
        let is_full = self.within(most.window_ns, now).count() == FILLS_MAX;
        delta.abs() >= most.value || is_full
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut next = u64::from(self.next);
        visitor.below(&mut next, FILLS_MAX as u64)?;
        self.next = next as u32;
        let mut len = self.len as usize;
        visitor.count(&mut len, FILLS_MAX)?;
        self.len = len as u32;
        for (ts, lots) in self.ring.iter_mut().take(len) {
            visitor.word(ts)?;
            visitor.signed(lots)?;
        }
        Ok(())
    }
}
