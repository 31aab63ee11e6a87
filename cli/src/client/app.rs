//! The client as the driver's application: what it does about each event.
//!
//! [`forwards`] follows the forwards, [`local`] joins the server's channels to the agent and the
//! X server, [`program`] follows the session, [`x11`] prepares the display, [`finish`] follows the
//! way to the end, [`typed`] what the user asks for meanwhile, [`host_keys`] the update of host
//! keys, [`mux`] those who share the connection.

mod failures;
mod finish;
mod forwards;
pub(super) mod host_keys;
mod local;
mod mux;
mod ports;
mod program;
mod typed;
mod x11;

use super::session::Plan;
use super::shared::Shared;
use super::worker::{Kind, Question};
use crate::background::Background;
use crate::config::Settings;
use crate::connect::Service;
use crate::limits::LOCAL_DIALS_MAX;
use crate::log::{self, Level};
use crate::mux::master::peer::JOBS;
use ports::PortFile;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc};
use tssh_connection::{ChannelKey, Event, RequestTag};
use tssh_forward::driver::{AppEvent, Application, Control, Forward, ForwardId};
use tssh_transport::algorithms::Negotiated;
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::userauth::AuthEvent;

/// The subject of a reminder that escape sequences wait.
pub(super) const TYPED: u32 = 0x7e;

/// The client of one connection.
pub struct Client {
    settings: Arc<Settings>,
    plan: Plan,
    /// The way to the background, until it is gone.
    background: Option<Background>,
    /// The socket, until its type of service is set.
    service: Option<Service>,
    /// What the last key exchange agreed on.
    negotiated: Option<Negotiated>,
    address: Option<SocketAddr>,
    shared: Arc<Shared>,
    questions: mpsc::Sender<Question>,
    session: Option<ChannelKey>,
    session_over: bool,
    pty: Option<RequestTag>,
    program: Option<RequestTag>,
    /// By name; bounded like the driver's table.
    forwards: BTreeMap<ForwardId, Forward>,
    /// Forwards of the start that have not reported.
    forwards_pending: usize,
    /// Forwards of the command line of `~C` that have not reported.
    late_forwards: Vec<ForwardId>,
    ports: PortFile,
    /// Types of channel that the server opened unasked, each once; there are seven in all.
    warned_kinds: Vec<String>,
    x11: x11::X11,
    x11_request: Option<RequestTag>,
    agent_request: Option<RequestTag>,
    mux: mux::Mux,
    /// One for each connection to the X server or the agent that is being made.
    dials: Arc<Semaphore>,
}

impl Application for Client {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        match event {
            AppEvent::Started => {}
            AppEvent::Protocol(event) => self.protocol(event, control),
            AppEvent::ChannelClosed { channel } if Some(channel) == self.session => {
                self.session_closed(control);
            }
            AppEvent::ChannelClosed { channel } => {
                self.mux_session_closed(channel, control);
            }
            AppEvent::ChannelIdle { channel } => log::verbose(format_args!(
                "channel {}: closed, nothing has passed through it (ChannelTimeout)",
                channel.index()
            )),
            AppEvent::Reminded(x11::PREPARED) => self.x11_prepared(control),
            AppEvent::Reminded(TYPED) => self.typed(control),
            AppEvent::Reminded(JOBS) => self.mux_jobs(control),
            AppEvent::Reminded(mux::IDLE) => self.mux_idle(control),
            event if self.mux_forward_failed(&event) => {}
            event if self.late_forward(&event) => {}
            event => self.forward_event(event, control),
        }
    }
}

impl Client {
    /// A client of the server at `address`, or of one behind a proxy.
    pub fn new(
        settings: Arc<Settings>,
        plan: Plan,
        address: Option<SocketAddr>,
        shared: Arc<Shared>,
        questions: mpsc::Sender<Question>,
    ) -> Self {
        let ports = PortFile::new(plan.port_file.clone());
        Self {
            settings,
            plan,
            background: None,
            service: None,
            negotiated: None,
            address,
            shared,
            questions,
            session: None,
            session_over: false,
            pty: None,
            program: None,
            forwards: BTreeMap::new(),
            forwards_pending: 0,
            late_forwards: Vec::new(),
            ports,
            warned_kinds: Vec::new(),
            x11: x11::X11::default(),
            x11_request: None,
            agent_request: None,
            mux: mux::Mux::default(),
            dials: Arc::new(Semaphore::new(LOCAL_DIALS_MAX)),
        }
    }

