//! The shadow as a process: killed, refused, told to end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pinrail_engine::Bounds;
use pinrail_journal::{Control, archive};
use pinrail_pricing::{BandHedger, SweepPricer, WithStrategy};
use pinrail_runtime::{Replay, Snapshot};
use serde_json::Value;
use tempfile::TempDir;

use crate::desk::Desk;
use crate::{ended, pinrail};

const DEADLINE: Duration = Duration::from_mins(1);

fn shadow(archive_dir: &Path, live_dir: &Path, more: &[&str]) -> Child {
    let dirs = [archive_dir.to_str().unwrap(), live_dir.to_str().unwrap()];
    pinrail(&[&["shadow", dirs[0], "--live", dirs[1], "--json"], more].concat())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
}

/// A demo that trades until it is dropped.
struct Demo {
    child: Child,
    live: PathBuf,
}

impl Demo {
    fn start(archive_dir: &Path) -> Demo {
        let dir = archive_dir.to_str().unwrap();
        let child = pinrail(&["demo", "--seconds", "600", "--journal", dir])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let live = PathBuf::from(format!("/dev/shm/pinrail-demo-{}", child.id()));
        let demo = Demo { child, live };
        let deadline = Instant::now() + DEADLINE;
        while Control::open(&demo.live_dir()).map_or(0, |control| control.durable_seq()) < 500 {
            assert!(Instant::now() < deadline, "the demo does not trade");
            std::thread::sleep(Duration::from_millis(5));
        }
        demo
    }

    fn live_dir(&self) -> PathBuf {
        self.live.join("journal")
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Best effort: the archive lies elsewhere.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.live);
        let _ = fs::remove_dir_all(std::env::temp_dir().join(format!("pinrail-demo-{}", self.child.id())));
    }
}

/// Sequence and hash of each snapshot that lies there: all can be read.
fn snapshots(archive_dir: &Path) -> Vec<(u64, u64)> {
    let id = archive::Reader::open(archive_dir, None).unwrap().journal_id();
    let read = |(seq, path): (u64, PathBuf)| {
        let snapshot = Snapshot::read(&path, id).unwrap();
        assert_eq!(snapshot.next_seq, seq);
        (seq, snapshot.state_hash)
    };
    Snapshot::list(archive_dir)
        .unwrap()
        .into_iter()
        .map(read)
        .collect()
}

/// Files that somebody began to write.
fn half_written(archive_dir: &Path) -> usize {
    let entries = fs::read_dir(archive_dir.join("snapshots")).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension() == Some("tmp".as_ref()))
        .count()
}

/// Shadows of a core that trades, each killed at another moment. What they leave is only ever the state of a full replay.
#[test]
fn killed_shadows_leave_no_wrong_snapshot() {
    let rounds = std::env::var("PINRAIL_KILL_SHADOWS").map_or(8, |rounds| rounds.parse().unwrap());
    let dir = TempDir::new().unwrap();
    let archive_dir = dir.path().join("journal");
    let demo = Demo::start(&archive_dir);
    let mut seen = Vec::new();
    let mut caught = 0;
    for round in 0_u64..rounds {
        let mut child = shadow(&archive_dir, &demo.live_dir(), &["--every-records", "1"]);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Every second one in the middle of a file, if it can be caught there.
        for _ in 0..round % 4 {
            lines.next().unwrap().unwrap();
        }
        let deadline = Instant::now() + Duration::from_millis(round * 7_919 % 500);
        while Instant::now() < deadline && (round.is_multiple_of(2) || half_written(&archive_dir) == 0) {}
        child.kill().unwrap();
        child.wait().unwrap();
        let left = snapshots(&archive_dir);
        assert!(left.len() <= 4, "three, and one that was just written: {left:?}");
        seen.extend(left);
        caught += half_written(&archive_dir);
    }
    let live_dir = demo.live_dir();
    let mut last = shadow(&archive_dir, &live_dir, &["--every-records", "2000"]);
    let mut lines = BufReader::new(last.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let dirs = [archive_dir.to_str().unwrap(), live_dir.to_str().unwrap()];
    for other in ["snapshot", "shadow"] {
        let (code, _, err) = ended(&[other, dirs[0], "--live", dirs[1]]);
        assert_eq!(code, 4, "the first one is not alone");
        assert!(err.contains("locked by another shadow"), "{err}");
    }
    signal(&last, rustix::process::Signal::TERM);
    let line = lines.last().unwrap().unwrap();
    let line: Value = serde_json::from_str(&line).unwrap();
    assert!(last.wait().unwrap().success());
    drop(demo);

    seen.extend(snapshots(&archive_dir));
    assert_eq!(snapshots(&archive_dir)[0].0, line["next_seq"].as_u64().unwrap());
    let mut replay = Replay::open(&archive_dir, None, |bounds: &Bounds| WithStrategy {
        pricer: SweepPricer::new(bounds.instruments),
        strategy: BandHedger::new(bounds.instruments),
    })
    .unwrap();
    seen.sort_unstable();
    seen.dedup();
    let mut awaited = seen.iter();
    let mut next = awaited.next();
    while replay.step().unwrap() {
        if let Some((_, hash)) = next.filter(|(seq, _)| *seq == replay.next_seq()) {
            assert_eq!(replay.snapshot().unwrap().state_hash, *hash);
            next = awaited.next();
        }
    }
    assert_eq!(next, None, "each is of a place in the journal");
    println!(
        "{rounds} shadows killed, {caught} of them in the middle of a file; {} snapshots were right",
        seen.len()
    );
    assert_eq!(
        ended(&["replay", archive_dir.to_str().unwrap(), "--from-snapshot"]).0,
        0
    );
}

#[test]
fn a_shadow_that_finds_no_room_says_so_and_leaves_nothing() {
    let desk = Desk::new();
    desk.played(&[]);
    let output = Command::new("sh")
        .args([
            "-c",
            "trap '' XFSZ; ulimit -f 8; exec \"$@\"",
            "sh",
            assert_cmd::cargo::cargo_bin!("pinrail").to_str().unwrap(),
            "shadow",
            desk.archive_dir.to_str().unwrap(),
            "--live",
            desk.live_dir.to_str().unwrap(),
            "--every-records",
            "1",
        ])
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{err}");
    assert!(err.contains("cannot write"), "{err}");
    let left: Vec<PathBuf> = fs::read_dir(desk.archive_dir.join("snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into())
        .collect();
    assert_eq!(left, [PathBuf::from("lock")]);

    // With room it goes on from there.
    let mut child = shadow(&desk.archive_dir, &desk.live_dir, &["--every-records", "1"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    signal(&child, rustix::process::Signal::INT);
    for last in lines {
        line = serde_json::from_str(&last.unwrap()).unwrap();
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(
        snapshots(&desk.archive_dir)[0].0,
        line["next_seq"].as_u64().unwrap()
    );
}
