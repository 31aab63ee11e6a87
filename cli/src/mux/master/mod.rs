//! Our side where we are the master.
//!
//! [`listener`] makes the socket and takes clients; one task for each client ([`peer`]) reads and
//! writes its socket. What needs the connection is a [`Job`] for the connection's task, which
//! answers through the job; [`relay`] serves those who speak RFC 4254 on it. So a client that is
//! slow, dead or hostile holds up nobody but itself.

pub mod listener;
pub mod peer;
pub mod relay;

use super::messages::NewSession;
use std::os::fd::OwnedFd;
use tokio::sync::{mpsc, oneshot};
use tssh_connection::{ChannelKey, ChannelRequest, OpenKind};
use tssh_forward::core::address::Target;
use tssh_forward::driver::{Endpoints, Forward};

/// Messages about one session that wait for its client's socket: each kind comes once.
pub const TOLD_MAX: usize = 4;

/// What a client wants of the connection.
#[derive(Debug)]
pub enum Job {
    /// A session on the three descriptors that were passed.
    Session {
        /// What was asked for.
        request: Box<NewSession>,
        /// Standard input, output and error.
        descriptors: [OwnedFd; 3],
        /// Where its client hears of it; closed when the client is gone.
        told: mpsc::Sender<Told>,
    },
    /// A connection from the far side for the two descriptors that were passed.
    Stdio {
        /// Where it leads.
        target: Target,
        /// Standard input and output.
        descriptors: [OwnedFd; 2],
        /// As in a session.
        told: mpsc::Sender<Told>,
    },
    /// A channel of a client that speaks RFC 4254 on its socket.
    Channel {
        /// What it leads to.
        kind: OpenKind,
        /// What it is joined to.
        endpoints: Endpoints,
        /// As in a session.
        told: mpsc::Sender<Up>,
    },
    /// A forward.
    OpenForward(Forward, oneshot::Sender<Done>),
    /// The end of one.
    CloseForward(Forward, oneshot::Sender<Done>),
    /// The end of the connection.
    Terminate,
    /// The end of the socket.
    StopListening(oneshot::Sender<Done>),
    /// A client is gone.
    Gone,
}

/// What becomes of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is there; messages call it so.
    Opened(u32),
    /// The server does not want it.
    Refused,
    /// There is no terminal.
    TtyAllocFail,
    /// Its command has ended with this status.
    Exit(u32),
}

/// What the server says about a channel of a client that speaks RFC 4254.
#[derive(Debug)]
pub enum Up {
    /// It is open, and has this key in our connection.
    Opened(ChannelKey),
    /// It is not, for this reason of RFC 4254 section 5.1.
    Refused(u32, String),
    /// A request about it.
    Request(ChannelRequest),
    /// The reply to the oldest request of the client's that waits for one.
    Reply(bool),
}

/// What became of another job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It is done.
    Ok,
    /// It is done, and this is the port that was chosen.
    Port(u16),
    /// It is not, for this reason.
    Failed(String),
}
