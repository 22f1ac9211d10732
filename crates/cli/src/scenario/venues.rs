//! The venues of a day: simulated as a whole, or recorded and taking simulated orders.

use std::collections::VecDeque;

use pinrail_ring::Consumer;
use pinrail_sim::{Exchange, FaultCounts, RecordedExchange};
use pinrail_types::record::Trade;
use pinrail_types::{Frame, SourceId};
use pinrail_venue::playback::Playback as Feed;

use crate::config::Config;
use crate::desk::playback;
use crate::desk::rig::RigError;
use crate::failure::Failure;

/// A venue.
pub(super) enum Venue {
    Simulated(Box<Exchange>),
    Recorded(Box<Recorded>),
}

impl Venue {
    /// When something is due next.
    pub(super) fn next_due(&self) -> u64 {
        match self {
            Venue::Simulated(exchange) => exchange.next_due(),
            Venue::Recorded(recorded) => recorded.next_due(),
        }
    }

    /// Does what is due next.
    pub(super) fn take(&mut self, market: &mut Vec<Frame>, reports: &mut Vec<Frame>) -> Result<(), Failure> {
        match self {
            Venue::Simulated(exchange) => {
                exchange.take(market, reports);
                Ok(())
            }
            Venue::Recorded(recorded) => recorded.take(market, reports),
        }
    }

    /// Shows an output of the desk.
    pub(super) fn on_output(&mut self, frame: &Frame) {
        match self {
            Venue::Simulated(exchange) => exchange.on_output(frame),
            Venue::Recorded(recorded) => recorded.exchange.on_output(frame),
        }
    }

    /// Whether nothing is left to be told of an order.
    pub(super) fn is_quiet(&self) -> bool {
        match self {
            Venue::Simulated(exchange) => exchange.is_quiet(),
            Venue::Recorded(recorded) => recorded.exchange.is_quiet(),
        }
    }

    /// The faults that it had so far.
    pub(super) fn faults(&self) -> FaultCounts {
        match self {
            Venue::Simulated(exchange) => exchange.faults(),
            Venue::Recorded(recorded) => recorded.exchange.faults(),
        }
    }
}

const SOURCE: SourceId = SourceId(1);
/// Not by anything that comes from outside: the ring is private to the feed.
const CORRUPT: RigError = RigError::SourceCorrupt { source_id: SOURCE.0 };

/// The recordings of a venue in order of time.
struct Records {
    feed: Feed,
    ring: Consumer,
    /// Not taken yet; empty only at the end.
    next: VecDeque<Frame>,
}

impl Records {
    /// The recordings of the venue at this place of the configuration.
    fn open(config: &Config, at: usize) -> Result<Records, Failure> {
        let (feed, ring) = playback::feed(config, &config.venues[at], SOURCE)?;
        let mut records = Records {
            feed,
            ring,
            next: VecDeque::new(),
        };
        records.fill()?;
        Ok(records)
    }

    fn fill(&mut self) -> Result<(), Failure> {
        let mut frame = Frame::default();
        while self.next.is_empty() && !self.feed.is_finished() {
            let until = self.feed.next_due().unwrap_or(u64::MAX);
            self.feed.do_work(until).map_err(RigError::from)?;
            while self.ring.poll(&mut frame).map_err(|_| CORRUPT)? {
                if frame.record_type().is_input() {
                    self.next.push_back(frame);
                }
            }
            self.ring.release();
        }
        Ok(())
    }

    fn next_due(&self) -> Option<u64> {
        self.next.front().map(|frame| frame.header().ts_core)
    }

    fn take(&mut self) -> Result<Option<Frame>, Failure> {
        let frame = self.next.pop_front();
        self.fill()?;
        Ok(frame)
    }
}

/// A venue that somebody recorded.
pub(super) struct Recorded {
    records: Records,
    exchange: RecordedExchange,
}

impl Recorded {
    /// The venue at this place of the configuration.
    pub(super) fn open(config: &Config, at: usize, exchange: RecordedExchange) -> Result<Recorded, Failure> {
        Ok(Recorded {
            records: Records::open(config, at)?,
            exchange,
        })
    }

    fn next_due(&self) -> u64 {
        let recorded = self.records.next_due().unwrap_or(u64::MAX);
        recorded.min(self.exchange.next_due())
    }

    /// Of what is due at one time, what was recorded goes first.
    fn take(&mut self, market: &mut Vec<Frame>, reports: &mut Vec<Frame>) -> Result<(), Failure> {
        let due = self.next_due();
        if self.records.next_due() == Some(due) {
            if let Some(frame) = self.records.take()? {
                self.exchange.on_market(&frame, due, market);
            }
        } else {
            self.exchange.take(market, reports);
        }
        Ok(())
    }
}

/// What recordings hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Survey {
    pub(super) first_ns: u64,
    pub(super) last_ns: u64,
    /// Trades of all venues.
    pub(super) trades: u64,
}

/// Reads all recordings of a configuration once.
pub(super) fn survey(config: &Config) -> Result<Survey, Failure> {
    let mut survey = Survey {
        first_ns: u64::MAX,
        last_ns: 0,
        trades: 0,
    };
    for at in 0..config.venues.len() {
        let mut records = Records::open(config, at)?;
        while let Some(frame) = records.take()? {
            let due = frame.header().ts_core;
            survey.first_ns = survey.first_ns.min(due);
            survey.last_ns = survey.last_ns.max(due);
            survey.trades += u64::from(frame.get::<Trade>().is_some());
        }
    }
    Ok(survey)
}
