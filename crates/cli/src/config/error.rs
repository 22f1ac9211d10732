//! What is wrong with a configuration, and where: file, line, column and key.

use std::ops::Range;
use std::path::{Path, PathBuf};

use thiserror::Error;
use toml::de::{DeTable, DeValue};

/// Why a configuration was refused.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: {source}", file.display())]
    Read {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A key or its value is not what was expected.
    #[error("{}:{line}:{column}: {}{message}", file.display(), prefix(key))]
    At {
        /// Which file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// Path of the key, as `venue[0].listing[1].tick` (indices from 0); empty where the text is no TOML.
        key: String,
        /// What was found and what was expected.
        message: String,
    },
}

fn prefix(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("{key}: ")
    }
}

/// A message about a stretch of the file's text.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

impl Problem {
    /// Names the place in words.
    pub(super) fn locate(self, file: &Path, text: &str) -> ConfigError {
        let start = text.floor_char_boundary(self.span.start.min(text.len()));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        ConfigError::At {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key: key_at(text, start),
            message: self.message,
        }
    }
}

impl From<toml::de::Error> for Problem {
    fn from(error: toml::de::Error) -> Problem {
        Problem {
            span: error.span().unwrap_or(0..0),
            message: error.message().to_owned(),
        }
    }
}

/// The path of the innermost key whose name or value covers the byte at `at`.
fn key_at(text: &str, at: usize) -> String {
    let mut best = Innermost {
        at,
        width: usize::MAX,
        path: String::new(),
    };
    if let Ok(table) = DeTable::parse(text) {
        best.visit_table(table.get_ref(), "");
    }
    best.path
}

struct Innermost {
    at: usize,
    width: usize,
    path: String,
}

impl Innermost {
    fn offer(&mut self, span: &Range<usize>, path: &str) {
        if span.contains(&self.at) && span.len() <= self.width {
            self.width = span.len();
            path.clone_into(&mut self.path);
        }
    }

    fn visit_table(&mut self, table: &DeTable<'_>, path: &str) {
        for (key, value) in table {
            let dot = if path.is_empty() { "" } else { "." };
            let path = format!("{path}{dot}{}", key.get_ref());
            self.offer(&key.span(), &path);
            self.offer(&value.span(), &path);
            self.visit_value(value.get_ref(), &path);
        }
    }

    fn visit_value(&mut self, value: &DeValue<'_>, path: &str) {
        match value {
            DeValue::Table(table) => self.visit_table(table, path),
            DeValue::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    let path = format!("{path}[{i}]");
                    self.offer(&item.span(), &path);
                    self.visit_value(item.get_ref(), &path);
                }
            }
            _ => {}
        }
    }
}
