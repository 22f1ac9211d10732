//! Trading states by scope: latching, and the strictest wins.

use pinrail_types::record::{Scope, TradingState};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, InstrumentId, Reason, VenueId};

/// The stricter of two states.
#[inline]
pub const fn stricter(a: TradingState, b: TradingState) -> TradingState {
    if a as u8 >= b as u8 { a } else { b }
}

/// The trading state of the desk, of each venue, each instrument and each client.
#[derive(Clone, Debug)]
pub struct TradingStates {
    global: TradingState,
    /// Set by the runtime while the journal is short or its archiver has failed.
    machine: Reason,
    venues: Vec<TradingState>,
    instruments: Vec<TradingState>,
    clients: Vec<TradingState>,
}

impl TradingStates {
    /// The desk halted, everything in it active: one record resumes it.
    pub fn new(venues: usize, instruments: usize, clients: usize) -> TradingStates {
        TradingStates {
            global: TradingState::Halted,
            machine: Reason::None,
            venues: vec![TradingState::Active; venues],
            instruments: vec![TradingState::Active; instruments],
            clients: vec![TradingState::Active; clients],
        }
    }

    /// Sets a state and gives back the one before.
    ///
    /// # Errors
    /// The reason why the target is unknown.
    pub fn set(&mut self, scope: Scope, target: u32, state: TradingState) -> Result<TradingState, Reason> {
        let target = target as usize;
        let held = match scope {
            Scope::Global => Some(&mut self.global),
            Scope::Venue => self.venues.get_mut(target),
            Scope::Instrument => self.instruments.get_mut(target),
            Scope::Client => self.clients.get_mut(target),
        };
        let unknown = match scope {
            Scope::Global => Reason::BadField,
            Scope::Venue => Reason::UnknownVenue,
            Scope::Instrument => Reason::UnknownInstrument,
            Scope::Client => Reason::UnknownClient,
        };
        Ok(core::mem::replace(held.ok_or(unknown)?, state))
    }

    /// Why the machine allows no new risk ([`Reason::JournalShort`], [`Reason::ArchiverFailed`]), or
    /// [`Reason::None`]. A failed archiver latches.
    pub fn set_machine(&mut self, reason: Reason) {
        if self.machine != Reason::ArchiverFailed {
            self.machine = reason;
        }
    }

    /// Forgets why the machine allowed no new risk: another runtime begins, and says so itself if there is a reason.
    pub fn begin_epoch(&mut self) {
        self.machine = Reason::None;
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other bounds.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visit_state(&mut self.global, visitor)?;
        visitor.reason(&mut self.machine)?;
        for states in [&mut self.venues, &mut self.instruments, &mut self.clients] {
            visitor.exactly(states.len(), "a bound of the engine")?;
            for state in states {
                visit_state(state, visitor)?;
            }
        }
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

    /// Whether a request may go on, seen from states alone: `Ok(true)` freely, `Ok(false)` only if it reduces the
    /// house position.
    ///
    /// # Errors
    /// The first scope that is halted: desk, instrument, client.
    ///
    /// # Panics
    /// If instrument or client is beyond the bounds given at construction.
    #[inline]
    pub fn check(&self, instrument: InstrumentId, client: ClientId) -> Result<bool, Reason> {
        let instrument = self.instruments[instrument.index()];
        let client = self.clients[client.index()];
        let strictest = stricter(self.global, stricter(instrument, client));
        match strictest {
            TradingState::Active => Ok(self.machine == Reason::None),
            TradingState::Reducing => Ok(false),
            TradingState::Halted if self.global == TradingState::Halted => Err(Reason::Halted),
            TradingState::Halted if instrument == TradingState::Halted => Err(Reason::InstrumentHalted),
            TradingState::Halted => Err(Reason::ClientHalted),
        }
    }

    /// Why only reducing requests are allowed, for a request that [`TradingStates::check`] said `Ok(false)` to.
    ///
    /// # Panics
    /// If instrument or client is beyond the bounds given at construction.
    pub fn reducing_reason(&self, instrument: InstrumentId, client: ClientId) -> Reason {
        if self.machine != Reason::None {
            self.machine
        } else if self.global == TradingState::Reducing {
            Reason::ReduceOnly
        } else if self.instruments[instrument.index()] == TradingState::Reducing {
            Reason::InstrumentReduceOnly
        } else {
            debug_assert!(self.clients[client.index()] == TradingState::Reducing);
            Reason::ClientReduceOnly
        }
    }
}

fn visit_state(state: &mut TradingState, visitor: &mut impl Visitor) -> Result<(), StateError> {
    let from = |code| TradingState::from_byte(u8::try_from(code).ok()?);
    visitor.named(state, |state| u64::from(state.byte()), from, "a trading state")
}

#[cfg(test)]
mod tests {
    use super::*;

    const I: InstrumentId = InstrumentId(0);
    const C: ClientId = ClientId(0);

    fn active() -> TradingStates {
        let mut states = TradingStates::new(1, 1, 1);
        states.set(Scope::Global, 0, TradingState::Active).unwrap();
        states
    }

    #[test]
    fn the_desk_starts_halted() {
        assert_eq!(TradingStates::new(1, 1, 1).check(I, C), Err(Reason::Halted));
        assert_eq!(active().check(I, C), Ok(true));
    }

    #[test]
    fn the_strictest_scope_wins_and_says_so() {
        for (scope, halted, reducing) in [
            (Scope::Global, Reason::Halted, Reason::ReduceOnly),
            (
                Scope::Instrument,
                Reason::InstrumentHalted,
                Reason::InstrumentReduceOnly,
            ),
            (Scope::Client, Reason::ClientHalted, Reason::ClientReduceOnly),
        ] {
            let mut states = active();
            states.set(scope, 0, TradingState::Reducing).unwrap();
            assert_eq!(states.check(I, C), Ok(false));
            assert_eq!(states.reducing_reason(I, C), reducing);
            states.set(scope, 0, TradingState::Halted).unwrap();
            assert_eq!(states.check(I, C), Err(halted));
        }
    }

    #[test]
    fn a_venue_is_halted_by_itself() {
        let mut states = active();
        states.set(Scope::Venue, 0, TradingState::Halted).unwrap();
        assert!(states.venue_halted(VenueId(0)));
        assert_eq!(states.check(I, C), Ok(true));
    }

    #[test]
    fn unknown_targets_are_refused() {
        let mut states = active();
        assert_eq!(
            states.set(Scope::Venue, 1, TradingState::Active),
            Err(Reason::UnknownVenue)
        );
        assert_eq!(
            states.set(Scope::Instrument, 9, TradingState::Active),
            Err(Reason::UnknownInstrument)
        );
        assert_eq!(
            states.set(Scope::Client, u32::MAX, TradingState::Active),
            Err(Reason::UnknownClient)
        );
    }

    #[test]
    fn a_failed_archiver_latches() {
        let mut states = active();
        states.set_machine(Reason::JournalShort);
        assert_eq!(
            (states.check(I, C), states.reducing_reason(I, C)),
            (Ok(false), Reason::JournalShort)
        );
        states.set_machine(Reason::None);
        assert_eq!(states.check(I, C), Ok(true));
        states.set_machine(Reason::ArchiverFailed);
        states.set_machine(Reason::None);
        assert_eq!(states.reducing_reason(I, C), Reason::ArchiverFailed);
        states.begin_epoch();
        assert_eq!(states.check(I, C), Ok(true), "a new runtime has not failed");
    }
}
