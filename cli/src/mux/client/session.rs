//! A session, or a connection for standard input and output, within a master's connection.

use super::Client;
use super::forwards::Change;
use crate::background::Background;
use crate::client::session::{Plan, Program, variables};
use crate::exit::{Fatal, OWN_FAILURE, Result, os_words};
use crate::log;
use crate::mux::forward::UNIX_PORT;
use crate::mux::messages::{MasterMessage, NO_ESCAPE, NewSession, Request};
use crate::mux::socket::SocketFault;
use crate::signals::Endings;
use crate::terminal::{self, Mode};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::os::fd::AsFd;
use tokio::signal::unix::{SignalKind, signal};
use tssh_forward::core::address::Target;

/// What is waited for.
pub(super) enum Waiting {
    /// A session of this name.
    Session {
        id: u32,
        /// The terminal is ours no more until it is over.
        raw: Option<Mode>,
        tty: bool,
        /// The master's process, which is told when the terminal changes its size.
        master: Option<Pid>,
    },
    /// Standard input and output are a connection.
    Stdio,
    /// The master's end: with `-N` there is nothing else.
    Nothing,
}

impl Client<'_> {
    /// Asks for everything that we were started for; nothing where the master does not do it and
    /// we have to connect ourselves.
    pub(super) async fn open(
        &mut self,
        plan: &Plan,
        background: &mut Option<Background>,
    ) -> Result<Option<Waiting>> {
        if let Err(fault) = self.hello().await {
            log::error(fault);
            log::error("muxclient: master hello exchange failed");
            return Ok(None);
        }
        let waiting = if let Some(target) = self.settings.forwards.stdio.clone() {
            self.stdio(&target).await?
        } else {
            if !self.forwards(Change::Ask, false).await {
                log::error("muxclient: master forward request failed");
                return Ok(None);
            }
            match &plan.program {
                None => Waiting::Nothing,
                Some(program) => match self.session(plan, program).await? {
                    Some(session) => session,
                    None => return Ok(None),
                },
            }
        };
        let gone = background.take().map(Background::detach);
        if let Some(Err(error)) = gone {
            let words = os_words(&error);
            return Err(Fatal::new(format!("cannot go to the background: {words}")));
        }
        Ok(Some(match waiting {
            // In the background the terminal is somebody else's.
            Waiting::Session { id, tty, master, .. } if gone.is_none() && tty => {
                let raw = terminal::raw(std::io::stdin()).ok();
                Waiting::Session { id, raw, tty, master }
            }
            waiting => waiting,
        }))
    }

    /// The master's process, which answers.
    async fn alive(&mut self) -> Result<Option<u32>> {
        match self.ask(Request::AliveCheck).await {
            Ok(MasterMessage::Alive { pid, .. }) => Ok(Some(pid)),
            Ok(_) => Err(Fatal::new("mux_client_request_alive: master returned error")),
            Err(_) => {
                log::error("mux_client_request_session: master alive request failed");
                Ok(None)
            }
        }
    }

    async fn session(&mut self, plan: &Plan, program: &Program) -> Result<Option<Waiting>> {
        let Some(pid) = self.alive().await? else { return Ok(None) };
        let request = Request::NewSession(Box::new(self.request(plan, program)));
        let null = standard_input(plan)?;
        let asked = async {
            let id = self.send(request).await?;
            let (input, output, error) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
            let input = null.as_ref().map_or_else(|| input.as_fd(), AsFd::as_fd);
            for fd in [input, output.as_fd(), error.as_fd()] {
                self.wire.send_descriptor(fd).await?;
            }
            self.answer(id).await
        };
        match asked.await {
            Ok(MasterMessage::SessionOpened { session, .. }) => {
                log::debug1(format_args!("master session id: {session}"));
                let master = i32::try_from(pid).ok().filter(|pid| *pid > 1);
                let master = master.and_then(Pid::from_raw);
                return Ok(Some(Waiting::Session {
                    id: session,
                    raw: None,
                    tty: plan.tty,
                    master,
                }));
            }
            Ok(MasterMessage::PermissionDenied(_, why)) => {
                log::error(format_args!("Master refused session request: {why}"));
            }
            Ok(MasterMessage::Failure(_, why)) => {
                let who = "mux_client_request_session";
                log::error(format_args!("{who}: session request failed: {why}"));
            }
            Ok(_) => log::error("mux_client_request_session: unexpected response from master"),
            Err(fault) => {
                let who = "mux_client_request_session";
                log::error(format_args!("{who}: read from master failed: {fault}"));
            }
        }
        Ok(None)
    }

    fn request(&self, plan: &Plan, program: &Program) -> NewSession {
        let set = self.settings.set_env.iter().find(|(name, _)| name == "TERM");
        let set = set.map(|(_, value)| value.clone()).filter(|value| !value.is_empty());
        NewSession {
            tty: plan.tty,
            x11: self.settings.x11.wanted,
            agent: self.settings.forward_agent.is_some(),
            subsystem: matches!(program, Program::Subsystem(_)),
            escape: plan.escape.map_or(NO_ESCAPE, u32::from),
            term: set.or_else(|| std::env::var("TERM").ok()).unwrap_or_default(),
            command: match program {
                Program::Shell => Vec::new(),
                Program::Command(text) => text.clone(),
                Program::Subsystem(text) => text.clone().into_bytes(),
            },
            environment: variables(self.settings)
                .into_iter()
                .map(|(name, value)| [&name[..], b"=", &value].concat())
                .collect(),
        }
    }

    async fn stdio(&mut self, target: &Target) -> Result<Waiting> {
        let (host, port) = match target {
            Target::Tcp { host, port } => (host.clone(), u32::from(*port)),
            Target::Unix(path) => (path.clone(), UNIX_PORT),
        };
        let null = match self.settings.stdin_null {
            true => Some(null()?),
            false => None,
        };
        let asked = async {
            let id = self.send(Request::StdioForward { host, port }).await?;
            let (input, output) = (std::io::stdin(), std::io::stdout());
            let input = null.as_ref().map_or_else(|| input.as_fd(), AsFd::as_fd);
            for fd in [input, output.as_fd()] {
                self.wire.send_descriptor(fd).await?;
            }
            self.answer(id).await
        };
        Err(Fatal::new(match asked.await {
            Ok(MasterMessage::SessionOpened { .. }) => return Ok(Waiting::Stdio),
            Ok(MasterMessage::PermissionDenied(_, why)) => {
                format!("Master refused stdio forwarding request: {why}")
            }
            Ok(MasterMessage::Failure(_, why)) => {
                format!("Stdio forwarding request failed: {why}")
            }
            Ok(_) => "mux_client_request_stdio_fwd: unexpected response from master".to_owned(),
            Err(fault) => {
                format!("mux_client_request_stdio_fwd: read from master failed: {fault}")
            }
        }))
    }

    /// Waits for the end; yields the exit status.
    pub(super) async fn wait(&mut self, waiting: Waiting, mut signals: Endings) -> Result<u8> {
        match waiting {
            Waiting::Session { id, raw, tty, master } => {
                let relay = relay_window_changes(master);
                let status = tokio::select! {
                    status = self.status(id, raw) => status,
                    number = signals.next() => {
                        log::debug2(format_args!("Exiting on signal: {number}"));
                        Ok(OWN_FAILURE)
                    }
                };
                if let Some(relay) = relay {
                    relay.abort();
                }
                if tty && log::enabled(log::Level::Info) {
                    let host = &self.settings.host_name;
                    log::show(format_args!("Shared connection to {host} closed.\r\n"));
                }
                status
            }
            // As in ssh, however it ends.
            Waiting::Stdio | Waiting::Nothing => {
                tokio::select! {
                    _ = self.wire.receive() => {}
                    _ = signals.next() => {}
                }
                Ok(0)
            }
        }
    }

    /// The exit status, once the master has closed the socket: it does so when everything has
    /// been written, and takes an earlier end of ours for a reason to end the session.
    async fn status(&mut self, id: u32, mut raw: Option<Mode>) -> Result<u8> {
        let mut status = None;
        loop {
            let message = match self.wire.receive().await {
                Ok(body) => MasterMessage::decode(&body).map_err(SocketFault::from),
                Err(fault) => Err(fault),
            };
            match message {
                Ok(MasterMessage::TtyAllocFail(session)) if session == id => {
                    drop(raw.take());
                }
                Ok(MasterMessage::Exit { session, status: code })
                    if session == id && status.is_none() =>
                {
                    // The operating system keeps eight bits of an exit status.
                    status = u8::try_from(code & 0xff).ok();
                }
                Ok(MasterMessage::PermissionDenied(_, why) | MasterMessage::Failure(_, why)) => {
                    return Err(Fatal::new(format!("master returned error: {why}")));
                }
                Ok(_) => return Err(Fatal::new("unexpected response from master")),
                Err(SocketFault::Closed) => break,
                Err(fault) => {
                    return Err(Fatal::new(format!("read from master failed: {fault}")));
                }
            }
        }
        if status.is_none() {
            log::debug2("Control master terminated unexpectedly");
        }
        Ok(status.unwrap_or(OWN_FAILURE))
    }
}

/// What is passed on in the place of standard input, where that is left alone.
fn standard_input(plan: &Plan) -> Result<Option<File>> {
    if plan.stdin { Ok(None) } else { null().map(Some) }
}

fn null() -> Result<File> {
    File::open("/dev/null").map_err(|error| Fatal::new(format!("/dev/null: {}", os_words(&error))))
}

/// The master has the terminal's descriptor, but not the signal that its size has changed.
fn relay_window_changes(master: Option<Pid>) -> Option<tokio::task::JoinHandle<()>> {
    let master = master?;
    let mut changes = signal(SignalKind::window_change()).ok()?;
    Some(tokio::spawn(async move {
        while changes.recv().await.is_some() {
            // One that is gone is noticed at the socket.
            let _ = kill_process(master, Signal::WINCH);
        }
    }))
}
