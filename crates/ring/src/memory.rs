//! The memory of a ring, seen as words that another thread or another process may write at any moment.
//!
//! The layout is the same on the heap and in a file, in 64-byte lines from the start:
//!
//! | line | words |
//! |---|---|
//! | 0 | magic, format version, capacity in lines; never change |
//! | `APART` | the producer's: tail, last cause |
//! | 2 × `APART` | the consumer's: head |
//! | `HEADER_LINES` … | the slots, one line each |
//!
//! Positions count lines since the ring was made and never wrap; a position's slot is its remainder by the capacity.

use core::ptr::NonNull;
#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicU64 as Word, Ordering};
use std::sync::Arc;

use crossbeam_utils::CachePadded;
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64 as Word, Ordering};
use pinrail_types::{LINE_BYTES, LINE_WORDS};

const _: () = assert!(
    cfg!(target_endian = "little"),
    "the commit word is the low half of a record's first word"
);

/// Opens every ring.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"pinrring");
/// Version of the layout above.
pub(crate) const FORMAT_VERSION: u64 = 1;
/// Least capacity in lines. Loom gets a ring that it can walk round.
pub(crate) const CAPACITY_MIN: usize = if cfg!(loom) { 4 } else { 64 };
/// Most capacity in lines: 4 GiB.
pub(crate) const CAPACITY_MAX: usize = 1 << 26;

/// Above any position that a ring reaches: at a line a nanosecond that takes a century.
pub(crate) const POSITION_MAX: u64 = 1 << 62;

/// Lines between two counters, so that no two share what the processor moves or prefetches together.
const APART: usize = size_of::<CachePadded<u64>>().div_ceil(LINE_BYTES);
const PRODUCER_LINE: usize = APART;
const CONSUMER_LINE: usize = 2 * APART;
/// Lines in front of the slots: one page, so that the slots of a mapped ring start on one.
pub(crate) const HEADER_LINES: usize = if cfg!(loom) { 3 * APART } else { 64 };

const _: () = assert!(HEADER_LINES >= 3 * APART);

/// One cache line of a ring.
#[repr(C, align(64))]
pub(crate) struct Line {
    words: [Word; LINE_WORDS],
    /// Lets loom see a payload that is read while it is written: it does not run a relaxed load late enough to get
    /// a word of the next lap, as a processor may.
    #[cfg(loom)]
    payload: loom::cell::UnsafeCell<()>,
}

const _: () = assert!(cfg!(loom) || size_of::<Line>() == LINE_BYTES);

impl Line {
    fn zeroed() -> Line {
        Line {
            words: core::array::from_fn(|_| Word::new(0)),
            #[cfg(loom)]
            payload: loom::cell::UnsafeCell::new(()),
        }
    }

    #[inline]
    pub(crate) fn words(&self) -> &[Word; LINE_WORDS] {
        &self.words
    }

    /// Writes `values` to the words from `first` on.
    #[inline]
    pub(crate) fn write(&self, first: usize, values: &[u64]) {
        #[cfg(loom)]
        self.payload.with_mut(|_| ());
        for (word, &value) in self.words[first..].iter().zip(values) {
            word.store(value, Ordering::Relaxed);
        }
    }

    /// Copies all words out.
    #[inline]
    pub(crate) fn read(&self, copy: &mut [u64]) {
        #[cfg(loom)]
        self.payload.with(|_| ());
        for (word, copied) in self.words.iter().zip(copy) {
            *copied = word.load(Ordering::Relaxed);
        }
    }
}

/// What keeps the lines alive.
enum Backing {
    Heap {
        _lines: Arc<[Line]>,
    },
    #[cfg(not(loom))]
    File {
        _map: memmap2::MmapRaw,
    },
}

/// A view of a ring's memory. Each side of a ring has its own.
pub(crate) struct Memory {
    header: NonNull<[Line; HEADER_LINES]>,
    /// As many as the capacity: a power of two.
    slots: NonNull<[Line]>,
    _backing: Backing,
}

// SAFETY: the pointers lead into `_backing`, which is owned and not tied to a thread; what they lead to is only ever
// read and written through atomics.
unsafe impl Send for Memory {}

impl Memory {
    /// Two views of one new ring on the heap, its pages touched. `capacity` must have been checked.
    pub(crate) fn heap(capacity: usize) -> (Memory, Memory) {
        let lines: Arc<[Line]> = (0..HEADER_LINES + capacity).map(|_| Line::zeroed()).collect();
        let view = |lines: Arc<[Line]>| {
            let (header, slots) = lines.split_first_chunk().expect("longer than a header");
            Memory {
                header: NonNull::from(header),
                slots: NonNull::from(slots),
                _backing: Backing::Heap { _lines: lines },
            }
        };
        let memory = view(Arc::clone(&lines));
        memory.identify();
        (memory, view(lines))
    }

