//! Named 64-bit counters in a file that other processes can watch.
//!
//! Each counter has one writer, its [`Counter`]; whoever may read the file lists them all with [`CountersReader`].
//! Updates are atomic and relaxed: a reader sees each value whole, and some moment's value, but no order between
//! two counters.
//!
//! # Layout, version 1
//!
//! Little-endian 64-bit words in blocks of 128 bytes: the header, then `capacity` slots. Words not named are zero.
//!
//! | block | byte | what |
//! |---|---|---|
//! | header | 0 | magic, `PRCOUNTS` in ASCII |
//! | header | 8 | version of this layout |
//! | header | 16 | capacity in slots, 1 to [`CAPACITY_MAX`] |
//! | header | 24 | process id of the writer |
//! | slot | 0 | value, alone on its cache line; the line beside it does not change |
//! | slot | 64 | kind ([`CounterKind`]); 0 is a free slot, and so are all behind it. Stored after the label |
//! | slot | 72 | label, 40 bytes of printable ASCII, padded with zeros |
//!
//! The file gets its name when the header stands, keeps its length, and is left behind at exit for whoever wants
//! the last values; the next start replaces it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

use memmap2::{MmapOptions, MmapRaw};
use pinrail_types::Text;
use rustix::fs::{FallocateFlags, fallocate};
use serde::Serialize;
use thiserror::Error;

/// The most counters that a file may hold.
pub const CAPACITY_MAX: usize = 4_096;

const MAGIC: u64 = u64::from_le_bytes(*b"PRCOUNTS");
const VERSION: u64 = 1;
/// Words of the header.
const HEADER_VERSION: usize = 1;
const HEADER_CAPACITY: usize = 2;
const HEADER_PID: usize = 3;
/// Words of a slot.
const SLOT_VALUE: usize = 0;
const SLOT_KIND: usize = 8;
const SLOT_LABEL: usize = 9;
const LABEL_WORDS: usize = 5;

/// A block of the layout.
#[repr(C, align(128))]
struct Block([AtomicU64; 16]);

const _: () = assert!(size_of::<Block>() == 128);

/// Why counters could not be made, added or read.
#[derive(Debug, Error)]
pub enum CountersError {
    /// A call on the file failed.
    #[error("counters file {path}: cannot {what}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// The file is no counters file that this version reads.
    #[error("{path} is no counters file of version {VERSION}: {what}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A capacity outside 1 to [`CAPACITY_MAX`].
    #[error("a capacity of {0} counters: expected 1 to {CAPACITY_MAX}")]
    Capacity(usize),
    /// Every slot is taken.
    #[error("no room for counter \"{label}\": all {capacity} are taken")]
    Full {
        /// The counter to be added.
        label: String,
        /// How many there are.
        capacity: usize,
    },
    /// A label that is empty, longer than 40 bytes, or not printable ASCII.
    #[error("counter label {0:?}: expected 1 to 40 bytes of printable ASCII")]
    Label(String),
    /// Another counter has the label.
    #[error("counter \"{0}\" exists already")]
    Duplicate(String),
}

/// What a value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CounterKind {
    /// It only rises: so many of something since the start.
    Count = 1,
    /// It goes up and down: how much of something there is now.
    Gauge = 2,
}

impl CounterKind {
    fn from_word(word: u64) -> Option<CounterKind> {
        match word {
            1 => Some(CounterKind::Count),
            2 => Some(CounterKind::Gauge),
            _ => None,
        }
    }
}

/// A counter's state at some moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// What is counted.
    pub label: String,
    /// What the value means.
    pub kind: CounterKind,
    /// The value.
    pub value: u64,
}

/// The blocks, wherever they are.
enum Memory {
    Heap(Box<[Block]>),
    /// At least one block, all of it within the file's length, which does not change.
    Mapped(MmapRaw),
}

impl Memory {
    fn blocks(&self) -> &[Block] {
        match self {
            Memory::Heap(blocks) => blocks,
            Memory::Mapped(map) => {
                let blocks = map.len() / size_of::<Block>();
                // SAFETY: the mapping starts on a page, is aligned for a block with it, is `map.len()` bytes long, and lives
                // as long as `self`. Its bytes are initialised (a file's always are) and every bit pattern is an
                // `AtomicU64`. Other processes and threads change them by atomic stores of the same words only.
                #[expect(clippy::cast_ptr_alignment, reason = "a mapping starts on a page")]
                unsafe {
                    slice::from_raw_parts(map.as_ptr().cast::<Block>(), blocks)
                }
            }
        }
    }

