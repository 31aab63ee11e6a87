//! The patterns of ssh: `*` for any run of characters, `?` for one.

/// Whether `text` matches `pattern`, case and all. In time bounded by the product of the lengths,
/// whatever the pattern is.
#[must_use]
pub fn matches(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.as_bytes(), pattern.as_bytes());
    let (mut t, mut p) = (0usize, 0usize);
    // Where to go back to when a character does not fit: behind the last star.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(&c) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                p = p.saturating_add(1);
                retry = Some((t, p));
            }
            Some(&q) if q == b'?' || q == c => {
                t = t.saturating_add(1);
                p = p.saturating_add(1);
            }
            _ => {
                let Some((from, star)) = retry else { return false };
                t = from.saturating_add(1);
                retry = Some((t, star));
                p = star;
            }
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_in_bounded_time() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbd", false),
            ("?", "", false),
            ("**a", "a", true),
            ("a*b?c***", "axxbxbyc", true),
            ("a*b?c", "abc", false),
            ("A", "a", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(text, pattern), expected, "{pattern} {text}");
        }
        let (stars, text) = ("*a".repeat(500), "a".repeat(499));
        assert!(!matches(&text, &stars));
    }
}
