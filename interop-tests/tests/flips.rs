//! Recorded server handshakes with one bit flipped, or cut short: nothing but the bytes that were
//! recorded lets a client log in, and no length that a server merely claims makes it allocate.

#![forbid(unsafe_code)]

use peak_alloc::PeakAlloc;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use tssh_connection::transcript::{Answers, new_stack};
use tssh_connection::{Event, Happening, Stack};
use tssh_interop_tests::record::folder;
use tssh_transport::transcript::{Log, Transcript};
use tssh_transport::userauth::{AuthAnswer, AuthEvent, AuthQuestion};
use tssh_transport::{Error, Timestamp};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Sessions with each kind of packet protection, and one without strict key exchange.
const SESSIONS: [&str; 5] = [
    "client-aes128-gcm-at-openssh.com",
    "client-chacha20-poly1305-at-openssh.com",
    "client-hmac-sha2-256-etm-at-openssh.com",
    "client-hmac-sha2-256",
    "client-not-strict",
];
/// A packet of a handshake may claim 35,000 bytes: an allocation of that size would show. What
/// errors and lines before the identification string take stays far below.
const SLACK_BYTES: usize = 16 * 1024;

/// How far a handshake came.
enum Outcome {
    /// The user is in. What was asked to be signed, and all bytes that went out.
    Authenticated {
        signed: Vec<u8>,
        out: Vec<u8>,
    },
    /// More bytes are awaited: if none come the driver ends it with
    /// [`Error::ConnectionClosed`].
    Waits,
    Refused(Error),
}

struct Handshake<'a> {
    transcript: &'a Transcript<'a>,
    /// All that the server sent until the user was in.
    stream: Vec<u8>,
}

impl Handshake<'_> {
    fn stack(&self) -> Stack {
        new_stack(self.transcript).unwrap()
    }

    /// A client that gets `bytes` and answers as it was recorded.
    fn run(&self, bytes: &[u8]) -> Outcome {
        let mut stack = self.stack();
        feed(&mut stack, bytes);
        let mut signed = Vec::new();
        let mut answers = Answers::of(self.transcript);
        loop {
            match step(&mut stack, &mut answers, &mut signed) {
                Ok(Some(true)) => {
                    return Outcome::Authenticated { signed, out: stack.transmit().to_vec() };
                }
                Ok(Some(false)) => {}
                Ok(None) => return Outcome::Waits,
                Err(error) => return Outcome::Refused(error),
            }
        }
    }

    /// The same with the most memory that was in use at a time.
    fn measured(&self, bytes: &[u8]) -> (Outcome, usize) {
        MEMORY.reset_peak_usage();
        let before = MEMORY.current_usage();
        let outcome = self.run(bytes);
        (outcome, MEMORY.peak_usage().saturating_sub(before))
    }
}

fn feed(stack: &mut Stack, bytes: &[u8]) {
    stack.receive_space(bytes.len())[..bytes.len()].copy_from_slice(bytes);
    stack.received(bytes.len());
}

/// Takes one event and answers it; whether the user is in.
fn step(
    stack: &mut Stack,
    answers: &mut Answers<'_>,
    signed: &mut Vec<u8>,
) -> Result<Option<bool>, Error> {
    let asked = match stack.next(Timestamp::default())? {
        None => return Ok(None),
        Some(Happening::Event(Event::Authenticated { .. })) => return Ok(Some(true)),
        Some(Happening::Event(Event::HostKey(_))) => true,
        Some(Happening::Event(Event::Auth(AuthEvent::Question(question)))) => {
            if let AuthQuestion::Sign { data, .. } = question {
                *signed = data;
            }
            true
        }
        Some(_) => false,
    };
    if asked {
        let none_left = tssh_connection::Answer::Auth(AuthAnswer::GiveUp);
        stack.answer(answers.next().unwrap_or(none_left))?;
    }
    Ok(Some(false))
}

/// Where the packets of a handshake lie in its stream, and which of them are not encrypted.
struct Layout {
    /// All that the server sent until the user was in.
    stream: Vec<u8>,
    identification: Range<usize>,
    /// Packets with their length fields and tags.
    packets: Vec<Range<usize>>,
    /// Padding of the packets before encryption.
    padding: Vec<Range<usize>>,
}

