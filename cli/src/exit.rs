//! How the program ends: the status, and the one line that says why.

use std::fmt;
use tssh_transport::text::printable;

/// Most bytes of one complaint.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// Status of every failure of the program itself, as ssh has it; any other status is the remote
/// command's.
pub const OWN_FAILURE: u8 = 255;

/// A failure of our own that ends the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fatal {
    /// What to print; several lines where ssh prints several.
    pub message: String,
    /// Whether `-q` silences it: complaints about the command line are always printed.
    pub silenceable: bool,
}

impl Fatal {
    /// A failure that `-q` silences, as ssh's own `fatal` is.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), silenceable: true }
    }

    /// A complaint about the command line, printed whatever the log level is.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), silenceable: false }
    }

    /// Prints the message where it belongs.
    pub fn report(&self) {
        if self.silenceable {
            for line in self.message.lines() {
                crate::log::error(line);
            }
        } else {
            let text = printable(self.message.as_bytes(), MESSAGE_BYTES_MAX);
            crate::log::show(format_args!("{text}\n"));
        }
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fatal {}

/// A result that can end the program.
pub type Result<T> = std::result::Result<T, Fatal>;

/// The operating system's words for an error, without Rust's "(os error N)".
#[must_use]
pub fn os_words(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((words, _)) => words.to_owned(),
        None => text,
    }
}
