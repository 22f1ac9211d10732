//! What runs beside a core: its journal and the threads that drain it and keep its clock.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pinrail_journal::{Archiver, Journal, JournalConfig, JournalError, Preparer, Writer};
use pinrail_runtime::SEGMENT_BYTES_MIN;
use pinrail_runtime::affinity::{self, AffinityError};
use pinrail_runtime::clock::{self, Clock, ClockError, Discipline};
use thiserror::Error;

/// How long the threads beside the core sleep when they find nothing to do.
const PARK: Duration = Duration::from_micros(500);
/// The lowest priority.
const NICE: i32 = 19;
/// How long from one try to make a segment for which there is no room to the next.
const ROOM_RETRY: Duration = Duration::from_millis(100);

/// Why a core could not be run or kept running.
#[derive(Debug, Error)]
pub(crate) enum RigError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal, read back.
    #[error(transparent)]
    Read(#[from] pinrail_journal::ReadError),
    /// What the journal holds can't be gone on with.
    #[error(transparent)]
    Recover(#[from] pinrail_runtime::RecoverError),
    /// A ring.
    #[error("ring: {0}")]
    Ring(#[from] pinrail_ring::RingError),
    /// The clock.
    #[error("clock: {0}")]
    Clock(#[from] ClockError),
    /// The counters in shared memory.
    #[error(transparent)]
    Counters(#[from] pinrail_runtime::counters::CountersError),
    /// A thread's place.
    #[error(transparent)]
    Affinity(#[from] AffinityError),
    /// A thread that could not be started.
    #[error("cannot start the thread {name}: {source}")]
    Spawn {
        /// Its name.
        name: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread that panicked; the panic itself stands on stderr.
    #[error("the thread {name} panicked")]
    Panicked {
        /// Its name.
        name: &'static str,
    },
    /// A recording.
    #[error(transparent)]
    Feed(#[from] pinrail_venue::FeedError),
    /// A source that sent what it must not.
    #[error("source {source_id} sent what it must not; its ring is no longer read")]
    SourceCorrupt {
        /// Its id.
        source_id: u16,
    },
    /// A seeded flow that can't be made.
    #[error("[flow]: {0}")]
    Flow(String),
    /// A directory of this process's own could not be made.
    #[error("cannot make the directory {path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Starts a named thread.
pub(crate) fn spawn<T: Send + 'static>(
    name: &'static str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, RigError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|source| RigError::Spawn { name, source })
}

/// Waits for a named thread.
pub(crate) fn join<T>(name: &'static str, handle: JoinHandle<T>) -> Result<T, RigError> {
    handle.join().map_err(|_| RigError::Panicked { name })
}

/// The processor for the core, and one for everything else: the last and the first that there are, unless `core`
/// names one.
///
/// # Errors
/// If there is no such processor.
pub(crate) fn placement(core: Option<usize>) -> Result<(usize, Option<usize>), RigError> {
    let online = match core {
        Some(core) => affinity::require(core)?,
        None => affinity::online()?,
    };
    let core = core.or(online.last().copied()).unwrap_or(0);
    Ok((core, online.into_iter().find(|other| *other != core)))
}

/// What the archiver did while it ran.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Archived {
    /// Times that it found something to copy: one write each.
    pub(crate) batches: u64,
    /// Times that the durable position moved.
    pub(crate) syncs: u64,
}

/// The threads beside the core: one archives, one prepares segments and keeps the clock on UTC.
pub(crate) struct Rig {
    stop_archiver: Arc<AtomicBool>,
    stop_helper: Arc<AtomicBool>,
    /// Set when nothing becomes durable any more.
    archiver_failed: Arc<AtomicBool>,
    /// Set while there is no room for the next segment.
    has_no_room: Arc<AtomicBool>,
    archiver: JoinHandle<Result<Archived, JournalError>>,
    helper: JoinHandle<Result<(), JournalError>>,
    /// For readers of the clock.
    pub(crate) clock: Clock,
}

impl Rig {
    /// Opens the journal and starts the threads; gives the writer for the core.
    pub(crate) fn start(config: &JournalConfig, cpu: Option<usize>) -> Result<(Rig, Writer), RigError> {
        if config.segment_bytes < SEGMENT_BYTES_MIN {
            let what = format!(
                "segment_bytes is {}, must be at least {SEGMENT_BYTES_MIN}",
                config.segment_bytes
            );
            return Err(JournalError::Config { what }.into());
        }
        let Journal {
            writer,
            archiver,
            preparer,
            ..
        } = pinrail_journal::open(config)?;
        let (clock, discipline) = clock::start()?;
        let flag = || Arc::new(AtomicBool::new(false));
        let (stop_archiver, stop_helper, archiver_failed) = (flag(), flag(), flag());
        let has_no_room = flag();
        let archive = {
            let (stop, failed) = (Arc::clone(&stop_archiver), Arc::clone(&archiver_failed));
            spawn("pinrail-archive", move || {
                place(cpu);
                let archived = run_archiver(archiver, &stop);
                failed.store(archived.is_err(), Ordering::Release);
                archived
            })?
        };
        let help = {
            let (stop, no_room) = (Arc::clone(&stop_helper), Arc::clone(&has_no_room));
            spawn("pinrail-helper", move || {
                place(cpu);
                run_helper(preparer, discipline, &stop, &no_room)
            })?
        };
        let rig = Rig {
            stop_archiver,
            stop_helper,
            archiver_failed,
            has_no_room,
            archiver: archive,
            helper: help,
            clock,
        };
        Ok((rig, writer))
    }

    /// Whether a thread of the rig has ended: something went wrong, and [`Rig::finish`] tells what.
    pub(crate) fn has_failed(&self) -> bool {
        self.archiver.is_finished() || self.helper.is_finished()
    }

    /// Whether there is no room for the next segment. It is tried again and again; the core goes on with the segments that
    /// are ready, takes no new risk when only the reserve is left, and nothing at all when that is used up.
    pub(crate) fn has_no_room(&self) -> bool {
        self.has_no_room.load(Ordering::Relaxed)
    }

    /// Set when the archiver failed, for the core to be told.
    pub(crate) fn archiver_failed(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.archiver_failed)
    }

    /// Ends the journal: makes everything durable, then stops the threads. When one of them has failed, the other
    /// still ends its work, so that what was journaled is archived as far as that is possible.
    pub(crate) fn finish(self, writer: Writer, now_ns: u64) -> Result<Archived, RigError> {
        writer.finish(now_ns);
        self.stop_helper.store(true, Ordering::Release);
        let helped = join("pinrail-helper", self.helper);
        self.stop_archiver.store(true, Ordering::Release);
        let archived = join("pinrail-archive", self.archiver);
        helped??;
        Ok(archived??)
    }
}

/// Pins the calling thread where it can be; a thread beside the core works anywhere.
pub(crate) fn place(cpu: Option<usize>) {
    if let Some(cpu) = cpu
        && let Err(e) = affinity::pin(cpu)
    {
        tracing::warn!("{e}");
    }
}

/// Gives the calling thread the lowest priority that still gets on beside a thread that spins. (`SCHED_IDLE` would get a
/// third of a percent of the processor then.)
pub(crate) fn give_way() {
    if let Err(e) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::warn!("cannot lower the priority: {e}");
    }
}

fn run_archiver(mut archiver: Archiver, stop: &AtomicBool) -> Result<Archived, JournalError> {
    let mut archived = Archived::default();
    loop {
        // Looked at first, so that what was written before the stop is still archived.
        let stopping = stop.load(Ordering::Acquire);
        let durable = archiver.durable_position();
        let work = archiver.do_work()?;
        archived.batches += u64::from(work > 0);
        archived.syncs += u64::from(archiver.durable_position() > durable);
        if work == 0 {
            if stopping {
                return archiver.finish().map(|()| archived);
            }
            std::thread::sleep(PARK);
        }
    }
}

/// Ends with [`JournalError::NoRoom`] if there was none for the next segment when it was last tried.
fn run_helper(
    mut preparer: Preparer,
    mut discipline: Discipline,
    stop: &AtomicBool,
    has_no_room: &AtomicBool,
) -> Result<(), JournalError> {
    let mut refused: Option<(Instant, JournalError)> = None;
    while !stop.load(Ordering::Acquire) {
        let mut work = discipline.do_work();
        if refused
            .as_ref()
            .is_none_or(|(tried, _)| tried.elapsed() >= ROOM_RETRY)
        {
            match preparer.do_work() {
                Ok(prepared) => {
                    work += prepared;
                    refused = None;
                }
                Err(e @ JournalError::NoRoom { .. }) => {
                    if refused.is_none() {
                        tracing::error!("{e}; trying again");
                    }
                    refused = Some((Instant::now(), e));
                }
                Err(e) => return Err(e),
            }
            has_no_room.store(refused.is_some(), Ordering::Relaxed);
        }
        if work == 0 {
            std::thread::sleep(PARK);
        }
    }
    if let Some((_, e)) = refused {
        return Err(e);
    }
    // Unmaps what the writer has retired.
    preparer.do_work().map(|_| ())
}

/// A directory of this process's own under `parent`, removed when dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes the directory.
    pub(crate) fn new(parent: &Path, name: &str) -> Result<Scratch, RigError> {
        let path = parent.join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).map_err(|source| RigError::Directory {
            path: path.clone(),
            source,
        })?;
        Ok(Scratch(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!("cannot remove {}: {e}", self.0.display());
        }
    }
}
