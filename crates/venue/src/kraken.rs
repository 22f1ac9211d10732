//! Kraken spot, websocket version 1: the `book` channel.
//!
//! Rules (Kraken, "Spot Websockets (v1)", channel `book`, and "Book checksum (WebSocket v1)"): a message is
//! `[channelID, {...}, "book-DEPTH", pair]`, an image with `as` and `bs`, updates with `a` or `b` or, in two objects, both.
//! A level is `[price, volume, time]`, and volume zero removes it; a fourth entry `"r"` says that it was published before
//! and comes back into the depth, and changes nothing. The last entries of an array are the newest. After each update the
//! book is cut to the subscribed depth: no removal is sent for what falls out. `c` of an update is the CRC-32 of the best
//! ten levels, offers first. There are no sequence numbers, and images carry no checksum. Checksums alone can't tell two
//! messages that changed places where the second undoes the first; the times of levels can: but for those that were
//! published before, they never go back.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{MessageError, excerpt};
use crate::wire::{Action, Change, Changes, Message, need, out_of_range, parse, seconds};

#[derive(Deserialize)]
struct Event<'a> {
    event: &'a str,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, rename = "bs")]
    image_bids: Option<Vec<Vec<&'a str>>>,
    #[serde(borrow, rename = "as")]
    image_asks: Option<Vec<Vec<&'a str>>>,
    #[serde(borrow, rename = "b")]
    bids: Option<Vec<Vec<&'a str>>>,
    #[serde(borrow, rename = "a")]
    asks: Option<Vec<Vec<&'a str>>>,
    #[serde(rename = "c")]
    checksum: Option<&'a str>,
}

/// Decodes one message.
pub(crate) fn decode(json: &str) -> Result<Message<'_>, MessageError> {
    if json.trim_start().starts_with('{') {
        let event: Event<'_> = parse("event", json)?;
        return match event.event {
            "heartbeat" | "systemStatus" | "subscriptionStatus" | "pong" => Ok(Message::Other),
            other => Err(out_of_range("event", other, "an event that Kraken sends")),
        };
    }
    let entries: Vec<&RawValue> = parse("", json)?;
    let [_, parts @ .., channel, symbol] = entries.as_slice() else {
        return Err(out_of_range(
            "",
            &excerpt(json),
            "[channelID, {...}, channel, pair]",
        ));
    };
    let channel: &str = parse("channelName", channel.get())?;
    let symbol = parse("pair", symbol.get())?;
    let Some(depth) = channel.strip_prefix("book-") else {
        return match channel.split('-').next() {
            Some("ticker" | "ohlc" | "trade" | "spread") => Ok(Message::Other),
            _ => Err(out_of_range("channelName", channel, "a channel that Kraken has")),
        };
    };
    let depth = match depth {
        "10" => 10,
        "25" => 25,
        "100" => 100,
        "500" => 500,
        "1000" => 1000,
        _ => return Err(out_of_range("channelName", channel, "a depth that Kraken has")),
    };
    let mut changes = Changes {
        symbol,
        depth: Some(depth),
        ..Changes::default()
    };
    match parts {
        [part] => take_part(&mut changes, part)?,
        [first, second] => {
            take_part(&mut changes, first)?;
            take_part(&mut changes, second)?;
        }
        _ => return Err(out_of_range("", &excerpt(json), "one or two objects of levels")),
    }
    if changes.is_image {
        let is_whole = parts.len() == 1 && changes.checksum.is_none();
        return if is_whole {
            Ok(Message::Book(changes))
        } else {
            Err(MessageError::Unexpected { key: "as".to_owned() })
        };
    }
    need(changes.checksum, "c")?;
    Ok(Message::Book(changes))
}

fn take_part<'a>(changes: &mut Changes<'a>, raw: &'a RawValue) -> Result<(), MessageError> {
    let part: Part<'a> = parse("", raw.get())?;
    let is_image = match (part.image_bids.is_some(), part.image_asks.is_some()) {
        (true, true) => true,
        (false, false) => false,
        (true, false) => return Err(MessageError::Missing { key: "as" }),
        (false, true) => return Err(MessageError::Missing { key: "bs" }),
    };
    let has_changes = part.bids.is_some() || part.asks.is_some();
    if is_image == has_changes {
        return Err(MessageError::Missing { key: "a" });
    }
    changes.is_image |= is_image;
    if let Some(text) = part.checksum {
        let checksum = text
            .parse()
            .map_err(|_| out_of_range("c", text, "an unsigned number of 32 bits"))?;
        if changes.checksum.replace(checksum).is_some() {
            return Err(MessageError::Unexpected { key: "c".to_owned() });
        }
    }
    let sides = [part.image_bids.or(part.bids), part.image_asks.or(part.asks)];
    for (levels, into) in sides.into_iter().zip(&mut changes.sides) {
        for level in levels.into_iter().flatten() {
            let ([px, qty, time] | [px, qty, time, "r"]) = level[..] else {
                return Err(out_of_range("a or b", &level.join(", "), "[price, volume, time]"));
            };
            let time = seconds(time).ok_or_else(|| out_of_range("a or b", time, "seconds"))?;
            if level.len() == 3 {
                changes.ts_event = changes.ts_event.max(time);
            }
            into.push(Change {
                action: Action::Set,
                px,
                qty,
                id: None,
            });
        }
    }
    Ok(())
}
