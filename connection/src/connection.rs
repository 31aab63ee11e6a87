//! The connection layer of one connection: every message by its number.

use crate::budget::Budget;
use crate::channel::{
    Channel, ChannelKey, Closing, ClosingEvent, Inbound, InboundEvent, Machine, Opening,
    OutboundEvent, Requests, Table,
};
use crate::data_path::Arrived;
use crate::error::LocalError;
use crate::event::{ChannelEvent, RequestTag, Stream};
use crate::flight::Flight;
use crate::global::GlobalReply;
use crate::limits;
use crate::messages::{
    ChannelClose, ChannelEof, ChannelFailure, ChannelSuccess, ChannelWindowAdjust,
};
use crate::open::{Admitted, Refusal};
use crate::round_trip::RoundTrip;
use crate::schedule::Schedule;
use crate::trace::{Pending, Sender};
use crate::waiting::Piece;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use tssh_transport::proof::UserAuthenticated;
use tssh_transport::wire::{Message, number};
use tssh_transport::{Error, Result, Side, Timestamp};

/// What the owner of a connection may choose.
#[derive(Debug, Clone)]
pub struct ConnectionConfig {
    /// Sum of all receive windows in bytes: the most that slow consumers can make us hold.
    pub channel_memory: u64,
    /// The receive window of every channel, in bytes, as far as [`Self::channel_memory`] has as
    /// much; where nothing is chosen, windows begin with what OpenSSH gives and grow with what the
    /// path can carry.
    pub channel_window: Option<u32>,
    /// Channels at one time.
    pub channels_max: usize,
    /// Client: whether a list of the server's host keys (`hostkeys-00@openssh.com`) is an event;
    /// otherwise it is passed over, as by whoever keeps no list of known hosts.
    pub host_keys: bool,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            channel_memory: limits::CHANNEL_MEMORY_BYTES,
            channel_window: None,
            channels_max: limits::CHANNELS_MAX,
            host_keys: false,
        }
    }
}

impl ConnectionConfig {
    /// The largest window that [`Self::channel_memory`] has for the first channel.
    #[must_use]
    pub fn window_room(&self) -> u64 {
        Budget::new(self.channel_memory, None).room()
    }
}

/// What came of a message.
#[derive(Debug)]
pub(crate) enum Handled {
    /// Nothing that anybody needs to hear of.
    Nothing,
    /// News for the layer above.
    Event(ChannelEvent),
    /// Data to deliver.
    Data(Arrived),
}

impl From<Option<ChannelEvent>> for Handled {
    fn from(event: Option<ChannelEvent>) -> Self {
        event.map_or(Self::Nothing, Self::Event)
    }
}

/// All channels of one connection, and its global requests.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) side: Side,
    pub(crate) table: Table<Channel>,
    pub(crate) budget: Budget,
    pub(crate) schedule: Schedule,
    /// How much may be on its way on a channel.
    pub(crate) flight: Flight<ChannelKey>,
    /// The channel that sent last, and when another one than before it did.
    pub(crate) last_sender: Option<ChannelKey>,
    pub(crate) shared: Option<Timestamp>,
    /// When the channels that wait at that limit are looked at; none where none does.
    pub(crate) look_at_held: Option<Timestamp>,
    pub(crate) global: Requests<GlobalReply>,
    /// Channels with something to flush, each at most once.
    pub(crate) dirty: VecDeque<ChannelKey>,
    /// Opens that had no channel; bounded by [`limits::HELD_REPLIES_MAX`].
    pub(crate) refusals: VecDeque<Refusal>,
    /// What we have asked the peer to open.
    pub(crate) admitted: Admitted,
    /// The client promised to open no session channel more.
    pub(crate) no_more_sessions: bool,
    /// Whether a list of host keys is an event.
    pub(crate) host_keys: bool,
    /// Queues of the peer's requests that are full.
    pub(crate) full: usize,
    /// Replies and refusals that are owed, in all queues.
    pub(crate) held: usize,
    pub(crate) round_trip: RoundTrip,
    pub(crate) now: Timestamp,
    pub(crate) scratch: Vec<u8>,
    /// Data that waits in packets, in the order it came; at most [`limits::PIECES_MAX`].
    pub(crate) pieces: Vec<Piece>,
    /// Events for a tracer, where there is one.
    pub(crate) trace: Pending,
    /// Most bytes of a packet of a channel, both ways.
    pub(crate) packet_max: u32,
    next_tag: u64,
}

impl Connection {
    /// The connection layer, which only an authenticated user gets.
    pub(crate) fn new(side: Side, config: &ConnectionConfig, _user: &UserAuthenticated) -> Self {
        Self::build(side, config)
    }

    /// Tests have no key exchange that could prove anything.
    #[cfg(test)]
    pub(crate) fn unproven(side: Side, config: &ConnectionConfig) -> Self {
        Self::build(side, config)
    }

