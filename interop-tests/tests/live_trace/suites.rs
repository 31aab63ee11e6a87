//! Every key exchange with every cipher and MAC that tssh has, against tsshd and sshd, as a decoder
//! that shares no code with us reads it from the wire: zero bytes unaccounted, every host key's
//! signature verified, and the trace says the same of each packet.

use crate::stranger::{self, Decoded, Exchange, decode, equal, lacks_decoder};
use crate::support::{MARKER, Relay, events, lacks_openssh, text, tssh};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tssh_interop_tests::openssh::{self, KeyKind, Server, ServerOptions};
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::{bare_command, tssh_binary};
use tssh_transport::trace::{Event, Kind, Value};

/// What is sent: more than goes out before the keys are exchanged anew, less than twice as much.
const SENT: usize = 24_000;
const REKEY: &str = "RekeyLimit=10K";
/// Sessions that run at once.
const WORKERS: usize = 3;

/// Algorithms that are agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Suite {
    kex: String,
    cipher: String,
    /// None where the cipher needs none.
    mac: Option<String>,
    host_key: String,
}

fn listed(what: &str) -> Vec<String> {
    let names: Vec<String> = tssh(&["-Q", what]).text().lines().map(str::to_owned).collect();
    assert!(!names.is_empty(), "-Q {what}");
    names
}

/// Every key exchange with every cipher that tssh has, but for what `known` says that the server
/// has not; with every MAC, or each in turn. Host keys in turn.
fn suites(every_mac: bool, known: impl Fn(&str, &str) -> bool) -> Vec<Suite> {
    let names = |what| listed(what).into_iter().filter(|name| known(what, name));
    let alone = listed("cipher-auth");
    let host_keys = listed("sig").into_iter().filter(|name| !name.starts_with("sk-"));
    let mut host_keys = host_keys.collect::<Vec<_>>().into_iter().cycle();
    let (mut suites, mut turn) = (Vec::new(), names("mac").collect::<Vec<_>>().into_iter().cycle());
    for kex in names("kex") {
        for cipher in names("cipher") {
            let macs = match alone.contains(&cipher) {
                true => vec![None],
                false if every_mac => names("mac").map(Some).collect(),
                false => vec![turn.next()],
            };
            for mac in macs {
                let (kex, cipher) = (kex.clone(), cipher.clone());
                suites.push(Suite { kex, cipher, mac, host_key: host_keys.next().expect("one") });
            }
        }
    }
    suites
}

/// Where sessions go to.
struct Place {
    server: Server,
    /// The client's command line but for the port.
    line: Vec<String>,
    /// The port of a service that counts what comes.
    sink: u16,
}

impl Place {
    fn new(server: Server, sink: &Service) -> Self {
        let options = ["-q", "-o", REKEY, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"];
        let line = bare_command(&tssh_binary(), &server, &options);
        let line = line.get_args().map(|word| word.to_str().expect("text").to_owned()).collect();
        Self { server, line, sink: sink.port() }
    }

    /// One session by a suite, whose bytes, key log and trace come into `folder`.
    fn record(&self, suite: &[String], folder: &Path) -> [Vec<u8>; 2] {
        let relay = Relay::to(self.server.port());
        let mut line = Command::new(tssh_binary());
        line.args(["-p", &relay.port.to_string()]).args(suite).args(&self.line);
        line.args(["-o", &format!("HostKeyAlias=[127.0.0.1]:{}", self.server.port())]);
        line.args(["--trace", "jsonl", text(&folder.join("trace")), "--trace-secrets"]);
        line.args(["--keylog", text(&folder.join("keylog"))]).arg("-i").arg(self.server.user_key());
        line.args(["-W", &format!("127.0.0.1:{}", self.sink), "127.0.0.1"]);
        line.env("HOME", folder).env_remove("SSH_AUTH_SOCK").env("LC_ALL", "C");
        let mut process = Process::spawn(&mut line);
        let data: Vec<u8> = MARKER.iter().copied().cycle().take(SENT).collect();
        process.send(&data);
        let done = process.finish(PATIENCE);
        assert_eq!(done.code, 0, "{suite:?}: {}\n{}", done.stderr, self.server.log());
        assert!(done.text().starts_with(&SENT.to_string()), "{suite:?}: {}", done.text());
        let wire = relay.bytes();
        stranger::save(folder, &wire);
        wire
    }
}

impl Suite {
    fn options(&self) -> Vec<String> {
        let mut options = vec!["-c".to_owned(), self.cipher.clone()];
        options.extend(["-o".to_owned(), format!("KexAlgorithms={}", self.kex)]);
        options.extend(["-o".to_owned(), format!("HostKeyAlgorithms={}", self.host_key)]);
        options.extend(self.mac.iter().flat_map(|mac| ["-m".to_owned(), mac.clone()]));
        options
    }

