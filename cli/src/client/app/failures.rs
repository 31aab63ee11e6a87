//! What is said when a forward or one of its connections fails.

use super::Client;
use crate::client::holder;
use crate::log::{self, Level};
use tssh_connection::ChannelKey;
use tssh_forward::core::address::{Listen, Target};
use tssh_forward::core::local::{BindCause, BindFault, NONE_SET_UP};
use tssh_forward::driver::{Control, Forward, ForwardId};
use tssh_transport::disconnect::DisconnectReason;

/// Whether ssh would pass over it and we do not: the address exists, and somebody else has it.
fn serious(fault: &BindFault) -> bool {
    matches!(fault.cause, BindCause::Busy | BindCause::Forbidden)
}

impl Client {
    /// Tells of the addresses that could not be listened on. Where all failed, ssh tells of the
    /// last one; where some did, it tells of that one too, and of the others only with `-v`: half
    /// a listening side has surprised many, so each half that is missing is told of.
    pub(super) fn tell_faults(&self, faults: &[BindFault], all_failed: bool) {
        for fault in faults {
            let told = if all_failed { fault.last } else { serious(fault) };
            log::write(if told { Level::Error } else { Level::Debug1 }, fault);
        }
        let busy = faults.iter().find(|fault| fault.cause == BindCause::Busy);
        let busy = busy.filter(|_| !self.settings.strict_openssh);
        if let Some(holder) = busy.and_then(|fault| holder::of_port(fault.address.port())) {
            log::error(holder);
        }
    }

    /// Whether a forward that stands on some of its addresses has failed all the same.
    pub(super) fn half_is_failure(&self, faults: &[BindFault]) -> bool {
        self.settings.forwards.exit_on_failure
            && !self.plan.any_family
            && faults.iter().any(serious)
    }

    /// No address of a forward could be listened on.
    pub(super) fn listen_failed(
        &mut self,
        faults: &[BindFault],
        text: &str,
        control: &mut Control<'_>,
    ) {
        self.tell_faults(faults, true);
        log::error(text);
        log::error(NONE_SET_UP);
        self.forward_failed(control);
    }

    /// The server does not listen for a forward.
    pub(super) fn remote_failed(&mut self, id: ForwardId, control: &mut Control<'_>) {
        self.mux.asked.remove(&id);
        let Some(Forward::Remote(forward)) = self.forwards.remove(&id) else { return };
        let place = match &forward.listen {
            Listen::Tcp { port, .. } => format!("port {port}"),
            Listen::Unix(path) => format!("path {path}"),
        };
        let exit = self.settings.forwards.exit_on_failure && self.forwards_pending > 0;
        let word = if exit { "Error" } else { "Warning" };
        log::info(format_args!("{word}: remote port forwarding failed for listen {place}"));
        self.forward_failed(control);
    }

    /// `ExitOnForwardFailure` concerns the forwards of the start.
    pub(super) fn forward_failed(&mut self, control: &mut Control<'_>) {
        if self.settings.forwards.exit_on_failure && self.forwards_pending > 0 {
            self.shared.fail();
            control.disconnect(DisconnectReason::ByApplication, "forwarding failed");
            return;
        }
        self.forward_reported(control);
    }

    /// A connection of a forward failed. The first line is ssh's; the second names both ends of
    /// what failed, which ssh leaves to be guessed.
    pub(super) fn connection_failed(&self, channel: Option<ChannelKey>, text: &str) {
        log::error(text);
        let Some(target) = channel.and_then(|key| self.shared.state().targets.remove(&key)) else {
            return;
        };
        let reason = text.rsplit_once("open failed: ").map_or(text, |(_, reason)| reason);
        let reason = reason.strip_prefix("connect failed: ").unwrap_or(reason);
        let host = &self.settings.host_name;
        log::error(format_args!("connect to {target} from the server {host}: {reason}"));
    }
}

/// A target as a person writes it.
pub fn target_text(target: &Target) -> String {
    match target {
        Target::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        Target::Tcp { host, port } => format!("{host}:{port}"),
        Target::Unix(path) => path.clone(),
    }
}
