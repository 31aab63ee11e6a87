//! Channels at the limit of what may be on its way: see [`crate::flight`] for the limit itself.

use crate::channel::{ChannelKey, Held};
use crate::connection::Connection;
use crate::limits::FLIGHT_WAIT;
use alloc::vec::Vec;
use tssh_transport::Timestamp;

impl Connection {
    /// Data of a channel was sent.
    pub(crate) fn on_its_way(&mut self, key: ChannelKey) {
        let limit = self.flight.limit();
        let Some(channel) = self.table.get_mut(key) else { return };
        let (out, spent) = (channel.send.out(), channel.send.available() == 0);
        // At the end of its window only the peer can let it go on.
        if out >= limit && !spent && channel.held == Held::No {
            channel.held = Held::Since(self.now);
            self.look_at_held.get_or_insert(self.now.after(FLIGHT_WAIT));
        }
        self.flight.sent(key, out, out >= limit || spent, self.now);
    }

    /// The peer gave back `n` bytes of a channel that had `out` on their way before.
    pub(crate) fn given_back(&mut self, key: ChannelKey, out: u32, n: u32) {
        let Some(channel) = self.table.get_mut(key) else { return };
        let left = channel.send.out();
        let held = core::mem::replace(&mut channel.held, Held::No);
        // Where it answers soon, it had waited for more; where it does not, its reader stood still.
        if matches!(held, Held::LetGo(at) if self.now.since(at) < FLIGHT_WAIT) {
            self.flight.took(out);
        }
        self.flight.given_back(key, n, left, self.now);
    }

    /// Lets go the channels that have waited at the limit for too long.
    pub(crate) fn let_go(&mut self, now: Timestamp) {
        if self.look_at_held.is_none_or(|at| at > now) {
            return;
        }
        self.look_at_held = None;
        let mut free = Vec::new();
        for (key, channel) in self.table.iter_mut() {
            let Held::Since(since) = channel.held else { continue };
            let until = since.after(FLIGHT_WAIT);
            if until > now {
                let next = self.look_at_held.map_or(until, |at| at.min(until));
                self.look_at_held = Some(next);
            } else {
                channel.held = Held::LetGo(now);
                free.push(key);
            }
        }
        for key in free {
            self.schedule_if_ready(key);
        }
    }
}
