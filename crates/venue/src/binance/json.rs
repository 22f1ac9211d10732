//! One pass over a message: keys to fields, decimal text straight onto the grid.

use std::fmt;

use bytemuck::Zeroable;
use pinrail_types::record::{BookLevel, TopOfBook, Trade};
use pinrail_types::{Px, Qty, Side};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Codec, Depth, Message};
use crate::amount::{LEVELS_MAX, PX_RANGE, QTY_RANGE, amount};
use crate::error::{MessageError, excerpt};
use crate::listing::{Listing, Market};

/// See [`Codec::decode`].
pub(super) fn decode<'c>(
    codec: &'c mut Codec,
    ts_recv: u64,
    json: &str,
) -> Result<Message<'c>, MessageError> {
    let Codec { listing, bids, asks } = codec;
    bids.clear();
    asks.clear();
    let mut parse = Parse {
        listing,
        bids,
        asks,
        fields: Fields::default(),
        key: "",
        refusal: None,
    };
    let mut parser = serde_json::Deserializer::from_str(json);
    let object = Object {
        shape: Shape::Envelope,
        parse: &mut parse,
    };
    let outcome = object.deserialize(&mut parser).and_then(|()| parser.end());
    let Parse {
        fields,
        key,
        refusal,
        bids,
        asks,
        ..
    } = parse;
    match (refusal, outcome) {
        (Some(refusal), _) => Err(refusal),
        (None, Err(error)) => Err(MessageError::Json {
            key: excerpt(key),
            problem: error.to_string().lines().next().unwrap_or_default().to_owned(),
        }),
        (None, Ok(())) => fields.into_message(listing, ts_recv, bids, asks),
    }
}

/// Which keys an object may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Shape {
    /// A combined-stream frame or a REST snapshot.
    #[default]
    Envelope,
    /// `data` of a `depth` stream.
    Depth,
    /// `data` of a `bookTicker` stream.
    Ticker,
    /// `data` of a `trade` stream.
    Trade,
}

impl Shape {
    fn event(self) -> &'static str {
        match self {
            Shape::Envelope => "",
            Shape::Depth => "depthUpdate",
            Shape::Ticker => "bookTicker",
            Shape::Trade => "trade",
        }
    }
}

/// The values found so far.
#[derive(Default)]
struct Fields {
    /// What the stream's name promises.
    stream: Option<Shape>,
    /// The innermost object's shape: the stream's as soon as its `data` was met.
    shape: Shape,
    has_symbol: bool,
    has_bids: bool,
    has_asks: bool,
    event_ms: Option<u64>,
    first_id: Option<u64>,
    last_id: Option<u64>,
    prev_id: Option<u64>,
    trade_id: Option<u64>,
    bid_px: Option<i64>,
    bid_qty: Option<i64>,
    ask_px: Option<i64>,
    ask_qty: Option<i64>,
    px: Option<i64>,
    qty: Option<i64>,
    buyer_is_maker: Option<bool>,
    off_book: Option<bool>,
}

struct Parse<'c, 'de> {
    listing: &'c Listing,
    bids: &'c mut Vec<BookLevel>,
    asks: &'c mut Vec<BookLevel>,
    fields: Fields,
    /// The key read last.
    key: &'de str,
    /// Why the visitor stopped the parser, where it was not the parser itself that found fault: serde carries
    /// only text.
    refusal: Option<MessageError>,
}

