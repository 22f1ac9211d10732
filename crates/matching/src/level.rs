//! The prices of one side, and the pool that all sides share.

use pinrail_types::Side;

use crate::tree::{Anchor, HEIGHT_MAX, Nodes, Tree, above, below, bit_of, highest, lowest, rank_at, word_of};

/// No slot, node or level.
pub(crate) const NIL: u32 = u32::MAX;
/// The rank of nothing: behind every price.
pub(crate) const NO_RANK: i64 = i64::MAX;

/// The orders at one price: what is shown of them together. Its queue stands in [`Queues`](crate::queue::Queues); of one that is
/// not in use it is empty.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Level {
    pub(crate) rank: i64,
    pub(crate) shown: i64,
    /// Whose it is; [`NIL`] of a level that is not in use.
    owner: u32,
    /// Of a stray: the next one in its chain.
    behind: u32,
}

impl Level {
    const FREE: Level = Level {
        rank: NO_RANK,
        shown: 0,
        owner: NIL,
        behind: NIL,
    };

    pub(crate) const fn owner(&self) -> u32 {
        self.owner
    }

    #[inline]
    const fn is(&self, rank: i64, owner: u32) -> bool {
        self.rank == rank && self.owner == owner
    }
}

/// The levels of all sides, and the nodes of their trees.
///
/// A level stands at its **home**, which follows from its ladder and rank, so that it is found at once and neighbours in price lie
/// side by side. Where another has that place it stands behind all homes, in a chain: it is a stray of its ladder.
#[derive(Debug)]
pub(crate) struct Pool {
    /// Homes, a power of two of them, and then the places of strays.
    levels: Box<[Level]>,
    /// The first stray of each chain.
    chains: Box<[u32]>,
    /// Places of strays that are not in use.
    free: Vec<u32>,
    nodes: Nodes,
}

impl Pool {
    /// How many places there are for as many levels.
    pub(crate) const fn places(levels: usize) -> usize {
        levels.next_power_of_two() + levels
    }

    pub(crate) fn new(levels: usize, nodes: usize) -> Pool {
        let places = Pool::places(levels);
        let homes = places - levels;
        let size = u32::try_from(places).expect("a bound of 32 bits");
        Pool {
            levels: vec![Level::FREE; places].into_boxed_slice(),
            chains: vec![NIL; homes].into_boxed_slice(),
            free: (homes as u32..size).rev().collect(),
            nodes: Nodes::new(nodes),
        }
    }

    /// Whether another price finds room, wherever it is: it may send words that lie side by side, so below two leaves, to the tree.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.nodes.room() >= 3 * (HEIGHT_MAX + 1)
    }

    #[inline]
    pub(crate) fn level(&self, level: u32) -> &Level {
        &self.levels[level as usize]
    }

    #[inline]
    pub(crate) fn level_mut(&mut self, level: u32) -> &mut Level {
        &mut self.levels[level as usize]
    }

    pub(crate) fn is_stray(&self, level: u32) -> bool {
        level as usize >= self.chains.len()
    }

    /// Levels in use. Linear in the bound.
    pub(crate) fn len(&self) -> usize {
        self.levels.iter().filter(|level| level.owner != NIL).count()
    }

    /// The home of a rank's level; `salt` is the ladder's.
    #[inline]
    fn home(&self, rank: i64, salt: u64) -> u32 {
        let mask = self.chains.len() as u64 - 1;
        (rank.cast_unsigned().wrapping_add(salt) & mask) as u32
    }

    /// Where the chain of a stray begins. Ranks that have one home are mostly in different ones.
    fn chain(&self, rank: i64, owner: u32) -> usize {
        let salted = rank.cast_unsigned().wrapping_add(salt(owner));
        (salted.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & (self.chains.len() - 1)
    }

    fn find_stray(&self, rank: i64, owner: u32) -> Option<u32> {
        let mut level = self.chains[self.chain(rank, owner)];
        while level != NIL && !self.level(level).is(rank, owner) {
            level = self.level(level).behind;
        }
        (level != NIL).then_some(level)
    }

    /// An empty level for a rank that has none: at its home, or it is a stray.
    fn add(&mut self, rank: i64, owner: u32) -> u32 {
        let mut place = self.home(rank, salt(owner));
        let mut behind = NIL;
        if self.level(place).owner != NIL {
            place = self.free.pop().expect("there are no more levels than orders");
            let chain = self.chain(rank, owner);
            behind = core::mem::replace(&mut self.chains[chain], place);
        }
        *self.level_mut(place) = Level {
            rank,
            owner,
            behind,
            ..Level::FREE
        };
        place
    }

    /// Takes out a level that holds no orders any more.
    #[inline]
    fn remove(&mut self, level: u32) {
        if self.is_stray(level) {
            self.unchain(level);
        }
        let it = self.level_mut(level);
        debug_assert_eq!(it.shown, 0);
        it.owner = NIL;
    }

    #[cold]
    fn unchain(&mut self, level: u32) {
        let &Level {
            rank, owner, behind, ..
        } = self.level(level);
        let chain = self.chain(rank, owner);
        let mut before = self.chains[chain];
        if before == level {
            self.chains[chain] = behind;
        } else {
            while self.level(before).behind != level {
                before = self.level(before).behind;
            }
            self.level_mut(before).behind = behind;
        }
        self.free.push(level);
    }
}

