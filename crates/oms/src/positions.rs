//! The house position and cash in each instrument.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Amount, Instrument, InstrumentId, Px, Qty, Reason, Side};

/// Position and cash of the house in one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Lots held; negative is short.
    pub qty: Qty,
    /// What was received less what was paid, in the quote asset's smallest unit.
    pub cash: Amount,
    /// What was paid for what is held, by average cost; negative is what was received for a short position. Zero if none is
    /// held.
    pub cost: Amount,
    /// What of the cash went to fees in the quote asset; negative is what was earned by them.
    pub fees: Amount,
}

impl Position {
    /// What closed trades earned, fees paid in the quote asset taken off: cash plus cost.
    pub const fn realized(&self) -> Amount {
        Amount::new(self.cash.get() + self.cost.get())
    }

    /// What the position would earn if it was closed at `px`; `None` on overflow.
    pub fn unrealized(&self, instrument: &Instrument, px: Px) -> Option<Amount> {
        let worth = instrument.notional(px, self.qty)?.get();
        worth.checked_sub(self.cost.get()).map(Amount::new)
    }

    /// The position without a fill that was booked on `side`. What it added to the cost is taken off: so that nothing of it is left
    /// where no other came between, and else what was earned altogether is right and only its division into realised and not
    /// is as it would be by average cost of what is left.
    fn without(&self, instrument: &Instrument, side: Side, fill: &Executed) -> Option<Position> {
        let lots = fill.qty.0.checked_mul(side.sign())?;
        let held = self.qty.0.checked_sub(lots)?;
        let paid = instrument.notional(fill.px, Qty(lots))?.get();
        let cash = self.cash.get().checked_add(paid)?.checked_add(fill.fee.get())?;
        let cost = if held == 0 {
            0
        } else {
            self.cost.get().checked_sub(fill.cost.get())?
        };
        let fees = self.fees.get().checked_sub(fill.fee.get())?;
        let is_within = held.unsigned_abs() <= Qty::ABS_MAX.unsigned_abs();
        is_within.then_some(Position {
            qty: Qty(held),
            cash: within(Some(cash)).ok()?,
            cost: within(Some(cost)).ok()?,
            fees: within(Some(fees)).ok()?,
        })
    }

    fn charge(&self, fee: i128) -> Result<Position, Reason> {
        Ok(Position {
            cash: within(self.cash.get().checked_sub(fee))?,
            fees: within(self.fees.get().checked_add(fee))?,
            ..*self
        })
    }

    /// What the position cost, once so many lots are bought at `px`; negative lots are sold.
    ///
    /// What makes it smaller takes its share of the cost, rounded towards zero by less than one unit, which what is left keeps;
    /// so that nothing is left when all is closed.
    fn cost_after(&self, instrument: &Instrument, lots: i64, px: Px) -> Option<i128> {
        let (held, cost) = (self.qty.0, self.cost.get());
        let worth = |lots| instrument.notional(px, Qty(lots)).map(Amount::get);
        if held == 0 || (held > 0) == (lots > 0) {
            return cost.checked_add(worth(lots)?);
        }
        if lots.unsigned_abs() > held.unsigned_abs() {
            return worth(held.checked_add(lots)?);
        }
        Some(cost - share(cost, held.unsigned_abs(), lots.unsigned_abs()))
    }
}

/// `closed` parts of `of` of a cost, rounded towards zero; no more of them than there are.
#[inline]
fn share(cost: i128, of: u64, closed: u64) -> i128 {
    let product = i64::try_from(cost).ok().zip(i64::try_from(closed).ok());
    let product = product.and_then(|(cost, closed)| cost.checked_mul(closed));
    match (product, i64::try_from(of)) {
        (Some(product), Ok(of)) => i128::from(product / of),
        _ => share_wide(cost, i128::from(of), i128::from(closed)),
    }
}

#[cold]
fn share_wide(cost: i128, of: i128, closed: i128) -> i128 {
    // Product first would overflow. What is left behind the quotient is below 2^64, and so is what is closed.
    cost / of * closed + cost % of * closed / of
}

/// Cash and cost beyond this are an overflow, so that their sum is none.
const AMOUNT_MAX: u128 = 1 << 125;

#[inline]
fn within(amount: Option<i128>) -> Result<Amount, Reason> {
    let amount = amount.filter(|amount| amount.unsigned_abs() <= AMOUNT_MAX);
    amount.map(Amount::new).ok_or(Reason::Overflow)
}

