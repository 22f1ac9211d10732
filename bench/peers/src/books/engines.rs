//! The engines, each told the flow in its own words. Their settings are those that they come with; their fills are counted where
//! they give them back.

use std::hint::black_box;

use pinrail_matching::{
    BookConfig, Bounds, Fill, LevelDelta, Matcher, NewOrder, OrderDelta, Phase, Report, Sink, Top,
};
use pinrail_types::record::{OrdType, TimeInForce};
use pinrail_types::{ClientId, InstrumentId, Px, Qty, Side};

use super::flow::{Flow, Kind, Message, Tally};

/// Does what messages say.
pub(crate) trait Engine {
    fn new(flow: &Flow) -> Self;

    fn tell(&mut self, message: &Message, tally: &mut Tally);
}

/// Pinrail's. Its reports are counted and its fills summed.
pub(crate) struct Pinrail<const ALL: bool> {
    matcher: Matcher,
    reports: u64,
}

/// With `ALL` every report is read whole, and every change of the book by price and by order and the best prices are said besides.
struct Told<'a, const ALL: bool> {
    reports: &'a mut u64,
    tally: &'a mut Tally,
}

impl<const ALL: bool> Sink for Told<'_, ALL> {
    const LEVELS: bool = ALL;
    const ORDERS: bool = ALL;
    const TOPS: bool = ALL;

    #[inline]
    fn report(&mut self, report: &Report) {
        if ALL {
            black_box(report);
        }
        *self.reports += 1;
    }

    #[inline]
    fn fill(&mut self, fill: &Fill) {
        self.tally
            .add(fill.px.0.cast_unsigned(), fill.qty.0.cast_unsigned());
    }

    #[inline]
    fn level(&mut self, delta: &LevelDelta) {
        black_box(delta);
    }

    #[inline]
    fn order(&mut self, delta: &OrderDelta) {
        black_box(delta);
    }

    #[inline]
    fn top(&mut self, _instrument: InstrumentId, top: &Top) {
        black_box(top);
    }
}

impl<const ALL: bool> Engine for Pinrail<ALL> {
    fn new(flow: &Flow) -> Self {
        let mut matcher = Matcher::new(Bounds {
            books: flow.books,
            orders: flow.first.len() * 2,
            pages: 1 << 12,
            steps: 1 << 10,
        });
        for book in 0..flow.books {
            let book = InstrumentId(book as u32);
            let opened = matcher
                .open(book, &BookConfig::default())
                .and_then(|()| matcher.set_phase(book, Phase::Continuous, &mut ()));
            assert_eq!(opened, Ok(()));
        }
        Pinrail { matcher, reports: 0 }
    }

    #[inline]
    fn tell(&mut self, message: &Message, tally: &mut Tally) {
        let Pinrail { matcher, reports } = self;
        let sink = &mut Told::<ALL> { reports, tally };
        let book = InstrumentId(message.book.into());
        let side = if message.is_buy { Side::Buy } else { Side::Sell };
        let id = message.order.id.into();
        let (px, qty) = (Px(message.px.into()), Qty(message.qty.into()));
        let order = NewOrder::limit(id, ClientId(0), side, px, qty);
        let taken = match message.kind {
            Kind::Add => matcher.submit(book, &order, sink),
            Kind::Cancel => matcher.cancel(id, sink),
            Kind::Take => {
                let order = NewOrder {
                    ord_type: OrdType::Market,
                    time_in_force: TimeInForce::ImmediateOrCancel,
                    px: Px(if message.is_buy { i64::from(i32::MAX) } else { 1 }),
                    ..order
                };
                matcher.submit(book, &order, sink)
            }
        };
        assert_eq!(taken, Ok(()));
    }
}

pub(crate) struct Lobster(Vec<lobster::OrderBook>);

impl Engine for Lobster {
    fn new(flow: &Flow) -> Self {
        let room = flow.first.len() * 2 / flow.books;
        Lobster(
            (0..flow.books)
                .map(|_| lobster::OrderBook::new(room, 10, false))
                .collect(),
        )
    }

    #[inline]
    fn tell(&mut self, message: &Message, tally: &mut Tally) {
        use lobster::{OrderEvent, OrderType, Side};
        let id = u128::from(message.order.id);
        let side = if message.is_buy { Side::Bid } else { Side::Ask };
        let qty = u64::from(message.qty);
        let event = self.0[usize::from(message.book)].execute(match message.kind {
            Kind::Add => OrderType::Limit {
                id,
                side,
                qty,
                price: message.px.into(),
            },
            Kind::Cancel => OrderType::Cancel { id },
            Kind::Take => OrderType::Market { id, side, qty },
        });
        if let OrderEvent::Filled { fills, .. } | OrderEvent::PartiallyFilled { fills, .. } = &event {
            for fill in fills {
                tally.add(fill.price, fill.qty);
            }
        }
        black_box(event);
    }
}

