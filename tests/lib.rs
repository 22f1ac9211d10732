//! Tests that cross crates, and what they share with the fuzz targets under `fuzz/`.

#[path = "../crates/engine/tests/desk/mod.rs"]
mod desk;
pub mod fuzz;
#[path = "../crates/engine/tests/desk/market.rs"]
mod market;
