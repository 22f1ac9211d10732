//! The recorder between `storage` and the operating system: writes down what is done to the archive, with what had been
//! called durable by then, and fails or kills where it is told to.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};

use super::Sabotage;
use crate::Control;
use crate::format::{HEADER_BYTES, MARK_WORD};
use crate::storage::{Files, System};

/// What was done to the archive's directory. Files go by their names in it.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Create(String),
    Write { name: String, at: u64, bytes: Vec<u8> },
    Truncate { name: String, bytes: u64 },
    Sync(String),
    SyncFailed(String),
    Rename { from: String, to: String },
    Remove(String),
    SyncDir,
    SyncDirFailed,
}

/// An operation, and what the journal had promised just before it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) op: Op,
    /// The highest position that anybody had been told is durable.
    pub(crate) durable: u64,
    /// The highest epoch that anybody had been told.
    pub(crate) epoch: u32,
    /// [`Recorder::phase`] at that time.
    pub(crate) phase: usize,
}

/// Where and how things go wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// The process is killed before this event: a call, or a store to a live segment. A write is killed halfway.
    Kill { event: u64 },
    /// This call fails with this error number; a write has then written half.
    Fail { call: u64, errno: i32 },
}

/// What a killed process unwinds with, as it must not run another line.
pub(crate) struct Killed;

pub(crate) struct Recorder {
    archive_dir: PathBuf,
    live_dir: PathBuf,
    control: Option<Control>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) durable: u64,
    pub(crate) epoch: u32,
    pub(crate) phase: usize,
    pub(crate) fault: Option<Fault>,
    /// Calls so far.
    pub(crate) calls: u64,
    /// Calls and stores so far.
    pub(crate) events: u64,
    /// Whether the fault has struck.
    pub(crate) struck: bool,
}

thread_local! {
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
    static SYNC_FAILS: Cell<bool> = const { Cell::new(false) };
}

/// Makes every later sync of this thread fail, or none.
pub(crate) fn fail_next_syncs(fail: bool) {
    SYNC_FAILS.set(fail);
}

/// Records what this thread does to `archive_dir` from now on.
pub(crate) fn start(archive_dir: &Path, live_dir: &Path, fault: Option<Fault>) {
    RECORDER.set(Some(Recorder {
        archive_dir: archive_dir.to_owned(),
        live_dir: live_dir.to_owned(),
        control: None,
        entries: Vec::new(),
        durable: 0,
        epoch: 0,
        phase: 0,
        fault,
        calls: 0,
        events: 0,
        struck: false,
    }));
}

/// Ends recording.
pub(crate) fn stop() -> Recorder {
    let mut recorder = RECORDER.take().expect("a recorder was started");
    recorder.look();
    recorder
}

/// Does something with the recorder of this thread, if there is one.
pub(crate) fn with<R>(f: impl FnOnce(&mut Recorder) -> R) -> Option<R> {
    RECORDER.with_borrow_mut(|recorder| recorder.as_mut().map(f))
}

/// Called before every store to a live segment.
pub(crate) fn before_store() {
    let kill = with(|recorder| {
        recorder.events += 1;
        matches!(recorder.fault, Some(Fault::Kill { event }) if event == recorder.events)
    });
    if kill == Some(true) {
        with(|recorder| recorder.struck = true);
        resume_unwind(Box::new(Killed));
    }
}

impl Recorder {
    /// Looks up what the journal has promised by now. A promise stays one when its control file is lost.
    pub(crate) fn look(&mut self) {
        if self.control.is_none() {
            self.control = Control::open(&self.live_dir).ok();
        }
        if let Some(control) = &self.control {
            self.durable = self.durable.max(control.durable_position());
            self.epoch = self.epoch.max(control.epoch());
        }
    }

    /// The live directory is gone; the next one has another control file.
    pub(crate) fn lost_live(&mut self) {
        self.look();
        self.control = None;
    }

    fn name(&self, path: &Path) -> Option<String> {
        let name = path.strip_prefix(&self.archive_dir).ok()?;
        Some(name.to_str().expect("names are ASCII").to_owned())
    }

    fn note(&mut self, op: Op) {
        let (durable, epoch, phase) = (self.durable, self.epoch, self.phase);
        self.entries.push(Entry {
            op,
            durable,
            epoch,
            phase,
        });
    }

    /// Counts a call and says what is to go wrong with it.
    fn count(&mut self) -> Option<Fault> {
        self.look();
        self.calls += 1;
        self.events += 1;
        let due = match self.fault {
            Some(Fault::Kill { event }) => event == self.events,
            Some(Fault::Fail { call, .. }) => call == self.calls,
            None => false,
        };
        self.struck |= due;
        self.fault.filter(|_| due)
    }
}

