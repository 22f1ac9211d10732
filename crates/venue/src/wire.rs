//! What the messages of mirrored venues come to, whichever venue sent them: texts as sent, not yet on a grid.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::amount::LEVELS_MAX;
use crate::error::{MessageError, excerpt};
use crate::listing::Market;
use crate::{bybit, coinbase, deribit, kraken, okx};

/// A message of a mirrored venue.
#[derive(Debug)]
pub(crate) enum Message<'a> {
    /// Nothing about books.
    Other,
    /// An image of a book, or changes of one.
    Book(Changes<'a>),
    /// The venue's own best bid and offer.
    Quote(Quote<'a>),
}

/// Levels of one book, and what the message says about its place among others.
#[derive(Debug, Default)]
pub(crate) struct Changes<'a> {
    pub(crate) symbol: &'a str,
    /// Whether this is the whole book.
    pub(crate) is_image: bool,
    /// Bids and asks, in the order in which they are to be applied.
    pub(crate) sides: [Vec<Change<'a>>; 2],
    /// When the venue made it, ns since the Unix epoch; zero if it does not say.
    pub(crate) ts_event: u64,
    /// The venue's number of this message; it goes forward.
    pub(crate) id: Option<u64>,
    /// The number of the message before it.
    pub(crate) prev_id: Option<u64>,
    /// CRC-32 of the best levels behind this message.
    pub(crate) checksum: Option<u32>,
    /// Levels a side that the connection subscribed to; what falls beyond is not told.
    pub(crate) depth: Option<usize>,
}

/// What happens to a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It stands at this quantity now; zero means that it is gone, if it was there.
    Set,
    /// It stood nowhere before.
    New,
    /// It stood at another quantity.
    Change,
    /// It stood there, and is gone.
    Delete,
}

/// One level, as sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) action: Action,
    pub(crate) px: &'a str,
    /// Empty where the level is deleted.
    pub(crate) qty: &'a str,
    /// The venue's own id of the price, where it has one.
    pub(crate) id: Option<u64>,
}

/// A best bid and offer, as sent: price, and quantity where it is told; `None` for a side without orders.
#[derive(Debug)]
pub(crate) struct Quote<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) ts_event: u64,
    pub(crate) sides: [Option<(&'a str, Option<&'a str>)>; 2],
}

/// Decodes a message of a mirrored market.
///
/// # Panics
/// If the market's books are not mirrored.
pub(crate) fn decode(market: Market, json: &str) -> Result<Message<'_>, MessageError> {
    let message = match market {
        Market::Kraken => kraken::decode(json),
        Market::Okx => okx::decode(json),
        Market::Coinbase => coinbase::decode(json),
        Market::Bybit => bybit::decode(json),
        Market::Deribit => deribit::decode(json),
        Market::BinanceSpot | Market::BinanceUsdm => panic!("Binance's messages have a codec of their own"),
    }?;
    if let Message::Book(changes) = &message {
        for (side, key) in changes.sides.iter().zip(["bids", "asks"]) {
            if side.len() > LEVELS_MAX {
                return Err(out_of_range(
                    key,
                    &side.len().to_string(),
                    "at most 16,384 levels a side",
                ));
            }
        }
    }
    Ok(message)
}

/// Parses all of `json`.
pub(crate) fn parse<'a, T: Deserialize<'a>>(key: &str, json: &'a str) -> Result<T, MessageError> {
    serde_json::from_str(json).map_err(|error| MessageError::Json {
        key: key.to_owned(),
        problem: excerpt(error.to_string().lines().next().unwrap_or_default()),
    })
}

/// The text of a number, or of a string without escapes.
pub(crate) fn text(raw: &RawValue) -> &str {
    let text = raw.get();
    text.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(text)
}

pub(crate) fn out_of_range(key: &str, text: &str, expected: &'static str) -> MessageError {
    MessageError::OutOfRange {
        key: key.to_owned(),
        text: excerpt(text),
        expected,
    }
}

pub(crate) fn need<T>(value: Option<T>, key: &'static str) -> Result<T, MessageError> {
    value.ok_or(MessageError::Missing { key })
}

/// A whole number of units of `unit_ns`, as nanoseconds.
pub(crate) fn time(key: &str, units: &str, unit_ns: u64) -> Result<u64, MessageError> {
    units
        .parse::<u64>()
        .ok()
        .filter(|_| units.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|units| units.checked_mul(unit_ns))
        .ok_or_else(|| out_of_range(key, units, "a time since 1970 that fits 64 bits as nanoseconds"))
}

/// Seconds with up to nine places behind the point, as nanoseconds.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    const PLACES: usize = 9;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > PLACES {
        return None;
    }
    let seconds: u64 = whole.parse().ok()?;
    let ns: u64 = format!("{fraction:0<PLACES$}").parse().ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_exactly() {
        assert_eq!(seconds("1618678132.3858151"), Some(1_618_678_132_385_815_100));
        assert_eq!(seconds("0.000000001"), Some(1));
        assert_eq!(seconds("7"), Some(7_000_000_000));
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-1",
            "+1",
            "1.0000000001",
            "1e3",
            "18446744074",
            "1.5.5",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
