//! `examples/own_desk.rs`, run. `cargo test` builds examples, unless it is told to build one test only.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

fn printed() -> String {
    let test = std::env::current_exe().unwrap();
    let example = test.ancestors().nth(2).unwrap().join("examples/own_desk");
    let run = Command::new(&example).output();
    let run = run.unwrap_or_else(|error| panic!("{}: {error}; build the examples first", example.display()));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

/// The figure in the row that begins so.
fn figure(printed: &str, row: &str) -> i64 {
    let line = printed
        .lines()
        .find(|line| line.starts_with(&format!("| {row} ")));
    let line = line.unwrap_or_else(|| panic!("no {row}: {printed}"));
    let digits: String = line.rsplit('|').nth(1).unwrap().replace(',', "");
    digits.trim().parse().unwrap()
}

#[test]
fn it_quotes_hedges_and_keeps_its_limit() {
    let told = printed();
    assert!(figure(&told, "requests") > 5_000, "{told}");
    let fills = figure(&told, "fills");
    assert!(fills > 500 && fills < figure(&told, "quotes"), "{told}");
    assert!(figure(&told, "refused by its own limit") > 0, "{told}");
    let orders = figure(&told, "orders to venues");
    assert!(
        orders > 50 && figure(&told, "fills at venues") >= orders / 2,
        "{told}"
    );
    let lines: Vec<&str> = told.lines().rev().take(2).collect();
    assert_eq!(lines[0], "the accounts balance: true; nothing is reserved: true");
    let lots: i64 = lines[1].split(' ').nth(1).unwrap().parse().unwrap();
    // What was open together may pass the limit; without hedges the position would lie far beyond it.
    assert!(lots.abs() < 2 * 500_000, "{told}");
    assert_eq!(printed(), told, "the same in every run");
}

#[test]
fn it_is_one_short_file() {
    assert!(include_str!("../../../examples/own_desk.rs").lines().count() < 200);
}
