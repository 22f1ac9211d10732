//! What a capture itself tells about its listing.

use std::path::Path;

use pinrail_types::{Decimal, DecimalError, Grid, InstrumentId, VenueId};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::amount::{places, plain};
use crate::capture::Reader;
use crate::error::{Fault, FeedError, MessageError, excerpt};
use crate::listing::{Listing, Market};
use crate::wire::{self, Message};

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

/// The listings of the capture at `path`, as venue 0 and instruments from 0 on. A Binance capture holds one, and is read
/// no further than it has to be, as a rule up to the first snapshot. Others are read as a whole: their grids are the
/// coarsest that hold every number, and their market is told by the connection.
///
/// # Errors
/// [`FeedError`]: a line is unreadable, or the capture does not hold what would tell.
pub fn listings(path: &Path, known: &Known) -> Result<Vec<Listing>, FeedError> {
    let mut reader = Reader::open(path)?;
    let told = || {
        reader.advance()?;
        Ok::<_, FeedError>(reader.endpoint().and_then(Market::of_endpoint))
    };
    match known.market.map_or_else(told, |market| Ok(Some(market)))? {
        None | Some(Market::BinanceSpot | Market::BinanceUsdm) => Ok(vec![binance(path, known)?]),
        Some(market) => mirrored(path, known, market),
    }
}

/// A book of a mirrored venue, and the coarsest steps of which all its prices and quantities are multiples.
struct Steps {
    symbol: String,
    px: Option<Decimal>,
    qty: Option<Decimal>,
}

fn mirrored(path: &Path, known: &Known, market: Market) -> Result<Vec<Listing>, FeedError> {
    let mut reader = Reader::open(path)?;
    let mut books: Vec<Steps> = Vec::new();
    while reader.advance()? {
        let message = wire::decode(market, reader.json()).map_err(|e| reader.error(e))?;
        let Message::Book(changes) = message else { continue };
        let at = books.iter().position(|book| book.symbol == changes.symbol);
        let at = at.unwrap_or_else(|| {
            books.push(Steps {
                symbol: changes.symbol.to_owned(),
                px: None,
                qty: None,
            });
            books.len() - 1
        });
        for change in changes.sides.iter().flatten() {
            let Steps { px, qty, .. } = &mut books[at];
            let refine = |step: &mut Option<Decimal>, text: &str| {
                *step = finer_step(*step, &plain(text)).map_err(|e| reader.error(e))?;
                Ok::<_, FeedError>(())
            };
            refine(px, change.px)?;
            if !change.qty.is_empty() {
                refine(qty, change.qty)?;
            }
        }
    }
    if books.is_empty() {
        let (what, wanted) = ("a symbol", "message about a book");
        return Err(reader.error(Fault::Infer { what, wanted }));
    }
    // A book that stays empty takes any grid.
    let one = Some(Decimal {
        mantissa: 1,
        exponent: 0,
    });
    let listing = |(i, book): (usize, Steps)| {
        Ok(Listing {
            tick: grid(&reader, known.tick.or(book.px).or(one), "tick", "the tick")?,
            lot: grid(&reader, known.lot.or(book.qty).or(one), "lot", "the lot")?,
            symbol: book.symbol,
            market,
            venue: VenueId(0),
            instrument: InstrumentId(i as u32),
        })
    };
    books.into_iter().enumerate().map(listing).collect()
}

fn grid(reader: &Reader, step: Option<Decimal>, key: &str, what: &'static str) -> Result<Grid, FeedError> {
    let wanted = "depth snapshot with levels";
    let step = step.ok_or_else(|| reader.error(Fault::Infer { what, wanted }))?;
    Grid::new(step).map_err(|problem| reader.error(bad_decimal(key, &step.to_string(), problem)))
}

fn binance(path: &Path, known: &Known) -> Result<Listing, FeedError> {
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
                    Market::BinanceUsdm
                } else {
                    Market::BinanceSpot
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
    Ok(Listing {
        symbol: symbol.ok_or_else(|| missing("the symbol", "frame with a stream's name"))?,
        market: market.ok_or_else(|| missing("the market", "depth update"))?,
        venue: VenueId(0),
        instrument: InstrumentId(0),
        tick: grid(&reader, tick, "tick", "the tick")?,
        lot: grid(&reader, lot, "lot", "the lot")?,
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
fn coarsest_step<'a>(mut texts: impl Iterator<Item = &'a str>) -> Result<Option<Decimal>, MessageError> {
    texts.try_fold(None, finer_step)
}

/// The coarsest step of which `text` and all multiples of `step` are multiples.
fn finer_step(step: Option<Decimal>, text: &str) -> Result<Option<Decimal>, MessageError> {
    let bad = |problem| bad_decimal("bids or asks", text, problem);
    let value = Decimal::parse(text).map_err(bad)?;
    match step {
        _ if value.mantissa == 0 => Ok(step),
        None => Ok(Some(value)),
        Some(step) => common_step(step, value)
            .map(Some)
            .ok_or_else(|| bad(DecimalError::Range)),
    }
}

/// One unit of the last decimal place that any of `texts` has; `None` without texts.
fn printed_step<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Decimal> {
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
