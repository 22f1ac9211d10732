//! Pinrail's parts beside other people's crates, measured interleaved in one run, so that ratios can be compared.

mod books;
mod pair;
mod ring;
mod table;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::pair::Wrong;
use crate::table::Row;

/// Measures Pinrail's parts beside other people's crates, interleaved in one run.
///
/// Exits with 1 only if an answer of Pinrail's was wrong.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    part: Part,
    /// How often every case runs; a figure is the median of the repeats.
    #[arg(long, global = true, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// Runs only the groups whose name contains this.
    #[arg(long, global = true, default_value = "")]
    group: String,
    /// Prints JSON instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Part {
    /// The ring beside bare atomics and rtrb.
    Ring,
    /// The matching engine beside lobster, orderbook-rs, matchcore and nanobook, in a mixed flow.
    Books {
        /// Runs only the peers whose name contains this.
        #[arg(long, default_value = "")]
        peer: String,
        /// Measures nothing, and says whether the fills are right.
        #[arg(long)]
        check: bool,
    },
}

/// Something to be measured.
struct Case {
    name: &'static str,
    /// Cases of one group are compared with each other.
    group: &'static str,
    /// Measures once; nanoseconds per operation.
    measure: fn() -> Result<f64, Wrong>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let is_right = match &options.part {
        Part::Ring => compare_rings(&options),
        Part::Books { peer, check: true } => books::check(&options.group, peer),
        Part::Books { peer, check: false } => books::compare(&options, peer),
    };
    if is_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether every answer was right.
fn compare_rings(options: &Options) -> bool {
    let cases: Vec<&Case> = ring::CASES
        .iter()
        .filter(|case| case.group.contains(&options.group))
        .collect();
    let mut samples = vec![Vec::new(); cases.len()];
    for _ in 0..options.repeats {
        for (case, samples) in cases.iter().zip(&mut samples) {
            match (case.measure)() {
                Ok(ns) => samples.push(ns),
                Err(wrong) => {
                    eprintln!("{}, {}: {wrong}", case.group, case.name);
                    return false;
                }
            }
        }
    }
    let rows: Vec<Row> = cases
        .iter()
        .zip(samples)
        .map(|(case, samples)| Row::new(case.group, case.name, samples))
        .collect();
    if options.json {
        println!("{:#}", table::json(&rows, options.repeats));
    } else {
        table::print(&rows, options.repeats);
    }
    true
}
