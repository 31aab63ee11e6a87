//! The session: its channel, and what is asked for on it.

use super::Client;
use crate::client::escapes::EscapeKeys;
use crate::client::session;
use crate::escape::EscapeReader;
use crate::exit::OWN_FAILURE;
use crate::limits::PEER_TEXT_BYTES_MAX;
use crate::log;
use crate::stdio::{StandardInput, StandardOutput};
use std::os::fd::AsFd;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tssh_connection::{ChannelEvent, ChannelKey, ChannelRequest, GlobalRequest, RequestTag};
use tssh_forward::core::keystrokes::Keystrokes;
use tssh_forward::core::local::open_failed;
use tssh_forward::driver::{Control, Endpoints, Handle, Input, Output};
use tssh_transport::disconnect::DisconnectReason;
use tssh_transport::text::one_line;

impl Client {
    pub(super) fn open_session(&mut self, control: &mut Control<'_>) {
        if !self.share(control) {
            return;
        }
        if let Some(target) = self.settings.forwards.stdio.clone() {
            self.open_stdio(&target, control);
            return self.go_to_background(control);
        }
        if self.plan.program.is_none() {
            self.run_local_command();
            log::debug1("Entering interactive session.");
            return self.go_to_background(control);
        }
        let opened = self
            .endpoints(control)
            .and_then(|endpoints| control.open_session(endpoints).map_err(|e| format!("{e}")));
        match opened {
            Ok(channel) => {
                self.session = Some(channel);
                let session = "client-session".to_owned();
                self.shared.state().connections.insert(channel, session);
                self.run_local_command();
                log::debug1("Entering interactive session.");
                self.go_to_background(control);
            }
            Err(words) => {
                log::error(format_args!("cannot open a session: {words}"));
                self.shared.fail();
                control.disconnect(DisconnectReason::ByApplication, "no session");
            }
        }
    }

    /// `LocalCommand`: nothing goes on until it has ended, as in ssh; its status is its own matter.
    fn run_local_command(&self) {
        let Some(command) = &self.settings.local_command else { return };
        let shell = self.settings.account.shell_to_use();
        log::debug3(format_args!("Executing {} -c \"{command}\"", shell.to_string_lossy()));
        if let Err(error) = std::process::Command::new(&shell).arg("-c").arg(command).status() {
            let (shell, words) = (shell.to_string_lossy(), crate::exit::os_words(&error));
            log::error(format_args!("Couldn't execute {shell} -c \"{command}\": {words}"));
        }
    }

    fn endpoints(&self, control: &mut Control<'_>) -> Result<Endpoints, String> {
        let words = |error: std::io::Error| crate::exit::os_words(&error);
        let input: Option<Input> = match (self.plan.stdin, self.plan.escape) {
            (false, _) => None,
            (true, None) => Some(Box::new(StandardInput::open().map_err(words)?)),
            (true, Some(escape)) => {
                let input = StandardInput::open().map_err(words)?;
                Some(Box::new(self.escapes(input, escape, control.handle())))
            }
        };
        let output: Output = Box::new(StandardOutput::open().map_err(words)?);
        let error: Output = Box::new(StandardOutput::open_error().map_err(words)?);
        Ok(Endpoints::split(input, Some(output)).with_error_output(error))
    }

    /// What is typed, with the escape sequences taken out and carried out.
    pub(super) fn escapes(
        &self,
        typed: StandardInput,
        escape: u8,
        handle: Handle,
    ) -> EscapeReader<StandardInput> {
        let command_line = self.settings.enable_escape_commandline && !self.session_over;
        let shared = Arc::clone(&self.shared);
        let keys = EscapeKeys { escape, command_line, shared, handle };
        EscapeReader::new(typed, escape, move |found| keys.act(found))
    }

