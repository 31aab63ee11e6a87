//! The forwards of the command line and the files: set up, reported, described.

use super::Client;
use super::failures::target_text;
use crate::log::{self, Level};
use crate::stdio::{StandardInput, StandardOutput};
use std::net::SocketAddr;
use std::sync::Arc;
use tssh_connection::{ChannelKey, OpenKind};
use tssh_forward::core::address::{Listen, Target};
use tssh_forward::core::local::BindFault;
use tssh_forward::driver::{
    AppEvent, Control, Endpoints, Forward, ForwardId, Input, NO_ORIGINATOR, Output,
};
use tssh_transport::disconnect::DisconnectReason;

impl Client {
    /// What becomes of a forward, or of one of its connections.
    pub(super) fn forward_event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        match event {
            AppEvent::Listening { forward, addresses, faults } => {
                self.listening(forward, &addresses, &faults, control);
            }
            AppEvent::ListenFailed { forward, faults, text } => {
                self.mux.asked.remove(&forward);
                self.forwards.remove(&forward);
                self.listen_failed(&faults, &text, control);
            }
            AppEvent::RemoteListening { forward, port } => {
                self.remote_listening(forward, port, control);
            }
            AppEvent::RemoteFailed { forward } => self.remote_failed(forward, control),
            AppEvent::Cancelled { forward, ok } => self.cancelled(forward, ok),
            AppEvent::ForwardAsked { forward, channel, target, originator } => {
                let text = self.describe(forward, target.as_ref(), originator.as_deref());
                log::debug1(format_args!("channel {}: {text}", channel.index()));
                let remote = matches!(self.forwards.get(&forward), Some(Forward::Remote(_)));
                let mut state = self.shared.state();
                state.connections.insert(channel, text);
                if let Some(target) = target.filter(|_| !remote) {
                    state.targets.insert(channel, target_text(&target));
                }
                drop(state);
                self.look_if_idle(control);
            }
            AppEvent::ForwardFailed { channel, text } => self.connection_failed(channel, &text),
            AppEvent::ForwardClosed { channel } => {
                let mut state = self.shared.state();
                state.connections.remove(&channel);
                state.targets.remove(&channel);
                drop(state);
                self.forwarded_closed(control);
            }
            AppEvent::Unsolicited { kind } => self.warn_unsolicited(&kind),
            // What is served for the peer is no concern of ours.
            _ => {}
        }
    }

    fn cancelled(&mut self, id: ForwardId, ok: bool) {
        if self.mux_cancelled(id, ok) {
            self.forwards.remove(&id);
            return;
        }
        if !ok {
            self.forwards.remove(&id);
            let words = "cancel: the server knows of no such forward; its connections are refused";
            return log::error(words);
        }
        if let Some(forward) = self.forwards.remove(&id) {
            log::debug1(format_args!("{} is cancelled", shown(&forward)));
            log::info("Canceled forwarding.");
        }
    }

    /// The server opened what nobody asked for: refused already. Each kind is told of once, so
    /// that no server fills the terminal with warnings.
    fn warn_unsolicited(&mut self, kind: &str) {
        // The type alone: ports and paths there are without end.
        let name = kind.split(' ').next().unwrap_or(kind);
        if self.warned_kinds.iter().any(|warned| warned == name) {
            log::debug1(format_args!("refused once more: a channel of type {kind}"));
            return;
        }
        self.warned_kinds.push(name.to_owned());
        let what = match name {
            "x11" => "X11 forwarding",
            "auth-agent@openssh.com" => "agent forwarding",
            _ => {
                return log::error(format_args!(
                    "WARNING: Server requests forwarding for unknown listen_port or channel type \
                     {kind}: refused, nobody asked for it"
                ));
            }
        };
        log::error(format_args!("Warning: ssh server tried {what}."));
        log::error("Warning: this is probably a break-in attempt by a malicious server.");
    }

    /// Starts all forwards, once the user is logged in; `false` where that ended the connection.
    pub(super) fn start_forwards(&mut self, control: &mut Control<'_>) -> bool {
        let settings = Arc::clone(&self.settings);
        let forwards = &settings.forwards;
        if self.shared.state().distrusted && !forwards.is_empty() {
            log::error("Port forwarding is disabled to avoid man-in-the-middle attacks.");
            if forwards.exit_on_failure {
                log::error("Error: forwarding disabled due to host key check failure");
                self.shared.fail();
                control.disconnect(DisconnectReason::ByApplication, "forwarding disabled");
                return false;
            }
            return true;
        }
        let begun = self.ports.begin();
        if !self.port_file_written(begun, control) {
            return false;
        }
        control.set_permit_remote_open(forwards.permit_remote_open.clone());
        let local = forwards.local.iter().cloned().map(Forward::Local);
        let dynamic = forwards.dynamic.iter().cloned().map(Forward::Dynamic);
        let remote = forwards.remote.iter().cloned().map(Forward::Remote);
        for forward in local.chain(dynamic).chain(remote) {
            self.forwards_pending += 1;
            self.add_forward(forward, control);
        }
        true
    }

    /// Sets up one forward; an event tells what comes of it.
    pub(super) fn add_forward(&mut self, forward: Forward, control: &mut Control<'_>) -> ForwardId {
        let how = self.settings.forwards.how;
        let id = match &forward {
            Forward::Local(local) => {
                log::debug1(format_args!("Local connections to {local} forwarded."));
                control.listen_local(local.clone(), how)
            }
            Forward::Dynamic(dynamic) => {
                log::debug1(format_args!("Dynamic forwarding of connections to {dynamic}."));
                control.listen_dynamic(dynamic.clone(), how)
            }
            Forward::Remote(remote) => {
                log::debug1(format_args!("Remote connections to {remote} forwarded."));
                control.request_remote(remote.clone())
            }
        };
        self.mux.asked.insert(id, forward.clone());
        self.forwards.insert(id, forward);
        id
    }

    fn listening(
        &mut self,
        id: ForwardId,
        addresses: &[SocketAddr],
        faults: &[BindFault],
        control: &mut Control<'_>,
    ) {
        self.tell_faults(faults, false);
        if self.half_is_failure(faults) && self.forwards_pending > 0 {
            self.forwards.remove(&id);
            control.cancel(id);
            return self.listen_failed(&[], "a listening side stands on one address only", control);
        }
        for address in addresses {
            let (ip, port) = (address.ip(), address.port());
            log::debug1(format_args!("Local forwarding listening on {ip} port {port}."));
        }
        let open = addresses.iter().filter(|address| address.ip().is_unspecified());
        let open: Vec<_> = open.map(|a| format!("{} port {}", a.ip(), a.port())).collect();
        if !open.is_empty() {
            let open = open.join(" and ");
            self.say_beyond_ssh(&format!(
                "Warning: forwarding listens on {open}: every host that can reach this one can use \
                 it."
            ));
        }
        let port = addresses.first().map(SocketAddr::port);
        if self.stands(id, port, control) {
            self.forward_reported(control);
        }
    }

    fn remote_listening(&mut self, id: ForwardId, port: Option<u16>, control: &mut Control<'_>) {
        let bind = self.forwards.get(&id).and_then(|forward| match forward.listen() {
            Listen::Tcp { bind, .. } => bind.as_deref(),
            Listen::Unix(_) => None,
        });
        if let (Some(bind @ ("" | "*" | "0.0.0.0" | "::")), Some(port)) = (bind, port) {
            let bind = if bind.is_empty() { "*" } else { bind };
            self.say_beyond_ssh(&format!(
                "Warning: the server was asked to listen on {bind} port {port}: every host that \
                 can reach it can use the forwarding, if the server's GatewayPorts allow it."
            ));
        }
        if self.stands(id, port, control) {
            self.forward_reported(control);
        }
    }

    /// Says what ssh does not say.
    fn say_beyond_ssh(&self, text: &str) {
        log::write(if self.settings.strict_openssh { Level::Debug1 } else { Level::Info }, text);
    }

    /// A forward stands: a port of 0 has become another, and whoever wants to know is told. `false`
    /// where that ended the connection.
    fn stands(&mut self, id: ForwardId, chosen: Option<u16>, control: &mut Control<'_>) -> bool {
        let Some(forward) = self.forwards.get_mut(&id) else { return true };
        let taken = chosen.filter(|chosen| take_port(forward, *chosen));
        let told = taken.map(|chosen| format!("Allocated port {chosen} for {}", purpose(forward)));
        let line = shown(forward);
        let waited_for = self.mux_forward_stands(id);
        if let Some(told) = told {
            // A client that has asked for it learns of the port by itself.
            log::write(if waited_for { Level::Debug1 } else { Level::Info }, told);
        }
        log::debug1(format_args!("{line} stands"));
        let written = self.ports.add(line);
        self.port_file_written(written, control)
    }

    /// Without the file nobody learns of the ports: who asked for it must not go on without it.
    fn port_file_written(&self, written: Result<(), String>, control: &mut Control<'_>) -> bool {
        if let Err(fault) = &written {
            log::error(fault);
            self.shared.fail();
            control.disconnect(DisconnectReason::ByApplication, "no file of ports");
        }
        written.is_ok()
    }

    /// One of the forwards of the start has reported.
    pub(super) fn forward_reported(&mut self, control: &mut Control<'_>) {
        // One that was added later keeps nobody waiting.
        if self.forwards_pending == 0 {
            return;
        }
        self.forwards_pending -= 1;
        if self.forwards_pending == 0 {
            self.open_session(control);
        }
    }

    /// `-W`: standard input and output are one forwarded connection.
    pub(super) fn open_stdio(&mut self, target: &Target, control: &mut Control<'_>) {
        let opened = self.stdio_channel(target, control);
        match opened {
            Ok(channel) => {
                self.session = Some(channel);
                let text = target_text(target);
                self.shared.state().targets.insert(channel, text);
            }
            Err(words) => {
                log::error(format_args!("stdio forwarding failed: {words}"));
                self.shared.fail();
                control.disconnect(DisconnectReason::ByApplication, "stdio forwarding failed");
            }
        }
    }

    fn stdio_channel(
        &self,
        target: &Target,
        control: &mut Control<'_>,
    ) -> Result<ChannelKey, String> {
        let words = |error: std::io::Error| crate::exit::os_words(&error);
        let input: Option<Input> = match self.settings.stdin_null {
            true => None,
            false => Some(Box::new(StandardInput::open().map_err(words)?)),
        };
        let output: Output = Box::new(StandardOutput::open().map_err(words)?);
        let endpoints = Endpoints::split(input, Some(output));
        control.open(direct(target), endpoints).map_err(|error| error.to_string())
    }

    fn describe(
        &self,
        forward: ForwardId,
        target: Option<&Target>,
        originator: Option<&str>,
    ) -> String {
        let from = originator.map_or_else(String::new, |who| format!(", connect from {who}"));
        let Some(forward) = self.forwards.get(&forward) else {
            return format!("forwarded{from}");
        };
        let listening = match forward.listen() {
            Listen::Tcp { port, .. } => format!("listening port {port}"),
            Listen::Unix(path) => format!("listening on {path}"),
        };
        let wanted = match target {
            Some(Target::Tcp { host, port }) => format!(" for {host} port {port}"),
            Some(Target::Unix(path)) => format!(" for {path}"),
            None => " for a SOCKS client".to_owned(),
        };
        let kind = match (forward, forward.listen(), target) {
            (Forward::Remote(_), Listen::Tcp { .. }, _) => "forwarded-tcpip",
            (Forward::Remote(_), Listen::Unix(_), _) => "forwarded-streamlocal",
            (_, _, Some(Target::Unix(_))) => "direct-streamlocal",
            _ => "direct-tcpip",
        };
        format!("{kind}: {listening}{wanted}{from}")
    }
}

