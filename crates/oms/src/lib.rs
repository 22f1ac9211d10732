//! State machines of RFQ and quote, orders at venues, and positions.
//!
//! [`QuoteTable`] holds every open quote and remembers those that ended last; [`Streams`] what is quoted again and again;
//! [`Positions`] the house position and cash in each instrument. [`OrderTable`] holds every order that is open at a venue,
//! [`ParentTable`] what they are parts of, [`Executions`] the reports that were taken of them. [`ClientOrders`] holds what is open in the desk's own books, [`Holdings`]
//! what clients traded there. [`Accounts`] holds who has what, in double entry. All are bounded at construction and allocate
//! nothing afterwards.

mod accounts;
mod chains;
mod client_orders;
mod executions;
mod holdings;
mod orders;
mod pairs;
mod parents;
mod positions;
mod quotes;
mod slots;
mod streams;
mod timers;

pub use accounts::{Accounts, Entries, Owner};
pub use client_orders::{ClientOrderSlot, ClientOrderState, ClientOrders, Held};
pub use executions::{EXECUTIONS_MAX, Executions};
pub use holdings::Holdings;
pub use orders::{OPEN_ORDERS_MAX, OrderSlot, OrderTable};
pub use parents::{PARENTS_MAX, ParentSlot, ParentTable};
pub use positions::{Position, Positions};
pub use quotes::{Open, OpenQuote, QuoteTable, Slot};
pub use streams::{Stream, StreamSlot, Streams};
