//! The vocabulary of Pinrail: ids, prices and quantities, instruments, reason codes, and every record that may
//! stand in a ring or a journal.
//!
//! Nothing here reads a clock, allocates on a hot path, or holds a float. A record is a fixed-layout
//! `#[repr(C)]` struct of one to four 64-byte lines ([`Record`]); a ring slot and a journal record have the same
//! layout, so that a message is carried as a [`Frame`] from the socket thread to the archive without a translation.
//!
//! *Architecture invariant:* this crate depends on no other crate of the workspace.

pub mod decimal;
pub mod frame;
pub mod header;
pub mod ids;
pub mod instrument;
pub mod money;
pub mod order;
pub mod reason;
pub mod record;
pub mod schema;
pub mod state;
pub mod text;

pub use decimal::{Decimal, DecimalError, Grid, Scaled};
pub use frame::{Frame, LINE_BYTES, LINE_WORDS, LINES_MAX};
pub use header::{Cause, Commit, Flags, RecordHeader, RecordType};
pub use ids::{AssetId, ClientId, InstrumentId, OutId, SessionId, SourceId, StrategyId, VenueId};
pub use instrument::{Instrument, InstrumentError, worth};
pub use money::{Amount, E8, Px, Qty, Side};
pub use order::{NewParentOrder, NewVenueOrder, OpenOrder, ParentOrder, Replacement};
pub use reason::Reason;
pub use record::Record;
pub use text::Text;

/// The version of the engine's *behaviour*: the same inputs give the same output bytes for one value of it.
///
/// It is raised by any change that alters an output byte for some input; a journal names the one that it was
/// written under, and only an engine of that version may replay it.
pub const BEHAVIOUR_VERSION: u32 = 7;
