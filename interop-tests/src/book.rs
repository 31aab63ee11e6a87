//! The chapters of the book that are made from the sources: what each module of a crate is, its
//! manual and its tables of states, its limits; and which file has to do with which section of
//! which RFC.

use crate::citations::{Quote, Rfc, mentions};
use crate::source::Source;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The crates that have a chapter, and what they are.
pub const CHAPTERS: [(&str, &str); 4] = [
    ("transport", "key exchange, packets, ciphers, authentication: RFC 4253, 4252, 4256, 8308"),
    ("connection", "channels, windows, requests: RFC 4254"),
    ("forward", "decisions about forwards, and the one task that owns every socket"),
    ("cli", "the programs tssh and tsshd"),
];

const MADE: &str = "Made from the sources by `TSSH_BLESS=1 cargo test -p tssh-interop-tests --test
citations`; the same test without the variable fails when this page is out of date.";

/// The chapter of one crate.
#[must_use]
pub fn chapter(name: &str, about: &str, sources: &[Source]) -> String {
    let own = format!("{name}/src/");
    let sources: Vec<&Source> =
        sources.iter().filter(|s| s.path.starts_with(&own) && !is_test(&s.path)).collect();
    let mut out = format!("# {name}: {about}\n\n{MADE}\n");
    let manual = |s: &&&Source| s.path.contains("/manual/");
    let is_first = |s: &&&Source| s.path.ends_with("/manual/mod.rs");
    let chapters = sources.iter().filter(manual);
    let (first, others): (Vec<_>, Vec<_>) = chapters.partition(is_first);
    for source in first.into_iter().chain(others) {
        let _ = writeln!(out, "\n## {}\n\n{}", title(source), as_markdown(&head(source)));
    }
    out.push_str("\n## Modules\n\n| file | what it is |\n| --- | --- |\n");
    for source in sources.iter().filter(|source| !manual(source)) {
        let path = &source.path[own.len()..];
        let link = format!("[{path}](../../{})", source.path);
        let _ = writeln!(out, "| {link} | {} |", first_sentence(source));
    }
    let pictures: Vec<(&str, String)> = sources
        .iter()
        .filter(|source| !manual(source))
        .flat_map(|source| pictures(source).into_iter().map(|picture| (&*source.path, picture)))
        .collect();
    if !pictures.is_empty() {
        out.push_str(
            "\n## States\n\nThese machines are tables, tested for every state and event. ",
        );
        out.push_str("What comes of every message\nin every state of a connection: ");
        out.push_str("[states.md](../states.md).\n");
        for (path, picture) in pictures {
            let _ = write!(out, "\n{}:\n\n```text\n{picture}```\n", &path[own.len()..]);
        }
    }
    let limits = sources.iter().find(|source| source.path == format!("{own}limits.rs"));
    if let Some(limits) = limits {
        out.push_str("\n## Limits\n\n| name | value | why |\n| --- | --- | --- |\n");
        for (name, value, why) in constants(&limits.text) {
            let _ = writeln!(out, "| `{name}` | `{value}` | {} |", cell(&why));
        }
    }
    out
}

/// Which file has to do with which section: those that quote it, and those that name it.
#[must_use]
pub fn sections(quotes: &[Quote], sources: &[Source], stored: &BTreeMap<u32, Rfc>) -> String {
    type Files = BTreeMap<String, usize>;
    let mut found: BTreeMap<(u32, Vec<u32>), Files> = BTreeMap::new();
    let key = |rfc: u32, section: &str| {
        (rfc, section.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>())
    };
    for source in sources.iter().filter(|s| is_product(&s.path)) {
        let named = source.text.lines().flat_map(mentions);
        for (rfc, section) in named.map(|m| (m.rfc, m.section)) {
            found.entry(key(rfc, &section)).or_default().entry(source.path.clone()).or_default();
        }
    }
    for quote in quotes.iter().filter(|quote| is_product(&quote.path)) {
        let files = found.entry(key(quote.rfc, &quote.section)).or_default();
        *files.entry(quote.path.clone()).or_default() += 1;
    }
    let mut out = format!(
        "# RFC sections and the files that have to do with them\n\n{MADE}\n\n\
         A file stands in bold where it quotes sentences of the section, with their number; the \
         others\nname it. Which sentences are met: [requirements.md](../requirements.md).\n"
    );
    let mut last = 0;
    for ((rfc, section), files) in &found {
        let Some(text) = stored.get(rfc) else { continue };
        let number: Vec<String> = section.iter().map(u32::to_string).collect();
        let number = number.join(".");
        if *rfc != last {
            last = *rfc;
            let _ =
                write!(out, "\n## RFC {rfc}\n\n| section | title | files |\n| --- | --- | --- |\n");
        }
        let files: Vec<String> = files.iter().map(|(path, quotes)| file(path, *quotes)).collect();
        let title = text.title_of(&number).unwrap_or_default();
        let _ = writeln!(out, "| {number} | {} | {} |", cell(title), files.join("<br>"));
    }
    out
}

fn file(path: &str, quotes: usize) -> String {
    match quotes {
        0 => format!("[{path}](../../{path})"),
        n => format!("**[{path}](../../{path})** ({n})"),
    }
}

/// What the programs are made of, without tests.
fn is_product(path: &str) -> bool {
    CHAPTERS.iter().any(|(name, _)| path.starts_with(&format!("{name}/src/"))) && !is_test(path)
}

fn is_test(path: &str) -> bool {
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs");
    path.contains("/tests/")
        || stem == "tests"
        || stem.ends_with("_tests")
        || matches!(stem, "test_support" | "test_keys" | "testing")
}

/// The comment at the head of a file, without its marks.
fn head(source: &Source) -> Vec<String> {
    let lines = source.text.lines().take_while(|line| line.starts_with("//!"));
    lines.map(|line| line[3..].strip_prefix(' ').unwrap_or(&line[3..]).to_owned()).collect()
}

/// The first sentence of a file.
fn first_sentence(source: &Source) -> String {
    let lines = head(source);
    let first: Vec<&str> =
        lines.iter().map(String::as_str).take_while(|line| !line.is_empty()).collect();
    let text = plain(&first.join(" "));
    let end = text.match_indices(". ").map(|(at, _)| at).find(|at| !abbreviates(&text[..*at]));
    cell(&text[..end.map_or(text.len(), |at| at + 1)])
}

fn abbreviates(text: &str) -> bool {
    ["e.g", "i.e", "etc", "cf"].iter().any(|short| text.ends_with(short))
}

fn title(source: &Source) -> String {
    first_sentence(source).trim_end_matches('.').to_owned()
}

/// A text for the cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

/// All behind the first paragraph, its headings two levels down.
fn as_markdown(lines: &[String]) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in lines.iter().skip_while(|line| !line.is_empty()).skip(1) {
        inside ^= line.starts_with("```");
        let line = match line.strip_prefix("# ") {
            Some(heading) if !inside => format!("### {heading}"),
            _ if inside => line.clone(),
            _ => plain(line),
        };
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out.trim_end().to_owned()
}

