//! `pinrail journal config`.

use pinrail_runtime::Configurations;

use crate::args::ConfigArgs;
use crate::config::{Definitions, to_toml};
use crate::failure::Failure;
use crate::output::Results;

/// Prints the configuration that an epoch ran under, as a file that `run` and `replay --what-if` take.
pub(super) fn main(args: &ConfigArgs) -> Result<(), Failure> {
    let archive_dir = args.journal.archive_dir();
    let found = Configurations::read(archive_dir, args.journal.live.as_deref())?;
    let epochs = &found.epochs;
    let epoch = match args.epoch {
        Some(number) => epochs.iter().find(|epoch| epoch.start.epoch == number),
        None => epochs.last(),
    };
    let Some(epoch) = epoch else {
        let numbers: Vec<String> = epochs.iter().map(|epoch| epoch.start.epoch.to_string()).collect();
        return Err(Failure::Usage(format!(
            "{} holds no such epoch; it holds: {}",
            archive_dir.display(),
            numbers.join(", ")
        )));
    };
    let text = to_toml(&epoch.start, &Definitions::of(&epoch.records)).map_err(|what| {
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
