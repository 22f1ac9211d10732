//! Pages brought into memory before they are needed, so that a way that is taken for the first time takes no page fault.

use std::fs;
use std::io;
use std::ops::Range;

use rustix::mm::{Advice, madvise};

/// How much of its stack a thread that calls [`stack`] has ready: far more than the duty cycle needs.
const STACK_BYTES: usize = 256 << 10;
/// The smallest page that Linux has.
const PAGE_BYTES: usize = 4_096;

/// Brings in everything private that the process has mapped: code, constants, statics, and what was allocated and never
/// touched, such as tables that are not full yet. Gives its length in bytes. To be called when all of it is made and before
/// the core starts. Pages of the program's files may be dropped again when memory is short, unless the process locks its
/// memory.
///
/// # Errors
/// If `/proc/self/maps` can't be read, or the kernel has no `MADV_POPULATE_READ` (Linux 5.14).
pub fn process() -> io::Result<u64> {
    let mut length = 0;
    let mut refused = None;
    for line in fs::read_to_string("/proc/self/maps")?.lines() {
        let Some((range, advice)) = private(line) else {
            continue;
        };
        let address = core::ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: the advice brings in pages of a mapping by the permissions that it has already. It changes no content,
        // so that whoever refers to them sees nothing. Where another thread has unmapped a part meanwhile, the kernel says so;
        // where it has mapped something else there, that is brought in. What cannot be, such as a device's memory, is left.
        match unsafe { madvise(address, range.len(), advice) } {
            Ok(()) => length += range.len() as u64,
            Err(e) => refused = Some(e),
        }
    }
    match refused {
        Some(e) if length == 0 => Err(e.into()),
        _ => Ok(length),
    }
}

/// The range of a line of `/proc/self/maps` and how to bring it in, if it is private and can be read.
fn private(line: &str) -> Option<(Range<usize>, Advice)> {
    let mut fields = line.split_ascii_whitespace();
    let (range, permissions) = (fields.next()?, fields.next()?);
    let path = fields.nth(3).unwrap_or_default();
    let advice = match permissions.as_bytes() {
        [b'r', b'w', _, b'p'] => Advice::LinuxPopulateWrite,
        [b'r', b'-', _, b'p'] if path.starts_with('/') => Advice::LinuxPopulateRead,
        _ => return None,
    };
    let (start, end) = range.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some((address(start)?..address(end)?, advice))
}

/// Touches the next 256 KiB of the calling thread's stack. A thread needs a larger one; Rust's have 2 MiB.
#[inline(never)]
#[expect(
    clippy::large_stack_arrays,
    reason = "its place on the stack is what it is for"
)]
pub fn stack() {
    let mut room = [0_u8; STACK_BYTES];
    for page in room.chunks_mut(PAGE_BYTES) {
        page[0] = 1;
        core::hint::black_box(page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Usage;

    /// Recurses until it has used `frames` kilobytes.
    #[inline(never)]
    fn deep(frames: usize) -> u8 {
        let room = core::hint::black_box([frames as u8; 1_024]);
        if frames == 0 {
            room[7]
        } else {
            deep(frames - 1) ^ room[9]
        }
    }

    #[test]
    fn a_deep_call_takes_no_fault_on_a_stack_that_was_touched() {
        let faults_of_a_deep_call = |touched: bool| {
            let thread = std::thread::spawn(move || {
                if touched {
                    stack();
                }
                let before = Usage::of_this_thread();
                core::hint::black_box(deep(100));
                Usage::of_this_thread().since(&before).minor_faults
            });
            thread.join().unwrap()
        };
        assert!(faults_of_a_deep_call(false) > 0, "else this shows nothing");
        assert_eq!(faults_of_a_deep_call(true), 0);
    }

    #[test]
    fn memory_that_was_never_touched_takes_no_fault() {
        let faults_of_filling = |prefaulted: bool| {
            let mut zeros = vec![0_u8; 8 << 20];
            if prefaulted {
                process().unwrap();
            }
            let before = Usage::of_this_thread();
            for page in zeros.chunks_mut(PAGE_BYTES) {
                page[0] = 1;
                core::hint::black_box(page);
            }
            Usage::of_this_thread().since(&before).minor_faults
        };
        assert!(faults_of_filling(false) > 0, "else this shows nothing");
        assert_eq!(faults_of_filling(true), 0);
    }

    #[test]
    fn only_what_is_private_is_brought_in() {
        let of = |line| private(line).map(|(range, advice)| (range.start, range.end, advice));
        let (read, write) = (Advice::LinuxPopulateRead, Advice::LinuxPopulateWrite);
        for (line, expected) in [
            ("1000-3000 r-xp 00000000 fe:00 12 /usr/bin/x", read),
            ("1000-3000 r--p 00000000 fe:00 12 /usr/lib/a b.so", read),
            ("1000-3000 rw-p 00000000 fe:00 12 /usr/bin/x", write),
            ("1000-3000 rw-p 00000000 00:00 0 [heap]", write),
            ("1000-3000 rw-p 00000000 00:00 0", write),
        ] {
            assert_eq!(of(line), Some((0x1000, 0x3000, expected)), "{line}");
        }
        for other in [
            "1000-3000 rw-s 00000000 fe:00 12 /dev/shm/x",
            "1000-3000 ---p 00000000 fe:00 12 /usr/bin/x",
            "1000-3000 r-xp 00000000 00:00 0 [vdso]",
            "1000 rw-p",
            "",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
