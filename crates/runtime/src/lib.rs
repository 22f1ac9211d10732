//! What runs the engine on a machine: the pinned duty cycle, its clock, idle strategies, placement checks and counters.
//!
//! [`Core`] is live trading, [`Playback`] the same machine fed from recordings at their own time, and [`Replay`] the same
//! engine fed from a journal; [`WhatIf`] feeds a journal's inputs to an engine that is configured otherwise. None needs a
//! thread of ours: an embedder may call `do_work` or `step` by hand. A [`Gate`] gives a thread that sends the outputs that
//! may leave the house.

pub mod affinity;
pub mod clock;
mod core;
pub mod counters;
pub mod doctor;
pub mod idle;
mod inlet;
mod machine;
mod playback;
pub mod prefault;
mod records;
mod recover;
mod release;
mod replay;
mod retention;
mod send_log;
mod shadow;
mod snapshot;
mod snapshot_dir;
pub mod usage;

pub use crate::core::{Core, CoreCounters, CoreCounts, Observer};
pub use inlet::{Inlet, Role};
pub use machine::SEGMENT_BYTES_MIN;
pub use playback::Playback;
pub use recover::{RecoverError, Recovered, recover};
pub use release::{Gate, ReleaseError, ReleasePoint, ReleasePolicy, SendId};
pub use replay::{
    Configurations, Difference, EpochConfiguration, Fate, Replay, ReplayCounts, ReplayError, WhatIf,
};
pub use retention::{Footing, footing, remove_useless_snapshots, useless_snapshots};
pub use send_log::{SendLog, SendLogError, SendState};
pub use shadow::{Shadow, ShadowConfig, ShadowError, Written};
pub use snapshot::{SNAPSHOT_VERSION, Snapshot, SnapshotError};
pub use snapshot_dir::SnapshotDir;
