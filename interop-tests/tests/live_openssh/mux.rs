//! Connection sharing: tssh and ssh as master and client of each other.

mod forwards;
mod hostile;
mod lifetime;
mod proxy;
mod sessions;

use crate::support::lacks_openssh;
use std::path::{Path, PathBuf};
use std::process::Command;
use tssh_interop_tests::openssh::{Server, program_path};
use tssh_interop_tests::process::{Finished, PATIENCE, Process, run};
use tssh_interop_tests::tssh::{client_command, tssh_binary};

/// Every master with every client, but for ssh with itself.
fn pairs() -> [(PathBuf, PathBuf); 3] {
    let (ours, ssh) = (tssh_binary(), program_path("ssh"));
    [(ours.clone(), ssh.clone()), (ssh, ours.clone()), (ours.clone(), ours)]
}

/// A server, a master that is logged in to it, and the client that uses its connection.
struct Shared {
    server: Server,
    socket: PathBuf,
    client: PathBuf,
    master: Process,
}

impl Shared {
    /// A master with a session of its own, which ends with its standard input.
    #[track_caller]
    fn start(master: &Path, client: &Path, options: &[&str]) -> Self {
        let server = Server::with_lines(&["AcceptEnv TSSH_*"]);
        let socket = server.folder().join("c");
        let socket_option = format!("-S{}", socket.display());
        let options = [&["-M", &socket_option], options].concat();
        let command = ["echo ready; cat; echo over"];
        let master = Process::spawn(&mut client_command(master, &server, &options, &command));
        let ready = master.stdout.wait_for("ready", PATIENCE);
        assert!(ready, "no login: {}\nserver: {}", master.output(), server.log());
        Self { server, socket, client: client.to_path_buf(), master }
    }

    /// A command line of the client.
    fn command(&self, options: &[&str], command: &[&str]) -> Command {
        let socket = format!("-S{}", self.socket.display());
        let options = [&[socket.as_str()], options].concat();
        client_command(&self.client, &self.server, &options, command)
    }

    /// Runs it, with an empty standard input.
    fn run(&self, options: &[&str], command: &[&str]) -> Finished {
        run(&mut self.command(options, command))
    }

    /// `-O`, with what else there is to be said.
    fn ask(&self, what: &str, options: &[&str]) -> Finished {
        let what = format!("-O{what}");
        self.run(&[&[what.as_str()], options].concat(), &[])
    }

    /// Whether the client is OpenSSH's.
    fn client_is_ssh(&self) -> bool {
        self.client == program_path("ssh")
    }

    /// Ends the master's own session, and so the master.
    #[track_caller]
    fn finish(mut self) {
        self.master.finish(PATIENCE).expect_code(0);
        assert!(!self.socket.exists(), "the socket is left");
    }
}
