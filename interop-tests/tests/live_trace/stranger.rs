//! The decoder in `decoder/`, which shares no code with us: what it finds in recorded bytes, and
//! whether a trace says the same.

use crate::support::text;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tssh_interop_tests::process::run;
use tssh_interop_tests::skip::skip;
use tssh_transport::trace::{Event, Kind, Map, Value, unhex};

/// That of the system: Debian's packages are for no other.
const PYTHON: &str = "/usr/bin/python3";
const DECODER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/decoder/decode.py");

/// Whether the decoder cannot run.
pub fn lacks_decoder(test: &str) -> bool {
    let there = run(Command::new(PYTHON).args(["-c", "import cryptography"])).code == 0;
    if !there {
        skip(test, "no python3-cryptography");
    }
    !there
}

/// A packet, or an identification line (without a payload).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    pub from_client: bool,
    pub off: usize,
    pub wire_len: usize,
    /// Sequence number, how often keys had changed, bytes of padding, and what was inside.
    pub inside: Option<(u64, u64, u64, Vec<u8>)>,
}

/// A key exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    pub method: String,
    pub host_key: String,
    /// Cipher and MAC of the client, then of the server.
    pub ciphers: String,
    pub macs: String,
    pub h: Vec<u8>,
    pub session_id: Vec<u8>,
    /// The keys A to F.
    pub keys: Vec<Vec<u8>>,
}

/// A session as the decoder read it.
#[derive(Debug, Default)]
pub struct Decoded {
    /// In the order of each direction.
    pub packets: Vec<Packet>,
    pub exchanges: Vec<Exchange>,
    /// Logins whose signature is right.
    pub logins: usize,
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word} is no number"))
}

fn bytes(word: &str) -> Vec<u8> {
    unhex(word).unwrap_or_else(|| panic!("{word:.80} is not hexadecimal")).to_vec()
}

impl Decoded {
    fn read(folder: &Path) -> Self {
        let mut found = Self::default();
        let told = std::fs::read_to_string(folder.join("decoded")).expect("what was found");
        for line in told.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["ident", way, off, len] => found.packets.push(Packet {
                    from_client: way == "c2s",
                    off: number(off),
                    wire_len: number(len),
                    inside: None,
                }),
                ["packet", way, seq, epoch, off, len, padding, payload] => {
                    let (seq, epoch) = (number(seq), number(epoch));
                    found.packets.push(Packet {
                        from_client: way == "c2s",
                        off: number(off),
                        wire_len: number(len),
                        inside: Some((seq, epoch, number(padding), bytes(payload))),
                    });
                }
                ["exchange", method, host_key, ciphers, macs, h, id, ref keys @ ..] => {
                    let key = |word: &&str| bytes(word.split_once('=').expect("a letter").1);
                    found.exchanges.push(Exchange {
                        method: method.to_owned(),
                        host_key: host_key.to_owned(),
                        ciphers: ciphers.to_owned(),
                        macs: macs.to_owned(),
                        h: bytes(h),
                        session_id: bytes(id),
                        keys: keys.iter().map(key).collect(),
                    });
                }
                ["login", _] => found.logins += 1,
                _ => panic!("{line:.80}"),
            }
        }
        found
    }
}

/// One process reads the sessions in these folders: what each holds, or why it cannot be read.
#[track_caller]
pub fn decode(folders: &[PathBuf]) -> BTreeMap<PathBuf, Result<Decoded, String>> {
    let mut line = Command::new(PYTHON);
    let done = run(line.args(["-B", DECODER]).args(folders));
    let mut found = BTreeMap::new();
    for line in done.text().lines() {
        let (folder, verdict) = line.split_once(' ').expect("a folder and a verdict");
        let folder = PathBuf::from(folder);
        let read = match verdict {
            "ok" => Ok(Decoded::read(&folder)),
            fault => Err(fault.to_owned()),
        };
        found.insert(folder, read);
    }
    assert_eq!(found.len(), folders.len(), "{}", done.stderr);
    found
}

