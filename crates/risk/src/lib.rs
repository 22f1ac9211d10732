//! Pre-trade risk: trading states, limits, and the reservation of what open quotes could cost.
//!
//! [`Check`] is the table of checks. Every check fails closed and has one [`Reason`](pinrail_types::Reason) of its own;
//! `docs/controls.md` says which rule asks for it and which test fails without it. A check judges new risk only: nothing
//! here is asked before a quote ends or a fill of ours is booked. What a quote could cost at its worst is reserved when
//! it goes out and released exactly once when it ends, so that several quotes accepted at the same moment can never
//! together break a limit. Nothing is allocated after construction; each check is O(1).
//!
//! | where | what |
//! |---|---|
//! | `checks` | the table |
//! | `admit` | checks of a message, and of a request before it is priced |
//! | `reserve` | checks of a price, and what is reserved and released |
//! | `state` | trading states by scope |
//! | `limits`, `bound`, `changes` | limits as inputs, what waits for a second person, what returns |
//! | `instrument`, `client`, `asset`, `sessions` | what is kept of each |
//! | `orders`, `venues` | checks of an order to a venue, what it reserves, and what is kept of each venue |
//! | `book` | checks of a client's order for a book of the desk's own, and what it reserves |
//! | `latch` | what sets a trading state by itself |
//! | `rate`, `restricted`, `reference`, `duplicates`, `fills`, `exposure`, `profit` | the state of one subject each |

mod admit;
mod agency;
mod ask;
mod asset;
mod book;
mod bound;
mod changes;
mod checks;
mod client;
mod duplicates;
mod exposure;
mod fills;
mod gauge;
mod instrument;
mod latch;
mod legs;
mod limits;
mod orders;
mod profit;
mod rate;
mod reference;
mod replaces;
mod reserve;
mod restricted;
mod risk;
mod sessions;
mod state;
mod venues;

pub use ask::{Ask, Quoted};
pub use book::{BookAsk, BookMarket};
pub use changes::CHANGES_MAX;
pub use checks::Check;
pub use latch::Latch;
pub use orders::OrderMarket;
pub use restricted::RESTRICTED_MAX;
pub use risk::{Risk, RiskBounds};
pub use sessions::SESSIONS_MAX;
pub use state::{STRATEGIES_MAX, TradingStates, stricter};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod twin;
