//! An open-addressing index from 64-bit keys to slots, without tombstones.

/// Maps non-zero keys to slots. Linear probing, at most half full, and deletion by shifting back, so that a probe
/// never grows longer with age. All operations are O(1) expected.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    entries: Vec<Entry>,
    mask: usize,
    len: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    /// Zero: empty.
    key: u64,
    slot: u32,
}

impl Index {
    /// Room for `capacity` keys.
    pub(crate) fn new(capacity: usize) -> Index {
        let size = (capacity * 2).next_power_of_two().max(8);
        Index {
            entries: vec![Entry::default(); size],
            mask: size - 1,
            len: 0,
        }
    }

    #[inline]
    fn home(&self, key: u64) -> usize {
        // Fibonacci hashing: consecutive sequences spread over the whole table.
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & self.mask
    }

    /// The slot of `key`.
    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<u32> {
        let mut at = self.home(key);
        loop {
            let entry = &self.entries[at];
            if entry.key == key {
                return (key != 0).then_some(entry.slot);
            }
            if entry.key == 0 {
                return None;
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Adds `key`, which must not be there.
    #[inline]
    pub(crate) fn insert(&mut self, key: u64, slot: u32) {
        assert!(key != 0, "zero is no key");
        assert!(self.len * 2 < self.entries.len(), "index over its bound");
        let mut at = self.home(key);
        while self.entries[at].key != 0 {
            debug_assert!(self.entries[at].key != key, "key twice");
            at = (at + 1) & self.mask;
        }
        self.entries[at] = Entry { key, slot };
        self.len += 1;
    }

    /// Takes `key` out if it is there.
    #[inline]
    pub(crate) fn remove(&mut self, key: u64) {
        let mut hole = self.home(key);
        while self.entries[hole].key != key {
            if self.entries[hole].key == 0 {
                return;
            }
            hole = (hole + 1) & self.mask;
        }
        self.len -= 1;
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask;
            let entry = self.entries[at];
            if entry.key == 0 {
                break;
            }
            // An entry may move into the hole only if the hole lies between its home and where it stands.
            let from_home = at.wrapping_sub(self.home(entry.key)) & self.mask;
            let from_hole = at.wrapping_sub(hole) & self.mask;
            if from_home >= from_hole {
                self.entries[hole] = entry;
                hole = at;
            }
        }
        self.entries[hole] = Entry::default();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_map(ops in prop::collection::vec((any::<bool>(), 1_u64..40), 0..400)) {
            let mut index = Index::new(40);
            let mut model = BTreeMap::new();
            for (n, (add, key)) in ops.into_iter().enumerate() {
                if add && !model.contains_key(&key) {
                    index.insert(key, n as u32);
                    model.insert(key, n as u32);
                } else if !add {
                    index.remove(key);
                    model.remove(&key);
                }
                for key in 0..41 {
                    prop_assert_eq!(index.get(key), model.get(&key).copied());
                }
            }
        }
    }
}