    pub(super) fn channel(&mut self, event: ChannelEvent, control: &mut Control<'_>) {
        if self.mux_channel(&event, control) {
            return;
        }
        match event {
            ChannelEvent::Opened { channel } if Some(channel) == self.session => {
                self.session_opened(channel, control);
            }
            ChannelEvent::OpenFailed { channel, reason, description }
                if Some(channel) == self.session =>
            {
                let text = open_failed(channel.index(), reason, &description);
                self.connection_failed(Some(channel), &text);
                if self.settings.forwards.stdio.is_some() {
                    log::error("stdio forwarding failed");
                }
                self.shared.fail();
                self.session_closed(control);
            }
            ChannelEvent::Request { request, .. } => self.session_request(&request),
            ChannelEvent::RequestReply { tag, ok: false, channel } => {
                self.request_refused(tag, channel, control);
            }
            ChannelEvent::OpenRequest { channel, kind } => self.local_open(channel, kind, control),
            ChannelEvent::GlobalRequest { request: GlobalRequest::HostKeys(list), .. } => {
                self.host_keys_came(list, control);
            }
            ChannelEvent::GlobalReply { tag, ok, data } => {
                self.global_reply(tag, ok.then_some(data), control);
            }
            _ => {}
        }
    }

    /// Asks for everything at once; the server answers in order.
    pub(super) fn session_opened(&mut self, channel: ChannelKey, control: &mut Control<'_>) {
        let Some(program) = self.plan.program.clone() else { return };
        if self.x11_prepares(control) {
            // It goes on from here when the display's cookie is known.
            return;
        }
        if !self.is_shared() && !self.plan.proxied {
            // Whoever takes over this connection later can open nothing more.
            let _ = control.global_request(GlobalRequest::NoMoreSessions, false);
        }
        self.request_x11(channel, control);
        self.request_agent(channel, control);
        if self.plan.tty {
            let term = std::env::var("TERM").unwrap_or_default();
            let pty = session::pty_request(std::io::stdin(), term);
            self.pty = control.request(channel, pty, true).ok();
            self.shared.enter_raw_mode();
            let _follows = follow_window(channel, control.handle(), std::io::stdin());
            self.obscure_keystrokes(channel, control);
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

    /// `ObscureKeystrokeTiming`.
    fn obscure_keystrokes(&self, channel: ChannelKey, control: &mut Control<'_>) {
        let Some(interval) = self.settings.quality.keystroke_interval else { return };
        let mut seed = [0; 8];
        if getrandom::fill(&mut seed).is_err() {
            return log::error("no entropy: the times of keystrokes are not hidden");
        }
        let keys = Keystrokes::new(interval, u64::from_ne_bytes(seed));
        let ms = interval.as_millis();
        match control.obscure_keystrokes(channel, keys) {
            true => log::debug3(format_args!("obfuscating keystroke timing: interval {ms} ms")),
            false => log::debug1("the server takes no chaff: times of keystrokes are not hidden"),
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
                let message = match one_line(message.as_bytes(), PEER_TEXT_BYTES_MAX) {
                    empty if empty.is_empty() => empty,
                    text => format!(": {text}"),
                };
                let name = one_line(name.as_bytes(), 64);
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
        if Some(tag) == self.x11_request {
            log::info(format_args!("X11 forwarding request failed on channel {index}"));
        }
        if Some(tag) == self.agent_request {
            log::verbose(format_args!("agent forwarding request failed on channel {index}"));
        }
        if Some(tag) == self.program {
            let name = self.plan.program.as_ref().map_or("session", |p| p.name());
            log::error(format_args!("{name} request failed on channel {index}"));
            self.shared.fail();
            control.close(channel);
        }
    }
}

/// Tells the far side whenever a terminal changes its size, of which a signal tells us.
pub(super) fn follow_window(
    channel: ChannelKey,
    handle: Handle,
    terminal: impl AsFd + Send + Sync + 'static,
) -> Option<JoinHandle<()>> {
    let mut changes = signal(SignalKind::window_change()).ok()?;
    Some(tokio::spawn(async move {
        while changes.recv().await.is_some() {
            let change = session::window_change(&terminal);
            // A session that is over has no window.
            let told = handle.call(move |control| control.request(channel, change, false).is_ok());
            if told.await != Ok(true) {
                break;
            }
        }
    }))
}
