//! The `pinrail` program, as a library so that its parts can be tested and used.
//!
//! [`config`] reads what `run` is to do, [`decode`] shows records to people; the rest is one module for each command.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

mod args;
mod check;
pub mod config;
pub mod decode;
mod demo;
mod desk;
mod doctor;
mod failure;
mod interrupt;
mod journal;
mod lab;
mod model;
mod output;
mod quality;
mod reasons;
mod replay;
mod run;
mod scenario;
mod shadow;
mod show;
mod snapshot;

use args::{Cli, Command, LabCommand, VenueCommand};
use failure::Failure;
use pinrail_runtime::usage::CountingAllocator;

/// Counts allocations by thread, so that `demo` can show that the core makes none.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Does what the command line says; errors go to stderr and into the exit code.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match output::start_logging().and_then(|()| run_command(&cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::OutputClosed) {
                // Nobody is left to tell if stderr is closed, too.
                let _ = writeln!(std::io::stderr(), "error: {failure}");
            }
            failure.exit_code()
        }
    }
}

fn run_command(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => demo::main(args),
        Command::Run(args) => run::main(args),
        Command::Scenario(args) => scenario::main(args),
        Command::Replay(args) => replay::main(args),
        Command::Snapshot(args) => snapshot::main(args),
        Command::Shadow(args) => shadow::main(args),
        Command::Quality(args) => quality::main(args),
        Command::Venue(VenueCommand::Check(args)) => check::main(args),
        Command::Journal(command) => journal::main(command),
        Command::Lab(LabCommand::Desk(args)) => lab::desk::main(args),
        Command::Lab(LabCommand::Hedge(args)) => lab::hedge::main(args),
        Command::Lab(LabCommand::Syscalls(args)) => lab::syscalls(args),
        Command::Lab(LabCommand::Release(args)) => lab::release::main(args),
        Command::Lab(LabCommand::Restart(args)) => lab::restart::main(args),
        Command::Lab(LabCommand::Shadow(args)) => lab::shadow::main(args),
        Command::Lab(LabCommand::ShadowLoad(args)) => lab::load::main(args),
        Command::Doctor(args) => doctor::main(args),
        Command::Reasons(args) => reasons::main(args),
    }
}
