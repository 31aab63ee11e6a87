//! `-O proxy`: a client that speaks RFC 4254 to its master.

use super::{Shared, lacks_openssh, pairs};
use crate::support::connect;
use std::io::{Read, Write};
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::terminal::Terminal;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::{is_stand_in, tssh_binary};

/// Streams, statuses and an early end of the outputs are as in a connection of its own.
#[test]
fn a_session_is_like_one_of_its_own() {
    if lacks_openssh("mux::proxy::a_session_is_like_one_of_its_own") {
        return;
    }
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        let command = ["cat; echo apart >&2; exit 7"];
        let mut process = Process::spawn(&mut shared.command(&["-Oproxy"], &command));
        process.send(b"typed\n");
        let done = process.finish(PATIENCE);
        assert_eq!(done.expect_code(7).expect_stderr("apart\n").text(), "typed\n");
        let large = shared.run(&["-Oproxy", "-n"], &["head -c 3000000 /dev/zero; exit 4"]);
        assert_eq!(large.expect_code(4).stdout.len(), 3_000_000);
        let early = "exec sh -c 'exec >/dev/null 2>&1; exit 44'";
        shared.run(&["-Oproxy", "-n"], &[early]).expect_code(44);
        shared.run(&["-Oproxy", "-s"], &["no-such-subsystem"]).expect_code(255);
        // The master, and others beside it, go on.
        assert_eq!(shared.run(&[], &["echo alive"]).expect_code(0).text(), "alive\n");
        shared.finish();
    }
}

#[test]
fn a_terminal_and_its_size() {
    if lacks_openssh("mux::proxy::a_terminal_and_its_size") {
        return;
    }
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        let command = "stty size; trap 'stty size; exit 5' WINCH; echo armed; \
                       while :; do sleep 0.05; done";
        let command = shared.command(&["-Oproxy", "-t"], &[command]);
        let mut terminal = Terminal::start(&command, 80, 24);
        terminal.expect("24 80");
        terminal.expect("armed");
        terminal.resize(100, 30);
        terminal.expect("30 100");
        assert_eq!(terminal.process.wait_for_exit(PATIENCE).and_then(|s| s.code()), Some(5));
        shared.finish();
    }
}

/// Connections of local forwards are channels within the master's connection.
#[test]
fn a_local_forward() {
    if lacks_openssh("mux::proxy::a_local_forward") {
        return;
    }
    let echo = Service::start(Toy::Echo);
    for (master, client) in pairs() {
        let shared = Shared::start(&master, &client, &[]);
        let port = free_port();
        let option = format!("-L127.0.0.1:{port}:127.0.0.1:{}", echo.port());
        let command = ["echo in; cat; exit 6"];
        let mut process = Process::spawn(&mut shared.command(&["-Oproxy", &option], &command));
        assert!(process.stdout.wait_for("in\n", PATIENCE), "{}", process.output());
        let mut stream = connect(port);
        stream.write_all(b"there and back").expect("write through the forward");
        let mut back = [0; 14];
        stream.read_exact(&mut back).expect("read through the forward");
        assert_eq!(&back, b"there and back");
        drop(stream);
        process.finish(PATIENCE).expect_code(6);
        shared.finish();
    }
}

/// The socket carries everything in the clear, so that a trace of it would give away the session.
#[test]
fn what_a_master_carries_is_not_traced() {
    const NAME: &str = "mux::proxy::what_a_master_carries_is_not_traced";
    if lacks_openssh(NAME) {
        return;
    }
    if is_stand_in() {
        return skip(NAME, "ssh has no traces");
    }
    let ours = tssh_binary();
    let shared = Shared::start(&ours, &ours, &[]);
    let path = shared.server.folder().join("trace");
    let file = path.to_str().expect("a path in UTF-8");
    for option in [&["--trace", "jsonl", file][..], &["--keylog", file]] {
        let refused = shared.run(&[&["-Oproxy"], option].concat(), &["echo in"]);
        refused.expect_code(255).expect_stderr("the packets are the master's");
        assert!(!path.exists());
    }
    shared.finish();
}

/// Packets that break the rules end their client alone.
#[test]
fn hostile_packets_end_their_client() {
    if lacks_openssh("mux::proxy::hostile_packets_end_their_client") {
        return;
    }
    let ours = tssh_binary();
    let shared = Shared::start(&ours, &ours, &[]);
    let hello = [0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 4];
    let proxy = [0, 0, 0, 8, 0x10, 0, 0, 15, 0, 0, 0, 3];
    for packet in [
        // A length that no packet has; data for a channel that is not there; a key exchange.
        &[0xff; 8][..],
        &[0, 0, 0, 11, 0, 94, 0, 0, 0, 9, 0, 0, 0, 1, b'x'],
        &[0, 0, 0, 2, 0, 20],
    ] {
        let mut stream = shared.raw();
        stream.write_all(&[&hello[..], &proxy, packet].concat()).expect("requests");
        let mut all = Vec::new();
        let end = stream.read_to_end(&mut all);
        assert!(end.is_ok(), "{packet:x?}: {end:?}");
        assert!(all.starts_with(&hello), "{all:x?}");
        assert_eq!(all[12..24], [0, 0, 0, 8, 0x80, 0, 0, 15, 0, 0, 0, 3]);
    }
    assert_eq!(shared.run(&["-Oproxy"], &["echo alive"]).expect_code(0).text(), "alive\n");
    shared.finish();
}
