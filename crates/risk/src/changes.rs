//! Changes of limits that wait for a second person, and limits that will return.

use pinrail_types::record::{LimitKind, LimitSet};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Amount, Reason};

/// Most changes that wait, and most limits that will return.
pub const CHANGES_MAX: usize = 64;

/// Changes that wait, and what limits were before they were changed for a time. At most one of each for a limit.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    /// As they were asked for.
    waiting: Vec<LimitSet>,
    /// What returns, with its time in `expires_at`.
    returning: Vec<LimitSet>,
    /// When the first returns.
    pub(crate) next_at: u64,
}

/// Whether both are about the same limit.
fn is_of(a: &LimitSet, b: &LimitSet) -> bool {
    (a.kind, a.target, a.instrument) == (b.kind, b.target, b.instrument)
}

/// Whether both ask for the very same, whoever does.
fn is_same(a: &LimitSet, b: &LimitSet) -> bool {
    let change = |set: &LimitSet| (set.value, set.window_ns, set.state, set.expires_at);
    is_of(a, b) && change(a) == change(b)
}

impl Changes {
    pub(crate) fn new() -> Changes {
        Changes {
            waiting: Vec::with_capacity(CHANGES_MAX),
            returning: Vec::with_capacity(CHANGES_MAX),
            next_at: u64::MAX,
        }
    }

    /// What the limit was before it was changed for a time.
    pub(crate) fn before(&self, set: &LimitSet) -> Option<&LimitSet> {
        self.returning.iter().find(|held| is_of(held, set))
    }

    /// Whoever asked for the same before, or `None` after taking it down as waiting. Another change of the same limit that
    /// waited is forgotten.
    ///
    /// # Errors
    /// [`Reason::SecondActorNeeded`] if it was the same person, [`Reason::ActorMissing`] if nobody did,
    /// [`Reason::TableFull`] if too many wait.
    pub(crate) fn first_of(&mut self, set: &LimitSet) -> Result<Option<LimitSet>, Reason> {
        if set.actor.is_empty() {
            return Err(Reason::ActorMissing);
        }
        let is_full = self.waiting.len() == CHANGES_MAX;
        match self.waiting.iter_mut().find(|held| is_of(held, set)) {
            Some(held) if is_same(held, set) && held.actor == set.actor => Err(Reason::SecondActorNeeded),
            Some(held) if is_same(held, set) => Ok(Some(*held)),
            Some(held) => {
                *held = *set;
                Ok(None)
            }
            None if is_full => Err(Reason::TableFull),
            None => {
                self.waiting.push(*set);
                Ok(None)
            }
        }
    }

    /// Whether there is room to take down when the limit returns.
    pub(crate) fn has_room(&self, set: &LimitSet) -> bool {
        set.expires_at == 0 || self.returning.len() < CHANGES_MAX || self.before(set).is_some()
    }

    /// Takes down that a change came into force, and `before` as what returns when it ends.
    pub(crate) fn came(&mut self, set: &LimitSet, before: &LimitSet) {
        self.waiting.retain(|held| !is_of(held, set));
        self.returning.retain(|held| !is_of(held, set));
        if set.expires_at != 0 {
            self.returning.push(LimitSet {
                expires_at: set.expires_at,
                ..*before
            });
        }
        self.derive();
    }

    /// A definition sets a most: what returns is no looser.
    pub(crate) fn tighten(&mut self, kind: LimitKind, target: u32, most: i128) {
        let of = |held: &&mut LimitSet| (held.kind, held.target) == (kind.byte(), target);
        for held in self.returning.iter_mut().filter(of) {
            held.value = Amount::new(held.value.get().min(most));
        }
    }

    /// A limit that returns by now.
    pub(crate) fn due(&mut self, now: u64) -> Option<LimitSet> {
        let at = self.returning.iter().position(|held| held.expires_at <= now)?;
        let due = self.returning.remove(at);
        self.derive();
        Some(due)
    }

    fn derive(&mut self) {
        let first = self.returning.iter().map(|held| held.expires_at).min();
        self.next_at = first.unwrap_or(u64::MAX);
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for list in [&mut self.waiting, &mut self.returning] {
            let mut len = list.len();
            visitor.count(&mut len, CHANGES_MAX)?;
            list.resize(len, bytemuck::Zeroable::zeroed());
            for set in list {
                visitor.plain(set)?;
                if LimitKind::from_byte(set.kind).is_none() {
                    return Err(visitor.bad(u64::from(set.kind), "a kind of limit"));
                }
            }
        }
        self.derive();
        Ok(())
    }
}
