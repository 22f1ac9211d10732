//! Limits, and reservations against them.

use pinrail_types::money::product;
use pinrail_types::record::{ClientDef, InstrumentLimits, Scope, TradingState};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Amount, AssetId, ClientId, E8, Instrument, InstrumentId, Px, Qty, Reason, Side};

use crate::state::TradingStates;

/// What a client asks for, as far as risk is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Who asks.
    pub client: ClientId,
    /// For what.
    pub instrument: InstrumentId,
    /// The client's side; `None` for both.
    pub side: Option<Side>,
    /// How much.
    pub qty: Qty,
}

/// The prices made for an [`Ask`], and what they were judged against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// What we pay, or [`Px::NONE`].
    pub bid_px: Px,
    /// What we ask, or [`Px::NONE`].
    pub offer_px: Px,
    /// The reference.
    pub ref_px: Px,
}

#[derive(Clone, Copy, Debug, Default)]
struct InstrumentRisk {
    limits: Option<Limits>,
    /// Lots that the house would buy if every open bid were hit.
    open_buy: i64,
    /// Lots that the house would sell if every open offer were lifted.
    open_sell: i64,
}

/// The part of [`InstrumentLimits`] that checks read, wide types widened once.
#[derive(Clone, Copy, Debug, Default)]
struct Limits {
    qty_min: Qty,
    qty_max: Qty,
    qty_step: i64,
    px_step: i64,
    notional_max: i128,
    position_max: i64,
    collar_e8: i64,
    quote_ttl_ns: u64,
}

/// One line of the cache.
#[repr(align(64))]
#[derive(Clone, Copy, Debug, Default)]
struct ClientRisk {
    known: bool,
    credit_asset: AssetId,
    credit_max: i128,
    /// Held by open quotes.
    reserved: i128,
    /// Filled and not yet settled.
    used: i128,
}

/// Clients that [`Risk::warm`] reads in one turn.
const WARM_CLIENTS: usize = 8;

/// Every limit and what is reserved against it.
#[derive(Clone, Debug)]
pub struct Risk {
    /// Trading states by scope.
    pub states: TradingStates,
    instruments: Vec<InstrumentRisk>,
    clients: Vec<ClientRisk>,
}

impl Risk {
    /// Halted, without limits, for ids below the bounds.
    pub fn new(venues: usize, instruments: usize, clients: usize) -> Risk {
        Risk {
            states: TradingStates::new(venues, instruments, clients),
            instruments: vec![InstrumentRisk::default(); instruments],
            clients: vec![ClientRisk::default(); clients],
        }
    }

    /// Takes an instrument's limits.
    ///
    /// # Errors
    /// [`Reason::UnknownInstrument`], or [`Reason::BadField`] where a limit is negative, a step or the time to live
    /// zero, or the least quantity above the most.
    pub fn set_limits(&mut self, def: &InstrumentLimits) -> Result<(), Reason> {
        let risk = self
            .instruments
            .get_mut(def.instrument.index())
            .ok_or(Reason::UnknownInstrument)?;
        let sane = def.qty_lots_min.is_orderable()
            && def.qty_lots_max.is_orderable()
            && def.qty_lots_min <= def.qty_lots_max
            && def.qty_lots_step.is_orderable()
            && def.px_ticks_step > 0
            && def.notional_max.get() >= 0
            && (0..=Qty::ABS_MAX).contains(&def.position_lots_max.0)
            && (0..=E8).contains(&def.collar_e8)
            && def.quote_ttl_ns > 0;
        if !sane {
            return Err(Reason::BadField);
        }
        risk.limits = Some(Limits {
            qty_min: def.qty_lots_min,
            qty_max: def.qty_lots_max,
            qty_step: def.qty_lots_step.0,
            px_step: def.px_ticks_step,
            notional_max: def.notional_max.get(),
            position_max: def.position_lots_max.0,
            collar_e8: def.collar_e8,
            quote_ttl_ns: def.quote_ttl_ns,
        });
        Ok(())
    }

    /// Takes a client's credit.
    ///
    /// # Errors
    /// [`Reason::UnknownClient`], or [`Reason::BadField`] where the credit is negative.
    pub fn set_client(&mut self, def: &ClientDef) -> Result<(), Reason> {
        let client = self
            .clients
            .get_mut(def.client.index())
            .ok_or(Reason::UnknownClient)?;
        if def.credit_max.get() < 0 {
            return Err(Reason::BadField);
        }
        client.known = true;
        client.credit_asset = def.credit_asset;
        client.credit_max = def.credit_max.get();
        Ok(())
    }

