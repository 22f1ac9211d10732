//! What can be wrong with a feed, and where it was found.

use std::fmt;
use std::io;
use std::path::PathBuf;

use pinrail_types::DecimalError;
use thiserror::Error;

/// A feed could not be read on. Names the file, the line, and what was expected there.
#[derive(Debug)]
pub struct FeedError {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; zero where the file as a whole is meant.
    pub line: u64,
    /// What is wrong.
    pub fault: Fault,
}

impl fmt::Display for FeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if self.line > 0 {
            write!(f, ", line {}", self.line)?;
        }
        write!(f, ": {}", self.fault)
    }
}

impl std::error::Error for FeedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.fault)
    }
}

/// What is wrong with a feed.
#[derive(Debug, Error)]
pub enum Fault {
    /// The file could not be opened.
    #[error("cannot open the capture: {0}")]
    Open(io::Error),
    /// The file does not begin as gzip does.
    #[error("not a gzip file: expected the bytes 1f 8b at its start")]
    NotGzip,
    /// The compressed data ends early.
    #[error("truncated gzip: the compressed data ends before its own end mark")]
    Truncated,
    /// The compressed data is damaged, or reading failed.
    #[error("cannot read the compressed data: {0}")]
    Read(io::Error),
    /// A line is longer than any frame may be.
    #[error("line longer than {max} bytes")]
    TooLong {
        /// The bound.
        max: usize,
    },
    /// A line is not UTF-8.
    #[error("not UTF-8 from byte {valid_up_to} of the line on")]
    NotUtf8 {
        /// Bytes of the line that are.
        valid_up_to: usize,
    },
    /// A line does not begin with a receive time, as the first line has it.
    #[error("expected \"<receive time in ns> <json>\" or \"<seconds.fraction>: <json>\", found \"{text}\"")]
    ReceiveTime {
        /// How the line begins.
        text: String,
    },
    /// A receive time is earlier than the one before.
    #[error("receive time {ts_recv} is earlier than {before} on the line before")]
    Backwards {
        /// This line's.
        ts_recv: u64,
        /// The one before.
        before: u64,
    },
    /// The capture holds no line from which a listing could be inferred.
    #[error("cannot infer {what}: the capture holds no {wanted}")]
    Infer {
        /// What was to be inferred.
        what: &'static str,
        /// What is missing.
        wanted: &'static str,
    },
    /// A message is not what the venue sends.
    #[error("{0}")]
    Message(#[from] MessageError),
}

/// A message is not what the venue sends for this listing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MessageError {
    /// The text is no JSON, or a value has another type than its key needs.
    #[error("bad JSON at or after key \"{key}\": {problem}")]
    Json {
        /// The key read last; empty before the first.
        key: String,
        /// The parser's words.
        problem: String,
    },
    /// A stream that this codec does not know.
    #[error("stream \"{text}\": expected <symbol>@depth[@speed], @bookTicker or @trade")]
    UnknownStream {
        /// Its name.
        text: String,
    },
    /// The event is not the one that the stream carries.
    #[error("key \"e\": event \"{text}\", expected \"{expected}\"")]
    UnknownEvent {
        /// Its name.
        text: String,
        /// What the stream carries.
        expected: &'static str,
    },
    /// The message is about something else than the listing.
    #[error("key \"{key}\": \"{text}\" is not about {expected}")]
    WrongSymbol {
        /// Where it stands.
        key: &'static str,
        /// What stands there.
        text: String,
        /// The listing's symbol.
        expected: String,
    },
    /// A price or quantity is not on the listing's grid, or is no number.
    #[error("key \"{key}\": \"{text}\" is no multiple of {step}: {problem}")]
    OffGrid {
        /// Where it stands.
        key: String,
        /// What stands there.
        text: String,
        /// The tick or lot.
        step: String,
        /// In which way.
        problem: DecimalError,
    },
    /// A number is no usable step of a grid, or no step holds it and the numbers before it.
    #[error("{key}: \"{text}\" gives no step: {problem}")]
    Step {
        /// Where it stands.
        key: String,
        /// What stands there.
        text: String,
        /// In which way.
        problem: DecimalError,
    },
    /// A number that no sane message holds.
    #[error("key \"{key}\": \"{text}\", expected {expected}")]
    OutOfRange {
        /// Where it stands.
        key: String,
        /// What stands there.
        text: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A key that the message must have is not there.
    #[error("key \"{key}\" is missing")]
    Missing {
        /// Which.
        key: &'static str,
    },
    /// A key stands twice, or does not belong in this market's messages.
    #[error("key \"{key}\" is not expected here")]
    Unexpected {
        /// Which.
        key: String,
    },
}

/// The beginning of `text`, short enough for an error message.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 64;
    let mut shown: String = text
        .chars()
        .take(CHARS_MAX)
        .flat_map(char::escape_default)
        .collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}