/// Links of the sources' own kind, as the names that they show.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("[`") {
        out.push_str(&rest[..at]);
        let inner = &rest[at + 1..];
        let Some(end) = inner.find("`]") else { break };
        out.push_str(&inner[..=end]);
        rest = &inner[end + 2..];
        if let Some(target) = rest.strip_prefix('(') {
            rest = target.split_once(')').map_or("", |(_, rest)| rest);
        }
        if rest.starts_with('[') {
            continue;
        }
    }
    out + rest
}

/// Pictures of states in the head of a file.
fn pictures(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in head(source) {
        match (&mut open, line.as_str()) {
            (None, "```text") => open = Some(String::new()),
            (Some(_), "```") => found.extend(open.take().filter(|text| text.contains("--> "))),
            (Some(text), line) => {
                text.push_str(line.trim_end());
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    found
}

/// Name, value and reason of each constant of a file.
fn constants(text: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut why = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix("/// ") {
            why.push_str(words);
            why.push(' ');
        } else if let Some(rest) = line.strip_prefix("pub const ") {
            let mut whole = rest.to_owned();
            while !whole.ends_with(';') {
                let Some(next) = lines.next() else { break };
                whole.push(' ');
                whole.push_str(next.trim());
            }
            if let Some((name, value)) = whole.trim_end_matches(';').split_once(" = ") {
                let name = name.split(':').next().unwrap_or(name);
                found.push((name.to_owned(), value.to_owned(), plain(why.trim_end())));
            }
            why.clear();
        } else {
            why.clear();
        }
    }
    found
}

/// Paths that a page names in the form of links, with where they lead from the top.
#[must_use]
pub fn links(page: &str, text: &str) -> BTreeSet<String> {
    let folder = page.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("](") {
        let target = text[at + 2..].split([')', '#']).next().unwrap_or_default();
        if target.is_empty() || target.contains("://") {
            continue;
        }
        let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in target.split('/') {
            match part {
                ".." => drop(parts.pop()),
                "." | "" => {}
                part => parts.push(part),
            }
        }
        found.insert(parts.join("/"));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "//! The states of [`x`](y). More, e.g. This.\n//!\n//! # Part\n//!\n\
                          //! ```text\n//! A --go--> B\n//! ```\n\npub mod a;\n";

    #[test]
    fn a_chapter_has_modules_pictures_and_limits() {
        let limits = "//! Bounds.\n\n/// So many,\n/// no more.\npub const N: usize = 4 * 2;\n";
        let sources = [
            Source::new("transport/src/a.rs", SAMPLE.to_owned()),
            Source::new("transport/src/limits.rs", limits.to_owned()),
            Source::new("transport/src/a/tests.rs", "//! Tests.\n".to_owned()),
        ];
        let text = chapter("transport", "it", &sources);
        assert!(
            text.contains("| [a.rs](../../transport/src/a.rs) | The states of `x`. |"),
            "{text}"
        );
        assert!(text.contains("\na.rs:\n\n```text\nA --go--> B\n```\n"), "{text}");
        assert!(text.contains("| `N` | `4 * 2` | So many, no more. |"), "{text}");
        assert!(!text.contains("Tests."), "{text}");
    }

    #[test]
    fn links_lead_from_the_page() {
        let found = links("docs/book/x.md", "[a](../b.md#part) [c](https://d) [e](../../f/g.rs)");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["docs/b.md", "f/g.rs"]);
    }
}
