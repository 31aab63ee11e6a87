//! Waits that end, and numbers that are not exceeded.

use crate::support::{remote, ssh, tsshd, unavailable};
use rustix::process::Signal;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpStream};
use tssh_interop_tests::process::{PATIENCE, Process, run};
use tssh_interop_tests::tssh::client_command;

fn to(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a limit for reads");
    stream
}

#[test]
fn who_does_not_log_in_is_sent_away() {
    if unavailable("limits::who_does_not_log_in_is_sent_away") {
        return;
    }
    let server = tsshd(&["LoginGraceTime 1"]);
    let mut silent = to(server.port());
    let mut all = Vec::new();
    silent.read_to_end(&mut all).expect("an end");
    assert!(all.starts_with(b"SSH-2.0-tssh_"), "{}", String::from_utf8_lossy(&all));
    server.expect_log("Timeout before authentication for 127.0.0.1 port ");
}

#[test]
fn too_many_that_do_not_log_in_are_dropped() {
    if unavailable("limits::too_many_that_do_not_log_in_are_dropped") {
        return;
    }
    let server = tsshd(&["MaxStartups 2"]);
    // Who has logged in does not count.
    let mut client = Process::spawn(&mut client_command(&ssh(), &server, &[], &["echo in; cat"]));
    assert!(client.stdout.wait_for("in\n", PATIENCE), "{}", client.output());
    let mut first = [0; 8];
    let mut waiting = [to(server.port()), to(server.port())];
    for stream in &mut waiting {
        stream.read_exact(&mut first).expect("a greeting");
        assert_eq!(&first, b"SSH-2.0-");
    }
    let mut dropped = String::new();
    to(server.port()).read_to_string(&mut dropped).expect("an end");
    assert_eq!(dropped, "Exceeded MaxStartups\r\n");
    server.expect_log("drop connection #1 from [127.0.0.1]:");
    // Who goes away makes room. What they have not read turns their end into a reset.
    drop(waiting);
    server.expect_log("Connection reset by 127.0.0.1 port ");
    client.finish(PATIENCE).expect_code(0);
}

#[test]
fn sessions_of_one_connection_are_counted() {
    if unavailable("limits::sessions_of_one_connection_are_counted") {
        return;
    }
    let server = tsshd(&["MaxSessions 1"]);
    let control = server.folder().join("control");
    let path = format!("ControlPath={}", control.display());
    let options = ["-o", &path, "-o", "ControlMaster=yes"];
    let mut master =
        Process::spawn(&mut client_command(&ssh(), &server, &options, &["echo in; cat"]));
    assert!(master.stdout.wait_for("in\n", PATIENCE), "{}", master.output());
    let more = remote(&server, &["-o", &path, "-o", "ControlMaster=no"], "true");
    // The client makes a connection of its own when the shared one has no room.
    more.expect_stderr("Session open refused by peer");
    master.finish(PATIENCE).expect_code(0);
    let none = tsshd(&["MaxSessions 0"]);
    remote(&none, &[], "true").expect_code(255);
}

#[test]
fn a_client_that_does_not_answer_is_given_up() {
    if unavailable("limits::a_client_that_does_not_answer_is_given_up") {
        return;
    }
    let server = tsshd(&["ClientAliveInterval 1", "ClientAliveCountMax 1"]);
    let mut client = Process::spawn(&mut client_command(&ssh(), &server, &[], &["echo in; cat"]));
    assert!(client.stdout.wait_for("in\n", PATIENCE), "{}", client.output());
    client.signal(Signal::STOP);
    server.expect_log("Timeout, client not responding from user ");
    client.signal(Signal::CONT);
    assert_eq!(client.finish(PATIENCE).code, 255);
    // One that answers stays.
    let done = remote(&server, &[], "sleep 3; echo still here");
    assert_eq!(done.expect_code(0).text(), "still here\n");
}

#[test]
fn a_server_that_is_told_to_end_says_goodbye() {
    if unavailable("limits::a_server_that_is_told_to_end_says_goodbye") {
        return;
    }
    let server = tsshd(&[]);
    let mut client = Process::spawn(&mut client_command(&ssh(), &server, &[], &["echo in; cat"]));
    assert!(client.stdout.wait_for("in\n", PATIENCE), "{}", client.output());
    server.process().signal(Signal::TERM);
    server.expect_log("Received signal 15; terminating.");
    let done = client.finish(PATIENCE);
    done.expect_code(255).expect_stderr("server is terminating");
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).is_err());
    run(&mut client_command(&ssh(), &server, &[], &["true"])).expect_code(255);
}

/// What ssh says that tsshd gave it for a session.
#[test]
fn windows_of_a_chosen_size_are_what_the_client_is_told() {
    if unavailable("limits::windows_of_a_chosen_size_are_what_the_client_is_told") {
        return;
    }
    for (lines, bytes) in [
        (&[][..], 2 << 20),
        (&["ChannelWindow 128K"], 128 << 10),
        (&["ChannelWindow 40M", "ChannelMemory 64M"], 40 << 20),
    ] {
        let server = tsshd(lines);
        let mut command = client_command(&ssh(), &server, &["-vv"], &["wc -c"]);
        let mut child = Process::spawn(&mut command);
        child.send(&[0; 5_000_000]);
        child.close_stdin();
        let done = child.finish(PATIENCE);
        assert_eq!(done.expect_code(0).text().trim(), "5000000", "{lines:?}");
        done.expect_stderr(&format!("open confirm rwindow {bytes} rmax"));
    }
}
