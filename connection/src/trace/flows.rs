//! Channels and windows of a connection between others, told as the client would tell them.

use crate::connection::decode;
use crate::messages::{
    ChannelClose, ChannelData, ChannelEof, ChannelExtendedData, ChannelOpen,
    ChannelOpenConfirmation, ChannelOpenFailure, ChannelWindowAdjust,
};
use alloc::collections::BTreeMap;
use alloc::string::String;
use tssh_transport::Side;
use tssh_transport::text::one_line;
use tssh_transport::trace::{Kind, Map, Tracer};
use tssh_transport::wire::Message as _;

/// Channels that are followed at once, opened or being opened, by each side.
const CHANNELS_MAX: usize = 4096;

/// "MUST NOT be longer than 64 characters" (RFC 4251 section 6), so this is all of a name.
const KIND_BYTES_MAX: usize = 64;

/// What an open says, by who opens and the number it gave.
#[derive(Debug)]
struct Offer {
    kind: String,
    window: u32,
    packet: u32,
}

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
    /// Opens that are not answered yet, by whether the client opens and the number it gave.
    opening: BTreeMap<(bool, u32), Offer>,
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
                    self.open(tracer, from, &m);
                }
            }
            ChannelOpenConfirmation::NUMBER => {
                if let Ok(m) = decode::<ChannelOpenConfirmation<'_>>(payload) {
                    self.confirmed(tracer, from, &m);
                }
            }
            ChannelOpenFailure::NUMBER => {
                if let Ok(m) = decode::<ChannelOpenFailure<'_>>(payload) {
                    self.refused(tracer, from, &m);
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

    fn open(&mut self, tracer: &mut Tracer, from: Side, m: &ChannelOpen<'_>) {
        let (window, packet) = (m.initial_window_size, m.maximum_packet_size);
        let offer = Offer { kind: one_line(m.channel_type, KIND_BYTES_MAX), window, packet };
        // A channel that the server opens has no number of the client's yet.
        if from.is_client() {
            tell_open(tracer, m.sender_channel, 0, true, &offer);
        }
        self.opening.insert((from.is_client(), m.sender_channel), offer);
    }

    fn refused(&mut self, tracer: &mut Tracer, from: Side, m: &ChannelOpenFailure<'_>) {
        let ours = !from.is_client();
        if self.opening.remove(&(ours, m.recipient_channel)).is_some() && ours {
            let told = |what| life(m.recipient_channel, 0, what, true);
            let refused = told("open refused").with("reason", m.reason_code);
            tracer.emit(Kind::Channel, refused.with("rfc", "4254#5.1"));
            tracer.emit(Kind::Channel, told("freed").with("rfc", "4254#5.3"));
        }
    }

    fn confirmed(&mut self, tracer: &mut Tracer, from: Side, m: &ChannelOpenConfirmation<'_>) {
        let opened_by_client = !from.is_client();
        let key = (opened_by_client, m.recipient_channel);
        let Some(offer) = self.opening.remove(&key) else { return };
        if self.channels.len() >= CHANNELS_MAX {
            return;
        }
        let (window, packet) = (m.initial_window_size, m.maximum_packet_size);
        // Each side's window is what the other one may send.
        let (number, server, left) = match opened_by_client {
            true => (m.recipient_channel, m.sender_channel, [window, offer.window]),
            false => (m.sender_channel, m.recipient_channel, [offer.window, window]),
        };
        let what = if opened_by_client { "open confirmed" } else { "open confirmed by us" };
        if !opened_by_client {
            tell_open(tracer, number, server, false, &offer);
        }
        let values = life(number, server, what, opened_by_client);
        let values = values.with("window", window).with("packet", packet);
        tracer.emit(Kind::Channel, values.with("rfc", "4254#5.1"));
        let sender = if opened_by_client { Side::Client } else { Side::Server };
        tracer.emit(Kind::Window, window_event(number, sender, "opened", window, Some(window)));
        let channel = Channel { server, opened_by_client, left, closed: [false; 2] };
        self.channels.insert(number, channel);
        self.by_server.insert(server, number);
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
        let values = life(number, channel.server, what, channel.opened_by_client);
        tracer.emit(Kind::Channel, values.with("rfc", rfc));
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
        tracer.emit(Kind::Window, window_event(number, sender, op, n, left));
    }
}

/// A step in the life of a channel, as the client would tell it.
fn life(number: u32, server: u32, what: &'static str, opened_by_client: bool) -> Map {
    Map::new()
        .with("channel", number)
        .with("peer_channel", server)
        .with("what", what)
        .with("opened_by", if opened_by_client { "us" } else { "peer" })
}

/// An open, and the window that it offers to the other side.
fn tell_open(tracer: &mut Tracer, number: u32, server: u32, by_client: bool, offer: &Offer) {
    let (window, packet) = (offer.window, offer.packet);
    let kind = offer.kind.clone();
    let values =
        life(number, server, if by_client { "open sent" } else { "open received" }, by_client);
    let values = match by_client {
        true => values.with("window", window).with("packet", packet).with("kind", kind),
        false => values.with("kind", kind).with("window", window).with("packet", packet),
    };
    tracer.emit(Kind::Channel, values.with("rfc", "4254#5.1"));
    let sender = if by_client { Side::Server } else { Side::Client };
    tracer.emit(Kind::Window, window_event(number, sender, "opened", window, Some(window)));
}

fn window_event(number: u32, sender: Side, op: &'static str, n: u32, left: Option<u32>) -> Map {
    Map::new()
        .with("channel", number)
        .with("dir", dir(sender))
        .with("op", op)
        .with("bytes", n)
        .with("left", left)
        .with("rfc", "4254#5.2")
}
