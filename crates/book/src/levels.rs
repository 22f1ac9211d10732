//! One side of a book.

use pinrail_types::record::BookLevel;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Px, Qty};

use crate::blocks::{Blocks, BlocksCursor};
use crate::window::{WINDOW, Window, WindowCursor};

/// Room for better prices that a window is given when it is moved.
const ROOM: i64 = WINDOW as i64 / 4;
/// A window in which the best price lies further from the start than this is moved.
const LAG_MAX: i64 = WINDOW as i64 / 2;

/// Which side of a book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookSide {
    /// Higher prices are better.
    Bid,
    /// Lower prices are better.
    Ask,
}

/// The levels of one side: those near the touch in a window with a slot for every tick, the others sorted behind it.
///
/// Prices are kept as keys that fall towards the best: the price itself for offers, its negative for bids. No key
/// stands before the window; the sorted ones all stand behind it. The window follows the best price in steps.
///
/// A snapshot shows only so many levels; what lies beyond its worst price is unknown. The **horizon** is the worst
/// price up to which every level is known. Levels beyond it are kept when reported, but are not to be traded
/// against, since better ones that nobody reported may lie between.
#[derive(Debug)]
pub struct Levels {
    window: Window,
    tail: Blocks,
    len: usize,
    len_max: usize,
    /// Keys up to here are known.
    horizon: i64,
    /// No key beyond it is known before the next snapshot, since a level was dropped there.
    horizon_max: i64,
    /// 1 for offers, -1 for bids.
    sign: i64,
    /// Something changed since [`Levels::settle`].
    unsettled: bool,
}

impl Levels {
    /// Most levels that a side can be made for.
    pub const LEVELS_MAX: usize = Blocks::LEVELS_MAX - 1;

    /// An empty side that holds up to `levels_max` levels. Everything is unknown. Takes about 65 KiB and 66 bytes a
    /// level.
    ///
    /// # Panics
    /// If `levels_max` is zero or above [`Levels::LEVELS_MAX`].
    pub fn new(side: BookSide, levels_max: usize) -> Levels {
        assert!(
            (1..=Levels::LEVELS_MAX).contains(&levels_max),
            "a side holds between one level and LEVELS_MAX"
        );
        Levels {
            window: Window::new(),
            // A level is put in before the worst is dropped.
            tail: Blocks::new(levels_max + 1),
            len: 0,
            len_max: levels_max,
            horizon: i64::MIN,
            horizon_max: i64::MAX,
            sign: match side {
                BookSide::Bid => -1,
                BookSide::Ask => 1,
            },
            unsettled: false,
        }
    }

    /// Drops all levels; everything is unknown.
    pub(crate) fn clear(&mut self) {
        self.window.clear();
        self.tail.clear();
        self.len = 0;
        self.horizon = i64::MIN;
        self.horizon_max = i64::MAX;
        self.unsettled = true;
    }

    /// Sets the quantity at a price; zero removes the level. `px` is representable and `qty` not negative.
    ///
    /// Where there is no room, the worst level goes, and with it the knowledge of all that lies from it on.
    #[inline]
    pub(crate) fn set(&mut self, px: Px, qty: Qty) {
        let key = px.0 * self.sign;
        self.unsettled = true;
        let change = if self.window.covers(key) {
            self.window.set(key, qty.0)
        } else {
            self.set_outside(key, qty.0)
        };
        self.len = self.len.wrapping_add_signed(change as isize);
        if self.len > self.len_max {
            self.drop_worst();
        }
    }

    /// Reads what every change touches.
    #[inline]
    pub(crate) fn warm(&self) {
        core::hint::black_box((self.window.base(), self.len, self.horizon));
    }

    /// Reads what [`Levels::set`] at a price will touch, of the window.
    #[inline]
    pub(crate) fn warm_at(&self, px: Px) {
        self.window.warm(px.0.wrapping_mul(self.sign));
    }

    fn set_outside(&mut self, key: i64, qty: i64) -> i64 {
        if key >= self.window.end() {
            return self.tail.set(key, qty);
        }
        if qty == 0 {
            return 0;
        }
        self.move_window(key - ROOM);
        self.window.set(key, qty)
    }

    #[cold]
    fn drop_worst(&mut self) {
        let worst = self.tail.pop_last().or_else(|| self.window.pop_last());
        let (key, _) = worst.expect("a full side has a worst level");
        self.len -= 1;
        self.horizon_max = self.horizon_max.min(key - 1);
        self.horizon = self.horizon.min(self.horizon_max);
    }

