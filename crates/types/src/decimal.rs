//! Decimal text to integers, exactly: never through a float.

use core::fmt;

use thiserror::Error;

/// The decimal exponents that a [`Decimal`] may have.
pub const EXPONENT_RANGE: core::ops::RangeInclusive<i8> = -18..=9;

/// Why a decimal text was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecimalError {
    /// No digit, or a byte that is neither a digit, one leading sign, nor one point.
    #[error("not a plain decimal number")]
    Syntax,
    /// The value does not fit 64 bits in units of the grid.
    #[error("out of range")]
    Range,
    /// The value is no multiple of the grid's step.
    #[error("not a multiple of the step")]
    OffGrid,
    /// A step or exponent outside what is supported: the mantissa must be above zero, the exponent in
    /// [`EXPONENT_RANGE`].
    #[error("step must be above zero with an exponent from -18 to 9")]
    Step,
}

/// An exact decimal: `mantissa * 10^exponent`, as short as it can be (no trailing zero in the mantissa).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// Significant digits, with the sign.
    pub mantissa: i64,
    /// Power of ten.
    pub exponent: i8,
}

impl Decimal {
    /// Reads plain decimal text: an optional sign, digits, at most one point; no exponent, no blanks.
    ///
    /// # Errors
    /// [`DecimalError::Syntax`] or [`DecimalError::Range`].
    pub fn parse(text: &str) -> Result<Decimal, DecimalError> {
        let (negative, digits) = split_sign(text.as_bytes());
        let mut mantissa: i64 = 0;
        let mut exponent: i32 = 0;
        let mut zeros = 0_u32;
        let (mut seen_point, mut seen_digit) = (false, false);
        for &b in digits {
            match b {
                b'.' if !seen_point => seen_point = true,
                b'0' => {
                    seen_digit = true;
                    zeros += 1;
                    exponent -= i32::from(seen_point);
                }
                b'1'..=b'9' => {
                    seen_digit = true;
                    let scale = 10_i64.checked_pow(zeros + 1);
                    mantissa = if mantissa == 0 {
                        Some(0)
                    } else {
                        scale.and_then(|s| mantissa.checked_mul(s))
                    }
                    .and_then(|m| m.checked_add(i64::from(b - b'0')))
                    .ok_or(DecimalError::Range)?;
                    zeros = 0;
                    exponent -= i32::from(seen_point);
                }
                _ => return Err(DecimalError::Syntax),
            }
        }
        if !seen_digit {
            return Err(DecimalError::Syntax);
        }
        if mantissa == 0 {
            return Ok(Decimal {
                mantissa: 0,
                exponent: 0,
            });
        }
        let exponent = i8::try_from(exponent + zeros as i32).map_err(|_| DecimalError::Range)?;
        Ok(Decimal {
            mantissa: if negative { -mantissa } else { mantissa },
            exponent,
        })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, exponent) = (i128::from(self.mantissa), self.exponent);
        Scaled { value, exponent }.fmt(f)
    }
}

/// An exact decimal of up to 128 bits: `value * 10^exponent`, as it was made. Shown with the places of its exponent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scaled {
    /// Digits, with the sign.
    pub value: i128,
    /// Power of ten.
    pub exponent: i8,
}

impl Scaled {
    /// The digits with `places` behind the point, or `None` where they would have to be rounded or need more than 128
    /// bits.
    pub fn digits(self, places: u8) -> Option<i128> {
        let shift = u32::try_from(i32::from(places) + i32::from(self.exponent)).ok()?;
        match self.value {
            0 => Some(0),
            value => value.checked_mul(10_i128.checked_pow(shift)?),
        }
    }
}

impl fmt::Display for Scaled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.value < 0 { "-" } else { "" };
        let digits = self.value.unsigned_abs().to_string();
        let text = if self.exponent >= 0 {
            let zeros = if self.value == 0 {
                0
            } else {
                usize::from(self.exponent.unsigned_abs())
            };
            format!("{sign}{digits}{}", "0".repeat(zeros))
        } else {
            let places = usize::from(self.exponent.unsigned_abs());
            let padded = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = padded.split_at(padded.len() - places);
            format!("{sign}{whole}.{fraction}")
        };
        f.pad(&text)
    }
}

