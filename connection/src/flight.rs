//! How much may be on its way on one channel, below what its window allows.
//!
//! A window says what the peer has room for. What lies in that room, in its socket and in the
//! buffers between, is what a byte of any other channel stands behind: a wait of all of it over
//! the rate. What keeps a path busy is the product of its rate and of its least delay; half as much
//! again is allowed, so that a rate that could be higher shows. The rate is what comes back in a
//! period; it rises at once and falls slowly. The delay is measured by a mark: it is the time from
//! a message's being sent until the bytes up to it are given back.
//!
//! A least delay that was not seen again for [`limits::FLIGHT_FRESH`](crate::limits::FLIGHT_FRESH)
//! may be that of a path that is gone, or that of a queue of our own. Then little is sent until
//! what was on its way before has arrived, and what a mark says after that is the new one:
//!
//! ```text
//! Steady  --period, least delay old--> Drain
//! Drain   --mark came back-----------> Measure
//! Measure --mark came back-----------> Steady  (its delay is the least one)
//! Drain, Measure --took too long-----> Steady  (the least delay as it was)
//! any     --pause, sends alone-------> Steady  (the least delay as it was)
//! ```
//!
//! What is on its way is what was sent and not given back by SSH_MSG_CHANNEL_WINDOW_ADJUST. A peer
//! may give back only large parts, or make a window smaller by never giving back a part of it: the
//! limit stays above twice what comes back at a time, and a channel that hears nothing at it for
//! [`limits::FLIGHT_WAIT`](crate::limits::FLIGHT_WAIT) is let go, and what it had on its way is
//! forgotten (`held.rs`). Where a peer makes a window larger, more is on its way than is known, and
//! marks come back too early: what they say is less than the delay. Where nothing else is known
//! there is no limit. Only where several channels send there is anybody who waits for another: one
//! alone has no limit but its window.

use crate::limits::{
    FLIGHT_BYTES_LEAST, FLIGHT_DELAY_LEAST, FLIGHT_DELAY_MAX, FLIGHT_DRAIN_MAX, FLIGHT_FRESH,
    FLIGHT_PERIOD, WINDOW_BYTES_MAX,
};
use core::time::Duration;
use tssh_transport::Timestamp;

/// Whether the least delay is being measured anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Steady,
    /// What was on its way before has to arrive.
    Drain,
    /// The message that was sent after it has to be given back.
    Measure,
}

/// One message on its way, until the bytes up to it are given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark<K> {
    channel: K,
    left: u32,
    sent: Timestamp,
}

/// What the peer gave back of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) n: u32,
    /// What that leaves on its way.
    pub(crate) out: u32,
    /// All of it had come: the window is no larger than it was.
    pub(crate) certain: bool,
}

/// The limit of one connection's channels, and what it is derived from. `K` names a channel.
#[derive(Debug)]
pub(crate) struct Flight<K> {
    limit: u32,
    state: State,
    /// When the least delay began to be measured anew.
    drained_from: Timestamp,
    /// Where the current period began, when data or credit last moved, and what came in it.
    begun: Timestamp,
    moved: Timestamp,
    given: u64,
    /// Most bytes on their way on a channel, and least after some were given back.
    peak: u32,
    low: u32,
    /// Least bytes that were given back at a time, of a channel that the limit can reach.
    grain: Option<u32>,
    /// Some channel could have sent more than limit or window let it.
    full: bool,
    /// Bytes a second.
    rate: u64,
    mark: Option<Mark<K>>,
    delay: Duration,
    /// The least delay, and when one as short was last seen.
    least: Option<Duration>,
    least_seen: Timestamp,
}

