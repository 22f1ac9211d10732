//! The way of the reports: Pinrail's ring, one line a report.

use core::cell::UnsafeCell;

use pinrail_ring::{Class, Consumer, Producer, heap};
use pinrail_types::{Commit, Flags, Frame, RecordType};

use crate::abi::{ReportKind, Transport};

/// Reports that the ring holds: as many as the interface asks for.
const LINES: usize = 1 << 20;

/// The commit word of a report, whose flags are its kind.
const fn commit(kind: u8) -> u32 {
    Commit {
        lines: 1,
        version: 0,
        flags: Flags(kind),
        record_type: RecordType(0x7000),
    }
    .pack()
}

/// `me_report_t`, but that a commit word stands where its type and side do: these are in it and behind it.
pub(crate) struct Line([u64; 8]);

impl Line {
    #[inline]
    pub(crate) const fn new(kind: ReportKind, side: u8, seq: u64, order_id: u64, px: i64, qty: u32) -> Line {
        let first = commit(kind as u8) as u64 | (side as u64) << 32;
        Line([first, seq, order_id, px.cast_unsigned(), qty as u64, 0, 0, 0])
    }

    /// `me_report_t` as it is.
    #[inline]
    pub(crate) const fn report(&self) -> [u64; 8] {
        let mut words = self.0;
        let kind = Commit::unpack(words[0] as u32).flags.0;
        words[0] = kind as u64 | (words[0] >> 32) << 8;
        words
    }

    #[inline]
    pub(crate) const fn between(mut self, maker: u64, taker: u64) -> Line {
        self.0[5] = maker;
        self.0[6] = taker;
        self
    }
}

/// Reports that become visible together: so the lines that the drainer waits at are not the ones that are written.
const STAGED: usize = 32;

/// The end that is pushed into.
struct Tail {
    producer: Producer,
    staged: [[u64; 8]; STAGED],
    len: usize,
}

impl Tail {
    #[inline]
    fn stage(&mut self, line: &[u64; 8]) {
        self.staged[self.len] = *line;
        self.len += 1;
        if self.len == STAGED {
            self.publish();
        }
    }

    /// Waits while there is no room.
    #[inline(never)]
    fn publish(&mut self) {
        let mut batch = self.producer.batch();
        let mut staged = self.staged[..self.len].iter();
        let mut next = staged.next();
        while let Some(line) = next {
            if batch.try_push(line, Class::Reserved).is_ok() {
                next = staged.next();
                continue;
            }
            batch.publish();
            core::hint::spin_loop();
            batch = self.producer.batch();
        }
        batch.publish();
        self.len = 0;
    }
}

/// The two ends of a ring. One thread pushes, another drains.
pub struct Queue {
    tail: UnsafeCell<Tail>,
    head: UnsafeCell<(Consumer, Frame)>,
}

#[cfg(not(feature = "harness-queue"))]
impl Queue {
    /// # Safety
    /// The queue lives, and no other thread pushes.
    #[inline]
    pub(crate) unsafe fn push(queue: *const Queue, line: &Line) {
        // SAFETY: this end is the caller's alone.
        let tail = unsafe { &mut *(*queue).tail.get() };
        tail.stage(&line.0);
    }
}

pub(crate) static TRANSPORT: Transport = Transport {
    create,
    push,
    drain,
    flush,
    destroy,
};

unsafe extern "C" fn create(_capacity: u32) -> *mut Queue {
    let Ok((mut producer, mut consumer)) = heap(LINES) else {
        return core::ptr::null_mut();
    };
    // Once round, so that no page is touched for the first time later.
    let mut frame = Frame::default();
    for _ in 0..LINES {
        let line = Line::new(ReportKind::OrderAck, 0, 0, 0, 0, 0);
        if producer.try_push(&line.0, Class::Reserved).is_err() || consumer.poll(&mut frame) != Ok(true) {
            return core::ptr::null_mut();
        }
        consumer.release();
    }
    let tail = Tail {
        producer,
        staged: [[0; 8]; STAGED],
        len: 0,
    };
    Box::into_raw(Box::new(Queue {
        tail: UnsafeCell::new(tail),
        head: UnsafeCell::new((consumer, frame)),
    }))
}

unsafe extern "C" fn push(queue: *mut Queue, report: *const [u64; 8]) -> i32 {
    // SAFETY: the interface hands over a report, and pushes from one thread.
    let (tail, mut line) = unsafe { (&mut *(*queue).tail.get(), *report) };
    let [kind, side, ..] = line[0].to_le_bytes();
    line[0] = u64::from(commit(kind)) | u64::from(side) << 32;
    tail.stage(&line);
    1
}

unsafe extern "C" fn drain(queue: *mut Queue, out: *mut [u64; 8], max: u32) -> u32 {
    // SAFETY: the interface drains from one thread, and gives room for `max` reports.
    let (end, out) = unsafe {
        (
            &mut *(*queue).head.get(),
            core::slice::from_raw_parts_mut(out, max as usize),
        )
    };
    let (consumer, frame) = end;
    let mut drained = 0;
    while drained < out.len() && consumer.poll(frame) == Ok(true) {
        let line = &mut out[drained];
        line.copy_from_slice(&frame.words()[..8]);
        *line = Line(*line).report();
        drained += 1;
    }
    if drained > 0 {
        consumer.release();
    }
    drained as u32
}

unsafe extern "C" fn flush(queue: *mut Queue) {
    // SAFETY: called by the thread that pushes.
    unsafe { &mut *(*queue).tail.get() }.publish();
}

unsafe extern "C" fn destroy(queue: *mut Queue) {
    // SAFETY: made by `create`, and used no more.
    drop(unsafe { Box::from_raw(queue) });
}
