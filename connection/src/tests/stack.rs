//! Two stacks in one process: from the identification string to the last CLOSE.

use crate::areas::Areas;
use crate::event::{ChannelEvent, Event, Stream};
use crate::messages::{ChannelRequest, GlobalRequest, OpenFailure, OpenKind};
use crate::{
    Answer, ChannelKey, ClientConfig, ConnectionConfig, Happening, LocalError, ServerConfig, Stack,
};
use alloc::string::{String, ToString};
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::vec;
use std::vec::Vec;
use tssh_transport::algorithms::Algorithms;
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES};
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::key::{PrivateKey, parse_private_key};
use tssh_transport::messages::transport::ServiceAccept;
use tssh_transport::messages::userauth::{
    UserauthBanner, UserauthFailure, UserauthRequest, UserauthSuccess,
};
use tssh_transport::transport::{Incoming, Transport, TransportConfig};
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthEvent, AuthQuestion, ServerAuthConfig};
use tssh_transport::wire::Message as _;
use tssh_transport::{Error, Result, Side, Timestamp};

/// A key of the transport's own tests.
const HOST_KEY_FILE: &[u8] = include_bytes!("../../../transport/src/key/testdata/ed25519");

/// How two stacks are made and joined.
#[derive(Clone)]
pub struct Setup {
    /// Bytes after which either side exchanges keys.
    pub rekey_bytes: [u64; 2],
    pub cipher: &'static str,
    pub compression: &'static str,
    /// The client's [`ConnectionConfig::channel_window`].
    pub window: Option<u32>,
    /// Bytes carried at a time; rechunking must change nothing.
    pub chunk: usize,
}

impl Default for Setup {
    fn default() -> Self {
        let rekey_bytes = [u64::MAX; 2];
        let (cipher, compression) = ("aes128-gcm@openssh.com", "none");
        Self { rekey_bytes, cipher, compression, window: None, chunk: usize::MAX }
    }
}

fn user_key() -> PrivateKey {
    let mut entropy = Entropy::from_seed(&[3; SEED_BYTES]);
    PrivateKey::generate_ed25519(entropy.stream(Purpose::Upper))
}

fn transport(setup: &Setup, side: Side) -> TransportConfig {
    let mut algorithms = Algorithms::default_for(Side::Server, true);
    algorithms.kex = vec!["curve25519-sha256".to_string()];
    algorithms.host_key = vec!["ssh-ed25519".to_string()];
    algorithms.cipher = vec![setup.cipher.to_string()];
    algorithms.compression = vec![setup.compression.to_string()];
    let host_keys = match side {
        Side::Client => Vec::new(),
        Side::Server => vec![parse_private_key(HOST_KEY_FILE, None).unwrap()],
    };
    let [client, server] = setup.rekey_bytes;
    let bytes = if side.is_client() { client } else { server };
    TransportConfig {
        identification: "SSH-2.0-test".to_string(),
        algorithms,
        rekey: RekeyLimits { bytes, ..RekeyLimits::default() },
        host_keys,
        server_sig_algs: vec!["ssh-ed25519".to_string()],
    }
}

fn client_config(setup: &Setup) -> ClientConfig {
    ClientConfig {
        transport: transport(setup, Side::Client),
        user: "somebody".to_string(),
        connection: ConnectionConfig {
            channel_window: setup.window,
            ..ConnectionConfig::default()
        },
    }
}

fn server_config(setup: &Setup) -> ServerConfig {
    ServerConfig {
        transport: transport(setup, Side::Server),
        auth: ServerAuthConfig::default(),
        connection: ConnectionConfig::default(),
    }
}

/// A stack, what it has told, and what its consumers have got.
pub struct Peer {
    pub stack: Stack,
    pub events: VecDeque<ChannelEvent>,
    pub got: BTreeMap<(ChannelKey, Stream), Vec<u8>>,
    /// How much of each delivery a consumer takes.
    pub accept: usize,
    /// Deliveries wait in their packets for [`Peer::take_waiting`].
    pub waits: bool,
    /// Exchanges so far.
    pub exchanges: u32,
    pub user: Option<String>,
    /// All bytes that went out.
    pub sent: Vec<u8>,
    now: Timestamp,
}

