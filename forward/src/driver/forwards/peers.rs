//! The peer's `-R`: a server listens for its client, and opens a channel for what it accepts.

use super::ours::originator_fields;
use super::serve::{sane_host, sane_path};
use crate::core::local::{BindCause, BindFault};
use crate::core::pump::{Kind, Pump};
use crate::core::remote::{overridden, server_bind};
use crate::driver::carrier::Carrier;
use crate::driver::dial::{Asker, Job};
use crate::driver::event::AppEvent;
use crate::driver::listen::{Listener, Purpose, Stream, bind_all, bind_unix};
use crate::driver::slot::{Owner, Slot};
use crate::limits::{HOST_BYTES_MAX, LISTENERS_MAX, SOCKET_PATH_BYTES_MAX, UNREPLIED_MAX};
use std::collections::VecDeque;
use std::net::SocketAddr;
use tssh_connection::{GlobalRequest, OpenKind};

/// What the peer asked us to listen on, as it wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Tcp { address: String, port: u16 },
    Unix(String),
}

struct Waiting {
    request: GlobalRequest,
    want_reply: bool,
}

/// The peer's forwards and the requests about them.
#[derive(Default)]
pub(crate) struct Peers {
    /// By place; a listener names the place. Bounded like the listeners.
    places: Vec<Option<Asked>>,
    /// Requests in order of arrival; the first one is being decided. Those that want a reply are
    /// bounded by the connection layer, the others by [`UNREPLIED_MAX`].
    waiting: VecDeque<Waiting>,
    /// A bind address is being looked up for the first one.
    resolving: bool,
}

impl Peers {
    fn place(&self, asked: &Asked) -> Option<usize> {
        self.places.iter().position(|place| place.as_ref() == Some(asked))
    }
}

impl Carrier {
    /// A global request about a forward. Requests are decided one after another, in order: a slow
    /// look-up is not overtaken, as replies carry no identifier.
    pub(crate) fn peers_request(&mut self, request: GlobalRequest, want_reply: bool) {
        let waiting = &mut self.forwards.peers.waiting;
        if !want_reply && waiting.len() >= UNREPLIED_MAX {
            return;
        }
        // What nobody can listen on must not wait in memory either.
        let request = if fits(&request) { request } else { unfit() };
        waiting.push_back(Waiting { request, want_reply });
        self.decide_requests();
    }

    fn decide_requests(&mut self) {
        while !self.forwards.peers.resolving {
            let Some(first) = self.forwards.peers.waiting.front() else { return };
            match first.request.clone() {
                GlobalRequest::TcpipForward { address, port } => self.listen_tcp(&address, port),
                GlobalRequest::CancelTcpipForward { address, port } => {
                    let asked = u16::try_from(port).ok().map(|port| Asked::Tcp { address, port });
                    self.cancel_peers(asked);
                }
                GlobalRequest::StreamlocalForward { path } => self.listen_unix(path),
                GlobalRequest::CancelStreamlocalForward { path } => {
                    self.cancel_peers(Some(Asked::Unix(path)));
                }
                _ => self.decided(None),
            }
        }
    }

    /// Answers the first request; `Some` is success and its data.
    fn decided(&mut self, answer: Option<&[u8]>) {
        let Some(first) = self.forwards.peers.waiting.pop_front() else { return };
        if first.want_reply {
            let _ = self.stack.reply_global(answer.is_some(), answer.unwrap_or_default());
        }
    }

    fn refused(&mut self, what: String, why: &str) {
        let outcome = Err(why.to_owned());
        self.events.push_back(AppEvent::ListenServed { what, outcome });
        self.decided(None);
    }

    fn listen_tcp(&mut self, address: &str, port: u32) {
        let what = format!("{address} port {port}");
        // A port beyond 65535 must not become another one by being cut.
        let Ok(port) = u16::try_from(port) else { return self.refused(what, "no such port") };
        let sane = address.is_empty() || sane_host(address);
        if !sane || !self.policy.permits_listen(address, port) {
            return self.refused(what, "administratively prohibited");
        }
        match server_bind(address, self.policy.gateway_ports).addresses(port) {
            Ok(addresses) => self.listen_peers(address.to_owned(), port, &addresses),
            Err(host) => {
                self.forwards.peers.resolving = true;
                let job = Job::Resolve(Asker::Peer, host.to_owned(), port);
                self.jobs.start(job, &self.ready);
            }
        }
    }

    pub(super) fn resolved_peers(&mut self, result: Result<Vec<SocketAddr>, String>) {
        self.forwards.peers.resolving = false;
        let first = self.forwards.peers.waiting.front().map(|first| first.request.clone());
        if let Some(GlobalRequest::TcpipForward { address, port }) = first {
            match (result, u16::try_from(port)) {
                (Ok(addresses), Ok(port)) => self.listen_peers(address, port, &addresses),
                (Err(error), _) => self.refused(format!("{address} port {port}"), &error),
                (_, Err(_)) => self.refused(format!("{address} port {port}"), "no such port"),
            }
        }
        self.decide_requests();
    }

