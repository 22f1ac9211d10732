//! What stands where in each record, for programs that decode records they were not compiled for.

use crate::header::RecordType;
use crate::ids::{AssetId, ClientId, InstrumentId, OutId, SessionId, SourceId, StrategyId, VenueId};
use crate::money::{Amount, Px, Qty};
use crate::record::{BookLevel, RECORDS};
use crate::text::Text;

/// How a field's bytes are to be read. All integers are little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned integer of this many bytes.
    Unsigned(u8),
    /// Signed integer of this many bytes.
    Signed(u8),
    /// Zero-padded ASCII of this many bytes.
    Text(u8),
    /// [`OutId`]: `u64` sequence, `u32` epoch, `u32` place (low 8 bits) and hint.
    OutId,
    /// [`Amount`]: 128-bit signed integer.
    Amount,
    /// [`BookLevel`]s, this many: `i64` price, `i64` quantity each.
    Levels(u8),
    /// Zeros, this many bytes.
    Padding(u8),
}

/// A type that a record's field can have.
pub trait FieldType {
    /// How to read it.
    const KIND: Kind;
}

macro_rules! kinds {
    ($($type:ty => $kind:expr),+ $(,)?) => { $(impl FieldType for $type { const KIND: Kind = $kind; })+ };
}

kinds! {
    u8 => Kind::Unsigned(1),
    u16 => Kind::Unsigned(2),
    u32 => Kind::Unsigned(4),
    u64 => Kind::Unsigned(8),
    i8 => Kind::Signed(1),
    i32 => Kind::Signed(4),
    i64 => Kind::Signed(8),
    Px => Kind::Signed(8),
    Qty => Kind::Signed(8),
    AssetId => Kind::Unsigned(4),
    InstrumentId => Kind::Unsigned(4),
    ClientId => Kind::Unsigned(4),
    VenueId => Kind::Unsigned(2),
    StrategyId => Kind::Unsigned(2),
    SessionId => Kind::Unsigned(2),
    SourceId => Kind::Unsigned(2),
    OutId => Kind::OutId,
    Amount => Kind::Amount,
}

impl<const N: usize> FieldType for Text<N> {
    const KIND: Kind = Kind::Text(N as u8);
}

impl<const N: usize> FieldType for [u8; N] {
    const KIND: Kind = Kind::Padding(N as u8);
}

impl<const N: usize> FieldType for [BookLevel; N] {
    const KIND: Kind = Kind::Levels(N as u8);
}

/// One field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Bytes from the start of the record, the header included.
    pub offset: usize,
    /// How to read it.
    pub kind: Kind,
}

/// The layout of one type of record behind its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its number.
    pub record_type: RecordType,
    /// Its name.
    pub name: &'static str,
    /// The layout's version.
    pub version: u8,
    /// Its length in lines, the longest where it varies.
    pub lines: usize,
    /// Its fields in order of offset, padding included.
    pub fields: &'static [Field],
}

/// The schema of a type of record; `None` for framing, embedders' own and unknown types.
pub fn find(record_type: RecordType) -> Option<&'static Schema> {
    RECORDS.iter().find(|schema| schema.record_type == record_type)
}

/// A fingerprint of every record layout of this version: FNV-1a, 64 bits, over each schema's type, version, length
/// and the name, offset and kind of each field.
pub const HASH: u64 = {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut r = 0;
    while r < RECORDS.len() {
        let schema = &RECORDS[r];
        hash = mix(hash, schema.record_type.0 as u64);
        hash = mix(hash, schema.version as u64);
        hash = mix(hash, schema.lines as u64);
        hash = mix_text(hash, schema.name);
        let mut f = 0;
        while f < schema.fields.len() {
            let field = &schema.fields[f];
            let (kind, width) = match field.kind {
                Kind::Unsigned(n) => (1, n),
                Kind::Signed(n) => (2, n),
                Kind::Text(n) => (3, n),
                Kind::OutId => (4, 16),
                Kind::Amount => (5, 16),
                Kind::Levels(n) => (6, n),
                Kind::Padding(n) => (7, n),
            };
            hash = mix_text(hash, field.name);
            hash = mix(hash, field.offset as u64);
            hash = mix(hash, kind << 8 | width as u64);
            f += 1;
        }
        r += 1;
    }
    hash
};

const fn mix(mut hash: u64, value: u64) -> u64 {
    let bytes = value.to_le_bytes();
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x100_0000_01b3);
        i += 1;
    }
    hash
}

const fn mix_text(mut hash: u64, text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x100_0000_01b3);
        i += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_end_to_end_and_fill_the_record() {
        for schema in RECORDS {
            let mut end = 32;
            for field in schema.fields {
                assert_eq!(field.offset, end, "{}.{}", schema.name, field.name);
                end += match field.kind {
                    Kind::Unsigned(n) | Kind::Signed(n) | Kind::Text(n) | Kind::Padding(n) => usize::from(n),
                    Kind::OutId | Kind::Amount => 16,
                    Kind::Levels(n) => usize::from(n) * 16,
                };
            }
            assert_eq!(end, schema.lines * 64, "{}", schema.name);
            let same_type = RECORDS
                .iter()
                .filter(|s| s.record_type == schema.record_type)
                .count();
            assert_eq!(same_type, 1, "{}", schema.name);
        }
    }

    #[test]
    fn a_change_of_layout_is_noticed() {
        // Whoever changes this number raises the record's version and, where bytes change, the behaviour's.
        assert_eq!(HASH, 0xe8c0_9b68_ab5d_13a2, "{HASH:#x}");
    }
}
