use super::*;
use std::fmt::Debug;
use std::string::String;
use std::{format, vec::Vec};

/// All state x event pairs of one machine: those of `legal` move as listed, every other is
/// refused, no pair is listed twice, and every state but the first is reached by some row.
fn exhaustive<M: Machine + Debug>(states: &[M], events: &[M::Event], legal: &[(M, M::Event, M)])
where
    M::Event: Debug,
{
    let mut seen = 0;
    for state in states {
        for event in events {
            let expected: Vec<_> =
                legal.iter().filter(|(s, e, _)| s == state && e == event).collect();
            assert!(expected.len() <= 1, "{state:?} x {event:?} listed twice");
            let to = expected.first().map(|(_, _, to)| *to);
            assert_eq!(state.on(*event), to, "{state:?} x {event:?}");
            seen += usize::from(to.is_some());
        }
    }
    assert_eq!(seen, M::TABLE.len(), "a row names a state or event unknown to this test");
}

#[test]
fn opening_every_state_and_event() {
    use Opening::*;
    use OpeningEvent::*;
    exhaustive(
        &[Queued, Sent, Asked, Accepted, Refused, Open],
        &[Committed, Accept, Refuse, PeerConfirms],
        &[
            (Queued, Committed, Sent),
            (Sent, PeerConfirms, Open),
            (Asked, Accept, Accepted),
            (Asked, Refuse, Refused),
            (Accepted, Committed, Open),
        ],
    );
}

#[test]
fn outbound_every_state_and_event() {
    use Outbound::*;
    use OutboundEvent::*;
    exhaustive(
        &[Open, EofWanted, EofSent],
        &[Finish, Committed],
        &[
            (Open, Finish, EofWanted),
            (EofWanted, Finish, EofWanted),
            (EofWanted, Committed, EofSent),
            (EofSent, Finish, EofSent),
        ],
    );
}

#[test]
fn inbound_every_state_and_event() {
    use Inbound::*;
    use InboundEvent::*;
    exhaustive(
        &[Open, EofSeen, Drained],
        &[Data, Eof, RingEmpty],
        &[
            (Open, Data, Open),
            (Open, Eof, EofSeen),
            (EofSeen, Eof, EofSeen),
            (EofSeen, RingEmpty, Drained),
            (Drained, Eof, Drained),
        ],
    );
}

#[test]
fn closing_every_state_and_event() {
    use Closing::*;
    use ClosingEvent::*;
    exhaustive(
        &[Open, Wanted, Sent, Answer, Done],
        &[Ask, PeerCloses, Committed],
        &[
            (Open, Ask, Wanted),
            (Open, PeerCloses, Answer),
            (Wanted, Ask, Wanted),
            (Wanted, PeerCloses, Answer),
            (Wanted, Committed, Sent),
            (Sent, Ask, Sent),
            (Sent, PeerCloses, Done),
            (Answer, Ask, Answer),
            (Answer, Committed, Done),
            (Done, Ask, Done),
        ],
    );
}

fn picture<M: Machine + Debug>(name: &str) -> String
where
    M::Event: Debug,
{
    let row = |(from, event, to): &(M, M::Event, M)| {
        let from = format!("{from:?}");
        format!("//! {name}: {from:<9} --{event:?}--> {to:?}\n")
    };
    M::TABLE.iter().map(row).collect()
}

#[test]
fn the_pictures_are_those_of_the_tables() {
    let source = include_str!("halves.rs");
    for picture in [
        picture::<Opening>("Opening"),
        picture::<Outbound>("Outbound"),
        picture::<Inbound>("Inbound"),
        picture::<Closing>("Closing"),
    ] {
        assert!(source.contains(&picture), "expected in the module's text:\n{picture}");
    }
}

/// One random walk cannot leave the machines: whatever happens, a close that was seen stays seen,
/// an EOF that was sent stays sent, and no state allows CLOSE to be committed twice.
#[test]
fn walks_are_monotonic() {
    use proptest::prelude::*;
    proptest!(|(walk in proptest::collection::vec(0..3usize, 0..40))| {
        let mut state = Closing::Open;
        let mut sent = 0;
        let mut seen = 0;
        for step in walk {
            let all = [ClosingEvent::Ask, ClosingEvent::PeerCloses, ClosingEvent::Committed];
            let event = all[step];
            if let Some(next) = state.on(event) {
                sent += usize::from(event == ClosingEvent::Committed);
                seen += usize::from(event == ClosingEvent::PeerCloses);
                prop_assert!(!state.seen() || next.seen());
                state = next;
            }
            prop_assert!(sent <= 1 && seen <= 1);
            prop_assert_eq!(state == Closing::Done, sent == 1 && seen == 1);
        }
    });
}