/// A grid of evenly spaced values: the ticks of a price or the lots of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    step: Decimal,
    /// 10^|exponent|.
    scale: i64,
}

const fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

const fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Grid {
    /// The grid of the multiples of `step`.
    ///
    /// # Errors
    /// [`DecimalError::Step`] if the step is not above zero or its exponent is outside [`EXPONENT_RANGE`].
    pub fn new(step: Decimal) -> Result<Grid, DecimalError> {
        if step.mantissa <= 0 || !EXPONENT_RANGE.contains(&step.exponent) {
            return Err(DecimalError::Step);
        }
        Ok(Grid {
            step,
            scale: 10_i64.pow(u32::from(step.exponent.unsigned_abs())),
        })
    }

    /// The step.
    pub const fn step(&self) -> Decimal {
        self.step
    }

    /// The same grid for whoever counts in contracts of `contract` each: a text of so many contracts gives as many steps as
    /// the quantity that they stand for. With steps of 0.001, contracts of 0.01 and the text "2.5" that is 25.
    ///
    /// # Errors
    /// [`DecimalError::Step`] if the contract is not above zero, or the step of the new grid has an exponent outside
    /// [`EXPONENT_RANGE`]; [`DecimalError::OffGrid`] if that step is no decimal; [`DecimalError::Range`] if it has too many
    /// digits.
    pub fn counted_in(&self, contract: Decimal) -> Result<Grid, DecimalError> {
        if contract.mantissa <= 0 {
            return Err(DecimalError::Step);
        }
        let shared = gcd(self.step.mantissa, contract.mantissa);
        let (mut mantissa, mut divisor) = (self.step.mantissa / shared, contract.mantissa / shared);
        let mut exponent = i32::from(self.step.exponent) - i32::from(contract.exponent);
        for (factor, other) in [(2, 5), (5, 2)] {
            while divisor % factor == 0 {
                divisor /= factor;
                mantissa = mantissa.checked_mul(other).ok_or(DecimalError::Range)?;
                exponent -= 1;
            }
        }
        if divisor != 1 {
            return Err(DecimalError::OffGrid);
        }
        let exponent = i8::try_from(exponent).map_err(|_| DecimalError::Step)?;
        Grid::new(Decimal { mantissa, exponent })
    }

    /// The value of `text` in steps, exactly. Linear in the length of the text; no allocation.
    ///
    /// # Errors
    /// [`DecimalError::Syntax`], [`DecimalError::Range`], or [`DecimalError::OffGrid`] where the value is no
    /// multiple of the step.
    #[inline]
    pub fn steps(&self, text: &[u8]) -> Result<i64, DecimalError> {
        let (negative, digits) = split_sign(text);
        let (value, digits_after_point) = self.digits(digits)?;
        let units = if self.step.exponent <= 0 {
            // Pad with the places that the text left out, so that `value` counts 10^exponent.
            let missing = u32::from(self.step.exponent.unsigned_abs()) - digits_after_point;
            value
                .checked_mul(10_i64.pow(missing))
                .ok_or(DecimalError::Range)?
        } else {
            if value % self.scale != 0 {
                return Err(DecimalError::OffGrid);
            }
            value / self.scale
        };
        let steps = if self.step.mantissa == 1 {
            units
        } else {
            if units % self.step.mantissa != 0 {
                return Err(DecimalError::OffGrid);
            }
            units / self.step.mantissa
        };
        Ok(if negative { -steps } else { steps })
    }

    /// The digits up to the grid's last decimal place as one integer, and how many of them stood behind the
    /// point. Further digits must be zeros.
    #[inline]
    fn digits(&self, digits: &[u8]) -> Result<(i64, u32), DecimalError> {
        let places = if self.step.exponent < 0 {
            u32::from(self.step.exponent.unsigned_abs())
        } else {
            0
        };
        let mut value: i64 = 0;
        let mut after_point = 0;
        let (mut seen_point, mut seen_digit, mut off_grid) = (false, false, false);
        for &b in digits {
            let digit = b.wrapping_sub(b'0');
            if digit <= 9 {
                seen_digit = true;
                if seen_point && after_point == places {
                    off_grid |= digit != 0;
                    continue;
                }
                value = value
                    .checked_mul(10)
                    .and_then(|v| v.checked_add(i64::from(digit)))
                    .ok_or(DecimalError::Range)?;
                after_point += u32::from(seen_point);
            } else if b == b'.' && !seen_point {
                seen_point = true;
            } else {
                return Err(DecimalError::Syntax);
            }
        }
        match (seen_digit, off_grid) {
            (false, _) => Err(DecimalError::Syntax),
            (true, true) => Err(DecimalError::OffGrid),
            (true, false) => Ok((value, after_point)),
        }
    }

    /// `steps` steps as an exact decimal.
    pub fn scaled(&self, steps: i64) -> Scaled {
        Scaled {
            value: i128::from(steps) * i128::from(self.step.mantissa),
            exponent: self.step.exponent,
        }
    }

    /// `steps` steps as plain decimal text, for people.
    pub fn display(&self, steps: i64) -> impl fmt::Display + use<> {
        self.scaled(steps)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grid(step: &str) -> Grid {
        Grid::new(Decimal::parse(step).unwrap()).unwrap()
    }

    #[test]
    fn decimals_are_shortest_form() {
        assert_eq!(
            Decimal::parse("0.0100").unwrap(),
            Decimal {
                mantissa: 1,
                exponent: -2
            }
        );
        assert_eq!(
            Decimal::parse("2500").unwrap(),
            Decimal {
                mantissa: 25,
                exponent: 2
            }
        );
        assert_eq!(
            Decimal::parse("-10.50").unwrap(),
            Decimal {
                mantissa: -105,
                exponent: -1
            }
        );
        assert_eq!(
            Decimal::parse("0.000").unwrap(),
            Decimal {
                mantissa: 0,
                exponent: 0
            }
        );
        assert_eq!(
            Decimal::parse("100.01").unwrap(),
            Decimal {
                mantissa: 10001,
                exponent: -2
            }
        );
    }

    #[test]
    fn bad_text_is_refused() {
        for bad in ["", "-", ".", "1.2.3", "1e5", " 1", "1,0", "+-1", "NaN"] {
            assert_eq!(Decimal::parse(bad), Err(DecimalError::Syntax), "{bad:?}");
            assert_eq!(
                grid("0.01").steps(bad.as_bytes()),
                Err(DecimalError::Syntax),
                "{bad:?}"
            );
        }
        assert_eq!(Decimal::parse("99999999999999999999"), Err(DecimalError::Range));
        assert_eq!(
            grid("0.01").steps(b"99999999999999999999"),
            Err(DecimalError::Range)
        );
        assert_eq!(grid("0.01").steps(b"1.005"), Err(DecimalError::OffGrid));
        assert_eq!(grid("0.05").steps(b"1.01"), Err(DecimalError::OffGrid));
        assert_eq!(grid("10").steps(b"15"), Err(DecimalError::OffGrid));
        assert_eq!(
            Grid::new(Decimal {
                mantissa: 0,
                exponent: 0
            }),
            Err(DecimalError::Step)
        );
        assert_eq!(
            Grid::new(Decimal {
                mantissa: 1,
                exponent: -19
            }),
            Err(DecimalError::Step)
        );
    }

    #[test]
    fn exchange_text_lands_on_the_grid() {
        assert_eq!(grid("0.01").steps(b"61737.63000000"), Ok(6_173_763));
        assert_eq!(grid("0.1").steps(b"61800.20"), Ok(618_002));
        assert_eq!(grid("0.00001").steps(b"1.54698000"), Ok(154_698));
        assert_eq!(grid("0.5").steps(b"-3"), Ok(-6));
        assert_eq!(grid("25").steps(b"100.000"), Ok(4));
        assert_eq!(grid("0.01").display(6_173_763).to_string(), "61737.63");
        assert_eq!(grid("0.5").display(-1).to_string(), "-0.5");
        assert_eq!(grid("100").display(3).to_string(), "300");
    }

    #[test]
    fn digits_are_exact_or_none() {
        let scaled = |value, exponent| Scaled { value, exponent };
        assert_eq!(scaled(-105, -1).digits(3), Some(-10_500));
        assert_eq!(scaled(25, 2).digits(0), Some(2_500));
        assert_eq!(scaled(105, -2).digits(1), None, "would be rounded");
        assert_eq!(scaled(1, 127).digits(0), None, "more than 128 bits");
        assert_eq!(scaled(0, 127).digits(255), Some(0));
        assert_eq!(scaled(0, -3).to_string(), "0.000");
        assert_eq!(
            scaled(i128::MIN, 0).to_string(),
            "-170141183460469231731687303715884105728"
        );
    }

    #[test]
    fn contracts_land_on_the_grid_of_what_they_stand_for() {
        let contracts = |lot: &str, contract: &str| grid(lot).counted_in(Decimal::parse(contract).unwrap());
        let steps = |lot, contract, text: &str| contracts(lot, contract)?.steps(text.as_bytes());
        assert_eq!(steps("0.001", "0.01", "2.5"), Ok(25));
        assert_eq!(steps("0.001", "0.01", "2.55"), Err(DecimalError::OffGrid));
        assert_eq!(steps("0.00000001", "5", "3"), Ok(1_500_000_000));
        assert_eq!(steps("0.1", "100", "7"), Ok(7_000));
        assert_eq!(steps("0.5", "0.25", "6"), Ok(3));
        assert_eq!(steps("0.5", "0.25", "5"), Err(DecimalError::OffGrid));
        assert_eq!(steps("0.3", "0.12", "5"), Ok(2));
        assert_eq!(contracts("0.1", "0.3"), Err(DecimalError::OffGrid), "a third");
        assert_eq!(contracts("0.1", "0"), Err(DecimalError::Step));
        assert_eq!(contracts("0.1", "-1"), Err(DecimalError::Step));
        assert_eq!(contracts("0.000000000000000001", "10"), Err(DecimalError::Step));
        assert_eq!(contracts("4611686018427387905", "0.2"), Err(DecimalError::Range));
    }

    proptest! {
        #[test]
        fn contracts_are_as_many_steps_as_what_they_stand_for(
            step in 1_i64..10_000, contract in 1_i64..10_000, exponents in (-6_i8..=2, -4_i8..=2), count in -9_999_i64..9_999,
        ) {
            let grid = Grid::new(Decimal { mantissa: step, exponent: exponents.0 }).unwrap();
            let Ok(counted) = grid.counted_in(Decimal { mantissa: contract, exponent: exponents.1 }) else {
                // Then the step is no decimal: a contract has a prime factor that ten and the step have not.
                let mut left = contract;
                for factor in [2, 5] { while left % factor == 0 { left /= factor } }
                prop_assert!(step % left != 0);
                return Ok(());
            };
            // In units of 1e-6.
            let stood_for = i128::from(count) * i128::from(contract) * 10_i128.pow((exponents.1 + 6) as u32);
            let step = i128::from(step) * 10_i128.pow((exponents.0 + 6) as u32);
            let expected = if stood_for % step == 0 { Ok((stood_for / step) as i64) } else { Err(DecimalError::OffGrid) };
            prop_assert_eq!(counted.steps(count.to_string().as_bytes()), expected);
        }

        #[test]
        fn digits_are_those_that_are_shown(value in any::<i64>(), exponent in -9_i8..=4, more in 0_u8..4) {
            let scaled = Scaled { value: i128::from(value), exponent };
            let places = exponent.min(0).unsigned_abs() + more;
            let shown: i128 = scaled.to_string().replace('.', "").parse().unwrap();
            prop_assert_eq!(scaled.digits(places), Some(shown * 10_i128.pow(more.into())));
        }

        #[test]
        fn text_and_steps_are_inverse(
            steps in -(1_i64 << 48)..(1_i64 << 48), mantissa in 1_i64..100, exponent in -9_i8..=2,
        ) {
            let grid = Grid::new(Decimal { mantissa, exponent }).unwrap();
            let text = grid.display(steps).to_string();
            prop_assert_eq!(grid.steps(text.as_bytes()), Ok(steps));
        }

        #[test]
        fn parse_agrees_with_display(mantissa in any::<i64>(), exponent in -12_i8..=0) {
            prop_assume!(mantissa != i64::MIN);
            let text = Decimal { mantissa, exponent }.to_string();
            let back = Decimal::parse(&text).unwrap();
            prop_assert_eq!(
                i128::from(back.mantissa) * 10_i128.pow((i32::from(back.exponent) + 12) as u32),
                i128::from(mantissa) * 10_i128.pow((i32::from(exponent) + 12) as u32)
            );
        }
    }
}
