//! Reads a capture: a gzip file of one message a line.
//!
//! A line is `<receive time in ns> <json>`, or in captures that begin otherwise `<seconds.fraction>: <json>`. Among the
//! latter, lines that begin with `wss://` show a connection and what was sent on it, and may be empty; they are passed over.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::mem;
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Fault, FeedError, excerpt};
use crate::wire::seconds;

/// The longest line that is read, in bytes. A snapshot of 5,000 levels a side, the most that Binance gives, takes
/// less than half a megabyte.
pub const LINE_BYTES_MAX: usize = 8 << 20;

const FILE_BUFFER_BYTES: usize = 64 << 10;
const TEXT_BUFFER_BYTES: usize = 256 << 10;

/// How a capture's lines begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// `<receive time in ns> <json>`.
    Nanoseconds,
    /// `<seconds.fraction>: <json>`.
    Seconds,
}

/// A capture, read one line at a time into one buffer.
///
/// [`Reader::advance`] steps to the next line; [`Reader::ts_recv`] and [`Reader::json`] then show it.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    input: BufReader<MultiGzDecoder<BufReader<File>>>,
    line: String,
    line_number: u64,
    ts_recv: u64,
    json_start: usize,
    /// As the first line has it.
    format: Option<Format>,
    endpoint: Option<String>,
}

impl Reader {
    /// Opens the capture at `path`. Several gzip members one after the other are read as one.
    ///
    /// # Errors
    /// [`Fault::Open`], or [`Fault::NotGzip`].
    pub fn open(path: &Path) -> Result<Reader, FeedError> {
        let fail = |fault| FeedError {
            path: path.to_owned(),
            line: 0,
            fault,
        };
        let file = File::open(path).map_err(|e| fail(Fault::Open(e)))?;
        let mut file = BufReader::with_capacity(FILE_BUFFER_BYTES, file);
        let start = file.fill_buf().map_err(|e| fail(Fault::Open(e)))?;
        if !start.starts_with(&[0x1f, 0x8b]) {
            return Err(fail(Fault::NotGzip));
        }
        Ok(Reader {
            path: path.to_owned(),
            input: BufReader::with_capacity(TEXT_BUFFER_BYTES, MultiGzDecoder::new(file)),
            line: String::new(),
            line_number: 0,
            ts_recv: 0,
            json_start: 0,
            format: None,
            endpoint: None,
        })
    }

    /// Steps to the next line with a message; `false` at the end of the capture. Linear in the length of what is read.
    ///
    /// # Errors
    /// Any [`Fault`] of reading, at its line.
    pub fn advance(&mut self) -> Result<bool, FeedError> {
        loop {
            let Some(line) = self.next_line()? else {
                return Ok(false);
            };
            if self.is_about_connection(&line) {
                continue;
            }
            let (ts_recv, json_start) = self.receive_time(&line).ok_or_else(|| {
                let text = excerpt(&line);
                self.error(Fault::ReceiveTime { text })
            })?;
            let before = self.ts_recv;
            if ts_recv < before {
                return Err(self.error(Fault::Backwards { ts_recv, before }));
            }
            (self.line, self.ts_recv, self.json_start) = (line, ts_recv, json_start);
            return Ok(true);
        }
    }

    fn next_line(&mut self) -> Result<Option<String>, FeedError> {
        let mut bytes = mem::take(&mut self.line).into_bytes();
        bytes.clear();
        self.line_number += 1;
        let limit = LINE_BYTES_MAX as u64 + 1;
        match (&mut self.input).take(limit).read_until(b'\n', &mut bytes) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(e) => return Err(self.error(read_fault(e))),
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        } else if bytes.len() > LINE_BYTES_MAX {
            return Err(self.error(Fault::TooLong { max: LINE_BYTES_MAX }));
        }
        let line = String::from_utf8(bytes).map_err(|e| {
            let valid_up_to = e.utf8_error().valid_up_to();
            self.error(Fault::NotUtf8 { valid_up_to })
        })?;
        Ok(Some(line))
    }

    /// Whether the line tells of the connection and holds no message.
    fn is_about_connection(&mut self, line: &str) -> bool {
        if self.format == Some(Format::Nanoseconds) {
            return false;
        }
        if line.starts_with("wss://") {
            let url = line.split(' ').next().unwrap_or_default();
            self.endpoint.get_or_insert_with(|| url.to_owned());
            self.format = Some(Format::Seconds);
            return true;
        }
        line.is_empty() && self.format == Some(Format::Seconds)
    }

    /// The receive time that a line begins with, and where its JSON begins. Times end in the year 2262, with 63 bits.
    fn receive_time(&mut self, line: &str) -> Option<(u64, usize)> {
        let (time, _) = line.split_once(' ')?;
        let json_start = time.len() + 1;
        let (format, ts_recv) = match time.strip_suffix(':') {
            Some(time) => (Format::Seconds, seconds(time)?),
            None => (
                Format::Nanoseconds,
                time.parse().ok().filter(|_| is_number(time))?,
            ),
        };
        let is_known = *self.format.get_or_insert(format) == format;
        (is_known && i64::try_from(ts_recv).is_ok()).then_some((ts_recv, json_start))
    }

    /// When the line was received, in nanoseconds since the Unix epoch. Never falls from line to line.
    pub fn ts_recv(&self) -> u64 {
        self.ts_recv
    }

    /// The line's JSON text, not yet looked at.
    pub fn json(&self) -> &str {
        // A failed `advance` leaves an empty line.
        self.line.get(self.json_start..).unwrap_or_default()
    }

    /// The address of the first connection, where the capture tells it: `wss://ws.kraken.com`.
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// The file that is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The line's number, from 1.
    pub fn line_number(&self) -> u64 {
        self.line_number
    }

    /// `fault`, as found on this line.
    pub fn error(&self, fault: impl Into<Fault>) -> FeedError {
        FeedError {
            path: self.path.clone(),
            line: self.line_number,
            fault: fault.into(),
        }
    }
}

