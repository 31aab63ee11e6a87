//! Lists of patterns, and negation by `!`.

pub use tssh_forward::core::pattern::matches;

/// What a list of patterns says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No pattern matches.
    No,
    /// At least one matches, and no negated one.
    Yes,
    /// A negated pattern matches: that decides, whatever else is in the list.
    Negated,
}

/// Looks `text` up in a list of patterns.
pub fn list<'p>(text: &str, patterns: impl IntoIterator<Item = &'p str>) -> Verdict {
    let mut verdict = Verdict::No;
    for pattern in patterns {
        let (negated, pattern) = match pattern.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        };
        if matches(text, pattern) {
            if negated {
                return Verdict::Negated;
            }
            verdict = Verdict::Yes;
        }
    }
    verdict
}

/// Looks a host name up in a comma-separated list; case does not matter.
#[must_use]
pub fn host_list(host: &str, list_text: &str) -> Verdict {
    list(&host.to_lowercase(), list_text.to_lowercase().split(','))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks() {
        let yes = [
            ("", ""),
            ("", "*"),
            ("abc", "a*c"),
            ("abc", "a?c"),
            ("abc", "***"),
            ("aXbXc", "a*X*c"),
        ];
        for (text, pattern) in yes {
            assert!(matches(text, pattern), "{text} {pattern}");
        }
        let no =
            [("", "?"), ("abc", "a?"), ("abc", "b*"), ("abc", "ab"), ("ab", "abc"), ("a.b", "A.b")];
        for (text, pattern) in no {
            assert!(!matches(text, pattern), "{text} {pattern}");
        }
        // Quadratic at worst: a backtracking matcher would not come back from this one.
        assert!(!matches(&"a".repeat(4000), &("a*".repeat(200) + "b")));
    }

    #[test]
    fn a_negated_match_decides() {
        assert_eq!(host_list("A.example.com", "*.Example.com,!b.*"), Verdict::Yes);
        assert_eq!(host_list("b.example.com", "*.example.com,!b.*"), Verdict::Negated);
        assert_eq!(host_list("b.example.com", "!b.*,*.example.com"), Verdict::Negated);
        assert_eq!(host_list("c.org", "!b.*,*.example.com"), Verdict::No);
    }
}
