//! A record as one line of text: sequence, UTC time, type, cause, flags, then `name=value` fields.
//!
//! The cause is `source:sequence` for an input and `#sequence` of its input for an output. Prices are `123t` (ticks),
//! quantities `123l` (lots), amounts `123u` (smallest units), each with its decimal in brackets where it is known.

use std::fmt::{self, Display, Formatter};

use pinrail_types::Px;

use super::utc::Utc;
use super::{Body, Decoded, Level, Origin, Value};

impl Display for Decoded {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let cause = match self.cause() {
            Origin::Input { source, source_seq } => format!("{source}:{source_seq}"),
            Origin::Output { input_seq } => format!("#{input_seq}"),
            Origin::Neither => format!("{:#x}", self.header.cause),
        };
        let flags = match self.flag_names() {
            names if names.is_empty() => "-".to_owned(),
            names => names.join("|"),
        };
        let time = Utc(self.header.ts_core);
        write!(
            f,
            "{:>9} {time} {:<18} {cause:>10} {flags:<10}",
            self.header.seq,
            self.name()
        )?;
        match &self.body {
            Body::Known { fields, .. } => {
                for (name, value) in fields {
                    write!(f, " {name}={value}")?;
                }
            }
            Body::Unknown { why, words } => {
                write!(f, " type={:#06x} why=\"{why}\" words=[", self.record_type().0)?;
                write_separated(f, words.iter().map(|word| format!("{word:016x}")))?;
                f.write_str("]")?;
            }
        }
        Ok(())
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Unsigned(number) => write!(f, "{number}"),
            Value::Signed(number) => write!(f, "{number}"),
            Value::Time(0) => f.write_str("none"),
            Value::Time(ns) => write!(f, "{}", Utc(*ns)),
            Value::Text(text) => write!(f, "\"{}\"", escaped(text)),
            Value::Code(_, Some(name)) => f.write_str(name),
            Value::Code(code, None) => write!(f, "{code}?"),
            Value::OutId(id) if id.is_none() => f.write_str("none"),
            Value::OutId(id) => write!(f, "{id}"),
            Value::Px(px, _) if *px == Px::NONE.0 => f.write_str("none"),
            Value::Px(px, decimal) => with(f, format_args!("{px}t"), decimal.as_ref()),
            Value::Qty(qty, decimal) => with(f, format_args!("{qty}l"), decimal.as_ref()),
            Value::Amount(units, decimal) => with(f, format_args!("{units}u"), decimal.as_ref()),
            Value::Id(id, name) => with(f, id, name.as_deref().map(escaped).as_ref()),
            Value::Levels(levels) => {
                f.write_str("[")?;
                write_separated(f, levels)?;
                f.write_str("]")
            }
            Value::Padding(bytes) => {
                f.write_str("0x")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl Display for Level {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let px = self.decimal.as_ref().map(|(px, qty)| format!("{px} x {qty}"));
        with(f, format_args!("{}t x {}l", self.px, self.qty), px.as_ref())
    }
}

/// Text of bytes-as-characters in printable ASCII.
fn escaped(text: &str) -> String {
    let bytes: Vec<u8> = text.chars().map(|c| c as u8).collect();
    bytes.escape_ascii().to_string()
}

fn with(f: &mut Formatter<'_>, exact: impl Display, in_words: Option<&impl Display>) -> fmt::Result {
    match in_words {
        Some(words) => write!(f, "{exact}({words})"),
        None => write!(f, "{exact}"),
    }
}

fn write_separated(f: &mut Formatter<'_>, items: impl IntoIterator<Item = impl Display>) -> fmt::Result {
    for (i, item) in items.into_iter().enumerate() {
        let comma = if i == 0 { "" } else { ", " };
        write!(f, "{comma}{item}")?;
    }
    Ok(())
}
