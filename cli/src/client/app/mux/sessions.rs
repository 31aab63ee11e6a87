//! Sessions of clients: their channels, joined to the streams that the clients have passed.

use super::super::Client;
use super::super::forwards::direct;
use super::super::program::follow_window;
use crate::client::session::{pty_request, variable_permitted};
use crate::config::Settings;
use crate::exit::os_words;
use crate::limits::PEER_TEXT_BYTES_MAX;
use crate::log;
use crate::mux::master::Told;
use crate::mux::messages::{NO_ESCAPE, NewSession};
use crate::stdio::Passed;
use std::os::fd::OwnedFd;
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tssh_connection::{ChannelEvent, ChannelKey, ChannelRequest, RequestTag};
use tssh_forward::core::address::Target;
use tssh_forward::driver::{Control, Endpoints, Input, Output};
use tssh_transport::text::one_line;

/// A session of a client.
pub(in super::super) struct Session {
    told: mpsc::Sender<Told>,
    /// What it is to be; nothing for a connection of standard input and output, or once it has
    /// been asked for.
    wanted: Option<Wanted>,
    pty: Option<RequestTag>,
    program: Option<(RequestTag, &'static str)>,
    /// Its client's standard error, for a word of ours.
    error: Option<OwnedFd>,
    follows: Option<Follows>,
    /// Its client knows the exit status.
    exited: bool,
}

/// What a session is to be.
struct Wanted {
    request: NewSession,
    /// The request for its terminal, as that was before its client changed it.
    pty: Option<ChannelRequest>,
    /// Its terminal.
    terminal: Option<OwnedFd>,
}

/// The task that follows the size of a terminal.
struct Follows(JoinHandle<()>);

impl Drop for Follows {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Session {
    const fn new(told: mpsc::Sender<Told>, wanted: Option<Wanted>, error: Option<OwnedFd>) -> Self {
        let (pty, program, follows) = (None, None, None);
        Self { told, wanted, pty, program, error, follows, exited: false }
    }

    /// Whether nobody hears of it any more.
    pub(super) fn is_orphan(&self) -> bool {
        self.told.is_closed()
    }

    /// There is room for one of each kind.
    fn tell(&self, told: Told) -> bool {
        self.told.try_send(told).is_ok()
    }

    /// A word on the client's standard error, where it can be had at once: nobody waits for it.
    fn say(&self, text: &str) {
        if let Some(error) = &self.error {
            say(error, text);
        }
    }
}

impl Client {
    pub(super) fn open_mux_session(
        &mut self,
        request: NewSession,
        descriptors: [OwnedFd; 3],
        told: mpsc::Sender<Told>,
        control: &mut Control<'_>,
    ) {
        let [input, output, error] = descriptors;
        let key = Arc::new(OnceLock::new());
        let opened = Passed::new(&input, &output, Some(&error)).map_err(|e| os_words(&e));
        let opened = opened.and_then(|passed| {
            let escape = u8::try_from(request.escape).ok();
            let escape = escape.filter(|_| request.tty && request.escape != NO_ESCAPE);
            let input: Input = match escape {
                None => Box::new(passed.input),
                Some(escape) => {
                    let error = error.try_clone().map_err(|error| os_words(&error))?;
                    let channel = Arc::clone(&key);
                    Box::new(self.mux_escapes(passed.input, escape, error, channel, control))
                }
            };
            let mut endpoints = Endpoints::split(Some(input), Some(Box::new(passed.output)));
            if let Some(error) = passed.error {
                endpoints = endpoints.with_error_output(Box::new(error) as Output);
            }
            control.open_session(endpoints).map_err(|error| error.to_string())
        });
        let channel = match opened {
            Ok(channel) => channel,
            Err(words) => return refused(&told, &words),
        };
        let _ = key.set(channel);
        let term = request.term.clone();
        let (pty, terminal) = match request.tty {
            true => (Some(pty_request(&input, term)), Some(input)),
            false => (None, None),
        };
        let wanted = Wanted { request, pty, terminal };
        self.mux.sessions.insert(channel, Session::new(told, Some(wanted), Some(error)));
        let text = "client-session of a shared connection".to_owned();
        self.shared.state().connections.insert(channel, text);
        self.look_if_idle(control);
    }

    pub(super) fn open_mux_stdio(
        &mut self,
        target: &Target,
        descriptors: &[OwnedFd; 2],
        told: mpsc::Sender<Told>,
        control: &mut Control<'_>,
    ) {
        let [input, output] = descriptors;
        let opened = Passed::new(input, output, None).map_err(|error| os_words(&error));
        let opened = opened.and_then(|passed| {
            let endpoints =
                Endpoints::split(Some(Box::new(passed.input)), Some(Box::new(passed.output)));
            control.open(direct(target), endpoints).map_err(|error| error.to_string())
        });
        match opened {
            Ok(channel) => {
                self.mux.sessions.insert(channel, Session::new(told, None, None));
                self.look_if_idle(control);
            }
            Err(words) => refused(&told, &words),
        }
    }

