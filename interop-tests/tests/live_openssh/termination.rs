//! How a run ends from outside, and when connections outlive their session.

use crate::support::{Forward, connect, lacks_openssh, pull, send_pattern};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use tssh_interop_tests::openssh::{Server, free_port};
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::toys::{Service, Toy};
use tssh_interop_tests::tssh::{client_command, is_stand_in, tssh_binary};

#[test]
fn a_signal_before_login_ends_the_program_by_it() {
    if lacks_openssh("termination::a_signal_before_login_ends_the_program_by_it") {
        return;
    }
    let proxy = "ProxyCommand=sh -c 'echo here >&2; cat >/dev/null'";
    for (number, name) in [(15, Signal::TERM), (2, Signal::INT), (1, Signal::HUP)] {
        let mut command = Command::new(tssh_binary());
        command.args(["-F", "none", "-o", proxy, "h"]);
        let mut process = Process::spawn(command.env("SHELL", "/bin/sh"));
        assert!(process.stderr.wait_for("here", PATIENCE), "{}", process.output());
        process.signal(name);
        process.finish(PATIENCE).expect_code(128 + number);
    }
}

#[test]
fn a_signal_after_login_is_told_by_the_status() {
    if lacks_openssh("termination::a_signal_after_login_is_told_by_the_status") {
        return;
    }
    let server = Server::with_lines(&[]);
    let forward = Forward::start(&server, &["-v"], server.port());
    forward.process.signal(Signal::TERM);
    let mut process = forward.process;
    process.finish(PATIENCE).expect_code(255).expect_stderr("Killed by signal 15.");
    // Without a command that is how forwards are ended on purpose.
    for (name, code) in [(Signal::TERM, 0), (Signal::HUP, 255)] {
        let port = free_port();
        let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", server.port());
        let options = ["-N", "-v", "-L", &spec];
        let mut process =
            Process::spawn(&mut client_command(&tssh_binary(), &server, &options, &[]));
        assert!(process.stderr.wait_for("Entering interactive session.", PATIENCE));
        // What comes through the tunnel shows that the client is past its start.
        connect(port).read_exact(&mut [0; 4]).expect("a greeting");
        process.signal(name);
        process.finish(PATIENCE).expect_code(code);
    }
}

/// A client whose command has ended with status 7 while one forwarded connection is open.
fn waiting(server: &Server, options: &[&str]) -> (Process, TcpStream, Service) {
    let echo = Service::start(Toy::Echo);
    let port = free_port();
    let spec = format!("127.0.0.1:{port}:127.0.0.1:{}", echo.port());
    let mut all = vec!["-L", spec.as_str()];
    all.extend(options);
    let remote = "echo ready; cat; echo over; exit 7";
    let mut command = client_command(&tssh_binary(), server, &all, &[remote]);
    let mut process = Process::spawn(&mut command);
    assert!(process.stdout.wait_for("ready", PATIENCE), "{}", process.output());
    let mut stream = connect(port);
    echoes(&mut stream);
    process.close_stdin();
    assert!(process.stdout.wait_for("over", PATIENCE), "{}", process.output());
    (process, stream, echo)
}

fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"still here").expect("write through the forward");
    let mut back = [0; 10];
    stream.read_exact(&mut back).expect("read through the forward");
    assert_eq!(&back, b"still here");
}

/// M12: where ssh is silent, tssh says what it waits for. S48: the status is the command's, and
/// what is on its way arrives.
#[test]
fn connections_outlive_their_session() {
    if lacks_openssh("termination::connections_outlive_their_session") {
        return;
    }
    let server = Server::with_lines(&[]);
    let (mut process, mut stream, _echo) = waiting(&server, &[]);
    if !is_stand_in() {
        let waits = "Waiting for forwarded connections to terminate...\r\n\
                     The following connections are open:\r\n  \
                     #1 direct-tcpip: listening port ";
        assert!(process.stderr.wait_for(waits, PATIENCE), "{}", process.output());
    }
    send_pattern(&mut stream, 1, 100_000);
    stream.shutdown(Shutdown::Write).expect("end our direction");
    pull(stream, 1, 100_000);
    process.finish(PATIENCE).expect_code(7);
}

/// S48: a second interrupt leaves at once, with the command's status.
#[test]
fn a_second_interrupt_does_not_wait() {
    const NAME: &str = "termination::a_second_interrupt_does_not_wait";
    if lacks_openssh(NAME) {
        return;
    }
    if is_stand_in() {
        return skip(NAME, "ssh ends with the first interrupt");
    }
    let server = Server::with_lines(&[]);
    let (mut process, mut stream, _echo) = waiting(&server, &[]);
    assert!(process.stderr.wait_for("Waiting for forwarded", PATIENCE));
    process.signal(Signal::INT);
    assert!(process.stderr.wait_for("a second interrupt leaves at once", PATIENCE));
    echoes(&mut stream);
    process.signal(Signal::INT);
    process.finish(PATIENCE).expect_code(7);
}

/// S48: `--no-wait` leaves with the session.
#[test]
fn who_does_not_want_to_wait_does_not() {
    const NAME: &str = "termination::who_does_not_want_to_wait_does_not";
    if lacks_openssh(NAME) {
        return;
    }
    if is_stand_in() {
        return skip(NAME, "ssh has no such option");
    }
    let server = Server::with_lines(&[]);
    let (mut process, mut stream, _echo) = waiting(&server, &["--no-wait"]);
    process.finish(PATIENCE).expect_code(7);
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
}
