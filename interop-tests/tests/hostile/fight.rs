//! A stack and a hostile peer, with nothing between them.

use crate::raw::{Offer, Raw};
use tssh_connection::{
    Answer, ChannelEvent, ChannelKey, ClientConfig, ConnectionConfig, Event, Happening, LocalError,
    OpenKind, ServerConfig, Stack,
};
use tssh_interop_tests::sim::setup;
use tssh_transport::algorithms::Algorithms;
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::messages::transport::{Disconnect, ServiceAccept, ServiceRequest};
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthEvent, AuthQuestion, ServerAuthConfig};
use tssh_transport::wire::Message;
use tssh_transport::{Error, Result, Side, Timestamp, TransportConfig};

pub const SIDES: [Side; 2] = [Side::Client, Side::Server];
pub const MODES: [(&str, &str); 4] = [
    ("chacha20-poly1305@openssh.com", ""),
    ("aes128-gcm@openssh.com", ""),
    ("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
    ("aes256-ctr", "hmac-sha2-512"),
];
const USER: &str = "somebody";

/// How a fight begins.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The role of the stack.
    pub victim: Side,
    pub mode: (&'static str, &'static str),
    pub compression: &'static str,
    /// What the peer lists as key exchange methods, markers included.
    pub kex: String,
    pub guesses: bool,
    /// Whether a client never comes to a decision how to log in.
    pub lazy: bool,
}

impl Setup {
    pub fn new(victim: Side) -> Self {
        let marker = if victim.is_client() { "s" } else { "c" };
        let kex =
            format!("curve25519-sha256,ext-info-{marker},kex-strict-{marker}-v00@openssh.com");
        let compression = "none";
        Self { victim, mode: MODES[0], compression, kex, guesses: false, lazy: false }
    }

    /// A peer that does not speak of strict key exchange.
    pub fn lenient(victim: Side) -> Self {
        Self { kex: "curve25519-sha256".to_owned(), ..Self::new(victim) }
    }
}

/// Both of them.
pub struct Fight {
    pub raw: Raw,
    pub victim: Stack,
    pub now: Timestamp,
    pub events: Vec<Event>,
    lazy: bool,
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
            kex: one("curve25519-sha256"),
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
            let auth = ServerAuthConfig::default();
            let config = ServerConfig { transport, auth, connection };
            Stack::server(config, entropy, now).expect("a server")
        }
    }
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
            lazy: setup.lazy,
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
        while let Some(event) = self.take()? {
            if let Some(event) = event {
                self.on_event(event)?;
            }
        }
        Ok(())
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
        let question = match event {
            Event::HostKey(_) => return self.victim.answer(Answer::HostKey(true)),
            Event::Auth(AuthEvent::Question(question)) => question,
            event => {
                self.events.push(event);
                return Ok(());
            }
        };
        if self.lazy {
            return Ok(());
        }
        let (key, algorithm) = (setup::key(7, 4), "ssh-ed25519".to_owned());
        let blob = key.public().blob();
        self.victim.answer(Answer::Auth(match question {
            AuthQuestion::ChooseMethod { methods: None, .. } => {
                AuthAnswer::Attempt(Attempt::PublicKey { blob, algorithm, probe: false })
            }
            AuthQuestion::ChooseMethod { .. } => AuthAnswer::GiveUp,
            AuthQuestion::Sign { data, .. } => {
                AuthAnswer::Signature(key.sign(&algorithm, &data).expect("it signs"))
            }
            _ => AuthAnswer::Accept,
        }))
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
