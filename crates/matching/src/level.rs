//! The prices of one side, and the pool that all sides share.

use pinrail_types::Side;

use crate::tree::{Anchor, HEIGHT_MAX, Nodes, Tree};

/// No slot, node or level.
pub(crate) const NIL: u32 = u32::MAX;
/// The rank of nothing: behind every price.
pub(crate) const NO_RANK: i64 = i64::MAX;

/// Levels next to the touch that stand in a row.
pub(crate) const NEAR: usize = 16;

/// The orders at one price: a queue through [`Slab`](crate::slab::Slab), and what is shown of them together.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Level {
    pub(crate) rank: i64,
    pub(crate) shown: i64,
    /// Of a level that is not in use, its place among those.
    pub(crate) head: u32,
    pub(crate) tail: u32,
    /// Whose it is; [`NIL`] of a level that is not in use.
    owner: u32,
    /// Whether it stands elsewhere than at home: 1, else 0.
    stray: u32,
}

impl Level {
    pub(crate) const fn owner(&self) -> u32 {
        self.owner
    }

    pub(crate) const fn is_stray(&self) -> bool {
        self.stray != 0
    }
}

/// The levels of all sides, and the nodes of their trees.
///
/// A level stands at its **home**, which follows from its ladder and rank, so that it is found at once and neighbours in price lie
/// side by side. Where another has that place it stands anywhere: it is a stray of its ladder.
#[derive(Debug)]
pub(crate) struct Pool {
    /// A power of two.
    levels: Box<[Level]>,
    /// Those that are not in use, each of which knows its place here.
    free: Vec<u32>,
    nodes: Nodes,
}

impl Pool {
    pub(crate) fn new(levels: usize, nodes: usize) -> Pool {
        let size = levels.next_power_of_two();
        let last = u32::try_from(size).expect("a bound of 32 bits");
        // Not zero: memory that was never written would fault when it is first used.
        let none = |at| Level {
            rank: NO_RANK,
            shown: -1,
            head: at,
            tail: NIL,
            owner: NIL,
            stray: 0,
        };
        Pool {
            levels: (0..last).map(none).collect(),
            free: (0..last).collect(),
            nodes: Nodes::new(nodes),
        }
    }

    /// Whether another price finds room, wherever it is: it may send half of those that stand in a row to the tree.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.nodes.room() >= (NEAR / 2 + 1) * (HEIGHT_MAX + 1)
    }

    #[inline]
    pub(crate) fn level(&self, level: u32) -> &Level {
        &self.levels[level as usize]
    }

    #[inline]
    pub(crate) fn level_mut(&mut self, level: u32) -> &mut Level {
        &mut self.levels[level as usize]
    }

    /// Levels in use.
    pub(crate) fn len(&self) -> usize {
        self.levels.len() - self.free.len()
    }

    /// The home of a rank's level; `salt` is the ladder's.
    #[inline]
    fn home(&self, rank: i64, salt: u64) -> u32 {
        let mask = self.levels.len() as u64 - 1;
        (rank.cast_unsigned().wrapping_add(salt) & mask) as u32
    }

    /// Whether the level is that of a rank.
    #[inline]
    fn has(&self, level: u32, rank: i64, owner: u32) -> bool {
        let level = self.level(level);
        level.rank == rank && level.owner == owner
    }

    /// An empty level for a rank that has none: at its home, or it is a stray.
    #[expect(clippy::inline_always, reason = "once a price")]
    #[inline(always)]
    fn add(&mut self, rank: i64, owner: u32, home: u32) -> u32 {
        let last = self.free.pop().expect("there are no more levels than orders");
        let mut level = Level {
            rank,
            shown: 0,
            head: NIL,
            tail: NIL,
            owner,
            stray: 0,
        };
        let at_home = self.level_mut(home);
        if at_home.owner != NIL {
            level.stray = 1;
            *self.level_mut(last) = level;
            return last;
        }
        let place = at_home.head;
        *at_home = level;
        if home != last {
            self.free[place as usize] = last;
            self.level_mut(last).head = place;
        }
        home
    }

    #[inline]
    fn remove(&mut self, level: u32) {
        let place = self.free.len() as u32;
        let it = self.level_mut(level);
        (it.owner, it.head) = (NIL, place);
        self.free.push(level);
    }
}

