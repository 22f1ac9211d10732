//! What is kept of a client: its credit and its limits.

use pinrail_types::record::LimitKind;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{AssetId, Reason};

use crate::bound::Bound;
use crate::checks::{Check, Omitted};
use crate::gauge::Gauge;
use crate::rate::{Bucket, Rate};

/// Kinds of limits that a client has, by their place; the restricted list and the credit are kept elsewhere.
const KINDS: [LimitKind; 7] = [
    LimitKind::Permitted,
    LimitKind::ClientUnexecuted,
    LimitKind::ClientRate,
    LimitKind::DuplicateWindow,
    LimitKind::OrderToTrade,
    LimitKind::Credit,
    LimitKind::ClientOpenOrders,
];

/// One client; what every request reads comes first.
#[repr(align(64))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientRisk {
    pub(crate) known: bool,
    /// It is on the restricted list.
    pub(crate) is_restricted: bool,
    pub(crate) credit_asset: AssetId,
    /// Held by open quotes, against what is left of the credit or what may be unexecuted, whichever is less.
    pub(crate) reserved: Gauge,
    pub(crate) credit_max: i128,
    /// Filled and not yet settled.
    used: i128,
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
            reserved: Gauge::EMPTY,
            credit_max: 0,
            used: 0,
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

    /// Counts a fill against the credit until it is settled.
    ///
    /// # Panics
    /// If the sum does not fit: it was reserved, so it does.
    pub(crate) fn use_credit(&mut self, notional: i128) {
        let used = notional
            .checked_abs()
            .and_then(|notional| self.used.checked_add(notional));
        self.used = used.expect("a fill's notional was reserved within the client's credit");
        self.derive();
    }

    /// Counts so much less, and never less than nothing: a fill was taken back.
    pub(crate) fn give_credit_back(&mut self, owed: i128) {
        self.used = self.used.saturating_sub(owed).max(0);
        self.derive();
    }

    /// Checks what would be held with so much more.
    ///
    /// # Errors
    /// The limit that it would pass.
    pub(crate) fn check_held(&self, added: i128, omitted: Omitted) -> Result<(), Reason> {
        let held = self.reserved.sum().checked_add(added).ok_or(Reason::Overflow)?;
        let all = held.checked_add(self.used).ok_or(Reason::Overflow)?;
        omitted.require(Check::Credit, all <= self.credit_max)?;
        omitted.require(
            Check::ClientUnexecuted,
            held <= self.most(LimitKind::ClientUnexecuted),
        )
    }

    /// Works out what follows from the limits.
    pub(crate) fn derive(&mut self) {
        let credit = self.credit_max.saturating_sub(self.used);
        self.reserved
            .limit(credit.min(self.most(LimitKind::ClientUnexecuted)));
        self.rate = Rate::of(&self.bounds[LimitKind::ClientRate.place()]);
        self.ratio = u64::try_from(self.most(LimitKind::OrderToTrade)).unwrap_or(u64::MAX);
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.flag(&mut self.known)?;
        if !self.known {
            return Ok(());
        }
        visitor.u32(&mut self.credit_asset.0)?;
        visitor.wide(&mut self.credit_max)?;
        visitor.wide(&mut self.used)?;
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
