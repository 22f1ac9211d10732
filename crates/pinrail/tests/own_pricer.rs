//! `examples/own_pricer.rs`, run. `cargo test` builds examples, unless it is told to build one test only.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

fn printed() -> String {
    let test = std::env::current_exe().unwrap();
    let example = test.ancestors().nth(2).unwrap().join("examples/own_pricer");
    let run = Command::new(&example).output();
    let run = run.unwrap_or_else(|error| panic!("{}: {error}; build the examples first", example.display()));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

/// The figure in the row that begins so.
fn figure(printed: &str, row: &str) -> i64 {
    let line = printed.lines().find(|line| line.contains(row));
    let line = line.unwrap_or_else(|| panic!("no {row}: {printed}"));
    let digits: String = line.rsplit('|').nth(1).unwrap().replace(',', "");
    digits.trim().parse().unwrap()
}

#[test]
fn it_quotes_fills_and_refuses_by_the_desks_own_limit() {
    let told = printed();
    assert!(figure(&told, "| QuoteBasis") > 1_000, "{told}");
    assert!(figure(&told, "| PositionReport") > 100, "{told}");
    assert!(
        figure(&told, "A limit of the desk's own, number 0") > 10,
        "{told}"
    );
    let line = told.lines().last().unwrap();
    let lots: Vec<i64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    // What is open together may pass the band: it is held to the position alone.
    assert!(lots[0] != 0 && lots[0].abs() < 2 * lots[1], "{line}");
    assert_eq!(printed(), told, "the same in every run");
}
