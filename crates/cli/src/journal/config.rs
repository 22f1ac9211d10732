//! `pinrail journal config`.

use pinrail_runtime::{Configurations, EpochConfiguration};

use crate::args::ConfigArgs;
use crate::config::{Definitions, to_toml};
use crate::failure::Failure;
use crate::output::Results;

/// Prints the configuration that an epoch ran under, as a file that `run` and `replay --what-if` take.
pub(super) fn main(args: &ConfigArgs) -> Result<(), Failure> {
    let archive_dir = args.journal.archive_dir();
    let found = Configurations::read(archive_dir, args.journal.live.as_deref())?;
    let epochs = &found.epochs;
    let is_wanted = |epoch: &EpochConfiguration| args.epoch.is_none_or(|n| epoch.start.epoch == n);
    let Some(at) = epochs.iter().rposition(is_wanted) else {
        let numbers: Vec<String> = epochs.iter().map(|epoch| epoch.start.epoch.to_string()).collect();
        return Err(Failure::Usage(format!(
            "{} holds no such epoch; it holds: {}",
            archive_dir.display(),
            numbers.join(", ")
        )));
    };
    let epoch = &epochs[at];
    let mut definitions = Definitions::of(&epoch.records);
    if definitions.states.is_empty() {
        // An epoch that goes on is put into no trading state; the one that it goes on from was.
        let before = epochs[..at]
            .iter()
            .rev()
            .map(|epoch| Definitions::of(&epoch.records).states);
        definitions.states = before
            .into_iter()
            .find(|states| !states.is_empty())
            .unwrap_or_default();
    }
    let text = to_toml(&epoch.start, &definitions).map_err(|what| {
        Failure::Data(format!(
            "epoch {} of {} can't be said in a file: {what}",
            epoch.start.epoch,
            archive_dir.display()
        ))
    })?;
    let mut results = Results::new();
    results.line(text.trim_end())?;
    results.flush()
}
