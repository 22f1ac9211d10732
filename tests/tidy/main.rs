//! Keeps the laws that no compiler keeps: which crate may use which, where unsafe code may stand, and what a
//! source file must and must not hold. A failure says what, where, and how to mend it.

mod source;

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package};
use source::{Source, sources, words};
use toml::{Table, Value};

/// What a crate may depend on inside the workspace, in dependency order. `ARCHITECTURE.md` draws the same table.
const MAY_USE: &[(&str, Uses)] = &[
    ("pinrail-types", Uses::Only(&[])),
    ("pinrail-ring", Uses::Only(&["types"])),
    ("pinrail-journal", Uses::Only(&["types"])),
    ("pinrail-book", Uses::Only(&["types"])),
    ("pinrail-matching", Uses::Only(&["types"])),
    ("pinrail-pricing", Uses::Only(&["types", "book"])),
    ("pinrail-risk", Uses::Only(&["types"])),
    ("pinrail-oms", Uses::Only(&["types", "book"])),
    (
        "pinrail-engine",
        Uses::Only(&["types", "book", "matching", "pricing", "risk", "oms"]),
    ),
    (
        "pinrail-runtime",
        Uses::Only(&["types", "ring", "journal", "engine"]),
    ),
    ("pinrail-venue", Uses::Only(&["types", "ring", "journal", "book"])),
    ("pinrail-sim", Uses::Only(&["types", "book"])),
    ("pinrail-report", Uses::Only(&["types"])),
    ("pinrail", Uses::AllBut(&["cli"])),
    ("pinrail-cli", Uses::AllBut(&[])),
    ("pinrail-bench", Uses::AllBut(&["cli"])),
    ("pinrail-tests", Uses::AllBut(&[])),
];

enum Uses {
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

impl Uses {
    fn allow(&self, name: &str) -> bool {
        let name = name.strip_prefix("pinrail-").unwrap_or(name);
        match self {
            Uses::Only(names) => names.contains(&name),
            Uses::AllBut(names) => !names.contains(&name),
        }
    }
}

/// The crates that may hold unsafe code.
const MAY_BE_UNSAFE: &[&str] = &["ring", "journal", "runtime"];

/// C symbols can't be exported without it; what stands here is in nothing that ships.
const EXPORTS_C: &str = "bench/adapter/";

/// The crates whose every step must come out the same on every machine.
const DETERMINISTIC: &[&str] = &["types", "book", "matching", "pricing", "risk", "oms", "engine"];

/// What those must not name: clocks, hash order, chance, sockets, files, threads.
const NOT_DETERMINISTIC: &[&str] = &[
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
    "RandomState",
    "std::env",
    "std::fs",
    "std::net",
    "std::thread",
];

/// The crates that hold no float at all; a pricer's model may.
const NO_FLOATS: &[&str] = &["types", "book", "matching", "risk", "oms", "engine"];

/// Most lines in a file; one that grows beyond has more than one subject.
const LINES_MAX: usize = 900;

/// Written by a test, a row for each field of each record: it has one subject however many there are.
const GENERATED: &str = "docs/records.md";

#[test]
fn crates_use_only_what_the_table_allows() {
    let metadata = metadata();
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        let Some((_, uses)) = MAY_USE.iter().find(|(name, _)| *name == package.name.as_str()) else {
            found.push(format!("{}: has no row in MAY_USE", manifest_path(package)));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.path.is_some()) {
            // A crate may name itself, for a feature that its own tests need.
            if dependency.name != package.name.as_str() && !uses.allow(&dependency.name) {
                found.push(format!("{}: uses {}", manifest_path(package), dependency.name));
            }
        }
    }
    for (name, _) in MAY_USE {
        if !metadata
            .workspace_packages()
            .iter()
            .any(|p| p.name.as_str() == *name)
        {
            found.push(format!("MAY_USE: {name} is no member of the workspace"));
        }
    }
    assert_none(
        &found,
        "a crate uses one that it may not see, tests and build scripts included",
        "move what is needed down to a crate that both may use, or the test to tests/; a new crate gets a row in \
         MAY_USE and in ARCHITECTURE.md",
    );
}

#[test]
fn unsafe_code_stands_only_where_it_may() {
    let mut found = Vec::new();
    for source in sources(&root()).iter().filter(|s| s.is_rust()) {
        if source
            .crate_name()
            .is_some_and(|name| MAY_BE_UNSAFE.contains(&name))
            || source.path.starts_with(EXPORTS_C)
        {
            continue;
        }
        found.extend(places(source, &source.code(), &["unsafe"]));
    }
    assert_none(
        &found,
        &format!("unsafe code outside {}", MAY_BE_UNSAFE.join(", ")),
        "find a safe way, or put a small safe interface over it into one of these",
    );
}

