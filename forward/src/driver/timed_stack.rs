//! The one place through which everything reaches the stack: all of it at the time of the round.

use crate::core::idle::Idle;
use crate::limits::GATHER_SMALL_BYTES;
use tssh_connection::{
    Answer, Areas, ChannelEvent, ChannelKey, ChannelRequest, Event, GlobalRequest, Happening,
    LocalError, OpenFailure, OpenKind, RequestTag, Stack, Stream, Turn,
};
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::{Result, Timestamp};

type LocalResult<T> = core::result::Result<T, LocalError>;

/// What the stack had to say.
#[allow(clippy::large_enum_variant, reason = "moved once, straight to where it is handled")]
pub(crate) enum Next {
    /// Nothing until more goes in.
    Idle,
    /// Data was offered.
    Data,
    /// News.
    Event(Event),
}

/// What becomes of data that came.
pub(crate) enum Delivery {
    /// Nobody wants it.
    Discard,
    /// It is to be written; until the end of the round it waits in its packet.
    Write,
    /// It waits in one piece for who looks at it first.
    Gather,
}

/// A stack and the time of the round.
pub(crate) struct TimedStack {
    stack: Stack,
    now: Timestamp,
    /// Which channels nothing passes through.
    idle: Idle,
    /// Whether anything but a stream towards us has come or gone since somebody asked.
    urgent: bool,
}

impl TimedStack {
    pub(crate) fn new(stack: Stack, idle: Idle) -> Self {
        Self { stack, now: Timestamp::default(), idle, urgent: false }
    }

    /// The earliest moment at which a channel has been idle for too long.
    pub(crate) fn idle_deadline(&self) -> Option<Timestamp> {
        self.idle.deadline()
    }

    /// The channels that have been.
    pub(crate) fn expired(&mut self) -> Vec<ChannelKey> {
        self.idle.expired(self.now)
    }

    /// A channel is over.
    pub(crate) fn over(&mut self, key: ChannelKey) {
        self.idle.over(key);
    }

