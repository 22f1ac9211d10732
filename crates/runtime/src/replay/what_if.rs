//! The inputs of a journal under another configuration: what the desk would have decided.

use std::collections::{HashMap, VecDeque};
use std::path::Path;

use bytemuck::Zeroable;
use pinrail_engine::{Bounds, Engine, Out, Pricer};
use pinrail_journal::ReadError;
use pinrail_types::record::{Continue, EpochStart, NewOrderSingle, Quote, QuoteRequest, QuoteResponse};
use pinrail_types::{Cause, Frame, OutId, Px, Qty, Record, Side, SourceId};

use super::configured::{Configurations, Opening, poison};
use super::{Replay, ReplayError};

/// What became of a recorded input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It went through the engine. An accept or a pass names the quote that the same request got now, and an accept its
    /// price; all else is as it was recorded.
    Taken,
    /// It is of the epoch's configuration, and the other configuration stands in its place.
    Replaced,
    /// A `Continue`, and nothing is left over now that it would be for.
    NotDue,
    /// An accept or a pass of a quote that the same request does not get now: the client could not have sent it.
    NoQuote,
    /// An accept, and the price is worse for the client now than the one that it accepted: it does not accept.
    WorsePrice,
    /// The core that journaled it panicked on it, and it is passed over now, too.
    PassedOver,
}

/// The quote that a request got in both worlds, and what it is now; `None` where it gets none.
#[derive(Clone, Copy, Debug)]
struct Requoted {
    before: Prices,
    now: Option<(OutId, Prices)>,
}

#[derive(Clone, Copy, Debug)]
struct Prices {
    bid_px: Px,
    offer_px: Px,
    qty: Qty,
}

impl Prices {
    fn of(quote: &Quote) -> Prices {
        Prices {
            bid_px: quote.bid_px,
            offer_px: quote.offer_px,
            qty: quote.qty,
        }
    }

    fn at(self, side: Side) -> Px {
        match side {
            Side::Buy => self.offer_px,
            Side::Sell => self.bid_px,
        }
    }
}

/// Runs a journal's inputs through two engines: the one that they were recorded with, whose every output must be what
/// stands in the journal, and another that is configured otherwise.
///
/// The other engine gets its own configuration where each epoch's stands, and everything else as it was recorded: market
/// data, requests, commands, time. What depends on its state follows from its state: it numbers its own outputs, has a
/// `Continue` when work is left over, and ends quotes at the first input behind their validity. An accept of the quote that
/// answered a request becomes an accept of the quote that answers the same request now, at its price, if that is equal or
/// better for the client, for the quantity that is quoted now; at a worse one the client does not accept. What clients ask for stays what was recorded.
///
/// Holds about a hundred bytes for each quote in the journal.
pub struct WhatIf<P, M> {
    recorded: Replay<P, M>,
    poison: Vec<u64>,
    /// What the epochs to come are to be configured with.
    configurations: VecDeque<Vec<Frame>>,
    /// What the epoch that has begun is still to be configured with.
    due: Option<Vec<Frame>>,
    opening: Opening,
    /// None before the first epoch.
    engine: Option<Engine<P>>,
    out: Out,
    /// What the runtime's own inputs are numbered ahead of the recorded ones.
    runtime_shift: i64,
    /// By the id of the recorded quote.
    requoted: HashMap<OutId, Requoted>,
}

impl<P: Pricer, M: FnMut(&Bounds) -> P> WhatIf<P, M> {
    /// The inputs of the archive in `archive_dir`, and of what is in `live_dir` if one is given, with each epoch
    /// configured as `configurations` says: those of this journal, changed. `make_pricer` makes the pricers of both
    /// engines.
    ///
    /// # Errors
    /// As [`Replay::open`].
    pub fn open(
        archive_dir: &Path,
        live_dir: Option<&Path>,
        configurations: Configurations,
        make_pricer: M,
    ) -> Result<WhatIf<P, M>, ReadError> {
        Ok(WhatIf {
            recorded: Replay::open(archive_dir, live_dir, make_pricer)?,
            poison: configurations.poison,
            configurations: configurations
                .epochs
                .into_iter()
                .map(|epoch| epoch.records)
                .collect(),
            due: None,
            opening: Opening::default(),
            engine: None,
            out: Out::new(),
            runtime_shift: 0,
            requoted: HashMap::new(),
        })
    }

