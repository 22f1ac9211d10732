//! Records for people and for other programs: any [`Frame`] to a line of text or a line of JSON.
//!
//! What stands where comes from [`schema`], so that a new record needs nothing here but the meaning of its fields.
//! Integers stay as they are in the record. Once the `InstrumentDef` of an instrument has gone through the
//! [`Decoder`], its prices and quantities also get a decimal; names of assets, venues and clients likewise.
//! Nothing in a frame can make this panic: what is no well-formed record becomes [`Body::Unknown`].

use std::collections::BTreeMap;

use pinrail_types::record::{AssetDef, BookUpdate, ClientDef, InstrumentDef, VenueDef};
use pinrail_types::schema::{self, Field, Kind, Schema};
use pinrail_types::{
    Cause, Decimal, Flags, Frame, Grid, LINES_MAX, OutId, Px, RecordHeader, RecordType, Scaled,
};

mod json;
mod line;
mod meaning;
pub(crate) mod row;
mod utc;

use meaning::{Meaning, meaning};

/// Decodes the records of a journal in their order.
#[derive(Debug, Default)]
pub struct Decoder {
    assets: BTreeMap<u32, Asset>,
    instruments: BTreeMap<u32, Instrument>,
    venues: BTreeMap<u32, String>,
    clients: BTreeMap<u32, String>,
}

#[derive(Debug)]
struct Asset {
    symbol: String,
    exponent: i8,
}

#[derive(Debug)]
struct Instrument {
    symbol: String,
    tick: Grid,
    lot: Grid,
    quote: u32,
}

/// A record taken apart. `Display` gives its line of text, `Serialize` its JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Its header, as it is.
    pub header: RecordHeader,
    /// What follows the header.
    pub body: Body,
}

/// What follows a record's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A record that this version knows.
    Known {
        /// Name of its type.
        name: &'static str,
        /// Its fields in order; padding only where it is not zero.
        fields: Vec<(&'static str, Value)>,
    },
    /// A record of an embedder's own, of a later version, or bytes that are none.
    Unknown {
        /// What is unknown about it.
        why: String,
        /// The words behind the header, as many as its length says.
        words: Vec<u64>,
    },
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number that is none of the below.
    Unsigned(u64),
    /// The same, with a sign.
    Signed(i64),
    /// Nanoseconds since the Unix epoch, UTC; zero is no time.
    Time(u64),
    /// Text; a byte that is not ASCII (another process may have written it) is the character of that number.
    Text(String),
    /// A code and its name, if it has one.
    Code(u64, Option<String>),
    /// The id of something configured and its name, if it has been seen.
    Id(u64, Option<String>),
    /// An id that the desk gave out.
    OutId(OutId),
    /// A price in ticks, and as a decimal if the instrument has been seen.
    Px(i64, Option<Scaled>),
    /// A quantity in lots, and as a decimal if the instrument has been seen.
    Qty(i64, Option<Scaled>),
    /// An amount in the asset's smallest unit, and as a decimal if the asset has been seen.
    Amount(i128, Option<Scaled>),
    /// Price levels, best first where the record is well-formed.
    Levels(Vec<Level>),
    /// Bytes that should be zero.
    Padding(Vec<u8>),
}

/// A price level in ticks and lots, and as decimals if the instrument has been seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Price in ticks.
    pub px: i64,
    /// Quantity in lots.
    pub qty: i64,
    /// Both as decimals.
    pub decimal: Option<(Scaled, Scaled)>,
}

impl Decoded {
    /// What the record is.
    pub fn record_type(&self) -> RecordType {
        pinrail_types::Commit::unpack(self.header.commit).record_type
    }

    /// Whether the field `field` (as `instrument` or `client`) is an id that `wanted` is the number or the name of.
    pub fn names(&self, field: &str, wanted: &str) -> bool {
        let Body::Known { fields, .. } = &self.body else {
            return false;
        };
        fields.iter().any(|(name, value)| match value {
            Value::Id(id, known) if *name == field => {
                known.as_deref() == Some(wanted) || wanted.parse() == Ok(*id)
            }
            _ => false,
        })
    }

