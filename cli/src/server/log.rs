//! Where tsshd's log goes: standard error, a file, or the system's log as sshd's does.
//!
//! Text that a peer chose goes through [`name`] first: no control character of theirs, and no line
//! of their making, ever reaches a log.

use crate::log::{self, Level};
use std::fmt;
use std::os::unix::net::UnixDatagram;
use std::sync::OnceLock;
use tssh_transport::text::one_line;

/// Most bytes of a name of a peer's in the log.
const NAME_BYTES_MAX: usize = 256;

/// `SyslogFacility`: which part of the system speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facility(&'static str, u32);

impl Default for Facility {
    /// sshd's.
    fn default() -> Self {
        Self("AUTH", 4)
    }
}

impl Facility {
    /// The facility of that name; case does not matter.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut known = log::FACILITIES.iter();
        known.find(|known| known.0.eq_ignore_ascii_case(name)).map(|known| Self(known.0, known.1))
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

static SOCKET: OnceLock<(UnixDatagram, Facility)> = OnceLock::new();

/// Sends everything to the system's log from now on. Where there is none, messages go to standard
/// error as before.
pub fn use_syslog(facility: Facility) {
    let Ok(socket) = UnixDatagram::unbound() else { return };
    // A log that does not keep up must not stop the server.
    if socket.connect(log::SYSLOG_PATH).is_ok() && socket.set_nonblocking(true).is_ok() {
        let _ = SOCKET.set((socket, facility));
    }
}

/// Text of a peer's, fit for a line of a log.
#[must_use]
pub fn name(text: &str) -> String {
    one_line(text.as_bytes(), NAME_BYTES_MAX)
}

/// Writes one message.
pub fn write(level: Level, message: impl fmt::Display) {
    let Some((socket, Facility(_, facility))) = SOCKET.get() else {
        return log::write(level, message);
    };
    if !log::enabled(level) {
        return;
    }
    for line in message.to_string().lines() {
        // Nobody is left to tell.
        let _ = socket.send(log::syslog_line(level, *facility, "tsshd", line).as_bytes());
    }
}

/// A failure.
pub fn error(message: impl fmt::Display) {
    write(Level::Error, message);
}

/// What everybody wants to know.
pub fn info(message: impl fmt::Display) {
    write(Level::Info, message);
}

/// For `LogLevel VERBOSE`.
pub fn verbose(message: impl fmt::Display) {
    write(Level::Verbose, message);
}

/// For `-d`.
pub fn debug(message: impl fmt::Display) {
    write(Level::Debug1, message);
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_peer_cannot_write_lines_of_its_own() {
        let forged = "x\r\nAccepted password for root\x1b[2J\u{9b}\tx";
        assert_eq!(name(forged), "x\\015\\012Accepted password for root\\033[2J\\302\\233\\011x");
        assert!(name(&"a".repeat(5000)).len() <= 256);
    }
}