    /// Reads the limits of some clients, others each `turn`, so that they are in the cache. Changes nothing.
    #[inline]
    pub fn warm(&self, turn: usize) {
        for n in 0..WARM_CLIENTS.min(self.clients.len()) {
            let client = turn.wrapping_mul(WARM_CLIENTS).wrapping_add(n) % self.clients.len();
            core::hint::black_box(self.clients[client].reserved);
        }
    }

    /// Checks what can be checked before a price is made: that ids are known, trading states, limits present,
    /// quantity. `position` is the house's. Gives back the step of prices and the time to live of a quote.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    #[inline]
    pub fn check_ask(&self, ask: &Ask, position: Qty) -> Result<(i64, u64), Reason> {
        let instrument = self
            .instruments
            .get(ask.instrument.index())
            .ok_or(Reason::UnknownInstrument)?;
        let client = self
            .clients
            .get(ask.client.index())
            .ok_or(Reason::UnknownClient)?;
        if !client.known {
            return Err(Reason::UnknownClient);
        }
        let freely = self.states.check(ask.instrument, ask.client)?;
        let limits = instrument.limits.as_ref().ok_or(Reason::LimitsMissing)?;
        if !ask.qty.is_orderable() {
            return Err(Reason::QtyUnrepresentable);
        }
        if limits.qty_step != 1 && ask.qty.0 % limits.qty_step != 0 {
            return Err(Reason::QtyOffGrid);
        }
        if ask.qty < limits.qty_min {
            return Err(Reason::QtyBelowMin);
        }
        if ask.qty > limits.qty_max {
            return Err(Reason::QtyAboveMax);
        }
        if !freely && !instrument.reduces(ask, position) {
            return Err(self.states.reducing_reason(ask.instrument, ask.client));
        }
        Ok((limits.px_step, limits.quote_ttl_ns))
    }

    /// Checks the prices made for an ask and, if all pass, reserves what they could cost at their worst: the
    /// position on each side that is quoted, and the client's credit for the dearer of them. Gives back the credit
    /// held. Nothing is reserved on an error.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    ///
    /// # Panics
    /// If the ask did not pass [`Risk::check_ask`].
    #[inline]
    pub fn reserve(
        &mut self,
        ask: &Ask,
        quoted: &Quoted,
        meta: &Instrument,
        position: Qty,
    ) -> Result<Amount, Reason> {
        let instrument = &mut self.instruments[ask.instrument.index()];
        let client = &mut self.clients[ask.client.index()];
        let limits = instrument.limits.as_ref().expect("the ask was checked");
        let mut notional = 0;
        for px in [quoted.bid_px, quoted.offer_px] {
            if px != Px::NONE {
                notional = notional.max(limits.check_px(px, ask.qty, quoted.ref_px, meta)?);
            }
        }
        if notional > limits.notional_max {
            return Err(Reason::NotionalAboveMax);
        }
        let (buy, sell) = quoted_lots(quoted.bid_px, quoted.offer_px, ask.qty);
        let (buy, sell) = (instrument.open_buy + buy, instrument.open_sell + sell);
        let too_long = buy > instrument.open_buy && position.0 + buy > limits.position_max;
        let too_short = sell > instrument.open_sell && position.0 - sell < -limits.position_max;
        if too_long || too_short {
            return Err(Reason::PositionLimit);
        }
        if client.credit_asset != meta.quote {
            return Err(Reason::CreditAsset);
        }
        if client.reserved + client.used + notional > client.credit_max {
            return Err(Reason::CreditLimit);
        }
        instrument.open_buy = buy;
        instrument.open_sell = sell;
        client.reserved += notional;
        Ok(Amount::new(notional))
    }

    /// Releases what a quote reserved.
    ///
    /// # Panics
    /// If more is released than was reserved, or an id is beyond the bounds.
    #[inline]
    pub fn release(&mut self, ask: &Ask, bid_px: Px, offer_px: Px, credit: Amount) {
        let instrument = &mut self.instruments[ask.instrument.index()];
        let client = &mut self.clients[ask.client.index()];
        let (buy, sell) = quoted_lots(bid_px, offer_px, ask.qty);
        instrument.open_buy -= buy;
        instrument.open_sell -= sell;
        client.reserved -= credit.get();
        assert!(
            instrument.open_buy >= 0 && instrument.open_sell >= 0 && client.reserved >= 0,
            "released more than was reserved"
        );
    }

    /// Checks that an open quote may be filled now, by trading states alone: limits were reserved when it went out.
    ///
    /// # Errors
    /// The reason of the state that forbids it; where only reducing is allowed, a fill must bring `position` towards
    /// zero without passing it.
    ///
    /// # Panics
    /// If an id is beyond the bounds.
    pub fn check_fill(&self, ask: &Ask, position: Qty) -> Result<(), Reason> {
        let reduces = match ask.side {
            Some(Side::Buy) => position.0 >= ask.qty.0,
            Some(Side::Sell) => -position.0 >= ask.qty.0,
            None => false,
        };
        if self.states.check(ask.instrument, ask.client)? || reduces {
            return Ok(());
        }
        Err(self.states.reducing_reason(ask.instrument, ask.client))
    }

