//! Simulated clients.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bytemuck::Zeroable;
use pinrail_types::record::{
    ExecType, ExecutionReport, NewOrderSingle, OrdType, Quote, QuoteRequest, QuoteRequestReject,
    QuoteRespType, QuoteResponse, QuoteStatusReport, TWO_SIDED, TopOfBook,
};
use pinrail_types::{ClientId, E8, Frame, InstrumentId, OutId, Px, Qty, SessionId, Side, Text};
use thiserror::Error;

use crate::random::Random;

/// The instrument that some of the bad requests name. No desk lists it.
pub const UNKNOWN_INSTRUMENT: InstrumentId = InstrumentId(u32::MAX - 1);

/// An instrument that clients ask for, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRange {
    /// The instrument.
    pub instrument: InstrumentId,
    /// Least quantity.
    pub qty_lots_min: Qty,
    /// Most quantity.
    pub qty_lots_max: Qty,
    /// Quantities are multiples of this.
    pub qty_lots_step: Qty,
}

/// What a [`ClientFlow`] sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFlowConfig {
    /// Clients 0 to this, less one, ask. Above zero.
    pub clients: u32,
    /// The portal session that all of them use. Outputs for other sessions are not looked at.
    pub session: SessionId,
    /// What they ask for, each as often as the others. Not empty.
    pub instruments: Vec<RequestRange>,
    /// Mean time from one request to the next, of whichever client: a Poisson process. Above zero.
    pub interval_ns_mean: u64,
    /// No request is made at or after this time; reactions to quotes still are. `u64::MAX`: never ends.
    pub end_ns: u64,
    /// Share of requests for a bid and an offer, times 1e8.
    pub two_sided_e8: u32,
    /// Share of requests that must be refused, times 1e8: off the quantity step, for [`UNKNOWN_INSTRUMENT`], or
    /// for nothing, in equal parts.
    pub bad_e8: u32,
    /// Share of quotes that are accepted, times 1e8.
    pub accept_e8: u32,
    /// Share of quotes that are passed on, times 1e8. What is left is let expire.
    pub pass_e8: u32,
    /// How far from the market the price may be that a client would still accept, as a fraction of it, times 1e8: drawn for
    /// each request, up to this. One that is further away is passed on, and so is any before [`ClientFlow::on_top`] showed
    /// the market. Zero: any price is accepted.
    pub view_e8_max: u32,
    /// Shortest time from a quote to the client's answer; at least 1.
    pub reaction_ns_min: u64,
    /// Longest time.
    pub reaction_ns_max: u64,
    /// Most requests that may wait for an answer, and most reactions that may be on their way; 1 to 65,536.
    pub open_max: usize,
}

/// A field of a [`ClientFlowConfig`] that no flow can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ClientConfigError {
    /// Nobody to ask.
    #[error("clients is 0: expected at least 1")]
    Clients,
    /// Nothing to ask for.
    #[error("instruments is empty: expected at least one")]
    Instruments,
    /// Quantities that hold no multiple of the step.
    #[error("{0:?}: expected 0 < qty_lots_step <= qty_lots_max and a multiple of the step in the range")]
    Range(RequestRange),
    /// No rate.
    #[error("interval_ns_mean is 0: expected at least 1")]
    Rate,
    /// More than the whole.
    #[error("{name} is {value}: expected 0 to 100000000")]
    Share {
        /// The field or the sum of fields.
        name: &'static str,
        /// What it holds.
        value: u64,
    },
    /// Reaction times that are no range.
    #[error("reaction times are {min} to {max} ns: expected 1 to 10^18, the least first")]
    Reaction {
        /// Shortest.
        min: u64,
        /// Longest.
        max: u64,
    },
    /// A bound that is no bound.
    #[error("open_max is {0}: expected 1 to 65536")]
    OpenMax(usize),
}

