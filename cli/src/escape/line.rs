//! A line typed on a terminal in raw mode: the command line of `~C`.

use crate::limits::ANSWER_BYTES_MAX;

/// What a byte did to the line.
#[derive(Debug, PartialEq, Eq)]
pub enum Edit {
    /// It goes on; this appears on the terminal.
    More(&'static str, Option<u8>),
    /// It is complete.
    Done(String),
    /// It is given up.
    Cancelled,
}

/// Takes back one character on the terminal.
const RUB_OUT: &str = "\u{8} \u{8}";
const BACKSPACE: u8 = 0x08;
const ESCAPE: u8 = 0x1b;
const DELETE: u8 = 0x7f;
const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;

/// The line so far: at most [`ANSWER_BYTES_MAX`] bytes.
#[derive(Debug, Default)]
pub struct LineEditor(Vec<u8>);

impl LineEditor {
    /// Takes one byte that was typed.
    pub fn byte(&mut self, byte: u8) -> Edit {
        match byte {
            b'\r' | b'\n' => Edit::Done(String::from_utf8_lossy(&self.0).into_owned()),
            CTRL_C | ESCAPE => Edit::Cancelled,
            CTRL_D if self.0.is_empty() => Edit::Cancelled,
            BACKSPACE | DELETE => {
                // A character may be several bytes; those behind the first look like this.
                while self.0.pop_if(|last| *last & 0xc0 == 0x80).is_some() {}
                match self.0.pop() {
                    Some(_) => Edit::More(RUB_OUT, None),
                    None => Edit::More("", None),
                }
            }
            0..=0x1f => Edit::More("", None),
            byte if self.0.len() < ANSWER_BYTES_MAX => {
                self.0.push(byte);
                Edit::More("", Some(byte))
            }
            _ => Edit::More("", None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> Edit {
        let mut line = LineEditor::default();
        let mut last = Edit::Cancelled;
        for byte in bytes {
            last = line.byte(*byte);
        }
        last
    }

    #[test]
    fn lines_are_edited() {
        assert_eq!(typed(b"-L 1:a:2\r"), Edit::Done("-L 1:a:2".into()));
        assert_eq!(typed("ax\u{7f}é\u{8}b\tc\n".as_bytes()), Edit::Done("abc".into()));
        assert_eq!(typed(b"\x7f"), Edit::More("", None));
        assert_eq!(typed(b"x"), Edit::More("", Some(b'x')));
        assert_eq!(typed(b"xy\x08"), Edit::More(RUB_OUT, None));
        for given_up in [&b"x\x03"[..], b"x\x1b", b"\x04"] {
            assert_eq!(typed(given_up), Edit::Cancelled);
        }
        let mut long = vec![b'x'; ANSWER_BYTES_MAX + 9];
        long.push(b'\r');
        assert_eq!(typed(&long), Edit::Done("x".repeat(ANSWER_BYTES_MAX)));
    }
}