    /// Moves the window to `base`, and levels between it and the tail as they now belong. No level is before `base`.
    #[cold]
    fn move_window(&mut self, base: i64) {
        let base = Window::aligned(base);
        let end = base + WINDOW as i64;
        while let Some((key, qty)) = self.window.pop_last() {
            if key < end {
                self.window.set(key, qty);
                break;
            }
            self.tail.set(key, qty);
        }
        self.window.set_base(base);
        while let Some((key, qty)) = self.tail.first().filter(|(key, _)| *key < end) {
            self.tail.pop_first();
            self.window.set(key, qty);
        }
    }

    /// Ends a batch of changes: lets the window follow the best price.
    #[inline]
    pub(crate) fn settle(&mut self) {
        if !core::mem::take(&mut self.unsettled) {
            return;
        }
        match self.window.settle() {
            Some(key) if key - self.window.base() <= LAG_MAX => {}
            best => self.follow(best),
        }
    }

    #[cold]
    fn follow(&mut self, best: Option<i64>) {
        if let Some(key) = best.or(self.tail.first().map(|(key, _)| key)) {
            self.move_window(key - ROOM);
            self.window.settle();
        }
    }

    /// Ends a snapshot, or an update that says how far it knows: what stands here is known, and nothing beyond.
    pub(crate) fn seal(&mut self) {
        let worst = self.tail.last().or_else(|| self.window.last());
        self.horizon = worst.map_or(i64::MIN, |(key, _)| key.min(self.horizon_max));
    }

    /// Goes through the levels, best first, and how far they are known. Where the window stands follows from them.
    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let (mut horizon, mut horizon_max) = (self.horizon, self.horizon_max);
        visitor.signed(&mut horizon)?;
        visitor.signed(&mut horizon_max)?;
        let mut len = self.len;
        visitor.count(&mut len, self.len_max)?;
        if !visitor.is_loading() {
            for mut level in self.iter_reported() {
                visitor.plain(&mut level)?;
            }
            return Ok(());
        }
        self.clear();
        for _ in 0..len {
            let mut level = BookLevel {
                px: Px(0),
                qty: Qty::ZERO,
            };
            visitor.plain(&mut level)?;
            if !level.px.is_representable() || !(1..=Qty::ABS_MAX).contains(&level.qty.0) {
                return Err(visitor.bad(level.qty.0.cast_unsigned(), "a level"));
            }
            self.set(level.px, level.qty);
        }
        self.settle();
        (self.horizon, self.horizon_max) = (horizon, horizon_max);
        Ok(())
    }

    /// How many levels stand here, those beyond the horizon included.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no level stands here.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The best level, unless it lies beyond the horizon.
    #[inline]
    pub fn best(&self) -> Option<BookLevel> {
        self.best_reported().filter(|level| self.knows(level.px))
    }

    /// The best level, known range or not.
    #[inline]
    pub(crate) fn best_reported(&self) -> Option<BookLevel> {
        let (key, qty) = self.window.first().or_else(|| self.tail.first())?;
        Some(self.level(key, qty))
    }

    /// The price of the best level, known range or not, if a batch has ended since it changed.
    #[inline]
    pub(crate) fn best_px_settled(&self) -> Option<Px> {
        let key = self
            .window
            .first_settled()
            .or_else(|| Some(self.tail.first()?.0))?;
        Some(Px(key * self.sign))
    }

    /// Whether a level at `px` would be known.
    #[inline]
    pub fn knows(&self, px: Px) -> bool {
        px.is_representable() && px.0 * self.sign <= self.horizon
    }

    /// The worst price up to which every level is known; `None` if nothing is.
    pub fn horizon(&self) -> Option<Px> {
        (self.horizon != i64::MIN).then(|| Px(self.horizon * self.sign))
    }

    #[inline]
    fn level(&self, key: i64, qty: i64) -> BookLevel {
        BookLevel {
            px: Px(key * self.sign),
            qty: Qty(qty),
        }
    }

    /// Before the best level.
    #[inline]
    pub(crate) fn start(&self) -> Cursor {
        Cursor {
            window: self.window.start(),
            tail: BlocksCursor::default(),
        }
    }

    /// The level behind the cursor, which moves over it: its key, and its quantity.
    #[inline]
    fn next_reported(&self, cursor: &mut Cursor) -> Option<(i64, i64)> {
        if let Some(level) = self.window.next(&mut cursor.window) {
            return Some(level);
        }
        let (level, tail) = self.tail.next(cursor.tail)?;
        cursor.tail = tail;
        Some(level)
    }

    /// As [`Levels::next_reported`], up to the horizon.
    #[inline]
    pub(crate) fn next_known(&self, cursor: &mut Cursor) -> Option<(i64, i64)> {
        self.next_reported(cursor).filter(|(key, _)| *key <= self.horizon)
    }

    /// The known levels, best first.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = BookLevel> + '_ {
        let mut cursor = self.start();
        core::iter::from_fn(move || self.next_known(&mut cursor)).map(|(key, qty)| self.level(key, qty))
    }

    /// Every level that was reported, best first, those beyond the horizon included.
    pub fn iter_reported(&self) -> impl Iterator<Item = BookLevel> + '_ {
        let mut cursor = self.start();
        core::iter::from_fn(move || self.next_reported(&mut cursor)).map(|(key, qty)| self.level(key, qty))
    }
}

