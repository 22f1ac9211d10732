//! How far an instrument's reference moved within a window.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{E8, Px};

/// Samples that are kept of a window.
pub(crate) const SAMPLES: usize = 16;

/// The reference at times at least a sixteenth of the window apart, as the window was then, none older than the window when
/// the last was taken, and the lowest and highest that may be quoted at now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference {
    pub(crate) low: Px,
    pub(crate) high: Px,
    /// When the next is due.
    pub(crate) next_at: u64,
    first: u32,
    len: u32,
    samples: [(u64, i64); SAMPLES],
}

impl Reference {
    /// No sample; the first is due at once.
    pub(crate) const fn new() -> Reference {
        Reference {
            low: Px(i64::MIN),
            high: Px(i64::MAX),
            next_at: 0,
            first: 0,
            len: 0,
            samples: [(0, 0); SAMPLES],
        }
    }

    /// Takes a sample.
    pub(crate) fn sample(&mut self, px: Px, now: u64, window_ns: u64, most_e8: i128) {
        if self.len as usize == SAMPLES {
            self.forget_first();
        }
        self.samples[(self.first + self.len) as usize % SAMPLES] = (now, px.0);
        self.len += 1;
        self.limit(window_ns, most_e8);
    }

    /// Takes the window and the limit that are in force: a reference may be away from each sample in the window by
    /// `most_e8` of it. Samples outside of the window, seen from the last, are forgotten, and no others.
    pub(crate) fn limit(&mut self, window_ns: u64, most_e8: i128) {
        (self.low, self.high) = (Px(i64::MIN), Px(i64::MAX));
        if self.len == 0 {
            return;
        }
        let (last, _) = self.samples[(self.first + self.len - 1) as usize % SAMPLES];
        while self.len > 1
            && self.samples[self.first as usize % SAMPLES]
                .0
                .saturating_add(window_ns)
                <= last
        {
            self.forget_first();
        }
        for at in self.first..self.first + self.len {
            let sampled = self.samples[at as usize % SAMPLES].1;
            let away = i128::from(sampled.abs()).saturating_mul(most_e8) / i128::from(E8);
            let away = i64::try_from(away).unwrap_or(i64::MAX);
            self.low = self.low.max(Px(sampled.saturating_sub(away)));
            self.high = self.high.min(Px(sampled.saturating_add(away)));
        }
        self.next_at = last.saturating_add(window_ns.div_ceil(SAMPLES as u64).max(1));
    }

    fn forget_first(&mut self) {
        self.first = (self.first + 1) % SAMPLES as u32;
        self.len -= 1;
    }

    /// Whether a reference is near every sample.
    #[inline]
    pub(crate) fn holds(&self, px: Px) -> bool {
        self.low <= px && px <= self.high
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.plain(&mut self.low)?;
        visitor.plain(&mut self.high)?;
        visitor.word(&mut self.next_at)?;
        let mut first = u64::from(self.first);
        visitor.below(&mut first, SAMPLES as u64)?;
        self.first = first as u32;
        let mut len = self.len as usize;
        visitor.count(&mut len, SAMPLES)?;
        self.len = len as u32;
        for at in self.first..self.first + self.len {
            let (ts, px) = &mut self.samples[at as usize % SAMPLES];
            visitor.word(ts)?;
            visitor.signed(px)?;
        }
        Ok(())
    }
}

/// Whether so many ticks away from a price are at most a fraction of it, times 1e8.
#[inline]
pub(crate) fn is_within(away: u64, of: Px, most_e8: u64) -> bool {
    // Products of 64 bits always fit 128: nothing is checked.
    let product = |a: u64, b: u64| u128::from(a).wrapping_mul(u128::from(b));
    product(away, E8.unsigned_abs()) <= product(of.0.unsigned_abs(), most_e8)
}