/// The channel for a connection of standard input and output.
pub(super) fn direct(target: &Target) -> OpenKind {
    match target {
        Target::Tcp { host, port } => OpenKind::DirectTcpip {
            host: host.clone(),
            port: u32::from(*port),
            originator_address: NO_ORIGINATOR.0.to_owned(),
            originator_port: NO_ORIGINATOR.1,
        },
        Target::Unix(path) => OpenKind::DirectStreamlocal { path: path.clone() },
    }
}

/// As `-G` prints it.
pub(super) fn shown(forward: &Forward) -> String {
    match forward {
        Forward::Local(local) => format!("localforward {local}"),
        Forward::Remote(remote) => format!("remoteforward {remote}"),
        Forward::Dynamic(dynamic) => format!("dynamicforward {dynamic}"),
    }
}

/// Puts the port that was chosen in the place of a 0; whether there was one.
fn take_port(forward: &mut Forward, chosen: u16) -> bool {
    let listen = match forward {
        Forward::Local(forward) => &mut forward.listen,
        Forward::Remote(forward) => &mut forward.listen,
        Forward::Dynamic(forward) => &mut forward.listen,
    };
    match listen {
        Listen::Tcp { port, .. } if *port == 0 => {
            *port = chosen;
            true
        }
        _ => false,
    }
}

/// What the port was allocated for, in ssh's words for a remote forward.
fn purpose(forward: &Forward) -> String {
    let target = |target: &Target| match target {
        Target::Tcp { host, port } => format!("{host}:{port}"),
        Target::Unix(path) => path.clone(),
    };
    match forward {
        Forward::Local(local) => format!("local forward to {}", target(&local.target)),
        Forward::Dynamic(_) => "dynamic forward".to_owned(),
        Forward::Remote(remote) => match &remote.target {
            Some(to) => format!("remote forward to {}", target(to)),
            None => "remote forward to socks:0".to_owned(),
        },
    }
}
