//! What is kept of an instrument: its limits, what is reserved in it, and the house position.

use pinrail_types::record::{InstrumentLimits, LimitKind};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{AssetId, E8, Px, Qty, Reason, Side, worth};

use crate::ask::{Ask, Quoted};
use crate::bound::Bound;
use crate::checks::{Check, Omitted};
use crate::exposure::Worst;
use crate::profit::Profit;
use crate::reference::{Reference, SAMPLES, is_within};

/// Kinds of limits that an instrument has.
const KINDS: [LimitKind; 8] = [
    LimitKind::NotionalMin,
    LimitKind::VenueSpread,
    LimitKind::ReferenceMove,
    LimitKind::Executions,
    LimitKind::ProtectionFills,
    LimitKind::ProtectionDelta,
    LimitKind::Loss,
    LimitKind::Drawdown,
];
/// Longest time between two marks while there is a reference.
pub(crate) const MARK_NS_MAX: u64 = 100_000_000;
/// The window of samples where no limit sets one: a sample with each mark.
const WINDOW_NS: u64 = MARK_NS_MAX * SAMPLES as u64;

/// One instrument.
#[repr(align(64))]
#[derive(Clone, Debug)]
pub(crate) struct InstrumentRisk {
    /// Lots that the house would buy if every open bid were hit.
    pub(crate) open_buy: i64,
    /// Lots that the house would sell if every open offer were lifted.
    pub(crate) open_sell: i64,
    /// The house position in lots.
    pub(crate) position: i64,
    /// Smallest units of the quote asset in one tick times one lot.
    pub(crate) units: i64,
    pub(crate) quote: AssetId,
    /// Somebody set limits. Until then they allow nothing.
    pub(crate) has_limits: bool,
    pub(crate) limits: Limits,
    /// Received less paid, in the quote asset's smallest unit.
    pub(crate) cash: i128,
    /// The reference that exposure and profit are worked out at; none before there was one.
    pub(crate) mark: Px,
    /// When the next mark is due, if no sample is before.
    pub(crate) mark_at: u64,
    /// When the reference is to be seen again, for a sample or a mark; follows from both.
    pub(crate) show_at: u64,
    /// What a lot is worth at the mark, without its sign; zero before there was one.
    pub(crate) lot_worth: i64,
    /// What [`LimitKind::VenueSpread`] allows; the greatest there is if it is not set.
    pub(crate) venue_spread_e8: u64,
    pub(crate) profit: Profit,
    pub(crate) bounds: [Bound; KINDS.len()],
    pub(crate) reference: Reference,
    /// Fills since a person turned it on.
    pub(crate) executions: u32,
    /// The most that a client pays for a trade in the desk's own book, as a fraction of it; zero if it never pays.
    pub(crate) book_fee_e8: i32,
}

/// The part of [`InstrumentLimits`] that checks read, wide types widened once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) qty_min: Qty,
    pub(crate) qty_max: Qty,
    pub(crate) qty_step: i64,
    pub(crate) px_step: i64,
    pub(crate) notional_max: i128,
    pub(crate) position_max: i64,
    pub(crate) collar_e8: i64,
    pub(crate) quote_ttl_ns: u64,
}

impl InstrumentRisk {
    pub(crate) fn new() -> InstrumentRisk {
        InstrumentRisk {
            open_buy: 0,
            open_sell: 0,
            position: 0,
            units: 1,
            quote: AssetId(0),
            has_limits: false,
            limits: Limits::NOTHING,
            cash: 0,
            mark: Px::NONE,
            mark_at: 0,
            show_at: 0,
            lot_worth: 0,
            venue_spread_e8: u64::MAX,
            profit: Profit::default(),
            bounds: KINDS.map(Bound::none),
            reference: Reference::new(),
            executions: 0,
            book_fee_e8: 0,
        }
    }

    /// Profit at the mark.
    pub(crate) fn profit_now(&self) -> Result<i128, Reason> {
        if self.mark == Px::NONE {
            return Err(Reason::ReferenceMissing);
        }
        let value = worth(self.mark, Qty(self.position), self.units).ok_or(Reason::Overflow)?;
        value.checked_add(self.cash).ok_or(Reason::Overflow)
    }

    /// The worst sides with so many more lots open to be bought and sold.
    #[inline]
    pub(crate) fn worst_with(&self, buys: i64, sells: i64) -> Worst {
        Worst {
            long: self.position + self.open_buy + buys,
            short: self.open_sell - self.position + sells,
        }
    }

    /// What a lot is worth at a mark, without its sign; the greatest there is if it does not fit.
    pub(crate) fn lot_worth_at(&self, mark: Px) -> i64 {
        mark.0
            .unsigned_abs()
            .checked_mul(self.units.unsigned_abs())
            .map_or(i64::MAX, |worth| worth.min(i64::MAX as u64) as i64)
    }

