//! OKX, websocket version 5: the `books` channel.
//!
//! Rules (OKX API guide v5, "WS / Order book channel"): an image with `action` `snapshot`, then updates of levels
//! `[price, size, "0", orders]`, where size zero removes. `checksum` is the CRC-32, as a signed number, of the best 25
//! levels of both sides in turn, `bid:size:ask:size:...`, as the strings were sent; what a side lacks is left out. From
//! June 2026 on it is always 0, and messages are to be followed by `prevSeqId`, which is the `seqId` of the message before;
//! a message without change repeats its `seqId`. At maintenance `seqId` may start again below: here that is a gap. OKX
//! also removes levels that lie beyond the 400 it sent.

use serde::Deserialize;

use crate::error::MessageError;
use crate::wire::{Action, Change, Changes, Message, need, out_of_range, parse, time};

#[derive(Deserialize)]
struct Envelope<'a> {
    event: Option<&'a str>,
    #[serde(borrow)]
    arg: Option<Arg<'a>>,
    action: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a serde_json::value::RawValue>,
}

#[derive(Deserialize)]
struct Arg<'a> {
    channel: &'a str,
    #[serde(rename = "instId")]
    symbol: Option<&'a str>,
}

#[derive(Deserialize)]
struct Book<'a> {
    #[serde(borrow)]
    bids: Vec<Vec<&'a str>>,
    #[serde(borrow)]
    asks: Vec<Vec<&'a str>>,
    ts: &'a str,
    checksum: Option<i32>,
    #[serde(rename = "seqId")]
    id: Option<u64>,
    /// -1 in an image.
    #[serde(rename = "prevSeqId")]
    prev_id: Option<i64>,
}

/// Decodes one message.
pub(crate) fn decode(json: &str) -> Result<Message<'_>, MessageError> {
    if json == "pong" {
        return Ok(Message::Other);
    }
    let envelope: Envelope<'_> = parse("", json)?;
    if let Some(event) = envelope.event {
        return match event {
            "subscribe" | "unsubscribe" | "channel-conn-count" => Ok(Message::Other),
            other => Err(out_of_range("event", other, "an event that OKX sends")),
        };
    }
    let arg = need(envelope.arg, "arg")?;
    match arg.channel {
        "books" => {}
        "tickers" | "trades" => return Ok(Message::Other),
        other => return Err(out_of_range("channel", other, "books, tickers or trades")),
    }
    let is_image = match need(envelope.action, "action")? {
        "snapshot" => true,
        "update" => false,
        other => return Err(out_of_range("action", other, "snapshot or update")),
    };
    let books: Vec<Book<'_>> = parse("data", need(envelope.data, "data")?.get())?;
    let [book] = &books[..] else {
        return Err(out_of_range("data", &books.len().to_string(), "one book"));
    };
    let mut changes = Changes {
        symbol: need(arg.symbol, "instId")?,
        is_image,
        ts_event: time("ts", book.ts, 1_000_000)?,
        id: book.id,
        prev_id: (!is_image)
            .then_some(book.prev_id.and_then(|id| u64::try_from(id).ok()))
            .flatten(),
        checksum: book.checksum.filter(|sum| *sum != 0).map(i32::cast_unsigned),
        ..Changes::default()
    };
    if book.id.is_some() && !is_image {
        need(changes.prev_id, "prevSeqId")?;
    }
    if book.id.is_none() && changes.checksum.is_none() {
        return Err(MessageError::Missing { key: "seqId" });
    }
    for (levels, into) in [&book.bids, &book.asks].into_iter().zip(&mut changes.sides) {
        for level in levels {
            let [px, qty, _, _] = level[..] else {
                return Err(out_of_range(
                    "bids or asks",
                    &level.join(", "),
                    "[price, size, \"0\", orders]",
                ));
            };
            into.push(Change {
                action: Action::Set,
                px,
                qty,
                id: None,
            });
        }
    }
    Ok(Message::Book(changes))
}
