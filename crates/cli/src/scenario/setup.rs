//! What a scenario is made of: the desk's configuration, and a file of what is played around it.

use std::path::{Path, PathBuf};

use pinrail_engine::Bounds;
use pinrail_sim::{
    ClientFlowConfig, ExchangeConfig, ExecutionConfig, Fault, FaultConfig, FundamentalConfig, PackageRange,
    VenueFlowConfig,
};
use pinrail_types::record::LEGS_MAX;
use pinrail_types::{AssetId, Decimal, Grid, Instrument, InstrumentId, Px, Qty, Scaled, Side, VenueId};
use serde::Deserialize;

use super::venues::{self, Survey};
use crate::config::{Config, Definitions};
use crate::failure::Failure;

const DESK: &str = include_str!("desk.toml");
const SCENARIO: &str = include_str!("scenario.toml");
const RECORDED_DESK: &str = include_str!("recorded-desk.toml");
const RECORDED: &str = include_str!("recorded.toml");

const NS_PER_US: u64 = 1_000;
const NS_PER_MS: u64 = 1_000_000;
const NS_PER_S: u64 = 1_000_000_000;
const E8_PER_BPS: i64 = 10_000;

/// The file, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    desk: Option<PathBuf>,
    venues: Venues,
    clients: Clients,
    operator: OperatorSection,
    close: Close,
    balance: Vec<Balance>,
    #[serde(default)]
    package: Vec<Package>,
    #[serde(default)]
    market: Vec<Market>,
    faults: Faults,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Venues {
    latency_us_min: u32,
    latency_us_mean: u32,
    balance_s: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Clients {
    view_bps_max: u16,
    /// Most that is asked for, of what the limits let pass. Left out: all of it.
    qty_max_pct: Option<u16>,
    /// Of ten thousand requests, those for packages. Left out: none.
    #[serde(default)]
    packages: u16,
}

/// A unit is one step of the quantity of each leg.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Package {
    buy: Vec<String>,
    sell: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperatorSection {
    lift_s: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Close {
    grace_s: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Balance {
    asset: String,
    amount: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Market {
    instrument: String,
    /// The instrument whose price it follows. Left out: its price is its own.
    follows: Option<String>,
    px: String,
    qty_mean: String,
    levels: u16,
    updates_per_s: u32,
    spread_ticks_max: u32,
    own_ticks_max: u32,
    step_ms: u32,
    step_ticks_max: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Faults {
    slow: u16,
    reject: u16,
    duplicate: u16,
    reorder: u16,
    wrong_cum_qty: u16,
    unknown_order: u16,
    worse_px: u16,
    late_fill: u16,
    bust: u16,
    correct: u16,
    disconnect: u16,
    slow_ms_mean: u32,
    reorder_ms_max: u32,
    down_s_mean: u32,
}

/// All that a scenario is made of, but for its seed.
pub(super) struct Setup {
    /// The desk.
    pub(super) config: Config,
    /// What its records say.
    pub(super) definitions: Definitions,
    /// How venues take orders, and the books of simulated ones; the seed of a fundamental price is the id of the instrument whose
    /// price it is.
    pub(super) exchanges: Vec<ExchangeConfig>,
    /// The clients.
    pub(super) clients: ClientFlowConfig,
    /// How long the operator waits before a halt is lifted.
    pub(super) lift_ns: u64,
    /// How long the desk trades on behind the last request before it is closed.
    pub(super) grace_ns: u64,
    /// What recordings hold, if they are played.
    pub(super) recording: Option<Survey>,
    /// Levels a side that a mirror of a book needs room for.
    pub(super) book_levels: usize,
}

impl Setup {
    /// Reads `file`, or takes what is built in. The desk's recordings are played if `recordings` says where they lie.
    pub(super) fn load(
        file: Option<&Path>,
        with_faults: bool,
        recordings: Option<&Path>,
    ) -> Result<Setup, Failure> {
        let (scenario, desk) = match recordings {
            None => (SCENARIO, DESK),
            Some(_) => (RECORDED, RECORDED_DESK),
        };
        let text = match file {
            None => scenario.to_owned(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|e| Failure::Usage(format!("cannot read {}: {e}", path.display())))?,
        };
        let name = file.unwrap_or(Path::new("scenario.toml"));
        let usage = |what: String| Failure::Usage(format!("{}: {what}", name.display()));
        let parsed: File = toml::from_str(&text).map_err(|e| usage(e.to_string()))?;
        let own = |desk: &Path| name.parent().unwrap_or(Path::new("")).join(desk);
        let config = match (&parsed.desk, recordings) {
            (None, None) => Config::parse(desk, Path::new("desk.toml"), None)?,
            (None, Some(data)) => {
                Config::parse(desk, Path::new("recorded-desk.toml"), Some(data)).map_err(|e| {
                    let data = data.display();
                    Failure::Usage(format!(
                        "--recordings plays Binance's feeds that README.md tells of, from {data}: {e}"
                    ))
                })?
            }
            (Some(desk), None) => Config::load_definitions(&own(desk))?,
            (Some(desk), Some(data)) => Config::load_from(&own(desk), data)?,
        };
        let recording = recordings.map(|_| venues::survey(&config)).transpose()?;
        parsed.resolve(config, with_faults, recording).map_err(usage)
    }
}

impl File {
    fn resolve(&self, config: Config, with_faults: bool, recording: Option<Survey>) -> Result<Setup, String> {
        let definitions = Definitions::of(&config.records);
        let flow = config
            .flow
            .as_ref()
            .ok_or("the desk has no [flow]: nobody would ask for quotes")?;
        let mut clients = ClientFlowConfig {
            view_e8_max: u32::from(self.clients.view_bps_max) * E8_PER_BPS as u32,
            ..flow.clients.clone()
        };
        let is_listed = |instrument| {
            let mut listings = config.venues.iter().flat_map(|venue| &venue.listings);
            listings.any(|listing| listing.instrument == instrument)
        };
        clients.instruments.retain(|range| is_listed(range.instrument));
        for range in &mut clients.instruments {
            let most = range.qty_lots_max.0 / 100 * i64::from(self.clients.qty_max_pct.unwrap_or(100));
            range.qty_lots_max = Qty(most.min(range.qty_lots_max.0).max(range.qty_lots_min.0));
        }
        self.packages(&mut clients, &definitions)?;
        let exchanges = self.exchanges(&definitions, &config, with_faults, recording.is_some())?;
        let levels = self.market.iter().map(|market| market.levels).max().unwrap_or(0);
        Ok(Setup {
            exchanges,
            clients,
            lift_ns: u64::from(self.operator.lift_s) * NS_PER_S,
            grace_ns: u64::from(self.close.grace_s) * NS_PER_S,
            book_levels: match recording {
                Some(_) => Bounds::default().book_levels,
                None => 4 * usize::from(levels),
            },
            recording,
            definitions,
            config,
        })
    }

    /// Has clients ask for packages.
    fn packages(&self, clients: &mut ClientFlowConfig, definitions: &Definitions) -> Result<(), String> {
        if self.clients.packages > 10_000 {
            let share = self.clients.packages;
            return Err(format!("[clients] packages is {share}: expected 0 to 10000"));
        }
        if self.clients.packages > 0 && self.package.is_empty() {
            return Err("[clients] packages: expected a [[package]], found none".to_owned());
        }
        clients.packages_e8 = u32::from(self.clients.packages) * E8_PER_BPS as u32;
        for package in &self.package {
            let of = package.range(clients, definitions)?;
            clients.packages.push(of);
        }
        let quote_of = |instrument: &InstrumentId| definitions.instruments[&instrument.0].quote;
        let quote = clients
            .packages
            .first()
            .map(|package| quote_of(&package.legs[0].0));
        let mut known = definitions.instruments.values();
        clients.odd_leg = known
            .find(|def| quote.is_some_and(|quote| quote != def.quote))
            .map(|def| def.instrument);
        Ok(())
    }

    fn exchanges(
        &self,
        definitions: &Definitions,
        config: &Config,
        with_faults: bool,
        is_recorded: bool,
    ) -> Result<Vec<ExchangeConfig>, String> {
        let balances = self
            .balance
            .iter()
            .map(|balance| balance.units(definitions))
            .collect::<Result<Vec<_>, _>>()?;
        let mut exchanges = Vec::new();
        for venue in &config.venues {
            let def = &definitions.venues[&venue.id.0];
            let mut listings = Vec::new();
            for listing in venue.listings.iter().filter(|_| !is_recorded) {
                let on_grid = &definitions.listings[&(venue.id.0, listing.instrument.0)];
                if (on_grid.tick_multiple, on_grid.lot_multiple) != (1, 1) {
                    return Err(format!(
                        "{} lists {} on a grid of its own: expected the desk's",
                        venue.name, listing.symbol
                    ));
                }
                listings.push(self.book(venue.id, listing.instrument, definitions, &config.instruments)?);
            }
            exchanges.push(ExchangeConfig {
                execution: ExecutionConfig {
                    venue: venue.id,
                    taker_fee_e8: def.taker_fee_e8,
                    latency_ns_min: (u64::from(self.venues.latency_us_min) * NS_PER_US).max(1),
                    latency_ns_mean: u64::from(self.venues.latency_us_mean) * NS_PER_US,
                    balances: balances.clone(),
                    reports_before: 0,
                    balance_ns: u64::from(self.venues.balance_s.max(1)) * NS_PER_S,
                    faults: if with_faults {
                        self.faults.config()?
                    } else {
                        FaultConfig::NONE
                    },
                },
                listings,
            });
        }
        Ok(exchanges)
    }

    fn book(
        &self,
        venue: VenueId,
        instrument: InstrumentId,
        definitions: &Definitions,
        instruments: &[Instrument],
    ) -> Result<VenueFlowConfig, String> {
        let symbol = definitions.instruments[&instrument.0].symbol.to_string();
        let market = self.market.iter().find(|market| market.instrument == symbol);
        let market = market.ok_or_else(|| format!("expected a [[market]] of {symbol}, found none"))?;
        let meta = &instruments[instrument.index()];
        let follows = market.follows.as_ref().unwrap_or(&symbol);
        let moved_by = instrument_of(follows, definitions)
            .ok_or_else(|| format!("[[market]] of {symbol} follows {follows}: expected an instrument"))?;
        Ok(VenueFlowConfig {
            venue,
            instrument,
            updates_per_s: market.updates_per_s,
            levels: market.levels.into(),
            spread_ticks_max: market.spread_ticks_max.into(),
            qty_lots_mean: steps(&meta.lot, &market.qty_mean, "qty_mean")?,
            trade_e8: TRADE_E8,
            own_ticks_max: market.own_ticks_max.into(),
            fundamental: FundamentalConfig {
                seed: moved_by.0.into(),
                px_start: Px(steps(&meta.tick, &market.px, "px")?),
                step_ns: u64::from(market.step_ms) * NS_PER_MS,
                step_ticks_max: market.step_ticks_max.into(),
            },
        })
    }
}

/// The instrument of this symbol.
fn instrument_of(symbol: &str, definitions: &Definitions) -> Option<InstrumentId> {
    let mut known = definitions.instruments.values();
    let found = known.find(|def| def.symbol.to_string() == symbol);
    found.map(|def| def.instrument)
}

impl Package {
    fn range(&self, clients: &ClientFlowConfig, definitions: &Definitions) -> Result<PackageRange, String> {
        let sides = [(Side::Buy, &self.buy), (Side::Sell, &self.sell)];
        let named = sides
            .into_iter()
            .flat_map(|(side, of)| of.iter().map(move |of| (side, of)));
        let mut legs = Vec::new();
        let mut units_max = i64::MAX;
        for (side, symbol) in named {
            let id = instrument_of(symbol, definitions);
            let range = clients
                .instruments
                .iter()
                .find(|range| Some(range.instrument) == id);
            let range = range.ok_or_else(|| {
                format!("[[package]] {symbol}: expected an instrument that is listed and has limits")
            })?;
            units_max = units_max.min(range.qty_lots_max.0 / range.qty_lots_step.0);
            legs.push((range.instrument, side, range.qty_lots_step));
        }
        if !(2..=LEGS_MAX).contains(&legs.len()) {
            return Err(format!(
                "[[package]] has {} legs: expected 2 to {LEGS_MAX}",
                legs.len()
            ));
        }
        Ok(PackageRange {
            legs,
            units_max: Qty(units_max.max(1)),
        })
    }
}

/// Share of updates that come from a trade, times 1e8.
const TRADE_E8: u32 = 10_000_000;

fn steps(grid: &Grid, text: &str, key: &str) -> Result<i64, String> {
    grid.steps(text.as_bytes())
        .map_err(|e| format!("{key} = \"{text}\": {e}"))
}

/// A decimal in the smallest unit of an asset of this exponent.
fn units(text: &str, exponent: i8, key: &str) -> Result<i128, String> {
    let decimal = Decimal::parse(text).map_err(|e| format!("{key} = \"{text}\": {e}"))?;
    let scaled = Scaled {
        value: decimal.mantissa.into(),
        exponent: decimal.exponent,
    };
    scaled
        .digits(exponent.unsigned_abs())
        .ok_or_else(|| format!("{key} = \"{text}\": not a whole number of the asset's smallest unit"))
}

impl Balance {
    fn units(&self, definitions: &Definitions) -> Result<(AssetId, i128), String> {
        let def = definitions
            .assets
            .values()
            .find(|def| def.symbol.to_string() == self.asset);
        let def = def.ok_or_else(|| format!("[[balance]]: there is no asset \"{}\"", self.asset))?;
        Ok((def.asset, units(&self.amount, def.exponent, "amount")?))
    }
}

impl Faults {
    fn config(&self) -> Result<FaultConfig, String> {
        let shares = [
            (Fault::Slow, self.slow),
            (Fault::Reject, self.reject),
            (Fault::Duplicate, self.duplicate),
            (Fault::Reorder, self.reorder),
            (Fault::WrongCumQty, self.wrong_cum_qty),
            (Fault::UnknownOrder, self.unknown_order),
            (Fault::WorsePx, self.worse_px),
            (Fault::LateFill, self.late_fill),
            (Fault::Bust, self.bust),
            (Fault::Correct, self.correct),
            (Fault::Disconnect, self.disconnect),
        ];
        let mut chances_e8 = [0; Fault::COUNT];
        for (fault, share) in shares {
            if share > 10_000 {
                return Err(format!(
                    "[faults] {} is {share}: expected 0 to 10000",
                    fault.name()
                ));
            }
            chances_e8[fault as usize] = u32::from(share) * E8_PER_BPS as u32;
        }
        Ok(FaultConfig {
            chances_e8,
            slow_ns_mean: u64::from(self.slow_ms_mean) * NS_PER_MS,
            reorder_ns_max: (u64::from(self.reorder_ms_max) * NS_PER_MS).max(1),
            down_ns_mean: u64::from(self.down_s_mean) * NS_PER_S,
        })
    }
}
