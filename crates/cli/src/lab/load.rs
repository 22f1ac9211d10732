//! `pinrail lab shadow-load`: the shadow of `lab shadow`, in a process of its own as an operator would have it. A restless
//! one begins again at the first record when it has caught up.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use pinrail_runtime::{ShadowConfig, Written};
use serde::{Deserialize, Serialize};

use crate::args::{Journal, ShadowLoadArgs};
use crate::failure::Failure;
use crate::interrupt;
use crate::output::Results;
use crate::shadow::{DeskShadow, WAIT, failure, open, settle_down};

/// A snapshot that was written: a line of JSON.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) next_seq: u64,
    pub(super) state_hash: u64,
    pub(super) state_bytes: u64,
    /// How long following stood still for it.
    pub(super) took_ns: u64,
    /// Records replayed since the line before.
    pub(super) records: u64,
}

pub(crate) fn main(args: &ShadowLoadArgs) -> Result<(), Failure> {
    let interrupted = interrupt::flag()?;
    settle_down(args.cpu)?;
    let journal = Journal::followed(&args.place, &args.live);
    let config = ShadowConfig {
        every_records: args.every_records,
        every: Duration::MAX,
        ..ShadowConfig::default()
    };
    let mut lines = Lines {
        results: Results::new(),
        records: 0,
    };
    loop {
        forget(&args.place.archive_dir.join("snapshots"))?;
        let mut shadow = open(&journal, &args.live, config)?;
        while !interrupted.load(Ordering::Relaxed) {
            let worked = replay(&journal, &mut shadow)?;
            lines.records += worked;
            lines.print(shadow.take_written())?;
            match worked {
                0 if args.restless => break,
                0 => thread::sleep(WAIT),
                _ => {}
            }
        }
        lines.print(shadow.finish()?)?;
        if interrupted.load(Ordering::Relaxed) {
            return Ok(());
        }
    }
}

fn replay(journal: &Journal, shadow: &mut DeskShadow) -> Result<u64, Failure> {
    let worked = shadow.do_work().map_err(|e| failure(journal, shadow, e))?;
    Ok(worked as u64)
}

/// Removes the snapshots, so that the next shadow begins at the first record.
fn forget(dir: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(Failure::Machine(format!("cannot remove {}: {e}", dir.display())))
        }
        _ => Ok(()),
    }
}

struct Lines {
    results: Results,
    /// Replayed since the last line.
    records: u64,
}

impl Lines {
    fn print(&mut self, written: Option<Written>) -> Result<(), Failure> {
        let Some(written) = written else {
            return Ok(());
        };
        self.results.json(&Line {
            next_seq: written.next_seq,
            state_hash: written.state_hash,
            state_bytes: written.state_bytes,
            took_ns: written.took_ns,
            records: std::mem::take(&mut self.records),
        })?;
        self.results.flush()
    }
}
