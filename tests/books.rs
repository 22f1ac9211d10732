//! What the books take of memory: all of it when they are made, as much as `docs/matching.md` says, and nothing after.

#![allow(clippy::unwrap_used, reason = "tests")]

mod soak;

use pinrail_matching::twin::Engine;
use pinrail_matching::{BookConfig, Bounds, Matcher, Phase};
use pinrail_runtime::usage::CountingAllocator;
use pinrail_types::InstrumentId;
use soak::{BOUNDS, Soak};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

type Fast = Matcher;

#[test]
fn nothing_is_allocated_after_the_start() {
    assert!(CountingAllocator::is_installed());
    let mut soak = Soak::<Fast>::new(1);
    soak.go_on(1_000_000);
    let tally = soak.tally();
    assert_eq!(tally.allocations, 0);
    assert!(
        tally.fills > 30_000 && tally.refused > 3000 && tally.deltas > 300_000,
        "{tally:?}"
    );
    assert!(soak.engine.open_orders() <= BOUNDS.orders);
}

/// Bytes that a matcher of open and idle books has allocated.
fn bytes(bounds: Bounds) -> usize {
    let before = CountingAllocator::bytes();
    let mut matcher = Matcher::new(bounds);
    for book in 0..bounds.books as u32 {
        matcher.open(InstrumentId(book), &BookConfig::default()).unwrap();
        matcher
            .set_phase(InstrumentId(book), Phase::Continuous, &mut ())
            .unwrap();
    }
    let bytes = CountingAllocator::bytes().wrapping_sub(before);
    drop(matcher);
    assert_eq!(CountingAllocator::bytes(), before);
    bytes
}

#[test]
fn books_orders_and_pages_take_what_is_documented() {
    assert!(CountingAllocator::is_installed());
    let one = Bounds {
        books: 1,
        orders: 1 << 16,
        pages: 1 << 10,
        steps: 1,
    };
    let of_one = bytes(one);
    let more = |more: Bounds, count: usize| {
        let bytes = bytes(more) - of_one;
        assert_eq!(bytes % count, 0, "as much for each");
        bytes / count
    };
    let book = more(Bounds { books: 10_000, ..one }, 9_999);
    let order = more(
        Bounds {
            orders: 1 << 17,
            ..one
        },
        1 << 16,
    );
    let page = more(
        Bounds {
            pages: 1 << 11,
            ..one
        },
        1 << 10,
    );
    let stated = format!("| {book} | {order} | {page} |");
    let document = include_str!("../docs/matching.md");
    assert!(
        document.contains(&stated),
        "docs/matching.md does not say {stated}"
    );
    let rest = of_one - book - order * one.orders - page * one.pages;
    assert_eq!(rest, 8, "nothing besides but the end of one more queue");
    let odd = one.orders + 1;
    let most = bytes(Bounds { orders: odd, ..one });
    assert!(most <= book + (order + 44) * odd + page * one.pages, "{most}");
}