    /// Name of its type; `unknown` where this version has none for it.
    pub fn name(&self) -> &'static str {
        match &self.body {
            Body::Known { name, .. } => name,
            Body::Unknown { .. } => "unknown",
        }
    }

    fn flag_names(&self) -> Vec<String> {
        let flags = pinrail_types::Commit::unpack(self.header.commit).flags;
        let mut rest = flags.0;
        let mut names = Vec::new();
        for (flag, name) in [
            (Flags::FIRST, "FIRST"),
            (Flags::LAST, "LAST"),
            (Flags::SNAPSHOT, "SNAPSHOT"),
            (Flags::POSS_RESEND, "POSS_RESEND"),
        ] {
            if flags.has(flag) {
                names.push(name.to_owned());
                rest &= !flag.0;
            }
        }
        if rest != 0 {
            names.push(format!("{rest:#04x}"));
        }
        names
    }

    fn cause(&self) -> Origin {
        let record_type = self.record_type();
        if record_type.is_input() {
            let (source, seq) = Cause::source(self.header.cause);
            Origin::Input {
                source: source.0,
                source_seq: seq,
            }
        } else if record_type.is_output() {
            Origin::Output {
                input_seq: self.header.cause,
            }
        } else {
            Origin::Neither
        }
    }
}

/// What a header's cause says.
enum Origin {
    Input { source: u16, source_seq: u64 },
    Output { input_seq: u64 },
    Neither,
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Takes a record apart, and remembers it if it defines something.
    pub fn decode(&mut self, frame: &Frame) -> Decoded {
        self.learn(frame);
        let body = match known(frame) {
            Ok(schema) => Body::Known {
                name: schema.name,
                fields: self.fields(schema, frame),
            },
            Err(why) => Body::Unknown {
                why,
                words: frame.words().get(4..).unwrap_or_default().to_vec(),
            },
        };
        Decoded {
            header: *frame.header(),
            body,
        }
    }

    /// Remembers what a record defines, without taking it apart.
    pub fn learn(&mut self, frame: &Frame) {
        if let Some(def) = frame.get::<AssetDef>().filter(|def| is_asset(def)) {
            let asset = Asset {
                symbol: text(def.symbol.as_bytes()),
                exponent: def.exponent,
            };
            self.assets.insert(def.asset.0, asset);
        } else if let Some(def) = frame.get::<InstrumentDef>() {
            let grid = |mantissa, exponent| Grid::new(Decimal { mantissa, exponent });
            if let (Ok(tick), Ok(lot)) = (
                grid(def.tick_mantissa, def.tick_exponent),
                grid(def.lot_mantissa, def.lot_exponent),
            ) {
                let instrument = Instrument {
                    symbol: text(def.symbol.as_bytes()),
                    tick,
                    lot,
                    quote: def.quote.0,
                };
                self.instruments.insert(def.instrument.0, instrument);
            }
        } else if let Some(def) = frame.get::<VenueDef>() {
            self.venues.insert(def.venue.0.into(), text(def.name.as_bytes()));
        } else if let Some(def) = frame.get::<ClientDef>() {
            self.clients.insert(def.client.0, text(def.name.as_bytes()));
        }
    }

