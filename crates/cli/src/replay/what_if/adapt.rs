//! A file's configuration in a journal's ids, and what it changes.
//!
//! Ids are given in the order of a file, so that a file with a client left away counts the others anew. Names decide: each
//! record gets the id that the journal has for its name. What recorded prices, quantities and messages count in can't
//! change, and neither can be added what nothing was recorded of.

use std::collections::BTreeMap;

use pinrail_types::record::{
    AssetDef, ClientDef, HedgingParams, InstrumentDef, InstrumentLimits, LimitKind, LimitScope, LimitSet,
    ListingDef, QuotingParams, TierSpread, TradingStateSet, VenueDef,
};
use pinrail_types::{AssetId, ClientId, Frame, InstrumentId, Text, VenueId};
use serde::Serialize;

use crate::config::Definitions;
use crate::decode::{Body, Decoder, Value};

/// Why a journal's inputs can't be run under a file.
type Refusal = String;

/// The records of a file with the ids of a journal that was configured by `recorded`.
///
/// # Errors
/// Where the file changes what can't be changed, or names what the journal does not.
pub(super) fn adapt(file: &[Frame], recorded: &[Frame]) -> Result<Vec<Frame>, Refusal> {
    let names = Names {
        file: Definitions::of(file),
        journal: Definitions::of(recorded),
    };
    names.check_nothing_is_missing()?;
    let adapted: Result<Vec<Option<Frame>>, Refusal> = file.iter().map(|frame| names.adapt(frame)).collect();
    Ok(adapted?.into_iter().flatten().collect())
}

struct Names {
    file: Definitions,
    journal: Definitions,
}

impl Names {
    fn check_nothing_is_missing(&self) -> Result<(), Refusal> {
        let is_there = |symbol: &Text<24>| self.file.instruments.values().any(|def| def.symbol == *symbol);
        match self
            .journal
            .instruments
            .values()
            .find(|def| !is_there(&def.symbol))
        {
            None => Ok(()),
            Some(missing) => Err(format!(
                "instrument {} is in the journal and not in the file; to quote nothing in it, leave away its [[limits]]",
                missing.symbol
            )),
        }
    }

    /// A record as it stands for the journal; `None` where that takes none.
    fn adapt(&self, frame: &Frame) -> Result<Option<Frame>, Refusal> {
        if let Some(def) = frame.get::<AssetDef>() {
            self.asset_def(def).map(Some)
        } else if let Some(def) = frame.get::<InstrumentDef>() {
            self.instrument_def(def).map(Some)
        } else if let Some(def) = frame.get::<VenueDef>() {
            self.venue_def(def).map(Some)
        } else if let Some(def) = frame.get::<ListingDef>() {
            self.listing_def(def).map(Some)
        } else if let Some(def) = frame.get::<ClientDef>() {
            self.client_def(def).map(Some)
        } else if let Some(def) = frame.get::<TierSpread>() {
            let instrument = self.instrument(def.instrument)?;
            Ok(Some(Frame::of(&TierSpread { instrument, ..*def })))
        } else if let Some(def) = frame.get::<InstrumentLimits>() {
            let instrument = self.instrument(def.instrument)?;
            Ok(Some(Frame::of(&InstrumentLimits { instrument, ..*def })))
        } else if let Some(def) = frame.get::<QuotingParams>() {
            let instrument = self.instrument(def.instrument)?;
            Ok(Some(Frame::of(&QuotingParams { instrument, ..*def })))
        } else if let Some(def) = frame.get::<HedgingParams>() {
            let instrument = self.instrument(def.instrument)?;
            Ok(Some(Frame::of(&HedgingParams { instrument, ..*def })))
        } else if let Some(set) = frame.get::<LimitSet>() {
            self.limit_set(set).map(Some)
        } else if frame.get::<TradingStateSet>().is_some() {
            // An epoch that goes on from an earlier one, or waits for an operator, was given none.
            Ok((!self.journal.states.is_empty()).then_some(*frame))
        } else {
            Ok(Some(*frame))
        }
    }

    fn asset_def(&self, def: &AssetDef) -> Result<Frame, Refusal> {
        let adapted = AssetDef {
            asset: self.asset(def.asset)?,
            ..*def
        };
        let held = self.journal.assets[&adapted.asset.0];
        if held.exponent != def.exponent {
            return Err(format!(
                "asset {}: unit is 1e{} in the journal, in which its amounts count, found 1e{}",
                def.symbol, held.exponent, def.exponent
            ));
        }
        Ok(Frame::of(&adapted))
    }

