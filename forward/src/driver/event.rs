//! What the driver tells the application.

use crate::core::address::{
    Direction, DynamicForward, Listen, LocalForward, RemoteForward, Target,
};
use crate::core::local::BindFault;
use crate::driver::handle::Control;
use std::net::SocketAddr;
use tssh_connection::{ChannelKey, Event};

/// Names one of our forwards of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ForwardId(pub(crate) usize);

/// One of our forwards, whichever way it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forward {
    /// `-L`.
    Local(LocalForward),
    /// `-R`; a port of 0 has become the one that the peer chose, once it has.
    Remote(RemoteForward),
    /// `-D`.
    Dynamic(DynamicForward),
}

impl Forward {
    /// Which way it goes.
    #[must_use]
    pub const fn direction(&self) -> Direction {
        match self {
            Self::Local(_) => Direction::Local,
            Self::Remote(_) => Direction::Remote,
            Self::Dynamic(_) => Direction::Dynamic,
        }
    }

    /// The listening side.
    #[must_use]
    pub const fn listen(&self) -> &Listen {
        match self {
            Self::Local(forward) => &forward.listen,
            Self::Remote(forward) => &forward.listen,
            Self::Dynamic(forward) => &forward.listen,
        }
    }
}

/// A forward in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardInfo {
    /// Its name.
    pub id: ForwardId,
    /// What it is.
    pub forward: Forward,
    /// Whether it listens.
    pub up: bool,
}

/// Whoever decides: a client with its human, a server with its users, a test.
pub trait Application: Send {
    /// Takes one event. It is called within the connection's task and must not block; work that
    /// takes time is spawned and answers later through a [`Handle`](crate::driver::Handle).
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>);
}

/// What happened.
#[derive(Debug)]
pub enum AppEvent {
    /// The task runs. Always the first event: the moment to take a handle.
    Started,
    /// An event of the protocol that is not the forwarder's own business: all questions, and all
    /// that concerns channels which the application opened or accepted.
    ///
    /// `Closed` and `Eof` never come this way: see [`AppEvent::ChannelClosed`]. Global requests
    /// come for information only: the driver has answered them.
    Protocol(Event),
    /// A channel of the application's is over: both sides have closed it, and its endpoint has
    /// taken every byte that came before.
    ChannelClosed {
        /// The channel; its key names nothing any more.
        channel: ChannelKey,
    },
    /// Nothing passed through a channel for too long: it is closed. What follows a channel's end
    /// follows.
    ChannelIdle {
        /// The channel.
        channel: ChannelKey,
    },
    /// A forward of ours listens on at least one address here.
    Listening {
        /// The forward.
        forward: ForwardId,
        /// Where it listens, with the port that a 0 became; nothing for a Unix socket.
        addresses: Vec<SocketAddr>,
        /// Where it could not.
        faults: Vec<BindFault>,
    },
    /// A forward of ours could not listen anywhere here; it is gone.
    ListenFailed {
        /// The forward.
        forward: ForwardId,
        /// Address by address.
        faults: Vec<BindFault>,
        /// ssh's line that follows those of the loud faults.
        text: String,
    },
    /// The peer listens for a remote forward of ours.
    RemoteListening {
        /// The forward.
        forward: ForwardId,
        /// Its port, the one that a 0 became; nothing for a Unix socket.
        port: Option<u16>,
    },
    /// The peer does not listen for a remote forward of ours; it is gone.
    RemoteFailed {
        /// The forward.
        forward: ForwardId,
    },
    /// What came of [`Control::cancel`].
    Cancelled {
        /// The forward.
        forward: ForwardId,
        /// Whether it is gone; only a peer can say no.
        ok: bool,
    },
    /// A connection of one of our forwards: accepted here, and a channel was asked for, or
    /// accepted there, and the target is being connected to.
    ForwardAsked {
        /// The forward.
        forward: ForwardId,
        /// Its channel. [`AppEvent::ForwardClosed`] follows, whatever becomes of it.
        channel: ChannelKey,
        /// The target; `None` where the client has yet to name it.
        target: Option<Target>,
        /// Who connected, as text, where that is known.
        originator: Option<String>,
    },
    /// A forwarded connection did not come about.
    ForwardFailed {
        /// Its channel, where it had one.
        channel: Option<ChannelKey>,
        /// The reason: ssh's line, without a line end.
        text: String,
    },
    /// A server made a connection that its client asked for, or refused to.
    ForwardServed {
        /// The target as the client wrote it: `HOST port PORT` or `path PATH`. Not made printable.
        target: String,
        /// The originator as the client told it.
        originator: Option<(String, u32)>,
        /// What came of it; the error is what the client was told.
        outcome: Result<(), String>,
    },
    /// A server listens for its client, or refused to.
    ListenServed {
        /// The listening side as the client wrote it. Not made printable.
        what: String,
        /// Where it listens, or why it does not, which the client is not told.
        outcome: Result<Vec<SocketAddr>, String>,
    },
    /// A forwarded connection is over.
    ForwardClosed {
        /// Its channel; the key names nothing any more.
        channel: ChannelKey,
    },
    /// What [`Control::remind`] was called with: the application's turn after work of its own that
    /// went on elsewhere.
    Reminded(u32),
    /// The peer opened a channel that nobody asked for; it was refused.
    Unsolicited {
        /// The channel type, made printable.
        kind: String,
    },
}
