//! Venues' reports that were taken, so that none is taken twice.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Text, VenueId};

use crate::slots::Slots;

/// Reports that are remembered.
pub const EXECUTIONS_MAX: usize = 4_096;

/// A venue and its id of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    venue: VenueId,
    exec_id: Text<40>,
}

/// The ids of the last [`EXECUTIONS_MAX`] reports, compared as a whole.
#[derive(Clone, Debug)]
pub struct Executions {
    ring: Vec<Key>,
    /// Where the next is put; the oldest stands there once the ring is full.
    next: usize,
    by_key: Slots,
}

impl Default for Executions {
    fn default() -> Self {
        Executions::new()
    }
}

fn hash(key: &Key) -> u32 {
    let words: [u64; 5] = bytemuck::cast(key.exec_id);
    let mut hash = u64::from(key.venue.0).wrapping_add(0x2545_f491_4f6c_dd1d);
    for word in words {
        hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
    }
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

impl Executions {
    /// None taken yet.
    pub fn new() -> Executions {
        Executions {
            ring: Vec::with_capacity(EXECUTIONS_MAX),
            next: 0,
            by_key: Slots::new(EXECUTIONS_MAX),
        }
    }

    /// Whether a report was noted before.
    pub fn has(&self, venue: VenueId, exec_id: &Text<40>) -> bool {
        self.holds(&Key {
            venue,
            exec_id: *exec_id,
        })
    }

    fn holds(&self, key: &Key) -> bool {
        let found = self.by_key.find(hash(key), |at| self.ring[at as usize] == *key);
        found.is_some()
    }

    /// Notes a report; false if it was noted before.
    pub fn note(&mut self, venue: VenueId, exec_id: &Text<40>) -> bool {
        let key = Key {
            venue,
            exec_id: *exec_id,
        };
        if self.holds(&key) {
            return false;
        }
        let at = self.next as u32;
        match self.ring.get_mut(self.next) {
            Some(oldest) => {
                self.by_key.remove(hash(oldest), at);
                *oldest = key;
            }
            None => self.ring.push(key),
        }
        self.by_key.insert(hash(&key), at);
        self.next = (self.next + 1) % EXECUTIONS_MAX;
        true
    }

    /// Goes through the state, from the oldest on.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of such a list.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut len = self.ring.len();
        visitor.count(&mut len, EXECUTIONS_MAX)?;
        // Where the oldest stands; decides nothing, so that a list that is read back begins with it.
        let oldest = if len == EXECUTIONS_MAX { self.next } else { 0 };
        for at in 0..len {
            let held = self.ring.get((oldest + at) % EXECUTIONS_MAX);
            let mut key = held.copied().unwrap_or(Key {
                venue: VenueId(0),
                exec_id: Text::EMPTY,
            });
            visitor.u16(&mut key.venue.0)?;
            visitor.plain(&mut key.exec_id)?;
            if visitor.is_loading() && !self.note(key.venue, &key.exec_id) {
                return Err(visitor.bad(at as u64, "another report"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::state::{Load, Save};

    use super::*;

    fn text(n: usize) -> Text<40> {
        Text::new(&format!("E{n}")).unwrap()
    }

    #[test]
    fn a_report_is_new_once_at_each_venue_until_so_many_others_came() {
        let mut executions = Executions::new();
        for n in 0..EXECUTIONS_MAX {
            assert!(!executions.has(VenueId(0), &text(n)));
            assert!(executions.note(VenueId(0), &text(n)));
            assert!(!executions.note(VenueId(0), &text(n)));
        }
        assert!(!executions.note(VenueId(0), &text(0)));
        assert!(executions.has(VenueId(0), &text(0)) && !executions.has(VenueId(1), &text(0)));
        assert!(executions.note(VenueId(1), &text(0)));
        let mut save = Save::default();
        executions.visit(&mut save).unwrap();
        let mut loaded = Executions::new();
        loaded.visit(&mut Load::new(&save.words)).unwrap();
        let mut again = Save::default();
        loaded.visit(&mut again).unwrap();
        assert_eq!(again.words, save.words);
        for executions in [&mut executions, &mut loaded] {
            assert!(executions.note(VenueId(0), &text(0)), "the oldest was forgotten");
            assert!(executions.note(VenueId(0), &text(1)), "and so was the next");
            assert!(!executions.note(VenueId(0), &text(3)));
            assert!(!executions.note(VenueId(1), &text(0)));
        }
    }
}
