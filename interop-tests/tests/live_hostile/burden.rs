//! What floods before the login cost a server.

use crate::support::{status_kib, tsshd, unavailable};
use std::io::Write as _;
use std::time::Duration;
use tssh_interop_tests::hostile::wire::Wire;
use tssh_transport::messages::transport::{Debug, Ignore, Ping, ServiceRequest};
use tssh_transport::messages::userauth::UserauthRequest;
use tssh_transport::wire::Message;

/// The most memory of the server at any time, with all floods behind it.
const MEMORY_KIB_MAX: usize = 48 * 1024;
/// What is sent by each flood, unless the server stops reading.
const FLOOD_BYTES: usize = 128 << 20;
/// How long a server that does not read is waited for.
const STUCK: Duration = Duration::from_secs(2);
/// Lines that the server may log of one connection, whatever it does.
const LINES_MAX: usize = 30;

/// Sends until so much was sent, or the server reads no more, or ends it. Gives what was sent.
fn flood(wire: &mut Wire, payload: &[u8]) -> usize {
    wire.stream.set_write_timeout(Some(STUCK)).expect("a limit for writes");
    let mut sent = 0;
    while sent < FLOOD_BYTES {
        let mut batch = Vec::new();
        while batch.len() < 256 * 1024 {
            batch.extend(wire.raw.packet(payload));
        }
        if wire.stream.write_all(&batch).is_err() {
            break;
        }
        sent += batch.len();
    }
    sent
}

/// CVE-2025-26466: 16-byte pings before the login, whose answers are never read, and other floods
/// of the kind. The server's memory stays small, and it serves others.
#[test]
fn cve_2025_26466_floods_before_the_login_cost_a_server_little() {
    if unavailable("burden::cve_2025_26466_floods_before_the_login_cost_a_server_little") {
        return;
    }
    let server = tsshd(&[]);
    let floods: [(&str, Vec<u8>); 5] = [
        ("pings", Ping::new(&[0; 16]).payload()),
        ("large pings", Ping::new(&[0; 30_000]).payload()),
        ("ignore", Ignore::new(&[0; 30_000]).payload()),
        ("debug", Debug::new(true, &[b'\x07'; 30_000], b"").payload()),
        ("unknown", vec![200; 20]),
    ];
    let mut stuck = Vec::new();
    for (name, payload) in &floods {
        let mut wire = Wire::to(server.port());
        wire.exchange().expect("a key exchange");
        let sent = flood(&mut wire, payload);
        let memory = status_kib(server.process().pid(), "VmHWM:");
        println!("{name}: {} MiB sent, {memory} KiB at most", sent >> 20);
        assert!(memory <= MEMORY_KIB_MAX, "{name}: {memory} KiB");
        stuck.push(wire);
    }
    let mut other = Wire::to(server.port());
    other.log_in(server.user()).expect("a login beside them");
    let log = server.log();
    assert!(log.lines().count() <= LINES_MAX * (floods.len() + 1), "{log}");
}

/// Requests with names full of control characters and line ends: the log has few lines of each
/// connection, and every one is a line of the server's own.
#[test]
fn names_of_strangers_do_not_reach_the_log_as_they_are() {
    if unavailable("burden::names_of_strangers_do_not_reach_the_log_as_they_are") {
        return;
    }
    let server = tsshd(&[]);
    let before = server.log().lines().count();
    let mut wire = Wire::to(server.port());
    wire.exchange().expect("a key exchange");
    let user = b"root\x1b[31m\r\nAccepted publickey for root\x08\xc2\x9b\x7f";
    wire.say(&ServiceRequest::new(b"ssh-userauth"));
    for _ in 0..1000 {
        wire.say(&UserauthRequest::new(user, b"ssh-connection", user, user));
    }
    wire.until_the_end();
    server.expect_log("port ");
    let log = server.log();
    let lines = log.lines().count() - before;
    println!("{lines} lines");
    assert!(lines <= LINES_MAX, "{log}");
    let forged = log.lines().any(|line| line.starts_with("Accepted"));
    assert!(!forged, "{log}");
    let control = |c: char| c.is_control() && c != '\n' && c != '\r' && c != '\t';
    assert!(!log.contains(control), "{}", log.escape_debug());
}
