//! What a local forward is part of: a host's block, a session that ends, an address that is told,
//! and a port that is free again at once.

use crate::support::{Pair, STRICT, all_of, connect, each_pair};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tssh_interop_tests::ports::free_port;
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::sockets::listening;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::{client_command, with};

each_pair! {
    every_originator_is_told: TsshSshd;
    a_block_of_a_host_brings_its_forwards: TsshSshd;
    forwards_can_be_cleared: TsshSshd;
    a_session_without_connections_ends_at_once: TsshSshd SshTsshd TsshTsshd;
    a_port_can_be_listened_on_again_at_once: TsshSshd;
    an_address_of_ours_is_used_when_asked_for: TsshSshd;
    tunnel_devices_are_refused_by_name: TsshSshd;
}

/// Connections of which each has a port of its own.
const CLIENTS: usize = 100;

/// S13: the server hears from which address and port each connection came.
fn every_originator_is_told(pair: Pair) {
    let server = pair.server(&["LogLevel DEBUG1"]);
    let (echo, port) = (Service::start(Toy::Echo), free_port());
    let forward = format!("-L{port}:127.0.0.1:{}", echo.port());
    let holder = pair.hold(&server, &[&forward, STRICT]);
    let mut streams: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(port)).collect();
    for stream in &mut streams {
        stream.write_all(b"x").expect("send");
        stream.read_exact(&mut [0]).expect("hear the echo");
    }
    let ours = |stream: &TcpStream| stream.local_addr().expect("our address").port();
    let ports: BTreeSet<u16> = streams.iter().map(ours).collect();
    assert_eq!(ports.len(), CLIENTS);
    for port in ports {
        server.expect_log(&format!("originator 127.0.0.1 port {port}, target 127.0.0.1"));
    }
    drop(streams);
    holder.finish();
}

/// S28: an alias with a host name brings its LocalForward.
fn a_block_of_a_host_brings_its_forwards(pair: Pair) {
    let (server, imap, port) = (pair.server(&[]), Service::start(Toy::Imap), free_port());
    let block = format!(
        "Host tunnel-example\n  HostName 127.0.0.1\n  Port {}\n  User {}\n  IdentityFile {}\n  \
         IdentitiesOnly yes\n  LocalForward {port} localhost:{}\n",
        server.port(),
        server.user(),
        server.user_key().display(),
        imap.port()
    );
    let file = server.folder().write("config", block);
    let mut command = std::process::Command::new(pair.client());
    command.arg("-F").arg(file).args(["-o", "BatchMode=yes", "-o"]);
    command.arg(with("UserKnownHostsFile=", &server.known_hosts()));
    command.args([STRICT, "tunnel-example", "echo ready; cat"]);
    command.env("HOME", server.folder().path()).env_remove("SSH_AUTH_SOCK");
    let mut process = Process::spawn(&mut command);
    assert!(process.stdout.wait_for("ready", PATIENCE), "{}", process.output());
    let mut stream = connect(port);
    stream.write_all(b"a LOGOUT\r\n").expect("a goodbye");
    assert!(all_of(stream).starts_with("* OK IMAP4rev1"));
    process.finish(PATIENCE).expect_code(0);
}

/// S38: ClearAllForwardings takes those of the command line too, and leaves another session's.
fn forwards_can_be_cleared(pair: Pair) {
    let (server, imap, port) = (pair.server(&[]), Service::start(Toy::Imap), free_port());
    let forward = format!("-L{port}:localhost:{}", imap.port());
    let holder = pair.hold(&server, &[&forward, STRICT]);
    // The port is busy: it would be a failure if it were asked for.
    let options = [&*forward, STRICT, "-oClearAllForwardings=yes"];
    pair.run(&server, &options, &["true"]).expect_code(0);
    assert!(!listening(port).is_empty());
    holder.finish();
}

/// S24: the forward goes with the session, which ends with its command when nothing is forwarded.
fn a_session_without_connections_ends_at_once(pair: Pair) {
    let (server, port) = (pair.server(&[]), free_port());
    let forward = format!("-L{port}:localhost:1");
    let begun = Instant::now();
    pair.run(&server, &[&forward, STRICT], &["exit 5"]).expect_code(5);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(listening(port).is_empty());
}

/// S49: with connections in the middle of everything the client dies, and the next one can
/// listen where it did.
fn a_port_can_be_listened_on_again_at_once(pair: Pair) {
    let (server, echo, port) = (pair.server(&[]), Service::start(Toy::Echo), free_port());
    let forward = format!("-L{port}:127.0.0.1:{}", echo.port());
    let first = pair.hold(&server, &[&forward, STRICT]);
    let mut stream = connect(port);
    stream.write_all(b"x").expect("send");
    stream.read_exact(&mut [0]).expect("hear the echo");
    first.process.signal_all(rustix::process::Signal::KILL);
    let _ = stream.read(&mut [0]);
    drop((first, stream));
    pair.hold(&server, &[&forward, STRICT]).finish();
}

/// S18: `-b` is what the server sees.
fn an_address_of_ours_is_used_when_asked_for(pair: Pair) {
    let server = pair.server(&[]);
    pair.run(&server, &["-b", "127.0.0.2"], &["true"]).expect_code(0);
    server.expect_log("Connection from 127.0.0.2 port ");
}

/// S06: tunnel devices are never ignored: there is none, or it is said that there can be none.
fn tunnel_devices_are_refused_by_name(pair: Pair) {
    let server = pair.server(&["PermitTunnel no"]);
    let options = ["-w", "any:any", STRICT];
    let done = run(&mut client_command(&pair.client(), &server, &options, &["true"]));
    let said = done.stderr.to_lowercase();
    assert!(said.contains("tun"), "exit {}: {}", done.code, done.stderr);
}
