//! `-L` and `-D`: connections accepted here are opened as channels to there.

use super::put;
use crate::core::address::{Direction, DynamicForward, Listen, LocalForward, Target};
use crate::core::local::{Bind, BindFault, cannot_listen, cannot_listen_unix, cannot_resolve};
use crate::core::policy::StreamLocalBind;
use crate::core::pump::{Kind, Pump};
use crate::core::socks::Request;
use crate::driver::carrier::Carrier;
use crate::driver::dial::{Asker, Job};
use crate::driver::event::{AppEvent, Forward, ForwardId};
use crate::driver::listen::{Listener, Purpose, Stream, bind_all, bind_unix};
use crate::driver::slot::{Owner, Slot};
use crate::limits::FORWARDS_MAX;
use std::net::SocketAddr;
use tssh_connection::OpenKind;

/// How our listening sockets are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListenOptions {
    /// `GatewayPorts`: without a bind address, every address is listened on.
    pub gateway_ports: bool,
    /// How Unix sockets are made.
    pub stream_local_bind: StreamLocalBind,
}

/// A forward of ours.
pub(crate) struct Ours {
    pub(super) forward: Forward,
    /// It listens, or the peer says that it does.
    pub(super) up: bool,
}

/// Who connected to a Unix socket, or is a pair of standard streams, has no address, and some peers
/// insist on one: ssh's choice.
pub const NO_ORIGINATOR: (&str, u32) = ("127.0.0.1", 65_535);

/// The originator as the wire has it.
pub(super) fn originator_fields(originator: Option<SocketAddr>) -> (String, u32) {
    match originator {
        Some(address) => (address.ip().to_string(), u32::from(address.port())),
        None => (NO_ORIGINATOR.0.to_owned(), NO_ORIGINATOR.1),
    }
}

impl Carrier {
    pub(crate) fn listen_local(&mut self, forward: LocalForward, how: ListenOptions) -> ForwardId {
        let listen = forward.listen.clone();
        let id = self.add_forward(Forward::Local(forward));
        self.listen_ours(id, &listen, how);
        id
    }

    pub(crate) fn listen_dynamic(
        &mut self,
        forward: DynamicForward,
        how: ListenOptions,
    ) -> ForwardId {
        let listen = forward.listen.clone();
        let id = self.add_forward(Forward::Dynamic(forward));
        self.listen_ours(id, &listen, how);
        id
    }

    /// Takes up a forward; past the limit it is told as failed when it is looked for.
    pub(super) fn add_forward(&mut self, forward: Forward) -> ForwardId {
        let id = self.forwards.ours.len();
        if id < FORWARDS_MAX {
            self.forwards.ours.push(Some(Ours { forward, up: false }));
        }
        ForwardId(id)
    }

    fn listen_ours(&mut self, id: ForwardId, listen: &Listen, how: ListenOptions) {
        if self.forwards.ours.get(id.0).is_none() {
            return self.listen_failed(id, Vec::new(), "too many forwards".to_owned());
        }
        match listen {
            Listen::Unix(path) => match bind_unix(path, how.stream_local_bind) {
                Ok(socket) => {
                    let purpose = Purpose::Ours(id.0);
                    let added = self.add_listener(|waker| Listener::unix(socket, purpose, waker));
                    match added {
                        Some(_) => self.listening(id, Vec::new(), Vec::new()),
                        None => self.too_many_listeners(id),
                    }
                }
                Err(error) => {
                    self.listen_failed(id, Vec::new(), cannot_listen_unix(path, &error));
                }
            },
            Listen::Tcp { bind, port } => {
                match Bind::of(bind.as_deref(), how.gateway_ports).addresses(*port) {
                    Ok(addresses) => self.listen_on(id, &addresses, *port),
                    Err(host) => {
                        let job = Job::Resolve(Asker::Ours(id.0), host.to_owned(), *port);
                        self.jobs.start(job, &self.ready);
                    }
                }
            }
        }
    }

    pub(super) fn listen_failed(&mut self, id: ForwardId, faults: Vec<BindFault>, text: String) {
        if let Some(place) = self.forwards.ours.get_mut(id.0) {
            *place = None;
        }
        self.events.push_back(AppEvent::ListenFailed { forward: id, faults, text });
    }

    fn too_many_listeners(&mut self, id: ForwardId) {
        self.forwards.stop(Purpose::Ours(id.0));
        self.listen_failed(id, Vec::new(), "too many listening sockets".to_owned());
    }

    fn listening(&mut self, id: ForwardId, addresses: Vec<SocketAddr>, faults: Vec<BindFault>) {
        if let Some(Some(ours)) = self.forwards.ours.get_mut(id.0) {
            ours.up = true;
        }
        self.events.push_back(AppEvent::Listening { forward: id, addresses, faults });
    }

