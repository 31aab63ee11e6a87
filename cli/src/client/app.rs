//! The client as the driver's application: what it does about each event.

use super::session::{self, Plan};
use super::worker::{Kind, Question};
use crate::config::Settings;
use crate::escape::{self, Escape, EscapeReader};
use crate::exit::OWN_FAILURE;
use crate::log::{self, Level};
use crate::stdio::{StandardInput, StandardOutput};
use crate::terminal::{self, Mode};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tssh_connection::{
    ChannelEvent, ChannelKey, ChannelRequest, Event, GlobalRequest, OpenFailure, RequestTag,
};
use tssh_forward::core::address::{Listen, LocalForward, Target};
use tssh_forward::core::local::{BindFault, NONE_SET_UP, open_failed};
use tssh_forward::driver::{
    AppEvent, Application, Control, Endpoints, ForwardId, Handle, Input, Output,
};
use tssh_transport::algorithms::Negotiated;
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::userauth::AuthEvent;

/// What is known about the connection outside its task.
#[derive(Default)]
pub struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    raw: Option<Mode>,
    had_terminal: bool,
    authenticated: bool,
    distrusted: bool,
    method: &'static str,
    /// The remote command's.
    exit_status: Option<u8>,
    /// A failure of our own whose reason was printed.
    failure: Option<u8>,
    /// Forwarded connections that are open, for the list that `~#` and logging out show.
    forwarded: BTreeMap<ChannelKey, String>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the terminal back the mode it was found in.
    pub fn leave_raw_mode(&self) {
        self.state().raw = None;
    }

    fn enter_raw_mode(&self) {
        // With -tt there may be no local terminal; then there is no mode to change.
        let raw = terminal::raw(std::io::stdin()).ok();
        let mut state = self.state();
        state.raw = raw;
        state.had_terminal = true;
    }

    /// The server's key was wrong, and the user goes on all the same.
    pub fn distrust_server(&self) {
        self.state().distrusted = true;
    }

    /// The method of the last attempt to log in.
    pub fn set_method(&self, method: &'static str) {
        self.state().method = method;
    }

    /// Whether the session had a terminal.
    pub fn had_terminal(&self) -> bool {
        self.state().had_terminal
    }

    /// Whether the user was logged in.
    pub fn is_authenticated(&self) -> bool {
        self.state().authenticated
    }

    /// The remote command's exit status.
    pub fn exit_status(&self) -> Option<u8> {
        self.state().exit_status
    }

    /// The status of a failure whose reason was printed.
    pub fn failure(&self) -> Option<u8> {
        self.state().failure
    }

    fn fail(&self) {
        self.state().failure = Some(OWN_FAILURE);
    }

    fn list_forwarded(&self) {
        log::info("The following connections are open:");
        for (channel, text) in &self.state().forwarded {
            log::info(format_args!("  #{} {text}", channel.index()));
        }
    }
}

/// The client of one connection.
pub struct Client {
    settings: Arc<Settings>,
    plan: Plan,
    address: SocketAddr,
    shared: Arc<Shared>,
    questions: mpsc::Sender<Question>,
    session: Option<ChannelKey>,
    session_over: bool,
    pty: Option<RequestTag>,
    program: Option<RequestTag>,
    forwards: Vec<(ForwardId, LocalForward)>,
    /// Forwards whose listeners have not reported.
    forwards_pending: usize,
}

