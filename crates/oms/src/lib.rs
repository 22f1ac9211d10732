//! State machines of RFQ and quote, and positions.
//!
//! [`QuoteTable`] holds every open quote and remembers those that ended last; [`Positions`] the house position and
//! cash in each instrument. Both are bounded at construction and allocate nothing afterwards.

mod positions;
mod quotes;
mod slots;

mod timers;

pub use positions::{Position, Positions};
pub use quotes::{Open, OpenQuote, QuoteTable, Slot};
