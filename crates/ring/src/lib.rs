//! Single-producer single-consumer ring of records, on the heap or in shared memory, with one code for both.
//!
//! The consumer polls the commit word of the next record *in its slot*, so that one cache line moves between the
//! cores for a record of one line. The producer zeroes the commit word behind a record before it publishes the
//! record; a batch becomes visible through its first commit word, which is written last. No record wraps round the end: padding
//! fills what is left there. The last quarter is headroom that only [`Class::Reserved`] may enter.
//!
//! *Architecture invariant:* nothing here waits. Who finds the ring full or empty decides what to do.
//!
//! *Architecture invariant:* memory that another process can write is only ever read as atomic words, and what was
//! checked is what is handed on: the private copy, never the memory itself.
//!
//! ```
//! use pinrail_ring::{Class, heap};
//! use pinrail_types::record::Tick;
//! use pinrail_types::{Cause, Frame, SourceId};
//!
//! let (mut producer, mut consumer) = heap(64)?;
//! let mut tick = Frame::of(&<Tick as bytemuck::Zeroable>::zeroed());
//! tick.header_mut().cause = Cause::input(SourceId(1), 1);
//! producer.try_push(tick.words(), Class::Normal)?;
//!
//! let mut frame = Frame::default();
//! assert!(consumer.poll(&mut frame)?);
//! assert!(frame.get::<Tick>().is_some());
//! assert!(!consumer.poll(&mut frame)?);
//! consumer.release();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod consumer;
mod error;
mod memory;
mod producer;
mod resume;
#[cfg(not(loom))]
mod shared;

pub use consumer::{Consumer, Corrupt};
pub use error::RingError;
pub use producer::{Batch, Class, Full, Producer};
#[cfg(not(loom))]
pub use shared::{attach_consumer, attach_producer, create};

use memory::{CAPACITY_MAX, CAPACITY_MIN, Memory};
use resume::End;

/// A ring of `lines` lines on the heap.
///
/// # Errors
/// [`RingError::Capacity`] if `lines` is no power of two, below 64 or above 2^26.
pub fn heap(lines: usize) -> Result<(Producer, Consumer), RingError> {
    check_capacity(lines as u64)?;
    let (for_producer, for_consumer) = Memory::heap(lines);
    Ok((
        Producer::new(
            for_producer,
            End {
                tail: 0,
                last_cause: 0,
            },
            None,
        ),
        Consumer::new(for_consumer, None),
    ))
}

fn check_capacity(lines: u64) -> Result<(), RingError> {
    if lines.is_power_of_two() && (CAPACITY_MIN as u64..=CAPACITY_MAX as u64).contains(&lines) {
        Ok(())
    } else {
        Err(RingError::Capacity { lines })
    }
}
