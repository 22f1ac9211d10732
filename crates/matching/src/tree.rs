//! The prices that lie far from the touch: a tree that is only as high as they lie apart.

use crate::level::NIL;

const BITS: u32 = 6;
const FANOUT: usize = 1 << BITS;
const DIGIT: u64 = FANOUT as u64 - 1;
/// Most inner nodes above one leaf: keys of leaves lie within 2^48 of one another, which is eight digits, and a carry.
pub(crate) const HEIGHT_MAX: usize = 9;
/// All digits in their middle: the key of the leaf that a tree was begun with, so that prices may go either way for long
/// before it has to grow.
const MIDDLE: u64 = 32 * (((1 << 60) - 1) / DIGIT);

/// A node of any tree: which children it has, and they: nodes below it, or levels below a leaf.
#[derive(Clone, Copy, Debug)]
struct Node {
    bits: u64,
    children: [u32; FANOUT],
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
            children: [NIL; FANOUT],
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

    fn put(&mut self, node: u32, digit: usize, child: u32) {
        let node = &mut self.nodes[node as usize];
        node.bits |= 1 << digit;
        node.children[digit] = child;
    }

    fn child(&self, node: u32, digit: usize) -> Option<u32> {
        let node = &self.nodes[node as usize];
        (node.bits >> digit & 1 == 1).then(|| node.children[digit])
    }
}

/// What of a tree does not follow from its levels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    pub(crate) bias: u64,
    pub(crate) height: u32,
}

/// Levels by rank, in order. Where it is empty it holds no node.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    root: u32,
    /// Of inner nodes above the leaves.
    height: u32,
    /// What is above the root's digits in every leaf's key.
    prefix: u64,
    /// Added to a rank's leaf to make its key.
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

    /// What it was begun with and how high it is, which tells how many nodes the same levels take; [`None`] if it is empty.
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
            prefix: MIDDLE >> (BITS * anchor.height),
            bias: anchor.bias,
        };
        true
    }

    /// How many nodes a level of a rank that has none will take.
    pub(crate) fn needs(&self, nodes: &Nodes, rank: i64) -> usize {
        if self.is_empty() {
            return 1;
        }
        let (_, key) = self.split(rank);
        let (mut height, mut prefix) = (self.height, self.prefix);
        while key >> (BITS * height) != prefix {
            prefix >>= BITS;
            height += 1;
        }
        let roots = (height - self.height) as usize;
        if roots > 0 {
            return roots + height as usize;
        }
        let mut at = self.root;
        for height in (0..self.height).rev() {
            match nodes.child(at, Tree::digit(key, height)) {
                Some(child) => at = child,
                None => return height as usize + 1,
            }
        }
        0
    }

    /// The digit of a rank in its leaf, and the leaf's key.
    #[inline]
    fn split(&self, rank: i64) -> (usize, u64) {
        let key = (rank >> BITS).cast_unsigned().wrapping_add(self.bias);
        ((rank.cast_unsigned() & DIGIT) as usize, key)
    }

    fn digit(key: u64, height: u32) -> usize {
        (key >> (BITS * height) & DIGIT) as usize
    }

    fn leaf(&self, nodes: &Nodes, key: u64) -> Option<u32> {
        if self.is_empty() || key >> (BITS * self.height) != self.prefix {
            return None;
        }
        let mut at = self.root;
        for height in (0..self.height).rev() {
            at = nodes.child(at, Tree::digit(key, height))?;
        }
        Some(at)
    }

    /// The level of a rank.
    pub(crate) fn find(&self, nodes: &Nodes, rank: i64) -> Option<u32> {
        let (digit, key) = self.split(rank);
        nodes.child(self.leaf(nodes, key)?, digit)
    }

    /// Adds a level of a rank that has none. There is room.
    pub(crate) fn add(&mut self, nodes: &mut Nodes, rank: i64, level: u32) {
        if self.is_empty() {
            self.bias = MIDDLE.wrapping_sub((rank >> BITS).cast_unsigned());
            self.root = nodes.add();
            (self.height, self.prefix) = (0, MIDDLE);
        }
        let (digit, key) = self.split(rank);
        while key >> (BITS * self.height) != self.prefix {
            let root = nodes.add();
            nodes.put(root, (self.prefix & DIGIT) as usize, self.root);
            self.root = root;
            self.prefix >>= BITS;
            self.height += 1;
        }
        let mut at = self.root;
        for height in (0..self.height).rev() {
            let digit = Tree::digit(key, height);
            at = nodes.child(at, digit).unwrap_or_else(|| {
                let child = nodes.add();
                nodes.put(at, digit, child);
                child
            });
        }
        nodes.put(at, digit, level);
    }

    /// Takes out the level of a rank that has one.
    pub(crate) fn remove(&mut self, nodes: &mut Nodes, rank: i64) {
        let (digit, key) = self.split(rank);
        let mut path = [NIL; HEIGHT_MAX + 1];
        path[self.height as usize] = self.root;
        for height in (0..self.height as usize).rev() {
            let above = &nodes.nodes[path[height + 1] as usize];
            path[height] = above.children[Tree::digit(key, height as u32)];
        }
        let mut digit = digit;
        for (height, &at) in path[..=self.height as usize].iter().enumerate() {
            let node = &mut nodes.nodes[at as usize];
            node.bits &= !(1 << digit);
            if node.bits != 0 {
                return;
            }
            nodes.free.push(at);
            digit = Tree::digit(key, height as u32);
        }
        *self = Tree::EMPTY;
    }

    /// Takes out the level of the lowest rank. It is not empty.
    pub(crate) fn pop_first(&mut self, nodes: &mut Nodes) -> u32 {
        let mut path = [NIL; HEIGHT_MAX + 1];
        let mut at = self.root;
        for height in (0..=self.height as usize).rev() {
            path[height] = at;
            let node = &nodes.nodes[at as usize];
            at = node.children[lowest(node.bits)];
        }
        for &node in &path[..=self.height as usize] {
            let bits = &mut nodes.nodes[node as usize].bits;
            *bits &= *bits - 1;
            if *bits != 0 {
                return at;
            }
            nodes.free.push(node);
        }
        *self = Tree::EMPTY;
        at
    }

    /// The level of the lowest rank; [`NIL`] if there is none.
    pub(crate) fn first(&self, nodes: &Nodes) -> u32 {
        if self.is_empty() {
            return NIL;
        }
        Tree::end_below(nodes, self.root, self.height, lowest)
    }

    /// The level of the next higher rank behind any; [`NIL`] if there is none.
    pub(crate) fn next(&self, nodes: &Nodes, rank: i64) -> u32 {
        self.beside(nodes, rank, above, lowest)
    }

    /// The level of the next lower rank before any that has a level; [`NIL`] if there is none.
    pub(crate) fn previous(&self, nodes: &Nodes, rank: i64) -> u32 {
        self.beside(nodes, rank, below, highest)
    }

    /// The first or last level below a node of that height.
    fn end_below(nodes: &Nodes, mut at: u32, height: u32, end: fn(u64) -> usize) -> u32 {
        for _ in 0..=height {
            let node = &nodes.nodes[at as usize];
            at = node.children[end(node.bits)];
        }
        at
    }

    /// The next level on one side of a rank that has one.
    fn beside(&self, nodes: &Nodes, rank: i64, side: fn(u64, usize) -> u64, end: fn(u64) -> usize) -> u32 {
        if self.is_empty() {
            return NIL;
        }
        let (digit, key) = self.split(rank);
        // The lowest node on the way down that has a child on that side.
        let (mut at, mut found) = (self.root, None);
        for height in (0..=self.height).rev() {
            let digit = match height {
                0 => digit,
                _ => Tree::digit(key, height - 1),
            };
            let node = &nodes.nodes[at as usize];
            let there = side(node.bits, digit);
            if there != 0 {
                found = Some((node.children[end(there)], height));
            }
            at = node.children[digit];
        }
        match found {
            None => NIL,
            Some((level, 0)) => level,
            Some((child, height)) => Tree::end_below(nodes, child, height - 1, end),
        }
    }
}

