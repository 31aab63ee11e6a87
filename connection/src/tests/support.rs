//! One end of a connection without a transport, and two of them joined.

use crate::channel::ChannelKey;
use crate::connection::{Connection, ConnectionConfig, Handled};
use crate::event::{ChannelEvent, Stream};
use crate::messages::{ChannelOpen, ChannelOpenConfirmation, OpenKind};
use crate::sender::Sender;
use alloc::string::ToString;
use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;
use tssh_transport::wire::Message;
use tssh_transport::{Error, Result, Side, Timestamp};

/// Collects payloads.
#[derive(Default)]
pub struct Wire {
    pub packets: VecDeque<Vec<u8>>,
    /// A key exchange is going on.
    pub gate_closed: bool,
    /// Enough waits for the socket.
    pub full: bool,
    /// Room for payloads.
    lent: VecDeque<Vec<u8>>,
}

impl Sender for Wire {
    fn takes_control(&self) -> bool {
        !self.gate_closed
    }

    fn send(&mut self, payload: &[u8]) -> Result<()> {
        assert!(!self.gate_closed, "nothing is handed over while the gate is closed");
        self.packets.push_back(payload.to_vec());
        Ok(())
    }

    fn takes_data(&self) -> bool {
        !self.gate_closed && !self.full
    }

    fn data_packets(&self, _max: usize, most: usize) -> usize {
        if self.takes_data() { most } else { 0 }
    }

    fn lend(&mut self, max: usize, packets: usize) -> impl Iterator<Item = &mut [u8]> {
        self.lent = std::iter::repeat_n(std::vec![0xee; max], packets).collect();
        self.lent.iter_mut().map(|area| &mut area[..])
    }

    fn data(&mut self, len: usize, head: impl FnOnce(&mut [u8])) -> Result<()> {
        let mut area = self.lent.pop_front().expect("no more than was lent");
        area.truncate(len);
        head(&mut area);
        self.packets.push_back(area);
        Ok(())
    }
}

/// One end.
pub struct End {
    pub c: Connection,
    pub out: Wire,
    pub events: VecDeque<ChannelEvent>,
    pub got: BTreeMap<(ChannelKey, Stream), Vec<u8>>,
    /// How much of each delivery is accepted at once.
    pub accept: usize,
    pub now: Timestamp,
}

impl End {
    pub fn new(side: Side) -> Self {
        Self::with(side, &ConnectionConfig::default())
    }

    pub fn with(side: Side, config: &ConnectionConfig) -> Self {
        Self {
            c: Connection::unproven(side, config),
            out: Wire::default(),
            events: VecDeque::new(),
            got: BTreeMap::new(),
            accept: usize::MAX,
            now: Timestamp::default(),
        }
    }

    pub fn flush(&mut self) {
        self.c.flush(&mut self.out).unwrap();
    }

    /// Handles one payload and flushes, as the stack does.
    pub fn feed(&mut self, payload: &[u8]) -> Result<()> {
        match self.c.handle(payload, self.now)? {
            Handled::Nothing => {}
            Handled::Event(event) => self.events.push_back(event),
            Handled::Data(arrived) => {
                let bytes = &payload[arrived.at..];
                let (taken, rest) = bytes.split_at(self.accept.min(bytes.len()));
                let key = (arrived.channel, arrived.stream);
                self.got.entry(key).or_default().extend(taken);
                self.c.settle(arrived.channel, arrived.stream, taken.len(), rest);
            }
        }
        self.flush();
        Ok(())
    }

