//! Shared set-up of the benches.

use std::hint::black_box;

use pinrail_matching::{
    Amend, BookConfig, Bounds, Fill, LevelDelta, Matcher, NewOrder, OrderDelta, Phase, Report, Sink, Top,
};
use pinrail_types::record::TimeInForce;
use pinrail_types::{ClientId, InstrumentId, Px, Qty, Side};

/// A book with 10,000 live orders on 200 prices a side.
#[derive(Debug)]
pub struct DeepBook {
    /// The book.
    pub matcher: Matcher,
    /// What it said.
    pub told: Told<false>,
    /// The next order.
    pub next_id: u64,
}

/// Counts what is said. With `ALL` every change of the book is said too.
#[derive(Debug, Default)]
pub struct Told<const ALL: bool> {
    /// Reports.
    pub reports: u64,
    /// Fills.
    pub fills: u64,
    /// Changes of prices, shown orders and tops.
    pub deltas: u64,
}

impl<const ALL: bool> Sink for Told<ALL> {
    const LEVELS: bool = ALL;
    const ORDERS: bool = ALL;
    const TOPS: bool = ALL;

    #[inline]
    fn report(&mut self, report: &Report) {
        black_box(report);
        self.reports += 1;
    }

    #[inline]
    fn fill(&mut self, fill: &Fill) {
        black_box(fill);
        self.fills += 1;
    }

    #[inline]
    fn level(&mut self, delta: &LevelDelta) {
        black_box(delta);
        self.deltas += 1;
    }

    #[inline]
    fn order(&mut self, delta: &OrderDelta) {
        black_box(delta);
        self.deltas += 1;
    }

    #[inline]
    fn top(&mut self, _instrument: InstrumentId, top: &Top) {
        black_box(top);
        self.deltas += 1;
    }
}

impl DeepBook {
    /// The only book.
    pub const BOOK: InstrumentId = InstrumentId(0);
    /// Of each order that rests.
    pub const QTY: Qty = Qty(10);
    const MIDDLE: i64 = 100_000;
    const ORDERS: u64 = 10_000;
    const PRICES: u64 = 200;

    /// The orders come in no order of price, and at each price as many. At the best offer and the best bid, and at the next of
    /// each, five are left.
    ///
    /// # Panics
    /// If the book does not take an order.
    pub fn new() -> DeepBook {
        let mut matcher = Matcher::new(Bounds {
            books: 1,
            orders: 1 << 15,
            pages: 1 << 10,
            steps: 1 << 10,
        });
        let opened = matcher.open(DeepBook::BOOK, &BookConfig::default());
        let opened = opened.and_then(|()| matcher.set_phase(DeepBook::BOOK, Phase::Continuous, &mut ()));
        assert_eq!(opened, Ok(()));
        let mut book = DeepBook {
            matcher,
            told: Told::default(),
            next_id: 1,
        };
        for n in 0..DeepBook::ORDERS {
            let side = [Side::Buy, Side::Sell][n as usize % 2];
            let away = 1 + (n / 2 * 77) % DeepBook::PRICES;
            book.submit(&book.order(side, away as i64, DeepBook::QTY));
        }
        for side in [Side::Buy, Side::Sell] {
            for away in [1, 2] {
                let px = book.px(side, away);
                let first: Vec<u64> = book
                    .matcher
                    .orders(DeepBook::BOOK, side)
                    .filter_map(|order| (order.px == px).then_some(order.order_id))
                    .collect();
                for id in &first[5..] {
                    assert_eq!(book.matcher.cancel(*id, &mut book.told), Ok(()));
                }
            }
        }
        book.told = Told::default();
        book
    }

    /// The price so many ticks from the middle, the best being one away.
    pub fn px(&self, side: Side, away: i64) -> Px {
        Px(DeepBook::MIDDLE - away * side.sign())
    }

    /// The next order: a limit order so many ticks from the middle.
    pub fn order(&self, side: Side, away: i64, qty: Qty) -> NewOrder {
        NewOrder::limit(self.next_id, ClientId(0), side, self.px(side, away), qty)
    }

    /// An order that takes so many of the best of the other side.
    pub fn take(&self, side: Side, makers: i64) -> NewOrder {
        NewOrder {
            time_in_force: TimeInForce::ImmediateOrCancel,
            ..self.order(side, -10, Qty(DeepBook::QTY.0 * makers))
        }
    }

    /// # Panics
    /// If it is not taken.
    #[inline]
    pub fn submit(&mut self, order: &NewOrder) {
        let taken = self.matcher.submit(DeepBook::BOOK, order, &mut self.told);
        assert_eq!(taken, Ok(()));
        self.next_id += 1;
    }

    /// The bid in the middle of the queue so many ticks from the middle.
    ///
    /// # Panics
    /// If there is none.
    pub fn bid_within(&self, away: i64) -> u64 {
        let px = self.px(Side::Buy, away);
        let bids = self.matcher.orders(DeepBook::BOOK, Side::Buy);
        let queue: Vec<u64> = bids.filter(|bid| bid.px == px).map(|bid| bid.order_id).collect();
        queue[queue.len() / 2]
    }

    /// Another price and quantity for that bid.
    pub fn amend(&self, away: i64, to: i64, qty: Qty) -> Amend {
        Amend {
            order_id: self.bid_within(away),
            px: self.px(Side::Buy, to),
            qty,
            stop_px: Px::NONE,
        }
    }
}

impl Default for DeepBook {
    fn default() -> Self {
        DeepBook::new()
    }
}