/// What the homes of a ladder's levels are shifted by, so that ladders lie apart.
const fn salt(owner: u32) -> u64 {
    (owner as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

/// Words of a window.
const WORDS: usize = 8;
/// Words before the best price where a window is put anew.
const LEAD: i64 = 2;
/// Where the best price stands in that word of the window or behind it, the window is put anew.
const LATE: usize = 6;
/// The base of a window on nothing: behind every word.
const NO_WORD: i64 = i64::MAX;

/// The prices of one side that hold orders.
///
/// A price's **rank** rises as it gets worse: the price itself for offers, its negative for bids. The prices next to the touch have
/// a bit each in a **window**, the others in a tree behind it. The window stays where it is while the best price is in it, but for
/// its last words.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Ladder {
    best_rank: i64,
    best_level: u32,
    owner: u32,
    salt: u64,
    /// Levels of it that are not at their homes.
    strays: u32,
    /// Which words of the window are not zero.
    used: u32,
    /// The first word of the window; no rank is before it.
    base: i64,
    far: Tree,
    words: [u64; WORDS],
}

impl Ladder {
    /// An empty one. No two in one pool have the same owner.
    pub(crate) const fn new(owner: u32) -> Ladder {
        Ladder {
            best_rank: NO_RANK,
            best_level: NIL,
            owner,
            salt: salt(owner),
            strays: 0,
            used: 0,
            base: NO_WORD,
            far: Tree::EMPTY,
            words: [0; WORDS],
        }
    }

    /// The best rank; [`NO_RANK`] if there is none.
    #[inline]
    pub(crate) fn best_rank(&self) -> i64 {
        self.best_rank
    }

    /// How many of its levels are strays.
    pub(crate) fn strays(&self) -> u32 {
        self.strays
    }

    /// The best level; [`NIL`] if there is none.
    #[inline]
    pub(crate) fn best_level(&self) -> u32 {
        self.best_level
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.best_level == NIL
    }

    /// The level of a rank, if it holds orders.
    #[inline]
    pub(crate) fn find(&self, pool: &Pool, rank: i64) -> Option<u32> {
        let home = pool.home(rank, self.salt);
        if pool.level(home).is(rank, self.owner) {
            return Some(home);
        }
        if self.strays == 0 {
            return None;
        }
        pool.find_stray(rank, self.owner)
    }

    /// The level of a rank that is in it.
    #[inline]
    fn level(&self, pool: &Pool, rank: i64) -> u32 {
        match rank {
            NO_RANK => NIL,
            rank => self.find(pool, rank).expect("a rank with a bit has a level"),
        }
    }

    /// The place of a word in the window; behind its end if it is not in it.
    #[inline]
    fn place(&self, word: i64) -> usize {
        word.wrapping_sub(self.base).cast_unsigned() as usize
    }

    /// The level of a rank; where it is new, an empty queue. There is room.
    #[expect(clippy::inline_always, reason = "once a message")]
    #[inline(always)]
    pub(crate) fn level_at(&mut self, pool: &mut Pool, rank: i64) -> u32 {
        let home = pool.home(rank, self.salt);
        let level = pool.level_mut(home);
        let is_free = (level.owner == NIL) & (self.strays == 0);
        let place = self.place(word_of(rank));
        // Whether it is new is nothing that can be guessed: what is noted then is noted always.
        if place < WORDS && (level.is(rank, self.owner) | is_free) {
            (level.rank, level.owner) = (rank, self.owner);
            self.words[place] |= 1 << bit_of(rank);
            self.used |= 1 << place;
            self.best_level = if rank < self.best_rank {
                home
            } else {
                self.best_level
            };
            self.best_rank = self.best_rank.min(rank);
            return home;
        }
        self.level_elsewhere(pool, rank)
    }

    #[inline(never)]
    fn level_elsewhere(&mut self, pool: &mut Pool, rank: i64) -> u32 {
        if let Some(level) = self.find(pool, rank) {
            return level;
        }
        let level = pool.add(rank, self.owner);
        self.strays += u32::from(pool.is_stray(level));
        self.mark(&mut pool.nodes, rank);
        if rank < self.best_rank {
            (self.best_rank, self.best_level) = (rank, level);
        }
        level
    }

    /// Notes a rank that is new.
    fn mark(&mut self, nodes: &mut Nodes, rank: i64) {
        let word = word_of(rank);
        if word < self.base {
            self.rebase(nodes, word - LEAD);
        } else if self.place(word) >= WORDS && lowest(self.used.into()) >= LATE {
            self.rebase(nodes, word_of(self.best_rank) - LEAD);
        }
        self.put(nodes, word, 1 << bit_of(rank));
    }

    /// Notes ranks of a word that is not before the window.
    fn put(&mut self, nodes: &mut Nodes, word: i64, bits: u64) {
        let place = self.place(word);
        if place < WORDS {
            self.words[place] |= bits;
            self.used |= 1 << place;
        } else {
            self.far.put(nodes, word, bits);
        }
    }

    /// Puts the window elsewhere, before all ranks or up to the first.
    #[cold]
    fn rebase(&mut self, nodes: &mut Nodes, base: i64) {
        let (before, words, used) = (self.base, self.words, self.used);
        (self.base, self.words, self.used) = (base, [0; WORDS], 0);
        for place in (0..WORDS).filter(|place| used >> place & 1 == 1) {
            self.put(nodes, before + place as i64, words[place]);
        }
        while !self.far.is_empty() && self.place(word_of(self.far.first(nodes))) < WORDS {
            let (word, bits) = self.far.pop_first(nodes);
            self.put(nodes, word, bits);
        }
    }

    /// Takes out a level that holds no orders any more.
    #[expect(clippy::inline_always, reason = "once a trade")]
    #[inline(always)]
    pub(crate) fn remove(&mut self, pool: &mut Pool, level: u32) {
        let rank = pool.level(level).rank;
        self.strays -= u32::from(pool.is_stray(level));
        pool.remove(level);
        let place = self.place(word_of(rank));
        if place >= WORDS {
            self.far.remove(&mut pool.nodes, rank);
            return;
        }
        let word = self.words[place] & !(1 << bit_of(rank));
        self.words[place] = word;
        self.used &= !(u32::from(word == 0) << place);
        if rank == self.best_rank {
            self.find_best(pool);
        }
    }

    /// The best rank is gone.
    #[inline]
    fn find_best(&mut self, pool: &mut Pool) {
        let mut place = lowest(self.used.into());
        if place >= LATE {
            self.find_best_late(pool);
            if self.used == 0 {
                return;
            }
            place = lowest(self.used.into());
        }
        self.best_rank = rank_at(self.base + place as i64, lowest(self.words[place]));
        self.best_level = self.level(pool, self.best_rank);
    }

    /// The best rank is late in the window, or there is none.
    #[inline(never)]
    fn find_best_late(&mut self, pool: &mut Pool) {
        if !self.far.is_empty() {
            let first = match self.used {
                0 => word_of(self.far.first(&pool.nodes)),
                used => self.base + lowest(used.into()) as i64,
            };
            self.rebase(&mut pool.nodes, first - LEAD);
        } else if self.used == 0 {
            (self.best_rank, self.best_level, self.base) = (NO_RANK, NIL, NO_WORD);
        }
    }

    /// Where the window and the tree stand: what does not follow from the orders.
    pub(crate) fn shape(&self) -> Shape {
        Shape {
            base: self.base,
            anchor: self.far.anchor(),
        }
    }

    /// Puts an empty ladder's window and tree where they stood; false if they can't be there.
    pub(crate) fn restore(&mut self, pool: &mut Pool, shape: Shape) -> bool {
        self.base = shape.base;
        shape
            .anchor
            .is_none_or(|anchor| self.far.restore(&mut pool.nodes, anchor))
    }

    /// The level of a rank that is read back. [`None`] if there is no room, or it is before the window.
    pub(crate) fn level_read(&mut self, pool: &mut Pool, rank: i64) -> Option<u32> {
        if let Some(level) = self.find(pool, rank) {
            return Some(level);
        }
        let word = word_of(rank);
        let fits = self.place(word) < WORDS || pool.nodes.room() >= self.far.needs(&pool.nodes, word);
        if word < self.base || !fits {
            return None;
        }
        let level = pool.add(rank, self.owner);
        self.strays += u32::from(pool.is_stray(level));
        self.put(&mut pool.nodes, word, 1 << bit_of(rank));
        if rank < self.best_rank {
            (self.best_rank, self.best_level) = (rank, level);
        }
        Some(level)
    }

    /// Whether what was read back is what a ladder comes to that began so.
    pub(crate) fn is_sound(&self, pool: &Pool, shape: Shape) -> bool {
        let has_base = self.base != NO_WORD;
        let has_window = self.used != 0;
        has_base == has_window
            && (has_window || self.far.is_empty())
            && shape.anchor.is_some() == !self.far.is_empty()
            && self.far.is_sound(&pool.nodes)
    }

    /// The next worse level behind one that holds orders, or [`NIL`].
    pub(crate) fn next(&self, pool: &Pool, level: u32) -> u32 {
        self.level(pool, self.next_rank(&pool.nodes, pool.level(level).rank))
    }

    fn next_rank(&self, nodes: &Nodes, rank: i64) -> i64 {
        let place = self.place(word_of(rank));
        if place >= WORDS {
            return self.far.next(nodes, rank);
        }
        let bits = above(self.words[place], bit_of(rank));
        if bits != 0 {
            return rank_at(word_of(rank), lowest(bits));
        }
        match above(self.used.into(), place) {
            0 => self.far.first(nodes),
            used => self.rank_in(lowest(used), lowest),
        }
    }

    /// The next better level before one that holds orders, or [`NIL`].
    pub(crate) fn previous(&self, pool: &Pool, level: u32) -> u32 {
        self.level(pool, self.previous_rank(&pool.nodes, pool.level(level).rank))
    }

    fn previous_rank(&self, nodes: &Nodes, rank: i64) -> i64 {
        let place = self.place(word_of(rank));
        if place >= WORDS {
            return match self.far.previous(nodes, rank) {
                NO_RANK => self.rank_in(highest(self.used.into()), highest),
                rank => rank,
            };
        }
        let bits = below(self.words[place], bit_of(rank));
        if bits != 0 {
            return rank_at(word_of(rank), highest(bits));
        }
        match below(self.used.into(), place) {
            0 => NO_RANK,
            used => self.rank_in(highest(used), highest),
        }
    }

    /// The first or last rank of a word of the window that is not zero.
    fn rank_in(&self, place: usize, end: fn(u64) -> usize) -> i64 {
        rank_at(self.base + place as i64, end(self.words[place]))
    }
}

/// Where a ladder's prices are noted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The first word of its window.
    pub(crate) base: i64,
    pub(crate) anchor: Option<Anchor>,
}

