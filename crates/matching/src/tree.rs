//! The prices that hold orders: a tree of bits that is only as high as they lie apart.

use crate::level::{NIL, NO_RANK};

const BITS: u32 = 6;
const FANOUT: usize = 1 << BITS;
const DIGIT: u64 = FANOUT as u64 - 1;
/// Most inner nodes above one leaf: keys lie within 2^48 of one another, which is eight digits, and a carry; the lowest is the
/// leaf's.
pub(crate) const HEIGHT_MAX: usize = 8;
/// All digits in their middle: the key of the word that a tree was begun with, so that prices may go either way for long
/// before it has to grow.
const MIDDLE: u64 = 32 * (((1 << 60) - 1) / DIGIT);

/// The word that has a rank's bit: 64 neighbours share one.
#[inline]
const fn word_of(rank: i64) -> i64 {
    rank >> BITS
}

/// A rank's bit in its word.
#[inline]
const fn bit_of(rank: i64) -> usize {
    (rank.cast_unsigned() & DIGIT) as usize
}

/// The rank that has a bit of a word.
#[inline]
const fn rank_at(word: i64, bit: usize) -> i64 {
    word << BITS | bit as i64
}

/// A node of any tree: which children it has, and they: nodes below it, or words below a leaf. A word that it has not is zero.
#[derive(Clone, Copy, Debug)]
struct Node {
    bits: u64,
    children: [u64; FANOUT],
}

/// The nodes of all trees.
#[derive(Debug)]
pub(crate) struct Nodes {
    nodes: Box<[Node]>,
    free: Vec<u32>,
}

impl Nodes {
    pub(crate) fn new(nodes: usize) -> Nodes {
        // Not zero: memory that was never written would fault when it is first used.
        let none = Node {
            bits: !0,
            children: [0; FANOUT],
        };
        Nodes {
            nodes: vec![none; nodes].into_boxed_slice(),
            free: (0..u32::try_from(nodes).expect("a bound of 32 bits"))
                .rev()
                .collect(),
        }
    }

    /// How many more there is room for.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.free.len()
    }

    fn add(&mut self) -> u32 {
        let node = self.free.pop().expect("room was looked for");
        self.nodes[node as usize].bits = 0;
        node
    }

    fn node(&self, node: u64) -> &Node {
        &self.nodes[node as usize]
    }

    /// Adds ranks of a word below a leaf.
    #[inline]
    fn mark(&mut self, leaf: u32, digit: usize, bits: u64) {
        let node = &mut self.nodes[leaf as usize];
        node.bits |= 1 << digit;
        node.children[digit] |= bits;
    }

    /// Takes out a rank of a word below a leaf: whether the leaf has another.
    #[inline]
    fn unmark(&mut self, leaf: u32, digit: usize, bit: usize) -> bool {
        let node = &mut self.nodes[leaf as usize];
        let word = node.children[digit] & !(1 << bit);
        node.children[digit] = word;
        node.bits &= !(u64::from(word == 0) << digit);
        node.bits != 0
    }

    fn put(&mut self, node: u32, digit: usize, child: u64) {
        let node = &mut self.nodes[node as usize];
        node.bits |= 1 << digit;
        node.children[digit] = child;
    }

    fn child(&self, node: u32, digit: usize) -> Option<u64> {
        let node = &self.nodes[node as usize];
        (node.bits >> digit & 1 == 1).then(|| node.children[digit])
    }
}

/// A leaf of a tree, and what stands above its digits in the keys of its words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    key: u64,
    leaf: u32,
}

impl Page {
    /// No rank is on it.
    pub(crate) const NONE: Page = Page {
        key: u64::MAX,
        leaf: NIL,
    };

    /// Whether its ranks are lower; all are before none.
    #[inline]
    pub(crate) fn is_before(self, other: Page) -> bool {
        self.key < other.key
    }
}

/// What of a tree does not follow from its ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) bias: u64,
    pub(crate) height: u32,
}

/// Ranks in order. Where it is empty it holds no node.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    root: u32,
    /// Of inner nodes above the leaves.
    height: u32,
    /// What is above the root's digits in every word's key.
    prefix: u64,
    /// Added to a word to make its key.
    bias: u64,
}