    fn build(side: Side, config: &ConnectionConfig) -> Self {
        Self {
            side,
            table: Table::new(config.channels_max.min(limits::CHANNELS_MAX)),
            budget: Budget::new(config.channel_memory, config.channel_window),
            schedule: Schedule::default(),
            flight: Flight::new(),
            last_sender: None,
            shared: None,
            look_at_held: None,
            global: Requests::new(),
            dirty: VecDeque::new(),
            refusals: VecDeque::new(),
            admitted: Admitted::default(),
            no_more_sessions: false,
            host_keys: config.host_keys,
            full: 0,
            held: 0,
            round_trip: RoundTrip::default(),
            now: Timestamp::default(),
            scratch: Vec::new(),
            pieces: Vec::new(),
            trace: Pending::new(),
            packet_max: limits::PACKET_BYTES_MAX,
            next_tag: 0,
        }
    }

    /// Whether the peer has to wait until some of its requests are answered. While a key exchange
    /// keeps us from answering, its messages are handled all the same.
    pub(crate) const fn is_paused(&self) -> bool {
        self.full > 0 || self.held >= limits::HELD_REPLIES_MAX
    }

    /// Handles one message.
    ///
    /// # Errors
    /// Whatever ends the connection.
    pub(crate) fn handle(&mut self, payload: &[u8], now: Timestamp) -> Result<Handled> {
        self.now = now;
        let number = number(payload).map_err(|e| Error::decode("connection message", e))?;
        Ok(match number {
            94 | 95 => self.data(number, payload)?.map_or(Handled::Nothing, Handled::Data),
            93 => {
                self.window_adjust(payload)?;
                Handled::Nothing
            }
            80 => self.global_request_came(payload)?.into(),
            81 | 82 => Handled::Event(self.global_reply_came(number, payload)?),
            90 => self.open_came(payload)?.into(),
            91 => self.open_confirmed(payload)?.into(),
            92 => Handled::Event(self.open_failed(payload)?),
            96 => self.eof_came(payload)?.into(),
            97 => Handled::Event(self.close_came(payload)?),
            98 => self.request_came(payload)?.into(),
            99 | 100 => Handled::Event(self.reply_came(number, payload)?),
            got => return Err(Error::Inappropriate { got, phase: "the connection phase" }),
        })
    }

    /// The open channel that a message of the peer names.
    ///
    /// # Errors
    /// [`Error::PeerMisbehaved`] where there is none, or the peer has closed it.
    pub(crate) fn named(&mut self, number: u32) -> Result<(ChannelKey, &mut Channel)> {
        let found = self.table.at_number(number);
        let open = |c: &Channel| c.opening.is_named(c.closing);
        found.filter(|(_, channel)| open(channel)).ok_or(Error::PeerMisbehaved(
            "message for a channel that is not open (RFC 4254 section 5)",
        ))
    }

    fn window_adjust(&mut self, payload: &[u8]) -> Result<()> {
        let adjust: ChannelWindowAdjust<'_> = decode(payload)?;
        let (key, channel) = self.named(adjust.recipient_channel)?;
        let back = channel.send.adjust(adjust.bytes_to_add)?;
        if back > 0 {
            self.given_back(key, back);
        }
        self.trace_window(key, Sender::We, "credited", adjust.bytes_to_add);
        self.touched(key);
        self.schedule_if_ready(key);
        Ok(())
    }

    fn eof_came(&mut self, payload: &[u8]) -> Result<Option<ChannelEvent>> {
        let eof: ChannelEof<'_> = decode(payload)?;
        let (key, channel) = self.named(eof.recipient_channel)?;
        let first = channel.inbound == Inbound::Open;
        let seen = channel.inbound.on(InboundEvent::Eof);
        channel.inbound = seen.ok_or(Error::Internal("EOF has no place in this state"))?;
        self.trace_channel(key, "eof received");
        self.drained_if_empty(key);
        self.touched(key);
        let closing = self.table.get(key).is_some_and(|c| c.closing != Closing::Open);
        // "No explicit response is sent to this message." RFC 4254 section 5.3
        Ok((first && !closing).then_some(ChannelEvent::Eof { channel: key }))
    }

    fn close_came(&mut self, payload: &[u8]) -> Result<ChannelEvent> {
        let close: ChannelClose<'_> = decode(payload)?;
        let (key, channel) = self.named(close.recipient_channel)?;
        let closing = channel.closing.on(ClosingEvent::PeerCloses);
        channel.closing = closing.ok_or(Error::PeerMisbehaved("channel closed twice"))?;
        self.trace_channel(key, "close received");
        self.mark_dirty(key);
        self.free_if_over(key);
        Ok(ChannelEvent::Closed { channel: key })
    }

    fn reply_came(&mut self, number: u8, payload: &[u8]) -> Result<ChannelEvent> {
        let ok = number == ChannelSuccess::NUMBER;
        let recipient = if ok {
            decode::<ChannelSuccess<'_>>(payload)?.recipient_channel
        } else {
            decode::<ChannelFailure<'_>>(payload)?.recipient_channel
        };
        let (channel, state) = self.named(recipient)?;
        let answered = state.extra_mut().requests.answered();
        let rule = "reply to a channel request that was not sent (RFC 4254 section 5.4)";
        let (tag, sent) = answered.ok_or(Error::PeerMisbehaved(rule))?;
        self.answered_after(sent);
        Ok(ChannelEvent::RequestReply { channel, tag, ok })
    }

