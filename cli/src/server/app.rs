//! One connection of the server: answers its questions, serves its sessions, writes its log.

use crate::log::Level;
use crate::server::auth_log::AuthLog;
use crate::server::log;
use crate::server::peer::Peer;
use crate::server::policy::ServerPolicy;
use crate::server::session::agent::AgentSocket;
use crate::server::session::display::StandIn;
use crate::server::session::{Allowed, End, Ending, Outcome, Program, Session, Surroundings};
use crate::server_auth::{Decision, Grants, Notes};
use crate::trace::Recorder;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;
use tssh_connection::{
    Answer, ChannelEvent, ChannelKey, ChannelRequest, Event, GlobalRequest, OpenFailure, OpenKind,
};
use tssh_forward::core::policy::{Policy, X11Policy};
use tssh_forward::driver::{AppEvent, Application, Control, Handle, LowWater};
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::userauth::{AuthAnswer, AuthEvent, AuthQuestion};
use tssh_transport::wire::Writer;

/// What whoever runs a connection wants to hear of it, and knows of its socket.
pub struct Hooks {
    /// Called once, with a handle to the connection, when its task runs.
    pub started: Option<Box<dyn FnOnce(Handle) + Send>>,
    /// Called once, when the user is authenticated.
    pub authenticated: Option<Box<dyn FnOnce() + Send>>,
    /// What writes the connection down.
    pub recorder: Option<Recorder>,
    /// The mark of the socket from which on what waits on it wakes the driver.
    pub low_water: Option<LowWater>,
}

impl Default for Hooks {
    /// Nothing is to be heard.
    fn default() -> Self {
        Self { started: None, authenticated: None, recorder: None, low_water: None }
    }
}

impl std::fmt::Debug for Hooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooks")
    }
}

/// The application of one connection.
pub struct ServerApp {
    policy: Arc<ServerPolicy>,
    peer: Peer,
    hooks: Hooks,
    /// Shared with the threads that decide.
    grants: Arc<Mutex<Grants>>,
    log: Arc<Mutex<AuthLog>>,
    allowed: Allowed,
    /// What the configuration and the key permit.
    forwarding: Policy,
    /// One for all sessions that ask; it ends with the connection.
    agent: Option<AgentSocket>,
    /// One for each open session channel; bounded by `MaxSessions`.
    sessions: BTreeMap<ChannelKey, Session>,
}

impl ServerApp {
    /// Will serve one connection. `log` outlives it, for the line about its end.
    #[must_use]
    pub fn new(
        policy: Arc<ServerPolicy>,
        peer: Peer,
        hooks: Hooks,
        log: Arc<Mutex<AuthLog>>,
    ) -> Self {
        Self {
            policy,
            peer,
            hooks,
            grants: Arc::default(),
            log,
            allowed: Allowed::default(),
            forwarding: Policy::default(),
            agent: None,
            sessions: BTreeMap::new(),
        }
    }

