//! From the shape of the file to what it means: names looked up, numbers put on their grids, bounds checked.

use std::path::{Path, PathBuf};

use bytemuck::Zeroable;
use pinrail_journal::{HEADER_BYTES, JournalConfig, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SyncPolicy};
use pinrail_sim::{ClientFlowConfig, RequestRange};
use pinrail_types::record::{
    AssetDef, ClientDef, InstrumentDef, InstrumentLimits, InventoryRule, ListingDef, QuotingParams, Scope,
    SequenceRule, TierSpread, TradingState, TradingStateSet, VenueDef,
};
use pinrail_types::{
    AssetId, ClientId, E8, Frame, Instrument, InstrumentError, InstrumentId, Qty, SessionId, Text, VenueId,
};
use toml::Spanned;

use super::file::{
    AssetSection, ClientGroupSection, ClientSection, CoreSection, DecimalText, File, FlowSection,
    InstrumentSection, JournalSection, LimitsSection, ListingSection, QuotingSection, Rule, TierSection,
    VenueSection,
};
use super::names::Names;
use super::value::{Resolved, amount, at, bps_e8, ms_to_ns, number_e8, short_text, steps, text, whole};
use super::{CLIENTS_MAX, Clock, Config, Core, Flow, Listing, Start, Sync, TIERS_MAX, Venue};

/// `captures` is where the captures lie; without it they are not looked for.
pub(super) fn resolve(file: &File, path: &Path, captures: Option<&Path>) -> Resolved<Config> {
    let dir = path.parent().unwrap_or(Path::new(""));
    let mut desk = Desk::default();
    for section in &file.asset {
        desk.asset(section)?;
    }
    for section in &file.instrument {
        desk.instrument(section)?;
    }
    for section in &file.venue {
        desk.venue(section)?;
    }
    let core = core(&file.core)?;
    for (id, section) in file.venue.iter().enumerate() {
        desk.listings(id, section, core.clock, captures)?;
    }
    desk.clients(file)?;
    for (tier, section) in file.tier.iter().enumerate() {
        desk.tier_spreads(tier, section)?;
    }
    for section in &file.limits {
        desk.instrument_limits(section)?;
    }
    for section in &file.quoting {
        desk.quoting_params(section)?;
    }
    desk.dealing(file)?;
    desk.hedging(file)?;
    desk.quality(file)?;
    desk.desk_limits(file)?;
    desk.start(file.start);
    let clients = desk.client_names.len() as u32;
    let flow = match &file.flow {
        Some(section) => Some(flow(section, clients, &desk.limits)?),
        None => None,
    };
    Ok(Config {
        records: desk.records,
        instruments: desk.instruments,
        venues: desk.venues,
        clients,
        journal: journal(&file.journal, core.clock, dir)?,
        core,
        flow,
    })
}

// What the record takes at most.
const AVERSION_MAX: i64 = 10_000_000;
const VOLATILITY_MULT_MAX: i64 = 100;
const HOLD_MS_MAX: i64 = 3_600_000;
const TAU_MS_MAX: i64 = 86_400_000;
const NS_PER_S: u64 = 1_000_000_000;

/// What has been defined so far.
pub(super) struct Desk {
    pub(super) records: Vec<Frame>,
    pub(super) asset_names: Names,
    pub(super) assets: Vec<AssetDef>,
    pub(super) instrument_names: Names,
    pub(super) instruments: Vec<Instrument>,
    pub(super) venue_names: Names,
    venues: Vec<Venue>,
    pub(super) tier_names: Names,
    pub(super) client_names: Names,
    limited: Names,
    quoted: Names,
    limits: Vec<InstrumentLimits>,
}

impl Default for Desk {
    fn default() -> Self {
        Desk {
            records: Vec::new(),
            asset_names: Names::of("asset"),
            assets: Vec::new(),
            instrument_names: Names::of("instrument"),
            instruments: Vec::new(),
            venue_names: Names::of("venue"),
            venues: Vec::new(),
            tier_names: Names::of("tier"),
            client_names: Names::of("client"),
            limited: Names::of("table of limits"),
            quoted: Names::of("table of quoting"),
            limits: Vec::new(),
        }
    }
}

