//! The fast path: SSH_MSG_CHANNEL_DATA in both directions.
//!
//! Outgoing, the nine bytes of number, recipient and length stand in front of the data that the
//! caller reads straight into the packet. Incoming, the data is lent out of the decrypted packet;
//! only what the consumer refuses is copied, once, into the channel's ring, and that not before
//! the receive buffer is needed again: see [`crate::waiting`]. Nothing here allocates for a
//! packet, and nothing looks at any channel but the one in hand.

use crate::areas::Areas;
use crate::channel::{ChannelKey, Closing, Inbound, InboundEvent, Machine, RecvRing};
use crate::connection::{Connection, decode};
use crate::event::{Stream, Turn};
use crate::messages::{ChannelData, ChannelExtendedData};
use crate::schedule::Sent;
use crate::sender::Sender;
use crate::trace::Sender as Side;
use tssh_transport::wire::Message;
use tssh_transport::{Error, Result};

/// Number, recipient, length.
const DATA_HEADER: usize = 9;
/// Number, recipient, type, length.
const EXTENDED_HEADER: usize = 13;
/// SSH_EXTENDED_DATA_STDERR.
const STDERR: u32 = 1;

const fn header_len(stream: Stream) -> usize {
    match stream {
        Stream::Data => DATA_HEADER,
        Stream::Stderr => EXTENDED_HEADER,
    }
}

/// Data that came for a consumer: whose, and which part of the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrived {
    pub(crate) channel: ChannelKey,
    pub(crate) stream: Stream,
    /// Offset of the first byte in the payload; the data reaches to its end.
    pub(crate) at: usize,
    /// It stands behind data that waits in packets before it.
    pub(crate) behind: bool,
}

impl Connection {
    /// SSH_MSG_CHANNEL_DATA or SSH_MSG_CHANNEL_EXTENDED_DATA. Nothing is returned where nobody
    /// needs to see it: discarded, empty, or appended behind what the ring holds.
    pub(crate) fn data(&mut self, number: u8, payload: &[u8]) -> Result<Option<Arrived>> {
        let (recipient, stream, data) = if number == ChannelData::NUMBER {
            let message: ChannelData<'_> = decode(payload)?;
            (message.recipient_channel, Some(Stream::Data), message.data)
        } else {
            let message: ChannelExtendedData<'_> = decode(payload)?;
            // A type that nobody defined is discarded, but it "consumes the same window as
            // ordinary data" (RFC 4254 section 5.2).
            let stream = (message.data_type_code == STDERR).then_some(Stream::Stderr);
            (message.recipient_channel, stream, message.data)
        };
        let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let (key, channel) = self.named(recipient)?;
        if channel.inbound.on(InboundEvent::Data).is_none() {
            return Err(Error::PeerMisbehaved("data after EOF (RFC 4254 section 5.3)"));
        }
        channel.recv.arrive(len)?;
        let probed = channel.probe.is_some();
        self.trace_window(key, Side::Peer, "spent", len);
        if probed {
            self.touched(key);
        }
        let Some(channel) = self.table.get_mut(key) else { return Ok(None) };
        // Extended data runs from a program to the end that asked for it; elsewhere it has no
        // consumer.
        let to_us = channel.session && channel.ours;
        let stream = stream.filter(|s| *s == Stream::Data || to_us);
        let wanted = stream.filter(|_| channel.closing == Closing::Open && len > 0);
        let Some(stream) = wanted else {
            channel.recv.consume(len);
            self.credit(key);
            return Ok(None);
        };
        let behind = channel.ring(stream).is_lent();
        if !behind && !channel.ring(stream).is_empty() {
            // Behind what already waits; handing it out now would overtake that.
            let limit = usize::try_from(channel.recv.target()).unwrap_or(usize::MAX);
            channel.ring_mut(stream).push(data, limit);
            return Ok(None);
        }
        let at = payload.len().saturating_sub(data.len());
        Ok(Some(Arrived { channel: key, stream, at, behind }))
    }

    /// Settles a delivery: the consumer took `accepted` bytes, `rest` it did not.
    pub(crate) fn settle(&mut self, key: ChannelKey, stream: Stream, accepted: usize, rest: &[u8]) {
        let Some(channel) = self.table.get_mut(key) else { return };
        channel.recv.consume(u32::try_from(accepted).unwrap_or(u32::MAX));
        if !rest.is_empty() {
            let limit = usize::try_from(channel.recv.target()).unwrap_or(usize::MAX);
            channel.ring_mut(stream).push(rest, limit);
        }
        if accepted > 0 {
            self.credit(key);
        }
    }

    /// The ring of a stream.
    pub(crate) fn ring(&self, key: ChannelKey, stream: Stream) -> Option<&RecvRing> {
        self.table.get(key).map(|channel| channel.ring(stream))
    }

    /// The consumer took the first `n` bytes of what waits.
    pub(crate) fn drained(&mut self, key: ChannelKey, stream: Stream, n: usize) {
        let Some(channel) = self.table.get_mut(key) else { return };
        let (here, lent) = channel.ring_mut(stream).consume(n);
        let taken = here.saturating_add(lent);
        channel.recv.consume(u32::try_from(taken).unwrap_or(u32::MAX));
        if lent > 0 {
            self.taken_of_pieces(key, stream, lent);
        }
        self.credit(key);
        self.drained_if_empty(key);
        self.free_if_over(key);
    }

