//! Streams: a quote that is kept fresh until its client, or a halt, ends it.
//!
//! Whatever may have changed prices touches the streams of an instrument, and behind each input some of those that were
//! touched, or whose time has come, are looked at: priced and judged as a request is, but not counted as a message. A price
//! that moved by no more than the threshold changes nothing; else the new quote takes the place of the old one. What there
//! is no room for at one input goes on in `Continue` inputs.

use pinrail_oms::life::{QuoteEvent, QuoteState};
use pinrail_oms::{Open, OpenQuote, Slot, Stream, StreamSlot};
use pinrail_pricing::{Pricer, Prices};
use pinrail_types::record::{
    BookUpdate, ClientDef, EpochStart, ExecType, ExecutionReport, InstrumentLimits, LimitStatus, ModelInput,
    NewOrderSingle, PositionReport, QuoteRequest, QuoteRequestReject, QuotingParams, StateChange,
    StreamState, SubscriptionRequestType, TierSpread, TopOfBook, VenueStatus,
};
use pinrail_types::{E8, Flags, Frame, InstrumentId, OutId, Px, Reason, Record};

use crate::control::report_end;
use crate::out::Out;
use crate::rfq::{ask_of, check_sides, refusal};
use crate::state::Engine;

/// Most streams, and no more than quotes may be open.
pub(crate) const STREAMS_MAX: usize = 1_024;
/// Streams that one input looks at, at most.
const LOOKS_PER_INPUT: usize = 8;
/// The room that there must be to look at one: the end of its quote, another with what made it, what risk latched, and the
/// output hash.
const LOOK_LINES: usize = 1 + 3 + (3 + 2 + 2) + 8 + 1;
/// Longest time between two quotes of a stream: a day.
const REQUOTE_NS_MAX: u64 = 86_400_000_000_000;

/// When a stream is quoted anew.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Requote {
    /// A price must differ by more than this fraction of the one quoted, times 1e8.
    pub(crate) beyond_e8: i64,
    /// Time between two quotes.
    pub(crate) ns_min: u64,
}

impl Requote {
    /// What the parameters say.
    ///
    /// # Errors
    /// [`Reason::BadField`] outside their ranges.
    pub(crate) fn of(params: &QuotingParams) -> Result<Requote, Reason> {
        let sane = (0..=E8).contains(&params.requote_e8) && params.requote_ns_min <= REQUOTE_NS_MAX;
        if !sane {
            return Err(Reason::BadField);
        }
        Ok(Requote {
            beyond_e8: params.requote_e8,
            ns_min: params.requote_ns_min,
        })
    }

    /// Whether the quote is to be replaced: another quantity, or a price that moved too far.
    fn is_due(self, held: &OpenQuote, prices: &Prices) -> bool {
        let moved = |from: Px, to: Px| {
            let distance = i128::from(to.0) - i128::from(from.0);
            let fraction = i128::from(self.beyond_e8) * i128::from(from.0).abs();
            distance.abs() * i128::from(E8) > fraction
        };
        held.qty != prices.qty || moved(held.bid_px, prices.bid_px) || moved(held.offer_px, prices.offer_px)
    }
}

impl<P: Pricer> Engine<P> {
    /// Answers a request that asks for no quote: the end of a stream, or one that can't begin. False if it is to be quoted.
    #[cold]
    pub(crate) fn is_answered(&mut self, request: &QuoteRequest, out: &mut Out) -> bool {
        let refusal = match SubscriptionRequestType::from_byte(request.subscription) {
            None => Reason::BadField,
            Some(SubscriptionRequestType::Disable) => {
                match self.streams.find(request.client, &request.quote_req_id) {
                    None => Reason::UnknownStream,
                    Some(slot) => {
                        self.end_stream(slot, Reason::Unsubscribed, out);
                        return true;
                    }
                }
            }
            Some(_) if self.streams.is_full() => Reason::StreamsFull,
            Some(_) => return false,
        };
        // It counts as a message all the same.
        let admitted = self
            .risk
            .admit_message(request.session, request.client, out.now());
        let refusal = admitted.err().unwrap_or(refusal);
        refuse(request, refusal, StreamState::None, out);
        true
    }

