//! Definitions: assets, instruments, venues, listings, clients. Fixed once the desk has been active.

use pinrail_book::{Book, Consolidated, Estimates, Source, VENUES_MAX};
use pinrail_pricing::{Pricer, TIERS_MAX};
use pinrail_types::record::{
    AssetDef, BookState, ClientDef, EpochStart, InstrumentDef, ListingDef, ModelInput, QuotingParams,
    SequenceRule, TierSpread, VenueDef,
};
use pinrail_types::{AssetId, BEHAVIOUR_VERSION, E8, Instrument, Qty, Reason, Record, RecordHeader};

use crate::dealing::Dealing;
use crate::state::{Bounds, Engine, NOT_LISTED, Traded};
use crate::streams::Requote;

/// Whether two definitions say the same. A start gives the desk its definitions again, and that changes nothing.
pub(crate) fn is_same<R: Record>(held: &R, given: &R) -> bool {
    const HEADER_BYTES: usize = size_of::<RecordHeader>();
    bytemuck::bytes_of(held)[HEADER_BYTES..] == bytemuck::bytes_of(given)[HEADER_BYTES..]
}

impl<P: Pricer> Engine<P> {
    /// The first input of an epoch. Open quotes of the epoch before are withdrawn, since whoever held them has lost
    /// their session, and orders, at venues and in the desk's own books, are cancelled; no venue's book is current until its venue sends a snapshot; and the runtime is a new one, with nothing to
    /// complain of yet. Positions, credit, trading states and definitions go on.
    pub(crate) fn on_epoch_start(&mut self, start: &EpochStart, now: u64) -> Result<(), Reason> {
        if start.behaviour_version != BEHAVIOUR_VERSION
            || start.epoch <= self.epoch
            || Bounds::of(start) != self.bounds
        {
            return Err(Reason::BadDefinition);
        }
        self.epoch = start.epoch;
        self.withdraw_from = self.may_withdraw().then_some(0);
        self.forget_cancels(now);
        self.parents.stop_all(Reason::Withdrawn, now);
        self.cancel_forbidden_in_books();
        self.risk.states.begin_epoch();
        self.recalls.begin_epoch();
        for traded in self.traded.iter_mut().flatten() {
            for at in 0..traded.listings.len() {
                traded.venues.source_mut(at).book.disconnect();
                self.reporting = true;
            }
        }
        Ok(())
    }

    fn check_open(&self) -> Result<(), Reason> {
        if self.fixed {
            Err(Reason::BadDefinition)
        } else {
            Ok(())
        }
    }

    pub(crate) fn on_asset(&mut self, def: &AssetDef) -> Result<(), Reason> {
        let fixed = self.check_open();
        let held = self.assets.get_mut(def.asset.index()).ok_or(Reason::TableFull)?;
        if held.is_some_and(|held| is_same(&held, def)) {
            return Ok(());
        }
        fixed?;
        if held.is_some() || !(-18..=0).contains(&def.exponent) || def.symbol.is_empty() {
            return Err(Reason::BadDefinition);
        }
        *held = Some(*def);
        Ok(())
    }

    pub(crate) fn on_instrument(&mut self, def: &InstrumentDef) -> Result<(), Reason> {
        let fixed = self.check_open();
        let traded = Traded::new(def, &self.assets, self.bounds.venues)?;
        let held = self
            .traded
            .get_mut(def.instrument.index())
            .ok_or(Reason::TableFull)?;
        if let Some(held) = held {
            return if is_same(&held.def, def) {
                Ok(())
            } else {
                Err(Reason::BadDefinition)
            };
        }
        fixed?;
        self.risk.define(&traded.meta)?;
        *held = Some(traded);
        Ok(())
    }

    pub(crate) fn on_venue(&mut self, def: &VenueDef) -> Result<(), Reason> {
        let fixed = self.check_open();
        let held = self.venues.get_mut(def.venue.index()).ok_or(Reason::TableFull)?;
        if held.is_some_and(|held| is_same(&held, def)) {
            return Ok(());
        }
        fixed?;
        let sane = SequenceRule::from_byte(def.rule).is_some() && i64::from(def.taker_fee_e8).abs() < E8;
        if held.is_some() || !sane {
            return Err(Reason::BadDefinition);
        }
        self.risk.define_venue(def.venue, def.taker_fee_e8)?;
        *held = Some(*def);
        Ok(())
    }

