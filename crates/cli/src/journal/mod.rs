//! `pinrail journal`.

use pinrail_journal::{JournalError, ReadError};

use crate::args::JournalCommand;
use crate::failure::Failure;

mod compress;
mod config;
mod export;
mod filter;
mod print;
mod prune;
mod stat;
mod verify;

pub(crate) use export::Format;

/// Runs one of the commands that look at a journal, or keep its archive.
pub(crate) fn main(command: &JournalCommand) -> Result<(), Failure> {
    match command {
        JournalCommand::Stat(args) => stat::main(args),
        JournalCommand::Dump(args) => print::dump(args),
        JournalCommand::Tail(args) => print::tail(args),
        JournalCommand::Verify(args) => verify::main(args),
        JournalCommand::Export(args) => export::main(args),
        JournalCommand::Config(args) => config::main(args),
        JournalCommand::Compress(args) => compress::main(args),
        JournalCommand::Prune(args) => prune::main(args),
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Failure {
        match error {
            ReadError::Io { .. } => Failure::Machine(error.to_string()),
            _ => Failure::Data(error.to_string()),
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Failure {
        match error {
            JournalError::Read(error) => error.into(),
            JournalError::Config { .. } => Failure::Usage(error.to_string()),
            _ => Failure::Machine(error.to_string()),
        }
    }
}
