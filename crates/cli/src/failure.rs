//! Why the program ends with another exit code than 0.

use std::io;
use std::process::ExitCode;

use thiserror::Error;

use pinrail_journal::JournalError;

use crate::config::ConfigError;
use crate::desk::rig::RigError;

/// Why a command ends early. The exit codes are part of the program's interface.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// A check found what it looked for.
    #[error("{0}")]
    Check(String),
    /// The command line or the configuration is wrong.
    #[error("{0}")]
    Usage(String),
    /// Data or a journal cannot be read.
    #[error("{0}")]
    Data(String),
    /// The operating system or the hardware refused.
    #[error("{0}")]
    Machine(String),
    /// Whoever read the results has seen enough.
    #[error("stdout was closed")]
    OutputClosed,
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::OutputClosed => 0,
            Failure::Check(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Data(_) => 3,
            Failure::Machine(_) => 4,
        })
    }

    /// What became of writing results.
    pub(crate) fn output(error: &io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::OutputClosed
        } else {
            Failure::Machine(format!("cannot write to stdout: {error}"))
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::Usage(error.to_string())
    }
}

impl From<RigError> for Failure {
    fn from(error: RigError) -> Failure {
        match error {
            RigError::Journal(JournalError::Config { .. }) | RigError::Affinity(_) | RigError::Flow(_) => {
                Failure::Usage(error.to_string())
            }
            RigError::Journal(JournalError::Read(_))
            | RigError::Read(_)
            | RigError::Recover(_)
            | RigError::Feed(_) => Failure::Data(error.to_string()),
            _ => Failure::Machine(error.to_string()),
        }
    }
}
