//! An ssh-agent of the test's own.

use super::program_path;
use crate::process::{PATIENCE, Process, run};
use crate::scratch::Scratch;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running ssh-agent with its own socket, ended when dropped.
pub struct Agent {
    _process: Process,
    socket: PathBuf,
    _folder: Scratch,
}

impl Agent {
    /// Starts an agent without keys.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start() -> Self {
        let folder = Scratch::new();
        let socket = folder.join("agent");
        let mut command = Command::new(program_path("ssh-agent"));
        let process = Process::spawn(command.arg("-D").arg("-a").arg(&socket));
        // It prints the name of its socket once the socket listens.
        let up = process.stdout.wait_for("SSH_AUTH_SOCK", PATIENCE);
        assert!(up, "no agent: {}", process.output());
        Self { _process: process, socket, _folder: folder }
    }

    /// What SSH_AUTH_SOCK must name.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Gives the agent a private key without passphrase.
    ///
    /// # Panics
    /// When ssh-add fails.
    pub fn add(&self, key: &Path) {
        self.add_with(key, &[]);
    }

    /// The same with further arguments for ssh-add, such as the destinations of `-h`.
    ///
    /// # Panics
    /// When ssh-add fails.
    pub fn add_with(&self, key: &Path, arguments: &[&OsStr]) {
        let mut command = Command::new(program_path("ssh-add"));
        command.arg("-q").args(arguments).arg(key).env("SSH_AUTH_SOCK", &self.socket);
        run(&mut command).expect_code(0);
    }
}