impl Tree {
    pub(crate) const EMPTY: Tree = Tree {
        root: NIL,
        height: 0,
        prefix: 0,
        bias: 0,
    };

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.root == NIL
    }

    /// Whether there is a rank below its root, if it has one. One that was restored has none at first.
    pub(crate) fn is_sound(&self, nodes: &Nodes) -> bool {
        self.is_empty() || nodes.node(self.root.into()).bits != 0
    }

    /// What it was begun with and how high it is, which tells how many nodes the same ranks take; [`None`] if it is empty.
    pub(crate) fn anchor(&self) -> Option<Anchor> {
        (!self.is_empty()).then_some(Anchor {
            bias: self.bias,
            height: self.height,
        })
    }

    /// Makes an empty tree one that was begun so and holds nothing yet; false if there is no such tree, or no room.
    pub(crate) fn restore(&mut self, nodes: &mut Nodes, anchor: Anchor) -> bool {
        let begun_at = MIDDLE.wrapping_sub(anchor.bias).cast_signed();
        if begun_at.unsigned_abs() > 1 << 47 || anchor.height as usize > HEIGHT_MAX || nodes.room() == 0 {
            return false;
        }
        *self = Tree {
            root: nodes.add(),
            height: anchor.height,
            prefix: MIDDLE >> (BITS * (anchor.height + 1)),
            bias: anchor.bias,
        };
        true
    }

    /// How many nodes a rank will take.
    pub(crate) fn needs(&self, nodes: &Nodes, rank: i64) -> usize {
        if self.is_empty() {
            return 1;
        }
        let key = self.key(word_of(rank));
        let (mut height, mut prefix) = (self.height, self.prefix);
        while key >> (BITS * (height + 1)) != prefix {
            prefix >>= BITS;
            height += 1;
        }
        let roots = (height - self.height) as usize;
        if roots > 0 {
            return roots + height as usize;
        }
        let mut at = self.root;
        for height in (1..=self.height).rev() {
            match nodes.child(at, Tree::digit(key, height)) {
                Some(child) => at = child as u32,
                None => return height as usize,
            }
        }
        0
    }

    #[inline]
    fn key(&self, word: i64) -> u64 {
        word.cast_unsigned().wrapping_add(self.bias)
    }

    #[inline]
    fn rank(&self, key: u64, bit: usize) -> i64 {
        rank_at(key.wrapping_sub(self.bias).cast_signed(), bit)
    }

    fn digit(key: u64, height: u32) -> usize {
        (key >> (BITS * height) & DIGIT) as usize
    }

    /// Whether a rank is on a page, or would be.
    #[inline]
    pub(crate) fn is_on(&self, page: Page, rank: i64) -> bool {
        self.key(word_of(rank)) >> BITS == page.key
    }

    /// Adds a rank that is on a page.
    #[inline]
    pub(crate) fn mark(&self, nodes: &mut Nodes, page: Page, rank: i64) {
        let digit = Tree::digit(self.key(word_of(rank)), 0);
        nodes.mark(page.leaf, digit, 1 << bit_of(rank));
    }

    /// Takes out a rank that is on a page: whether the page is still there.
    #[inline]
    pub(crate) fn unmark(&mut self, nodes: &mut Nodes, page: Page, rank: i64) -> bool {
        let key = self.key(word_of(rank));
        let is_there = nodes.unmark(page.leaf, Tree::digit(key, 0), bit_of(rank));
        if !is_there {
            self.drop_leaf(nodes, key);
        }
        is_there
    }

    /// The lowest rank on a page.
    #[inline]
    pub(crate) fn first_on(&self, nodes: &Nodes, page: Page) -> i64 {
        let node = nodes.node(page.leaf.into());
        let digit = lowest(node.bits);
        self.rank(page.key << BITS | digit as u64, lowest(node.children[digit]))
    }

    /// The page of the lowest rank; [`Page::NONE`] if there is none.
    pub(crate) fn first_page(&self, nodes: &Nodes) -> Page {
        if self.is_empty() {
            return Page::NONE;
        }
        let (mut leaf, mut key) = (self.root, self.prefix);
        for _ in 0..self.height {
            let node = nodes.node(leaf.into());
            let digit = lowest(node.bits);
            key = key << BITS | digit as u64;
            leaf = node.children[digit] as u32;
        }
        Page { key, leaf }
    }

    /// Adds a rank: its page. There is room.
    pub(crate) fn add(&mut self, nodes: &mut Nodes, rank: i64) -> Page {
        if self.is_empty() {
            *self = Tree {
                root: nodes.add(),
                height: 0,
                prefix: MIDDLE >> BITS,
                bias: MIDDLE.wrapping_sub(word_of(rank).cast_unsigned()),
            };
        }
        let key = self.key(word_of(rank));
        while key >> (BITS * (self.height + 1)) != self.prefix {
            let root = nodes.add();
            nodes.put(root, (self.prefix & DIGIT) as usize, self.root.into());
            self.root = root;
            self.prefix >>= BITS;
            self.height += 1;
        }
        let mut at = self.root;
        for height in (1..=self.height).rev() {
            let digit = Tree::digit(key, height);
            at = if let Some(child) = nodes.child(at, digit) {
                child as u32
            } else {
                let child = nodes.add();
                nodes.put(at, digit, child.into());
                child
            };
        }
        let page = Page {
            key: key >> BITS,
            leaf: at,
        };
        self.mark(nodes, page, rank);
        page
    }

    /// The nodes above a key that is in the tree, by height.
    fn path(&self, nodes: &Nodes, key: u64) -> [u32; HEIGHT_MAX + 1] {
        let mut path = [NIL; HEIGHT_MAX + 1];
        path[self.height as usize] = self.root;
        for height in (1..=self.height).rev() {
            let above = nodes.node(path[height as usize].into());
            path[height as usize - 1] = above.children[Tree::digit(key, height)] as u32;
        }
        path
    }

    /// Takes out a rank that is in it.
    pub(crate) fn remove(&mut self, nodes: &mut Nodes, rank: i64) {
        let key = self.key(word_of(rank));
        let [leaf, ..] = self.path(nodes, key);
        if !nodes.unmark(leaf, Tree::digit(key, 0), bit_of(rank)) {
            self.drop_leaf(nodes, key);
        }
    }

    /// A leaf has no rank left.
    #[inline(never)]
    fn drop_leaf(&mut self, nodes: &mut Nodes, key: u64) {
        let path = self.path(nodes, key);
        nodes.free.push(path[0]);
        for height in 1..=self.height {
            let at = path[height as usize];
            let node = &mut nodes.nodes[at as usize];
            let digit = Tree::digit(key, height);
            node.bits &= !(1 << digit);
            node.children[digit] = 0;
            if node.bits != 0 {
                return;
            }
            nodes.free.push(at);
        }
        *self = Tree::EMPTY;
    }

    /// The lowest rank; [`NO_RANK`] if there is none.
    pub(crate) fn first(&self, nodes: &Nodes) -> i64 {
        if self.is_empty() {
            return NO_RANK;
        }
        let digit = lowest(nodes.node(self.root.into()).bits);
        self.end_of(nodes, self.root.into(), self.height, digit, self.prefix, lowest)
    }

    /// The next higher rank behind one that is in it; [`NO_RANK`] if there is none.
    pub(crate) fn next(&self, nodes: &Nodes, rank: i64) -> i64 {
        self.beside(nodes, rank, above, lowest)
    }

    /// The next lower rank before one that is in it; [`NO_RANK`] if there is none.
    pub(crate) fn previous(&self, nodes: &Nodes, rank: i64) -> i64 {
        self.beside(nodes, rank, below, highest)
    }

    /// The first or last rank below a node's child; `prefix` is what stands above the child's digit.
    fn end_of(
        &self,
        nodes: &Nodes,
        mut at: u64,
        height: u32,
        mut digit: usize,
        mut prefix: u64,
        end: fn(u64) -> usize,
    ) -> i64 {
        for _ in 0..height {
            prefix = prefix << BITS | digit as u64;
            at = nodes.node(at).children[digit];
            digit = end(nodes.node(at).bits);
        }
        let word = nodes.node(at).children[digit];
        self.rank(prefix << BITS | digit as u64, end(word))
    }

    /// The next rank on one side of one that is in it.
    fn beside(&self, nodes: &Nodes, rank: i64, side: fn(u64, usize) -> u64, end: fn(u64) -> usize) -> i64 {
        let key = self.key(word_of(rank));
        let path = self.path(nodes, key);
        let word = nodes.node(path[0].into()).children[Tree::digit(key, 0)];
        let there = side(word, bit_of(rank));
        if there != 0 {
            return self.rank(key, end(there));
        }
        for height in 0..=self.height {
            let at = path[height as usize].into();
            let there = side(nodes.node(at).bits, Tree::digit(key, height));
            if there != 0 {
                return self.end_of(nodes, at, height, end(there), key >> (BITS * (height + 1)), end);
            }
        }
        NO_RANK
    }
}