/// The bytes of a map that `name` has, in hexadecimal: a secret that is shown.
fn secret(map: &Map, name: &str) -> Vec<u8> {
    map.get(name).and_then(Value::as_map).map_or_else(Vec::new, |map| map.bytes("hex").to_vec())
}

/// Whether a trace with secrets says of every packet, exchange and key what the decoder found, and
/// nothing besides.
pub fn equal(events: &[Event], decoded: &Decoded, wire: &[Vec<u8>; 2]) -> Result<(), String> {
    for from_client in [true, false] {
        let dir = if from_client { "c2s" } else { "s2c" };
        let bytes = &wire[usize::from(!from_client)];
        let told = events.iter().filter(|e| matches!(e.kind, Kind::Ident | Kind::Packet));
        let mut told = told.filter(|event| event.values.text("dir") == dir);
        for packet in decoded.packets.iter().filter(|p| p.from_client == from_client) {
            let event = told.next().ok_or_else(|| format!("{dir}: packets are missing"))?;
            same_packet(&event.values, packet, bytes)
                .map_err(|what| format!("{dir}, event {}: {what}", event.n))?;
        }
        if let Some(event) = told.next() {
            return Err(format!("{dir}: event {} is nothing that was sent", event.n));
        }
    }
    let of = |kind| events.iter().filter(move |event| event.kind == kind);
    let exchanges: Vec<&Event> = of(Kind::Kex).collect();
    let mut keys = of(Kind::Key);
    if exchanges.len() != decoded.exchanges.len() {
        return Err(format!("{} exchanges, not {}", exchanges.len(), decoded.exchanges.len()));
    }
    for (event, exchange) in exchanges.iter().zip(&decoded.exchanges) {
        let v = &event.values;
        if v.text("method") != exchange.method
            || *v.bytes("h") != exchange.h
            || *v.bytes("session_id") != exchange.session_id
        {
            return Err(format!("event {} is another exchange", event.n));
        }
        for (letter, key) in ('A'..='F').zip(&exchange.keys) {
            let event = keys.next().ok_or("keys are missing")?;
            let v = &event.values;
            if v.text("letter") != letter.to_string() || secret(v, "key") != *key {
                return Err(format!("event {} is not key {letter}", event.n));
            }
        }
    }
    match keys.next() {
        Some(event) => Err(format!("event {} is a key of nothing", event.n)),
        None => Ok(()),
    }
}

fn same_packet(v: &Map, packet: &Packet, wire: &[u8]) -> Result<(), &'static str> {
    let number = |n: usize| u64::try_from(n).expect("a number");
    let end = packet.off + packet.wire_len;
    if v.number("off") != number(packet.off) || v.number("wire_len") != number(packet.wire_len) {
        return Err("another place");
    }
    if *v.bytes("wire") != wire[packet.off..end] {
        return Err("other bytes on the wire");
    }
    let Some((seq, epoch, padding, payload)) = &packet.inside else {
        let text = v.bytes("payload").is_empty() && v.get("seq").is_none();
        return if text { Ok(()) } else { Err("a packet where a line was") };
    };
    if v.get("seq").is_none() || v.number("seq") != *seq || v.number("epoch") != *epoch {
        return Err("another number");
    }
    if v.number("pad") != *padding {
        return Err("other padding");
    }
    if *v.bytes("payload") != *payload || v.number("payload_len") != number(payload.len()) {
        return Err("another payload");
    }
    if v.number("msg") != u64::from(payload[0]) {
        return Err("another message");
    }
    let mac = v.get("mac").and_then(Value::as_map);
    let good = mac.is_none_or(|mac| mac.get("ok") == Some(&true.into()));
    if !good || mac.is_some() != (*epoch > 0) {
        return Err("a MAC that the packet does not have");
    }
    Ok(())
}

/// The bytes and the key log of a session, for the decoder.
pub fn save(folder: &Path, wire: &[Vec<u8>; 2]) {
    for (name, bytes) in ["c2s", "s2c"].iter().zip(wire) {
        std::fs::write(folder.join(name), bytes)
            .unwrap_or_else(|e| panic!("{}: {e}", text(folder)));
    }
}