    fn listen_on(&mut self, id: ForwardId, addresses: &[SocketAddr], port: u16) {
        let (sockets, faults) = bind_all(addresses);
        let mut bound = Vec::new();
        for socket in sockets {
            let purpose = Purpose::Ours(id.0);
            match self.add_listener(|waker| Listener::new(socket, purpose, waker)) {
                Some(address) => bound.extend(address),
                None => return self.too_many_listeners(id),
            }
        }
        if bound.is_empty() {
            self.listen_failed(id, faults, cannot_listen(port));
        } else {
            self.listening(id, bound, faults);
        }
    }

    pub(super) fn resolved_ours(&mut self, id: usize, result: Result<Vec<SocketAddr>, String>) {
        let Some(Some(ours)) = self.forwards.ours.get(id) else { return };
        let Listen::Tcp { bind, port } = ours.forward.listen() else { return };
        let (bind, port) = (bind.clone().unwrap_or_default(), *port);
        match result {
            Ok(addresses) => self.listen_on(ForwardId(id), &addresses, port),
            Err(error) => {
                self.listen_failed(ForwardId(id), Vec::new(), cannot_resolve(&bind, &error));
            }
        }
    }

    /// Ends a forward of ours: no further connection is accepted, those that are open live on.
    /// `false` where there is no such forward.
    pub(crate) fn cancel(&mut self, forward: ForwardId) -> bool {
        let Some(Some(ours)) = self.forwards.ours.get(forward.0) else { return false };
        if ours.forward.direction() == Direction::Remote {
            self.cancel_remote(forward);
            return true;
        }
        self.forwards.stop(Purpose::Ours(forward.0));
        if let Some(place) = self.forwards.ours.get_mut(forward.0) {
            *place = None;
        }
        self.events.push_back(AppEvent::Cancelled { forward, ok: true });
        true
    }

    pub(super) fn accepted_ours(
        &mut self,
        id: usize,
        stream: Stream,
        originator: Option<SocketAddr>,
    ) {
        let Some(Some(ours)) = self.forwards.ours.get(id) else { return };
        match &ours.forward {
            Forward::Local(forward) => {
                let target = forward.target.clone();
                self.open_forwarded(id, stream, originator, target, None);
            }
            Forward::Dynamic(_) if self.negotiations.is_full() => {
                stream.endpoints().reset();
                let text = "a SOCKS client was turned away: too many have not said yet what they \
                            want";
                let text = text.to_owned();
                self.events.push_back(AppEvent::ForwardFailed { channel: None, text });
            }
            Forward::Dynamic(_) => {
                let job = Job::Negotiate(id, stream, originator);
                self.negotiations.start(job, &self.ready);
            }
            // It has no listener here.
            Forward::Remote(_) => {}
        }
    }

    /// A SOCKS client has said what it wants, or is gone.
    pub(super) fn negotiated(
        &mut self,
        id: usize,
        heard: Option<(Stream, Option<SocketAddr>, Request)>,
    ) {
        // A forward that was cancelled meanwhile opens nothing more.
        let Some(Some(_)) = self.forwards.ours.get(id) else { return };
        let Some((stream, originator, request)) = heard else { return };
        let target = Target::Tcp { host: request.host.clone(), port: request.port };
        self.open_forwarded(id, stream, originator, target, Some(request));
    }

    fn open_forwarded(
        &mut self,
        id: usize,
        stream: Stream,
        originator: Option<SocketAddr>,
        target: Target,
        socks: Option<Request>,
    ) {
        // "The 'originator IP address' is the numeric IP address of the machine from where the
        // connection request originates" RFC 4254 section 7.2
        let kind = match &target {
            Target::Tcp { host, port } => {
                let (originator_address, originator_port) = originator_fields(originator);
                let (host, port) = (host.clone(), u32::from(*port));
                OpenKind::DirectTcpip { host, port, originator_address, originator_port }
            }
            Target::Unix(path) => OpenKind::DirectStreamlocal { path: path.clone() },
        };
        let endpoints = stream.endpoints();
        match self.stack.open(kind) {
            Ok(channel) => {
                let pump = Pump::opening(Kind::Socket);
                let mut slot = Slot::new(channel, Owner::Forwarder, pump, Some(endpoints));
                slot.socks = socks.map(Box::new);
                self.insert(slot);
                let forward = ForwardId(id);
                let target = Some(target);
                let originator = originator.map(|address| address.to_string());
                let asked = AppEvent::ForwardAsked { forward, channel, target, originator };
                self.events.push_back(asked);
            }
            Err(error) => {
                endpoints.reset();
                let from = originator.map_or_else(String::new, |address| format!(" {address}"));
                let text = format!("connection from{from} refused: {error}");
                self.events.push_back(AppEvent::ForwardFailed { channel: None, text });
            }
        }
    }

    pub(super) fn note_up(&mut self, forward: ForwardId, ours: Option<Ours>) {
        match ours {
            Some(ours) => put(&mut self.forwards.ours, forward.0, ours),
            None => {
                if let Some(place) = self.forwards.ours.get_mut(forward.0) {
                    *place = None;
                }
            }
        }
    }
}
