//! What the model draws from.

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

#[derive(Clone, Debug)]
pub(crate) struct Random(Xoshiro256PlusPlus);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Below a bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound
    }

    /// Once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Both ends included.
    pub(crate) fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.below((most - least + 1) as u64) as i64
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let bound = of.len() as u64;
        (bound > 0).then(|| of[self.below(bound) as usize])
    }

    /// One of the last ones rather than one of the first.
    pub(crate) fn pick_late<T: Copy>(&mut self, of: &[T]) -> Option<T> {
        let from = of.len() - of.len().min(1 << self.below(6));
        self.pick(&of[from..])
    }

    /// A value at a bound of something, or noise.
    pub(crate) fn hostile(&mut self) -> u64 {
        match self.below(8) {
            0 => u64::MAX,
            1 => i64::MIN as u64,
            2 => i64::MAX as u64,
            3 => self.below(4) | self.below(4) << 32,
            4 => self.below(20_000),
            5 => (self.between(-20_000, 0)) as u64,
            6 => 0,
            _ => self.0.next_u64(),
        }
    }
}
