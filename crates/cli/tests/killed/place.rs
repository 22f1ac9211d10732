//! Where a journal is, and the processes around it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use assert_cmd::cargo::CommandCargoExt;
use tempfile::TempDir;

/// A journal's directories, and that of the one who sends what it releases. The live directory is in shared memory.
pub(crate) struct Place {
    disk: TempDir,
    memory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        Place {
            disk: TempDir::new().unwrap(),
            memory: tempfile::tempdir_in("/dev/shm").unwrap(),
        }
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.disk.path().join("archive")
    }

    pub(crate) fn live(&self) -> PathBuf {
        self.memory.path().join("live")
    }

    /// The sender's log: on the disk, as the archive is.
    pub(crate) fn sends(&self) -> PathBuf {
        self.disk.path().join("sends")
    }

    /// What receivers were sent by the sender number `nth`.
    pub(crate) fn notes(&self, nth: u64) -> PathBuf {
        self.memory.path().join(format!("notes-{nth}"))
    }

    /// The desk on this journal.
    pub(crate) fn desk(&self, more: &[&str]) -> Command {
        let live = self.live();
        let mut command = self.pinrail(&["lab", "desk"]);
        command.args(["--live", live.to_str().unwrap()]).args(more);
        command
    }

    /// `pinrail` with `command` on this journal's archive.
    pub(crate) fn pinrail(&self, command: &[&str]) -> Command {
        let mut pinrail = Command::cargo_bin("pinrail").unwrap();
        pinrail
            .args(command)
            .arg(self.archive())
            .env("PINRAIL_LOG", "error")
            .stdin(Stdio::null());
        pinrail
    }

    /// The archived segments' files, in order.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        files(&self.archive(), "seg")
    }

    /// The files of snapshots, in order.
    pub(crate) fn snapshots(&self) -> Vec<PathBuf> {
        files(&self.archive().join("snapshots"), "snap")
    }
}

fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let Ok(files) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == extension));
    files.sort();
    files
}

/// Runs to the end, which must be a good one; gives what was printed.
pub(crate) fn succeeded(mut command: Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let err = text(output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {err}", output.status);
    text(output.stdout)
}

/// A child that does not outlive its parent's interest.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Process {
        Process(command.stdout(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn assert_at_work(&mut self) {
        let ended = self.0.try_wait().unwrap();
        assert!(ended.is_none(), "a child ended; what it said stands above");
    }

    /// Kills it; tells whether it had ended well before.
    pub(crate) fn kill(&mut self) -> bool {
        self.0.kill().unwrap();
        self.0.wait().unwrap().success()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
