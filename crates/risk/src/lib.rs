//! Pre-trade risk: trading states, request checks, limits, and the reservation of what open quotes could cost.
//!
//! Every check fails closed and has one [`Reason`](pinrail_types::Reason) of its own. What a quote could cost at its
//! worst is reserved when it goes out and released exactly once when it ends, so that several quotes accepted at the
//! same moment can never together break a limit. Nothing is allocated after construction; each check is O(1).

mod reserve;
mod state;

pub use reserve::{Ask, Quoted, Risk};
pub use state::{TradingStates, stricter};
