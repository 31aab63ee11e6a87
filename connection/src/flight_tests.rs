//! A sender, a path and a peer that takes so much a second, in steps of 50 us.

use super::*;
use crate::channel::SendWindow;
use std::collections::VecDeque;

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
    send: SendWindow,
    there: VecDeque<(u64, u32)>,
    back: VecDeque<(u64, u32)>,
    queued: u32,
    taken: u32,
    idle: bool,
}

impl Path {
    fn new(peer: Peer) -> Self {
        Self {
            send: SendWindow::new(peer.window, PACKET),
            peer,
            flight: Flight::new(),
            now: 1_000_000,
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
            let n = self.send.adjust(n).unwrap();
            let certain = !self.send.may_have_grown();
            self.flight.given_back(1, Given { n, out: self.send.out(), certain }, at);
        }
        let most = if self.idle { PACKET } else { u32::MAX };
        while self.send.next_packet() > 0 && self.send.out() < most.min(self.flight.limit()) {
            let n = self.send.next_packet();
            self.send.spend(n).unwrap();
            let out = self.send.out();
            let full = out >= self.flight.limit() || self.send.available() == 0;
            self.flight.sent(1, out, full, at);
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

fn given(n: u32, out: u32) -> Given {
    Given { n, out, certain: true }
}

fn openssh(rtt: u64, rate: u32) -> Peer {
    Peer { rtt, rate, grain: 96 * KIB + 1, window: 2 * MIB }
}

#[test]
fn what_waits_at_a_peer_that_is_slower_than_we_are_is_little() {
    // A mark has the least limit before it: half as much again, and what comes back at a time.
    let most = FLIGHT_BYTES_LEAST / KIB * 3 / 2 + 96 + PACKET / KIB;
    for (rate, most) in [(100, most), (400, most), (1000, most + 96)] {
        let mut path = Path::new(openssh(100, rate));
        let first = path.run(100);
        let (through, waits) = path.run(1000);
        assert!(through >= rate - rate / 8, "{rate}: {through} after {first:?}");
        assert!(waits <= most + 32, "{rate}: {waits} KiB wait");
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
    path.run(12_000);
    let (through, _) = path.run(2000);
    // What the path holds and what a mark had before it, half as much again, and a part.
    assert!(before <= (400 * KIB + FLIGHT_BYTES_LEAST) * 3 / 2 + 96 * KIB, "{before}");
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
    for grain in [96 * KIB, 256 * KIB, 512 * KIB, MIB - 1] {
        let mut path = Path::new(Peer { grain, ..openssh(100, 300) });
        path.run(1000);
        let limit = path.flight.limit();
        assert!(limit >= (2 * grain).min(2 * MIB), "{grain}: {limit}");
        assert!(path.run(1000).0 >= 250, "{grain}");
    }
    // By halves: as if it grew, so there is no limit.
    let mut path = Path::new(Peer { grain: MIB, ..openssh(100, 300) });
    path.run(1000);
    assert_eq!(path.flight.limit(), u32::MAX);
}

/// Our own receiver waits for 256 KiB where its window is 2 MiB, whatever other channels do.
#[test]
fn the_least_limit_is_enough_for_our_own_receiver() {
    let mut ours = crate::channel::RecvWindow::new(crate::limits::WINDOW_FIRST_BYTES);
    for _ in 0..FLIGHT_BYTES_LEAST / PACKET - 6 {
        ours.arrive(PACKET).unwrap();
        ours.consume(PACKET);
    }
    assert_eq!(ours.due(), FLIGHT_BYTES_LEAST - 6 * PACKET);
}

#[test]
fn whoever_sends_little_is_not_limited() {
    let mut path = Path::new(Peer { grain: 1, ..openssh(1000, 400) });
    path.idle = true;
    path.run(2000);
    assert_eq!(path.flight.limit(), u32::MAX);
}

#[test]
fn a_channel_that_sends_in_bursts_keeps_its_limit() {
    let mut path = Path::new(openssh(100, 400));
    path.run(1000);
    let limit = path.flight.limit();
    for _ in 0..5 {
        path.now += 1_000_000;
        path.run(300);
        let now = path.flight.limit();
        assert!((limit / 2..=2 * limit).contains(&now), "{now}");
    }
}

#[test]
fn each_state_by_what_happens_in_it() {
    let at = Timestamp::from_micros(100_000_000);
    let ago = |age: Duration| Timestamp::from_micros(at.as_micros() - age.as_micros() as u64);
    let tick = Duration::from_micros(1);
    let flight = |state, least_seen, drained_from| {
        let mut flight = Flight::<u8>::with_limit(5 * MIB);
        (flight.state, flight.least_seen, flight.drained_from) = (state, least_seen, drained_from);
        flight.rate = 1_000_000_000;
        flight.given = 20_000_000;
        flight.least = Some(Duration::from_micros(1000));
        flight.delay = Duration::from_micros(1500);
        flight.mark = Some(Mark { channel: 1, left: 1, sent: at });
        flight
    };
    // A period is over. 1000 MB/s over a millisecond, half as much again, is 1.5 MB.
    for (state, age, then, limit, seen) in [
        (State::Steady, FLIGHT_FRESH, State::Steady, 1_500_000, ago(FLIGHT_FRESH)),
        (
            State::Steady,
            FLIGHT_FRESH + tick,
            State::Drain,
            FLIGHT_BYTES_LEAST,
            ago(FLIGHT_FRESH + tick),
        ),
        (State::Drain, FLIGHT_DRAIN_MAX, State::Drain, 5 * MIB, ago(FLIGHT_DRAIN_MAX)),
        (State::Drain, FLIGHT_DRAIN_MAX + tick, State::Steady, 5 * MIB, at),
        (State::Measure, FLIGHT_DRAIN_MAX, State::Measure, 5 * MIB, ago(FLIGHT_DRAIN_MAX)),
        (State::Measure, FLIGHT_DRAIN_MAX + tick, State::Steady, 5 * MIB, at),
    ] {
        let mut flight = flight(state, ago(age), ago(age));
        flight.period_is_over(FLIGHT_PERIOD, at);
        assert_eq!(
            (flight.state, flight.limit, flight.least_seen),
            (then, limit, seen),
            "{state:?} {age:?}"
        );
        assert_eq!((flight.begun, flight.given, flight.grain), (at, 0, None));
        let drains = then == State::Drain && state == State::Steady;
        assert_eq!(flight.mark.is_none(), drains, "what is sent now is what drains");
        assert_eq!(flight.drained_from == at, drains);
    }
    // A mark comes back: what it says, whether that is certain, state and least delay then.
    for (state, micros, certain, then, least, seen) in [
        (State::Steady, 900, true, State::Steady, 900, true),
        (State::Steady, 1125, true, State::Steady, 1000, true),
        (State::Steady, 1126, true, State::Steady, 1000, false),
        (State::Steady, 900, false, State::Steady, 1000, false),
        (State::Drain, 900, true, State::Measure, 1000, false),
        (State::Measure, 900, true, State::Steady, 900, true),
        (State::Measure, 3000, true, State::Steady, 3000, true),
        (State::Measure, 900, false, State::Steady, 1000, true),
        (State::Measure, 3000, false, State::Steady, 3000, true),
    ] {
        let mut flight = flight(state, ago(tick), ago(tick));
        flight.came_back(Duration::from_micros(micros), certain, at);
        let row = (state, micros, certain);
        assert_eq!(
            (flight.state, flight.least),
            (then, Some(Duration::from_micros(least))),
            "{row:?}"
        );
        assert_eq!(flight.least_seen == at, seen, "{row:?}");
        let measured = state == State::Measure;
        assert_eq!(flight.limit, if measured { 1_500 * least as u32 } else { 5 * MIB }, "{row:?}");
        assert_eq!(flight.begun == at, measured, "{row:?}");
        let newest = if certain { micros } else { micros.max(1500) };
        assert_eq!(flight.delay, Duration::from_micros(newest), "{row:?}");
    }
}

#[test]
fn a_pause_is_not_held_against_what_follows() {
    for state in [State::Drain, State::Measure, State::Steady] {
        let mut flight = Flight::with_limit(2 * MIB);
        flight.state = state;
        flight.given_back(1_u8, given(1, 0), Timestamp::from_micros(0));
        let period = u64::try_from(flight.period().as_micros()).unwrap();
        flight.sent(1, 1, false, Timestamp::from_micros(period));
        assert_eq!((flight.state, flight.given), (state, 1), "as long as a period");
        flight.sent(1, 1, false, Timestamp::from_micros(2 * period + 1));
        assert_eq!((flight.limit, flight.state), (2 * MIB, State::Steady));
        assert_eq!((flight.begun.as_micros(), flight.given), (2 * period + 1, 0));
    }
}

/// The least delay of a queue of our own making does not stay.
#[test]
fn a_least_delay_that_was_that_of_a_queue_is_found_out() {
    let mut path = Path::new(openssh(1000, 400));
    path.run(1000);
    let right = path.flight.limit();
    path.flight.least = Some(Duration::from_millis(20));
    path.run(100);
    assert!(path.flight.limit() > MIB);
    path.run(12_000);
    assert!(path.flight.limit() <= right + right / 4, "{} {right}", path.flight.limit());
}

#[test]
fn a_rate_rises_at_once_and_falls_by_quarters_of_what_it_lost() {
    // What was measured, whether a channel was held, least and most on the way: the rate then.
    for (rate, full, low, peak, then) in [
        (1001, false, 0, 100, 1001),
        (1000, false, 0, 100, 1000),
        (600, true, 0, 100, 900),
        (600, false, 25, 100, 900),
        // It ran dry: that says nothing.
        (600, false, 24, 100, 1000),
    ] {
        let mut flight = Flight::<u8>::new();
        flight.rate = 1000;
        (flight.full, flight.low, flight.peak) = (full, low, peak);
        flight.had_rate(rate);
        assert_eq!(flight.rate, then, "{rate} {full} {low}");
    }
}

#[test]
fn a_period_ends_after_four_delays_and_forgets_what_it_saw() {
    let mut flight = Flight::<u8>::new();
    let at = Timestamp::from_micros;
    flight.delay = Duration::from_millis(10);
    flight.least = Some(flight.delay);
    flight.sent(1, 9, true, at(1));
    flight.sent(1, 9, false, at(1));
    assert_eq!(flight.seen(), (true, at(0)), "full stays full");
    flight.given_back(1, given(5, 4), at(39_999));
    assert_eq!((flight.seen(), flight.given), ((true, at(0)), 5));
    flight.given_back(1, given(4, 0), at(40_000));
    assert_eq!((flight.seen(), flight.given), ((false, at(40_000)), 0));
    assert_eq!((flight.peak, flight.low, flight.grain), (0, u32::MAX, None));
    flight.delay = Duration::from_millis(1);
    assert_eq!(flight.period(), FLIGHT_PERIOD);
}

#[test]
fn a_delay_is_that_of_the_bytes_up_to_a_mark() {
    let at = Timestamp::from_micros;
    let mut flight = Flight::<u8>::new();
    flight.sent(1, FLIGHT_BYTES_LEAST - 1, false, at(0));
    assert_eq!(flight.mark, None, "little is given back late or never");
    flight.sent(1, FLIGHT_BYTES_LEAST, false, at(10));
    flight.sent(1, FLIGHT_BYTES_LEAST * 2, false, at(20));
    flight.given_back(2, given(MIB, 0), at(30));
    flight.given_back(1, given(FLIGHT_BYTES_LEAST - 1, 0), at(40));
    assert_eq!(flight.least, None);
    flight.given_back(1, given(1, 0), at(50));
    assert_eq!((flight.least, flight.mark), (Some(Duration::from_micros(40)), None));
    // A shorter one takes its place, a longer one is only the newest.
    for (sent, back, least) in [(100, 200, 40), (300, 330, 30)] {
        flight.sent(1, FLIGHT_BYTES_LEAST, false, at(sent));
        flight.given_back(1, given(MIB, 0), at(back));
        assert_eq!(flight.least, Some(Duration::from_micros(least)));
        assert_eq!(flight.delay, Duration::from_micros(back - sent));
    }
    // Too late to say anything.
    flight.sent(1, FLIGHT_BYTES_LEAST, false, at(400));
    let delay = flight.delay;
    flight.given_back(1, given(MIB, 0), at(401).after(FLIGHT_DELAY_MAX));
    assert_eq!((flight.delay, flight.mark), (delay, None));
}

#[test]
fn parts_count_that_come_back_of_a_channel_that_the_limit_can_reach() {
    let mut flight = Flight::<u8>::new();
    let at = Timestamp::from_micros(0);
    flight.given_back(1, given(1, FLIGHT_BYTES_LEAST - 2), at);
    assert_eq!(flight.grain, None);
    for (n, grain) in [(9, 9), (7, 7), (8, 7)] {
        flight.given_back(1, given(n, FLIGHT_BYTES_LEAST - n), at);
        assert_eq!(flight.grain, Some(grain));
    }
}

#[test]
fn a_mark_that_does_not_come_back_is_replaced() {
    let mut flight = Flight::new();
    let micros = u64::try_from(FLIGHT_DELAY_MAX.as_micros()).unwrap();
    flight.sent(1_u8, FLIGHT_BYTES_LEAST, false, Timestamp::from_micros(0));
    for (now, channel) in [(micros, 1), (micros + 1, 2)] {
        flight.sent(2, FLIGHT_BYTES_LEAST, false, Timestamp::from_micros(now));
        assert_eq!(flight.mark.unwrap().channel, channel);
    }
    flight.forget(1);
    assert!(flight.mark.is_some());
    flight.forget(2);
    assert_eq!(flight.mark, None);
}

#[test]
fn the_limit_is_more_than_the_path_holds_within_bounds() {
    let micros = Duration::from_micros;
    for (rate, least, grain, limit) in [
        (1_000_000_000, Some(micros(500)), 1, 750_000),
        // A delay below a turn of a scheduler counts as one.
        (1_000_000_000, Some(micros(1)), 1, 675_000),
        (0, Some(micros(500)), 1, FLIGHT_BYTES_LEAST),
        (0, Some(micros(500)), FLIGHT_BYTES_LEAST, 2 * FLIGHT_BYTES_LEAST),
        (11_184_811, Some(Duration::from_secs(1)), 1, WINDOW_BYTES_MAX),
        (11_184_812, Some(Duration::from_secs(1)), 1, u32::MAX),
        (u64::MAX, Some(Duration::MAX), 1, u32::MAX),
        (1, None, 1, u32::MAX),
    ] {
        let mut flight = Flight::<u8>::new();
        (flight.rate, flight.least, flight.grain) = (rate, least, Some(grain));
        assert_eq!(flight.target(), limit, "{rate} {least:?} {grain}");
    }
}
