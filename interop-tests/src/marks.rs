//! Every numbered item of `specs/forwarding.toml` stands on a test that shows it, or has a reason
//! there why none does.

use crate::source;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// What is wrong with the list and the marks; nothing, if all is well.
///
/// # Panics
/// When the list cannot be read.
#[must_use]
pub fn faults() -> Vec<String> {
    let (listed, marked) = (listed(), marked());
    let mut faults = Vec::new();
    for number in listed.items.keys() {
        match (marked.contains(number), listed.reasons.contains_key(number)) {
            (false, false) => faults.push(format!("{number}: on no test, and without a reason")),
            (true, true) => faults.push(format!("{number}: on a test; remove its reason")),
            _ => {}
        }
    }
    let unknown = marked.iter().chain(listed.reasons.keys());
    let unknown = unknown.filter(|number| !listed.items.contains_key(*number));
    faults.extend(unknown.map(|number| format!("{number}: no such item")));
    faults
}

/// The two tables of the file, by number.
struct Listed {
    items: BTreeMap<String, String>,
    reasons: BTreeMap<String, String>,
}

fn listed() -> Listed {
    let path = source::root().join("interop-tests/specs/forwarding.toml");
    let text = fs::read_to_string(path).expect("the list");
    let mut listed = Listed { items: BTreeMap::new(), reasons: BTreeMap::new() };
    let mut in_items = None;
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line {
            "[items]" => in_items = Some(true),
            "[reasons]" => in_items = Some(false),
            _ => {
                let (number, value) = line.split_once(" = ").expect("NUMBER = \"text\"");
                let value = value.trim_matches('"').to_owned();
                assert!(value.len() > 1, "{line}");
                let table = match in_items.expect("a line of a table") {
                    true => &mut listed.items,
                    false => &mut listed.reasons,
                };
                let before = table.insert(number.to_owned(), value);
                assert!(before.is_none(), "{number} stands there twice");
            }
        }
    }
    listed
}

/// The numbers in doc comments: each is followed by a comma or a colon.
fn marked() -> BTreeSet<String> {
    let sources = source::all();
    let docs = sources
        .iter()
        .flat_map(|source| source.text.lines())
        .filter_map(|line| line.trim_start().strip_prefix("/// "));
    docs.flat_map(str::split_whitespace).filter_map(number).collect()
}

fn number(word: &str) -> Option<String> {
    let number = word.strip_suffix([',', ':'])?;
    let digits = number.strip_prefix(['S', 'M'])?;
    let is_number = matches!(digits.len(), 1..=2) && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| number.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_items_are_listed() {
        assert_eq!(listed().items.len(), 67 + 21);
    }

    #[test]
    fn numbers_are_told_from_words() {
        assert_eq!(number("S01,"), Some("S01".to_owned()));
        assert_eq!(number("M2:"), Some("M2".to_owned()));
        for word in ["S01", "S:", "S123:", "Sx1,", "X11:", "MAC:"] {
            assert_eq!(number(word), None);
        }
    }
}
