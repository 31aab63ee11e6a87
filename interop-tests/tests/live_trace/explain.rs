//! `--explain pcap`: captures of our own sessions give the trace again, and those of other programs
//! give what no other tool shows: targets of forwards, windows, encrypt-then-MAC, strict exchange.

use crate::support::{MARKER, events, lacks_openssh, server, session, text, tssh};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use tssh_interop_tests::openssh::{Server, free_port};
use tssh_interop_tests::process::run;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_transport::trace::{Event, Kind, Value};

const PYTHON: &str = "/usr/bin/python3";

fn of_kind(events: &[Event], kind: Kind) -> Vec<String> {
    let own = events.iter().filter(|event| event.kind == kind);
    own.map(|event| format!("{:?}", event.values)).collect()
}

/// The capture and the key log of a session give the events that were written while it ran.
#[test]
fn our_own_capture_gives_the_trace_again() {
    if lacks_openssh("explain::our_own_capture_gives_the_trace_again") {
        return;
    }
    let (server, key) = server(&["RekeyLimit 64K"]);
    let file = |name: &str| server.folder().join(name);
    let suites: [&[&str]; 3] = [
        &["-q"],
        &["-o", "KexAlgorithms=curve25519-sha256", "-c", "aes256-ctr", "-m", "hmac-sha2-512"],
        &["-o", "KexAlgorithms=diffie-hellman-group-exchange-sha256", "-C", "-c", "aes128-ctr"],
    ];
    for (n, suite) in suites.iter().enumerate() {
        let [live, capture, log, again, embedded] =
            ["live", "pcapng", "log", "again", "embedded"].map(|name| file(&format!("{name}.{n}")));
        let traces = ["--trace", "jsonl", text(&live), "--trace", "pcapng", text(&capture)];
        let secrets = ["--trace-secrets", "--keylog", text(&log)];
        session(&server, &key, &[&traces[..], &secrets, suite].concat(), "true");
        let words = ["--explain", "pcap", text(&capture), "--trace-secrets", "--trace", "jsonl"];
        tssh(&[&words[..], &[text(&embedded)]].concat()).expect_code(0);
        let with_log = ["--keylog", text(&log)];
        tssh(&[&words[..], &[text(&again)], &with_log].concat()).expect_code(0);
        let live = events(&live);
        for explained in [events(&again), events(&embedded)] {
            for kind in [Kind::Ident, Kind::Packet, Kind::Kex, Kind::Key] {
                let (one, other) = (of_kind(&live, kind), of_kind(&explained, kind));
                for (a, b) in one.iter().zip(&other) {
                    assert_eq!(a, b, "{suite:?}");
                }
                assert!(!one.is_empty() && one.len() == other.len(), "{suite:?} {kind:?}");
            }
        }
    }
    // Without secrets the packets before the first NEWKEYS are all that there is, and it is said.
    let plain = file("plain.pcapng");
    session(&server, &key, &["-q", "--trace", "pcapng", text(&plain)], "true");
    let done = tssh(&["--explain", "pcap", text(&plain)]);
    done.expect_code(1).expect_stderr("became unreadable");
    assert!(done.text().contains("the key log has no secret for the cookie"), "{}", done.text());
}

/// The channel and window events of a trace by their channel: what a capture tells, it may tell
/// later, as the number of a channel that the server opens is known when the client confirms it.
fn by_channel(events: &[Event]) -> BTreeMap<u64, Vec<String>> {
    let mut channels: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for event in events.iter().filter(|e| matches!(e.kind, Kind::Channel | Kind::Window)) {
        let told = format!("{:?} {:?}", event.kind, event.values);
        channels.entry(event.values.number("channel")).or_default().push(told);
    }
    channels
}

