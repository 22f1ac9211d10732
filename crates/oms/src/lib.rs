//! State machines of RFQ and quote, orders at venues, and positions.
//!
//! [`QuoteTable`] holds every open quote and remembers those that ended last; [`Streams`] what is quoted again and again;
//! [`Positions`] the house position and cash in each instrument. [`OrderTable`] holds every order that is open at a venue,
//! [`Executions`] the reports that were taken of them. All are bounded at construction and allocate nothing afterwards.

mod executions;
mod orders;
mod positions;
mod quotes;
mod slots;
mod streams;
mod timers;

pub use executions::{EXECUTIONS_MAX, Executions};
pub use orders::{OPEN_ORDERS_MAX, OrderSlot, OrderTable};
pub use positions::{Position, Positions};
pub use quotes::{Open, OpenQuote, QuoteTable, Slot};
pub use streams::{Stream, StreamSlot, Streams};