/// The highest bit.
fn highest(bits: u64) -> usize {
    63 - bits.leading_zeros() as usize
}

/// The lowest bit.
fn lowest(bits: u64) -> usize {
    bits.trailing_zeros() as usize
}

/// The bits above one.
fn above(bits: u64, bit: usize) -> u64 {
    bits & (!1 << bit)
}

/// The bits below one.
fn below(bits: u64, bit: usize) -> u64 {
    bits & ((1 << bit) - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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

    fn check(tree: &Tree, nodes: &Nodes, model: &BTreeMap<i64, u32>) {
        assert_eq!(tree.is_empty(), model.is_empty());
        assert_eq!(
            tree.first(nodes),
            model.first_key_value().map_or(NIL, |(_, level)| *level)
        );
        let ranks: Vec<i64> = model.keys().copied().collect();
        for (at, rank) in ranks.iter().enumerate() {
            assert_eq!(tree.find(nodes, *rank), Some(model[rank]));
            let level = |at: Option<usize>| at.and_then(|at| ranks.get(at)).map_or(NIL, |rank| model[rank]);
            assert_eq!(tree.next(nodes, *rank), level(Some(at + 1)));
            assert_eq!(tree.previous(nodes, *rank), level(at.checked_sub(1)));
        }
    }

    proptest! {
        #[test]
        fn a_tree_is_a_sorted_map(ops in prop::collection::vec((ranks(), any::<bool>()), 1..400), offset in ranks()) {
            let mut nodes = Nodes::new(NODES);
            let mut tree = Tree::EMPTY;
            let mut model = BTreeMap::new();
            let mut level = 0;
            for (rank, adds) in ops {
                let rank = (rank + offset / 2).clamp(-(1 << 52), 1 << 52);
                let found = tree.find(&nodes, rank);
                prop_assert_eq!(found, model.get(&rank).copied());
                if found.is_some() && !adds {
                    model.remove(&rank);
                    tree.remove(&mut nodes, rank);
                } else if found.is_none() && adds && nodes.room() > 2 * HEIGHT_MAX {
                    level += 1;
                    model.insert(rank, level);
                    tree.add(&mut nodes, rank, level);
                }
                check(&tree, &nodes, &model);
            }
            for rank in model.into_keys() {
                tree.remove(&mut nodes, rank);
            }
            prop_assert!(tree.is_empty());
            prop_assert_eq!(nodes.room(), NODES);
        }
    }

    #[test]
    fn a_tree_is_no_higher_than_its_prices_lie_apart() {
        let mut nodes = Nodes::new(NODES);
        let mut tree = Tree::EMPTY;
        tree.add(&mut nodes, 1_000_000, 1);
        assert_eq!((tree.height, nodes.room()), (0, NODES - 1));
        tree.add(&mut nodes, 1_000_000 + 30 * 64, 2);
        tree.add(&mut nodes, 1_000_000 - 30 * 64, 3);
        assert_eq!((tree.height, nodes.room()), (1, NODES - 4));
    }
}
