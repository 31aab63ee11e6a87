//! Transport, user authentication and connection as one object: everything pure above one byte
//! stream.
//!
//! Bytes, answers, commands and time go in; bytes, events and a deadline come out. What a command
//! leaves to say goes out at the next call of [`Stack::next`], which flushes pending control
//! before it looks at the next packet. So the order of output depends on packets and commands, and
//! not on how the byte stream was cut, and no caller can forget it.
//!
//! The layers follow each other by phase:
//!
//! ```text
//! Exchange --first key exchange over--> Authentication --SUCCESS--> Connection
//! ```

use crate::connection::{Connection, ConnectionConfig, Handled};
use crate::data_path::Arrived;
use crate::delivery::{DataDelivery, Happening};
use crate::error::LocalError;
use crate::event::{ChannelEvent, Event};
use crate::messages::GlobalRequest;
use crate::outlet::Outlet;
use crate::round_trip::RoundTrip;
#[cfg(feature = "transcript")]
use crate::transcript::Call;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::{String, ToString};
use tssh_transport::algorithms::Negotiated;
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::entropy::Entropy;
use tssh_transport::ext_info::PeerExtensions;
use tssh_transport::proof::{ExchangeComplete, UserAuthenticated};
use tssh_transport::transport::{Incoming, Transport, TransportConfig, TransportEvent};
use tssh_transport::userauth::{AuthAnswer, AuthEvent, ClientAuth, ServerAuth, ServerAuthConfig};
use tssh_transport::{Error, PayloadRange, Result, Side, Timestamp};

/// What a client is made with.
pub struct ClientConfig {
    /// The transport protocol.
    pub transport: TransportConfig,
    /// The user to log in as.
    pub user: String,
    /// Channels and windows.
    pub connection: ConnectionConfig,
}

/// What a server is made with.
pub struct ServerConfig {
    /// The transport protocol.
    pub transport: TransportConfig,
    /// Who may log in how.
    pub auth: ServerAuthConfig,
    /// Channels and windows.
    pub connection: ConnectionConfig,
}

/// The answer to a question that came as an event.
#[derive(Debug)]
pub enum Answer {
    /// To [`Event::HostKey`]: whether this is the host's key.
    HostKey(bool),
    /// To [`AuthEvent::Question`].
    Auth(AuthAnswer),
}

/// Which layer takes the messages above the transport's.
enum Phase {
    /// The first key exchange is not over. What comes after it is kept here.
    Exchange(Role),
    Client(ClientAuth),
    Server(ServerAuth),
    Connection(Connection),
    /// The first key exchange handed over, and the next phase could not be made.
    Over,
}

enum Role {
    Client { user: String },
    Server { auth: ServerAuthConfig },
}

/// One connection, all layers.
pub struct Stack {
    transport: Transport,
    phase: Phase,
    config: ConnectionConfig,
    /// Events that came along with another one; at most a few.
    events: VecDeque<Event>,
    /// As the last call told it.
    now: Timestamp,
    /// As authentication showed it.
    round_trip: RoundTrip,
    /// Whether a key exchange kept us from sending when last looked at.
    gate_closed: bool,
    /// A bound on packets of channels that is lower than usual.
    pub(crate) packet_max: Option<u32>,
}

/// What one step came to.
enum Step {
    Idle,
    Event(Event),
    Data(PayloadRange, Arrived),
}

impl Stack {
    /// A client; its identification string and KEXINIT can be sent at once.
    ///
    /// # Errors
    /// [`Error::Internal`] only.
    pub fn client(config: ClientConfig, entropy: Entropy, now: Timestamp) -> Result<Self> {
        let ClientConfig { transport, user, connection } = config;
        let transport = Transport::new(Side::Client, transport, entropy, now)?;
        Ok(Self::new(transport, Role::Client { user }, connection, now))
    }

    /// A server; its identification string and KEXINIT can be sent at once.
    ///
    /// # Errors
    /// [`Error::Internal`] only.
    pub fn server(config: ServerConfig, entropy: Entropy, now: Timestamp) -> Result<Self> {
        let ServerConfig { transport, auth, connection } = config;
        let transport = Transport::new(Side::Server, transport, entropy, now)?;
        Ok(Self::new(transport, Role::Server { auth }, connection, now))
    }

