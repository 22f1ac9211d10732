//! The demo's producer: one spinning thread that plays every source at its planned times.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytemuck::Zeroable;
use pinrail_journal::Reader;
use pinrail_ring::{Class, Consumer, Producer, RingError};
use pinrail_runtime::clock::Clock;
use pinrail_sim::{ClientCounts, ClientFlow, Exchange};
use pinrail_types::record::{QuoteRequest, QuoteRequestReject, VenueStatus, VenueStatusKind};
use pinrail_types::{Cause, Frame, Reason, SourceId, VenueId};
use serde::Serialize;

use crate::desk::rig::RigError;

/// With nothing due for this long, the producer gives its processor to the threads that share it.
const YIELD_NS: u64 = 50_000;
/// With less time than this to go, the producer does nothing but wait for the planned time.
const AIM_NS: u64 = 3_000;
/// The last part of that, in which it only looks at the clock.
const REST_NS: u64 = 400;
/// Lines in the ring of rehearsals.
const REHEARSAL_LINES: usize = 64;
/// Outputs shown to the clients in one go.
const OUTPUTS_PER_POLL: usize = 32;

/// What the producer could not send as planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct FeedCounts {
    /// Records of market data that found no room: a gap was marked instead.
    pub(crate) market_dropped: u64,
    /// Requests that found no room and were refused as busy.
    pub(crate) requests_busy: u64,
    /// Accepts and passes that had to wait for room.
    pub(crate) accepts_waited: u64,
    /// Messages that were pushed more than 1 ms after their planned time.
    pub(crate) late: u64,
}

/// The end of a ring that a source pushes into.
pub(crate) struct SourceRing {
    producer: Producer,
    source: SourceId,
    source_seq: u64,
}

impl SourceRing {
    /// The source goes on behind its last sequence.
    pub(crate) fn new(producer: Producer, (source, source_seq): (SourceId, u64)) -> SourceRing {
        SourceRing {
            producer,
            source,
            source_seq,
        }
    }

    fn number(&mut self, frames: &mut [Frame]) {
        for frame in frames {
            self.source_seq += 1;
            frame.header_mut().cause = Cause::input(self.source, self.source_seq);
        }
    }
}

/// A simulated venue and its rings: one for market data, one for what becomes of orders.
pub(crate) struct VenueFeed {
    market: SourceRing,
    reports: SourceRing,
    venue: VenueId,
    exchange: Exchange,
    /// Made already and not yet due, so that nothing is computed between the planned time and the push.
    next: Vec<Frame>,
    next_reports: Vec<Frame>,
    next_due: u64,
    gapped: Option<Frame>,
}

impl VenueFeed {
    /// Plays `exchange`.
    pub(crate) fn new(
        market: SourceRing,
        reports: SourceRing,
        venue: VenueId,
        exchange: Exchange,
    ) -> VenueFeed {
        let mut feed = VenueFeed {
            market,
            reports,
            venue,
            exchange,
            next: Vec::with_capacity(512),
            next_reports: Vec::with_capacity(64),
            next_due: 0,
            gapped: None,
        };
        feed.prepare();
        feed
    }

    /// Makes what is due next.
    fn prepare(&mut self) {
        self.next.clear();
        self.next_reports.clear();
        self.next_due = self.exchange.next_due();
        self.exchange.take(&mut self.next, &mut self.next_reports);
        self.market.number(&mut self.next);
        self.reports.number(&mut self.next_reports);
    }

    /// Whether nothing is left to be told of an order.
    fn is_quiet(&self) -> bool {
        self.next_reports.is_empty() && self.exchange.is_quiet()
    }

    /// Pushes what is due. Reports wait for room, until `is_over` says that it is in vain; of market data goes what finds room,
    /// and none at all once `is_closed`.
    fn push(&mut self, counts: &mut FeedCounts, is_closed: bool, mut is_over: impl FnMut() -> bool) {
        for frame in &self.next_reports {
            while self
                .reports
                .producer
                .try_push(frame.words(), Class::Reserved)
                .is_err()
                && !is_over()
            {
                std::thread::yield_now();
            }
        }
        if !is_closed {
            self.push_market(counts);
        }
        self.prepare();
    }

