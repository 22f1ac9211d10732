//! A record as JSON, one object with exactly what the record holds.
//!
//! Header: `seq`, `ts_core`, `time` (the same as UTC text), `type`, then `source` and `source_seq` of an input or
//! `input_seq` of an output, and `flags`. Then the fields under their own names:
//!
//! - integers, prices (ticks), quantities (lots), ids and times (ns) are numbers; they may need all 64 bits;
//! - text is a string, a byte that is not ASCII as the character of that number;
//! - amounts are strings, since they may need 128 bits;
//! - codes are their names, or the number where it has none;
//! - no price, no time and no id (`QuoteID` and the like) are `null`; padding that is not zero is a string of hex;
//! - levels are `[price, quantity]` pairs.
//!
//! `NAME_decimal` (a string) and `NAME_name` stand beside a field where the definitions have been seen.

use pinrail_types::{Px, Scaled};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::utc::Utc;
use super::{Body, Decoded, Level, Origin, Value};

impl Serialize for Decoded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("seq", &self.header.seq)?;
        map.serialize_entry("ts_core", &self.header.ts_core)?;
        map.serialize_entry("time", &Utc(self.header.ts_core).to_string())?;
        map.serialize_entry("type", self.name())?;
        match self.cause() {
            Origin::Input { source, source_seq } => {
                map.serialize_entry("source", &source)?;
                map.serialize_entry("source_seq", &source_seq)?;
            }
            Origin::Output { input_seq } => map.serialize_entry("input_seq", &input_seq)?,
            Origin::Neither => map.serialize_entry("cause", &self.header.cause)?,
        }
        map.serialize_entry("flags", &self.flag_names())?;
        match &self.body {
            Body::Known { fields, .. } => {
                for (name, value) in fields {
                    entry(&mut map, name, value)?;
                }
            }
            Body::Unknown { why, words } => {
                map.serialize_entry("type_number", &self.record_type().0)?;
                map.serialize_entry("why", why)?;
                let hex: Vec<String> = words.iter().map(|word| format!("{word:016x}")).collect();
                map.serialize_entry("words", &hex)?;
            }
        }
        map.end()
    }
}

fn entry<M: SerializeMap>(map: &mut M, name: &str, value: &Value) -> Result<(), M::Error> {
    match value {
        Value::Unsigned(number) => map.serialize_entry(name, number),
        Value::Signed(number) => map.serialize_entry(name, number),
        Value::Time(ns) => map.serialize_entry(name, &Some(ns).filter(|ns| **ns != 0)),
        Value::Text(text) => map.serialize_entry(name, text),
        Value::Code(_, Some(code)) => map.serialize_entry(name, code),
        Value::Code(code, None) => map.serialize_entry(name, code),
        Value::OutId(id) => map.serialize_entry(name, &Some(id.to_string()).filter(|_| !id.is_none())),
        Value::Px(px, decimal) => {
            map.serialize_entry(name, &Some(px).filter(|px| **px != Px::NONE.0))?;
            beside(map, name, "decimal", decimal.map(text).as_ref())
        }
        Value::Qty(qty, decimal) => {
            map.serialize_entry(name, qty)?;
            beside(map, name, "decimal", decimal.map(text).as_ref())
        }
        Value::Amount(units, decimal) => {
            map.serialize_entry(name, &units.to_string())?;
            beside(map, name, "decimal", decimal.map(text).as_ref())
        }
        Value::Id(id, known) => {
            map.serialize_entry(name, id)?;
            beside(map, name, "name", known.as_ref())
        }
        Value::Levels(levels) => {
            let exact: Vec<(i64, i64)> = levels.iter().map(|level| (level.px, level.qty)).collect();
            map.serialize_entry(name, &exact)?;
            let decimals = |level: &Level| level.decimal.map(|(px, qty)| (text(px), text(qty)));
            let decimals: Option<Vec<(String, String)>> = levels.iter().map(decimals).collect();
            beside(map, name, "decimal", decimals.as_ref())
        }
        Value::Padding(_) => map.serialize_entry(name, &value.to_string()),
    }
}

fn beside<M: SerializeMap>(
    map: &mut M,
    name: &str,
    suffix: &str,
    value: Option<&impl Serialize>,
) -> Result<(), M::Error> {
    match value {
        Some(value) => map.serialize_entry(&format!("{name}_{suffix}"), value),
        None => Ok(()),
    }
}

fn text(decimal: Scaled) -> String {
    decimal.to_string()
}