    /// Works out what follows from the limits.
    pub(crate) fn derive(&mut self) {
        let most = self.most(LimitKind::VenueSpread);
        self.venue_spread_e8 = u64::try_from(most).unwrap_or(u64::MAX);
    }

    /// How long a sample of the reference counts.
    #[inline]
    pub(crate) fn sample_window_ns(&self) -> u64 {
        match self.bounds[LimitKind::ReferenceMove.place()].window_ns {
            0 => WINDOW_NS,
            window_ns => window_ns,
        }
    }

    /// Works out when the reference is to be seen again.
    pub(crate) fn plan(&mut self) {
        self.show_at = self.reference.next_at.min(self.mark_at);
    }

    /// The limit of a kind.
    #[inline]
    pub(crate) fn most(&self, kind: LimitKind) -> i128 {
        self.bounds[kind.place()].value
    }

    /// What so many lots, none or more, are worth at so many ticks, in the quote asset's smallest unit.
    #[inline]
    pub(crate) fn worth(&self, ticks: u64, lots: i64) -> Result<i128, Reason> {
        let (lots, units) = (lots.cast_unsigned(), self.units.cast_unsigned());
        // Nearly all are of 64 bits until they are in the asset's smallest unit.
        match ticks.checked_mul(lots) {
            Some(lots) => {
                i128::try_from(u128::from(lots).wrapping_mul(units.into())).map_err(|_| Reason::Overflow)
            }
            None => worth_wide(ticks, lots, units),
        }
    }

    /// Checks prices and what they rest on; gives back how far the further one is from zero.
    #[inline]
    pub(crate) fn check_prices(&self, quoted: &Quoted, omitted: Omitted) -> Result<u64, Reason> {
        let ref_px = quoted.ref_px;
        let (low, high) = quoted.range();
        let is_representable = low.min(ref_px.0) >= -Px::ABS_MAX && high.max(ref_px.0) <= Px::ABS_MAX;
        omitted.require(Check::PxRepresentable, is_representable)?;
        let step = self.limits.px_step;
        let is_on_grid = step == 1 || (low % step == 0 && high % step == 0);
        omitted.require(Check::PxGrid, is_on_grid)?;
        // All are representable, so that no difference overflows; the greater of the two is not below zero.
        let away = ref_px.0.wrapping_sub(low).max(high.wrapping_sub(ref_px.0));
        let is_near = is_within(
            away.cast_unsigned(),
            ref_px,
            self.limits.collar_e8.cast_unsigned(),
        );
        omitted.require(Check::Collar, is_near)?;
        self.check_reference(ref_px, quoted.mids, omitted)?;
        Ok(high.max(low.wrapping_neg()).cast_unsigned())
    }

    /// Checks that venues, whose lowest and highest middles are `mids`, agree on the reference, and that it did not run away.
    #[inline]
    pub(crate) fn check_reference(&self, ref_px: Px, mids: (Px, Px), omitted: Omitted) -> Result<(), Reason> {
        let apart = mids.1.0.wrapping_sub(mids.0.0).cast_unsigned();
        let agree = self.venue_spread_e8 == u64::MAX || is_within(apart, mids.0, self.venue_spread_e8);
        omitted.require(Check::VenueSpread, agree)?;
        omitted.require(Check::ReferenceMove, self.reference.holds(ref_px))
    }

    /// Checks that so many more lots open to be bought and sold keep the position limit on their sides; gives back by how
    /// many lots gross exposure grows.
    #[inline]
    pub(crate) fn check_position(&self, buys: i64, sells: i64, omitted: Omitted) -> Result<i64, Reason> {
        let after = self.worst_with(buys, sells);
        let most = self.limits.position_max;
        let is_within = (buys == 0 || after.long <= most) && (sells == 0 || after.short <= most);
        omitted.require(Check::Position, is_within)?;
        Ok(after.gross() - self.worst_with(0, 0).gross())
    }

