//! Pinrail: an embeddable execution core for institutional crypto desks.
//!
//! A pinned core reads market data and requests for quotes from lock-free rings, prices and risk-checks them in line,
//! and writes every input and output to a shared-memory journal that other threads drain to disk.
//!
//! This crate is what an embedder imports. It brings the engine, rings, journal and runtime; features add the rest:
//!
//! | feature | brings |
//! |---|---|
//! | `venue` | codecs of external venues, playback of recordings |
//! | `sim` | simulated venues and clients |
//! | `report` | latency histograms, tables, environment |
//!
//! The smallest whole use is to step an engine by hand, without threads:
//!
//! ```
//! use pinrail::prelude::*;
//!
//! let bounds = Bounds::default();
//! let mut engine = Engine::new(bounds, SweepPricer::new(bounds.instruments));
//! let mut out = Out::new();
//!
//! // Every input is a record with a sequence, a core time and a cause.
//! let mut input = Frame::of(&bounds.epoch_start(1));
//! input.header_mut().seq = 1;
//! input.header_mut().ts_core = 1_700_000_000_000_000_000;
//! input.header_mut().cause = Cause::input(SourceId::RUNTIME, 1);
//! engine.on_event(&input, &mut out);
//! assert!(out.is_empty(), "nothing was refused");
//! engine.seal(&mut out);
//! ```

pub use pinrail_book as book;
pub use pinrail_engine as engine;
pub use pinrail_journal as journal;
pub use pinrail_matching as matching;
pub use pinrail_oms as oms;
pub use pinrail_pricing as pricing;
#[cfg(feature = "report")]
pub use pinrail_report as report;
pub use pinrail_ring as ring;
pub use pinrail_risk as risk;
pub use pinrail_runtime as runtime;
#[cfg(feature = "sim")]
pub use pinrail_sim as sim;
pub use pinrail_types as types;
#[cfg(feature = "venue")]
pub use pinrail_venue as venue;

/// What most embedders need.
pub mod prelude {
    pub use bytemuck::Zeroable;
    pub use pinrail_book::{Book, Consolidated, Source, Sweep, Top, View};
    pub use pinrail_engine::{Bounds, Engine, Out};
    pub use pinrail_pricing::{
        Actions, Adjustments, Desk, Fill, FillFrom, Market, PriceRequest, Pricer, Prices, Strategy,
        SweepPricer, WithStrategy,
    };
    pub use pinrail_types::record::*;
    pub use pinrail_types::*;
}
