//! The bytes: segment header, framing records, checksums, file names. `docs/journal-format.md` says the same in
//! words; both change together, and never without a new [`FORMAT_VERSION`].

use core::fmt;
use std::path::{Path, PathBuf};

use bytemuck::{Pod, Zeroable};
use pinrail_types::{Commit, Flags, LINE_BYTES, LINE_WORDS, RecordType};

use crate::chain::ChainHash;
use crate::error::ReadError;

#[cfg(target_endian = "big")]
compile_error!("the journal is little-endian and is read in place");

/// The version of everything that this module lays down.
pub const FORMAT_VERSION: u32 = 1;
/// Bytes before a segment's first record. Loom gets a short page, so that it has few words to follow.
pub const HEADER_BYTES: usize = if cfg!(loom) { 256 } else { 4096 };
/// Shortest live segment, in bytes.
pub const SEGMENT_BYTES_MIN: u64 = 2 * HEADER_BYTES as u64;
/// Longest live segment, in bytes.
pub const SEGMENT_BYTES_MAX: u64 = 1 << 30;

const SEGMENT_MAGIC: u64 = u64::from_le_bytes(*b"PINRAILJ");
const META_MAGIC: u64 = u64::from_le_bytes(*b"PINRAILM");
const ENDIAN_PROBE: u64 = 0x0102_0304_0506_0708;

/// Random name of a journal, given once when it is made.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub struct JournalId(pub [u8; 16]);

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The first 256 bytes of a segment; the rest of its header page is zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub struct SegmentHeader {
    magic: u64,
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// Bytes before the first record.
    pub header_bytes: u32,
    endian_probe: u64,
    /// Version of the engine's behaviour that wrote it.
    pub behaviour_version: u32,
    flags: u32,
    /// The journal.
    pub journal_id: JournalId,
    /// The epoch that wrote it; from 1.
    pub epoch: u32,
    pad: u32,
    /// Number of the segment in the journal, over all epochs; from 1.
    pub segment: u64,
    /// Sequence of its first record.
    pub base_seq: u64,
    /// Position of its first record.
    pub base_position: u64,
    /// Length of the live segment, header included.
    pub segment_bytes: u64,
    /// Fingerprint of the record layouts that it was written with.
    pub schema_hash: u64,
    /// Wall clock when the segment was prepared, in nanoseconds since the Unix epoch.
    pub clock_realtime_ns: u64,
    /// `CLOCK_MONOTONIC` at the same moment, in nanoseconds.
    pub clock_monotonic_ns: u64,
    /// Chain hash of the archived segment before this one. None in a live segment, in a journal's first, and where no
    /// chain was kept.
    pub chain_before: ChainHash,
    reserved: [u8; 108],
    crc: u32,
}

/// No segment number, sequence or position reaches this, so that arithmetic on them cannot overflow.
const COUNT_MAX: u64 = 1 << 62;

const HEADER_STRUCT_BYTES: usize = 256;
pub(crate) const HEADER_WORDS: usize = HEADER_STRUCT_BYTES / 8;
const _: () = assert!(size_of::<SegmentHeader>() == HEADER_STRUCT_BYTES);
const _: () = assert!(core::mem::offset_of!(SegmentHeader, crc) == 252);

const FLAG_PLAYBACK: u32 = 1;
const FLAG_ARCHIVED: u32 = 2;

/// What a new segment's header says, but for the place where its records begin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) behaviour_version: u32,
    pub(crate) schema_hash: u64,
    pub(crate) playback: bool,
    pub(crate) journal_id: JournalId,
    pub(crate) epoch: u32,
    pub(crate) segment_bytes: u64,
}

/// Why bytes are no segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// Nothing was written yet.
    Blank,
    /// A format of this version.
    Version(u32),
    /// Something else.
    Bad(&'static str),
}

impl SegmentHeader {
    /// The header of a prepared segment; [`SegmentHeader::begin`] completes it.
    pub(crate) fn prepared(stamp: &Stamp, segment: u64, clock: (u64, u64)) -> SegmentHeader {
        SegmentHeader {
            magic: SEGMENT_MAGIC,
            format_version: FORMAT_VERSION,
            header_bytes: HEADER_BYTES as u32,
            endian_probe: ENDIAN_PROBE,
            behaviour_version: stamp.behaviour_version,
            flags: if stamp.playback { FLAG_PLAYBACK } else { 0 },
            journal_id: stamp.journal_id,
            epoch: stamp.epoch,
            segment,
            segment_bytes: stamp.segment_bytes,
            schema_hash: stamp.schema_hash,
            clock_realtime_ns: clock.0,
            clock_monotonic_ns: clock.1,
            ..SegmentHeader::zeroed()
        }
    }

