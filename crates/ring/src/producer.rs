//! The writing side.

use pinrail_types::{Commit, Flags, LINE_WORDS, LINES_MAX, RecordType};
use thiserror::Error;

use crate::memory::{Memory, Ordering};
use crate::resume::End;

/// Which part of a ring a record may enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The first three quarters.
    Normal,
    /// The headroom as well: execution reports, cancels, operator commands.
    Reserved,
}

/// There is no room for the record in the part of the ring that its class may enter. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no room in the ring")]
pub struct Full;

/// The writing side of a ring. There is one.
pub struct Producer {
    memory: Memory,
    /// Behind the last published record. The commit word there is zero.
    tail: u64,
    /// The consumer's position when last looked at; it can only have grown since.
    head_seen: u64,
    /// Zero if no record was ever published.
    last_cause: u64,
    /// Held until the producer is dropped or its process dies.
    _lock: Option<std::fs::File>,
}

impl Producer {
    /// A producer whose next record goes to `end`. The commit word there must be zero.
    pub(crate) fn new(memory: Memory, end: End, lock: Option<std::fs::File>) -> Producer {
        let head_seen = memory.head().load(Ordering::Acquire);
        Producer {
            memory,
            tail: end.tail,
            head_seen,
            last_cause: end.last_cause,
            _lock: lock,
        }
    }

    /// Writes one record and lets the consumer see it. `words` are whole lines; the low half of the first is the
    /// record's [commit word](Commit). Linear in the length; waits for nothing.
    ///
    /// # Errors
    /// [`Full`] if there is no room for it.
    ///
    /// # Panics
    /// If the commit word does not say 1 to 4 lines and exactly as many as `words` has, or says that this is
    /// padding.
    #[inline]
    pub fn try_push(&mut self, words: &[u64], class: Class) -> Result<(), Full> {
        let written = self.write(self.tail, words, class)?;
        self.publish(
            written.word,
            written.end,
            written.cause.unwrap_or(self.last_cause),
        );
        Ok(())
    }

    /// Opens a batch: records that the consumer sees all at once, or none of them.
    #[inline]
    pub fn batch(&mut self) -> Batch<'_> {
        Batch {
            end: self.tail,
            first: 0,
            last_cause: self.last_cause,
            producer: self,
        }
    }

    /// The cause of the last published record, also after the producer was killed and attached again; it tells
    /// where a source's sequence resumes. Framing records (watermarks) do not count. `None` if there was none.
    #[inline]
    pub fn last_cause(&self) -> Option<u64> {
        (self.last_cause != 0).then_some(self.last_cause)
    }

    /// How many lines `class` may still enter, as the consumer last released them. A record may need up to three
    /// lines more than it has, for padding.
    #[inline]
    pub fn free_lines(&mut self, class: Class) -> u64 {
        self.head_seen = self.memory.head().load(Ordering::Acquire);
        self.allowed(class)
            .saturating_sub(self.tail.wrapping_sub(self.head_seen))
    }

    /// Capacity in lines.
    pub fn capacity(&self) -> u64 {
        self.memory.capacity()
    }

    /// The position behind the last published record, in lines since the ring was made.
    pub fn position(&self) -> u64 {
        self.tail
    }

    /// Lines that may be in use once a record of `class` is in. One stays free even for [`Class::Reserved`], since
    /// the commit word behind the last record must be zero.
    #[inline]
    fn allowed(&self, class: Class) -> u64 {
        let capacity = self.memory.capacity();
        match class {
            Class::Normal => capacity - capacity / 4,
            Class::Reserved => capacity - 1,
        }
    }

    /// Whether everything before `end` may be written. A head that makes no sense gives no room.
    #[inline]
    fn has_room(&mut self, end: u64, class: Class) -> bool {
        let allowed = self.allowed(class);
        if end.wrapping_sub(self.head_seen) <= allowed {
            return true;
        }
        self.head_seen = self.memory.head().load(Ordering::Acquire);
        end.wrapping_sub(self.head_seen) <= allowed
    }

    /// Writes a record at `start`, behind padding if it would wrap: everything but the word that commits what stands
    /// at `start`.
    ///
    /// # Panics
    /// As [`Producer::try_push`].
    #[expect(clippy::inline_always, reason = "a call costs a quarter of a round trip")]
    #[inline(always)]
    fn write(&mut self, start: u64, words: &[u64], class: Class) -> Result<Written, Full> {
        // The consumer polls this line, so it has to come back first; the rest is done while it does. It looks at the
        // next one as well, and that behind a record of two lines has to be zero before the record is shown.
        for line in 0..3 {
            self.memory.claim(start.wrapping_add(line));
        }
        let first = words.first().copied().unwrap_or(0);
        let commit = Commit::unpack(first as u32);
        let lines = usize::from(commit.lines);
        let whole = words.len() == lines * LINE_WORDS && (1..=LINES_MAX).contains(&lines);
        assert!(
            whole && commit.record_type != RecordType::PADDING,
            "{} words are no record of {commit:?}",
            words.len()
        );

        let to_end = self.memory.to_end(start);
        let padding = if lines as u64 > to_end { to_end } else { 0 };
        let position = start.wrapping_add(padding);
        let end = position.wrapping_add(lines as u64);
        if !self.has_room(end, class) {
            return Err(Full);
        }

        self.memory.commit(end).store(0, Ordering::Relaxed);
        let slots = self.memory.record(position, lines);
        // The first line last, so that it is gone from the consumer's cache no longer than it must.
        for (slot, source) in slots.iter().zip(words.chunks_exact(LINE_WORDS)).skip(1) {
            slot.write(0, source);
        }
        slots[0].write(1, &words[1..LINE_WORDS]);
        let word = if padding > 0 {
            slots[0].words()[0].store(first, Ordering::Relaxed);
            padding_word(padding)
        } else {
            first
        };
        let cause = (!commit.record_type.is_framing()).then_some(words[3]);
        Ok(Written { word, end, cause })
    }

    /// Commits what stands at the tail with `word`, and with it all that was written up to `end`.
    #[inline]
    fn publish(&mut self, word: u64, end: u64, last_cause: u64) {
        let memory = &self.memory;
        memory.commit(self.tail).store(word, Ordering::Release);
        self.tail = end;
        self.last_cause = last_cause;
        // The cause before the tail: whoever finds the new tail finds its cause, and whoever finds the old one finds
        // the records behind it and their causes.
        memory.last_cause().store(last_cause, Ordering::Release);
        memory.tail().store(end, Ordering::Release);
        // A lap ago these lines were the consumer's. The two before them it looks at, so that they would not stay.
        for line in 2..=LINES_MAX as u64 {
            memory.claim(end.wrapping_add(line));
        }
    }
}