impl Desk {
    fn asset(&mut self, section: &AssetSection) -> Resolved<()> {
        let id = self.asset_names.add(section.symbol.get_ref(), &section.symbol)?;
        let unit = section.unit.get_ref().value;
        if unit.mantissa != 1 || !(-18..=0).contains(&unit.exponent) {
            return at(
                &section.unit,
                format_args!(
                    "expected a power of ten from \"0.000000000000000001\" to \"1\", found \"{unit}\""
                ),
            );
        }
        let def = AssetDef {
            asset: AssetId(id as u32),
            exponent: unit.exponent,
            symbol: text(&section.symbol)?,
            ..AssetDef::zeroed()
        };
        self.assets.push(def);
        self.records.push(Frame::of(&def));
        Ok(())
    }

    fn instrument(&mut self, section: &InstrumentSection) -> Resolved<()> {
        let id = self
            .instrument_names
            .add(section.symbol.get_ref(), &section.symbol)?;
        let base = self.asset_names.find(&section.base)?;
        let quote = self.asset_names.find(&section.quote)?;
        let tick = section.tick.get_ref().value;
        let lot = section.lot.get_ref().value;
        let def = InstrumentDef {
            instrument: InstrumentId(id as u32),
            base: AssetId(base as u32),
            quote: AssetId(quote as u32),
            tick_exponent: tick.exponent,
            lot_exponent: lot.exponent,
            tick_mantissa: tick.mantissa,
            lot_mantissa: lot.mantissa,
            symbol: text(&section.symbol)?,
            ..InstrumentDef::zeroed()
        };
        let instrument = match Instrument::new(&def, &self.assets[base], &self.assets[quote]) {
            Ok(instrument) => instrument,
            Err(InstrumentError::Tick(error)) => {
                return at(&section.tick, format_args!("\"{tick}\": {error}"));
            }
            Err(InstrumentError::Lot(error)) => return at(&section.lot, format_args!("\"{lot}\": {error}")),
            Err(error @ InstrumentError::Inexact) => {
                let asset = section.quote.get_ref();
                return at(
                    &section.lot,
                    format_args!("{error}; expected a larger lot or tick, or a smaller unit of {asset}"),
                );
            }
            Err(error @ InstrumentError::InexactLot) => {
                let asset = section.base.get_ref();
                return at(
                    &section.lot,
                    format_args!("{error}; expected a larger lot, or a smaller unit of {asset}"),
                );
            }
        };
        self.instruments.push(instrument);
        self.records.push(Frame::of(&def));
        Ok(())
    }

    fn venue(&mut self, section: &VenueSection) -> Resolved<()> {
        let id = self.venue_names.add(section.name.get_ref(), &section.name)?;
        let Ok(id) = u16::try_from(id) else {
            return at(&section.name, "expected at most 65536 venues");
        };
        let rule = match section.rule {
            Rule::Plain => SequenceRule::Plain,
            Rule::BinanceSpot => SequenceRule::BinanceSpot,
            Rule::BinanceUsdm => SequenceRule::BinanceUsdm,
            Rule::Mirrored => SequenceRule::Mirrored,
        };
        let def = VenueDef {
            venue: VenueId(id),
            rule: rule.byte(),
            taker_fee_e8: bps_e8(&section.taker_fee_bps, -E8..=E8)? as i32,
            stale_ns_max: ms_to_ns(&section.stale_ms)?,
            name: text(&section.name)?,
            ..VenueDef::zeroed()
        };
        self.records.push(Frame::of(&def));
        self.venues.push(Venue {
            id: def.venue,
            name: section.name.get_ref().clone(),
            rule,
            listings: Vec::new(),
        });
        Ok(())
    }