    fn instrument_def(&self, def: &InstrumentDef) -> Result<Frame, Refusal> {
        let adapted = InstrumentDef {
            instrument: self.instrument(def.instrument)?,
            base: self.asset(def.base)?,
            quote: self.asset(def.quote)?,
            ..*def
        };
        let held = self.journal.instruments[&adapted.instrument.0];
        let terms = |def: &InstrumentDef| {
            let tick = (def.tick_mantissa, def.tick_exponent);
            let lot = (def.lot_mantissa, def.lot_exponent);
            (def.base, def.quote, tick, lot)
        };
        if terms(&held) != terms(&adapted) {
            return Err(format!(
                "instrument {}: base, quote, tick and lot are what the journal's prices and quantities count in, \
                 and have to stay",
                def.symbol
            ));
        }
        Ok(Frame::of(&adapted))
    }

    fn venue_def(&self, def: &VenueDef) -> Result<Frame, Refusal> {
        let venue = self.venue(def.venue)?;
        if self.journal.venues[&venue.0].rule != def.rule {
            return Err(format!(
                "venue {}: rule says how its recorded updates are numbered, and has to stay",
                def.name
            ));
        }
        Ok(Frame::of(&VenueDef { venue, ..*def }))
    }

    fn listing_def(&self, def: &ListingDef) -> Result<Frame, Refusal> {
        let adapted = ListingDef {
            venue: self.venue(def.venue)?,
            instrument: self.instrument(def.instrument)?,
            ..*def
        };
        let held = self
            .journal
            .listings
            .get(&(adapted.venue.0, adapted.instrument.0));
        let terms = |def: &ListingDef| (def.symbol, def.tick_multiple, def.lot_multiple);
        if held.map(terms) == Some(terms(&adapted)) {
            return Ok(Frame::of(&adapted));
        }
        Err(format!(
            "listing of {} at {}: expected what the journal has, or none",
            self.file.instruments[&def.instrument.0].symbol, self.file.venues[&def.venue.0].name
        ))
    }

    fn client_def(&self, def: &ClientDef) -> Result<Frame, Refusal> {
        Ok(Frame::of(&ClientDef {
            client: self.client(def)?,
            credit_asset: self.asset(def.credit_asset)?,
            ..*def
        }))
    }

    fn limit_set(&self, set: &LimitSet) -> Result<Frame, Refusal> {
        let kind = LimitKind::from_byte(set.kind);
        let target = match kind.map(LimitKind::scope) {
            Some(LimitScope::Instrument) => self.instrument(InstrumentId(set.target))?.0,
            Some(LimitScope::Client) => self.client(&self.file.clients[&set.target])?.0,
            Some(LimitScope::Asset) => self.asset(AssetId(set.target))?.0,
            Some(LimitScope::Venue) => u32::from(self.venue(VenueId(set.target as u16))?.0),
            Some(LimitScope::Desk) | None => set.target,
        };
        let instrument = match kind {
            Some(LimitKind::Permitted) => self.instrument(set.instrument)?,
            _ => set.instrument,
        };
        Ok(Frame::of(&LimitSet {
            target,
            instrument,
            ..*set
        }))
    }

    fn client(&self, def: &ClientDef) -> Result<ClientId, Refusal> {
        let held = self.journal.clients.values().find(|held| held.name == def.name);
        held.map_or_else(|| Err(unknown("client", &def.name)), |held| Ok(held.client))
    }

    fn asset(&self, id: AssetId) -> Result<AssetId, Refusal> {
        let symbol = self.file.assets[&id.0].symbol;
        let held = self.journal.assets.values().find(|held| held.symbol == symbol);
        held.map_or_else(|| Err(unknown("asset", &symbol)), |held| Ok(held.asset))
    }

    fn instrument(&self, id: InstrumentId) -> Result<InstrumentId, Refusal> {
        let symbol = self.file.instruments[&id.0].symbol;
        let held = self
            .journal
            .instruments
            .values()
            .find(|held| held.symbol == symbol);
        held.map_or_else(|| Err(unknown("instrument", &symbol)), |held| Ok(held.instrument))
    }

    fn venue(&self, id: VenueId) -> Result<VenueId, Refusal> {
        let name = self.file.venues[&id.0].name;
        let held = self.journal.venues.values().find(|held| held.name == name);
        held.map_or_else(|| Err(unknown("venue", &name)), |held| Ok(held.venue))
    }
}

fn unknown<const N: usize>(what: &str, name: &Text<N>) -> Refusal {
    format!("the journal has no {what} \"{name}\", so that nothing was recorded of it")
}

