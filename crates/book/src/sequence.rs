//! How depth updates follow a snapshot and one another.

use pinrail_types::record::SequenceRule;
use pinrail_types::state::{StateError, Visitor};

/// What to do with an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Leave it: the snapshot or an earlier update holds it already, or no snapshot has come yet.
    Drop,
    /// Apply it: it is the next.
    Apply,
    /// Updates before it are missing, or its ids make no sense: nothing can be applied until a new snapshot.
    Gap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No snapshot, or a gap since the last one.
    Unsynced,
    /// A snapshot, but no update on top of it yet.
    Snapshot,
    /// At least one update on top of the snapshot.
    Following,
}

/// Judges each update of one book by the venue's numbering. Used by the mirror in the core and by the venue's own
/// session alike, so that both see a gap at the same update.
///
/// The rules are those of [`SequenceRule`], which names Binance's documents. Where these are silent: the update that was
/// applied last, once more, is a duplicate and dropped; any other that is not beyond what the book holds, or overlaps
/// it, is a gap, because no single stream of the venue makes one. (Were it dropped, one id that was damaged upwards
/// would make a healthy book deaf.) So is one whose first id is above its last.
#[derive(Clone, Copy, Debug)]
pub struct Sequencer {
    rule: SequenceRule,
    phase: Phase,
    /// First id of the update that was applied last; of a snapshot its id.
    first_id: u64,
    last_id: u64,
}

impl Sequencer {
    /// Waits for a snapshot.
    pub const fn new(rule: SequenceRule) -> Sequencer {
        Sequencer {
            rule,
            phase: Phase::Unsynced,
            first_id: 0,
            last_id: 0,
        }
    }

    /// Forgets the snapshot: every update is dropped until the next one.
    #[inline]
    pub fn reset(&mut self) {
        self.phase = Phase::Unsynced;
    }

    /// Starts again from a snapshot as of `last_id`. It may be older than what was held.
    #[inline]
    pub fn on_snapshot(&mut self, last_id: u64) {
        self.phase = Phase::Snapshot;
        self.first_id = last_id;
        self.last_id = last_id;
    }

    /// Judges an update with the ids `first_id` to `last_id` that says it follows `prev_id` (ignored by rules that
    /// have no such field). [`Verdict::Apply`] takes it as applied.
    #[inline]
    pub fn on_update(&mut self, first_id: u64, last_id: u64, prev_id: u64) -> Verdict {
        let verdict = self.judge(first_id, last_id, prev_id);
        match verdict {
            Verdict::Drop => {}
            Verdict::Apply => {
                self.phase = Phase::Following;
                self.first_id = first_id;
                self.last_id = last_id;
            }
            Verdict::Gap => self.reset(),
        }
        verdict
    }

    fn judge(&self, first_id: u64, last_id: u64, prev_id: u64) -> Verdict {
        if self.phase == Phase::Unsynced {
            return Verdict::Drop;
        }
        if first_id > last_id {
            return Verdict::Gap;
        }
        let held = self.last_id;
        let awaits_first = self.phase == Phase::Snapshot;
        let is_old = match (self.rule, awaits_first) {
            // The first update on a snapshot of USD-M futures may end exactly where the snapshot does.
            (SequenceRule::BinanceUsdm, true) => last_id < held,
            _ => last_id <= held,
        };
        if is_old {
            let is_repeated = (first_id, last_id) == (self.first_id, held);
            return if awaits_first || is_repeated {
                Verdict::Drop
            } else {
                Verdict::Gap
            };
        }
        // `held + 1` cannot overflow where it is computed: an update that is not old ends beyond `held`.
        let follows = match (self.rule, awaits_first) {
            (SequenceRule::Plain | SequenceRule::Mirrored, _) | (SequenceRule::BinanceSpot, false) => {
                first_id == held + 1
            }
            (SequenceRule::BinanceSpot, true) => first_id <= held + 1,
            (SequenceRule::BinanceUsdm, true) => first_id <= held,
            (SequenceRule::BinanceUsdm, false) => prev_id == held,
        };
        if follows { Verdict::Apply } else { Verdict::Gap }
    }