/// Does a call: counts it, lets it fail or kill, and notes it if it was done to the archive.
fn call<R>(
    path: &Path,
    op: impl FnOnce(String) -> Op,
    failed: impl FnOnce(String) -> Option<Op>,
    run: impl FnOnce() -> io::Result<R>,
) -> io::Result<R> {
    #[cfg(loom)]
    let _turn = crate::map::turn();
    match with(Recorder::count).flatten() {
        None => {
            let done = run()?;
            with(|recorder| {
                if let Some(name) = recorder.name(path) {
                    recorder.note(op(name));
                }
            });
            Ok(done)
        }
        Some(fault) => {
            with(|recorder| {
                if let Some(op) = recorder.name(path).and_then(failed) {
                    recorder.note(op);
                }
            });
            match fault {
                Fault::Kill { .. } => resume_unwind(Box::new(Killed)),
                Fault::Fail { errno, .. } => Err(io::Error::from_raw_os_error(errno)),
            }
        }
    }
}

fn none(_: String) -> Option<Op> {
    None
}

/// The operating system, recorded.
pub(crate) struct Tap;

impl Files for Tap {
    fn create(path: &Path) -> io::Result<File> {
        let file = call(path, Op::Create, none, || System::create(path))?;
        if Sabotage::StaleSegment.is_on()
            && path.extension().is_some_and(|e| e == "seg")
            && let Some(old) = some_other_segment(path)
        {
            call(
                path,
                |name| Op::Write {
                    name,
                    at: 0,
                    bytes: old.clone(),
                },
                none,
                || System::write_at(&file, path, &old, 0),
            )?;
        }
        Ok(file)
    }

    fn open(path: &Path) -> io::Result<File> {
        match with(Recorder::count).flatten() {
            None => System::open(path),
            Some(Fault::Kill { .. }) => resume_unwind(Box::new(Killed)),
            Some(Fault::Fail { errno, .. }) => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    fn write_at(file: &File, path: &Path, bytes: &[u8], offset: u64) -> io::Result<()> {
        if Sabotage::StaleSegment.is_on() && bytes.iter().all(|b| *b == 0) {
            return Ok(());
        }
        let mut bytes = bytes.to_vec();
        let first = bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
        if Sabotage::MarkLeftOut.is_on() && offset >= HEADER_BYTES as u64 && first & 0xffff_ffff == MARK_WORD
        {
            bytes[..64].fill(0);
        }
        let half = bytes[..bytes.len() / 2].to_vec();
        call(
            path,
            |name| Op::Write {
                name,
                at: offset,
                bytes: bytes.clone(),
            },
            |name| {
                System::write_at(file, path, &half, offset).expect("half a write");
                let (at, bytes) = (offset, half.clone());
                Some(Op::Write { name, at, bytes })
            },
            || System::write_at(file, path, &bytes, offset),
        )
    }

    fn truncate(file: &File, path: &Path, bytes: u64) -> io::Result<()> {
        call(
            path,
            |name| Op::Truncate { name, bytes },
            none,
            || System::truncate(file, path, bytes),
        )
    }

    fn sync(_: &File, path: &Path) -> io::Result<()> {
        if Sabotage::SyncSkipped.is_on() {
            return Ok(());
        }
        // The images are made from what is recorded, so nothing needs to reach the disk.
        call(
            path,
            Op::Sync,
            |name| Some(Op::SyncFailed(name)),
            || {
                if SYNC_FAILS.get() {
                    return Err(io::Error::from_raw_os_error(5));
                }
                Ok(())
            },
        )
    }

    fn rename(from: &Path, to: &Path) -> io::Result<()> {
        let to_name = to.file_name().and_then(|name| name.to_str()).expect("a name");
        let to_name = to_name.to_owned();
        call(
            from,
            |from| Op::Rename { from, to: to_name },
            none,
            || System::rename(from, to),
        )
    }

    fn remove(path: &Path) -> io::Result<()> {
        call(path, Op::Remove, none, || System::remove(path))
    }

    fn sync_dir(dir: &Path) -> io::Result<()> {
        // The directory above the archive is not looked at.
        let inside = dir.join("-");
        call(&inside, |_| Op::SyncDir, |_| Some(Op::SyncDirFailed), || Ok(()))
    }
}

fn some_other_segment(path: &Path) -> Option<Vec<u8>> {
    let files = std::fs::read_dir(path.parent()?).ok()?;
    files
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|other| other.extension().is_some_and(|e| e == "seg") && other != path)
        .filter_map(|other| std::fs::read(other).ok())
        .find(|bytes| bytes.iter().any(|b| *b != 0))
}
