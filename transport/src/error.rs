//! What can end a connection, and whose fault it is.

use crate::disconnect::DisconnectReason;
use crate::side::Side;
use crate::wire::{Message, WireError};
use alloc::string::String;
use core::fmt;

/// A result of this crate.
pub type Result<T> = core::result::Result<T, Error>;

/// Why a connection ends. Every variant maps to one reason of RFC 4253 section 11.1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke a rule; the text names it with its section.
    PeerMisbehaved(&'static str),
    /// A negotiated list had no name in common.
    PeerIncompatible {
        /// Which list, in OpenSSH's words ("key exchange method", "host key type", "cipher",
        /// "MAC", "compression").
        list: &'static str,
        /// What the peer offered.
        theirs: String,
    },
    /// A message that may not pass now.
    Inappropriate {
        /// The message number that came.
        got: u8,
        /// What was going on, e.g. "initial key exchange (strict)".
        phase: &'static str,
    },
    /// A field could not be read.
    Decode {
        /// The message or structure.
        message: &'static str,
        /// The field and the fault.
        error: WireError,
    },
    /// The identification exchange failed (RFC 4253 section 4.2); the text names the rule.
    Identification(&'static str),
    /// A packet's length is not acceptable.
    PacketLength(u32),
    /// A packet's padding is not acceptable, RFC 4253 section 6.
    Padding,
    /// A packet failed its integrity check.
    MacIncorrect,
    /// The exchange failed: a share out of range, a bad signature; the text names the check.
    KeyExchange(&'static str),
    /// The host key was refused by whoever answers for it.
    HostKeyRefused,
    /// Compressed data could not be inflated within bounds.
    Compression(&'static str),
    /// One of our named limits was reached.
    LimitReached(&'static str),
    /// No way to authenticate is left; the list is the peer's last word.
    AuthenticationFailed {
        /// Methods that the peer says can continue.
        methods: String,
    },
    /// A client failed to authenticate too often (server only).
    TooManyAuthenticationFailures,
    /// A service was requested that is not offered now; its name as received, made harmless.
    ServiceNotAvailable(String),
    /// The peer sent SSH_MSG_DISCONNECT.
    Disconnected {
        /// Who ended it.
        by: Side,
        /// Reason code as received.
        reason: u32,
        /// Text as received, with control characters made harmless.
        description: String,
    },
    /// The peer was silent for longer than the named wait allows.
    TimedOut(&'static str),
    /// The peer closed the byte stream.
    ConnectionClosed,
    /// An internal contradiction, named; never expected.
    Internal(&'static str),
}

impl Error {
    /// A decoding failure within the named message.
    #[must_use]
    pub const fn decode(message: &'static str, error: WireError) -> Self {
        Self::Decode { message, error }
    }

    /// The reason to send to the peer; none where there is nobody left to tell.
    #[must_use]
    pub const fn disconnect_reason(&self) -> Option<DisconnectReason> {
        use DisconnectReason as R;
        Some(match self {
            Self::PeerMisbehaved(_)
            | Self::Inappropriate { .. }
            | Self::Decode { .. }
            | Self::PacketLength(_)
            | Self::Padding
            | Self::LimitReached(_) => R::ProtocolError,
            Self::Identification(_) => R::ProtocolVersionNotSupported,
            Self::PeerIncompatible { .. } | Self::KeyExchange(_) => R::KeyExchangeFailed,
            Self::MacIncorrect => R::MacError,
            Self::HostKeyRefused => R::HostKeyNotVerifiable,
            Self::Compression(_) => R::CompressionError,
            Self::AuthenticationFailed { .. } | Self::TooManyAuthenticationFailures => {
                R::NoMoreAuthMethodsAvailable
            }
            Self::ServiceNotAvailable(_) => R::ServiceNotAvailable,
            Self::TimedOut(_) | Self::Internal(_) => R::ByApplication,
            Self::Disconnected { .. } | Self::ConnectionClosed => return None,
        })
    }
}

impl Error {
    /// Where the rule stands that ends the connection, as `4253#6.4`; empty where no RFC has one.
    #[must_use]
    pub const fn section(&self) -> &'static str {
        match self {
            Self::PeerIncompatible { .. } => "4253#7.1",
            // Before an exchange is over, and below the numbers of authentication, the rule is
            // that of key exchange.
            Self::Inappropriate { got: 0..=49, .. } => "4253#7.1",
            Self::Inappropriate { .. } => "4252#6",
            Self::Decode { .. } => "4251#5",
            Self::Identification(_) => "4253#4.2",
            Self::PacketLength(_) => "4253#6.1",
            Self::Padding => "4253#6",
            Self::MacIncorrect => "4253#6.4",
            Self::KeyExchange(_) => "4253#8",
            Self::HostKeyRefused => "4251#4.1",
            Self::Compression(_) => "4253#6.2",
            Self::AuthenticationFailed { .. } => "4252#5.1",
            Self::TooManyAuthenticationFailures => "4252#4",
            Self::ServiceNotAvailable(_) => "4253#10",
            Self::Disconnected { .. } => "4253#11.1",
            Self::PeerMisbehaved(_)
            | Self::LimitReached(_)
            | Self::TimedOut(_)
            | Self::ConnectionClosed
            | Self::Internal(_) => "",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerMisbehaved(rule) => write!(f, "peer broke a rule: {rule}"),
            // OpenSSH's words, which scripts match.
            Self::PeerIncompatible { list, theirs } => {
                write!(f, "no matching {list} found. Their offer: {theirs}")
            }
            Self::Inappropriate { got, phase } => {
                let name = crate::messages::number::name(*got);
                write!(f, "message {got} ({name}) is not allowed during {phase}")
            }
            Self::Decode { message, error } => write!(f, "{message}: {error}"),
            Self::Identification(rule) => write!(f, "identification exchange: {rule}"),
            Self::PacketLength(n) => write!(f, "Bad packet length {n}."),
            Self::Padding => f.write_str("padding error: fewer than 4 bytes or past the packet"),
            Self::MacIncorrect => f.write_str("Corrupted MAC on input."),
            Self::KeyExchange(check) => write!(f, "key exchange failed: {check}"),
            Self::HostKeyRefused => f.write_str("Host key verification failed."),
            Self::Compression(what) => write!(f, "compression: {what}"),
            Self::LimitReached(limit) => write!(f, "limit reached: {limit}"),
            Self::AuthenticationFailed { methods } => write!(f, "Permission denied ({methods})."),
            Self::TooManyAuthenticationFailures => f.write_str("Too many authentication failures"),
            Self::ServiceNotAvailable(name) => write!(f, "service \"{name}\" is not available"),
            Self::Disconnected { reason, description, .. } => {
                write!(f, "disconnected, reason {reason}: {description}")
            }
            Self::TimedOut(wait) => write!(f, "timed out: {wait}"),
            Self::ConnectionClosed => f.write_str("connection closed by the peer"),
            Self::Internal(what) => write!(f, "internal contradiction: {what}"),
        }
    }
}

impl core::error::Error for Error {}

/// A whole message, its name in the error when a field is wrong.
///
/// # Errors
/// [`Error::Decode`].
pub fn decode<'a, M: Message<'a>>(payload: &'a [u8]) -> Result<M> {
    M::decode(payload).map_err(|error| Error::Decode { message: M::NAME, error })
}