    /// It goes to the background once it can.
    #[must_use]
    pub fn in_background(self, background: Option<Background>) -> Self {
        Self { background, ..self }
    }

    /// It sets the type of service once it knows what the connection carries.
    #[must_use]
    pub fn with_service(self, service: Option<Service>) -> Self {
        Self { service, ..self }
    }

    /// `IPQoS`, once and for all.
    pub(super) fn set_service(&mut self) {
        let Some(service) = self.service.take() else { return };
        let interactive = match self.plan.program {
            Some(_) => self.plan.tty || self.settings.x11.wanted,
            // What others will do with it is not known.
            None => !self.settings.sharing.master.shares(),
        };
        let kinds = self.settings.quality.ip_qos;
        service.set(if interactive { kinds.interactive } else { kinds.bulk });
    }

    fn protocol(&mut self, event: Event, control: &mut Control<'_>) {
        match event {
            Event::PeerIdentification(text) => {
                self.shared.state().identified = true;
                let software = text.strip_prefix("SSH-2.0-").unwrap_or(&text);
                log::debug1(format_args!(
                    "Remote protocol version 2.0, remote software version {software}"
                ));
            }
            Event::Prelude(line) => {
                log::debug1(format_args!("kex_exchange_identification: banner line: {line}"));
            }
            Event::Note(text) => log::debug1(text),
            Event::HostKey(question) => self.ask(Kind::HostKey(Box::new(question)), control),
            Event::Exchanged { first, negotiated } => {
                log_negotiated(&negotiated);
                if first && self.settings.quality.warn_weak_crypto && !negotiated.post_quantum {
                    warn_weak(negotiated.kex);
                }
                self.negotiated = Some(negotiated);
            }
            Event::Auth(AuthEvent::Question(question)) => self.ask(Kind::Auth(question), control),
            // A banner is for the user, not for the log file.
            Event::Auth(AuthEvent::Banner(text)) if log::enabled(Level::Info) => log::show(text),
            Event::Auth(_) => {}
            Event::Authenticated { .. } => self.authenticated(control),
            Event::Debug { message, .. } => log::debug1(format_args!("Remote: {message}")),
            Event::Pong(_) => log::debug3("the server has answered chaff"),
            Event::Unimplemented(number) => {
                log::debug1(format_args!("Received SSH2_MSG_UNIMPLEMENTED for {number}"));
            }
            Event::Channel(event) => self.channel(event, control),
            _ => {}
        }
    }

    fn ask(&self, kind: Kind, control: &mut Control<'_>) {
        let question = Question { kind, handle: control.handle() };
        if self.questions.try_send(question).is_err() {
            // The worker has died: nobody will ever answer.
            self.shared.fail();
            control.disconnect(DisconnectReason::ByApplication, "no answer");
        }
    }
    fn authenticated(&mut self, control: &mut Control<'_>) {
        let method = {
            let mut state = self.shared.state();
            state.authenticated = true;
            state.method
        };
        self.ask(Kind::LoggedIn, control);
        let way = match self.address {
            Some(address) => format!("[{}]:{}", address.ip(), address.port()),
            None => "via proxy".to_owned(),
        };
        let host = &self.settings.host_name;
        if !self.plan.proxied {
            log::verbose(format_args!("Authenticated to {host} ({way}) using \"{method}\"."));
        }
        self.set_service();
        // The programs that come before the login have been started by now.
        crate::open_files::raise();
        if self.start_forwards(control) && self.forwards_pending == 0 {
            self.open_session(control);
        }
    }
}

/// `WarnWeakCrypto`.
fn warn_weak(kex: &str) {
    log::info(format_args!(
        "** WARNING: connection is not using a post-quantum key exchange algorithm: {kex}."
    ));
    log::info("** Whoever records this session can read it once there are quantum computers.");
}

fn log_negotiated(negotiated: &Negotiated) {
    if negotiated.strict {
        log::debug1("kex: strict key exchange is in force");
    } else {
        log::debug1(
            "kex: WARNING: the server does not know strict key exchange: somebody on the way \
             could drop messages from the start of the connection unnoticed",
        );
    }
    log::debug1(format_args!("kex: algorithm: {}", negotiated.kex));
    log::debug1(format_args!("kex: host key algorithm: {}", negotiated.host_key));
    for (direction, names) in [
        ("server->client", &negotiated.server_to_client),
        ("client->server", &negotiated.client_to_server),
    ] {
        log::debug1(format_args!(
            "kex: {direction} cipher: {} MAC: {} compression: {}",
            names.cipher, names.mac, names.compression
        ));
    }
}
