//! Clients' orders for the desk's own books: what is checked of them, and what they hold of their client's credit.
//!
//! Clients trade with one another there, so that an order is no risk of the house's position. What the house risks is that a
//! client does not settle: each order holds credit for all that is open of it, at the worst price that it could have, and for the
//! fees on it.

use pinrail_types::record::LimitKind;
use pinrail_types::{Amount, ClientId, E8, InstrumentId, Px, Qty, Reason, Side};

use crate::ask::Ask;
use crate::checks::Check;
use crate::instrument::InstrumentRisk;
use crate::reference::is_within;
use crate::risk::Risk;

/// A client's order, or what one is to be from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookAsk {
    /// Who asks for what.
    pub client: ClientId,
    /// In what.
    pub instrument: InstrumentId,
    /// The client's side.
    pub side: Side,
    /// The whole quantity.
    pub qty: Qty,
    /// What of it would be open.
    pub open: Qty,
    /// The worst price that it takes.
    pub px: Px,
    /// What it waits for; [`Px::NONE`] if it is no stop.
    pub stop_px: Px,
    /// It adds no risk: it only reduces its client's position, or is a change to less.
    pub reduces: bool,
}

/// The market that it is judged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BookMarket {
    /// The reference.
    pub ref_px: Px,
    /// Lowest and highest of the middles of the venues' best prices, as in [`Quoted`](crate::Quoted).
    pub mids: (Px, Px),
}

impl BookAsk {
    fn ask(&self) -> Ask {
        Ask {
            client: self.client,
            instrument: self.instrument,
            side: Some(self.side),
            qty: self.qty,
        }
    }
}

impl InstrumentRisk {
    /// What so many lots at a price could cost a client: what they are worth, and the most that each lot's trade takes as a fee.
    /// A fee is rounded up for each trade, and a trade may be of one lot; so what is left of an order holds exactly what it would
    /// hold if it were new.
    fn cost(&self, px: Px, qty: Qty) -> Result<i128, Reason> {
        self.cost_with(self.book_fee_e8, px, qty)
    }

    /// The same for a fee of so much of what is traded.
    pub(crate) fn cost_with(&self, fee_e8: i32, px: Px, qty: Qty) -> Result<i128, Reason> {
        let lot_e8 = self.worth(px.0.unsigned_abs(), 1)?.checked_mul(fee_e8.into());
        let fee = -(-lot_e8.ok_or(Reason::Overflow)?).div_euclid(E8.into());
        let fees = fee.checked_mul(qty.0.into()).ok_or(Reason::Overflow)?;
        self.worth(px.0.unsigned_abs(), qty.0)?
            .checked_add(fees)
            .ok_or(Reason::Overflow)
    }

    /// Checks the price alone: on the grid, and near the reference, or of a stop near what it waits for.
    pub(crate) fn check_book_px(
        &self,
        order: &BookAsk,
        market: &BookMarket,
        omitted: crate::checks::Omitted,
    ) -> Result<(), Reason> {
        let around = if order.stop_px == Px::NONE {
            market.ref_px
        } else {
            order.stop_px
        };
        let is_px = |px: Px| px.is_representable() && px.0 >= 0;
        let are_px = is_px(order.px) && is_px(around) && market.ref_px.is_representable();
        omitted.require(Check::PxRepresentable, are_px)?;
        omitted.require(Check::PxGrid, order.px.0 % self.limits.px_step == 0)?;
        let away = around.0.abs_diff(order.px.0);
        let collar_e8 = self.limits.collar_e8.unsigned_abs();
        omitted.require(Check::Collar, is_within(away, around, collar_e8))?;
        self.check_reference(market.ref_px, market.mids, omitted)
    }
}

impl Risk {
    /// The furthest price on the grid that the collar lets a client take around another one; [`Px::NONE`] where there is none.
    ///
    /// # Errors
    /// [`Reason::UnknownInstrument`] beyond the bounds.
    pub fn collar_px(&self, instrument: InstrumentId, side: Side, around: Px) -> Result<Px, Reason> {
        let limits = &self.instrument(instrument)?.limits;
        if !around.is_representable() || around.0 < 0 {
            return Ok(Px::NONE);
        }
        let away = i128::from(around.0) * i128::from(limits.collar_e8) / i128::from(E8);
        // A collar is at most the whole price, so that this fits.
        let away = away as i64;
        let step = limits.px_step;
        let px = match side {
            Side::Buy => (around.0 + away).min(Px::ABS_MAX).div_euclid(step) * step,
            Side::Sell => (around.0 - away + step - 1).div_euclid(step) * step,
        };
        Ok(Px(px))
    }

