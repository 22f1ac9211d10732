//! The reading side.

use pinrail_types::{Commit, Frame, LINE_WORDS, LINES_MAX, RecordType};
use thiserror::Error;

use crate::memory::{Memory, Ordering};

/// What stands in the ring is no record: its producer is broken or hostile. The consumer stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no record at position {position} of the ring: its first word is {word:#018x}")]
pub struct Corrupt {
    /// Where, in lines since the ring was made.
    pub position: u64,
    /// The first word there; its low half should be a [commit word](Commit).
    pub word: u64,
}

/// The reading side of a ring. There is one.
pub struct Consumer {
    memory: Memory,
    /// Of the next record to be read.
    position: u64,
    /// Held until the consumer is dropped or its process dies.
    _lock: Option<std::fs::File>,
}

impl Consumer {
    /// A consumer that goes on at the released position.
    pub(crate) fn new(memory: Memory, lock: Option<std::fs::File>) -> Consumer {
        let position = memory.head().load(Ordering::Acquire);
        Consumer {
            memory,
            position,
            _lock: lock,
        }
    }

    /// Copies the next record into `frame` and steps over it; false if there is none. Words of `frame` behind the
    /// record's length keep what they held. Linear in the length; waits for nothing.
    ///
    /// The frame's length is checked and is what was copied; everything else in it is as the producer wrote it.
    ///
    /// # Errors
    /// [`Corrupt`] if what stands there says that it is shorter or longer than a record can be, crosses the ring's end,
    /// or is padding elsewhere than at the end.
    #[inline]
    pub fn poll(&mut self, frame: &mut Frame) -> Result<bool, Corrupt> {
        // Most records have a second line. It is on its way with the first, and not only when the first was seen.
        self.memory.expect(self.position.wrapping_add(1));
        let mut word = self.memory.commit(self.position).load(Ordering::Acquire);
        if word as u32 == 0 {
            return Ok(false);
        }
        if is_padding(word) {
            let lines = u64::from(Commit::unpack(word as u32).lines);
            // At slot 0 no padding can be long enough to be legal, so that a ring full of it holds nobody up.
            if lines >= LINES_MAX as u64 || lines != self.memory.to_end(self.position) {
                return Err(self.corrupt(word));
            }
            self.position = self.position.wrapping_add(lines);
            word = self.memory.commit(self.position).load(Ordering::Acquire);
            if word as u32 == 0 {
                return Ok(false);
            }
        }
        let lines = usize::from(Commit::unpack(word as u32).lines);
        let whole = (1..=LINES_MAX).contains(&lines) && lines as u64 <= self.memory.to_end(self.position);
        if !whole || is_padding(word) {
            return Err(self.corrupt(word));
        }
        let slots = self.memory.record(self.position, lines);
        let copies = frame.buffer_mut().chunks_exact_mut(LINE_WORDS);
        for (slot, copy) in slots.iter().zip(copies) {
            slot.read(copy);
        }
        // The word that was checked, not what may stand there by now.
        frame.buffer_mut()[0] = word;
        self.position = self.position.wrapping_add(lines as u64);
        Ok(true)
    }

    /// Copies the next records into `frames`, as many as there are, and steps over none; gives how many. What is no record
    /// ends them: [`Consumer::poll`] tells of it.
    #[inline]
    pub fn peek(&mut self, frames: &mut [Frame]) -> usize {
        let position = self.position;
        let mut found = 0;
        for frame in frames {
            if self.poll(frame) != Ok(true) {
                break;
            }
            found += 1;
        }
        self.position = position;
        found
    }

    /// Gives the room of all that was polled back to the producer. Once a batch is enough; a consumer that attaches
    /// anew reads again whatever was polled and not released.
    #[inline]
    pub fn release(&mut self) {
        self.memory.head().store(self.position, Ordering::Release);
    }

    /// Where a producer would resume now, and after which cause: what loom judges a killed one by.
    ///
    /// # Panics
    /// If no end can be found.
    #[cfg(loom)]
    pub fn resume_point(&self) -> (u64, u64) {
        match crate::resume::find_end(&self.memory) {
            Ok(end) => (end.tail, end.last_cause),
            Err(damage) => panic!("{} at {}: {:#x}", damage.what, damage.position, damage.word),
        }
    }

    /// Capacity in lines.
    pub fn capacity(&self) -> u64 {
        self.memory.capacity()
    }

