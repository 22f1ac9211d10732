//! The ring in lockstep with a queue that has no memory layout.
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::VecDeque;
use std::path::PathBuf;

use common::record;
use pinrail_ring::{Class, Consumer, Full, Producer, attach_consumer, attach_producer, create, heap};
use pinrail_types::{Cause, Frame, SourceId};
use proptest::prelude::*;

const CAPACITY: u64 = 64;

#[derive(Clone, Debug)]
enum Op {
    Push(usize, Class),
    Batch {
        lines: Vec<usize>,
        class: Class,
        publish: bool,
    },
    Poll(usize),
    Release,
    ReattachProducer,
    ReattachConsumer,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let lines = 1..=4_usize;
    let class = || prop_oneof![Just(Class::Normal), Just(Class::Reserved)];
    let op = prop_oneof![
        4 => (lines.clone(), class()).prop_map(|(lines, class)| Op::Push(lines, class)),
        2 => (prop::collection::vec(lines, 0..30), class(), any::<bool>())
            .prop_map(|(lines, class, publish)| Op::Batch { lines, class, publish }),
        3 => (0..25_usize).prop_map(Op::Poll),
        2 => Just(Op::Release),
        1 => Just(Op::ReattachProducer),
        1 => Just(Op::ReattachConsumer),
    ];
    prop::collection::vec(op, 1..if cfg!(miri) { 30 } else { 200 })
}

/// A ring, and what it should hold.
struct Pair {
    /// Of a ring in a file.
    path: Option<PathBuf>,
    producer: Option<Producer>,
    consumer: Option<Consumer>,
    /// Published and not released: sequence, lines, and the position behind it.
    queue: VecDeque<(u64, usize, u64)>,
    /// How many of these were polled.
    polled: usize,
    tail: u64,
    head: u64,
    /// Sequence of the last published record.
    seq: u64,
}

impl Pair {
    fn new(producer: Producer, consumer: Consumer, path: Option<PathBuf>) -> Pair {
        Pair {
            path,
            producer: Some(producer),
            consumer: Some(consumer),
            queue: VecDeque::new(),
            polled: 0,
            tail: 0,
            head: 0,
            seq: 0,
        }
    }

    /// Where a record would end that goes to `position`, if there is room.
    fn fit(&self, position: u64, lines: usize, class: Class) -> Result<u64, Full> {
        let lines = lines as u64;
        let left = CAPACITY - position % CAPACITY;
        let end = position + lines + if lines > left { left } else { 0 };
        let allowed = match class {
            Class::Normal => CAPACITY * 3 / 4,
            Class::Reserved => CAPACITY - 1,
        };
        if end - self.head <= allowed {
            Ok(end)
        } else {
            Err(Full)
        }
    }

