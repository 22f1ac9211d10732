//! Clients: what they ask, take, give back and send to the desk's own book, and what they get wrong.

use bytemuck::Zeroable;
use pinrail_engine::Out;
use pinrail_types::record::{
    DealerPass, DealerQuote, DealerRequest, ExecutionReport, NewOrderSingle, OrdType, OrderMassCancelRequest,
    Quote, QuoteCancel, QuoteRequest, QuoteRespType, QuoteResponse, SessionEvent, SessionEventKind,
};
use pinrail_types::{Amount, ClientId, Frame, InstrumentId, OutId, Px, Qty, SessionId, Text};

use crate::market;
use crate::package_flow::PackageFlow;
use crate::random::Random;

/// Clients, their sessions, and one more of each that nobody knows.
pub(crate) const CLIENTS: u64 = 3;
pub(crate) const SESSIONS: u64 = 4;

/// How much of the past they remember.
const REMEMBERED: usize = 64;

#[derive(Default)]
pub(crate) struct Clients {
    quotes: Vec<Quote>,
    waiting: Vec<DealerRequest>,
    requests: Vec<QuoteRequest>,
    accepts: Vec<NewOrderSingle>,
    /// Names of orders in the desk's own book, and whose they are.
    orders: Vec<(Text<24>, u32)>,
    packages: PackageFlow,
    number: u64,
}

pub(crate) fn remember<T>(list: &mut Vec<T>, item: T) {
    if list.len() == REMEMBERED {
        list.remove(0);
    }
    list.push(item);
}

impl Clients {
    /// What they are told.
    pub(crate) fn hear(&mut self, out: &Out) {
        for quote in out.find::<Quote>() {
            remember(&mut self.quotes, quote);
        }
        self.packages.hear(out);
        for request in out.find::<DealerRequest>() {
            remember(&mut self.waiting, request);
        }
        for report in out.find::<ExecutionReport>() {
            if report.quote_id.is_none() {
                remember(&mut self.orders, (report.cl_ord_id, report.client.0));
            }
        }
    }

    fn name(&mut self, kind: char) -> Text<24> {
        self.number += 1;
        Text::new(&format!("{kind}{}", self.number)).unwrap()
    }

    pub(crate) fn request(&mut self, random: &mut Random, now: u64) -> Frame {
        if random.once_in(25)
            && let Some(again) = random.pick_late(&self.requests)
        {
            return Frame::of(&again);
        }
        let (client, instrument) = (
            CLIENTS + u64::from(random.once_in(50)),
            2 + u64::from(random.once_in(50)),
        );
        let qty_max = if random.once_in(10) { 20_000 } else { 400 };
        let mut request = QuoteRequest {
            quote_req_id: self.name('R'),
            client: ClientId(random.below(client) as u32),
            instrument: InstrumentId(random.below(instrument) as u32),
            qty: Qty(random.between(1, qty_max)),
            side: [b'1', b'2', 0][random.below(3) as usize],
            session: SessionId(random.below(SESSIONS) as u16),
            ts_recv: now,
            ..Zeroable::zeroed()
        };
        match random.below(16) {
            0 => request.quote_type = b'0',
            1 | 2 => request.min_qty = Qty(random.between(0, request.qty.0 + 2)),
            3 => (request.subscription, request.min_qty) = (b'1', Qty::ZERO),
            4 => request.subscription = b'2',
            5 => {
                request.cash = Amount::new(i128::from(request.qty.0) * 100_000);
                request.qty = Qty(random.below(20) as i64 / 19);
            }
            6 => request.valid_until = now.saturating_sub(10) + random.below(20_000),
            7 => request.side = b'9',
            _ => {}
        }
        remember(&mut self.requests, request);
        Frame::of(&request)
    }

    pub(crate) fn accept(&mut self, random: &mut Random, now: u64) -> Option<Frame> {
        if random.once_in(12)
            && let Some(again) = random.pick_late(&self.accepts)
        {
            return Some(Frame::of(&again));
        }
        let quote = random.pick_late(&self.quotes)?;
        let sides = [(b'1', quote.offer_px), (b'2', quote.bid_px)];
        let wanted = random.below(2) as usize;
        let (side, px) = if sides[wanted].1 == Px::NONE {
            sides[1 - wanted]
        } else {
            sides[wanted]
        };
        let least = if quote.min_qty == Qty::ZERO {
            quote.qty.0
        } else {
            quote.min_qty.0
        };
        let mut order = NewOrderSingle {
            cl_ord_id: self.name('O'),
            quote_id: quote.quote_id,
            client: quote.client,
            instrument: quote.instrument,
            qty: Qty(random.between(least.min(quote.qty.0), quote.qty.0)),
            px,
            side,
            ord_type: OrdType::PreviouslyQuoted.byte(),
            session: quote.session,
            ts_recv: now,
            ..Zeroable::zeroed()
        };
        match random.below(40) {
            0 => order.px.0 += random.between(-1, 1),
            1 => order.client.0 = (order.client.0 + 1) % CLIENTS as u32,
            2 => order.qty.0 += random.between(-2, 2),
            3 => order.quote_id.seq += 1,
            4 => order.quote_id.epoch = order.quote_id.epoch.wrapping_sub(1),
            5 => order.side = [b'1', b'2', b'0'][random.below(3) as usize],
            6 => order.instrument.0 = 1 - order.instrument.0.min(1),
            7 => order.ord_type = b'2',
            8 => order.cl_ord_id = Text::default(),
            9 => {
                if let Some(other) = random.pick_late(&self.accepts) {
                    (order.cl_ord_id, order.client) = (other.cl_ord_id, other.client);
                }
            }
            _ => {}
        }
        remember(&mut self.accepts, order);
        Some(Frame::of(&order))
    }

