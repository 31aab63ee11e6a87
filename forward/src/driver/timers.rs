//! The waits that end: for the key exchange, for a server's answer in authentication, for a
//! connection that has gone silent, for a peer that reads nothing.
//!
//! All of it is arithmetic on time that is handed in; the driver owns the clock.

use crate::limits::STALL;
use std::time::Duration;
use tssh_transport::Timestamp;

/// Keepalives: `ServerAliveInterval` and `ServerAliveCountMax`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence after which the peer is asked.
    pub interval: Duration,
    /// Questions in a row that may stay unanswered.
    pub count_max: u32,
}

/// How long to wait for what; `None` waits for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waits {
    /// From the start until the first key exchange is done, without the time in which the
    /// application thinks about the host key.
    pub exchange: Option<Duration>,
    /// In authentication: for the peer's next word while it owes one. The application's own
    /// thinking, a human's or a token's, is not counted.
    pub auth_silence: Option<Duration>,
    /// From the start until the user is authenticated, whoever is slow (a server's
    /// `LoginGraceTime`).
    pub login_grace: Option<Duration>,
    /// Once authenticated: asks a silent peer for a sign of life.
    pub keepalive: Option<Keepalive>,
}

/// A wait that came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expired {
    Identification,
    Exchange,
    AuthSilence,
    LoginGrace,
    /// Time to ask for a sign of life.
    AskAlive,
    /// Asked too often in vain.
    Dead,
    Stalled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Identification,
    Exchange,
    Authentication,
    Connection,
}

pub(crate) struct Timers {
    waits: Waits,
    phase: Phase,
    start: Timestamp,
    /// Questions that the application has not answered.
    questions: u32,
    /// Time that the exchange has left, as of `running_since`.
    exchange_left: Option<Duration>,
    running_since: Timestamp,
    /// When the peer last gave a sign.
    heard: Timestamp,
    /// Since when the server owes an answer in authentication.
    owed_since: Option<Timestamp>,
    asked: Timestamp,
    unanswered: u32,
    stalled_since: Option<Timestamp>,
}

impl Timers {
    pub(crate) const fn new(waits: Waits, now: Timestamp) -> Self {
        Self {
            waits,
            phase: Phase::Identification,
            start: now,
            questions: 0,
            exchange_left: waits.exchange,
            running_since: now,
            heard: now,
            owed_since: None,
            asked: now,
            unanswered: 0,
            stalled_since: None,
        }
    }

    /// Bytes came: a sign of life, and no answer. Whoever owes one in authentication gains no
    /// time by sending something else, such as a drip of IGNORE.
    pub(crate) const fn heard(&mut self, now: Timestamp) {
        self.heard = now;
        self.unanswered = 0;
    }

    pub(crate) fn identified(&mut self) {
        if self.phase == Phase::Identification {
            self.phase = Phase::Exchange;
        }
    }

    pub(crate) fn exchanged(&mut self, now: Timestamp) {
        if matches!(self.phase, Phase::Identification | Phase::Exchange) {
            self.phase = Phase::Authentication;
            self.owed_since = self.owed_since.map(|_| now);
        }
    }

    /// Whether the server owes an answer in authentication; its time runs from the moment when it
    /// began to.
    pub(crate) fn awaits_server(&mut self, awaits: bool, now: Timestamp) {
        self.owed_since = awaits.then(|| self.owed_since.unwrap_or(now));
    }

    pub(crate) const fn authenticated(&mut self, now: Timestamp) {
        self.phase = Phase::Connection;
        self.heard = now;
        self.asked = now;
    }

    /// The application is asked something: until its answer nobody's time runs but the grace.
    pub(crate) fn question(&mut self, now: Timestamp) {
        if self.questions == 0 {
            let spent = now.since(self.running_since);
            self.exchange_left = self.exchange_left.map(|left| left.saturating_sub(spent));
        }
        self.questions = self.questions.saturating_add(1);
    }

    /// The application has answered.
    pub(crate) fn answered(&mut self, now: Timestamp) {
        self.questions = self.questions.saturating_sub(1);
        if self.questions == 0 {
            self.running_since = now;
            self.owed_since = self.owed_since.map(|_| now);
        }
    }

    /// Whether we are stuck: bytes wait for the socket and we may not read. `moved` says that
    /// the socket took some.
    pub(crate) fn stuck(&mut self, stuck: bool, moved: bool, now: Timestamp) {
        if !stuck {
            self.stalled_since = None;
        } else if moved || self.stalled_since.is_none() {
            self.stalled_since = Some(now);
        }
    }

