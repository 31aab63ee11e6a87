//! A stack and a hostile peer, with nothing between them.

use super::raw::{Offer, Raw};
use crate::sim::setup;
use tssh_connection::{
    Answer, ChannelEvent, ChannelKey, ClientConfig, ConnectionConfig, Event, Happening, LocalError,
    OpenKind, ServerConfig, Stack,
};
use tssh_transport::algorithms::Algorithms;
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::key::PrivateKey;
use tssh_transport::messages::transport::{Disconnect, ServiceAccept, ServiceRequest};
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthEvent, AuthQuestion, ServerAuthConfig};
use tssh_transport::wire::Message;
use tssh_transport::{Error, Result, Side, Timestamp, TransportConfig};

/// Both sides.
pub const SIDES: [Side; 2] = [Side::Client, Side::Server];
/// Ciphers and MACs, one of each kind of protection.
pub const MODES: [(&str, &str); 4] = [
    ("chacha20-poly1305@openssh.com", ""),
    ("aes128-gcm@openssh.com", ""),
    ("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
    ("aes256-ctr", "hmac-sha2-512"),
];
/// Who logs in.
pub const USER: &str = "somebody";
/// What the stack offers: first choice,
pub const CURVE: &str = "curve25519-sha256";
/// and second.
pub const GROUP_EXCHANGE: &str = "diffie-hellman-group-exchange-sha256";

/// How a fight begins.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The role of the stack.
    pub victim: Side,
    /// The peer's cipher and MAC.
    pub mode: (&'static str, &'static str),
    /// The peer's compression.
    pub compression: &'static str,
    /// What the peer lists as key exchange methods, markers included.
    pub kex: String,
    /// Whether the peer says that the first packet of its exchange follows.
    pub guesses: bool,
    /// What the questions of authentication are answered with.
    pub answers: Answers,
    /// Whether whoever runs a client says that the host's key is the right one, or nothing at all.
    pub knows_host: bool,
    /// How a server logs people in.
    pub auth: ServerAuthConfig,
}

/// What a question of authentication is answered with; with none it stays open.
pub type Answers = fn(AuthQuestion) -> Option<AuthAnswer>;

impl Setup {
    /// A peer as it should be, but for what a test makes of it.
    #[must_use]
    pub fn new(victim: Side) -> Self {
        let marker = if victim.is_client() { "s" } else { "c" };
        let kex = format!("{CURVE},ext-info-{marker},kex-strict-{marker}-v00@openssh.com");
        let compression = "none";
        let auth = ServerAuthConfig::default();
        let (mode, guesses, answers, knows_host) = (MODES[0], false, usual as Answers, true);
        Self { victim, mode, compression, kex, guesses, answers, knows_host, auth }
    }

    /// A peer that does not speak of strict key exchange.
    #[must_use]
    pub fn lenient(victim: Side) -> Self {
        Self { kex: CURVE.to_owned(), ..Self::new(victim) }
    }
}

/// Steps that what a test feeds at once may take: far more than it has packets.
const STEPS_MAX: usize = 100_000;

/// Both of them.
pub struct Fight {
    /// The peer.
    pub raw: Raw,
    /// The stack.
    pub victim: Stack,
    /// What the stack takes the time for.
    pub now: Timestamp,
    /// What the stack has told and nobody has looked at.
    pub events: Vec<Event>,
    /// What the questions of authentication are answered with.
    pub answers: Answers,
    knows_host: bool,
    /// Whether the peer takes nothing of what the stack sends.
    pub deaf: bool,
    /// Bytes that a consumer takes of each delivery.
    pub accepts: usize,
}

fn victim(setup: &Setup) -> Stack {
    let side = setup.victim;
    let one = |name: &str| vec![name.to_owned()];
    let transport = TransportConfig {
        identification: "SSH-2.0-tssh_test".to_owned(),
        algorithms: Algorithms {
            kex: [CURVE, GROUP_EXCHANGE].map(str::to_owned).to_vec(),
            host_key: one("ssh-ed25519"),
            cipher: MODES.iter().map(|(cipher, _)| (*cipher).to_owned()).collect(),
            mac: MODES[2..].iter().map(|(_, mac)| (*mac).to_owned()).collect(),
            compression: ["none", "zlib@openssh.com"].map(str::to_owned).to_vec(),
        },
        rekey: RekeyLimits::default(),
        host_keys: if side.is_client() { Vec::new() } else { vec![setup::key(7, 1)] },
        server_sig_algs: one("ssh-ed25519"),
    };
    let (entropy, now) = (setup::entropy(7, 2), Timestamp::default());
    let connection = ConnectionConfig::default();
    match side {
        Side::Client => {
            let config = ClientConfig { transport, user: USER.to_owned(), connection };
            Stack::client(config, entropy, now).expect("a client")
        }
        Side::Server => {
            let auth = setup.auth.clone();
            let config = ServerConfig { transport, auth, connection };
            Stack::server(config, entropy, now).expect("a server")
        }
    }
}

