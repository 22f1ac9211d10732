//! Pinrail's parts beside other people's crates, measured interleaved in one run, so that ratios can be compared.

mod pair;
mod ring;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::pair::Wrong;
use crate::table::Row;

/// Measures Pinrail's ring beside bare atomics and rtrb, interleaved in one run.
///
/// Exits with 1 only if an answer was wrong.
#[derive(Parser)]
struct Options {
    /// How often every case runs; a figure is the median of the repeats.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeats: u32,
    /// Runs only the groups whose name contains this.
    #[arg(long, default_value = "")]
    group: String,
    /// Prints JSON instead of a table.
    #[arg(long)]
    json: bool,
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
                    return ExitCode::FAILURE;
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
    ExitCode::SUCCESS
}
