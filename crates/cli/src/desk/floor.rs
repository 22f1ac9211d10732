//! The floor of the machine: what a bare transfer between the two threads costs, in the same run. Like the core and the
//! producer, both spin without a pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pinrail_report::latency::{Recorder, Summary};
use pinrail_runtime::clock::Clock;
use serde::Serialize;

use crate::desk::rig::{RigError, join, place, spawn};

/// Round trips that are timed together.
const ROUND_TRIPS: u64 = 100_000;
/// Planned messages of the empty pipeline.
const MESSAGES: u64 = 2_000;
/// Time between two of them.
const INTERVAL_NS: u64 = 100_000;

/// What moving one cache line between the two processors costs, without any of Pinrail.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Floor {
    /// Half of a bare atomic round trip, mean of 100,000, in tenths of a nanosecond so that it stays an integer.
    pub(crate) half_round_trip_ns_x10: u64,
    /// From the planned time at the producer to the stamp at the consumer: one word, at 10,000 a second, nothing else.
    pub(crate) one_way: Summary,
}

/// Two measurements: a machine that is shared may be another one from second to second.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Floors {
    /// Right before the trading.
    pub(crate) before: Floor,
    /// Right behind it.
    pub(crate) after: Floor,
}

/// A word on a line of its own.
#[repr(align(128))]
#[derive(Default)]
struct Word(AtomicU64);

/// Measures between this thread's place `producer_cpu` and `core_cpu`.
pub(crate) fn measure(
    clock: &Clock,
    core_cpu: usize,
    producer_cpu: Option<usize>,
) -> Result<Floor, RigError> {
    let words = Arc::new([Word::default(), Word::default()]);
    let consumer = {
        let (words, clock) = (Arc::clone(&words), clock.clone());
        spawn("pinrail-floor", move || {
            place(Some(core_cpu));
            echo(&words);
            receive(&words[0].0, clock)
        })?
    };
    let (producer_words, mut producer_clock) = (Arc::clone(&words), clock.clone());
    let producer = spawn("pinrail-floor-tx", move || {
        place(producer_cpu);
        let start = producer_clock.now_ns();
        for n in 1..=ROUND_TRIPS {
            producer_words[0].0.store(n, Ordering::Release);
            while producer_words[1].0.load(Ordering::Acquire) != n {}
        }
        let spent = producer_clock.now_ns() - start;
        let mut planned = producer_clock.now_ns() + INTERVAL_NS;
        for _ in 0..MESSAGES {
            while producer_clock.now_ns() < planned {}
            producer_words[0].0.store(planned, Ordering::Release);
            planned += INTERVAL_NS;
        }
        while producer_clock.now_ns() < planned {}
        producer_words[0].0.store(u64::MAX, Ordering::Release);
        spent
    })?;
    let spent = join("pinrail-floor-tx", producer)?;
    let one_way = join("pinrail-floor", consumer)?.summary();
    Ok(Floor {
        half_round_trip_ns_x10: spent * 10 / ROUND_TRIPS / 2,
        one_way,
    })
}

fn echo(words: &[Word; 2]) {
    for n in 1..=ROUND_TRIPS {
        while words[0].0.load(Ordering::Acquire) != n {}
        words[1].0.store(n, Ordering::Release);
    }
}

/// Takes stamps until the last word. A message that was overwritten while this thread was off its processor is lost,
/// and the count tells.
fn receive(word: &AtomicU64, mut clock: Clock) -> Recorder {
    let mut recorder = Recorder::new();
    let mut last = ROUND_TRIPS;
    while last != u64::MAX {
        let planned = word.load(Ordering::Acquire);
        if planned == last {
            continue;
        }
        if planned != u64::MAX {
            recorder.record_ns(clock.now_ns().saturating_sub(planned));
        }
        last = planned;
    }
    recorder
}