/// A record that stands in the ring and is yet to be committed.
struct Written {
    /// What commits it.
    word: u64,
    /// The position behind it.
    end: u64,
    /// None if it is framing.
    cause: Option<u64>,
}

/// Records that become visible together. Dropped without [`Batch::publish`], none of them ever was there.
#[must_use = "a batch that is not published is discarded"]
pub struct Batch<'a> {
    producer: &'a mut Producer,
    /// Behind the last record written.
    end: u64,
    /// What goes to the tail last of all and makes the batch visible; zero while the batch is empty.
    first: u64,
    last_cause: u64,
}

impl Batch<'_> {
    /// Adds a record; see [`Producer::try_push`]. After an error what was added before is still there, to be
    /// published or dropped.
    ///
    /// # Errors
    /// [`Full`] if there is no room for it.
    ///
    /// # Panics
    /// As [`Producer::try_push`].
    #[inline]
    pub fn try_push(&mut self, words: &[u64], class: Class) -> Result<(), Full> {
        let written = self.producer.write(self.end, words, class)?;
        self.commit(written.word);
        self.end = written.end;
        self.last_cause = written.cause.unwrap_or(self.last_cause);
        Ok(())
    }

    /// Writes the word that commits what stands at the end, unless that is the batch's first.
    #[inline]
    fn commit(&mut self, word: u64) {
        if self.first == 0 {
            self.first = word;
        } else {
            self.producer
                .memory
                .commit(self.end)
                .store(word, Ordering::Relaxed);
        }
    }

    /// Lets the consumer see the batch. An empty one changes nothing.
    #[inline]
    pub fn publish(self) {
        if self.first == 0 {
            return;
        }
        self.producer.publish(self.first, self.end, self.last_cause);
    }
}

/// The commit word of `lines` lines of padding.
fn padding_word(lines: u64) -> u64 {
    let commit = Commit {
        lines: lines as u8,
        version: 0,
        flags: Flags::NONE,
        record_type: RecordType::PADDING,
    };
    u64::from(commit.pack())
}
