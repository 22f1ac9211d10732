//! What is kept of an asset: the sum over all instruments that are quoted in it.

use pinrail_types::record::LimitKind;
use pinrail_types::state::{StateError, Visitor};

use crate::bound::Bound;
use crate::exposure::Exposure;
use crate::gauge::Gauge;
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
    pub(crate) unexecuted: Gauge,
    /// Sum over its instruments.
    pub(crate) exposure: Exposure,
    /// Sum over its instruments, with a peak of its own.
    pub(crate) profit: Profit,
    pub(crate) bounds: [Bound; KINDS.len()],
}

impl AssetRisk {
    pub(crate) fn new() -> AssetRisk {
        AssetRisk {
            unexecuted: Gauge::UNLIMITED,
            exposure: Exposure::UNLIMITED,
            profit: Profit::default(),
            bounds: KINDS.map(Bound::none),
        }
    }

    /// Works out what follows from the limits.
    pub(crate) fn derive(&mut self) {
        let most = |kind: LimitKind| self.bounds[kind.place()].value;
        self.unexecuted.limit(most(LimitKind::AssetUnexecuted));
        self.exposure.gross.limit(most(LimitKind::GrossExposure));
        self.exposure.long.limit(most(LimitKind::NetExposure));
        self.exposure.short.limit(most(LimitKind::NetExposure));
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.unexecuted.visit(visitor)?;
        self.exposure.visit(visitor)?;
        self.profit.visit(visitor)?;
        for bound in &mut self.bounds {
            bound.visit(visitor)?;
        }
        self.derive();
        Ok(())
    }
}
