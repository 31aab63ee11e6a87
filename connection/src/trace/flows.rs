//! Channels and windows of a connection between others, told as the client would tell them.

use crate::connection::decode;
use crate::messages::{
    ChannelClose, ChannelData, ChannelEof, ChannelExtendedData, ChannelOpen,
    ChannelOpenConfirmation, ChannelOpenFailure, ChannelWindowAdjust,
};
use alloc::collections::BTreeMap;
use tssh_transport::Side;
use tssh_transport::trace::{Kind, Map, Tracer};
use tssh_transport::wire::Message as _;

/// Channels that are followed at once, opened or being opened, by each side.
const CHANNELS_MAX: usize = 4096;

/// A channel, by the client's number.
#[derive(Debug)]
struct Channel {
    server: u32,
    opened_by_client: bool,
    /// What client and server may still send.
    left: [u32; 2],
    /// Whether client and server have closed it.
    closed: [bool; 2],
}

/// Follows what the messages of RFC 4254 do to channels.
#[derive(Debug, Default)]
pub struct Flows {
    /// Windows that were offered, by who opens and the number it gave.
    opening: BTreeMap<(bool, u32), u32>,
    channels: BTreeMap<u32, Channel>,
    /// The client's number by the server's.
    by_server: BTreeMap<u32, u32>,
}

const fn index(side: Side) -> usize {
    if side.is_client() { 0 } else { 1 }
}

const fn dir(side: Side) -> &'static str {
    if side.is_client() { "c2s" } else { "s2c" }
}

