//! Every reason code is reached by a test, and `docs/controls.md` names only what is there.

use std::path::{Path, PathBuf};

use pinrail_types::Reason;

#[path = "controls/first.rs"]
mod first;
#[path = "controls/second.rs"]
mod second;

/// A test that reaches a code: the reason, the file, the test in whose body it stands.
type Reached = (Reason, &'static str, &'static str);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The body of the test `name` in a source file; `None` if it has none.
fn body<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    let start = source.find(&format!("fn {name}()"))?;
    let line = source[..start].rfind('\n').map_or(0, |at| at + 1);
    let attributes = source[..line].trim_end().lines().rev();
    let mut attributes = attributes.take_while(|line| line.trim_start().starts_with("#["));
    if !attributes.any(|line| line.trim() == "#[test]") {
        return None;
    }
    let end = format!("\n{}}}\n", &source[line..start]);
    let len = source[start..].find(&end)?;
    Some(&source[start..start + len])
}

/// All Rust files below the crates' and the tests' folders.
fn sources() -> Vec<String> {
    let mut folders = vec![root().join("crates"), root().join("tests")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                found.push(std::fs::read_to_string(path).expect("a source file"));
            }
        }
    }
    found
}

#[test]
fn every_reason_code_is_reached_by_a_test() {
    let mut missing = Vec::new();
    for reason in Reason::ALL {
        let reached = first::FIRST
            .iter()
            .chain(second::SECOND)
            .filter(|(of, _, _)| of == reason)
            .any(|(_, file, test)| {
                let source = std::fs::read_to_string(root().join(file)).unwrap_or_default();
                body(&source, test).is_some_and(|body| has_word(body, &format!("Reason::{reason:?}")))
            });
        if !reached {
            missing.push(reason);
        }
    }
    assert!(
        missing.is_empty(),
        "no test of FIRST or SECOND reaches {missing:?}: write one, and say here which; a code that nothing can reach is deleted"
    );
}

fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let next = text[at + word.len()..].chars().next();
        next.is_none_or(|next| !next.is_alphanumeric() && next != '_')
    })
}

/// The words in backticks of a cell.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn the_controls_name_reasons_and_tests_that_are_there() {
    let page = std::fs::read_to_string(root().join("docs/controls.md")).expect("docs/controls.md");
    let sources = sources();
    let mut rows = 0;
    let mut wrong = Vec::new();
    for line in page
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'))
    {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [_, _, reasons, tests] = cells[..] else {
            wrong.push(format!("not four cells: {line}"));
            continue;
        };
        rows += 1;
        for name in quoted(reasons) {
            let known = Reason::ALL
                .iter()
                .any(|reason| name == format!("{} {reason:?}", reason.code()));
            if !known {
                wrong.push(format!("no reason is called {name}"));
            }
        }
        if quoted(tests).is_empty() {
            wrong.push(format!("no test: {line}"));
        }
        for name in quoted(tests) {
            if !sources.iter().any(|source| body(source, name).is_some()) {
                wrong.push(format!("no test is called {name}"));
            }
        }
    }
    assert!(rows > 20, "{rows} rows");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_body_is_found_only_of_a_test() {
    let source = "#[test]\nfn a() {\n    Reason::Halted;\n}\n\nfn b() {\n}\n";
    assert_eq!(
        body(source, "a").map(|body| has_word(body, "Reason::Halted")),
        Some(true)
    );
    assert_eq!(
        body(source, "a").map(|body| has_word(body, "Reason::Halt")),
        Some(false)
    );
    assert_eq!((body(source, "b"), body(source, "c")), (None, None));
}
