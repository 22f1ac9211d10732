//! A person who turns trading on again.

use std::collections::{BTreeSet, VecDeque};

use bytemuck::Zeroable;
use pinrail_types::record::{StateChange, TradingState, TradingStateSet};
use pinrail_types::{Frame, Text};

/// Turns on what the desk halted by itself (a venue, an instrument, the desk), a set time after it did. What a person halted is
/// left alone.
#[derive(Clone, Debug)]
pub struct Operator {
    actor: Text<16>,
    lift_ns: u64,
    /// In order of time.
    lifts: VecDeque<(u64, TradingStateSet)>,
    /// What another person does not have active: scopes and targets.
    held: BTreeSet<(u8, u32)>,
}

impl Operator {
    /// An operator of this name who waits so long; at least a nanosecond.
    pub fn new(actor: Text<16>, lift_ns: u64) -> Operator {
        Operator {
            actor,
            lift_ns: lift_ns.max(1),
            lifts: VecDeque::new(),
            held: BTreeSet::new(),
        }
    }

    /// Shows an output of the desk.
    pub fn on_output(&mut self, frame: &Frame) {
        let Some(change) = frame.get::<StateChange>() else {
            return;
        };
        let whose = (change.scope, change.target);
        let is_active = change.state == TradingState::Active.byte();
        if change.reason == 0 && is_active {
            self.held.remove(&whose);
        } else if change.reason == 0 {
            self.held.insert(whose);
            self.lifts.retain(|(_, set)| (set.scope, set.target) != whose);
        }
        if change.reason == 0 || is_active || self.held.contains(&whose) {
            return;
        }
        let set = TradingStateSet {
            scope: change.scope,
            state: TradingState::Active.byte(),
            target: change.target,
            actor: self.actor,
            ..Zeroable::zeroed()
        };
        let due = change.header.ts_core.saturating_add(self.lift_ns);
        self.lifts.push_back((due, set));
    }

    /// When the next command is due.
    pub fn next_due(&self) -> Option<u64> {
        self.lifts.front().map(|(due, _)| *due)
    }

    /// The command that is due next.
    ///
    /// # Panics
    /// If there is none.
    pub fn take(&mut self) -> Frame {
        let (_, set) = self.lifts.pop_front().expect("a command is due");
        Frame::of(&set)
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::Reason;
    use pinrail_types::record::Scope;

    use super::*;

    fn change(state: TradingState, reason: Reason, target: u32) -> Frame {
        Frame::of(&StateChange {
            scope: Scope::Venue.byte(),
            state: state.byte(),
            reason: reason.code(),
            target,
            ..Zeroable::zeroed()
        })
    }

    #[test]
    fn what_a_person_halted_is_left_alone_before_and_behind_a_halt_of_the_desks_own() {
        use TradingState::{Active, Halted, Reducing};
        let own = change(Halted, Reason::OrderMismatch, 1);
        for persons in [change(Halted, Reason::None, 1), change(Reducing, Reason::None, 1)] {
            for changes in [[&own, &persons], [&persons, &own]] {
                let mut operator = Operator::new(Text::EMPTY, 5);
                for change in changes {
                    operator.on_output(change);
                }
                assert_eq!(operator.next_due(), None);
                // Another venue's is not that.
                operator.on_output(&change(Halted, Reason::OrderMismatch, 2));
                assert_eq!(operator.take().get::<TradingStateSet>().unwrap().target, 2);
                // Once the person lifted it, it is as any other.
                operator.on_output(&change(Active, Reason::None, 1));
                operator.on_output(&own);
                assert_eq!(operator.next_due(), Some(5));
            }
        }
    }
}