    fn listings(
        &mut self,
        venue: usize,
        section: &VenueSection,
        clock: Clock,
        captures: Option<&Path>,
    ) -> Resolved<()> {
        let mut listed = Names::of("listing");
        for listing in &section.listing {
            listed.add(listing.instrument.get_ref(), &listing.instrument)?;
            let id = self.instrument_names.find(&listing.instrument)?;
            let instrument = &self.instruments[id];
            let def = ListingDef {
                venue: self.venues[venue].id,
                instrument: instrument.id,
                tick_multiple: steps(&listing.tick, &instrument.tick, "the instrument's tick", 1)?,
                lot_multiple: steps(&listing.lot, &instrument.lot, "the instrument's lot", 1)?,
                symbol: text(&listing.symbol)?,
                ..ListingDef::zeroed()
            };
            self.records.push(Frame::of(&def));
            self.venues[venue].listings.push(Listing {
                instrument: def.instrument,
                symbol: listing.symbol.get_ref().clone(),
                capture: match captures {
                    Some(captures) => capture(listing, clock, captures)?,
                    None => None,
                },
            });
        }
        Ok(())
    }

    fn clients(&mut self, file: &File) -> Resolved<()> {
        for (tier, section) in file.tier.iter().enumerate() {
            self.tier_names.add(section.name.get_ref(), &section.name)?;
            if tier >= TIERS_MAX {
                return at(&section.name, format_args!("expected at most {TIERS_MAX} tiers"));
            }
        }
        for section in &file.client {
            let ClientSection {
                name,
                tier,
                credit,
                credit_asset,
                limits,
            } = section;
            let id = self.client(name.get_ref(), name, tier, credit, credit_asset)?;
            self.client_limits(id, limits.as_ref(), credit_asset)?;
        }
        for section in &file.client_group {
            let ClientGroupSection {
                prefix,
                count,
                tier,
                credit,
                credit_asset,
                limits,
            } = section;
            for n in 1..=whole(count, 1..=CLIENTS_MAX as i64, "clients")? {
                let name = format!("{}{n}", prefix.get_ref());
                let id = self.client(&name, prefix, tier, credit, credit_asset)?;
                self.client_limits(id, limits.as_ref(), credit_asset)?;
            }
        }
        Ok(())
    }

    fn client(
        &mut self,
        name: &str,
        place: &Spanned<String>,
        tier: &Spanned<String>,
        credit: &Spanned<DecimalText>,
        credit_asset: &Spanned<String>,
    ) -> Resolved<usize> {
        let id = self.client_names.add(name, place)?;
        if id >= CLIENTS_MAX {
            return at(place, format_args!("expected at most {CLIENTS_MAX} clients"));
        }
        let asset = self.asset_names.find(credit_asset)?;
        let def = ClientDef {
            client: ClientId(id as u32),
            tier: self.tier_names.find(tier)? as u8,
            credit_asset: AssetId(asset as u32),
            credit_max: amount(credit, &self.assets[asset])?,
            name: short_text(name, place)?,
            ..ClientDef::zeroed()
        };
        self.records.push(Frame::of(&def));
        Ok(id)
    }

    fn tier_spreads(&mut self, tier: usize, section: &TierSection) -> Resolved<()> {
        let spreads = section.half_spread_bps.get_ref();
        for symbol in spreads.keys() {
            self.instrument_names.find(symbol)?;
        }
        for (symbol, id) in self.instrument_names.in_order() {
            let Some((_, half_spread)) = spreads.iter().find(|(key, _)| key.get_ref() == symbol) else {
                return at(
                    &section.half_spread_bps,
                    format_args!("expected a half-spread for {symbol} too"),
                );
            };
            self.records.push(Frame::of(&TierSpread {
                instrument: InstrumentId(id as u32),
                tier: tier as u8,
                half_spread_e8: bps_e8(half_spread, 0..=E8)?,
                ..TierSpread::zeroed()
            }));
        }
        Ok(())
    }

