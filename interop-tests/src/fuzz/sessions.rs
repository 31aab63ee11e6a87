//! A stack at the mercy of a peer that knows the keys: what the peer sends, when, how it is cut,
//! what time it is and what our own side wants are all orders of the input.
//!
//! Whatever is ordered: no panic, no internal contradiction, no login without a signature, no more
//! memory than is bounded, and silence once the connection is over.

use super::cursor::{Cursor, any};
use crate::hostile::raw::{Offer, Raw};
use crate::sim::setup;
use tssh_connection::{
    Answer, Areas, ChannelEvent, ChannelKey, ChannelRequest, ClientConfig, ConnectionConfig, Event,
    GlobalRequest, Happening, OpenFailure, OpenKind, ServerConfig, Stack, Stream,
};
use tssh_transport::algorithms::Algorithms;
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::kex::rekey::RekeyLimits;
use tssh_transport::limits::{BACKLOG_BYTES_MAX, PENDING_BYTES_MAX};
use tssh_transport::messages::transport::{ServiceAccept, ServiceRequest};
use tssh_transport::userauth::{Attempt, AuthAnswer, AuthEvent, AuthQuestion, ServerAuthConfig};
use tssh_transport::wire::Message as _;
use tssh_transport::{Error, Side, Timestamp, TransportConfig};
use zeroize::Zeroizing;

