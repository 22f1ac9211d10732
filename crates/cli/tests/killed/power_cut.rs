//! What a power cut may leave of an archive: anything behind the durable position, in the segment that was being written.

use std::path::Path;

use rand_core::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::place::Place;
use crate::rounds::below;

const HEADER_BYTES: usize = 4096;
const PAGE_BYTES: usize = 4096;
const SECTOR_BYTES: usize = 512;
const LINE_BYTES: usize = 64;
const END: u64 = 0x0002_0001;

/// What became of bytes that were written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damage {
    /// All of them reached the disk.
    Nothing,
    /// The file ends somewhere.
    Truncated,
    /// Nothing behind some byte reached the disk.
    ZerosBehind,
    /// Some pages did not reach the disk.
    PagesMissing,
    /// Some sectors hold garbage.
    Garbage,
    /// Some sectors hold what stood at the same place of the segment before, or elsewhere in this one.
    Stale,
    /// One bit is another.
    BitFlipped,
}

pub(crate) const DAMAGES: [Damage; 7] = [
    Damage::Nothing,
    Damage::Truncated,
    Damage::ZerosBehind,
    Damage::PagesMissing,
    Damage::Garbage,
    Damage::Stale,
    Damage::BitFlipped,
];

/// Cuts the power: shared memory is gone, and what the archive holds behind the record `durable_seq` is in doubt.
pub(crate) fn cut(place: &Place, durable_seq: u64, draws: &mut Xoshiro256PlusPlus) -> Damage {
    if place.live().exists() {
        std::fs::remove_dir_all(place.live()).unwrap();
    }
    let damage = DAMAGES[below(draws, DAMAGES.len() as u64) as usize];
    let segments = place.segments();
    let begun = |path: &&Path| std::fs::read(path).unwrap().iter().any(|b| *b != 0);
    let mut begun = segments.iter().rev().map(AsRef::as_ref).filter(begun);
    let Some(path) = begun.next() else {
        return Damage::Nothing;
    };
    let before = begun.next().map(|path| std::fs::read(path).unwrap());
    let mut bytes = std::fs::read(path).unwrap();
    let last = bytes.iter().rposition(|b| *b != 0).unwrap();
    let from = open_from(&bytes, last, durable_seq);
    if from > last {
        return Damage::Nothing;
    }
    harm(&mut bytes, from..last + 1, before.as_deref(), damage, draws);
    std::fs::write(path, bytes).unwrap();
    damage
}

/// The first byte that need not be durable.
fn open_from(bytes: &[u8], last: usize, durable_seq: u64) -> usize {
    // An end is written when everything before it is durable.
    let last_line = last / LINE_BYTES * LINE_BYTES;
    if word(bytes, last_line) & 0xffff_ffff == END {
        return last_line;
    }
    behind(bytes, durable_seq)
}

fn harm(
    bytes: &mut Vec<u8>,
    open: std::ops::Range<usize>,
    before: Option<&[u8]>,
    damage: Damage,
    draws: &mut Xoshiro256PlusPlus,
) {
    let at = open.start + below(draws, open.len() as u64) as usize;
    match damage {
        Damage::Nothing => {}
        Damage::Truncated => bytes.truncate(at),
        Damage::ZerosBehind => bytes[at..].fill(0),
        Damage::BitFlipped => bytes[at] ^= 1 << below(draws, 8),
        Damage::PagesMissing => in_blocks(open, PAGE_BYTES, draws, |block, _| bytes[block].fill(0)),
        Damage::Garbage => in_blocks(open, SECTOR_BYTES, draws, |block, draws| {
            bytes[block].fill_with(|| draws.next_u64() as u8);
        }),
        Damage::Stale => {
            let own = bytes.clone();
            in_blocks(open, SECTOR_BYTES, draws, |block, draws| {
                let start = HEADER_BYTES + below(draws, 16) as usize * LINE_BYTES;
                let elsewhere = own.get(start..start + block.len());
                let stale = before.and_then(|before| before.get(block.clone())).or(elsewhere);
                if let Some(stale) = stale {
                    bytes[block].copy_from_slice(stale);
                }
            });
        }
    }
}

/// Does `harm` to each second of the blocks that lie in `open`, by chance; the first is clipped.
fn in_blocks(
    open: std::ops::Range<usize>,
    block_bytes: usize,
    draws: &mut Xoshiro256PlusPlus,
    mut harm: impl FnMut(std::ops::Range<usize>, &mut Xoshiro256PlusPlus),
) {
    let mut start = open.start;
    while start < open.end {
        let end = ((start / block_bytes + 1) * block_bytes).min(open.end);
        if below(draws, 2) == 0 {
            harm(start..end, draws);
        }
        start = end;
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..at + 8)
        .map_or(0, bytemuck::pod_read_unaligned::<u64>)
}

/// Byte behind the record with sequence `durable_seq`; 0 if it stands before this segment.
fn behind(bytes: &[u8], durable_seq: u64) -> usize {
    let base_seq = word(bytes, 64);
    if base_seq > durable_seq {
        return 0;
    }
    let mut at = HEADER_BYTES;
    loop {
        let first = word(bytes, at) & 0xffff_ffff;
        assert_ne!(
            first, 0,
            "the durable record is in the last segment that was begun"
        );
        let start = at;
        at += (first & 0xf) as usize * LINE_BYTES;
        // Not a mark.
        if first >> 24 != 0 && word(bytes, start + 8) == durable_seq {
            return at;
        }
    }
}