    fn instrument_limits(&mut self, section: &LimitsSection) -> Resolved<()> {
        let name = &section.instrument;
        let id = self.instrument_names.find(name)?;
        self.limited.add(name.get_ref(), name)?;
        let instrument = &self.instruments[id];
        let lots = |value, least| steps(value, &instrument.lot, "the lot", least).map(Qty);
        let qty_lots_min = lots(&section.qty_min, 1)?;
        let def = InstrumentLimits {
            instrument: instrument.id,
            qty_lots_min,
            qty_lots_max: lots(&section.qty_max, qty_lots_min.0)?,
            qty_lots_step: lots(&section.qty_step, 1)?,
            notional_max: amount(&section.notional_max, &self.assets[instrument.quote.index()])?,
            position_lots_max: lots(&section.position_max, 0)?,
            collar_e8: bps_e8(&section.collar_bps, 0..=E8)?,
            quote_ttl_ns: ms_to_ns(&section.quote_ttl_ms)?,
            px_ticks_step: steps(&section.px_step, &instrument.tick, "the tick", 1)?,
            ..InstrumentLimits::zeroed()
        };
        if let Some(step) = no_multiple_in_range(&def) {
            return at(&section.qty_step, step);
        }
        self.limits.push(def);
        self.records.push(Frame::of(&def));
        self.more_limits(id, section)
    }

    fn quoting_params(&mut self, section: &QuotingSection) -> Resolved<()> {
        let name = &section.instrument;
        let id = self.instrument_names.find(name)?;
        self.quoted.add(name.get_ref(), name)?;
        let instrument = &self.instruments[id];
        let lots = |value| steps(value, &instrument.lot, "the lot", 1).map(Qty);
        let (rule, skew_e8) = match (&section.skew_bps, &section.aversion) {
            (Some(skew), None) => (InventoryRule::Linear, bps_e8(skew, 0..=E8)?),
            (None, Some(aversion)) => (
                InventoryRule::Reservation,
                number_e8(aversion, AVERSION_MAX * E8)?,
            ),
            _ => return at(name, "expected either `skew_bps` or `aversion`"),
        };
        self.records.push(Frame::of(&QuotingParams {
            instrument: instrument.id,
            inventory_rule: rule.byte(),
            volatility_mult_e8: number_e8(&section.volatility_mult, VOLATILITY_MULT_MAX * E8)?,
            hold_ns: whole(&section.hold_ms, 0..=HOLD_MS_MAX, "milliseconds")?.unsigned_abs() * 1_000_000,
            impact_e8: bps_e8(&section.impact_bps, 0..=E8)?,
            impact_qty: lots(&section.impact_qty)?,
            skew_e8,
            skew_position: lots(&section.skew_position)?,
            edge_min_e8: bps_e8(&section.edge_min_bps, 0..=E8)?,
            volatility_tau_ns: whole(&section.volatility_tau_ms, 1..=TAU_MS_MAX, "milliseconds")?
                .unsigned_abs()
                * 1_000_000,
            requote_e8: match &section.requote_bps {
                Some(bps) => bps_e8(bps, 0..=E8)?,
                None => 0,
            },
            requote_ns_min: section.requote_ms.as_ref().map_or(Ok(0), ms_to_ns)?,
            hedgeable_lots_min: section.hedgeable_min.as_ref().map_or(Ok(Qty::ZERO), lots)?,
            ..QuotingParams::zeroed()
        }));
        Ok(())
    }

    fn start(&mut self, start: Start) {
        let state = match start {
            Start::Active => TradingState::Active,
            Start::Halted => TradingState::Halted,
        };
        self.records.push(Frame::of(&TradingStateSet {
            scope: Scope::Global.byte(),
            state: state.byte(),
            actor: Text::new("config").expect("a short literal"),
            ..TradingStateSet::zeroed()
        }));
    }
}

/// Why no quantity could be asked for, if that is so.
fn no_multiple_in_range(limits: &InstrumentLimits) -> Option<&'static str> {
    let (least, most, step) = (
        limits.qty_lots_min.0,
        limits.qty_lots_max.0,
        limits.qty_lots_step.0,
    );
    (most / step * step < least).then_some("expected a step with a multiple from qty_min to qty_max")
}