/// The prices at which stops wait: a tree alone.
#[derive(Clone, Debug)]
pub(crate) struct StopLadder {
    tree: Tree,
    owner: u32,
}

impl StopLadder {
    /// An empty one. No two in one pool have the same owner, nor has it a [`Ladder`].
    pub(crate) const fn new(owner: u32) -> StopLadder {
        StopLadder {
            tree: Tree::EMPTY,
            owner,
        }
    }

    fn find(&self, pool: &Pool, rank: i64) -> Option<u32> {
        let home = pool.home(rank, salt(self.owner));
        if pool.level(home).is(rank, self.owner) {
            return Some(home);
        }
        pool.find_stray(rank, self.owner)
    }

    fn level(&self, pool: &Pool, rank: i64) -> u32 {
        match rank {
            NO_RANK => NIL,
            rank => self.find(pool, rank).expect("a rank with a bit has a level"),
        }
    }

    /// The nearest level, or [`NIL`].
    pub(crate) fn first(&self, pool: &Pool) -> u32 {
        self.level(pool, self.tree.first(&pool.nodes))
    }

    /// The level of a rank; where it is new, an empty queue. There is room.
    pub(crate) fn level_at(&mut self, pool: &mut Pool, rank: i64) -> u32 {
        if let Some(level) = self.find(pool, rank) {
            return level;
        }
        self.tree.put(&mut pool.nodes, word_of(rank), 1 << bit_of(rank));
        pool.add(rank, self.owner)
    }