    fn fields(&self, schema: &Schema, frame: &Frame) -> Vec<(&'static str, Value)> {
        let known = |name: &str| self.instruments.get(&id_field(schema, frame, name)?);
        let instrument = known("instrument");
        let mut fields = Vec::with_capacity(schema.fields.len());
        for field in schema.fields {
            // A record of variable length ends where its header says.
            let Some(bytes) = frame.bytes().get(field.offset..) else {
                break;
            };
            if let Kind::Levels(most) = field.kind {
                let (bids, asks) = levels(frame, bytes, usize::from(most), instrument);
                fields.push(("bid_levels", Value::Levels(bids)));
                fields.push(("ask_levels", Value::Levels(asks)));
                continue;
            }
            // What stands for one of several legs is in that leg's instrument.
            let of_leg = field.name.starts_with("leg_").then(|| field.name.split_at(6).0);
            let instrument = of_leg.map_or(instrument, |leg| known(&format!("{leg}instrument")));
            let value = self.value(schema, field, bytes, frame, instrument);
            if !matches!(&value, Value::Padding(bytes) if bytes.iter().all(|b| *b == 0)) {
                fields.push((field.name, value));
            }
        }
        fields
    }

    fn value(
        &self,
        schema: &Schema,
        field: &Field,
        bytes: &[u8],
        frame: &Frame,
        instrument: Option<&Instrument>,
    ) -> Value {
        let raw = match field.kind {
            Kind::Unsigned(n) => unsigned(bytes, n),
            Kind::Signed(n) => sign_extended(unsigned(bytes, n), n),
            Kind::Text(n) => return Value::Text(text(&bytes[..usize::from(n)])),
            Kind::OutId => {
                return Value::OutId(OutId {
                    seq: unsigned(bytes, 8),
                    epoch: unsigned(&bytes[8..], 4) as u32,
                    sub: unsigned(&bytes[12..], 4) as u32,
                });
            }
            Kind::Amount => {
                let asset = match id_field(schema, frame, asset_of(field.name)) {
                    Some(id) => self.assets.get(&id),
                    // What a limit counts depends on its kind.
                    None if id_field(schema, frame, "target").is_some() => None,
                    None => instrument.and_then(|i| self.assets.get(&i.quote)),
                };
                let units =
                    (i128::from(unsigned(&bytes[8..], 8) as i64) << 64) | i128::from(unsigned(bytes, 8));
                let scaled = |asset: &Asset| Scaled {
                    value: units,
                    exponent: asset.exponent,
                };
                return Value::Amount(units, asset.map(scaled));
            }
            Kind::Padding(n) => return Value::Padding(bytes[..usize::from(n)].to_vec()),
            Kind::Levels(_) => unreachable!("levels are taken apart by the caller"),
        };
        let name = |names: &BTreeMap<u32, String>| names.get(&(raw as u32)).cloned();
        match meaning(schema.name, field.name) {
            Meaning::Number => match field.kind {
                Kind::Signed(_) => Value::Signed(raw as i64),
                _ => Value::Unsigned(raw),
            },
            Meaning::Time => Value::Time(raw),
            Meaning::Px => Value::Px(raw as i64, decimal(instrument.map(|i| &i.tick), raw as i64)),
            Meaning::Qty => Value::Qty(raw as i64, decimal(instrument.map(|i| &i.lot), raw as i64)),
            Meaning::Asset => Value::Id(raw, self.assets.get(&(raw as u32)).map(|a| a.symbol.clone())),
            Meaning::Instrument => {
                Value::Id(raw, self.instruments.get(&(raw as u32)).map(|i| i.symbol.clone()))
            }
            Meaning::Venue => Value::Id(raw, name(&self.venues)),
            Meaning::Client => Value::Id(raw, name(&self.clients)),
            Meaning::Code(name_of) => Value::Code(raw, name_of(raw)),
        }
    }
}

/// The field that says in which asset an amount is, if the record has it.
fn asset_of(amount: &str) -> &'static str {
    match amount {
        "base_amt" => "base",
        "gross_trade_amt" => "quote",
        "balance" | "bid_amt" | "offer_amt" | "price_amt" | "net_amt" => "asset",
        fee if fee.ends_with("fee") => "fee_asset",
        _ => "credit_asset",
    }
}