    pub fn message<'m>(&mut self, message: &impl Message<'m>) -> Result<()> {
        self.feed(&message.payload())
    }

    /// Feeds a message that must be refused as misbehaviour.
    pub fn misbehaves<'m>(&mut self, message: &impl Message<'m>) {
        let handled = self.message(message);
        assert!(matches!(handled, Err(Error::PeerMisbehaved(_))), "{handled:?}");
    }

    /// Takes everything that waits in a ring.
    pub fn drain(&mut self, key: ChannelKey, stream: Stream) {
        loop {
            let front =
                self.c.ring(key, stream).map(|ring| ring.halves()[0].to_vec()).unwrap_or_default();
            if front.is_empty() {
                break;
            }
            self.got.entry((key, stream)).or_default().extend(&front);
            self.c.drained(key, stream, front.len());
        }
        self.flush();
    }

    /// The next payload that goes out.
    pub fn sent(&mut self) -> Option<Vec<u8>> {
        self.flush();
        self.out.packets.pop_front()
    }

    /// All payloads that go out, as their numbers.
    pub fn sent_numbers(&mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.sent()).map(|payload| payload[0]).collect()
    }

    /// Opens a channel of ours; the peer's number of it is `peer`, and it grants `window`.
    pub fn open(&mut self, kind: OpenKind, peer: u32, window: u32, packet: u32) -> ChannelKey {
        let key = self.c.open(kind).unwrap();
        assert_eq!(self.sent().unwrap()[0], ChannelOpen::NUMBER);
        let confirm = ChannelOpenConfirmation::new(key.number(), peer, window, packet, &[]);
        self.message(&confirm).unwrap();
        assert_eq!(self.events.pop_front(), Some(ChannelEvent::Opened { channel: key }));
        key
    }

    /// Takes a channel that the peer opens.
    pub fn accept(&mut self, kind: &OpenKind, peer: u32, window: u32, packet: u32) -> ChannelKey {
        let mut payload = Vec::new();
        kind.encode(peer, window, packet, &mut payload);
        self.feed(&payload).unwrap();
        let Some(ChannelEvent::OpenRequest { channel, .. }) = self.events.pop_front() else {
            panic!("no open request");
        };
        self.c.accept_open(channel).unwrap();
        assert_eq!(self.sent().unwrap()[0], ChannelOpenConfirmation::NUMBER);
        channel
    }

    /// Gives turns until none is left, filling from `source`; gives how many packets went out.
    pub fn send_all(&mut self, source: &mut BTreeMap<ChannelKey, VecDeque<u8>>) -> usize {
        let before = self.out.packets.len();
        while let Some(turn) = self.c.next_turn(&self.out) {
            let queue = source.entry(turn.channel).or_default();
            let sent = self.c.send_data(turn.channel, turn.stream, &mut self.out, |areas| {
                areas.put(queue.make_contiguous())
            });
            queue.drain(..sent.unwrap());
        }
        self.out.packets.len() - before
    }
}

/// A forwarded connection, as a client opens it.
pub fn direct() -> OpenKind {
    OpenKind::DirectTcpip {
        host: "localhost".to_string(),
        port: 143,
        originator_address: "127.0.0.1".to_string(),
        originator_port: 40_000,
    }
}

/// Carries payloads both ways until nothing moves.
pub fn settle(a: &mut End, b: &mut End) {
    loop {
        a.flush();
        b.flush();
        if let Some(payload) = a.out.packets.pop_front() {
            b.feed(&payload).unwrap();
        } else if let Some(payload) = b.out.packets.pop_front() {
            a.feed(&payload).unwrap();
        } else {
            break;
        }
    }
}

/// A client and a server with one channel between them.
pub fn joined(kind: OpenKind) -> (End, End, ChannelKey, ChannelKey) {
    let (mut client, mut server) = (End::new(Side::Client), End::new(Side::Server));
    let ours = client.c.open(kind).unwrap();
    settle(&mut client, &mut server);
    let Some(ChannelEvent::OpenRequest { channel: theirs, .. }) = server.events.pop_front() else {
        panic!("no open request");
    };
    server.c.accept_open(theirs).unwrap();
    settle(&mut client, &mut server);
    assert_eq!(client.events.pop_front(), Some(ChannelEvent::Opened { channel: ours }));
    (client, server, ours, theirs)
}
