//! Plays recordings of one venue into a ring, each record when it is due.

use std::path::PathBuf;

use pinrail_ring::{Class, Producer};
use pinrail_types::record::BookUpdate;
use pinrail_types::{Cause, Flags, Frame, Record, SourceId};

use crate::capture::Reader;
use crate::error::FeedError;
use crate::listing::Listing;
use crate::session::{Counts, Session};

/// Lines read in one [`Playback::do_work`] at most.
const LINES_PER_WORK: usize = 32;

/// Lines of padding that a ring may put in front of a batch.
const PADDING_LINES_MAX: u64 = 3;

/// Turns wall-clock time into recorded time at a fixed multiple of the recorded speed.
///
/// Playbacks that run side by side share one, so that they stay in step.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Recorded time at the start, ns: the earliest [`Playback::next_due`] of all.
    pub recorded_start: u64,
    /// Wall-clock time at the start, ns on any clock.
    pub now_start: u64,
    /// How many times faster than recorded; at least 1.
    pub times: u32,
}

impl Pace {
    /// The recorded time that is reached at `now`, for [`Playback::do_work`]. Flat out it is `u64::MAX`.
    pub fn due_until(&self, now: u64) -> u64 {
        let passed = now.saturating_sub(self.now_start);
        self.recorded_start
            .saturating_add(passed.saturating_mul(u64::from(self.times)))
    }
}

/// A recording and what it is a recording of.
#[derive(Clone, Debug)]
pub struct Recording {
    /// The capture.
    pub path: PathBuf,
    /// What it holds.
    pub listing: Listing,
}

/// One recording on its way.
#[derive(Debug)]
struct Lane {
    reader: Reader,
    session: Session,
    /// Whether the reader shows a line that was not taken yet.
    more: bool,
}

impl Lane {
    fn open(recording: &Recording) -> Result<Lane, FeedError> {
        let mut reader = Reader::open(&recording.path)?;
        let more = reader.advance()?;
        Ok(Lane {
            reader,
            session: Session::new(recording.listing.clone()),
            more,
        })
    }
}

/// Plays the recordings of one venue, merged by receive time, as one source of inputs. An agent for an I/O thread.
///
/// Each record's core time is the receive time of the line that made it due, and its source sequence counts from 1, so
/// the records are the same however fast they are pushed. While the next record is not due yet, and at the end, a
/// watermark tells the core how far it may go on without this source. Nothing is dropped: where the ring is full,
/// the playback waits.
pub struct Playback {
    producer: Producer,
    source: SourceId,
    lanes: Vec<Lane>,
    /// Records of the line taken last; those before `pushed` are in the ring.
    pending: Vec<Frame>,
    pushed: usize,
    source_seq: u64,
    /// Records up to this source sequence are made but not pushed: the core has them.
    resume_after: u64,
    /// The latest watermark in the ring.
    promised: u64,
    /// Why no line can be taken any more, to be told once what came before is in the ring.
    failure: Option<FeedError>,
    failed: bool,
}

impl Playback {
    /// Opens the recordings. Of two lines with the same receive time, the one from the recording that is named first
    /// goes first. Records up to `resume_after` are left out; zero leaves out none.
    ///
    /// # Errors
    /// [`FeedError`] if a capture can't be opened or its first line can't be read.
    pub fn open(
        source: SourceId,
        recordings: &[Recording],
        producer: Producer,
        resume_after: u64,
    ) -> Result<Playback, FeedError> {
        Ok(Playback {
            producer,
            source,
            lanes: recordings.iter().map(Lane::open).collect::<Result<_, _>>()?,
            pending: Vec::new(),
            pushed: 0,
            source_seq: 0,
            resume_after,
            promised: 0,
            failure: None,
            failed: false,
        })
    }

    /// When the next line is due, recorded time; `None` at the end.
    pub fn next_due(&self) -> Option<u64> {
        self.next_lane().map(|lane| self.lanes[lane].reader.ts_recv())
    }

    /// Whether everything is in the ring, the last watermark included.
    pub fn is_finished(&self) -> bool {
        self.promised == u64::MAX
    }