fn journal(section: &JournalSection, clock: Clock, dir: &Path) -> Resolved<JournalConfig> {
    let mut config = JournalConfig::new(dir.join(&section.archive_dir), dir.join(&section.live_dir));
    config.playback = clock == Clock::Playback;
    config.sync = match section.sync {
        Sync::EachBatch => SyncPolicy::EachBatch,
        Sync::Never => SyncPolicy::Never,
    };
    if let Some(bytes) = &section.segment_bytes {
        let found = whole(
            bytes,
            SEGMENT_BYTES_MIN as i64..=SEGMENT_BYTES_MAX as i64,
            "bytes",
        )?;
        if found % HEADER_BYTES as i64 != 0 {
            return at(
                bytes,
                format_args!("expected a multiple of {HEADER_BYTES}, found {found}"),
            );
        }
        config.segment_bytes = found.unsigned_abs();
    }
    if let Some(ahead) = &section.segments_ahead {
        config.segments_ahead = whole(ahead, 1..=1024, "segments")? as usize;
        config.segments_max = config.segments_max.max(config.segments_ahead + 1);
    }
    if let Some(most) = &section.segments_max {
        let least = config.segments_ahead as i64 + 1;
        config.segments_max = whole(most, least..=2048, "segments")? as usize;
    }
    Ok(config)
}

fn core(section: &CoreSection) -> Resolved<Core> {
    Ok(Core {
        clock: section.clock,
        idle: section.idle,
        cpu: section
            .cpu
            .as_ref()
            .map(|cpu| whole(cpu, 0..=4095, "as the number of a processor").map(|n| n as usize))
            .transpose()?,
    })
}

/// The requests of `clients` clients, for quantities that the limits let pass.
fn flow(section: &FlowSection, clients: u32, limits: &[InstrumentLimits]) -> Resolved<Flow> {
    if clients == 0 || limits.is_empty() {
        return at(
            &section.seed,
            "expected at least one client and one table of limits",
        );
    }
    let share = |pct, most| whole(pct, 0..=most, "per cent").map(|pct| pct as u32 * (E8 / 100) as u32);
    let accept_e8 = share(&section.accept_pct, 100)?;
    let reaction_ns_min = ms_to_ns(&section.reaction_ms_min)?;
    let reaction_ns_max = ms_to_ns(&section.reaction_ms_max)?;
    if reaction_ns_min > reaction_ns_max {
        return at(&section.reaction_ms_max, "expected at least reaction_ms_min");
    }
    Ok(Flow {
        seed: whole(&section.seed, 0..=i64::MAX, "as a seed")?.unsigned_abs(),
        clients: ClientFlowConfig {
            clients,
            session: SessionId(0),
            instruments: limits
                .iter()
                .map(|limits| RequestRange {
                    instrument: limits.instrument,
                    qty_lots_min: limits.qty_lots_min,
                    qty_lots_max: limits.qty_lots_max,
                    qty_lots_step: limits.qty_lots_step,
                })
                .collect(),
            interval_ns_mean: NS_PER_S
                / whole(&section.requests_per_s, 1..=1_000_000, "requests a second")?.unsigned_abs(),
            end_ns: u64::MAX,
            two_sided_e8: share(&section.two_sided_pct, 100)?,
            bad_e8: share(&section.bad_pct, 100)?,
            accept_e8,
            pass_e8: share(&section.pass_pct, 100 - section.accept_pct.get_ref())?,
            view_e8_max: 0,
            packages: Vec::new(),
            packages_e8: 0,
            odd_leg: None,
            reaction_ns_min,
            reaction_ns_max,
            open_max: 65_536,
        },
    })
}

fn capture(listing: &ListingSection, clock: Clock, data: &Path) -> Resolved<Option<PathBuf>> {
    match (&listing.capture, clock) {
        (None, Clock::Live) => Ok(None),
        (None, Clock::Playback) => at(
            &listing.instrument,
            "expected a `capture` for this listing, because core.clock is \"playback\"",
        ),
        (Some(capture), _) => {
            let path = data.join(capture.get_ref());
            if path.is_file() {
                Ok(Some(path))
            } else {
                at(
                    capture,
                    format_args!(
                        "there is no file {}; expected a path below `data` or the environment's PINRAIL_DATA",
                        path.display()
                    ),
                )
            }
        }
    }
}