    /// One end of a socket between a master and who shares its connection, where both are past
    /// everything but the connection layer: `user` has been logged in by the master.
    ///
    /// # Errors
    /// [`Error::Internal`] only.
    pub fn shared(
        side: Side,
        user: String,
        config: ConnectionConfig,
        entropy: Entropy,
        now: Timestamp,
    ) -> Result<Self> {
        let (transport, proof) = Transport::shared(side, user, entropy, now)?;
        let mut stack =
            Self { gate_closed: false, ..Self::at(Phase::Over, transport, config, now) };
        let authenticated = stack.authenticated(&proof);
        stack.events.push_back(authenticated);
        Ok(stack)
    }

    fn new(transport: Transport, role: Role, config: ConnectionConfig, now: Timestamp) -> Self {
        Self::at(Phase::Exchange(role), transport, config, now)
    }

    fn at(phase: Phase, transport: Transport, config: ConnectionConfig, now: Timestamp) -> Self {
        Self {
            transport,
            phase,
            config,
            events: VecDeque::new(),
            now,
            round_trip: RoundTrip::default(),
            gate_closed: true,
            packet_max: None,
        }
    }

    /// Which end this is.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.transport.side()
    }

    /// At least `want` bytes to read the SSH socket into.
    pub fn receive_space(&mut self, want: usize) -> &mut [u8] {
        if let Phase::Connection(connection) = &mut self.phase {
            let transport = &self.transport;
            connection.move_to_rings(|range| transport.opened(range));
        }
        self.transport.receive_space(want)
    }

    /// `n` bytes of the lent space were filled.
    pub fn received(&mut self, n: usize) {
        self.transport.received(n);
    }

    /// Whether the SSH socket should be read: not while a question is open that decides what the
    /// next message means, nor while the peer has too many answers to take or to wait for.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let takes = match &self.phase {
            Phase::Server(auth) => auth.wants_payload(),
            // While a key exchange closes the gate reading must go on, or the peer's part of it
            // could stand behind its own requests for ever.
            Phase::Connection(connection) => !connection.is_paused() || self.gate_closed,
            Phase::Exchange(_) | Phase::Client(_) | Phase::Over => true,
        };
        takes && self.transport.wants_read()
    }

    /// Sealed bytes that wait for the SSH socket.
    #[must_use]
    pub fn transmit(&self) -> &[u8] {
        self.transport.transmit()
    }

    /// The SSH socket took `n` of them.
    pub fn transmitted(&mut self, n: usize) {
        self.transport.transmitted(n);
    }

    /// Flushes pending control, then takes the next packet. None when more bytes, an answer or a
    /// reply are needed. Data has to be settled before the next call: see [`DataDelivery`].
    ///
    /// # Errors
    /// Whatever ends the connection. The peer is told, where there is something to tell: send
    /// what [`Stack::transmit`] still holds.
    pub fn next(&mut self, now: Timestamp) -> Result<Option<Happening<'_>>> {
        self.now = now;
        let step = self.step();
        self.tell_tracer();
        #[cfg(feature = "transcript")]
        self.note_next(&step);
        let step = step.inspect_err(|error| self.transport.fail(error))?;
        self.gate_closed = self.transport.sender().gate_closed();
        let (range, arrived) = match step {
            Step::Idle => return Ok(None),
            Step::Event(event) => return Ok(Some(Happening::Event(event))),
            Step::Data(range, arrived) => (range, arrived),
        };
        let Phase::Connection(connection) = &mut self.phase else { return Ok(None) };
        let (payload, _sender) = self.transport.payload(&range);
        let delivery = DataDelivery::new(connection, arrived, range, payload);
        #[cfg(feature = "transcript")]
        let delivery = delivery.noted(_sender.into_log());
        Ok(Some(Happening::Data(delivery)))
    }

    #[cfg(feature = "transcript")]
    fn note_next(&mut self, step: &Result<Step>) {
        use tssh_transport::transcript::Came;
        let came = match step {
            Ok(Step::Idle) => Came::Nothing,
            Ok(Step::Event(_) | Step::Data(..)) => Came::Something,
            Err(_) => Came::Failure,
        };
        let now = self.now;
        if let Some(log) = self.transport.log() {
            log.next('c', now, came);
        }
    }

    fn step(&mut self) -> Result<Step> {
        loop {
            self.tell_tracer();
            if let Some(event) = self.events.pop_front() {
                return Ok(Step::Event(event));
            }
            match &mut self.phase {
                Phase::Connection(connection) => {
                    connection.now = self.now;
                    let mut outlet = Outlet::new(self.transport.sender());
                    connection.flush(&mut outlet)?;
                    if connection.is_paused() && !outlet.gate_closed() {
                        return Ok(Step::Idle);
                    }
                }
                Phase::Server(auth) if !auth.wants_payload() => return Ok(Step::Idle),
                _ => {}
            }
            self.tell_tracer();
            match self.transport.next(self.now)? {
                None => return Ok(Step::Idle),
                Some(Incoming::Event(event)) => self.on_transport_event(event)?,
                Some(Incoming::Payload(range)) => {
                    if let Some(arrived) = self.on_payload(range)? {
                        return Ok(Step::Data(range, arrived));
                    }
                }
            }
        }
    }

    fn on_transport_event(&mut self, event: TransportEvent) -> Result<()> {
        let event = match event {
            TransportEvent::PeerIdentification(text) => Event::PeerIdentification(text),
            TransportEvent::Prelude(line) => Event::Prelude(line),
            TransportEvent::HostKey(question) => Event::HostKey(question),
            TransportEvent::ExchangeComplete(proof) => return self.exchange_complete(&proof),
            TransportEvent::Rekeyed => self.exchanged(false)?,
            TransportEvent::ExtInfo => {
                let sig_algs = self.transport.peer_extensions().server_sig_algs.as_deref();
                if let (Phase::Client(auth), Some(list)) = (&mut self.phase, sig_algs) {
                    auth.set_server_sig_algs(list);
                }
                let host_key = self.transport.bound_host_key();
                if let (Phase::Client(auth), Some(host_key)) = (&mut self.phase, host_key) {
                    auth.bind_to_host(host_key);
                }
                return Ok(());
            }
            TransportEvent::Debug { always_display, message } => {
                Event::Debug { always_display, message }
            }
            TransportEvent::Pong(data) => Event::Pong(data),
            TransportEvent::Unimplemented(sequence) => Event::Unimplemented(sequence),
            TransportEvent::Note(text) => Event::Note(text),
        };
        self.events.push_back(event);
        Ok(())
    }

    fn exchanged(&self, first: bool) -> Result<Event> {
        let negotiated = self.transport.negotiated();
        let negotiated = negotiated.ok_or(Error::Internal("an exchange that agreed on nothing"))?;
        Ok(Event::Exchanged { first, negotiated })
    }

    /// The first key exchange is over: authentication begins.
    fn exchange_complete(&mut self, proof: &ExchangeComplete) -> Result<()> {
        let exchanged = self.exchanged(true)?;
        self.events.push_back(exchanged);
        let session_id = self.transport.session_id();
        let session_id = session_id.ok_or(Error::Internal("an exchange without a session id"))?;
        let Phase::Exchange(role) = core::mem::replace(&mut self.phase, Phase::Over) else {
            return Err(Error::Internal("a first key exchange after the first"));
        };
        match role {
            Role::Client { user } => {
                let mut auth = ClientAuth::new(user, session_id, proof);
                let asked = auth.start(&mut Outlet::new(self.transport.sender()))?;
                self.phase = Phase::Client(auth);
                self.round_trip.ask(self.now);
                self.on_auth_event(asked);
            }
            Role::Server { auth } => {
                let mut auth = ServerAuth::new(auth, session_id, proof);
                if let Some(host_key) = self.transport.bound_host_key() {
                    auth.bind_to_host(host_key);
                }
                self.phase = Phase::Server(auth);
            }
        }
        Ok(())
    }

    fn on_payload(&mut self, range: PayloadRange) -> Result<Option<Arrived>> {
        let (payload, sender) = self.transport.payload(&range);
        let event = match &mut self.phase {
            Phase::Connection(connection) => match connection.handle(payload, self.now)? {
                Handled::Nothing => return Ok(None),
                Handled::Event(ChannelEvent::GlobalRequest {
                    request: GlobalRequest::HostKeysProve(request),
                    ..
                }) => {
                    // The keys are the transport's, so nobody else need be asked.
                    connection.reply_newest_global(self.transport.prove_host_keys(&request));
                    return Ok(None);
                }
                Handled::Event(event) => {
                    self.events.push_back(Event::Channel(event));
                    return Ok(None);
                }
                Handled::Data(arrived) if arrived.behind => {
                    let transport = &self.transport;
                    connection.wait_behind(&arrived, range, |range| transport.opened(range));
                    return Ok(None);
                }
                Handled::Data(arrived) => return Ok(Some(arrived)),
            },
            Phase::Client(auth) => {
                let event = auth.handle(payload, &mut Outlet::new(sender))?;
                // "The SSH server may send an SSH_MSG_USERAUTH_BANNER message at any time"
                // (RFC 4252 section 5.4): it answers nothing.
                if !matches!(event, Some(AuthEvent::Banner(_))) {
                    self.round_trip.answer(self.now);
                }
                event
            }
            Phase::Server(auth) => auth.handle(payload, &mut Outlet::new(sender))?,
            Phase::Exchange(_) | Phase::Over => {
                let got = payload.first().copied().unwrap_or_default();
                return Err(Error::Inappropriate { got, phase: "the initial key exchange" });
            }
        };
        self.on_auth_event(event);
        Ok(None)
    }

    fn on_auth_event(&mut self, event: Option<AuthEvent>) {
        if let Some(event) = &event {
            self.trace_auth(event);
        }
        let event = match event {
            None => return,
            Some(AuthEvent::Success(proof)) => self.authenticated(&proof),
            Some(event) => Event::Auth(event),
        };
        self.events.push_back(event);
    }

    fn authenticated(&mut self, proof: &UserAuthenticated) -> Event {
        self.transport.authenticated();
        let mut connection = Connection::new(self.side(), &self.config, proof);
        connection.packet_max = self.packet_max.unwrap_or(connection.packet_max);
        connection.round_trip = self.round_trip;
        if self.transport.traces() {
            connection.trace.set(Box::default());
        }
        self.phase = Phase::Connection(connection);
        Event::Authenticated { user: proof.user().to_string(), keys: proof.keys().to_vec() }
    }

    /// Binds requests for user keys to the host key (`publickey-hostbound-v00@openssh.com`)
    /// where the peer does so too. To be called before the first byte arrives.
    pub const fn allow_host_bound(&mut self) {
        self.transport.allow_host_bound();
    }

    /// The answer to the open question.
    ///
    /// # Errors
    /// What ends the connection: [`Error::HostKeyRefused`], [`Error::AuthenticationFailed`]. Or
    /// [`Error::Internal`], with nothing changed, for an answer to no open question.
    pub fn answer(&mut self, answer: Answer) -> Result<()> {
        #[cfg(feature = "transcript")]
        self.note(&Call::Answer(&answer));
        let outcome = self.give(answer);
        if let Err(error) = &outcome
            && !matches!(error, Error::Internal(_))
        {
            self.transport.fail(error);
        }
        outcome
    }

    fn give(&mut self, answer: Answer) -> Result<()> {
        let answer = match answer {
            Answer::HostKey(accept) => return self.transport.answer_host_key(accept, self.now),
            Answer::Auth(answer) => answer,
        };
        self.trace_answer(&answer);
        let mut outlet = Outlet::new(self.transport.sender());
        let event = match &mut self.phase {
            Phase::Client(auth) => {
                let event = auth.answer(answer, &mut outlet)?;
                if auth.awaits_server() {
                    self.round_trip.ask(self.now);
                }
                event
            }
            Phase::Server(auth) => auth.answer(answer, &mut outlet)?,
            _ => return Err(Error::Internal("an answer, and no question is open")),
        };
        self.on_auth_event(event);
        Ok(())
    }

    /// Whether authentication waits for the server: its silence may be timed, a human's may not.
    #[must_use]
    pub const fn awaits_server(&self) -> bool {
        match &self.phase {
            Phase::Client(auth) => auth.awaits_server(),
            _ => false,
        }
    }

    /// When [`Stack::handle_deadline`] has something to do.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let held = match &self.phase {
            Phase::Connection(connection) => connection.look_at_held,
            _ => None,
        };
        [self.transport.deadline(), held].into_iter().flatten().min()
    }

    /// Does what is due.
    ///
    /// # Errors
    /// As [`Stack::next`].
    pub fn handle_deadline(&mut self, now: Timestamp) -> Result<()> {
        #[cfg(feature = "transcript")]
        self.note(&Call::Deadline(now));
        self.now = now;
        if let Phase::Connection(connection) = &mut self.phase {
            connection.let_go(now);
        }
        let outcome = self.transport.handle_deadline(now);
        outcome.inspect_err(|error| self.transport.fail(error))
    }

    /// Asks for new keys as soon as possible.
    pub fn request_rekey(&mut self) {
        #[cfg(feature = "transcript")]
        self.note(&Call::Rekey);
        self.transport.request_rekey();
    }

    /// Sends a ping, where the peer answers those; whether it does.
    ///
    /// # Errors
    /// As [`Stack::next`].
    pub fn ping(&mut self, data: &[u8]) -> Result<bool> {
        #[cfg(feature = "transcript")]
        self.note(&Call::Ping(data));
        let outcome = self.transport.ping(data);
        outcome.inspect_err(|error| self.transport.fail(error))
    }

    /// Tells whoever uses the other end something: SSH_MSG_DEBUG, to be displayed.
    ///
    /// # Errors
    /// As [`Stack::next`].
    pub fn debug(&mut self, text: &str) -> Result<()> {
        #[cfg(feature = "transcript")]
        self.note(&Call::Debug(text));
        let message = tssh_transport::messages::transport::Debug::new(true, text.as_bytes(), b"");
        let outcome = self.transport.sender().send_message(&message);
        outcome.inspect_err(|error| self.transport.fail(error))
    }

    /// Ends the connection: SSH_MSG_DISCONNECT is the last that goes out.
    pub fn disconnect(&mut self, reason: DisconnectReason, text: &str) {
        #[cfg(feature = "transcript")]
        self.note(&Call::Disconnect(reason, text));
        // Where even this cannot be sent, nothing can, and the connection ends all the same.
        let _ = self.transport.disconnect(reason, text);
    }

    /// What the last key exchange agreed on.
    #[must_use]
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.transport.negotiated()
    }

    /// K_S, the host key of the connection.
    #[must_use]
    pub fn host_key_blob(&self) -> Option<&[u8]> {
        self.transport.host_key_blob()
    }

    /// The session identifier, once there is one.
    #[must_use]
    pub fn session_id(&self) -> Option<&[u8]> {
        self.transport.session_id()
    }

    /// What the peer told in EXT_INFO.
    #[must_use]
    pub const fn peer_extensions(&self) -> &PeerExtensions {
        self.transport.peer_extensions()
    }

    /// The connection layer, once there is one.
    pub(crate) const fn connection(&mut self) -> core::result::Result<&mut Connection, LocalError> {
        match &mut self.phase {
            Phase::Connection(connection) => Ok(connection),
            _ => Err(LocalError::NotReady),
        }
    }

    /// The connection layer, once there is one, and where it sends.
    pub(crate) const fn sending(&mut self) -> Option<(&mut Connection, Outlet<'_>)> {
        match &mut self.phase {
            Phase::Connection(connection) => {
                Some((connection, Outlet::new(self.transport.sender())))
            }
            _ => None,
        }
    }

    /// For looking only.
    pub(crate) const fn connection_ref(&self) -> Option<&Connection> {
        match &self.phase {
            Phase::Connection(connection) => Some(connection),
            _ => None,
        }
    }

    pub(crate) fn opened(&self, range: &PayloadRange) -> &[u8] {
        self.transport.opened(range)
    }

    pub(crate) const fn transport(&mut self) -> &mut Transport {
        &mut self.transport
    }
}
