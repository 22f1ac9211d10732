//! What a capture itself tells about its listing.

use std::path::Path;

use pinrail_types::{Decimal, DecimalError, Grid, InstrumentId, VenueId};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::binance::{Listing, Market};
use crate::capture::Reader;
use crate::error::{Fault, FeedError, MessageError, excerpt};

/// What is known of a capture beforehand; the rest is inferred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The market; else USD-M futures where depth updates carry `pu`, and spot where they do not.
    pub market: Option<Market>,
    /// The tick; else the coarsest that holds every price of the first snapshot.
    pub tick: Option<Decimal>,
    /// The lot; else the last decimal place that the first snapshot's quantities are printed with. Binance sums up
    /// orders from before a lot was made coarser, so a level's quantity need not be a multiple of today's lot.
    pub lot: Option<Decimal>,
}

/// The keys that tell something.
#[derive(Deserialize)]
struct Line<'a> {
    stream: Option<&'a str>,
    data: Option<Data>,
    #[serde(borrow, default)]
    bids: Vec<(&'a str, &'a str)>,
    #[serde(borrow, default)]
    asks: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "U")]
    first_id: Option<IgnoredAny>,
    #[serde(rename = "pu")]
    prev_id: Option<IgnoredAny>,
}

/// The listing of the capture at `path`, as venue 0 and instrument 0. Reads no further than it has to, as a rule up to
/// the first snapshot.
///
/// # Errors
/// [`FeedError`]: a line is unreadable, or the capture does not hold what would tell.
pub fn listing(path: &Path, known: &Known) -> Result<Listing, FeedError> {
    let mut reader = Reader::open(path)?;
    let (mut symbol, mut market) = (None, known.market);
    let (mut tick, mut lot) = (known.tick, known.lot);
    while symbol.is_none() || market.is_none() || tick.is_none() || lot.is_none() {
        if !reader.advance()? {
            break;
        }
        let line: Line<'_> = serde_json::from_str(reader.json()).map_err(|e| {
            reader.error(MessageError::Json {
                key: String::new(),
                problem: e.to_string(),
            })
        })?;
        if let Some(stream) = line.stream {
            let name = stream.split('@').next().unwrap_or_default();
            symbol.get_or_insert_with(|| name.to_ascii_uppercase());
            if let Some(Data {
                first_id: Some(_),
                prev_id,
            }) = line.data
            {
                market.get_or_insert(if prev_id.is_some() {
                    Market::Usdm
                } else {
                    Market::Spot
                });
            }
        } else {
            let levels = || line.bids.iter().chain(&line.asks);
            if tick.is_none() {
                tick = coarsest_step(levels().map(|level| level.0)).map_err(|e| reader.error(e))?;
            }
            lot = lot.or_else(|| printed_step(levels().map(|level| level.1)));
        }
    }
    let missing = |what, wanted| reader.error(Fault::Infer { what, wanted });
    let grid = |step: Option<Decimal>, key: &str, what| {
        let step = step.ok_or_else(|| missing(what, "depth snapshot with levels"))?;
        Grid::new(step).map_err(|problem| reader.error(bad_decimal(key, &step.to_string(), problem)))
    };
    Ok(Listing {
        symbol: symbol.ok_or_else(|| missing("the symbol", "frame with a stream's name"))?,
        market: market.ok_or_else(|| missing("the market", "depth update"))?,
        venue: VenueId(0),
        instrument: InstrumentId(0),
        tick: grid(tick, "tick", "the tick")?,
        lot: grid(lot, "lot", "the lot")?,
    })
}

fn bad_decimal(key: &str, text: &str, problem: DecimalError) -> MessageError {
    MessageError::Step {
        key: key.to_owned(),
        text: excerpt(text),
        problem,
    }
}

/// The coarsest step of which all `texts` are multiples; `None` if none of them is above zero.
fn coarsest_step<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Option<Decimal>, MessageError> {
    let mut step: Option<Decimal> = None;
    for text in texts {
        let bad = |problem| bad_decimal("bids or asks", text, problem);
        let value = Decimal::parse(text).map_err(bad)?;
        step = match step {
            _ if value.mantissa == 0 => step,
            None => Some(value),
            Some(step) => Some(common_step(step, value).ok_or_else(|| bad(DecimalError::Range))?),
        };
    }
    Ok(step)
}

/// One unit of the last decimal place that any of `texts` has; `None` without texts.
fn printed_step<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Decimal> {
    let places = |text: &str| text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let exponent = -i8::try_from(texts.map(places).max()?).ok()?;
    Some(Decimal {
        mantissa: 1,
        exponent,
    })
}

/// The greatest common divisor of two decimals that are not zero; `None` if it takes more digits than a decimal has.
fn common_step(a: Decimal, b: Decimal) -> Option<Decimal> {
    let exponent = a.exponent.min(b.exponent);
    let digits = |d: Decimal| {
        let scale = 10_u64.checked_pow(u32::from(d.exponent.abs_diff(exponent)))?;
        d.mantissa.unsigned_abs().checked_mul(scale)
    };
    let (mut a, mut b) = (digits(a)?, digits(b)?);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    Some(Decimal {
        mantissa: i64::try_from(a).ok()?,
        exponent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step_of(texts: &[&str]) -> Option<String> {
        coarsest_step(texts.iter().copied())
            .unwrap()
            .map(|step| step.to_string())
    }

    #[test]
    fn printed_places_make_a_step() {
        let printed = |texts: &[&str]| printed_step(texts.iter().copied()).map(|step| step.to_string());
        assert_eq!(printed(&["1", "1.50000000"]).as_deref(), Some("0.00000001"));
        assert_eq!(printed(&["100"]).as_deref(), Some("1"));
        assert_eq!(printed(&[]), None);
    }

    #[test]
    fn a_step_holds_every_value() {
        assert_eq!(step_of(&["61837.63000000", "61837.60"]).as_deref(), Some("0.01"));
        assert_eq!(step_of(&["61800.10", "61800.20"]).as_deref(), Some("0.1"));
        assert_eq!(step_of(&["1.25", "3.50", "0.000"]).as_deref(), Some("0.25"));
        assert_eq!(step_of(&["2500", "1000"]).as_deref(), Some("500"));
        assert_eq!(step_of(&["0.0", "0"]), None);
        assert_eq!(step_of(&[]), None);
        assert!(coarsest_step(["1e5"].into_iter()).is_err());
        assert!(coarsest_step(["900000000", "0.00000000000000001"].into_iter()).is_err());
    }
}
