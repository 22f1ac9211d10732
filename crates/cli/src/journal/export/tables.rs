//! One table for each type of record, each streaming into a file of its own.

use std::collections::BTreeMap;
use std::io;

use pinrail_types::record::RECORDS;
use serde::Serialize;

#[cfg(feature = "parquet")]
use super::parquet::ParquetTable;
use super::survey::Places;
use super::target::{Format, Pending, Target};
use super::text::{CsvTable, JsonTable};
use crate::decode::Decoded;
use crate::decode::row::{Cell, Column, columns, level_columns, levels_name, unknown_columns};
use crate::failure::Failure;

/// Most rows that wait in memory, over all tables. A wide row takes about 700 bytes.
#[cfg(feature = "parquet")]
const WAITING_ROWS_MAX: usize = 1 << 17;

/// A file that was written.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    pub(super) table: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Values that the format's types can't hold and that are null in it.
    pub(super) values_too_large: u64,
    pub(super) path: String,
}

/// The tables that have been begun.
pub(super) struct Tables<'a> {
    target: &'a Target,
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "only Parquet has columns of one scale")
    )]
    places: Places,
    begun: BTreeMap<String, Table>,
}

struct Table {
    pending: Pending,
    columns: Vec<Column>,
    rows: u64,
    format: FormatTable,
}

enum FormatTable {
    Csv(CsvTable),
    Json(JsonTable),
    #[cfg(feature = "parquet")]
    Parquet(ParquetTable),
}

