//! aiosmtpd: SMTP, where the server speaks first, with every message shown on its output.

use super::await_port;
use crate::openssh::program_path;
use crate::ports::free_port;
use crate::process::{PATIENCE, Process};
use std::process::Command;

/// A running mail server that takes any message.
pub struct Smtp {
    process: Process,
    port: u16,
}

impl Smtp {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let port = free_port();
        let mut command = Command::new(program_path("aiosmtpd"));
        command.args(["-n", "-l", &format!("127.0.0.1:{port}")]);
        command.args(["-c", "aiosmtpd.handlers.Debugging", "stdout"]);
        // What it shows must not wait in a buffer.
        let mut process = Process::spawn(command.env("PYTHONUNBUFFERED", "1"));
        await_port(&mut process, port);
        Self { process, port }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until a message with this line has arrived. `X-Peer:` is where it came from.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn expect(&self, line: &str) {
        let seen = self.process.stdout.wait_for(line, PATIENCE);
        assert!(seen, "no {line:?}: {}", self.process.output());
    }
}
