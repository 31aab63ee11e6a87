//! Listening and dialling: the two ends of a forward.

use crate::core::address::{Listen, LocalForward, Target};
use crate::core::local::{Bind, BindFault, cannot_listen, cannot_resolve};
use crate::core::pump::{Kind, Pump};
use crate::driver::carrier::Carrier;
use crate::driver::dial::{Job, Outcome};
use crate::driver::endpoint::Endpoints;
use crate::driver::event::{AppEvent, ForwardId};
use crate::driver::listen::{Listener, bind_all};
use crate::driver::ready::Token;
use crate::driver::slot::{Owner, Slot};
use crate::limits::{ACCEPTS_PER_ROUND, FORWARDS_MAX, LISTENERS_MAX};
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tssh_connection::{ChannelEvent, ChannelKey, Event, OpenFailure, OpenKind};
use tssh_transport::Timestamp;

/// What a dial is for: told to the application when it has ended.
struct Serving {
    channel: ChannelKey,
    host: String,
    port: u32,
    originator: (String, u32),
}

/// The local forwards of a connection, its listeners, and the dials it makes for its peer.
#[derive(Default)]
pub(crate) struct Forwards {
    forwards: Vec<Option<LocalForward>>,
    listeners: Vec<Option<Listener>>,
    /// By number of channel; bounded by the connection layer's table.
    serving: Vec<Option<Serving>>,
}

impl Forwards {
    /// Stops all listening.
    pub(crate) fn clear(&mut self) {
        self.listeners.clear();
        self.forwards.clear();
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.listeners.iter().flatten().filter_map(|listener| listener.retry_at).min()
    }

    /// Listeners that may be asked again after a failure.
    pub(crate) fn rested(&self, now: Timestamp) -> Vec<usize> {
        let rested = |l: &Listener| l.retry_at.is_some_and(|at| at <= now);
        let all = self.listeners.iter().enumerate();
        let rested = all.filter(|(_, l)| l.as_ref().is_some_and(rested));
        rested.map(|(index, _)| index).collect()
    }
}

impl Carrier {
    pub(crate) fn listen_local(&mut self, forward: LocalForward, gateway: bool) -> ForwardId {
        let id = self.forwards.forwards.len();
        if id >= FORWARDS_MAX {
            self.listen_failed(id, Vec::new(), "too many forwards".to_owned());
            return ForwardId(id);
        }
        match &forward.listen {
            Listen::Unix(path) => {
                let text = format!("Unix-domain listening sockets are not supported: {path}");
                self.listen_failed(id, Vec::new(), text);
            }
            Listen::Tcp { bind, port } => {
                match Bind::of(bind.as_deref(), gateway).addresses(*port) {
                    Ok(addresses) => self.listen_on(id, &addresses, *port),
                    Err(host) => {
                        self.jobs.start(Job::Resolve(id, host.to_owned(), *port), &self.ready);
                    }
                }
            }
        }
        self.forwards.forwards.push(Some(forward));
        ForwardId(id)
    }

    fn listen_failed(&mut self, id: usize, faults: Vec<BindFault>, text: String) {
        let forward = ForwardId(id);
        self.events.push_back(AppEvent::ListenFailed { forward, faults, text });
    }

    fn listen_on(&mut self, id: usize, addresses: &[SocketAddr], port: u16) {
        let (sockets, faults) = bind_all(addresses);
        let mut bound = Vec::new();
        for socket in sockets {
            let free = self.forwards.listeners.iter().position(Option::is_none);
            let index = free.unwrap_or(self.forwards.listeners.len());
            if index >= LISTENERS_MAX {
                break;
            }
            let waker = self.ready.waker(Token::Listener(index));
            waker.wake_by_ref();
            let listener = Listener::new(socket, id, waker);
            bound.extend(listener.local_addr());
            match self.forwards.listeners.get_mut(index) {
                Some(place) => *place = Some(listener),
                None => self.forwards.listeners.push(Some(listener)),
            }
        }
        if bound.is_empty() {
            self.listen_failed(id, faults, cannot_listen(port));
        } else {
            let forward = ForwardId(id);
            self.events.push_back(AppEvent::Listening { forward, addresses: bound, faults });
        }
    }

    pub(crate) fn stop_listening(&mut self, forward: ForwardId) {
        for place in &mut self.forwards.listeners {
            if place.as_ref().is_some_and(|listener| listener.forward == forward.0) {
                *place = None;
            }
        }
        if let Some(place) = self.forwards.forwards.get_mut(forward.0) {
            *place = None;
        }
    }

    /// Takes what a listener has, within one round's share.
    pub(crate) fn accept(&mut self, index: usize) {
        let now = self.now();
        for _ in 0..ACCEPTS_PER_ROUND {
            let Some(Some(listener)) = self.forwards.listeners.get_mut(index) else { return };
            let Some((stream, originator)) = listener.accept(now) else { return };
            let id = listener.forward;
            self.accepted(id, stream, originator);
        }
        if let Some(Some(listener)) = self.forwards.listeners.get(index) {
            listener.look_again();
        }
    }

