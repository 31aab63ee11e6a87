//! The commands of a page, and whether what they print is what stands there.

use tssh_interop_tests::source;

/// Stands for one line or more that are left out.
const GAP: &str = "...";
/// Stands for any text within a line: what differs from run to run.
const ANY: char = '…';
/// What a comment says of a command that is not run, with the reason behind it.
const NOT_RUN: &str = "not run here: ";
/// What a comment says of a command that ends with another exit status than 0.
const STATUS: &str = "status ";

/// A command of a page.
#[derive(Debug)]
pub struct Shown {
    /// Where it stands: page and line.
    pub place: String,
    /// Which block of the page it is in.
    pub block: usize,
    /// The command, without the comment behind it.
    pub line: String,
    comment: String,
    /// What it prints, where the page shows it.
    pub output: Option<Vec<String>>,
}

impl Shown {
    fn new(place: String, block: usize, text: &str, output: Option<Vec<String>>) -> Self {
        let (line, comment) = text.split_once(" # ").unwrap_or((text, ""));
        let (line, comment) = (line.trim().to_owned(), comment.trim().to_owned());
        Self { place, block, line, comment, output }
    }

    /// Why it is not run.
    pub fn not_run(&self) -> Option<&str> {
        self.comment.split_once(NOT_RUN).map(|(_, reason)| reason)
    }

    /// The exit status that it ends with.
    pub fn status(&self) -> i32 {
        let named = self.comment.rsplit_once(STATUS).map(|(_, number)| number);
        let digits = named.map(|text| text.split(|c: char| !c.is_ascii_digit()).next());
        digits.flatten().and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// Fails unless `text` is what the page shows.
    #[track_caller]
    pub fn expect_output(&self, text: &str) {
        let Some(expected) = &self.output else { return };
        let lines: Vec<&str> = text.trim_end().lines().collect();
        assert!(
            alike(expected, &lines),
            "{}: {} prints:\n{text}\nand the page has:\n{}",
            self.place,
            self.line,
            expected.join("\n")
        );
    }
}

/// The commands of a page: lines of `sh` blocks, and those of `console` blocks that begin with a
/// dollar sign, with what stands below them.
pub fn commands(page: &str) -> Vec<Shown> {
    let path = source::root().join(page);
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{page}: {e}"));
    let mut found: Vec<Shown> = Vec::new();
    let (mut kind, mut block, mut begun) = ("", 0, String::new());
    for (number, line) in text.lines().enumerate() {
        let place = || format!("{page}:{}", number + 1);
        match (kind, line) {
            ("", "```sh" | "```console") => {
                kind = if line == "```sh" { "sh" } else { "console" };
                block += 1;
            }
            ("", line) if line.starts_with("```") => kind = "other",
            (_, "```") => kind = "",
            ("sh", line) if line.trim().is_empty() => {}
            ("sh", line) => match line.strip_suffix('\\') {
                Some(part) => begun.push_str(part),
                None => {
                    begun.push_str(line);
                    found.push(Shown::new(place(), block, &begun, None));
                    begun.clear();
                }
            },
            ("console", line) => match line.strip_prefix("$ ") {
                Some(text) => found.push(Shown::new(place(), block, text, Some(Vec::new()))),
                None => {
                    let last = found.last_mut().and_then(|shown| shown.output.as_mut());
                    last.expect("a command first").push(line.to_owned());
                }
            },
            _ => {}
        }
    }
    found
}

/// Whether lines are as expected, where a gap may stand for any lines.
fn alike(expected: &[String], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((gap, rest)) if gap == GAP => {
            (1..=lines.len()).any(|skipped| alike(rest, &lines[skipped..]))
        }
        Some((first, rest)) => {
            let matches = |(line, lines): (&&str, &[&str])| fits(first, line) && alike(rest, lines);
            lines.split_first().is_some_and(matches)
        }
    }
}

/// Whether a line is as expected, where a mark may stand for any text.
fn fits(expected: &str, line: &str) -> bool {
    let mut parts = expected.split(ANY);
    let Some(rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    let mut rest = rest;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn gaps_and_marks_stand_for_what_differs_and_nothing_else_does() {
    let owned = |lines: &[&str]| lines.iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
    assert!(alike(&owned(&["a", GAP, "d"]), &["a", "b", "c", "d"]));
    assert!(!alike(&owned(&["a", GAP, "d"]), &["a", "d"]));
    assert!(!alike(&owned(&["a"]), &["a", "b"]));
    assert!(!alike(&owned(&["a", "b"]), &["a"]));
    assert!(fits("port …: … ok", "port 17: all is ok") && fits("a…", "a") && fits("…a", "ba"));
    assert!(!fits("port …: ok", "port 17: no") && !fits("a", "ab") && !fits("a…b", "xab"));
}

#[test]
fn what_a_comment_says_of_its_command() {
    let shown = |text: &str| Shown::new(String::new(), 0, text, None);
    assert_eq!(shown("tssh x   # refused: status 1").status(), 1);
    assert_eq!(shown("tssh x   # a thing").status(), 0);
    assert_eq!(
        shown("./test  # all; not run here: it is what runs").not_run(),
        Some("it is what runs")
    );
    assert_eq!(shown("tssh 'a#b'  # c").line, "tssh 'a#b'");
}
