//! What a lesson claims, what was seen, and whether the claim held.

use crate::plan::wrapped;
use std::fmt::Display;

/// One claim with its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    what: String,
    saw: String,
    /// What it should have been; nothing where the claim held.
    expected: Option<String>,
}

impl Claim {
    /// Something that must be equal to something.
    pub fn equal<T: PartialEq + Display>(what: &str, expected: &T, saw: &T) -> Self {
        let differs = expected != saw;
        Self {
            what: what.to_owned(),
            saw: saw.to_string(),
            expected: differs.then(|| expected.to_string()),
        }
    }

    /// Something that must hold. `saw` is what it was judged by, `expected` what it should be.
    pub fn that(what: &str, holds: bool, saw: impl Display, expected: &str) -> Self {
        let expected = (!holds).then(|| expected.to_owned());
        Self { what: what.to_owned(), saw: saw.to_string(), expected }
    }

    /// A line that must be among the messages.
    pub fn said(what: &str, messages: &str, line: &str) -> Self {
        let found = messages.lines().find(|message| message.contains(line));
        let saw = found.unwrap_or("no such message").trim();
        Self::that(what, found.is_some(), format_args!("\"{saw}\""), &format!("\"{line}\""))
    }

    /// Whether it held.
    pub const fn held(&self) -> bool {
        self.expected.is_none()
    }

    /// A line or more with a tick or a cross.
    pub fn text(&self) -> String {
        let mark = if self.held() { "  ✓ " } else { "  ✗ " };
        let mut text = wrapped(mark, &self.what);
        text.push_str(&wrapped("      ", &self.saw));
        if let Some(expected) = &self.expected {
            text.push_str(&wrapped("      ", &format!("but should be: {expected}")));
        }
        text
    }
}

/// The exit status: 0 where every claim held, and there was one.
pub fn status(claims: &[Claim]) -> u8 {
    u8::from(claims.is_empty() || !claims.iter().all(Claim::held))
}

/// For the tests of lessons: wrong evidence, and how many claims it breaks.
#[cfg(test)]
pub type Spoil<E> = (fn(&mut E), usize);

/// For the tests of lessons: which claims did not hold.
#[cfg(test)]
pub fn broken(claims: &[Claim]) -> Vec<&str> {
    claims.iter().filter(|claim| !claim.held()).map(|claim| claim.what.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_claim_that_does_not_hold_fails_the_lesson() {
        let good = Claim::equal("same", &7, &7);
        let bad = Claim::equal("same", &7, &8);
        assert_eq!(status(std::slice::from_ref(&good)), 0);
        assert_eq!(status(&[good.clone(), bad.clone()]), 1);
        assert_eq!(status(&[]), 1, "a lesson without a claim shows nothing");
        assert_eq!(good.text(), "  ✓ same\n      7\n");
        assert_eq!(bad.text(), "  ✗ same\n      8\n      but should be: 7\n");
        assert!(Claim::said("told", "a\nbusy: x\n", "busy").held());
        assert!(!Claim::said("told", "a\n", "busy").held());
    }
}