#[test]
fn lints_are_the_workspaces() {
    let workspace = lints(&manifest(&root().join("Cargo.toml")), &["workspace", "lints"]);
    let mut without_unsafe_code = workspace.clone();
    let forbidden = without_unsafe_code
        .get_mut("rust")
        .and_then(Value::as_table_mut)
        .and_then(|rust| rust.remove("unsafe_code"));
    let mut found = Vec::new();
    if forbidden != Some(Value::from("forbid")) {
        found.push("Cargo.toml: [workspace.lints.rust] has no unsafe_code = \"forbid\"".to_owned());
    }
    for package in metadata().workspace_packages() {
        let path = manifest_path(package);
        let own = lints(&manifest(package.manifest_path.as_std_path()), &["lints"]);
        let may_be_unsafe = MAY_BE_UNSAFE
            .iter()
            .any(|name| package.name.as_str() == format!("pinrail-{name}"));
        if own.get("workspace") == Some(&Value::from(true)) {
            continue;
        }
        if !may_be_unsafe {
            found.push(format!("{path}: has no `[lints] workspace = true`"));
            continue;
        }
        for group in ["rust", "clippy"] {
            found.extend(differences(&path, group, &own, &without_unsafe_code));
        }
    }
    assert_none(
        &found,
        "a crate's lints are not the workspace's",
        "inherit them; a crate that may hold unsafe code repeats the workspace's tables without unsafe_code",
    );
}

#[test]
fn versions_are_pinned_in_one_place() {
    let mut found = Vec::new();
    for package in metadata().workspace_packages() {
        let path = manifest_path(package);
        let manifest = manifest(package.manifest_path.as_std_path());
        for key in ["version", "edition", "rust-version", "license", "publish"] {
            let own = manifest.get("package").and_then(|p| p.get(key));
            if own.and_then(|v| v.get("workspace")) != Some(&Value::from(true)) {
                found.push(format!("{path}: [package] has no {key}.workspace = true"));
            }
        }
        let targets = manifest.get("target").and_then(Value::as_table);
        let per_target = targets
            .into_iter()
            .flat_map(|t| t.values().filter_map(Value::as_table));
        for table in std::iter::once(&manifest).chain(per_target) {
            for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let dependencies = table.get(kind).and_then(Value::as_table);
                for (name, value) in dependencies.into_iter().flatten() {
                    if value.get("workspace") != Some(&Value::from(true)) {
                        found.push(format!("{path}: [{kind}] {name} states its own version or path"));
                    }
                }
            }
        }
    }
    assert_none(
        &found,
        "a member states what the workspace states",
        "put it into [workspace.dependencies] or [workspace.package] of the root Cargo.toml and inherit it",
    );
}

#[test]
fn deterministic_crates_name_no_clock_nor_chance() {
    let mut found = Vec::new();
    for source in program_sources(DETERMINISTIC) {
        found.extend(places(&source, &source.code_without_tests(), NOT_DETERMINISTIC));
    }
    for source in program_sources(NO_FLOATS) {
        found.extend(places(&source, &source.code_without_tests(), &["f32", "f64"]));
    }
    assert_none(
        &found,
        "a deterministic crate names something that differs from run to run, or a float",
        "let it come in as a record, use a Vec, a BTreeMap or an own table of fixed order, and integers",
    );
}

#[test]
fn files_are_short_and_finished() {
    let unfinished = [
        concat!("to", "do!"),
        concat!("unimple", "mented!"),
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
    ];
    let mut found = Vec::new();
    for source in sources(&root()) {
        let lines = source.text.lines().count();
        if lines > LINES_MAX && source.path != GENERATED {
            found.push(format!("{}: {lines} lines, at most {LINES_MAX}", source.path));
        }
        for (line, text) in source.text.lines().enumerate() {
            for mark in unfinished.iter().filter(|mark| text.contains(**mark)) {
                found.push(format!("{}:{}: {mark}", source.path, line + 1));
            }
        }
    }
    assert_none(
        &found,
        "a file is too long or unfinished",
        "split it by subject; finish it or open an issue",
    );
}

#[test]
fn no_file_names_a_place_on_one_machine() {
    let mut found = Vec::new();
    for source in sources(&root()) {
        for (line, text) in source.text.lines().enumerate() {
            for path in machine_paths(text) {
                found.push(format!("{}:{}: {path}", source.path, line + 1));
            }
        }
    }
    assert_none(
        &found,
        "a path that exists on one machine only",
        "make it relative to the repository, or take it from an argument or the environment",
    );
}

