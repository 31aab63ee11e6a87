//! Escape sequences of an interactive session: `~.` and its kind, at the start of a line.

use crate::limits::STDIN_BUFFER_BYTES;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// What a sequence asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// `~.`: end the connection.
    Terminate,
    /// `~^Z`: stop the program, as a shell's job control does.
    Suspend,
    /// `~R`: new keys.
    Rekey,
    /// `~#`: list the forwarded connections.
    List,
    /// `~V`: say less.
    Quieter,
    /// `~v`: say more.
    Louder,
    /// `~?`: what can be typed.
    Help,
}

/// The text of `~?`; `C` stands for the escape character.
const HELP: &str = "\
Supported escape sequences:
 C.   - terminate connection
 CR   - request rekey
 CV/v - decrease/increase verbosity (LogLevel)
 C^Z  - suspend tssh
 C#   - list forwarded connections
 C?   - this message
 CC   - send the escape character by typing it twice
(Note that escapes are only recognized immediately after newline.)";

/// The answer to `~?`.
#[must_use]
pub fn help(escape: u8) -> String {
    HELP.lines()
        .map(|line| match line.strip_prefix(" CC ") {
            Some(rest) => format!(" {0}{0} {rest}\r\n", shown(escape)),
            None => match line.strip_prefix(" C") {
                Some(rest) => format!(" {}{rest}\r\n", shown(escape)),
                None => format!("{line}\r\n"),
            },
        })
        .collect()
}

/// A control character is shown as `^X`.
#[must_use]
pub fn shown(escape: u8) -> String {
    match escape {
        0..=31 => format!("^{}", char::from(escape + 64)),
        _ => char::from(escape).to_string(),
    }
}

/// Finds sequences in what is typed, and passes everything else on.
#[derive(Debug)]
pub struct EscapeFilter {
    escape: u8,
    line_start: bool,
    pending: bool,
}

impl EscapeFilter {
    /// A filter for sequences that start with `escape`.
    #[must_use]
    pub const fn new(escape: u8) -> Self {
        Self { escape, line_start: true, pending: false }
    }

    /// Takes one byte that was typed; `pass` gets what goes to the far side.
    pub fn byte(&mut self, byte: u8, pass: &mut impl Extend<u8>) -> Option<Escape> {
        if !self.pending {
            if self.line_start && byte == self.escape {
                self.pending = true;
            } else {
                self.line_start = matches!(byte, b'\r' | b'\n');
                pass.extend([byte]);
            }
            return None;
        }
        self.pending = false;
        // After a sequence the line still counts as new, so that a second one may follow.
        match byte {
            b'.' => return Some(Escape::Terminate),
            0x1a => return Some(Escape::Suspend),
            b'R' => return Some(Escape::Rekey),
            b'#' => return Some(Escape::List),
            b'V' => return Some(Escape::Quieter),
            b'v' => return Some(Escape::Louder),
            b'?' => return Some(Escape::Help),
            _ => {}
        }
        if byte != self.escape {
            pass.extend([self.escape]);
        }
        pass.extend([byte]);
        self.line_start = matches!(byte, b'\r' | b'\n');
        None
    }
}

/// Standard input with the sequences taken out.
pub struct EscapeReader<R> {
    inner: R,
    filter: EscapeFilter,
    buffer: Vec<u8>,
    /// Passed bytes that were not read yet: at most twice [`STDIN_BUFFER_BYTES`].
    passed: VecDeque<u8>,
    found: Box<dyn FnMut(Escape) + Send>,
}

impl<R> EscapeReader<R> {
    /// Filters `inner`; `found` is called for each sequence.
    pub fn new(inner: R, escape: u8, found: impl FnMut(Escape) + Send + 'static) -> Self {
        Self {
            inner,
            filter: EscapeFilter::new(escape),
            buffer: vec![0; STDIN_BUFFER_BYTES],
            passed: VecDeque::new(),
            found: Box::new(found),
        }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for EscapeReader<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.passed.is_empty() {
            let mut typed = ReadBuf::new(&mut this.buffer);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut typed))?;
            if typed.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            for byte in typed.filled() {
                if let Some(escape) = this.filter.byte(*byte, &mut this.passed) {
                    (this.found)(escape);
                }
            }
        }
        let n = this.passed.len().min(out.remaining());
        let (front, back) = this.passed.as_slices();
        let first = n.min(front.len());
        out.put_slice(&front[..first]);
        out.put_slice(&back[..n - first]);
        this.passed.drain(..n);
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::io::AsyncReadExt as _;

    fn filtered(typed: &[u8]) -> (Vec<u8>, Vec<Escape>) {
        let mut filter = EscapeFilter::new(b'~');
        let mut passed = Vec::new();
        let found = typed.iter().filter_map(|b| filter.byte(*b, &mut passed)).collect();
        (passed, found)
    }

    #[test]
    fn sequences_count_at_the_start_of_a_line_only() {
        assert_eq!(filtered(b"~."), (vec![], vec![Escape::Terminate]));
        assert_eq!(filtered(b"a~."), (b"a~.".to_vec(), vec![]));
        assert_eq!(filtered(b"a\r~."), (b"a\r".to_vec(), vec![Escape::Terminate]));
        assert_eq!(filtered(b"~~."), (b"~.".to_vec(), vec![]));
        assert_eq!(filtered(b"~x~."), (b"~x~.".to_vec(), vec![]));
        assert_eq!(filtered(b"~R~?x"), (b"x".to_vec(), vec![Escape::Rekey, Escape::Help]));
        assert_eq!(filtered(b"~\r~."), (b"~\r".to_vec(), vec![Escape::Terminate]));
    }

    #[test]
    fn help_names_the_escape_character() {
        assert!(help(b'~').contains("\r\n ~.   - terminate"));
        assert!(help(3).contains(" ^C^C   - send"));
    }

    #[test]
    fn the_reader_yields_what_the_filter_passes() {
        let found = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&found);
        let typed = &b"~?one\r~~two\r~.three"[..];
        let mut reader = EscapeReader::new(typed, b'~', move |e| log.lock().unwrap().push(e));
        let mut all = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut small = [0; 3];
            loop {
                match reader.read(&mut small).await.unwrap() {
                    0 => break,
                    n => all.extend_from_slice(&small[..n]),
                }
            }
        });
        assert_eq!(all, b"one\r~two\rthree");
        assert_eq!(*found.lock().unwrap(), [Escape::Help, Escape::Terminate]);
    }
}
