//! Fills behind which the market is looked at, at set horizons.

use bytemuck::Zeroable;
use pinrail_types::record::{MarkOut, MarkOutDef};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Reason, Record};

/// Horizons at most.
pub const HORIZONS_MAX: usize = 6;
/// Fills that wait at most for the last of their marks.
pub const FILLS_MAX: usize = 4_096;
/// Longest horizon: an hour.
const HORIZON_NS_MAX: u64 = 3_600_000_000_000;

/// The fills that are still to be marked: one queue for all horizons, since fills come in the order of time, and so do the marks of
/// each horizon. A horizon is a place in that queue. The marks of one fill come in the order of horizons, so that no horizon
/// overtakes a shorter one, and what the longest has passed is free.
///
/// Noting a fill and taking a mark take the same few steps however many wait.
#[derive(Clone, Debug)]
pub struct MarkOuts {
    /// Rising; those that are not used are zero, and behind the others.
    horizons_ns: [u64; HORIZONS_MAX],
    /// How many there are.
    used: usize,
    /// A ring: the n-th fill stands at the remainder of n. Each as its mark, without horizon and middle; `due_ts` is when it was
    /// filled.
    fills: Vec<MarkOut>,
    /// Fills noted so far.
    noted: u64,
    /// By horizon, how many fills were marked.
    marked: [u64; HORIZONS_MAX],
    /// When the next mark is due; never if none is.
    next_at: u64,
}

impl Default for MarkOuts {
    fn default() -> Self {
        MarkOuts::new()
    }
}

impl MarkOuts {
    /// No horizon.
    pub fn new() -> MarkOuts {
        MarkOuts {
            horizons_ns: [0; HORIZONS_MAX],
            used: 0,
            fills: vec![MarkOut::zeroed(); FILLS_MAX],
            noted: 0,
            marked: [0; HORIZONS_MAX],
            next_at: u64::MAX,
        }
    }

    /// Sets the horizons, and gives back how many marks are left out that were still to come. The same horizons change nothing.
    ///
    /// # Errors
    /// [`Reason::BadField`] unless they rise, none behind the first zero, to at most an hour.
    pub fn set(&mut self, def: &MarkOutDef) -> Result<u64, Reason> {
        let horizons_ns = [
            def.horizon_0_ns,
            def.horizon_1_ns,
            def.horizon_2_ns,
            def.horizon_3_ns,
            def.horizon_4_ns,
            def.horizon_5_ns,
        ];
        let used = used(&horizons_ns).ok_or(Reason::BadField)?;
        if horizons_ns == self.horizons_ns {
            return Ok(0);
        }
        let left_out = self.marks();
        (self.horizons_ns, self.used) = (horizons_ns, used);
        self.marked = [self.noted; HORIZONS_MAX];
        self.next_at = u64::MAX;
        Ok(left_out)
    }

