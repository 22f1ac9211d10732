//! What the twin knows of clients' orders in the desk's own books.

use super::*;
use crate::book::{BookAsk, BookMarket};
use crate::twin::book::{BookOrder, fee_e8};

/// A trade of a client with another.
#[derive(Clone, Copy, Debug)]
pub(super) struct BookTrade {
    client: ClientId,
    owed: i128,
}

fn worth(px: Px, qty: Qty) -> i128 {
    i128::from(px.0 * qty.0 * 10)
}

/// What so many lots could cost a client: each may be a trade of its own.
pub(super) fn cost(instrument: InstrumentId, px: Px, qty: Qty) -> i128 {
    let exact_e8 = worth(px, Qty(1)) * i128::from(fee_e8(instrument));
    worth(px, qty) + i128::from(qty.0) * (exact_e8 + 99_999_999).div_euclid(100_000_000)
}

/// What they are worth.
pub(super) fn value(_: InstrumentId, px: Px, qty: Qty) -> i128 {
    worth(px, qty)
}

fn ask_of(order: &BookAsk) -> Ask {
    Ask {
        client: order.client,
        instrument: order.instrument,
        side: Some(order.side),
        qty: order.qty,
    }
}

impl Naive {
    pub(in crate::twin) fn book_order(
        &mut self,
        session: SessionId,
        order: &BookAsk,
        market: &BookMarket,
        now: u64,
    ) -> Result<Px, Reason> {
        self.admit(session, order.client, now)?;
        self.check_ratio(order.client, now)?;
        self.message(order.client, now);
        self.check_ask_that(&ask_of(order), order.reduces)?;
        self.check_duplicate(&ask_of(order), now)?;
        let most = self.last(LimitKind::ClientOpenOrders, order.client.0, 0);
        if most.is_some_and(|most| i128::from(self.open_orders(order.client)) >= most.value.get()) {
            return Err(Reason::ClientOpenOrders);
        }
        let px = self.check_in_book(order, market, (Px(0), Qty::ZERO), now)?;
        let duplicate = self.last(LimitKind::DuplicateWindow, order.client.0, 0);
        if let Some(set) = duplicate {
            self.taken.push((ask_of(order), now, set.window_ns));
        }
        self.book.push(BookOrder { ask: *order, px });
        Ok(px)
    }

    pub(in crate::twin) fn open_orders(&self, client: ClientId) -> u32 {
        let own = self.book.iter().filter(|order| order.ask.client == client);
        own.count() as u32
    }

    pub(in crate::twin) fn change_in_book(
        &mut self,
        at: usize,
        session: SessionId,
        order: &BookAsk,
        market: &BookMarket,
        now: u64,
    ) -> Result<Px, Reason> {
        self.admit(session, order.client, now)?;
        self.check_ratio(order.client, now)?;
        self.message(order.client, now);
        self.check_ask_that(&ask_of(order), order.reduces)?;
        let before = self.book.swap_remove(at);
        let judged = self.check_in_book(order, market, (before.px, before.ask.open), now);
        let after = judged.map_or(before, |px| BookOrder { ask: *order, px });
        self.book.push(after);
        let last = self.book.len() - 1;
        self.book.swap(at, last);
        judged
    }

