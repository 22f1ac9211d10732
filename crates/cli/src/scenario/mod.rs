//! `pinrail scenario`: whole simulated days on simulated venues, from a seed, as fast as they can be played.
//!
//! Venues, clients and an operator are played against a core in playback and its journal, all on one thread: what is due at one
//! time goes in, the core takes it, and everybody sees what came out before time goes on. A day that breaks an invariant, leaves
//! something open or does not replay to the same bytes is a failure.

use std::path::PathBuf;
use std::time::Instant;

use crate::args::ScenarioArgs;
use crate::failure::Failure;
use crate::output::show;

pub(crate) mod ledger;
pub(crate) mod profit;
mod report;
mod setup;
mod stepped;
mod venues;
mod world;

/// Where recordings lie unless the command says.
fn recordings_dir() -> PathBuf {
    let named = std::env::var_os("PINRAIL_DATA").filter(|dir| !dir.is_empty());
    named.map_or_else(|| PathBuf::from("../shared/data"), PathBuf::from)
}

/// Plays a day.
pub(crate) fn main(args: &ScenarioArgs) -> Result<(), Failure> {
    let recordings = args
        .recordings
        .as_ref()
        .map(|dir| dir.clone().unwrap_or_else(recordings_dir));
    let started = Instant::now();
    let setup = setup::Setup::load(args.config.as_deref(), args.faults.is_on(), recordings.as_deref())?;
    let in_seed = |failure| match failure {
        Failure::Check(what) => Failure::Check(format!("seed {}: {what}", args.seed)),
        other => other,
    };
    let day = world::play(&setup, args).map_err(in_seed)?;
    let report = report::of(&setup, &day, args, started.elapsed()).map_err(in_seed)?;
    show(&args.output, &report, report::print)
}
