//! Coinbase Pro, websocket feed: the `level2` and `ticker` channels.
//!
//! Rules (Coinbase Exchange, "WebSocket Channels", `level2`): `snapshot` holds the whole book, each `l2update` changes
//! `[side, price, size]`, where the size is the new one and zero removes. There is no sequence and no checksum, so a lost or
//! changed message as such can't be seen. What can be checked: `time` never goes back; a level that is removed was there;
//! the book is not crossed; and `best_bid` and `best_ask` of a `ticker` are those of the book as of its `time`.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::MessageError;
use crate::wire::{Action, Change, Changes, Message, Quote, need, out_of_range, parse};

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    product_id: Option<&'a str>,
    time: Option<&'a str>,
    #[serde(borrow)]
    bids: Option<Vec<[&'a str; 2]>>,
    #[serde(borrow)]
    asks: Option<Vec<[&'a str; 2]>>,
    #[serde(borrow)]
    changes: Option<&'a RawValue>,
    best_bid: Option<&'a str>,
    best_ask: Option<&'a str>,
}

/// Decodes one message.
pub(crate) fn decode(json: &str) -> Result<Message<'_>, MessageError> {
    let envelope: Envelope<'_> = parse("", json)?;
    match envelope.kind {
        "snapshot" => image(envelope),
        "l2update" => update(&envelope),
        "ticker" => quote(&envelope),
        "subscriptions" | "match" | "last_match" | "heartbeat" => Ok(Message::Other),
        other => Err(out_of_range("type", other, "a type that Coinbase sends")),
    }
}

fn set<'a>(px: &'a str, qty: &'a str) -> Change<'a> {
    // Text of zeros removes, and only a level that is there is removed.
    let is_zero = qty.bytes().any(|b| b == b'0') && qty.bytes().all(|b| b == b'0' || b == b'.');
    Change {
        action: if is_zero { Action::Delete } else { Action::Set },
        px,
        qty: if is_zero { "" } else { qty },
        id: None,
    }
}

fn levels(levels: Vec<[&str; 2]>) -> Vec<Change<'_>> {
    levels
        .into_iter()
        .map(|[px, qty]| Change {
            action: Action::Set,
            px,
            qty,
            id: None,
        })
        .collect()
}

fn image(envelope: Envelope<'_>) -> Result<Message<'_>, MessageError> {
    Ok(Message::Book(Changes {
        symbol: need(envelope.product_id, "product_id")?,
        is_image: true,
        sides: [
            levels(need(envelope.bids, "bids")?),
            levels(need(envelope.asks, "asks")?),
        ],
        ..Changes::default()
    }))
}

fn update<'a>(envelope: &Envelope<'a>) -> Result<Message<'a>, MessageError> {
    let mut changes = Changes {
        symbol: need(envelope.product_id, "product_id")?,
        ts_event: utc(need(envelope.time, "time")?)?,
        ..Changes::default()
    };
    let entries: Vec<[&str; 3]> = parse("changes", need(envelope.changes, "changes")?.get())?;
    for [side, px, qty] in entries {
        let side = match side {
            "buy" => 0,
            "sell" => 1,
            other => return Err(out_of_range("changes", other, "buy or sell")),
        };
        changes.sides[side].push(set(px, qty));
    }
    Ok(Message::Book(changes))
}

fn quote<'a>(envelope: &Envelope<'a>) -> Result<Message<'a>, MessageError> {
    let best = |px: Option<&'a str>, key| Ok::<_, MessageError>(Some((need(px, key)?, None)));
    Ok(Message::Quote(Quote {
        symbol: need(envelope.product_id, "product_id")?,
        ts_event: utc(need(envelope.time, "time")?)?,
        sides: [
            best(envelope.best_bid, "best_bid")?,
            best(envelope.best_ask, "best_ask")?,
        ],
    }))
}

/// `2021-04-17T16:43:37.075687Z` as nanoseconds since the Unix epoch.
fn utc(text: &str) -> Result<u64, MessageError> {
    parse_utc(text).ok_or_else(|| out_of_range("time", text, "a time as 2021-04-17T16:43:37.075687Z"))
}

fn parse_utc(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = fields(clock, ':', [2, 2, 2])?;
    let is_date = (1970..2262).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // Days since 1970 of a date in the Gregorian calendar, with years that begin in March.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    crate::wire::seconds(&format!("{seconds}.{fraction}"))
}

fn fields(text: &str, separator: char, lens: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut values = [0; 3];
    for (value, len) in values.iter_mut().zip(lens) {
        let part = parts.next()?;
        let is_number = part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
        *value = part.parse().ok().filter(|_| is_number)?;
    }
    parts.next().is_none().then_some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        let ns = |text| parse_utc(text);
        assert_eq!(ns("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(ns("2021-04-17T16:43:37.075687Z"), Some(1_618_677_817_075_687_000));
        assert_eq!(
            ns("2024-02-29T23:59:59.999999999Z"),
            Some(1_709_251_199_999_999_999)
        );
        for text in [
            "",
            "2021-04-17T16:43:37.075687",
            "2021-4-17T16:43:37Z",
            "2021-13-17T16:43:37Z",
            "2021-00-17T16:43:37Z",
            "1969-12-31T23:59:59Z",
            "2021-04-17 16:43:37Z",
            "2021-04-17T24:43:37Z",
            "2021-04-17T16:43:37.Z",
            "+021-04-17T16:43:37Z",
        ] {
            assert_eq!(ns(text), None, "{text}");
        }
    }
}
