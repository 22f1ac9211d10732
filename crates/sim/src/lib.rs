//! Simulated venues and clients: seeded generators of the records that real ones would send.
//!
//! A flow is a pure state machine. It says when its next message is due and gives it when asked; it has no clock,
//! no thread and no socket, so that the same flow serves a live run (the owner waits for the due time), a playback
//! (the due time is the recorded time) and a test. The same configuration, seed and answers give the same bytes on
//! every machine: all draws come from xoshiro256++, and all arithmetic is on integers.
//!
//! * [`VenueFlow`]: a venue's book of one instrument, as snapshots and updates, with trades and best prices.
//! * [`paper`]: a small desk with venues and clients, to try things on.
//! * [`ClientFlow`]: clients that ask for quotes, accept some, pass on some and let others expire; now and
//!   then for several instruments as one.
//! * [`Exchange`]: a venue's books with an execution side that fills orders against them, and with faults.
//! * [`RecordedExchange`]: the same on books that somebody recorded.
//! * [`Operator`]: a person who turns on what was halted, after a while.
//!
//! Frames leave with commit word and payload set; sequence, core time and cause are the producer's to fill.
//!
//! *Architecture invariant:* a flow never reads a clock, and no float touches what it sends.

mod client;
mod connection;
mod exchange;
mod execution;
mod fault;
mod fundamental;
mod ladder;
mod operator;
pub mod paper;
mod random;
mod recorded;
mod venue;

pub use client::{
    ClientConfigError, ClientCounts, ClientFlow, ClientFlowConfig, PackageRange, RequestRange,
    UNKNOWN_INSTRUMENT,
};
pub use exchange::{Exchange, ExchangeConfig};
pub use execution::ExecutionConfig;
pub use fault::{Fault, FaultConfig, FaultCounts};
pub use fundamental::FundamentalConfig;
pub use operator::Operator;
pub use recorded::RecordedExchange;
pub use venue::{VenueConfigError, VenueFlow, VenueFlowConfig};
