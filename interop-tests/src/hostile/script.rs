//! Messages that a peer in its right mind could send, one at a time.

use crate::sim::random::Rng;
use tssh_connection::messages::{
    ChannelClose, ChannelData, ChannelEof, ChannelExtendedData, ChannelFailure, ChannelOpen,
    ChannelOpenConfirmation, ChannelOpenFailure, ChannelRequestMsg, ChannelSuccess,
    ChannelWindowAdjust, GlobalRequestMsg, RequestFailure, RequestSuccess,
};
use tssh_connection::{ChannelRequest, GlobalRequest, OpenKind};
use tssh_transport::Side;
use tssh_transport::messages::transport::{
    Debug, Disconnect, ExtInfo, Ignore, Ping, Pong, Unimplemented,
};
use tssh_transport::wire::{Message, Writer};

/// A channel, as the peer knows it.
#[derive(Debug, Clone, Copy)]
struct Channel {
    ours: u32,
    /// The stack's number, by which the peer has to name it.
    theirs: u32,
    /// The peer has said that it sends no more.
    eof: bool,
    /// The stack has closed it.
    closed: bool,
}

/// What the peer knows of the connection, so that what it sends makes sense.
#[derive(Debug, Default)]
pub struct Known {
    channels: Vec<Channel>,
    /// The stack's numbers of channels that it has asked for.
    asked: Vec<u32>,
    /// The stack's numbers of channels on which requests of its own wait for a reply, and how
    /// many wait that are about no channel.
    requests: Vec<u32>,
    globals: usize,
    next: u32,
}

/// More than a session has use for.
const CHANNELS_MAX: usize = 8;

impl Known {
    /// Takes note of what the stack sent.
    pub fn heard(&mut self, payload: &[u8]) {
        match payload.first() {
            Some(80) => {
                let asked = GlobalRequestMsg::decode(payload).is_ok_and(|r| r.want_reply);
                self.globals += usize::from(asked);
            }
            Some(90) => {
                self.asked.extend(ChannelOpen::decode(payload).map(|open| open.sender_channel));
            }
            Some(91) => {
                if let Ok(confirmed) = ChannelOpenConfirmation::decode(payload) {
                    self.opened(confirmed.recipient_channel, confirmed.sender_channel);
                }
            }
            Some(97) => {
                let number = ChannelClose::decode(payload).map(|close| close.recipient_channel);
                let closed = self.channels.iter_mut().find(|c| number == Ok(c.ours));
                closed.into_iter().for_each(|channel| channel.closed = true);
            }
            Some(98) => {
                let Ok(request) = ChannelRequestMsg::decode(payload) else { return };
                let channel = self.channels.iter().find(|c| c.ours == request.recipient_channel);
                let asked = channel.filter(|_| request.want_reply);
                self.requests.extend(asked.map(|channel| channel.theirs));
            }
            _ => {}
        }
    }

    fn opened(&mut self, ours: u32, theirs: u32) {
        self.channels.push(Channel { ours, theirs, eof: false, closed: false });
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    /// The peer's last word on a channel.
    fn close(&mut self, index: usize) -> Vec<u8> {
        let theirs = self.channels.swap_remove(index).theirs;
        self.requests.retain(|channel| *channel != theirs);
        ChannelClose::new(theirs).payload()
    }
}

/// A window or a packet size.
fn size(rng: &mut Rng) -> u32 {
    match rng.below(6) {
        0 => 0,
        1 => u32::MAX,
        2 => 1,
        _ => rng.size(1 << 21) as u32,
    }
}

/// Bytes of data: mostly few, at times as many as a packet may have.
fn data(rng: &mut Rng) -> Vec<u8> {
    let most = if rng.chance(10) { 32_768 } else { 200 };
    vec![rng.draw() as u8; rng.size(most) as usize]
}

/// What a peer opens; `peer` is the side it plays.
#[must_use]
pub fn kind(peer: Side, rng: &mut Rng) -> OpenKind {
    let (host, port) = ("localhost".to_owned(), rng.below(70_000) as u32);
    let (originator_address, originator_port) = ("::1".to_owned(), 4000);
    let path = "/tmp/socket".to_owned();
    match (peer, rng.below(4)) {
        (_, 0) if rng.chance(20) => OpenKind::Unknown("tun@openssh.com".to_owned()),
        (Side::Client, 0 | 1) => OpenKind::Session,
        (Side::Client, 2) => {
            OpenKind::DirectTcpip { host, port, originator_address, originator_port }
        }
        (Side::Client, _) => OpenKind::DirectStreamlocal { path },
        (Side::Server, 0) => OpenKind::X11 { originator_address, originator_port },
        (Side::Server, 1) => OpenKind::AuthAgent,
        (Side::Server, 2) => OpenKind::ForwardedStreamlocal { path },
        (Side::Server, _) => {
            OpenKind::ForwardedTcpip { address: host, port, originator_address, originator_port }
        }
    }
}

/// A request about a channel.
#[must_use]
pub fn request(rng: &mut Rng) -> ChannelRequest {
    use ChannelRequest as R;
    let (cols, rows, wpx, hpx) = (80, 24, 0, 0);
    let name = "TERM".to_owned();
    match rng.below(14) {
        0 => R::Pty { term: name, cols, rows, wpx, hpx, modes: vec![53, 0, 0, 0, 1, 0] },
        1 => R::Shell,
        2 => R::Exec { command: b"true".to_vec() },
        3 => R::Subsystem { name: "sftp".to_owned() },
        4 => R::Env { name: b"LANG".to_vec(), value: b"C".to_vec() },
        5 => R::WindowChange { cols, rows, wpx, hpx },
        6 => R::Signal { name: "INT".to_owned() },
        7 => R::ExitStatus(0),
        8 => R::ExitSignal { name, core_dumped: true, message: "gone".to_owned() },
        9 => R::XonXoff { client_can_do: true },
        10 => R::Break { milliseconds: 0 },
        11 => {
            let (protocol, cookie) = ("MIT-MAGIC-COOKIE-1".to_owned(), "00".repeat(16));
            R::X11Req { single_connection: false, protocol, cookie, screen: 0 }
        }
        12 => R::AuthAgentReq,
        _ => R::Eow,
    }
}

/// A request about the connection.
#[must_use]
pub fn global(rng: &mut Rng) -> GlobalRequest {
    use GlobalRequest as G;
    let (address, port) = ("localhost".to_owned(), rng.below(70_000) as u32);
    let path = "/tmp/socket".to_owned();
    match rng.below(9) {
        0 | 1 => G::TcpipForward { address, port },
        2 => G::CancelTcpipForward { address, port },
        3 => G::StreamlocalForward { path },
        4 => G::CancelStreamlocalForward { path },
        5 if rng.chance(20) => G::NoMoreSessions,
        6 => G::HostKeys(string(b"key")),
        7 => G::HostKeysProve(string(b"key")),
        _ => G::KeepAlive,
    }
}

/// A string as on the wire.
fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).string(bytes);
    out
}