    pub(crate) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) const fn tick(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// A line of the transcript: what happened to a pump.
    #[cfg(feature = "transcript")]
    pub(crate) fn note_line(&mut self, call: &str, key: ChannelKey, what: std::fmt::Arguments<'_>) {
        if let Some(log) = self.stack.log() {
            let channel = tssh_connection::transcript::channel_name(key);
            log.line(call, &format!("{channel} {what}"));
        }
    }

    /// Whether anything has come or gone since the last call that may be waited for: an event, data
    /// in a small packet, data of ours.
    pub(crate) const fn take_urgent(&mut self) -> bool {
        core::mem::replace(&mut self.urgent, false)
    }

    pub(crate) fn wants_read(&self) -> bool {
        self.stack.wants_read()
    }

    /// Lends room for bytes of the peer; `read` says how many it put there, and so does this.
    pub(crate) fn receive(&mut self, want: usize, read: impl FnOnce(&mut [u8]) -> usize) -> usize {
        let space = self.stack.receive_space(want);
        let n = read(space).min(space.len());
        self.stack.received(n);
        n
    }

    pub(crate) fn transmit(&self) -> &[u8] {
        self.stack.transmit()
    }

    pub(crate) fn transmitted(&mut self, n: usize) {
        self.stack.transmitted(n);
    }

    /// The next thing that the bytes so far amount to. Data is offered to `deliver`, which says
    /// what becomes of it.
    pub(crate) fn next(
        &mut self,
        deliver: impl FnOnce(ChannelKey, Stream) -> Delivery,
    ) -> Result<Next> {
        Ok(match self.stack.next(self.now)? {
            None => Next::Idle,
            Some(Happening::Event(event)) => {
                self.urgent = true;
                if let Event::Channel(ChannelEvent::OpenRequest { channel, kind }) = &event {
                    self.idle.opened(*channel, kind.name(), self.now);
                }
                Next::Event(event)
            }
            Some(Happening::Data(delivery)) => {
                let channel = delivery.channel();
                self.urgent |= delivery.bytes().len() < GATHER_SMALL_BYTES;
                match deliver(channel, delivery.stream()) {
                    Delivery::Discard => {
                        let n = delivery.bytes().len();
                        delivery.accept(n);
                    }
                    Delivery::Gather => delivery.accept(0),
                    Delivery::Write => delivery.wait(),
                }
                self.idle.moved(channel, self.now);
                Next::Data
            }
        })
    }

    pub(crate) fn waiting(
        &self,
        channel: ChannelKey,
        stream: Stream,
    ) -> impl Iterator<Item = &[u8]> {
        self.stack.waiting(channel, stream)
    }

    pub(crate) fn ring(&self, channel: ChannelKey, stream: Stream) -> &[u8] {
        self.stack.ring(channel, stream)
    }

    pub(crate) fn drained(&mut self, channel: ChannelKey, stream: Stream, bytes: usize) {
        self.stack.drained(channel, stream, bytes);
    }

    pub(crate) fn want_send(&mut self, channel: ChannelKey, stream: Stream) {
        self.stack.want_send(channel, stream);
    }

    pub(crate) fn next_turn(&mut self) -> Option<Turn> {
        self.stack.next_turn()
    }

    pub(crate) fn send_data(
        &mut self,
        channel: ChannelKey,
        stream: Stream,
        fill: impl FnOnce(&mut Areas<'_>) -> usize,
    ) -> Result<usize> {
        let sent = self.stack.send_data(channel, stream, fill)?;
        if sent > 0 {
            self.urgent = true;
            self.idle.moved(channel, self.now);
        }
        Ok(sent)
    }

    pub(crate) fn open(&mut self, kind: OpenKind) -> LocalResult<ChannelKey> {
        let name = kind.name().to_owned();
        let channel = self.stack.open(kind)?;
        self.idle.opened(channel, &name, self.now);
        Ok(channel)
    }

    pub(crate) fn accept_open(&mut self, channel: ChannelKey) -> LocalResult<()> {
        self.stack.accept_open(channel)
    }

    pub(crate) fn refuse_open(
        &mut self,
        channel: ChannelKey,
        reason: OpenFailure,
        text: &str,
    ) -> LocalResult<()> {
        self.stack.refuse_open(channel, reason, text)
    }

    pub(crate) fn send_eof(&mut self, channel: ChannelKey) -> LocalResult<()> {
        self.stack.send_eof(channel)
    }

    pub(crate) fn close(&mut self, channel: ChannelKey) -> LocalResult<()> {
        self.stack.close(channel)
    }

    pub(crate) fn request(
        &mut self,
        channel: ChannelKey,
        request: ChannelRequest,
        want_reply: bool,
    ) -> LocalResult<RequestTag> {
        self.stack.request(channel, request, want_reply)
    }

    pub(crate) fn reply_request(&mut self, channel: ChannelKey, ok: bool) -> LocalResult<()> {
        self.stack.reply_request(channel, ok)
    }

    pub(crate) fn global_request(
        &mut self,
        request: GlobalRequest,
        want_reply: bool,
    ) -> LocalResult<RequestTag> {
        self.stack.global_request(request, want_reply)
    }

    pub(crate) fn reply_global(&mut self, ok: bool, data: &[u8]) -> LocalResult<()> {
        self.stack.reply_global(ok, data)
    }

    pub(crate) fn session_id(&self) -> Option<&[u8]> {
        self.stack.session_id()
    }

    pub(crate) const fn awaits_server(&self) -> bool {
        self.stack.awaits_server()
    }

    pub(crate) fn answer(&mut self, answer: Answer) -> Result<()> {
        self.stack.answer(answer)
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.stack.deadline()
    }

    pub(crate) fn handle_deadline(&mut self) -> Result<()> {
        self.stack.handle_deadline(self.now)
    }

    pub(crate) fn ping(&mut self, data: &[u8]) -> Result<bool> {
        self.stack.ping(data)
    }

    pub(crate) const fn takes_pings(&self) -> bool {
        self.stack.peer_extensions().ping
    }

    pub(crate) fn request_rekey(&mut self) {
        self.stack.request_rekey();
    }

    pub(crate) fn debug(&mut self, text: &str) -> Result<()> {
        self.stack.debug(text)
    }

    pub(crate) fn disconnect(&mut self, reason: DisconnectReason, text: &str) {
        self.stack.disconnect(reason, text);
    }
}
