//! What the layer above asks of the connection layer, through the stack.

use crate::areas::Areas;
use crate::channel::{ChannelKey, RecvRing};
use crate::error::LocalError;
use crate::event::{RequestTag, Stream, Turn};
use crate::messages::{ChannelRequest, GlobalRequest, OpenFailure, OpenKind};
use crate::stack::Stack;
#[cfg(feature = "transcript")]
use crate::transcript::Call;
use tssh_transport::Result;

type LocalResult<T> = core::result::Result<T, LocalError>;

impl Stack {
    /// Opens a channel; [`ChannelEvent::Opened`](crate::ChannelEvent::Opened) or
    /// [`ChannelEvent::OpenFailed`](crate::ChannelEvent::OpenFailed) follows. What is asked for
    /// until then but requests happens when it is open.
    ///
    /// # Errors
    /// [`LocalError::NotReady`], [`LocalError::TooManyChannels`].
    pub fn open(&mut self, kind: OpenKind) -> LocalResult<ChannelKey> {
        #[cfg(feature = "transcript")]
        let asked = kind.clone();
        let opened = self.connection()?.open(kind);
        #[cfg(feature = "transcript")]
        self.note(&Call::Open(opened.ok(), &asked));
        opened
    }

    /// Takes a channel that the peer opens.
    ///
    /// # Errors
    /// [`LocalError::UnknownChannel`], [`LocalError::NotOpen`] where it was decided already.
    pub fn accept_open(&mut self, channel: ChannelKey) -> LocalResult<()> {
        #[cfg(feature = "transcript")]
        self.note(&Call::AcceptOpen(channel));
        self.connection()?.accept_open(channel)
    }

    /// Refuses a channel that the peer opens; its key names nothing from now on.
    ///
    /// # Errors
    /// As [`Stack::accept_open`].
    pub fn refuse_open(
        &mut self,
        channel: ChannelKey,
        reason: OpenFailure,
        text: &str,
    ) -> LocalResult<()> {
        #[cfg(feature = "transcript")]
        self.note(&Call::RefuseOpen(channel, reason, text));
        self.connection()?.refuse_open(channel, reason, text)
    }

    /// A stream of this channel has something to send: it gets turns until its source is empty.
    pub fn want_send(&mut self, channel: ChannelKey, stream: Stream) {
        #[cfg(feature = "transcript")]
        self.note(&Call::WantSend(channel, stream));
        if let Ok(connection) = self.connection() {
            connection.want_send(channel, stream);
        }
    }

    /// The next channel that may send: none while keys are exchanged, while enough waits for the
    /// SSH socket, or while no channel has both something to send and window. Who is given a turn
    /// and sends nothing gets the next one after another [`want_send`](Stack::want_send).
    pub fn next_turn(&mut self) -> Option<Turn> {
        let (connection, outlet) = self.sending()?;
        let turn = connection.next_turn(&outlet);
        #[cfg(feature = "transcript")]
        if let Some(turn) = turn {
            self.note(&Call::Turn(turn));
        }
        turn
    }

    /// Sends data: one packet, or as many full ones as may follow one another. `fill` is lent room
    /// for at most the bytes that window, packet size and our own bounds allow, at their final
    /// place in the outgoing packets, and says how many it put there; with none, nothing is sent.
    /// Gives the bytes sent.
    ///
    /// # Errors
    /// What ends the connection.
    pub fn send_data(
        &mut self,
        channel: ChannelKey,
        stream: Stream,
        fill: impl FnOnce(&mut Areas<'_>) -> usize,
    ) -> Result<usize> {
        // A copy for a recording, and for nothing else: it would cost as much as a read does.
        #[cfg(feature = "transcript")]
        let mut sent = self.log().is_some().then(alloc::vec::Vec::new);
        let Some((connection, mut outlet)) = self.sending() else { return Ok(0) };
        #[cfg(feature = "transcript")]
        let fill = |areas: &mut Areas<'_>| {
            let n = fill(areas);
            if let Some(sent) = &mut sent {
                areas.pieces().for_each(|piece| sent.extend_from_slice(piece));
                sent.truncate(n);
            }
            n
        };
        let outcome = connection.send_data(channel, stream, &mut outlet, fill);
        #[cfg(feature = "transcript")]
        self.note(&Call::Data(channel, stream, &sent.unwrap_or_default()));
        self.tell_tracer();
        match &outcome {
            Ok(0) => {}
            Ok(_) => self.transport().data_sent(),
            Err(error) => self.transport().fail(error),
        }
        outcome
    }