#[test]
fn every_crate_says_what_it_is() {
    let mut found = Vec::new();
    for package in metadata().workspace_packages() {
        for target in package.targets.iter().filter(|t| t.is_lib() || t.is_bin()) {
            let text = std::fs::read_to_string(&target.src_path).expect("cargo names files that are there");
            if !text.starts_with("//! ") {
                found.push(relative(target.src_path.as_std_path()));
            }
        }
    }
    assert_none(
        &found,
        "a crate without a doc",
        "open the file with `//!` and say what the crate holds",
    );
}

/// The paths in `text` that lead to one machine's folders. A relative path is none.
fn machine_paths(text: &str) -> Vec<&'static str> {
    let paths = [
        concat!("/wo", "rk"),
        concat!("/ro", "ot"),
        concat!("/ho", "me"),
        concat!("/tmp", "/wt"),
    ];
    let stands_alone = |path: &str, at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + path.len()..].chars().next();
        let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        !before.is_some_and(|c| in_word(c) || matches!(c, '.' | '/' | '}' | ')' | '>'))
            && !after.is_some_and(in_word)
    };
    paths
        .into_iter()
        .filter(|path| text.match_indices(path).any(|(at, _)| stands_alone(path, at)))
        .collect()
}

#[test]
fn machine_paths_are_told_from_relative_ones() {
    let path = concat!("/wo", "rk");
    assert_eq!(machine_paths(&format!("cd {path}/x")), [path]);
    assert_eq!(machine_paths(&format!("({path})")), [path]);
    for fine in ["../", "a", "$dir)", "/x"] {
        assert!(machine_paths(&format!("{fine}{path}/x")).is_empty(), "{fine}");
    }
    assert!(machine_paths(&format!("{path}ers/x")).is_empty());
}

/// Where `source` names one of `forbidden`, which are words or paths.
fn places(source: &Source, code: &str, forbidden: &[&str]) -> Vec<String> {
    let names = |line: &str, name: &str| {
        if name.contains("::") {
            line.contains(name)
        } else {
            words(line).any(|word| word == name)
        }
    };
    let mut found = Vec::new();
    for (line, text) in code.lines().enumerate() {
        for name in forbidden.iter().filter(|name| names(text, name)) {
            found.push(format!("{}:{}: {name}", source.path, line + 1));
        }
    }
    found
}

/// The sources of the named crates that are part of the program: no tests, benches or examples.
fn program_sources(crates: &[&str]) -> Vec<Source> {
    let is_program = |s: &Source| s.path.contains("/src/") && !s.path.ends_with("/tests.rs");
    let mut found = sources(&root());
    found.retain(|s| {
        s.is_rust() && is_program(s) && s.crate_name().is_some_and(|name| crates.contains(&name))
    });
    found
}

/// The lints of one group that stand in only one of two lint tables, or differ.
fn differences(path: &str, group: &str, own: &Table, workspace: &Table) -> Vec<String> {
    let empty = Table::new();
    let own = own.get(group).and_then(Value::as_table).unwrap_or(&empty);
    let workspace = workspace.get(group).and_then(Value::as_table).unwrap_or(&empty);
    let mut found = Vec::new();
    for (lint, level) in workspace {
        match own.get(lint) {
            Some(own_level) if own_level == level => {}
            Some(own_level) => {
                found.push(format!(
                    "{path}: [lints.{group}] {lint} = {own_level}, the workspace has {level}"
                ));
            }
            None => found.push(format!("{path}: [lints.{group}] lacks {lint} = {level}")),
        }
    }
    for lint in own.keys().filter(|lint| !workspace.contains_key(*lint)) {
        found.push(format!(
            "{path}: [lints.{group}] {lint} is none of the workspace's"
        ));
    }
    found
}

fn lints(manifest: &Table, path: &[&str]) -> Table {
    let mut table = manifest.clone();
    for key in path {
        table = table
            .get(*key)
            .and_then(Value::as_table)
            .cloned()
            .unwrap_or_default();
    }
    table
}

fn manifest(path: &Path) -> Table {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn manifest_path(package: &Package) -> String {
    relative(package.manifest_path.as_std_path())
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

fn metadata() -> Metadata {
    let manifest = root().join("Cargo.toml");
    MetadataCommand::new()
        .manifest_path(manifest)
        .no_deps()
        .exec()
        .expect("cargo metadata reads the workspace that this test was built from")
}

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .expect("the package is a folder of the workspace")
        .to_path_buf()
}

fn assert_none(found: &[String], what: &str, mend: &str) {
    assert!(
        found.is_empty(),
        "{what}:\n  {}\nTo mend: {mend}.",
        found.join("\n  ")
    );
}