    /// Checks what can be checked of an order without a reference: ids, trading states, the restricted list, limits present,
    /// quantity. What may be said of a message comes before, see [`Risk::admit_message`].
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    pub fn check_book_order(&self, order: &BookAsk) -> Result<(), Reason> {
        self.judge(&order.ask(), |_| order.reduces).map(|_| ())
    }

    /// Checks an order that passed [`Risk::check_book_order`] in its market: its prices, what it is worth, and the asset of its client's
    /// credit. Gives back the worst price that it could have, at which all that it could cost fits.
    pub(crate) fn check_worth(
        &mut self,
        order: &BookAsk,
        market: &BookMarket,
        now: u64,
    ) -> Result<Px, Reason> {
        let omitted = self.omitted;
        let at = order.instrument.index();
        let is_due = now >= self.instruments[at].show_at;
        if is_due && self.sample(at, market.ref_px, now) {
            self.check_book_order(order)?;
        }
        let instrument = &self.instruments[at];
        instrument.check_book_px(order, market, omitted)?;
        // Who sells owes what it is worth, even where it would take less.
        let px = match order.side {
            Side::Buy => order.px,
            Side::Sell => order.px.max(market.ref_px),
        };
        let notional = instrument.worth(px.0.unsigned_abs(), order.qty.0)?;
        // A fee on it, at whatever price it trades in the end, fits as well.
        let most = instrument.worth(Px::ABS_MAX.unsigned_abs(), order.qty.0)?;
        most.checked_mul(i128::from(E8)).ok_or(Reason::Overflow)?;
        let least = instrument.most(LimitKind::NotionalMin);
        omitted.require(Check::NotionalMin, notional >= least)?;
        omitted.require(Check::NotionalMax, notional <= instrument.limits.notional_max)?;
        let client = &self.clients[order.client.index()];
        omitted.require(Check::CreditAsset, client.credit_asset == instrument.quote)?;
        Ok(px)
    }

    /// Checks an order that passed [`Risk::check_book_order`] in its market and, if all passes, holds credit for it instead of
    /// for what was held `before`: a price and so many lots. Gives back the price that it is held at. Nothing is changed on an
    /// error.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    ///
    /// # Panics
    /// If an id is beyond the bounds.
    pub fn reserve_book_order(
        &mut self,
        order: &BookAsk,
        market: &BookMarket,
        before: (Px, Qty),
        now: u64,
    ) -> Result<Px, Reason> {
        let omitted = self.omitted;
        let px = self.check_worth(order, market, now)?;
        let instrument = &self.instruments[order.instrument.index()];
        let client = &self.clients[order.client.index()];
        let asset = &self.assets[instrument.quote.index()];
        let owed = instrument.cost(px, order.open)? - instrument.cost(before.0, before.1)?;
        if owed > 0 {
            client.check_held(owed, omitted)?;
        }
        let held = instrument.worth(px.0.unsigned_abs(), order.open.0)?;
        let added = held - instrument.worth(before.0.0.unsigned_abs(), before.1.0)?;
        if added > 0 {
            omitted.require(Check::AssetUnexecuted, asset.unexecuted.allows(added))?;
        }
        self.hold_for_book(order.client, order.instrument, before, (px, order.open));
        Ok(px)
    }

    /// Checks that a client that has so many orders open in the desk's own books may have one more.
    ///
    /// # Errors
    /// [`Reason::ClientOpenOrders`].
    ///
    /// # Panics
    /// If the client is beyond the bounds.
    pub fn check_open_orders(&self, client: ClientId, open: u32) -> Result<(), Reason> {
        let most = self.clients[client.index()].most(LimitKind::ClientOpenOrders);
        self.omitted
            .require(Check::ClientOpenOrders, i128::from(open) < most)
    }

    /// Checks that no order like it was taken just before.
    ///
    /// # Errors
    /// [`Reason::DuplicateOrder`], [`Reason::DuplicatesFull`].
    ///
    /// # Panics
    /// If the client is beyond the bounds.
    pub fn check_duplicate(&self, order: &BookAsk, now: u64) -> Result<(), Reason> {
        let client = &self.clients[order.client.index()];
        if client.bounds[LimitKind::DuplicateWindow.place()].window_ns == 0 {
            return Ok(());
        }
        self.orders.check(&order.ask(), now, self.omitted)
    }