    /// A view of a mapped ring. The mapping must have exactly the length of a ring with a checked capacity.
    #[cfg(not(loom))]
    pub(crate) fn mapped(map: memmap2::MmapRaw) -> Memory {
        let count = map.len() / LINE_BYTES;
        let capacity = count - HEADER_LINES;
        assert!(map.len() == bytes(capacity) && capacity.is_power_of_two());
        #[expect(clippy::cast_ptr_alignment, reason = "asserted on the next line")]
        let first = NonNull::new(map.as_mut_ptr().cast::<Line>()).expect("a mapping is never at null");
        assert!(first.is_aligned(), "a mapping starts on a page");
        // SAFETY: the mapping is longer than a header, as was asserted.
        let slots = unsafe { first.add(HEADER_LINES) };
        Memory {
            header: first.cast(),
            slots: NonNull::slice_from_raw_parts(slots, capacity),
            _backing: Backing::File { _map: map },
        }
    }

    /// Writes the words that tell what this memory is.
    pub(crate) fn identify(&self) {
        let words = self.header()[0].words();
        words[1].store(FORMAT_VERSION, Ordering::Relaxed);
        words[2].store(self.capacity(), Ordering::Relaxed);
        words[0].store(MAGIC, Ordering::Release);
    }

    #[inline]
    fn header(&self) -> &[Line; HEADER_LINES] {
        // SAFETY: as for `slots`.
        unsafe { self.header.as_ref() }
    }

    #[inline]
    fn slots(&self) -> &[Line] {
        // SAFETY: the pointer was made from memory of that length which `_backing` keeps alive, and at the same
        // address, for as long as `self` lives. It is aligned (by its type on the heap, to the page in a mapping) and
        // initialised (any bits are an atomic word). All access by anyone is to atomics behind shared references, or
        // comes from another process, whose writes are no accesses of this program. That nobody cuts a mapped file
        // short is the condition that `create` documents.
        unsafe { self.slots.as_ref() }
    }

    /// Capacity in lines.
    #[inline]
    pub(crate) fn capacity(&self) -> u64 {
        self.slots.len() as u64
    }

    /// The producer's position: behind the last record that it published, or short of that if it was killed.
    #[inline]
    pub(crate) fn tail(&self) -> &Word {
        &self.header()[PRODUCER_LINE].words()[0]
    }

    /// The cause of the last record published before the tail; zero if there is none.
    #[inline]
    pub(crate) fn last_cause(&self) -> &Word {
        &self.header()[PRODUCER_LINE].words()[1]
    }

    /// The consumer's position: what lies before it may be written over.
    #[inline]
    pub(crate) fn head(&self) -> &Word {
        &self.header()[CONSUMER_LINE].words()[0]
    }

    /// The slot of `position`, from 0.
    #[inline]
    fn slot(&self, position: u64) -> usize {
        position as usize & (self.slots.len() - 1)
    }

    /// Lines from `position` to the end of the ring; from 1 to the capacity.
    #[inline]
    pub(crate) fn to_end(&self, position: u64) -> u64 {
        (self.slots.len() - self.slot(position)) as u64
    }

    /// The first word of a record at `position`, whose low half is the commit word.
    #[inline]
    pub(crate) fn commit(&self, position: u64) -> &Word {
        &self.slots()[self.slot(position)].words()[0]
    }

    /// Asks for the line at `position` to be moved into this core's cache, to be written there. Waits for nothing and
    /// changes nothing; a store to the line that comes soon after finds it there, or under way.
    #[inline]
    pub(crate) fn claim(&self, position: u64) {
        let address = core::ptr::from_ref(self.commit(position)).addr();
        #[cfg(all(target_arch = "x86_64", not(any(miri, loom))))]
        // SAFETY: PREFETCHW is a hint: it reads and writes no register, flag or memory that a program could see, faults
        // for no address, and does nothing on processors that lack it. The address is that of a live line anyway.
        unsafe {
            core::arch::asm!("prefetchw [{}]", in(reg) address, options(nomem, nostack, preserves_flags));
        }
        #[cfg(not(all(target_arch = "x86_64", not(any(miri, loom)))))]
        let _ = address;
    }

    /// The same for a line that is to be read.
    #[inline]
    pub(crate) fn expect(&self, position: u64) {
        let address = core::ptr::from_ref(self.commit(position)).addr();
        #[cfg(all(target_arch = "x86_64", not(any(miri, loom))))]
        // SAFETY: as `claim`; PREFETCHT0 is in every x86_64 processor.
        unsafe {
            core::arch::asm!("prefetcht0 [{}]", in(reg) address, options(nomem, nostack, preserves_flags));
        }
        #[cfg(not(all(target_arch = "x86_64", not(any(miri, loom)))))]
        let _ = address;
    }

    /// The `count` lines from `position` on.
    ///
    /// # Panics
    /// If they cross the end of the ring.
    #[inline]
    pub(crate) fn record(&self, position: u64, count: usize) -> &[Line] {
        &self.slots()[self.slot(position)..][..count]
    }
}

/// Bytes of a ring of `capacity` lines.
#[cfg(not(loom))]
pub(crate) const fn bytes(capacity: usize) -> usize {
    (HEADER_LINES + capacity) * LINE_BYTES
}
