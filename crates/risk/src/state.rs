//! Trading states by scope: latching, and the strictest wins.

use pinrail_types::record::{Scope, TradingState};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, InstrumentId, NewVenueOrder, Reason, VenueId};

use crate::checks::{Check, Omitted};

/// Strategies have numbers below this.
pub const STRATEGIES_MAX: usize = 16;

/// The stricter of two states.
#[inline]
pub const fn stricter(a: TradingState, b: TradingState) -> TradingState {
    if a as u8 >= b as u8 { a } else { b }
}

/// Why the engine did it, or else that it is so.
fn first(why: Reason, reason: Reason) -> Reason {
    if why == Reason::None { reason } else { why }
}

/// The trading state of the desk, of each venue, each instrument, each client and each strategy.
#[derive(Clone, Debug)]
pub struct TradingStates {
    global: TradingState,
    /// Why the engine set it by itself; [`Reason::None`] where a person did.
    why: Reason,
    /// Set by the runtime while the journal is short or its archiver has failed.
    machine: Reason,
    venues: Vec<TradingState>,
    /// Why the engine set it by itself, for each venue.
    why_venues: Vec<Reason>,
    instruments: Vec<TradingState>,
    /// The same for each instrument.
    why_instruments: Vec<Reason>,
    clients: Vec<TradingState>,
    strategies: [TradingState; STRATEGIES_MAX],
    /// Instruments and clients that are not active.
    restrained: usize,
    /// Nothing is restrained, neither the desk nor the machine: what nearly every request asks.
    is_free: bool,
}

impl TradingStates {
    /// The desk halted, everything in it active: one record resumes it.
    pub fn new(venues: usize, instruments: usize, clients: usize) -> TradingStates {
        TradingStates {
            global: TradingState::Halted,
            why: Reason::None,
            machine: Reason::None,
            venues: vec![TradingState::Active; venues],
            why_venues: vec![Reason::None; venues],
            instruments: vec![TradingState::Active; instruments],
            why_instruments: vec![Reason::None; instruments],
            clients: vec![TradingState::Active; clients],
            strategies: [TradingState::Active; STRATEGIES_MAX],
            restrained: 0,
            is_free: false,
        }
    }

    /// The state of a target, and why the engine set it by itself; [`Reason::None`] where a person did.
    ///
    /// # Errors
    /// The reason why the target is unknown.
    pub fn get(&self, scope: Scope, target: u32) -> Result<(TradingState, Reason), Reason> {
        let at = target as usize;
        let (held, why, unknown) = match scope {
            Scope::Global => (Some(&self.global), self.why, Reason::BadField),
            Scope::Venue => {
                let why = self.why_venues.get(at).copied().unwrap_or_default();
                (self.venues.get(at), why, Reason::UnknownVenue)
            }
            Scope::Instrument => {
                let why = self.why_instruments.get(at).copied().unwrap_or_default();
                (self.instruments.get(at), why, Reason::UnknownInstrument)
            }
            Scope::Client => (self.clients.get(at), Reason::None, Reason::UnknownClient),
            Scope::Strategy => (self.strategies.get(at), Reason::None, Reason::UnknownStrategy),
        };
        Ok((*held.ok_or(unknown)?, why))
    }

    /// Sets a state; `why` is [`Reason::None`] where a person does, and else only for the desk, a venue or an
    /// instrument.
    ///
    /// # Errors
    /// The reason why the target is unknown.
    pub(crate) fn set(
        &mut self,
        scope: Scope,
        target: u32,
        state: TradingState,
        why: Reason,
    ) -> Result<(), Reason> {
        let (held, _) = self.get(scope, target)?;
        let at = target as usize;
        if matches!(scope, Scope::Instrument | Scope::Client) {
            self.restrained += usize::from(state != TradingState::Active);
            self.restrained -= usize::from(held != TradingState::Active);
        }
        match scope {
            Scope::Global => (self.global, self.why) = (state, why),
            Scope::Venue => (self.venues[at], self.why_venues[at]) = (state, why),
            Scope::Instrument => (self.instruments[at], self.why_instruments[at]) = (state, why),
            Scope::Client => self.clients[at] = state,
            Scope::Strategy => self.strategies[at] = state,
        }
        self.derive();
        Ok(())
    }

    fn derive(&mut self) {
        let desk = self.global == TradingState::Active && self.machine == Reason::None;
        self.is_free = desk && self.restrained == 0;
    }

    /// Why the machine allows no new risk ([`Reason::JournalShort`], [`Reason::ArchiverFailed`]), or
    /// [`Reason::None`]. A failed archiver latches.
    pub fn set_machine(&mut self, reason: Reason) {
        if self.machine != Reason::ArchiverFailed {
            self.machine = reason;
        }
        self.derive();
    }

