//! Text from a peer, made harmless before anybody sees it.

use alloc::string::String;
use core::fmt::Write as _;

/// `bytes` as text that a terminal may be shown: UTF-8 is kept, every control character but
/// newline and tab and every byte that is no UTF-8 becomes an octal escape (`\033`), and what is
/// longer than `max` bytes is cut.
///
/// RFC 4251 section 9.2 asks for it: "control characters SHOULD be filtered".
#[must_use]
pub fn printable(bytes: &[u8], max: usize) -> String {
    let bytes = bytes.get(..max).unwrap_or(bytes);
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\n' || c == '\t' || !(c.is_control() || is_bidi_control(c)) {
                out.push(c);
            } else {
                let mut utf8 = [0; 4];
                escape(&mut out, c.encode_utf8(&mut utf8).as_bytes());
            }
        }
        escape(&mut out, chunk.invalid());
    }
    out
}

/// The same on one line: what stands among other texts must not begin lines of its own.
#[must_use]
pub fn one_line(bytes: &[u8], max: usize) -> String {
    printable(bytes, max).replace('\n', "\\012").replace('\t', "\\011")
}

/// Characters that reorder what a reader sees.
const fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

fn escape(out: &mut String, bytes: &[u8]) {
    for b in bytes {
        // Writing to a String cannot fail.
        let _ = write!(out, "\\{b:03o}");
    }
}

#[cfg(test)]
mod tests {
    use super::{one_line, printable};

    #[test]
    fn control_characters_never_come_through() {
        assert_eq!(printable(b"a\x1b[31m\x07\x08b\r\n\tc", 99), "a\\033[31m\\007\\010b\\015\n\tc");
        assert_eq!(printable(b"\xff\xc3\xa9", 99), "\\377\u{e9}");
        assert_eq!(printable("\u{9b}1m\u{202e}x".as_bytes(), 99), "\\302\\2331m\\342\\200\\256x");
        assert_eq!(printable(b"abcdef", 3), "abc");
        assert_eq!(one_line(b"a\nb\tc\x1b", 99), "a\\012b\\011c\\033");
    }
}
