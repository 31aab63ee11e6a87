//! Twisted Conch (Debian: python3-twisted) as a peer: an implementation from before strict key
//! exchange, and without EXT_INFO.

use super::key_file;
use crate::openssh::{KeyKind, free_port, public_path};
use crate::process::{PATIENCE, Process};
use std::path::Path;
use std::process::Command;

/// The user that its server lets in.
pub const USER: &str = "somebody";

const SERVER: &str = include_str!("conch_server.py");
const CLIENT: &str = include_str!("conch_client.py");

/// The interpreter that Debian's package is for.
const PYTHON: &str = "/usr/bin/python3";

/// Whether it is installed.
#[must_use]
pub fn installed() -> bool {
    let mut command = Command::new(PYTHON);
    let found = command.args(["-W", "ignore", "-c", "import twisted.conch.ssh.transport"]).output();
    found.is_ok_and(|output| output.status.success())
}

fn python(script: &str, arguments: &[&Path], port: u16) -> Process {
    let mut command = Command::new(PYTHON);
    command.args(["-W", "ignore", "-c", script]).arg(port.to_string()).args(arguments);
    Process::spawn(&mut command)
}

/// A running server.
pub struct Server {
    port: u16,
    _process: Process,
}

impl Server {
    /// Starts a server that lets the test's user key in and runs every command in a shell.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let port = free_port();
        let host = key_file("host", KeyKind::Ed25519);
        let user = public_path(&key_file("user", KeyKind::Ed25519));
        let process = python(SERVER, &[&host, &user], port);
        let up = process.stdout.wait_for("listening", PATIENCE);
        assert!(up, "no Conch server: {}", process.output());
        Self { port, _process: process }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// Starts a client that logs in with the test's user key and runs `command`.
#[must_use]
pub fn client(port: u16, command: &str) -> Process {
    let key = key_file("user", KeyKind::Ed25519);
    python(CLIENT, &[&key, Path::new(USER), Path::new(command)], port)
}
