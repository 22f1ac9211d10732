//! A machine that has less than was asked for.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::desk::{Desk, assert_told, stat};
use crate::{ended, pinrail};

/// A file system in memory on a directory of its own, gone when dropped.
struct Tmpfs(TempDir);

impl Tmpfs {
    /// `None`, and a line that says so, where this process may not mount.
    fn mount(options: &str) -> Option<Tmpfs> {
        let dir = TempDir::new().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            Some(Tmpfs(dir))
        } else {
            println!("skipped: no permission to mount a tmpfs");
            None
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[test]
fn a_core_that_does_not_exist_is_named_before_the_journal_is_touched() {
    let mut desk = Desk::new();
    desk.core = "cpu = 4000";
    desk.refused(2, &["core 4000 does not exist here: online are "]);
    assert!(!desk.archive_dir.exists() && !desk.live_dir.exists());
}

#[test]
fn no_room_for_the_first_segment_is_told() {
    let Some(tmpfs) = Tmpfs::mount("size=1m") else {
        return;
    };
    let mut desk = Desk::new();
    let records = desk.played(&[])["journal"]["inputs"].as_u64();
    desk.live_dir = tmpfs.path().join("live");
    desk.segment_bytes = 8 << 20;
    desk.refused(
        4,
        &["no room for ", "/live/", "8388608 bytes needed", "available"],
    );
    desk.segment_bytes = 64 << 10;
    assert_eq!(desk.played(&[])["journal"]["inputs"].as_u64(), records);
}

#[test]
fn no_room_for_a_later_segment_is_told_and_what_was_journaled_is_archived() {
    // The control file and three segments; a fourth is wanted when the first is full.
    let Some(tmpfs) = Tmpfs::mount("size=256k") else {
        return;
    };
    let mut desk = Desk::new();
    desk.played(&[]);
    let before = stat(&desk.archive_dir).unwrap();
    desk.live_dir = tmpfs.path().join("live");
    for bytes in [64 << 10, 96 << 10, 120 << 10] {
        desk.segment_bytes = bytes;
        let (code, _, err) = desk.run(&[]);
        if code == 0 {
            continue;
        }
        assert_eq!(code, 4, "{err}");
        assert_told(&err, &["no room for ", "/live/", "bytes needed"]);
        let after = stat(&desk.archive_dir).unwrap();
        assert!(after["records"].as_u64() >= before["records"].as_u64());
        assert_eq!(after["torn"], Value::Null);
        let left: Vec<_> = fs::read_dir(&desk.live_dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ext| ext == "live"))
            .collect();
        assert!(left.is_empty(), "not archived: {left:?}");
    }
    let Some(roomy) = Tmpfs::mount("size=1m") else {
        return;
    };
    desk.live_dir = roomy.path().join("live");
    desk.segment_bytes = 64 << 10;
    desk.played(&[]);
}

/// `demo` with a `/dev/shm` of its own; `None` if this process may not have one.
fn demo_in_shm(options: &str) -> Option<(i32, String)> {
    let script = format!("mount -t tmpfs -o {options} tmpfs /dev/shm || exit 99; exec \"$0\" \"$@\"");
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &script])
        .arg(pinrail(&[]).get_program())
        .args(["demo", "--seconds", "1", "--json"])
        .output()
        .ok()?;
    let err = String::from_utf8(output.stderr).unwrap();
    match output.status.code() {
        Some(99 | 1) | None => {
            println!("skipped: no permission to mount another /dev/shm: {err}");
            None
        }
        Some(code) => Some((code, err)),
    }
}

