//! Crashes inside compressing and pruning: whatever is left is the same journal, or lacks whole segments at its front that
//! were to go.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::check::{self, Ended, Promise, Rule};
use super::history::{self, Dirs, History, Plan, length};
use super::images::{disk_after, kill_a_start, promise};
use super::model::{Disk, Entries, Fate};
use super::tap::{self, Entry, Fault, Op, Recorder};
use super::{Random, choose, random};
use crate::JournalError;
use crate::archive::{self, Keep, Kept};

const LEVEL: i32 = 1;

/// Compresses, prunes and compresses again.
fn retain(archive_dir: &Path, keep: Keep) -> Result<(), JournalError> {
    archive::compress(archive_dir, 2, LEVEL, |_, _| {})?;
    let needed_from = archive::settled_position(archive_dir)?;
    let pruned = archive::prune(archive_dir, keep, Some(needed_from), |_, _| {})?;
    assert!(
        !matches!(pruned.kept, Some(Kept::Held(_))),
        "nobody reads: {pruned:?}"
    );
    archive::compress(archive_dir, 1, LEVEL, |_, _| {})?;
    Ok(())
}

/// Records before the first that is sure to stay.
fn gone_max(archive_dir: &Path, keep: Keep) -> usize {
    let needed_from = archive::settled_position(archive_dir).expect("whole");
    let plan = archive::plan_prune(archive_dir, keep, Some(needed_from)).expect("whole");
    plan.first.map_or(0, |first| first.seq as usize - 1)
}

/// Records that are gone.
fn gone(archive_dir: &Path) -> usize {
    let reader = archive::Reader::open(archive_dir, None).expect("whole");
    reader.next_seq() as usize - 1
}

/// A history without faults and what is to be kept of it; none if retention has nothing to do there.
fn lived(seed: u64, live_may_be_lost: bool) -> Option<(History, Keep)> {
    let plan = Plan {
        seed,
        content: 0,
        before: None,
        live_may_be_lost,
        fault: None,
    };
    let lived = history::live(plan).expect("a history without faults");
    let keep = Keep::Segments(1 + seed % 3);
    (gone_max(&lived.dirs.archive(), keep) > 0).then_some((lived, keep))
}

/// Runs [`retain`], recorded; whether the fault struck, and what it did until then.
fn run(dirs: &Dirs, keep: Keep, fault: Option<Fault>) -> (Recorder, bool) {
    tap::start(&dirs.archive(), &dirs.live(), fault);
    let ran = catch_unwind(AssertUnwindSafe(|| retain(&dirs.archive(), keep)));
    let recorder = tap::stop();
    if fault.is_none() {
        ran.expect("no panic").expect("no fault was asked for");
    }
    let struck = recorder.struck;
    (recorder, struck)
}

/// What must hold at the end of a history of which `gone_max` records may go.
fn promised(lived: &History, gone_max: usize) -> Promise<'_> {
    let truth = lived.truths.last().expect("at least one");
    Promise {
        truth,
        in_flight: None,
        durable: length(truth),
        epoch: lived.epoch,
        gone_max,
    }
}

/// Looks at what a crash left, and finishes what it interrupted.
fn judge(lived: &History, promise: &Promise<'_>, keep: Keep, draws: &mut Random) -> Result<Ended, String> {
    let ended = check::crashed(&lived.dirs, promise, Rule::Taken, draws)?;
    let archive_dir = lived.dirs.archive();
    let before = archive::digest(&archive_dir).map_err(|e| e.to_string())?;
    archive::compress(&archive_dir, 1, LEVEL, |_, _| {}).map_err(|e| format!("not done again: {e}"))?;
    let after = archive::digest(&archive_dir).map_err(|e| e.to_string())?;
    if before != after {
        return Err(format!("another journal: {before:?}, {after:?}"));
    }
    retain(&archive_dir, keep).map_err(|e| format!("not done again: {e}"))?;
    archive::verify(&archive_dir, None, |_, _| {}).map_err(|e| e.to_string())?;
    Ok(ended)
}

#[test]
fn a_kill_or_a_failed_call_anywhere_loses_nothing() {
    let (mut kills, mut fails) = (0, 0);
    let mut draws = random(5);
    for seed in 1..24 {
        let Some((whole, keep)) = lived(seed, false) else {
            continue;
        };
        let calls = run(&whole.dirs, keep, None).0.calls;
        for call in 1..=calls {
            let fault = match choose(&mut draws, 3) {
                0 => Fault::Fail { call, errno: 5 },
                1 => Fault::Fail { call, errno: 28 },
                _ => Fault::Kill { event: call },
            };
            let (lived, keep) = lived(seed, false).expect("the same history");
            let mut promise = promised(&lived, gone_max(&lived.dirs.archive(), keep));
            if choose(&mut draws, 2) == 0 {
                // A start was killed and left live segments beside their archived copies.
                promise.epoch = promise.epoch.max(kill_a_start(&lived.dirs, &mut draws));
                promise.gone_max = promise.gone_max.max(gone_max(&lived.dirs.archive(), keep));
            }
            let (_, struck) = run(&lived.dirs, keep, Some(fault));
            let judged = check::checked(|| judge(&lived, &promise, keep, &mut draws));
            assert!(judged.is_ok(), "seed {seed}, {fault:?}: {judged:?}");
            match fault {
                Fault::Kill { .. } => kills += usize::from(struck),
                Fault::Fail { .. } => fails += usize::from(struck),
            }
        }
    }
    println!("{kills} kills, {fails} failed calls");
    assert!(kills > 50 && fails > 100);
}