    /// Takes down that a request is to be quoted again and again; `quote_id` is its first quote.
    #[cold]
    pub(crate) fn add_stream(&mut self, request: &QuoteRequest, quote_id: OutId, now: u64) {
        let slot = self.streams.add(&Stream {
            request: QuoteRequest {
                header: bytemuck::Zeroable::zeroed(),
                ..*request
            },
            quote_id,
            since: quote_id.seq,
            quoted_at: now,
            epoch: self.epoch,
            is_waiting: false,
        });
        self.look_when_over(slot, quote_id);
    }

    /// Touches the streams whose prices an input may have changed, and looks at some that are due.
    #[inline(never)]
    pub(crate) fn tend_streams(&mut self, input: &Frame, out: &mut Out) {
        let said = |wanted| out.types().any(|found| found == wanted);
        if said(StateChange::TYPE) || said(LimitStatus::TYPE) {
            self.streams.touch_all();
        } else {
            match touched(input, out) {
                Touched::Nothing => {}
                Touched::One(instrument) => self.streams.touch(instrument),
                Touched::All => self.streams.touch_all(),
            }
            // Whatever led to a fill, a last look that was due among others.
            for report in out.find::<PositionReport>() {
                self.streams.touch(report.instrument);
            }
        }
        for _ in 0..LOOKS_PER_INPUT {
            // What is forbidden is withdrawn first.
            if self.withdraw_from.is_some() || out.lines_left() < LOOK_LINES {
                return;
            }
            let Some(slot) = self.streams.next(out.now()) else {
                return;
            };
            self.look(slot, out);
        }
    }

    /// Quotes a stream anew if it has no quote, or its price moved.
    fn look(&mut self, slot: StreamSlot, out: &mut Out) {
        let now = out.now();
        let stream = *self.streams.get(slot);
        let request = &stream.request;
        if let Some(reason) = self.recalls.reason(request.session, request.client, stream.since) {
            return self.end_stream(slot, reason, out);
        }
        if stream.epoch != self.epoch || self.risk.states.is_halted(request.instrument, request.client) {
            return self.end_stream(slot, Reason::Withdrawn, out);
        }
        if request.valid_until != 0 && request.valid_until <= now {
            return self.end_stream(slot, Reason::QuoteExpired, out);
        }
        let mut open = self.open_quote_of(&stream);
        if let Some(at) = open
            && self.quotes.get(at).valid_until <= now
        {
            self.end_quote(at, QuoteEvent::Expire, Reason::QuoteExpired, out);
            open = None;
        }
        let requote = self.requote_of(request.instrument);
        let earliest = stream.quoted_at.saturating_add(requote.ns_min);
        if now < earliest {
            return self.streams.look_at(slot, earliest);
        }
        if let Err(reason) = self.requote(slot, &stream, open, requote, out) {
            self.stop_quoting(slot, reason, out);
        }
        self.report_latches(out);
    }

