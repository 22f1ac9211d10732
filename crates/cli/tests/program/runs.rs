//! What whole runs come to: the same journal however they were run, figures that agree, a journal that outlives a
//! kill.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use pinrail_journal::Control;
use pinrail_types::Frame;
use serde_json::Value;
use tempfile::TempDir;

use crate::desk::{Desk, stat};
use crate::replays::{records, replayed};
use crate::{ended, pinrail};

#[test]
fn the_journal_depends_on_neither_speed_nor_segments() {
    let mut seen = Vec::new();
    for (speed, segment_bytes) in [("flat", 64 << 10), ("1000", 64 << 10), ("flat", 1 << 20)] {
        let mut desk = Desk::new();
        desk.segment_bytes = segment_bytes;
        let played = desk.played(&["--speed", speed]);
        let records = &played["journal"]["records"];
        assert!(records["Quote"].as_u64() > Some(100), "{records}");
        assert!(played["journal"]["fills"].as_u64() > Some(0));
        assert!(played["tops_compared"].as_u64() > Some(400));
        let (hash, digest) = (
            played["journal"]["content_hash"].as_str().unwrap(),
            &stat(&desk.archive_dir).unwrap()["digest"],
        );
        assert_eq!(hash.trim_start_matches("0x"), digest.as_str().unwrap());
        let replayed = replayed(&desk.archive_dir, &[]);
        assert_eq!(replayed["output_hash"], played["output_hash"]);
        assert_eq!(replayed["inputs"], played["journal"]["inputs"]);
        assert_eq!(replayed["outputs"], played["journal"]["outputs"]);
        seen.push((hash.to_owned(), played["output_hash"].clone(), records.clone()));
    }
    assert!(seen.iter().all(|run| *run == seen[0]), "{seen:?}");
}

fn sum(by_reason: &Value) -> u64 {
    by_reason
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_u64)
        .sum()
}

#[test]
fn the_figures_of_a_demo_agree() {
    // The greatest seed, because flows derive theirs from it.
    let seed = u64::MAX.to_string();
    let (code, out, err) = ended(&["demo", "--seconds", "1", "--json", "--seed", &seed]);
    assert_eq!(code, 0, "{err}");
    let demo: Value = serde_json::from_str(&out).unwrap();
    let journal = &demo["journal"];
    let of = |name: &str| journal["records"][name].as_u64().unwrap_or(0);
    assert!(of("QuoteRequest") > 100 && of("Quote") > 0, "{journal}");
    assert_eq!(of("QuoteRequest"), of("Quote") + of("QuoteRequestReject"));
    assert_eq!(of("QuoteRequestReject"), sum(&journal["request_rejects"]));
    let fills = journal["fills"].as_u64().unwrap();
    assert_eq!(of("ExecutionReport"), fills + sum(&journal["order_rejects"]));
    assert_eq!(demo["core"]["corrupt"], 0);
    assert_eq!(demo["core_usage"]["allocations"], 0);
    assert_eq!(
        (
            &demo["core_usage"]["minor_faults"],
            &demo["core_usage"]["major_faults"]
        ),
        (&Value::from(0), &Value::from(0))
    );
    assert_eq!(demo["journal_dir"], Value::Null);
}

/// Demos on one journal, each killed, and its shared memory thrown away.
#[test]
fn what_killed_demos_made_durable_is_there() {
    let rounds = std::env::var("PINRAIL_KILL_DEMOS").map_or(2, |rounds| rounds.parse().unwrap());
    let dir = TempDir::new().unwrap();
    let archive_dir = dir.path().join("journal");
    let mut kept: Vec<Frame> = Vec::new();
    for round in 0..rounds {
        let mut demo = pinrail(&[
            "demo",
            "--seconds",
            "60",
            "--journal",
            archive_dir.to_str().unwrap(),
        ])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
        let live = PathBuf::from(format!("/dev/shm/pinrail-demo-{}", demo.id()));
        let durable = || Control::open(&live.join("journal")).map_or(0, |control| control.durable_seq());
        let enough = kept.len() as u64 + 2_000 + round * 77;
        let deadline = Instant::now() + Duration::from_secs(30);
        while durable() < enough && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        demo.kill().unwrap();
        demo.wait().unwrap();
        let durable = durable();
        std::fs::remove_dir_all(live).unwrap();
        // Best effort: the archive lies elsewhere, so this directory is empty.
        let _ = std::fs::remove_dir_all(std::env::temp_dir().join(format!("pinrail-demo-{}", demo.id())));
        let now = records(&archive_dir);
        assert!(durable >= enough && now.len() as u64 >= durable, "{durable}");
        let same = kept
            .iter()
            .zip(&now)
            .all(|(then, now)| then.words() == now.words());
        assert!(same, "what was there has changed");
        kept = now;
    }
    let stat = stat(&archive_dir).unwrap();
    assert_eq!(stat["digest_records"].as_u64(), Some(kept.len() as u64));
    println!("{rounds} demos killed, {} records kept", kept.len());

    let journal = archive_dir.to_str().unwrap();
    let (code, out, err) = ended(&["demo", "--seconds", "1", "--journal", journal, "--json"]);
    assert_eq!(code, 0, "{err}");
    let demo: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        demo["core"]["duplicates"], 0,
        "sources go on behind what was taken"
    );
    assert_eq!(demo["journal"]["input_rejects"], serde_json::json!({}));
    let replayed = replayed(&archive_dir, &[]);
    assert_eq!(replayed["epochs"], rounds + 1);
    assert_eq!(
        replayed["output_hash"], demo["output_hash"],
        "one state through both"
    );
}