    fn published(&mut self, records: Vec<(u64, usize, u64)>) {
        if let Some(&(seq, _, end)) = records.last() {
            (self.seq, self.tail) = (seq, end);
        }
        self.queue.extend(records);
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Push(lines, class) => {
                let expected = self.fit(self.tail, lines, class);
                let words = record(self.seq + 1, lines);
                let pushed = self.producer().try_push(&words, class);
                assert_eq!(pushed, expected.map(|_| ()));
                self.published(
                    expected
                        .into_iter()
                        .map(|end| (self.seq + 1, lines, end))
                        .collect(),
                );
            }
            Op::Batch {
                lines,
                class,
                publish,
            } => self.batch(&lines, class, publish),
            Op::Poll(times) => {
                for _ in 0..times {
                    self.poll();
                }
            }
            Op::Release => {
                self.consumer().release();
                if let Some(&(_, _, end)) = self.polled.checked_sub(1).and_then(|last| self.queue.get(last)) {
                    self.head = end;
                }
                self.queue.drain(..self.polled);
                self.polled = 0;
            }
            Op::ReattachProducer => {
                if let Some(path) = &self.path {
                    self.producer = None;
                    self.producer = Some(attach_producer(path).unwrap());
                }
            }
            Op::ReattachConsumer => {
                if let Some(path) = &self.path {
                    self.consumer = None;
                    self.consumer = Some(attach_consumer(path).unwrap());
                    self.polled = 0;
                }
            }
        }
        let cause = (self.seq > 0).then(|| Cause::input(SourceId(1), self.seq));
        assert_eq!(self.producer().last_cause(), cause);
        assert_eq!(self.producer().position(), self.tail);
        let used = self.tail - self.head;
        assert_eq!(
            self.producer().free_lines(Class::Normal),
            (CAPACITY * 3 / 4).saturating_sub(used)
        );
        assert_eq!(self.producer().free_lines(Class::Reserved), CAPACITY - 1 - used);
    }

    fn batch(&mut self, lines: &[usize], class: Class, publish: bool) {
        let mut producer = self.producer.take().expect("put back below");
        let mut batch = producer.batch();
        let (mut seq, mut end) = (self.seq, self.tail);
        let mut records = Vec::new();
        for &lines in lines {
            let expected = self.fit(end, lines, class);
            assert_eq!(
                batch.try_push(&record(seq + 1, lines), class),
                expected.map(|_| ())
            );
            if let Ok(behind) = expected {
                (seq, end) = (seq + 1, behind);
                records.push((seq, lines, end));
            }
        }
        let frame = &mut Frame::default();
        if self.polled == self.queue.len() {
            assert!(
                !self.consumer().poll(frame).unwrap(),
                "seen before it was published"
            );
        }
        if publish {
            batch.publish();
            self.published(records);
        }
        self.producer = Some(producer);
    }

    fn poll(&mut self) {
        let mut ahead = [Frame::default(); 5];
        let found = self.consumer().peek(&mut ahead);
        let waiting: Vec<_> = self.queue.iter().skip(self.polled).take(ahead.len()).collect();
        assert_eq!(found, waiting.len());
        for (frame, (seq, lines, _)) in ahead.iter().zip(waiting) {
            assert_eq!(frame.words(), record(*seq, *lines));
        }
        let mut frame = Frame::default();
        let got = self.consumer().poll(&mut frame).unwrap();
        match self.queue.get(self.polled) {
            None => assert!(!got),
            Some(&(seq, lines, end)) => {
                assert!(got);
                assert_eq!(frame.words(), record(seq, lines));
                assert_eq!(self.consumer().position(), end);
                self.polled += 1;
            }
        }
    }

    fn producer(&mut self) -> &mut Producer {
        self.producer.as_mut().expect("attached")
    }

    fn consumer(&mut self) -> &mut Consumer {
        self.consumer.as_mut().expect("attached")
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases: if cfg!(miri) { 5 } else { cases },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn a_ring_on_the_heap_is_a_queue(ops in ops()) {
        let (producer, consumer) = heap(CAPACITY as usize).unwrap();
        let mut pair = Pair::new(producer, consumer, None);
        for op in ops {
            pair.apply(op);
        }
    }
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    #[cfg_attr(miri, ignore = "Miri maps no files")]
    fn a_ring_in_a_file_is_a_queue_that_outlives_its_ends(ops in ops()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ring");
        let consumer = create(&path, CAPACITY as usize).unwrap();
        let mut pair = Pair::new(attach_producer(&path).unwrap(), consumer, Some(path));
        for op in ops {
            pair.apply(op);
        }
    }
}

#[test]
fn two_threads_see_every_record_once_and_in_order() {
    const RECORDS: u64 = if cfg!(miri) { 150 } else { 200_000 };
    let (mut producer, mut consumer) = heap(CAPACITY as usize).unwrap();
    let lines = |seq: u64| (seq % 7 % 4) as usize + 1;
    let thread = std::thread::spawn(move || {
        for seq in 1..=RECORDS {
            while producer
                .try_push(&record(seq, lines(seq)), Class::Normal)
                .is_err()
            {
                std::thread::yield_now();
            }
        }
    });
    let mut frame = Frame::default();
    for seq in 1..=RECORDS {
        while !consumer.poll(&mut frame).unwrap() {
            consumer.release();
            std::thread::yield_now();
        }
        assert_eq!(frame.words(), record(seq, lines(seq)));
    }
    thread.join().unwrap();
}

#[test]
fn only_whole_records_are_taken() {
    let (mut producer, _consumer) = heap(CAPACITY as usize).unwrap();
    let mut push = |words: &[u64]| {
        let push = || producer.try_push(words, Class::Normal);
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(push)).is_err()
    };
    assert!(push(&[]));
    assert!(push(&record(1, 2)[..8]));
    assert!(push(&record(1, 1)[..7]));
    assert!(push(&[0; 8]));
    assert!(push(&[5; 40]));
    assert!(push(&[0x0001_0001, 0, 0, 0, 0, 0, 0, 0]), "padding");
    assert!(!push(&record(1, 4)));
}

#[test]
fn watermarks_do_not_count_as_a_last_cause() {
    let (mut producer, _consumer) = heap(CAPACITY as usize).unwrap();
    assert_eq!(producer.last_cause(), None);
    producer.try_push(&record(1, 1), Class::Normal).unwrap();
    let mut watermark = record(0, 1);
    watermark[0] = 0x0004_0001;
    producer.try_push(&watermark, Class::Normal).unwrap();
    assert_eq!(producer.last_cause(), Some(Cause::input(SourceId(1), 1)));
}

#[test]
fn a_capacity_must_be_a_power_of_two() {
    for lines in [0, 1, 32, 63, 65, 96, (1 << 26) + 1, 1 << 27, usize::MAX] {
        let error = heap(lines).err().expect("no such ring").to_string();
        assert!(error.contains(&format!("{lines} lines")), "{error}");
    }
}
