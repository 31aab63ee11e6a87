//! Every recorded session, decided again by the pure core of this crate.
//!
//! The stack is run again from the transcript and gives its events; what endpoints did stands in
//! the transcript's `f` lines. Fed with both, pumps and policy must issue the commands that were
//! recorded: each EOF, each CLOSE, each refusal, and no others.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::Path;
use tssh_connection::transcript::{Seen, channel_name, observe_connection};
use tssh_connection::{ChannelEvent, ChannelRequest, Event, OpenKind};
use tssh_forward::core::policy::Policy;
use tssh_forward::core::pump::{Action, Kind, Pump, PumpEvent};
use tssh_transport::transcript::{Chunks, Line, Transcript};

/// Fewer would mean that the corpus was not found, or lost.
const SESSIONS_MIN: usize = 30;

/// Names and texts of all recorded sessions.
fn sessions() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop-tests/transcripts");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let texts = files.filter(|path| path.extension().is_some_and(|ending| ending == "txt"));
    let mut sessions: Vec<_> = texts
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .map(|(name, path)| (name, fs::read_to_string(path).unwrap()))
        .collect();
    sessions.sort();
    assert!(sessions.len() >= SESSIONS_MIN, "only {} transcripts", sessions.len());
    sessions
}

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

/// What the peer did, as opposed to the endpoint.
fn is_of_peer(event: PumpEvent) -> bool {
    use PumpEvent::{OpenFailed, Opened, PeerClose, PeerEof, PeerEow};
    matches!(event, Opened | OpenFailed | PeerEof | PeerEow | PeerClose)
}

#[derive(Default)]
struct Decisions {
    policy: Policy,
    pumps: BTreeMap<String, Pump>,
    /// What the peer did, per channel, and the pump has not been told in the recording.
    told: BTreeMap<String, VecDeque<PumpEvent>>,
    /// What pumps and policy want done, in order.
    wanted: VecDeque<String>,
    /// Opens that the policy permits: accepted or, when the dial fails, refused.
    permitted: Vec<String>,
    steps: usize,
    commands: usize,
}

impl Decisions {
    fn seen(&mut self, seen: &Seen<'_>) {
        match seen {
            Seen::Event(Event::Channel(event)) => self.event(event),
            Seen::Line(line) => self.line(line),
            _ => {}
        }
    }

    fn event(&mut self, event: &ChannelEvent) {
        let (channel, told) = match event {
            ChannelEvent::OpenRequest { channel, kind } => {
                return self.open_request(channel_name(*channel), kind);
            }
            ChannelEvent::Opened { channel } => (channel, PumpEvent::Opened),
            ChannelEvent::OpenFailed { channel, .. } => (channel, PumpEvent::OpenFailed),
            ChannelEvent::Eof { channel } => (channel, PumpEvent::PeerEof),
            ChannelEvent::Closed { channel } => (channel, PumpEvent::PeerClose),
            ChannelEvent::Request { channel, request: ChannelRequest::Eow, .. } => {
                (channel, PumpEvent::PeerEow)
            }
            _ => return,
        };
        let name = channel_name(*channel);
        // A pump that is over has let go of its channel.
        if self.pumps.contains_key(&name) {
            self.told.entry(name).or_default().push_back(told);
        }
    }

    fn open_request(&mut self, name: String, kind: &OpenKind) {
        let OpenKind::DirectTcpip { host, port, .. } = kind else { return };
        let port = u16::try_from(*port).unwrap();
        if self.policy.permits_open(host, port) {
            self.permitted.push(name);
        } else {
            self.wanted.push_back(format!("c refuse-open {name} 1"));
        }
    }

    fn line(&mut self, line: &Line<'_>) {
        let mut words = line.arguments.split(' ');
        let channel = words.next().unwrap().to_owned();
        match line.call {
            "f slot" => {
                let kind =
                    if words.next() == Some("Socket") { Kind::Socket } else { Kind::Session };
                let opening = words.next() == Some("Opening");
                let pump = if opening { Pump::opening(kind) } else { Pump::open(kind) };
                self.pumps.insert(channel, pump);
            }
            "f pump" => {
                let name = words.next().unwrap();
                let event = EVENTS.into_iter().find(|event| format!("{event:?}") == name).unwrap();
                self.step(channel, event, line.number);
            }
            "c eof" | "c close" => self.command(&format!("{} {channel}", line.call), line.number),
            "c refuse-open" => {
                let code = words.next().unwrap();
                match self.permitted.iter().position(|name| *name == channel) {
                    // Permitted, but nobody listens there.
                    Some(at) => {
                        assert_eq!(code, "2", "line {}", line.number);
                        self.permitted.remove(at);
                    }
                    None => {
                        self.command(&format!("{} {channel} {code}", line.call), line.number);
                    }
                }
            }
            "c accept-open" => self.permitted.retain(|name| *name != channel),
            _ => {}
        }
    }

    fn step(&mut self, channel: String, event: PumpEvent, number: usize) {
        if is_of_peer(event) {
            let told = self.told.get_mut(&channel).and_then(VecDeque::pop_front);
            assert_eq!(told, Some(event), "line {number}: the stack tells of something else");
        }
        self.steps += 1;
        let actions = self.pumps.get_mut(&channel).expect("a pump").step(event);
        for action in actions.iter() {
            match action {
                Action::SendEof => self.wanted.push_back(format!("c eof {channel}")),
                Action::Close => self.wanted.push_back(format!("c close {channel}")),
                Action::Free => {
                    self.pumps.remove(&channel);
                }
                _ => {}
            }
        }
    }

    fn command(&mut self, command: &str, number: usize) {
        self.commands += 1;
        let wanted = self.wanted.pop_front();
        assert_eq!(wanted.as_deref(), Some(command), "line {number}");
    }
}

#[test]
fn the_core_decides_as_it_was_recorded() {
    let sessions = sessions();
    let (mut steps, mut commands) = (0, 0);
    for (name, text) in &sessions {
        let transcript = Transcript::parse(text).unwrap();
        let permits = transcript.value("permit_open").is_ok_and(|permit| permit == "any");
        for chunks in Chunks::ALL {
            let policy = if permits { Policy::server() } else { Policy::default() };
            let mut decisions = Decisions { policy, ..Decisions::default() };
            let played = observe_connection(text, chunks, None, &mut |seen| decisions.seen(&seen));
            played.unwrap_or_else(|fault| panic!("{name}, {chunks:?}: {fault}"));
            let Decisions { wanted, told, permitted, .. } = &decisions;
            assert!(wanted.is_empty(), "{name}: {wanted:?} never came");
            assert!(told.values().all(VecDeque::is_empty), "{name}: {told:?} was never told");
            assert!(permitted.is_empty(), "{name}: {permitted:?} got no answer");
            steps += decisions.steps;
            commands += decisions.commands;
        }
    }
    assert!(steps > 1000 && commands > 500, "{steps} steps, {commands} commands");
    println!("{} sessions, {steps} steps of pumps, {commands} commands", sessions.len());
}
