//! Tables as Apache Parquet.
//!
//! Every column may be null. Times are `TIMESTAMP(NANOS, UTC)`, decimals `DECIMAL(38, places)`, text `STRING`.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, GzipLevel, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::{ByteArray, FixedLenByteArray};
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{ColumnPath, Type};

use super::survey::{DIGITS_MAX, Places, parquet_digits};
use crate::decode::row::{Cell, Column, ColumnKind};

/// A table whose rows wait in memory until they are many.
pub(super) struct ParquetTable {
    writer: SerializedFileWriter<File>,
    columns: Vec<Waiting>,
    waiting: usize,
    values_too_large: u64,
}

/// The cells of a column that wait.
struct Waiting {
    places: u8,
    /// Of each cell 1, or 0 if it is null: Parquet's definition levels.
    defined: Vec<i16>,
    values: Values,
}

enum Values {
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Text(Vec<ByteArray>),
    Decimal(Vec<FixedLenByteArray>),
}

impl ParquetTable {
    pub(super) fn begin(file: File, columns: &[Column], places: Places) -> io::Result<ParquetTable> {
        let fields = columns.iter().map(|column| Ok(Arc::new(field(column, places)?)));
        let schema = Type::group_type_builder("record")
            .with_fields(fields.collect::<Result<_>>()?)
            .build()?;
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties(columns)))?;
        Ok(ParquetTable {
            writer,
            columns: columns
                .iter()
                .map(|column| Waiting::new(column, places))
                .collect(),
            waiting: 0,
            values_too_large: 0,
        })
    }

    pub(super) fn put(&mut self, cells: &[Cell<'_>]) {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            self.values_too_large += u64::from(!column.put(cell));
        }
        self.waiting += 1;
    }

    /// Rows that wait in memory.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Writes the rows that wait, as a row group.
    pub(super) fn write_waiting(&mut self) -> io::Result<()> {
        if self.waiting == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let writer = group.next_column()?.expect("one writer for each column");
            column.write(writer)?;
        }
        group.close()?;
        self.waiting = 0;
        Ok(())
    }

    /// Ends the file, and gives how many values were too large for it.
    pub(super) fn end(mut self) -> io::Result<u64> {
        self.write_waiting()?;
        self.writer.close()?;
        Ok(self.values_too_large)
    }
}

impl Waiting {
    fn new(column: &Column, places: Places) -> Waiting {
        let (values, places) = match column.kind {
            ColumnKind::Unsigned(..=4) | ColumnKind::Signed(..=4) => (Values::Int32(Vec::new()), 0),
            ColumnKind::Unsigned(_) | ColumnKind::Signed(_) | ColumnKind::Time => {
                (Values::Int64(Vec::new()), 0)
            }
            ColumnKind::Text => (Values::Text(Vec::new()), 0),
            ColumnKind::Decimal(measure) => (Values::Decimal(Vec::new()), places.of(measure)),
        };
        Waiting {
            places,
            defined: Vec::new(),
            values,
        }
    }

    /// Adds a cell; `false` if it is too large for the column, and null there. Unsigned numbers keep their bits.
    fn put(&mut self, cell: &Cell<'_>) -> bool {
        let is_defined = match (&mut self.values, cell) {
            (_, Cell::Null) => false,
            (Values::Int32(values), Cell::Unsigned(number)) => push(values, Some(*number as i32)),
            (Values::Int32(values), Cell::Signed(number)) => push(values, Some(*number as i32)),
            (Values::Int64(values), Cell::Unsigned(number)) => push(values, Some(*number as i64)),
            (Values::Int64(values), Cell::Signed(number)) => push(values, Some(*number)),
            (Values::Int64(values), Cell::Time(ns)) => push(values, i64::try_from(*ns).ok()),
            (Values::Text(values), Cell::Text(text)) => push(values, Some(text.as_bytes().to_vec().into())),
            (Values::Decimal(values), Cell::Decimal(decimal)) => {
                let digits = parquet_digits(*decimal, self.places);
                push(values, digits.map(|digits| digits.to_be_bytes().to_vec().into()))
            }
            (_, cell) => unreachable!("{cell:?} in a column of another kind"),
        };
        self.defined.push(i16::from(is_defined));
        is_defined || *cell == Cell::Null
    }

    fn write(&mut self, mut column: SerializedColumnWriter<'_>) -> Result<()> {
        let defined = Some(self.defined.as_slice());
        match (column.untyped(), &mut self.values) {
            (ColumnWriter::Int32ColumnWriter(writer), Values::Int32(values)) => {
                writer.write_batch(values, defined, None)?;
                values.clear();
            }
            (ColumnWriter::Int64ColumnWriter(writer), Values::Int64(values)) => {
                writer.write_batch(values, defined, None)?;
                values.clear();
            }
            (ColumnWriter::ByteArrayColumnWriter(writer), Values::Text(values)) => {
                writer.write_batch(values, defined, None)?;
                values.clear();
            }
            (ColumnWriter::FixedLenByteArrayColumnWriter(writer), Values::Decimal(values)) => {
                writer.write_batch(values, defined, None)?;
                values.clear();
            }
            _ => return Err(ParquetError::General("writer of another column".to_owned())),
        }
        self.defined.clear();
        column.close()
    }
}

/// Whether there is a value to add.
fn push<T>(values: &mut Vec<T>, value: Option<T>) -> bool {
    let is_some = value.is_some();
    values.extend(value);
    is_some
}

fn field(column: &Column, places: Places) -> Result<Type> {
    let integer = |bytes: u8, is_signed| {
        let physical = if bytes <= 4 {
            Physical::INT32
        } else {
            Physical::INT64
        };
        (physical, LogicalType::integer(8 * bytes as i8, is_signed))
    };
    let (physical, logical) = match column.kind {
        ColumnKind::Unsigned(bytes) => integer(bytes, false),
        ColumnKind::Signed(bytes) => integer(bytes, true),
        ColumnKind::Time => (Physical::INT64, LogicalType::timestamp(true, TimeUnit::NANOS)),
        ColumnKind::Text => (Physical::BYTE_ARRAY, LogicalType::String),
        ColumnKind::Decimal(measure) => {
            let (scale, precision) = (i32::from(places.of(measure)), DIGITS_MAX as i32);
            let field = Type::primitive_type_builder(&column.name, Physical::FIXED_LEN_BYTE_ARRAY)
                .with_repetition(Repetition::OPTIONAL)
                .with_length(16)
                .with_logical_type(Some(LogicalType::decimal(scale, precision)))
                .with_precision(precision)
                .with_scale(scale);
            return field.build();
        }
    };
    Type::primitive_type_builder(&column.name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(Some(logical))
        .build()
}

/// Gzip, since every tool reads it. Sequences and times rise slowly: their differences are short.
fn properties(columns: &[Column]) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("pinrail {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::GZIP(GzipLevel::default()));
    for column in columns {
        if matches!(column.kind, ColumnKind::Unsigned(8) | ColumnKind::Time) {
            let path = ColumnPath::from(column.name.as_str());
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
    }
    properties.build()
}