impl Peer {
    fn new(stack: Stack) -> Self {
        Self {
            stack,
            events: VecDeque::new(),
            got: BTreeMap::new(),
            accept: usize::MAX,
            waits: false,
            exchanges: 0,
            user: None,
            sent: Vec::new(),
            now: Timestamp::default(),
        }
    }

    pub fn client(setup: &Setup) -> Self {
        let entropy = Entropy::from_seed(&[1; SEED_BYTES]);
        Self::new(Stack::client(client_config(setup), entropy, Timestamp::default()).unwrap())
    }

    pub fn server(setup: &Setup) -> Self {
        let entropy = Entropy::from_seed(&[2; SEED_BYTES]);
        Self::new(Stack::server(server_config(setup), entropy, Timestamp::default()).unwrap())
    }

    /// The header of a transcript of this end.
    #[cfg(feature = "transcript")]
    pub fn header(&self, setup: &Setup) -> String {
        use crate::transcript::{client_header, server_header};
        let side = self.stack.side();
        let seed = [if side.is_client() { 1 } else { 2 }; SEED_BYTES];
        match side {
            Side::Client => client_header(&client_config(setup), &seed),
            Side::Server => server_header(&server_config(setup), &seed, &[HOST_KEY_FILE.to_vec()]),
        }
    }

    /// Takes all that happens; says yes to every question.
    pub fn advance(&mut self) -> Result<()> {
        while let Some(event) = self.take()? {
            if let Some(event) = event {
                self.on_event(event)?;
            }
        }
        Ok(())
    }

    /// One step: data goes to its consumer, an event to the caller.
    fn take(&mut self) -> Result<Option<Option<Event>>> {
        let Some(happening) = self.stack.next(self.now)? else { return Ok(None) };
        let delivery = match happening {
            Happening::Event(event) => return Ok(Some(Some(event))),
            Happening::Data(delivery) => delivery,
        };
        let n = self.accept.min(delivery.bytes().len());
        let key = (delivery.channel(), delivery.stream());
        if self.waits {
            self.got.entry(key).or_default();
            delivery.wait();
            return Ok(Some(None));
        }
        self.got.entry(key).or_default().extend(&delivery.bytes()[..n]);
        delivery.accept(n);
        Ok(Some(None))
    }

    /// Takes at most `most` bytes of what waits on each stream.
    pub fn take_waiting(&mut self, most: usize) {
        for ((key, stream), got) in &mut self.got {
            let before = got.len();
            for piece in self.stack.waiting(*key, *stream) {
                let left = most - (got.len() - before);
                got.extend(&piece[..left.min(piece.len())]);
            }
            self.stack.drained(*key, *stream, got.len() - before);
        }
    }

