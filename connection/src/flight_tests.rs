//! A sender, a path and a peer that takes so much a second, in steps of 50 us.

use super::*;
use std::collections::VecDeque;
use std::vec::Vec;

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;
const STEP: u64 = 50;
const PACKET: u32 = 32 * KIB;

struct Peer {
    /// Round trip in microseconds.
    rtt: u64,
    /// MiB a second that the peer takes.
    rate: u32,
    /// Bytes that it gives back at a time, at least.
    grain: u32,
    window: u32,
}

struct Path {
    peer: Peer,
    flight: Flight<u8>,
    now: u64,
    out: u32,
    there: VecDeque<(u64, u32)>,
    back: VecDeque<(u64, u32)>,
    queued: u32,
    taken: u32,
    idle: bool,
}

impl Path {
    fn new(peer: Peer) -> Self {
        Self {
            peer,
            flight: Flight::new(),
            now: 1_000_000,
            out: 0,
            there: VecDeque::new(),
            back: VecDeque::new(),
            queued: 0,
            taken: 0,
            idle: false,
        }
    }

    /// Sends as much as may be for so many milliseconds; gives MiB a second that came through and
    /// the mean of KiB that waited at the peer.
    fn run(&mut self, millis: u64) -> (u32, u32) {
        let (mut through, mut waited, end) = (0_u64, 0_u64, self.now + millis * 1000);
        while self.now < end {
            through += u64::from(self.step());
            waited += u64::from(self.queued);
        }
        let rate = through * 1000 / millis / u64::from(MIB);
        let mean = waited * STEP / (millis * 1000) / u64::from(KIB);
        (u32::try_from(rate).unwrap(), u32::try_from(mean).unwrap())
    }

    fn step(&mut self) -> u32 {
        let at = Timestamp::from_micros(self.now);
        while self.back.front().is_some_and(|(when, _)| *when <= self.now) {
            let (_, n) = self.back.pop_front().unwrap();
            self.out -= n;
            self.flight.given_back(1, n, self.out, at);
        }
        let most = if self.idle { PACKET } else { self.peer.window };
        while self.out < most.min(self.flight.limit()) {
            let n = PACKET.min(self.peer.window - self.out);
            self.out += n;
            let full = self.out >= self.flight.limit() || self.out == self.peer.window;
            self.flight.sent(1, self.out, full, at);
            self.there.push_back((self.now + self.peer.rtt / 2, n));
        }
        while self.there.front().is_some_and(|(when, _)| *when <= self.now) {
            self.queued += self.there.pop_front().unwrap().1;
        }
        let each = u64::from(self.peer.rate) * u64::from(MIB) * STEP / 1_000_000;
        let taken = self.queued.min(u32::try_from(each).unwrap());
        self.queued -= taken;
        self.taken += taken;
        if self.taken >= self.peer.grain {
            self.back.push_back((self.now + self.peer.rtt / 2, core::mem::take(&mut self.taken)));
        }
        self.now += STEP;
        taken
    }
}

fn openssh(rtt: u64, rate: u32) -> Peer {
    Peer { rtt, rate, grain: 96 * KIB + 1, window: 2 * MIB }
}

#[test]
fn what_waits_at_a_peer_that_is_slower_than_we_are_is_little() {
    for rate in [100, 400, 1000] {
        let mut path = Path::new(openssh(100, rate));
        let first = path.run(100);
        let (through, waits) = path.run(1000);
        assert!(through >= rate - rate / 8, "{rate}: {through} after {first:?}");
        assert!(waits <= 512 + 32, "{rate}: {waits} KiB wait");
    }
}

#[test]
fn a_long_wire_stays_as_full_as_the_window_allows() {
    for rtt in [20_000, 50_000, 200_000] {
        let limited = u32::try_from(2_000_000 / rtt).unwrap();
        let mut path = Path::new(openssh(rtt, 1000));
        path.run(2000);
        let (through, _) = path.run(5000);
        assert!(through >= limited - limited / 8, "{rtt}: {through} of {limited}");
    }
}

#[test]
fn a_wire_that_becomes_longer_is_filled_again() {
    let mut path = Path::new(openssh(1000, 400));
    path.run(2000);
    let before = path.flight.limit();
    path.peer.rtt = 40_000;
    path.run(2000);
    let (through, _) = path.run(2000);
    assert!(before <= MIB, "{before}");
    assert!(through >= 42, "{through} of 50 MiB/s");
}

