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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Until one token is back.
    token_ns: u64,
    /// Until all but one are.
    burst_ns: u64,
}

impl Rate {
    /// A token is back at once.
    pub(crate) const UNLIMITED: Rate = Rate {
        token_ns: 0,
        burst_ns: u64::MAX,
    };

    /// The rate of a limit; one without a window is none.
    pub(crate) fn of(bound: &Bound) -> Rate {
        let Ok(tokens @ 1..) = u64::try_from(bound.value) else {
            return Rate::UNLIMITED;
        };
        let token_ns = bound.window_ns.div_ceil(tokens);
        Rate {
            token_ns,
            burst_ns: token_ns.saturating_mul(tokens - 1),
        }
    }

    /// Until all tokens are back.
    fn empty_ns(self) -> u64 {
        match self.token_ns {
            0 => 0,
            token_ns => self.burst_ns.saturating_add(token_ns),
        }
    }
}

impl Bucket {
    /// The bucket once a message that comes at `now` has taken its token; `None` if there is none for it.
    #[inline]
    pub(crate) fn less_one(self, rate: Rate, now: u64) -> Option<Bucket> {
        let from = self.full_at.max(now);
        (from - now <= rate.burst_ns).then(|| Bucket {
            full_at: from.saturating_add(rate.token_ns),
        })
    }

    /// The bucket once a message that is never refused has taken a token, whether it was back already or not.
    pub(crate) fn owing_one(self, rate: Rate, now: u64) -> Bucket {
        let from = self.full_at.max(now);
        Bucket {
            full_at: from.saturating_add(rate.token_ns),
        }
    }

    /// The rate was loosened to `rate`: what is owed by the one before is no more than a bucket of it can be short of.
    pub(crate) fn loosen(&mut self, rate: Rate, now: u64) {
        self.full_at = self.full_at.min(now.saturating_add(rate.empty_ns()));
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.word(&mut self.full_at)
    }
}
