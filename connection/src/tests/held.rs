//! Channels at the limit of what may be on their way.

use super::support::*;
use crate::channel::ChannelKey;
use crate::event::Stream;
use crate::flight::Flight;
use crate::limits::{FLIGHT_BYTES_LEAST, FLIGHT_LEAVE, FLIGHT_LOOK, FLIGHT_SHARED, FLIGHT_WAIT};
use crate::messages::ChannelWindowAdjust;
use std::time::Duration;
use std::vec;
use tssh_transport::{Side, Timestamp};

const MIB: u32 = 1 << 20;
const LIMIT: u32 = FLIGHT_BYTES_LEAST;
const START: Timestamp = Timestamp::from_micros(1_000_000);

/// A channel that has had company just now.
fn limited() -> (End, ChannelKey) {
    let mut end = End::new(Side::Client);
    end.now = START;
    end.c.flight = Flight::with_limit(LIMIT);
    let key = end.open(direct(), 9, 2 * MIB, 32 * 1024);
    end.c.shared = Some(START);
    (end, key)
}

/// Sends as much as may be; gives the bytes.
fn send(end: &mut End, key: ChannelKey) -> u32 {
    let mut source = [(key, vec![7; 4 << 20].into())].into();
    end.c.want_send(key, Stream::Data);
    let sent = end.send_all(&mut source);
    end.out.packets.clear();
    u32::try_from(sent).unwrap() * 32 * 1024
}

fn give_back(end: &mut End, key: ChannelKey, n: u32, now: Timestamp) {
    end.now = now;
    end.message(&ChannelWindowAdjust::new(key.number(), n)).unwrap();
}

#[test]
fn a_channel_at_the_limit_goes_on_with_what_is_given_back() {
    let (mut end, key) = limited();
    assert_eq!(send(&mut end, key), LIMIT);
    assert_eq!(send(&mut end, key), 0);
    give_back(&mut end, key, 3 * 32 * 1024, START);
    assert_eq!(send(&mut end, key), 3 * 32 * 1024);
    // One that has nothing on its way is not held by another one's limit.
    let other = end.open(direct(), 10, 2 * MIB, 32 * 1024);
    assert_eq!(send(&mut end, other), LIMIT);
}

#[test]
fn a_channel_that_sends_alone_has_no_limit_until_another_one_sends() {
    let (mut end, key) = limited();
    let other = end.open(direct(), 10, 2 * MIB, 32 * 1024);
    end.c.shared = None;
    assert_eq!(send(&mut end, key), 2 * MIB);
    give_back(&mut end, key, MIB, START);
    end.c.want_send(other, Stream::Data);
    let mut byte = [(other, vec![7].into())].into();
    assert_eq!(end.send_all(&mut byte), 1);
    assert_eq!(send(&mut end, key), 0, "a megabyte is on its way");
    // It is the one that sends now, and that is a change too.
    end.c.now = START.after(FLIGHT_SHARED);
    assert_eq!(send(&mut end, key), 32 * 1024);
    end.c.now = end.c.now.after(FLIGHT_SHARED);
    assert_eq!(send(&mut end, key), MIB - 32 * 1024);
}

#[test]
fn a_channel_that_hears_nothing_at_the_limit_is_let_go() {
    let (mut end, key) = limited();
    let due = START.after(FLIGHT_WAIT);
    assert_eq!((send(&mut end, key), end.c.look_at_held), (LIMIT, Some(due)));
    end.now = START.after(FLIGHT_LOOK * 2);
    let later = end.open(direct(), 10, 2 * MIB, 32 * 1024);
    send(&mut end, later);
    end.c.let_go(Timestamp::from_micros(due.as_micros() - 1));
    assert_eq!(send(&mut end, key), 0);
    end.c.let_go(due);
    assert_eq!(send(&mut end, key), 2 * MIB - LIMIT, "all of its window");
    assert_eq!(send(&mut end, later), 0, "it has waited for less");
    let next = end.now.after(FLIGHT_WAIT);
    assert_eq!(end.c.look_at_held, Some(next));
    end.c.let_go(next.after(FLIGHT_LOOK));
    assert_eq!(end.c.look_at_held, None);
    assert_eq!(send(&mut end, later), 2 * MIB - LIMIT);
}

#[test]
fn what_keeps_a_channel_from_sending_is_limit_or_window() {
    let part = |window, bytes: usize| {
        let (mut end, _) = limited();
        let key = end.open(direct(), 10, window, 32 * 1024);
        end.c.want_send(key, Stream::Data);
        let mut source = [(key, vec![7; bytes].into())].into();
        end.send_all(&mut source);
        end.c.flight.seen().0
    };
    let limit = LIMIT as usize;
    assert!(part(2 * MIB, limit) && !part(2 * MIB, limit - 1));
    assert!(part(1000, 1000) && !part(1000, 999));
}

