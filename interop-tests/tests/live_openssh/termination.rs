//! How a run ends from outside, and when connections outlive their session.

use crate::support::{Forward, connect, lacks_openssh};
use rustix::process::Signal;
use std::io::Read;
use std::process::Command;
use tssh_interop_tests::openssh::{Server, free_port};
use tssh_interop_tests::process::{PATIENCE, Process};
use tssh_interop_tests::tssh::{client_command, tssh_binary};

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
