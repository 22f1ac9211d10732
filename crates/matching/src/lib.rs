//! The matching engine: price-time order books over one pool.
//!
//! A [`Matcher`] holds the books of many instruments. It takes orders, amends, cancels and quotes, and says through a [`Sink`]
//! what came of them: reports and fills in FIX terms, and the changes of the books by price and by order. `docs/matching.md`
//! tells the rules.
//!
//! *Architecture invariant:* nothing here reads a clock, allocates after construction, or holds a float.

mod amend;
mod auction;
mod audit;
mod book;
mod config;
mod entry;
mod expiry;
mod index;
mod level;
mod matcher;
mod order;
mod queue;
mod quote;
mod reach;
mod report;
mod slab;
mod state;
mod stops;
mod take;
mod tree;
#[cfg(feature = "twin")]
pub mod twin;
mod withdraw;
mod work;

pub use config::{BookConfig, Bounds};
pub use matcher::Matcher;
pub use order::{
    Amend, BookOrder, MassCancel, NewOrder, Phase, PostOnly, QuoteLeg, Quoter, SelfTrade, Trigger,
};
pub use report::{Fees, Fill, LevelDelta, OrderDelta, OrderDeltaKind, Party, Report, Sink, Top, Uncross};