#[test]
fn a_demo_without_room_in_shared_memory_tells() {
    let Some((code, err)) = demo_in_shm("size=1m") else {
        return;
    };
    assert_eq!(code, 4, "{err}");
    assert_told(&err, &["no room for /dev/shm/pinrail-demo-", "bytes needed"]);
    // None for the third segment, until the first is gone: with luck that is before the end.
    if let Some((code, err)) = demo_in_shm("size=20m") {
        assert!(matches!(code, 0 | 4), "{err}");
        assert!(
            err.contains("no room for /dev/shm/pinrail-demo-") && err.contains("trying again"),
            "{err}"
        );
    }
    if let Some((code, err)) = demo_in_shm("ro") {
        assert_eq!(code, 4, "{err}");
        assert_told(&err, &["/dev/shm/pinrail-demo-", "Read-only"]);
    }
}

#[test]
fn no_room_for_the_archive_is_told() {
    let Some(tmpfs) = Tmpfs::mount("size=256k") else {
        return;
    };
    let mut desk = Desk::new();
    desk.archive_dir = tmpfs.path().join("archive");
    desk.refused(4, &["no room for ", "/archive/", "bytes needed"]);
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let mut desk = Desk::new();
    let (archive_dir, live_dir) = (desk.archive_dir.clone(), desk.live_dir.clone());
    fs::write(&archive_dir, "a file").unwrap();
    let (code, _, err) = desk.run(&[]);
    assert_eq!(code, 4, "{err}");
    assert_told(&err, &[archive_dir.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&archive_dir).unwrap(), "a file");
    let (code, _, err) = ended(&[
        "demo",
        "--seconds",
        "1",
        "--journal",
        archive_dir.to_str().unwrap(),
    ]);
    assert_eq!(code, 4, "{err}");
    assert_told(&err, &[archive_dir.to_str().unwrap()]);
    fs::remove_file(&archive_dir).unwrap();

    fs::write(&live_dir, "a file").unwrap();
    desk.refused(4, &[live_dir.to_str().unwrap()]);
    fs::remove_file(&live_dir).unwrap();

    let Some(tmpfs) = Tmpfs::mount("ro") else { return };
    desk.archive_dir = tmpfs.path().join("archive");
    desk.refused(4, &[desk.archive_dir.to_str().unwrap(), "Read-only"]);
    desk.archive_dir = archive_dir;
    desk.played(&[]);
    desk.live_dir = tmpfs.path().join("live");
    desk.refused(4, &[desk.live_dir.to_str().unwrap(), "Read-only"]);
}

#[test]
fn a_limit_on_locked_memory_is_told_and_does_not_stop_the_desk() {
    let desk = Desk::new();
    let program = pinrail(&[]).get_program().to_owned();
    // Root may lock what it likes, unless that right is taken away first.
    let drops = Command::new("setpriv")
        .args(["--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let drop = if drops {
        "setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock"
    } else {
        println!("skipped: the limit may not bind, because setpriv cannot take a right away");
        ""
    };
    let output = Command::new("sh")
        .args(["-c", &format!("ulimit -l 64 && exec {drop} \"$0\" \"$@\"")])
        .arg(program)
        .args(["run", "--json", "--config", &desk.config()])
        .env_remove("PINRAIL_DATA")
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(!err.contains("panicked"), "{err}");
    assert!(
        !drops || err.contains("in memory, so it may be paged out"),
        "{err}"
    );
    assert!(stat(&desk.archive_dir).unwrap()["records"].as_u64() > Some(2_000));
}

#[test]
fn a_second_writer_is_refused_and_the_first_goes_on() {
    let desk = Desk::new();
    let mut first = pinrail(&["run", "--speed", "1", "--config", &desk.config()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    let records = || stat(&desk.archive_dir).map_or(0, |stat| stat["records"].as_u64().unwrap());
    while records() < 100 && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = format!("locked by another process, {}", first.id());
    let (code, out, err) = desk.run(&[]);
    let before = records();
    let running = first.try_wait().unwrap().is_none();
    first.kill().unwrap();
    first.wait().unwrap();
    assert_eq!((code, out.as_str()), (4, ""), "{err}");
    assert_told(&err, &[&pid]);
    assert!(running && before >= 100, "{before}");
    assert!(records() >= before);
    desk.played(&[]);
}
