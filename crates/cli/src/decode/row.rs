//! A record as a row of a table, as analysts' tools want it: one table for each type, columns of one kind each.
//!
//! `docs/journal-export.md` tells users of the columns. What stands in them comes from [`schema`](pinrail_types::schema)
//! and the meaning of the fields, so that a new record needs nothing here.

use std::borrow::Cow;

use pinrail_types::schema::{Field, Kind, Schema};
use pinrail_types::{Px, Scaled};

use super::meaning::{Meaning, meaning};
use super::{Body, Decoded, Level, Origin, Value};

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name, the unit last.
    pub(crate) name: String,
    /// What its cells are, if they are not null.
    pub(crate) kind: ColumnKind,
}

/// What the cells of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    /// Unsigned integers of this many bytes.
    Unsigned(u8),
    /// Signed integers of this many bytes.
    Signed(u8),
    /// Nanoseconds since the Unix epoch, UTC.
    Time,
    /// Text.
    Text,
    /// Exact decimals.
    Decimal(Measure),
}

/// What a decimal counts, which says how many places it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// An asset's smallest unit: whole numbers of up to 128 bits.
    Units,
    /// Prices of instruments.
    Px,
    /// Quantities of instruments.
    Qty,
    /// Amounts of assets.
    Amount,
}

/// What stands in one column of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell<'a> {
    Null,
    Unsigned(u64),
    Signed(i64),
    Time(u64),
    Text(Cow<'a, str>),
    Decimal(Scaled),
}

/// The name of a type's second table, of levels.
pub(crate) fn levels_name(name: &str) -> String {
    format!("{name}.levels")
}

/// The columns of a type of record.
pub(crate) fn columns(schema: &Schema) -> Vec<Column> {
    let mut columns = header_columns(schema);
    columns.extend(
        schema
            .fields
            .iter()
            .flat_map(|field| field_columns(schema, field)),
    );
    columns
}

/// The columns of the levels of a type of record, `None` if it has none: header and ids of the record, then the level.
pub(crate) fn level_columns(schema: &Schema) -> Option<Vec<Column>> {
    let is_levels = |field: &Field| matches!(field.kind, Kind::Levels(_));
    schema.fields.iter().find(|field| is_levels(field))?;
    let mut columns = header_columns(schema);
    let ids = schema.fields.iter().filter(|field| is_id(schema, field));
    columns.extend(ids.flat_map(|field| field_columns(schema, field)));
    columns.extend([
        column("side", ColumnKind::Text),
        column("level", ColumnKind::Unsigned(1)),
        column("px_ticks", ColumnKind::Signed(8)),
        column("px", ColumnKind::Decimal(Measure::Px)),
        column("qty_lots", ColumnKind::Signed(8)),
        column("qty", ColumnKind::Decimal(Measure::Qty)),
    ]);
    Some(columns)
}

/// The columns of records that this version does not know.
pub(crate) fn unknown_columns() -> Vec<Column> {
    vec![
        column("seq", ColumnKind::Unsigned(8)),
        column("ts_core_ns", ColumnKind::Time),
        column("source", ColumnKind::Unsigned(2)),
        column("source_seq", ColumnKind::Unsigned(8)),
        column("input_seq", ColumnKind::Unsigned(8)),
        column("cause", ColumnKind::Unsigned(8)),
        column("flags", ColumnKind::Text),
        column("type_number", ColumnKind::Unsigned(2)),
        column("layout_version", ColumnKind::Unsigned(1)),
        column("why", ColumnKind::Text),
        column("payload_hex", ColumnKind::Text),
    ]
}

fn header_columns(schema: &Schema) -> Vec<Column> {
    let mut columns = vec![
        column("seq", ColumnKind::Unsigned(8)),
        column("ts_core_ns", ColumnKind::Time),
    ];
    if schema.record_type.is_input() {
        columns.push(column("source", ColumnKind::Unsigned(2)));
        columns.push(column("source_seq", ColumnKind::Unsigned(8)));
    } else {
        columns.push(column("input_seq", ColumnKind::Unsigned(8)));
    }
    columns.push(column("flags", ColumnKind::Text));
    columns
}

fn field_columns(schema: &Schema, field: &Field) -> Vec<Column> {
    let name = field.name;
    let number = match field.kind {
        Kind::Padding(_) | Kind::Levels(_) => return Vec::new(),
        Kind::Text(_) | Kind::OutId => return vec![column(name, ColumnKind::Text)],
        Kind::Amount => {
            return vec![
                column(&format!("{name}_units"), ColumnKind::Decimal(Measure::Units)),
                column(name, ColumnKind::Decimal(Measure::Amount)),
            ];
        }
        Kind::Unsigned(bytes) => ColumnKind::Unsigned(bytes),
        Kind::Signed(bytes) => ColumnKind::Signed(bytes),
    };
    match meaning(schema.name, name) {
        Meaning::Number => vec![column(name, number)],
        Meaning::Time => vec![column(&format!("{name}_ns"), ColumnKind::Time)],
        Meaning::Px => vec![
            column(&format!("{name}_ticks"), number),
            column(name, ColumnKind::Decimal(Measure::Px)),
        ],
        Meaning::Qty => {
            let lots = if name.contains("_lots") {
                name.to_owned()
            } else {
                format!("{name}_lots")
            };
            vec![
                column(&lots, number),
                column(&lots.replace("_lots", ""), ColumnKind::Decimal(Measure::Qty)),
            ]
        }
        Meaning::Asset | Meaning::Instrument | Meaning::Venue | Meaning::Client => vec![
            column(name, number),
            column(&format!("{name}_name"), ColumnKind::Text),
        ],
        Meaning::Code(_) => vec![column(name, ColumnKind::Text)],
    }
}