#[test]
fn only_time_in_which_the_limit_counts_is_measured() {
    let (mut end, key) = limited();
    for (shared, begun) in [(Some(START), Timestamp::from_micros(0)), (None, START)] {
        send(&mut end, key);
        end.c.flight = Flight::with_limit(LIMIT);
        end.c.shared = shared;
        give_back(&mut end, key, 1, START);
        assert_eq!(end.c.flight.seen().1, begun);
    }
}

#[test]
fn channels_are_let_go_together() {
    let (mut end, key) = limited();
    send(&mut end, key);
    end.now = START.after(Duration::from_micros(1));
    let later = end.open(direct(), 10, 2 * MIB, 32 * 1024);
    send(&mut end, later);
    let due = START.after(FLIGHT_WAIT);
    end.c.let_go(due);
    assert_eq!(end.c.look_at_held, Some(due.after(FLIGHT_LOOK)));
}

/// A peer that gives back late, and less than what is above the limit, and then nothing: nobody
/// may wait for the other.
#[test]
fn a_channel_that_is_still_at_the_limit_waits_anew_and_not_for_ever() {
    for given in [1, MIB] {
        let (mut end, key) = limited();
        send(&mut end, key);
        end.c.let_go(START.after(FLIGHT_WAIT));
        assert_eq!(send(&mut end, key), 2 * MIB - LIMIT);
        // Whatever comes in the time of leave may be used.
        let soon = START.after(FLIGHT_LEAVE);
        give_back(&mut end, key, 32 * 1024, soon);
        end.c.shared = Some(soon);
        assert_eq!(send(&mut end, key), 32 * 1024);
        let late = soon.after(FLIGHT_LEAVE);
        end.c.shared = Some(late);
        give_back(&mut end, key, given, late);
        assert_eq!((send(&mut end, key), end.c.look_at_held), (0, Some(late.after(FLIGHT_WAIT))));
        end.c.let_go(late.after(FLIGHT_WAIT));
        assert!(send(&mut end, key) > 0);
    }
}

/// A peer that makes a window smaller gives back a part of it never.
#[test]
fn what_a_peer_keeps_back_is_waited_for_once() {
    let (mut end, key) = limited();
    assert_eq!(send(&mut end, key), LIMIT);
    end.c.let_go(START.after(FLIGHT_WAIT));
    assert_eq!(send(&mut end, key), 2 * MIB - LIMIT);
    let late = START.after(FLIGHT_WAIT).after(FLIGHT_LEAVE);
    give_back(&mut end, key, 2 * MIB - LIMIT, late);
    end.c.shared = Some(late);
    assert_eq!(send(&mut end, key), LIMIT, "nothing is on its way any more");
    assert_eq!(send(&mut end, key), 0);
}

#[test]
fn a_limit_that_falls_below_what_is_on_its_way_is_waited_at_too() {
    let (mut end, key) = limited();
    end.c.flight = Flight::with_limit(2 * MIB);
    send(&mut end, key);
    give_back(&mut end, key, MIB, START);
    end.c.want_send(key, Stream::Data);
    assert_eq!(end.c.look_at_held, None);
    end.c.flight = Flight::with_limit(LIMIT);
    assert_eq!(end.c.next_turn(&end.out), None);
    assert_eq!(end.c.look_at_held, Some(START.after(FLIGHT_WAIT)));
}

#[test]
fn what_comes_back_of_a_window_that_grows_says_nothing_of_the_delay() {
    for (given, known) in [(LIMIT, true), (LIMIT + 1, false)] {
        let (mut end, key) = limited();
        send(&mut end, key);
        give_back(&mut end, key, given, START.after(FLIGHT_LOOK));
        assert_eq!(end.c.flight.least_delay(), known.then_some(FLIGHT_LOOK));
    }
}

#[test]
fn a_channel_that_is_gone_or_has_nothing_to_send_is_not_waited_for() {
    let (mut end, key) = limited();
    end.c.want_send(key, Stream::Data);
    let mut exact = [(key, vec![7; 512 * 1024].into())].into();
    end.send_all(&mut exact);
    end.out.packets.clear();
    let wait = end.c.look_at_held.unwrap();
    end.c.free(key);
    end.c.let_go(wait);
    assert_eq!(end.c.look_at_held, None);
    let idle = end.open(direct(), 9, 2 * MIB, 32 * 1024);
    give_back(&mut end, idle, 1, START);
    assert_eq!(end.c.look_at_held, None);
}
