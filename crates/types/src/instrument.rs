//! Instruments: what is traded, on which grid, and what a tick times a lot is worth.

use thiserror::Error;

use crate::decimal::{Decimal, DecimalError, Grid};
use crate::ids::{AssetId, InstrumentId};
use crate::money::{Amount, Px, Qty, product};
use crate::record::{AssetDef, InstrumentDef};

/// Why an instrument definition was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InstrumentError {
    /// The tick size is no usable step.
    #[error("tick size: {0}")]
    Tick(DecimalError),
    /// The lot size is no usable step.
    #[error("lot size: {0}")]
    Lot(DecimalError),
    /// One tick times one lot is no whole number of the quote asset's smallest units, so that notional could not
    /// be booked exactly.
    #[error("one tick times one lot is not a whole number of the quote asset's smallest unit")]
    Inexact,
    /// One lot is no whole number of the base asset's smallest units, so that what is delivered could not be booked
    /// exactly.
    #[error("one lot is not a whole number of the base asset's smallest unit")]
    InexactLot,
}

/// An instrument as the engine uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Its id.
    pub id: InstrumentId,
    /// The asset that a quantity counts.
    pub base: AssetId,
    /// The asset that a price counts.
    pub quote: AssetId,
    /// Price grid.
    pub tick: Grid,
    /// Quantity grid.
    pub lot: Grid,
    /// Smallest units of the quote asset in one tick times one lot; at least 1.
    pub tick_lot_units: i64,
    /// Smallest units of the base asset in one lot; at least 1.
    pub lot_units: i64,
}

/// `mantissa` times ten to the power of `exponent`, where that is a whole number above zero.
fn whole(mantissa: Option<i64>, exponent: i32) -> Option<i64> {
    let scale = u32::try_from(exponent).ok().and_then(|e| 10_i64.checked_pow(e))?;
    scale.checked_mul(mantissa?).filter(|units| *units > 0)
}

impl Instrument {
    /// The instrument that `def` describes, which counts the asset `base` and is quoted in the asset `quote`.
    ///
    /// # Errors
    /// [`InstrumentError`] if a step is unusable, or notional or what is delivered would not be exact.
    pub fn new(
        def: &InstrumentDef,
        base: &AssetDef,
        quote: &AssetDef,
    ) -> Result<Instrument, InstrumentError> {
        let tick = Decimal {
            mantissa: def.tick_mantissa,
            exponent: def.tick_exponent,
        };
        let lot = Decimal {
            mantissa: def.lot_mantissa,
            exponent: def.lot_exponent,
        };
        let exponent = i32::from(tick.exponent) + i32::from(lot.exponent) - i32::from(quote.exponent);
        let tick_lot_units = whole(tick.mantissa.checked_mul(lot.mantissa), exponent);
        let lot_units = whole(
            Some(lot.mantissa),
            i32::from(lot.exponent) - i32::from(base.exponent),
        );
        Ok(Instrument {
            id: def.instrument,
            base: def.base,
            quote: def.quote,
            tick: Grid::new(tick).map_err(InstrumentError::Tick)?,
            lot: Grid::new(lot).map_err(InstrumentError::Lot)?,
            tick_lot_units: tick_lot_units.ok_or(InstrumentError::Inexact)?,
            lot_units: lot_units.ok_or(InstrumentError::InexactLot)?,
        })
    }

    /// A quantity in the base asset's smallest units. Cannot overflow: the factors have 64 bits each.
    #[inline]
    pub const fn base_units(&self, qty: Qty) -> Amount {
        Amount::new(product(qty.0, self.lot_units))
    }

    /// Price times quantity in the quote asset's smallest units; `None` on overflow.
    #[inline]
    pub fn notional(&self, px: Px, qty: Qty) -> Option<Amount> {
        worth(px, qty, self.tick_lot_units).map(Amount::new)
    }
}

/// Price times quantity, where one tick times one lot is `tick_lot_units`; `None` on overflow.
#[inline]
pub fn worth(px: Px, qty: Qty, tick_lot_units: i64) -> Option<i128> {
    let lots = px.notional(qty);
    match i64::try_from(lots) {
        Ok(lots) => Some(product(lots, tick_lot_units)),
        Err(_) => lots.checked_mul(i128::from(tick_lot_units)),
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;

    use super::*;

    fn def(tick: (i64, i8), lot: (i64, i8)) -> InstrumentDef {
        InstrumentDef {
            tick_mantissa: tick.0,
            tick_exponent: tick.1,
            lot_mantissa: lot.0,
            lot_exponent: lot.1,
            ..InstrumentDef::zeroed()
        }
    }

    #[test]
    fn notional_is_exact_or_refused() {
        let usd = AssetDef {
            exponent: -8,
            ..AssetDef::zeroed()
        };
        let btc = Instrument::new(&def((1, -2), (1, -5)), &usd, &usd).unwrap();
        assert_eq!((btc.tick_lot_units, btc.lot_units), (10, 1_000));
        assert_eq!(btc.base_units(Qty(-7)).get(), -7_000);
        assert_eq!(
            btc.notional(Px(6_173_763), Qty(100_000)).unwrap().get(),
            6_173_763_000_000
        );
        assert_eq!(btc.notional(Px(i64::MAX), Qty(i64::MAX)), None);
        let most = btc.notional(Px(Px::ABS_MAX), Qty(Qty::ABS_MAX)).unwrap();
        assert_eq!(most.get(), 10 * (1_i128 << 104));
        let cents = AssetDef {
            exponent: -2,
            ..AssetDef::zeroed()
        };
        assert_eq!(
            Instrument::new(&def((1, -2), (1, -5)), &usd, &cents),
            Err(InstrumentError::Inexact)
        );
        assert_eq!(
            Instrument::new(&def((1, -2), (1, -5)), &cents, &usd),
            Err(InstrumentError::InexactLot)
        );
        assert_eq!(
            Instrument::new(&def((0, -2), (1, -5)), &usd, &usd),
            Err(InstrumentError::Tick(DecimalError::Step))
        );
    }
}
