//! What the tests of both flows share.

use pinrail_types::Frame;

/// FNV-1a, 64 bits, over the bytes of records.
pub(crate) struct Fnv(pub(crate) u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// Adds a record.
    pub(crate) fn add(&mut self, frame: &Frame) {
        for byte in frame.bytes() {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}