impl<'de> Parse<'_, 'de> {
    /// Stops the parser for a reason of our own.
    fn refuse<E: serde::de::Error>(&mut self, refusal: MessageError) -> E {
        self.refusal = Some(refusal);
        E::custom("refused")
    }

    /// Takes the stream's name apart: `btcusdt@depth@100ms`.
    fn stream(&self, name: &str) -> Result<Shape, MessageError> {
        let (symbol, rest) = name.split_once('@').unwrap_or((name, ""));
        let shape = match rest.split_once('@').map_or(rest, |(kind, _speed)| kind) {
            "depth" => Shape::Depth,
            "bookTicker" if rest == "bookTicker" => Shape::Ticker,
            "trade" if rest == "trade" => Shape::Trade,
            _ => return Err(MessageError::UnknownStream { text: excerpt(name) }),
        };
        if !symbol.eq_ignore_ascii_case(&self.listing.symbol) {
            return Err(self.wrong_symbol("stream", name));
        }
        Ok(shape)
    }

    fn wrong_symbol(&self, key: &'static str, text: &str) -> MessageError {
        MessageError::WrongSymbol {
            key,
            text: excerpt(text),
            expected: self.listing.symbol.clone(),
        }
    }

    /// Fills a field that must not be filled yet.
    fn put<T, A: MapAccess<'de>>(
        &mut self,
        slot: fn(&mut Fields) -> &mut Option<T>,
        value: T,
    ) -> Result<(), A::Error> {
        match slot(&mut self.fields).replace(value) {
            None => Ok(()),
            Some(_) => Err(self.unexpected()),
        }
    }

    fn unexpected<E: serde::de::Error>(&mut self) -> E {
        let key = excerpt(self.key);
        self.refuse(MessageError::Unexpected { key })
    }

    fn id<A: MapAccess<'de>>(
        &mut self,
        map: &mut A,
        slot: fn(&mut Fields) -> &mut Option<u64>,
    ) -> Result<(), A::Error> {
        let value = map.next_value()?;
        self.put::<u64, A>(slot, value)
    }

    fn price<A: MapAccess<'de>>(
        &mut self,
        map: &mut A,
        slot: fn(&mut Fields) -> &mut Option<i64>,
    ) -> Result<(), A::Error> {
        let text: &str = map.next_value()?;
        let steps = amount(&self.listing.tick, self.key, text, 0, PX_RANGE);
        let steps = steps.map_err(|e| self.refuse(e))?;
        self.put::<i64, A>(slot, steps)
    }

    fn quantity<A: MapAccess<'de>>(
        &mut self,
        map: &mut A,
        slot: fn(&mut Fields) -> &mut Option<i64>,
    ) -> Result<(), A::Error> {
        let text: &str = map.next_value()?;
        let steps = amount(&self.listing.lot, self.key, text, 0, QTY_RANGE);
        let steps = steps.map_err(|e| self.refuse(e))?;
        self.put::<i64, A>(slot, steps)
    }

    fn levels<A: MapAccess<'de>>(&mut self, map: &mut A, bids: bool) -> Result<(), A::Error> {
        let fields = &mut self.fields;
        let seen = if bids {
            &mut fields.has_bids
        } else {
            &mut fields.has_asks
        };
        if std::mem::replace(seen, true) {
            return Err(self.unexpected());
        }
        map.next_value_seed(Levels {
            listing: self.listing,
            key: self.key,
            into: if bids { self.bids } else { self.asks },
            refusal: &mut self.refusal,
        })
    }
}