    /// As [`Replay::end_at`].
    pub fn end_at(&mut self, seq: u64, ts_core: u64) {
        self.recorded.end_at(seq, ts_core);
    }

    /// Takes the next recorded input and says what became of it; `None` at the end. `taken` is shown every input that the
    /// other engine took meanwhile and what it made of it.
    ///
    /// # Errors
    /// [`ReplayError`], where the journal does not come out the same under its own configuration; it is over then.
    ///
    /// # Panics
    /// If the other engine does.
    pub fn step(&mut self, mut taken: impl FnMut(&Frame, &Out)) -> Result<Option<Fate>, ReplayError> {
        if let Some(engine) = &mut self.engine {
            engine.seal(&mut self.out);
        }
        let recorded_goes_on = self.recorded.engine().is_some_and(Engine::wants_continue);
        loop {
            if !self.recorded.step()? {
                return Ok(None);
            }
            if !self.recorded.next.record_type().is_output() {
                break;
            }
        }
        let input = self.recorded.next;
        let configures = self.opening.holds(&input);
        if let Some(start) = input.get::<EpochStart>() {
            self.begin_epoch(start);
            self.take_recorded(input, &mut taken);
            return Ok(Some(Fate::Taken));
        }
        if poison(&input).is_none() {
            self.configure(&mut taken);
        }
        if configures {
            self.runtime_shift -= 1;
            return Ok(Some(Fate::Replaced));
        }
        if self.poison.contains(&input.header().seq) {
            self.pass_over(&input);
            return Ok(Some(Fate::PassedOver));
        }
        let goes_on = self.engine.as_ref().is_some_and(Engine::wants_continue);
        if input.record_type() == Continue::TYPE && !goes_on {
            self.runtime_shift -= 1;
            return Ok(Some(Fate::NotDue));
        }
        // As the recorded core did: it may have taken other inputs before it went on.
        if input.record_type() != Continue::TYPE && !recorded_goes_on {
            self.go_on(&mut taken);
        }
        Ok(Some(match self.as_answered_now(&input) {
            Ok(input) => {
                self.take_recorded(input, &mut taken);
                self.note_quote(&input);
                Fate::Taken
            }
            Err(fate) => fate,
        }))
    }

    fn begin_epoch(&mut self, start: &EpochStart) {
        if start.playback != 0 || self.engine.is_none() {
            let bounds = Bounds::of(start);
            self.engine = Some(Engine::new(bounds, (self.recorded.make_pricer)(&bounds)));
            self.out = Out::new();
            self.runtime_shift = 0;
        }
        self.due = self.configurations.pop_front();
    }

    /// Gives the engine the epoch's configuration, if it does not have it yet.
    fn configure(&mut self, taken: &mut impl FnMut(&Frame, &Out)) {
        for record in self.due.take().unwrap_or_default() {
            self.take_own(record, taken);
        }
    }

    fn go_on(&mut self, taken: &mut impl FnMut(&Frame, &Out)) {
        while self.engine.as_ref().is_some_and(Engine::wants_continue) {
            self.take_own(Frame::of(&Continue::zeroed()), taken);
        }
    }

    /// Takes an input of the runtime's own that is not recorded.
    fn take_own(&mut self, mut input: Frame, taken: &mut impl FnMut(&Frame, &Out)) {
        let engine = self.engine.as_ref().expect("an epoch has begun");
        let source_seq = engine.last_source_seq(SourceId::RUNTIME) + 1;
        input.header_mut().cause = Cause::input(SourceId::RUNTIME, source_seq);
        self.runtime_shift += 1;
        let ts = engine.last_ts();
        self.take(input, ts, taken);
    }

    fn take_recorded(&mut self, mut input: Frame, taken: &mut impl FnMut(&Frame, &Out)) {
        input.header_mut().cause = self.cause(&input);
        let ts = input.header().ts_core;
        self.take(input, ts, taken);
    }

