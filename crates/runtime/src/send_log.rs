//! What one sender has begun to send and what it has done, on disk: so that after a restart it repeats what is in doubt,
//! marked as possibly sent before, and nothing else.
//!
//! A sender asks [`SendLog::state`], calls [`SendLog::begin`], sends, and calls [`SendLog::done`] when it knows that the
//! receiver has it. An output that it finds begun and not done after a restart may have been sent: it sends it again under the
//! same id, with `PossResend` (FIX tag 97) set, or asks the receiver.
//!
//! An intent is synced before `begin` returns, because one that a power cut takes would let the output go out a second time
//! unmarked. One call takes many ids and costs one `fdatasync`. A completion is not synced: when it is lost the output is in
//! doubt, which is safe. So this is for outputs that move money, fills and new orders; a quote has nothing to repeat, since
//! a restart withdraws it.
//!
//! The file is made of lines of 32 bytes, and of zeros behind them up to its fixed length: one line that names the format
//! and the journal, then one line for each intent and each completion. Each line has a CRC-32C, and names the byte up to
//! which the file was synced when the line was written; the first, up to where the file was synced as it was made. So damage can be judged: before that byte of any later line it is
//! corruption and refused; behind all of them it is what a crash left of lines that nobody was told to be there. When the
//! file is full, what is not done is written to a new one that replaces it.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use pinrail_journal::JournalId;
use thiserror::Error;

use crate::release::SendId;

/// Length of the file in bytes.
const FILE_BYTES: usize = 256 << 10;
const LINE_BYTES: usize = 32;

/// Four words: kind and, in the upper half, CRC; epoch; sequence; synced bytes. The first line has the journal's id in
/// place of epoch and sequence.
type Line = [u64; 4];

/// "PSL" and the version of the format.
const HEADER: u64 = u32::from_le_bytes(*b"PSL\x01") as u64;
const INTENT: u64 = 1;
const DONE: u64 = 2;

/// What a sender knows of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendState {
    /// Never begun: send it.
    NeverBegun,
    /// Begun and not known to be done: send it again under the same id with
    /// [`Flags::POSS_RESEND`](pinrail_types::Flags::POSS_RESEND), or ask the receiver.
    InDoubt,
    /// Done: do not send it.
    Done,
}

/// Why a send log cannot be opened or written.
#[derive(Debug, Error)]
pub enum SendLogError {
    /// The operating system refused.
    #[error("cannot {op} {path}: {source}")]
    Io {
        /// What was tried.
        op: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// Another sender has the log open.
    #[error("{path} is locked by another sender")]
    Locked {
        /// The locked file.
        path: PathBuf,
    },
    /// Bytes that were durable are not what they were, or were never a send log.
    #[error("{path} is corrupt at byte {offset}: {what}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where in it.
        offset: usize,
        /// What was found.
        what: &'static str,
    },
    /// The log is of another journal.
    #[error("{path} is of journal {found}, not of {expected}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The journal that it names.
        found: JournalId,
        /// The one that was given.
        expected: JournalId,
    },
    /// An output was begun that is not behind all those begun before.
    #[error("output {}-{} was begun behind {}-{}: outputs are begun in the journal's order", id.epoch, id.seq, begun.epoch, begun.seq)]
    Order {
        /// The output.
        id: SendId,
        /// The last one that was begun.
        begun: SendId,
    },
    /// Too many outputs would be begun and not done.
    #[error("{open} outputs are begun and not done, at most {} may be", SendLog::OPEN_MAX)]
    Full {
        /// How many there are.
        open: usize,
    },
    /// An output was done that is not begun, or done already.
    #[error("output {}-{} is done but was not begun, or was done before", id.epoch, id.seq)]
    NotBegun {
        /// The output.
        id: SendId,
    },
    /// A write or a sync had failed before; nothing was tried. Opening the log again tells what it holds.
    #[error("{path} failed before")]
    Failed {
        /// The file.
        path: PathBuf,
    },
}

/// The log of one sender. Outputs are begun in the journal's order, as a [`Gate`](crate::Gate) gives them, and done in any
/// order.
#[derive(Debug)]
pub struct SendLog {
    path: PathBuf,
    journal: JournalId,
    file: File,
    /// Where the next line goes.
    at: usize,
    /// Up to here the file is synced.
    synced: usize,
    state: State,
    failed: bool,
    _lock: File,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    /// The last output that was begun.
    begun: SendId,
    /// Those that are begun and not done.
    open: BTreeSet<SendId>,
}

const NONE: SendId = SendId { epoch: 0, seq: 0 };

impl SendLog {
    /// Most outputs that may be begun and not done.
    pub const OPEN_MAX: usize = 1024;

