//! Message rates: a token bucket in whole nanoseconds of core time.

use pinrail_types::state::{StateError, Visitor};

use crate::bound::Bound;

/// A bucket that holds as many tokens as messages are allowed in a window and gets one back each `window / messages`,
/// rounded up to a nanosecond. Kept as the time at which it will be full again, which says the same exactly (the
/// generic cell rate algorithm).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    /// When it is full again.
    full_at: u64,
}

/// How fast a bucket fills; follows from its [`Bound`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    /// Until one token is back; zero if there is no limit.
    token_ns: u64,
    /// Until all but one are.
    burst_ns: u64,
}

impl Rate {
    /// The rate of a limit; one without a window is none.
    pub(crate) fn of(bound: &Bound) -> Rate {
        let Ok(tokens @ 1..) = u64::try_from(bound.value) else {
            return Rate::default();
        };
        let token_ns = bound.window_ns.div_ceil(tokens);
        Rate {
            token_ns,
            burst_ns: token_ns.saturating_mul(tokens - 1),
        }
    }
}

impl Bucket {
    /// Whether a message may pass at `now`.
    #[inline]
    pub(crate) fn allows(self, rate: Rate, now: u64) -> bool {
        self.full_at.saturating_sub(now) <= rate.burst_ns || rate.token_ns == 0
    }

    /// Takes the token of a message that passes.
    #[inline]
    pub(crate) fn take(&mut self, rate: Rate, now: u64) {
        if rate.token_ns > 0 {
            self.full_at = self.full_at.max(now).saturating_add(rate.token_ns);
        }
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.word(&mut self.full_at)
    }
}
