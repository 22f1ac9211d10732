//! What was decided on each input, in both worlds.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use pinrail_engine::{Engine, Out, Pricer};
use pinrail_runtime::Fate;
use pinrail_types::record::{
    BookState, BookUpdate, EpochStart, ExecType, ExecutionReport, NewOrderSingle, Quote, QuoteRequest,
    QuoteRequestReject, QuoteResponse,
};
use pinrail_types::{ClientId, Frame, InstrumentId, OutId, Px, Side, VenueId};
use serde::Serialize;

use super::moves::{Moves, better_by};
use super::world::{Holding, Pair, Reasons, World, reason};
use crate::decode::Decoder;

/// What became of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Requests {
    pub(super) all: u64,
    pub(super) quoted_in_both: u64,
    pub(super) quoted_only_before: u64,
    pub(super) quoted_only_now: u64,
    pub(super) refused_in_both: u64,
    /// Of those, for another reason now.
    pub(super) refused_otherwise: u64,
    /// Quoted only before, by the reason why not now.
    pub(super) lost_by_reason: Reasons,
    /// Quoted in both, good until another time.
    pub(super) other_validity: u64,
    /// Quoted in both, better for the client on some side now, and not filled when it was recorded: the client may have
    /// taken it.
    pub(super) better_and_not_filled: u64,
}

/// What became of fills.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Fills {
    /// In both worlds, at the same price.
    pub(super) kept_at_same_price: u64,
    /// In both worlds, at a price that is better for the client now.
    pub(super) kept_at_better_price: u64,
    /// The same request gets no quote now.
    pub(super) lost_without_quote: u64,
    /// The quote is worse for the client now than the price that it accepted.
    pub(super) lost_at_worse_price: u64,
    /// The accept is refused now, by reason.
    pub(super) lost_by_reason: Reasons,
    /// Accepts that were refused before.
    pub(super) won: u64,
}

/// What became of what clients said about quotes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Responses {
    pub(super) all: u64,
    /// Not sent, since there is no quote now.
    pub(super) without_quote: u64,
    /// Not sent, since the price is worse for the client now.
    pub(super) at_worse_price: u64,
}

/// What became of the inputs that were recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Inputs {
    pub(super) recorded: u64,
    /// Taken by the engine under the other configuration, what is its own included.
    pub(super) taken_now: u64,
    /// Recorded inputs of the configuration, in whose place the other stands.
    pub(super) replaced: u64,
    /// Inputs for left-over work that there is none of now.
    pub(super) not_due: u64,
    pub(super) passed_over: u64,
}

/// Requests, quotes and fills of the clients of a tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Tier {
    pub(super) requests: u64,
    pub(super) quotes: Pair,
    pub(super) fills: Pair,
}

/// A decision that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Differing {
    pub(super) input: String,
    /// Its outputs when it was recorded.
    pub(super) before: Vec<String>,
    /// Its outputs now, or why it was not sent.
    pub(super) now: Vec<String>,
}

/// The house's holding at the end of an epoch, marked at the last mid.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marked {
    pub(super) epoch: u32,
    pub(super) instrument: InstrumentId,
    pub(super) mid: Option<Px>,
    pub(super) before: Holding,
    pub(super) now: Holding,
}

/// Takes every input and what both worlds made of it.
pub(super) struct Comparison {
    decoder: Decoder,
    differing_max: usize,
    tier_of: BTreeMap<u32, u8>,
    epoch: u32,
    /// Middle of the recorded books' best bid and offer, by instrument, when there last was one.
    mids: BTreeMap<u32, Px>,
    /// Recorded quotes, not filled, that are better for the client now.
    better: HashSet<OutId>,
    pub(super) before: World,
    pub(super) now: World,
    pub(super) inputs: Inputs,
    pub(super) requests: Requests,
    pub(super) fills: Fills,
    pub(super) accepts: Responses,
    pub(super) passes: Responses,
    /// By instrument and, for the offer, true.
    pub(super) moves: BTreeMap<(u32, bool), Moves>,
    pub(super) tiers: BTreeMap<u8, Tier>,
    pub(super) decisions_differing: u64,
    pub(super) differing: Vec<Differing>,
    pub(super) marked: Vec<Marked>,
}

/// What stands about an input in both worlds.
struct Outs<'a> {
    fate: Fate,
    before: &'a Out,
    now: &'a Out,
}