    /// The position of the next record to be read, in lines since the ring was made.
    pub fn position(&self) -> u64 {
        self.position
    }

    #[cold]
    fn corrupt(&self, word: u64) -> Corrupt {
        Corrupt {
            position: self.position,
            word,
        }
    }
}

#[inline]
fn is_padding(word: u64) -> bool {
    Commit::unpack(word as u32).record_type == RecordType::PADDING
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CAPACITY: u64 = 64;

    fn commit_word(lines: u8, record_type: u16) -> u64 {
        u64::from(record_type) << 16 | u64::from(lines)
    }

    /// A consumer at `position` of a ring whose slots open with `words`.
    fn consumer_of(position: u64, words: &[u64]) -> Consumer {
        let (scribbled, memory) = Memory::heap(CAPACITY as usize);
        for (slot, &word) in (0..CAPACITY).zip(words) {
            for at in scribbled.record(slot, 1)[0].words() {
                at.store(word, Ordering::Relaxed);
            }
        }
        memory.head().store(position, Ordering::Relaxed);
        Consumer::new(memory, None)
    }

    /// What a poll at `position` makes of `word`.
    fn judge(position: u64, word: u64) -> Result<bool, Corrupt> {
        let mut words = [0; CAPACITY as usize];
        words[(position % CAPACITY) as usize] = word;
        let mut consumer = consumer_of(position, &words);
        let first = consumer.poll(&mut Frame::default());
        if first.is_err() {
            assert_eq!(consumer.position(), position);
            assert_eq!(
                consumer.poll(&mut Frame::default()),
                first,
                "it stays where it is"
            );
        }
        first
    }

    #[test]
    fn what_is_no_record_is_refused_where_it_stands() {
        let record = 0x8000;
        let padding = RecordType::PADDING.0;
        for (position, lines, record_type, good) in [
            (0, 0, record, false),
            (0, 1, record, true),
            (0, 4, record, true),
            (0, 5, record, false),
            (0, 15, record, false),
            (60, 4, record, true),
            (61, 4, record, false),
            (63, 1, record, true),
            (63, 2, record, false),
            (CAPACITY * 5 + 63, 2, record, false),
            (61, 3, padding, true),
            (63, 1, padding, true),
            (61, 2, padding, false),
            (61, 4, padding, false),
            (60, 4, padding, false),
            (0, 1, padding, false),
            (0, 0, padding, false),
        ] {
            let word = commit_word(lines, record_type);
            let got = judge(position, word);
            if good {
                // Behind padding stands nothing here.
                assert_eq!(got, Ok(record_type != padding), "{position} {lines}");
            } else {
                assert_eq!(got, Err(Corrupt { position, word }), "{position} {lines}");
            }
        }
    }

    #[test]
    fn a_word_without_a_commit_word_is_nothing_yet() {
        assert_eq!(judge(7, u64::MAX << 32), Ok(false));
    }

    #[test]
    fn padding_behind_padding_is_refused() {
        let mut words = [0; CAPACITY as usize];
        words[63] = commit_word(1, RecordType::PADDING.0);
        words[0] = commit_word(3, RecordType::PADDING.0);
        let refused = consumer_of(63, &words).poll(&mut Frame::default());
        assert_eq!(
            refused,
            Err(Corrupt {
                position: 64,
                word: words[0]
            })
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 10 } else { 2000 },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn hostile_words_never_carry_the_consumer_out_of_the_ring(
            position in any::<u64>(),
            // Mostly short lengths, so that the consumer gets somewhere.
            words in prop::collection::vec(
                prop_oneof![
                    any::<u64>(),
                    (0..6_u8, 0..3_u16).prop_map(|(lines, kind)| commit_word(lines, kind)),
                ],
                CAPACITY as usize,
            ),
        ) {
            let mut consumer = consumer_of(position, &words);
            let mut frame = Frame::default();
            for _ in 0..200 {
                let before = consumer.position();
                match consumer.poll(&mut frame) {
                    Ok(true) => {
                        let stepped = consumer.position().wrapping_sub(before);
                        prop_assert!(stepped >= u64::from(frame.commit().lines) && stepped <= 7);
                        consumer.release();
                    }
                    Ok(false) => break,
                    Err(corrupt) => {
                        prop_assert_eq!(corrupt.position, consumer.position());
                        break;
                    }
                }
            }
        }
    }
}
