//! How much may be on its way on one channel, below what its window allows.
//!
//! A window says what the peer has room for. What lies in that room, in its socket and in the
//! buffers between, is what a byte of any other channel stands behind: a wait of all of it over
//! the rate. More than the wire needs in order to stay full makes nothing faster. How much that is
//! nobody tells; so less is tried from time to time while the delay is well above the least one
//! seen, and kept where as much comes through. When less comes through than did, more is tried.
//!
//! ```text
//! Steady --busy, delay high, waited--> Less     (half of what was on its way)
//! Steady --rate fell by a quarter----> More     (twice)
//! Steady --at the limit, delay low, waited--> More
//! Less   --rate kept-----------------> Steady   (keeps it, tries again at once)
//! Less   --rate fell by an eighth----> Steady   (takes it back, waits twice as long)
//! More   --rate grew by an eighth----> More     (twice as much again)
//! More   --rate did not--------------> Steady   (takes it back, waits twice as long)
//! any    --pause, or ran dry---------> Steady   (takes it back)
//! ```
//!
//! What is on its way is what was sent and not given back by SSH_MSG_CHANNEL_WINDOW_ADJUST. A peer
//! may give back only large parts, or make a window smaller by never giving back a part of it: the
//! limit stays above twice what comes back at a time, and a channel that waits at it for
//! [`limits::FLIGHT_WAIT`](crate::limits::FLIGHT_WAIT) is let go (`held.rs`). Only where several
//! channels send there is anybody who waits for another: one alone has no limit but its window.

use crate::limits::{
    FLIGHT_BYTES_LEAST as LEAST, FLIGHT_PATIENCE, FLIGHT_PATIENCE_MAX, FLIGHT_PERIOD,
    WINDOW_BYTES_MAX,
};
use core::time::Duration;
use tssh_transport::Timestamp;

/// What is being tried, and what it is measured against: bytes a second and the limit before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    Steady,
    Less { rate: u64, limit: u32 },
    More { rate: u64, limit: u32 },
}

/// One message on its way, until the bytes up to it are given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark<K> {
    channel: K,
    left: u32,
    sent: Timestamp,
}

/// The limit of one connection's channels, and what it is derived from. `K` names a channel.
#[derive(Debug)]
pub(crate) struct Flight<K> {
    limit: u32,
    trial: Trial,
    /// Where the current period began, when data or credit last moved, and what came in it.
    begun: Timestamp,
    moved: Timestamp,
    given: u64,
    /// Most bytes on their way on a channel, and least after some were given back.
    peak: u32,
    low: u32,
    /// Least bytes that were given back at a time.
    grain: u32,
    /// Some channel could have sent more than limit or window let it.
    full: bool,
    /// The limit has just changed: what comes in this period was sent before it did.
    settling: bool,
    /// The rate that the current limit is held to.
    rate: u64,
    mark: Option<Mark<K>>,
    delay: Option<Duration>,
    delay_least: Option<Duration>,
    next_trial: Timestamp,
    patience: Duration,
}

impl<K: Copy + Eq> Flight<K> {
    /// Without a limit.
    pub(crate) const fn new() -> Self {
        Self {
            limit: u32::MAX,
            trial: Trial::Steady,
            begun: Timestamp::from_micros(0),
            moved: Timestamp::from_micros(0),
            given: 0,
            peak: 0,
            low: u32::MAX,
            grain: u32::MAX,
            full: false,
            settling: false,
            rate: 0,
            mark: None,
            delay: None,
            delay_least: None,
            next_trial: Timestamp::from_micros(0),
            patience: FLIGHT_PATIENCE,
        }
    }

    /// With this limit.
    #[cfg(test)]
    pub(crate) const fn with_limit(limit: u32) -> Self {
        Self { limit, ..Self::new() }
    }

    /// Whether a channel was kept from sending in this period, and where the period began.
    #[cfg(test)]
    pub(crate) const fn seen(&self) -> (bool, Timestamp) {
        (self.full, self.begun)
    }

    /// A channel with as many bytes on their way sends no more.
    pub(crate) const fn limit(&self) -> u32 {
        self.limit
    }

    /// A channel sent data and now has `out` bytes on their way; `full`: it may send no more.
    pub(crate) fn sent(&mut self, channel: K, out: u32, full: bool, now: Timestamp) {
        // The time in which nothing moved says nothing about the rate.
        if now.since(self.moved) > self.period() {
            self.rest(now);
        }
        self.moved = now;
        self.peak = self.peak.max(out);
        self.full |= full;
        let stale = |mark: &Mark<K>| now.since(mark.sent) > FLIGHT_PATIENCE_MAX;
        // Little is given back late or never.
        if out >= LEAST >> 2 && self.mark.as_ref().is_none_or(stale) {
            self.mark = Some(Mark { channel, left: out, sent: now });
        }
    }