impl Flows {
    /// A payload that `from` sent.
    pub fn payload(&mut self, tracer: &mut Tracer, from: Side, payload: &[u8]) {
        match payload.first().copied().unwrap_or_default() {
            ChannelOpen::NUMBER => {
                if let Ok(m) = decode::<ChannelOpen<'_>>(payload)
                    && self.opening.len() < CHANNELS_MAX
                {
                    let key = (from.is_client(), m.sender_channel);
                    self.opening.insert(key, m.initial_window_size);
                }
            }
            ChannelOpenConfirmation::NUMBER => {
                if let Ok(m) = decode::<ChannelOpenConfirmation<'_>>(payload) {
                    self.confirmed(tracer, from, &m);
                }
            }
            ChannelOpenFailure::NUMBER => {
                if let Ok(m) = decode::<ChannelOpenFailure<'_>>(payload) {
                    self.opening.remove(&(!from.is_client(), m.recipient_channel));
                }
            }
            ChannelWindowAdjust::NUMBER => {
                if let Ok(m) = decode::<ChannelWindowAdjust>(payload) {
                    let (to, n) = (m.recipient_channel, m.bytes_to_add);
                    self.window(tracer, from, to, from.peer(), "credited", n);
                }
            }
            ChannelData::NUMBER => {
                if let Ok(m) = decode::<ChannelData<'_>>(payload) {
                    let n = u32::try_from(m.data.len()).unwrap_or(u32::MAX);
                    self.window(tracer, from, m.recipient_channel, from, "spent", n);
                }
            }
            ChannelExtendedData::NUMBER => {
                if let Ok(m) = decode::<ChannelExtendedData<'_>>(payload) {
                    let n = u32::try_from(m.data.len()).unwrap_or(u32::MAX);
                    self.window(tracer, from, m.recipient_channel, from, "spent", n);
                }
            }
            ChannelEof::NUMBER => {
                if let Ok(m) = decode::<ChannelEof>(payload) {
                    let what = if from.is_client() { "eof sent" } else { "eof received" };
                    self.channel(tracer, from, m.recipient_channel, what);
                }
            }
            ChannelClose::NUMBER => {
                if let Ok(m) = decode::<ChannelClose>(payload) {
                    self.close(tracer, from, m.recipient_channel);
                }
            }
            _ => {}
        }
    }

    /// The client's number of a channel, by the number that a message of `from` names.
    fn number(&self, from: Side, recipient: u32) -> Option<u32> {
        match from {
            Side::Client => self.by_server.get(&recipient).copied(),
            Side::Server => Some(recipient),
        }
    }

    fn confirmed(&mut self, tracer: &mut Tracer, from: Side, m: &ChannelOpenConfirmation<'_>) {
        let opener_is_client = !from.is_client();
        let key = (opener_is_client, m.recipient_channel);
        let Some(offered) = self.opening.remove(&key) else { return };
        if self.channels.len() >= CHANNELS_MAX {
            return;
        }
        let (number, server) = match opener_is_client {
            true => (m.recipient_channel, m.sender_channel),
            false => (m.sender_channel, m.recipient_channel),
        };
        // Each side's window is what the other one may send.
        let left = match opener_is_client {
            true => [m.initial_window_size, offered],
            false => [offered, m.initial_window_size],
        };
        let opened_by_client = opener_is_client;
        let channel = Channel { server, opened_by_client, left, closed: [false; 2] };
        self.channels.insert(number, channel);
        self.by_server.insert(server, number);
        let what = if opener_is_client { "open confirmed" } else { "open confirmed by us" };
        self.tell(tracer, number, what, "4254#5.1");
        for side in [Side::Client, Side::Server] {
            let [client, server] = left;
            let window = if side.is_client() { client } else { server };
            self.tell_window(tracer, number, side, "opened", window);
        }
    }

    /// The window of what `sender` may send on a channel that `from` names.
    fn window(
        &mut self,
        tracer: &mut Tracer,
        from: Side,
        recipient: u32,
        sender: Side,
        op: &'static str,
        n: u32,
    ) {
        let Some(number) = self.number(from, recipient) else { return };
        let Some(channel) = self.channels.get_mut(&number) else { return };
        if let Some(left) = channel.left.get_mut(index(sender)) {
            *left = match op {
                "credited" => left.saturating_add(n),
                _ => left.saturating_sub(n),
            };
        }
        self.tell_window(tracer, number, sender, op, n);
    }

    fn channel(&self, tracer: &mut Tracer, from: Side, recipient: u32, what: &'static str) {
        if let Some(number) = self.number(from, recipient) {
            self.tell(tracer, number, what, "4254#5.3");
        }
    }

    fn close(&mut self, tracer: &mut Tracer, from: Side, recipient: u32) {
        let what = if from.is_client() { "close sent" } else { "close received" };
        self.channel(tracer, from, recipient, what);
        let Some(number) = self.number(from, recipient) else { return };
        let Some(channel) = self.channels.get_mut(&number) else { return };
        if let Some(closed) = channel.closed.get_mut(index(from)) {
            *closed = true;
        }
        if channel.closed == [true; 2] {
            let server = channel.server;
            self.tell(tracer, number, "freed", "4254#5.3");
            self.channels.remove(&number);
            self.by_server.remove(&server);
        }
    }

    fn tell(&self, tracer: &mut Tracer, number: u32, what: &'static str, rfc: &'static str) {
        let Some(channel) = self.channels.get(&number) else { return };
        let values = Map::new()
            .with("channel", number)
            .with("peer_channel", channel.server)
            .with("what", what)
            .with("opened_by", if channel.opened_by_client { "us" } else { "peer" })
            .with("rfc", rfc);
        tracer.emit(Kind::Channel, values);
    }

    fn tell_window(
        &self,
        tracer: &mut Tracer,
        number: u32,
        sender: Side,
        op: &'static str,
        n: u32,
    ) {
        let left = self.channels.get(&number).and_then(|c| c.left.get(index(sender)).copied());
        let values = Map::new()
            .with("channel", number)
            .with("dir", dir(sender))
            .with("op", op)
            .with("bytes", n)
            .with("left", left)
            .with("rfc", "4254#5.2");
        tracer.emit(Kind::Window, values);
    }
}
