//! Bounds of memory and of answers, with peers that ask and do not read.

use crate::fight::{Fight, SIDES};
use tssh_connection::messages::{
    ChannelClose, ChannelData, ChannelOpen, ChannelOpenFailure, ChannelRequestMsg,
    GlobalRequestMsg, OpenFailure,
};
use tssh_connection::{ChannelEvent, OpenKind, limits};
use tssh_transport::messages::transport::{Debug, Ignore, Ping, Unimplemented};
use tssh_transport::wire::Message;
use tssh_transport::{Error, Side};

/// The payload of the nth message of a flood.
type Payload = fn(u32) -> Vec<u8>;

fn session(number: u32) -> Vec<u8> {
    ChannelOpen::new(b"session", number, 1 << 20, 1 << 15, b"").payload()
}

/// Sends the same again and again to a stack whose answers nobody reads, until it stops reading
/// or ends the connection. Gives how often, and the error.
fn flood(
    fight: &mut Fight,
    most: usize,
    payload: impl Fn(u32) -> Vec<u8>,
) -> (usize, Option<Error>) {
    fight.deaf = true;
    for n in 0..most {
        if let Err(error) = fight.send(&payload(n as u32)) {
            return (n, Some(error));
        }
        assert!(fight.victim.transmit().len() < 1024 * 1024, "what waits is bounded");
        if !fight.victim.wants_read() {
            return (n, None);
        }
    }
    (most, None)
}

#[test]
fn opens_beyond_the_limit_are_refused_and_the_rest_lives() {
    let mut fight = Fight::connected(Side::Server);
    let most = limits::CHANNELS_MAX as u32;
    for number in 0..most + 10 {
        fight.send(&session(number)).unwrap();
    }
    let opened = fight.channel_events().len();
    assert!((5000..=limits::CHANNELS_MAX).contains(&opened), "{opened}");
    assert_eq!(fight.victim.channel_count(), opened);
    assert_eq!(fight.raw.payloads.len(), most as usize + 10 - opened);
    for payload in fight.raw.payloads.drain(..) {
        let refusal = ChannelOpenFailure::decode(&payload).unwrap();
        assert_eq!(refusal.reason_code, OpenFailure::ResourceShortage.code());
        assert!(refusal.recipient_channel >= opened as u32);
    }
    fight.say(&Ping::new(b"alive")).unwrap();
    assert_eq!(fight.raw.numbers(), [193]);
}

/// Opened and closed at once, again and again: nothing is left of any of them.
#[test]
fn churn_of_channels_leaves_nothing_behind() {
    let mut fight = Fight::connected(Side::Server);
    for number in 0..20_000 {
        fight.send(&session(number)).unwrap();
        let events = fight.channel_events();
        let [ChannelEvent::OpenRequest { channel, .. }] = events[..] else { panic!("{events:?}") };
        fight.victim.accept_open(channel).unwrap();
        fight.run().unwrap();
        fight.say(&ChannelClose::new(channel.number())).unwrap();
        assert_eq!(channel.number(), 0, "numbers are used again");
        assert_eq!(fight.victim.channel_count(), 0);
        fight.events.clear();
    }
    assert_eq!(fight.raw.numbers(), [91, 97].repeat(20_000));
}

/// Refusals, failures and echoes that nobody reads: the stack stops reading.
#[test]
fn a_peer_that_asks_and_does_not_read_is_not_read_either() {
    let floods: [(&str, Payload); 6] = [
        ("opens", |n| ChannelOpen::new(b"nothing", n, 1, 1, b"").payload()),
        ("keepalives", |_| GlobalRequestMsg::new(b"keepalive@openssh.com", true, b"").payload()),
        ("unknown requests", |_| GlobalRequestMsg::new(b"x", true, b"").payload()),
        ("unknown messages", |_| vec![200]),
        ("pings", |_| Ping::new(&[0; 16]).payload()),
        ("large pings", |_| Ping::new(&[0; 30_000]).payload()),
    ];
    for side in SIDES {
        for (name, payload) in floods {
            let mut fight = Fight::connected(side);
            let (n, error) = flood(&mut fight, 100_000, payload);
            println!("{side:?}, {name}: stopped after {n}, {error:?}");
            assert!(n < 100_000 && error.is_none(), "{name}: {n}, {error:?}");
            fight.deaf = false;
            fight.collect();
            fight.run().unwrap();
            fight.collect();
            assert!(fight.victim.wants_read(), "{name}: reads again once it is read");
        }
    }
}

