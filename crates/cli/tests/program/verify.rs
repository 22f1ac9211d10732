//! `pinrail journal verify`.

use std::fs;
use std::path::Path;

use pinrail_journal::JournalConfig;
use serde_json::Value;
use tempfile::TempDir;

use super::{ended, journal_in, segments};

fn json(out: &str) -> Value {
    serde_json::from_str(out).unwrap()
}

fn change(file: &Path, byte: impl FnOnce(&[u8]) -> usize) -> usize {
    let mut bytes = fs::read(file).unwrap();
    let at = byte(&bytes);
    bytes[at] ^= 4;
    fs::write(file, bytes).unwrap();
    at
}

/// An epoch without records.
fn go_on(archive: &str, live: &str) {
    let journal = pinrail_journal::open(&JournalConfig::new(archive.into(), live.into())).unwrap();
    journal.writer.finish(1);
    journal.archiver.finish().unwrap();
}

#[test]
fn a_sound_journal_is_0_and_a_kept_head_is_found_when_it_has_grown() {
    let dir = TempDir::new().unwrap();
    let (archive, live) = journal_in(dir.path());
    let (code, out, err) = ended(&["journal", "verify", &archive, "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let before = json(&out);
    assert_eq!(
        (&before["verdict"], &before["end"]),
        (&"sound".into(), &"clean".into())
    );
    assert_eq!(
        (&before["records"], &before["last_seq"]),
        (&103.into(), &103.into())
    );
    assert_eq!(before["head"], before["settled_head"]);
    assert_eq!(before["damage"], Value::Null);

    go_on(&archive, &live);
    let head = before["head"]["hash"].as_str().unwrap();
    let (code, out, err) = ended(&["journal", "verify", &archive, "--head", head, "--json"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let after = json(&out);
    assert_eq!(after["kept_head"], before["head"]);
    assert_eq!(
        (&after["epochs"], &after["verdict"]),
        (&2.into(), &"sound".into())
    );
    assert_ne!(after["head"], before["head"]);
    let (code, out, _) = ended(&["journal", "verify", &archive, "--head", head]);
    let last = before["head"]["segment"].to_string();
    assert_eq!(code, 0);
    assert!(
        out.contains("| the given head") && out.contains(&format!("{head} of segment {last}, ")),
        "{out}"
    );
}

#[test]
fn another_journals_head_is_1_and_no_head_is_2() {
    let dir = TempDir::new().unwrap();
    let (archive, _) = journal_in(dir.path());
    let other = "ab".repeat(32);
    let (code, out, err) = ended(&["journal", "verify", &archive, "--head", &other, "--json"]);
    assert_eq!((code, &json(&out)["verdict"]), (1, &"head_not_found".into()));
    assert!(
        err.contains(&other) && err.contains("the head of no segment here"),
        "{err}"
    );
    assert_eq!(ended(&["journal", "verify", &archive, "--head", "abc"]).0, 2);
}

#[test]
fn damage_is_3_and_in_the_last_batch_1() {
    let dir = TempDir::new().unwrap();
    let (archive, _) = journal_in(dir.path());
    let files = segments(&archive);
    let last = files.last().unwrap();
    // The end vouches for all before it, and nothing for the end.
    let at = change(last, |bytes| bytes.len() - 1);
    let (code, out, err) = ended(&["journal", "verify", &archive, "--json"]);
    let found = json(&out);
    assert_eq!((code, &found["verdict"]), (1, &"possible_tear".into()));
    assert_eq!(found["damage"]["file"], last.to_str().unwrap());
    assert_eq!(found["damage"]["offset"], at as u64 - 63);
    assert_eq!((&found["records"], &found["end"]), (&103.into(), &"torn".into()));
    assert!(
        err.contains("possible tear") && err.contains("sequence 104"),
        "{err}"
    );

    let at = change(&files[0], |bytes| {
        bytes.windows(3).position(|three| three == b"r-1").unwrap()
    });
    let (code, out, err) = ended(&["journal", "verify", &archive, "--json"]);
    let found = json(&out);
    assert_eq!((code, &found["verdict"]), (3, &"corrupt".into()));
    let damage = &found["damage"];
    assert_eq!((&damage["seq"], &damage["what"]), (&3.into(), &"checksum".into()));
    let offset = damage["offset"].as_u64().unwrap() as usize;
    assert!((offset..offset + 128).contains(&at), "{offset} {at}");
    assert!(
        err.contains("is corrupt at byte") && err.contains("sequence 3"),
        "{err}"
    );
    let (code, out, _) = ended(&["journal", "verify", &archive]);
    assert_eq!((code, out.as_str()), (3, ""));
}

#[test]
fn a_missing_segment_is_3_but_if_it_was_the_last_only_a_head_tells() {
    let dir = TempDir::new().unwrap();
    let (archive, live) = journal_in(dir.path());
    go_on(&archive, &live);
    let files = segments(&archive);
    let (_, out, _) = ended(&["journal", "verify", &archive, "--json"]);
    let head = json(&out)["head"]["hash"].as_str().unwrap().to_owned();
    let aside = dir.path().join("aside");
    fs::rename(&files[1], &aside).unwrap();
    let (code, out, err) = ended(&["journal", "verify", &archive, "--json"]);
    assert_eq!((code, &json(&out)["verdict"]), (3, &"corrupt".into()));
    assert!(err.contains("segment 2 is neither live nor in"), "{err}");
    fs::rename(&aside, &files[1]).unwrap();
    fs::remove_file(&files[2]).unwrap();
    assert_eq!(ended(&["journal", "verify", &archive]).0, 0);
    assert_eq!(ended(&["journal", "verify", &archive, "--head", &head]).0, 1);
    assert_eq!(ended(&["journal", "verify", dir.path().to_str().unwrap()]).0, 3);
}
