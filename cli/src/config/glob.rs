//! File names with `*`, `?` and `[…]`, for `Include`.

use std::path::{Path, PathBuf};

/// The existing files that `pattern` (an absolute path) means, sorted by name.
#[must_use]
pub fn expand(pattern: &Path, max: usize) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let text = part.as_os_str().to_string_lossy();
        if text.contains(['*', '?', '[']) {
            found = found.iter().flat_map(|dir| entries(dir, &text)).collect();
        } else {
            for path in &mut found {
                path.push(part);
            }
        }
        found.truncate(max);
    }
    found.retain(|path| path.exists());
    found
}

fn entries(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let pattern: Vec<char> = pattern.chars().collect();
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        // A leading dot is matched by a dot only.
        .filter(|name| !name.starts_with('.') || pattern.first() == Some(&'.'))
        .filter(|name| fits(&name.chars().collect::<Vec<_>>(), &pattern))
        .collect();
    names.sort();
    names.into_iter().map(|name| dir.join(name)).collect()
}

/// Whether one name fits one pattern; names are short, so plain recursion over the stars will do.
fn fits(name: &[char], pattern: &[char]) -> bool {
    match (name, pattern) {
        ([], []) => true,
        (_, ['*', rest @ ..]) => {
            let rest_pattern = rest.iter().position(|c| *c != '*').map_or(&[][..], |i| &rest[i..]);
            rest_pattern.is_empty() || (0..=name.len()).any(|i| fits(&name[i..], rest_pattern))
        }
        ([_, name @ ..], ['?', pattern @ ..]) => fits(name, pattern),
        ([c, name @ ..], ['[', set @ ..]) => match class(*c, set) {
            Some((member, rest)) => member && fits(name, rest),
            None => *c == '[' && fits(name, set),
        },
        ([c, name @ ..], [p, pattern @ ..]) => c == p && fits(name, pattern),
        _ => false,
    }
}

/// Whether `c` is in the bracket expression at the front of `set`, and what follows it; nothing
/// where the bracket does not close.
fn class(c: char, set: &[char]) -> Option<(bool, &[char])> {
    let (negated, body) = match set {
        ['!' | '^', body @ ..] => (true, body),
        body => (false, body),
    };
    // A bracket that comes first is a member.
    let end = body.iter().skip(1).position(|c| *c == ']')? + 1;
    let (members, rest) = (&body[..end], &body[end + 1..]);
    let mut found = false;
    let mut i = 0;
    while let Some(&low) = members.get(i) {
        let high = match members.get(i + 1..i + 3) {
            Some(['-', high]) => {
                i += 2;
                *high
            }
            _ => low,
        };
        found |= (low..=high).contains(&c);
        i += 1;
    }
    Some((found != negated, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(name: &str, pattern: &str) -> bool {
        fits(&name.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>())
    }

    #[test]
    fn patterns() {
        assert!(fit("10-a.conf", "*.conf") && fit("a", "?") && fit("b7", "[a-c][!0-6]"));
        assert!(fit("]", "[]]") && fit("[x", "[x") && fit("", "**"));
        assert!(!fit("a.conf~", "*.conf") && !fit("d", "[a-c]") && !fit("", "?"));
    }

    #[test]
    fn files_come_sorted() {
        let dir = crate::test_support::Dir::new();
        for name in ["b.conf", "a.conf", ".c.conf", "d.txt", "sub/e.conf"] {
            dir.write(name, "");
        }
        let names = |pattern: &str| -> Vec<String> {
            let found = expand(&dir.0.join(pattern), 10);
            let relative = |p: &PathBuf| p.strip_prefix(&dir.0).unwrap().display().to_string();
            found.iter().map(relative).collect()
        };
        assert_eq!(names("*.conf"), ["a.conf", "b.conf"]);
        assert_eq!(names("s?b/*"), ["sub/e.conf"]);
        assert_eq!(names("a.conf"), ["a.conf"]);
        assert_eq!(names("none*"), [""; 0]);
    }
}
