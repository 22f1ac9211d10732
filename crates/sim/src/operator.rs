//! A person who turns trading on again.

use std::collections::VecDeque;

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
}

impl Operator {
    /// An operator of this name who waits so long; at least a nanosecond.
    pub fn new(actor: Text<16>, lift_ns: u64) -> Operator {
        Operator {
            actor,
            lift_ns: lift_ns.max(1),
            lifts: VecDeque::new(),
        }
    }

    /// Shows an output of the desk.
    pub fn on_output(&mut self, frame: &Frame) {
        let Some(change) = frame.get::<StateChange>() else {
            return;
        };
        if change.reason == 0 || change.state == TradingState::Active.byte() {
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