/// The life of each channel and every change of its windows, as `--explain` finds them in a capture
/// of the session, are those that the client told while it ran.
#[test]
fn channels_and_windows_of_a_capture_are_those_of_the_live_trace() {
    if lacks_openssh("explain::channels_and_windows_of_a_capture_are_those_of_the_live_trace") {
        return;
    }
    let (server, key) = server(&[]);
    let echo = Service::start(Toy::Echo);
    let [remote, dead, back, nowhere] = [free_port(), free_port(), free_port(), free_port()];
    let [live, capture, again] = ["live", "pcapng", "again"].map(|name| server.folder().join(name));
    let forwards = [
        format!("-R{remote}:127.0.0.1:{}", echo.port()),
        format!("-R{dead}:127.0.0.1:{nowhere}"),
        format!("-L{back}:127.0.0.1:{nowhere}"),
    ];
    let mut options = vec!["-q", "--trace", "jsonl", text(&live), "--trace", "pcapng"];
    options.extend([text(&capture), "--trace-secrets"]);
    options.extend(forwards.iter().map(String::as_str));
    // Enough for credit; a forward of each direction, and one of each that is refused.
    let dial = "exec 3<>/dev/tcp/127.0.0.1/$p && echo hello >&3 && head -n 1 <&3";
    let command = format!(
        "head -c 3000000 /dev/zero; echo oops >&2; \
         bash -c 'for p in {remote} {dead} {back}; do ({dial}); done 2>/dev/null'"
    );
    session(&server, &key, &options, &command);
    tssh(&["--explain", "pcap", text(&capture), "--trace", "jsonl", text(&again)]).expect_code(0);
    let live = events(&live);
    let (mut told, found) = (by_channel(&live), by_channel(&events(&again)));
    let all: String = told.values().flatten().cloned().collect();
    for what in [
        "open sent",
        "open received",
        "open confirmed",
        "open confirmed by us",
        "open refused",
        "open refused by us",
        "eof sent",
        "eof received",
        "close sent",
        "close received",
        "freed",
        "opened",
        "spent",
        "credited",
    ] {
        assert!(all.contains(&format!("\"{what}\"")), "the session has no {what:?}");
    }
    // The number of a channel that the client refused was never on the wire.
    let refused = |event: &String| event.contains("\"open refused by us\"");
    for steps in told.values_mut() {
        while let Some(at) = steps.iter().position(refused) {
            let begun = steps[..at].iter().rposition(|e| e.contains("\"open received\""));
            steps.drain(begun.expect("it was received")..=at + 1);
        }
    }
    told.retain(|_, steps| !steps.is_empty());
    assert_eq!(told.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (channel, steps) in &told {
        for (one, other) in steps.iter().zip(&found[channel]) {
            assert_eq!(one, other, "channel {channel}");
        }
        assert_eq!(steps.len(), found[channel].len(), "channel {channel}");
    }
}

/// What passed, in its order: whether the client sent it, and the bytes.
type Tapped = Arc<Mutex<Vec<(bool, Vec<u8>)>>>;

/// A relay to `port` that keeps what passes; gives its own port.
fn tap(port: u16) -> (u16, Tapped) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let own = listener.local_addr().expect("its address").port();
    let tapped = Tapped::default();
    let kept = Arc::clone(&tapped);
    std::thread::spawn(move || {
        let (client, _) = listener.accept().expect("the client");
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the server");
        let ends = |a: &TcpStream, b: &TcpStream| {
            (a.try_clone().expect("a socket"), b.try_clone().expect("a socket"))
        };
        for (from_client, (mut from, mut to)) in
            [(true, ends(&client, &server)), (false, ends(&server, &client))]
        {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || {
                let mut piece = [0; 9000];
                while let Ok(n @ 1..) = from.read(&mut piece) {
                    kept.lock().expect("what passed").push((from_client, piece[..n].to_vec()));
                    if to.write_all(&piece[..n]).is_err() {
                        break;
                    }
                }
                let _ = to.shutdown(Shutdown::Write);
            });
        }
    });
    (own, tapped)
}

