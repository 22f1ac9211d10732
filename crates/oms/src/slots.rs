//! Finds slots by a hash of what stands in them.

/// Lines of the cache that [`Slots::warm`] reads in one turn.
const WARM_LINES: usize = 32;
/// Entries in a line of the cache.
const LINE_ENTRIES: usize = 64 / size_of::<Entry>();

/// An open-addressing table of slots: linear probing, at most half full, and deletion by shifting back, so that a probe
/// never grows longer with age. It holds hashes and no keys: whether a slot holds the key is for the caller to say. All
/// operations are O(1) expected.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    entries: Vec<Entry>,
    mask: usize,
    len: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    hash: u32,
    /// The slot and one; zero: empty.
    after_slot: u32,
}

impl Slots {
    /// Room for `capacity` slots.
    pub(crate) fn new(capacity: usize) -> Slots {
        let size = (capacity * 2).next_power_of_two().max(LINE_ENTRIES);
        assert!(u32::try_from(size - 1).is_ok(), "a hash reaches every place");
        Slots {
            entries: vec![Entry::default(); size],
            mask: size - 1,
            len: 0,
        }
    }

    #[inline]
    fn home(&self, hash: u32) -> usize {
        hash as usize & self.mask
    }

    /// The first slot with this hash of which `is_it` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut at = self.home(hash);
        loop {
            let entry = self.entries[at];
            let slot = entry.after_slot.checked_sub(1)?;
            if entry.hash == hash && is_it(slot) {
                return Some(slot);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Adds a slot, which must not be there.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u32, slot: u32) {
        assert!(self.len * 2 < self.entries.len(), "table over its bound");
        let mut at = self.home(hash);
        while self.entries[at].after_slot != 0 {
            debug_assert!(self.entries[at].after_slot != slot + 1, "slot twice");
            at = (at + 1) & self.mask;
        }
        self.entries[at] = Entry {
            hash,
            after_slot: slot + 1,
        };
        self.len += 1;
    }

    /// Takes out a slot, which must be there with this hash.
    #[inline]
    pub(crate) fn remove(&mut self, hash: u32, slot: u32) {
        let mut hole = self.home(hash);
        while self.entries[hole].after_slot != slot + 1 {
            assert!(self.entries[hole].after_slot != 0, "no such slot");
            hole = (hole + 1) & self.mask;
        }
        self.len -= 1;
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask;
            let entry = self.entries[at];
            if entry.after_slot == 0 {
                break;
            }
            // An entry may move into the hole only if the hole lies between its home and where it stands.
            let from_home = at.wrapping_sub(self.home(entry.hash)) & self.mask;
            let from_hole = at.wrapping_sub(hole) & self.mask;
            if from_home >= from_hole {
                self.entries[hole] = entry;
                hole = at;
            }
        }
        self.entries[hole] = Entry::default();
    }

    /// Reads a part of the table, another one each turn, so that all of it stays in the cache.
    #[inline]
    pub(crate) fn warm(&self, turn: usize) {
        for line in 0..WARM_LINES {
            let at = turn
                .wrapping_mul(WARM_LINES)
                .wrapping_add(line)
                .wrapping_mul(LINE_ENTRIES);
            core::hint::black_box(self.entries[at & self.mask].hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_map(
            ops in prop::collection::vec((any::<bool>(), 0_u32..40), 0..400),
            hashes in prop_oneof![Just(u32::MAX), Just(0xf), Just(0)],
        ) {
            let mut slots = Slots::new(40);
            let mut model = BTreeMap::new();
            // Few hashes, so that most collide, and what tells slots apart is the key.
            let hash = |key: u32| key.wrapping_mul(0x9e37_79b9) & hashes;
            let mut keys = [u32::MAX; 40];
            for (add, key) in ops {
                if add && !model.contains_key(&key) {
                    let slot = (0..40).find(|slot| keys[*slot as usize] == u32::MAX).unwrap();
                    keys[slot as usize] = key;
                    slots.insert(hash(key), slot);
                    model.insert(key, slot);
                } else if !add && let Some(slot) = model.remove(&key) {
                    slots.remove(hash(key), slot);
                    keys[slot as usize] = u32::MAX;
                }
                for key in 0..41 {
                    let found = slots.find(hash(key), |slot| keys[slot as usize] == key);
                    prop_assert_eq!(found, model.get(&key).copied());
                }
            }
        }
    }
}
