//! Profit marked at the reference: exact integers, with the peak.

use pinrail_types::record::LimitKind;
use pinrail_types::state::{StateError, Visitor};

/// Profit of an instrument or of all that is quoted in an asset, in the asset's smallest unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Profit {
    pub(crate) now: i128,
    /// The most it was since a person last turned trading on.
    pub(crate) peak: i128,
}

impl Profit {
    #[inline]
    pub(crate) fn set(&mut self, now: i128) {
        self.now = now;
        self.peak = self.peak.max(now);
    }

    /// The loss, or what was lost since the peak.
    pub(crate) fn lost(&self, kind: LimitKind) -> i128 {
        match kind {
            LimitKind::Drawdown | LimitKind::AssetDrawdown => self.peak.saturating_sub(self.now),
            _ => 0_i128.saturating_sub(self.now),
        }
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.wide(&mut self.now)?;
        visitor.wide(&mut self.peak)
    }
}
