//! The kinds of value that configuration lines hold, with ssh's complaints about bad ones.

use std::time::Duration;

/// A duration of ssh's form: numbers with a unit each (`s`, `m`, `h`, `d`, `w`), added up.
#[must_use]
pub fn seconds(text: &str) -> Option<u32> {
    let mut total: u32 = 0;
    let mut digits = String::new();
    if text.is_empty() {
        return None;
    }
    for c in text.chars() {
        let unit = match c.to_ascii_lowercase() {
            c if c.is_ascii_digit() => {
                digits.push(c);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        let value = digits.parse::<u32>().ok()?.checked_mul(unit)?;
        total = total.checked_add(value)?;
        digits.clear();
    }
    if !digits.is_empty() {
        total = total.checked_add(digits.parse().ok()?)?;
    }
    i32::try_from(total).ok()?;
    Some(total)
}

/// Yes or no.
#[must_use]
pub fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Some(true),
        "no" | "false" => Some(false),
        _ => None,
    }
}

/// A number of at least 0.
///
/// # Errors
/// ssh's word for what is wrong with it.
pub fn number(text: &str) -> Result<u32, &'static str> {
    match text.parse::<i64>() {
        Ok(n) if n < 0 => Err("too small"),
        Ok(n) if n > i64::from(i32::MAX) => Err("too large"),
        Ok(n) => u32::try_from(n).map_err(|_| "invalid"),
        Err(_) => Err("invalid"),
    }
}

/// Port numbers and service names: 1 to 65535, or a name of the services file.
#[must_use]
pub fn port(text: &str) -> Option<u16> {
    crate::forwards::port(text)
}

/// When to exchange keys anew, of `RekeyLimit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RekeyLimit {
    /// Bytes in one direction; none for the cipher's own limit.
    pub bytes: Option<u64>,
    /// Time since the last exchange; none for no limit beyond the default.
    pub interval: Option<Duration>,
}

/// The arguments of `RekeyLimit`.
///
/// # Errors
/// ssh's complaint.
pub fn rekey_limit(size: &str, time: Option<&str>) -> Result<RekeyLimit, String> {
    let mut limit = RekeyLimit::default();
    if size != "default" {
        let bytes = scaled(size).ok_or_else(|| format!("Bad number '{size}': Invalid argument"))?;
        // As in OpenSSH: smaller than one block would never end.
        if bytes > 0 && bytes < 16 {
            return Err("RekeyLimit too small".to_owned());
        }
        limit.bytes = (bytes > 0).then_some(bytes);
    }
    if let Some(time) = time.filter(|time| *time != "none") {
        let seconds = seconds(time).ok_or("invalid time value.")?;
        limit.interval = (seconds > 0).then(|| Duration::from_secs(u64::from(seconds)));
    }
    Ok(limit)
}

/// A number with an optional K, M or G.
#[must_use]
pub fn scaled(text: &str) -> Option<u64> {
    let (digits, scale) = match text.as_bytes().last()?.to_ascii_uppercase() {
        b'K' => (text.get(..text.len() - 1)?, 1 << 10),
        b'M' => (text.get(..text.len() - 1)?, 1 << 20),
        b'G' => (text.get(..text.len() - 1)?, 1 << 30),
        _ => (text, 1u64),
    };
    let value: u64 = digits.parse().ok()?;
    value.checked_mul(scale)
}

/// The escape character of an interactive session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EscapeChar {
    /// No escapes: everything typed is passed on.
    None,
    /// This byte, at the start of a line.
    Byte(u8),
}

/// `none`, one character, or `^X` for a control character.
#[must_use]
pub fn escape_char(text: &str) -> Option<EscapeChar> {
    match text.as_bytes() {
        b"none" => Some(EscapeChar::None),
        [b'^', c @ 64..=127] => Some(EscapeChar::Byte(c & 31)),
        [c] => Some(EscapeChar::Byte(*c)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let good = [("0", 0), ("90", 90), ("1m30s", 90), ("1W", 604_800), ("1h2", 3602)];
        for (text, value) in good {
            assert_eq!(seconds(text), Some(value), "{text}");
        }
        for text in ["", "x", "1x", "-1", "m", "5000000000", "4000000000"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_complain_in_ssh_words() {
        assert_eq!(number("7"), Ok(7));
        assert_eq!(number("-1"), Err("too small"));
        assert_eq!(number("99999999999"), Err("too large"));
        assert_eq!(number("x"), Err("invalid"));
    }

    #[test]
    fn rekey_limits() {
        let limit = |bytes, secs: Option<u64>| RekeyLimit {
            bytes,
            interval: secs.map(Duration::from_secs),
        };
        assert_eq!(rekey_limit("1G", Some("1h")), Ok(limit(Some(1 << 30), Some(3600))));
        assert_eq!(rekey_limit("default", Some("5")), Ok(limit(None, Some(5))));
        assert_eq!(rekey_limit("16", None), Ok(limit(Some(16), None)));
        assert_eq!(rekey_limit("5", None), Err("RekeyLimit too small".into()));
        assert!(rekey_limit("foo", None).is_err() && rekey_limit("1G", Some("1x")).is_err());
    }

    #[test]
    fn escape_characters() {
        assert_eq!(escape_char("none"), Some(EscapeChar::None));
        assert_eq!(escape_char("~"), Some(EscapeChar::Byte(b'~')));
        assert_eq!(escape_char("^C"), Some(EscapeChar::Byte(3)));
        assert_eq!(escape_char("foo"), None);
        assert_eq!(escape_char(""), None);
    }
}
