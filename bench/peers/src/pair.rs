//! Two pinned threads, and the blocks in which their work is timed.

use std::time::Instant;

use thiserror::Error;

/// A case gave a wrong answer: its figure means nothing.
#[derive(Debug, Error)]
#[error("wrong answer: got {got}, expected {expected}")]
pub(crate) struct Wrong {
    got: u64,
    expected: u64,
}

/// # Errors
/// [`Wrong`] if the two differ.
pub(crate) fn check(got: u64, expected: u64) -> Result<(), Wrong> {
    if got == expected {
        Ok(())
    } else {
        Err(Wrong { got, expected })
    }
}

/// Runs `near` on the first core and `far` on the second, and gives what `near` measured.
pub(crate) fn run_pair(
    near: impl FnOnce() -> Result<f64, Wrong> + Send,
    far: impl FnOnce() -> Result<(), Wrong> + Send,
) -> Result<f64, Wrong> {
    std::thread::scope(|scope| {
        let far = scope.spawn(|| {
            pin(1);
            far()
        });
        let near = scope.spawn(|| {
            pin(0);
            near()
        });
        let ns = near.join().expect("the near thread does not panic");
        far.join().expect("the far thread does not panic")?;
        ns
    })
}

/// Pins this thread. A machine that lacks the core, or forbids it, measures what it can: ratios stay comparable.
pub(crate) fn pin(core: usize) {
    if !core_affinity::set_for_current(core_affinity::CoreId { id: core }) {
        eprintln!("warning: cannot pin to core {core}");
    }
}

/// Times `blocks` blocks of `operations` operations, a quarter of them to warm up, and gives the median block's
/// nanoseconds per operation: one that the scheduler interrupts counts for no more than any other. `operation` is given the
/// number of the operation, from 1 rising by one.
pub(crate) fn median_block(
    blocks: u64,
    operations: u64,
    mut operation: impl FnMut(u64) -> Result<(), Wrong>,
) -> Result<f64, Wrong> {
    let mut times = Vec::new();
    let mut number = 0;
    for _ in 0..blocks {
        let start = Instant::now();
        for _ in 0..operations {
            number += 1;
            operation(number)?;
        }
        times.push(start.elapsed().as_nanos() as f64 / operations as f64);
    }
    let mut kept = times.split_off(times.len() / 4);
    Ok(median(&mut kept))
}

/// The middle value. Sorts.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