/// The key of whoever runs a client.
#[must_use]
pub fn user_key() -> PrivateKey {
    setup::key(7, 4)
}

/// A client tries its key, once; a server lets everybody in.
#[must_use]
pub fn usual(question: AuthQuestion) -> Option<AuthAnswer> {
    let (key, algorithm) = (user_key(), "ssh-ed25519".to_owned());
    let blob = key.public().blob();
    Some(match question {
        AuthQuestion::ChooseMethod { methods: None, .. } => {
            AuthAnswer::Attempt(Attempt::PublicKey { blob, algorithm, probe: false })
        }
        AuthQuestion::ChooseMethod { .. } => AuthAnswer::GiveUp,
        AuthQuestion::Sign { data, .. } => {
            AuthAnswer::Signature(key.sign(&algorithm, &data).expect("it signs"))
        }
        _ => AuthAnswer::Accept,
    })
}

/// Nobody ever comes to a decision.
#[must_use]
pub fn undecided(_: AuthQuestion) -> Option<AuthAnswer> {
    None
}

impl Fight {
    /// Nothing was sent yet.
    pub fn new(setup: &Setup) -> Self {
        let (kex, (cipher, mac)) = (setup.kex.clone(), setup.mode);
        let Setup { compression, guesses, .. } = *setup;
        let offer = Offer { kex, cipher, mac, compression, guesses };
        Self {
            raw: Raw::new(setup.victim.peer(), offer, setup::key(7, 3)),
            victim: victim(setup),
            now: Timestamp::default(),
            events: Vec::new(),
            answers: setup.answers,
            knows_host: setup.knows_host,
            deaf: false,
            accepts: usize::MAX,
        }
    }

    /// The first key exchange is over.
    pub fn exchanged(setup: &Setup) -> Self {
        let mut fight = Self::new(setup);
        fight.feed(&Raw::hello()).expect("a good greeting");
        fight.exchange().expect("a good exchange");
        fight
    }

    /// A key exchange, from our KEXINIT to both NEWKEYS.
    pub fn exchange(&mut self) -> Result<()> {
        let kexinit = self.raw.kexinit();
        self.send(&kexinit)?;
        self.exchange_on()
    }

    /// The rest of a key exchange whose KEXINIT was sent.
    pub fn exchange_on(&mut self) -> Result<()> {
        if self.raw.side.is_client() {
            let share = self.raw.share();
            self.send(&share)?;
        } else {
            let reply = self.raw.reply.take().expect("a share came");
            self.send(&reply)?;
        }
        let packet = self.raw.new_keys();
        self.feed(&packet)
    }

    /// Logged in.
    pub fn connected(victim: Side) -> Self {
        Self::connected_as(&Setup::new(victim))
    }

    /// Logged in, in a way.
    pub fn connected_as(setup: &Setup) -> Self {
        let mut fight = Self::exchanged(setup);
        fight.log_in();
        fight.events.clear();
        fight.raw.payloads.clear();
        fight
    }

    /// Logs in properly.
    pub fn log_in(&mut self) {
        if self.raw.side.is_client() {
            self.send(&ServiceRequest::new(b"ssh-userauth").payload()).expect("a service");
            let request = self.raw.signed_request(USER.as_bytes());
            self.send(&request).expect("a login");
        } else {
            self.send(&ServiceAccept::new(b"ssh-userauth").payload()).expect("a service");
            self.send(&[52]).expect("a login");
        }
        assert!(self.logged_in(), "{:?}", self.events);
    }

