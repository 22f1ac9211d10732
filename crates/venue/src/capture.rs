//! Reads a capture: a gzip file of lines `<receive time in ns> <json>`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::mem;
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Fault, FeedError, excerpt};

/// The longest line that is read, in bytes. A snapshot of 5,000 levels a side, the most that Binance gives, takes
/// less than half a megabyte.
pub const LINE_BYTES_MAX: usize = 8 << 20;

const FILE_BUFFER_BYTES: usize = 64 << 10;
const TEXT_BUFFER_BYTES: usize = 256 << 10;

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
        })
    }

    /// Steps to the next line; `false` at the end of the capture. Linear in the length of the line.
    ///
    /// # Errors
    /// Any [`Fault`] of reading, at its line.
    pub fn advance(&mut self) -> Result<bool, FeedError> {
        let mut bytes = mem::take(&mut self.line).into_bytes();
        bytes.clear();
        self.line_number += 1;
        let limit = LINE_BYTES_MAX as u64 + 1;
        match (&mut self.input).take(limit).read_until(b'\n', &mut bytes) {
            Ok(0) => return Ok(false),
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
        let (ts_recv, json_start) = receive_time(&line).ok_or_else(|| {
            let text = excerpt(&line);
            self.error(Fault::ReceiveTime { text })
        })?;
        let before = self.ts_recv;
        if ts_recv < before {
            return Err(self.error(Fault::Backwards { ts_recv, before }));
        }
        (self.line, self.ts_recv, self.json_start) = (line, ts_recv, json_start);
        Ok(true)
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

/// The receive time that a line begins with, and where its JSON begins. Times end in the year 2262, with 63 bits.
fn receive_time(line: &str) -> Option<(u64, usize)> {
    let (time, _) = line.split_once(' ')?;
    // `parse` alone would take a leading plus.
    let digits_only = time.bytes().all(|b| b.is_ascii_digit());
    let ts_recv: i64 = time.parse().ok().filter(|_| digits_only)?;
    Some((ts_recv.cast_unsigned(), time.len() + 1))
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
