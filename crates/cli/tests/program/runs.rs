//! What whole runs come to: the same journal however they were run, figures that agree, a journal that outlives a
//! kill.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use pinrail_journal::{Control, Journal, JournalConfig, archive};
use pinrail_types::Frame;
use pinrail_types::record::Quote;
use serde_json::Value;
use tempfile::TempDir;

use crate::desk::{Desk, stat};
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

/// Replays a journal, which must come out the same; gives what was printed.
fn replayed(archive_dir: &Path, more: &[&str]) -> Value {
    let dir = archive_dir.to_str().unwrap();
    let (code, out, err) = ended(&[&["replay", dir, "--json"], more].concat());
    assert_eq!(code, 0, "{err}");
    let replayed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(replayed["equal"], true);
    replayed
}

#[test]
fn a_replay_stops_where_it_is_told_and_shows_where_a_journal_differs() {
    let desk = Desk::new();
    desk.played(&[]);
    assert_eq!(replayed(&desk.archive_dir, &["--until", "500"])["last_seq"], 500);

    let journal = desk.archive_dir.to_str().unwrap();
    let whole = replayed(&desk.archive_dir, &[]);
    let mut snapshot = Value::Null;
    let last_seq = whole["last_seq"].as_u64().unwrap();
    for until in (0..10).map(|n| last_seq / 2 + n).chain([last_seq]) {
        let until = until.to_string();
        let (code, out, err) = ended(&["snapshot", journal, "--until", &until, "--json"]);
        assert_eq!(code, 0, "{err}");
        snapshot = serde_json::from_str(&out).unwrap();
        let behind = replayed(&desk.archive_dir, &["--from-snapshot"]);
        assert_eq!(behind["from_seq"], snapshot["next_seq"]);
        assert_eq!(behind["state_hash"], whole["state_hash"], "from {until}");
    }
    assert_eq!(snapshot["state_hash"], whole["state_hash"]);
    let behind = replayed(&desk.archive_dir, &["--from-snapshot"]);
    assert_eq!(
        (&behind["from_seq"], &behind["inputs"]),
        (&snapshot["next_seq"], &Value::from(0))
    );

    let dir = TempDir::new().unwrap();
    let config = JournalConfig::new(dir.path().join("archive"), dir.path().join("live"));
    let Journal {
        mut writer,
        archiver,
        preparer,
        ..
    } = pinrail_journal::open(&config).unwrap();
    let mut reader = archive::Reader::open(&desk.archive_dir, None).unwrap();
    let mut frame = Frame::default();
    let mut changed = None;
    while reader.next(&mut frame).unwrap().is_some() {
        if let Some(quote) = frame.get::<Quote>()
            && changed.is_none()
            && quote.header.seq > 1_000
        {
            changed = Some(quote.header.seq);
            let mut quote = *quote;
            quote.offer_px.0 += 1;
            frame = Frame::of(&Quote {
                header: *frame.header(),
                ..quote
            });
        }
        writer.append(frame.words());
    }
    writer.finish(1);
    drop(preparer);
    archiver.finish().unwrap();
    let seq = changed.unwrap().to_string();
    let (code, out, err) = ended(&["replay", config.archive_dir.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (1, ""));
    for shown in [
        "differs",
        &seq,
        "QuoteRequest",
        "in the journal",
        "replayed",
        "position",
        "book at 0",
    ] {
        assert!(err.contains(shown), "{shown}: {err}");
    }
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

/// Every record of an archive.
fn records(archive_dir: &Path) -> Vec<Frame> {
    let mut reader = archive::Reader::open(archive_dir, None).unwrap();
    let (mut records, mut frame) = (Vec::new(), Frame::default());
    while reader.next(&mut frame).unwrap().is_some() {
        records.push(frame);
    }
    records
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
