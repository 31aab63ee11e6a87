//! Silence ends: a server that never speaks, or speaks no more.

use crate::support::lacks_openssh;
use rustix::process::Signal;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};
use tssh_interop_tests::openssh::Server;
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::tssh::{client_command, is_stand_in, tssh_binary};

/// The client's limit in these tests, in seconds, and what may pass on a busy machine.
const LIMIT: &str = "ConnectTimeout=2";
const LATEST: Duration = Duration::from_secs(20);

#[test]
fn a_server_that_says_nothing_is_given_up() {
    gives_up(b"");
}

#[test]
fn a_server_that_stops_before_the_key_exchange_is_given_up() {
    // OpenSSH 9.2 waits for ever here.
    if is_stand_in() {
        return;
    }
    gives_up(b"SSH-2.0-OpenSSH_9.2p1\r\n");
}

fn gives_up(greeting: &'static [u8]) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("the address of a listener").port().to_string();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client's connection");
        stream.write_all(greeting).expect("send the greeting");
        // Held open until the client goes.
        std::io::copy(&mut stream, &mut std::io::sink()).map(|_| ())
    });
    let begun = Instant::now();
    let mut command = Command::new(tssh_binary());
    command.args(["-F", "none", "-o", "BatchMode=yes", "-o", LIMIT, "-p", &port]);
    let done = run(command.args(["127.0.0.1", "true"]).env("LC_ALL", "C"));
    done.expect_code(255);
    assert!(done.stderr.to_lowercase().contains("timed out"), "{}", done.stderr);
    assert!(begun.elapsed() < LATEST, "given up only after {:?}", begun.elapsed());
    // A reset is as good an end as an orderly one.
    let _ = server.join().expect("the silent server ends");
}

#[test]
fn a_connection_that_died_is_noticed() {
    if lacks_openssh("silence::a_connection_that_died_is_noticed") {
        return;
    }
    let server = Server::with_lines(&[]);
    let options = ["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=2"];
    let mut command = client_command(&tssh_binary(), &server, &options, &["echo ready; cat"]);
    let mut process = Process::spawn(&mut command);
    assert!(process.stdout.wait_for("ready", PATIENCE), "{}", process.output());
    server.process().signal_all(Signal::STOP);
    let ended = process.wait_for_exit(LATEST).expect("an end without answers");
    assert_eq!(ended.code(), Some(255));
    let text = "Timeout, server 127.0.0.1 not responding.";
    assert!(process.stderr.wait_for(text, PATIENCE), "{}", process.output());
}
