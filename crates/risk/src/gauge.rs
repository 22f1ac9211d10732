//! A sum of money against its limit, with the room that is left at hand.

use pinrail_types::state::{StateError, Visitor};

/// A sum in an asset's smallest unit, and the most that it may be.
///
/// What is added on the way of a request is far below 2^64, so the room that is left is kept as one word: what is not
/// above it fits, and no sum of 128 bits is needed to see that. The room is never more than what is left; what does not
/// fit it may fit all the same, which [`Gauge::allows`] tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gauge {
    /// At most `most - sum`; zero where that is below zero.
    room: u64,
    sum: i128,
    most: i128,
}

impl Gauge {
    /// Nothing yet, and no limit.
    pub(crate) const UNLIMITED: Gauge = Gauge {
        room: u64::MAX,
        sum: 0,
        most: i128::MAX,
    };

    /// Nothing yet, and nothing allowed.
    pub(crate) const EMPTY: Gauge = Gauge {
        room: 0,
        sum: 0,
        most: 0,
    };

    /// The sum.
    #[inline]
    pub(crate) const fn sum(&self) -> i128 {
        self.sum
    }

    /// The most that it may be.
    #[inline]
    pub(crate) const fn most(&self) -> i128 {
        self.most
    }

    /// Whether there is room for so much; where there is none, [`Gauge::allows`] has the last word.
    #[inline]
    pub(crate) const fn has_room(&self, added: u64) -> bool {
        added <= self.room
    }

    /// Adds what there is room for.
    #[inline]
    pub(crate) fn fill(&mut self, added: u64) {
        debug_assert!(self.has_room(added));
        self.room -= added;
        // The sum is at most the limit.
        self.sum = self.sum.wrapping_add(i128::from(added));
    }

    /// Whether so much may be added: the sum with it is at most the limit, or it is nothing.
    pub(crate) fn allows(&self, added: i128) -> bool {
        added == 0 || self.sum.checked_add(added).is_some_and(|sum| sum <= self.most)
    }

    /// Adds or takes off, whatever the limit.
    ///
    /// # Panics
    /// If the sum does not fit 128 bits: what is added was bounded before.
    #[inline]
    pub(crate) fn add(&mut self, change: i128) {
        let sum = self.sum.checked_add(change);
        self.sum = sum.expect("a sum of bounded amounts");
        self.measure();
    }

    /// Sets the limit.
    pub(crate) fn limit(&mut self, most: i128) {
        self.most = most;
        self.measure();
    }

    #[inline]
    fn measure(&mut self) {
        // What is left of the greatest limit beside a sum below zero does not fit, and is no less than what is said here.
        let left = self.most.saturating_sub(self.sum).max(0);
        self.room = u64::try_from(left).unwrap_or(u64::MAX);
    }

    /// Goes through the sum; the limit comes from where it is set.
    ///
    /// # Errors
    /// [`StateError`], if the bytes end.
    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.wide(&mut self.sum)?;
        self.measure();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amount() -> impl Strategy<Value = i128> {
        prop_oneof![
            -1_000..1_000_i128,
            (1_i128 << 64) - 10..(1_i128 << 64) + 10,
            -(1_i128 << 100)..1_i128 << 100,
        ]
    }

    proptest! {
        #[test]
        fn what_has_room_is_always_allowed(
            steps in prop::collection::vec((0..3_u8, amount(), prop_oneof![0..1_000_u64, any::<u64>()]), 1..60),
        ) {
            let mut gauge = Gauge::UNLIMITED;
            let (mut sum, mut most) = (0_i128, i128::MAX);
            for (step, change, small) in steps {
                match step {
                    0 if gauge.has_room(small) => {
                        gauge.fill(small);
                        sum += i128::from(small);
                        prop_assert!(sum <= most || small == 0);
                    }
                    0 | 1 => {
                        gauge.add(change);
                        sum += change;
                    }
                    _ => {
                        gauge.limit(change);
                        most = change;
                    }
                }
                prop_assert_eq!((gauge.sum(), gauge.most()), (sum, most));
                for added in [0, 1, 500, small, u64::MAX] {
                    let allowed = added == 0 || sum + i128::from(added) <= most;
                    prop_assert_eq!(gauge.allows(i128::from(added)), allowed);
                    prop_assert!(allowed || !gauge.has_room(added));
                }
            }
        }
    }

    #[test]
    fn room_is_what_is_left_to_the_unit() {
        let mut gauge = Gauge::UNLIMITED;
        gauge.limit(100);
        gauge.fill(60);
        assert!(gauge.has_room(40) && !gauge.has_room(41));
        gauge.add(-10);
        assert!(gauge.has_room(50) && !gauge.has_room(51));
        gauge.limit(40);
        assert!(gauge.has_room(0) && !gauge.has_room(1) && !gauge.allows(1));
        gauge.add(-10);
        assert!(gauge.allows(0) && !gauge.allows(1) && !gauge.has_room(1));
    }
}