    /// Forgets why the machine allowed no new risk: another runtime begins, and says so itself if there is a reason.
    pub fn begin_epoch(&mut self) {
        self.machine = Reason::None;
        self.derive();
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other bounds.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visit_state(&mut self.global, visitor)?;
        visitor.reason(&mut self.why)?;
        visitor.reason(&mut self.machine)?;
        for states in [&mut self.venues, &mut self.instruments, &mut self.clients] {
            visitor.exactly(states.len(), "a bound of the engine")?;
            for state in states {
                visit_state(state, visitor)?;
            }
        }
        for why in self.why_instruments.iter_mut().chain(&mut self.why_venues) {
            visitor.reason(why)?;
        }
        for state in &mut self.strategies {
            visit_state(state, visitor)?;
        }
        let states = self.instruments.iter().chain(&self.clients);
        self.restrained = states.filter(|state| **state != TradingState::Active).count();
        self.derive();
        Ok(())
    }

    /// The state of the desk as a whole.
    #[inline]
    pub fn global(&self) -> TradingState {
        self.global
    }

    /// Whether the venue may not be priced from.
    #[inline]
    pub fn venue_halted(&self, venue: VenueId) -> bool {
        self.venues.get(venue.index()).copied() == Some(TradingState::Halted)
    }

    /// Whether a request may go on, seen from states alone: freely, or only if it reduces the house position.
    ///
    /// # Panics
    /// If instrument or client is beyond the bounds given at construction.
    #[inline]
    pub fn is_free(&self, instrument: InstrumentId, client: ClientId) -> bool {
        if self.is_free {
            return true;
        }
        let of_both = stricter(self.instruments[instrument.index()], self.clients[client.index()]);
        stricter(self.global, of_both) == TradingState::Active && self.machine == Reason::None
    }

    /// Whether nothing at all may trade: the desk, the instrument or the client is halted.
    ///
    /// # Panics
    /// If an id is beyond the bounds.
    pub fn is_halted(&self, instrument: InstrumentId, client: ClientId) -> bool {
        let of_both = stricter(self.instruments[instrument.index()], self.clients[client.index()]);
        stricter(self.global, of_both) == TradingState::Halted
    }

    /// Whether a request may freely trade, see [`TradingStates::is_free`].
    ///
    /// # Errors
    /// The first scope that is halted: desk, instrument, client.
    #[inline]
    pub(crate) fn check(
        &self,
        instrument: InstrumentId,
        client: ClientId,
        omitted: Omitted,
    ) -> Result<bool, Reason> {
        if self.is_free(instrument, client) {
            return Ok(true);
        }
        let at = instrument.index();
        for (check, state, why) in [
            (Check::DeskHalted, self.global, self.why),
            (
                Check::InstrumentHalted,
                self.instruments[at],
                self.why_instruments[at],
            ),
            (Check::ClientHalted, self.clients[client.index()], Reason::None),
        ] {
            let refusal = omitted.require(check, state != TradingState::Halted);
            refusal.map_err(|reason| first(why, reason))?;
        }
        Ok(false)
    }

    /// Refuses a request that reduces nothing, where [`TradingStates::check`] said `Ok(false)`.
    ///
    /// # Errors
    /// The first scope that only reduces: machine, desk, instrument, client.
    pub(crate) fn check_reducing(
        &self,
        instrument: InstrumentId,
        client: ClientId,
        omitted: Omitted,
    ) -> Result<(), Reason> {
        self.machine.check()?;
        let at = instrument.index();
        for (check, state, why) in [
            (Check::DeskReducing, self.global, self.why),
            (
                Check::InstrumentReducing,
                self.instruments[at],
                self.why_instruments[at],
            ),
            (Check::ClientReducing, self.clients[client.index()], Reason::None),
        ] {
            let refusal = omitted.require(check, state == TradingState::Active);
            refusal.map_err(|reason| first(why, reason))?;
        }
        Ok(())
    }

    /// What an order to a venue has to pass: each scope with its checks, its state, and why the engine set it.
    fn of_order(&self, order: &NewVenueOrder) -> [(Check, Check, TradingState, Reason); 4] {
        let (venue, instrument) = (order.venue.index(), order.instrument.index());
        let strategy = self.strategies[order.strategy.index()];
        [
            (Check::DeskHalted, Check::DeskReducing, self.global, self.why),
            (
                Check::VenueHalted,
                Check::VenueReducing,
                self.venues[venue],
                self.why_venues[venue],
            ),
            (
                Check::InstrumentHalted,
                Check::InstrumentReducing,
                self.instruments[instrument],
                self.why_instruments[instrument],
            ),
            (
                Check::StrategyHalted,
                Check::StrategyReducing,
                strategy,
                Reason::None,
            ),
        ]
    }