    fn push_market(&mut self, counts: &mut FeedCounts) {
        let producer = &mut self.market.producer;
        if let Some(mark) = self.gapped
            && producer.try_push(mark.words(), Class::Reserved).is_ok()
        {
            self.gapped = None;
        }
        let mut batch = producer.batch();
        let pushed = self
            .next
            .iter()
            .take_while(|frame| batch.try_push(frame.words(), Class::Normal).is_ok())
            .count();
        batch.publish();
        if pushed < self.next.len() {
            counts.market_dropped += (self.next.len() - pushed) as u64;
            // With the sequence of a record that was not sent: one that was would make the mark a duplicate.
            self.gapped = self.next.get(pushed).map(|cut| gap_mark(self.venue, cut));
        }
    }
}

/// The mark that stands for updates that were cut.
fn gap_mark(venue: VenueId, cut: &Frame) -> Frame {
    let mut mark = Frame::of(&VenueStatus {
        instrument: VenueStatus::ALL,
        venue,
        kind: VenueStatusKind::Gap.byte(),
        ..Zeroable::zeroed()
    });
    mark.header_mut().cause = cut.header().cause;
    mark
}

/// The simulated clients, their ring, and the journal in which they and the venues read what the desk said.
pub(crate) struct ClientFeed {
    ring: SourceRing,
    flow: ClientFlow,
    answers: Reader,
    next: Option<(u64, Frame)>,
    frame: Frame,
    rehearsal: (Producer, Consumer),
}

impl ClientFeed {
    /// Plays `flow`; its answers are read from `answers`.
    pub(crate) fn new(ring: SourceRing, flow: ClientFlow, answers: Reader) -> Result<ClientFeed, RingError> {
        Ok(ClientFeed {
            ring,
            flow,
            answers,
            next: None,
            frame: Frame::default(),
            rehearsal: pinrail_ring::heap(REHEARSAL_LINES)?,
        })
    }

    fn prepare(&mut self) {
        if self.next.is_none()
            && let Some(due) = self.flow.next_due()
        {
            let mut frame = self.flow.take();
            self.ring.number(std::slice::from_mut(&mut frame));
            self.next = Some((due, frame));
        }
    }

    /// Sends the next message to nobody until `until_ns`, so that caches and branch predictors know the way when it is
    /// due: a producer that sends once a millisecond is cold each time.
    fn rehearse(&mut self, clock: &mut Clock, until_ns: u64) {
        let Some((_, frame)) = &self.next else {
            return;
        };
        let (producer, consumer) = &mut self.rehearsal;
        while clock.now_ns() < until_ns {
            let sent = producer.try_push(frame.words(), Class::Normal);
            let taken = consumer.poll(&mut self.frame);
            debug_assert!(sent.is_ok() && taken == Ok(true));
            consumer.release();
        }
    }

    /// Pushes what is due. What must not be lost waits for room, until `is_over` says that it is in vain.
    fn push(&mut self, counts: &mut FeedCounts, mut is_over: impl FnMut() -> bool) {
        let Some((_, frame)) = &self.next else {
            return;
        };
        if let Some(request) = frame.get::<QuoteRequest>() {
            if self.ring.producer.try_push(frame.words(), Class::Normal).is_err() {
                counts.requests_busy += 1;
                self.flow.on_output(&busy(request));
            }
        } else {
            let mut waited = 0;
            while self
                .ring
                .producer
                .try_push(frame.words(), Class::Reserved)
                .is_err()
            {
                waited = 1;
                if is_over() {
                    break;
                }
                std::thread::yield_now();
            }
            counts.accepts_waited += waited;
        }
        self.next = None;
    }

    /// Shows clients and venues what came out; gives how many records were looked at.
    fn read_answers(&mut self, venues: &mut [VenueFeed]) -> Result<usize, RigError> {
        for n in 0..OUTPUTS_PER_POLL {
            if !self.answers.poll(&mut self.frame)? {
                return Ok(n);
            }
            if self.frame.record_type().is_output() {
                self.flow.on_output(&self.frame);
                for venue in &mut *venues {
                    venue.exchange.on_output(&self.frame);
                }
            }
        }
        Ok(OUTPUTS_PER_POLL)
    }
}

/// What a portal answers when its ring is full.
fn busy(request: &QuoteRequest) -> Frame {
    Frame::of(&QuoteRequestReject {
        quote_req_id: request.quote_req_id,
        client: request.client,
        instrument: request.instrument,
        qty: request.qty,
        reason: Reason::Busy.code(),
        session: request.session,
        side: request.side,
        ..Zeroable::zeroed()
    })
}

/// When it ends, ns since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// Venues show their books until then.
    pub(crate) market_until: u64,
    /// By then all quotes have ended, and it is over once venues have told what became of all orders.
    pub(crate) quiet_from: u64,
    /// It is over in any case.
    pub(crate) over_at: u64,
}

