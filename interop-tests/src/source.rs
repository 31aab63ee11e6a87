//! The sources of the workspace, as the house rules' tests read them.

use std::fs;
use std::path::{Path, PathBuf};

/// The crates, bottom up.
pub const CRATES: [&str; 5] = ["transport", "connection", "forward", "cli", "interop-tests"];

/// The top folder of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the workspace around this crate").to_owned()
}

/// One source file.
#[derive(Debug)]
pub struct Source {
    /// Path from the top of the workspace, such as `transport/src/lib.rs`.
    pub path: String,
    /// The text as it is.
    pub text: String,
    /// The text with comments and the content of literals blanked out, line for line.
    pub code: String,
}

impl Source {
    /// A source file of this text.
    #[must_use]
    pub fn new(path: &str, text: String) -> Self {
        let code = code_only(&text);
        Self { path: path.to_owned(), text, code }
    }

    /// The crate's folder, such as `transport`.
    #[must_use]
    pub fn crate_folder(&self) -> &str {
        self.path.split('/').next().unwrap_or_default()
    }

    /// The code without what exists in tests only.
    #[must_use]
    pub fn code_outside_tests(&self) -> String {
        without_test_items(&self.code)
    }

    /// The module that this file is, as folder and name: `transport/src/kex` and `strict`.
    #[must_use]
    pub fn module(&self) -> (String, String) {
        let path = self.path.strip_suffix(".rs").unwrap_or(&self.path);
        let path = path.strip_suffix("/mod").unwrap_or(path);
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        (folder.to_owned(), name.to_owned())
    }
}

