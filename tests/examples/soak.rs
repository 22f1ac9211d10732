//! A soak of the books: `cargo run --release -p pinrail-tests --example soak -- [MESSAGES] [SEED] [--twin] [--json]`.
//!
//! Tells the matcher random messages of every kind, and shows how many it takes in a second, how often it called the
//! allocator, which must be never, and whether its memory stays flat. With `--twin` the plain engine is told the same, and
//! all that both say is compared; that is a thousand times slower.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example")]

#[path = "../soak/mod.rs"]
mod soak;

use std::process::ExitCode;

use pinrail_matching::twin::{Domain, Engine, Lockstep, Twin};
use pinrail_matching::{Bounds, Matcher};
use pinrail_runtime::usage::CountingAllocator;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use soak::{Soak, Tally};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// The engine that is soaked.
type Fast = Matcher;

/// Lines that are shown.
const LINES: u64 = 10;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let numbers: Vec<u64> = args.iter().filter_map(|arg| arg.parse().ok()).collect();
    if args.len() != numbers.len() + usize::from(has("--twin")) + usize::from(has("--json")) {
        println!("usage: soak [MESSAGES] [SEED] [--twin] [--json]");
        return ExitCode::FAILURE;
    }
    let seed = numbers.get(1).copied().unwrap_or(1);
    if has("--twin") {
        lockstep(numbers.first().copied().unwrap_or(100_000), seed);
        return ExitCode::SUCCESS;
    }
    run(
        numbers.first().copied().unwrap_or(10_000_000),
        seed,
        has("--json"),
    )
}

fn run(messages: u64, seed: u64, is_json: bool) -> ExitCode {
    let mut soak = Soak::<Fast>::new(seed);
    if !is_json {
        println!(
            "{:>12} {:>8} {:>12} {:>12} {:>10} {:>12} {:>12}",
            "messages", "open", "refused", "fills", "M/s", "allocations", "resident kB"
        );
    }
    let mut resident_kb = Vec::new();
    for line in 0..LINES {
        let before = soak.tally();
        soak.go_on(messages * (line + 1) / LINES - before.messages);
        let tally = soak.tally();
        resident_kb.push(resident_kb_now());
        if !is_json {
            let open = soak.engine.open_orders();
            println!(
                "{:>12} {open:>8} {:>12} {:>12} {:>10.2} {:>12} {:>12}",
                tally.messages,
                tally.refused,
                tally.fills,
                rate_m(&tally, &before),
                tally.allocations,
                resident_kb_now()
            );
        }
    }
    let tally = soak.tally();
    if is_json {
        println!(
            "{{\"seed\":{seed},\"messages\":{},\"refused\":{},\"reports\":{},\"fills\":{},\"deltas\":{},\"spent_ns\":{},\"allocations\":{},\"resident_kb\":{resident_kb:?}}}",
            tally.messages,
            tally.refused,
            tally.reports,
            tally.fills,
            tally.deltas,
            tally.spent.as_nanos(),
            tally.allocations
        );
    }
    if !is_json {
        println!("\nrefused");
        for (reason, count) in soak.refusals() {
            println!("{count:>12} {reason:?}");
        }
    }
    ExitCode::from(u8::from(tally.allocations != 0))
}

/// Millions of messages a second since `before`.
fn rate_m(tally: &Tally, before: &Tally) -> f64 {
    let seconds = tally.spent.as_secs_f64() - before.spent.as_secs_f64();
    (tally.messages - before.messages) as f64 / seconds / 1e6
}

/// What the process holds in memory, zero where that is not to be had.
fn resident_kb_now() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4
}

/// Small books, in which everything is in each other's way, told to both engines.
fn lockstep(messages: u64, seed: u64) {
    let domain = Domain {
        ids: 120,
        ..Domain::SMALL
    };
    let bounds = |steps| Bounds {
        books: domain.books as usize,
        orders: 100,
        pages: 4096,
        steps,
    };
    let mut lockstep = Lockstep::<Fast, Twin>::new(domain, bounds(3), bounds(1000));
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut bytes = [0; Domain::MESSAGE_BYTES];
    for n in 1..=messages {
        draws.fill_bytes(&mut bytes);
        lockstep.step(&bytes);
        if n % (messages / LINES).max(1) == 0 {
            println!("{n:>12} messages, all that was said the same");
        }
    }
}
