//! What a journal says of the configuration that it ran under.

use std::path::Path;

use pinrail_journal::ReadError;
use pinrail_journal::archive::Reader;
use pinrail_types::record::{
    AgencyDef, AssetDef, ClientDef, DealingRule, EpochStart, HedgingParams, InstrumentDef, InstrumentLimits,
    LastLookDef, LimitSet, ListingDef, MarkOutDef, QuotingParams, RuntimeEvent, RuntimeEventKind, TierSpread,
    TradingStateSet, VenueDef,
};
use pinrail_types::{Cause, Frame, Record, SourceId};

/// How an epoch began.
#[derive(Clone, Debug)]
pub struct EpochConfiguration {
    /// Its first record.
    pub start: EpochStart,
    /// What the runtime configured the engine with right behind that, in order.
    pub records: Vec<Frame>,
}

/// The configurations of a journal's epochs, in order.
#[derive(Clone, Debug, Default)]
pub struct Configurations {
    /// One for each epoch.
    pub epochs: Vec<EpochConfiguration>,
    /// Definitions and limits that were given later, as commands.
    pub given_later: u64,
    /// Sequences of inputs that the journal says were passed over.
    pub(super) poison: Vec<u64>,
}

impl Configurations {
    /// Reads all of the archive in `archive_dir`, and of what is in `live_dir` if one is given.
    ///
    /// # Errors
    /// As [`Reader::open`] and [`Reader::next`].
    pub fn read(archive_dir: &Path, live_dir: Option<&Path>) -> Result<Configurations, ReadError> {
        let mut reader = Reader::open(archive_dir, live_dir)?;
        let mut found = Configurations::default();
        let mut opening = Opening::default();
        let mut frame = Frame::default();
        while reader.next(&mut frame)?.is_some() {
            if frame.record_type().is_output() {
                continue;
            }
            let configures = opening.holds(&frame);
            if let Some(start) = frame.get::<EpochStart>() {
                found.epochs.push(EpochConfiguration {
                    start: *start,
                    records: Vec::new(),
                });
            } else if let (true, Some(epoch)) = (configures, found.epochs.last_mut()) {
                epoch.records.push(frame);
            } else if let Some(seq) = poison(&frame) {
                found.poison.push(seq);
            } else if is_definition(&frame) {
                found.given_later += 1;
            }
        }
        Ok(found)
    }
}

/// The input that this one says was passed over.
pub(super) fn poison(input: &Frame) -> Option<u64> {
    let event = input.get::<RuntimeEvent>()?;
    (event.kind == RuntimeEventKind::PoisonInput.byte()).then_some(event.value)
}

/// Follows where the configuration of an epoch stands: behind its start, and behind what that says of poison.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Opening {
    is_open: bool,
}

impl Opening {
    /// Whether the next input is of the epoch's configuration.
    #[inline]
    pub(super) fn holds(&mut self, input: &Frame) -> bool {
        if input.record_type() == EpochStart::TYPE {
            self.is_open = true;
            return false;
        }
        if !self.is_open || poison(input).is_some() {
            return false;
        }
        let is_runtime = Cause::source(input.header().cause).0 == SourceId::RUNTIME;
        let is_state = input.record_type() == TradingStateSet::TYPE;
        self.is_open = is_runtime && (is_state || is_definition(input));
        self.is_open
    }
}

fn is_definition(input: &Frame) -> bool {
    matches!(
        input.record_type(),
        AssetDef::TYPE
            | InstrumentDef::TYPE
            | VenueDef::TYPE
            | ListingDef::TYPE
            | ClientDef::TYPE
            | TierSpread::TYPE
            | InstrumentLimits::TYPE
            | QuotingParams::TYPE
            | LastLookDef::TYPE
            | AgencyDef::TYPE
            | DealingRule::TYPE
            | HedgingParams::TYPE
            | MarkOutDef::TYPE
            | LimitSet::TYPE
    )
}