    pub(crate) fn on_listing(&mut self, def: &ListingDef) -> Result<(), Reason> {
        let fixed = self.check_open();
        let venue = self
            .venues
            .get(def.venue.index())
            .and_then(Option::as_ref)
            .ok_or(Reason::UnknownVenue)?;
        let traded = self
            .traded
            .get_mut(def.instrument.index())
            .and_then(Option::as_mut);
        let traded = traded.ok_or(Reason::UnknownInstrument)?;
        if let Ok(at) = traded.listed(def.venue) {
            return if is_same(&traded.listings[at], def) {
                Ok(())
            } else {
                Err(Reason::BadDefinition)
            };
        }
        fixed?;
        let halted = self.risk.states.venue_halted(def.venue);
        traded.list(def, venue, self.bounds.book_levels, halted)
    }

    /// A client may be defined, and its tier and credit changed, at any time.
    pub(crate) fn on_client(&mut self, def: &ClientDef) -> Result<(), Reason> {
        if usize::from(def.tier) >= TIERS_MAX {
            return Err(Reason::BadField);
        }
        let tier = self.tiers.get_mut(def.client.index()).ok_or(Reason::TableFull)?;
        self.risk.set_client(def)?;
        *tier = def.tier;
        Ok(())
    }

    pub(crate) fn on_tier_spread(&mut self, spread: &TierSpread) -> Result<(), Reason> {
        self.pricer.on_tier_spread(spread)
    }

    pub(crate) fn on_quoting_params(&mut self, params: &QuotingParams) -> Result<(), Reason> {
        let traded = self
            .traded
            .get_mut(params.instrument.index())
            .and_then(Option::as_mut)
            .ok_or(Reason::UnknownInstrument)?;
        if !(1..=Estimates::TAU_NS_MAX).contains(&params.volatility_tau_ns) {
            return Err(Reason::BadField);
        }
        let requote = Requote::of(params)?;
        self.pricer.on_quoting_params(params)?;
        traded.requote = requote;
        traded.estimates.set_tau(params.volatility_tau_ns);
        Ok(())
    }

    pub(crate) fn on_model_input(&mut self, input: &ModelInput) -> Result<(), Reason> {
        let known = self.traded.get(input.instrument.index()).and_then(Option::as_ref);
        known.ok_or(Reason::UnknownInstrument)?;
        self.pricer.on_model_input(input)
    }
}

impl Traded {
    /// An instrument that no venue lists yet.
    pub(crate) fn new(
        def: &InstrumentDef,
        assets: &[Option<AssetDef>],
        venues_max: usize,
    ) -> Result<Traded, Reason> {
        let asset = |id: AssetId| {
            assets
                .get(id.index())
                .and_then(Option::as_ref)
                .ok_or(Reason::UnknownAsset)
        };
        let meta = Instrument::new(def, asset(def.base)?, asset(def.quote)?);
        let meta = meta.map_err(|_| Reason::BadDefinition)?;
        Ok(Traded {
            places: [NOT_LISTED; VENUES_MAX],
            reported: [BookState::Empty; VENUES_MAX],
            book_seq: 0,
            requote: Requote::default(),
            dealing: Dealing::default(),
            is_to_refresh: false,
            venues: Consolidated::new(),
            estimates: Estimates::default(),
            meta,
            listings: Vec::with_capacity(venues_max),
            def: *def,
        })
    }

    /// Adds a venue, with an empty book.
    pub(crate) fn list(
        &mut self,
        def: &ListingDef,
        venue: &VenueDef,
        book_levels: usize,
        halted: bool,
    ) -> Result<(), Reason> {
        let rule = SequenceRule::from_byte(venue.rule).ok_or(Reason::BadDefinition)?;
        if def.tick_multiple < 1 || !Qty(def.lot_multiple).is_orderable() {
            return Err(Reason::BadDefinition);
        }
        self.places[def.venue.index()] = self.listings.len() as u8;
        self.listings.push(*def);
        self.venues.add(Source {
            book: Book::new(rule, book_levels),
            taker_fee_e8: venue.taker_fee_e8,
            stale_ns_max: venue.stale_ns_max,
            halted,
            lot: Qty(def.lot_multiple),
        });
        Ok(())
    }
}
