//! Everything that risk keeps, and how it is told of definitions.

use pinrail_types::record::{ClientDef, InstrumentLimits, LimitKind};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Instrument, InstrumentId, Reason};

use crate::asset::AssetRisk;
use crate::changes::Changes;
use crate::checks::{Check, Omitted};
use crate::client::ClientRisk;
use crate::duplicates::RecentOrders;
use crate::fills::Fills;
use crate::instrument::{InstrumentRisk, Limits};
use crate::latch::{LATCHES_MAX, Latch};
use crate::restricted::Restricted;
use crate::sessions::Sessions;
use crate::state::TradingStates;
use crate::venues::Venues;

/// How much risk is kept of; ids lie below.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RiskBounds {
    /// Venues.
    pub venues: usize,
    /// Instruments.
    pub instruments: usize,
    /// Clients.
    pub clients: usize,
    /// Assets.
    pub assets: usize,
}

/// Clients that [`Risk::warm`] reads in one turn.
const WARM_CLIENTS: usize = 8;

/// Every limit and what is reserved against it.
#[derive(Clone, Debug)]
pub struct Risk {
    /// Trading states by scope.
    pub states: TradingStates,
    pub(crate) instruments: Vec<InstrumentRisk>,
    pub(crate) clients: Vec<ClientRisk>,
    pub(crate) assets: Vec<AssetRisk>,
    pub(crate) sessions: Sessions,
    pub(crate) restricted: Restricted,
    /// Of each instrument.
    pub(crate) fills: Vec<Fills>,
    pub(crate) orders: RecentOrders,
    pub(crate) changes: Changes,
    pub(crate) venues: Venues,
    /// The desk was active: limits are loosened by two from then on.
    pub(crate) is_live: bool,
    /// What is to be told of.
    pub(crate) latches: Vec<Latch>,
    pub(crate) omitted: Omitted,
}

impl Risk {
    /// Halted, without limits. Nothing is allocated later.
    pub fn new(bounds: &RiskBounds) -> Risk {
        Risk {
            states: TradingStates::new(bounds.venues, bounds.instruments, bounds.clients),
            instruments: vec![InstrumentRisk::new(); bounds.instruments],
            clients: vec![ClientRisk::new(); bounds.clients],
            assets: vec![AssetRisk::new(); bounds.assets],
            sessions: Sessions::new(),
            restricted: Restricted::new(),
            fills: vec![Fills::new(); bounds.instruments],
            orders: RecentOrders::new(),
            changes: Changes::new(),
            venues: Venues::new(bounds),
            is_live: false,
            latches: Vec::with_capacity(LATCHES_MAX),
            omitted: Omitted::default(),
        }
    }

    /// Takes what an instrument is quoted in, and how. To be called before anything is asked in it.
    ///
    /// # Errors
    /// [`Reason::UnknownInstrument`] or [`Reason::UnknownAsset`] beyond the bounds.
    pub fn define(&mut self, meta: &Instrument) -> Result<(), Reason> {
        let instrument = self.instruments.get_mut(meta.id.index());
        let instrument = instrument.ok_or(Reason::UnknownInstrument)?;
        if meta.quote.index().max(meta.base.index()) >= self.assets.len() {
            return Err(Reason::UnknownAsset);
        }
        instrument.units = meta.tick_lot_units;
        instrument.quote = meta.quote;
        self.venues.define_base(meta);
        Ok(())
    }

