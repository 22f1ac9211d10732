//! Single values: text, whole numbers, and decimals on their grids.

use std::fmt::Display;
use std::ops::RangeInclusive;

use pinrail_types::record::AssetDef;
use pinrail_types::{Amount, Decimal, DecimalError, E8, Grid, Qty, Text};
use toml::Spanned;

use super::error::Problem;
use super::file::DecimalText;

pub(super) type Resolved<T> = Result<T, Problem>;

/// A fraction of 1, from basis points: 1 bp is 10,000 of 1e8.
const E8_PER_BPS_EXPONENT: i32 = 4;
/// A day, the longest of any time bound.
const MS_MAX: i64 = 86_400_000;

/// A refusal at a place in the file.
pub(super) fn at<T, V>(place: &Spanned<V>, message: impl Display) -> Resolved<T> {
    Err(Problem {
        span: place.span(),
        message: message.to_string(),
    })
}

pub(super) fn text<const N: usize>(name: &Spanned<String>) -> Resolved<Text<N>> {
    short_text(name.get_ref(), name)
}

pub(super) fn short_text<const N: usize>(name: &str, place: &Spanned<String>) -> Resolved<Text<N>> {
    match Text::new(name) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => at(
            place,
            format_args!("expected 1 to {N} characters of printable ASCII, found {name:?}"),
        ),
    }
}

pub(super) fn whole(value: &Spanned<i64>, range: RangeInclusive<i64>, unit: &str) -> Resolved<i64> {
    let found = *value.get_ref();
    if range.contains(&found) {
        Ok(found)
    } else {
        let (least, most) = range.into_inner();
        at(
            value,
            format_args!("expected {least} to {most} {unit}, found {found}"),
        )
    }
}

pub(super) fn ms_to_ns(value: &Spanned<i64>) -> Resolved<u64> {
    whole(value, 1..=MS_MAX, "milliseconds").map(|ms| ms.unsigned_abs() * 1_000_000)
}

/// `value` in steps of `grid`, at least `least` of them.
pub(super) fn steps(value: &Spanned<DecimalText>, grid: &Grid, step: &str, least: i64) -> Resolved<i64> {
    let text = &value.get_ref().text;
    match grid.steps(text.as_bytes()) {
        Ok(steps) if (least..=Qty::ABS_MAX).contains(&steps) => Ok(steps),
        Ok(_) | Err(DecimalError::Range) => at(
            value,
            format_args!(
                "expected {} to {}, found \"{text}\"",
                grid.display(least),
                grid.display(Qty::ABS_MAX)
            ),
        ),
        Err(DecimalError::OffGrid) => at(
            value,
            format_args!("expected a multiple of {step} {}, found \"{text}\"", grid.step()),
        ),
        Err(error) => at(value, format_args!("\"{text}\": {error}")),
    }
}

/// `value * 10^shift` as an integer; `None` if it is none or does not fit.
fn shifted(value: Decimal, shift: i32) -> Option<i128> {
    let exponent = u32::try_from(i32::from(value.exponent) + shift).ok()?;
    10_i128
        .checked_pow(exponent)?
        .checked_mul(i128::from(value.mantissa))
}

/// Basis points to a fraction times 1e8.
pub(super) fn bps_e8(value: &Spanned<DecimalText>, range: RangeInclusive<i64>) -> Resolved<i64> {
    let DecimalText { text, value: bps } = value.get_ref();
    let found = shifted(*bps, E8_PER_BPS_EXPONENT).and_then(|e8| i64::try_from(e8).ok());
    if let Some(e8) = found.filter(|e8| range.contains(e8)) {
        return Ok(e8);
    }
    let per_bps = 10_i64.pow(E8_PER_BPS_EXPONENT as u32);
    let (least, most) = (range.start() / per_bps, range.end() / per_bps);
    at(
        value,
        format_args!("expected {least} to {most} basis points with at most four decimals, found \"{text}\""),
    )
}

/// A plain number times 1e8, 0 to `most`.
pub(super) fn number_e8(value: &Spanned<DecimalText>, most: i64) -> Resolved<i64> {
    let DecimalText { text, value: number } = value.get_ref();
    let found = shifted(*number, 8).and_then(|e8| i64::try_from(e8).ok());
    match found.filter(|e8| (0..=most).contains(e8)) {
        Some(e8) => Ok(e8),
        None => at(
            value,
            format_args!(
                "expected 0 to {} with at most eight decimals, found \"{text}\"",
                most / E8
            ),
        ),
    }
}

/// An amount of `asset` in its smallest unit, not negative.
pub(super) fn amount(value: &Spanned<DecimalText>, asset: &AssetDef) -> Resolved<Amount> {
    let DecimalText { text, value: decimal } = value.get_ref();
    let units = shifted(*decimal, -i32::from(asset.exponent));
    match units.filter(|units| *units >= 0) {
        Some(units) => Ok(Amount::new(units)),
        None => at(
            value,
            format_args!(
                "expected an amount of {}, not negative and with at most {} decimals, found \"{text}\"",
                asset.symbol, -asset.exponent
            ),
        ),
    }
}
