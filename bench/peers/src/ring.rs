//! Rings: round trips between two cores, and one-way throughput.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;
use pinrail_ring::{Class, Consumer, Producer};
use pinrail_types::{Commit, Flags, Frame, RecordType};

use crate::Case;
use crate::pair::{Wrong, check, median_block, run_pair};

pub(crate) const CASES: &[Case] = &[
    Case {
        group: "round trip, 64 bytes",
        name: "bare atomics",
        measure: bare_round_trip,
    },
    Case {
        group: "round trip, 64 bytes",
        name: "pinrail-ring",
        measure: pinrail_round_trip::<8>,
    },
    Case {
        group: "round trip, 64 bytes",
        name: "rtrb",
        measure: rtrb_round_trip::<8>,
    },
    Case {
        group: "round trip, 128 bytes",
        name: "bare atomics",
        measure: bare_round_trip,
    },
    Case {
        group: "round trip, 128 bytes",
        name: "pinrail-ring",
        measure: pinrail_round_trip::<16>,
    },
    Case {
        group: "round trip, 128 bytes",
        name: "rtrb",
        measure: rtrb_round_trip::<16>,
    },
    Case {
        group: "one way, 64 bytes",
        name: "rtrb",
        measure: rtrb_one_way,
    },
    Case {
        group: "one way, 64 bytes",
        name: "pinrail-ring",
        measure: pinrail_one_way::<1>,
    },
    Case {
        group: "one way, 64 bytes",
        name: "pinrail-ring, batches of 16",
        measure: pinrail_one_way::<16>,
    },
];

/// Slots of every ring, in messages of 64 bytes.
const CAPACITY: usize = 1024;
const ROUND_TRIP_BLOCKS: u64 = 800;
const ROUND_TRIPS: u64 = 500;
const ONE_WAY_BLOCKS: u64 = 800;
const ONE_WAY_MESSAGES: u64 = 4096;

/// Two words on lines of their own: the least that a round trip can cost.
fn bare_round_trip() -> Result<f64, Wrong> {
    let there = CachePadded::new(AtomicU64::new(0));
    let back = CachePadded::new(AtomicU64::new(0));
    let wait = |word: &AtomicU64, number| {
        while word.load(Ordering::Acquire) != number {
            spin_loop();
        }
    };
    run_pair(
        || {
            median_block(ROUND_TRIP_BLOCKS, ROUND_TRIPS, |number| {
                there.store(number, Ordering::Release);
                wait(&back, number);
                Ok(())
            })
        },
        || {
            for number in 1..=ROUND_TRIP_BLOCKS * ROUND_TRIPS {
                wait(&there, number);
                back.store(number, Ordering::Release);
            }
            Ok(())
        },
    )
}

fn pinrail_round_trip<const WORDS: usize>() -> Result<f64, Wrong> {
    let (mut there, mut arrived) = heap();
    let (mut back, mut returned) = heap();
    let mut frame = Frame::default();
    run_pair(
        move || {
            let mut frame = Frame::default();
            median_block(ROUND_TRIP_BLOCKS, ROUND_TRIPS, |number| {
                push(&mut there, &record::<WORDS>(number));
                receive(&mut returned, &mut frame);
                check_words(&frame.buffer_mut()[1..WORDS], number)
            })
        },
        move || {
            for number in 1..=ROUND_TRIP_BLOCKS * ROUND_TRIPS {
                receive(&mut arrived, &mut frame);
                check_words(&frame.buffer_mut()[1..WORDS], number)?;
                push(&mut back, &record::<WORDS>(number));
            }
            Ok(())
        },
    )
}

fn rtrb_round_trip<const WORDS: usize>() -> Result<f64, Wrong> {
    let (mut there, mut arrived) = rtrb::RingBuffer::<[u64; WORDS]>::new(CAPACITY);
    let (mut back, mut returned) = rtrb::RingBuffer::<[u64; WORDS]>::new(CAPACITY);
    run_pair(
        move || {
            median_block(ROUND_TRIP_BLOCKS, ROUND_TRIPS, |number| {
                rtrb_push(&mut there, record::<WORDS>(number));
                check_words(&rtrb_pop(&mut returned)[1..], number)
            })
        },
        move || {
            for number in 1..=ROUND_TRIP_BLOCKS * ROUND_TRIPS {
                check_words(&rtrb_pop(&mut arrived)[1..], number)?;
                rtrb_push(&mut back, record::<WORDS>(number));
            }
            Ok(())
        },
    )
}

/// One way, published `BATCH` at a time; the consumer gives room back every 64 messages.
fn pinrail_one_way<const BATCH: usize>() -> Result<f64, Wrong> {
    let (mut producer, mut consumer) = heap();
    run_pair(
        move || {
            let mut frame = Frame::default();
            median_block(ONE_WAY_BLOCKS, ONE_WAY_MESSAGES, |number| {
                while !consumer.poll(&mut frame).expect("only records are pushed") {
                    consumer.release();
                    spin_loop();
                }
                if number.is_multiple_of(64) {
                    consumer.release();
                }
                check_words(&frame.buffer_mut()[1..8], number)
            })
        },
        move || {
            let messages = ONE_WAY_BLOCKS * ONE_WAY_MESSAGES;
            for first in (1..=messages).step_by(BATCH) {
                let mut batch = producer.batch();
                for number in (first..).take(BATCH) {
                    while batch.try_push(&record::<8>(number), Class::Reserved).is_err() {
                        spin_loop();
                    }
                }
                batch.publish();
            }
            Ok(())
        },
    )
}

fn rtrb_one_way() -> Result<f64, Wrong> {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<[u64; 8]>::new(CAPACITY);
    run_pair(
        move || {
            median_block(ONE_WAY_BLOCKS, ONE_WAY_MESSAGES, |number| {
                check_words(&rtrb_pop(&mut consumer)[1..], number)
            })
        },
        move || {
            for number in 1..=ONE_WAY_BLOCKS * ONE_WAY_MESSAGES {
                rtrb_push(&mut producer, record::<8>(number));
            }
            Ok(())
        },
    )
}

fn heap() -> (Producer, Consumer) {
    pinrail_ring::heap(CAPACITY).expect("the capacity is a power of two")
}

/// A message whose words all follow from its number.
fn record<const WORDS: usize>(number: u64) -> [u64; WORDS] {
    let commit = Commit {
        lines: u8::try_from(WORDS / 8).expect("a record has at most four lines"),
        version: 0,
        flags: Flags::NONE,
        record_type: RecordType(0x8000),
    };
    let mut words = [number; WORDS];
    words[0] = u64::from(commit.pack());
    words
}

/// Word by word, as a reader of a record would: wide loads of words just written one by one would stall.
fn check_words(words: &[u64], number: u64) -> Result<(), Wrong> {
    words.iter().try_for_each(|&word| check(word, number))
}

fn push(producer: &mut Producer, words: &[u64]) {
    while producer.try_push(words, Class::Normal).is_err() {
        spin_loop();
    }
}

fn receive(consumer: &mut Consumer, frame: &mut Frame) {
    while !consumer.poll(frame).expect("only records are pushed") {
        spin_loop();
    }
    consumer.release();
}

fn rtrb_push<T: Copy>(producer: &mut rtrb::Producer<T>, message: T) {
    while producer.push(message).is_err() {
        spin_loop();
    }
}

fn rtrb_pop<T>(consumer: &mut rtrb::Consumer<T>) -> T {
    loop {
        if let Ok(message) = consumer.pop() {
            return message;
        }
        spin_loop();
    }
}