    /// A message of the peer answers one that was sent at `sent`: no round trip is longer.
    pub(crate) fn answered_after(&mut self, sent: Timestamp) {
        self.round_trip.answered(sent, self.now);
    }

    /// The peer sent something on this channel.
    pub(crate) fn touched(&mut self, key: ChannelKey) {
        let probe = self.table.get_mut(key).and_then(|channel| channel.probe.take());
        if let Some(sent) = probe {
            self.answered_after(sent);
        }
    }

    /// A tag nobody has.
    pub(crate) const fn take_tag(&mut self) -> RequestTag {
        let tag = RequestTag(self.next_tag);
        self.next_tag = self.next_tag.wrapping_add(1);
        tag
    }

    /// Notes that a channel has something to flush.
    pub(crate) fn mark_dirty(&mut self, key: ChannelKey) {
        let Some(channel) = self.table.get_mut(key) else { return };
        if !channel.dirty {
            channel.dirty = true;
            self.dirty.push_back(key);
        }
    }

    /// Gives a channel a place in the queue if it could use a turn and has none.
    pub(crate) fn schedule_if_ready(&mut self, key: ChannelKey) {
        self.schedule_by(key, |schedule, session| schedule.push(key, session, false));
    }

    /// The same, with a place in the schedule of the caller's choice.
    pub(crate) fn schedule_by(&mut self, key: ChannelKey, push: impl FnOnce(&mut Schedule, bool)) {
        let limit = self.flight_limit();
        let Some(channel) = self.table.get_mut(key) else { return };
        if channel.wants_turn(limit) && !channel.scheduled {
            channel.scheduled = true;
            push(&mut self.schedule, channel.session);
        } else {
            self.hold_if_limited(key);
        }
    }

    /// After EOF, an empty ring means that the consumer has everything.
    pub(crate) fn drained_if_empty(&mut self, key: ChannelKey) {
        let Some(channel) = self.table.get_mut(key) else { return };
        if channel.rings_empty() {
            let drained = channel.inbound.on(InboundEvent::RingEmpty);
            channel.inbound = drained.unwrap_or(channel.inbound);
        }
    }

    /// Frees a channel that is over.
    pub(crate) fn free_if_over(&mut self, key: ChannelKey) {
        if self.table.get(key).is_some_and(Channel::is_over) {
            self.free(key);
        }
    }

    /// Frees a channel; its key names nothing from now on.
    pub(crate) fn free(&mut self, key: ChannelKey) {
        self.trace_channel(key, "freed");
        let Some(channel) = self.table.remove(key) else { return };
        self.flight.forget(key);
        self.budget.release(channel.recv.target());
        if channel.scheduled {
            self.schedule.remove(key, channel.session);
        }
        if let Some(extra) = channel.extra() {
            self.forget_asked(&extra.requests);
        }
    }

    /// The driver: a stream of this channel has something to send.
    pub(crate) fn want_send(&mut self, key: ChannelKey, stream: Stream) {
        if let Some(channel) = self.table.get_mut(key) {
            channel.set_ready(stream, true);
            self.schedule_by(key, |schedule, session| schedule.push(key, session, true));
        }
    }

    /// The driver: nothing more will be sent.
    ///
    /// # Errors
    /// [`LocalError`]: no such channel.
    pub(crate) fn send_eof(&mut self, key: ChannelKey) -> core::result::Result<(), LocalError> {
        let channel = self.table.get_mut(key).ok_or(LocalError::UnknownChannel)?;
        let finished = channel.outbound.on(OutboundEvent::Finish);
        channel.outbound = finished.unwrap_or(channel.outbound);
        self.mark_dirty(key);
        Ok(())
    }

    /// The driver: through with the channel, and with what the peer may still send on it.
    ///
    /// # Errors
    /// [`LocalError`]: no such channel.
    pub(crate) fn close(&mut self, key: ChannelKey) -> core::result::Result<(), LocalError> {
        let channel = self.table.get_mut(key).ok_or(LocalError::UnknownChannel)?;
        if matches!(channel.opening, Opening::Asked | Opening::Refused) {
            return Err(LocalError::NotOpen);
        }
        channel.closing = channel.closing.on(ClosingEvent::Ask).unwrap_or(channel.closing);
        channel.abandon_rings();
        self.mark_dirty(key);
        self.free_if_over(key);
        Ok(())
    }
}

/// A whole message.
///
/// # Errors
/// [`Error::Decode`].
pub(crate) fn decode<'a, M: Message<'a>>(payload: &'a [u8]) -> Result<M> {
    M::decode(payload).map_err(|error| Error::decode(M::NAME, error))
}
