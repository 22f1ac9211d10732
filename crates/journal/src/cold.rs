//! Segments that stand compressed: one zstd frame of exactly the bytes of the plain file. Whatever else a file with that
//! name holds is an error that names it, never a tear: no crash leaves it, since it got its name when it was durable.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zstd::zstd_safe::{compress_bound, find_frame_compressed_size, get_frame_content_size};

use crate::error::ReadError;
use crate::format::{
    COLD, HEADER_BYTES, HeaderFault, SEGMENT_BYTES_MAX, SegmentFile, SegmentHeader, is_cold,
};
use crate::hold::hold;

/// Longest archived segment in bytes: a live one in which each line of records came with a mark of its own.
const ARCHIVED_BYTES_MAX: u64 = 2 * SEGMENT_BYTES_MAX;
/// Longest header of a frame, in bytes.
const FRAME_HEADER_BYTES_MAX: usize = 18;
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
/// Of a frame's descriptor: whether a checksum follows; and all that must be zero, which is a dictionary's id and the two
/// bits that have no meaning.
const DESCRIPTOR_CHECKSUM: u8 = 0b100;
const DESCRIPTOR_ZERO: u8 = 0b1_1011;
/// The largest window that zstd knows, as a power of two.
const WINDOW_LOG_MAX: u32 = 31;
const WINDOW_LOG_MIN: u32 = 10;

/// An archived segment's bytes.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) bytes: Vec<u8>,
    /// The file that they were read from.
    pub(crate) path: PathBuf,
    /// Its length in bytes.
    pub(crate) file_bytes: u64,
    /// Keeps it from being removed.
    pub(crate) held: File,
}

/// Reads an archived segment in the form in which it stands now: it may have been compressed since it was listed.
pub(crate) fn load(file: &SegmentFile) -> Result<Loaded, ReadError> {
    let (path, held) = hold_either(file)?;
    let file_bytes = held.metadata().map_err(ReadError::io("read", &path))?.len();
    let mut stored = Vec::new();
    if is_cold(&path) {
        let length = read_frame_header(&held, &path, &mut stored)?;
        // Before any of it is read: zeros, or whatever else, may follow without an end.
        if file_bytes > compress_bound(length) as u64 {
            return Err(corrupt(&path, "bytes behind the zstd frame"));
        }
    }
    // No further than it was long: a file that grows meanwhile is no reason for more memory.
    stored.reserve_exact(file_bytes as usize);
    let rest = file_bytes.saturating_sub(stored.len() as u64);
    (&held)
        .take(rest)
        .read_to_end(&mut stored)
        .map_err(ReadError::io("read", &path))?;
    let bytes = if is_cold(&path) {
        decode(&stored).map_err(|what| corrupt(&path, what))?
    } else {
        stored
    };
    Ok(Loaded {
        bytes,
        path,
        file_bytes,
        held,
    })
}

/// Reads a segment's header alone; the fault if it is not what it should be. No more of a compressed one is looked at.
pub(crate) fn peek(file: &SegmentFile) -> Result<Result<SegmentHeader, HeaderFault>, ReadError> {
    let (path, held) = hold_either(file)?;
    let mut page = Vec::with_capacity(HEADER_BYTES);
    if is_cold(&path) {
        let mut start = Vec::new();
        read_frame_header(&held, &path, &mut start)?;
        let rest = start.as_slice().chain(&held);
        decode_page(rest, &mut page).map_err(|_| corrupt(&path, "damaged zstd frame"))?;
    } else {
        (&held)
            .take(HEADER_BYTES as u64)
            .read_to_end(&mut page)
            .map_err(ReadError::io("read", &path))?;
    }
    let parsed = SegmentHeader::parse(&page).and_then(|header| {
        if file.names(&header) {
            Ok(header)
        } else {
            Err(HeaderFault::Bad("header of another segment"))
        }
    });
    match parsed {
        Err(fault) if is_cold(&path) => Err(fault.at(&path)),
        parsed => Ok(parsed),
    }
}

/// Reads the start of a frame, and gives the length that it says its content has.
fn read_frame_header(file: &File, path: &Path, start: &mut Vec<u8>) -> Result<usize, ReadError> {
    file.take(FRAME_HEADER_BYTES_MAX as u64)
        .read_to_end(start)
        .map_err(ReadError::io("read", path))?;
    content_bytes(start).map_err(|what| corrupt(path, what))
}

fn decode_page(frame: impl Read, page: &mut Vec<u8>) -> io::Result<()> {
    let mut decoder = zstd::stream::read::Decoder::new(frame)?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    decoder.take(HEADER_BYTES as u64).read_to_end(page)?;
    Ok(())
}

/// Holds a segment's file, or where that was compressed since it was listed, what stands there for it.
fn hold_either(file: &SegmentFile) -> Result<(PathBuf, File), ReadError> {
    for path in [&file.path, &file.with(COLD).path] {
        if let Some(held) = hold(path)? {
            return Ok((path.clone(), held));
        }
    }
    Err(ReadError::io("open", &file.path)(io::ErrorKind::NotFound.into()))
}

fn corrupt(path: &Path, what: &'static str) -> ReadError {
    HeaderFault::Bad(what).at(path)
}

/// The bytes of a segment as one frame, with its length and a checksum.
pub(crate) fn encode(bytes: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let mut compressor = zstd::bulk::Compressor::new(level)?;
    compressor.include_checksum(true)?;
    // The window holds all of it. Its size is then not stated beside the length, where it could be changed unnoticed.
    let log = usize::BITS - bytes.len().leading_zeros();
    compressor.window_log(log.clamp(WINDOW_LOG_MIN, WINDOW_LOG_MAX))?;
    compressor.compress(bytes)
}

/// The bytes that were made into this frame. Takes no more memory than the longest segment has, whatever stands there.
pub(crate) fn decode(frame: &[u8]) -> Result<Vec<u8>, &'static str> {
    let length = content_bytes(frame)?;
    match find_frame_compressed_size(frame) {
        Ok(stored) if stored == frame.len() => {}
        Ok(_) => return Err("bytes behind the zstd frame"),
        Err(_) => return Err("truncated or damaged zstd frame"),
    }
    let mut bytes = Vec::new();
    // Pages that are never written to are never there.
    bytes
        .try_reserve_exact(length)
        .map_err(|_| "no memory for a segment of that length")?;
    let decoded = zstd::bulk::Decompressor::new().and_then(|mut d| d.decompress_to_buffer(frame, &mut bytes));
    match decoded {
        Ok(decoded) if decoded == length => Ok(bytes),
        _ => Err("damaged zstd frame"),
    }
}

/// The length that a frame says it has.
fn content_bytes(frame: &[u8]) -> Result<usize, &'static str> {
    let descriptor = match frame.strip_prefix(&MAGIC) {
        Some([descriptor, ..]) => *descriptor,
        _ => return Err("no zstd frame"),
    };
    if descriptor & DESCRIPTOR_CHECKSUM == 0 || descriptor & DESCRIPTOR_ZERO != 0 {
        return Err("a zstd frame without checksum, or with a dictionary");
    }
    match get_frame_content_size(frame) {
        Ok(Some(length)) if (HEADER_BYTES as u64..=ARCHIVED_BYTES_MAX).contains(&length) => {
            Ok(length as usize)
        }
        Ok(Some(_)) => Err("a zstd frame whose length is not that of a segment"),
        _ => Err("a zstd frame without its length"),
    }
}