    /// Opens the log at `path`, or makes it; beside it stands its lock, `path` with `.lock` at its end. What a crash left
    /// unfinished is dropped.
    ///
    /// # Errors
    /// [`SendLogError`], with the place. Nothing is changed then.
    pub fn open(path: &Path, journal: JournalId) -> Result<SendLog, SendLogError> {
        let lock = lock(&beside(path, ".lock"))?;
        let state = match std::fs::read(path) {
            Ok(bytes) => read(&bytes, path, journal)?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => State {
                begun: NONE,
                open: BTreeSet::new(),
            },
            Err(e) => return Err(failed("read", path)(e)),
        };
        let (file, at) = write_new(path, journal, &state)?;
        Ok(SendLog {
            path: path.to_owned(),
            journal,
            file,
            at,
            synced: at,
            state,
            failed: false,
            _lock: lock,
        })
    }

    /// What is known of an output that this log's sender sends.
    pub fn state(&self, id: SendId) -> SendState {
        if id > self.state.begun {
            SendState::NeverBegun
        } else if self.state.open.contains(&id) {
            SendState::InDoubt
        } else {
            SendState::Done
        }
    }

    /// The outputs that are begun and not done, in order. One that is not in the journal any more was lost by a power cut
    /// after it had been sent, which [`AtOnce`](crate::ReleasePoint::AtOnce) allows: a person reconciles it.
    pub fn in_doubt(&self) -> impl Iterator<Item = SendId> {
        self.state.open.iter().copied()
    }

    /// Says that these outputs, in order, are now going to be sent, and syncs that. One that is in doubt has been begun.
    ///
    /// # Errors
    /// [`SendLogError::Order`] or [`SendLogError::Full`], and nothing has changed. After any other error nothing of these
    /// may be sent: whether they are begun is known when the log is opened again.
    pub fn begin(&mut self, ids: &[SendId]) -> Result<(), SendLogError> {
        let mut begun = self.state.begun;
        for id in ids {
            if *id <= begun {
                return Err(SendLogError::Order { id: *id, begun });
            }
            begun = *id;
        }
        let open = self.state.open.len();
        if open + ids.len() > SendLog::OPEN_MAX {
            return Err(SendLogError::Full { open });
        }
        if ids.is_empty() {
            return Ok(());
        }
        self.append(INTENT, ids)?;
        let synced = sync(&self.file);
        self.guard("sync", synced)?;
        self.synced = self.at;
        self.state.begun = begun;
        self.state.open.extend(ids);
        Ok(())
    }

    /// Says that an output has been sent and received. Not synced.
    ///
    /// # Errors
    /// [`SendLogError::NotBegun`], and nothing has changed; otherwise if the file cannot be written.
    pub fn done(&mut self, id: SendId) -> Result<(), SendLogError> {
        if !self.state.open.contains(&id) {
            return Err(SendLogError::NotBegun { id });
        }
        self.append(DONE, &[id])?;
        self.state.open.remove(&id);
        Ok(())
    }

    /// Writes a line for each id, into a new file if this one has no room for them.
    fn append(&mut self, kind: u64, ids: &[SendId]) -> Result<(), SendLogError> {
        if self.failed {
            return Err(SendLogError::Failed {
                path: self.path.clone(),
            });
        }
        if self.at + ids.len() * LINE_BYTES > FILE_BYTES {
            let made = write_new(&self.path, self.journal, &self.state);
            self.failed = made.is_err();
            (self.file, self.at) = made?;
            self.synced = self.at;
        }
        let mut bytes = Vec::with_capacity(ids.len() * LINE_BYTES);
        for id in ids {
            push(&mut bytes, self.at, self.journal, line(kind, *id, self.synced));
        }
        let written = self.file.write_all_at(&bytes, self.at as u64);
        self.guard("write", written)?;
        self.at += bytes.len();
        Ok(())
    }

    /// A failure is final: what the file then holds is not known.
    fn guard(&mut self, op: &'static str, result: io::Result<()>) -> Result<(), SendLogError> {
        self.failed |= result.is_err();
        result.map_err(failed(op, &self.path))
    }
}

