//! What a report is made of: latency histograms, tables and charts for terminals, and the environment that a figure
//! was measured in.
//!
//! Nothing here runs on the core thread but [`latency::Recorder::record_ns`], which neither allocates nor fails.

pub mod chart;
pub mod environment;
pub mod latency;
pub mod table;

pub use environment::Environment;
pub use latency::{Recorder, Summary};