impl ClientFlowConfig {
    fn check(&self) -> Result<(), ClientConfigError> {
        if self.clients == 0 {
            return Err(ClientConfigError::Clients);
        }
        if self.instruments.is_empty() {
            return Err(ClientConfigError::Instruments);
        }
        if let Some(range) = self.instruments.iter().find(|range| !range.is_sound()) {
            return Err(ClientConfigError::Range(*range));
        }
        if self.interval_ns_mean == 0 {
            return Err(ClientConfigError::Rate);
        }
        for (name, value) in [
            ("two_sided_e8", u64::from(self.two_sided_e8)),
            ("bad_e8", u64::from(self.bad_e8)),
            ("view_e8_max", u64::from(self.view_e8_max)),
            (
                "accept_e8 + pass_e8",
                u64::from(self.accept_e8) + u64::from(self.pass_e8),
            ),
        ] {
            if value > E8 as u64 {
                return Err(ClientConfigError::Share { name, value });
            }
        }
        let (min, max) = (self.reaction_ns_min, self.reaction_ns_max);
        if min == 0 || min > max || max > 1_000_000_000_000_000_000 {
            return Err(ClientConfigError::Reaction { min, max });
        }
        if !(1..=65_536).contains(&self.open_max) {
            return Err(ClientConfigError::OpenMax(self.open_max));
        }
        Ok(())
    }
}

impl RequestRange {
    fn is_sound(&self) -> bool {
        let step = self.qty_lots_step;
        step.is_orderable()
            && self.qty_lots_max.is_orderable()
            && self.qty_lots_min.0 > 0
            && self.steps_min() <= self.steps_max()
    }

    fn steps_min(&self) -> i64 {
        (self.qty_lots_min.0 - 1) / self.qty_lots_step.0 + 1
    }

    fn steps_max(&self) -> i64 {
        self.qty_lots_max.0 / self.qty_lots_step.0
    }
}

/// What a [`ClientFlow`] did and was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientCounts {
    /// Requests made, bad ones included.
    pub requests: u64,
    /// Requests that were made bad on purpose.
    pub bad_requests: u64,
    /// Quotes received.
    pub quotes: u64,
    /// Requests refused.
    pub rejects: u64,
    /// Quotes accepted: orders sent.
    pub orders: u64,
    /// Quotes passed on.
    pub passes: u64,
    /// Orders filled.
    pub fills: u64,
    /// Orders refused.
    pub order_rejects: u64,
    /// Quotes that the desk ended without a fill: expired, withdrawn, passed.
    pub quotes_ended: u64,
    /// Answers that came after the flow had given the request up, or that answer no request of it.
    pub answers_unmatched: u64,
    /// Requests given up unanswered, because `open_max` later ones were made.
    pub requests_given_up: u64,
    /// Reactions dropped, because `open_max` others were on their way.
    pub reactions_dropped: u64,
}

/// What a client will do with the quote that it gets, drawn when it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Intent {
    Accept,
    Pass,
    LetExpire,
}

/// A request that was made. Open until it is answered.
#[derive(Clone, Copy, Debug)]
struct Asked {
    number: u64,
    open: bool,
    intent: Intent,
    reaction_ns: u64,
    /// The side to deal on: for a two-sided quote the client's choice.
    side: Side,
    /// How far from the market its price may be, times 1e8.
    view_e8: i64,
}

/// A message on its way. Ordered by due time; of two at once the earlier request's goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reaction {
    due: u64,
    number: u64,
    message: Message,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Message {
    Order {
        quote_id: OutId,
        client: ClientId,
        instrument: InstrumentId,
        qty: Qty,
        px: Px,
        side: u8,
    },
    Pass {
        quote_id: OutId,
        client: ClientId,
    },
}