    /// As [`Ladder::shape`].
    pub(crate) fn shape(&self) -> Shape {
        Shape {
            base: NO_WORD,
            anchor: self.tree.anchor(),
        }
    }

    /// As [`Ladder::restore`].
    pub(crate) fn restore(&mut self, pool: &mut Pool, shape: Shape) -> bool {
        let is_restored = |anchor| self.tree.restore(&mut pool.nodes, anchor);
        shape.base == NO_WORD && shape.anchor.is_none_or(is_restored)
    }

    /// As [`Ladder::level_read`].
    pub(crate) fn level_read(&mut self, pool: &mut Pool, rank: i64) -> Option<u32> {
        let has_room = pool.nodes.room() >= self.tree.needs(&pool.nodes, word_of(rank));
        has_room.then(|| self.level_at(pool, rank))
    }

    /// As [`Ladder::is_sound`].
    pub(crate) fn is_sound(&self, pool: &Pool, shape: Shape) -> bool {
        shape.anchor.is_some() == !self.tree.is_empty() && self.tree.is_sound(&pool.nodes)
    }

    /// Takes out a level that holds no orders any more.
    pub(crate) fn remove(&mut self, pool: &mut Pool, level: u32) {
        let rank = pool.level(level).rank;
        pool.remove(level);
        self.tree.remove(&mut pool.nodes, rank);
    }

