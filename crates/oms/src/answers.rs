//! What venues owe an answer about, and when that is looked at.

use pinrail_types::state::{StateError, Visitor};

/// How often a venue is asked what became of an order before a person is.
pub const ASKS_MAX: u8 = 3;
/// How often a venue that refuses to cancel an order is asked to by the engine itself before a person is told.
pub const REFUSALS_MAX: u8 = 5;

/// What is known of the answers about one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// When it is looked at; `u64::MAX` for never.
    look_at: u64,
    /// How often its venue was asked about it since it last changed; one more once a person was told.
    asked: u8,
    /// How often its venue refused to cancel it, of the times that the engine asked by itself.
    refused: u8,
}

const NONE: Answer = Answer {
    look_at: u64::MAX,
    asked: 0,
    refused: 0,
};

/// By the places of a table of orders.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    each: Vec<Answer>,
    /// No order is looked at before this; most are answered long before, so that the exact time is made out only when it comes.
    next_at: u64,
}

impl Answers {
    pub(crate) fn new(capacity: usize) -> Answers {
        Answers {
            each: vec![NONE; capacity],
            next_at: u64::MAX,
        }
    }

    /// Of a new order, or of none.
    #[inline]
    pub(crate) fn clear(&mut self, at: usize) {
        self.each[at] = NONE;
    }

    #[inline]
    pub(crate) fn look_at(&mut self, at: usize, ts: u64) {
        self.each[at].look_at = ts;
        self.next_at = self.next_at.min(ts);
    }

    #[inline]
    pub(crate) fn next_at(&self) -> u64 {
        self.next_at
    }

    /// Nothing is to be looked at any more.
    pub(crate) fn rest(&mut self) {
        self.next_at = u64::MAX;
    }

    /// The first place of `taken` whose time has come; if none has, the next time is known exactly from then on.
    pub(crate) fn due(&mut self, taken: impl Iterator<Item = usize>, now: u64) -> Option<usize> {
        let mut next_at = u64::MAX;
        for at in taken {
            let look_at = self.each[at].look_at;
            if look_at <= now {
                return Some(at);
            }
            next_at = next_at.min(look_at);
        }
        self.next_at = next_at;
        None
    }

    pub(crate) fn asked(&self, at: usize) -> u8 {
        self.each[at].asked
    }

    pub(crate) fn count_ask(&mut self, at: usize) {
        let asked = &mut self.each[at].asked;
        *asked = (*asked + 1).min(ASKS_MAX + 1);
    }

    /// The order changed: the venue answers.
    #[inline]
    pub(crate) fn answered(&mut self, at: usize) {
        self.each[at].asked = 0;
    }

    pub(crate) fn refused(&self, at: usize) -> u8 {
        self.each[at].refused
    }

    /// Counts a refusal; how many there were.
    pub(crate) fn count_refusal(&mut self, at: usize) -> u8 {
        let refused = &mut self.each[at].refused;
        *refused = (*refused + 1).min(REFUSALS_MAX);
        *refused
    }

    /// A person acted: all begins anew, and what was refused or a person was told of is looked at at once.
    pub(crate) fn forgive(&mut self, at: usize, now: u64) {
        let answer = &mut self.each[at];
        let is_stuck = answer.asked > ASKS_MAX || answer.refused > 0;
        (answer.asked, answer.refused) = (0, 0);
        if is_stuck {
            self.look_at(at, now);
        }
    }

    /// Goes through the state of one order.
    pub(crate) fn visit(&mut self, at: usize, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let Answer {
            look_at,
            asked,
            refused,
        } = &mut self.each[at];
        visitor.word(look_at)?;
        let (mut times, mut refusals) = (u64::from(*asked), u64::from(*refused));
        visitor.below(&mut times, u64::from(ASKS_MAX) + 2)?;
        visitor.below(&mut refusals, u64::from(REFUSALS_MAX) + 1)?;
        (*asked, *refused) = (times as u8, refusals as u8);
        Ok(())
    }

    /// Goes through the time of the next look, behind that of all orders.
    pub(crate) fn visit_next(
        &mut self,
        taken: impl Iterator<Item = usize>,
        visitor: &mut impl Visitor,
    ) -> Result<(), StateError> {
        visitor.word(&mut self.next_at)?;
        let first = taken.map(|at| self.each[at].look_at).min().unwrap_or(u64::MAX);
        if self.next_at <= first {
            Ok(())
        } else {
            Err(visitor.bad(self.next_at, "no time behind an order's"))
        }
    }
}
