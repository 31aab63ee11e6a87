//! `name-list`: names in order of preference, separated by commas.

/// A received name-list, checked, still in the packet it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameList<'a>(&'a str);

impl<'a> NameList<'a> {
    /// Checks what RFC 4251 sections 5 and 6 say of names: US-ASCII, "MUST NOT contain control
    /// characters", and no empty name. Names over 64 characters are let through: they match
    /// nothing of ours, and refusing them would refuse the list.
    pub(super) fn from_wire(bytes: &'a [u8]) -> Option<Self> {
        let text = core::str::from_utf8(bytes).ok()?;
        let printable = bytes.iter().all(|b| (0x21..0x7f).contains(b));
        let no_empty = text.is_empty() || text.split(',').all(|name| !name.is_empty());
        (printable && no_empty).then_some(Self(text))
    }

    /// The list as it stands on the wire.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.0
    }

    /// The names, most preferred first.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.0.split(',').filter(|name| !name.is_empty())
    }

    /// Whether `name` stands in the list.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|n| n == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_controls_and_non_ascii_are_refused() {
        let ok = |b: &'static [u8]| NameList::from_wire(b).is_some();
        assert!(ok(b"") && ok(b"a") && ok(b"a,b"));
        for bad in [&b","[..], b"a,", b",a", b"a,,b", b"a b", b"a\0", b"\xc3\xa9", b"\xff"] {
            assert!(!ok(bad), "{bad:?}");
        }
    }
}
