//! What the tests of the ring share.

use pinrail_types::{Cause, Commit, Flags, LINE_WORDS, RecordType, SourceId};

/// A record of 1 to 4 lines whose words all follow from its sequence.
pub(crate) fn record(seq: u64, lines: usize) -> Vec<u64> {
    let commit = Commit {
        lines: lines as u8,
        version: 0,
        flags: Flags::NONE,
        record_type: RecordType(0x8000),
    };
    let word = |at: usize| match at {
        0 => u64::from(commit.pack()),
        3 => Cause::input(SourceId(1), seq),
        _ => seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ at as u64,
    };
    (0..lines * LINE_WORDS).map(word).collect()
}
