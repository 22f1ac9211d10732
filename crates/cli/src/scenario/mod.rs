//! `pinrail scenario`: whole simulated days on simulated venues, from a seed, as fast as they can be played.
//!
//! Venues, clients and an operator are played against a core in playback and its journal, all on one thread: what is due at one
//! time goes in, the core takes it, and everybody sees what came out before time goes on. A day that breaks an invariant, leaves
//! something open or does not replay to the same bytes is a failure.

use std::time::Instant;

use crate::args::ScenarioArgs;
use crate::failure::Failure;
use crate::output::show;

mod ledger;
mod report;
mod setup;
mod stepped;
mod world;

/// Plays a day.
pub(crate) fn main(args: &ScenarioArgs) -> Result<(), Failure> {
    let setup = setup::Setup::load(args.config.as_deref(), args.faults.is_on())?;
    let started = Instant::now();
    let in_seed = |failure| match failure {
        Failure::Check(what) => Failure::Check(format!("seed {}: {what}", args.seed)),
        other => other,
    };
    let day = world::play(&setup, args).map_err(in_seed)?;
    let report = report::of(&setup, &day, args, started.elapsed()).map_err(in_seed)?;
    show(&args.output, &report, report::print)
}