    /// The peer gave back `n` bytes of a channel, which leaves `out` on their way.
    pub(crate) fn given_back(&mut self, channel: K, n: u32, out: u32, now: Timestamp) {
        self.moved = now;
        self.low = self.low.min(out);
        self.given = self.given.saturating_add(u64::from(n));
        self.grain = self.grain.min(n);
        if let Some(mark) = self.mark.as_mut().filter(|mark| mark.channel == channel) {
            mark.left = mark.left.saturating_sub(n);
            if mark.left == 0 {
                let delay = now.since(mark.sent);
                self.delay = Some(delay);
                self.delay_least = Some(self.delay_least.map_or(delay, |least| least.min(delay)));
                self.mark = None;
            }
        }
        let Some(delay) = self.delay else { return };
        let elapsed = now.since(self.begun);
        if elapsed >= self.period() {
            self.period_is_over(elapsed, delay, now);
        }
    }

    /// The limit is not what counts now: what is being tried is taken back, and a new period
    /// begins.
    pub(crate) fn rest(&mut self, now: Timestamp) {
        if let Trial::Less { limit, .. } | Trial::More { limit, .. } = self.trial {
            self.set(limit, Trial::Steady);
        }
        self.restart(now);
    }

    fn period(&self) -> Duration {
        FLIGHT_PERIOD.max(self.delay.unwrap_or_default().saturating_mul(4))
    }

    fn restart(&mut self, now: Timestamp) {
        self.begun = now;
        self.given = 0;
        self.peak = 0;
        self.low = u32::MAX;
        self.grain = u32::MAX;
        self.full = false;
    }

    fn period_is_over(&mut self, elapsed: Duration, delay: Duration, now: Timestamp) {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let rate = self.given.saturating_mul(1_000_000).checked_div(micros).unwrap_or_default();
        if core::mem::take(&mut self.settling) {
            // What this period brought was sent under another limit.
        } else if self.full || self.low >= self.peak >> 2 {
            self.judge(rate, delay, now);
        } else {
            // The channel ran dry: whoever has little to send is slow for reasons of his own.
            self.rest(now);
        }
        self.restart(now);
    }

    fn judge(&mut self, rate: u64, delay: Duration, now: Timestamp) {
        match self.trial {
            Trial::Steady => self.consider(rate, delay, now),
            Trial::Less { rate: before, .. } if rate >= before.saturating_sub(before >> 3) => {
                self.patience = FLIGHT_PATIENCE;
                self.trial = Trial::Steady;
                self.consider(rate, delay, now);
            }
            Trial::Less { rate: before, limit } => {
                self.take_back(limit, now);
                self.rate = before;
                // With that little on its way nothing can have waited: the way is that long.
                self.delay_least = Some(delay);
            }
            Trial::More { rate: before, .. } if rate > before.saturating_add(before >> 3) => {
                self.patience = FLIGHT_PATIENCE;
                self.rate = rate;
                self.more(rate);
            }
            Trial::More { limit, .. } => {
                self.take_back(limit, now);
                self.rate = rate;
            }
        }
    }

    fn consider(&mut self, rate: u64, delay: Duration, now: Timestamp) {
        // The rate that is expected fades, so that one good moment is not held against all others.
        self.rate = rate.max(self.rate.saturating_sub(self.rate >> 6));
        let queued = self.delay_least.is_some_and(|least| delay > least.saturating_mul(2));
        let least = LEAST.max(self.grain.saturating_mul(2));
        let less = (self.peak.min(self.limit) >> 1).max(least);
        let fell = rate < self.rate.saturating_sub(self.rate >> 2);
        // Nothing waits at the peer, and yet nothing more may be sent: it may have become faster.
        let held = !queued && self.peak >= self.limit && now >= self.next_trial;
        if (fell || held) && self.limit < WINDOW_BYTES_MAX {
            self.more(rate);
        } else if queued && less < self.peak.min(self.limit) && now >= self.next_trial {
            // Not against this period's: many small losses in a row would be a large one.
            self.set(less, Trial::Less { rate: self.rate, limit: self.limit });
        }
    }

    fn more(&mut self, rate: u64) {
        let limit = self.limit;
        let twice = limit.saturating_mul(2);
        let twice = if twice > WINDOW_BYTES_MAX { u32::MAX } else { twice };
        if twice == limit {
            self.trial = Trial::Steady;
        } else {
            self.set(twice, Trial::More { rate, limit });
        }
    }

    fn take_back(&mut self, limit: u32, now: Timestamp) {
        self.set(limit, Trial::Steady);
        self.next_trial = now.after(self.patience);
        self.patience = self.patience.saturating_mul(2).min(FLIGHT_PATIENCE_MAX);
    }

    fn set(&mut self, limit: u32, trial: Trial) {
        self.limit = limit;
        self.trial = trial;
        self.settling = true;
    }
}

#[cfg(test)]
#[path = "flight_tests.rs"]
mod tests;