    /// The counters in order of their adding; slots of a kind that this version does not know are left out.
    fn list(&self) -> Vec<Reading> {
        let mut readings = Vec::new();
        for Block(words) in &self.blocks()[1..] {
            // On a read-only mapping a relaxed load is the only one that is sure to be a plain load.
            let kind = words[SLOT_KIND].load(Relaxed);
            if kind == 0 {
                break;
            }
            fence(Acquire);
            if let Some(kind) = CounterKind::from_word(kind) {
                readings.push(Reading {
                    label: label(words).to_string(),
                    kind,
                    value: words[SLOT_VALUE].load(Relaxed),
                });
            }
        }
        readings
    }
}

fn label(words: &[AtomicU64; 16]) -> Text<40> {
    let label: [u64; LABEL_WORDS] = std::array::from_fn(|i| words[SLOT_LABEL + i].load(Relaxed));
    bytemuck::cast(label)
}

/// A table of counters, and the right to add to it.
pub struct Counters {
    memory: Arc<Memory>,
    used: usize,
}

impl Counters {
    /// A table in memory of this process only.
    ///
    /// # Errors
    /// [`CountersError::Capacity`].
    pub fn heap(capacity: usize) -> Result<Counters, CountersError> {
        check_capacity(capacity)?;
        let blocks = (0..=capacity).map(|_| Block(Default::default())).collect();
        Ok(Counters::over(Memory::Heap(blocks), capacity))
    }

    /// A table in the file `path`, which should be in `/dev/shm`; a file of that name is replaced, and whoever has it
    /// open keeps the old one. All of it is allocated and mapped in, so that no update can fault or find the file
    /// system full.
    ///
    /// # Errors
    /// [`CountersError::Capacity`] or [`CountersError::File`]; then `path` is as before.
    pub fn create(path: &Path, capacity: usize) -> Result<Counters, CountersError> {
        check_capacity(capacity)?;
        let mut unnamed = path.as_os_str().to_owned();
        unnamed.push(".new");
        let unnamed = PathBuf::from(unnamed);
        let fail = |what| {
            move |error| CountersError::File {
                path: path.to_owned(),
                what,
                error,
            }
        };
        let made = map_new(&unnamed, (capacity + 1) * size_of::<Block>())
            .map_err(|(what, error)| fail(what)(error))
            .map(|map| Counters::over(Memory::Mapped(map), capacity))
            .and_then(|counters| {
                fs::rename(&unnamed, path).map_err(fail("give it its name"))?;
                Ok(counters)
            });
        if made.is_err() {
            // The first error is the one to tell; a file left behind is replaced by the next try.
            let _ = fs::remove_file(&unnamed);
        }
        made
    }

    /// Takes over zeroed memory and writes its header.
    fn over(memory: Memory, capacity: usize) -> Counters {
        let Block(header) = &memory.blocks()[0];
        header[HEADER_VERSION].store(VERSION, Relaxed);
        header[HEADER_CAPACITY].store(capacity as u64, Relaxed);
        header[HEADER_PID].store(std::process::id().into(), Relaxed);
        header[0].store(MAGIC, Release);
        Counters {
            memory: Arc::new(memory),
            used: 0,
        }
    }

    /// Adds a counter that stands at zero. Before start only: linear in the counters there are, and it allocates.
    ///
    /// # Errors
    /// [`CountersError::Label`], [`CountersError::Duplicate`] or [`CountersError::Full`].
    pub fn add(&mut self, label: &str, kind: CounterKind) -> Result<Counter, CountersError> {
        let text = Text::<40>::new(label)
            .filter(|text| !text.is_empty())
            .ok_or_else(|| CountersError::Label(label.to_owned()))?;
        if self.list().iter().any(|reading| reading.label == label) {
            return Err(CountersError::Duplicate(label.to_owned()));
        }
        let slots = &self.memory.blocks()[1..];
        let Some(Block(words)) = slots.get(self.used) else {
            return Err(CountersError::Full {
                label: label.to_owned(),
                capacity: slots.len(),
            });
        };
        let label: [u64; LABEL_WORDS] = bytemuck::cast(text);
        for (word, value) in words[SLOT_LABEL..].iter().zip(label) {
            word.store(value, Relaxed);
        }
        words[SLOT_KIND].store(kind as u64, Release);
        let value = NonNull::from(&words[SLOT_VALUE]);
        self.used += 1;
        Ok(Counter {
            value,
            _memory: Arc::clone(&self.memory),
        })
    }

    /// Every counter in order of adding.
    pub fn list(&self) -> Vec<Reading> {
        self.memory.list()
    }
}

fn check_capacity(capacity: usize) -> Result<(), CountersError> {
    if (1..=CAPACITY_MAX).contains(&capacity) {
        Ok(())
    } else {
        Err(CountersError::Capacity(capacity))
    }
}

