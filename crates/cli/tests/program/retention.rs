//! `pinrail journal compress` and `prune`: every command reads what they leave.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::desk::{Desk, assert_told};
use crate::golden::python;
use crate::{ended, segments};

fn done(args: &[&str]) -> String {
    let (code, out, err) = ended(args);
    assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
    out
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&done(&[args, &["--json"]].concat())).unwrap()
}

fn cold(archive: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(archive)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "zst"))
        .collect();
    files.sort();
    files
}

/// What the commands that read an archive print of it, but for what a clock or the lengths of files have in it.
fn all_that_is_told(archive: &str, to: &Path) -> Vec<String> {
    let mut verified = json(&["journal", "verify", archive]);
    for figure in ["file_bytes", "compressed_segments"] {
        verified[figure] = Value::Null;
    }
    let to = format!("{}/", to.display());
    done(&[
        "journal", "export", archive, "--to", &to, "--format", "csv", "--force",
    ]);
    vec![
        verified.to_string(),
        done(&["journal", "stat", archive, "--json"]),
        done(&["journal", "dump", archive, "--json"]),
        fs::read_to_string(format!("{to}Quote.csv")).unwrap(),
        json(&["replay", archive])["state_hash"].to_string(),
        json(&["replay", archive, "--from-snapshot"])["state_hash"].to_string(),
    ]
}

#[test]
fn what_is_compressed_is_told_as_before() {
    let desk = Desk::new();
    desk.played(&[]);
    desk.played(&[]);
    let (archive, out) = (desk.archive_dir.to_str().unwrap(), tempfile::tempdir().unwrap());
    done(&["snapshot", archive, "--until", "900"]);
    let before = all_that_is_told(archive, out.path());
    let plain = segments(archive).len();
    assert!(plain > 4, "{plain}");

    let summary = json(&["journal", "compress", archive, "--keep", "2", "--level", "1"]);
    assert_eq!(summary["segments"].as_array().unwrap().len(), plain - 2);
    assert_eq!(
        (cold(&desk.archive_dir).len(), segments(archive).len()),
        (plain - 2, 2)
    );
    assert!(summary["bytes_after"].as_u64() < summary["bytes_before"].as_u64());
    let table = done(&["journal", "compress", archive]);
    assert!(
        table.contains("| segments    |        1 |") || table.contains("segments"),
        "{table}"
    );
    assert_eq!(all_that_is_told(archive, out.path()), before);
    assert_eq!(
        json(&["journal", "verify", archive])["compressed_segments"],
        plain as u64 - 1
    );

    if let Some((code, shown, err)) = python(&desk.archive_dir) {
        assert_eq!((code, shown.as_str()), (3, ""));
        assert!(
            err.contains("0000000001-000001.seg.zst") && err.contains("compressed"),
            "{err}"
        );
    }
    // It is played on.
    desk.played(&[]);
    assert_eq!(json(&["journal", "verify", archive])["verdict"], "sound");

    let file = &cold(&desk.archive_dir)[1];
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
    let (code, _, err) = ended(&["journal", "verify", archive, "--json"]);
    assert_eq!(code, 3);
    assert_told(&err, &[file.to_str().unwrap()]);
}

#[test]
fn what_is_pruned_is_told_and_the_rest_is_read() {
    let desk = Desk::new();
    desk.played(&[]);
    desk.played(&[]);
    let archive = desk.archive_dir.to_str().unwrap();
    let whole = json(&["replay", archive]);
    let before = segments(archive);
    let (code, shown, err) = ended(&["journal", "prune", archive, "--keep-segments", "2", "--json"]);
    assert_eq!(code, 1);
    let kept: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(kept["segments"].as_array().unwrap().len(), 0);
    assert_told(&err, &["nothing is removed", "no snapshot", "pinrail snapshot"]);
    assert_eq!(segments(archive), before);

    done(&["snapshot", archive, "--until", "100"]);
    let newest = json(&["snapshot", archive]);
    done(&["journal", "compress", archive, "--keep", "3"]);
    let bound = ["journal", "prune", archive, "--keep-segments", "2"];
    let planned = json(&[bound.as_slice(), &["--dry-run"]].concat());
    assert_eq!(
        segments(archive).len() + cold(&desk.archive_dir).len(),
        before.len()
    );
    let pruned = json(&bound);
    assert_eq!(
        (&planned["dry_run"], &pruned["dry_run"]),
        (&true.into(), &false.into())
    );
    for what in ["segments", "bytes", "snapshots", "first", "start_from", "kept"] {
        assert_eq!(planned[what], pruned[what], "{what}");
    }
    assert_eq!(pruned["segments"].as_array().unwrap().len(), before.len() - 2);
    assert_eq!(pruned["snapshots"].as_array().unwrap().len(), 1);
    assert_eq!(pruned["start_from"], newest["file"]);
    assert_eq!(segments(archive), before[before.len() - 2..]);

    let first_seq = pruned["first"]["seq"].as_u64().unwrap();
    let head = pruned["first"]["chain_before"].as_str().unwrap();
    let verified = json(&["journal", "verify", archive, "--head", head]);
    assert_eq!(
        (&verified["verdict"], &verified["first_seq"]),
        (&"sound".into(), &first_seq.into())
    );
    assert_eq!(verified["kept_head"]["last_seq"], first_seq - 1);
    assert_eq!(json(&["journal", "stat", archive])["first_seq"], first_seq);
    let dumped = done(&["journal", "dump", archive, "--limit", "1", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&dumped).unwrap()["seq"], first_seq);
    assert_eq!(
        json(&["replay", archive, "--from-snapshot"])["state_hash"],
        whole["state_hash"]
    );
    let (code, shown, err) = ended(&["replay", archive]);
    assert_eq!((code, shown.as_str()), (3, ""));
    assert_told(
        &err,
        &[&format!("begins at sequence {first_seq}"), "--from-snapshot"],
    );
    desk.played(&[]);

    let table = done(&["journal", "prune", archive, "--before", "1"]);
    assert!(table.contains("| removed") && table.contains(head), "{table}");
    for wrong in [
        vec!["journal", "prune", archive],
        vec!["journal", "prune", archive, "--keep-segments", "0"],
        vec![
            "journal",
            "prune",
            archive,
            "--keep-segments",
            "1",
            "--before",
            "5",
        ],
        vec!["journal", "compress", archive, "--level", "23"],
    ] {
        assert_eq!(ended(&wrong).0, 2, "{wrong:?}");
    }
}