impl<'a> Tables<'a> {
    pub(super) fn new(target: &'a Target, places: Places) -> Tables<'a> {
        Tables {
            target,
            places,
            begun: BTreeMap::new(),
        }
    }

    /// Adds a record to the tables of its type.
    pub(super) fn put(&mut self, decoded: &Decoded) -> Result<(), Failure> {
        let name = decoded.name();
        if !self.begun.contains_key(name) {
            self.begin(name)?;
        }
        self.put_row(name, &decoded.row())?;
        for row in decoded.level_rows() {
            self.put_row(&levels_name(name), &row)?;
        }
        Ok(())
    }

    /// Ends all files and gives them their names.
    pub(super) fn finish(mut self) -> Result<Vec<Written>, Failure> {
        if let Some(only) = &self.target.only
            && self.begun.is_empty()
        {
            self.begin(only)?;
        }
        let mut ended = Vec::new();
        for (name, table) in self.begun {
            let values_too_large = table.format.end().map_err(|e| table.pending.refused(&e))?;
            let written = Written {
                table: name,
                rows: table.rows,
                bytes: 0,
                values_too_large,
                path: table.pending.path().display().to_string(),
            };
            ended.push((table.pending, written));
        }
        // All are whole before the first takes its name.
        let mut files = Vec::new();
        for (pending, written) in ended {
            let bytes = pending.finish()?;
            files.push(Written { bytes, ..written });
        }
        Ok(files)
    }

    fn begin(&mut self, name: &str) -> Result<(), Failure> {
        let schema = RECORDS.iter().find(|schema| schema.name == name);
        let columns = schema.map_or_else(unknown_columns, columns);
        self.begin_table(name.to_owned(), columns)?;
        match schema.and_then(level_columns) {
            Some(columns) => self.begin_table(levels_name(name), columns),
            None => Ok(()),
        }
    }

    fn begin_table(&mut self, name: String, columns: Vec<Column>) -> Result<(), Failure> {
        let pending = self.target.begin(&name)?;
        let file = pending.file()?;
        let format = match self.target.format {
            Format::Csv => CsvTable::begin(file, &columns).map(FormatTable::Csv),
            Format::Jsonl => Ok(FormatTable::Json(JsonTable::begin(file))),
            #[cfg(feature = "parquet")]
            Format::Parquet => ParquetTable::begin(file, &columns, self.places).map(FormatTable::Parquet),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => unreachable!("refused when the target was read"),
        };
        let table = Table {
            format: format.map_err(|e| pending.refused(&e))?,
            pending,
            columns,
            rows: 0,
        };
        self.begun.insert(name, table);
        Ok(())
    }

    fn put_row(&mut self, name: &str, cells: &[Cell<'_>]) -> Result<(), Failure> {
        let table = self
            .begun
            .get_mut(name)
            .expect("begun with the first record of its type");
        assert_eq!(cells.len(), table.columns.len(), "cells of a row of {name}");
        table.rows += 1;
        let put = match &mut table.format {
            FormatTable::Csv(csv) => csv.put(cells),
            FormatTable::Json(json) => json.put(&table.columns, cells),
            #[cfg(feature = "parquet")]
            FormatTable::Parquet(parquet) => {
                parquet.put(cells);
                return self.make_room();
            }
        };
        put.map_err(|e| table.pending.refused(&e))
    }

    /// Writes the table with the most waiting rows when there are too many of them.
    #[cfg(feature = "parquet")]
    fn make_room(&mut self) -> Result<(), Failure> {
        fn waiting(table: &Table) -> usize {
            match &table.format {
                FormatTable::Parquet(parquet) => parquet.waiting(),
                _ => 0,
            }
        }
        if self.begun.values().map(waiting).sum::<usize>() < WAITING_ROWS_MAX {
            return Ok(());
        }
        match self.begun.values_mut().max_by_key(|table| waiting(table)) {
            Some(Table {
                format: FormatTable::Parquet(parquet),
                pending,
                ..
            }) => parquet.write_waiting().map_err(|e| pending.refused(&e)),
            _ => Ok(()),
        }
    }
}

impl FormatTable {
    /// Writes what is left, and gives how many values were too large.
    fn end(self) -> io::Result<u64> {
        match self {
            FormatTable::Csv(csv) => csv.end().map(|()| 0),
            FormatTable::Json(json) => json.end().map(|()| 0),
            #[cfg(feature = "parquet")]
            FormatTable::Parquet(parquet) => parquet.end(),
        }
    }
}

#[cfg(all(test, feature = "parquet"))]
mod tests {
    use std::fs::File;

    use ::parquet::file::reader::{FileReader, SerializedFileReader};
    use bytemuck::Zeroable;
    use clap::Parser;
    use pinrail_types::Frame;
    use pinrail_types::record::{Continue, Tick};

    use super::*;
    use crate::args::{Cli, Command, JournalCommand};
    use crate::decode::Decoder;

    #[test]
    fn rows_of_the_fullest_table_are_written_when_too_many_wait() {
        let dir = tempfile::TempDir::new().unwrap();
        let to = dir.path().to_str().unwrap();
        let line = [
            "pinrail", "journal", "export", "x", "--to", to, "--format", "parquet",
        ];
        let Command::Journal(JournalCommand::Export(args)) = Cli::parse_from(line).command else {
            panic!("another command");
        };
        let target = Target::new(&args).unwrap();
        let mut tables = Tables::new(&target, Places::default());
        let mut decoder = Decoder::new();
        let [tick, other] =
            [Frame::of(&Tick::zeroed()), Frame::of(&Continue::zeroed())].map(|f| decoder.decode(&f));
        for _ in 0..10 {
            tables.put(&other).unwrap();
        }
        for _ in 0..WAITING_ROWS_MAX {
            tables.put(&tick).unwrap();
        }
        let rows: Vec<Vec<i64>> = tables
            .finish()
            .unwrap()
            .iter()
            .map(|written| {
                let reader = SerializedFileReader::new(File::open(&written.path).unwrap()).unwrap();
                let groups = reader.metadata().row_groups();
                groups
                    .iter()
                    .map(::parquet::file::metadata::RowGroupMetaData::num_rows)
                    .collect()
            })
            .collect();
        let first = WAITING_ROWS_MAX as i64 - 10;
        assert_eq!(rows, [vec![10], vec![first, 10]], "Continue waits until the end");
    }
}
