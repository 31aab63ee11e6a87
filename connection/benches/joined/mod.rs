//! A client and a server in one process, joined without sockets, clock or chance: what they do is
//! the same each time, to the instruction.

use std::collections::VecDeque;
use tssh_connection::{
    Answer, Areas, ChannelEvent, ChannelKey, ClientConfig, ConnectionConfig, Event, Happening,
    OpenKind, ServerConfig, Stack, Stream,
};
use tssh_transport::algorithms::Algorithms;
use tssh_transport::entropy::{Entropy, Purpose, SEED_BYTES};
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::key::PrivateKey;
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthEvent, AuthQuestion, ServerAuthConfig};
use tssh_transport::{Side, Timestamp, TransportConfig};

/// Most that a driver reads from a socket at once.
const READ_BYTES: usize = 256 * 1024;

/// Algorithms of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Chosen {
    /// Key exchange method.
    pub kex: &'static str,
    /// Cipher.
    pub cipher: &'static str,
}

/// One end.
struct End {
    stack: Stack,
    key: PrivateKey,
    events: VecDeque<ChannelEvent>,
    /// Bytes of channel data that came.
    got: u64,
    authenticated: bool,
}

/// Both ends.
pub struct Joined {
    client: End,
    server: End,
}

fn key(label: u8) -> PrivateKey {
    let mut entropy = Entropy::from_seed(&[label; SEED_BYTES]);
    PrivateKey::generate_ed25519(entropy.stream(Purpose::Upper))
}

fn transport(chosen: Chosen, side: Side) -> TransportConfig {
    let mut algorithms = Algorithms::default_for(Side::Server, true);
    algorithms.kex = vec![chosen.kex.to_owned()];
    algorithms.cipher = vec![chosen.cipher.to_owned()];
    TransportConfig {
        identification: "SSH-2.0-tssh_bench".to_owned(),
        algorithms,
        rekey: RekeyLimits::default(),
        host_keys: if side.is_client() { Vec::new() } else { vec![key(3)] },
        server_sig_algs: vec!["ssh-ed25519".to_owned()],
    }
}

impl End {
    fn new(chosen: Chosen, side: Side, seed: u8) -> Self {
        let (transport, now) = (transport(chosen, side), Timestamp::default());
        let connection = ConnectionConfig::default();
        let user = "somebody".to_owned();
        let label = if side.is_client() { 1 } else { 2 };
        let mut bytes = [label; SEED_BYTES];
        bytes[0] = seed;
        let entropy = Entropy::from_seed(&bytes);
        let stack = match side {
            Side::Client => {
                let config = ClientConfig { transport, user, connection };
                Stack::client(config, entropy, now)
            }
            Side::Server => {
                let auth = ServerAuthConfig::default();
                let config = ServerConfig { transport, auth, connection };
                Stack::server(config, entropy, now)
            }
        };
        let stack = stack.expect("a stack");
        Self { stack, key: key(4), events: VecDeque::new(), got: 0, authenticated: false }
    }

    /// Takes all that happens; says yes to every question.
    fn advance(&mut self) {
        while let Some(event) = self.take() {
            match event {
                None => {}
                Some(Event::HostKey(_)) => self.answer(Answer::HostKey(true)),
                Some(Event::Auth(AuthEvent::Question(question))) => {
                    let answer = self.reply(question);
                    self.answer(Answer::Auth(answer));
                }
                Some(Event::Authenticated { .. }) => self.authenticated = true,
                Some(Event::Channel(event)) => self.events.push_back(event),
                Some(_) => {}
            }
        }
    }

    /// One step: data is taken at once, an event goes to the caller.
    fn take(&mut self) -> Option<Option<Event>> {
        match self.stack.next(Timestamp::default()).expect("no error")? {
            Happening::Event(event) => Some(Some(event)),
            Happening::Data(delivery) => {
                let n = delivery.bytes().len();
                self.got += n as u64;
                delivery.accept(n);
                Some(None)
            }
        }
    }

