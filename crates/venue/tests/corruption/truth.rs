//! What a book should be: frames read in the plainest way, apart from the code under test.

use std::collections::BTreeMap;
use std::rc::Rc;

use pinrail_types::record::BookLevel;
use pinrail_types::{Grid, Px, Qty};
use pinrail_venue::{Listing, Market};
use serde_json::{Value, json};

/// A level as told: quantity zero where it is gone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Level {
    px: i64,
    qty: i64,
    /// Price and quantity as sent, and Bybit's id.
    sent: Rc<(String, String, u64)>,
}

/// A depth frame of one book.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) is_image: bool,
    /// What the venue has of: first id, last id, id before.
    pub(crate) ids: [u64; 3],
    /// The venue's time, as sent.
    pub(crate) time: String,
    pub(crate) sides: [Vec<Level>; 2],
}

/// The text of a value. Numbers here have so few digits that a float gives them back as they were.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn steps(grid: &Grid, text: &str) -> Option<i64> {
    grid.steps(text.as_bytes()).ok()
}

fn level(listing: &Listing, px: &Value, qty: Option<&Value>, id: u64) -> Option<Level> {
    let (px, qty) = (text(px)?, qty.map_or(Some("0".to_owned()), text)?);
    Some(Level {
        px: steps(&listing.tick, &px)?,
        qty: steps(&listing.lot, &qty)?,
        sent: Rc::new((px, qty, id)),
    })
}

/// Levels that begin with price and quantity.
fn pairs(listing: &Listing, levels: &Value) -> Option<Vec<Level>> {
    let levels = levels.as_array()?.iter();
    levels.map(|l| level(listing, l.get(0)?, l.get(1), 0)).collect()
}

/// The frame, if it is one about the listing's depth.
pub(crate) fn read(listing: &Listing, frame: &str) -> Option<Event> {
    let frame: Value = serde_json::from_str(frame).ok()?;
    match listing.market {
        Market::BinanceSpot | Market::BinanceUsdm => binance(listing, &frame),
        Market::Kraken => kraken(listing, &frame),
        Market::Okx => okx(listing, &frame),
        Market::Coinbase => coinbase(listing, &frame),
        Market::Bybit => bybit(listing, &frame),
        Market::Deribit => deribit(listing, &frame),
    }
}

fn binance(listing: &Listing, frame: &Value) -> Option<Event> {
    if let Some(id) = frame["lastUpdateId"].as_u64() {
        return Some(Event {
            is_image: true,
            ids: [id, id, 0],
            time: String::new(),
            sides: [pairs(listing, &frame["bids"])?, pairs(listing, &frame["asks"])?],
        });
    }
    let data = &frame["data"];
    frame["stream"].as_str().filter(|name| name.contains("@depth"))?;
    Some(Event {
        is_image: false,
        ids: [
            data["U"].as_u64()?,
            data["u"].as_u64()?,
            data["pu"].as_u64().unwrap_or(0),
        ],
        time: data["E"].to_string(),
        sides: [pairs(listing, &data["b"])?, pairs(listing, &data["a"])?],
    })
}

fn kraken(listing: &Listing, frame: &Value) -> Option<Event> {
    let entries = frame.as_array()?;
    if entries.last()?.as_str()? != listing.symbol {
        return None;
    }
    let mut event = Event {
        is_image: false,
        ids: [0; 3],
        time: String::new(),
        sides: [Vec::new(), Vec::new()],
    };
    for part in entries.iter().filter_map(Value::as_object) {
        for (key, levels) in part.iter().filter(|(key, _)| *key != "c") {
            event.is_image |= key.len() > 1;
            event.sides[usize::from(key.starts_with('a'))].extend(pairs(listing, levels)?);
        }
    }
    Some(event)
}

fn okx(listing: &Listing, frame: &Value) -> Option<Event> {
    let (arg, data) = (&frame["arg"], &frame["data"][0]);
    if arg["channel"] != "books" || arg["instId"] != listing.symbol.as_str() {
        return None;
    }
    Some(Event {
        is_image: frame["action"] == "snapshot",
        ids: [0; 3],
        time: data["ts"].as_str()?.to_owned(),
        sides: [pairs(listing, &data["bids"])?, pairs(listing, &data["asks"])?],
    })
}

fn coinbase(listing: &Listing, frame: &Value) -> Option<Event> {
    if frame["product_id"] != listing.symbol.as_str() {
        return None;
    }
    let mut event = Event {
        is_image: frame["type"] == "snapshot",
        ids: [0; 3],
        time: frame["time"].as_str().unwrap_or_default().to_owned(),
        sides: [Vec::new(), Vec::new()],
    };
    if event.is_image {
        event.sides = [pairs(listing, &frame["bids"])?, pairs(listing, &frame["asks"])?];
        return Some(event);
    }
    for change in frame["changes"].as_array()? {
        let side = usize::from(change[0] == "sell");
        event.sides[side].push(level(listing, &change[1], change.get(2), 0)?);
    }
    Some(event)
}

fn bybit(listing: &Listing, frame: &Value) -> Option<Event> {
    let topic = format!("orderBookL2_25.{}", listing.symbol);
    if frame["topic"] != topic.as_str() {
        return None;
    }
    let id = frame["cross_seq"].as_u64()?;
    let mut event = Event {
        is_image: frame["type"] == "snapshot",
        ids: [id, id, 0],
        time: text(&frame["timestamp_e6"])?,
        sides: [Vec::new(), Vec::new()],
    };
    let data = &frame["data"];
    let parts = if event.is_image {
        vec![data]
    } else {
        vec![&data["delete"], &data["update"], &data["insert"]]
    };
    for entry in parts.into_iter().filter_map(Value::as_array).flatten() {
        let side = usize::from(entry["side"] == "Sell");
        let told = level(listing, &entry["price"], entry.get("size"), entry["id"].as_u64()?)?;
        event.sides[side].push(told);
    }
    Some(event)
}

