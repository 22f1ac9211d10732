//! Records of a configuration by what they are about.

use std::collections::BTreeMap;

use pinrail_types::record::{
    AssetDef, ClientDef, DealingRule, HedgingParams, InstrumentDef, InstrumentLimits, LastLookDef, LimitSet,
    ListingDef, MarkOutDef, QuotingParams, TierSpread, TradingStateSet, VenueDef,
};
use pinrail_types::{Frame, Instrument, InstrumentId};

/// What records define; of two about the same thing the later.
#[derive(Debug, Default)]
pub(crate) struct Definitions {
    pub(crate) assets: BTreeMap<u32, AssetDef>,
    pub(crate) instruments: BTreeMap<u32, InstrumentDef>,
    pub(crate) venues: BTreeMap<u16, VenueDef>,
    /// By venue and instrument.
    pub(crate) listings: BTreeMap<(u16, u32), ListingDef>,
    pub(crate) clients: BTreeMap<u32, ClientDef>,
    /// By tier and instrument.
    pub(crate) spreads: BTreeMap<(u8, u32), TierSpread>,
    pub(crate) limits: BTreeMap<u32, InstrumentLimits>,
    pub(crate) quoting: BTreeMap<u32, QuotingParams>,
    /// By tier.
    pub(crate) last_looks: BTreeMap<u8, LastLookDef>,
    /// By instrument.
    pub(crate) dealing: BTreeMap<u32, DealingRule>,
    /// By instrument.
    pub(crate) hedging: BTreeMap<u32, HedgingParams>,
    pub(crate) mark_outs: Option<MarkOutDef>,
    /// By kind, target and instrument: limits that may be left out.
    pub(crate) more_limits: BTreeMap<(u8, u32, u32), LimitSet>,
    /// Trading states, in order.
    pub(crate) states: Vec<TradingStateSet>,
}

impl Definitions {
    pub(crate) fn of(records: &[Frame]) -> Definitions {
        let mut found = Definitions::default();
        for frame in records {
            found.take(frame);
        }
        found
    }

    fn take(&mut self, frame: &Frame) {
        if let Some(def) = frame.get::<AssetDef>() {
            self.assets.insert(def.asset.0, *def);
        } else if let Some(def) = frame.get::<InstrumentDef>() {
            self.instruments.insert(def.instrument.0, *def);
        } else if let Some(def) = frame.get::<VenueDef>() {
            self.venues.insert(def.venue.0, *def);
        } else if let Some(def) = frame.get::<ListingDef>() {
            self.listings.insert((def.venue.0, def.instrument.0), *def);
        } else if let Some(def) = frame.get::<ClientDef>() {
            self.clients.insert(def.client.0, *def);
        } else if let Some(def) = frame.get::<TierSpread>() {
            self.spreads.insert((def.tier, def.instrument.0), *def);
        } else if let Some(def) = frame.get::<InstrumentLimits>() {
            self.limits.insert(def.instrument.0, *def);
        } else if let Some(def) = frame.get::<QuotingParams>() {
            self.quoting.insert(def.instrument.0, *def);
        } else if let Some(def) = frame.get::<LastLookDef>() {
            self.last_looks.insert(def.tier, *def);
        } else if let Some(rule) = frame.get::<DealingRule>() {
            self.dealing.insert(rule.instrument.0, *rule);
        } else if let Some(params) = frame.get::<HedgingParams>() {
            self.hedging.insert(params.instrument.0, *params);
        } else if let Some(def) = frame.get::<MarkOutDef>() {
            self.mark_outs = Some(*def);
        } else if let Some(set) = frame.get::<LimitSet>() {
            self.more_limits
                .insert((set.kind, set.target, set.instrument.0), *set);
        } else if let Some(set) = frame.get::<TradingStateSet>() {
            self.states.push(*set);
        }
    }

    /// An instrument, and what it is quoted in; `None` if either is not defined, or not well.
    pub(crate) fn instrument(&self, id: InstrumentId) -> Option<(Instrument, &InstrumentDef, &AssetDef)> {
        let def = self.instruments.get(&id.0)?;
        let base = self.assets.get(&def.base.0)?;
        let quote = self.assets.get(&def.quote.0)?;
        Some((Instrument::new(def, base, quote).ok()?, def, quote))
    }
}