    /// Takes an instrument's limits. What one of them returns to, if it was set for a time, becomes no looser than it is
    /// here.
    ///
    /// # Errors
    /// [`Reason::UnknownInstrument`], or [`Reason::BadField`] where a limit is negative, a step or the time to live
    /// zero, or the least quantity above the most; [`Reason::SecondActorNeeded`] where one is looser than what is in
    /// force and the desk was active: a [`LimitSet`](pinrail_types::record::LimitSet) says who wants that.
    pub fn set_limits(&mut self, def: &InstrumentLimits) -> Result<(), Reason> {
        let instrument = self.instruments.get_mut(def.instrument.index());
        let instrument = instrument.ok_or(Reason::UnknownInstrument)?;
        let limits = Limits::of(def)?;
        let is_tight = !instrument.has_limits || limits.are_as_tight_as(&instrument.limits);
        let may = !self.is_live || is_tight;
        self.omitted.require(Check::FourEyes, may)?;
        instrument.limits = limits;
        instrument.has_limits = true;
        for kind in Limits::KINDS {
            self.changes.tighten(kind, def.instrument.0, limits.value(kind));
        }
        Ok(())
    }

    /// Takes a client's credit, and what it returns to as in [`Risk::set_limits`].
    ///
    /// # Errors
    /// [`Reason::UnknownClient`], [`Reason::BadField`] where the credit is negative, or
    /// [`Reason::SecondActorNeeded`] as in [`Risk::set_limits`].
    pub fn set_client(&mut self, def: &ClientDef) -> Result<(), Reason> {
        let client = self
            .clients
            .get_mut(def.client.index())
            .ok_or(Reason::UnknownClient)?;
        if def.credit_max.get() < 0 {
            return Err(Reason::BadField);
        }
        let is_tight = !client.known
            || (def.credit_max.get() <= client.credit_max && def.credit_asset == client.credit_asset);
        let may = !self.is_live || is_tight;
        self.omitted.require(Check::FourEyes, may)?;
        client.known = true;
        client.credit_asset = def.credit_asset;
        client.credit_max = def.credit_max.get();
        client.derive();
        self.changes
            .tighten(LimitKind::Credit, def.client.0, def.credit_max.get());
        Ok(())
    }

    /// Reads the limits of some clients, others each `turn`, so that they are in the cache. Changes nothing.
    #[inline]
    pub fn warm(&self, turn: usize) {
        for n in 0..WARM_CLIENTS.min(self.clients.len()) {
            let client = turn.wrapping_mul(WARM_CLIENTS).wrapping_add(n) % self.clients.len();
            core::hint::black_box(self.clients[client].reserved.sum());
        }
    }

    /// Whether nothing is reserved in any instrument, for any client, in any asset or at any venue.
    pub fn nothing_reserved(&self) -> bool {
        let mut instruments = self.instruments.iter();
        instruments.all(|i| i.open_buy == 0 && i.open_sell == 0)
            && self.clients.iter().all(|c| c.reserved.sum() == 0)
            && self.assets.iter().all(|a| a.unexecuted.sum() == 0)
            && self.venues.nothing_reserved()
    }

    pub(crate) fn instrument(&self, instrument: InstrumentId) -> Result<&InstrumentRisk, Reason> {
        self.instruments
            .get(instrument.index())
            .ok_or(Reason::UnknownInstrument)
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other bounds.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.states.visit(visitor)?;
        self.restricted.visit(visitor)?;
        visitor.exactly(self.assets.len(), "the bound on assets")?;
        for asset in &mut self.assets {
            asset.visit(visitor)?;
        }
        visitor.exactly(self.instruments.len(), "the bound on instruments")?;
        for at in 0..self.instruments.len() {
            self.instruments[at].visit(visitor)?;
            self.fills[at].visit(visitor)?;
            let quote = self.instruments[at].quote;
            if quote.index() >= self.assets.len() {
                return Err(visitor.bad(u64::from(quote.0), "an asset"));
            }
        }
        visitor.exactly(self.clients.len(), "the bound on clients")?;
        for (client, id) in self.clients.iter_mut().zip(0..) {
            client.visit(visitor)?;
            client.is_restricted = self.restricted.has_client(pinrail_types::ClientId(id));
        }
        self.sessions.visit(visitor)?;
        self.orders.visit(visitor)?;
        visitor.flag(&mut self.is_live)?;
        self.venues.visit(visitor)?;
        self.changes.visit(visitor)
    }
}
