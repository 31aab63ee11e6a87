//! Channels that the peer opens, and the connections that are made for them.

use super::put;
use crate::core::address::Target;
use crate::core::pump::{Kind, Pump};
use crate::driver::carrier::Carrier;
use crate::driver::dial::Job;
use crate::driver::event::{AppEvent, ForwardId};
use crate::driver::listen::Stream;
use crate::driver::slot::{Owner, Slot};
use crate::limits::{HOST_BYTES_MAX, SOCKET_PATH_BYTES_MAX};
use tssh_connection::{ChannelEvent, ChannelKey, Event, OpenFailure, OpenKind};

/// On whose behalf a connection is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// The peer asked for it: a server tells its application.
    Peer,
    /// A remote forward of ours with a fixed target.
    Remote(ForwardId),
    /// A SOCKS client at the far side of a remote forward of ours: its channel is open already.
    Socks,
}

/// What a dial is for: told to the application when it has ended.
pub(crate) struct Serving {
    pub(super) channel: ChannelKey,
    pub(super) target: Target,
    pub(super) purpose: For,
    pub(super) originator: Option<(String, u32)>,
}

impl Carrier {
    /// The peer opens a channel.
    pub(crate) fn on_open(&mut self, channel: ChannelKey, kind: OpenKind) {
        match kind {
            OpenKind::Session | OpenKind::X11 { .. } | OpenKind::AuthAgent => {
                let event = ChannelEvent::OpenRequest { channel, kind };
                self.events.push_back(AppEvent::Protocol(Event::Channel(event)));
            }
            OpenKind::DirectTcpip { .. } | OpenKind::DirectStreamlocal { .. }
                if self.policy.relay =>
            {
                let event = ChannelEvent::OpenRequest { channel, kind };
                self.events.push_back(AppEvent::Protocol(Event::Channel(event)));
            }
            OpenKind::DirectTcpip { host, port, originator_address, originator_port } => {
                let originator = Some((told(&originator_address), originator_port));
                // "The receiving side must decide whether to allow the forwarding." RFC 4254
                // section 7.2
                let fits = u16::try_from(port).ok().filter(|port| *port != 0);
                match fits.filter(|port| sane_host(&host) && self.policy.permits_open(&host, *port))
                {
                    Some(port) => {
                        let target = Target::Tcp { host, port };
                        self.dial_for(Serving { channel, target, purpose: For::Peer, originator });
                    }
                    None => {
                        let target = format!("{} port {port}", told(&host));
                        self.prohibited(channel, target, originator);
                    }
                }
            }
            OpenKind::DirectStreamlocal { path } => {
                if self.policy.streamlocal_local && sane_path(&path) {
                    let (target, purpose) = (Target::Unix(path), For::Peer);
                    self.dial_for(Serving { channel, target, purpose, originator: None });
                } else {
                    self.prohibited(channel, format!("path {}", told(&path)), None);
                }
            }
            OpenKind::ForwardedTcpip { .. } | OpenKind::ForwardedStreamlocal { .. } => {
                self.on_forwarded(channel, kind);
            }
            kind => {
                self.refuse(channel, OpenFailure::AdministrativelyProhibited, "open failed");
                let kind = kind.name().to_owned();
                self.events.push_back(AppEvent::Unsolicited { kind });
            }
        }
    }

    fn prohibited(
        &mut self,
        channel: ChannelKey,
        target: String,
        originator: Option<(String, u32)>,
    ) {
        self.refuse(channel, OpenFailure::AdministrativelyProhibited, "open failed");
        let outcome = Err("administratively prohibited".to_owned());
        self.events.push_back(AppEvent::ForwardServed { target, originator, outcome });
    }

    pub(super) fn refuse(&mut self, channel: ChannelKey, reason: OpenFailure, text: &str) {
        // The channel has just been asked for, so there is somebody to refuse.
        let _ = self.stack.refuse_open(channel, reason, text);
    }

    /// Makes the connection that a channel waits for.
    pub(super) fn dial_for(&mut self, serving: Serving) {
        let channel = serving.channel;
        self.jobs.start(Job::Dial(channel, serving.target.clone()), &self.ready);
        put(&mut self.forwards.serving, channel.index(), serving);
    }

    /// What came of it goes to the application: a server's log, or a client's user.
    fn served(&mut self, serving: &Serving, outcome: Result<(), String>) {
        let channel = serving.channel;
        let target = match &serving.target {
            Target::Tcp { host, port } => format!("{host} port {port}"),
            Target::Unix(path) => format!("path {path}"),
        };
        self.events.push_back(match (serving.purpose, outcome) {
            (For::Peer, outcome) => {
                let originator = serving.originator.clone();
                AppEvent::ForwardServed { target, originator, outcome }
            }
            (_, Ok(())) => return,
            (_, Err(error)) => {
                let text = format!("connect to {target}: {error}");
                AppEvent::ForwardFailed { channel: Some(channel), text }
            }
        });
    }

    pub(super) fn dialled(&mut self, channel: ChannelKey, result: Result<Stream, String>) {
        // The place may belong to a later channel by now: a SOCKS client can leave during a dial.
        let place = self.forwards.serving.get_mut(channel.index());
        let place = place.filter(|s| s.as_ref().is_some_and(|s| s.channel == channel));
        let Some(serving) = place.and_then(Option::take) else { return };
        if serving.purpose == For::Socks {
            let failed = result.as_ref().err().cloned();
            self.socks_dialled(channel, result);
            return self.served(&serving, failed.map_or(Ok(()), Err));
        }
        match result {
            Ok(stream) => {
                if self.stack.accept_open(channel).is_err() {
                    return;
                }
                let pump = Pump::open(Kind::Socket);
                let endpoints = Some(stream.endpoints());
                self.insert(Slot::new(channel, Owner::Forwarder, pump, endpoints));
                self.served(&serving, Ok(()));
            }
            Err(text) => {
                self.refuse(channel, OpenFailure::ConnectFailed, &text);
                self.served(&serving, Err(text));
                if let For::Remote(_) = serving.purpose {
                    // The application heard of the channel, and hears of its end.
                    self.events.push_back(AppEvent::ForwardClosed { channel });
                }
            }
        }
    }
}

/// Whether a host means the same to everybody: one with a NUL in it is shorter to the operating
/// system than it was to the rule that permitted it, and no name holds a control character.
pub(super) fn sane_host(host: &str) -> bool {
    !host.is_empty() && host.len() <= HOST_BYTES_MAX && !host.contains(char::is_control)
}

/// The same of a path, which may hold anything else.
pub(super) fn sane_path(path: &str) -> bool {
    !path.is_empty() && path.len() <= SOCKET_PATH_BYTES_MAX && !path.contains('\0')
}

/// What a peer says of an originator: kept for a log, so no longer than a name and on one line.
pub(super) fn told(originator_address: &str) -> String {
    tssh_transport::text::one_line(originator_address.as_bytes(), HOST_BYTES_MAX)
}
