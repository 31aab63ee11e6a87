//! The transport protocol as one object: bytes in, payloads and events out, bytes to send.

mod facts;
mod generic;
mod host_keys;
mod shared;
mod tracing;

use crate::admission::{self, Phase, Verdict};
use crate::algorithms::Algorithms;
use crate::compression::Inflater;
use crate::disconnect::DisconnectReason;
use crate::entropy::Entropy;
use crate::error::{Error, Result};
use crate::ext_info::{PeerExtensions, server_ext_info};
use crate::kex::exchanger::{Exchanger, HostKeyQuestion, Output};
use crate::kex::rekey::{RekeyClock, RekeyLimits};
use crate::key::PrivateKey;
use crate::limits;
use crate::messages::{kex, transport as msg};
use crate::packet::{Inbound, PayloadRange};
use crate::proof::ExchangeComplete;
use crate::sender::{PacketSender, SendHalf};
use crate::side::Side;
use crate::text::printable;
use crate::time::Timestamp;
use crate::version::{self, Identification, Line};
use crate::wire::Message as _;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What a connection is made with.
pub struct TransportConfig {
    /// Our identification string, without line end: "SSH-2.0-tssh_0.1.0".
    pub identification: String,
    /// What we offer.
    pub algorithms: Algorithms,
    /// When we start a new exchange.
    pub rekey: RekeyLimits,
    /// Server: its keys.
    pub host_keys: Vec<PrivateKey>,
    /// Server: signature algorithms accepted of user keys, told in EXT_INFO.
    pub server_sig_algs: Vec<String>,
}

/// Something that happened below the layers above.
#[derive(Debug)]
pub enum TransportEvent {
    /// The peer's identification string, made printable.
    PeerIdentification(String),
    /// A line that the server sent before it, made printable.
    Prelude(String),
    /// Is this the host's key? Nothing more is read until [`Transport::answer_host_key`].
    HostKey(HostKeyQuestion),
    /// The first exchange is over.
    ExchangeComplete(ExchangeComplete),
    /// A later exchange is over.
    Rekeyed,
    /// EXT_INFO came; see [`Transport::peer_extensions`].
    ExtInfo,
    /// SSH_MSG_DEBUG.
    Debug {
        /// The peer asks that it be shown.
        always_display: bool,
        /// The text, made printable.
        message: String,
    },
    /// The answer to a ping of ours.
    Pong(Vec<u8>),
    /// The peer does not know what packet number `0` of ours was.
    Unimplemented(u32),
    /// A step of a key exchange, in OpenSSH's words, for `-v`.
    Note(&'static str),
}

/// What [`Transport::next`] yields.
#[derive(Debug)]
pub enum Incoming {
    /// A message of a layer above (5, 6, 50-127), admitted in the present phase.
    Payload(PayloadRange),
    /// Something that happened.
    Event(TransportEvent),
}

/// One connection's transport protocol.
pub struct Transport {
    side: Side,
    phase: Phase,
    inbound: Inbound,
    send: SendHalf,
    exchanger: Exchanger,
    /// Present until the peer's identification string is here.
    identification: Option<Identification>,
    events: VecDeque<TransportEvent>,
    clock: RekeyClock,
    exchange_started: Option<Timestamp>,
    extensions: PeerExtensions,
    ext_infos: u32,
    host_bound: bool,
    server_sig_algs: Vec<String>,
    /// There is no protection of our own, see [`Transport::shared`].
    shared: bool,
    /// Compression agreed on for (sending, receiving); in force once authenticated.
    zlib: (bool, bool),
}

impl Transport {
    /// Starts: identification string and KEXINIT are ready to be sent at once.
    ///
    /// # Errors
    /// [`Error::Internal`] only.
    pub fn new(
        side: Side,
        config: TransportConfig,
        entropy: Entropy,
        now: Timestamp,
    ) -> Result<Self> {
        let identification = config.identification.clone();
        let mut new = Self::start(side, config, entropy, now);
        new.send.outbound.raw(format!("{identification}\r\n").as_bytes());
        new.exchanger.set_identification(side, identification.into_bytes());
        let kexinit = new.exchanger.begin(&mut new.send.entropy)?;
        new.send.send_now(&kexinit)?;
        new.events.push_back(TransportEvent::Note("SSH2_MSG_KEXINIT sent"));
        Ok(new)
    }

