//! The deterministic state machine: one input record in, its output records out.
//!
//! [`Engine::on_event`] is the one place where books, pricing, risk, quotes and orders meet. Live trading, replay, a shadow
//! and a standby all run this same function. Inside it there is no clock, no randomness, no I/O, no allocation once
//! the desk has been active, and no iteration in the order of a hash: the same inputs give the same output bytes.
//!
//! *Architecture invariant:* the engine never sees a ring, a journal, a clock or a socket. Time is what the input says.

mod agency;
mod busts;
mod cancels;
mod config;
mod control;
mod crossing;
mod dealing;
mod explain;
mod foresee;
mod hash;
mod last_look;
mod mark_outs;
mod market;
mod orders;
mod out;
mod packages;
mod replaces;
mod rfq;
mod routing;
mod rules;
mod snapshot;
mod state;
mod strategy;
mod streams;
mod terms;
mod unanswered;

pub use foresee::FORESEEN_MAX;
pub use hash::RollingHash;
pub use mark_outs::MARKS_MAX;
pub use out::{OUT_LINES_MAX, Out};
pub use pinrail_oms::{AGENCY_MAX, EXECUTIONS_MAX, Owner, PARENTS_MAX};
pub use pinrail_pricing::{Pricer, Strategy};
#[cfg(feature = "omit")]
pub use rules::leave_out;
pub use snapshot::hash_of;
pub use state::{Bounds, Counts, Engine};
pub use unanswered::{ANSWER_NS, CANCEL_RETRY_NS};
