//! A journal's files, made of arbitrary bytes by somebody who knows the format, and a naive look at what stands in them.

use std::collections::{BTreeMap, BTreeSet};

use super::Input;

pub(super) const HEADER_BYTES: usize = pinrail_journal::HEADER_BYTES;
const LINE_BYTES: usize = pinrail_types::LINE_BYTES;
/// Length that a file may be filled up to with zeros, as those that are made ahead are: the shortest live segment.
pub(super) const FILLED_BYTES: usize = pinrail_journal::SEGMENT_BYTES_MIN as usize;
const FILES_MAX: usize = 12;
/// Bytes of a header page that are not always zero.
pub(super) const HEAD_BYTES: usize = 256;

pub(super) const MARK: u32 = 0x0003_0001;
pub(super) const END: u32 = 0x0002_0001;

/// Files by name, `archive/` or `live/` in front.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The journal of archives that are not said to be of another.
pub(super) const ID: [u8; 16] = [7; 16];
const EPOCH: u32 = 3;

/// How a file of the input is written down, in front of its bytes: two bytes of these bits, and two of its length.
///
/// The first: 0–1 whether it is archived, live, `meta` or `control`; 2–4 the segment's number less 1; 5–6 its epoch less 1.
/// The second: 0 its bytes are the whole file, and not those of a header page without its zeros and what is behind; 1 it
/// is filled up with zeros.
pub(super) fn write_down(place: u8, segment: u64, epoch: u32, bytes: &[u8]) -> Vec<u8> {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    let is_segment = place < 2;
    let kept = if is_segment {
        let head = &bytes[..HEAD_BYTES.min(end)];
        [head, bytes.get(HEADER_BYTES..end).unwrap_or_default()].concat()
    } else {
        bytes[..end].to_vec()
    };
    let shape = u8::from(!is_segment) | u8::from(bytes.len() > end) << 1;
    let mut written = vec![
        place | ((segment - 1) as u8) << 2 | ((epoch - 1) as u8) << 5,
        shape,
    ];
    written.extend((kept.len() as u16).to_le_bytes());
    written.extend(kept);
    written
}

/// The files that the rest of the input stands for, and a `meta` and a `control` if it has none.
pub(super) fn read(input: &mut Input<'_>) -> Files {
    let mut files = Files::new();
    while !input.is_empty() && files.len() < FILES_MAX {
        let (place, shape) = (input.u8(), input.u8());
        let len = usize::from(input.u16());
        let (segment, epoch) = (1 + u64::from(place >> 2 & 7), 1 + u32::from(place >> 5 & 3));
        let bytes = input.take(len);
        let mut file = if shape & 1 == 1 {
            bytes.to_vec()
        } else {
            let (head, lines) = bytes.split_at(HEAD_BYTES.min(bytes.len()));
            let mut file = head.to_vec();
            file.resize(HEADER_BYTES, 0);
            file.extend(lines);
            file
        };
        if shape & 2 != 0 && file.len() < FILLED_BYTES {
            file.resize(FILLED_BYTES, 0);
        }
        let name = match place & 3 {
            0 => archived(segment, epoch),
            1 => live(segment, epoch),
            2 => "archive/meta".to_owned(),
            _ => "live/control".to_owned(),
        };
        files.insert(name, file);
    }
    files
        .entry("archive/meta".into())
        .or_insert_with(|| meta(ID, EPOCH));
    files.entry("live/control".into()).or_insert_with(control);
    files
}

pub(super) fn archived(segment: u64, epoch: u32) -> String {
    format!("archive/{segment:010}-{epoch:06}.seg")
}

pub(super) fn live(segment: u64, epoch: u32) -> String {
    format!("live/{segment:010}-{epoch:06}.live")
}

/// Segment and epoch of a segment's file.
pub(super) fn segment_of(name: &str) -> Option<(u64, u32)> {
    let (_, name) = name.split_once('/')?;
    let (name, _) = name.split_once('.')?;
    let (segment, epoch) = name.split_once('-')?;
    Some((segment.parse().ok()?, epoch.parse().ok()?))
}

pub(super) fn is_archived(name: &str) -> bool {
    name.starts_with("archive/") && segment_of(name).is_some()
}

pub(super) fn is_live(name: &str) -> bool {
    name.starts_with("live/") && segment_of(name).is_some()
}

/// A `meta` file.
pub(super) fn meta(id: [u8; 16], epoch: u32) -> Vec<u8> {
    let mut bytes = b"PINRAILM".to_vec();
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend(epoch.to_le_bytes());
    bytes.extend(id);
    bytes.resize(60, 0);
    bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
    bytes
}

