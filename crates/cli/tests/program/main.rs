//! The program from outside: what it prints, and its exit codes.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use assert_cmd::cargo::CommandCargoExt;
use bytemuck::Zeroable;
use pinrail_journal::JournalConfig;
use pinrail_types::record::{AssetDef, InstrumentDef, QuoteRequest, Tick};
use pinrail_types::{AssetId, Cause, Frame, Qty, Reason, SourceId, Text};
use tempfile::TempDir;

mod captures;
mod desk;
mod export;
mod export_model;
#[cfg(feature = "parquet")]
mod export_parquet;
mod golden;
mod machine;
mod quality;
mod replays;
mod retention;
mod runs;
mod scenario;
mod shadow;
mod verify;
mod what_if;

fn pinrail(args: &[&str]) -> Command {
    let mut command = Command::cargo_bin("pinrail").unwrap();
    command
        .args(args)
        .env_remove("PINRAIL_DATA")
        .env_remove("PINRAIL_LOG")
        .stdin(Stdio::null());
    command
}

/// Runs to the end: exit code, stdout, stderr.
fn ended(args: &[&str]) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = pinrail(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// The archived segments in a directory, in order.
fn segments(dir: impl AsRef<Path>) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "seg"))
        .collect();
    files.sort();
    files
}

/// A closed journal with an instrument, a request and ticks in it.
fn journal_in(dir: &Path) -> (String, String) {
    let instrument = InstrumentDef {
        base: AssetId(0),
        quote: AssetId(0),
        tick_mantissa: 1,
        lot_mantissa: 1,
        lot_exponent: -3,
        symbol: Text::new("BTC-USD").unwrap(),
        ..InstrumentDef::zeroed()
    };
    let request = QuoteRequest {
        quote_req_id: Text::new("r-1").unwrap(),
        qty: Qty(2_500),
        side: b'1',
        ..QuoteRequest::zeroed()
    };
    let mut frames = vec![
        Frame::of(&AssetDef::zeroed()),
        Frame::of(&instrument),
        Frame::of(&request),
    ];
    frames.extend(std::iter::repeat_n(Frame::of(&Tick::zeroed()), 100));
    for (seq, frame) in (1..).zip(&mut frames) {
        frame.header_mut().ts_core = 1_700_000_000_000_000_000 + seq;
        frame.header_mut().cause = Cause::input(SourceId::RUNTIME, seq);
    }
    journal_of(dir, &frames)
}

/// A closed journal of these records, and its archive and live directory.
fn journal_of(dir: &Path, frames: &[Frame]) -> (String, String) {
    let (archive, live) = (dir.join("archive"), dir.join("live"));
    let config = JournalConfig {
        segment_bytes: 8192,
        ..JournalConfig::new(archive.clone(), live.clone())
    };
    let mut journal = pinrail_journal::open(&config).unwrap();
    for (seq, frame) in (1..).zip(frames) {
        let mut frame = *frame;
        while journal.writer.room().normal < 4 {
            journal.archiver.do_work().unwrap();
            journal.preparer.do_work().unwrap();
        }
        frame.header_mut().seq = seq;
        journal.writer.append(frame.words());
    }
    journal.writer.finish(1);
    journal.archiver.finish().unwrap();
    let text = |path: std::path::PathBuf| path.to_str().unwrap().to_owned();
    (text(archive), text(live))
}

#[test]
fn help_names_the_commands_and_the_exit_codes() {
    let (code, out, _) = ended(&["--help"]);
    assert_eq!(code, 0);
    for word in [
        "demo",
        "run",
        "venue",
        "journal",
        "doctor",
        "Exit codes:",
        "PINRAIL_LOG",
    ] {
        assert!(out.contains(word), "{word} in {out}");
    }
}

#[test]
fn a_wrong_command_line_is_2() {
    for args in [
        &["frobnicate"][..],
        &[],
        &["run"],
        &["run", "--config", "x", "--speed", "0"],
        &["venue", "check"],
        &["venue", "check", "x", "--tick", "1e5"],
        &["venue", "check", "x", "--lot", "0"],
        &["journal", "dump", "x", "--type", "Qoute"],
        &["journal", "dump", "x", "--from", "yesterday"],
    ] {
        assert_eq!(ended(args).0, 2, "{args:?}");
    }
}

#[test]
fn a_wrong_configuration_is_2_and_names_the_place() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("desk.toml");
    fs::write(&file, "start = \"active\"\nspeed = 3\n").unwrap();
    let (code, out, err) = ended(&["run", "--config", file.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(
        err.contains("desk.toml:2:1: speed: unknown field `speed`, expected one of `data`"),
        "{err}"
    );
    let (code, _, err) = ended(&["run", "--config", "/nowhere/desk.toml"]);
    assert_eq!(code, 2);
    assert!(err.contains("/nowhere/desk.toml"), "{err}");
}

#[test]
fn unreadable_data_is_3() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("capture.gz");
    fs::write(&file, "no gzip").unwrap();
    let (code, _, err) = ended(&["venue", "check", file.to_str().unwrap()]);
    assert_eq!(code, 3);
    assert!(
        err.contains("capture.gz") && err.contains("not a gzip file"),
        "{err}"
    );
    let (code, _, err) = ended(&["journal", "stat", dir.path().to_str().unwrap()]);
    assert_eq!(code, 3);
    assert!(err.contains("no journal in"), "{err}");
}