/// A place between the levels of a side.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor {
    window: WindowCursor,
    tail: BlocksCursor,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// What a side should be: a map from price, bids first the highest.
    struct Model {
        sign: i64,
        levels: BTreeMap<i64, i64>,
        len_max: usize,
        horizon: Option<i64>,
        horizon_max: i64,
    }

    impl Model {
        fn set(&mut self, px: i64, qty: i64) {
            if qty == 0 {
                self.levels.remove(&(px * self.sign));
            } else {
                self.levels.insert(px * self.sign, qty);
            }
            if self.levels.len() > self.len_max {
                let (worst, _) = self.levels.pop_last().unwrap();
                self.horizon_max = self.horizon_max.min(worst - 1);
                self.horizon = self.horizon.map(|horizon| horizon.min(self.horizon_max));
            }
        }

        fn seal(&mut self) {
            let worst = self.levels.last_key_value().map(|(key, _)| *key);
            self.horizon = worst.map(|key| key.min(self.horizon_max));
        }

        fn reported(&self) -> Vec<(i64, i64)> {
            self.levels
                .iter()
                .map(|(key, qty)| (key * self.sign, *qty))
                .collect()
        }

        fn known(&self) -> Vec<(i64, i64)> {
            let known = self
                .levels
                .iter()
                .filter(|(key, _)| self.horizon.is_some_and(|h| **key <= h));
            known.map(|(key, qty)| (key * self.sign, *qty)).collect()
        }
    }

    fn pairs(levels: impl Iterator<Item = BookLevel>) -> Vec<(i64, i64)> {
        levels.map(|level| (level.px.0, level.qty.0)).collect()
    }

    fn check(levels: &Levels, model: &Model) {
        assert_eq!(pairs(levels.iter_reported()), model.reported());
        assert_eq!(pairs(levels.iter()), model.known());
        assert_eq!(levels.len(), model.levels.len());
        assert_eq!(
            levels.best_reported().map(|l| l.px.0),
            model.reported().first().map(|l| l.0)
        );
        assert_eq!(
            levels.best().map(|l| (l.px.0, l.qty.0)),
            model.known().first().copied()
        );
        assert_eq!(
            levels.horizon(),
            model.horizon.map(|horizon| Px(horizon * model.sign))
        );
        let tail = levels.tail.first().map(|(key, _)| key);
        assert!(
            tail.is_none_or(|key| key >= levels.window.end()),
            "a sorted level before the window's end"
        );
    }

    #[derive(Clone, Debug)]
    enum Op {
        /// At a distance from a touch that drifts.
        Set(i64, i64),
        /// The touch moves.
        Drift(i64),
        /// Every level better than this distance goes.
        Eat(i64),
        Settle,
        Seal,
        Snapshot(Vec<(i64, i64)>),
    }

    fn distance() -> impl Strategy<Value = i64> {
        prop_oneof![
            6 => -20..200_i64,
            3 => -3000..9000_i64,
            1 => -100_000..100_000_i64,
        ]
    }

    fn op() -> impl Strategy<Value = Op> {
        prop_oneof![
            60 => (distance(), 0..3_i64).prop_map(|(at, qty)| Op::Set(at, qty)),
            3 => (-2500..2500_i64).prop_map(Op::Drift),
            1 => (-50_000..50_000_i64).prop_map(Op::Drift),
            1 => (0..20_000_i64).prop_map(Op::Eat),
            15 => Just(Op::Settle),
            5 => Just(Op::Seal),
            1 => prop::collection::vec((distance(), 0..3_i64), 0..40).prop_map(Op::Snapshot),
        ]
    }

    fn apply(levels: &mut Levels, model: &mut Model, touch: &mut i64, op: Op) {
        let sign = model.sign;
        match op {
            Op::Set(at, qty) => {
                levels.set(Px(*touch + at * sign), Qty(qty));
                model.set(*touch + at * sign, qty);
            }
            Op::Drift(by) => *touch += by,
            Op::Eat(depth) => {
                let eaten: Vec<i64> = model
                    .reported()
                    .iter()
                    .map(|(px, _)| *px)
                    .filter(|px| (px - *touch) * sign < depth)
                    .collect();
                for px in eaten {
                    levels.set(Px(px), Qty(0));
                    model.set(px, 0);
                }
            }
            Op::Settle => levels.settle(),
            Op::Seal => {
                levels.seal();
                model.seal();
            }
            Op::Snapshot(image) => {
                levels.clear();
                model.levels.clear();
                (model.horizon, model.horizon_max) = (None, i64::MAX);
                for (at, qty) in image {
                    levels.set(Px(*touch + at * sign), Qty(qty));
                    model.set(*touch + at * sign, qty);
                }
                levels.seal();
                model.seal();
            }
        }
    }

    proptest! {
        #[test]
        fn a_side_is_what_a_map_with_a_bound_and_a_horizon_is(
            ops in prop::collection::vec(op(), 1..400),
            start in prop_oneof![Just(0_i64), Just(6_180_000), Just(Px::ABS_MAX - 200_000), Just(200_000 - Px::ABS_MAX)],
            len_max in prop_oneof![1..20_usize, Just(200), Just(4096)],
            is_bid: bool,
        ) {
            let side = if is_bid { BookSide::Bid } else { BookSide::Ask };
            let mut levels = Levels::new(side, len_max);
            let mut model = Model {
                sign: if is_bid { -1 } else { 1 },
                levels: BTreeMap::new(),
                len_max,
                horizon: None,
                horizon_max: i64::MAX,
            };
            let mut touch = start;
            for op in ops {
                if !(-Px::ABS_MAX + 150_000..Px::ABS_MAX - 150_000).contains(&touch) {
                    touch = start;
                }
                apply(&mut levels, &mut model, &mut touch, op);
                check(&levels, &model);
            }
        }
    }

    #[test]
    fn the_window_follows_the_best_price_and_ends_where_the_sorted_levels_begin() {
        let mut asks = Levels::new(BookSide::Ask, 16);
        let second = 10_000;
        let end = Window::aligned(second - ROOM) + WINDOW as i64;
        let all = [0, second, end - 1, end, end + 1];
        for px in all {
            asks.set(Px(px), Qty(1));
        }
        assert!(!asks.window.covers(second));
        asks.set(Px(0), Qty(0));
        asks.settle();
        assert_eq!((asks.window.end(), asks.tail.first()), (end, Some((end, 1))));
        assert_eq!(
            pairs(asks.iter_reported()),
            all[1..].iter().map(|px| (*px, 1)).collect::<Vec<_>>()
        );
        // Back again: what lies behind the window's new end leaves it.
        asks.set(Px(0), Qty(1));
        assert!(asks.window.covers(0) && asks.tail.first() == Some((second, 1)));
        assert_eq!(pairs(asks.iter_reported()), all.map(|px| (px, 1)));
    }

    #[test]
    fn a_full_side_drops_its_worst_and_forgets_what_lies_there() {
        let mut bids = Levels::new(BookSide::Bid, 2);
        bids.set(Px(100), Qty(1));
        bids.set(Px(90), Qty(1));
        bids.seal();
        assert_eq!(bids.horizon(), Some(Px(90)));
        bids.set(Px(95), Qty(1));
        assert_eq!(bids.horizon(), Some(Px(91)));
        assert_eq!(pairs(bids.iter()), [(100, 1), (95, 1)]);
        assert!(bids.knows(Px(91)) && !bids.knows(Px(90)) && !bids.knows(Px::NONE));
    }
}
