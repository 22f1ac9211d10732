//! What somebody can do to a closed journal who knows its format and recomputes every checksum.

use std::path::{Path, PathBuf};

use pinrail_journal::HEADER_BYTES;

const MARK: u32 = 0x0003_0001;
const END: u32 = 0x0002_0001;

/// What becomes of the chain hashes in headers and ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chain {
    /// They stay as they are.
    Kept,
    /// They become zero, as if none had been kept.
    Erased,
    /// They are computed anew.
    Renewed,
}

/// A sealed segment taken apart: its batches, each a list of records.
pub(crate) struct Segment {
    path: PathBuf,
    header: Vec<u8>,
    pub(crate) batches: Vec<Vec<Vec<u8>>>,
    pub(crate) chain: Vec<u8>,
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[..4].try_into().unwrap())
}

impl Segment {
    pub(crate) fn read(path: &Path) -> Segment {
        let bytes = std::fs::read(path).unwrap();
        let mut segment = Segment {
            path: path.to_owned(),
            header: bytes[..HEADER_BYTES].to_vec(),
            batches: Vec::new(),
            chain: Vec::new(),
        };
        let mut rest = &bytes[HEADER_BYTES..];
        while !rest.is_empty() {
            let (record, behind) = rest.split_at((word(rest) & 0xf) as usize * 64);
            match word(record) {
                MARK => segment.batches.push(Vec::new()),
                END => segment.chain = record[32..].to_vec(),
                _ => segment.batches.last_mut().unwrap().push(record.to_vec()),
            }
            rest = behind;
        }
        assert_eq!(segment.chain.len(), 32, "a sealed segment");
        segment
    }

    pub(crate) fn epoch(&self) -> u32 {
        word(&self.header[48..])
    }

    fn salt(&self) -> Vec<u8> {
        let mut salt = self.header[32..48].to_vec();
        salt.extend(u64::from(self.epoch()).to_le_bytes());
        salt.extend(&self.header[56..64]);
        salt
    }

    /// The segment's bytes if its first record has `seq` and `position`, which go on to the next segment's.
    fn bytes(&self, seq: &mut u64, position: &mut u64, chain: Chain, before: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let salt = self.salt();
        let mut bytes = self.header.clone();
        bytes[64..72].copy_from_slice(&seq.to_le_bytes());
        bytes[72..80].copy_from_slice(&position.to_le_bytes());
        match chain {
            Chain::Kept => {}
            Chain::Erased => bytes[112..144].fill(0),
            Chain::Renewed => bytes[112..144].copy_from_slice(before),
        }
        reseal_header(&mut bytes);
        let line = |head: u32, words: [u64; 7]| {
            let mut line = u64::from(head).to_le_bytes().to_vec();
            line.extend(words.iter().flat_map(|word| word.to_le_bytes()));
            reseal(&mut line, &salt);
            line
        };
        for batch in &self.batches {
            let batch_bytes: usize = batch.iter().map(Vec::len).sum();
            let offset = bytes.len() as u64;
            bytes.extend(line(
                MARK,
                [*seq, 0, *position, *position, batch_bytes as u64, offset, 0],
            ));
            for record in batch {
                let mut record = record.clone();
                record[8..16].copy_from_slice(&seq.to_le_bytes());
                reseal(&mut record, &salt);
                bytes.extend(&record);
                *seq += 1;
                *position += record.len() as u64;
            }
        }
        let hash = match chain {
            Chain::Kept => self.chain.clone(),
            Chain::Erased => vec![0; 32],
            Chain::Renewed => blake3::hash(&bytes).as_bytes().to_vec(),
        };
        let mut words = [*seq, 0, *position, 0, 0, 0, 0];
        for (word, part) in words[3..].iter_mut().zip(hash.chunks_exact(8)) {
            *word = u64::from_le_bytes(part.try_into().unwrap());
        }
        bytes.extend(line(END, words));
        (bytes, hash)
    }
}

fn reseal(record: &mut [u8], salt: &[u8]) {
    record[4..8].fill(0);
    let crc = crc32c::crc32c_append(crc32c::crc32c(salt), record);
    record[4..8].copy_from_slice(&crc.to_le_bytes());
}

/// Makes the checksum of a header page right.
pub(crate) fn reseal_header(page: &mut [u8]) {
    let crc = crc32c::crc32c(&page[..252]);
    page[252..256].copy_from_slice(&crc.to_le_bytes());
}

/// Writes a whole journal again, numbering its records anew.
pub(crate) fn write(segments: &[Segment], chain: Chain) {
    let (mut seq, mut position, mut before) = (1, 0, vec![0; 32]);
    for segment in segments {
        let (bytes, hash) = segment.bytes(&mut seq, &mut position, chain, &before);
        std::fs::write(&segment.path, bytes).unwrap();
        before = hash;
    }
}