    /// Takes an event of a channel that is a client's; whether it was one.
    pub(in super::super) fn mux_channel(
        &mut self,
        event: &ChannelEvent,
        control: &mut Control<'_>,
    ) -> bool {
        let channel = match event {
            ChannelEvent::Opened { channel }
            | ChannelEvent::OpenFailed { channel, .. }
            | ChannelEvent::Request { channel, .. }
            | ChannelEvent::RequestReply { channel, .. } => *channel,
            _ => return false,
        };
        let Some(session) = self.mux.sessions.get_mut(&channel) else {
            return self.relayed_channel(channel, event, control);
        };
        match event {
            ChannelEvent::Opened { .. } => self.mux_session_opened(channel, control),
            ChannelEvent::OpenFailed { description, .. } => {
                let words = one_line(description.as_bytes(), PEER_TEXT_BYTES_MAX);
                refused(&session.told, &words);
                self.mux_session_closed(channel, control);
            }
            ChannelEvent::Request { request, .. } => session.hears(request),
            ChannelEvent::RequestReply { tag, ok: false, .. }
                if session.is_refused(*tag, channel) =>
            {
                control.close(channel);
            }
            _ => {}
        }
        true
    }

    /// Asks for everything that the session is to be.
    fn mux_session_opened(&mut self, channel: ChannelKey, control: &mut Control<'_>) {
        let Some(session) = self.mux.sessions.get(&channel) else { return };
        let wants_x11 = session.wanted.as_ref().is_some_and(|wanted| wanted.request.x11);
        if wants_x11 && self.x11_prepares(control) {
            // It goes on from here when the display's cookie is known.
            self.mux.wait_for_display.push(channel);
            return;
        }
        let Some(session) = self.mux.sessions.get_mut(&channel) else { return };
        if let Some(wanted) = session.wanted.take() {
            if wants_x11 {
                self.request_x11(channel, control);
            }
            if wanted.request.agent {
                self.request_agent(channel, control);
            }
            let Some(session) = self.mux.sessions.get_mut(&channel) else { return };
            session.begin(wanted, channel, &self.settings, control);
        }
        let Some(session) = self.mux.sessions.get(&channel) else { return };
        // Its client may have gone meanwhile.
        if !session.tell(Told::Opened(u32::try_from(channel.index()).unwrap_or_default())) {
            control.close(channel);
        }
    }

    /// The display is known: sessions that have waited go on.
    pub(in super::super) fn mux_display_known(&mut self, control: &mut Control<'_>) {
        for channel in std::mem::take(&mut self.mux.wait_for_display) {
            self.mux_session_opened(channel, control);
        }
    }

    /// A channel is over; whether it was a client's. Everything has been written, and the client
    /// learns of it when its socket is closed.
    pub(in super::super) fn mux_session_closed(
        &mut self,
        channel: ChannelKey,
        control: &mut Control<'_>,
    ) -> bool {
        if self.relayed_closed(channel, control) {
            return true;
        }
        let was_one = self.mux.sessions.remove(&channel).is_some();
        if was_one {
            self.shared.state().connections.remove(&channel);
            self.mux_less_used(control);
        }
        was_one
    }
}

impl Session {
    fn begin(
        &mut self,
        wanted: Wanted,
        channel: ChannelKey,
        settings: &Settings,
        control: &mut Control<'_>,
    ) {
        let Wanted { request, pty, terminal } = wanted;
        if let Some(pty) = pty {
            self.pty = control.request(channel, pty, true).ok();
            let follows = terminal.and_then(|fd| follow_window(channel, control.handle(), fd));
            self.follows = follows.map(Follows);
        }
        for variable in &request.environment {
            let Some((name, value)) = split(variable) else { continue };
            if !variable_permitted(settings, name) {
                continue;
            }
            let variable = ChannelRequest::Env { name: name.to_vec(), value: value.to_vec() };
            if control.request(channel, variable, false).is_err() {
                log::debug1("too many environment variables: the rest is not sent");
                break;
            }
        }
        let (program, name) = match (request.subsystem, request.command) {
            (true, name) => {
                let name = String::from_utf8_lossy(&name).into_owned();
                (ChannelRequest::Subsystem { name }, "subsystem")
            }
            (false, command) if command.is_empty() => (ChannelRequest::Shell, "shell"),
            (false, command) => (ChannelRequest::Exec { command }, "exec"),
        };
        match control.request(channel, program, true) {
            Ok(tag) => self.program = Some((tag, name)),
            Err(error) => {
                self.say(&format!("cannot request the {name}: {error}\r\n"));
                control.close(channel);
            }
        }
    }

    /// A request of the server's about the session.
    fn hears(&mut self, request: &ChannelRequest) {
        match request {
            ChannelRequest::ExitStatus(status) if !self.exited => {
                self.exited = true;
                self.tell(Told::Exit(*status));
            }
            ChannelRequest::ExitSignal { name, .. } => {
                let name = one_line(name.as_bytes(), 64);
                log::debug1(format_args!("a client's command was killed by signal {name}"));
            }
            _ => {}
        }
    }

    /// The server has refused something; whether the session is of no use without it.
    fn is_refused(&mut self, tag: RequestTag, channel: ChannelKey) -> bool {
        let index = channel.index();
        if Some(tag) == self.pty {
            self.say(&format!("PTY allocation request failed on channel {index}\r\n"));
            self.pty = None;
            self.tell(Told::TtyAllocFail);
        }
        match self.program {
            Some((program, name)) if program == tag => {
                self.say(&format!("{name} request failed on channel {index}\r\n"));
                true
            }
            _ => false,
        }
    }
}

fn refused(told: &mpsc::Sender<Told>, words: &str) {
    log::debug1(format_args!("a client's session was refused: {words}"));
    // A client that has gone meanwhile gets no answer.
    let _ = told.try_send(Told::Refused);
}

/// `NAME=value`.
fn split(variable: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = variable.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
    Some((&variable[..at], &variable[at + 1..]))
}

/// Writes to somebody else's standard error without ever waiting for it.
pub(super) fn say(error: &OwnedFd, text: &str) {
    crate::stdio::write_now(error, text.as_bytes());
}