/// Clients that ask for quotes and react to them.
///
/// Everything about a request, and what its client will do with the quote and after how long, is drawn when the
/// request is made; the reaction is due that long after the quote's core time. Draws therefore do not depend on when
/// answers are shown. In playback the owner shows the answer to a request before it asks for the next due time
/// ([`ClientFlow::awaits_answer`]); then every byte follows from the seed and the desk's answers alone.
///
/// Nothing is allocated after construction.
#[derive(Clone, Debug)]
pub struct ClientFlow {
    config: ClientFlowConfig,
    random: Random,
    /// Number of the next request, from 1.
    number: u64,
    request_due: u64,
    /// Due time of the message taken last.
    now: u64,
    /// By number, modulo its length.
    asked: Box<[Asked]>,
    unanswered: usize,
    reactions: BinaryHeap<Reverse<Reaction>>,
    /// The market as clients see it: of each of the instruments the sum of the best bid and offer; zero if unknown.
    market: Box<[i64]>,
    counts: ClientCounts,
}

impl ClientFlow {
    /// A flow whose first request is due one draw after `start_ns`.
    ///
    /// # Errors
    /// [`ClientConfigError`] names the first field that is out of its range.
    pub fn new(config: ClientFlowConfig, seed: u64, start_ns: u64) -> Result<ClientFlow, ClientConfigError> {
        config.check()?;
        let mut random = Random::new(seed);
        let never = Asked {
            number: 0,
            open: false,
            intent: Intent::LetExpire,
            reaction_ns: 0,
            side: Side::Buy,
            view_e8: 0,
        };
        Ok(ClientFlow {
            market: vec![0; config.instruments.len()].into_boxed_slice(),
            number: 1,
            request_due: start_ns.saturating_add(random.exponential(config.interval_ns_mean)),
            now: start_ns,
            asked: vec![never; config.open_max].into_boxed_slice(),
            unanswered: 0,
            reactions: BinaryHeap::with_capacity(config.open_max),
            counts: ClientCounts::default(),
            random,
            config,
        })
    }

    /// When the next message is due, in nanoseconds since the epoch: never before one that was taken. `None` if
    /// there will be none unless a quote comes.
    pub fn next_due(&self) -> Option<u64> {
        let reaction = self.reactions.peek().map(|Reverse(reaction)| reaction.due);
        [self.next_request(), reaction].into_iter().flatten().min()
    }

    /// The message that is due next: a [`QuoteRequest`], a [`NewOrderSingle`] or a [`QuoteResponse`]. Its `ts_recv`
    /// is its due time. A reaction goes before a request of the same time.
    ///
    /// # Panics
    /// If [`ClientFlow::next_due`] is `None`.
    pub fn take(&mut self) -> Frame {
        self.now = self.next_due().expect("a message is taken only when one is due");
        match self.reactions.peek() {
            Some(Reverse(reaction)) if reaction.due == self.now => self.react(),
            _ => self.ask(),
        }
    }

    /// Whether a request was taken whose answer was not shown yet. A request that its owner could not deliver is
    /// answered by the owner, with a [`QuoteRequestReject`] of its own making.
    pub fn awaits_answer(&self) -> bool {
        self.unanswered > 0
    }

    /// Shows the flow an output of the desk. What is not for its session is not looked at.
    pub fn on_output(&mut self, frame: &Frame) {
        if let Some(quote) = frame.get::<Quote>() {
            if quote.session == self.config.session {
                self.counts.quotes += 1;
                self.on_quote(quote);
            }
        } else if let Some(reject) = frame.get::<QuoteRequestReject>() {
            if reject.session == self.config.session {
                self.counts.rejects += 1;
                self.answered(&reject.quote_req_id);
            }
        } else if let Some(report) = frame.get::<ExecutionReport>() {
            if report.session == self.config.session {
                match ExecType::from_byte(report.exec_type) {
                    Some(ExecType::Trade) => self.counts.fills += 1,
                    _ => self.counts.order_rejects += 1,
                }
            }
        } else if let Some(report) = frame.get::<QuoteStatusReport>()
            && report.session == self.config.session
        {
            self.counts.quotes_ended += 1;
        }
    }