/// Plays everything until the end.
pub(crate) fn run(
    mut venues: Vec<VenueFeed>,
    mut clients: ClientFeed,
    mut clock: Clock,
    end: End,
    stop: &Arc<AtomicBool>,
) -> Result<(FeedCounts, ClientCounts), RigError> {
    let mut counts = FeedCounts::default();
    loop {
        clock.refresh();
        clients.prepare();
        let client_due = clients.next.as_ref().map_or(u64::MAX, |(due, _)| *due);
        let venue_due = venues
            .iter()
            .map(|venue| venue.next_due)
            .min()
            .unwrap_or(u64::MAX);
        let due = client_due.min(venue_due);
        let mut now = clock.now_ns();
        let is_quiet =
            now >= end.quiet_from && client_due == u64::MAX && venues.iter().all(VenueFeed::is_quiet);
        if now >= end.over_at || is_quiet || stop.load(Ordering::Acquire) {
            break;
        }
        if now < due {
            // Answers are read, or the processor given away, only where there is time for it.
            if due - now >= AIM_NS {
                if clients.read_answers(&mut venues)? == 0 && due - now > YIELD_NS {
                    std::thread::yield_now();
                }
                continue;
            }
            if client_due < venue_due {
                clients.rehearse(&mut clock, due - REST_NS);
            }
            while now < due {
                now = clock.now_ns();
            }
        }
        counts.late += u64::from(now - due > 1_000_000);
        let is_over = || stop.load(Ordering::Acquire) || clock.now_ns() >= end.over_at;
        match venues.iter_mut().min_by_key(|venue| venue.next_due) {
            Some(venue) if venue_due < client_due => {
                venue.push(&mut counts, now >= end.market_until, is_over);
            }
            _ => clients.push(&mut counts, is_over),
        }
    }
    while clients.read_answers(&mut venues)? > 0 {}
    Ok((counts, clients.flow.counts()))
}

#[cfg(test)]
mod tests {
    use pinrail_sim::{ExchangeConfig, ExecutionConfig, FaultConfig, paper};
    use pinrail_types::InstrumentId;

    use super::*;

    #[test]
    fn what_a_full_ring_cuts_in_the_middle_of_an_update_is_marked_behind_what_was_sent() {
        let venue = VenueId(0);
        let source = SourceId(1);
        let config = ExchangeConfig {
            execution: ExecutionConfig {
                venue,
                taker_fee_e8: 0,
                latency_ns_min: 1,
                latency_ns_mean: 0,
                balances: Vec::new(),
                balance_ns: u64::MAX,
                reports_before: 0,
                faults: FaultConfig::NONE,
            },
            listings: vec![paper::venue(venue, InstrumentId(0), 1)],
        };
        let exchange = Exchange::new(config, &[], 1, 1).unwrap();
        // Three quarters of it are for market data: twelve records of the first image, which has more.
        let (producer, mut consumer) = pinrail_ring::heap(64).unwrap();
        let (reports, _) = pinrail_ring::heap(64).unwrap();
        let (market, reports) = (
            SourceRing::new(producer, (source, 0)),
            SourceRing::new(reports, (SourceId(2), 0)),
        );
        let mut feed = VenueFeed::new(market, reports, venue, exchange);
        let image = feed.next.len();
        let mut counts = FeedCounts::default();
        feed.push(&mut counts, false, || true);
        assert!((1..image as u64).contains(&counts.market_dropped), "{counts:?}");
        let (mut last_seq, mut marks, mut frame) = (0, 0, Frame::default());
        for _ in 0..4 {
            while consumer.poll(&mut frame).unwrap() {
                let (_, seq) = Cause::source(frame.header().cause);
                assert!(seq > last_seq, "{seq} behind {last_seq}");
                last_seq = seq;
                marks += u64::from(frame.get::<VenueStatus>().is_some());
            }
            consumer.release();
            feed.push(&mut counts, false, || true);
        }
        assert_eq!(marks, 1);
    }

    #[test]
    fn a_request_that_finds_no_room_is_answered_as_busy() {
        let request = QuoteRequest {
            qty: pinrail_types::Qty(7),
            ..Zeroable::zeroed()
        };
        let answer = busy(&request);
        let reject = answer.get::<QuoteRequestReject>().unwrap();
        assert_eq!((reject.reason, reject.qty), (Reason::Busy.code(), request.qty));
    }
}