/// A new file of `bytes` zeros, allocated and mapped in.
fn map_new(path: &Path, bytes: usize) -> Result<MmapRaw, (&'static str, io::Error)> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .map_err(|error| ("create it", error))?;
    fallocate(&file, FallocateFlags::empty(), 0, bytes as u64)
        .map_err(|error| ("allocate its space", error.into()))?;
    MmapOptions::new()
        .len(bytes)
        .populate()
        .map_raw(&file)
        .map_err(|error| ("map it", error))
}

/// The one writer of one counter.
///
/// No operation waits, allocates or fails; each is a plain load and store on a line that no other thread writes.
pub struct Counter {
    /// Points into `_memory`.
    value: NonNull<AtomicU64>,
    _memory: Arc<Memory>,
}

// SAFETY: `value` points to an `AtomicU64`, which any thread may use, in memory that `_memory` keeps where it is,
// and which may be freed by any thread: it is a boxed slice or a mapping.
unsafe impl Send for Counter {}

impl Counter {
    #[inline]
    fn value(&self) -> &AtomicU64 {
        // SAFETY: `value` was made from a reference into the blocks of `_memory`, which neither move nor end before
        // `self` does; and only shared references to them are ever made.
        unsafe { self.value.as_ref() }
    }

    /// The value.
    #[inline]
    pub fn get(&self) -> u64 {
        self.value().load(Relaxed)
    }

    /// Adds one.
    #[inline]
    pub fn increment(&mut self) {
        self.add(1);
    }

    /// Adds `n`; wraps round after 2^64.
    #[inline]
    pub fn add(&mut self, n: u64) {
        // No other writer can come between: `&mut self`, and no second `Counter` of a slot is ever made.
        self.set(self.get().wrapping_add(n));
    }

    /// Sets the value.
    #[inline]
    pub fn set(&mut self, value: u64) {
        self.value().store(value, Relaxed);
    }
}

/// Reads the counters of another process. It maps the file read-only and cannot disturb the writer.
pub struct CountersReader {
    memory: Memory,
}

impl CountersReader {
    /// Opens the counters file `path`.
    ///
    /// # Errors
    /// [`CountersError::File`], or [`CountersError::Format`] if it is no whole counters file of this version.
    pub fn open(path: &Path) -> Result<CountersReader, CountersError> {
        let fail = |what| {
            move |error| CountersError::File {
                path: path.to_owned(),
                what,
                error,
            }
        };
        let format = |what| {
            Err(CountersError::Format {
                path: path.to_owned(),
                what,
            })
        };
        let file = File::open(path).map_err(fail("open it"))?;
        let bytes = file.metadata().map_err(fail("read its length"))?.len();
        let bytes_most = ((CAPACITY_MAX + 1) * size_of::<Block>()) as u64;
        if bytes < 2 * size_of::<Block>() as u64 || bytes > bytes_most {
            return format("its length is not one that a counters file can have");
        }
        let map = MmapOptions::new()
            .len(bytes as usize)
            .map_raw_read_only(&file)
            .map_err(fail("map it"))?;
        let memory = Memory::Mapped(map);
        let header = |word: usize| memory.blocks()[0].0[word].load(Relaxed);
        if header(0) != MAGIC {
            return format("it does not begin with PRCOUNTS");
        }
        if header(HEADER_VERSION) != VERSION {
            return format("its layout is of another version");
        }
        if header(HEADER_CAPACITY)
            .saturating_add(1)
            .saturating_mul(size_of::<Block>() as u64)
            != bytes
        {
            return format("its length does not fit its capacity");
        }
        Ok(CountersReader { memory })
    }

    /// Process id of the writer, which may have ended.
    pub fn writer_pid(&self) -> u64 {
        self.memory.blocks()[0].0[HEADER_PID].load(Relaxed)
    }