fn column(name: &str, kind: ColumnKind) -> Column {
    Column {
        name: name.to_owned(),
        kind,
    }
}

fn is_id(schema: &Schema, field: &Field) -> bool {
    matches!(
        meaning(schema.name, field.name),
        Meaning::Asset | Meaning::Instrument | Meaning::Venue | Meaning::Client
    )
}

impl Decoded {
    /// The record's row, as long as its table has columns.
    pub(crate) fn row(&self) -> Vec<Cell<'_>> {
        let mut row = self.header_cells();
        match &self.body {
            Body::Known { fields, .. } => row.extend(fields.iter().flat_map(|(_, value)| cells(value))),
            Body::Unknown { why, words } => {
                let commit = pinrail_types::Commit::unpack(self.header.commit);
                // As the bytes stand in the journal.
                let hex: Vec<String> = words
                    .iter()
                    .map(|word| format!("{:016x}", word.swap_bytes()))
                    .collect();
                row.extend([
                    Cell::Unsigned(commit.record_type.0.into()),
                    Cell::Unsigned(commit.version.into()),
                    Cell::Text(why.into()),
                    text_or_null(hex.concat()),
                ]);
            }
        }
        row
    }

    /// A row for each of the record's levels, as long as their table has columns.
    pub(crate) fn level_rows(&self) -> Vec<Vec<Cell<'_>>> {
        let Body::Known { fields, .. } = &self.body else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        for (name, value) in fields {
            let Value::Levels(levels) = value else {
                continue;
            };
            let side = if *name == "bid_levels" { "Bid" } else { "Ask" };
            for (place, level) in (0..).zip(levels) {
                let mut row = self.header_cells();
                let ids = fields.iter().filter(|(_, v)| matches!(v, Value::Id(..)));
                row.extend(ids.flat_map(|(_, value)| cells(value)));
                row.extend([Cell::Text(side.into()), Cell::Unsigned(place)]);
                row.extend(level_cells(level));
                rows.push(row);
            }
        }
        rows
    }

    fn header_cells(&self) -> Vec<Cell<'_>> {
        let mut cells = Vec::with_capacity(32);
        cells.push(Cell::Unsigned(self.header.seq));
        cells.push(time(self.header.ts_core));
        let (mut source, mut source_seq, mut input_seq, mut cause) =
            (Cell::Null, Cell::Null, Cell::Null, Cell::Null);
        match self.cause() {
            Origin::Input {
                source: s,
                source_seq: n,
            } => {
                (source, source_seq) = (Cell::Unsigned(s.into()), Cell::Unsigned(n));
            }
            Origin::Output { input_seq: n } => input_seq = Cell::Unsigned(n),
            Origin::Neither => cause = Cell::Unsigned(self.header.cause),
        }
        match &self.body {
            Body::Unknown { .. } => cells.extend([source, source_seq, input_seq, cause]),
            Body::Known { .. } if self.record_type().is_input() => cells.extend([source, source_seq]),
            Body::Known { .. } => cells.push(input_seq),
        }
        cells.push(text_or_null(self.flag_names().join("|")));
        cells
    }
}

/// The cells of a field; those of levels stand in another table, and padding nowhere.
fn cells(value: &Value) -> impl Iterator<Item = Cell<'_>> {
    let (first, second) = match value {
        Value::Unsigned(number) => (Cell::Unsigned(*number), None),
        Value::Signed(number) => (Cell::Signed(*number), None),
        Value::Time(ns) => (time(*ns), None),
        Value::Text(text) => (text_or_null(text), None),
        Value::Code(_, Some(name)) => (Cell::Text(name.into()), None),
        Value::Code(code, None) => (Cell::Text(code.to_string().into()), None),
        Value::OutId(id) if id.is_none() => (Cell::Null, None),
        Value::OutId(id) => (Cell::Text(id.to_string().into()), None),
        Value::Id(id, name) => (
            Cell::Unsigned(*id),
            Some(text_or_null(name.as_deref().unwrap_or_default())),
        ),
        Value::Px(px, _) if *px == Px::NONE.0 => (Cell::Null, Some(Cell::Null)),
        Value::Px(steps, decimal) | Value::Qty(steps, decimal) => {
            (Cell::Signed(*steps), Some(decimal_or_null(*decimal)))
        }
        Value::Amount(units, decimal) => {
            let units = Scaled {
                value: *units,
                exponent: 0,
            };
            (Cell::Decimal(units), Some(decimal_or_null(*decimal)))
        }
        Value::Levels(_) | Value::Padding(_) => return None.into_iter().chain(None),
    };
    Some(first).into_iter().chain(second)
}

fn level_cells(level: &Level) -> [Cell<'static>; 4] {
    let (px, qty) = level.decimal.unzip();
    let no_px = level.px == Px::NONE.0;
    [
        if no_px { Cell::Null } else { Cell::Signed(level.px) },
        decimal_or_null(px.filter(|_| !no_px)),
        Cell::Signed(level.qty),
        decimal_or_null(qty),
    ]
}

fn time(ns: u64) -> Cell<'static> {
    if ns == 0 { Cell::Null } else { Cell::Time(ns) }
}

fn decimal_or_null(decimal: Option<Scaled>) -> Cell<'static> {
    decimal.map_or(Cell::Null, Cell::Decimal)
}

fn text_or_null<'a>(text: impl Into<Cow<'a, str>>) -> Cell<'a> {
    match text.into() {
        text if text.is_empty() => Cell::Null,
        text => Cell::Text(text),
    }
}
