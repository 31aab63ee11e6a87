//! Channels at the limit of what may be on their way.

use super::support::*;
use crate::channel::ChannelKey;
use crate::event::Stream;
use crate::flight::Flight;
use crate::limits::{FLIGHT_BYTES_LEAST, FLIGHT_WAIT};
use crate::messages::ChannelWindowAdjust;
use std::vec;
use tssh_transport::{Side, Timestamp};

const MIB: u32 = 1 << 20;
const LIMIT: u32 = FLIGHT_BYTES_LEAST;

fn limited() -> (End, ChannelKey) {
    let mut end = End::new(Side::Client);
    end.c.flight = Flight::with_limit(LIMIT);
    let key = end.open(direct(), 9, 2 * MIB, 32 * 1024);
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

fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros)
}

#[test]
fn a_channel_at_the_limit_goes_on_with_what_is_given_back() {
    let (mut end, key) = limited();
    assert_eq!(send(&mut end, key), LIMIT);
    assert_eq!(send(&mut end, key), 0);
    end.message(&ChannelWindowAdjust::new(key.number(), 3 * 32 * 1024)).unwrap();
    assert_eq!(send(&mut end, key), 3 * 32 * 1024);
    // One that has nothing on its way is not held by another one's limit.
    let other = end.open(direct(), 10, 2 * MIB, 32 * 1024);
    assert_eq!(send(&mut end, other), LIMIT);
}

#[test]
fn a_channel_that_hears_nothing_at_the_limit_is_let_go() {
    let (mut end, key) = limited();
    let wait = u64::try_from(FLIGHT_WAIT.as_micros()).unwrap();
    assert_eq!((send(&mut end, key), end.c.look_at_held), (LIMIT, Some(at(wait))));
    end.now = at(1000);
    let later = end.open(direct(), 10, 2 * MIB, 32 * 1024);
    send(&mut end, later);
    end.c.let_go(at(wait - 1));
    assert_eq!(send(&mut end, key), 0);
    end.c.let_go(at(wait));
    assert_eq!(send(&mut end, key), 2 * MIB - LIMIT, "all of its window");
    assert_eq!(send(&mut end, later), 0, "it has waited for less");
    assert_eq!(end.c.look_at_held, Some(at(wait + 1000)));
    // The peer had waited for more than the limit: from now on it gets that at once.
    end.now = at(2 * wait - 1);
    end.message(&ChannelWindowAdjust::new(key.number(), 2 * MIB)).unwrap();
    assert_eq!(send(&mut end, key), 2 * MIB);
    end.c.let_go(at(wait + 1000));
    assert_eq!(end.c.look_at_held, None);
    assert_eq!(send(&mut end, later), 2 * MIB - LIMIT);
}

#[test]
fn a_reader_that_stood_still_does_not_raise_the_limit() {
    let (mut end, key) = limited();
    let wait = u64::try_from(FLIGHT_WAIT.as_micros()).unwrap();
    send(&mut end, key);
    end.c.let_go(at(wait));
    assert_eq!(send(&mut end, key), 2 * MIB - LIMIT);
    end.now = at(2 * wait);
    end.message(&ChannelWindowAdjust::new(key.number(), 2 * MIB)).unwrap();
    assert_eq!(send(&mut end, key), LIMIT);
}

#[test]
fn a_channel_that_is_gone_is_waited_for_no_more() {
    let (mut end, key) = limited();
    send(&mut end, key);
    let wait = end.c.look_at_held.unwrap();
    end.c.free(key);
    end.c.let_go(wait);
    assert_eq!(end.c.look_at_held, None);
}