    /// Every counter in order of adding.
    pub fn list(&self) -> Vec<Reading> {
        self.memory.list()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use proptest::prelude::*;

    use super::*;

    fn readings(counters: &[(&str, CounterKind, u64)]) -> Vec<Reading> {
        let reading = |(label, kind, value): &(&str, CounterKind, u64)| Reading {
            label: (*label).to_owned(),
            kind: *kind,
            value: *value,
        };
        counters.iter().map(reading).collect()
    }

    #[test]
    fn counters_outlive_their_table_and_refuse_what_is_wrong() {
        let mut table = Counters::heap(2).unwrap();
        let forty = "a".repeat(40);
        let mut first = table.add(&forty, CounterKind::Count).unwrap();
        for bad in ["", "new\nline", "é", &"a".repeat(41)] {
            assert!(matches!(
                table.add(bad, CounterKind::Count),
                Err(CountersError::Label(_))
            ));
        }
        assert!(matches!(
            table.add(&forty, CounterKind::Gauge),
            Err(CountersError::Duplicate(_))
        ));
        let mut second = table.add("depth", CounterKind::Gauge).unwrap();
        let error = table.add("third", CounterKind::Count).err().unwrap();
        assert_eq!(
            error.to_string(),
            "no room for counter \"third\": all 2 are taken"
        );
        first.add(3);
        second.set(u64::MAX);
        assert_eq!(
            table.list(),
            readings(&[
                (&forty, CounterKind::Count, 3),
                ("depth", CounterKind::Gauge, u64::MAX)
            ])
        );
        drop(table);
        first.increment();
        second.increment();
        assert_eq!((first.get(), second.get()), (4, 0));
        for capacity in [0, CAPACITY_MAX + 1] {
            assert!(matches!(
                Counters::heap(capacity),
                Err(CountersError::Capacity(_))
            ));
        }
    }

    #[test]
    fn one_thread_counts_while_another_watches() {
        let rounds = if cfg!(miri) { 50 } else { 20_000 };
        let mut table = Counters::heap(4).unwrap();
        let mut counter = table.add("events", CounterKind::Count).unwrap();
        let writer = thread::spawn(move || (0..rounds).for_each(|_| counter.increment()));
        let mut last = 0;
        while !writer.is_finished() {
            let value = table.list()[0].value;
            assert!(value >= last);
            last = value;
        }
        writer.join().unwrap();
        assert_eq!(table.list()[0].value, rounds);
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps a file")]
    fn another_mapping_of_the_file_sees_every_counter() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("counters");
        let mut table = Counters::create(&path, 3).unwrap();
        let reader = CountersReader::open(&path).unwrap();
        assert_eq!(reader.list(), []);
        assert_eq!(reader.writer_pid(), u64::from(std::process::id()));
        let mut events = table.add("events", CounterKind::Count).unwrap();
        events.add(7);
        assert_eq!(reader.list(), readings(&[("events", CounterKind::Count, 7)]));
        drop(table);
        events.increment();
        assert_eq!(reader.list()[0].value, 8);

        let replaced = Counters::create(&path, 1).unwrap();
        assert_eq!(reader.list()[0].value, 8);
        assert_eq!(CountersReader::open(&path).unwrap().list(), []);
        assert_eq!(replaced.list(), []);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps a file")]
    fn files_that_are_something_else_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("counters");
        drop(Counters::create(&path, 2).unwrap());
        let whole = fs::read(&path).unwrap();
        assert_eq!((whole.len(), &whole[..8]), (3 * 128, &b"PRCOUNTS"[..]));
        let refused = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            matches!(CountersReader::open(&path), Err(CountersError::Format { .. }))
        };
        for length in [0, 1, 128, 255, 256, 383] {
            assert!(refused(&whole[..length]), "cut to {length} bytes");
        }
        for byte in [0, 8, 16, 23] {
            let mut other = whole.clone();
            other[byte] ^= 0xff;
            assert!(refused(&other), "byte {byte} changed");
        }
        assert!(!refused(&whole));

        // Scribbled slots: unknown kinds are left out, and labels come out escaped.
        let mut scribbled = whole.clone();
        scribbled[128..].fill(0xfe);
        fs::write(&path, &scribbled).unwrap();
        assert_eq!(CountersReader::open(&path).unwrap().list(), []);
        for slot in [128, 256] {
            scribbled[slot + 64..slot + 72].copy_from_slice(&1_u64.to_le_bytes());
        }
        fs::write(&path, &scribbled).unwrap();
        assert_eq!(
            CountersReader::open(&path).unwrap().list()[1].label,
            "\\xfe".repeat(40)
        );
    }

    #[test]
    #[cfg_attr(miri, ignore = "maps a file")]
    fn a_file_that_cannot_be_made_is_named() {
        let error = Counters::create(Path::new("/nowhere/counters"), 1).err().unwrap();
        assert!(
            error
                .to_string()
                .starts_with("counters file /nowhere/counters: cannot create it: No such file"),
            "{error}"
        );
        assert!(CountersReader::open(Path::new("/nowhere/counters")).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 256 }))]

        #[test]
        fn counters_do_not_touch_each_other(
            updates in prop::collection::vec((0_usize..5, any::<u64>(), any::<bool>()), 0..60),
        ) {
            let mut table = Counters::heap(5).unwrap();
            let mut counters: Vec<Counter> =
                (0..5).map(|i| table.add(&format!("counter {i}"), CounterKind::Gauge).unwrap()).collect();
            let mut model = [0_u64; 5];
            for (i, value, is_set) in updates {
                if is_set {
                    counters[i].set(value);
                    model[i] = value;
                } else {
                    counters[i].add(value);
                    model[i] = model[i].wrapping_add(value);
                }
                let values: Vec<u64> = table.list().iter().map(|reading| reading.value).collect();
                prop_assert_eq!(&values, &model);
            }
        }
    }
}