    /// The next level behind one that holds orders, or [`NIL`].
    pub(crate) fn next(&self, pool: &Pool, level: u32) -> u32 {
        self.level(pool, self.tree.next(&pool.nodes, pool.level(level).rank))
    }
}

/// The rank of a price on a side; of what is no price anything.
#[inline]
pub(crate) const fn rank_of(side: Side, px: i64) -> i64 {
    // Not a branch: no one can guess it.
    let flip = -(side as i64 & 1);
    (px ^ flip).wrapping_sub(flip)
}

/// The price of a rank on a side.
#[inline]
pub(crate) const fn px_of(side: Side, rank: i64) -> i64 {
    rank_of(side, rank)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const LEVELS: usize = 512;
    const NODES: usize = 1 << 11;

    fn ranks() -> impl Strategy<Value = i64> {
        prop_oneof![
            6 => -40..40_i64,
            3 => -20_000..20_000_i64,
            1 => -(1 << 52)..(1_i64 << 52),
        ]
    }

    fn check(ladder: &Ladder, pool: &Pool, model: &BTreeSet<i64>) {
        assert_eq!(ladder.best_rank(), model.first().copied().unwrap_or(NO_RANK));
        let mut found = Vec::new();
        let mut level = ladder.best_level();
        let mut last = NIL;
        while level != NIL {
            found.push(pool.level(level).rank);
            last = level;
            level = ladder.next(pool, level);
        }
        assert_eq!(found, model.iter().copied().collect::<Vec<_>>());
        while last != NIL {
            assert_eq!(found.pop(), Some(pool.level(last).rank));
            last = ladder.previous(pool, last);
        }
        assert_eq!(found, []);
    }

    proptest! {
        #[test]
        fn a_ladder_is_a_sorted_set(ops in prop::collection::vec((ranks(), 0..5_u8), 1..500)) {
            let mut pool = Pool::new(LEVELS, NODES);
            let mut ladder = Ladder::new(7);
            let mut model = BTreeSet::new();
            for (rank, op) in ops {
                match (op, ladder.find(&pool, rank)) {
                    (0..3, found) => {
                        prop_assert!(pool.has_room());
                        let level = ladder.level_at(&mut pool, rank);
                        prop_assert!(found.is_none_or(|found| found == level));
                        model.insert(rank);
                    }
                    (3, Some(level)) => {
                        prop_assert!(model.remove(&rank));
                        ladder.remove(&mut pool, level);
                    }
                    (3, None) => prop_assert!(!model.contains(&rank)),
                    _ => if let Some(best) = model.pop_first() {
                        let level = ladder.best_level();
                        prop_assert_eq!(pool.level(level).rank, best);
                        ladder.remove(&mut pool, level);
                    },
                }
                check(&ladder, &pool, &model);
            }
            for rank in model {
                let level = ladder.find(&pool, rank).expect("it is there");
                ladder.remove(&mut pool, level);
            }
            prop_assert!(ladder.is_empty());
            prop_assert_eq!((pool.len(), pool.free.len(), pool.nodes.room()), (0, LEVELS, NODES));
        }
    }
}
