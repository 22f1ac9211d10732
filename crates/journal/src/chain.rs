//! The chain of hashes over the archived segments: each names the hash of the one before it, so that whoever keeps the
//! last one can tell whether any byte before it was changed since.

use core::fmt;
use core::str::FromStr;

use bytemuck::{Pod, Zeroable};
use thiserror::Error;

use crate::format::SegmentHeader;

/// BLAKE3 over an archived segment's file, its header page with the hash of the segment before included: over all bytes
/// before its end, or, where a crash has left it without one, over all bytes up to where its records stop and from there
/// on to the last that is not zero. That an end is lost does not change the hash.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Pod, Zeroable)]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// Stands where there is no segment before, or where a writer kept no chain.
    pub const NONE: ChainHash = ChainHash([0; 32]);

    pub(crate) fn of(bytes: &[u8]) -> ChainHash {
        ChainHash(blake3::hash(bytes).into())
    }

    /// Whether it is [`ChainHash::NONE`].
    pub fn is_none(self) -> bool {
        self == ChainHash::NONE
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no chain hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("expected 64 hexadecimal digits")]
pub struct NoChainHash;

impl FromStr for ChainHash {
    type Err = NoChainHash;

    fn from_str(text: &str) -> Result<ChainHash, NoChainHash> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(NoChainHash);
        }
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(NoChainHash);
        let mut hash = ChainHash::NONE;
        for (byte, pair) in hash.0.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Ok(hash)
    }
}

/// A chain along a walk from segment to segment. Writers of old kept none, so it may begin late; it may not stop again.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    /// The first segment whose bytes it covers.
    pub(crate) since: Option<u64>,
}

impl Chain {
    /// Begins a walk at the segment with this header.
    pub(crate) fn entering(header: &SegmentHeader) -> Chain {
        Chain {
            since: (!header.chain_before.is_none()).then_some(header.segment),
        }
    }

    /// Whether segment `segment`, whose bytes give `hash`, may be called `named`.
    pub(crate) fn agrees(&mut self, segment: u64, hash: ChainHash, named: ChainHash) -> bool {
        if !named.is_none() {
            self.since.get_or_insert(segment);
        }
        named == hash || self.since.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_may_begin_late_but_not_stop() {
        let (right, wrong) = (ChainHash([1; 32]), ChainHash([2; 32]));
        let mut chain = Chain::default();
        assert!(chain.agrees(1, right, ChainHash::NONE));
        assert!(chain.agrees(2, right, right));
        assert!(!chain.agrees(3, right, ChainHash::NONE));
        assert!(!chain.agrees(3, right, wrong));
        assert_eq!(chain.since, Some(2));
        assert!(!Chain::default().agrees(1, right, wrong));
    }

    #[test]
    fn text_and_back() {
        let hash = ChainHash::of(b"");
        // The test vector of BLAKE3's authors for no input.
        let text = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.parse(), Ok(hash));
        assert_eq!(text.to_uppercase().parse(), Ok(hash));
        for bad in ["", &text[1..], &text.replace('a', "g"), &"é".repeat(32)] {
            assert_eq!(bad.parse::<ChainHash>(), Err(NoChainHash), "{bad}");
        }
    }
}