/// A JSON object of a known shape, into the fields of `parse`.
struct Object<'p, 'c, 'de> {
    shape: Shape,
    parse: &'p mut Parse<'c, 'de>,
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let parse = self.parse;
        while let Some(key) = map.next_key::<&'de str>()? {
            parse.key = key;
            match (self.shape, key) {
                (Shape::Envelope, "stream") => {
                    let name: &str = map.next_value()?;
                    let shape = parse.stream(name).map_err(|e| parse.refuse(e))?;
                    parse.put::<Shape, A>(|f| &mut f.stream, shape)?;
                }
                (Shape::Envelope, "data") => {
                    let Some(shape) = parse.fields.stream else {
                        return Err(parse.refuse(MessageError::Missing { key: "stream" }));
                    };
                    if std::mem::replace(&mut parse.fields.shape, shape) != Shape::Envelope {
                        return Err(parse.unexpected());
                    }
                    map.next_value_seed(Object { shape, parse })?;
                }
                (Shape::Envelope, "bids") | (Shape::Depth, "b") => parse.levels(&mut map, true)?,
                (Shape::Envelope, "asks") | (Shape::Depth, "a") => parse.levels(&mut map, false)?,
                (_, "e") => {
                    let (event, expected) = (map.next_value::<&str>()?, self.shape.event());
                    if event != expected {
                        let text = excerpt(event);
                        return Err(parse.refuse(MessageError::UnknownEvent { text, expected }));
                    }
                }
                (_, "s") => {
                    let symbol: &str = map.next_value()?;
                    if symbol != parse.listing.symbol {
                        let refusal = parse.wrong_symbol("s", symbol);
                        return Err(parse.refuse(refusal));
                    }
                    parse.fields.has_symbol = true;
                }
                (_, "E") => parse.id(&mut map, |f| &mut f.event_ms)?,
                (Shape::Depth, "U") => parse.id(&mut map, |f| &mut f.first_id)?,
                (Shape::Envelope, "lastUpdateId") | (Shape::Depth | Shape::Ticker, "u") => {
                    parse.id(&mut map, |f| &mut f.last_id)?;
                }
                (Shape::Depth, "pu") => parse.id(&mut map, |f| &mut f.prev_id)?,
                (Shape::Ticker, "b") => parse.price(&mut map, |f| &mut f.bid_px)?,
                (Shape::Ticker, "B") => parse.quantity(&mut map, |f| &mut f.bid_qty)?,
                (Shape::Ticker, "a") => parse.price(&mut map, |f| &mut f.ask_px)?,
                (Shape::Ticker, "A") => parse.quantity(&mut map, |f| &mut f.ask_qty)?,
                (Shape::Trade, "t") => parse.id(&mut map, |f| &mut f.trade_id)?,
                (Shape::Trade, "p") => parse.price(&mut map, |f| &mut f.px)?,
                (Shape::Trade, "q") => parse.quantity(&mut map, |f| &mut f.qty)?,
                (Shape::Trade, "m") => {
                    let value = map.next_value()?;
                    parse.put::<bool, A>(|f| &mut f.buyer_is_maker, value)?;
                }
                (Shape::Trade, "X") => {
                    let off_book = map.next_value::<&str>()? != "MARKET";
                    parse.put::<bool, A>(|f| &mut f.off_book, off_book)?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// An array of `["price", "quantity"]`, appended to `into`.
struct Levels<'p, 'k> {
    listing: &'p Listing,
    key: &'k str,
    into: &'p mut Vec<BookLevel>,
    refusal: &'p mut Option<MessageError>,
}

impl<'de> DeserializeSeed<'de> for Levels<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Levels<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of at most {LEVELS_MAX} [price, quantity] pairs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some((px, qty)) = seq.next_element::<(&'de str, &'de str)>()? {
            let level = || {
                Ok(BookLevel {
                    px: Px(amount(&self.listing.tick, self.key, px, 1, PX_RANGE)?),
                    qty: Qty(amount(&self.listing.lot, self.key, qty, 0, QTY_RANGE)?),
                })
            };
            match level() {
                Ok(level) if self.into.len() < LEVELS_MAX => self.into.push(level),
                Ok(_) => return Err(A::Error::invalid_length(LEVELS_MAX + 1, &self)),
                Err(refusal) => {
                    *self.refusal = Some(refusal);
                    return Err(A::Error::custom("refused"));
                }
            }
        }
        Ok(())
    }
}

fn need<T>(value: Option<T>, key: &'static str) -> Result<T, MessageError> {
    value.ok_or(MessageError::Missing { key })
}

fn must_have(present: bool, key: &'static str) -> Result<(), MessageError> {
    if present {
        Ok(())
    } else {
        Err(MessageError::Missing { key })
    }
}

fn above_zero(key: &str, steps: i64) -> Result<i64, MessageError> {
    if steps > 0 {
        return Ok(steps);
    }
    Err(MessageError::OutOfRange {
        key: key.to_owned(),
        text: steps.to_string(),
        expected: "a number above zero",
    })
}

/// The best price of a side. A side without orders is sent as price zero, quantity zero.
fn best(key: &str, px: i64, qty: i64) -> Result<Px, MessageError> {
    match (px, qty) {
        (0, 0) => Ok(Px::NONE),
        (_, 0) => Err(MessageError::OutOfRange {
            key: key.to_owned(),
            text: px.to_string(),
            expected: "no price where the quantity is zero",
        }),
        _ => above_zero(key, px).map(Px),
    }
}

