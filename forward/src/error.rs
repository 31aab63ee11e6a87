//! How a connection ended.

use std::fmt;

/// Why [`crate::driver::run`] returned.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The application ended the connection.
    Finished,
    /// The protocol ended it: by the peer's DISCONNECT, its closing of the stream, its fault or a
    /// refusal of ours.
    Protocol(tssh_transport::Error),
    /// The SSH socket failed; the operating system's words.
    Socket(String),
    /// A wait came to its end.
    TimedOut {
        /// What was waited for.
        wait: Wait,
        /// The peer's name, from the options.
        host: String,
    },
}

/// What was waited for in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The identification string of the peer.
    Identification,
    /// The end of the first key exchange.
    Exchange,
    /// The peer's answer in authentication.
    Authentication,
    /// The user's login, on a server.
    LoginGrace,
    /// A sign of life.
    Keepalive,
    /// That the peer reads.
    Stall,
}

impl fmt::Display for Ended {
    /// In ssh's words where it has some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished => f.write_str("connection closed"),
            Self::Protocol(error) => error.fmt(f),
            Self::Socket(text) => f.write_str(text),
            Self::TimedOut { wait, host } => match wait {
                Wait::Identification => f.write_str("Connection timed out during banner exchange"),
                Wait::Exchange => write!(f, "Connection to {host} timed out during key exchange"),
                Wait::Authentication => {
                    write!(f, "Connection to {host} timed out during authentication")
                }
                Wait::LoginGrace => write!(f, "Timeout before authentication for {host}"),
                Wait::Keepalive => write!(f, "Timeout, server {host} not responding."),
                Wait::Stall => write!(f, "Connection to {host} stalled: the peer reads nothing"),
            },
        }
    }
}

impl std::error::Error for Ended {}
