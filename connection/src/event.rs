//! What the connection layer tells the layer above.

use crate::channel::ChannelKey;
use crate::messages::{ChannelRequest, GlobalRequest, OpenKind};
use alloc::string::String;
use alloc::vec::Vec;
use tssh_transport::algorithms::Negotiated;
use tssh_transport::kex::exchanger::HostKeyQuestion;
use tssh_transport::userauth::AuthEvent;

/// Names one request of ours, so that its reply can be told from others. Unique within a
/// connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestTag(pub(crate) u64);

/// Which of a channel's two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// SSH_MSG_CHANNEL_DATA.
    Data,
    /// SSH_MSG_CHANNEL_EXTENDED_DATA of type 1, SSH_EXTENDED_DATA_STDERR.
    Stderr,
}

/// Leave to send, from [`Stack::next_turn`](crate::Stack::next_turn).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The channel.
    pub channel: ChannelKey,
    /// The stream of it that has something to send.
    pub stream: Stream,
    /// Most bytes of one packet now: window, packet size and output.
    pub max: usize,
}

/// What a [`Stack`](crate::Stack) has to tell.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The peer's identification string, made printable.
    PeerIdentification(String),
    /// A line that the server sent before it, made printable.
    Prelude(String),
    /// Is this the host's key? Nothing goes on until it is answered.
    HostKey(HostKeyQuestion),
    /// A key exchange is over.
    Exchanged {
        /// The first one, after which authentication begins.
        first: bool,
        /// What was agreed on.
        negotiated: Negotiated,
    },
    /// Authentication has a question, or something to tell.
    Auth(AuthEvent),
    /// The user is authenticated: channels can be opened.
    Authenticated {
        /// The user.
        user: String,
        /// Server: the keys whose signatures were verified and accepted. This is who the client is.
        keys: Vec<Vec<u8>>,
    },
    /// SSH_MSG_DEBUG.
    Debug {
        /// The peer asks that it be shown.
        always_display: bool,
        /// The text, made printable.
        message: String,
    },
    /// The answer to a ping of ours.
    Pong(Vec<u8>),
    /// The peer does not know what that packet of ours was, by sequence number.
    Unimplemented(u32),
    /// A step of a key exchange, in OpenSSH's words, for `-v`.
    Note(&'static str),
    /// Something happened on a channel, or to the connection as a whole.
    Channel(ChannelEvent),
}

/// What happened on a channel or to the connection as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelEvent {
    /// The peer opens a channel. Answer with `accept_open` or `refuse_open`.
    OpenRequest {
        /// Our key of it, usable for the answer at once and for the rest after acceptance.
        channel: ChannelKey,
        /// Its type and data.
        kind: OpenKind,
    },
    /// The peer opened a channel that nothing here had asked for. It was refused; this is to warn
    /// whoever runs the client.
    Unsolicited {
        /// Its type and data.
        kind: OpenKind,
    },
    /// The peer confirmed a channel of ours.
    Opened {
        /// Which.
        channel: ChannelKey,
    },
    /// The peer refused a channel of ours; the key names nothing from now on.
    OpenFailed {
        /// Which.
        channel: ChannelKey,
        /// 'reason code' as received.
        reason: u32,
        /// 'description', made printable.
        description: String,
    },
    /// The peer sends no more data on the channel; what came before it may still stand in the
    /// ring.
    Eof {
        /// Which.
        channel: ChannelKey,
    },
    /// The peer closed the channel. Ours follows by itself. What stands in the ring may still be
    /// drained; the key names nothing any more once the ring is empty or `close` was called.
    /// Requests of ours that were not answered by now never will be.
    Closed {
        /// Which.
        channel: ChannelKey,
    },
    /// A request about a channel. With `want_reply`, answer with `reply_request`, in order.
    Request {
        /// Which channel.
        channel: ChannelKey,
        /// What is asked.
        request: ChannelRequest,
        /// Whether the peer waits for a reply.
        want_reply: bool,
    },
    /// The answer to a channel request of ours.
    RequestReply {
        /// Which channel.
        channel: ChannelKey,
        /// What `request` returned.
        tag: RequestTag,
        /// SUCCESS, or FAILURE.
        ok: bool,
    },
    /// A request about no channel. With `want_reply`, answer with `reply_global`, in order.
    GlobalRequest {
        /// What is asked.
        request: GlobalRequest,
        /// Whether the peer waits for a reply.
        want_reply: bool,
    },
    /// The answer to a global request of ours.
    GlobalReply {
        /// What `global_request` returned.
        tag: RequestTag,
        /// SUCCESS, or FAILURE.
        ok: bool,
        /// 'response specific data': the port, where the request let the peer choose one.
        data: Vec<u8>,
    },
}
