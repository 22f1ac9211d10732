//! `pinrail lab desk`: the demo's desk on a journal with short segments, so that what a kill hits is often a change from one
//! segment to the next; and without what a demo measures before it trades, so that starts are short.

use std::time::Duration;

use pinrail_journal::{JournalConfig, SyncPolicy};

use crate::args::DeskArgs;
use crate::desk::live::{self, Options};
use crate::failure::Failure;
use crate::output::Results;

/// Bytes that are not durable at which the archive is synced, whatever their age.
const UNSYNCED_BYTES_MAX: u64 = 1 << 20;

/// Trades, and prints what happened as JSON.
pub(crate) fn main(args: &DeskArgs) -> Result<(), Failure> {
    let sync = match args.sync_ms {
        0 => SyncPolicy::EachBatch,
        age_ms => SyncPolicy::Lazy {
            bytes_max: UNSYNCED_BYTES_MAX,
            age_max: Duration::from_millis(age_ms),
        },
    };
    let journal = JournalConfig {
        segment_bytes: args.segment_kib << 10,
        sync,
        ..JournalConfig::new(args.archive_dir.clone(), args.live.clone())
    };
    let options = Options {
        seconds: args.seconds,
        journal: Some(args.archive_dir.clone()),
        seed: Some(args.seed),
        requests_per_s: None,
        hedging: false,
        marks: false,
        floors: false,
    };
    let summary = live::run_on(&options, &journal)?;
    let mut results = Results::new();
    results.json(&summary)?;
    results.flush()
}
