//! Clients that ask for packages, and what they do with the quotes that they get.

use std::cmp::Reverse;

use bytemuck::Zeroable;
use pinrail_types::record::{
    ExecType, LEGS_MAX, MultilegExecutionReport, MultilegQuote, MultilegQuoteLeg, MultilegQuoteReject,
    MultilegQuoteRequest, MultilegReportingType, NewOrderMultileg, OrdType, TWO_SIDED,
};
use pinrail_types::{Amount, ClientId, Flags, Frame, Qty, Side};

use super::config::UNKNOWN_INSTRUMENT;
use super::{Asked, ClientFlow, Intent, Message, Reaction, numbered};

/// What is remembered of packages.
#[derive(Clone, Debug, Default)]
pub(super) struct Packages {
    /// The last request, and its number.
    last: Option<(u64, MultilegQuoteRequest)>,
    /// A quote whose legs are being told.
    quote: Option<MultilegQuote>,
    /// As far as they were told; places behind are of no meaning.
    legs: [Option<MultilegQuoteLeg>; LEGS_MAX],
}

impl ClientFlow {
    /// The next request, which is for a package.
    pub(super) fn ask_package(&mut self) -> Frame {
        let (number, due) = (self.number, self.now);
        let mut request = self.draw_package(number, due);
        let mut asked = self.draw_intent(number, request.side);
        asked.again = self.random.chance_e8(self.config.bad_e8);
        if self.random.chance_e8(self.config.bad_e8) {
            self.counts.bad_requests += 1;
            match self.spoil_package(&mut request) {
                None => {}
                Some(of) => {
                    // Nobody answers twice: what comes of the second is let be.
                    asked = Asked {
                        number: of,
                        intent: Intent::LetExpire,
                        ..asked
                    };
                    self.counts.repeats += 1;
                }
            }
        }
        self.await_answer(asked);
        if asked.number == number {
            self.number += 1;
            self.packages.last = Some((number, request));
        }
        self.counts.package_requests += 1;
        self.next_in(due);
        Frame::of(&request)
    }

    fn draw_package(&mut self, number: u64, due: u64) -> MultilegQuoteRequest {
        let client = ClientId(self.random.below(u64::from(self.config.clients)) as u32);
        let at = self.random.below(self.config.packages.len() as u64) as usize;
        let units = self.random.between(1, self.config.packages[at].units_max.0);
        let two_sided = self.random.chance_e8(self.config.two_sided_e8);
        let side = self.draw_side();
        let mut legs = [(UNKNOWN_INSTRUMENT, 0, Qty::ZERO); LEGS_MAX];
        let wanted = &self.config.packages[at].legs;
        for (place, (instrument, side, ratio)) in legs.iter_mut().zip(wanted) {
            *place = (*instrument, side.fix(), *ratio);
        }
        MultilegQuoteRequest {
            quote_req_id: numbered(b'R', number),
            client,
            session: self.config.session,
            side: if two_sided { TWO_SIDED } else { side.fix() },
            units: Qty(units),
            ts_recv: due,
            ..MultilegQuoteRequest::zeroed()
        }
        .with_legs(&legs[..wanted.len()])
    }

    /// Makes a request one that must be refused. One that came before is asked for again under its number.
    fn spoil_package(&mut self, request: &mut MultilegQuoteRequest) -> Option<u64> {
        match (self.random.below(4), self.config.odd_leg, self.packages.last) {
            (0, _, _) => request.leg_1_instrument = UNKNOWN_INSTRUMENT,
            (1, Some(odd), _) => request.leg_1_instrument = odd,
            (2, _, Some((number, last))) => {
                *request = MultilegQuoteRequest {
                    ts_recv: request.ts_recv,
                    ..last
                };
                return Some(number);
            }
            _ => request.units = Qty::ZERO,
        }
        None
    }

