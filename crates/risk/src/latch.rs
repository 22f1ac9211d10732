//! What puts trading into a stricter state by itself, until a named person turns it on again.

use pinrail_types::record::{LEGS_MAX, LimitKind, Scope, TradingState};
use pinrail_types::{InstrumentId, Px, Qty, Reason, Text};

use crate::ask::Ask;
use crate::checks::Check;
use crate::exposure::Worst;
use crate::instrument::{InstrumentRisk, MARK_NS_MAX};
use crate::risk::Risk;

/// A trading state that risk set by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latch {
    /// What for.
    pub scope: Scope,
    /// Which.
    pub target: u32,
    /// The state now.
    pub state: TradingState,
    /// Why.
    pub reason: Reason,
}

/// Latches that may wait to be told of: the instruments of a package and the desk, twice each.
pub(crate) const LATCHES_MAX: usize = 2 * (LEGS_MAX + 1);

impl Risk {
    /// The next state that risk set by itself and that was not told of yet. To be asked until there is none, behind each
    /// call that may have set one: [`Risk::reserve`], [`Risk::reserve_order`], [`Risk::reserve_legs`], [`Risk::filled`], [`Risk::filled_legs`], [`Risk::booked`], [`Risk::rebooked`], [`Risk::show`], [`Risk::set_limit`].
    #[inline]
    pub fn latched(&mut self) -> Option<Latch> {
        if self.latches.is_empty() {
            None
        } else {
            Some(self.latches.remove(0))
        }
    }

    /// Sets a trading state as a person asks; what was counted towards a latch of it begins anew when it becomes active.
    ///
    /// # Errors
    /// The reason why the target is unknown, or [`Reason::ActorMissing`] where a state that risk set by itself would be
    /// loosened by nobody.
    pub fn set_state(
        &mut self,
        scope: Scope,
        target: u32,
        state: TradingState,
        actor: &Text<16>,
    ) -> Result<(), Reason> {
        let (held, why) = self.states.get(scope, target)?;
        if why != Reason::None && state < held && actor.is_empty() {
            return Err(Reason::ActorMissing);
        }
        // What set it by itself is forgotten only where it is loosened, which takes a name.
        let kept = if state < held { Reason::None } else { why };
        self.states.set(scope, target, state, kept)?;
        if state == TradingState::Active {
            self.is_live |= scope == Scope::Global;
            if held != TradingState::Active {
                self.resume(scope, target);
            }
        }
        Ok(())
    }

    /// Halts the whole desk until a named person turns it on: for what the engine finds by itself.
    ///
    /// # Panics
    /// Never: the desk is always there.
    pub fn halt(&mut self, reason: Reason) {
        let halted = self.states.set(Scope::Global, 0, TradingState::Halted, reason);
        halted.expect("the desk as a whole is always there");
    }

    fn resume(&mut self, scope: Scope, target: u32) {
        match scope {
            Scope::Instrument => {
                let instrument = &mut self.instruments[target as usize];
                instrument.executions = 0;
                instrument.profit.peak = instrument.profit.now;
                self.fills[target as usize] = crate::fills::Fills::new();
            }
            Scope::Global => {
                for asset in &mut self.assets {
                    asset.profit.peak = asset.profit.now;
                }
            }
            Scope::Venue | Scope::Client | Scope::Strategy => {}
        }
    }

    /// Counts a fill of a quote, whose [`Risk::release`] is called beside it. `position` is the house's behind it, `cash`
    /// what it received in the instrument less what it paid.
    ///
    /// # Panics
    /// If an id is beyond the bounds.
    pub fn filled(&mut self, ask: &Ask, position: Qty, cash: i128, now: u64) {
        let client = &mut self.clients[ask.client.index()];
        client.trade(now);
        let window_ns = client.bounds[LimitKind::DuplicateWindow.place()].window_ns;
        if window_ns > 0 {
            self.orders.put(ask, now, window_ns);
        }
        self.booked(ask.instrument, position, cash, now);
    }

    /// Counts a fill in an instrument, the client's part left out: as [`Risk::filled`] does, or for one at a venue, whose
    /// [`Risk::release_order`] is called beside it.
    ///
    /// # Panics
    /// If the instrument is beyond the bounds.
    pub fn booked(&mut self, instrument: InstrumentId, position: Qty, cash: i128, now: u64) {
        let at = instrument.index();
        let lots = position.0 - self.instruments[at].position;
        self.carry(at, position, cash);
        let instrument = &mut self.instruments[at];
        instrument.executions = instrument.executions.saturating_add(1);
        self.fills[at].put(now, lots);
        self.count_profit(at);
        self.judge_profit(at);
        self.judge_fills(at, now);
    }

    /// Takes what a position is once a venue took a fill back or corrected it, which is no fill to count.
    ///
    /// # Panics
    /// If the instrument is beyond the bounds.
    pub fn rebooked(&mut self, instrument: InstrumentId, position: Qty, cash: i128) {
        let at = instrument.index();
        self.carry(at, position, cash);
        self.count_profit(at);
        self.judge_profit(at);
    }

    #[inline]
    fn carry(&mut self, at: usize, position: Qty, cash: i128) {
        let instrument = &mut self.instruments[at];
        let asset = &mut self.assets[instrument.quote.index()];
        let before = instrument.worst_with(0, 0);
        instrument.position = position.0;
        let after = instrument.worst_with(0, 0);
        asset.exposure.moves(instrument.lot_worth, &before, &after);
        instrument.cash = cash;
    }

