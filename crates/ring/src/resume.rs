//! Where a producer resumes that follows a killed one.

use pinrail_types::{Commit, LINES_MAX};

use crate::memory::{Memory, Ordering, POSITION_MAX};

/// The end of what was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Behind the last published record.
    pub(crate) tail: u64,
    /// The cause of the last published record; zero if there is none.
    pub(crate) last_cause: u64,
}

/// Why there is no saying where to resume.
pub(crate) struct Damage {
    pub(crate) position: u64,
    pub(crate) what: &'static str,
    pub(crate) word: u64,
}

/// Finds the end, whatever moment the producer was killed at. Linear in the length of the batch that it was publishing.
///
/// The producer stores a batch's first commit word, then the last cause, then the tail. So behind the tail that is
/// found stand all the records that it does not yet count, and a zero commit word behind these.
pub(crate) fn find_end(memory: &Memory) -> Result<End, Damage> {
    let start = memory.tail().load(Ordering::Acquire);
    check_position("the producer position", start)?;
    let mut last_cause = memory.last_cause().load(Ordering::Acquire);
    let mut tail = start;
    loop {
        let word = memory.commit(tail).load(Ordering::Acquire);
        if word as u32 == 0 {
            break;
        }
        let commit = Commit::unpack(word as u32);
        let lines = usize::from(commit.lines);
        if !(1..=LINES_MAX).contains(&lines) || lines as u64 > memory.to_end(tail) {
            return Err(Damage {
                position: tail,
                what: "no record",
                word,
            });
        }
        if !commit.record_type.is_framing() {
            last_cause = memory.record(tail, 1)[0].words()[3].load(Ordering::Relaxed);
        }
        tail += lines as u64;
        if tail - start >= memory.capacity() {
            return Err(Damage {
                position: start,
                what: "no end behind this producer position",
                word: start,
            });
        }
    }
    Ok(End { tail, last_cause })
}

/// Refuses a position that no ring reaches, so that none ever overflows.
pub(crate) fn check_position(what: &'static str, position: u64) -> Result<(), Damage> {
    if position <= POSITION_MAX {
        return Ok(());
    }
    Err(Damage {
        position,
        what,
        word: position,
    })
}
