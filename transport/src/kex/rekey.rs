//! When to exchange keys again, RFC 4253 section 9 and RFC 4344 section 3.

use crate::limits;
use crate::time::Timestamp;
use core::time::Duration;

/// Limits after which we start an exchange. `RekeyLimit` sets bytes and interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RekeyLimits {
    /// Bytes in one direction.
    pub bytes: u64,
    /// Packets in one direction.
    pub packets: u64,
    /// Time since the last exchange.
    pub interval: Duration,
}

impl Default for RekeyLimits {
    /// "It is RECOMMENDED that the keys be changed after each gigabyte of transmitted data or
    /// after each hour of connection time, whichever comes sooner." (RFC 4253 section 9)
    fn default() -> Self {
        Self {
            bytes: limits::REKEY_BYTES,
            packets: limits::REKEY_PACKETS,
            interval: limits::REKEY_INTERVAL,
        }
    }
}

/// Counts what the limits speak of.
#[derive(Debug)]
pub struct RekeyClock {
    limits: RekeyLimits,
    /// When the last exchange ended.
    last: Timestamp,
    /// Packets of the upper layers since then; one must pass between two exchanges of ours, or a
    /// tiny limit would exchange keys for ever.
    moved: bool,
    /// The same since the peer last started an exchange: whatever became of it, the peer had a
    /// reason then.
    moved_since_peer_started: bool,
    wanted: bool,
    idle_exchanges: u32,
    idle_since: Timestamp,
}

impl RekeyClock {
    /// Starts at `now`.
    pub const fn new(limits: RekeyLimits, now: Timestamp) -> Self {
        Self {
            limits,
            last: now,
            moved: false,
            moved_since_peer_started: false,
            wanted: false,
            idle_exchanges: 0,
            idle_since: now,
        }
    }

    /// A packet of an upper layer passed, in either direction.
    pub const fn data_moved(&mut self) {
        self.moved = true;
        self.moved_since_peer_started = true;
    }

    /// We sent a message of an upper layer that is not data: the peer has to count it.
    pub const fn control_sent(&mut self) {
        self.moved_since_peer_started = true;
    }

    /// Somebody asked for new keys.
    pub const fn want(&mut self) {
        self.wanted = true;
    }

    /// Whether an exchange is due by what was carried: packets and bytes per direction.
    pub const fn due_by_use(&self, sent: (u64, u64), received: (u64, u64)) -> bool {
        let packets = self.limits.packets;
        let bytes = self.limits.bytes;
        let used =
            sent.0 >= packets || received.0 >= packets || sent.1 >= bytes || received.1 >= bytes;
        self.wanted || (self.moved && used)
    }

    /// Packets and bytes that may still be sent before an exchange is due by them.
    pub const fn left(&self, sent: (u64, u64)) -> (u64, u64) {
        (self.limits.packets.saturating_sub(sent.0), self.limits.bytes.saturating_sub(sent.1))
    }

    /// Whether an exchange is due by time.
    pub fn due_by_time(&self, now: Timestamp) -> bool {
        now >= self.deadline()
    }

    /// When it will be.
    pub fn deadline(&self) -> Timestamp {
        self.last.after(self.limits.interval)
    }

    /// The peer started an exchange. False: it does so again and again without moving data.
    pub fn peer_started(&mut self, now: Timestamp) -> bool {
        let moved = core::mem::take(&mut self.moved_since_peer_started);
        if moved || now.since(self.idle_since) > Duration::from_secs(60) {
            self.idle_exchanges = 0;
            self.idle_since = now;
        }
        self.idle_exchanges = self.idle_exchanges.saturating_add(1);
        self.idle_exchanges <= limits::IDLE_REKEYS_PER_MINUTE_MAX
    }

    /// An exchange ended.
    pub const fn exchanged(&mut self, now: Timestamp) {
        self.last = now;
        self.moved = false;
        self.wanted = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiny_limits_let_one_packet_through_between_exchanges() {
        let limits = RekeyLimits { bytes: 1, ..RekeyLimits::default() };
        let mut clock = RekeyClock::new(limits, Timestamp::default());
        assert!(!clock.due_by_use((3, 100), (3, 100)));
        clock.data_moved();
        assert!(clock.due_by_use((3, 100), (3, 100)));
        clock.exchanged(Timestamp::default());
        assert!(!clock.due_by_use((0, 100), (0, 0)));
    }

    /// Both sides with tiny limits: exchanges of ours come between, and must not make those of
    /// the peer look groundless.
    #[test]
    fn exchanges_of_ours_do_not_make_the_peers_look_groundless() {
        let now = Timestamp::default();
        for moves in [RekeyClock::data_moved, RekeyClock::control_sent] {
            let mut clock = RekeyClock::new(RekeyLimits::default(), now);
            for _ in 0..10 * limits::IDLE_REKEYS_PER_MINUTE_MAX {
                moves(&mut clock);
                clock.exchanged(now);
                assert!(clock.peer_started(now));
                clock.exchanged(now);
            }
        }
    }

    #[test]
    fn a_peer_may_not_exchange_keys_for_their_own_sake() {
        let mut clock = RekeyClock::new(RekeyLimits::default(), Timestamp::default());
        let refused = (0..100).find(|_| !clock.peer_started(Timestamp::from_micros(5)));
        assert_eq!(refused, Some(limits::IDLE_REKEYS_PER_MINUTE_MAX));
        let later = Timestamp::from_micros(120_000_000);
        assert!(clock.peer_started(later));
    }

    #[test]
    fn data_that_passes_during_an_exchange_lets_the_peer_start_the_next() {
        let mut clock = RekeyClock::new(RekeyLimits::default(), Timestamp::default());
        for _ in 0..100 {
            assert!(clock.peer_started(Timestamp::default()));
            clock.data_moved();
            clock.exchanged(Timestamp::default());
        }
    }
}