    fn answer(&mut self, answer: Answer) {
        self.stack.answer(answer).expect("an answer to an open question");
    }

    fn reply(&self, question: AuthQuestion) -> AuthAnswer {
        let (blob, algorithm) = (self.key.public().blob(), "ssh-ed25519".to_owned());
        match question {
            AuthQuestion::ChooseMethod { .. } => {
                AuthAnswer::Attempt(Attempt::PublicKey { blob, algorithm, probe: false })
            }
            AuthQuestion::Sign { data, algorithm, .. } => {
                AuthAnswer::Signature(self.key.sign(&algorithm, &data).expect("a signature"))
            }
            AuthQuestion::CheckKey { .. } => AuthAnswer::Accept,
            question => panic!("nobody asks {question:?}"),
        }
    }

    /// Carries what waits to the other end; whether there was something.
    fn carry(&mut self, to: &mut Self) -> bool {
        let n = self.stack.transmit().len().min(READ_BYTES);
        if n == 0 {
            return false;
        }
        to.stack.receive_space(READ_BYTES)[..n].copy_from_slice(&self.stack.transmit()[..n]);
        self.stack.transmitted(n);
        to.stack.received(n);
        to.advance();
        true
    }
}

impl Joined {
    /// A connection from its first byte to a user who is logged in. Another seed gives other
    /// keys.
    pub fn handshake(chosen: Chosen, seed: u8) -> Self {
        let client = End::new(chosen, Side::Client, seed);
        let mut joined = Self { client, server: End::new(chosen, Side::Server, seed) };
        joined.settle();
        assert!(joined.client.authenticated && joined.server.authenticated, "logged in");
        joined
    }

    fn settle(&mut self) {
        let Self { client, server } = self;
        loop {
            client.advance();
            server.advance();
            let moved = client.carry(server);
            if !(server.carry(client) || moved) {
                return;
            }
        }
    }

    /// Opens a channel at both ends.
    pub fn open(&mut self) -> (ChannelKey, ChannelKey) {
        let kind = OpenKind::DirectTcpip {
            host: "localhost".to_owned(),
            port: 143,
            originator_address: "127.0.0.1".to_owned(),
            originator_port: 40_000,
        };
        let ours = self.client.stack.open(kind).expect("room for a channel");
        self.settle();
        let asked = self.server.events.pop_front();
        let Some(ChannelEvent::OpenRequest { channel: theirs, .. }) = asked else {
            panic!("no open request");
        };
        self.server.stack.accept_open(theirs).expect("a request to accept");
        self.settle();
        self.client.events.clear();
        (ours, theirs)
    }

    /// Ends a channel from both ends.
    pub fn close(&mut self, (ours, theirs): (ChannelKey, ChannelKey)) {
        for (end, channel) in [(&mut self.client, ours), (&mut self.server, theirs)] {
            end.stack.send_eof(channel).expect("an open channel");
            end.stack.close(channel).expect("an open channel");
        }
        self.settle();
        self.client.events.clear();
        self.server.events.clear();
    }

    /// Carries at least `bytes` from the client to the server through these channels, fairly.
    pub fn upload(&mut self, channels: &[(ChannelKey, ChannelKey)], bytes: u64) {
        let Self { client, server } = self;
        let end = server.got + bytes;
        while server.got < end {
            for (ours, _) in channels {
                client.stack.want_send(*ours, Stream::Data);
            }
            while let Some(turn) = client.stack.next_turn() {
                let all = |areas: &mut Areas<'_>| {
                    areas.pieces().for_each(|piece| piece.fill(0x5a));
                    areas.len()
                };
                client.stack.send_data(turn.channel, turn.stream, all).expect("a turn");
            }
            client.advance();
            client.carry(server);
            server.advance();
            server.carry(client);
        }
        self.settle();
    }
}
