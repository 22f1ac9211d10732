//! The message rate of each session.

use pinrail_types::SessionId;
use pinrail_types::record::LimitKind;
use pinrail_types::state::{StateError, Visitor};

use crate::bound::Bound;
use crate::rate::{Bucket, Rate};

/// Sessions have numbers below this.
pub const SESSIONS_MAX: usize = 4_096;

/// One limit for all sessions, and a bucket for each.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    pub(crate) bound: Bound,
    pub(crate) rate: Rate,
    buckets: Vec<Bucket>,
}

impl Sessions {
    pub(crate) fn new() -> Sessions {
        Sessions {
            bound: Bound::none(LimitKind::SessionRate),
            rate: Rate::UNLIMITED,
            buckets: vec![Bucket::default(); SESSIONS_MAX],
        }
    }

    /// The bucket of a session; `None` beyond [`SESSIONS_MAX`].
    #[inline]
    pub(crate) fn bucket(&mut self, session: SessionId) -> Option<&mut Bucket> {
        self.buckets.get_mut(session.index())
    }

    /// The limit was loosened, and what follows from it worked out.
    pub(crate) fn loosen(&mut self, now: u64) {
        for bucket in &mut self.buckets {
            bucket.loosen(self.rate, now);
        }
    }

    /// Works out what follows from the limit.
    pub(crate) fn derive(&mut self) {
        self.rate = Rate::of(&self.bound);
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.bound.visit(visitor)?;
        for bucket in &mut self.buckets {
            bucket.visit(visitor)?;
        }
        self.derive();
        Ok(())
    }
}