#[test]
fn a_peer_that_becomes_faster_is_kept_busy() {
    let mut path = Path::new(openssh(200, 50));
    path.run(2000);
    path.peer.rate = 1000;
    path.run(1000);
    let (through, _) = path.run(1000);
    assert!(through >= 850, "{through}");
}

/// What a slow reader had the limit come to is not what a quick one gets, on a long path either.
#[test]
fn a_reader_that_becomes_faster_far_away_is_kept_busy() {
    for (rtt, slow) in [(100_000, 1), (100_000, 2), (100_000, 4), (30_000, 3), (200_000, 1)] {
        let mut path = Path::new(openssh(rtt, slow));
        path.run(30_000);
        path.peer.rate = 1000;
        path.run(10_000);
        let most = u32::try_from(2_000_000 / rtt).unwrap();
        let (through, _) = path.run(5000);
        assert!(through >= most - most / 5 - 1, "{rtt} {slow}: {through} of {most}");
    }
}

#[test]
fn large_parts_given_back_keep_the_limit_above_twice_of_them() {
    for grain in [512 * KIB, MIB, 2 * MIB] {
        let mut path = Path::new(Peer { grain, ..openssh(100, 300) });
        path.run(1000);
        let limit = path.flight.limit();
        assert!(limit >= (2 * grain).min(2 * MIB), "{grain}: {limit}");
        assert!(path.run(1000).0 >= 200, "{grain}");
    }
}

#[test]
fn whoever_sends_little_is_not_limited() {
    let mut path = Path::new(Peer { grain: 1, ..openssh(1000, 400) });
    path.idle = true;
    path.run(2000);
    assert_eq!(path.flight.limit(), u32::MAX);
}

#[test]
fn a_pause_ends_a_trial_and_is_not_held_against_what_follows() {
    for trial in [Trial::Less { rate: 9, limit: MIB }, Trial::More { rate: 9, limit: MIB }] {
        let mut flight = Flight::with_limit(3 * MIB);
        flight.trial = trial;
        flight.given_back(1_u8, 1, 0, Timestamp::from_micros(0));
        flight.sent(1, 1, false, Timestamp::from_micros(20_000));
        assert_eq!((flight.limit, flight.trial), (3 * MIB, trial), "as long as a period");
        flight.sent(1, 1, false, Timestamp::from_micros(40_001));
        assert_eq!((flight.limit, flight.trial), (MIB, Trial::Steady));
        assert_eq!((flight.begun.as_micros(), flight.given), (40_001, 0));
    }
}

#[test]
fn a_channel_that_sends_in_bursts_keeps_its_limit() {
    let mut path = Path::new(openssh(100, 400));
    path.run(1000);
    let limit = path.flight.limit();
    for _ in 0..5 {
        path.now += 1_000_000;
        path.run(300);
        assert!(path.flight.limit() <= 2 * limit, "{}", path.flight.limit());
    }
}

/// Every state of a trial by what a period brought: as the table in the module's head says.
#[test]
fn each_verdict_of_each_trial() {
    let delay = Duration::from_millis(2);
    let at = Timestamp::from_micros(10_000_000);
    let less = |rate, limit| Trial::Less { rate, limit: limit * KIB };
    let more = |rate, limit| Trial::More { rate, limit: limit * KIB };
    let rows = [
        (Trial::Steady, 1000, less(1000, 2000), 600),
        (Trial::Steady, 749, more(749, 2000), 4000),
        (Trial::Steady, 750, less(1000, 2000), 600),
        (less(1000, 1000), 875, less(1000, 2000), 600),
        (less(1000, 1000), 874, Trial::Steady, 1000),
        (more(1000, 1000), 1126, more(1126, 2000), 4000),
        (more(1000, 1000), 1125, Trial::Steady, 1000),
    ];
    for (trial, rate, then, limit) in rows {
        let mut flight = Flight::<u8>::new();
        // Fades to 1000 in this period.
        flight.rate = 1015;
        flight.limit = 2000 * KIB;
        flight.peak = 1200 * KIB;
        flight.grain = 96 * KIB;
        flight.delay_least = Some(Duration::from_millis(1) - Duration::from_micros(1));
        flight.trial = trial;
        flight.judge(rate, delay, at);
        assert_eq!((flight.trial, flight.limit), (then, limit * KIB), "{trial:?} {rate}");
        assert_eq!(flight.settling, limit != 2000, "{trial:?} {rate}");
    }
}

