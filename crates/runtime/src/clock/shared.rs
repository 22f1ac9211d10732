//! How a new line reaches the readers: a sequence lock over atomic words, one writer, readers that never wait.
//!
//! `tests/loom_clock.rs` compiles this file over loom's atomics and tries every interleaving.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::atomics::{AtomicU64, fence};
use super::line::Line;

/// The newest line. Odd versions are being written.
#[repr(align(128))]
#[derive(Debug)]
pub(super) struct SharedLine {
    version: AtomicU64,
    words: [AtomicU64; 3],
}

impl SharedLine {
    pub(super) fn new(line: Line) -> SharedLine {
        SharedLine {
            version: AtomicU64::new(0),
            words: [line.base_ticks, line.base_ns, line.mult].map(AtomicU64::new),
        }
    }

    /// Publishes `line`. Only the one writer may call it.
    pub(super) fn set(&self, line: Line) {
        let version = self.version.load(Relaxed);
        self.version.store(version + 1, Relaxed);
        // Whoever reads one of the words below and then fences sees the odd version above, or a later one.
        fence(Release);
        for (word, value) in self.words.iter().zip([line.base_ticks, line.base_ns, line.mult]) {
            word.store(value, Relaxed);
        }
        self.version.store(version + 2, Release);
    }

    /// The line and its version if that is not `version` and no write is under way.
    #[inline]
    pub(super) fn newer_than(&self, version: u64) -> Option<(u64, Line)> {
        let before = self.version.load(Acquire);
        if before == version || !before.is_multiple_of(2) {
            return None;
        }
        let [base_ticks, base_ns, mult] = [0, 1, 2].map(|i| self.words[i].load(Relaxed));
        // A word of a later write, once read, makes the load below see that write's odd version.
        fence(Acquire);
        let unchanged = self.version.load(Relaxed) == before;
        unchanged.then_some((
            before,
            Line {
                base_ticks,
                base_ns,
                mult,
            },
        ))
    }
}
