//! What the books do, case by case; see `docs/matching.md`. [`script`] tells how a case is read.

#![allow(clippy::unwrap_used, reason = "tests")]

mod amends;
mod auctions;
mod cancels;
mod conformance;
mod orders;
mod prevention;
mod quotes;
mod reduce_only;
mod refusals;
mod script;
mod stops;
mod time;