/// A fill at a venue as it was booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Executed {
    /// How much.
    pub qty: Qty,
    /// At which price.
    pub px: Px,
    /// What was charged for it in the instrument's quote asset; negative is a rebate.
    pub fee: Amount,
    /// What it added to the cost of the position.
    pub cost: Amount,
}

/// Positions by instrument.
#[derive(Clone, Debug)]
pub struct Positions {
    positions: Vec<Position>,
}

impl Positions {
    /// Flat in instruments `0..instruments`.
    pub fn new(instruments: usize) -> Positions {
        Positions {
            positions: vec![Position::default(); instruments],
        }
    }

    /// The position in an instrument.
    ///
    /// # Panics
    /// If the instrument is beyond the bound given at construction.
    #[inline]
    pub fn get(&self, instrument: InstrumentId) -> Position {
        self.positions[instrument.index()]
    }

    /// Books a fill that the client did on `side`: the house takes the other. Nothing is changed on overflow.
    ///
    /// # Errors
    /// [`Reason::Overflow`] where position or cash would not fit.
    ///
    /// # Panics
    /// If the instrument is beyond the bound given at construction.
    pub fn fill(
        &mut self,
        instrument: &Instrument,
        side: Side,
        qty: Qty,
        px: Px,
    ) -> Result<Position, Reason> {
        let filled = self.check_fill(instrument, side, qty, px)?;
        self.positions[instrument.id.index()] = filled;
        Ok(filled)
    }

    /// What [`Positions::fill`] would make of the position.
    ///
    /// # Errors
    /// As it.
    ///
    /// # Panics
    /// As it.
    #[inline]
    pub fn check_fill(
        &self,
        instrument: &Instrument,
        side: Side,
        qty: Qty,
        px: Px,
    ) -> Result<Position, Reason> {
        let position = &self.positions[instrument.id.index()];
        let lots = qty.0.checked_mul(-side.sign()).ok_or(Reason::Overflow)?;
        let paid = instrument.notional(px, Qty(lots)).ok_or(Reason::Overflow)?.get();
        let held = position.qty.0.checked_add(lots).ok_or(Reason::Overflow)?;
        let cash = position.cash.get().checked_sub(paid);
        let cost = position.cost_after(instrument, lots, px);
        Ok(Position {
            qty: Qty(held),
            cash: within(cash)?,
            cost: within(cost)?,
            fees: position.fees,
        })
    }

    /// Books a fill at a venue that the house did on `side`, and what was charged for it in the instrument's quote asset; a
    /// rebate is negative. Nothing is changed on overflow.
    ///
    /// # Errors
    /// [`Reason::Overflow`] where cash would not fit, or the position would pass [`Qty::ABS_MAX`].
    ///
    /// # Panics
    /// If the instrument is beyond the bound given at construction.
    pub fn execute(
        &mut self,
        instrument: &Instrument,
        side: Side,
        qty: Qty,
        px: Px,
        fee: Amount,
    ) -> Result<Position, Reason> {
        let before = self.get(instrument.id);
        let filled = self.fill(instrument, side.opposite(), qty, px)?;
        let after = filled.charge(fee.get()).ok();
        let after = after.filter(|after| after.qty.0.unsigned_abs() <= Qty::ABS_MAX.unsigned_abs());
        self.positions[instrument.id.index()] = after.unwrap_or(before);
        after.ok_or(Reason::Overflow)
    }

    /// Takes back a fill at a venue that the house did on `side`. Nothing is changed on overflow.
    ///
    /// # Errors
    /// [`Reason::Overflow`] where the position would not fit.
    ///
    /// # Panics
    /// If the instrument is beyond the bound given at construction.
    pub fn take_back(
        &mut self,
        instrument: &Instrument,
        side: Side,
        fill: &Executed,
    ) -> Result<Position, Reason> {
        let position = &mut self.positions[instrument.id.index()];
        *position = position.without(instrument, side, fill).ok_or(Reason::Overflow)?;
        Ok(*position)
    }

    /// Books a fill at a venue in the place of another, and gives back what it added to the cost. Nothing is changed on overflow.
    ///
    /// # Errors
    /// [`Reason::Overflow`] where the position would not fit.
    ///
    /// # Panics
    /// If the instrument is beyond the bound given at construction.
    pub fn correct(
        &mut self,
        instrument: &Instrument,
        side: Side,
        was: &Executed,
        (qty, px, fee): (Qty, Px, Amount),
    ) -> Result<Amount, Reason> {
        let before = self.get(instrument.id);
        let outcome = self.take_back(instrument, side, was).and_then(|without| {
            let with = self.execute(instrument, side, qty, px, fee)?;
            Ok(Amount::new(with.cost.get() - without.cost.get()))
        });
        if outcome.is_err() {
            self.positions[instrument.id.index()] = before;
        }
        outcome
    }

