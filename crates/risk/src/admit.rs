//! What is checked of a message before anything is looked up for it, and of a request before a price is made.

use pinrail_types::record::LimitKind;
use pinrail_types::{ClientId, InstrumentId, Px, Qty, Reason, SessionId};

use crate::ask::Ask;
use crate::checks::Check;
use crate::client::ClientRisk;
use crate::instrument::InstrumentRisk;
use crate::risk::Risk;

impl Risk {
    /// Checks a request before a price is made: that it may be taken now, as [`Risk::admit_message`] does, and then as
    /// [`Risk::check_ask`] does.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    #[inline]
    pub fn admit_request(&mut self, session: SessionId, ask: &Ask, now: u64) -> Result<(i64, u64), Reason> {
        self.admit_message(session, ask.client, now)?;
        self.judge(ask, |instrument| instrument.reduces(ask))
    }

    /// Checks that a request may be taken now, whatever it asks for, and counts it as a message: for its session if that
    /// allows it, for its client if both do.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    #[inline]
    pub fn admit_message(&mut self, session: SessionId, client: ClientId, now: u64) -> Result<(), Reason> {
        let omitted = self.omitted;
        let client = self.admit(session, client, now)?;
        omitted.require(Check::OrderToTrade, client.keeps_ratio(now))?;
        client.message();
        Ok(())
    }

    /// Counts a message that is never refused, as a cancel is: it takes what others then lack.
    pub fn count_message(&mut self, session: SessionId, client: ClientId, now: u64) {
        let rate = self.sessions.rate;
        if let Some(session) = self.sessions.bucket(session) {
            *session = session.owing_one(rate, now);
        }
        let client = self.clients.get_mut(client.index());
        if let Some(client) = client.filter(|client| client.known) {
            client.bucket = client.bucket.owing_one(client.rate, now);
            client.turn(now);
            client.message();
        }
    }

    /// [`Risk::admit_message`] for an accept, which may be a trade. What ends a quote is never asked here.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    #[inline]
    pub fn admit_order(&mut self, session: SessionId, client: ClientId, now: u64) -> Result<(), Reason> {
        let client = self.admit(session, client, now)?;
        client.turn(now);
        client.message();
        Ok(())
    }

    #[inline]
    fn admit(&mut self, session: SessionId, client: ClientId, now: u64) -> Result<&mut ClientRisk, Reason> {
        let rate = self.sessions.rate;
        let session = self.sessions.bucket(session).ok_or(Reason::UnknownSession)?;
        match session.less_one(rate, now) {
            Some(bucket) => *session = bucket,
            None => self.omitted.require(Check::SessionRate, false)?,
        }
        let client = self
            .clients
            .get_mut(client.index())
            .filter(|client| client.known)
            .ok_or(Reason::UnknownClient)?;
        match client.bucket.less_one(client.rate, now) {
            Some(bucket) => client.bucket = bucket,
            None => self.omitted.require(Check::ClientRate, false)?,
        }
        Ok(client)
    }

    /// The step of quantities; at least 1.
    ///
    /// # Panics
    /// If the instrument is beyond the bounds.
    #[inline]
    pub fn qty_step(&self, instrument: InstrumentId) -> i64 {
        self.instruments[instrument.index()].limits.qty_step
    }

    /// The step of prices; at least 1.
    ///
    /// # Panics
    /// If the instrument is beyond the bounds.
    pub fn px_step(&self, instrument: InstrumentId) -> i64 {
        self.instruments[instrument.index()].limits.px_step
    }

    /// Checks that a part of a quote is not too small: quantity and notional are held to the limits of requests. That it is not too
    /// much was checked of the whole.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    ///
    /// # Panics
    /// If the instrument is beyond the bounds.
    pub fn check_taken(&self, ask: &Ask, px: Px) -> Result<(), Reason> {
        let omitted = self.omitted;
        let instrument = &self.instruments[ask.instrument.index()];
        let limits = &instrument.limits;
        omitted.require(Check::QtyGrid, ask.qty.0 % limits.qty_step == 0)?;
        omitted.require(Check::QtyMin, ask.qty >= limits.qty_min)?;
        let notional = instrument.worth(px.0.unsigned_abs(), ask.qty.0)?;
        let least = instrument.most(LimitKind::NotionalMin);
        omitted.require(Check::NotionalMin, notional >= least)
    }

    /// Checks what can be checked of a request before a price is made: that ids are known, trading states, limits
    /// present, quantity. Gives back the step of prices and the time to live of a quote.
    ///
    /// # Errors
    /// One reason for each check, the first that fails.
    pub fn check_ask(&self, ask: &Ask) -> Result<(i64, u64), Reason> {
        self.judge(ask, |instrument| instrument.reduces(ask))
    }

    /// [`Risk::check_ask`] for what takes the place of a quote of the same side for `held` lots, which are reserved still.
    ///
    /// # Errors
    /// As there.
    pub fn check_ask_again(&self, ask: &Ask, held: Qty) -> Result<(i64, u64), Reason> {
        self.judge(ask, |instrument| {
            let beyond = Ask {
                qty: Qty(ask.qty.0 - held.0),
                ..*ask
            };
            instrument.reduces(&beyond)
        })
    }

    /// Whether an open quote may stay no longer: something is halted, or only what reduces may trade and the open quotes of its
    /// side together do more. Of these the first to be asked about goes.
    pub fn forbids_quote(&self, quote: &Ask) -> bool {
        if self.states.is_free(quote.instrument, quote.client) {
            return false;
        }
        // What is open is counted already.
        let open = Ask {
            qty: Qty::ZERO,
            ..*quote
        };
        let instrument = self.instrument(quote.instrument);
        self.states.is_halted(quote.instrument, quote.client)
            || !instrument.is_ok_and(|instrument| instrument.reduces(&open))
    }

    #[expect(
        clippy::inline_always,
        reason = "it then shares its look-ups with what stands before it"
    )]
    #[inline(always)]
    pub(crate) fn judge(
        &self,
        ask: &Ask,
        reduces: impl FnOnce(&InstrumentRisk) -> bool,
    ) -> Result<(i64, u64), Reason> {
        let omitted = self.omitted;
        let instrument = self.instrument(ask.instrument)?;
        let client = self
            .clients
            .get(ask.client.index())
            .filter(|client| client.known)
            .ok_or(Reason::UnknownClient)?;
        let freely = self.states.check(ask.instrument, ask.client, omitted)?;
        let is_permitted = !client.is_restricted || !self.restricted.has(ask.client, ask.instrument);
        omitted.require(Check::Permitted, is_permitted)?;
        omitted.require(Check::LimitsPresent, instrument.has_limits)?;
        let limits = &instrument.limits;
        omitted.require(Check::QtyRepresentable, ask.qty.is_orderable())?;
        let step = limits.qty_step;
        omitted.require(Check::QtyGrid, step == 1 || ask.qty.0 % step == 0)?;
        omitted.require(Check::QtyMin, ask.qty >= limits.qty_min)?;
        omitted.require(Check::QtyMax, ask.qty <= limits.qty_max)?;
        if !freely && !reduces(instrument) {
            self.states.check_reducing(ask.instrument, ask.client, omitted)?;
        }
        Ok((limits.px_step, limits.quote_ttl_ns))
    }
}