    /// Shows the flow an output of the desk that may be about packages.
    pub(super) fn on_package_output(&mut self, frame: &Frame) {
        let session = self.config.session;
        if let Some(quote) = frame.get::<MultilegQuote>() {
            self.packages.quote = (quote.session == session).then_some(*quote);
        } else if let Some(leg) = frame.get::<MultilegQuoteLeg>() {
            self.on_leg(leg);
        } else if let Some(reject) = frame.get::<MultilegQuoteReject>() {
            if reject.session == session {
                self.counts.rejects += 1;
                self.answered(&reject.quote_req_id);
            }
        } else if let Some(report) = frame.get::<MultilegExecutionReport>()
            && report.session == session
            && report.reporting_type == MultilegReportingType::Package.byte()
            && !frame.flags().has(Flags::POSS_RESEND)
        {
            match ExecType::from_byte(report.exec_type) {
                Some(ExecType::Trade) => {
                    self.counts.fills += 1;
                    self.counts.package_fills += 1;
                }
                Some(ExecType::Rejected) => self.counts.order_rejects += 1,
                _ => {}
            }
        }
    }

    /// A quote is looked at once all of its legs were told.
    fn on_leg(&mut self, leg: &MultilegQuoteLeg) {
        let quote = self.packages.quote.filter(|quote| quote.quote_id == leg.quote_id);
        let (Some(quote), Some(place)) = (quote, self.packages.legs.get_mut(usize::from(leg.leg))) else {
            return;
        };
        *place = Some(*leg);
        if leg.leg + 1 == quote.legs {
            self.packages.quote = None;
            self.counts.quotes += 1;
            self.on_package(&quote);
        }
    }

    fn on_package(&mut self, quote: &MultilegQuote) {
        let Some(asked) = self.answered(&quote.quote_req_id) else {
            return;
        };
        let message = match asked.intent {
            Intent::LetExpire => return,
            Intent::Accept if self.likes_legs(&asked, quote.legs) => Message::Package {
                quote_id: quote.quote_id,
                client: quote.client,
                units: quote.units,
                price_units: match asked.side {
                    Side::Buy => quote.offer_amt.get(),
                    Side::Sell => quote.bid_amt.get(),
                },
                side: asked.side.fix(),
                again: asked.again,
            },
            Intent::Accept | Intent::Pass => Message::Pass {
                quote_id: quote.quote_id,
                client: quote.client,
            },
        };
        self.react_with(&asked, message, quote.header.ts_core);
    }

    /// Whether a client takes a package: it takes the price of each leg. A fraction of what the whole costs says nothing, since
    /// that may be near zero.
    fn likes_legs(&self, asked: &Asked, legs: u8) -> bool {
        let legs = self.packages.legs.iter().flatten().take(legs.into());
        legs.into_iter().all(|leg| {
            let its = Side::from_fix(leg.side).expect("a leg is bought or sold");
            let side = if asked.side == Side::Buy {
                its
            } else {
                its.opposite()
            };
            let px = match side {
                Side::Buy => leg.offer_px,
                Side::Sell => leg.bid_px,
            };
            self.likes(&Asked { side, ..*asked }, leg.instrument, px)
        })
    }

    /// An order for a package that is due.
    pub(super) fn order_package(&mut self, reaction: &Reaction) -> Frame {
        let Message::Package {
            quote_id,
            client,
            units,
            price_units,
            side,
            again,
        } = reaction.message
        else {
            unreachable!("it is for a package");
        };
        if again {
            // There is room: this one has just left.
            self.reactions.push(Reverse(Reaction {
                due: reaction.due + 1,
                message: Message::Package {
                    quote_id,
                    client,
                    units,
                    price_units,
                    side,
                    again: false,
                },
                ..*reaction
            }));
            self.counts.repeats += 1;
        }
        self.counts.orders += 1;
        Frame::of(&NewOrderMultileg {
            cl_ord_id: numbered(b'O', reaction.number),
            quote_id,
            client,
            session: self.config.session,
            side,
            ord_type: OrdType::PreviouslyQuoted.byte(),
            units,
            price_amt: Amount::new(price_units),
            ts_recv: reaction.due,
            ..NewOrderMultileg::zeroed()
        })
    }
}
