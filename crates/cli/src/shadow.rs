//! `pinrail shadow`.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use pinrail_report::table::{bytes, count, ns};
use pinrail_runtime::{ReplayError, Shadow, ShadowConfig, ShadowError, SnapshotError, Written, affinity};
use serde::Serialize;

use crate::args::{Journal, ShadowArgs};
use crate::desk::rig::{RigError, give_way, placement};
use crate::failure::Failure;
use crate::interrupt;
use crate::model::{MakeModel, Model, make_model};
use crate::output::Results;
use crate::replay;

/// How long a shadow that has caught up sleeps. Nobody waits for it.
pub(crate) const WAIT: Duration = Duration::from_millis(10);

/// Of a journal that this program writes.
pub(crate) type DeskShadow = Shadow<Model, MakeModel>;

/// A snapshot that was written, as it is printed in JSON.
#[derive(Serialize)]
struct Printed<'a> {
    file: &'a std::path::Path,
    /// Sequence of the first record that is not in the snapshot, and its position.
    next_seq: u64,
    position: u64,
    state_hash: String,
    state_bytes: u64,
    /// How long following stood still for it.
    took_ns: u64,
    /// Durable records that were not replayed yet.
    behind_records: u64,
}

/// Follows a journal until it is interrupted.
pub(crate) fn main(args: &ShadowArgs) -> Result<(), Failure> {
    let interrupted = interrupt::flag()?;
    settle_down(args.cpu)?;
    let journal = Journal::followed(&args.place, &args.live);
    let config = ShadowConfig {
        every_records: args.every_records,
        every: Duration::from_secs(args.every_seconds),
        keep: args.keep,
    };
    let mut shadow = open(&journal, &args.live, config)?;
    let mut results = Results::new();
    while !interrupted.load(Ordering::Relaxed) {
        let worked = shadow.do_work().map_err(|e| failure(&journal, &shadow, e))?;
        if let Some(written) = shadow.take_written() {
            print(&mut results, args, &written, shadow.behind_records())?;
        }
        if worked == 0 {
            thread::sleep(WAIT);
        }
    }
    let behind_records = shadow.behind_records();
    if let Some(written) = shadow.finish()? {
        print(&mut results, args, &written, behind_records)?;
    }
    Ok(())
}

/// A shadow with the model that this program writes journals with.
pub(crate) fn open(
    journal: &Journal,
    live_dir: &std::path::Path,
    config: ShadowConfig,
) -> Result<DeskShadow, Failure> {
    Ok(Shadow::open(
        journal.archive_dir(),
        live_dir,
        config,
        make_model as MakeModel,
    )?)
}

/// Keeps this thread off the core's processor, and behind every other thread on its own.
pub(crate) fn settle_down(cpu: Option<usize>) -> Result<(), Failure> {
    let cpu = match cpu {
        Some(cpu) => Some(cpu),
        None => placement(None)?.1,
    };
    if let Some(cpu) = cpu {
        affinity::pin(cpu).map_err(RigError::from)?;
    }
    give_way();
    Ok(())
}

/// Why a shadow ended, a difference with all that it takes to understand it.
pub(crate) fn failure(journal: &Journal, shadow: &DeskShadow, error: ShadowError) -> Failure {
    match error {
        ShadowError::Replay(error) => replay::failure(journal, shadow.replay(), error),
        error => error.into(),
    }
}

fn print(
    results: &mut Results,
    args: &ShadowArgs,
    written: &Written,
    behind_records: u64,
) -> Result<(), Failure> {
    let printed = Printed {
        file: &written.file,
        next_seq: written.next_seq,
        position: written.position,
        state_hash: format!("{:#018x}", written.state_hash),
        state_bytes: written.state_bytes,
        took_ns: written.took_ns,
        behind_records,
    };
    if args.output.json {
        results.json(&printed)?;
    } else {
        results.line(format_args!(
            "{}  state {}  {}  took {}  behind {}",
            printed.file.display(),
            printed.state_hash,
            bytes(printed.state_bytes),
            ns(printed.took_ns),
            count(printed.behind_records)
        ))?;
    }
    results.flush()
}

impl From<ShadowError> for Failure {
    fn from(error: ShadowError) -> Failure {
        match error {
            ShadowError::Snapshot(error) => error.into(),
            ShadowError::Replay(ReplayError::Read(error)) => error.into(),
            error => Failure::Data(error.to_string()),
        }
    }
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Failure {
        match error {
            SnapshotError::Io { .. } | SnapshotError::Locked { .. } => Failure::Machine(error.to_string()),
            _ => Failure::Data(error.to_string()),
        }
    }
}