/// Something that a file says otherwise than the journal's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Change {
    /// Type of the record.
    pub(super) record: &'static str,
    /// What it is about.
    pub(super) of: String,
    /// Which field; none where the whole record is new or gone.
    pub(super) field: Option<&'static str>,
    pub(super) before: Option<String>,
    pub(super) now: Option<String>,
}

/// What `now` says otherwise than `before`.
pub(super) fn changes(before: &[Frame], now: &[Frame]) -> Vec<Change> {
    let mut decoder = Decoder::new();
    for frame in before {
        decoder.learn(frame);
    }
    let (before, now) = (stated(before, &mut decoder), stated(now, &mut decoder));
    let mut changes = Vec::new();
    for (key, fields) in &before {
        match now.get(key) {
            None => changes.push(key.change(None, Some("given".to_owned()), None)),
            Some(others) => {
                let pairs = fields.iter().zip(others);
                let differing = pairs.filter(|(field, other)| field != other);
                changes.extend(differing.map(|((field, before), (_, now))| {
                    key.change(Some(field), Some(before.clone()), Some(now.clone()))
                }));
            }
        }
    }
    let added = now.keys().filter(|key| !before.contains_key(*key));
    changes.extend(added.map(|key| key.change(None, None, Some("given".to_owned()))));
    changes
}

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct About {
    record_type: u16,
    record: &'static str,
    ids: Vec<String>,
}

impl About {
    fn change(&self, field: Option<&'static str>, before: Option<String>, now: Option<String>) -> Change {
        Change {
            record: self.record,
            of: self.ids.join(" "),
            field,
            before,
            now,
        }
    }
}

type Fields = Vec<(&'static str, String)>;

/// The fields of each record, as text, by what it is about.
fn stated(records: &[Frame], decoder: &mut Decoder) -> BTreeMap<About, Fields> {
    let definitions = Definitions::of(records);
    let mut stated = BTreeMap::new();
    for frame in records {
        let decoded = decoder.decode(frame);
        let Body::Known { name, fields } = decoded.body else {
            continue;
        };
        let (ids, rest): (Vec<_>, Vec<_>) = fields
            .into_iter()
            .partition(|(field, value)| is_key(name, field, value));
        let about = About {
            record_type: frame.record_type().0,
            record: name,
            ids: match frame.get::<LimitSet>() {
                Some(set) => limited(set, &definitions),
                None => ids.into_iter().map(|(_, value)| in_words(value)).collect(),
            },
        };
        let fields = rest.into_iter().map(|(field, value)| (field, in_words(value)));
        stated.insert(about, fields.collect());
    }
    stated
}

/// The kind of a limit, and the names of what it limits.
fn limited(set: &LimitSet, definitions: &Definitions) -> Vec<String> {
    let instrument = |id: u32| definitions.instruments.get(&id).map(|def| def.symbol.to_string());
    let kind = LimitKind::from_byte(set.kind);
    let mut words = vec![kind.map_or_else(|| set.kind.to_string(), |kind| format!("{kind:?}"))];
    words.extend(match kind.map(LimitKind::scope) {
        Some(LimitScope::Instrument) => instrument(set.target),
        Some(LimitScope::Client) => {
            let client = definitions.clients.get(&set.target);
            client.map(|def| def.name.to_string())
        }
        Some(LimitScope::Asset) => {
            let asset = definitions.assets.get(&set.target);
            asset.map(|def| def.symbol.to_string())
        }
        Some(LimitScope::Venue) => {
            let venue = u16::try_from(set.target)
                .ok()
                .and_then(|id| definitions.venues.get(&id));
            venue.map(|def| def.name.to_string())
        }
        Some(LimitScope::Desk) | None => None,
    });
    if kind == Some(LimitKind::Permitted) {
        words.extend(instrument(set.instrument.0));
    }
    words
}

fn is_key(record: &str, field: &str, value: &Value) -> bool {
    match record {
        "ClientDef" => field == "client",
        "InstrumentDef" => field == "instrument",
        "TierSpread" => matches!(field, "instrument" | "tier"),
        "LimitSet" => matches!(field, "kind" | "target" | "instrument"),
        "TradingStateSet" => matches!(field, "scope" | "target"),
        _ => matches!(value, Value::Id(..)),
    }
}

/// A value for people: the name where there is one, the decimal where there is one.
fn in_words(value: Value) -> String {
    match value {
        Value::Id(_, Some(name)) => name,
        Value::Px(_, Some(decimal)) | Value::Qty(_, Some(decimal)) | Value::Amount(_, Some(decimal)) => {
            decimal.to_string()
        }
        value => value.to_string(),
    }
}
