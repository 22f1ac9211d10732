//! The files of the workspace, and Rust source with its comments and strings blanked out.

use std::fs;
use std::path::{Path, PathBuf};

/// A text file that people write, by its path from the workspace root.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|e| e == "rs")
    }

    /// The name of the crate under `crates/` that the file belongs to.
    pub(crate) fn crate_name(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split('/').next()
    }

    /// The file without its comments and strings. Lines keep their numbers.
    pub(crate) fn code(&self) -> String {
        blank_comments_and_strings(&self.text)
    }

    /// As [`Source::code`], up to the test module, which comes last in a file.
    pub(crate) fn code_without_tests(&self) -> String {
        let mut code = self.code();
        if let Some(tests) = code.find("#[cfg(test)]\nmod ") {
            code.truncate(tests);
        }
        code
    }
}

/// Every source, manifest, script and document under `root`. Build output and hidden folders are left out, but
/// for `.ci`.
pub(crate) fn sources(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for entry in entries {
            let path = entry
                .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
                .path();
            let name = path
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default();
            let skipped = name == "target" || (name.starts_with('.') && name != ".ci");
            if path.is_dir() {
                folders.extend((!skipped).then_some(path));
            } else if is_written_by_people(&path) {
                found.push(read(root, path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn is_written_by_people(path: &Path) -> bool {
    let in_folder = |name: &str| path.parent().is_some_and(|p| p.ends_with(name));
    match path.extension().and_then(|e| e.to_str()) {
        Some(extension) => matches!(extension, "rs" | "toml" | "md" | "sh" | "py"),
        None => in_folder("scripts") || in_folder(".ci"),
    }
}

fn read(root: &Path, path: PathBuf) -> Source {
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let path = path.strip_prefix(root).map(Path::to_path_buf).unwrap_or(path);
    Source {
        path: path.to_string_lossy().into_owned(),
        text,
    }
}

/// The words (identifiers and keywords) of a line of code.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// `text` with every byte of a comment, a string or a character literal made a blank; line ends stay.
fn blank_comments_and_strings(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let inside_word = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
        let len = if bytes[at..].starts_with(b"//") {
            bytes[at..]
                .iter()
                .position(|&b| b == b'\n')
                .unwrap_or(bytes.len() - at)
        } else if bytes[at..].starts_with(b"/*") {
            block_comment_len(&bytes[at..])
        } else if bytes[at] == b'"' {
            quoted_len(&bytes[at..], b'"')
        } else if bytes[at] == b'\'' {
            char_len(&bytes[at..])
        } else if inside_word {
            0
        } else {
            raw_string_len(&bytes[at..])
        };
        if len == 0 {
            out.push(if bytes[at].is_ascii() {
                char::from(bytes[at])
            } else {
                '?'
            });
            at += 1;
        } else {
            let end = (at + len).min(bytes.len());
            out.extend(
                bytes[at..end]
                    .iter()
                    .map(|&b| if b == b'\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    out
}

/// Length of the block comment at the start, comments within it included.
fn block_comment_len(bytes: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// Length of the literal at the start, from its opening to its closing `quote`.
fn quoted_len(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < bytes.len() && bytes[at] != quote {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// Length of the character literal at the start; zero for a lifetime or a label.
fn char_len(bytes: &[u8]) -> usize {
    match bytes {
        [_, b'\\', ..] => quoted_len(bytes, b'\''),
        [_, first, rest @ ..] if first.is_ascii() => {
            if rest.first() == Some(&b'\'') {
                3
            } else {
                0
            }
        }
        _ => quoted_len(bytes, b'\''),
    }
}

/// Length of the raw string (`r"…"`, `br#"…"#`) at the start; zero if none stands there.
fn raw_string_len(bytes: &[u8]) -> usize {
    let prefix = match bytes {
        [b'b' | b'c', b'r', ..] => 2,
        [b'r', ..] => 1,
        _ => return 0,
    };
    let hashes = bytes[prefix..].iter().take_while(|&&b| b == b'#').count();
    if bytes.get(prefix + hashes) != Some(&b'"') {
        return 0;
    }
    let body = prefix + hashes + 1;
    let closing = [&b"\""[..], &b"#".repeat(hashes)].concat();
    let found = bytes[body..]
        .windows(closing.len())
        .position(|window| window == closing);
    found.map_or(bytes.len(), |p| body + p + closing.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked_and_code_is_kept() {
        for (text, kept) in [
            ("a // unsafe\nb", "a  b"),
            ("a /* x /* unsafe */ y */ b", "a b"),
            (r#"a "unsafe \" unsafe" b"#, "a b"),
            (r##"a r#"unsafe " unsafe"# b"##, "a b"),
            (r#"a br"unsafe\" b"#, "a b"),
            (r"'\'' b '\\' c", "b c"),
            ("'\"' b", "b"),
            ("'é' b", "b"),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("for r in raw {}", "for r in raw {}"),
            ("\"open unsafe", ""),
        ] {
            let squeeze = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(
                squeeze(&blank_comments_and_strings(text)),
                squeeze(kept),
                "{text}"
            );
        }
    }

    #[test]
    fn line_numbers_survive() {
        let source = Source {
            path: "crates/x/src/lib.rs".into(),
            text: "/* a\nb */\nfn f() {}\n".into(),
        };
        assert_eq!(source.code().lines().nth(2), Some("fn f() {}"));
        assert_eq!(source.crate_name(), Some("x"));
    }
}
