//! `-R`: the peer listens for us, and what it accepts comes as channels that lead to our targets.

use super::ours::Ours;
use super::serve::{For, Serving, told};
use crate::core::address::{Listen, RemoteForward};
use crate::core::remote::wire_address;
use crate::driver::carrier::Carrier;
use crate::driver::event::{AppEvent, Forward, ForwardId};
use std::collections::VecDeque;
use tssh_connection::{ChannelKey, GlobalRequest, OpenFailure, OpenKind, RequestTag};

/// What was asked of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Listen,
    Cancel,
}

/// Requests about our remote forwards. Each forward has at most one of each kind, and the number
/// of forwards is bounded.
#[derive(Default)]
pub(crate) struct Remotes {
    /// Sent, in order.
    sent: VecDeque<(RequestTag, ForwardId, Asked)>,
    /// To be sent: the connection layer bounds how many may be unanswered.
    waiting: VecDeque<(ForwardId, Asked)>,
}

/// The port of a `tcpip-forward` reply to port 0.
///
/// "the server allocates the next available unprivileged port number and replies with the
/// following message" (RFC 4254 section 7.1); one without a port, or with what is none, is no
/// success.
fn allocated(data: &[u8]) -> Option<u16> {
    let bytes = <[u8; 4]>::try_from(data).ok()?;
    u16::try_from(u32::from_be_bytes(bytes)).ok().filter(|port| *port != 0)
}

impl Carrier {
    /// Asks the peer to listen. The forward is known before the request goes out: connections can
    /// come right behind the reply.
    pub(crate) fn request_remote(&mut self, forward: RemoteForward) -> ForwardId {
        let id = self.add_forward(Forward::Remote(forward));
        if self.forwards.ours.get(id.0).is_none() {
            self.events.push_back(AppEvent::RemoteFailed { forward: id });
        } else {
            self.forwards.remotes.waiting.push_back((id, Asked::Listen));
            self.ask_remotes();
        }
        id
    }

    pub(super) fn cancel_remote(&mut self, id: ForwardId) {
        let Remotes { sent, waiting } = &mut self.forwards.remotes;
        let asked = waiting.iter().copied().chain(sent.iter().map(|(_, id, asked)| (*id, *asked)));
        if !asked.into_iter().any(|asked| asked == (id, Asked::Cancel)) {
            waiting.push_back((id, Asked::Cancel));
        }
        self.ask_remotes();
    }

    fn remote(&self, id: ForwardId) -> Option<&RemoteForward> {
        match &self.forwards.ours.get(id.0)?.as_ref()?.forward {
            Forward::Remote(remote) => Some(remote),
            _ => None,
        }
    }

    /// Sends the requests that may go out now.
    fn ask_remotes(&mut self) {
        while let Some((id, asked)) = self.forwards.remotes.waiting.front().copied() {
            // The port that a 0 became is not known before the reply.
            let listens = |(_, sent, what): &(RequestTag, ForwardId, Asked)| {
                *sent == id && *what == Asked::Listen
            };
            if asked == Asked::Cancel && self.forwards.remotes.sent.iter().any(listens) {
                return;
            }
            let request = self.remote(id).map(|remote| request(remote, asked));
            if let Some(request) = request {
                let Ok(tag) = self.stack.global_request(request, true) else { return };
                self.forwards.remotes.sent.push_back((tag, id, asked));
            }
            self.forwards.remotes.waiting.pop_front();
        }
    }

    /// The reply to a global request; `false` where it was no request about a forward.
    pub(crate) fn remote_replied(&mut self, tag: RequestTag, ok: bool, data: &[u8]) -> bool {
        let sent = &mut self.forwards.remotes.sent;
        let Some((_, id, asked)) = sent.front().copied().filter(|(sent, ..)| *sent == tag) else {
            // Room for one more, whosever reply it was.
            self.ask_remotes();
            return false;
        };
        sent.pop_front();
        match asked {
            Asked::Listen => self.remote_answered(id, ok, data),
            Asked::Cancel => {
                // One that the peer does not know is as good as gone: whoever ended it wants no
                // more of its connections.
                self.note_up(id, None);
                self.events.push_back(AppEvent::Cancelled { forward: id, ok });
            }
        }
        self.ask_remotes();
        true
    }

    fn remote_answered(&mut self, id: ForwardId, ok: bool, data: &[u8]) {
        let Some(mut remote) = self.remote(id).cloned() else { return };
        let mut up = ok;
        if let Listen::Tcp { port, .. } = &mut remote.listen
            && *port == 0
            && ok
        {
            match allocated(data) {
                Some(chosen) => *port = chosen,
                None => up = false,
            }
        }
        if !up {
            self.note_up(id, None);
            self.events.push_back(AppEvent::RemoteFailed { forward: id });
            return;
        }
        let port = match &remote.listen {
            Listen::Tcp { port, .. } => Some(*port),
            Listen::Unix(_) => None,
        };
        self.note_up(id, Some(Ours { forward: Forward::Remote(remote), up: true }));
        self.events.push_back(AppEvent::RemoteListening { forward: id, port });
    }

