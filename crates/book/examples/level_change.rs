//! What one level change costs, over the recorded streams, beside a naive twin (`BTreeMap`) in the same run.
//!
//! `cargo run --profile lab -p pinrail-book --example level_change [ROUNDS]`; the recordings are found by
//! `PINRAIL_DATA`. Each update is split in two: its changes within 32 levels of the best, and the deeper ones; no
//! price stands in both, so the book after the update is the same. *All* is the time of a whole replay over its
//! changes, book-keeping of batches and records included. *Near the top* is the median over updates with at least
//! eight such changes of (time less the cost of reading the clock) over changes. Both are medians over rounds, and
//! rounds of book and twin alternate. At the end of each round the two hold the same levels, or the run fails.

#![allow(clippy::print_stdout)]

#[allow(dead_code, reason = "the tests use the rest of it")]
#[path = "../tests/recording/mod.rs"]
mod recording;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use pinrail_book::Book;
use pinrail_types::Flags;
use pinrail_types::record::{BookLevel, BookUpdate, SequenceRule};

use recording::{Event, FEEDS, Feed, data_dir, depth, load};

const NEAR: usize = 32;
const TIMED_MIN: usize = 8;

/// The changes of one update that are near the top, or those that are not.
struct Part {
    near: bool,
    changes: usize,
    records: Vec<BookUpdate>,
}

trait Mirror {
    fn apply(&mut self, update: &BookUpdate);

    fn apply_all(&mut self, updates: &[BookUpdate]) {
        for update in updates {
            self.apply(update);
        }
    }

    /// Bids and asks, best first.
    fn levels(&self) -> [Vec<(i64, i64)>; 2];
}

impl Mirror for Book {
    fn apply(&mut self, update: &BookUpdate) {
        black_box(Book::apply(self, update));
    }

    fn levels(&self) -> [Vec<(i64, i64)>; 2] {
        [self.bids(), self.asks()].map(|side| {
            side.iter_reported()
                .map(|level| (level.px.0, level.qty.0))
                .collect()
        })
    }
}

/// Levels by price, negative for bids so that the best comes first.
#[derive(Default)]
struct Naive([BTreeMap<i64, i64>; 2]);

impl Naive {
    fn set(&mut self, side: usize, level: BookLevel) {
        let key = if side == 0 { -level.px.0 } else { level.px.0 };
        if level.qty.0 == 0 {
            self.0[side].remove(&key);
        } else {
            self.0[side].insert(key, level.qty.0);
        }
    }

    fn is_near(&self, side: usize, level: BookLevel) -> bool {
        let key = if side == 0 { -level.px.0 } else { level.px.0 };
        self.0[side].keys().nth(NEAR).is_none_or(|limit| key < *limit)
    }
}

impl Mirror for Naive {
    fn apply(&mut self, update: &BookUpdate) {
        let (bids, asks) = update.sides().expect("the recording is well-formed");
        for level in bids {
            self.set(0, *level);
        }
        for level in asks {
            self.set(1, *level);
        }
    }

    fn levels(&self) -> [Vec<(i64, i64)>; 2] {
        [
            self.0[0].iter().map(|(k, q)| (-k, *q)).collect(),
            self.0[1].iter().map(|(k, q)| (*k, *q)).collect(),
        ]
    }
}

/// The snapshot, and the updates behind it in parts with ids of their own.
fn parts(events: Vec<Event>) -> (Vec<BookUpdate>, Vec<Part>) {
    let mut events = events.into_iter().filter_map(|event| match event {
        Event::Depth(records) => Some(records),
        Event::Top(_) => None,
    });
    let snapshot = events.next().expect("the recording holds a snapshot");
    let first_id = snapshot[0].last_id;
    let mut naive = Naive::default();
    naive.apply_all(&snapshot);
    let mut parts: Vec<Part> = Vec::new();
    for records in events {
        let mut split = [[Vec::new(), Vec::new()], [Vec::new(), Vec::new()]];
        for record in &records {
            let (bids, asks) = record.sides().expect("made by this program");
            for (side, levels) in [bids, asks].into_iter().enumerate() {
                for level in levels {
                    split[usize::from(naive.is_near(side, *level))][side].push(*level);
                }
            }
        }
        naive.apply_all(&records);
        for (near, [bids, asks]) in split.into_iter().enumerate() {
            let id = first_id + 1 + parts.len() as u64;
            let Event::Depth(records) = depth(Flags::NONE, (id, id, 0), 0, &bids, &asks) else {
                unreachable!("depth makes depth");
            };
            parts.push(Part {
                near: near == 1,
                changes: bids.len() + asks.len(),
                records,
            });
        }
    }
    (snapshot, parts)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Cost of reading the clock twice.
fn clock_ns() -> f64 {
    let reads = (0..1001).map(|_| {
        let start = Instant::now();
        start.elapsed().as_nanos() as f64
    });
    median(reads.collect())
}

/// Nanoseconds a change near the top.
fn replay_near(mirror: &mut impl Mirror, parts: &[Part], clock_ns: f64) -> f64 {
    let mut near = Vec::new();
    let mut taken = Vec::new();
    for part in parts {
        if !part.near || part.changes < TIMED_MIN {
            mirror.apply_all(&part.records);
            continue;
        }
        // The core processes its own copy of a record, which it has just made.
        taken.clear();
        taken.extend_from_slice(&part.records);
        let start = Instant::now();
        mirror.apply_all(&taken);
        let ns = start.elapsed().as_nanos() as f64;
        near.push((ns - clock_ns) / part.changes as f64);
    }
    median(near)
}

/// Nanoseconds a change over all.
fn replay_all(mirror: &mut impl Mirror, parts: &[Part]) -> f64 {
    let changes: usize = parts.iter().map(|part| part.changes).sum();
    let start = Instant::now();
    for part in parts {
        mirror.apply_all(&part.records);
    }
    start.elapsed().as_nanos() as f64 / changes as f64
}

fn measure(feed: &Feed, events: Vec<Event>, rounds: usize) {
    let (snapshot, parts) = parts(events);
    let clock = clock_ns();
    let mut figures: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds {
        for near in [false, true] {
            let mut book = Book::new(SequenceRule::Plain, 8192);
            let mut naive = Naive::default();
            Mirror::apply_all(&mut book, &snapshot);
            naive.apply_all(&snapshot);
            if near {
                figures[0].push(replay_near(&mut book, &parts, clock));
                figures[1].push(replay_near(&mut naive, &parts, clock));
            } else {
                figures[2].push(replay_all(&mut book, &parts));
                figures[3].push(replay_all(&mut naive, &parts));
            }
            assert_eq!(book.levels(), naive.levels(), "{}: the books differ", feed.name);
        }
    }
    let changes: usize = parts.iter().map(|part| part.changes).sum();
    let changes_near: usize = parts
        .iter()
        .filter(|part| part.near)
        .map(|part| part.changes)
        .sum();
    let [near_book, near_naive, all_book, all_naive] = figures.map(median);
    println!(
        "{:<10} {changes:>8} {:>5.1} % {near_book:>9.1} {near_naive:>9.1} {all_book:>9.1} {all_naive:>9.1}",
        feed.name,
        100.0 * changes_near as f64 / changes as f64,
    );
}

fn main() {
    let Some(dir) = data_dir() else { return };
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(7);
    println!("ns a level change, medians of {rounds} interleaved rounds");
    println!("                              near the top             all");
    println!("feed        changes    near      book     naive      book     naive");
    for feed in &FEEDS {
        measure(feed, load(&dir, feed), rounds);
    }
}
