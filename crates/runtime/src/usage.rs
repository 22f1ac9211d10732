//! What a thread cost: page faults, context switches, and calls into the allocator.
//!
//! ```
//! use pinrail_runtime::usage::{CountingAllocator, Usage};
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator;
//!
//! let before = Usage::of_this_thread();
//! drop(Box::new(1));
//! let cost = Usage::of_this_thread().since(&before);
//! assert!(CountingAllocator::is_installed());
//! assert_eq!((cost.allocations, cost.frees), (1, 1));
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint;
use std::io;
use std::mem::MaybeUninit;

use serde::Serialize;

/// What the calling thread has cost since it started, or between two such looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Page faults served without reading a disk.
    pub minor_faults: u64,
    /// Page faults that had to read a disk.
    pub major_faults: u64,
    /// Times that the thread gave up its core to wait for something.
    pub voluntary_switches: u64,
    /// Times that the scheduler took its core away.
    pub involuntary_switches: u64,
    /// Allocations and reallocations; zero unless [`CountingAllocator::is_installed`].
    pub allocations: u64,
    /// Frees; zero unless [`CountingAllocator::is_installed`].
    pub frees: u64,
}

impl Usage {
    /// The calling thread's, by `getrusage(RUSAGE_THREAD)`: one system call.
    ///
    /// # Panics
    /// If the kernel knows no `RUSAGE_THREAD`: Linux has it since 2.6.26.
    pub fn of_this_thread() -> Usage {
        let rusage = rusage_of_this_thread();
        let count = |value: libc::c_long| u64::try_from(value).expect("the kernel's counts are not negative");
        Usage {
            minor_faults: count(rusage.ru_minflt),
            major_faults: count(rusage.ru_majflt),
            voluntary_switches: count(rusage.ru_nvcsw),
            involuntary_switches: count(rusage.ru_nivcsw),
            allocations: ALLOCATIONS.get(),
            frees: FREES.get(),
        }
    }

    /// What was added since `earlier`, a look at the same thread.
    ///
    /// # Panics
    /// If `earlier` is the later one, or another thread's.
    #[must_use]
    pub fn since(&self, earlier: &Usage) -> Usage {
        let less = |now: u64, then: u64| now.checked_sub(then).expect("a thread's counts only rise");
        Usage {
            minor_faults: less(self.minor_faults, earlier.minor_faults),
            major_faults: less(self.major_faults, earlier.major_faults),
            voluntary_switches: less(self.voluntary_switches, earlier.voluntary_switches),
            involuntary_switches: less(self.involuntary_switches, earlier.involuntary_switches),
            allocations: less(self.allocations, earlier.allocations),
            frees: less(self.frees, earlier.frees),
        }
    }
}

fn rusage_of_this_thread() -> libc::rusage {
    let mut rusage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `rusage` is a live local of the type that the call fills in.
    let outcome = unsafe { libc::getrusage(libc::RUSAGE_THREAD, rusage.as_mut_ptr()) };
    assert_eq!(
        outcome,
        0,
        "getrusage(RUSAGE_THREAD): {}",
        io::Error::last_os_error()
    );
    // SAFETY: the struct is of integers only, for which all zeros, with which it was filled, is a value.
    unsafe { rusage.assume_init() }
}

thread_local! {
    // Constant at the start and without a destructor: their use neither allocates nor ends before the thread does.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static FREES: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, with a count for each thread; for a program's `#[global_allocator]`.
///
/// It costs two additions for each call.
#[derive(Clone, Copy, Debug, Default)]
pub struct CountingAllocator;

impl CountingAllocator {
    /// Whether this program allocates through it: tried with one allocation. Zero counts mean nothing otherwise.
    pub fn is_installed() -> bool {
        let before = ALLOCATIONS.get();
        drop(hint::black_box(Box::new(0_u8)));
        ALLOCATIONS.get() > before
    }

    /// Bytes that this thread has allocated and not freed; modulo 2^64 where it freed what others allocated.
    pub fn bytes() -> usize {
        BYTES.get()
    }
}

// SAFETY: every method hands its arguments to `System` unchanged and returns what that returns, so that `System`'s
// own keeping of the contract is ours; the counting touches only three thread-local cells, does not allocate (they
// are initialised at compile time and have no destructor), and cannot unwind (the additions wrap).
unsafe impl GlobalAlloc for CountingAllocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get().wrapping_add(1));
        BYTES.set(BYTES.get().wrapping_add(layout.size()));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc`.
        unsafe { System.alloc(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get().wrapping_add(1));
        BYTES.set(BYTES.get().wrapping_add(layout.size()));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get().wrapping_add(1));
        BYTES.set(BYTES.get().wrapping_add(new_size).wrapping_sub(layout.size()));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::realloc`; `ptr` came from `System` through us.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    #[inline]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        FREES.set(FREES.get().wrapping_add(1));
        BYTES.set(BYTES.get().wrapping_sub(layout.size()));
        // SAFETY: the caller keeps the contract of `GlobalAlloc::dealloc`; `ptr` came from `System` through us.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[global_allocator]
    static ALLOCATOR: CountingAllocator = CountingAllocator;

    #[test]
    fn allocations_are_counted_in_the_thread_that_makes_them() {
        assert!(CountingAllocator::is_installed());
        let count = || (ALLOCATIONS.get(), FREES.get());
        let (allocations, frees) = count();
        let bytes = CountingAllocator::bytes();
        let mut list: Vec<u64> = hint::black_box(Vec::with_capacity(1));
        assert_eq!(CountingAllocator::bytes() - bytes, 8);
        list.extend([1, 2]);
        assert_eq!(CountingAllocator::bytes() - bytes, 8 * list.capacity());
        drop(hint::black_box(list));
        drop(hint::black_box(vec![0_u8; 64]));
        assert_eq!(count(), (allocations + 3, frees + 2));
        assert_eq!(CountingAllocator::bytes(), bytes);
        let others = thread::spawn(|| {
            drop(hint::black_box(Box::new(1)));
            ALLOCATIONS.get()
        });
        let before = count().0;
        assert!(others.join().unwrap() >= 1);
        assert_eq!(count().0, before);
        for i in 0..1_000_u64 {
            hint::black_box(i);
        }
        assert_eq!(count().0, before);
    }

    #[test]
    #[cfg_attr(miri, ignore = "asks the kernel")]
    fn a_fresh_page_is_a_fault_and_a_sleep_is_a_switch() {
        thread::spawn(|| {
            let before = Usage::of_this_thread();
            let idle = Usage::of_this_thread().since(&before);
            assert_eq!((idle.allocations, idle.frees), (0, 0));
            let mut map = memmap2::MmapMut::map_anon(64 * 4096).unwrap();
            for page in 0..64 {
                map[page * 4096] = 1;
            }
            thread::sleep(std::time::Duration::from_millis(1));
            let cost = Usage::of_this_thread().since(&before);
            assert!(cost.minor_faults >= 1, "{cost:?}");
            assert!(cost.voluntary_switches >= 1, "{cost:?}");
        })
        .join()
        .unwrap();
    }
}