/// What the homes of a ladder's levels are shifted by, so that ladders lie apart.
const fn salt(owner: u32) -> u64 {
    (owner as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

/// The prices of one side that hold orders.
///
/// A price's **rank** rises as it gets worse: the price itself for offers, its negative for bids. The best stand in a row, the
/// others in a tree behind it; when the row is full its worse half goes to the tree, and when it is empty as many come back.
/// So a price that comes and goes at the touch moves nothing.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Ladder {
    best_rank: i64,
    best_level: u32,
    /// Of the row.
    len: u32,
    owner: u32,
    /// Levels of it that are not at their homes.
    strays: u32,
    salt: u64,
    /// The worst first.
    ranks: [i64; NEAR],
    levels: [u32; NEAR],
    far: Tree,
}

impl Ladder {
    /// An empty one. No two in one pool have the same owner.
    pub(crate) const fn new(owner: u32) -> Ladder {
        Ladder {
            best_rank: NO_RANK,
            best_level: NIL,
            len: 0,
            owner,
            strays: 0,
            salt: salt(owner),
            ranks: [NO_RANK; NEAR],
            levels: [NIL; NEAR],
            far: Tree::EMPTY,
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
        self.len == 0
    }

    /// The level of a rank, if it holds orders.
    pub(crate) fn find(&self, pool: &Pool, rank: i64) -> Option<u32> {
        let home = pool.home(rank, self.salt);
        if pool.has(home, rank, self.owner) {
            return Some(home);
        }
        if self.strays == 0 {
            return None;
        }
        self.find_stray(pool, rank)
    }

    #[cold]
    fn find_stray(&self, pool: &Pool, rank: i64) -> Option<u32> {
        if self.is_far(rank) {
            return self.far.find(&pool.nodes, rank);
        }
        let at = self.place(rank);
        (at > 0 && self.ranks[at - 1] == rank).then(|| self.levels[at - 1])
    }

    /// Behind the row.
    #[inline]
    fn is_far(&self, rank: i64) -> bool {
        rank > self.ranks[0] && !self.far.is_empty()
    }

    /// The level of a rank; where it is new, an empty queue. There is room.
    #[expect(clippy::inline_always, reason = "once a message")]
    #[inline(always)]
    pub(crate) fn level_at(&mut self, pool: &mut Pool, rank: i64) -> u32 {
        let home = pool.home(rank, self.salt);
        if pool.has(home, rank, self.owner) {
            return home;
        }
        self.level_elsewhere(pool, rank, home)
    }

    /// The level of a rank, which does not stand at its home.
    #[inline(never)]
    fn level_elsewhere(&mut self, pool: &mut Pool, rank: i64, home: u32) -> u32 {
        if self.strays > 0 {
            return self.level_among_strays(pool, rank, home);
        }
        if rank < self.best_rank && (self.len as usize) < NEAR {
            let level = self.take(pool, rank, home);
            let at = self.len as usize;
            (self.ranks[at], self.levels[at]) = (rank, level);
            (self.best_rank, self.best_level) = (rank, level);
            self.len += 1;
            return level;
        }
        self.add_behind(pool, rank, home)
    }

    #[cold]
    fn level_among_strays(&mut self, pool: &mut Pool, rank: i64, home: u32) -> u32 {
        match self.find_stray(pool, rank) {
            Some(level) => level,
            None => self.add_behind(pool, rank, home),
        }
    }

    /// A level of a rank that has none, where it may have to make room in the row.
    #[inline(never)]
    fn add_behind(&mut self, pool: &mut Pool, rank: i64, home: u32) -> u32 {
        if self.len as usize == NEAR && rank < self.ranks[0] {
            self.spill(pool);
        }
        let level = self.take(pool, rank, home);
        let mut at = self.len as usize;
        // It may be among those that went.
        let is_behind = at == NEAR || !self.far.is_empty();
        if is_behind && rank > self.ranks[0] {
            self.far.add(&mut pool.nodes, rank, level);
            return level;
        }
        while at > 0 && self.ranks[at - 1] < rank {
            (self.ranks[at], self.levels[at]) = (self.ranks[at - 1], self.levels[at - 1]);
            at -= 1;
        }
        (self.ranks[at], self.levels[at]) = (rank, level);
        self.len += 1;
        self.note_best();
        level
    }

    /// A level of the pool.
    #[inline]
    fn take(&mut self, pool: &mut Pool, rank: i64, home: u32) -> u32 {
        let level = pool.add(rank, self.owner, home);
        self.strays += u32::from(level != home);
        level
    }

    /// Gives a level back to the pool.
    #[inline]
    fn give(&mut self, pool: &mut Pool, level: u32) {
        self.strays -= pool.level(level).stray;
        pool.remove(level);
    }

    /// How many of the row are as bad or worse: the place behind them.
    #[inline]
    fn place(&self, rank: i64) -> usize {
        let mut at = self.len as usize;
        while at > 0 && self.ranks[at - 1] < rank {
            at -= 1;
        }
        at
    }

    /// Sends the worse half of the row to the tree.
    #[cold]
    fn spill(&mut self, pool: &mut Pool) {
        for at in 0..NEAR / 2 {
            self.far.add(&mut pool.nodes, self.ranks[at], self.levels[at]);
        }
        self.ranks.copy_within(NEAR / 2.., 0);
        self.levels.copy_within(NEAR / 2.., 0);
        self.len -= NEAR as u32 / 2;
    }

    /// Takes out a level that holds no orders any more.
    #[expect(clippy::inline_always, reason = "once a trade")]
    #[inline(always)]
    pub(crate) fn remove(&mut self, pool: &mut Pool, level: u32) {
        if level == self.best_level {
            self.give(pool, level);
            self.len -= 1;
            if self.len == 0 {
                self.refill(pool);
            } else {
                self.note_best();
            }
        } else {
            self.remove_behind(pool, level);
        }
    }

    #[inline]
    fn note_best(&mut self) {
        let at = self.len as usize - 1;
        self.best_rank = self.ranks[at];
        self.best_level = self.levels[at];
    }

    /// Brings the best of the tree back to the row, which is empty.
    #[inline(never)]
    fn refill(&mut self, pool: &mut Pool) {
        self.ranks[0] = NO_RANK;
        if self.far.is_empty() {
            self.best_rank = NO_RANK;
            self.best_level = NIL;
            return;
        }
        let mut at = NEAR / 2;
        while at > 0 && !self.far.is_empty() {
            at -= 1;
            let level = self.far.pop_first(&mut pool.nodes);
            self.ranks[at] = pool.level(level).rank;
            self.levels[at] = level;
        }
        self.ranks.copy_within(at..NEAR / 2, 0);
        self.levels.copy_within(at..NEAR / 2, 0);
        self.len = (NEAR / 2 - at) as u32;
        self.note_best();
    }

    #[inline(never)]
    fn remove_behind(&mut self, pool: &mut Pool, level: u32) {
        let rank = pool.level(level).rank;
        self.give(pool, level);
        if self.is_far(rank) {
            self.far.remove(&mut pool.nodes, rank);
            return;
        }
        let (at, len) = (self.place(rank), self.len as usize);
        debug_assert_eq!(self.levels[at - 1], level);
        self.ranks.copy_within(at..len, at - 1);
        self.levels.copy_within(at..len, at - 1);
        self.len -= 1;
    }

    /// How many prices stand in the row, and the tree's anchor: what does not follow from the orders.
    pub(crate) fn shape(&self) -> (usize, Option<Anchor>) {
        (self.len as usize, self.far.anchor())
    }

    /// Makes an empty ladder's tree as it was; false if it can't be.
    pub(crate) fn restore(&mut self, pool: &mut Pool, anchor: Option<Anchor>) -> bool {
        anchor.is_none_or(|anchor| self.far.restore(&mut pool.nodes, anchor))
    }

    /// The level of a rank that is read back: the best come first, `row` of them into the row. [`None`] if there is no room.
    pub(crate) fn level_read(&mut self, pool: &mut Pool, rank: i64, row: usize) -> Option<u32> {
        if let Some(level) = self.find(pool, rank) {
            return Some(level);
        }
        let len = self.len as usize;
        let is_near = len < row;
        let is_next = len == 0 || rank > self.ranks[0];
        let fits = is_near || (len > 0 && pool.nodes.room() >= self.far.needs(&pool.nodes, rank));
        if !is_next || !fits {
            return None;
        }
        let level = self.take(pool, rank, pool.home(rank, self.salt));
        if is_near {
            self.ranks.copy_within(..len, 1);
            self.levels.copy_within(..len, 1);
            (self.ranks[0], self.levels[0]) = (rank, level);
            self.len += 1;
            self.note_best();
        } else {
            self.far.add(&mut pool.nodes, rank, level);
        }
        Some(level)
    }

    /// The next worse level behind one that holds orders, or [`NIL`].
    pub(crate) fn next(&self, pool: &Pool, level: u32) -> u32 {
        let rank = pool.level(level).rank;
        if self.is_far(rank) {
            return self.far.next(&pool.nodes, rank);
        }
        match self.place(rank) - 1 {
            0 => self.far.first(&pool.nodes),
            at => self.levels[at - 1],
        }
    }

    /// The next better level before one that holds orders, or [`NIL`].
    pub(crate) fn previous(&self, pool: &Pool, level: u32) -> u32 {
        let rank = pool.level(level).rank;
        if self.is_far(rank) {
            return match self.far.previous(&pool.nodes, rank) {
                NIL => self.levels[0],
                level => level,
            };
        }
        let at = self.place(rank);
        if at == self.len as usize {
            NIL
        } else {
            self.levels[at]
        }
    }
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

    /// The nearest level, or [`NIL`].
    pub(crate) fn first(&self, pool: &Pool) -> u32 {
        self.tree.first(&pool.nodes)
    }

    /// The level of a rank; where it is new, an empty queue. There is room.
    pub(crate) fn level_at(&mut self, pool: &mut Pool, rank: i64) -> u32 {
        if let Some(level) = self.tree.find(&pool.nodes, rank) {
            return level;
        }
        let home = pool.home(rank, salt(self.owner));
        let level = pool.add(rank, self.owner, home);
        self.tree.add(&mut pool.nodes, rank, level);
        level
    }

    /// As [`Ladder::shape`].
    pub(crate) fn anchor(&self) -> Option<Anchor> {
        self.tree.anchor()
    }

    /// As [`Ladder::restore`].
    pub(crate) fn restore(&mut self, pool: &mut Pool, anchor: Option<Anchor>) -> bool {
        anchor.is_none_or(|anchor| self.tree.restore(&mut pool.nodes, anchor))
    }

    /// As [`Ladder::level_read`].
    pub(crate) fn level_read(&mut self, pool: &mut Pool, rank: i64) -> Option<u32> {
        let has_room = pool.nodes.room() >= self.tree.needs(&pool.nodes, rank);
        (self.tree.find(&pool.nodes, rank).is_some() || has_room).then(|| self.level_at(pool, rank))
    }

    /// Takes out a level that holds no orders any more.
    pub(crate) fn remove(&mut self, pool: &mut Pool, level: u32) {
        let rank = pool.level(level).rank;
        pool.remove(level);
        self.tree.remove(&mut pool.nodes, rank);
    }

    /// The next level behind one that holds orders, or [`NIL`].
    pub(crate) fn next(&self, pool: &Pool, level: u32) -> u32 {
        self.tree.next(&pool.nodes, pool.level(level).rank)
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
            prop_assert_eq!((pool.free.len(), pool.nodes.room()), (LEVELS, NODES));
        }
    }
}
