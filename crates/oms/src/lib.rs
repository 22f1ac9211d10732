//! State machines of RFQ and quote, orders at venues, and positions.
//!
//! [`life`] is the table of what may become of a request, its quote and an order at a venue. [`QuoteTable`] holds every open quote and remembers those that ended last; [`Streams`] what is quoted again and again;
//! [`Packages`] what packages consist of; [`Reports`] what was told last of accepts, [`Recalls`] what clients took back;
//! [`Positions`] the house position and cash in each instrument. [`OrderTable`] holds every order that is open at a venue,
//! [`ParentTable`] what they are parts of, [`Executions`] the reports that were taken of them and the trades that these told of. [`ClientOrders`] holds what is open in the desk's own books, [`Holdings`]
//! what clients traded there. [`Accounts`] holds who has what, in double entry.
//! [`MarkOuts`] holds the fills behind which the market is looked at. All are bounded at construction and allocate
//! nothing afterwards.

mod accounts;
mod agency;
mod answers;
mod chains;
mod client_orders;
mod deals;
mod executions;
mod holdings;
mod holds;
pub mod life;
mod mark_outs;
mod orders;
mod packages;
mod pairs;
mod parents;
mod positions;
mod quotes;
mod recalls;
mod reports;
mod slots;
mod streams;
mod timers;

pub use accounts::{Accounts, Entries, Owner};
pub use agency::{AGENCY_MAX, AgencyOrder, AgencyOrders, Passed, PassedSum};
pub use answers::{ASKS_MAX, REFUSALS_MAX};
pub use client_orders::{ClientOrderSlot, ClientOrderState, ClientOrders, Held};
pub use deals::{DEALS_MAX, Deal, DealSlot, Deals};
pub use executions::{EXECUTIONS_MAX, ExecutionSlot, Executions, OTHER_REPORTS_MAX, VenueFill};
pub use holdings::Holdings;
pub use holds::{Hold, Holds};
pub use mark_outs::{FILLS_MAX, HORIZONS_MAX, MarkOuts};
pub use orders::{OPEN_ORDERS_MAX, OrderSlot, OrderTable};
pub use packages::{FilledLeg, Leg, PACKAGES_MAX, Package, Packages};
pub use parents::{PARENTS_MAX, ParentSlot, ParentTable};
pub use positions::{Executed, Position, Positions};
pub use quotes::{Open, OpenQuote, QuoteTable, RequestHash, Slot};
pub use recalls::Recalls;
pub use reports::{REPORTS_MAX, Report, Reports};
pub use streams::{Stream, StreamSlot, Streams};
