//! What is kept of an asset: the sum over all instruments that are quoted in it.

use pinrail_types::Reason;
use pinrail_types::money::product;
use pinrail_types::record::LimitKind;
use pinrail_types::state::{StateError, Visitor};

use crate::bound::Bound;
use crate::checks::{Check, Omitted};
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

/// What a quote or an order adds to the sums of its asset, in the asset's smallest unit.
pub(crate) struct Worth {
    pub(crate) notional: i128,
    long: i128,
    short: i128,
    gross: i128,
}

impl Worth {
    /// The lots are those that long, short and gross exposure grow by, a lot of which is worth `lot_worth`.
    pub(crate) fn of(notional: i128, lot_worth: i64, [long, short, gross]: [i64; 3]) -> Worth {
        Worth {
            notional,
            long: product(lot_worth, long),
            short: product(lot_worth, short),
            gross: product(lot_worth, gross),
        }
    }
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

    /// Checks what would be open with so much more.
    ///
    /// # Errors
    /// The limit that it would pass.
    pub(crate) fn check(&self, added: &Worth, omitted: Omitted) -> Result<(), Reason> {
        let Exposure { long, short, gross } = &self.exposure;
        omitted.require(Check::AssetUnexecuted, self.unexecuted.allows(added.notional))?;
        omitted.require(Check::GrossExposure, gross.allows(added.gross))?;
        let is_within = long.allows(added.long) && short.allows(added.short);
        omitted.require(Check::NetExposure, is_within)
    }

    /// Checks what would be open with so much more, and adds it.
    ///
    /// # Errors
    /// The limit that it would pass; nothing is added.
    #[inline]
    pub(crate) fn take(&mut self, added: &Worth, omitted: Omitted) -> Result<(), Reason> {
        if !self.fill(added) {
            self.check(added, omitted)?;
            self.put(added);
        }
        Ok(())
    }

    /// Adds it if there is room at hand.
    #[inline]
    fn fill(&mut self, added: &Worth) -> bool {
        let narrow = |added: i128| u64::try_from(added).ok();
        let (Some(notional), Some(of_long), Some(of_short), Some(of_gross)) = (
            narrow(added.notional),
            narrow(added.long),
            narrow(added.short),
            narrow(added.gross),
        ) else {
            return false;
        };
        let Exposure { long, short, gross } = &mut self.exposure;
        let has_room = self.unexecuted.has_room(notional)
            && long.has_room(of_long)
            && short.has_room(of_short)
            && gross.has_room(of_gross);
        if has_room {
            self.unexecuted.fill(notional);
            long.fill(of_long);
            short.fill(of_short);
            gross.fill(of_gross);
        }
        has_room
    }

    /// Adds what was checked.
    pub(crate) fn put(&mut self, added: &Worth) {
        let Exposure { long, short, gross } = &mut self.exposure;
        self.unexecuted.add(added.notional);
        long.add(added.long);
        short.add(added.short);
        gross.add(added.gross);
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