    /// Whether fills are to be noted.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.used > 0
    }

    /// Marks that are still to come.
    pub fn marks(&self) -> u64 {
        let marked = &self.marked[..self.used];
        marked.iter().map(|marked| self.noted - marked).sum()
    }

    /// When the first of them is due; `u64::MAX` if none is to come.
    #[inline]
    pub fn next_at(&self) -> u64 {
        self.next_at
    }

    /// Notes a fill: its mark, without horizon and middle, and in `due_ts` the core time at which it was filled. Later ones come at no
    /// earlier times.
    ///
    /// # Errors
    /// [`Reason::MarkOutsFull`], and how many marks it would have had, if there is no room.
    ///
    /// # Panics
    /// If there is no horizon.
    pub fn note(&mut self, fill: &MarkOut) -> Result<(), (Reason, u64)> {
        assert!(self.is_on(), "nothing is noted without a horizon");
        if self.noted - self.marked[self.used - 1] == FILLS_MAX as u64 {
            return Err((Reason::MarkOutsFull, self.used as u64));
        }
        let mark = MarkOut {
            header: Zeroable::zeroed(),
            ..*fill
        };
        self.fills[place(self.noted)] = mark;
        self.noted += 1;
        self.next_at = self.next_at.min(due(&mark, self.horizons_ns[0]));
        Ok(())
    }

    /// Takes out the mark that is due first, if that is at or before `now`: with its horizon and the time at which it was due. Of
    /// those that are due at the same time, that of the shorter horizon comes first.
    pub fn take_due(&mut self, now: u64) -> Option<MarkOut> {
        if self.next_at > now {
            return None;
        }
        let (due_ts, at) = self.first()?;
        let mark = MarkOut {
            horizon_ns: self.horizons_ns[at],
            due_ts,
            ..self.fills[place(self.marked[at])]
        };
        self.marked[at] += 1;
        self.next_at = self.first().map_or(u64::MAX, |(due_ts, _)| due_ts);
        Some(mark)
    }

    /// When the next mark is due, and of which horizon it is.
    fn first(&self) -> Option<(u64, usize)> {
        let waiting = (0..self.used).filter(|at| self.marked[*at] < self.noted);
        let dues = waiting.map(|at| {
            let fill = &self.fills[place(self.marked[at])];
            (due(fill, self.horizons_ns[at]), at)
        });
        dues.min()
    }

    /// Goes through the state: the fills that wait, in the order in which they came.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of such a queue.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for horizon_ns in &mut self.horizons_ns {
            visitor.word(horizon_ns)?;
        }
        let used = used(&self.horizons_ns);
        self.used = used.ok_or_else(|| visitor.bad(self.horizons_ns[0], "horizons that rise"))?;
        visitor.word(&mut self.noted)?;
        let mut least = 0;
        for marked in self.marked[..self.used].iter_mut().rev() {
            visitor.word(marked)?;
            if *marked < least || *marked > self.noted {
                return Err(visitor.bad(*marked, "no horizon ahead of a shorter one"));
            }
            least = *marked;
        }
        if !self.is_on() {
            self.marked = [self.noted; HORIZONS_MAX];
        }
        self.marked[self.used..].fill(self.noted);
        let oldest = self
            .used
            .checked_sub(1)
            .map_or(self.noted, |last| self.marked[last]);
        if self.noted - oldest > FILLS_MAX as u64 {
            return Err(visitor.bad(self.noted - oldest, "no more fills than there is room for"));
        }
        let mut last_ts = 0;
        for n in oldest..self.noted {
            let fill = &mut self.fills[place(n)];
            visitor.plain(fill)?;
            if fill.due_ts < last_ts || fill.header != Zeroable::zeroed() {
                return Err(visitor.bad(fill.due_ts, "fills in the order of time"));
            }
            last_ts = fill.due_ts;
        }
        self.next_at = self.first().map_or(u64::MAX, |(due_ts, _)| due_ts);
        Ok(())
    }
}

const _: () = assert!(FILLS_MAX.is_power_of_two() && MarkOut::LINES == 2);

#[inline]
fn place(n: u64) -> usize {
    n as usize % FILLS_MAX
}

#[inline]
fn due(fill: &MarkOut, horizon_ns: u64) -> u64 {
    fill.due_ts.saturating_add(horizon_ns)
}

/// How many horizons there are; `None` if they do not rise.
fn used(horizons_ns: &[u64; HORIZONS_MAX]) -> Option<usize> {
    let used = horizons_ns.iter().take_while(|ns| **ns > 0).count();
    let (given, rest) = horizons_ns.split_at(used);
    let rise = given.windows(2).all(|pair| pair[0] < pair[1]);
    let is_sane = rise && rest.iter().all(|ns| *ns == 0) && given.iter().all(|ns| *ns <= HORIZON_NS_MAX);
    is_sane.then_some(used)
}

#[cfg(test)]
mod tests {
    use pinrail_types::state::{Load, Save};
    use pinrail_types::{OutId, Px};
    use proptest::prelude::*;

    use super::*;

    fn def(horizons_ns: &[u64]) -> MarkOutDef {
        let mut all = [0; HORIZONS_MAX];
        all[..horizons_ns.len()].copy_from_slice(horizons_ns);
        let [
            horizon_0_ns,
            horizon_1_ns,
            horizon_2_ns,
            horizon_3_ns,
            horizon_4_ns,
            horizon_5_ns,
        ] = all;
        MarkOutDef {
            horizon_0_ns,
            horizon_1_ns,
            horizon_2_ns,
            horizon_3_ns,
            horizon_4_ns,
            horizon_5_ns,
            ..Zeroable::zeroed()
        }
    }

    fn fill(n: u64, ts: u64) -> MarkOut {
        MarkOut {
            trade_id: OutId {
                seq: n,
                epoch: 1,
                sub: 0,
            },
            px: Px(n as i64),
            due_ts: ts,
            ..Zeroable::zeroed()
        }
    }

