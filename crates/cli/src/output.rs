//! Results to stdout; progress and logs to stderr.

use std::fmt::Display;
use std::io::{BufWriter, IsTerminal, StdoutLock, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::args::Output;
use crate::failure::Failure;

/// Buffered stdout. What is not flushed when it is dropped may be lost.
pub(crate) struct Results {
    stdout: BufWriter<StdoutLock<'static>>,
}

impl Results {
    pub(crate) fn new() -> Results {
        Results {
            stdout: BufWriter::with_capacity(64 << 10, std::io::stdout().lock()),
        }
    }

    /// Writes a line of text.
    pub(crate) fn line(&mut self, text: impl Display) -> Result<(), Failure> {
        writeln!(self.stdout, "{text}").map_err(|e| Failure::output(&e))
    }

    /// Writes a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.stdout, value).map_err(|e| Failure::output(&e.into()))?;
        self.line("")
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.stdout.flush().map_err(|e| Failure::output(&e))
    }
}

/// Shows `value` as `output` asks: as JSON, or as `print` writes it for people.
pub(crate) fn show<T: Serialize>(
    output: &Output,
    value: &T,
    print: impl FnOnce(&T, &mut Results) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut results = Results::new();
    if output.json {
        results.json(value)?;
    } else {
        print(value, &mut results)?;
    }
    results.flush()
}

/// Progress through `length` of something, on stderr; shown only if that is a terminal.
pub(crate) fn progress(length: u64, what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}")
        .expect("the template is a literal that parses");
    ProgressBar::new(length).with_style(style).with_message(what)
}

/// Progress without a known end, on stderr; shown only if that is a terminal.
pub(crate) fn spinner(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg}: {human_pos}")
        .expect("the template is a literal that parses");
    ProgressBar::new_spinner().with_style(style).with_message(what)
}

/// Sends the logs of cold threads to stderr: warnings, or what `PINRAIL_LOG` asks for.
pub(crate) fn start_logging() -> Result<(), Failure> {
    const VARIABLE: &str = "PINRAIL_LOG";
    let filter = match std::env::var(VARIABLE) {
        Ok(text) => {
            EnvFilter::try_new(&text).map_err(|e| Failure::Usage(format!("{VARIABLE}=\"{text}\": {e}")))?
        }
        Err(_) => EnvFilter::new("warn"),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}
