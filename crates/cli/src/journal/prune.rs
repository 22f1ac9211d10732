//! `pinrail journal prune`.

use std::path::PathBuf;

use pinrail_journal::archive::{Keep, Kept, Pruned, plan_prune, prune};
use pinrail_report::table::{Table, bytes, count};
use pinrail_runtime::{Footing, footing, remove_useless_snapshots, useless_snapshots};
use serde::Serialize;

use crate::args::{Bound, PruneArgs};
use crate::failure::Failure;
use crate::model::make_model;
use crate::output::{Results, progress, show};

/// What was removed, as it is printed in JSON.
#[derive(Serialize)]
struct Summary {
    dry_run: bool,
    segments: Vec<Segment>,
    bytes: u64,
    snapshots: Vec<PathBuf>,
    /// Where the journal begins now.
    first: Option<First>,
    /// The snapshot that the next start can begin at.
    start_from: Option<PathBuf>,
    /// Why more is kept than was asked for.
    kept: Option<String>,
}

#[derive(Serialize)]
struct Segment {
    #[serde(rename = "segment")]
    number: u64,
    file: PathBuf,
    bytes: u64,
}

#[derive(Serialize)]
struct First {
    segment: u64,
    seq: u64,
    position: u64,
    /// Hash of the segment before it, as it names it.
    chain_before: Option<String>,
}

/// Removes what nobody needs any more, and prints what that was.
pub(super) fn main(args: &PruneArgs) -> Result<(), Failure> {
    let archive_dir = &args.place.archive_dir;
    let keep = match (args.bound.keep_segments, args.bound.before) {
        (Some(segments), _) => Keep::Segments(segments),
        (_, Some(Bound::Seq(seq))) => Keep::FromSeq(seq),
        (_, Some(Bound::Time(ts))) => Keep::FromTime(ts),
        (None, None) => return Err(Failure::Usage("expected --keep-segments or --before".to_owned())),
    };
    let footing = footing(archive_dir, make_model).map_err(|e| Failure::Data(e.to_string()))?;
    let needed_from = footing.as_ref().map(|footing| footing.position);
    let pruned = if args.dry_run {
        plan_prune(archive_dir, keep, needed_from)?
    } else {
        let bar = progress(0, "removing segments");
        let pruned = prune(archive_dir, keep, needed_from, |done, all| {
            bar.set_length(all);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        pruned?
    };
    // Where the journal begins at its first record, or holds none, no snapshot lies before it.
    let first_seq = pruned.first.map_or(1, |first| first.seq);
    let snapshots = if args.dry_run {
        useless_snapshots(archive_dir, first_seq)?
    } else {
        remove_useless_snapshots(archive_dir, first_seq)?
    };
    let failure = pruned
        .removed
        .is_empty()
        .then(|| why_kept(&pruned, footing.as_ref()))
        .flatten();
    show(
        &args.output,
        &sum_up(args.dry_run, pruned, snapshots, footing),
        print,
    )?;
    failure.map_or(Ok(()), |why| {
        Err(Failure::Check(format!("nothing is removed: {why}")))
    })
}

fn why_kept(pruned: &Pruned, footing: Option<&Footing>) -> Option<String> {
    Some(match (pruned.kept.as_ref()?, footing) {
        (Kept::Held(path), _) => format!("{} is being read", path.display()),
        (Kept::Needed, Some(footing)) => format!(
            "a start needs the rest: its newest snapshot, {}, stands for what is before sequence {}",
            footing.path.display(),
            footing.next_seq
        ),
        (Kept::Needed, None) => {
            "a start needs it, since no snapshot stands for it that the archive replays from; \
                                 `pinrail snapshot` writes one"
                .to_owned()
        }
    })
}

fn sum_up(dry_run: bool, pruned: Pruned, snapshots: Vec<PathBuf>, footing: Option<Footing>) -> Summary {
    let kept = why_kept(&pruned, footing.as_ref());
    let segments = pruned.removed.into_iter().map(|removed| Segment {
        number: removed.segment,
        file: removed.path,
        bytes: removed.file_bytes,
    });
    let segments: Vec<Segment> = segments.collect();
    Summary {
        dry_run,
        bytes: segments.iter().map(|segment| segment.bytes).sum(),
        segments,
        snapshots,
        first: pruned.first.map(|first| First {
            segment: first.segment,
            seq: first.seq,
            position: first.position,
            chain_before: (!first.chain_before.is_none()).then(|| first.chain_before.to_string()),
        }),
        start_from: footing.map(|footing| footing.path),
        kept,
    }
}

fn print(summary: &Summary, results: &mut Results) -> Result<(), Failure> {
    let title = if summary.dry_run {
        "would be removed"
    } else {
        "removed"
    };
    let mut table = Table::facts(&[title, ""]);
    let numbers = match (summary.segments.first(), summary.segments.last()) {
        (Some(first), Some(last)) => format!(", numbers {} to {}", first.number, last.number),
        _ => String::new(),
    };
    table.row([
        "segments",
        &format!("{}{numbers}", count(summary.segments.len() as u64)),
    ]);
    table.row(["size", &bytes(summary.bytes)]);
    table.row(["snapshots", &count(summary.snapshots.len() as u64)]);
    if let Some(first) = &summary.first {
        table.row([
            "the journal then begins with",
            &format!("segment {}, sequence {}", first.segment, first.seq),
        ]);
        let chain_before = first.chain_before.as_deref().unwrap_or("none");
        table.row(["hash of the segment before, as that one names it", chain_before]);
    }
    if let Some(path) = &summary.start_from {
        table.row(["a start can begin at", &path.display().to_string()]);
    }
    if let Some(kept) = &summary.kept {
        table.row(["more is kept", kept]);
    }
    results.line(&table)
}