impl Comparison {
    /// Of the clients of which each has the tier that `tier_of` says; shows `differing_max` of the decisions that differ.
    pub(super) fn new(tier_of: BTreeMap<u32, u8>, differing_max: usize) -> Comparison {
        Comparison {
            decoder: Decoder::new(),
            differing_max,
            tier_of,
            epoch: 0,
            mids: BTreeMap::new(),
            better: HashSet::new(),
            before: World::default(),
            now: World::default(),
            inputs: Inputs::default(),
            requests: Requests::default(),
            fills: Fills::default(),
            accepts: Responses::default(),
            passes: Responses::default(),
            moves: BTreeMap::new(),
            tiers: BTreeMap::new(),
            decisions_differing: 0,
            differing: Vec::new(),
            marked: Vec::new(),
        }
    }

    /// Takes what the other engine made of an input.
    pub(super) fn take_now(&mut self, out: &Out) {
        self.inputs.taken_now += 1;
        self.now.take(out);
    }

    /// Takes a recorded input, what `engine` made of it when it was recorded, and what became of it now. What the other
    /// engine made of this and of inputs of its own has been taken before.
    pub(super) fn take<P: Pricer>(
        &mut self,
        input: &Frame,
        engine: Option<&Engine<P>>,
        before: &Out,
        now: &Out,
        fate: Fate,
    ) {
        self.inputs.recorded += 1;
        self.decoder.learn(input);
        match fate {
            Fate::Replaced => self.inputs.replaced += 1,
            Fate::NotDue => self.inputs.not_due += 1,
            Fate::PassedOver => {
                self.inputs.passed_over += 1;
                return;
            }
            Fate::Taken | Fate::NoQuote | Fate::WorsePrice => {}
        }
        self.before.take(before);
        let outs = Outs { fate, before, now };
        if let Some(request) = input.get::<QuoteRequest>() {
            self.request(input, request, &outs);
        } else if let Some(order) = input.get::<NewOrderSingle>() {
            self.accept(input, order, &outs);
        } else if input.get::<QuoteResponse>().is_some() {
            note_response(&mut self.passes, fate);
        } else if let Some(update) = input.get::<BookUpdate>() {
            self.note_mid(engine, update.instrument);
        } else if let Some(start) = input.get::<EpochStart>() {
            if start.playback != 0 {
                self.mark();
            }
            self.epoch = start.epoch;
        }
    }

    fn request(&mut self, input: &Frame, request: &QuoteRequest, outs: &Outs<'_>) {
        let (before, now) = (answer(outs.before), answer(outs.now));
        let tier = self.tier(request.client);
        tier.requests += 1;
        tier.quotes.before += u64::from(before.is_ok());
        tier.quotes.now += u64::from(now.is_ok());
        self.requests.all += 1;
        match (before, now) {
            (Ok(before), Ok(now)) => {
                self.requests.quoted_in_both += 1;
                self.requests.other_validity += u64::from(before.valid_until != now.valid_until);
                self.note_prices(&before, &now);
            }
            (Ok(_), Err(code)) => {
                self.requests.quoted_only_before += 1;
                *self.requests.lost_by_reason.entry(reason(code)).or_default() += 1;
            }
            (Err(_), Ok(_)) => self.requests.quoted_only_now += 1,
            (Err(before), Err(now)) => {
                self.requests.refused_in_both += 1;
                self.requests.refused_otherwise += u64::from(before != now);
            }
        }
        let decision = |answer: Result<Quote, u16>| answer.map(|q| (q.bid_px, q.offer_px, q.valid_until));
        if decision(before) != decision(now) {
            self.note_differing(input, outs);
        }
    }

    fn note_prices(&mut self, before: &Quote, now: &Quote) {
        let mut is_better = false;
        for (side, before_px, px) in [
            (Side::Sell, before.bid_px, now.bid_px),
            (Side::Buy, before.offer_px, now.offer_px),
        ] {
            if before_px == Px::NONE || px == Px::NONE {
                continue;
            }
            is_better |= better_by(side, before_px, px) > 0;
            let key = (before.instrument.0, side == Side::Buy);
            self.moves.entry(key).or_default().take(side, before_px, px);
        }
        if is_better {
            self.better.insert(before.quote_id);
        }
    }