    /// The earliest moment at which [`Timers::expired`] has something to say.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let times = [self.exchange_end(), self.silence_end(), self.grace_end(), self.stall_end()];
        times.into_iter().chain([self.alive_end()]).flatten().min()
    }

    /// What has come to its end, the gravest first.
    pub(crate) fn expired(&mut self, now: Timestamp) -> Option<Expired> {
        let past = |end: Option<Timestamp>| end.is_some_and(|end| end <= now);
        if past(self.stall_end()) {
            return Some(Expired::Stalled);
        }
        if past(self.exchange_end()) {
            let identified = self.phase != Phase::Identification;
            return Some(if identified { Expired::Exchange } else { Expired::Identification });
        }
        if past(self.silence_end()) {
            return Some(Expired::AuthSilence);
        }
        if past(self.grace_end()) {
            return Some(Expired::LoginGrace);
        }
        if !past(self.alive_end()) {
            return None;
        }
        self.asked = now;
        self.unanswered = self.unanswered.saturating_add(1);
        let count_max = self.waits.keepalive.map_or(0, |keepalive| keepalive.count_max);
        Some(if self.unanswered > count_max { Expired::Dead } else { Expired::AskAlive })
    }

    fn exchange_end(&self) -> Option<Timestamp> {
        let running = matches!(self.phase, Phase::Identification | Phase::Exchange);
        let left = self.exchange_left.filter(|_| running && self.questions == 0)?;
        Some(self.running_since.after(left))
    }

    fn silence_end(&self) -> Option<Timestamp> {
        let running = self.phase == Phase::Authentication && self.questions == 0;
        Some(self.owed_since?.after(self.waits.auth_silence.filter(|_| running)?))
    }

    fn grace_end(&self) -> Option<Timestamp> {
        let running = self.phase != Phase::Connection;
        Some(self.start.after(self.waits.login_grace.filter(|_| running)?))
    }

    fn alive_end(&self) -> Option<Timestamp> {
        let keepalive = self.waits.keepalive.filter(|_| self.phase == Phase::Connection)?;
        Some(self.heard.max(self.asked).after(keepalive.interval))
    }

    fn stall_end(&self) -> Option<Timestamp> {
        Some(self.stalled_since?.after(STALL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn timers(waits: Waits) -> Timers {
        Timers::new(waits, at(0))
    }

    const fn seconds(n: u64) -> Option<Duration> {
        Some(Duration::from_secs(n))
    }

    #[test]
    fn the_exchange_is_timed_without_the_time_that_the_host_key_question_takes() {
        let mut t = timers(Waits { exchange: seconds(10), ..Waits::default() });
        assert_eq!(t.deadline(), Some(at(10)));
        assert_eq!(t.expired(at(10)), Some(Expired::Identification));
        t.identified();
        assert_eq!(t.expired(at(10)), Some(Expired::Exchange));
        t.question(at(4));
        assert_eq!((t.deadline(), t.expired(at(1000))), (None, None));
        t.answered(at(1000));
        assert_eq!(t.deadline(), Some(at(1006)));
        t.exchanged(at(1001));
        assert_eq!(t.deadline(), None);
    }

    #[test]
    fn in_authentication_the_server_is_timed_and_never_a_human() {
        let mut t = timers(Waits { auth_silence: seconds(30), ..Waits::default() });
        assert_eq!(t.deadline(), None);
        t.exchanged(at(1));
        t.awaits_server(true, at(1));
        assert_eq!(t.deadline(), Some(at(31)));
        t.awaits_server(false, at(2));
        t.question(at(2));
        assert_eq!(t.deadline(), None);
        t.answered(at(5000));
        t.awaits_server(true, at(5000));
        assert_eq!(t.expired(at(5029)), None);
        assert_eq!(t.expired(at(5030)), Some(Expired::AuthSilence));
        t.authenticated(at(5030));
        assert_eq!(t.deadline(), None);
    }

    #[test]
    fn a_drip_of_bytes_that_answer_nothing_does_not_hold_authentication_open() {
        let mut t = timers(Waits { auth_silence: seconds(30), ..Waits::default() });
        t.exchanged(at(0));
        for second in 0..30 {
            t.heard(at(second));
            t.awaits_server(true, at(second));
            assert_eq!((t.deadline(), t.expired(at(second))), (Some(at(30)), None));
        }
        t.heard(at(30));
        assert_eq!(t.expired(at(30)), Some(Expired::AuthSilence));
        // The human's time over a host key in between is not the server's.
        t.question(at(30));
        t.answered(at(100));
        assert_eq!(t.deadline(), Some(at(130)));
    }

    #[test]
    fn the_grace_of_a_server_runs_whoever_is_slow() {
        let mut t = timers(Waits { login_grace: seconds(120), ..Waits::default() });
        t.exchanged(at(1));
        t.question(at(2));
        assert_eq!(t.expired(at(120)), Some(Expired::LoginGrace));
        t.authenticated(at(119));
        assert_eq!(t.deadline(), None);
    }

    #[test]
    fn a_silent_peer_is_asked_and_then_given_up() {
        let keepalive = Keepalive { interval: Duration::from_secs(15), count_max: 3 };
        let mut t = timers(Waits { keepalive: Some(keepalive), ..Waits::default() });
        assert_eq!(t.deadline(), None);
        t.authenticated(at(100));
        for n in 1..=3 {
            assert_eq!(t.expired(at(100 + 15 * n - 1)), None);
            assert_eq!(t.expired(at(100 + 15 * n)), Some(Expired::AskAlive));
        }
        assert_eq!(t.expired(at(160)), Some(Expired::Dead));
        t.heard(at(161));
        assert_eq!(t.expired(at(176)), Some(Expired::AskAlive));
    }

    #[test]
    fn a_stall_is_a_wait_in_which_nothing_moves() {
        let mut t = timers(Waits::default());
        t.stuck(true, false, at(10));
        t.stuck(true, false, at(20));
        assert_eq!(t.deadline(), Some(at(10).after(STALL)));
        t.stuck(true, true, at(30));
        assert_eq!(t.deadline(), Some(at(30).after(STALL)));
        assert_eq!(t.expired(at(30).after(STALL)), Some(Expired::Stalled));
        t.stuck(false, false, at(40));
        assert_eq!(t.deadline(), None);
    }
}