    /// Counts a fill against the client's credit until it is settled.
    ///
    /// # Panics
    /// If the client is beyond the bounds or the sum does not fit: it was reserved, so it does.
    pub fn use_credit(&mut self, client: ClientId, notional: Amount) {
        let client = &mut self.clients[client.index()];
        let used = notional
            .get()
            .checked_abs()
            .and_then(|notional| client.used.checked_add(notional));
        client.used = used.expect("a fill's notional was reserved within the client's credit");
    }

    /// Lots that the house would buy, and sell, if every open quote were taken.
    ///
    /// # Panics
    /// If the instrument is beyond the bounds.
    #[inline]
    pub fn open_lots(&self, instrument: InstrumentId) -> (Qty, Qty) {
        let instrument = &self.instruments[instrument.index()];
        (Qty(instrument.open_buy), Qty(instrument.open_sell))
    }

    /// Whether nothing is reserved in any instrument or for any client.
    pub fn nothing_reserved(&self) -> bool {
        self.instruments
            .iter()
            .all(|i| i.open_buy == 0 && i.open_sell == 0)
            && self.clients.iter().all(|c| c.reserved == 0)
    }

    /// Sets a trading state; see [`TradingStates::set`].
    ///
    /// # Errors
    /// The reason why the target is unknown.
    pub fn set_state(
        &mut self,
        scope: Scope,
        target: u32,
        state: TradingState,
    ) -> Result<TradingState, Reason> {
        self.states.set(scope, target, state)
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other bounds.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.states.visit(visitor)?;
        visitor.exactly(self.instruments.len(), "the bound on instruments")?;
        for instrument in &mut self.instruments {
            instrument.visit(visitor)?;
        }
        visitor.exactly(self.clients.len(), "the bound on clients")?;
        for client in &mut self.clients {
            visitor.flag(&mut client.known)?;
            if client.known {
                visitor.u32(&mut client.credit_asset.0)?;
                visitor.wide(&mut client.credit_max)?;
                visitor.wide(&mut client.reserved)?;
                visitor.wide(&mut client.used)?;
            }
        }
        Ok(())
    }
}

impl InstrumentRisk {
    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.signed(&mut self.open_buy)?;
        visitor.signed(&mut self.open_sell)?;
        let mut is_there = self.limits.is_some();
        visitor.flag(&mut is_there)?;
        self.limits = is_there.then(|| self.limits.unwrap_or_default());
        match &mut self.limits {
            Some(limits) => limits.visit(visitor),
            None => Ok(()),
        }
    }

    /// Whether a one-sided ask brings the position towards zero, open quotes counted, without passing it.
    fn reduces(&self, ask: &Ask, position: Qty) -> bool {
        match ask.side {
            Some(Side::Buy) => position.0 - self.open_sell - ask.qty.0 >= 0,
            Some(Side::Sell) => position.0 + self.open_buy + ask.qty.0 <= 0,
            None => false,
        }
    }
}

impl Limits {
    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.plain(&mut self.qty_min)?;
        visitor.plain(&mut self.qty_max)?;
        visitor.signed(&mut self.qty_step)?;
        visitor.signed(&mut self.px_step)?;
        visitor.wide(&mut self.notional_max)?;
        visitor.signed(&mut self.position_max)?;
        visitor.signed(&mut self.collar_e8)?;
        visitor.word(&mut self.quote_ttl_ns)
    }

    /// Checks one price; gives back its notional in the quote asset's smallest unit, without its sign.
    #[inline]
    fn check_px(&self, px: Px, qty: Qty, reference: Px, meta: &Instrument) -> Result<i128, Reason> {
        if !px.is_representable() || !reference.is_representable() {
            return Err(Reason::PxUnrepresentable);
        }
        if self.px_step != 1 && px.0 % self.px_step != 0 {
            return Err(Reason::PxOffGrid);
        }
        // Both are representable, so the distance fits.
        let away = product(px.0.abs_diff(reference.0) as i64, E8);
        if away > product(reference.0.abs(), self.collar_e8) {
            return Err(Reason::Collar);
        }
        let notional = meta.notional(px, qty).ok_or(Reason::Overflow)?;
        Ok(notional.get().abs())
    }
}

/// Lots that the house would buy and sell if the quote were taken, on either side.
#[inline]
fn quoted_lots(bid_px: Px, offer_px: Px, qty: Qty) -> (i64, i64) {
    let lots = |px: Px| if px == Px::NONE { 0 } else { qty.0 };
    (lots(bid_px), lots(offer_px))
}

#[cfg(test)]
mod tests;