#[test]
fn a_wrong_log_filter_is_2() {
    let output = pinrail(&["doctor"]).env("PINRAIL_LOG", "a=b=c").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_doctor_warns_and_does_not_fail() {
    let (code, out, err) = ended(&["doctor", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let findings: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(findings.as_array().is_some_and(|all| !all.is_empty()), "{out}");
    let (code, out, _) = ended(&["doctor"]);
    assert!(code == 0 && out.contains("| what"), "{out}");
}

#[test]
fn reasons_are_listed_with_their_rules() {
    let (code, out, err) = ended(&["reasons", "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let listed: serde_json::Value = serde_json::from_str(&out).unwrap();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), Reason::ALL.len());
    for (row, reason) in listed.iter().zip(Reason::ALL) {
        assert_eq!(row["code"], reason.code());
        assert_eq!(row["name"], format!("{reason:?}"));
        for text in ["meaning", "rule"] {
            assert!(row[text].as_str().is_some_and(|text| !text.is_empty()), "{row}");
        }
    }
    let (code, out, _) = ended(&["reasons"]);
    assert_eq!(code, 0);
    let collar = out.lines().find(|line| line.contains("Collar ")).unwrap();
    assert!(
        collar.contains("305") && collar.contains("RTS 6 Art. 15(1)(a)"),
        "{collar}"
    );
}

#[test]
fn a_journal_is_summed_up() {
    let dir = TempDir::new().unwrap();
    let (archive, live) = journal_in(dir.path());
    let (code, out, err) = ended(&["journal", "stat", &archive, "--live", &live, "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let stat: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (stat["records"].as_u64(), stat["last_seq"].as_u64()),
        (Some(103), Some(103))
    );
    assert_eq!(stat["bytes"], (1 + 2 + 2 + 100) * 64);
    assert_eq!(stat["types"]["Tick"]["records"], 100);
    assert_eq!(stat["epochs"][0]["epoch"], 1);
    assert!(stat["segments"].as_u64() > Some(1));
    assert_eq!(stat["position"], stat["live"]["durable_position"]);
    assert_eq!(stat["digest_records"], 103);
    let (code, out, _) = ended(&["journal", "stat", &archive]);
    assert_eq!(code, 0);
    assert!(
        out.contains("| last sequence") && out.contains("| QuoteRequest"),
        "{out}"
    );
}

#[test]
fn a_journal_is_dumped() {
    let dir = TempDir::new().unwrap();
    let (archive, _) = journal_in(dir.path());
    let (code, out, _) = ended(&["journal", "dump", &archive]);
    assert_eq!((code, out.lines().count()), (0, 103));
    let (_, out, _) = ended(&[
        "journal",
        "dump",
        &archive,
        "--instrument",
        "BTC-USD",
        "--type",
        "quoterequest",
    ]);
    assert_eq!(out.lines().count(), 1);
    assert!(out.contains("qty=2500l(2.500) side=Buy"), "{out}");
    let (_, out, _) = ended(&[
        "journal", "dump", &archive, "--from", "3", "--limit", "2", "--json",
    ]);
    let seqs: Vec<u64> = out
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"]
                .as_u64()
                .unwrap()
        })
        .collect();
    assert_eq!(seqs, [3, 4]);
}

#[test]
fn a_journal_is_followed() {
    let dir = TempDir::new().unwrap();
    let (archive, live) = journal_in(dir.path());
    let (code, out, err) = ended(&[
        "journal",
        "tail",
        &archive,
        "--live",
        &live,
        "--from-start",
        "--until",
        "103",
    ]);
    assert_eq!((code, out.lines().count(), err.as_str()), (0, 103, ""));
}

#[test]
fn a_damaged_journal_is_3_behind_what_is_whole() {
    let dir = TempDir::new().unwrap();
    let (archive, _) = journal_in(dir.path());
    let mut segments: Vec<_> = fs::read_dir(&archive)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| fs::metadata(path).unwrap().len() >= 8192)
        .collect();
    segments.sort();
    let mut bytes = fs::read(&segments[0]).unwrap();
    let request = bytes.windows(3).position(|three| three == b"r-1").unwrap();
    bytes[request] ^= 1;
    fs::write(&segments[0], bytes).unwrap();
    let (code, out, err) = ended(&["journal", "dump", &archive]);
    assert_eq!((code, out.lines().count()), (3, 2), "{err}");
    assert!(err.contains("corrupt") && err.contains("sequence 3"), "{err}");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let dir = TempDir::new().unwrap();
    let (archive, _) = journal_in(dir.path());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = pinrail(&["journal", "dump", &archive])
        .stdout(writer)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(Child::wait_with_output)
        .unwrap();
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &b""[..])
    );
}

#[test]
fn the_recordings_check_clean() {
    let data = std::env::var_os("PINRAIL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        Into::into,
    );
    let capture = data.join("captures/binance-spot/ethusdt_20240808.gz");
    if !capture.is_file() {
        println!("skipped: no recordings (PINRAIL_DATA)");
        return;
    }
    let capture = capture.to_str().unwrap();
    let (code, out, err) = ended(&["venue", "check", "--json", capture]);
    assert_eq!((code, err.as_str()), (0, ""));
    let checked: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (checked[0]["comparable"].as_u64(), checked[0]["matching"].as_u64()),
        (Some(577), Some(577))
    );
    // On a coarser grid than the exchange's the capture cannot be read.
    assert_eq!(ended(&["venue", "check", "--tick", "0.5", capture]).0, 3);
}