    fn requote(
        &mut self,
        slot: StreamSlot,
        stream: &Stream,
        open: Option<Slot>,
        requote: Requote,
        out: &mut Out,
    ) -> Result<(), Reason> {
        let request = &stream.request;
        let now = out.now();
        let ask = ask_of(request).ok_or(Reason::BadSide)?;
        // What the old quote holds makes room for the new one.
        let held = open.map(|at| *self.quotes.get(at));
        let reserved = held.filter(|held| !held.is_indicative);
        let terms = match &reserved {
            Some(held) => self.risk.check_ask_again(&ask, held.qty),
            None => self.risk.check_ask(&ask),
        };
        let asked = self.asked(request, &ask, terms, now)?;
        if asked.is_manual {
            return Err(Reason::DealerOnly);
        }
        if open.is_none() && self.quotes.is_full() {
            return Err(Reason::OpenQuotesFull);
        }
        let prices = self.price(&asked, now)?;
        check_sides(asked.ask.side, &prices)?;
        if let Some(held) = &held {
            if !requote.is_due(held, &prices) {
                self.look_when_over(slot, held.quote_id);
                return Ok(());
            }
            self.release(held);
        }
        let reserved = self.reserve(&asked, &prices, now);
        if let Some(at) = open {
            let (event, reason) = match reserved {
                Ok(_) => (QuoteEvent::Replace, Reason::QuoteReplaced),
                Err(reason) => (QuoteEvent::Withdraw, reason),
            };
            let (held, said) = self.quotes.end(at, event, reason);
            report_end(&held, said, reason, out);
        }
        // It is found by its last quote only.
        self.quotes.forget_request(request.client, &request.quote_req_id);
        let quote_id = self.open_for(request, &asked, &prices, reserved?, false, out);
        self.explain(out);
        let stream = self.streams.get_mut(slot);
        stream.quote_id = quote_id;
        stream.quoted_at = now;
        stream.is_waiting = false;
        self.look_when_over(slot, quote_id);
        Ok(())
    }

    /// No price can be given: the quote ends, the client is told once, and the stream waits.
    fn stop_quoting(&mut self, slot: StreamSlot, reason: Reason, out: &mut Out) {
        let stream = *self.streams.get(slot);
        if let Some(at) = self.open_quote_of(&stream) {
            self.end_quote(at, QuoteEvent::Withdraw, reason, out);
        }
        if !stream.is_waiting {
            refuse(&stream.request, reason, StreamState::Waits, out);
            let stream = self.streams.get_mut(slot);
            stream.is_waiting = true;
            stream.quote_id = OutId::NONE;
        }
        let valid_until = stream.request.valid_until;
        let end = if valid_until == 0 { u64::MAX } else { valid_until };
        self.streams.look_at(slot, end);
    }

    /// Ends a stream and its quote, and says so.
    pub(crate) fn end_stream(&mut self, slot: StreamSlot, reason: Reason, out: &mut Out) {
        let stream = *self.streams.get(slot);
        if let Some(at) = self.open_quote_of(&stream) {
            let event = match reason {
                Reason::Unsubscribed | Reason::CancelRequested | Reason::MassCancel => QuoteEvent::Cancel,
                Reason::QuoteExpired => QuoteEvent::Expire,
                _ => QuoteEvent::Withdraw,
            };
            self.end_quote(at, event, reason, out);
        }
        refuse(&stream.request, reason, StreamState::Ended, out);
        self.streams.remove(slot);
    }

    fn open_quote_of(&self, stream: &Stream) -> Option<Slot> {
        match self.quotes.find(stream.quote_id) {
            // One that was taken is its client's, however it resolves.
            Open::Yes(at) if self.quotes.state(at) == QuoteState::Active => Some(at),
            _ => None,
        }
    }

    /// The stream is looked at again when its quote, which is open, stops being good.
    fn look_when_over(&mut self, slot: StreamSlot, quote_id: OutId) {
        let Open::Yes(at) = self.quotes.find(quote_id) else {
            unreachable!("the quote was opened or found before");
        };
        self.streams.look_at(slot, self.quotes.get(at).valid_until);
    }

    fn requote_of(&self, instrument: InstrumentId) -> Requote {
        let traded = self.traded[instrument.index()].as_ref();
        traded.map_or_else(Requote::default, |traded| traded.requote)
    }
}

/// Whose prices an input may have changed.
enum Touched {
    Nothing,
    One(InstrumentId),
    All,
}

