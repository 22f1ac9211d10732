//! What is kept of an asset: the sum over all instruments that are quoted in it.

use pinrail_types::record::LimitKind;
use pinrail_types::state::{StateError, Visitor};

use crate::bound::Bound;
use crate::exposure::Exposure;
use crate::profit::Profit;

/// Kinds of limits that an asset has.
const KINDS: [LimitKind; 5] = [
    LimitKind::AssetUnexecuted,
    LimitKind::GrossExposure,
    LimitKind::NetExposure,
    LimitKind::AssetLoss,
    LimitKind::AssetDrawdown,
];

/// One asset.
#[repr(align(64))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct AssetRisk {
    /// Notional of the open quotes in it.
    pub(crate) unexecuted: i128,
    /// Sum over its instruments.
    pub(crate) exposure: Exposure,
    /// Sum over its instruments, with a peak of its own.
    pub(crate) profit: Profit,
    pub(crate) bounds: [Bound; KINDS.len()],
}

impl AssetRisk {
    pub(crate) fn new() -> AssetRisk {
        AssetRisk {
            unexecuted: 0,
            exposure: Exposure::default(),
            profit: Profit::default(),
            bounds: KINDS.map(Bound::none),
        }
    }

    /// The limit of a kind.
    #[inline]
    pub(crate) fn most(&self, kind: LimitKind) -> i128 {
        self.bounds[kind.place()].value
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.wide(&mut self.unexecuted)?;
        self.exposure.visit(visitor)?;
        self.profit.visit(visitor)?;
        for bound in &mut self.bounds {
            bound.visit(visitor)?;
        }
        Ok(())
    }
}