    pub(crate) fn begin(&mut self, base_seq: u64, base_position: u64) {
        self.base_seq = base_seq;
        self.base_position = base_position;
        self.crc = self.crc_due();
    }

    /// The header of the archived copy of this segment, which follows the one that is called `before`.
    pub(crate) fn archived(mut self, before: ChainHash) -> SegmentHeader {
        self.flags |= FLAG_ARCHIVED;
        self.chain_before = before;
        self.crc = self.crc_due();
        self
    }

    /// Whether recordings were played and core time is the recorded time.
    pub fn is_playback(&self) -> bool {
        self.flags & FLAG_PLAYBACK != 0
    }

    /// Whether this is an archived segment: its records carry checksums, and marks stand between them.
    pub fn is_archived(&self) -> bool {
        self.flags & FLAG_ARCHIVED != 0
    }

    pub(crate) fn salt(&self) -> Salt {
        Salt::new(self.journal_id, self.epoch, self.segment)
    }

    pub(crate) fn words(&self) -> [u64; HEADER_WORDS] {
        bytemuck::cast(*self)
    }

    fn crc_due(&self) -> u32 {
        crc32c::crc32c(&bytemuck::bytes_of(self)[..HEADER_STRUCT_BYTES - 4])
    }

    /// Reads the header page at the start of `bytes`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<SegmentHeader, HeaderFault> {
        let Some(page) = bytes.get(..HEADER_BYTES) else {
            return Err(if bytes.iter().all(|b| *b == 0) {
                HeaderFault::Blank
            } else {
                HeaderFault::Bad("shorter than a header page")
            });
        };
        let (start, rest) = page.split_at(HEADER_STRUCT_BYTES);
        let header: SegmentHeader = bytemuck::pod_read_unaligned(start);
        if page.iter().all(|b| *b == 0) {
            return Err(HeaderFault::Blank);
        }
        header.check()?;
        if rest.iter().any(|b| *b != 0) {
            return Err(HeaderFault::Bad("bytes behind the header that are not zero"));
        }
        Ok(header)
    }

    /// Checks everything that a header alone can tell.
    pub(crate) fn check(&self) -> Result<(), HeaderFault> {
        if self.magic != SEGMENT_MAGIC {
            return Err(HeaderFault::Bad("magic"));
        }
        // No version is zero: a crash may leave the magic alone.
        if self.format_version != FORMAT_VERSION && self.format_version != 0 {
            return Err(HeaderFault::Version(self.format_version));
        }
        if self.crc != self.crc_due() {
            return Err(HeaderFault::Bad("header checksum"));
        }
        let plausible = self.format_version == FORMAT_VERSION
            && self.endian_probe == ENDIAN_PROBE
            && self.header_bytes as usize == HEADER_BYTES
            && self.epoch > 0
            && (1..COUNT_MAX).contains(&self.segment)
            && (1..COUNT_MAX).contains(&self.base_seq)
            && self.base_position < COUNT_MAX
            && self.base_position.is_multiple_of(LINE_BYTES as u64)
            && is_segment_length(self.segment_bytes);
        if plausible {
            Ok(())
        } else {
            Err(HeaderFault::Bad("header fields"))
        }
    }
}

impl HeaderFault {
    pub(crate) fn at(self, path: &Path) -> ReadError {
        let what = match self {
            HeaderFault::Version(found) => {
                return ReadError::Unsupported {
                    path: path.to_owned(),
                    found,
                    known: FORMAT_VERSION,
                };
            }
            HeaderFault::Blank => "no header",
            HeaderFault::Bad(what) => what,
        };
        ReadError::Corrupt {
            path: path.to_owned(),
            offset: 0,
            position: 0,
            seq: 0,
            what,
        }
    }
}

/// Whether a live segment may be `bytes` long.
pub(crate) fn is_segment_length(bytes: u64) -> bool {
    (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&bytes) && bytes.is_multiple_of(HEADER_BYTES as u64)
}

/// What a record's checksum begins with, so that bytes of another journal, epoch or segment never pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Salt(u32);

