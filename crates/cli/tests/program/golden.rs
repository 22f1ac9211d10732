//! The journals under `tests/golden/`, one folder for each format version: what was ever written is read for ever, by this
//! program and by the reader in Python.
//!
//! A folder that is not there yet is made by `PINRAIL_GOLDEN=write cargo test -p pinrail-cli --test program golden`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use bytemuck::Zeroable;
use pinrail_journal::archive::{self, End, Verified};
use pinrail_journal::{FORMAT_VERSION, JournalConfig, ReadError};
use pinrail_types::record::{AssetDef, ClientDef, InstrumentDef, Quote, QuoteRequest};
use pinrail_types::{
    AssetId, Cause, ClientId, Commit, Flags, Frame, OutId, Px, Qty, RecordType, SourceId, Text,
};
use serde_json::Value;
use tempfile::TempDir;

use super::{ended, segments};

/// Several epochs and segments, one of them torn and gone on behind; and one whose last segment is torn.
const NAMES: [&str; 2] = ["clean", "torn"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The journals' folders, of all format versions.
pub(crate) fn journals() -> Vec<PathBuf> {
    static MADE: Once = Once::new();
    let golden = root().join("tests/golden");
    let current = golden.join(FORMAT_VERSION.to_string());
    MADE.call_once(|| {
        if !current.exists() && std::env::var("PINRAIL_GOLDEN").as_deref() == Ok("write") {
            write(&current);
        }
    });
    assert!(
        current.exists(),
        "no golden journals of format version {FORMAT_VERSION}: PINRAIL_GOLDEN=write makes them"
    );
    let mut found: Vec<PathBuf> = fs::read_dir(golden)
        .unwrap()
        .flat_map(|version| {
            let version = version.unwrap().path();
            NAMES.map(|name| version.join(name))
        })
        .collect();
    found.sort();
    found
}

/// Makes the journals of the current version, and what they must decode to.
fn write(version: &Path) {
    for name in NAMES {
        let (made, kept) = (TempDir::new().unwrap(), version.join(name));
        let config = JournalConfig {
            segment_bytes: 8192,
            ..JournalConfig::new(made.path().join("archive"), made.path().join("live"))
        };
        epoch(&config, 50, false);
        epoch(&config, 12, true);
        if name == "clean" {
            epoch(&config, 40, false);
        }
        fs::create_dir_all(&kept).unwrap();
        for entry in fs::read_dir(&config.archive_dir).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let file = path.file_name().unwrap();
            if file != "lock" && bytes.iter().any(|b| *b != 0) {
                fs::write(kept.join(file), bytes).unwrap();
            }
        }
        let (_, out, _) = ended(&["journal", "dump", kept.to_str().unwrap(), "--json"]);
        fs::write(kept.with_extension("jsonl"), out).unwrap();
        let head = archive::verify(&kept, None, |_, _| {}).unwrap().head.unwrap();
        fs::write(kept.with_extension("head"), format!("{}\n", head.hash)).unwrap();
    }
}

/// An epoch of `records` records, a batch after every 8, closed or torn.
fn epoch(config: &JournalConfig, records: u64, torn: bool) {
    let mut journal = pinrail_journal::open(config).unwrap();
    for n in 1..=records {
        while journal.writer.room().normal < 4 {
            journal.archiver.do_work().unwrap();
            journal.preparer.do_work().unwrap();
        }
        let frame = record(journal.writer.next_seq());
        journal.writer.append(frame.words());
        if n % 8 == 0 || n == records {
            journal.archiver.do_work().unwrap();
        }
    }
    if !torn {
        journal.writer.finish(1);
        return journal.archiver.finish().unwrap();
    }
    drop(journal);
    fs::remove_dir_all(&config.live_dir).unwrap();
    tear(&config.archive_dir);
}

/// Takes bytes out of the last record, as a power cut does.
fn tear(archive_dir: &Path) {
    let last = segments(archive_dir)
        .into_iter()
        .rfind(|path| fs::read(path).unwrap().iter().any(|b| *b != 0))
        .unwrap();
    let mut bytes = fs::read(&last).unwrap();
    let end = bytes.iter().rposition(|b| *b != 0).unwrap() & !63;
    bytes[end + 8..end + 32].fill(0);
    fs::write(last, bytes).unwrap();
}