    /// Before anything is said.
    fn start(side: Side, config: TransportConfig, entropy: Entropy, now: Timestamp) -> Self {
        Self {
            side,
            phase: Phase::InitialExchange,
            inbound: Inbound::new(),
            send: SendHalf::new(side, entropy),
            exchanger: Exchanger::new(side, config.algorithms, config.host_keys),
            identification: Some(Identification::default()),
            events: VecDeque::new(),
            clock: RekeyClock::new(config.rekey, now),
            exchange_started: None,
            extensions: PeerExtensions::default(),
            ext_infos: 0,
            host_bound: false,
            server_sig_algs: config.server_sig_algs,
            shared: false,
            zlib: (false, false),
        }
    }

    /// Which end this is.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.side
    }

    /// At least `want` bytes to read the socket into.
    pub fn receive_space(&mut self, want: usize) -> &mut [u8] {
        self.inbound.space(want)
    }

    /// `n` bytes of the lent space were filled.
    pub fn received(&mut self, n: usize) {
        self.inbound.received(n);
        #[cfg(feature = "transcript")]
        if n > 0 {
            self.send.note("t received", self.inbound.last(n));
        }
    }

    /// Whether the socket should be read: not while an answer is awaited, nor while the peer
    /// does not read what it owes us to read. During a key exchange reading goes on, as the
    /// peer's KEXINIT may stand behind its own requests.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let mark = limits::BACKLOG_BYTES_MAX.saturating_add(limits::CONTROL_RESERVE_BYTES);
        let room = self.send.outbound.backlog() <= mark;
        !self.send.closing && !self.exchanger.awaits_host_key() && (room || self.send.gate_closed)
    }

    /// Sealed bytes that wait for the socket.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.send.outbound.transmit()
    }

    /// The socket took `n` of them.
    pub fn transmitted(&mut self, n: usize) {
        #[cfg(feature = "transcript")]
        if let Some(log) = &mut self.send.log {
            let waiting = self.send.outbound.transmit();
            log.bytes("t transmitted", waiting.get(..n).unwrap_or(waiting));
        }
        self.send.outbound.transmitted(n);
    }

    /// The next payload or event; none when more bytes, or an answer, are needed.
    ///
    /// # Errors
    /// Whatever ends the connection; [`Transport::fail`] tells the peer.
    pub fn next(&mut self, now: Timestamp) -> Result<Option<Incoming>> {
        let incoming = self.advance(now);
        #[cfg(feature = "transcript")]
        if let Some(log) = &mut self.send.log {
            log.next('t', now, crate::transcript::Came::of(&incoming));
        }
        incoming
    }

    fn advance(&mut self, now: Timestamp) -> Result<Option<Incoming>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(Incoming::Event(event)));
            }
            if self.send.closing || self.exchanger.awaits_host_key() {
                return Ok(None);
            }
            self.trace_time(now);
            self.rekey_if_due(now)?;
            if !self.events.is_empty() {
                continue;
            }
            if self.identification.is_some() {
                if !self.read_identification()? {
                    return Ok(None);
                }
                continue;
            }
            let opened = self.inbound.next_packet();
            self.trace_opened(&opened);
            let Some(range) = opened? else { return Ok(None) };
            if self.dispatch(range, now)? {
                return Ok(Some(Incoming::Payload(range)));
            }
        }
    }

    /// The decrypted payload and the sending half, at the same time.
    pub fn payload(&mut self, range: &PayloadRange) -> (&[u8], PacketSender<'_>) {
        (self.inbound.payload(range), PacketSender::new(&mut self.send))
    }

    /// The decrypted payload alone.
    #[must_use]
    pub fn opened(&self, range: &PayloadRange) -> &[u8] {
        self.inbound.payload(range)
    }

    /// The sending half.
    pub const fn sender(&mut self) -> PacketSender<'_> {
        PacketSender::new(&mut self.send)
    }

    /// Starts a recording; to be called before anything else happens. It ends with the transport.
    #[cfg(feature = "transcript")]
    pub fn record(&mut self, log: crate::transcript::Log) {
        self.send.log = Some(log);
    }

    /// The recording, for the layers above to add their lines.
    #[cfg(feature = "transcript")]
    pub const fn log(&mut self) -> Option<&mut crate::transcript::Log> {
        self.send.log.as_mut()
    }

    /// Entropy for the layers above.
    pub const fn entropy(&mut self) -> &mut Entropy {
        &mut self.send.entropy
    }

    /// False when more bytes are needed.
    fn read_identification(&mut self) -> Result<bool> {
        let Some(reader) = &mut self.identification else { return Ok(true) };
        match reader.look(self.side, self.inbound.unread())? {
            Line::Incomplete => return Ok(false),
            Line::Prelude { consumed } => {
                let line = self.inbound.unread().get(..consumed).unwrap_or_default();
                let text = printable(line.trim_ascii_end(), limits::PRELUDE_LINE_BYTES_MAX);
                if let Some(tracer) = self.send.tracer.get_mut() {
                    tracer.ident(self.side.peer(), line, true);
                }
                self.events.push_back(TransportEvent::Prelude(text));
                self.inbound.skip(consumed);
            }
            Line::Identification { consumed, identification } => {
                let text = version::printable(&identification);
                if let Some(tracer) = self.send.tracer.get_mut() {
                    let line = self.inbound.unread().get(..consumed).unwrap_or_default();
                    tracer.ident(self.side.peer(), line, false);
                }
                self.events.push_back(TransportEvent::PeerIdentification(text));
                self.exchanger.set_identification(self.side.peer(), identification);
                self.inbound.skip(consumed);
                self.identification = None;
            }
        }
        Ok(true)
    }

    /// Handles a packet; true when it is for the layers above.
    fn dispatch(&mut self, range: PayloadRange, now: Timestamp) -> Result<bool> {
        let payload = self.inbound.payload(&range);
        #[cfg(feature = "transcript")]
        if let Some(log) = &mut self.send.log {
            log.packet("in", payload);
        }
        let number = payload.first().copied().unwrap_or_default();
        let exchanging = self.exchanger.peer_exchanging();
        match admission::receive(self.side, self.phase, exchanging, number) {
            Verdict::Pass => {}
            Verdict::Drop => return Ok(false),
            Verdict::Refuse => {
                let phase = if exchanging && self.phase == Phase::Connection {
                    "a key re-exchange"
                } else {
                    self.phase.name()
                };
                return Err(Error::Inappropriate { got: number, phase });
            }
            Verdict::Unimplemented => {
                // "An implementation MUST respond to all unrecognized messages with an
                // SSH_MSG_UNIMPLEMENTED message in the order in which the messages were
                // received." RFC 4253 section 11.4
                self.send.send(&msg::Unimplemented::new(range.sequence).payload())?;
                return Ok(false);
            }
        }
        match number {
            20 | 21 | 30..=49 if self.shared => {
                Err(Error::Inappropriate { got: number, phase: "a shared connection" })
            }
            20 | 21 | 30..=49 => self.exchange(range, now).map(|()| false),
            1..=4 | 7 | 192..=193 => self.generic(range, number).map(|()| false),
            _ => {
                self.clock.data_moved();
                Ok(true)
            }
        }
    }

    fn exchange(&mut self, range: PayloadRange, now: Timestamp) -> Result<()> {
        let payload = self.inbound.payload(&range);
        if payload.first() == Some(&20) {
            self.events.push_back(TransportEvent::Note("SSH2_MSG_KEXINIT received"));
            let ours = !self.exchanger.idle();
            if core::mem::take(&mut self.send.control_sent) {
                self.clock.control_sent();
            }
            if self.later_exchange() && !ours && !self.clock.peer_started(now) {
                return Err(Error::LimitReached("key exchanges without data between them"));
            }
        }
        let number = payload.first().copied().unwrap_or_default();
        let handled = self.exchanger.handle(payload, range.sequence, &mut self.send.entropy);
        self.trace_exchange(number, handled.is_ok());
        if self.phase == Phase::InitialExchange && self.exchanger.strict() {
            self.phase = Phase::InitialStrict;
        }
        let outputs = handled?;
        self.perform(outputs, now)
    }

    fn perform(&mut self, outputs: Vec<Output>, now: Timestamp) -> Result<()> {
        for output in outputs {
            match output {
                Output::Send(payload) => {
                    self.send.gate_closed = true;
                    self.exchange_started.get_or_insert(now);
                    if payload.first() == Some(&20) {
                        self.events.push_back(TransportEvent::Note("SSH2_MSG_KEXINIT sent"));
                    }
                    self.send.send_now(&payload)?;
                }
                Output::SendNewKeys(keys) => {
                    self.send.send_now(&kex::NewKeys::new().payload())?;
                    self.events.push_back(TransportEvent::Note("SSH2_MSG_NEWKEYS sent"));
                    self.send.outbound.change_keys(keys.sealer, self.exchanger.strict());
                    self.trace_keys(self.side);
                    self.zlib.0 = keys.zlib;
                    self.send_ext_info()?;
                    let compress = keys.zlib && self.phase == Phase::Connection;
                    self.send.open_gate(compress)?;
                }
                Output::ReceiveNewKeys(keys) => {
                    self.events.push_back(TransportEvent::Note("SSH2_MSG_NEWKEYS received"));
                    self.inbound.change_keys(keys.opener, self.exchanger.strict());
                    self.trace_keys(self.side.peer());
                    self.zlib.1 = keys.zlib;
                    let compress = keys.zlib && self.phase == Phase::Connection;
                    self.inbound.set_inflater(compress.then(Inflater::new));
                }
                Output::AskHostKey(question) => {
                    self.events.push_back(TransportEvent::HostKey(question));
                }
                Output::Complete(proof) => self.complete(proof, now),
            }
        }
        Ok(())
    }

    fn complete(&mut self, proof: Option<ExchangeComplete>, now: Timestamp) {
        self.exchange_started = None;
        self.clock.exchanged(now);
        self.events.push_back(match proof {
            Some(proof) => {
                self.phase = Phase::Authentication;
                if self.side.is_client() {
                    // A server that is known by its key may send a long banner.
                    self.inbound.allow_large_packets();
                }
                TransportEvent::ExchangeComplete(proof)
            }
            None => TransportEvent::Rekeyed,
        });
    }

    /// A server's EXT_INFO is "the next packet following the server's first SSH_MSG_NEWKEYS"
    /// (RFC 8308 section 2.4).
    fn send_ext_info(&mut self) -> Result<()> {
        let initial = matches!(self.phase, Phase::InitialExchange | Phase::InitialStrict);
        if self.side == Side::Server && initial && self.exchanger.peer_wants_ext_info() {
            self.send.send_now(&server_ext_info(&self.server_sig_algs, self.host_bound))?;
        }
        Ok(())
    }

    fn rekey_if_due(&mut self, now: Timestamp) -> Result<()> {
        if self.phase != Phase::Connection || !self.exchanger.idle() || self.shared {
            return Ok(());
        }
        let used = self.clock.due_by_use(self.send.outbound.usage(), self.inbound.usage());
        if !(used || self.clock.due_by_time(now)) {
            return Ok(());
        }
        self.trace_rekey(used);
        let kexinit = self.exchanger.begin(&mut self.send.entropy)?;
        self.perform(alloc::vec![Output::Send(kexinit)], now)
    }

    /// To be called after data was committed: counts it, and notes when new keys are due.
    pub fn data_sent(&mut self) {
        #[cfg(feature = "transcript")]
        self.send.note_line("t sent", "");
        self.clock.data_moved();
        let used = self.clock.due_by_use(self.send.outbound.usage(), self.inbound.usage());
        self.send.due_after = self.clock.left(self.send.outbound.usage());
        // Between our NEWKEYS and the peer's the old keys still count, and an exchange that is
        // going on cannot become due: waiting for one that nobody starts would be for ever.
        let idle = self.exchanger.idle();
        self.send.rekey_due = used && idle && self.phase == Phase::Connection && !self.shared;
    }

    /// The answer to [`TransportEvent::HostKey`].
    ///
    /// # Errors
    /// [`Error::HostKeyRefused`], or [`Error::Internal`] when nothing was asked.
    pub fn answer_host_key(&mut self, accept: bool, now: Timestamp) -> Result<()> {
        #[cfg(feature = "transcript")]
        self.send.note_line("t hostkey", &format!("{} {}", u8::from(accept), now.as_micros()));
        self.trace_time(now);
        let outputs = self.exchanger.answer_host_key(accept)?;
        self.perform(outputs, now)
    }

    /// The user is authenticated, and whatever said so has been sent or received: larger packets
    /// are accepted, compression starts, and the messages of RFC 4254 are admitted.
    pub fn authenticated(&mut self) {
        #[cfg(feature = "transcript")]
        self.send.note_line("t authenticated", "");
        self.phase = Phase::Connection;
        self.inbound.allow_large_packets();
        if self.zlib.0 {
            self.send.start_compression();
        }
        if self.zlib.1 {
            self.inbound.set_inflater(Some(Inflater::new()));
        }
    }

    /// Whether the first exchange is over, so that any other is a re-exchange. The first may wait
    /// for a human; its end is the driver's business.
    const fn later_exchange(&self) -> bool {
        matches!(self.phase, Phase::Authentication | Phase::Connection)
    }

    /// When [`Transport::handle_deadline`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        if !self.later_exchange() || self.send.closing || self.shared {
            return None;
        }
        let may = self.phase == Phase::Connection && self.exchanger.idle();
        let rekey = may.then(|| self.clock.deadline());
        let stuck = self.exchange_started.map(|at| at.after(limits::REKEY_TIMEOUT));
        rekey.into_iter().chain(stuck).min()
    }

    /// Starts the exchange that is due by time.
    ///
    /// # Errors
    /// [`Error::TimedOut`] when the peer did not complete a re-exchange.
    pub fn handle_deadline(&mut self, now: Timestamp) -> Result<()> {
        #[cfg(feature = "transcript")]
        self.send.note_line("t deadline", &format!("{}", now.as_micros()));
        let stuck = self.exchange_started.map(|at| at.after(limits::REKEY_TIMEOUT));
        if self.later_exchange() && stuck.is_some_and(|at| now >= at) {
            return Err(Error::TimedOut("the peer did not complete a key re-exchange"));
        }
        self.rekey_if_due(now)
    }

    /// Asks for new keys as soon as possible (`~R`).
    pub fn request_rekey(&mut self) {
        #[cfg(feature = "transcript")]
        self.send.note_line("t rekey", "");
        self.clock.want();
    }

    /// Sends a ping, where the peer said that it answers. False where it did not.
    ///
    /// # Errors
    /// As [`PacketSender::send`].
    pub fn ping(&mut self, data: &[u8]) -> Result<bool> {
        if self.extensions.ping {
            self.sender().send_message(&msg::Ping::new(data))?;
        }
        Ok(self.extensions.ping)
    }

    /// Sends SSH_MSG_DISCONNECT; nothing follows it. Where the peer has not identified itself,
    /// nothing is sent: it may not speak the protocol. Who shares a connection only leaves.
    ///
    /// # Errors
    /// [`Error::LimitReached`] when not even this packet may be sealed any more.
    pub fn disconnect(&mut self, reason: DisconnectReason, description: &str) -> Result<()> {
        #[cfg(feature = "transcript")]
        {
            let text = crate::transcript::hex(description.as_bytes());
            self.send.note_line("t disconnect", &format!("{} {text}", reason.code()));
        }
        if self.identification.is_none() && !self.shared {
            let max = limits::DESCRIPTION_BYTES_MAX;
            let text = description.as_bytes();
            let text = text.get(..max).unwrap_or(text);
            let message = msg::Disconnect::new(reason.code(), text, b"");
            self.send.send_now(&message.payload())?;
        }
        self.send.closing = true;
        Ok(())
    }

    /// Tells the peer of an error that ends the connection, where there is something to tell.
    pub fn fail(&mut self, error: &Error) {
        self.trace_failure(error);
        if let Some(reason) = error.disconnect_reason() {
            let text = format!("{error}");
            // The connection ends either way.
            let _ = self.disconnect(reason, &text);
        }
        self.end();
    }

    /// Nothing goes out any more but what is sealed already.
    pub(crate) fn end(&mut self) {
        #[cfg(feature = "transcript")]
        self.send.note_line("t end", "");
        self.send.closing = true;
    }
}

#[cfg(test)]
mod tests;