impl Salt {
    pub(crate) fn new(id: JournalId, epoch: u32, segment: u64) -> Salt {
        #[cfg(test)]
        let epoch = crate::crash::Sabotage::SaltWithoutEpoch.or(epoch, 0);
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&id.0);
        bytes[16..24].copy_from_slice(&u64::from(epoch).to_le_bytes());
        bytes[24..].copy_from_slice(&segment.to_le_bytes());
        Salt(crc32c::crc32c(&bytes))
    }

    /// The checksum of a record whose checksum field is zero.
    pub(crate) fn crc(self, words: &[u64]) -> u32 {
        debug_assert_eq!(words[0] >> 32, 0);
        #[cfg(test)]
        if crate::crash::Sabotage::ChecksumOff.is_on() {
            return 0;
        }
        crc32c::crc32c_append(self.0, bytemuck::cast_slice(words))
    }
}

const fn framing(record_type: RecordType) -> u64 {
    Commit {
        lines: 1,
        version: 0,
        flags: Flags::NONE,
        record_type,
    }
    .pack() as u64
}

/// The first word of a mark, its checksum left out.
pub(crate) const MARK_WORD: u64 = framing(RecordType::MARK);
/// The first word of an end, its checksum left out.
pub(crate) const END_WORD: u64 = framing(RecordType::END_OF_SEGMENT);

/// One line as words.
pub(crate) type Line = [u64; LINE_WORDS];

/// Opens a batch in an archived segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Sequence of the first record behind it.
    pub(crate) seq: u64,
    /// Position of that record.
    pub(crate) position: u64,
    /// Everything before this position was durable when the mark was written.
    pub(crate) durable: u64,
    /// Bytes of records up to the next mark or the end.
    pub(crate) batch_bytes: u64,
    /// Where the mark itself stands in its file.
    pub(crate) offset: u64,
}

impl Mark {
    pub(crate) fn line(self, salt: Salt) -> Line {
        #[cfg(test)]
        let durable = crate::crash::Sabotage::MarkVouchesForNothing.or(self.durable, 0);
        #[cfg(not(test))]
        let durable = self.durable;
        let line = [
            MARK_WORD,
            self.seq,
            0,
            self.position,
            durable,
            self.batch_bytes,
            self.offset,
            0,
        ];
        sealed(line, salt)
    }

    /// The mark in `line`, whose checksum was found right and whose first word is [`MARK_WORD`].
    pub(crate) fn of(line: &Line) -> Mark {
        Mark {
            seq: line[1],
            position: line[3],
            durable: line[4],
            batch_bytes: line[5],
            offset: line[6],
        }
    }
}

/// Ends a segment. In an archived one it is written when all before it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Sequence of the next segment's first record.
    pub(crate) seq: u64,
    /// Position of that record.
    pub(crate) position: u64,
    /// Chain hash of this segment; none in a live one.
    pub(crate) chain: ChainHash,
}

impl End {
    /// As it stands in a live segment, where it has no checksum.
    pub(crate) fn live_line(self) -> Line {
        let [a, b, c, d]: [u64; 4] = bytemuck::cast(self.chain);
        [END_WORD, self.seq, 0, self.position, a, b, c, d]
    }

    pub(crate) fn line(self, salt: Salt) -> Line {
        sealed(self.live_line(), salt)
    }

    pub(crate) fn of(line: &Line) -> End {
        End {
            seq: line[1],
            position: line[3],
            chain: bytemuck::cast([line[4], line[5], line[6], line[7]]),
        }
    }
}

fn sealed(mut line: Line, salt: Salt) -> Line {
    line[0] |= u64::from(salt.crc(&line)) << 32;
    line
}

/// What the archive's `meta` file holds.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub(crate) struct Meta {
    magic: u64,
    format_version: u32,
    /// Last epoch that was begun; zero before the first.
    pub(crate) epoch: u32,
    pub(crate) journal_id: JournalId,
    created_realtime_ns: u64,
    reserved: [u8; 20],
    crc: u32,
}

const _: () = assert!(size_of::<Meta>() == 64);

impl Meta {
    pub(crate) fn new(journal_id: JournalId, created_realtime_ns: u64) -> Meta {
        Meta {
            magic: META_MAGIC,
            format_version: FORMAT_VERSION,
            journal_id,
            created_realtime_ns,
            ..Meta::zeroed()
        }
        .with_epoch(0)
    }

