//! Arbitrary bytes as a journal's files, read in every way there is.
//!
//! First byte: bit 0, checksums and chain hashes are made right; the rest, which record a reader is opened at. Then files,
//! see [`files`].

use std::collections::BTreeSet;

use pinrail_journal::archive::{self, Digest, Tail};
use pinrail_journal::{From, ReadError, Reader};
use pinrail_types::Frame;

use super::files::{self, Files};
use super::{Input, Scratch};

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let first = input.u8();
    let mut files = files::read(&mut input);
    if first & 1 == 1 {
        files::renew(&mut files);
    }
    let there = There {
        records: files::records(&files),
        lines: files.values().map(|bytes| bytes.len() / 64).sum(),
        scratch: Scratch::new(),
        files,
    };
    for (name, bytes) in &there.files {
        there.scratch.write(name, bytes);
    }
    let archived = there.read(false);
    assert_eq!(
        archived.ended,
        there.read(false).ended,
        "reading twice gives the same"
    );
    there.verify(&archived);
    there.open_at(&archived, usize::from(first >> 1));
    there.read(true);
    there.follow(From::Start);
    there.follow(From::Live);
}

/// What there is to be read.
struct There {
    files: Files,
    scratch: Scratch,
    /// What may come out.
    records: BTreeSet<Vec<u8>>,
    lines: usize,
}

struct Read {
    /// Records with their positions.
    records: Vec<(u64, Frame)>,
    /// How it ended; what was refused if it was.
    ended: Result<Tail, String>,
}

impl There {
    /// Asserts that a record stands in the files, with a right checksum.
    fn know(&self, frame: &Frame) {
        assert!(
            self.records.contains(frame.bytes()),
            "wrong record: {:x?}",
            frame.words()
        );
    }

    /// What was refused; it must say where.
    fn told(&self, e: &ReadError) -> String {
        let told = e.to_string();
        let dir = self.scratch.path().display().to_string();
        assert!(told.contains(&dir), "names no place: {told}");
        assert!(
            !matches!(e, ReadError::Io { .. }),
            "no fault of the system: {told}"
        );
        if let ReadError::Corrupt { path, offset, .. } = e {
            let len = std::fs::metadata(path).expect("the place is there").len();
            assert!(*offset <= len, "{told}: the file has {len} bytes");
        }
        told
    }

    fn read(&self, with_live: bool) -> Read {
        let live = self.scratch.live();
        let live = with_live.then_some(live.as_path());
        let mut records = Vec::new();
        let ended = self.read_into(live, &mut records).map_err(|e| self.told(&e));
        for pair in records.windows(2) {
            let [(position, before), (next, after)] = pair else {
                unreachable!("pairs")
            };
            assert_eq!(position + before.bytes().len() as u64, *next);
            assert_eq!(before.header().seq + 1, after.header().seq);
        }
        Read { records, ended }
    }

    fn read_into(
        &self,
        live: Option<&std::path::Path>,
        records: &mut Vec<(u64, Frame)>,
    ) -> Result<Tail, ReadError> {
        let mut reader = archive::Reader::open(&self.scratch.archive(), live)?;
        let mut frame = Frame::default();
        while let Some(position) = reader.next(&mut frame)? {
            self.know(&frame);
            assert_eq!(position + frame.bytes().len() as u64, reader.position());
            assert_eq!(frame.header().seq + 1, reader.next_seq());
            records.push((position, frame));
            assert!(records.len() <= self.lines, "more records than lines");
        }
        assert!(reader.next(&mut frame)?.is_none(), "the end stays the end");
        Ok(reader.tail().expect("the end has a name").clone())
    }

    /// What is verified reads the same, and what reads is verified but for what reading does not look at.
    fn verify(&self, read: &Read) {
        let verified = archive::verify(&self.scratch.archive(), None, |_, _| {});
        match (&verified, &read.ended) {
            (Ok(verified), Ok(tail)) => {
                assert_eq!(verified.records, read.records.len() as u64);
                let bytes: usize = read.records.iter().map(|(_, frame)| frame.bytes().len()).sum();
                assert_eq!(verified.record_bytes, bytes as u64);
                let torn = match &verified.end {
                    archive::End::Torn(torn) => Tail::Torn(torn.clone()),
                    _ => Tail::Clean,
                };
                assert_eq!(torn, *tail);
            }
            (Ok(_), Err(told)) => panic!("verified, and not to be read: {told}"),
            (Err(e), read) => {
                let told = self.told(e);
                let only_verified = [
                    "a second file of the same segment",
                    "segment of an epoch that meta does not know",
                    "the first segment does not begin the journal",
                ];
                let is_only_verified = only_verified.iter().any(|what| told.contains(what));
                assert!(
                    read.is_err() || is_only_verified,
                    "read, and not to be verified: {told}"
                );
            }
        }
        let digest = archive::digest(&self.scratch.archive()).map_err(|e| self.told(&e));
        let expected = read.ended.clone().map(|_| digest_of(&read.records));
        assert_eq!(digest, expected);
    }

    /// Opens at a record, and where none begins.
    fn open_at(&self, read: &Read, which: usize) {
        let open = |position| archive::Reader::open_at(&self.scratch.archive(), None, position);
        let mut frame = Frame::default();
        if let Some((position, expected)) = read.records.get(which % read.records.len().max(1)) {
            let opened = open(*position).and_then(|mut reader| reader.next(&mut frame));
            match opened {
                Ok(found) => {
                    assert_eq!(found, Some(*position));
                    assert_eq!(frame.words(), expected.words());
                }
                Err(e) => {
                    let told = self.told(&e);
                    assert!(read.ended.is_err(), "reads, and can't be opened at: {told}");
                }
            }
            let between = open(position + 32);
            let told = between.err().map(|e| self.told(&e));
            assert!(told.is_some(), "no record begins there");
        }
        for position in [u64::MAX, u64::MAX - 63, 1 << 62] {
            match open(position).and_then(|mut reader| reader.next(&mut frame)) {
                Ok(found) => assert_eq!(found, None, "nothing stands there"),
                Err(e) => drop(self.told(&e)),
            }
        }
    }

    /// Follows the journal as far as it goes.
    fn follow(&self, from: From) {
        let mut reader = match Reader::open(&self.scratch.live(), &self.scratch.archive(), from) {
            Ok(reader) => reader,
            Err(e) => return drop(self.told(&e)),
        };
        let mut frame = Frame::default();
        let mut records = 0;
        let mut polls_at_end = 0;
        while polls_at_end < 3 {
            let next_seq = reader.next_seq();
            match reader.poll(&mut frame) {
                Ok(true) => {
                    self.know(&frame);
                    assert_eq!(frame.header().seq, next_seq);
                    assert_eq!(reader.next_seq(), next_seq + 1);
                    records += 1;
                    assert!(records <= self.lines, "more records than lines");
                }
                Ok(false) => polls_at_end += 1,
                Err(e) => {
                    self.told(&e);
                    polls_at_end += 1;
                }
            }
        }
    }
}

/// FNV-1a over the records, as the format document says.
pub(super) fn digest_of(records: &[(u64, Frame)]) -> Digest {
    let mut digest = Digest {
        records: records.len() as u64,
        bytes: 0,
        hash: 0xcbf2_9ce4_8422_2325,
    };
    for byte in records.iter().flat_map(|(_, frame)| frame.bytes()) {
        digest.bytes += 1;
        digest.hash = (digest.hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    digest
}