    fn accept(&mut self, input: &Frame, order: &NewOrderSingle, outs: &Outs<'_>) {
        note_response(&mut self.accepts, outs.fate);
        let (before, now) = (report(outs.before), report(outs.now));
        let fill = |report: Option<ExecutionReport>| report.filter(|r| r.exec_type == ExecType::Trade.byte());
        let (filled_before, filled_now) = (fill(before), fill(now));
        let tier = self.tier(order.client);
        tier.fills.before += u64::from(filled_before.is_some());
        tier.fills.now += u64::from(filled_now.is_some());
        if filled_before.is_some() {
            self.better.remove(&order.quote_id);
        }
        let fills = &mut self.fills;
        match (filled_before, filled_now) {
            (Some(before), Some(now)) if before.last_px == now.last_px => fills.kept_at_same_price += 1,
            (Some(_), Some(_)) => fills.kept_at_better_price += 1,
            (Some(_), None) => match (outs.fate, now) {
                (Fate::NoQuote, _) => fills.lost_without_quote += 1,
                (Fate::WorsePrice, _) => fills.lost_at_worse_price += 1,
                (_, now) => {
                    let code = now.map_or(0, |now| now.reason);
                    *fills.lost_by_reason.entry(reason(code)).or_default() += 1;
                }
            },
            (None, Some(_)) => fills.won += 1,
            (None, None) => {}
        }
        let decision = |report: Option<ExecutionReport>| report.map(|r| (r.exec_type, r.reason, r.last_px));
        if decision(before) != decision(now) {
            self.note_differing(input, outs);
        }
    }

    fn note_differing(&mut self, input: &Frame, outs: &Outs<'_>) {
        self.decisions_differing += 1;
        if self.differing.len() >= self.differing_max {
            return;
        }
        let decoder = &mut self.decoder;
        let mut shown = |out: &Out| -> Vec<String> {
            let records = out.records().map(frame_of);
            records.map(|frame| decoder.decode(&frame).to_string()).collect()
        };
        let (before, now) = (shown(outs.before), shown(outs.now));
        let now = match outs.fate {
            Fate::NoQuote => vec!["not sent: the same request gets no quote now".to_owned()],
            Fate::WorsePrice => vec!["not sent: the price is worse for the client now".to_owned()],
            _ => now,
        };
        self.differing.push(Differing {
            input: self.decoder.decode(input).to_string(),
            before,
            now,
        });
    }

    fn note_mid<P: Pricer>(&mut self, engine: Option<&Engine<P>>, instrument: InstrumentId) {
        if let Some(mid) = engine.and_then(|engine| mid(engine, instrument)) {
            self.mids.insert(instrument.0, mid);
        }
    }

    fn tier(&mut self, client: ClientId) -> &mut Tier {
        let tier = self.tier_of.get(&client.0).copied().unwrap_or(u8::MAX);
        self.tiers.entry(tier).or_default()
    }

    /// Marks what the house holds. Called at the end, and before an epoch that begins from nothing.
    pub(super) fn mark(&mut self) {
        let before = std::mem::take(&mut self.before.holdings);
        let now = std::mem::take(&mut self.now.holdings);
        let instruments: BTreeSet<u32> = before.keys().chain(now.keys()).copied().collect();
        for id in instruments {
            self.marked.push(Marked {
                epoch: self.epoch,
                instrument: InstrumentId(id),
                mid: self.mids.get(&id).copied(),
                before: before.get(&id).copied().unwrap_or_default(),
                now: now.get(&id).copied().unwrap_or_default(),
            });
        }
        self.mids.clear();
        self.requests.better_and_not_filled = self.better.len() as u64;
    }
}

fn note_response(responses: &mut Responses, fate: Fate) {
    responses.all += 1;
    responses.without_quote += u64::from(fate == Fate::NoQuote);
    responses.at_worse_price += u64::from(fate == Fate::WorsePrice);
}

/// The quote that a request got, or why it got none.
fn answer(out: &Out) -> Result<Quote, u16> {
    let refused = || {
        out.find::<QuoteRequestReject>()
            .next()
            .map_or(0, |reject| reject.reason)
    };
    out.find::<Quote>().next().ok_or_else(refused)
}

fn report(out: &Out) -> Option<ExecutionReport> {
    out.find::<ExecutionReport>().next()
}

fn frame_of(words: &[u64]) -> Frame {
    let mut frame = Frame::default();
    frame.buffer_mut()[..words.len()].copy_from_slice(words);
    frame
}

/// Middle of the best bid and the best offer over all healthy books, rounded down.
fn mid<P: Pricer>(engine: &Engine<P>, instrument: InstrumentId) -> Option<Px> {
    let venues = (0..engine.bounds().venues).map(|venue| VenueId(venue as u16));
    let books = venues.filter_map(|venue| engine.book(instrument, venue));
    let (mut bid, mut ask) = (None, None);
    for book in books.filter(|book| book.state() == BookState::Healthy) {
        bid = bid.max(book.best_bid().map(|level| level.px.0));
        ask = match (ask, book.best_ask().map(|level| level.px.0)) {
            (Some(ask), Some(other)) => Some(i64::min(ask, other)),
            (ask, other) => ask.or(other),
        };
    }
    Some(Px((i128::from(bid?) + i128::from(ask?)).div_euclid(2) as i64))
}
