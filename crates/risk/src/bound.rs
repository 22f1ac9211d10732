//! A limit as it is kept: value, window, and what a breach does.

use pinrail_types::record::{LimitKind, LimitSet, TradingState};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Amount, E8, Qty, Reason};

use crate::fills::FILLS_MAX;
use crate::state::visit_state;

/// The longest window of a limit: a day.
pub(crate) const WINDOW_NS_MAX: u64 = 86_400_000_000_000;
/// The most that a limit may count to.
const COUNT_MAX: i128 = 1_000_000_000;

/// The values that a limit of a kind may have, beside none.
fn values(kind: LimitKind) -> (i128, i128) {
    match kind {
        LimitKind::Permitted | LimitKind::DuplicateWindow => (0, 0),
        LimitKind::ClientRate
        | LimitKind::SessionRate
        | LimitKind::VenueRate
        | LimitKind::OrderToTrade
        | LimitKind::ClientOpenOrders
        | LimitKind::Executions => (1, COUNT_MAX),
        LimitKind::ProtectionFills => (1, FILLS_MAX as i128),
        LimitKind::VenueSpread | LimitKind::ReferenceMove | LimitKind::Collar => (0, i128::from(E8)),
        LimitKind::ProtectionDelta | LimitKind::QtyMax => (1, i128::from(Qty::ABS_MAX)),
        LimitKind::PositionMax => (0, i128::from(Qty::ABS_MAX)),
        LimitKind::NotionalMin
        | LimitKind::Loss
        | LimitKind::Drawdown
        | LimitKind::NotionalMax
        | LimitKind::Credit
        | LimitKind::ClientUnexecuted
        | LimitKind::AssetUnexecuted
        | LimitKind::GrossExposure
        | LimitKind::NetExposure
        | LimitKind::AssetLoss
        | LimitKind::AssetDrawdown => (0, i128::MAX - 1),
    }
}

fn has_window(kind: LimitKind) -> bool {
    matches!(
        kind,
        LimitKind::ClientRate
            | LimitKind::SessionRate
            | LimitKind::VenueRate
            | LimitKind::DuplicateWindow
            | LimitKind::OrderToTrade
            | LimitKind::ReferenceMove
            | LimitKind::ProtectionFills
            | LimitKind::ProtectionDelta
    )
}

fn latches(kind: LimitKind) -> bool {
    matches!(
        kind,
        LimitKind::Loss | LimitKind::Drawdown | LimitKind::AssetLoss | LimitKind::AssetDrawdown
    )
}

/// One limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) value: i128,
    pub(crate) window_ns: u64,
    /// What a breach puts the instrument or the desk into, for kinds that latch.
    pub(crate) state: TradingState,
}

impl Bound {
    /// No limit of this kind.
    pub(crate) const fn none(kind: LimitKind) -> Bound {
        Bound {
            value: if kind.is_least() { 0 } else { i128::MAX },
            window_ns: 0,
            state: TradingState::Active,
        }
    }

    /// The limit that a record sets.
    ///
    /// # Errors
    /// [`Reason::BadField`] where it is none of its kind.
    pub(crate) fn of(kind: LimitKind, set: &LimitSet) -> Result<Bound, Reason> {
        let value = set.value.get();
        let state = TradingState::from_byte(set.state).ok_or(Reason::BadField)?;
        let bound = Bound {
            value,
            window_ns: set.window_ns,
            state,
        };
        if bound == Bound::none(kind) && !kind.is_required() {
            return Ok(bound);
        }
        let (least, most) = values(kind);
        let windows = if has_window(kind) {
            1..=WINDOW_NS_MAX
        } else {
            0..=0
        };
        let fits = (least..=most).contains(&value)
            && windows.contains(&set.window_ns)
            && (state != TradingState::Active) == latches(kind);
        if fits { Ok(bound) } else { Err(Reason::BadField) }
    }

    /// What a record says that [`Bound::put_into`] wrote.
    pub(crate) fn of_record(set: &LimitSet) -> Bound {
        Bound {
            value: set.value.get(),
            window_ns: set.window_ns,
            state: TradingState::from_byte(set.state).unwrap_or(TradingState::Halted),
        }
    }

    /// A limit that is only its value.
    pub(crate) const fn of_value(value: i128) -> Bound {
        Bound {
            value,
            window_ns: 0,
            state: TradingState::Active,
        }
    }

    /// Whether it lets pass nothing that the other would not.
    pub(crate) fn is_as_tight_as(&self, other: &Bound, kind: LimitKind) -> bool {
        let value = if kind.is_least() {
            self.value >= other.value
        } else {
            self.value <= other.value
        };
        value && self.window_ns >= other.window_ns && self.state >= other.state
    }

    /// As a record says it.
    pub(crate) fn put_into(&self, set: &LimitSet) -> LimitSet {
        LimitSet {
            value: Amount::new(self.value),
            window_ns: self.window_ns,
            state: self.state.byte(),
            ..*set
        }
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.wide(&mut self.value)?;
        visitor.word(&mut self.window_ns)?;
        visit_state(&mut self.state, visitor)
    }
}
