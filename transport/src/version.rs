//! The identification exchange, RFC 4253 section 4.2.

use crate::error::{Error, Result};
use crate::limits;
use crate::side::Side;
use alloc::string::String;
use alloc::vec::Vec;

/// What a look at the received bytes gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// No line end yet.
    Incomplete,
    /// A line before the identification string, `consumed` bytes long with its end.
    Prelude {
        /// Bytes to drop.
        consumed: usize,
    },
    /// The identification string.
    Identification {
        /// Bytes to drop.
        consumed: usize,
        /// V_C or V_S: without CR and LF, byte for byte.
        identification: Vec<u8>,
    },
}

/// Reads the peer's lines one after another and enforces their bounds.
#[derive(Debug, Default)]
pub struct Identification {
    lines: usize,
    bytes: usize,
}

impl Identification {
    /// Looks at the unread bytes. `side` is ours: only a server may send lines before its
    /// identification string.
    ///
    /// # Errors
    /// [`Error::Identification`], naming the rule.
    pub fn look(&mut self, side: Side, unread: &[u8]) -> Result<Line> {
        let Some(at) = unread.iter().position(|b| *b == b'\n') else {
            return self.incomplete(side, unread);
        };
        let consumed = at.saturating_add(1);
        let line = unread.get(..at).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"SSH-") {
            check(line, consumed)?;
            return Ok(Line::Identification { consumed, identification: line.to_vec() });
        }
        // "The server MAY send other lines of data before sending the version string."
        // RFC 4253 section 4.2
        if side == Side::Server {
            return Err(Error::Identification("the client's first line is no SSH identification"));
        }
        self.lines = self.lines.saturating_add(1);
        self.bytes = self.bytes.saturating_add(consumed);
        self.bounded(consumed)?;
        Ok(Line::Prelude { consumed })
    }

    fn incomplete(&self, side: Side, unread: &[u8]) -> Result<Line> {
        let could_be_ssh = b"SSH-".starts_with(unread.get(..4).unwrap_or(unread));
        if could_be_ssh && unread.len() >= limits::IDENTIFICATION_BYTES_MAX {
            return Err(Error::Identification("longer than 255 bytes"));
        }
        if !could_be_ssh && side == Side::Server {
            return Err(Error::Identification("the client's first line is no SSH identification"));
        }
        self.bounded(unread.len())?;
        Ok(Line::Incomplete)
    }

    fn bounded(&self, line_len: usize) -> Result<()> {
        if line_len > limits::PRELUDE_LINE_BYTES_MAX {
            return Err(Error::Identification("a line before it is longer than 8192 bytes"));
        }
        if self.lines > limits::PRELUDE_LINES_MAX {
            return Err(Error::Identification("more than 1024 lines before it"));
        }
        if self.bytes > limits::PRELUDE_BYTES_MAX {
            return Err(Error::Identification("more than 64 KiB before it"));
        }
        Ok(())
    }
}

fn check(line: &[u8], consumed: usize) -> Result<()> {
    // "The maximum length of the string is 255 characters, including the Carriage Return and
    // Line Feed." RFC 4253 section 4.2
    if consumed > limits::IDENTIFICATION_BYTES_MAX {
        return Err(Error::Identification("longer than 255 bytes"));
    }
    // "The null character MUST NOT be sent." RFC 4253 section 4.2
    if line.iter().any(|b| *b < 0x20 || *b == 0x7f) {
        return Err(Error::Identification("contains a control character"));
    }
    // "1.99" means that the server speaks both protocols (RFC 4253 section 5.1).
    let two = line.starts_with(b"SSH-2.0-") || line.starts_with(b"SSH-1.99-");
    if !two {
        return Err(Error::Identification("the peer does not speak protocol version 2.0"));
    }
    Ok(())
}

/// The identification as text for people.
#[must_use]
pub fn printable(identification: &[u8]) -> String {
    crate::text::printable(identification, limits::IDENTIFICATION_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn look(side: Side, bytes: &[u8]) -> Result<Line> {
        Identification::default().look(side, bytes)
    }

    #[test]
    fn plain_lines_end_with_or_without_cr() {
        for end in ["\r\n", "\n"] {
            let line = format!("SSH-2.0-x y{end}rest");
            let Ok(Line::Identification { consumed, identification }) =
                look(Side::Client, line.as_bytes())
            else {
                unreachable!("a legal identification was refused")
            };
            assert_eq!(identification, b"SSH-2.0-x y");
            assert_eq!(consumed, 11 + end.len());
        }
    }

    #[test]
    fn only_servers_may_talk_before_it() {
        assert_eq!(look(Side::Client, b"hello\r\nSSH"), Ok(Line::Prelude { consumed: 7 }));
        assert!(look(Side::Server, b"hello\r\n").is_err());
        assert!(look(Side::Server, b"GET /").is_err());
        assert_eq!(look(Side::Server, b"SS"), Ok(Line::Incomplete));
    }

    #[test]
    fn old_protocols_controls_and_long_lines_are_refused() {
        for bad in [&b"SSH-1.5-x\r\n"[..], b"SSH-2.0-a\0b\r\n", b"SSH-2.0-\x1b[m\r\n", b"SSH-2.0\n"]
        {
            assert!(look(Side::Client, bad).is_err(), "{bad:?}");
        }
        let long = format!("SSH-2.0-{}\r\n", "x".repeat(246));
        assert!(look(Side::Client, long.as_bytes()).is_err());
        let longest = format!("SSH-2.0-{}\r\n", "x".repeat(245));
        assert!(look(Side::Client, longest.as_bytes()).is_ok());
        assert!(look(Side::Client, &[b'S'; 1]).is_ok());
        assert!(look(Side::Client, format!("SSH-{}", "x".repeat(300)).as_bytes()).is_err());
    }

    #[test]
    fn lines_before_it_are_bounded_in_size_number_and_sum() {
        assert!(look(Side::Client, &[b'x'; 8193]).is_err());
        let mut many = Identification::default();
        let refused = (0..2000).find(|_| many.look(Side::Client, b"x\n").is_err());
        assert_eq!(refused, Some(limits::PRELUDE_LINES_MAX));
        let mut big = Identification::default();
        let line = [&[b'x'; 8000][..], b"\n"].concat();
        let refused = (0..2000).find(|_| big.look(Side::Client, &line).is_err());
        assert_eq!(refused, Some(limits::PRELUDE_BYTES_MAX / 8001));
    }
}