/// The schema of the frame's record, or why it is no record that this version knows.
fn known(frame: &Frame) -> Result<&'static Schema, String> {
    let commit = frame.commit();
    let lines = usize::from(commit.lines);
    if !(1..=LINES_MAX).contains(&lines) {
        return Err(format!("length is {lines} lines, expected 1 to {LINES_MAX}"));
    }
    let schema = schema::find(commit.record_type).ok_or("type is not known to this version")?;
    if commit.version != schema.version {
        return Err(format!(
            "{} has layout version {}, expected {}",
            schema.name, commit.version, schema.version
        ));
    }
    let (least, most) = (lines_min(schema), schema.lines);
    if !(least..=most).contains(&lines) {
        let expected = if least == most {
            most.to_string()
        } else {
            format!("{least} to {most}")
        };
        return Err(format!(
            "{} is {lines} lines long, expected {expected}",
            schema.name
        ));
    }
    if frame
        .get::<BookUpdate>()
        .is_some_and(|update| update.sides().is_none())
    {
        return Err(format!(
            "{} counts more levels than its length holds",
            schema.name
        ));
    }
    Ok(schema)
}

/// Only a record that ends in levels varies in length; it has all its other fields.
fn lines_min(schema: &Schema) -> usize {
    match schema.fields.last() {
        Some(Field {
            kind: Kind::Levels(_),
            offset,
            ..
        }) => offset.div_ceil(64),
        _ => schema.lines,
    }
}

fn id_field(schema: &Schema, frame: &Frame, name: &str) -> Option<u32> {
    let field = schema.fields.iter().find(|field| field.name == name)?;
    let bytes = frame.bytes().get(field.offset..)?;
    Some(unsigned(bytes, 4) as u32)
}

/// The bids and the asks, and their decimals.
fn levels(
    frame: &Frame,
    bytes: &[u8],
    most: usize,
    instrument: Option<&Instrument>,
) -> (Vec<Level>, Vec<Level>) {
    let bids = frame
        .get::<BookUpdate>()
        .map_or(0, |update| usize::from(update.bids));
    let asks = frame
        .get::<BookUpdate>()
        .map_or(0, |update| usize::from(update.asks));
    let mut levels = bytes.chunks_exact(16).take(most).map(|level| {
        let (px, qty) = (unsigned(level, 8) as i64, unsigned(&level[8..], 8) as i64);
        let decimal = instrument.map(|i| (i.tick.scaled(px), i.lot.scaled(qty)));
        Level { px, qty, decimal }
    });
    (levels.by_ref().take(bids).collect(), levels.take(asks).collect())
}

/// Nanoseconds since the Unix epoch as `2024-08-08T23:54:14.123456789Z`.
pub fn utc(ns: u64) -> String {
    utc::Utc(ns).to_string()
}

/// Nanoseconds since the Unix epoch of a UTC time, as `2024-08-08T23:54:14Z` with up to nine digits of a second; `None`
/// if it is none, or outside what 64 bits hold.
pub fn parse_utc(text: &str) -> Option<u64> {
    utc::parse(text)
}

/// Whether an asset's smallest unit is one that the engine takes.
pub(crate) fn is_asset(def: &AssetDef) -> bool {
    (-18..=0).contains(&def.exponent)
}

fn decimal(grid: Option<&Grid>, steps: i64) -> Option<Scaled> {
    let grid = grid.filter(|_| steps != Px::NONE.0)?;
    Some(grid.scaled(steps))
}

/// The first `width` of at least as many bytes, little-endian.
fn unsigned(bytes: &[u8], width: u8) -> u64 {
    let mut word = [0; 8];
    word[..usize::from(width)].copy_from_slice(&bytes[..usize::from(width)]);
    u64::from_le_bytes(word)
}

fn sign_extended(value: u64, width: u8) -> u64 {
    let unused = 64 - 8 * u32::from(width);
    (((value << unused) as i64) >> unused) as u64
}

/// Zero-padded text with each byte as the character of that number, so that nothing is lost.
pub(crate) fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    bytes[..end].iter().map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests;
