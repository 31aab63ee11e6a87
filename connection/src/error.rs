//! Misuse by a local caller: never the peer's fault, never the end of the session.

use core::fmt;

/// Why a call had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LocalError {
    /// The user is not authenticated yet, so there are no channels.
    NotReady,
    /// No such channel: it is closed, or the key is of an earlier one.
    UnknownChannel,
    /// The channel is not open (yet, or any more) for this.
    NotOpen,
    /// [`CHANNELS_MAX`](crate::limits::CHANNELS_MAX) or the window budget is used up.
    TooManyChannels,
    /// [`REQUESTS_UNANSWERED_MAX`](crate::limits::REQUESTS_UNANSWERED_MAX) requests wait for
    /// their reply, or as many for being sent.
    TooManyRequests,
    /// No request waits for a reply.
    NothingAsked,
    /// The connection is ending.
    Closing,
}

impl fmt::Display for LocalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotReady => "not authenticated yet",
            Self::UnknownChannel => "no such channel",
            Self::NotOpen => "channel is not open",
            Self::TooManyChannels => "too many channels",
            Self::TooManyRequests => "too many unanswered requests",
            Self::NothingAsked => "no request waits for a reply",
            Self::Closing => "the connection is ending",
        })
    }
}

impl core::error::Error for LocalError {}
