//! Channels at the limit of what may be on their way: see [`crate::flight`] for the limit itself.
//!
//! Whatever keeps the limit above what a peer waits for may fail: it is a guess about the peer. So
//! no channel waits at it for ever: whenever nothing but the limit keeps one from sending, a time
//! is set at which it is let go.

use crate::channel::{ChannelKey, Held};
use crate::connection::Connection;
use crate::flight::Given;
use crate::limits::{FLIGHT_LEAVE, FLIGHT_LOOK, FLIGHT_SHARED, FLIGHT_WAIT};
use alloc::vec::Vec;
use tssh_transport::Timestamp;

impl Connection {
    /// Bytes that may be on their way on a channel: no limit while one channel sends alone.
    pub(crate) fn flight_limit(&self) -> u32 {
        if self.is_shared() { self.flight.limit() } else { u32::MAX }
    }

    /// The limit for a channel that has sent a packet: it may count from then on.
    pub(crate) fn flight_limit_after(&self, key: ChannelKey) -> u32 {
        match self.last_sender {
            Some(last) if last != key => self.flight.limit(),
            _ => self.flight_limit(),
        }
    }

    fn is_shared(&self) -> bool {
        self.shared.is_some_and(|at| self.now.since(at) < FLIGHT_SHARED)
    }

    /// Data of a channel was sent.
    pub(crate) fn on_its_way(&mut self, key: ChannelKey) {
        if self.last_sender.replace(key).is_some_and(|last| last != key) {
            self.shared = Some(self.now);
        }
        let limit = self.flight_limit();
        let Some(channel) = self.table.get(key) else { return };
        let out = channel.send.out();
        let full = out >= limit || channel.send.available() == 0;
        self.flight.sent(key, out, full, self.now);
    }

    /// The peer gave back `n` bytes of a channel.
    pub(crate) fn given_back(&mut self, key: ChannelKey, n: u32) {
        let (now, shared) = (self.now, self.is_shared());
        let Some(channel) = self.table.get_mut(key) else { return };
        // Whether it still has to wait is seen when it next wants to send.
        if !matches!(channel.held, Held::Until(until) if until > now) {
            channel.held = Held::No;
        }
        let (out, certain) = (channel.send.out(), !channel.send.may_have_grown());
        if !shared {
            self.flight.rest(now);
        }
        self.flight.given_back(key, Given { n, out, certain }, now);
    }

    /// Notes since when a channel waits that nothing but the limit keeps from sending.
    pub(crate) fn hold_if_limited(&mut self, key: ChannelKey) {
        let limit = self.flight_limit();
        let Some(channel) = self.table.get_mut(key) else { return };
        if channel.held == Held::No && channel.is_limited(limit) {
            channel.held = Held::Since(self.now);
            self.look_at_held.get_or_insert(self.now.after(FLIGHT_WAIT));
        }
    }

    /// Lets go the channels that have waited at the limit for too long.
    pub(crate) fn let_go(&mut self, now: Timestamp) {
        if self.look_at_held.is_none_or(|at| at > now) {
            return;
        }
        let mut next = None::<Timestamp>;
        let mut free = Vec::new();
        for (key, channel) in self.table.iter_mut() {
            let Held::Since(since) = channel.held else { continue };
            let until = since.after(FLIGHT_WAIT);
            if until > now {
                next = Some(next.map_or(until, |at| at.min(until)));
            } else {
                channel.held = Held::Until(now.after(FLIGHT_LEAVE));
                // A peer that makes a window smaller keeps back a part of it for ever: it would
                // stand at the limit again and again.
                channel.send.forget_out();
                self.flight.forget(key);
                free.push(key);
            }
        }
        self.look_at_held = next.map(|at| at.max(now.after(FLIGHT_LOOK)));
        for key in free {
            self.schedule_if_ready(key);
        }
    }
}
