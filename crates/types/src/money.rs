//! Prices, quantities and amounts: integers only, and every operation that can overflow says so.

use core::fmt;

use bytemuck::{Pod, Zeroable};

/// The denominator of every fraction in configuration and records: a fraction `x` is carried as `x * E8`, so that
/// 1 basis point is 10,000. Fields in this unit end in `_e8`.
pub const E8: i64 = 100_000_000;

/// A price in ticks of its instrument. May be negative (spreads, some futures).
#[repr(transparent)]
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct Px(pub i64);

/// A quantity in lots of its instrument. Signed, because a position may be short.
#[repr(transparent)]
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct Qty(pub i64);

impl Px {
    /// "No price" in a record: the one value that is never a price.
    pub const NONE: Px = Px(i64::MIN);
    /// The largest magnitude that the engine takes: 2^52 ticks. It leaves room for a product with any quantity
    /// and a fee in `i128`.
    pub const ABS_MAX: i64 = 1 << 52;

    /// Whether the price is within [`Px::ABS_MAX`]; [`Px::NONE`] is not.
    #[inline]
    pub const fn is_representable(self) -> bool {
        self.0 >= -Px::ABS_MAX && self.0 <= Px::ABS_MAX
    }

    /// The price moved by `ticks`, or `None` on overflow.
    #[inline]
    pub const fn checked_add(self, ticks: i64) -> Option<Px> {
        match self.0.checked_add(ticks) {
            Some(v) => Some(Px(v)),
            None => None,
        }
    }

    /// The difference in ticks, or `None` on overflow.
    #[inline]
    pub const fn checked_sub(self, other: Px) -> Option<i64> {
        self.0.checked_sub(other.0)
    }

    /// Price times quantity in tick·lots. Cannot overflow: the factors have 64 bits each.
    #[inline]
    pub const fn notional(self, qty: Qty) -> i128 {
        product(self.0, qty.0)
    }
}

impl Qty {
    /// Nothing.
    pub const ZERO: Qty = Qty(0);
    /// The largest magnitude that the engine takes: 2^52 lots.
    pub const ABS_MAX: i64 = 1 << 52;

    /// Whether the quantity is above zero and within [`Qty::ABS_MAX`].
    #[inline]
    pub const fn is_orderable(self) -> bool {
        self.0 > 0 && self.0 <= Qty::ABS_MAX
    }

    /// Sum, or `None` on overflow.
    #[inline]
    pub const fn checked_add(self, other: Qty) -> Option<Qty> {
        match self.0.checked_add(other.0) {
            Some(v) => Some(Qty(v)),
            None => None,
        }
    }

    /// Difference, or `None` on overflow.
    #[inline]
    pub const fn checked_sub(self, other: Qty) -> Option<Qty> {
        match self.0.checked_sub(other.0) {
            Some(v) => Some(Qty(v)),
            None => None,
        }
    }
}

impl fmt::Debug for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Px::NONE {
            f.write_str("none")
        } else {
            write!(f, "{}t", self.0)
        }
    }
}

impl fmt::Debug for Qty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}l", self.0)
    }
}

/// An amount of an asset in its smallest unit, 128 bits wide, in two halves so that a record keeps 8-byte
/// alignment.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Pod, Zeroable)]
pub struct Amount {
    lo: u64,
    hi: i64,
}

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount { lo: 0, hi: 0 };

    /// `units` of the asset's smallest unit.
    pub const fn new(units: i128) -> Amount {
        Amount {
            lo: units as u64,
            hi: (units >> 64) as i64,
        }
    }

    /// The amount in the asset's smallest unit.
    #[inline]
    pub const fn get(self) -> i128 {
        ((self.hi as i128) << 64) | self.lo as i128
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}u", self.get())
    }
}

/// Which way a request, an order or a fill goes, seen from the client (`Side`, FIX tag 54).
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client buys, the desk sells.
    Buy = b'1',
    /// The client sells, the desk buys.
    Sell = b'2',
}