    /// The cause of a recorded input, the runtime's own numbered anew.
    fn cause(&self, input: &Frame) -> u64 {
        match Cause::source(input.header().cause) {
            (SourceId::RUNTIME, seq) => {
                Cause::input(SourceId::RUNTIME, seq.saturating_add_signed(self.runtime_shift))
            }
            _ => input.header().cause,
        }
    }

    fn take(&mut self, mut input: Frame, ts: u64, taken: &mut impl FnMut(&Frame, &Out)) {
        let first_seq = self.recorded.next.header().seq;
        let engine = self.engine.as_mut().expect("an epoch has begun");
        engine.seal(&mut self.out);
        input.stamp(seq_of_next(engine, first_seq), ts.max(engine.last_ts()));
        engine.on_event(&input, &mut self.out);
        taken(&input, &self.out);
    }

    fn pass_over(&mut self, input: &Frame) {
        let mut header = *input.header();
        header.cause = self.cause(input);
        let engine = self.engine.as_mut().expect("an epoch has begun");
        header.seq = seq_of_next(engine, header.seq);
        engine.skip(&header);
    }

    /// An accept or a pass of a recorded quote as one of the quote that the same request gets now; any other input, and one
    /// that names no recorded quote, as it is.
    fn as_answered_now(&self, input: &Frame) -> Result<Frame, Fate> {
        if let Some(order) = input.get::<NewOrderSingle>() {
            return self.accept(order).map(|order| Frame::of(&order));
        }
        if let Some(response) = input.get::<QuoteResponse>()
            && let Some(requoted) = self.requoted.get(&response.quote_id)
        {
            let (quote_id, _) = requoted.now.ok_or(Fate::NoQuote)?;
            return Ok(Frame::of(&QuoteResponse {
                quote_id,
                ..*response
            }));
        }
        Ok(*input)
    }

    fn accept(&self, order: &NewOrderSingle) -> Result<NewOrderSingle, Fate> {
        let Some(requoted) = self.requoted.get(&order.quote_id) else {
            return Ok(*order);
        };
        let (quote_id, now) = requoted.now.ok_or(Fate::NoQuote)?;
        let accept = NewOrderSingle { quote_id, ..*order };
        let Some(side) = Side::from_fix(order.side) else {
            return Ok(accept);
        };
        let (px_before, px) = (requoted.before.at(side), now.at(side));
        if order.px != px_before {
            // It was no accept of what was quoted, so nothing says which other price its client would have taken.
            return Ok(accept);
        }
        let is_worse = match side {
            Side::Buy => px > px_before,
            Side::Sell => px < px_before,
        };
        if is_worse {
            return Err(Fate::WorsePrice);
        }
        let takes_all = order.qty == requoted.before.qty;
        let qty = if takes_all { now.qty } else { order.qty };
        Ok(NewOrderSingle { px, qty, ..accept })
    }

    /// Notes which quote a request gets now in place of the recorded one.
    fn note_quote(&mut self, input: &Frame) {
        if input.record_type() != QuoteRequest::TYPE {
            return;
        }
        if let Some(before) = self.recorded.out.find::<Quote>().next() {
            let now = self.out.find::<Quote>().next();
            self.requoted.insert(
                before.quote_id,
                Requoted {
                    before: Prices::of(&before),
                    now: now.map(|now| (now.quote_id, Prices::of(&now))),
                },
            );
        }
    }

    /// The replay under the configuration that was recorded.
    pub fn recorded(&self) -> &Replay<P, M> {
        &self.recorded
    }

    /// What the other engine made of the input that [`WhatIf::step`] took; nothing where it did not come to that.
    pub fn out(&self) -> &Out {
        &self.out
    }

    /// The other engine; none before the first epoch.
    pub fn engine(&self) -> Option<&Engine<P>> {
        self.engine.as_ref()
    }
}

/// The sequence that the engine's next input has; its very first has the one that was recorded.
fn seq_of_next<P: Pricer>(engine: &Engine<P>, first_seq: u64) -> u64 {
    match engine.next_seq() {
        0 => first_seq,
        seq => seq,
    }
}
