//! The rolling hash over outputs.

use pinrail_types::state::{StateError, Visitor};

/// A hash over 64-bit words that is the same on every machine and in every version: it finds differences, it does
/// not withstand an adversary.
///
/// Words are taken in pairs, alternately into two lanes; each pair updates its lane as
/// `lane = fold((lane ^ a) * (b ^ K))`, where `fold` is the exclusive or of the halves of the 128-bit product and
/// `K` = 0x9e3779b97f4a7c15. The value is `fold((lane0 ^ K) * (lane1.rotate_left(32) ^ count))`, where `count` is the
/// number of words taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollingHash {
    lanes: [u64; 2],
    words: u64,
}

const K: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
fn fold_mul(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

impl Default for RollingHash {
    fn default() -> Self {
        RollingHash {
            lanes: [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344],
            words: 0,
        }
    }
}

impl RollingHash {
    /// Takes the words of a record; their number is a multiple of four, as that of every record is.
    #[inline]
    pub fn update(&mut self, words: &[u64]) {
        debug_assert!(words.len().is_multiple_of(4));
        let (quads, _) = words.as_chunks::<4>();
        // One lane behind the other: taken together they are packed into one vector register and out of it again for each
        // multiplication. The processor runs both at once anyway.
        let lane = |lane: u64, at: usize| {
            quads.iter().fold(lane, |lane, quad| {
                fold_mul(lane ^ quad[at], quad[at + 1] ^ K).wrapping_add(quad[at])
            })
        };
        self.lanes = [lane(self.lanes[0], 0), lane(self.lanes[1], 2)];
        self.words += words.len() as u64;
    }

    /// Goes through the state.
    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for lane in &mut self.lanes {
            visitor.word(lane)?;
        }
        visitor.word(&mut self.words)
    }

    /// The hash of all that was taken.
    pub fn value(&self) -> u64 {
        fold_mul(self.lanes[0] ^ K, self.lanes[1].rotate_left(32) ^ self.words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_and_its_place_matter() {
        let words: Vec<u64> = (0..24).map(|n| n * 0x0101_0101).collect();
        let hash = |words: &[u64]| {
            let mut hash = RollingHash::default();
            hash.update(words);
            hash.value()
        };
        let whole = hash(&words);
        for at in 0..words.len() {
            for bit in 0..64 {
                let mut changed = words.clone();
                changed[at] ^= 1 << bit;
                assert_ne!(hash(&changed), whole, "word {at} bit {bit}");
            }
            let mut swapped = words.clone();
            swapped.swap(at, (at + 4) % words.len());
            assert_ne!(hash(&swapped), whole);
        }
        assert_ne!(hash(&words[..20]), whole);
    }

    #[test]
    fn the_value_is_fixed_for_ever() {
        let mut hash = RollingHash::default();
        hash.update(&[1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(hash.value(), 0x1366_da23_1f72_589a);
    }
}
