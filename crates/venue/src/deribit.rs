//! Deribit, JSON-RPC version 2: `book.INSTRUMENT.raw` and `ticker.INSTRUMENT.raw`.
//!
//! Rules (Deribit API, `book.(instrument_name).(interval)`): the first message holds the whole book, the following ones
//! `[action, price, amount]` with the actions `new`, `change` and `delete`. Each has a `change_id`, and each but the first a
//! `prev_change_id`, which is the `change_id` of the message before if none was missed. There is no checksum; the actions
//! say besides whether the level was there, and a `ticker` gives the best prices and amounts as of its `timestamp`. Numbers
//! are JSON numbers, as `0.0015` or `5.0e-4`, and are read as text.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::MessageError;
use crate::wire::{Action, Change, Changes, Message, Quote, need, out_of_range, parse, text, time};

#[derive(Deserialize)]
struct Envelope<'a> {
    method: Option<&'a str>,
    #[serde(borrow)]
    params: Option<Params<'a>>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Params<'a> {
    channel: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Book<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    timestamp: &'a RawValue,
    instrument_name: &'a str,
    change_id: u64,
    prev_change_id: Option<u64>,
    #[serde(borrow)]
    bids: Vec<(&'a str, &'a RawValue, &'a RawValue)>,
    #[serde(borrow)]
    asks: Vec<(&'a str, &'a RawValue, &'a RawValue)>,
}

#[derive(Deserialize)]
struct Ticker<'a> {
    #[serde(borrow)]
    timestamp: &'a RawValue,
    instrument_name: &'a str,
    #[serde(borrow)]
    best_bid_price: &'a RawValue,
    #[serde(borrow)]
    best_bid_amount: &'a RawValue,
    #[serde(borrow)]
    best_ask_price: &'a RawValue,
    #[serde(borrow)]
    best_ask_amount: &'a RawValue,
}

/// Decodes one message.
pub(crate) fn decode(json: &str) -> Result<Message<'_>, MessageError> {
    let envelope: Envelope<'_> = parse("", json)?;
    match envelope.method {
        Some("subscription") => {}
        Some("heartbeat") => return Ok(Message::Other),
        None if envelope.result.is_some() => return Ok(Message::Other),
        None => return Err(MessageError::Missing { key: "method" }),
        Some(other) => return Err(out_of_range("method", other, "subscription")),
    }
    let params = need(envelope.params, "params")?;
    let channel = need(params.channel, "channel")?;
    let data = need(params.data, "data")?.get();
    match *channel.split('.').collect::<Vec<_>>() {
        ["book", symbol, "raw"] => book(symbol, data),
        ["ticker", symbol, "raw" | "100ms"] => ticker(symbol, data),
        ["trades", ..] => Ok(Message::Other),
        _ => Err(out_of_range("channel", channel, "book, ticker or trades, raw")),
    }
}

fn is_about(symbol: &str, name: &str) -> Result<(), MessageError> {
    if name == symbol {
        return Ok(());
    }
    Err(MessageError::WrongSymbol {
        key: "instrument_name",
        text: crate::error::excerpt(name),
        expected: symbol.to_owned(),
    })
}

fn book<'a>(symbol: &'a str, data: &'a str) -> Result<Message<'a>, MessageError> {
    let book: Book<'_> = parse("data", data)?;
    is_about(symbol, book.instrument_name)?;
    let is_image = match (book.kind, book.prev_change_id) {
        ("snapshot", None) => true,
        ("change", Some(_)) => false,
        ("change", None) => {
            return Err(MessageError::Missing {
                key: "prev_change_id",
            });
        }
        ("snapshot", Some(_)) => {
            return Err(MessageError::Unexpected {
                key: "prev_change_id".to_owned(),
            });
        }
        (other, _) => return Err(out_of_range("type", other, "snapshot or change")),
    };
    let mut changes = Changes {
        symbol,
        is_image,
        ts_event: time("timestamp", book.timestamp.get(), 1_000_000)?,
        id: Some(book.change_id),
        prev_id: book.prev_change_id,
        ..Changes::default()
    };
    for (levels, into) in [book.bids, book.asks].into_iter().zip(&mut changes.sides) {
        for (action, px, qty) in levels {
            let (action, qty) = match action {
                "new" => (Action::New, text(qty)),
                "change" => (Action::Change, text(qty)),
                "delete" => (Action::Delete, ""),
                other => return Err(out_of_range("bids or asks", other, "new, change or delete")),
            };
            into.push(Change {
                action,
                px: text(px),
                qty,
                id: None,
            });
        }
    }
    Ok(Message::Book(changes))
}

fn ticker<'a>(symbol: &'a str, data: &'a str) -> Result<Message<'a>, MessageError> {
    let ticker: Ticker<'_> = parse("data", data)?;
    is_about(symbol, ticker.instrument_name)?;
    let best = |px: &'a RawValue, qty: &'a RawValue| {
        let is_empty = qty.get().bytes().all(|b| b == b'0' || b == b'.');
        (!is_empty).then(|| (text(px), Some(text(qty))))
    };
    Ok(Message::Quote(Quote {
        symbol,
        ts_event: time("timestamp", ticker.timestamp.get(), 1_000_000)?,
        sides: [
            best(ticker.best_bid_price, ticker.best_bid_amount),
            best(ticker.best_ask_price, ticker.best_ask_amount),
        ],
    }))
}
