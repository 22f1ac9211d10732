//! A shared ring into which somebody writes arbitrary words while a consumer reads, comes again, and a producer goes on.
//!
//! Steps of [`STEP_BYTES`]: what is done, which line and which word of it, and a value.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use pinrail_ring::{Class, Consumer, Producer, attach_consumer, attach_producer, create};
use pinrail_types::record::Tick;
use pinrail_types::{Cause, Frame, RecordType, SourceId};

use super::{Input, Scratch};

pub(super) const STEP_BYTES: usize = 12;
const STEPS_MAX: usize = 400;
const CAPACITY: u64 = 64;
const LINE_BYTES: u64 = 64;
/// Lines before the first slot.
const HEADER_LINES: u64 = 64;

pub(super) fn run(data: &[u8]) {
    let scratch = Scratch::new();
    let path = scratch.path().join("ring");
    let mut ring = Ring {
        consumer: Some(create(&path, CAPACITY as usize).expect("room for a ring")),
        producer: None,
        file: OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .expect("the ring"),
        path,
        sent: 0,
    };
    let mut input = Input::new(data);
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        ring.step(&input.array());
    }
    for _ in 0..2 * CAPACITY {
        ring.poll();
    }
}

struct Ring {
    /// None while one is refused.
    consumer: Option<Consumer>,
    producer: Option<Producer>,
    file: File,
    path: PathBuf,
    sent: u64,
}

impl Ring {
    fn step(&mut self, step: &[u8; STEP_BYTES]) {
        let [kind, line, word, count, rest @ ..] = step;
        let value = u64::from_le_bytes(*rest);
        match kind % 8 {
            // A slot; its commit word most of all.
            0 | 1 => self.write(HEADER_LINES + u64::from(line % CAPACITY as u8), 0, value),
            2 => self.write(HEADER_LINES + u64::from(line % CAPACITY as u8), *word, value),
            // The header: positions, or what says that this is a ring.
            3 => self.write(u64::from(line % 8), *word, value),
            4 => (0..*count).for_each(|_| self.poll()),
            5 => {
                if let Some(consumer) = &mut self.consumer {
                    consumer.release();
                }
            }
            6 => {
                self.consumer = None;
                self.consumer = attach_consumer(&self.path).ok();
            }
            _ => self.send(*count),
        }
    }

    fn write(&self, line: u64, word: u8, value: u64) {
        let at = line * LINE_BYTES + u64::from(word % 8) * 8;
        self.file
            .write_all_at(&value.to_le_bytes(), at)
            .expect("a file that is there");
    }

    fn slot(&self, position: u64, lines: u64) -> Vec<u8> {
        let mut bytes = vec![0; (lines * LINE_BYTES) as usize];
        let at = (HEADER_LINES + position % CAPACITY) * LINE_BYTES;
        self.file
            .read_exact_at(&mut bytes, at)
            .expect("a file that is there");
        bytes
    }

    /// What is given is a whole record that stands in the ring; where none stands, the consumer stays.
    fn poll(&mut self) {
        let Some(mut consumer) = self.consumer.take() else {
            return;
        };
        let before = consumer.position();
        let mut frame = Frame::default();
        match consumer.poll(&mut frame) {
            Ok(true) => {
                let lines = u64::from(frame.commit().lines);
                assert!((1..=4).contains(&lines), "half a record");
                assert!(frame.record_type() != RecordType::PADDING, "padding is no record");
                let begins = consumer.position().wrapping_sub(lines);
                assert!(
                    begins.wrapping_sub(before) < 4,
                    "more than padding was passed over"
                );
                assert!(begins % CAPACITY + lines <= CAPACITY, "round the ring's end");
                assert!(
                    frame.bytes() == self.slot(begins, lines),
                    "other bytes than the ring's"
                );
            }
            Ok(false) => assert!(consumer.position().wrapping_sub(before) < 4),
            Err(corrupt) => {
                assert_eq!(corrupt.position, consumer.position());
                assert_eq!(consumer.poll(&mut frame), Err(corrupt), "it stays where it is");
            }
        }
        self.consumer = Some(consumer);
    }

    /// A producer comes, if one can find where to go on, and sends.
    fn send(&mut self, count: u8) {
        if count == 0 {
            self.producer = None;
            return;
        }
        if self.producer.is_none() {
            self.producer = attach_producer(&self.path).ok();
        }
        let Some(producer) = &mut self.producer else {
            return;
        };
        for n in 0..count % 80 {
            self.sent += 1;
            let mut tick = Frame::of(&<Tick as bytemuck::Zeroable>::zeroed());
            tick.header_mut().cause = Cause::input(SourceId(1), self.sent);
            let class = if n % 2 == 0 {
                Class::Normal
            } else {
                Class::Reserved
            };
            if producer.try_push(tick.words(), class).is_err() {
                return;
            }
        }
    }
}
