//! Pinning a thread to a core, and the proof that it is there.

use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use core_affinity::CoreId;
use rustix::io::Errno;
use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu};
use thiserror::Error;

/// Why a thread could not be pinned.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AffinityError {
    /// No such core, or it is offline.
    #[error("core {core} does not exist here: online are {online}")]
    NoSuchCore {
        /// The core asked for.
        core: usize,
        /// The cores that are online, as a list such as `0-3,6`.
        online: String,
    },
    /// The kernel refused: a cpuset or container does not hold the core.
    #[error("core {core} is online but this process may not use it (cpuset?): online are {online}")]
    NotPermitted {
        /// The core asked for.
        core: usize,
        /// The cores that are online.
        online: String,
    },
    /// The kernel said yes, and yet the thread may run or does run elsewhere.
    #[error(
        "pinned to core {core}, but the thread may run on {allowed} and runs on {actual}: online are {online}"
    )]
    Elsewhere {
        /// The core asked for.
        core: usize,
        /// The cores that the thread may use now.
        allowed: String,
        /// The core that it is on.
        actual: usize,
        /// The cores that are online.
        online: String,
    },
    /// The thread's mask could not be read back.
    #[error("cannot read the thread's affinity: {0}")]
    Unreadable(Errno),
}

/// Pins the calling thread to `core`, and checks with the kernel that it may run nowhere else and that it is
/// there. Threads that it starts later inherit the pin.
///
/// # Errors
/// [`AffinityError`]; unless it is [`AffinityError::Elsewhere`], the thread's mask is as before.
pub fn pin(core: usize) -> Result<(), AffinityError> {
    let online = require(core)?;
    if !core_affinity::set_for_current(CoreId { id: core }) {
        return Err(AffinityError::NotPermitted {
            core,
            online: CoreList::write(&online),
        });
    }
    let allowed = allowed()?;
    let actual = sched_getcpu();
    if allowed != [core] || actual != core {
        return Err(AffinityError::Elsewhere {
            core,
            allowed: CoreList::write(&allowed),
            actual,
            online: CoreList::write(&online),
        });
    }
    Ok(())
}

/// Checks that there is such a core, before anything depends on it; gives the cores that are online, ascending.
///
/// # Errors
/// [`AffinityError::NoSuchCore`], or as [`online`].
pub fn require(core: usize) -> Result<Vec<usize>, AffinityError> {
    let online = online()?;
    if online.contains(&core) {
        Ok(online)
    } else {
        Err(AffinityError::NoSuchCore {
            core,
            online: CoreList::write(&online),
        })
    }
}

/// The cores that are online, ascending; where `/sys` does not tell, those that this thread may use. Cores from
/// [`CpuSet::MAX_CPU`] on are left out, because no mask can name them.
///
/// # Errors
/// [`AffinityError::Unreadable`] if the thread's mask is needed and cannot be read.
pub fn online() -> Result<Vec<usize>, AffinityError> {
    match fs::read_to_string(Path::new("/sys/devices/system/cpu/online")) {
        Ok(text) if CoreList::read(&text).is_some_and(|list| !list.is_empty()) => {
            Ok(CoreList::read(&text).unwrap_or_default())
        }
        _ => allowed(),
    }
}

/// The cores that the calling thread may use, ascending.
fn allowed() -> Result<Vec<usize>, AffinityError> {
    let mask = sched_getaffinity(None).map_err(AffinityError::Unreadable)?;
    Ok((0..CpuSet::MAX_CPU).filter(|core| mask.is_set(*core)).collect())
}

/// The kernel's notation for a set of cores: `0-3,6`.
pub(crate) struct CoreList;

impl CoreList {
    /// The cores of `text`, ascending; `None` if it is no list.
    pub(crate) fn read(text: &str) -> Option<Vec<usize>> {
        let mut cores = Vec::new();
        for part in text.trim().split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range: RangeInclusive<usize> = first.parse().ok()?..=last.parse().ok()?;
            cores.extend(range.take_while(|core| *core < CpuSet::MAX_CPU));
        }
        cores.sort_unstable();
        cores.dedup();
        Some(cores)
    }

    /// `cores`, which ascend, as text.
    pub(crate) fn write(cores: &[usize]) -> String {
        let runs = cores.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
            [one] => one.to_string(),
            run => format!("{}-{}", run[0], run[run.len() - 1]),
        });
        runs.collect::<Vec<String>>().join(",")
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "asks the kernel")]
    fn a_pinned_thread_is_where_it_says() {
        for core in allowed().unwrap() {
            thread::spawn(move || {
                pin(core).unwrap();
                assert_eq!(allowed().unwrap(), [core]);
                assert_eq!(sched_getcpu(), core);
            })
            .join()
            .unwrap();
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks the kernel")]
    fn a_core_that_is_not_there_is_named_beside_those_that_are() {
        let before = allowed().unwrap();
        for core in [1_023, 1_024, usize::MAX] {
            let error = pin(core).unwrap_err();
            let online = CoreList::write(&online().unwrap());
            assert_eq!(
                error.to_string(),
                format!("core {core} does not exist here: online are {online}")
            );
        }
        assert_eq!(allowed().unwrap(), before);
    }

    #[test]
    fn lists_read_and_write() {
        assert_eq!(CoreList::read("0-3,6,8-9\n"), Some(vec![0, 1, 2, 3, 6, 8, 9]));
        assert_eq!(CoreList::read("\n"), Some(vec![]));
        assert_eq!(CoreList::read("3,1,2-3"), Some(vec![1, 2, 3]));
        assert_eq!(
            CoreList::read("0-99999999999").map(|list| list.len()),
            Some(CpuSet::MAX_CPU)
        );
        for bad in ["(null)", "1-", "-1", "0-x", "a"] {
            assert_eq!(CoreList::read(bad), None, "{bad}");
        }
        assert_eq!(CoreList::write(&[0, 1, 2, 3, 6, 8, 9]), "0-3,6,8-9");
        assert_eq!(CoreList::write(&[]), "");
    }
}
