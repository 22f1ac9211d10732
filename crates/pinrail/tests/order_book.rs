//! `examples/order_book.rs`, run. `cargo test` builds examples, unless it is told to build one test only.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

#[test]
fn it_prints_reports_fills_and_the_book() {
    let test = std::env::current_exe().unwrap();
    let example = test.ancestors().nth(2).unwrap().join("examples/order_book");
    let run = Command::new(&example).output();
    let run = run.unwrap_or_else(|error| panic!("{}: {error}; build the examples first", example.display()));
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let printed = String::from_utf8(run.stdout).unwrap();
    let expected = [
        "New: order 1, 5 open",
        "Level: Sell 5 at 101",
        "New: order 2, 5 open",
        "Level: Sell 5 at 102",
        "New: order 3, 7 open",
        "Fill: order 1, 5 at 101",
        "Level: Sell 0 at 101",
        "Fill: order 2, 2 at 102",
        "Level: Sell 3 at 102",
        "Level: Sell 0 at 102",
        "Canceled: order 2, 0 open",
    ];
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn it_is_short() {
    let source = include_str!("../../../examples/order_book.rs");
    let code = source
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("//"));
    assert!(code.count() < 40);
}
