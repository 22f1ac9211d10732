//! What a sweep of two venues costs, warm.
//!
//! `cargo run --profile lab -p pinrail-book --example sweep`. 8 pairs of books whose levels lie 1 to 4 ticks apart
//! and so interleave at random, swept in turn, so that no branch is learnt by heart; or with the second venue's
//! offers all behind the first's, as where fees or a basis part them. Medians over rounds; the cost of each sweep is
//! checked against a plain sum over sorted levels. Both ways are shown: level by level, and in what was merged before.

#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use bytemuck::Zeroable;
use pinrail_book::{Book, Consolidated, Source};
use pinrail_types::record::{BookLevel, BookUpdate, SequenceRule};
use pinrail_types::{E8, Flags, Px, Qty, Side};

const PAIRS: usize = 8;
const ROUNDS: usize = 2001;
const LOTS: i64 = 100;

/// xorshift64: enough to scatter levels.
fn random(state: &mut u64) -> i64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 33) as i64
}

/// Thirty-three offers of a hundred lots each, from `px` on.
fn book(px: i64, state: &mut u64) -> Book {
    let mut book = Book::new(SequenceRule::Plain, 64);
    let mut px = px;
    for part in 0..3 {
        let mut update = BookUpdate {
            asks: 11,
            ..BookUpdate::zeroed()
        };
        for level in &mut update.levels {
            px += 1 + random(state) % 4;
            *level = BookLevel {
                px: Px(px),
                qty: Qty(LOTS),
            };
        }
        let flags = [Flags::FIRST, Flags::NONE, Flags::LAST][part];
        update.header.commit = update.commit_for(flags.with(Flags::SNAPSHOT)).pack();
        book.apply(&update);
    }
    book
}

fn expected(sources: &[Source], levels: usize) -> i128 {
    let mut net: Vec<i128> = sources
        .iter()
        .flat_map(|source| {
            let factor = i128::from(E8 + i64::from(source.taker_fee_e8));
            source
                .book
                .asks()
                .iter()
                .map(move |level| i128::from(level.px.0) * factor)
        })
        .collect();
    net.sort_unstable();
    net[..levels].iter().sum::<i128>() * i128::from(LOTS)
}

fn measure(name: &str, apart: i64, levels: usize) {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let source = |book: Book| Source {
        book,
        taker_fee_e8: 0,
        stale_ns_max: u64::MAX,
        halted: false,
        lot: Qty(1),
    };
    let mut pairs: Vec<Consolidated> = (0..PAIRS)
        .map(|_| {
            let px = 1_000_000 + random(&mut state) % 100_000;
            let mut pair = Consolidated::new();
            pair.add(source(book(px, &mut state)));
            pair.add(source(book(px + apart, &mut state)));
            pair
        })
        .collect();
    let qty = Qty(levels as i64 * LOTS);
    let walked = median(&pairs, qty);
    for pair in &mut pairs {
        while pair.refresh(0) {}
    }
    let merged = median(&pairs, qty);
    for pair in &pairs {
        assert_eq!(swept(pair, qty), expected(pair.sources(), levels));
    }
    println!("{name:<12} {levels:>6} {walked:>10.1} {merged:>10.1}");
}

fn swept(pair: &Consolidated, qty: Qty) -> i128 {
    let view = pair.view(0).expect("the books are healthy");
    view.sweep(Side::Buy, qty)
        .expect("the books are deep enough")
        .cost
}

fn median(pairs: &[Consolidated], qty: Qty) -> f64 {
    let mut figures = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for pair in pairs {
            black_box(swept(black_box(pair), qty));
        }
        figures.push(start.elapsed().as_nanos() as f64 / PAIRS as f64);
    }
    figures.sort_by(f64::total_cmp);
    figures[ROUNDS / 2]
}

fn main() {
    println!("two venues   levels  walked, ns  merged, ns (medians)");
    for levels in [1, 10, 20] {
        measure("interleaved", 0, levels);
        measure("apart", 1_000, levels);
    }
}
