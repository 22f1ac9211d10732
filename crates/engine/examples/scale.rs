//! Whether an event costs more where there are many instruments and clients, in one run.
//!
//! `cargo run --profile lab -p pinrail-engine --example scale [MANY] [ROUNDS]`. A desk of ten and one of many (10,000, which
//! takes 3 GB), each instrument at two venues. Rounds alternate between the two: 20,000 updates of one level, then 4,000 requests
//! for quotes, one right after the other, for instruments and clients that are drawn evenly from all, by Zipf's law as markets
//! are, or from the same ten, which tells how many are configured from how many are busy. Between updates and requests the
//! levels that changed are merged, as an idle core does; that is not timed. Each quote's price and each book is compared with a
//! naive twin. Medians over rounds, in nanoseconds an event.
//!
//! The instructions of an event do not depend on how many instruments there are (`bench/instructions.json`). What is left is
//! memory: the last line says what one read of a line that is in no cache takes in the same run, when nothing else can be
//! done meanwhile. *Foreseen* are updates for which `Engine::foresee` was called, sixteen together, as a core of many instruments
//! does with what waits in a venue's ring. Requests are not foreseen: of them seldom two wait.

#![allow(clippy::print_stdout)]

#[path = "../tests/desk/many.rs"]
mod many;

use std::time::Instant;

use many::{Drawn, Many, OPEN_QUOTES};
use pinrail_engine::FORESEEN_MAX;
use pinrail_types::{Frame, Px};

const FEW: usize = 10;
const DRAWN: [Drawn; 3] = [Drawn::Evenly, Drawn::Skewed, Drawn::Ten];
const UPDATES: usize = 20_000;
const REQUESTS: usize = OPEN_QUOTES - 96;
/// Lines of the cache that reads are drawn from: 512 MiB.
const LINES: usize = 1 << 23;
const READS: usize = 100_000;

/// Nanoseconds an update and nanoseconds a request.
fn round(desk: &mut Many, foreseen: bool) -> [f64; 2] {
    let updates: Vec<Frame> = (0..UPDATES).map(|_| desk.draw_update()).collect();
    let start = Instant::now();
    for updates in updates.chunks(FORESEEN_MAX) {
        if foreseen {
            desk.engine.foresee(updates);
        }
        for update in updates {
            assert_eq!(desk.put(*update), None);
        }
    }
    let update_ns = start.elapsed().as_nanos() as f64 / UPDATES as f64;
    while desk.engine.refresh() {}
    let requests: Vec<(Frame, Px)> = (0..REQUESTS).map(|_| desk.draw_request()).collect();
    let start = Instant::now();
    for (request, offer) in requests {
        assert_eq!(desk.put(request), Some(offer));
    }
    let request_ns = start.elapsed().as_nanos() as f64 / REQUESTS as f64;
    desk.expire();
    [update_ns, request_ns]
}

/// Nanoseconds of a read whose place the read before tells.
fn read_ns(lines: &[[u64; 8]], place: &mut usize) -> f64 {
    let start = Instant::now();
    for _ in 0..READS {
        // Visits every line before it comes back: a full period for a modulus of a power of two.
        let read = lines[*place][0] as usize;
        *place = (*place * 2_891_336_453 + 1_640_531_527 + read) % LINES;
    }
    start.elapsed().as_nanos() as f64 / READS as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let mut args = std::env::args().skip(1).map(|arg| arg.parse().expect("a number"));
    let many = args.next().unwrap_or(10_000);
    let rounds = args.next().unwrap_or(21);
    let mut desks = [FEW, many].map(Many::new);
    // Not zero: memory that was never written would be one page.
    let lines = vec![[LINES as u64; 8]; LINES];
    let (mut place, mut reads) = (0, Vec::new());
    // By desk, by what is drawn, as they come and foreseen, then updates and requests.
    let mut figures: [[[[Vec<f64>; 2]; 2]; 3]; 2] = Default::default();
    for _ in 0..rounds {
        for (desk, figures) in desks.iter_mut().zip(&mut figures) {
            for (drawn, figures) in DRAWN.into_iter().zip(figures) {
                desk.drawn = drawn;
                for (foreseen, figures) in [false, true].into_iter().zip(figures) {
                    for (figure, ns) in figures.iter_mut().zip(round(desk, foreseen)) {
                        figure.push(ns);
                    }
                }
            }
        }
        reads.push(read_ns(&lines, &mut place));
    }
    desks.iter().for_each(Many::check_books);
    let [few, more] = figures.map(|desk| desk.map(|drawn| drawn.map(|round| round.map(median))));
    println!("ns an event, medians of {rounds} interleaved rounds");
    println!("{:<26} {FEW:>8} {many:>8} {:>7}", "instruments", "ratio");
    for (at, drawn) in DRAWN.into_iter().enumerate() {
        for (event, name) in ["update", "request"].into_iter().enumerate() {
            let ways = if event == 0 {
                &["", ", foreseen"][..]
            } else {
                &[""]
            };
            for (foreseen, how) in ways.iter().enumerate() {
                let (few, more) = (few[at][foreseen][event], more[at][foreseen][event]);
                let name = format!("{name}, {drawn:?}{how}").to_lowercase();
                println!("{name:<26} {few:>8.1} {more:>8.1} {:>7.2}", more / few);
            }
        }
    }
    println!("a read in no cache {:>16.1}", median(reads));
}