    /// Whether the stack said that somebody is logged in.
    pub fn logged_in(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Authenticated { .. }))
    }

    /// Nobody is logged in, and nothing that would need it works.
    #[track_caller]
    pub fn nothing_granted(&mut self) {
        assert!(!self.logged_in());
        assert_eq!(self.victim.open(OpenKind::Session), Err(LocalError::NotReady));
        assert_eq!(self.victim.channel_count(), 0);
        assert_eq!(self.channel_events(), []);
    }

    /// Gives the stack bytes, and lets it do what it wants to.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.victim.receive_space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.victim.received(bytes.len());
        let outcome = self.run();
        self.collect();
        outcome
    }

    /// Gives the stack a packet.
    pub fn send(&mut self, payload: &[u8]) -> Result<()> {
        let packet = self.raw.packet(payload);
        self.feed(&packet)
    }

    /// Gives the stack a packet with a message.
    pub fn say<'m>(&mut self, message: &impl Message<'m>) -> Result<()> {
        self.send(&message.payload())
    }

    /// Lets the stack do what it wants to.
    pub fn run(&mut self) -> Result<()> {
        for _ in 0..STEPS_MAX {
            match self.take()? {
                None => return Ok(()),
                Some(Some(event)) => self.on_event(event)?,
                Some(None) => {}
            }
        }
        panic!("the stack does not come to rest");
    }

    fn take(&mut self) -> Result<Option<Option<Event>>> {
        let accepts = self.accepts;
        Ok(match self.victim.next(self.now)? {
            None => None,
            Some(Happening::Event(event)) => Some(Some(event)),
            Some(Happening::Data(delivery)) => {
                delivery.accept(accepts);
                Some(None)
            }
        })
    }

    fn on_event(&mut self, event: Event) -> Result<()> {
        match event {
            Event::HostKey(_) if self.knows_host => self.victim.answer(Answer::HostKey(true)),
            Event::Auth(AuthEvent::Question(question)) => match (self.answers)(question) {
                Some(answer) => self.victim.answer(Answer::Auth(answer)),
                None => Ok(()),
            },
            event => {
                self.events.push(event);
                Ok(())
            }
        }
    }

    /// The peer takes what the stack sends.
    pub fn collect(&mut self) {
        if self.deaf {
            return;
        }
        let bytes = self.victim.transmit().to_vec();
        self.victim.transmitted(bytes.len());
        self.raw.receive(&bytes);
    }

    /// What happened on channels since the last look.
    pub fn channel_events(&mut self) -> Vec<ChannelEvent> {
        let events = self.events.drain(..);
        events
            .filter_map(|e| if let Event::Channel(event) = e { Some(event) } else { None })
            .collect()
    }

    /// The stack ended the connection with this error and told its peer so.
    #[track_caller]
    pub fn ended(&mut self, outcome: Result<()>, expected: &Error) {
        assert_eq!(outcome.as_ref(), Err(expected));
        self.told(expected);
    }

    /// The peer was told of an error, and nothing comes after that.
    #[track_caller]
    pub fn told(&mut self, error: &Error) {
        self.run().expect("nothing more happens");
        self.collect();
        let last = self.raw.payloads.pop_back().expect("a farewell");
        let farewell = Disconnect::decode(&last).expect("a farewell");
        let reason = error.disconnect_reason().expect("a reason");
        assert_eq!(farewell.reason_code, reason.code());
        assert_eq!(farewell.description, error.to_string().as_bytes());
        assert!(!self.victim.wants_read(), "nothing more is read");
    }

    /// As [`Fight::ended`], for the ends that name a broken rule.
    #[track_caller]
    pub fn misbehaved(&mut self, outcome: Result<()>, rule: &'static str) {
        match &outcome {
            Err(Error::PeerMisbehaved(text)) if text.contains(rule) => {}
            other => panic!("{other:?} where {rule:?} was broken"),
        }
        self.told(&outcome.expect_err("seen above"));
    }

    /// A channel that the peer opens towards a server, or the client towards the peer, as
    /// (the stack's key, the peer's number).
    pub fn channel(&mut self, kind: &OpenKind, window: u32, packet: u32) -> (ChannelKey, u32) {
        const NUMBER: u32 = 77;
        if self.raw.side.is_client() {
            let mut open = Vec::new();
            kind.encode(NUMBER, window, packet, &mut open);
            self.send(&open).expect("an open");
            let events = self.channel_events();
            let [ChannelEvent::OpenRequest { channel, .. }] = events[..] else {
                panic!("{events:?}")
            };
            self.victim.accept_open(channel).expect("it is to be decided");
            self.run().expect("a confirmation");
            self.collect();
            assert_eq!(self.raw.numbers().last(), Some(&91));
            return (channel, NUMBER);
        }
        let channel = self.victim.open(kind.clone()).expect("an open");
        self.run().expect("an open");
        self.collect();
        assert_eq!(self.raw.numbers().last(), Some(&90));
        let confirm = tssh_connection::messages::ChannelOpenConfirmation::new(
            channel.number(),
            NUMBER,
            window,
            packet,
            &[],
        );
        self.say(&confirm).expect("a confirmation");
        assert_eq!(self.channel_events(), [ChannelEvent::Opened { channel }]);
        (channel, NUMBER)
    }
}