    /// Books what the house was paid for a trade of others, in the instrument's quote asset; negative is what it paid. Nothing
    /// is changed on overflow.
    ///
    /// # Errors
    /// [`Reason::Overflow`] where cash would not fit.
    ///
    /// # Panics
    /// If the instrument is beyond the bound given at construction.
    pub fn earn(&mut self, instrument: InstrumentId, fees: i128) -> Result<Position, Reason> {
        let position = &mut self.positions[instrument.index()];
        *position = position.charge(fees.checked_neg().ok_or(Reason::Overflow)?)?;
        Ok(*position)
    }

    /// Books what a venue filled for a client and was passed on to it: nothing but what it `made` where it was passed on at another
    /// price, and what was charged, the client's part taken off. What of the fill is `beyond` the client's the house did on `side`
    /// at `px`. Nothing is changed on overflow.
    ///
    /// # Errors
    /// As [`Positions::execute`].
    ///
    /// # Panics
    /// If the instrument is beyond the bound given at construction.
    pub fn pass_on(
        &mut self,
        instrument: &Instrument,
        (side, beyond, px): (Side, Qty, Px),
        made: i128,
        charged: i128,
    ) -> Result<Position, Reason> {
        let before = self.get(instrument.id);
        if beyond > Qty::ZERO {
            self.execute(instrument, side, beyond, px, Amount::ZERO)?;
        }
        let after = self.get(instrument.id).charge(charged).and_then(|charged| {
            Ok(Position {
                cash: within(charged.cash.get().checked_add(made))?,
                ..charged
            })
        });
        self.positions[instrument.id.index()] = after.unwrap_or(before);
        after
    }

