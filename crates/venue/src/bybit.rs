//! Bybit inverse contracts, the websocket before version 5: `orderBookL2_25`.
//!
//! Rules (Bybit, "Inverse Perpetual", `orderBookL2_25`): levels have an id of their price; `snapshot` holds 25 a side; a
//! `delta` deletes, updates and inserts by id. `cross_seq` rises and has holes, so a lost message as such can't be seen.
//! What can be checked: `cross_seq` rises and `timestamp_e6` does not go back; what is inserted was not there, and what is
//! updated or deleted was; an id belongs to its price; no side has more than 25 levels; the book is not crossed.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::MessageError;
use crate::wire::{Action, Change, Changes, Message, need, out_of_range, parse, text, time};

/// Levels a side of this channel.
pub(crate) const DEPTH: usize = 25;

#[derive(Deserialize)]
struct Envelope<'a> {
    topic: Option<&'a str>,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    cross_seq: Option<u64>,
    #[serde(borrow)]
    timestamp_e6: Option<&'a RawValue>,
    success: Option<bool>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow)]
    delete: Vec<Level<'a>>,
    #[serde(borrow)]
    update: Vec<Level<'a>>,
    #[serde(borrow)]
    insert: Vec<Level<'a>>,
}

#[derive(Deserialize)]
struct Level<'a> {
    price: &'a str,
    symbol: &'a str,
    id: u64,
    side: &'a str,
    #[serde(borrow)]
    size: Option<&'a RawValue>,
}

/// Decodes one message.
pub(crate) fn decode(json: &str) -> Result<Message<'_>, MessageError> {
    let envelope: Envelope<'_> = parse("", json)?;
    let Some(topic) = envelope.topic else {
        return match envelope.success {
            Some(true) => Ok(Message::Other),
            Some(false) => Err(out_of_range("success", "false", "true")),
            None => Err(MessageError::Missing { key: "topic" }),
        };
    };
    let (channel, symbol) = topic
        .split_once('.')
        .ok_or_else(|| out_of_range("topic", topic, "channel.symbol"))?;
    match channel {
        "orderBookL2_25" => {}
        "trade" | "instrument_info" => return Ok(Message::Other),
        _ => {
            return Err(out_of_range(
                "topic",
                topic,
                "orderBookL2_25, trade or instrument_info",
            ));
        }
    }
    let data = need(envelope.data, "data")?.get();
    let mut changes = Changes {
        symbol,
        ts_event: time(
            "timestamp_e6",
            text(need(envelope.timestamp_e6, "timestamp_e6")?),
            1_000,
        )?,
        id: Some(need(envelope.cross_seq, "cross_seq")?),
        ..Changes::default()
    };
    match need(envelope.kind, "type")? {
        "snapshot" => {
            changes.is_image = true;
            take(&mut changes, Action::New, &parse::<Vec<Level<'_>>>("data", data)?)?;
        }
        "delta" => {
            let delta: Delta<'_> = parse("data", data)?;
            take(&mut changes, Action::Delete, &delta.delete)?;
            take(&mut changes, Action::Change, &delta.update)?;
            take(&mut changes, Action::New, &delta.insert)?;
        }
        other => return Err(out_of_range("type", other, "snapshot or delta")),
    }
    Ok(Message::Book(changes))
}

fn take<'a>(changes: &mut Changes<'a>, action: Action, levels: &[Level<'a>]) -> Result<(), MessageError> {
    for level in levels {
        if level.symbol != changes.symbol {
            return Err(MessageError::WrongSymbol {
                key: "symbol",
                text: crate::error::excerpt(level.symbol),
                expected: changes.symbol.to_owned(),
            });
        }
        let side = match level.side {
            "Buy" => 0,
            "Sell" => 1,
            other => return Err(out_of_range("side", other, "Buy or Sell")),
        };
        let qty = match (action, level.size) {
            (Action::Delete, _) => "",
            (_, size) => text(need(size, "size")?),
        };
        changes.sides[side].push(Change {
            action,
            px: level.price,
            qty,
            id: Some(level.id),
        });
    }
    Ok(())
}
