//! Aligned tables, and figures in a form that people read.

use core::fmt;

use comfy_table::{CellAlignment, presets};

/// A table for terminals that is also valid Markdown, so that what was printed can be committed as it is. The
/// first column is to the left.
#[derive(Clone, Debug)]
pub struct Table {
    inner: comfy_table::Table,
}

impl Table {
    /// A table of figures: every column but the first to the right.
    pub fn figures(header: &[&str]) -> Table {
        let mut table = Table::facts(header);
        for column in table.inner.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    /// A table of texts: every column to the left.
    pub fn facts(header: &[&str]) -> Table {
        let mut inner = comfy_table::Table::new();
        inner.load_style(presets::ASCII_MARKDOWN).set_header(header);
        Table { inner }
    }

    /// Adds a row. Cells beyond the header's are shown under no title.
    pub fn row<T: fmt::Display>(&mut self, cells: impl IntoIterator<Item = T>) -> &mut Table {
        let cells: Vec<String> = cells.into_iter().map(|cell| cell.to_string()).collect();
        self.inner.add_row(cells);
        self
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// A duration with three significant digits in the unit that suits it, rounded down: `162 ns`, `1.20 µs`,
/// `45.3 ms`, `60.0 s`. Hours stay seconds.
pub fn ns(ns: u64) -> String {
    scaled(ns, 1_000, &["ns", "µs", "ms", "s"])
}

/// [`ns`], or a dash for what is not known.
pub fn ns_or_dash(value: Option<u64>) -> String {
    value.map_or_else(|| "–".to_owned(), ns)
}

/// A size with three significant digits in the binary unit that suits it, rounded down: `512 B`, `1.50 MiB`.
pub fn bytes(bytes: u64) -> String {
    scaled(bytes, 1_024, &["B", "KiB", "MiB", "GiB", "TiB"])
}

/// A number with its thousands apart: `1,234,567`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A signed [`count`].
pub fn signed(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", count(value.unsigned_abs()))
}

/// `value` in the largest of `units`, each `base` times the one before, that it holds at least one of.
fn scaled(value: u64, base: u64, units: &[&str]) -> String {
    let mut unit = 1;
    let mut at = 0;
    while at + 1 < units.len() && value / unit >= base {
        unit *= base;
        at += 1;
    }
    let name = units[at];
    let (whole, rest) = (value / unit, value % unit);
    match whole {
        _ if at == 0 => format!("{whole} {name}"),
        0..10 => format!("{whole}.{:02} {name}", rest * 100 / unit),
        10..100 => format!("{whole}.{} {name}", rest * 10 / unit),
        _ => format!("{whole} {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_their_unit() {
        for (value, text) in [
            (0, "0 ns"),
            (162, "162 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (1_209, "1.20 µs"),
            (45_360, "45.3 µs"),
            (999_999, "999 µs"),
            (1_000_000, "1.00 ms"),
            (60_000_000_000, "60.0 s"),
            (u64::MAX, "18446744073 s"),
        ] {
            assert_eq!(ns(value), text);
        }
        for (value, text) in [
            (1_023, "1023 B"),
            (1_024, "1.00 KiB"),
            (3 << 19, "1.50 MiB"),
            (64 << 20, "64.0 MiB"),
            (u64::MAX, "16777215 TiB"),
        ] {
            assert_eq!(bytes(value), text);
        }
        assert_eq!(ns_or_dash(None), "–");
    }

    #[test]
    fn thousands_stand_apart() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(value), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(signed(i64::MIN), "-9,223,372,036,854,775,808");
        assert_eq!(signed(-12), "-12");
    }

    #[test]
    fn figures_align_to_the_right() {
        let mut table = Table::figures(&["what", "p50"]);
        table.row(["ring round trip", "303 ns"]).row(["core", "1.20 µs"]);
        assert_eq!(
            table.to_string(),
            "| what            |     p50 |\n\
             |-----------------|---------|\n\
             | ring round trip |  303 ns |\n\
             | core            | 1.20 µs |"
        );
    }
}
