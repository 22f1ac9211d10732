//! Two engines of the books, told the same messages, must say the same and stand the same.
//!
//! The first byte chooses how long work is cut and how many orders fit; then [`Domain::MESSAGE_BYTES`] are a message.

use pinrail_matching::twin::{Domain, Lockstep, Twin};
use pinrail_matching::{Bounds, Matcher};

use super::Input;

/// The engine that is compared with the twin.
type Fast = Matcher;

pub(super) const STEP_BYTES: usize = Domain::MESSAGE_BYTES;
const STEPS_MAX: usize = 300;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = usize::from(input.u8());
    let bounds = |steps| Bounds {
        books: Domain::SMALL.books as usize,
        orders: [8, 40][choice / 3 % 2],
        pages: 4096,
        steps,
    };
    let steps = [1, 3, 1000][choice % 3];
    let mut lockstep = Lockstep::<Fast, Twin>::new(Domain::SMALL, bounds(steps), bounds(1000));
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        lockstep.step(input.take(STEP_BYTES));
    }
}
