//! Simulated clients.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bytemuck::Zeroable;
use pinrail_types::record::{
    ExecType, ExecutionReport, NewOrderSingle, OrdType, Quote, QuoteRequest, QuoteRequestReject,
    QuoteRespType, QuoteResponse, QuoteStatusReport, TWO_SIDED, TopOfBook,
};
use pinrail_types::{ClientId, E8, Frame, InstrumentId, OutId, Px, Qty, Side, Text};

use crate::random::Random;

mod config;
mod packages;

pub use config::{ClientConfigError, ClientFlowConfig, PackageRange, RequestRange, UNKNOWN_INSTRUMENT};
use packages::Packages;

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
    /// Of the requests, those for packages.
    pub package_requests: u64,
    /// Of the fills, those of packages.
    pub package_fills: u64,
    /// Of the requests and the orders, those that were sent a second time.
    pub repeats: u64,
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
    /// An order is sent twice.
    again: bool,
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
    Package {
        quote_id: OutId,
        client: ClientId,
        units: Qty,
        price_units: i128,
        side: u8,
        /// Whether it is to be sent once more.
        again: bool,
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
    packages: Packages,
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
            again: false,
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
            packages: Packages::default(),
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

    /// The message that is due next: a [`QuoteRequest`], a [`NewOrderSingle`], the same of a package, or a [`QuoteResponse`]. Its
    /// `ts_recv` is its due time. A reaction goes before a request of the same time.
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
        } else {
            self.on_package_output(frame);
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
        if !self.config.packages.is_empty() && self.random.chance_e8(self.config.packages_e8) {
            return self.ask_package();
        }
        let (number, due) = (self.number, self.now);
        let mut request = self.draw_request(number, due);
        if self.random.chance_e8(self.config.bad_e8) {
            self.counts.bad_requests += 1;
            self.spoil(&mut request);
        }
        let asked = self.draw_intent(number, request.side);
        self.await_answer(asked);
        self.number += 1;
        self.next_in(due);
        Frame::of(&request)
    }

    /// Counts a request, and draws when the next one is due.
    fn next_in(&mut self, due: u64) {
        self.counts.requests += 1;
        self.request_due = due.saturating_add(self.random.exponential(self.config.interval_ns_mean));
    }

    fn await_answer(&mut self, asked: Asked) {
        let slot = &mut self.asked[(asked.number % self.config.open_max as u64) as usize];
        if slot.open {
            self.counts.requests_given_up += 1;
        } else {
            self.unanswered += 1;
        }
        *slot = asked;
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
            again: false,
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
        self.react_with(&asked, message, quote.header.ts_core);
    }

    /// Sends a message, so long behind the quote at `ts` as the client takes.
    fn react_with(&mut self, asked: &Asked, message: Message, ts: u64) {
        if self.reactions.len() == self.config.open_max {
            self.counts.reactions_dropped += 1;
            return;
        }
        // A quote that is shown late, as happens live, must not bring a due time behind one already taken.
        let due = ts.saturating_add(asked.reaction_ns).max(self.now);
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
            Message::Package { .. } => self.order_package(&reaction),
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
