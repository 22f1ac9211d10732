//! The prices of one side, and the pool that all sides share.

use pinrail_types::Side;

use crate::tree::{Anchor, HEIGHT_MAX, Nodes, Page, Tree};

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

    /// Whether another price finds room, wherever it is: its tree may grow to the height of all, and has a branch of its own then.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.nodes.room() >= 2 * HEIGHT_MAX
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
    fn home(&self, rank: i64, salt: u32) -> u32 {
        let mask = self.chains.len() as u64 - 1;
        (rank.cast_unsigned().wrapping_add(salt.into()) & mask) as u32
    }

    /// Where the chain of a stray begins. Ranks that have one home are mostly in different ones.
    fn chain(&self, rank: i64, owner: u32) -> usize {
        let salted = rank.cast_unsigned().wrapping_add(salt(owner).into());
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
const fn salt(owner: u32) -> u32 {
    ((owner as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

/// The prices of one side that hold orders.
///
/// A price's **rank** rises as it gets worse: the price itself for offers, its negative for bids. Each has a bit in a tree, whose
/// first page is at hand. But the best may stand **apart** from the tree: one that came to no page that was at hand, so that where
/// prices are far between one that comes and goes at the touch moves nothing.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(crate) struct Ladder {
    best_rank: i64,
    best_level: u32,
    owner: u32,
    salt: u32,
    /// Levels of it that are not at their homes.
    strays: u32,
    /// The tree's first.
    page: Page,
    tree: Tree,
    is_apart: bool,
}

impl Ladder {
    /// An empty one. No two in one pool have the same owner.
    pub(crate) const fn new(owner: u32) -> Ladder {
        Ladder {
            best_rank: NO_RANK,
            best_level: NIL,
            owner,
            salt: salt(owner),
            page: Page::NONE,
            tree: Tree::EMPTY,
            strays: 0,
            is_apart: false,
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

    /// The level of a rank; where it is new, an empty queue. There is room.
    #[expect(clippy::inline_always, reason = "once a message")]
    #[expect(clippy::needless_bitwise_bool, reason = "one branch for all of it")]
    #[inline(always)]
    pub(crate) fn level_at(&mut self, pool: &mut Pool, rank: i64) -> u32 {
        let home = pool.home(rank, self.salt);
        let level = pool.level_mut(home);
        let is_here = level.is(rank, self.owner);
        let is_free = (level.owner == NIL) & (self.strays == 0);
        let is_on = self.tree.is_on(self.page, rank);
        let passes = self.is_apart & (rank <= self.best_rank);
        // Whether it is new is nothing that can be guessed: what is noted then is noted always.
        if (is_here | is_free) & is_on & !passes {
            (level.rank, level.owner) = (rank, self.owner);
            self.tree.mark(&mut pool.nodes, self.page, rank);
            self.note(rank, home);
            return home;
        }
        if is_here {
            return home;
        }
        if is_free & !is_on & !self.is_apart & (rank < self.best_rank) {
            (level.rank, level.owner) = (rank, self.owner);
            (self.best_rank, self.best_level, self.is_apart) = (rank, home, true);
            return home;
        }
        self.level_elsewhere(pool, rank)
    }

    /// A rank that came may be the best.
    #[inline]
    fn note(&mut self, rank: i64, level: u32) {
        self.best_level = if rank < self.best_rank {
            level
        } else {
            self.best_level
        };
        self.best_rank = self.best_rank.min(rank);
    }

    #[inline(never)]
    fn level_elsewhere(&mut self, pool: &mut Pool, rank: i64) -> u32 {
        if self.strays > 0
            && let Some(level) = pool.find_stray(rank, self.owner)
        {
            return level;
        }
        let level = pool.add(rank, self.owner);
        self.strays += u32::from(pool.is_stray(level));
        let nodes = &mut pool.nodes;
        if rank > self.best_rank {
            self.add(nodes, rank);
        } else {
            if self.is_apart {
                self.add(nodes, self.best_rank);
            }
            self.is_apart = !self.tree.is_on(self.page, rank);
            if !self.is_apart {
                self.tree.mark(nodes, self.page, rank);
            }
        }
        self.note(rank, level);
        level
    }

    /// Adds a rank to the tree.
    fn add(&mut self, nodes: &mut Nodes, rank: i64) {
        let page = self.tree.add(nodes, rank);
        if page.is_before(self.page) {
            self.page = page;
        }
    }

    /// Takes out a level that holds no orders any more.
    #[expect(clippy::inline_always, reason = "once a trade")]
    #[inline(always)]
    pub(crate) fn remove(&mut self, pool: &mut Pool, level: u32) {
        let rank = pool.level(level).rank;
        self.strays -= u32::from(pool.is_stray(level));
        pool.remove(level);
        let is_best = rank == self.best_rank;
        if is_best && self.is_apart {
            self.is_apart = false;
        } else if !self.tree.is_on(self.page, rank) {
            self.tree.remove(&mut pool.nodes, rank);
            return;
        } else if !self.tree.unmark(&mut pool.nodes, self.page, rank) {
            self.turn(&pool.nodes);
        }
        if is_best {
            self.find_best(pool);
        }
    }

    /// The first page is gone.
    #[inline(never)]
    fn turn(&mut self, nodes: &Nodes) {
        self.page = self.tree.first_page(nodes);
    }

    /// The best rank is gone.
    #[inline]
    fn find_best(&mut self, pool: &Pool) {
        self.best_rank = self.first_in_tree(&pool.nodes);
        self.best_level = self.level(pool, self.best_rank);
    }

    #[inline]
    fn first_in_tree(&self, nodes: &Nodes) -> i64 {
        if self.tree.is_empty() {
            return NO_RANK;
        }
        self.tree.first_on(nodes, self.page)
    }

    /// Where its tree stands, and whether the best price is apart: what does not follow from the orders.
    pub(crate) fn shape(&self) -> (Option<Anchor>, bool) {
        (self.tree.anchor(), self.is_apart)
    }

    /// Makes an empty ladder one of that shape; false if there is none.
    pub(crate) fn restore(&mut self, pool: &mut Pool, anchor: Option<Anchor>, is_apart: bool) -> bool {
        self.is_apart = is_apart;
        anchor.is_none_or(|anchor| self.tree.restore(&mut pool.nodes, anchor))
    }

    /// The level of a rank that is read back, the best first. [`None`] if there is no room.
    pub(crate) fn level_read(&mut self, pool: &mut Pool, rank: i64) -> Option<u32> {
        if let Some(level) = self.find(pool, rank) {
            return Some(level);
        }
        let is_apart = self.is_apart && self.is_empty();
        if !is_apart && pool.nodes.room() < self.tree.needs(&pool.nodes, rank) {
            return None;
        }
        let level = pool.add(rank, self.owner);
        self.strays += u32::from(pool.is_stray(level));
        if !is_apart {
            self.add(&mut pool.nodes, rank);
        }
        self.note(rank, level);
        Some(level)
    }

    /// Whether what was read back is what a ladder comes to whose tree stood there.
    pub(crate) fn is_sound(&self, pool: &Pool, anchor: Option<Anchor>) -> bool {
        anchor == self.tree.anchor() && self.tree.is_sound(&pool.nodes) && !(self.is_apart && self.is_empty())
    }

    /// The next worse level behind one that holds orders, or [`NIL`].
    pub(crate) fn next(&self, pool: &Pool, level: u32) -> u32 {
        let rank = pool.level(level).rank;
        let next = if self.is_apart && rank == self.best_rank {
            self.first_in_tree(&pool.nodes)
        } else {
            self.tree.next(&pool.nodes, rank)
        };
        self.level(pool, next)
    }

    /// The next better level before one that holds orders, or [`NIL`].
    pub(crate) fn previous(&self, pool: &Pool, level: u32) -> u32 {
        if level == self.best_level {
            return NIL;
        }
        match self.tree.previous(&pool.nodes, pool.level(level).rank) {
            NO_RANK => self.best_level,
            rank => self.level(pool, rank),
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
        self.tree.add(&mut pool.nodes, rank);
        pool.add(rank, self.owner)
    }

    /// As [`Ladder::anchor`].
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
        has_room.then(|| self.level_at(pool, rank))
    }

    /// As [`Ladder::is_sound`].
    pub(crate) fn is_sound(&self, pool: &Pool, anchor: Option<Anchor>) -> bool {
        anchor == self.tree.anchor() && self.tree.is_sound(&pool.nodes)
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