#[test]
fn more_is_tried_at_the_limit_where_nothing_waits() {
    let tried = |peak: u32, delay: u64, next: u64| {
        let mut flight = Flight::<u8>::with_limit(MIB);
        flight.rate = 1000;
        flight.peak = peak;
        flight.delay_least = Some(Duration::from_millis(1));
        flight.next_trial = Timestamp::from_micros(next);
        flight.judge(1000, Duration::from_millis(delay), Timestamp::from_micros(9));
        flight.limit
    };
    assert_eq!(tried(MIB, 2, 9), 2 * MIB);
    assert_eq!(tried(MIB - 1, 2, 9), MIB, "it was not held");
    assert_eq!(tried(MIB, 2, 10), MIB, "it was tried just now");
    assert_eq!(tried(MIB, 3, 10), MIB, "something waits");
}

/// What a period has to have seen for its rate to say anything: a channel that was kept from
/// sending, or one that always had a quarter of its most on its way.
#[test]
fn a_period_in_which_the_channel_ran_dry_is_not_judged() {
    for (full, low, judged) in [(true, 0, true), (false, 25, true), (false, 24, false)] {
        let mut flight = Flight::<u8>::with_limit(2 * MIB);
        flight.trial = Trial::Less { rate: 0, limit: 3 * MIB };
        (flight.full, flight.low, flight.peak) = (full, low, 100);
        flight.period_is_over(FLIGHT_PERIOD, Duration::ZERO, Timestamp::from_micros(0));
        assert_eq!(flight.limit, if judged { 2 * MIB } else { 3 * MIB }, "{full} {low}");
    }
}

#[test]
fn a_period_ends_after_four_delays_and_forgets_what_it_saw() {
    let mut flight = Flight::<u8>::new();
    let at = Timestamp::from_micros;
    flight.delay = Some(Duration::from_millis(10));
    flight.sent(1, 9, true, at(1));
    flight.sent(1, 9, false, at(1));
    assert_eq!(flight.seen(), (true, at(0)), "full stays full");
    flight.given_back(1, 5, 4, at(39_999));
    assert_eq!((flight.seen(), flight.given), ((true, at(0)), 5));
    flight.given_back(1, 4, 0, at(40_000));
    assert_eq!((flight.seen(), flight.given), ((false, at(40_000)), 0));
}

#[test]
fn a_mark_that_does_not_come_back_is_replaced() {
    let mut flight = Flight::new();
    let micros = u64::try_from(FLIGHT_PATIENCE_MAX.as_micros()).unwrap();
    flight.sent(1_u8, LEAST, false, Timestamp::from_micros(0));
    for (now, channel) in [(micros, 1), (micros + 1, 2)] {
        flight.sent(2, LEAST, false, Timestamp::from_micros(now));
        assert_eq!(flight.mark.unwrap().channel, channel);
    }
}

#[test]
fn past_the_largest_window_there_is_no_limit() {
    let after = |limit| {
        let mut flight = Flight::<u8>::with_limit(limit);
        flight.rate = 1000;
        flight.judge(1, Duration::ZERO, Timestamp::from_micros(0));
        flight.limit
    };
    assert_eq!(after(WINDOW_BYTES_MAX / 2), WINDOW_BYTES_MAX);
    assert_eq!(after(WINDOW_BYTES_MAX / 2 + 1), u32::MAX);
    assert_eq!(after(WINDOW_BYTES_MAX), WINDOW_BYTES_MAX, "as good as none");
}

#[test]
fn a_lost_trial_is_waited_for_twice_as_long_each_time() {
    let mut flight = Flight::<u8>::new();
    let at = Timestamp::from_micros(0);
    let waits: Vec<Duration> = (0..7)
        .map(|_| {
            flight.trial = Trial::Less { rate: 100, limit: MIB };
            flight.judge(10, Duration::ZERO, at);
            flight.next_trial.since(at)
        })
        .collect();
    let millis = [200, 400, 800, 1600, 3200, 5000, 5000].map(Duration::from_millis);
    assert_eq!(waits, millis);
}