    /// Whether an exchange agreed on just this.
    fn is(&self, exchange: &Exchange) -> bool {
        let twice = |name: &str| format!("{name},{name}");
        exchange.method == self.kex
            && exchange.host_key == self.host_key
            && exchange.ciphers == twice(&self.cipher)
            && exchange.macs == twice(self.mac.as_deref().unwrap_or("-"))
    }
}

/// Runs all suites, has them decoded by one process for each worker, and compares.
#[track_caller]
fn all_are_read(place: &Place, suites: &[Suite]) {
    let folder = Scratch::new();
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let mut done: Vec<(usize, PathBuf, [Vec<u8>; 2])> = Vec::new();
                while let n = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(suite) = suites.get(n)
                {
                    let own = folder.join(&n.to_string());
                    std::fs::create_dir(&own).expect("a folder");
                    let wire = place.record(&suite.options(), &own);
                    done.push((n, own, wire));
                }
                let folders: Vec<PathBuf> = done.iter().map(|(_, own, _)| own.clone()).collect();
                let decoded = decode(&folders);
                for (n, own, wire) in &done {
                    let verdict = match &decoded[own] {
                        Ok(decoded) => compare(&suites[*n], own, decoded, wire),
                        Err(fault) => Err(fault.clone()),
                    };
                    if let Err(fault) = verdict {
                        let fault = format!("{:?}: {fault}", suites[*n]);
                        faults.lock().expect("the faults").push(fault);
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().expect("the faults");
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), suites.len(), faults.join("\n"));
}

fn compare(
    suite: &Suite,
    folder: &Path,
    decoded: &Decoded,
    wire: &[Vec<u8>; 2],
) -> Result<(), String> {
    if decoded.exchanges.len() < 2 || !decoded.exchanges.iter().all(|one| suite.is(one)) {
        return Err(format!("exchanges are not two by the suite: {:?}", decoded.exchanges));
    }
    if decoded.logins != 1 {
        return Err(format!("{} logins", decoded.logins));
    }
    // Data went out by the first keys and by the second.
    for epoch in [1, 2] {
        let data = |inside: &(u64, u64, u64, Vec<u8>)| inside.1 == epoch && inside.3[0] == 94;
        if !decoded.packets.iter().any(|packet| packet.inside.as_ref().is_some_and(data)) {
            return Err(format!("no data by the keys of exchange {epoch}"));
        }
    }
    equal(&events(&folder.join("trace")), decoded, wire)
}

fn lacks(test: &str) -> bool {
    lacks_openssh(test) || lacks_decoder(test)
}

#[test]
fn every_suite_with_tsshd_is_read_by_a_stranger() {
    if lacks("suites::every_suite_with_tsshd_is_read_by_a_stranger") {
        return;
    }
    let line = |keyword: &str, what: &str| format!("{keyword} {}", listed(what).join(","));
    let lines =
        vec![line("KexAlgorithms", "kex"), line("MACs", "mac"), line("HostKeyAlgorithms", "sig")];
    let host_keys = KeyKind::ALL.to_vec();
    let options = ServerOptions { lines, host_keys, ..ServerOptions::default() };
    let sink = Service::start(Toy::Sink);
    let place = Place::new(Server::start_tsshd(&options), &sink);
    let all = suites(true, |_, _| true);
    assert!(all.len() >= 252, "twelve exchanges with 21 ciphers and MACs, not {}", all.len());
    all_are_read(&place, &all);
}

#[test]
fn every_suite_with_sshd_is_read_by_a_stranger() {
    if lacks("suites::every_suite_with_sshd_is_read_by_a_stranger") {
        return;
    }
    let known = |what: &str| openssh::known(what);
    let (kex, ciphers, macs) = (known("kex"), known("cipher"), known("mac"));
    let all = suites(false, |what, name| {
        let known = match what {
            "kex" => &kex,
            "cipher" => &ciphers,
            _ => &macs,
        };
        known.iter().any(|own| own == name)
    });
    assert!(all.len() >= 10 * 6, "{} of this sshd's", all.len());
    let host_keys = KeyKind::ALL.to_vec();
    let options = ServerOptions { host_keys, ..ServerOptions::default() };
    let sink = Service::start(Toy::Sink);
    let place = Place::new(Server::start(&options), &sink);
    all_are_read(&place, &all);
}

/// A copy of a recorded session with one thing wrong.
struct Wrong {
    what: String,
    wire: [Vec<u8>; 2],
    key_log: String,
}

/// Everything that may happen to a recorded session: bits and bytes of each packet, keys, ends.
fn damaged(wire: &[Vec<u8>; 2], key_log: &str, decoded: &Decoded) -> Vec<Wrong> {
    let mut all = Vec::new();
    let mut wrong = |what: String, wire: [Vec<u8>; 2], key_log: String| {
        all.push(Wrong { what, wire, key_log });
    };
    for packet in &decoded.packets {
        let way = usize::from(!packet.from_client);
        // In the clear nothing protects the padding.
        let at = match &packet.inside {
            Some((_, 0, _, payload)) => packet.off + 5 + payload.len() / 2,
            _ => packet.off + packet.wire_len / 2,
        };
        let mut flipped = wire.clone();
        flipped[way][at] ^= 0x10;
        wrong(format!("byte {at} of {way} flipped"), flipped, key_log.to_owned());
        let mut short = wire.clone();
        short[way].remove(at);
        wrong(format!("byte {at} of {way} missing"), short, key_log.to_owned());
    }
    for way in [0, 1] {
        let (mut cut, mut more) = (wire.clone(), wire.clone());
        cut[way].pop();
        more[way].push(0);
        wrong(format!("the last byte of {way} missing"), cut, key_log.to_owned());
        wrong(format!("a byte behind {way}"), more, key_log.to_owned());
    }
    let [client, server] = wire.clone();
    wrong("the other way round".to_owned(), [server, client], key_log.to_owned());
    let lines: Vec<&str> = key_log.lines().collect();
    for (n, line) in lines.iter().enumerate() {
        let (rest, last) = line.split_at(line.len() - 20);
        let other = last.replace(|c| c != '3', "3");
        let mut own = lines.clone();
        let line = format!("{rest}{other}");
        own[n] = &line;
        wrong(format!("line {n} of the key log is wrong"), wire.clone(), own.join("\n"));
    }
    for cookie in lines.iter().filter_map(|line| line.get(..32)) {
        let own: Vec<&str> = lines.iter().copied().filter(|l| !l.starts_with(cookie)).collect();
        wrong(format!("no secret for {cookie}"), wire.clone(), own.join("\n"));
    }
    all
}

/// What is no session that the key log opens is never taken for one, whatever is wrong with it.
#[test]
fn the_stranger_notices_what_is_wrong() {
    if lacks("suites::the_stranger_notices_what_is_wrong") {
        return;
    }
    let sink = Service::start(Toy::Sink);
    let place = Place::new(Server::with_lines(&[]), &sink);
    let folder = Scratch::new();
    for (n, suite) in [
        [
            "-c",
            "chacha20-poly1305@openssh.com",
            "-oKexAlgorithms=sntrup761x25519-sha512@openssh.com",
        ],
        ["-c", "aes256-gcm@openssh.com", "-oKexAlgorithms=curve25519-sha256"],
        ["-caes128-ctr", "-mhmac-sha2-256", "-oKexAlgorithms=ecdh-sha2-nistp256"],
        ["-caes256-ctr", "-mhmac-sha2-512-etm@openssh.com", "-oKexAlgorithms=curve25519-sha256"],
    ]
    .iter()
    .enumerate()
    {
        let own = folder.join(&n.to_string());
        std::fs::create_dir(&own).expect("a folder");
        let wire = place.record(&suite.map(str::to_owned), &own);
        let key_log = std::fs::read_to_string(own.join("keylog")).expect("a key log");
        let mut decoded = decode(std::slice::from_ref(&own));
        let decoded = decoded.remove(&own).expect("it").expect("a session");
        let all = damaged(&wire, &key_log, &decoded);
        let mut folders = Vec::new();
        for (m, wrong) in all.iter().enumerate() {
            let copy = folder.join(&format!("{n}.{m}"));
            std::fs::create_dir(&copy).expect("a folder");
            stranger::save(&copy, &wrong.wire);
            std::fs::write(copy.join("keylog"), &wrong.key_log).expect("a key log");
            folders.push(copy);
        }
        let verdicts = decode(&folders);
        assert!(all.len() > 60, "{}", all.len());
        for (wrong, copy) in all.iter().zip(&folders) {
            assert!(verdicts[copy].is_err(), "{suite:?}: {}", wrong.what);
        }
    }
}

/// The comparison of a trace with the wire finds each thing that could be wrong with the trace.
#[test]
fn a_trace_that_is_not_the_wire_is_noticed() {
    if lacks("suites::a_trace_that_is_not_the_wire_is_noticed") {
        return;
    }
    let sink = Service::start(Toy::Sink);
    let place = Place::new(Server::with_lines(&[]), &sink);
    let folder = Scratch::new();
    let own = folder.path().to_owned();
    let wire = place.record(&[], &own);
    let decoded = decode(std::slice::from_ref(&own)).remove(&own).expect("it").expect("a session");
    let told = events(&own.join("trace"));
    equal(&told, &decoded, &wire).expect("they are equal as they are");
    let noticed = |what: &str, n: usize, other: Option<Event>| {
        let mut events = told.clone();
        events.splice(n..=n, other);
        assert!(equal(&events, &decoded, &wire).is_err(), "{what} of event {n}");
    };
    let mut looked_at = 0;
    for (n, event) in told.iter().enumerate() {
        let names: &[&'static str] = match event.kind {
            Kind::Packet => {
                &["off", "wire_len", "wire", "seq", "epoch", "pad", "payload", "payload_len", "msg"]
            }
            Kind::Ident => &["off", "wire_len", "wire"],
            Kind::Kex => &["h", "session_id"],
            Kind::Key => &["letter"],
            _ => continue,
        };
        looked_at += 1;
        noticed("the lack", n, None);
        for name in names {
            let mut other = event.clone();
            let changed = match event.values.get(name) {
                Some(Value::Number(number)) => Value::from(number + 1),
                _ if *name == "letter" => Value::from("Z"),
                _ => {
                    let mut bytes = event.values.bytes(name).to_vec();
                    let middle = bytes.len() / 2;
                    bytes[middle] ^= 1;
                    Value::bytes(&bytes)
                }
            };
            other.values.set(name, changed);
            noticed(name, n, Some(other));
        }
        if matches!(event.kind, Kind::Packet | Kind::Ident) {
            let mut other = event.clone();
            other.values.set("dir", if event.values.text("dir") == "c2s" { "s2c" } else { "c2s" });
            noticed("the direction", n, Some(other));
        }
    }
    assert!(looked_at > 40, "{looked_at}");
}