    /// Whether a one-sided ask brings the position towards zero, open quotes counted, without passing it.
    pub(crate) fn reduces(&self, ask: &Ask) -> bool {
        match ask.side {
            Some(Side::Buy) => self.position - self.open_sell - ask.qty.0 >= 0,
            Some(Side::Sell) => self.position + self.open_buy + ask.qty.0 <= 0,
            None => false,
        }
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for lots in [
            &mut self.open_buy,
            &mut self.open_sell,
            &mut self.position,
            &mut self.units,
        ] {
            visitor.signed(lots)?;
        }
        visitor.u32(&mut self.quote.0)?;
        visitor.flag(&mut self.has_limits)?;
        self.limits.visit(visitor)?;
        visitor.wide(&mut self.cash)?;
        visitor.plain(&mut self.mark)?;
        visitor.word(&mut self.mark_at)?;
        visitor.signed(&mut self.lot_worth)?;
        self.profit.visit(visitor)?;
        for bound in &mut self.bounds {
            bound.visit(visitor)?;
        }
        self.derive();
        self.reference.visit(visitor)?;
        self.plan();
        let mut fee_e8 = u64::from(self.book_fee_e8.unsigned_abs());
        visitor.below(&mut fee_e8, E8 as u64)?;
        self.book_fee_e8 = fee_e8 as i32;
        visitor.u32(&mut self.executions)
    }
}

#[cold]
fn worth_wide(ticks: u64, lots: u64, units: u64) -> Result<i128, Reason> {
    let lots = u128::from(ticks).checked_mul(lots.into());
    let worth = lots.and_then(|lots| lots.checked_mul(units.into()));
    worth
        .and_then(|worth| i128::try_from(worth).ok())
        .ok_or(Reason::Overflow)
}

impl Limits {
    /// Kinds that [`Limits::value`] has.
    pub(crate) const KINDS: [LimitKind; 4] = [
        LimitKind::QtyMax,
        LimitKind::NotionalMax,
        LimitKind::PositionMax,
        LimitKind::Collar,
    ];

    /// Nothing may be asked for.
    const NOTHING: Limits = Limits {
        qty_min: Qty::ZERO,
        qty_max: Qty::ZERO,
        qty_step: 1,
        px_step: 1,
        notional_max: 0,
        position_max: 0,
        collar_e8: 0,
        quote_ttl_ns: 0,
    };

    /// The limits that a record sets.
    ///
    /// # Errors
    /// [`Reason::BadField`] where a limit is negative, a step or the time to live zero, or the least quantity above
    /// the most.
    pub(crate) fn of(def: &InstrumentLimits) -> Result<Limits, Reason> {
        let sane = def.qty_lots_min.is_orderable()
            && def.qty_lots_max.is_orderable()
            && def.qty_lots_min <= def.qty_lots_max
            && def.qty_lots_step.is_orderable()
            && def.px_ticks_step > 0
            && def.notional_max.get() >= 0
            && (0..=Qty::ABS_MAX).contains(&def.position_lots_max.0)
            && (0..=E8).contains(&def.collar_e8)
            && def.quote_ttl_ns > 0;
        if !sane {
            return Err(Reason::BadField);
        }
        Ok(Limits {
            qty_min: def.qty_lots_min,
            qty_max: def.qty_lots_max,
            qty_step: def.qty_lots_step.0,
            px_step: def.px_ticks_step,
            notional_max: def.notional_max.get(),
            position_max: def.position_lots_max.0,
            collar_e8: def.collar_e8,
            quote_ttl_ns: def.quote_ttl_ns,
        })
    }

    /// The limit of a kind that is always there.
    pub(crate) fn value(&self, kind: LimitKind) -> i128 {
        match kind {
            LimitKind::QtyMax => self.qty_max.0.into(),
            LimitKind::PositionMax => self.position_max.into(),
            LimitKind::Collar => self.collar_e8.into(),
            _ => self.notional_max,
        }
    }

    /// Sets a limit of a kind that is always there. A most below the least lets nothing pass.
    pub(crate) fn set(&mut self, kind: LimitKind, value: i128) {
        let narrow = i64::try_from(value).unwrap_or(0);
        match kind {
            LimitKind::QtyMax => self.qty_max = Qty(narrow),
            LimitKind::PositionMax => self.position_max = narrow,
            LimitKind::Collar => self.collar_e8 = narrow,
            _ => self.notional_max = value,
        }
    }

    /// Whether they let pass nothing that the others would not.
    pub(crate) fn are_as_tight_as(&self, other: &Limits) -> bool {
        self.qty_min >= other.qty_min
            && self.qty_max <= other.qty_max
            && self.notional_max <= other.notional_max
            && self.position_max <= other.position_max
            && self.collar_e8 <= other.collar_e8
            && self.quote_ttl_ns <= other.quote_ttl_ns
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.plain(&mut self.qty_min)?;
        visitor.plain(&mut self.qty_max)?;
        visitor.signed(&mut self.qty_step)?;
        visitor.signed(&mut self.px_step)?;
        visitor.wide(&mut self.notional_max)?;
        visitor.signed(&mut self.position_max)?;
        visitor.signed(&mut self.collar_e8)?;
        visitor.word(&mut self.quote_ttl_ns)
    }
}