/// A `control` file of the last epoch.
fn control() -> Vec<u8> {
    let mut bytes = b"PINRAILC".to_vec();
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend(ID);
    bytes.extend(u64::from(EPOCH).to_le_bytes());
    bytes.resize(4096, 0);
    bytes
}

pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    u32::from_le_bytes(word.unwrap_or_default())
}

pub(super) fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) | u64::from(word(bytes, at + 4)) << 32
}

/// CRC of a record, its own field taken as zero.
fn crc(id: &[u8], epoch: u32, segment: u64, record: &[u8]) -> u32 {
    let salt = [id, &u64::from(epoch).to_le_bytes(), &segment.to_le_bytes()].concat();
    let crc = crc32c::crc32c(&salt);
    let crc = crc32c::crc32c_append(crc, &record[..4]);
    let crc = crc32c::crc32c_append(crc, &[0; 4]);
    crc32c::crc32c_append(crc, &record[8..])
}

/// The record that the line at `at` may open.
fn record_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let lines = (word(bytes, at) & 0xf) as usize;
    (1..=4).contains(&lines).then_some(())?;
    bytes.get(at..at + lines * LINE_BYTES)
}

/// Makes every checksum and every chain hash of the archived segments right, but for those of zero.
pub(super) fn renew(files: &mut Files) {
    let mut before = [0; 32];
    for (name, bytes) in files.iter_mut().filter(|(name, _)| is_archived(name)) {
        let Some((segment, epoch)) = segment_of(name).filter(|_| bytes.len() >= HEADER_BYTES) else {
            continue;
        };
        if bytes[112..144] != [0; 32] {
            bytes[112..144].copy_from_slice(&before);
        }
        let head = crc32c::crc32c(&bytes[..252]);
        bytes[252..256].copy_from_slice(&head.to_le_bytes());
        let mut at = HEADER_BYTES;
        while at + LINE_BYTES <= bytes.len() {
            if word(bytes, at) == END && bytes[at + 32..at + 64] != [0; 32] {
                let hash = blake3::hash(&bytes[..at]);
                bytes[at + 32..at + 64].copy_from_slice(hash.as_bytes());
            }
            let len = record_at(bytes, at).map_or(0, <[u8]>::len);
            if len > 0 {
                let id = bytes[32..48].to_vec();
                let right = crc(&id, epoch, segment, &bytes[at..at + len]);
                bytes[at + 4..at + 8].copy_from_slice(&right.to_le_bytes());
            }
            at += len.max(LINE_BYTES);
        }
        before = chain_hash(bytes);
    }
}

/// The chain hash of an archived segment whose end, if it has one, is its last line that is not zero.
fn chain_hash(bytes: &[u8]) -> [u8; 32] {
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    let end = (HEADER_BYTES..bytes.len())
        .step_by(LINE_BYTES)
        .find(|at| word(bytes, *at) == END);
    *blake3::hash(&bytes[..end.unwrap_or(written)]).as_bytes()
}

/// Every record, mark and end in the archived segments whose checksum is right, its field zero, and what stands in live
/// segments; looked for at every line, in order of nothing.
pub(super) fn records(files: &Files) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    for (name, bytes) in files {
        let Some((segment, epoch)) = segment_of(name).filter(|_| bytes.len() >= HEADER_BYTES) else {
            continue;
        };
        for at in (HEADER_BYTES..bytes.len()).step_by(LINE_BYTES) {
            let Some(record) = record_at(bytes, at) else {
                continue;
            };
            let expected = if is_archived(name) {
                crc(&bytes[32..48], epoch, segment, record)
            } else {
                0
            };
            if word(record, 4) == expected {
                let mut record = record.to_vec();
                record[4..8].fill(0);
                found.insert(record);
            }
        }
    }
    found
}

/// The highest position that a readable mark or end of an archived segment calls durable.
pub(super) fn vouched(files: &Files, id: [u8; 16]) -> u64 {
    let mut durable = 0;
    for (name, bytes) in files.iter().filter(|(name, _)| is_archived(name)) {
        let Some((segment, epoch)) = segment_of(name) else {
            continue;
        };
        for at in (0..bytes.len().saturating_sub(LINE_BYTES - 1)).step_by(LINE_BYTES) {
            let line = &bytes[at..at + LINE_BYTES];
            let claim = match word(line, 0) {
                MARK if long(line, 48) == at as u64 => long(line, 32),
                END => long(line, 24),
                _ => continue,
            };
            if word(line, 4) == crc(&id, epoch, segment, line) {
                durable = durable.max(claim);
            }
        }
    }
    durable
}
