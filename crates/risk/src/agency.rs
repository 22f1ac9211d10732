//! Clients' agency orders: what is checked of them when they come, and what they hold of their client's credit.
//!
//! They are judged as orders for the desk's own books are. What the house risks beside is at the venues, where each part is
//! judged and counted as it goes out; so an order holds its client's credit and nothing else.

use pinrail_types::record::{Scope, TradingState};
use pinrail_types::{Amount, ClientId, InstrumentId, Px, Qty, Reason, StrategyId};

use crate::book::{BookAsk, BookMarket};
use crate::risk::Risk;

impl Risk {
    /// Checks that agency orders as such may be sent to venues.
    ///
    /// # Errors
    /// [`Reason::StrategyHalted`], [`Reason::StrategyReduceOnly`].
    pub fn check_agency(&self) -> Result<(), Reason> {
        match self.states.get(Scope::Strategy, StrategyId::AGENCY.0.into())?.0 {
            TradingState::Active => Ok(()),
            TradingState::Reducing => Err(Reason::StrategyReduceOnly),
            TradingState::Halted => Err(Reason::StrategyHalted),
        }
    }

    /// Checks an order that passed [`Risk::check_book_order`] in its market and, if all passes, holds credit for all of it at the
    /// worst price that it could have, with a commission of so much of what is traded. Gives back that price. Nothing is changed
    /// on an error.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    ///
    /// # Panics
    /// If an id is beyond the bounds.
    pub fn reserve_agency_order(
        &mut self,
        order: &BookAsk,
        market: &BookMarket,
        fee_e8: i32,
        now: u64,
    ) -> Result<Px, Reason> {
        let px = self.check_worth(order, market, now)?;
        let instrument = &self.instruments[order.instrument.index()];
        let owed = instrument.cost_with(fee_e8, px, order.qty)?;
        let client = &mut self.clients[order.client.index()];
        client.check_held(owed, self.omitted)?;
        client.reserved.add(owed);
        Ok(px)
    }

    /// Holds credit for so many lots of an order that is held at a price with a commission, instead of for as many as before,
    /// whatever the limits.
    ///
    /// # Panics
    /// If more is released than was held, or an id is beyond the bounds.
    pub fn hold_for_agency(
        &mut self,
        (client, instrument): (ClientId, InstrumentId),
        (fee_e8, px): (i32, Px),
        before: Qty,
        after: Qty,
    ) {
        let instrument = &self.instruments[instrument.index()];
        let [was, is] = [before, after].map(|qty| {
            let cost = instrument.cost_with(fee_e8, px, qty);
            cost.expect("it was worked out when all of it was reserved")
        });
        let client = &mut self.clients[client.index()];
        client.reserved.add(is - was);
        assert!(client.reserved.sum() >= 0, "released more than was reserved");
    }

    /// Counts a fill of an order against its client's credit, with the `fee`, and as a trade of its messages; never more than was
    /// held for its lots, at which price and commission. Who buys owes no more; who sells for more gets all that is beyond. Gives
    /// back how much was counted.
    ///
    /// # Panics
    /// If an id is beyond the bounds or the sum does not fit: it was reserved, so it does.
    pub fn traded_for(
        &mut self,
        (client, instrument): (ClientId, InstrumentId),
        (fee_e8, px): (i32, Px),
        qty: Qty,
        (notional, fee): (Amount, Amount),
        now: u64,
    ) -> Amount {
        let cost = self.instruments[instrument.index()].cost_with(fee_e8, px, qty);
        let cost = cost.expect("it was worked out when all of it was reserved");
        let owed = notional.get().saturating_add(fee.get()).clamp(0, cost);
        self.use_credit(client, Amount::new(owed));
        self.clients[client.index()].trade(now);
        Amount::new(owed)
    }

    /// Gives back what [`Risk::traded_for`] counted: the venue took the fill back.
    ///
    /// # Panics
    /// If the client is beyond the bounds.
    pub fn untraded_for(&mut self, client: ClientId, owed: Amount) {
        self.clients[client.index()].give_credit_back(owed.get());
    }
}
