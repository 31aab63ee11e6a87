//! What the tests of this folder share.

use std::process::Command;
use tssh_interop_tests::hostile::fight::user_key;
use tssh_interop_tests::measure::tree_cpu_seconds;
use tssh_interop_tests::openssh::{self, Server, ServerOptions};
use tssh_interop_tests::scratch::Scratch;
use tssh_interop_tests::skip::skip;
use tssh_interop_tests::tssh::{is_server_stand_in, is_stand_in, tssh_binary};

/// Whether `test` cannot run; says so when it cannot. Stand-ins are not asked for this much.
pub fn unavailable(test: &str) -> bool {
    if is_stand_in() || is_server_stand_in() {
        return true;
    }
    let Some(reason) = openssh::missing() else { return false };
    skip(test, &reason);
    true
}

/// tssh on its way to a server that listens on a port of this machine, with what is needed to try
/// every method of logging in.
pub fn client(port: u16, folder: &Scratch, options: &[&str], command: &[&str]) -> Command {
    let mut line = Command::new(tssh_binary());
    // The first value of an option wins.
    line.args(options).args(["-l", "anybody", "-p", &port.to_string()]);
    line.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
    line.args(["-o", "GlobalKnownHostsFile=/dev/null"]);
    if !options.contains(&"-F") {
        line.args(["-F", "none"]);
    }
    line.arg("127.0.0.1").args(command);
    line.env("HOME", folder.path()).env("LC_ALL", "C.UTF-8").env_remove("SSH_AUTH_SOCK");
    line.env_remove("SSH_ASKPASS").env_remove("DISPLAY");
    line
}

/// tsshd, which lets the hostile peer in.
pub fn tsshd(lines: &[&str]) -> Server {
    let server = Server::start_tsshd(&ServerOptions::with_lines(lines));
    server.authorize(&user_key().public().to_line());
    server
}

/// A number of the status of a process, in KiB.
pub fn status_kib(pid: u32, field: &str) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a live process");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("the field");
    line.split_ascii_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
}

/// CPU time that a process and what it has started have taken, in milliseconds; what has ended
/// counts, but only to the tick of a clock.
pub fn cpu_ms(pid: u32) -> u64 {
    (tree_cpu_seconds(pid) * 1000.0) as u64
}