    /// A connection that the peer accepted for us, or so it says.
    ///
    /// "Implementations MUST reject these messages unless they have previously requested a
    /// remote TCP/IP port forwarding with the given port number." (RFC 4254 section 7.2) We
    /// compare the address as well.
    pub(super) fn on_forwarded(&mut self, channel: ChannelKey, kind: OpenKind) {
        let found = self.forwards.ours.iter().enumerate().find_map(|(id, ours)| {
            let Forward::Remote(remote) = &ours.as_ref()?.forward else { return None };
            asked_for(remote, &kind).then(|| (ForwardId(id), remote.target.clone()))
        });
        let Some((id, target)) = found else {
            self.refuse(channel, OpenFailure::AdministrativelyProhibited, "open failed");
            let kind = described(&kind);
            return self.events.push_back(AppEvent::Unsolicited { kind });
        };
        let originator = match kind {
            OpenKind::ForwardedTcpip { originator_address, originator_port, .. } => {
                Some((told(&originator_address), originator_port))
            }
            _ => None,
        };
        let from = originator.as_ref().map(|(address, port)| format!("{address} port {port}"));
        let asked = AppEvent::ForwardAsked {
            forward: id,
            channel,
            target: target.clone(),
            originator: from,
        };
        self.events.push_back(asked);
        match target {
            Some(target) => {
                let purpose = For::Remote(id);
                self.dial_for(Serving { channel, target, purpose, originator });
            }
            None => self.negotiate_on(channel),
        }
    }
}

fn request(remote: &RemoteForward, asked: Asked) -> GlobalRequest {
    match (&remote.listen, asked) {
        (Listen::Tcp { bind, port }, Asked::Listen) => GlobalRequest::TcpipForward {
            address: wire_address(bind.as_deref()).to_owned(),
            port: u32::from(*port),
        },
        (Listen::Tcp { bind, port }, Asked::Cancel) => GlobalRequest::CancelTcpipForward {
            address: wire_address(bind.as_deref()).to_owned(),
            port: u32::from(*port),
        },
        (Listen::Unix(path), Asked::Listen) => {
            GlobalRequest::StreamlocalForward { path: path.clone() }
        }
        (Listen::Unix(path), Asked::Cancel) => {
            GlobalRequest::CancelStreamlocalForward { path: path.clone() }
        }
    }
}

fn asked_for(remote: &RemoteForward, kind: &OpenKind) -> bool {
    match (&remote.listen, kind) {
        (Listen::Tcp { bind, port }, OpenKind::ForwardedTcpip { address, port: asked, .. }) => {
            wire_address(bind.as_deref()) == address && u32::from(*port) == *asked
        }
        (Listen::Unix(own), OpenKind::ForwardedStreamlocal { path }) => own == path,
        _ => false,
    }
}

/// What was opened, for a warning.
fn described(kind: &OpenKind) -> String {
    let text = match kind {
        OpenKind::ForwardedTcpip { address, port, .. } => {
            format!("{} for {address} port {port}", kind.name())
        }
        OpenKind::ForwardedStreamlocal { path } => format!("{} for {path}", kind.name()),
        kind => kind.name().to_owned(),
    };
    tssh_transport::text::printable(text.as_bytes(), 256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocated_port_is_a_port() {
        assert_eq!(allocated(&[0, 0, 0x1f, 0x90]), Some(8080));
        for data in [&[][..], &[0, 0, 0, 0], &[0, 1, 0, 0], &[0x1f, 0x90], &[0, 0, 1, 1, 1]] {
            assert_eq!(allocated(data), None, "{data:?}");
        }
    }

    /// S36: address and port must both be what was asked for.
    #[test]
    fn only_what_was_asked_for_is_taken() {
        let remote = |bind: Option<&str>, port| RemoteForward {
            listen: Listen::Tcp { bind: bind.map(str::to_owned), port },
            target: None,
        };
        let open = |address: &str, port| OpenKind::ForwardedTcpip {
            address: address.to_owned(),
            port,
            originator_address: "192.0.2.1".to_owned(),
            originator_port: 1,
        };
        for (bind, address, port, taken) in [
            (None, "localhost", 2001, true),
            (None, "localhost", 2002, false),
            (None, "localhost", 65536 + 2001, false),
            (None, "", 2001, false),
            (Some("*"), "", 2001, true),
            (Some("10.0.0.1"), "10.0.0.1", 2001, true),
            (Some("10.0.0.1"), "10.0.0.2", 2001, false),
        ] {
            let own = remote(bind, 2001);
            assert_eq!(asked_for(&own, &open(address, port)), taken, "{bind:?} {address} {port}");
        }
        let unix = RemoteForward { listen: Listen::Unix("/a".to_owned()), target: None };
        let path = |path: &str| OpenKind::ForwardedStreamlocal { path: path.to_owned() };
        assert!(asked_for(&unix, &path("/a")) && !asked_for(&unix, &path("/b")));
    }
}