    pub(crate) fn with_epoch(mut self, epoch: u32) -> Meta {
        self.epoch = epoch;
        self.crc = self.crc_due();
        self
    }

    fn crc_due(&self) -> u32 {
        crc32c::crc32c(&bytemuck::bytes_of(self)[..60])
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Meta, HeaderFault> {
        let meta: Meta =
            bytemuck::try_pod_read_unaligned(bytes).map_err(|_| HeaderFault::Bad("length of meta"))?;
        if meta.magic != META_MAGIC {
            return Err(HeaderFault::Bad("magic of meta"));
        }
        if meta.format_version != FORMAT_VERSION {
            return Err(HeaderFault::Version(meta.format_version));
        }
        if meta.crc != meta.crc_due() {
            return Err(HeaderFault::Bad("checksum of meta"));
        }
        Ok(meta)
    }
}

/// Extension of a live segment.
pub(crate) const LIVE: &str = "live";
/// Extension of an archived segment.
pub(crate) const ARCHIVED: &str = "seg";
/// Extension of an archived segment that is compressed.
pub(crate) const COLD: &str = "seg.zst";
/// Extension of one that is being compressed.
pub(crate) const COLD_PARTIAL: &str = "seg.zst.tmp";

/// A segment's file, named `<number, 10 digits>-<epoch, 6 digits>.<live, seg or seg.zst>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentFile {
    pub(crate) segment: u64,
    pub(crate) epoch: u32,
    pub(crate) path: PathBuf,
}

impl SegmentFile {
    pub(crate) fn new(dir: &Path, segment: u64, epoch: u32, extension: &str) -> SegmentFile {
        SegmentFile {
            segment,
            epoch,
            path: dir.join(format!("{segment:010}-{epoch:06}.{extension}")),
        }
    }

    fn of(path: PathBuf, extensions: &[&str]) -> Option<SegmentFile> {
        let (stem, found) = path.file_name()?.to_str()?.split_once('.')?;
        let (segment, epoch) = stem.split_once('-')?;
        if !extensions.contains(&found) {
            return None;
        }
        let (segment, epoch) = (segment.parse().ok()?, epoch.parse().ok()?);
        Some(SegmentFile { segment, epoch, path })
    }

    /// The same segment's file in the same directory, with another extension.
    pub(crate) fn with(&self, extension: &str) -> SegmentFile {
        let dir = self.path.parent().unwrap_or(Path::new(""));
        SegmentFile::new(dir, self.segment, self.epoch, extension)
    }

    /// Whether it is compressed.
    pub(crate) fn is_cold(&self) -> bool {
        is_cold(&self.path)
    }

    /// Whether `header` is the header of the segment that the name says.
    pub(crate) fn names(&self, header: &SegmentHeader) -> bool {
        self.segment == header.segment && self.epoch == header.epoch
    }

    /// The segments in `dir`, by number, then epoch. A directory that is not there holds none.
    pub(crate) fn list(dir: &Path, extension: &str) -> Result<Vec<SegmentFile>, ReadError> {
        SegmentFile::list_any(dir, &[extension])
    }

    fn list_any(dir: &Path, extensions: &[&str]) -> Result<Vec<SegmentFile>, ReadError> {
        #[cfg(loom)]
        let _turn = crate::map::turn();
        let entries = match std::fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(ReadError::io("list", dir)(e)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(ReadError::io("list", dir))?.path();
            found.extend(SegmentFile::of(path, extensions));
        }
        found.sort();
        Ok(found)
    }

    /// The archived segments in `dir`, by number, then epoch, plain or compressed; of one that stands there in both forms
    /// the plain file. What is compressed or removed meanwhile may still go by the name that it had.
    pub(crate) fn archived(dir: &Path) -> Result<Vec<SegmentFile>, ReadError> {
        // A directory is not read at one moment: a segment that changes its name meanwhile may be missed, but not twice.
        let mut found = SegmentFile::list_any(dir, &[ARCHIVED, COLD])?;
        found.extend(SegmentFile::list_any(dir, &[ARCHIVED, COLD])?);
        found.sort();
        found.dedup_by_key(|file| (file.segment, file.epoch));
        Ok(found)
    }

