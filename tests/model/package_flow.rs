//! Clients of packages: what they ask, take and get wrong, over and over.

use bytemuck::Zeroable;
use pinrail_engine::Out;
use pinrail_types::record::{
    LEGS_MAX, MultilegQuote, MultilegQuoteRequest, NewOrderMultileg, OrdType, QuoteCancel, QuoteRespType,
    QuoteResponse,
};
use pinrail_types::{Amount, ClientId, Frame, InstrumentId, Qty, SessionId, Text};

use crate::clients::{CLIENTS, SESSIONS, remember};
use crate::random::Random;

#[derive(Default)]
pub(crate) struct PackageFlow {
    quotes: Vec<MultilegQuote>,
    requests: Vec<MultilegQuoteRequest>,
    accepts: Vec<NewOrderMultileg>,
}

impl PackageFlow {
    pub(crate) fn hear(&mut self, out: &Out) {
        for quote in out.find::<MultilegQuote>() {
            remember(&mut self.quotes, quote);
        }
    }

    /// A request under `name`, or one that came before.
    pub(crate) fn request(&mut self, random: &mut Random, name: Text<24>, now: u64) -> Frame {
        if random.once_in(25)
            && let Some(again) = random.pick_late(&self.requests)
        {
            return Frame::of(&again);
        }
        let near = random.below(2) as u32;
        let mut legs = vec![near, 1 - near];
        if random.once_in(30) {
            legs[1] = near;
        }
        if random.once_in(25) {
            // One that is quoted in another asset, one that is none.
            legs.push(2 + u32::from(random.once_in(2)));
        }
        if random.once_in(60) {
            legs.truncate(1);
        }
        let legs: Vec<_> = legs
            .into_iter()
            .map(|instrument| {
                let side = [b'1', b'2', b'0'][if random.once_in(80) {
                    2
                } else {
                    random.below(2) as usize
                }];
                let ratio = if random.once_in(80) {
                    0
                } else {
                    random.between(1, 5)
                };
                (InstrumentId(instrument), side, Qty(ratio))
            })
            .collect();
        let units_max = if random.once_in(10) { 4_000 } else { 60 };
        let clients = CLIENTS + u64::from(random.once_in(50));
        let client = random.below(clients);
        let mut request = MultilegQuoteRequest {
            quote_req_id: name,
            client: ClientId(client as u32),
            session: SessionId(random.below(SESSIONS) as u16),
            side: [b'1', b'2', 0][random.below(3) as usize],
            units: Qty(random.between(1, units_max)),
            ts_recv: now,
            ..Zeroable::zeroed()
        }
        .with_legs(&legs);
        match random.below(24) {
            0 => request.quote_type = b'0',
            1 => request.side = b'9',
            2 => request.valid_until = now.saturating_sub(10) + random.below(20_000),
            3 => request.legs = random.below(LEGS_MAX as u64 + 3) as u8,
            4 => request.units = Qty(random.hostile() as i64),
            _ => {}
        }
        remember(&mut self.requests, request);
        Frame::of(&request)
    }

    /// An order under `name`, or one that came before.
    pub(crate) fn accept(
        &mut self,
        random: &mut Random,
        name: Text<24>,
        now: u64,
    ) -> Option<NewOrderMultileg> {
        if random.once_in(12)
            && let Some(again) = random.pick_late(&self.accepts)
        {
            return Some(again);
        }
        let quote = random.pick_late(&self.quotes)?;
        let buys = match quote.side {
            b'1' => true,
            b'2' => false,
            _ => random.once_in(2),
        };
        let mut order = NewOrderMultileg {
            cl_ord_id: name,
            quote_id: quote.quote_id,
            client: quote.client,
            session: quote.session,
            side: if buys { b'1' } else { b'2' },
            ord_type: OrdType::PreviouslyQuoted.byte(),
            units: quote.units,
            price_amt: if buys { quote.offer_amt } else { quote.bid_amt },
            ts_recv: now,
            ..Zeroable::zeroed()
        };
        match random.below(40) {
            0 => order.price_amt = Amount::new(order.price_amt.get() + i128::from(random.between(-1, 1))),
            1 => order.client.0 = (order.client.0 + 1) % CLIENTS as u32,
            2 => order.units.0 += random.between(-2, 2),
            3 => order.quote_id.seq += 1,
            4 => order.quote_id.epoch = order.quote_id.epoch.wrapping_sub(1),
            5 => order.side = [b'1', b'2', b'0'][random.below(3) as usize],
            6 => order.ord_type = b'2',
            7 => order.cl_ord_id = Text::default(),
            8 => (order.side, order.price_amt) = (b'1', quote.offer_amt),
            9 => (order.side, order.price_amt) = (b'2', quote.bid_amt),
            10 => {
                if let Some(other) = random.pick_late(&self.accepts) {
                    (order.cl_ord_id, order.client) = (other.cl_ord_id, other.client);
                }
            }
            _ => {}
        }
        remember(&mut self.accepts, order);
        Some(order)
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
            cancel_type: 5,
            ts_recv: now,
            ..Zeroable::zeroed()
        };
        Some(match random.below(3) {
            0 => Frame::of(&QuoteResponse {
                quote_id: quote.quote_id,
                client,
                session: quote.session,
                resp_type: [QuoteRespType::Pass, QuoteRespType::DoneAway][random.below(2) as usize].byte(),
                ..Zeroable::zeroed()
            }),
            1 => Frame::of(&QuoteCancel {
                quote_id: quote.quote_id,
                ..cancel
            }),
            _ => Frame::of(&QuoteCancel {
                quote_req_id: quote.quote_req_id,
                ..cancel
            }),
        })
    }
}