    fn marks(horizons_ns: &[u64]) -> MarkOuts {
        let mut marks = MarkOuts::new();
        assert_eq!(marks.set(&def(horizons_ns)), Ok(0));
        marks
    }

    fn reload(marks: &mut MarkOuts) -> MarkOuts {
        let mut save = Save::default();
        marks.visit(&mut save).unwrap();
        let mut again = MarkOuts::new();
        let mut load = Load::new(&save.words);
        again.visit(&mut load).unwrap();
        load.end().unwrap();
        let mut saved = Save::default();
        again.visit(&mut saved).unwrap();
        assert_eq!(saved.words, save.words);
        again
    }

    #[test]
    fn horizons_rise_and_none_stands_behind_a_gap() {
        let mut marks = MarkOuts::new();
        let hour = HORIZON_NS_MAX;
        for (horizons_ns, expected) in [
            (&[][..], Ok(0)),
            (&[1], Ok(0)),
            (&[1, 2, 3, 4, 5, hour], Ok(0)),
            (&[2, 1], Err(Reason::BadField)),
            (&[1, 1], Err(Reason::BadField)),
            (&[1, 0, 2], Err(Reason::BadField)),
            (&[0, 1], Err(Reason::BadField)),
            (&[hour + 1], Err(Reason::BadField)),
        ] {
            assert_eq!(marks.set(&def(horizons_ns)), expected, "{horizons_ns:?}");
        }
    }

    #[test]
    fn what_is_full_says_so_and_other_horizons_leave_out_what_was_to_come() {
        let mut marks = marks(&[10, 20]);
        for n in 0..FILLS_MAX as u64 {
            assert_eq!(marks.note(&fill(n, 5)), Ok(()));
        }
        assert_eq!(marks.note(&fill(9, 5)), Err((Reason::MarkOutsFull, 2)));
        assert_eq!(marks.take_due(15).unwrap().trade_id.seq, 0);
        assert_eq!(
            marks.note(&fill(9, 15)),
            Err((Reason::MarkOutsFull, 2)),
            "its last mark is to come"
        );
        assert_eq!(marks.marks(), 2 * FILLS_MAX as u64 - 1);
        assert_eq!(marks.set(&def(&[10, 20])), Ok(0), "the same");
        assert_eq!(marks.set(&def(&[10, 21])), Ok(2 * FILLS_MAX as u64 - 1));
        assert_eq!((marks.marks(), marks.next_at()), (0, u64::MAX));
        assert_eq!(marks.note(&fill(9, 15)), Ok(()));
        assert_eq!((marks.marks(), marks.next_at()), (2, 25));
        assert_eq!(marks.set(&def(&[])), Ok(2));
        assert!(!marks.is_on());
    }

    proptest! {
        /// Against all marks in a list, sorted.
        #[test]
        fn marks_come_when_they_are_due_and_in_order(
            horizons in prop::collection::btree_set(1_u64..60, 0..=HORIZONS_MAX),
            steps in prop::collection::vec((0_u64..20, any::<bool>(), any::<bool>()), 1..200),
        ) {
            let horizons: Vec<u64> = horizons.into_iter().collect();
            let mut marks = marks(&horizons);
            let mut model: Vec<(u64, usize, u64)> = Vec::new();
            let mut now = 0;
            for (n, (ns, fills, reloads)) in (1..).zip(steps) {
                now += ns;
                model.sort_unstable();
                while let Some(mark) = marks.take_due(now) {
                    let (due_ts, at, seq) = model.remove(0);
                    prop_assert!(due_ts <= now);
                    prop_assert_eq!((mark.due_ts, mark.horizon_ns, mark.trade_id.seq), (due_ts, horizons[at], seq));
                    prop_assert_eq!(mark.px, Px(seq as i64));
                }
                if fills && !horizons.is_empty() {
                    marks.note(&fill(n, now)).unwrap();
                    model.extend(horizons.iter().enumerate().map(|(at, ns)| (now + ns, at, n)));
                }
                let next = model.iter().map(|(due_ts, ..)| *due_ts).min();
                prop_assert_eq!(marks.next_at(), next.unwrap_or(u64::MAX));
                prop_assert_eq!(marks.marks(), model.len() as u64);
                if reloads {
                    marks = reload(&mut marks);
                }
            }
        }
    }
}