pub(crate) struct OrderbookRs(Vec<orderbook_rs::OrderBook<()>>);

impl Engine for OrderbookRs {
    fn new(flow: &Flow) -> Self {
        OrderbookRs(
            (0..flow.books)
                .map(|n| orderbook_rs::OrderBook::new(&n.to_string()))
                .collect(),
        )
    }

    #[inline]
    fn tell(&mut self, message: &Message, tally: &mut Tally) {
        use orderbook_rs::{Id, Side, TimeInForce};
        let book = &self.0[usize::from(message.book)];
        let id = Id::from_u64(message.order.id.into());
        let side = if message.is_buy { Side::Buy } else { Side::Sell };
        let qty = u64::from(message.qty);
        match message.kind {
            Kind::Add => {
                let px = u128::from(message.px);
                let _ = black_box(book.add_limit_order(id, px, qty, side, TimeInForce::Gtc, None));
            }
            Kind::Cancel => {
                let _ = black_box(book.cancel_order(id));
            }
            Kind::Take => {
                let taken = book.submit_market_order(id, qty, side);
                for trade in taken.iter().flat_map(|taken| taken.trades().as_vec()) {
                    tally.add(trade.price().as_u128() as u64, trade.quantity().as_u64());
                }
            }
        }
    }
}

pub(crate) struct Matchcore(Vec<matchcore::OrderBook>);

impl Engine for Matchcore {
    fn new(flow: &Flow) -> Self {
        Matchcore(
            (0..flow.books)
                .map(|n| matchcore::OrderBook::new(&n.to_string()))
                .collect(),
        )
    }

    #[inline]
    fn tell(&mut self, message: &Message, tally: &mut Tally) {
        use matchcore::{
            CancelCmd, Command, CommandKind, CommandMeta, CommandOutcome, CommandReport, LimitOrder,
            MarketOrder, NewOrder, OrderFlags, OrderId, OrderKind, Price, Quantity, QuantityPolicy,
            SequenceNumber, Side, SubmitCmd, TimeInForce, Timestamp,
        };
        let side = if message.is_buy { Side::Buy } else { Side::Sell };
        let quantity = Quantity(u64::from(message.qty));
        let kind = match message.kind {
            Kind::Add => CommandKind::Submit(SubmitCmd {
                order: NewOrder::Limit(LimitOrder::new(
                    Price(message.px.into()),
                    QuantityPolicy::Standard { quantity },
                    OrderFlags::new(side, false, TimeInForce::Gtc),
                )),
            }),
            Kind::Cancel => CommandKind::Cancel(CancelCmd {
                order_id: OrderId(message.order.number.into()),
                order_kind: OrderKind::Limit,
            }),
            Kind::Take => CommandKind::Submit(SubmitCmd {
                order: NewOrder::Market(MarketOrder::new(quantity, side, false)),
            }),
        };
        let meta = CommandMeta {
            sequence_number: SequenceNumber(message.number.into()),
            timestamp: Timestamp(message.number.into()),
        };
        let outcome = self.0[usize::from(message.book)].execute(&Command { meta, kind });
        if let CommandOutcome::Applied(CommandReport::Submit(effects)) = &outcome
            && let Some(matched) = effects.target_order().match_result()
        {
            for trade in matched.trades() {
                tally.add(trade.price().0, trade.quantity().0);
            }
        }
        black_box(outcome);
    }
}

/// Without its event log, which a feature takes away. It chooses the ids.
pub(crate) struct Nanobook(Vec<nanobook::Exchange>);

impl Engine for Nanobook {
    fn new(flow: &Flow) -> Self {
        Nanobook((0..flow.books).map(|_| nanobook::Exchange::new()).collect())
    }

    #[inline]
    fn tell(&mut self, message: &Message, tally: &mut Tally) {
        use nanobook::{OrderId, Price, Side, TimeInForce};
        let book = &mut self.0[usize::from(message.book)];
        let side = if message.is_buy { Side::Buy } else { Side::Sell };
        let qty = u64::from(message.qty);
        let submitted = match message.kind {
            Kind::Add => book.submit_limit(side, Price(message.px.into()), qty, TimeInForce::GTC),
            Kind::Cancel => {
                black_box(book.cancel(OrderId(message.order.nth.into())));
                return;
            }
            Kind::Take => book.submit_market(side, qty),
        };
        for trade in &submitted.trades {
            tally.add(trade.price.0.cast_unsigned(), trade.quantity);
        }
        black_box(submitted);
    }
}