    /// The file of segment `segment` in `dir`, that of the last epoch if there are several.
    pub(crate) fn find(dir: &Path, extension: &str, segment: u64) -> Result<Option<SegmentFile>, ReadError> {
        Ok(SegmentFile::list(dir, extension)?
            .into_iter()
            .rfind(|file| file.segment == segment))
    }

    /// The same of an archived segment. It may be missed while it is being compressed.
    pub(crate) fn find_archived(dir: &Path, segment: u64) -> Result<Option<SegmentFile>, ReadError> {
        let mut found = SegmentFile::list_any(dir, &[ARCHIVED, COLD])?;
        found.dedup_by_key(|file| (file.segment, file.epoch));
        Ok(found.into_iter().rfind(|file| file.segment == segment))
    }
}

/// Whether this is the file of a compressed segment.
pub(crate) fn is_cold(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "zst")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> SegmentHeader {
        let stamp = Stamp {
            behaviour_version: 7,
            schema_hash: 8,
            playback: true,
            journal_id: JournalId([9; 16]),
            epoch: 3,
            segment_bytes: 8192,
        };
        let mut header = SegmentHeader::prepared(&stamp, 4, (5, 6));
        header.begin(10, 640);
        header
    }

    #[test]
    fn every_changed_byte_of_a_header_page_is_noticed() {
        let mut page = vec![0; HEADER_BYTES];
        page[..256].copy_from_slice(bytemuck::bytes_of(&header()));
        assert_eq!(SegmentHeader::parse(&page), Ok(header()));
        for i in (0..256).chain([256, 1000, 4095]) {
            page[i] ^= 0x10;
            assert!(SegmentHeader::parse(&page).is_err(), "byte {i}");
            page[i] ^= 0x10;
        }
        assert_eq!(SegmentHeader::parse(&[0; HEADER_BYTES]), Err(HeaderFault::Blank));
        assert_eq!(SegmentHeader::parse(&[]), Err(HeaderFault::Blank));
    }

    #[test]
    fn another_version_is_named() {
        let mut header = header();
        header.format_version = 2;
        assert_eq!(header.check(), Err(HeaderFault::Version(2)));
        let error = HeaderFault::Version(2).at(Path::new("x")).to_string();
        assert_eq!(error, "x: format version 2, this program reads 1");
    }

    #[test]
    fn a_salt_tells_journal_epoch_and_segment_apart() {
        let line = [1, 2, 3, 4, 5, 6, 7, 8];
        let salts = [
            Salt::new(JournalId([1; 16]), 1, 1),
            Salt::new(JournalId([2; 16]), 1, 1),
            Salt::new(JournalId([1; 16]), 2, 1),
            Salt::new(JournalId([1; 16]), 1, 2),
        ];
        for (i, a) in salts.iter().enumerate() {
            for b in &salts[i + 1..] {
                assert_ne!(a.crc(&line), b.crc(&line));
            }
        }
    }

    #[test]
    fn names_sort_as_numbers() {
        let dir = Path::new("d");
        let file = SegmentFile::new(dir, 12, 3, LIVE);
        assert_eq!(file.path, Path::new("d/0000000012-000003.live"));
        assert_eq!(SegmentFile::of(file.path.clone(), &[LIVE]), Some(file.clone()));
        assert_eq!(SegmentFile::of(file.path.clone(), &[ARCHIVED]), None);
        assert_eq!(SegmentFile::of("d/control".into(), &[LIVE]), None);
        let cold = file.with(COLD);
        assert!(cold.is_cold() && !file.is_cold());
        assert_eq!(SegmentFile::of(cold.path.clone(), &[ARCHIVED, COLD]), Some(cold));
    }

    #[test]
    fn of_both_forms_the_plain_one_counts() {
        let dir = tempfile::tempdir().unwrap();
        let one = SegmentFile::new(dir.path(), 1, 1, COLD);
        let two = SegmentFile::new(dir.path(), 2, 1, ARCHIVED);
        for file in [&one, &two, &two.with(COLD), &two.with(COLD_PARTIAL)] {
            std::fs::write(&file.path, b"").unwrap();
        }
        assert_eq!(
            SegmentFile::archived(dir.path()).unwrap(),
            [one.clone(), two.clone()]
        );
        assert_eq!(SegmentFile::find_archived(dir.path(), 1).unwrap(), Some(one));
        assert_eq!(SegmentFile::find_archived(dir.path(), 2).unwrap(), Some(two));
    }
}