    /// What each recording has held so far, in the order of opening.
    pub fn counts(&self) -> impl Iterator<Item = Counts> + '_ {
        self.lanes.iter().map(|lane| lane.session.counts())
    }

    /// Pushes records that are due up to the recorded time `due_until` ([`Pace::due_until`]; `u64::MAX` plays flat
    /// out), a bounded number of lines at a time. Returns how many lines were read and records pushed; zero means that
    /// nothing is due, that the ring is full, or that all is done.
    ///
    /// # Errors
    /// [`FeedError`], once. The source is then over without its last watermark: no record and no promise follows,
    /// later calls do nothing, and whoever runs the core has to stop it.
    pub fn do_work(&mut self, due_until: u64) -> Result<usize, FeedError> {
        let mut work = 0;
        for _ in 0..LINES_PER_WORK {
            work += self.push_pending();
            if self.failed || self.pushed < self.pending.len() {
                break;
            }
            if let Some(failure) = self.failure.take() {
                self.failed = true;
                return Err(failure);
            }
            let Some(lane) = self.next_lane() else {
                work += self.promise(u64::MAX);
                break;
            };
            let due = self.lanes[lane].reader.ts_recv();
            if due > due_until {
                work += self.promise(due);
                break;
            }
            self.failure = self.take_line(lane).err();
            work += 1;
        }
        Ok(work)
    }

    /// The recording whose line is due first.
    fn next_lane(&self) -> Option<usize> {
        let due = self.lanes.iter().enumerate();
        due.filter(|(_, lane)| lane.more)
            .min_by_key(|(_, lane)| lane.reader.ts_recv())
            .map(|(i, _)| i)
    }

    /// Makes the records of the next line of a recording; they become the pending ones.
    fn take_line(&mut self, lane: usize) -> Result<(), FeedError> {
        self.pending.clear();
        self.pushed = 0;
        let Lane {
            reader,
            session,
            more,
        } = &mut self.lanes[lane];
        let due = reader.ts_recv();
        *more = false;
        session
            .take(due, reader.json(), &mut self.pending)
            .map_err(|refusal| reader.error(refusal))?;
        for frame in &mut self.pending {
            self.source_seq += 1;
            let header = frame.header_mut();
            header.ts_core = due;
            header.cause = Cause::input(self.source, self.source_seq);
        }
        let known = self
            .resume_after
            .saturating_sub(self.source_seq - self.pending.len() as u64);
        self.pushed = self.pending.len().min(known as usize);
        *more = reader.advance()?;
        Ok(())
    }

    /// Pushes what is pending, each update of a book as a whole where a ring can hold it. Returns how many records
    /// went in.
    fn push_pending(&mut self) -> usize {
        let before = self.pushed;
        while self.pushed < self.pending.len() {
            let rest = &self.pending[self.pushed..];
            let len = rest.iter().position(ends_batch).map_or(rest.len(), |i| i + 1);
            let lines: u64 = rest[..len].iter().map(|f| u64::from(f.commit().lines)).sum();
            let capacity = self.producer.capacity();
            let fits_empty_ring = lines + PADDING_LINES_MAX <= capacity - capacity / 4;

            let mut batch = self.producer.batch();
            let fitted = rest[..len]
                .iter()
                .take_while(|frame| batch.try_push(frame.words(), Class::Normal).is_ok())
                .count();
            if fitted == len || !fits_empty_ring {
                batch.publish();
                self.pushed += fitted;
            }
            if fitted < len {
                break;
            }
        }
        self.pushed - before
    }

    /// Promises that no record before `ts_core` follows. Returns how many records went in; a promise that finds no
    /// room is made again.
    fn promise(&mut self, ts_core: u64) -> usize {
        if ts_core <= self.promised {
            return 0;
        }
        let frame = Frame::watermark(self.source, ts_core);
        let pushed = self.producer.try_push(frame.words(), Class::Normal).is_ok();
        if pushed {
            self.promised = ts_core;
        }
        usize::from(pushed)
    }
}

/// Whether a record is the last of what has to be seen whole.
fn ends_batch(frame: &Frame) -> bool {
    frame.record_type() != BookUpdate::TYPE || frame.flags().has(Flags::LAST)
}

#[cfg(test)]
mod tests;