    /// Takes a place for a listening side.
    fn take_place(&mut self, asked: Asked) -> Option<usize> {
        let places = &mut self.forwards.peers.places;
        let place = places.iter().position(Option::is_none).unwrap_or(places.len());
        if place >= LISTENERS_MAX {
            return None;
        }
        super::put(places, place, asked);
        Some(place)
    }

    fn leave_place(&mut self, place: usize) {
        self.forwards.stop(Purpose::Peers(place));
        if let Some(place) = self.forwards.peers.places.get_mut(place) {
            *place = None;
        }
    }

    fn listen_peers(&mut self, address: String, port: u16, addresses: &[SocketAddr]) {
        let what = format!("{address} port {port}");
        let (sockets, faults) = bind_all(addresses);
        // Half a listening side misleads whoever connects to the other half.
        let serious = |fault: &&BindFault| fault.cause != BindCause::NoFamily;
        let fault = faults.iter().find(serious).or(faults.last().filter(|_| sockets.is_empty()));
        if let Some(fault) = fault {
            return self.refused(what, &fault.to_string());
        }
        let bound: Vec<SocketAddr> = sockets.iter().filter_map(|s| s.local_addr().ok()).collect();
        let Some(chosen) = bound.first().map(SocketAddr::port) else {
            return self.refused(what, "no address");
        };
        let asked = Asked::Tcp { address: address.clone(), port: chosen };
        let Some(place) = self.take_place(asked) else {
            return self.refused(what, "too many listening sockets");
        };
        for socket in sockets {
            let purpose = Purpose::Peers(place);
            if self.add_listener(|waker| Listener::new(socket, purpose, waker)).is_none() {
                self.leave_place(place);
                return self.refused(what, "too many listening sockets");
            }
        }
        let gateway_ports = self.policy.gateway_ports;
        if overridden(&address, gateway_ports) {
            let text = crate::core::remote::overridden_text(&address, chosen, gateway_ports);
            if let Err(error) = self.stack.debug(&text) {
                return self.fail(error);
            }
        }
        self.events.push_back(AppEvent::ListenServed { what, outcome: Ok(bound) });
        let chosen = u32::from(chosen).to_be_bytes();
        self.decided(Some(if port == 0 { &chosen } else { &[] }));
    }

    fn listen_unix(&mut self, path: String) {
        let what = format!("path {path}");
        if !self.policy.streamlocal_remote || !sane_path(&path) {
            return self.refused(what, "administratively prohibited");
        }
        let socket = match bind_unix(&path, self.policy.stream_local_bind) {
            Ok(socket) => socket,
            Err(error) => return self.refused(what, &error),
        };
        let Some(place) = self.take_place(Asked::Unix(path)) else {
            return self.refused(what, "too many listening sockets");
        };
        let purpose = Purpose::Peers(place);
        if self.add_listener(|waker| Listener::unix(socket, purpose, waker)).is_none() {
            self.leave_place(place);
            return self.refused(what, "too many listening sockets");
        }
        self.events.push_back(AppEvent::ListenServed { what, outcome: Ok(Vec::new()) });
        self.decided(Some(&[]));
    }

    /// Connections that were accepted live on.
    fn cancel_peers(&mut self, asked: Option<Asked>) {
        match asked.and_then(|asked| self.forwards.peers.place(&asked)) {
            Some(place) => {
                self.leave_place(place);
                self.decided(Some(&[]));
            }
            None => self.decided(None),
        }
    }

    pub(super) fn accepted_peers(
        &mut self,
        place: usize,
        stream: Stream,
        originator: Option<SocketAddr>,
    ) {
        let Some(Some(asked)) = self.forwards.peers.places.get(place) else { return };
        let kind = match asked.clone() {
            Asked::Tcp { address, port } => {
                let (originator_address, originator_port) = originator_fields(originator);
                let port = u32::from(port);
                OpenKind::ForwardedTcpip { address, port, originator_address, originator_port }
            }
            Asked::Unix(path) => OpenKind::ForwardedStreamlocal { path },
        };
        let endpoints = stream.endpoints();
        match self.stack.open(kind) {
            Ok(channel) => {
                let pump = Pump::opening(Kind::Socket);
                self.insert(Slot::new(channel, Owner::Forwarder, pump, Some(endpoints)));
            }
            Err(error) => {
                endpoints.reset();
                let text = format!("a connection to a forwarded port was refused: {error}");
                self.events.push_back(AppEvent::ForwardFailed { channel: None, text });
            }
        }
    }
}

fn fits(request: &GlobalRequest) -> bool {
    match request {
        GlobalRequest::TcpipForward { address, .. }
        | GlobalRequest::CancelTcpipForward { address, .. } => address.len() <= HOST_BYTES_MAX,
        GlobalRequest::StreamlocalForward { path }
        | GlobalRequest::CancelStreamlocalForward { path } => path.len() <= SOCKET_PATH_BYTES_MAX,
        _ => true,
    }
}

/// Stands in the place of a request that does not fit, and is refused in its turn.
fn unfit() -> GlobalRequest {
    GlobalRequest::Other { name: String::new(), data: Vec::new() }
}