impl Fields {
    fn into_message<'c>(
        self,
        listing: &Listing,
        ts_recv: u64,
        bids: &'c [BookLevel],
        asks: &'c [BookLevel],
    ) -> Result<Message<'c>, MessageError> {
        let ts_event = self.ts_event()?;
        if self.shape != Shape::Envelope {
            must_have(self.has_symbol, "s")?;
        }
        match self.shape {
            Shape::Envelope if self.stream.is_some() => Err(MessageError::Missing { key: "data" }),
            Shape::Envelope => self.snapshot(ts_event, bids, asks).map(Message::Snapshot),
            Shape::Depth => self
                .update(listing.market, ts_event, bids, asks)
                .map(Message::Update),
            Shape::Ticker => self.top(listing, ts_recv, ts_event).map(Message::Top),
            Shape::Trade if self.off_book == Some(true) => Ok(Message::OffBook),
            Shape::Trade => self.trade(listing, ts_recv, ts_event).map(Message::Trade),
        }
    }

    fn ts_event(&self) -> Result<u64, MessageError> {
        let ms = self.event_ms.unwrap_or(0);
        ms.checked_mul(1_000_000).ok_or_else(|| MessageError::OutOfRange {
            key: "E".to_owned(),
            text: ms.to_string(),
            expected: "milliseconds since 1970 that fit 64 bits as nanoseconds",
        })
    }

    fn snapshot<'c>(
        &self,
        ts_event: u64,
        bids: &'c [BookLevel],
        asks: &'c [BookLevel],
    ) -> Result<Depth<'c>, MessageError> {
        let last_id = need(self.last_id, "lastUpdateId")?;
        must_have(self.has_bids, "bids")?;
        must_have(self.has_asks, "asks")?;
        Ok(Depth {
            first_id: last_id,
            last_id,
            prev_id: 0,
            ts_event,
            bids,
            asks,
        })
    }

    fn update<'c>(
        &self,
        market: Market,
        ts_event: u64,
        bids: &'c [BookLevel],
        asks: &'c [BookLevel],
    ) -> Result<Depth<'c>, MessageError> {
        must_have(self.event_ms.is_some(), "E")?;
        must_have(self.has_bids, "b")?;
        must_have(self.has_asks, "a")?;
        let first_id = need(self.first_id, "U")?;
        let last_id = need(self.last_id, "u")?;
        if first_id > last_id {
            return Err(MessageError::OutOfRange {
                key: "U".to_owned(),
                text: first_id.to_string(),
                expected: "an id not above \"u\"",
            });
        }
        let prev_id = match (market, self.prev_id) {
            (Market::BinanceUsdm, prev_id) => need(prev_id, "pu")?,
            (_, None) => 0,
            (_, Some(_)) => return Err(MessageError::Unexpected { key: "pu".to_owned() }),
        };
        Ok(Depth {
            first_id,
            last_id,
            prev_id,
            ts_event,
            bids,
            asks,
        })
    }

    fn top(&self, listing: &Listing, ts_recv: u64, ts_event: u64) -> Result<TopOfBook, MessageError> {
        let (bid_px, bid_qty) = (need(self.bid_px, "b")?, need(self.bid_qty, "B")?);
        let (ask_px, ask_qty) = (need(self.ask_px, "a")?, need(self.ask_qty, "A")?);
        Ok(TopOfBook {
            instrument: listing.instrument,
            venue: listing.venue,
            ts_event,
            ts_recv,
            update_id: need(self.last_id, "u")?,
            bid_px: best("b", bid_px, bid_qty)?,
            bid_qty: Qty(bid_qty),
            ask_px: best("a", ask_px, ask_qty)?,
            ask_qty: Qty(ask_qty),
            ..TopOfBook::zeroed()
        })
    }

    fn trade(&self, listing: &Listing, ts_recv: u64, ts_event: u64) -> Result<Trade, MessageError> {
        must_have(self.event_ms.is_some(), "E")?;
        let buyer_is_maker = need(self.buyer_is_maker, "m")?;
        Ok(Trade {
            instrument: listing.instrument,
            venue: listing.venue,
            taker_side: if buyer_is_maker { Side::Sell } else { Side::Buy }.fix(),
            ts_event,
            ts_recv,
            trade_id: need(self.trade_id, "t")?,
            px: Px(above_zero("p", need(self.px, "p")?)?),
            qty: Qty(above_zero("q", need(self.qty, "q")?)?),
            ..Trade::zeroed()
        })
    }
}