/// The highest bit.
#[inline]
fn highest(bits: u64) -> usize {
    63 - bits.leading_zeros() as usize
}

/// The lowest bit.
#[inline]
fn lowest(bits: u64) -> usize {
    bits.trailing_zeros() as usize
}

/// The bits above one.
#[inline]
fn above(bits: u64, bit: usize) -> u64 {
    bits & (!1 << bit)
}

/// The bits below one.
#[inline]
fn below(bits: u64, bit: usize) -> u64 {
    bits & ((1 << bit) - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const NODES: usize = 64;

    fn ranks() -> impl Strategy<Value = i64> {
        prop_oneof![
            6 => -200..200_i64,
            3 => -20_000..20_000_i64,
            2 => -(1 << 52)..(1_i64 << 52),
            1 => Just(1 << 52),
            1 => Just(-(1 << 52)),
        ]
    }

    fn check(tree: &Tree, nodes: &Nodes, model: &BTreeSet<i64>) {
        assert_eq!(tree.is_empty(), model.is_empty());
        assert_eq!(tree.first(nodes), model.first().copied().unwrap_or(NO_RANK));
        let ranks: Vec<i64> = model.iter().copied().collect();
        for (at, rank) in ranks.iter().enumerate() {
            let there = |at: Option<usize>| at.and_then(|at| ranks.get(at)).copied().unwrap_or(NO_RANK);
            assert_eq!(tree.next(nodes, *rank), there(Some(at + 1)));
            assert_eq!(tree.previous(nodes, *rank), there(at.checked_sub(1)));
        }
    }

    proptest! {
        #[test]
        fn a_tree_is_a_sorted_set(ops in prop::collection::vec((ranks(), 0..5_u8), 1..400), offset in ranks()) {
            let mut nodes = Nodes::new(NODES);
            let mut tree = Tree::EMPTY;
            let mut model = BTreeSet::new();
            for (rank, op) in ops {
                let rank = (rank + offset / 2).clamp(-(1 << 52), 1 << 52);
                let (room, page) = (nodes.room(), tree.first_page(&nodes));
                let needs = tree.needs(&nodes, rank);
                match op {
                    0 if model.remove(&rank) => tree.remove(&mut nodes, rank),
                    1 | 2 => if let Some(first) = model.pop_first() {
                        prop_assert!(tree.is_on(page, first));
                        prop_assert_eq!(tree.first_on(&nodes, page), first);
                        let is_there = tree.unmark(&mut nodes, page, first);
                        prop_assert_eq!(is_there, tree.is_on(tree.first_page(&nodes), first));
                    },
                    3 if tree.is_on(page, rank) => {
                        prop_assert_eq!(needs, 0);
                        model.insert(rank);
                        tree.mark(&mut nodes, page, rank);
                    }
                    _ if needs <= room => {
                        model.insert(rank);
                        let page = tree.add(&mut nodes, rank);
                        prop_assert!(tree.is_on(page, rank) && !tree.is_on(Page::NONE, rank));
                        prop_assert_eq!(nodes.room(), room - needs);
                    }
                    _ => {}
                }
                prop_assert!(needs <= 2 * HEIGHT_MAX);
                check(&tree, &nodes, &model);
            }
            for rank in model {
                tree.remove(&mut nodes, rank);
            }
            prop_assert!(tree.is_empty());
            prop_assert_eq!(nodes.room(), NODES);
            prop_assert!(nodes.nodes.iter().all(|node| node.children == [0; FANOUT]));
        }
    }

    #[test]
    fn a_tree_is_no_higher_than_its_prices_lie_apart() {
        let mut nodes = Nodes::new(NODES);
        let mut tree = Tree::EMPTY;
        tree.add(&mut nodes, 1_000_000);
        tree.add(&mut nodes, 1_000_000 + 30 * 64);
        assert_eq!((tree.height, nodes.room()), (0, NODES - 1));
        tree.add(&mut nodes, 1_000_000 + 30 * 4096);
        tree.add(&mut nodes, 1_000_000 - 30 * 4096);
        assert_eq!((tree.height, nodes.room()), (1, NODES - 4));
    }
}