/// Record `seq`: definitions first, so that later ones show decimals and names, then requests, quotes, and records that
/// only an embedder knows.
fn record(seq: u64) -> Frame {
    let mut frame = match (seq, seq % 3) {
        (1, _) => Frame::of(&AssetDef {
            symbol: Text::new("USD").unwrap(),
            ..AssetDef::zeroed()
        }),
        (2, _) => Frame::of(&InstrumentDef {
            base: AssetId(0),
            quote: AssetId(0),
            tick_mantissa: 5,
            tick_exponent: -1,
            lot_mantissa: 1,
            lot_exponent: -3,
            symbol: Text::new("BTC-USD").unwrap(),
            ..InstrumentDef::zeroed()
        }),
        (3, _) => Frame::of(&ClientDef {
            client: ClientId(3),
            name: Text::new("alpha").unwrap(),
            ..ClientDef::zeroed()
        }),
        (_, 0) => Frame::of(&QuoteRequest {
            quote_req_id: Text::new(&format!("request-{seq}")).unwrap(),
            client: ClientId(3),
            qty: Qty(seq as i64 * 10),
            side: [0, b'1', b'2'][seq as usize % 9 / 3],
            ts_recv: 1_700_000_000_000_000_000 + seq,
            ..QuoteRequest::zeroed()
        }),
        (_, 1) => Frame::of(&Quote {
            quote_req_id: Text::new(&format!("request-{}", seq - 1)).unwrap(),
            quote_id: OutId {
                seq: seq - 1,
                epoch: 1,
                sub: 0x0700,
            },
            client: ClientId(3),
            bid_px: if seq.is_multiple_of(2) { Px::NONE } else { Px(-7) },
            offer_px: Px(99_999 + seq as i64),
            qty: Qty(seq as i64 * 10),
            side: b'1',
            venues: 2,
            ..Quote::zeroed()
        }),
        _ => embedders_own(seq),
    };
    let is_output = frame.record_type().is_output();
    let header = frame.header_mut();
    header.seq = seq;
    header.ts_core = 1_700_000_000_000_000_000 + seq * 1_000_003;
    header.cause = if is_output {
        seq - 1
    } else {
        Cause::input(SourceId(4), seq)
    };
    frame
}