    /// Shows the clients the market: by their own view of it they take a price or leave it.
    pub fn on_top(&mut self, top: &TopOfBook) {
        if let Some(at) = self.place(top.instrument) {
            self.market[at] = top.bid_px.0 + top.ask_px.0;
        }
    }

    /// From now on no request is made; reactions to quotes still are.
    pub fn stop_asking(&mut self) {
        self.config.end_ns = 0;
    }

    /// What was done so far.
    pub fn counts(&self) -> ClientCounts {
        self.counts
    }

    fn place(&self, instrument: InstrumentId) -> Option<usize> {
        self.config
            .instruments
            .iter()
            .position(|range| range.instrument == instrument)
    }

    /// Whether a client takes this price, by its view of the market.
    fn likes(&self, asked: &Asked, instrument: InstrumentId, px: Px) -> bool {
        if self.config.view_e8_max == 0 {
            return true;
        }
        let mid_x2 = self.place(instrument).map_or(0, |at| self.market[at]);
        let worse_x2 = (i128::from(px.0) * 2 - i128::from(mid_x2)) * i128::from(asked.side.sign());
        mid_x2 > 0 && worse_x2 * i128::from(E8) <= i128::from(mid_x2) * i128::from(asked.view_e8)
    }

    fn next_request(&self) -> Option<u64> {
        (self.request_due < self.config.end_ns).then_some(self.request_due)
    }

    fn ask(&mut self) -> Frame {
        let (number, due) = (self.number, self.now);
        let mut request = self.draw_request(number, due);
        if self.random.chance_e8(self.config.bad_e8) {
            self.counts.bad_requests += 1;
            self.spoil(&mut request);
        }
        let asked = self.draw_intent(number, request.side);
        let slot = &mut self.asked[(number % self.config.open_max as u64) as usize];
        if slot.open {
            self.counts.requests_given_up += 1;
        } else {
            self.unanswered += 1;
        }
        *slot = asked;
        self.number += 1;
        self.counts.requests += 1;
        self.request_due = due.saturating_add(self.random.exponential(self.config.interval_ns_mean));
        Frame::of(&request)
    }

    fn draw_request(&mut self, number: u64, due: u64) -> QuoteRequest {
        let client = ClientId(self.random.below(u64::from(self.config.clients)) as u32);
        let range = self.config.instruments[self.random.below(self.config.instruments.len() as u64) as usize];
        let steps = self.random.between(range.steps_min(), range.steps_max());
        let two_sided = self.random.chance_e8(self.config.two_sided_e8);
        let side = self.draw_side();
        QuoteRequest {
            quote_req_id: numbered(b'R', number),
            client,
            instrument: range.instrument,
            qty: Qty(steps * range.qty_lots_step.0),
            side: if two_sided { TWO_SIDED } else { side.fix() },
            session: self.config.session,
            ts_recv: due,
            ..QuoteRequest::zeroed()
        }
    }

    /// Makes a request one that must be refused. On a step of one lot nothing is off the step: zero then.
    fn spoil(&mut self, request: &mut QuoteRequest) {
        let step = self
            .config
            .instruments
            .iter()
            .find(|range| range.instrument == request.instrument)
            .map_or(1, |range| range.qty_lots_step.0);
        match self.random.below(3) {
            0 if step > 1 => request.qty.0 -= 1,
            1 => request.instrument = UNKNOWN_INSTRUMENT,
            _ => request.qty = Qty::ZERO,
        }
    }

    /// Takes the same number of draws whatever comes of them.
    fn draw_intent(&mut self, number: u64, side_asked: u8) -> Asked {
        let fate = self.random.below(E8 as u64);
        let accept_below = u64::from(self.config.accept_e8);
        let intent = if fate < accept_below {
            Intent::Accept
        } else if fate < accept_below + u64::from(self.config.pass_e8) {
            Intent::Pass
        } else {
            Intent::LetExpire
        };
        let span = self.config.reaction_ns_max - self.config.reaction_ns_min;
        let reaction_ns = self.config.reaction_ns_min + self.random.below(span + 1);
        let chosen = self.draw_side();
        let view_e8 = match self.config.view_e8_max {
            0 => 0,
            most => self.random.between(0, most.into()),
        };
        Asked {
            view_e8,
            number,
            open: true,
            intent,
            reaction_ns,
            side: Side::from_fix(side_asked).unwrap_or(chosen),
        }
    }