fn failed(op: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SendLogError {
    let path = path.to_owned();
    move |source| SendLogError::Io { op, path, source }
}

/// `fdatasync`.
fn sync(file: &File) -> io::Result<()> {
    #[cfg(test)]
    if tests::SYNC_FAILS.get() {
        return Err(io::Error::from_raw_os_error(5));
    }
    file.sync_data()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn lock(path: &Path) -> Result<File, SendLogError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(failed("open", path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SendLogError::Locked {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(e)) => Err(failed("lock", path)(e)),
    }
}

fn line(kind: u64, id: SendId, synced: usize) -> Line {
    [kind, u64::from(id.epoch), id.seq, synced as u64]
}

/// Over the line without its CRC, the journal's id and the line's place, so that no line passes for another.
fn crc(line: Line, offset: usize, journal: JournalId) -> u32 {
    let mut line = line;
    line[0] &= u64::from(u32::MAX);
    let crc = crc32c::crc32c(bytemuck::bytes_of(&line));
    let crc = crc32c::crc32c_append(crc, &journal.0);
    crc32c::crc32c_append(crc, &(offset as u64).to_le_bytes())
}

/// Adds a line to `bytes`, which go to byte `at` of the file.
fn push(bytes: &mut Vec<u8>, at: usize, journal: JournalId, mut line: Line) {
    line[0] |= u64::from(crc(line, at + bytes.len(), journal)) << 32;
    bytes.extend_from_slice(bytemuck::bytes_of(&line));
}

/// Puts a file that holds `state` in the place of the one at `path`, durably. Gives it, and where its next line goes.
fn write_new(path: &Path, journal: JournalId, state: &State) -> Result<(File, usize), SendLogError> {
    let id: [u64; 2] = bytemuck::cast(journal.0);
    let has_last = state.begun != NONE && !state.open.contains(&state.begun);
    let lines = 1 + state.open.len() + 2 * usize::from(has_last);
    let synced = (lines * LINE_BYTES) as u64;
    let mut bytes = Vec::with_capacity(FILE_BYTES);
    push(&mut bytes, 0, JournalId([0; 16]), [HEADER, id[0], id[1], synced]);
    for id in &state.open {
        push(&mut bytes, 0, journal, line(INTENT, *id, 0));
    }
    if has_last {
        push(&mut bytes, 0, journal, line(INTENT, state.begun, 0));
        push(&mut bytes, 0, journal, line(DONE, state.begun, 0));
    }
    let at = bytes.len();
    assert!(
        at == lines * LINE_BYTES,
        "the first line vouches for all that are written with it"
    );
    bytes.resize(FILE_BYTES, 0);
    let partial = beside(path, ".tmp");
    let file = File::create(&partial).map_err(failed("create", &partial))?;
    file.write_all_at(&bytes, 0).map_err(failed("write", &partial))?;
    file.sync_all().map_err(failed("sync", &partial))?;
    std::fs::rename(&partial, path).map_err(failed("rename", &partial))?;
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or(Path::new("."));
    let opened = File::open(dir).map_err(failed("open", dir))?;
    opened.sync_all().map_err(failed("sync", dir))?;
    Ok((file, at))
}

/// The line at byte `offset`, if its CRC is right.
fn line_at(bytes: &[u8], offset: usize, journal: JournalId) -> Option<Line> {
    let line: Line = bytemuck::pod_read_unaligned(bytes.get(offset..offset + LINE_BYTES)?);
    let whole = line[0] != 0 && (line[0] >> 32) as u32 == crc(line, offset, journal);
    whole.then_some(line)
}

/// What a file holds.
fn read(bytes: &[u8], path: &Path, journal: JournalId) -> Result<State, SendLogError> {
    let corrupt = |offset, what| SendLogError::Corrupt {
        path: path.to_owned(),
        offset,
        what,
    };
    // The file is put in its place whole, so that its first line is never torn.
    let header = line_at(bytes, 0, JournalId([0; 16])).ok_or_else(|| corrupt(0, "first line"))?;
    if header[0] & u64::from(u32::MAX) != HEADER {
        return Err(corrupt(0, "format or version"));
    }
    let found = JournalId(bytemuck::cast([header[1], header[2]]));
    if found != journal {
        return Err(SendLogError::Foreign {
            path: path.to_owned(),
            found,
            expected: journal,
        });
    }
    let mut state = State {
        begun: NONE,
        open: BTreeSet::new(),
    };
    let mut offset = LINE_BYTES;
    while let Some(line) = line_at(bytes, offset, journal) {
        apply(&mut state, line).map_err(|what| corrupt(offset, what))?;
        offset += LINE_BYTES;
    }
    let lines = (offset..bytes.len()).step_by(LINE_BYTES);
    let vouched = lines
        .filter_map(|at| line_at(bytes, at, journal))
        .map(|line| line[3]);
    if vouched.max().unwrap_or(0).max(header[3]) > offset as u64 {
        return Err(corrupt(offset, "line that was durable"));
    }
    Ok(state)
}

fn apply(state: &mut State, line: Line) -> Result<(), &'static str> {
    let id = SendId {
        epoch: u32::try_from(line[1]).map_err(|_| "epoch")?,
        seq: line[2],
    };
    match line[0] & u64::from(u32::MAX) {
        INTENT if id > state.begun => {
            state.begun = id;
            state.open.insert(id);
            Ok(())
        }
        DONE if state.open.remove(&id) => Ok(()),
        INTENT => Err("intent out of order"),
        DONE => Err("completion of what was not begun"),
        _ => Err("kind of line"),
    }
}

#[cfg(test)]
mod tests;
