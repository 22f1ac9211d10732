//! `pinrail lab`: measurements that scripts make.

use std::time::{Duration, Instant};

use crate::args::SyscallsArgs;
use crate::desk::live::{self, Options};
use crate::desk::rig::{join, spawn};
use crate::failure::Failure;
use crate::output::Results;

pub(crate) mod desk;
pub(crate) mod hedge;
pub(crate) mod load;
pub(crate) mod release;
pub(crate) mod restart;
mod round;
pub(crate) mod shadow;
mod windows;

/// Runs the core, or a control thread that does make system calls, between two calls of `getpgid(0)`.
pub(crate) fn syscalls(args: &SyscallsArgs) -> Result<(), Failure> {
    let events = if args.control {
        let seconds = args.seconds;
        let control = spawn("pinrail-control", move || {
            call_the_system(Duration::from_secs(seconds))
        })?;
        join("pinrail-control", control)?
    } else {
        let options = Options {
            seconds: args.seconds,
            journal: None,
            seed: None,
            requests_per_s: None,
            hedging: true,
            marks: true,
            floors: false,
        };
        live::run(&options)?.core_usage_inputs
    };
    let mut results = Results::new();
    results.line(format_args!("events {events}"))?;
    results.flush()
}

fn call_the_system(how_long: Duration) -> u64 {
    let start = Instant::now();
    let mut events = 0;
    live::mark();
    while start.elapsed() < how_long {
        std::thread::sleep(Duration::from_millis(1));
        events += 1;
    }
    live::mark();
    events
}
