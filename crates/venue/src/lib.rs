//! Codecs and sessions of external venues, and playback of their recordings.
//!
//! A recording is read line by line ([`capture`]), each line is decoded onto the desk's grid ([`binance`]), put
//! into the exchange's order and packed into records ([`session`]), and pushed into a ring when it is due
//! ([`playback`]). [`check`] rebuilds a book from a recording and compares it with the exchange's own best prices.
//!
//! All of it runs on I/O threads: it may allocate and read files, and whatever it is given may be hostile, so every
//! length is bounded and nothing in a message makes it panic.

pub mod amount;
pub mod binance;
mod bybit;
pub mod capture;
pub mod check;
mod coinbase;
mod deribit;
pub mod error;
pub mod infer;
mod kraken;
pub mod listing;
mod okx;
pub mod playback;
pub mod session;
#[cfg(test)]
mod testing;
mod wire;

pub use error::{Fault, FeedError, MessageError};
pub use listing::{Listing, Market};