    /// Checks an order in its market; `before` is what was held for it so far and is not counted.
    fn check_in_book(
        &mut self,
        order: &BookAsk,
        market: &BookMarket,
        before: (Px, Qty),
        now: u64,
    ) -> Result<Px, Reason> {
        if self.show(order.instrument.0, market.ref_px, now) {
            self.check_ask_that(&ask_of(order), order.reduces)?;
        }
        let limits = self
            .limits
            .iter()
            .find(|limits| limits.instrument == order.instrument);
        let limits = *limits.expect("it was checked");
        let around = if order.stop_px == Px::NONE {
            market.ref_px
        } else {
            order.stop_px
        };
        if market.ref_px == Px::NONE || order.px.0 < 0 {
            return Err(Reason::PxUnrepresentable);
        }
        if order.px.0 % limits.px_ticks_step != 0 {
            return Err(Reason::PxOffGrid);
        }
        if self.is_far(order.instrument, order.px, around) {
            return Err(Reason::Collar);
        }
        let quoted = Quoted {
            bid_px: order.px,
            offer_px: Px::NONE,
            ref_px: market.ref_px,
            mids: market.mids,
        };
        self.check_reference(order.instrument.0, &quoted)?;
        let px = match order.side {
            Side::Buy => order.px,
            Side::Sell => Px(order.px.0.max(market.ref_px.0)),
        };
        let notional = worth(px, order.qty);
        let least = self.last(LimitKind::NotionalMin, order.instrument.0, 0);
        if least.is_some_and(|least| notional < least.value.get()) {
            return Err(Reason::NotionalBelowMin);
        }
        if notional > self.most(LimitKind::NotionalMax, order.instrument.0) {
            return Err(Reason::NotionalAboveMax);
        }
        let ask = ask_of(order);
        self.check_asset(&ask)?;
        let owed = cost(order.instrument, px, order.open);
        if owed > cost(order.instrument, before.0, before.1) {
            self.check_credit(order.client, owed)?;
        }
        let held = worth(px, order.open);
        if held > worth(before.0, before.1) {
            self.check_unexecuted(&ask, held)?;
        }
        Ok(px)
    }

    /// A message that is never refused.
    pub(in crate::twin) fn count_message(&mut self, session: SessionId, client: ClientId, now: u64) {
        let rate = self.last(LimitKind::SessionRate, 0, 0);
        owe(&mut self.by_session, u32::from(session.0), rate, now);
        let rate = self.last(LimitKind::ClientRate, client.0, 0);
        owe(&mut self.by_client, client.0, rate, now);
        self.message(client, now);
    }

    pub(in crate::twin) fn trade_in_book(&mut self, at: usize, qty: Qty, px: Px, fee: i128, now: u64) {
        let BookAsk {
            client, instrument, ..
        } = self.book[at].ask;
        let held = cost(instrument, self.book[at].px, qty);
        self.book_trades.push(BookTrade {
            client,
            owed: held.min(worth(px, qty) + fee.max(0)),
        });
        self.book[at].ask.open.0 -= qty.0;
        if self.book[at].ask.open == Qty::ZERO {
            self.book.swap_remove(at);
        }
        let window_ns = self.window(LimitKind::OrderToTrade, client.0);
        self.flow.push((client.0, Flow::Trade, now, window_ns));
        self.events.push(Event::Earned(instrument, fee));
        self.judge_profit(instrument.0);
    }

    pub(in crate::twin) fn forbids_in_book(&self, order: &BookAsk) -> bool {
        let ask = ask_of(order);
        self.check_states(&ask, order.reduces).is_err() || self.check_permitted(&ask).is_err()
    }

    /// What is held for clients' orders.
    pub(super) fn held_in_book(
        &self,
        is_it: impl Fn(&BookAsk) -> bool,
        of: impl Fn(InstrumentId, Px, Qty) -> i128,
    ) -> i128 {
        let orders = self.book.iter().filter(|order| is_it(&order.ask));
        orders
            .map(|order| of(order.ask.instrument, order.px, order.ask.open))
            .sum()
    }

    /// What a client's trades used of its credit.
    pub(super) fn used_in_book(&self, client: ClientId) -> i128 {
        let trades = self.book_trades.iter().filter(|trade| trade.client == client);
        trades.map(|trade| trade.owed).sum()
    }
}

fn owe(messages: &mut Vec<Message>, of: u32, rate: Option<LimitSet>, now: u64) {
    if let Some(rate) = rate {
        let token_ns = rate.window_ns.div_ceil(rate.value.get() as u64);
        messages.push(Message {
            of,
            ts: now,
            token_ns,
            missing_max: u64::MAX,
        });
    }
}
