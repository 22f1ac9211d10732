//! The default hedger: brings positions back that are outside their rule.

use pinrail_types::record::HedgingParams;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Amount, E8, InstrumentId, NewParentOrder, ParentOrder, Qty, Reason, Side, StrategyId};

use crate::{Actions, Desk, Fill, Strategy};

/// Longest time that parameters may hold.
const NS_MAX: u64 = 3_600_000_000_000;

/// Keeps the position in each instrument within a band, by [`HedgingParams`]: once it is outside, what is beyond the target goes
/// out as a parent order, at no more than a distance from the reference as it stands then. What other parent orders will still trade
/// counts as traded. Where that would be too much, as when a fill came late, they are ended first. An instrument without parameters
/// is left alone.
///
/// It looks at an instrument behind each fill, and, so that a position which no venue took is tried again, behind updates of its
/// books, but no sooner than [`HedgingParams::rest_ns`] behind the last time that it began.
#[derive(Clone, Debug)]
pub struct BandHedger {
    by_instrument: Vec<Rule>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Rule {
    strategy: StrategyId,
    tries_max: u16,
    band_lots: i64,
    target_lots: i64,
    chase_e8: i64,
    cost_max: Amount,
    retry_ns: u64,
    rest_ns: u64,
    /// Not looked at before, but behind a fill.
    rested_at: u64,
}

impl BandHedger {
    /// Hedges nothing until it gets parameters, of instruments `0..instruments`.
    pub fn new(instruments: usize) -> BandHedger {
        BandHedger {
            by_instrument: vec![Rule::default(); instruments],
        }
    }

    #[inline]
    fn hedge(&mut self, instrument: InstrumentId, desk: &impl Desk, actions: &mut Actions) {
        let rule = &mut self.by_instrument[instrument.index()];
        let Some(market) = desk.market(instrument) else {
            return;
        };
        let ours = desk
            .parents()
            .filter(|parent| parent.order.instrument == instrument);
        let to_come = ours.fold(0_i64, |sum, parent| {
            let left = if parent.ending == Reason::None {
                parent.order.qty.0 - parent.filled.0
            } else {
                parent.in_flight.0
            };
            sum.saturating_add(left * parent.order.side.sign())
        });
        let away = market.position.0.saturating_add(to_come);
        let qty = away.saturating_abs() - rule.target_lots;
        if away.saturating_abs() <= rule.band_lots || !Qty(qty).is_orderable() {
            return;
        }
        let is_too_much = |parent: &ParentOrder| {
            parent.order.instrument == instrument
                && parent.order.side.sign() == away.signum()
                && parent.ending == Reason::None
        };
        if desk.parents().any(is_too_much) {
            let wrong = desk.parents().filter(|parent| is_too_much(parent));
            wrong.for_each(|parent| actions.cancel(parent.parent_id));
            return;
        }
        let Ok(top) = market.venues.view(desk.now()).and_then(|view| view.top()) else {
            return;
        };
        let side = if away > 0 { Side::Sell } else { Side::Buy };
        let ref_px = top.mid();
        rule.rested_at = desk.now().saturating_add(rule.rest_ns);
        actions.parent(NewParentOrder {
            strategy: rule.strategy,
            instrument,
            side,
            qty: Qty(qty),
            limit_net_e8: i128::from(ref_px.0) * i128::from(E8 + side.sign() * rule.chase_e8),
            ref_px,
            cost_max: rule.cost_max,
            tries_max: rule.tries_max,
            retry_ns: rule.retry_ns,
        });
    }
}

impl Strategy for BandHedger {
    const NAME: &'static str = "band 1";

    #[inline]
    fn on_book(&mut self, instrument: InstrumentId, desk: &impl Desk, actions: &mut Actions) {
        let rule = &self.by_instrument[instrument.index()];
        if rule.tries_max > 0 && rule.rested_at <= desk.now() {
            self.hedge(instrument, desk, actions);
        }
    }

    #[inline]
    fn on_fill(&mut self, fill: &Fill, desk: &impl Desk, actions: &mut Actions) {
        if self.by_instrument[fill.instrument.index()].tries_max > 0 {
            self.hedge(fill.instrument, desk, actions);
        }
    }

    fn on_hedging_params(&mut self, params: &HedgingParams) -> Result<(), Reason> {
        let rule = self.by_instrument.get_mut(params.instrument.index());
        let rule = rule.ok_or(Reason::UnknownInstrument)?;
        let is_sane = (0..=Qty::ABS_MAX).contains(&params.band_lots.0)
            && (0..=params.band_lots.0).contains(&params.target_lots.0)
            && (0..=E8).contains(&params.chase_e8)
            && params.cost_max.get() >= 0
            && params.retry_ns.max(params.rest_ns) <= NS_MAX;
        if !is_sane {
            return Err(Reason::BadField);
        }
        *rule = Rule {
            strategy: params.strategy,
            tries_max: params.tries_max,
            band_lots: params.band_lots.0,
            target_lots: params.target_lots.0,
            chase_e8: params.chase_e8,
            cost_max: params.cost_max,
            retry_ns: params.retry_ns,
            rest_ns: params.rest_ns,
            rested_at: rule.rested_at,
        };
        Ok(())
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.exactly(self.by_instrument.len(), "the bound on instruments")?;
        for rule in &mut self.by_instrument {
            visitor.u16(&mut rule.strategy.0)?;
            visitor.u16(&mut rule.tries_max)?;
            visitor.signed(&mut rule.band_lots)?;
            visitor.signed(&mut rule.target_lots)?;
            visitor.signed(&mut rule.chase_e8)?;
            visitor.plain(&mut rule.cost_max)?;
            visitor.word(&mut rule.retry_ns)?;
            visitor.word(&mut rule.rest_ns)?;
            visitor.word(&mut rule.rested_at)?;
        }
        Ok(())
    }
}