/// Whose prices an input may have changed, but for what its outputs tell of trading states and limits.
fn touched(input: &Frame, out: &Out) -> Touched {
    if let Some(update) = input.get::<BookUpdate>() {
        if input.flags().has(Flags::LAST) {
            return Touched::One(update.instrument);
        }
    } else if let Some(top) = input.get::<TopOfBook>() {
        // It says that the book is another one, or nothing.
        if !out.is_empty() {
            return Touched::One(top.instrument);
        }
    } else if let Some(order) = input.get::<NewOrderSingle>() {
        // What a last look holds is quoted no longer.
        let is_held = |report: ExecutionReport| report.exec_type == ExecType::PendingNew.byte();
        if out.find::<ExecutionReport>().any(is_held) {
            return Touched::One(order.instrument);
        }
    } else if let Some(status) = input.get::<VenueStatus>() {
        return match status.instrument {
            VenueStatus::ALL => Touched::All,
            instrument => Touched::One(instrument),
        };
    } else if let Some(params) = input.get::<QuotingParams>() {
        return Touched::One(params.instrument);
    } else if let Some(spread) = input.get::<TierSpread>() {
        return Touched::One(spread.instrument);
    } else if let Some(limits) = input.get::<InstrumentLimits>() {
        return Touched::One(limits.instrument);
    } else if let Some(value) = input.get::<ModelInput>() {
        return Touched::One(value.instrument);
    } else if matches!(input.record_type(), ClientDef::TYPE | EpochStart::TYPE) {
        return Touched::All;
    }
    Touched::Nothing
}

fn refuse(request: &QuoteRequest, reason: Reason, stream: StreamState, out: &mut Out) {
    out.push(QuoteRequestReject {
        stream: stream.byte(),
        ..refusal(request, reason)
    });
}

#[cfg(test)]
mod tests {
    use pinrail_types::{Amount, ClientId, Qty, SessionId, Text};

    use super::*;

    #[test]
    fn a_price_must_move_by_more_than_the_threshold() {
        let held = |bid: i64, offer: i64| OpenQuote {
            quote_id: OutId::NONE,
            quote_req_id: Text::EMPTY,
            client: ClientId(0),
            instrument: InstrumentId(0),
            bid_px: Px(bid),
            offer_px: Px(offer),
            qty: Qty(5),
            min_qty: Qty(5),
            valid_until: 0,
            credit: Amount::ZERO,
            session: SessionId(0),
            is_indicative: false,
            by_dealer: false,
            life_us: 0,
        };
        let prices = |bid: i64, offer: i64, qty: i64| Prices {
            bid_px: Px(bid),
            offer_px: Px(offer),
            qty: Qty(qty),
            hedge_bid_px: Px(0),
            hedge_offer_px: Px(0),
            ref_px: Px(0),
            half_spread_e8: 0,
            adjustments: pinrail_pricing::Adjustments::default(),
            venue_mask: 0,
        };
        // One in ten thousand is a tick of ten thousand.
        let is_due = |beyond_e8, held: &OpenQuote, prices: &Prices| {
            let requote = Requote { beyond_e8, ns_min: 0 };
            requote.is_due(held, prices)
        };
        let none = Px::NONE.0;
        for (beyond_e8, expected) in [(9_999, true), (10_000, false), (10_001, false)] {
            for sign in [1, -1] {
                let (bid, offer) = (10_000 * sign, 20_000);
                for by in [1, -1] {
                    let moved = is_due(beyond_e8, &held(bid, offer), &prices(bid + by, offer, 5));
                    assert_eq!(moved, expected, "{beyond_e8} {bid} {by}");
                    let moved = is_due(beyond_e8, &held(bid, offer), &prices(bid, offer + 2 * by, 5));
                    assert_eq!(moved, expected, "{beyond_e8} {offer} {by}");
                    let moved = is_due(beyond_e8, &held(bid, none), &prices(bid + by, none, 5));
                    assert_eq!(moved, expected, "{beyond_e8} {bid} {by}, one side");
                }
            }
        }
        assert!(!is_due(0, &held(10_000, none), &prices(10_000, none, 5)));
        assert!(is_due(E8, &held(10_000, none), &prices(10_000, none, 4)));
    }
}
