//! What the driver tells the application.

use crate::core::local::BindFault;
use crate::driver::handle::Control;
use std::net::SocketAddr;
use tssh_connection::{ChannelKey, Event};

/// Names one local forward of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ForwardId(pub(crate) usize);

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
    /// A local forward listens on at least one address.
    Listening {
        /// The forward.
        forward: ForwardId,
        /// Where it listens, with the port that a 0 became.
        addresses: Vec<SocketAddr>,
        /// Where it could not.
        faults: Vec<BindFault>,
    },
    /// A local forward could not listen anywhere.
    ListenFailed {
        /// The forward.
        forward: ForwardId,
        /// Address by address.
        faults: Vec<BindFault>,
        /// ssh's line that follows those of the loud faults.
        text: String,
    },
    /// A connection was accepted by a local forward, and a channel was asked for.
    ForwardAsked {
        /// The forward.
        forward: ForwardId,
        /// Its channel.
        channel: ChannelKey,
        /// Who connected.
        originator: SocketAddr,
    },
    /// A forwarded connection did not come about.
    ForwardFailed {
        /// ssh's line, without a line end.
        text: String,
    },
    /// A server made a connection that its client asked for, or refused to.
    ForwardServed {
        /// Target host as the client wrote it.
        host: String,
        /// Target port as the client wrote it.
        port: u32,
        /// The originator as the client told it.
        originator: (String, u32),
        /// What came of it; the error is what the client was told.
        outcome: Result<(), String>,
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