    fn accepted(&mut self, id: usize, stream: TcpStream, originator: SocketAddr) {
        let Some(Some(forward)) = self.forwards.forwards.get(id) else { return };
        // "The 'originator IP address' is the numeric IP address of the machine from where the
        // connection request originates" RFC 4254 section 7.2
        let kind = match &forward.target {
            Target::Tcp { host, port } => OpenKind::DirectTcpip {
                host: host.clone(),
                port: u32::from(*port),
                originator_address: originator.ip().to_string(),
                originator_port: u32::from(originator.port()),
            },
            Target::Unix(path) => OpenKind::DirectStreamlocal { path: path.clone() },
        };
        let endpoints = Endpoints::tcp(stream);
        match self.stack.open(kind) {
            Ok(channel) => {
                let pump = Pump::opening(Kind::Socket);
                self.insert(Slot::new(channel, Owner::Forwarder, pump, Some(endpoints)));
                let forward = ForwardId(id);
                self.events.push_back(AppEvent::ForwardAsked { forward, channel, originator });
            }
            Err(error) => {
                endpoints.reset();
                let text = format!("connection from {originator} refused: {error}");
                self.events.push_back(AppEvent::ForwardFailed { text });
            }
        }
    }

    /// The peer opens a channel.
    pub(crate) fn on_open(&mut self, channel: ChannelKey, kind: OpenKind) {
        match kind {
            OpenKind::Session | OpenKind::X11 { .. } | OpenKind::AuthAgent => {
                let event = ChannelEvent::OpenRequest { channel, kind };
                self.events.push_back(AppEvent::Protocol(Event::Channel(event)));
            }
            OpenKind::DirectTcpip { host, port, originator_address, originator_port } => {
                let originator = (originator_address, originator_port);
                self.serve(Serving { channel, host, port, originator });
            }
            kind => {
                self.refuse(channel, OpenFailure::AdministrativelyProhibited, "open failed");
                let kind = kind.name().to_owned();
                self.events.push_back(AppEvent::Unsolicited { kind });
            }
        }
    }

    fn refuse(&mut self, channel: ChannelKey, reason: OpenFailure, text: &str) {
        // The channel has just been asked for, so there is somebody to refuse.
        let _ = self.stack.refuse_open(channel, reason, text);
    }

    /// The peer asks for a connection from here.
    fn serve(&mut self, serving: Serving) {
        let channel = serving.channel;
        // "The receiving side must decide whether to allow the forwarding." RFC 4254 section 7.2
        let port = u16::try_from(serving.port).ok().filter(|port| *port != 0);
        let permitted = port.filter(|port| self.policy.permits_open(&serving.host, *port));
        let Some(port) = permitted else {
            self.refuse(channel, OpenFailure::AdministrativelyProhibited, "open failed");
            let text = "administratively prohibited".to_owned();
            return self.served(serving, Err(text));
        };
        self.jobs.start(Job::Dial(channel, serving.host.clone(), port), &self.ready);
        let places = &mut self.forwards.serving;
        if places.len() <= channel.index() {
            places.resize_with(channel.index().saturating_add(1), || None);
        }
        if let Some(place) = places.get_mut(channel.index()) {
            *place = Some(serving);
        }
    }

    fn served(&mut self, serving: Serving, outcome: Result<(), String>) {
        let Serving { host, port, originator, .. } = serving;
        self.events.push_back(AppEvent::ForwardServed { host, port, originator, outcome });
    }

    /// Takes what has come of dials and look-ups; `true` where something has.
    pub(crate) fn jobs_done(&mut self) -> bool {
        let done = self.jobs.done();
        let any = !done.is_empty();
        for outcome in done {
            match outcome {
                Outcome::Dialled(channel, result) => self.dialled(channel, result),
                Outcome::Resolved(id, result) => self.resolved(id, result),
            }
        }
        any
    }

    fn dialled(&mut self, channel: ChannelKey, result: Result<TcpStream, String>) {
        let serving = self.forwards.serving.get_mut(channel.index()).and_then(Option::take);
        let Some(serving) = serving.filter(|serving| serving.channel == channel) else { return };
        match result {
            Ok(stream) => {
                if self.stack.accept_open(channel).is_err() {
                    return;
                }
                let pump = Pump::open(Kind::Socket);
                let endpoints = Some(Endpoints::tcp(stream));
                self.insert(Slot::new(channel, Owner::Forwarder, pump, endpoints));
                self.served(serving, Ok(()));
            }
            Err(text) => {
                self.refuse(channel, OpenFailure::ConnectFailed, &text);
                self.served(serving, Err(text));
            }
        }
    }

    fn resolved(&mut self, id: usize, result: Result<Vec<SocketAddr>, String>) {
        let Some(Some(forward)) = self.forwards.forwards.get(id) else { return };
        let Listen::Tcp { bind, port } = &forward.listen else { return };
        let (bind, port) = (bind.clone().unwrap_or_default(), *port);
        match result {
            Ok(addresses) => self.listen_on(id, &addresses, port),
            Err(error) => self.listen_failed(id, Vec::new(), cannot_resolve(&bind, &error)),
        }
    }
}