    /// Bytes were consumed: the window may grow, and credit may be due.
    fn credit(&mut self, key: ChannelKey) {
        let Some(channel) = self.table.get_mut(key) else { return };
        if !channel.credits() {
            return;
        }
        // A small window that grows too far costs little; one that stays small is slow, as where
        // the path has become longer since the login.
        let trip = &self.round_trip;
        let rtt = if channel.recv.is_small() { trip.of_channels() } else { trip.least() };
        if channel.recv.is_the_limit(self.now, rtt) {
            let extra = self.budget.grow(channel.recv.target());
            channel.recv.grow(extra);
        }
        if channel.recv.due() > 0 {
            self.mark_dirty(key);
        }
    }

    /// The next channel that may send.
    pub(crate) fn next_turn(&mut self, sender: &impl Sender) -> Option<Turn> {
        if !sender.takes_data() {
            return None;
        }
        let limit = self.flight_limit();
        loop {
            let key = self.schedule.pop()?;
            let Some(channel) = self.table.get_mut(key) else { continue };
            channel.scheduled = false;
            let Some(stream) = channel.ready_stream().filter(|_| channel.wants_turn(limit)) else {
                self.hold_if_limited(key);
                continue;
            };
            let max = usize::try_from(channel.next_packet(limit)).unwrap_or(usize::MAX);
            return Some(Turn { channel: key, stream, max });
        }
    }

    /// Sends data, as packets of one run. `fill` is lent room for them, in place, and says how many
    /// bytes it put there. With none, nothing is sent and the stream is taken to have nothing to
    /// send; otherwise the channel gets its next turn after the others, or goes on with its run.
    /// Gives the bytes sent.
    ///
    /// # Errors
    /// As the sender has them.
    pub(crate) fn send_data(
        &mut self,
        key: ChannelKey,
        stream: Stream,
        sender: &mut impl Sender,
        fill: impl FnOnce(&mut Areas<'_>) -> usize,
    ) -> Result<usize> {
        let limit = self.flight_limit();
        let Some(channel) = self.table.get_mut(key) else { return Ok(0) };
        // "No data may be sent to a channel until a message is received to indicate that window
        // space is available." RFC 4254 section 5
        let max = channel.next_packet(limit);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        if !channel.may_send() || max == 0 || !sender.takes_data() {
            self.schedule_if_ready(key);
            return Ok(0);
        }
        let recipient = channel.peer;
        let header = header_len(stream);
        let most = self.packets_now(key, header.saturating_add(max), sender);
        let areas = sender.lend(header.saturating_add(max), most);
        let mut areas = Areas::new(areas.filter_map(|area| area.get_mut(header..)));
        if areas.is_empty() {
            // Who reads into no room takes it for the end of the stream.
            return Err(Error::Internal("no room was lent"));
        }
        let sent = fill(&mut areas).min(areas.len());
        let (mut rest, mut packets, mut last) = (sent, 0_usize, 0);
        while rest > 0 {
            last = rest.min(max);
            let len = header.saturating_add(last);
            sender.data(len, |payload| {
                let head = payload.get_mut(..header).unwrap_or_default();
                write_header(head, recipient, last);
            })?;
            self.data_sent(key, u32::try_from(last).unwrap_or(u32::MAX))?;
            rest = rest.saturating_sub(last);
            packets = packets.saturating_add(1);
        }
        if let Some(channel) = self.table.get_mut(key) {
            channel.set_ready(stream, sent > 0);
            channel.sent_on(stream);
        }
        let sent_now = Sent { packets, last, full: last == max };
        self.schedule_by(key, |schedule, session| schedule.push_again(key, session, sent_now));
        Ok(sent)
    }

    /// How many full packets the channel may send in this turn.
    fn packets_now(&self, key: ChannelKey, payload: usize, sender: &impl Sender) -> usize {
        let most = self.schedule.packets(key);
        let limit = self.flight_limit_after(key);
        let most = self.table.get(key).map_or(1, |channel| channel.packets_in_a_row(limit, most));
        sender.data_packets(payload, most).max(1)
    }

    /// One packet with `n` bytes of data was sent.
    fn data_sent(&mut self, key: ChannelKey, n: u32) -> Result<()> {
        let Some(channel) = self.table.get_mut(key) else { return Ok(()) };
        channel.send.spend(n)?;
        self.on_its_way(key);
        self.trace_window(key, Side::We, "spent", n);
        Ok(())
    }

    /// Whether the peer's half of the channel is at its end and the ring is empty.
    pub(crate) fn is_drained(&self, key: ChannelKey) -> bool {
        self.table.get(key).is_none_or(|channel| channel.inbound == Inbound::Drained)
    }
}

/// Fills in the header of data or, where it is as long as that, of extended data.
fn write_header(head: &mut [u8], recipient: u32, len: usize) {
    let [r0, r1, r2, r3] = recipient.to_be_bytes();
    let [n0, n1, n2, n3] = u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    let [t0, t1, t2, t3] = STDERR.to_be_bytes();
    let data = [ChannelData::NUMBER, r0, r1, r2, r3, n0, n1, n2, n3];
    let number = ChannelExtendedData::NUMBER;
    let extended = [number, r0, r1, r2, r3, t0, t1, t2, t3, n0, n1, n2, n3];
    let header: &[u8] = if head.len() == EXTENDED_HEADER { &extended } else { &data };
    if head.len() == header.len() {
        head.copy_from_slice(header);
    }
}
