//! The trace equals the wire; fields tile; references resolve; lines fit the schema.

use crate::support::{TRANSFER, events, fields, lacks_openssh, server, session, text};
use std::process::Command;
use tssh_interop_tests::citations;
use tssh_interop_tests::openssh::{Server, ServerOptions, program_path};
use tssh_interop_tests::process::{PATIENCE, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::client_command;
use tssh_transport::trace::{Event, Kind, Value};

/// Every packet's direction, place, number and bytes are those that a tap between client and
/// server saw, and nothing on the wire is missing from the trace.
#[track_caller]
fn equals_the_wire(events: &[Event], wire: &[Vec<u8>; 2]) {
    let mut at = [0usize; 2];
    let mut numbers = [0u64; 2];
    let mut epochs = [0u64; 2];
    for event in events.iter().filter(|e| matches!(e.kind, Kind::Ident | Kind::Packet)) {
        let v = &event.values;
        let side = usize::from(v.text("dir") == "s2c");
        let (bytes, off) = (v.bytes("wire"), usize::try_from(v.number("off")).expect("an offset"));
        assert_eq!(off, at[side], "event {}", event.n);
        assert!(wire[side][off..].starts_with(&bytes), "event {}", event.n);
        assert_eq!(v.number("wire_len"), u64::try_from(bytes.len()).expect("a length"));
        at[side] += bytes.len();
        if event.kind == Kind::Ident {
            continue;
        }
        if v.number("epoch") != epochs[side] {
            epochs[side] += 1;
            assert_eq!(v.number("epoch"), epochs[side], "event {}", event.n);
            // Both sides have strict key exchange.
            numbers[side] = 0;
        }
        assert_eq!(v.number("seq"), numbers[side], "event {}", event.n);
        numbers[side] += 1;
    }
    assert_eq!(at, [wire[0].len(), wire[1].len()], "bytes that no event has");
    assert!(epochs[0] > 0 && epochs[1] > 0);
}

#[track_caller]
fn fields_tile(events: &[Event]) {
    let stored = citations::stored();
    for event in events {
        let mut references = vec![event.values.text("rfc")];
        let mut at = 0;
        for field in fields(event) {
            assert_eq!(field.number("off"), at, "event {}", event.n);
            at += field.number("len");
            references.push(field.text("rfc"));
        }
        if event.kind == Kind::Packet {
            assert_eq!(at, event.values.number("payload_len"), "event {}", event.n);
        }
        for reference in references.into_iter().filter(|reference| !reference.is_empty()) {
            let (rfc, section) = reference.split_once('#').expect("RFC#SECTION");
            let rfc = stored.get(&rfc.parse().expect("a number"));
            let rfc = rfc.unwrap_or_else(|| panic!("{reference}: no such text"));
            assert!(rfc.has_section(section), "{reference}");
        }
    }
}

/// Lines fit `docs/trace-schema.json`, by a checker that is not ours.
#[track_caller]
fn fits_the_schema(test: &str, path: &std::path::Path) {
    let check = "import json, sys\n\
        from jsonschema import Draft202012Validator as V\n\
        schema = json.load(open(sys.argv[1]))\n\
        V.check_schema(schema)\n\
        v = V(schema)\n\
        for line in open(sys.argv[2]):\n\
        \x20   for e in v.iter_errors(json.loads(line)):\n\
        \x20       print(line[:300], [str(c.message)[:300] for c in [e, *e.context]][:12])\n\
        \x20       sys.exit(1)\n";
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/trace-schema.json");
    let probe = run(Command::new("python3").args(["-c", "import jsonschema"]));
    if probe.code != 0 {
        return skip(test, "no python3-jsonschema");
    }
    let done = run(Command::new("python3").args(["-c", check, schema]).arg(path));
    assert_eq!(done.code, 0, "{}{}", done.text(), done.stderr);
}

#[test]
fn the_trace_is_the_wire() {
    if lacks_openssh("wire::the_trace_is_the_wire") {
        return;
    }
    let (server, key) = server(&["RekeyLimit 20K"]);
    for (cipher, more) in [
        ("chacha20-poly1305@openssh.com", "-oCompression=yes"),
        ("aes128-gcm@openssh.com", "--trace-secrets"),
        ("aes256-ctr", "-mhmac-sha2-256"),
    ] {
        let path = server.folder().join(&format!("trace.{cipher}"));
        let options = ["--trace", "jsonl", text(&path), "-c", cipher, more];
        let done = session(&server, &key, &options, "true");
        let events = events(&path);
        equals_the_wire(&events, &done.wire);
        fields_tile(&events);
        fits_the_schema("wire::the_trace_is_the_wire", &path);
        let count = |kind| events.iter().filter(|event| event.kind == kind).count();
        let compressed = events.iter().any(|e| e.values.get("compressed") == Some(&true.into()));
        assert_eq!(compressed, more == "-oCompression=yes");
        if !compressed {
            assert!(done.wire.iter().all(|bytes| bytes.len() > TRANSFER));
            assert!(count(Kind::Kex) > 1, "keys were exchanged once more");
        }
        assert_eq!(count(Kind::Key), count(Kind::Kex) * 6);
        assert!(count(Kind::Decision) > 8 && count(Kind::Auth) > 2 && count(Kind::Window) > 4);
        assert!(fields_of(&events, 90).iter().any(|field| {
            field.text("name") == "port to connect"
                && field.number("value") == u64::from(done.target)
        }));
    }
}

fn fields_of(events: &[Event], number: u64) -> Vec<&tssh_transport::trace::Map> {
    let packets = events.iter().filter(|event| event.values.number("msg") == number);
    packets.flat_map(fields).collect()
}

/// H is what the listed inputs hash to, computed by `sha256sum`.
#[test]
fn the_exchange_hash_can_be_checked() {
    if lacks_openssh("wire::the_exchange_hash_can_be_checked") {
        return;
    }
    let (server, key) = server(&[]);
    for method in ["curve25519-sha256", "diffie-hellman-group14-sha256"] {
        let path = server.folder().join("trace");
        let kex = format!("KexAlgorithms={method}");
        let options = ["--trace", "jsonl", text(&path), "--trace-secrets", "-o", &kex];
        session(&server, &key, &options, "true");
        let events = events(&path);
        let exchange = events.iter().find(|event| event.kind == Kind::Kex).expect("an exchange");
        let mut hashed = Vec::new();
        for input in exchange.values.list("inputs").iter().filter_map(Value::as_map) {
            let name = if input.text("name") == "K" { "hex" } else { "bytes" };
            hashed.extend_from_slice(&input.bytes(name));
        }
        let file = server.folder().write("hashed", &hashed);
        let sum = run(Command::new("sha256sum").arg(file));
        assert!(sum.text().starts_with(exchange.values.text("h")), "{method}: {}", sum.text());
    }
}

/// A server's trace is as good as a client's.
#[test]
fn tsshd_traces_too() {
    if lacks_openssh("wire::tsshd_traces_too") {
        return;
    }
    let folder = Scratch::new();
    let path = folder.join("trace");
    let arguments = ["--trace", "jsonl", text(&path)].map(str::to_owned).to_vec();
    let server = Server::start_tsshd(&ServerOptions { arguments, ..ServerOptions::default() });
    for number in 1..=2 {
        let mut command = client_command(&program_path("ssh"), &server, &[], &["echo here"]);
        assert_eq!(run(&mut command).text(), "here\n");
        let own = folder.join(&format!("trace.{number}"));
        // It is said when the trace is whole.
        let over = |log: &[u8]| {
            String::from_utf8_lossy(log).matches("Disconnected from").count() == number
        };
        assert!(server.process().stderr.wait(PATIENCE, over), "{}", server.log());
        let events = events(&own);
        fields_tile(&events);
        fits_the_schema("wire::tsshd_traces_too", &own);
        assert_eq!(events[0].values.text("side"), "server");
    }
}