    /// Goes through the state; the rule is not part of it.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is none.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let phases = [Phase::Unsynced, Phase::Snapshot, Phase::Following];
        let from = |code: u64| phases.get(usize::try_from(code).ok()?).copied();
        visitor.named(&mut self.phase, |phase| phase as u64, from, "a phase")?;
        visitor.word(&mut self.first_id)?;
        visitor.word(&mut self.last_id)
    }

    /// Whether each update says anew how far the book is known: [`SequenceRule::Mirrored`].
    #[inline]
    pub(crate) fn is_mirrored(&self) -> bool {
        self.rule == SequenceRule::Mirrored
    }

    /// Whether nothing can be applied before a snapshot.
    #[inline]
    pub fn needs_snapshot(&self) -> bool {
        self.phase == Phase::Unsynced
    }

    /// Whether the book that follows these verdicts is whole: a snapshot, and where the rule wants one, an update
    /// that bridges to it.
    #[inline]
    pub fn is_synced(&self) -> bool {
        match self.phase {
            Phase::Unsynced => false,
            Phase::Snapshot => matches!(self.rule, SequenceRule::Plain | SequenceRule::Mirrored),
            Phase::Following => true,
        }
    }

    /// The last id held: of the snapshot or of the last update applied. Kept over a gap; zero before any snapshot.
    #[inline]
    pub fn last_id(&self) -> u64 {
        self.last_id
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Apply, Drop, Gap};
    use super::*;

    /// What becomes of updates `(first, last, prev)` on a snapshot as of 100.
    fn verdicts(rule: SequenceRule, updates: &[(u64, u64, u64)]) -> Vec<Verdict> {
        let mut sequencer = Sequencer::new(rule);
        sequencer.on_snapshot(100);
        let judge = |&(first, last, prev): &(u64, u64, u64)| sequencer.on_update(first, last, prev);
        updates.iter().map(judge).collect()
    }

    #[test]
    fn binance_spot_bridges_with_the_id_after_the_snapshot() {
        let rule = SequenceRule::BinanceSpot;
        assert_eq!(
            verdicts(rule, &[(90, 99, 0), (100, 100, 0), (101, 103, 0)]),
            [Drop, Drop, Apply]
        );
        assert_eq!(verdicts(rule, &[(95, 105, 0), (106, 106, 0)]), [Apply, Apply]);
        assert_eq!(verdicts(rule, &[(101, 101, 0)]), [Apply]);
        assert_eq!(verdicts(rule, &[(102, 105, 0)]), [Gap]);
    }

    #[test]
    fn binance_spot_goes_on_without_a_hole() {
        let rule = SequenceRule::BinanceSpot;
        let bridge = (101, 110, 0);
        assert_eq!(
            verdicts(rule, &[bridge, (111, 111, 0), (112, 120, 0)]),
            [Apply, Apply, Apply]
        );
        // A hole, and what comes behind it.
        assert_eq!(
            verdicts(rule, &[bridge, (112, 115, 0), (116, 117, 0)]),
            [Apply, Gap, Drop]
        );
        // Twice the same; an older one late.
        assert_eq!(
            verdicts(rule, &[bridge, bridge, (111, 112, 0)]),
            [Apply, Drop, Apply]
        );
        assert_eq!(
            verdicts(rule, &[bridge, (105, 108, 0), (111, 112, 0)]),
            [Apply, Gap, Drop]
        );
        // An id damaged upwards: what follows is behind it, or ends just there.
        assert_eq!(verdicts(rule, &[(101, 910, 0), (111, 120, 0)]), [Apply, Gap]);
        assert_eq!(verdicts(rule, &[(101, 120, 0), (111, 120, 0)]), [Apply, Gap]);
        // Out of order: the later one is a hole.
        assert_eq!(
            verdicts(rule, &[bridge, (121, 130, 0), (111, 120, 0)]),
            [Apply, Gap, Drop]
        );
        // Overlapping what is held.
        assert_eq!(verdicts(rule, &[bridge, (110, 112, 0)]), [Apply, Gap]);
    }

    #[test]
    fn binance_usdm_bridges_with_the_id_of_the_snapshot() {
        let rule = SequenceRule::BinanceUsdm;
        assert_eq!(verdicts(rule, &[(90, 99, 89), (95, 105, 94)]), [Drop, Apply]);
        assert_eq!(verdicts(rule, &[(95, 100, 94), (104, 109, 100)]), [Apply, Apply]);
        assert_eq!(verdicts(rule, &[(100, 105, 99)]), [Apply]);
        assert_eq!(verdicts(rule, &[(101, 105, 100)]), [Gap]);
    }

    #[test]
    fn binance_usdm_goes_on_by_the_id_before() {
        let rule = SequenceRule::BinanceUsdm;
        let bridge = (95, 110, 94);
        // Ids are shared with other symbols: only `prev` tells.
        assert_eq!(
            verdicts(rule, &[bridge, (150, 160, 110), (161, 170, 160)]),
            [Apply, Apply, Apply]
        );
        assert_eq!(verdicts(rule, &[bridge, (111, 115, 109)]), [Apply, Gap]);
        assert_eq!(
            verdicts(rule, &[bridge, (111, 115, 112), (116, 117, 115)]),
            [Apply, Gap, Drop]
        );
        assert_eq!(
            verdicts(rule, &[bridge, bridge, (111, 115, 110)]),
            [Apply, Drop, Apply]
        );
    }

    #[test]
    fn plain_and_mirrored_follow_the_snapshot_itself() {
        for rule in [SequenceRule::Plain, SequenceRule::Mirrored] {
            assert_eq!(
                verdicts(rule, &[(101, 101, 0), (102, 105, 0), (106, 106, 0)]),
                [Apply, Apply, Apply]
            );
            assert_eq!(verdicts(rule, &[(100, 100, 0), (99, 101, 0)]), [Drop, Gap]);
            assert_eq!(verdicts(rule, &[(102, 102, 0)]), [Gap]);
        }
    }

    #[test]
    fn nothing_is_applied_without_a_snapshot() {
        for rule in [
            SequenceRule::Plain,
            SequenceRule::BinanceSpot,
            SequenceRule::BinanceUsdm,
            SequenceRule::Mirrored,
        ] {
            let mut sequencer = Sequencer::new(rule);
            assert_eq!(sequencer.on_update(1, 1, 0), Drop);
            assert!(sequencer.needs_snapshot() && !sequencer.is_synced());
            sequencer.on_snapshot(7);
            assert!(!sequencer.needs_snapshot());
            let bridges = [SequenceRule::BinanceSpot, SequenceRule::BinanceUsdm].contains(&rule);
            assert_eq!(sequencer.is_synced(), !bridges);
            sequencer.reset();
            assert_eq!(sequencer.on_update(8, 8, 7), Drop);
        }
    }

    #[test]
    fn ids_at_the_ends_of_their_range_do_not_overflow() {
        for rule in [
            SequenceRule::Plain,
            SequenceRule::BinanceSpot,
            SequenceRule::BinanceUsdm,
        ] {
            for held in [0, u64::MAX - 1, u64::MAX] {
                let mut sequencer = Sequencer::new(rule);
                sequencer.on_snapshot(held);
                for ids in [
                    (0, 0, 0),
                    (0, u64::MAX, u64::MAX),
                    (u64::MAX, 0, 0),
                    (u64::MAX, u64::MAX, 0),
                ] {
                    sequencer.on_update(ids.0, ids.1, ids.2);
                }
            }
            assert_eq!(verdicts(rule, &[(102, 101, 100)]), [Gap]);
        }
    }
}
