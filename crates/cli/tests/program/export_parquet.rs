//! What `journal export` writes as Parquet, read back by the library and compared with the JSON lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use serde_json::{Map, Value, json};

type Tables = BTreeMap<String, Vec<Map<String, Value>>>;

/// The files hold the rows of the JSON lines; where Parquet's types are too small there is a null, and it was counted.
pub(crate) fn check(exported: &Value, json: &Tables) {
    let files = exported["files"].as_array().unwrap();
    assert_eq!(files.len(), json.len());
    for file in files {
        let path = file["path"].as_str().unwrap();
        let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let rows: Vec<Row> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        let expected = &json[file["table"].as_str().unwrap()];
        assert_eq!(rows.len(), expected.len(), "{path}");
        let mut too_large = 0;
        for (row, expected) in rows.iter().zip(expected) {
            let names: BTreeSet<&String> = row.get_column_iter().map(|(name, _)| name).collect();
            assert!(expected.keys().eq(names), "{path}");
            for ((name, field), column) in row.get_column_iter().zip(schema.columns()) {
                let place = format!("{path}: {name}");
                too_large += check_field(field, &expected[name], column.type_scale(), &place);
            }
        }
        assert_eq!(file["values_too_large"], too_large, "{path}");
    }
}

/// Gives how many values are too large: none or one.
fn check_field(field: &Field, expected: &Value, scale: i32, place: &str) -> u64 {
    let value = match field {
        Field::Null => {
            let too_large = match expected {
                // Times behind the year 2262.
                Value::Number(ns) => ns.as_u64() > Some(i64::MAX as u64),
                Value::String(text) => digits(text, scale).is_none(),
                _ => false,
            };
            assert!(too_large || expected.is_null(), "{place}: null, not {expected}");
            return u64::from(too_large);
        }
        Field::UByte(n) => json!(n),
        Field::UShort(n) => json!(n),
        Field::UInt(n) => json!(n),
        Field::ULong(n) => json!(n),
        Field::Byte(n) => json!(n),
        Field::Int(n) => json!(n),
        // Times have no field of their own.
        Field::Long(n) => json!(n),
        Field::Str(text) => json!(text),
        Field::Decimal(decimal) => {
            let read = i128::from_be_bytes(decimal.data().try_into().unwrap());
            assert_eq!((decimal.precision(), decimal.scale()), (38, scale), "{place}");
            assert_eq!(digits(expected.as_str().unwrap(), scale), Some(read), "{place}");
            return 0;
        }
        other => panic!("{place}: {other:?}"),
    };
    assert_eq!(value, *expected, "{place}");
    0
}

/// All digits of decimal text with so many behind the point, if they are at most 38.
fn digits(text: &str, scale: i32) -> Option<i128> {
    let places = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let exact: i128 = text.replace('.', "").parse().ok()?;
    let digits = exact.checked_mul(10_i128.pow(scale as u32 - places as u32))?;
    (digits.unsigned_abs() < 10_u128.pow(38)).then_some(digits)
}