    /// Makes the position again what it was: what was to follow could not be booked.
    ///
    /// # Panics
    /// If the instrument is beyond the bound given at construction.
    pub fn put_back(&mut self, instrument: InstrumentId, was: &Position) {
        self.positions[instrument.index()] = *was;
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other bounds.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.exactly(self.positions.len(), "the bound on instruments")?;
        for position in &mut self.positions {
            visitor.plain(&mut position.qty)?;
            visitor.plain(&mut position.cash)?;
            visitor.plain(&mut position.cost)?;
            visitor.plain(&mut position.fees)?;
            let amounts = [position.cash, position.cost, position.fees];
            let is_sane = amounts.map(|amount| within(Some(amount.get())).is_ok());
            if is_sane != [true; 3] || (position.qty == Qty::ZERO && position.cost != Amount::ZERO) {
                return Err(visitor.bad(position.qty.0.cast_unsigned(), "a position and what it cost"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::record::{AssetDef, InstrumentDef};
    use proptest::prelude::*;

    use super::*;

    fn instrument() -> Instrument {
        let quote = AssetDef {
            exponent: -8,
            ..bytemuck::Zeroable::zeroed()
        };
        let def = InstrumentDef {
            tick_mantissa: 1,
            tick_exponent: -2,
            lot_mantissa: 1,
            lot_exponent: -5,
            ..bytemuck::Zeroable::zeroed()
        };
        Instrument::new(&def, &quote, &quote).unwrap()
    }

    #[test]
    fn the_house_takes_the_other_side() {
        let mut positions = Positions::new(1);
        positions.fill(&instrument(), Side::Buy, Qty(100), Px(7)).unwrap();
        let position = positions.fill(&instrument(), Side::Sell, Qty(40), Px(5)).unwrap();
        assert_eq!(
            position,
            Position {
                qty: Qty(-60),
                cash: Amount::new(7000 - 2000),
                cost: Amount::new(-7000 + 2800),
                fees: Amount::ZERO,
            }
        );
    }

    #[test]
    fn a_fill_at_a_venue_is_ours_and_costs_its_fee() {
        let mut positions = Positions::new(1);
        let fee = Amount::new(3);
        let position = positions.execute(&instrument(), Side::Buy, Qty(100), Px(7), fee);
        let bought = Position {
            qty: Qty(100),
            cash: Amount::new(-7000 - 3),
            cost: Amount::new(7000),
            fees: Amount::new(3),
        };
        assert_eq!(position, Ok(bought));
        let most = Qty(Qty::ABS_MAX);
        for (qty, fee) in [(most, Amount::ZERO), (Qty(1), Amount::new(i128::MAX))] {
            let refused = positions.execute(&instrument(), Side::Buy, qty, Px(7), fee);
            assert_eq!(refused, Err(Reason::Overflow));
            assert_eq!(positions.get(InstrumentId(0)), bought);
        }
    }

    #[test]
    fn overflow_changes_nothing() {
        let mut positions = Positions::new(1);
        positions
            .fill(&instrument(), Side::Sell, Qty(i64::MAX), Px(0))
            .unwrap();
        let before = positions.get(InstrumentId(0));
        assert_eq!(
            positions.fill(&instrument(), Side::Sell, Qty(1), Px(1)),
            Err(Reason::Overflow)
        );
        assert_eq!(positions.get(InstrumentId(0)), before);
    }

    proptest! {
        #[test]
        fn a_share_is_the_same_whatever_its_width(
            cost in prop_oneof![-1_000_i64..1_000, any::<i64>()],
            of in prop_oneof![1_u64..50, 1..=i64::MAX as u64],
            closed in any::<prop::sample::Index>(),
        ) {
            let closed = 1 + closed.index(of.min(1 << 40) as usize) as u64;
            let (cost, wide) = (i128::from(cost), i128::from(of));
            prop_assert_eq!(share(cost, of, closed), share_wide(cost, wide, closed.into()));
            let exact = cost * i128::from(closed);
            prop_assert_eq!(share(cost, of, closed), exact / wide);
        }
    }

    #[test]
    fn profit_is_realised_by_average_cost() {
        let mut positions = Positions::new(1);
        let mut trade = |side, qty, px| positions.fill(&instrument(), side, Qty(qty), Px(px)).unwrap();
        let profit = |position: &Position, px| {
            let unrealized = position.unrealized(&instrument(), Px(px)).unwrap();
            (position.realized().get(), unrealized.get())
        };
        // The house buys what clients sell: 10 at 100 and 30 at 104 are 40 at 103.
        trade(Side::Sell, 10, 100);
        let position = trade(Side::Sell, 30, 104);
        assert_eq!(profit(&position, 105), (0, 10 * 40 * 2));
        let position = trade(Side::Buy, 15, 105);
        assert_eq!(profit(&position, 105), (10 * 15 * 2, 10 * 25 * 2));
        // Through zero: 25 are closed, 5 are sold short at 102.
        let position = trade(Side::Buy, 30, 102);
        assert_eq!(profit(&position, 101), (10 * (15 * 2 - 25), 10 * 5));
        let position = trade(Side::Sell, 5, 102);
        assert_eq!((profit(&position, 7), position.cost), ((10 * 5, 0), Amount::ZERO));
    }

    proptest! {
        #[test]
        fn profit_is_all_that_was_received_and_what_is_held_is_worth(
            trades in prop::collection::vec((any::<bool>(), 1_i64..50, -9_i64..9, -3_i128..3), 1..40),
            mark in -9_i64..9,
        ) {
            let meta = instrument();
            let mut positions = Positions::new(1);
            let mut cash = 0;
            for (buys, qty, px, fee) in trades {
                let side = if buys { Side::Buy } else { Side::Sell };
                let before = positions.get(meta.id);
                let after = positions.execute(&meta, side, Qty(qty), Px(px), Amount::new(fee)).unwrap();
                cash -= i128::from(10 * px * qty * side.sign()) + fee;
                prop_assert_eq!(after.cash.get(), cash);
                let worth = meta.notional(Px(mark), after.qty).unwrap().get();
                let unrealized = after.unrealized(&meta, Px(mark)).unwrap().get();
                prop_assert_eq!(after.realized().get() + unrealized, cash + worth);
                prop_assert!(after.qty != Qty::ZERO || after.cost == Amount::ZERO);
                // What was closed took its share of the cost, to less than a unit.
                let held = i128::from(before.qty.0);
                let closes = held != 0 && (held > 0) != buys && i128::from(qty) <= held.abs();
                if closes {
                    let share = before.cost.get() - after.cost.get();
                    let exact = before.cost.get() * i128::from(qty);
                    prop_assert!((share * held.abs() - exact).abs() < held.abs());
                    prop_assert!(share.abs() * held.abs() <= exact.abs());
                }
            }
        }
    }
}