impl Application for Client {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        match event {
            AppEvent::Started | AppEvent::ForwardServed { .. } => {}
            AppEvent::Protocol(event) => self.protocol(event, control),
            AppEvent::ChannelClosed { channel } if Some(channel) == self.session => {
                self.session_closed(control);
            }
            AppEvent::ChannelClosed { .. } => {}
            AppEvent::Listening { addresses, faults, .. } => {
                self.bind_faults(&faults, false);
                for address in addresses {
                    let (ip, port) = (address.ip(), address.port());
                    log::debug1(format_args!("Local forwarding listening on {ip} port {port}."));
                }
                self.forward_reported(control);
            }
            AppEvent::ListenFailed { faults, text, .. } => {
                self.bind_faults(&faults, true);
                log::error(text);
                log::error(NONE_SET_UP);
                if self.settings.exit_on_forward_failure {
                    self.shared.fail();
                    control.disconnect(DisconnectReason::ByApplication, "forwarding failed");
                    return;
                }
                self.forward_reported(control);
            }
            AppEvent::ForwardAsked { forward, channel, originator } => {
                let text = self.describe(forward, originator);
                log::debug1(format_args!("channel {}: {text}", channel.index()));
                self.shared.state().forwarded.insert(channel, text);
            }
            AppEvent::ForwardFailed { text } => log::error(text),
            AppEvent::ForwardClosed { channel } => {
                self.shared.state().forwarded.remove(&channel);
                self.finish_if_done(control);
            }
            AppEvent::Unsolicited { kind } => log::error(format_args!(
                "WARNING: Server requests forwarding for unknown listen_port or channel type \
                 {kind}: refused, nobody asked for it"
            )),
        }
    }
}

impl Client {
    /// A client of the server at `address`.
    pub fn new(
        settings: Arc<Settings>,
        plan: Plan,
        address: SocketAddr,
        shared: Arc<Shared>,
        questions: mpsc::Sender<Question>,
    ) -> Self {
        Self {
            settings,
            plan,
            address,
            shared,
            questions,
            session: None,
            session_over: false,
            pty: None,
            program: None,
            forwards: Vec::new(),
            forwards_pending: 0,
        }
    }

