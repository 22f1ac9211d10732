//! A live segment's records as shared words: how one is published and how it is taken.
//!
//! The area begins as zeros and is written once. A record's words are stored first and its first word last, with
//! release; whoever loads a first word that is not zero, with acquire, sees the rest. Nothing here knows where the
//! words lie, so that it runs under Miri and loom on plain memory.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::AtomicU64 as Word;
use core::sync::atomic::Ordering;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::AtomicU64 as Word;
use pinrail_types::{Frame, LINE_WORDS, LINES_MAX};

use crate::format::END_WORD;

/// What stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing yet.
    Nothing,
    /// A record, now in the frame.
    Record,
    /// The end of the segment, now in the frame.
    End,
    /// What no writer leaves.
    Bad(&'static str),
}

/// Publishes `words`, whole lines, at word `at`.
///
/// # Panics
/// If they do not fit.
#[inline]
pub(crate) fn put(area: &[Word], at: usize, words: &[u64]) {
    let (slots, _) = area[at..at + words.len()].as_chunks::<LINE_WORDS>();
    let (lines, _) = words.as_chunks::<LINE_WORDS>();
    let (Some((first_slot, slots)), Some((first, lines))) = (slots.split_first(), lines.split_first()) else {
        return;
    };
    #[cfg(test)]
    if crate::crash::Sabotage::CommitWordFirst.is_on() {
        store(&first_slot[0], first[0], release());
    }
    for (slot, line) in slots.iter().zip(lines) {
        for i in 0..LINE_WORDS {
            store(&slot[i], line[i], Relaxed);
        }
    }
    for i in 1..LINE_WORDS {
        store(&first_slot[i], first[i], Relaxed);
    }
    store(&first_slot[0], first[0], release());
}

/// The order of a store that shows all that was stored before it to whoever loads it with [`acquire`]. The unit tests can
/// leave it out.
#[inline]
pub(crate) fn release() -> Ordering {
    #[cfg(test)]
    return crate::crash::Sabotage::ReleaseLeftOut.or(Release, Relaxed);
    #[cfg(not(test))]
    Release
}

/// The order of a load that sees all that was stored before a store with [`release`].
#[inline]
pub(crate) fn acquire() -> Ordering {
    #[cfg(test)]
    return crate::crash::Sabotage::AcquireLeftOut.or(Acquire, Relaxed);
    #[cfg(not(test))]
    Acquire
}

/// Stores a word. The unit tests can kill the writer here.
#[inline]
pub(crate) fn store(slot: &Word, word: u64, order: Ordering) {
    #[cfg(test)]
    crate::crash::tap::before_store();
    slot.store(word, order);
}

/// Copies what stands at word `at` into `frame`.
#[inline]
pub(crate) fn take(area: &[Word], at: usize, frame: &mut Frame) -> Found {
    let Some(first) = area.get(at) else {
        return Found::Bad("no end before the end of the file");
    };
    let first = first.load(acquire());
    if first == 0 {
        return Found::Nothing;
    }
    let lines = (first & 0xf) as usize;
    if lines == 0 || lines > LINES_MAX || first >> 32 != 0 {
        return Found::Bad("commit word");
    }
    let Some(slots) = area.get(at..at + lines * LINE_WORDS) else {
        return Found::Bad("record beyond the end of the segment");
    };
    let words = frame.buffer_mut();
    words[0] = first;
    for (word, slot) in words.iter_mut().zip(slots).skip(1) {
        *word = slot.load(Relaxed);
    }
    if first == END_WORD {
        Found::End
    } else if frame.record_type().is_framing() {
        Found::Bad("framing inside a live segment")
    } else {
        Found::Record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::ChainHash;
    use crate::format::End;

    fn area(lines: usize) -> Vec<Word> {
        (0..lines * LINE_WORDS).map(|_| Word::new(0)).collect()
    }

    fn record(lines: u64, seq: u64) -> Vec<u64> {
        let mut words: Vec<u64> = (0..lines * 8).map(|i| seq * 1000 + i).collect();
        words[0] = 0x8001_0000 | lines;
        words
    }

    #[test]
    fn what_is_put_is_taken() {
        let area = area(12);
        let mut frame = Frame::default();
        let mut at = 0;
        for lines in 1..=4 {
            assert_eq!(take(&area, at, &mut frame), Found::Nothing);
            let words = record(lines, lines);
            put(&area, at, &words);
            assert_eq!(take(&area, at, &mut frame), Found::Record);
            assert_eq!(frame.words(), words);
            at += words.len();
        }
        put(
            &area,
            at,
            &End {
                seq: 5,
                position: 640,
                chain: ChainHash::NONE,
            }
            .live_line(),
        );
        assert_eq!(take(&area, at, &mut frame), Found::End);
        assert!(matches!(take(&area, 96, &mut frame), Found::Bad(_)));
    }

    #[test]
    fn hostile_words_stay_inside() {
        let mut frame = Frame::default();
        for first in [
            5,
            0x8001_000f,
            0x8001_0000,
            1 << 32,
            0x8001_0001 | 1 << 40,
            0x0003_0001,
            2,
        ] {
            let area = area(1);
            area[0].store(first, Relaxed);
            assert!(matches!(take(&area, 0, &mut frame), Found::Bad(_)), "{first:#x}");
        }
        let area = area(1);
        area[0].store(0x8001_0002, Relaxed);
        assert_eq!(
            take(&area, 0, &mut frame),
            Found::Bad("record beyond the end of the segment")
        );
    }

    #[test]
    fn a_reader_on_another_thread_sees_whole_records_in_order() {
        let records = if cfg!(miri) { 40 } else { 10_000 };
        let area = area(records * 4 + 1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut at = 0;
                for seq in 1..=records as u64 {
                    let words = record(seq % 4 + 1, seq);
                    put(&area, at, &words);
                    at += words.len();
                }
            });
            let mut frame = Frame::default();
            let mut at = 0;
            for seq in 1..=records as u64 {
                while take(&area, at, &mut frame) == Found::Nothing {
                    std::thread::yield_now();
                }
                assert_eq!(frame.words(), record(seq % 4 + 1, seq));
                at += frame.words().len();
            }
        });
    }
}