    fn draw_side(&mut self) -> Side {
        if self.random.below(2) == 0 {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    /// Closes the request that an answer names, if it is one that is open.
    fn answered(&mut self, quote_req_id: &Text<24>) -> Option<Asked> {
        let number = number_of(quote_req_id);
        let slot = number.map(|number| &mut self.asked[(number % self.config.open_max as u64) as usize]);
        match slot {
            Some(slot) if slot.open && Some(slot.number) == number => {
                slot.open = false;
                self.unanswered -= 1;
                Some(*slot)
            }
            _ => {
                self.counts.answers_unmatched += 1;
                None
            }
        }
    }

    fn on_quote(&mut self, quote: &Quote) {
        let Some(asked) = self.answered(&quote.quote_req_id) else {
            return;
        };
        let px = match asked.side {
            Side::Buy => quote.offer_px,
            Side::Sell => quote.bid_px,
        };
        let message = match asked.intent {
            Intent::LetExpire => return,
            Intent::Accept if self.likes(&asked, quote.instrument, px) => Message::Order {
                quote_id: quote.quote_id,
                client: quote.client,
                instrument: quote.instrument,
                qty: quote.qty,
                px,
                side: asked.side.fix(),
            },
            Intent::Accept | Intent::Pass => Message::Pass {
                quote_id: quote.quote_id,
                client: quote.client,
            },
        };
        if self.reactions.len() == self.config.open_max {
            self.counts.reactions_dropped += 1;
            return;
        }
        // A quote that is shown late, as happens live, must not bring a due time behind one already taken.
        let due = quote
            .header
            .ts_core
            .saturating_add(asked.reaction_ns)
            .max(self.now);
        self.reactions.push(Reverse(Reaction {
            due,
            number: asked.number,
            message,
        }));
    }

    fn react(&mut self) -> Frame {
        let Reverse(reaction) = self.reactions.pop().expect("a reaction was seen to be due");
        match reaction.message {
            Message::Order {
                quote_id,
                client,
                instrument,
                qty,
                px,
                side,
            } => {
                self.counts.orders += 1;
                Frame::of(&NewOrderSingle {
                    cl_ord_id: numbered(b'O', reaction.number),
                    quote_id,
                    client,
                    instrument,
                    qty,
                    px,
                    side,
                    ord_type: OrdType::PreviouslyQuoted.byte(),
                    session: self.config.session,
                    ts_recv: reaction.due,
                    ..NewOrderSingle::zeroed()
                })
            }
            Message::Pass { quote_id, client } => {
                self.counts.passes += 1;
                Frame::of(&QuoteResponse {
                    quote_id,
                    client,
                    session: self.config.session,
                    resp_type: QuoteRespType::Pass.byte(),
                    ts_recv: reaction.due,
                    ..QuoteResponse::zeroed()
                })
            }
        }
    }
}

/// A letter and a number of at least eight digits: `R00000123`.
fn numbered(letter: u8, number: u64) -> Text<24> {
    let mut text = [b'0'; 24];
    let mut rest = number;
    let mut start = text.len();
    while rest > 0 || start > text.len() - 8 {
        start -= 1;
        text[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    start -= 1;
    text[start] = letter;
    core::str::from_utf8(&text[start..])
        .ok()
        .and_then(Text::new)
        .expect("a letter and at most twenty digits are ASCII and fit")
}

/// The number in a text that [`numbered`] made of a request.
fn number_of(quote_req_id: &Text<24>) -> Option<u64> {
    let digits = quote_req_id.as_bytes().strip_prefix(b"R")?;
    core::str::from_utf8(digits).ok()?.parse().ok()
}
