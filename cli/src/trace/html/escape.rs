//! Text that peers chose, on its way into a page: whatever it holds, it stays text.

use std::fmt::Write as _;
use tssh_transport::trace::push_hex;

/// Longest text of a peer's that is shown; the JSON lines have the whole.
const TEXT_CHARS_MAX: usize = 2048;

/// Characters that change the direction of what follows, or that nobody sees.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Appends text so that it is nothing but text, between tags and in quoted attributes alike.
pub fn push_text(out: &mut String, text: &str) {
    for (at, c) in text.chars().enumerate() {
        if at == TEXT_CHARS_MAX {
            // Writing to a String cannot fail.
            let _ = write!(out, "\u{2026} ({} characters)", text.chars().count());
            return;
        }
        push_char(out, c);
    }
}

fn push_char(out: &mut String, c: char) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\'' => out.push_str("&#39;"),
        '`' => out.push_str("&#96;"),
        c if c.is_control() || is_invisible(c) => {
            let _ = write!(out, "\u{27e8}U+{:04X}\u{27e9}", u32::from(c));
        }
        c => out.push(c),
    }
}

/// [`push_text`] as a value.
#[must_use]
pub fn text(text: &str) -> String {
    let mut out = String::new();
    push_text(&mut out, text);
    out
}

/// Appends bytes as pairs of digits with a space between two.
pub fn push_bytes(out: &mut String, bytes: &[u8]) {
    out.reserve(bytes.len().saturating_mul(3));
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            out.push(' ');
        }
        push_hex(out, &[*byte]);
    }
}

/// Bytes in hexadecimal without spaces.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut out = String::new();
    push_hex(&mut out, bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_peer_says_is_markup() {
        let hostile = "</script><img src=x onerror=\"alert('1')\">&amp;`";
        let safe = text(hostile);
        assert!(!safe.contains(['<', '>', '"', '\'', '`']), "{safe}");
        assert!(safe.starts_with("&lt;/script&gt;&lt;img") && safe.contains("&amp;amp;"));
    }

    #[test]
    fn what_cannot_be_seen_is_named() {
        let safe = text("a\0b\u{1b}[2J\u{202e}c\u{200f}\u{2066}\u{feff}\r\n");
        assert!(safe.chars().all(|c| !c.is_control() && !is_invisible(c)), "{safe}");
        assert!(safe.contains("U+001B") && safe.contains("U+202E") && safe.contains("U+0000"));
    }

    #[test]
    fn long_text_is_cut_and_counted() {
        let safe = text(&"<".repeat(65_536));
        assert!(safe.len() < TEXT_CHARS_MAX * 4 + 64 && safe.ends_with("(65536 characters)"));
    }

    #[test]
    fn bytes_are_pairs() {
        let mut out = String::new();
        push_bytes(&mut out, &[0, 0x5a, 0xff]);
        assert_eq!((out.as_str(), hex(&[1, 0xab]).as_str()), ("00 5a ff", "01ab"));
    }
}
