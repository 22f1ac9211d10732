//! The `pinrail` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    pinrail_cli::main()
}
