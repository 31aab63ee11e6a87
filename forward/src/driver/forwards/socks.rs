//! `-R` without a target: the clients of the peer's listening side speak SOCKS with us, over
//! their channels.

use super::put;
use super::serve::{For, Serving};
use crate::core::address::Target;
use crate::core::pump::{Kind, Pump};
use crate::core::socks::{Failure, Negotiation, Request, Step};
use crate::driver::carrier::Carrier;
use crate::driver::endpoint::Endpoints;
use crate::driver::event::AppEvent;
use crate::driver::listen::Stream as Connection;
use crate::driver::slot::{Owner, Slot};
use crate::limits::SOCKS_PATIENCE;
use tssh_connection::{ChannelKey, Stream};

/// One negotiation over a channel.
pub(crate) struct Negotiating {
    channel: ChannelKey,
    negotiation: Negotiation,
    /// What was asked for, once it was.
    request: Option<Request>,
}

impl Carrier {
    /// Accepts a channel and hears what its client wants. What comes is kept in the channel's
    /// ring, within its window, until there is a target.
    pub(super) fn negotiate_on(&mut self, channel: ChannelKey) {
        if self.stack.accept_open(channel).is_err() {
            return;
        }
        let negotiation = Negotiation::default();
        let negotiating = Negotiating { channel, negotiation, request: None };
        put(&mut self.forwards.negotiating, channel.index(), negotiating);
        let mut slot = Slot::new(channel, Owner::Forwarder, Pump::open(Kind::Socket), None);
        slot.negotiating = true;
        self.insert(slot);
        self.drain_until(channel, SOCKS_PATIENCE);
    }

    fn negotiating(&mut self, channel: ChannelKey) -> Option<&mut Negotiating> {
        let found = self.forwards.negotiating.get_mut(channel.index())?.as_mut()?;
        // The place may belong to a later channel.
        (found.channel == channel).then_some(found)
    }

    /// Takes what the ring of a negotiating channel holds, as far as it is part of the
    /// negotiation; `true` where something moved.
    pub(crate) fn negotiate(&mut self, channel: ChannelKey) -> bool {
        let mut moved = false;
        loop {
            let ring = self.stack.ring(channel, Stream::Data);
            let Some(Some(found)) = self.forwards.negotiating.get_mut(channel.index()) else {
                return moved;
            };
            let n = found.negotiation.wants().min(ring.len());
            if found.channel != channel || found.request.is_some() {
                return moved;
            }
            if n == 0 {
                // What was to come can come no more once the peer has said its last.
                let over = self.slot(channel).is_some_and(|slot| slot.pump.drains());
                return if over { self.socks_over(channel, Vec::new()) } else { moved };
            }
            let step = found.negotiation.feed(ring.get(..n).unwrap_or_default());
            self.stack.drained(channel, Stream::Data, n);
            moved = true;
            match step {
                Step::More => {}
                Step::Say(answer) => self.say(channel, answer),
                Step::Request(request) => self.socks_asked(channel, request),
                Step::Refuse(answer) => return self.socks_over(channel, answer),
            }
        }
    }

    /// Sends `answer` before anything else goes out on the channel.
    fn say(&mut self, channel: ChannelKey, answer: Vec<u8>) {
        if let Some(slot) = self.slot(channel) {
            slot.greeting.extend(answer);
            self.stack.want_send(channel, Stream::Data);
        }
    }

    fn socks_asked(&mut self, channel: ChannelKey, request: Request) {
        let (host, port) = (request.host.clone(), request.port);
        let permitted = self.forwards.permit_remote_open.permits(&host, port);
        if !permitted {
            let text = format!(
                "connect to {} port {port}: refused, PermitRemoteOpen does not allow it",
                tssh_transport::text::printable(host.as_bytes(), 256)
            );
            self.events.push_back(AppEvent::ForwardFailed { channel: Some(channel), text });
            self.socks_over(channel, request.failed(Failure::NotAllowed));
            return;
        }
        if self.jobs.is_swamped() {
            // Dials of clients that are gone count: each has yet to end.
            let text = "a SOCKS client was turned away: too many connections are being made";
            let text = text.to_owned();
            self.events.push_back(AppEvent::ForwardFailed { channel: Some(channel), text });
            self.socks_over(channel, request.failed(Failure::General));
            return;
        }
        if let Some(found) = self.negotiating(channel) {
            found.request = Some(request);
        }
        // From here the connection takes the time it takes.
        self.drain_freely(channel);
        let target = Target::Tcp { host, port };
        self.dial_for(Serving { channel, target, purpose: For::Socks, originator: None });
    }

    /// The connection is made, or is not.
    pub(super) fn socks_dialled(
        &mut self,
        channel: ChannelKey,
        result: Result<Connection, String>,
    ) {
        let request = self.negotiating(channel).and_then(|found| found.request.take());
        let Some(request) = request else { return };
        if let Some(place) = self.forwards.negotiating.get_mut(channel.index()) {
            *place = None;
        }
        match result {
            Ok(stream) => {
                self.say(channel, request.granted());
                self.end_negotiation(channel);
                // A channel that is gone lets go of the connection.
                let _ = self.attach(channel, stream.endpoints());
            }
            Err(error) => {
                let failure = Failure::of_open(2, &error);
                self.socks_over(channel, request.failed(failure));
            }
        }
    }

    fn end_negotiation(&mut self, channel: ChannelKey) {
        if let Some(slot) = self.slot(channel) {
            slot.negotiating = false;
        }
        self.drain_freely(channel);
    }

    /// Says the last word and ends the channel; always `true`: something moved.
    fn socks_over(&mut self, channel: ChannelKey, answer: Vec<u8>) -> bool {
        if let Some(place) = self.forwards.negotiating.get_mut(channel.index()) {
            *place = None;
        }
        self.say(channel, answer);
        // Whoever was refused must not keep its channel by leaving its own direction open.
        self.drain_until(channel, SOCKS_PATIENCE);
        // An input that is at its end, so that the word goes out before the EOF.
        let nothing = Endpoints::split(Some(Box::new(tokio::io::empty())), None);
        let _ = self.attach(channel, nothing);
        true
    }
}