#[test]
fn a_power_cut_anywhere_loses_nothing() {
    let mut images = 0;
    let mut draws = random(6);
    for seed in 1..24 {
        let Some((lived, keep)) = lived(seed, true) else {
            continue;
        };
        let gone_max = gone_max(&lived.dirs.archive(), keep);
        let promise = Promise {
            gone_max,
            ..promise(&lived, lived.entries.len())
        };
        let (recorder, _) = run(&lived.dirs, keep, None);
        let mut disk = disk_after(&lived.entries);
        for entry in recorder.entries.iter().map(Some).chain([None]) {
            for (fate, entries) in [
                (Fate::Lost, Entries::Kept),
                (Fate::Kept, Entries::Prefix),
                (Fate::Sectors, Entries::Any),
                (Fate::TornSector, Entries::Any),
            ] {
                let image = disk.cut(fate, entries, &mut draws);
                let judged = check::image(&image, &promise, Rule::Taken, &mut draws);
                assert!(judged.is_ok(), "seed {seed}, before {}: {judged:?}", told(entry));
                images += 1;
            }
            if let Some(entry) = entry {
                disk.apply(&entry.op);
            }
        }
        assert_eq!(gone(&lived.dirs.archive()), gone_max, "all is gone that may be");
        assert_whole_or_cut(&disk, &promise, &mut draws);
    }
    println!("{images} images");
    assert!(images > 1000);
}

/// As when an archive was copied from elsewhere: nothing of it was ever synced but its names and `meta`.
#[test]
fn what_stays_is_made_durable_before_anything_goes() {
    let mut draws = random(7);
    let (lived, keep) = (1..)
        .find_map(|seed| lived(seed, true).filter(|(_, keep)| *keep == Keep::Segments(1)))
        .expect("a history with something to prune");
    let archive_dir = lived.dirs.archive();
    let gone_max = gone_max(&archive_dir, keep);
    let durable = archive::settled_position(&archive_dir).expect("whole");
    let whole = disk_after(&lived.entries).now();
    let (recorder, _) = run(&lived.dirs, keep, None);
    let mut disk = Disk::default();
    for (name, bytes) in whole {
        disk.apply(&Op::Create(name.clone()));
        disk.apply(&Op::Write { name, at: 0, bytes });
    }
    disk.apply(&Op::Sync("meta".to_owned()));
    disk.apply(&Op::SyncDir);
    let first = format!(
        "{:010}-",
        archive::verify(&archive_dir, None, |_, _| {})
            .expect("whole")
            .first_segment
    );
    let mut images = 0;
    for entry in &recorder.entries {
        disk.apply(&entry.op);
        let is_pruned = disk
            .now()
            .keys()
            .find(|name| name.starts_with('0'))
            .is_some_and(|name| name.starts_with(&first));
        if is_pruned {
            let promise = Promise {
                durable,
                gone_max,
                ..promise(&lived, lived.entries.len())
            };
            // What is still there of the others was not durable before either.
            let mut image = disk.cut(Fate::Lost, Entries::Kept, &mut draws);
            image.retain(|name, _| !name.starts_with('0') || *name >= first);
            let judged = check::image(&image, &promise, Rule::Taken, &mut draws);
            assert!(judged.is_ok(), "behind {}: {judged:?}", told(Some(entry)));
            images += 1;
        }
    }
    assert!(images > 1);
}

fn told(entry: Option<&Entry>) -> String {
    entry.map_or_else(
        || "the end".to_owned(),
        |entry| {
            let mut told = format!("{:?}", entry.op);
            told.truncate(120);
            told
        },
    )
}

/// When all is done the disk holds no more than it should.
fn assert_whole_or_cut(disk: &Disk, promise: &Promise<'_>, draws: &mut Random) {
    let names: Vec<String> = disk.now().into_keys().collect();
    assert!(names.iter().all(|name| !name.ends_with("tmp")), "{names:?}");
    for name in names.iter().filter(|name| name.ends_with("zst")) {
        assert!(!names.contains(&name.replace(".zst", "")), "{names:?}");
    }
    let judged = check::image(&disk.now(), promise, Rule::Taken, draws);
    assert!(judged.is_ok(), "{judged:?}");
}
