//! Forwards that a master is asked for, or to end.

use super::Client;
use crate::log;
use crate::mux::forward::ForwardSpec;
use crate::mux::messages::{MasterMessage, Request};
use tssh_forward::driver::Forward;

/// What is to become of the forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// They are asked for.
    Ask,
    /// They are to end.
    Cancel,
}

impl Client<'_> {
    /// Asks for all of our forwards, or for their end; whether all of it was done. `show` prints
    /// the ports that the server chose.
    pub(super) async fn forwards(&mut self, change: Change, show: bool) -> bool {
        let forwards = &self.settings.forwards;
        let local = forwards.local.iter().cloned().map(Forward::Local);
        let dynamic = forwards.dynamic.iter().cloned().map(Forward::Dynamic);
        let remote = forwards.remote.iter().cloned().map(Forward::Remote);
        let all: Vec<Forward> = local.chain(dynamic).chain(remote).collect();
        let mut done = true;
        for forward in all {
            done &= self.forward(&ForwardSpec::of(&forward), change, show).await;
        }
        done
    }

    async fn forward(&mut self, spec: &ForwardSpec, change: Change, show: bool) -> bool {
        let request = match change {
            Change::Ask => Request::OpenForward(spec.clone()),
            Change::Cancel => Request::CloseForward(spec.clone()),
        };
        match self.ask(request).await {
            Ok(MasterMessage::Ok(_)) => return true,
            Ok(MasterMessage::RemotePort { port, .. }) if change == Change::Ask => {
                let ForwardSpec { connect_host, connect_port, .. } = spec;
                log::verbose(format_args!(
                    "Allocated port {port} for remote forward to {connect_host}:{connect_port}"
                ));
                // The number alone, for scripts. Who has closed standard output wants none.
                if show {
                    let _ = log::out(format_args!("{port}\n"));
                }
                return true;
            }
            Ok(MasterMessage::PermissionDenied(_, why)) => {
                log::error(format_args!("Master refused forwarding request: {why}"));
            }
            Ok(MasterMessage::Failure(_, why)) => {
                log::error(format_args!("mux_client_forward: forwarding request failed: {why}"));
            }
            Ok(_) => log::error("mux_client_forward: unexpected response from master"),
            Err(fault) => {
                log::error(format_args!("mux_client_forward: read from master failed: {fault}"));
            }
        }
        false
    }
}
