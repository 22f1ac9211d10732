//! Checking a whole archive: every byte of it, and the chain of hashes.

use std::path::Path;

use pinrail_types::Frame;

use crate::archive::{Passed, PassedSegment, Reader, Tail, Torn, read_meta};
use crate::chain::ChainHash;
use crate::error::ReadError;
use crate::format::{HeaderFault, JournalId, SegmentFile, SegmentHeader};

/// A chain hash and what it stands for. Whoever keeps it can tell later whether that is still what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The segment whose hash it is.
    pub segment: u64,
    /// The hash.
    pub hash: ChainHash,
    /// The last sequence that it covers; zero if there is none.
    pub last_seq: u64,
}

/// How an archive ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With a segment whose end was written.
    Sealed,
    /// Behind a whole batch of a segment that its writer did not end, or without any segment.
    Open,
    /// In bytes that were never called durable: what a crash leaves of a batch, or damage.
    Torn(Torn),
}

/// What a whole archive holds, each byte of it checked.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The journal.
    pub journal_id: JournalId,
    /// Number of its first segment; above 1 where those before were removed. Zero if there is none.
    pub first_segment: u64,
    /// Number of segments.
    pub segments: u64,
    /// How many of them are compressed.
    pub compressed_segments: u64,
    /// Length of their files in bytes.
    pub file_bytes: u64,
    /// Number of records.
    pub records: u64,
    /// Their length in bytes.
    pub record_bytes: u64,
    /// Sequence of the first record.
    pub first_seq: Option<u64>,
    /// Sequence of the last record.
    pub last_seq: Option<u64>,
    /// Core time of the first record that has one, in nanoseconds since the Unix epoch.
    pub first_ts_core: Option<u64>,
    /// Core time of the last record that has one.
    pub last_ts_core: Option<u64>,
    /// Epochs that have a segment.
    pub epochs: u64,
    /// Segments that a crash left without an end and behind which a later epoch went on.
    pub cut_segments: u64,
    /// How it ends.
    pub end: End,
    /// The first segment that the chain covers; `None` where no chain is kept.
    pub chain_since: Option<u64>,
    /// Hash of the last segment. It changes when that segment goes on, unless it is the same as `settled`.
    pub head: Option<Head>,
    /// Hash of the last segment that nothing changes any more: its end is written, or another follows.
    pub settled: Option<Head>,
    /// The segment whose hash is the one that was kept.
    pub kept: Option<Head>,
}

/// Reads all of the archive in `archive_dir` and checks headers, checksums, marks, order, ends and the chain of hashes.
/// `kept` is a hash from an earlier [`Verified`]: where the journal has grown since, it is that of an earlier segment.
/// `progress` is told bytes of files done and in all. Nobody should be writing the archive.
///
/// # Errors
/// [`ReadError`], with the place, for all that no crash leaves behind. Damage behind everything that was durable is no
/// error but [`End::Torn`], and that `kept` was not found is none either.
pub fn verify(
    archive_dir: &Path,
    kept: Option<ChainHash>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Verified, ReadError> {
    let meta = read_meta(archive_dir)?.ok_or_else(|| ReadError::NoJournal {
        path: archive_dir.to_owned(),
    })?;
    let file_bytes = check_files(archive_dir, meta.epoch)?;
    let mut reader = Reader::open(archive_dir, None)?;
    let mut verified = Verified::new(reader.journal_id());
    if let (Some(first), Some(path)) = (reader.header(), reader.path()) {
        check_first(first, path)?;
        verified.first_segment = first.segment;
        let before = Head {
            segment: first.segment - 1,
            hash: first.chain_before,
            last_seq: first.base_seq - 1,
        };
        verified.kept = kept
            .filter(|kept| *kept == before.hash && !kept.is_none())
            .map(|_| before);
    }
    let mut frame = Frame::default();
    let mut last = None;
    while let Some(passed) = reader.step(&mut frame)? {
        match passed {
            Passed::Record(_) => verified.take(&frame),
            Passed::Segment(segment) => {
                verified.leave(&segment, last.as_ref(), reader.next_seq(), kept);
                progress(verified.file_bytes, file_bytes);
                last = Some(segment);
            }
        }
    }
    verified.chain_since = reader.chain.since;
    let is_sealed = last.is_some_and(|segment| segment.is_sealed);
    if is_sealed {
        verified.settled = verified.head;
    }
    verified.end = match reader.tail() {
        Some(Tail::Torn(torn)) => End::Torn(torn.clone()),
        _ if is_sealed => End::Sealed,
        _ => End::Open,
    };
    Ok(verified)
}

/// Checks what no walk from segment to segment meets: a second file of a segment, and a segment of an epoch that has
/// not begun. Gives the length of the files in bytes.
fn check_files(archive_dir: &Path, epoch: u32) -> Result<u64, ReadError> {
    let files = SegmentFile::archived(archive_dir)?;
    for pair in files.windows(2) {
        if pair[0].segment == pair[1].segment {
            return Err(HeaderFault::Bad("a second file of the same segment").at(&pair[1].path));
        }
    }
    let mut bytes = 0;
    for file in files {
        if file.epoch > epoch {
            return Err(HeaderFault::Bad("segment of an epoch that meta does not know").at(&file.path));
        }
        // One that is compressed meanwhile goes by another name now.
        match std::fs::metadata(&file.path) {
            Ok(metadata) => bytes += metadata.len(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(ReadError::io("read", &file.path)(e)),
        }
    }
    Ok(bytes)
}

/// Checks that a journal's first segment begins at its beginning. One behind segments that were removed may begin
/// anywhere.
fn check_first(header: &SegmentHeader, path: &Path) -> Result<(), ReadError> {
    let begins = header.base_seq == 1 && header.base_position == 0 && header.chain_before.is_none();
    if header.segment == 1 && !begins {
        return Err(HeaderFault::Bad("the first segment does not begin the journal").at(path));
    }
    Ok(())
}

impl Verified {
    fn new(journal_id: JournalId) -> Verified {
        Verified {
            journal_id,
            first_segment: 0,
            segments: 0,
            compressed_segments: 0,
            file_bytes: 0,
            records: 0,
            record_bytes: 0,
            first_seq: None,
            last_seq: None,
            first_ts_core: None,
            last_ts_core: None,
            epochs: 0,
            cut_segments: 0,
            end: End::Open,
            chain_since: None,
            head: None,
            settled: None,
            kept: None,
        }
    }

    fn take(&mut self, frame: &Frame) {
        let header = frame.header();
        self.records += 1;
        self.record_bytes += frame.bytes().len() as u64;
        self.first_seq.get_or_insert(header.seq);
        self.last_seq = Some(header.seq);
        if header.ts_core != 0 {
            self.first_ts_core.get_or_insert(header.ts_core);
            self.last_ts_core = Some(header.ts_core);
        }
    }

    /// Takes a segment that was read, `last` being the one before it.
    fn leave(
        &mut self,
        segment: &PassedSegment,
        last: Option<&PassedSegment>,
        next_seq: u64,
        kept: Option<ChainHash>,
    ) {
        let head = Head {
            segment: segment.segment,
            hash: segment.hash,
            last_seq: next_seq - 1,
        };
        self.segments += 1;
        self.compressed_segments += u64::from(segment.is_cold);
        self.file_bytes += segment.file_bytes;
        self.epochs += u64::from(last.is_none_or(|last| last.epoch != segment.epoch));
        self.cut_segments += u64::from(last.is_some_and(|last| !last.is_sealed));
        self.settled = self.head;
        self.head = Some(head);
        if kept == Some(head.hash) {
            self.kept = Some(head);
        }
    }
}
