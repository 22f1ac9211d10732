//! Tables as comma-separated values and as JSON lines.
//!
//! Times are integers, nanoseconds since the Unix epoch. Null is an empty field in CSV, `null` in JSON; text is never
//! empty. In JSON decimals are strings and all other numbers are numbers, which may need 64 bits.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::decode::row::{Cell, Column};

const BUFFER_BYTES: usize = 256 << 10;

/// A table of comma-separated values.
pub(super) struct CsvTable {
    writer: Box<csv::Writer<File>>,
}

impl CsvTable {
    /// Writes the names.
    pub(super) fn begin(file: File, columns: &[Column]) -> io::Result<CsvTable> {
        let mut writer = csv::WriterBuilder::new()
            .buffer_capacity(BUFFER_BYTES)
            .from_writer(file);
        writer.write_record(columns.iter().map(|column| &column.name))?;
        Ok(CsvTable {
            writer: Box::new(writer),
        })
    }

    pub(super) fn put(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for cell in cells {
            match cell {
                Cell::Null => self.writer.write_field(""),
                Cell::Unsigned(number) | Cell::Time(number) => self.writer.write_field(number.to_string()),
                Cell::Signed(number) => self.writer.write_field(number.to_string()),
                Cell::Text(text) => self.writer.write_field(text.as_bytes()),
                Cell::Decimal(decimal) => self.writer.write_field(decimal.to_string()),
            }?;
        }
        // No further field: ends the record.
        self.writer.write_record(None::<&[u8]>)?;
        Ok(())
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A table of a JSON object a line.
pub(super) struct JsonTable {
    writer: BufWriter<File>,
}

impl JsonTable {
    pub(super) fn begin(file: File) -> JsonTable {
        JsonTable {
            writer: BufWriter::with_capacity(BUFFER_BYTES, file),
        }
    }

    pub(super) fn put(&mut self, columns: &[Column], cells: &[Cell<'_>]) -> io::Result<()> {
        serde_json::to_writer(&mut self.writer, &Object { columns, cells })?;
        self.writer.write_all(b"\n")
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A row with its names.
struct Object<'a> {
    columns: &'a [Column],
    cells: &'a [Cell<'a>],
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.cells.len()))?;
        for (column, cell) in self.columns.iter().zip(self.cells) {
            let name = &column.name;
            match cell {
                Cell::Null => map.serialize_entry(name, &()),
                Cell::Unsigned(number) | Cell::Time(number) => map.serialize_entry(name, number),
                Cell::Signed(number) => map.serialize_entry(name, number),
                Cell::Text(text) => map.serialize_entry(name, text),
                Cell::Decimal(decimal) => map.serialize_entry(name, &decimal.to_string()),
            }?;
        }
        map.end()
    }
}
