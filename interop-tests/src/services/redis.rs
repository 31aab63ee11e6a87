//! Redis: many short questions and answers, on TCP and on a Unix socket.

use super::await_port;
use crate::openssh::program_path;
use crate::ports::free_port;
use crate::process::Process;
use crate::scratch::Scratch;
use std::path::PathBuf;
use std::process::Command;

/// A running database that writes nothing to disk.
pub struct Redis {
    _process: Process,
    port: u16,
    folder: Scratch,
}

impl Redis {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let (folder, port) = (Scratch::new(), free_port());
        let mut command = Command::new(program_path("redis-server"));
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.args(["--appendonly", "no", "--daemonize", "no"]);
        command.arg("--unixsocket").arg(folder.join("socket")).arg("--dir").arg(folder.path());
        let mut process = Process::spawn(&mut command);
        await_port(&mut process, port);
        Self { _process: process, port, folder }
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path of its Unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }
}
