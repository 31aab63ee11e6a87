//! Signals by the names of RFC 4254 section 6.10, and how a process ended.

use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use tssh_connection::ChannelRequest;

/// The names that the RFC lists; every Unix has these signals.
const NAMES: &[(&str, Signal)] = &[
    ("ABRT", Signal::ABORT),
    ("ALRM", Signal::ALARM),
    ("FPE", Signal::FPE),
    ("HUP", Signal::HUP),
    ("ILL", Signal::ILL),
    ("INT", Signal::INT),
    ("KILL", Signal::KILL),
    ("PIPE", Signal::PIPE),
    ("QUIT", Signal::QUIT),
    ("SEGV", Signal::SEGV),
    ("TERM", Signal::TERM),
    ("USR1", Signal::USR1),
    ("USR2", Signal::USR2),
];
/// OpenSSH's name for any other signal.
const OTHER: &str = "SIG@openssh.com";

/// The signal of that name.
#[must_use]
pub fn by_name(name: &str) -> Option<Signal> {
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, signal)| *signal)
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With this status.
    Status(u32),
    /// By this signal, with or without a core image.
    Signal(&'static str, bool),
}

impl Ending {
    /// Reads the operating system's word.
    #[must_use]
    pub fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Status(code.cast_unsigned()),
            (None, signal) => {
                let known = NAMES.iter().find(|(_, known)| Some(known.as_raw()) == signal);
                Self::Signal(known.map_or(OTHER, |(name, _)| name), status.core_dumped())
            }
        }
    }

    /// The request that tells the client.
    #[must_use]
    pub fn request(self) -> ChannelRequest {
        match self {
            Self::Status(status) => ChannelRequest::ExitStatus(status),
            Self::Signal(name, core_dumped) => ChannelRequest::ExitSignal {
                name: name.to_owned(),
                core_dumped,
                message: String::new(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings() {
        let of = |raw| Ending::of(ExitStatus::from_raw(raw));
        assert_eq!(of(7 << 8), Ending::Status(7));
        assert_eq!(of(15), Ending::Signal("TERM", false));
        assert_eq!(of(11 | 0x80), Ending::Signal("SEGV", true));
        assert_eq!(of(31), Ending::Signal("SIG@openssh.com", false));
    }

    #[test]
    fn names() {
        assert_eq!(by_name("USR1"), Some(Signal::USR1));
        assert_eq!(by_name("STOP"), None);
        assert_eq!(by_name("SIGTERM"), None);
    }
}