    fn on_event(&mut self, event: Event) -> Result<()> {
        match event {
            Event::HostKey(_) => self.stack.answer(Answer::HostKey(true)),
            Event::Exchanged { first, .. } => {
                assert_eq!(first, self.exchanges == 0);
                self.exchanges += 1;
                Ok(())
            }
            Event::Authenticated { user, keys } => {
                let key = user_key().public().blob();
                let server = self.stack.side() == Side::Server;
                assert_eq!(keys, if server { vec![key] } else { vec![] });
                self.user = Some(user);
                Ok(())
            }
            Event::Auth(AuthEvent::Question(question)) => {
                let answer = answer(question);
                self.stack.answer(Answer::Auth(answer))
            }
            Event::Channel(event) => {
                self.events.push_back(event);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Carries everything that waits to `to`.
    pub fn carry(&mut self, to: &mut Self, chunk: usize) -> Result<bool> {
        let bytes = self.stack.transmit().to_vec();
        self.stack.transmitted(bytes.len());
        self.sent.extend(&bytes);
        for piece in bytes.chunks(chunk) {
            to.stack.receive_space(piece.len())[..piece.len()].copy_from_slice(piece);
            to.stack.received(piece.len());
            to.advance()?;
        }
        Ok(!bytes.is_empty())
    }

    /// Gives turns until none is left, filling from `source`.
    pub fn send_all(&mut self, source: &mut BTreeMap<ChannelKey, VecDeque<u8>>) {
        while let Some(turn) = self.stack.next_turn() {
            let queue = source.entry(turn.channel).or_default();
            let put = |areas: &mut Areas<'_>| areas.put(queue.make_contiguous());
            let sent = self.stack.send_data(turn.channel, turn.stream, put).unwrap();
            queue.drain(..sent);
        }
    }
}

fn answer(question: AuthQuestion) -> AuthAnswer {
    let blob = user_key().public().blob();
    let algorithm = "ssh-ed25519".to_string();
    match question {
        AuthQuestion::ChooseMethod { .. } => {
            AuthAnswer::Attempt(Attempt::PublicKey { blob, algorithm, probe: false })
        }
        AuthQuestion::Sign { data, algorithm, .. } => {
            AuthAnswer::Signature(user_key().sign(&algorithm, &data).unwrap())
        }
        AuthQuestion::CheckKey { user, signed, .. } => {
            assert!(signed && user == "somebody");
            AuthAnswer::Accept
        }
        question => panic!("{question:?}"),
    }
}

/// Carries both ways until nothing moves.
pub fn settle(a: &mut Peer, b: &mut Peer, chunk: usize) -> Result<()> {
    loop {
        a.advance()?;
        b.advance()?;
        let moved = a.carry(b, chunk)?;
        if !(b.carry(a, chunk)? || moved) {
            return Ok(());
        }
    }
}

pub fn connected(setup: &Setup) -> (Peer, Peer) {
    let (mut client, mut server) = (Peer::client(setup), Peer::server(setup));
    settle(&mut client, &mut server, setup.chunk).unwrap();
    assert_eq!(client.user.as_deref(), Some("somebody"));
    assert_eq!(server.user.as_deref(), Some("somebody"));
    (client, server)
}

/// One channel of this kind, open at both ends.
pub fn channel(client: &mut Peer, server: &mut Peer, kind: OpenKind) -> (ChannelKey, ChannelKey) {
    let ours = client.stack.open(kind).unwrap();
    settle(client, server, usize::MAX).unwrap();
    let Some(ChannelEvent::OpenRequest { channel: theirs, .. }) = server.events.pop_front() else {
        panic!("no open request");
    };
    server.stack.accept_open(theirs).unwrap();
    settle(client, server, usize::MAX).unwrap();
    assert_eq!(client.events.pop_front(), Some(ChannelEvent::Opened { channel: ours }));
    (ours, theirs)
}

#[test]
fn nothing_of_the_connection_layer_works_before_the_user_is_authenticated() {
    let mut client = Peer::client(&Setup::default());
    assert_eq!(client.stack.open(OpenKind::Session), Err(LocalError::NotReady));
    let alive = client.stack.global_request(GlobalRequest::KeepAlive, true);
    assert_eq!(alive, Err(LocalError::NotReady));
    assert_eq!(client.stack.next_turn(), None);
    assert_eq!(client.stack.channel_count(), 0);
}

/// Puts bytes into a stack, which is not asked yet what they are.
fn feed(client: &mut Peer, bytes: &[u8]) {
    client.stack.receive_space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
    client.stack.received(bytes.len());
}

fn round_trip(client: &Peer) -> Option<Duration> {
    client.stack.connection_ref().expect("logged in").round_trip.least()
}

#[test]
fn authentication_shows_the_round_trip() {
    let [trip, wait] = [40, 30].map(Duration::from_millis);
    // Who takes his time for an answer has sent the service request before.
    for (wait, shown) in [(Duration::ZERO, trip), (wait, trip + wait * 2)] {
        let setup = Setup::default();
        let (mut client, mut server) = (Peer::client(&setup), Peer::server(&setup));
        for _ in 0..10 {
            while let Some(happened) = client.take().unwrap() {
                if let Some(Event::Auth(_)) = happened {
                    client.now = client.now.after(wait);
                    assert!(client.take().unwrap().is_none());
                }
                happened.map_or(Ok(()), |event| client.on_event(event)).unwrap();
            }
            client.carry(&mut server, usize::MAX).unwrap();
            client.now = client.now.after(trip);
            let bytes = server.stack.transmit().to_vec();
            server.stack.transmitted(bytes.len());
            feed(&mut client, &bytes);
        }
        assert_eq!(round_trip(&client), Some(shown));
    }
}

#[test]
fn a_banner_nobody_asked_for_is_no_answer() {
    let setup = Setup::default();
    let mut client = Peer::client(&setup);
    let entropy = Entropy::from_seed(&[2; SEED_BYTES]);
    let config = transport(&setup, Side::Server);
    let mut server = Transport::new(Side::Server, config, entropy, client.now).unwrap();
    // Two for the first request, with the service's before it, and two for the second, each after
    // so many milliseconds.
    let mut answers = VecDeque::from([
        (40, ServiceAccept::new(b"ssh-userauth").payload()),
        (0, UserauthFailure::new("publickey", false).payload()),
        (1, UserauthBanner::new(b"hello", b"").payload()),
        (60, UserauthSuccess::new().payload()),
    ]);
    for _ in 0..10 {
        client.advance().unwrap();
        let bytes = client.stack.transmit().to_vec();
        client.stack.transmitted(bytes.len());
        server.receive_space(bytes.len())[..bytes.len()].copy_from_slice(&bytes);
        server.received(bytes.len());
        let mut requests = 0;
        while let Some(incoming) = server.next(client.now).unwrap() {
            let Incoming::Payload(range) = incoming else { continue };
            let first = server.payload(&range).0.first().copied();
            requests += usize::from(first == Some(UserauthRequest::NUMBER));
        }
        let now = answers.drain(..(2 * requests).min(answers.len())).map(Some);
        for answer in now.chain([None]) {
            if let Some((after, answer)) = answer {
                server.sender().send(&answer).unwrap();
                client.now = client.now.after(Duration::from_millis(after));
            }
            let bytes = server.transmit().to_vec();
            server.transmitted(bytes.len());
            feed(&mut client, &bytes);
            client.advance().unwrap();
        }
    }
    assert_eq!(round_trip(&client), Some(Duration::from_millis(40)));
}

#[test]
fn a_session_from_exec_to_exit_status() {
    let (mut client, mut server) = connected(&Setup::default());
    let (ours, theirs) = channel(&mut client, &mut server, OpenKind::Session);
    let request = ChannelRequest::Exec { command: b"true".to_vec() };
    let tag = client.stack.request(ours, request.clone(), true).unwrap();
    settle(&mut client, &mut server, usize::MAX).unwrap();
    let event = ChannelEvent::Request { channel: theirs, request, want_reply: true };
    assert_eq!(server.events.pop_front(), Some(event));
    server.stack.reply_request(theirs, true).unwrap();
    server.stack.want_send(theirs, Stream::Data);
    server.send_all(&mut BTreeMap::from([(theirs, VecDeque::from(b"out".to_vec()))]));
    server.stack.request(theirs, ChannelRequest::ExitStatus(7), false).unwrap();
    server.stack.send_eof(theirs).unwrap();
    server.stack.close(theirs).unwrap();
    settle(&mut client, &mut server, usize::MAX).unwrap();
    assert_eq!(client.got[&(ours, Stream::Data)], b"out");
    let status = ChannelRequest::ExitStatus(7);
    let expected = [
        ChannelEvent::RequestReply { channel: ours, tag, ok: true },
        ChannelEvent::Request { channel: ours, request: status, want_reply: false },
        ChannelEvent::Eof { channel: ours },
        ChannelEvent::Closed { channel: ours },
    ];
    assert_eq!(client.events.make_contiguous(), expected);
    assert_eq!(server.events.pop_front(), Some(ChannelEvent::Closed { channel: theirs }));
    assert_eq!((client.stack.channel_count(), server.stack.channel_count()), (0, 0));
}

#[test]
fn a_misbehaving_peer_is_told_why_it_is_disconnected() {
    let (mut client, mut server) = connected(&Setup::default());
    // A reply out of nowhere, through the transport below the connection layer.
    client.stack.transport().sender().send(&[81]).unwrap();
    let outcome = settle(&mut client, &mut server, usize::MAX);
    assert!(matches!(outcome, Err(Error::PeerMisbehaved(_))), "{outcome:?}");
    let told = server.carry(&mut client, usize::MAX);
    let Err(Error::Disconnected { reason, description, .. }) = told else { panic!("{told:?}") };
    assert_eq!(reason, DisconnectReason::ProtocolError.code());
    assert!(description.contains("RFC 4254 section 4"), "{description}");
}

#[test]
fn a_refused_open_carries_its_reason() {
    let (mut client, mut server) = connected(&Setup::default());
    let ours = client.stack.open(super::support::direct()).unwrap();
    settle(&mut client, &mut server, usize::MAX).unwrap();
    let Some(ChannelEvent::OpenRequest { channel, .. }) = server.events.pop_front() else {
        panic!("no open request");
    };
    let (reason, text) = (OpenFailure::ConnectFailed, "Connection refused");
    server.stack.refuse_open(channel, reason, text).unwrap();
    settle(&mut client, &mut server, usize::MAX).unwrap();
    let description = text.to_string();
    let failed = ChannelEvent::OpenFailed { channel: ours, reason: reason.code(), description };
    assert_eq!(client.events.pop_front(), Some(failed));
}

#[test]
fn reading_stops_while_too_many_requests_are_unanswered_and_goes_on_after() {
    let (mut client, mut server) = connected(&Setup::default());
    let forward = GlobalRequest::TcpipForward { address: String::new(), port: 0 };
    for _ in 0..64 {
        client.stack.global_request(forward.clone(), true).unwrap();
    }
    settle(&mut client, &mut server, usize::MAX).unwrap();
    assert_eq!(server.events.len(), 64);
    assert!(!server.stack.wants_read());
    client.stack.ping(b"x").unwrap();
    settle(&mut client, &mut server, usize::MAX).unwrap();
    server.stack.reply_global(true, &1234u32.to_be_bytes()).unwrap();
    settle(&mut client, &mut server, usize::MAX).unwrap();
    assert!(server.stack.wants_read());
    let Some(ChannelEvent::GlobalReply { ok: true, data, .. }) = client.events.pop_front() else {
        panic!("no reply");
    };
    assert_eq!(data, 1234u32.to_be_bytes());
}

#[test]
fn a_delivery_dropped_without_a_word_moves_to_the_ring() {
    let (mut client, mut server) = connected(&Setup::default());
    let (ours, theirs) = channel(&mut client, &mut server, super::support::direct());
    client.stack.want_send(ours, Stream::Data);
    client.send_all(&mut BTreeMap::from([(ours, VecDeque::from(b"abc".to_vec()))]));
    let bytes = client.stack.transmit().to_vec();
    server.stack.receive_space(bytes.len())[..bytes.len()].copy_from_slice(&bytes);
    server.stack.received(bytes.len());
    match server.stack.next(Timestamp::default()).unwrap() {
        Some(Happening::Data(delivery)) => drop(delivery),
        other => panic!("{other:?}"),
    }
    assert_eq!(server.stack.ring(theirs, Stream::Data), b"abc");
    server.stack.drained(theirs, Stream::Data, 3);
    assert_eq!(server.stack.ring(theirs, Stream::Data), b"");
}