    /// Shows the reference of an instrument, if a sample or a mark is due; see [`Risk::next_sample`].
    ///
    /// # Panics
    /// If the instrument is beyond the bounds.
    pub fn show(&mut self, instrument: InstrumentId, reference: Px, now: u64) {
        if now >= self.next_sample(instrument) {
            self.sample(instrument.index(), reference, now);
        }
    }

    /// When the reference of an instrument is to be shown next, if it changes.
    #[inline]
    pub fn next_sample(&self, instrument: InstrumentId) -> u64 {
        let held = self.instruments.get(instrument.index());
        held.map_or(u64::MAX, |held| held.show_at)
    }

    /// Marks exposure and profit at the reference, and takes a sample of it if one is due. True if that put trading into a
    /// stricter state.
    #[inline(never)]
    pub(crate) fn sample(&mut self, at: usize, reference: Px, now: u64) -> bool {
        if !reference.is_representable() {
            return false;
        }
        let instrument = &mut self.instruments[at];
        let asset = &mut self.assets[instrument.quote.index()];
        if now >= instrument.reference.next_at {
            let most = instrument.most(LimitKind::ReferenceMove);
            let window_ns = instrument.sample_window_ns();
            instrument.reference.sample(reference, now, window_ns, most);
        }
        instrument.mark_at = now.saturating_add(MARK_NS_MAX);
        instrument.plan();
        if instrument.mark == reference {
            return false;
        }
        let (worst, none) = (instrument.worst_with(0, 0), Worst { long: 0, short: 0 });
        let lot_worth = instrument.lot_worth_at(reference);
        asset.exposure.moves(instrument.lot_worth, &worst, &none);
        asset.exposure.moves(lot_worth, &none, &worst);
        instrument.lot_worth = lot_worth;
        instrument.mark = reference;
        self.count_profit(at);
        self.judge_profit(at)
    }

    /// Works out the profit of an instrument and its sum anew, behind a change of position or mark. What does not fit its
    /// integer stays as it was; the position limit is far below it.
    pub(crate) fn count_profit(&mut self, at: usize) {
        let instrument = &mut self.instruments[at];
        let asset = &mut self.assets[instrument.quote.index()];
        if let Ok(profit) = instrument.profit_now()
            && let Some(without) = asset.profit.now.checked_sub(instrument.profit.now)
            && let Some(in_all) = without.checked_add(profit)
        {
            instrument.profit.set(profit);
            asset.profit.set(in_all);
        }
    }

    /// Latches where a loss or a drawdown in the instrument or in its asset passed its limit; true if one did.
    pub(crate) fn judge_profit(&mut self, at: usize) -> bool {
        let instrument = &self.instruments[at];
        let asset = instrument.quote.index();
        let over = [
            (LimitKind::Loss, Check::Loss),
            (LimitKind::Drawdown, Check::Drawdown),
        ]
        .map(|(kind, check)| {
            let most = &instrument.bounds[kind.place()];
            (instrument.profit.lost(kind) > most.value).then_some((check, most.state))
        });
        let mut any = false;
        for (check, state) in over.into_iter().flatten() {
            any |= self.latch(check, Scope::Instrument, at as u32, state);
        }
        self.judge_asset(asset) || any
    }

    /// The same for an asset and the desk.
    pub(crate) fn judge_asset(&mut self, at: usize) -> bool {
        let asset = &self.assets[at];
        let over = [
            (LimitKind::AssetLoss, Check::DeskLoss),
            (LimitKind::AssetDrawdown, Check::DeskDrawdown),
        ]
        .map(|(kind, check)| {
            let most = &asset.bounds[kind.place()];
            (asset.profit.lost(kind) > most.value).then_some((check, most.state))
        });
        let mut any = false;
        for (check, state) in over.into_iter().flatten() {
            any |= self.latch(check, Scope::Global, 0, state);
        }
        any
    }

    /// Freezes an instrument in which too much was filled.
    pub(crate) fn judge_fills(&mut self, at: usize, now: u64) {
        let InstrumentRisk {
            bounds, executions, ..
        } = &self.instruments[at];
        let fills = &self.fills[at];
        let reached = [
            (
                Check::Executions,
                i128::from(*executions) >= bounds[LimitKind::Executions.place()].value,
            ),
            (
                Check::ProtectionFills,
                fills.reach(&bounds[LimitKind::ProtectionFills.place()], now),
            ),
            (
                Check::ProtectionDelta,
                fills.delta_reaches(&bounds[LimitKind::ProtectionDelta.place()], now),
            ),
        ];
        for (check, is_reached) in reached {
            if is_reached {
                self.latch(check, Scope::Instrument, at as u32, TradingState::Halted);
            }
        }
    }

    /// Sets a state if it is stricter than the one that is there; true if it was.
    fn latch(&mut self, check: Check, scope: Scope, target: u32, state: TradingState) -> bool {
        let (held, _) = self
            .states
            .get(scope, target)
            .expect("a target within the bounds");
        if state <= held || self.omitted.has(check) {
            return false;
        }
        let reason = check.reason();
        self.states
            .set(scope, target, state, reason)
            .expect("a target within the bounds");
        assert!(self.latches.len() < LATCHES_MAX, "latches were not asked for");
        self.latches.push(Latch {
            scope,
            target,
            state,
            reason,
        });
        true
    }
}
