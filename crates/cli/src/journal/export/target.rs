//! Where an export goes: which file for which table, and in which format.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use tempfile::NamedTempFile;

use crate::args::ExportArgs;
use crate::failure::Failure;

/// How tables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A JSON object a line.
    Jsonl,
    /// Comma-separated values, RFC 4180, with a line of names.
    Csv,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    fn extension(self) -> &'static str {
        match self {
            Format::Jsonl => "jsonl",
            Format::Csv => "csv",
            Format::Parquet => "parquet",
        }
    }

    fn of_extension(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()? {
            "jsonl" | "ndjson" => Some(Format::Jsonl),
            "csv" => Some(Format::Csv),
            "parquet" => Some(Format::Parquet),
            _ => None,
        }
    }
}

/// Where an export goes.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) format: Format,
    /// The only type, where the target is one file; it is written even if no record is of it.
    pub(super) only: Option<String>,
    to: PathBuf,
    force: bool,
}

impl Target {
    pub(super) fn new(args: &ExportArgs) -> Result<Target, Failure> {
        let to = &args.to;
        let is_dir = to.is_dir() || to.as_os_str().as_encoded_bytes().ends_with(b"/");
        let by_extension = if is_dir { None } else { Format::of_extension(to) };
        let Some(format) = args.format.or(by_extension) else {
            return Err(Failure::Usage(format!(
                "--format is missing, and {} does not end in .jsonl, .csv or .parquet",
                to.display()
            )));
        };
        if format == Format::Parquet && !cfg!(feature = "parquet") {
            return Err(Failure::Usage(
                "this pinrail was built without Parquet: build it with `cargo build --release -p pinrail-cli --features \
                 parquet`, or export CSV or JSON lines"
                    .to_owned(),
            ));
        }
        let mut types = args.filter.types.clone();
        types.sort();
        types.dedup();
        let only = match (is_dir, types.as_slice()) {
            (true, _) => None,
            (false, [only]) => Some(only.clone()),
            (false, _) => {
                return Err(Failure::Usage(format!(
                    "a file holds one type of record: name one with --type, or give a directory as --to {}/",
                    to.display()
                )));
            }
        };
        if is_dir {
            fs::create_dir_all(to).map_err(|e| refused("make", to, &e))?;
        }
        Ok(Target {
            format,
            only,
            to: to.clone(),
            force: args.force,
        })
    }

    /// Begins the file of a table.
    pub(super) fn begin(&self, table: &str) -> Result<Pending, Failure> {
        let path = self.path(table);
        if !self.force && fs::symlink_metadata(&path).is_ok() {
            return Err(exists(&path));
        }
        let dir = match path.parent() {
            Some(dir) if dir != Path::new("") => dir,
            _ => Path::new("."),
        };
        let temporary = tempfile::Builder::new()
            .prefix(".pinrail-export-")
            .suffix(".tmp")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(dir)
            .map_err(|e| refused("write", &path, &e))?;
        Ok(Pending {
            temporary,
            path,
            force: self.force,
        })
    }

    /// The file of a table: the one that was named, or one in the directory. What stands behind a dot in the table's
    /// name stands in front of the extension.
    fn path(&self, table: &str) -> PathBuf {
        let extension = self.format.extension();
        match &self.only {
            None => self.to.join(format!("{table}.{extension}")),
            Some(only) if only == table => self.to.clone(),
            Some(only) => {
                let part = table.strip_prefix(only.as_str()).unwrap_or(table);
                let given = self.to.extension().and_then(|e| e.to_str()).unwrap_or(extension);
                let stem = self.to.file_stem().unwrap_or_default().to_string_lossy();
                self.to.with_file_name(format!("{stem}{part}.{given}"))
            }
        }
    }
}

/// A file that takes its name when it is whole. Until then it has another one beside it, and is removed if the export
/// fails; a process that is killed leaves it.
#[derive(Debug)]
pub(super) struct Pending {
    temporary: NamedTempFile,
    path: PathBuf,
    force: bool,
}

impl Pending {
    /// The file, to be written.
    pub(super) fn file(&self) -> Result<File, Failure> {
        self.temporary.as_file().try_clone().map_err(|e| self.refused(&e))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Why writing it failed.
    pub(super) fn refused(&self, error: &io::Error) -> Failure {
        refused("write", &self.path, error)
    }

    /// Gives the file its name, and its length in bytes.
    pub(super) fn finish(self) -> Result<u64, Failure> {
        let file = self.temporary.as_file();
        file.sync_all().map_err(|e| self.refused(&e))?;
        let bytes = file.metadata().map_err(|e| self.refused(&e))?.len();
        let persisted = if self.force {
            self.temporary.persist(&self.path)
        } else {
            self.temporary.persist_noclobber(&self.path)
        };
        match persisted {
            Ok(_) => Ok(bytes),
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(&self.path)),
            Err(e) => Err(refused("write", &self.path, &e.error)),
        }
    }
}

fn refused(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Machine(format!("cannot {what} {}: {error}", path.display()))
}

fn exists(path: &Path) -> Failure {
    Failure::Usage(format!("{} exists; --force overwrites it", path.display()))
}