/// Feeds the recorded stream byte by byte, and notes where packets end.
fn layout(transcript: &Transcript<'_>) -> Layout {
    let received = transcript.lines().iter().filter(|line| line.call == "t received");
    let all: Vec<u8> = received.flat_map(|line| line.bytes().unwrap()).collect();
    let opened = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&opened);
    let mut stack = new_stack(transcript).unwrap();
    stack.record(Log::new(Box::new(move |line| {
        if let Some(packet) = line.strip_prefix("t in ") {
            sink.lock().unwrap().push(packet.trim_end().to_owned());
        }
    })));
    let identification = 0..all.iter().position(|b| *b == b'\n').unwrap() + 1;
    let mut layout =
        Layout { stream: Vec::new(), identification, packets: Vec::new(), padding: Vec::new() };
    let (mut answers, mut signed) = (Answers::of(transcript), Vec::new());
    let (mut start, mut encrypted, mut authenticated) = (layout.identification.end, false, false);
    for (at, byte) in all.iter().enumerate() {
        feed(&mut stack, &[*byte]);
        while let Some(done) = step(&mut stack, &mut answers, &mut signed).unwrap() {
            authenticated |= done;
        }
        for packet in opened.lock().unwrap().drain(..) {
            let (length, head) = packet.split_once(' ').unwrap();
            layout.packets.push(start..at + 1);
            if !encrypted {
                layout.padding.push(start + 5 + length.parse::<usize>().unwrap()..at + 1);
            }
            // SSH_MSG_NEWKEYS
            encrypted |= head == "15";
            start = at + 1;
        }
        if authenticated {
            layout.stream = all[..=at].to_vec();
            return layout;
        }
    }
    panic!("nobody logs in");
}

/// The rule that an error names, without what differs from case to case.
fn rule(error: &Error) -> String {
    match error {
        Error::PacketLength(_) => "Bad packet length.".to_owned(),
        Error::PeerIncompatible { list, .. } => format!("no matching {list} found"),
        Error::Decode { message, .. } => format!("{message}: a field cannot be read"),
        Error::Disconnected { .. } => "disconnected by the peer".to_owned(),
        Error::Inappropriate { phase, .. } => format!("message is not allowed during {phase}"),
        error => error.to_string(),
    }
}

/// S20: flips every bit of one handshake and cuts it everywhere; counts what each came to.
fn try_all(name: &str, counts: &mut BTreeMap<String, usize>) {
    let text = fs::read_to_string(folder().join(format!("{name}.txt"))).unwrap();
    let transcript = Transcript::parse(&text).unwrap();
    let layout = layout(&transcript);
    let handshake = Handshake { transcript: &transcript, stream: layout.stream.clone() };
    let (recorded, usual) = handshake.measured(&handshake.stream);
    let Outcome::Authenticated { signed, out } = recorded else { panic!("{name} does not log in") };
    assert!(!signed.is_empty() && !out.is_empty());

    for length in 0..handshake.stream.len() {
        let (outcome, peak) = handshake.measured(&handshake.stream[..length]);
        assert!(matches!(outcome, Outcome::Waits), "{name} cut at {length}");
        assert!(peak <= usual + SLACK_BYTES, "{name} cut at {length}: {peak} bytes, not {usual}");
        let what = format!("cut: {}", Error::ConnectionClosed);
        *counts.entry(what).or_default() += 1;
    }
    let mut stream = handshake.stream.clone();
    for at in 0..stream.len() {
        let is_in = |ranges: &[Range<usize>]| ranges.iter().any(|range| range.contains(&at));
        let is_padding = is_in(&layout.padding);
        for bit in 0..8 {
            stream[at] ^= 1 << bit;
            let place = format!("{name}: bit {bit} of byte {at}");
            let (outcome, peak) = handshake.measured(&stream);
            stream[at] ^= 1 << bit;
            let what = match outcome {
                Outcome::Authenticated { signed: s, out: o } => {
                    assert!(is_padding, "{place} changes nothing");
                    assert!(s == signed && o == out, "{place} changes what goes out");
                    "flip in padding before encryption: changes nothing".to_owned()
                }
                Outcome::Waits => {
                    let is_length =
                        layout.packets.iter().any(|p| (p.start..p.start + 4).contains(&at));
                    let is_line = layout.identification.contains(&at);
                    assert!(is_length || is_line, "{place} makes it wait");
                    format!("flip of a length or of the first line: {}", Error::ConnectionClosed)
                }
                Outcome::Refused(error) => {
                    assert!(!is_padding, "{place} is padding: {error}");
                    assert!(!matches!(error, Error::Internal(_)), "{place}: {error}");
                    format!("flip: {}", rule(&error))
                }
            };
            assert!(peak <= usual + SLACK_BYTES, "{place}: {peak} bytes, not {usual}");
            *counts.entry(what).or_default() += 1;
        }
    }
}

/// One test for all, as memory is counted for the whole process.
#[test]
fn every_cut_and_every_flipped_bit_of_a_handshake_is_refused() {
    let mut counts = BTreeMap::new();
    for name in SESSIONS {
        let begun = std::time::Instant::now();
        try_all(name, &mut counts);
        println!("{name}: {:.1} s", begun.elapsed().as_secs_f32());
    }
    for (what, count) in &counts {
        println!("{count:7}  {what}");
    }
}
