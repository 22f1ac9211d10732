//! A sum of money against its limit, with the room that is left at hand.

use pinrail_types::state::{StateError, Visitor};

/// A sum in an asset's smallest unit, and the most that it may be.
///
/// What a request adds is far below 2^64, so the room that is left is kept as one word, and the sum as what it was
/// measured with: what is not above the room fits, and then one subtraction adds it. The room is never more than what is
/// left; what does not fit it may fit all the same, which [`Gauge::allows`] tells in 128 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gauge {
    /// At most `most - sum`, and zero where that is below zero.
    room: u64,
    /// Sum and room together.
    whole: i128,
    most: i128,
}

impl Gauge {
    /// Nothing yet, and no limit.
    pub(crate) const UNLIMITED: Gauge = Gauge {
        room: u64::MAX,
        whole: u64::MAX as i128,
        most: i128::MAX,
    };

    /// Nothing yet, and nothing allowed.
    pub(crate) const EMPTY: Gauge = Gauge {
        room: 0,
        whole: 0,
        most: 0,
    };

    /// The sum.
    #[inline]
    pub(crate) const fn sum(&self) -> i128 {
        self.whole - self.room as i128
    }

    /// Whether there is room for so much; where there is none, [`Gauge::allows`] has the last word.
    #[inline]
    pub(crate) const fn has_room(&self, added: u64) -> bool {
        added <= self.room
    }

    /// Adds what there is room for.
    #[inline]
    pub(crate) fn fill(&mut self, added: u64) {
        self.room -= added;
    }

    /// Whether so much may be added: the sum with it is at most the limit, or it is nothing.
    pub(crate) fn allows(&self, added: i128) -> bool {
        added == 0 || self.sum().checked_add(added).is_some_and(|sum| sum <= self.most)
    }

    /// Adds or takes off, whatever the limit.
    ///
    /// # Panics
    /// If the sum does not fit 127 bits: what is added was bounded before.
    #[inline]
    pub(crate) fn add(&mut self, change: i128) {
        // What fits the room takes it, and what is taken off gives it back: where there is room, the sum is below the limit.
        if self.room > 0
            && let Ok(change) = i64::try_from(change)
            && let Some(back) = change.checked_neg()
            && let Some(room) = self.room.checked_add_signed(back)
        {
            self.room = room;
        } else {
            self.measure(self.sum() + change, self.most);
        }
    }

    /// Sets the limit.
    pub(crate) fn limit(&mut self, most: i128) {
        self.measure(self.sum(), most);
    }

    #[inline]
    fn measure(&mut self, sum: i128, most: i128) {
        // What is left of the greatest limit beside a sum below zero does not fit, and is no less than what is said here.
        let left = most.saturating_sub(sum).max(0);
        let room = u64::try_from(left).unwrap_or(u64::MAX);
        *self = Gauge {
            room,
            whole: sum + i128::from(room),
            most,
        };
    }

    /// Goes through the sum; the limit comes from where it is set.
    ///
    /// # Errors
    /// [`StateError`], if the bytes end or the sum is none of bounded amounts.
    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut sum = self.sum();
        visitor.wide(&mut sum)?;
        if sum.unsigned_abs() > 1 << 126 {
            return Err(visitor.bad(sum as u64, "the low half of a sum of bounded amounts"));
        }
        self.measure(sum, self.most);
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
                prop_assert_eq!(gauge.sum(), sum);
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
