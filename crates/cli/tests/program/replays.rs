//! Replays of whole journals and of parts of them.

use std::path::Path;

use pinrail_journal::{Journal, JournalConfig, archive};
use pinrail_types::Frame;
use pinrail_types::record::Quote;
use serde_json::Value;
use tempfile::TempDir;

use crate::desk::Desk;
use crate::ended;

/// Replays a journal, which must come out the same; gives what was printed.
pub(crate) fn replayed(archive_dir: &Path, more: &[&str]) -> Value {
    let dir = archive_dir.to_str().unwrap();
    let (code, out, err) = ended(&[&["replay", dir, "--json"], more].concat());
    assert_eq!(code, 0, "{err}");
    let replayed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(replayed["equal"], true);
    replayed
}

/// Every record of an archive.
pub(crate) fn records(archive_dir: &Path) -> Vec<Frame> {
    let mut reader = archive::Reader::open(archive_dir, None).unwrap();
    let (mut records, mut frame) = (Vec::new(), Frame::default());
    while reader.next(&mut frame).unwrap().is_some() {
        records.push(frame);
    }
    records
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

/// Replays from `from` on, which must come out the same and to the state of `whole`.
fn replayed_from(desk: &Desk, from: &str, whole: &Value) -> Value {
    let part = replayed(&desk.archive_dir, &["--from", from, "--baseline"]);
    assert_eq!(part["state_hash"], whole["state_hash"], "from {from}");
    assert_eq!(part["output_hash"], whole["output_hash"], "from {from}");
    let records = part["inputs"].as_u64().unwrap() + part["outputs"].as_u64().unwrap();
    let first = part["from_seq"].as_u64().unwrap();
    assert_eq!(records, whole["last_seq"].as_u64().unwrap() + 1 - first);
    part
}

fn snapshot_until(desk: &Desk, seq: u64) -> Value {
    let journal = desk.archive_dir.to_str().unwrap();
    let (code, out, err) = ended(&["snapshot", journal, "--until", &seq.to_string(), "--json"]);
    assert_eq!(code, 0, "{err}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_replay_reports_from_where_it_is_told() {
    let desk = Desk::new();
    desk.played(&[]);
    let whole = replayed(&desk.archive_dir, &[]);
    let last_seq = whole["last_seq"].as_u64().unwrap();
    let records = records(&desk.archive_dir);
    let times: Vec<u64> = records.iter().map(|record| record.header().ts_core).collect();
    let middle = last_seq / 2;
    for from in (middle..middle + 8).chain([1, 2, last_seq]) {
        let part = replayed_from(&desk, &from.to_string(), &whole);
        assert_eq!(part["from_seq"], from);
        assert_eq!(
            (&part["from_snapshot"], &part["state_from_seq"]),
            (&false.into(), &1.into())
        );
        let ts = times[from as usize - 1];
        let first_then = times.iter().position(|other| *other >= ts).unwrap() as u64 + 1;
        let part = replayed_from(&desk, &pinrail_cli::decode::utc(ts), &whole);
        assert_eq!(part["from_seq"], first_then);
    }
    let next_seq = snapshot_until(&desk, middle)["next_seq"].as_u64().unwrap();
    for from in [next_seq, next_seq + 1, next_seq + 100, last_seq] {
        let part = replayed_from(&desk, &from.to_string(), &whole);
        assert_eq!(
            (&part["from_snapshot"], &part["state_from_seq"]),
            (&true.into(), &next_seq.into())
        );
    }
    let before = replayed_from(&desk, &(next_seq - 1).to_string(), &whole);
    assert_eq!(before["from_snapshot"], false);

    let (from, until) = ((next_seq + 10).to_string(), (next_seq + 29).to_string());
    let part = replayed(
        &desk.archive_dir,
        &["--from", &from, "--until", &until, "--speed", "1000"],
    );
    let counted = part["inputs"].as_u64().unwrap() + part["outputs"].as_u64().unwrap();
    assert_eq!((counted, &part["last_seq"]), (20, &Value::from(next_seq + 29)));
}

#[test]
fn a_time_names_the_first_epoch_that_passes_it() {
    let desk = Desk::new();
    desk.played(&[]);
    let once = records(&desk.archive_dir);
    desk.played(&[]);
    let whole = replayed(&desk.archive_dir, &[]);
    snapshot_until(&desk, once.len() as u64 * 3 / 2);
    let at = &once[once.len() * 3 / 4];
    let part = replayed_from(&desk, &pinrail_cli::decode::utc(at.header().ts_core), &whole);
    let first_seq = part["from_seq"].as_u64().unwrap();
    assert!(first_seq <= at.header().seq, "{first_seq} is of the second epoch");
    assert_eq!(
        (&part["from_snapshot"], &part["epochs"]),
        (&false.into(), &1.into())
    );
}

#[test]
fn a_place_outside_the_journal_is_2() {
    let desk = Desk::new();
    desk.played(&[]);
    let last_seq = replayed(&desk.archive_dir, &[])["last_seq"].as_u64().unwrap();
    let journal = desk.archive_dir.to_str().unwrap();
    let beyond = (last_seq + 1).to_string();
    for (args, words) in [
        (&["--from", &beyond][..], "beyond the journal's end"),
        (&["--from", "2100-01-01T00:00:00Z"], "beyond the journal's end"),
        (&["--from", "0"], "before the journal's first record"),
        (
            &["--from", "1999-01-01T00:00:00Z"],
            "before the journal's first record",
        ),
        (&["--from", "700", "--until", "699"], "--until is before"),
        (&["--from", "700", "--from-snapshot"], "cannot be used with"),
    ] {
        let (code, out, err) = ended(&[&["replay", journal], args].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.contains(words), "{words}: {err}");
    }
}
