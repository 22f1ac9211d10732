//! Short text of fixed length inside records.

use core::fmt;

use bytemuck::{Pod, Zeroable};

/// Up to `N` bytes of printable ASCII, padded with zeros.
///
/// Equality is equality of bytes. A client's own id (`QuoteReqID` 131, `ClOrdID` 11) stands in a `Text<24>`: any
/// id of up to 24 characters as it is. A portal that takes longer ones maps them and keeps the map.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct Text<const N: usize>([u8; N]);

impl<const N: usize> Text<N> {
    /// The empty text.
    pub const EMPTY: Text<N> = Text([0; N]);

    /// `text`, or `None` if it is longer than `N` bytes or holds anything but printable ASCII.
    pub fn new(text: &str) -> Option<Text<N>> {
        if text.len() > N || !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            return None;
        }
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Text(bytes))
    }

    /// The bytes before the padding.
    pub fn as_bytes(&self) -> &[u8] {
        let len = self.0.iter().position(|&b| b == 0).unwrap_or(N);
        &self.0[..len]
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0[0] == 0
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Text::EMPTY
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    /// Bytes that are not printable ASCII (another process may have written them) are shown escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::with_capacity(N);
        for b in self.as_bytes() {
            shown.extend(core::ascii::escape_default(*b).map(char::from));
        }
        f.pad(&shown)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_long_and_unprintable_text() {
        assert_eq!(Text::<4>::new("BTCUS"), None);
        assert_eq!(Text::<4>::new("B\n"), None);
        assert_eq!(Text::<4>::new("é"), None);
        assert_eq!(Text::<4>::new("BTCU").unwrap().to_string(), "BTCU");
        assert!(Text::<4>::new("").unwrap().is_empty());
    }
}