    /// Remembers an order that a book took, so that another like it is a duplicate.
    ///
    /// # Panics
    /// If the client is beyond the bounds.
    pub fn note_book_order(&mut self, order: &BookAsk, now: u64) {
        let client = &self.clients[order.client.index()];
        let window_ns = client.bounds[LimitKind::DuplicateWindow.place()].window_ns;
        if window_ns > 0 {
            self.orders.put(&order.ask(), now, window_ns);
        }
    }

    /// Holds credit for so many lots at a price instead of for others, whatever the limits: what is open of an order became
    /// less, or a change of it did not come about.
    ///
    /// # Panics
    /// If more is released than was held, or an id is beyond the bounds.
    pub fn hold_for_book(
        &mut self,
        client: ClientId,
        instrument: InstrumentId,
        before: (Px, Qty),
        after: (Px, Qty),
    ) {
        let instrument = &self.instruments[instrument.index()];
        let change = |of: &dyn Fn(Px, Qty) -> Result<i128, Reason>| {
            let [was, is] = [before, after]
                .map(|(px, qty)| of(px, qty).expect("it was worked out when all of it was reserved"));
            is - was
        };
        let owed = change(&|px, qty| instrument.cost(px, qty));
        let worth = change(&|px, qty| instrument.worth(px.0.unsigned_abs(), qty.0));
        let client = &mut self.clients[client.index()];
        let asset = &mut self.assets[instrument.quote.index()];
        client.reserved.add(owed);
        asset.unexecuted.add(worth);
        assert!(
            client.reserved.sum() >= 0 && asset.unexecuted.sum() >= 0,
            "released more than was reserved"
        );
    }

    /// Sets the most that a client pays for a trade in the desk's own book, as a fraction of it, before there was an order.
    ///
    /// # Errors
    /// [`Reason::UnknownInstrument`] beyond the bounds; [`Reason::BadDefinition`] if it is all of it or more.
    pub fn set_book_fee(&mut self, instrument: InstrumentId, fee_e8: i32) -> Result<(), Reason> {
        if i64::from(fee_e8) >= E8 {
            return Err(Reason::BadDefinition);
        }
        let held = self.instruments.get_mut(instrument.index());
        held.ok_or(Reason::UnknownInstrument)?.book_fee_e8 = fee_e8.max(0);
        Ok(())
    }

    /// Counts a trade of a client with another against its credit, with the `fee` if it pays one, and as a trade of its messages.
    /// What it `held` for the lots, at which price, is released beside it, and never is more counted than that. Who buys owes no
    /// more. Who sells for more than it was held at gets all that is beyond.
    ///
    /// # Panics
    /// If an id is beyond the bounds or the sum does not fit: it was reserved, so it does.
    pub fn traded_in_book(
        &mut self,
        (client, instrument): (ClientId, InstrumentId),
        held: (Px, Qty),
        notional: Amount,
        fee: i128,
        now: u64,
    ) {
        let cost = self.instruments[instrument.index()].cost(held.0, held.1);
        let cost = cost.expect("it was worked out when all of it was reserved");
        let owed = notional.get().saturating_add(fee.max(0)).min(cost);
        self.use_credit(client, Amount::new(owed));
        self.clients[client.index()].trade(now);
    }

    /// Takes what fees of clients' trades left the house with: `cash` is all that it received in the instrument less what it
    /// paid.
    ///
    /// # Panics
    /// If the instrument is beyond the bounds.
    pub fn earned(&mut self, instrument: InstrumentId, cash: i128) {
        let at = instrument.index();
        self.instruments[at].cash = cash;
        self.count_profit(at);
        self.judge_profit(at);
    }

    /// What is held of a client's credit, for quotes and for orders.
    ///
    /// # Panics
    /// If the client is beyond the bounds.
    pub fn held(&self, client: ClientId) -> Amount {
        Amount::new(self.clients[client.index()].reserved.sum())
    }

    /// Whether an order that is open must not be there any longer: by trading states, where one that only reduces may stay if
    /// nothing is halted, or by the restricted list.
    ///
    /// # Panics
    /// If an id is beyond the bounds.
    pub fn forbids_in_book(&self, client: ClientId, instrument: InstrumentId, reduces: bool) -> bool {
        let is_restricted = self.clients[client.index()].is_restricted;
        (is_restricted && self.restricted.has(client, instrument))
            || self.states.is_halted(instrument, client)
            || (!reduces && !self.states.is_free(instrument, client))
    }
}