const MODES: [(&str, &str); 4] = [
    ("chacha20-poly1305@openssh.com", ""),
    ("aes128-gcm@openssh.com", ""),
    ("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
    ("aes256-ctr", "hmac-sha2-512"),
];
const USER: &str = "somebody";
/// Orders of one input: enough for any state, and a bound on the time of one run.
const ORDERS_MAX: usize = 64;
/// Steps that a stack may take before it waits again: each packet makes a few, and an input of a
/// few thousand bytes has a few hundred packets.
const STEPS_MAX: usize = 20_000;
const CHANNELS_MAX: usize = 16;

/// A client.
pub fn client(data: &[u8]) {
    Duel::run(Side::Client, data);
}

/// A server.
pub fn server(data: &[u8]) {
    Duel::run(Side::Server, data);
}

struct Duel {
    stack: Stack,
    raw: Raw,
    now: Timestamp,
    /// The stack has said that it is over.
    over: bool,
    /// A signature was made that lets a client in.
    signed: bool,
    deaf: bool,
    /// Bytes that go in at a time.
    piece: usize,
    /// Bytes of each delivery that are taken at once.
    accepts: usize,
    /// Channels that were seen, open or not.
    channels: Vec<ChannelKey>,
    /// How a client tries to log in.
    method: u8,
}

impl Duel {
    fn run(victim: Side, data: &[u8]) {
        let mut orders = Cursor::new(data);
        let (manner, phase) = (orders.byte(), orders.byte());
        let mut duel = Self::new(victim, manner, phase >> 2);
        duel.begin(phase & 3);
        for _ in 0..ORDERS_MAX {
            if orders.is_empty() {
                break;
            }
            duel.order(&mut orders);
            duel.checked();
        }
    }

    fn new(victim: Side, manner: u8, method: u8) -> Self {
        let marker = if victim.is_client() { "s" } else { "c" };
        let strict =
            format!("curve25519-sha256,ext-info-{marker},kex-strict-{marker}-v00@openssh.com");
        let kex = if manner & 4 == 0 { strict } else { "curve25519-sha256".to_owned() };
        let (cipher, mac) = MODES[usize::from(manner & 3)];
        let offer = Offer { kex, cipher, mac, compression: "none", guesses: manner & 8 != 0 };
        let mut raw = Raw::new(victim.peer(), offer, setup::key(7, 3));
        // The input may have made it say what it did not mean.
        raw.forgiving = true;
        Self {
            stack: stack(victim),
            raw,
            now: Timestamp::default(),
            over: false,
            signed: false,
            deaf: false,
            piece: if manner & 16 == 0 { usize::MAX } else { 1 },
            accepts: usize::MAX,
            channels: Vec::new(),
            method,
        }
    }

    /// As far as the session is to be before the orders begin.
    fn begin(&mut self, phase: u8) {
        if phase == 0 {
            return;
        }
        self.feed(&Raw::hello());
        if phase >= 2 {
            self.exchange();
        }
        if phase < 3 || self.raw.session_id.is_none() {
            return;
        }
        if self.raw.side.is_client() {
            self.send(&ServiceRequest::new(b"ssh-userauth").payload());
            self.signed = true;
            let request = self.raw.signed_request(USER.as_bytes());
            self.send(&request);
        } else {
            self.send(&ServiceAccept::new(b"ssh-userauth").payload());
            self.send(&[52]);
        }
    }

    /// The peer's part of a key exchange, as far as the stack takes part in it.
    fn exchange(&mut self) {
        let kexinit = self.raw.kexinit();
        self.send(&kexinit);
        if self.raw.side.is_client() {
            let share = self.raw.share();
            self.send(&share);
        } else if let Some(reply) = self.raw.reply.take() {
            self.send(&reply);
        }
        if self.raw.may_change_keys() {
            let packet = self.raw.new_keys();
            self.feed(&packet);
        }
    }

    fn order(&mut self, orders: &mut Cursor<'_>) {
        match orders.byte() % 16 {
            0..=3 => self.send(orders.counted()),
            4 => {
                let size = usize::from(orders.short() % 4096);
                self.send(orders.take(size));
            }
            5 => self.feed(orders.counted()),
            6 => self.exchange(),
            7 => {
                let step = u64::from(orders.short()) * 1000;
                self.now = Timestamp::from_micros(self.now.as_micros().saturating_add(step << 4));
                let outcome = self.stack.handle_deadline(self.now);
                self.outcome(outcome);
                self.turn();
            }
            8 => {
                let packet = self.raw.packet(orders.counted());
                self.flipped(packet, orders.short());
            }
            9 => self.message(orders),
            10 => self.deaf = !self.deaf,
            11 => self.accepts = usize::from(orders.byte()),
            12 => {
                let size = usize::from(orders.short() % 40_000);
                let channel = u32::from(orders.byte() % 4);
                let mut data = vec![94];
                data.extend(channel.to_be_bytes());
                data.extend(u32::try_from(size).unwrap_or(0).to_be_bytes());
                data.resize(9 + size, 0x5a);
                self.send(&data);
            }
            _ => self.command(orders),
        }
    }

    /// One bit of a packet is another.
    fn flipped(&mut self, mut packet: Vec<u8>, place: u16) {
        let at = usize::from(place >> 3) % packet.len();
        packet[at] ^= 1 << (place & 7);
        self.feed(&packet);
    }

    /// A message with a small channel number and size, and a tail: what chance alone seldom makes.
    fn message(&mut self, orders: &mut Cursor<'_>) {
        let numbers = [90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 80, 81, 82, 60, 61];
        let number = numbers[usize::from(orders.byte()) % numbers.len()];
        let mut payload = vec![number];
        for _ in 0..orders.byte() % 5 {
            let field = orders.byte();
            let field = if field == 255 { u32::MAX } else { u32::from(field % 8) << (field / 16) };
            payload.extend(field.to_be_bytes());
        }
        payload.extend(orders.counted());
        self.send(&payload);
    }

    /// What our own side wants.
    fn command(&mut self, orders: &mut Cursor<'_>) {
        let (what, which) = (orders.byte(), usize::from(orders.byte()));
        let channel = self.channels.get(which % self.channels.len().max(1)).copied();
        let stack = &mut self.stack;
        match (what % 16, channel) {
            (0, _) => self.channels.extend(stack.open(OpenKind::Session).ok()),
            (1, _) => {
                let text = || "localhost".to_owned();
                let kind = OpenKind::DirectTcpip {
                    host: text(),
                    port: 80,
                    originator_address: text(),
                    originator_port: 1,
                };
                self.channels.extend(stack.open(kind).ok());
            }
            (2, Some(channel)) => any(stack.accept_open(channel)),
            (3, Some(channel)) => {
                any(stack.refuse_open(channel, OpenFailure::ConnectFailed, "no"));
            }
            (4 | 5, Some(channel)) => self.send_data(channel, which),
            (6, Some(channel)) => any(stack.send_eof(channel)),
            (7, Some(channel)) => any(stack.close(channel)),
            (8, Some(channel)) => {
                any(stack.request(channel, ChannelRequest::Shell, which.is_multiple_of(2)));
            }
            (9, Some(channel)) => any(stack.reply_request(channel, which.is_multiple_of(2))),
            (10, Some(channel)) => {
                let waiting = stack.ring(channel, Stream::Data).len();
                stack.drained(channel, Stream::Data, waiting.min(which * 64));
            }
            (11, _) => any(stack.global_request(GlobalRequest::KeepAlive, true)),
            (12, _) => any(stack.reply_global(which.is_multiple_of(2), b"data")),
            (13, _) => stack.request_rekey(),
            (14, _) => any(stack.ping(b"ping")),
            (15, _) if which > 250 => stack.disconnect(DisconnectReason::ByApplication, "enough"),
            _ => {}
        }
        self.turn();
    }

    fn send_data(&mut self, channel: ChannelKey, size: usize) {
        self.stack.want_send(channel, Stream::Data);
        for _ in 0..4 {
            let Some(turn) = self.stack.next_turn() else { return };
            let fill = |areas: &mut Areas<'_>| areas.len().min(size * 200);
            let outcome = self.stack.send_data(turn.channel, turn.stream, fill);
            self.outcome(outcome.map(|_| ()));
        }
    }

    fn send(&mut self, payload: &[u8]) {
        let packet = self.raw.packet(payload);
        self.feed(&packet);
    }

    fn feed(&mut self, bytes: &[u8]) {
        // Nothing reads for a connection that is over.
        if self.over {
            return;
        }
        for piece in bytes.chunks(self.piece.min(bytes.len()).max(1)) {
            self.stack.receive_space(piece.len())[..piece.len()].copy_from_slice(piece);
            self.stack.received(piece.len());
            self.turn();
        }
    }

    /// Lets the stack do what it wants to.
    fn turn(&mut self) {
        for step in 0.. {
            assert!(step < STEPS_MAX, "it never waits");
            let event = match self.take() {
                Ok(None) => break,
                Ok(Some(None)) => continue,
                Ok(Some(Some(event))) => event,
                Err(error) => {
                    assert!(!self.over, "it ends twice: {error}");
                    self.outcome(Err(error));
                    continue;
                }
            };
            let answered = self.event(event);
            self.outcome(answered);
        }
        if !self.deaf {
            let bytes = self.stack.transmit().to_vec();
            self.stack.transmitted(bytes.len());
            self.raw.receive(&bytes);
        }
    }

    /// One step: nothing more, data that was taken, or an event.
    fn take(&mut self) -> Result<Option<Option<Event>>, Error> {
        let accepts = self.accepts;
        Ok(match self.stack.next(self.now)? {
            None => None,
            Some(Happening::Event(event)) => Some(Some(event)),
            Some(Happening::Data(delivery)) => {
                assert!(!delivery.bytes().is_empty());
                delivery.accept(accepts);
                Some(None)
            }
        })
    }

    fn outcome(&mut self, outcome: Result<(), Error>) {
        let Err(error) = outcome else { return };
        assert!(!matches!(error, Error::Internal(_)), "{error}");
        self.over = true;
    }

    fn event(&mut self, event: Event) -> Result<(), Error> {
        let question = match event {
            Event::HostKey(_) => return self.stack.answer(Answer::HostKey(true)),
            Event::Auth(AuthEvent::Question(question)) => question,
            Event::Authenticated { .. } => {
                let server = self.stack.side() == Side::Server;
                assert!(self.signed || !server, "a login without a signature");
                return Ok(());
            }
            Event::Channel(event) => {
                if let ChannelEvent::OpenRequest { channel, .. }
                | ChannelEvent::Opened { channel } = event
                {
                    self.channels.push(channel);
                    self.channels.truncate(4 * CHANNELS_MAX);
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        let answer = self.answer(question);
        self.stack.answer(Answer::Auth(answer))
    }

    fn answer(&self, question: AuthQuestion) -> AuthAnswer {
        let (key, algorithm) = (setup::key(7, 4), "ssh-ed25519".to_owned());
        match question {
            AuthQuestion::ChooseMethod { .. } => {
                let blob = key.public().blob();
                AuthAnswer::Attempt(match self.method % 4 {
                    0 => Attempt::PublicKey { blob, algorithm, probe: false },
                    1 => Attempt::PublicKey { blob, algorithm, probe: true },
                    2 => Attempt::Password(Zeroizing::new("password".to_owned())),
                    _ => Attempt::KeyboardInteractive { submethods: String::new() },
                })
            }
            AuthQuestion::Sign { data, .. } => {
                AuthAnswer::Signature(key.sign(&algorithm, &data).expect("it signs"))
            }
            AuthQuestion::Prompts { prompts, .. } => {
                let answers = prompts.iter().map(|_| Zeroizing::new("answer".to_owned()));
                AuthAnswer::Responses(answers.collect())
            }
            AuthQuestion::ChangePassword { .. } => AuthAnswer::GiveUp,
            AuthQuestion::CheckKey { .. } => AuthAnswer::Accept,
            // No password is right, and nobody is let in for nothing.
            _ => AuthAnswer::Reject,
        }
    }

    /// What holds at all times.
    fn checked(&self) {
        let waiting = self.stack.transmit().len();
        let bound = BACKLOG_BYTES_MAX + PENDING_BYTES_MAX;
        assert!(waiting <= bound, "{waiting} bytes wait for a peer that takes none");
        assert!(self.stack.channel_count() <= CHANNELS_MAX, "too many channels");
        assert!(!(self.over && self.stack.wants_read()), "it reads on after the end");
    }
}

fn stack(side: Side) -> Stack {
    let one = |name: &str| vec![name.to_owned()];
    let transport = TransportConfig {
        identification: "SSH-2.0-tssh_fuzz".to_owned(),
        algorithms: Algorithms {
            kex: one("curve25519-sha256"),
            host_key: one("ssh-ed25519"),
            cipher: MODES.iter().map(|(cipher, _)| (*cipher).to_owned()).collect(),
            mac: MODES[2..].iter().map(|(_, mac)| (*mac).to_owned()).collect(),
            compression: one("none"),
        },
        rekey: RekeyLimits::default(),
        host_keys: if side.is_client() { Vec::new() } else { vec![setup::key(7, 1)] },
        server_sig_algs: one("ssh-ed25519"),
    };
    let (entropy, now) = (setup::entropy(7, 2), Timestamp::default());
    let connection = ConnectionConfig { channels_max: CHANNELS_MAX, ..ConnectionConfig::default() };
    let stack = match side {
        Side::Client => {
            let config = ClientConfig { transport, user: USER.to_owned(), connection };
            Stack::client(config, entropy, now)
        }
        Side::Server => {
            let auth = ServerAuthConfig::default();
            Stack::server(ServerConfig { transport, auth, connection }, entropy, now)
        }
    };
    stack.expect("a stack")
}