impl Side {
    /// The side that a record's byte stands for, or `None` if it stands for no side.
    #[inline]
    pub const fn from_fix(byte: u8) -> Option<Side> {
        match byte {
            b'1' => Some(Side::Buy),
            b'2' => Some(Side::Sell),
            _ => None,
        }
    }

    /// The FIX value.
    #[inline]
    pub const fn fix(self) -> u8 {
        self as u8
    }

    /// +1 for a buy, -1 for a sell: what the client's position changes by, per lot.
    #[inline]
    pub const fn sign(self) -> i64 {
        match self {
            Side::Buy => 1,
            Side::Sell => -1,
        }
    }

    /// The other side.
    #[inline]
    #[must_use]
    pub const fn opposite(self) -> Side {
        match self {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        }
    }
}

/// The product of two 64-bit integers: it always fits, so nothing is checked.
#[inline]
pub const fn product(a: i64, b: i64) -> i128 {
    (a as i128).wrapping_mul(b as i128)
}

/// A number of hundred-millionths as a whole number, rounded down. Quick where it has 64 bits, as nearly all have.
#[inline]
pub fn whole_floor(units_e8: i128) -> i128 {
    match i64::try_from(units_e8) {
        Ok(narrow) => i128::from(narrow.div_euclid(E8)),
        Err(_) => units_e8.div_euclid(i128::from(E8)),
    }
}

/// The same, rounded up.
#[inline]
pub fn whole_ceil(units_e8: i128) -> i128 {
    let Ok(narrow) = i64::try_from(units_e8) else {
        let e8 = i128::from(E8);
        return units_e8.div_euclid(e8) + i128::from(units_e8.rem_euclid(e8) != 0);
    };
    let floor = narrow.div_euclid(E8);
    i128::from(floor + i64::from(floor.wrapping_mul(E8) != narrow))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hundred_millionths_are_rounded_the_same_whatever_their_width() {
        let e8 = i128::from(E8);
        let edges = [
            0,
            e8,
            i128::from(i64::MAX),
            i128::from(i64::MIN),
            1 << 100,
            -(1 << 100),
        ];
        let near = |edge: i128| [-e8, -1, 0, 1, 2, e8].map(|off| edge + off);
        for units in edges.into_iter().flat_map(near).flat_map(|units| [units, -units]) {
            let (floor, ceil) = (whole_floor(units), whole_ceil(units));
            assert!(floor * e8 <= units && units < (floor + 1) * e8, "{units}");
            assert!((ceil - 1) * e8 < units && units <= ceil * e8, "{units}");
        }
    }

    #[test]
    fn amounts_keep_all_128_bits() {
        for v in [
            0,
            1,
            -1,
            i128::MAX,
            i128::MIN,
            1 << 64,
            -(1 << 64),
            i128::from(u64::MAX),
        ] {
            assert_eq!(Amount::new(v).get(), v);
        }
    }

    #[test]
    fn arithmetic_reports_overflow() {
        assert_eq!(Px(i64::MAX).checked_add(1), None);
        assert_eq!(Px(i64::MIN).checked_sub(Px(1)), None);
        assert_eq!(Qty(i64::MIN).checked_sub(Qty(1)), None);
        assert_eq!(Px(i64::MIN).notional(Qty(i64::MIN)), 1 << 126);
        assert!(!Px::NONE.is_representable());
        assert!(!Qty(0).is_orderable() && !Qty(-1).is_orderable() && !Qty(Qty::ABS_MAX + 1).is_orderable());
    }

    #[test]
    fn sides_are_fix_values() {
        assert_eq!(Side::from_fix(b'1'), Some(Side::Buy));
        assert_eq!(Side::from_fix(1), None);
        assert_eq!(Side::Buy.opposite().fix(), b'2');
        assert_eq!(Side::Sell.sign(), -1);
    }
}
