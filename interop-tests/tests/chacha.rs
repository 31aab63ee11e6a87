//! chacha20-poly1305@openssh.com, which has no published vectors, against an implementation in
//! Python that shares nothing with ours.

#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use tssh_interop_tests::pattern::hex;
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::services;
use tssh_interop_tests::sim::random::Rng;
use tssh_interop_tests::skip::skip;
use tssh_transport::cipher::{DirectionKeys, cipher};

const PACKETS: usize = 10_000;

/// A packet to be sealed: key, sequence number, length and body.
fn cases() -> Vec<(Vec<u8>, u32, Vec<u8>)> {
    let mut rng = Rng::new(0x6368_6163);
    let mut bytes = move |n: u64| -> (Vec<u8>, u64) {
        let bytes = (0..n).map(|_| u8::try_from(rng.below(256)).expect("a byte")).collect();
        (bytes, rng.draw())
    };
    let case = |number: usize| {
        let (key, draw) = bytes(64);
        // The edges of the sequence number, and everything between.
        let sequence = match number % 8 {
            0 => u32::MAX,
            1 => 0,
            2 => 0x8000_0000,
            _ => u32::try_from(draw >> 32).expect("32 bits"),
        };
        // Mostly short ones, to the byte; some of many blocks.
        let size = if number.is_multiple_of(500) { 32_760 } else { 8 + draw % 250 };
        let (body, _) = bytes(size);
        let length = u32::try_from(body.len()).expect("a packet");
        (key, sequence, [&length.to_be_bytes()[..], &body].concat())
    };
    (0..PACKETS).map(case).collect()
}

#[test]
fn ten_thousand_packets_are_sealed_as_python_seals_them() {
    const TEST: &str = "chacha::ten_thousand_packets_are_sealed_as_python_seals_them";
    if let Some(reason) = services::missing(&["python3"]) {
        return skip(TEST, &reason);
    }
    let cases = cases();
    let mut input = String::new();
    for (key, sequence, packet) in &cases {
        let _ = writeln!(input, "{} {sequence:08x} {}", hex(key), hex(packet));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chacha20_poly1305_openssh.py");
    let mut python = Process::spawn(Command::new("python3").arg(script));
    python.send(input.as_bytes());
    let done = python.finish(4 * PATIENCE);
    done.expect_code(0);
    let text = String::from_utf8(done.stdout).expect("hexadecimal digits");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), PACKETS);
    let row = cipher("chacha20-poly1305@openssh.com").expect("a cipher");
    for ((key, sequence, packet), theirs) in cases.iter().zip(lines) {
        let keys = DirectionKeys { iv: &[], key, mac_key: &[] };
        let mut sealed = packet.clone();
        sealed.resize(packet.len() + 16, 0);
        assert!((row.sealer)(&keys, None).expect("a key").seal(*sequence, &mut sealed));
        assert_eq!(hex(&sealed), theirs, "sequence {sequence}, {} bytes", packet.len());
        let mut opener = (row.opener)(&keys, None).expect("a key");
        let length = opener.open_length(*sequence, &mut sealed[..4]);
        assert_eq!(length.to_be_bytes(), packet[..4]);
        assert_eq!(opener.open(*sequence, &mut sealed), Ok(()));
        assert!(sealed[4..packet.len()] == packet[4..]);
    }
    println!("{PACKETS} packets");
}