    /// The strictest state of an order's scopes.
    ///
    /// # Panics
    /// If an id is beyond the bounds, here and below.
    #[inline]
    pub(crate) fn of_all(&self, order: &NewVenueOrder) -> TradingState {
        let (venue, instrument) = (order.venue.index(), order.instrument.index());
        let of_both = stricter(self.venues[venue], self.instruments[instrument]);
        let strategy = self.strategies[order.strategy.index()];
        stricter(stricter(self.global, strategy), of_both)
    }

    /// Refuses an order that a halted scope forbids, and one that reduces nothing where a scope only reduces.
    ///
    /// # Errors
    /// The first scope that forbids it: those that are halted, the machine, those that reduce; each in the order desk,
    /// venue, instrument, strategy.
    pub(crate) fn check_order(
        &self,
        order: &NewVenueOrder,
        reduces: bool,
        omitted: Omitted,
    ) -> Result<(), Reason> {
        if self.of_all(order) == TradingState::Active && self.machine == Reason::None {
            return Ok(());
        }
        let scopes = self.of_order(order);
        for (halted, _, state, why) in scopes {
            let refusal = omitted.require(halted, state != TradingState::Halted);
            refusal.map_err(|reason| first(why, reason))?;
        }
        if reduces {
            return Ok(());
        }
        self.machine.check()?;
        for (_, reducing, state, why) in scopes {
            let refusal = omitted.require(reducing, state == TradingState::Active);
            refusal.map_err(|reason| first(why, reason))?;
        }
        Ok(())
    }
}

pub(crate) fn visit_state(state: &mut TradingState, visitor: &mut impl Visitor) -> Result<(), StateError> {
    let from = |code| TradingState::from_byte(u8::try_from(code).ok()?);
    visitor.named(state, |state| u64::from(state.byte()), from, "a trading state")
}

#[cfg(test)]
mod tests {
    use super::*;

    const I: InstrumentId = InstrumentId(0);
    const C: ClientId = ClientId(0);

    fn check(states: &TradingStates) -> Result<bool, Reason> {
        states.check(I, C, Omitted::default())
    }

    fn reducing(states: &TradingStates) -> Reason {
        states.check_reducing(I, C, Omitted::default()).unwrap_err()
    }

    fn active() -> TradingStates {
        let mut states = TradingStates::new(1, 1, 1);
        states
            .set(Scope::Global, 0, TradingState::Active, Reason::None)
            .unwrap();
        states
    }

    #[test]
    fn the_desk_starts_halted() {
        assert_eq!(check(&TradingStates::new(1, 1, 1)), Err(Reason::Halted));
        assert_eq!(check(&active()), Ok(true));
    }

    #[test]
    fn the_strictest_scope_wins_and_says_so() {
        for (scope, halted, reduces) in [
            (Scope::Global, Reason::Halted, Reason::ReduceOnly),
            (
                Scope::Instrument,
                Reason::InstrumentHalted,
                Reason::InstrumentReduceOnly,
            ),
            (Scope::Client, Reason::ClientHalted, Reason::ClientReduceOnly),
        ] {
            let mut states = active();
            states
                .set(scope, 0, TradingState::Reducing, Reason::None)
                .unwrap();
            assert_eq!(check(&states), Ok(false));
            assert_eq!(reducing(&states), reduces);
            states.set(scope, 0, TradingState::Halted, Reason::None).unwrap();
            assert_eq!(check(&states), Err(halted));
        }
    }

    #[test]
    fn a_venue_is_halted_by_itself() {
        let mut states = active();
        states
            .set(Scope::Venue, 0, TradingState::Halted, Reason::None)
            .unwrap();
        assert!(states.venue_halted(VenueId(0)));
        assert_eq!(check(&states), Ok(true));
    }

    #[test]
    fn unknown_targets_are_refused() {
        let mut states = active();
        assert_eq!(
            states.set(Scope::Venue, 1, TradingState::Active, Reason::None),
            Err(Reason::UnknownVenue)
        );
        assert_eq!(
            states.set(Scope::Instrument, 9, TradingState::Active, Reason::None),
            Err(Reason::UnknownInstrument)
        );
        assert_eq!(
            states.set(Scope::Client, u32::MAX, TradingState::Active, Reason::None),
            Err(Reason::UnknownClient)
        );
    }

    #[test]
    fn a_failed_archiver_latches() {
        let mut states = active();
        states.set_machine(Reason::JournalShort);
        assert_eq!(
            (check(&states), reducing(&states)),
            (Ok(false), Reason::JournalShort)
        );
        states.set_machine(Reason::None);
        assert_eq!(check(&states), Ok(true));
        states.set_machine(Reason::ArchiverFailed);
        states.set_machine(Reason::None);
        assert_eq!(reducing(&states), Reason::ArchiverFailed);
        states.begin_epoch();
        assert_eq!(check(&states), Ok(true), "a new runtime has not failed");
    }
}