fn deribit(listing: &Listing, frame: &Value) -> Option<Event> {
    let (channel, data) = (&frame["params"]["channel"], &frame["params"]["data"]);
    if *channel != format!("book.{}.raw", listing.symbol).as_str() {
        return None;
    }
    let id = data["change_id"].as_u64()?;
    let side = |levels: &Value| -> Option<Vec<Level>> {
        let levels = levels.as_array()?.iter();
        levels.map(|l| level(listing, &l[1], l.get(2), 0)).collect()
    };
    Some(Event {
        is_image: data["type"] == "snapshot",
        ids: [id, id, data["prev_change_id"].as_u64().unwrap_or(0)],
        time: text(&data["timestamp"])?,
        sides: [side(&data["bids"])?, side(&data["asks"])?],
    })
}

/// The book behind the frames that were applied.
#[derive(Clone, Debug)]
pub(crate) struct Truth {
    listing: Listing,
    sides: [BTreeMap<i64, Level>; 2],
    last: Option<Event>,
}

const KRAKEN_DEPTH: usize = 1_000;

impl Truth {
    pub(crate) fn new(listing: &Listing) -> Truth {
        Truth {
            listing: listing.clone(),
            sides: Default::default(),
            last: None,
        }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.last.is_some()
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        if event.is_image {
            self.sides = Default::default();
        }
        for (side, levels) in event.sides.iter().enumerate() {
            for level in levels {
                let key = if side == 0 { -level.px } else { level.px };
                if level.qty == 0 {
                    self.sides[side].remove(&key);
                } else {
                    self.sides[side].insert(key, level.clone());
                }
            }
            while self.listing.market == Market::Kraken && self.sides[side].len() > KRAKEN_DEPTH {
                self.sides[side].pop_last();
            }
        }
        let levels_left_out = Event {
            sides: Default::default(),
            time: event.time.clone(),
            ..*event
        };
        self.last = Some(levels_left_out);
    }

    /// The levels of a side, best first.
    pub(crate) fn levels(&self, side: usize) -> impl Iterator<Item = BookLevel> + '_ {
        self.sides[side].values().map(|level| BookLevel {
            px: Px(level.px),
            qty: Qty(level.qty),
        })
    }

    /// The image that the venue would send now.
    pub(crate) fn image(&self) -> String {
        let last = self.last.as_ref().expect("a book");
        let symbol = &self.listing.symbol;
        let side = |side: usize, to_value: &dyn Fn(&Level) -> Value| -> Value {
            self.sides[side].values().map(to_value).collect()
        };
        let pair = |level: &Level| json!([level.sent.0, level.sent.1]);
        let image = match self.listing.market {
            Market::BinanceSpot | Market::BinanceUsdm => json!({
                "lastUpdateId": last.ids[1], "bids": side(0, &pair), "asks": side(1, &pair),
            }),
            Market::Kraken => {
                let timed = |level: &Level| json!([level.sent.0, level.sent.1, "1.000000"]);
                json!([0, {"as": side(1, &timed), "bs": side(0, &timed)}, "book-1000", symbol])
            }
            Market::Okx => {
                let counted = |level: &Level| json!([level.sent.0, level.sent.1, "0", "1"]);
                json!({"arg": {"channel": "books", "instId": symbol}, "action": "snapshot", "data": [{
                    "asks": side(1, &counted), "bids": side(0, &counted), "ts": last.time,
                    "checksum": self.okx_checksum(),
                }]})
            }
            Market::Coinbase => json!({
                "type": "snapshot", "product_id": symbol, "asks": side(1, &pair), "bids": side(0, &pair),
            }),
            Market::Bybit => {
                let levels: Vec<Value> = [(0, "Buy"), (1, "Sell")]
                    .into_iter()
                    .flat_map(|(side, name)| self.sides[side].values().map(move |level| (level, name)))
                    .map(|(level, name)| {
                        let size: u64 = level.sent.1.parse().expect("a whole number");
                        json!({"price": level.sent.0, "symbol": symbol, "id": level.sent.2, "side": name,
                            "size": size})
                    })
                    .collect();
                let time: u64 = last.time.parse().expect("a whole number");
                json!({"topic": format!("orderBookL2_25.{symbol}"), "type": "snapshot", "data": levels,
                    "cross_seq": last.ids[1], "timestamp_e6": time})
            }
            Market::Deribit => {
                let number = |text: &str| serde_json::from_str::<Value>(text).expect("a number");
                let new = |level: &Level| json!(["new", number(&level.sent.0), number(&level.sent.1)]);
                json!({"jsonrpc": "2.0", "method": "subscription", "params": {
                    "channel": format!("book.{symbol}.raw"),
                    "data": {"type": "snapshot", "timestamp": number(&last.time), "instrument_name": symbol,
                        "change_id": last.ids[1], "bids": side(0, &new), "asks": side(1, &new)},
                }})
            }
        };
        image.to_string()
    }

    /// CRC-32 over the strings as sent.
    fn okx_checksum(&self) -> i32 {
        let mut parts = Vec::new();
        let [mut bids, mut asks] = [0, 1].map(|side| self.sides[side].values());
        for _ in 0..25 {
            for level in [bids.next(), asks.next()].into_iter().flatten() {
                parts.push(format!("{}:{}", level.sent.0, level.sent.1));
            }
        }
        let mut crc = flate2::Crc::new();
        crc.update(parts.join(":").as_bytes());
        crc.sum().cast_signed()
    }
}
