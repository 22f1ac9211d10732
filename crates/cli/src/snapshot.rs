//! `pinrail snapshot`.

use std::time::Instant;

use pinrail_journal::archive::settled_position;
use pinrail_report::table::{Table, count, ns};
use pinrail_runtime::{Snapshot, SnapshotDir};
use serde::Serialize;

use crate::args::{Bound, Journal, SnapshotArgs};
use crate::failure::Failure;
use crate::output::{Results, show, spinner};
use crate::replay::{failure, last_wanted, open_replay};

/// Records from one look at the progress to the next.
const RECORDS_PER_LOOK: u64 = 1 << 14;

/// What was written, as it is printed in JSON.
#[derive(Serialize)]
struct Summary {
    file: std::path::PathBuf,
    /// Sequence of the first record that was replayed to get there: above 1 if that began behind another snapshot.
    from_seq: u64,
    /// Sequence of the first record that is not in the snapshot, and its position.
    next_seq: u64,
    position: u64,
    state_hash: String,
    state_bytes: u64,
    elapsed_ns: u64,
}

/// Replays a journal from its newest snapshot and writes another one at its end.
pub(crate) fn main(args: &SnapshotArgs) -> Result<(), Failure> {
    let started = Instant::now();
    let (from_seq, snapshot) = take(&args.journal, args.until)?;
    let archive_dir = args.journal.archive_dir();
    let dir = SnapshotDir::open(archive_dir, args.keep)?;
    // One of records that a power cut may take replaces none.
    let file = if snapshot.position <= settled_position(archive_dir)? {
        dir.write(&snapshot)?
    } else {
        dir.add(&snapshot)?
    };
    let summary = Summary {
        file,
        from_seq,
        next_seq: snapshot.next_seq,
        position: snapshot.position,
        state_hash: format!("{:#018x}", snapshot.state_hash),
        state_bytes: 8 * snapshot.words.len() as u64,
        elapsed_ns: started.elapsed().as_nanos() as u64,
    };
    show(&args.output, &summary, print)
}

/// The state at `until`, by way of the newest snapshot before it, and the sequence of the first record that was replayed.
pub(crate) fn take(journal: &Journal, until: Option<Bound>) -> Result<(u64, Snapshot), Failure> {
    let mut replay = open_replay(journal)?;
    let (seq, ts) = last_wanted(until);
    replay.end_at(seq, ts);
    let from_seq = replay
        .begin_at_newest()
        .map_err(|e| failure(journal, &replay, e))?;
    let bar = spinner("replaying, sequence");
    while replay.step().map_err(|e| failure(journal, &replay, e))? {
        if replay.last_seq().is_multiple_of(RECORDS_PER_LOOK) {
            bar.set_position(replay.last_seq());
        }
    }
    bar.finish_and_clear();
    let snapshot = replay
        .into_snapshot()
        .ok_or_else(|| Failure::Data(format!("{} holds no epoch", journal.archive_dir().display())))?;
    Ok((from_seq, snapshot))
}

fn print(summary: &Summary, results: &mut Results) -> Result<(), Failure> {
    let mut table = Table::facts(&["snapshot", ""]);
    table.row(["file", &summary.file.display().to_string()]);
    table.row(["replayed from sequence", &count(summary.from_seq)]);
    table.row(["next sequence", &count(summary.next_seq)]);
    table.row(["next position", &count(summary.position)]);
    table.row(["state hash", &summary.state_hash]);
    table.row(["state", &pinrail_report::table::bytes(summary.state_bytes)]);
    table.row(["wall-clock time", &ns(summary.elapsed_ns)]);
    results.line(&table)
}