    pub(crate) fn give_back(&mut self, random: &mut Random, now: u64) -> Option<Frame> {
        let quote = random.pick_late(&self.quotes)?;
        let mut client = quote.client;
        if random.once_in(10) {
            client.0 = (client.0 + 1) % CLIENTS as u32;
        }
        let cancel = QuoteCancel {
            client,
            session: quote.session,
            ts_recv: now,
            ..Zeroable::zeroed()
        };
        Some(match random.below(8) {
            0..=2 => Frame::of(&QuoteResponse {
                quote_id: quote.quote_id,
                client,
                session: quote.session,
                resp_type: [QuoteRespType::Pass, QuoteRespType::DoneAway][random.below(2) as usize].byte(),
                ..Zeroable::zeroed()
            }),
            3 => Frame::of(&QuoteCancel {
                cancel_type: 4,
                ..cancel
            }),
            4 | 5 => Frame::of(&QuoteCancel {
                cancel_type: 5,
                quote_id: quote.quote_id,
                ..cancel
            }),
            _ => {
                let request = random.pick_late(&self.requests)?;
                Frame::of(&QuoteCancel {
                    cancel_type: 5,
                    client: request.client,
                    quote_req_id: request.quote_req_id,
                    ..cancel
                })
            }
        })
    }

    pub(crate) fn session(random: &mut Random) -> Frame {
        Frame::of(&SessionEvent {
            session: SessionId(random.below(SESSIONS) as u16),
            kind: if random.once_in(3) {
                SessionEventKind::Gone
            } else {
                SessionEventKind::Back
            }
            .byte(),
            ..Zeroable::zeroed()
        })
    }

    pub(crate) fn ask_package(&mut self, random: &mut Random, now: u64) -> Frame {
        let name = self.name('P');
        self.packages.request(random, name, now)
    }

    /// Takes a package, now and then under the id of an order for something else, or the other way round.
    pub(crate) fn take_package(&mut self, random: &mut Random, now: u64) -> Option<Frame> {
        let name = self.name('M');
        let mut order = self.packages.accept(random, name, now)?;
        if random.once_in(40)
            && let Some(other) = random.pick_late(&self.accepts)
        {
            (order.cl_ord_id, order.client) = (other.cl_ord_id, other.client);
        }
        Some(Frame::of(&order))
    }

    pub(crate) fn give_back_package(&mut self, random: &mut Random, now: u64) -> Option<Frame> {
        self.packages.give_back(random, now)
    }

    /// What a dealer answers to a request that waits, or that no longer does.
    pub(crate) fn dealer(&mut self, random: &mut Random, mid: i64) -> Option<Frame> {
        let request = random.pick_late(&self.waiting)?;
        let actor = Text::new(if random.once_in(20) { "" } else { "dora" }).unwrap();
        if random.once_in(4) {
            return Some(Frame::of(&DealerPass {
                request_id: request.request_id,
                actor,
                ..Zeroable::zeroed()
            }));
        }
        let away = random.between(-2, 60);
        let of = |asked: bool, px| if asked { Px(px) } else { Px::NONE };
        Some(Frame::of(&DealerQuote {
            request_id: request.request_id,
            bid_px: of(request.side != b'1', mid - away),
            offer_px: of(request.side != b'2', mid + away),
            valid_ns: random.below(3) * 5_000,
            actor,
            ..Zeroable::zeroed()
        }))
    }

    /// What goes to the desk's own book.
    pub(crate) fn book_flow(&mut self, random: &mut Random, mid: i64) -> Frame {
        let client = random.below(CLIENTS) as u32;
        let held = random.pick_late(&self.orders);
        match (random.below(10), held) {
            (0 | 1, Some((name, client))) => {
                let mut cancel = market::cancel("-", client);
                cancel.orig_cl_ord_id = name;
                Frame::of(&cancel)
            }
            (2, Some((name, client))) => {
                let to = self.name('B');
                let mut replace = market::replace(
                    "-",
                    "-",
                    client,
                    mid + random.between(-6, 6),
                    random.between(1, 50),
                );
                (replace.orig_cl_ord_id, replace.cl_ord_id) = (name, to);
                Frame::of(&replace)
            }
            (3, _) if random.once_in(8) => Frame::of(&OrderMassCancelRequest {
                cl_ord_id: self.name('B'),
                client: ClientId(client),
                instrument: OrderMassCancelRequest::ALL,
                ..Zeroable::zeroed()
            }),
            _ => {
                let qty = random.between(1, 40) * [1, -1][random.below(2) as usize];
                let mut order = market::limit("-", client, mid + random.between(-6, 6), qty);
                order.cl_ord_id = self.name('B');
                order.self_match = random.below(5) as u8;
                order.session = SessionId(random.below(SESSIONS) as u16);
                Frame::of(&order)
            }
        }
    }

    /// What was asked for in an own book or of a quote, to be told from what a venue says.
    pub(crate) fn is_accept(report: &ExecutionReport) -> bool {
        report.quote_id != OutId::NONE
    }
}