    fn with_log(&self, act: impl FnOnce(&mut AuthLog)) {
        act(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn protocol(&mut self, event: Event, control: &mut Control<'_>) {
        match event {
            Event::PeerIdentification(text) => {
                log::debug(format_args!("Remote protocol version: {}", log::name(&text)));
            }
            // In sshd's words, which scripts count.
            Event::Exchanged { .. } => {
                log::debug("SSH2_MSG_NEWKEYS sent");
                log::debug("SSH2_MSG_NEWKEYS received");
            }
            Event::Auth(AuthEvent::Question(question)) => self.ask(question, control),
            Event::Auth(AuthEvent::Failed { user, method, reason, failures }) => {
                log::debug(format_args!("{method}: {reason}"));
                self.with_log(|log| log.failed(&user, &method, failures));
            }
            Event::Authenticated { user, keys } => self.authenticated(&user, &keys, control),
            Event::Debug { message, .. } => log::debug(format_args!("Remote: {message}")),
            Event::Channel(event) => self.channel(event, control),
            _ => {}
        }
    }

    /// Has a question decided on a thread that may wait, and brings the answer back.
    fn ask(&self, question: AuthQuestion, control: &Control<'_>) {
        self.with_log(|log| log.asked(&question));
        let (handle, policy) = (control.handle(), Arc::clone(&self.policy));
        let (grants, peer) = (Arc::clone(&self.grants), self.peer);
        tokio::spawn(async move {
            let decision = decide_on_thread(move || policy.decide(question, peer)).await;
            let level = if decision.grant.is_some() { Level::Verbose } else { Level::Info };
            decision.notes.lines().iter().for_each(|line| log::write(level, line));
            if let Some(grant) = decision.grant {
                grants.lock().unwrap_or_else(PoisonError::into_inner).note(grant);
            }
            // Without a connection nobody waits for the answer.
            let _ = handle.call(|control| control.answer(Answer::Auth(decision.answer))).await;
        });
    }

    fn authenticated(&mut self, user: &str, keys: &[Vec<u8>], control: &mut Control<'_>) {
        let grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        let options = grants.options_for(keys);
        drop(grants);
        let Some(options) = options else {
            control.disconnect(DisconnectReason::ByApplication, "no key was accepted");
            return;
        };
        self.with_log(|log| log.accepted(user));
        self.forwarding = self.policy.forwarding_for(&options);
        control.set_policy(self.forwarding.clone());
        self.allowed = Allowed {
            pty: options.pty,
            command: options.command.clone(),
            environment: self.policy.environment_of(options),
        };
        self.name_host_keys(control);
        if let Some(tell) = self.hooks.authenticated.take() {
            tell();
        }
    }

    /// Tells the client every host key, so that it can follow a change of them.
    fn name_host_keys(&self, control: &mut Control<'_>) {
        let mut list = Vec::new();
        let mut w = Writer::new(&mut list);
        self.policy.host_keys.iter().for_each(|key| w.string(&key.public().blob()));
        // It is an offer: a client that cannot take it now does without.
        let _ = control.global_request(GlobalRequest::HostKeys(list), false);
    }

    fn channel(&mut self, event: ChannelEvent, control: &mut Control<'_>) {
        match event {
            ChannelEvent::OpenRequest { channel, kind } => self.open(channel, &kind, control),
            ChannelEvent::Request { channel, request, want_reply } => {
                self.request(channel, request, want_reply, control);
            }
            _ => {}
        }
    }

    fn open(&mut self, channel: ChannelKey, kind: &OpenKind, control: &mut Control<'_>) {
        let max = self.policy.sessions.as_ref().map(|sessions| sessions.max_sessions);
        let refusal = match (kind, max) {
            (OpenKind::Session, Some(max)) if self.sessions.len() < max => None,
            (OpenKind::Session, Some(0)) => {
                log::info(format_args!("No sessions for {} (MaxSessions 0)", self.peer));
                Some((OpenFailure::ConnectFailed, "open failed"))
            }
            (OpenKind::Session, Some(max)) => {
                log::info(format_args!("Too many sessions ({max}) for {}", self.peer));
                Some((OpenFailure::ConnectFailed, "open failed"))
            }
            (OpenKind::Session, None) => {
                Some((OpenFailure::AdministrativelyProhibited, "no sessions here"))
            }
            _ => Some((OpenFailure::UnknownChannelType, "unsupported channel type")),
        };
        // A channel that is gone by now needs no answer.
        match refusal {
            None => {
                if control.accept_session(channel).is_ok() {
                    self.sessions.insert(channel, Session::default());
                }
            }
            Some((reason, text)) => drop(control.refuse_open(channel, reason, text)),
        }
    }

    fn request(
        &mut self,
        channel: ChannelKey,
        request: ChannelRequest,
        want_reply: bool,
        control: &mut Control<'_>,
    ) {
        let (Some(session), Some(policy)) =
            (self.sessions.get_mut(&channel), &self.policy.sessions)
        else {
            return;
        };
        let what = what(&request);
        let around = Surroundings { policy, allowed: &self.allowed, peer: self.peer };
        let outcome = match request {
            ChannelRequest::X11Req { .. } => {
                let display = || stand_in(self.forwarding.x11.as_ref(), &request, control);
                Outcome::Reply(session.awaits_program() && session.set_display(display))
            }
            ChannelRequest::AuthAgentReq => {
                let permitted = self.forwarding.agent && session.awaits_program();
                let socket = permitted.then(|| agent_socket(&mut self.agent, control)).flatten();
                let granted = socket.is_some();
                socket.into_iter().for_each(|path| session.set_agent(path));
                Outcome::Reply(granted)
            }
            request => session.request(request, around),
        };
        let ok = !matches!(outcome, Outcome::Reply(false));
        if want_reply {
            // A channel that is gone by now needs no answer.
            let _ = control.reply_request(channel, ok);
        }
        if let Outcome::Started(started) = outcome {
            let Program { endpoints, end, told } = *started;
            let place = session.terminal().map_or_else(String::new, |tty| format!(" on {tty}"));
            let (user, peer, id) = (self.policy.user(), self.peer, channel.index());
            log::verbose(format_args!(
                "Starting session: {what}{place} for {user} from {peer} id {id}"
            ));
            // Where the channel is gone the streams are let go, and the program notices.
            let _ = control.attach(channel, endpoints);
            tokio::spawn(await_end(end, channel, control.handle(), told));
        }
    }
}

/// The display for a session; nothing where there is to be none, which is logged.
fn stand_in(
    policy: Option<&X11Policy>,
    request: &ChannelRequest,
    control: &Control<'_>,
) -> Option<StandIn> {
    let Some(policy) = policy else {
        log::debug("X11 forwarding is not permitted for this connection.");
        return None;
    };
    let opened = StandIn::open(policy, request, control.handle());
    opened.map_err(|why| log::info(format_args!("X11 forwarding: {why}"))).ok()
}

/// The path of the agent's socket, which is made when the first session asks for it.
fn agent_socket(agent: &mut Option<AgentSocket>, control: &Control<'_>) -> Option<PathBuf> {
    if agent.is_none() {
        match AgentSocket::open(control.handle()) {
            Ok(socket) => *agent = Some(socket),
            Err(error) => {
                let words = crate::exit::os_words(&error);
                log::error(format_args!("agent forwarding: {words}"));
            }
        }
    }
    agent.as_ref().map(|socket| socket.path().to_owned())
}

/// Decides on a thread that may wait. A policy that panics admits nobody, and the client is told.
async fn decide_on_thread(decide: impl FnOnce() -> Decision + Send + 'static) -> Decision {
    tokio::task::spawn_blocking(decide).await.unwrap_or_else(|_| {
        log::error("the decision about a login failed; it is refused");
        Decision { answer: AuthAnswer::Reject, grant: None, notes: Notes::default() }
    })
}

/// What a request starts, for the log.
fn what(request: &ChannelRequest) -> String {
    match request {
        ChannelRequest::Shell => "shell".to_owned(),
        ChannelRequest::Subsystem { name } => format!("subsystem '{}'", log::name(name)),
        _ => "command".to_owned(),
    }
}

/// Waits for the program's end and tells the client; only then `told` is dropped.
async fn await_end(end: End, channel: ChannelKey, handle: Handle, told: oneshot::Sender<()>) {
    let Ok(status) = end.await else { return };
    let request = Ending::of(status).request();
    let call = handle.call(move |control| {
        // The client may have closed the channel before.
        let _ = control.request(channel, request, false);
        control.finish(channel);
    });
    // The same for the connection.
    let _ = call.await;
    drop(told);
}

impl Application for ServerApp {
    fn event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        match event {
            AppEvent::Started => {
                if let Some(tell) = self.hooks.started.take() {
                    tell(control.handle());
                }
            }
            AppEvent::Protocol(event) => self.protocol(event, control),
            AppEvent::ChannelClosed { channel } if self.sessions.remove(&channel).is_some() => {
                let (user, peer, id) = (self.policy.user(), self.peer, channel.index());
                log::verbose(format_args!("Close session: user {user} from {peer} id {id}"));
            }
            AppEvent::ForwardServed { target, originator, outcome } => {
                let target = log::name(&target);
                let from = originator.map_or_else(String::new, |(address, port)| {
                    format!(" from {} port {port}", log::name(&address))
                });
                match outcome {
                    Ok(()) => log::debug(format_args!("connected to {target}{from}")),
                    Err(error) => {
                        let error = log::name(&error);
                        log::info(format_args!("forward to {target}{from}: {error}"));
                    }
                }
            }
            AppEvent::ListenServed { what, outcome } => {
                let what = log::name(&what);
                match outcome {
                    Ok(addresses) => {
                        log::debug(format_args!("listening for {what}: {addresses:?}"));
                    }
                    Err(error) => {
                        let error = log::name(&error);
                        log::info(format_args!("remote forward of {what}: {error}"));
                    }
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_panics_refuses() {
        let decided = crate::test_support::block_on(decide_on_thread(|| panic!("a broken policy")));
        assert!(matches!(decided.answer, AuthAnswer::Reject) && decided.grant.is_none());
    }
}