    fn protocol(&mut self, event: Event, control: &mut Control<'_>) {
        match event {
            Event::PeerIdentification(text) => {
                let software = text.strip_prefix("SSH-2.0-").unwrap_or(&text);
                log::debug1(format_args!(
                    "Remote protocol version 2.0, remote software version {software}"
                ));
            }
            Event::Prelude(line) => {
                log::debug1(format_args!("kex_exchange_identification: banner line: {line}"));
            }
            Event::Note(text) => log::debug1(text),
            Event::HostKey(question) => self.ask(Kind::HostKey(*question.key), control),
            Event::Exchanged { negotiated, .. } => log_negotiated(&negotiated),
            Event::Auth(AuthEvent::Question(question)) => self.ask(Kind::Auth(question), control),
            // A banner is for the user, not for the log file.
            Event::Auth(AuthEvent::Banner(text)) if log::enabled(Level::Info) => log::show(text),
            Event::Auth(_) => {}
            Event::Authenticated { .. } => self.authenticated(control),
            Event::Debug { message, .. } => log::debug1(format_args!("Remote: {message}")),
            Event::Pong(_) => {}
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
        let settings = Arc::clone(&self.settings);
        let (distrusted, method) = {
            let mut state = self.shared.state();
            state.authenticated = true;
            (state.distrusted, state.method)
        };
        log::verbose(format_args!(
            "Authenticated to {} ([{}]:{}) using \"{method}\".",
            settings.host_name,
            self.address.ip(),
            self.address.port()
        ));
        if distrusted && !settings.local_forwards.is_empty() {
            log::error("Port forwarding is disabled to avoid man-in-the-middle attacks.");
        } else {
            for forward in &settings.local_forwards {
                log::debug1(format_args!("Local connections to {forward} forwarded."));
                let id = control.listen_local(forward.clone(), settings.gateway_ports);
                self.forwards.push((id, forward.clone()));
                self.forwards_pending += 1;
            }
        }
        if self.forwards_pending == 0 {
            self.open_session(control);
        }
    }

    fn forward_reported(&mut self, control: &mut Control<'_>) {
        self.forwards_pending = self.forwards_pending.saturating_sub(1);
        if self.forwards_pending == 0 {
            self.open_session(control);
        }
    }

    fn bind_faults(&self, faults: &[BindFault], all_failed: bool) {
        for fault in faults {
            let level = if fault.loud || all_failed && faults.len() == 1 {
                Level::Error
            } else {
                Level::Debug1
            };
            log::write(level, fault);
        }
    }

    fn describe(&self, forward: ForwardId, originator: SocketAddr) -> String {
        let from = format!("connect from {} port {}", originator.ip(), originator.port());
        let Some((_, forward)) = self.forwards.iter().find(|(id, _)| *id == forward) else {
            return format!("direct-tcpip: {from}");
        };
        let listening = match &forward.listen {
            Listen::Tcp { port, .. } => format!("listening port {port}"),
            Listen::Unix(path) => format!("listening on {path}"),
        };
        let target = match &forward.target {
            Target::Tcp { host, port } => format!("{host} port {port}"),
            Target::Unix(path) => path.clone(),
        };
        format!("direct-tcpip: {listening} for {target}, {from}")
    }

    fn open_session(&mut self, control: &mut Control<'_>) {
        if self.plan.program.is_none() {
            log::debug1("Entering interactive session.");
            return;
        }
        let opened = self
            .endpoints(control)
            .and_then(|endpoints| control.open_session(endpoints).map_err(|e| format!("{e}")));
        match opened {
            Ok(channel) => {
                self.session = Some(channel);
                log::debug1("Entering interactive session.");
            }
            Err(words) => {
                log::error(format_args!("cannot open a session: {words}"));
                self.shared.fail();
                control.disconnect(DisconnectReason::ByApplication, "no session");
            }
        }
    }

    fn endpoints(&self, control: &mut Control<'_>) -> Result<Endpoints, String> {
        let words = |error: std::io::Error| crate::exit::os_words(&error);
        let input: Option<Input> = match (self.plan.stdin, self.plan.escape) {
            (false, _) => None,
            (true, None) => Some(Box::new(StandardInput::open().map_err(words)?)),
            (true, Some(escape)) => {
                let input = StandardInput::open().map_err(words)?;
                let keys = EscapeKeys {
                    escape,
                    shared: Arc::clone(&self.shared),
                    handle: control.handle(),
                };
                Some(Box::new(EscapeReader::new(input, escape, move |found| keys.act(found))))
            }
        };
        let output: Output = Box::new(StandardOutput::open().map_err(words)?);
        let error: Output = Box::new(StandardOutput::open_error().map_err(words)?);
        Ok(Endpoints::split(input, Some(output)).with_error_output(error))
    }

    fn channel(&mut self, event: ChannelEvent, control: &mut Control<'_>) {
        match event {
            ChannelEvent::Opened { channel } if Some(channel) == self.session => {
                self.session_opened(channel, control);
            }
            ChannelEvent::OpenFailed { channel, reason, description }
                if Some(channel) == self.session =>
            {
                log::error(open_failed(channel.index(), reason, &description));
                self.shared.fail();
                self.session_closed(control);
            }
            ChannelEvent::Request { request, .. } => self.session_request(&request),
            ChannelEvent::RequestReply { tag, ok: false, channel } => {
                self.request_refused(tag, channel, control);
            }
            ChannelEvent::OpenRequest { channel, .. } => {
                // A client serves nobody.
                let reason = OpenFailure::AdministrativelyProhibited;
                let _ = control.refuse_open(channel, reason, "open failed");
            }
            _ => {}
        }
    }

    /// Asks for everything at once; the server answers in order.
    fn session_opened(&mut self, channel: ChannelKey, control: &mut Control<'_>) {
        let Some(program) = self.plan.program.clone() else { return };
        // Whoever takes over this connection later can open nothing more.
        let _ = control.global_request(GlobalRequest::NoMoreSessions, false);
        if self.plan.tty {
            self.pty = control.request(channel, session::pty_request(), true).ok();
            self.shared.enter_raw_mode();
            follow_window(channel, control.handle());
        }
        for variable in session::environment(&self.settings) {
            // The connection layer bounds how many requests may wait; a server takes them in
            // silence, so a variable more or less is no reason to end.
            if control.request(channel, variable, false).is_err() {
                log::debug1("too many environment variables: the rest is not sent");
                break;
            }
        }
        log::debug1(format_args!("Sending {} request.", program.name()));
        match control.request(channel, program.request(), true) {
            Ok(tag) => self.program = Some(tag),
            Err(error) => {
                log::error(format_args!("cannot request the {}: {error}", program.name()));
                self.shared.fail();
                control.close(channel);
            }
        }
    }

    fn session_request(&self, request: &ChannelRequest) {
        match request {
            ChannelRequest::ExitStatus(status) => {
                // The operating system keeps eight bits of an exit status.
                let status = u8::try_from(status & 0xff).unwrap_or(OWN_FAILURE);
                self.shared.state().exit_status = Some(status);
            }
            ChannelRequest::ExitSignal { name, core_dumped, message } => {
                let core = if *core_dumped { " (core dumped)" } else { "" };
                let message =
                    if message.is_empty() { String::new() } else { format!(": {message}") };
                let name = tssh_transport::text::printable(name.as_bytes(), 64);
                log::info(format_args!("Remote command killed by signal {name}{core}{message}"));
                self.shared.state().exit_status = Some(OWN_FAILURE);
            }
            _ => {}
        }
    }

    fn request_refused(&self, tag: RequestTag, channel: ChannelKey, control: &mut Control<'_>) {
        let index = channel.index();
        if Some(tag) == self.pty {
            log::error(format_args!("PTY allocation request failed on channel {index}"));
            self.shared.leave_raw_mode();
        }
        if Some(tag) == self.program {
            let name = self.plan.program.as_ref().map_or("session", |p| p.name());
            log::error(format_args!("{name} request failed on channel {index}"));
            self.shared.fail();
            control.close(channel);
        }
    }

    fn session_closed(&mut self, control: &mut Control<'_>) {
        self.session_over = true;
        self.session = None;
        self.shared.leave_raw_mode();
        if control.forwarded_connections() > 0 {
            log::info("Waiting for forwarded connections to terminate...");
            self.shared.list_forwarded();
        }
        self.finish_if_done(control);
    }

    fn finish_if_done(&self, control: &mut Control<'_>) {
        if self.session_over && control.forwarded_connections() == 0 {
            control.disconnect(DisconnectReason::ByApplication, "disconnected by user");
        }
    }
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

/// Tells the far side whenever the local terminal changes its size.
fn follow_window(channel: ChannelKey, handle: Handle) {
    let Ok(mut changes) = signal(SignalKind::window_change()) else { return };
    tokio::spawn(async move {
        while changes.recv().await.is_some() {
            let change = move |control: &mut Control<'_>| {
                // A session that is over has no window.
                let _ = control.request(channel, session::window_change(), false);
            };
            if handle.call(change).await.is_err() {
                break;
            }
        }
    });
}

/// Carries out escape sequences.
struct EscapeKeys {
    escape: u8,
    shared: Arc<Shared>,
    handle: Handle,
}

impl EscapeKeys {
    fn act(&self, found: Escape) {
        let shown = escape::shown(self.escape);
        match found {
            Escape::Terminate => {
                log::show(format_args!("{shown}.\r\n"));
                self.shared.fail();
                let end = |control: &mut Control<'_>| {
                    control.disconnect(DisconnectReason::ByApplication, "disconnected by user");
                };
                // Full or ended: the connection is going down anyway.
                let _ = self.handle.post(end);
            }
            Escape::Suspend => {
                log::show(format_args!("{shown}^Z [suspend tssh]\r\n"));
                self.suspend();
            }
            Escape::Rekey => {
                let _ = self.handle.post(|control| control.request_rekey());
            }
            Escape::List => {
                log::show(format_args!("{shown}#\r\n"));
                self.shared.list_forwarded();
            }
            Escape::Quieter => {
                log::show(format_args!("{shown}V [LogLevel {}]\r\n", log::change_level(false)))
            }
            Escape::Louder => {
                log::show(format_args!("{shown}v [LogLevel {}]\r\n", log::change_level(true)))
            }
            Escape::Help => log::show(format_args!("{shown}?\r\n{}", escape::help(self.escape))),
        }
    }

    /// Stops the whole program, as the terminal's own ^Z would, and goes on where it was.
    fn suspend(&self) {
        self.shared.leave_raw_mode();
        let stop = rustix::process::Signal::TSTP;
        // Where it cannot be stopped it simply goes on.
        let _ = rustix::process::kill_process(rustix::process::getpid(), stop);
        self.shared.enter_raw_mode();
    }
}
