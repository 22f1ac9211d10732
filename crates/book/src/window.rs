//! The levels near the touch: a slot for every tick.

/// Ticks in the window. A power of two, and a multiple of the 64 ticks that share a word of bits.
pub(crate) const WINDOW: usize = 8192;

const WORD: i64 = 64;
/// The start of a window that is nowhere: no price's distance to it is within the window.
const NOWHERE: i64 = 1 << 62;

/// Quantities by tick for the keys from `base` up to `base + WINDOW`, and a bit for each that is not zero.
///
/// A key's slot is the key modulo the size, so that a window that moves leaves everything that stays in its place.
#[derive(Debug)]
pub(crate) struct Window {
    /// Meaningful where the bit is set.
    qtys: Box<[i64; WINDOW]>,
    bits: Box<[u64; WINDOW / 64]>,
    /// A multiple of 64.
    base: i64,
    /// No level has a key below this; it is at least `base`.
    floor: i64,
}

const fn slot(key: i64) -> usize {
    key as usize % WINDOW
}

const fn word(key: i64) -> usize {
    slot(key) / 64
}

impl Window {
    pub(crate) fn new() -> Window {
        Window {
            // Not zero: memory that was never written would fault when a level first lands there.
            qtys: vec![-1; WINDOW].try_into().expect("as many as the array has"),
            bits: Box::new([0; WINDOW / 64]),
            base: NOWHERE,
            floor: NOWHERE,
        }
    }

    /// Reads what [`Window::set`] at a key will touch.
    #[inline]
    pub(crate) fn warm(&self, key: i64) {
        core::hint::black_box((self.bits[word(key)], self.qtys[slot(key)]));
    }

    pub(crate) fn clear(&mut self) {
        self.bits.fill(0);
        self.base = NOWHERE;
        self.floor = NOWHERE;
    }

    #[inline]
    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    /// The first key behind the window.
    #[inline]
    pub(crate) fn end(&self) -> i64 {
        self.base + WINDOW as i64
    }

    #[inline]
    pub(crate) fn covers(&self, key: i64) -> bool {
        (key.wrapping_sub(self.base) as u64) < WINDOW as u64
    }

    /// Sets the quantity at a key that the window covers; returns by how much the number of levels changed. No
    /// branch: what comes next in a stream of changes cannot be foreseen.
    #[inline]
    pub(crate) fn set(&mut self, key: i64, qty: i64) -> i64 {
        let mask = 1 << (key as u64 % 64);
        let bits = &mut self.bits[word(key)];
        let before = i64::from(*bits & mask != 0);
        let now = i64::from(qty != 0);
        *bits = (*bits & !mask) | (mask & now.wrapping_neg() as u64);
        self.qtys[slot(key)] = qty;
        self.floor = self.floor.min(key);
        now - before
    }

    /// The best level.
    #[inline]
    pub(crate) fn first(&self) -> Option<(i64, i64)> {
        self.next(&mut self.start())
    }

    /// Finds the best level, so that later reads start there.
    #[inline]
    pub(crate) fn settle(&mut self) -> Option<i64> {
        let first = self.next_key(&mut self.start());
        self.floor = first.unwrap_or(self.end());
        first
    }

    /// The best key, if nothing changed since [`Window::settle`]: known without a look at the levels.
    #[inline]
    pub(crate) fn first_settled(&self) -> Option<i64> {
        self.covers(self.floor).then_some(self.floor)
    }

    /// The worst level.
    pub(crate) fn last(&self) -> Option<(i64, i64)> {
        let mut starts = (0..WINDOW as i64 / WORD).rev().map(|i| self.base + i * WORD);
        let start = starts.find(|start| self.bits[word(*start)] != 0)?;
        let key = start + i64::from(self.bits[word(start)].ilog2());
        Some((key, self.qtys[slot(key)]))
    }

    /// Takes out the worst level.
    pub(crate) fn pop_last(&mut self) -> Option<(i64, i64)> {
        let last = self.last()?;
        self.set(last.0, 0);
        Some(last)
    }

    /// Moves the window to `base`, a multiple of 64. Its levels all lie in the new range too.
    pub(crate) fn set_base(&mut self, base: i64) {
        self.base = base;
        self.floor = base;
    }

    /// Where a window starts that is asked to start at `base`.
    pub(crate) fn aligned(base: i64) -> i64 {
        base & !(WORD - 1)
    }

    /// Before the best level.
    #[inline]
    pub(crate) fn start(&self) -> WindowCursor {
        let start = Window::aligned(self.floor);
        let bits = if self.covers(start) {
            self.bits[word(start)]
        } else {
            0
        };
        WindowCursor { start, bits }
    }

    /// The level behind the cursor, which moves over it.
    #[inline]
    pub(crate) fn next(&self, cursor: &mut WindowCursor) -> Option<(i64, i64)> {
        let key = self.next_key(cursor)?;
        Some((key, self.qtys[slot(key)]))
    }

    #[inline]
    fn next_key(&self, cursor: &mut WindowCursor) -> Option<i64> {
        while cursor.bits == 0 {
            if cursor.start >= self.end() - WORD {
                return None;
            }
            cursor.start += WORD;
            cursor.bits = self.bits[word(cursor.start)];
        }
        let key = cursor.start + i64::from(cursor.bits.trailing_zeros());
        cursor.bits &= cursor.bits - 1;
        Some(key)
    }
}

/// A place between levels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WindowCursor {
    /// Key of the first bit of the word that is being walked.
    start: i64,
    /// What is left of that word.
    bits: u64,
}
