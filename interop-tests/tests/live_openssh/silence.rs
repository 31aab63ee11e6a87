//! Silence ends: a server that never speaks, or speaks no more. Slowness within a login is not
//! silence.

use crate::support::lacks_openssh;
use rustix::process::Signal;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};
use tssh_interop_tests::openssh::{KeyKind, Server, keygen, user_name};
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::tssh::{bare_command, client_command, is_stand_in, tssh_binary};

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

/// A wait that the client's limit must not cut short: longer than [`SHORT`].
const SLOW_SECONDS: u32 = 5;
const SHORT: &str = "ConnectTimeout=3";

#[test]
fn a_server_that_is_slow_to_judge_a_key_is_waited_for() {
    if lacks_openssh("silence::a_server_that_is_slow_to_judge_a_key_is_waited_for") {
        return;
    }
    let folder = Scratch::new();
    let key = folder.join("slow_key");
    let public = keygen(&key, KeyKind::Ed25519, "");
    // sshd runs only a program that none but root could have written, in folders of the same
    // kind: the system's shell is one, wherever the temporary files lie.
    let script = format!("sleep {SLOW_SECONDS}; echo {public}");
    let command = format!("AuthorizedKeysCommand /bin/sh -c \"{script}\"");
    let user = format!("AuthorizedKeysCommandUser {}", user_name());
    let server = Server::with_lines(&["AuthorizedKeysFile none", &command, &user]);
    let mut client = bare_command(&tssh_binary(), &server, &["-oBatchMode=yes", "-o", SHORT]);
    client.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(&key).args(["127.0.0.1", "echo", "in"]);
    let begun = Instant::now();
    assert_eq!(run(&mut client).expect_code(0).text(), "in\n");
    let slow = Duration::from_secs(SLOW_SECONDS.into());
    assert!(begun.elapsed() >= slow, "the server answered after {:?}", begun.elapsed());
}

#[test]
fn a_person_who_is_slow_to_answer_is_waited_for() {
    if lacks_openssh("silence::a_person_who_is_slow_to_answer_is_waited_for") {
        return;
    }
    let server = Server::with_lines(&[]);
    let folder = server.folder();
    let key = folder.join("locked");
    server.authorize(&keygen(&key, KeyKind::Ed25519, "said after a while"));
    let body = format!("sleep {SLOW_SECONDS}; echo 'said after a while'");
    let program = folder.script("askpass", &body);
    let mut client = bare_command(&tssh_binary(), &server, &["-o", SHORT]);
    client.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(&key).args(["127.0.0.1", "echo", "in"]);
    client.env("SSH_ASKPASS", program).env("SSH_ASKPASS_REQUIRE", "force");
    assert_eq!(run(&mut client).expect_code(0).text(), "in\n");
}
