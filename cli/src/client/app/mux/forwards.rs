//! Forwards that clients ask for, and end.

use super::super::Client;
use crate::log;
use crate::mux::forward::same;
use crate::mux::master::Done;
use tokio::sync::oneshot;
use tssh_forward::core::address::Listen;
use tssh_forward::driver::{AppEvent, Control, Forward, ForwardId};

/// ssh's answer to a client whose forward cannot be listened for here.
const FAILED: &str = "Port forwarding failed";

impl Client {
    pub(super) fn open_mux_forward(
        &mut self,
        forward: Forward,
        reply: oneshot::Sender<Done>,
        control: &mut Control<'_>,
    ) {
        if let Some(id) = self.forward_like(&forward) {
            if self.mux.opening.contains_key(&id) {
                let why = "it is being set up for another client".to_owned();
                return tell(reply, Done::Failed(why));
            }
            // Once is enough.
            return tell(reply, self.stands_for(id));
        }
        let id = self.add_forward(forward, control);
        self.mux.opening.insert(id, reply);
    }

    pub(super) fn close_mux_forward(
        &mut self,
        forward: &Forward,
        reply: oneshot::Sender<Done>,
        control: &mut Control<'_>,
    ) {
        let found = self.forward_like(forward);
        let Some(id) = found.filter(|id| !self.mux.cancelling.contains_key(id)) else {
            return tell(reply, Done::Failed("port not forwarded".to_owned()));
        };
        self.mux.cancelling.insert(id, reply);
        if !control.cancel(id) {
            self.mux_cancelled(id, false);
        }
    }

    /// The forward that is the same as another: as it was asked for, or as it stands.
    fn forward_like(&self, forward: &Forward) -> Option<ForwardId> {
        let asked = self.mux.asked.iter().filter(|(id, _)| self.forwards.contains_key(id));
        let found = asked.chain(&self.forwards).find(|(_, other)| same(forward, other));
        found.map(|(id, _)| *id)
    }

    /// The answer for a forward that stands: with its port where that was left to be chosen.
    fn stands_for(&self, id: ForwardId) -> Done {
        let port = |forward: &Forward| match forward.listen() {
            Listen::Tcp { port, .. } => Some(*port),
            Listen::Unix(_) => None,
        };
        let asked = self.mux.asked.get(&id).and_then(port);
        match self.forwards.get(&id).and_then(port) {
            Some(chosen) if asked == Some(0) => Done::Port(chosen),
            _ => Done::Ok,
        }
    }

    /// Whether the event says that a client's forward has failed; then it is told of here.
    pub(in super::super) fn mux_forward_failed(&mut self, event: &AppEvent) -> bool {
        let (id, faults, text) = match event {
            AppEvent::ListenFailed { forward, faults, text } => (forward, &faults[..], &text[..]),
            AppEvent::RemoteFailed { forward } => (forward, &[][..], ""),
            _ => return false,
        };
        let Some(reply) = self.mux.opening.remove(id) else { return false };
        self.mux.asked.remove(id);
        let forward = self.forwards.remove(id);
        let why = match forward {
            Some(Forward::Remote(remote)) => match remote.listen {
                Listen::Tcp { port, .. } => {
                    format!("remote port forwarding failed for listen port {port}")
                }
                Listen::Unix(path) => {
                    format!("remote port forwarding failed for listen path {path}")
                }
            },
            _ => FAILED.to_owned(),
        };
        self.tell_faults(faults, true);
        if !text.is_empty() {
            log::error(text);
        }
        log::debug1(&why);
        tell(reply, Done::Failed(why));
        true
    }

    /// A forward stands; whether a client has waited for that.
    pub(in super::super) fn mux_forward_stands(&mut self, id: ForwardId) -> bool {
        let Some(reply) = self.mux.opening.remove(&id) else { return false };
        tell(reply, self.stands_for(id));
        true
    }

    /// A forward has ended, or the server says that it knows of none; whether a client has asked
    /// for the end.
    pub(in super::super) fn mux_cancelled(&mut self, id: ForwardId, ok: bool) -> bool {
        self.mux.asked.remove(&id);
        if let Some(reply) = self.mux.opening.remove(&id) {
            tell(reply, Done::Failed("it was cancelled".to_owned()));
        }
        let Some(reply) = self.mux.cancelling.remove(&id) else { return false };
        let gone = if ok { Done::Ok } else { Done::Failed("port not found".to_owned()) };
        tell(reply, gone);
        true
    }
}

fn tell(reply: oneshot::Sender<Done>, done: Done) {
    // A client that has gone meanwhile gets no answer.
    let _ = reply.send(done);
}
