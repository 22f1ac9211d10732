//! The demo's producer: one spinning thread that plays every source at its planned times.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytemuck::Zeroable;
use pinrail_journal::Reader;
use pinrail_ring::{Class, Consumer, Producer, RingError};
use pinrail_runtime::clock::Clock;
use pinrail_sim::{ClientCounts, ClientFlow, VenueFlow};
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

/// A simulated venue and its ring.
pub(crate) struct VenueFeed {
    producer: Producer,
    source: SourceId,
    venue: VenueId,
    source_seq: u64,
    flows: Vec<VenueFlow>,
    /// Made already and not yet due, so that nothing is computed between the planned time and the push.
    next: Vec<Frame>,
    next_due: u64,
    gapped: Option<Frame>,
}

impl VenueFeed {
    /// Plays `flows`, all of one venue. The source goes on behind its last sequence.
    pub(crate) fn new(
        producer: Producer,
        (source, source_seq): (SourceId, u64),
        venue: VenueId,
        flows: Vec<VenueFlow>,
    ) -> VenueFeed {
        let mut feed = VenueFeed {
            producer,
            source,
            venue,
            source_seq,
            flows,
            next: Vec::with_capacity(512),
            next_due: 0,
            gapped: None,
        };
        feed.prepare();
        feed
    }

    /// Makes the next update.
    fn prepare(&mut self) {
        self.next.clear();
        let Some(flow) = self.flows.iter_mut().min_by_key(|flow| flow.next_due()) else {
            return;
        };
        self.next_due = flow.next_due();
        flow.take(&mut self.next);
        for frame in &mut self.next {
            self.source_seq += 1;
            frame.header_mut().cause = Cause::input(self.source, self.source_seq);
        }
    }

    fn push(&mut self, counts: &mut FeedCounts) {
        if let Some(mark) = self.gapped
            && self.producer.try_push(mark.words(), Class::Reserved).is_ok()
        {
            self.gapped = None;
        }
        let mut batch = self.producer.batch();
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
        self.prepare();
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

/// The simulated clients, their ring, and the journal in which they read their answers.
pub(crate) struct ClientFeed {
    producer: Producer,
    source: SourceId,
    source_seq: u64,
    flow: ClientFlow,
    answers: Reader,
    next: Option<(u64, Frame)>,
    frame: Frame,
    rehearsal: (Producer, Consumer),
}

impl ClientFeed {
    /// Plays `flow`; its answers are read from `answers`. The source goes on behind its last sequence.
    pub(crate) fn new(
        producer: Producer,
        (source, source_seq): (SourceId, u64),
        flow: ClientFlow,
        answers: Reader,
    ) -> Result<ClientFeed, RingError> {
        Ok(ClientFeed {
            producer,
            source,
            source_seq,
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
            self.source_seq += 1;
            frame.header_mut().cause = Cause::input(self.source, self.source_seq);
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
            if self.producer.try_push(frame.words(), Class::Normal).is_err() {
                counts.requests_busy += 1;
                self.flow.on_output(&busy(request));
            }
        } else {
            let mut waited = 0;
            while self.producer.try_push(frame.words(), Class::Reserved).is_err() {
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

    /// Shows the clients what came back; gives how many records were looked at.
    fn read_answers(&mut self) -> Result<usize, RigError> {
        for n in 0..OUTPUTS_PER_POLL {
            if !self.answers.poll(&mut self.frame)? {
                return Ok(n);
            }
            if self.frame.record_type().is_output() {
                self.flow.on_output(&self.frame);
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

/// Plays everything until `end_ns`, and the clients' reactions until they have none left or `grace_ns` passed.
pub(crate) fn run(
    mut venues: Vec<VenueFeed>,
    mut clients: ClientFeed,
    mut clock: Clock,
    end_ns: u64,
    grace_ns: u64,
    stop: &Arc<AtomicBool>,
) -> Result<(FeedCounts, ClientCounts), RigError> {
    let mut counts = FeedCounts::default();
    loop {
        clock.refresh();
        clients.prepare();
        let client_due = clients.next.as_ref().map_or(u64::MAX, |(due, _)| *due);
        let venue = venues.iter_mut().min_by_key(|venue| venue.next_due);
        let venue_due = venue.as_ref().map_or(u64::MAX, |venue| venue.next_due);
        let due = client_due.min(venue_due);
        let mut now = clock.now_ns();
        if now >= end_ns + grace_ns
            || (now >= end_ns && client_due == u64::MAX)
            || stop.load(Ordering::Acquire)
        {
            break;
        }
        if now < due {
            // Answers are read, or the processor given away, only where there is time for it.
            if due - now >= AIM_NS {
                if clients.read_answers()? == 0 && due - now > YIELD_NS {
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
        match venue {
            Some(venue) if venue_due < client_due => {
                if now < end_ns {
                    venue.push(&mut counts);
                } else {
                    venue.next_due = u64::MAX;
                }
            }
            _ => clients.push(&mut counts, || {
                stop.load(Ordering::Acquire) || clock.now_ns() >= end_ns + grace_ns
            }),
        }
    }
    while clients.read_answers()? > 0 {}
    Ok((counts, clients.flow.counts()))
}

#[cfg(test)]
mod tests {
    use pinrail_sim::{VenueFlow, paper};
    use pinrail_types::InstrumentId;

    use super::*;

    #[test]
    fn what_a_full_ring_cuts_in_the_middle_of_an_update_is_marked_behind_what_was_sent() {
        let venue = VenueId(0);
        let source = SourceId(1);
        let flow = VenueFlow::new(paper::venue(venue, InstrumentId(0), 1), 1, 1).unwrap();
        // Three quarters of it are for market data: twelve records of the first image, which has more.
        let (producer, mut consumer) = pinrail_ring::heap(64).unwrap();
        let mut feed = VenueFeed::new(producer, (source, 0), venue, vec![flow]);
        let image = feed.next.len();
        let mut counts = FeedCounts::default();
        feed.push(&mut counts);
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
            feed.push(&mut counts);
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