/// A record of 1 to 4 lines that no version of this program knows.
fn embedders_own(seq: u64) -> Frame {
    let mut frame = Frame::default();
    let lines = 1 + seq as usize / 3 % 4;
    for (i, word) in frame.buffer_mut()[..lines * 8].iter_mut().enumerate() {
        *word = (seq + i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    let header = frame.header_mut();
    header.commit = Commit {
        lines: lines as u8,
        version: 9,
        flags: Flags::LAST,
        record_type: RecordType(0x8001),
    }
    .pack();
    header.crc = 0;
    frame
}

fn expected(journal: &Path) -> String {
    fs::read_to_string(journal.with_extension("jsonl")).unwrap()
}

fn is_torn(journal: &Path) -> bool {
    journal.ends_with("torn")
}

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn golden_journals_are_what_their_names_say() {
    for journal in journals() {
        let kept = fs::read_to_string(journal.with_extension("head")).unwrap();
        let head = kept.trim().parse().unwrap();
        let verified = archive::verify(&journal, Some(head), |_, _| {}).unwrap();
        assert_eq!(verified.head, verified.kept);
        assert_eq!(matches!(verified.end, End::Torn(_)), is_torn(&journal));
        assert_eq!(verified.epochs, if is_torn(&journal) { 2 } else { 3 });
        assert_eq!(verified.cut_segments, u64::from(!is_torn(&journal)));
        assert!(verified.segments > verified.epochs);
    }
}

#[test]
fn golden_journals_decode_to_what_they_always_did() {
    for journal in journals() {
        let (code, out, err) = ended(&["journal", "dump", journal.to_str().unwrap(), "--json"]);
        assert_eq!(code, 0, "{err}");
        assert_eq!(err.contains("is torn at byte"), is_torn(&journal), "{err}");
        assert!(
            out == expected(&journal),
            "{} decodes to something else",
            journal.display()
        );
    }
}

/// What the reader in Python says: its exit code, stdout and stderr. `None` without a Python.
pub(crate) fn python(journal: &Path) -> Option<(i32, String, String)> {
    let script = root().join("examples/read_journal.py");
    let output = Command::new("python3").arg(script).arg(journal).output();
    let Ok(output) = output else {
        println!("skipped: no python3");
        return None;
    };
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Some((
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    ))
}

#[test]
fn the_reader_in_python_reads_the_same() {
    for journal in journals() {
        let Some((code, out, err)) = python(&journal) else {
            return;
        };
        assert_eq!(code, i32::from(is_torn(&journal)), "{err}");
        let (ours, theirs) = (lines(&expected(&journal)), lines(&out));
        assert_eq!(ours.len(), theirs.len());
        let mut reader = archive::Reader::open(&journal, None).unwrap();
        let mut frame = Frame::default();
        let mut decoded = 0;
        for (ours, theirs) in ours.iter().zip(&theirs) {
            let position = reader.next(&mut frame).unwrap().unwrap();
            let (header, commit) = (frame.header(), frame.commit());
            assert_eq!(theirs["seq"], header.seq);
            assert_eq!(theirs["position"], position);
            assert_eq!(theirs["ts_core"], header.ts_core);
            assert_eq!(theirs["cause"], header.cause);
            assert_eq!(theirs["type"], commit.record_type.0);
            assert_eq!(
                (&theirs["version"], &theirs["flags"]),
                (&commit.version.into(), &commit.flags.0.into())
            );
            let mut payload = String::new();
            for byte in &frame.bytes()[32..] {
                write!(payload, "{byte:02x}").unwrap();
            }
            assert_eq!(theirs["payload"], payload);
            if let Some(name) = theirs.get("name") {
                assert_eq!(name, &ours["type"]);
                for (field, value) in theirs["fields"].as_object().unwrap() {
                    assert_eq!(value, &ours[field], "{field} of {ours}");
                }
                decoded += 1;
            }
        }
        assert!(decoded * 2 > ours.len(), "{decoded} requests and quotes");
    }
}

/// A copy that may be changed.
fn copy(journal: &Path) -> TempDir {
    let dir = TempDir::new().unwrap();
    for entry in fs::read_dir(journal).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    dir
}

/// The exit code of a reader that checks all but the chain; `None` where only the chain finds something.
fn code(verified: &Result<Verified, ReadError>) -> Option<i32> {
    match verified {
        Ok(Verified {
            end: End::Torn(_), ..
        }) => Some(1),
        Ok(_) => Some(0),
        Err(error) if error.to_string().contains("chain hash") => None,
        Err(_) => Some(3),
    }
}

/// Replaces a file of `dir` for as long as both readers look, and gives the exit code of the one in Python.
fn assert_same_verdict(dir: &Path, file: &Path, bytes: &[u8]) -> Option<i32> {
    let whole = fs::read(file).unwrap();
    fs::write(file, bytes).unwrap();
    let ours = archive::verify(dir, None, |_, _| {});
    let theirs = python(dir);
    fs::write(file, whole).unwrap();
    let (theirs, _, err) = theirs?;
    let same = code(&ours).is_none_or(|ours| ours == theirs);
    assert!(same, "{}: {ours:?}, {theirs} {err}", file.display());
    Some(theirs)
}

#[test]
fn both_readers_agree_on_damage_but_for_the_chain() {
    let mut random = 5_u64;
    let mut below = |end: usize| {
        random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        (random >> 33) as usize % end
    };
    for journal in journals() {
        let dir = copy(&journal);
        for n in 0..12 {
            let mut files = segments(dir.path());
            files.push(dir.path().join("meta"));
            let file = &files[below(files.len())];
            let mut bytes = fs::read(file).unwrap();
            // Every third change hits the header or meta.
            let at = below(if n % 3 == 0 { 64 } else { bytes.len() });
            bytes[at] ^= 1 << below(8);
            if assert_same_verdict(dir.path(), file, &bytes).is_none() {
                return;
            }
        }
    }
}

#[test]
fn both_readers_refuse_a_record_that_stands_twice() {
    let dir = copy(&journals()[0]);
    let file = &segments(dir.path())[0];
    let mut bytes = fs::read(file).unwrap();
    let quotes: Vec<usize> = (4096..bytes.len())
        .step_by(64)
        .filter(|at| bytes[*at..at + 4] == Frame::of(&Quote::zeroed()).bytes()[..4])
        .collect();
    // Its checksum is right in any place of its segment.
    bytes.copy_within(quotes[0]..quotes[0] + 192, quotes[1]);
    let verdict = assert_same_verdict(dir.path(), file, &bytes);
    assert!(verdict.is_none_or(|code| code == 3));
}

#[test]
fn another_format_version_is_refused_by_number() {
    let dir = copy(&journals()[0]);
    let file = segments(dir.path()).pop().unwrap();
    let mut bytes = fs::read(&file).unwrap();
    bytes[8] = 77;
    fs::write(&file, bytes).unwrap();
    let archive = dir.path().to_str().unwrap();
    for command in ["dump", "stat", "verify"] {
        let (code, _, err) = ended(&["journal", command, archive]);
        assert_eq!(code, 3);
        assert!(
            err.contains(&format!("{}: format version 77", file.display())),
            "{err}"
        );
    }
    if let Some((code, _, err)) = python(dir.path()) {
        assert_eq!(code, 3);
        assert!(err.contains("format version 77"), "{err}");
    }
}