    /// What of the channel waits for its consumer, piece by piece, none of them empty.
    pub fn waiting(&self, channel: ChannelKey, stream: Stream) -> impl Iterator<Item = &[u8]> {
        let connection = self.connection_ref();
        let halves = connection.and_then(|c| c.ring(channel, stream)).map(RecvRing::halves);
        let pieces = connection.into_iter().flat_map(move |c| c.pieces(channel, stream));
        let lent = pieces.map(|piece| piece.of(self.opened(piece.range())));
        halves.into_iter().flatten().chain(lent).filter(|bytes| !bytes.is_empty())
    }

    /// Bytes of the channel that wait for their consumer, as far as they lie in one piece.
    #[must_use]
    pub fn ring(&self, channel: ChannelKey, stream: Stream) -> &[u8] {
        self.waiting(channel, stream).next().unwrap_or_default()
    }

    /// The consumer took the first `n` bytes of what waits.
    pub fn drained(&mut self, channel: ChannelKey, stream: Stream, n: usize) {
        #[cfg(feature = "transcript")]
        self.note(&Call::Drained(channel, stream, n));
        if let Ok(connection) = self.connection() {
            connection.drained(channel, stream, n);
        }
    }

    /// Whether the peer will send no more on the channel, and all that it sent was taken; true
    /// also of a channel that is gone.
    #[must_use]
    pub fn is_drained(&self, channel: ChannelKey) -> bool {
        self.connection_ref().is_none_or(|connection| connection.is_drained(channel))
    }

    /// No more data follows on the channel.
    ///
    /// # Errors
    /// [`LocalError::UnknownChannel`].
    pub fn send_eof(&mut self, channel: ChannelKey) -> LocalResult<()> {
        #[cfg(feature = "transcript")]
        self.note(&Call::SendEof(channel));
        self.connection()?.send_eof(channel)
    }

    /// Closes the channel. What the peer still sends on it is discarded, what waits in its rings
    /// is abandoned; [`ChannelEvent::Closed`](crate::ChannelEvent::Closed) follows unless it came
    /// before.
    ///
    /// # Errors
    /// [`LocalError::UnknownChannel`], or [`LocalError::NotOpen`] for a channel that the peer opens
    /// and nobody accepted: refuse that.
    pub fn close(&mut self, channel: ChannelKey) -> LocalResult<()> {
        #[cfg(feature = "transcript")]
        self.note(&Call::Close(channel));
        self.connection()?.close(channel)
    }

    /// Sends a request about a channel. With `want_reply`,
    /// [`ChannelEvent::RequestReply`](crate::ChannelEvent::RequestReply) follows with the tag.
    /// Data that is sent after this call does not overtake it.
    ///
    /// # Errors
    /// [`LocalError::UnknownChannel`], [`LocalError::NotOpen`], [`LocalError::TooManyRequests`].
    pub fn request(
        &mut self,
        channel: ChannelKey,
        request: ChannelRequest,
        want_reply: bool,
    ) -> LocalResult<RequestTag> {
        #[cfg(feature = "transcript")]
        self.note(&Call::Request(channel, &request, want_reply));
        self.connection()?.request(channel, &request, want_reply)
    }

    /// Answers the oldest request about this channel that waits for an answer.
    ///
    /// # Errors
    /// [`LocalError::UnknownChannel`], [`LocalError::NothingAsked`].
    pub fn reply_request(&mut self, channel: ChannelKey, ok: bool) -> LocalResult<()> {
        #[cfg(feature = "transcript")]
        self.note(&Call::ReplyRequest(channel, ok));
        self.connection()?.reply_request(channel, ok)
    }

    /// Sends a request about no channel. With `want_reply`,
    /// [`ChannelEvent::GlobalReply`](crate::ChannelEvent::GlobalReply) follows with the tag.
    ///
    /// # Errors
    /// [`LocalError::NotReady`], [`LocalError::TooManyRequests`].
    pub fn global_request(
        &mut self,
        request: GlobalRequest,
        want_reply: bool,
    ) -> LocalResult<RequestTag> {
        #[cfg(feature = "transcript")]
        self.note(&Call::GlobalRequest(&request, want_reply));
        self.connection()?.global_request(&request, want_reply)
    }

    /// Answers the oldest global request that waits for an answer; `data` goes with a success.
    ///
    /// # Errors
    /// [`LocalError::NotReady`], [`LocalError::NothingAsked`].
    pub fn reply_global(&mut self, ok: bool, data: &[u8]) -> LocalResult<()> {
        #[cfg(feature = "transcript")]
        self.note(&Call::ReplyGlobal(ok, data));
        self.connection()?.reply_global(ok.then(|| data.to_vec()))
    }

    /// Channels at this moment, opening and closing ones included.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.connection_ref().map_or(0, |connection| connection.table.len())
    }
}