/// A pcap of raw IPv4; some segments come twice, and some before those in front of them.
fn pcap(tapped: &[(bool, Vec<u8>)]) -> Vec<u8> {
    let mut out = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    out.extend([0xff, 0xff, 0, 0, 101, 0, 0, 0]);
    let mut next = [u32::MAX - 1000, 7];
    let mut frames: Vec<(bool, Vec<u8>)> = Vec::new();
    for (from_client, bytes) in tapped {
        for part in bytes.chunks(1400) {
            let seq = &mut next[usize::from(!from_client)];
            let total = u16::try_from(part.len() + 40).expect("a length");
            let mut frame =
                [&[0x45, 0][..], &total.to_be_bytes(), &[0, 1, 0x40, 0, 64, 6]].concat();
            let (from, to, ports) = match from_client {
                true => (1, 2, [50_022u16, 22]),
                false => (2, 1, [22, 50_022]),
            };
            frame.extend([0, 0, 192, 0, 2, from, 192, 0, 2, to]);
            frame.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
            frame.extend(seq.to_be_bytes());
            frame.extend([0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
            frame.extend(part);
            *seq = seq.wrapping_add(u32::try_from(part.len()).expect("a length"));
            frames.push((*from_client, frame));
        }
    }
    for n in (20..frames.len().saturating_sub(1)).step_by(7) {
        if frames[n].0 == frames[n + 1].0 {
            frames.swap(n, n + 1);
        }
    }
    for (n, (_, frame)) in frames.iter().enumerate() {
        let len = u32::try_from(frame.len()).expect("a length").to_le_bytes();
        for _ in 0..=usize::from(n % 5 == 0) {
            out.extend([&[1, 0, 0, 0, 0, 0, 0, 0][..], &len, &len, frame].concat());
        }
    }
    out
}

/// The value of a field by its name.
fn value(event: &Event, name: &str) -> Option<Value> {
    let fields = event.values.list("fields").iter().filter_map(Value::as_map);
    let mut named = fields.filter(|field| field.text("name") == name);
    named.next().and_then(|field| field.get("value").cloned())
}

/// A session of Paramiko's, which knows neither a key log nor strict exchange, with sshd: both
/// forwarded connections with their target, originator, data and windows, over new keys.
#[test]
fn a_session_of_another_program_is_read() {
    let test = "explain::a_session_of_another_program_is_read";
    if lacks_openssh(test) {
        return;
    }
    if run(Command::new(PYTHON).args(["-c", "import paramiko"])).code != 0 {
        return skip(test, "no python3-paramiko");
    }
    let server = Server::with_lines(&[]);
    let echo = Service::start(Toy::Echo);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live_trace/paramiko_session.py");
    for suite in [
        ["curve25519-sha256@libssh.org", "aes256-ctr", "hmac-sha2-256-etm@openssh.com"],
        ["diffie-hellman-group14-sha256", "aes128-ctr", "hmac-sha2-512"],
        ["ecdh-sha2-nistp256", "aes192-ctr", "hmac-sha2-512-etm@openssh.com"],
    ] {
        let (port, tapped) = tap(server.port());
        let folder = server.folder();
        let [log, capture, trace] = ["key.log", "capture.pcap", "t"].map(|name| folder.join(name));
        let mut line = Command::new(PYTHON);
        line.arg(&script).args([&port.to_string(), server.user()]).arg(server.user_key());
        line.arg(&log).arg(echo.port().to_string()).args(suite);
        let done = run(&mut line);
        assert!(done.text().contains("carried"), "{}\n{}", done.stderr, server.log());
        std::fs::write(&capture, pcap(&tapped.lock().expect("what passed"))).expect("a capture");
        let words = ["--explain", "pcap", text(&capture), "--keylog", text(&log)];
        let shown = ["--trace-secrets", "--trace", "jsonl", text(&trace)];
        tssh(&[&words[..], &shown].concat()).expect_code(0);
        let events = events(&trace);
        let opens: Vec<&Event> =
            events.iter().filter(|e| e.values.text("name") == "SSH_MSG_CHANNEL_OPEN").collect();
        assert_eq!(opens.len(), 2, "{suite:?}");
        for open in opens {
            let host = value(open, "host to connect");
            assert_eq!(host.as_ref().and_then(Value::as_text), Some("127.0.0.1"));
            let target = value(open, "port to connect").and_then(|port| port.as_number());
            assert_eq!(target, Some(echo.port().into()));
            let from = value(open, "originator IP address");
            assert_eq!(from.as_ref().and_then(Value::as_text), Some("192.0.2.7"));
        }
        for dir in ["c2s", "s2c"] {
            let mut carried = Vec::new();
            let data = events.iter().filter(|e| e.values.text("name") == "SSH_MSG_CHANNEL_DATA");
            for packet in data.filter(|e| e.values.text("dir") == dir) {
                carried.extend_from_slice(&packet.values.bytes("payload")[9..]);
            }
            assert_eq!(carried, MARKER.repeat(2000), "{suite:?} {dir}");
            let spent = events.iter().filter(|e| {
                e.kind == Kind::Window
                    && e.values.text("op") == "spent"
                    && e.values.text("dir") == dir
            });
            let spent: u64 = spent.map(|e| e.values.number("bytes")).sum();
            assert_eq!(spent, u64::try_from(carried.len()).expect("a length"));
        }
        let exchanges = events.iter().filter(|e| e.kind == Kind::Kex).count();
        assert_eq!(exchanges, 2, "{suite:?}");
        let strict = events.iter().find(|e| e.values.text("what") == "strict key exchange");
        assert_eq!(strict.map(|e| e.values.text("chosen")), Some("not in force"));
        let bad = events.iter().filter(|e| e.kind == Kind::Warning).count();
        assert_eq!(bad, 0, "{suite:?}");
        // Nothing of the data without being asked to.
        let hidden = tssh(&words);
        hidden.expect_code(0);
        assert!(!hidden.text().contains("4d61726b6572") && hidden.text().contains("\"127.0.0.1\""));
    }
}