/// Requests that wait for a decision: no more than the limit are taken.
#[test]
fn requests_without_end_wait_for_their_answers() {
    let most = limits::REQUESTS_UNANSWERED_MAX;
    let mut fight = Fight::connected(Side::Server);
    let forward =
        |_| GlobalRequestMsg::new(b"tcpip-forward", true, b"\0\0\0\x01x\0\0\0\0").payload();
    assert_eq!(flood(&mut fight, 1000, forward), (most - 1, None));
    assert_eq!(fight.channel_events().len(), most);
    // What was read already waits as well.
    fight.send(&forward(0)).unwrap();
    assert_eq!(fight.channel_events().len(), 0);
    fight.victim.reply_global(false, b"").unwrap();
    fight.run().unwrap();
    assert_eq!(fight.channel_events().len(), 1, "an answer makes room for a request");
    assert!(!fight.victim.wants_read());

    let mut fight = Fight::connected(Side::Server);
    let (channel, _) = fight.channel(&OpenKind::Session, 1000, 1000);
    let number = channel.number();
    let env =
        move |_| ChannelRequestMsg::new(number, b"env", true, b"\0\0\0\x01a\0\0\0\x01b").payload();
    assert_eq!(flood(&mut fight, 1000, env), (most - 1, None));
    assert_eq!(fight.channel_events().len(), most);
    fight.victim.close(channel).unwrap();
    fight.run().unwrap();
    assert!(fight.victim.wants_read(), "after the close nobody waits for answers");
}

/// While the stack's own KEXINIT is out and the peer's is not, it must read on, and cannot
/// answer: what it owes is bounded, and going over the bound ends the connection.
#[test]
fn a_flood_while_keys_are_exchanged_ends_the_connection() {
    let owed = Error::LimitReached("replies owed during a key exchange");
    let held = Error::LimitReached("replies held back during a key exchange");
    let floods: [(Error, Payload); 3] = [
        (owed.clone(), |n| ChannelOpen::new(b"nothing", n, 1, 1, b"").payload()),
        (owed, |_| GlobalRequestMsg::new(b"x", true, b"").payload()),
        (held, |_| Ping::new(&[0; 100]).payload()),
    ];
    for side in SIDES {
        for (expected, payload) in &floods {
            let mut fight = Fight::connected(side);
            fight.victim.request_rekey();
            fight.run().unwrap();
            fight.collect();
            assert_eq!(fight.raw.numbers(), [20]);
            let (n, error) = flood(&mut fight, 100_000, payload);
            assert_eq!(error.as_ref(), Some(expected), "after {n}");
            assert!(n <= limits::HELD_REPLIES_MAX);
            fight.deaf = false;
            fight.told(expected);
        }
    }
}

/// Below the bound a peer may ask while keys are exchanged, and is answered in order after it.
#[test]
fn what_is_asked_while_keys_are_exchanged_is_answered_after_it() {
    for side in SIDES {
        let mut fight = Fight::connected(side);
        fight.victim.request_rekey();
        fight.run().unwrap();
        fight.collect();
        for n in 0..100 {
            let open = ChannelOpen::new(b"nothing", n, 1, 1, b"").payload();
            fight.send(&open).unwrap();
            fight.say(&GlobalRequestMsg::new(b"x", true, b"")).unwrap();
            fight.say(&Ping::new(b"")).unwrap();
        }
        assert_eq!(fight.raw.numbers(), [20]);
        fight.exchange().unwrap();
        fight.run().unwrap();
        fight.collect();
        let numbers = fight.raw.numbers();
        for (number, times) in [(92, 100), (82, 100), (193, 100)] {
            assert_eq!(numbers.iter().filter(|n| **n == number).count(), times, "{number}");
        }
        fight.say(&Ping::new(b"")).unwrap();
        assert_eq!(fight.raw.numbers(), [193]);
    }
}

/// Messages that mean nothing cost nothing that lasts.
#[test]
fn noise_is_passed_over() {
    for side in SIDES {
        let mut fight = Fight::connected(side);
        for n in 0..2000 {
            fight.say(&Ignore::new(&[0; 1000])).unwrap();
            fight.say(&Debug::new(true, b"\x1b[2J", b"")).unwrap();
            fight.say(&Unimplemented::new(n)).unwrap();
            fight.events.clear();
        }
        assert!(fight.raw.payloads.is_empty());
        assert!(fight.victim.wants_read());
    }
}

/// Data for a consumer that does not read is bounded by the window, and only its channel waits.
#[test]
fn a_consumer_that_does_not_read_holds_no_more_than_its_window() {
    let mut fight = Fight::connected(Side::Server);
    let (slow, _) = fight.channel(&OpenKind::Session, 1000, 1000);
    fight.accepts = 0;
    let data = vec![0; 32_768];
    let sent = (0..1000).take_while(|_| fight.say(&ChannelData::new(slow.number(), &data)).is_ok());
    let sent = sent.count() * data.len();
    assert_eq!(sent, limits::WINDOW_FIRST_BYTES as usize, "then it ends");
    assert!(fight.raw.payloads.iter().all(|payload| payload[0] != 93), "no credit");
}
