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
        let position = &mut self.positions[instrument.id.index()];
        let notional = instrument.notional(px, qty).ok_or(Reason::Overflow)?.get();
        let (lots, cash) = match side {
            Side::Buy => (
                position.qty.checked_sub(qty),
                position.cash.get().checked_add(notional),
            ),
            Side::Sell => (
                position.qty.checked_add(qty),
                position.cash.get().checked_sub(notional),
            ),
        };
        let (Some(qty), Some(cash)) = (lots, cash) else {
            return Err(Reason::Overflow);
        };
        *position = Position {
            qty,
            cash: Amount::new(cash),
        };
        Ok(*position)
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
        let charged = filled.cash.get().checked_sub(fee.get());
        let after = charged.map(|cash| Position {
            qty: filled.qty,
            cash: Amount::new(cash),
        });
        let after = after.filter(|after| after.qty.0.unsigned_abs() <= Qty::ABS_MAX.unsigned_abs());
        self.positions[instrument.id.index()] = after.unwrap_or(before);
        after.ok_or(Reason::Overflow)
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
        let cash = position.cash.get().checked_add(fees).ok_or(Reason::Overflow)?;
        position.cash = Amount::new(cash);
        Ok(*position)
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
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::record::{AssetDef, InstrumentDef};

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
        Instrument::new(&def, &quote).unwrap()
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
                cash: Amount::new(7000 - 2000)
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
}