/// Any message of the transport that may come when nothing else is going on.
fn noise(rng: &mut Rng) -> Vec<u8> {
    match rng.below(40) {
        0 => Disconnect::new(11, b"bye \x1b[2J", b"").payload(),
        1 => ExtInfo::new(1, &[string(b"server-sig-algs"), string(b"ssh-ed25519")].concat())
            .payload(),
        2..=8 => Debug::new(true, b"x\x07", b"").payload(),
        9..=15 => Unimplemented::new(rng.below(50) as u32).payload(),
        16..=25 => Ping::new(&data(rng)).payload(),
        26 => Pong::new(b"").payload(),
        27 => vec![200],
        _ => Ignore::new(&data(rng)).payload(),
    }
}

/// The next message; `peer` is the side that sends it.
#[must_use]
pub fn message(peer: Side, known: &mut Known, rng: &mut Rng) -> Vec<u8> {
    let closed = known.channels.iter().position(|channel| channel.closed);
    if let Some(index) = closed.filter(|_| rng.chance(50)) {
        return known.close(index);
    }
    if rng.chance(60)
        && let Some(answer) = answer(known, rng)
    {
        return answer;
    }
    match rng.below(10) {
        0 => {
            let mut out = Vec::new();
            global(rng).encode(rng.chance(80), &mut out);
            out
        }
        1 => noise(rng),
        2..=4 if known.channels.len() < CHANNELS_MAX => {
            let (kind, number, mut out) = (kind(peer, rng), known.number(), Vec::new());
            kind.encode(number, size(rng), size(rng), &mut out);
            out
        }
        _ if known.channels.is_empty() => GlobalRequestMsg::new(b"x", true, b"").payload(),
        _ => about_a_channel(known, rng),
    }
}

/// The answer to something that the stack has asked for.
fn answer(known: &mut Known, rng: &mut Rng) -> Option<Vec<u8>> {
    if let Some(theirs) = known.asked.pop() {
        if rng.chance(20) {
            return Some(ChannelOpenFailure::new(theirs, 1, b"no\x1b", b"").payload());
        }
        let ours = known.number();
        known.opened(ours, theirs);
        let (window, packet) = (size(rng), size(rng));
        return Some(ChannelOpenConfirmation::new(theirs, ours, window, packet, b"").payload());
    }
    if !known.requests.is_empty() {
        let theirs = known.requests.remove(0);
        let ok = rng.chance(50);
        let success = ok.then(|| ChannelSuccess::new(theirs).payload());
        return Some(success.unwrap_or_else(|| ChannelFailure::new(theirs).payload()));
    }
    known.globals = known.globals.checked_sub(1)?;
    let ok = rng.chance(50);
    let success = ok.then(|| RequestSuccess::new(b"\0\0\x10\0").payload());
    Some(success.unwrap_or_else(|| RequestFailure::new().payload()))
}

fn about_a_channel(known: &mut Known, rng: &mut Rng) -> Vec<u8> {
    let index = rng.index(known.channels.len());
    let Channel { theirs, eof, .. } = known.channels[index];
    match rng.below(12) {
        0..=3 if !eof => ChannelData::new(theirs, &data(rng)).payload(),
        4 if !eof => ChannelExtendedData::new(theirs, rng.below(3) as u32, &data(rng)).payload(),
        5 => {
            known.channels[index].eof = true;
            ChannelEof::new(theirs).payload()
        }
        6 => known.close(index),
        7 => ChannelRequestMsg::new(theirs, b"x", true, b"").payload(),
        8..=10 => {
            let mut out = Vec::new();
            request(rng).encode(theirs, rng.chance(70), &mut out);
            out
        }
        _ => ChannelWindowAdjust::new(theirs, rng.size(1 << 20) as u32).payload(),
    }
}
