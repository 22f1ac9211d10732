//! Venue depth mirrors, their sequencing, and the consolidated view.
//!
//! A [`Book`] mirrors one instrument at one venue from the records that the venue's thread sends; it trusts none of
//! them and applies the exchange's own sequencing rule ([`Sequencer`]) again. [`Consolidated`] shows the books of
//! several venues as one: a sweep to a size or a notional, best first net of each venue's taker fee, their common best bid and
//! offer, and measures of both sides: depth, imbalance, microprice.
//!
//! *Architecture invariant:* nothing here reads a clock, allocates after construction, or holds a float.

mod blocks;
pub mod book;
pub mod consolidated;
pub mod estimates;
mod ladder;
pub mod levels;
mod measures;
mod merge;
pub mod sequence;
mod split;
mod tops;
mod window;

pub use book::{Book, Change};
pub use consolidated::{Consolidated, Source, Sweep, Top, VENUES_MAX, View};
pub use estimates::Estimates;
pub use levels::Levels;
pub use measures::Reach;
pub use sequence::{Sequencer, Verdict};
pub use split::{LOOKS_MAX, SLICES_MAX, Slice, Split};
