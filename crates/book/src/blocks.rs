//! Levels far from the touch: sorted, in blocks.

/// Levels in a block.
const BLOCK: usize = 32;
/// Keys that are compared at once when a block is searched.
const GROUP: usize = 8;
/// Neighbouring blocks that hold no more than this together are merged.
const MERGE: usize = BLOCK / 2;
/// Stands in the free places of a block, behind every real key.
const FREE_KEY: i64 = i64::MAX;

/// A run of neighbouring levels, lowest key first. Free places hold [`FREE_KEY`], so that a search needs no length.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
struct Block {
    keys: [i64; BLOCK],
    qtys: [i64; BLOCK],
}

impl Block {
    const FREE: Block = Block {
        keys: [FREE_KEY; BLOCK],
        qtys: [0; BLOCK],
    };

    /// How many keys are below `key`. Compares a fixed number of them: no branch to mispredict.
    #[inline]
    fn rank_of(&self, key: i64) -> usize {
        let below = |keys: &[i64]| keys.iter().map(|&k| usize::from(k < key)).sum::<usize>();
        let (groups, _) = self.keys.as_chunks::<GROUP>();
        let group = below(&[
            self.keys[GROUP - 1],
            self.keys[2 * GROUP - 1],
            self.keys[3 * GROUP - 1],
        ]);
        group * GROUP + below(&groups[group])
    }
}

/// A block's place in the order of blocks.
#[derive(Clone, Copy, Debug)]
struct Entry {
    block: u16,
    len: u16,
}

/// Quantities by key in order: a directory of blocks of up to 32 neighbouring levels, all preallocated.
///
/// The changes of one update come sorted by price, so the block of the last change is looked at first; else the
/// directory is searched by halves. A level comes or goes by moving at most one block's worth.
#[derive(Debug)]
pub(crate) struct Blocks {
    pool: Box<[Block]>,
    /// Blocks in use, in order.
    entries: Box<[Entry]>,
    /// A block holds keys from its floor up to, not including, the next one's; behind the last stands `i64::MAX`.
    /// The first floor is `i64::MIN`.
    floors: Box<[i64]>,
    /// Blocks not in use. Never grows beyond its first capacity.
    free: Vec<u16>,
    /// How many blocks are in use; at least one.
    used: usize,
    /// Where the last change landed.
    last: usize,
}

impl Blocks {
    /// Most levels that it can be made for.
    pub(crate) const LEVELS_MAX: usize = 1 << 17;