impl<K: Copy + Eq> Flight<K> {
    /// Without a limit.
    pub(crate) const fn new() -> Self {
        Self {
            limit: u32::MAX,
            state: State::Steady,
            drained_from: Timestamp::from_micros(0),
            begun: Timestamp::from_micros(0),
            moved: Timestamp::from_micros(0),
            given: 0,
            peak: 0,
            low: u32::MAX,
            grain: None,
            full: false,
            rate: 0,
            mark: None,
            delay: Duration::ZERO,
            least: None,
            least_seen: Timestamp::from_micros(0),
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

    /// The least delay.
    #[cfg(test)]
    pub(crate) const fn least_delay(&self) -> Option<Duration> {
        self.least
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
        let stale = |mark: &Mark<K>| now.since(mark.sent) > FLIGHT_DELAY_MAX;
        // Little is given back late or never.
        if out >= FLIGHT_BYTES_LEAST && self.mark.as_ref().is_none_or(stale) {
            self.mark = Some(Mark { channel, left: out, sent: now });
        }
    }

    /// The peer gave back bytes of a channel.
    pub(crate) fn given_back(&mut self, channel: K, given: Given, now: Timestamp) {
        let Given { n, out, certain } = given;
        self.moved = now;
        self.low = self.low.min(out);
        self.given = self.given.saturating_add(u64::from(n));
        if out.saturating_add(n) >= FLIGHT_BYTES_LEAST {
            self.grain = Some(self.grain.map_or(n, |grain| grain.min(n)));
        }
        if let Some(mark) = self.mark.as_mut().filter(|mark| mark.channel == channel) {
            mark.left = mark.left.saturating_sub(n);
            if mark.left == 0 {
                let delay = now.since(mark.sent);
                self.mark = None;
                if delay <= FLIGHT_DELAY_MAX {
                    self.came_back(delay, certain, now);
                }
            }
        }
        let elapsed = now.since(self.begun);
        if self.least.is_some() && elapsed >= self.period() {
            self.period_is_over(elapsed, now);
        }
    }

    /// Nothing that comes back of this channel says anything any more.
    pub(crate) fn forget(&mut self, channel: K) {
        self.mark.take_if(|mark| mark.channel == channel);
    }

    /// The limit is not what counts now: a new period begins.
    pub(crate) fn rest(&mut self, now: Timestamp) {
        self.state = State::Steady;
        self.restart(now);
    }

    fn period(&self) -> Duration {
        FLIGHT_PERIOD.max(self.delay.saturating_mul(4))
    }

    fn restart(&mut self, now: Timestamp) {
        self.begun = now;
        self.given = 0;
        self.peak = 0;
        self.low = u32::MAX;
        self.grain = None;
        self.full = false;
    }

    /// A mark came back after so long; too early, unless that is certain.
    fn came_back(&mut self, delay: Duration, certain: bool, now: Timestamp) {
        self.delay = if certain { delay } else { delay.max(self.delay) };
        match self.state {
            State::Steady if certain => {
                let least = self.least.map_or(delay, |least| least.min(delay));
                self.least = Some(least);
                // As short, but for an eighth.
                if delay.saturating_mul(8) <= least.saturating_mul(9) {
                    self.least_seen = now;
                }
            }
            State::Steady => {}
            State::Drain => self.state = State::Measure,
            State::Measure => {
                self.state = State::Steady;
                let known = self.least.filter(|_| !certain).unwrap_or_default();
                self.least = Some(delay.max(known));
                self.least_seen = now;
                self.limit = self.target();
                // What came while little was sent is not the rate of the path.
                self.restart(now);
            }
        }
    }

    fn period_is_over(&mut self, elapsed: Duration, now: Timestamp) {
        if self.state == State::Steady {
            let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
            let rate = self.given.saturating_mul(1_000_000).checked_div(micros).unwrap_or_default();
            self.had_rate(rate);
            self.limit = self.target();
            if now.since(self.least_seen) > FLIGHT_FRESH {
                self.state = State::Drain;
                self.drained_from = now;
                self.mark = None;
                self.limit = self.floor();
            }
        } else if now.since(self.drained_from) > FLIGHT_DRAIN_MAX {
            self.state = State::Steady;
            self.least_seen = now;
        }
        self.restart(now);
    }

    fn had_rate(&mut self, rate: u64) {
        if rate >= self.rate {
            self.rate = rate;
        } else if self.full || self.low >= self.peak >> 2 {
            // One moment does not count for much.
            self.rate = self.rate.saturating_sub(self.rate.saturating_sub(rate) >> 2);
        } else {
            // The channel ran dry: whoever has little to send is slow for reasons of his own.
        }
    }

    /// Less is never allowed: half of it may have come and not be given back.
    fn floor(&self) -> u32 {
        FLIGHT_BYTES_LEAST.max(self.grain.unwrap_or_default().saturating_mul(2))
    }

    /// The limit that follows from rate and delay.
    fn target(&self) -> u32 {
        let Some(least) = self.least else { return u32::MAX };
        let micros = u64::try_from(least.max(FLIGHT_DELAY_LEAST).as_micros()).unwrap_or(u64::MAX);
        // Half as much again as the path holds, so that a rate that could be higher shows.
        let enough = self.rate.saturating_mul(micros).saturating_mul(3) / 2_000_000;
        let limit = u32::try_from(enough).unwrap_or(u32::MAX).max(self.floor());
        if limit > WINDOW_BYTES_MAX { u32::MAX } else { limit }
    }
}

#[cfg(test)]
#[path = "flight_tests.rs"]
mod tests;
