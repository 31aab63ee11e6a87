//! Every message number at every moment, to both sides: what each cell comes to is written here,
//! and compared with what the stack does.

use crate::fight::{Fight, SIDES, Setup};
use crate::raw::Raw;
use tssh_connection::Event;
use tssh_transport::Side;
use tssh_transport::messages::transport::{ServiceAccept, ServiceRequest, Unimplemented};
use tssh_transport::wire::Message;

/// When the message comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// In clear, before the KEXINIT.
    Greeted,
    /// In clear, behind a KEXINIT that asks for strict key exchange.
    Strict,
    /// In clear, behind one that does not.
    Lenient,
    /// In clear, where NEWKEYS is due.
    KeysDue,
    /// Behind NEWKEYS.
    Exchanged,
    /// Behind the service request or its answer.
    Served,
    /// Logged in.
    Connected,
    /// Logged in, the peer exchanges keys.
    PeerExchanges,
    /// Logged in, the stack wants new keys, and the peer has not said anything yet.
    StackExchanges,
}

use Moment as M;

const MOMENTS: [Moment; 9] = [
    M::Greeted,
    M::Strict,
    M::Lenient,
    M::KeysDue,
    M::Exchanged,
    M::Served,
    M::Connected,
    M::PeerExchanges,
    M::StackExchanges,
];

impl Moment {
    fn begin(self, side: Side) -> Fight {
        if matches!(self, M::Connected | M::PeerExchanges | M::StackExchanges) {
            let mut fight = Fight::connected(side);
            if self == M::PeerExchanges {
                let kexinit = fight.raw.kexinit();
                fight.send(&kexinit).unwrap();
            }
            if self == M::StackExchanges {
                fight.victim.request_rekey();
                fight.run().unwrap();
                fight.collect();
            }
            return fight;
        }
        let lenient = self == M::Lenient;
        let setup = if lenient { Setup::lenient(side) } else { Setup::new(side) };
        if matches!(self, M::Exchanged | M::Served) {
            let mut fight = Fight::exchanged(&setup);
            match side {
                _ if self == M::Exchanged => {}
                Side::Server => fight.say(&ServiceRequest::new(b"ssh-userauth")).unwrap(),
                Side::Client => fight.say(&ServiceAccept::new(b"ssh-userauth")).unwrap(),
            }
            return fight;
        }
        let mut fight = Fight::new(&setup);
        fight.feed(&Raw::hello()).unwrap();
        if self != M::Greeted {
            let kexinit = fight.raw.kexinit();
            fight.send(&kexinit).unwrap();
        }
        if self == M::KeysDue {
            let message = match side {
                Side::Server => fight.raw.share(),
                Side::Client => fight.raw.reply.take().unwrap(),
            };
            fight.send(&message).unwrap();
        }
        fight
    }

    const fn logged_in(self) -> bool {
        matches!(self, M::Connected | M::PeerExchanges | M::StackExchanges)
    }
}

/// What a message comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The connection ends.
    Ends,
    /// SSH_MSG_UNIMPLEMENTED with its sequence number, and nothing else.
    Unimplemented,
    /// It is handled, passed over, or ends the connection for what stands in it.
    Handled,
}

/// The table. Numbers that no RFC and no extension of ours assigns are unimplemented wherever
/// anything but a key exchange may come, and end the connection elsewhere.
fn fate(moment: Moment, side: Side, number: u8) -> Fate {
    let assigned = matches!(number, 1..=7 | 20..=21 | 30..=53 | 60..=82 | 90..=100 | 192..=193);
    match (moment, number) {
        (M::KeysDue, 21) => Fate::Handled,
        (M::Strict | M::KeysDue, _) => Fate::Ends,
        (M::Greeted | M::Lenient | M::PeerExchanges, _) if !assigned => Fate::Ends,
        // The answer waits behind our exchange.
        (M::StackExchanges, _) if !assigned => Fate::Handled,
        _ if !assigned => Fate::Unimplemented,
        (_, 1..=4 | 20..=21) => Fate::Handled,
        (M::Lenient | M::PeerExchanges, 30..=49) => Fate::Handled,
        (M::Greeted | M::Lenient | M::PeerExchanges, _) => Fate::Ends,
        (_, 30..=49) => Fate::Ends,
        (M::Exchanged | M::Served, 7 | 192..=193) => Fate::Handled,
        (M::Exchanged | M::Served, 62..=79) => Fate::Unimplemented,
        (M::Exchanged | M::Served, 80..) => Fate::Ends,
        (M::Exchanged | M::Served, _) => {
            let for_servers = matches!(number, 5 | 50 | 61);
            if for_servers == (side == Side::Server) { Fate::Handled } else { Fate::Ends }
        }
        (_, 80..) => Fate::Handled,
        // Late requests to log in are passed over.
        (_, 50) if side == Side::Server => Fate::Handled,
        _ => Fate::Ends,
    }
}

/// Sends one message; whether the fight can go on with another.
fn cell(moment: Moment, side: Side, fight: &mut Fight, payload: &[u8]) -> bool {
    let expected = fate(moment, side, payload[0]);
    let sequence = fight.raw.sent;
    fight.events.clear();
    fight.raw.payloads.clear();
    let outcome = fight.send(payload);
    let context = || format!("{moment:?} {side:?} {payload:?}: {outcome:?}, not {expected:?}");
    match expected {
        Fate::Ends => assert!(outcome.is_err(), "{}", context()),
        Fate::Unimplemented => {
            assert_eq!(outcome, Ok(()), "{}", context());
            let answer = Unimplemented::new(sequence).payload();
            assert_eq!(fight.raw.payloads, [answer], "{}", context());
            let quiet = fight.events.iter().all(|event| matches!(event, Event::Note(_)));
            assert!(quiet, "{}", context());
        }
        Fate::Handled => {}
    }
    // Behind NEWKEYS of its own the stack says farewell with keys that the peer lacks.
    if let Err(error) = &outcome
        && error.disconnect_reason().is_some()
        && moment != M::KeysDue
    {
        fight.told(error);
    }
    // A server may well say that a request to log in has succeeded.
    let success = (moment, side, payload) == (M::Served, Side::Client, &[52]);
    if !moment.logged_in() && !success {
        fight.nothing_granted();
    }
    // Whatever was handled may have changed the moment.
    outcome.is_ok() && expected == Fate::Unimplemented
}

/// 9 moments, both sides, 256 numbers, three bodies each.
#[test]
fn every_number_at_every_moment_has_its_fate() {
    let mut cells = 0;
    for side in SIDES {
        for moment in MOMENTS {
            let mut fight = None;
            for number in 0..=255 {
                for body in [&[][..], &[0; 40], &[0xff; 40]] {
                    let payload = [&[number], body].concat();
                    let mut now = fight.take().unwrap_or_else(|| moment.begin(side));
                    if cell(moment, side, &mut now, &payload) {
                        fight = Some(now);
                    }
                    cells += 1;
                }
            }
        }
    }
    assert_eq!(cells, 2 * 9 * 256 * 3);
}
