//! Venue depth mirrors, their sequencing, and the consolidated view.
//!
//! A [`Book`] mirrors one instrument at one venue from the records that the venue's thread sends; it trusts none of
//! them and applies the exchange's own sequencing rule ([`Sequencer`]) again. [`sweep()`] walks the books of several
//! venues best first, net of each venue's taker fee, and [`top()`] gives their common best bid and offer.
//!
//! *Architecture invariant:* nothing here reads a clock, allocates after construction, or holds a float.

mod blocks;
pub mod book;
pub mod levels;
pub mod sequence;
pub mod sweep;
mod tops;
mod window;

pub use book::{Book, Change};
pub use levels::Levels;
pub use sequence::{Sequencer, Verdict};
pub use sweep::{Source, Sweep, Top, VENUES_MAX, sweep, top};
