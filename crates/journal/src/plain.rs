//! What loom and Miri get in place of mapped files: words on plain memory. The files' names are real, so that the code
//! that lists, opens and removes them is the same; their bytes are here, by path.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[cfg(loom)]
use loom::sync::{Mutex, MutexGuard};
#[cfg(not(loom))]
use std::sync::{Mutex, MutexGuard};

use crate::area::Word;
use crate::error::{JournalError, ReadError};

type Files = BTreeMap<PathBuf, Arc<[Word]>>;

#[cfg(loom)]
loom::lazy_static! {
    static ref FILES: Mutex<Files> = Mutex::new(Files::new());
}
#[cfg(not(loom))]
static FILES: Mutex<Files> = Mutex::new(Files::new());

/// Held while something is done to a file. It is what tells loom that the order of two such things matters.
pub(crate) fn turn() -> MutexGuard<'static, Files> {
    FILES.lock().expect("nothing panics while it is held")
}

fn zeros(bytes: u64) -> Arc<[Word]> {
    (0..bytes / 8).map(|_| Word::new(0)).collect()
}

/// A whole file. As in `map.rs`, so that this takes its place.
#[derive(Debug)]
pub(crate) struct Map {
    words: Arc<[Word]>,
    writable: bool,
}

#[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "as in `map.rs`")]
impl Map {
    pub(crate) fn create(path: &Path, bytes: u64) -> Result<Map, JournalError> {
        let words = zeros(bytes);
        let mut files = turn();
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(JournalError::io("create", path))?;
        files.insert(path.to_owned(), Arc::clone(&words));
        Ok(Map {
            words,
            writable: true,
        })
    }

    pub(crate) fn writable(file: &File, path: &Path) -> Result<Map, JournalError> {
        let bytes = file.metadata().map_err(JournalError::io("read", path))?.len();
        let words = Arc::clone(turn().entry(path.to_owned()).or_insert_with(|| zeros(bytes)));
        Ok(Map {
            words,
            writable: true,
        })
    }

    pub(crate) fn find(path: &Path) -> Result<Option<Map>, ReadError> {
        let files = turn();
        let words = if path.exists() { files.get(path) } else { None };
        Ok(words.map(|words| Map {
            words: Arc::clone(words),
            writable: false,
        }))
    }

    pub(crate) fn lock(&self) -> io::Result<()> {
        Ok(())
    }

    pub(crate) fn words(&self) -> &[Word] {
        &self.words
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.writable
    }
}

pub(crate) fn allocate(file: &File, path: &Path, bytes: u64) -> Result<(), JournalError> {
    file.set_len(bytes).map_err(JournalError::io("allocate", path))
}

/// Stands in for crossbeam's, which is not made of loom's atomics.
#[cfg(loom)]
#[derive(Debug)]
pub(crate) struct ArrayQueue<T> {
    values: Mutex<std::collections::VecDeque<T>>,
    capacity: usize,
}

#[cfg(loom)]
impl<T> ArrayQueue<T> {
    pub(crate) fn new(capacity: usize) -> ArrayQueue<T> {
        ArrayQueue {
            values: Mutex::new(std::collections::VecDeque::new()),
            capacity,
        }
    }

    fn values(&self) -> MutexGuard<'_, std::collections::VecDeque<T>> {
        self.values.lock().expect("nothing panics while it is held")
    }

    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        let mut values = self.values();
        if values.len() == self.capacity {
            return Err(value);
        }
        values.push_back(value);
        Ok(())
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.values().pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.values().len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() == self.capacity
    }
}
