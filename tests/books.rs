//! The books over many messages: nothing is allocated.

#![allow(clippy::unwrap_used, reason = "tests")]

mod soak;

use pinrail_matching::Matcher;
use pinrail_matching::twin::Engine;
use pinrail_runtime::usage::CountingAllocator;
use soak::{BOUNDS, Soak};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

type Fast = Matcher;

#[test]
fn nothing_is_allocated_after_the_start() {
    assert!(CountingAllocator::is_installed());
    let mut soak = Soak::<Fast>::new(1);
    soak.go_on(300_000);
    let tally = soak.tally();
    assert_eq!(tally.allocations, 0);
    assert!(
        tally.fills > 10_000 && tally.refused > 1000 && tally.deltas > 100_000,
        "{tally:?}"
    );
    assert!(soak.engine.open_orders() <= BOUNDS.orders);
}
