//! The forwards of the command line and the files: set up, reported, described.

use super::Client;
use crate::log::{self, Level};
use std::net::SocketAddr;
use std::sync::Arc;
use tssh_forward::core::address::{Listen, Target};
use tssh_forward::core::local::{BindFault, NONE_SET_UP};
use tssh_forward::driver::{AppEvent, Control, ForwardId};
use tssh_transport::disconnect::DisconnectReason;

impl Client {
    /// What becomes of a forward, or of one of its connections.
    pub(super) fn forward_event(&mut self, event: AppEvent, control: &mut Control<'_>) {
        match event {
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
                self.shared.state().connections.insert(channel, text);
            }
            AppEvent::ForwardFailed { text } => log::error(text),
            AppEvent::ForwardClosed { channel } => {
                self.shared.state().connections.remove(&channel);
                self.forwarded_closed(control);
            }
            AppEvent::Unsolicited { kind } => self.warn_unsolicited(&kind),
            // What is served for the peer is no concern of ours.
            _ => {}
        }
    }

    /// The server opened what nobody asked for: refused already. Each kind is told of once, so
    /// that no server fills the terminal with warnings.
    fn warn_unsolicited(&mut self, kind: &str) {
        if self.warned_kinds.iter().any(|warned| warned == kind) {
            log::debug1(format_args!("refused once more: a channel of type {kind}"));
            return;
        }
        self.warned_kinds.push(kind.to_owned());
        let what = match kind {
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

    /// Starts all forwards, once the user is logged in.
    pub(super) fn start_forwards(&mut self, control: &mut Control<'_>) {
        let settings = Arc::clone(&self.settings);
        let distrusted = self.shared.state().distrusted;
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
    }

    fn forward_reported(&mut self, control: &mut Control<'_>) {
        self.forwards_pending = self.forwards_pending.saturating_sub(1);
        if self.forwards_pending == 0 {
            self.open_session(control);
        }
    }

    pub(super) fn bind_faults(&self, faults: &[BindFault], all_failed: bool) {
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
}
