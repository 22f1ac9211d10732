//! Decimal text onto the desk's grid, exactly.

use std::borrow::Cow;

use pinrail_types::{Grid, Px, Qty};

use crate::error::{MessageError, excerpt};

/// Most levels a side that one message may hold; Binance's deepest snapshot has 5,000.
pub const LEVELS_MAX: usize = 16_384;

pub(crate) const PX_RANGE: &str = "a price above zero and at most 2^52 ticks";
pub(crate) const QTY_RANGE: &str = "a quantity of at least zero and at most 2^52 lots";

/// Most places by which an exponent may move the point.
const EXPONENT_MAX: usize = 32;

/// `text` in steps of `grid`, from `least` up to what the engine takes.
#[inline]
pub(crate) fn amount(
    grid: &Grid,
    key: &str,
    text: &str,
    least: i64,
    range: &'static str,
) -> Result<i64, MessageError> {
    match grid.steps(text.as_bytes()) {
        Ok(steps) if (least..=Px::ABS_MAX).contains(&steps) => Ok(steps),
        Ok(_) => Err(MessageError::OutOfRange {
            key: excerpt(key),
            text: excerpt(text),
            expected: range,
        }),
        Err(problem) => Err(MessageError::OffGrid {
            key: excerpt(key),
            text: excerpt(text),
            step: grid.step().to_string(),
            problem,
        }),
    }
}
const _: () = assert!(Px::ABS_MAX == Qty::ABS_MAX);

/// A JSON number as plain decimal text: `5.0e-4` is `0.00050`. What is no such number stays as it is, for
/// [`amount`] to refuse.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let Some((digits, exponent)) = text.split_once(['e', 'E']) else {
        return Cow::Borrowed(text);
    };
    shifted(digits, exponent).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn shifted(digits: &str, exponent: &str) -> Option<String> {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (is_negative, places) = match exponent.strip_prefix('-') {
        Some(places) => (true, places),
        None => (false, exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    let places: usize = places.parse().ok().filter(|places| *places <= EXPONENT_MAX)?;
    let pad = "0".repeat(places);
    let (whole, fraction) = if is_negative {
        let padded = format!("{pad}{whole}");
        let (whole, moved) = padded.split_at_checked(padded.len() - places)?;
        (whole.to_owned(), format!("{moved}{fraction}"))
    } else {
        let padded = format!("{fraction}{pad}");
        let (moved, fraction) = padded.split_at_checked(places)?;
        (format!("{whole}{moved}"), fraction.to_owned())
    };
    Some(format!("{sign}{whole}.{fraction}"))
}

/// Digits behind the point of decimal text.
pub(crate) fn places(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, fraction)| fraction.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponents_move_the_point() {
        for (text, expected) in [
            ("5.0e-4", "0.00050"),
            ("1e-4", "0.0001"),
            ("12.5E+1", "125."),
            ("1.25e1", "12.5"),
            ("-3e2", "-300."),
            ("4714.0", "4714.0"),
        ] {
            let plain = plain(text);
            let value = |text: &str| pinrail_types::Decimal::parse(text).unwrap();
            assert_eq!(value(&plain), value(expected), "{text}: {plain}");
        }
        for text in ["1e99", "1e", "e", "1e1e1", "1e-99999999999999999999", "1é2e1"] {
            let plain = plain(text);
            assert!(pinrail_types::Decimal::parse(&plain).is_err(), "{text}: {plain}");
        }
    }
}
