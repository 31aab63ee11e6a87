//! Escape sequences of an interactive session: `~.` and its kind, at the start of a line.

mod line;

use crate::limits::STDIN_BUFFER_BYTES;
use crate::log;
use line::{Edit, LineEditor};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, ReadBuf};

/// What a sequence asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Escape {
    /// `~.`: end the connection.
    Terminate,
    /// `~^Z`: stop the program, as a shell's job control does.
    Suspend,
    /// `~R`: new keys.
    Rekey,
    /// `~#`: list the forwarded connections.
    List,
    /// `~I`: what is known of the connection.
    Information,
    /// `~V`: say less.
    Quieter,
    /// `~v`: say more.
    Louder,
    /// `~?`: what can be typed.
    Help,
    /// `~&`: forwarded connections go on in the background.
    Background,
    /// `~B`: a break for the far side.
    Break,
    /// `~C`: a command is to be typed.
    CommandLine,
    /// The command that was typed behind `~C`.
    Command(String),
}

/// What becomes of the input behind a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It goes to the far side.
    GoOn,
    /// A command is read from it first.
    ReadCommand,
    /// There is none: the far side is told to log out, as by the key for that.
    LogOut,
}

/// The key that logs out of a shell.
const END_OF_TRANSMISSION: u8 = 4;

/// The text of `~?`; `C` stands for the escape character.
const HELP: &str = "\
Supported escape sequences:
 C.   - terminate connection
 CB   - send a BREAK to the remote system
 CC   - open a command line
 CR   - request rekey
 CV/v - decrease/increase verbosity (LogLevel)
 C^Z  - suspend tssh
 C#   - list forwarded connections
 CI   - show information about this connection
 C&   - go to the background, with the connections that are forwarded
 C?   - this message
 CCC  - send the escape character by typing it twice
(Note that escapes are only recognized immediately after newline.)";

/// The answer to `~?`; the command line is mentioned where it is switched on.
#[must_use]
pub fn help(escape: u8, command_line: bool) -> String {
    help_where(escape, |line| command_line || !line.starts_with(" CC "))
}

fn help_where(escape: u8, keeps: impl Fn(&str) -> bool) -> String {
    let escape = shown(escape);
    let lines = HELP.lines().filter(|line| keeps(line));
    lines
        .map(|line| match (line.strip_prefix(" CCC "), line.strip_prefix(" C")) {
            (Some(rest), _) => format!(" {escape}{escape} {rest}\r\n"),
            (None, Some(rest)) => format!(" {escape}{rest}\r\n"),
            (None, None) => format!("{line}\r\n"),
        })
        .collect()
}

/// The answer to `~?` within a connection that somebody else shares with us.
#[must_use]
pub fn help_shared(escape: u8) -> String {
    const WHOLE_CONNECTION: [&str; 4] = [" CC ", " CV", " C^Z", " C&"];
    help_where(escape, |line| !WHOLE_CONNECTION.iter().any(|start| line.starts_with(start)))
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
            b'I' => return Some(Escape::Information),
            b'V' => return Some(Escape::Quieter),
            b'v' => return Some(Escape::Louder),
            b'?' => return Some(Escape::Help),
            b'&' => return Some(Escape::Background),
            b'B' => return Some(Escape::Break),
            b'C' => return Some(Escape::CommandLine),
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
    /// The command that is being typed.
    line: Option<LineEditor>,
    /// Nothing more is read.
    ended: bool,
    found: Box<dyn FnMut(Escape) -> Next + Send>,
}

impl<R> EscapeReader<R> {
    /// Filters `inner`; `found` is called for each sequence.
    pub fn new(inner: R, escape: u8, found: impl FnMut(Escape) -> Next + Send + 'static) -> Self {
        Self {
            inner,
            filter: EscapeFilter::new(escape),
            buffer: vec![0; STDIN_BUFFER_BYTES],
            passed: VecDeque::new(),
            line: None,
            ended: false,
            found: Box::new(found),
        }
    }
}

impl<R> EscapeReader<R> {
    /// Takes what was typed, up to the end that a sequence may bring.
    fn take(&mut self, typed: &[u8]) {
        for byte in typed {
            let escape = match self.line.take() {
                None => self.filter.byte(*byte, &mut self.passed),
                Some(mut line) => match line.byte(*byte) {
                    Edit::More(text, byte) => {
                        let shown = byte.map(|byte| [byte]);
                        log::show_bytes(text.as_bytes());
                        log::show_bytes(shown.as_ref().map_or(&[][..], |shown| shown));
                        self.line = Some(line);
                        None
                    }
                    Edit::Done(command) => {
                        log::show("\r\n");
                        Some(Escape::Command(command))
                    }
                    Edit::Cancelled => {
                        log::show("\r\n");
                        None
                    }
                },
            };
            match escape.map(|escape| (self.found)(escape)) {
                None | Some(Next::GoOn) => {}
                Some(Next::ReadCommand) => self.line = Some(LineEditor::default()),
                Some(Next::LogOut) => {
                    self.passed.push_back(END_OF_TRANSMISSION);
                    self.ended = true;
                    return;
                }
            }
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
            if this.ended {
                return Poll::Ready(Ok(()));
            }
            let mut typed = ReadBuf::new(&mut this.buffer);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut typed))?;
            if typed.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            let n = typed.filled().len();
            let buffer = std::mem::take(&mut this.buffer);
            this.take(&buffer[..n]);
            this.buffer = buffer;
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
        assert!(help(b'~', true).contains("\r\n ~.   - terminate"));
        assert!(help(b'~', true).contains("\r\n ~C   - open a command line"));
        assert!(!help(b'~', false).contains("command line"));
        assert!(help(3, false).contains(" ^C^C  - send"));
    }

    #[test]
    fn the_reader_yields_what_the_filter_passes() {
        let found = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&found);
        let typed = &b"~?one\r~~two\r~C-h\r~.three\r~&four"[..];
        let mut reader = EscapeReader::new(typed, b'~', move |e| {
            let next = match e {
                Escape::CommandLine => Next::ReadCommand,
                Escape::Background => Next::LogOut,
                _ => Next::GoOn,
            };
            log.lock().unwrap().push(e);
            next
        });
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
        assert_eq!(all, b"one\r~two\rthree\r\x04");
        let found = found.lock().unwrap();
        let command = Escape::Command("-h".into());
        let terminate = Escape::Terminate;
        let wanted = [Escape::Help, Escape::CommandLine, command, terminate, Escape::Background];
        assert_eq!(*found, wanted);
    }
}
