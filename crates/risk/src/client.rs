//! What is kept of a client: its credit and its limits.

use pinrail_types::AssetId;
use pinrail_types::record::LimitKind;
use pinrail_types::state::{StateError, Visitor};

use crate::bound::Bound;
use crate::gauge::Gauge;
use crate::rate::{Bucket, Rate};

/// Kinds of limits that a client has; the first is the restricted list's, which is kept elsewhere.
const KINDS: [LimitKind; 5] = [
    LimitKind::Permitted,
    LimitKind::ClientUnexecuted,
    LimitKind::ClientRate,
    LimitKind::DuplicateWindow,
    LimitKind::OrderToTrade,
];

/// One client; what every request reads comes first.
#[repr(align(64))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientRisk {
    pub(crate) known: bool,
    /// It is on the restricted list.
    pub(crate) is_restricted: bool,
    pub(crate) credit_asset: AssetId,
    /// Held by open quotes, and what was filled and is not yet settled, against the credit.
    pub(crate) credit: Gauge,
    /// Held by open quotes.
    pub(crate) reserved: Gauge,
    pub(crate) bucket: Bucket,
    pub(crate) rate: Rate,
    pub(crate) bounds: [Bound; KINDS.len()],
    /// Messages for each trade; the greatest there is if they are not limited.
    ratio: u64,
    /// When the window of the order-to-trade ratio began, and what was counted in it.
    window_at: u64,
    messages: u32,
    trades: u32,
}

impl ClientRisk {
    pub(crate) fn new() -> ClientRisk {
        ClientRisk {
            known: false,
            is_restricted: false,
            credit_asset: AssetId(0),
            credit: Gauge::EMPTY,
            reserved: Gauge::UNLIMITED,
            bucket: Bucket::default(),
            rate: Rate::UNLIMITED,
            bounds: KINDS.map(Bound::none),
            ratio: u64::MAX,
            window_at: 0,
            messages: 0,
            trades: 0,
        }
    }

    /// Begins a new window of the order-to-trade ratio if the last has ended.
    #[inline]
    pub(crate) fn turn(&mut self, now: u64) {
        let window_ns = self.bounds[LimitKind::OrderToTrade.place()].window_ns;
        if now - self.window_at >= window_ns {
            (self.window_at, self.messages, self.trades) = (now, 0, 0);
        }
    }

    /// Counts a message, in the window that was turned to.
    #[inline]
    pub(crate) fn message(&mut self) {
        self.messages = self.messages.saturating_add(1);
    }

    /// Counts a fill.
    #[inline]
    pub(crate) fn trade(&mut self, now: u64) {
        self.turn(now);
        self.trades = self.trades.saturating_add(1);
    }

    /// Whether one more message keeps the ratio.
    #[inline]
    pub(crate) fn keeps_ratio(&mut self, now: u64) -> bool {
        self.turn(now);
        // A ratio is at most 10^9 or not set, and then the product saturates.
        self.ratio == u64::MAX || u64::from(self.messages) < self.ratio * u64::from(self.trades.max(1))
    }

    /// The limit of a kind.
    #[inline]
    pub(crate) fn most(&self, kind: LimitKind) -> i128 {
        self.bounds[kind.place()].value
    }

    /// Works out what follows from the limits.
    pub(crate) fn derive(&mut self) {
        self.reserved.limit(self.most(LimitKind::ClientUnexecuted));
        self.rate = Rate::of(&self.bounds[LimitKind::ClientRate.place()]);
        self.ratio = u64::try_from(self.most(LimitKind::OrderToTrade)).unwrap_or(u64::MAX);
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.flag(&mut self.known)?;
        if !self.known {
            return Ok(());
        }
        visitor.u32(&mut self.credit_asset.0)?;
        let mut most = self.credit.most();
        visitor.wide(&mut most)?;
        self.credit.limit(most);
        self.credit.visit(visitor)?;
        self.reserved.visit(visitor)?;
        self.bucket.visit(visitor)?;
        for bound in &mut self.bounds {
            bound.visit(visitor)?;
        }
        visitor.word(&mut self.window_at)?;
        visitor.u32(&mut self.messages)?;
        visitor.u32(&mut self.trades)?;
        self.derive();
        Ok(())
    }
}
