//! Events of clients' orders in the desk's own books, to both.

use super::*;
use crate::book::{BookAsk, BookMarket};

/// An open order: what it is, and the price that it is held at.
#[derive(Clone, Copy, Debug)]
pub(super) struct BookOrder {
    pub(super) ask: BookAsk,
    pub(super) px: Px,
}

impl BookOrder {
    fn held(&self) -> (Px, Qty) {
        (self.px, self.ask.open)
    }
}

/// The most that a client pays for a trade, as a fraction of it.
pub(super) const fn fee_e8(instrument: InstrumentId) -> i32 {
    [0, 33_333, 2_500_000][instrument.index()]
}

impl Pair {
    fn draw_book_order(&mut self) -> (BookAsk, BookMarket) {
        let instrument = self.below(INSTRUMENTS.into()) as u32;
        let moved = self.pick(&[-10, 0, 0, 0, 10]);
        self.refs[instrument as usize] += moved;
        let ref_px = self.refs[instrument as usize];
        let stop_px = self.pick(&[Px::NONE, Px::NONE, Px::NONE, Px(ref_px + 500)]);
        let around = if stop_px == Px::NONE { ref_px } else { stop_px.0 };
        let near = self.pick(&[-206, -198, -20, -10, 0, 0, 10, 10, 20, 21, 198, 206]);
        let qty = Qty(self.pick(&[0, 2, 4, 4, 5, 20, 20, 20, 60, 60, 88, 92, 102]));
        let ask = BookAsk {
            client: ClientId(self.pick(&[0, 0, 0, 0, 0, 1, 1, 2, 2, CLIENTS])),
            instrument: InstrumentId(instrument),
            side: self.pick(&[Side::Buy, Side::Sell]),
            qty,
            open: qty,
            px: Px(((around + near) & !1) | i64::from(self.below(20) == 0)),
            stop_px,
            reduces: self.below(4) == 0,
        };
        let market = BookMarket {
            ref_px: if self.below(200) == 0 {
                Px::NONE
            } else {
                Px(ref_px)
            },
            mids: (Px(ref_px), Px(ref_px + self.pick(&[0, 0, 50, 51]))),
        };
        (ask, market)
    }

    pub(super) fn book_order(&mut self) -> Result<(), String> {
        let (ask, market) = self.draw_book_order();
        let session = SessionId(self.below(2) as u16);
        let now = self.now;
        let nothing = (Px(0), Qty::ZERO);
        let open = self.naive.open_orders(ask.client);
        let fast = &mut self.fast;
        let taken = fast
            .admit_message(session, ask.client, now)
            .and_then(|()| fast.check_book_order(&ask))
            .and_then(|()| fast.check_duplicate(&ask, now))
            .and_then(|()| fast.check_open_orders(ask.client, open))
            .and_then(|()| fast.reserve_book_order(&ask, &market, nothing, now));
        if taken.is_ok() {
            fast.note_book_order(&ask, now);
        }
        let naive = self.naive.book_order(session, &ask, &market, now);
        self.same(&format!("{ask:?} {market:?}"), &taken, &naive)?;
        for order in &self.naive.book {
            let BookAsk {
                client,
                instrument,
                reduces,
                ..
            } = order.ask;
            let fast = self.fast.forbids_in_book(client, instrument, reduces);
            let naive = self.naive.forbids_in_book(&order.ask);
            self.same(&format!("forbids {order:?}"), &Ok(fast), &Ok(naive))?;
        }
        Ok(())
    }

    fn open_in_book(&mut self) -> Option<usize> {
        let open = self.naive.book.len() as u64;
        (open > 0).then(|| self.below(open) as usize)
    }

    /// A change of price and quantity.
    pub(super) fn change_in_book(&mut self) -> Result<(), String> {
        let Some(at) = self.open_in_book() else {
            return Ok(());
        };
        let held = self.naive.book[at];
        let (drawn, _) = self.draw_book_order();
        let ref_px = Px(self.refs[held.ask.instrument.index()]);
        let market = BookMarket {
            ref_px,
            mids: (ref_px, ref_px),
        };
        let filled = held.ask.qty.0 - held.ask.open.0;
        let ask = BookAsk {
            qty: Qty(filled + drawn.qty.0.max(1)),
            open: Qty(drawn.qty.0.max(1)),
            px: self.pick(&[held.ask.px, drawn.px]),
            reduces: drawn.reduces,
            ..held.ask
        };
        let session = SessionId(self.below(2) as u16);
        let (now, fast) = (self.now, &mut self.fast);
        let fast = fast
            .admit_message(session, ask.client, now)
            .and_then(|()| fast.check_book_order(&ask))
            .and_then(|()| fast.reserve_book_order(&ask, &market, held.held(), now));
        let naive = self.naive.change_in_book(at, session, &ask, &market, now);
        self.same(&format!("{ask:?} {market:?}"), &fast, &naive)
    }

    /// An order ends, by a cancel or not.
    pub(super) fn end_in_book(&mut self) {
        let Some(at) = self.open_in_book() else {
            return;
        };
        let order = self.naive.book.swap_remove(at);
        let client = order.ask.client;
        if self.below(2) == 0 {
            let session = SessionId(self.below(2) as u16);
            self.fast.count_message(session, client, self.now);
            self.naive.count_message(session, client, self.now);
        }
        self.release_in_book(&order);
    }

    pub(super) fn release_in_book(&mut self, order: &BookOrder) {
        let BookAsk {
            client, instrument, ..
        } = order.ask;
        let nothing = (order.px, Qty::ZERO);
        self.fast.hold_for_book(client, instrument, order.held(), nothing);
    }

    /// A part of an order trades, or all of it, and the house earns or pays.
    pub(super) fn trade_in_book(&mut self) {
        let Some(at) = self.open_in_book() else {
            return;
        };
        let order = self.naive.book[at];
        let open = order.ask.open.0;
        let traded = self.pick(&[open, open, 1, open / 2]).clamp(1, open);
        let better = order.ask.side.sign() * self.pick(&[0, 0, 3, 40]);
        let px = Px(order.ask.px.0 - better);
        let fee = self.pick(&[0, 0, 5_000, 900_000, -3_000]);
        let BookAsk {
            client, instrument, ..
        } = order.ask;
        let notional = meta(instrument.0).notional(px, Qty(traded)).unwrap();
        let of_order = (order.px, Qty(traded));
        self.fast
            .traded_in_book((client, instrument), of_order, notional, fee, self.now);
        let left = (order.px, Qty(open - traded));
        self.fast.hold_for_book(client, instrument, order.held(), left);
        self.naive.trade_in_book(at, Qty(traded), px, fee, self.now);
        let (_, cash) = self.naive.booked(instrument);
        self.fast.earned(instrument, cash);
    }
}