    /// Holds up to `levels_max` levels.
    pub(crate) fn new(levels_max: usize) -> Blocks {
        assert!(
            levels_max <= Blocks::LEVELS_MAX,
            "too many levels for the blocks' numbers"
        );
        // Any two neighbours hold more than MERGE levels together, so blocks are at most twice the levels over MERGE,
        // and one; a split needs one more.
        let blocks = 2 * levels_max / MERGE + 2;
        let mut floors = vec![i64::MAX; blocks + 1].into_boxed_slice();
        floors[0] = i64::MIN;
        // All of them for a moment, when everything is cleared.
        let mut free = Vec::with_capacity(blocks);
        free.extend((1..blocks as u16).rev());
        Blocks {
            pool: vec![Block::FREE; blocks].into_boxed_slice(),
            entries: vec![Entry { block: 0, len: 0 }; blocks].into_boxed_slice(),
            floors,
            free,
            used: 1,
            last: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        for place in (0..self.used).rev() {
            let block = self.entries[place].block;
            self.pool[usize::from(block)] = Block::FREE;
            self.floors[place] = i64::MAX;
            self.free.push(block);
        }
        let block = self.free.pop().expect("there is at least one block");
        self.entries[0] = Entry { block, len: 0 };
        self.floors[0] = i64::MIN;
        self.used = 1;
        self.last = 0;
    }

    /// Sets the quantity at a key, zero removes it; returns by how much the number of levels changed.
    pub(crate) fn set(&mut self, key: i64, qty: i64) -> i64 {
        let place = self.place_of(key);
        self.last = place;
        let block = &mut self.pool[usize::from(self.entries[place].block)];
        let at = block.rank_of(key);
        // In a full block the key may lie behind the last; then the last is not the key either.
        let is_here = block.keys[at.min(BLOCK - 1)] == key;
        match (is_here, qty != 0) {
            (true, true) => {
                block.qtys[at] = qty;
                0
            }
            (true, false) => {
                self.remove(place, at);
                -1
            }
            (false, true) => {
                self.insert(place, at, key, qty);
                1
            }
            (false, false) => 0,
        }
    }

    /// The place, in the order of blocks, of the block that holds `key` if any does.
    #[inline]
    fn place_of(&self, key: i64) -> usize {
        let last = self.last;
        if self.floors[last] <= key && key < self.floors[last + 1] {
            return last;
        }
        self.floors[..self.used].partition_point(|&floor| floor <= key) - 1
    }

    fn remove(&mut self, place: usize, at: usize) {
        let entry = &mut self.entries[place];
        let block = &mut self.pool[usize::from(entry.block)];
        let len = usize::from(entry.len);
        block.keys.copy_within(at + 1..len, at);
        block.qtys.copy_within(at + 1..len, at);
        block.keys[len - 1] = FREE_KEY;
        entry.len -= 1;
        if len <= MERGE {
            self.merge_about(place);
        }
    }

    /// Merges the block with a neighbour if both together are small, or it is empty.
    #[cold]
    fn merge_about(&mut self, place: usize) {
        let small = |a: Entry, b: Entry| a.len == 0 || b.len == 0 || usize::from(a.len + b.len) <= MERGE;
        if place + 1 < self.used && small(self.entries[place], self.entries[place + 1]) {
            self.merge_next(place);
        }
        if place > 0 && small(self.entries[place - 1], self.entries[place]) {
            self.merge_next(place - 1);
        }
    }

    /// Moves the levels of the block behind `place` into the one there.
    fn merge_next(&mut self, place: usize) {
        let (to, from) = (self.entries[place], self.entries[place + 1]);
        let (start, len) = (usize::from(to.len), usize::from(from.len));
        let moved = core::mem::replace(&mut self.pool[usize::from(from.block)], Block::FREE);
        let block = &mut self.pool[usize::from(to.block)];
        block.keys[start..start + len].copy_from_slice(&moved.keys[..len]);
        block.qtys[start..start + len].copy_from_slice(&moved.qtys[..len]);
        self.entries[place].len += from.len;
        self.entries.copy_within(place + 2..self.used, place + 1);
        self.floors.copy_within(place + 2..=self.used, place + 1);
        self.used -= 1;
        self.free.push(from.block);
        self.last = place;
    }

    fn insert(&mut self, mut place: usize, mut at: usize, key: i64, qty: i64) {
        if usize::from(self.entries[place].len) == BLOCK {
            self.split(place);
            if at > BLOCK / 2 {
                place += 1;
                at -= BLOCK / 2;
            }
        }
        let entry = &mut self.entries[place];
        let block = &mut self.pool[usize::from(entry.block)];
        let len = usize::from(entry.len);
        block.keys.copy_within(at..len, at + 1);
        block.qtys.copy_within(at..len, at + 1);
        block.keys[at] = key;
        block.qtys[at] = qty;
        entry.len += 1;
    }

    /// Moves the upper half of a full block into a new one behind it.
    #[cold]
    fn split(&mut self, place: usize) {
        const HALF: usize = BLOCK / 2;
        let new = self.free.pop().expect("the blocks suffice for the most levels");
        let old = &mut self.pool[usize::from(self.entries[place].block)];
        let mut moved = Block::FREE;
        moved.keys[..HALF].copy_from_slice(&old.keys[HALF..]);
        moved.qtys[..HALF].copy_from_slice(&old.qtys[HALF..]);
        old.keys[HALF..].fill(FREE_KEY);
        self.pool[usize::from(new)] = moved;
        self.entries.copy_within(place + 1..self.used, place + 2);
        self.floors.copy_within(place + 1..=self.used, place + 2);
        self.entries[place].len = HALF as u16;
        self.entries[place + 1] = Entry {
            block: new,
            len: HALF as u16,
        };
        self.floors[place + 1] = moved.keys[0];
        self.used += 1;
    }

    /// The level with the lowest key.
    pub(crate) fn first(&self) -> Option<(i64, i64)> {
        self.next(BlocksCursor::default()).map(|(level, _)| level)
    }

    /// Takes out the level with the lowest key.
    pub(crate) fn pop_first(&mut self) -> Option<(i64, i64)> {
        let first = self.first()?;
        self.remove(0, 0);
        Some(first)
    }

    /// The level with the highest key.
    pub(crate) fn last(&self) -> Option<(i64, i64)> {
        let entry = self.entries[self.used - 1];
        let at = usize::from(entry.len).checked_sub(1)?;
        let block = &self.pool[usize::from(entry.block)];
        Some((block.keys[at], block.qtys[at]))
    }

    /// Takes out the level with the highest key.
    pub(crate) fn pop_last(&mut self) -> Option<(i64, i64)> {
        let last = self.last()?;
        let place = self.used - 1;
        self.remove(place, usize::from(self.entries[place].len) - 1);
        Some(last)
    }

    /// The level behind the cursor, and the cursor behind it. By value, so that a walker keeps its own cursor in
    /// registers.
    pub(crate) fn next(&self, mut cursor: BlocksCursor) -> Option<((i64, i64), BlocksCursor)> {
        let entries = &self.entries[..self.used];
        let mut entry = entries.get(usize::from(cursor.place))?;
        if cursor.at == entry.len {
            entry = entries.get(usize::from(cursor.place) + 1)?;
            cursor.place += 1;
            cursor.at = 0;
        }
        let block = &self.pool[usize::from(entry.block)];
        let at = usize::from(cursor.at);
        cursor.at += 1;
        Some(((block.keys[at], block.qtys[at]), cursor))
    }
}

/// A place between levels; by default before the first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlocksCursor {
    place: u16,
    at: u16,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Op {
        Set(i64, i64),
        PopFirst,
        PopLast,
        Clear,
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            400 => (0..400_i64, 0..4_i64).prop_map(|(key, qty)| Op::Set(key, qty)),
            30 => Just(Op::PopFirst),
            30 => Just(Op::PopLast),
            // Keys that come in order, as those of a snapshot do.
            40 => (0..400_i64).prop_map(|key| Op::Set(1000 + key, 1)),
            1 => Just(Op::Clear),
        ]
    }

    fn check(blocks: &Blocks, model: &BTreeMap<i64, i64>) {
        let mut cursor = BlocksCursor::default();
        let mut levels = Vec::new();
        while let Some((level, next)) = blocks.next(cursor) {
            levels.push(level);
            cursor = next;
        }
        assert_eq!(levels, model.iter().map(|(k, q)| (*k, *q)).collect::<Vec<_>>());
        assert_eq!(blocks.first(), levels.first().copied());
        assert_eq!(blocks.last(), levels.last().copied());
        assert_eq!(
            blocks.used + blocks.free.len(),
            blocks.pool.len(),
            "a block was lost"
        );
        let lens = blocks.entries[..blocks.used]
            .iter()
            .map(|entry| usize::from(entry.len));
        let lens: Vec<usize> = lens.collect();
        assert!(
            lens.windows(2).all(|pair| pair[0] + pair[1] > MERGE),
            "unmerged: {lens:?}"
        );
    }

    fn apply(blocks: &mut Blocks, model: &mut BTreeMap<i64, i64>, op: &Op) {
        match *op {
            Op::Set(key, 0) => {
                assert_eq!(blocks.set(key, 0), -i64::from(model.remove(&key).is_some()));
            }
            Op::Set(key, qty) => {
                assert_eq!(blocks.set(key, qty), i64::from(model.insert(key, qty).is_none()));
            }
            Op::PopFirst => assert_eq!(blocks.pop_first(), model.pop_first()),
            Op::PopLast => assert_eq!(blocks.pop_last(), model.pop_last()),
            Op::Clear => {
                blocks.clear();
                model.clear();
            }
        }
    }

    proptest! {
        #[test]
        fn blocks_do_what_a_map_does(ops in prop::collection::vec(op(), 1..1500)) {
            let mut blocks = Blocks::new(800);
            let mut model = BTreeMap::new();
            for op in &ops {
                apply(&mut blocks, &mut model, op);
                check(&blocks, &model);
            }
        }
    }

    #[test]
    fn the_blocks_suffice_however_the_levels_come_and_go() {
        const LEVELS: i64 = 640;
        let mut blocks = Blocks::new(LEVELS as usize);
        let mut model = BTreeMap::new();
        // Fill up, thin out to the least that is not merged, fill the ends again.
        for round in 0..20 {
            for key in 0..LEVELS {
                apply(&mut blocks, &mut model, &Op::Set(key * 64 + round, 1));
                if model.len() as i64 > LEVELS - 1 {
                    apply(&mut blocks, &mut model, &Op::PopLast);
                }
            }
            let keys: Vec<i64> = model.keys().copied().collect();
            for (i, key) in keys.iter().enumerate() {
                if i as i64 % 32 >= 9 - round % 3 {
                    apply(&mut blocks, &mut model, &Op::Set(*key, 0));
                }
            }
            check(&blocks, &model);
        }
    }
}
