//! The core's end of the journal: no system call, no allocation, no page fault, no wait.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use pinrail_types::{LINE_BYTES, LINE_WORDS, LINES_MAX};

use crate::Shared;
use crate::area::{Word, put, release, store};
use crate::chain::ChainHash;
use crate::format::{End, HEADER_BYTES, HEADER_WORDS, SegmentHeader};
use crate::map::Map;

/// A live segment that waits for its turn: allocated, faulted in, its header known but for where its records begin.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) map: Map,
    pub(crate) header: SegmentHeader,
}

impl Prepared {
    /// Completes the header and shows it, magic last.
    fn begin(mut self, base_seq: u64, base_position: u64) -> Map {
        self.header.begin(base_seq, base_position);
        let words: [u64; HEADER_WORDS] = self.header.words();
        let slots = self.map.words();
        #[cfg(test)]
        if crate::crash::Sabotage::MagicFirst.is_on() {
            store(&slots[0], words[0], release());
        }
        for (slot, word) in slots.iter().zip(words).skip(1) {
            store(slot, word, Relaxed);
        }
        store(&slots[0], words[0], release());
        self.map
    }
}

/// Lines that [`Writer::warm`] looks at: a request, its quote, and an expiry or two.
const WARM_LINES: usize = 8;

/// Asks for `word`'s line to be moved into this core's cache, to be written there. Waits for nothing, changes nothing.
#[inline]
fn claim(word: &Word) {
    let address = core::ptr::from_ref(word).addr();
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: PREFETCHW is a hint: it reads and writes no register, flag or memory that a program could see, faults for
    // no address, and does nothing on processors that lack it. The address is that of a live line anyway.
    unsafe {
        core::arch::asm!("prefetchw [{}]", in(reg) address, options(nomem, nostack, preserves_flags));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Lines that surely fit, whatever the lengths of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Without the segment that is held back.
    pub normal: usize,
    /// With it.
    pub reserved: usize,
}

/// Appends records. There is one in a journal; it may move between threads but not be used by two.
#[derive(Debug)]
pub struct Writer {
    map: Map,
    /// Word of the area at which the next record goes.
    at: usize,
    /// Word of the area at which no record may reach, so that the end always fits.
    limit: usize,
    next_seq: u64,
    /// Position of the segment's first record.
    base_position: u64,
    epoch: u32,
    shared: Arc<Shared>,
}

/// Words of the area in which records may stand.
fn limit_of(map: &Map) -> usize {
    map.words().len() - HEADER_BYTES / 8 - LINE_WORDS
}

impl Writer {
    pub(crate) fn new(
        first: Prepared,
        shared: Arc<Shared>,
        epoch: u32,
        next_seq: u64,
        position: u64,
    ) -> Writer {
        let map = first.begin(next_seq, position);
        Writer {
            at: 0,
            limit: limit_of(&map),
            map,
            next_seq,
            base_position: position,
            epoch,
            shared,
        }
    }

    /// The epoch, made durable before this writer existed.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The sequence that the next record must have.
    #[inline]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// End of what was appended: bytes of records since the journal began, framing not counted.
    #[inline]
    pub fn position(&self) -> u64 {
        self.base_position + (self.at * 8) as u64
    }

    /// How much may be appended before [`Writer::append`] would panic. Constant time; never less than the truth
    /// later, until something is appended.
    #[inline]
    pub fn room(&self) -> Room {
        // A segment may end up to three lines early, where the next record has four.
        let lines = |words: usize| (words / LINE_WORDS).saturating_sub(LINES_MAX - 1);
        let here = lines(self.limit - self.at);
        let whole = lines(self.limit);
        match self.shared.ready.len() {
            0 => Room {
                normal: 0,
                reserved: here,
            },
            ready => Room {
                normal: here + (ready - 1) * whole,
                reserved: here + ready * whole,
            },
        }
    }

    /// Appends one record: `words` are its lines, its checksum field zero. Readers see it at once.
    ///
    /// # Panics
    /// If the words are no whole record of a type that may be journaled, if its sequence is not
    /// [`Writer::next_seq`], or if there is no room (see [`Writer::room`]).
    #[expect(
        clippy::inline_always,
        reason = "what is checked here is known where the words come from"
    )]
    #[inline(always)]
    pub fn append(&mut self, words: &[u64]) {
        let len = words.len();
        // Checksum zero and a band above zero, which is framing.
        let head = words[0] >> 24;
        assert!(
            head.wrapping_sub(1) < 0xff && len == (words[0] & 0xf) as usize * LINE_WORDS && len != 0,
            "no record that may be journaled"
        );
        assert!(
            len <= LINES_MAX * LINE_WORDS && words[1] == self.next_seq,
            "sequence of the record"
        );
        if self.at + len > self.limit {
            self.roll();
        }
        put(self.area(), self.at, words);
        self.at += len;
        self.next_seq += 1;
    }

    /// Asks for the lines where the next records will go to be moved into this core's cache, so that writing them waits
    /// for nobody: whoever faulted them in, and whoever polls for the next record, holds a copy. For a core that has nothing
    /// else to do.
    #[inline]
    pub fn warm(&self) {
        let end = (self.at + WARM_LINES * LINE_WORDS).min(self.limit);
        let ahead = self.area().get(self.at..end).unwrap_or_default();
        for line in ahead.iter().step_by(LINE_WORDS) {
            claim(line);
        }
    }

    /// Tells the control file's readers how far the journal goes, and that the core lives. Once a duty cycle.
    #[inline]
    pub fn publish(&mut self, now_ns: u64) {
        self.shared
            .control
            .publish(self.position(), self.next_seq - 1, now_ns);
    }

    /// Ends the journal cleanly. Afterwards [`Archiver::finish`](crate::Archiver::finish) can make all of it
    /// durable.
    pub fn finish(mut self, now_ns: u64) {
        self.publish(now_ns);
        self.end_segment();
    }

    #[inline]
    fn area(&self) -> &[Word] {
        &self.map.words()[HEADER_BYTES / 8..]
    }

    fn end_segment(&self) {
        let end = End {
            seq: self.next_seq,
            position: self.position(),
            chain: ChainHash::NONE,
        };
        put(self.area(), self.at, &end.live_line());
    }

    /// Goes on in the next prepared segment. Its header stands before the old one's end does, so that a reader who
    /// sees the end finds the successor.
    #[cold]
    #[inline(never)]
    fn roll(&mut self) {
        let next = self
            .shared
            .ready
            .pop()
            .expect("room was checked before appending");
        let position = self.position();
        #[cfg(test)]
        if crate::crash::Sabotage::EndBeforeHeader.is_on() {
            self.end_segment();
        }
        let map = next.begin(self.next_seq, position);
        self.end_segment();
        let old = core::mem::replace(&mut self.map, map);
        self.base_position = position;
        self.at = 0;
        self.limit = limit_of(&self.map);
        // Unmapping is a system call, so the preparer does it. The queue holds as many as can be alive at all.
        self.shared
            .retired
            .push(old)
            .expect("fewer segments are alive than the queue holds");
    }
}

const _: () = assert!(LINE_BYTES == LINE_WORDS * 8);
