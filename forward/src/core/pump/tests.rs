//! Every state, every event: the table, and what must hold over all of it.

use super::*;
use std::collections::BTreeMap;
use std::fmt::Write as _;

const EVENTS: [PumpEvent; 11] = [
    PumpEvent::Opened,
    PumpEvent::OpenFailed,
    PumpEvent::ReadEnd,
    PumpEvent::ReadFailed,
    PumpEvent::WriteFailed,
    PumpEvent::PeerEof,
    PumpEvent::PeerEow,
    PumpEvent::PeerClose,
    PumpEvent::Drained,
    PumpEvent::Finish,
    PumpEvent::Deadline,
];

type Key = (End, Outbound, Inbound);

const fn key(pump: &Pump) -> Key {
    (pump.end, pump.outbound, pump.inbound)
}

/// All states that can be reached, each with one way to get there.
fn reachable(kind: Kind) -> BTreeMap<Key, (Pump, Vec<PumpEvent>)> {
    let start = Pump::opening(kind);
    let mut found = BTreeMap::from([(key(&start), (start, Vec::new()))]);
    let mut todo = vec![start];
    while let Some(pump) = todo.pop() {
        for event in EVENTS {
            let mut next = pump;
            next.step(event);
            if !found.contains_key(&key(&next)) {
                let mut path = found[&key(&pump)].1.clone();
                path.push(event);
                found.insert(key(&next), (next, path));
                todo.push(next);
            }
        }
    }
    found
}

fn table() -> String {
    let mut out = String::new();
    for kind in [Kind::Socket, Kind::Session] {
        for (pump, _) in reachable(kind).values() {
            let (end, outbound, inbound) = key(pump);
            writeln!(out, "{kind:?}: {end:?}, outbound {outbound:?}, inbound {inbound:?}").unwrap();
            for event in EVENTS {
                let mut next = *pump;
                let actions = next.step(event);
                if next == *pump && actions == Actions::default() {
                    continue;
                }
                let (e, o, i) = key(&next);
                let event = format!("{event:?}");
                let state = format!("{e:?} {o:?} {i:?}");
                writeln!(out, "  {event:<11} -> {state:<28} {actions}").unwrap();
            }
        }
    }
    out.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// The whole machine as a reader can check it; `UPDATE_TABLES=1 cargo test` writes it anew.
#[test]
fn the_table_is_as_reviewed() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/core/pump/table.txt");
    if std::env::var_os("UPDATE_TABLES").is_some() {
        std::fs::write(path, table()).unwrap();
    }
    assert_eq!(table(), std::fs::read_to_string(path).unwrap());
}

#[test]
fn over_every_path_the_channel_is_closed_once_and_nothing_follows_the_close() {
    for kind in [Kind::Socket, Kind::Session] {
        let mut paths = vec![(Pump::opening(kind), Vec::<Action>::new(), 0_usize)];
        let mut checked = 0;
        while let Some((pump, seen, depth)) = paths.pop() {
            let closes = seen.iter().filter(|a| **a == Action::Close).count();
            assert!(closes <= 1, "{kind:?}: {seen:?}");
            let after = seen.iter().skip_while(|a| **a != Action::Close).skip(1);
            for action in after {
                assert!(!matches!(action, Action::SendEof | Action::SendEow), "{seen:?}");
            }
            assert!(seen.iter().filter(|a| **a == Action::Free).count() <= 1, "{seen:?}");
            assert_eq!(pump.end == End::Over, seen.contains(&Action::Free), "{seen:?}");
            if pump.end == End::Over {
                let gone = |a: &Action| matches!(a, Action::Drop | Action::Reset);
                assert_eq!(seen.iter().filter(|a| gone(a)).count(), 1, "{seen:?}");
            }
            checked += 1;
            if depth < 5 {
                for event in EVENTS {
                    let mut next = pump;
                    let actions = next.step(event);
                    if next != pump {
                        let mut seen = seen.clone();
                        seen.extend(actions.iter());
                        paths.push((next, seen, depth + 1));
                    }
                }
            }
        }
        assert!(checked > 100);
    }
}

#[test]
fn an_end_in_one_direction_never_ends_the_other() {
    for kind in [Kind::Socket, Kind::Session] {
        let mut pump = Pump::open(kind);
        assert_eq!(pump.step(PumpEvent::ReadEnd), Actions::of(&[Action::SendEof]));
        assert!(!pump.reads() && !pump.discards() && pump.inbound == Inbound::Open);
        let mut pump = Pump::open(kind);
        assert_eq!(pump.step(PumpEvent::PeerEof), Actions::default());
        assert_eq!(pump.step(PumpEvent::Drained), Actions::of(&[Action::ShutDown]));
        assert!(pump.reads());
    }
}

#[test]
fn nothing_that_was_received_is_dropped_before_the_endpoint_took_it() {
    for kind in [Kind::Socket, Kind::Session] {
        for (pump, path) in reachable(kind).values() {
            let mut next = *pump;
            let actions = next.step(PumpEvent::PeerClose);
            if matches!(pump.inbound, Inbound::Open | Inbound::Draining)
                && matches!(pump.end, End::Live | End::Finishing)
            {
                assert!(actions.iter().all(|a| a != Action::Drop), "{path:?}");
                assert!(next.drains(), "{path:?}");
            }
        }
    }
}

#[test]
fn a_session_is_closed_by_its_process_or_by_the_peer_only() {
    let mut pump = Pump::open(Kind::Session);
    for event in [PumpEvent::ReadEnd, PumpEvent::PeerEof, PumpEvent::Drained] {
        assert!(pump.step(event).iter().all(|a| a != Action::Close));
    }
    assert_eq!(pump.step(PumpEvent::Finish), Actions::of(&[Action::Close, Action::Drop]));
    let mut early = Pump::open(Kind::Session);
    assert_eq!(early.step(PumpEvent::Finish), Actions::default());
    let actions = [Action::SendEof, Action::Close, Action::Drop];
    assert_eq!(early.step(PumpEvent::ReadEnd), Actions::of(&actions));
}
