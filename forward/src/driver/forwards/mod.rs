//! Listening and dialling: the two ends of every forward.
//!
//! | file | what |
//! | --- | --- |
//! | [`ours`] | `-L` and `-D`: our listening side |
//! | [`remote`] | `-R`: the listening side is the peer's, the target ours |
//! | [`serve`] | channels that the peer opens, and the connections made for them |
//! | [`peers`] | the peer's `-R`: a server listens for it |
//! | [`socks`] | `-R` without a target: SOCKS spoken over a channel |

mod ours;
mod peers;
mod remote;
mod serve;
mod socks;

use crate::core::policy::PermitOpen;
use crate::driver::carrier::Carrier;
use crate::driver::dial::{Asker, Outcome};
use crate::driver::event::{ForwardId, ForwardInfo};
use crate::driver::listen::{Listener, Purpose};
use crate::driver::ready::Token;
use crate::limits::{ACCEPTS_PER_ROUND, LISTENERS_MAX};
use ours::Ours;
pub use ours::{ListenOptions, NO_ORIGINATOR};
use peers::Peers;
use remote::Remotes;
use serve::Serving;
use socks::Negotiating;
use std::net::SocketAddr;
use std::task::Waker;
use tssh_transport::Timestamp;

/// The forwards of a connection, ours and the peer's, their listeners, and the connections that
/// are being made for channels of the peer's.
#[derive(Default)]
pub(crate) struct Forwards {
    /// Ours, by number.
    ours: Vec<Option<Ours>>,
    remotes: Remotes,
    peers: Peers,
    listeners: Vec<Option<Listener>>,
    /// By number of channel; bounded by the connection layer's table.
    serving: Vec<Option<Serving>>,
    /// The same.
    negotiating: Vec<Option<Negotiating>>,
    /// Where SOCKS clients of the far side may have us connect to (`PermitRemoteOpen`).
    pub(crate) permit_remote_open: PermitOpen,
}

/// Puts something in its place in a table that grows as far as its numbers go.
fn put<T>(table: &mut Vec<Option<T>>, index: usize, value: T) {
    if table.len() <= index {
        table.resize_with(index.saturating_add(1), || None);
    }
    if let Some(place) = table.get_mut(index) {
        *place = Some(value);
    }
}

impl Forwards {
    /// Stops all listening.
    pub(crate) fn clear(&mut self) {
        self.listeners.clear();
        self.ours.clear();
        self.peers = Peers::default();
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

    /// Our forwards that stand or are being set up.
    pub(crate) fn list(&self) -> Vec<ForwardInfo> {
        let all = self.ours.iter().enumerate();
        all.filter_map(|(id, ours)| {
            let ours = ours.as_ref()?;
            Some(ForwardInfo { id: ForwardId(id), forward: ours.forward.clone(), up: ours.up })
        })
        .collect()
    }

    fn stop(&mut self, purpose: Purpose) {
        for place in &mut self.listeners {
            if place.as_ref().is_some_and(|listener| listener.purpose == purpose) {
                *place = None;
            }
        }
    }
}

impl Carrier {
    /// Takes up a listener that `make` builds with its waker: its address, where it has one, or
    /// nothing where there are too many.
    fn add_listener(&mut self, make: impl FnOnce(Waker) -> Listener) -> Option<Option<SocketAddr>> {
        let free = self.forwards.listeners.iter().position(Option::is_none);
        let index = free.unwrap_or(self.forwards.listeners.len());
        if index >= LISTENERS_MAX {
            return None;
        }
        let waker = self.ready.waker(Token::Listener(index));
        waker.wake_by_ref();
        let listener = make(waker);
        let address = listener.local_addr();
        put(&mut self.forwards.listeners, index, listener);
        Some(address)
    }

    /// Takes what a listener has, within one round's share.
    pub(crate) fn accept(&mut self, index: usize) {
        let now = self.now();
        for _ in 0..ACCEPTS_PER_ROUND {
            let Some(Some(listener)) = self.forwards.listeners.get_mut(index) else { return };
            let Some((stream, originator)) = listener.accept(now) else { return };
            match listener.purpose {
                Purpose::Ours(id) => self.accepted_ours(id, stream, originator),
                Purpose::Peers(place) => self.accepted_peers(place, stream, originator),
            }
        }
        if let Some(Some(listener)) = self.forwards.listeners.get(index) {
            listener.look_again();
        }
    }

    /// Takes what has come of dials, look-ups and negotiations; `true` where something has.
    pub(crate) fn jobs_done(&mut self) -> bool {
        let mut done = self.jobs.done();
        done.append(&mut self.negotiations.done());
        let any = !done.is_empty();
        for outcome in done {
            match outcome {
                Outcome::Dialled(channel, result) => self.dialled(channel, result),
                Outcome::Resolved(Asker::Ours(id), result) => self.resolved_ours(id, result),
                Outcome::Resolved(Asker::Peer, result) => self.resolved_peers(result),
                Outcome::Negotiated(id, heard) => self.negotiated(id, heard),
            }
        }
        any
    }
}
