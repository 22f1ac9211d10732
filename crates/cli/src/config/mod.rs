//! Configuration: a TOML file to the records that configure the engine, and the settings of the threads around it.
//!
//! Every decimal is a string in the file and is read exactly. Unknown keys are refused. An error names the file,
//! the line, the column, the key and what was expected there.
//!
//! Ids are given in the order of the file, from 0: assets, instruments, venues, tiers; clients first the `[[client]]`
//! tables, then the `[[client_group]]`s. So a journal is only continued under the same file with something appended.

use std::path::{Path, PathBuf};

use pinrail_journal::JournalConfig;
use pinrail_runtime::idle::IdleStrategy;
use pinrail_sim::ClientFlowConfig;
use pinrail_types::record::{SequenceRule, TradingStateSet};
use pinrail_types::{Frame, Instrument, InstrumentId, StrategyId, VenueId};
use serde::Deserialize;

mod dealing;
mod definitions;
mod error;
mod file;
mod hedging;
mod limits;
mod names;
mod quality;
mod resolve;
mod value;
mod write;

pub(crate) use definitions::Definitions;
pub use error::ConfigError;
pub(crate) use write::to_toml;

/// Most clients of one desk.
pub const CLIENTS_MAX: usize = 65_536;
/// Most tiers: a tier is a number below this in the records.
pub const TIERS_MAX: usize = 16;

/// Under which strategy the hedges of a file's desk go out.
pub(crate) const HEDGER: StrategyId = StrategyId(1);

/// A configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the engine is told, in order: `AssetDef`s, `InstrumentDef`s, `VenueDef`s, `ListingDef`s, `ClientDef`s,
    /// `TierSpread`s, `InstrumentLimits`, `HedgingParams`, `LimitSet`s, and one `TradingStateSet` for the desk. Sequence, time and cause are zero.
    pub records: Vec<Frame>,
    /// The instruments in order of id.
    pub instruments: Vec<Instrument>,
    /// The venues in order of id.
    pub venues: Vec<Venue>,
    /// How many clients there are; their ids lie below.
    pub clients: u32,
    /// `[journal]`; in playback if [`Core::clock`] is.
    pub journal: JournalConfig,
    /// `[core]`.
    pub core: Core,
    /// `[flow]`: requests of simulated clients, if there are to be any.
    pub flow: Option<Flow>,
}

/// A venue and what is played as it.
#[derive(Clone, Debug)]
pub struct Venue {
    /// Its id.
    pub id: VenueId,
    /// Its name.
    pub name: String,
    /// How it numbers its updates.
    pub rule: SequenceRule,
    /// What it lists.
    pub listings: Vec<Listing>,
}

/// An instrument at a venue.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The venue's own name for it.
    pub symbol: String,
    /// The recording that is played. Every listing has one if [`Core::clock`] is [`Clock::Playback`].
    pub capture: Option<PathBuf>,
}

/// How the core runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core {
    /// What its time is.
    pub clock: Clock,
    /// What it does when it finds no work.
    pub idle: Idle,
    /// The processor that it is pinned to; `None` leaves it to the system.
    pub cpu: Option<usize>,
}

/// What core time is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// The recorded time of what is played: decisions do not depend on the speed.
    #[default]
    Playback,
    /// This machine's.
    Live,
}

/// What the core's thread does when it finds no work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Idle {
    /// Spins: for a processor of its own.
    BusySpin,
    /// Gives the processor to whoever waits for it.
    Yield,
    /// Spins, then yields, then sleeps.
    #[default]
    Backoff,
}

impl Idle {
    /// The strategy that this names.
    pub fn strategy(self) -> IdleStrategy {
        match self {
            Idle::BusySpin => IdleStrategy::BusySpin,
            Idle::Yield => IdleStrategy::Yield,
            Idle::Backoff => IdleStrategy::backoff(),
        }
    }
}

/// When the archive is synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Sync {
    #[default]
    EachBatch,
    Never,
}

/// The trading state that the desk is put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Start {
    Active,
    Halted,
}

/// Seeded requests for quotes from all clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Seed of the generator.
    pub seed: u64,
    /// What they ask for and how they answer. Quantities are those that the limits let pass; it never ends, and its
    /// session is 0, until that is changed.
    pub clients: ClientFlowConfig,
}

impl Config {
    /// Reads and checks a file. Paths in it are relative to its directory; captures to its `data` key, or to the
    /// environment's `PINRAIL_DATA` if that is set.
    ///
    /// # Errors
    /// [`ConfigError`]; also where a capture does not exist.
    pub fn load(file: &Path) -> Result<Config, ConfigError> {
        let text = read(file)?;
        let data = std::env::var_os("PINRAIL_DATA").filter(|dir| !dir.is_empty());
        Config::parse(&text, file, data.as_deref().map(Path::new))
    }

    /// The same with captures below `data`.
    ///
    /// # Errors
    /// [`ConfigError`]; also where a capture does not exist.
    pub(crate) fn load_from(file: &Path, data: &Path) -> Result<Config, ConfigError> {
        Config::parse(&read(file)?, file, Some(data))
    }

    /// Checks `text` as the content of `file`; `data` replaces the file's own `data` key.
    ///
    /// # Errors
    /// [`ConfigError`]; also where a capture does not exist.
    pub fn parse(text: &str, file: &Path, data: Option<&Path>) -> Result<Config, ConfigError> {
        toml::from_str(text)
            .map_err(error::Problem::from)
            .and_then(|parsed: file::File| {
                let captures = parsed.captures(file, data);
                resolve::resolve(&parsed, file, Some(&captures))
            })
            .map_err(|problem| problem.locate(file, text))
    }

    /// Reads and checks a file of which no recordings are to be played: they need not be there, and no listing has one.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load_definitions(file: &Path) -> Result<Config, ConfigError> {
        let text = read(file)?;
        toml::from_str(&text)
            .map_err(error::Problem::from)
            .and_then(|parsed: file::File| resolve::resolve(&parsed, file, None))
            .map_err(|problem| problem.locate(file, &text))
    }

    /// The records that begin an epoch. A desk that `goes_on` from an earlier one keeps the trading states that it was
    /// left in: a start is no person who may resume it.
    pub fn records_for(&self, goes_on: bool) -> Vec<Frame> {
        let is_state = |frame: &Frame| frame.get::<TradingStateSet>().is_some();
        let kept = self.records.iter().filter(|frame| !(goes_on && is_state(frame)));
        kept.copied().collect()
    }
}

fn read(file: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(file).map_err(|source| ConfigError::Read {
        file: file.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
