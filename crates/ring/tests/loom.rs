//! Every interleaving of a small ring: `RUSTFLAGS="--cfg loom" cargo test -p pinrail-ring --release --test loom`.
#![cfg(loom)]

use loom::thread;
use pinrail_ring::{Class, Consumer, Full, Producer, heap};
use pinrail_types::{Cause, Commit, Flags, Frame, LINE_WORDS, RecordType, SourceId};

/// Lines in the ring: padding, a full ring and a second lap come after a few records.
const CAPACITY: usize = 4;

/// Explores every interleaving of the two, without a bound on preemptions.
fn model(produce: fn(Producer), consume: fn(Consumer)) {
    loom::model(move || {
        let (producer, consumer) = heap(CAPACITY).unwrap();
        let thread = thread::spawn(move || produce(producer));
        consume(consumer);
        thread.join().unwrap();
    });
}

/// A record whose words all follow from its sequence.
fn words(seq: u64, lines: usize) -> Vec<u64> {
    let commit = Commit {
        lines: lines as u8,
        version: 0,
        flags: Flags::NONE,
        record_type: RecordType(0x8000),
    };
    let mut words = vec![seq; lines * LINE_WORDS];
    words[0] = u64::from(commit.pack());
    words[3] = Cause::input(SourceId(1), seq);
    words
}

fn push(producer: &mut Producer, seq: u64, lines: usize) {
    while producer.try_push(&words(seq, lines), Class::Reserved) == Err(Full) {
        thread::yield_now();
    }
}

/// Takes a record if there is one, and checks every word of it.
fn take(consumer: &mut Consumer, seq: u64, lines: usize) -> bool {
    let mut frame = Frame::default();
    if !consumer.poll(&mut frame).unwrap() {
        return false;
    }
    assert_eq!(frame.words(), words(seq, lines));
    true
}

fn wait_for(consumer: &mut Consumer, seq: u64, lines: usize) {
    while !take(consumer, seq, lines) {
        thread::yield_now();
    }
}

#[test]
fn a_record_is_seen_whole_or_not_at_all() {
    model(
        |mut producer| push(&mut producer, 1, 2),
        |mut consumer| {
            wait_for(&mut consumer, 1, 2);
            assert!(!take(&mut consumer, 2, 1));
        },
    );
}

#[test]
fn records_come_in_order_and_nothing_behind_them() {
    model(
        |mut producer| (1..=2).for_each(|seq| push(&mut producer, seq, 1)),
        |mut consumer| {
            (1..=2).for_each(|seq| wait_for(&mut consumer, seq, 1));
            assert!(!take(&mut consumer, 3, 1));
        },
    );
}

#[test]
fn a_batch_is_seen_whole_or_not_at_all() {
    model(
        |mut producer| {
            let mut batch = producer.batch();
            batch.try_push(&words(1, 1), Class::Reserved).unwrap();
            batch.try_push(&words(2, 1), Class::Reserved).unwrap();
            batch.publish();
        },
        |mut consumer| {
            wait_for(&mut consumer, 1, 1);
            assert!(take(&mut consumer, 2, 1), "the rest of the batch is there too");
            assert!(!take(&mut consumer, 3, 1));
        },
    );
}

#[test]
fn a_dropped_batch_never_was_there() {
    model(
        |mut producer| {
            let mut batch = producer.batch();
            batch.try_push(&words(7, 1), Class::Reserved).unwrap();
            batch.try_push(&words(8, 1), Class::Reserved).unwrap();
            drop(batch);
            push(&mut producer, 1, 1);
        },
        |mut consumer| {
            wait_for(&mut consumer, 1, 1);
            assert!(!take(&mut consumer, 2, 1));
        },
    );
}

#[test]
fn a_full_ring_is_written_over_only_where_released() {
    model(
        |mut producer| {
            for (seq, lines) in [(1, 2), (2, 2), (3, 1)] {
                push(&mut producer, seq, lines);
            }
        },
        |mut consumer| {
            for (seq, lines) in [(1, 2), (2, 2), (3, 1)] {
                wait_for(&mut consumer, seq, lines);
                consumer.release();
            }
        },
    );
}

#[test]
fn padding_is_skipped_at_the_end_of_the_ring() {
    model(
        |mut producer| {
            push(&mut producer, 1, 1);
            push(&mut producer, 2, 2);
            // One line is left at the end: two do not fit it.
            push(&mut producer, 3, 2);
        },
        |mut consumer| {
            for (seq, lines) in [(1, 1), (2, 2), (3, 2)] {
                wait_for(&mut consumer, seq, lines);
                consumer.release();
            }
        },
    );
}

#[test]
fn a_release_of_a_batch_gives_all_its_room_back() {
    model(
        |mut producer| (1..=3).for_each(|seq| push(&mut producer, seq, [1, 2, 1][seq as usize - 1])),
        |mut consumer| {
            wait_for(&mut consumer, 1, 1);
            wait_for(&mut consumer, 2, 2);
            consumer.release();
            wait_for(&mut consumer, 3, 1);
        },
    );
}

/// A process that is killed at some moment leaves what another thread could have seen at that moment.
#[test]
fn whenever_a_producer_is_killed_the_next_resumes_behind_its_last_record() {
    model(
        |mut producer| {
            push(&mut producer, 1, 1);
            let mut batch = producer.batch();
            batch.try_push(&words(2, 1), Class::Reserved).unwrap();
            batch.try_push(&words(3, 1), Class::Reserved).unwrap();
            batch.publish();
        },
        |mut consumer| {
            let (tail, last_cause) = consumer.resume_point();
            let (_, seq) = Cause::source(last_cause);
            assert!([(0, 0), (1, 1), (3, 3)].contains(&(tail, seq)), "{tail} {seq}");
            for seq in 1..=seq {
                assert!(take(&mut consumer, seq, 1), "{seq} is published");
            }
        },
    );
}