/// `parse` alone would take a leading plus.
fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn read_fault(error: io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Fault::Truncated,
        _ => Fault::Read(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// The lines of a file with these bytes, and how it ended.
    fn read(bytes: &[u8]) -> (Vec<(u64, String)>, Result<(), FeedError>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut lines = Vec::new();
        let mut reader = match Reader::open(file.path()) {
            Ok(reader) => reader,
            Err(error) => return (lines, Err(error)),
        };
        loop {
            match reader.advance() {
                Ok(true) => lines.push((reader.ts_recv(), reader.json().to_owned())),
                Ok(false) => return (lines, Ok(())),
                Err(error) => return (lines, Err(error)),
            }
        }
    }

    #[test]
    fn lines_come_one_by_one_over_all_members() {
        let mut bytes = gzip(b"1 {}\n2 {\"a\": 1}\n");
        bytes.extend(gzip(b"2 [x y]"));
        let (lines, end) = read(&bytes);
        end.unwrap();
        let expected = [(1, "{}"), (2, "{\"a\": 1}"), (2, "[x y]")].map(|(t, j)| (t, j.to_owned()));
        assert_eq!(lines, expected);
        assert!(read(&gzip(b"")).0.is_empty());
    }

    #[test]
    fn faults_name_file_and_line() {
        let long = vec![b'x'; LINE_BYTES_MAX + 1];
        let fault_of = |text: &[u8]| {
            let (lines, end) = read(&gzip(&[b"5 {}\n", text].concat()));
            let error = end.expect_err("a fault");
            assert_eq!((lines.len(), error.line), (1, 2), "{error}");
            assert!(error.to_string().contains(", line 2: "), "{error}");
            error.fault
        };
        assert!(matches!(
            fault_of(b"4 {}\n"),
            Fault::Backwards {
                ts_recv: 4,
                before: 5
            }
        ));
        assert!(matches!(
            fault_of(b"6 \"\xff\"\n"),
            Fault::NotUtf8 { valid_up_to: 3 }
        ));
        assert!(matches!(fault_of(&long), Fault::TooLong { .. }));
        for text in [
            "\n",
            "6\n",
            "{}\n",
            "x {}",
            "-6 {}",
            "+6 {}",
            " 6 {}",
            "6.5 {}",
            "9223372036854775808 {}",
        ] {
            assert!(
                matches!(fault_of(text.as_bytes()), Fault::ReceiveTime { .. }),
                "{text}"
            );
        }
    }

    #[test]
    fn lines_of_seconds_are_read_and_those_about_the_connection_passed_over() {
        let text = b"wss://ws.kraken.com <-> 1.5\nwss://ws.kraken.com <- 1.6: {\"event\":1}\n1.75: {}\n\n1618678132.3858151: [1, 2]\n";
        let (lines, end) = read(&gzip(text));
        end.unwrap();
        let expected = [
            (1_750_000_000, "{}".to_owned()),
            (1_618_678_132_385_815_100, "[1, 2]".to_owned()),
        ];
        assert_eq!(lines, expected);
        // One capture has lines of one kind.
        for text in [
            "1: {}\n2000000000 {}",
            "1 {}\n2: {}",
            "1 {}\nwss://x <-> 1",
            "1 {}\n\n",
            "\n1: {}",
        ] {
            let end = read(&gzip(text.as_bytes())).1;
            assert!(
                matches!(end.unwrap_err().fault, Fault::ReceiveTime { .. }),
                "{text}"
            );
        }
    }

    #[test]
    fn the_longest_line_is_read() {
        let mut text = b"5 ".to_vec();
        text.resize(LINE_BYTES_MAX, b'x');
        assert_eq!(read(&gzip(&text)).0.len(), 1);
        text.push(b'\n');
        assert_eq!(read(&gzip(&text)).0.len(), 1);
    }

    #[test]
    fn damaged_files_are_told_apart() {
        let (_, end) = read(b"1 {}\n");
        assert!(matches!(end.unwrap_err().fault, Fault::NotGzip));
        let (_, end) = read(b"");
        assert!(matches!(end.unwrap_err().fault, Fault::NotGzip));
        let missing = Reader::open(Path::new("/nowhere/capture.gz")).unwrap_err();
        assert!(matches!(missing.fault, Fault::Open(_)));
        assert!(
            missing
                .to_string()
                .starts_with("/nowhere/capture.gz: cannot open")
        );

        let text: Vec<String> = (0..5_000).map(|i| format!("{i} {{\"n\":{}}}\n", i * 7)).collect();
        let whole = gzip(text.concat().as_bytes());
        for cut in [3, 12, whole.len() / 2, whole.len() - 1] {
            let (lines, end) = read(&whole[..cut]);
            assert!(matches!(end.unwrap_err().fault, Fault::Truncated), "cut at {cut}");
            assert!(lines.len() <= 5_000);
        }
        let mut flipped = whole.clone();
        let last = flipped.len() - 6;
        flipped[last] ^= 1;
        assert!(matches!(read(&flipped).1.unwrap_err().fault, Fault::Read(_)));
    }
}
