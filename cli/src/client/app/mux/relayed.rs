//! Channels of clients that speak RFC 4254 on their sockets: what the server says about them is
//! passed on.

use super::super::Client;
use crate::limits::PEER_TEXT_BYTES_MAX;
use crate::mux::master::Up;
use tokio::sync::mpsc;
use tssh_connection::{ChannelEvent, ChannelKey, OpenFailure, OpenKind};
use tssh_forward::driver::{Control, Endpoints};
use tssh_transport::text::one_line;

impl Client {
    pub(super) fn open_relayed(
        &mut self,
        kind: OpenKind,
        endpoints: Endpoints,
        told: mpsc::Sender<Up>,
        control: &mut Control<'_>,
    ) {
        let wanted = matches!(
            kind,
            OpenKind::Session | OpenKind::DirectTcpip { .. } | OpenKind::DirectStreamlocal { .. }
        );
        let text = format!("{} of a shared connection", kind.name());
        let opened = match wanted {
            true => control
                .open(kind, endpoints)
                .map_err(|error| (OpenFailure::ResourceShortage, error.to_string())),
            false => Err((OpenFailure::AdministrativelyProhibited, "open failed".to_owned())),
        };
        match opened {
            Ok(channel) => {
                self.mux.relayed.insert(channel, told);
                self.shared.state().connections.insert(channel, text);
                self.look_if_idle(control);
            }
            // A client that has gone meanwhile gets no answer.
            Err((reason, words)) => drop(told.try_send(Up::Refused(reason.code(), words))),
        }
    }

    /// Takes an event of a channel that is passed on; whether it was one.
    pub(super) fn relayed_channel(
        &mut self,
        channel: ChannelKey,
        event: &ChannelEvent,
        control: &mut Control<'_>,
    ) -> bool {
        let Some(told) = self.mux.relayed.get(&channel) else { return false };
        let up = match event {
            ChannelEvent::Opened { channel } => Up::Opened(*channel),
            ChannelEvent::OpenFailed { reason, description, .. } => {
                Up::Refused(*reason, one_line(description.as_bytes(), PEER_TEXT_BYTES_MAX))
            }
            ChannelEvent::Request { request, .. } => Up::Request(request.clone()),
            ChannelEvent::RequestReply { ok, .. } => Up::Reply(*ok),
            _ => return true,
        };
        let failed = matches!(up, Up::Refused(..));
        // A client that is gone, or that a server floods with requests.
        if told.try_send(up).is_err() {
            control.close(channel);
        }
        if failed {
            self.relayed_closed(channel, control);
        }
        true
    }

    /// A channel is over; whether it was one that is passed on.
    pub(super) fn relayed_closed(
        &mut self,
        channel: ChannelKey,
        control: &mut Control<'_>,
    ) -> bool {
        let was_one = self.mux.relayed.remove(&channel).is_some();
        if was_one {
            self.shared.state().connections.remove(&channel);
            self.mux_less_used(control);
        }
        was_one
    }
}
