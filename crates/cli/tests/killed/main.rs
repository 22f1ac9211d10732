//! The program killed, and the disk taken from under it, while a process of its own sends what its journal releases.
//! `scripts/kill-loop` runs many rounds.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "nothing but tests")]

use std::sync::{Mutex, MutexGuard, PoisonError};

mod faults;
mod ledger;
mod place;
mod power_cut;
mod rounds;
mod sender;

/// One desk at a time: each has a processor of its own and takes most of another.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