/// Every Rust file of the workspace, sorted by path.
///
/// # Panics
/// When a file cannot be read.
#[must_use]
pub fn all() -> Vec<Source> {
    let root = root();
    let mut paths = Vec::new();
    for folder in CRATES {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    let relative = |path: &Path| {
        let path = path.strip_prefix(&root).expect("a path below the top");
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    let read = |path: &PathBuf| {
        Source::new(&relative(path), fs::read_to_string(path).expect("a source file in UTF-8"))
    };
    paths.iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, paths);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The sources that exist in tests only: below `tests/` or `benches/`, or a module declared under
/// `#[cfg(test)]`, or a file below such a module.
#[must_use]
pub fn test_only(sources: &[Source]) -> Vec<&Source> {
    let test_modules: Vec<String> = sources.iter().flat_map(declared_test_modules).collect();
    let is_test = |source: &&Source| {
        let (folder, name) = source.module();
        let module = format!("{folder}/{name}");
        // A program that stands beside the tests, such as a benchmark, is none.
        let beside = ["/src/bin", "/src/bench"].iter().any(|program| folder.ends_with(program));
        (source.crate_folder() == "interop-tests" && !beside)
            || folder.split('/').any(|part| ["tests", "benches"].contains(&part))
            || test_modules.iter().any(|test| {
                module
                    .strip_prefix(test.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    };
    sources.iter().filter(is_test).collect()
}

/// The modules that a file declares under `#[cfg(test)]`, by name or by path.
fn declared_test_modules(source: &Source) -> Vec<String> {
    let (folder, name) = source.module();
    let is_root = ["lib", "main"].contains(&name.as_str());
    let inner = if is_root { folder.clone() } else { format!("{folder}/{name}") };
    // The folder of the file itself, from which paths count.
    let own = source.path.rsplit_once('/').map_or("", |(own, _)| own);
    let packed = source.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let declared = packed.split("#[cfg(test)] ").skip(1).filter_map(|item| {
        if let Some(path) = item.strip_prefix("#[path = \"") {
            let stem = path.split_once(".rs\"] mod ")?.0;
            return Some(format!("{own}/{stem}"));
        }
        let name = item.strip_prefix("mod ")?;
        let name: String = name.chars().take_while(|c| is_word(*c)).collect();
        Some(format!("{inner}/{name}"))
    });
    declared.collect()
}

/// A function's name, the line it begins on (from 1), and how many lines it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of `fn`.
    pub line: usize,
    /// Lines from `fn` to the closing brace, both included.
    pub lines: usize,
}

/// All functions with a body. `code` has comments and literals blanked out.
#[must_use]
pub fn functions(code: &str) -> Vec<Function> {
    let bytes = code.as_bytes();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let begins_word = at == 0 || !is_word(char::from(bytes[at - 1]));
        let name: String = code[at + 3..].chars().take_while(|c| is_word(*c)).collect();
        if !begins_word || name.is_empty() {
            continue;
        }
        let Some(open) = body_start(&bytes[at..]).map(|open| at + open) else { continue };
        let Some(close) = matching_brace(&bytes[open..]).map(|close| open + close) else {
            continue;
        };
        let line = 1 + count_lines(&bytes[..at]);
        found.push(Function { name, line, lines: 1 + count_lines(&bytes[at..close]) });
    }
    found
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// Whether a character may be part of an identifier.
#[must_use]
pub fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The brace that opens a body, if one comes before a semicolon outside brackets.
fn body_start(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0i32;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn matching_brace(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0i32;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Blanks out every item under `#[cfg(test)]`.
fn without_test_items(code: &str) -> String {
    let mut out = code.as_bytes().to_vec();
    for (at, mark) in code.match_indices("#[cfg(test)]") {
        let begin = at + mark.len();
        let rest = &code.as_bytes()[begin..];
        let end = match body_start(rest) {
            Some(open) => matching_brace(&rest[open..]).map(|close| open + close),
            None => rest.iter().position(|byte| *byte == b';'),
        };
        let end = end.map_or(out.len(), |end| begin + end + 1);
        blank(&mut out[at..end]);
    }
    String::from_utf8(out).expect("only ASCII was written over whole items")
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// The text with comments, and the content of strings and characters, blanked out.
#[must_use]
pub fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let before = at.checked_sub(1).map_or(' ', |before| char::from(bytes[before]));
        let len = match rest {
            [b'/', b'/', ..] => line_comment(rest),
            [b'/', b'*', ..] => block_comment(rest),
            [b'"', ..] => quoted(rest, b'"'),
            [b'r', b'"' | b'#', ..] if !is_word(before) || before == 'b' => raw_string(rest),
            [b'\'', ..] => character(rest),
            _ => 0,
        };
        blank(&mut out[at..at + len]);
        at += len.max(1);
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn line_comment(rest: &[u8]) -> usize {
    rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a quoted literal with its quotes.
fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of `r"..."` or `r#"..."#`; 0 when it is a raw identifier.
fn raw_string(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let mut end = vec![b'"'];
    end.resize(1 + hashes, b'#');
    let body = 2 + hashes;
    let close = rest[body..].windows(end.len()).position(|window| window == end);
    close.map_or(rest.len(), |close| body + close + end.len())
}

/// Length of a character literal; 0 when the quote begins a lifetime.
fn character(rest: &[u8]) -> usize {
    match rest.get(1) {
        Some(b'\\') => quoted(rest, b'\''),
        Some(_) => {
            let text = std::str::from_utf8(&rest[1..rest.len().min(6)]);
            let text = text.unwrap_or_else(|e| {
                std::str::from_utf8(&rest[1..1 + e.valid_up_to()]).unwrap_or_default()
            });
            let width = text.chars().next().map_or(1, char::len_utf8);
            if rest.get(1 + width) == Some(&b'\'') { 2 + width } else { 0 }
        }
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        let text = "let a = \"x // y\"; // std::time\nlet b = 'c'; let d: &'static str = r#\"q\"#;";
        let code = code_only(text);
        assert_eq!(code.len(), text.len());
        assert!(!code.contains("std::time") && !code.contains("x //") && !code.contains('q'));
        assert!(code.contains("&'static str") && code.contains("let b ="));
        assert_eq!(code_only("/* a /* b */ c */ d"), format!("{} d", " ".repeat(17)));
        assert_eq!(code_only("'\\'' x \"\\\"\" y"), "     x      y");
    }

    #[test]
    fn functions_are_measured() {
        let code = "trait T { fn none(&self); }\nfn one() {\n    if x { y }\n}\nfn two() {}\n";
        let all = functions(code);
        let seen: Vec<_> = all.iter().map(|f| (f.name.as_str(), f.line, f.lines)).collect();
        assert_eq!(seen, [("one", 2, 3), ("two", 5, 1)]);
    }

    #[test]
    fn items_of_tests_are_left_out() {
        let code = "fn a() {}\n#[cfg(test)]\nextern crate std;\n#[cfg(test)]\nmod tests { x }\nb";
        let left = without_test_items(code);
        assert!(left.contains("fn a()") && left.ends_with('b'));
        assert!(!left.contains("std") && !left.contains('x'));
    }

    #[test]
    fn modules_of_tests_are_known_by_their_declaration() {
        let new = |path: &str, text: &str| Source::new(path, text.to_owned());
        let sources = [
            new("transport/src/lib.rs", "#[cfg(test)]\nmod bed;\nmod wire;"),
            new("transport/src/bed/peer.rs", ""),
            new("transport/src/bedrock.rs", ""),
            new("transport/src/wire.rs", "#[cfg(test)] mod tests;"),
            new("transport/src/wire/tests.rs", ""),
            new("transport/src/kex/mod.rs", "#[cfg(test)]\n#[path = \"kex_tests.rs\"]\nmod t;"),
            new("transport/src/kex/kex_tests.rs", ""),
        ];
        let paths: Vec<_> = test_only(&sources).iter().map(|s| s.path.as_str()).collect();
        let expected = ["bed/peer.rs", "wire/tests.rs", "kex/kex_tests.rs"];
        assert_eq!(paths, expected.map(|path| format!("transport/src/{path}")));
    }
}
